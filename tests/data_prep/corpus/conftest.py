import json
from pathlib import Path

import pytest

pytest.importorskip("openai")

from corpus_place import SEED, VIDEOS, Place, Run
from demo_oracle import Oracle
from judge_endpoint import KEY

from data_prep.demo.clips import write_corpus
from videokr.__main__ import main
from videokr.errors import exit_status


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "data"
    write_corpus(folder, VIDEOS, SEED, progress=False)
    subjects = ("motion", "change", "count", "order")
    lines = [
        {"video": f"videos/{n:04d}.mp4", "discipline": subjects[n % 4], "knowledge_point": f"shapes, part {n}"}
        for n in range(VIDEOS)
    ]
    (folder / "list.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    seeds = [json.loads(line) for line in (folder / "sft.jsonl").read_text(encoding="utf-8").splitlines()]
    of_subject = {n: subjects[n % 4] for n in range(VIDEOS)}
    labelled = [
        {
            **seed,
            "id": f"{skill}-{seed['id']}",
            "discipline": of_subject[int(seed["id"].split("-")[1])],
            "task_type": skill,
        }
        for seed in seeds
        for skill in ("VidR", "KnowVid", "KnowVidR")
    ]
    (folder / "seeds.jsonl").write_text("\n".join(map(json.dumps, labelled)), encoding="utf-8")
    return folder


@pytest.fixture
def place(demo, tmp_path, monkeypatch) -> Place:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return Place(demo, tmp_path)


@pytest.fixture
def corpus(place, capsys):
    def run(step: str, server: Oracle | None = None, *flags: str, **changes: object) -> Run:
        config = str(place.config(server, **changes))
        capsys.readouterr()
        status = exit_status(lambda: main(["corpus", step, "--config", config, *flags]))
        return Run(status, *capsys.readouterr())

    return run
