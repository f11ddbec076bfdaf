"""What lmms-eval calls for every task of ours, once its rows have one shape.

It hands the row itself to each of these, so that each parses it: the prompt, the messages, the score.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from videokr.evaluation.answer import form_from_env
from videokr.evaluation.grounding import grounding_from
from videokr.evaluation.judge import ThreadJudge, judge_from_env
from videokr.evaluation.question_groups import group_scores
from videokr.evaluation.verdict import OPEN, Scored, Verdict, score
from videokr.evaluation.wording import wording_from_env
from videokr.example import parse_example
from videokr.prompt import build_prompt
from videokr.response import Kind
from videokr.spans import iou, read_spans

ACCURACY, CHOICE_ACCURACY = "acc", "mc_acc"
NOT_ASKED_FIELD = "not_asked"  # of a row of the launcher: the verdict on a question that is not asked, else empty


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, Any] | None = None) -> str:
    return build_prompt(parse_example(doc), wording_from_env(os.environ).instructions)


def doc_to_visual(doc: Mapping[str, Any]) -> list[str]:
    """For lmms-eval's own model classes that take no messages."""
    return list(parse_example(doc).videos)


def doc_to_messages(doc: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The system turn where there is one; then the video, and at once the text. Nothing of what is not asked."""
    if doc.get(NOT_ASKED_FIELD):
        return []
    videos = [{"type": "video", "url": video} for video in doc_to_visual(doc)]
    user = {"role": "user", "content": [*videos, {"type": "text", "text": doc_to_text(doc)}]}
    system = wording_from_env(os.environ).system
    return [user] if system is None else [{"role": "system", "content": [{"type": "text", "text": system}]}, user]


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Scores one response. Everything that the log needs is in the items: lmms-eval does not save the doc.

    `score` is there where there is a verdict, and only there: lmms-eval makes its standard errors of it.
    """
    example = parse_example(doc)
    verdict = doc.get(NOT_ASKED_FIELD)
    scored = Scored(Verdict(verdict), None) if verdict else score(example, results[0], _judge(), _form())
    item: dict[str, Any] = {
        "id": example.id,
        "video": example.videos[0],
        "kind": example.kind.value,
        "verdict": scored.verdict.value,
    }
    if scored.verdict not in OPEN:
        item["score"] = float(scored.verdict is Verdict.RIGHT)
    details = {"answer": scored.answer, "gold": example.answer, "judge_reply": scored.judge_reply}
    return {ACCURACY: item | details} | ({CHOICE_ACCURACY: item} if example.kind is Kind.MULTIPLE_CHOICE else {})


def process_eval_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same with VideoKR-Eval's accuracy under its published name."""
    metrics = process_results(doc, results)
    return {f"videokr_eval_{ACCURACY}": metrics.pop(ACCURACY), **metrics}


def process_grouped_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same, and what a score of groups of questions is made of."""
    metrics = process_results(doc, results)
    is_right = metrics[ACCURACY]["verdict"] == Verdict.RIGHT
    return {"group_score": {"question": (doc["id"], parse_example(doc).groups, is_right)}, **metrics}


def process_grounding_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same for spans of time, and how far they are the gold ones; 0 where there are none."""
    metrics = process_results(doc, results)
    item = metrics[ACCURACY]
    overlap = iou(read_spans(item["answer"] or ""), read_spans(item["gold"]))
    scores = grounding_from([overlap]).scores()
    return metrics | {name: {"video": item["video"], "score": score} for name, score in scores.items()}


def mean_score(items: Sequence[Mapping[str, Any]]) -> float:
    return sum(item["score"] for item in items) / len(items) if items else 0.0


def group_score(items: Sequence[Mapping[str, Any]]) -> float:
    """Of all groups that were asked whole, in [0, 1]; 0 where there are none."""
    overall = group_scores(item["question"] for item in items).by.get("all")
    return overall.value if overall else 0.0


def accuracy(items: Sequence[Mapping[str, Any]]) -> float:
    """Right answers over everything asked, in [0, 1]: the lower bound where something is unscored."""
    return sum(item["verdict"] == Verdict.RIGHT for item in items) / len(items) if items else 0.0


@cache
def _form() -> str:
    return form_from_env(os.environ)


@cache
def _judge() -> ThreadJudge | None:
    return judge_from_env(os.environ)
