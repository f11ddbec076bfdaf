"""`videokr parity`: the same records through all three hosts, and every place where they differ."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from videokr.budget import EVAL_BUDGET, RL_BUDGET, SFT_BUDGET, VideoBudget
from videokr.errors import UserError
from videokr.example import Example, read_examples
from videokr.family import family_of
from videokr.parity.comparison import ASPECTS, Difference, compare
from videokr.parity.hosts import HOSTS, HostError, call_witnesses
from videokr.parity.request import Request
from videokr.parity.sheet import draw
from videokr.parity.skeleton import CONTEXT_TOKENS, write_skeleton
from videokr.parity.witness import Witness, read_report

BUDGETS = {"sft": SFT_BUDGET, "rl": RL_BUDGET, "eval": EVAL_BUDGET}
DIFFERENT_STATUS, FAILED_STATUS = 1, 3
ROOT = Path(__file__).parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="checkpoint folder; its weights are not read")
    parser.add_argument("--records", type=Path, required=True, help="raw VideoKR file with rationales")
    parser.add_argument("--media-dir", type=Path, help="folder of the videos (default: that of --records)")
    parser.add_argument("--n", type=int, default=10, metavar="N", help="records to look at (default: %(default)s)")
    parser.add_argument("--budget", choices=BUDGETS, default="sft", help="a stage's, for all (default: %(default)s)")
    parser.add_argument("--max-pixels", type=int, help="a frame, over the budget's")
    parser.add_argument("--max-frames", type=int, help="over the budget's")
    parser.add_argument("--cpu", action="store_true", help="on a machine without a GPU")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venvs", help="built by local_script/setup_env.sh")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="write the frames each host saw, side by side")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Status 0 where all hosts agree on everything, 1 where they do not, 3 where one of them failed.

    Raises:
        UserError: no such model, records or environment.
    """
    family_of(args.model)
    if args.n < 1:
        raise UserError(f"--n is {args.n}: a number of records, at least 1")
    if args.sheet and (args.sheet.is_dir() or not args.sheet.absolute().parent.is_dir()):
        raise UserError(f"--sheet '{args.sheet}': a PNG file in a folder that is there is needed")
    examples = list(islice(read_examples(args.records), args.n))
    without = next((example for example in examples if example.rationale is None), None)
    if without:
        raise UserError(f"record '{without.id}' has no rationale, and SFT cannot train on it: give the SFT file")
    changed = {"max_pixels": args.max_pixels, "max_frames": args.max_frames}
    budget = VideoBudget(
        **asdict(BUDGETS[args.budget]) | {name: value for name, value in changed.items() if value is not None}
    )
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
        )
        try:
            call_witnesses(request, args.environments.absolute())
        except HostError as error:
            print(f"error: {error}", file=sys.stderr)
            return FAILED_STATUS
        witnesses = {shown: read_report(folder, report) for host in HOSTS for report, shown in host.reports.items()}
        (first, mine), *others = witnesses.items()
        differences = [
            difference
            for shown, theirs in others
            for one, two in zip(mine, theirs, strict=True)
            for difference in compare(one, two, shown, folder)
        ]
        if args.sheet:
            draw(witnesses, folder, args.sheet)
    if args.json:
        print(json.dumps(as_json(first, mine, [shown for shown, _ in others], differences), indent=2))
    else:
        print(as_text(first, mine, examples, [shown for shown, _ in others], differences), end="")
    return DIFFERENT_STATUS if differences else 0


def as_json(first: str, mine: Sequence[Witness], others: Sequence[str], differences: Sequence[Difference]) -> object:
    return {
        "compared_with": first,
        "hosts": list(others),
        "examples": [witness.example for witness in mine],
        "aspects": list(ASPECTS),
        "differences": [asdict(difference) for difference in differences],
    }


def as_text(
    first: str,
    mine: Sequence[Witness],
    examples: Sequence[Example],
    others: Sequence[str],
    differences: Sequence[Difference],
) -> str:
    """What each example is, where hosts differ about it, and a table of all."""
    lines = []
    for witness in mine:
        videos = ", ".join(
            f"{len(video.indices)} frames of {video.width}x{video.height}, {video.timestamps[0]:.2f} to "
            f"{video.timestamps[-1]:.2f} s, {video.video_tokens} video tokens"
            for video in witness.videos
        )
        trained = sum(witness.loss or ())
        lines.append(f"{witness.example}: {len(witness.prompt_ids)} prompt tokens, {trained} trained; {videos}")
        own = [difference for difference in differences if difference.example == witness.example]
        lines += [f"  {difference.host}, {difference.aspect}: {difference.detail}" for difference in own]
    width = shutil.get_terminal_size().columns
    head = f"{'examples that differ from ' + first:<28}" + "".join(f"{shown:>14}" for shown in others)
    lines += ["", head[:width] if width > len(head) else head]
    for aspect in ASPECTS:
        counts = [len({d.example for d in differences if d.host == shown and d.aspect == aspect}) for shown in others]
        lines.append(f"{aspect:<28}" + "".join(f"{count or '0':>14}" for count in counts))
    verdict = (
        f"{len({d.example for d in differences})} of {len(mine)} examples differ"
        if differences
        else (f"{len(mine)} examples: the same in all hosts")
    )
    return "\n".join([*lines, verdict, ""])
