"""The marks around a video in a prompt."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from videokr.frame_plan import FramePlan

VIDEO = "<|video_pad|>"
MARK, END_MARK = "<|vision_start|>", "<|vision_end|>"
MARKED_VIDEO = f"{MARK}{VIDEO}{END_MARK}"  # as both families' chat templates write it
END_OF_TURN = "<|im_end|>"  # after every message, the response among them; both families
_CHAT_TOKENS_MAX = 64  # of a chat template's own words around one question
TIMESTAMPED_BY = "Qwen3VLProcessor"
# A host takes these for its own, and loses count of the videos.
_HOST_MARK = re.compile(r"<(?:video|image|audio)>|<\|[a-z_]+\|>")


def find_host_mark(text: str) -> str | None:
    """The first mark in a text that stands for something to a host; None where it holds none."""
    found = _HOST_MARK.search(text) if "<" in text else None  # which most texts are without
    return found[0] if found else None


def text_token_bound(text: str) -> int:
    """As many tokens as a question's text may take at most, the chat template's own words among them.

    A token holds a byte at least, of the text as the tokenizers of both families normalise it (NFC).
    """
    return len(unicodedata.normalize("NFC", text).encode()) + _CHAT_TOKENS_MAX


def video_text(plan: FramePlan) -> str:
    """A video as it stands in the prompt, one mark for every video token.

    With timestamps every temporal patch stands between marks of its own, after its time in seconds; else one pair of
    marks is around all.
    """
    if not plan.timestamped:
        return f"{MARK}{VIDEO * plan.video_tokens}{END_MARK}"
    patch = f"{MARK}{VIDEO * plan.tokens_per_patch}{END_MARK}"
    return "".join(f"<{seconds:.1f} seconds>{patch}" for seconds in plan.timestamps)


def put_videos(text: str, place: str, plans: Iterable[FramePlan]) -> str:
    """The text with one video of `plans`, in order, at every `place` in it.

    Raises:
        ValueError: more or fewer places than videos.
    """
    before, *parts = text.split(place)
    pairs = zip(plans, parts, strict=True)
    return before + "".join(video_text(plan) + part for plan, part in pairs)


def drop_outer_marks(processor: Any) -> None:
    """Makes a Qwen3-VL processor render a video as the model knows it, whatever release of transformers it is from.

    It writes `<0.2 seconds><|vision_start|>...<|vision_end|>` for every temporal patch, in place of the chat template's
    marked video. Since transformers 5.10 only the inner token is replaced, and the template's own two marks stay around
    the whole (vLLM followed: vllm issue #46817): two tokens that earlier releases and LLaMA-Factory do not write. A
    template without them gives the same prompt in every release. Qwen2.5-VL has no timestamps and keeps its marks.

    Raises:
        ValueError: the chat template writes the marks in another way, so that they are still there.
    """
    if TIMESTAMPED_BY not in (cls.__name__ for cls in type(processor).__mro__):
        return
    processor.chat_template = processor.chat_template.replace(MARKED_VIDEO, VIDEO)
    message = {"role": "user", "content": [{"type": "video", "video": "one.mp4"}]}
    text = processor.apply_chat_template([message], tokenize=False)
    if VIDEO not in text or MARK in text:
        raise ValueError(f"the chat template writes a video as {text!r}; {MARKED_VIDEO} was expected")
