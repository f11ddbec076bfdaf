"""vLLM on a CPU with a mixture of experts: as transformers has it, also after weights of verl's form came in."""

import json
import os
import re
import subprocess
import sys

import pytest
from checkout import ROOT

pytestmark = pytest.mark.rl

# The log-probabilities of a prompt: by vLLM, again after other weights and these came in, and by transformers.
SYNCED = """
import json, sys
import torch
from transformers import AutoModelForImageTextToText
from vllm import LLM, SamplingParams
from verl.workers.engine.fsdp.utils import unfuse_moe_params

engine = LLM(sys.argv[1], dtype="float32", max_model_len=512, enforce_eager=True, enable_prefix_caching=False)
model = AutoModelForImageTextToText.from_pretrained(sys.argv[1], dtype=torch.float32)
weights = {name: weight.detach() for name, weight in model.state_dict().items()}

def said():
    (output,) = engine.generate(["Which way does it go?"], SamplingParams(max_tokens=1, prompt_logprobs=0))
    told = [one[token].logprob for one, token in zip(output.prompt_logprobs[1:], output.prompt_token_ids[1:])]
    return told, output.prompt_token_ids

def load(scale):
    scaled = {name: weight * scale if "experts" in name else weight for name, weight in weights.items()}
    engine.apply_model(lambda inside: inside.load_weights(unfuse_moe_params(scaled.items())) and None)

first, ids = said()
load(2.0)
other = said()[0]
load(1.0)
logits = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
wanted = [logits[place, token].item() for place, token in enumerate(ids[1:])]
print("SAID" + json.dumps([wanted, first, said()[0], other]))
"""


def test_experts_of_a_checkpoint_and_of_an_update_are_those_of_transformers(tmp_path):
    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    build_model(FAMILIES["qwen3vl"], ["Which way does it go? <answer>A</answer>"] * 20, tmp_path / "model", moe=True)
    cpu = {"VERL_PLATFORM": "cpu", "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1"}
    cpu |= {"VERL_USE_EXTERNAL_MODULES": "verl_plugin.cpu"}
    cpu |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
    command = [sys.executable, "-c", SYNCED, str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | cpu, cwd=ROOT)
    found = re.search(r"SAID(.*)", done.stdout)
    assert found, done.stdout[-2000:] + done.stderr[-4000:]
    wanted, loaded, updated, other = json.loads(found[1])
    assert loaded == pytest.approx(wanted, abs=1e-3) and updated == pytest.approx(loaded, abs=1e-6)
    assert max(abs(one - two) for one, two in zip(other, wanted, strict=True)) > 1e-2
