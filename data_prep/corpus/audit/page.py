"""The page on which people judge or change records: one file with its frames, which keeps what they enter."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from data_prep.corpus.audit.sample import digest_of
from data_prep.corpus.frames import Frames
from data_prep.corpus.ledger import Ledger
from data_prep.corpus.review import Made
from data_prep.corpus.settings import Corpus
from videokr.budget import VideoBudget
from videokr.options import LETTERS
from videokr.outputs import atomic_write
from videokr.page.document import document
from videokr.video.paths import resolve_video

MAX_FRAMES, MAX_PIXELS = 24, 76_800  # of a video on the page: 320 times 240
TEMPLATE, SCRIPT = "data_prep.corpus.audit/page.jinja", "data_prep.corpus.audit/page.js"


@dataclass(frozen=True, slots=True)
class Case:
    """A record with the pictures of its video, each with its second."""

    made: Made
    digest: str
    frames: Sequence[tuple[str, float]]


def write_page(
    corpus: Corpus, source: Path, step: str, made: Sequence[Made], verdicts: Mapping[str, str], output: Path
) -> None:
    """Writes the page, with a progress bar.

    Args:
        step: that the verdicts are of; goes into the file that an annotator saves.
        verdicts: that a record can get, and what each means; where there are none, the record can be changed.

    Raises:
        UserError: a video is not there or cannot be decoded.
    """
    digests = [digest_of(one.example) for one in made]
    page = document(
        TEMPLATE,
        f"VideoKR {step}: {source.name}",
        SCRIPT,
        sections={"records": "Records"},
        heading=f"{'Audit of' if verdicts else 'Change'} {source.name}",
        page=hashlib.sha256("/".join([step, *digests]).encode()).hexdigest()[:16],
        step=step,
        number=len(made),
        cases=_cases(corpus, made, digests),
        verdicts=verdicts,
        letters=LETTERS,
    )
    with atomic_write(output) as aside, aside.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(page)
    print(f"{output}: {len(made)} records; open it in a browser")


def _cases(corpus: Corpus, made: Sequence[Made], digests: Sequence[str]) -> Iterator[Case]:
    shown = corpus.video_budget.bounded(min(corpus.frames.max_frames, MAX_FRAMES), MAX_PIXELS)
    for one, digest in zip(tqdm(made, desc="frames", unit="record", disable=None), digests, strict=True):
        yield Case(one, digest, asyncio.run(_frames(corpus, one.example.videos[0], shown)))


async def _frames(corpus: Corpus, video: str, budget: VideoBudget) -> list[tuple[str, float]]:
    frames = await Frames.of(video, resolve_video(video, corpus.video_dir), budget, Ledger(None))
    return list(zip(await frames.urls(), frames.seconds, strict=True))
