"""Whether one text says the opposite of another: a word negated in one alone, or its antonym in its place."""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, lru_cache

from videokr.reward.antonyms import AXES, OPPOSITE_PREFIXES
from videokr.reward.rouge import stems
from videokr.reward.text import singular, tokens

_SHORTEST_ROOT = 5

_NEGATIONS = frozenset(
    (
        "not no never without cannot cant neither nor none nobody nothing hardly barely lack lacking fail failed "
        "doesnt dont didnt isnt arent wasnt werent wont wouldnt couldnt shouldnt hasnt havent hadnt mustnt unable "
        "refuse nt seldom rarely scarcely unlikely 不 没 無 无 非 未"
    ).split()
)
# Verbs that deny what follows; beside a number they do not ("stops at 5 s").
_DENYING_VERBS = frozenset(
    "stop stopped stopping cease ceased prevent prevented preventing avoid avoided avoiding".split()
)
_NO_NEGATION = frozenset(("only", "just", "merely", "simply"))  # "not only"
_PREFIXES = tuple(prefix for pair in OPPOSITE_PREFIXES for prefix in pair if prefix)
_ALIKE, _HALF_ALIKE = 0.75, 0.4  # shares of the other words
_MOST_WAYS = 16  # on one axis
_CONJUNCTIONS = frozenset("and but while whereas although though however then as when".split())
_SCOPE_WORDS = 4
_SCOPE_ENDS = frozenset(
    (
        "during in at on by from with under inside within through into onto over until before after but and because "
        "while whereas so although though however then yet instead rather"
    ).split()
)
_EMPTY_WORDS = frozenset(
    (
        "a an the is are was were be been being do does did has have had to of in on at by for with as it its this "
        "that these those there any some will would can could may might should must from into than their his her they "
        "he she not no never without cannot neither nor also very much"
    ).split()
)
_LINKING = frozenset("is are was were be been being become becomes get gets".split())


class _Role(Enum):
    """What a word does to those after it."""

    NEGATION = auto()
    DENYING = auto()  # a content word, too
    SCOPE_END = auto()
    LINKING = auto()
    EMPTY = auto()
    CONTENT = auto()


_ROLES = {  # the last of a word counts
    **dict.fromkeys(_EMPTY_WORDS, _Role.EMPTY),
    **dict.fromkeys(_LINKING, _Role.LINKING),
    **dict.fromkeys(_SCOPE_ENDS, _Role.SCOPE_END),
    **dict.fromkeys(_DENYING_VERBS, _Role.DENYING),
    **dict.fromkeys(_NEGATIONS, _Role.NEGATION),
}
_OF_CONTENT = (_Role.CONTENT, _Role.DENYING)
_CLAUSE_END = re.compile(r"[,;:.!?](?!\d)")
_DENYING_WORDS = ("not", "isn't", "false", "true", "wrong", "correct", "no", "myth", "misconception", "opposite")
_DENIAL = re.compile(
    r"^(?:it(?:'s|\sis)?\s)?(?:is\s)?(?:not\s(?:true|the\scase|correct)|isn't\s(?:true|the\scase|correct)|false|untrue"
    r"|incorrect|wrong|a\smyth|a\smisconception|the\sopposite\sof)(?:\sthat\b)?(?=\s)"
    r"|^(?:false|no|wrong|incorrect)\s?[:,.](?=\s)|\b(?:is|are)\s(?:false|untrue|not\strue|wrong|incorrect)$|[.,;!\s]not$",
    re.I,
)


Way = tuple[int, Set[str]]


@dataclass(frozen=True, slots=True)
class Polarity:
    """What a text affirms and denies.

    Attributes:
        denied: whether it is said of the whole that it is not so.
        negations: how many there are.
        affirmed, negated: stems of the words outside and inside a negation's scope.
        without_antonym: those of them that lie on no axis.
        ways: for every axis of antonyms the ways taken on it (1 or -1), in order, and the words of content, of other
            axes too, of the part of a clause that each stands in.
    """

    denied: bool
    negations: int
    affirmed: frozenset[str]
    negated: frozenset[str]
    without_antonym: frozenset[str]
    ways: dict[int, tuple[Way, ...]]


def contradicts(gold: Polarity, denied: bool, clauses: Sequence[Sequence[str]]) -> bool:
    """Whether a text, given as its clauses, says the opposite of the gold one, as far as words tell.

    It does, if a word of both is negated in one of them alone ("does not increase"), if one goes the other way on an
    axis of antonyms ("decreases", "from right to left"), or if a word has got an opposite prefix ("unstable").
    """
    if denied != gold.denied:
        return bool(gold.negated) == bool(read_polarity(denied, clauses).negated)
    likeness = _likeness(gold.without_antonym, _without_antonym(clauses))
    if likeness < _HALF_ALIKE:  # other words altogether, which earn little anyway
        return False
    return _contradict(gold, read_polarity(denied, clauses), likeness)


def _contradict(one: Polarity, other: Polarity, likeness: float) -> bool:
    if likeness >= _ALIKE and one.negations != other.negations:
        return True
    for mine, theirs in ((one, other), (other, one)):
        if (mine.negated - mine.affirmed) & (theirs.affirmed - theirs.negated):
            return True
    if any(_turned(one.ways[axis], other.ways[axis], likeness) for axis in one.ways.keys() & other.ways.keys()):
        return True
    return _prefixed(one, other) or _prefixed(other, one)


def read_clauses(text: str) -> tuple[bool, list[tuple[str, ...]]]:
    """Whether a cleaned text denies the whole ("it is not true that"), and the tokens of its clauses without that."""
    lower = text.lower()
    bare = _DENIAL.sub(" ", text) if any(word in lower for word in _DENYING_WORDS) else text
    return bare != text, [tokens(clause) for clause in _CLAUSE_END.split(bare)]


def read_polarity(denied: bool, clauses: Sequence[Sequence[str]]) -> Polarity:
    """What a text affirms and denies, out of its clauses."""
    negations = 0
    affirmed: set[str] = set()
    negated: set[str] = set()
    ways: dict[int, list[Way]] = {}
    for words in clauses:
        scope = 0
        part: set[str] = set()  # a new one behind every conjunction
        for place, word in enumerate(words):
            stem, role, places = _read_word(word)
            if role is _Role.NEGATION:
                following = words[place + 1] if place + 1 < len(words) else ""
                if word == "not" and following in _NO_NEGATION:
                    scope = 0
                else:
                    scope = _SCOPE_WORDS
                    negations += 1
                continue
            if role is _Role.SCOPE_END:
                scope = 0
            if word in _CONJUNCTIONS:
                part = set()
            for axis, way in places:
                taken = ways.setdefault(axis, [])
                if len(taken) < _MOST_WAYS:
                    taken.append((way, part))
            if role in _OF_CONTENT:
                part.add(stem)
                (negated if scope else affirmed).add(stem)
            if scope:
                scope -= 1
            if role is _Role.DENYING:
                scope = _SCOPE_WORDS
    return Polarity(
        denied,
        negations,
        frozenset(affirmed),
        frozenset(negated),
        _without_antonym(clauses),
        {axis: tuple((way, _beside(axis, part)) for way, part in taken) for axis, taken in ways.items()},
    )


def _beside(axis: int, part: Set[str]) -> frozenset[str]:
    """The words of a part that do not lie on the axis themselves."""
    axes = _axes()
    return frozenset(stem for stem in part if all(axis != other for other, _ in axes.get(stem, ())))


def _without_antonym(clauses: Sequence[Sequence[str]]) -> frozenset[str]:
    """The stems of content that lie on no axis."""
    read = [_read_word(word) for words in clauses for word in words]
    return frozenset(stem for stem, role, places in read if role in _OF_CONTENT and not places)


def _likeness(here: Set[str], there: Set[str]) -> float:
    """Which share of the words without an antonym two texts have in common, in [0, 1]; 1 where they have none."""
    return len(here & there) / len(here | there) if here or there else 1.0


def _turned(gold: Sequence[Way], answer: Sequence[Way], likeness: float) -> bool:
    """Whether an answer takes another way on an axis than the gold text: "down" for "up", or "up or down".

    Where it takes the same ways, the words around each tell "blue is cold and red is hot", which is "red is hot and
    blue is cold", from "red is cold and blue is hot". "From right to left" is turned: nothing else differs.
    """
    mine, theirs = [way for way, _ in gold], [way for way, _ in answer]
    if not set(mine) & set(theirs):
        return True
    if likeness >= _ALIKE and (
        (len(mine) == len(theirs) and sum(mine) != sum(theirs)) or len(set(mine)) < len(set(theirs))
    ):
        return True
    reversed_order = mine == [-way for way in theirs]
    if not reversed_order and (len(set(mine)) == 1 or sorted(mine) != sorted(theirs)):
        return False
    common = {1: 0, -1: 0}
    for way, around in gold:
        for their_way, their_around in answer:
            common[way * their_way] += len(around & their_around)
    return common[-1] > common[1] or (reversed_order and common[-1] == common[1])


def is_negated(words: Sequence[str]) -> bool:
    return not _NEGATIONS.isdisjoint(words)


def _prefixed(one: Polarity, other: Polarity) -> bool:
    """Whether a word of one stands in the other with an opposite prefix, and not as it was."""
    mine, theirs = one.affirmed - other.affirmed, other.affirmed - one.affirmed
    return any(
        word.startswith(there) and len(word) >= len(there) + _SHORTEST_ROOT and here + word[len(there) :] in mine
        for word in theirs
        if word.startswith(_PREFIXES)
        for pair in OPPOSITE_PREFIXES
        for here, there in (pair, pair[::-1])
        if there
    )


@lru_cache(65_536)
def _read_word(word: str) -> tuple[str, _Role, tuple[tuple[int, int], ...]]:
    """A token's stem, what it does, and its places on the axes of antonyms."""
    stem = _stem(word)
    return stem, _ROLES.get(word, _Role.CONTENT), _axes().get(stem, ())


def _stem(word: str) -> str:
    found = stems(word)
    return found[0] if len(found) == 1 else word


@cache
def _axes() -> dict[str, tuple[tuple[int, int], ...]]:
    """Stem -> (axis, way) of each axis that it lies on."""
    axes: dict[str, set[tuple[int, int]]] = {}
    for axis, line in enumerate(AXES.strip().splitlines()):
        one, other = line.split("|")
        for way, words in ((1, one), (-1, other)):
            for word in words.split():
                axes.setdefault(_stem(singular(word)), set()).add((axis, way))
    return {stem: tuple(sorted(places)) for stem, places in axes.items()}
