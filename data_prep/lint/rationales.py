"""Reasoning that is empty, breaks off, or goes round in circles."""

import re
from collections.abc import Iterator

from data_prep.lint.findings import Flag
from data_prep.lint.row import Row
from data_prep.lint.wording import ending, excerpt
from videokr.fields import RATIONALE_FIELDS

LEAST_WORDS = 5  # a step and what follows from it do not fit into fewer; the published ones have 197
LEAST_SIGNS = 10  # of scripts without spaces
# A block of so many words does not come twice by chance; one or two sentences may ("this is not shown in the video"), a
# quarter of a text may not.
BLOCK_WORDS = 8
REPEATED_SHARE = 0.25
LONGEST_READ = 65_536  # characters of a text: what a row's 16,384 tokens hold, at four a token
PROSE_WORDS = 4  # of a block; fewer are of a table or a formula
# Words that something has to follow.
_OPEN_END = frozenset(
    "a an the of and or but because since so to with from by for in into on at as than that which whose is are was "
    "were be has have had this these its their his her not if when while where therefore thus hence the between".split()
)
_LAST_WORD = re.compile(r"([A-Za-z]+)\W{0,2}$")
_CLOSED_END = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\u0964][\s\"')\]}*_`\u201d\u2019$|>]*$|```\s*$|\\\]\s*$|\\end\{\w+\*?\}\s*$|\$\$\s*$"
)
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def find(row: Row) -> Iterator[Flag]:
    """What a rationale shows alone; see `data_prep.lint.table` for what its file's others tell of it."""
    text = row.example.rationale if row.example else None
    if not text:
        return
    name = RATIONALE_FIELDS[0]
    spoken = text[:LONGEST_READ].split()
    if len(spoken) < LEAST_WORDS and len(_UNSPACED.findall(text)) < LEAST_SIGNS:
        yield Flag("short-rationale", f"{len(spoken)} words: {excerpt(text)!r}", -len(spoken), name)
        return
    why = _cut(text)
    if why:
        yield Flag("cut-rationale", f"{why}: {ending(text)!r}", field=name)
    share, block = _repeated(spoken)
    if share >= REPEATED_SHARE:
        yield Flag("repeated-rationale", f"{share:.0%} of it, such as {excerpt(block)!r}", share, name)


def ends_well(text: str) -> bool:
    """Whether it ends as a sentence, a formula or a code block does."""
    return _CLOSED_END.search(text[-40:]) is not None


def _cut(text: str) -> str | None:
    """A sure sign that something is missing at the end."""
    if "```" in text and text.count("```") % 2:
        return "a code fence is open"
    for opening, closing in (("\\[", "\\]"), ("\\begin{", "\\end{")):
        if opening in text and text.rfind(opening) > text.rfind(closing):
            return f"{opening} is open"
    if not ends_well(text):  # else the bracket is forgotten, and nothing is missing
        last = max(_BRACKETS, key=text.rfind)
        place = text.rfind(last)
        is_open = place >= 0 and all(text.rfind(closing) < place for closing in _BRACKETS.values())
        if is_open and text[max(0, place - 1) : place] not in (":", ";", "-", "\\"):  # a face, a formula's own bracket
            return f"'{last}' is open"
    if text[-1] in ",;(" or text.endswith((" -", "\u2014", "\u2013")):
        return f"it ends with {text[-1]!r}"
    word = _LAST_WORD.search(text[-40:])
    if word and text[-1].isalpha() and word[1] in _OPEN_END:
        return f"it ends with '{word[1]}'"
    return None


def _repeated(spoken: list[str]) -> tuple[float, str]:
    """The share of a text's blocks that come once more further on, and one of them."""
    text = " ".join(spoken)
    blocks = repeated = 0
    sample = ""
    end = 0
    for first in range(0, len(spoken) - BLOCK_WORDS + 1, BLOCK_WORDS):
        own = spoken[first : first + BLOCK_WORDS]
        block = " ".join(own)
        end += len(block) + 1
        blocks += 1
        if text.find(block, end - 1) >= 0 and sum(word.isalpha() for word in own) >= PROSE_WORDS:
            repeated += 1
            sample = sample or block
    return (repeated / blocks if repeated > 1 else 0.0), sample
