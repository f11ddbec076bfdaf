import importlib.util
import os
from collections.abc import Iterator

import pytest
from judge_endpoint import Endpoint, serve

if importlib.util.find_spec("hypothesis"):
    from hypothesis import settings

    # The same examples in every run, and no time limit on one: a busy machine is no fault of the code.
    settings.register_profile("videokr", deadline=None, derandomize=True)
    settings.load_profile("videokr")

os.environ["TORCH_COMPILE_DISABLE"] = "1"  # as local_script/launch.sh, for the tests that start an engine themselves


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve() as server:
        yield server
