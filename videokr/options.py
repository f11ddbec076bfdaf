"""Options of a multiple-choice question: their letters, and the letter that an answer names."""

import re
import string
import unicodedata
from collections.abc import Sequence, Set

from videokr.errors import RecordError

LETTERS = string.ascii_uppercase

# "B. x", "(b) x", "B、x", "B - x"; of a small letter before a dash nobody knows: "a - b".
_LABEL = re.compile(r"(?:\(?([A-Za-z])[).:）．：、]|([A-Z])\s+[-–—]\s)\s*(.*)", re.DOTALL)  # noqa: RUF001
_INLINE_HEADING = "options:"  # before options in a question
_INLINE_OPTION = re.compile(r"^\s*\(([A-Z])\)", re.MULTILINE)
# Around an answer: white space, quotes, Markdown, and the marks that end a sentence.
_DECORATION = " \t\r\n*_`\"'$#>•-“”‘’„«».,;:!。、"  # noqa: RUF001
_BRACKETS = (*zip("<([{【「《『", ">)]}】」》』", strict=True), ("\\(", "\\)"), ("\\[", "\\]"))
BRACED = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"  # up to three braces deep
_INNER_TEXT = re.compile(r"\\(?:text\w*|math\w+)\s*\{([^{}]*)\}|\\[,;!]")  # "10 \text{ m/s}"
_COMMAND = re.compile(rf"\\(?:boxed|fbox|text\w*|math\w+|rm|bf)\s*({BRACED})")
_LEAD_IN = re.compile(
    r"(?:(?:therefore|thus|hence|so|then)\b,?\s*)?"
    r"(?:(?:my|the)\s+)?(?:(?:correct|right|final|best)\s+)?(?:answer|option|choice)\b(?:\s+(?:is|should\s+be|would\s+be)\b|\s*[:=])?\s*:?\s*"
    r"|(?:(?:therefore|thus|hence|so|then)\b,?\s*)?(?:(?:I\s+(?:would\s+)?)?(?:choose|select|pick)|it\s+is|it's)\s+"
    r"|(?:所以|因此)?,?(?:正确)?(?:答案|选项)(?:是|为|选|:)*\s*|(?:我)?选择?\s*",
    re.I,
)
_LETTER = re.compile(r"(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z]))[).:]?")
_LETTER_AND_TEXT = re.compile(
    r"(?:\(([A-Za-z])\)[.:]?|\[([A-Za-z])\][.:]?|([A-Za-z])[*_]*(?:[).:、]|(?=\s+[-–—]\s)|(?=\s*\([^()]*\)$)))"  # noqa: RUF001
    r"\s*[-–—]?\s*(\S.*)",  # noqa: RUF001
    re.DOTALL,
)
_LETTER_AND_OWN_TEXT = re.compile(r"([A-Z])[*_`]*(?:\s*,|\s)\s*(\S.*)", re.DOTALL)
# Where the text after a letter names another one or takes it back: "A. or B", "A: B", "A. not", "A. x. B. y",
# "A. x and B"; but not the last letter of "vitamin C", and not the article in "B. A dog".
_MORE_LETTERS = re.compile(
    r"^[,;/&+]|^(?i:and|or|not|nor|but)\b|^[(\[]?[A-Za-z](?:[)\].:,](?:\s|$)|\W{0,4}$)"
    r"|(?:[,;/&+\n]\s{0,4}|\.\s{1,4}|\b(?i:and|or|not|nor|but)\s{1,4})[(\[]?[A-Z](?:[)\].:,]\s|\W{0,4}$)"
)
# What follows a letter, or the text of its option, and takes it back: "A. is wrong", "A - no way".
_TAKEN_BACK = re.compile(
    r"(?:it\s+)?(?:is|are|was)(?:\s+not|n['\u2019]t|\s+(?:wrong|incorrect))\b|(?:no|wrong|incorrect)\b", re.I
)
_REASON = re.compile(r"\b(?:because|since|as|not)\b", re.I)  # behind it other options may be named
_VERDICT = re.compile(
    r"\s{1,4}is\s{1,4}(?:(?:the\s{1,4})?(?:correct|right|best)(?:\s{1,4}(?:answer|option|choice))?|the\s{1,4}answer)$",
    re.I,
)
_WORD = re.compile(r"[^\W_]+")
# No option is this long: an answer beyond it names none, and costs nothing to read.
_MAX_ANSWER_CHARACTERS = 10_000
_MAX_LAYERS = 20  # around an answer; each costs a walk over it, and nobody writes as many
MAX_AROUND = 100  # characters around an option that is nothing else: its letter, decoration


def split_label(text: str) -> tuple[str | None, str]:
    """`"B. Hydrogen"` -> `("B", "Hydrogen")`; a text without a label keeps None in its place."""
    match = _LABEL.fullmatch(text.strip())
    return ((match[1] or match[2]).upper(), match[3].strip()) if match else (None, text.strip())


def says_something(option: object) -> bool:
    """Whether it is neither None nor blank."""
    return option is not None and option != "" and not (isinstance(option, str) and option.isspace())


def without_labels(field: str, texts: list[str], keys: list[str] | None = None) -> tuple[str, ...]:
    """The texts of a question's options without letters, in the order A, B, C, ...

    Args:
        field: of the record, which a fault names.
        texts: none of them empty; with a letter each, or without.
        keys: the letters that they stand under, where the record has an object of options.

    Raises:
        RecordError: the letters are not A, B, C, ..., or a letter stands alone.
    """
    split = [split_label(text) for text in texts]
    labels = [label for label, _ in split if label]
    if keys is None and not (len(labels) == len(texts) and "A" in labels):
        return tuple(texts)
    if keys is None or labels == keys:
        texts = [text for _, text in split]
    letters = keys or labels
    if sorted(letters) != list(LETTERS[: len(letters)]):
        raise RecordError(field, "option letters are not A, B, C, ... without a gap", ", ".join(letters))
    if not all(texts):
        raise RecordError(field, "an option is empty", letters[texts.index("")])
    return tuple(text for _, text in sorted(zip(letters, texts, strict=True)))


def split_inline_options(question: str, options: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Takes options off the end of a question, if they are the record's own or the record has none."""
    lines = question.rstrip().splitlines()
    split: list[tuple[str, str]] = []
    while lines and (not split or split[-1][0] != "A"):
        label, text = split_label(lines.pop())
        if not label or not text:
            return question, options
        split.append((label, text))
    split.reverse()
    inline = tuple(text for _, text in split)
    in_order = [label for label, _ in split] == list(LETTERS[: len(split)])
    if not in_order or len(inline) < 2 or not lines or (options and options != inline):
        return question, options
    if lines[-1].strip().lower() == _INLINE_HEADING:
        lines.pop()
    return "\n".join(lines).rstrip(), inline


def split_question(text: str) -> tuple[str, dict[str, str]]:
    """Takes options that stand in a question as lines `(A) text` off its end; an option may have several lines."""
    question, *parts = _INLINE_OPTION.split(text)
    return question, dict(zip(parts[::2], parts[1::2], strict=True))


def _spaced(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _folded(text: str) -> str:
    return _spaced(_INNER_TEXT.sub(r"\1", text)).casefold().rstrip(".").strip("$ ")


def _names_one_of(text: str, options: Set[str]) -> bool:
    """Whether the text of an option stands in it as whole words."""
    said = " ".join(_WORD.findall(_folded(text)))
    named = (" ".join(_WORD.findall(option)) for option in options)
    return any(f" {option} " in f" {said} " for option in named if len(option) > 1)


def _peeled(text: str) -> str:
    """What is left when what stands around an answer is taken off, in whatever order it comes."""
    for _ in range(_MAX_LAYERS):
        before = text
        text = text.strip(_DECORATION)
        if command := _COMMAND.fullmatch(text):
            text = command[1][1:-1]
        for opening, closing in _BRACKETS:
            inside = text[len(opening) : len(text) - len(closing)]
            if text.startswith(opening) and text.endswith(closing) and opening not in inside and closing not in inside:
                text = inside
        text = _VERDICT.sub("", text)
        lead_in = _LEAD_IN.match(text)
        if lead_in and lead_in.end() < len(text):
            text = text[lead_in.end() :]
        if text == before:
            break
    return text


def read_option_letter(text: str | None, options: Sequence[str] | int | None = None) -> str | None:
    """The one option that an answer clearly names, as an upper-case letter; None where it names none or several.

    Takes `B`, `b`, `(B)`, `B.`, `B. Hydrogen`, `B, Hydrogen`, `Hydrogen`, `Option B`, `The answer is B`,
    `B is correct`, `\\(\\boxed{B}\\)`. Refuses `a bar`, `B, C`, `not A`, a letter beyond the options, and a letter
    whose text names another option or takes it back.

    Args:
        text: the content of the answer block.
        options: the option texts without labels, or their number; None where they are not known.
    """
    if text is None or len(text) > _MAX_ANSWER_CHARACTERS:
        return None
    count = len(LETTERS) if options is None else options if isinstance(options, int) else len(options)
    if len(text) == 1 and text in LETTERS:
        return text if LETTERS.index(text) < count else None
    given = unicodedata.normalize("NFKC", text)
    text = _peeled(given)
    folded = [] if options is None or isinstance(options, int) else [_folded(option) for option in options]
    for said in (_folded(given), _folded(text)):
        if said and folded.count(said) == 1 and not (len(said) == 1 and said.isalpha()):  # a lone letter is no text
            return LETTERS[folded.index(said)]

    said = _folded(text)
    for index, option in enumerate(folded):  # "C. elegans, a worm" is not the third option
        if split_label(option)[0] and re.match(rf"{re.escape(option)}\b", said):
            return LETTERS[index]
    named = _LETTER.fullmatch(text) or _LETTER_AND_TEXT.fullmatch(text)
    if not named:
        return _letter_before_its_text(text, folded)
    letter = next(group for group in named.groups() if group).upper()
    index = LETTERS.index(letter)
    if index >= count:
        return None
    if named.re is _LETTER:
        return letter

    rest = named[4]
    if folded:
        own, others = folded[index], set(folded)
        if _folded(rest) == own:
            return letter
        if _folded(rest) in others:
            return None
        if own and _folded(_spaced(rest)[: len(own)]) == own:
            rest = _spaced(rest)[len(own) :].strip(" .,;:")
            if _names_one_of(_REASON.split(rest)[0], others - {own}):
                return None
        elif _names_one_of(rest, others - {own}):
            return None
        if _TAKEN_BACK.match(rest):
            return None
    return None if _MORE_LETTERS.search(rest) else letter


def read_whole_option(text: str, options: Sequence[str]) -> str | None:
    """The option that a text is, and nothing but: its letter, its text, or both."""
    if len(text) > MAX_AROUND + max(map(len, options), default=0):
        return None
    text = _peeled(_INNER_TEXT.sub(r"\1", unicodedata.normalize("NFKC", text)))
    label, behind = split_label(text)
    index = LETTERS.index(label) if label else len(options)
    if _LETTER.fullmatch(text) or (index < len(options) and _folded(_peeled(behind)) == _folded(options[index])):
        return read_option_letter(text, options)
    found = [place for place, option in enumerate(options) if _folded(option) == _folded(text)]
    return LETTERS[found[0]] if len(found) == 1 else _letter_before_its_text(text, [_folded(one) for one in options])


def _letter_before_its_text(text: str, folded: list[str]) -> str | None:
    """The letter of `B Hydrogen` or `B, Hydrogen`: nothing but its own text tells it from an article, or a list."""
    match = _LETTER_AND_OWN_TEXT.match(text)
    if not match or (index := LETTERS.index(match[1])) >= len(folded):
        return None
    return match[1] if _folded(_peeled(match[2])) == folded[index] else None
