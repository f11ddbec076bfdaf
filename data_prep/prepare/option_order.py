"""Options in another order, drawn anew for each record, so that no letter is right too often."""

import random
import re
from dataclasses import dataclass, replace

from videokr.example import Example
from videokr.options import LETTERS

# "(B)", "option B", "B.", "A and C"; not the article, and not the pronoun.
_NAMES_A_LETTER = re.compile(
    r"\([A-Za-z]\)|\b(?:option|choice|answer)s?:?\s+(?:is\s+)?[A-Z]\b|\b[B-HJ-Z]\b|\bA(?=[.):,]|\s+(?:and|or|is)\b)"
)
_POINTS_AT_OTHERS = re.compile(r"\b(?:above|below|previous|preceding|neither|both|all of these|none of these)\b", re.I)


@dataclass(frozen=True, slots=True)
class OptionOrder:
    """
    Attributes:
        seed: the same seed and record id give the same order, wherever the record stands.
    """

    seed: int

    def apply(self, example: Example) -> Example:
        """The example with its options in another order and the letter of its answer to match.

        Left as it is where the order is part of what is said: a rationale or question that names a letter, an option
        that points at others ("all of the above").
        """
        if not example.options or depends_on_order(example):
            return example
        order = list(range(len(example.options)))
        random.Random(f"{self.seed}/{example.id}").shuffle(order)
        right = order.index(LETTERS.index(example.answer))
        return replace(example, options=tuple(example.options[place] for place in order), answer=LETTERS[right])


def depends_on_order(example: Example) -> bool:
    """Whether a record's own words go by the order of its options."""
    named = (_NAMES_A_LETTER.search(text) for text in (example.rationale or "", example.question))
    return any(named) or any(
        _POINTS_AT_OTHERS.search(option) or _NAMES_A_LETTER.fullmatch(option.strip()) for option in example.options
    )
