"""verl and its vLLM rollouts on a CPU, for the demo and the tests.

Loaded only when asked for, by `VERL_USE_EXTERNAL_MODULES=verl_plugin.cpu VERL_PLATFORM=cpu`: verl imports it in every
one of its processes before anything else of its own.
"""

from verl_plugin.cpu import distribution, platform, process_group

distribution.install()
process_group.install()

__all__ = ["platform"]
