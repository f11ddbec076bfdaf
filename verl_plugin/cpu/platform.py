"""A CPU as a verl platform: gloo between workers, shared memory for weights, one logical Ray GPU to schedule by."""

from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import torch
from verl.plugin.platform import PlatformBase, PlatformRegistry
from verl.utils import distributed

BACKEND = "gloo"


class _CpuDevice(ModuleType):
    """`torch.cpu`, with the calls that verl makes of an accelerator's module and a CPU has no use for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch.cpu, name)

    def empty_cache(self) -> None: ...

    def ipc_collect(self) -> None: ...

    def is_available(self) -> bool:
        return True

    def mem_get_info(self, device: object = None) -> tuple[int, int]:
        """Free and total bytes; a CPU run is not limited by a device's memory."""
        import psutil

        memory = psutil.virtual_memory()
        return memory.available, memory.total

    def memory_allocated(self, device: object = None) -> int:
        return 0

    memory_reserved = max_memory_allocated = max_memory_reserved = memory_allocated

    def reset_peak_memory_stats(self, device: object = None) -> None: ...

    def get_rng_state(self) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor) -> None:
        torch.set_rng_state(state)

    def get_device_name(self, device: object = None) -> str:
        return "cpu"

    def set_per_process_memory_fraction(self, fraction: float, device: object = None) -> None: ...


@PlatformRegistry.register(platform="cpu")
class CpuPlatform(PlatformBase):
    """Chosen by `VERL_PLATFORM=cpu`."""

    @property
    def device_name(self) -> str:
        return "cpu"

    @property
    def vendor_name(self) -> str:
        return "cpu"

    @property
    def device_module(self) -> ModuleType:
        return _DEVICE

    def is_available(self) -> bool:
        return True

    def current_device(self) -> Any:
        """Not 0: verl hands it to torch as a device, to which a bare number is the first GPU."""
        return "cpu"

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None: ...

    def synchronize(self, device_index: int | None = None) -> None: ...

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None: ...

    def empty_cache(self) -> None: ...

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
        return None, None

    def communication_backend_name(self) -> str:
        return BACKEND

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Any:
        yield

    def profiler_start(self) -> None: ...

    def profiler_stop(self) -> None: ...

    def ray_resource_name(self) -> str:
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

    def is_ipc_supported(self) -> bool:
        return False

    def cudart(self) -> None:
        return None


_DEVICE = _CpuDevice("videokr_cpu_device")


def use_one_process_group() -> None:
    """Binds the backend for every caller that imports the function after this.

    verl 0.9.1 asks torch for `cpu:gloo,<device>:<backend>`, which torch refuses where the device is the CPU itself
    ("Duplicate device type cpu"). Its function takes the backend as an argument; only the default is wrong.
    """
    distributed.initialize_global_process_group_ray = partial(
        distributed.initialize_global_process_group_ray, backend=BACKEND
    )
