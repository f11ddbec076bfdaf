"""Intervals and tests: that they hold what they promise, on data whose truth is known."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videokr.evaluation.uncertainty import compare_scores, estimate, exact_interval

SIMULATIONS = 2_000


def clustered(rng: np.random.Generator, share: float, videos: int, alike: float) -> tuple[list[float], list[str]]:
    """Scores of questions, 1.9 a video on average, whose videos differ in how hard they are."""
    hard = np.full(videos, share)
    if alike == 1:
        hard = (rng.random(videos) < share).astype(float)
    elif alike:
        strength = (1 - alike) / alike
        hard = rng.beta(share * strength, (1 - share) * strength, videos)
    numbers = np.repeat(np.arange(videos), 1 + rng.poisson(0.9, videos))
    return (rng.random(len(numbers)) < hard[numbers]).astype(float).tolist(), [str(number) for number in numbers]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("alike", [0.0, 0.3, 1.0])
def test_95_of_100_intervals_hold_the_truth(share, alike):
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(SIMULATIONS):
        made = estimate(*clustered(rng, share, 150, alike))
        held += made.low <= share <= made.high
    assert 0.93 <= held / SIMULATIONS <= 0.97


def test_questions_that_are_alike_count_for_less():
    scores, videos = [1.0, 0.0] * 100, [str(number // 2) for number in range(200)]
    alone = estimate(scores, [str(number) for number in range(200)])
    alike = estimate(sorted(scores), videos)
    assert alone.standard_error == pytest.approx(0.5 / 199**0.5)
    assert alike.standard_error == pytest.approx(0.5 / 99**0.5)
    assert alike.high - alike.low > alone.high - alone.low


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from("abcdefg")), min_size=1, max_size=60))
def test_an_interval_is_inside_and_around(questions):
    scores, videos = (list(column) for column in zip(*questions, strict=True))
    made = estimate(scores, videos)
    assert 0 <= made.low <= made.value <= made.high <= 1
    assert made.examples == len(scores) and made.videos == len(set(videos))
    assert made.low < made.high  # nothing is certain


def test_all_right_is_not_certain():
    made = estimate([1.0] * 40, [str(number) for number in range(40)])
    assert made.high == 1 and made.low == pytest.approx(1 / (1 + 1.959964**2 / 40))
    assert estimate([1.0] * 40, ["one"] * 40).low < 0.21  # all of them about one video
    assert estimate([1.0, 0.0], ["one", "one"]).standard_error is None


def test_runs_that_are_alike_are_told_apart_in_5_of_100_trials():
    rng = np.random.default_rng(3)
    apart = held = 0
    for trial in range(300):
        first, videos = clustered(rng, 0.6, 120, 0.3)
        hard = rng.beta(0.6, 0.4, 120)[[int(video) for video in videos]]  # as hard on the whole, on other videos
        made = compare_scores(first, (rng.random(len(videos)) < hard).astype(float).tolist(), videos, seed=trial)
        apart += made.p_value < 0.05
        held += made.low <= 0 <= made.high
    assert 0.02 <= apart / 300 <= 0.08
    assert 0.92 <= held / 300 <= 0.98


def test_so_many_questions_tell_the_difference_in_80_of_100_trials():
    rng = random.Random(5)

    def trial(questions: int, seed: int) -> float:
        pairs = [(float(rng.random() < 0.5), float(rng.random() < 0.6)) for _ in range(questions)]
        first, second = (list(column) for column in zip(*pairs, strict=True))
        made = compare_scores(first, second, [str(number) for number in range(questions)], seed)
        return made.p_value

    needed = 385  # (1.96 + 0.84)^2 * (0.25 + 0.24) / 0.1^2
    found = sum(trial(needed, seed) < 0.05 for seed in range(100)) / 100
    assert 0.72 <= found <= 0.88
    first = [1.0] * 50 + [0.0] * 50
    made = compare_scores(first, [1.0] * 60 + [0.0] * 40, [str(number) for number in range(100)])
    variance = (10 * 0.9**2 + 90 * 0.1**2) / 99
    assert made.examples_needed == pytest.approx(7.849 * variance / 0.1**2, abs=1)


def test_pairs_are_counted():
    made = compare_scores([1, 1, 0, 0], [1, 0, 1, 1], list("aabb"))
    assert (made.value, made.gained, made.lost, made.examples, made.videos) == (0.25, 2, 1, 4, 2)
    same = compare_scores([1, 0], [1, 0], list("ab"))
    assert (same.value, same.p_value, same.examples_needed) == (0, 1.0, None)


@pytest.mark.parametrize(
    ("right", "trials", "low", "high"),  # of scipy 1.18, binomtest(...).proportion_ci(0.95, "exact")
    [
        (3, 100, 0.006229971538, 0.085176052974),
        (17, 800, 0.012426464252, 0.033805853912),
        (0, 10, 0.0, 0.308497107819),
        (5, 5, 0.478176249896, 1.0),
        (500, 1_000_000, 0.000457138449, 0.000545796766),
    ],
)
def test_exact_intervals_are_those_of_scipy(right, trials, low, high):
    assert exact_interval(right, trials) == pytest.approx((low, high), abs=1e-9)


def test_what_cannot_be_estimated_is_refused():
    for call in (
        lambda: estimate([], []),
        lambda: estimate([1.0], []),
        lambda: compare_scores([], [], []),
        lambda: compare_scores([1.0], [1.0, 0.0], ["a"]),
    ):
        with pytest.raises(ValueError, match="scores"):
            call()


def test_a_few_questions_are_not_certain():
    five = compare_scores([0.0] * 5, [1.0] * 5, list("abcde"))
    assert five.p_value == 2 / 2**5 and five.low < 0.5 and five.high == 1 and five.examples_needed == 6
    three = compare_scores([0.0] * 3, [1.0] * 3, list("abc"))
    assert three.p_value == 0.25 and three.low <= 0.2
    assert compare_scores([0.0] * 6, [1.0] * 6, ["one"] * 6).p_value == 1.0  # one video alone
