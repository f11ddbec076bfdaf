"""`videokr corpus`: against a server that knows the demo's clips, with faults planted in what it says."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("openai")

from checkout import ROOT
from corpus_place import CONCURRENCY, PRICES, ROUNDS, SEED, VIDEOS
from demo_oracle import Faults, Oracle, serve_oracle
from judge_endpoint import KEY, completion

from data_prep.corpus.ledger import Cost, Ledger
from data_prep.corpus.settings import read_corpus
from videokr.__main__ import main
from videokr.example import parse_example
from videokr.jsonl import read_examples
from videokr.prompt import build_question

# As issue 25 has them.
FAULTS = Faults(busy=0.05, broken=0.05, hanging=0.02, garbage=0.02, wrong_questions=0.10)


def without_calls(records: list[dict]) -> list[dict]:
    return [{**record, "provenance": None} for record in records]


def test_with_faults_nothing_is_lost_and_wrong_answers_are_dropped(place, corpus):
    faultless = Faults(wrong_questions=FAULTS.wrong_questions)
    with serve_oracle(VIDEOS, SEED, faultless) as server:
        assert corpus("generate", server).status == 0
        whole = without_calls(place.records("generated.jsonl"))
        assert corpus("verify", server).status == 0
        verified = without_calls(place.records("verified.jsonl"))
        calls = server.sent.total()
    assert VIDEOS * ROUNDS < calls <= 2 * VIDEOS * ROUNDS  # the same question with the same options is solved once
    assert len(whole) == VIDEOS * ROUNDS

    place.output = place.folder / "with faults"
    with serve_oracle(VIDEOS, SEED, FAULTS) as server:
        said = corpus("generate", server, output=str(place.output), call_seconds=5), corpus("verify", server)
        assert [run.status for run in said] == [0, 0]
        assert all(server.drawn[name] for name in ("busy", "broken", "hanging", "garbage"))
        assert server.sent.total() <= 1.2 * calls
        assert server.waits and min(server.waits) >= 1.0  # Retry-After
        scenes = server.scenes
    assert without_calls(place.records("generated.jsonl")) == whole
    assert without_calls(place.records("verified.jsonl")) == verified

    is_wrong = {}
    for example in read_examples(place.output / "generated.jsonl"):
        said_answer = example.options["ABCD".index(example.answer)] if example.options else example.answer
        is_wrong[example.id] = said_answer != scenes[int(Path(example.videos[0]).stem)].answer
    kept = {record["id"] for record in place.records("verified.jsonl")}
    wrong = {name for name, fault in is_wrong.items() if fault}
    assert len(wrong) >= 5
    assert len(wrong & kept) <= 0.05 * len(wrong)
    assert len(is_wrong.keys() - wrong - kept) <= 0.03 * (len(is_wrong) - len(wrong))
    dropped = place.records("verified.left_out.jsonl")
    assert len(dropped) == len(is_wrong) - len(kept) and all(
        row["reason"].startswith("solved again") for row in dropped
    )
    for record in place.records("verified.jsonl"):  # the reasoning of who solved it, with the answer that was asked for
        assert parse_example(record).rationale == scenes[int(record["videos"][0][7:11])].rationale
        assert set(record["provenance"]) == {"generate", "verify"}

    kept_bytes = b"".join(path.read_bytes() for path in place.output.iterdir())
    assert KEY.encode() not in kept_bytes and not any(KEY in run.out + run.err for run in said)


def planted(server: Oracle, fault: str, records: list[dict]) -> set[str]:
    """Ids of the records whose question is one of a share."""
    examples = [parse_example(record) for record in records]
    clips = [int(Path(example.videos[0]).stem) for example in examples]
    return {
        example.id
        for example, clip in zip(examples, clips, strict=True)
        if server.is_planted(fault, clip, build_question(example))
    }


def test_each_filter_drops_what_is_planted_for_it_and_little_else(place, corpus):
    faults = Faults(
        garbage=0.02, needs_no_video=0.10, broken_rationales=0.10, single_frame=0.10, lucky=0.10, other_language=0.05
    )
    steps = [
        ("dependency", "dependent", "needs_no_video", 2),
        ("rationale", "validated", "broken_rationales", 1),
        ("probe", "probed", "single_frame", 9),
    ]
    with serve_oracle(VIDEOS, SEED, faults) as server:
        assert corpus("generate", server).status == 0 and corpus("verify", server).status == 0
        before = place.records("verified.jsonl")
        written = place.records("generated.jsonl")
        solved_in_another = planted(server, "other_language", written)
        assert {record["id"] for record in before} == {record["id"] for record in written} - solved_in_another
        dropped = [place.records(f"{name}.left_out.jsonl") for name in ("generated", "verified")]
        assert [len(rows) for rows in dropped] == [VIDEOS * ROUNDS - len(written), len(solved_in_another)]
        # The last of three replies may be garbage of another kind.
        assert all(
            "not English" in row["detail"] or "not of the schema" in row["detail"] for rows in dropped for row in rows
        )
        assert all(any("not English" in row["detail"] for row in rows) for rows in dropped)
        for step, name, fault, calls_a_row in steps:
            priced = corpus(step, server, "--dry-run")
            assert priced.status == 0 and f" {calls_a_row * len(before):,} calls" in priced.out
            said = corpus(step, server)
            assert said.status == 0
            kept, dropped = place.records(f"{name}.jsonl"), place.records(f"{name}.left_out.jsonl")
            assert len(kept) + len(dropped) == len(before) and all(record in before for record in without(step, kept))
            bad, ids = planted(server, fault, before), {record["id"] for record in kept}
            assert len(bad) >= 5
            assert len(bad & ids) <= 0.05 * len(bad)
            assert len(before) - len(bad) - len(ids - bad) <= 0.03 * (len(before) - len(bad))
            if step == "rationale":
                assert len({row["reason"] for row in dropped}) == 2
                assert all(re.search(r"step 2, '(It is made of copper|Nothing is)", row["detail"]) for row in dropped)
            before, last = kept, before
    share, low, high = (float(number) / 100 for number in re.findall(r"([\d.]+)%", said.out.replace("95% ", "")))
    assert share == pytest.approx(1 - len(kept) / len(last), abs=1e-3)
    assert low < len(bad) / len(last) < high and low < faults.single_frame < high


def test_a_benchmark_of_others_is_probed_in_shards(demo, place, corpus):
    benchmark = [json.loads(line) for line in (demo / "sft.jsonl").read_text(encoding="utf-8").splitlines()]
    with serve_oracle(VIDEOS, SEED, Faults(single_frame=0.4)) as server:
        for shard in ("0/2", "1/2"):
            assert corpus("probe", server, "--input", str(demo / "sft.jsonl"), "--shard", shard).status == 0
        solved = planted(server, "single_frame", benchmark)
    kept = place.records("probed.0-of-2.jsonl") + place.records("probed.1-of-2.jsonl")
    assert solved and {one["id"] for one in kept} == {one["id"] for one in benchmark} - solved
    assert all(set(one["provenance"]) == {"probe"} for one in kept)


def without(step: str, records: list[dict]) -> list[dict]:
    """The records as they were before a step."""
    return [
        {**record, "provenance": {made: by for made, by in record["provenance"].items() if made != step}}
        for record in records
    ]


def test_blind_and_shuffled_views_are_shown_as_such_and_drop_what_all_models_guess(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server:
        assert corpus("generate", server).status == 0 and corpus("verify", server).status == 0
        bodies, seen = [], server.reply

        def guess(body: dict) -> object:
            """Of the question without the video, the first option; with it, nothing that is right."""
            bodies.append(body)
            if len(body["messages"][0]["content"]) == 1:
                return completion(json.dumps({"reasoning": "The first.", "answer": "A"}))
            return seen(body)

        server.replies = [guess]
        said = corpus("dependency", server, dependency=["frames", "shuffled", "blind"])
    assert said.status == 0
    verified, kept = place.records("verified.jsonl"), place.records("dependent.jsonl")
    assert kept == [
        record | {"provenance": now["provenance"]}
        for record, now in zip((record for record in verified if record["answer"] != "A"), kept, strict=True)
    ]
    assert {row["reason"] for row in place.records("dependent.left_out.jsonl")} == {
        "all models are right without the video"
    }
    asked: dict[str, list] = {}
    for body in bodies:
        *shown, last = body["messages"][0]["content"]
        asked.setdefault(last["text"].partition("\n\n")[2], []).append(shown)
    times = [[part["text"] for part in shown[::2]] for views in asked.values() for shown in views if shown]
    assert all(len(row) == 4 and row == sorted(row) for row in times) and len({tuple(row) for row in times}) > 20
    for views in asked.values():
        pictures = [tuple(part["image_url"]["url"] for part in shown[1::2]) for shown in views if shown]
        assert len(set(pictures)) == 2 * len({tuple(sorted(row)) for row in pictures})  # one order, and another


def test_samples_are_calls_of_their_own_and_the_records_train(demo, place, corpus):
    place.settings["models"]["verify"]["samples"] = 2
    with serve_oracle(VIDEOS, SEED) as server:
        assert corpus("generate", server).status == 0 and corpus("verify", server).status == 0
    verified = place.records("verified.jsonl")
    assert len(verified) == VIDEOS * ROUNDS
    assert all(len(set(record["provenance"]["verify"]["calls"])) == 2 for record in verified)
    rows = place.folder / "rows.json"
    prepare = ["prepare", "sft", "--input", str(place.output / "verified.jsonl"), "--media-dir", str(demo)]
    assert main([*prepare, "--output", str(rows)]) == 0
    assert len(json.loads(rows.read_text(encoding="utf-8"))) == len(verified)


@pytest.mark.parametrize("tokens", [-500, 10**30, float("inf"), "12", None])
def test_usage_that_cannot_be_is_none_said(place, corpus, tokens):
    with serve_oracle(VIDEOS, SEED) as server:
        answer = server.reply
        server.replies = [lambda body: answer(body) | {"usage": {"prompt_tokens": tokens, "completion_tokens": -1}}]
        assert corpus("generate", server).status == 0
    least = place.rows("SELECT MIN(tokens), COUNT(input_tokens) FROM requests")[0]
    assert least[0] > 8 * 100 + 200 and least[1] == 0  # as much as was set aside: frames, and the longest reply


def test_a_video_that_comes_twice_is_named_before_anything_is_asked(demo, place, corpus):
    lines = (demo / "list.jsonl").read_text(encoding="utf-8").splitlines()
    twice = place.folder / "twice.jsonl"
    twice.write_text("\n".join([*lines, lines[2].replace("videos/", "./videos/")]), encoding="utf-8")
    said = corpus("generate", None, videos=str(twice))
    assert said.status == 2 and f"line {VIDEOS + 1}" in said.err and "comes twice" in said.err and "line 3" in said.err
    for provenance in (5, [], {"x": 1}):
        twice.write_text(json.dumps(json.loads(lines[0]) | {"provenance": provenance}), encoding="utf-8")
        said = corpus("generate", None, videos=str(twice))
        assert said.status == 2 and "line 1: field 'provenance': not as a step writes it" in said.err


def test_what_was_left_out_is_listed_where_nothing_is_left_and_what_was_there_before_goes(demo, place, corpus):
    (place.folder / "six.jsonl").write_bytes(b"".join((demo / "list.jsonl").read_bytes().splitlines(True)[:6]))
    with serve_oracle(VIDEOS, SEED) as server:
        assert corpus("generate", server, videos=str(place.folder / "six.jsonl"), rounds_per_skill=1).status == 0
        server.replies = ["I will not"]
        said = corpus("generate", server, seed=8)
    assert said.status == 2 and "another `seed` or model asks anew" in said.out
    assert len(place.records("generated.left_out.jsonl")) == 6 * 3 and not (place.output / "generated.jsonl").exists()


def test_a_model_that_says_nothing_of_use_ends_the_run(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server:
        right = server.reply
        server.replies = ["I will not"]
        said = corpus("generate", server)
        assert said.status == 2 and said.err.count("\n") == 1 and "'I will not'" not in said.out
        assert "'oracle' at" in said.err and "20 calls in a row had 3 replies each" in said.err
        assert 60 <= len(server.requests) <= 60 + 3 * CONCURRENCY
        bad = [0]

        def late(body: dict) -> object:
            bad[0] += 1
            return right(body) if bad[0] == 1 else "I will not"

        server.replies = [late]  # one that was of use once is asked on
        assert corpus("generate", server, seed=8, concurrency=1).status == 0


def test_a_wait_that_the_server_asks_for_beyond_the_time_of_a_call_costs_nothing(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server:
        server.replies = [(429, {"message": "busy"}, {"Retry-After": "30"})]
        assert corpus("generate", server, call_seconds=1).status == 2
    waited = "fault = 'no reply within 1 s, and a wait after status 429, Retry-After: 30'"
    assert place.rows(f"SELECT SUM(tokens), COUNT(*) > 0 FROM requests WHERE {waited}") == [(0, 1)]


def test_a_call_that_takes_more_than_was_set_aside_is_told_once(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server:
        server.tokens_a_frame = 5_000
        said = corpus("generate", server)
    assert said.status == 0 and said.err.count("raise image_tokens of models.generate") == 1


def test_what_is_asked_is_shown_as_it_should_be(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server:
        bodies = []
        server.replies = [lambda body: (bodies.append(body), server.reply(body))[1]]
        assert corpus("generate", server).status == 0
    letters = Counter()
    for example in read_examples(place.output / "generated.jsonl"):
        letters[example.answer if example.options else "open"] += 1
    assert all(10 <= letters[letter] <= 40 for letter in "ABCD") and 10 <= letters["open"] <= 40  # 24 each are expected
    by_clip: dict[str, list[str]] = {}
    for body in bodies:
        *shown, last = body["messages"][0]["content"]
        assert [part["type"] for part in shown] == ["text", "image_url"] * 8
        assert [part["text"] for part in shown[::2]] == [f"{n / 2:.1f} s" for n in range(8)]  # two frames a second
        by_clip.setdefault(json.dumps(shown), []).append(last["text"])
    assert len(by_clip) == VIDEOS
    for texts in by_clip.values():  # the knowledge point stands in four of six rounds, three examples in all
        assert len(texts) == ROUNDS and sum("shapes, part" in text for text in texts) == 4
        assert all(len(re.findall(r"^Answer: ", text, re.M)) == 3 for text in texts)
    skills = Counter(record["task_type"] for record in place.records("generated.jsonl"))
    assert skills == {"VidR": 2 * VIDEOS, "KnowVid": 2 * VIDEOS, "KnowVidR": 2 * VIDEOS}


def test_killed_again_and_again_it_makes_the_same_bytes_and_asks_again_only_what_was_in_flight(place, corpus):
    kills = range(10, 110, 10)  # after so many replies
    garbage = Faults(garbage=0.05)
    with serve_oracle(VIDEOS, SEED, garbage) as server:
        assert corpus("generate", server).status == 0
        calls = server.sent.total()
    whole = (place.output / "generated.jsonl").read_bytes()

    place.output = place.folder / "killed"
    lost = 0
    with serve_oracle(VIDEOS, SEED, garbage, delay_seconds=0.1) as server:
        config = place.config(server, output=str(place.output))
        command = [sys.executable, "-m", "videokr", "corpus", "generate", "--config", str(config)]
        for replies in kills:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while server.answered.total() < replies and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert not (place.output / "generated.jsonl").exists()
            in_flight = place.rows("SELECT COUNT(*) FROM requests WHERE reply IS NULL")[0][0]
            assert in_flight - lost <= CONCURRENCY
            lost = in_flight
        assert subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        assert server.sent.total() <= calls + lost
    assert (place.output / "generated.jsonl").read_bytes() == whole
    assert place.rows("SELECT COUNT(*), COUNT(DISTINCT key) FROM requests") == [(calls + lost, calls)]
    # What was lost stays paid for, as the most that it may have cost.
    paid = "SELECT MIN(tokens) FROM requests WHERE reply IS NULL", "SELECT MAX(input_tokens + 40) FROM requests"
    assert lost and place.rows(paid[0]) > place.rows(paid[1])


def usd(server: Oracle) -> float:
    return (
        server.tokens_in * PRICES["usd_per_million_input"] + server.tokens_out * PRICES["usd_per_million_output"]
    ) / 1e6


@pytest.mark.parametrize(("limit", "hanging"), [("usd", 0.02), ("tokens", 0.0)])
def test_the_budget_ends_a_run_before_it_is_passed(place, corpus, limit, hanging):
    faults = Faults(busy=0.05, broken=0.05, hanging=hanging)
    with serve_oracle(VIDEOS, SEED) as server:
        assert corpus("generate", server).status == 0
        whole = (place.output / "generated.jsonl").read_bytes()
        all_of_it = {"usd": usd(server), "tokens": server.tokens_in + server.tokens_out}[limit]
    place.output = place.folder / "bounded"
    rich = {"usd": 10.0, "tokens": 10_000_000}
    bound = all_of_it * 0.4 if limit == "usd" else int(all_of_it * 0.4)
    with serve_oracle(VIDEOS, SEED, faults) as server:
        poor = rich | {limit: bound}
        said = corpus("generate", server, output=str(place.output), budget=poor, call_seconds=5)
        assert said.status == 2 and said.err.splitlines()[-1].startswith("error: the budget is spent")
        cost = {"usd": usd(server), "tokens": server.tokens_in + server.tokens_out}[limit]
        assert cost <= bound
        spent = place.rows(f"SELECT SUM({limit}), COUNT(*) FROM requests")[0]
        assert spent[0] <= bound and spent[1] > 0.2 * VIDEOS * ROUNDS
        before = server.sent.total()
        assert corpus("generate", server).status == 2 and server.sent.total() == before  # and asks nothing more
        assert corpus("generate", server, budget=rich).status == 0
    assert (place.output / "generated.jsonl").read_bytes() == whole


def test_an_endpoint_that_does_not_answer_ends_the_run_in_one_line(place, corpus):
    said = corpus("generate", None, retries=0)
    assert said.status == 2 and len(said.err.splitlines()) <= 2
    assert "20 calls in a row had no reply" in said.err and "no connection" in said.err
    assert place.rows("SELECT SUM(tokens), COUNT(*) >= 20 FROM requests WHERE fault IS NOT NULL") == [(0, 1)]


def test_one_of_two_models_that_does_not_answer_at_its_own_endpoint_ends_the_run(place, corpus):
    with serve_oracle(VIDEOS, SEED, Faults(needs_no_video=1.0)) as server:
        assert corpus("generate", server).status == 0 and corpus("verify", server).status == 0
        place.settings["models"]["dependency"][1]["endpoint"] = "http://127.0.0.1:9/v1"
        said = corpus("dependency", server, retries=0)
    assert said.status == 2 and "'oracle 1' at http://127.0.0.1:9/v1 does not answer: 20 calls in a row" in said.err
    assert place.rows("SELECT COUNT(reply) FROM requests WHERE step = 'dependency'")[0][0] >= 7


def test_a_refused_key_ends_the_run_at_once_and_is_not_told(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server:
        server.replies = [401]
        said = corpus("generate", server)
        assert len(server.requests) <= CONCURRENCY
    assert said.status == 2 and "set OPENAI_API_KEY" in said.err and KEY not in said.err
    assert KEY.encode() not in (place.output / "ledger.sqlite").read_bytes()


def test_an_endpoint_is_sent_its_own_key_alone(place, corpus, monkeypatch):
    place.settings["models"]["verify"]["key_variable"] = "OTHER_KEY"
    with serve_oracle(VIDEOS, SEED) as server:
        assert corpus("generate", server).status == 0
        said = corpus("verify", server)
        assert said.status == 2 and "set OTHER_KEY" in said.err and "oracle" in said.err
        monkeypatch.setenv("OTHER_KEY", "sk-other")
        sent, answer = [], server.reply

        def noted(body: dict) -> object:
            sent.extend(
                value for name, value in server.requests[-1]["headers"].items() if name.lower() == "authorization"
            )
            return answer(body)

        server.replies = [noted]
        assert corpus("verify", server, concurrency=1).status == 0
    assert set(sent) == {"Bearer sk-other"}


def test_a_video_that_broke_since_is_left_out_and_the_others_are_asked(demo, place, corpus):
    videos = place.folder / "videos"
    shutil.copytree(demo / "videos", videos)
    with serve_oracle(VIDEOS, SEED) as server:
        assert corpus("generate", server, video_dir=str(place.folder)).status == 0
        (videos / "0003.mp4").write_bytes(b"no video" * 100)
        priced = corpus("verify", server, "--dry-run")
        assert priced.status == 0 and f" {(VIDEOS - 1) * ROUNDS} calls" in priced.out
        assert corpus("verify", server).status == 0
    listed = place.records("verified.left_out.jsonl")
    assert {(row["line"], row["reason"]) for row in listed} == {(line, "cannot be decoded") for line in range(19, 25)}
    with serve_oracle(VIDEOS, SEED) as server:
        assert corpus("generate", server).status == 0
    assert len(place.records("generated.left_out.jsonl")) == ROUNDS  # questions, as all steps count
    assert len(place.records("verified.jsonl")) == (VIDEOS - 1) * ROUNDS


def test_a_row_that_gets_no_use_of_a_reply_is_listed_with_it(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server:
        right = server.reply
        server.replies = [
            lambda body: (
                "I will not" if "shapes, part 4\n" in body["messages"][0]["content"][-1]["text"] else right(body)
            )
        ]
        said = corpus("generate", server)
        listed = place.records("generated.left_out.jsonl")
        calls = place.rows("SELECT COUNT(*) FROM requests")[0][0]
    assert said.status == 0 and len(listed) == 4 and {row["line"] for row in listed} == {5}
    assert all(
        row["reason"] == "no reply that is what was asked for" and "I will not" in row["detail"] for row in listed
    )
    assert calls == VIDEOS * ROUNDS + 4 * 2  # three times each


def test_a_dry_run_asks_nothing_and_prices_by_hand(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server:
        said = corpus("generate", server, "--dry-run")
        assert said.status == 0 and not server.sent and not place.output.exists()
        assert f"{VIDEOS} rows, {VIDEOS * ROUNDS} calls" in said.out
        most_in, most_out, most_usd = re.search(
            r"at most +([\d,]+) tokens in, ([\d,]+) out, \$([\d.]+)", said.out
        ).groups()
        most_in, most_out = (int(number.replace(",", "")) for number in (most_in, most_out))
        assert most_out == VIDEOS * ROUNDS * 200
        assert float(most_usd) == pytest.approx((most_in * 1 + most_out * 4) / 1e6, abs=1e-4)
        assert corpus("generate", server).status == 0
        assert server.tokens_in <= most_in and server.tokens_out <= most_out
        with closing(Ledger(place.output / "ledger.sqlite")) as ledger:
            ledger.open("killed", "generate", "oracle", "", 0, Cost(1_000, 0.5))
        paid = f"{server.tokens_in + server.tokens_out + 1_000:,} tokens, ${usd(server) + 0.5:,.4f}"
        assert f"as so far      {paid}" in corpus("generate", server, "--dry-run").out


def test_shards_are_the_whole_between_them(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server:
        for flags in ((), ("--shard", "0/2"), ("--shard", "1/2")):
            assert corpus("generate", server, *flags).status == 0
            assert corpus("verify", server, *flags).status == 0
    for name in ("generated", "verified"):
        whole, *parts = (place.records(f"{name}{part}.jsonl") for part in ("", ".0-of-2", ".1-of-2"))
        assert all(parts) and sorted(map(json.dumps, parts[0] + parts[1])) == sorted(map(json.dumps, whole))
        assert not {r["videos"][0] for r in parts[0]} & {r["videos"][0] for r in parts[1]}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"endpoint": "host:8000"}, "endpoint='host:8000'"),
        ({"endpoint": "https://me:secret@host:x/v1"}, "endpoint='host:x/v1'"),
        ({"skill": []}, "skill: Extra inputs are not permitted"),
        ({"models": {}}, "add models.generate"),
        ({"skills": []}, "skills: Tuple should have at least 1 item"),
        ({"budget": {"usd": -1, "tokens": 5}}, "budget.usd"),
        ({"benchmark": {"name": "mine", "version": 1.1}}, "benchmark.version: Input should be a valid string: quote"),
    ],
)
def test_a_mistake_in_the_settings_is_named(corpus, changes, named):
    said = corpus("generate", None, **changes)
    assert said.status == 2 and named in said.err and "secret" not in said.err and len(said.err.splitlines()) == 1


def test_the_example_s_settings_can_be_read():
    models = read_corpus(ROOT / "examples" / "corpus.yaml").models
    assert {step: len(of) for step, of in models if isinstance(of, tuple)} == {"dependency": 2, "probe": 3}
    assert all(of for _, of in models)


def test_a_second_run_at_the_same_corpus_is_refused(place, corpus):
    with serve_oracle(VIDEOS, SEED) as server, closing(Ledger(place.output / "ledger.sqlite")):
        said = corpus("generate", server)
    assert said.status == 2 and "is another run at the same corpus?" in said.err and not server.sent


def test_a_discipline_without_seed_examples_is_named(demo, place, corpus):
    few = place.folder / "few.jsonl"
    few.write_text("\n".join((demo / "seeds.jsonl").read_text(encoding="utf-8").splitlines()[:6]), encoding="utf-8")
    said = corpus("generate", None, seed_examples=str(few))
    assert said.status == 2 and "discipline 'change' and task_type 'VidR': 3 are needed" in said.err
