"""Five seconds of texts that nobody would write: nothing breaks the reward, and nothing holds it up."""

import os
import random
import time

from videokr.response import Kind
from videokr.reward import Accuracy, score_response

SECONDS = float(os.environ.get("VIDEOKR_FUZZ_SECONDS", "5"))
SEED = int(os.environ.get("VIDEOKR_FUZZ_SEED", "0"))
LONGEST_SECONDS = {Accuracy.PAPER: 0.05, Accuracy.TYPED: 0.5}  # for one input, on one core
MEGABYTE = 1_000_000
PIECES = [
    *"<think> </think> <answer> </answer> <THINK> < </ <|video_pad|> 5 - \u2212 1/2 3: 1,000, .5 e5".split(),
    *"\u00d710 ^ \u2075 \u00bd \u00b1 \u00b0 % $ \\ \\frac{ \\boxed{ } { ( ) [ ] * ** _ ` ~ = <= >".split(),
    *"\u2192 \u221a / \u00b7 . , ; : ! ? m/s km kg\u00b7 per square degrees \u00b0C 12:30 pm a an the".split(),
    *"not no or and because is it's twenty hundred million half dozen left right increases decrease".split(),
    *"x + y x^2 = pi sqrt A B. Option \u6c34 \u6c22 \u03b1 \u0436 \u0e32 \u0928\u0940 \u05d0 \u0645 \U0001f600".split(),
    *"\ufb00 \u0130 \u00df \u1e9e \u200b \ufe0f \u00ad \u0301 \x00".split(),
    *("\ud800", "\U000e0001", "\u2028", " ", "\n", "\t", "is ", "The answer is "),
]
GOLDS = [
    "5 m/s",
    "hydrogen",
    "12-20 s",
    "yes",
    "5 apples",
    "carbon dioxide (CO2)",
    "\u5149\u5408\u4f5c\u7528",
    "the gas expands because it is heated by the flame below the vessel",
]


def random_text(rng: random.Random) -> str:
    few = [rng.choice(PIECES) for _ in range(rng.randint(1, 3))]
    match rng.randrange(7):
        case 0:
            text = "".join(rng.choice(PIECES) * rng.randint(1, 4) for _ in range(rng.randint(0, 60)))
        case 1:
            text = " ".join(rng.choice(PIECES) for _ in range(rng.randint(0, 400)))
        case 2:
            text = "".join(few) * rng.randint(1, 4_000)
        case 3:
            text = rng.choice(PIECES) + "".join(few) * rng.randint(1, 1_000) + rng.choice(PIECES)
        case 4:
            text = "".join(chr(rng.randrange(0x110000)) for _ in range(rng.randint(0, 1_000)))
        case 5:
            text = rng.randbytes(rng.randint(0, 4_000)).decode("latin-1")
        case _:
            text = rng.choice(GOLDS) + rng.choice(PIECES) * rng.randint(0, 3)
    return text * (MEGABYTE // max(1, len(text))) if rng.random() < 0.02 else text


def score(response: str, gold: str, kind: Kind, accuracy: Accuracy) -> float:
    """CPU seconds that it took."""
    options = ["Oxygen", "Hydrogen", "5"] if kind is Kind.MULTIPLE_CHOICE else None
    start = time.process_time()
    reward = score_response(response, gold, kind, options, accuracy)
    seconds = time.process_time() - start
    assert 0.0 <= reward.score <= 1.0
    assert reward.reason
    return seconds


def test_anything_is_scored_in_time():
    rng = random.Random(SEED)
    for accuracy in Accuracy:  # imports the stemmer, pint and sympy
        score("<answer>5 km</answer>", "running 5 m", Kind.OPEN_ENDED, accuracy)
        score("<answer>5 km</answer>", "5 m", Kind.OPEN_ENDED, accuracy)
        score("<answer>x + 1</answer>", "1 + x", Kind.OPEN_ENDED, accuracy)
    end = time.monotonic() + SECONDS
    calls, slow = 0, []
    while time.monotonic() < end:
        text = random_text(rng)
        response = rng.choice(
            [text, f"<think>r</think><answer>{text}</answer>", f"<think>{text}</think><answer>5</answer>"]
        )
        gold = (
            rng.choice(GOLDS) if rng.random() < 0.5 else random_text(rng)[: rng.choice([3, 30, 300, 3_000, MEGABYTE])]
        )
        for kind in Kind:
            asked = {Kind.MULTIPLE_CHOICE: "B", Kind.GROUNDING: "3-5"}.get(kind, gold if gold.strip() else "gas")
            for accuracy in Accuracy:
                calls += 1
                if score(response, asked, kind, accuracy) > LONGEST_SECONDS[accuracy]:
                    # Once more, and again: what stays slow is slow by itself.
                    again = min(score(response, asked, kind, accuracy) for _ in range(3))
                    if again > LONGEST_SECONDS[accuracy]:
                        slow.append(
                            (round(again, 3), kind, accuracy, len(response), response[:60], len(asked), asked[:40])
                        )
    print(f"{calls} calls, seed {SEED}")
    assert calls > 100
    assert not slow
