"""`videokr fetch`: brings the published annotation files and videos to a folder, and extracts the videos' archives.

Annotation files land in DIR and videos in DIR/Videos, where `--videos DIR` finds them under every spelling of records.
It may be killed at any time: the same command again goes on where it was, and does nothing where nothing is missing.
Links, devices, whatever leads out of the folder, and a file whose path another one had before are never extracted:
such a member is refused, the rest is extracted, and it ends with status 3; so it does where an archive is of a kind
that is not read, as .tar.gz and .zip are.
"""

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from videokr.errors import UserError
from videokr.given_path import given_path
from videokr.outputs import JSON, refuse_to_overwrite, require_suffix, written_aside
from videokr.published import CONFIGS, DATASETS

if TYPE_CHECKING:
    from data_prep.fetch.plan import DataSource

REFUSED_STATUS = 3
MOST_MEMBERS = 200_000  # the whole corpus has 145,000 videos


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", choices=DATASETS, help="; ".join(f"{name}: {repo}" for name, repo in DATASETS.items())
    )
    parser.add_argument("--to", type=given_path, required=True, metavar="DIR", help="folder to bring it to")
    parser.add_argument("--from", dest="source", metavar="SOURCE", help="another data set of the hub (OWNER/NAME), or "
                        "a folder with the same layout, which is read in place")  # fmt: skip
    parser.add_argument("--revision", help="branch, tag or commit on the hub (default: the main branch)")
    parser.add_argument("--config", choices=CONFIGS, help="of train: one annotation file alone; it is not known which "
                        "archives hold its videos, so this chooses no archives")  # fmt: skip
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--annotations-only", action="store_true", help="no videos")
    what.add_argument("--archives", nargs="+", metavar="GLOB", help="these archives alone, as in 'videos_000*'")
    parser.add_argument("--delete-archives", action="store_true", help="delete each downloaded archive once it is "
                        "extracted; it is not downloaded again")  # fmt: skip
    parser.add_argument("--max-members", type=int, default=MOST_MEMBERS, metavar="N",
                        help="stop extracting an archive with more (default: %(default)s)")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    parser.add_argument("--json", type=given_path, metavar="FILE", help="write what is there at the end as JSON, too; "
                        "not in DIR or SOURCE")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Plans, says so, fetches, and prints what is there.

    Raises:
        UserError: the source has not what is asked for or cannot be reached, the disk is too small, or an archive
            cannot be extracted.
    """
    from data_prep.fetch.contents import contents_of
    from data_prep.fetch.extraction import Extraction
    from data_prep.fetch.fetch import Fetch
    from data_prep.fetch.inventory import Inventory, locked
    from data_prep.fetch.plan import make_plan
    from data_prep.fetch.report import as_json, as_text, describe_plan, describe_steps

    if args.config and args.dataset != "train":
        raise UserError("--config is for train: eval has one annotation file")
    if args.max_members < 1:
        raise UserError("--max-members is a positive number")
    if args.to.exists() and not args.to.is_dir():
        raise UserError(f"--to '{args.to}' is a file: give a folder")
    source = _source(args)
    _refuse_report(args)
    files = source.files()
    refuse_to_overwrite([args.json], map(source.in_place, files))
    archives = [] if args.annotations_only else args.archives
    found = contents_of(files)
    contents = found.chosen(CONFIGS.get(args.config), archives)
    others = [archive for archive in found.archives if archive not in contents.archives]
    if args.dry_run:
        plan = make_plan(source, contents, args.to, Inventory(args.to, args.dataset), others)
        print(describe_plan(plan, source, contents, args.to))
        print(describe_steps(plan, contents))
        return 0
    with locked(args.to):
        inventory = Inventory(args.to, args.dataset)
        plan = make_plan(source, contents, args.to, inventory, others)
        print(describe_plan(plan, source, contents, args.to), flush=True)
        needed = plan.needed_bytes(args.delete_archives)
        if not plan.is_done and needed > plan.free_bytes:
            raise UserError(_too_little(needed, plan.free_bytes, plan.needed_bytes(True), args))
        fetch = Fetch(source, args.to, inventory, Extraction(args.to, args.max_members))
        done = fetch.run(list(contents.annotations), plan, args.delete_archives)
        report = as_json(plan, source, contents, inventory, done)
    if args.json:
        with written_aside(args.json) as aside:
            aside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(as_text(report, args.to))
    if done.failed:
        raise UserError(
            f"{len(done.failed)} of {len(plan.archives)} archives could not be extracted to the end, as said above"
        )
    data = " ".join(shlex.quote(str(args.to / file.path)) for file in contents.annotations)
    print(f"next: videokr check --data {data} --videos {shlex.quote(str(args.to))}")
    is_whole = all(archive["complete"] for archive in report["archives"])
    return REFUSED_STATUS if report["refused"] or report["not_read"] or not is_whole else 0


def _source(args: argparse.Namespace) -> "DataSource":
    from data_prep.fetch.hub import Hub
    from data_prep.fetch.mirror import Mirror

    if args.source is not None and not args.source.strip():
        raise UserError("--from is empty: give OWNER/NAME of a data set on the hub, or a folder")
    name = args.source or DATASETS[args.dataset]
    folder = Path(name)
    if args.source and folder.exists() and not folder.is_dir():
        raise UserError(
            f"--from '{name}' is a file, not a folder or a data set of the hub (OWNER/NAME): give its folder"
        )
    if not (args.source and folder.is_dir()):
        if args.source and (folder.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1):
            raise UserError(f"--from '{name}' is not there, and no name of a data set on the hub (OWNER/NAME)")
        return Hub(name, args.revision)
    if args.revision or args.delete_archives:
        raise UserError(f"--from '{name}' is a folder: it has no --revision, and its archives are not deleted")
    return Mirror(folder, args.to)


def _refuse_report(args: argparse.Namespace) -> None:
    """
    Raises:
        UserError: --json would lie among what is read or brought.
    """
    require_suffix(args.json, JSON)
    if args.json is None:
        return
    for folder in [args.to, *([Path(args.source)] if args.source and Path(args.source).is_dir() else [])]:
        if args.json.resolve().is_relative_to(folder.resolve()):
            raise UserError(
                f"--json '{args.json}' would lie in '{folder}', among what is read or brought: give another folder"
            )


def _too_little(needed: int, free: int, with_delete: int, args: argparse.Namespace) -> str:
    from data_prep.fetch.figures import readable

    text = f"the disk of '{args.to}' is too small: {readable(needed)} are needed at most, {readable(free)} are free; "
    if not args.delete_archives and with_delete < needed:
        text += f"with --delete-archives {readable(with_delete)} are needed; "
    return text + "make room, or choose fewer --archives"
