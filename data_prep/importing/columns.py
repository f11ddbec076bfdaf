"""Which column of a source serves which field of a record: by the published spellings, or as the user says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_prep.importing.cells import options_in
from data_prep.importing.row import Fields
from videokr.errors import RecordError, UserError
from videokr.fields import (
    ANSWER_FIELDS,
    GROUP_FIELDS,
    KIND_FIELDS,
    NAMING_FIELDS,
    OPTION_FIELDS,
    QUESTION_FIELDS,
    RATIONALE_FIELDS,
    VIDEO_FIELDS,
)
from videokr.option_columns import folded, lettered_field, option_columns
from videokr.options import LETTERS

QUESTION, OPTIONS, ANSWER, VIDEOS = QUESTION_FIELDS[0], OPTION_FIELDS[0], ANSWER_FIELDS[0], VIDEO_FIELDS[0]
ID, KIND, RATIONALE = NAMING_FIELDS[0], KIND_FIELDS[0], RATIONALE_FIELDS[0]
# What a field is called after `--column`, and in what is printed.
NAMES = {
    ID: "id",
    QUESTION: "question",
    OPTIONS: "options",
    KIND: "kind",
    RATIONALE: "rationale",
    ANSWER: "answer",
    VIDEOS: "video",
    **{name: name for name in GROUP_FIELDS},
}
OPTION_SPELLINGS = ("choices", "choice", "candidates")  # taken where nothing else can be the options
SPELLINGS = {
    # A file's name is no id here: own data has several questions a video.
    ID: NAMING_FIELDS,
    QUESTION: QUESTION_FIELDS,
    OPTIONS: tuple(name for name in OPTION_FIELDS if name not in OPTION_SPELLINGS),
    KIND: KIND_FIELDS,
    RATIONALE: RATIONALE_FIELDS,
    ANSWER: ANSWER_FIELDS,
    VIDEOS: VIDEO_FIELDS,
    **{name: (name,) for name in GROUP_FIELDS},
}
LIKE_A_RATIONALE = ("rationale", "reasoning", "explanation", "thinking", "cot")
MISSING_OR_TEXT = ("missing", "text")
MAY_BE_NOTHING = "may mean that nothing is there"
SHOWN_COLUMNS = 20
OTHERS = "(others)"  # names beyond MOST_NAMES
MOST_NAMES = 500  # that are counted; JSON objects may have any

_NOTHING = frozenset(("none", "nan", "null", "n/a", "#n/a", "<na>", "nat"))
_SODIUM = "NA"  # and "Na" is

_FIELD_OF = {folded(name): field for field in (*SPELLINGS,) for name in (*SPELLINGS[field], NAMES[field])}
_FIELD_OF |= dict.fromkeys(OPTION_SPELLINGS, OPTIONS)
_OTHER_SETS = frozenset(_FIELD_OF)  # `video1`, `question_2` are no options
EACH, JOINED = LISTS = ("each", "joined")  # what a list of several texts as the answer is


@dataclass(frozen=True, slots=True)
class Plan:
    """Of rows with the same columns.

    Attributes:
        single: field, and the columns that may hold it, the first that does counts.
        lettered: columns of one option each, in the order of the letters.
        others: columns that serve nothing.
    """

    single: tuple[tuple[str, tuple[str, ...]], ...]
    lettered: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(slots=True)
class Columns:
    """
    Attributes:
        named: columns by field, as the user says; these alone are then taken for the field.
        lettered: columns of one option each, by letter, as the user says.
        rows_in: column whose list holds the rows of a row; the row's other columns are each one's, too.
        lists: what a list of several texts as the answer is, one of LISTS; None: nobody knows.
        nothing: whether `NaN`, `None` and the like are text or missing, one of MISSING_OR_TEXT; None: neither is known.
        taken: how many rows had a field from a column.
        unused: how many rows had something in a column that served nothing.
        rows_found: whether some row had the column `rows_in`.
        split: how many conversations of several turns were taken apart.
    """

    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lettered: Mapping[str, str] = field(default_factory=dict)
    nothing: str | None = None
    rows_in: str | None = None
    lists: str | None = None
    rows_found: bool = False
    split: int = 0
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)
    _plans: dict[tuple[str, ...], Plan] = field(default_factory=dict)
    _there: set[str] = field(default_factory=set)

    def take(self, row: Mapping[str, Any]) -> Fields:
        """The fields of a row, with nothing blank among them.

        Raises:
            RecordError: columns or cells that can be read in two ways.
        """
        for name in self._dotted:
            if name not in row and (value := _inner(row, name)) is not None:
                row = {**row, name: value}
        names = tuple(row)
        plan = self._plans.get(names)
        if plan is None:
            plan = self.plan(names)
            self._there.update(names)
            if len(self._plans) < MOST_NAMES:
                self._plans[names] = plan
        values: dict[str, Any] = {}
        columns: dict[str, str] = {}
        for own, places in plan.single:
            columns[own] = places[0]
            for place in places:
                if own in values:
                    self._count_unused(place, row[place])
                elif self._holds(place, row[place]):
                    values[own], columns[own] = row[place], place
                    self.taken[own, place] += 1
        if plan.lettered:
            columns[OPTIONS] = f"{plan.lettered[0]} ... {plan.lettered[-1]}"
            if options := self._options(row, plan.lettered):
                values[OPTIONS] = options
        if OPTIONS in values:
            values[OPTIONS] = self._without_padding(columns[OPTIONS], options_in(values[OPTIONS]))
        for place in plan.others:
            self._count_unused(place, row[place])
        for own, places in self.named.items():
            if places:
                columns.setdefault(own, places[0])
        return Fields(values, columns, has_no_options=self.named.get(OPTIONS) == (), row=row)

    @property
    def asked(self) -> list[str]:
        """The columns that the user named."""
        return [*(place for places in self.named.values() for place in places), *self.lettered.values()]

    @property
    def nowhere(self) -> list[str]:
        """Columns that the user named, and no row had anything in."""
        found = {place for _, place in self.taken}
        return [place for place in self.asked if place not in found]

    @property
    def absent(self) -> list[str]:
        """Columns that the user named, and no row had."""
        return [place for place in self.asked if place not in self._there]

    def refuse_absent_rows(self, source: str) -> None:
        """
        Raises:
            UserError: the user named a list of rows, and no row had it.
        """
        if self.rows_in and not self.rows_found:
            raise UserError(f"--rows: no row of '{source}' has '{self.rows_in}'")

    @property
    def _dotted(self) -> list[str]:
        return [place for place in self.asked if "." in place]

    def plan(self, names: Sequence[str]) -> Plan:
        """Which of these columns serve what.

        Raises:
            RecordError: two sets of option columns, or one with a gap; two columns that may hold options.
        """
        single: dict[str, tuple[str, ...]] = {}
        for own, spellings in SPELLINGS.items():
            if own in self.named:
                found = tuple(name for name in self.named[own] if name in names)
            else:
                wanted = [folded(name) for name in spellings]
                found = tuple(name for want in wanted for name in names if folded(name) == want)
            if found:
                single[own] = found
        lettered = tuple(self.lettered[letter] for letter in sorted(self.lettered))
        lettered = lettered if set(lettered) <= set(names) else ()
        if lettered:
            single.pop(OPTIONS, None)
        elif OPTIONS not in single and OPTIONS not in self.named:
            spoken_for = {name for places in self.named.values() for name in places}
            free = [name for name in names if name not in spoken_for]
            single_names = {name for places in single.values() for name in places}
            lettered = option_columns([name for name in free if name not in single_names], _OTHER_SETS)
            if not lettered and (other := _other_options(free)):
                single[OPTIONS] = (other,)
        used = {name for places in single.values() for name in places} | set(lettered)
        return Plan(tuple(single.items()), lettered, tuple(name for name in names if name not in used))

    def _options(self, row: Mapping[str, Any], places: Sequence[str]) -> dict[str, Any]:
        options = {}
        empty = None
        for letter, place in zip(LETTERS, places, strict=False):
            if not self._holds(place, row[place]):
                empty = empty or place
                continue
            if empty:
                raise RecordError(empty, "an option is empty", f"and '{place}' after it is not")
            options[letter] = row[place]
            self.taken[OPTIONS, place] += 1
        return options

    def _without_padding(self, name: str, options: Any) -> Any:
        """Options less those at the end that hold nothing, which fill up a table (`N/A`).

        Raises:
            RecordError: see `_holds`.
        """
        if isinstance(options, Mapping):
            return {label: text for label, text in options.items() if self._fills(name, text)}
        if isinstance(options, list):
            while options and not self._fills(name, options[-1]):
                options = options[:-1]
        return options

    def _fills(self, name: str, option: Any) -> bool:
        """`_holds`; but `None` in a list, unlike in a cell, is somebody's word."""
        is_word = isinstance(option, str) and option.strip().isalpha()
        return is_word or self._holds(name, option)

    def _holds(self, name: str, value: Any) -> bool:
        """Whether something is there.

        Raises:
            RecordError: the user has to say.
        """
        if not isinstance(value, str):
            return value is not None and value != [] and value != {}
        text = value.strip()
        if len(text) > 4 or not (text == _SODIUM or text.casefold() in _NOTHING):
            return bool(text)
        if self.nothing is None:
            detail = f"{text!r}: say --none-cells missing, or --none-cells text if such cells are meant as they stand"
            raise RecordError(name, MAY_BE_NOTHING, detail)
        return self.nothing == "text"

    def _count_unused(self, name: str, value: Any) -> None:
        if value is None or value == "":
            return
        self.unused[name if name in self.unused or len(self.unused) < MOST_NAMES else OTHERS] += 1


def _inner(row: Mapping[str, Any], name: str) -> Any:
    """What stands at `outer.inner` of nested objects; None where nothing does."""
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def described(row: Mapping[str, Any]) -> str:
    """The columns of a row, and what stands in those that hold more than a value."""
    shown = []
    for name, value in list(row.items())[:SHOWN_COLUMNS]:
        inside = ", ".join(map(str, value)) if isinstance(value, Mapping) else ""
        kind = f" (object of {inside})" if inside else " (list)" if isinstance(value, list) else ""
        shown.append(f"{name!r}{kind}")
    return ", ".join(shown) + (", ..." if len(row) > SHOWN_COLUMNS else "")


def _other_options(names: Sequence[str]) -> str | None:
    """The one column whose name others give to options; None where there is none.

    Raises:
        RecordError: there are two.
    """
    found = [name for name in names if folded(name) in OPTION_SPELLINGS]
    if len(found) > 1:
        detail = f"{', '.join(found)}: name one by --column options=NAME, or none by --column options="
        raise RecordError(OPTIONS, "two columns that may hold the options", detail)
    return found[0] if found else None


def parse_columns(
    given: Sequence[str], nothing: str | None, rows_in: str | None = None, lists: str | None = None
) -> Columns:
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
            known = ", ".join(NAMES.values())
            raise UserError(f"--column '{text}': FIELD=COLUMN is asked for, FIELD one of {known}, option_a, ...")
    if lettered and sorted(lettered) != list(LETTERS[: len(lettered)]):
        raise UserError(f"--column: options {', '.join(sorted(lettered))} are not A, B, C, ... without a gap")
    return Columns(named, lettered, nothing, rows_in, lists)
