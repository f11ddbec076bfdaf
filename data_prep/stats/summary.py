"""What `videokr stats` prints."""

from collections.abc import Iterator, Mapping, Sequence

from data_prep.stats.distribution import Distribution
from data_prep.stats.epoch import Disk, GrpoEpoch, SftEpoch
from data_prep.stats.figures import count, decimal, estimated, hours, large, percent, size
from data_prep.stats.survey import FileStats

SHOWN = 6  # values of each
WIDTH = 19  # columns of a label


def as_text(files: Sequence[FileStats]) -> str:
    return "\n\n".join("\n".join([f"{stats.name} ({stats.stage.upper()})", *_lines(stats)]) for stats in files)


def _lines(stats: FileStats) -> Iterator[str]:
    yield _line("rows", f"{count(stats.rows)} of {count(stats.rows + sum(stats.unreadable.values()))} records")
    for reason, number in stats.unreadable.items():
        yield _line("", f"{count(number)} cannot be read: {reason} (first: record {stats.first_unreadable[reason]})")
    if stats.serving < stats.rows:
        yield _line("", f"{count(stats.rows - stats.serving)} have no rationale, which {stats.stage.upper()} needs")
    if stats.counted < stats.serving:
        yield _line("", f"{count(stats.serving - stats.counted)} have a video that is rejected or not in the manifest")
    if stats.kinds:
        yield _line("kinds", _common(stats.kinds))
    if stats.letters:
        yield _line("right letters", _common(stats.letters, len(stats.letters), sum(stats.letters.values())))
    for name, grouping in stats.groups.items():
        if grouping.values is None:
            yield _line(name, "too many different values to list")
        else:
            yield _line(name, f"{len(grouping.values)}: {_common(grouping.values)}")
    for name, spread in stats.lengths.items():
        yield _line(name.replace("_", " "), _spread(spread))
    if stats.rows_a_video:
        yield _line("videos", f"{count(stats.videos)}, rows a video: {_spread(stats.rows_a_video)}")
    yield from _footage(stats)
    shown = stats.shown
    if shown and shown.frames:
        yield _line("frames a row", f"{_spread(shown.frames)}; {large(shown.frames.total)} in all")
        for name, tokens in shown.tokens.items():
            if tokens:
                yield _line("video tokens", f"{name}: {_spread(tokens)}; {large(tokens.total)} in all")
    if stats.token_lengths:
        lengths = stats.token_lengths
        share, low, high = lengths.longer
        span = "" if low == high else f" (95%: {100 * low:.2f}% to {100 * high:.2f}%)"
        yield _line("tokens a row", _spread(lengths.lengths))
        yield _line("", f"{100 * share:.2f}% above {count(lengths.limit)}{span}, {_sample(stats)}")
    if stats.sft:
        yield from _sft(stats.sft)
    if stats.grpo:
        yield from _grpo(stats.grpo)
    for what, needed in stats.unknown.items():
        yield _line("not known", f"{what}: {needed}")


def _sample(stats: FileStats) -> str:
    lengths = stats.token_lengths
    assert lengths is not None
    if lengths.sampled == lengths.of:
        return f"all {count(lengths.of)} rows counted"
    return f"{count(lengths.sampled)} of {count(lengths.of)} rows counted, seed {lengths.seed}"


def _footage(stats: FileStats) -> Iterator[str]:
    footage = stats.footage
    if not footage:
        return
    for reason, number in footage.rejected.items():
        yield _line("", f"{count(number)} rejected: {reason}")
    if footage.not_in_manifest:
        yield _line("", f"{count(footage.not_in_manifest)} not in the manifest")
    if footage.header_unknown:
        yield _line("", f"{count(footage.header_unknown)} with unknown duration and size of frames")
    if footage.seconds:
        yield _line("seconds", f"{_spread(footage.seconds)}; {hours(footage.seconds.total)} in all")
        yield _line("resolutions", _common(footage.resolutions))
        yield _line("frame rates", _common(footage.fps))
        off = footage.off_by_index_seconds
        if off:
            yield _line("variable rates", f"{count(off.count)} videos, up to {decimal(off.most)} s off by index")
        yield _line("codecs", _common(footage.codecs))
        yield _line("audio", _common(footage.audio))
    if footage.size_bytes:
        yield _line("files", f"{size(footage.size_bytes.total)}, {size(footage.size_bytes.mean)} a video")


def _sft(epoch: SftEpoch) -> Iterator[str]:
    yield _line(
        "one epoch", f"{count(epoch.steps)} steps of {epoch.batch_rows} rows on {epoch.gpus} GPUs ({epoch.settings})"
    )
    if epoch.tokens:
        tokens = epoch.tokens
        yield _line("", f"tokens: {large(tokens.video)} of video, {estimated(tokens.text)} of text, "
                        f"{estimated(tokens.trained)} of these trained on")  # fmt: skip
    yield _decoding(epoch)
    yield from _disk(epoch.disk)


def _grpo(epoch: GrpoEpoch) -> Iterator[str]:
    yield _line("one epoch", f"{count(epoch.steps)} steps of {epoch.batch_prompts} prompts on {epoch.gpus} GPUs, "
                             f"{count(epoch.updates)} updates ({epoch.settings})")  # fmt: skip
    yield _line("", f"{count(epoch.rollouts)} rollouts, at most {large(epoch.generated_most)} tokens generated")
    if epoch.tokens:
        yield _line("", f"prompts: {large(epoch.tokens.video)} tokens of video, {estimated(epoch.tokens.text)} of text")
    yield _decoding(epoch)
    yield from _disk(epoch.disk)


def _decoding(epoch: SftEpoch | GrpoEpoch) -> str:
    decoding = epoch.decoding
    parts = [f"{count(decoding.reads)} videos decoded"]
    if decoding.seconds is not None:
        parts.append(f"{hours(decoding.seconds)} of video, {large(decoding.frames)} frames shown")
    if decoding.cpu_hours is not None:
        parts.append(f"{decimal(decoding.cpu_hours)} CPU-hours at the given rate")
    return _line("", ", ".join(parts))


def _disk(disk: Disk | None) -> Iterator[str]:
    if disk:
        kept = f"all kept ({disk.keep_fewer} would keep fewer)" if disk.keep_fewer else f"{count(disk.kept)} kept"
        text = (
            f"{size(disk.checkpoint_bytes)} each, {count(disk.saves)} written, {kept}: {size(disk.most_bytes)} at most"
        )
        yield _line("checkpoints", text)


def _line(label: str, text: str) -> str:
    return f"  {label:<{WIDTH}} {text}"


def _spread(numbers: Distribution) -> str:
    return (
        f"mean {decimal(numbers.mean)}, median {decimal(numbers.median)}, "
        f"95% up to {decimal(numbers.percentiles['95'])}, most {decimal(numbers.most)}"
    )


def _common(counts: Mapping[str, int], most: int = SHOWN, of: int | None = None) -> str:
    """The most common values with their numbers, or with their shares of something."""
    shown = list(counts.items())[:most]
    parts = [f"{value!a}"[1:-1] + f" {percent(number, of) if of else count(number)}" for value, number in shown]
    return ", ".join(parts) + (", ..." if len(counts) > most else "")
