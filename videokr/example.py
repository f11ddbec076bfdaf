"""One example, read from a record in any of the field's spellings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videokr.errors import RecordError
from videokr.option_columns import refuse_option_columns
from videokr.options import LETTERS, read_option_letter, says_something, split_inline_options, without_labels
from videokr.record_spans import CLUE_FIELDS, ROUNDS_FIELD, read_clues, read_rounds, read_span_answer
from videokr.response import Kind, bare_answer, find_kind, find_special_token, holds_tag, strip_tag
from videokr.spans import Span, read_spans

ID_FIELDS = ("id", "problem_id", "file_name")
QUESTION_FIELDS = ("question", "prompt", "problem")
OPTION_FIELDS = ("options", "option", "choices", "choice", "candidates")
KIND_FIELDS = ("problem_type", "question_type", "data_type")
RATIONALE_FIELDS = ("think", "process")
ANSWER_FIELDS = ("solution", "answer", "correct_answer", "ground_truth", "correct_choice", "answer_id", "answer_idx")
VIDEO_FIELDS = (
    "videos", "video_path", "path", "video", "video_file", "file_name", "video_name", "video_id", "vid_name",
)  # fmt: skip
NAMING_FIELDS = tuple(name for name in ID_FIELDS if name not in VIDEO_FIELDS)  # these name a row and nothing else
PUBLISHED_FIELDS = frozenset(
    (*ID_FIELDS, *QUESTION_FIELDS, *OPTION_FIELDS, *KIND_FIELDS, *ANSWER_FIELDS, *VIDEO_FIELDS)
)
GROUP_FIELDS = ("dataset", "subject", "discipline", "source", "duration_bucket", "task_type")

LABEL_FIELD = "task_type"  # the group that a kind goes to which is none of ours: `findNeedle`, `OCR`
CONVERSATION_FIELDS = ("conversations", "messages")

NO_OPTIONS = "answer is the letter of an option, and there are no options"
_LEADING_VIDEO = re.compile(r"(?:<video>\s*)+")


@dataclass(frozen=True, slots=True)
class Example:
    """A question about one or more videos, with its gold answer.

    Attributes:
        id: names the example in logs and results; unique within a file where the file has ids.
        question: without options, instruction or video marks.
        options: texts without letters, in the order A, B, C, ...; empty for the other kinds of questions.
        answer: the option letter, the spans of time as `videokr.spans.write_spans` has them, or the final answer alone.
        rationale: the reasoning without tags; None where the file has none.
        videos: paths as the record has them, less a leading `./`; never empty.
        groups: what results are broken down by (`GROUP_FIELDS`), as far as given.
        clues: where the first video shows what the question is about; empty where nobody said, and where just that is
            asked.
        rounds: before the answer, the thoughts and the spans of each turn that asks to look again; see
            `videokr.dialogue`.
    """

    id: str
    question: str
    options: tuple[str, ...]
    kind: Kind
    answer: str
    rationale: str | None
    videos: tuple[str, ...]
    groups: Mapping[str, str] = field(default_factory=dict)
    clues: tuple[Span, ...] = ()
    rounds: tuple[tuple[str, tuple[Span, ...]], ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every span of time that it names, in the answer, the clues and the rounds."""
        asked = read_spans(self.answer) if self.kind is Kind.GROUNDING else ()
        return (*asked, *self.clues, *(span for _, spans in self.rounds for span in spans))


_CALLED = {Kind.OPEN_ENDED: "an open-ended", Kind.GROUNDING: "a grounding"}
# A lower-case letter alone may be what is asked for: the x of an equation.
_OPTION_LETTER = re.compile(
    r"[(\[]?[A-Z][)\]]?[.:]?|[(\[]?[a-z][)\]][.:]?|(?i:option|choice)\s+[(\[]?[A-Za-z][)\]]?\.?"
)


def present(record: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of the spellings that holds something; blank text, not-a-number and empty lists hold nothing."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str):
            if value and not value.isspace():
                return name
        elif value is not None and value == value and value != [] and value != {}:  # not-a-number is not itself
            return name
    return None


def text_of(name: str, value: object) -> str:
    """A field's text or number as text, stripped; RecordError where it is neither, or cannot be written as UTF-8."""
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecordError(name, "not text", type(value).__name__)
        value = str(value)
    text = value.strip()
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RecordError(name, "half of a surrogate pair stands in the text", ascii(text[:80])) from None
    return text


def parse_example(record: Mapping[str, Any]) -> Example:
    """Reads one raw record.

    Raises:
        RecordError: a field is missing or cannot be read; names the field.
    """
    question_field, question = _text(record, QUESTION_FIELDS)
    leading = _LEADING_VIDEO.match(question)
    question = question[leading.end() :] if leading else question
    option_field, options = _options(record)
    label = None
    if kind_field := present(record, KIND_FIELDS):
        given = record[kind_field]
        several = given if isinstance(given, list) else ()
        label = ", ".join(text_of(kind_field, one) for one in several) if several else text_of(kind_field, given)
    kind = find_kind(label) if label else None
    if kind in (Kind.MULTIPLE_CHOICE, None):
        question, options = split_inline_options(question, options)
        if not options:
            refuse_option_columns(record)
    is_said = kind is not None
    if kind is None:
        kind = Kind.MULTIPLE_CHOICE if options else Kind.OPEN_ENDED
    if kind is not Kind.MULTIPLE_CHOICE and options:
        raise RecordError(option_field, f"{_CALLED[kind]} question has options", f"{len(options)} of them")
    if kind is Kind.MULTIPLE_CHOICE and not 2 <= len(options) <= len(LETTERS):
        detail = f"got {len(options)}, at most {len(LETTERS)} have a letter"
        raise RecordError(option_field, "a multiple-choice question needs two or more options", detail)
    if not question:
        raise RecordError(question_field, "empty")
    _refuse_reserved(question_field, question)
    _refuse_reserved(option_field, *options)

    answer_field, answer = _span_answer(record) if kind is Kind.GROUNDING else _text(record, ANSWER_FIELDS)
    if kind is Kind.OPEN_ENDED and not is_said and _OPTION_LETTER.fullmatch(bare_answer(answer) or ""):
        raise RecordError(answer_field, NO_OPTIONS, f"{answer!r}; if it is open-ended, say so in {KIND_FIELDS[0]}")
    if options and isinstance(record[answer_field], int | float):
        detail = f"{answer}: a text of an option, or a count of them? videokr import reads it with --answers"
        raise RecordError(answer_field, "a number where a letter is asked for", detail)
    videos = record_videos(record)
    id_field = present(record, ID_FIELDS)
    groups = {n: text_of(n, record[n]) for n in GROUP_FIELDS if n in record and present(record, (n,))}
    if label and not is_said:
        groups.setdefault(LABEL_FIELD, label)
    return Example(
        id=text_of(id_field, record[id_field]) if id_field else Path(videos[0]).stem,
        question=question,
        options=options,
        kind=kind,
        answer=answer if kind is Kind.GROUNDING else _gold(answer_field, answer, kind, options),
        rationale=_rationale(record),
        videos=videos,
        groups=groups,
        clues=() if kind is Kind.GROUNDING else read_clues(record),
        rounds=read_rounds(record, _rationale),
    )


def to_record(example: Example) -> dict[str, Any]:
    """A record that `parse_example` reads back as the same example, less what is imitated; always the same fields."""
    return {
        "id": example.id,
        "question": example.question,
        "options": [f"{letter}. {text}" for letter, text in zip(LETTERS, example.options, strict=False)],
        "problem_type": example.kind.value,
        "answer": example.answer,
        "videos": list(example.videos),
        "clues": [list(span) for span in example.clues],
        **{name: example.groups.get(name, "") for name in GROUP_FIELDS},
    }


def imitated_fields(example: Example) -> dict[str, Any]:
    """What `to_record` leaves out: what a model is trained to say besides the answer."""
    rounds = [
        {RATIONALE_FIELDS[0]: thoughts, CLUE_FIELDS[0]: [list(span) for span in spans]}
        for thoughts, spans in example.rounds
    ]
    return {RATIONALE_FIELDS[0]: example.rationale or ""} | ({ROUNDS_FIELD: rounds} if rounds else {})


def _text(record: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, str]:
    name = present(record, names)
    if name is None:
        raise _missing(names)
    return name, text_of(name, record[name])


def _missing(names: tuple[str, ...]) -> RecordError:
    detail = f"looked for {', '.join(names)}; videokr import reads it under other names (--column)"
    return RecordError(names[0], "missing", detail)


def _options(record: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    name = present(record, OPTION_FIELDS)
    if name is None:
        return OPTION_FIELDS[0], ()
    value = record[name]
    if isinstance(value, str):
        value = [line for line in value.splitlines() if line.strip()]
    keys = None
    if isinstance(value, Mapping):
        keys = [str(key).strip().upper() for key, text in value.items() if text is not None]
        value = [text for text in value.values() if text is not None]
    if not isinstance(value, list | tuple):
        raise RecordError(name, "not a list or an object of options", type(value).__name__)
    if not any(map(says_something, value)):
        return name, ()  # {"A": ""}, as open-ended questions have beside others
    texts = [text_of(name, option) for option in value]
    if not all(texts):
        raise RecordError(name, "an option is empty", repr(value[texts.index("")]))
    return name, without_labels(name, texts, keys)


def _gold(name: str, text: str, kind: Kind, options: tuple[str, ...]) -> str:
    answer = bare_answer(text)
    if not answer:
        raise RecordError(name, "the answer block is empty", repr(text[:80]))
    if kind is Kind.OPEN_ENDED:
        if holds_tag(answer):
            raise RecordError(name, "a tag of the response form stands in the text", repr(answer[:80]))
        _refuse_reserved(name, answer)
        return answer
    letter = read_option_letter(answer, options)
    if letter is None and options.count(answer) == 1:
        letter = LETTERS[options.index(answer)]
    if letter is None:
        raise RecordError(name, "names no single option", f"{answer[:80]!r} of {len(options)} options")
    return letter


def _span_answer(record: Mapping[str, Any]) -> tuple[str, str]:
    name = present(record, (*ANSWER_FIELDS, *CLUE_FIELDS))  # a row may have the spans that are asked for as clues alone
    if name is None:
        raise _missing(ANSWER_FIELDS)
    return name, read_span_answer(name, record[name])


def _rationale(record: Mapping[str, Any]) -> str | None:
    name = present(record, RATIONALE_FIELDS)
    if name is None:
        return None
    rationale = strip_tag(text_of(name, record[name]), "think")
    if holds_tag(rationale):
        raise RecordError(name, "a tag of the response form stands in the text", repr(rationale[:80]))
    _refuse_reserved(name, rationale)
    return rationale or None


def record_videos(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of a raw record's videos, less a leading `./`; RecordError where it names none, or no path."""
    name = present(record, VIDEO_FIELDS)
    if name is None:
        raise _missing(VIDEO_FIELDS)
    value = record[name]
    paths = []
    for entry in value if isinstance(value, list | tuple) else [value]:
        path = entry
        if isinstance(entry, Mapping):
            inner = present(entry, ("video", "path", "url"))
            path = entry[inner] if inner else None
        path = text_of(name, path) if isinstance(path, str) else ""
        while path.startswith("./"):
            path = path[2:].lstrip("/")
        if not path:
            raise RecordError(name, "a video is not a path", repr(entry)[:80])
        paths.append(path)
    return tuple(paths)


def _refuse_reserved(name: str, *texts: str) -> None:
    for text in texts:
        if found := find_special_token(text):
            raise RecordError(name, "a mark that the hosts reserve stands in the text", found)
