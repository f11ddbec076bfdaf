"""Spans of time: what a text names, and exact overlaps, held against counting by the tenth of a second."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videokr.spans import grounding_accuracy, iou, read_spans, spans_in, write_spans


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("24.30-30.42", [(24.3, 30.42)]),
        ("24.30 - 30.42 seconds", [(24.3, 30.42)]),
        ("from 1:02 to 1:10", [(62.0, 70.0)]),
        ("0:01:02.5–1:00:10", [(62.5, 3610.0)]),  # noqa: RUF001
        ("The given query happens in 24.3 - 30.4 seconds.", [(24.3, 30.4)]),
        ("between 3 and 5 s", [(3.0, 5.0)]),
        ("[[3, 5], [8.5, 9]]", [(3.0, 5.0), (8.5, 9.0)]),
        ("3-5 and 8-9", [(3.0, 5.0), (8.0, 9.0)]),
        ("5s ~ 9.5s, 20s~30s", [(5.0, 9.5), (20.0, 30.0)]),
        ("<12.0 seconds> to <14.5 seconds>", [(12.0, 14.5)]),
        ('{"start_time": 3, "end_time": 9}', [(3.0, 9.0)]),
        ("the 2 dogs run from 3 to 5", [(3.0, 5.0)]),
        ("10 to 5", [(10.0, 5.0)]),
        ("7-7", [(7.0, 7.0)]),
        ("-5 - 10", []),
        ("at 12 s", []),
        ("from 3 seconds to the end", []),
        ("never", []),
        ("", []),
    ],
)
def test_a_text_names_the_spans_that_a_human_reads(text, spans):
    assert list(read_spans(text)) == spans


@pytest.mark.parametrize(
    ("one", "gold", "exact"),
    [
        ([(0, 10)], [(0, 10)], 1.0),
        ([(0, 10)], [(5, 15)], 5 / 15),
        ([(0, 10)], [(10, 20)], 0.0),  # they touch
        ([(0, 2), (4, 6)], [(0, 6)], 4 / 6),
        ([(0, 4), (2, 6)], [(0, 6)], 1.0),  # what is said twice counts once
        ([(0, 2), (2, 4)], [(0, 4)], 1.0),
        ([(5, 5)], [(5, 5)], 0.0),  # a moment has no length
        ([(6, 2)], [(2, 6)], 0.0),  # reversed
        ([], [(2, 6)], 0.0),
        ([(0, 100)], [(10, 12), (50, 58)], 0.1),
    ],
)
def test_overlaps_are_exact(one, gold, exact):
    assert iou(one, gold) == pytest.approx(exact, abs=1e-12) == iou(gold, one)


def test_a_thousand_drawn_sets_overlap_as_counted_by_the_tenth():
    rng = random.Random(0)

    def drawn():
        return [tuple(rng.randint(0, 300) for _ in range(2)) for _ in range(rng.randint(0, 5))]

    for _ in range(1_000):
        one, other = drawn(), drawn()
        mine, its = ({tenth for start, end in spans for tenth in range(start, end)} for spans in (one, other))
        counted = len(mine & its) / len(mine | its) if mine | its else 0.0
        in_seconds = [[(start / 10, end / 10) for start, end in spans] for spans in (one, other)]
        assert iou(*in_seconds) == pytest.approx(counted, abs=1e-9)


@pytest.mark.parametrize(
    ("spans", "text"),
    [
        ([(12.5, 30.4)], "12.5-30.4"),
        ([(8, 9), (3.0, 5)], "3-5, 8-9"),
        ([(0, 0.12345)], "0-0.123"),
        ([(100, 200.10)], "100-200.1"),
        ([(10, 5)], "10-5"),
    ],
)
def test_spans_have_one_text_that_reads_back(spans, text):
    assert write_spans(spans) == text == write_spans(read_spans(text))
    assert read_spans(text) == tuple(sorted((start, round(end, 3)) for start, end in spans))


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        ("from 1:02 to 1:10", [(62, 70)]),
        ([3, 5.5], [(3, 5.5)]),
        ([[3, 5], (8, 9)], [(3, 5), (8, 9)]),
        ([{"timestamp": [13.8, 29.8], "text": "from 1 to 2"}], [(13.8, 29.8)]),  # Video-o3
        ({"timestamp": [[3, 5]]}, [(3, 5)]),
        (["3-5", "8-9"], [(3, 5), (8, 9)]),
        ([], []),
        *[(bad, None) for bad in ("x", 3, None, [3], [3, 5, 7], [-1, 5], [3, float("nan")], [3, float("inf")],
                                  [True, 2], [[3, 5], "x"], [3, "5"], {"text": "3-5"})],
    ],
)  # fmt: skip
def test_a_field_holds_spans_or_is_refused(value, spans):
    if spans is None:
        with pytest.raises(ValueError, match="is no"):
            spans_in(value)
    else:
        assert list(spans_in(value)) == spans


def test_many_spans_are_held_against_each_other_in_time():
    spans = [(2 * number, 2 * number + 1) for number in range(50_000)]
    start = time.perf_counter()
    assert iou(spans, [(0, 100_000)]) == 0.5
    assert time.perf_counter() - start < 5


def test_numbers_beyond_any_video_have_no_overlap_and_read_back():
    for text in (f"5-{'9' * 400}", f"{'9' * 400}-{'9' * 500}"):
        spans = read_spans(text)
        assert iou(spans, spans) in (0.0, 1.0) and iou(spans, [(5, 10)]) < 1e-6
        assert read_spans(write_spans(spans)) == spans


@given(text=st.text("0123456789.:-, tosand[]s", max_size=200))
def test_whatever_a_model_writes_is_read(text):
    assert all(start >= 0 and end >= 0 for start, end in read_spans(text))


@pytest.mark.parametrize(("end", "earned"), [(2, 0.0), (3.5, 0.25), (5, 0.5), (8, 1.0), (10, 1.0)])
def test_accuracy_is_the_clipped_overlap(end, earned):
    assert grounding_accuracy([(0, end)], [(0, 10)]) == pytest.approx(earned)
