"""What was found, for a reader and for a program."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_prep.lint.biases import MIN_ERRORS, MIN_GAIN, Bias, Tally, biases, guessers
from data_prep.lint.corpus import Corpus
from data_prep.lint.finding import DOUBTS, FAULTS, GRADES
from videokr.outputs import atomic_write
from videokr.response import Kind


class Report:
    """What was found in annotation files; the text shows so many rows of each finding.

    Attributes:
        summary: everything but the single rows, as JSON can hold it.
    """

    def __init__(self, corpus: Corpus, shown: int, has_lengths: bool, has_manifest: bool):
        self._corpus, self._shown, self._has_lengths, self._has_manifest = corpus, shown, has_lengths, has_manifest
        self._biases = {name: list(biases(own)) for name, own in zip(corpus.files, corpus.tallies, strict=True)}
        self._by_reason: defaultdict[str, dict[str, int]] = defaultdict(dict)  # rows of each finding
        for finding, reason, rows in corpus.counts():
            self._by_reason[finding][reason] = rows
        self._rows = sum(tally.records.total() for tally in corpus.tallies)
        self.summary: dict[str, Any] = {
            "records": self._rows,
            "rows_with_a_fault": corpus.faulty(),
            "files": [_file(name, tally) for name, tally in zip(corpus.files, corpus.tallies, strict=True)],
            "biases": [
                asdict(bias) | {"is_found": bias.is_found, "file": name}
                for name, found in self._biases.items()
                for bias in found
            ],
            "findings": {
                name: self._finding(name, grade, title)
                for grade, titles in GRADES.items()
                for name, title in titles.items()
            },
            "not_made": self._not_made(),
        }

    def _finding(self, name: str, grade: str, title: str) -> dict[str, Any]:
        by_reason = self._by_reason[name]
        return {
            "grade": grade,
            "title": title,
            "rows": sum(by_reason.values()),
            "by_reason": {reason: rows for reason, rows in by_reason.items() if reason},
        }

    def write_json(self, path: Path) -> None:
        """The summary, and every row with a fault or a doubt under `rows`, one a line."""
        head = json.dumps(self.summary, indent=1)
        with atomic_write(path) as aside, aside.open("w", encoding="ascii") as out:
            out.write(head.removesuffix("\n}") + ',\n "rows": [')
            out.writelines(f"{',' * (number > 0)}\n{row}" for number, row in enumerate(self._corpus.listed()))
            out.write("\n]}\n")

    def as_text(self) -> str:
        not_made = [f"Not made: {name} ({why})" for name, why in self.summary["not_made"].items()]
        return "\n".join([*self._head(), *self._findings(), *not_made])

    def _head(self) -> Iterator[str]:
        files = self.summary["files"]
        yield f"{_count(self._rows)} in {len(files)} file{'s' * (len(files) > 1)}"
        for own, tally in zip(files, self._corpus.tallies, strict=True):
            said = [f"{own['records']:,} records", *(f"{tally.kinds[kind.value]:,} {kind}" for kind in Kind),
                    f"{own['with_rationale']:,} with a rationale"]  # fmt: skip
            if own["unreadable"]:
                said.append(f"{own['unreadable']:,} cannot be read")
            yield f"{own['file']}: {', '.join(said)}"
            if guess := own["guessers"]:
                yield (
                    f"    without the video: the commonest letter gets {guess['letter']:.1%}, the longest option "
                    f"{guess['longest']:.1%}, chance {guess['chance']:.1%} of {guess['rows']:,}"
                )
            for bias in self._biases[own["file"]]:
                yield from self._bias(bias, own["file"])
        if any(self._biases.values()):
            marked = sum(bias.is_found for found in self._biases.values() for bias in found)
            yield (
                f"{marked or 'no'} bias{'es' * (marked > 1)}, marked !: {MIN_GAIN:.0%} more or less than chance, and "
                f"{MIN_ERRORS:g} of its standard errors"
            )
        yield ""

    def _bias(self, bias: Bias, file: str) -> Iterator[str]:
        start = f"  {'!' if bias.is_found else ' '} {bias.of}, {bias.rows:,} rows: "
        if bias.by_letter:
            shares = "  ".join(f"{letter} {n / bias.rows:.1%}" for letter, n in bias.by_letter.items())
            yield f"{start}{shares}; {bias.chance:.1%} by chance"
            return
        yield f"{start}gets {bias.share:.1%}, {bias.chance:.1%} by chance"
        if bias.is_found and bias.share > bias.chance:
            yield from self._worst(bias.name, only=file)

    def _findings(self) -> Iterator[str]:
        faulty = self.summary["rows_with_a_fault"]
        faults = f"Faults of rows: {_count(faulty)} of {self._rows:,} ({_percent(faulty, self._rows)})"
        for findings, head in ((FAULTS, faults), (DOUBTS, "Doubts, which may be meant")):
            kinds = [(name, reason, rows) for name in findings for reason, rows in self._by_reason[name].items()]
            if not kinds and findings is DOUBTS:
                continue
            yield head
            for name, reason, rows in kinds:
                title = f"{findings[name]}: {reason}" if reason else findings[name]
                yield f"  {rows:>7,}  {_percent(rows, self._rows):>7}  {title}  [{name}]"
                yield from self._worst(name, reason)
            yield ""

    def _worst(self, finding: str, reason: str = "", only: str = "") -> Iterator[str]:
        for row in self._corpus.worst(finding, reason, self._shown):
            if not only or row["file"] == only:
                name = f" {row['id']}" if row["id"] else ""
                yield f"      {row['file']}:{row['line']}{name}  {row['detail']}"

    def _not_made(self) -> dict[str, str]:
        not_made = {}
        if len(self._corpus.files) == 1:
            not_made["videos and questions in two files"] = "one file was given: give all splits together"
        if not self._has_lengths:
            not_made[FAULTS["too-long"]] = "give --model DIR, and --manifest of videokr check --level probe"
        elif unknown := sum(tally.unknown_lengths for tally in self._corpus.tallies):
            of = f"{FAULTS['too-long']}, for {unknown:,} rows"
            not_made[of] = "the manifest does not know how long their videos are: run videokr check --level probe"
        if not self._has_manifest:
            not_made["spans against their video"] = "give --manifest of videokr check --level probe"
        return not_made


def _file(name: str, tally: Tally) -> dict[str, Any]:
    guess = guessers(tally)
    return {
        "file": name,
        "records": tally.records.total(),
        "unreadable": tally.records["unreadable"],
        "kinds": dict(sorted(tally.kinds.items())),
        "options": {str(count): n for count, n in sorted(tally.options.items())},
        "with_rationale": tally.rationales["given"],
        "guessers": asdict(guess) if guess else None,
    }


def _count(rows: int) -> str:
    return f"{rows:,} row{'s' * (rows != 1)}"


def _percent(rows: int, of: int) -> str:
    share = rows / of
    return f"{share:.2%}" if share == 0 or share >= 0.0001 else "<0.01%"
