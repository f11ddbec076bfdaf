"""The facts about a file as lines of text, which `videokr stats` prints and its page shows as tables."""

from collections.abc import Mapping, Sequence

from tqdm import tqdm

from data_prep.stats.distribution import Distribution
from data_prep.stats.epoch import Epoch, GrpoEpoch
from data_prep.stats.file_stats import FileStats
from data_prep.stats.tokens import Mean, TokenLengths
from data_prep.stats.videos import VideoStats

ROWS, VIDEOS, FRAMES, EPOCH = SECTIONS = ("Rows", "Videos", "Frames and tokens", "One epoch")
NOT_KNOWN = "not known"
MAX_SHOWN = 12  # values of each
LABEL_COLUMNS = 19
_WHOLE_FROM, _TENTHS_FROM = 100, 10  # how many digits are shown
Facts = Mapping[str, Sequence[str]]  # lines of text by what they are about


def as_text(files: Sequence[FileStats]) -> str:
    return "\n\n".join(_file_text(stats) for stats in files)


def _file_text(stats: FileStats) -> str:
    lines = [f"{stats.name} ({stats.stage.upper()})"]
    unknown = [f"{what}: {way}" for what, way in stats.unknown.items()]
    for facts in (*facts_of(stats).values(), {NOT_KNOWN: unknown}):
        for label, texts in facts.items():
            for number, text in enumerate(texts):
                lines.append(f"  {'' if number else label:<{LABEL_COLUMNS}} {text}")
    return "\n".join(lines)


def facts_of(stats: FileStats) -> dict[str, Facts]:
    """What is known of a file, by section."""
    return {
        ROWS: _rows(stats),
        VIDEOS: _videos(stats, stats.footage),
        FRAMES: _frames(stats),
        EPOCH: _epoch(epoch) if (epoch := stats.sft or stats.grpo) else {},
    }


def _rows(stats: FileStats) -> Facts:
    rows = [f"{count(stats.rows)} of {count(stats.rows + sum(stats.unreadable.values()))} records"]
    for reason, number in stats.unreadable.items():
        rows.append(f"{count(number)} cannot be read: {reason} (first: record {stats.first_unreadable[reason]})")
    if stats.serving < stats.rows:
        rows.append(f"{count(stats.rows - stats.serving)} have no rationale, which {stats.stage.upper()} needs")
    if stats.counted < stats.serving:
        rows.append(f"{count(stats.serving - stats.counted)} have a video that is rejected or not in the manifest")
    facts = {"rows": rows, "kinds": [_common(stats.kinds)]}
    for name, values in stats.groups.items():
        found = ["too many different values to list"]
        if values is not None:
            found = [f"{len(values)}: {_common(values)}"]
            if without := stats.rows - sum(values.values()):
                found.append(f"{count(without)} rows do not say")
        facts[name.replace("_", " ")] = found
    return facts | {name.replace("_", " "): [_spread(spread)] for name, spread in stats.lengths.items()}


def _videos(stats: FileStats, footage: VideoStats | None) -> Facts:
    facts = {"videos": [f"{count(stats.videos)}, rows a video: {_spread(stats.rows_a_video)}"]}
    if footage:
        facts["videos"] += [f"{count(number)} rejected: {reason}" for reason, number in footage.rejected.items()]
        if footage.not_in_manifest:
            facts["videos"].append(f"{count(footage.not_in_manifest)} not in the manifest")
        if footage.header_unknown:
            facts["videos"].append(f"{count(footage.header_unknown)} with unknown duration and size of frames")
        if footage.seconds:
            facts["seconds"] = [f"{_spread(footage.seconds)}; {hours(footage.seconds.total)} in all"]
        if off := footage.off_by_index_seconds:
            facts["variable rates"] = [f"{count(off.count)} videos, up to {decimal(off.most)} s off by index"]
    return facts


def _frames(stats: FileStats) -> Facts:
    shown = stats.shown
    if not shown or not shown.frames:
        return {}
    facts = {"frames a row": [f"{_spread(shown.frames)}; {large(shown.frames.total)} in all"]}
    if shown.rows_unknown:
        facts["frames a row"].append(f"{count(shown.rows_unknown)} more rows, whose frames are not known")
    facts["video tokens a row"] = [
        f"{name}: {_spread(tokens)}; {large(tokens.total)} in all" for name, tokens in shown.tokens.items() if tokens
    ]
    if stats.token_lengths:
        facts["tokens a row"] = _token_lengths(stats.token_lengths)
    return facts


def _token_lengths(lengths: TokenLengths) -> list[str]:
    share, low, high = lengths.longer
    span = "" if low == high else f" (95%: {100 * low:.2f}% to {100 * high:.2f}%)"
    sample = f"{count(lengths.sampled)} of {count(lengths.of)} rows counted"
    if lengths.sampled == lengths.of:
        sample = f"all {count(lengths.of)} rows counted"
    return [_spread(lengths.lengths), f"{100 * share:.2f}% above {count(lengths.limit)}{span}, {sample}"]


def _epoch(epoch: Epoch) -> Facts:
    tokens, decoding, disk = epoch.tokens, epoch.decoding, epoch.disk
    what = "prompts" if isinstance(epoch, GrpoEpoch) else "rows"
    lines = [f"{count(epoch.steps)} steps of {epoch.batch_rows} {what} on {epoch.gpus} GPUs ({epoch.settings})"]
    if isinstance(epoch, GrpoEpoch):
        lines.append(f"{count(epoch.updates)} updates, {count(epoch.rollouts)} rollouts, at most "
                     f"{large(epoch.generated_most)} tokens generated")  # fmt: skip
    if tokens:
        text = f"tokens of {count(tokens.rows)} {what}: {large(tokens.video)} of video"
        text += f", {estimated(tokens.text)} of text" if tokens.text else ""
        lines.append(text + (f", {estimated(tokens.trained)} of these trained on" if tokens.trained else ""))
    parts = [f"{count(decoding.reads)} videos decoded"]
    if decoding.seconds is not None and decoding.frames is not None:
        parts.append(f"{hours(decoding.seconds)} of video, {large(decoding.frames)} frames shown")
    facts = {"one epoch": [*lines, ", ".join(parts)]}
    if disk:
        each = f"{size(disk.checkpoint_bytes)} each, {count(disk.saves)} written, {count(disk.kept)} kept"
        facts["checkpoints"] = [
            f"{each}: {size(disk.most_bytes)} at most, {size(disk.end_bytes)} at the end",
            f"bytes of one: {disk.formula}",
        ]
    return facts


def _spread(numbers: Distribution | None) -> str:
    if numbers is None:
        return "none"
    return (
        f"mean {decimal(numbers.mean)}, median {decimal(numbers.median)}, "
        f"95% up to {decimal(numbers.percentiles['95'])}, most {decimal(numbers.most)}"
    )


def _common(counts: Mapping[str, int]) -> str:
    """The most common values with their numbers."""
    parts = [f"{value!a}"[1:-1] + f" {count(number)}" for value, number in list(counts.items())[:MAX_SHOWN]]
    return ", ".join(parts) + (", ..." if len(counts) > MAX_SHOWN else "")


def count(number: float) -> str:
    return f"{number:,.0f}"


def decimal(number: float) -> str:
    """Three digits, or all before the point."""
    if float(number).is_integer() or abs(number) >= _WHOLE_FROM:
        return count(number)
    return f"{number:.1f}" if abs(number) >= _TENTHS_FROM else f"{number:.2f}"


def large(number: float, unit: str = "") -> str:
    """Three digits, with k, M, G or T for thousands and so on."""
    return str(tqdm.format_sizeof(number, unit))


def estimated(mean: Mean) -> str:
    """With its error."""
    return large(mean.value) + (f" \u00b1 {large(mean.error)}" if mean.error else "")


def size(number: float) -> str:
    return large(number, "B")


def hours(seconds: float) -> str:
    return f"{decimal(seconds / 3600)} h"
