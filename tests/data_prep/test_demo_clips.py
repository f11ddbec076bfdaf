"""The made-up corpus: real videos, exact answers, splits that share no video, the same bytes for the same seed."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

av = pytest.importorskip("av")
pytest.importorskip("tqdm")

from data_prep.demo import clips, scenes  # noqa: E402  (they need av and tqdm)
from videokr.__main__ import main as videokr  # noqa: E402
from videokr.errors import UserError  # noqa: E402
from videokr.jsonl import read_examples  # noqa: E402
from videokr.options import LETTERS  # noqa: E402
from videokr.response import Kind  # noqa: E402

VIDEOS = 60


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("demo") / "corpus"
    clips.write_corpus(output, VIDEOS, seed=3, progress=False)
    return output


def test_splits_share_no_video_and_every_video_is_there(corpus):
    videos = {split: {e.videos[0] for e in read_examples(corpus / f"{split}.jsonl")} for split in clips.SPLITS}
    assert sum(map(len, videos.values())) == len(set.union(*videos.values())) == VIDEOS
    assert all((corpus / path).is_file() for paths in videos.values() for path in paths)


def test_every_split_parses_and_sft_has_rationales(corpus):
    for split in clips.SPLITS:
        for example in read_examples(corpus / f"{split}.jsonl"):
            assert bool(example.rationale) == (split == "sft")
            assert len(example.options) == (4 if example.kind is Kind.MULTIPLE_CHOICE else 0)
            assert (set(example.groups) == {"dataset", "subject", "source"}) == (split == "eval")


def test_a_video_is_shown_whole_at_two_frames_a_second(corpus):
    with av.open(str(corpus / "videos" / "0000.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.average_rate, stream.width, stream.height) == (8, 2, scenes.SIDE, scenes.SIDE)
        assert float(stream.duration * stream.time_base) == 4.0
        assert [frame.time for frame in container.decode(stream)] == [index / 2 for index in range(8)]


def test_the_same_seed_gives_the_same_bytes(corpus, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    clips.write_corpus(again, VIDEOS, seed=3, progress=False)
    clips.write_corpus(other, VIDEOS, seed=4, progress=False)
    for name in ("sft.jsonl", "rl.jsonl", "eval.jsonl", "videos/0000.mp4", "videos/0059.mp4"):
        assert (again / name).read_bytes() == (corpus / name).read_bytes()
    assert (other / "sft.jsonl").read_bytes() != (corpus / "sft.jsonl").read_bytes()


def test_the_correct_letter_is_uniform():
    rng = clips.Random(0)
    letters: Counter[str] = Counter()
    for number in range(300):
        scene = scenes.SCENES["motion"](rng)
        letters.update(a.answer for a in clips.asked("motion", scene, number, "x.mp4", rng) if a.options)
    expected = letters.total() / 4
    assert sum((letters[x] - expected) ** 2 / expected for x in LETTERS[:4]) < 16.3  # chi-squared, 3 degrees, p 0.001


@pytest.mark.parametrize("subject", list(scenes.SCENES))
def test_answers_are_among_four_different_choices(subject):
    rng = clips.Random(1)
    answers = set()
    for _ in range(40):
        scene = scenes.SCENES[subject](rng)
        assert len(set(scene.choices)) == 4 and scene.answer in scene.choices
        assert scene.rationale.endswith(f" {scene.answer}")
        answers.add(scene.answer)
    assert len(answers) == 4


def test_whole_or_not_at_all(corpus, tmp_path, monkeypatch):
    before = sorted(corpus.rglob("*"))
    with pytest.raises(UserError, match="is there already"):
        clips.write_corpus(corpus, VIDEOS, seed=3, progress=False)
    assert sorted(corpus.rglob("*")) == before

    def broken(frames, path):
        raise OSError("disk full")

    monkeypatch.setattr(clips, "encode", broken)
    with pytest.raises(OSError, match="disk full"):
        clips.write_corpus(tmp_path / "broken", VIDEOS, seed=3, progress=False)
    assert not (tmp_path / "broken").exists()


def test_records_are_spelled_as_published(corpus):
    first = {split: json.loads((corpus / f"{split}.jsonl").open().readline()) for split in clips.SPLITS}
    assert {"think", "solution", "video_path"} <= set(first["sft"])
    assert {"problem_id", "videos"} <= set(first["rl"]) and "think" not in first["rl"]
    assert {"dataset", "subject", "source"} <= set(first["eval"])


@pytest.mark.parametrize("split", ["sft", "rl"])  # that come as tables
def test_tables_are_imported_as_the_same_examples(corpus, tmp_path, split):
    columns = ["id=name", "question=asked", "answer=key", "video=clip", *(["think=why"] if split == "sft" else [])]
    given = ["import", str(corpus / f"{split}.csv"), "--videos", str(corpus), "--output", str(tmp_path / "own.jsonl")]
    assert videokr([*given, *(flag for column in columns for flag in ("--column", column))]) == 0
    given, drawn = list(read_examples(tmp_path / "own.jsonl")), list(read_examples(corpus / f"{split}.jsonl"))
    assert [replace(example, rationale=None) for example in given] == [replace(e, rationale=None) for e in drawn]
    thought = [(one.rationale, other.rationale) for one, other in zip(given, drawn, strict=True) if one.rationale]
    assert all(one == other for one, other in thought)
    share = clips.RATIONALE_SHARE if split == "sft" else 0
    assert len(thought) / len(given) == pytest.approx(share, abs=0.15)
