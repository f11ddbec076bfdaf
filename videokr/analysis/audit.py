"""`videokr audit-reward`: what a reward makes of a file's own gold answers, before a run learns from it."""

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from videokr.analysis.perturbations import is_number, perturbations
from videokr.errors import RecordError, UserError
from videokr.evaluation.summary import table_lines
from videokr.example import Example
from videokr.jsonl import read_examples
from videokr.response import Kind, build_response
from videokr.reward import DEFAULT_TOLERANCE, Accuracy, Reason, check_accuracy, check_tolerance, score_response

MAX_KEPT_ROWS, MAX_SHOWN_ROWS = 10, 8  # of each sort
MAX_SHOWN_CHARACTERS = 48  # of an answer
SAME_ACCURACY = 1e-9  # accuracies that differ by less are the same


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """An answer with the accuracy that it earns against the gold answer of a row."""

    id: str
    gold: str
    answer: str
    accuracy: float
    reason: str


@dataclass(slots=True)
class Share:
    """How many scored answers of one sort are faulty, with the first of these."""

    count: int = 0
    faulty: int = 0
    total: float = 0.0
    rows: list[ScoredAnswer] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """Mean accuracy, in [0, 1]."""
        return self.total / self.count if self.count else 0.0

    def add(self, row: ScoredAnswer, is_faulty: bool) -> None:
        self.count += 1
        self.total += row.accuracy
        self.faulty += is_faulty
        if is_faulty and len(self.rows) < MAX_KEPT_ROWS:
            self.rows.append(row)


@dataclass(slots=True)
class Audit:
    """What one accuracy makes of all rows."""

    accuracy: Accuracy
    types: Counter[str] = field(default_factory=Counter)  # rows by what they ask for: `number`, `text` or their kind
    # The gold answer against itself, by type; faulty where it earns less than 1.
    ceiling: defaultdict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    causes: Counter[str] = field(default_factory=Counter)  # why these cannot reach 1
    # The gold answer against another row's, by type; faulty where that earns anything.
    floor: defaultdict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    # Changed gold answers that stay right, by change; faulty where one earns less than the gold answer itself.
    right: defaultdict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    # Changed gold answers that are wrong; faulty where one earns more than another row's answer does.
    wrong: defaultdict[str, Share] = field(default_factory=lambda: defaultdict(Share))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="raw VideoKR file, JSONL or JSON")
    parser.add_argument("--tolerance", type=float, default=DEFAULT_TOLERANCE, help="of numbers (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Prints the audit. Records that cannot be read are counted, and the others audited."""
    check_tolerance(args.tolerance, "--tolerance")
    for accuracy in Accuracy:
        check_accuracy(accuracy)
    unread: list[RecordError] = []
    examples = list(read_examples(args.data, unread))
    if not examples:
        raise UserError(f"no record of '{args.data}' can be read" + (f": {unread[0]}" if unread else ""))
    audits = [audit(examples, accuracy, args.tolerance) for accuracy in Accuracy]
    print("\n".join(as_text(audits, [str(fault) for fault in unread])), flush=True)
    return 0


def audit(examples: Sequence[Example], accuracy: Accuracy, tolerance: float) -> Audit:
    """Scores every example's gold answer against itself, another one and its changed copies."""

    def score(example: Example, answer: str) -> ScoredAnswer:
        response = build_response("-", answer)
        options = example.options or None
        reward = score_response(response, example.answer, example.kind, options, accuracy, tolerance)
        return ScoredAnswer(example.id, example.answer, answer, reward.accuracy, str(reward.reason))

    found = Audit(accuracy)
    pairs = zip(examples, _other_answers(examples), strict=True)
    for example, other in tqdm(pairs, desc=str(accuracy), total=len(examples), unit="row", disable=None):
        kind = _answer_type(example)
        found.types[kind] += 1
        best = score(example, example.answer)
        is_below = best.accuracy < 1.0 - SAME_ACCURACY
        found.ceiling[kind].add(best, is_below)
        if is_below:
            found.causes[_cause(best)] += 1
        highest_wrong = 0.0
        if other is not None:
            worst = score(example, other)
            highest_wrong = worst.accuracy
            found.floor[kind].add(worst, worst.accuracy > SAME_ACCURACY)
        for change, answer, is_right in perturbations(example, other or "something else"):
            row = score(example, answer)
            if is_right:
                found.right[change].add(row, row.accuracy < best.accuracy - SAME_ACCURACY)
            else:
                found.wrong[change].add(row, row.accuracy > highest_wrong + SAME_ACCURACY)
    return found


def _answer_type(example: Example) -> str:
    if example.kind is not Kind.OPEN_ENDED:
        return str(example.kind)
    return "number" if is_number(example.answer) else "text"


def _other_answers(examples: Sequence[Example]) -> Iterator[str | None]:
    """For each example another option, or another row's gold answer of the kind; None where there is no other."""
    rng = random.Random(0)
    by_kind = {kind: list(dict.fromkeys(one.answer for one in examples if one.kind is kind)) for kind in Kind}
    for example in examples:
        answers = by_kind[example.kind]
        if example.kind is Kind.MULTIPLE_CHOICE:
            yield "B" if example.answer == "A" else "A"
        elif len(answers) < 2:
            yield None
        else:
            other = rng.choice(answers)
            while other == example.answer:
                other = rng.choice(answers)
            yield other


def _cause(best: ScoredAnswer) -> str:
    if best.reason == Reason.TOO_LONG:
        return "longer than any answer that is scored"
    if not any(letter.isascii() and letter.isalnum() for letter in best.gold):
        return "no Latin letter or digit, and ROUGE knows no others"
    if len(best.gold.split()) == 1 or best.accuracy == 2 / 3:
        return "one word for ROUGE, so that ROUGE-2 is 0"
    return f"scored as {best.reason}"


def as_text(audits: Sequence[Audit], unread: Sequence[str]) -> Iterator[str]:
    """Tables with one column for each accuracy, then the worst rows."""
    types = audits[0].types
    yield f"{types.total()} rows: " + ", ".join(f"{count} {name}" for name, count in types.most_common())
    if unread:
        yield f"{len(unread)} records cannot be read, the first: {unread[0]}"

    yield from ("", "Ceiling: the gold answer against itself, mean accuracy (rows that cannot reach 1.0)")
    yield from _table(audits, lambda audit: audit.ceiling, lambda share: f"{share.mean:.3f} ({share.faulty})")
    for audit in audits:
        yield from (f"  {audit.accuracy}: {number} {cause}" for cause, number in audit.causes.most_common())
    yield from ("", "Floor: the gold answer against another row's, mean accuracy (share that earns anything)")
    yield from _table(audits, lambda audit: audit.floor, lambda share: f"{share.mean:.3f} ({_percent(share)})")
    yield from ("", "Copies that stay right: share wrongly punished, so that they earn less than the gold answer")
    yield from _table(audits, lambda audit: audit.right, _percent)
    yield from ("", "Copies that are wrong: share wrongly rewarded, above another row's answer")
    yield from _table(audits, lambda audit: audit.wrong, _percent)
    for audit in audits:
        yield from ("", f"The worst rows in {audit.accuracy}:")
        yield from _worst_rows(audit)


def _table(
    audits: Sequence[Audit], shares_of: Callable[[Audit], Mapping[str, Share]], cell: Callable[[Share], str]
) -> list[str]:
    rows = [["", "answers", *(str(audit.accuracy) for audit in audits)]]
    for name, share in shares_of(audits[0]).items():
        rows.append([name, str(share.count), *(cell(shares_of(audit)[name]) for audit in audits)])
    return table_lines(rows)


def _percent(share: Share) -> str:
    return f"{share.faulty / share.count:.1%}"


def _worst_rows(audit: Audit) -> list[str]:
    """The rows below the ceiling, then wrong copies that earn most, then right ones that earn least."""
    below = [("against itself", row) for share in audit.ceiling.values() for row in share.rows]
    rewarded = [(change, row) for change, share in audit.wrong.items() for row in share.rows]
    punished = [(change, row) for change, share in audit.right.items() for row in share.rows]
    rows = [
        *sorted(below, key=lambda entry: entry[1].accuracy)[:MAX_SHOWN_ROWS],
        *sorted(rewarded, key=lambda entry: -entry[1].accuracy)[:MAX_SHOWN_ROWS],
        *sorted(punished, key=lambda entry: entry[1].accuracy)[:MAX_SHOWN_ROWS],
    ]
    return [
        f"  {row.accuracy:.3f} {row.reason:<16} {name:<20} {row.id}: "
        f"gold {_shortened(row.gold)!r}, answer {_shortened(row.answer)!r}"
        for name, row in rows
    ] or ["  none"]


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[: MAX_SHOWN_CHARACTERS - 3]}..."
