"""What a report says, whether as a page or as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from videokr.analysis.report.breakdown import Breakdown, breakdowns
from videokr.analysis.report.cards import card_table
from videokr.analysis.report.probes import probe_table
from videokr.analysis.report.published import other_table, published_table
from videokr.analysis.report.run_set import RunSet
from videokr.analysis.report.verdicts import verdict_table
from videokr.page.table import Table


@dataclass(frozen=True, slots=True)
class Content:
    """The tables of a report.

    Attributes:
        others: benchmarks that are not published; probes: both None where there are none.
        breakdowns: by benchmark.
    """

    run_set: RunSet
    published: Table
    others: Table | None
    probes: Table | None
    verdicts: Table
    breakdowns: Mapping[str, Sequence[Breakdown]]
    cards: Table


def content_of(run_set: RunSet, against: str) -> Content:
    """
    Args:
        against: the published row that ours are held against.
    """
    return Content(
        run_set=run_set,
        published=published_table(run_set, against),
        others=other_table(run_set),
        probes=probe_table(run_set),
        verdicts=verdict_table(run_set),
        breakdowns=breakdowns(run_set),
        cards=card_table(run_set),
    )
