"""How a model is asked: the published wordings, byte for byte, and one's own system prompt."""

import hashlib
import json

import pytest

from videokr.errors import UserError
from videokr.evaluation.wording import wording_from_env
from videokr.prompt import INSTRUCTIONS, prompt_digest
from videokr.response import Kind


# Digests of [system, behind multiple choice, behind an open question], read from the repositories that are named there.
@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("VideoAuto-R1", "5127fbfae36a4d8449831afec7e303a2bcb7c5a965abd1a6a329934d59b9fb3b"),
        ("onethinker", "f4e2127c5ec902b75b5c4444bc98612e0a22e5cd90c9902191a6910d0f8a5104"),
        ("video-r1", "64d867a70759791d35c9007f0001998ca32543246ebb276177019677b04283a0"),
    ],
)
def test_a_preset_is_what_is_published(name, sha256):
    wording = wording_from_env({"SYSTEM_PROMPT": name})
    texts = [wording.system, wording.instructions[Kind.MULTIPLE_CHOICE], wording.instructions[Kind.OPEN_ENDED]]
    assert hashlib.sha256(json.dumps(texts).encode()).hexdigest() == sha256
    assert prompt_digest(wording.instructions) != prompt_digest()


def test_a_preset_asks_for_spans_as_published_or_as_we_do():
    """OneThinker's `temporal grounding`, read from its repository; Video-R1 has none."""
    asked = wording_from_env({"SYSTEM_PROMPT": "onethinker"}).instructions[Kind.GROUNDING]
    published = "91926acb96aa31212fa4010e23fea4ecc23c39267276ad3e74b748411744039e"
    assert hashlib.sha256(asked.encode()).hexdigest() == published
    ours = wording_from_env({"SYSTEM_PROMPT": "video-r1"}).instructions[Kind.GROUNDING]
    assert ours.endswith(f" {INSTRUCTIONS[Kind.GROUNDING].rpartition(chr(10))[2]}")


def test_a_word_that_is_no_preset_is_a_slip():
    with pytest.raises(UserError, match="SYSTEM_PROMPT='video-r2' is no published wording: videoauto-r1, onethinker"):
        wording_from_env({"SYSTEM_PROMPT": "video-r2"})


def test_any_other_text_is_a_system_prompt_beside_the_one_instruction():
    own = wording_from_env({"SYSTEM_PROMPT": 'a=1, "b"\nc'})
    assert own.system == 'a=1, "b"\nc' and own.instructions == INSTRUCTIONS
    assert wording_from_env({"SYSTEM_PROMPT": ""}).system is None
