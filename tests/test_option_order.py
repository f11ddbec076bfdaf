"""`prepare --shuffle-options`: options move, but where a record's own words go by their order."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.prepare.option_order import OptionOrder
from videokr.example import Example, Kind
from videokr.options import LETTERS

GOLDEN = json.loads((Path(__file__).parent / "golden" / "option_order_cases.json").read_text(encoding="utf-8"))
OPTIONS = ("red", "blue", "green", "a yellow one")


def question(**fields: object) -> Example:
    own = {"question": "Which colour is the ball?", "options": OPTIONS, "rationale": None} | fields
    return Example("1", kind=Kind.MULTIPLE_CHOICE, answer="B", videos=("a.mp4",), **own)  # type: ignore[arg-type]


def stays(example: Example) -> bool:
    """Whether its options stand in the same order by whatever seed."""
    return {OptionOrder(seed).apply(example).options for seed in range(20)} == {example.options}


@st.composite
def questions(draw: st.DrawFn) -> Example:
    options = draw(st.lists(st.text("mnpqrs-é ", min_size=2), min_size=2, max_size=10))
    answer = draw(st.sampled_from(LETTERS[: len(options)]))
    rationale = draw(st.sampled_from([None, "I see a ball. A ball moves."]))
    kind = Kind.MULTIPLE_CHOICE
    return Example(draw(st.text(max_size=4)), "What moves?", tuple(options), kind, answer, rationale, ("a.mp4",))


def right_text(example: Example) -> str:
    return example.options[LETTERS.index(example.answer)]


@given(questions(), st.integers())
def test_what_is_right_stays_right_in_any_order(example, seed):
    ordered = OptionOrder(seed).apply(example)
    assert Counter(ordered.options) == Counter(example.options) and right_text(ordered) == right_text(example)
    assert replace(ordered, options=example.options, answer=example.answer) == example
    assert OptionOrder(seed).apply(example) == ordered


@given(st.lists(questions(), max_size=8), st.integers(), st.randoms())
def test_a_records_order_is_its_own(examples, seed, chance):
    order = OptionOrder(seed)
    alone = [OptionOrder(seed).apply(example) for example in examples]
    places = list(range(len(examples)))
    chance.shuffle(places)
    for place in places:
        assert order.apply(examples[place]) == alone[place]


def test_letters_become_even():
    """All answers are A; bounds are five standard deviations."""
    example = Example("", "What moves?", ("cat", "dog", "bird", "fox"), Kind.MULTIPLE_CHOICE, "A", None, ("a.mp4",))
    ordered = [OptionOrder(0).apply(replace(example, id=str(number))) for number in range(4800)]
    letters, orders = Counter(e.answer for e in ordered), Counter(e.options for e in ordered)
    assert len(letters) == 4 and all(abs(count - 1200) < 150 for count in letters.values())
    assert len(orders) == 24 and all(abs(count - 200) < 70 for count in orders.values())
    others = [OptionOrder(1).apply(replace(example, id=str(number))) for number in range(4800)]
    assert abs(sum(a == b for a, b in zip(ordered, others, strict=True)) - 200) < 70


@pytest.mark.parametrize("words", [*GOLDEN["letters"], *GOLDEN["places"], *GOLDEN["other scripts"]])
def test_options_stay_where_words_go_by_their_order(words):
    assert stays(question(rationale=words))
    assert stays(question(question=words))
    assert stays(question(rationale=f"The ball rolls. {words}"))


@pytest.mark.parametrize("option", GOLDEN["options that point"])
def test_options_stay_where_one_points_at_others(option):
    assert stays(question(options=("to the left", "to the right", "up", option)))


def test_ordinary_narration_holds_nothing_up():
    held = [text for text in GOLDEN["narration"] if stays(question(rationale=text))]
    assert not held
    assert not stays(question(rationale=" ".join(text for text in GOLDEN["narration"] if text.isascii())))


@pytest.mark.parametrize("options", GOLDEN["plain options"], ids=str)
def test_plain_options_move(options):
    assert not stays(question(options=tuple(options)))


def test_words_that_only_look_like_letters_hold_nothing_up():
    words = "A ball moves. I see it, and I am sure.\nA wall stands behind it"
    assert not stays(question(question="What is a ball?", rationale=words, options=("a ball", "vitamin C", "x")))
