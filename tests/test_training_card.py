"""The card beside a checkpoint, and what an evaluation says of it."""

import pytest

from videokr.budget import EVAL_BUDGET, SFT_BUDGET
from videokr.errors import UserError
from videokr.training_card import TRAINING_CARD, departures, read_training_card, write_training_card


def test_a_card_is_found_beside_a_checkpoint_and_above_it(tmp_path):
    assert read_training_card(tmp_path) is None
    write_training_card(tmp_path, "sft", SFT_BUDGET)
    card = read_training_card(tmp_path)
    assert card is not None and (card.stage, card.budget) == ("sft", SFT_BUDGET)
    (tmp_path / "checkpoint-10").mkdir()
    assert read_training_card(tmp_path / "checkpoint-10") == card
    (tmp_path / TRAINING_CARD).write_text("{}")
    with pytest.raises(UserError, match="is no training card"):
        read_training_card(tmp_path)


def test_the_recipe_departs_in_nothing_and_the_rest_is_said(tmp_path, monkeypatch):
    write_training_card(tmp_path, "sft", SFT_BUDGET)
    card = read_training_card(tmp_path)
    assert card is not None and departures(card, EVAL_BUDGET) == []
    assert departures(card, EVAL_BUDGET.bounded(max_frames=64, max_pixels=4096)) == [
        "max_frames 64 in the place of 128",
        "max_pixels 4096 in the place of 100352",
    ]
    monkeypatch.setattr("videokr.training_card.prompt_digest", lambda: "another")
    assert departures(card, EVAL_BUDGET) == ["another prompt"]
