"""All rows and all findings, in a temporary SQLite database: what shows only between rows is asked of it in SQL.

SQLite keeps half a MB of it in memory and the rest on disk, where it is gone when the process ends.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from data_prep.lint.biases import Tally
from data_prep.lint.finding import GRADES, Flag, excerpt
from data_prep.lint.question import same_option, same_question
from data_prep.lint.response import ends_well
from videokr.example import GROUP_FIELDS, RATIONALE_FIELDS, Example
from videokr.options import LETTERS
from videokr.response import Kind
from videokr.video.paths import plain_path

# From which share on of a file's rows the others are unlike it, rather than of another kind.
MIN_HAVE_RATIONALE = 0.5  # a file of both kinds has its rationales somewhere
MIN_END_WELL = 0.98  # published rationales are prose; a file that ends on options or formulas has them everywhere
MIN_HAVE_GROUP = 0.5
MIN_HAVE_COUNT, MAX_ODD_COUNT = 0.9, 0.01  # of numbers of options
MAX_ID_LENGTH = 200  # characters that are kept
LINES = 1 << 32  # more than a file has: file and line are one number, in the order in which rows are read


class ComparedRow(NamedTuple):
    """What of a row is compared with others; texts as keys of 64 bits."""

    place: int  # its file's number times LINES, and its line
    id: str
    excerpt: str  # of the question
    question: int
    options: int  # in any order
    ordered: int  # options in their order
    answer: int
    videos: int  # all of them
    given_id: int | None  # None where it has none
    is_choice: bool
    option_count: int
    has_rationale: bool
    ends_well: bool
    groups: str  # the names of those that it has, a comma before and after each


# Without a journal: nothing is ever taken back.
_TABLES = f"""
PRAGMA journal_mode = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -500;
CREATE TABLE rows (place INTEGER PRIMARY KEY, {", ".join(ComparedRow._fields[1:])});
CREATE TABLE videos (video, place);
CREATE TABLE repeats (finding, place, first, size);
CREATE TABLE flags (place, finding, reason, grade, weight, listed);
"""
_ADD_ROW = f"INSERT INTO rows VALUES ({', '.join('?' * len(ComparedRow._fields))})"
# What comes twice. `alike` holds the rows whose question another row has, too: only they can be alike, and few are, so
# that the whole table is sorted once for all of that. `first` is the place of a row that another is like, `size` how
# many are alike. A row that has one of the first two findings is not told of by the third. Of a video in several files,
# the first and the last row stand in different ones; of several such videos of a row, min() picks one, and with it the
# columns beside it.
_COMPARE = f"""
CREATE TABLE alike AS
    SELECT * FROM rows WHERE question IN (SELECT question FROM rows GROUP BY question HAVING count(*) > 1);
INSERT INTO repeats
    SELECT 'row-twice', place, first, size FROM alike JOIN (
        SELECT question, videos, ordered, answer, min(place) AS first, count(*) AS size
        FROM alike GROUP BY question, videos, ordered, answer HAVING size > 1
    ) USING (question, videos, ordered, answer) WHERE place != first ORDER BY place;
INSERT INTO repeats
    SELECT 'two-answers', place, first, size FROM alike JOIN (
        SELECT question, videos, options, min(place) AS first, count(*) AS size
        FROM alike GROUP BY question, videos, options HAVING min(answer) != max(answer)
    ) USING (question, videos, options)
    WHERE is_choice AND place NOT IN (SELECT place FROM repeats) ORDER BY place;
INSERT INTO repeats
    SELECT 'question-twice', place, first, size FROM alike JOIN (
        SELECT question, videos, min(place) AS first, count(*) AS size
        FROM alike GROUP BY question, videos HAVING size > 1
    ) USING (question, videos)
    WHERE place != first AND place NOT IN (SELECT place FROM repeats) ORDER BY place;
INSERT INTO repeats
    SELECT 'id-twice', place, first, size FROM rows JOIN (
        SELECT given_id, place / {LINES} AS file, min(place) AS first, count(*) AS size
        FROM rows WHERE given_id IS NOT NULL GROUP BY given_id, file HAVING size > 1
    ) AS alike ON rows.given_id = alike.given_id AND place / {LINES} = file WHERE place != first ORDER BY place;
CREATE TABLE shared AS
    SELECT video, min(place) AS first, max(place) AS last
    FROM videos GROUP BY video HAVING first / {LINES} != last / {LINES};
INSERT INTO repeats
    SELECT 'video-in-two-files', place, iif(place / {LINES} != first / {LINES}, first, last), 0 FROM (
        SELECT place, min(video), first, last FROM videos JOIN shared USING (video) GROUP BY place
    ) ORDER BY place;
INSERT INTO repeats
    SELECT 'question-in-two-files', place, first, size FROM alike JOIN (
        SELECT question, options, min(place) AS first, count(*) AS size
        FROM alike GROUP BY question, options HAVING first / {LINES} != max(place) / {LINES}
    ) USING (question, options) WHERE place / {LINES} != first / {LINES} ORDER BY place;
"""


def _key(*parts: str) -> int:
    """64 bits that stand for these texts, as SQLite's signed integer."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "little") - (1 << 63)


class Corpus:
    """All rows of annotation files that can be read, findings of all rows, and what one row is to another.

    Every method raises sqlite3.OperationalError where there is no room on disk.
    """

    def __init__(self, files: Sequence[str]):
        self.files, self.tallies = files, [Tally() for _ in files]
        self._database = sqlite3.connect("")
        self._database.executescript(_TABLES)

    def add(self, place: int, example: Example, given_id: str, rationale_is_flagged: bool) -> None:
        """Takes a readable row; the end of a rationale that has a finding already is not looked at again."""
        is_choice = example.kind is Kind.MULTIPLE_CHOICE
        options = [same_option(option) for option in example.options]
        answer = options[LETTERS.index(example.answer)] if is_choice else same_question(example.answer)
        videos = sorted({plain_path(video) for video in example.videos})
        keys = [_key(video) for video in videos]
        row = ComparedRow(
            place=place,
            id=example.id[:MAX_ID_LENGTH],
            excerpt=excerpt(example.question),
            question=_key(same_question(example.question)),
            options=_key(example.kind.value, *sorted(options)),
            ordered=_key(example.kind.value, *options),
            answer=_key(answer),
            videos=keys[0] if len(keys) == 1 else _key(*videos),
            given_id=_key(given_id) if given_id else None,
            is_choice=is_choice,
            option_count=len(options),
            has_rationale=bool(example.rationale),
            ends_well=rationale_is_flagged or ends_well(example.rationale or ""),
            groups=f",{','.join(example.groups)},",
        )
        self._database.execute(_ADD_ROW, row)
        if len(self.files) > 1:
            self._database.executemany("INSERT INTO videos VALUES (?, ?)", [(key, place) for key in keys])

    def flag(self, found: Iterable[tuple[int, str, Flag]]) -> None:
        """Takes findings, each with the place and the id of its row."""
        self._database.executemany("INSERT INTO flags VALUES (?, ?, ?, ?, ?, ?)", map(self._listed, found))

    def _listed(self, found: tuple[int, str, Flag]) -> tuple[Any, ...]:
        place, name, flag = found
        file, line = divmod(place, LINES)
        grade = next((grade for grade, findings in GRADES.items() if flag.finding in findings), None)
        listed = {"file": self.files[file], "line": line, "id": name, "finding": flag.finding, "grade": grade,
                  "field": flag.field, "reason": flag.reason, "detail": flag.detail}  # fmt: skip
        return place, flag.finding, flag.reason, grade, flag.weight, json.dumps(listed)

    def compare(self) -> None:
        """Finds what shows only between rows: what comes twice, and rows unlike the others of their file."""
        query = self._database.execute
        self._database.executescript(_COMPARE)
        self.flag(self._repeats())
        for file, tally in enumerate(self.tallies):
            of_file = f"SELECT place, id, excerpt FROM rows WHERE place / {LINES} = {file}"
            for condition, finding, detail, name in _unlike(tally):
                unlike = query(f"{of_file} AND {condition} ORDER BY place")
                self.flag((place, id_, Flag(finding, f"{detail}{text!r}", field=name)) for place, id_, text in unlike)

    def _repeats(self) -> Iterator[tuple[int, str, Flag]]:
        query = """
            SELECT finding, repeats.place, first, size, own.id, own.excerpt, other.id FROM repeats
            JOIN rows AS own ON own.place = repeats.place JOIN rows AS other ON other.place = first
            ORDER BY repeats.rowid
        """
        for finding, place, first, size, name, question, other in self._database.execute(query):
            if place == first:  # which another row stands against
                yield place, name, Flag(finding, f"{question!r}, {size} rows", size)
                continue
            file, line = divmod(first, LINES)
            several = f", {size} rows" if size > 2 else ""
            yield place, name, Flag(finding, f"as {self.files[file]}:{line} {other}{several}: {question!r}", size)

    def counts(self) -> list[tuple[str, str, int]]:
        """Finding, reason and the rows of these; of each finding the commonest reason first."""
        query = "SELECT finding, reason, count(*) AS found FROM flags GROUP BY 1, 2 ORDER BY 1, found DESC, 2"
        return self._database.execute(query).fetchall()

    def faulty(self) -> int:
        """Rows with a fault at least, each once."""
        query = "SELECT count(DISTINCT place) FROM flags WHERE grade = 'fault'"
        return int(self._database.execute(query).fetchone()[0])

    def worst(self, finding: str, reason: str, rows: int) -> list[dict[str, Any]]:
        """The worst rows of a finding, as in the JSON report; of two alike the earlier."""
        query = "SELECT listed FROM flags WHERE finding = ? AND reason = ? ORDER BY weight DESC, rowid LIMIT ?"
        return [json.loads(listed) for (listed,) in self._database.execute(query, (finding, reason, min(rows, LINES)))]

    def listed(self) -> Iterator[str]:
        """Every row with a fault or a doubt as JSON, in the order in which they were found."""
        for (listed,) in self._database.execute("SELECT listed FROM flags WHERE grade IS NOT NULL ORDER BY rowid"):
            yield listed


def _unlike(tally: Tally) -> Iterator[tuple[str, str, str, str]]:
    """Which rows are unlike the others of their file: a condition in SQL, finding, start of the detail, and field."""
    rows, given = tally.records["readable"], tally.rationales["given"]
    if rows > given >= MIN_HAVE_RATIONALE * rows:
        yield "NOT has_rationale", "no-rationale", "", RATIONALE_FIELDS[0]
    if given > tally.rationales["ended"] >= MIN_END_WELL * given:
        start = "it ends without the end of a sentence: "
        yield "has_rationale AND NOT ends_well", "cut-rationale", start, RATIONALE_FIELDS[0]
    total = tally.options.total()
    for count, number in sorted(tally.options.items()):
        if max(tally.options.values()) >= MIN_HAVE_COUNT * total and number < MAX_ODD_COUNT * total:
            condition = f"is_choice AND option_count = {count}"
            yield condition, "unusual-option-count", f"{count} options: ", "options"
    for name in GROUP_FIELDS:
        if rows > tally.groups[name] >= max(1, MIN_HAVE_GROUP * rows):
            yield f"instr(groups, ',{name},') = 0", "group-missing", f"no '{name}': ", name
