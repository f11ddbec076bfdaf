import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from judge_endpoint import Endpoint, serve

if importlib.util.find_spec("hypothesis"):
    from hypothesis import settings

    # The same examples in every run, and no time limit on one: a busy machine is no fault of the code.
    settings.register_profile("videokr", deadline=None, derandomize=True)
    settings.load_profile("videokr")

# As local_script/launch.sh, for the tests that start an engine themselves.
os.environ["TORCH_COMPILE_DISABLE"] = "1"
os.environ.setdefault("VLLM_CACHE_ROOT", str(Path.home() / ".cache" / "vllm" / Path(sys.prefix).name))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve() as server:
        yield server
