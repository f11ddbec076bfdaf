"""What an audit says: how many records are wrong, of what kind and whose, and how far the annotators agree."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

from data_prep.corpus.audit.verdicts import KINDS, OPEN, RIGHT, UNCLEAR, WRONG, Opinions, alpha
from data_prep.corpus.settings import Step
from data_prep.corpus.work import PROVENANCE
from videokr.errors import for_terminal
from videokr.evaluation.uncertainty import exact_interval


def figures(said: Sequence[Opinions]) -> Iterator[str]:
    """Lines for a terminal."""
    verdicts = Counter(one.verdict for one in said)
    annotators = Counter(name for one in said for name in one.verdicts)
    yield f"{len(said)} records judged: {', '.join(f'{name} {number}' for name, number in annotators.items())}"
    sure = [one for one in said if one.verdict in (RIGHT, WRONG)]
    wrong = [one for one in sure if one.verdict == WRONG]
    yield _share("wrong", len(wrong), len(sure))
    for kind in KINDS:
        number = sum(kind in one.kinds.values() for one in wrong)
        if number:
            yield _share(f"  {kind}", number, len(sure))
    if len(sure) < len(said):
        yield f"{verdicts[UNCLEAR]} unclear and {verdicts[OPEN]} undecided are in none of these"
        yield _share("if all those are wrong", len(said) - verdicts[RIGHT], len(said))
    for step in get_args(Step):
        makers = Counter(maker for one in sure if (maker := _makers(one, step)))
        for maker, number in makers.items():
            yield _share(f"{step} by {maker}", sum(_makers(one, step) == maker for one in wrong), number)
    several = [one for one in said if len(one.verdicts) > 1]
    if several:
        differing = [one for one in several if one.differs]
        value = alpha(several)
        told = "cannot be told, since all verdicts are the same" if value is None else f"is {value:.3f}"
        yield f"{len(several)} records have several verdicts, {len(differing)} differ; Krippendorff's alpha {told}"
        for one in differing:
            each = ", ".join(f"{name} {one.kinds[name] or verdict}" for name, verdict in one.verdicts.items())
            yield f"  {one.made.example.id}: {each}; so {one.verdict}"


def _share(label: str, number: int, of: int) -> str:
    if not of:
        return f"{label}: none to tell from"
    low, high = exact_interval(number, of)
    return f"{label}: {number} of {of}, {number / of:.1%} (95% interval {low:.1%} to {high:.1%})"


def _makers(one: Opinions, step: str) -> str:
    made = one.made.record.get(PROVENANCE, {}).get(step, {})
    return ", ".join(made.get("models", ()))


def shown(lines: Iterator[str]) -> str:
    return "\n".join(map(for_terminal, lines))
