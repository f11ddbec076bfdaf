"""The bytes that the released checkpoints were trained and measured with, spelt out: they do not follow the code."""

from hypothesis import given
from hypothesis import strategies as st

from videokr.example import Example
from videokr.prompt import INSTRUCTIONS, build_placeholder_prompt, build_prompt, read_prompt
from videokr.response import Kind

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

GROUNDING = (  # ours
    b"What bubbles?\n"
    b"Please answer this question based on the visual content.\n"
    b"Provide your thinking process between the <think> and </think> tags, and then give your final answer between the "
    b"<answer> and </answer> tags.\n"
    b"Please provide only the start and end of each time span in seconds (e.g., 12.5-30.4, or 3-5, 8-9 for several) "
    b"within the <answer>...</answer> tags."
)


def example(kind: Kind, videos: int = 1) -> Example:
    options = ("Oxygen", "Hydrogen") if kind is Kind.MULTIPLE_CHOICE else ()
    return Example("1", "What bubbles?", options, kind, "B", None, tuple(f"{i}.mp4" for i in range(videos)))


def test_exact_bytes():
    assert build_prompt(example(Kind.MULTIPLE_CHOICE)).encode() == MULTIPLE_CHOICE
    assert build_prompt(example(Kind.OPEN_ENDED)).encode() == OPEN_ENDED
    assert build_prompt(example(Kind.GROUNDING)).encode() == GROUNDING


def test_the_video_stands_before_with_nothing_between():
    assert build_placeholder_prompt(example(Kind.OPEN_ENDED)).encode() == b"<video>" + OPEN_ENDED
    assert build_placeholder_prompt(example(Kind.OPEN_ENDED, videos=3)).encode() == b"<video>" * 3 + OPEN_ENDED


def test_every_kind_has_its_instruction():
    assert set(INSTRUCTIONS) == set(Kind)


lines = st.text(st.characters(exclude_characters="\n"), max_size=20)
labels = ("A. x", "B. Hydrogen", "A.", "A. ", "(B) x", "assistant")
odd_lines = st.sampled_from([*labels, *MULTIPLE_CHOICE.decode().split("\n")])
one_line = st.one_of(lines, odd_lines)
OWN_INSTRUCTIONS = tuple(INSTRUCTIONS.values())


@st.composite
def asked(draw):
    """An example with any question, and options of which no further line begins like a label."""
    kind = draw(st.sampled_from(Kind))
    question = "\n".join(draw(st.lists(st.one_of(one_line, st.sampled_from(OWN_INSTRUCTIONS)), min_size=1, max_size=4)))
    if kind is not Kind.MULTIPLE_CHOICE:
        return Example("1", question, (), kind, "x", None, ("a.mp4",))
    further = one_line.filter(lambda line: line[1:3] != ". ").map(lambda line: f"\n{line}")
    option = st.builds(str.__add__, one_line, st.one_of(st.just(""), st.just(""), further))
    options = draw(st.lists(option, min_size=1, max_size=26))
    return Example("1", question, tuple(options), kind, "A", None, ("a.mp4",))


@given(example=asked(), before=st.sampled_from(["", "system\nBe.\nuser\n<0.2 seconds>", "A. x\n"]), video=st.booleans())
def test_a_prompt_reads_back(example, before, video):
    prompt = build_placeholder_prompt(example) if video else build_prompt(example)
    for after in ("", "\nassistant\n", "\nassistant\nA. no\n"):
        assert read_prompt(before + prompt + after) == (example.kind, example.options)


@given(text=st.text())
def test_other_texts_are_no_prompt(text):
    assert read_prompt(text) is None
    assert read_prompt(f"{text}\n{INSTRUCTIONS[Kind.OPEN_ENDED]}") == (Kind.OPEN_ENDED, ())


def test_a_multiple_choice_prompt_has_options():
    assert read_prompt(f"What?\nB. x\n{INSTRUCTIONS[Kind.MULTIPLE_CHOICE]}") is None
