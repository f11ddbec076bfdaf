"""The reward's open-ended accuracy against rouge-score's own scorer, and a batch of rollouts.

    python -m benchmarks.reward

Random texts in the words of this project's sources, 32 gold answers with 8 answers each, in one process and in turns;
every value is compared. CPU seconds of the best of the rounds, so that what else runs counts little; what a process
loads once (the stemmer, pint, sympy) is loaded before.
"""

import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rouge_score.rouge_scorer import RougeScorer

from videokr.response import Kind, build_response
from videokr.reward import DEFAULT_TOLERANCE, Accuracy, score_response
from videokr.rouge import mean_rouge_f1
from videokr.typed.accuracy import typed_accuracy

GOLDS, ROLLOUTS = 32, 8
LENGTHS = ((1, 8), (10, 40), (80, 200))  # words
BATCH_LENGTHS = (10, 40)
ROUNDS = 5
ROUGE_TYPES = ("rouge1", "rouge2", "rougeL")
SOURCES = Path(__file__).parents[1] / "videokr"

Pair = tuple[str, str]


def main() -> None:
    stock = RougeScorer(list(ROUGE_TYPES), use_stemmer=True)

    def published(gold: str, answer: str) -> float:
        scores = stock.score(gold, answer)
        return sum(float(scores[name].fmeasure) for name in ROUGE_TYPES) / 3

    mean_rouge_f1("running", "running")  # loads the stemmer
    typed_accuracy("5 km", "5 m", DEFAULT_TOLERANCE)  # loads pint and sympy
    print(f"{'words':>8} {'rouge-score':>14} {'ours':>14} {'ratio':>7}   calls a CPU second; best of {ROUNDS} rounds")
    for length in LENGTHS:
        pairs = texts(length, seed=0)
        theirs, ours = [], []
        for _ in range(ROUNDS):
            theirs.append(timed(published, pairs))
            ours.append(timed(mean_rouge_f1, pairs))
        same = all(published(*pair) == mean_rouge_f1(*pair) for pair in pairs)
        first, best = (len(pairs) / min(seconds) for seconds in (theirs, ours))
        print(
            f"{length[0]:>3}-{length[1]:<4} {first:>14,.0f} {best:>14,.0f} {best / first:>6.1f}x   "
            f"first round, nothing remembered: {theirs[0] / ours[0]:.1f}x; "
            f"{'every value equal to the last bit' if same else 'VALUES DIFFER'}"
        )
    print(f"\n{GOLDS * ROLLOUTS} rollouts of {BATCH_LENGTHS[0]}-{BATCH_LENGTHS[1]} words, from response to reward:")
    for seed, accuracy in enumerate(Accuracy, start=1):
        first, best = batch(accuracy, texts(BATCH_LENGTHS, seed))
        print(f"{accuracy:>8} {first * 1000:>8.1f} ms the first time, {best * 1000:.1f} ms again")


def batch(accuracy: Accuracy, pairs: Sequence[Pair]) -> tuple[float, float]:
    """CPU seconds of the first round and of the best."""

    def score(gold: str, answer: str) -> float:
        return score_response(build_response("because", answer), gold, Kind.OPEN_ENDED, accuracy=accuracy).score

    seconds = [timed(score, pairs) for _ in range(ROUNDS)]
    return seconds[0], min(seconds)


def texts(length: tuple[int, int], seed: int) -> list[Pair]:
    """(gold, answer) of random words, some words of every answer being its gold's."""
    rng = random.Random(seed)
    words = sorted(
        set(re.findall(r"[A-Za-z]{2,}", " ".join(path.read_text("utf-8") for path in SOURCES.rglob("*.py"))))
    )
    pairs = []
    for _ in range(GOLDS):
        gold = rng.choices(words, k=rng.randint(*length))
        for _ in range(ROLLOUTS):
            answer = [
                rng.choice(gold) if rng.random() < 0.4 else rng.choice(words) for _ in range(rng.randint(*length))
            ]
            pairs.append((" ".join(gold), " ".join(answer)))
    return pairs


def timed(score: Callable[[str, str], float], pairs: Sequence[Pair]) -> float:
    start = time.process_time()
    for gold, answer in pairs:
        score(gold, answer)
    return time.process_time() - start


if __name__ == "__main__":
    main()
