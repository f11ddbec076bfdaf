"""A rollout of several rounds whose turns are written down beforehand: what the engine and the trainer get of it."""

import asyncio

import pytest

pytest.importorskip("verl")

from videokr.dialogue import SYSTEM, CallFault, build_call_turn
from videokr.family import END_OF_TURN
from videokr.spans import Span

pytestmark = pytest.mark.rl
ANSWER = "<think>It is red.</think>\n<answer>A</answer>"


def said(*spans: Span) -> str:
    return build_call_turn("look", spans)


class Scripted:
    """Answers as verl's client of its rollout server does, one turn after the other."""

    def __init__(self, tokenizer, turns):
        self.tokenizer, self.turns, self.requests = tokenizer, iter(turns), []

    async def generate(self, **request):
        from verl.workers.rollout.replica import TokenOutput

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

    rows = dataset(corpus, model)
    row = {name: value for name, value in rows[0].items() if not hasattr(value, "ndim")}
    row["raw_prompt"] = [{"role": "system", "content": SYSTEM}, *row["raw_prompt"]]

    def run(turns, room=600):
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
        client = Scripted(rows.tokenizer, turns)
        worker = AgentLoopWorker(config, client)
        given = row | {"agent_name": "videokr_dialogue", "uid": "one"}
        fields = {name: np.array([value, None], dtype=object)[:1] for name, value in given.items()}
        batch = DataProto.from_dict(non_tensors=fields, meta_info={"global_steps": 0, "validate": False})
        return asyncio.run(worker.generate_sequences(batch)), client, row

    return run


def as_chat_template(row, processor, turns, spans):
    """The dialogue as the processor of the family writes it, its videos decoded by themselves."""
    from verl_plugin.videos import budget_of, local_path, videos_of
    from videokr.video.part import name_part
    from videokr.video.reader import read_frames
    from videokr.video.vision_tokens import drop_outer_marks

    drop_outer_marks(processor)
    part = videos_of(row["raw_prompt"])[0]
    names = [local_path(part), *(name_part(str(local_path(part)), span) for of_turn in spans for span in of_turn)]
    shown = [read_frames(name, budget_of(part), processor.video_processor.patch_size) for name in names]
    messages = list(row["raw_prompt"])
    for turn, of_turn in zip(turns, [*spans, None], strict=True):
        messages.append({"role": "assistant", "content": turn})
        if of_turn is not None:
            content = [{"type": "text", "text": "<tool_response>\n"}]
            for number, (start, end) in enumerate(of_turn):
                text = f"From {start:.1f} to {end:.1f} seconds." + "\n" * (number < len(of_turn) - 1)
                content += [{"type": "video"}, {"type": "text", "text": text}]
            messages.append({"role": "user", "content": [*content, {"type": "text", "text": "\n</tool_response>"}]})
    text = processor.apply_chat_template(messages, tokenize=False)
    return processor(
        text=[text],
        videos=[frames for frames, _ in shown],
        video_metadata=[plan.metadata for _, plan in shown],
        do_sample_frames=False,
        do_resize=False,
    )["input_ids"][0]


@pytest.mark.parametrize("spans", [[[(0.5, 1.5)]], [[(0.0, 1.0), (1.0, 2.0)], [(0.5, 0.75)]]], ids=str)
def test_the_trainer_gets_what_the_chat_template_writes(rollout, model, spans):
    from verl.utils.tokenizer import hf_processor

    turns = [*(said(*of_turn) for of_turn in spans), ANSWER]
    made, client, row = rollout(turns)
    kept = made.batch["attention_mask"][0].bool()
    ids = made.batch["input_ids"][0, kept].tolist()
    processor = hf_processor(str(model))
    expected = as_chat_template(row, processor, turns, spans)
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
    made, client, _ = rollout([call, ANSWER], room=tokens)  # not even for that
    assert len(client.requests) == 1 and made.batch["response_mask"][0].sum() < tokens
