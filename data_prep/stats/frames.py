"""How many frames and video tokens a file's rows are shown, by the frame plan: no video is opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_prep.stats.distribution import Distribution, describe
from data_prep.stats.footage import UNKNOWN, Manifest
from videokr.budget import VideoBudget
from videokr.errors import UserError
from videokr.family import Family
from videokr.video.frame_plan import FramePlan, VideoHeader, plan_frames


@dataclass(frozen=True, slots=True)
class Shown:
    """
    Attributes:
        rows: of those that count, how many have all of their videos planned.
        rows_unknown: how many have not, because a header is not known or no plan can be made of it.
        seconds: of video in those rows, a video once for each row.
        frames: a row.
        tokens: a row, by family: those that stand for patches, without marks and timestamps.
    """

    rows: int
    rows_unknown: int
    seconds: float
    frames: Distribution | None
    tokens: Mapping[str, Distribution | None]


@dataclass(frozen=True, slots=True)
class Rows:
    """A file's rows by their videos, as numpy arrays.

    Attributes:
        keys: of every video of every row, in order.
        starts: where each row's begin among them.
        counted: of each row, whether it counts here.
    """

    keys: Any
    starts: Any
    counted: Any

    def with_all(self, holds: Any) -> Any:
        """Of each row whether something holds for each of its videos.

        Args:
            holds: of every video of every row.
        """
        import numpy as np

        return np.logical_and.reduceat(holds, self.starts) if len(self.starts) else np.zeros(0, dtype=bool)

    def sums(self, values: Any) -> Any:
        """Of each row the sum over its videos."""
        import numpy as np

        return np.add.reduceat(values, self.starts) if len(self.starts) else values


def plan_of(header: VideoHeader, budget: VideoBudget, family: Family) -> FramePlan | None:
    """None for a video that no processor takes, because its frames are too narrow."""
    try:
        return plan_frames(header, budget, family.patch_size)
    except UserError:
        return None


def shown_rows(manifest: Manifest, rows: Rows, budget: VideoBudget, families: Sequence[Family]) -> Shown:
    """What the counted rows are shown with this budget."""
    import numpy as np

    places, inverse = np.unique(manifest.places(rows.keys), return_inverse=True)
    frames = np.zeros(len(places), dtype=np.int64)
    tokens = {family.name: np.zeros(len(places), dtype=np.int64) for family in families}
    for number, place in enumerate(places.tolist()):
        header = None if place == UNKNOWN else manifest.header(place)
        for family in families:
            plan = header and plan_of(header, budget, family)
            if plan:
                frames[number] = len(plan.indices)  # the same for every family
                tokens[family.name][number] = plan.video_tokens
    planned = rows.with_all(frames[inverse] > 0) & rows.counted
    seconds = np.where(frames > 0, manifest.seconds[places], 0.0)
    return Shown(
        rows=int(planned.sum()),
        rows_unknown=int((rows.counted & ~planned).sum()),
        seconds=float(np.cumsum(rows.sums(seconds[inverse])[planned])[-1]) if planned.any() else 0.0,
        frames=describe(rows.sums(frames[inverse])[planned]),
        tokens={name: describe(rows.sums(own[inverse])[planned]) for name, own in tokens.items()},
    )
