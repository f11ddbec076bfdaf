"""The page: one HTML file that holds everything it shows, and asks the network for nothing."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from data_prep.stats.chart import draw
from data_prep.stats.distribution import Distribution
from data_prep.stats.file_stats import FileStats
from data_prep.stats.summary import FRAMES, ROWS, SECTIONS, VIDEOS, Facts, facts_of
from videokr.page.document import document
from videokr.page.table import Cell, Row, Section, Table

TITLE = "VideoKR data"


def page(files: Sequence[FileStats]) -> Iterator[str]:
    """The page in pieces."""
    facts = [facts_of(stats) for stats in files]
    shown = [title for title in SECTIONS if any(of_file[title] for of_file in facts)]
    names = [stats.name for stats in files]
    unknown = [f"Not known: {what} ({way})." for stats in files for what, way in stats.unknown.items()]
    return document(
        "data_prep.stats/page.jinja",
        f"{TITLE}: {', '.join(names)}",
        heading=TITLE,
        files=files,
        unknown=list(dict.fromkeys(unknown)),
        sections={title.lower().replace(" ", "-"): title for title in shown},
        tables={title: _table(title, names, [of_file[title] for of_file in facts]) for title in shown},
        charts=_charts(files),
    )


def _table(title: str, names: Sequence[str], facts: Sequence[Facts]) -> Table:
    """A column for each file, and a row for each line of a fact."""
    rows = [
        Row("" if number else label, [Cell(text) for text in texts], is_detail=number > 0)
        for label in dict.fromkeys(label for of_file in facts for label in of_file)
        for number, texts in enumerate(zip_longest(*(of_file.get(label, []) for of_file in facts), fillvalue=""))
    ]
    return Table(title, "", names, [Section(None, rows)], is_numeric=False)


def _charts(files: Sequence[FileStats]) -> dict[str, list[tuple[str, str]]]:
    """By section: titles and pictures, all files in one."""
    charts: dict[str, list[tuple[str, str]]] = {}

    def add(section: str, title: str, numbers: Sequence[Distribution | None], unit: str) -> None:
        known = {stats.name: own for stats, own in zip(files, numbers, strict=True) if own}
        if known:
            charts.setdefault(section, []).append((title, draw(title, known, unit)))

    footage, shown = [stats.footage for stats in files], [stats.shown for stats in files]
    add(ROWS, "Question", [stats.lengths["question_words"] for stats in files], "words")
    add(ROWS, "Rationale", [stats.lengths.get("rationale_words") for stats in files], "words")
    add(VIDEOS, "Duration", [found.seconds if found else None for found in footage], "seconds")
    add(VIDEOS, "Rows a video", [stats.rows_a_video for stats in files], "rows")
    add(FRAMES, "Frames a row", [found.frames if found else None for found in shown], "frames")
    for family in dict.fromkeys(name for found in shown if found for name in found.tokens):
        tokens = [found.tokens[family] if found else None for found in shown]
        add(FRAMES, f"Video tokens a row, {family}", tokens, "tokens")
    lengths = [stats.token_lengths.lengths if stats.token_lengths else None for stats in files]
    add(FRAMES, "Tokens a row, of the sample", lengths, "tokens")
    return charts
