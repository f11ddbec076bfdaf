"""What LLaMA-Factory 0.9.5 itself, without our templates, still gets wrong, so that we work around it.

Each test fails when the host is mended; its docstring says what may then go.
"""

import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llamafactory")
pytestmark = pytest.mark.sft

from data_prep.demo.odd_clips import Shape, draw

TEMPLATES = {"qwen2_5vl": "qwen2_vl", "qwen3vl": "qwen3_vl_nothink"}  # the stock ones, of the published configuration
PLACE = "<video>"  # of a video in a row
TOKENS_MERGED = 4  # vision patches in one video token


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    folder = tmp_path_factory.mktemp("models")
    for name, family in FAMILIES.items():
        build_model(family, ["user\nWhich way does the bar go?\nassistant\nTo the right."], folder / name)
    return {name: folder / name for name in FAMILIES}


@pytest.fixture
def clip(tmp_path):
    """Draws a clip of so many frames, ten a second."""

    def drawn(frames: int, container: str = "mp4", codec: str = "libx264") -> Path:
        path = tmp_path / f"{frames}.{container}"
        draw(Shape(codec, container, Fraction(10), frames, 64, 64, variable=False, turned=False), path)
        return path

    return drawn


def settings(family: str, models: dict[str, Path], folder: Path, **more: Any) -> dict[str, Any]:
    """A run's arguments, with the data that `write_rows` put into the folder."""
    return {
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "model_name_or_path": str(models[family]),
        "template": TEMPLATES[family],
        "dataset": "rows",
        "dataset_dir": str(folder),
        "output_dir": str(folder / "out"),
        "video_max_pixels": 64 * 64,
        "per_device_train_batch_size": 1,
        "num_train_epochs": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        **more,
    }


def write_rows(folder: Path, rows: list[list[Path]], **entry: str) -> None:
    """One question about the videos of each row."""
    from llamafactory_plugin.rows import DATASET_INFO_FILE, build_dataset_entry

    written = [
        {
            "messages": [
                {"role": "user", "content": PLACE * len(videos) + "Which way does the bar go?"},
                {"role": "assistant", "content": "To the right."},
            ],
            "videos": [str(video) for video in videos],
        }
        for videos in rows
    ]
    (folder / "rows.json").write_text(json.dumps(written), encoding="utf-8")
    info = {"rows": build_dataset_entry("rows.json") | entry}
    (folder / DATASET_INFO_FILE).write_text(json.dumps(info), encoding="utf-8")


def loaded(arguments: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """The host's parsed arguments, its template, and its tokenizer and processor."""
    from llamafactory.data import get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    parsed = get_train_args(arguments)
    tokens = load_tokenizer(parsed[0])
    return parsed, get_template_and_fix_tokenizer(tokens["tokenizer"], parsed[1]), tokens


def prompts(videos: list[Path], plugin: Any, processor: Any) -> tuple[str, str]:
    """What the host and what our plan make of a question about the videos."""
    from llamafactory_plugin.templates import plan_of
    from videokr.marks import put_videos

    names = [str(video) for video in videos]
    (asked,) = plugin.process_messages([{"role": "user", "content": PLACE * len(videos)}], [], names, [], processor)
    return asked["content"], put_videos(PLACE * len(videos), PLACE, [plan_of(name, processor) for name in names])


def seconds(prompt: str) -> list[float]:
    """When into a video its frames are from, two by two."""
    return [float(found) for found in re.findall(r"<([\d.]+) seconds>", prompt)]


def test_canary_llamafactory_samples_by_its_own_rules(clip, models, tmp_path):
    """When this fails, it takes the frames that qwen-vl-utils takes, and templates.py may leave their choice to it.

    63.9 s are 128 frames, of which one is a copy, against 126; 2.6 s are 6 against 4; 1 s is 2 against 4; 4 s are as
    many, but others.
    """
    _, template, tokens = loaded(settings("qwen3vl", models, tmp_path))
    pairs = [prompts([clip(frames)], template.mm_plugin, tokens["processor"]) for frames in (639, 26, 10, 40)]
    assert [seconds(stock) for stock, _ in pairs] != [seconds(planned) for _, planned in pairs]


@pytest.mark.parametrize(("container", "codec"), [("mkv", "libx264"), ("webm", "libvpx-vp9")])
def test_canary_llamafactory_takes_the_first_frames_of_files_without_a_frame_count(
    container, codec, clip, models, tmp_path
):
    """When this fails, it spreads the frames over the whole of such a clip, and templates.py need not for their sake.

    8 frames of 10 s.
    """
    _, template, tokens = loaded(settings("qwen3vl", models, tmp_path, video_maxlen=8))
    stock, planned = prompts([clip(100, container, codec)], template.mm_plugin, tokens["processor"])
    assert seconds(stock)[-1] < 1 < 9 < seconds(planned)[-1]


def test_canary_llamafactory_mixes_up_several_videos_of_qwen3_vl(clip, models, tmp_path):
    """When this fails, it reads every video of a row by itself, and templates.py need not write them for that.

    In one turn the second has as many frames in the prompt as the first, whatever is decoded; in a later turn its times
    are looked for by the number of the message.
    """
    from videokr.marks import VIDEO

    _, template, tokens = loaded(settings("qwen3vl", models, tmp_path))
    plugin, processor = template.mm_plugin, tokens["processor"]
    videos = [str(clip(40)), str(clip(20))]
    stock, planned = prompts(videos, plugin, processor)
    grids = plugin.get_mm_inputs([], videos, [], [0], [2], [0], [[]], processor)["video_grid_thw"]
    assert stock.count(VIDEO) != grids.prod(dim=1).sum() // TOKENS_MERGED == planned.count(VIDEO)
    turns = [{"role": role, "content": text} for role, text in (("user", PLACE), ("assistant", "Up."), ("user", PLACE))]
    with pytest.raises(IndexError):
        plugin.process_messages(turns, [], videos, [], processor)


def break_off(whole: Path, output: Path, frames: int) -> None:
    """The first frames of a clip, to the byte, whose header, put first, promises all of them."""
    import av

    with av.open(str(whole)) as given, av.open(str(output), "w", options={"movflags": "faststart"}) as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    with av.open(str(output)) as made:
        ends = [packet.pos + packet.size for packet in made.demux(video=0) if packet.dts is not None]
    os.truncate(output, ends[frames - 1])


def test_canary_llamafactory_ends_the_epoch_silently_where_a_clip_breaks_off(clip, models, tmp_path):
    """When this fails, it says so itself, and check_finished (train.py) can go; bad_videos.py still names the file.

    Between two frames, with Qwen3-VL: the positions of the missing ones raise StopIteration, which the loop over the
    batches takes for the end of the data.
    """
    from llamafactory.train.tuner import run_exp

    whole, broken = clip(40), tmp_path / "broken.mp4"
    break_off(whole, broken, frames=20)
    write_rows(tmp_path, [[whole], [broken], [whole], [whole]])
    run_exp(settings("qwen3vl", models, tmp_path))
    state = json.loads((tmp_path / "out" / "trainer_state.json").read_text(encoding="utf-8"))
    assert state["global_step"] < state["max_steps"] == 4


@pytest.mark.parametrize("family", list(TEMPLATES))
def test_canary_llamafactory_trains_the_line_break_after_the_response(family, clip, models, tmp_path):
    """When this fails, a stock response ends as a rollout does, and RESPONSE (templates.py) can go."""
    from llamafactory.data import get_dataset

    from videokr.marks import END_OF_TURN

    write_rows(tmp_path, [[clip(40)]])
    (model_args, data_args, training_args, _, _), template, tokens = loaded(settings(family, models, tmp_path))
    (row,) = get_dataset(template, model_args, data_args, training_args, stage="sft", **tokens)["train_dataset"]
    assert row["labels"][-2:] == tokens["tokenizer"].encode(END_OF_TURN + "\n")


def test_canary_llamafactory_launcher_loses_a_registered_converter(clip, models, tmp_path, monkeypatch, capfd):
    """When this fails, its workers know what the parent process registered, and torchrun need not start train.py."""
    from llamafactory import cli
    from llamafactory.data.converter import DATASET_CONVERTERS

    from llamafactory_plugin.converter import FORMAT, VideoKRConverter

    monkeypatch.setitem(DATASET_CONVERTERS, FORMAT, VideoKRConverter)  # as register() does, but for this test alone
    write_rows(tmp_path, [[clip(40)]], formatting=FORMAT)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings("qwen3vl", models, tmp_path)), encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the launcher looks for torchrun there
    for name, value in {"FORCE_TORCHRUN": "1", "NPROC_PER_NODE": "1", "HF_HUB_OFFLINE": "1", "PATH": path}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["llamafactory-cli", "train", str(config)])
    with pytest.raises(subprocess.CalledProcessError):
        cli.main()
    assert f"Dataset converter {FORMAT} not found" in capfd.readouterr().err
