import json
from pathlib import Path

import pytest
from checkout import GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from videokr.errors import RecordError, UserError
from videokr.example import Example, imitated_fields, parse_example, to_record
from videokr.jsonl import read_examples
from videokr.prompt import build_prompt

CASES = json.loads((GOLDEN / "record_cases.json").read_text(encoding="utf-8"))
RECORD = {"id": "1", "question": "What?", "solution": "x", "video_path": "a.mp4"}


def as_dict(example: Example) -> dict[str, object]:
    return {
        "id": example.id,
        "question": example.question,
        "options": list(example.options),
        "kind": example.kind.value,
        "answer": example.answer,
        "rationale": example.rationale,
        "videos": list(example.videos),
        "groups": dict(example.groups),
    } | ({"clues": [list(span) for span in example.clues]} if example.clues else {}) | (
        {"rounds": [[thoughts, [list(span) for span in spans]] for thoughts, spans in example.rounds]}
        if example.rounds else {}
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_golden(case):
    if "example" in case:
        assert as_dict(parse_example(case["record"])) == case["example"]
    else:
        with pytest.raises(RecordError) as caught:
            parse_example(case["record"])
        assert (caught.value.field, caught.value.reason) == (case["field"], case["reason"])


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from(["A", "mcq", "tvg", "3-5", "A. x\nB. y"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("ABC"), inner)),
    max_leaves=6,
)
FIELDS = [
    "id",
    "question",
    "options",
    "problem_type",
    "clue",
    "rounds",
    "think",
    "solution",
    "videos",
    "video_path",
    "dataset",
]


@given(record=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, values)))
def test_any_record_is_read_or_refused_by_name(record):
    try:
        example = parse_example(record)
    except RecordError as error:
        assert error.field and error.reason
    else:
        assert example.answer and example.question and example.videos
        build_prompt(example).encode()
        assert parse_example(to_record(example) | imitated_fields(example)) == example


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


LINE = json.dumps(RECORD, ensure_ascii=False)


@pytest.mark.parametrize(
    "text",
    [
        f"{LINE}\n{LINE}\n",
        f"{LINE}\n\n{LINE}",
        f"{LINE}\r\n{LINE}\r\n",
        f"\ufeff{LINE}\n{LINE}\n",
        f"\n\n{LINE}\n{LINE}\n",
        f"[{LINE}, {LINE}]",
        f"\ufeff[\r\n{LINE},\r\n{LINE}\r\n]\r\n",
        f"\n \n[{LINE},\n{LINE}]",
    ],
    ids=["lines", "blank line", "CRLF", "BOM", "blank start", "list", "list, BOM, CRLF", "list, blank start"],
)
def test_every_file_form(tmp_path, text):
    examples = list(read_examples(write(tmp_path / "data.jsonl", text)))
    assert [example.id for example in examples] == ["1", "1"]


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path):
    record = RECORD | {"question": "a\u2028b\x85c"}
    path = write(tmp_path / "data.jsonl", json.dumps(record, ensure_ascii=False) + "\n")
    assert next(read_examples(path)).question == "a\u2028b\x85c"


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.jsonl", f"{LINE}\n\n{{}}\n", "a.jsonl, line 3: field 'question': missing"),
        ("a.json", f"[{LINE}, {{}}]", "a.json, item 2: field 'question': missing"),
        ("a.jsonl", f"{LINE}\n3\n", "a.jsonl, line 2: field '(record)': not a JSON object: int"),
    ],
)
def test_a_bad_record_is_named_by_file_place_and_field(tmp_path, name, text, place):
    path = write(tmp_path / name, text)
    with pytest.raises(RecordError) as caught:
        list(read_examples(path))
    assert place in str(caught.value)

    skipped: list[RecordError] = []
    assert len(list(read_examples(path, skip_invalid=skipped))) == 1
    assert [str(error) for error in skipped] == [str(caught.value)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds no records"),
        (b"\n  \n", "holds no records"),
        (b"[]", "holds no records"),
        (LINE.encode() + b"\n{oops\n", "line 2: field '.record.': not JSON"),
        (b"[" + LINE.encode(), "not JSON"),
        (b'{"id": ' + b"1" * 5000 + b"}", "line 1: field '.record.': not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": ' * 100_000, "not JSON"),
        (LINE.encode("utf-16"), "not UTF-8"),
        (b"\xff\xfe\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_annotation_file_is_the_users_mistake(tmp_path, data, message):
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    with pytest.raises(UserError, match=message) as caught:
        list(read_examples(path))
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="is not there"):
        list(read_examples(tmp_path / "no.jsonl"))


def test_a_long_file_is_streamed(tmp_path):
    path = write(tmp_path / "data.jsonl", f"{LINE}\n" + "{broken\n" * 3)
    assert next(read_examples(path)).id == "1"
