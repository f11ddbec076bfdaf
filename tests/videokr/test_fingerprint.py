"""One checkpoint told from another; the files are written by the format's own description, without our code."""

import json
import struct

import pytest

from videokr.errors import UserError
from videokr.fingerprint import file_sha256, model_fingerprint

TENSORS = ("lm_head.weight", "model.layers.0.self_attn.q_proj.weight", "visual.merger.weight")
EACH_BYTES = 1 << 20


def write_checkpoint(folder, changed=None):
    """Three tensors, of which one may differ in its first number alone."""
    header = {
        name: {"dtype": "F32", "shape": [EACH_BYTES // 4], "data_offsets": [at * EACH_BYTES, (at + 1) * EACH_BYTES]}
        for at, name in enumerate(TENSORS)
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    body = b"".join(struct.pack("<f", name == changed) + bytes(EACH_BYTES - 4) for name in TENSORS)
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)
    return folder


def test_a_checkpoint_of_which_any_one_tensor_was_trained_is_another(tmp_path):
    base = model_fingerprint(write_checkpoint(tmp_path / "base"))
    others = [model_fingerprint(write_checkpoint(tmp_path / name, name)) for name in TENSORS]
    assert len({base, *others}) == 4
    assert model_fingerprint(write_checkpoint(tmp_path / "copy")) == base


def test_what_a_run_notes_beside_the_model_does_not_make_it_another(tmp_path):
    folder = write_checkpoint(tmp_path / "model")
    before = model_fingerprint(folder)
    for note in ("trainer_state.json", "videokr_training.json", "all_results.json"):
        (folder / note).write_text("{}")
    assert model_fingerprint(folder) == before
    (folder / "chat_template.jinja").write_text("another")
    assert model_fingerprint(folder) != before


@pytest.mark.parametrize("content", [b"", bytes(100), b"\xff" * 100])
def test_weights_that_are_none_are_named(content, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"model\.safetensors"):
        model_fingerprint(tmp_path)


def test_a_file_is_told_by_all_of_it(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert (
        file_sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )  # FIPS 180-2
