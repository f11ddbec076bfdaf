"""torchrun, but a mistake of the user's that ended a worker ends it with the same status and without its report.

python -m llamafactory_plugin.torchrun [torchrun's arguments]
"""

import sys

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from videokr.errors import USER_ERROR_STATUS, exit_status


def main() -> int:
    try:
        run.main()
    except ChildFailedError as error:
        if error.get_first_failure()[1].exitcode != USER_ERROR_STATUS:
            raise
        return USER_ERROR_STATUS  # the worker has said what is wrong
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
