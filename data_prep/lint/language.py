"""Whether a text is English: by script, and by the share of the commonest words. No dictionary, no model.

Formulas, numbers, code and names are not looked at: only words in lower case count, and a text with few of them
is taken for English.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from data_prep.lint.finding import Flag, excerpt
from videokr.example import QUESTION_FIELDS, RATIONALE_FIELDS, Example

READ_CHARACTERS = 400  # of a text; its language does not depend on the rest
FOREIGN_SCRIPT_SHARE = 0.3  # of its letters; a quoted word or two is less
MIN_LETTERS = 4
MIN_WORDS = 8  # below that, shares say nothing
MIN_DIFFERENT = 3  # a name in code may be spelt like a word, and come often
# English prose has 0.35 to 0.5 of such words, Spanish, French or German some percent that are spelt alike.
ENGLISH_SHARE = 0.2
FOREIGN_SHARE = 0.2
SURELY_NONE_WORDS, SURELY_NONE_SHARE = 40, 0.02  # of a language that is none of these

_PLAIN_WORD = re.compile(
    r"(?<![^\s(\"'\u201c\u00bf\u00a1])[^\W\d_A-Z]{2,}(?:['\u2019][^\W\d_]+)?(?=[\s.,;:!?)\"'\u201d]|$)"
)
_ENGLISH = frozenset(
    "the of and to in is are was were be been being a an that which this these those it its for on with as by at from "
    "or not but so if then than when while where how what who why because since there their they he she his her we you "
    "i has have had can could will would should may might must do does did into over under after before between about "
    "each both all any some no only also more most such very up down out through during per".split()
)
_OTHERS = {
    "Spanish": "el la los las de del que en un una es son por para con se su al lo como más qué cuál cómo este esta",
    "French": "le la les de des du et en un une est sont que qui dans pour par sur au aux ce cette il elle ne pas",
    "German": "der die das und ist sind in den dem ein eine einer nicht mit auf für von zu im wird werden sich auch",
    "Italian": "il lo la gli le di del della che in un una sono per con si non nel come più questo questa da",
    "Portuguese": "os as de do da dos das que em um uma são para com se no na por como mais qual não este esta",
    "Dutch": "de het een en van is zijn in op te dat die met voor niet aan wordt worden er door bij naar om wat hoe",
}
_FOREIGN = {language: frozenset(common.split()) for language, common in _OTHERS.items()}
# Their letters stand for quantities and units in English texts.
_OF_FORMULAS = ("LATIN", "GREEK", "MICRO", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "OHM", "KELVIN", "ANGSTROM",
                "FEMININE", "MASCULINE", "MODIFIER", "BLACK-LETTER", "PLANCK", "FULLWIDTH")  # fmt: skip
_GREEK_WORD = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]{4,}")


def find_language(example: Example) -> Iterator[Flag]:
    """The first of question, rationale and options that is not English."""
    for name, text in ((QUESTION_FIELDS[0], example.question), (RATIONALE_FIELDS[0], example.rationale or "")):
        if language := other_language(text):
            yield Flag("not-english", f"{name}: {language}: {excerpt(text)!r}", len(text), name)
            return
    if script := _foreign_script(" ".join(example.options)):
        yield Flag("not-english", f"options: {script}: {excerpt(' / '.join(example.options))!r}", 0, "options")


def other_language(text: str) -> str | None:
    """The language or script of a text that is not English; None for English, and for what cannot be told."""
    text = text[:READ_CHARACTERS]
    return _foreign_script(text) or _foreign_words(text)


def _foreign_script(text: str) -> str | None:
    if text.isascii():
        return None
    letters = 0
    foreign: Counter[str] = Counter()
    for character in text:
        if character.isalpha():
            letters += 1
            if not character.isascii() and (script := _script(character)):
                foreign[script] += 1
    if greek := sum(len(word) for word in _GREEK_WORD.findall(text)):
        foreign["Greek script"] = greek
    if not foreign or foreign.total() < max(MIN_LETTERS, FOREIGN_SCRIPT_SHARE * letters):
        return None
    script, _ = max(foreign.items(), key=lambda item: (item[1], item[0]))
    return script


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """What a letter's script is called; empty for Latin, and for the letters of formulas."""
    first = unicodedata.name(letter, "UNKNOWN").split()[0]
    if first in _OF_FORMULAS:
        return ""
    return f"{'Chinese' if first == 'CJK' else first.capitalize()} script"


def _foreign_words(text: str) -> str | None:
    plain = _PLAIN_WORD.findall(text)
    if len(plain) < MIN_WORDS:
        return None
    english = sum(word in _ENGLISH for word in plain)
    if english >= ENGLISH_SHARE * len(plain):
        return None
    found = {language: [word for word in plain if word in common] for language, common in _FOREIGN.items()}
    language, best = max(found.items(), key=lambda item: (len(item[1]), item[0]))
    if len(best) >= max(FOREIGN_SHARE * len(plain), 2 * english + 1) and len(set(best)) >= MIN_DIFFERENT:
        return language
    if len(plain) >= SURELY_NONE_WORDS and english <= SURELY_NONE_SHARE * len(plain):
        return "no English words"
    return None
