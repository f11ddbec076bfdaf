"""The arithmetic of `videokr plan`; docs/cluster.md says it in formulas."""

from collections.abc import Mapping
from dataclasses import dataclass

from data_prep.plan.model_size import ModelSize
from data_prep.stats.epoch import FREEZES, PARTS, Epoch, GrpoEpoch, Settings
from videokr.budget import MAX_TOKENS
from videokr.video.frame_plan import MERGE_SIDE

LANGUAGE_MODEL, TOWER, PROJECTOR = PARTS
GIB, HOUR, BF16 = 2**30, 3600.0, 2  # BF16: bytes
PATCHES = MERGE_SIDE**2  # of a token
STATES = 16  # bytes of a trained parameter: weight, gradient, master and two moments, as either host keeps them
Gpu = Mapping[str, float]  # flops: dense bf16 operations a second; memory: bytes; bandwidth: bytes a second from it
Assumed = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of a row: of its video, of one temporal patch of that, of text that is given, and of text generated."""

    video: float
    frame: float
    text: float
    response: float = 0

    @property
    def tokens(self) -> float:
        return self.video + self.text + self.response


@dataclass(frozen=True, slots=True)
class Cost:
    """What one stage takes on so many GPUs: its hours by what takes them, memory of one GPU, disk at most."""

    stage: str
    gpus: int
    hours: Mapping[str, float]
    memory_bytes: float
    disk_bytes: float = 0


def text_flops(size: ModelSize, tokens: float) -> float:
    """Of one pass forward: two a weight and token, and causal attention, which looks at half of the square."""
    layers, width, _ = size.attention
    return 2 * size.multiplied[LANGUAGE_MODEL] * tokens + 2 * layers * width * tokens**2


def vision_flops(size: ModelSize, row: Row) -> float:
    """Of one pass forward: a temporal patch attends to itself alone (in Qwen2.5-VL's windows to less)."""
    layers, width = size.vision_attention
    patches = PATCHES * row.video
    attention = 4 * layers * width * patches * PATCHES * row.frame
    return 2 * (size.multiplied[TOWER] * patches + size.multiplied[PROJECTOR] * row.video) + attention


def sft_cost(size: ModelSize, gpu: Gpu, row: Row, epoch: Epoch, settings: Settings, given: Assumed) -> Cost:
    """Forward, again for what was not kept, and backward, which is twice that; what is frozen forward alone."""
    frozen = sum(size.parameters[part] for part, name in zip(PARTS, FREEZES, strict=True) if settings[name])
    flops = 4 * text_flops(size, row.tokens) + (1 if settings["freeze_vision_tower"] else 4) * vision_flops(size, row)
    seconds = epoch.rows * flops / (epoch.gpus * gpu["flops"] * given["mfu"])
    states = (STATES * (size.total - frozen) + BF16 * frozen) / epoch.gpus  # ZeRO-3
    longest = settings["per_device_train_batch_size"] * settings["cutoff_len"]
    memory = states + longest * (_kept(size, given) + size.vocabulary * given["logit_bytes"]) + given["other_gib"] * GIB
    return Cost("SFT", epoch.gpus, {"training": seconds / HOUR}, memory, epoch.disk.most_bytes if epoch.disk else 0)


def grpo_cost(size: ModelSize, gpu: Gpu, row: Row, epoch: GrpoEpoch, settings: Settings, given: Assumed) -> Cost:
    """Rollouts by vLLM; then two passes forward for log-probabilities, old and reference, and an update of four."""
    model, longest = settings["actor_rollout_ref"], settings["data"]["max_response_length"]
    busy, rollouts = epoch.gpus * gpu["flops"] * given["mfu"], epoch.batch_rows * model["rollout"]["n"]
    trained = 6 * rollouts * (text_flops(size, row.tokens) + vision_flops(size, row)) / busy
    # vLLM keeps the prompt that the rollouts of a group share.
    prompts = epoch.batch_rows * (text_flops(size, row.tokens - row.response) + vision_flops(size, row)) / busy
    generated = prompts + _generation(size, gpu, row, rollouts / epoch.gpus, longest, given)
    mini = model["actor"]["ppo_mini_batch_size"] * model["rollout"]["n"] / epoch.gpus
    micro = min(model["actor"]["ppo_micro_batch_size_per_gpu"], max(1.0, mini))
    training = micro * (MAX_TOKENS + longest) * _kept(size, given)  # fused kernels keep no logits
    peak = max(training, model["rollout"]["gpu_memory_utilization"] * gpu["memory"])
    hours = {"rollouts": generated * epoch.steps / HOUR, "training": trained * epoch.steps / HOUR}
    memory = STATES * size.total / epoch.gpus + peak + given["other_gib"] * GIB
    return Cost("GRPO", epoch.gpus, hours, memory, epoch.disk.most_bytes if epoch.disk else 0)


def eval_cost(size: ModelSize, gpu: Gpu, row: Row, gpus: int, given: Assumed) -> Cost:
    """A replica a GPU, which answers as many questions at once as its KV cache holds."""
    questions, own = given["eval_questions"] / gpus, BF16 * size.total + given["other_gib"] * GIB
    cache = given["eval_memory_share"] * gpu["memory"] - own
    at_once = max(1.0, min(cache / (row.tokens * cache_bytes(size)), questions))
    prompt = (text_flops(size, row.tokens - row.response) + vision_flops(size, row)) / (gpu["flops"] * given["mfu"])
    each = prompt + _generation(size, gpu, row, at_once, row.response, given) / at_once
    memory = own + at_once * row.tokens * cache_bytes(size)
    return Cost("evaluation", gpus, {"answering": questions * each / HOUR}, memory)


def cache_bytes(size: ModelSize) -> float:
    """Of the KV cache of a token, in bf16."""
    layers, _, keys = size.attention
    return 2 * layers * keys * BF16


def _kept(size: ModelSize, given: Assumed) -> float:
    """Bytes that a token keeps for the way back: each layer's input, and everything of the one that is recomputed."""
    return size.hidden * (BF16 * size.layers + given["layer_bytes"])


def _generation(size: ModelSize, gpu: Gpu, row: Row, at_once: float, longest: float, given: Assumed) -> float:
    """Seconds of one batch: each step reads all weights, and the cache of what is not done."""
    cache = at_once * row.response * (row.tokens - row.response / 2) * cache_bytes(size)
    return (longest * BF16 * size.total + cache) / (gpu["bandwidth"] * given["bandwidth_share"])
