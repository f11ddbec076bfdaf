"""The ledger: every request to a model, what it cost and the raw reply, in one SQLite file beside the outputs."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from videokr.errors import UserError

NAME = "ledger.sqlite"
# What a request costs is what it may cost at most until its reply says otherwise, so that one that a kill cut off stays
# paid for. A key may have been asked several times; one of them at most was answered.
_TABLES = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, step TEXT NOT NULL, model TEXT NOT NULL, row TEXT NOT NULL,
    attempt INTEGER NOT NULL, sent_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, tokens INTEGER NOT NULL,
    usd REAL NOT NULL, input_tokens INTEGER, output_tokens INTEGER, reply TEXT, fault TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS answered ON requests (key) WHERE reply IS NOT NULL;
CREATE TABLE IF NOT EXISTS frames (file TEXT PRIMARY KEY, digest TEXT NOT NULL, seconds TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS verdicts (
    step TEXT NOT NULL, row TEXT NOT NULL, digest TEXT NOT NULL, annotator TEXT NOT NULL, verdict TEXT NOT NULL,
    kind TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (step, digest, annotator));
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What requests cost, or may cost at most."""

    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.tokens + other.tokens, self.usd + other.usd)


class Request(NamedTuple):
    """What the ledger holds of a request, but its reply."""

    key: str
    step: str
    model: str
    tokens: int
    usd: float
    is_answered: bool


class Ledger:
    """Every change is on disk when the method that makes it returns.

    Args:
        path: of the file; None keeps it in memory.
        elsewhere: what was spent beside it.

    Attributes:
        spent: by all steps, with what is in flight and elsewhere.

    Raises:
        UserError: another process has it open, or it is no ledger.
    """

    def __init__(self, path: Path | None, elsewhere: Cost | None = None):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(str(path or ":memory:"), isolation_level=None, timeout=1.0)
        with _readable(path):
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")  # until the process ends, however it does
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.executescript(_TABLES)
            self.spent = _spent(self._database) + (elsewhere or Cost())

    def close(self) -> None:
        self._database.close()

    def reply(self, key: str) -> str | None:
        """The raw reply to a call; None where there is none yet."""
        found = self._database.execute("SELECT reply FROM requests WHERE key = ? AND reply IS NOT NULL", (key,))
        row = found.fetchone()
        return row[0] if row else None

    def open(self, key: str, step: str, model: str, row: str, attempt: int, most: Cost) -> int:
        """Notes a request that is about to be sent, with what it may cost at most; returns its number."""
        number = self._database.execute(
            "INSERT INTO requests (key, step, model, row, attempt, tokens, usd) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, step, model, row, attempt, most.tokens, most.usd),
        ).lastrowid
        assert number is not None
        self.spent += most
        return number

    def keep(self, number: int, reply: str) -> None:
        """Keeps a raw reply, before anybody reads it."""
        self._database.execute("UPDATE requests SET reply = ? WHERE id = ?", (reply, number))

    def charge(self, number: int, input_tokens: int, output_tokens: int, usd: float) -> None:
        """Puts what a request did cost in place of what it might."""
        tokens = input_tokens + output_tokens
        self._spend(number, Cost(tokens, usd))
        self._database.execute(
            "UPDATE requests SET tokens = ?, usd = ?, input_tokens = ?, output_tokens = ? WHERE id = ?",
            (tokens, usd, input_tokens, output_tokens, number),
        )

    def refuse(self, number: int, fault: str, cost: Cost) -> None:
        """Notes that a request had no reply, and what it cost."""
        self._spend(number, cost)
        self._database.execute(
            "UPDATE requests SET fault = ?, tokens = ?, usd = ? WHERE id = ?", (fault, cost.tokens, cost.usd, number)
        )

    def requests(self) -> Iterator[Request]:
        """All of them, in the order in which they were sent."""
        asked = "SELECT key, step, model, tokens, usd, reply IS NOT NULL FROM requests ORDER BY id"
        return (Request(*row) for row in self._database.execute(asked))

    def answered_rows(self, step: str) -> int:
        """How many rows of a step have a reply."""
        asked = "SELECT COUNT(DISTINCT row) FROM requests WHERE step = ? AND reply IS NOT NULL"
        return int(self._database.execute(asked, (step,)).fetchone()[0])

    def cost_of(self, steps: Sequence[str]) -> Cost:
        """What all requests of some steps cost."""
        places = ", ".join("?" * len(steps))
        asked = f"SELECT COALESCE(SUM(tokens), 0), COALESCE(SUM(usd), 0) FROM requests WHERE step IN ({places})"
        return Cost(*self._database.execute(asked, tuple(steps)).fetchone())

    def keep_verdicts(self, verdicts: Iterable[tuple[str, ...]]) -> int:
        """Keeps what annotators say of records, all or none; columns as in the table.

        Returns:
            How many took the place of another verdict by the same annotator.
        """
        same = "step = ? AND row = ? AND digest = ? AND annotator = ?"
        with self._database:
            self._database.execute("BEGIN")
            replaced = 0
            for one in verdicts:
                asked = f"SELECT COUNT(*) FROM verdicts WHERE {same} AND (verdict, kind) != (?, ?)"
                replaced += self._database.execute(asked, one[:6]).fetchone()[0]
                self._database.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)", one)
        return replaced

    def verdicts(self, step: str) -> list[tuple[str, ...]]:
        """Row, digest, annotator, verdict, kind and note of all that was said of a step's records."""
        asked = "SELECT row, digest, annotator, verdict, kind, note FROM verdicts WHERE step = ?"
        return self._database.execute(f"{asked} ORDER BY digest, annotator", (step,)).fetchall()

    def frames(self, file: str) -> tuple[str, tuple[float, ...]] | None:
        """Digest and seconds of a file's frames, so that a resumed run decodes nothing that it need not send."""
        row = self._database.execute("SELECT digest, seconds FROM frames WHERE file = ?", (file,)).fetchone()
        return (row[0], tuple(json.loads(row[1]))) if row else None

    def keep_frames(self, file: str, digest: str, seconds: tuple[float, ...]) -> None:
        values = (file, digest, json.dumps(seconds))
        self._database.execute("INSERT OR REPLACE INTO frames VALUES (?, ?, ?)", values)

    def _spend(self, number: int, cost: Cost) -> None:
        tokens, usd = self._database.execute("SELECT tokens, usd FROM requests WHERE id = ?", (number,)).fetchone()
        self.spent += Cost(cost.tokens - tokens, cost.usd - usd)


def spent_in(path: Path) -> Cost:
    """What the requests of a ledger cost; several processes may read it at once.

    Raises:
        UserError: a run has it open, or it is none.
    """
    with _readable(path), closing(sqlite3.connect(path, timeout=1.0)) as database:
        return _spent(database)


@contextmanager
def _readable(path: Path | None) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UserError(f"ledger '{path}': {error}: is another run at the same corpus?") from None
    except sqlite3.DatabaseError as error:
        raise UserError(f"ledger '{path}' is none ({error}): give another output") from None


def _spent(database: sqlite3.Connection) -> Cost:
    return Cost(*database.execute("SELECT COALESCE(SUM(tokens), 0), COALESCE(SUM(usd), 0.0) FROM requests").fetchone())
