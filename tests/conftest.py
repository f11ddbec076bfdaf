import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the plain modules beside the tests

from judge_endpoint import Endpoint, serve

if importlib.util.find_spec("hypothesis"):
    from hypothesis import settings

    # The same examples in every run, and no time limit on one: a busy machine is no fault of the code.
    settings.register_profile("videokr", deadline=None, derandomize=True)
    settings.load_profile("videokr")


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve() as server:
        yield server
