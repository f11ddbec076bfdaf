"""Numbers in words as digits: `twenty-five`, `five million`, `one hundred and five`, `half an hour`."""

import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
_LARGEST_SPELT = 10**15
_SMALL_NUMBERS = {word: number for number, word in enumerate(_ONES)} | _TENS
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
ORDINALS = {
    word: f"{number}{suffix}"
    for number, word, suffix in zip(
        range(1, 21),
        (
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ).split(),
        ("st", "nd", "rd", *["th"] * 17),
        strict=True,
    )
}
_NUMBER_WORDS = frozenset((*_SMALL_NUMBERS, *_SCALES, "half", "dozen"))
_LETTERS = re.compile(r"[a-z]+")
_NUMBER_WORD = "|".join((*_SMALL_NUMBERS, *_SCALES))
_AFTER_SCALE = f"(?:{'|'.join(f'(?<={scale})' for scale in _SCALES)})"
_SPELT_NUMBER = re.compile(
    rf"(?<![\w.])(?:a\s(?=hundred\b|thousand\b|million\b|billion\b|dozen\b))?"
    rf"(?:{_NUMBER_WORD})(?:(?:[\s-]|{_AFTER_SCALE}\sand\s)(?:{_NUMBER_WORD}))*(?!\w)(?P<half>\sand\sa\shalf\b)?"
    r"|(?<!\w)(?:(?P<alone>(?:a|one)[\s-]half|half(?=\san?\s))(?:\s(?:of\s)?an?(?=\s))?|(?:(?:a|one)\s)?dozen)(?!\w)",
    re.I,
)
# One third, two thirds, three quarters, a half; but not "one second" and not "the third".
_FRACTION_WORDS = {
    word: number
    for number, words in {
        2: "half halves", 3: "third thirds", 4: "quarter quarters fourth fourths", 5: "fifth fifths",
        6: "sixth sixths", 7: "seventh sevenths", 8: "eighth eighths", 9: "ninth ninths", 10: "tenth tenths",
        100: "hundredth hundredths", 1000: "thousandth thousandths",
    }.items()
    for word in words.split()
}  # fmt: skip
_SPELT_FRACTION = re.compile(
    rf"(?<![\w.,-])(?P<over>an?|\d{{1,2}}|{'|'.join(list(_SMALL_NUMBERS)[1:20])})[\s-](?P<under>{'|'.join(_FRACTION_WORDS)})"
    r"(?![\w-])(?=\s?(?:$|[.,;:)]|of\b))|\A(?P<alone>half)\Z",
    re.I,
)
_SCALED_NUMBER = re.compile(
    r"(?<![\w.])(\d{1,12}(?:\.\d{1,12})?)\s{1,2}(hundred|thousand|million|billion|trillion)\b", re.I
)


def with_digits(text: str) -> str:
    """The text with digits in the place of its number words."""
    words = _LETTERS.findall(text.lower())
    if not _FRACTION_WORDS.keys().isdisjoint(words):
        text = _SPELT_FRACTION.sub(_fraction, text)
    if _NUMBER_WORDS.isdisjoint(words):
        return text
    text = _SCALED_NUMBER.sub(lambda match: plain(float(match[1]) * _SCALES[match[2].lower()]), text)
    return _SPELT_NUMBER.sub(_spelt, text)


def plain(value: float) -> str:
    """A number as it is written: whole ones without a point."""
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)


def _fraction(match: re.Match[str]) -> str:
    if match["alone"]:
        return "1/2"
    over, under = match["over"].lower(), match["under"].lower()
    number = 1 if over in ("a", "an") else _SMALL_NUMBERS[over] if over in _SMALL_NUMBERS else int(over)
    if (number == 1) == under.endswith("s"):  # "one fifths", "two fifth": a fifth of two, or nothing
        return match[0]
    return f"{number}/{_FRACTION_WORDS[under]}"


def _spelt(match: re.Match[str]) -> str:
    if match["alone"]:
        return "0.5"
    text = match[0].lower()
    if text.endswith("dozen"):
        return "12"
    half = 0.5 if match["half"] else 0.0
    numbers: list[float] = []
    total = current = previous = 0
    for word in re.split(r"[\s-]", text.removesuffix("and a half") if half else text):
        if word in _SCALES:
            if total + current > _LARGEST_SPELT:
                return match[0]
            scale = _SCALES[word]
            if scale == _SCALES["hundred"]:
                current = max(current, 1) * scale
            else:
                total, current = total + max(current, 1) * scale, 0
            previous = scale
        elif word in _SMALL_NUMBERS:
            number = _SMALL_NUMBERS[word]
            if 0 < previous < 100 and not (previous >= 20 and 0 < number < 10):  # "two three" are two numbers
                numbers.append(total + current)
                total = current = 0
            current, previous = current + number, number
    return " ".join(map(plain, (*numbers, total + current + half)))
