import pytest
from hypothesis import given
from hypothesis import strategies as st

from verl_plugin.reward import compute_score
from videokr.errors import RecordError, UserError
from videokr.response import Kind, build_response
from videokr.reward import Accuracy, Reason, score_response
from videokr.rouge import MAX_TEXT_CHARACTERS

OPTIONS = ("Oxygen", "Hydrogen", "Carbon")
BOTH = pytest.mark.parametrize("accuracy", list(Accuracy))


@BOTH
@pytest.mark.parametrize(
    ("response", "score", "reason"),
    [
        ("<think>r</think><answer>B</answer>", 1.0, Reason.RIGHT),
        ("<think>r</think>\n<answer>(b)</answer>\n", 1.0, Reason.RIGHT),
        ("<think>r</think><answer>B. Hydrogen</answer>", 1.0, Reason.RIGHT),
        ("<answer>B</answer>", 0.9, Reason.RIGHT),
        ("<think>A? <answer>A</answer></think><answer>B</answer>", 0.9, Reason.RIGHT),
        ("<think>r</think><answer>A</answer><answer>B</answer>", 0.9, Reason.RIGHT),
        ("<think>r</think><answer>A</answer>", 0.1, Reason.WRONG),
        ("<think>r</think><answer>B, C</answer>", 0.1, Reason.NO_LETTER),
        ("<think>r</think><answer>D</answer>", 0.1, Reason.NOT_AN_OPTION),
        ("<think>r</think><answer>B <|video_pad|></answer>", 0.1, Reason.SPECIAL_TOKEN),
        ("<think>B</think><answer></answer>", 0.0, Reason.EMPTY_ANSWER),
        ("<think>B</think><answer>B", 0.0, Reason.CUT_OFF),
        ("<think>it is B, because", 0.0, Reason.CUT_OFF),
        ("<think>B</think> B", 0.0, Reason.NO_ANSWER),
        ("B", 0.0, Reason.NO_ANSWER),
        ("", 0.0, Reason.NO_ANSWER),
    ],
)
def test_multiple_choice(response, score, reason, accuracy):
    reward = score_response(response, "B", Kind.MULTIPLE_CHOICE, OPTIONS, accuracy)
    assert reward.score == pytest.approx(score, abs=1e-12)
    assert reward.reason is reason
    assert reward.answered is (reason in (Reason.RIGHT, Reason.WRONG))


@BOTH
def test_the_whole_text_of_an_option_names_it(accuracy):
    """As in evaluation; no part of it does, nor the text of two."""
    for said, right in (("hydrogen", 1.0), ("hydrogen or oxygen", 0.0), ("hydro", 0.0)):
        reward = score_response(build_response("r", said), "B", Kind.MULTIPLE_CHOICE, OPTIONS, accuracy)
        assert (reward.accuracy, reward.reason) == (right, Reason.RIGHT if right else Reason.NO_LETTER)


# The IoU with 10-20 by hand, and clip((IoU - 0.2) / 0.6, 0, 1) of it.
@BOTH
@pytest.mark.parametrize(
    ("said", "value", "reason"),
    [
        ("10-20", 1.0, Reason.RIGHT),
        ("from 0:10 to 0:18", 1.0, Reason.RIGHT),  # 8 / 10
        ("[10, 15]", 0.5, Reason.PARTIAL),  # 5 / 10
        ('{"time": [10.0, 15.0]}', 0.5, Reason.PARTIAL),
        ("10-12, 12-15", 0.5, Reason.PARTIAL),
        ("10-12", 0.0, Reason.WRONG),  # 2 / 10
        ("20-10", 0.0, Reason.WRONG),
        ("30-40", 0.0, Reason.WRONG),
        ("in the middle", 0.0, Reason.NO_SPAN),
        ("15 s", 0.0, Reason.NO_SPAN),
        ("", 0.0, Reason.EMPTY_ANSWER),
    ],
)
def test_grounding(said, value, reason, accuracy):
    reward = score_response(build_response("r", said), "10-20", Kind.GROUNDING, accuracy=accuracy)
    assert (reward.accuracy, reward.reason) == (pytest.approx(value), reason)
    assert reward.answered is (reason in (Reason.RIGHT, Reason.PARTIAL, Reason.WRONG))
    assert compute_score("videokr", build_response("r", said), "<answer>10-20</answer>", {"problem_type": "tvg"})[
        "acc"
    ] == pytest.approx(value)
    with pytest.raises(ValueError, match="names no span"):
        score_response(build_response("r", said), "never", Kind.GROUNDING, accuracy=accuracy)


# What the published reward makes of these: README, "Reward".
@pytest.mark.parametrize(
    ("gold", "answer", "paper", "typed"),
    [
        ("hydrogen", "Hydrogen", 2 / 3, 1.0),
        ("Μιτοχόνδριο", "Μιτοχόνδριο", 0.0, 1.0),
        ("光合作用", "光合作用", 0.0, 1.0),
        ("→", "→", 0.0, 1.0),
        ("5", "-5", 2 / 3, 0.0),
        ("pressure decreases", "pressure increases", 1 / 3, 0.0),
        ("hydrogen gas rises", "hydrogen gas rises", 1.0, 1.0),
        ("50%", "0.5", 0.0, 1.0),
    ],
)
def test_open_ended(gold, answer, paper, typed):
    response = build_response("r", answer)
    for accuracy, value in ((Accuracy.PAPER, paper), (Accuracy.TYPED, typed)):
        reward = score_response(response, gold, Kind.OPEN_ENDED, accuracy=accuracy)
        assert reward.accuracy == pytest.approx(value, abs=1e-12)
        assert reward.format == 1.0
        assert reward.score == pytest.approx(0.1 + 0.9 * value, abs=1e-12)


@BOTH
@pytest.mark.parametrize(
    ("response", "format_reward"),
    [
        ("<think>r</think><answer>gas</answer>", 1.0),
        (" \n<think>\nr\n</think>\n\n<answer> gas </answer>\n", 1.0),
        ("<answer>gas</answer>", 0.0),
        ("<think></think><answer>gas</answer>", 0.0),
        ("<think>r</think><answer> </answer>", 0.0),
        ("<think>r</think><think>r</think><answer>gas</answer>", 0.0),
        ("<think>r</think><answer>gas</answer><answer>gas</answer>", 0.0),
        ("<answer>gas</answer><think>r</think>", 0.0),
        ("<think>r</think><answer>gas</answer> done", 0.0),
    ],
)
def test_format(response, format_reward, accuracy):
    assert score_response(response, "gas", Kind.OPEN_ENDED, accuracy=accuracy).format == format_reward


@pytest.mark.parametrize(
    ("said", "asked", "opened"),
    [  # the format, where the prompt leaves the thinking to the response, and where it has opened it
        ("<think>r</think>\n<answer>B</answer>", 1.0, 0.0),
        ("r\n</think>\n\n<answer>B</answer>", 0.0, 1.0),
        ("\n</think>\n\n<answer>B</answer>", 0.0, 0.0),
        ("<answer>B</answer>", 0.0, 0.0),
    ],
)
def test_the_format_knows_whether_the_prompt_opened_the_thinking(said, asked, opened):
    row = {"problem_type": "multiple choice", "options": list(OPTIONS)}
    for opening, form in (("", asked), ("<think>\n", opened)):
        scored = compute_score("videokr", said, "<answer>B</answer>", row | {"opening": opening})
        assert (scored["format"], scored["acc"]) == (form, 1.0)


def test_a_thought_of_an_answer_is_none_when_the_thinking_was_cut_off():
    row = {"problem_type": "multiple choice", "options": list(OPTIONS), "opening": "<think>\n"}
    scored = compute_score("videokr", "Is it <answer>B</answer>? Let me see", "<answer>B</answer>", row)
    assert (scored["score"], scored["answered"], scored["reason"]) == (0.0, False, "cut_off")


@BOTH
@given(response=st.text(), gold=st.text(min_size=1).filter(str.strip))
def test_rewards_stay_between_0_and_1(response, gold, accuracy):
    for text in (response, build_response(response, gold), build_response("r", response)):
        reward = score_response(text, gold, Kind.OPEN_ENDED, accuracy=accuracy)
        assert 0.0 <= reward.score <= 1.0
        assert 0.0 <= score_response(text, "B", Kind.MULTIPLE_CHOICE, OPTIONS, accuracy).score <= 1.0


@BOTH
@given(answer=st.text(alphabet="abcdef gh", min_size=1).filter(str.strip))
def test_case_and_white_space_change_nothing(answer, accuracy):
    gold = "abc def"
    score = score_response(build_response("r", answer), gold, Kind.OPEN_ENDED, accuracy=accuracy).score
    changed = build_response(" r\n", f"\n{answer.upper()}  ")
    assert score_response(changed, gold.upper(), Kind.OPEN_ENDED, accuracy=accuracy).score == score


@BOTH
@pytest.mark.parametrize("gold", ["", " ", "E", "A, B", "Helium"])
def test_a_gold_that_names_no_option_is_an_error(gold, accuracy):
    with pytest.raises(ValueError, match="gold answer"):
        score_response("<answer>A</answer>", gold, Kind.MULTIPLE_CHOICE, OPTIONS, accuracy)


@BOTH
def test_an_empty_open_gold_is_an_error(accuracy):
    with pytest.raises(ValueError, match="empty"):
        score_response("<answer></answer>", " ", Kind.OPEN_ENDED, accuracy=accuracy)


@BOTH
def test_an_endless_answer_is_too_long(accuracy):
    reward = score_response(
        build_response("r", "gas " * MAX_TEXT_CHARACTERS), "gas", Kind.OPEN_ENDED, accuracy=accuracy
    )
    assert (reward.accuracy, reward.reason, reward.answered) == (0.0, Reason.TOO_LONG, True)


def test_every_sample_has_the_same_keys():
    mcq = {"problem_type": "multiple choice", "options": list(OPTIONS)}
    open_ended = {"problem_type": "open-ended", "options": []}
    scored = [
        compute_score("videokr", "<think>r</think><answer>B</answer>", "<answer>B</answer>", mcq),
        compute_score("videokr", "", "<answer>B</answer>", mcq),
        compute_score("videokr", "<answer>gas</answer>", "gas", open_ended, accuracy="typed", tolerance=0.1),
        compute_score("videokr", "<answer>a gas</answer>", "gas", open_ended),
    ]
    assert {tuple(result) for result in scored} == {("score", "acc", "format", "answered", "reason")}
    assert [result["reason"] for result in scored] == ["right", "no_answer", "right", "partial"]
    assert [result["answered"] for result in scored] == [True, False, True, True]
    assert all(result["score"] == pytest.approx(0.1 * result["format"] + 0.9 * result["acc"]) for result in scored)


def test_faults_are_raised_not_scored():
    with pytest.raises(UserError, match="paper or typed"):
        compute_score("videokr", "", "gas", {"problem_type": "open-ended"}, accuracy="strict")
    with pytest.raises(RecordError, match="unknown kind"):
        compute_score("videokr", "", "gas", {})
    with pytest.raises(ValueError, match="empty"):
        compute_score("videokr", "<answer></answer>", "", {"problem_type": "open-ended"})
    with pytest.raises(TypeError, match="acuracy"):
        compute_score("videokr", "", "gas", {"problem_type": "open-ended"}, acuracy="typed")
