"""VideoKR-Eval: its records as rows, and its accuracy under the published name."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lmms_eval_tasks import task
from lmms_eval_tasks.benchmark import read_rows, root_from_env
from videokr.example import to_record

if TYPE_CHECKING:
    from datasets import Dataset


def process_docs(records: "Dataset") -> "Dataset":
    """Records in the published spelling as rows of one shape, their videos found.

    The launcher has done this already and evaluates what it wrote; this serves plain lmms-eval.
    """
    from datasets import Dataset

    examples = read_rows(enumerate(records, start=1), root_from_env(os.environ), source="VideoKR_eval.jsonl")
    return Dataset.from_list([to_record(example) for example in examples])


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, dict[str, Any]]:
    """As every task of ours; see `lmms_eval_tasks.task.process_results`."""
    metrics = task.process_results(doc, results)
    return {"videokr_eval_acc": metrics.pop(task.ACCURACY), **metrics}
