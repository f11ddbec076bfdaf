"""What a cell holds: nothing, a text, or a list that a program or a person wrote into it."""

import ast
from collections.abc import Mapping
from typing import Any

from data_prep.importing.json_file import Number, from_json
from videokr.errors import RecordError
from videokr.options import split_label

MISSING_OR_TEXT = ("missing", "text")  # what `NaN`, `None` and the like may be
MAY_BE_NOTHING = "may mean that nothing is there"
NAMES_OF_NOTHING = frozenset(("none", "nan", "null", "n/a", "#n/a", "<na>", "nat"))
NOT_AVAILABLE = "NA"  # only in capitals: `Na` is sodium
OPTION_TEXT_FIELDS = ("choice", "text", "option")  # where each is an object: `{"choice_id": 0, "choice": "a dog"}`
MAX_LITERAL_CHARS = 100_000  # a longer one that is not JSON is no list that a program wrote into a cell


def is_filled(name: str, value: Any, nothing: str | None) -> bool:
    """Whether something stands in a cell.

    Args:
        name: of its column, for messages.
        nothing: what `NaN`, `None` and the like are, one of MISSING_OR_TEXT; None: nobody knows.

    Raises:
        RecordError: it may be nothing, and the user has to say.
    """
    if not isinstance(value, str):
        return value is not None and value != [] and value != {}
    text = value.strip()
    if len(text) > 4 or not (text == NOT_AVAILABLE or text.casefold() in NAMES_OF_NOTHING):
        return bool(text)
    if nothing is None:
        detail = f"{text!r}: say --none-cells missing, or --none-cells text if such cells are meant as they stand"
        raise RecordError(name, MAY_BE_NOTHING, detail)
    return nothing == "text"


def options_in(name: str, cell: Any, nothing: str | None) -> Any:
    """The options as `parse_example` takes them: a list, an object, or a text with an option a line.

    A list is JSON, Python's own writing of one, or texts with `|` between them. Options at the end that hold nothing
    fill up a table, and are dropped.

    Raises:
        RecordError: see `is_filled`.
    """
    options = _options(cell)
    if isinstance(options, Mapping):
        return {label: text for label, text in options.items() if _is_option(name, text, nothing)}
    if isinstance(options, list):
        while options and not _is_option(name, options[-1], nothing):
            options = options[:-1]
    return options


def videos_in(cell: Any) -> Any:
    """The path or paths of a cell."""
    found = literal(cell) if isinstance(cell, str) else None
    return found if isinstance(found, list) else cell


def spans_in(cell: Any) -> list[Any] | None:
    """The list of a cell, with numbers as such; None where it holds no list, as a date does not."""
    found = with_numbers(literal(cell) if isinstance(cell, str) else cell)
    return found if isinstance(found, list) else None


def with_numbers(value: Any) -> Any:
    """What a file holds, with its numbers as such."""
    if isinstance(value, Number):
        return float(value)
    if isinstance(value, list):
        return [with_numbers(one) for one in value]
    return {name: with_numbers(one) for name, one in value.items()} if isinstance(value, Mapping) else value


def _options(cell: Any) -> Any:
    found = literal(cell) if isinstance(cell, str) else cell
    if isinstance(found, list) and found and all(isinstance(option, dict) for option in found):
        name = next((name for name in OPTION_TEXT_FIELDS if all(name in option for option in found)), None)
        return [option[name] for option in found] if name else found
    if found is not None and not isinstance(found, str):
        return found
    if "|" not in cell or all(split_label(line)[0] for line in cell.strip().splitlines()[1:] or [""]):
        return cell
    return [part.strip() for part in cell.split("|")]


def _is_option(name: str, option: Any, nothing: str | None) -> bool:
    """`is_filled`; but `None` in a list, unlike in a cell, is somebody's word."""
    is_word = isinstance(option, str) and option.strip().isalpha()
    return is_word or is_filled(name, option, nothing)


def literal(cell: str) -> list[Any] | dict[Any, Any] | None:
    """The list or object that a program wrote into a cell; None where it holds none."""
    text = cell.strip()
    if not text.startswith(("[", "{")) or not text.endswith(("]", "}")):
        return None
    try:
        found = from_json(text)
    except (ValueError, RecursionError):
        if len(text) > MAX_LITERAL_CHARS:
            return None
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return None
    return found if isinstance(found, list | dict) else None
