"""The row that LLaMA-Factory's sharegpt format takes, and its entry in dataset_info.json. Pure: no host is imported."""

from dataclasses import replace
from typing import Any

from videokr.dialogue import MAX_ROUNDS, SYSTEM, CallFault, build_call_turn, build_observation, read_turn
from videokr.errors import RecordError
from videokr.example import RATIONALE_FIELDS, Example
from videokr.prompt import build_placeholder_prompt
from videokr.record_spans import ROUNDS_FIELD
from videokr.response import EMPTY_THINK, WITHOUT_RATIONALE, build_response
from videokr.video.part import name_part

# Settings of our own, and values of the first two: see row_faults.py, and build_turns.
ON_BAD_VIDEO, ON_LONG_ROW, NO_RATIONALE = "on_bad_video", "on_long_row", "no_rationale"
LOSS_TURNS, ALL = "loss_turns", "all"  # how many of a row's last responses are trained
FAIL, SKIP, DROP = "fail", "skip", "drop"
DATASET_INFO_FILE = "dataset_info.json"
MESSAGES, VIDEOS = "messages", "videos"
MAX_TOKENS = "max_tokens"  # of an entry in dataset_info.json: no row has more; the host passes over it
ROLE, CONTENT, SYSTEM_ROLE, USER, ASSISTANT = "role", "content", "system", "user", "assistant"


def build_turns(example: Example, without_rationale: str | None = None) -> tuple[str, str]:
    """What the user asks, with one placeholder a video, and what the model is trained to say.

    Args:
        without_rationale: what is said where there is no rationale, one of `videokr.response.WITHOUT_RATIONALE`.

    Raises:
        RecordError: the example has no rationale, and nothing else was said to be imitated; or it calls the tool.
    """
    if example.rounds:
        detail = "videokr prepare sft --agentic makes dialogues of all rows; --skip-invalid leaves such rows out"
        raise RecordError(ROUNDS_FIELD, "turns that call the crop tool", detail, source=f"record '{example.id}'")
    if example.rationale is None and without_rationale is None:
        ways = " or ".join(f"{NO_RATIONALE}={way}" for way in WITHOUT_RATIONALE)
        detail = f"SFT imitates it; {ways} (prepare sft: --no-rationale) trains on the answer without"
        raise RecordError(RATIONALE_FIELDS[0], "missing", detail, source=f"record '{example.id}'")
    response = build_response(example.rationale, example.answer, without_rationale or EMPTY_THINK)
    return build_placeholder_prompt(example), response


def build_message_row(example: Example, videos: list[str], without_rationale: str | None = None) -> dict[str, Any]:
    """One sharegpt row: a user turn, an assistant turn, and the paths of the videos in the order of their marks."""
    prompt, response = build_turns(example, without_rationale)
    return {
        MESSAGES: [{ROLE: USER, CONTENT: prompt}, {ROLE: ASSISTANT, CONTENT: response}],
        VIDEOS: videos,
    }


def build_dialogue_row(example: Example, videos: list[str], without_rationale: str | None = None) -> dict[str, Any]:
    """One sharegpt row of a dialogue that may look again: the system turn tells of the tool, user turns show parts.

    The parts are of the first video, and stand behind all videos, in the order of their marks.

    Raises:
        RecordError: see `build_turns`; or it calls the tool more often than the system turn allows, as Video-o3's may,
            or in a way that the tool does not take.
    """
    if len(example.rounds) > MAX_ROUNDS:
        detail = f"{len(example.rounds)} turns call the tool; --skip-invalid leaves such rows out"
        raise RecordError(ROUNDS_FIELD, f"more than {MAX_ROUNDS} rounds", detail, source=f"record '{example.id}'")
    prompt, response = build_turns(replace(example, rounds=()), without_rationale)
    messages = [{ROLE: SYSTEM_ROLE, CONTENT: SYSTEM}, {ROLE: USER, CONTENT: prompt}]
    for thoughts, spans in example.rounds:
        turn = build_call_turn(thoughts, spans)
        said = read_turn(turn)
        if not said.is_well_formed:
            refused = [str(call) for call in said.calls if isinstance(call, CallFault)]
            detail = refused[0] if refused else "thoughts are needed, and no tag in them"
            raise RecordError(ROUNDS_FIELD, "a turn that the tool does not take", detail, f"record '{example.id}'")
        messages.append({ROLE: ASSISTANT, CONTENT: turn})
        messages.append({ROLE: USER, CONTENT: build_observation(spans)})
    parts = [name_part(videos[0], span) for _, spans in example.rounds for span in spans]
    return {MESSAGES: [*messages, {ROLE: ASSISTANT, CONTENT: response}], VIDEOS: [*videos, *parts]}


def build_dataset_entry(file_name: str, max_tokens: int | None = None) -> dict[str, Any]:
    """How dataset_info.json describes a file of such rows.

    Args:
        max_tokens: no row has more; None: nobody has counted.
    """
    counted = {} if max_tokens is None else {MAX_TOKENS: max_tokens}
    return counted | {
        "file_name": file_name,
        "formatting": "sharegpt",
        "columns": {"messages": MESSAGES, "videos": VIDEOS},
        "tags": {
            "role_tag": ROLE,
            "content_tag": CONTENT,
            "system_tag": SYSTEM_ROLE,
            "user_tag": USER,
            "assistant_tag": ASSISTANT,
        },
    }


def describe_row(row: dict[str, Any]) -> str:
    """A row as the host will see it, for a reader: its turns, and which files its marks stand for."""
    turns = [f"[{turn[ROLE]}]\n{turn[CONTENT]}" for turn in row[MESSAGES]]
    return "\n".join([*(f"[video] {video}" for video in row[VIDEOS]), *turns])
