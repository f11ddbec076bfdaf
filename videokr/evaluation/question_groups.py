"""Video-MME-v2's own score: its questions come in groups of four, and a whole group is worth more than its parts.

Paper: arXiv 2604.05015; code: github.com/MME-Benchmarks/Video-MME-v2, `evaluation/test_video_mme_v2.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from videokr.evaluation.summary import percent
from videokr.evaluation.uncertainty import Estimate, estimate

GROUPED = ("videokr_videomme_v2",)  # benchmarks that have this score
GROUP_SIZE = 4
# How a group hangs together: what of it is asked in one step, and what 0 to 4 right answers are worth. A step counts
# while all answers of the steps before it are right.
FORMS = {
    "relevance": (((1, 2, 3, 4),), (0, 1 / 16, 4 / 16, 9 / 16, 1)),
    "logic [1,2,3,4]": (((1,), (2,), (3,), (4,)), (0, 1 / 16, 4 / 16, 9 / 16, 1)),
    "logic [1,[2,3],4]": (((1,), (2, 3), (4,)), (0, 1 / 12, 4 / 12, 7 / 12, 1)),
    "logic [[1,2],3,4]": (((1, 2), (3,), (4,)), (0, 1 / 10, 2 / 10, 5 / 10, 1)),
}


@dataclass(frozen=True, slots=True)
class GroupScores:
    """The mean score of groups, in [0, 1]."""

    by: Mapping[str, Estimate]  # of all groups (`all`), of a kind (`relevance`, `logic`) and of a level (`level 1`)
    incomplete: int  # groups of which not every question was asked; they have no score

    def to_dict(self) -> dict[str, object]:
        scores = {
            name: {"score": one.value, "interval_95": [one.low, one.high], "groups": one.examples}
            for name, one in self.by.items()
        }
        return {**scores, "incomplete": self.incomplete}

    def lines(self) -> list[str]:
        """For below a table."""
        lines = []
        if overall := self.by.get("all"):
            parts = ", ".join(f"{name} {percent(one.value)}" for name, one in self.by.items() if name != "all")
            lines.append(
                f"Group score: {percent(overall.value)}, 95% interval {percent(overall.low)} to "
                f"{percent(overall.high)}, of {overall.examples} groups of {GROUP_SIZE}; {parts}"
            )
        if self.incomplete:
            lines.append(f"{self.incomplete} groups were not asked whole, and have no group score.")
        return lines


def group_scores(questions: Iterable[tuple[str, Mapping[str, str], bool]]) -> GroupScores:
    """Scores groups of questions.

    Args:
        questions: of each its id (`001-2`: the second of group 001), its groups (`task_type`: one of `FORMS`;
            `discipline`: the level), and whether it was answered right. A group is of its last question's.
    """
    groups: dict[str, dict[int, tuple[Mapping[str, str], bool]]] = defaultdict(dict)
    for question, of_question, is_right in questions:
        name, _, number = question.rpartition("-")
        groups[name][int(number)] = of_question, is_right
    whole = {name: group for name, group in groups.items() if len(group) == GROUP_SIZE}
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for name, group in whole.items():
        last, _ = group[GROUP_SIZE]
        score = _score(last["task_type"], {number for number, (_, is_right) in group.items() if is_right})
        for part in ("all", last["task_type"].split()[0], last.get("discipline")):
            if part is not None:
                scores[part][name] = score
    ordered = sorted(scores, key=lambda part: (part != "all", part.startswith("level"), part))
    by = {part: estimate(list(scores[part].values()), list(scores[part])) for part in ordered}
    return GroupScores(by, len(groups) - len(whole))


def _score(form: str, right: set[int]) -> float:
    steps, worth = FORMS[form]
    count = 0
    for step in steps:
        count += len(right.intersection(step))
        if not right.issuperset(step):
            break
    return worth[count]
