"""data_prep.rl: splits, rows and faults of the published command."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from checkout import ROOT
from hypothesis import given
from hypothesis import strategies as st

from data_prep.prepare.split import VideoGroups, video_key

SCRIPT = ROOT / "local_script" / "prepare_videokr_rl_data.py"


def record(number: int, **fields: object) -> dict[str, object]:
    return {
        "problem_id": f"p{number}",
        "question": "Which way does it move?",
        "options": ["A. left", "B. right"],
        "problem_type": "multiple choice",
        "solution": "<answer>B</answer>",
        "videos": [f"./Videos/{number // 2}.mp4"],
    } | fields


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "Videos").mkdir()
    for number in range(10):
        (tmp_path / "Videos" / f"{number}.mp4").write_bytes(b"x")
    write(tmp_path / "rl.jsonl", [record(number) for number in range(20)])
    return tmp_path


def write(path: Path, records: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")


def prepare(corpus: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(SCRIPT),
        "--input_json",
        str(corpus / "rl.jsonl"),
        "--output_dir",
        str(corpus / "out"),
    ]
    return subprocess.run([*command, "--video_base_dir", str(corpus), *flags], capture_output=True, text=True)


def rows(corpus: Path, split: str) -> list[dict[str, object]]:
    return pq.read_table(corpus / "out" / f"{split}.parquet").to_pylist()


def test_published_command_writes_both_splits_by_whole_videos(corpus: Path) -> None:
    done = prepare(corpus, "--val_size", "5", "--save_json")
    assert done.returncode == 0, done.stderr
    train, validation = rows(corpus, "train"), rows(corpus, "test")
    assert len(train) == 16 and len(validation) == 4, "5 rows cannot be met by whole videos of 2 rows"
    assert not {row["videos"][0]["video"] for row in train} & {row["videos"][0]["video"] for row in validation}
    assert train[0]["reward_model"] == {"style": "rule", "ground_truth": "<answer>B</answer>"}
    assert train[0]["prompt"][0]["content"].startswith(
        "<video>Which way does it move?\nA. left\nB. right\nPlease answer"
    )
    assert [row["extra_info"]["index"] for row in train] == list(range(16))
    assert {row["extra_info"]["question"] for row in train} == {"Which way does it move?"}
    assert len(json.loads((corpus / "out" / "videokr_rlhf_full.json").read_text())) == 20


def test_same_input_gives_the_same_bytes(corpus: Path) -> None:
    prepare(corpus, "--val_size", "4")
    first = (corpus / "out" / "train.parquet").read_bytes()
    prepare(corpus, "--val_size", "4")
    assert (corpus / "out" / "train.parquet").read_bytes() == first


def test_a_row_fixes_only_the_budget_that_was_asked_for(corpus: Path) -> None:
    prepare(corpus, "--val-size", "2", "--max_frames", "64", "--sampling", "time", "--use_file_uri")
    (video,) = rows(corpus, "train")[0]["videos"]
    assert {name: value for name, value in video.items() if name != "video"} == {"max_frames": 64, "sampling": "time"}
    assert video["video"].startswith("file://")


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([record(0, solution="")], "line 1: field 'solution'"),
        ([record(0), record(1, options=["A. left"])], "line 2: field 'options'"),
        ([record(0, videos=["nowhere.mp4"])], "'nowhere.mp4' is not there"),
        ([record(0, videos=["../../etc/passwd"])], "outside"),
        ([], "holds no records"),
    ],
)
def test_bad_input_ends_in_one_line_and_writes_nothing(
    corpus: Path, records: list[dict[str, object]], says: str
) -> None:
    write(corpus / "rl.jsonl", records)
    done = prepare(corpus, "--val_size", "0")
    assert done.returncode == 2
    assert says in done.stderr and "Traceback" not in done.stderr
    assert not (corpus / "out").exists() or not list((corpus / "out").iterdir())


def test_what_is_skipped_is_counted_and_listed(corpus: Path) -> None:
    unusable = [record(1, solution=""), record(2, videos=["nowhere.mp4"])]
    write(corpus / "rl.jsonl", [record(0), *unusable, record(4), record(6)])
    done = prepare(corpus, "--val_size", "1", "--skip-invalid", "--skip-missing-video")
    assert done.returncode == 0, done.stderr
    assert "left out 1: video is not there" in done.stdout and "line 2" in done.stdout
    assert len(rows(corpus, "train")) == 2


@pytest.mark.parametrize("flags", [["--val_size", "0"], ["--val_size", "20"], ["--train_size", "0"], ["--fps", "-1"]])
def test_what_no_run_could_use_is_refused(corpus: Path, flags: list[str]) -> None:
    done = prepare(corpus, *flags)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and not (corpus / "out").exists()


def test_a_dataset_that_cannot_be_reached_names_the_way_out(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--dataset_name", "nobody/nothing", "--output_dir", str(tmp_path / "out")]
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2 and "--input-json" in done.stderr and "Traceback" not in done.stderr


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3)), st.integers(0, 30), st.integers(0, 5))
def test_no_video_is_in_two_splits(videos: list[list[str]], validation_rows: int, seed: int) -> None:
    groups = VideoGroups()
    for names in videos:
        groups.add_row([video_key(name) for name in names])
    splits = groups.held_out(validation_rows, seed)
    held_out = {name for names, held in zip(videos, splits, strict=True) if held for name in names}
    trained = {name for names, held in zip(videos, splits, strict=True) if not held for name in names}
    assert not held_out & trained
    assert sum(splits) <= validation_rows


def test_videos_that_belong_together_are_not_split(corpus: Path) -> None:
    together = corpus / "matches.jsonl"
    together.write_text(
        "".join(json.dumps({"videos": [f"./Videos/{n}.mp4", f"Videos/{n + 1}.mp4"]}) + "\n" for n in (0, 4))
    )
    for seed in range(6):
        done = prepare(corpus, "--val_size", "6", "--seed", str(seed), "--together", str(together))
        assert done.returncode == 0, done.stderr
        held_out = {row["videos"][0]["video"][-5] for row in rows(corpus, "test")}
        assert len(held_out & {"0", "1"}) != 1 and len(held_out & {"4", "5"}) != 1
