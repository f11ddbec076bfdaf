"""What verl is to know of in each of its processes: an entry point of the group `verl.plugins`, which it imports.

A run that goes on adds its steps to verl's file of metrics (`trainer.logger=[file]`). Stock verl empties it when a run
starts (verl/utils/tracking.py, `FileLogger`; no upstream issue found).
"""

import os
from pathlib import Path

from verl.utils import tracking
from verl.workers.rollout.replica import RolloutReplicaRegistry

METRICS_PATH = "VERL_FILE_LOGGER_PATH"  # verl's


def load_replica() -> type:
    """verl's vLLM replica, with a server of ours; loaded when a run starts its rollouts."""
    from verl_plugin.rollout_server import VideoKRReplica

    return VideoKRReplica


class AppendingFileLogger(tracking.FileLogger):
    """Where the launcher, or the user, says which file; verl makes up a name otherwise."""

    def __init__(self, project_name: str, experiment_name: str):
        if not os.environ.get(METRICS_PATH):
            super().__init__(project_name, experiment_name)
            return
        self.filepath = Path(os.environ[METRICS_PATH])
        self.filepath.parent.mkdir(parents=True, exist_ok=True)
        self.fp = self.filepath.open("ab", buffering=0)


RolloutReplicaRegistry.register("vllm", load_replica)
tracking.FileLogger = AppendingFileLogger
