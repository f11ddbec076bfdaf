"""Ways to read an option letter out of a response: ours, and the published ones, from their description.

The others are here to show how much of a published difference is the reader's. None of them guesses: where a published
reader picks an option at random, or takes one by default, these say that they found none.
"""

import re
from collections.abc import Callable, Sequence

from videokr.options import LETTERS, read_option_letter
from videokr.response import read_answer

_LEAD_INS = re.compile(
    r"(?:the )?(?:best |correct |final )?(?:answer|option)(?: is|:)|therefore, the final answer is:?", re.I
)
# Where a letter stands, the surest place first; LETTERS is put in as a character class.
_RANKED_FORMS = (
    r"^(LETTERS)(?=[\s.,:)]|$)",
    r"(?:^|\s)\(?(LETTERS)\)?$",
    r"(?i:(?:answer|option|choice) is:? ?|i (?:choose|select|pick) |answer: ?)\(?(LETTERS)(?!\w)",
    r"\((LETTERS)\)",
    r"(LETTERS)\.",
    r"(LETTERS):",
    r"(LETTERS)\)",
    r"(LETTERS)\s",
)


# The letter out of a response to a question with these options; None where it finds none.
Extractor = Callable[[str, Sequence[str]], str | None]


def _ours(response: str, options: Sequence[str]) -> str | None:
    """ours: one option letter in the last answer block outside the thinking"""
    return read_option_letter(read_answer(response), options)


def _exact(response: str, options: Sequence[str]) -> str | None:
    """the published reward: the first answer block is the letter and nothing else"""
    blocks = _blocks(response, "answer")
    content = response[slice(*blocks[0])].strip() if blocks else ""
    return content if content in LETTERS[: len(options)] and content else None


def _block_letter(response: str, options: Sequence[str]) -> str | None:
    """the published VideoKR-Eval, without its judge: the first letter that stands alone in the answer blocks, or
    anywhere where there is none
    """
    blocks = [response[start:end] for start, end in _blocks(response, "answer")]
    return _lone_letter(" ".join(blocks) if blocks else response, LETTERS)


def _ranked(response: str, options: Sequence[str]) -> str | None:
    """lmms-eval's Video-MME, VideoMMMU, MLVU, LVBench: a letter at the start, at the end, after 'the answer is', in
    brackets, before a point and so on; the last in the first of these forms
    """
    text = _without_thinking(response).strip(" \t\r\n,.!?;:'\"")
    letters = f"[{LETTERS[: len(options)]}]"
    by_form = (re.findall(form.replace("LETTERS", letters), text) for form in _RANKED_FORMS)
    return next((str(found[-1]) for found in by_form if found), None)


def _any_letter(response: str, options: Sequence[str]) -> str | None:
    """lmms-eval's MVBench: the first of A to E that stands alone, in any case"""
    text = _without_thinking(response)
    leading = re.match(r"([A-E])\.\s", text, re.I)
    return leading[1].upper() if leading else _lone_letter(text, "ABCDE")


def _first_capital(response: str, options: Sequence[str]) -> str | None:
    """lmms-eval's LongVideoBench and SciVideoBench: the first capital among the letters, even inside a word; where
    there is none, theirs picks at random
    """
    found = re.search(f"[{LETTERS[: len(options)]}]", _LEAD_INS.sub("", _without_thinking(response)))
    return found[0] if found else None


EXTRACTORS: dict[str, Extractor] = {
    "videokr": _ours,
    "exact": _exact,
    "block-letter": _block_letter,
    "ranked": _ranked,
    "any-letter": _any_letter,
    "first-capital": _first_capital,
}


def description(name: str) -> str:
    """Whose an extractor is and what it does, in one line: its docstring."""
    return " ".join((EXTRACTORS[name].__doc__ or "").split())


def _lone_letter(text: str, letters: str) -> str | None:
    found = re.search(rf"\b([{letters}])\b", text, re.I)
    return found[1].upper() if found else None


def _without_thinking(response: str) -> str:
    """A response without its closed thinking blocks and answer tags, as lmms-eval hands it to a task."""
    kept, place = [], 0
    for start, end in _blocks(response, "think"):
        kept.append(response[place : start - len("<think>")])
        place = end + len("</think>")
    return re.sub(r"</?answer>", " ", "".join([*kept, response[place:]]), flags=re.I).strip()


def _blocks(text: str, name: str) -> list[tuple[int, int]]:
    """Start and end of the contents of every `<name>` block, in time linear in the text."""
    lower = text.lower()
    found = []
    place = 0
    while (opening := lower.find(f"<{name}>", place)) >= 0:
        start = opening + len(f"<{name}>")
        place = lower.find(f"</{name}>", start)
        if place < 0:
            break
        found.append((start, place))
    return found
