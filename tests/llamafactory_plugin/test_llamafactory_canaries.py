"""What LLaMA-Factory 0.9.5, without our templates and launcher, still gets wrong: each test fails when it is mended."""

import json
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llamafactory")

from odd_clips import Shape, draw, put_index_first, record

from llamafactory_plugin.rows import DATASET_INFO_FILE, build_dataset_entry, build_message_row
from videokr.example import parse_example
from videokr.family import END_OF_TURN, FAMILIES, VIDEO
from videokr.prompt import VIDEO_PLACEHOLDER
from videokr.video.frame_plan import MERGE_SIDE
from videokr.video.vision_tokens import put_videos

pytestmark = pytest.mark.sft

STOCK_TEMPLATES = {"qwen2_5vl": "qwen2_vl", "qwen3vl": "qwen3_vl_nothink"}
ROWS = "rows"


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    from data_prep.demo.tiny_model import build_model

    folder = tmp_path_factory.mktemp("models")
    for name, family in FAMILIES.items():
        build_model(family, [json.dumps(record(0, []))], folder / name)
    return {name: folder / name for name in FAMILIES}


@pytest.fixture
def clip(tmp_path):
    """Draws a clip of so many frames, ten a second."""

    def drawn(frames: int, codec: str = "libx264", container: str = "mp4") -> Path:
        path = tmp_path / f"{frames}.{container}"
        draw(Shape(codec, container, Fraction(10), frames, 64, 64, variable=False, turned=False), path)
        return path

    return drawn


def settings(family: str, models: dict[str, Path], folder: Path, **more: Any) -> dict[str, Any]:
    """A stock run on a CPU, on the rows that `write_rows` puts into the folder."""
    return {
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "model_name_or_path": str(models[family]),
        "template": STOCK_TEMPLATES[family],
        "dataset": ROWS,
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


def write_rows(folder: Path, videos: list[Path], raw_format: str | None = None) -> None:
    """A row for each video: as the prepare command writes it, or as published."""
    records = [record(number, [str(video)]) for number, video in enumerate(videos)]
    if raw_format:
        rows, entry = records, {"file_name": "a.json", "formatting": raw_format}
    else:
        rows = [build_message_row(parse_example(row), row["videos"]) for row in records]
        entry = build_dataset_entry("a.json")
    (folder / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / DATASET_INFO_FILE).write_text(json.dumps({ROWS: entry}), encoding="utf-8")


def loaded(arguments: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """The host's parsed arguments, its template, and its tokenizer and processor."""
    from llamafactory.data import get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    parsed = get_train_args(arguments)
    tokens = load_tokenizer(parsed[0])
    return parsed, get_template_and_fix_tokenizer(tokens["tokenizer"], parsed[1]), tokens


def prompts(videos: list[Path], plugin: Any, processor: Any) -> tuple[str, str]:
    """The videos in the host's prompt, and by our plan."""
    from llamafactory_plugin.templates import plan_of

    places, names = VIDEO_PLACEHOLDER * len(videos), [str(video) for video in videos]
    (asked,) = plugin.process_messages([{"role": "user", "content": places}], [], names, [], processor)
    return asked["content"], put_videos(places, VIDEO_PLACEHOLDER, [plan_of(name, processor) for name in names])


def seconds(prompt: str) -> list[float]:
    """When in the video the frames are from, two by two."""
    return [float(found) for found in re.findall(r"<([\d.]+) seconds>", prompt)]


def test_canary_llamafactory_samples_by_rules_of_its_own(clip, models, tmp_path):
    """When this fails, it takes the frames that qwen-vl-utils takes, and templates.py may leave the choice to it."""
    _, template, tokens = loaded(settings("qwen3vl", models, tmp_path))
    # 63.9 s: 128 frames, one of them a copy, against 126; 2.6 s: 6 against 4; 1 s: 2 against 4; 4 s: 8, but others.
    pairs = [prompts([clip(frames)], template.mm_plugin, tokens["processor"]) for frames in (639, 26, 10, 40)]
    assert [seconds(stock) for stock, _ in pairs] != [seconds(planned) for _, planned in pairs]


@pytest.mark.parametrize(("codec", "container"), [("libx264", "mkv"), ("libvpx-vp9", "webm")])
def test_canary_llamafactory_takes_the_first_frames_alone(codec, container, clip, models, tmp_path):
    """When this fails, it samples the whole of a file without a frame count, for which templates.py is not needed."""
    _, template, tokens = loaded(settings("qwen3vl", models, tmp_path, video_maxlen=8))
    stock, planned = prompts([clip(100, codec, container)], template.mm_plugin, tokens["processor"])
    assert seconds(stock)[-1] < 1 < 9 < seconds(planned)[-1]  # of 10 s


def test_canary_llamafactory_mixes_up_several_videos_of_qwen3_vl(clip, models, tmp_path):
    """When this fails, it reads every video of a row by itself, for which templates.py is not needed."""
    _, template, tokens = loaded(settings("qwen3vl", models, tmp_path))
    plugin, processor = template.mm_plugin, tokens["processor"]
    videos = [str(clip(40)), str(clip(20))]
    stock, planned = prompts(videos, plugin, processor)
    grids = plugin.get_mm_inputs([], videos, [], [0], [2], [0], [[]], processor)["video_grid_thw"]
    # The prompt has as many frames of each as the first has, whatever is decoded.
    assert stock.count(VIDEO) != grids.prod(dim=1).sum() // MERGE_SIDE**2 == planned.count(VIDEO)
    asked, answered = {"role": "user", "content": VIDEO_PLACEHOLDER}, {"role": "assistant", "content": "A"}
    with pytest.raises(IndexError):  # a video's times are looked up by the number of its message
        plugin.process_messages([asked, answered, asked.copy()], [], videos, [], processor)


def break_off(whole: Path, output: Path, frames: int) -> None:
    """So many frames of a clip, to the byte, after a header that promises all of them."""
    import av

    put_index_first(whole, output)
    with av.open(str(output)) as made:
        ends = [packet.pos + packet.size for packet in made.demux(video=0) if packet.dts is not None]
    os.truncate(output, ends[frames - 1])


def test_canary_llamafactory_ends_the_epoch_silently_where_a_clip_breaks_off(clip, models, tmp_path):
    """When this fails, it ends with an error or goes on, and check_finished (train.py) can go."""
    from llamafactory.train.tuner import run_exp
    from transformers import TrainerCallback

    # Half a frame at the end would be an error of the decoder. Here the frames are fewer than their marks in the
    # prompt: StopIteration in get_rope_index, which the loop over the batches takes for the end of the data.
    whole, broken = clip(40), tmp_path / "broken.mp4"
    break_off(whole, broken, frames=20)
    write_rows(tmp_path, [whole, broken, whole])
    given: dict[str, Any] = {}

    class Loaders(TrainerCallback):
        def on_train_begin(self, *_: Any, **more: Any) -> None:
            given.update(more)

    evaluated = {"eval_dataset": ROWS, "eval_strategy": "epoch"}
    run_exp(settings("qwen3vl", models, tmp_path, disable_shuffling=True, **evaluated), [Loaders()])
    assert given["eval_dataloader"] is None  # else a callback could see to both, instead of row_faults.install
    state = json.loads((tmp_path / "out" / "trainer_state.json").read_text(encoding="utf-8"))
    assert (state["global_step"], state["max_steps"]) == (1, 3)


@pytest.mark.parametrize("family", list(STOCK_TEMPLATES))
def test_canary_llamafactory_trains_a_line_break_after_the_response(family, clip, models, tmp_path):
    """When this fails, a response ends as rollouts do, and RolloutTemplate (templates.py) can go."""
    from llamafactory.data import get_dataset

    write_rows(tmp_path, [clip(40)])
    (model_args, data_args, training_args, _, _), template, tokens = loaded(settings(family, models, tmp_path))
    (row,) = get_dataset(template, model_args, data_args, training_args, stage="sft", **tokens)["train_dataset"]
    assert tokens["tokenizer"].decode(row["labels"][-2:]) == END_OF_TURN + "\n"


@pytest.mark.parametrize("family", list(STOCK_TEMPLATES))
def test_canary_llamafactory_cuts_a_long_response(family, clip, models, tmp_path):
    """When this fails, it drops or refuses such rows (#3995, #6891), and row_faults.WholeRows can go."""
    from llamafactory.data import get_dataset

    write_rows(tmp_path, [clip(40)])
    (model_args, data_args, training_args, _, _), template, tokens = loaded(settings(family, models, tmp_path))
    data_args.cutoff_len = 8
    (row,) = get_dataset(template, model_args, data_args, training_args, stage="sft", **tokens)["train_dataset"]
    trained = tokens["tokenizer"].decode([label for label in row["labels"] if label >= 0])
    assert END_OF_TURN not in trained


def test_canary_llamafactory_counts_the_padding_of_a_pack_of_text_twice(models, tmp_path):
    """When this fails, the attention mask is as long as the row, and packing.py can go."""
    from llamafactory.data import get_dataset
    from llamafactory.data.collator import MultiModalDataCollatorForSeq2Seq
    from transformers import AutoModelForImageTextToText

    turns = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A square."}]
    (tmp_path / "a.json").write_text(json.dumps([{"messages": turns, "videos": []}] * 2), encoding="utf-8")
    info = json.dumps({ROWS: build_dataset_entry("a.json")})
    (tmp_path / DATASET_INFO_FILE).write_text(info, encoding="utf-8")
    given = settings("qwen3vl", models, tmp_path, neat_packing=True, cutoff_len=128)
    (model_args, data_args, training_args, _, _), template, tokens = loaded(given)
    (pack,) = get_dataset(template, model_args, data_args, training_args, stage="sft", **tokens)["train_dataset"]
    model = AutoModelForImageTextToText.from_pretrained(models["qwen3vl"])
    collate = MultiModalDataCollatorForSeq2Seq(template=template, model=model, pad_to_multiple_of=8, **tokens)
    batch = collate([dict(pack)])
    assert batch["attention_mask"].shape[1] > batch["input_ids"].shape[1]


def test_canary_llamafactory_launcher_loses_a_registered_converter(clip, models, tmp_path, monkeypatch, capfd):
    """When this fails, its workers know what their parent registered, and it may start them instead of torchrun.py."""
    from llamafactory import cli
    from llamafactory.data.converter import DATASET_CONVERTERS

    from llamafactory_plugin.converter import VideoKRConverter
    from llamafactory_plugin.data_sets import FORMAT

    monkeypatch.setitem(DATASET_CONVERTERS, FORMAT, VideoKRConverter)  # as register() does, for this test alone
    write_rows(tmp_path, [clip(40)], FORMAT)
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(settings("qwen3vl", models, tmp_path)), encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where the launcher looks for torchrun
    for name, value in {"FORCE_TORCHRUN": "1", "NPROC_PER_NODE": "1", "HF_HUB_OFFLINE": "1", "PATH": path}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["llamafactory-cli", "train", str(config)])
    with pytest.raises(subprocess.CalledProcessError):
        cli.main()
    assert f"Dataset converter {FORMAT} not found" in capfd.readouterr().err


def test_canary_trainer_loads_a_checkpoint_without_renaming(models, tmp_path):
    """When this fails, it loads what it has saved (transformers #43701), and loaded_weights.py need not rename."""
    import torch
    from transformers import AutoModelForImageTextToText, Trainer, TrainingArguments

    model = AutoModelForImageTextToText.from_pretrained(models["qwen2_5vl"])
    model.save_pretrained(tmp_path)
    norm = model.model.language_model.norm.weight
    torch.nn.init.constant_(norm, 7.0)
    trainer = Trainer(model, TrainingArguments(str(tmp_path / "out"), use_cpu=True, report_to=[]))
    trainer._load_from_checkpoint(str(tmp_path))
    assert torch.all(norm == 7.0)


def test_canary_torch_does_not_know_the_first_cpu(monkeypatch):
    """When this fails, processes on a CPU can load their optimizer and register_package of loaded_weights.py can go."""
    import io
    from types import SimpleNamespace

    import torch
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType

    process = SimpleNamespace(device=None, distributed_type=DistributedType.MULTI_CPU, local_process_index=1)
    PartialState.set_device(process)  # the place that the Trainer loads to
    stock = [one for one in torch.serialization._package_registry if one[1].__module__ == "torch.serialization"]
    monkeypatch.setattr(torch.serialization, "_package_registry", stock)
    saved = io.BytesIO()
    torch.save(torch.zeros(1), saved)
    saved.seek(0)
    with pytest.raises(RuntimeError, match="cpu:0"):
        torch.load(saved, map_location=process.device)


def test_canary_llamafactory_asks_with_its_own_words_whatever_the_template_ends_with():
    """When this fails, its templates take the checkpoint's generation prompt and RolloutTemplate may ask as they do."""
    from llamafactory.data.template import TEMPLATES

    for name in STOCK_TEMPLATES.values():
        assert "".join(TEMPLATES[name].format_user.slots).endswith("<|im_start|>assistant\n")


def test_canary_transformers_draws_missing_weights_anew_and_here_they_are_refused(models, tmp_path):
    """When its first half fails, transformers refuses them itself, and videokr/base_weights.py can go."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForImageTextToText

    from videokr import base_weights
    from videokr.errors import UserError

    shutil.copytree(models["qwen3vl"], tmp_path / "model")
    weights = load_file(tmp_path / "model" / "model.safetensors")
    norm = next(name for name in weights if name.endswith("language_model.norm.weight"))
    save_file(
        {name: value for name, value in weights.items() if name != norm},
        tmp_path / "model" / "model.safetensors",
        metadata={"format": "pt"},
    )
    AutoModelForImageTextToText.from_pretrained(tmp_path / "model")
    with base_weights.required():
        AutoModelForImageTextToText.from_pretrained(models["qwen3vl"])
    with base_weights.required(), pytest.raises(UserError, match=r"lacks 1 weights.*language_model\.norm\.weight"):
        AutoModelForImageTextToText.from_pretrained(tmp_path / "model")
