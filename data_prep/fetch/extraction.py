"""An archive extracted: each member is written where it belongs, or refused with a reason."""

import os
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from data_prep.fetch.contents import Archive
from data_prep.fetch.ledger import Extracted, Ledger
from data_prep.fetch.member import IN_THE_WAY, TAKEN, place_of, refusal
from data_prep.fetch.part_chain import ArchiveError, PartChain
from data_prep.fetch.places import Places
from data_prep.fetch.video_folder import InTheWayError, VideoFolder
from videokr.videos import ARCHIVE_FOLDER

MOST_PADDING_BYTES = 1 << 20  # behind the end of an archive; GNU tar fills up to 10 KiB
# What tarfile raises over headers that make no sense.
_NO_HEADER = (tarfile.TarError, ValueError, OverflowError, RecursionError, LookupError, TypeError)


class Member(NamedTuple):
    """
    Attributes:
        place: below the folder of videos; None: it is refused.
        reason: why.
        at, size_bytes: of its bytes in the archive.
        end: where the next member begins.
    """

    name: str
    place: str | None
    reason: str | None
    at: int
    size_bytes: int
    end: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """
    Attributes:
        folder: below which `Videos` is.
        most_members: of an archive; more are taken for an attack.
    """

    folder: Path
    most_members: int

    def extract(
        self, archive: Archive, parts: list[Path], ledger: Ledger, lost: Collection[str], taken: Places, title: str
    ) -> None:
        """Extracts what is not extracted yet; the ledger counts the files.

        Args:
            parts: where the archive's parts are.
            lost: places of files that are to be extracted again.
            taken: places that archives have brought files to, this one among them; grows.
            title: of the progress bar.

        Raises:
            ArchiveError: the archive is cut off, damaged or an attack. What was extracted stays.
        """
        rest = set(lost)
        with (
            ledger.writing() as extracted,
            VideoFolder(self.folder) as videos,
            PartChain(archive.title, parts) as chain,
            tqdm(total=archive.size_bytes, desc=title, unit="B", unit_scale=True, disable=None) as bar,
        ):
            at = 0
            for member in members(archive, chain, self.most_members):
                bar.update(member.end - at)
                at = member.end
                place, is_new = member.place, member.end > extracted.end
                is_taken = place is not None and place in taken
                if is_new and is_taken:
                    _leave(member, extracted, ledger)
                    continue
                is_wanted = is_new or (place in rest and (place in extracted.videos or not is_taken))
                if is_wanted and self._extract(member, is_new, chain, videos, ledger):
                    taken.add(str(place))
                    rest.discard(str(place))
            ledger.complete()
            bar.update(archive.size_bytes - at)

    def flush(self, extracted: Extracted) -> None:
        """Returns when the videos are on the disk itself."""
        for place in extracted.videos:
            with (self.folder / ARCHIVE_FOLDER / place).open("rb") as video:
                os.fsync(video.fileno())

    @staticmethod
    def _extract(member: Member, is_new: bool, chain: PartChain, videos: VideoFolder, ledger: Ledger) -> bool:
        """Whether a file was written."""
        reason = member.reason
        if member.place is not None:
            try:
                videos.write(member.place, member.size_bytes, partial(chain.copy, member.at, member.size_bytes))
            except InTheWayError:
                reason = IN_THE_WAY
            else:
                ledger.add_video(member.place, member.size_bytes, member.end)
                return True
        if is_new and reason:
            ledger.add_refused(member.name, reason, member.end)
        return False


def _leave(member: Member, extracted: Extracted, ledger: Ledger) -> None:
    """Refuses a file whose place is taken; if it is another archive's, the ledger has it for when that gives it up."""
    if member.place is None or member.place in extracted.videos:
        ledger.add_refused(member.name, TAKEN, member.end)
    else:
        ledger.add_left(member.name, member.place, member.size_bytes, member.end)


def members(archive: Archive, chain: PartChain, most_members: int) -> Iterator[Member]:
    """The members of an archive, folders less: they are made where a file needs them.

    Raises:
        ArchiveError: see `Extraction.extract`.
    """
    at = count = 0
    try:
        stream: Any = chain
        tar: Any = tarfile.open(fileobj=stream, mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
        while (header := tar.next()) is not None:
            tar.members.clear()  # it would keep them all
            at = tar.offset
            end = header.offset_data + (header.size if header.isreg() and not header.issparse() else 0)
            if header.size < 0 or not header.offset < header.offset_data <= end <= at:
                raise _damaged(archive, header.offset)
            if end > chain.size_bytes:
                raise _cut_off(archive, chain)
            count += 1
            if count > most_members:
                raise ArchiveError(
                    f"archive '{archive.title}' has more than {most_members:,} members, which may be an attack: "
                    "--max-members takes more"
                )
            if not header.isdir():
                reason = refusal(header)
                place = None if reason else place_of(header.name)
                yield Member(header.name, place, reason, header.offset_data, header.size, at)
            chain.expect_member()
        at = tar.offset
    except _NO_HEADER:
        is_cut = chain.tell() >= chain.size_bytes and (at or _begins(chain))
        raise (_cut_off(archive, chain) if is_cut else _damaged(archive, at)) from None
    _check_end(archive, chain, at)


def _begins(chain: PartChain) -> bool:
    """Whether the first block is that of an archive, as far as there is any."""
    chain.expect_member()
    chain.seek(0)
    try:
        tarfile.TarInfo.frombuf(chain.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
    except _NO_HEADER:
        return not chain.size_bytes
    return True


def _check_end(archive: Archive, chain: PartChain, at: int) -> None:
    """tarfile takes whatever is no header for the end of an archive."""
    chain.expect_member()
    chain.seek(at)
    mark = chain.read(tarfile.BLOCKSIZE)
    if len(mark) < tarfile.BLOCKSIZE:
        raise _cut_off(archive, chain)
    if mark.strip(b"\0") or chain.size_bytes - at > MOST_PADDING_BYTES:
        raise _damaged(archive, at)


def _cut_off(archive: Archive, chain: PartChain) -> ArchiveError:
    return ArchiveError(
        f"archive '{archive.title}' is cut off at byte {chain.size_bytes:,}: what was whole is extracted; running it "
        "again goes on when its source is complete"
    )


def _damaged(archive: Archive, at: int) -> ArchiveError:
    return ArchiveError(
        f"archive '{archive.title}' is damaged or not a .tar: no member begins at byte {at:,}"
        + ("; what comes before is extracted" if at else "")
    )
