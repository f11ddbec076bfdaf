"""Which column of a source serves which field of a record: by the published spellings, or as the user says."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from data_prep.importing.cell import is_filled, literal, options_in, spans_in, videos_in
from videokr import example as fields
from videokr.errors import RecordError, UserError
from videokr.option_columns import folded, lettered_field, option_columns
from videokr.options import LETTERS
from videokr.record_spans import CLUE_FIELDS, ROUNDS_FIELD

QUESTION, ANSWER, RATIONALE = fields.QUESTION_FIELDS[0], fields.ANSWER_FIELDS[0], fields.RATIONALE_FIELDS[0]
OPTIONS, VIDEOS, KIND = fields.OPTION_FIELDS[0], fields.VIDEO_FIELDS[0], fields.KIND_FIELDS[0]
CLUES, ROUNDS = CLUE_FIELDS[0], ROUNDS_FIELD
ID = fields.NAMING_FIELDS[0]  # a file's name is no id here: own data has several questions a video
LATE_OPTION_NAMES = ("choices", "choice", "candidates")  # taken where nothing else can be the options
# By field: what it is called after --column and in what is printed, and the columns that are taken for it unasked.
ACCEPTED_NAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    ID: ("id", fields.NAMING_FIELDS),
    QUESTION: ("question", fields.QUESTION_FIELDS),
    OPTIONS: ("options", tuple(name for name in fields.OPTION_FIELDS if name not in LATE_OPTION_NAMES)),
    KIND: ("kind", fields.KIND_FIELDS),
    RATIONALE: ("rationale", fields.RATIONALE_FIELDS),
    ANSWER: ("answer", fields.ANSWER_FIELDS),
    VIDEOS: ("video", fields.VIDEO_FIELDS),
    CLUES: (CLUES, CLUE_FIELDS),
    ROUNDS: (ROUNDS, (ROUNDS,)),
    **{name: (name, (name,)) for name in fields.GROUP_FIELDS},
}
SHOWN = {own: shown for own, (shown, _) in ACCEPTED_NAMES.items()}
_FIELD_OF = {folded(name): own for own, (shown, names) in ACCEPTED_NAMES.items() for name in (*names, shown)}
_FIELD_OF |= dict.fromkeys(LATE_OPTION_NAMES, OPTIONS)
EACH, JOINED = ANSWER_LISTS = ("each", "joined")  # what a list of several texts as the answer is
MAX_SHOWN_COLUMNS = 20
MAX_NAMES = 500  # that are counted; JSON objects may have any
OTHERS = "(others)"  # names beyond MAX_NAMES


@dataclass(frozen=True, slots=True)
class Fields:
    """What a row says of a record."""

    values: dict[str, Any]  # by the first of the published spellings (`question`, `solution`, ...); nothing blank
    columns: Mapping[str, str] = field(default_factory=dict)  # what the source calls the field, for messages
    row: Mapping[str, Any] = field(default_factory=dict)  # as the source has it, for messages


class Plan(NamedTuple):
    """Where rows with the same columns have their fields."""

    single: Mapping[str, tuple[str, ...]]  # by field, the columns that may hold it; the first that does counts
    lettered: tuple[str, ...]  # columns of one option each, in the order of the letters
    used: set[str]  # all of these
    others: list[str]  # which serve nothing


@dataclass(slots=True)
class Columns:
    """What the user says of the columns, and what was found in them."""

    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by field; these alone are taken for it
    lettered: Mapping[str, str] = field(default_factory=dict)  # columns of one option each, by letter
    nothing: str | None = None  # see `is_filled`
    rows_in: str | None = None  # whose list holds the rows of a row; the row's other columns are each one's, too
    lists: str | None = None  # what a list of several texts as the answer is, one of ANSWER_LISTS; None: nobody knows
    header: Sequence[str] = ()  # of a table, which may be without rows
    found: dict[str, None] = field(default_factory=dict)  # columns that some row had, in their order
    rows_found: bool = False  # whether some row had the column `rows_in`
    split: int = 0  # conversations of several turns that were taken apart
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)  # rows that had a field from a column
    unused: Counter[str] = field(default_factory=Counter)  # rows with something in a column that served nothing
    _plans: dict[tuple[str, ...], Plan] = field(default_factory=dict)

    @property
    def asked(self) -> list[str]:
        """The columns that the user named."""
        return [*(place for places in self.named.values() for place in places), *self.lettered.values()]

    def take(self, row: Mapping[str, Any]) -> Fields:
        """The fields of a row, with nothing blank among them.

        Raises:
            RecordError: columns or cells that can be read in two ways.
        """
        for name in self.asked:
            if "." in name and name not in row and (value := _inner(row, name)) is not None:
                row = {**row, name: value}
        plan = self._plans.get(tuple(row)) or self._new_plan(tuple(row))
        values: dict[str, Any] = {}
        columns = {own: places[0] for own, places in self.named.items() if places}
        for own, places in plan.single.items():
            columns[own] = places[0]
            for place in places:
                value = spans_in(row[place]) if own in (CLUES, ROUNDS) else row[place]
                if own in values or value is None:
                    self._count_unused(place, row[place])
                elif is_filled(place, value, self.nothing):
                    values[own], columns[own] = value, place
                    self.taken[own, place] += 1
        if plan.lettered:
            columns[OPTIONS] = f"{plan.lettered[0]} ... {plan.lettered[-1]}"
            if options := self._lettered_options(row, plan.lettered):
                values[OPTIONS] = options
        if OPTIONS in values:
            values[OPTIONS] = options_in(columns[OPTIONS], values[OPTIONS], self.nothing)
        if VIDEOS in values:
            values[VIDEOS] = videos_in(values[VIDEOS])
        for place in plan.others:
            self._count_unused(place, row[place])
        return Fields(values, columns, row)

    def plan(self, names: Sequence[str]) -> Plan:
        """Which of these columns serve what.

        Raises:
            RecordError: two sets of option columns, or one with a gap; two columns that may hold options.
        """
        single: dict[str, tuple[str, ...]] = {}
        for own, (_, spellings) in ACCEPTED_NAMES.items():
            if own in self.named:
                found = tuple(name for name in self.named[own] if name in names)
            else:
                found = tuple(name for wanted in map(folded, spellings) for name in names if folded(name) == wanted)
            if found:
                single[own] = found
        lettered = tuple(self.lettered[letter] for letter in sorted(self.lettered))
        lettered = lettered if set(lettered) <= set(names) else ()
        if lettered:
            single.pop(OPTIONS, None)
        elif OPTIONS not in single and OPTIONS not in self.named:
            spoken_for = {name for places in self.named.values() for name in places}
            free = [name for name in names if name not in spoken_for]
            used = {name for places in single.values() for name in places}
            lettered = option_columns([name for name in free if name not in used], _FIELD_OF)  # `video1` is no option
            if not lettered and (late := [name for name in free if folded(name) in LATE_OPTION_NAMES]):
                if len(late) > 1:
                    detail = f"{', '.join(late)}: name one by --column options=NAME, or none by --column options="
                    raise RecordError(OPTIONS, "two columns that may hold the options", detail)
                single[OPTIONS] = (late[0],)
        used = {name for places in single.values() for name in places} | set(lettered)
        return Plan(single, lettered, used, [name for name in names if name not in used])

    def refuse_absent(self, source: str) -> None:
        """Raises UserError where the user named columns, or a list of rows, that no row had."""
        if absent := [place for place in self.asked if place not in self.found]:
            raise UserError(f"--column: no row of '{source}' has {', '.join(map(repr, absent))}")
        self.refuse_absent_rows(source)

    def refuse_absent_rows(self, source: str) -> None:
        """Raises UserError where the user named a list of rows, and no row had it."""
        if self.rows_in and not self.rows_found:
            raise UserError(f"--rows: no row of '{source}' has '{self.rows_in}'")

    def _new_plan(self, names: tuple[str, ...]) -> Plan:
        plan = self.plan(names)
        self.found.update(dict.fromkeys(names))
        if len(self._plans) < MAX_NAMES:
            self._plans[names] = plan
        return plan

    def _lettered_options(self, row: Mapping[str, Any], places: Sequence[str]) -> dict[str, Any]:
        options, empty = {}, None
        for letter, place in zip(LETTERS, places, strict=False):
            if not is_filled(place, row[place], self.nothing):
                empty = empty or place
                continue
            if empty:
                raise RecordError(empty, "an option is empty", f"and '{place}' after it is not")
            options[letter] = row[place]
            self.taken[OPTIONS, place] += 1
        return options

    def _count_unused(self, name: str, value: Any) -> None:
        if value is not None and value != "":
            self.unused[name if name in self.unused or len(self.unused) < MAX_NAMES else OTHERS] += 1


def _inner(row: Mapping[str, Any], name: str) -> Any:
    """What stands at `outer.inner` of nested objects, or of their JSON text; None where nothing does."""
    value: Any = row
    for part in name.split("."):
        value = literal(value) if isinstance(value, str) else value
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def listed(names: Iterable[str]) -> str:
    """The first of the names, for a message."""
    shown = [repr(name[:40]) for name in names]
    return ", ".join(shown[:MAX_SHOWN_COLUMNS] + (["..."] if len(shown) > MAX_SHOWN_COLUMNS else []))


def described(row: Mapping[str, Any]) -> str:
    """The columns of a row, and what stands in those that hold more than a value."""
    shown = []
    for name, value in list(row.items())[:MAX_SHOWN_COLUMNS]:
        inside = ", ".join(map(str, value)) if isinstance(value, Mapping) else ""
        kind = f" (object of {inside})" if inside else " (list)" if isinstance(value, list) else ""
        shown.append(f"{name!r}{kind}")
    return ", ".join(shown) + (", ..." if len(row) > MAX_SHOWN_COLUMNS else "")


def parse_columns(given: Sequence[str], nothing: str | None, rows_in: str | None, lists: str | None) -> Columns:
    """Reads `FIELD=COLUMN`s; a FIELD may be spelled as published, an empty COLUMN takes the field from nowhere.

    Raises:
        UserError: no such field, or no `=`.
    """
    named: dict[str, tuple[str, ...]] = {}
    lettered: dict[str, str] = {}
    for text in given:
        name, equals, column = text.partition("=")
        own, letter = _FIELD_OF.get(folded(name)), lettered_field(name)
        if equals and own:
            named[own] = (*named.get(own, ()), *([column.strip()] if column.strip() else []))
        elif equals and letter and column.strip():
            lettered[letter] = column.strip()
        else:
            known = ", ".join(SHOWN.values())
            raise UserError(f"--column '{text}': FIELD=COLUMN is asked for, FIELD one of {known}, option_a, ...")
    if lettered and sorted(lettered) != list(LETTERS[: len(lettered)]):
        raise UserError(f"--column: options {', '.join(sorted(lettered))} are not A, B, C, ... without a gap")
    return Columns(named, lettered, nothing, rows_in, lists)
