"""GRPO's filter of long prompts: the verdicts of decoding every video, whatever tells it of their headers."""

import json
import shutil
from copy import copy
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("verl")

from odd_clips import Shape, draw, record, shape

from videokr.__main__ import main as videokr
from videokr.budget import RL_BUDGET, VideoBudget
from videokr.errors import UserError
from videokr.example import parse_example
from videokr.video.manifest import read_manifest, write_manifest
from videokr.video.paths import ARCHIVE_FOLDER
from videokr.video.vision_tokens import MARKED_VIDEO

pytestmark = pytest.mark.rl
CLIPS = 40  # every codec, container, rate and duration of odd_clips, one frame alone, five that are turned
STRIPS = (
    Shape("libx264", "mp4", Fraction(10), 40, 1280, 16, variable=False, turned=False),
    Shape("libx264", "mkv", Fraction(10), 40, 16, 640, variable=False, turned=False),
)
BUDGETS = {
    "small": VideoBudget(fps=2.0, min_frames=4, max_frames=128, min_pixels=256, max_pixels=8_192),
    "published": RL_BUDGET.bounded(max_frames=8),  # the pixels of GRPO, few of them
}
FIXED: tuple[dict[str, float], ...] = (
    {"max_frames": 6},
    {"fps": 0.5},
    {"fps": 4.0, "min_frames": 8},
    {"min_pixels": 1_024, "max_pixels": 4_096},
    {"fps": 1.0, "min_frames": 2, "max_frames": 9, "min_pixels": 3_136, "max_pixels": 12_544},
)
QUESTIONS = ("Which way does the bar go?", "Куда движется полоса?", "棒往哪个方向移动。" * 9, "Look at the bar. " * 40)
GROWS = "\u0958"  # three bytes, and six where a tokenizer has normalised it (NFC)
FAMILIES = ("qwen2_5vl", "qwen3vl")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Clips where the published archives put them, and rows: of one video, of several, with a budget of their own."""
    root = tmp_path_factory.mktemp("filter") / "corpus"
    (root / ARCHIVE_FOLDER).mkdir(parents=True)
    clips = []
    for number, made in enumerate((*map(shape, range(CLIPS)), *STRIPS)):
        clips.append(root / ARCHIVE_FOLDER / f"{number:03d} é.{made.container}")
        draw(made, clips[-1])
    asked = [([clip], {}) for clip in clips]
    asked += [(clips[number - 1 : number + 1], {}) for number in range(1, CLIPS, 8)]
    asked += [(clips[20:23], {}), ([clips[19], clips[19]], {})]
    asked += [([clip], FIXED[number % len(FIXED)]) for number, clip in enumerate(clips[3::3])]
    rows = [row(number, videos, fixed) for number, (videos, fixed) in enumerate(asked)]
    rows[CLIPS + 3]["videos"][1] |= FIXED[0]  # one of two
    rows[0]["videos"][0]["video"] = clips[0].as_uri()
    write_rows(root, rows)
    return root


def row(number: int, videos: list[Path], fixed: dict[str, float], question: str | None = None) -> dict[str, Any]:
    from verl_plugin.rows import build_row

    given = record(number, [video.name for video in videos])
    given["question"] = QUESTIONS[number % len(QUESTIONS)] if question is None else question
    return build_row(parse_example(given), [str(video) for video in videos], "train", number, fixed)


def write_rows(root: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from verl_plugin.rows import row_schema

    pq.write_table(pa.Table.from_pylist(rows, row_schema(asdict(RL_BUDGET))), root / "train.parquet")


@pytest.fixture(scope="module")
def processors(tmp_path_factory):
    """Processor and tokenizer of both families, asked as the agent loop asks."""
    from verl.utils.tokenizer import hf_processor, hf_tokenizer

    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES as KNOWN

    folder, given = tmp_path_factory.mktemp("models"), {}
    for family in FAMILIES:
        build_model(KNOWN[family], ["Which way does the bar go? A. left B. right"] * 20, folder / family)
        given[family] = hf_processor(str(folder / family)), hf_tokenizer(str(folder / family))
        given[family][0].video_processor.do_resize = False
    return given


class Rows:
    """
    Attributes:
        data: all of them, none filtered.
        lengths: of each, in tokens: what the processor makes of the decoded frames.
    """

    def __init__(self, data: Any):
        self.data = data
        self.lengths = [decoded_length(data, index) for index in range(len(data))]
        self._alone = [data.dataframe.select([index]) for index in range(len(data))]

    def wrong(self, data: Any) -> list[str]:
        """Where its verdict on a row alone is not that of decoding: just below the row's length, at it, and above."""
        return [
            f"row {index} of {length} tokens, at most {most}"
            for index, length in enumerate(self.lengths)
            for most in (length - 1, length, length + 1)
            if self._is_kept(data, index, most) != (length <= most)
        ]

    def _is_kept(self, data: Any, index: int, most: int) -> bool:
        data.max_prompt_length = most
        try:
            return len(data.maybe_filter_out_long_prompts(self._alone[index])) == 1
        except UserError as error:
            assert str(error).startswith("0 of 1 rows ")
            return False


def dataset(root: Path, processor: Any, budget: VideoBudget, **changes: Any) -> Any:
    from omegaconf import OmegaConf

    from verl_plugin.dataset import VideoKRDataset

    config = {"max_prompt_length": 10**9, "filter_overlong_prompts": True, "filter_overlong_prompts_workers": 1}
    config |= {"cache_dir": str(root / "cache"), "video_budget": asdict(budget)} | changes
    own, tokenizer = processor
    return VideoKRDataset(str(root / "train.parquet"), tokenizer, OmegaConf.create(config), own)


def decoded_length(data: Any, index: int) -> int:
    """In tokens, as verl's own filter counts a row."""
    from verl.utils.tokenizer import build_multimodal_processor_inputs

    messages = data[index]["raw_prompt"]
    told = {"add_generation_prompt": True, "tokenize": False, **data.apply_chat_template_kwargs}
    text = data.processor.apply_chat_template(messages, **told)
    _, videos, _ = data._process_multi_modal_info(messages, data.image_patch_size, data.config)
    made = build_multimodal_processor_inputs(data.processor, text=[text], videos=videos)
    return len(made["input_ids"][0])


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def of_budget(corpus, processors, family):
    return {name: Rows(dataset(corpus, processors[family], budget)) for name, budget in BUDGETS.items()}


@pytest.fixture
def headers_read(monkeypatch):
    """Names of the files whose headers the filter reads from now on."""
    from verl_plugin import dataset as module

    seen = []
    stock = module.read_header
    monkeypatch.setattr(module, "read_header", lambda path: seen.append(path.name) or stock(path))
    return seen


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_count_is_what_the_processor_makes_of_the_decoded_frames(of_budget, budget):
    rows = of_budget[budget]
    assert len(set(rows.lengths)) > len(rows.lengths) // 2
    given = list(rows.data.dataframe)
    headers = rows.data._headers(given)
    assert [rows.data._exact_tokens(each, headers) for each in given] == rows.lengths


@pytest.fixture(scope="module")
def sources(corpus, tmp_path_factory):
    """What a run may be told of headers, and of which videos that is true."""
    folder = tmp_path_factory.mktemp("manifests")
    everything = {path.name for path in (corpus / ARCHIVE_FOLDER).iterdir()}
    own, elsewhere, fast = corpus / "manifest.parquet", folder / "elsewhere.parquet", folder / "fast.parquet"
    named = folder / "records.jsonl"
    named.write_text("".join(json.dumps(record(number, [name])) + "\n" for number, name in enumerate(everything)))
    for asked in (["--data", named, "--videos", corpus, "--level", "probe"],
                  ["--videos", corpus / ARCHIVE_FOLDER, "--manifest", elsewhere, "--level", "probe"],
                  ["--videos", corpus / ARCHIVE_FOLDER, "--manifest", fast]):  # fmt: skip
        assert videokr(["check", *map(str, asked)]) == 0
    entries, without_headers = (sorted(read_manifest(file).values()) for file in (own, fast))
    assert {entry.path for entry in entries} == everything
    told = {entry.path for entry in entries if entry.header}  # of a variable rate the times are in the file alone
    assert 0 < len(everything - told) < len(told)
    part, stale = folder / "part.parquet", folder / "stale.parquet"
    write_manifest(part, [*entries[::3], *without_headers[1::3]])
    # Each tells the header of another video, and is of another size or another time than the file.
    others = [entries[-1], *entries[:-1]]
    write_manifest(stale, [
        other._replace(path=own.path, size_bytes=own.size_bytes + number % 2, mtime_ns=own.mtime_ns + 1 - number % 2)
        for number, (own, other) in enumerate(zip(entries, others, strict=True))
    ])  # fmt: skip
    placed = {"video_root": str(corpus / "." / ARCHIVE_FOLDER)}
    return {
        "no manifest": ({}, set()),
        "a manifest": ({"video_manifest": str(own)}, told),
        "another root": ({"video_manifest": str(elsewhere)} | placed, told),
        "files that changed since": ({"video_manifest": str(stale)} | placed, set()),
        "a manifest of some": ({"video_manifest": str(part)} | placed, told & {entry.path for entry in entries[::3]}),
        "a manifest of another folder": ({"video_manifest": str(elsewhere)}, set()),
    }


@pytest.mark.parametrize("source", ["no manifest", "a manifest", "another root", "files that changed since",
                                    "a manifest of some", "a manifest of another folder"])  # fmt: skip
def test_the_verdicts_are_those_of_decoding(source, sources, of_budget, corpus, processors, family, headers_read):
    changes, known = sources[source]
    rows, data = of_budget["small"], dataset(corpus, processors[family], BUDGETS["small"], **changes)
    assert headers_read == []  # all fit into a billion tokens, by their budget
    assert rows.wrong(data) == []
    assert set(headers_read) == {path.name for path in (corpus / ARCHIVE_FOLDER).iterdir()} - known


def test_the_rows_kept_are_those_that_verls_own_filter_keeps(of_budget):
    from verl.utils.dataset.rl_dataset import RLHFDataset

    rows = of_budget["small"]
    data = rows.data
    data.max_prompt_length = sorted(rows.lengths)[len(rows.lengths) // 2]
    data.num_workers = None  # decoding goes on in threads, which no fork has
    kept = data.maybe_filter_out_long_prompts(data.dataframe)
    stock = RLHFDataset.maybe_filter_out_long_prompts(data, data.dataframe)
    meant = [index for index, length in enumerate(rows.lengths) if length <= data.max_prompt_length]
    for found in (kept, stock):
        assert [info["index"] for info in found["extra_info"]] == meant


def test_the_verdicts_at_the_published_pixels_are_those_of_decoding(of_budget):
    """Small and narrow frames take more tokens than `max_pixels` has: rounded up, or one token wide."""
    rows = of_budget["published"]
    assert rows.wrong(rows.data) == []


def test_a_low_clip_of_the_published_length_takes_no_more_than_its_bound(processors, family, tmp_path):
    """At RL_BUDGET itself, 128 frames of 320 by 240."""
    clip = tmp_path / "low.mp4"
    draw(Shape("libx264", "mp4", Fraction(2), 130, 320, 240, variable=False, turned=False), clip)
    write_rows(tmp_path, [row(0, [clip], {})])
    data = dataset(tmp_path, processors[family], RL_BUDGET)
    assert Rows(data).wrong(data) == []


def test_what_a_run_tells_the_chat_template_is_counted(processors, family, corpus, tmp_path):
    """As `add_vision_id`, of both families' own templates; the agent loop tells it, too."""
    clip = next((corpus / ARCHIVE_FOLDER).glob("000*"))
    own, tokenizer = copy(processors[family][0]), processors[family][1]
    numbered = f"{{% if add_vision_id %}}Video 1: {{% endif %}}{MARKED_VIDEO}"
    own.chat_template = own.chat_template.replace(MARKED_VIDEO, numbered)
    write_rows(tmp_path, [row(0, [clip], {})])
    told = {"apply_chat_template_kwargs": {"add_vision_id": True}}
    data = dataset(tmp_path, (own, tokenizer), BUDGETS["small"], **told)
    assert Rows(data).wrong(data) == []


def test_a_manifest_of_all_that_lies_below_the_folder_tells_the_headers_too(processors, family, corpus, tmp_path,
                                                                            headers_read):  # fmt: skip
    """`videokr check` without --data."""
    manifest = tmp_path / "manifest.parquet"
    assert videokr(["check", "--videos", str(corpus), "--manifest", str(manifest), "--level", "probe"]) == 0
    write_rows(tmp_path, [row(0, [next((corpus / ARCHIVE_FOLDER).glob("000*"))], {})])
    changes = {"video_manifest": str(manifest), "video_root": str(corpus)}
    data = dataset(tmp_path, processors[family], BUDGETS["small"], **changes)
    assert Rows(data).wrong(data) == []
    assert headers_read == []


def test_a_text_that_grows_when_it_is_normalised_is_counted_as_it_is_then(processors, family, corpus, tmp_path):
    clip = next((corpus / ARCHIVE_FOLDER).glob("000*"))
    fixed = {"max_frames": 4, "min_pixels": 256, "max_pixels": 1_024}
    write_rows(tmp_path, [row(0, [clip], fixed, question=GROWS * 400)])
    data = dataset(tmp_path, processors[family], BUDGETS["small"])
    assert Rows(data).wrong(data) == []


def test_a_video_that_was_replaced_since_is_counted_as_it_is_now(processors, family, tmp_path, headers_read):
    clip, manifest = tmp_path / "a.mp4", tmp_path / "manifest.parquet"
    draw(shape(1), tmp_path / "short.mkv")
    draw(shape(7), tmp_path / "long.mp4")
    shutil.copy(tmp_path / "short.mkv", clip)
    assert videokr(["check", "--videos", str(tmp_path), "--level", "probe"]) == 0
    write_rows(tmp_path, [row(0, [clip], {})])
    data = dataset(tmp_path, processors[family], BUDGETS["small"], video_manifest=str(manifest))
    before = Rows(data)
    assert before.wrong(data) == [] and headers_read == []
    shutil.copy(tmp_path / "long.mp4", clip)
    after = Rows(data)
    assert after.lengths > before.lengths
    assert after.wrong(data) == [] and set(headers_read) == {"a.mp4"}
