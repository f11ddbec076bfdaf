"""`videokr score`: what saved answers to one of VideoTemp-o3's benchmarks come to, ours or those of its own scripts.

What is unparsed or has no line counts as wrong, and is counted. `--as-published` shows its own scorer's numbers beside.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from videokr.analysis.saved_outputs import SAVED, VIDEOMMMU_TRACKS, Outputs, read_outputs
from videokr.dialogue import split_turns
from videokr.errors import UserError
from videokr.evaluation.answered import Answered
from videokr.evaluation.as_published import difference, kept_answer, published_iou, published_letter
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.grounding import THRESHOLDS, Grounding, grounding_of
from videokr.evaluation.run import read_run
from videokr.evaluation.summary import percent, score_of, table_lines
from videokr.evaluation.verdict import NOT_ASKED, Verdict
from videokr.evaluation.videotemp_bench import DURATION_BUCKETS
from videokr.response import Kind

ALL, DURATION, TASK_TYPE = "all", "duration_bucket", "task_type"
GROUNDING, LEAVES_OUT, TRACKS, SKILLS = "videotemp-g", "videomme", "videommmu", "lvbench"
# What is always shown; more where it is asked for.
BREAKDOWNS = {"videotemp": DURATION, GROUNDING: DURATION, LEAVES_OUT: DURATION, TRACKS: TASK_TYPE, SKILLS: TASK_TYPE}
FLAGS = {"categories": "discipline", "sub_categories": "subject", "task_types": TASK_TYPE}
TITLES = {"mean_iou": "mIoU", "interval_95": "95% interval", **{f"recall_at_{at}": f"R@{at}" for at in THRESHOLDS}}
_PLACES = {bucket: place for place, bucket in enumerate(DURATION_BUCKETS)}  # the others by name

Numbers = dict[str, Any]  # of one row of the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("benchmark", choices=SAVED)
    parser.add_argument(
        *("--input-file", "--input_file"),
        type=Path,
        metavar="PATH",
        help="folder of a run of local_script/eval_videokr.sh, or a file that VideoTemp-o3's scripts have written "
        "(default: where they write it, eval/...)",
    )
    parser.add_argument(
        *("--annotations", "--meta-data-path", "--meta_data_path"),
        type=Path,
        metavar="PATH",
        help="the questions that such a file is about (default: where VideoTemp-o3's scripts read them, eval/...)",
    )
    parser.add_argument("--as-published", action="store_true", help="add its own scorer's numbers, and why they differ")
    for name, grouping in FLAGS.items():
        flag = f"return_{name}_accuracy"
        what = f"add the rows of each {grouping.replace('_', ' ')}"
        parser.add_argument(f"--{flag.replace('_', '-')}", f"--{flag}", action="store_true", help=what)
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the scores of one benchmark, over all and by group."""
    benchmark = args.benchmark
    saved = SAVED[benchmark]
    path, annotations = args.input_file or Path(saved.output), args.annotations or Path(saved.annotations)
    if path.is_dir():
        outputs = _of_run(path, saved.task)
    elif annotations.exists():
        outputs = read_outputs(saved, path, annotations)
    else:
        raise UserError(f"'{annotations}' is not there: give the benchmark's questions with --annotations")
    asked = [grouping for name, grouping in FLAGS.items() if getattr(args, f"return_{name}_accuracy")]
    groupings = [*dict.fromkeys((*filter(None, [BREAKDOWNS.get(benchmark)]), *asked))]
    rows = {label: _strict(part) for label, part in _parts(benchmark, outputs.answers, groupings).items()}
    published: dict[str, Numbers] = {}
    differences: dict[str, int] = {}
    if args.as_published:
        parts = _parts(benchmark, outputs.lines, groupings)
        published = {label: _published(benchmark, parts.get(label, [])) for label in rows}
        differences = _differences(benchmark, outputs)
        if benchmark == TRACKS:
            tracks = [published.get(f"task type: {track.lower()}", {}) for track in VIDEOMMMU_TRACKS]
            published[ALL]["accuracy"] = sum(track.get("accuracy") or 0.0 for track in tracks) / len(tracks)
    if args.json:
        print(json.dumps({"strict": rows, "as_published": published, "differences": differences}, indent=2))
        return 0
    print("\n".join([title_of(saved.task), *_table(rows, published)]))
    if outputs.unknown:
        print(f"{outputs.unknown} lines answer no question of '{annotations}', and are left out.")
    if args.as_published:
        lines = [["as published, and not here", "answers"], *([name, str(n)] for name, n in differences.items())]
        print("\n".join(["", *table_lines(lines)]) if differences else "\nas published: nothing differs")
    return 0


def _of_run(folder: Path, task: str) -> Outputs:
    """What a run of ours has of a benchmark, in multiple choice or spans, which is all that is published of it.

    Its lines are what VideoTemp-o3's scripts would have saved of it.
    """
    given = read_run(folder).by_benchmark()
    if task not in given:
        raise UserError(f"'{folder}' has no answers to {task}; it has: {', '.join(given)}")
    answers = [one for one in given[task] if one.example.kind is not Kind.OPEN_ENDED]
    lines = [
        replace(one, response=kept_answer(split_turns(one.response)[-1]))
        for one in answers
        if one.verdict not in NOT_ASKED
    ]
    return Outputs(answers, lines)


def _parts(benchmark: str, answers: Sequence[Answered], groupings: Sequence[str]) -> dict[str, list[Answered]]:
    """All answers, and those of each group; a question of LVBench that asks for several skills is of each."""
    parts = {ALL: list(answers)}
    for grouping in groupings:
        by: dict[str, list[Answered]] = defaultdict(list)
        for one in answers:
            value = one.group(grouping) or ""
            for group in value.split(", ") if (benchmark, grouping) == (SKILLS, TASK_TYPE) else [value]:
                by[group].append(one)
        ordered = sorted(filter(None, by), key=lambda group: (_PLACES.get(group, 0), group))
        parts |= {f"{grouping.replace('_', ' ')}: {group}": by[group] for group in ordered}
    return parts


def _strict(answers: Sequence[Answered]) -> Numbers:
    counts = Counter(one.verdict for one in answers)
    missing = {"unparsed": counts[Verdict.UNPARSED], "missing": sum(counts[verdict] for verdict in NOT_ASKED)}
    if grounding := grounding_of(answers):
        return {"questions": len(answers), **missing, **grounding.scores()}
    score = score_of(answers)
    numbers = {"questions": len(answers), "right": counts[Verdict.RIGHT], "wrong": counts[Verdict.WRONG], **missing}
    return numbers | {"accuracy": score.lowest.value, "interval_95": score.interval}


def _published(benchmark: str, lines: Sequence[Answered]) -> Numbers:
    """Of what the published scorer counts; no scores where that is nothing."""
    if benchmark == GROUNDING and lines:
        ious = [published_iou(one) for one in lines]
        recall = {threshold: sum(iou > threshold for iou in ious) / len(ious) for threshold in THRESHOLDS}
        return {"questions": len(lines), **Grounding(len(ious), sum(ious) / len(ious), recall).scores()}
    letters = [(published_letter(benchmark, one.response), one.example.answer) for one in lines]
    counted = [pair for pair in letters if pair[0] is not None or benchmark != LEAVES_OUT]
    right = sum(letter == gold for letter, gold in counted)
    numbers: Numbers = {"questions": len(counted), "right": right, "wrong": len(counted) - right}
    return numbers | ({"accuracy": right / len(counted)} if counted else {})


def _differences(benchmark: str, outputs: Outputs) -> dict[str, int]:
    """By what differs, how many answers it is about."""
    found = Counter(one.value for line in outputs.lines if (one := difference(benchmark, line)))
    missing = sum(one.verdict in NOT_ASKED for one in outputs.answers)
    found["no line in the file: not in the denominator"] = missing
    found["one more line about a question: counted again"] = len(outputs.lines) + missing - len(outputs.answers)
    if benchmark == TRACKS:
        found['"all" is the mean of the three tracks'] = len(outputs.lines)
    if benchmark == GROUNDING and len({one.group(DURATION) for one in outputs.lines}) < len(DURATION_BUCKETS):
        found["without an answer for each length, its scorer ends in a division by zero"] = len(outputs.lines)
    return dict(+found)


def _table(rows: Mapping[str, Numbers], published: Mapping[str, Numbers]) -> list[str]:
    names = list(rows[ALL])
    lines = [["", *(TITLES.get(name, name) for name in names)]]
    for label, numbers in rows.items():
        lines.append([label, *(_cell(numbers[name]) for name in names)])
        if label in published:
            lines.append(["  as published", *(_cell(published[label].get(name)) for name in names)])
    return table_lines(lines)


def _cell(value: float | tuple[float, float] | None) -> str:
    if isinstance(value, tuple):
        return " to ".join(map(percent, value))
    return "-" if value is None else percent(value) if isinstance(value, float) else str(value)
