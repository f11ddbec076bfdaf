"""The published prepare command: what it writes, what it leaves out, and how it stops."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

from data_prep.prepare.sft import main, prepare_sft
from data_prep.prepare.source import Source
from llamafactory_plugin.rows import DATASET_INFO_FILE
from videokr.errors import RecordError, UserError

pytest.importorskip("tqdm")
SCRIPT = ROOT / "local_script" / "prepare_videokr_sft_data.py"
GOOD = {
    "id": "a",
    "question": "What moves?",
    "options": ["A. a cat", "B. a dog"],
    "problem_type": "multiple choice",
    "think": "<think>It is a dog.</think>",
    "solution": "<answer>B</answer>",
    "video_path": "./videos_0001/a.mp4",
}
OPEN = {"problem_id": 7, "question": "How many?", "think": "I count three.", "solution": "3", "path": "b.mp4"}
NO_RATIONALE = {key: value for key, value in GOOD.items() if key != "think"}
NO_ANSWER = {key: value for key, value in GOOD.items() if key != "solution"}


def write_jsonl(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def run(*argv: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *map(str, argv)], capture_output=True, text=True, check=False)


def test_rows_and_dataset_entry(tmp_path):
    source = write_jsonl(tmp_path / "raw.jsonl", GOOD, OPEN)
    output = tmp_path / "data" / "videokr_train.json"
    done = run("--input", source, "--output", output, "--video-prefix", "Videos/")
    assert done.returncode == 0, done.stderr
    choice, open_ended = json.loads(output.read_text(encoding="utf-8"))
    user, assistant = choice["messages"]
    assert user["content"].startswith("<video>What moves?\nA. a cat\nB. a dog\nPlease answer")
    assert assistant == {"role": "assistant", "content": "<think>It is a dog.</think>\n<answer>B</answer>"}
    assert choice["videos"] == ["Videos/videos_0001/a.mp4"]
    assert open_ended["messages"][1]["content"].endswith("<answer>3</answer>")
    entry = json.loads((output.parent / DATASET_INFO_FILE).read_text(encoding="utf-8"))["videokr_train"]
    assert (entry["file_name"], entry["formatting"]) == ("videokr_train.json", "sharegpt")


def test_same_input_same_bytes_from_jsonl_and_json(tmp_path):
    lines = write_jsonl(tmp_path / "raw.jsonl", GOOD, OPEN)
    whole = tmp_path / "raw.json"
    whole.write_text(json.dumps([GOOD, OPEN], indent=1), encoding="utf-8")
    outputs = []
    for index, source in enumerate((lines, lines, whole)):
        output = tmp_path / str(index) / "train.json"
        prepare_sft(Source(source), output)
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]


def test_other_dataset_entries_are_kept(tmp_path):
    (tmp_path / DATASET_INFO_FILE).write_text('{"mine": {"file_name": "mine.json"}}', encoding="utf-8")
    prepare_sft(Source(write_jsonl(tmp_path / "raw.jsonl", GOOD)), tmp_path / "train.json")
    assert list(json.loads((tmp_path / DATASET_INFO_FILE).read_text(encoding="utf-8"))) == ["mine", "train"]


@pytest.mark.parametrize(
    ("record", "field"), [(NO_ANSWER, "solution"), (NO_RATIONALE, "think"), (["not", "an", "object"], "(record)")]
)
def test_a_bad_record_stops_it_in_one_line_and_leaves_nothing(tmp_path, record, field):
    source = write_jsonl(tmp_path / "raw.jsonl", GOOD, record)
    output = tmp_path / "data" / "train.json"
    done = run("--input", source, "--output", output)
    assert done.returncode == 2
    error = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(error) == 1 and f"{source}, line 2: field '{field}'" in error[0]
    assert "Traceback" not in done.stderr
    assert not list(output.parent.glob("*")) and not list(output.parent.glob(".*"))


def test_a_failure_keeps_the_former_output(tmp_path):
    output = tmp_path / "train.json"
    prepare_sft(Source(write_jsonl(tmp_path / "good.jsonl", GOOD)), output)
    before = output.read_bytes()
    with pytest.raises(RecordError):
        prepare_sft(Source(write_jsonl(tmp_path / "bad.jsonl", GOOD, NO_ANSWER)), output)
    assert output.read_bytes() == before


def test_skip_invalid_counts_by_reason_and_lists(tmp_path):
    source = write_jsonl(tmp_path / "raw.jsonl", NO_ANSWER, GOOD, NO_RATIONALE)
    done = run("--input", source, "--output", tmp_path / "train.json", "--skip-invalid")
    assert done.returncode == 0, done.stderr
    assert "line 1: field 'solution'" in done.stdout and "line 3: field 'think'" in done.stdout
    assert "left out 2: missing" in done.stdout
    assert len(json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))) == 1


def test_missing_videos(tmp_path):
    source = write_jsonl(tmp_path / "raw.jsonl", GOOD, OPEN)
    media = tmp_path / "media"
    (media / "Videos" / "videos_0001").mkdir(parents=True)
    (media / "Videos" / "videos_0001" / "a.mp4").touch()
    output = tmp_path / "train.json"
    stopped = run("--input", source, "--output", output, "--media-dir", media)
    assert stopped.returncode == 2 and "b.mp4" in stopped.stderr and not output.exists()
    done = run("--input", source, "--output", output, "--media-dir", media, "--skip-missing-video")
    assert done.returncode == 0 and "left out 1: video is not there" in done.stdout
    (row,) = json.loads(output.read_text(encoding="utf-8"))
    assert row["videos"] == ["Videos/videos_0001/a.mp4"]  # as the host finds it below media_dir


def test_max_samples(tmp_path):
    output = tmp_path / "train.json"
    done = run("--input", write_jsonl(tmp_path / "raw.jsonl", GOOD, OPEN), "--output", output, "--max-samples", 1)
    assert done.returncode == 0 and len(json.loads(output.read_text(encoding="utf-8"))) == 1


def test_nothing_to_read(tmp_path):
    done = run("--input", tmp_path / "none.jsonl", "--output", tmp_path / "train.json")
    assert done.returncode == 2 and "none.jsonl" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["raw.jsonl", "dataset_info.json"])
def test_what_is_read_is_never_overwritten(tmp_path: Path, name: str) -> None:
    source = write_jsonl(tmp_path / "raw.jsonl", GOOD)
    before = source.read_bytes()
    with pytest.raises(UserError, match="overwrite"):
        prepare_sft(Source(source), tmp_path / name)
    assert source.read_bytes() == before


def run_sft(data: Path, output: Path, *flags: object) -> int:
    return main(["--input", str(data), "--output", str(output), *map(str, flags)])


def many_records(path: Path, videos: int) -> Path:
    rows = [GOOD | {"id": f"r{n}", "video_path": f"v{n // 2}.mp4"} for n in range(2 * videos)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_former_validation_file_does_not_outlive_its_split(tmp_path):
    data = many_records(tmp_path / "data.jsonl", 20)
    assert run_sft(data, tmp_path / "out.json", "--val-size", 8) == 0
    assert len(json.loads((tmp_path / "out_validation.json").read_text())) == 8
    (tmp_path / "kept_validation.json").write_text("[]")
    assert run_sft(data, tmp_path / "out.json") == 0
    assert not (tmp_path / "out_validation.json").exists() and (tmp_path / "kept_validation.json").exists()
    assert list(json.loads((tmp_path / "dataset_info.json").read_text())) == ["out"]


def test_datasets_prepared_at_once_are_all_entered(tmp_path):
    data = many_records(tmp_path / "data.jsonl", 5)
    command = [sys.executable, "-m", "videokr", "prepare", "sft", "--input", str(data), "--output"]
    running = [subprocess.Popen([*command, str(tmp_path / f"d{n}.json")], stdout=subprocess.DEVNULL) for n in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert sorted(json.loads((tmp_path / "dataset_info.json").read_text())) == ["d0", "d1", "d2", "d3"]
