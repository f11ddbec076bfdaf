"""Where a member of an archive may land, or why it may not."""

import re
import tarfile

from data_prep.fetch.contents import ARCHIVE_SUFFIX
from videokr.videos import plain_path

ASIDE = ".videokr-fetch.partial"  # what a video is called while it is written
MOST_NAME_BYTES, MOST_PATH_BYTES = 255, 1024  # of a name on the usual file systems; of a path below the folder

ABSOLUTE = "an absolute path"
OUTSIDE = "a path with .."
WINDOWS = "a Windows path"
NOT_A_NAME = "a name that no file can have"
TOO_LONG = "a name that is too long"
LINK = "a link"
DEVICE = "a device or a pipe"
SPARSE = "a sparse file"
UNKNOWN = "a kind that is unknown"
AN_ARCHIVE = "an archive"
IN_THE_WAY = "a link, file or folder is in its way"
TAKEN = "another file of the same path came before"


def place_of(name: str) -> str:
    """Where a member lands below `Videos`, whether its name begins with that folder or not: `videos_0007/x.mp4`."""
    return plain_path(name)


def refusal(member: tarfile.TarInfo) -> str | None:
    """Why a member may not be extracted, in the same words for every such member; None: it may."""
    return _refusal_of_kind(member) or refusal_of_name(member.name)


def refusal_of_name(name: str) -> str | None:
    """Why no file may be written by a name; None: one may."""
    if name.startswith("/"):
        return ABSOLUTE
    if "\\" in name or re.match(r"[A-Za-z]:", name):
        return WINDOWS
    if ".." in name.split("/"):
        return OUTSIDE
    try:
        encoded = place_of(name).encode()
    except UnicodeEncodeError:  # no record could name it
        return NOT_A_NAME
    parts = encoded.split(b"/")
    if b"\0" in encoded or encoded in (b"", b".", b"Videos") or name.endswith("/") or parts[-1] == ASIDE.encode():
        return NOT_A_NAME
    if len(encoded) > MOST_PATH_BYTES or max(map(len, parts)) > MOST_NAME_BYTES:
        return TOO_LONG
    if parts[-1].endswith(ARCHIVE_SUFFIX.encode()) or f"{ARCHIVE_SUFFIX}.part.".encode() in parts[-1]:
        return AN_ARCHIVE
    return None


def _refusal_of_kind(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return LINK
    if member.isdev():
        return DEVICE
    if member.issparse():  # would have more bytes than the archive holds
        return SPARSE
    return None if member.isreg() else UNKNOWN
