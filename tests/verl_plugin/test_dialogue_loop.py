"""A rollout of several rounds whose turns are written down beforehand: what the engine and the trainer get of it."""

import asyncio
import copy

import pytest

pytest.importorskip("verl")

from dialogues import as_chat_template

from videokr.dialogue import SYSTEM, TOOL_NAME, CallFault, build_call_turn
from videokr.family import END_OF_TURN
from videokr.spans import Span

pytestmark = pytest.mark.rl
ANSWER = "<think>It is red.</think>\n<answer>A</answer>"


def said(*spans: Span) -> str:
    return build_call_turn("look", spans)


class Scripted:
    """Answers as verl's client of its rollout server does, one turn after the other."""

    def __init__(self, tokenizer, turns, video=None, breaks_at=None):
        self.tokenizer, self.turns, self.requests = tokenizer, iter(turns), []
        self.video, self.breaks_at = video, breaks_at

    async def generate(self, **request):
        from verl.workers.rollout.replica import TokenOutput

        if len(self.requests) == self.breaks_at:
            self.video.write_bytes(b"not a video")
        self.requests.append(request)
        ids = self.tokenizer(next(self.turns) + END_OF_TURN, add_special_tokens=False)["input_ids"]
        return TokenOutput(token_ids=ids, log_probs=[-0.5] * len(ids), extra_fields={})


@pytest.fixture(scope="module")
def rollout(corpus, model, tmp_path_factory):
    """Runs one row through verl's own agent loop worker."""
    import numpy as np
    from grpo import TINY_BUDGET, composed, dataset
    from verl import DataProto
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker

    import verl_plugin.dialogue_loop  # noqa: F401  (registers itself)
    from verl_plugin.videos import local_path, videos_of

    rows = dataset(corpus, model)
    row = {name: value for name, value in rows[0].items() if not hasattr(value, "ndim")}
    row["raw_prompt"] = [{"role": "system", "content": SYSTEM}, *row["raw_prompt"]]

    def run(turns, room=600, video=None, breaks_at=None):
        asked = copy.deepcopy(row)
        if video:  # a copy of the row's, which breaks
            (part,) = videos_of(asked["raw_prompt"])
            video.write_bytes(local_path(part).read_bytes())
            part["video"] = str(video)
        settings = {
            "actor_rollout_ref.model.path": model,
            "data.train_batch_size": 1,
            "data.max_prompt_length": 1024,
            "data.max_response_length": room,
            "actor_rollout_ref.rollout.prompt_length": 1024,
            "actor_rollout_ref.rollout.response_length": room,
            **{f"+data.video_budget.{name}": value for name, value in TINY_BUDGET.items()},
        }
        config = composed("videokr_grpo_cpu", [f"{name}={value}" for name, value in settings.items()])
        client = Scripted(rows.tokenizer, turns, video, breaks_at)
        worker = AgentLoopWorker(config, client)
        given = asked | {"agent_name": "videokr_dialogue", "uid": "one"}
        fields = {name: np.array([value, None], dtype=object)[:1] for name, value in given.items()}
        batch = DataProto.from_dict(non_tensors=fields, meta_info={"global_steps": 0, "validate": False})
        return asyncio.run(worker.generate_sequences(batch)), client, row

    return run


@pytest.mark.parametrize("spans", [[[(0.5, 1.5)]], [[(0.0, 1.0), (1.0, 2.0)], [(0.5, 0.75)]]], ids=str)
def test_the_trainer_gets_what_the_chat_template_writes(rollout, model, spans):
    from verl.utils.tokenizer import hf_processor

    from verl_plugin.videos import budget_of, local_path, videos_of

    turns = [*(said(*of_turn) for of_turn in spans), ANSWER]
    made, client, row = rollout(turns)
    kept = made.batch["attention_mask"][0].bool()
    ids = made.batch["input_ids"][0, kept].tolist()
    processor = hf_processor(str(model))
    part = videos_of(row["raw_prompt"])[0]
    expected = as_chat_template(row["raw_prompt"], local_path(part), budget_of(part), processor, turns, spans)
    assert processor.tokenizer.decode(ids) == processor.tokenizer.decode(expected).removesuffix("\n")
    assert ids == list(expected)[: len(ids)]
    carried = made.batch["response_mask"][0].bool()
    trained = processor.tokenizer.decode(made.batch["responses"][0][: len(carried)][carried])
    assert trained == "".join(turn + END_OF_TURN for turn in turns)
    assert [len(request["video_data"]) for request in client.requests] == [
        1 + sum(map(len, spans[:round_])) for round_ in range(len(turns))
    ]


def test_what_cannot_be_shown_is_said_and_the_model_goes_on(rollout):
    turns = [said((500.0, 501.0)), "<think>x</think><tool_call>{</tool_call>", ANSWER]
    made, client, _ = rollout(turns)
    whole = client.tokenizer.decode(made.batch["responses"][0])
    assert CallFault.BEYOND in whole and CallFault.BROKEN in whole
    assert made.non_tensor_batch["videokr_turns"][0] == turns
    assert made.non_tensor_batch["videokr_calls"][0] == [CallFault.BEYOND, CallFault.BROKEN]


def test_every_call_that_shows_nothing_is_counted_by_what_is_told(rollout, tmp_path):
    """Two dialogues with each of the sentences once; the video breaks after the second round."""
    from verl_plugin.dialogue_reward import compute_score
    from verl_plugin.sampler import reward_metrics

    def block(call):
        return f"<tool_call>{call}</tool_call>"

    other, no_times = '{"name": "other", "arguments": []}', f'{{"name": "{TOOL_NAME}", "arguments": {{}}}}'
    turns = [
        "<think>x</think>" + "".join(map(block, ("{", other, no_times, other))),  # the last is one too many
        said((1.0, 0.5), (500.0, 501.0)),
        said((0.0, 1.0)),
        said((0.0, 1.0)),
        ANSWER,
    ]
    crowded = [said((0.0, 1.0), (0.5, 1.5), (1.0, 2.0)), ANSWER]
    video = tmp_path / "breaks.mp4"
    rewards = []
    for given, room in ((turns, 2_000), (crowded, 200)):
        made, _, row = rollout(given, room, video, breaks_at=2)
        fields = {name: made.non_tensor_batch[name][0] for name in ("videokr_turns", "videokr_calls")}
        gold = row["reward_model"]["ground_truth"]
        rewards.append(compute_score("videokr", "", gold, row["extra_info"] | fields))
    assert [reward["broken_calls"] for reward in rewards] == [len(CallFault) - 1, 1]
    told = {name: value for name, value in reward_metrics(rewards, set()).items() if "broken_calls/" in name}
    assert told == {f"reward/broken_calls/{fault.name.lower()}": 1 / 2 for fault in CallFault}


def test_a_model_that_calls_for_ever_is_ended(rollout):
    made, client, _ = rollout([said((0.0, 1.0))] * 9, room=2_000)
    assert [len(request["video_data"]) for request in client.requests] == [1, 2, 3, 4, 4]
    assert made.non_tensor_batch["videokr_calls"][0][-1] == CallFault.NO_ROUNDS


def test_an_observation_without_room_is_told_in_its_place(rollout, model):
    from verl.utils.tokenizer import hf_tokenizer

    call = said((0.0, 1.0), (0.5, 1.5), (1.0, 2.0))
    told = f"\n<|im_start|>user\n<tool_response>\n{CallFault.NO_ROOM}\n</tool_response>{END_OF_TURN}\n"
    written = f"{call}{END_OF_TURN}{told}<|im_start|>assistant\n"
    tokens = len(hf_tokenizer(str(model))(written, add_special_tokens=False)["input_ids"])
    made, client, _ = rollout([call, ANSWER], room=tokens + 1)
    assert client.tokenizer.decode(made.batch["responses"][0][:tokens]) == written
    assert [len(request["video_data"]) for request in client.requests] == [1, 1]
    assert made.non_tensor_batch["videokr_calls"][0] == [CallFault.NO_ROOM]
    made, client, _ = rollout([call, ANSWER], room=tokens)  # not even for that
    assert made.non_tensor_batch["videokr_calls"][0] == [CallFault.NO_ROOM]
    assert len(client.requests) == 1 and made.batch["response_mask"][0].sum() < tokens
