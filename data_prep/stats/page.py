"""The page: one HTML file that holds everything it shows, and asks the network for nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files as resources
from pathlib import Path
from typing import TypeVar

from data_prep.stats.chart import axes_of, bars, histogram
from data_prep.stats.checkpoint import Disk
from data_prep.stats.distribution import Distribution
from data_prep.stats.epoch import Decoding, GrpoEpoch, SftEpoch
from data_prep.stats.figures import NOTHING, count, decimal, estimated, hours, large, percent, size
from data_prep.stats.file_stats import FileStats
from data_prep.stats.videos import VideoStats
from videokr.outputs import written_aside
from videokr.page.document import document
from videokr.page.markup import Markup, element, joined
from videokr.page.table import Cell, Row, Section, Table, Tone, as_html

TITLE = "VideoKR data"
SPREAD = ("mean", "5%", "median", "95%", "most", "in all")
STAGES = {"sft": "SFT", "rl": "RL", "eval": "evaluation"}
MINUTES = 1 / 60  # of a second
MINUTES_FROM = 300  # seconds: of a longest video that is shown in them
Facts = dict[str, str]
Chart = tuple[str, list[Markup]]  # title, and a figure for each file that has one
Told = TypeVar("Told")


def write_page(path: Path, files: Sequence[FileStats]) -> None:
    with written_aside(path) as aside:
        aside.write_text(page(files), encoding="utf-8")


def page(files: Sequence[FileStats]) -> str:
    styles = [resources(room).joinpath("page.css").read_text("utf-8") for room in ("videokr.page", __package__)]
    sections = _sections(files)
    parts = [
        element("section", element("h2", title, id=f"{name}-title"), content, id=name, aria_labelledby=f"{name}-title")
        for name, title, content in sections
    ]
    links = [element("a", title, href=f"#{name}") for name, title, _ in sections]
    body = [_header(files), element("nav", *links, aria_label="Sections"), element("main", *parts)]
    return document(f"{TITLE}: {', '.join(stats.name for stats in files)}", body, styles)


def _header(files: Sequence[FileStats]) -> Markup:
    names = [
        element(
            "li", element("b", stats.name), " ", element("span", f"taken for {STAGES[stats.stage]}", class_="quiet")
        )
        for stats in files
    ]
    unknown = dict.fromkeys(
        f"Not known: {what} ({needed})." for stats in files for what, needed in stats.unknown.items()
    )
    notes = element("ul", *(element("li", note) for note in unknown), class_="warnings") if unknown else None
    return element("header", element("h1", TITLE), element("ul", *names, class_="files"), notes, class_="top")


def _sections(files: Sequence[FileStats]) -> list[tuple[str, str, Markup]]:
    found = [
        ("overview", "Overview", _by_file("Overview", [(stats.name, _overview(stats)) for stats in files])),
        ("rows", "Rows", joined(_charts(files, _row_charts(files)), _length_table(files))),
        ("videos", "Videos", joined(_by_file("Videos", [(stats.name, _videos(stats)) for stats in files]),
                                    _charts(files, _video_charts(files)))),
    ]  # fmt: skip
    if any(stats.shown and stats.shown.frames for stats in files):
        found.append(("frames", "Frames and tokens", joined(_charts(files, _frame_charts(files)), _frame_table(files))))
    sft = [(stats.name, stats.sft) for stats in files if stats.sft]
    grpo = [(stats.name, stats.grpo) for stats in files if stats.grpo]
    epochs = [*_epochs("SFT", sft, _sft_facts), *_epochs("GRPO", grpo, _grpo_facts)]
    if epochs:
        found.append(("epoch", "One epoch", joined(*epochs)))
    if any(stats.unreadable for stats in files):
        found.append(("unreadable", "Records that cannot be read", _unreadable_table(files)))
    return found


def _histograms(
    files: Sequence[FileStats], title: str, unit: str,
    numbers: Callable[[FileStats], Distribution | None], scale: float = 1.0,
) -> Chart:  # fmt: skip
    found = [(stats.name, own) for stats in files if (own := numbers(stats))]
    if not found:
        return title, []
    axes = axes_of([own for _, own in found], unit, scale)
    return title, [histogram(title if len(files) == 1 else name, own, axes) for name, own in found]


def _bars(
    files: Sequence[FileStats], title: str, corner: str, counts: Callable[[FileStats], Mapping[str, int] | None],
    without: Callable[[FileStats], int] = lambda stats: 0,
) -> Chart:  # fmt: skip
    found = [(stats, own) for stats in files if (own := counts(stats))]
    return title, [bars(title if len(files) == 1 else stats.name, corner, own, without(stats)) for stats, own in found]


def _charts(files: Sequence[FileStats], charts: Iterable[Chart]) -> Markup:
    """One file's side by side; of several files each chart under its title, a column a file."""
    if len(files) == 1:
        return element("div", *(figure for _, figures in charts for figure in figures), class_="charts")
    return joined(
        *(
            joined(element("h3", title), element("div", *figures, class_="charts beside"))
            for title, figures in charts
            if figures
        )
    )


def _by_file(caption: str, told: Sequence[tuple[str, Facts]], notes: Sequence[str] = ()) -> Markup:
    """A table with a column for each file, and a row for each fact."""
    labels = dict.fromkeys(label for _, facts in told for label in facts)
    rows = [Row(label, [_cell(facts.get(label, NOTHING)) for _, facts in told]) for label in labels]
    return as_html(Table(caption, "", [name for name, _ in told], [Section(None, rows)], notes=notes))


def _cell(text: str) -> Cell:
    return Cell(text, Tone.QUIET if text == NOTHING else Tone.PLAIN)


def _overview(stats: FileStats) -> Facts:
    facts = {
        "records": count(stats.rows + sum(stats.unreadable.values())),
        "that can be read": count(stats.rows),
        "that its stage can use": count(stats.counted),
    }
    facts |= {kind: f"{count(rows)} ({percent(rows, stats.rows)})" for kind, rows in stats.kinds.items()}
    facts["videos"] = count(stats.videos)
    if stats.rows_a_video:
        facts["rows a video, mean"] = decimal(stats.rows_a_video.mean)
    if stats.footage and stats.footage.seconds:
        facts["seconds a video, mean"] = decimal(stats.footage.seconds.mean)
    if words := stats.lengths.get("rationale_words"):
        facts["words of a rationale, mean"] = decimal(words.mean)
    if epoch := stats.sft or stats.grpo:
        facts["steps of an epoch"] = count(epoch.steps)
    return facts


def _row_charts(files: Sequence[FileStats]) -> Iterable[Chart]:
    yield _bars(files, "Options of a question", "options", lambda stats: stats.options)
    yield _bars(files, "Letter of the right option", "letter", lambda stats: stats.letters)
    for name in dict.fromkeys(name for stats in files for name in stats.groups):
        title = name.replace("_", " ")

        def values(stats: FileStats, name: str = name) -> Mapping[str, int] | None:
            return stats.groups[name].values if name in stats.groups else None

        def without(stats: FileStats, name: str = name) -> int:
            return stats.groups[name].without

        yield _bars(files, title.capitalize(), title, values, without)
    yield _histograms(files, "Rationale", "words", lambda stats: stats.lengths.get("rationale_words"))
    yield _histograms(files, "Question", "words", lambda stats: stats.lengths.get("question_words"))


def _length_table(files: Sequence[FileStats]) -> Markup:
    sections = [
        Section(
            _title(stats, files), [_spread(name.replace("_", " "), lengths) for name, lengths in stats.lengths.items()]
        )
        for stats in files
        if stats.lengths
    ]
    notes = ["Words are what spaces part. Percentiles are numbers of the data (nearest rank)."]
    notes += [
        f"{stats.name}: {name} has too many different values to list."
        for stats in files
        for name, grouping in stats.groups.items()
        if grouping.values is None
    ]
    return as_html(Table("Lengths", "", SPREAD, sections, notes=notes))


def _title(stats: FileStats, files: Sequence[FileStats]) -> str | None:
    return stats.name if len(files) > 1 else None


def _spread(label: str, numbers: Distribution, in_all: bool = True) -> Row:
    values = (numbers.mean, numbers.percentiles["5"], numbers.median, numbers.percentiles["95"], numbers.most)
    return Row(label, [*(Cell(decimal(value)) for value in values), _cell(large(numbers.total if in_all else None))])


def _videos(stats: FileStats) -> Facts:
    facts = {"videos": count(stats.videos)}
    if footage := stats.footage:
        facts["fine"] = count(footage.fine)
        facts |= {f"rejected: {reason}": count(number) for reason, number in footage.rejected.items()}
        facts["not in the manifest"] = count(footage.not_in_manifest)
        facts["fine, duration and frames not known"] = count(footage.header_unknown)
        if footage.seconds:
            facts["video in all"] = hours(footage.seconds.total)
            facts["longest, seconds"] = decimal(footage.seconds.most)
        if footage.size_bytes:
            facts["files in all"] = size(footage.size_bytes.total)
            facts["a file, mean"] = size(footage.size_bytes.mean)
        if footage.audio:
            facts["with sound"] = percent(footage.audio["with"], sum(footage.audio.values()))
    if stats.rows_a_video and stats.videos_a_row:
        facts["rows a video, most"] = count(stats.rows_a_video.most)
        facts["videos a row, most"] = count(stats.videos_a_row.most)
    return facts


def _video_charts(files: Sequence[FileStats]) -> Iterable[Chart]:
    def footage(get: Callable[[VideoStats], Told]) -> Callable[[FileStats], Told | None]:
        return lambda stats: get(stats.footage) if stats.footage else None

    longest = max((stats.footage.seconds.most for stats in files if stats.footage and stats.footage.seconds), default=0)
    unit = ("minutes", MINUTES) if longest >= MINUTES_FROM else ("seconds", 1.0)
    yield _histograms(files, "Duration", unit[0], footage(lambda own: own.seconds), unit[1])
    yield _histograms(files, "Rows a video", "rows", lambda stats: stats.rows_a_video)
    yield _bars(files, "Resolution", "pixels", footage(lambda own: own.resolutions))
    yield _bars(files, "Frame rate", "frames a second", footage(lambda own: own.fps))
    yield _bars(files, "Codec", "codec", footage(lambda own: own.codecs))


def _frame_charts(files: Sequence[FileStats]) -> Iterable[Chart]:
    yield _histograms(files, "Frames a row", "frames", lambda stats: stats.shown.frames if stats.shown else None)
    if any(stats.token_lengths for stats in files):
        yield _histograms(files, "Tokens a row, of the sample", "tokens",
                          lambda stats: stats.token_lengths.lengths if stats.token_lengths else None)  # fmt: skip
        return
    for family in dict.fromkeys(name for stats in files if stats.shown for name in stats.shown.tokens):

        def tokens(stats: FileStats, family: str = family) -> Distribution | None:
            return stats.shown.tokens.get(family) if stats.shown else None

        yield _histograms(files, f"Video tokens a row, {family}", "tokens", tokens)


def _frame_table(files: Sequence[FileStats]) -> Markup:
    sections = []
    notes = ["Frames and video tokens follow from headers, by the frame plan of each file's stage."]
    for stats in files:
        shown, lengths = stats.shown, stats.token_lengths
        if not shown or not shown.frames:
            continue
        rows = [_spread("frames a row", shown.frames)]
        rows += [_spread(f"video tokens a row, {name}", own) for name, own in shown.tokens.items() if own]
        if shown.rows_unknown:
            notes.append(f"{stats.name}: {count(shown.rows_unknown)} more rows, whose frames are not known.")
        if lengths:
            rows.append(_spread("tokens a row, of the sample", lengths.lengths, in_all=False))
            share, low, high = (f"{100 * part:.2f}%" for part in lengths.longer)
            drawn = "" if lengths.sampled == lengths.of else f", drawn with seed {lengths.seed}"
            span = "" if low == high else f" (95% interval {low} to {high})"
            notes.append(
                f"{stats.name}: {count(lengths.sampled)} of {count(lengths.of)} rows were counted in tokens{drawn}; "
                f"{share} are longer than {count(lengths.limit)}{span}. {estimated(lengths.text)} tokens of a row are "
                "not of its video."
            )
            if lengths.longer[0]:
                notes.append("Longer rows are counted in an epoch; videokr prepare --model leaves them out.")
        sections.append(Section(_title(stats, files), rows))
    return as_html(Table("Frames and tokens", "", SPREAD, sections, notes=list(dict.fromkeys(notes))))


def _epochs(name: str, epochs: Sequence[tuple[str, Told]], facts: Callable[[Told], Facts]) -> Iterable[Markup]:
    if epochs:
        told = [(of, facts(epoch)) for of, epoch in epochs]
        yield joined(element("h3", name), _by_file(f"One epoch of {name}", told, _epoch_notes(epochs)))


def _epoch_notes(epochs: Sequence[tuple[str, object]]) -> list[str]:
    notes = []
    for name, epoch in epochs:
        assert isinstance(epoch, SftEpoch | GrpoEpoch)
        notes.append(f"Settings: {epoch.settings}.")
        if epoch.tokens and epoch.tokens.rows < epoch.rows:
            left = epoch.rows - epoch.tokens.rows
            notes.append(f"{name}: tokens of {count(left)} rows are not known, and not in the sums.")
        if epoch.disk:
            notes.append(f"Bytes of a checkpoint: {epoch.disk.formula}.")
            if epoch.disk.keep_fewer:
                notes.append(f"Every checkpoint is kept; {epoch.disk.keep_fewer}=N keeps the last N.")
    if any(isinstance(epoch, SftEpoch | GrpoEpoch) and epoch.tokens and epoch.tokens.text for _, epoch in epochs):
        notes.append("\u00b1: half of the 95% interval of the sample.")
    return list(dict.fromkeys(notes))


def _sft_facts(epoch: SftEpoch) -> Facts:
    facts = {
        "rows": count(epoch.rows),
        "rows a step": f"{count(epoch.batch_rows)} on {epoch.gpus} GPUs",
        "steps": count(epoch.steps),
    }
    if epoch.tokens:
        facts["tokens of video"] = large(epoch.tokens.video)
        facts["tokens of text"] = estimated(epoch.tokens.text)
        facts["of these trained on"] = estimated(epoch.tokens.trained)
    return facts | _decoding(epoch.decoding) | _disk(epoch.disk)


def _grpo_facts(epoch: GrpoEpoch) -> Facts:
    facts = {
        "prompts": count(epoch.rows),
        "prompts a step": f"{count(epoch.batch_prompts)} on {epoch.gpus} GPUs",
        "steps": count(epoch.steps),
        "updates of the policy": count(epoch.updates),
        "rollouts": count(epoch.rollouts),
        "tokens generated, at most": large(epoch.generated_most),
    }
    if epoch.tokens:
        facts["tokens of video, once a prompt"] = large(epoch.tokens.video)
        facts["tokens of text, once a prompt"] = estimated(epoch.tokens.text)
    return facts | _decoding(epoch.decoding) | _disk(epoch.disk)


def _decoding(decoding: Decoding) -> Facts:
    facts = {"videos decoded": count(decoding.reads)}
    if decoding.seconds is not None:
        facts["video in them"] = hours(decoding.seconds)
        facts["frames shown"] = large(decoding.frames)
    if decoding.cpu_hours is not None:
        facts["CPU-hours of decoding, at the given rate"] = decimal(decoding.cpu_hours)
    return facts


def _disk(disk: Disk | None) -> Facts:
    if not disk:
        return {}
    return {
        "a checkpoint": size(disk.checkpoint_bytes),
        "checkpoints written": count(disk.saves),
        "checkpoints kept": count(disk.kept),
        "disk at the end": size(disk.end_bytes),
        "disk at most": size(disk.most_bytes),
    }


def _unreadable_table(files: Sequence[FileStats]) -> Markup:
    sections = [
        Section(
            _title(stats, files),
            [
                Row(reason, [Cell(count(number)), Cell(count(stats.first_unreadable[reason]))])
                for reason, number in stats.unreadable.items()
            ],
        )
        for stats in files
        if stats.unreadable
    ]
    return as_html(Table("Records that cannot be read", "", ("records", "first: line or item"), sections))
