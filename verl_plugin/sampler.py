"""verl's sampler, but a prompt whose rollout failed ends the run: `trainer.v1.sampler.custom_sampler`.

Stock verl logs the failure, pads the batch and trains on: a video that cannot be decoded would leave no other trace.
"""

from typing import Any

import transfer_queue
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from videokr.errors import UserError

FAULTS = "videokr_faults"  # partition of the transfer queue, one key a failed prompt


async def report_fault(uid: str, fault: UserError) -> None:
    """Leaves what went wrong with a prompt where the trainer finds it, whichever process this is."""
    await transfer_queue.async_kv_put(key=uid, partition_id=FAULTS, tag={"message": str(fault)})


class StrictReplayBuffer(ReplayBuffer):
    """The stock synchronous sampler that does not accept failed prompts.

    `trainer.v1.sampler.sampler_kwargs.poll_seconds` is how often it looks whether the rollouts are done.

    Raises:
        UserError: the run is asynchronous or filters groups, for which verl hands a custom sampler no settings.
    """

    def __init__(self, *, trainer_mode: str, sampler_kwargs: Any, **settings: Any):
        if trainer_mode != "sync" or sampler_kwargs.filter_groups:
            raise UserError(
                "verl_plugin.sampler samples in synchronous runs without algorithm.filter_groups alone: add "
                "trainer.v1.sampler.custom_sampler.name=null for verl's own, which trains on when a rollout fails"
            )
        super().__init__(
            trainer_mode=trainer_mode,
            sampler_kwargs=sampler_kwargs,
            poll_interval=sampler_kwargs.poll_seconds,
            **settings,
        )

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> Any:
        """A batch of finished prompts.

        Raises:
            UserError: a rollout met a mistake of the user's.
            RuntimeError: one failed otherwise.
        """
        try:
            batch = super().sample(global_steps, partition_id, batch_size)
        finally:
            self._raise_faults(partition_id)
        return batch

    def _raise_faults(self, partition_id: str) -> None:
        failed = self.failure_keys[partition_id]
        if not failed:
            return
        faults = transfer_queue.kv_list(FAULTS).get(FAULTS, {})
        for uid in failed & set(faults):
            raise UserError(faults[uid]["message"])
        raise RuntimeError(f"{len(failed)} prompts failed in their rollout; the log above says why")
