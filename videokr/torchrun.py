"""torchrun, which says in one line on which node a process ended, or that the nodes have not found each other.

    python -m videokr.torchrun [torchrun's arguments]

A mistake of the user's, which the process has told, ends it with the same status.
"""

import os
import socket
import sys

from videokr.errors import USER_ERROR_STATUS, exit_status

KILLED_STATUS = 128  # and the signal's number, as a shell reports it


def main() -> int:
    from torch.distributed import DistError, run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    node = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    try:
        run.main()
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        status = first.exitcode
        if status == USER_ERROR_STATUS:
            return USER_ERROR_STATUS
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        way_out = "on all nodes, the same command goes on from what is saved"
        print(f"error: node '{node}': process {first.pid} {how}; {way_out}", file=sys.stderr)
        return KILLED_STATUS - status if status < 0 else 1
    except DistError as error:  # of torchrun itself: its processes end in the error above
        told = str(error).partition("\n")[0].rstrip(".")
        question = "are all NNODES started, with rank 0's address as MASTER_ADDR and a free MASTER_PORT?"
        print(f"error: node '{node}': {told}: {question}", file=sys.stderr)
        return 1
    except SignalException as error:  # from whoever ends the run
        return KILLED_STATUS + int(error.sigval)
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
