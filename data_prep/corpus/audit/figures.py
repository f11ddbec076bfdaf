"""What an audit says: how many records are wrong, of what kind and whose, and how far the annotators agree."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import get_args

from data_prep.corpus.audit.verdicts import KINDS, OPEN, RIGHT, UNCLEAR, WRONG, Opinions, alpha, opinions
from data_prep.corpus.files import steps_to
from data_prep.corpus.ledger import NAME, Ledger
from data_prep.corpus.provenance import PROVENANCE
from data_prep.corpus.review import Review
from data_prep.corpus.settings import Corpus, Step
from data_prep.corpus.shards import WHOLE, output_of
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
        if number := sum(kind in one.kinds.values() for one in wrong):
            yield _share(f"  {kind}", number, len(sure))
    if len(sure) < len(said):
        yield f"{verdicts[UNCLEAR]} unclear and {verdicts[OPEN]} undecided are in none of these"
        yield _share("if all those are wrong", len(said) - verdicts[RIGHT], len(said))
    for step in get_args(Step):
        makers = Counter(maker for one in sure if (maker := _makers(one, step)))
        for maker, number in makers.items():
            yield _share(f"{step} by {maker}", sum(_makers(one, step) == maker for one in wrong), number)
    if several := [one for one in said if len(one.verdicts) > 1]:
        differing = [one for one in several if one.differs]
        value = alpha(several)
        told = "cannot be told, since all verdicts are the same" if value is None else f"is {value:.3f}"
        yield f"{len(several)} records have several verdicts, {len(differing)} differ; Krippendorff's alpha {told}"
        for one in differing:
            each = ", ".join(f"{name} {one.kinds[name] or verdict}" for name, verdict in one.verdicts.items())
            yield f"  {one.made.example.id}: {each}; so {one.verdict}"


def audited(corpus: Corpus, last: type[Review]) -> dict[str, tuple[int, int]]:
    """By step up to this one: how many of its records are wrong, of how many that are judged right or wrong."""
    path = output_of(corpus, NAME, WHOLE)
    counts: dict[str, tuple[int, int]] = {}
    if path.is_file():
        with closing(Ledger(path)) as ledger:
            for step in steps_to(last):
                source = output_of(corpus, step.name, WHOLE)
                said = opinions(step.step, source, ledger)[0] if ledger.verdicts(step.step) and source.is_file() else []
                verdicts = Counter(one.verdict for one in said)
                if sure := verdicts[RIGHT] + verdicts[WRONG]:
                    rest = verdicts[UNCLEAR] + verdicts[OPEN]
                    label = f"{step.step}; {rest} more are unclear or undecided" if rest else step.step
                    counts[label] = verdicts[WRONG], sure
    return counts


def _share(label: str, number: int, of: int) -> str:
    if not of:
        return f"{label}: none to tell from"
    low, high = exact_interval(number, of)
    return f"{label}: {number} of {of}, {number / of:.1%} (95% interval {low:.1%} to {high:.1%})"


def _makers(one: Opinions, step: str) -> str:
    return ", ".join(one.made.record.get(PROVENANCE, {}).get(step, {}).get("models", ()))


def shown(lines: Iterator[str]) -> str:
    return "\n".join(map(for_terminal, lines))
