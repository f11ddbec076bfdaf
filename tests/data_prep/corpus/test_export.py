"""`videokr corpus export`: which side a row goes to, what it cost, and whether the card says what is in the files."""

import json
import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("openai")

from corpus_place import SEED, VIDEOS
from demo_oracle import Faults, serve_oracle
from panned_clips import pan, write_clip, write_records

from data_prep.corpus.expense import expense
from data_prep.corpus.ledger import Cost, Ledger
from videokr.__main__ import main
from videokr.jsonl import read_examples

STEPS = ("generate", "verify", "dependency", "rationale")
OUTPUTS = ("sft.jsonl", "rl.jsonl", "together.jsonl", "README.md")


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def written(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


def tables(page: str) -> dict[str, list[list[str]]]:
    """The tables of a Markdown text, without marks, by their first cell."""
    found: dict[str, list[list[str]]] = {}
    for block in re.findall(r"(?:^\|.*\|\n?)+", page, re.M):
        head, _, *rows = [
            [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in line.strip("|").split(" | ")]
            for line in block.splitlines()
        ]
        found.setdefault(head[0], []).extend(rows)
    return found


# Splits

ORIGINALS = 6


@pytest.fixture(scope="module")
def copies(tmp_path_factory) -> dict[int, list[str]]:
    """Names of the clips, by what stays together: copies (crushed, mirrored, faster), and parts of one hosted video."""
    root = tmp_path_factory.mktemp("copies")
    names = {number: [f"a{number}.mp4"] for number in range(ORIGINALS)}
    for number in range(ORIGINALS):
        write_clip(root / f"a{number}.mp4", pan(number))
    write_clip(root / "b0.mp4", pan(0), crf="36", preset="medium")
    write_clip(root / "c0.mp4", (frame[:, ::-1] for frame in pan(0)))
    write_clip(root / "b1.mp4", (frame[:, ::-1] for frame in pan(1)))
    write_clip(root / "b2.mp4", pan(2), rate=10)
    for name in ("b0.mp4", "c0.mp4", "b1.mp4", "b2.mp4"):
        names[int(name[1])].append(name)
    names[ORIGINALS] = ["dQw4w9WgXcQ_10_13.mp4", "dQw4w9WgXcQ_60_63.mp4"]
    for number, name in enumerate(names[ORIGINALS]):
        write_clip(root / name, pan(ORIGINALS + number, 3))
    names[ORIGINALS + 1] = ["e.mp4", "f.mp4"]  # the same bytes, and too short to be compared by hashes
    write_clip(root / "e.mp4", pan(ORIGINALS + 2, 3))
    shutil.copy(root / "e.mp4", root / "f.mp4")
    names[-1] = [str(root)]
    return names


@pytest.fixture
def clips(copies, place) -> list[list[str]]:
    """A corpus with a record about each of the clips; their names, by what they show."""
    place.settings["video_dir"] = copies[-1][0]
    place.output.mkdir()
    groups = [own for number, own in copies.items() if number >= 0]
    write_records(place.output / "validated.jsonl", *(name for own in groups for name in own), think="It is seen.")
    return groups


def sides(folder: Path) -> dict[str, str]:
    found = [(row["videos"][0], side) for side in ("sft", "rl") for row in read(folder / f"{side}.jsonl")]
    assert len(found) == len(dict(found))
    return dict(found)


def test_copies_stay_on_one_side_and_a_video_more_moves_none(place, corpus, clips):
    folder = place.output / "export"
    drawn = []
    for seed in range(4):
        assert corpus("export", None, seed=seed, rl_share=0.5).status == 0
        drawn.append(sides(folder))
        assert set(drawn[-1]) == {name for own in clips for name in own}
        assert all(len({drawn[-1][name] for name in own}) == 1 for own in clips)
        assert [row["videos"] for row in read(folder / "together.jsonl")] == [own for own in clips if len(own) > 1]
    assert len({tuple(one.items()) for one in drawn}) > 1
    before = written(folder)
    assert corpus("export", None).status == 0 and written(folder) == before
    page = before["README.md"].decode()
    assert "Not done: no benchmark" in page and "Videos of the largest: 3." in page
    assert "4 videos show fewer than 5 seconds" in page
    assert {row[0]: row[3:5] for row in tables(page)["file"]}.keys() == {"sft.jsonl", "rl.jsonl"}
    assert sum(int(row[3]) for row in tables(page)["file"]) == len(clips)
    assert sum(int(row[4]) for row in tables(page)["file"]) == 5

    few = [name for own in clips[1:] for name in own]  # as it was before these videos came
    write_records(place.output / "validated.jsonl", *few, think="It is seen.")
    assert corpus("export", None).status == 0
    assert sides(folder) == {name: side for name, side in drawn[-1].items() if name in few}


def test_what_decontamination_left_is_exported_and_not_another_state_of_it(place, corpus, clips, tmp_path):
    source, videos = place.output / "validated.jsonl", place.settings["video_dir"]
    clean = tmp_path / "clean"
    write_records(tmp_path / "b.jsonl", clips[0][1])  # the benchmark holds a copy of the first three
    given = ["--train", source, "--videos", videos, "--eval", tmp_path / "b.jsonl", "--eval-videos", videos]
    missing = corpus("export", None, decontaminated=str(clean))
    assert missing.status == 2 and "run videokr decontaminate" in missing.err
    flags = ["decontaminate", *given, "--output", clean, "--fingerprints", place.output / "fingerprints"]
    assert main(list(map(str, flags))) == 0
    assert corpus("export", None, rl_share=0.5).status == 0
    assert set(sides(place.output / "export")) == {name for own in clips[1:] for name in own}
    page = (place.output / "export" / "README.md").read_text(encoding="utf-8")
    assert "removed 3 records" in page and ["near-duplicate", "3"] in tables(page)["match"]
    with source.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "late", "question": "Q?", "answer": "x", "video": clips[3][0]}) + "\n")
    stale = corpus("export", None)
    assert stale.status == 2 and "run videokr decontaminate again" in stale.err


def test_a_video_that_cannot_be_compared_and_an_id_that_comes_twice_are_named(place, corpus, clips):
    source = place.output / "validated.jsonl"
    whole = source.read_text(encoding="utf-8")
    source.write_text(whole + '{"id": "new", "question": "Q?", "answer": "x", "video": "gone.mp4"}\n', encoding="utf-8")
    said = corpus("export", None)
    assert said.status == 2 and "'gone.mp4'" in said.err and not (place.output / "export").exists()
    source.write_text(whole + whole, encoding="utf-8")
    said = corpus("export", None)
    assert said.status == 2 and "comes twice" in said.err


# Costs and the card

FEW = 10  # videos


@pytest.fixture
def few(demo, place) -> None:
    lines = (demo / "list.jsonl").read_text(encoding="utf-8").splitlines()[:FEW]
    place.settings["videos"] = str(place.folder / "few.jsonl")
    (place.folder / "few.jsonl").write_text("\n".join(lines), encoding="utf-8")


def test_costs_and_the_card_are_what_files_and_ledgers_say(demo, place, corpus, few):
    faults = Faults(garbage=0.05, wrong_questions=0.1, needs_no_video=0.1, broken_rationales=0.1)
    with serve_oracle(VIDEOS, SEED, faults) as server:
        assert [corpus(step, server).status for step in STEPS] == [0] * len(STEPS)
    records = place.records("validated.jsonl")
    with closing(sqlite3.connect(place.output / "ledger.sqlite")) as ledger, ledger:  # a request that a kill cut off
        killed = ("INSERT INTO requests (key, step, model, row, attempt, tokens, usd) SELECT key, step, model, row, "
                  "attempt, 999, 0.5 FROM requests WHERE row = ? AND step = 'rationale'")  # fmt: skip
        assert ledger.execute(killed, (records[0]["id"],)).rowcount
        other_run = killed.replace("SELECT key", "SELECT 'of another seed'").replace("= 'rationale'", "= 'verify'")
        assert ledger.execute(other_run, (records[0]["id"],)).rowcount
    for number, record in enumerate(records[:9]):
        record["license"] = ("CC BY 4.0", "CC BY-SA 4.0 | <b>")[number % 2]
    (place.output / "validated.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    assert corpus("export", None).status == 0
    folder = place.output / "export"
    rows = {side: read(folder / f"{side}.jsonl") for side in ("sft", "rl")}
    both = rows["sft"] + rows["rl"]
    assert sorted(row["id"] for row in both) == sorted(record["id"] for record in records)
    by_id = {record["id"]: record for record in records}
    for row in rows["sft"]:
        assert {**row, "cost": None} == {**by_id[row["id"]], "cost": None}
    for row in rows["rl"]:
        assert {**row, "cost": None, "think": by_id[row["id"]]["think"]} == {**by_id[row["id"]], "cost": None}

    named = {key for row in both for made in row["provenance"].values() for key in made["calls"]}
    requests = place.rows("SELECT key, row, step, model, tokens, usd, reply IS NULL FROM requests")
    paid = [one for one in requests if one[0] in named]
    assert len(named) < len(paid) < len(requests)  # one was asked again; rows that were dropped cost, too
    tries = [len(made["calls"]) for row in both for step, made in row["provenance"].items() if step != "dependency"]
    assert set(tries) >= {1, 2}  # garbage, which was asked again, is the row's
    assert sum(row["cost"]["tokens"] for row in both) == sum(one[4] for one in paid)
    assert sum(row["cost"]["usd"] for row in both) == pytest.approx(sum(one[5] for one in paid), abs=1e-7)
    alone = [row for row in both if not shared(row, both)]
    assert alone and len(alone) < len(both)
    for row in alone:
        own = {key for made in row["provenance"].values() for key in made["calls"]}
        assert row["cost"]["tokens"] == sum(one[4] for one in requests if one[0] in own)

    found = tables((folder / "README.md").read_text(encoding="utf-8"))
    for field, corner in (("problem_type", "kind"), ("discipline", "discipline"), ("task_type", "task_type")):
        own = {side: Counter(row[field] for row in rows[side]) for side in rows}
        assert {row[0]: [int(cell) for cell in row[1:]] for row in found[corner]} == {
            value: [own["sft"][value], own["rl"][value], own["sft"][value] + own["rl"][value]]
            for value in own["sft"] | own["rl"]
        }
    assert {row[0]: int(row[3]) for row in found["license"]} == {
        "(none)": len(both) - 9, "CC BY 4.0": 5, "CC BY-SA 4.0 | &lt;b&gt;": 4
    }  # fmt: skip
    for row in found["file"]:
        side = rows[row[0].removesuffix(".jsonl")]
        assert [int(cell) for cell in row[1:3]] == [len(side), len({one["videos"][0] for one in side})]
    by_step = dict(zip(STEPS, ("generated", "verified", "dependent", "validated"), strict=True))
    step, drops = "", {name: Counter() for name in STEPS}
    for row in found["step"]:
        if row[0] in by_step and len(row) == 5 and "of" in row[3]:
            step = row[0]
            assert int(row[2]) == len(place.records(f"{by_step[step]}.jsonl"))
        elif not row[0]:
            drops[step][row[4]] += int(row[3])
    for name, output in by_step.items():
        listed = place.output / f"{output}.left_out.jsonl"
        assert drops[name] == Counter(row["reason"] for row in read(listed)) if listed.exists() else not drops[name]
    spent = {tuple(row[0].split(", ")): row[1:] for row in found["step and model"]}
    for (step, *model), (number, unanswered, tokens, usd) in spent.items():
        own = [one for one in requests if step == "all" or [one[2], one[3]] == [step, *model]]
        assert [int(cell.replace(",", "")) for cell in (number, unanswered, tokens)] == [
            len(own), sum(one[6] for one in own), sum(one[4] for one in own)
        ]  # fmt: skip
        assert float(usd) == pytest.approx(sum(one[5] for one in own), abs=6e-5)
    assert len(spent) == 6  # two models judge dependency

    dependent = [one for one in place.records("dependent.jsonl") if one["id"] != records[0]["id"]]
    (place.output / "dependent.jsonl").write_text("\n".join(map(json.dumps, dependent)) + "\n", encoding="utf-8")
    stale = f"1 records of '{place.output / 'validated.jsonl'}' are not made of '{place.output / 'dependent.jsonl'}'"
    assert stale in corpus("export", None).out

    sft = ["prepare", "sft", "--input", folder / "sft.jsonl", "--media-dir", demo, "--output", place.folder / "s.json"]
    assert main(list(map(str, sft))) == 0
    assert len(json.loads((place.folder / "s.json").read_text(encoding="utf-8"))) == len(rows["sft"])
    rl = ["--input-json", folder / "rl.jsonl", "--video-base-dir", demo, "--output-dir", place.folder / "rl"]
    assert main(["prepare", "rl", *map(str, rl), "--val-size", "6", "--together", str(folder / "together.jsonl")]) == 0
    assert all(example.rationale is None for example in read_examples(folder / "rl.jsonl"))


def test_a_call_of_several_rows_is_paid_by_them_in_equal_shares(tmp_path):
    """And one that no row names by none, whomever it was made for: its id is the same in a run that was given up."""
    sent = [("first", "a", 100), ("both", "dropped", 31), ("garbage", "b", 7), ("other", "dropped", 1_000)]
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        for key, row, tokens in sent:
            number = ledger.open(key, "verify", "m", row, 0, Cost(9_999, 9.0))
            ledger.keep(number, "{}")
            ledger.charge(number, tokens - 1, 1, tokens / 100)
        ledger.open("both", "verify", "m", "dropped", 0, Cost(10, 0.1))  # cut off by a kill
    rows = {"a": ["first", "both"], "b": ["both"], "by hand": [], "elsewhere": ["first", "not here"]}
    found = expense([tmp_path / "ledger.sqlite"], rows)
    assert found.rows == {"a": Cost(71, 0.705), "b": Cost(20, 0.205), "by hand": None, "elsewhere": None}
    assert [(one.number, one.unanswered, one.tokens) for one in found.requests.values()] == [(5, 1, 1148)]


def shared(row: dict, rows: list[dict]) -> bool:
    """Whether another row names one of its calls."""
    own = {key for made in row["provenance"].values() for key in made["calls"]}
    others = (one for one in rows if one["id"] != row["id"])
    return any(not own.isdisjoint(made["calls"]) for one in others for made in one["provenance"].values())


def test_shards_have_ledgers_of_their_own_and_one_that_is_gone_leaves_costs_unknown(place, corpus, few):
    with serve_oracle(VIDEOS, SEED, Faults(wrong_questions=0.2)) as server:
        for shard in ("0/2", "1/2"):
            assert [corpus(step, server, "--shard", shard).status for step in STEPS[:2]] == [0, 0]
    parts = [place.output / f"verified.{number}-of-2.jsonl" for number in range(2)]
    cat, verified = f"cat {parts[0]} {parts[1]} > ", place.output / "verified.jsonl"
    for flags in (["dependency"], ["audit", "--step", "verify"], ["dependency", "--shard", "0/3"]):
        refused = corpus(flags[0], None, *flags[1:])
        assert refused.status == 2 and f"{cat}{verified}" in refused.err
    lists = place.folder / "list.0-of-2.jsonl"
    lists.write_text("{}", encoding="utf-8")
    refused = corpus("generate", None, videos=str(place.folder / "list.jsonl"))
    assert refused.status == 2 and "only list.0-of-2.jsonl are here" in refused.err
    place.settings["videos"] = str(place.folder / "few.jsonl")

    verified.write_bytes(b"".join(part.read_bytes() for part in parts))
    of_shard = []
    for number in range(2):
        with closing(sqlite3.connect(place.output / f"ledger.{number}-of-2.sqlite")) as ledger:
            of_shard += ledger.execute("SELECT SUM(tokens) FROM requests").fetchone()
    tokens = sum(of_shard)
    for shard, spent in (("0/1", tokens), ("0/2", of_shard[0]), ("0/3", tokens // 3)):  # its part of what others spent
        said = corpus("dependency", None, "--dry-run", "--shard", shard, "--input", str(verified))
        assert f"spent so far   {spent:,} tokens" in said.out
        assert "rows of all shards" in said.out or shard == "0/1"
    poor = corpus("dependency", None, budget={"usd": 10, "tokens": tokens + 99})
    assert poor.status == 2 and "the budget is spent" in poor.err
    verified.unlink()

    whole = place.output / "validated.jsonl"
    said = corpus("export", None)
    assert said.status == 2 and "run `videokr corpus rationale` first" in said.err
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert corpus("export", None).status == 0
    folder = place.output / "export"
    rows = read(folder / "sft.jsonl") + read(folder / "rl.jsonl")
    assert all(row["cost"]["tokens"] > 0 for row in rows)
    page = (folder / "README.md").read_text(encoding="utf-8")
    dropped = sum(len(read(path)) for path in place.output.glob("verified.*.left_out.jsonl"))
    assert ["verify", "questions", f"{len(rows)}", f"{dropped} of {FEW * 6}", ""] in tables(page)["step"] and dropped
    assert ["dependency", "questions", "unknown", "unknown", "not all files of this step are here"] in tables(page)[
        "step"
    ]

    (place.output / "ledger.1-of-2.sqlite").unlink()
    (place.output / "generated.1-of-2.jsonl").unlink()
    assert corpus("export", None).status == 0
    lost = {row["id"] for row in read(parts[1])}
    after = read(folder / "sft.jsonl") + read(folder / "rl.jsonl")
    assert lost and {row["id"] for row in after if row["cost"] is None} == lost
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert f"What {len(lost)} rows took is unknown" in page
    assert tables(page)["step"][0][:3] == ["generate", "questions", "unknown"]
