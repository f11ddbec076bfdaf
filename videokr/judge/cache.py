"""Verdicts on disk, so that no case is paid for twice.

One small file a verdict, written aside and renamed, and no database: a rename is whole or has not happened, whoever is
killed, and it is so on a network folder too, which the nodes of one run share and where SQLite's WAL does not work.
"""

import hashlib
import json
import os
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

from videokr.errors import UserError
from videokr.judge.instruction import instruction_digest


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a verdict follows from.

    Attributes:
        model, address: of the judge.
    """

    model: str
    address: str
    question: str
    gold: str
    answer: str

    @property
    def key(self) -> str:
        """Differs from that of every other case, and of this one under another instruction."""
        parts = [self.model, self.address, instruction_digest(), self.question, self.gold, self.answer]
        # Escaped, so that a text that is no whole Unicode (half a surrogate pair) has a key, too.
        return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


class VerdictCache:
    """The verdicts below one folder; as many processes as there are may share it.

    Raises:
        UserError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(f"judge cache '{folder}' cannot be written: give another folder (judge_cache)")

    def read(self, case: Case) -> bool | None:
        """The verdict; None where there is none yet. A file that is broken counts as none, and is reported.

        Raises:
            UserError: a file is there and cannot be read.
        """
        path = self._path(case.key)
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        correct = _verdict(text, case.key)
        if correct is None:
            print(f"judge cache: '{path}' is broken; its case is asked again", file=sys.stderr, flush=True)
        return correct

    def write(self, case: Case, correct: bool) -> None:
        """Keeps a verdict, in place of what is there.

        Raises:
            UserError: it cannot be written.
        """
        path = self._path(case.key)
        # Without the address, which may hold a password; with the case, for whoever looks into the folder.
        record = {"key": case.key, "correct": correct, "model": case.model}
        record |= {"question": case.question, "gold": case.gold, "answer": case.answer}
        aside = path.with_name(f".{uuid.uuid4().hex}.partial")
        try:
            path.parent.mkdir(exist_ok=True)
            try:
                aside.write_text(json.dumps(record), encoding="ascii")
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from None

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def _unusable(self, error: OSError) -> UserError:
        place = error.filename or self.folder
        return UserError(
            f"judge cache '{place}': {error.strerror}: put that right, or give another folder (judge_cache)"
        )


def _verdict(text: bytes, key: str) -> bool | None:
    try:
        record = json.loads(text)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("key") != key or not isinstance(record.get("correct"), bool):
        return None
    return bool(record["correct"])
