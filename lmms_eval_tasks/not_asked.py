"""Questions that a run cannot ask: their video is not there, or their prompt leaves no room for an answer.

Both are found before the model is loaded. They stay in the denominator, and are not right.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lmms_eval_tasks.task import doc_to_messages
from videokr.budget import VideoBudget
from videokr.dialogue import XML_MARK, write_calls
from videokr.errors import UserError
from videokr.evaluation.verdict import Verdict
from videokr.example import Example, to_record
from videokr.family import FAMILIES
from videokr.prompt import text_token_bound
from videokr.video.frame_plan import video_token_bound
from videokr.video.timeline import read_header

NAMED = 3  # in a message
MOST_TOO_LONG = 0.5  # of a run's questions; where it is more, the context is the mistake

Questions = Mapping[str, Sequence[Example]]  # by task, those that a run asks
Places = dict[tuple[str, int], Verdict]  # of those that are not asked: task, and place in it


def without_video(questions: Questions, missing: Mapping[str, str], skip: bool) -> Places:
    """The questions about videos that are not there.

    Args:
        missing: by path, what the video is called and where it was looked for.
        skip: whether the run may go on without them.

    Raises:
        UserError: there are some, and `skip` is false or no question is left.
    """
    found: Places = {}
    absent: dict[str, str] = {}
    for task, examples in questions.items():
        for place, example in enumerate(examples):
            if gone := [video for video in example.videos if video in missing]:
                found[task, place] = Verdict.MISSING_VIDEO
                absent.update({video: missing[video] for video in gone})
    if not found:
        return found
    asked = sum(map(len, questions.values()))
    said = f"{len(absent):,} videos are not there (of {len(found):,} of {asked:,} questions): {_named(absent.values())}"
    if not skip or len(found) == asked:
        raise UserError(
            f"{said}; VIDEOKR_EVAL_ROOT names the folder of VideoKR-Eval, HF_HOME that of lmms-eval's datasets"
            + ("" if skip else "; with --skip-missing their questions are not asked, and count as not right")
        )
    print(f"warning: {said}; these questions are not asked, and count as not right", file=sys.stderr)
    return found


def too_long(
    questions: Questions, not_asked: Places, budget: VideoBudget, max_model_len: int, **settings: Any
) -> Places:
    """The questions that have no room for an answer in the context; counted exactly where a bound leaves it in doubt.

    Args:
        not_asked: questions that are left out.
        settings: what else the model class is given of what it asks with, the budget's own names among them.

    Raises:
        UserError: they are more than MOST_TOO_LONG of all, or the model's processor cannot be loaded.
        VideoError: the header of a video cannot be read.
    """
    most = max(video_token_bound(budget, family.patch_size) for family in FAMILIES.values())
    doubtful = [
        (task, place, example)
        for task, examples in questions.items()
        for place, example in enumerate(examples)
        if (task, place) not in not_asked
        and text_token_bound(_text(example)) + len(example.videos) * most >= max_model_len
    ]
    if not doubtful:
        return {}
    import lmms_eval.models  # noqa: F401  (first: it imports our model classes itself, and warns if it finds them half made)

    from lmms_eval_tasks.models.prompt_length import PromptLength  # brings transformers and the host

    counter = PromptLength(**settings)
    lengths = {
        (task, place, example.id): counter.tokens(example)
        for task, place, example in tqdm(doubtful, "Counting tokens", unit="question", disable=None)
    }
    longer = {key: tokens for key, tokens in lengths.items() if tokens >= max_model_len}
    if not longer:
        return {}
    asked = sum(map(len, questions.values()))
    named = _named(f"'{name}' of {task} has {tokens:,}" for (task, _, name), tokens in longer.items())
    said = f"{len(longer):,} of {asked:,} prompts leave no room for an answer in MAX_MODEL_LEN={max_model_len}: {named}"
    if len(longer) > MOST_TOO_LONG * asked:
        raise UserError(
            f"{said}; the longest has {max(longer.values()):,} tokens: set MAX_MODEL_LEN higher, or MAX_FRAME_NUM or "
            "MAX_PIXELS lower"
        )
    print(f"warning: {said}; these questions are not asked, and count as not right", file=sys.stderr)
    return {(task, place): Verdict.TOO_LONG for task, place, _ in longer}


def check_videos(questions: Questions, not_asked: Places) -> None:
    """Reads the header of every video; only decoding, later, finds damage further inside.

    Raises:
        UserError: a file that is not a video.
    """
    videos = [
        video
        for task, examples in questions.items()
        for place, example in enumerate(examples)
        if (task, place) not in not_asked
        for video in example.videos
    ]
    for path in dict.fromkeys(videos):
        read_header(Path(path))


def _text(example: Example) -> str:
    parts = (part for message in doc_to_messages(to_record(example)) for part in message["content"])
    text = "".join(part["text"] for part in parts if part["type"] == "text")
    return write_calls(text, XML_MARK)  # of the two forms the longer


def _named(things: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    given = list(things)
    more = f" and {len(given) - NAMED:,} more" if len(given) > NAMED else ""
    return ", ".join(given[:NAMED]) + more
