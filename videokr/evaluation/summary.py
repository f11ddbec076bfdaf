"""Scores of many answered questions: over all of them, and by kind, subject, source and the like."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from videokr.evaluation.answered import Answered
from videokr.evaluation.uncertainty import CRITICAL, Estimate, estimate
from videokr.evaluation.verdict import NOT_ASKED, OPEN, Verdict
from videokr.example import GROUP_FIELDS

NOT_GIVEN = "(not given)"
GROUPINGS = ("kind", *GROUP_FIELDS)
_NOTES = {
    Verdict.UNSCORED: "open answers are unscored: no judge is configured (docs/evaluation.md, Judge).",
    Verdict.JUDGE_FAILED: "answers got no verdict: the judge failed.",
    Verdict.TOO_LONG: "questions are too long for the context (MAX_MODEL_LEN): not asked, and not right.",
    Verdict.MISSING_VIDEO: "questions have no video (--skip-missing): not asked, and not right.",
}


@dataclass(frozen=True, slots=True)
class Score:
    """What a set of questions came to."""

    counts: Counter[Verdict]  # of all questions, by verdict
    lowest: Estimate  # the accuracy if everything unscored were wrong
    highest: Estimate  # the accuracy if it were right; the same as `lowest` where nothing is unscored
    tagged: float  # right answers within the tags that the prompt asks for, over all questions, in [0, 1]

    @property
    def questions(self) -> int:
        return self.counts.total()

    @property
    def is_known(self) -> bool:
        """Whether every question has a verdict."""
        return not any(self.counts[verdict] for verdict in OPEN)

    @property
    def accuracy(self) -> float | None:
        """Right over all questions, in [0, 1]; None where something is unscored, so that only bounds are known."""
        return self.lowest.value if self.is_known else None

    @property
    def interval(self) -> tuple[float, float]:
        """95%, with everything unscored either way."""
        return self.lowest.low, self.highest.high

    def to_dict(self) -> dict[str, Any]:
        return {
            "questions": self.questions,
            **{verdict.value: self.counts[verdict] for verdict in Verdict},
            "accuracy": self.accuracy,
            "accuracy_tagged": self.tagged,
            "accuracy_lower": self.lowest.value,
            "accuracy_upper": self.highest.value,
            "standard_error": self.lowest.standard_error if self.is_known else None,
            "interval_95": list(self.interval),
            "videos": self.lowest.videos,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """The scores of a benchmark, over all and by group."""

    overall: Score
    by: Mapping[str, Mapping[str, Score]]  # of each grouping that the questions have, that of each value, sorted

    def to_dict(self) -> dict[str, Any]:
        by = {name: {value: score.to_dict() for value, score in scores.items()} for name, scores in self.by.items()}
        return {"overall": self.overall.to_dict(), "by": by}


def summarize(answers: Iterable[Answered]) -> Summary:
    """Scores answers, at least one, over all and by group."""
    answers = list(answers)
    by: dict[str, dict[str, Score]] = {}
    for grouping in GROUPINGS:
        groups: dict[str, list[Answered]] = defaultdict(list)
        for answered in answers:
            groups[answered.group(grouping) or NOT_GIVEN].append(answered)
        if set(groups) != {NOT_GIVEN}:
            by[grouping] = {value: score_of(groups[value]) for value in sorted(groups)}
    return Summary(score_of(answers), by)


def score_of(answers: Sequence[Answered]) -> Score:
    """Scores answers together, of which there is at least one."""
    videos = [answered.video for answered in answers]
    lowest, highest = (
        estimate([unknown if answered.score is None else answered.score for answered in answers], videos)
        for unknown in (0.0, 1.0)
    )
    tagged = sum(answered.verdict is Verdict.RIGHT and answered.is_tagged for answered in answers) / len(answers)
    return Score(Counter(answered.verdict for answered in answers), lowest, highest, tagged)


def mean_score(scores: Sequence[Score]) -> tuple[float | None, tuple[float, float]]:
    """The plain mean of accuracies, at least one, and its 95% interval; benchmarks count as independent."""
    if not scores:
        raise ValueError("no scores")
    ends = []
    for direction, estimates in ((-1, [score.lowest for score in scores]), (1, [score.highest for score in scores])):
        mean = sum(one.value for one in estimates) / len(scores)
        error = math.sqrt(sum((one.standard_error or 0.0) ** 2 for one in estimates)) / len(scores)
        ends.append(min(1.0, max(0.0, mean + direction * CRITICAL * error)))
    known = [score.lowest.value for score in scores if score.is_known]
    return sum(known) / len(scores) if len(known) == len(scores) else None, (ends[0], ends[1])


def format_summary(name: str, summary: Summary) -> str:
    """The summary as a plain table."""
    shown = shown_verdicts([summary.overall])
    names = [verdict.value.replace("_", " ") for verdict in shown]
    rows = [["", "questions", *names, "accuracy", "95% interval", "tagged"]]
    rows.append(["all", *_cells(summary.overall, shown)])
    for grouping, scores in summary.by.items():
        for value, score in scores.items():
            rows.append([f"{grouping.replace('_', ' ')}: {value}", *_cells(score, shown)])
    counts = summary.overall.counts
    notes = [f"{counts[verdict]} {note}" for verdict, note in _NOTES.items() if counts[verdict]]
    if not summary.overall.is_known:
        notes.append("accuracy is over all questions: between wrong for all of these and right for all of these.")
    return "\n".join([name, *table_lines(rows), *notes])


def shown_verdicts(scores: Iterable[Score]) -> list[Verdict]:
    """The verdicts that a table of these has a column for: what is not asked has one where there is any."""
    met = {verdict for score in scores for verdict in +score.counts}
    return [verdict for verdict in Verdict if verdict not in NOT_ASKED or verdict in met]


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _cells(score: Score, shown: Iterable[Verdict]) -> list[str]:
    lowest, highest = percent(score.lowest.value), percent(score.highest.value)
    low, high = score.interval
    return [
        str(score.questions),
        *(str(score.counts[verdict]) for verdict in shown),
        lowest if score.is_known else f"{lowest} to {highest}",
        f"{percent(low)} to {percent(high)}",
        percent(score.tagged),
    ]
