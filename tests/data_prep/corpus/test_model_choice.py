"""How many rows an audit takes, what its interval is worth, how far people agree, and which model `choose` takes."""

from contextlib import closing
from functools import cache
from math import comb

import numpy as np
import pytest

pytest.importorskip("openai")

from annotators import saved, verdicts, write_records

from data_prep.corpus.audit.choice import Candidate, cheapest, most_wrong, rows_needed
from data_prep.corpus.audit.verdicts import Opinions, alpha
from data_prep.corpus.ledger import Cost, Ledger
from data_prep.corpus.settings import AuditRule
from videokr.evaluation.uncertainty import exact_interval

RULE = AuditRule()
MANY = 80  # wrong rows; no audit below has as many
rows_for = cache(lambda errors: rows_needed(errors, RULE))


def test_so_many_rows_meet_the_bound():
    # scipy 1.18: the first n with beta.ppf(0.95, k + 1, n - k) <= 0.03
    assert [rows_needed(errors, RULE) for errors in (0, 1, 2, 3, 9)] == [99, 157, 208, 257, 521]
    assert most_wrong(0, 99, 0.95) == pytest.approx(1 - 0.05 ** (1 / 99))


def said(*columns: list) -> list[Opinions]:
    """Of a row an annotator; None where he has not judged."""
    rows = zip(*columns, strict=True)
    return [Opinions(None, {str(who): str(one) for who, one in enumerate(row) if one is not None}, {}) for row in rows]


def test_alpha_is_that_of_the_published_example():
    # Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), example C: four observers, nominal, 0.743
    n = None
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, n, n, n],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, n, 3],
        [n, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, n],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, n],
    ]
    assert alpha(said(*table)) == pytest.approx(0.743, abs=5e-4)
    assert alpha(said("aabbdcccedda", "babbbccceddd")) == pytest.approx(0.692, abs=5e-4)  # B: two of them
    assert alpha(said(["right", n], ["right", "wrong"])) is None  # one pair, of the same


@cache
def interval(wrong: int, rows: int) -> tuple[float, float]:
    return exact_interval(wrong, rows)


def chances(rows: int, rate: float) -> list[float]:
    """Of each number of wrong rows."""
    return [comb(rows, wrong) * rate**wrong * (1 - rate) ** (rows - wrong) for wrong in range(MANY)]


# The table of docs/corpus.md, in per cent. With few errors to be expected, an exact interval is longer than it need be.
@pytest.mark.parametrize(
    ("rows", "rate", "holds"),
    [(100, 0.02, 98.5), (200, 0.02, 96.2), (200, 0.05, 96.7), (400, 0.03, 96.1), (800, 0.02, 95.8), (800, 0.05, 95.8)],
)
def test_the_interval_holds_the_truth(rows, rate, holds):
    ends = [interval(wrong, rows) for wrong in range(MANY)]
    held = [low <= rate <= high for low, high in ends]
    assert sum(chance for chance, is_held in zip(chances(rows, rate), held, strict=True) if is_held) == pytest.approx(
        holds / 100, abs=6e-4
    )
    simulated = np.mean([held[wrong] for wrong in np.random.default_rng(0).binomial(rows, rate, 10_000)])
    assert 0.93 <= simulated <= (0.97 if rows > 100 else 1)


@pytest.mark.parametrize(
    ("rate", "rows", "surely"),  # docs/corpus.md: to meet a bound of 3% in 90 of 100 audits, and in 95
    [(0.0025, 157, 208), (0.005, 208, 257), (0.01, 436, 521), (0.015, 846, 1_043), (0.02, 2_103, 2_620)],
)
def test_a_good_model_takes_so_many_rows_to_be_seen_as_one(rate, rows, surely):
    for number, power in ((rows, 0.9), (surely, 0.95)):
        allowed = next(errors for errors in range(MANY) if rows_for(errors) > number)
        assert sum(chances(number, rate)[:allowed]) >= power > sum(chances(number, rate)[: allowed - 1])


def chosen(rng: np.random.Generator, rates: dict[str, float], audited: int) -> str | None:
    """Of models that cost 1, 2, 3, ... a row."""
    tried = [
        Candidate(name, cost, 0, int(rng.binomial(audited, rate)), audited)
        for cost, (name, rate) in enumerate(rates.items(), start=1)
    ]
    found = cheapest(tried, RULE)
    return found and found.name


@pytest.mark.parametrize(
    ("rates", "audited", "often", "with_100"),  # the last two in 100, by the binomial distribution
    [
        ({"cheap": 0.06, "right": 0.005, "dear": 0.001}, 257, 96, 60),
        ({"cheap": 0.031, "right": 0.01, "dear": 0.005}, 521, 92, 35),  # just beyond the bound
        ({"right": 0.015, "dear": 0.005}, 1_043, 95, 22),
    ],
)
def test_the_cheapest_that_meets_the_bound_is_chosen(rates, audited, often, with_100):
    rng, trials = np.random.default_rng(0), 500
    share = sum(chosen(rng, rates, audited) == "right" for _ in range(trials)) / trials
    assert share >= 0.9 and share == pytest.approx(often / 100, abs=0.03)
    # As published: a model that is good enough is seldom seen to be.
    share = sum(chosen(rng, rates, 100) == "right" for _ in range(trials)) / trials
    assert share == pytest.approx(with_100 / 100, abs=0.05)


def test_a_model_is_chosen_by_the_cost_of_a_row_that_survives(place, corpus, demo, tmp_path):
    candidates = []
    for name, usd, rows, wrong in (("small", 0.3, 4, 1), ("large", 0.9, 6, 0)):
        place.output = tmp_path / name
        records = write_records(place, demo, "verified.jsonl", rows)
        for step in ("generate", "verify", "probe"):  # what a later step costs is left out
            file = f"ledger{'.0-of-1' * (step == 'generate')}.sqlite"  # shards have ledgers of their own
            with closing(Ledger(place.output / file)) as ledger:
                ledger.open(f"{name} {step}", step, "oracle", "", 0, Cost(600, usd))
        config = place.config(None, output=str(place.output))
        candidates.append(str(config.rename(tmp_path / f"{name}.yaml")))
        file = saved(tmp_path, name, records, verdicts(*["answer"] * wrong, *["right"] * (rows - wrong)), "verify")
        corpus("audit", None, "--step", "verify", "--verdicts", file, output=str(place.output))
    flags = ["--step", "verify", "--candidates", *candidates]
    run = corpus("choose", None, *flags)
    # By hand: 2 * 0.3 / 4, 2 * 600 / 4; 2 * 0.9 / 6. 0 of 6 and 1 of 4 may be 39.3% and 75.1% (scipy: beta.ppf).
    assert "small.yaml: $0.150000 and 300 tokens a row; not right: 1 of 4, at most 75.1" in run.out
    assert "large.yaml: $0.300000 and 200 tokens a row; not right: 0 of 6, at most 39.3" in run.out
    assert run.status == 3 and "153 more audited rows" in run.out and "93 more audited rows" in run.out
    assert "none meets 3.00%" in run.out
    run = corpus("choose", None, *flags, audit={"max_error": 0.4})
    assert run.status == 0 and run.out.endswith(f"chosen: {tmp_path / 'large.yaml'}\n")
    assert corpus("choose", None, *flags, audit={"max_error": 0.8}).out.endswith("small.yaml\n")
    assert corpus("verify", None, "--sample", "3").status == 2  # asks nobody
