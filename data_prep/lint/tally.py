"""What is counted of a file; tallies of its pieces add up to that of the whole."""

from collections import Counter
from dataclasses import dataclass, field, fields

from data_prep.lint import rationales, tags
from data_prep.lint.choices import points_at_others
from data_prep.lint.row import Row
from videokr.example import Example, Kind
from videokr.fields import ANSWER_FIELDS, RATIONALE_FIELDS
from videokr.options import LETTERS, read_option_letter
from videokr.response import bare_answer

AS_LETTER, AS_TEXT = "as a letter", "as the option's text"


@dataclass(slots=True)
class Tally:
    """
    Attributes:
        records: `readable` and `unreadable` ones.
        unreadable: by field and reason.
        kinds: of the readable ones, by Kind.
        options: questions with so many options.
        letters: (number of options, right letter).
        longest: (number of options, how many of them are the longest, 1 if the right one is among these).
        above: (number of options, 1 if it is right) of options such as "all of the above".
        rationales: `given`, and `ended` of these, if with the end of a sentence.
        think, solution: with tags or without, of rows that have the field.
        named: answers of multiple choice, as a letter or as the option's text.
        lengths: see `data_prep.lint.lengths`.
        groups: rows that have a value in a field of `GROUP_FIELDS`.
    """

    records: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    options: Counter[int] = field(default_factory=Counter)
    letters: Counter[tuple[int, str]] = field(default_factory=Counter)
    longest: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    above: Counter[tuple[int, int]] = field(default_factory=Counter)
    rationales: Counter[str] = field(default_factory=Counter)
    think: Counter[str] = field(default_factory=Counter)
    solution: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    lengths: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        for one in fields(self):
            getattr(self, one.name).update(getattr(other, one.name))

    def count(self, row: Row) -> None:
        """Counts one more row."""
        self.think[str(tags.form(row, RATIONALE_FIELDS, "think"))] += 1
        self.solution[str(tags.form(row, ANSWER_FIELDS, "answer"))] += 1
        example = row.example
        if example is None:
            self.records["unreadable"] += 1
            if row.error:
                self.unreadable[f"{row.error.field}: {row.error.reason}"] += 1
            return
        self.records["readable"] += 1
        self.kinds[example.kind.value] += 1
        if example.rationale:
            self.rationales["given"] += 1
            self.rationales["ended"] += rationales.ends_well(example.rationale)
        for name in example.groups:
            self.groups[name] += 1
        if example.kind is Kind.MULTIPLE_CHOICE:
            self._count_choice(row, example)

    def _count_choice(self, row: Row, example: Example) -> None:
        count, right = len(example.options), LETTERS.index(example.answer)
        self.options[count] += 1
        self.letters[count, example.answer] += 1
        lengths = [len(option) for option in example.options]
        most = max(lengths)
        self.longest[count, lengths.count(most), int(lengths[right] == most)] += 1
        for number, option in enumerate(example.options):
            if points_at_others(option):
                self.above[count, int(number == right)] += 1
        raw = next(
            (text for name in ANSWER_FIELDS if isinstance(text := row.record.get(name), str) and text.strip()), ""
        )
        answer = bare_answer(raw) or ""
        is_text = len(answer) > 1 and read_option_letter(answer, example.options) is None
        self.named[AS_TEXT if is_text else AS_LETTER] += 1
