"""Whether a question's own words go by the order of its options: by a letter, a place, or what stands above.

In doubt they do: a record that keeps its order costs a little evenness of letters, one whose rationale names the wrong
letter teaches it. Ordinary narration is left free, as `tests/golden/option_order_cases.json` holds.

Texts are long and records many, so most patterns are tried only where one of their words stands.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from videokr.example import Example
from videokr.options import LETTERS

# A capital I within a sentence is taken for the pronoun. An A is taken for the article where a word follows and nothing
# tells them apart: a lower-case word before it, or a word behind it that no article has.
_NAMES_A_LETTER = re.compile(
    r"\([A-Za-z]\)|\[[a-z]\]|\b[B-HJ-Z]\b|\bI(?:[.):]|$)|\bA\b(?:(?![ \t]+\w)|(?<=[a-z,;:] A)|"
    r"\s+(?:and|or|is|are|was|has|does|can|cannot|would|because|since|fits|shows|matches)\b)"
)

# The patterns from here on are tried on text in lower case; those with `match`, where one of the words before begins.
_ANSWER_WORDS = ("answer", "option", "choice", "letter", "alternative", "choose", "chose", "pick", "select", "go with")
_SMALL = r"[\"'*(]{0,3}(?:[b-hj-z](?![\w'\u2019])|a(?=[\"'*)]{0,3}\s{0,4}(?:$|[.,;:!?])))"  # no article
_ANSWERS_LETTER = re.compile(  # "answer: b", "pick c"
    r"\b(?:(?:answer|option|choice|letter|alternative)(?:\s{1,4}(?:is|was|must be|should be|has to be|would be))?"
    rf"\s{{0,4}}[:=]?\s{{1,4}}|(?:choose|chose|picke?d?|select(?:ed)?|go with)\s{{1,4}}){_SMALL}",
    re.MULTILINE,
)
_ANSWERS_NUMBER = re.compile(r"\b(?:answer|choice)(?:\s{1,4}is|\s{0,4}[:=])?\s{0,4}\(?([1-9])\b(?![.,]\d|\s{0,4}[%\w])")
_BEGINS_WITH_LETTER = re.compile(r"[a-h]\.(?:\s|$)")  # of a line
_ENDS_WITH_LETTER = re.compile(r"\b(?:is|so|be|thus|hence|therefore),?\s+[\"'*]*[a-h][\"'*]*[.;!]?$")
_BRACKET = re.compile(r"(?<![\w(])[a-z]\)|\\boxed\{\s{0,4}[a-z]\b|\*\*[a-z]\*\*")
_BEFORE_ITS_TEXT = re.compile(r"(?<![^\W_])([a-z1-9])\s?[.):\]]\s*$")  # "b. blue", of option B, which is "blue"

_FIRST = r"(?:first|second|third|fourth|fifth|sixth|last|[1-6](?:st|nd|rd|th))\b"
_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "last", "1st", "2nd", "3rd", "4th", "5th", "6th")
_PLACE_WORDS = (*_PLACES, "former", "latter", "top", "bottom", "middle", "penultimate")
_NUMBERED = r"(?:[a-z\d]|one|two|three|four|five)\b"
# No noun follows: "the first is", "the second."; but "the first frame", and a list of two goes by what follows it.
_ALONE = (
    r"(?=\s{0,4}(?:$|[.,;:!?)\]\"\u201d])|\s{1,4}(?:is|are|was|were|has|have|does|do|can|cannot|must|should|would|could|"
    r"will|seems?|fits?|match(?:es)?|shows?|says?|states?|claims?|describes?|contradicts?|holds?|remains?|works?|agrees?|"
    r"corresponds?|explains?|fails?|mentions?|depicts?|refers?|but|because|since|as|here|alone|only|"
    rf"(?:isn|aren|wasn|doesn|can)['\u2019]t|(?:and|or)(?!\s{{1,4}}(?:the\s)?{_FIRST}))\b)"
)
_OF_OPTIONS = (
    r"(?:option|choice|answer|alternative|statement|candidate|possibility|possibilities|suggestion|opci[oó]n|"
    r"op[cç][aã]o|r[eé]ponse|antwort)s?\b"
)
_NAMES_A_PLACE = re.compile(
    rf"\b(?:(?:{_FIRST}|former|latter|top|bottom|middle|penultimate)\s{{1,4}}ones?\b"
    rf"|(?<=\bthe\s){_FIRST}{_ALONE}|(?<!\bat\s){_FIRST}\s{{1,4}}(?:is|are|was|were)\b"
    rf"|(?:{_FIRST}|top|bottom)\s{{1,4}}(?:two|three|four){_ALONE}"
    rf"|{_FIRST}(?:\s{{0,4}},)?\s{{1,4}}(?:(?:and|or|nor)\s{{1,4}})?(?:the\s{{1,4}})?{_FIRST}{_ALONE}"
    rf"|(?:second[\s-](?:to[\s-])?last|penultimate){_ALONE}|(?<=\bone at the\s)(?:top|bottom)\b"
    r"|(?<=\bthe\s)(?:former|latter)\b(?!\s{1,4}(?:half|parts?|portion|section|segment|stages?|phases?|scenes?|frames?|"
    r"minutes|seconds|days|years)\b))",
    re.MULTILINE,
)
_NAMES_ITS_PLACE = re.compile(  # "the first option", "listed second"; an option may say the same
    rf"\b(?:(?:{_FIRST}|former|latter|top|bottom|middle)\s{{1,4}}(?:(?:two|three|four)\s{{1,4}})?(?:listed\s{{1,4}})?"
    rf"{_OF_OPTIONS}|(?<=\blisted\s){_FIRST}|{_FIRST}[\s-]listed\b"
    rf"|{_FIRST}\s{{1,4}}(?:of|in|on)\s{{1,4}}the\s{{1,4}}(?:list|two|three|four|five)\b)"
)
_OPTION_WORDS = ("option", "choice", "answer", "alternativ", "number", "opci", "opç", "opc", "respuesta", "resposta",
                 "réponse", "reponse", "antwort")  # fmt: skip
_NAMES_AN_OPTION = re.compile(  # "option b", "choice no. 2", "options 2 and 3", "number two is right", "opción b"
    rf"\b(?:(?:option|choice)\s{{1,4}}{_NUMBERED}"
    rf"|(?:option|choice|answer|alternative)\s{{0,4}}(?:number|no\.?|#)\s{{0,4}}{_NUMBERED}"
    r"|(?:options|choices)\s{1,4}(?:[b-h\d]|one|two|three|four)\b"
    r"|number\s{1,4}(?:\d|one|two|three|four|five)\s{1,4}(?:is|was|must be)\s{1,4}"
    r"(?:right|correct|wrong|out|it|the answer)\b"
    r"|(?:opci[oó]n|op[cç][aã]o|respuesta|resposta|r[eé]ponse|antwort|alternativ[ae])\s{1,4}"
    r"(?:(?:es|é|est|ist)\s{1,4})?(?:la\s{1,4})?[b-d](?![\w'\u2019])"
    r"|(?<=a\s)(?:opci[oó]n|op[cç][aã]o)\s{1,4}(?:primera|segunda|tercera|[uú]ltima)\b)"
)
_FOREIGN_PLACE = re.compile(  # before such a word
    r"\b(?:primer|segund|tercer|cuart|[uú]ltim|primeir|terceir|premi[eè]r|deuxi[eè]m|second|troisi[eè]m|derni[eè]r|"
    r"erst|zweit|dritt|viert|letzt)\w{0,3}\s{1,4}$"
)

# Scripts other than Latin and Greek, whose letters stand in formulas.
_OTHER = "\u0400-\u1cff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_IN_OTHER_SCRIPT = re.compile(f"[{_OTHER}]")
_CIRCLED = re.compile("[\u2460-\u2473]")  # 1 to 20 in circles
_IN_OTHER_WORDS = re.compile(
    rf"[{_OTHER}]\W{{0,3}}(?<![A-Za-z0-9])[A-Z](?![A-Za-z0-9])|(?<![A-Za-z0-9])[A-Z](?![A-Za-z0-9])\W{{0,3}}[{_OTHER}]"
    r"|(?:选项?|選項?|答案[是为為]?)\W{0,3}(?:第|[1-6甲乙丙丁](?!\d))"
    r"|(?:选项?|選項?|答案[是为為]?|正解は?|정답은?|вариант|ответ)\W{0,3}[a-z](?![A-Za-z0-9])"
    r"|第[一二三四五六1-6](?:选项|選項|答案|[个個项項种種](?:选项|選項|答案|[是正对對错錯不]|\W|$))"
    r"|最[后後]一?[个個项項]|前者|[后後]者"
    r"|[前后後][两兩二三][个個项項](?:选项|選項|[都是正对對错錯不]|\W|$)"
    r"|[1-6一二三四五]番目の?(?:選択肢|は|が)|(?:첫|두|세|네)\s?번째"
    r"|\b(?:перв|втор|трет|четв[её]рт|последн)\w*\s+(?:вариант|ответ|утвержд)"
    r"|以上|上述|上記|皆|都(?:不[是对對]|错|錯|正)"
)
_OTHER_WORDS_FOR_ALL = re.compile(  # of an option or a question; in a rationale they are said of anything
    "都|均|全部|两者|兩者|所有选项|所有選項|其[他它]选项|其他選項|すべて|全て|いずれ|どれも|どちらも|위의|모두|둘 다|"
    r"выше|перечислен|\b(?:об[ае]|все варианты|ни один)\b|أعلاه|سبق|उपरोक्त|उपर्युक्त|सभी"  # noqa: RUF001
)

_POINTS_AT_OTHERS = re.compile(
    r"\b(?:above|below|previous|preceding|neither|both|options|choices|"
    r"(?:all|any|both|each|either|none|some|two|three) of (?:these|those|them)|all are)\b"
    # In Spanish, Portuguese, Italian, French, German and Dutch.
    r"|\b(?:anteriores|precedenti|pr[eé]c[eé]dent\w*|ci-dess(?:us|ous)|acima|bovenstaande\w*|obengenannt\w*|"
    r"oben\s?(?:genannt|stehend|erw[aä]hnt|angef[uü]hrt|aufgef[uü]hrt)\w*|obig\w*|ambas|ambos|entramb[ei]|beide[nrs]?|"
    r"(?:l[ao]s|les|die) (?:dos|deux|zwei|tres|trois|drei))\b"
    r"|\b(?:ningun[ao]?|tod[ao]s?|cualquiera|nenhum[a]?|qualquer|nessun[ao]?|tutt[ei]|aucune?|tou(?:te)?s|"
    r"kein\w*|alle[ns]?|nichts|geen)\b.{0,40}\b(?:anterior|arriba|oben|respuestas|respostas|r[eé]ponses|opciones|"
    r"op[cç][oõ]es|antworten|options|dos|deux|zwei|genannten|estas|estos|destas|queste|ces|diesen?|otr[ao]s|outr[ao]s|"
    r"autres|anderen)\b"
    r"|\b(?:tất cả|cả hai|hepsi|hiçbiri|semua (?:jawaban|benar|di atas))\b",  # Vietnamese, Turkish, Indonesian
    re.IGNORECASE,
)
_JOINS_LETTERS = re.compile(  # "the same height as B", "a mix of A and C"
    r"\b(?:[Ss]ame|[Ii]dentical|[Oo]pposite|[Ee]qual|[Ss]imilar|[Cc]ontrary|[Rr]everse|[Dd]uplicate|[Ii]nverse)\b.{0,40}"
    r"\b(?:as|to|of|in)\s+\(?[A-Z]\)?\W*$|\b(?:[Ss]ee|as in)\s+\(?[A-Z]\)?\W*$"
    r"|(?<!\w)\(?[A-Z]\)?\s?(?:,\s?(?:and\b|or\b)?|\band\b|\bor\b|[&+/])\s?\(?[A-Z]\b"
)
_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*(?:st|nd|rd|th)?|[^\W\d_]+|[^\w\s]")
_ORDINAL = re.compile(_FIRST)
_ROMAN = re.compile(r"[IVX]{2,4}|[ivx]{1,4}")
_SINGLE_LETTERS = frozenset(LETTERS)
_COUNTS = frozenset("two three four five six".split())
_ALL = frozenset(
    "all none any each every either neither both other others rest remaining former latter todas todos ningun ninguna "
    "ninguno nenhum nenhuma nessuno nessuna tutti tutte aucun aucune tous toutes alle keine keiner keines".split()
)
_POINTING = frozenset(
    "only both except same opposite identical not but just option options choice choices answer answers statement "
    "statements".split()
)
_FILLING = frozenset(
    "the a of and or nor as like to in is are with from plus also one ones it these those them that listed given "
    "mentioned above below here correct right true wrong incorrect false possible apply combined together".split()
) | frozenset(",;.&+/()'\"!")
_LONGEST_REFERENCE = 120  # characters of an option that says no more than which others it means


def depends_on_order(example: Example) -> bool:
    """Whether a record's own words go by the order of its options; in doubt they do."""
    texts = [_plain(text) for text in (example.rationale or "", example.question, *example.options)]
    rationale, question, *options = texts
    return (
        any(_names_one(text, options) for text in (rationale, question))
        or any(map(_points_at_others, options))
        or (not question.isascii() and _OTHER_WORDS_FOR_ALL.search(question) is not None)
        or any(map(_CIRCLED.search, (example.rationale or "", example.question, *example.options)))
    )


def _plain(text: str) -> str:
    """The text with letters and digits of full width, and the like, as plain ones."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _names_one(text: str, options: Sequence[str]) -> bool:
    """Whether a rationale or question names an option by its letter or place."""
    if _NAMES_A_LETTER.search(text) or _is_in_other_words(text):
        return True
    low = text.lower()
    return (
        _names_a_small_letter(low)
        or _names_an_option(low)
        or any(_NAMES_A_PLACE.match(low, at) for at in _places(low, _PLACE_WORDS))
        or any(_stands_before_its_text(low, number, option.lower()) for number, option in enumerate(options))
        or any(_is_number_of_one(_ANSWERS_NUMBER.match(low, at), options) for at in _places(low, _ANSWER_WORDS[:3]))
    )


def _places(text: str, words: Sequence[str]) -> Iterator[int]:
    """Where one of the words stands in a text, or begins another."""
    for word in words:
        at = text.find(word)
        while at >= 0:
            yield at
            at = text.find(word, at + 1)


def _names_a_small_letter(low: str) -> bool:
    if any(_ANSWERS_LETTER.match(low, at) for at in _places(low, _ANSWER_WORDS)):
        return True
    if (")" in low or "**" in low or "\\boxed" in low) and _BRACKET.search(low):
        return True
    lines = map(str.strip, low.splitlines())
    return any(_BEGINS_WITH_LETTER.match(line) or _ENDS_WITH_LETTER.search(line[-24:]) for line in lines)


def _names_an_option(low: str) -> bool:
    return any(
        _NAMES_AN_OPTION.match(low, at) or _FOREIGN_PLACE.search(low[max(0, at - 20) : at])
        for at in _places(low, _OPTION_WORDS)
    ) or any(_NAMES_ITS_PLACE.match(low, at) for at in _places(low, _PLACE_WORDS))


def _stands_before_its_text(low: str, number: int, option: str) -> bool:
    """Whether the letter of an option, or its number, is written before the option's own text."""
    for at in _places(low, [option.rstrip(". ") or option]):
        found = _BEFORE_ITS_TEXT.search(low[max(0, at - 8) : at])
        if found and found[1] in (LETTERS[number].lower(), str(number + 1)):
            return True
    return False


def _is_number_of_one(found: re.Match[str] | None, options: Sequence[str]) -> bool:
    """Whether a number counts the options, and stands in the text of none."""
    return found is not None and int(found[1]) <= len(options) and not any(found[1] in option for option in options)


def _is_in_other_words(text: str) -> bool:
    return not text.isascii() and bool(_IN_OTHER_SCRIPT.search(text) and _IN_OTHER_WORDS.search(text))


def _points_at_others(option: str) -> bool:
    """Whether an option says what it says of other options."""
    return (
        _POINTS_AT_OTHERS.search(option) is not None
        or _JOINS_LETTERS.search(option) is not None
        or _names_an_option(option.lower())
        or _is_of_references(option)
        or (not option.isascii() and (_is_in_other_words(option) or _OTHER_WORDS_FOR_ALL.search(option) is not None))
    )


def _is_of_references(option: str) -> bool:
    """Whether an option has no words but letters, numbers, places, and what joins them: "C", "1 and 2", "all three".

    A number or a place alone is an answer of its own.
    """
    if len(option) > _LONGEST_REFERENCE:
        return False
    references, is_pointing = 0, False
    for found in _TOKEN.finditer(option):
        word = found[0].lower()
        if found[0] in _SINGLE_LETTERS or word in _ALL:
            references += 2
        elif (
            _ORDINAL.fullmatch(word)
            or _ROMAN.fullmatch(found[0])
            or word in _COUNTS
            or (len(word) < 3 and word.isdigit())
        ):
            references += 1
        elif word in _POINTING:
            is_pointing = True
        elif word not in _FILLING:
            return False
    return references > 1 or (references > 0 and is_pointing)
