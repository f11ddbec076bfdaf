"""What lmms-eval calls for `videokr_eval`."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from lmms_eval_tasks.benchmark import read_rows, root_from_env, to_row
from lmms_eval_tasks.scoring import score
from lmms_eval_tasks.verdict import OPEN, Verdict
from videokr.example import Kind, parse_example
from videokr.judge import sync_judge
from videokr.prompt import build_prompt

if TYPE_CHECKING:
    from datasets import Dataset


def process_docs(records: "Dataset") -> "Dataset":
    """Records in the published spelling as rows of one shape, their videos found.

    The launcher has done this already and evaluates what it wrote; this serves plain lmms-eval.
    """
    from datasets import Dataset

    examples = read_rows(enumerate(records, start=1), root_from_env(os.environ), source="VideoKR_eval.jsonl")
    return Dataset.from_list([to_row(example) for example in examples])


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, Any] | None = None) -> str:
    return build_prompt(parse_example(doc))


def doc_to_visual(doc: Mapping[str, Any]) -> list[str]:
    return list(parse_example(doc).videos)


def doc_to_messages(doc: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The video, then at once the text."""
    example = parse_example(doc)
    content = [{"type": "video", "url": video} for video in example.videos]
    return [{"role": "user", "content": [*content, {"type": "text", "text": build_prompt(example)}]}]


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Scores one response. Everything that the log needs is in the items: lmms-eval does not save the doc.

    `score` is there where there is a verdict, and only there: lmms-eval makes its standard errors of it.
    """
    example = parse_example(doc)
    scored = score(example, results[0], _judge())
    item: dict[str, Any] = {
        "id": example.id,
        "video": example.videos[0],
        "kind": example.kind.value,
        "verdict": scored.verdict.value,
    }
    if scored.verdict not in OPEN:
        item["score"] = float(scored.verdict is Verdict.RIGHT)
    details = {"answer": scored.answer, "gold": example.answer, "judge_reply": scored.judge_reply}
    metrics = {
        "videokr_eval_acc": item | details,
        "videokr_eval_report": {"id": example.id, "kind": item["kind"], "verdict": item["verdict"], **example.groups},
    }
    if example.kind is Kind.MULTIPLE_CHOICE:
        metrics["videokr_eval_mc_acc"] = item
    return metrics


@cache
def _judge() -> sync_judge.Judge | None:
    return sync_judge.from_env(os.environ)
