"""What `videokr stats` prints."""

from collections.abc import Iterator, Mapping, Sequence

from data_prep.stats.distribution import Distribution
from data_prep.stats.epoch import GrpoEpoch, SftEpoch
from data_prep.stats.figures import count, decimal, estimated, hours, large, percent, size
from data_prep.stats.file_stats import FileStats
from data_prep.stats.tokens import TokenLengths
from data_prep.stats.videos import VideoStats

MAX_SHOWN = 6  # values of each
LABEL_COLUMNS = 19
Line = tuple[str, str]  # label, empty where it is that of the line before; and text


def as_text(files: Sequence[FileStats]) -> str:
    return "\n\n".join(
        "\n".join(
            [f"{stats.name} ({stats.stage.upper()})"]
            + [f"  {label:<{LABEL_COLUMNS}} {text}" for label, text in _lines(stats)]
        )
        for stats in files
    )


def _lines(stats: FileStats) -> Iterator[Line]:
    yield "rows", f"{count(stats.rows)} of {count(stats.rows + sum(stats.unreadable.values()))} records"
    for reason, number in stats.unreadable.items():
        yield "", f"{count(number)} cannot be read: {reason} (first: record {stats.first_unreadable[reason]})"
    if stats.serving < stats.rows:
        yield "", f"{count(stats.rows - stats.serving)} have no rationale, which {stats.stage.upper()} needs"
    if stats.counted < stats.serving:
        yield "", f"{count(stats.serving - stats.counted)} have a video that is rejected or not in the manifest"
    if stats.kinds:
        yield "kinds", _common(stats.kinds)
    if stats.letters:
        yield "right letters", _common(stats.letters, len(stats.letters), sum(stats.letters.values()))
    for name, grouping in stats.groups.items():
        values = grouping.values
        yield name, "too many different values to list" if values is None else f"{len(values)}: {_common(values)}"
    for name, spread in stats.lengths.items():
        yield name.replace("_", " "), _spread(spread)
    if stats.rows_a_video:
        yield "videos", f"{count(stats.videos)}, rows a video: {_spread(stats.rows_a_video)}"
    if stats.footage:
        yield from _videos(stats.footage)
    shown = stats.shown
    if shown and shown.frames:
        yield "frames a row", f"{_spread(shown.frames)}; {large(shown.frames.total)} in all"
        for name, tokens in shown.tokens.items():
            if tokens:
                yield "video tokens", f"{name}: {_spread(tokens)}; {large(tokens.total)} in all"
    if stats.token_lengths:
        yield from _token_lengths(stats.token_lengths)
    epoch = stats.sft or stats.grpo
    if epoch:
        yield from _epoch(epoch)
    for what, needed in stats.unknown.items():
        yield "not known", f"{what}: {needed}"


def _videos(stats: VideoStats) -> Iterator[Line]:
    for reason, number in stats.rejected.items():
        yield "", f"{count(number)} rejected: {reason}"
    if stats.not_in_manifest:
        yield "", f"{count(stats.not_in_manifest)} not in the manifest"
    if stats.header_unknown:
        yield "", f"{count(stats.header_unknown)} with unknown duration and size of frames"
    if stats.seconds:
        yield "seconds", f"{_spread(stats.seconds)}; {hours(stats.seconds.total)} in all"
        yield "resolutions", _common(stats.resolutions)
        yield "frame rates", _common(stats.fps)
        off = stats.off_by_index_seconds
        if off:
            yield "variable rates", f"{count(off.count)} videos, up to {decimal(off.most)} s off by index"
        yield "codecs", _common(stats.codecs)
        yield "audio", _common(stats.audio)
    if stats.size_bytes:
        yield "files", f"{size(stats.size_bytes.total)}, {size(stats.size_bytes.mean)} a video"


def _token_lengths(lengths: TokenLengths) -> Iterator[Line]:
    share, low, high = lengths.longer
    span = "" if low == high else f" (95%: {100 * low:.2f}% to {100 * high:.2f}%)"
    sample = f"{count(lengths.sampled)} of {count(lengths.of)} rows counted, seed {lengths.seed}"
    if lengths.sampled == lengths.of:
        sample = f"all {count(lengths.of)} rows counted"
    yield "tokens a row", _spread(lengths.lengths)
    yield "", f"{100 * share:.2f}% above {count(lengths.limit)}{span}, {sample}"


def _epoch(epoch: SftEpoch | GrpoEpoch) -> Iterator[Line]:
    tokens, decoding, disk = epoch.tokens, epoch.decoding, epoch.disk
    steps, gpus = count(epoch.steps), f"on {epoch.gpus} GPUs"
    if isinstance(epoch, SftEpoch):
        yield "one epoch", f"{steps} steps of {epoch.batch_rows} rows {gpus} ({epoch.settings})"
        if tokens:
            text, trained = estimated(tokens.text), estimated(tokens.trained)
            yield "", f"tokens: {large(tokens.video)} of video, {text} of text, {trained} of these trained on"
    else:
        updates = f"{count(epoch.updates)} updates"
        yield "one epoch", f"{steps} steps of {epoch.batch_prompts} prompts {gpus}, {updates} ({epoch.settings})"
        yield "", f"{count(epoch.rollouts)} rollouts, at most {large(epoch.generated_most)} tokens generated"
        if tokens:
            yield "", f"prompts: {large(tokens.video)} tokens of video, {estimated(tokens.text)} of text"
    parts = [f"{count(decoding.reads)} videos decoded"]
    if decoding.seconds is not None:
        parts.append(f"{hours(decoding.seconds)} of video, {large(decoding.frames)} frames shown")
    if decoding.cpu_hours is not None:
        parts.append(f"{decimal(decoding.cpu_hours)} CPU-hours at the given rate")
    yield "", ", ".join(parts)
    if disk:
        kept = f"all kept ({disk.keep_fewer} would keep fewer)" if disk.keep_fewer else f"{count(disk.kept)} kept"
        each = f"{size(disk.checkpoint_bytes)} each, {count(disk.saves)} written"
        yield "checkpoints", f"{each}, {kept}: {size(disk.most_bytes)} at most"


def _spread(numbers: Distribution) -> str:
    return (
        f"mean {decimal(numbers.mean)}, median {decimal(numbers.median)}, "
        f"95% up to {decimal(numbers.percentiles['95'])}, most {decimal(numbers.most)}"
    )


def _common(counts: Mapping[str, int], most: int = MAX_SHOWN, of: int | None = None) -> str:
    """The most common values with their numbers, or with their shares of something."""
    shown = list(counts.items())[:most]
    parts = [f"{value!a}"[1:-1] + f" {percent(number, of) if of else count(number)}" for value, number in shown]
    return ", ".join(parts) + (", ..." if len(counts) > most else "")
