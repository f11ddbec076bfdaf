"""The commands of docs/corpus.md, as they are typed, from videos to both training files and a benchmark."""

import json
import re
import shlex
import shutil

import pytest

pytest.importorskip("openai")

import yaml
from checkout import ROOT
from corpus_place import SEED, VIDEOS
from demo_oracle import Faults, serve_oracle

from data_prep.demo.clips import split_of
from videokr.__main__ import main
from videokr.errors import exit_status

BEFORE = ("videokr corpus bank", "videokr corpus collect")  # with videos of one's own, these are left out
SETTINGS = {"concurrency": 4, "frames": {"min_frames": 8}, "benchmark": {"name": "mine", "version": "1.0"}}


def commands():
    """Every call of `videokr` in the page's first two blocks: training data, and a benchmark."""
    page = (ROOT / "docs" / "corpus.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", page, re.M | re.S)[:2]
    for block in blocks:
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            for command in re.split(r" && ", re.sub(r"\s{2,}#.*", "", line)):
                if command.startswith("videokr "):
                    yield command.strip()


@pytest.fixture
def site(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "corpus").mkdir(parents=True)
    shutil.copytree(demo, tmp_path / "data" / "clips")
    shutil.copy(demo / "seeds.jsonl", tmp_path / "data" / "corpus" / "seeds.jsonl")
    (tmp_path / "data" / "eval").mkdir()
    shutil.copytree(demo / "videos", tmp_path / "data" / "eval" / "videos")
    shutil.copy(demo / "eval.jsonl", tmp_path / "data" / "eval" / "VideoKR_eval.jsonl")
    lines = (demo / "list.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    own = [line for number, line in enumerate(lines) if split_of(number, VIDEOS) != "eval"]
    (tmp_path / "data" / "corpus" / "moderated.jsonl").write_text("".join(own), encoding="utf-8")
    return tmp_path


def configure(site, server, **more):
    config = yaml.safe_load((ROOT / "examples" / "corpus.yaml").read_text(encoding="utf-8"))
    address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    models = [model for given in config["models"].values() for model in (given if isinstance(given, list) else [given])]
    for model in models:
        model.pop("endpoint", None)
    config |= SETTINGS | {"endpoint": address, "video_dir": "data/clips"} | more
    (site / "corpus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (site / "bench.yaml").write_text(yaml.safe_dump(config | {"output": "data/bench"}), encoding="utf-8")


def test_the_page_s_commands_lead_to_training_files_and_a_benchmark(site):
    steps = [command for command in commands() if not command.startswith((*BEFORE, "videokr corpus relevance"))]
    steps = [command for command in steps if not command.startswith("videokr corpus moderation")]
    with serve_oracle(VIDEOS, SEED, Faults(wrong_questions=0.1, single_frame=0.1, other_language=0.05)) as server:
        configure(site, server)
        for command in steps:
            if "bench.yaml" in command and not (site / "data" / "bench").exists():
                shutil.copytree(site / "data" / "corpus", site / "data" / "bench")  # "after the steps above"
            _, *words = shlex.split(command + " --val-size 6" * ("prepare rl" in command))
            status = exit_status(lambda: main(words))  # noqa: B023
            assert status == 0 or (words[0] == "lint" and status == 3), command  # the demo's questions are alike
            if words[0] == "decontaminate":
                configure(site, server, decontaminated="data/clean")
    assert [command.split()[1:3] for command in steps if "corpus " in command][-1] == ["corpus", "benchmark"]

    def ids(*path):
        return {json.loads(line)["id"] for line in site.joinpath(*path).read_text(encoding="utf-8").splitlines()}

    sft, rl = (ids("data", "corpus", "export", f"{name}.jsonl") for name in ("sft", "rl"))
    assert sft and rl and not sft & rl and sft | rl == ids("data", "clean", "validated.jsonl")
    assert len(json.loads((site / "data" / "corpus_sft.json").read_text(encoding="utf-8"))) == len(sft)
    assert all((site / "data" / "corpus_rl" / f"{name}.parquet").is_file() for name in ("train", "test"))
    mine = ids("data", "bench", "benchmark", "mine", "1.0", "mine-1.0.jsonl")
    assert mine and mine == ids("data", "bench", "probed.jsonl")
