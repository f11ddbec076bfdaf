"""The page: one HTML file that holds everything it shows, and asks the network for nothing."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from data_prep.stats.chart import BarChart, Histogram, bar_charts, histograms
from data_prep.stats.checkpoint import Disk
from data_prep.stats.distribution import Distribution
from data_prep.stats.epoch import Decoding, GrpoEpoch, SftEpoch
from data_prep.stats.figures import NOTHING, count, decimal, estimated, hours, large, percent, size
from data_prep.stats.file_stats import FileStats
from videokr.outputs import atomic_write
from videokr.page.document import document
from videokr.page.table import Cell, Row, Section, Table, Tone

TITLE = "VideoKR data"
SPREAD = ("mean", "5%", "median", "95%", "most", "in all")
STAGES = {"sft": "SFT", "rl": "RL", "eval": "evaluation"}
MINUTES = 1 / 60  # of a second
MINUTES_FROM = 300  # seconds: of a longest video that is shown in them
Facts = dict[str, str]
Charts = dict[str, Mapping[str, Histogram] | Mapping[str, BarChart]]  # by title and file
Part = str | Table | Charts  # of a section: a heading, a table or charts


def write_page(path: Path, files: Sequence[FileStats]) -> None:
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8") as file:
        file.writelines(page(files))


def page(files: Sequence[FileStats]) -> Iterator[str]:
    """The page in pieces."""
    sections = _sections(files)
    return document(
        "data_prep.stats/page.jinja",
        f"{TITLE}: {', '.join(stats.name for stats in files)}",
        heading=TITLE,
        files=files,
        stages=STAGES,
        unknown=_unique([f"Not known: {what} ({way})." for stats in files for what, way in stats.unknown.items()]),
        sections={name: title for name, (title, _) in sections.items()},
        content={name: parts for name, (_, parts) in sections.items()},
        percent=percent,
    )


def _sections(files: Sequence[FileStats]) -> dict[str, tuple[str, list[Part]]]:
    """(title, parts) by name."""
    overview = _fact_table("Overview", {stats.name: _overview(stats) for stats in files})
    videos = _fact_table("Videos", {stats.name: _videos(stats) for stats in files})
    sections: dict[str, tuple[str, list[Part]]] = {
        "overview": ("Overview", [overview]),
        "rows": ("Rows", [_row_charts(files), _length_table(files)]),
        "videos": ("Videos", [videos, _video_charts(files)]),
    }
    if any(stats.shown and stats.shown.frames for stats in files):
        sections["frames"] = ("Frames and tokens", [_frame_charts(files), _frame_table(files)])
    epochs: list[Part] = []
    if sft := {stats.name: stats.sft for stats in files if stats.sft}:
        facts = {name: _sft_facts(epoch) for name, epoch in sft.items()}
        epochs += ["SFT", _fact_table("One epoch of SFT", facts, _epoch_notes(sft))]
    if grpo := {stats.name: stats.grpo for stats in files if stats.grpo}:
        facts = {name: _grpo_facts(epoch) for name, epoch in grpo.items()}
        epochs += ["GRPO", _fact_table("One epoch of GRPO", facts, _epoch_notes(grpo))]
    if epochs:
        sections["epoch"] = ("One epoch", epochs)
    if any(stats.unreadable for stats in files):
        sections["unreadable"] = ("Records that cannot be read", [_unreadable_table(files)])
    return sections


def _unique(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _fact_table(caption: str, facts: Mapping[str, Facts], notes: Sequence[str] = ()) -> Table:
    """A column for each file, and a row for each fact."""
    labels = dict.fromkeys(label for of_file in facts.values() for label in of_file)
    rows = [Row(label, [_cell(of_file.get(label, NOTHING)) for of_file in facts.values()]) for label in labels]
    return Table(caption, "", list(facts), [Section(None, rows)], notes=notes)


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


def _row_charts(files: Sequence[FileStats]) -> Charts:
    charts: Charts = {
        "Options of a question": bar_charts({stats.name: stats.options for stats in files}, "options"),
        "Letter of the right option": bar_charts({stats.name: stats.letters for stats in files}, "letter"),
    }
    for name in _unique([name for stats in files for name in stats.groups]):
        title = name.replace("_", " ")
        groups = {stats.name: stats.groups[name] for stats in files if name in stats.groups}
        values = {file: group.values for file, group in groups.items()}
        without = {file: group.without for file, group in groups.items()}
        charts[title.capitalize()] = bar_charts(values, title, without)
    for title, name in (("Rationale", "rationale_words"), ("Question", "question_words")):
        charts[title] = histograms({stats.name: stats.lengths.get(name) for stats in files}, "words")
    return charts


def _length_table(files: Sequence[FileStats]) -> Table:
    sections = []
    notes = ["Words are what spaces part. Percentiles are numbers of the data (nearest rank)."]
    for stats in files:
        if stats.lengths:
            rows = [_spread(name.replace("_", " "), lengths) for name, lengths in stats.lengths.items()]
            sections.append(Section(_title(stats, files), rows))
        for name, grouping in stats.groups.items():
            if grouping.values is None:
                notes.append(f"{stats.name}: {name} has too many different values to list.")
    return Table("Lengths", "", SPREAD, sections, notes=notes)


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


def _video_charts(files: Sequence[FileStats]) -> Charts:
    footage = {stats.name: stats.footage for stats in files if stats.footage}
    durations = {file: found.seconds for file, found in footage.items()}
    longest = max((seconds.most for seconds in durations.values() if seconds), default=0)
    unit, scale = ("minutes", MINUTES) if longest >= MINUTES_FROM else ("seconds", 1.0)
    return {
        "Duration": histograms(durations, unit, scale),
        "Rows a video": histograms({stats.name: stats.rows_a_video for stats in files}, "rows"),
        "Resolution": bar_charts({file: found.resolutions for file, found in footage.items()}, "pixels"),
        "Frame rate": bar_charts({file: found.fps for file, found in footage.items()}, "frames a second"),
        "Codec": bar_charts({file: found.codecs for file, found in footage.items()}, "codec"),
    }


def _frame_charts(files: Sequence[FileStats]) -> Charts:
    shown = {stats.name: stats.shown for stats in files if stats.shown}
    charts: Charts = {"Frames a row": histograms({file: rows.frames for file, rows in shown.items()}, "frames")}
    if sampled := {stats.name: stats.token_lengths.lengths for stats in files if stats.token_lengths}:
        charts["Tokens a row, of the sample"] = histograms(sampled, "tokens")
        return charts
    for family in _unique([name for rows in shown.values() for name in rows.tokens]):
        tokens = {file: rows.tokens.get(family) for file, rows in shown.items()}
        charts[f"Video tokens a row, {family}"] = histograms(tokens, "tokens")
    return charts


def _frame_table(files: Sequence[FileStats]) -> Table:
    sections = []
    notes = ["Frames and video tokens follow from headers, by the frame plan of each file's stage."]
    for stats in files:
        shown, lengths = stats.shown, stats.token_lengths
        if not shown or not shown.frames:
            continue
        rows = [_spread("frames a row", shown.frames)]
        rows += [_spread(f"video tokens a row, {name}", tokens) for name, tokens in shown.tokens.items() if tokens]
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
    return Table("Frames and tokens", "", SPREAD, sections, notes=_unique(notes))


def _epoch_notes(epochs: Mapping[str, SftEpoch] | Mapping[str, GrpoEpoch]) -> list[str]:
    notes = []
    for name, epoch in epochs.items():
        notes.append(f"Settings: {epoch.settings}.")
        if epoch.tokens and epoch.tokens.rows < epoch.rows:
            left = epoch.rows - epoch.tokens.rows
            notes.append(f"{name}: tokens of {count(left)} rows are not known, and not in the sums.")
        if epoch.disk:
            notes.append(f"Bytes of a checkpoint: {epoch.disk.formula}.")
            if epoch.disk.keep_fewer:
                notes.append(f"Every checkpoint is kept; {epoch.disk.keep_fewer}=N keeps the last N.")
    if any(epoch.tokens and epoch.tokens.text for epoch in epochs.values()):
        notes.append("\u00b1: half of the 95% interval of the sample.")
    return _unique(notes)


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


def _unreadable_table(files: Sequence[FileStats]) -> Table:
    sections = []
    for stats in files:
        if stats.unreadable:
            rows = [
                Row(reason, [Cell(count(number)), Cell(count(stats.first_unreadable[reason]))])
                for reason, number in stats.unreadable.items()
            ]
            sections.append(Section(_title(stats, files), rows))
    return Table("Records that cannot be read", "", ("records", "first: line or item"), sections)
