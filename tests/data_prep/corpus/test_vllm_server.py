"""`videokr corpus` against a server of vLLM with a tiny model: the requests are what it takes, and what it counts."""

import base64
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing

import pytest
from corpus_place import Place

from videokr.errors import exit_status

pytestmark = pytest.mark.rl

NAME, VIDEOS = "tiny", 2
STEPS = ("bank", "relevance", "moderation", "generate", "verify", "dependency", "rationale", "probe")
ON_CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def model(demo, tmp_path_factory):
    from data_prep.demo.tiny_model import build_model, corpus_of
    from videokr.family import FAMILIES

    path = tmp_path_factory.mktemp("model")
    build_model(FAMILIES["qwen3vl"], corpus_of(demo / "sft.jsonl"), path)
    return path


@pytest.fixture(scope="module")
def address(model, tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--served-model-name", NAME,
        "--host", "127.0.0.1", "--port", str(port), "--enforce-eager",
    ]  # fmt: skip
    log = tmp_path_factory.mktemp("vllm") / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | ON_CPU)
    base = f"http://127.0.0.1:{port}"
    try:
        while not is_there(f"{base}/health"):
            assert server.poll() is None, log.read_text(errors="replace")[-3_000:]
            time.sleep(0.5)
        yield f"{base}/v1"
    finally:
        server.terminate()
        server.wait()


def is_there(address):
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def test_every_step_s_requests_are_taken_and_counted(demo, model, address, tmp_path, monkeypatch):
    from PIL import Image
    from transformers import AutoProcessor

    from data_prep.corpus import calls
    from videokr.__main__ import main

    sent = {}
    body_of = calls.Call.body

    def noted(self, seed, pictures):
        body = body_of(self, seed, pictures)
        if any("base64" in picture for picture in pictures):
            sent[body["response_format"]["json_schema"]["name"], len(pictures)] = body
        return body

    monkeypatch.setattr(calls.Call, "body", noted)
    place = Place(demo, tmp_path)
    few = {"name": NAME, "usd_per_million_input": 0, "usd_per_million_output": 0, "max_output_tokens": 8}
    place.settings |= {
        "endpoint": address,
        "budget": {"usd": 0, "tokens": 10_000_000},
        "models": {step: [few] if step in ("dependency", "probe") else few for step in STEPS},
        "subjects": ["Physics"],
        "concurrency": 1,  # vLLM's engine on a CPU ends where a request with a seed is prefilled in two parts
    }
    (tmp_path / "few.jsonl").write_text("".join((demo / "sft.jsonl").open(encoding="utf-8").readlines()[:VIDEOS]))
    videos = [json.loads(line) for line in (demo / "list.jsonl").open(encoding="utf-8")][:VIDEOS]
    found = [json.dumps(video | {"title": "Shapes", "scenario": "Shapes move"}) for video in videos]
    (tmp_path / "list.jsonl").write_text("\n".join(found), encoding="utf-8")
    given = dict.fromkeys(STEPS, "few.jsonl") | dict.fromkeys(("relevance", "moderation"), "list.jsonl")
    config = str(place.config(None, videos=str(tmp_path / "list.jsonl")))
    for step in STEPS:
        flags = [] if step in ("bank", "generate") else ["--input", str(tmp_path / given[step])]
        # What it writes is cut off after a few tokens, so that nothing is left of it: said, and not a fault of ours.
        assert exit_status(lambda: main(["corpus", step, "--config", config, *flags])) == 2  # noqa: B023

    with closing(sqlite3.connect(place.output / "ledger.sqlite")) as ledger:
        rows = ledger.execute("SELECT step, reply, fault, input_tokens, output_tokens FROM requests").fetchall()
    assert {step for step, *_ in rows} == {*STEPS}
    assert all(reply and not fault and out == 8 for _, reply, fault, _, out in rows)
    counted = {count for _, _, _, count, _ in rows}

    processor = AutoProcessor.from_pretrained(model)
    assert {frames for _, frames in sent} == {1, 4, 8}
    for body in sent.values():
        content = body["messages"][0]["content"]
        pictures = [
            Image.open(io.BytesIO(base64.b64decode(part["image_url"]["url"].partition(",")[2])))
            for part in content
            if part["type"] == "image_url"
        ]
        parts = [{"type": "image"} if part["type"] == "image_url" else part for part in content]
        text = processor.apply_chat_template([{"role": "user", "content": parts}], add_generation_prompt=True)
        tokens = processor(text=[text], images=pictures)["input_ids"][0]
        assert len(tokens) in counted
    assert all(json.loads(reply)["choices"][0]["finish_reason"] == "length" for _, reply, *_ in rows)
