"""Going on with SFT: the losses of a run without a stop, from its own folder alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sft
from checkout import ROOT
from sft import CONFIGS

pytest.importorskip("llamafactory")
pytestmark = pytest.mark.sft

STATE, CARD = "trainer_state.json", "videokr_training.json"
ON_CPU = sft.ON_CPU | {"preprocessing_num_workers": "null", "learning_rate": "1e-3"}
del ON_CPU["max_steps"]  # whole epochs


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Raw rows, of which one video does not decode."""
    from data_prep.demo.clips import write_corpus

    output = tmp_path_factory.mktemp("sft") / "corpus"
    write_corpus(output, videos=20, seed=0, progress=False)
    first = json.loads((output / "sft.jsonl").read_text(encoding="utf-8").splitlines()[0])
    (output / first["video_path"]).write_bytes(b"<html>not a video</html>")
    return output


def losses(folder: Path) -> dict[int, float]:
    history = json.loads((folder / STATE).read_text(encoding="utf-8"))["log_history"]
    return {entry["step"]: entry["loss"] for entry in history if "loss" in entry}


def same_weights(first: Path, second: Path) -> bool:
    return all(
        (first / path.name).read_bytes() == path.read_bytes() for path in second.glob("*model*.safetensors")
    ) and any(second.glob("*model*.safetensors"))


# What LLaMA-Factory itself does with the checkpoints of a run, in this process.


def run_host(family: str, model: Path, corpus: Path, output: Path, **more: Any) -> Path:
    from llamafactory.data.converter import DATASET_CONVERTERS
    from llamafactory.train.tuner import run_exp

    from llamafactory_plugin import converter, templates
    from llamafactory_plugin.loaded_weights import LoadedWeights
    from llamafactory_plugin.settings import checked, read_config

    if converter.FORMAT not in DATASET_CONVERTERS:
        converter.register()
        templates.register()
    given = {**ON_CPU, "model_name_or_path": model, "output_dir": output, "max_steps": 6, "save_steps": 3, **more}
    whole = corpus / "whole.jsonl"
    if not whole.exists():
        whole.write_text("".join((corpus / "sft.jsonl").read_text(encoding="utf-8").splitlines(True)[2:]), "utf-8")
    given |= {"dataset": whole, "save_total_limit": 4}
    run_exp(
        checked(read_config([str(CONFIGS / f"{family}_sft.yaml"), *(f"{k}={v}" for k, v in given.items())])),
        [LoadedWeights()],
    )
    return output


KINDS = {
    "frozen": {"freeze_vision_tower": "true", "freeze_multi_modal_projector": "true"},
    "lora": {"finetuning_type": "lora"},
}


@pytest.fixture(scope="module")
def uninterrupted(corpus, models, tmp_path_factory) -> Path:
    """Qwen2.5-VL, whose checkpoint of the highest loss, an early one, is made the model at the end."""
    output = tmp_path_factory.mktemp("host") / "out"
    return run_host("qwen2_5vl", models["qwen2_5vl"], corpus, output, **BEST)


BEST = {
    "val_size": 2,
    "eval_strategy": "steps",
    "eval_steps": 3,
    "load_best_model_at_end": "true",
    "metric_for_best_model": "loss",
    "greater_is_better": "true",
}


def test_a_resumed_qwen2_5_vl_has_the_losses_of_a_run_without_a_stop(uninterrupted, corpus, models, tmp_path):
    start = uninterrupted / "checkpoint-3"
    run_host("qwen2_5vl", models["qwen2_5vl"], corpus, tmp_path / "on", **BEST, resume_from_checkpoint=start)
    assert losses(tmp_path / "on") == losses(uninterrupted) and len(losses(uninterrupted)) == 6
    assert same_weights(tmp_path / "on" / "checkpoint-6", uninterrupted / "checkpoint-6")
    assert not same_weights(start, uninterrupted / "checkpoint-6")
    assert same_weights(uninterrupted, start)  # the best one


@pytest.mark.parametrize(("family", "kind"), [("qwen2_5vl", "lora"), ("qwen3vl", "frozen")])
def test_a_resumed_run_has_the_losses_of_one_without_a_stop(family, kind, corpus, models, tmp_path):
    whole = run_host(family, models[family], corpus, tmp_path / "whole", **KINDS[kind])
    start = whole / "checkpoint-3"
    on = run_host(family, models[family], corpus, tmp_path / "on", **KINDS[kind], resume_from_checkpoint=start)
    assert losses(on) == losses(whole) and same_weights(on, whole) and not same_weights(start, whole)


@pytest.mark.parametrize("fault", ["missing", "unknown"])
def test_weights_that_do_not_fit_end_the_run(fault, uninterrupted, corpus, models, tmp_path):
    from safetensors.torch import load_file, save_file

    from videokr.errors import UserError

    start = shutil.copytree(uninterrupted / "checkpoint-3", tmp_path / "checkpoint-3")
    weights = load_file(start / "model.safetensors")
    moved = weights.pop("model.norm.weight")
    if fault == "unknown":
        weights["model.other.weight"] = moved
    save_file(weights, start / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"weights do not fit the model: 1 .*model\.language_model\."):
        run_host("qwen2_5vl", models["qwen2_5vl"], corpus, tmp_path / "on", resume_from_checkpoint=start)
    assert not (tmp_path / "on" / "checkpoint-6").exists()


# What a user does: the same command again.


def command(model: Path, corpus: Path, output: Path, *more: str) -> list[str]:
    given = {**ON_CPU, "dataset": corpus / "sft.jsonl", "save_steps": 4, "on_bad_video": "skip"}
    given |= {"model_name_or_path": model, "output_dir": output}
    return [*(f"{key}={value}" for key, value in given.items()), *more]


def start(model: Path, corpus: Path, output: Path, torchrun: str = "0") -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["bash", str(ROOT / "local_script" / "train_videokr.sh"), "qwen2_5vl", *command(model, corpus, output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=sft.environment(FORCE_TORCHRUN=torchrun),
    )


@pytest.fixture(scope="module")
def killed(corpus, models, tmp_path_factory) -> Path:
    """The folder of a run that was killed after its second save, the last of which is then cut short."""
    output = tmp_path_factory.mktemp("killed") / "out"
    running = start(models["qwen2_5vl"], corpus, output)
    while not (output / "checkpoint-8" / STATE).exists():
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    last = max(output.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
    os.truncate(last / "model.safetensors", (last / "model.safetensors").stat().st_size - 1)
    return output


@pytest.fixture(scope="module")
def finished(killed, corpus, models) -> tuple[Path, str]:
    """The same command again, under torchrun; what it said."""
    output = Path(shutil.copytree(killed, killed.parent / "finished"))
    running = start(models["qwen2_5vl"], corpus, output, torchrun="1")
    said = running.communicate()[0]
    assert running.returncode == 0, said[-2000:]
    return output, said


def test_a_killed_run_goes_on_exactly(finished, killed, corpus, models, tmp_path):
    output, said = finished
    whole = start(models["qwen2_5vl"], corpus, tmp_path / "out")
    assert whole.communicate() and whole.returncode == 0
    assert losses(output) == losses(tmp_path / "out") and len(losses(output)) == 24
    assert same_weights(output, tmp_path / "out")
    # Each step once, though the killed run had been further than its last whole checkpoint.
    log = [json.loads(line) for line in (output / "trainer_log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["current_steps"] for line in log if "loss" in line] == list(range(1, 25))
    assert f"going on from '{output}/checkpoint-" in said and "is removed: it is not whole" in said
    assert "1 videos do not decode" in said
    begun = int(said.partition("going on from '")[2].partition("'")[0].rpartition("-")[2])
    trained = [loss for step, loss in losses(output).items() if step > begun]
    results = json.loads((output / "train_results.json").read_text(encoding="utf-8"))
    assert results["train_loss"] == pytest.approx(sum(trained) / len(trained))


def refused(model: Path, corpus: Path, output: Path, *more: str) -> str:
    """What the same command is told, before there are workers."""
    from llamafactory_plugin.train import CHECK, main
    from videokr.errors import UserError

    argv = ["train", CHECK, str(CONFIGS / "qwen2_5vl_sft.yaml"), *command(model, corpus, output, *more)]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError) as error:
        patch.setattr(sys, "argv", argv)
        main()
    return str(error.value)


def test_a_finished_run_says_that_it_is_finished(finished, corpus, models, capsys):
    from llamafactory_plugin.train import train

    output, _ = finished
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.*")}
    assert train([str(CONFIGS / "qwen2_5vl_sft.yaml"), *command(models["qwen2_5vl"], corpus, output)]) == 0
    assert "is finished, at step 24: nothing is trained" in capsys.readouterr().out
    # The file that describes raw data to the host is written at each start.
    assert [path.name for path, at in before.items() if path.stat().st_mtime_ns != at] == ["dataset_info.json"]


def test_a_run_of_another_model_or_other_data_is_refused(killed, corpus, models, tmp_path):
    other = Path(shutil.copytree(models["qwen2_5vl"], tmp_path / "model"))
    (other / "generation_config.json").write_text("{}", encoding="utf-8")
    assert f"began with model '{models['qwen2_5vl']}', and not '{other}'" in refused(other, corpus, killed)
    rows = tmp_path / "sft.jsonl"
    rows.write_text("".join((corpus / "sft.jsonl").read_text(encoding="utf-8").splitlines(True)[1:]), "utf-8")
    more = (f"dataset={rows}", f"media_dir={corpus}")
    assert f"began with data '{corpus / 'sft.jsonl'}'" in refused(models["qwen2_5vl"], corpus, killed, *more)
    old = Path(shutil.copytree(killed, tmp_path / "old"))
    (old / CARD).unlink()
    said = refused(models["qwen2_5vl"], corpus, old)
    assert "left no card" in said and "overwrite_output_dir=true" in said


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("resume_from_checkpoint=none/checkpoint-3", "'none/checkpoint-3' is not there"),
        ("resume_from_checkpoint=OUT/checkpoint-20", "holds checkpoint-24"),
        ("resume_from_checkpoint=false", "resume_from_checkpoint is false"),
        ("max_steps=22", "checkpoint-24: max_steps or num_train_epochs end before"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused(more, words, finished, corpus, models, tmp_path):
    output = Path(shutil.copytree(finished[0], tmp_path / "out"))
    (output / STATE).unlink()  # as if killed before the model was saved
    assert words in refused(models["qwen2_5vl"], corpus, output, more.replace("OUT", str(output)))


@pytest.mark.parametrize("missing", [("optimizer.pt", "scheduler.pt"), ("optimizer.pt",)])
def test_a_checkpoint_without_its_optimizer_is_refused(missing, killed, corpus, models, tmp_path):
    for folder in (output := Path(shutil.copytree(killed, tmp_path / "out"))).glob("checkpoint-*"):
        for name in missing:
            (folder / name).unlink()
    assert "it holds no optimizer (save_only_model)" in refused(models["qwen2_5vl"], corpus, output)


def test_a_run_begins_where_it_was_told_to(finished, tmp_path):
    """More epochs go on from the last checkpoint; the host would train one step too many after the last in an epoch."""
    from llamafactory_plugin.checkpoint import find_start

    output = Path(shutil.copytree(finished[0], tmp_path / "out"))
    config = {"do_train": True, "output_dir": str(output), "num_train_epochs": 2.0}
    assert find_start(config).checkpoint == output / "checkpoint-24"
    anew = find_start({**config, "overwrite_output_dir": True})
    assert anew.checkpoint is None and {path.name for path in anew.removed} == {"checkpoint-20", "checkpoint-24"}
    (output / STATE).unlink()
    state = json.loads((output / "checkpoint-24" / STATE).read_text(encoding="utf-8"))
    (output / "checkpoint-24" / STATE).write_text(json.dumps({**state, "epoch": 0.96}), encoding="utf-8")
    assert find_start({**config, "num_train_epochs": 0.95}).checkpoint == output / "checkpoint-20"
