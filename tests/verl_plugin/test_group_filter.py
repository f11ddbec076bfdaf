"""Our sampler and verl's own on verl's transfer queue: groups that tie (DAPO), prompts that failed. No model runs."""

import json
import re
import subprocess
import sys

import pytest
from checkout import ROOT

pytest.importorskip("verl")
pytestmark = pytest.mark.rl


# A step of four prompts with two rollouts each, whose scores are said beforehand: prompts in their order, then more.
IN_VERL = """
import json, sys
import ray, torch, transfer_queue
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from tensordict import TensorDict
from verl.utils.tensordict_utils import list_of_dict_to_tensordict
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
from verl_plugin.sampler import StrictReplayBuffer

ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
transfer_queue.init()


def step(scores, *overrides, stock=False):
    # No score: the prompt's rollouts have failed.
    with initialize_config_dir(sys.argv[1], version_base=None):
        config = compose("videokr_grpo_cpu", ["hydra.searchpath=[pkg://verl.trainer.config]", "data.train_batch_size=4",
                                              "algorithm.filter_groups.enable=true", *overrides])
    OmegaConf.resolve(config.trainer.v1.sampler)
    left, asked = iter(enumerate(scores)), []

    def ask(prompts):
        asked.append(prompts)
        if sum(asked) > 40:
            raise RuntimeError("asked for more than 40 prompts")
        for _ in range(prompts):
            number, rewards = next(left, (999 + len(asked), (0.0, 0.0)))
            for session, reward in enumerate(rewards or ()):
                scored = {"rm_scores": torch.tensor([0.0, reward]),
                          "extra_fields": {"uid": f"p{number}", "reward_extra_info": {"acc": reward, "score": 0.5}}}
                transfer_queue.kv_batch_put(keys=[f"p{number}_{session}_0"], partition_id="train",
                                            fields=list_of_dict_to_tensordict([scored]), tags=[{"status": "success"}])
            transfer_queue.kv_put(key=f"p{number}", partition_id="train",
                                  tag={"is_prompt": True, "status": "finished" if rewards else "failure",
                                       "global_steps": 1})

    try:
        common = {"trainer_mode": "sync", "trainer_config": None, "max_off_policy_threshold": None, "refill_fn": ask,
                  "max_off_policy_strategy": "drop", "sampler_kwargs": config.trainer.v1.sampler.sampler_kwargs}
        metric = config.algorithm.filter_groups.metric if config.algorithm.filter_groups.enable else None
        sampler = (ReplayBuffer(**common, filter_groups_metric=metric, train_batch_size=4, gen_batch_size=1,
                                poll_interval=0.1) if stock else StrictReplayBuffer(**common))
        ask(4)
        batch, metrics = sampler.sample(1, "train", 4)
        return {"keys": sorted(batch.keys), "evicted": metrics.get("training/filter_groups/evicted_samples"),
                "acc": metrics.get("reward/acc"), "asked": sum(asked)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "asked": sum(asked)}
    finally:
        keys = list(transfer_queue.kv_list().get("train", {}))
        if keys:
            transfer_queue.kv_clear(keys=keys, partition_id="train")


groups = "algorithm.filter_groups"
varied, equal = (0.0, 1.0), (1.0, 1.0)
ran = {
    "two tie": step([varied, equal, varied, equal, varied, equal, varied, varied]),
    "off": step([varied, equal, varied, equal], f"{groups}.enable=false"),
    "by score": step([varied] * 4, f"{groups}.metric=score", f"{groups}.max_num_gen_batches=2"),
    "all tie": step([], f"{groups}.max_num_gen_batches=3"),
    "no metric": step([], f"{groups}.metric=null"),
    "all tie in stock verl": step([], f"{groups}.max_num_gen_batches=3", stock=True),
    "one failed": step([varied, None, varied, varied], f"{groups}.enable=false"),
    "one failed in stock verl": step([varied, None, varied, varied], f"{groups}.enable=false", stock=True),
}
ray.shutdown()
print("RAN" + json.dumps(ran))
"""


@pytest.fixture(scope="module")
def ran():
    command = [sys.executable, "-c", IN_VERL, str(ROOT / "verl_plugin" / "config")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    found = re.search(r"RAN(.*)", done.stdout)
    assert found, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(found[1])


def test_groups_that_tie_are_replaced(ran):
    two = ran["two tie"]
    kept = {key.partition("_")[0] for key in two["keys"]}
    assert len(kept) == 4 and kept < {"p0", "p2", "p4", "p6", "p7"} and len(two["keys"]) == 8
    assert (two["evicted"], two["acc"]) == (3, 0.5)
    assert ran["off"] == {"keys": [f"p{n}_{s}_0" for n in range(4) for s in (0, 1)], "evicted": None, "acc": 0.75,
                          "asked": 4}  # fmt: skip


@pytest.mark.parametrize(("name", "most", "metric"), [("all tie", 3, "reward"), ("by score", 2, "score")])
def test_a_step_in_which_all_groups_tie_ends_the_run_in_one_line(ran, name, most, metric):
    error = ran[name]["error"]
    assert error.startswith("UserError: ") and f"differ in {metric}" in error and "\n" not in error
    assert f"max_num_gen_batches ({most})" in error and ran[name]["asked"] == 4 * most


def test_a_filter_needs_a_metric(ran):
    assert ran["no metric"]["error"] == "UserError: algorithm.filter_groups.metric is not set: reward, or acc"


def test_a_prompt_that_failed_ends_the_run(ran):
    assert ran["one failed"]["error"].startswith("RuntimeError: 1 prompts failed in their rollout; the log above")


def test_canary_verl_issue_6437_trains_on_when_a_rollout_failed(ran):
    """When this fails, verl ends such a run by itself and our sampler need not."""
    assert ran["one failed in stock verl"]["keys"] == [f"p{n}_{s}_0" for n in (0, 2, 3) for s in (0, 1)]


def test_canary_verl_ignores_how_often_groups_may_be_asked_for_again(ran):
    """When this fails, verl heeds max_num_gen_batches and StrictReplayBuffer._ask_for_more can go."""
    assert ran["all tie in stock verl"]["error"] == "RuntimeError: asked for more than 40 prompts"
