"""The card of an exported dataset, in the form of the Hub: what is in it, how it was made, and what is not known."""

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from data_prep.corpus import tables
from data_prep.corpus.expense import Expense
from data_prep.corpus.files import Passed
from data_prep.corpus.removal import Removal
from data_prep.corpus.settings import Corpus
from data_prep.corpus.tables import Counts
from data_prep.decontamination.alignment import MIN_PICTURES
from videokr.page.markdown import escaped

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
SIZE_NAMES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M")  # as the Hub calls them


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says, from files.

    Attributes:
        source: name of the file of the records.
        counts, digests: by side: of its rows, and the SHA-256 of its file.
        groups: the side of each group of videos, and how many videos it has.
        short: videos that show too little to be compared.
        audited: how many records are wrong, of how many, by step; see `tables.audit`.
        removed: None where the records were not decontaminated.
    """

    source: str
    counts: Mapping[str, Counts]
    digests: Mapping[str, str]
    groups: Sequence[tuple[str, int]]
    short: int
    removed: Removal | None
    passed: Sequence[Passed]
    audited: Mapping[str, tuple[int, int]]
    expense: Expense
    ledgers: int


def card(corpus: Corpus, facts: Facts) -> str:
    """The whole text."""
    tallies = [one.tally for one in facts.counts.values()]
    rows, videos = sum(tally.rows for tally in tallies), sum(len(tally.videos) for tally in tallies)
    return tables.text(
        f"---\n{yaml.safe_dump(_front(rows, list(facts.counts)), sort_keys=False).strip()}\n---",
        f"# {escaped(corpus.output.resolve().name)}",
        f"{rows:,} questions about {videos:,} videos, made with `videokr corpus`. `sft` has rationales to imitate, "
        "`rl` has none. The videos are not part of it: `videos` names their paths.",
        "Of each row, `provenance` has the models, the version of their prompts and the keys of its calls by step, and "
        f"`cost` what these took, where that is known. The rows are those of {escaped(facts.source)}.",
        "## Split",
        _split(corpus, facts),
        "## Composition",
        tables.composition(facts.counts),
        "## Decontamination",
        _decontamination(facts.removed),
        "## What each step dropped",
        tables.steps(facts.passed),
        "## Models and prompts",
        tables.origins(list(facts.counts.values())),
        "## Cost",
        tables.costs(facts.expense, facts.ledgers),
        "## Audit",
        tables.audit(facts.audited),
        "## Licences",
        tables.licences(facts.counts),
        f"These are the licences of the videos, as far as the records say. {tables.TO_FILL_IN} that of the dataset.",
    )


def _front(rows: int, sides: Sequence[str]) -> dict[str, Any]:
    """What the Hub reads; the licence is the author's to choose."""
    return {
        "task_categories": ["video-text-to-text"],
        "size_categories": [SIZE_NAMES[bisect(SIZES, rows)]],
        "configs": [{"config_name": name, "data_files": f"{name}.jsonl"} for name in sides],
    }


def _split(corpus: Corpus, facts: Facts) -> Iterator[str]:
    total = sum(one.tally.rows for one in facts.counts.values())
    rows = []
    for name, one in facts.counts.items():
        sizes = [size for side, size in facts.groups if side == name]
        numbers = [one.tally.rows, len(one.tally.videos), len(sizes), sum(size > 1 for size in sizes)]
        share = f"{one.tally.rows / total:.1%}"
        rows.append((f"{name}.jsonl", [*(f"{number:,}" for number in numbers), share, facts.digests[name]]))
    notes = [
        f"A group goes to RL by a hash of it and of the seed {corpus.seed}: {corpus.rl_share:.0%} of the groups are "
        "expected there.",
        "A group is a video with all that show 20 seconds of the same, as far as hashes tell, or have an id of a video "
        f"host in common. Videos of the largest: {max(size for _, size in facts.groups):,}.",
    ]
    if facts.short:
        few = f"{facts.short:,} videos show fewer than {MIN_PICTURES} seconds"
        notes.append(f"{few}, and were compared by id and for frames that are the same to the last pixel.")
    columns = ["rows", "videos", "groups", "of several videos", "share of rows", "SHA-256"]
    yield from tables.table("file", columns, rows, notes)


def _decontamination(removed: Removal | None) -> Iterator[str]:
    if not removed:
        yield "Not done: no benchmark's videos were looked for."
        return
    yield (
        f"`videokr decontaminate` removed {removed.records:,} records. The benchmark that it went by, and the rule, "
        "are in its report."
    )
    if removed.matches:
        rows = [(kind, [f"{number:,}"]) for kind, number in sorted(removed.matches.items())]
        yield from tables.table("match", ["number"], rows)
