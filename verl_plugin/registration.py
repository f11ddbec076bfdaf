"""What verl is to know of in each of its processes: an entry point of the group `verl.plugins`, which it imports.

- A run that goes on adds its steps to verl's file of metrics (`trainer.logger=[file]`). Stock verl empties it when a
  run starts (verl/utils/tracking.py, `FileLogger`; no upstream issue found).
- A run ends after a step whose rollouts the trainer does not see as vLLM did. Stock verl logs how far the two are
  apart, and trains on (no upstream issue found).
"""

import os
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from verl.utils import tracking
from verl.workers.rollout.replica import RolloutReplicaRegistry

from videokr.errors import UserError

METRICS_PATH = "VERL_FILE_LOGGER_PATH"  # verl's
DIFFERENCE, IS_KNOWN = "training/rollout_probs_diff_mean", "training/rollout_probs_diff_valid"  # verl's curves
BOUND = "trainer.v1.max_rollout_probs_diff"  # ours: verl_plugin/config/videokr_grpo.yaml


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


class BoundedTracking(tracking.Tracking):
    """verl's metrics, of which one ends the run: once the step is logged, and its rollouts are handed to be written."""

    def __init__(self, *args: Any, config: Any = None, **settings: Any):
        super().__init__(*args, config=config, **settings)
        self._bound = OmegaConf.select(OmegaConf.create(config or {}), BOUND)  # None: a run of another configuration

    def log(self, data: Any, step: int, backend: Any = None) -> None:
        super().log(data, step, backend)
        if self._bound is None or not data.get(IS_KNOWN) or data[DIFFERENCE] <= self._bound:
            return
        raise UserError(
            f"step {step}: the trainer gives the tokens of its rollouts other probabilities than vLLM did, by "
            f"{data[DIFFERENCE]:.2g} on average, above {BOUND}={self._bound:g}: the two see other frames, tokens or "
            "weights, and what is learnt of it is wrong. Look at videokr parity of this model and data, at "
            "rollout.load_format (auto), at dtype and quantization; rollout.top_k, top_p and a temperature of 0 change "
            "vLLM's probabilities alone"
        )


RolloutReplicaRegistry.register("vllm", load_replica)
tracking.FileLogger = AppendingFileLogger
tracking.Tracking = BoundedTracking
