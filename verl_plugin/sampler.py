"""verl's sampler, but a prompt whose rollout failed ends the run: `trainer.v1.sampler.custom_sampler`.

Stock verl logs the failure, pads the batch and trains on: a video that cannot be decoded would leave no other trace.
A few prompts on which a judge gave no verdict are left to verl, and counted. Where groups without variance are filtered
(`algorithm.filter_groups`, DAPO), a step in which too few of them vary ends the run, and does not ask for ever.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import transfer_queue
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from verl_plugin import dialogue_reward
from verl_plugin.cluster import what_died
from verl_plugin.videos import video_metrics
from videokr.errors import UserError
from videokr.evaluation.judge import JudgeError

TRAINING = "train"  # verl's partition of the transfer queue
PARTS = ("acc", "format", "answered", *dialogue_reward.PARTS)  # of a reward
# Partitions of our own, one key a failed prompt.
FAULTS = "videokr_faults"
JUDGE_FAILURES = "videokr_judge_failures"


async def report_fault(uid: str, fault: UserError) -> None:
    """Leaves what went wrong with a prompt where the trainer finds it, whichever process this is."""
    await transfer_queue.async_kv_put(key=uid, partition_id=FAULTS, tag={"message": str(fault)})


async def report_judge_failure(uid: str, failure: JudgeError) -> None:
    """Leaves why a judge gave no verdict on a prompt's rollout where the trainer finds it."""
    tag = {"message": str(failure), "seconds": time.time()}
    await transfer_queue.async_kv_put(key=uid, partition_id=JUDGE_FAILURES, tag=tag)


def reward_metrics(rewards: Sequence[Mapping[str, Any]], reasons_met: set[str]) -> dict[str, float]:
    """What the rewards of one step say of themselves, as verl logs it.

    Args:
        rewards: what the reward function gave for each rollout; another one than ours may give less.
        reasons_met: in this run; those of this step are added. A reason that was met once has a curve from then on.

    Returns:
        `reward/acc`, `reward/format` and `reward/answered`, means in [0, 1], and `reward/reason/...`, shares.
    """
    metrics: dict[str, float] = {}
    for name in PARTS:
        values = [float(reward[name]) for reward in rewards if name in reward]
        if values:
            metrics[f"reward/{name}"] = sum(values) / len(values)
    reasons = Counter(str(reward["reason"]) for reward in rewards if "reason" in reward)
    reasons_met.update(reasons)
    if reasons:
        metrics |= {f"reward/reason/{reason}": reasons[reason] / reasons.total() for reason in sorted(reasons_met)}
    return metrics


class StrictReplayBuffer(ReplayBuffer):
    """The stock synchronous sampler that does not accept failed prompts, but for a few that a judge failed on.

    `trainer.v1.sampler.sampler_kwargs`: `poll_seconds` is how often it looks whether the rollouts are done,
    `max_judge_failures` which share of a batch's prompts may have a rollout without the judge's verdict;
    `filter_groups` and `train_batch_size` are the run's own, of which verl tells a custom sampler nothing.

    Raises:
        UserError: the run is asynchronous, for which verl has another sampler; or no metric is given to filter by.
    """

    def __init__(self, *, trainer_mode: str, sampler_kwargs: Any, refill_fn: Callable[[int], Any], **settings: Any):
        if trainer_mode != "sync":
            raise UserError(
                "verl_plugin.sampler samples in synchronous runs alone: add "
                "trainer.v1.sampler.custom_sampler.name=null for verl's own, which trains on when a rollout fails"
            )
        self._filter: Any = sampler_kwargs.get("filter_groups")
        if self._filter and self._filter.enable:
            if not self._filter.metric:
                raise UserError("algorithm.filter_groups.metric is not set: reward, or acc")
            settings |= {
                "filter_groups_metric": str(self._filter.metric),
                "train_batch_size": sampler_kwargs.train_batch_size,
                "gen_batch_size": 1,  # as verl then draws prompts
                "max_inflight_gen_batches": self._filter.max_inflight_gen_batches,
            }
        self._asked, self._refill, self._batch = 0, refill_fn, sampler_kwargs.get("train_batch_size")
        self._max_judge_failures = sampler_kwargs.get("max_judge_failures")
        self._reasons_met: set[str] = set()
        super().__init__(
            trainer_mode=trainer_mode,
            sampler_kwargs=sampler_kwargs,
            poll_interval=sampler_kwargs.poll_seconds,
            refill_fn=self._ask_for_more,
            **settings,
        )

    def _ask_for_more(self, prompts: int) -> Any:
        """Asks for prompts in the place of groups that were filtered out.

        Raises:
            UserError: as many are asked for in this step already as `max_num_gen_batches` allows, which verl's own
                sampler ignores: it would ask for ever where all rollouts are scored alike.
        """
        most = self._filter.max_num_gen_batches
        self._asked += prompts
        if most > 0 and self._asked > most * self._batch:
            raise UserError(
                f"{self._asked - prompts} prompts were asked in one step, and still fewer than {self._batch} have "
                f"rollouts that differ in {self._filter.metric}: look at the scores (videokr explain-rollouts), raise "
                f"algorithm.filter_groups.max_num_gen_batches ({most}), or leave algorithm.filter_groups.enable out"
            )
        return self._refill(prompts)

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> Any:
        """A batch of finished prompts, and the metrics, of which `reward/judge_failed` counts prompts.

        Raises:
            UserError: a rollout met a mistake of the user's, or the judge failed on too many prompts.
            RuntimeError: one failed otherwise.
        """
        self._asked = batch_size
        try:
            batch, metrics = super().sample(global_steps, partition_id, batch_size)
        finally:
            judge_failed = self._raise_faults(partition_id, batch_size)
        metrics = {**metrics, "reward/judge_failed": judge_failed}
        return batch, metrics | self._rollout_metrics(batch) if partition_id == TRAINING else metrics

    def _wait_for_next_poll(self, partition_id: str, last_debug_time: float) -> float:
        """Waits, but not for the rollouts of a node or process that is gone, as verl would for ever."""
        if died := what_died():
            raise RuntimeError(died)
        return float(super()._wait_for_next_poll(partition_id, last_debug_time))

    def _rollout_metrics(self, batch: Any) -> dict[str, float]:
        """Curves of the reward's parts, which verl logs in validation alone, and of the work on videos."""
        if not batch.keys:
            return {}
        fields = transfer_queue.kv_batch_get(
            keys=batch.keys, partition_id=batch.partition_id, select_fields=["extra_fields"]
        )["extra_fields"]
        rollouts = [getattr(field, "data", field) for field in fields]
        said = [rollout.get("reward_extra_info") for rollout in rollouts]
        rewards = [reward for reward in said if reward]  # none yet where a reward model shares the trainer's devices
        prompts = len({rollout.get("uid") for rollout in rollouts})
        return reward_metrics(rewards, self._reasons_met) | video_metrics(rollouts, prompts)

    def _raise_faults(self, partition_id: str, batch_size: int) -> int:
        """Ends the run for what failed, but for the judge's failures, as long as they are few: their number.

        A prompt of which one rollout failed by the judge and another otherwise counts as the judge's.
        """
        failed = self.failure_keys[partition_id]
        if not failed:
            return 0
        faults = transfer_queue.kv_list(FAULTS).get(FAULTS, {})
        for uid in failed & set(faults):
            raise UserError(faults[uid]["message"])
        failures = transfer_queue.kv_list(JUDGE_FAILURES).get(JUDGE_FAILURES, {})
        if failed - set(failures):
            raise RuntimeError(f"{len(failed - set(failures))} prompts failed in their rollout; the log above says why")
        last = max((failures[uid] for uid in failed), key=lambda tag: float(tag["seconds"]))["message"]
        told = f"the judge gave no verdict on {len(failed)} of {batch_size} prompts; the last time: {last}"
        if len(failed) > self._max_judge_failures * batch_size:
            raise UserError(
                f"{told}; see to the judge and start again from the last checkpoint, or raise "
                f"trainer.v1.sampler.sampler_kwargs.max_judge_failures ({self._max_judge_failures:g})"
            )
        print(told, flush=True)
        transfer_queue.kv_clear(keys=list(failed), partition_id=JUDGE_FAILURES)
        return len(failed)
