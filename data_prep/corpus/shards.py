"""The files of a corpus: of the whole, and of the shards that several machines worked on."""

import re
from pathlib import Path

from data_prep.corpus.ledger import NAME
from data_prep.corpus.settings import Corpus
from data_prep.prepare.split import video_key
from videokr.errors import UserError

WHOLE = (0, 1)  # a shard: its number from 0, and how many there are


def of_shard(video: str, shard: tuple[int, int]) -> bool:
    """Whether a video is one of a shard's; every row of a video is in the same."""
    number, parts = shard
    return video_key(video) % parts == number


def output_of(corpus: Corpus, name: str, shard: tuple[int, int]) -> Path:
    """A file of a shard's: `generated.jsonl`, or `generated.0-of-4.jsonl`."""
    stem, _, suffix = name.partition(".")
    part = "" if shard == WHOLE else f".{shard[0]}-of-{shard[1]}"
    return corpus.output / f"{stem}{part}.{suffix or 'jsonl'}"


def source_of(corpus: Corpus, step: str, name: str, shard: tuple[int, int], given: Path | None = None) -> Path:
    """The file that is given, or that a step has written.

    Raises:
        UserError: the step has not written it.
    """
    return given or made_by(step, output_of(corpus, name, shard), output_of(corpus, name, WHOLE))


def made_by(step: str, source: Path, whole: Path) -> Path:
    """A file of a step.

    Args:
        whole: the same of all shards together.

    Raises:
        UserError: it is not there; says what makes it of what is, without a call that was paid for already.
    """
    if source.is_file():
        return source
    there, parts = list(named(whole).values()), parts_of(whole)
    if whole.is_file():
        way_out = f"give --input {whole}"
    elif parts:
        way_out = f"cat {' '.join(map(str, parts))} > {whole}" + ("" if source == whole else f", --input {whole}")
    elif there:
        way_out = f"of its parts only {', '.join(path.name for path in there)} are here: bring the others, or make them"
    else:
        way_out = f"run `videokr corpus {step}` first"
    raise UserError(f"'{source}' is not there: {way_out}")


def parts_of(whole: Path) -> list[Path]:
    """The files of all shards of one, in order; none where one of them is not here.

    Raises:
        UserError: they are shards of different wholes.
    """
    found = named(whole)
    wholes = {number for _, number in found}
    if len(wholes) > 1:
        numbers = " and in ".join(map(str, sorted(wholes)))
        raise UserError(f"'{whole.parent}' has {whole.stem} in {numbers} parts: remove one")
    return list(found.values()) if wholes == {len(found)} else []


def named(whole: Path) -> dict[tuple[int, int], Path]:
    """The files of shards: by the number of each, and how many there are."""
    pattern = re.compile(rf"{re.escape(whole.stem)}\.(\d+)-of-(\d+){re.escape(whole.suffix)}")
    names = [(pattern.fullmatch(path.name), path) for path in whole.parent.glob("*")]
    return dict(sorted(((int(found[1]), int(found[2])), path) for found, path in names if found))


def ledgers_of(corpus: Corpus) -> list[Path]:
    """Every ledger: of the whole, and of shards."""
    whole = output_of(corpus, NAME, WHOLE)
    return [*([whole] if whole.is_file() else []), *named(whole).values()]
