"""The batches of a run, divided as verl divides them, before Ray starts.

verl 0.9.1 looks at a part of this when it begins, and meets the rest in its first step, after the rollouts.
"""

from math import gcd
from typing import Any

from videokr.errors import UserError

# The launcher's variables, by which a message names what does not fit.
BATCH, MINI_BATCH = "TRAIN_BATCH_SIZE", "PPO_MINI_BATCH_SIZE"
MICRO_BATCH, LOGPROB_BATCH = "PPO_MICRO_BATCH_SIZE_PER_GPU", "LOGPROB_MICRO_BATCH_SIZE_PER_GPU"


def check_batches(config: Any) -> None:
    """Divides the batches as verl will, before it starts.

    Raises:
        UserError: the batches cannot be divided among the GPUs; names numbers near to those given that can.
    """
    part = config.actor_rollout_ref
    actor, rollout = part.actor, part.rollout
    gpus = config.trainer.n_gpus_per_node * config.trainer.nnodes
    for name, size in (
        ("ulysses_sequence_parallel_size", actor.ulysses_sequence_parallel_size),
        ("tensor_model_parallel_size (ROLLOUT_TP)", rollout.tensor_model_parallel_size),
    ):
        if gpus % size:
            raise UserError(f"{gpus} GPUs cannot be shared by {name}={size}: give a divisor of {gpus}")
    ranks = gpus // actor.ulysses_sequence_parallel_size
    given = {BATCH: config.data.train_batch_size, MINI_BATCH: actor.ppo_mini_batch_size}
    if actor.use_dynamic_bsz:
        _check_token_limits(config)
    else:
        given[MICRO_BATCH] = actor.ppo_micro_batch_size_per_gpu
    for scored_by in (rollout, part.ref):
        if not scored_by.log_prob_use_dynamic_bsz:
            given[LOGPROB_BATCH] = scored_by.log_prob_micro_batch_size_per_gpu
        if found := misfit(given, ranks, rollout.n):
            raise UserError(found[0])


def misfit(given: dict[str, int], ranks: int, rollouts: int) -> tuple[str, dict[str, int]] | None:
    """What of these batches cannot be divided, as a message, and what has to change; None where all can be."""
    if (fault := _fault(given, ranks, rollouts)) is None:
        return None
    fitting = {name: value for name, value in _fitting(given, ranks, rollouts).items() if value != given[name]}
    changed = " ".join(f"{name}={value}" for name, value in fitting.items())
    return f"{fault}; {ranks} ranks and {rollouts} rollouts a prompt fit {changed}", fitting


def _fault(given: dict[str, int], ranks: int, rollouts: int) -> str | None:
    mini, whole = given[MINI_BATCH] * rollouts, given[BATCH] * rollouts
    if given[BATCH] < given[MINI_BATCH]:
        return f"{BATCH}={given[BATCH]} prompts are fewer than {MINI_BATCH}={given[MINI_BATCH]}"
    if mini % ranks:
        return f"a mini-batch of {mini} rollouts ({MINI_BATCH}={given[MINI_BATCH]}) cannot be shared by {ranks} ranks"
    micro, log_prob = given.get(MICRO_BATCH), given.get(LOGPROB_BATCH)
    if micro and mini // ranks % micro:
        return f"{mini // ranks} rollouts of a mini-batch on each rank are no multiple of {MICRO_BATCH}={micro}"
    if micro and whole % ranks:
        return f"a batch of {whole} rollouts ({BATCH}={given[BATCH]}) cannot be shared by {ranks} ranks"
    a_rank = -(-whole // mini) * mini // ranks  # verl fills the last mini-batch with rows that count nothing
    if log_prob and a_rank % log_prob:
        return f"{a_rank} rollouts of a batch on each rank are no multiple of {LOGPROB_BATCH}={log_prob}"
    return None


def _fitting(given: dict[str, int], ranks: int, rollouts: int) -> dict[str, int]:
    """Numbers near those given: a mini-batch that the ranks share, and whole ones of it."""
    step = ranks // gcd(ranks, rollouts)
    mini = max(step, round(given[MINI_BATCH] / step) * step)
    whole = max(mini, round(given[BATCH] / mini) * mini)
    fitting = {BATCH: whole, MINI_BATCH: mini}
    for name, prompts in ((MICRO_BATCH, mini), (LOGPROB_BATCH, whole)):
        if name in given:
            fitting[name] = _divisor(prompts * rollouts // ranks, given[name])
    return fitting


def _divisor(number: int, most: int) -> int:
    return max(divisor for divisor in range(1, min(number, most) + 1) if number % divisor == 0)


def _check_token_limits(config: Any) -> None:
    part = config.actor_rollout_ref
    longest = config.data.max_prompt_length + config.data.max_response_length
    for name, limit in (
        ("actor.ppo_max_token_len_per_gpu", part.actor.ppo_max_token_len_per_gpu),
        ("rollout.log_prob_max_token_len_per_gpu", part.rollout.log_prob_max_token_len_per_gpu),
        ("ref.log_prob_max_token_len_per_gpu", part.ref.log_prob_max_token_len_per_gpu),
    ):
        if limit * part.actor.ulysses_sequence_parallel_size < longest:
            raise UserError(
                f"actor_rollout_ref.{name}={limit} holds no prompt with its response, {longest} tokens at most: raise "
                "it, or lower MAX_PROMPT_LENGTH"
            )
