"""GRPO through the launcher, from prompts to a merged model: real rollouts of vLLM, tiny models.

A run takes a minute, most of it for Python's imports in its processes: each holds as much as it can.
"""

import json
import os
import re
import subprocess
import sys

import pytest
from checkout import ROOT
from grpo import ON_A_CPU, double_the_videos, launch_grpo, submit_grpo
from recipes_page import commands
from slurm_job import PAGE as CLUSTER
from slurm_job import job_variables, kill_when, nodes, ray_on_the_loopback

pytestmark = pytest.mark.rl

MICRO_BATCHES = (
    "actor.ppo_micro_batch_size_per_gpu",
    "ref.log_prob_micro_batch_size_per_gpu",
    "rollout.log_prob_micro_batch_size_per_gpu",
)
# Our reward, which leaves what verl tells it.
SPY = """
import json
from verl_plugin import reward
def compute_score(**given):
    with open({path!r}, "a") as told:
        print(json.dumps(sorted(given["extra_info"])), file=told)
    return reward.compute_score(**given)
"""


def of_four_prompts(folder):
    """Settings of a step on four prompts, of no video, one and two. Rollouts are greedy: another run gives the same.

    Of tokens that are the likeliest vLLM says that they are certain, as nothing else could be drawn.
    """
    return [
        f"reward.custom_reward_function.path={folder / 'spy.py'}",
        "reward.custom_reward_function.reward_kwargs.accuracy=typed",
        f"trainer.rollout_data_dir={folder / 'run' / 'rollouts'}",
        "data.shuffle=False",
        "data.train_batch_size=4",
        "data.train_max_samples=4",
        "actor_rollout_ref.rollout.top_k=1",
        "trainer.v1.max_rollout_probs_diff=1",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4",
        "actor_rollout_ref.actor.entropy_coeff=0.01",  # rollouts alike have no advantage: something is to be learnt
        "trainer.total_training_steps=1",
    ]


def start(model, folder, *settings, **variables):
    places = {"MODEL_PATH": str(model), "DATA_DIR": str(folder / "rl"), "OUTPUT_DIR": str(folder / "run")}
    return launch_grpo(*of_four_prompts(folder), *settings, **places, **variables)


def is_started_on_two_nodes_of_which_one_dies(model, folder, place, *settings):
    """By the SLURM template: all of the second node is killed once a step is done; the next start goes on."""
    (command,) = commands("GRPO", CLUSTER)
    job = job_variables(folder, *ON_A_CPU, *ray_on_the_loopback(place, cpus=32))
    places = {"DATA_DIR": str(folder / "rl"), "OUTPUT_DIR": str(folder / "run")} | job
    halves = [f"actor_rollout_ref.{name}=16" for name in MICRO_BATCHES]
    settings = [
        *of_four_prompts(folder),
        *halves,
        "trainer.total_training_steps=2",
        "trainer.total_epochs=2",
        *settings,
    ]

    def submitted():
        return submit_grpo(command, model, folder, *settings, **places)

    logged, said = folder / "run" / "metrics.jsonl", folder / "job.log"
    running = submitted()
    kill_when(running, lambda: logged.is_file() and b"\n" in logged.read_bytes(), lambda: nodes(job, "node-b"))
    errors = [line for line in said.read_text().splitlines() if line.startswith("error: ")]
    assert running.returncode == 1 and len(errors) == 1, said.read_text()[-3000:]
    assert re.match(r"error: node 'node-b'( is gone|: process \d+ \(\w+\) has died); the same command", errors[0])
    goes_on = "going on from step 1 of"
    kill_when(submitted(), lambda: goes_on in said.read_text(), lambda: nodes(job, "node-a", "node-b"))
    assert goes_on in said.read_text(), said.read_text()[-3000:]


def first_step(folder):
    """Its metrics."""
    step, *_ = [json.loads(line)["data"] for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    return step


def test_grpo_runs_saves_and_merges(corpus, model, tmp_path, tmp_path_factory):
    """Qwen3-VL with LoRA, on two nodes of which one dies, and on one without the fast path, up to a broken video;
    Qwen2.5-VL in full, and a step more."""
    double_the_videos(corpus, tmp_path / "rl", rows=[0, 2], without=[3])
    (tmp_path / "spy.py").write_text(SPY.format(path=str(tmp_path / "told")))
    lora = ["actor_rollout_ref.model.lora_rank=4"]
    if model.name == "qwen3vl":
        place = tmp_path_factory.mktemp("r")
        is_started_on_two_nodes_of_which_one_dies(model, tmp_path, place, "trainer.save_freq=1", *lora)
    else:
        done = start(model, tmp_path, "trainer.save_freq=1")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    output, step = tmp_path / "run", first_step(tmp_path)
    assert step["training/global_step"] == 1 and step["actor/grad_norm"] > 0
    means = {name: step[f"reward/{name}"] for name in ("acc", "format", "answered")}
    assert 0.1 * means["format"] + 0.9 * means["acc"] == pytest.approx(step["critic/score/mean"], abs=1e-6)
    # Canary of verl #4545: by itself it logs no part of a reward in training. When it does, our sampler need not.
    assert [name for name in step if "acc" in name.split("/")] == ["reward/acc"]
    reasons = {name: value for name, value in step.items() if name.startswith("reward/reason/")}
    assert sum(reasons.values()) == pytest.approx(1.0)
    # Five videos of four prompts, and eight rollouts of each: decoded once, processed once here and once in vLLM.
    assert 0 < step["video/decodes_per_prompt"] <= 5 / 4 and 0 < step["video/engine_passes_per_prompt"] <= 5 / 4
    assert 0 < step["video/processor_passes_per_prompt"] <= 1 == step["video/replicas_per_prompt"]
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert len(told) >= 4 * 8 and all({"uid", "question", "options"} <= set(names) for names in told)
    explains_its_rollouts(output, reasons)
    merges(model, output)
    if model.name == "qwen2_5vl":
        goes_on_with_a_frozen_tower_and_filtered_groups(model, output, tmp_path)
    else:
        is_the_same_without_the_fast_path_up_to_an_undecodable_video(model, tmp_path, step, lora)


def explains_its_rollouts(output, reasons):
    explain = [sys.executable, "-m", "videokr", "explain-rollouts", output / "rollouts", "--accuracy", "typed"]
    done = subprocess.run(explain, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    explained = json.loads((output / "rollouts" / "explained.json").read_text())
    assert explained["over_all"]["rollouts"] == 4 * 8 and explained["differing_scores"]["count"] == 0
    found = {f"reward/reason/{name}": count / 32 for name, count in explained["over_all"]["reasons"].items()}
    assert found == pytest.approx({name: value for name, value in reasons.items() if value})


def merges(model, output):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from videokr.training_card import TRAINING_CARD, read_training_card

    checkpoint, merged = output / "checkpoints" / "global_step_1" / "actor", output / "merged"
    merge = ["bash", str(ROOT / "local_script" / "merge_videokr_checkpoint.sh"), str(checkpoint), str(merged)]
    environment = os.environ | {"VIDEOKR_PYTHON": sys.executable}
    done = subprocess.run(merge, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    differ = re.search(r"^([1-9]\d*) of \d+ tensors differ from '(.*)': language_model", done.stdout, re.MULTILINE)
    assert differ and differ[2] == str(model), done.stdout[-3000:]
    card = read_training_card(merged)
    assert card is not None and card.stage == "rl" and (merged / TRAINING_CARD).is_file()
    AutoProcessor.from_pretrained(merged)
    _, loading = AutoModelForImageTextToText.from_pretrained(merged, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]


def is_the_same_without_the_fast_path_up_to_an_undecodable_video(model, folder, fast, lora):
    """The same responses and rewards, and the same of them in the trainer: on two nodes from bytes, on one from floats.

    Gradients are left out: LoRA draws its weights anew in each run. The fifth prompt, of the next step, has a video
    that does not decode: the run ends in one line.
    """
    said = [rollouts(folder / "run")]
    (folder / "run").rename(folder / "fast")
    break_the_video(folder / "rl" / "train.parquet", row=4)
    one_more = ("trainer.save_freq=-1", "data.train_max_samples=8", "trainer.total_training_steps=2")
    done = start(model, folder, *lora, *one_more, VIDEOKR_FAST_VIDEO="0")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2, done.stderr[-3000:]
    assert len(errors) == 1 and "broken.mp4" in errors[0] and "cannot be decoded" in errors[0]
    plain = first_step(folder)
    said.append(rollouts(folder / "run"))
    assert said[0] == said[1] and len(said[0]) == 4 * 8
    assert plain["video/decodes_per_prompt"] == 8 * 5 / 4
    same = ("critic/score/mean", "actor/loss", "actor/entropy", "rollout_corr/training_log_ppl", "response_length/mean")
    assert {name: fast[name] for name in same} == pytest.approx({name: plain[name] for name in same}, rel=1e-5)


def break_the_video(table, row):
    import pandas as pd

    broken = table.parent / "broken.mp4"
    broken.write_bytes(b"not a video" * 100)
    rows = pd.read_parquet(table)
    rows["videos"].iloc[row][0]["video"] = str(broken)
    rows.to_parquet(table)


def rollouts(output):
    lines = [json.loads(line) for line in (output / "rollouts" / "1.jsonl").read_text().splitlines()]
    return sorted((line["input"], line["output"], line["score"]) for line in lines)


# Rollouts of the question met first score alike; those of the others do not.
TIES = """
from itertools import count
asked = {}
def compute_score(extra_info, **given):
    number = asked.setdefault(extra_info["question"] + str(extra_info["options"]), (len(asked), count()))
    return {"score": 0.5 if number[0] == 0 else next(number[1]) % 2, "acc": 0.0}
"""


def goes_on_with_a_frozen_tower_and_filtered_groups(model, output, folder):
    """A second step from the checkpoint of the first, each rollout a micro-batch of its own: text alone among them.

    It is the last: trainer and vLLM are to agree to the last bit, which they do not.
    """
    import torch

    (folder / "ties.py").write_text(TIES)
    done = launch_grpo(
        f"reward.custom_reward_function.path={folder / 'ties.py'}",
        "reward.custom_reward_function.reward_kwargs={}",
        f"trainer.rollout_data_dir={output / 'rollouts'}",
        "data.train_batch_size=4",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4",
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1",
        "actor_rollout_ref.actor.freeze_vision_tower=true",
        "algorithm.filter_groups.enable=true",
        "trainer.v1.max_rollout_probs_diff=0",
        "trainer.save_freq=1",
        "trainer.total_training_steps=2",
        MODEL_PATH=str(model),
        DATA_DIR=str(folder / "rl"),
        OUTPUT_DIR=str(output),
    )
    assert done.returncode == 2, done.stdout[-3000:] + done.stderr[-3000:]
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "step 2: the trainer gives the tokens of its rollouts other probabilities" in error
    first_lines = done.stdout.partition("ray init kwargs")[0]
    assert "going on from step 1 of" in first_lines and "freeze_vision_tower: False before, True now" in first_lines
    steps = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [1, 2]
    assert {path.name for path in (output / "rollouts").glob("*.jsonl")} == {"1.jsonl", "2.jsonl"}
    assert steps[1]["data"]["training/filter_groups/evicted_samples"] >= 1 and steps[1]["data"]["actor/grad_norm"] > 0
    saved = output / "checkpoints" / "global_step_{}" / "actor" / "model_world_size_1_rank_0.pt"
    before, after = (torch.load(str(saved).format(step), weights_only=False) for step in (1, 2))
    changed = {name for name in after if not torch.equal(before[name].to_local(), after[name].to_local())}
    assert changed == {name for name in after if "visual" not in name}
