import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videokr.reward import Reason
from videokr.reward.answer_type import AnswerType
from videokr.reward.interval import overlap
from videokr.reward.typed import read_gold_answer, typed_accuracy

GROUPS = json.loads((Path(__file__).parent / "golden" / "typed_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("group", GROUPS, ids=[f"{group['group']}: {group['gold'][:40]!r}" for group in GROUPS])
def test_golden(group):
    gold = group["gold"]
    expected = (
        [(answer, 1.0, 1.0) for answer in group.get("right", [])]
        + [(answer, 0.0, 0.0) for answer in group.get("wrong", [])]
        + [tuple(case) for case in group.get("partial", [])]
    )
    wrong = [
        (answer, accuracy, str(reason))
        for answer, low, high in expected
        for accuracy, reason in [typed_accuracy(gold, answer)]
        if not low - 1e-6 <= accuracy <= high + 1e-6
    ]
    assert expected
    assert not wrong


def test_the_golden_table_is_as_large_as_it_should_be():
    assert sum(len(group.get(name, [])) for group in GROUPS for name in ("right", "wrong", "partial")) >= 3_000
    assert {read_gold_answer(group["gold"]).type for group in GROUPS} == set(AnswerType)


@pytest.mark.parametrize(
    ("gold", "answer", "reason"),
    [
        ("5 m/s", "-5 m/s", Reason.WRONG_SIGN),
        ("5 m/s", "5 km/s", Reason.WRONG_UNIT),
        ("5 m/s", "6 m/s", Reason.WRONG_NUMBER),
        ("5 m/s", "fast", Reason.NOT_A_NUMBER),
        ("5", "5 or 6", Reason.SEVERAL_NUMBERS),
        ("5", "not 5", Reason.OPPOSITE),
        ("yes", "yes, no", Reason.OPPOSITE),
        ("10-20 s", "when it falls", Reason.NOT_A_NUMBER),
        ("10-20 s", "10-15 s", Reason.PARTIAL),
        ("10-20 s", "30-40 s", Reason.WRONG_NUMBER),
        ("mitosis", "meiosis", Reason.WRONG),
        (
            "the gas in the jar expands when it is heated",
            "the gas in the jar contracts when it is heated",
            Reason.OPPOSITE,
        ),
        ("mitosis", "x" * 2_000, Reason.TOO_LONG),
    ],
)
def test_reasons(gold, answer, reason):
    assert typed_accuracy(gold, answer)[1] is reason


@pytest.mark.parametrize("wrong", ["-5", "6", "volume decreases", "pressure does not increase", "no"])
def test_a_flip_earns_no_more_than_a_wrong_answer(wrong):
    for gold in ("5", "pressure increases", "yes"):
        assert typed_accuracy(gold, wrong)[0] <= typed_accuracy(gold, "banana")[0]


def test_the_tolerance_is_the_callers():
    assert typed_accuracy("9.81", "9.9", 0.02)[0] == 1.0
    assert typed_accuracy("9.81", "9.9", 0.001)[0] == 0.0
    assert typed_accuracy("1990", "1991", 0.5)[0] == 0.0  # two whole numbers are counts


texts = st.one_of(st.text(max_size=60), st.sampled_from([group["gold"] for group in GROUPS]))


@given(gold=texts.filter(str.strip), answer=texts)
def test_accuracy_stays_between_0_and_1_and_gold_is_right(gold, answer):
    assert 0.0 <= typed_accuracy(gold, answer)[0] <= 1.0
    assert typed_accuracy(gold, gold)[0] == 1.0
    assert typed_accuracy(gold, f"  {gold}\n")[0] == 1.0


@given(
    gold=st.from_regex(r"[a-z]{2,9}( [a-z]{2,9}){0,7}", fullmatch=True),
    answer=texts,
    pad=st.sampled_from([" ", "\n", "\t "]),
)
def test_case_and_white_space_on_both_sides_change_nothing(gold, answer, pad):
    answer = answer.lower()
    value = typed_accuracy(gold, answer)[0]
    assert typed_accuracy(f"{pad}{gold.replace(' ', pad)}{pad}", f"{pad}{answer}{pad}")[0] == value
    if answer.isascii():
        assert typed_accuracy(gold.upper(), answer.upper())[0] == value


@given(
    value=st.floats(-1e9, 1e9, allow_nan=False), unit=st.sampled_from(["", "m", "km/h", "kg", "°C", "%", "m/s^2", "J"])
)
def test_a_number_is_itself_and_not_its_opposite(value, unit):
    written = f"{value:.6g} {unit}".strip()
    assert typed_accuracy(written, f"it is {written}")[0] == 1.0
    if float(f"{value:.6g}"):
        flipped = f"{-value:.6g} {unit}".strip()
        assert typed_accuracy(written, flipped)[0] == 0.0


spans = st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1000)), min_size=1, max_size=4)


@given(one=spans, other=spans)
def test_overlap_is_symmetric_and_bounded(one, other):
    assert 0.0 <= overlap(one, other) <= 1.0 + 1e-12
    assert overlap(one, other) == pytest.approx(overlap(other, one))
