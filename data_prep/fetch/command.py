"""`videokr fetch`: brings the published annotation files and videos to a folder, and extracts the videos' archives.

Annotation files land in DIR and videos in DIR/Videos, where `--videos DIR` finds them under every spelling of records.
It may be killed at any time: the same command again goes on where it was (an archive that was being extracted begins
anew), and does nothing where nothing is missing. Links, devices, whatever leads out of the folder, and a file whose
path another one had before are never extracted: such a member is refused, the rest is extracted, and it ends with
status 3; so it does where an archive is of a kind that is not read, as .tar.gz and .zip are.
"""

import argparse
import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.given_path import given_path
from videokr.errors import FAULTY_DATA_STATUS, UserError
from videokr.published import DATASETS

if TYPE_CHECKING:
    from data_prep.fetch.hub import Hub
    from data_prep.fetch.mirror import Mirror


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", choices=DATASETS, help="; ".join(f"{name}: {repo}" for name, repo in DATASETS.items())
    )
    parser.add_argument("--to", type=given_path, required=True, metavar="DIR", help="folder to bring it to")
    parser.add_argument("--from", dest="source", metavar="SOURCE", help="another data set of the hub (OWNER/NAME), or "
                        "a folder with the same layout, which is read in place")  # fmt: skip
    parser.add_argument("--revision", help="branch, tag or commit on the hub (default: the main branch)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--annotations-only", action="store_true", help="no videos")
    what.add_argument("--archives", nargs="+", metavar="GLOB", help="these archives alone, as in 'videos_000*'")
    parser.add_argument("--delete-archives", action="store_true", help="delete each downloaded archive once it is "
                        "extracted; it is not downloaded again")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")


def run(args: argparse.Namespace) -> int:
    """Plans, says so, fetches, and prints what is there."""
    from data_prep.fetch.contents import contents_of
    from data_prep.fetch.extraction import Marks, locked
    from data_prep.fetch.fetch import Fetch, done_text, plan_text, readable

    if args.to.exists() and not args.to.is_dir():
        raise UserError(f"--to '{args.to}' is a file: give a folder")
    source = _source(args)
    contents = contents_of(source.files(), [] if args.annotations_only else args.archives)
    with nullcontext() if args.dry_run else locked(args.to):
        fetch = Fetch(source, contents, args.to, Marks(args.to, args.dataset))
        print(plan_text(fetch), flush=True)
        if args.dry_run:
            return 0
        needed, free = fetch.needed_bytes(args.delete_archives), fetch.free_bytes()
        if needed > free:
            raise UserError(
                f"the disk of '{args.to}' is too small: {readable(needed)} are needed at most, {readable(free)} are "
                "free; make room, choose fewer --archives, or delete them once extracted (--delete-archives)"
            )
        fetch.run(args.delete_archives)
    print(done_text(fetch))
    if fetch.failed:
        raise UserError(f"{fetch.failed} of {len(fetch.steps)} archives could not be extracted, as said above")
    data = " ".join(shlex.quote(str(args.to / file.path)) for file in contents.annotations)
    print(f"next: videokr check --data {data} --videos {shlex.quote(str(args.to))}")
    return FAULTY_DATA_STATUS if fetch.refused or contents.unread else 0


def _source(args: argparse.Namespace) -> "Hub | Mirror":
    from data_prep.fetch.hub import Hub
    from data_prep.fetch.mirror import Mirror

    if args.source is None:
        return Hub(DATASETS[args.dataset], args.revision)
    folder = Path(args.source)
    if args.source.strip() and folder.is_dir():
        if args.revision or args.delete_archives:
            raise UserError(f"--from '{folder}' is a folder: it has no --revision, and its archives are not deleted")
        return Mirror(folder, args.to)
    if folder.exists() or folder.is_absolute() or args.source.startswith((".", "~")) or args.source.count("/") != 1:
        raise UserError(f"--from '{args.source}' is no folder, and no name of a data set on the hub (OWNER/NAME)")
    return Hub(args.source, args.revision)
