"""Whether one text says the opposite of another: a word negated in one alone, or its antonym in its place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from videokr.reward.rouge import stems
from videokr.reward.text import tokens

# Each line is an axis: one way, and the other.
_AXES = """
increase rise grow gain elevate climb ascend raise high more | decrease fall drop decline reduce low less fewer lower
increase grow ascend accelerate | diminish shrink descend lessen decelerate
up upward above top over | down downward below bottom under
left leftward leftmost | right rightward rightmost
north northern northward | south southern southward
east eastern eastward | west western westward
hot warm heat hotter warmer | cold cool chill colder cooler
open | close shut
before earlier early prior | after later late
heavy heavier heaviest | light lighter lightest
fast faster fastest quick quickly rapid rapidly speed | slow slower slowest slowly slow
positive positively | negative negatively
expand expansion dilate widen lengthen stretch | contract contraction constrict narrow shorten compress
inflate swell | deflate shrink
relax relaxation | contract contraction tense
attract attraction attractive | repel repulsion repulsive repelled
clockwise | counterclockwise anticlockwise
acid acidic acidity | base basic alkaline alkalinity
oxidize oxidise oxidation oxidized | reduce reduction reduced
absorb absorption absorbed | emit release emission emitted
win won victory | lose lost defeat
gain gained | lose lost loss
start begin began beginning | end stop finish ended stopped
push pushed | pull pulled
first | last
front forward forwards | back backward backwards rear
long longer longest | short shorter shortest
large larger largest big bigger biggest | small smaller smallest tiny
thick thicker | thin thinner
wide wider broad | narrow narrower
deep deeper | shallow shallower
strong stronger strongest | weak weaker weakest
true correct | false incorrect wrong
systolic systole | diastolic diastole
anode | cathode
artery arteries arterial | vein veins venous
afferent | efferent
sympathetic | parasympathetic
exothermic | endothermic
aerobic | anaerobic
convex converging | concave diverging
proximal | distal
anterior | posterior
superior | inferior
dorsal | ventral
medial | lateral
dominant | recessive
active activate activated activation | passive inactive inhibit inhibited inhibition deactivate
inhale inspiration inhalation | exhale expiration exhalation
inside inner inward internal inwards | outside outer outward external outwards
male man men boy | female woman women girl
day daytime | night nighttime
summer | winter
dark darker | bright brighter light
wet | dry
hard harder | soft softer
tight tighten tightened | loose loosen loosened
attach attached | detach detached
enter entered | exit leave left
arrive arrived | depart departed leave
buy buys bought | sell sells sold
import imports | export exports
maximum maximize maximal most | minimum minimize minimal least
same equal identical similar | different unequal opposite
parallel | perpendicular
horizontal horizontally | vertical vertically
input | output
condense condensation | evaporate evaporation
freeze freezing frozen solidify | melt melting melted
always | never
all every | none
possible | impossible
present presence | absent absence
success succeed successful | failure fail unsuccessful
appear appeared | disappear disappeared vanish
connect connected | disconnect disconnected
visible | invisible
soluble | insoluble
organic | inorganic
complete completed | incomplete
direct directly | indirect indirectly
dependent | independent
elastic | inelastic
benign | malignant
acute | chronic
增 | 减
升 | 降
涨 | 跌
左 | 右
高 | 低
快 | 慢
大 | 小
热 | 冷
正 | 负
多 | 少
前 | 后
开 | 关
强 | 弱
长 | 短
"""
_OPPOSITE_PREFIXES = (
    ("", "un"),
    ("", "non"),
    ("", "ir"),
    ("", "il"),
    ("hyper", "hypo"),
    ("macro", "micro"),
    ("endo", "exo"),
    ("over", "under"),
    ("homo", "hetero"),
    ("uni", "multi"),
)
_SHORTEST_ROOT = 4

_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "never",
        "without",
        "cannot",
        "cant",
        "neither",
        "nor",
        "none",
        "nobody",
        "nothing",
        "hardly",
        "barely",
        "lack",
        "lacking",
        "fail",
        "failed",
        "doesnt",
        "dont",
        "didnt",
        "isnt",
        "arent",
        "wasnt",
        "werent",
        "wont",
        "wouldnt",
        "couldnt",
        "shouldnt",
        "hasnt",
        "havent",
        "hadnt",
        "mustnt",
        "unable",
        "refuse",
        "不",
        "没",
        "無",
        "无",
        "非",
        "未",
    ]
)
_NO_NEGATION = frozenset(["only", "just", "merely", "simply", "longer"])  # "not only"
_SCOPE_WORDS = 4
_SCOPE_ENDS = frozenset(
    [
        "during",
        "in",
        "at",
        "on",
        "by",
        "from",
        "with",
        "under",
        "inside",
        "within",
        "through",
        "into",
        "onto",
        "over",
        "until",
        "before",
        "after",
        "but",
        "and",
        "because",
        "while",
        "whereas",
        "so",
        "although",
        "though",
        "however",
        "then",
        "yet",
        "instead",
        "rather",
    ]
)
_EMPTY_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "to",
        "of",
        "in",
        "on",
        "at",
        "by",
        "for",
        "with",
        "as",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "there",
        "any",
        "some",
        "will",
        "would",
        "can",
        "could",
        "may",
        "might",
        "should",
        "must",
        "from",
        "into",
        "than",
        "their",
        "his",
        "her",
        "they",
        "he",
        "she",
        "not",
        "no",
        "never",
        "without",
        "cannot",
        "neither",
        "nor",
        "also",
        "very",
        "much",
    ]
)
_LINKING = frozenset("is are was were be been being become becomes get gets".split())
_CLAUSE_END = re.compile(r"[,;:.!?](?!\d)")
_DENIAL = re.compile(
    r"^(?:it(?:'s|\sis)?\s)?(?:is\s)?(?:not\s(?:true|the\scase|correct)|isn't\s(?:true|the\scase|correct)|false|untrue|incorrect|wrong)"
    r"\sthat\b|\b(?:is|are)\s(?:false|untrue|not\strue|wrong|incorrect)$",
    re.I,
)


Way = tuple[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Polarity:
    """What a text affirms and denies.

    Attributes:
        denied: whether it is said of the whole that it is not so.
        affirmed, negated: stems of the words outside and inside a negation's scope.
        ways: for every axis of antonyms the ways taken on it (1 or -1), in order, and the words before each.
    """

    denied: bool
    affirmed: frozenset[str]
    negated: frozenset[str]
    ways: dict[int, tuple[Way, ...]]


def contradict(one: Polarity, other: Polarity) -> bool:
    """Whether one text says the opposite of the other, as far as words tell.

    They do, if a word of both is negated in one of them alone ("does not increase"), if one goes the other way on an
    axis of antonyms ("decreases", "from right to left"), or if a word has got an opposite prefix ("unstable").
    """
    if one.denied != other.denied and bool(one.negated) == bool(other.negated):
        return True
    if one.denied != other.denied:
        return False
    for mine, theirs in ((one, other), (other, one)):
        if (mine.negated - mine.affirmed) & (theirs.affirmed - theirs.negated):
            return True
    for axis in one.ways.keys() & other.ways.keys():
        if _turned(one.ways[axis], other.ways[axis]):
            return True
    return _prefixed(one, other) or _prefixed(other, one)


def read_polarity(text: str) -> Polarity:
    """What a cleaned text affirms and denies."""
    affirmed: set[str] = set()
    negated: set[str] = set()
    ways: dict[int, list[Way]] = {}
    for clause in _CLAUSE_END.split(_DENIAL.sub(" ", text)):
        scope = 0
        before: set[str] = set()
        words = tokens(clause)
        for place, word in enumerate(words):
            if word in _SCOPE_ENDS:
                scope = 0
            if word in _NEGATIONS:
                following = words[place + 1] if place + 1 < len(words) else ""
                scope = 0 if following in _NO_NEGATION else _SCOPE_WORDS
                continue
            stem = _stem(word)
            places = _axes().get(stem, ())
            for axis, way in places:
                ways.setdefault(axis, []).append((way, frozenset(before)))
            if places:
                before.clear()
            elif word not in _LINKING:
                before.add(stem)
            if word not in _EMPTY_WORDS:
                (negated if scope else affirmed).add(stem)
            scope = max(0, scope - 1)
    denied = _DENIAL.search(text) is not None
    return Polarity(denied, frozenset(affirmed), frozenset(negated), {axis: tuple(way) for axis, way in ways.items()})


def _turned(here: Sequence[Way], there: Sequence[Way]) -> bool:
    """Whether two texts go opposite ways on an axis: "up" and "down", "from left to right" and "from right to left".

    Where one has the other's ways in opposite order, the words before tell "blue is cold and red is hot", which is
    "red is hot and blue is cold", from "red is cold and blue is hot".
    """
    mine, theirs = [way for way, _ in here], [way for way, _ in there]
    if not set(mine) & set(theirs):
        return True
    if mine != [-way for way in theirs]:
        return False
    common = {1: 0, -1: 0}
    for way, before in here:
        for their_way, their_before in there:
            common[way * their_way] += len(before & their_before)
    return common[-1] >= common[1]


def is_negated(words: Sequence[str]) -> bool:
    return not _NEGATIONS.isdisjoint(words)


def _prefixed(one: Polarity, other: Polarity) -> bool:
    """Whether a word of one stands in the other with an opposite prefix, and not as it was."""
    mine, theirs = one.affirmed - other.affirmed, other.affirmed - one.affirmed
    return any(
        f"{theirs_prefix}{word.removeprefix(my_prefix)}" in theirs
        for word in mine
        if len(word) >= _SHORTEST_ROOT
        for my_prefix, theirs_prefix in _OPPOSITE_PREFIXES
        if word.startswith(my_prefix)
    )


@lru_cache(65_536)
def _stem(word: str) -> str:
    found = stems(word)
    return found[0] if len(found) == 1 else word


@cache
def _axes() -> dict[str, tuple[tuple[int, int], ...]]:
    """Stem -> (axis, way) of each axis that it lies on."""
    axes: dict[str, set[tuple[int, int]]] = {}
    for axis, line in enumerate(_AXES.strip().splitlines()):
        one, other = line.split("|")
        for way, words in ((1, one), (-1, other)):
            for word in words.split():
                axes.setdefault(_stem(tokens(word)[0]), set()).add((axis, way))
    return {stem: tuple(sorted(places)) for stem, places in axes.items()}
