"""The reward with a judge as verl runs it: what is asked, what comes back, and what the trainer learns of a failure."""

import asyncio
import json
import os
import re
import subprocess
import sys

import pytest
from checkout import ROOT

pytest.importorskip("verl")
pytest.importorskip("openai")

from judge_endpoint import KEY, environment

pytestmark = pytest.mark.rl
LONG = "the piston compresses the gas until it ignites"
OPEN = {"problem_type": "open-ended", "question": "What happens?", "options": []}
CHOICE = {"problem_type": "multiple choice", "question": "Which?", "options": ["left", "right"]}
JUDGE_VARIABLES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_API_KEY", "AZURE_ENDPOINT", "API_TYPE", "MODEL_VERSION")


@pytest.fixture
def judge(endpoint, monkeypatch):
    """The endpoint, configured as the judge of this process."""
    for name in (*JUDGE_VARIABLES, "VIDEOKR_USE_VLM_JUDGE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(endpoint).items():
        monkeypatch.setenv(name, value)
    return endpoint


def score(said, gold, info, think=True, **settings):
    from verl_plugin.judged_reward import compute_score

    response = f"{'<think>a</think>' if think else ''}<answer>{said}</answer>"
    return asyncio.run(compute_score("videokr", response, f"<answer>{gold}</answer>", info, **settings))


@pytest.mark.parametrize(
    ("said", "gold", "reply", "score_", "reason"),
    [
        ("heat of compression lights the fuel", LONG, "1", 1.0, "judged_right"),
        ("the piston cools the gas", LONG, "0", 0.1, "judged_wrong"),
        ("automobile", "car", "1", 1.0, "judged_right"),
        ("bicycle", "car", "0", 0.1, "judged_wrong"),
        ("it is four", "4 dogs", "1", 1.0, "judged_right"),
        ("no", "yes", "0", 0.1, "judged_wrong"),
    ],
)
def test_the_judge_decides_on_texts(judge, said, gold, reply, score_, reason):
    judge.replies = [reply]
    given = score(said, gold, OPEN)
    assert given == {"score": score_, "acc": float(reply), "format": 1.0, "answered": True, "reason": reason}
    assert score(said, gold, OPEN, think=False)["score"] == pytest.approx(0.9 * float(reply))
    assert json.loads(judge.requests[0]["messages"][1]["content"]) == {
        "question": "What happens?",
        "gold_answer": gold,
        "candidate_answer": said,
    }


@pytest.mark.parametrize(
    ("said", "gold", "info"),
    [
        ("A", "B", CHOICE),
        ("the right one", "B", CHOICE),
        ("6", "5", OPEN),
        ("5 cm", "5 m", OPEN),
        ("0:10 to 0:20", "0:15 to 0:30", OPEN),
        ("4 days", "3 weeks", OPEN),
        ("0.1", r"\frac{1}{2}", OPEN),
        ("car", "car", OPEN),
        (LONG, LONG, OPEN),
        ("the piston <|video_pad|> moves", LONG, OPEN),
        ("piston " * 5_000, LONG, OPEN),
    ],
)
def test_what_rules_decide_is_never_asked(judge, said, gold, info):
    from verl_plugin import reward

    response = f"<think>a</think><answer>{said}</answer>"
    assert score(said, gold, info) == reward.compute_score("videokr", response, gold, info, accuracy="typed")
    assert not judge.requests


@pytest.mark.parametrize(
    "said", ["", "no block at all", "<think>a", "<answer></answer>", "<think><answer>x</answer></think>"]
)
def test_no_answer_is_never_asked(judge, said):
    from verl_plugin.judged_reward import compute_score

    given = asyncio.run(compute_score("videokr", said, LONG, OPEN))
    assert given["acc"] == 0.0 and given["answered"] is False and not judge.requests


@pytest.mark.parametrize("reply", ["hm", 401, 5.0])
def test_a_judge_that_fails_gives_no_score(judge, reply):
    from videokr.evaluation.judge import JudgeError

    judge.replies = [reply]
    with pytest.raises(JudgeError) as caught:
        score("heat", LONG, OPEN, judge_seconds=0.5)
    assert KEY not in str(caught.value)


def test_rollouts_share_one_judge_and_its_folder(judge, tmp_path):
    from verl_plugin.judged_reward import compute_score

    async def rollouts():
        said = [f"<answer>heat {number}</answer>" for number in range(8)] * 2
        settings = {"judge_cache": str(tmp_path), "judge_concurrency": 2}
        return await asyncio.gather(*(compute_score("videokr", one, LONG, OPEN, **settings) for one in said))

    judge.replies = [0.05]
    assert [given["acc"] for given in asyncio.run(rollouts())] == [1.0] * 16
    assert len(judge.requests) == 8 and judge.most_at_once == 2
    assert [given["acc"] for given in asyncio.run(rollouts())] == [1.0] * 16  # another event loop, as after a restart
    assert len(judge.requests) == 8


@pytest.mark.parametrize(
    ("info", "settings", "variables", "message"),
    [
        (OPEN, {}, {"OPENAI_API_KEY": ""}, "there is none: set OPENAI_API_KEY"),
        (CHOICE, {}, {"OPENAI_API_KEY": ""}, "there is none: set OPENAI_API_KEY"),
        (OPEN, {}, {"VIDEOKR_USE_VLM_JUDGE": "0"}, "leave VIDEOKR_USE_VLM_JUDGE unset"),
        (OPEN, {"accuracy": "paper"}, {}, "asks no judge: give typed"),
        (OPEN, {"accuracy": "other"}, {}, "'other' is unknown"),
        (OPEN, {"judge_concurrency": 0}, {}, "judge_concurrency=0"),
        (OPEN, {"judge_seconds": -1}, {}, "judge_seconds=-1"),
        (OPEN, {"judge_cache": __file__}, {}, "judge cache '"),
        (OPEN | {"question": ""}, {}, {}, "no 'question'.*prepare the data again"),
        ({"problem_type": "open-ended"}, {}, {}, "no 'question'.*prepare the data again"),
    ],
)
def test_mistakes_are_named(judge, monkeypatch, info, settings, variables, message):
    from videokr.errors import UserError

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message):
        score("B" if info is CHOICE else "heat", "B" if info is CHOICE else LONG, info, **settings)


# verl's own reward workers, transfer queue and sampler in processes of their own; no model runs.
IN_VERL = """
import json, sys
import numpy as np, ray, torch, transfer_queue
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker
from verl.utils import hf_tokenizer
from verl.utils.tensordict_utils import list_of_dict_to_tensordict
from verl_plugin.sampler import JUDGE_FAILURES, StrictReplayBuffer

model, config_dir = sys.argv[1:]
ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
transfer_queue.init()
function = "reward.custom_reward_function"
with initialize_config_dir(config_dir, version_base=None):
    config = compose("videokr_grpo", ["hydra.searchpath=[pkg://verl.trainer.config]",
                                      f"actor_rollout_ref.model.path={model}",
                                      f"{function}.path=pkg://verl_plugin.judged_reward",
                                      f"{function}.reward_kwargs.accuracy=typed",
                                      f"+{function}.reward_kwargs.judge_seconds=30.0"])
sampler_kwargs = OmegaConf.to_container(config.trainer.v1.sampler.sampler_kwargs, resolve=True)
worker = ray.remote(RewardLoopWorker).remote(config)
tokenizer = hf_tokenizer(model)


def rollout(uid, answer, info):
    \"\"\"As verl's agent loop worker hands it to a reward worker.\"\"\"
    ids = torch.tensor([tokenizer.encode(f"<think>a</think><answer>{answer}</answer>")])
    batch = TensorDict({"prompts": ids, "responses": ids, "input_ids": torch.cat([ids, ids], 1),
                        "attention_mask": torch.ones(1, 2 * ids.shape[1], dtype=torch.int64)}, batch_size=1)
    gold = {"ground_truth": "the piston compresses the gas until it ignites"}
    fields = {"data_source": "videokr", "reward_model": gold, "extra_info": info}
    stacked = {name: np.array([value]) for name, value in fields.items()}
    stacked["tool_extra_fields"] = np.array([{"uid": uid, "turn_scores": []}], dtype=object)
    return worker.compute_score.remote(DataProto(batch=batch, non_tensor_batch=stacked))


def sample(prompts, share=None, partition="train"):
    \"\"\"What the trainer gets of prompts.

    Each is, by its uid, extra_info, the answers of its rollouts, and whether one failed without a word of ours.
    \"\"\"
    for uid, (info, said, other) in prompts.items():
        failed, session = other, -1
        for session, answer in enumerate(said):
            try:
                scored = ray.get(rollout(uid, answer, info))
            except ray.exceptions.RayTaskError as error:
                failed = True
                raised.add(type(error.cause).__name__)
            else:
                scores.append(round(scored["reward_score"], 3))
                said_of_it = {"reward_extra_info": scored["reward_extra_info"]}
                transfer_queue.kv_batch_put(keys=[f"{uid}_{session}_0"], partition_id=partition,
                                            fields=list_of_dict_to_tensordict([{"extra_fields": said_of_it}]),
                                            tags=[{"status": "success"}])
        tag = {"is_prompt": True, "status": "failure" if failed else "finished", "global_steps": 1}
        transfer_queue.kv_put(key=uid, partition_id=partition, tag=tag)
    kwargs = OmegaConf.create({**sampler_kwargs, **({} if share is None else {"max_judge_failures": share})})
    sampler = StrictReplayBuffer(trainer_mode="sync", trainer_config=None, max_off_policy_threshold=None,
                                 max_off_policy_strategy="drop", sampler_kwargs=kwargs, refill_fn=print)
    try:
        batch, metrics = sampler.sample(1, partition, len(prompts))
        left = transfer_queue.kv_list().get(JUDGE_FAILURES, {})
        return {"keys": sorted(batch.keys), "metrics": metrics, "left": left}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        keys = list(transfer_queue.kv_list().get(partition, {}))
        transfer_queue.kv_clear(keys=keys, partition_id=partition)


info = {"problem_type": "open-ended", "question": "What happens?", "options": []}
scores, raised = [], set()
right, broken = (info, ["the right one"], False), (info, ["broken"], False)
mixed, other = (info, ["broken", "wrong one"], False), (info, [], True)
mistaken = ({**info, "question": None}, ["broken"], False)


def batch_of(name, good, *bad):
    prompts = [right] * good + list(bad)
    return {f"{name}{place}": prompt for place, prompt in enumerate(prompts)}


ran = {
    "few": sample(batch_of("few", 9, (info, ["broken", "the right one"], False))),
    "again": sample(batch_of("again", 2)),
    "many": sample(batch_of("many", 8, broken, broken)),
    "more allowed": sample(batch_of("allowed", 1, mixed), share=0.5),
    "others": sample(batch_of("others", 1, broken, other), share=1.0),
    "mistake": sample(batch_of("mistake", 0, broken, mistaken), share=1.0),
    "all": sample(batch_of("all", 0, broken)),
    "validation": sample(batch_of("validation", 9, broken), partition="val"),
}
ray.shutdown()
print("RAN" + json.dumps({**ran, "scores": sorted(set(scores)), "raised": sorted(raised)}))
"""


@pytest.fixture(scope="module")
def in_verl(tmp_path_factory):
    from judge_endpoint import serve

    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    model = tmp_path_factory.mktemp("judged") / "model"
    build_model(FAMILIES["qwen3vl"], ["<think>a</think><answer>the right one is broken</answer>"] * 20, model)

    def reply(body: dict) -> str:
        answer = json.loads(body["messages"][1]["content"])["candidate_answer"]
        return {"the right one": "1", "broken": f"I cannot say, {KEY}"}.get(answer, "0")

    with serve() as endpoint:
        endpoint.replies = [reply]
        variables = {name: value for name, value in os.environ.items() if name not in JUDGE_VARIABLES}
        done = subprocess.run(
            [sys.executable, "-c", IN_VERL, str(model), str(ROOT / "verl_plugin" / "config")],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=variables | environment(endpoint) | {"CUDA_VISIBLE_DEVICES": ""},
        )
    found = re.search(r"RAN(.*)", done.stdout)
    assert found, done.stdout[-2000:] + done.stderr[-4000:]
    assert KEY not in done.stdout + done.stderr
    return json.loads(found[1]) | {"out": done.stdout}


def test_verl_awaits_the_reward(in_verl):
    assert in_verl["scores"] == [0.1, 1.0] and in_verl["raised"] == ["JudgeError", "UserError"]


def test_a_few_failures_of_the_judge_are_counted_and_the_step_goes_on(in_verl):
    few = in_verl["few"]
    assert few["metrics"]["reward/judge_failed"] == 1
    assert few["keys"] == [*(f"few{place}_0_0" for place in range(9)), "few9_1_0"] and not few["left"]
    assert (
        "the judge gave no verdict on 1 of 10 prompts; the last time: the judge 'gpt-4o': it answers" in in_verl["out"]
    )
    assert few["metrics"]["reward/acc"] == 1.0 and few["metrics"]["reward/reason/judged_right"] == 1.0
    assert in_verl["again"]["metrics"]["reward/judge_failed"] == 0  # no failure is counted twice
    assert in_verl["more allowed"]["metrics"]["reward/judge_failed"] == 1
    assert in_verl["validation"]["metrics"]["reward/judge_failed"] == 1


@pytest.mark.parametrize(("name", "count"), [("many", "2 of 10"), ("all", "1 of 1")])
def test_more_end_the_run_in_one_line(in_verl, name, count):
    error = in_verl[name]["error"]
    assert error.startswith(f"UserError: the judge gave no verdict on {count} prompts; the last time: the judge")
    assert "I cannot say, [key]" in error and "max_judge_failures (0.1)" in error and "\n" not in error


def test_other_failures_end_the_run_as_before(in_verl):
    assert in_verl["others"]["error"].startswith("RuntimeError: 1 prompts failed in their rollout")
    assert "has no 'question'" in in_verl["mistake"]["error"]
    assert in_verl["mistake"]["error"].startswith("UserError: ")
