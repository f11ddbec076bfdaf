"""`videokr decontaminate`: what of a benchmark stands in the training data already, and the data without it.

Compares video ids, the pictures of the videos (near-duplicates of 20 seconds and more, also mirrored, cropped, faster,
with bars or an emblem), and the questions by runs of eight words. Writes into --output: the records that stay, under
the name of the file; `matches.jsonl`; `together.jsonl`, for `videokr prepare --together`; `report.html`, with frames of
both sides; with --skip-invalid, `NAME.left_out.jsonl`, a line for each record of NAME that cannot be read. Hashes are
kept in `fingerprints`: the same command again reads new and changed videos alone. Ends with status 3 where videos could
not be compared.
"""

import argparse
import os
from collections import Counter

from data_prep.decontamination import ALIGNED, PUBLISHED, RULES
from data_prep.engine.flags import add_worker_flags, workers_of
from data_prep.given_path import given_path
from videokr.errors import FAULTY_DATA_STATUS, UserError

MATCHES, TOGETHER, PAGE, FINGERPRINTS = "matches.jsonl", "together.jsonl", "report.html", "fingerprints"
MAX_NAMED = 5  # videos that could not be compared
PUBLISHED_WARNING = (
    "warning: --rule published finds a near-duplicate for most unrelated videos (two unrelated hashes of 64 bits are "
    "within 30 bits in about 40 of 100 cases)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--train", type=given_path, required=True, metavar="FILE", help="annotation file to clean")
    parser.add_argument(
        "--eval", type=given_path, required=True, metavar="FILE", help="annotation file of the benchmark"
    )
    parser.add_argument("--videos", type=given_path, metavar="DIR", help="folder that --train's video paths start from "
                        "(default: its own)")  # fmt: skip
    parser.add_argument(
        "--eval-videos", type=given_path, metavar="DIR", help="the same of --eval (default: its own folder)"
    )
    parser.add_argument("--output", type=given_path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--fingerprints", type=given_path, metavar="DIR", help="folder of hashes, to share between "
                        f"runs (default: {FINGERPRINTS} in --output)")  # fmt: skip
    parser.add_argument("--rule", choices=RULES, default=ALIGNED, help="for near-duplicates: `aligned` (default) lays "
                        "the pictures over each other; `published` is the publication's, 64 bits and distance 30, and "
                        "finds a near-duplicate for most unrelated videos")  # fmt: skip
    parser.add_argument("--text-only", action="store_true", help="compare ids and questions, and look at no video")
    parser.add_argument("--remove-questions", action="store_true", help="remove records for their question alone, too, "
                        "whatever their video shows")  # fmt: skip
    parser.add_argument("--skip-invalid", action="store_true", help="leave out training records that cannot be read, "
                        "list them")  # fmt: skip
    add_worker_flags(parser, seconds_each=600.0)


def run(args: argparse.Namespace) -> int:
    """Compares, writes what was found, and prints counts."""
    # Many processes, small matrices: threads would stand in each other's way. To be set before numpy is imported; Ray
    # sets the same for its workers.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from data_prep.decontamination.comparison import Comparison, Side, write_cleaned
    from data_prep.decontamination.fingerprint import FORMAT
    from data_prep.decontamination.match import write_matches, write_together
    from data_prep.decontamination.page import page
    from data_prep.journal import Journal
    from data_prep.left_out import LeftOut
    from videokr.outputs import atomic_write, refuse_to_overwrite

    train = Side(args.train, args.videos or args.train.parent)
    benchmark = Side(args.eval, args.eval_videos or args.eval.parent)
    for side in (train, benchmark):
        if not side.annotations.is_file():
            raise UserError(f"annotation file '{side.annotations}' is not there")
        if not side.videos.is_dir():
            raise UserError(f"'{side.videos}' is not there: give the folder that holds the videos")
    workers = workers_of(args)
    cleaned = args.output / args.train.name
    written = [cleaned, LeftOut.list_of(cleaned), *(args.output / name for name in (MATCHES, TOGETHER, PAGE))]
    refuse_to_overwrite(written, [args.train, args.eval])
    if args.rule == PUBLISHED:
        print(PUBLISHED_WARNING)
    comparison = Comparison(
        train,
        benchmark,
        fingerprints=args.fingerprints or args.output / FINGERPRINTS,
        workers=workers,
        rule=args.rule,
        looks_at_videos=not args.text_only,
        skip_invalid=args.skip_invalid,
        removes_questions=args.remove_questions,
    )
    with Journal(args.output / MATCHES, {"rule": args.rule, "fingerprints": FORMAT}) as journal:
        found = comparison.find(journal)
        pieces = page(found, comparison)
        with atomic_write(args.output / PAGE) as aside, aside.open("w", encoding="utf-8") as out:
            out.writelines(pieces)
        write_together(args.output / TOGETHER, found.matches)
        write_cleaned(args.train, cleaned, found.removed | found.unreadable)
        write_matches(args.output / MATCHES, found.matches)
    counts = Counter(match.kind for match in found.matches)
    print(f"{found.records:,} records about {found.videos:,} videos against {found.questions:,} questions about "
          f"{found.benchmark_videos:,} videos")  # fmt: skip
    for kind in counts:
        print(f"  {kind.value:<24} {counts[kind]:>7,}{'' if kind in comparison.removed_kinds else '  (kept)'}")
    found.left_out.report(cleaned)
    kept = found.records - len(found.removed) - len(found.unreadable)
    print(f"{len(found.removed):,} records removed, {kept:,} written to {cleaned}")
    print(f"every match: {args.output / MATCHES}, {args.output / PAGE}")
    if found.short:
        print(f"{len(found.short):,} videos show fewer than five seconds, and were compared by id alone")
    if found.not_compared:
        print(f"{len(found.not_compared):,} videos could not be compared; videokr check says why:")
        for (which, path), reason in sorted(found.not_compared.items())[:MAX_NAMED]:
            print(f"  {which} {path!a}: {reason}")
        return FAULTY_DATA_STATUS
    return 0
