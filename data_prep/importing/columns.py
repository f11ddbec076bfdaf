"""Which column of a source serves which field of a record: by the published spellings, or as the user says."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_prep.importing.row import Fields
from videokr.errors import RecordError, UserError
from videokr.example import (
    ANSWER_FIELDS,
    GROUP_FIELDS,
    KIND_FIELDS,
    NAMING_FIELDS,
    OPTION_FIELDS,
    QUESTION_FIELDS,
    RATIONALE_FIELDS,
    VIDEO_FIELDS,
)
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
OPTION_SPELLINGS = ("choices", "choice", "candidates")  # of others, taken where nothing else can be the options
SPELLINGS = {
    # A file's name is no id here: own data has several questions a video.
    ID: NAMING_FIELDS,
    QUESTION: QUESTION_FIELDS,
    OPTIONS: OPTION_FIELDS,
    KIND: KIND_FIELDS,
    RATIONALE: RATIONALE_FIELDS,
    ANSWER: ANSWER_FIELDS,
    VIDEOS: VIDEO_FIELDS,
    **{name: (name,) for name in GROUP_FIELDS},
}
LIKE_A_RATIONALE = ("rationale", "reasoning", "explanation", "thinking", "cot")
MISSING_OR_TEXT = ("missing", "text")
MAY_BE_NOTHING = "may mean that nothing is there"
OTHERS = "(others)"  # names beyond MOST_NAMES
MOST_NAMES = 500  # that are counted; JSON objects may have any

_NOTHING = frozenset(("none", "nan", "null", "n/a", "#n/a", "<na>", "nat"))
_SODIUM = "NA"  # and "Na" is
_PARTS = re.compile(r"[\s_\-]+")
_OPTION = re.compile(r"(option|choice|)([a-z]|\d{1,2})")


def folded(name: str) -> str:
    """A column's name without what spellings differ in: `Video Path`, `video-path`, `videoPath`."""
    return _PARTS.sub("", name).casefold()


_FIELD_OF = {folded(name): field for field in (*SPELLINGS,) for name in (*SPELLINGS[field], NAMES[field])}
_FIELD_OF |= dict.fromkeys(OPTION_SPELLINGS, OPTIONS)


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
        nothing: whether `NaN`, `None` and the like are text or missing, one of MISSING_OR_TEXT; None: neither is known.
        taken: how many rows had a field from a column.
        unused: how many rows had something in a column that served nothing.
    """

    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lettered: Mapping[str, str] = field(default_factory=dict)
    nothing: str | None = None
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)
    _plans: dict[tuple[str, ...], Plan] = field(default_factory=dict)

    def take(self, row: Mapping[str, Any]) -> Fields:
        """The fields of a row, with nothing blank among them.

        Raises:
            RecordError: columns or cells that can be read in two ways.
        """
        names = tuple(row)
        plan = self._plans.get(names)
        if plan is None:
            plan = self.plan(names)
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
        for place in plan.others:
            self._count_unused(place, row[place])
        return Fields(values, columns, has_no_options=self.named.get(OPTIONS) == ())

    @property
    def nowhere(self) -> list[str]:
        """Columns that the user named, and no row had anything in."""
        asked = [*(place for places in self.named.values() for place in places), *self.lettered.values()]
        found = {place for _, place in self.taken}
        return [place for place in asked if place not in found]

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
            lettered = _lettered([name for name in free if folded(name) not in OPTION_SPELLINGS])
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


def _lettered(names: Sequence[str]) -> tuple[str, ...]:
    """Columns such as `A`, `B`, ...; `option_a`, ...; `choice 1`, ..., in order; none where there are none.

    Raises:
        RecordError: two such sets, or one with a gap.
    """
    styles: dict[tuple[str, bool], dict[int, str]] = {}
    for name in names:
        found = _OPTION.fullmatch(folded(name))
        if found and (found[1] or found[2].isalpha()):
            number = int(found[2]) if found[2].isdigit() else ord(found[2]) - ord("a")
            styles.setdefault((found[1], found[2].isdigit()), {})[number] = name
    sets = []
    for (prefix, _), columns in styles.items():
        numbers = sorted(columns)
        gapless = numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        if gapless and (numbers[0] == 0 or prefix) and len(numbers) > 1:
            sets.append(tuple(columns[number] for number in numbers))
        elif prefix and len(numbers) > 1:
            detail = f"{', '.join(columns.values())}: name them by --column option_a=NAME ..."
            raise RecordError(OPTIONS, "option columns with a gap", detail)
    if len(sets) > 1:
        detail = f"{' and '.join(', '.join(columns) for columns in sets)}: name one by --column option_a=NAME ..."
        raise RecordError(OPTIONS, "two sets of option columns", detail)
    return sets[0] if sets else ()


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


def parse_columns(given: Sequence[str], nothing: str | None) -> Columns:
    """Reads `FIELD=COLUMN`s; a FIELD may be spelled as published, an empty COLUMN takes the field from nowhere.

    Raises:
        UserError: no such field, or no `=`.
    """
    named: dict[str, tuple[str, ...]] = {}
    lettered: dict[str, str] = {}
    for text in given:
        name, equals, column = text.partition("=")
        own, option = _FIELD_OF.get(folded(name)), _OPTION.fullmatch(folded(name))
        if equals and own:
            named[own] = (*named.get(own, ()), *([column.strip()] if column.strip() else []))
        elif equals and option and option[2].isalpha() and column.strip():
            lettered[option[2].upper()] = column.strip()
        else:
            known = ", ".join(NAMES.values())
            raise UserError(f"--column '{text}': FIELD=COLUMN is asked for, FIELD one of {known}, option_a, ...")
    if lettered and sorted(lettered) != list(LETTERS[: len(lettered)]):
        raise UserError(f"--column: options {', '.join(sorted(lettered))} are not A, B, C, ... without a gap")
    return Columns(named, lettered, nothing)
