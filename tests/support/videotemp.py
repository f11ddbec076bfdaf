"""VideoTemp-o3's training files in small: in its folders and in the format of its rows, about videos drawn here.

ms-swift's columns (`messages`, `videos`, `images`) with `timestamp` and `tool_params`, as its README, its data set's
card and its reward's code have them; `images` is ms-swift's own, for no row about a picture was seen.
"""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

VIDEOS = ("qa/one.mp4", "qa/two.mp4", "grounding/three.mp4")
SYSTEM = {"role": "system", "content": "You are a helpful assistant.\n\nCall get_video_clip_frame to look at a part."}
ASKED = "<video>\nWhich colour is the square of {}?\nA. red\nB. blue"
WHEN = "<video>\nWhen does the square of {} move?"
# Rows of each file: those without a tool call, and those with.
WITHOUT = {"activitynet": WHEN, "charades": WHEN, "vidchapters": WHEN, "video_r1_video": ASKED}
WITH = {"activitynet": WHEN, "longvila": ASKED, "qvhighlight": WHEN}
ROUNDS = ([[1, 4.5], [6.0, 8.0]], [[2.0, 3.5]])  # the parts of each turn that calls


def write_files(folder: Path) -> None:
    """`videos`, `sft/data` and `rl/data` below the folder."""
    from odd_clips import Shape, draw

    for name in VIDEOS:
        (folder / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        draw(Shape("libx264", "mp4", Fraction(10), 100, 96, 96, False, False), folder / "videos" / name)
    for name, question in WITHOUT.items():
        rows = [_sft_row(question.format(name), video, ()) for video in VIDEOS]
        _write(folder / f"sft/data/wo_tool_call/{name}.jsonl", rows)
    for name, question in WITH.items():
        rows = [_sft_row(question.format(f"{name}, looked at"), video, ROUNDS) for video in VIDEOS]
        _write(folder / f"sft/data/wi_tool_call/{name}.jsonl", rows)
    answered = {"role": "assistant", "content": "<think>It is red.</think>\n<answer>A</answer>"}
    picture = {"messages": [SYSTEM, {"role": "user", "content": ASKED.replace("video", "image")}, answered]}
    _write(folder / "sft/data/wo_tool_call/video_r1_image_mc.jsonl", [picture | {"images": ["a.jpg"]}])
    for name, question, solution in (("qa", ASKED, "A"), ("grounding", WHEN, "2.00-3.50")):
        given = {"messages": [SYSTEM, {"role": "user", "content": question.format(name)}], "timestamp": [[2.0, 3.5]]}
        rows = [given | {"videos": [video], "data_type": name, "solution": solution} for video in VIDEOS]
        _write(folder / f"rl/data/{name}.jsonl", rows)


def _sft_row(question: str, video: str, rounds: tuple[list[list[float]], ...]) -> dict[str, Any]:
    messages, spans = [SYSTEM, {"role": "user", "content": question}], [span for of_turn in rounds for span in of_turn]
    for of_turn in rounds:
        arguments = [{"start_time": start, "end_time": end} for start, end in of_turn]
        call = json.dumps({"name": "get_video_clip_frame", "arguments": arguments})
        turn = f"<think>I look at {len(of_turn)} parts.</think>\n<tool_call>{call}</tool_call>"
        messages.append({"role": "assistant", "content": turn})
        messages.append({"role": "user", "content": "<video>\n" * len(of_turn) + "Tool execution successful."})
    answer = "A" if "A. red" in question else "2.00-3.50"
    messages.append({"role": "assistant", "content": f"<think>I see it move.</think>\n<answer>{answer}</answer>"})
    crops = [f"cropped_video/{number}.mp4" for number in range(len(spans))]
    called = {"tool_params": spans} if spans else {}
    return {"messages": messages, "videos": [video, *crops], "timestamp": [[2.0, 3.5]], **called}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
