"""The commands of docs/recipes.md as they are typed, on tiny models and a CPU; its settings, as the host reads them."""

import json
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("llamafactory")

from checkout import copy_checkout
from recipes_page import commands, settings
from sft import CONFIGS, ON_CPU, environment

pytestmark = pytest.mark.sft
BASE = "models/base"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The repository as a user has it, with the raw data where the page has it and a tiny model for a base."""
    from data_prep.demo.clips import write_corpus
    from data_prep.demo.tiny_model import build_model, corpus_of
    from videokr.family import FAMILIES

    folder = tmp_path_factory.mktemp("recipes") / "videokr"
    copy_checkout(folder)
    raw = folder / "data" / "raw"
    write_corpus(raw, videos=20, seed=0, progress=False)
    (raw / "sft.jsonl").rename(raw / "VideoKR-COT-201K.jsonl")
    (folder / "models").mkdir()
    build_model(FAMILIES["qwen3vl"], corpus_of(raw / "VideoKR-COT-201K.jsonl"), folder / BASE)
    return folder


def started(site: Path, command: str, **variables: str) -> subprocess.Popen[str]:
    """The command as it stands on the page; training gets, behind it, what a machine without a GPU needs."""
    if "train_videokr.sh" in command:
        command = " ".join([command, *(f"{key}={value}" for key, value in ON_CPU.items())])
    own = environment(MODEL_NAME_OR_PATH=BASE, PYTHONPATH=str(site), FORCE_TORCHRUN="0", **variables)
    return subprocess.Popen(
        ["bash", "-c", command], cwd=site, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def typed(site: Path, command: str, **variables: str) -> str:
    process = started(site, command, **variables)
    told, _ = process.communicate()
    assert process.returncode == 0, told[-3000:]
    return told


def steps(folder: Path) -> int:
    return int(json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["global_step"])


def test_sft_trains_and_the_same_command_again_finds_it_finished(site):
    from videokr.budget import SFT_BUDGET
    from videokr.training_card import read_training_card

    (command,) = commands("SFT: full")
    typed(site, command)
    saved = site / "saves" / "videokr" / "qwen3vl_sft"
    assert steps(saved) == 2 and (saved / "model.safetensors").is_file() and (saved / "processor_config.json").is_file()
    card = read_training_card(saved)
    assert card is not None and card.stage == "sft" and card.budget.max_frames == SFT_BUDGET.max_frames
    assert card.videos == {"fast": True, "proxies": False} and card.model == BASE
    assert [Path(path).name for path in card.data or {}] == ["VideoKR-COT-201K.jsonl"]
    waited = json.loads((saved / "input_wait.json").read_text(encoding="utf-8"))
    assert waited["steps"] == 1 and 0 <= waited["waited_seconds"] <= waited["seconds"]
    told = typed(site, command)
    assert "is finished, at step 2: nothing is trained" in told


def test_sft_with_lora_is_merged_into_a_model_with_a_card(site):
    from videokr.training_card import read_training_card

    train, merge = commands("SFT: with LoRA")
    typed(site, f"{train} learning_rate=1e-2")
    told = typed(site, merge)
    assert "tensors differ from 'models/base'" in told
    merged = site / "saves" / "videokr" / "qwen3vl_lora_merged"
    card = read_training_card(merged)
    assert card is not None and (card.settings or {})["finetuning_type"] == "lora"
    assert (merged / "config.json").is_file() and not (merged / "adapter_config.json").is_file()


def test_sft_runs_in_two_processes_and_on_two_nodes_alike(site):
    """The nodes are two launchers on this machine; two processes have the same losses however they are started."""
    two, first = commands("SFT: on several GPUs and nodes")
    typed(site, two.replace("bash", "FORCE_TORCHRUN=1 bash", 1))
    second = first.replace("NODE_RANK=0", "NODE_RANK=1")
    nodes = [started(site, node.replace("bash", "FORCE_TORCHRUN=1 bash", 1)) for node in (first, second)]
    told = [node.communicate()[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], "\n".join(text[-2000:] for text in told)
    logs = [site / "saves" / "videokr" / name / "trainer_log.jsonl" for name in ("qwen3vl_two", "qwen3vl_nodes")]
    losses = [[json.loads(line).get("loss") for line in log.read_text(encoding="utf-8").splitlines()] for log in logs]
    assert losses[0] == losses[1] and len(losses[0]) >= 2


@pytest.mark.parametrize("what", settings("SFT, behind `train_videokr.sh FAMILY`"))
def test_the_hosts_own_parser_takes_the_settings_of_sft(what, site, tmp_path, monkeypatch):
    from llamafactory.hparams import get_train_args

    from llamafactory_plugin.settings import OWN, checked, read_config

    monkeypatch.chdir(site)
    given = settings("SFT, behind `train_videokr.sh FAMILY`")[what]
    shown = {**ON_CPU, "model_name_or_path": BASE, "dataset": "data/raw/VideoKR-COT-201K.jsonl", "output_dir": tmp_path}
    arguments = [f"{key}={value}" for key, value in shown.items()]
    config = checked(read_config([str(CONFIGS / "qwen3vl_sft.yaml"), *arguments, *given]))
    get_train_args({key: value for key, value in config.items() if key not in OWN})
