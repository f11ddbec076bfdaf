"""What verl is to know of in each of its processes: an entry point of the group `verl.plugins`, which it imports."""

from verl.workers.rollout.replica import RolloutReplicaRegistry

from verl_plugin import metrics_file


def load_replica() -> type:
    """verl's vLLM replica, with a server of ours; loaded when a run starts its rollouts."""
    from verl_plugin.rollout_server import VideoKRReplica

    return VideoKRReplica


RolloutReplicaRegistry.register("vllm", load_replica)
metrics_file.install()
