"""The benchmarks of the published table: their rows, and their tasks and groups through the real host."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from checkout import copy_checkout
from recipes_page import counterparts

from lmms_eval_tasks import catalogue, rows, stock
from videokr.errors import RecordError, UserError
from videokr.evaluation.benchmarks import MEANS, TITLES
from videokr.evaluation.card import read_card
from videokr.evaluation.run import read_run
from videokr.example import Example
from videokr.response import Kind

SHIPPED = Path(stock.__file__).parent
VIDEOS = Path("videos").absolute()
COLOURS = ("red", "blue", "green", "grey")
INLINE = "Which colour?\n(A) red\n(B) blue\n(C) green\n(D) grey"


@dataclass(frozen=True)
class Stock:
    """A stock task's dataset, with one of its rows and what is to be read out of it.

    Attributes:
        task: below lmms-eval's folder of tasks; empty where it has none.
        video: of the row, below HF_HOME.
        question: the first line of the row's, where nothing is said.
    """

    task: str
    hub: str
    config: str | None
    split: str
    read_row: Callable[[stock.Row], dict[str, Any]]
    row: dict[str, Any]
    video: str
    id: str
    groups: dict[str, str]
    options: tuple[str, ...] = COLOURS
    answer: str = "B"
    kind: Kind = Kind.MULTIPLE_CHOICE
    question: str | None = None

    @property
    def folder(self) -> str:
        """The part of `video` that is `process_docs`'s."""
        path = self.read_row({stock.CONFIG: self.config, **self.row})["video_path"]
        assert self.video.endswith(f"/{path}")
        return self.video.removesuffix(f"/{path}")


def of_videommmu(track: str) -> Stock:
    row = {"id": "dev_Art_Theory_3", "question": "Which colour? <image 1>", "options": list(COLOURS), "answer": "B"}
    return Stock(
        f"videommmu/{track}.yaml",
        "lmms-eval/VideoMMMU",
        track.capitalize(),
        "test",
        rows.read_videommmu,
        row | {"link_selected": "x", "question_type": "multiple-choice", "qa_type": "x"},
        "video_mmmu/Art/dev_Art_Theory_3.mp4",
        f"dev_Art_Theory_3_{track}",
        {"subject": "Art_Theory", "discipline": "Art and Design", "task_type": track},
    )


def of_videotemp(read_row: Callable[[stock.Row], dict[str, Any]], **asked: Any) -> Stock:
    row = {
        "videos": ["eval/videotemp/data/long/abc.mp4"], "question": "Which colour?\nA. red\nB. blue\nC. green\nD. grey",
        "answer": "B", "duration": 1200, "timestamp": [20, 32.5],
    }  # fmt: skip
    groups = {"duration_bucket": ">20 min"}
    video = "videotemp_bench/long/abc.mp4"
    return Stock("", "Kwai-Keye/VideoTemp-Bench", None, "test", read_row, row, video, "abc", groups, **asked)


def of_mvbench(subtask: str) -> Stock:
    return Stock(
        f"mvbench/mvbench_{subtask}.yaml",
        "OpenGVLab/MVBench",
        subtask,
        "train",
        rows.read_mvbench,
        {"video": "9.mp4", "question": "Which letter?", "candidates": ["E", "A", "B"], "answer": "A"},
        f"mvbench_video/{rows.MVBENCH_FOLDERS[subtask]}/9.mp4",
        f"{subtask}_9",
        {"task_type": subtask},
        options=("E", "A", "B"),  # the second is called A
    )


STOCK = {
    "videokr_videomme": Stock(
        "videomme/videomme.yaml",
        "lmms-eval/Video-MME",
        None,
        "test",
        rows.read_videomme,
        {
            "video_id": "001", "duration": "short", "domain": "Knowledge", "sub_category": "Astronomy", "url": "x",
            "videoID": "abc", "question_id": "001-1", "task_type": "Counting", "question": "Which colour?",
            "options": ["A. red", "B. blue", "C. green", "D. grey"], "answer": "B",
        },
        "videomme/data/abc.mp4",
        "001-1",
        {"subject": "Astronomy", "discipline": "Knowledge", "duration_bucket": "short", "task_type": "Counting"},
    ),
    "videokr_longvideobench": Stock(
        "longvideobench/longvideobench_val_v.yaml",
        "longvideobench/LongVideoBench",
        None,
        "validation",
        rows.read_longvideobench,
        {
            "id": "xyz_0", "video_path": "xyz.mp4", "question": "Which colour?", "question_category": "S2E",
            "duration_group": 60, "correct_choice": 1, "subtitle_path": "xyz.json", "option4": "N/A",
            "duration": 2.0, "starting_timestamp_for_subtitles": 0.0,
        } | {f"option{number}": colour for number, colour in enumerate(COLOURS)},
        "datasets/longvideobench/videos/xyz.mp4",
        "xyz_0",
        {"duration_bucket": "60", "task_type": "S2E"},
    ),
    "videokr_mmvu": Stock(
        "mmvu/mmvu_val.yaml",
        "lmms-eval/MMVU",
        None,
        "validation",
        rows.read_mmvu,
        {
            "id": "validation_7", "video_path": "videos/Modern_Physics/7.mp4", "question": "Which colour?",
            "question_type": "multiple-choice", "choices": dict(zip("ABCDE", (*COLOURS, "pink"), strict=True)),
            "answer": "B",
        },
        "mmvu/videos/Modern_Physics/7.mp4",
        "validation_7",
        {"subject": "Modern_Physics", "discipline": "Science"},
        options=(*COLOURS, "pink"),
    ),
    "videokr_scivideobench": Stock(
        "scivideobench/scivideobench.yaml",
        "groundmore/scivideobench",
        None,
        "test",
        rows.read_scivideobench,
        {
            "video_id": "58827", "question": "What is done between 02:22 and 02:33?", "category": "Chemistry",
            "options": {letter: f"step {letter}" for letter in "ABCDEFGHIJ"}, "answer": "B", "video_duration": 600.0,
            "question_type": "Conceptual Reasoning",
        },
        "scivideobench/jove_58827.mp4",
        "jove_58827",
        {"discipline": "Chemistry", "task_type": "Conceptual Reasoning"},
        options=tuple(f"step {letter}" for letter in "ABCDEFGHIJ"),
    ),
    "videokr_mlvu": Stock(
        "mlvu/mlvu_dev.yaml",
        "sy1998/MLVU_dev",
        None,
        "test",
        rows.read_mlvu,
        {"video_name": "ego_3.mp4", "question": INLINE, "answer": "B", "task_type": "ego"},
        "mlvu/ego_3.mp4",
        "ego_3",
        {"task_type": "ego"},
    ),
    "videokr_lvbench": Stock(
        "lvbench/lvbench.yaml",
        "lmms-eval/LVBench",
        None,
        "train",
        rows.read_lvbench,
        {
            "video_path": "long.mp4", "question": INLINE, "answer": "B", "type": "sport", "uid": "12",
            "question_type": ["reasoning", "entity recognition"],
        },
        "lvbench/long.mp4",
        "long",
        {"subject": "sport", "task_type": "entity recognition, reasoning"},
    ),
    "videokr_videomme_v2": Stock(
        "videomme_v2/videomme_v2.yaml",
        "MME-Benchmarks/Video-MME-v2",
        None,
        "test",
        rows.read_videomme_v2,
        {
            "video_id": "001", "url": "x", "group_type": "logic", "group_structure": "[1, [2, 3], 4]",
            "question_id": "001-1", "question": "Which colour?", "options": "A. red\nB. blue\nC. green\nD. grey",
            "answer": "B", "level": 2, "second_head": "Order", "third_head": "x",
        },
        "videomme_v2/001.mp4",
        "001-1",
        {"subject": "Order", "discipline": "level 2", "task_type": "logic [1,[2,3],4]"},
    ),
    "videokr_videoholmes": Stock(
        "video_holmes/video_holmes.yaml",
        "TencentARC/Video-Holmes",
        None,
        "test",
        rows.read_videoholmes,
        {
            "video ID": "abc", "Question ID": 3, "Question Type": "SR", "Question": "Which colour?", "Answer": "B",
            "Options": dict(zip("ABCDEF", (*COLOURS, "pink", "black"), strict=True)), "Explanation": "It is.",
        },
        "video_holmes/videos_cropped/abc.mp4",
        "abc_3",
        {"task_type": "SR"},
        options=(*COLOURS, "pink", "black"),
    ),
    "videokr_videotemp": of_videotemp(rows.read_choice_row),
    "videokr_videotemp_grounding": of_videotemp(
        rows.read_grounding_row,
        options=(),
        answer="20-32.5",
        kind=Kind.GROUNDING,
        question="When does the video show the answer to this question?\nQuestion: Which colour?\nAnswer: blue",
    ),
    **{f"videokr_videommmu_{track}": of_videommmu(track) for track in ("perception", "comprehension", "adaptation")},
    **{f"videokr_mvbench_{subtask}": of_mvbench(subtask) for subtask in rows.MVBENCH_FOLDERS},
}  # fmt: skip
OPEN = {
    "videokr_mmvu": {"question_type": "open-ended", "choices": dict.fromkeys("ABCDE", ""), "answer": "a prism"},
    "videokr_videommmu_adaptation": {"question_type": "open", "options": [], "answer": "12.97"},
}
# What the second to fourth rows of a dataset have of their own: the questions of one group.
FURTHER = {"videokr_videomme_v2": [{"question_id": f"001-{number}"} for number in (2, 3, 4)]}
# Benchmarks that are asked with subtitles, too.
SUBTITLED = {
    "videokr_videomme_subtitles": "videokr_videomme",
    "videokr_longvideobench_subtitles": "videokr_longvideobench",
}
ONE_OF_EACH = [name for name in STOCK if not name.startswith("videokr_mvbench") or name.endswith("state_change")]


def read(name: str, *asked: dict[str, Any], root: Path = VIDEOS) -> list[Example]:
    given = STOCK[name]
    of_config = [{stock.CONFIG: given.config, **row} for row in asked]
    return stock.read_rows(of_config, list(asked[0]), given.hub, given.read_row, root)


@pytest.mark.parametrize("name", STOCK)
def test_a_row_is_an_example(name, tmp_path):
    given = STOCK[name]
    first, second = read(name, given.row, given.row, root=tmp_path / given.folder)
    assert (first.id, second.id) == (given.id, f"{given.id}-2")
    assert first.question == (given.question or (given.row.get("question") or given.row["Question"]).split("\n")[0])
    assert (first.options, first.answer, first.kind) == (given.options, given.answer, given.kind)
    assert first.videos == (str(tmp_path / given.video),)  # there or not
    assert first.groups == given.groups


@pytest.mark.parametrize("name", OPEN)
def test_an_open_question_has_no_options(name):
    (example,) = read(name, STOCK[name].row | OPEN[name])
    assert (example.kind, example.options, example.answer) == (Kind.OPEN_ENDED, (), OPEN[name]["answer"])


@pytest.mark.parametrize(
    ("name", "changes", "answer", "options"),
    [
        # As they are published: options that look like labels, or are named twice, or carry their letters.
        ("videokr_videommmu_adaptation", {"options": ["C", "A", "B"], "answer": "A"}, "A", ("C", "A", "B")),
        ("videokr_videommmu_adaptation", {"options": ["B. x", "A. y"], "answer": "A"}, "A", ("B. x", "A. y")),
        ("videokr_videommmu_perception", {"options": ["A. x", "B. y"], "answer": "B"}, "B", ("x", "y")),
        ("videokr_videommmu_adaptation", {"question_type": "None", "answer": "C"}, "C", COLOURS),
        ("videokr_mvbench_action_count", {"candidates": ["3", "2", "3"], "answer": "3"}, "A", ("3", "2", "3")),
        ("videokr_longvideobench", {"option3": "N/A", "correct_choice": 2}, "C", COLOURS[:3]),
        ("videokr_scivideobench", {"options": ["x", "y"], "answer": " B "}, "B", ("x", "y")),
        ("videokr_scivideobench", {"options": {"A": "x", "B": "y", "C": None}}, "B", ("x", "y")),
        ("videokr_mmvu", {"choices": {"A": "x", "B": "y", "C": ""}}, "B", ("x", "y")),
        ("videokr_mlvu", {"question": "Q\n\n(A) x\n(B)y\nand z\n"}, "B", ("x", "y\nand z")),
        ("videokr_lvbench", {"question": "Q", "options": ["x", "y"]}, "B", ("x", "y")),
        ("videokr_videoholmes", {"Options": {"B": "y", "A": "x", "C": None}}, "B", ("x", "y")),
    ],
)
def test_options_keep_their_order(name, changes, answer, options):
    (example,) = read(name, STOCK[name].row | changes)
    assert (example.answer, example.options) == (answer, options)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("videokr_mvbench_action_count", {"answer": "4"}, "field 'answer': is none of the candidates: '4'"),
        ("videokr_longvideobench", {"correct_choice": -1}, "field 'solution': missing"),
        ("videokr_longvideobench", {"correct_choice": 4}, "field 'answer': names no single option"),
        ("videokr_longvideobench", {"option1": "N/A"}, "field 'options': option letters are not A, B, C"),
        ("videokr_longvideobench", {"video_path": "../../other.mp4"}, "field 'video_path': lies outside"),
        ("videokr_mmvu", {"video_path": "/videos/other.mp4"}, "field 'video_path': lies outside"),
        ("videokr_mmvu", {"question_type": "riddle"}, "field 'question_type': unknown kind of question"),
        ("videokr_mmvu", {"choices": None}, "field 'options': a multiple-choice question needs two"),
        ("videokr_videommmu_perception", {"id": "dev_Alchemy_1"}, "field 'id': names no subject of the benchmark"),
        ("videokr_mlvu", {"question": "Which colour?"}, "field 'options': a multiple-choice question needs two"),
        ("videokr_videomme", {"answer": None}, "field 'solution': missing"),
        ("videokr_videomme_v2", {"group_structure": "[4, 3]"}, "field 'group_structure': is none of .*: logic .4,3."),
    ],
)
def test_a_row_that_cannot_be_read_is_named(name, changes, message):
    given = STOCK[name]
    with pytest.raises(RecordError, match=message) as caught:
        read(name, given.row, given.row | changes)
    assert str(caught.value).startswith(f"{given.hub}, line 2: ")


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_missing_column_is_named(name):
    columns = dict(STOCK[name].row)
    del columns[next(name for name in ("answer", "Answer", "correct_choice") if name in columns)]
    with pytest.raises(
        UserError, match=r"dataset '.*' has no column '([aA]nswer|correct_choice)'; it has: .*[qQ]uestion"
    ) as e:
        read(name, columns)
    assert STOCK[name].hub in str(e.value) and "\n" not in str(e.value)


def test_an_empty_dataset_is_refused():
    with pytest.raises(UserError, match="holds no rows"):
        stock.read_rows([], ["question"], "hub/name", rows.read_videomme, Path("videos").absolute())


def members(group: str) -> list[str]:
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load(shipped_yaml(group).read_text(encoding="utf-8"))
    assert config.keys() == {"group", "task"} and config["group"] == group
    return list(config["task"])


def test_the_groups_are_the_published_means():
    assert {f"videokr_{mean.lower()}": tuple(members(f"videokr_{mean.lower()}")) for mean in MEANS} == {
        f"videokr_{mean.lower()}": tasks for mean, tasks in MEANS.items()
    }
    means = [f"videokr_{mean.lower()}" for mean in MEANS]
    assert members("videokr_all") == [*means, "videokr_mlvu", "videokr_lvbench"]
    for name in ("videokr_mvbench", "videokr_videommmu"):
        found = shipped_yaml(name).parent.glob(f"{name}_*.yaml")
        assert sorted(members(name)) == sorted(path.stem for path in found)


@pytest.mark.parametrize("name", sorted(TITLES))
def test_every_benchmark_says_where_it_is_from(name):
    _, *sections = (SHIPPED / "README.md").read_text(encoding="utf-8").split("\n## ")
    (section,) = [section for section in sections if section.startswith(f"{name}\n")]
    assert "(arXiv " in section and "Data: `" in section


def shipped_yaml(name: str) -> Path:
    (path,) = SHIPPED.rglob(f"{name}.yaml")
    return path


@pytest.mark.eval
@pytest.mark.parametrize("name", [name for name in STOCK if STOCK[name].task])
def test_canary_the_stock_task_reads_the_same_dataset_and_videos(name, tmp_path, monkeypatch):
    lmms_eval = pytest.importorskip("lmms_eval")
    from datasets import Dataset, DatasetInfo
    from lmms_eval.utils import load_yaml_config

    monkeypatch.setenv("HF_HOME", str(tmp_path))
    given = STOCK[name]
    theirs = load_yaml_config(str(Path(lmms_eval.__file__).parent / "tasks" / given.task))
    ours = load_yaml_config(str(shipped_yaml(name)))
    for key in ("dataset_path", "dataset_name", "dataset_kwargs", "test_split"):
        assert ours.get(key) == theirs.get(key), key
    assert (ours["dataset_path"], ours.get("dataset_name"), ours["test_split"]) == (
        given.hub,
        given.config,
        given.split,
    )

    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path / "video_holmes"))
    place = tmp_path / given.video
    place.parent.mkdir(parents=True)
    asked = (theirs["lmms_eval_specific_kwargs"]["default"],) if "mvbench" in name else ()
    endings = (".mkv", ".MP4", ".mp4") if name in ("videokr_videomme", "videokr_scivideobench") else (".mp4",)
    dataset = Dataset.from_list([given.row], info=DatasetInfo(config_name=given.config))
    for ending in endings:
        place.with_suffix(ending).touch()
        (read,) = ours["process_docs"](dataset)
        assert read["videos"] == [str(place.with_suffix(ending))]
        assert list(map(os.path.normpath, theirs["doc_to_visual"](given.row, *asked))) == read["videos"]
    question = "question" if "question" in given.row else "Question"
    with pytest.raises(UserError, match=f"dataset '{given.hub}' has no column '{question}'"):
        ours["process_docs"](dataset.remove_columns(question))


@pytest.mark.eval
def test_canary_the_tables_are_the_stock_tasks(tmp_path, monkeypatch):
    lmms_eval = pytest.importorskip("lmms_eval")
    from lmms_eval.utils import load_yaml_config

    monkeypatch.setenv("HF_HOME", str(tmp_path))
    tasks = Path(lmms_eval.__file__).parent / "tasks"
    group = load_yaml_config(str(tasks / "mvbench/mvbench.yaml"))
    assert sorted(members("videokr_mvbench")) == sorted(f"videokr_{subtask}" for subtask in group["task"])
    known = load_yaml_config(str(tasks / "mvbench/mvbench_action_count.yaml"))["doc_to_visual"].__globals__
    assert known["DATA_LIST"] == rows.MVBENCH_FOLDERS
    known = load_yaml_config(str(tasks / "videommmu/perception.yaml"))["doc_to_visual"].__globals__
    assert {name: sorted(one) for name, one in known["DOMAIN_CAT2SUB_CAT"].items()} == {
        name: sorted(subjects) for name, (_, subjects) in rows.VIDEOMMMU_SUBJECTS.items()
    }
    for subject, (_, folder) in rows.VIDEOMMMU_PLACES.items():
        assert known["get_cache_dir"](subject) == folder


@pytest.mark.eval
def test_an_image_column_is_not_decoded():
    pytest.importorskip("lmms_eval")
    from datasets import Dataset, DatasetInfo, Image

    row = of_videommmu("adaptation").row | {"image": {"bytes": b"no image", "path": None}}
    given = Dataset.from_list([row], info=DatasetInfo(config_name="Adaptation"))
    (read,) = rows.videommmu(given.cast_column("image", Image()))
    assert read["answer"] == "B"


def write_datasets(root: Path, names: list[str]) -> None:
    """Datasets where the hub's are looked for first, below the current folder: four rows each, one of them open."""
    configs: dict[str, dict[str, Stock]] = {}
    for name in names:
        given = STOCK[name]
        path = root / given.hub / f"{given.config or 'default'}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [given.row | own for own in ({}, *FURTHER.get(name, ({}, {}, OPEN.get(name, {}))))]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        for part in ("test", "train") if name == "videokr_videoholmes" else ():  # files that its YAML names
            path.with_name(f"{part}_Video-Holmes.json").write_text(json.dumps(rows), encoding="utf-8")
        if name == "videokr_videotemp":
            path.with_name("data.jsonl").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        configs.setdefault(given.hub, {})[path.stem] = given
    for hub, files in configs.items():
        lines = [
            f"- config_name: {stem}\n  data_files:\n  - split: {given.split}\n    path: {stem}.jsonl\n"
            for stem, given in files.items()
        ]
        (root / hub / "README.md").write_text(f"---\nconfigs:\n{''.join(lines)}---\n", encoding="utf-8")


def write_clip(path: Path) -> Path:
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for shade in range(4):
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.full((32, 32, 3), 60 * shade, np.uint8))):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_subtitles(hf_home: Path) -> None:
    """Of Video-MME's and LongVideoBench's video: `it is blue` is said in its first second."""
    for place, text in (
        ("videomme/subtitle/abc.srt", "1\n00:00:00,100 --> 00:00:01,000\n<font>it is blue</font>\n"),
        ("datasets/longvideobench/subtitles/xyz.json", json.dumps([{"timestamp": [0.1, 1.0], "text": "it is blue"}])),
    ):
        (hf_home / place).parent.mkdir(parents=True)
        (hf_home / place).write_text(text, encoding="utf-8")


def put_video(clip: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(clip.read_bytes())


# Real lmms-eval with a model that says what is written here: a right, a wrong and an unparsed answer, then an open or
# another right one.
HOST = """
import sys, types
from lmms_eval.__main__ import cli_evaluate
from lmms_eval.api.model import lmms
from lmms_eval.models import MODEL_REGISTRY_V2
from lmms_eval.models.registry_v2 import ModelManifest
from lmms_eval_tasks import preflight, results

class Script(lmms):
    is_simple = False

    @classmethod
    def create_from_arg_string(cls, *_, **__):
        return cls()

    def generate_until(self, requests):
        return list(map(self.say, requests))

    def say(self, request):
        _, doc_to_messages, generation, doc_id, task, split = request.arguments
        assert generation["max_new_tokens"] == 8192
        doc = self.task_dict[task][split][doc_id]
        assert [part["type"] for part in doc_to_messages(doc)[0]["content"]] == ["video", "text"]
        letter = doc["answer"] if doc_id != 1 else "A" if doc["answer"] != "A" else "B"
        if letter == "A" and doc["problem_type"] == "grounding":
            letter = "20-25"
        letter += " or so" * (len(letter) > 1)  # an open one that only a judge could take for the gold answer
        return "<think>It is " + letter if doc_id == 2 else f"<think>...</think><answer>{letter}</answer>"

    def generate_until_multi_round(self, requests):
        raise NotImplementedError

    loglikelihood = generate_until_multi_round

sys.modules["scripted"] = types.SimpleNamespace(Script=Script)
MODEL_REGISTRY_V2.register_manifest(ModelManifest(model_id="script", chat_class_path="scripted.Script"))

def evaluate(tasks, include_path, output):
    sys.argv = ["lmms_eval", "--model", "script", "--model_args", "model=script", "--tasks", tasks, "--log_samples",
                "--include_path", include_path, "--output_path", output]
    cli_evaluate()

shipped, model = sys.argv[1:]
open("started", "w").close()
tasks = "videokr_all,videokr_videomme_v2,videokr_videoholmes,videokr_videomme_subtitles"
tasks += ",videokr_longvideobench_subtitles,videokr_videotemp,videokr_videotemp_grounding"
asked = ["--tasks", tasks]
limits = ["--max-model-len", "32768", "--task-dir", "out/tasks"]
assert preflight.main([*asked, *limits, "--model", model]) == 0
evaluate(tasks, "out/tasks", "out")
assert results.main([*asked, "--output-path", "out", "--newer-than", "started"]) == 0
print("STATIC")
evaluate("videokr_knowledge,videokr_mlvu,videokr_videomme_v2,videokr_videomme_subtitles", shipped, "static")
"""


def offline(root: Path) -> dict[str, str]:
    hf_home = root / "hf"
    return {"HF_HOME": str(hf_home), "HF_DATASETS_CACHE": str(hf_home / "datasets"), "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Iterator[tuple[Path, str]]:
    """All benchmarks, with lmms-eval's own datasets in small: from the preflight to the results, then without us."""
    pytest.importorskip("lmms_eval")
    root = tmp_path_factory.mktemp("hub")
    write_datasets(root, list(STOCK))
    own = root / "minuzero" / "VideoKR-Eval"
    own.mkdir(parents=True)
    clip = write_clip(own / "a.mp4")
    for given in STOCK.values():
        put_video(clip, root / "hf" / given.video)
    write_subtitles(root / "hf")
    record = {"question": "Which colour?", "options": list(COLOURS), "answer": "B", "video_path": "a.mp4"}
    records = [record | {"id": f"own-{number}"} for number in range(4)]
    (own / "VideoKR_eval.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    model = root / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "qwen3_vl"}', encoding="utf-8")
    (model / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    judge = ("OPENAI_API_KEY", "AZURE_API_KEY", "API_TYPE", "VIDEOKR_USE_VLM_JUDGE")
    given = offline(root) | {"VIDEOKR_EVAL_ROOT": str(own), "PYTHONPATH": str(SHIPPED.parent)}
    done = subprocess.run(
        [sys.executable, "-c", HOST, str(SHIPPED), str(model)],
        env={name: value for name, value in os.environ.items() if name not in judge} | given,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    yield root, done.stdout


def host_results(folder: Path) -> dict[str, Any]:
    (path,) = folder.rglob("*_results.json")
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return results


@pytest.mark.eval
def test_every_benchmark_is_scored_through_the_host(ran):
    root, _ = ran
    run = read_run(root / "out")
    assert set(run.answers) == {*STOCK, *SUBTITLED, "videokr_eval"} and set(run.by_benchmark()) == set(TITLES)
    results = host_results(root / "out")
    for task, answers in run.answers.items():
        opened = task in OPEN
        verdicts = ["right", "wrong", "unparsed", "unscored" if opened else "right"]
        assert [one.verdict.value for one in answers] == verdicts, task
        accuracy = "videokr_eval_acc,none" if task == "videokr_eval" else "acc,none"
        assert results[task][accuracy] == (1 if opened else 2) / 4
        if task != "videokr_videotemp_grounding":
            assert results[task]["mc_acc,none"] == (1 / 3 if opened else 2 / 4)
        if task != "videokr_eval":
            given = STOCK[SUBTITLED.get(task, task)]
            assert answers[0].example.groups == given.groups
            assert answers[0].video == str(root / "hf" / given.video)
            said = ["This video's subtitles are listed below:", "it is blue"] if task in SUBTITLED else []
            if answers[0].example.kind is not Kind.GROUNDING:
                assert answers[0].example.question.split("\n")[:-1] == said
    # Right, wrong, unparsed, right: 1 counts of [1, [2, 3], 4].
    assert results["videokr_videomme_v2"]["group_score,none"] == pytest.approx(1 / 12)
    # IoUs of 1, of 5 seconds of 12.5, of nothing, and of 1.
    told = results["videokr_videotemp_grounding"]
    scores = {"mean_iou": 0.6, "recall_at_0.3": 0.75, "recall_at_0.5": 0.5, "recall_at_0.7": 0.5, "average": 0.5875}
    assert {name: told[f"{name},none"] for name in scores} == pytest.approx(scores)
    data = read_card(root / "out").data
    assert all(data[task]["sha256"] != data[SUBTITLED[task]]["sha256"] for task in SUBTITLED)
    for answers in run.by_benchmark().values():
        assert len({one.example.id for one in answers}) == len(answers)
    assert run.means()["General"][0] == 0.5 and run.means()["Knowledge"][0] is None  # open answers, and no judge


@pytest.mark.eval
def test_the_results_are_shown_by_benchmark(ran):
    _, output = ran
    shown = output.split("STATIC")[0]
    for title in (*TITLES.values(), "General: 50.0%", "Knowledge: unknown", "Group score: 8.3%, 95% interval"):
        assert title in shown
    for row in (
        "task type: perception",
        "task type: state_change",
        "discipline: Art and Design",
        "duration bucket: 60",
    ):
        assert row in shown


@pytest.mark.eval
def test_the_shipped_tasks_need_nothing_of_ours_before_them(ran):
    root, _ = ran
    written, plain = host_results(root / "out"), host_results(root / "static")
    asked = [task for task in plain if task in STOCK or task in (*SUBTITLED, "videokr_eval")]
    assert len(asked) == 9
    for task in asked:
        scores = {name: score for name, score in plain[task].items() if name.endswith(("acc,none", "score,none"))}
        assert len(scores) >= 2 and scores.items() <= written[task].items()


@pytest.mark.eval
def test_the_commands_beside_videotemp_o3_s_evaluate_with_the_tool(ran):
    """docs/dialogues.md, as it is typed: a question of each benchmark, asked of a tiny model through the launcher."""
    pytest.importorskip("vllm")
    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    root, _ = ran
    build_model(FAMILIES["qwen2_5vl"], [f"{INLINE} <think>x</think> <answer>B</answer>"] * 8, root / "tiny")
    copy_checkout(root)  # the launcher starts where it lies, and the datasets are looked for there
    *_, command = counterparts()
    settings = {
        **offline(root), "PYTHONPATH": str(root), "VIDEOKR_PYTHON": sys.executable, "VIDEOKR_CPU": "1", "LIMIT": "1",
        "MAX_MODEL_LEN": "2048", "GEN_KWARGS": "max_new_tokens=32", "VIDEOKR_USE_VLM_JUDGE": "0", "OUTPUT_PATH": "tool",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", command.replace("VIDEOKR_MODEL=...", "VIDEOKR_MODEL=tiny")],
        env=os.environ | settings,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    run = read_run(root / "tool")
    asked = re.search(r"TASKS=(\S+)", command)
    assert asked and sorted(run.by_benchmark()) == sorted(asked[1].split(",")) and "Looked again: " in done.stdout


@pytest.fixture
def mmvu_only(tmp_path, monkeypatch) -> Path:
    """A folder with MMVU in small and no video; the host's waiting between its attempts is left out."""
    pytest.importorskip("lmms_eval")
    from lmms_eval.api.task import ConfigurableTask, _resolve_hf_datasets_cache_dir
    from tenacity import wait_none

    _resolve_hf_datasets_cache_dir.cache_clear()  # of the environment before
    write_datasets(tmp_path, ["videokr_mmvu"])
    (tmp_path / "hf" / "mmvu").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "hf" / "datasets"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(ConfigurableTask.download.retry, "wait", wait_none())
    return tmp_path


@pytest.mark.eval
def test_a_limit_spares_the_other_videos(mmvu_only):
    given = STOCK["videokr_mmvu"]
    rows = mmvu_only / given.hub / "default.jsonl"
    lost = given.row | {"video_path": "videos/Art/8.mp4"}
    rows.write_text(json.dumps(given.row) + "\n" + json.dumps(lost) + "\n", encoding="utf-8")
    put_video(rows, mmvu_only / "hf" / given.video)
    examples, missing = catalogue.read_task("videokr_mmvu", 1)
    assert len(examples) == 2 and not missing
    ((place, said),) = catalogue.read_task("videokr_mmvu", None)[1].items()
    assert place == examples[1].videos[0] and place.startswith(str(mmvu_only / "hf"))
    assert said == f"'8.mp4' (tried '{place}', '{place[:-4]}.MP4', '{place[:-4]}.mkv')"


@pytest.mark.eval
def test_a_dataset_that_cannot_be_had_is_one_line(mmvu_only):
    with pytest.raises(UserError, match="the dataset of task 'videokr_mlvu' cannot be loaded") as caught:
        catalogue.read_task("videokr_mlvu", None)
    assert "HF_HOME" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.eval
def test_a_dataset_without_a_column_is_one_line(mmvu_only):
    row = dict(STOCK["videokr_mmvu"].row)
    del row["choices"]
    (mmvu_only / "lmms-eval" / "MMVU" / "default.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(UserError, match="dataset 'lmms-eval/MMVU' has no column 'choices'; it has: id, video_path"):
        catalogue.read_task("videokr_mmvu", None)


@pytest.mark.eval
def test_names_that_are_not_there_or_there_twice_are_refused():
    pytest.importorskip("lmms_eval")
    with pytest.raises(
        UserError, match=r"no task 'videokr_xyz'; there are: videokr_all, videokr_eval, .*videokr_mvbench"
    ):
        catalogue.own_tasks(["videokr_eval", "videokr_xyz"])
    with pytest.raises(UserError, match="'videokr_eval' twice, in 'videokr_eval' and in 'videokr_knowledge'"):
        catalogue.own_tasks(["videokr_eval", "videokr_knowledge"])
    assert catalogue.own_tasks(["mmlu", "videokr_eval", "videokr_eval"]) == {"videokr_eval": ["videokr_eval"]}
