"""Subtitles before a question: those that lmms-eval's own functions choose, and what is said where there are none."""

import json
import random
from pathlib import Path

import pytest

from lmms_eval_tasks import rows, subtitles
from lmms_eval_tasks.stock import read_rows, video_root
from videokr.errors import UserError

FONT = '<font color="white" size=".72c">{}</font>'
# Frames at 0, 3, 6.5 and 9.5 s of 10 s: four of 20, two a second.
CUES = (
    ("00:00:00,000 --> 00:00:01,000", "at the first\nframe"),
    ("00:00:01,100 --> 00:00:02,900", "between two"),
    ("00:00:02,900 --> 00:00:03,600", "at the second"),
    ("00:00:02,950 --> 00:00:07,000", "over two frames"),
    ("00:00:09,300 --> 00:00:12,000", "at the last"),
)
SRT = "\n".join(f"{number}\n{times}\n{FONT.format(text)}\n" for number, (times, text) in enumerate(CUES, start=1))
SAID = ["at the first frame", "at the second", "over two frames", "at the last"]
ROW = {
    "videoID": "abc", "question_id": "001-1", "question": "Which colour?", "options": ["A. red", "B. blue"],
    "answer": "B", "sub_category": "x", "domain": "x", "duration": "short", "task_type": "x",
}  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """HF_HOME with a clip of Video-MME's, and its subtitles."""
    av = pytest.importorskip("av")
    np = pytest.importorskip("numpy")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("MAX_FRAME_NUM", "4")
    (tmp_path / "videomme" / "data").mkdir(parents=True)
    (tmp_path / "videomme" / "subtitle").mkdir()
    (tmp_path / "videomme" / "subtitle" / "abc.srt").write_text(SRT, encoding="utf-8")
    with av.open(str(tmp_path / "videomme" / "data" / "abc.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        container.mux(stream.encode())
    return tmp_path


def ask(*given: dict) -> list[str]:
    root = video_root({"HF_HOME": str(given[0]["home"])}, "videomme")
    examples = read_rows(given, list(given[0]), "hub/name", rows.read_videomme, root)
    return [one.question for one in subtitles.with_subtitles(subtitles.videomme_cues, examples, given, root)]


def test_what_is_said_at_the_shown_frames_stands_before_the_question(home, monkeypatch):
    (question,) = ask(ROW | {"home": home})
    assert question.split("\n") == [subtitles.HEADING, *SAID, "Which colour?"]
    monkeypatch.delenv("MAX_FRAME_NUM")  # two frames a second see all
    (question,) = ask(ROW | {"home": home})
    assert question.split("\n") == [subtitles.HEADING, SAID[0], "between two", *SAID[1:], "Which colour?"]
    (home / "videomme/subtitle/abc.srt").write_text("", encoding="utf-8")  # nothing is said
    assert ask(ROW | {"home": home}) == [f"{subtitles.HEADING}\n{subtitles.NO_SUBTITLES}\nWhich colour?"]


def test_a_video_without_subtitles_is_counted_and_the_prompt_says_so(home, capsys):
    (home / "videomme/data/mute.mp4").write_bytes((home / "videomme/data/abc.mp4").read_bytes())
    mute = ROW | {"videoID": "mute", "home": home}
    absent = ROW | {"videoID": "absent", "home": home}  # the video itself: whoever asks about it is told
    questions = ask(ROW | {"home": home}, mute, mute, absent)
    assert questions[1:] == [f"{subtitles.HEADING}\n{subtitles.NO_SUBTITLES}\nWhich colour?"] * 2 + ["Which colour?"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("1 of 2 videos have no subtitles: ") and "mute.srt" in line
    with pytest.raises(UserError, match=r"1 of 1 videos have no subtitles: '.*mute\.srt'"):
        ask(mute)


@pytest.mark.eval
def test_the_prompt_of_lmms_eval_holds_the_same_subtitles(home):
    lmms_eval = pytest.importorskip("lmms_eval")
    from lmms_eval.utils import load_yaml_config

    theirs = load_yaml_config(str(Path(lmms_eval.__file__).parent / "tasks/videomme/videomme_w_subtitle.yaml"))
    (ours,) = ask(ROW | {"home": home})
    heading, *said, _ = ours.split("\n")
    for videos in ("abc", "mute"):
        prompt = theirs["doc_to_text"](ROW | {"videoID": videos}, {"frame_num": 4})
        held, instruction, *_ = prompt.partition("\nSelect the best answer")
        assert instruction
        assert [line.strip() for line in held.split("\n")] == [
            heading, *(said if videos == "abc" else [subtitles.NO_SUBTITLES]),
        ]  # fmt: skip


@pytest.mark.eval
@pytest.mark.parametrize("seed", range(5))
def test_lines_of_longvideobench_are_those_of_lmms_eval(seed, tmp_path):
    lmms_eval = pytest.importorskip("lmms_eval")
    from lmms_eval.utils import load_yaml_config

    stock = load_yaml_config(str(Path(lmms_eval.__file__).parent / "tasks/longvideobench/longvideobench_val_i.yaml"))
    insert = stock["doc_to_text"].__globals__["insert_subtitles_into_frames"]
    draw = random.Random(seed)
    start = draw.choice([0.0, 30.5])
    row = {"subtitle_path": "x.json", "duration": 90.0, "starting_timestamp_for_subtitles": start}
    entries: list[dict] = []
    for number in range(60):
        begin = start + number * 1.4 + draw.random()
        end = begin + draw.choice([0.2, 0.9, 1.5, 4.0]) + draw.random() / 10
        if seed % 2:  # files are of two forms
            clocks = [f"00:{int(time // 60):02}:{time % 60:06.3f}" for time in (begin, end)]
            entries.append({"start": clocks[0], "end": clocks[1], "line": f"line {number}"})
        else:
            entries.append({"timestamp": [begin, end if number < 59 else None], "text": f"line {number}"})
    (tmp_path / "subtitles").mkdir()
    (tmp_path / "subtitles" / "x.json").write_text(json.dumps(entries), encoding="utf-8")
    frames = sorted(draw.uniform(0, 90) for _ in range(16))
    ours = subtitles.spoken(subtitles.longvideobench_cues(row, tmp_path / "videos"), frames)
    theirs = insert(frames, entries, start, row["duration"]).split("\n")
    assert ours == [line for line in theirs if line != "<image>"]
    assert 0 < len(ours) < len(entries)
