import json
import time

import pytest
from checkout import GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from videokr.options import LETTERS, read_option_letter, split_label

GROUPS = json.loads((GOLDEN / "option_cases.json").read_text(encoding="utf-8"))
CASES = [
    pytest.param(text, group["options"], None if letter == "none" else letter, id=f"{group['group']}-{text!r}")
    for group in GROUPS
    for letter, texts in group["letters"].items()
    for text in texts
]


@pytest.mark.parametrize(("text", "options", "letter"), CASES)
def test_golden(text, options, letter):
    assert read_option_letter(text, options) == letter


plain = st.from_regex(r"[a-z]{2,8}( [a-z]{2,8}){0,3}", fullmatch=True)


@given(options=st.lists(plain, min_size=2, max_size=8, unique=True), data=st.data())
def test_every_spelling_of_a_letter_names_it(options, data):
    index = data.draw(st.integers(0, len(options) - 1))
    letter, text = LETTERS[index], options[index]
    forms = ("{0}", "({0})", "{0}.", "{0}. {1}", "({0}) {1}", "Answer: {0}")
    spelling = data.draw(st.sampled_from(forms)).format(letter, text)
    for variant in (spelling, spelling.lower(), spelling.upper(), f"  {spelling}\n", f"**{spelling}**"):
        assert read_option_letter(variant, options) == letter


@given(text=st.text(), options=st.one_of(st.none(), st.integers(0, 26), st.lists(st.text(), max_size=26)))
def test_no_text_breaks_the_reader(text, options):
    letter = read_option_letter(text, options)
    count = options if isinstance(options, int) else 26 if options is None else len(options)
    assert letter is None or letter in LETTERS[:count]


@given(text=st.text(alphabet="ABCabc ,.()and\n", max_size=30))
def test_case_and_white_space_around_change_nothing(text):
    assert read_option_letter(f" {text}\n", 4) == read_option_letter(text, 4)


@pytest.mark.parametrize("unit", ["(", "A. ", "and ", ", ", "\n", "answer ", "A.\n,", "x"])
def test_long_answers_cost_nothing(unit):
    for size in (10_000, 1_000_000):
        text = "A. x" + unit * (size // len(unit) - 4) + "y"
        start = time.process_time()
        read_option_letter(text, ["x", "y"])
        assert time.process_time() - start < 0.05


def test_split_label():
    assert split_label("(b) Hydrogen") == ("B", "Hydrogen")
    assert split_label("Hydrogen") == (None, "Hydrogen")


@pytest.mark.parametrize("text", ["B. False", "B. To explain the theory", "B. Through osmosis", "B. Possibly later"])
def test_a_text_behind_a_letter_may_begin_with_any_word(text):
    """Of options that are not known, and of those that are, with a slip in the text."""
    assert read_option_letter(text, None) == "B" == read_option_letter(text[:-1], ["x y", text[3:], "z"])
