"""How often a run decodes and processes videos: counted where it happens, carried by rollouts, logged a step."""

from collections.abc import Mapping, Sequence
from typing import Any

# In a rollout's extra_fields: what its process did since the rollout before.
DECODES = "videokr_video_decodes"
PROCESSOR_PASSES = "videokr_video_processor_passes"  # in the agent loop
ENGINE_PASSES = "videokr_engine_video_processor_passes"  # in vLLM
REPLICA = "videokr_replica"  # in a rollout's extra_fields: the one of vLLM's that it came from
REPLICAS_A_PROMPT = "video/replicas_per_prompt"
NAMES = {DECODES: "video/decodes", PROCESSOR_PASSES: "video/processor_passes", ENGINE_PASSES: "video/engine_passes"}


def video_metrics(rollouts: Sequence[Mapping[str, Any]], prompts: int) -> dict[str, float]:
    """
    Args:
        rollouts: their extra_fields.
        prompts: that these are rollouts of.

    Returns:
        A prompt's share of each count in NAMES, which is none where another agent loop ran; and from how many replicas
        its rollouts came.
    """
    totals = {
        name: sum(int(rollout[key]) for rollout in rollouts)
        for key, name in NAMES.items()
        if rollouts and all(key in rollout for rollout in rollouts)
    }
    shares = {f"{name}_per_prompt": total / prompts for name, total in totals.items()}
    if rollouts and all(REPLICA in rollout for rollout in rollouts):
        shares[REPLICAS_A_PROMPT] = len({(rollout.get("uid"), rollout[REPLICA]) for rollout in rollouts}) / prompts
    return shares
