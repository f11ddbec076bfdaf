"""`videokr import`: own data of any form becomes records that read back as they are, or is named and counted."""

import contextlib
import csv
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from faulty_videos import encode
from hypothesis import event, given
from hypothesis import strategies as st

from data_prep.importing.caption_folder import subtitle_text
from data_prep.importing.columns import Columns
from data_prep.importing.row import rows_of
from data_prep.importing.table import Table
from data_prep.importing.text_file import NOT_TEXT
from videokr.__main__ import main
from videokr.errors import exit_status
from videokr.example import parse_example
from videokr.jsonl import read_examples
from videokr.response import Kind
from videokr.video.manifest import read_manifest

QUESTION = "Describe what happens in this video."


class Done(NamedTuple):
    status: int
    out: str
    err: str


def run(*argv: object) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = exit_status(lambda: main(["import", *map(str, argv)]))
    return Done(status, out.getvalue(), err.getvalue())


def command(*argv: object) -> list[str]:
    return [sys.executable, "-m", "videokr", *map(str, argv)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with three videos; whether they are whole is not import's to see."""
    for name in ("a.mp4", "b.mp4", "sub/c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"video")
    return tmp_path


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def folder_of(source: Path) -> Path:
    return source if source.is_dir() else source.parent


def imported(source: Path, *flags: object) -> list[dict[str, object]]:
    """The records of a source that has to be good; each reads back as an example."""
    output = folder_of(source) / "records.jsonl"
    done = run(source, "--output", output, *flags)
    assert done.status == 0, done.err
    assert not list(output.parent.glob(".*partial"))
    records = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [example.id for example in read_examples(output)] == [record["id"] for record in records]
    return records


def refused(source: Path, *flags: object) -> str:
    """What is said of a source that ends the import: one line, and nothing is left behind."""
    output = folder_of(source) / "records.jsonl"
    done = run(source, "--output", output, *flags)
    assert done.status == 2 and done.err.startswith("error: ") and done.err.count("\n") == 1, done.err
    assert not output.exists() and not list(output.parent.glob(".*partial"))
    return done.err


# --- tables


CHOICE = {
    "question": "What moves?",
    "options": ["A. a cat", "B. a dog"],
    "problem_type": "multiple choice",
    "answer": "B",
    "videos": ["a.mp4"],
}
TABLES = {
    "commas": ("question,A,B,answer,video\nWhat moves?,a cat,a dog,B,a.mp4\n", {}),
    "semicolons": ("question;A;B;answer;video\nWhat moves?;a cat;a dog;B;a.mp4\n", {}),
    "tabs": ("question\tA\tB\tanswer\tvideo\nWhat moves?\ta cat\ta dog\tB\ta.mp4\n", {}),
    "commas in a table of semicolons": (
        "question;A;B;answer;video;a,b,c,d,e,f\nWhat moves?;a cat;a dog;B;a.mp4;1,2,3,4,5,6\n", {},
    ),
    "CRLF": ("question,A,B,answer,video\r\nWhat moves?,a cat,a dog,B,a.mp4\r\n", {}),
    "CR": ("question,A,B,answer,video\rWhat moves?,a cat,a dog,B,a.mp4\r", {}),
    "no break at the end": ("question,A,B,answer,video\nWhat moves?,a cat,a dog,B,a.mp4", {}),
    "BOM": ("\ufeffquestion,A,B,answer,video\nWhat moves?,a cat,a dog,B,a.mp4\n", {}),
    "everything quoted": ('"question","A","B","answer","video"\n"What moves?","a cat","a dog","B","a.mp4"\n', {}),
    "blanks after commas": ('question, A, B, answer, video\n"What moves?", "a cat", "a dog", B, a.mp4\n', {}),
    "blank lines": ("\n\nquestion,A,B,answer,video\n\nWhat moves?,a cat,a dog,B,a.mp4\n,,,,\n   \n", {}),
    "commas behind": ("question,A,B,answer,video,,\nWhat moves?,a cat,a dog,B,a.mp4,,,,\n", {}),
    "an unnamed index in front": (",question,A,B,answer,video\n0,What moves?,a cat,a dog,B,a.mp4\n", {}),
    "other case": ("Question,Option A,option-B,Correct Answer,Video Path\nWhat moves?,a cat,a dog,B,a.mp4\n", {}),
    "option1": ("question,option1,option2,answer,videoPath\nWhat moves?,a cat,a dog,B,a.mp4\n", {}),
    "choice_0": ("question,choice_1,choice_0,answer,path\nWhat moves?,a dog,a cat,b,./a.mp4\n", {}),
    "fewer options": ("question,A,B,C,D,answer,video\nWhat moves?,a cat,a dog,,,B,a.mp4\n", {}),
    "labels in the cells": ("question,A,B,answer,video\nWhat moves?,A. a cat,B. a dog,(B),a.mp4\n", {}),
    "answer as text": ("question,A,B,answer,video\nWhat moves?,a cat,a dog,A Dog,a.mp4\n", {}),
    "answer from 0": ("question,A,B,answer,video\nWhat moves?,a cat,a dog,1,a.mp4\n", {"--answers": "from-0"}),
    "answer from 1": ("question,A,B,answer,video\nWhat moves?,a cat,a dog,2.0,a.mp4\n", {"--answers": "from-1"}),
    "options as JSON": ('question,options,answer,video\nWhat moves?,"[""a cat"", ""a dog""]",B,a.mp4\n', {}),
    "options as an object": (
        'question,options,answer,video\nWhat moves?,"{""B"": ""a dog"", ""A"": ""a cat""}",B,a.mp4\n', {},
    ),
    "options as pandas writes them": (
        "question,options,answer,video\nWhat moves?,\"['a cat', 'a dog']\",B,a.mp4\n", {},
    ),
    "options with bars": ("question,options,answer,video\nWhat moves?,a cat | a dog,B,a.mp4\n", {}),
    "choices with bars": ('question,choices,answer,video\nWhat moves?,"a cat|a dog",B,a.mp4\n', {}),
    "Choice": ('question,Choice,answer,video\nWhat moves?,"[""a cat"", ""a dog""]",B,a.mp4\n', {}),
    "candidates": ("question,candidates,answer,video\nWhat moves?,\"['a cat', 'a dog']\",a dog,a.mp4\n", {}),
    "choices beside options": ("question,choices,options,answer,video\nWhat moves?,x|y|z,a cat|a dog,B,a.mp4\n", {}),
    "a choice beside letters": ("question,choice,A,B,answer,video\nWhat moves?,A,a cat,a dog,B,a.mp4\n", {}),
    "choices beside choice_a": (
        "question,choice_a,choice_b,choices,answer,video\nWhat moves?,a cat,a dog,x|y,B,a.mp4\n", {},
    ),
    "a choice that is the answer": (
        "question,choice,candidates,video\nWhat moves?,B,a cat|a dog,a.mp4\n", {"--column": ["answer=choice"]},
    ),
    "one of two that may be": (
        "question,choices,candidates,answer,video\nWhat moves?,x|y,a cat|a dog,B,a.mp4\n",
        {"--column": ["choices=candidates"]},
    ),
    "options in lines": ('question,options,answer,video\nWhat moves?,"A. a cat\nB. a dog",B,a.mp4\n', {}),
    "names of one's own": (
        "prompt_text,first,second,label,clip\nWhat moves?,a cat,a dog,B,a\n",
        {"--column": ["question=prompt_text", "option_a=first", "B=second", "solution=label", "video=clip"],
         "--video-suffix": ".mp4"},
    ),
    "a mapping wins over a spelling": (
        "question,answer,label,A,B,video\nWhat moves?,A,B,a cat,a dog,a.mp4\n", {"--column": ["answer=label"]},
    ),
    "a column that is to be left alone": (
        "question,question_type,A,B,answer,video\nWhat moves?,causal,a cat,a dog,B,a.mp4\n", {"--column": ["kind="]},
    ),
    "kinds": ("question,type,A,B,answer,video\nWhat moves?,MCQ,a cat,a dog,B,a.mp4\n", {"--column": ["kind=type"]}),
    "one question of all": ("A,B,answer,video\na cat,a dog,B,a.mp4\n", {"--question": "What moves?"}),
    "absolute path inside": ("question,A,B,answer,video\nWhat moves?,a cat,a dog,B,{place}/a.mp4\n", {}),
    "videos as a list": ('question,A,B,answer,videos\nWhat moves?,a cat,a dog,B,"[""a.mp4""]"\n', {}),
}  # fmt: skip


def as_flags(flags: dict[str, object]) -> list[object]:
    return [x for name, value in flags.items() for one in (value if isinstance(value, list) else [value])
            for x in (name, one)]  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_every_table_says_the_same(place, name):
    text, flags = TABLES[name]
    source = write(place / "data.csv", text.replace("{place}", str(place)))
    (record,) = imported(source, *as_flags(flags))
    assert {key: record[key] for key in CHOICE} == CHOICE
    assert record["id"].startswith("a-")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(place, encoding):
    source = write(place / "data.csv", "question,answer,video\nWie groß?,café 🎬,a.mp4\n", encoding)
    (record,) = imported(source)
    assert (record["question"], record["answer"]) == ("Wie groß?", "café 🎬")


@pytest.mark.parametrize(
    ("encoding", "name"), [("latin-1", "latin-1"), ("cp1252", "cp1252"), ("utf-16-le", "utf-16-le")]
)
def test_an_encoding_without_a_mark_is_asked_for_and_never_guessed(place, encoding, name):
    source = write(place / "data.csv", "question,answer,video\nHow much?,café,a.mp4\n", encoding)
    said = refused(source)
    assert "--encoding" in said
    if encoding != "utf-16-le":
        assert f"{source}, line 2: field 'answer': {NOT_TEXT}: byte 0xe9 after 'caf'" in said
    (record,) = imported(source, "--encoding", name)
    assert record["answer"] == "café"


def test_rows_of_another_encoding_alone_are_left_out(place):
    good, bad = b"How much?,5,a.mp4\n", b"How much?,caf\xe9,a.mp4\n"
    (place / "data.csv").write_bytes(b"question,answer,video\n" + bad + good)
    (record,) = imported(place / "data.csv", "--skip-invalid")
    assert record["answer"] == "5"


def test_quotes_and_line_breaks_in_cells(place):
    text = 'question,answer,video\r\n"He said ""go"",\r\nthen?","1, 2; 3\t4",a.mp4\r\nNext?,x,b.mp4\r\n,y,b.mp4\r\n'
    source = write(place / "data.csv", text)
    first, second = imported(source, "--skip-invalid")
    assert (first["question"], first["answer"]) == ('He said "go",\nthen?', "1, 2; 3\t4")
    assert second["question"] == "Next?"
    (left,) = listed(source)
    assert (left["line"], left["field"], left["reason"]) == (5, "question", "missing")  # the row begins there


def listed(source: Path) -> list[dict[str, object]]:
    text = (source.parent / "records.left_out.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


NUMBERS = [
    "0",
    "5.0",
    "1e-3",
    "007",
    "3,5",
    "1.000,25",
    "-0",
    "+4",
    "1E5",
    ".5",
    "100000000000000000000000000001",
    "5%",
]


def test_numbers_keep_their_text_in_tables(place):
    rows = "".join(f"How much {n}?;{number};a.mp4\n" for n, number in enumerate(NUMBERS))
    records = imported(write(place / "data.csv", f"question;answer;video\n{rows}"))
    assert [record["answer"] for record in records] == NUMBERS


@pytest.mark.parametrize("as_list", [False, True])
def test_numbers_keep_their_text_in_json(place, as_list):
    numbers = ["0", "5.0", "1e-3", "-0", "1E5", "100000000000000000000000000001", "1.10"]
    lines = [
        f'{{"id": {n}.50, "question": "How much?", "answer": {x}, "video": "a.mp4"}}' for n, x in enumerate(numbers)
    ]
    text = f"[{', '.join(lines)}]" if as_list else "\n".join(lines)
    records = imported(write(place / "data.json", text))
    assert [record["answer"] for record in records] == numbers
    assert records[0]["id"] == "0.50"


@pytest.mark.parametrize("cell", ["None", "NaN", "nan", "null", "N/A", "#N/A", "<NA>", "NA"])
def test_cells_that_may_be_nothing_are_asked_about(place, cell):
    source = write(place / "data.csv", f"question,answer,video,subject\nHow many?,{cell},a.mp4,x\nOr?,3,a.mp4,{cell}\n")
    assert "line 2: field 'answer': may mean that nothing is there" in refused(source)
    records = imported(source, "--none-cells", "text")
    assert records[0]["answer"] == records[1]["subject"] == cell
    (record,) = imported(source, "--none-cells", "missing", "--skip-invalid")
    assert (record["question"], record["subject"]) == ("Or?", "")


def test_sodium_is_no_missing_cell(place):
    (record,) = imported(write(place / "data.csv", "question,answer,video\nWhich metal?,Na,a.mp4\n"))
    assert record["answer"] == "Na"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("How?,x", "too few cells: 2 for 3 columns"),
        ("How?,x,a.mp4,more", "too many cells: 4 for 3 columns"),
        ('How?,"x" y,a.mp4', "broken quotes: text follows a closing quote"),
        ('How?,"x,a.mp4', "broken quotes: a quote opens and never closes"),
        ("question,answer,video", "the header again"),
        (",x,a.mp4", "field 'question': missing"),
        ("How?,,a.mp4", "field 'answer': missing"),
        ("How?,x,", "field 'video': missing"),
        ("How?,<answer></answer>,a.mp4", "field 'answer': the answer block is empty"),
        ("<|im_end|>How?,x,a.mp4", "a mark that the hosts reserve"),
        ("How?,x,https://example.org/a.mp4", "video is an address: 'https://example.org/a.mp4': download it"),
        ("How?,x,../a.mp4", "outside of the folder"),
        ("How?,x,sub/../../a.mp4", "outside of the folder"),
        ("How?,x,/etc/hostname", "outside of the folder"),
        ("How?,x,nowhere.mp4", "video is not there: 'nowhere.mp4'"),
        ("How?,x,sub", "video is not there: 'sub'"),
        ("How?,x,a", "--video-suffix"),
        ("How?,x,sub\\c.mp4", "video is not there: 'sub\\\\c.mp4' below"),
        ("How?,x,nul\0.mp4", "video is not there"),
        ("How?,x,link.mp4", "a link that leads outside"),
        ("Why?,x,a.mp4", "the same record stands before"),
    ],
)
def test_a_row_that_cannot_be_a_record_is_named_or_left_out(place, row, reason):
    (place / "link.mp4").symlink_to("/etc/hostname")
    source = write(place / "data.csv", f"question,answer,video\nWhy?,x,a.mp4\n{row}\n")
    said = refused(source)
    assert f"{source}, line 3: field" in said and reason in said
    flag = "--skip-missing-video" if "not there" in reason or "suffix" in reason else "--skip-invalid"
    assert flag in said
    (record,) = imported(source, flag)
    assert record["question"] == "Why?"
    (left,) = listed(source)
    assert left["line"] == 3 and str(left["reason"]) in said


@pytest.mark.parametrize("answer", ["B", "(B)", "[C]", "D.", "Z", "(b)", "b)", "Option B", "<answer>B</answer>"])
@pytest.mark.parametrize("header", ["alternatives", "options"])
def test_the_letter_of_an_option_is_no_open_ended_answer(place, answer, header):
    options = "red|blue" if header == "alternatives" else ""
    source = write(
        place / "data.csv", f"question,{header},answer,video\nHow?,,x,b.mp4\nWhich?,{options},{answer},a.mp4\n"
    )
    said = refused(source)
    assert f"{source}, line 3: field 'answer': answer is the letter of an option, and there are no options" in said
    assert ("nothing in 'options'" if header == "options" else "--column options=NAME") in said
    (record,) = imported(source, "--skip-invalid")
    assert record["question"] == "How?" and [left["line"] for left in listed(source)] == [3]


def test_a_letter_is_an_answer_where_it_is_said_to_be_one(place):
    table = write(place / "data.csv", "question,type,answer,video\nWhich metal?,free-form,K,a.mp4\n")
    for flag in ("kind=type", "options="):
        (record,) = imported(table, "--column", flag)
        assert (record["problem_type"], record["answer"]) == ("open-ended", "K")
    rows = "".join(
        f"Which {n}?,{answer},a.mp4\n" for n, answer in enumerate(("Na", "B12", "7", "A dog", "A or B", "x"))
    )
    assert len(imported(write(place / "data.csv", f"question,answer,video\n{rows}"))) == 6


def test_options_in_the_question_are_options_of_its_letter(place):
    source = write(place / "data.csv", 'question,answer,video\n"Which?\nA. red\nB. blue",B,a.mp4\n')
    for flags in ([], ["--column", "options="]):
        (record,) = imported(source, *flags)
        assert (record["options"], record["answer"]) == (["A. red", "B. blue"], "B")


def test_a_broken_row_spoils_no_other(place):
    text = 'question,answer,video\nOne?,x,a.mp4\nTwo?,"x" y,a.mp4\nThree?,x\nFour?,x,a.mp4\n'
    records = imported(write(place / "data.csv", text), "--skip-invalid")
    assert [record["question"] for record in records] == ["One?", "Four?"]


def test_a_link_outside_is_taken_where_asked_for(place, tmp_path_factory):
    (place / "link.mp4").symlink_to(tmp_path_factory.mktemp("out") / "v.mp4")
    (place / "link.mp4").resolve().write_bytes(b"video")
    (place / "inside.mp4").symlink_to("a.mp4")
    source = write(place / "data.csv", "question,answer,video\nHow?,x,link.mp4\nHow?,x,inside.mp4\n")
    assert "leads outside" in refused(source)
    assert [r["videos"] for r in imported(source, "--follow-links")] == [["link.mp4"], ["inside.mp4"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\ufeff", "is empty"),
        ("\n \n", "is empty"),
        ("question,answer,video\n", "no record in it"),
        ("What moves?,a dog,a.mp4\nHow many?,3,a.mp4\n", "has no header"),
        ("question,answer\nHow?,x\n", "no known column of the video: name it by --column video=NAME"),
        ("q,a,video\nHow?,x,a.mp4\n", "no known column of the question, answer"),
        ("question,question,answer,video\nHow?,x,y,a.mp4\n", "the header has 'question' twice"),
        ("question,option_a,option_c,answer,video\nHow?,x,y,A,a.mp4\n", "option columns with a gap"),
        ("question,A,B,option1,option2,answer,video\nHow?,x,y,x,y,A,a.mp4\n", "two sets of option columns"),
        ("question,choices,candidates,answer,video\nHow?,x|y,x|y,A,a.mp4\n", "two columns that may hold the options"),
        ("question,A,B,C,answer,video\nHow?,x,,y,A,a.mp4\n", "line 2: field 'B': an option is empty"),
        ("question,A,B,answer,video\nHow?,x,,A,a.mp4\n", "field 'A ... B': a multiple-choice question needs two"),
        ("question,options,answer,video\nHow?,only one,A,a.mp4\n", "needs two or more options"),
        ("question,options,answer,video\nHow?,x||y,A,a.mp4\n", "an option is empty"),
        ("question,options,answer,video\nHow?,\"['x' 'y']\",A,a.mp4\n", "needs two or more options"),
        ("question,A,B,answer,video\nHow?,x,y,C,a.mp4\n", "field 'answer': names no single option: 'C' of 2 options"),
        ("question,A,B,answer,video\nHow?,x,y,1,a.mp4\n", "if it counts them, say --answers from-0, or from-1"),
        ("question,A,B,answer,video\nHow?,x,x,x,a.mp4\n", "names no single option"),
        ("question,A,B,answer,video\nHow?,B,x,B,a.mp4\n", "may mean two options: 'B' is a letter, and the text of"),
        ("id,question,answer,video\n1,How?,x,a.mp4\n1,Why?,x,a.mp4\n", "line 3: field 'id': the id stands before"),
    ],
)  # fmt: skip
def test_tables_that_end_the_import(place, text, says):
    assert says in refused(write(place / "data.csv", text))


@pytest.mark.parametrize(
    ("form", "answers"), [("letter", ["B", "B"]), ("text", ["A", "A"]), ("from-0", None), ("from-1", None)]
)
def test_what_an_answer_means_is_said_by_a_flag(place, form, answers):
    source = write(place / "data.csv", "question,A,B,answer,video\nHow?,B,x,B,a.mp4\nWhy?,B,A,B,a.mp4\n")
    if answers is None:
        assert f"counted from {form[-1]}" in refused(source, "--answers", form)
    else:
        assert [record["answer"] for record in imported(source, "--answers", form)] == answers


@pytest.mark.parametrize(
    ("form", "index", "says"), [("from-0", "2", None), ("from-1", "0", None), ("from-1", "3", None)]
)
def test_an_index_beyond_the_options_is_a_fault(place, form, index, says):
    source = write(place / "data.csv", f"question,A,B,answer,video\nHow?,x,y,{index},a.mp4\n")
    assert f"names no single option: '{index}' of 2 options, counted" in refused(source, "--answers", form)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.csv", "question,A,B,C,answer,video\nHow many?,3,2,1,1,a.mp4\n"),
        ("data.json", '[{"question": "How many?", "options": ["4", "3", "1"], "answer": 1, "video": "a.mp4"}]'),
    ],
)
def test_a_number_that_is_an_option_s_text_and_may_count_them_is_refused(place, name, text):
    """TOMATO's answers count, and its options are numbers; a table does not tell numbers from texts."""
    source = write(place / name, text)
    done = run(source, "--output", place / "records.jsonl")
    assert done.status == 2 and "may mean two options: '1' is the text of option C" in done.err
    for form, letter in (("text", "C"), ("from-0", "B"), ("from-1", "A")):
        assert imported(source, "--answers", form)[0]["answer"] == letter


def test_a_text_that_is_an_option_s_is_that_option(place):
    row = {"question": "How many?", "options": ["4", "3", "1"], "answer": "1", "video": "a.mp4"}
    assert imported(write(place / "data.json", json.dumps([row])))[0]["answer"] == "C"
    assert (
        imported(write(place / "data.csv", "question,A,B,answer,video\nHow many?,12,9,9,a.mp4\n"))[0]["answer"] == "B"
    )


def test_a_question_behind_the_options_is_kept_and_an_instruction_is_not(place):
    asked = "Which?\nA. red\nB. blue\n{}"
    for behind, question in (
        ("The man says: wait.\nWhat colour is the car?", "Which?\nThe man says: wait.\nWhat colour is the car?"),
        ("Consider the second scene.", "Which?\nConsider the second scene."),
        ("Answer with the option's letter.", "Which?"),
    ):
        turns = [{"from": "human", "value": asked.format(behind)}, {"from": "gpt", "value": "B"}]
        record = imported(write(place / "data.json", json.dumps([{"conversations": turns, "video": "a.mp4"}])))[0]
        assert (record["question"], record["options"], record["answer"]) == (question, ["A. red", "B. blue"], "B")


@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_a_list_of_rows_that_is_in_no_row_is_said(place, flags):
    row = {"question": "What?", "answer": "a car", "video": "a.mp4"}
    source = write(place / "data.json", json.dumps([row]))
    done = run(source, "--rows", "nosuch", "--output", place / "records.jsonl", *flags)
    assert done.status == 2 and "--rows: no row of" in done.err and "'nosuch'" in done.err


def test_a_cell_of_ten_megabytes(place):
    source = place / "data.csv"
    write(source, f'question,think,answer,video\nHow?,"{"word, " * 1_700_000}",x,a.mp4\nWhy?,,x,a.mp4\n')
    first, second = imported(source)
    assert len(first["think"]) > 10_000_000 and second["think"] == ""


def test_a_quote_that_never_closes_takes_no_more_than_its_row_into_memory(place, monkeypatch):
    monkeypatch.setattr("data_prep.importing.table.MAX_CELL_CHARS", 10_000)
    rows = "".join(f"How {n}?,x,a.mp4\n" for n in range(2_000))
    source = write(place / "data.csv", f'question,answer,video\nWhy?,"x,a.mp4\n{rows}')
    assert "line 2" in (said := refused(source)) and "never closes" in said
    records = imported(source, "--skip-invalid")
    assert 1_000 < len(records) < 2_000 and records[-1]["question"] == "How 1999?"
    csv.field_size_limit(131_072)


# --- JSON


def test_json_with_other_names_and_mixed_options(place):
    rows = [
        {
            "q": "One?",
            "choices": ["a cat", "a dog"],
            "gold": "a dog",
            "clip": "a.mp4",
            "reasoning": "Seen.",
            "extra": 1,
        },
        {"q": "Two?", "choices": {"B": "a dog", "A": "a cat"}, "gold": "b", "clip": ["a.mp4", {"path": "b.mp4"}]},
        {"q": "Three?", "choices": "A. a cat\nB. a dog", "gold": "(B)", "clip": {"video": "sub/c.mp4"}},
        {"q": "Four?", "choices": [1, 2.50], "gold": 2.50, "clip": "a.mp4", "subject": "Physics"},
        {"q": "Five?", "choices": None, "gold": "three", "clip": "a.mp4", "subject": None},
    ]
    lines = [json.dumps(row).replace("2.5,", "2.50,").replace("2.5]", "2.50]") for row in rows]
    flags = [
        "--column",
        "question=q",
        "--column",
        "options=choices",
        "--column",
        "answer=gold",
        "--column",
        "video=clip",
    ]
    source = write(place / "data.jsonl", "\ufeff" + "\r\n\r\n".join(lines))
    records = imported(source, *flags)
    assert [record["answer"] for record in records] == ["B", "B", "B", "B", "three"]
    assert records[1]["videos"] == ["a.mp4", "b.mp4"] and records[3]["options"] == ["A. 1", "B. 2.50"]
    assert [record["think"] for record in records] == [""] * 5  # `reasoning` is not taken unasked
    done = run(source, "--output", place / "records.jsonl", *flags)
    assert "not used: reasoning, extra" in done.out and "--column rationale=reasoning" in done.out
    assert "5   for RL and evaluation" in done.out
    assert imported(source, *flags, "--column", "rationale=reasoning")[0]["think"] == "Seen."
    write(place / "data.json", "[" + ",\n".join(lines) + "]")
    assert imported(place / "data.json", *flags) == records


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{oops", "line 2: field '(record)': not JSON"),
        ("[1]", "line 2: field '(record)': not a JSON object: list"),
        ('"x"', "not a JSON object: str"),
        ("[" * 100_000, "not JSON"),
        ('{"question": {"a": 1}, "answer": "x", "video": "a.mp4"}', "line 2: field 'question': not text: dict"),
        ('{"question": "How?", "answer": ["x", "y"], "video": "a.mp4"}', "field 'answer': a list of answers: 2 of"),
        ('{"question": "How?", "answer": true, "video": "a.mp4"}', "field 'answer': not text: bool"),
        ('{"question": "How?", "answer": NaN, "video": "a.mp4"}', "field 'answer': missing"),
        ('{"question": "How?", "answer": "x", "video": 3.5}', "video is not there: '3.5'"),
        ('{"question": "How?", "answer": "x", "video": []}', "field 'video': missing"),
        ('{"question": "How?", "answer": "x", "video": [null]}', "field 'video': a video is not a path"),
        ('{"question": "How?", "options": [["x"]], "answer": "A", "video": "a.mp4"}', "field 'options': not text"),
        ('{"question": "How? \\ud83d", "answer": "x", "video": "a.mp4"}', "half of a surrogate pair"),
        ('{"text": "How?"}', "field 'question': missing: name it by --column question=NAME"),
    ],
)  # fmt: skip
def test_lines_that_cannot_be_records(place, line, says):
    good = '{"question": "Why?", "answer": "x", "video": "a.mp4"}'
    source = write(place / "data.jsonl", f"{good}\n{line}\n")
    assert says in refused(source)
    assert len(imported(source, "--skip-invalid", "--skip-missing-video")) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("[]", "is empty"),
        ("[ \n ]", "is empty"),
        ('{"data":\n [1]}', "one object a line is read, or a list of objects"),
        ('[{"question": "Why?", "answer": "x", "video": "a.mp4"}, {"oops', "item 2: field '(record)': not JSON"),
        ('[{"question": "Why?", "answer": "x", "video": "a.mp4"}] [', "something follows the list"),
        ('[{"question": "Why?", "answer": "x", "video": "a.mp4"}, 3]', "item 2: field '(record)': not a JSON object"),
    ],
)
def test_json_files_that_end_the_import(place, text, says):
    assert says in refused(write(place / "data.json", text))


def test_a_list_is_read_across_its_pieces(place, monkeypatch):
    monkeypatch.setattr("data_prep.importing.json_file.PIECE_CHARS", 7)
    rows = [{"question": f"How {n}? [{{\"é'", "answer": "x" * n, "video": "a.mp4"} for n in range(1, 40)]
    for indent in (None, 1):
        records = imported(write(place / "data.json", json.dumps(rows, indent=indent, ensure_ascii=False)))
        assert [record["question"] for record in records] == [row["question"] for row in rows]


# --- folders


NAMES = [
    "plain",
    "with space and 'quotes\" & ;",
    "line\nbreak",
    "видео 影片",
    "sub/two",
    "sub/deep/three",
    "UPPER",
    ".x",
]


def test_a_folder_of_captions(tmp_path):
    folder = tmp_path / "clips"
    for number, name in enumerate(NAMES):
        video = folder / f"{name}.{'MP4' if name == 'UPPER' else 'mp4'}"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b"video")
        video.with_suffix(".txt").write_bytes(f"\ufeffCaption {number}.\r\nIt ends.\r\n".encode())
    records, output = imported(folder), folder / "records.jsonl"
    assert {tuple(r["videos"]) for r in records} == {(f"{n}.{'MP4' if n == 'UPPER' else 'mp4'}",) for n in NAMES}
    by_video = {record["videos"][0]: record for record in records}
    for number, name in enumerate(NAMES):
        record = by_video.get(f"{name}.mp4") or by_video[f"{name}.MP4"]
        assert (record["question"], record["answer"]) == (QUESTION, f"Caption {number}.\nIt ends.")
        assert record["problem_type"] == Kind.OPEN_ENDED.value and "\n" not in record["id"]
    first = output.read_bytes()
    assert imported(folder, "--question", "What is seen?")[0]["question"] == "What is seen?"
    assert imported(folder) and output.read_bytes() == first
    (record, *_) = records = imported(folder / "sub", "--videos", folder)
    assert len(records) == 2 and record["videos"] == ["sub/two.mp4"]
    assert "does not lie in" in run(folder, "--videos", folder / "sub", "--dry-run").err


def test_what_is_wrong_in_a_folder_is_counted_and_listed(place, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    write(outside / "secret.txt", "secret")
    (outside / "v.mp4").write_bytes(b"video")
    faults = {
        "video without a caption": ("b.mp4", "dup.mkv", "dup.mp4"),  # two of which have one together, below
        "caption without a video": ("orphan.txt", "lone.en.srt"),
        "a folder called like a video": ("folder.mp4",),
        "a link to a folder, which is not followed": ("linked",),
        "not text of its encoding": ("latin.txt",),
        "an empty caption": ("empty.txt",),
        "no subtitle in it": ("none.srt",),
        "a video has several captions": ("many.mp4",),
        "a link that leads outside": ("peek.txt", "away.txt"),
        "not a file": ("pipe.txt",),
        "a name that no record can hold": (" blank.txt", "bytes\\udcff.txt"),
        "video is not there": ("dangling.txt",),
    }
    write(place / "a.txt", "fine")
    (place / "sub" / "c.txt").write_bytes("fine, too".encode("utf-16"))
    write(place / "orphan.txt", "x")
    write(place / "lone.en.srt", "x")
    (place / "folder.mp4").mkdir()
    (place / "linked").symlink_to(outside)
    beside = {
        "latin.txt": b"caf\xe9",
        "empty.txt": b" \n",
        "none.srt": b"words",
        "many.txt": b"x",
        "many.vtt": b"x",
        " blank.txt": b"x",
    }
    for name, data in beside.items():
        (place / name).write_bytes(data)
        (place / name).with_suffix(".mp4").write_bytes(b"video")
    for name in ("dup.mkv", "dup.mp4", "peek.mp4", "pipe.mp4"):
        (place / name).write_bytes(b"video")
    (place / "peek.txt").symlink_to(outside / "secret.txt")
    (place / "away.mp4").symlink_to(outside / "v.mp4")
    write(place / "away.txt", "x")
    os.mkfifo(place / "pipe.txt")
    os.close(os.open(os.fsencode(place) + b"/bytes\xff.mp4", os.O_CREAT | os.O_WRONLY))
    os.close(os.open(os.fsencode(place) + b"/bytes\xff.txt", os.O_CREAT | os.O_WRONLY))
    (place / "dangling.mp4").symlink_to("nothing.mp4")
    write(place / "dangling.txt", "x")

    assert "--skip-invalid leaves such rows out" in refused(place)
    output = place / "records.jsonl"
    done = run(place, "--output", output, "--skip-invalid", "--skip-missing-video")
    assert done.status == 0, done.err
    answers = [json.loads(line)["answer"] for line in output.read_text().splitlines()]
    assert answers == ["fine", "fine, too"]
    found = {(str(left["reason"]), str(left["detail"])) for left in listed(output)}
    wanted = {(reason, name) for reason, names in faults.items() for name in names}
    for reason, name in wanted:
        assert any(reason == own and (detail.startswith(repr(name))) for own, detail in found), (reason, name, found)
    assert len(found) == len(wanted)
    write(place / "dup.txt", "x")
    done = run(place, "--output", output, "--skip-invalid", "--skip-missing-video")
    assert "left out 1: several videos have one caption" in done.out


def test_captions_by_their_ending(place):
    write(place / "a.txt", "text")
    write(place / "a.json", '{"metadata": 1}')
    write(place / "a.en.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nenglish\n")
    write(place / "a.de.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\ndeutsch\n")
    assert "a video has several captions" in refused(place)
    for ending, answer in (("txt", "text"), (".en.vtt", "english"), ("de.vtt", "deutsch")):
        assert [record["answer"] for record in imported(place, "--captions", ending)] == [answer]
        (place / "records.jsonl").unlink()
    assert "captions end in .txt, .srt" in refused(place, "--captions", "docx")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo,\n3.\n", "One. Two, 3."),
        ("1\n00:00:01,000 --> 00:00:02,000\n<i>It</i> {\\an8}is &lt; 5 &amp; more\n", "It is < 5 & more"),
        ("WEBVTT - title\n\nNOTE\nno\n\nSTYLE\n::cue {}\n\nid\n00:01.000 --> 00:02.000 align:start\n<v Ann>Hi\n", "Hi"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\na b\n\n00:02.000 --> 00:03.000\na b\nc<00:02.500><c> d</c>\n", "a b c d"),
        ("1\n0:00:01.0 --> 0:00:02.0\n\n", ""),
        ("just words\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_subtitles_without_their_times(text, said):
    assert subtitle_text(text) == said


# --- ids, output, summary


def test_ids_are_stable_and_of_the_content(place):
    rows = ["How?,x,a.mp4", "Why?,x,a.mp4", "How?,x,sub/c.mp4"]
    source = place / "data.csv"
    first = imported(write(source, "\n".join(["question,answer,video", *rows])))
    again = imported(write(source, "\n".join(["question,answer,video", *reversed(rows)])))
    assert [record["id"] for record in again] == [record["id"] for record in reversed(first)]
    assert len({record["id"] for record in first}) == 3 and first[2]["id"].startswith("c-")


def test_an_id_of_a_video_is_no_id_of_a_record(place):
    source = write(place / "data.csv", "id,question,answer,video\nv1,How?,x,a.mp4\nv1,Why?,x,a.mp4\n")
    assert "--column id= makes ids" in refused(source)
    assert len({record["id"] for record in imported(source, "--column", "id=")}) == 2
    assert [record["id"] for record in imported(source, "--skip-invalid")] == ["v1"]


def test_a_file_name_is_the_video_and_no_id(place):
    source = write(place / "data.csv", "file_name,question,answer\na.mp4,How?,x\na.mp4,Why?,x\n")
    assert [record["videos"] for record in imported(source)] == [["a.mp4"]] * 2


def test_the_summary_for_a_reader_and_a_program(place):
    text = (
        "question,A,B,answer,video,think,license,Fach\n"
        "What moves?,a cat,a dog,B,a.mp4,It barks.,MIT,Bio\nHow many?,,,3,a.mp4,,MIT,\n"
        "How?,,,,b.mp4,,,\nHow?,,,x,n.mp4,,,\n"
    )
    source, output = write(place / "my data.csv", text), place / "my records.jsonl"
    flags = ["--column", "subject=Fach", "--skip-invalid", "--skip-missing-video", "--json", place / "s.json"]
    done = run(source, "--output", output, *flags)
    assert done.status == 0
    assert json.loads((place / "s.json").read_text()) == {
        "source": "a table of 8 columns, parted by commas, utf-8",
        "records": 2,
        "kinds": {"multiple choice": 1, "open-ended": 1},
        "videos": 1,
        "with_rationale": 1,
        "with_rounds": 0,
        "without_rationale": 1,
        "left_out": {"missing": 1, "video is not there": 1},
        "columns": {
            "question": {"question": 4},
            "options": {"A": 1, "B": 1},
            "rationale": {"think": 1},
            "answer": {"answer": 3},
            "video": {"video": 4},
            "subject": {"Fach": 1},
        },
        "not_used": {"license": 2},
        "nothing_in": [],
    }
    assert f"videokr check --data '{output}' --videos {place}" in done.out
    assert f"videokr prepare sft --input '{output}' --media-dir {place}" in done.out
    assert "SFT: --no-rationale" in done.out and "not used: license" in done.out
    assert "left out 1: missing" in done.out and str(place / "my records.left_out.jsonl") in done.out


def test_without_any_rationale_sft_is_offered_on_the_answers(place):
    source = write(place / "data.csv", "question,answer,video\nHow?,x,a.mp4\n")
    done = run(source, "--output", place / "records.jsonl")
    assert "without a rationale              1   for RL and evaluation; SFT: --no-rationale" in done.out
    assert "prepare rl" in done.out and "--no-rationale answer-only" in done.out


def test_a_named_column_that_is_never_filled_is_told(place):
    source = write(place / "data.jsonl", '{"question": "How?", "answer": "x", "video": "a.mp4"}\n')
    done = run(source, "--dry-run", "--column", "subject=topic")
    assert done.status == 0 and "nothing in: topic" in done.out


def test_a_dry_run_shows_ten_records_and_writes_nothing(place):
    rows = "".join(f"How {n}?,x,a.mp4,1\n" for n in range(30))
    source = write(place / "data.csv", f"question,answer,video,note\n,x,a.mp4,\n{rows}")
    before = sorted(place.rglob("*"))
    done = run(source, "--dry-run", "--skip-invalid")
    assert done.status == 0 and sorted(place.rglob("*")) == before
    shown = [json.loads(line) for line in done.out.splitlines() if line.startswith("{")]
    assert len(shown) == 10 and "not used: note" in done.out and "question   from question" in done.out
    assert "left out 1 before the last of these: missing" in done.out
    imported(source, "--skip-invalid")
    assert [json.loads(line) for line in (place / "records.jsonl").read_text().splitlines()][:10] == shown


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("data.csv", "question,answer,video\n", "'question', 'answer', 'video'"),
        ("data.csv", "question,answer,video\nHow?,x,nowhere.mp4\n", "'question', 'answer', 'video'"),
        ("data.jsonl", '{"q": "How?", "a": "x"}\n', "'q', 'a'"),
    ],
)
def test_a_dry_run_without_any_record_names_the_columns_and_ends_with_status_2(place, name, text, columns):
    done = run(write(place / name, text), "--dry-run", "--skip-invalid", "--skip-missing-video")
    assert done.status == 2 and done.out.startswith("read ") and "no record in it" in done.err
    assert done.err.endswith(f"columns found: {columns}\n")


@pytest.mark.parametrize(
    ("source", "flags", "says"),
    [
        ("nowhere.csv", ["--output", "r.jsonl"], "is not there"),
        ("data.xlsx", ["--output", "r.jsonl"], "spreadsheets save as CSV"),
        ("data.csv", [], "--output is missing"),
        ("data.csv", ["--output", "r.csv"], "call it NAME.jsonl"),
        ("data.jsonl", ["--output", "data.jsonl"], "would overwrite"),
        ("data.jsonl", ["--output", "link.jsonl"], "would overwrite"),
        ("r.left_out.jsonl", ["--output", "r.jsonl"], "would overwrite"),
        ("data.jsonl", ["--output", "r.jsonl", "--json", "sub/../data.jsonl"], "would overwrite"),
        ("data.jsonl", ["--output", "r.jsonl", "--json", "r.jsonl"], "would overwrite"),
        ("cut.csv", ["--output", "r.jsonl"], "is not utf-16 text"),
        ("data.jsonl", ["--output", "sub.jsonl"], "cannot be written"),
        ("data.csv", ["--output", "sub", "--dry-run", "--column", "colour=x"], "FIELD one of id, question"),
        ("data.csv", ["--dry-run", "--column", "question"], "FIELD=COLUMN is asked for"),
        ("data.csv", ["--dry-run", "--column", "answer=nowhere"], "has no column 'nowhere'"),
        ("data.csv", ["--dry-run", "--column", "option_b=answer"], "without a gap"),
        ("data.csv", ["--dry-run", "--encoding", "klingon"], "is unknown"),
        ("data.csv", ["--dry-run", "--encoding", "base64"], "is unknown"),
        ("data.csv", ["--dry-run", "--videos", "nowhere"], "--videos 'nowhere' is not there"),
        ("data.csv", ["--dry-run", "--question", " "], "--question is empty"),
        ("data.csv", ["--dry-run", "--captions", "txt"], "--captions is for folders"),
    ],
)
def test_mistakes_end_in_one_line(place, monkeypatch, source, flags, says):
    monkeypatch.chdir(place)
    write(place / "data.csv", "question,answer,video\nHow?,x,a.mp4\n")
    write(place / "data.xlsx", "PK")
    for name in ("data.jsonl", "r.left_out.jsonl"):
        write(place / name, '{"question": "How?", "answer": "x", "video": "a.mp4"}\n')
    (place / "link.jsonl").symlink_to("data.jsonl")
    (place / "sub.jsonl").mkdir()
    (place / "cut.csv").write_bytes("question,answer,video\nHow?,x,a.mp4\n".encode("utf-16")[:-1])
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    done = run(source, *flags)
    assert done.status == 2 and says in done.err and done.err.count("\n") == 1, done.err
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_a_failure_keeps_the_former_output(place):
    source, output = place / "data.csv", place / "records.jsonl"
    imported(write(source, "question,answer,video\nHow?,x,a.mp4\n"))
    before = output.read_bytes()
    write(source, "question,answer,video\nHow?,x,a.mp4\nWhy?,,a.mp4\n")
    assert run(source, "--output", output).status == 2 and output.read_bytes() == before


# --- laws


TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["A", "b", "1", "NaN", "A. x\nB. y", "x|y", "['x', 'y']", '["x", 1.0]', "<video>Q", "a\r\nb", '"',
                     "<think>t</think>", "<answer>A</answer>", "Options:\nA. x\nB. y", "{}", "[", "007", "x. A", " "]),
)  # fmt: skip
COLUMNS = ["id", "question", "options", "A", "B", "C", "problem_type", "think", "answer", "video", "subject"]
VIDEOS = st.sampled_from(["a.mp4", "b.mp4"])
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, TEXTS) | {"video": VIDEOS}), min_size=1, max_size=4)


@given(
    rows=ROWS, kinds=st.booleans(), form=st.sampled_from([None, "letter", "text", "from-0"]), json_form=st.booleans()
)
def test_whatever_is_written_reads_back(rows, kinds, form, json_form):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for video in ("a.mp4", "b.mp4"):
            (place / video).touch()
        if not kinds:
            rows = [row | {"problem_type": "", "options": ""} for row in rows]
        source, output = place / ("data.jsonl" if json_form else "data.csv"), place / "records.jsonl"
        if json_form:
            source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            with source.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)
        flags = ["--skip-invalid", "--none-cells", "missing", *(["--answers", form] if form else [])]
        done = run(source, "--output", output, *flags)
        if done.status == 2:
            assert "no record in it" in done.err
            event("no record")
            return
        event("records")
        ids = set()
        for line, example in zip(output.read_bytes().splitlines(), read_examples(output), strict=True):
            record = json.loads(line)
            again = parse_example(record)
            assert again == example and again.id == record["id"] and list(again.videos) == record["videos"]
            assert again.answer == record["answer"] and (again.rationale or "") == record["think"]
            assert [f"{letter}. {text}" for letter, text in zip("ABC", again.options, strict=False)] == record[
                "options"
            ]
            ids.add(again.id)
        left = len(listed(output)) if (place / "records.left_out.jsonl").exists() else 0
        assert len(ids) + left >= 1 and len(ids) == len(output.read_bytes().splitlines())


CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_cells_come_as_they_were_written(rows, delimiter, quoting, encoding, ending):
    if quoting == csv.QUOTE_MINIMAL:  # Python's writer leaves a lone CR unquoted
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    rows = [row for row in rows if any(map(str.strip, row)) and row != ["question", "answer", "video"]]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "data.csv")
        with path.open("w", newline="", encoding=encoding) as file:
            writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=ending)
            writer.writerows([["question", "answer", "video"], *rows])
        columns = Columns(nothing="text")
        table = Table(path, columns, None)
        assert table.delimiter == delimiter
        records = table.records(lambda read: None)
        found = [row.content.values for line, record in records for row in rows_of(line, record, columns)]
    # Blanks at the begin of an unquoted cell are dropped; records are without blanks at their ends.
    tidy = [[cell.replace("\r\n", "\n").replace("\r", "\n").strip() for cell in row] for row in rows]
    assert [[values.get(key, "").strip() for key in ("question", "solution", "videos")] for values in found] == tidy


# --- size, kill, disk


def write_long(path: Path, count: int) -> Path:
    note = "x" * 2_000
    with path.open("w", encoding="utf-8") as out:
        if path.suffix == ".csv":
            out.write("question,answer,video,note\n")
            out.writelines(f"How {n}?,x,a.mp4,{note}\n" for n in range(count))
        else:
            rows = (
                f'{{"question": "How {n}?", "answer": "x", "video": "a.mp4", "note": "{note}"}}' for n in range(count)
            )
            out.write("[" + ",".join(rows) + "]")
    return path


@pytest.mark.parametrize("name", ["data.csv", "data.json"])
def test_memory_does_not_grow_with_the_file(place, name):
    peaks = []
    for count in (1_000, 13_000):
        source = write_long(place / name, count)
        code = "import sys; from videokr.__main__ import main; main(sys.argv[1:]); " \
            "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"  # fmt: skip
        argv = [sys.executable, "-c", code, "import", str(source), "--output", str(place / "records.jsonl")]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.splitlines()[-1]))
    assert peaks[1] - peaks[0] < 16_000  # KiB, of a file of 26 MB


def test_killed_it_leaves_no_half_file_and_runs_again(place):
    source, output = write_long(place / "data.csv", 8_000), place / "records.jsonl"
    argv = command("import", source, "--output", output)
    aside = place / ".records.jsonl.partial"
    for _ in range(2):
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (aside.exists() and aside.stat().st_size > 10_000):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL and not output.exists()
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0
    killed = output.read_bytes()
    assert killed.count(b"\n") == 8_000 and not aside.exists()
    subprocess.run(argv, capture_output=True, check=True)
    assert output.read_bytes() == killed


def test_a_full_disk_is_one_line(place):
    source = write_long(place / "data.csv", 500)

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    argv = command("import", source, "--output", place / "records.jsonl")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, preexec_fn=little_room)
    assert done.returncode == 2 and "make room" in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in place.glob("*.jsonl*")) == [] and not list(place.glob(".*"))


# --- from a table to both hosts' rows


def test_from_a_table_to_the_rows_of_both_hosts(tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("a.mp4", "b b.mp4", "ü.mp4"):
        encode(clips / name, frames=20)
    text = (
        "Frage;Option A;Option B;Lösung;Clip;Begründung;Fach\r\n"
        '"Was bewegt sich?\nGenau.";ein Balken;nichts;ein Balken;a.mp4;Der Balken wandert.;Physik\r\n'
        "Wie schnell?;;;3,5;b b.mp4;Gezählt.;Physik\r\nWas ist zu sehen?;;;Rauschen;ü.mp4;;\r\n"
    )
    source, records = write(tmp_path / "fragen.csv", text, "utf-16"), tmp_path / "records.jsonl"
    flags = {"question": "Frage", "answer": "Lösung", "video": "Clip", "rationale": "Begründung", "subject": "Fach"}
    columns = [x for field, column in flags.items() for x in ("--column", f"{field}={column}")]
    done = run(source, "--videos", clips, "--output", records, *columns)
    assert done.status == 0, done.err

    def shell(*argv: object) -> str:
        done = subprocess.run(command(*argv), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    manifest = tmp_path / "manifest.parquet"
    assert "3 videos" in shell(
        "check", "--data", records, "--videos", clips, "--manifest", manifest, "--level", "decode"
    )
    assert {entry.reason for entry in read_manifest(manifest).values()} == {None}
    shell("prepare", "rl", "--input-json", records, "--video-base-dir", clips, "--manifest", manifest,
          "--output-dir", tmp_path / "rl", "--val-size", 1, "--workers", 1)  # fmt: skip
    import pyarrow.parquet as pq

    rows = [
        row for split in ("train", "test") for row in pq.read_table(tmp_path / "rl" / f"{split}.parquet").to_pylist()
    ]
    assert sorted(row["reward_model"]["ground_truth"] for row in rows) == [
        f"<answer>{answer}</answer>" for answer in ("3,5", "A", "Rauschen")
    ]
    assert sorted(video["video"] for row in rows for video in row["videos"]) == sorted(map(str, clips.iterdir()))
    shell("prepare", "sft", "--input", records, "--media-dir", clips, "--manifest", manifest, "--skip-invalid",
          "--output", tmp_path / "sft.json", "--workers", 1)  # fmt: skip
    first, second = json.loads((tmp_path / "sft.json").read_text())
    asked, said = first["messages"]
    assert asked["content"].startswith("<video>Was bewegt sich?\nGenau.\nA. ein Balken\nB. nichts\nPlease answer")
    assert said["content"] == "<think>Der Balken wandert.</think>\n<answer>A</answer>"
    assert (first["videos"], second["videos"]) == (["a.mp4"], ["b b.mp4"])
    assert second["messages"][1]["content"].endswith("<answer>3,5</answer>")
