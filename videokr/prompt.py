"""The one prompt. Every stage asks with these bytes."""

import hashlib
import unicodedata
from collections.abc import Mapping

from videokr.example import Example
from videokr.options import LETTERS
from videokr.response import Kind

# The instruction as published: lmms_eval/tasks/videokr_eval/videokr_eval.yaml (post_prompt_mc, post_prompt_oe) and
# verl/local_script/prepare_videokr_rl_data.py of github.com/Fu-Fu-Fu-Fu/VideoKR at 39812881. The released
# checkpoints were trained and measured with these bytes: they are an interface, not prose to improve.
_INSTRUCTION = (
    "Please answer this question based on the visual content.\n"
    "Provide your thinking process between the <think> and </think> tags, "
    "and then give your final answer between the <answer> and </answer> tags.\n"
)
# Of ours: the publication asks for no spans.
GROUNDING_ANSWER = (
    "Please provide only the start and end of each time span in seconds (e.g., 12.5-30.4, or 3-5, 8-9 for several) "
    "within the <answer>...</answer> tags."
)
INSTRUCTIONS = {
    Kind.MULTIPLE_CHOICE: _INSTRUCTION
    + "Please provide only the single option letter (e.g., A, B, C, D, etc.) within the <answer>...</answer> tags.",
    Kind.OPEN_ENDED: _INSTRUCTION + "Please provide only your final answer within the <answer>...</answer> tags.",
    Kind.GROUNDING: _INSTRUCTION + GROUNDING_ANSWER,
}

VIDEO_PLACEHOLDER = "<video>"
MAX_CHAT_TOKENS = 64  # of a chat template's own words around one question


def build_prompt(example: Example, instructions: Mapping[Kind, str] = INSTRUCTIONS) -> str:
    """Question, options, instruction. The video stands before it, with nothing between."""
    return f"{build_question(example)}\n{instructions[example.kind]}"


def build_question(example: Example) -> str:
    """The question, and one line an option as `A. text`."""
    lines = [f"{letter}. {text}" for letter, text in zip(LETTERS, example.options, strict=False)]
    return "\n".join([example.question, *lines])


def prompt_digest(instructions: Mapping[Kind, str] = INSTRUCTIONS) -> str:
    """SHA-256 of what is asked besides question and options: two runs with the same one asked with the same bytes.

    Of the two published kinds, so that a card stays what it was when a kind is added.
    """
    asked = [
        build_prompt(Example("", "question", options, kind, "", None, ("video",)), instructions)
        for kind, options in ((Kind.MULTIPLE_CHOICE, ("first", "second")), (Kind.OPEN_ENDED, ()))
    ]
    return hashlib.sha256("\0".join(asked).encode()).hexdigest()


def build_placeholder_prompt(example: Example) -> str:
    """The prompt for hosts that mark a video's place in the text (LLaMA-Factory, verl): one mark a video, first."""
    return VIDEO_PLACEHOLDER * len(example.videos) + build_prompt(example)


def read_prompt(text: str) -> tuple[Kind, tuple[str, ...]] | None:
    """The kind of question and the options out of a text that holds a prompt; None where it holds none of ours.

    The inverse of `build_prompt`, whatever a host has put before and after it. An option may have several lines, if
    none of them begins like option A or the option after it.
    """
    places = {kind: text.rfind(f"\n{instruction}") for kind, instruction in INSTRUCTIONS.items()}
    kind = max(places, key=lambda asked: places[asked])
    if places[kind] < 0:
        return None
    if kind is not Kind.MULTIPLE_CHOICE:
        return kind, ()
    lines = text[: places[kind]].split("\n")
    firsts = [number for number, line in enumerate(lines) if line.startswith(f"{LETTERS[0]}. ")]
    options: list[str] = []
    for line in lines[firsts[-1] :] if firsts else ():
        if line.startswith(tuple(f"{letter}. " for letter in LETTERS[len(options) : len(options) + 1])):
            options.append(line[len("A. ") :])
        else:
            options[-1] += f"\n{line}"
    return (kind, tuple(options)) if options else None


def text_token_bound(text: str) -> int:
    """As many tokens as a question's text may take at most, the chat template's own words among them.

    A token holds a byte at least, of the text as the tokenizers of both families normalise it (NFC).
    """
    return len(unicodedata.normalize("NFC", text).encode()) + MAX_CHAT_TOKENS
