"""vLLM on a CPU that can be given new weights while it runs.

vLLM repacks linear weights for its CPU kernels when a model is loaded and drops the originals, so that verl's weight
updates find nothing to load into. An entry point of the group `vllm.general_plugins`: vLLM calls it in each process.
"""

import os


def register() -> None:
    """Switches the repacking off, under verl's CPU platform only."""
    if os.environ.get("VERL_PLATFORM") != "cpu":
        return
    import vllm._custom_ops

    vllm._custom_ops._supports_onednn = False
