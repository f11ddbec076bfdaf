"""Turns that call the crop tool: golden ones, what they are told that show nothing, and whatever a model may write."""

import json
import random
import re
import time
from fractions import Fraction

import pytest
from dialogues import TOLD_IN_XML, XML
from hypothesis import given
from hypothesis import strategies as st

from videokr.dialogue import (
    MAX_CALLS,
    SYSTEM,
    XML_MARK,
    CallFault,
    build_call_turn,
    build_observation,
    read_turn,
    split_turns,
    tells_of_tool,
    write_calls,
)

# As VideoTemp-o3's files have it.
PUBLISHED = (
    '<think>The goal is near the end.</think><tool_call>{"name": "get_video_clip_frame", "arguments": '
    '[{"start_time": 10.5, "end_time": 20}]}</tool_call>'
)


def call(arguments, name="get_video_clip_frame"):
    return f"<think>look</think>\n<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def written_by_qwen3_5(*parameters, name="get_video_clip_frame"):
    """As its chat template writes a call, and `Qwen35ToolUtils` of LLaMA-Factory."""
    told = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in parameters)
    return f"<think>\nlook\n</think>\n\n<tool_call>\n<function={name}>\n{told}</function>\n</tool_call>"


def span(start, end):
    return {"start_time": start, "end_time": end}


@pytest.mark.parametrize(
    ("text", "calls", "well_formed"),
    [
        (PUBLISHED, [(10.5, 20.0)], True),
        (call([span(1, 2), span(3, 4.5)]), [(1.0, 2.0), (3.0, 4.5)], True),
        (call(span(1, 2)), [(1.0, 2.0)], True),
        (call(span(1, 2)) + "\n<tool_call>" + call(span(3, 4)).split("<tool_call>")[1], [(1.0, 2.0), (3.0, 4.0)], True),
        (call(span(1, 2)).replace("<think>look</think>\n", ""), [(1.0, 2.0)], False),
        (call(span(1, 2)).replace("look", " "), [(1.0, 2.0)], False),
        (call(span(1, 2)) + " and so on", [(1.0, 2.0)], False),
        (call([span(1, 2)] * 5), [(1.0, 2.0)] * MAX_CALLS + [CallFault.TOO_MANY], False),
        (call([]), [CallFault.NO_TIMES], False),
        (call([span(2, 1)]), [CallFault.REVERSED], False),
        (call([span(1, 1)]), [CallFault.REVERSED], False),
        (call([span(-1, 1)]), [CallFault.NO_TIMES], False),
        (call([span("1", "2")]), [CallFault.NO_TIMES], False),
        (call([span(True, 2)]), [CallFault.NO_TIMES], False),
        (call([span(0, float("nan"))]), [CallFault.NO_TIMES], False),
        (call([span(0, float("inf"))]), [CallFault.NO_TIMES], False),
        (call([[1, 2]]), [CallFault.NO_TIMES], False),
        (call({"start_time": 1}), [CallFault.NO_TIMES], False),
        (call("1-2"), [CallFault.NO_TIMES], False),
        (call(None), [CallFault.NO_TIMES], False),
        (call(span(1, 2), name="open_file"), [CallFault.UNKNOWN], False),
        ("<think>x</think><tool_call>[1, 2]</tool_call>", [CallFault.BROKEN], False),
        ("<think>x</think><tool_call>{'name': 1}</tool_call>", [CallFault.BROKEN], False),
        (PUBLISHED.removesuffix("</tool_call>")[:-3], [CallFault.BROKEN], False),
        ("<think>x</think><tool_call></tool_call>", [CallFault.BROKEN], False),
        (f"<think>I could write {call(span(1, 2)).split('>', 2)[2]}</think>", [], False),  # a call that is thought of
        (written_by_qwen3_5(("start_time", 1), ("end_time", 2.5)), [(1.0, 2.5)], True),
        (written_by_qwen3_5(("start_time", 1), ("end_time", "two")), [CallFault.NO_TIMES], False),
        (written_by_qwen3_5(("start_time", "1e2"), ("end_time", 2e2)), [(100.0, 200.0)], True),
        (written_by_qwen3_5(("start_time", 1)), [CallFault.NO_TIMES], False),
        (written_by_qwen3_5(("path", 1), name="open_file"), [CallFault.UNKNOWN], False),
        ("<think>x</think>", [], False),
        ("", [], False),
    ],
)
def test_golden(text, calls, well_formed):
    turn = read_turn(text)
    assert (list(turn.calls), turn.answer) == (calls, None)
    assert turn.is_well_formed == well_formed


def test_an_answer_ends_the_dialogue():
    assert read_turn("<think>x</think><answer>B</answer>").answer == "B"
    assert read_turn("<think>x</think><answer>B</answer>").is_well_formed
    both = read_turn(PUBLISHED + "<answer>B</answer>")
    assert (both.calls, both.answer, both.is_well_formed) == ((), "B", False)


times = st.floats(0, 10_000).map(lambda second: round(second, 2))


@pytest.mark.parametrize("chat_template", ["", XML_MARK], ids=["json", "xml"])
@given(spans=st.lists(st.tuples(times, times).filter(lambda one: one[0] < one[1]), min_size=1, max_size=MAX_CALLS))
def test_what_is_trained_is_read_back(chat_template, spans):
    turn = read_turn(write_calls(build_call_turn("why", spans), chat_template))
    assert list(turn.calls) == spans and turn.is_well_formed


def test_calls_are_written_in_the_form_of_the_chat_template():
    """One call in a block; thoughts that quote something else stay, and so does a template without XML."""
    turn = build_call_turn("A <tool_call> or <tool_call>{}</tool_call>.", [(12.5, 20.0), (1, 2.25)])
    template = "{{ '<tool_call>\\n<function=' + tool_call.name + '>\\n' }}"
    second = XML.replace("12.5", "1.0").replace("20.0", "2.25")
    assert write_calls(SYSTEM, template) == TOLD_IN_XML
    assert write_calls(turn, template) == (
        f"<think>A <tool_call> or <tool_call>{{}}</tool_call>.</think>\n{XML}\n{second}"
    )
    assert write_calls(turn, "{{ tool_call.arguments | tojson }}") == write_calls(turn, None) == turn
    assert [tells_of_tool(text) for text in (SYSTEM, f"a\n{TOLD_IN_XML}\nb", "call the tool", None)] == [
        *(True, True, False, False)
    ]


TOOLS = ("get_video_clip_frame",) * 6
PIECES = (
    "<tool_call>", "</tool_call>", "<think>", "</think>", "<answer>", "</answer>", '{"name": ', "{", "}", "[", "]", ",",
    '"get_video_clip_frame"', '"arguments": ', '"start_time": ', '"end_time": ', "NaN", "-Infinity", "1e999", "9" * 50,
    "1.5", "null", "true", "\n", '"/etc/passwd"', '"file:///etc/passwd#t=1,2"', "../../secret.mp4", "\u202e", "\ud800",
    "\0", "[" * 3_000, "x" * 100_000,
    "<function=get_video_clip_frame>", "</function>", "<parameter=start_time>", "<parameter=end_time>", "</parameter>",
)  # fmt: skip
VALUES = (
    *(0, 0.5, 1.5, 2.5, 9.75) * 3, -1, 1e300, 10**400, float("nan"), float("inf"), "2", "/etc/passwd",
    "../secret.mp4", None, True, [], [[[1, 2]]], {}, "\u202e\ud800", "clip.mp4#t=1,2",
)  # fmt: skip


LINE = rf"(?:<video>From \d+\.\d to \d+\.\d seconds\.|{'|'.join(map(re.escape, CallFault))})"
TOLD = re.compile(rf"<tool_response>\n{LINE}(?:\n{LINE})*\n</tool_response>")  # and nothing else: no path, no name


def drawn_turn(rng):
    """Pieces in any order, or a call that is JSON with values of any kind, which may break off."""
    if rng.random() < 0.4:
        return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 12)))
    names = ("start_time", "end_time", "video_path", "name")
    given = [{name: rng.choice(VALUES) for name in names[: rng.randint(1, 4)]} for _ in range(rng.randint(1, 5))]
    text = call(rng.choice((given, given[0], [given], rng.choice(VALUES))), rng.choice((*TOOLS, None, "/bin/sh")))
    return text[: rng.randint(0, len(text))] if rng.random() < 0.2 else text


def test_ten_thousand_broken_calls_are_answered_in_time_and_read_nothing_but_the_row_s_own_video(tmp_path, monkeypatch):
    """From what a model writes to what it is told; where it would be decoded, the name of the part is written down."""
    from odd_clips import Shape, draw

    from videokr.budget import RL_BUDGET
    from videokr.video import look
    from videokr.video.part import split_part
    from videokr.video.timeline import read_header

    video, opened = tmp_path / "clip.mp4", set()
    draw(Shape("libx264", "mp4", Fraction(10), 40, 64, 48, variable=False, turned=False), video)
    monkeypatch.setattr(look, "read_header", lambda path: opened.add(path) or read_header(path))

    def told(text):
        calls = read_turn(text).calls
        read = lambda part, *_: opened.add(split_part(part)[0])  # noqa: E731
        return calls, build_observation([look.look(video, RL_BUDGET, 14, one, read)[0] for one in calls])

    told(call(span(0, 1)))  # modules are imported
    rng, spent, shown = random.Random(0), 0.0, 0
    texts = [drawn_turn(rng) for _ in range(10_000)]
    texts += [f"<tool_call>{million}" for million in ("x" * 1_000_000, "[" * 1_000_000, '{"a":' * 200_000)]
    texts += [f"<tool_call><function=x>{many}</function>" for many in ("<parameter=a>" * 300, "</function>" * 360)]
    for text in texts:
        start = time.process_time()
        calls, observation = told(text)
        took = time.process_time() - start
        assert took < 0.05 and len(calls) <= MAX_CALLS + 1  # of a slow machine; most take microseconds
        assert not calls or TOLD.fullmatch(observation), text
        spent, shown = spent + took, shown + observation.count("From ")
    assert spent / len(texts) < 0.005 and shown > 100 and opened == {video}


def test_an_observation_has_a_place_for_every_part_that_is_shown():
    assert build_observation([(1.0, 2.5), CallFault.BEYOND]) == (
        "<tool_response>\n<video>From 1.0 to 2.5 seconds.\nstart_time is beyond the end of the video.\n</tool_response>"
    )


def test_the_system_turn_shows_a_call_that_is_read():
    for told in (SYSTEM, TOLD_IN_XML):
        call = told[told.index("<tool_call>") : told.index("</tool_call>") + len("</tool_call>")]
        assert read_turn(f"<think>x</think>{call}").calls == ((12.5, 20.0),)


@pytest.mark.parametrize("around", [("", ""), ("user\n", "assistant\n")])
def test_a_whole_dialogue_is_split_into_the_model_s_turns(around):
    turns = [build_call_turn("a", [(1, 2)]), build_call_turn("b", [(3, 4)]), "<think>c</think>\n<answer>B</answer>"]
    told = f"\n{around[0]}{build_observation([(1.0, 2.0)])}\n{around[1]}"
    assert split_turns(told.join(turns)) == turns and split_turns(turns[-1]) == turns[-1:]
