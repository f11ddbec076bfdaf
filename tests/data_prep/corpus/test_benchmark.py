"""`videokr corpus benchmark`: versions that stay as they are, and a datasheet that says what is in the files."""

import json
from pathlib import Path

import pytest

pytest.importorskip("openai")

from lmms_eval_tasks.benchmark import annotations_from_env, read_benchmark, root_from_env
from videokr.example import parse_example
from videokr.jsonl import read_examples

OPTIONS = {"A": ["longest of all", "b", "c", "d"], "B": ["a", "b", "c", "d"]}
SOLVED = "a model solves it from a single frame"


def question(number: int, answer: str, **changes: object) -> dict:
    made = {"models": ["m1", "m2"], "prompt": "p1", "calls": [f"k{number}"]}
    record = {
        "id": f"q{number}", "question": f"What happens in {number}?", "options": OPTIONS[answer], "answer": answer,
        "videos": [f"{number}.mp4"], "discipline": "Physics", "think": "Seen.", "provenance": {"probe": made},
    }  # fmt: skip
    return record | changes


@pytest.fixture
def bench(place, tmp_path):
    """Seven questions that no model solved from a frame, of ten; and what freezes those that it is given."""
    clips = tmp_path / "clips"
    clips.mkdir()
    for number in range(8):
        (clips / f"{number}.mp4").write_bytes(b"not looked into here")
    place.settings["video_dir"] = str(clips)
    place.output.mkdir()
    dropped = [{"line": n, "field": "question", "reason": SOLVED, "detail": f"s{n}, 'A'"} for n in range(3)]
    (place.output / "probed.left_out.jsonl").write_text("\n".join(map(json.dumps, dropped)), encoding="utf-8")

    def write(records: list[dict]) -> None:
        (place.output / "probed.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")

    write([question(number, "A" if number < 5 else "B", license="CC BY 4.0") for number in range(7)])
    return write


def named(version: str) -> dict:
    return {"benchmark": {"name": "mine", "version": version}}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_version_is_what_evaluation_reads_and_stays_as_it_is(place, corpus, bench):
    said = corpus("benchmark", None, **named("1.0"))
    assert said.status == 0 and "the first version" in said.out
    folder = place.output / "benchmark" / "mine" / "1.0"
    first = files(folder)
    environment = {"VIDEOKR_EVAL_ROOT": place.settings["video_dir"]}
    environment |= {"VIDEOKR_EVAL_FILE": str(folder / "mine-1.0.jsonl")}
    examples, missing = read_benchmark(root_from_env(environment), None, annotations_from_env(environment))
    probed = list(read_examples(place.output / "probed.jsonl"))
    assert not missing and [(one.id, one.question, one.options, one.answer) for one in examples] == [
        (one.id, one.question, one.options, one.answer) for one in probed
    ]
    assert all(Path(video).is_file() for one in examples for video in one.videos)
    frozen = [json.loads(line) for line in first["mine-1.0.jsonl"].splitlines()]
    assert all(parse_example(one).rationale is None and one["license"] == "CC BY 4.0" for one in frozen)

    sheet = first["README.md"].decode()
    # Of ten questions three: 6.7% to 65.2% (Clopper and Pearson's own table).
    assert "solves 3 of 10 questions: 30.0% (95% interval 6.7% to 65.2%)" in sheet
    for row in (
        "| letters of 4 options | A | 5 |", "| letters of 4 options | B | 2 |", "| CC BY 4.0 | 7 |",
        "| any option | 25.0% |", "| the commonest right letter | 71.4% |",
        # The longest is right in five; where all are of one length, as in two, in one of four: 5.5 of 7.
        "| the longest | 78.6% |", "| probe | m1, m2 | p1 | 7 |",
        "| discipline | questions |\n| --- | --: |\n| Physics | 7 |",
        "Not audited.", "What 7 rows took is unknown",
    ):  # fmt: skip
        assert row in sheet, row
    assert sheet.count("To be filled in by the author") == 5

    again = corpus("benchmark", None)
    assert again.status == 0 and "frozen already" in again.out and files(folder) == first

    bench([question(0, "A", question="Another?"), *(question(number, "A") for number in (1, 7))])
    other = corpus("benchmark", None)
    assert other.status == 2 and "1.0 is frozen with other questions" in other.err and files(folder) == first
    older = corpus("benchmark", None, **named("0.9"))
    assert older.status == 2 and "is older" in older.err


def test_a_later_version_lists_what_changed(place, corpus, bench):
    records = [question(number, "A") for number in range(4)]
    bench(records)
    assert corpus("benchmark", None, **named("1.9")).status == 0
    # The provenance is another: the question is not.
    same = records[1] | {"provenance": {}}
    bench([question(5, "B"), same, question(2, "B"), records[3]])
    assert corpus("benchmark", None, **named("1.10")).status == 0
    folder = place.output / "benchmark" / "mine"
    about = json.loads((folder / "1.10" / "version.json").read_text(encoding="utf-8"))
    assert [about[change] for change in ("added", "removed", "changed")] == [["q5"], ["q0"], ["q2"]]
    before = json.loads((folder / "1.9" / "version.json").read_text(encoding="utf-8"))
    assert about["since"] == {"version": "1.9", "sha256": before["sha256"]}
    assert "| changed | 1 | q2 |" in (folder / "1.10" / "README.md").read_text(encoding="utf-8")

    with (folder / "1.9" / "mine-1.9.jsonl").open("ab") as file:
        file.write(b" ")
    said = corpus("benchmark", None, **named("2"))
    assert said.status == 2 and "is not as it was frozen" in said.err and not (folder / "2").exists()


@pytest.mark.parametrize("benchmark", [None, {"name": "../x", "version": "1"}, {"name": "x", "version": "1/.."}])
def test_a_name_stays_inside_the_corpus_s_folder(place, corpus, bench, benchmark):
    assert corpus("benchmark", None, benchmark=benchmark).status == 2
    assert sorted(path.name for path in place.output.iterdir()) == ["probed.jsonl", "probed.left_out.jsonl"]
