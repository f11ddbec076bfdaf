"""The card beside a checkpoint, and what an evaluation says of it."""

import json

import pytest

from videokr.budget import EVAL_BUDGET, SFT_BUDGET
from videokr.errors import UserError
from videokr.training_card import (
    TRAINING_CARD,
    compare_with_begun,
    departures,
    make_training_card,
    read_training_card,
    write_training_card,
)
from videokr.video.fast_path import VARIABLE
from videokr.video.proxy import FOLDER_VARIABLE, video_reading


def write(folder, videos, model="owner/name", data=(), settings=None, budget=SFT_BUDGET):
    card = make_training_card("sft", budget, videos, str(model), data, settings or {})
    write_training_card(folder, card)
    return card


def test_a_card_is_found_beside_a_checkpoint_and_above_it(tmp_path):
    assert read_training_card(tmp_path) is None
    videos = {"fast": True, "proxies": False}
    write(tmp_path, videos)
    card = read_training_card(tmp_path)
    assert card is not None and (card.stage, card.budget, card.videos) == ("sft", SFT_BUDGET, videos)
    (tmp_path / "checkpoint-10").mkdir()
    assert read_training_card(tmp_path / "checkpoint-10") == card
    (tmp_path / TRAINING_CARD).write_text("{}")
    with pytest.raises(UserError, match="is no training card"):
        read_training_card(tmp_path)


def test_a_card_from_before_it_said_how_videos_were_read_is_one(tmp_path):
    write(tmp_path, {"fast": True, "proxies": True})
    told = json.loads((tmp_path / TRAINING_CARD).read_text())
    for name in ("videos", "model", "model_fingerprint", "data", "settings", "generation_prompt"):
        del told[name]
    (tmp_path / TRAINING_CARD).write_text(json.dumps(told))
    card = read_training_card(tmp_path)
    assert card is not None and card.videos is None and departures(card, EVAL_BUDGET) == []
    assert compare_with_begun(tmp_path, card) == [
        "the run in the folder left no card of its model and data, so they are not compared"
    ]


@pytest.mark.parametrize("fast", ["0", "1", None])
@pytest.mark.parametrize("proxies", [True, False])
def test_how_videos_are_read_is_told_without_a_folder(fast, proxies, tmp_path, monkeypatch):
    """Proxies that nothing reads are none."""
    for name, value in {VARIABLE: fast, FOLDER_VARIABLE: str(tmp_path) if proxies else None}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert video_reading() == {"fast": fast != "0", "proxies": proxies and fast != "0"}


def test_the_recipe_departs_in_nothing_and_the_rest_is_said(tmp_path, monkeypatch):
    write(tmp_path, video_reading())
    card = read_training_card(tmp_path)
    assert card is not None and departures(card, EVAL_BUDGET) == []
    assert departures(card, EVAL_BUDGET.bounded(max_frames=64, max_pixels=4096)) == [
        "max_frames 64 in the place of 128",
        "max_pixels 4096 in the place of 100352",
    ]
    monkeypatch.setattr("videokr.training_card.prompt_digest", lambda: "another")
    assert departures(card, EVAL_BUDGET) == ["another prompt"]


def test_a_run_goes_on_from_its_own_folder_alone(tmp_path):
    """By content, not by path: a folder that was moved is the same run, a file written anew is another."""
    data, model = tmp_path / "train.parquet", tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    data.write_bytes(b"rows")
    run = tmp_path / "run"
    write(run, {}, model, [data], {"lr": 1.0})
    again = make_training_card("sft", SFT_BUDGET, {}, str(model.rename(tmp_path / "moved")), [data], {"lr": 1.0})
    assert compare_with_begun(run, again) == []
    faster = make_training_card("sft", SFT_BUDGET.bounded(64), {}, str(tmp_path / "moved"), [data], {"lr": 2.0})
    assert [line.partition(":")[0] for line in compare_with_begun(run, faster)] == ["lr", "budget"]
    data.write_bytes(b"other rows")
    other = make_training_card("sft", SFT_BUDGET, {}, str(tmp_path / "moved"), [data], {"lr": 1.0})
    with pytest.raises(UserError, match=r"began with data .*give another output folder .* or remove this one"):
        compare_with_begun(run, other)
    (tmp_path / "moved" / "config.json").write_text("{ }")
    with pytest.raises(UserError, match=r"began with model .*; data "):
        compare_with_begun(run, make_training_card("sft", SFT_BUDGET, {}, str(tmp_path / "moved"), [data], {}))
    write(run, {}, "owner/base")
    with pytest.raises(UserError, match="'owner/base', and not 'owner/other'"):
        compare_with_begun(run, make_training_card("sft", SFT_BUDGET, {}, "owner/other", [], {}))


@pytest.mark.parametrize("name", ["finetuning_type", "actor_rollout_ref.model.lora_rank"])
def test_a_run_with_other_weights_does_not_go_on(tmp_path, name):
    begun = write(tmp_path, {}, settings={name: "one", "seed": 1})
    other = make_training_card("sft", SFT_BUDGET, {}, "owner/name", (), {name: "another", "seed": 1})
    assert compare_with_begun(tmp_path, begun, [name]) == []
    with pytest.raises(UserError, match=f"began with {name}=one, and not another"):
        compare_with_begun(tmp_path, other, [name])


def test_wandb_without_a_key_is_told_before_a_run(tmp_path):
    from videokr.environment import check_wandb_login

    netrc = tmp_path / "netrc"
    nowhere = {"NETRC": str(netrc)}
    with pytest.raises(UserError, match="wandb has no key: set WANDB_API_KEY"):
        check_wandb_login(nowhere)
    check_wandb_login(nowhere | {"WANDB_API_KEY": "x"})
    check_wandb_login(nowhere | {"WANDB_MODE": "offline"})
    netrc.write_text("machine api.wandb.ai login user password x")
    check_wandb_login(nowhere)
