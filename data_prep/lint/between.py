"""What shows only between rows: repeated rows, questions and ids, videos in two files, rows unlike their file's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from data_prep.lint.findings import Flag
from data_prep.lint.table import ENDS_WELL, HAS_RATIONALE, IS_CHOICE, Place, Table
from data_prep.lint.tally import Tally
from videokr.fields import GROUP_FIELDS, RATIONALE_FIELDS

# From which share on of a file's rows the others are unlike it, rather than of another kind.
MOST_HAVE_RATIONALE = 0.5  # a file of both kinds has its rationales somewhere
MOST_END_WELL = 0.98  # published rationales are prose; a file that ends on options or formulas has them everywhere
MOST_HAVE_GROUP = 0.5
MOST_HAVE_COUNT, HARDLY_ANY = 0.9, 0.01  # of numbers of options
REPEATED_SHOWN = 5  # questions
_ODD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: spreads a key before another is added


@dataclass(frozen=True, slots=True)
class Shared:
    """What questions and files have in common, in numbers.

    Attributes:
        videos: named by more than one file.
        questions: rows whose question is asked of another video as well.
        commonest: the questions asked most often, and how often.
    """

    videos: int
    questions: int
    commonest: list[tuple[int, str]]


class Between:
    """
    Args:
        table: of all rows.
        tallies, names: of the files.
    """

    def __init__(self, table: Table, tallies: Sequence[Tally], names: Sequence[str]):
        self._table, self._tallies, self._names = table, tallies, names
        self.shared = Shared(0, 0, [])
        self._shared_videos = 0

    def find(self) -> Iterator[tuple[Place, Flag]]:
        """All findings; `shared` is filled in on the way."""
        if len(self._table):
            yield from self._repeated()
            yield from self._ids()
            if len(self._names) > 1:
                yield from self._videos()
                yield from self._questions_in_files()
            self.shared = self._in_common()
            yield from self._unlike()

    def _repeated(self) -> Iterator[tuple[Place, Flag]]:
        import numpy as np

        table = self._table
        asked = _join(table.column("question"), table.column("videos"))
        answer = table.column("answer")
        rows, first, size = _repeats(_join(_join(asked, table.column("order")), answer))
        again = rows[first != rows]
        yield from self._as("row-twice", again, first[first != rows], size[first != rows])
        done = np.zeros(len(table), bool)
        done[again] = True

        rows, first, size = _repeats(_join(asked, table.column("options")))
        unlike = answer[rows] != answer[first]
        answered = np.zeros(len(table), bool)
        answered[first[unlike]] = True  # the first row of such a group, and so the group
        chosen = (table.column("marks")[rows] & IS_CHOICE > 0) & answered[first] & ~done[rows]
        yield from self._as("two-answers", rows[chosen], first[chosen], size[chosen])
        done[rows[chosen]] = True

        rows, first, size = _repeats(asked)
        chosen = (first != rows) & ~done[rows]
        yield from self._as("question-twice", rows[chosen], first[chosen], size[chosen])

    def _ids(self) -> Iterator[tuple[Place, Flag]]:
        ids = self._table.column("id")
        rows, first, size = _repeats(_join(ids, self._table.column("file").astype(ids.dtype)))
        chosen = (first != rows) & (ids[rows] != 0)
        yield from self._as("id-twice", rows[chosen], first[chosen], size[chosen])

    def _videos(self) -> Iterator[tuple[Place, Flag]]:
        """Every row that names a video of another file, with a row of that file."""
        import numpy as np

        rows, keys = self._table.shown()
        files = self._table.column("file")[rows]
        order = np.lexsort((rows, files, keys))
        rows, keys, files = rows[order], keys[order], files[order]
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        ends = np.r_[starts[1:], len(keys)]
        several = files[starts] != files[ends - 1]  # sorted by file within a key
        self._shared_videos = int(several.sum())
        found: dict[int, int] = {}
        for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
            for place in range(start, end):
                other = start if files[place] != files[start] else end - 1
                found.setdefault(int(rows[place]), int(rows[other]))
        own = np.array(sorted(found), np.int64)
        others = np.array([found[row] for row in own.tolist()], np.int64)
        yield from self._as("video-in-two-files", own, others, np.zeros(len(own), np.int64))

    def _questions_in_files(self) -> Iterator[tuple[Place, Flag]]:
        files = self._table.column("file")
        rows, first, size = _repeats(_join(self._table.column("question"), self._table.column("options")))
        chosen = files[first] != files[rows]
        yield from self._as("question-in-two-files", rows[chosen], first[chosen], size[chosen])

    def _in_common(self) -> Shared:
        import numpy as np

        question = self._table.column("question")
        repeated, _, _ = _repeats(question)
        pairs = _join(question, self._table.column("videos"))[repeated]
        one = repeated[np.sort(np.unique(pairs, return_index=True)[1])]  # the first row of a question about a video
        keys, first, videos = np.unique(question[one], return_index=True, return_counts=True)
        common = np.isin(question[repeated], keys[videos > 1])
        worst = sorted(np.flatnonzero(videos > 1).tolist(), key=lambda place: (-videos[place], first[place]))
        commonest = [
            (int(videos[place]), self._table.place(int(one[first[place]])).question) for place in worst[:REPEATED_SHOWN]
        ]
        return Shared(self._shared_videos, int(common.sum()), commonest)

    def _unlike(self) -> Iterator[tuple[Place, Flag]]:
        import numpy as np

        files, marks = self._table.column("file"), self._table.column("marks")
        choices, groups = self._table.column("choices"), self._table.column("groups")
        for number, tally in enumerate(self._tallies):
            own = files == number
            rows, given = tally.records["readable"], tally.rationales["given"]
            if rows > given >= MOST_HAVE_RATIONALE * rows:
                yield from self._each("no-rationale", own & (marks & HAS_RATIONALE == 0), "", RATIONALE_FIELDS[0])
            if given > tally.rationales["ended"] >= MOST_END_WELL * given:
                open_ended = own & (marks & HAS_RATIONALE > 0) & (marks & ENDS_WELL == 0)
                yield from self._each(
                    "cut-rationale", open_ended, "it ends without the end of a sentence", RATIONALE_FIELDS[0]
                )
            for count in sorted(tally.options):
                most, total = max(tally.options.values()), tally.options.total()
                if most >= MOST_HAVE_COUNT * total and tally.options[count] < HARDLY_ANY * total:
                    odd = own & (marks & IS_CHOICE > 0) & (choices == count)
                    yield from self._each("unusual-option-count", odd, f"{count} options", "options")
            for place, name in enumerate(GROUP_FIELDS):
                if rows > tally.groups[name] >= max(1, MOST_HAVE_GROUP * rows):
                    empty = own & (groups & np.uint8(1 << place) == 0)
                    yield from self._each("group-missing", empty, f"no '{name}'", name)

    def _each(self, finding: str, chosen: Any, detail: str, field: str) -> Iterator[tuple[Place, Flag]]:
        for _, place in self._table.places(chosen.nonzero()[0]):
            text = ": ".join(part for part in (detail, repr(place.question)) if part)
            yield place, Flag(finding, text, field=field)

    def _as(self, finding: str, rows: Any, others: Any, sizes: Any) -> Iterator[tuple[Place, Flag]]:
        for (_, place), other, size in zip(self._table.places(rows), others.tolist(), sizes.tolist(), strict=True):
            of = self._table.place(other)
            if of == place:  # the first of its group, which another stands against
                yield place, Flag(finding, f"{place.question!r}, {size} rows", size)
                continue
            where = f"as {self._names[of.file]}:{of.line} {of.id}"
            several = f", {size} rows" if size > 2 else ""
            yield place, Flag(finding, f"{where}{several}: {place.question!r}", size)


def _join(first: Any, second: Any) -> Any:
    """Keys of pairs."""
    return first * type(first[0])(_ODD) + second


def _repeats(keys: Any) -> tuple[Any, Any, Any]:
    """The rows whose key comes more than once, in order; the first row with it, and how many have it."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_first = np.concatenate([np.ones(1, bool), ordered[1:] != ordered[:-1]])
    is_alone = is_first & np.concatenate([is_first[1:], np.ones(1, bool)])
    rows, starts = order[~is_alone], np.flatnonzero(is_first[~is_alone])
    sizes = np.diff(np.append(starts, len(rows)))
    firsts, counts = np.repeat(rows[starts], sizes), np.repeat(sizes, sizes)
    back = np.argsort(rows)
    return rows[back], firsts[back], counts[back]
