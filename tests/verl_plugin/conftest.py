"""A small corpus prepared for GRPO, and a tiny model of each family."""

import subprocess
import sys

import pytest
from checkout import ROOT


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    from data_prep.demo.clips import write_corpus

    folder = tmp_path_factory.mktemp("rl") / "corpus"
    write_corpus(folder, videos=20, seed=0, progress=False)
    script = ROOT / "local_script" / "prepare_videokr_rl_data.py"
    places = ["--input_json", folder / "sft.jsonl", "--video_base_dir", folder, "--output_dir", folder / "rl"]
    subprocess.run([sys.executable, script, "--val_size", "2", *places], check=True)
    return folder


@pytest.fixture(scope="module", params=["qwen2_5vl", "qwen3vl"])
def model(request, corpus, tmp_path_factory):
    from data_prep.demo.tiny_model import build_model, corpus_of
    from videokr.family import FAMILIES

    path = tmp_path_factory.mktemp("model") / request.param
    build_model(FAMILIES[request.param], corpus_of(corpus / "sft.jsonl"), path)
    return path
