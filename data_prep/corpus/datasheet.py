"""The datasheet of a benchmark, under the headings of Gebru et al. ("Datasheets for datasets"): what files tell of it.

What no file can tell is marked as its author's to write.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_prep.corpus import tables
from data_prep.corpus.expense import Expense
from data_prep.corpus.files import Passed
from data_prep.corpus.probe import Probe, single_frame
from data_prep.lint.biases import Tally as BiasTally
from data_prep.lint.biases import biases, guessers
from videokr.page.markdown import escaped

MAX_NAMED = 20  # questions that changed, of each kind of change


def datasheet(
    about: Mapping[str, Any],
    source: str,
    counts: tables.Counts,
    tally: BiasTally,
    passed: Sequence[Passed],
    audited: Mapping[str, tuple[int, int]],
    expense: Expense,
    ledgers: int,
) -> str:
    """The whole text.

    Args:
        about: what `version.json` says.
        source: name of the file of the records.
        audited: see `tables.audit`.
        tally: what lint counts of the questions.
    """
    columns = {"questions": counts}
    return tables.text(
        f"# {escaped(about['name'])} {about['version']}",
        f"{about['questions']:,} questions about {len(counts.tally.videos):,} videos. SHA-256 of the questions: "
        f"`{about['sha256']}`.",
        "## Motivation",
        f"{tables.TO_FILL_IN} what it is for, who made it, and who paid for it.",
        "## Composition",
        tables.composition(columns),
        "### Letters and lengths",
        _balance(tally),
        "### Licences of the videos",
        tables.licences(columns),
        "## Collection process",
        f"{tables.TO_FILL_IN} where the videos are from, who chose them, and who is to be seen in them.",
        f"The questions are those of {escaped(source)}. Which models made them, and what that cost:",
        tables.origins([counts]),
        tables.costs(expense, ledgers),
        "## Preprocessing, cleaning, labelling",
        tables.steps(passed),
        "### From a single frame",
        _solved(passed),
        "### Audit",
        tables.audit(audited),
        "## Uses",
        f"{tables.TO_FILL_IN} what it has been used for, and what it should not be used for.",
        "## Distribution",
        f"{tables.TO_FILL_IN} under which licence, and where. The videos are not part of it.",
        "## Maintenance",
        f"{tables.TO_FILL_IN} who keeps it, and where to report errors. A version that is frozen does not change.",
        _changed(about),
    )


def _balance(tally: BiasTally) -> Iterator[str]:
    guess = guessers(tally)
    if not guess:
        yield "There are no questions of multiple choice."
        return
    rows = [(bias.of, [letter, f"{number:,}"]) for bias in biases(tally) for letter, number in bias.by_letter.items()]
    yield from tables.table("right letter", ["letter", "questions"], rows)
    guesses = [
        ("any option", guess.chance),
        ("the commonest right letter", guess.letter),
        ("the longest", guess.longest),
    ]
    yield from tables.table(
        "who sees no video and takes", ["is right"], [(what, [f"{share:.1%}"]) for what, share in guesses]
    )


def _solved(passed: Sequence[Passed]) -> str:
    (probe,) = (one for one in passed if one.step == Probe.step)
    if probe.kept is None:
        return "Not known: not all files of the step `probe` are here."
    return f"As `probe` found it: {single_frame(probe.kept, probe.dropped)}. What is solved was dropped."


def _changed(about: Mapping[str, Any]) -> Iterator[str]:
    if not about["since"]:
        yield "The first version."
        return
    rows = []
    for change in ("added", "removed", "changed"):
        ids = about[change]
        more = f" and {len(ids) - MAX_NAMED:,} more, in version.json" if len(ids) > MAX_NAMED else ""
        rows.append((change, [f"{len(ids):,}", ", ".join(ids[:MAX_NAMED]) + more]))
    yield from tables.table(f"since {about['since']['version']}", ["questions", "ids"], rows, is_numeric=False)
