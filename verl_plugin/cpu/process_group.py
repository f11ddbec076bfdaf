"""One process group for a run whose only device is the CPU.

verl 0.9.1 asks torch for `cpu:gloo,<device>:<backend>`, which torch refuses where the device is the CPU itself
("Duplicate device type cpu"). Its function takes the backend as an argument; only the default is wrong.
"""

from functools import partial

from verl.utils import distributed

BACKEND = "gloo"


def install() -> None:
    """Binds the backend for every caller that imports the function after this."""
    distributed.initialize_global_process_group_ray = partial(
        distributed.initialize_global_process_group_ray, backend=BACKEND
    )
