"""`videokr decontaminate`: what a copy went through, names, questions, files that are cleaned, and faults."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from chromium import find_chromium, started
from faulty_videos import FAULTS, write_faulty_videos
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_clips import turn
from panned_clips import DRAWN_SECONDS, HEIGHT, RATE, WIDTH, cloud, draw, pan, write_clip, write_records

from benchmarks.video_copies import COPIES
from data_prep.decontamination import comparison, fingerprint, pictures
from data_prep.decontamination.alignment import align
from data_prep.decontamination.candidates import SPEEDS, BenchmarkIndex, Candidate
from data_prep.decontamination.fingerprint import Fingerprint, FingerprintStore, Reader
from data_prep.decontamination.pictures import (
    MIRRORED_REGIONS,
    REGIONS,
    SCALES,
    SIDE,
    WHOLE,
    Box,
    hash_crops,
    mirror_hashes,
    picture_box,
    read_pictures,
)
from data_prep.decontamination.texts import (
    MAX_BENCHMARK_HOLDERS,
    MAX_TRAIN_HOLDERS,
    QuestionIndex,
    holders_by_id,
    video_ids,
)
from data_prep.engine import Workers
from videokr.__main__ import main
from videokr.errors import UserError
from videokr.example import parse_example
from videokr.video.timeline import VideoError

NOT_COMPARED = 3
OUTPUTS = ("t.jsonl", "matches.jsonl", "together.jsonl", "report.html")
SLACK_SECONDS = 1.5


def flags(root: Path, *more: object, output: str = "out", train: str = "t.jsonl") -> list[str]:
    """Of a root that holds t.jsonl, b.jsonl and the folders t and b."""
    sides = ["--train", root / train, "--videos", root / "t", "--eval", root / "b.jsonl", "--eval-videos", root / "b"]
    return ["decontaminate", *map(str, (*sides, "--output", root / output, *more))]


def run(*given: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "videokr", *given]
    return subprocess.run(command, capture_output=True, text=True, check=False, **settings)


def matches_of(output: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (output / "matches.jsonl").read_bytes().splitlines()]


def videos_of(file: Path) -> list[str]:
    return [video for line in file.read_bytes().splitlines() for video in orjson.loads(line)["videos"]]


def written(output: Path) -> dict[str, bytes]:
    return {name: (output / name).read_bytes() for name in OUTPUTS}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """t.jsonl about four videos, of which a crushed, a mirrored and a faster one are copies of those of b.jsonl."""
    root = tmp_path_factory.mktemp("clips")
    for number in range(3):
        write_clip(root / "b" / f"{number}.mp4", pan(number))
    write_clip(root / "t" / "0c.mp4", pan(0), crf="36", preset="medium")
    write_clip(root / "t" / "1m.mp4", (frame[:, ::-1] for frame in pan(1)))
    write_clip(root / "t" / "2f.mp4", pan(2), rate=10)
    write_clip(root / "t" / "9.mp4", pan(9))
    write_records(root / "t.jsonl", "0c.mp4", "1m.mp4", "2f.mp4", "9.mp4")
    write_records(root / "b.jsonl", "0.mp4", "1.mp4", "2.mp4")
    return root


@pytest.fixture
def own(clips: Path, tmp_path: Path) -> Path:
    """The same, for a test that changes it; with no videos of its own."""
    for name in ("t", "b"):
        (tmp_path / name).mkdir()
        for video in (clips / name).iterdir():
            (tmp_path / name / video.name).hardlink_to(video)
        (tmp_path / f"{name}.jsonl").write_bytes((clips / f"{name}.jsonl").read_bytes())
    return tmp_path


@pytest.fixture(scope="module")
def straight(clips: Path) -> Path:
    """What a run over `clips` writes that nothing disturbs."""
    assert main(flags(clips, output="straight")) == 0
    return clips / "straight"


# Copies

FULL, PART = "landscape", "screencast"
OF_PART = ("mirrored", "excerpt")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The matches of each training video: copies of two originals, decks of one template, talks of one studio."""
    root = tmp_path_factory.mktemp("drawn")
    copies = [(FULL, 100, copy) for copy in COPIES] + [(PART, 101, copy) for copy in OF_PART]
    names: dict[str, dict[str, tuple[str, int, str | None]]] = {
        "t": {f"{kind}, {copy}.mp4": (kind, seed, copy) for kind, seed, copy in copies}
        | {"slides.mp4": ("slides", 102, None), "studio.mp4": ("studio", 103, None)},
        "b": {f"{FULL}.mp4": (FULL, 100, None), f"{PART}.mp4": (PART, 101, None)}
        | {"deck.mp4": ("slides", 104, None), "talk.mp4": ("studio", 105, None)},
    }
    for side, own in names.items():
        (root / side).mkdir()
        write_records(root / f"{side}.jsonl", *own)
    with ProcessPoolExecutor(2) as pool:
        jobs = [(root / side / name, *drawing) for side, own in names.items() for name, drawing in own.items()]
        list(pool.map(draw, jobs))
    assert main(flags(root)) == 0
    found: dict[str, list[dict[str, Any]]] = {}
    for match in matches_of(root / "out"):
        found.setdefault(match["train"], []).append(match)
    found["kept"] = [{"train": video} for video in videos_of(root / "out" / "t.jsonl")]
    return found


@pytest.mark.parametrize(("kind", "copy"), [(FULL, copy) for copy in COPIES] + [(PART, copy) for copy in OF_PART])
def test_every_copy_is_found_where_it_is(drawn, kind, copy):
    (match,) = drawn[f"{kind}, {copy}.mp4"]
    assert match["kind"] == "near-duplicate" and match["benchmark"] == f"{kind}.mp4"
    assert match["is_mirrored"] == (copy == "mirrored")
    speed = 1.25 if copy == "1.25x" else 1.0
    first, last = match["train_seconds"]
    assert last - first >= 15
    for own, other in zip((first, last), match["benchmark_seconds"], strict=True):
        assert abs(speed * own - other) < SLACK_SECONDS
    if copy == "excerpt":
        assert first >= 7 - 5 and last <= DRAWN_SECONDS


def test_what_one_template_and_one_studio_have_in_common_is_no_copy(drawn):
    for name in ("slides.mp4", "studio.mp4"):
        assert {match["kind"] for match in drawn.get(name, [])} <= {"possible near-duplicate"}
    assert [row["train"] for row in drawn["kept"]] == ["slides.mp4", "studio.mp4"]


def test_small_clips_are_found_and_their_rows_left_out(clips, straight):
    assert [(match["train"], match["benchmark"], match["speed"], match["is_mirrored"])
            for match in matches_of(straight)] == [
        ("0c.mp4", "0.mp4", 1.0, False), ("1m.mp4", "1.mp4", 1.0, True), ("2f.mp4", "2.mp4", 1.25, False)
    ]  # fmt: skip
    assert videos_of(straight / "t.jsonl") == ["9.mp4"]
    for name, content in written(straight).items():
        assert str(clips).encode() not in content, name


def test_a_video_that_both_sides_call_the_same(tmp_path):
    """By pictures, as so short a name is no id; and each side's own pictures are shown, at its own times."""
    write_clip(tmp_path / "b" / "1.mp4", pan(1))
    write_clip(tmp_path / "t" / "1.mp4", (frame[:, ::-1] for frame in pan(1)))
    write_clip(tmp_path / "t" / "2.mp4", pan(1), rate=10)
    write_records(tmp_path / "t.jsonl", "1.mp4", "2.mp4")
    write_records(tmp_path / "b.jsonl", "1.mp4")
    assert main(flags(tmp_path)) == 0
    found = matches_of(tmp_path / "out")
    assert [(match["kind"], match["train"]) for match in found] == [("near-duplicate", f"{n}.mp4") for n in (1, 2)]
    assert (tmp_path / "out" / "report.html").read_text().count("background-image") == 4


def test_short_videos(tmp_path):
    for number, seconds in enumerate((2, 8, 24)):
        write_clip(tmp_path / "b" / f"{number}.mp4", pan(number, seconds))
    write_clip(tmp_path / "t" / "0.mp4", pan(0, 2))
    write_clip(tmp_path / "t" / "1.mp4", pan(1, 24))  # the benchmark's eight seconds are in it
    write_clip(tmp_path / "t" / "2.mp4", list(pan(2, 16))[64:])  # eight seconds of the benchmark's
    for side in ("t", "b"):
        write_records(tmp_path / f"{side}.jsonl", *(f"{number}.mp4" for number in range(3)))
    done = run(*flags(tmp_path))
    assert done.returncode == 0 and "2 videos show fewer than five seconds" in done.stdout, done
    assert [match["train"] for match in matches_of(tmp_path / "out")] == ["1.mp4", "2.mp4"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Too short to compare (2)" in page


# Names

HOSTED = "dQw4w9WgXcQ"


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        (f"{HOSTED}.mp4", {HOSTED}),
        (f"a/b/{HOSTED}.webm", {HOSTED}),
        (f"Title [{HOSTED}].mp4", {HOSTED, f"Title [{HOSTED}]"}),
        ("Bunny [aqz-KE-bpKQ].mp4", {"aqz-KE-bpKQ", "Bunny [aqz-KE-bpKQ]"}),
        (f"{HOSTED}_10_20.mp4", {HOSTED, f"{HOSTED}_10_20"}),
        (f"Some title-{HOSTED}.mkv", {HOSTED, f"Some title-{HOSTED}"}),
        ("-0_AbC3dE_f.mp4", {"-0_AbC3dE_f"}),
        ("validation_Accounting_1.mp4", {"validation_Accounting_1"}),
        ("clip_0012.mp4", set()),
        ("clip_0012_0030.mp4", set()),
        ("000123.mp4", set()),
        ("2023-01-31.mp4", set()),
        ("video.mp4", set()),
        ("original.mp4", set()),
        ("mathematics.mp4", set()),
        ("Engineering.mp4", set()),
        ("Intro to Mathematics.mp4", {"Intro to Mathematics"}),
        ("Lecture_01_intro.mp4", {"Lecture_01_intro"}),
        ("Biology_lecture_01.mp4", {"Biology_lecture_01"}),
        (".mp4", set()),
        ("", set()),
    ],
)
def test_ids_in_names(name, ids):
    assert video_ids(name) == ids


ORDINARY = ("Lecture", "part", "Biology", "intro", "01", "2015", "Week", "Engineering", "mathematics", "CS101", "12",
            "of", "The", "1080p", "Chapter2", "MIT", "electromagnetism", "x264")  # fmt: skip
names = st.tuples(st.sampled_from(" _-"), st.lists(st.sampled_from(ORDINARY), min_size=1, max_size=5)).map(
    lambda drawn: drawn[0].join(drawn[1])
)


@settings(max_examples=300)
@given(names, names)
def test_different_titles_share_no_id(one, other):
    assert one == other or not video_ids(f"{one}.mp4") & video_ids(f"{other}.mp4")


@given(st.from_regex(r"[a-z][A-Z][0-9][A-Za-z0-9_-]{5}[0-9][a-z][A-Z]", fullmatch=True), names)
def test_an_id_is_found_in_every_template(hosted, title):
    for name in (hosted, f"{title} [{hosted}]", f"{hosted}_10_20", f"{title}-{hosted}", f"{title} {hosted}"):
        assert hosted in video_ids(f"folder/{name}.mp4"), name


def test_a_name_that_several_videos_of_a_side_have_is_no_id():
    many = [f"{number}/full video.mp4" for number in range(9)]
    assert holders_by_id(many) == {} and holders_by_id(many[:1]) == {"full video": many[:1]}
    clips_of_one = [f"{HOSTED}_{number}_x.mp4" for number in range(9)]
    assert holders_by_id(clips_of_one)[HOSTED] == clips_of_one


# Questions

ASKED = "Which process turns the light that the camera shows into sugar?"
CHOICES = ["photosynthesis in the chloroplast", "respiration", "osmosis across a membrane", "diffusion"]


def example(question: str, options: list[str] = (), number: int = 0):  # type: ignore[assignment]
    record = {"id": str(number), "question": question, "videos": [f"{number}.mp4"]}
    return parse_example(record | ({"options": list(options), "answer": "A"} if options else {"answer": "x"}))


def overlap(asked: Any, *trained: Any) -> list[float]:
    index = QuestionIndex([asked])
    for line, one in enumerate(trained, start=1):
        index.meet(line, one)
    return [found.share for found in index.matches()]


@pytest.mark.parametrize(
    ("asked", "trained", "is_found"),
    [
        (example(ASKED), example(ASKED), True),
        (example(ASKED), example("which PROCESS turns the light, that the camera shows, into sugar"), True),
        (example(ASKED), example(f"Look closely. {ASKED} Answer in a word."), True),
        (example(ASKED), example("Which process turns the heat that the camera shows into steam?"), False),
        (example(ASKED, CHOICES), example(ASKED, CHOICES), True),
        (example(ASKED, CHOICES), example(ASKED, CHOICES[::-1]), True),
        (example("What is it?", CHOICES), example("What is it?", CHOICES[::-1]), True),
        (example("What is it?", CHOICES), example("What is it?", ["one", "two", "three", "four"]), False),
        (example("What is it?"), example("What is it"), True),
        (example("What is it?"), example("What is it for?"), False),
        (example("The ____ carries the signal to the next cell in this clip."),
         example("The ______ carries the signal to the next cell in this clip"), True),
        (example("这个视频中的实验展示了什么现象\uff1f"), example("这个视频中的实验展示了什么现象?"), True),
        (example("这个视频中的实验展示了什么现象\uff1f"), example("这个视频里的人在做什么\uff1f"), False),
        (example("Что показано в этом видео после смешивания двух растворов?"),
         example("что показано в этом видео — после смешивания двух растворов"), True),
        (example("Qu\u2019est-ce qui change de couleur après la réaction ?"),
         example("Qu'est-ce qui change de couleur apre\u0300s la re\u0301action?"), True),
        (example("\u0915\u094d\u092f\u093e \u0939\u094b\u0924\u093e \u0939\u0948?"),
         example("\u0915\u094d\u092f\u093e \u0939\u094b\u0924\u093e \u0939\u0948"), True),
        (example("???"), example("!!!"), False),
    ],
)  # fmt: skip
def test_questions(asked, trained, is_found):
    assert bool(overlap(asked, trained)) == is_found
    assert overlap(asked, example("Something else altogether, of which nobody has ever asked here?"), trained) == (
        overlap(asked, trained)
    )


def test_a_question_that_many_records_hold_is_a_way_of_asking():
    asked, trained = example("What is shown in the video?"), [example("what is shown in the video")] * MAX_TRAIN_HOLDERS
    assert overlap(asked, *trained) == [1.0] * MAX_TRAIN_HOLDERS
    index = QuestionIndex([asked])
    for line in range(3 * MAX_TRAIN_HOLDERS):
        index.meet(line, trained[0])
    assert index.matches() == [] and len(index._found) <= MAX_TRAIN_HOLDERS


def test_what_many_questions_of_a_benchmark_begin_with_is_not_counted():
    head = "Based on everything that can be seen in the video above, "
    asked = [example(f"{head}what does the author of lecture {n} say of {n} and of {2 * n} then?") for n in range(30)]
    index = QuestionIndex(asked)
    assert len(asked) > MAX_BENCHMARK_HOLDERS
    index.meet(1, example(f"{head}who wins?"))
    index.meet(2, asked[7])
    assert [(found.line, found.benchmark_question) for found in index.matches()] == [(2, asked[7].question)]


# Annotation files

GOOD = b'{"id": "%d", "question": "Own question %d?", "answer": "x", "video": "%d.mp4"}'
TAKEN = b'{"id": "taken", "question": "Own?", "answer": "x", "videos": ["1.mp4", "dQw4w9WgXcQ.mp4"]}'


def good(number: int) -> bytes:
    return GOOD % (number, number, number)


@pytest.fixture
def texts(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Compares a training file with a benchmark by ids and questions; `out` is written."""
    (tmp_path / "t").mkdir()
    (tmp_path / "b").mkdir()
    write_records(tmp_path / "b.jsonl", f"{HOSTED}_1_9.mp4", question=ASKED)

    def compare(content: bytes, *more: str, train: str = "t.jsonl") -> subprocess.CompletedProcess[str]:
        (tmp_path / train).write_bytes(content)
        return run(*flags(tmp_path, "--text-only", *more, train=train))

    return compare


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"\xef\xbb\xbf" + good(1) + b"\r\n\r\n", b"   \n" + good(2), id="BOM, CRLF, no last newline"),
        pytest.param(b"", b"", id="nothing is left"),
        pytest.param(good(1) + b"\n", b"\n\n", id="the last record"),
        pytest.param(b"  " + good(1) + b"  \n" + '{"question": "影?", "answer": 1, "path": "é"}\n'.encode(),
                     good(3)[:-1] + b', "note": "' + b"x" * 10_000_000 + b'"}\n', id="10 MB line"),
    ],
)  # fmt: skip
def test_what_stays_stays_to_the_byte(tmp_path, texts, before, after):
    done = texts(before + TAKEN + b"\n" + after)
    assert done.returncode == 0 and "1 records removed" in done.stdout, done.stderr
    assert (tmp_path / "out" / "t.jsonl").read_bytes() == before + after
    assert not (tmp_path / "out" / "fingerprints").exists()


def test_a_list_stays_a_list(tmp_path, texts):
    odd = json.loads(good(2)) | {"number": 12345678901234567890123, "half": "\ud800", "text": "影"}
    records = [json.loads(good(1)), json.loads(TAKEN), odd]
    done = texts(json.dumps(records, indent=2).encode(), train="t.json")
    assert done.returncode == 0 and "2 written to" in done.stdout, done.stderr
    assert json.loads((tmp_path / "out" / "t.json").read_text()) == [records[0], odd]


def test_records_that_cannot_be_read(tmp_path, texts):
    broken = [b"{oops", b"[1]", b'{"id": 1}', b'{"question": "\xff"}', b'{"question": "Q?", "answer": "x", "video": 3}']
    content = b"\n".join([good(1), *broken, TAKEN, good(2)]) + b"\n"
    done = texts(content)
    assert done.returncode == 2 and "t.jsonl, line 2" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "t.jsonl").exists()
    done = texts(content, "--skip-invalid")
    assert done.returncode == 0, done.stderr
    assert "8 records" in done.stdout and "1 records removed, 2 written" in done.stdout
    for reason in ("not JSON: 1", "not a JSON object: 1", "missing: 1", "not UTF-8 text: 1", "not a path: 1"):
        reason, number = reason.rsplit(": ", 1)
        assert f"left out {number}: " in done.stdout and reason in done.stdout
    assert (tmp_path / "out" / "t.jsonl").read_bytes() == good(1) + b"\n" + good(2) + b"\n"
    listed = tmp_path / "out" / "t.left_out.jsonl"
    assert f"all 5 left out are listed in {listed}" in done.stdout
    faults = [json.loads(line) for line in listed.read_text().splitlines()]
    assert [(fault["line"], fault["field"]) for fault in faults] == [
        (2, "(record)"), (3, "(record)"), (4, "question"), (5, "(record)"), (6, "video"),
    ]  # fmt: skip
    for fault in faults:
        assert f"left out: {tmp_path / 't.jsonl'}, line {fault['line']}: field '{fault['field']}'" in done.stdout
        assert fault["reason"] in done.stdout
    assert texts(content.replace(b"\n".join(broken) + b"\n", b""), "--skip-invalid").returncode == 0
    assert not listed.exists()


def test_questions_are_reported_and_removed_where_that_is_wanted(tmp_path, texts):
    content = good(1) + b"\n" + good(2).replace(b"Own question 2?", ASKED.lower().encode()) + b"\n"
    done = texts(content)
    assert done.returncode == 0 and "0 records removed, 2 written" in done.stdout, done
    (match,) = matches_of(tmp_path / "out")
    assert (match["kind"], match["line"], match["train_id"], match["share"]) == ("question", 2, "2", 1.0)
    assert "1 records removed, 1 written" in texts(content, "--remove-questions").stdout
    assert (tmp_path / "out" / "t.jsonl").read_bytes() == good(1) + b"\n"


def test_a_page_of_huge_questions_stays_small(tmp_path, texts):
    assert texts(good(1).replace(b"Own", ASKED.encode() + b" Own" * 1_000_000) + b"\n").returncode == 0
    assert len(matches_of(tmp_path / "out")) == 1
    assert (tmp_path / "out" / "report.html").stat().st_size < 100_000


def test_what_belongs_together_is_not_split(tmp_path):
    import pyarrow.parquet as pq

    copies = [f"Videos/{name} [{HOSTED}].mp4" for name in "abc"]
    for folder in ("t", "b"):
        (tmp_path / folder).mkdir()
    write_records(tmp_path / "t.jsonl", *copies, *(f"other {number}.mp4" for number in range(20)))
    write_records(tmp_path / "b.jsonl", f"{HOSTED}.mp4")
    assert main(flags(tmp_path, "--text-only")) == 0
    together = tmp_path / "out" / "together.jsonl"
    assert [orjson.loads(line)["videos"] for line in together.read_bytes().splitlines()] == [
        [f"{name} [{HOSTED}].mp4" for name in "abc"]
    ]
    for video in [*copies, *(f"other {number}.mp4" for number in range(20))]:
        (tmp_path / "t" / video).parent.mkdir(exist_ok=True)
        (tmp_path / "t" / video).touch()
    shared = set()
    for seed in range(8):
        rl = tmp_path / f"rl{seed}"
        given = ["--input-json", tmp_path / "t.jsonl", "--video-base-dir", tmp_path / "t", "--output-dir", rl]
        assert main(["prepare", "rl", *map(str, given), "--val-size", "10", "--seed", str(seed), "--workers", "1",
                     "--together", str(together)]) == 0  # fmt: skip
        rows = pq.read_table(rl / "test.parquet").to_pylist()
        shared.add(sum(HOSTED in str(row["videos"]) for row in rows))
    assert shared == {0, 3}


# Faults


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--train", "nowhere.jsonl"], "not there"),
        (["--eval", "t"], "not there"),
        (["--videos", "nowhere"], "give the folder"),
        (["--eval-videos", "t.jsonl"], "give the folder"),
        (["--output", "."], "would overwrite"),
        (["--output", "t.jsonl"], "t.jsonl"),
        (["--eval", "out/report.html"], "would overwrite"),
        (["--eval", "out/t.left_out.jsonl"], "would overwrite"),
        (["--workers", "0"], "positive"),
        (["--workers", "many"], "invalid int"),
        (["--seconds-each", "nan"], "positive"),
        (["--seconds-each", "inf"], "positive"),
        (["--rule", "none"], "invalid choice"),
        (["--engine", "ray"], "ray"),
        (["--train", "empty.jsonl"], "no records"),
        (["--eval", "empty.jsonl"], "no records"),
        (["--eval", "broken.jsonl", "--skip-invalid"], "broken.jsonl, line 1"),
    ],
)
def test_mistakes_end_in_one_line(own, more, says):
    (own / "out").mkdir()
    for name in ("report.html", "t.left_out.jsonl"):
        (own / "out" / name).write_bytes((own / "b.jsonl").read_bytes())
    (own / "empty.jsonl").write_text("\n")
    (own / "broken.jsonl").write_text('{"id": \n')
    given = ["decontaminate", *"--train t.jsonl --videos t --eval b.jsonl --eval-videos b --output out".split(), *more]
    before = (own / "t.jsonl").read_bytes()
    done = run(*given, cwd=own, env={**os.environ, "RAY_ADDRESS": "127.0.0.1:1"})
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("error:") == 1
    assert (own / "t.jsonl").read_bytes() == before and not (own / "out" / "t.jsonl").exists()


def test_the_published_rule_warns(own, capsys):
    assert main(flags(own, "--rule", "published")) == 0
    assert "most unrelated videos" in capsys.readouterr().out
    assert "publication&#39;s rule" in (own / "out" / "report.html").read_text()
    assert {("0c.mp4", "0.mp4"), ("2f.mp4", "2.mp4")} & {(m["train"], m["benchmark"]) for m in matches_of(own / "out")}


def test_killed_and_killed_again_it_writes_the_same_bytes(own):
    for number in range(6):
        (own / "t" / f"copy {number}.mp4").hardlink_to(own / "t" / f"{number % 3}{'cmf'[number % 3]}.mp4")
        (own / "b" / f"other {number}.mp4").hardlink_to(own / "b" / f"{number % 3}.mp4")
    write_records(own / "t.jsonl", "0c.mp4", "1m.mp4", "2f.mp4", "9.mp4", *(f"copy {n}.mp4" for n in range(6)))
    write_records(own / "b.jsonl", *(f"other {n}.mp4" for n in range(6)))
    assert main(flags(own, output="straight")) == 0
    out = own / "out"
    journal, pieces = out / ".matches.jsonl.journal", out / "fingerprints"

    def is_looking(kept: int) -> bool:
        return journal.exists() and journal.stat().st_size > kept + 500

    def kill_when(reached: Callable[[], bool]) -> None:
        command = [sys.executable, "-m", "videokr", *flags(own, "--workers", 1)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not reached():
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL and not (out / "matches.jsonl").exists()

    kill_when(journal.exists)
    kill_when(lambda: bool(list(pieces.glob("train/*.parquet"))))
    for _ in range(2):
        kept = journal.stat().st_size
        kill_when(lambda kept=kept: is_looking(kept))
    assert main(flags(own)) == 0
    assert written(out) == written(own / "straight") and not journal.exists()
    assert len(matches_of(out)) == 18 and not list(out.rglob("*.partial"))


@pytest.mark.parametrize(("most_bytes", "is_hashed"), [(2_000, False), (20_000, True)])
def test_a_full_disk_is_one_line(own, straight, most_bytes, is_hashed):
    """While hashing, and at the page."""
    more = ["--fingerprints", straight / "fingerprints"] if is_hashed else []

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    done = run(*flags(own, *more), preexec_fn=little_room)
    assert done.returncode == 2 and "make room" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("error:") == 1
    assert not any((own / "out" / name).exists() for name in OUTPUTS) and not list(own.rglob("*.partial"))
    assert main(flags(own)) == 0 and videos_of(own / "out" / "t.jsonl") == ["9.mp4"]


def test_a_second_process_is_turned_away(own):
    from data_prep.journal import Journal

    with Journal(own / "out" / "matches.jsonl", {}):
        done = run(*flags(own))
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "in another process" in done.stderr


def rows_of(folder: Path) -> list[str]:
    import pyarrow.parquet as pq

    return sorted(path for piece in folder.glob("*.parquet") for path in pq.read_table(piece)["path"].to_pylist())


def test_a_changed_video_alone_is_hashed_anew(own):
    write_records(own / "t.jsonl", "9.mp4", "gone.mp4")
    assert main(flags(own)) == NOT_COMPARED
    assert matches_of(own / "out") == [] and rows_of(own / "out" / "fingerprints" / "train") == ["9.mp4"]
    (own / "t" / "9.mp4").unlink()
    (own / "t" / "9.mp4").hardlink_to(own / "t" / "1m.mp4")
    (own / "t" / "gone.mp4").hardlink_to(own / "t" / "0c.mp4")
    assert main(flags(own)) == 0
    assert [match["train"] for match in matches_of(own / "out")] == ["9.mp4", "gone.mp4"]
    assert rows_of(own / "out" / "fingerprints" / "train") == ["9.mp4", "9.mp4", "gone.mp4"]
    assert rows_of(own / "out" / "fingerprints" / "benchmark") == ["0.mp4", "1.mp4", "2.mp4"]
    (own / "b" / "1.mp4").unlink()
    (own / "b" / "1.mp4").write_bytes(b"x")
    assert main(flags(own)) == NOT_COMPARED and len(matches_of(own / "out")) == 1


def test_fingerprints_can_be_shared(own, straight, clips, capsys):
    shared = clips / "straight" / "fingerprints"
    before = {piece: piece.stat().st_mtime_ns for piece in shared.rglob("*.parquet")}
    assert main(flags(own, "--fingerprints", shared)) == 0
    assert {piece: piece.stat().st_mtime_ns for piece in shared.rglob("*.parquet")} == before
    assert written(own / "out") == written(straight) and not (own / "out" / "fingerprints").exists()


def test_two_at_once_can_share_fingerprints(own, straight):
    outputs = [own / "one", own / "two"]
    under_way = [
        subprocess.Popen(
            [sys.executable, "-m", "videokr", *flags(own, "--fingerprints", own / "shared", output=output.name)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for output in outputs
    ]  # fmt: skip
    assert [process.communicate()[1] for process in under_way] == ["", ""]
    assert [written(output) for output in outputs] == [written(straight)] * 2


@pytest.mark.parametrize("harm", ["cut", "garbage", "empty", "folder", "other release", "zeroes", "too few hashes"])
def test_fingerprints_that_are_none(own, straight, harm):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (good_piece,) = (straight / "fingerprints" / "benchmark").glob("*.parquet")
    content = good_piece.read_bytes()
    piece = own / "out" / "fingerprints" / "benchmark" / good_piece.name
    piece.parent.mkdir(parents=True)
    if harm == "folder":
        piece.mkdir()
    elif harm == "other release":
        pq.write_table(pa.table({"path": ["0.mp4"]}), piece)
    elif harm == "too few hashes":
        table = pq.read_table(good_piece)
        short = pa.array([hashes[:-8] for hashes in table["hashes"].to_pylist()], pa.binary())
        pq.write_table(table.set_column(table.column_names.index("hashes"), "hashes", short), piece)
    else:
        harmed = {"cut": content[:-9], "garbage": b"PAR1 no", "empty": b"", "zeroes": bytes(300) + content[300:]}
        piece.write_bytes(harmed[harm])
    with pytest.raises(UserError) as caught:
        main(flags(own))
    assert piece.name in str(caught.value) and str(caught.value).endswith("remove it") and "\n" not in str(caught.value)


PARTLY = ("cut, index first.mp4", "cut.mkv", "zeroed in the middle.mp4", "no frames.mp4")  # some frames are there
UNREADABLE = {f"faulty/{name}" for name, (_, level, _) in FAULTS.items() if level and name not in PARTLY}


def test_videos_with_faults_are_named_and_nothing_else_is_lost(own):
    import html

    write_faulty_videos(own / "t" / "faulty")
    (own / "b" / "faulty").symlink_to(own / "t" / "faulty")
    faulty = [f"faulty/{name}" for name in FAULTS]
    write_clip(own / "t" / "black.mp4", (np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in range(80)))
    write_records(own / "t.jsonl", "0c.mp4", *faulty, "black.mp4", "../b/0.mp4", "https://example.org/a.mp4", "9.mp4")
    write_records(own / "b.jsonl", *UNREADABLE, "0.mp4")
    done = run(*flags(own, "--seconds-each", 20))
    assert done.returncode == NOT_COMPARED and "Traceback" not in done.stderr, done.stderr
    page = html.unescape((own / "out" / "report.html").read_text(encoding="utf-8"))
    named, short = page.split("Not compared (")[1].split("Too short to compare (")

    def cells(side: str, text: str) -> set[str]:
        return {name for name in [*faulty, "0.mp4", "0c.mp4", "9.mp4"] if f"<td>{side}</td><td>{name}</td>" in text}

    assert cells("training", named) == UNREADABLE and cells("benchmark", named) == UNREADABLE
    assert "faulty/one frame.mp4" in cells("training", short) and "<td>black.mp4</td>" in short
    assert not cells("training", short) & {"0c.mp4", "9.mp4", "faulty/fine.mp4"}
    assert "../b/0.mp4" in named and "https:/example.org/a.mp4" in named and str(own) not in page
    assert f"{2 * len(UNREADABLE) + 2:,} videos could not be compared" in done.stdout
    kept = videos_of(own / "out" / "t.jsonl")
    assert {"9.mp4", "faulty/fine.mp4"} <= set(kept) and "0c.mp4" not in kept


def test_a_pair_that_cannot_be_looked_at_is_named_and_kept(own, monkeypatch):
    from data_prep.engine import Failure

    monkeypatch.setattr(comparison, "run", lambda task, items, workers: ((item, Failure("hung")) for item in items))
    assert main(flags(own)) == NOT_COMPARED
    assert {match["kind"] for match in matches_of(own / "out")} == {"possible near-duplicate"}
    assert (own / "out" / "t.jsonl").read_bytes() == (own / "t.jsonl").read_bytes()
    page = (own / "out" / "report.html").read_text()
    assert (
        'href="#not-compared"' in page
        and "Not compared (3)" in page
        and "its hashes agree with &#x27;0.mp4" in page.replace("&#39;", "&#x27;")
    )


def test_a_video_that_changes_under_way_is_named(own, monkeypatch):
    complete = FingerprintStore.complete

    def then_touch(self: FingerprintStore, *given: Any) -> dict[str, str]:
        found = complete(self, *given)
        if not self.reader.is_benchmark:
            (self.reader.root / "9.mp4").unlink()
            (self.reader.root / "9.mp4").write_bytes(b"x")
        return found

    monkeypatch.setattr(FingerprintStore, "complete", then_touch)
    assert main(flags(own)) == NOT_COMPARED
    assert "has changed since it was read" in (own / "out" / "report.html").read_text()


HOSTILE = "<img src=x onerror='window.hacked=1'>\"&amp; \n影.mp4"


@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium")
def test_the_page_in_a_browser(own):
    """Whose names and questions would take it over."""
    script = "<script>window.hacked = 1</script>"
    (own / "t" / script).parent.mkdir()
    (own / "t" / f"{script}.mp4").hardlink_to(own / "t" / "1m.mp4")
    (own / "t" / HOSTILE).hardlink_to(own / "t" / "0c.mp4")
    (own / "b" / HOSTILE).hardlink_to(own / "b" / "0.mp4")
    write_records(own / "t.jsonl", HOSTILE, f"{script}.mp4", "no" + HOSTILE, question=f"{script} {ASKED}")
    write_records(own / "b.jsonl", HOSTILE, "1.mp4", question=f"{ASKED} {script}")
    assert main(flags(own)) == NOT_COMPARED
    page = own / "out" / "report.html"
    with started(own / "profile") as tab:
        for width in (1280, 380):
            tab.open(page.as_uri(), width=width, dark=width == 380)
            assert tab.complaints == []
            assert [asked for asked in tab.requests if not asked.startswith("data:image/")] == [page.as_uri()]
            assert tab.value("window.hacked") is None
            assert tab.value("document.documentElement.scrollWidth") <= width
        text = tab.value("document.querySelector('main').textContent")
        assert script in text and "onerror='window.hacked=1'" in text and "Not compared (1)" in text
        assert tab.value("document.querySelectorAll('.strip').length") == 2


# Pictures


def test_frames_that_stand_for_long_fill_the_moments(tmp_path):
    times = (0.0, 0.3, 5.0, 5.1, 9.0)
    path = write_clip(tmp_path / "a.mp4", [next(pan(number)) for number in range(5)], times=times)
    seconds, shown = read_pictures(path, 4.0)
    assert len(seconds) == 37 and (np.diff(seconds) >= 0).all()
    frame = np.searchsorted(times, np.arange(37) / 4 + 1e-6, side="right") - 1
    firsts = [int(np.flatnonzero(frame == number)[0]) for number in (0, 1, 2, 3, 4)]
    for number in range(37):
        assert (shown[number] == shown[firsts[frame[number]]]).all()
    assert len({shown[first].tobytes() for first in firsts}) == 5
    due = np.arange(37) / 4
    assert np.allclose(seconds, np.where(np.isin(np.arange(37), firsts), np.array(times)[frame], due), atol=1e-3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("preset", ["ultrafast", "medium"])
def test_a_part_has_the_pictures_that_the_whole_has(tmp_path, suffix, preset):
    path = write_clip(tmp_path / f"a.{suffix}", pan(3), preset=preset, g="20")
    seconds, shown = read_pictures(path, 4.0)
    assert len(seconds) >= 95 and np.abs(seconds - np.arange(len(seconds)) / 4).max() < 0.26
    for start in (0.0, 0.4, 5.0, 7.6, 19.9, 23.0):
        part_seconds, part = read_pictures(path, 4.0, start, start + 3)
        first = int(np.ceil(start * 4))
        last = min(len(seconds), first + len(part))
        assert len(part) == len(
            seconds[(np.arange(len(seconds)) >= first) & (np.arange(len(seconds)) / 4 <= start + 3)]
        )
        assert np.allclose(part_seconds, seconds[first:last]) and (part == shown[first:last]).all()


def test_a_video_that_starts_late_is_counted_from_its_first_frame(tmp_path):
    early, late = (write_clip(tmp_path / f"{first}.mkv", pan(3), times=[first + n / RATE for n in range(24 * RATE)])
                   for first in (0, 100))  # fmt: skip
    for start in (0.0, 11.3):
        for mine, other in zip(read_pictures(early, 4.0, start), read_pictures(late, 4.0, start), strict=True):
            assert np.allclose(mine, other, atol=1e-3)


def test_a_video_that_is_shown_turned(tmp_path):
    turned = write_clip(tmp_path / "turned.mp4", pan(3, 4), crf="10")
    turn(turned)
    upright = write_clip(tmp_path / "upright.mp4", (np.rot90(frame, -1) for frame in pan(3, 4)), crf="10")
    mine, other = (read_pictures(path, 1.0)[1].astype(int) for path in (turned, upright))
    assert mine.shape == other.shape == (4, SIDE, SIDE) and np.abs(mine - other).mean() < 4


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path):
    whole = write_clip(tmp_path / "whole.ts", pan(3), g="20").read_bytes()
    (tmp_path / "cut.ts").write_bytes(whole[: len(whole) // 2 + 77])
    seconds, shown = read_pictures(tmp_path / "cut.ts", 1.0)
    assert 5 <= len(seconds) <= 20 and (shown[:5] == read_pictures(tmp_path / "whole.ts", 1.0)[1][:5]).all()


def test_faults_of_reading(tmp_path):
    with pytest.raises(UserError, match="not there"):
        read_pictures(tmp_path / "none.mp4", 1.0)
    path = write_clip(tmp_path / "a.mp4", pan(3, 4))
    with pytest.raises(VideoError, match="from 30 s"):
        read_pictures(path, 1.0, 30.0)


def test_a_video_without_end_is_read_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_MOMENTS", 10)
    frames = (next(pan(n)) for n in range(3))
    path = write_clip(tmp_path / "a.mp4", frames, times=(0.0, 4.0, 100_000.0))
    assert len(read_pictures(path, 4.0)[0]) == 10


def test_an_hour_takes_no_more_room_than_its_pictures(tmp_path):
    write_clip(tmp_path / "a.mp4", [next(pan(1)), next(pan(2))], times=(0.0, 600.0))
    Reader(tmp_path, True).read("a.mp4")  # imports
    tracemalloc.start()
    found = Reader(tmp_path, True).read("a.mp4")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.hashes.shape == (2_401, len(SCALES), len(REGIONS))
    assert peak < 3 * 2_401 * SIDE * SIDE


# Hashes


def noise(seed: int, count: int = 3) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE), np.uint8)


shares = st.floats(0.0, 0.3)
boxes = st.tuples(shares, shares, shares, shares).map(lambda own: Box(own[0], 1 - own[1], own[2], 1 - own[3]))


@settings(max_examples=50)
@given(st.integers(0, 2**32), boxes)
def test_a_mirror_turns_hashes_as_can_be_told_without_the_picture(seed, box):
    given_ = hash_crops(noise(seed), (box, WHOLE), SCALES)
    turned = hash_crops(noise(seed)[:, :, ::-1], (box.mirrored(), WHOLE), SCALES)
    assert (turned == mirror_hashes(given_)).all() and (mirror_hashes(turned) == given_).all()


@given(boxes, boxes, st.floats(0.5, 1.0))
def test_boxes(box, inner, scale):
    assert np.allclose(box.mirrored().mirrored(), box)
    assert np.allclose(box.part(inner).mirrored(), box.mirrored().part(inner.mirrored()))
    assert np.allclose(box.scaled(scale).mirrored(), box.mirrored().scaled(scale))
    assert np.allclose(box.part(WHOLE), box) and np.allclose(WHOLE.part(box), box)


def test_the_mirror_image_of_each_region_is_one():
    for region, place in zip(REGIONS, MIRRORED_REGIONS, strict=True):
        assert np.allclose(region.mirrored(), REGIONS[place])


def test_bars_are_no_part_of_the_picture():
    shown = np.stack([cloud(n, SIDE, SIDE) for n in range(3)]) // 2 + 100
    barred = shown.copy()
    barred[:, :16] = barred[:, -16:] = 4
    assert picture_box(shown) == WHOLE and picture_box(barred) == Box(16 / SIDE, 1 - 16 / SIDE, 0.0, 1.0)
    assert picture_box(np.zeros_like(shown)) == WHOLE
    barred[:] = 0
    barred[:, 60:64] = 200
    assert picture_box(barred) == WHOLE  # a line of text on black


def test_no_pictures_have_no_hashes():
    assert hash_crops(noise(0, 0), (WHOLE,), SCALES).shape == (0, len(SCALES), len(REGIONS))


# Pairs


def random_fingerprint(path: str, rng: Any, seconds: float, fps: float, crops: int) -> Fingerprint:
    count = int(seconds * fps)
    hashes = rng.integers(0, 2**64, (count, crops, len(REGIONS)), np.uint64)
    return Fingerprint(path, 1, 1, (np.arange(count) / fps).astype(np.float32), hashes)


@settings(max_examples=60)
@given(st.data())
def test_every_pair_that_shares_bands_along_a_line_is_found(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    train = [random_fingerprint(f"t{n}", rng, data.draw(st.integers(6, 60)), 1.0, n + 1) for n in range(2)]
    benchmark = [random_fingerprint(f"b{n}", rng, data.draw(st.integers(12, 60)), 4.0, 1 + 3 * n) for n in range(3)]
    own, other = data.draw(st.sampled_from(train)), data.draw(st.sampled_from(benchmark))
    speed, mirrored = data.draw(st.sampled_from(SPEEDS)), data.draw(st.booleans())
    middle = data.draw(st.integers(1, len(own.seconds) - 2))
    offset = float(other.seconds[-1]) / 2 - speed * middle
    shown = mirror_hashes(other.hashes) if mirrored else other.hashes
    for second in (middle - 1, middle, middle + 1):
        place = 2 * round(2 * (speed * second + offset))  # of those that are looked up, the nearest
        region, part = data.draw(st.integers(0, len(REGIONS) - 1)), data.draw(st.sampled_from((0, 32)))
        crops = data.draw(st.integers(0, own.hashes.shape[1] - 1)), data.draw(st.integers(0, shown.shape[1] - 1))
        mask = np.uint64(0xFFFFFFFF << part)
        kept = own.hashes[second, crops[0], region] & ~mask
        own.hashes[second, crops[0], region] = kept | shown[place, crops[1], region] & mask
    assert BenchmarkIndex(benchmark).candidates(train) == [Candidate(own.path, other.path, mirrored)]


@settings(max_examples=30)
@given(st.data())
def test_the_line_is_the_one_along_which_pictures_agree(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    speed, mirrored = data.draw(st.sampled_from(SPEEDS)), data.draw(st.booleans())
    other = random_fingerprint("b", rng, 60, 4.0, 4)
    own = random_fingerprint("t", rng, 50, 1.0, 2)
    offset = data.draw(st.integers(-40, 60)) / 4
    shown = mirror_hashes(other.hashes) if mirrored else other.hashes
    places = np.rint(4 * (speed * own.seconds + offset)).astype(int)
    inside = np.flatnonzero((places >= 0) & (places < len(shown)))
    differing = np.uint64(0b1001001001) << np.uint64(data.draw(st.integers(0, 50)))
    own.hashes[inside, 1, 2] = shown[places[inside], 3, 2] ^ differing
    found = align(own, other, mirrored)
    if len(inside) < 15:
        assert found is None or found.share < 0.6 or abs(found.speed - speed) < 0.3
        return
    assert found and found.share == 1.0 and found.is_mirrored == mirrored
    for second in (found.start_seconds, found.end_seconds):
        if 0 <= speed * second + offset < 60:
            assert abs(found.benchmark_seconds(second) - (speed * second + offset)) < 0.6


def test_stills_of_half_an_hour_take_little_room():
    """In which every picture is like every other."""
    rng = np.random.default_rng(0)
    still = rng.integers(0, 2**64, (1, 1, len(REGIONS)), np.uint64)
    train = [random_fingerprint(f"t{n}", rng, 1_800, 1.0, 1) for n in range(2)]
    benchmark = [random_fingerprint("b", rng, 1_800, 4.0, 1)]
    for one in (*train, *benchmark):
        one.hashes[:] = still
    tracemalloc.start()
    assert len(BenchmarkIndex(benchmark).candidates(train)) == 2
    found = align(train[0], benchmark[0], False)
    assert found and found.share == 1.0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 800_000_000


# Fingerprints on disk


def test_fingerprints_are_read_a_piece_at_a_time(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "MAX_PIECE_BYTES", 1_000)  # two videos
    names = ["0c.mp4", "1m.mp4", "2f.mp4", "9.mp4"]
    kept = FingerprintStore(tmp_path, Reader(clips / "t", False))
    assert kept.complete(names, Workers(2, 60, "local"), "hashing") == {}
    assert [len(piece) for piece in kept.read(names)] == [2, 2]
    assert sorted(one.path for piece in kept.read(names) for one in piece) == names
    assert [one.path for piece in kept.read(["9.mp4"]) for one in piece] == ["9.mp4"]
    for own in (one for piece in kept.read(names) for one in piece):
        drawn = Reader(clips / "t", False).read(own.path)
        assert (own.seconds == drawn.seconds).all() and (own.hashes == drawn.hashes).all() and own[:3] == drawn[:3]
    sorted(tmp_path.iterdir())[-1].write_bytes(b"")
    pieces = kept.read(names)
    assert len(next(pieces)) == 2
    with pytest.raises(UserError, match="remove it"):
        next(pieces)


def test_a_kill_loses_a_minute_at_most(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "MAX_PIECE_SECONDS", 0.0)
    kept = FingerprintStore(tmp_path, Reader(clips / "t", False))
    kept.complete(["0c.mp4", "1m.mp4", "9.mp4"], Workers(2, 60, "local"), "hashing")
    assert len(list(tmp_path.iterdir())) == 3
