"""SFT on a machine without a GPU: its settings over the published ones, and the environment of its process."""

import os
import sys

from checkout import ROOT

CONFIGS = ROOT / "llamafactory_plugin" / "configs"
ON_CPU = {
    "deepspeed": "null",
    "bf16": "false",
    "use_cpu": "true",
    "flash_attn": "sdpa",
    "freeze_vision_tower": "false",
    "freeze_multi_modal_projector": "false",
    "preprocessing_num_workers": "2",
    "dataloader_num_workers": "0",
    "max_steps": "2",
    "logging_steps": "1",
    "gradient_accumulation_steps": "1",
    "plot_loss": "false",
}


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "VIDEOKR_PYTHON": sys.executable,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        **more,
    }
