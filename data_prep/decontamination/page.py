"""The report of a decontamination: every match, near-duplicates with the frames of both sides under each other."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.decontamination import PUBLISHED
from data_prep.decontamination.alignment import MIN_PICTURES, Alignment
from data_prep.decontamination.comparison import BENCHMARK, TRAIN, Comparison, Found
from data_prep.decontamination.fingerprint import TRAIN_FPS
from data_prep.decontamination.match import Kind, Match, VideoMatch
from videokr.errors import UserError
from videokr.page.document import document
from videokr.page.sheet import make_sheets, sheet_style
from videokr.video.paths import resolve_video

TITLE = "VideoKR decontamination"
MAX_PAIRS = 500  # matches of one kind with pictures on the page
SHEET_FRAMES = 6
SHEET_BYTES = 14_000  # of one picture
MAX_LISTED = 1_000  # matches of one kind without pictures
EXPLAINED = {
    Kind.NEAR_DUPLICATE: "The pictures of both windows, laid over each other, agree. Their rows are removed.",
    Kind.VIDEO_ID: "The file names hold the same id. Their rows are removed.",
    Kind.QUESTION: "Most of a benchmark question's runs of eight words stand in a training question.",
    Kind.POSSIBLE: "The hashes agree, the pictures do not, as of slides of one template. Their rows stay.",
}
PUBLISHED_NOTE = "By the publication's rule, which takes most unrelated videos for such. Their rows are removed."
UNREADABLE_NOTE = "Their pictures could not be read. videokr check says why."
SHORT_NOTE = f"They show something for less than {MIN_PICTURES / TRAIN_FPS:g} seconds, and were compared by id alone."
CELL_BYTES = 2_000  # of one text in a table
Window = tuple[str, str, tuple[float, ...]]  # side, path, and the seconds of the frames that are shown
Pair = tuple[Sequence[str], Sequence[Window]]  # how much two videos agree, and the windows in which they do


@dataclass(frozen=True, slots=True)
class Section:
    """What belongs under one heading.

    Attributes:
        count: matches or videos that there are.
        pairs: those that are shown by their frames; rows: the others.
    """

    title: str
    count: int
    note: str
    pairs: Sequence[Pair]
    rows: Sequence[Sequence[str]]


def page(found: Found, comparison: Comparison) -> Iterator[str]:
    """Draws the contact sheets, with a progress bar, and gives the page in pieces."""
    explained = dict(EXPLAINED)
    if comparison.rule == PUBLISHED:
        explained[Kind.NEAR_DUPLICATE] = PUBLISHED_NOTE
    sections = {}
    for kind, note in explained.items():
        matches = [match for match in found.matches if match.kind is kind]
        pairs = [
            _pair(match, match.alignment) for match in matches if isinstance(match, VideoMatch) and match.alignment
        ]
        rows = [] if pairs else map(_cells, matches)
        sections[kind.name.lower()] = _section(f"{kind.value.capitalize()}s", note, pairs, rows)
    if found.not_compared:
        reasons = [(*video, reason) for video, reason in sorted(found.not_compared.items())]
        sections["not-compared"] = _section("Not compared", UNREADABLE_NOTE, [], reasons)
    if found.short:
        sections["too-short-to-compare"] = _section("Too short to compare", SHORT_NOTE, [], sorted(found.short))
    roots = {TRAIN: comparison.train.videos.resolve(), BENCHMARK: comparison.benchmark.videos.resolve()}
    windows = [window for section in sections.values() for _, windows in section.pairs for window in windows]
    sheets = make_sheets({window: (_file(window, roots), window[2]) for window in windows}, SHEET_BYTES)
    return document(
        "data_prep.decontamination/page.jinja",
        TITLE,
        pictures=sheet_style(sheets.values()),
        sections={name: section.title for name, section in sections.items()},
        content=sections,
        found=found,
        looks_at_videos=comparison.looks_at_videos,
        fates={kind.name.lower(): "removed" if kind in comparison.removed_kinds else "kept" for kind in EXPLAINED},
        cell_bytes=CELL_BYTES,
        sheets=sheets,
        sheet_numbers={window: number for number, window in enumerate(sheets)},
    )


def _section(title: str, note: str, pairs: Sequence[Pair], rows: Iterable[Sequence[str]]) -> Section:
    listed = list(rows)
    count, shown = len(pairs) + len(listed), min(len(pairs), MAX_PAIRS) + min(len(listed), MAX_LISTED)
    if not count:
        note += " None."
    if shown < count:
        note += f" The first {shown:,} of {count:,} are shown."
    return Section(title, count, note, pairs[:MAX_PAIRS], listed[:MAX_LISTED])


def _pair(match: VideoMatch, alignment: Alignment) -> Pair:
    start, end = alignment.start_seconds, alignment.end_seconds
    seconds = tuple(start + (end - start) * number / (SHEET_FRAMES - 1) for number in range(SHEET_FRAMES))
    others = tuple(max(0.0, alignment.benchmark_seconds(second)) for second in seconds)
    tags = [f"{alignment.share:.0%} of the hashes agree"]
    if match.resemblance:
        tags.append(f"{match.resemblance.still:.0%} of the blocks")
        if match.resemblance.moving is not None:
            tags.append(f"movement correlates by {match.resemblance.moving:.2f}")
    if abs(alignment.speed - 1) > 0.01:
        tags.append(f"training video at {1 / alignment.speed:.2f} of the benchmark's length")
    if alignment.is_mirrored:
        tags.append("mirrored")
    return tags, [(TRAIN, match.train, seconds), (BENCHMARK, match.benchmark, others)]


def _file(window: Window, roots: dict[str, Path]) -> Path:
    side, path, _ = window
    try:
        return resolve_video(path, roots[side])
    except UserError:
        return roots[side]  # no file, and so a sheet that says that the video is not there


def _cells(match: Match) -> Sequence[str]:
    if isinstance(match, VideoMatch):
        return match.train, match.benchmark
    train = f"line {match.line:,}, {match.train_id}: {match.train_question}"
    return f"{match.share:.0%}", train, f"{match.benchmark_id}: {match.benchmark_question}"
