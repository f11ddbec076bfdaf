import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from checkout import GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from videokr.reward import Reason
from videokr.typed.accuracy import MAX_TEXT, typed_accuracy

GROUPS = json.loads((GOLDEN / "typed_cases.json").read_text(encoding="utf-8"))
TOLERANCE = 0.01
LONGEST_SECONDS = 0.5  # of CPU, for one answer


def accuracy(gold, answer, tolerance=TOLERANCE):
    return typed_accuracy(gold, answer, tolerance)[0]


@pytest.mark.parametrize("group", GROUPS, ids=[f"{group['group']}: {group['gold'][:40]!r}" for group in GROUPS])
def test_typed_accuracy_of_a_golden_case_is_a_readers_or_undecided(group):
    """`undecided`: right to a reader, in words that the rules do not know; not paid, and left to a judge."""
    gold = group["gold"]
    expected = (
        [(answer, 1.0, 1.0) for answer in group.get("right", [])]
        + [(answer, 0.0, 0.0) for answer in group.get("wrong", [])]
        + [tuple(case) for case in group.get("partial", [])]
    )
    found = [(answer, accuracy(gold, answer), low, high) for answer, low, high in expected]
    assert [case for case in found if not case[2] - 1e-6 <= case[1] <= case[3] + 1e-6] == []
    undecided = {answer: typed_accuracy(gold, answer, TOLERANCE) for answer in group.get("undecided", [])}
    assert {answer: verdict for answer, verdict in undecided.items() if verdict != (0.0, Reason.WRONG)} == {}


def test_typed_accuracy_of_a_golden_answer_against_itself_is_1():
    assert [group["gold"] for group in GROUPS if accuracy(group["gold"], f" {group['gold']}\n") != 1.0] == []


# As math-verify's own tests judge them (tests/test_all.py, test_strict.py, test_numina_cases.py), for plain answers.
@pytest.mark.parametrize(
    ("gold", "answer", "is_right"),
    [
        ("7425000", "7,425,000", True),
        ("1000.0", "1,000.0", True),
        ("0.4", ".4", True),
        ("1000.99", "$1,000.99", True),
        (r"$\frac{1}{3}$", r"$1/3$", True),
        ("$1/3$", r"$\dfrac{1}{3} $", True),
        ("$1/3$", r"$\cfrac{1}{3} $", True),
        (r"$\sqrt{3}$", r"$\sqrt3 $", True),
        (r"$\frac{9}{4}\pi$", r"$\frac94\pi$", True),
        ("$x = 11$", "$11$", True),
        ("$x \\leq 2$", "$x <= 2$", True),
        ("$2x + 4y = 8$", "$x + 2y = 4$", True),
        ("$(x+1)^2$", "$x^2 + 2x + 1$", True),
        ("$3x+4y+14=0$", "$0$", False),
        ("$0$", "$3x+4y+14=0$", False),
        ("$a +3z = 0$", "$0$", False),
        ("$2x + z = 1$", "$1$", False),
        ("$5$", "$6 = 5$", False),
        ("$x + 1$", "$y + 1$", False),
        ("$x = 1$", "$y = 1$", False),
        ("$(0,9)$", "$[0,9)$", False),
        ("$[0,9)$", "$[0,1)$", False),
        ("$[1,2]$", "$(1,2)$", False),
        ("$e^{2x}$", "$e^2x$", False),
        (r"$1 - \frac{1}{e}$", r"$1 + \frac{1}{e}$", False),
        ("$x < 3$", "$x > 3$", False),
        ("$2T - t$", "$T$", False),
    ],
)
def test_typed_accuracy_of_a_formula_is_that_of_its_value(gold, answer, is_right):
    assert accuracy(gold, answer) == float(is_right)


@pytest.mark.parametrize(
    ("gold", "answer", "reason"),
    [
        ("5 m/s", "5 m/s", Reason.RIGHT),
        ("5 m/s", "-5 m/s", Reason.WRONG_NUMBER),
        ("5 m/s", "5 km/s", Reason.WRONG_UNIT),
        ("5 m/s", "5 kg", Reason.WRONG_UNIT),
        ("5 m/s", "fast", Reason.WRONG),
        ("5", "5 or 6", Reason.WRONG),
        ("10-20 s", "10-15 s", Reason.PARTIAL),
        ("10-20 s", "30-40 s", Reason.WRONG_NUMBER),
        ("mitosis", "meiosis", Reason.WRONG),
        ("mitosis", "x" * (MAX_TEXT + 1), Reason.TOO_LONG),
    ],
)
def test_typed_accuracy_says_why(gold, answer, reason):
    assert typed_accuracy(gold, answer, TOLERANCE)[1] is reason


def test_tolerance_is_the_callers_and_not_for_what_is_counted():
    assert accuracy("9.81", "9.9", 0.02) == 1.0 and accuracy("9.81", "9.9", 0.001) == 0.0
    assert accuracy("1990", "1991", 0.5) == 0.0


HOSTILE = [
    "9**9**9", "9^9^9^9", "e^{e^{e^9}}", "(((9^99)^99)^99)", "9" * 10_000, "-" + "9" * 4_000, "1e99", "5e999", "1/0",
    "0^{-1}", "x^" * 30 + "x", "x^{x^{x^{x}}}", r"\frac{1}{" * 500 + "2" + "}" * 500, r"\sqrt{" * 12 + "2" + "}" * 12,
    "(" * 4_000, "{" * 64, "$" * 4_000, r"\text{" * 680, r"\boxed{" * 500, "*" * 4_096, "a " * 2_000, "1-" * 60,
    "[[1,2]," * 18, "-" * 63 + "x", r"\sin" * 12 + " x", r"\int_0^1 x", r"\sum_{i=1}^{10^9} i", r"\ln(-1)", "i^i",
    "5 m^9/s^9*kg^9", "5 kcelsius",
    "5 Qm^9 Qm^9 Qm^9", "5 " + "m" * 100, "\ufdfa" * 4_000, "\u00b2" * 4_000, "\x00" * 99, "\ud800", "answer: " * 500,
]  # fmt: skip


@pytest.fixture(scope="module")
def loaded():
    """What a process loads once: pint and sympy, and the tables that the parser fills."""
    assert accuracy("5 m", "500 cm") == accuracy("x + 1", "1 + x") == 1.0


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_bounded_in_time_and_earns_nothing(text, loaded):
    for gold in ("5 m/s", "hydrogen", "12-20 s", "x^2 + 3x = 4", r"\frac{\pi}{2}", "F = ma"):
        start = time.process_time()
        assert accuracy(gold, text) == 0.0
        accuracy(text, gold)
        assert time.process_time() - start < LONGEST_SECONDS


@pytest.mark.parametrize(
    "said", ["__import__('os').system('touch {}')", "open('{}','w')", r"\operatorname{{open}}('{}','w')"]
)
def test_an_answer_is_never_evaluated(said, tmp_path):
    mark = tmp_path / "mark"
    for gold in ("5", "x + 1", "5 m"):
        assert accuracy(gold, said.format(mark)) == accuracy(gold, f"${said.format(mark)}$") == 0.0
    assert not mark.exists()


def test_threads_get_the_same_verdicts_and_no_signal_is_set(loaded):
    """verl's reward workers score in threads, where math-verify's own time limits raise."""
    before = signal.getsignal(signal.SIGALRM)
    cases = [("x^2 - 1", f"(x-1)(x+1)+{n % 2}-{n % 3 % 2}") for n in range(60)] + [
        ("5 m", f"{n}00 cm") for n in range(9)
    ]
    alone = [accuracy(*case) for case in cases]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda case: accuracy(*case), cases)) == alone
    assert 0.0 < sum(alone) < len(alone)
    assert signal.getsignal(signal.SIGALRM) is before


texts = st.one_of(
    st.text(max_size=60), st.text("x2+-*/^=()<> \\{}.,5eπ√", max_size=30), st.sampled_from([g["gold"] for g in GROUPS])
)


@given(gold=texts.filter(str.strip), answer=texts)
def test_accuracy_stays_between_0_and_1_and_gold_earns_1(gold, answer):
    assert 0.0 <= accuracy(gold, answer) <= 1.0
    assert accuracy(gold, f"  {gold}\n") == 1.0


@given(one=texts.filter(str.strip), other=texts.filter(str.strip))
def test_equal_texts_are_equal_both_ways(one, other):
    if "because" not in one + other and not {"[", "°", "K"}.intersection(one + other):  # of gold alone, or a zero moved
        assert (accuracy(one, other) == 1.0) == (accuracy(other, one) == 1.0)


@given(
    value=st.floats(-1e9, 1e9, allow_nan=False), unit=st.sampled_from(["", "m", "km/h", "kg", "°C", "%", "m/s^2", "J"])
)
def test_a_number_is_itself_and_not_with_the_other_sign(value, unit):
    written = f"{value:.6g} {unit}".strip()
    assert accuracy(written, f"the answer is {written}") == 1.0
    if float(f"{value:.6g}"):
        assert accuracy(written, f"{-value:.6g} {unit}".strip()) == 0.0
