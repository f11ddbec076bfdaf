"""The bytes that the released checkpoints were trained and measured with, spelt out: they do not follow the code."""

from videokr.example import Example, Kind
from videokr.prompt import INSTRUCTIONS, build_placeholder_prompt, build_prompt

MULTIPLE_CHOICE = (
    b"What bubbles?\n"
    b"A. Oxygen\n"
    b"B. Hydrogen\n"
    b"Please answer this question based on the visual content.\n"
    b"Provide your thinking process between the <think> and </think> tags, and then give your final answer between the "
    b"<answer> and </answer> tags.\n"
    b"Please provide only the single option letter (e.g., A, B, C, D, etc.) within the <answer>...</answer> tags."
)
OPEN_ENDED = (
    b"What bubbles?\n"
    b"Please answer this question based on the visual content.\n"
    b"Provide your thinking process between the <think> and </think> tags, and then give your final answer between the "
    b"<answer> and </answer> tags.\n"
    b"Please provide only your final answer within the <answer>...</answer> tags."
)


def example(kind: Kind, videos: int = 1) -> Example:
    options = ("Oxygen", "Hydrogen") if kind is Kind.MULTIPLE_CHOICE else ()
    return Example("1", "What bubbles?", options, kind, "B", None, tuple(f"{i}.mp4" for i in range(videos)))


def test_exact_bytes():
    assert build_prompt(example(Kind.MULTIPLE_CHOICE)).encode() == MULTIPLE_CHOICE
    assert build_prompt(example(Kind.OPEN_ENDED)).encode() == OPEN_ENDED


def test_the_video_stands_before_with_nothing_between():
    assert build_placeholder_prompt(example(Kind.OPEN_ENDED)).encode() == b"<video>" + OPEN_ENDED
    assert build_placeholder_prompt(example(Kind.OPEN_ENDED, videos=3)).encode() == b"<video>" * 3 + OPEN_ENDED


def test_every_kind_has_its_instruction():
    assert set(INSTRUCTIONS) == set(Kind)
