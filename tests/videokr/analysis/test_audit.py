import json
import subprocess
import sys

import pytest
from checkout import ROOT

from videokr.analysis.audit import audit
from videokr.analysis.perturbations import perturbations
from videokr.example import parse_example
from videokr.jsonl import read_examples
from videokr.response import build_response
from videokr.reward import Accuracy, score_response

OPTIONS = ["Oxygen", "Hydrogen", "Carbon"]


def record(gold, options=None, **more):
    kind = "multiple choice" if options else "open-ended"
    return {
        "question": "What?",
        "problem_type": kind,
        "options": options or [],
        "solution": gold,
        "path": "a.mp4",
    } | more


def example(gold, options=None):
    return parse_example(record(gold, options))


OPEN = [
    "hydrogen",
    "5 m/s",
    "光合作用",
    "pressure increases",
    "the ball rolls slowly from the left to the right side",
    "yes",
]


@pytest.fixture
def data(tmp_path):
    rows = [record(gold, id=gold) for gold in OPEN] + [record("B", OPTIONS, id="choice")]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def run(*arguments):
    command = [sys.executable, "-m", "videokr", "audit-reward", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_spans_are_changed_so_that_the_reward_tells_right_from_wrong():
    spans = [parse_example(record(gold, id=gold, problem_type="tvg")) for gold in ("3-5", "10.5-30, 40-41")]
    found = audit(spans, Accuracy.PAPER, 0.01)
    assert dict(found.types) == {"grounding": 2}
    for example in spans:
        earned = {
            (change, is_right): score_response(build_response("r", answer), example.answer, example.kind).accuracy
            for change, answer, is_right in perturbations(example, "x")
        }
        assert len(earned) == 4
        assert all(accuracy == float(is_right) for (_, is_right), accuracy in earned.items()), earned


def test_perturbations_say_what_they_are():
    def changes(example, other):
        return {change: (answer, is_right) for change, answer, is_right in perturbations(example, other)}

    number = changes(example("5 m/s"), "blue")
    assert number["sign"] == ("-5 m/s", False)
    assert number["unit, converted"] == ("18 km/h", True) and number["unit, not converted"] == ("5 km/h", False)
    assert changes(example("pressure increases"), "blue")["negation"] == ("not pressure increases", False)
    choice = changes(example("B", OPTIONS), "A")
    assert choice["text for letter"] == ("Hydrogen", True) and choice["two letters"] == ("B or A", False)


def test_typed_has_the_ceiling_and_pays_for_nothing_wrong(data):
    typed, paper = (audit(list(read_examples(data)), accuracy, 0.01) for accuracy in (Accuracy.TYPED, Accuracy.PAPER))
    assert typed.types.total() == 7 and not typed.causes
    assert {share.mean for share in typed.ceiling.values()} == {1.0}
    assert not any(share.faulty for share in (*typed.right.values(), *typed.wrong.values()))
    assert min(share.mean for share in paper.ceiling.values()) < 1.0
    assert set(paper.causes) == {
        "one word for ROUGE, so that ROUGE-2 is 0",
        "no Latin letter or digit, and ROUGE knows no others",
    }
    for change in ("sign", "two answers", "negation", "unit, not converted"):
        assert paper.wrong[change].faulty > 0 and paper.wrong[change].rows[0].id


def test_the_report_is_for_people(data):
    done = run("--data", data)
    assert done.returncode == 0
    assert done.stdout.startswith("7 rows: ")
    for text in ("Ceiling", "Floor", "wrongly punished", "wrongly rewarded", "The worst rows in typed:\n  none"):
        assert text in done.stdout


def test_the_floor_is_another_rows_answer():
    found = audit([example("blue"), example("red"), example("red")], Accuracy.TYPED, 0.01)
    assert found.floor["text"].count == 3 and found.floor["text"].mean == 0.0
    alone = audit([example("blue")], Accuracy.TYPED, 0.01)
    assert alone.floor["text"].count == 0


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--data", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["--data", "{data}", "--tolerance", "2"], "--tolerance=2"),
        (["--data", "{empty}"], "empty.jsonl"),
    ],
)
def test_mistakes_end_in_one_line(arguments, fault, data):
    empty = data.with_name("empty.jsonl")
    empty.write_text(json.dumps({"question": "What?"}) + "\n")
    done = run(*(argument.format(data=data, empty=empty) for argument in arguments))
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and fault in done.stderr


def test_records_that_cannot_be_read_are_counted(data):
    data.write_text(data.read_text(encoding="utf-8") + json.dumps(record("", id="gone")) + "\n", encoding="utf-8")
    done = run("--data", data)
    assert done.returncode == 0 and "1 records cannot be read" in done.stdout and "line 8" in done.stdout


@pytest.mark.parametrize("split", ["sft", "rl", "eval"])
def test_the_demos_data_reaches_the_ceiling(split, corpus):
    found = audit(list(read_examples(corpus / f"{split}.jsonl")), Accuracy.TYPED, 0.01)
    assert {share.mean for share in found.ceiling.values()} == {1.0}
    assert {share.mean for share in found.floor.values()} == {0.0}
    assert not any(share.faulty for share in (*found.right.values(), *found.wrong.values()))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    from data_prep.demo.clips import write_corpus

    folder = tmp_path_factory.mktemp("audit") / "corpus"
    write_corpus(folder, videos=100, seed=0, progress=False)
    return folder
