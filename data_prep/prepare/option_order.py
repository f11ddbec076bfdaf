"""Options in another order, drawn anew for each record, so that no letter is right too often."""

import random
import re
from dataclasses import dataclass, replace

from videokr.example import Example
from videokr.options import LETTERS

# A capital I within a sentence is taken for the pronoun. An A is taken for the article where a word follows and nothing
# tells them apart: a lower-case word before it, or a word behind it that no article has.
_NAMES_A_LETTER = re.compile(
    r"\([A-Za-z]\)|\b[B-HJ-Z]\b|\bI(?:[.):]|$)|\bA\b(?:(?![ \t]+\w)|(?<=[a-z,;:] A)|"
    r"\s+(?:and|or|is|are|was|has|does|can|cannot|would|because|since|fits|shows|matches)\b)"
)
_NAMES_A_PLACE = re.compile(  # "option b", "choice 2", "the first option"
    r"\b(?:option|choice)\s+(?:[a-z\d]|one|two|three|four|five)\b"
    r"|\b(?:first|second|third|fourth|fifth|last|former|latter)\s+(?:option|choice)\b",
    re.I,
)
_IS_LETTERS = re.compile(  # "C", "A and B", "only (A), (C)", "options A & B", "A or B only"
    r"(?:(?i:only|both|either|options?|choices?)\s+)*\(?[A-Z]\)?"
    r"(?:(?:\s*[,&/+]\s*|\s+)(?:(?i:and|or)\s+)?\(?[A-Z]\)?)*(?:\s+(?i:only))?\.?"
)
_POINTS_AT_OTHERS = re.compile(
    r"\b(?:above|below|previous|preceding|neither|both|options|choices|"
    r"(?:all|any|both|each|either|none|some|two|three) of (?:these|those|them)|all are)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class OptionOrder:
    """
    Attributes:
        seed: the same seed and record id give the same order, wherever the record stands.
    """

    seed: int

    def apply(self, example: Example) -> Example:
        """The example with its options in another order and the letter of its answer to match.

        Left as it is where the order is part of what is said: a rationale or question that names a letter or a place,
        an option that points at others ("all of the above").
        """
        if not example.options or depends_on_order(example):
            return example
        order = list(range(len(example.options)))
        random.Random(f"{self.seed}/{example.id}").shuffle(order)
        right = order.index(LETTERS.index(example.answer))
        return replace(example, options=tuple(example.options[place] for place in order), answer=LETTERS[right])


def depends_on_order(example: Example) -> bool:
    """Whether a record's own words go by the order of its options; in doubt they do."""
    return any(_names_one(text) for text in (example.rationale or "", example.question)) or any(
        _POINTS_AT_OTHERS.search(option) or _IS_LETTERS.fullmatch(option) for option in example.options
    )


def _names_one(text: str) -> bool:
    if _NAMES_A_LETTER.search(text):
        return True
    return ("ption" in text or "hoice" in text) and _NAMES_A_PLACE.search(text) is not None
