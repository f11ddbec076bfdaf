"""The commands of docs/recipes.md as they are typed, on tiny models and a CPU; its settings, as the host reads them."""

import json
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("llamafactory")

from checkout import copy_checkout
from recipes_page import commands, settings
from sft import CONFIGS, ON_CPU, environment
from slurm_job import PAGE as CLUSTER
from slurm_job import job_variables, kill_when, processes

pytestmark = pytest.mark.sft
BASE = "models/base"
STEPS = "max_steps=16 save_steps=4"


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
    """The command as it stands on the page; training gets, before the data, what a machine without a GPU needs."""
    on_cpu = " ".join(f"{key}={value}" for key, value in ON_CPU.items())
    command = command.replace(" dataset=", f" {on_cpu} dataset=")
    own = environment(**{"MODEL_NAME_OR_PATH": BASE, "PYTHONPATH": str(site), "FORCE_TORCHRUN": "0", **variables})
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


def losses(folder: Path) -> list[float]:
    history = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    return [entry["loss"] for entry in history if "loss" in entry]


def test_sft_on_two_nodes_goes_on_after_a_death_with_the_losses_of_one_node(site, tmp_path):
    """By the SLURM template; a process of the second node is killed once there is a checkpoint."""
    (command,) = commands("SFT", CLUSTER)
    job, own = job_variables(tmp_path), {"FORCE_TORCHRUN": "1", "NPROC_PER_NODE": "1"}
    saved = site / "saves" / "videokr" / "qwen3vl_sft_nodes"
    command = f"{command} output_dir={saved} {STEPS}"
    running = started(site, command, **job, **own)
    told = kill_when(
        running,
        lambda: (saved / "checkpoint-4" / "trainer_state.json").exists(),
        lambda: processes(job, SLURMD_NODENAME="node-b", RANK="1"),
    )
    *_, last = told.splitlines()
    assert running.returncode == 1 and last.startswith("error: node 'node-b' ended the run, with status 137"), told
    told = typed(site, command, **job, **own)
    assert f"going on from '{saved}/checkpoint-" in told
    (two,) = commands("SFT: on several GPUs and nodes")
    typed(site, f"{two} {STEPS}", FORCE_TORCHRUN="1")
    alone = losses(site / "saves" / "videokr" / "qwen3vl_two")
    assert losses(saved) == pytest.approx(alone, abs=1e-5) and len(alone) == 16


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
