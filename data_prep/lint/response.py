"""Faults of a response: tags of the response form in raw fields, and reasoning that is empty, cut off or in circles."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from data_prep.lint.finding import EXCERPT, Flag, excerpt
from videokr.example import ANSWER_FIELDS, OPTION_FIELDS, QUESTION_FIELDS, RATIONALE_FIELDS, Example
from videokr.prompt import INSTRUCTIONS
from videokr.response import TAG

# What was to be such a tag: spaces in it, a bracket that is missing or escaped, letters exchanged.
_BROKEN = re.compile(
    r"(?:<|&lt;)\s*[/\\]?\s*(?:think(?:ing)?|thnik|answers?|anwser|asnwer|anser)\b\s*[/\\]?(?:\s*(?:>|&gt;))?|"
    r"\[/?(?:think|answer)\]",
    re.IGNORECASE,
)
_OWN_TAGS = {QUESTION_FIELDS: None, OPTION_FIELDS: None, RATIONALE_FIELDS: "think", ANSWER_FIELDS: "answer"}

# Of a rationale:
MIN_WORDS = 5  # a step and what follows from it do not fit into fewer; the published ones have 197
MIN_SIGNS = 10  # of scripts without spaces
# A block of so many words does not come twice by chance; one or two sentences may ("this is not shown in the video"), a
# quarter of a text may not.
BLOCK_WORDS = 8
MIN_REPEATED_SHARE = 0.25
MAX_READ_CHARACTERS = 65_536  # characters of a text: what a row's 16,384 tokens hold, at four a token
MIN_PROSE_WORDS = 4  # of a block; fewer are of a table or a formula
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


def find_tags(record: Mapping[str, Any]) -> Iterator[Flag]:
    """Faults of tags, one a field at most."""
    for names, own in _OWN_TAGS.items():
        for name in names:
            for text in _texts(record.get(name)):
                if fault := _tag_fault(text, own):
                    finding, detail = fault
                    yield Flag(finding, f"{name}: {detail}: {excerpt(text)!r}", field=name)
                    break


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def _tag_fault(text: str, own: str | None) -> tuple[str, str] | None:
    if not ("<" in text or "&lt;" in text or "[" in text):
        return None
    if own and text.count("<") == 2 and text.startswith(f"<{own}>") and text.endswith(f"</{own}>"):
        return None  # as nearly all come
    tags = [match.group().lower() for match in TAG.finditer(text)]
    broken = next((match for match in _BROKEN.finditer(text) if not TAG.fullmatch(match.group())), None)
    if broken:
        return "tag-broken", repr(broken.group())
    if not tags:
        return None
    if strange := [tag for tag in tags if own is None or own not in tag]:
        asks = any(line in text for line in INSTRUCTIONS.values())
        return "tag-misplaced", "it holds the instruction" if asks else f"{strange[0]} does not belong into it"
    opened, closed = tags.count(f"<{own}>"), tags.count(f"</{own}>")
    if max(opened, closed) > 1:
        return "tag-doubled", f"<{own}> {opened} times, </{own}> {closed} times"
    if opened != closed:
        return "tag-unclosed", f"<{own}> without </{own}>" if opened else f"</{own}> without <{own}>"
    whole = text.strip().lower()
    if not (whole.startswith(f"<{own}>") and whole.endswith(f"</{own}>")):
        return "tag-misplaced", f"text stands outside of <{own}>"
    return None


def find_rationale(example: Example) -> Iterator[Flag]:
    """What a rationale shows alone; what its file's other rows tell of it is for `Corpus.compare`."""
    text, name = example.rationale, RATIONALE_FIELDS[0]
    if not text:
        return
    spoken = text[:MAX_READ_CHARACTERS].split()
    if len(spoken) < MIN_WORDS and len(_UNSPACED.findall(text)) < MIN_SIGNS:
        yield Flag("short-rationale", f"{len(spoken)} words: {excerpt(text)!r}", -len(spoken), name)
        return
    if why := _cut(text):
        yield Flag("cut-rationale", f"{why}: {_ending(text)!r}", field=name)
    share, block = _repeated(spoken)
    if share >= MIN_REPEATED_SHARE:
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
        if text.find(block, end - 1) >= 0 and sum(word.isalpha() for word in own) >= MIN_PROSE_WORDS:
            repeated += 1
            sample = sample or block
    return (repeated / blocks if repeated > 1 else 0.0), sample


def _ending(text: str) -> str:
    """The last of a text, in one line."""
    text = " ".join(text[-4 * EXCERPT :].split())
    return text if len(text) <= EXCERPT else "..." + text[3 - EXCERPT :].lstrip()
