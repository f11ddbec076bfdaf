"""`videokr corpus audit`, `choose` and `reannotate`: a page that people judge on, and what their verdicts come to."""

import json
import random
import re
import time
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("openai")

from chromium import find_chromium, started
from corpus_place import Place
from demo_oracle import Faults, serve_oracle

from data_prep.corpus.audit.choice import Candidate, cheapest, most_wrong, rows_needed
from data_prep.corpus.audit.sample import digest_of, draw
from data_prep.corpus.audit.verdicts import Opinions, alpha
from data_prep.corpus.ledger import Cost, Ledger
from data_prep.corpus.settings import AuditRule
from videokr.evaluation.uncertainty import exact_interval
from videokr.example import parse_example

RULE = AuditRule()
in_chromium = pytest.mark.skipif(find_chromium() is None, reason="needs Chromium")


# The figures


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
    assert alpha(said("aabbdcccedda", "babbbcccedddd"[:12])) == pytest.approx(0.692, abs=5e-4)  # B: two of them
    assert alpha(said(["right", n], ["right", "wrong"])) is None  # one pair, of the same


@cache
def interval(wrong: int, rows: int) -> tuple[float, float]:
    return exact_interval(wrong, rows)


def binomial(rng: random.Random, rows: int, rate: float) -> int:
    return sum(rng.random() < rate for _ in range(rows))


@pytest.mark.parametrize(
    ("rows", "rate", "least", "most"),
    [(200, 0.03, 0.93, 0.98), (400, 0.05, 0.93, 0.97), (800, 0.021, 0.93, 0.97), (100, 0.02, 0.97, 1.0)],
)
def test_the_interval_holds_the_truth(rows, rate, least, most):
    rng = random.Random(f"{rows} {rate}")
    trials = 1_000
    held = sum(low <= rate <= high for low, high in (interval(binomial(rng, rows, rate), rows) for _ in range(trials)))
    assert least <= held / trials <= most


def chosen(rng: random.Random, rates: dict[str, float], audited: int) -> str | None:
    """Of models that cost 1, 2, 3, ... a row."""
    tried = [
        Candidate(name, cost, 0, binomial(rng, audited, rate), audited)
        for cost, (name, rate) in enumerate(rates.items(), start=1)
    ]
    found = cheapest(tried, RULE)
    return found and found.name


@pytest.mark.parametrize(
    ("rates", "audited"),
    [
        ({"cheap": 0.06, "right": 0.005, "dear": 0.001}, 257),
        ({"cheap": 0.031, "right": 0.01, "dear": 0.005}, 521),  # just beyond the bound
        ({"right": 0.015, "dear": 0.005}, 1_043),
    ],
)
def test_the_cheapest_that_meets_the_bound_is_chosen(rates, audited):
    rng = random.Random(audited)
    trials = 300
    assert sum(chosen(rng, rates, audited) == "right" for _ in range(trials)) >= 0.9 * trials
    # As published, with 100 rows: a model that is good enough is seldom seen to be.
    assert sum(chosen(rng, rates, 100) == "right" for _ in range(trials)) < 0.75 * trials


# The page and the ledger


def write_records(place: Place, demo: Path, name: str, number: int = 12) -> list[dict]:
    place.output.mkdir(exist_ok=True)
    lines = (demo / "sft.jsonl").read_text(encoding="utf-8").splitlines()[:number]
    records = [json.loads(line) | {"provenance": {"generate": {"models": ["oracle"]}}} for line in lines]
    records[0]["question"] += " </textarea><script>document.title = 'run'</script>"
    records[0]["clues"] = [[1.0, 2.5]]
    (place.output / name).write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return records


def saved(folder: Path, annotator: str, records: list[dict], entries: list[dict], step: str = "generate") -> str:
    """A file as the page saves it."""
    known = [
        {"record": record["id"], "digest": digest_of(parse_example(record)), "note": "", **entry}
        for record, entry in zip(records, entries, strict=True)
    ]
    path = folder / f"{annotator}.json"
    path.write_text(json.dumps({"annotator": annotator, "step": step, "records": known}), encoding="utf-8")
    return str(path)


def verdicts(*names: str) -> list[dict]:
    return [{"verdict": name} for name in names]


def test_a_sample_is_as_likely_to_have_any_record(place, demo):
    records = write_records(place, demo, "generated.jsonl")
    path = place.output / "generated.jsonl"
    draws = [[one.example.id for one in draw(path, 4, seed)] for seed in range(300)]
    assert draws[7] == [one.example.id for one in draw(path, 9, 7)][:4]
    counts = [sum(record["id"] in ids for ids in draws) for record in records]
    assert sum(counts) == 1_200 and min(counts) > 70 and max(counts) < 130  # 100 each, standard deviation 8


def press(browser, *keys: str) -> None:
    for key in keys:
        text = {"text": key} if len(key) == 1 else {}
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        browser.call("Input.dispatchKeyEvent", type="keyUp", key=key)


def save(browser, folder: Path) -> str:
    """Has the page save to a folder, and names the file."""
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    press(browser, "s")
    until = time.monotonic() + 60
    while not (found := list(folder.glob("*.json"))):
        assert time.monotonic() < until, "nothing is saved"
        time.sleep(0.02)
    return str(found[0])


def shown(browser) -> str:
    return browser.value("document.querySelector('output').textContent")


ALERT = "(alert => alert.hidden ? '' : alert.textContent)(document.querySelector('[role=alert]'))"
LEAVING = "dispatchEvent(new Event('beforeunload', {cancelable: true}))"
BROKEN_STORAGE = "Storage.prototype.setItem = () => { throw new Error('full') }"


@in_chromium
def test_keys_alone_judge_and_change_records(place, corpus, demo, tmp_path):
    records = write_records(place, demo, "generated.jsonl")
    (place.output / "validated.jsonl").write_bytes((place.output / "generated.jsonl").read_bytes())
    solved = {"field": "question", "reason": "a model solves it from a single frame"}
    left_out = [{"line": 1, "detail": f"{records[0]['id']}, 'A'", **solved}]
    (place.output / "probed.left_out.jsonl").write_text("\n".join(map(json.dumps, left_out)), encoding="utf-8")
    assert corpus("audit", None, "--step", "generate", "--sample", "12").status == 0
    assert corpus("reannotate").status == 0
    page = (place.output / "generated.audit.html").as_uri()
    with started(tmp_path / "profile") as browser:
        browser.open(page)
        order = browser.value("[...document.querySelectorAll('.case')].map(node => node.dataset.record)")
        assert sorted(order) == sorted(record["id"] for record in records)
        place_of_first = order.index(records[0]["id"])
        first = browser.value(f"document.querySelectorAll('.case')[{place_of_first}].textContent")
        assert "<script>" in first and "evidence 1.0 to 2.5 s" in first and "0.5 s" in first
        assert browser.value("document.images.length") == 12 * 8
        press(browser, "r", "j", "1", "n", *"jk r", "Escape", "j", "j", "u", "k", "k", "k", "o")
        assert shown(browser) == "record 3, 3 of 12 done"

        browser.open(page)  # again
        assert shown(browser) == "record 1, 3 of 12 done"
        press(browser, "s")
        assert "your name" in browser.value(ALERT)
        press(browser, *"Ann", "Escape")
        first_file = save(browser, tmp_path / "first")
        assert Path(first_file).name == "generate.Ann.json"
        assert shown(browser) == "a file with 3 of 12 records" and browser.value(ALERT) == ""
        assert browser.value(LEAVING) and browser.value("document.title") != "run" and not browser.complaints
        assert not [address for address in browser.requests if not address.startswith(("data:", "blob:", page))]

        browser.open((place.output / "reannotated.html").as_uri())
        press(browser, "q", *"Look: ", "Escape", "a", "B", "Escape")
        assert shown(browser) == "record 1, 1 of 1 done"
        press(browser, "s", *"Ben", "Escape")
        changes = save(browser, tmp_path / "changes")

        browser.call("Page.addScriptToEvaluateOnNewDocument", source=BROKEN_STORAGE)
        browser.open(page)
        press(browser, "j", "j", "r")
        assert "(full). Save it to a file" in browser.value(ALERT) and not browser.value(LEAVING)
        second_file = save(browser, tmp_path / "second")
        assert browser.value(LEAVING)

    run = corpus("audit", None, "--step", "generate", "--verdicts", first_file)
    assert run.status == 0 and "3 records judged: Ann 3" in run.out
    told = place.rows("SELECT row, annotator, verdict, kind, note FROM verdicts")
    expected = [("right", "", ""), ("wrong", "answer", "jk r"), ("unclear", "", "")]
    assert sorted(told) == sorted((order[n], "Ann", *one) for n, one in zip((0, 1, 3), expected, strict=True))
    assert corpus("audit", None, "--step", "generate", "--verdicts", second_file).status == 0  # the fourth
    assert len(place.rows("SELECT * FROM verdicts")) == 4

    assert corpus("reannotate", None, "--verdicts", changes).status == 0
    changed = parse_example(place.records("reannotated.jsonl")[0])
    before = parse_example(records[0])
    assert (changed.answer, changed.options, changed.rationale) == ("B", before.options, None)
    assert "Look: " in changed.question and before.question in changed.question.replace("Look: ", "")


def test_verdicts_come_to_figures_and_open_ones_to_a_page(place, corpus, demo, tmp_path):
    records = write_records(place, demo, "generated.jsonl")[:10]
    ann = saved(tmp_path, "Ann", records, verdicts(*["right"] * 7, "answer", "rationale", "unclear"))
    ben = saved(tmp_path, "Ben", records[:8], verdicts(*["right"] * 6, "other", "options"))
    run = corpus("audit", None, "--step", "generate", "--verdicts", ann, ben)
    assert corpus("audit", None, "--step", "generate", "--verdicts", ben, ann).out == run.out  # the same again
    # scipy 1.18: binomtest(2, 8).proportion_ci(0.95, "exact") is 0.0319 to 0.6509
    interval_of_two = "2 of 8, 25.0% (95% interval 3.2% to 65.1%)"
    assert f"wrong: {interval_of_two}" in run.out and f"generate by oracle: {interval_of_two}" in run.out
    assert [line.split(":")[0] for line in run.out.splitlines() if line.startswith("  ")][:3] == [
        "  answer", "  options", "  rationale",
    ]  # fmt: skip
    assert "1 unclear and 1 undecided" in run.out and "if all those are wrong: 4 of 10" in run.out
    # By hand: of 8 pairs one differs, and of their 16 verdicts 13 are right and 3 wrong.
    expected = 1 - (2 / 16) / (2 * 13 * 3 / (16 * 15))
    assert f"8 records have several verdicts, 1 differ; Krippendorff's alpha is {expected:.3f}" in run.out
    assert f"{records[6]['id']}: Ann right, Ben other; so open" in run.out
    page = (place.output / "generated.undecided.html").read_text(encoding="utf-8")
    assert re.findall('data-record="(.*?)"', page) == [records[6]["id"]]

    eve = saved(tmp_path, "Eve", records[6:7], verdicts("right"))
    assert "wrong: 2 of 9" in corpus("audit", None, "--step", "generate", "--verdicts", eve).out

    changed = [{**record, "question": "Which?"} for record in records[:1]] + records[1:]
    (place.output / "generated.jsonl").write_text("\n".join(map(json.dumps, changed)), encoding="utf-8")
    run = corpus("audit", None, "--step", "generate")
    assert "1 records that were judged are no longer" in run.out and "9 records judged" in run.out
    strange = tmp_path / "strange.json"
    for text, word in (("{", "the file: Invalid JSON"), (Path(ben).read_text().replace("other", "<b>"), "verdict")):
        strange.write_text(text, encoding="utf-8")
        run = corpus("audit", None, "--step", "generate", "--verdicts", str(strange))
        assert run.status == 2 and word in run.err and run.err.count("\n") == 1
    before = place.rows("SELECT * FROM verdicts")
    run = corpus("audit", None, "--step", "generate", "--verdicts", eve, ann)
    assert run.status == 2 and records[0]["id"] in run.err and run.err.count("\n") == 1
    assert place.rows("SELECT * FROM verdicts") == before


def test_a_model_is_chosen_by_the_cost_of_a_row_that_survives(place, corpus, demo, tmp_path):
    candidates = []
    for name, usd, rows, wrong in (("small", 0.3, 4, 1), ("large", 0.9, 6, 0)):
        place.output = tmp_path / name
        records = write_records(place, demo, "verified.jsonl", rows)
        ledger = Ledger(place.output / "ledger.sqlite")
        for step in ("generate", "verify", "probe"):
            ledger.open(f"{name} {step}", step, "oracle", "", 0, Cost(600, usd))  # what a later step costs is left out
        ledger.close()
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


def test_what_people_change_is_probed_again_and_nothing_else(place, corpus, demo, tmp_path):
    videos = (demo / "list.jsonl").read_text(encoding="utf-8").splitlines()[:8]
    (tmp_path / "some.jsonl").write_text("\n".join(videos), encoding="utf-8")
    with serve_oracle(20, 3, Faults(single_frame=0.3)) as server:
        corpus("generate", server, videos=str(tmp_path / "some.jsonl"))
        generated = place.output / "generated.jsonl"
        assert corpus("probe", server, "--input", str(generated)).status == 0
        kept = {record["id"] for record in place.records("probed.jsonl")}
        solved = [record for record in place.records("generated.jsonl") if record["id"] not in kept]
        assert len(solved) >= 3 and corpus("reannotate", server).status == 2  # validated.jsonl: not what was probed
        assert corpus("reannotate", server, "--input", str(generated)).status == 0
        page = (place.output / "reannotated.html").read_text(encoding="utf-8")
        assert re.findall('data-record="(.*?)"', page) == [record["id"] for record in solved]

        entries = [
            {
                "question": f"{record['question']} Say so.",
                "options": "\n".join(option[3:] for option in record["options"]),
                "answer": record["answer"],
            }
            for record in solved[:2]
        ]
        flags = ["--input", str(generated), "--verdicts"]
        bad = saved(tmp_path, "bad", solved[:1], [{**entries[0], "options": "one"}], "reannotate")
        run = corpus("reannotate", server, *flags, bad)
        assert run.status == 2 and solved[0]["id"] in run.err and not (place.output / "reannotated.jsonl").exists()
        ann = saved(tmp_path, "Ann", solved[:2], entries, "reannotate")
        other = saved(tmp_path, "Ben", solved[:1], [{**entries[0], "answer": "nothing"}], "reannotate")
        run = corpus("reannotate", server, *flags, ann, other)
        assert run.status == 2 and "differently" in run.err
        assert corpus("reannotate", server, *flags, ann).status == 0
        changed = place.records("reannotated.jsonl")
        log = [record["provenance"].get("reannotate") for record in changed]
        assert [one for one in log if one] == [
            [{"by": "Ann", "note": "", "was": {"question": record["question"]}}] for record in solved[:2]
        ]
        server.sent.clear()
        assert corpus("probe", server, "--input", str(place.output / "reannotated.jsonl")).status == 0
        asked = server.sent.total()
        assert 2 * 3 <= asked <= 2 * 9  # of the others the ledger has the answers
    again = {record["id"] for record in place.records("probed.jsonl")}
    assert kept < again <= kept | {record["id"] for record in solved[:2]}
