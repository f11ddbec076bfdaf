"""Options in another order, drawn anew for each record, so that no letter is right too often."""

import random
from dataclasses import dataclass, replace

from data_prep.prepare.order_words import depends_on_order
from videokr.example import Example
from videokr.options import LETTERS


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
