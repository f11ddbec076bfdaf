"""Mistakes a user can mend, and how a command reports them."""

import errno
import os
import re
import sys
from collections.abc import Callable

USER_ERROR_STATUS = 2
FAULTY_DATA_STATUS = 3  # the command did its work, and some of the data will not do
BROKEN_PIPE_STATUS = 141  # as a shell reports SIGPIPE
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline


class UserError(Exception):
    """Something the user can put right; its text names the thing, the value and the way out."""


class RecordError(UserError):
    """A record that cannot be read as an example.

    Attributes:
        reason: short and the same for every record with this fault, so that drops can be counted by it.
        field: the record's field at fault.
        line: the record's line in a JSONL file, or its place in a JSON list, counted from 1.
    """

    def __init__(self, field: str, reason: str, detail: str = "", source: str = "", line: int | None = None):
        self.field, self.reason, self.detail, self.source, self.line = field, reason, detail, source, line
        place = "item" if source.endswith(".json") else "row" if source.endswith(".parquet") else "line"
        where = f"{source or 'record'}{'' if line is None else f', {place} {line}'}"
        super().__init__(f"{where}: field '{field}': {reason}{f': {detail}' if detail else ''}")

    def __reduce__(self) -> tuple[type["RecordError"], tuple[str, str, str, str, int | None]]:
        # An exception is otherwise rebuilt from its text alone, and could not leave a worker process.
        return RecordError, (self.field, self.reason, self.detail, self.source, self.line)

    def located(self, source: str, line: int) -> "RecordError":
        """The same fault with the file and line it was met at."""
        return RecordError(self.field, self.reason, self.detail, source, line)


def for_terminal(text: str) -> str:
    """The text with control characters written out (`\\x1b`), so that none of them reaches the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def exit_status(command: Callable[[], int | None]) -> int:
    """Runs a command line: 0 or its own status, 2 for the user's mistakes, without a traceback."""
    try:
        return command() or 0
    except UserError as error:
        # Ray raises a subclass of the worker's error, whose text is the worker's traceback; the error is its cause.
        print(f"error: {for_terminal(str(getattr(error, 'cause', error)))}", file=sys.stderr)
        return USER_ERROR_STATUS
    except BrokenPipeError:  # `| head`: the reader has what it wanted, and Python's own last flush would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE_STATUS
    except OSError as error:
        if error.errno in NO_SPACE:
            print(f"error: {error.strerror}: make room and run it again", file=sys.stderr)
        elif error.filename is None:
            raise
        else:
            print(f"error: '{error.filename}': {error.strerror}", file=sys.stderr)
        return USER_ERROR_STATUS
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
