"""A row's fields as a record that reads back as it is: the paths of its videos, its answer's letter, and its id."""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from data_prep.check.container import LINK_OUTSIDE
from data_prep.check.examination import OUTSIDE
from data_prep.check.paths import SUFFIXES
from data_prep.importing.columns import ANSWER, ID, KIND, OPTIONS, QUESTION, SHOWN, VIDEOS, Fields, described
from data_prep.importing.json_file import Number
from data_prep.importing.row import A_PICTURE, PICTURE_COLUMN
from data_prep.prepare.source import MISSING_VIDEO
from videokr.errors import RecordError, UserError
from videokr.example import NO_OPTIONS, Example, imitated_fields, parse_example, to_record
from videokr.jsonl import LINE
from videokr.options import LETTERS, read_option_letter, split_label
from videokr.response import Kind, bare_answer, find_kind
from videokr.spans import iou, read_spans
from videokr.video.paths import resolve_video

LETTER, TEXT, FROM_0, FROM_1 = ANSWER_FORMS = ("letter", "text", "from-0", "from-1")
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")  # some files have rows of them, too
MAX_KNOWN_PATHS = 4_096  # rows of one video mostly follow each other
MAX_SHOWN_CHARS = 80  # of a text in a message
MIN_SAME_IOU = 0.9  # from which on an answer names the span that its row gives
ID_DIGEST_BYTES = 6  # of a made id, which has two digits a byte
NAMES_NONE, MAY_MEAN_TWO = "names no single option", "may mean two options"
_COUNT = re.compile(r"(\d{1,3})(?:\.0+)?")  # 2.0 is what a column of numbers with gaps makes of 2
_NUMBER = re.compile(r"\d+")
_INSTRUCTS = re.compile(r"\b(?:letter|options?|choices?)\b|选项|字母", re.I)


class VideoFolder:
    """The folder that videos lie in.

    Args:
        root: the folder.
        prefix: put before every name.
        suffix: put behind names without the suffix of a video; empty: they stay as they are.
        follow_links: takes videos that are links to outside of the folder, as `videokr check` then has to.
    """

    def __init__(self, root: Path, prefix: str, suffix: str, follow_links: bool):
        self.root, self.prefix, self.suffix, self.follow_links = root, prefix, suffix, follow_links
        self.path_of = lru_cache(maxsize=MAX_KNOWN_PATHS)(self._path_of)

    def _path_of(self, name: str) -> str:
        """The path below the folder of a video that is there.

        Raises:
            RecordError: it is not there, lies outside, or is an address.
        """
        if "://" in name.removeprefix("file://"):
            raise RecordError(VIDEOS, "video is an address", f"'{name}': download it, and name the file")
        if name.lower().endswith(PICTURE_SUFFIXES):
            raise RecordError(VIDEOS, A_PICTURE, repr(name))
        name = self.prefix + name.removeprefix("file://")
        if self.suffix and not name.lower().endswith(SUFFIXES):
            name += self.suffix
        root = os.path.abspath(self.root)  # noqa: PTH100  (links stay as they are)
        if not Path(os.path.normpath(Path(root, name))).is_relative_to(root):
            raise RecordError(VIDEOS, OUTSIDE, f"{name!r} does not lie in '{self.root}'")
        try:
            found = resolve_video(name, Path(root))
        except UserError:
            hint = "" if name.lower().endswith(SUFFIXES) else "; if names lack it, give --video-suffix .mp4"
            hint += "; a path has / between its folders" if "\\" in name else ""
            raise RecordError(VIDEOS, MISSING_VIDEO, f"{name!r} below '{self.root}'{hint}") from None
        if not self.follow_links and not found.resolve().is_relative_to(Path(root).resolve()):
            raise RecordError(VIDEOS, LINK_OUTSIDE, f"{name!r}: give --follow-links if that is meant")
        return os.path.relpath(found, root)


@dataclass(slots=True)
class RecordMaker:
    """Makes records, and remembers which ids are taken."""

    videos: VideoFolder
    answers: str | None  # how answers name an option, one of ANSWER_FORMS; None: a letter or a text, whichever does
    question: str | None  # of rows without one; None: they are at fault
    has_no_options: bool  # the user says that no column holds options
    instructions: int = 0  # after the options of so many questions (`Answer with the letter.`), which are dropped
    instruction: str = ""  # the first of them
    _ids: set[int] = field(default_factory=set)  # 64 bits of each

    def record_of(self, fields: Fields) -> tuple[Example, dict[str, Any]]:
        """The example, and the record that `parse_example` reads back as just this example.

        Raises:
            RecordError: no record can be made of the row.
        """
        values = dict(fields.values)
        if self.question is not None:
            values.setdefault(QUESTION, self.question)
        for own in (QUESTION, ANSWER, VIDEOS):
            if own not in values:
                raise _missing(own, fields)
        example = self._parse(values, fields)
        example = replace(example, videos=tuple(map(self.videos.path_of, example.videos)))
        is_made = ID not in values
        if is_made:
            example = replace(example, id=_made_id(example))
        record = {**to_record(example), **imitated_fields(example)}
        if parse_example(record) != example:
            raise RecordError(LINE, "does not read back as it is", ascii(example.question[:MAX_SHOWN_CHARS]))
        key = int.from_bytes(hashlib.blake2b(example.id.encode(), digest_size=8).digest())
        if key in self._ids and is_made:
            raise RecordError(LINE, "the same record stands before", example.id)
        if key in self._ids:
            detail = f"{example.id[:MAX_SHOWN_CHARS]!r}; if the column names no single record, --column id= makes ids"
            raise RecordError(ID, "the id stands before", detail)
        self._ids.add(key)
        return example, record

    def _parse(self, values: dict[str, Any], fields: Fields) -> Example:
        question, answer, instruction = values[QUESTION], values[ANSWER], ""
        if not isinstance(answer, str) or _said_kind(values) is Kind.GROUNDING:
            return parse_example(values)
        if OPTIONS not in values and isinstance(question, str):
            question, instruction = _without_instruction(question)
        try:  # with a letter that there always is: what the answer means is known once the options are
            example = parse_example({**values, QUESTION: question, ANSWER: LETTERS[0]})
        except RecordError as fault:
            if fault.reason != NO_OPTIONS:
                raise
            return self._open_ended(values, fields)
        if not example.options:
            return self._open_ended(values, fields)
        try:
            letter = letter_of(answer.strip(), example.options, self.answers, isinstance(answer, Number))
        except RecordError as fault:
            if instruction or " ... " in fields.columns.get(OPTIONS, ""):
                detail = f"{fault.detail}; if these are no options, say so by --column options="
                raise RecordError(fault.field, fault.reason, detail) from None
            raise
        if instruction:
            self.instructions += 1
            self.instruction = self.instruction or instruction
        return replace(example, answer=letter)

    def _open_ended(self, values: dict[str, Any], fields: Fields) -> Example:
        """The example of a row without options, whose answer must not look as if there were some."""
        if self.has_no_options:
            return parse_example({**values, KIND: Kind.OPEN_ENDED.value})
        column, answer = fields.columns.get(OPTIONS), values[ANSWER].strip()
        where = f"nothing in '{column}'" if column else "name the column with --column options=NAME"
        way_out = (
            f"{answer[:MAX_SHOWN_CHARS]!r}; {where}; if it is open-ended, say so in a column of kind, "
            "or by --column options="
        )
        try:
            example = parse_example(values)
        except RecordError as fault:
            raise RecordError(ANSWER, NO_OPTIONS, way_out) if fault.reason == NO_OPTIONS else fault from None
        if iou(read_spans(example.answer), example.clues) >= MIN_SAME_IOU:  # what is asked for is when
            return parse_example({**values, KIND: Kind.GROUNDING.value})
        counts = self.answers in (FROM_0, FROM_1) and _said_kind(values) is not Kind.OPEN_ENDED
        if counts and (column is None or _NUMBER.fullmatch(answer)):
            raise RecordError(ANSWER, f"--answers {self.answers} counts options, and there are none", way_out)
        return example


def letter_of(answer: str, options: Sequence[str], form: str | None, is_number: bool) -> str:
    """The letter of the option that is meant.

    Args:
        form: see `RecordMaker.answers`.
        is_number: the file has a number, or does not tell numbers from texts: it may count the options.

    Raises:
        RecordError: it names no option, or may mean two.
    """
    answer = bare_answer(answer) or ""
    shown = f"{answer[:MAX_SHOWN_CHARS]!r} of {len(options)} options"
    if form in (FROM_0, FROM_1):
        first = 0 if form == FROM_0 else 1
        if not (counted := _counted(answer, options, first)):
            raise RecordError(ANSWER, NAMES_NONE, f"{shown}, counted from {first}")
        return counted
    by_letter = None if form == TEXT else read_option_letter(answer, options)
    by_text = None if form == LETTER else _by_text(answer, options)
    if by_letter and by_text and by_letter != by_text:
        detail = f"{answer[:MAX_SHOWN_CHARS]!r} is a letter, and the text of option {by_text}"
        raise RecordError(ANSWER, MAY_MEAN_TWO, f"{detail}: say --answers letter, or text")
    if by_text and is_number and form is None:
        others = {_counted(answer, options, 0), _counted(answer, options, 1)} - {by_text, ""}
        if others:
            detail = f"{answer!r} is the text of option {by_text}, and option {' or '.join(sorted(others))}"
            detail += " if it counts them: say --answers text, from-0, or from-1"
            raise RecordError(ANSWER, MAY_MEAN_TWO, detail)
    if letter := by_letter or by_text:
        return letter
    may_count = form is None and _COUNT.fullmatch(answer)
    hint = "; if it counts them, say --answers from-0, or from-1" if may_count else ""
    raise RecordError(ANSWER, NAMES_NONE, f"{shown}{hint}")


def _counted(answer: str, options: Sequence[str], first: int) -> str:
    """The letter of the option that a number means, counted from `first`; empty where it means none."""
    found = _COUNT.fullmatch(answer)
    place = int(found[1]) - first if found else -1
    return LETTERS[place] if 0 <= place < len(options) else ""


def _by_text(answer: str, options: Sequence[str]) -> str | None:
    """The letter of the one option with this text, or else with this text in another case and spacing."""
    exact = [letter for letter, option in zip(LETTERS, options, strict=False) if option == answer]
    folded = _folded(answer)
    found = exact or [letter for letter, option in zip(LETTERS, options, strict=False) if _folded(option) == folded]
    return found[0] if len(found) == 1 else None


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _said_kind(values: dict[str, Any]) -> Kind | None:
    """None where nothing is said of it, or a label that is none of ours."""
    return find_kind(str(values.get(KIND, "")))


def _missing(own: str, fields: Fields) -> RecordError:
    column, shown, there = fields.columns.get(own), SHOWN[own], described(fields.row)
    if own == VIDEOS and fields.row.get(PICTURE_COLUMN):
        return RecordError(PICTURE_COLUMN, A_PICTURE, repr(fields.row[PICTURE_COLUMN])[:MAX_SHOWN_CHARS])
    if column is None:
        cells = fields.row.items()
        lists = [name for name, cell in cells if isinstance(cell, list) and cell and isinstance(cell[0], dict)]
        rows = f", or its list of rows by --rows {lists[0]}" if lists else ""
        return RecordError(own, "missing", f"name it by --column {shown}=NAME{rows}; there are {there}")
    if column in fields.row:
        return RecordError(own, "missing", f"nothing in it as the {shown}")
    return RecordError(own, "no such column", f"--column names it as the {shown}; there are {there}")


def _without_instruction(question: str) -> tuple[str, str]:
    """A question that ends in options `A. x`, `B. y`, ..., less an instruction after them, and the instruction.

    Another text after them is part of the question, and put before them.
    """
    lines = question.rstrip().splitlines()
    labels = [split_label(line)[0] for line in lines]
    last = max((place for place, label in enumerate(labels) if label), default=-1)
    after = "\n".join(lines[last + 1 :]).strip()
    if last < 0 or not after or "A" not in labels[:last]:
        return question, ""
    if "?" not in after and _INSTRUCTS.search(after):
        return "\n".join(lines[: last + 1]), after
    first = max(place for place in range(last) if labels[place] == "A")
    return "\n".join([*lines[:first], after, *lines[first : last + 1]]), ""


def _made_id(example: Example) -> str:
    """The first video's name and a hash of what is asked and answered: the same wherever the row stands."""
    said = [example.question, example.options, example.kind, example.answer, example.rationale, example.videos,
            *example.rounds]  # fmt: skip
    digest = hashlib.blake2b(json.dumps(said).encode("ascii"), digest_size=ID_DIGEST_BYTES).hexdigest()
    return f"{' '.join(Path(example.videos[0]).stem.split())}-{digest}"
