"""Which frames of a video each stage shows to each model family, how large and when."""

import sys
from pathlib import Path

from videokr import plan_frames, read_frames
from videokr.budget import BUDGETS, SFT_BUDGET
from videokr.errors import exit_status
from videokr.family import FAMILIES
from videokr.video.timeline import read_header


def main() -> None:
    path = Path(sys.argv[1])
    header = read_header(path)
    print(f"{header.frame_count} frames of {header.width}x{header.height}, {header.duration_seconds:.2f} s")
    for stage, budget in BUDGETS.items():
        for name, family in FAMILIES.items():
            plan = plan_frames(header, budget, family.patch_size)
            print(
                f"{stage:<4} {name:<9} {len(plan.indices)} frames of {plan.width}x{plan.height}, "
                f"{plan.video_tokens} tokens, the last at {plan.seconds[-1]:.2f} s"
            )
    frames, _ = read_frames(path, SFT_BUDGET, FAMILIES["qwen3vl"].patch_size)
    print(f"read: {tuple(frames.shape)} {frames.dtype}")


if __name__ == "__main__":
    sys.exit(exit_status(main))
