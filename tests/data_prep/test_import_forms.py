"""`videokr import` of the forms that public annotation files have: every row as its source means it, or named."""

import contextlib
import io
import json
import shlex
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from videokr.__main__ import main
from videokr.dialogue import CallFault
from videokr.errors import exit_status
from videokr.jsonl import read_examples

SUFFIX = ["--video-suffix", ".mp4"]
FROM_0 = ["--answers", "from-0"]
MOVES = ("What moves?", ["a cat", "a dog", "a bird"], "B", "a.mp4")  # question, options, answer, video
SEEN = ("What is seen?", [], "A dog barks.", "a.mp4")
COUNTED = ("How many?", [], "3", "b.mp4")


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def llava(*turns: str, video: str = "a.mp4", mark: str = "<image>\n") -> dict[str, Any]:
    """A row of LLaVA-Video-178K, ShareGPT4Video or Video-ChatGPT."""
    said = [{"from": ("human", "gpt")[n % 2], "value": mark * (not n) + turn} for n, turn in enumerate(turns)]
    return {"id": video.removesuffix(".mp4"), "conversations": said, "data_source": "0_30_s", "video": video}


def roles(question: Any, answer: str, **more: Any) -> dict[str, Any]:
    """A row of LLaMA-Factory's or of Qwen's."""
    system = {"role": "system", "content": "You are a helpful assistant."}
    return {
        "messages": [system, {"role": "user", "content": question}, {"role": "assistant", "content": answer}],
        **more,
    }


FORMS: dict[str, tuple[str, Any, list[str], list[tuple[Any, ...]]]] = {
    # NExT-QA: `video` is an id, options are numbered from 0, and the answer counts them.
    "a0 to a4": (
        "val.csv",
        "video,question,answer,qid,type,a0,a1,a2\na,What moves?,1,6,CW,a cat,a dog,a bird\n",
        [*SUFFIX, *FROM_0],
        [MOVES],
    ),
    # TGIF-QA: options numbered from 1, and an answer that counts them from 0: no column's name tells how it counts.
    "a1 to a5": (
        "action.csv",
        "gif_name\tquestion\ta1\ta2\ta3\tanswer\nclip\tWhat moves?\ta cat\ta dog\ta bird\t1\n".replace("clip", "a"),
        [*SUFFIX, *FROM_0, "--column", "video=gif_name"],
        [MOVES],
    ),
    "any name before the numbers": (
        "data.jsonl",
        lines({"question": "What moves?", "video": "a.mp4", "cand_0": "a cat", "cand_1": "a dog", "cand_2": "a bird",
               "video_1": "x", "video_2": "y", "answer": "a dog"}),
        [],
        [MOVES],
    ),
    # MINERVA; the padding is LongVideoBench's.
    "answer_choice_0, answer_id, padding": (
        "minerva.json",
        json.dumps([{"video_id": "a", "question": "What moves?", "answer_choice_0": "a cat", "answer_choice_1": "a dog",
                     "answer_choice_2": "a bird", "answer_choice_3": "N/A", "answer_id": 1}]),
        [*SUFFIX, *FROM_0, "--none-cells", "missing"],
        [MOVES],
    ),
    "choices that are objects": (  # STAR
        "star.json",
        json.dumps([{"question_id": "I_1", "question": "What moves?", "answer": "a dog", "video_id": "a", "start": 1.5,
                     "choices": [{"choice_id": n, "choice": text} for n, text in enumerate(MOVES[1])]}]),
        SUFFIX,
        [MOVES],
    ),
    "questions in a list, videos by key": (  # Perception Test
        "mc_question_train.json",
        json.dumps({name: {"metadata": {"video_id": name, "split": "train"}, "mc_question": [
            {"id": n, "question": question, "options": MOVES[1], "answer_id": 1, "tag": ["motion"]}
            for n, question in enumerate(["What moves?", "Who barks?"])]} for name in "ab"}, indent=1),
        [*SUFFIX, *FROM_0, "--rows", "mc_question", "--column", "video=metadata.video_id", "--column", "id="],
        [MOVES, ("Who barks?", *MOVES[1:]), (*MOVES[:3], "b.mp4"), ("Who barks?", MOVES[1], "B", "b.mp4")],
    ),
    "files whose names begin otherwise": (  # ActivityNet-QA (v_ID.mp4), MSRVTT-QA (videoID.mp4)
        "val.csv",
        "video_id,question,answer,qid,type\n7,What is seen?,A dog barks.,158581,14\n",
        [*SUFFIX, "--video-prefix", "sub/video"],
        [(*SEEN[:3], "sub/video7.mp4")],
    ),
    "questions in a list of a line, options in the question": (  # LVBench
        "video_info.meta.jsonl",
        lines({"key": "a", "type": "live", "qa": [{"question": "What moves?\n(A) a cat\n(B) a dog\n(C) a bird",
                                                   "answer": "B", "question_type": ["reasoning", "event"]}]}),
        [*SUFFIX, "--rows", "qa", "--column", "video=key"],
        [(*MOVES, "reasoning, event")],
    ),
    "a member that holds the rows": (  # MSR-VTT
        "train_val_videodatainfo.json",
        json.dumps({"info": {"year": "2016"}, "videos": [{"video_id": "a", "split": "train"}],
                    "sentences": [{"caption": "A dog barks.", "video_id": "a", "sen_id": 0}]}),
        [*SUFFIX, "--rows", "sentences", "--column", "answer=caption", "--question", "What is seen?"],
        [SEEN],
    ),
    "captions by key, in sentences": (  # ActivityNet Captions
        "train.json",
        json.dumps({"a": {"timestamps": [[0.8, 19.9], [17.4, 60.8]], "sentences": ["A dog", " barks."]}}),
        [*SUFFIX, "--column", "video=key", "--column", "answer=sentences", "--answer-lists", "joined", "--question",
         "What is seen?"],
        [SEEN],
    ),
    "several captions of one video": (
        "captions.jsonl",
        lines({"video": "a.mp4", "caption": ["A dog barks.", "A dog"]}),
        ["--column", "answer=caption", "--answer-lists", "each", "--question", "What is seen?"],
        [SEEN, (*SEEN[:2], "A dog", "a.mp4")],
    ),
    "spans": (  # QVHighlights, Charades-STA
        "grounding.jsonl",
        lines({"query": "When?", "vid": "a", "relevant_windows": [[82, 150.0]]},
              {"query": "When?", "vid": "b", "relevant_windows": [[0.5, 6.9], [8, 10]]}),
        [*SUFFIX, "--column", "question=query", "--column", "video=vid", "--column", "answer=relevant_windows"],
        [("When?", [], "82-150", "a.mp4"), ("When?", [], "0.5-6.9, 8-10", "b.mp4")],
    ),
    "conversations": (
        "0_30_s_oe.json",
        json.dumps([llava("What is seen?", "A dog barks."), llava("How many?", "3", video="b.mp4", mark="<video>\n")]),
        [],
        [SEEN, COUNTED],
    ),
    "conversations of several turns": (
        "turns.json",
        json.dumps([llava("What is seen?", "A dog barks.", "How many?", "3")]),
        [],
        [SEEN, ("How many?", [], "3", "a.mp4")],
    ),
    "conversations about options": (  # LLaVA-Video-178K, multiple choice
        "0_30_s_mc.json",
        json.dumps([llava("What moves?\nA. a cat\nB. a dog\nC. a bird\nPlease provide your answer by stating the "
                          "letter followed by the full option.", "B. a dog."),
                    llava("What moves?\nOptions:\n(A) a cat\n(B) a dog\n(C) a bird", "Answer: (B) a dog.",
                          video="b.mp4")]),
        [],
        [MOVES, (*MOVES[:3], "b.mp4")],
    ),
    "messages": ("mllm_video_demo.json", json.dumps([roles("<video>What is seen?", "A dog barks.", videos=["a.mp4"])]),
                 [], [SEEN]),
    "messages in parts": (
        "qwen.jsonl",
        lines(roles([{"type": "video", "video": "a.mp4"}, {"type": "text", "text": "What is seen?"}], "A dog barks.")),
        [],
        [SEEN],
    ),
    "messages that ask, and the answer beside them": (
        "grpo.jsonl",
        lines({"messages": [{"role": "user", "content": "<video>How many?"}], "videos": ["b.mp4"], "solution": 3}),
        [],
        [COUNTED],
    ),
    "responses with thoughts": (
        "cot.jsonl",
        lines(roles("What moves?\nA. a cat\nB. a dog\nC. a bird", "<think>It barks.</think>\n<answer>B</answer>",
                    videos=["a.mp4"])),
        [],
        [(*MOVES, None, "It barks.")],
    ),
    "a solution with thoughts": (
        "cot.csv",
        "problem,A,B,C,solution,path\n"
        "What moves?,a cat,a dog,a bird,<think>It barks.</think><answer>B</answer>,a.mp4\n",
        [],
        [(*MOVES, None, "It barks.")],
    ),
    "problem, process, and kinds of others": (  # Video-R1
        "Video-R1-COT.json",
        json.dumps([
            {"problem_id": 1, "problem": "What moves?", "problem_type": "multiple choice",
             "process": "<think>It barks.</think>", "options": ["A. a cat", "B. a dog", "C. a bird"],
             "solution": "<answer>B</answer>", "path": "./a.mp4"},
            {"problem_id": 2, "problem": "How many?", "problem_type": "regression", "options": [],
             "solution": "<answer>3</answer>", "path": "./b.mp4"},
        ]),
        [],
        [(*MOVES, None, "It barks."), (*COUNTED, "regression")],
    ),
    "kinds of others with options": (  # MLVU
        "2_needle.json",
        json.dumps([{"video": "a.mp4", "duration": 467.98, "question": "What moves?", "candidates": MOVES[1],
                     "answer": "a dog", "question_type": "findNeedle"}]),
        [],
        [(*MOVES, "findNeedle")],
    ),
    "an open-ended row with empty options": (
        "mmvu.json",
        json.dumps([{"question": "How many?", "choices": {"A": "", "B": ""}, "answer": "3", "video": "b.mp4"},
                    {"question": "What moves?", "choices": dict(zip("ABC", MOVES[1], strict=True)), "answer": "B",
                     "video": "a.mp4"}]),
        [],
        [COUNTED, MOVES],
    ),
    "labels of others": (
        "labels.jsonl",
        lines(*({"question": "What moves?", "answer": "B", "video": video, "options": [
                    f"{letter}{mark}{text}" for letter, text in zip("ABC", MOVES[1], strict=True)]}
                for mark, video in (("、", "a.mp4"), (" - ", "b.mp4"), ("\uff09 ", "sub/c.mp4")))),
        [],
        [MOVES, (*MOVES[:3], "b.mp4"), (*MOVES[:3], "sub/c.mp4")],
    ),
}  # fmt: skip


CALL = '<tool_call>{"name": "get_video_clip_frame", "arguments": [%s]}</tool_call>'
SPAN = '{"start_time": %s, "end_time": %s}'
SHOWN = {"role": "user", "content": "<video>\nThe tool was executed."}
LOOK = {"role": "assistant", "content": "<think>Where?</think>\n" + CALL % f"{SPAN % (3, 5.5)}, {SPAN % (8, 9)}"}
AGAIN = {"role": "assistant", "content": "<think>Closer.</think>" + CALL % (SPAN % (4, 5))}
SOLVED = {"role": "assistant", "content": "<think>It barks.</think>\n<answer>B</answer>"}
FOUND = {"role": "assistant", "content": "<think>It barks.</think><answer>24.30-30.42</answer>"}
ASKED = {"role": "user", "content": "<video>What moves?\nA. a cat\nB. a dog\nC. a bird"}
WHEN = {"role": "user", "content": "<video>When does it bark?"}
PATH = "\n The Video path for this video is: /data/a.mp4"


def part(kind: str, value: Any) -> dict[str, Any]:
    """Of a message of LongVT's, whose parts have all columns in Parquet."""
    return {"type": kind, "text": None, "image_url": None, "video_url": None} | {kind: value}


# VideoTemp-o3's rows are described at huggingface.co/datasets/Kwai-Keye/VideoTemp-o3; the others where they are named.
# Of each record: question, options, kind, answer, clues, rounds, rationale.
SPANS: dict[str, tuple[str, Any, list[str], list[tuple[Any, ...]]]] = {
    "VideoTemp-o3, SFT with tool calls": (
        "longvila.jsonl",
        lines({"messages": [{"role": "system", "content": "Think."}, ASKED, LOOK, SHOWN, AGAIN, SHOWN, SOLVED],
               "videos": ["a.mp4", "cropped_video/1.mp4", "cropped_video/2.mp4", "cropped_video/3.mp4"],
               "timestamp": [[4, 5.25]], "tool_params": [[3, 5.5], [8, 9], [4, 5]]}),
        [],
        [("What moves?", MOVES[1], "multiple choice", "B", [(4, 5.25)],
          [("Where?", [(3, 5.5), (8, 9)]), ("Closer.", [(4, 5)])], "It barks.")],
    ),
    "VideoTemp-o3, SFT without": (
        "charades.jsonl",
        lines({"messages": [WHEN, FOUND],
               "videos": ["a.mp4"], "timestamp": [[24.3, 30.4]]},
              {"messages": [ASKED, SOLVED], "videos": ["a.mp4"], "timestamp": []}),
        [],
        [("When does it bark?", [], "grounding", "24.3-30.42", [], [], "It barks."),
         ("What moves?", MOVES[1], "multiple choice", "B", [], [], "It barks.")],
    ),
    "VideoTemp-o3, grounding.jsonl and qa.jsonl": (
        "grounding.jsonl",
        lines({"messages": [WHEN], "videos": ["a.mp4"], "data_type": "grounding", "solution": "3.0 - 5.0, 8 - 9",
               "timestamp": [[3, 5], [8, 9]]},
              {"messages": [WHEN], "videos": ["b.mp4"], "data_type": "grounding", "solution": "in the middle",
               "timestamp": [[3, 5]]},
              {"messages": [ASKED], "videos": ["a.mp4"], "data_type": "qa", "solution": "B", "timestamp": [[3, 5]]}),
        [],
        [("When does it bark?", [], "grounding", "3-5, 8-9", [], [], None),
         ("When does it bark?", [], "grounding", "3-5", [], [], None),
         ("What moves?", MOVES[1], "multiple choice", "B", [(3, 5)], [], None)],
    ),
    "ParaVT": (  # github.com/EvolvingLMMs-Lab/ParaVT: paravt/rl/data/dataset.py
        "rl.parquet",
        [{"prompt": [{"role": "system", "content": "Think."}, {"role": "user", "content": f"<video>{question}"}],
          "videos": [{"video": "sub/c.mp4"}],
          "extra_info": json.dumps({"answer": answer, "question_type": kind})}
         for question, answer, kind in [("When?", "[3.0, 5.5]", "tvg"), (ASKED["content"][7:], "B", "mcq"),
                                        ("How many?", "3", "oe")]],
        ["--column", "answer=extra_info.answer", "--column", "kind=extra_info.question_type"],
        [("When?", [], "grounding", "3-5.5", [], [], None),
         ("What moves?", MOVES[1], "multiple choice", "B", [], [], None),
         ("How many?", [], "open-ended", "3", [], [], None)],
    ),
    "LongVT": (  # github.com/EvolvingLMMs-Lab/LongVT: examples/video_tools/process_time_r1.py
        "rl.parquet",
        [{"data_source": "TimeR1", "prompt": [{"role": "user", "content": f"<video>When? Think.{PATH}"}],
          "videos": [{"type": "video", "video": "file://sub/c.mp4", "fps": 1}],
          "reward_model": {"style": "rule", "ground_truth": [3.0, 5.5]},
          "extra_info": {"index": 0, "answer": [3.0, 5.5], "question": "When?", "need_tools_kwargs": True,
                         "tools_kwargs": {"crop_video": {"create_kwargs": {"dummy": "dummy"}}}}}],
        ["--column", "question=extra_info.question", "--column", "answer=extra_info.answer"],
        [("When?", [], "grounding", "3-5.5", [], [], None)],
    ),
    "Video-o3": (  # github.com/ZZQ987/Video-o3-Qwen3VL: RL/verl/utils/reward_score/tool_free_form.py
        "rl.json",
        json.dumps([{"doc_id": 7, "problem": "What moves?", "options": MOVES[1], "video": "a.mp4",
                     "solution": {"answer": "B", "clue": [{"timestamp": [13.8, 29.8], "text": "from 1 to 2"}]}}]),
        ["--column", "answer=solution.answer", "--column", "clues=solution.clue"],
        [("What moves?", MOVES[1], "multiple choice", "B", [(13.8, 29.8)], [], None)],
    ),
    # The columns of LongVT's and Video-o3's SFT rows, and what their questions begin and end with, are those that their
    # loaders and prompts name (lmms-engine's messages in parts; SFT/src/llamafactory/data/mm_plugin.py).
    "LongVT, SFT": (
        "longvt_sft.parquet",
        [{"id": question[:4], "messages": [
            {"role": "system", "content": [part("text", "Call crop_video.")]},
            {"role": "user", "content": [part("video_url", {"url": "sub/c.mp4"}), part("text", question + PATH)]},
            *([{"role": "assistant", "content": [part("text", "<think>Where?</think>\n<tool_call>\n" + json.dumps(
                {"name": "crop_video", "arguments": {"video_path": "/x.mp4", "start_time": 3, "end_time": 5.5}})
                + "\n</tool_call>")]},
               {"role": "user", "content": [part("text", "<tool_response>The tool executed successfully."),
                                            part("image_url", {"url": "c_3.0_5.5_0.jpg"})]}] if calls else []),
            {"role": "assistant", "content": [part("text", answer)]}]}
         for question, calls, answer in [
            (ASKED["content"][7:], True, SOLVED["content"]),
            ("Who? Think first, call **crop_video** if so.", False, "<think>It barks.</think><answer>Rex</answer>")]],
        [],
        [("What moves?", MOVES[1], "multiple choice", "B", [], [("Where?", [(3, 5.5)])], "It barks."),
         ("Who?", [], "open-ended", "Rex", [], [], "It barks.")],
    ),
    "Video-o3, SFT": (
        "sft.json",
        json.dumps([{
            "id": 1, "system": "Answer the question.",
            "videos": [{"url": "a.mp4", "crop": [-1.0, -1.0], "sample": None},
                       {"url": "a.mp4", "crop": [3, 9], "sample": "medium"}],
            "messages": [
                {"role": "user", "content": "Here is the original full video (Observation 0): \n<video>\n"
                 + ASKED["content"][7:] + "\nYou are advised to first observe potential clue segments, use '<think>YOU "
                 "</think>\n<grounding>YOUR GROUNDING</grounding>\n' for it."},
                {"role": "assistant", "content": '<think>I use <grounding>{}</grounding>.</think>\n<grounding>'
                 '{"temporal_segment": [3, 9], "sampling_strategy": "medium"}</grounding>\n'},
                {"role": "user", "content": "After the above Action 0, here is the clip:\n<video>"},
                SOLVED]}]),
        [],
        [("What moves?", MOVES[1], "multiple choice", "B", [], [("I use <grounding>{}</grounding>.", [(3, 9)])],
          "It barks.")],
    ),
    "Charades-STA": (  # github.com/jiyanggao/TALL
        "charades_sta_train.txt",
        "a 24.3 30.4##a person opens the door.\nb 0.0 10##person sits.\n",
        SUFFIX,
        [("a person opens the door.", [], "grounding", "24.3-30.4", [], [], None),
         ("person sits.", [], "grounding", "0-10", [], [], None)],
    ),
    "ActivityNet Captions": (
        "train.json",
        json.dumps({"a": {"duration": 82.7, "timestamps": [[0.83, 19.86], [17.37, 60.81]],
                          "sentences": ["A dog barks.", " It sleeps."]}}),
        [*SUFFIX, "--column", "video=key", "--column", "question=sentences", "--column", "answer=timestamps",
         "--answer-lists", "each"],
        [("A dog barks.", [], "grounding", "0.83-19.86", [], [], None),
         ("It sleeps.", [], "grounding", "17.37-60.81", [], [], None)],
    ),
    "QVHighlights": (  # github.com/jayleicn/moment_detr
        "highlight_train_release.jsonl",
        lines({"qid": 1, "query": "A dog barks.", "duration": 150, "vid": "a", "relevant_clip_ids": [1, 4],
               "relevant_windows": [[8, 10], [2, 4]]}),
        [*SUFFIX, "--column", "question=query", "--column", "video=vid", "--column", "answer=relevant_windows"],
        [("A dog barks.", [], "grounding", "2-4, 8-10", [], [], None)],
    ),
    "a date that is no clue": (
        "dates.csv",
        "question,answer,video,timestamp\nWhat is seen?,A dog barks.,a.mp4,2024-01-02 10:00\n",
        [],
        [("What is seen?", [], "open-ended", "A dog barks.", [], [], None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPANS)
def test_rows_about_time_when_imported_keep_spans_and_rounds(place, name):
    file, content, flags, rows = SPANS[name]
    if file.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(content), place / file)
    else:
        (place / file).write_text(content, encoding="utf-8")
    imported(file, *flags)
    assert [
        (e.question, list(e.options), e.kind.value, e.answer, list(e.clues),
         [(thoughts, list(spans)) for thoughts, spans in e.rounds], e.rationale)
        for e in read_examples(Path("records.jsonl"))
    ] == rows  # fmt: skip
    (place / "again.jsonl").write_bytes(Path("records.jsonl").read_bytes())
    imported("again.jsonl")
    assert Path("records.jsonl").read_bytes() == (place / "again.jsonl").read_bytes()


def test_rows_with_tool_calls_are_for_agentic_sft_alone_and_rows_about_time_are_prepared(place):
    file, text, _, _ = SPANS["VideoTemp-o3, SFT with tool calls"]
    _, others, _, _ = SPANS["VideoTemp-o3, SFT without"]
    (place / file).write_text(text + others.replace("a.mp4", "b.mp4"), encoding="utf-8")
    _, said = imported(file)
    assert "prepare rl --agentic" in said and "prepare sft --agentic" in said
    flags = ["prepare", "sft", "--input", "records.jsonl", "--output", "sft.json"]
    status, _, err = run(*flags)
    assert status == 2 and err.count("\n") == 1 and "prepare sft --agentic" in err
    assert run(*flags, "--skip-invalid")[0] == 0
    rows = [row["messages"][1]["content"] for row in json.loads(Path("sft.json").read_text())]
    assert rows == [
        "<think>It barks.</think>\n<answer>24.3-30.42</answer>",
        "<think>It barks.</think>\n<answer>B</answer>",
    ]
    status, _, err = run("prepare", "rl", "--input-json", "records.jsonl", "--output-dir", "rl", "--val-size", 1)
    assert status == 0, err
    told = [row["extra_info"] for name in ("train", "test") for row in pq.read_table(f"rl/{name}.parquet").to_pylist()]
    assert sorted((info["problem_type"], info["answer"], info["clues"]) for info in told) == [
        ("grounding", "24.3-30.42", []),
        ("multiple choice", "B", []),
        ("multiple choice", "B", [[4.0, 5.25]]),
    ]


@pytest.mark.parametrize(
    ("name", "turns"),
    [
        ("VideoTemp-o3, SFT with tool calls", [("Where?", f"{SPAN % (3.0, 5.5)}, {SPAN % (8.0, 9.0)}"),
                                               ("Closer.", SPAN % (4.0, 5.0))]),
        ("LongVT, SFT", [("Where?", SPAN % (3.0, 5.5))]),
        ("Video-o3, SFT", [("I use <grounding>{}</grounding>.", SPAN % (3.0, 9.0))]),
    ],
)  # fmt: skip
def test_dialogues_of_all_systems_are_trained_in_one_form(place, name, turns):
    file, content, flags, _ = SPANS[name]
    if file.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(content), place / file)
    else:
        (place / file).write_text(content, encoding="utf-8")
    imported(file, *flags)
    flags = ["prepare", "sft", "--agentic", "--input", "records.jsonl", "--output", "sft.json"]
    assert run(*flags)[0] == 0
    said = [turn["content"] for turn in json.loads(Path("sft.json").read_text())[0]["messages"][2::2]]
    assert said[:-1] == [f"<think>{thoughts}</think>\n{CALL % spans}" for thoughts, spans in turns]
    record = json.loads(Path("records.jsonl").read_text().splitlines()[0])
    look = record["rounds"][0]
    for rounds, said in (
        ([look] * 4, "more than 3 rounds"),
        ([look | {"clues": [[1, 2]] * 4}], CallFault.TOO_MANY),
        ([look | {"clues": [[2, 1]]}], CallFault.REVERSED),
        ([look | {"clues": [[2, 2]]}], CallFault.REVERSED),
        ([look | {"think": ""}], "thoughts are needed"),
        ([look | {"clues": [["x", 2]]}], "field 'rounds': names no span of time"),
        (look, "not a list of objects with thoughts and spans"),
        ("look", "not a list of objects with thoughts and spans"),
    ):
        Path("records.jsonl").write_text(json.dumps(record | {"rounds": rounds}) + "\n")
        status, _, err = run(*flags)
        assert status == 2 and said in err and err.count("\n") == 1, err


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.mp4", "b.mp4", "sub/c.mp4", "sub/video7.mp4", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"video")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*argv: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = exit_status(lambda: main([*map(str, argv)]))
    return status, out.getvalue(), err.getvalue()


def imported(*argv: object) -> tuple[list[tuple[Any, ...]], str]:
    """Question, options, answer, video, label and rationale of every record, and what was printed."""
    status, out, err = run("import", *argv, "--output", "records.jsonl")
    assert status == 0, err
    examples = read_examples(Path("records.jsonl"))
    rows = [
        (e.question, list(e.options), e.answer, *e.videos, e.groups.get("task_type"), e.rationale) for e in examples
    ]
    return rows, out


def padded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row, None, None)[:6]


def refused(*argv: object) -> str:
    status, _, err = run("import", *argv, "--output", "records.jsonl")
    assert status == 2 and err.count("\n") == 1 and not Path("records.jsonl").exists(), err
    return err


@pytest.mark.parametrize("name", FORMS)
def test_a_public_form_when_imported_gives_the_sources_own_rows(place, name):
    file, text, flags, rows = FORMS[name]
    (place / file).write_text(text, encoding="utf-8")
    got, out = imported(file, *flags)
    assert got == [padded(row) for row in rows]
    assert ("(system)" in out) == ('"system"' in text)
    assert ("several turns" in out) == (name == "conversations of several turns")
    assert ("an instruction" in out) == (name == "conversations about options")


def test_an_answer_that_counts_is_never_guessed_at(place):
    for name in ("a0 to a4", "a1 to a5"):
        file, text, flags, _ = FORMS[name]
        (place / file).write_text(text, encoding="utf-8")
        own = [flag for flag in flags if flag not in FROM_0]
        assert "'1' of 3 options; if it counts them, say --answers from-0, or from-1" in refused(file, *own)


def test_questions_and_answers_in_two_files_are_joined_on_a_key(place):
    """EgoSchema: `option 0`, ..., and the answers in an object of their own, of which some belong to no question."""
    question = {
        "q_uid": "u1",
        "question": "What moves?",
        "option 0": "a cat",
        "option 1": "a dog",
        "option 2": "a bird",
    }
    others = [question | {"q_uid": "u2", "question": "Who?"}]
    (place / "questions.json").write_text(json.dumps([question, *others], indent=1))
    (place / "answers.json").write_text(json.dumps({"u1": 1, "u9": 2}))
    (place / "videos.csv").write_text("q_uid,clip\nu1,a.mp4\n")
    flags = ["--join", "answers.json", "--on", "q_uid", *FROM_0, "--column", "answer=value"]
    (place / "u1.mp4").write_bytes(b"video")
    named = [*flags, "--column", "video=q_uid", *SUFFIX]
    assert "item 2: field 'q_uid': no row of --join has this key: 'u2' is not in 'answers.json'" in refused(
        "questions.json", *named
    )
    got, out = imported("questions.json", *named, "--skip-invalid")
    assert got == [padded((*MOVES[:3], "u1.mp4"))] and "1 rows of --join 'answers.json' belong to no row" in out
    table = "uid,question,A,B,C,answer\nu1,What moves?,a cat,a dog,a bird,B\n"
    (place / "questions.csv").write_text(table)
    got, _ = imported("questions.csv", "--join", "videos.csv", "--on", "uid=q_uid", "--column", "video=clip")
    assert got == [padded(MOVES)]


def test_parquet_when_imported_is_read_in_batches_with_its_lists_and_objects(place):
    """Video-MME, CinePile (options as a list), LongVideoBench (a column an option, filled up)."""
    rows: list[dict[str, Any]]
    rows = [{"video_id": "001", "videoID": "a", "question": "What moves?", "answer": "B", "task_type": "Action",
             "options": ["A. a cat", "B. a dog", "C. a bird"], "meta": {"bytes": b"x", "path": "x"},
             "picture": b"x"}]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), place / "mme.parquet")
    assert "row 1: field 'video_id': video is not there: '001.mp4'" in refused("mme.parquet", *SUFFIX)
    got, out = imported("mme.parquet", *SUFFIX, "--column", "video=videoID")
    assert "not read, as there are bytes in them: meta, picture" in out
    assert got == [(*MOVES, "Action", None)]
    rows = [{"video_path": "a.mp4", "question": f"What moves {n}?", "option0": "a cat", "option1": "a dog",
             "option2": "a bird", "option3": "N/A", "correct_choice": 1} for n in range(2_500)]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), place / "lvb.parquet")
    got, out = imported("lvb.parquet", *FROM_0, "--none-cells", "missing")
    assert got[2_499] == padded(("What moves 2499?", *MOVES[1:])) and len(got) == 2_500
    assert "a Parquet file of 7 columns and 2,500 rows" in out


def test_parquet_maps_small_floats_and_columns_of_one_name_mean_what_they_hold(place):
    table = pa.Table.from_arrays([pa.array(["x"])] * 3, names=["question", "answer", "answer"])
    pq.write_table(table, place / "twice.parquet")
    assert "has the column 'answer' twice" in refused("twice.parquet")
    options = pa.array([[("B", "a dog"), ("A", "a cat"), ("C", "a bird")]], pa.map_(pa.string(), pa.string()))
    table = pa.table({"question": ["What moves?"], "options": options, "answer": ["B"], "video": ["a.mp4"]})
    pq.write_table(table, place / "map.parquet")
    assert imported("map.parquet")[0] == [padded(MOVES)]
    answers = pa.array([0.1, 3.3], pa.float32())
    table = pa.table({"question": ["How long?"] * 2, "answer": answers, "video": ["a.mp4"] * 2})
    pq.write_table(table, place / "float.parquet")
    assert [row[2] for row in imported("float.parquet")[0]] == ["0.1", "3.3"]


@pytest.mark.parametrize(
    ("file", "row", "flags", "says"),
    [
        ("d.csv", "question,answer,video\nHow?,1,a.mp4\n", FROM_0, "from-0 counts options, and there are none"),
        ("d.csv", "question,s1,s2,e1,e2,answer,video\nHow?,1,2,3,4,1,a.mp4\n", [],
         "two sets of columns that may be options"),
        ("d.csv", "question,s1,s2,answer,video\nHow?,x,y,a dog,a.mp4\n", [],
         "if these are no options, say so by --column options="),
        ("d.json", json.dumps([{"question": "How?", "gold": "x", "video": "a.mp4"}]), ["--column", "answer=label"],
         "field 'label': no such column: --column names it as the answer; there are 'question', 'gold', 'video'"),
        ("d.json", json.dumps([{"question": "How?", "answer": "x", "opts": ["x", "y"], "video": "a.mp4"}]),
         ["--column", "options=optoins"], "--column: no row of 'd.json' has 'optoins'"),
        ("d.json", json.dumps([{"q": "How?", "meta": {"gold": "x"}, "video": "a.mp4"}]), ["--column", "question=q"],
         "name it by --column answer=NAME; there are 'q', 'meta' (object of gold), 'video'"),
        ("d.json", json.dumps({"data": [{"question": "How?"}], "version": 1}), [],
         "name it by --column question=NAME, or its list of rows by --rows data; there are 'data' (list), 'version'"),
        ("d.json", json.dumps([llava("How?", "x", "Why?")]), [], "question and answer do not follow each other"),
        ("d.json", json.dumps([llava("What moves?\nA. a cat\nB. a dog\nSay why.", "a bird")]), [],
         "names no single option"),
        ("d.jsonl", lines({"question": "How?", "answer": ["x", "y"], "video": "a.mp4"}), [], "say --answer-lists each"),
        ("d.jsonl", lines({"question": "How?", "answer": "x", "path": "a.png"}), [], "a picture, and no video"),
        ("d.json", json.dumps({"question": "How?", "answer": "x"}, indent=1), [],
         "one object a line is read, or a list of objects"),
        ("d.parquet", "no Parquet", [], "is not Parquet"),
        ("d.csv", "question,answer,video\nHow?,x,a.mp4\n", ["--join", "d.csv"], "go together"),
        ("d.csv", "question,answer,video\nHow?,x,a.mp4\n", ["--join", "d.csv", "--on", "uid"], "has no column 'uid'"),
    ],
)  # fmt: skip
def test_what_may_mean_two_things_is_refused_in_a_sentence_that_names_the_way(place, file, row, flags, says):
    (place / file).write_text(row)
    assert says in refused(file, *flags)


@pytest.mark.parametrize("name", ["a0 to a4", "a member that holds the rows", "conversations", "messages in parts",
                                  "parquet"])  # fmt: skip
def test_what_has_to_be_imported_is_said_by_every_tool_with_the_command(place, name):
    """And the command that it prints is one that works, where no flag has to be chosen."""
    if name == "parquet":
        file = "mme.parquet"
        rows = [{"video": "a.mp4", "question": "How?", "options": ["x", "y"], "answer": "A"}]
        pq.write_table(pa.Table.from_pylist(rows), place / file)
    else:
        file, text, _, rows = FORMS[name]
        (place / file).write_text(text, encoding="utf-8")
    tools = [
        ["check", "--data", file, "--videos", "."],
        ["lint", "--data", file],
        ["stats", "--data", file],
        ["prepare", "sft", "--input", file, "--output", "sft.json"],
        ["prepare", "rl", "--input-json", file, "--output-dir", "rl"],
    ]
    for tool in tools:
        status, _, err = run(*tool)
        assert status == 2 and err.count("\n") == 1 and f"videokr import {file} --output " in err, (tool, err)
    if name in ("conversations", "messages in parts", "parquet"):
        command = shlex.split(err.partition("first: videokr ")[2])
        assert run(*command)[0] == 0 and len(list(read_examples(Path(command[-1])))) == len(rows)


def test_the_published_spellings_of_others_need_no_import(place):
    file, text, _, _ = FORMS["problem, process, and kinds of others"]
    (place / file).write_text(text)
    first, second = read_examples(place / file)
    assert (first.question, first.options, first.rationale) == (MOVES[0], tuple(MOVES[1]), "It barks.")
    assert (second.kind.value, second.groups) == ("open-ended", {"task_type": "regression"})
    status, out, err = run("prepare", "sft", "--input", file, "--output", "sft.json", "--no-rationale", "answer-only")
    assert status == 0 and "the format reward of GRPO gives a response without thoughts 0" in out, err
    assert [row["messages"][1]["content"] for row in json.loads(Path("sft.json").read_text())] == [
        "<think>It barks.</think>\n<answer>B</answer>",
        "<answer>3</answer>",
    ]
