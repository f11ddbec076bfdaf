"""`videokr proxy`: videos as small files that hold the very frames a model is shown, and read many times as fast.

`videokr proxy build` decodes each video once, for one budget and model family, writes its proxy below --to, and reads
it again to see how far it is from what was meant (PSNR). The same command again builds what is missing or of a video
that has changed since. With VIDEOKR_PROXIES=DIR all three stages read proxies where there are any, and originals where
there are none. Ends with status 3 where a video has no proxy in the end.
"""

import argparse
import importlib.util
import os
import shlex
from collections import Counter
from dataclasses import fields, replace
from math import inf, isfinite
from statistics import fmean

from data_prep.engine.flags import add_worker_flags, workers_of
from data_prep.given_path import given_path
from videokr.budget import BUDGETS, VideoBudget
from videokr.errors import FAULTY_DATA_STATUS, UserError
from videokr.family import FAMILIES
from videokr.video.proxy import BEST, DEFAULT_QUALITY, FOLDER_VARIABLE, WORST, ProxyFolder, ProxyKey

NAMED = 5  # videos without a proxy
BUDGET_FLAGS = {field.name: float if field.name == "fps" else int for field in fields(VideoBudget)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    jobs = parser.add_subparsers(dest="job", required=True, metavar="build")
    build = jobs.add_parser("build", help="build what is missing", description=__doc__)
    build.add_argument("--data", type=given_path, nargs="+", required=True, metavar="FILE", help="annotation files")
    build.add_argument("--videos", type=given_path, required=True, metavar="DIR",
                       help="folder that video paths start from")  # fmt: skip
    build.add_argument("--to", type=given_path, required=True, metavar="DIR", help="folder of proxies")
    build.add_argument("--budget", choices=BUDGETS, required=True, help="the stage whose frames they hold")
    build.add_argument("--family", choices=FAMILIES, required=True, help="of the models that they are for")
    for name, kind in BUDGET_FLAGS.items():
        build.add_argument(f"--{name.replace('_', '-')}", type=kind, help="of the budget, if not the stage's own")
    build.add_argument("--quality", type=int, default=DEFAULT_QUALITY, help=f"{BEST} (best) to {WORST}, of motion JPEG;"
                       " proxies that are there keep theirs (default: %(default)s)")  # fmt: skip
    build.add_argument("--max-gb", type=float, default=inf, help="that all proxies in the folder may take, in 10^9 "
                       "bytes (default: no bound)")  # fmt: skip
    build.add_argument("--verify", action="store_true", help="look at the pictures of proxies that are there, too, and "
                       "build anew what is damaged")  # fmt: skip
    add_worker_flags(build, seconds_each=600.0)


def run(args: argparse.Namespace) -> int:
    """Builds, and prints counts."""
    from data_prep.check.paths import named_by
    from data_prep.proxies.building import Builder, build_proxies

    if not args.videos.is_dir():
        raise UserError(f"--videos '{args.videos}' is not there: give the folder that holds the videos")
    if args.to.exists() and not args.to.is_dir():
        raise UserError(f"--to '{args.to}' is a file: give a folder")
    if args.to.resolve() == args.videos.resolve():
        raise UserError("--to is the folder of the videos: give another, so that neither is taken for the other")
    if not BEST <= args.quality <= WORST:
        raise UserError(f"--quality {args.quality}: {BEST} to {WORST} are asked for")
    workers = workers_of(args)
    if not args.max_gb > 0:
        raise UserError(f"--max-gb {args.max_gb:g}: a positive number is asked for")
    if importlib.util.find_spec("torch") is None:
        raise UserError("no torch here, which resizes: take the environment of sft, rl or eval")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # many processes: their threads would stand in each other's way
    budget = BUDGETS[args.budget].bounded(args.max_frames, args.max_pixels)
    own = {name: vars(args)[name] for name in BUDGET_FLAGS if vars(args)[name] is not None}
    key = ProxyKey(replace(budget, **own), FAMILIES[args.family].patch_size)
    named = named_by(args.data)
    if not named.paths:
        why = "".join(f"; {reason}: {number:,}" for reason, number in named.left_out.most_common())
        raise UserError(f"no video is named by {', '.join(map(str, args.data))}{why}")
    args.to.mkdir(parents=True, exist_ok=True)
    builder = Builder(args.videos.resolve(), ProxyFolder(args.to.resolve()), key, args.quality, args.verify)
    found = build_proxies(named.paths, builder, workers, args.max_gb * 1e9)
    built = len(found.psnr_db)
    finite = [psnr_db for psnr_db in found.psnr_db if isfinite(psnr_db)]  # the others' pixels are the same
    print(f"{built:,} proxies built, {found.there:,} there already, of {len(named.paths):,} videos")
    if built:
        told = f"PSNR {fmean(finite):.1f} dB on average, {min(finite):.1f} at least" if finite else "the same pixels"
        print(f"  {found.size_bytes / built / 1e6:.2f} MB each; {told}")
    for reason, number in Counter(found.failures.values()).most_common():
        print(f"  none, {reason}: {number:,}")
    for path, reason in sorted(found.failures.items())[:NAMED]:
        print(f"    {path!a}: {reason}")
    for reason, number in named.left_out.most_common():
        print(f"  records that name no video, {reason}: {number:,}")
    if found.no_room:
        print(f"  none, no room in --max-gb {args.max_gb:g}: {found.no_room:,}")
    print(f"use them: {FOLDER_VARIABLE}={shlex.quote(str(args.to.resolve()))}")
    return FAULTY_DATA_STATUS if found.failures or found.no_room else 0
