"""The report of a decontamination: every match, near-duplicates with the frames of both sides under each other."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files as resources
from pathlib import Path

from tqdm import tqdm

from data_prep.decontamination import PUBLISHED
from data_prep.decontamination.alignment import MIN_PICTURES
from data_prep.decontamination.comparison import BENCHMARK, TRAIN, Comparison, Found
from data_prep.decontamination.fingerprint import TRAIN_FPS
from data_prep.decontamination.match import Kind, QuestionMatch, VideoMatch
from data_prep.engine import cpu_count
from videokr.errors import UserError
from videokr.page.document import document
from videokr.page.excerpt import excerpt
from videokr.page.markup import Markup, element, joined
from videokr.page.sheet import NoSheet, Sheet, make_sheet_at, sheet_style
from videokr.video.paths import resolve_video

TITLE = "VideoKR decontamination"
SHEETS_MAX = 500  # matches with pictures on the page
SHEET_FRAMES = 6
SHEET_BYTES = 14_000  # of one picture
LISTED_MAX = 1_000  # matches of one kind without pictures
EXPLAINED = {
    Kind.NEAR_DUPLICATE: "The pictures of both windows, laid over each other, agree. Their rows are removed.",
    Kind.VIDEO_ID: "The file names hold the same id. Their rows are removed.",
    Kind.QUESTION: "Most of a benchmark question's runs of eight words stand in a training question.",
    Kind.POSSIBLE: "The hashes agree, the pictures do not, as of slides of one template. Their rows stay.",
}
PUBLISHED_NOTE = "By the publication's rule, which takes most unrelated videos for such. Their rows are removed."
NOT_COMPARED, SHORT = "Not compared", "Too short to compare"
CELL_BYTES = 2_000  # of one text in a table
Place = tuple[str, str, tuple[float, ...]]  # side, path and seconds of a sheet
Drawn = tuple[VideoMatch, Place, Sheet | NoSheet, Place, Sheet | NoSheet]


def page(found: Found, comparison: Comparison) -> str:
    """Draws the contact sheets, with a progress bar, and builds the page."""
    of_videos = [match for match in found.matches if isinstance(match, VideoMatch) and match.alignment]
    drawn = _draw(of_videos[:SHEETS_MAX], comparison)
    sheets: dict[Place, Sheet | NoSheet] = {}
    for _, own_key, own, other_key, other in drawn:
        sheets |= {own_key: own, other_key: other}
    numbers = {place: number for number, place in enumerate(sheets)}
    pictures = sheet_style({str(number): sheets[place] for place, number in numbers.items()})
    style = resources("videokr.page").joinpath("page.css").read_text("utf-8")
    is_published = comparison.rule == PUBLISHED
    sections = [(kind, _section(kind, found, drawn, numbers, len(of_videos), is_published)) for kind in EXPLAINED]
    links = [(kind.name.lower(), _title(kind)) for kind, _ in sections]
    links += [(_anchor(title), title) for title, videos in ((NOT_COMPARED, found.not_compared), (SHORT, found.short))
              if videos]  # fmt: skip
    body = [
        element("header", element("h1", TITLE), _summary(found, comparison), class_="top"),
        element("nav", *(element("a", title, href=f"#{anchor}") for anchor, title in links), aria_label="Sections"),
        element("main", *(section for _, section in sections), _not_compared(found), _short(found)),
    ]  # fmt: skip
    return document(TITLE, body, [style], [pictures] if pictures else [])


def _draw(matches: Sequence[VideoMatch], comparison: Comparison) -> list[Drawn]:
    pool = ThreadPoolExecutor(cpu_count(), thread_name_prefix="sheet")
    try:
        drawn = pool.map(lambda match: _draw_one(match, comparison), matches)
        return list(tqdm(drawn, desc="contact sheets", unit="pair", total=len(matches), disable=None))
    finally:
        pool.shutdown(cancel_futures=True)


def _draw_one(match: VideoMatch, comparison: Comparison) -> Drawn:
    assert match.alignment
    start, end = match.alignment.start_seconds, match.alignment.end_seconds
    seconds = tuple(start + (end - start) * number / (SHEET_FRAMES - 1) for number in range(SHEET_FRAMES))
    others = tuple(max(0.0, match.alignment.benchmark_seconds(second)) for second in seconds)
    own = _sheet(match.train, comparison.train.videos, seconds)
    other = _sheet(match.benchmark, comparison.benchmark.videos, others)
    return match, (TRAIN, match.train, seconds), own, (BENCHMARK, match.benchmark, others), other


def _sheet(path: str, root: Path, seconds: Sequence[float]) -> Sheet | NoSheet:
    try:
        return make_sheet_at(resolve_video(path, root.resolve()), seconds, SHEET_BYTES)
    except UserError:
        return NoSheet("is not there")


def _title(kind: Kind) -> str:
    return f"{kind.value.capitalize()}s"


def _summary(found: Found, comparison: Comparison) -> Markup:
    counts = Counter(match.kind for match in found.matches)
    told = [
        f"{found.records:,} records about {found.videos:,} videos, against {found.questions:,} questions about "
        f"{found.benchmark_videos:,} videos.",
        f"{len(found.removed):,} records are removed.",
    ]
    rows = []
    for kind in EXPLAINED:
        link = element("a", _title(kind), href=f"#{kind.name.lower()}")
        fate = "removed" if kind in comparison.removed_kinds else "kept"
        rows.append(element("tr", element("th", link), element("td", f"{counts[kind]:,}"), element("td", fate)))
    missing = f"{len(found.not_compared):,} videos could not be compared." if found.not_compared else None
    if not comparison.looks_at_videos:
        missing = "Videos were not looked at: ids and questions alone are compared."
    return joined(
        element("p", " ".join(told), class_="quiet"),
        element("p", missing, class_="warnings") if missing else None,
        element("div", element("table", element("tbody", *rows), class_="numbers"), class_="scroll"),
    )


def _section(
    kind: Kind, found: Found, drawn: Sequence[Drawn], numbers: dict[Place, int], with_pictures: int, is_published: bool
) -> Markup:
    matches = [match for match in found.matches if match.kind is kind]
    shown: list[Markup] = [_case(*one, numbers) for one in drawn if one[0].kind is kind]
    listed = [match for match in matches if not isinstance(match, VideoMatch) or not match.alignment]
    notes = [PUBLISHED_NOTE if is_published and kind is Kind.NEAR_DUPLICATE else EXPLAINED[kind]]
    if not matches:
        notes.append("None.")
    if with_pictures > SHEETS_MAX and matches and not listed:
        notes.append(f"{len(shown):,} of {len(matches):,} are shown; matches.jsonl has all.")
    if len(listed) > LISTED_MAX:
        notes.append(f"The first {LISTED_MAX:,} of {len(listed):,} are shown; matches.jsonl has all.")
    rows = [element("tr", *(element("td", cell) for cell in _cells(match))) for match in listed[:LISTED_MAX]]
    table = element("div", element("table", element("tbody", *rows), class_="words"), class_="scroll") if rows else None
    return element(
        "section",
        element("h2", f"{_title(kind)} ({len(matches):,})", id=f"{kind.name.lower()}-title"),
        element("p", " ".join(notes), class_="quiet"),
        *shown,
        table,
        id=kind.name.lower(),
        aria_labelledby=f"{kind.name.lower()}-title",
    )


def _cells(match: VideoMatch | QuestionMatch) -> tuple[str, ...]:
    if isinstance(match, VideoMatch):
        return match.train, match.benchmark
    own = f"line {match.line:,}, {match.train_id}: {match.train_question}"
    other = f"{match.benchmark_id}: {match.benchmark_question}"
    return f"{match.share:.0%}", excerpt(own, CELL_BYTES), excerpt(other, CELL_BYTES)


def _case(
    match: VideoMatch,
    own_place: Place,
    own: Sheet | NoSheet,
    other_place: Place,
    other: Sheet | NoSheet,
    numbers: dict[Place, int],
) -> Markup:
    assert match.alignment
    tags = [f"{match.alignment.share:.0%} of the hashes agree"]
    if match.resemblance:
        tags.append(f"{match.resemblance.still:.0%} of the blocks")
        if match.resemblance.moving is not None:
            tags.append(f"movement correlates by {match.resemblance.moving:.2f}")
    if abs(match.alignment.speed - 1) > 0.01:
        tags.append(f"training video at {1 / match.alignment.speed:.2f} of the benchmark's length")
    if match.alignment.is_mirrored:
        tags.append("mirrored")
    return element(
        "article",
        element("p", ", ".join(tags), class_="tags"),
        _strip(TRAIN, match.train, own, numbers[own_place]),
        _strip(BENCHMARK, match.benchmark, other, numbers[other_place]),
        class_="case",
    )


def _strip(side: str, path: str, sheet: Sheet | NoSheet, number: int) -> Markup:
    caption = element("figcaption", element("b", side), f" {path}")
    if isinstance(sheet, NoSheet):
        return element("figure", caption, element("p", f"The video {sheet.reason}.", class_="no-frames"))
    times = element("div", *(element("span", f"{second:.1f} s") for second in sheet.seconds), class_="times quiet")
    picture = element("div", class_="strip", role="img", aria_label=f"frames of {path}")
    return element("figure", caption, picture, times, class_=f"s{number}")


def _not_compared(found: Found) -> Markup | None:
    if not found.not_compared:
        return None
    rows = [(*video, reason) for video, reason in sorted(found.not_compared.items())]
    return _videos(NOT_COMPARED, "Their pictures could not be read. videokr check says why.", rows)


def _short(found: Found) -> Markup | None:
    if not found.short:
        return None
    note = f"They show something for less than {MIN_PICTURES / TRAIN_FPS:g} seconds, and were compared by id alone."
    return _videos(SHORT, note, sorted(found.short))


def _videos(title: str, note: str, rows: Sequence[tuple[str, ...]]) -> Markup:
    if len(rows) > LISTED_MAX:
        note += f" The first {LISTED_MAX:,} of {len(rows):,} are shown."
    shown = [element("tr", *(element("td", excerpt(cell, CELL_BYTES)) for cell in row)) for row in rows[:LISTED_MAX]]
    return element(
        "section",
        element("h2", f"{title} ({len(rows):,})"),
        element("p", note, class_="quiet"),
        element("div", element("table", element("tbody", *shown), class_="words"), class_="scroll"),
        id=_anchor(title),
    )


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
