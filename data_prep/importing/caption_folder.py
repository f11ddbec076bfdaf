"""A folder of videos, each with a file of its own name beside it that says what is seen."""

import html
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_prep.check.container import LINK_OUTSIDE, NOT_A_FILE
from data_prep.check.paths import SUFFIXES
from data_prep.importing.columns import ANSWER, KIND, QUESTION, VIDEOS, Fields
from data_prep.importing.row import Row
from data_prep.importing.text_file import WHOLE, read_text
from videokr.errors import RecordError, UserError
from videokr.response import Kind

SUBTITLE_SUFFIXES = (".srt", ".vtt")
CAPTION_SUFFIXES = (".txt", *SUBTITLE_SUFFIXES)
NO_CAPTION = "video without a caption"
NO_VIDEO = "caption without a video"
FOLDER = "a folder called like a video"
LINKED_FOLDER = "a link to a folder, which is not followed"
_LANGUAGE = re.compile(r"(.+)\.[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*", re.DOTALL)  # as download tools name subtitles
_TIMES = re.compile(r"\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->")
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")  # <i>, <c.yellow>, <00:01.200>; {\an8}


class CaptionFolder:
    """A source of rows that is a folder, and those in it: see `source.FileSource`.

    Args:
        root: folder that the paths of records start from.
        endings: of the captions' names, such as `.txt` or `.en.vtt`; empty: all of CAPTION_SUFFIXES.
        question: that every caption answers.
        follow_links: reads captions through links that lead outside of `root`.

    Raises:
        UserError: the folder does not lie in `root`, or an ending is of no caption.
    """

    total: int | None = None
    unit = "video"

    def __init__(
        self, folder: Path, root: Path, endings: Sequence[str], question: str, encoding: str | None, follow_links: bool
    ):
        self.folder, self.root = Path(os.path.abspath(folder)), Path(os.path.abspath(root))  # noqa: PTH100  (no links)
        if not self.folder.is_relative_to(self.root):
            raise UserError(f"'{folder}' does not lie in --videos '{root}': records name videos from there on")
        self.endings = tuple(f".{ending.lstrip('.')}".lower() for ending in endings)
        for ending in self.endings:
            if not ending.endswith(CAPTION_SUFFIXES):
                raise UserError(f"--captions '{ending}': captions end in {', '.join(CAPTION_SUFFIXES)}, as en.vtt does")
        self.question, self.encoding = question, encoding
        self.follow_links, self.real_root = follow_links, os.path.realpath(root)
        self.read: Counter[str] = Counter()

    def describe(self) -> str:
        kinds = ", ".join(f"{number:,} {suffix}" for suffix, number in sorted(self.read.items()))
        return f"a folder of videos and captions ({kinds or 'none'})"

    def rows(self, progress: Callable[[int], Any]) -> Iterator[Row]:
        """Streams the rows, in the order of the folders' and files' names."""
        read = 0
        for place, folders, files in os.walk(self.folder, onerror=refuse_unlisted):
            folders.sort()
            for name in folders:
                path = Path(place, name)
                if name.lower().endswith(SUFFIXES):
                    yield self._fault(path, VIDEOS, FOLDER)
                if path.is_symlink():
                    yield self._fault(path, WHOLE, LINKED_FOLDER)
            videos, captions, alone = self._matched(sorted(files))
            for stem in sorted(videos):
                yield from self._video_rows(Path(place), videos[stem], captions.get(stem, []))
                read += 1
                progress(read)
            for name in alone:
                yield self._fault(Path(place, name), WHOLE, NO_VIDEO)

    def _matched(self, files: list[str]) -> tuple[dict[str, list[str]], dict[str, list[str]], list[str]]:
        """The videos and the captions of one folder by their common name, and captions of no video."""
        videos: dict[str, list[str]] = {}
        captions: dict[str, list[str]] = {}
        alone = []
        for name in files:
            if name.lower().endswith(SUFFIXES):
                videos.setdefault(name.rpartition(".")[0], []).append(name)
        for name in files:
            ending = next((end for end in self.endings or CAPTION_SUFFIXES if name.lower().endswith(end)), None)
            if ending is None:
                continue
            stem = name[: -len(ending)]
            if stem not in videos and not self.endings and ending in SUBTITLE_SUFFIXES:
                in_language = _LANGUAGE.fullmatch(stem)
                stem = in_language[1] if in_language else stem
            if stem in videos:
                captions.setdefault(stem, []).append(name)
            else:
                alone.append(name)
        return videos, captions, alone

    def _video_rows(self, place: Path, videos: list[str], captions: list[str]) -> Iterator[Row]:
        """The rows of the videos of one name."""
        path = place / videos[0]
        if not captions:
            for name in videos:
                yield self._fault(place / name, WHOLE, NO_CAPTION)
        elif len(videos) > 1:
            yield self._fault(path, VIDEOS, "several videos have one caption", ", ".join(map(ascii, videos)))
        elif len(captions) > 1:
            detail = f"{', '.join(map(ascii, captions))}: say which by --captions txt, en.vtt, ..."
            yield self._fault(path, WHOLE, "a video has several captions", detail)
        else:
            caption = place / captions[0]
            try:
                yield self._caption_row(path, caption)
            except RecordError as fault:
                yield Row(None, fault, self._shown(caption))

    def _caption_row(self, video: Path, caption: Path) -> Row:
        name = os.path.relpath(video, self.root)
        if name != name.strip() or name != name.encode(errors="ignore").decode():
            detail = "it begins with a blank, or is not UTF-8: rename it"
            raise RecordError(VIDEOS, "a name that no record can hold", detail)
        if not caption.is_file():
            raise RecordError(WHOLE, NOT_A_FILE)
        if caption.is_symlink() and not self.follow_links and not caption.resolve().is_relative_to(self.real_root):
            raise RecordError(WHOLE, LINK_OUTSIDE, "give --follow-links if that is meant")
        text = read_text(caption, self.encoding)
        suffix = caption.suffix.lower()
        self.read[suffix] += 1
        said = subtitle_text(text) if suffix in SUBTITLE_SUFFIXES else text.strip()
        if not said:
            raise RecordError(WHOLE, "no subtitle in it" if said is None else "an empty caption")
        values = {QUESTION: self.question, KIND: Kind.OPEN_ENDED.value, ANSWER: said, VIDEOS: [name]}
        return Row(None, Fields(values), self._shown(caption))

    def _fault(self, path: Path, name: str, reason: str, detail: str = "") -> Row:
        return Row(None, RecordError(name, reason, detail), self._shown(path))

    def _shown(self, path: Path) -> str:
        """A path as text for a reader, whatever bytes its name has."""
        return os.path.relpath(path, self.folder).encode("utf-8", "backslashreplace").decode()


def subtitle_text(text: str) -> str | None:
    """What SubRip (.srt) or WebVTT (.vtt) subtitles say, in one line without times and markup; None without a cue.

    A line that repeats the one before is taken once: subtitles that roll show each line twice.

    Args:
        text: of the file, with `\\n` for line breaks.
    """
    said: list[str] = []
    is_in_cue, has_cue = False, False
    for line in text.split("\n"):
        if _TIMES.match(line):
            is_in_cue = has_cue = True
        elif not line.strip():
            is_in_cue = False
        elif is_in_cue:
            words = " ".join(html.unescape(_MARKUP.sub("", line)).split())
            if words and words not in said[-1:]:
                said.append(words)
    return " ".join(said) if has_cue else None


def refuse_unlisted(error: OSError) -> None:
    """For `os.walk`, which passes over folders that it cannot list."""
    raise UserError(f"'{error.filename}' cannot be read: {error.strerror}")
