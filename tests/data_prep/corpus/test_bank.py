"""`videokr corpus bank`: against a server whose tree has doubles, too many, empty lists and lists that are none."""

import json
import re
import time
from collections import Counter
from contextlib import contextmanager

import pytest

pytest.importorskip("openai")

from judge_endpoint import completion, serve

SIZES = {"courses": 3, "lectures": 2, "knowledge_points": 2, "scenarios": 2}
STONE = "A stone falls from a bridge", "stone dropped from bridge"
SKYDIVER = "A skydiver spreads the arms", "skydiver free fall"
GLASS = "Sunlight through a lens sets paper on fire", "magnifying glass burns paper"
EGG = "A frog's egg divides", "frog egg time lapse"
# The replies to what is below a name: one after the other, the last again and again.
BELOW_POINT = {
    "Terminal speed": [[SKYDIVER, ("Another stone falls", "STONE  dropped from bridge")]],
    "Free fall": [[STONE]],
    "Focus": [[GLASS]],
    "Cleavage": [[EGG]],
}
BELOW = {
    "Falling bodies": [["Free fall", "Terminal speed"]],
    "Collisions": [["Momentum", "  "]],  # never of use
    "Lenses": [["Focus", "\uff26ree FALL"]],
    "Embryos": ["not JSON", ["Cleavage"]],
    "Mechanics": [[], ["Falling bodies", "Collisions"]],
    "Optics": [["Lenses", "collisions"]],
    "Development": [["Embryos"]],
    "Physics": [["Mechanics", " MECHANICS\n", "Optics", "Heat"]],
    "Biology": [["Development"]],
}
EXPECTED = [
    ("Physics", "Mechanics", "Falling bodies", "Free fall", STONE),
    ("Physics", "Mechanics", "Falling bodies", "Terminal speed", SKYDIVER),
    ("Physics", "Optics", "Lenses", "Focus", GLASS),
    ("Biology", "Development", "Embryos", "Cleavage", EGG),
]
TWICE = "in the bank of the subject already"
LEFT_OUT = Counter(
    {
        ("course", TWICE): 1,
        ("course", "more than were asked for"): 1,
        ("lecture", TWICE): 1,
        ("knowledge_point", TWICE): 1,
        ("knowledge_point", "no reply that is what was asked for"): 1,
        ("scenario", TWICE): 1,
    }
)
# Physics: 1 for courses, 2 + 1 for lectures, 1 + 3 + 1 for points, 3 for scenarios; Biology: 1, 1, 2, 1.
CALLS = 12 + 5


@contextmanager
def tree():
    counts: Counter[str] = Counter()

    def reply(body: dict) -> object:
        text = body["messages"][0]["content"][-1]["text"]
        shape = body["response_format"]["json_schema"]["name"]
        below = BELOW_POINT if shape == "Scenarios" else BELOW
        name = next((name for name in below if name in text), None)  # the lowest that is named
        if name is None:
            return 400
        time.sleep(0.02)  # so that calls that may meet do
        replies = below[name]
        with server.lock:
            said = replies[min(counts[name], len(replies) - 1)]
            counts[name] += 1
        if isinstance(said, list):
            if shape == "Scenarios":
                said = [{"scenario": scenario, "search_term": term} for scenario, term in said]
            said = json.dumps({"scenarios" if shape == "Scenarios" else "names": said})
        usage = {"prompt_tokens": len(text.encode()), "completion_tokens": 100}  # no text has more tokens
        return completion(said) | {"usage": usage}

    with serve() as server:
        server.replies = [reply]
        yield server


def shown(records: list[dict]) -> list[tuple]:
    return [
        (
            r["discipline"],
            r["course"],
            r["lecture"],
            r["knowledge_point"],
            *zip(r["scenarios"], r["search_terms"], strict=True),
        )
        for r in records
    ]


def test_each_level_is_checked_and_nothing_is_in_a_subject_twice(place, corpus):
    with tree() as server:
        said = corpus("bank", server, subjects=["Physics", "Biology"], bank=SIZES, concurrency=2)
        assert said.status == 0 and len(server.requests) == CALLS and server.most_at_once <= 2
        made, listed = place.records("bank.jsonl"), place.records("bank.left_out.jsonl")
        assert shown(made) == EXPECTED
        assert Counter((row["field"], row["reason"]) for row in listed) == LEFT_OUT
        assert all(len(set(record["provenance"]["bank"]["calls"])) >= 4 for record in made)  # one for each level
        assert not any("image_url" in json.dumps(body["messages"]) for body in server.requests)
        again = corpus("bank", server)
        assert again.status == 0 and len(server.requests) == CALLS and place.records("bank.jsonl") == made


def test_a_spent_budget_loses_nothing_and_a_dry_run_says_the_most(place, corpus):
    with tree() as server:
        priced = corpus("bank", server, "--dry-run", subjects=["Physics", "Biology"], bank=SIZES)
        assert priced.status == 0 and not server.requests and "is the most that `bank`" in priced.out
        most_in = int(re.search(r"at most +([\d,]+) tokens in", priced.out)[1].replace(",", ""))
        assert "2 rows, 44 calls" in priced.out  # twice 1 + 3 + 6 + 12
        # Three prompts with one name in them, six with two, twelve with three; each may have 200 characters of 4 bytes.
        assert most_in > 2 * (3 * 1 + 6 * 2 + 12 * 3) * 200 * 4
        stopped = corpus("bank", server, budget={"usd": 10, "tokens": 6_000})
        assert stopped.status == 2 and "the budget is spent" in stopped.err and 0 < len(server.requests) < CALLS
        assert not (place.output / "bank.jsonl").exists()
        assert corpus("bank", server, budget={"usd": 10, "tokens": 10_000_000}).status == 0
        assert len(server.requests) == CALLS and shown(place.records("bank.jsonl")) == EXPECTED
        assert place.rows("SELECT SUM(input_tokens) FROM requests")[0][0] < most_in


def test_shards_part_the_subjects(place, corpus):
    with tree() as server:
        place.settings |= {"subjects": ["Physics", "Biology"], "bank": SIZES}
        parts = [corpus("bank", server, "--shard", f"{n}/3") for n in range(3)]
    assert [part.status for part in parts] == [2, 0, 0] and "no rows for this shard" in parts[0].err
    assert [shown(place.records(f"bank.{n}-of-3.jsonl")) for n in (1, 2)] == [EXPECTED[:3], EXPECTED[3:]]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "corpus.yaml has no `subjects`"),
        ({"subjects": ["Physics"], "bank": {"courses": 0}}, "bank.courses"),
    ],
)
def test_a_mistake_in_the_settings_is_named(corpus, changes, named):
    said = corpus("bank", None, **changes)
    assert said.status == 2 and named in said.err and len(said.err.splitlines()) == 1
