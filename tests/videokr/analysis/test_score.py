"""`videokr score`, held against what VideoTemp-o3's own scorer gave (golden/videotemp_scores.json)."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from checkout import ROOT

from videokr.__main__ import main
from videokr.analysis.saved_outputs import SAVED
from videokr.budget import EVAL_BUDGET
from videokr.errors import exit_status
from videokr.evaluation.answered import Answered, write_answers
from videokr.evaluation.as_published import (
    Difference,
    difference,
    first_two_numbers,
    hull_iou,
    kept_answer,
    published_letter,
    videomme_letter,
)
from videokr.evaluation.card import RunCard
from videokr.evaluation.run import answers_path
from videokr.evaluation.verdict import Verdict, score
from videokr.example import parse_example
from videokr.spans import iou

GOLDEN = json.loads((ROOT / "tests" / "golden" / "videotemp_scores.json").read_text(encoding="utf-8"))
FILES = GOLDEN["files"]
SPANS = ("mean_iou", "recall_at_0.3", "recall_at_0.5", "recall_at_0.7", "average")
COMMANDS = {  # as they stand in docs/dialogues.md
    "videomme": "videokr score videomme --return_categories_accuracy --return_task_types_accuracy",
    **{name: f"videokr score {name}" for name in SAVED if name != "videomme"},
}


@pytest.mark.parametrize("benchmark", ["videotemp", "lvbench", "videommmu", "mlvu", "videomme"])
def test_letters_are_read_as_the_published_scorer_reads_them(benchmark):
    read = {case["response"]: published_letter(benchmark, case["response"]) for case in GOLDEN["letters"]}
    assert read == {case["response"]: case[benchmark] for case in GOLDEN["letters"]}


def test_spans_are_scored_as_the_published_scorer_scores_them():
    for case in GOLDEN["spans"]:
        said = first_two_numbers(case["response"])
        value = hull_iou(said, tuple(case["gold"])) if said else 0.0
        reached = [100.0 * (value > threshold) for threshold in (0.3, 0.5, 0.7)]
        scores = [100 * value, *reached, (100 * value + sum(reached)) / 4]
        assert [None if math.isnan(score) else pytest.approx(score, abs=0.005) for score in scores] == case["scores"]


def test_one_span_each_has_the_same_iou_here_and_there():
    draw = random.Random(0)
    for _ in range(1_000):
        said, gold = (tuple(sorted(draw.sample(range(100), 2))) for _ in "ab")
        overlap = len(set(range(*said)) & set(range(*gold)))  # in whole seconds
        if overlap:
            expected = overlap / len(set(range(*said)) | set(range(*gold)))
            assert iou([said], [gold]) == pytest.approx(expected) == hull_iou(said, gold)
        else:
            assert iou([said], [gold]) == 0 == hull_iou(said, gold)


def put(root: Path, benchmark: str) -> None:
    """The files of a benchmark where VideoTemp-o3's scripts read and write them."""
    import pyarrow
    from pyarrow import parquet

    saved, given = SAVED[benchmark], FILES[benchmark]
    for path in (root / saved.output, root / saved.annotations):
        path.parent.mkdir(parents=True, exist_ok=True)
    questions = given["annotations"]
    if benchmark == "videommmu":
        for track, rows in questions.items():
            (root / saved.annotations / track).mkdir(parents=True)
            table = pyarrow.Table.from_pylist([row | {"image": b"x"} for row in rows])
            parquet.write_table(table, root / saved.annotations / track / "test-00000-of-00001.parquet")
    elif benchmark == "videomme":
        parquet.write_table(pyarrow.Table.from_pylist(questions), root / saved.annotations)
    else:
        (root / saved.annotations).write_text(text_of(questions, saved.annotations), encoding="utf-8")
    (root / saved.output).write_text(text_of(given["output"], saved.output), encoding="utf-8")


def text_of(rows, name):
    return "".join(map("{}\n".format, map(json.dumps, rows))) if name.endswith("l") else json.dumps(rows, indent=4)


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """What the command says of the files of a benchmark, as JSON."""

    def run(benchmark, *further):
        monkeypatch.chdir(tmp_path)
        if not (tmp_path / SAVED[benchmark].output).exists():
            put(tmp_path, benchmark)
        capsys.readouterr()
        assert main([*COMMANDS[benchmark].split()[1:], "--as-published", "--json", *further]) == 0
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize("benchmark", SAVED)
def test_a_published_file_has_its_published_numbers(benchmark, told):
    shown = told(benchmark)["as_published"]
    for label, number in FILES[benchmark]["published"].items():
        row = shown[label]
        if benchmark == "videotemp-g":
            assert [100 * row[name] for name in SPANS] == pytest.approx(number, abs=0.005)
        elif isinstance(number, float):
            assert 100 * row["accuracy"] == pytest.approx(number, abs=0.05)
        else:
            assert [row["right"], row["questions"]] == number


# Right, wrong, unparsed, missing, by reading each answer.
STRICT = {
    "videotemp": (5, 0, 2, 1),  # "I cannot tell" and "A or B" name no option
    "videomme": (4, 1, 1, 0),  # "I think it is grey" is option D
    "mlvu": (3, 0, 1, 1),  # "(C)" is C
    "videommmu": (3, 1, 1, 1),  # "it is red" is option A; the open question is not asked there
    "lvbench": (2, 0, 1, 1),
}


@pytest.mark.parametrize("benchmark", STRICT)
def test_strictly_what_has_no_letter_or_no_line_is_wrong_and_counted(benchmark, told):
    row = told(benchmark)["strict"]["all"]
    assert tuple(row[name] for name in ("right", "wrong", "unparsed", "missing")) == STRICT[benchmark]
    assert row["accuracy"] == STRICT[benchmark][0] / sum(STRICT[benchmark]) and row["questions"] == sum(
        STRICT[benchmark]
    )


def test_strictly_spans_that_are_missing_count_as_nothing(told):
    given = told("videotemp-g")
    # 10-20 twice, 7 of 10 seconds, 24.30-30.42, 62-70; none; 50 of 100 seconds; no line.
    row = given["strict"]["all"]
    assert [row["questions"], row["unparsed"], row["missing"]] == [8, 1, 1]
    assert [row[name] for name in SPANS[:4]] == pytest.approx([5.2 / 8, 6 / 8, 6 / 8, 5 / 8])
    assert list(given["strict"]) == [
        "all",
        *(f"duration bucket: {b}" for b in ("<3 min", "3-10 min", "10-20 min", ">20 min")),
    ]
    assert given["strict"]["duration bucket: 10-20 min"]["mean_iou"] == 0.5
    assert {name.split(":")[0]: count for name, count in given["differences"].items()} == {
        "another span": 3,  # 10-20, 24.30-30.42, 1:02
        "an IoU that is exactly a threshold does not reach it": 2,
        "no line in the file": 1,
    }


def test_where_the_published_scorer_has_no_number_it_is_said(told, tmp_path):
    """It divides by the number of lines of each length, and by the length of two points."""
    told("videotemp-g")
    first, *_ = FILES["videotemp-g"]["output"]
    (tmp_path / SAVED["videotemp-g"].output).write_text(json.dumps(first) + "\n")
    given = told("videotemp-g")
    assert "without an answer for each length, its scorer ends in a division by zero" in given["differences"]
    point = parse_example({"question": "When?", "problem_type": "grounding", "answer": "5-5", "video_path": "a.mp4"})
    one = Answered("t", point, "5 - 5", Verdict.WRONG, "5-5", None, None, None)
    assert difference("videotemp-g", one) is Difference.NO_NUMBER and one.iou == 0


def test_a_line_that_stands_twice_counts_once_and_the_last_one(told, tmp_path):
    told("videotemp")
    output = tmp_path / SAVED["videotemp"].output
    again = FILES["videotemp"]["output"][0] | {"response": "C"}
    unknown = again | {"question": "Which colour?\nA. red\nB. blue"}
    output.write_text(output.read_text() + json.dumps(again) + "\n" + json.dumps(unknown) + "\n")
    given = told("videotemp")
    assert (given["strict"]["all"]["right"], given["strict"]["all"]["questions"]) == (4, 8)
    assert (given["as_published"]["all"]["right"], given["as_published"]["all"]["questions"]) == (5, 8)
    assert given["differences"]["one more line about a question: counted again"] == 1


def test_the_table_shows_both_and_why(told, capsys):
    told("videotemp")
    assert main(["score", "videotemp", "--as-published"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["VideoTemp-Bench"]
    assert lines[2][:6] == ["all", "8", "5", "0", "2", "1"] and lines[2][6] == "62.5%"
    assert lines[3] == ["as", "published", "7", "5", "2", "-", "-", "71.4%", "-"]
    assert ["no", "letter", "at", "its", "start:", "scored", "as", '"A"', "2"] in lines


def answered(task, record, response, verdict=None):
    example = parse_example({"question": "Which colour?", "video_path": "a.mp4"} | record)
    scored = score(example, response, None)
    return Answered(task, example, response, verdict or scored.verdict, scored.answer, None, None, None)


def test_a_run_of_ours_is_scored_from_its_folder(tmp_path, capsys):
    choice = {"options": ["red", "blue"], "answer": "B"}
    tracks = {
        "perception": [answered("p", choice | {"task_type": "perception"}, "<think>x</think><answer>B</answer>")] * 3,
        "adaptation": [
            answered("a", choice | {"task_type": "adaptation"}, "<think>x</think><answer>(B)</answer>"),
            answered("a", choice | {"task_type": "adaptation"}, "", Verdict.TOO_LONG),
            answered("a", {"answer": "12", "problem_type": "open-ended", "task_type": "adaptation"}, "12"),
        ],
    }
    for track, answers in tracks.items():
        write_answers(
            [replace(one, task=f"videokr_videommmu_{track}") for one in answers],
            answers_path(tmp_path, f"videokr_videommmu_{track}"),
        )
    RunCard("m", None, None, "vllm", "0" * 64, EVAL_BUDGET, 1_024, "", None, "any-form", None, 0, {}).write(tmp_path)
    assert main(["score", "videommmu", "--input-file", str(tmp_path), "--as-published", "--json"]) == 0
    given = json.loads(capsys.readouterr().out)
    assert [given["strict"]["all"][name] for name in ("questions", "right", "missing")] == [5, 4, 1]
    assert given["as_published"]["task type: adaptation"] == {"questions": 1, "right": 0, "wrong": 1, "accuracy": 0.0}
    assert given["as_published"]["all"]["accuracy"] == pytest.approx(1 / 3)  # of perception, of two tracks without
    assert exit_status(lambda: main(["score", "mlvu", "--input-file", str(tmp_path)])) == 2
    assert "has no answers to videokr_mlvu; it has: videokr_videommmu" in capsys.readouterr().err


def test_what_its_runs_keep_of_a_turn():
    assert kept_answer("<think>x</think><answer> B\n</answer><answer>C</answer>") == "B"
    assert kept_answer("<think>x</think>") == "<think>x</think>"
    assert videomme_letter("The answer is") is None


def test_files_that_are_not_there_or_another_s_are_one_line(told, tmp_path, capsys):
    told("mlvu")
    lines = Path(SAVED["mlvu"].output).read_text(encoding="utf-8").splitlines()
    Path("null.jsonl").write_text(json.dumps(json.loads(lines[0]) | {"response": None}) + "\n", encoding="utf-8")
    for asked, said in (
        (
            ["videotemp"],
            "'eval/videotemp/data/data.jsonl' is not there: give the benchmark's questions with --annotations",
        ),
        (["videotemp", "--annotations", SAVED["mlvu"].annotations], "has no field 'videos'"),
        (["mlvu", "--input-file", "none.jsonl"], "'none.jsonl': No such file or directory"),
        (["mlvu", "--input-file", SAVED["mlvu"].annotations], "has no field 'response'"),
        (["mlvu", "--input-file", "null.jsonl"], "is no text, but None"),
        (["videommmu", "--annotations", SAVED["mlvu"].annotations], "give the folder of the three tracks"),
    ):
        assert exit_status(lambda asked=asked: main(["score", *asked])) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1


def test_every_command_of_the_page_is_run_here():
    page = (ROOT / "docs" / "dialogues.md").read_text(encoding="utf-8")
    stand = [line.split("|")[2].strip(" `") for line in page.splitlines() if "python eval/score.py" in line]
    assert stand == [COMMANDS[name] for name in SAVED]
