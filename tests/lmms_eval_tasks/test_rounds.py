"""Rounds with the crop tool in an evaluation: the same ids as the chat template's, and what ends them."""

from fractions import Fraction

import pytest

pytest.importorskip("lmms_eval")

from dialogues import TOLD_IN_XML, as_chat_template

from videokr.budget import VideoBudget
from videokr.dialogue import SYSTEM, CallFault, build_call_turn
from videokr.family import END_OF_TURN, FAMILIES

pytestmark = pytest.mark.eval
BUDGET = VideoBudget(fps=2.0, min_frames=4, max_frames=8, min_pixels=1_024, max_pixels=9_216)
ANSWER = "<think>It is red.</think>\n<answer>A</answer>"
ASKED = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "Which colour?"}]},
]


@pytest.fixture(scope="module", params=["qwen2_5vl", "qwen3vl"])
def dialogue(request, tmp_path_factory):
    """The rounds of a family, the conversation that they begin with, and the processor."""
    from odd_clips import Shape, draw
    from transformers import AutoProcessor

    from data_prep.demo.tiny_model import build_model
    from lmms_eval_tasks.models.conversation import Conversation, Rounds
    from videokr.video.reader import read_frames
    from videokr.video.vision_tokens import drop_outer_marks

    folder = tmp_path_factory.mktemp("rounds")
    clip = folder / "a.mp4"
    draw(Shape("libx264", "mp4", Fraction(10), 100, 96, 96, variable=False, turned=False), clip)
    build_model(
        FAMILIES[request.param], [f"{SYSTEM} {ANSWER} {build_call_turn('x', [(1.0, 2.0)])}"] * 8, folder / "model"
    )
    processor = AutoProcessor.from_pretrained(folder / "model")
    drop_outer_marks(processor)
    text = processor.apply_chat_template(ASKED, tokenize=False, add_generation_prompt=True)
    shown = read_frames(clip, BUDGET, FAMILIES[request.param].patch_size)
    begins = Conversation(text, (shown,), clip)
    return lambda room=4_000: Rounds(processor, BUDGET, room, ""), begins, processor


def test_the_engine_gets_what_the_chat_template_writes(dialogue):
    make, conversation, processor = dialogue
    rounds, spans = make(), [[(0.0, 1.0), (1.0, 2.5)], [(0.5, 0.75)]]
    turns = [*(build_call_turn("look", of_turn) for of_turn in spans), ANSWER]
    for turn in turns[:-1]:
        conversation = rounds.following(conversation, turn)
    expected = as_chat_template(ASKED, conversation.asked_about, BUDGET, processor, turns, spans)
    whole = conversation.text + ANSWER + END_OF_TURN + "\n"
    given = processor(
        text=[whole],
        videos=[frames for frames, _ in conversation.videos],
        video_metadata=[plan.metadata for _, plan in conversation.videos],
        do_sample_frames=False,
        do_resize=False,
    )["input_ids"][0]
    assert list(given) == list(expected) and rounds.following(conversation, ANSWER) is None
    assert rounds.tokens(conversation) == len(given) - len(
        processor.tokenizer(ANSWER + END_OF_TURN + "\n")["input_ids"]
    )


def test_rounds_end_and_what_has_no_room_is_told(dialogue):
    make, begins, _ = dialogue
    call, conversation, told = build_call_turn("look", [(0.0, 1.0)]), begins, []
    while conversation := make().following(conversation, call):
        told.append(conversation.said[-1])
    assert len(told) == 4 and CallFault.NO_ROUNDS in told[-1]
    long = build_call_turn("look", [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)])
    room = make().tokens(make().following(begins, long))
    assert CallFault.NO_ROOM in make(room).following(begins, long).said[-1]
    assert make(10).following(begins, long) is None
    assert CallFault.BEYOND in make().following(begins, build_call_turn("look", [(50.0, 60.0)])).said[-1]


@pytest.mark.parametrize(
    ("family", "told"), [("qwen3vl", SYSTEM), ("qwen3_5", TOLD_IN_XML)], ids=["qwen3vl", "qwen3_5"]
)
def test_a_model_is_asked_in_the_form_of_its_own_calls_and_the_card_says_so(family, told, tmp_path, monkeypatch):
    from argparse import Namespace

    from data_prep.demo.tiny_model import build_model
    from lmms_eval_tasks.models.prompt_length import PromptLength
    from lmms_eval_tasks.preflight import plan_card
    from lmms_eval_tasks.task import doc_to_messages

    monkeypatch.setenv("TOOL", "crop")
    build_model(FAMILIES[family], [ANSWER] * 8, tmp_path)
    settings = {"backend": "vllm", "max_model_len": 4_096, "gen_kwargs": "", "probe": "", "limit": None, "seed": 0}
    budget = {"fps": 2.0, "sampling": "index", "max_frames": 8, "max_pixels": 9_216}
    card = plan_card(Namespace(model=str(tmp_path), **settings, **budget), {}, {}, None)
    system, user = PromptLength(str(tmp_path)).told(
        doc_to_messages({"question": "Red?", "answer": "yes", "video": "a.mp4"})
    )
    assert system == {"role": "system", "content": [{"type": "text", "text": told}]} and card.system_prompt == told
    assert user["content"][-1]["text"].startswith("Red?")
