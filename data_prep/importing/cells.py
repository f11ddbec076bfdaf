"""Lists that stand in one cell: JSON, Python's own writing of a list, or texts with `|` between them."""

import ast
from typing import Any

from data_prep.importing.json_file import from_json
from videokr.options import split_label

TEXT_OF_AN_OPTION = ("choice", "text", "option")  # where each is an object: `{"choice_id": 0, "choice": "a dog"}`
LITERAL_CHARS = 100_000  # a longer one that is not JSON is no list that a program wrote into a cell


def options_in(cell: Any) -> Any:
    """The options as `parse_example` takes them; a cell that is no list stays text, a line an option."""
    found = _literal(cell) if isinstance(cell, str) else cell
    if isinstance(found, list) and found and all(isinstance(option, dict) for option in found):
        name = next((name for name in TEXT_OF_AN_OPTION if all(name in option for option in found)), None)
        return [option[name] for option in found] if name else found
    if found is not None and not isinstance(found, str):
        return found
    if "|" not in cell or all(split_label(line)[0] for line in cell.strip().splitlines()[1:] or [""]):
        return cell
    return [part.strip() for part in cell.split("|")]


def videos_in(cell: Any) -> Any:
    """The path or paths of a cell."""
    found = _literal(cell) if isinstance(cell, str) else None
    return found if isinstance(found, list) else cell


def _literal(cell: str) -> list[Any] | dict[Any, Any] | None:
    text = cell.strip()
    if not text.startswith(("[", "{")) or not text.endswith(("]", "}")):
        return None
    try:
        found = from_json(text)
    except (ValueError, RecursionError):
        if len(text) > LITERAL_CHARS:
            return None
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return None
    return found if isinstance(found, list | dict) else None
