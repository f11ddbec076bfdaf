"""Which rows are held out for validation: whole videos, and what belongs together with them."""

import hashlib
import random
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.left_out import LeftOut
from videokr.errors import UserError
from videokr.jsonl import read_lines
from videokr.video.paths import plain_path

TRAIN, VALIDATION = "train", "test"  # as the published RL files are called


def video_key(path: str) -> int:
    """64 bits that stand for a video, so that a million rows take a few megabytes."""
    return int.from_bytes(hashlib.blake2b(plain_path(path).encode("utf-8", "surrogatepass"), digest_size=8).digest())


class VideoGroups:
    """Rows by their videos; rows that share one, or whose videos were said to belong together, are one group."""

    def __init__(self) -> None:
        self.rows = array("Q")  # the key of each row's first video
        self._parent: dict[int, int] = {}  # of videos that are not alone in their group
        self._told = array("Q")

    @classmethod
    def of(cls, together: Path | None) -> "VideoGroups":
        """Groups without rows yet that know which videos belong together; see `read_together`."""
        groups = cls()
        for videos in read_together(together) if together else ():
            groups.tell([video_key(video) for video in videos])
        return groups

    def add_row(self, keys: Sequence[int]) -> None:
        self.rows.append(keys[0])
        self.tie(keys)

    def tie(self, keys: Sequence[int]) -> None:
        """Makes one group of these videos."""
        for other in keys[1:]:
            low, high = sorted((self.group_of(keys[0]), self.group_of(other)))
            if low != high:
                self._parent[high] = low

    def tell(self, keys: Sequence[int]) -> None:
        """Makes one group of videos that were said to belong together, whether there are rows about them or not."""
        self._told.extend(keys)
        self.tie(keys)

    @property
    def knows_told(self) -> bool:
        """Whether there are rows about any of the videos that were said to belong together."""
        roots = {self.group_of(key) for key in self._told}
        return not roots.isdisjoint(map(self.group_of, self.rows))

    def held_out(self, validation_rows: int, seed: int) -> list[bool]:
        """For each row whether it is held out.

        Whole groups go to validation in a seeded order while they fit; none is parted, so that validation may hold a
        few rows fewer than asked for.
        """
        import numpy as np

        firsts, groups, sizes = self._groups()
        order = np.argsort(firsts).tolist()
        random.Random(seed).shuffle(order)
        chosen = np.zeros(len(order), dtype=bool)
        room = validation_rows
        for group in order:
            if not room:
                break
            if sizes[group] <= room:
                chosen[group] = True
                room -= int(sizes[group])
        held_out: list[bool] = chosen[groups].tolist()
        return held_out

    def why_none_fits(self, validation_rows: int) -> str:
        """Where no group is small enough to be held out, what is to be said of it in brackets."""
        sizes = self._groups()[2]
        if not len(sizes) or not 0 < validation_rows < (least := int(sizes.min())):
            return ""
        return f" (each video, with what belongs together with it, has {least:,} rows or more, and stays whole)"

    def _groups(self) -> tuple[Any, Any, Any]:
        """The place of each group's first row, each row's group, and each group's number of rows."""
        import numpy as np

        roots = np.frombuffer(self.rows, dtype=np.uint64).copy()
        if self._parent:
            keys, places = np.unique(roots, return_inverse=True)
            roots = np.array([self.group_of(key) for key in keys.tolist()], dtype=np.uint64)[places]
        return np.unique(roots, return_index=True, return_inverse=True, return_counts=True)[1:]

    def group_of(self, key: int) -> int:
        """The least key of those that belong together with this one."""
        parent = self._parent
        while (above := parent.get(key, key)) != key:
            parent[key] = parent.get(above, above)
            key = above
        return key


def hold_out(
    groups: VideoGroups, annotations: Path, together: Path | None, left_out: LeftOut, validation_rows: int, seed: int
) -> list[bool]:
    """For each row whether it is held out; says where the split is not quite what was asked for.

    Args:
        annotations, together: the files that the rows and the groups come from.
        left_out: records that are no rows.

    Raises:
        UserError: nothing is left for training or for validation.
    """
    if left_out.counts and not groups.rows:
        left_out.refuse_nothing_left(annotations)
    held_out = groups.held_out(validation_rows, seed)
    held = sum(held_out)
    if held in (0, len(held_out)):
        split = "training" if held else "validation"
        why = groups.why_none_fits(validation_rows)
        raise UserError(f"{annotations}: no row of {len(held_out)} is left for {split}{why}: change --val-size "
                        f"({validation_rows}) or --max-samples")  # fmt: skip
    if together and not groups.knows_told:
        print(f"warning: no row is about a video of --together '{together}': nothing is kept together by it",
              file=sys.stderr)  # fmt: skip
    if held < validation_rows:
        print(f"{held:,} rows are held out, of {validation_rows:,} asked for: videos stay whole")
    return held_out


def read_together(path: Path) -> list[list[str]]:
    """Videos that belong together, from a JSON Lines file whose records have `videos`, as decontamination writes it.

    Raises:
        UserError: not there, or a line without them.
    """
    if not path.is_file():
        raise UserError(f"--together '{path}' is not there")
    together = []
    with path.open("rb") as file:
        for number, record in read_lines(file):
            videos = record.get("videos") if isinstance(record, dict) else None
            if not isinstance(videos, list) or not all(isinstance(video, str) for video in videos):
                raise UserError(f"--together '{path}', line {number}: no JSON object with 'videos', a list of paths")
            together.append(videos)
    return together
