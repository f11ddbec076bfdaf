"""The one switch of the fast path to a video's frames."""

import os

from videokr.errors import UserError

VARIABLE = "VIDEOKR_FAST_VIDEO"


def is_fast() -> bool:
    """Whether proxies are read, frames that nothing hangs on are left out, and rollouts share what they are shown.

    On unless `VIDEOKR_FAST_VIDEO=0`; UserError where that is not 0 or 1. What a model sees is the same either way, but
    for the PSNR of proxies.
    """
    given = os.environ.get(VARIABLE) or "1"
    if given not in ("0", "1"):
        raise UserError(f"{VARIABLE} is '{given}': 0 or 1")
    return given == "1"
