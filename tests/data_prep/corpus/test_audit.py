"""`videokr corpus audit` and `reannotate`: a page for people, and what they say read back."""

import json
import re
import time
from pathlib import Path

import pytest

pytest.importorskip("openai")

from annotators import saved, verdicts, write_records
from chromium import find_chromium, started
from demo_oracle import Faults, serve_oracle

from data_prep.corpus.audit.sample import draw
from videokr.example import parse_example

in_chromium = pytest.mark.skipif(find_chromium() is None, reason="needs Chromium")


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

    (tmp_path / "other").mkdir()
    namesake = saved(tmp_path / "other", "Ann", records[:3], verdicts("right", "answer", "options"))
    before = place.rows("SELECT * FROM verdicts")
    run = corpus("audit", None, "--step", "generate", "--verdicts", namesake)
    assert "2 verdicts replaced by others of the same annotator" in run.out
    assert corpus("audit", None, "--step", "generate", "--verdicts", ann).status == 0
    assert place.rows("SELECT * FROM verdicts") == before
    twice = saved(tmp_path / "other", "Ann", records[:1] * 2, verdicts("right", "answer"))
    run = corpus("audit", None, "--step", "generate", "--verdicts", twice)
    assert run.status == 2 and f"two verdicts on record '{records[0]['id']}'" in run.err
    run = corpus("audit", None, "--step", "generate", "--sample", "13")
    assert "has 12 records, and 13 were asked for" in run.out

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
        for options in ("one", "a\nA\nb\nc"):
            bad = saved(tmp_path, "bad", solved[:1], [{**entries[0], "options": options}], "reannotate")
            run = corpus("reannotate", server, *flags, bad)
            assert run.status == 2 and solved[0]["id"] in run.err and not (place.output / "reannotated.jsonl").exists()
        ann = saved(tmp_path, "Ann", solved[:2], entries, "reannotate")
        other = saved(tmp_path, "Ben", solved[:1], [{**entries[0], "answer": "nothing"}], "reannotate")
        run = corpus("reannotate", server, *flags, ann, other)
        assert run.status == 2 and "differently" in run.err
        assert corpus("reannotate", server, *flags, ann).status == 0
        changed = place.records("reannotated.jsonl")
        log = [record["provenance"].get("reannotate") for record in changed]
        assert [one["changes"] for one in log if one] == [
            [{"by": "Ann", "note": "", "was": {"question": record["question"]}}] for record in solved[:2]
        ]
        server.sent.clear()
        assert corpus("probe", server, "--input", str(place.output / "reannotated.jsonl")).status == 0
        asked = server.sent.total()
        assert 2 * 3 <= asked <= 2 * 9  # of the others the ledger has the answers
    again = {record["id"] for record in place.records("probed.jsonl")}
    assert kept < again <= kept | {record["id"] for record in solved[:2]}

    for flags in (["--sample", "-3"], ["--sample", "0"], ["--sample", "2", "--verdicts", "none.json"]):
        assert corpus("audit", None, "--step", "probe", *flags).status == 2
    said = verdicts("right", "other", "right", "unclear")
    judged = saved(tmp_path, "Ann", place.records("probed.jsonl")[:4], said, "probe")
    assert corpus("audit", None, "--step", "probe", "--verdicts", judged).status == 0
    assert corpus("benchmark", None, benchmark={"name": "mine", "version": "1.0"}).status == 0
    sheet = (place.output / "benchmark" / "mine" / "1.0" / "README.md").read_text(encoding="utf-8")
    # scipy 1.18: binomtest(1, 3).proportion_ci(0.95, "exact")
    assert re.search(r"probe; 1 more .*\| 1 of 3 \| 33.3% \| 0.8% to 90.6% \|", sheet)
    assert re.search(r"reannotate +\| people", sheet)
