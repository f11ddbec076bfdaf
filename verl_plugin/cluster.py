"""Where a run's processes are: this machine, or a Ray cluster that `ray start` began, and what they find there.

Ray's processes on a cluster have the environment and the folder of their node's `ray start`, not those of the run.
Paths are therefore made absolute, and variables are sent along; but Ray writes what it is sent into its logs, and verl
prints it, so that no secret is sent: each node must have it already.
"""

import os
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verl_plugin.registration import METRICS_PATH
from verl_plugin.reward_settings import JUDGED
from videokr.errors import UserError
from videokr.video import fast_path
from videokr.video.proxy import FOLDER_VARIABLE

MODEL = "actor_rollout_ref.model.path"
DATA = ("data.train_files", "data.val_files", "data.video_manifest", "data.video_root")
WRITTEN = ("trainer.default_local_dir", "trainer.rollout_data_dir", "trainer.validation_data_dir")
REWARD = "reward.custom_reward_function.path"
FREEZE_VARIABLE = "VIDEOKR_FREEZE_VISION_TOWER"  # in Ray's workers; not for users
FOLDERS = (FOLDER_VARIABLE, METRICS_PATH)
VARIABLES = (fast_path.VARIABLE, *FOLDERS, "VERL_USE_EXTERNAL_MODULES", "VERL_USE_EXTERNAL_PLUGINS", "VERL_PLATFORM")
JUDGE_VARIABLES = (
    *("API_TYPE", "API_VERSION", "MODEL_VERSION", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    *("AZURE_API_KEY", "AZURE_ENDPOINT", "VIDEOKR_USE_VLM_JUDGE"),
)
SECONDS_TO_ANSWER = 10  # of a node
SECRET_NAME = re.compile("KEY|TOKEN|SECRET|PASSWORD")


def make_paths_absolute(config: Any) -> None:
    """Makes the paths of a run mean the same in every process; a name on the hub and an address stay as they are."""
    from omegaconf import ListConfig, OmegaConf

    def absolute(path: Any) -> str:
        return str(path) if "://" in str(path) else str(Path(path).expanduser().absolute())

    for key in (MODEL, *DATA, *WRITTEN, REWARD):
        given = OmegaConf.select(config, key)
        if given is None or (key == MODEL and not Path(given).expanduser().exists()):
            continue
        made = [absolute(path) for path in given] if isinstance(given, ListConfig) else absolute(given)
        OmegaConf.update(config, key, made)


def run_variables(config: Any, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of this process that the run's others need: how videos are read, its judge and its loggers."""
    names = list(VARIABLES)
    if config.reward.custom_reward_function.path == JUDGED:
        names += JUDGE_VARIABLES
    prefixes = tuple(f"{logger.upper()}_" for logger in loggers(config))
    names += [name for name in environment if name.startswith(prefixes)]
    found = {name: environment[name] for name in names if environment.get(name)}
    return {name: str(Path(value).absolute()) if name in FOLDERS else value for name, value in found.items()}


def loggers(config: Any) -> list[str]:
    given = config.trainer.logger
    return [given] if isinstance(given, str) else list(given or [])


def is_secret(name: str, value: str) -> bool:
    """Whether a variable may not be written down: by its name, or for credentials that stand in an address."""
    return bool(SECRET_NAME.search(name)) or "@" in value


def tell_engine(config: Any) -> None:
    """Puts `actor.freeze_vision_tower` where each worker's engine finds it: verl_plugin/engine.py."""
    from omegaconf import OmegaConf

    actor = config.actor_rollout_ref.actor
    if actor.freeze_vision_tower:
        actor.fsdp_config.use_orig_params = True  # else FSDP1 takes no layer of which a part is frozen
        own = f"runtime_env.env_vars.{FREEZE_VARIABLE}"
        OmegaConf.update(config.ray_kwargs.ray_init, own, "1", force_add=True)


def tell_ray(ray_init: Any, variables: Mapping[str, str]) -> None:
    """Puts the variables that are no secret into Ray's environment, unless the run has set them there."""
    from omegaconf import OmegaConf

    told = {name: value for name, value in variables.items() if not is_secret(name, value)}
    own = OmegaConf.select(ray_init, "runtime_env.env_vars") or {}
    OmegaConf.update(ray_init, "runtime_env.env_vars", {**told, **own}, force_add=True)


def check_machines(config: Any, variables: Mapping[str, str]) -> None:
    """Looks whether the GPUs are there that the run asks for, and on a cluster its files and secrets.

    Raises:
        UserError: one is not, or the cluster cannot be joined.
    """
    address = config.ray_kwargs.ray_init.get("address")
    if _is_joined(address):
        _check_cluster(address, config, [name for name, value in variables.items() if is_secret(name, value)])
        return
    nodes, gpus = config.trainer.nnodes, config.trainer.n_gpus_per_node
    if nodes > 1:
        raise UserError(
            f"NNODES={nodes}, and no Ray cluster is there to join: run `ray start --head` on one node and `ray start "
            "--address=HEAD:6379` on the others, then this on the head alone (MASTER_ADDR and NODE_RANK mean nothing "
            "to Ray)"
        )
    if config.trainer.device == "cuda":
        import torch

        there = torch.cuda.device_count()
        if gpus > there:
            raise UserError(f"N_GPUS={gpus}, and {there} GPUs are to be seen here (nvidia-smi, CUDA_VISIBLE_DEVICES)")


def _is_joined(address: str | None) -> bool:
    """Whether `ray.init` will join a cluster: one that is named, or that `ray start` began on this machine."""
    from ray._private.services import canonicalize_bootstrap_address

    named = address or os.environ.get("RAY_ADDRESS")
    return bool(named and "://" in named) or canonicalize_bootstrap_address(address) is not None


def _check_cluster(address: str | None, config: Any, secrets: Sequence[str]) -> None:
    import ray
    from omegaconf import OmegaConf
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    try:
        ray.init(address=address, log_to_driver=False)
    except ConnectionError as error:
        raise UserError(
            f"{' '.join(str(error).split())}: is it running? If so, its token is another, or none was sent: set "
            "RAY_AUTH_MODE=token here and give every machine the head's ~/.ray/auth_token, or RAY_AUTH_MODE=disabled "
            "for every `ray start` and here"
        ) from None
    try:
        nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        there = [int(node["Resources"].get("GPU", 0)) for node in nodes.values()]
        wanted, gpus = config.trainer.nnodes, config.trainer.n_gpus_per_node
        if sum(number >= gpus for number in there) < wanted:
            raise UserError(
                f"NNODES={wanted} with N_GPUS={gpus} each, and the nodes of the Ray cluster have "
                f"{', '.join(map(str, there))} GPUs"
            )
        files = [OmegaConf.select(config, key) for key in (MODEL, *DATA[:2])]
        paths = [path for path in _flat(files) if Path(path).is_absolute()]
        look = ray.remote(num_cpus=0)(_missing)
        asked = {
            name: look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(name, soft=False)).remote(
                list(secrets), paths
            )
            for name in nodes
        }
        for name, answer in asked.items():
            for what in ray.get(answer):
                place = nodes[name]["NodeManagerAddress"]
                raise UserError(f"{what}, on node {place}: Ray's processes there have what `ray start` found there")
    finally:
        ray.shutdown()


def _missing(variables: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Runs on each node: what it lacks, in words."""
    unset = [f"{name} is not set, and a secret is not sent along" for name in variables if not os.environ.get(name)]
    return unset + [f"'{path}' is not there" for path in paths if not Path(path).exists()]


def _flat(values: Sequence[Any]) -> list[str]:
    return [str(item) for value in values for item in ([value] if isinstance(value, str) else value or [])]


def what_died() -> str | None:
    """The node that is gone, else the run's process that died first with its node, in words; None where none has.

    Ray itself notes that a node is gone after some tens of seconds, in which its actors are called unavailable. Of a
    process that ends because its task is done, or because the run ends, it notes another reason.
    """
    import ray
    from ray._private import state  # ray.util.state wants Ray's dashboard, which a run does without

    nodes = {node["NodeID"]: node for node in ray.nodes()}
    for node in nodes.values():
        if node["Alive"] and not _answers(node["NodeManagerAddress"], node["NodeManagerPort"]):
            return f"node '{node['NodeName']}' is gone"
    died = []
    own = ray.get_runtime_context().get_job_id()  # a cluster that stays remembers the dead of earlier runs, too
    for actor in state.actors(job_id=ray.JobID.from_hex(own), actor_state_name="DEAD").values():
        cause, context = actor["DeathCause"], actor["DeathCause"].actor_died_error_context
        if cause.HasField("oom_context") or context.Reason.Name(context.reason) in ("WORKER_DIED", "NODE_DIED"):
            died.append((actor["EndTime"], actor["Address"]["NodeID"], actor["Pid"], actor["ActorClassName"]))
    if not died:
        return None
    _, node_id, process, what = min(died)
    name = nodes[node_id]["NodeName"] if node_id in nodes else node_id
    return f"node '{name}': process {process} ({what.rpartition('.')[2]}) has died"


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), SECONDS_TO_ANSWER).close()
    except OSError:
        return False
    return True
