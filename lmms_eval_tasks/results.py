"""Says whether lmms-eval wrote the results that were asked for, keeps them as a run of ours, and shows them."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from lmms_eval_tasks.task import ACCURACY
from videokr.errors import UserError, exit_status
from videokr.evaluation.answered import Answered, write_answers
from videokr.evaluation.card import CARD_FILE, RunCard, differences, read_card
from videokr.evaluation.run import ANSWERS_FOLDER, answers_path, format_run, judge_gave_nothing, read_run, write_summary
from videokr.evaluation.verdict import Verdict
from videokr.jsonl import read_examples

FAILED_STATUS = 1
# Two sets of answers belong to one run, if these are the same.
KEPT_TOGETHER = tuple(field.name for field in fields(RunCard) if field.name not in ("data", "versions"))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lmms_eval_tasks.results", description=__doc__)
    parser.add_argument("--output-path", type=Path, required=True, help="lmms-eval's --output_path")
    parser.add_argument("--tasks", required=True, help="names separated by commas")
    parser.add_argument("--newer-than", type=Path, required=True, help="a file made just before lmms-eval was started")
    options = parser.parse_args(arguments)

    path = newest_results(options.output_path, options.newer_than)
    if path is None:
        print(f"error: lmms-eval wrote no results under '{options.output_path}'; its message is above", file=sys.stderr)
        return FAILED_STATUS
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    task_dir = options.output_path / "tasks"
    card = read_card(task_dir) if (task_dir / CARD_FILE).is_file() else None
    own = () if card is None else tuple(card.data)
    others = [name for name in options.tasks.split(",") if not (task_dir / f"{name}.yaml").is_file()]  # lmms-eval's own
    without = [task for task in (*own, *others) if not has_score(task, results)]
    if without:
        print(f"error: '{path}' has no score for {', '.join(without)}; lmms-eval's message is above", file=sys.stderr)
        return FAILED_STATUS
    if card is not None:
        if card.model_fingerprint is None:
            card = replace(card, model_revision=hub_revision(card.model))
        keep_answers(options.output_path, path, card)
        run = read_run(options.output_path)
        write_summary(run)
        print(format_run(run))
        if judge_gave_nothing(run):
            print("error: the judge gave no verdict at all; what it met is above", file=sys.stderr)
            return FAILED_STATUS
    print(f"results: {path}")
    return 0


def hub_revision(model: str) -> str | None:
    """The commit of a model that the host has downloaded from the hub; None where it is not in the cache."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(model, "config.json")
    return Path(path).parent.name if isinstance(path, str) else None


def keep_answers(folder: Path, results: Path, card: RunCard) -> None:
    """Writes the answers of the tasks that were just asked, then their card.

    Answers to other tasks that are there from before stay, where they were asked in the same way.

    Raises:
        UserError: lmms-eval's log of samples is not there, or is another's.
    """
    before = read_card(folder) if (folder / CARD_FILE).is_file() else None
    unlike = differences(before, card, (*KEPT_TOGETHER, "data")) if before else []
    if unlike:
        print(
            f"warning: '{folder}' held a run that was asked otherwise ({'; '.join(unlike)}): its answers are replaced; "
            "its responses are kept, and the same settings bring it back",
            file=sys.stderr,
        )
    data = dict(card.data)
    old = {path.stem: path for path in (folder / ANSWERS_FOLDER).glob("*.jsonl") if path.stem not in data}
    if old:
        before = before or read_card(folder)
        if differences(before, card, KEPT_TOGETHER):
            print(f"answers to {', '.join(sorted(old))}, asked in another way before, are removed", file=sys.stderr)
            for path in old.values():
                path.unlink()
        else:
            data = {task: before.data[task] for task in old} | data
    for task in card.data:
        write_answers(read_samples(folder, results, task), answers_path(folder, task))
    replace(card, data=data).write(folder)


def read_samples(folder: Path, results: Path, task: str) -> Iterator[Answered]:
    """The answers that lmms-eval logged beside its results, with the questions that they answer."""
    log = results.with_name(f"{results.name.removesuffix('_results.json')}_samples_{task}.jsonl")
    if not log.is_file():
        raise UserError(f"'{log}' is not there: lmms-eval has to be run with --log_samples")
    examples = list(read_examples(folder / "tasks" / f"{task}.jsonl"))
    with log.open(encoding="utf-8") as file:
        for line in file:
            sample = json.loads(line)
            example = examples[sample["doc_id"]]
            item = next(value for name, value in sample.items() if name in (ACCURACY, f"{task}_{ACCURACY}"))
            if item["id"] != example.id:
                raise UserError(f"'{log}' answers '{item['id']}' where '{example.id}' was asked: run it again")
            logged = sample["filtered_resps"]
            counts = (sample.get("token_counts") or [None])[0] or {}
            yield Answered(
                task=task,
                example=example,
                response=logged if isinstance(logged, str) else logged[0],
                verdict=Verdict(item["verdict"]),
                answer=item["answer"],
                judge_reply=item["judge_reply"],
                prompt_tokens=counts.get("input_tokens"),
                response_tokens=counts.get("output_tokens"),
            )


def newest_results(folder: Path, newer_than: Path) -> Path | None:
    """The latest results file that is no older than the given file; None where there is none."""
    since = newer_than.stat().st_mtime_ns
    found = [(path.stat().st_mtime_ns, path) for path in folder.rglob("*_results.json")]
    return max((entry for entry in found if entry[0] >= since), default=(0, None))[1]


def has_score(task: str, results: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a task, or a group of tasks, has a number."""
    return any(
        isinstance(value, int | float) and "_stderr" not in name
        for group, values in results.items()
        if group.startswith(task)
        for name, value in values.items()
        if "," in name
    )


if __name__ == "__main__":
    sys.exit(exit_status(main))
