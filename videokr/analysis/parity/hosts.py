"""The three hosts' captures, each run in its own environment, on a checkpoint without its weights and with few layers.

What a host makes of an example depends on neither.
"""

import json
import os
import subprocess
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from tqdm import tqdm

from videokr.capture.request import Request
from videokr.errors import USER_ERROR_STATUS, UserError

# Of each environment that local_script/setup_env.sh builds: the names that its capture reports under, and how tables
# name them.
REPORTS = {
    "sft": {"sft": "SFT"},
    "rl": {"rl_rollout": "RL, vLLM", "rl_trainer": "RL, trainer"},
    "eval": {"eval_vllm": "eval, vLLM", "eval_hf": "eval, HF"},
}
ONE_ROUND = "eval_hf"  # this one has no dialogues
# One vLLM engine in the capture's own process, where it can be watched.
ALWAYS = {"HF_HUB_OFFLINE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"}
ON_CPU = {
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VERL_PLATFORM": "cpu",
    "TORCH_COMPILE_DISABLE": "1",  # as local_script/launch.sh
}
CAPTURES = "videokr.captures"  # group of entry points, one a stage: pyproject.toml
ROOT = Path(__file__).parents[3]
MAX_LOG_LINES = 15  # of a capture that failed
POLL_SECONDS = 0.2
LAYERS = 4  # of the text model; not fewer than the vision layers that Qwen3-VL hands it
EXPERTS = 8
CONTEXT_TOKENS = 32_768  # prompt and response: the evaluation's; a demo's model has less
NEEDED = {
    "tokenizer": ("tokenizer.json", "vocab.json"),
    "processor": ("processor_config.json", "preprocessor_config.json"),
}
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".index.json")


class HostError(Exception):
    """A host failed, by no mistake of the user's."""


def python_of(stage: str, environments: Path) -> Path:
    """The Python of a stage's environment; UserError where that is not there."""
    python = environments / stage / "bin" / "python"
    if not python.is_file():
        raise UserError(f"'{python}' is not there: run bash local_script/setup_env.sh {stage}")
    return python


def call_hosts(request: Request, environments: Path) -> None:
    """Runs all captures at once, and ends the others when one of them fails.

    Raises:
        UserError: a capture met a mistake of the user's; its own words.
        HostError: a capture failed; the end of its log.
    """
    pythons = {stage: python_of(stage, environments) for stage in REPORTS}
    modules = {stage: entry_points(group=CAPTURES)[stage].value for stage in REPORTS}
    logs = {stage: request.output / f"{stage}.log" for stage in REPORTS}
    request_file = request.write()
    on_cpu = ON_CPU if request.cpu else {}
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vllm"  # as local_script/launch.sh
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for stage, python in pythons.items():
            with logs[stage].open("wb") as log:
                running[stage] = subprocess.Popen(
                    [python, "-m", modules[stage], request_file],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=ROOT,
                    env={**os.environ, **ALWAYS, **on_cpu, "VLLM_CACHE_ROOT": str(cache / stage)},
                )
        waiting = dict(running)
        with tqdm(total=len(running), desc="asking the hosts", unit="host", disable=None) as progress:
            while waiting:
                for stage in [stage for stage, process in waiting.items() if process.poll() is not None]:
                    _check(modules[stage], waiting.pop(stage).returncode, logs[stage])
                    progress.update()
                time.sleep(POLL_SECONDS)
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def _check(module: str, status: int, log: Path) -> None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if status == USER_ERROR_STATUS and lines:
        said = next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1])
        raise UserError(said.removeprefix("error: "))
    if status:
        ended = f"failed with status {status}"
        if status < 0:
            ended = f"was killed by signal {-status} (9: too little memory?)"
        tail = "\n".join(lines[-MAX_LOG_LINES:])
        raise HostError(f"{module} {ended}; its log ends:\n{tail}")


def write_skeleton(model: Path, folder: Path) -> None:
    """Writes the folder: a config.json of its own, and links to the other files of a checkpoint but weights.

    UserError where it holds no tokenizer or processor, or its config.json lacks what the family has.
    """
    for what, names in NEEDED.items():
        if not any((model / name).is_file() for name in names):
            raise UserError(f"model '{model}': no {what} there ({' or '.join(names)})")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    try:
        shorten(config)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"model '{model}': its config.json is not that of a whole checkpoint: {error!r}") from None
    folder.mkdir()
    for path in model.iterdir():
        if path.is_file() and path.name != "config.json" and not path.name.endswith(WEIGHTS):
            (folder / path.name).symlink_to(path.resolve())
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def shorten(config: dict[str, Any]) -> None:
    """Cuts a configuration to a few layers; older ones have the text model's settings at the top."""
    text, vision = config.get("text_config", config), config["vision_config"]
    text["num_hidden_layers"] = min(LAYERS, text["num_hidden_layers"])
    text["max_position_embeddings"] = CONTEXT_TOKENS
    config["dtype"] = text["dtype"] = "bfloat16"  # the only one in which vLLM computes Gated DeltaNet on a CPU
    for experts in ("num_experts", "num_experts_per_tok"):  # vLLM would make them all, of random weights
        if experts in text:
            text[experts] = min(EXPERTS, text[experts])
    if "layer_types" in text:
        text["layer_types"] = text["layer_types"][:LAYERS]
    for indexes in ("deepstack_visual_indexes", "fullatt_block_indexes"):
        if indexes in vision:
            vision["depth"] = min(len(vision[indexes]), vision["depth"])
            vision[indexes] = list(range(vision["depth"]))
