"""What a rationale concludes, held against the gold answer.

Precision before recall: a rationale talks of wrong options, too, of what they claim and of what would follow if
they were right. Only its last plain conclusion counts, and only if nothing after it speaks of the gold answer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_prep.lint.findings import Flag
from data_prep.lint.rationales import LONGEST_READ
from data_prep.lint.row import Row
from data_prep.lint.wording import NUMBER_WORDS, excerpt, sentences, stands_in, words
from videokr.example import RATIONALE_FIELDS, Example, Kind
from videokr.options import LETTERS

SHORT_ANSWER_WORDS = 4  # a longer answer is told in other words
SAME_NUMBER = 0.01  # relative; "about 9.8" concludes 9.81
_HEADING = re.compile(r":\s*\n\s*")
_MARKUP = re.compile(r"[*`$]|\\(?:text|textbf|mathrm|mathbf)\b")
_TALKS_OF_ONE = (
    "answer",
    "option",
    "choice",
    "boxed",
    "correct",
    "choose",
    "select",
    "pick",
    "right",
    "go with",
    "best",
)

# A letter in brackets or in front of its option's text, or alone before a pause or a reason: no article, no pronoun.
_LETTER = (
    r"[\"'\u201c\u2018]?(?:[(\[{](?P<@1>[A-Za-z])[)\]}][.:]?|(?P<@2>[A-Z])(?:[):](?=\s|$)|"
    r"(?=[\"'\u201d\u2019]?(?:[.,;!]|\s*$|\s+[-\u2013\u2014(]|"
    r"\s+(?:because|since|as|which|due|given|where|not|rather than|and not|over)\b))))"
)
_OF_IT = r"(?:\s+(?:here|choice|option|letter|to (?:the|this) question|among the options|given the options))?"
_IS = (
    r"\s+(?:is|was|must be|has to be|should be|can only be|remains|becomes)"
    r"(?:\s+(?:therefore|thus|hence|clearly|indeed|then|most likely|most probably|likely|definitely|simply))?"
    r"\s*[:,]?\s*"
)
_ANSWER_IS = (
    rf"\b(?:answer{_OF_IT}(?:{_IS}|\s*[:=]\s*)|(?:option|choice){_OF_IT}{_IS}|"
    r"(?:correct|right|best|final|chosen)\s+(?:option|choice)\s*[:=]\s*)"
)
_NAMED = r"(?:(?:the\s+)?(?:option|choice|answer|letter)\s*:?\s*)?"
_RIGHT = (
    r"\s+(?:is|must be|has to be)\s+(?:therefore\s+|thus\s+|clearly\s+|indeed\s+|then\s+)?(?:the\s+)?"
    r"(?:only\s+|most\s+|single\s+)?(?:correct|right|best|accurate|appropriate|suitable)"
    r"(?:\s+(?:answer|option|choice|one))?(?=\s*[.,;!]|\s*$|\s+(?:because|since|as|given|here)\b)"
)
# Of a letter without "option" before it, which may be a point or an angle.
_CORRECT = (
    r"\s+(?:is|must be|has to be)\s+(?:therefore\s+|thus\s+|clearly\s+|indeed\s+|then\s+)?"
    r"(?:correct|the\s+(?:only\s+|most\s+)?(?:correct|right|best|accurate|appropriate)\s+(?:answer|option|choice|one))"
    r"(?=\s*[.,;!]|\s*$|\s+(?:because|since|as|given|here)\b)"
)
_TAKE = r"(?:choose|select|pick|go with|opt for)\s+"
_STATEMENTS = [
    re.compile(_ANSWER_IS + _NAMED + _LETTER.replace("@", "a"), re.IGNORECASE),
    re.compile(r"(?:\b(?:option|choice|answer)\s+)" + r"[(\[]?(?P<b2>[A-Z])[)\]]?" + _RIGHT, re.IGNORECASE),
    re.compile(r"(?:^|[,;:]\s*|\b(?:so|thus|hence|therefore|that)\s+)[(\[]?(?P<c2>[A-Z])[)\]]?" + _CORRECT),
    re.compile(
        r"\b(?:(?:so|thus|therefore|hence)\b[^.;]{0,40}?\b"
        + _TAKE
        + _NAMED
        + r"|(?:I|we|must|should|let us|let's)\b[^.;]{0,40}?\b"
        + _TAKE
        + r"(?:the\s+)?(?:option|choice|answer)\s+)"
        + _LETTER.replace("@", "d"),
        re.IGNORECASE,
    ),
    re.compile(r"\\boxed\{\s*\(?(?P<e2>[A-Z])\)?\s*\}"),
]
# In the last sentence alone: "which matches option B", "so option B".
_LAST_STATEMENT = re.compile(
    r"\b(?:so|thus|therefore|hence|match(?:es|ing)?|correspond(?:s|ing)? to|leav(?:es|ing)(?: only)?|points to|making|"
    r"leads to|confirm(?:s|ing)|giv(?:es|ing))\s*,?\s*(?:us\s+)?(?:option|choice|answer)\s+[(\[]?(?P<f2>[A-Z])\b[)\]]?",
    re.IGNORECASE,
)
_SAYS_TEXT = re.compile(_ANSWER_IS + r"(?P<text>[^\n]+)", re.IGNORECASE)

_DENIES = re.compile(
    r"\b(?:not|never|cannot|neither|nor|no|incorrect|wrong|false|rul(?:e|es|ed|ing) out|eliminat\w+|exclud\w+|"
    r"reject\w*|discard\w*|instead of|rather than|unlike|except|than)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_SUPPOSES = re.compile(
    r"\b(?:if|unless|were|might|could|may|perhaps|maybe|seem\w*|appear\w*|tempt\w*|initial\w*|at first|first glance|"
    r"suppos\w+|assum\w+|claim\w*|argu\w+|says?|said|mistak\w+|misconception\w*|some|someone|one|many|students?|"
    r"(?<!I )(?<!we )(?<!We )would|why|whether|when|distractor\w*|expect\w*|guess\w*|intuiti\w*|"
    r"first thought|first step|previous\w*)\b",
    re.IGNORECASE,
)
_TURNS = re.compile(
    r"\b(?:but|however|wait|actually|although|though|yet|except|unless|if|instead|hmm|no|"
    r"double[- ]check|recheck|reconsider\w*|looking again)\b",
    re.IGNORECASE,
)
_TAKES_BACK = re.compile(
    r"\b(?:wrong|incorrect|false|not correct|not right|for|about|in part|partly|partially)\b", re.I
)
_ANOTHER = re.compile(r"\s*(?:[,/&+]|and\b|or\b)\s*(?:and\s|or\s)?\s*(?:option\s+)?[(\[]?[A-Z](?![\w'\u2019])")
_VERB = re.compile(r"(?:is|was|are|does|do|did|can|cannot|could|must|should|has|will)\b|\w+n['\u2019]t\b")
_NOT_ANOTHER = re.compile(
    r"\b(?:not|rather than|instead of|unlike|over)\s+(?:option\s+|choice\s+|answer\s+)?[(\[]?[A-Z]\b[)\]]?"
)
_ANY_LETTER = re.compile(
    r"[(\[]([A-Za-z])[)\]]|\b(?:option|choice|answer)s?\s+([A-Z])\b|\b([B-HJ-Z]|A(?=[.):,;]|\s*$))(?![\w'])"
)
_LEADING = re.compile(
    r"^(?:[(\[]?[A-Z][)\].:]+\s*|option [A-Z][:,]?\s*|that\s+|the\s+|an?\s+|[\"'\u201c])+", re.IGNORECASE
)
_QUANTITY = re.compile(r"([-+]?\d+(?:[.,]\d+)*)\s*(\S.*)?")
_FUNCTION_WORDS = frozenset(
    "a an the of and or in on at to for with by from as is are was were be it its this that than into their his her "
    "no not yes true false".split()
)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """
    Attributes:
        said: the sentence.
        letter: that it names; None where it gives a text.
        text: that it gives; empty where it names a letter.
        after: what follows the letter in the sentence, and all sentences after it.
        rest: the sentences after it alone.
    """

    said: str
    letter: str | None
    text: str
    after: str
    rest: str


def find(row: Row) -> Iterator[Flag]:
    example = row.example
    if example is None or not example.rationale:
        return
    if example.kind is Kind.MULTIPLE_CHOICE:
        detail = other_option(example.rationale, example.options, example.answer)
        if detail:
            yield Flag("other-conclusion", detail, field=RATIONALE_FIELDS[0])
        return
    detail = other_number(example.rationale, example.answer)
    if detail:
        yield Flag("other-conclusion", detail, field=RATIONALE_FIELDS[0])
    elif _is_unmentioned(example):
        detail = f"{excerpt(example.answer)!r} of {excerpt(example.rationale)!r}"
        yield Flag("answer-unmentioned", detail, -len(words(example.answer)), RATIONALE_FIELDS[0])


def other_option(rationale: str, options: Sequence[str], gold: str) -> str | None:
    """What the rationale says in conclusion, if that is another option than the gold letter's."""
    found = last_conclusion(rationale, len(options))
    if found is None:
        return None
    right = words(options[LETTERS.index(gold)])
    after = _NOT_ANOTHER.sub(" ", found.after)
    if found.letter:
        text = words(f"{found.letter} {found.after}")
        if found.letter == gold or gold in _letters_in(after) or text[: len(right)] == right:  # "E. coli"
            return None
        if stands_in(right, words(found.rest)):
            return None
        if any(len(word) == 1 and word.isalpha() for option in options for word in words(option)[-1:]):
            return None  # a letter may be what an option says: "flask B"
        follows = words(after)
        if right and stands_in(right, follows):
            return f"it says ({found.letter}) and gives the text of {gold}: {excerpt(found.said)!r}"
        return f"it says {found.letter}, the answer is {gold}: {excerpt(found.said)!r}"
    said = _plain(found.text)
    named = [letter for letter, option in zip(LETTERS, options, strict=False) if _plain(option) == said]
    if len(named) != 1 or named[0] == gold or gold in _letters_in(after) or stands_in(right, words(after)):
        return None
    return f"it says {named[0]}, the answer is {gold}: {excerpt(found.said)!r}"


def other_number(rationale: str, gold: str) -> str | None:
    """What the rationale says in conclusion, if both it and the gold answer are numbers of one unit, and differ."""
    right = _quantity(gold)
    if right is None:
        return None
    found = last_conclusion(rationale, 0)
    said = _quantity(found.text) if found else None
    if found is None or said is None or said[1] != right[1]:
        return None
    if abs(said[0] - right[0]) <= SAME_NUMBER * max(abs(said[0]), abs(right[0])) or _mentions(found.after, gold):
        return None
    return f"it says {excerpt(found.text, 30)!r}, the answer is {excerpt(gold, 30)!r}: {excerpt(found.said)!r}"


def last_conclusion(rationale: str, options: int) -> Conclusion | None:
    """The last plain statement of what the answer is; None where there is none, or something turns against it later.

    Args:
        options: how many there are; with 0 the answer is a text.
    """
    if not _talks_of_one(rationale):
        return None
    rationale = rationale[-LONGEST_READ:]
    said = sentences(_HEADING.sub(": ", _MARKUP.sub("", rationale)))
    for number in range(len(said) - 1, -1, -1):
        rest = " ".join(said[number + 1 :])
        found = _conclusion_of(said[number], rest, options, is_last=number == len(said) - 1)
        if found:
            return None if _TURNS.search(rest) else found
    return None


def _talks_of_one(text: str) -> bool:
    """Whether a statement may be in it at all; quick, for most sentences say nothing of the kind."""
    text = text.lower()
    return any(word in text for word in _TALKS_OF_ONE)


def _conclusion_of(sentence: str, rest: str, options: int, is_last: bool) -> Conclusion | None:
    if not _talks_of_one(sentence):
        return None
    if options:
        patterns = [*_STATEMENTS, _LAST_STATEMENT] if is_last else _STATEMENTS
        matches = [match for pattern in patterns for match in pattern.finditer(sentence)]
        for match in sorted(matches, key=lambda match: match.end(), reverse=True):
            letter = next(group for group in match.groups() if group)
            if len(letter) > 1 or (letter.islower() and match.group().rstrip(".,: ")[-1] not in ")]}"):
                continue
            if LETTERS.index(letter.upper()) >= options:
                continue
            if _is_plain(sentence, match.start(), match.end()):
                return Conclusion(sentence, letter.upper(), "", f"{sentence[match.end() :]} {rest}", rest)
    says = next(reversed(list(_SAYS_TEXT.finditer(sentence))), None)
    if says and _is_plain(sentence, says.start(), says.start("text")):
        return Conclusion(sentence, None, says["text"], rest, rest)
    return None


def _is_plain(sentence: str, start: int, end: int) -> bool:
    """Whether what stands between is stated: not denied, supposed, asked, or taken back in the same sentence."""
    before, behind = sentence[:start], sentence[end:]
    clause = re.split(r"[,;:]", before)[-1] + sentence[start:end]
    if _DENIES.search(clause) or _SUPPOSES.search(before) or _SUPPOSES.search(sentence[start:end]):
        return False
    if _ANOTHER.match(behind):
        return False
    first = re.split(r"[,;.]", behind.lstrip(" .,;)"))[0].strip()
    if _TURNS.search(behind) or _TAKES_BACK.match(first) or sentence.rstrip().endswith("?"):
        return False
    return not (_VERB.match(first) and _DENIES.search(first))


def _letters_in(text: str) -> set[str]:
    return {next(group for group in match.groups() if group).upper() for match in _ANY_LETTER.finditer(text)}


def _plain(text: str) -> str:
    return " ".join(words(_LEADING.sub("", text.strip())))


def _quantity(text: str) -> tuple[float, str] | None:
    """A number and its unit, where a text is no more than that."""
    text = text.strip().rstrip(".")
    if text.casefold() in NUMBER_WORDS:
        return float(NUMBER_WORDS.index(text.casefold())), ""
    match = _QUANTITY.fullmatch(_LEADING.sub("", text))
    if match is None or len(words(match[2] or "")) > 2:
        return None
    try:
        return float(match[1].replace(",", "")), (match[2] or "").strip().casefold()
    except ValueError:  # 1.2.3
        return None


def _is_unmentioned(example: Example) -> bool:
    answer = [word for word in words(example.answer) if word not in _FUNCTION_WORDS]
    if not answer or len(answer) > SHORT_ANSWER_WORDS or not example.answer.isascii():
        return False
    return not _mentions(example.rationale or "", example.answer)


def _mentions(text: str, answer: str) -> bool:
    """Whether any word of an answer is said in a text: numbers as words, too, and words in any other form."""
    text = text.casefold()
    for word in words(answer):
        if word in _FUNCTION_WORDS:
            continue
        if word.isdigit():
            number = NUMBER_WORDS[int(word)] if int(word) < len(NUMBER_WORDS) else word
            if re.search(rf"(?<!\d)0*{word}(?!\d)|\b{number}\b", text):
                return True
        elif _stem(word) in text or (word in NUMBER_WORDS and str(NUMBER_WORDS.index(word)) in text):
            return True
    return False


def _stem(word: str) -> str:
    for suffix in ("ing", "ed", "es", "s", "ly"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word
