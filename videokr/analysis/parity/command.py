"""`videokr parity`: the same records through all three hosts, and every place where they differ."""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path

from videokr.analysis.parity.comparison import as_json, as_text, compare, draw_sheet
from videokr.analysis.parity.hosts import (
    CONTEXT_TOKENS,
    ONE_ROUND,
    REPORTS,
    ROOT,
    HostError,
    call_hosts,
    write_skeleton,
)
from videokr.budget import BUDGETS, BY_INDEX, SAMPLINGS
from videokr.capture.request import Request
from videokr.capture.trace import read_report
from videokr.errors import UserError
from videokr.family import family_of
from videokr.jsonl import read_examples

DIFFERENT_STATUS, FAILED_STATUS = 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="checkpoint folder; its weights are not read")
    parser.add_argument("--records", type=Path, required=True, help="raw VideoKR file with rationales")
    parser.add_argument("--media-dir", type=Path, help="folder of the videos (default: that of --records)")
    parser.add_argument("--n", type=int, default=10, metavar="N", help="records to look at (default: %(default)s)")
    parser.add_argument("--budget", choices=BUDGETS, default="sft", help="a stage's, for all (default: %(default)s)")
    parser.add_argument("--max-pixels", type=int, help="a frame, over the budget's")
    parser.add_argument("--max-frames", type=int, help="over the budget's")
    parser.add_argument("--sampling", choices=SAMPLINGS, default=BY_INDEX, help="of frames (default: %(default)s)")
    parser.add_argument("--agentic", action="store_true", help="dialogues, in which the model may look again")
    parser.add_argument("--cpu", action="store_true", help="on a machine without a GPU")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venvs", help="built by local_script/setup_env.sh")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="write the frames each host saw, side by side")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Status 0 where all hosts agree on everything, 1 where they do not, 3 where one of them failed."""
    family_of(args.model)
    if args.n < 1:
        raise UserError(f"--n is {args.n}: a number of records, at least 1")
    if args.sheet and (args.sheet.is_dir() or not args.sheet.absolute().parent.is_dir()):
        raise UserError(f"--sheet '{args.sheet}': a PNG file in a folder that is there is needed")
    examples = list(islice(read_examples(args.records), args.n))
    labels: list[str] = []
    for number, example in enumerate(examples, start=1):
        if example.rationale is None:
            raise UserError(f"record '{example.id}' has no rationale, and SFT cannot train on it: give the SFT file")
        labels.append(f"{example.id} ({number})" if example.id in labels else example.id)
    budget = replace(BUDGETS[args.budget].bounded(args.max_frames, args.max_pixels), sampling=args.sampling)
    with tempfile.TemporaryDirectory(prefix="videokr-parity-") as name:
        folder = Path(name)
        write_skeleton(args.model, folder / "model")
        request = Request(
            model=folder / "model",
            records=args.records.absolute(),
            media_dir=(args.media_dir or args.records.parent).absolute(),
            output=folder,
            count=len(examples),
            budget=budget,
            max_tokens=CONTEXT_TOKENS,
            cpu=args.cpu,
            agentic=args.agentic,
        )
        try:
            call_hosts(request, args.environments.absolute())
        except HostError as error:
            print(f"error: {error}", file=sys.stderr)
            return FAILED_STATUS
        titles = {report: title for reports in REPORTS.values() for report, title in reports.items()}
        if args.agentic:
            del titles[ONE_ROUND]
        traces = {}
        for report, title in titles.items():
            told = zip(read_report(folder, report), labels, strict=True)
            traces[title] = [replace(trace, example=label) for trace, label in told]
        (_, first), *others = traces.items()
        differences = [
            difference
            for host, seen in others
            for one, other in zip(first, seen, strict=True)
            for difference in compare(one, other, host, folder)
        ]
        if args.json:
            print(json.dumps(as_json(traces, differences), indent=2))
        else:
            print(as_text(traces, differences), end="", flush=True)
        if args.sheet:
            draw_sheet(traces, folder, args.sheet)
    return DIFFERENT_STATUS if differences else 0
