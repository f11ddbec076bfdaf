"""Answer texts made comparable: one spelling of what typesetting, Unicode and English spell in many ways."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from videokr.reward.latex import without_latex
from videokr.reward.numerals import ORDINALS, plain, with_digits

_ARTICLES = frozenset(("a", "an", "the"))
_NO_NOUNS = frozenset("and or to in is minor major flat sharp".split())
_NEXT_WORD = re.compile(r"\s([^\W\d_]{2,})")
_OF_FORMULAS = "-()!'^[]|"
# Where `a` is an article, and not a name as in "vitamin A".
_BEFORE_ARTICLE = frozenset(
    (
        "about and are as at be because becomes but by for from has have in inside into is it like of on onto or over "
        "shows than that then through to toward towards under using via was were when with within without"
    ).split()
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]{1,12}")
_SUBSCRIPT = re.compile(r"(?<=[A-Za-z)])_(?=\d)")
_RAISED_CHARGE = re.compile(r"\^(?=\d?[+-](?!\d))")  # Fe^3+
_RAISED_FIGURE = re.compile(r"(?<=[a-z]{2})\^(?=\d)")  # sp^3, but not the x^2 of a formula
_VULGAR_FRACTIONS = {fraction: unicodedata.normalize("NFKC", fraction) for fraction in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒"}
_VULGAR_FRACTION = re.compile(f"(\\d?)([{''.join(_VULGAR_FRACTIONS)}])")
_DIGIT = re.compile(r"\d")
_SPACED_NUMBER = re.compile(r"(?<![\d.,:/-])\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3}){1,4}(?![\d,:/-]|\.\d)")
_SPELLINGS = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
        **dict.fromkeys("\u2018\u2019\u201b\u00b4\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d", '"'),
        **dict.fromkeys("\u22c5\u2219\u2022\u30fb", "\u00b7"),
        **dict.fromkeys("\u2044\u2215", "/"),
        "\u00b5": "\u03bc",
        "\u2264": "<=",
        "\u2265": ">=",
        "\u2a7d": "<=",
        "\u2a7e": ">=",
        "\u2248": "~",
        "\u223c": "~",
        "\u2245": "~",
        "\u00ba": "\u00b0",
        "\u3002": ".",
        "\u0964": ".",
        "\u266f": "#",
        "\u3001": ",",
    }
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")

_LEAD_IN = re.compile(
    r"(?:so|thus|therefore|hence)?,?\s{0,3}"
    r"(?:(?:the\s{1,3}|my\s{1,3})?(?:(?:correct|right|final|best)\s{1,3})?(?:answer|result|value|solution)"
    r"(?:\s{1,3}(?:is|was|would\s{1,3}be)\b\s{0,3}:?|\s{0,3}[:=])"
    r"|(?:it\s{1,3}(?:is|was)|it's|this\s{1,3}is|that\s{1,3}is|that's|they\s{1,3}are|these\s{1,3}are"
    r"|there\s{1,3}(?:is|are|was|were))\b(?!\s{1,3}(?:not|(?:true|false|wrong|incorrect)\s{1,3}that)\b))"
    r"\s{0,3}",
    re.I,
)
_EXPLANATION = re.compile(
    r"[\s,;(]{1,3}(?:because|since|due\s{1,3}to|given\s{1,3}that|as\s{1,3}shown)\b.*", re.I | re.S
)
_SHORTENED = {"ca": "can", "wo": "will", "sha": "shall"}
_CONTRACTION = re.compile(r"\b([a-z]{2,6})n't\b|\b(can)not\b", re.I)
_EMPHASIS = re.compile(r"(\*\*|\*|`)(?=\S)([^*`\n]{1,400}?)(?<=\S)\1(?!\w)")
_EDGES = " \t\r\n\"'`*_.,;:?"
_SHOUT = re.compile(r"(?<=[^\W\d_]{2})[!\s.]*!+[!\s.]*$")  # but not the factorial of `5!` and `n!`
_POINT_FIRST = re.compile(r"[\s\"'`*_]{0,8}\.\d")

# Vowel signs and other marks that are no letters to Python's \w; the blocks of scripts that cannot do without.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u0670\u06d6-\u06ed"
    "\u0900-\u0fff\u1000-\u109f\u1780-\u17ff"
)
# A number, a word, a mark of a script without spaces, or a symbol that carries meaning.
_TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3}){1,12}(?:\.\d{1,40})?(?![\d]|[.,]\d)|\d{1,300}(?:\.\d{1,300})?)"
    r"(?P<ordinal>st|nd|rd|th)?(?![^\W\d_])"
    rf"|(?P<word>[\w{_MARKS}](?:[\w{_MARKS}'.]*[\w{_MARKS}])?)"
    r"|(?P<symbol>[^\w\s])"
)
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
_UNSPACED_OR_WORD = re.compile(f"{_UNSPACED.pattern}|[^{_UNSPACED.pattern[1:-1]}]+")
_MOST_DIGITS = 15  # more are no float's
_WORD_IN_UNSPACED_WIDTHS = 5 / 12  # a short text has 5 words, or 12 characters of such a script
# Where signs, brackets and primes are part of what is said: x - y, F = -kx, O(n), f'(x), n!, x^2.
_FORMULA = re.compile(
    r"[=\u221a\u221e\u2211\u222b\u2202\u2207]|(?<!\w)\w{1,2}\s[-+*/]\s\w{1,2}(?!\w)|(?<!\w)[a-z]\s?[-+*/]\s?[a-z](?!\w)"
    r"|(?<![a-z])[a-z\d)]\^|(?<!\w)[a-z]{1,4}\(|(?<!\w)[a-z]'(?:\(|(?!\w))|(?<!\w)\w!|\d\(|\)\s?[-+*/(]"
)
_SIGNS = frozenset("=^+-*/(!'\u221a\u221e\u2211\u222b\u2202\u2207")  # without any of them it is none
_PLAIN = re.compile(r"[a-z ]+")  # most clauses: nothing but words
_LIST = re.compile(r",\s")
# British spellings as American ones, Roman numerals as digits, and a verb whose s does not come off.
_SPELLING = {
    "colour": "color", "grey": "gray", "tumour": "tumor", "vapour": "vapor", "behaviour": "behavior", "odour": "odor",
    "centre": "center", "fibre": "fiber", "metre": "meter", "litre": "liter", "sulphur": "sulfur", "pi": "\u03c0",
    "aluminium": "aluminum", "oestrogen": "estrogen", "haemoglobin": "hemoglobin", "oesophagus": "esophagus",
    "anaemia": "anemia", "goes": "go", "neighbour": "neighbor", "harbour": "harbor", "flavour": "flavor",
    "labour": "labor",
    "ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "xi": "11", "xii": "12",
}  # fmt: skip
_ABBREVIATION = re.compile(r"[^\W\d_](?:\.[^\W\d_])+\.?")


def clean(text: str) -> str:
    """One spelling of dashes, quotes, powers, fractions, LaTeX and spelt-out numbers; the case is kept.

    `−5` is `-5`, `m/s²` is `m/s^2`, `\\frac{1}{2}` and `½` are `1/2`, `twenty-five` is `25`, `5 million` is `5000000`.
    """
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
        text = _SUPERSCRIPT.sub(_power, text)
        text = _VULGAR_FRACTION.sub(_fraction, text)
    if _DIGIT.search(text):
        text = _SPACED_NUMBER.sub(lambda match: "".join(match[0].split()), text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_SPELLINGS)
    text = without_latex(text)
    if "_" in text:
        text = _SUBSCRIPT.sub("", text)
    text = text.replace("mm Hg", "mmHg")
    if "n't" in text or "nnot" in text:
        text = _CONTRACTION.sub(_spelt_out, text)
    if "^" in text:
        text = _RAISED_CHARGE.sub("", text)
    if "*" in text or "`" in text:
        text = _EMPHASIS.sub(r"\2", text)
    return with_digits(_stripped(" ".join(text.split())))


def without_lead_in(text: str) -> str:
    """A cleaned answer without "the answer is", "it is" and the like before it."""
    for _ in range(2):
        lead_in = _LEAD_IN.match(text)
        if lead_in and 0 < lead_in.end() < len(text):
            text = text[lead_in.end() :]
    return _stripped(text)


def without_explanation(text: str) -> str:
    """A cleaned answer without "because ..." and the like behind it."""
    explained = _EXPLANATION.search(text)
    return _stripped(text[: explained.start()]) if explained and explained.start() else text


def bare(text: str) -> str:
    """A cleaned answer without lead-in and explanation."""
    return without_explanation(without_lead_in(text))


def tokens(text: str) -> tuple[str, ...]:
    """A cleaned text as what is compared: words without plural s, numbers in one form, symbols that carry meaning.

    Articles and punctuation are gone; scripts without spaces come character by character.
    """
    found: list[str] = []
    folded = text.casefold()
    if _PLAIN.fullmatch(folded):
        return _plain_words(folded.split())
    if "&" in folded:
        folded = folded.replace("&", " and ")
    if "." in folded:
        folded = _ABBREVIATION.sub(lambda match: match[0].replace(".", ""), folded)
    formula = not _SIGNS.isdisjoint(folded) and _FORMULA.search(folded) is not None
    if not formula and "^" in folded:
        folded = _RAISED_FIGURE.sub("", folded)
    listed = "," in folded and _LIST.search(folded) is not None
    for match in _TOKEN.finditer(folded):
        number, ordinal, word, symbol = match.groups()
        if word:
            if word in _ARTICLES and _is_article(word, found, folded, match.end()):
                continue
            if word == "and" and listed:
                continue
            if word.isascii() or not _UNSPACED.search(word):
                found.append(singular(word))
            else:
                found.extend(_UNSPACED_OR_WORD.findall(word))
        elif number:
            written = number.replace(",", "")
            found.append((plain(float(written)) if len(written) <= _MOST_DIGITS else written) + (ordinal or ""))
        elif (formula and symbol in _OF_FORMULAS) or _carries_meaning(symbol, folded, match.start()):
            found.append(symbol)
    return tuple(found) if found else tuple(folded.split())


def comparable(text: str) -> str:
    """A cleaned text as what is equal for two spellings of one text; white space and hyphens do not count."""
    return run_together(tokens(text))


def run_together(words: Iterable[str]) -> str:
    """Tokens as one text without spaces, but between numbers, which would become one."""
    joined = ""
    for word in words:
        joined += f" {word}" if joined and joined[-1].isdigit() and word[0].isdigit() else word
    return joined


def length_in_words(words: Sequence[str]) -> float:
    """Length of a text's tokens in words; a character of a script without spaces counts for 5/12 of one."""
    return sum(_WORD_IN_UNSPACED_WIDTHS if _UNSPACED.match(word) else 1.0 for word in words if word[0].isalnum())


@lru_cache(65_536)
def singular(word: str) -> str:
    """Without the s of the plural or of a verb (Harman, "How effective is suffixing?", 1991: the S stemmer).

    Ordinals in words come as `1st`, `2nd`, ..., Roman numerals from ii on as digits, British spellings as American.
    """
    if word in ORDINALS:
        return ORDINALS[word]
    if word in _SPELLING:
        return _SPELLING[word]
    word = word.replace("'", "").replace(".", "") if not word[0].isdigit() else word
    if len(word) <= 3 or not word.isascii() or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return word if word.endswith(("eies", "aies")) else f"{word[:-3]}y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    if word.endswith("es"):
        return word if word.endswith(("aes", "ees", "oes")) else word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]


def _plain_words(words: Sequence[str]) -> tuple[str, ...]:
    """`tokens` of a text that is nothing but words."""
    found: list[str] = []
    for place, word in enumerate(words):
        if word in _ARTICLES:
            following = words[place + 1] if place + 1 < len(words) else ""
            if word == "the" or (found[-1] in _BEFORE_ARTICLE if found else _is_noun(following)):
                continue
        found.append(singular(word))
    return tuple(found or words)


def _is_noun(word: str) -> bool:
    return len(word) > 1 and word not in _NO_NOUNS


def _is_article(word: str, before: Sequence[str], text: str, end: int) -> bool:
    if word == "the" or (before and before[-1] in _BEFORE_ARTICLE):
        return True
    following = None if before else _NEXT_WORD.match(text, end)
    return following is not None and _is_noun(following[1])  # not the first of "A, B" or "A and B"


def _carries_meaning(symbol: str, text: str, place: int) -> bool:
    before = text[place - 1] if place else " "
    after = text[place + 1] if place + 1 < len(text) else " "
    if symbol == "-":
        if after.isdigit() and not before.isalpha():
            return True
        return (before in " (=" and not after.isspace()) or _is_charge(text, place)  # "-x", "Cl-"
    if symbol in ":^":
        return before.isdigit() and after.isdigit()
    if symbol == "*":
        return before.isalnum() and after.isalnum()
    if symbol in "/%\u00b0#":
        return True
    return symbol not in "~`|" and unicodedata.category(symbol)[0] == "S"


def _is_charge(text: str, place: int) -> bool:
    """Whether a minus stands behind a formula, as in `Cl-`."""
    start = place
    while start and text[start - 1].isalnum():
        start -= 1
    return 0 < place - start <= 6 and text[place + 1 : place + 2] in ("", " ", ",", ")", ";")


def _stripped(text: str) -> str:
    inner = text.strip(_EDGES)
    if inner.endswith("!"):
        inner = _SHOUT.sub("", inner).rstrip(_EDGES)
    return f"0.{inner}" if _POINT_FIRST.match(text) else inner


def _power(match: re.Match[str]) -> str:
    plain = match[0].translate(_SUPERSCRIPTS)
    return plain if plain in "+-" else f"^{plain}"


def _spelt_out(match: re.Match[str]) -> str:
    verb = match[1] or match[2]
    return f"{_SHORTENED.get(verb.lower(), verb)} not"


def _fraction(match: re.Match[str]) -> str:
    return f"{match[1]} {_VULGAR_FRACTIONS[match[2]]} "
