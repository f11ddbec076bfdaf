"""Annotation files looked through: their pieces in worker processes, then what shows between rows."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.batches import Batch, read_batches
from data_prep.check.spans import span_faults
from data_prep.engine import Failure, run
from data_prep.lint.corpus import LINES, Corpus, Seen
from data_prep.lint.finding import Flag
from data_prep.lint.language import find_language
from data_prep.lint.length import Lengths, entries_of
from data_prep.lint.question import find_leak, find_longest, find_options
from data_prep.lint.response import find_rationale, find_tags
from videokr.errors import RecordError, UserError
from videokr.example import NAMING_FIELDS, RATIONALE_FIELDS, Example
from videokr.jsonl import parse_record, refuse_unreadable
from videokr.video.paths import plain_path

MAX_BATCH_SECONDS = 600.0


class Piece(NamedTuple):
    """A piece of an annotation file, for one task."""

    number: int  # among all pieces of all files
    file: int  # number of the file
    size: int  # bytes of it that the piece stands for
    batch: Batch


def look(lengths: Lengths | None, manifest: Path | None, piece: Piece) -> Seen:
    """Makes every check that needs one row alone, in whatever process."""
    entries = entries_of(manifest) if manifest else {}
    seen = Seen()
    for line, raw in piece.batch.records():
        record = raw if isinstance(raw, dict) else {}
        example: Example | RecordError
        try:
            example = parse_record(raw)
        except RecordError as error:
            example = error
        seen.tally.count(record, example)
        flags = list(_flags(record, example))
        given_id = _given_id(record)
        place = piece.file * LINES + line
        if isinstance(example, Example):
            if example.spans:
                entry = entries.get(plain_path(example.videos[0]))
                faults = span_faults(example.spans, entry.duration_seconds if entry else None)
                flags += [Flag(name, detail) for name, detail in dict(faults).items()]
            if lengths:
                verdict, tokens = lengths.verdict(example)
                seen.tally.lengths[verdict] += 1
                if tokens:
                    flags.append(lengths.flag(tokens))
            seen.add(place, example, given_id, any(flag.field == RATIONALE_FIELDS[0] for flag in flags))
        row_id = example.id if isinstance(example, Example) else given_id
        seen.flags += [(place, row_id, flag) for flag in flags]
    return seen


def _given_id(record: dict[str, Any]) -> str:
    """Of a field that is there to name the row; empty where there is none."""
    values = (record.get(name) for name in NAMING_FIELDS)
    return next((text for value in values if isinstance(value, str | int | float) and (text := str(value).strip())), "")


def _flags(record: dict[str, Any], example: Example | RecordError) -> Iterator[Flag]:
    flags = list(find_tags(record))
    yield from flags
    torn = {flag.field for flag in flags}  # of which nothing else is said: what it holds is not what was meant
    if isinstance(example, RecordError):
        if example.field not in torn:
            reason = f"{example.field}: {example.reason}"
            yield Flag("unreadable", example.detail or repr(example.reason), field=example.field, reason=reason)
        return
    found = chain(find_options(example), find_leak(example), find_rationale(example), find_language(example))
    yield from (flag for flag in found if flag.field not in torn)
    yield from find_longest(example)


def lint(files: Sequence[Path], lengths: Lengths | None, workers: int, manifest: Path | None = None) -> Corpus:
    """Reads every file once. What comes out does not depend on the number of workers.

    Args:
        workers: processes.
        manifest: of `videokr check`; None: nobody knows how long the videos are.

    Raises:
        UserError: a file is not there, cannot be read, or holds nothing.
        sqlite3.OperationalError: there is no room on disk for what is compared.
    """
    from tqdm import tqdm  # here, so that worker processes, which import this module, do not load it

    for path in files:
        refuse_unreadable(path)
    corpus = Corpus([str(path) for path in files])
    total = sum(path.stat().st_size for path in files)
    with tqdm(total=total, desc="linting", unit="B", unit_scale=True, disable=None) as bar:
        for piece, seen in _in_order(files, partial(look, lengths, manifest), workers):
            corpus.add(piece.file, seen)
            bar.update(piece.size)
    corpus.compare()
    return corpus


def _pieces(files: Sequence[Path]) -> Iterator[Piece]:
    numbers = count()
    for file, path in enumerate(files):
        for batch in read_batches(path):
            is_list = batch.listed and batch.first == 1  # which is read at once
            size = path.stat().st_size if is_list else sum(map(len, batch.lines))
            yield Piece(next(numbers), file, size, batch)


def _in_order(files: Sequence[Path], task: Callable[[Piece], Seen], workers: int) -> Iterator[tuple[Piece, Seen]]:
    """What was found in each piece, in the order of the files, whichever worker is done first."""
    pieces = _pieces(files)
    first = list(islice(pieces, 2))
    if workers == 1 or len(first) < 2:
        for piece in chain(first, pieces):
            yield piece, task(piece)
        return
    early: dict[int, tuple[Piece, Seen]] = {}
    due = 0
    for piece, seen in run(task, chain(first, pieces), workers=workers, seconds_each=MAX_BATCH_SECONDS):
        if isinstance(seen, Failure):
            place = f"'{files[piece.file]}' from line {piece.batch.first} on"
            raise UserError(f"{place}: {seen.reason}; try fewer --workers")
        early[piece.number] = piece, seen
        while due in early:
            yield early.pop(due)
            due += 1
