"""A step of the corpus over all its rows: several at once, in the file in their order, priced before they are asked."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import orjson
from tqdm import tqdm

from data_prep.corpus.calls import Asker, Call
from data_prep.corpus.ledger import NAME, Cost, Ledger, spent_in
from data_prep.corpus.prompts import VERSIONS
from data_prep.corpus.settings import Budget, Corpus, Model, Step
from data_prep.corpus.shards import WHOLE, ledgers_of, output_of
from data_prep.journal import Journal
from data_prep.left_out import LeftOut
from videokr.errors import RecordError
from videokr.fingerprint import file_sha256
from videokr.jsonl import opens_list, read_raw
from videokr.outputs import atomic_write
from videokr.video.timeline import VideoError

PRICED_ROWS = 20  # of a dry run
# Settings that decide how calls are made, or what becomes of the records later, and not what is in them.
NOT_OF_RECORDS = {"endpoint", "concurrency", "call_seconds", "retries", "budget", "models", "output"} | {
    "audit", "collection", "rl_share", "decontaminated", "benchmark",
}  # fmt: skip
Row = TypeVar("Row")
Outcome = tuple[list[dict[str, Any]], list[RecordError]]  # the records of a row, and what was left out of it


class Work(ABC, Generic[Row]):
    """One step.

    Attributes:
        step: the name of it, under which `corpus.yaml` has its models.
        name: of its output.
        source: the file that its rows are from.
    """

    step: ClassVar[Step]
    name: ClassVar[str]
    source: Path

    def __init__(self, corpus: Corpus, shard: tuple[int, int], source: Path):
        self.corpus, self.shard, self.source = corpus, shard, source
        self.models = corpus.models_of(self.step)

    def made_by(self, keys: Sequence[str]) -> dict[str, Any]:
        """The provenance that a record has of this step; `keys` are of its calls."""
        models = [model.name for model in self.models]
        return {self.step: {"models": models, "prompt": VERSIONS[self.step], "calls": list(keys)}}

    @abstractmethod
    async def calls(self, row: Row, asker: Asker) -> list[Call]:
        """What is asked for a row if every first reply will do."""

    @abstractmethod
    async def outcome(self, row: Row, asker: Asker) -> Outcome:
        """Asks for a row, and makes records of the replies."""

    def summary(self, kept: int, left_out: Mapping[str, int]) -> str:
        """What a step finds out beside its records, from how many there are and how many were left out by reason."""
        return ""

    @property
    def read(self) -> list[Path]:
        """The files that its calls follow from, but the videos."""
        return [self.source]

    def count(self) -> int:
        """The lines of `source`."""
        return _count_lines(self.source)

    @abstractmethod
    def rows(self, after: int = 0) -> Iterator[tuple[int, Row]]:
        """The rows of this shard that are behind a line of `source`, each with its last line."""

    def run(self, environment: Mapping[str, str]) -> None:
        """Asks for all rows and writes their records.

        Raises:
            UserError: the budget is spent, nothing answers, or another run has the same ledger or output.
        """
        output = output_of(self.corpus, self.name, self.shard)
        with closing(Ledger(self._ledger, self._elsewhere())) as ledger, Journal(output, self._asked()) as journal:
            asyncio.run(self._ask_all(self._asker(ledger, environment), journal))
            left_out = LeftOut()
            kept = self._write(output, journal, left_out)
            spent = ledger.spent
        left_out.report(output)
        if not kept:
            print("replies stay in the ledger, also those of no use: another `seed` or model asks anew")
            left_out.refuse_nothing_left(self.source)
        print(f"{output}: {kept} records; all steps so far: ${spent.usd:.4f} and {spent.tokens:,} tokens")
        if summary := self.summary(kept, left_out.counts):
            print(summary)

    def _asked(self) -> dict[str, Any]:
        """Everything that the records follow from, but the videos themselves."""
        settings = self.corpus.model_dump(mode="json", exclude=NOT_OF_RECORDS)
        models = [model.model_dump(exclude={"endpoint", "key_variable"}) for model in self.models]
        read = {str(path): file_sha256(path) for path in self.read}
        return settings | {"step": self.step, "prompt": VERSIONS[self.step], "models": models, "read": read}

    def _write(self, output: Path, journal: Journal, left_out: LeftOut) -> int:
        """Writes the records; returns how many. Where there are none, what an earlier run wrote goes, too."""
        kept = 0
        for row in journal.records():
            for field, reason, detail, line in row["left_out"]:
                left_out.add(RecordError(field, reason, detail, str(self.source), line))
            kept += len(row["records"])
        if not kept:
            output.unlink(missing_ok=True)
        else:
            with atomic_write(output) as aside, aside.open("wb") as out:
                for row in journal.records():
                    for record in row["records"]:
                        out.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        return kept

    def price(self, environment: Mapping[str, str]) -> str:
        """What the step takes, told from its first rows and from what the ledger knows; asks nothing."""
        path = self._ledger if self._ledger.is_file() else None
        with closing(Ledger(path, self._elsewhere())) as ledger:
            asker = self._asker(ledger, environment)

            first = list(islice(self.rows(), PRICED_ROWS + 1))
            lines = self.count()
            share = lines / first[PRICED_ROWS - 1][0] if len(first) > PRICED_ROWS else 1.0

            async def first_calls() -> list[Call]:
                calls: list[Call] = []
                for _, row in first[:PRICED_ROWS]:
                    with suppress(VideoError):  # of which the run says that it leaves the row out
                        calls += await self.calls(row, asker)
                return calls

            calls = asyncio.run(first_calls())
            most = [(call.model, call.input_bound(), call.model.max_output_tokens) for call in calls]
            told_from = "all" if share == 1 else f"the first {first[PRICED_ROWS - 1][0]}"
            whose = ("", "") if self.shard == WHOLE else (" of all shards", " of this one")
            said = [
                f"{self.step}: {lines:,} rows{whose[0]}, {len(calls) * share:,.0f} calls{whose[1]}, told from "
                f"{told_from}",
                f"at most        {_sum(most, share)}, if every first reply will do",
            ]
            amounts: list[tuple[str, Cost | Budget]] = [("budget", self._budget), ("spent so far", ledger.spent)]
            if done := ledger.answered_rows(self.step):  # with calls that were asked again, and rows that were dropped
                paid, part = ledger.cost_of([self.step]), share * len({call.row for call in calls}) / done
                amounts.insert(0, ("as so far", Cost(round(paid.tokens * part), paid.usd * part)))
            said += [f"{what:<15}{cost.tokens:,} tokens, ${cost.usd:,.4f}" for what, cost in amounts]
        return "\n".join(said)

    async def _ask_all(self, asker: Asker, journal: Journal) -> None:
        """Works on as many rows at once as there may be calls; each asks one after the other."""
        after = journal.last["line"] if journal.last else 0
        due = iter(enumerate(self.rows(after)))
        done: dict[int, tuple[int, Outcome]] = {}
        written = 0
        total = self.count()
        with tqdm(total=total, initial=after, desc=self.step, unit="row", disable=None) as progress:

            async def work() -> None:
                nonlocal written
                for place, (line, row) in due:
                    done[place] = line, await self.outcome(row, asker)
                    while written in done:
                        line, (records, faults) = done.pop(written)
                        left_out = [(fault.field, fault.reason, fault.detail, fault.line) for fault in faults]
                        journal.add({"line": line, "records": records, "left_out": left_out})
                        written += 1
                        progress.update(line - progress.n)
                    spent = asker.ledger.spent
                    progress.set_postfix_str(f"${spent.usd:.4f}, {spent.tokens:,} tokens", refresh=False)

            tasks = [asyncio.create_task(work()) for _ in range(self.corpus.concurrency)]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _asker(self, ledger: Ledger, environment: Mapping[str, str]) -> Asker:
        return Asker(self.corpus, self.step, environment, self._budget, ledger)

    @property
    def _ledger(self) -> Path:
        return output_of(self.corpus, NAME, self.shard)

    def _elsewhere(self) -> Cost:
        """What other ledgers of the folder hold: of a shard its part of it, less what the others at its side spend."""
        parts = self.shard[1]
        siblings = [] if self.shard == WHOLE else [output_of(self.corpus, NAME, (n, parts)) for n in range(parts)]
        others = [spent_in(path) for path in ledgers_of(self.corpus) if path not in (*siblings, self._ledger)]
        total = sum(others, Cost())
        return Cost(total.tokens // parts, total.usd / parts)

    @property
    def _budget(self) -> Budget:
        """Of this shard: its part of the whole."""
        whole, parts = self.corpus.budget, self.shard[1]
        return Budget(usd=whole.usd / parts, tokens=max(1, whole.tokens // parts))


def _count_lines(path: Path) -> int:
    """Of JSON Lines, or the items of a JSON list."""
    if opens_list(path):
        return sum(1 for _ in read_raw(path))
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _sum(calls: Sequence[tuple[Model, float, float]], share: float) -> str:
    """Tokens in, tokens out and price of calls that are so much of the whole."""
    usd = sum(model.usd(tokens_in, tokens_out) for model, tokens_in, tokens_out in calls) * share
    tokens_in, tokens_out = sum(call[1] for call in calls), sum(call[2] for call in calls)
    return f"{tokens_in * share:,.0f} tokens in, {tokens_out * share:,.0f} out, ${usd:,.4f}"
