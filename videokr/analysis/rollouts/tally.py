"""The counts of a dump, step by step, and a few examples; no texts are kept besides."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from tqdm import tqdm

from videokr.analysis.rollouts.evidence import find_evidence
from videokr.analysis.rollouts.rollout import Explanation, explain, find_dumps, read_dump
from videokr.dialogue import split_faults
from videokr.errors import UserError
from videokr.reward import DEFAULT_TOLERANCE, Accuracy

MAX_EXAMPLES = 3  # of one kind
MAX_SHOWN_CHARACTERS = 160  # of a text in an example
SAME_SCORE = 1e-6  # scores that differ by less are the same
MIN_STEPS = 6  # with fewer there are no thirds to compare
DIFFERING = "differing"  # rollouts that have another score in the dump

# The scores of a group. Only from those that vary does GRPO learn.
VARIED = "varied"
UNVARIED = {"all_full": "all full marks", "all_zero": "all zero", "all_equal": "all equal otherwise"}


@dataclass(slots=True)
class Totals:
    """Sums over the rollouts of one or more steps.

    Attributes:
        sums: by name, as a training run's metrics are named.
            `rollouts`, and their `score`, `format`, `length` (characters) and `differing`;
            `scored`: those with a verdict, their `accuracy`, and how many of them are `answered`;
            `placed`: scored ones whose kind of question is known, and `above_chance`: their accuracy less a blind
            answer's;
            `reason/R`, `zero/R`: all rollouts, and those without accuracy or verdict, by reason;
            `letter/L`, `gold_letter/L`: multiple-choice answers that name one, and what their gold answers name;
            `check/C`: rollouts that are evidence for a check;
            `dialogues`: rollouts with the crop tool, those that `looked`, their `rounds`, `calls` and `broken_calls`;
            `paid_looks`: right answers whose last look is held against gold spans, and their `iou`;
            `broken/F`: broken calls by what the model was told;
            `groups`, `group_size/N`, and `choice_groups`: those of a multiple-choice question;
            `compared`: groups of two rollouts or more, `spread/S`: how their scores lie, and `unvaried`: those without
            variance.
        longest: of the outputs, in characters.
    """

    sums: dict[str, Any] = field(default_factory=Counter)  # whose counts are whole numbers to a type checker
    longest: int = 0

    @classmethod
    def of(cls, parts: Iterable["Totals"]) -> "Totals":
        """All of them as one."""
        total = cls()
        for part in parts:
            total.sums.update(part.sums)  # as counters do: added
            total.longest = max(total.longest, part.longest)
        return total

    def mean(self, name: str, among: str = "rollouts") -> float | None:
        """One sum over another; None of nothing."""
        return self.sums[name] / self.sums[among] if self.sums[among] else None

    def by(self, name: str) -> dict[str, int]:
        """The sums `name/KEY` by KEY, the most first."""
        found = [(key[len(name) + 1 :], count) for key, count in self.sums.items() if key.startswith(f"{name}/")]
        return dict(sorted(found, key=lambda entry: (-entry[1], entry[0])))

    @property
    def group_sizes(self) -> dict[int, int]:
        """Rollouts in a group -> groups."""
        return {int(size): groups for size, groups in self.by("group_size").items()}

    def groups_below(self, size: int) -> int:
        """Groups that have fewer rollouts than this."""
        return sum(groups for rollouts, groups in self.group_sizes.items() if rollouts < size)

    def add(self, explanation: Explanation, evidence: Iterable[str]) -> None:
        sums, rollout, accuracy = self.sums, explanation.rollout, explanation.accuracy
        length = len(rollout.output)
        self.longest = max(self.longest, length)
        sums["rollouts"] += 1
        sums["score"] += rollout.score
        sums["format"] += explanation.format
        sums["length"] += length
        sums[f"reason/{explanation.reason}"] += 1
        if accuracy is not None:
            sums["scored"] += 1
            sums["accuracy"] += accuracy
            sums["answered"] += explanation.answer is not None
            if explanation.chance is not None:
                sums["placed"] += 1
                sums["above_chance"] += accuracy - explanation.chance
        if explanation.is_zero:
            sums[f"zero/{explanation.reason}"] += 1
        if explanation.score_differs:
            sums[DIFFERING] += 1
        if explanation.letter is not None and explanation.gold_letter is not None:
            sums[f"letter/{explanation.letter}"] += 1
            sums[f"gold_letter/{explanation.gold_letter}"] += 1
        if rollout.is_dialogue:
            sums["dialogues"] += 1
            sums["looked"] += bool(explanation.calls)
            sums["rounds"] += len(explanation.calls)
            sums["calls"] += sum(map(len, explanation.calls))
            if explanation.iou is not None:
                sums["paid_looks"] += 1
                sums["iou"] += explanation.iou
            for fault in filter(None, chain.from_iterable(split_faults(rollout.output))):
                sums["broken_calls"] += 1
                sums[f"broken/{fault.key}"] += 1
        for check in evidence:
            sums["check/" + check] += 1  # an f-string of an enum is slow

    def add_group(self, scores: Sequence[float], is_choice: bool) -> None:
        self.sums["groups"] += 1
        self.sums["choice_groups"] += is_choice
        self.sums[f"group_size/{len(scores)}"] += 1
        if len(scores) > 1:
            spread = _spread(scores)
            self.sums["compared"] += 1
            self.sums["unvaried"] += spread != VARIED
            self.sums[f"spread/{spread}"] += 1


@dataclass
class Tally:
    """A dump, counted."""

    folder: Path
    accuracy: Accuracy
    files: int  # of steps, those without rollouts included
    window: frozenset[int]  # the steps whose rollouts are checked for hacking
    cut_lines: list[dict[str, Any]] = field(default_factory=list)
    steps: dict[int, Totals] = field(default_factory=dict)  # that have rollouts, in the order they were added
    padded: int = 0  # rollouts that failed, and that verl filled up with nothing
    # With their ranks, of `differing`, `zero/R`, and of the window those for each check; the highest rank first, of
    # equals the earlier ones.
    examples: defaultdict[str, list[tuple[float, dict[str, Any]]]] = field(default_factory=lambda: defaultdict(list))

    @cached_property
    def total(self) -> Totals:
        """Over all steps, when they are all there."""
        return Totals.of(self.steps.values())

    @property
    def window_steps(self) -> list[int]:
        return sorted(self.window & self.steps.keys())

    @property
    def group_size(self) -> int:
        """The most common number of rollouts in a group; of several the largest."""
        return max(self.total.group_sizes.items(), key=lambda entry: (entry[1], entry[0]))[0]

    def examples_of(self, kind: str) -> list[dict[str, Any]]:
        return [example for _, example in self.examples[kind]]

    def add_step(self, step: int, explanations: Iterable[Explanation]) -> None:
        """Counts all rollouts of one step."""
        totals = Totals()
        groups: dict[Hashable, list[float]] = defaultdict(list)
        choice_groups: set[Hashable] = set()
        for explanation in explanations:
            rollout = explanation.rollout
            groups[rollout.group].append(rollout.score)
            if explanation.options:
                choice_groups.add(rollout.group)
            evidence = list(find_evidence(explanation))
            totals.add(explanation, [check for check, _, _ in evidence])
            if explanation.is_zero:
                self._offer(f"zero/{explanation.reason}", 0.0, explanation)
            if explanation.score_differs:
                self._offer(DIFFERING, 0.0, explanation, f"dumped score {rollout.score:.4f}")
            if step in self.window:
                for check, rank, note in evidence:
                    self._offer(check, rank, explanation, note)
        for group, scores in groups.items():
            totals.add_group(scores, group in choice_groups)
        if groups:
            self.steps[step] = totals

    def _offer(self, kind: str, rank: float, explanation: Explanation, note: str = "") -> None:
        kept = self.examples[kind]
        if len(kept) < MAX_EXAMPLES or rank > kept[-1][0]:
            kept.append((rank, _example(explanation, note)))
            kept.sort(key=lambda entry: -entry[0])
            del kept[MAX_EXAMPLES:]


def read_tally(folder: Path, accuracy: Accuracy, tolerance: float = DEFAULT_TOLERANCE, judged: bool = False) -> Tally:
    """Counts a whole dump, one rollout at a time; UserError where there is none, or one that cannot be read."""
    dumps = find_dumps(folder)
    tally = Tally(folder, accuracy, len(dumps), window_of(list(dumps)))

    def explanations(path: Path) -> Iterator[Explanation]:
        for rollout in read_dump(path, tally.cut_lines):
            if rollout.is_padding:
                tally.padded += 1
            else:
                yield explain(rollout, accuracy, tolerance, judged)

    for step, path in tqdm(dumps.items(), desc="reading rollouts", unit="file", disable=None):
        tally.add_step(step, explanations(path))
    if not tally.steps:
        raise UserError(f"'{folder}': no whole rollout in its dumps")
    return tally


def window_of(steps: Sequence[int]) -> frozenset[int]:
    """The last third of the steps, which is the policy as it is now; all of fewer than six."""
    return frozenset(steps[-(len(steps) // 3) :] if len(steps) >= MIN_STEPS else steps)


def _spread(scores: Sequence[float]) -> str:
    least, most = min(scores), max(scores)
    if most - least > SAME_SCORE:
        return VARIED
    if least > 1.0 - SAME_SCORE:
        return "all_full"
    return "all_zero" if abs(most) < SAME_SCORE else "all_equal"


def _example(explanation: Explanation, note: str) -> dict[str, Any]:
    """A rollout to look up, as the JSON has it: its texts cut short."""
    rollout, answer = explanation.rollout, explanation.answer
    return {
        "step": rollout.step,
        "line": rollout.line,
        "uid": None if rollout.uid is None else _shortened(rollout.uid),
        "gold": _shortened(explanation.gold),
        "answer": None if answer is None else _shortened(answer),
        "output_end": _shortened(rollout.output[-MAX_SHOWN_CHARACTERS:]),
        "note": note,
    }


def _shortened(text: str) -> str:
    """In one line, cut short, and without what no file or terminal takes: control characters, halves of pairs."""
    line = " ".join(text[: 2 * MAX_SHOWN_CHARACTERS].split())
    line = "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in line)
    is_whole = len(line) <= MAX_SHOWN_CHARACTERS and len(text) <= 2 * MAX_SHOWN_CHARACTERS
    return line if is_whole else f"{line[:MAX_SHOWN_CHARACTERS]}..."
