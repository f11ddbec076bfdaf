"""The files of SFT and RL, split by video and near-duplicates, each row with what it cost, and the dataset's card."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from data_prep.corpus.audit.figures import audited
from data_prep.corpus.card import Facts, card
from data_prep.corpus.expense import expense
from data_prep.corpus.files import Row, passed, read_rows, strangers
from data_prep.corpus.rationale import Validation
from data_prep.corpus.removal import removal
from data_prep.corpus.settings import Corpus
from data_prep.corpus.shards import WHOLE, ledgers_of, source_of
from data_prep.corpus.sides import Side, tie_near_duplicates, tie_same_frames
from data_prep.corpus.tables import Counts
from data_prep.decontamination.command import FINGERPRINTS, TOGETHER
from data_prep.engine import Workers, cpu_count
from data_prep.prepare.split import VideoGroups, video_key
from videokr.errors import UserError
from videokr.example import RATIONALE_FIELDS
from videokr.fingerprint import file_sha256
from videokr.outputs import atomic_write, refuse_to_overwrite
from videokr.video.paths import plain_path

FOLDER, CARD = "export", "README.md"
SIDES = SFT, RL = "sft", "rl"
COST = "cost"
SECONDS_EACH = 600.0  # to hash a video


def export(corpus: Corpus, given: Path | None) -> None:
    """Writes `sft.jsonl`, `rl.jsonl`, `together.jsonl` and the card.

    Args:
        given: records in place of those of the last step.

    Raises:
        UserError: a file is not there, or is not of this corpus as it is; a video cannot be read; a side is empty.
        RecordError: a record cannot be read.
    """
    before = source_of(corpus, Validation.step, Validation.name, WHOLE, given)
    removed = removal(before, corpus.decontaminated) if corpus.decontaminated else None
    source = removed.cleaned if removed else before
    folder = corpus.output / FOLDER
    refuse_to_overwrite([folder / f"{name}.jsonl" for name in SIDES], [source])
    videos: set[str] = set()
    calls: dict[str, list[str]] = {}
    groups = VideoGroups.of(corpus.decontaminated / TOGETHER if corpus.decontaminated else None)
    for row in read_rows(source):
        own = list(map(plain_path, row.example.videos))
        videos.update(own)
        groups.tie([video_key(video) for video in own])
        calls[row.example.id] = row.calls
    ordered = sorted(videos)
    workers = Workers(cpu_count(), SECONDS_EACH, "local")
    short = tie_near_duplicates(groups, ordered, corpus.video_dir, corpus.output / FINGERPRINTS, workers)
    tie_same_frames(groups, short, corpus)
    side = Side(corpus.seed, corpus.rl_share, groups)
    ledgers = ledgers_of(corpus)
    spent = expense(ledgers, calls)
    counts = {name: Counts() for name in SIDES}
    with ExitStack() as stack:
        asides = {name: stack.enter_context(atomic_write(folder / f"{name}.jsonl")) for name in SIDES}
        together = stack.enter_context(atomic_write(folder / TOGETHER))
        readme = stack.enter_context(atomic_write(folder / CARD))
        with ExitStack() as files:
            outs = {name: files.enter_context(aside.open("wb")) for name, aside in asides.items()}
            for row in read_rows(source):
                name = RL if side.is_rl(row.example.videos[0]) else SFT
                counts[name].add(row)
                cost = spent.rows[row.example.id]
                outs[name].write(_line(_kept(row, name) | {COST: cost}))
        for name in SIDES:
            if not counts[name].tally.rows:
                raise UserError(f"'{source}': no row is left for {name}: change rl_share ({corpus.rl_share:g}) or seed")
        grouped: dict[int, list[str]] = {}
        for video in ordered:
            grouped.setdefault(side.group_of(video), []).append(video)
        together.write_bytes(b"".join(_line({"videos": own}) for own in grouped.values() if len(own) > 1))
        facts = Facts(
            source=source.name,
            counts=counts,
            digests={name: file_sha256(aside) for name, aside in asides.items()},
            groups=[(RL if side.is_rl(own[0]) else SFT, len(own)) for own in grouped.values()],
            short=len(short),
            removed=removed,
            passed=passed(corpus, Validation),
            audited=audited(corpus, Validation),
            expense=spent,
            ledgers=len(ledgers),
        )
        readme.write_text(card(corpus, facts), encoding="utf-8")
    total = sum(one.tally.rows for one in counts.values())
    for name, one in counts.items():
        share = one.tally.rows / total
        print(f"{folder / name}.jsonl: {one.tally.rows:,} records ({share:.0%}) about {len(one.tally.videos):,} videos")
    for warning in [] if given else strangers(corpus, Validation):
        print(warning)
    print(f"card: {folder / CARD}")
    if not removed:
        print("not decontaminated: run videokr decontaminate, and give its --output as `decontaminated`")


def _kept(row: Row, name: str) -> dict[str, Any]:
    """A record as its side has it: RL has no rationale to imitate."""
    return {key: value for key, value in row.record.items() if name == SFT or key not in RATIONALE_FIELDS}


def _line(record: Any) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
