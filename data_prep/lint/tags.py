"""The response form's tags in raw fields: rationale and answer with their own tags or without, nothing between."""

import re
from collections.abc import Iterator
from typing import Any

from data_prep.lint.findings import Flag
from data_prep.lint.row import Row
from data_prep.lint.wording import excerpt
from videokr.fields import ANSWER_FIELDS, OPTION_FIELDS, QUESTION_FIELDS, RATIONALE_FIELDS
from videokr.prompt import INSTRUCTIONS
from videokr.response import TAG

# What was to be such a tag: spaces in it, a bracket that is missing or escaped, letters exchanged.
_BROKEN = re.compile(
    r"(?:<|&lt;)\s*[/\\]?\s*(?:think(?:ing)?|thnik|answers?|anwser|asnwer|anser)\b\s*[/\\]?(?:\s*(?:>|&gt;))?|"
    r"\[/?(?:think|answer)\]",
    re.IGNORECASE,
)
_FIELDS: tuple[tuple[tuple[str, ...], str | None], ...] = (
    (QUESTION_FIELDS, None),
    (OPTION_FIELDS, None),
    (RATIONALE_FIELDS, "think"),
    (ANSWER_FIELDS, "answer"),
)
TAGGED, BARE = "with tags", "without tags"


def find(row: Row) -> Iterator[Flag]:
    """Faults of tags, one a field at most."""
    for names, own in _FIELDS:
        for name in names:
            for text in _texts(row.record.get(name)):
                if "<" in text or "&lt;" in text or "[" in text:
                    fault = _fault(text, own)
                    if fault:
                        finding, detail = fault
                        yield Flag(finding, f"{name}: {detail}: {excerpt(text)!r}", field=name)
                        break


def form(row: Row, names: tuple[str, ...], own: str) -> str | None:
    """Whether the first of these fields that holds a text has its own tags around it; None where none does."""
    for name in names:
        value = row.record.get(name)
        if isinstance(value, str) and value.strip():
            return TAGGED if value.lstrip()[: len(own) + 2].lower() == f"<{own}>" else BARE
    return None


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def _fault(text: str, own: str | None) -> tuple[str, str] | None:
    if own and text.count("<") == 2 and text.startswith(f"<{own}>") and text.endswith(f"</{own}>"):
        return None  # as nearly all come
    tags = [match.group().lower() for match in TAG.finditer(text)]
    broken = next((match for match in _BROKEN.finditer(text) if not TAG.fullmatch(match.group())), None)
    if broken:
        return "tag-broken", repr(broken.group())
    if not tags:
        return None
    strange = [tag for tag in tags if own is None or own not in tag]
    if strange:
        asks = any(line in text for line in INSTRUCTIONS.values())
        return "tag-misplaced", "it holds the instruction" if asks else f"{strange[0]} does not belong into it"
    opened, closed = tags.count(f"<{own}>"), tags.count(f"</{own}>")
    if max(opened, closed) > 1:
        return "tag-doubled", f"<{own}> {opened} times, </{own}> {closed} times"
    if opened != closed:
        return "tag-unclosed", f"<{own}> without </{own}>" if opened else f"</{own}> without <{own}>"
    whole = text.strip().lower()
    if not (whole.startswith(f"<{own}>") and whole.endswith(f"</{own}>")):
        return "tag-misplaced", f"text stands outside of <{own}>"
    return None
