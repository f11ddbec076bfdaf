"""What VideoTemp-o3's scripts save of an evaluation, read as answered questions: its six benchmarks, a reader each.

An output file holds what was answered; which questions there are is said by the annotations beside it. A question whose
video was not there, or whose dialogue ended in a call, has no line in it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videokr.errors import RecordError, UserError
from videokr.evaluation.answered import Answered
from videokr.evaluation.verdict import Verdict, score
from videokr.evaluation.videotemp_bench import read_choice_row, read_grounding_row
from videokr.example import parse_example
from videokr.jsonl import read_records
from videokr.options import LETTERS, split_question
from videokr.response import Kind

Record = dict[str, Any]
Key = tuple[str, ...]  # of a question, in the annotations and in the output
VIDEOMMMU_TRACKS = ("Adaptation", "Comprehension", "Perception")


@dataclass(frozen=True, slots=True)
class Saved:
    """A benchmark as VideoTemp-o3's scripts save it; where, is told from the root of its repository."""

    task: str  # of ours
    output: str
    annotations: str
    questions: Callable[[Path], Iterator[tuple[Key, Record]]]  # out of the annotations
    responses: Callable[[Path], Iterator[tuple[Key, str]]]  # out of the output, with the keys of their questions


@dataclass(frozen=True, slots=True)
class Outputs:
    """Answered questions."""

    answers: list[Answered]  # one a question; of one without a line the verdict is MISSING_VIDEO
    lines: list[Answered]  # one a line that answers a question: a file that was written twice holds it twice
    unknown: int = 0  # lines that answer no question of the annotations


def read_outputs(saved: Saved, output: Path, annotations: Path) -> Outputs:
    """Reads an output file of VideoTemp-o3.

    UserError where a file is not there or has another form, or the output answers no question; RecordError where a
    question cannot be read.
    """
    answers: dict[Key, Answered] = {}
    for place, (key, record) in enumerate(_read(saved.questions, annotations), start=1):
        try:
            example = parse_example({"problem_type": Kind.MULTIPLE_CHOICE.value} | record)
        except RecordError as error:
            raise error.located(str(annotations), place) from None
        answers[key] = Answered(saved.task, example, "", Verdict.MISSING_VIDEO, None, None, None, None)
    lines, unknown = [], 0
    for key, response in _read(saved.responses, output):
        if key not in answers:
            unknown += 1
            continue
        if not isinstance(response, str):
            raise UserError(f"'{output}': the response to question {' '.join(key)} is no text, but {response!r:.40}")
        example = answers[key].example
        scored = score(example, response, None)
        answers[key] = Answered(saved.task, example, response, scored.verdict, scored.answer, None, None, None)
        lines.append(answers[key])
    if not lines:
        raise UserError(f"'{output}' answers no question of '{annotations}': give those that it was made from")
    return Outputs(list(answers.values()), lines, unknown)


def _read(read: Callable[[Path], Iterator[Any]], path: Path) -> Iterator[Any]:
    try:
        yield from read(path)
    except KeyError as error:
        raise UserError(f"'{path}': a row has no field {error}: is it the file of another benchmark?") from None


def _rows(path: Path) -> list[Any]:
    """Of Parquet, of JSON Lines, or of one JSON list; one JSON object is a row."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        names = [name for name in parquet.read_schema(path).names if name != "image"]  # of bytes, and nobody looks
        rows: list[Any] = parquet.read_table(path, columns=names).to_pylist()
        return rows
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # several objects, or none: the line is named
        return [record for _, record in read_records(path)]
    return whole if isinstance(whole, list) else [whole]


def _by_names(*names: str) -> Callable[[Path], Iterator[tuple[Key, str]]]:
    """Reads lines that hold the question's own fields and `response`."""
    return lambda path: ((tuple(str(row[name]) for name in names), row["response"]) for row in _rows(path))


def _videotemp(read_row: Callable[[Record], Record]) -> Callable[[Path], Iterator[tuple[Key, Record]]]:
    return lambda path: (((str(row["videos"]), row["question"]), read_row(row)) for row in _rows(path))


def _videomme_questions(path: Path) -> Iterator[tuple[Key, Record]]:
    for row in _rows(path):
        groups = {"duration_bucket": row["duration"], "discipline": row["domain"], "subject": row["sub_category"]}
        yield (row["question_id"],), row | groups | {"video_path": row["videoID"]}


def _videomme_responses(path: Path) -> Iterator[tuple[Key, str]]:
    """By video at the end, and by question while it runs."""
    for row in _rows(path):
        for asked in row.get("questions", [row]):
            yield (asked["question_id"],), asked["response"]


def _mlvu_questions(path: Path) -> Iterator[tuple[Key, Record]]:
    for row in _rows(path):
        options = dict(zip(LETTERS, row["candidates"], strict=False))
        gold = {text: letter for letter, text in options.items()}.get(row["answer"])
        record = row | {"options": options, "answer": gold, "task_type": row.get("question_type")}
        yield (row["video"], row["question"]), record


def _videommmu_questions(path: Path) -> Iterator[tuple[Key, Record]]:
    """Of a folder with a table a track; open questions are not asked there."""
    for track in VIDEOMMMU_TRACKS:
        table = path / track / "test-00000-of-00001.parquet"
        if not table.is_file():
            raise UserError(f"'{table}' is not there: give the folder of the three tracks with --annotations")
        for row in _rows(table):
            if row["question_type"] == "multiple-choice":
                options = dict(zip(LETTERS, row["options"], strict=False))
                own = {"options": options, "task_type": track.lower(), "video_path": row["id"]}
                yield (track, row["id"]), row | own


def _videommmu_responses(path: Path) -> Iterator[tuple[Key, str]]:
    for row in _rows(path):
        yield (row["task"], Path(row["video_path"]).stem), row["response"]


def _lvbench_questions(path: Path) -> Iterator[tuple[Key, Record]]:
    for video in _rows(path):
        for row in video["qa"]:
            question, options = split_question(row["question"])
            record = {"question": question, "options": options, "answer": row["answer"], "video_path": video["key"]}
            yield (str(row["uid"]),), record | {"task_type": ", ".join(sorted(row["question_type"]))}


def _lvbench_responses(path: Path) -> Iterator[tuple[Key, str]]:
    """One object at the end, and one a line while it runs."""
    for row in _rows(path):
        yield from (((uid,), response) for uid, response in row.items())


_VIDEOTEMP, _OF_VIDEOTEMP = "eval/videotemp/data/data.jsonl", _by_names("videos", "question")
SAVED = {
    "videotemp": Saved(
        "videokr_videotemp", "eval/videotemp/output/test.jsonl",
        _VIDEOTEMP, _videotemp(read_choice_row), _OF_VIDEOTEMP,
    ),
    "videotemp-g": Saved(
        "videokr_videotemp_grounding", "eval/videotemp/output/test-g.jsonl",
        _VIDEOTEMP, _videotemp(read_grounding_row), _OF_VIDEOTEMP,
    ),
    "videomme": Saved(
        "videokr_videomme", "eval/videomme/data/videomme/output/test.json",
        "eval/videomme/data/test-00000-of-00001.parquet", _videomme_questions, _videomme_responses,
    ),
    "mlvu": Saved(
        "videokr_mlvu", "eval/mlvu/output/test.jsonl",
        "eval/mlvu/data/test-ground-truth/test_mcq_gt.json", _mlvu_questions, _by_names("video", "question"),
    ),
    "videommmu": Saved(
        "videokr_videommmu", "eval/videommmu/output/test.jsonl",
        "eval/videommmu/data", _videommmu_questions, _videommmu_responses,
    ),
    "lvbench": Saved(
        "videokr_lvbench", "eval/lvbench/output/test.json",
        "eval/lvbench/data/video_info.meta.jsonl", _lvbench_questions, _lvbench_responses,
    ),
}  # fmt: skip
