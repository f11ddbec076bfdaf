"""verl and its vLLM rollouts on a CPU, for the demo and the tests.

Loaded only when asked for, by `VERL_USE_EXTERNAL_MODULES=verl_plugin.cpu VERL_PLATFORM=cpu`: verl imports it in every
one of its processes before anything else of its own.
"""

from verl_plugin.cpu import distribution, platform

distribution.install()
platform.use_one_process_group()

__all__ = ["platform"]
