"""The arithmetic of `videokr plan`; docs/cluster.md says it in formulas."""

from collections.abc import Mapping
from dataclasses import dataclass

from data_prep.plan.model_size import ModelSize
from data_prep.stats.epoch import FREEZES, PARTS, TYPE_BYTES, Epoch, GrpoEpoch, Settings
from verl_plugin.batches import BATCH, LOGPROB_BATCH, MICRO_BATCH, MINI_BATCH, misfit
from videokr.budget import MAX_TOKENS
from videokr.video.frame_plan import MERGE_SIDE

LANGUAGE_MODEL, TOWER, PROJECTOR = PARTS
GIB, HOUR, BF16 = 2**30, 3600.0, 2  # BF16: bytes
PATCHES = MERGE_SIDE**2  # of a token
STATES = 16  # bytes of a trained parameter: weight, gradient, master and two moments, as either host keeps them
NO_ROOM = "the weights and a row are more than vLLM's share: more vllm_gpus"
Gpu = Mapping[str, float]  # flops: dense bf16 operations a second; memory: bytes; bandwidth: bytes a second from it
Assumed = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of a row: of its video, of one temporal patch of that, of text that is given, and of text generated."""

    video: float
    frame: float
    text: float
    response: float = 0
    source: str = "assumed"

    @property
    def tokens(self) -> float:
        return self.video + self.text + self.response


@dataclass(frozen=True, slots=True)
class Cost:
    """What one stage takes on so many GPUs: its hours by what takes them, memory of one GPU, disk at most.

    Notes say what it has to be told; or why it cannot run, and then there are no hours.
    """

    stage: str
    gpus: int
    hours: Mapping[str, float]
    memory_bytes: float = 0
    disk_bytes: float = 0
    notes: tuple[str, ...] = ()


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
    flops -= _spared(size, row, given)
    seconds = epoch.rows * flops / (epoch.gpus * gpu["flops"] * given["mfu"])
    states = _states(size, frozen, BF16, given) / epoch.gpus  # ZeRO-3
    longest = settings["per_device_train_batch_size"] * settings["cutoff_len"]
    memory = states + longest * (_kept(size, given) + size.vocabulary * given["logit_bytes"]) + given["other_gib"] * GIB
    disk = epoch.disk.most_bytes * given["trained_share"] if epoch.disk else 0
    steps = f"batch {epoch.batch_rows}, {epoch.steps:,} steps"
    return Cost("SFT", epoch.gpus, {"training": seconds / HOUR}, memory, disk, (steps,))


def grpo_cost(size: ModelSize, gpu: Gpu, row: Row, epoch: GrpoEpoch, settings: Settings, given: Assumed) -> Cost:
    """Rollouts by vLLM; then two passes forward for log-probabilities, old and reference, and an update of four."""
    actor, rollout = settings["actor_rollout_ref"]["actor"], settings["actor_rollout_ref"]["rollout"]
    sizes = {BATCH: epoch.batch_rows, MINI_BATCH: actor["ppo_mini_batch_size"]}
    sizes[MICRO_BATCH] = actor["ppo_micro_batch_size_per_gpu"]
    sizes[LOGPROB_BATCH] = rollout["log_prob_micro_batch_size_per_gpu"]
    fault, fitting = misfit(sizes, epoch.gpus, rollout["n"]) or ("", {})
    longest, replica = settings["data"]["max_response_length"], _replica(gpu, given)
    whole, share = MAX_TOKENS + longest, rollout["gpu_memory_utilization"]
    why = _no_vllm(size, epoch.gpus, share * replica["memory"] - BF16 * size.total, whole, given)
    if not epoch.steps:
        why = f"{epoch.rows} rows are fewer than a batch, {epoch.batch_rows}"
    elif fitting.keys() & {BATCH, MINI_BATCH}:  # else the training stays the same
        why = fault
    if why:
        return Cost("GRPO", epoch.gpus, {}, notes=(f"not possible: {why}",))
    busy, rollouts = epoch.gpus * gpu["flops"] * given["mfu"], epoch.batch_rows * rollout["n"]
    passes = 6 * (text_flops(size, row.tokens) + vision_flops(size, row)) - _spared(size, row, given)
    trained = rollouts * passes / busy
    # vLLM keeps the prompt that the rollouts of a group share.
    prompts = epoch.batch_rows * (text_flops(size, row.tokens - row.response) + vision_flops(size, row)) / busy
    generated = prompts + _generation(size, replica, row, rollouts * given["vllm_gpus"] / epoch.gpus, longest, given)
    training = (sizes | fitting)[MICRO_BATCH] * whole * _kept(size, given)  # fused kernels keep no logits
    hours = {"rollouts": generated * epoch.steps / HOUR, "training": trained * epoch.steps / HOUR}
    states = _states(size, 0, TYPE_BYTES[actor["fsdp_config"]["model_dtype"]], given) / epoch.gpus
    memory = states + max(training, share * gpu["memory"]) + given["other_gib"] * GIB
    notes = tuple(f"with {name}={value}" for name, value in fitting.items())
    saved = min(1.0, 1 / 3 + given["trained_share"])  # adapters with the weights, which are one of three numbers
    disk = epoch.disk.most_bytes * saved if epoch.disk else 0
    return Cost("GRPO", epoch.gpus, hours, memory, disk, notes)


def eval_cost(size: ModelSize, gpu: Gpu, row: Row, gpus: int, given: Assumed) -> Cost:
    """Replicas, each of which answers as many questions at once as its KV cache holds."""
    replica, questions = _replica(gpu, given), given["eval_questions"] * given["vllm_gpus"] / gpus
    own = BF16 * size.total + given["vllm_gpus"] * given["other_gib"] * GIB
    free = given["eval_memory_share"] * replica["memory"] - own
    if why := _no_vllm(size, gpus, free, row.tokens, given):
        return Cost("evaluation", gpus, {}, notes=(f"not possible: {why}",))
    at_once = max(1.0, min(free / (row.tokens * cache_bytes(size)), questions))
    prompt = (text_flops(size, row.tokens - row.response) + vision_flops(size, row)) / (replica["flops"] * given["mfu"])
    each = prompt + _generation(size, replica, row, at_once, row.response, given) / at_once
    memory = given["eval_memory_share"] * gpu["memory"]  # the cache fills it
    return Cost("evaluation", gpus, {"answering": questions * each / HOUR}, memory)


def cache_bytes(size: ModelSize) -> float:
    """Of the KV cache of a token, in bf16."""
    layers, _, keys = size.attention
    return 2 * layers * keys * BF16


def _no_vllm(size: ModelSize, gpus: int, free: float, tokens: float, given: Assumed) -> str:
    """Why vLLM cannot run; nothing where it can. Free: bytes of a replica's share beside the weights."""
    if gpus % given["vllm_gpus"]:
        return f"vllm_gpus={given['vllm_gpus']:g} does not divide {gpus}"
    return NO_ROOM if free < tokens * cache_bytes(size) else ""


def _replica(gpu: Gpu, given: Assumed) -> Gpu:
    """GPUs that share one copy of the weights, as one."""
    return {what: given["vllm_gpus"] * number for what, number in gpu.items()}


def _states(size: ModelSize, frozen: int, number: int, given: Assumed) -> float:
    """Bytes of all weights with what training keeps of them; number: of one that stays, as all do under adapters."""
    if (share := given["trained_share"]) < 1:
        return (STATES * share + number) * size.total
    return STATES * (size.total - frozen) + number * frozen


def _spared(size: ModelSize, row: Row, given: Assumed) -> float:
    """Operations of the language model's gradients, which stay out where adapters are trained."""
    return 2 * size.multiplied[LANGUAGE_MODEL] * row.tokens if given["trained_share"] < 1 else 0


def _kept(size: ModelSize, given: Assumed) -> float:
    """Bytes that a token keeps for the way back: each layer's input, and everything of the one that is recomputed."""
    return size.hidden * (BF16 * size.layers + given["layer_bytes"])


def _generation(size: ModelSize, gpu: Gpu, row: Row, at_once: float, longest: float, given: Assumed) -> float:
    """Seconds of one batch: each step reads all weights, and the cache of what is not done."""
    cache = at_once * row.response * (row.tokens - row.response / 2) * cache_bytes(size)
    return (longest * BF16 * size.total + cache) / (gpu["bandwidth"] * given["bandwidth_share"])
