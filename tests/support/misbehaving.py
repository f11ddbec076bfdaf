"""Tasks that hang or die, in a module of its own that worker processes can import."""

import os
import signal
import time


def misbehave(number: int, how: str) -> int:
    """Twice the number, but for 3."""
    if number == 3:
        if how == "hang":
            time.sleep(600)
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "aborts":
            os.abort()
        if how == "exits":
            os._exit(7)
    return 2 * number
