"""The verl plugin against verl itself: configuration, reward, dataset, prompt tokens, and a run from end to end."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from checkout import GOLDEN, ROOT
from grpo import CONFIG, LAUNCHER, TINY_BUDGET, composed, dataset, launch_grpo

pytest.importorskip("verl")
pytestmark = pytest.mark.rl

# Keys of ray.init itself, of which verl's configuration names only some and passes all.
RAY_INIT = {f"ray_kwargs.ray_init.{name}" for name in ("address", "num_gpus", "include_dashboard")}


def leaves(config, prefix=""):
    for key, value in config.items():
        if key == "defaults":
            continue
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@pytest.fixture(scope="module")
def stock_config():
    from hydra import compose, initialize_config_module

    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer")


@pytest.mark.parametrize("name", ["videokr_grpo", "videokr_grpo_cpu"])
def test_every_shipped_key_is_one_of_verls_own(name, stock_config):
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import ConfigKeyError

    from verl_plugin.registration import BOUND

    for key, _ in leaves(yaml.safe_load((CONFIG / f"{name}.yaml").read_text())):
        if key in RAY_INIT or key == BOUND:  # the one key of ours
            continue
        try:
            OmegaConf.select(stock_config, key, throw_on_missing=False, throw_on_resolution_failure=False)
            parent, _, leaf = key.rpartition(".")
            owner = OmegaConf.select(stock_config, parent)
        except ConfigKeyError:
            pytest.fail(f"verl has no key {key}")
        declared = takes_any_key(parent) or leaf in owner or declared_by_dataclass(owner, leaf)
        assert declared, f"verl has no key {key}"


def takes_any_key(parent):
    return parent.endswith(
        ("override_config", "mixed_precision", "engine_kwargs.vllm", "sampler_kwargs", "reward_kwargs")
    )


def declared_by_dataclass(owner, leaf):
    """verl's YAML leaves out some fields of the dataclass that it is turned into."""
    from dataclasses import fields

    from hydra.utils import get_class

    return "_target_" in owner and leaf in {field.name for field in fields(get_class(owner["_target_"]))}


def launched(*overrides, **variables):
    """What the launcher would run, as words."""
    environment = {"PATH": os.environ["PATH"], "DRY_RUN": "1", "MODEL_PATH": "m/m", "VIDEOKR_PYTHON": sys.executable}
    files = {"TRAIN_FILE": __file__, "VAL_FILE": __file__}
    command = ["bash", str(LAUNCHER), *overrides]
    done = subprocess.run(command, capture_output=True, text=True, env=environment | files | variables)
    assert done.returncode == 0, done.stderr
    *_, told = done.stdout.splitlines()
    return shlex.split(told)


def test_launcher_leaves_the_settings_to_the_configuration_and_passes_on_each_variable_that_is_set():
    published = """TRAIN_BATCH_SIZE MAX_PROMPT_LENGTH MAX_RESPONSE_LENGTH ROLLOUT_N ROLLOUT_TP ROLLOUT_GPU_MEM_UTIL
        PPO_MINI_BATCH_SIZE PPO_MICRO_BATCH_SIZE_PER_GPU LOGPROB_MICRO_BATCH_SIZE_PER_GPU SAVE_FREQ TEST_FREQ
        TOTAL_EPOCHS LR KL_LOSS_COEF AGENT_NUM_WORKERS N_GPUS NNODES KEEP_CHECKPOINTS""".split()
    switches = "PARAM_OFFLOAD OPTIMIZER_OFFLOAD ENFORCE_EAGER USE_REMOVE_PADDING USE_FUSED_KERNELS".split()
    values = dict.fromkeys(published, "7") | dict.fromkeys(switches, "1")
    values |= {"ATTN_IMPLEMENTATION": "eager", "MODEL_DTYPE": "bf16", "TRAINER_LOGGER": "[file]"}
    plain = launched()
    added = set(launched(**values)) - set(plain)
    assert len(added) == len(values) + 1  # LOGPROB_MICRO_BATCH_SIZE_PER_GPU has two keys
    assert {word.partition("=")[2] for word in added} == {"7", "true", "eager", "bf16", "[file]"}
    composed(overrides=sorted(added))  # hydra refuses a key that verl does not have
    assert 'trainer.default_local_dir="outputs/videokr_grpo/m-m/checkpoints"' in plain
    assert set(launched(N_GPUS_PER_NODE="3")) - set(plain) == {"trainer.n_gpus_per_node=3"}


def test_launcher_passes_overrides_last_and_variables_through():
    words = launched("trainer.total_epochs=7", LR="1e-3", N_GPUS="2")
    assert "actor_rollout_ref.actor.optim.lr=1e-3" in words and "trainer.n_gpus_per_node=2" in words
    assert words[-1] == "trainer.total_epochs=7"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "MODEL_PATH is not set"),
        ({"MODEL_PATH": "/nowhere", "TRAIN_FILE": __file__, "VAL_FILE": __file__}, "model '/nowhere' is not there"),
        ({"MODEL_PATH": "owner/name", "DATA_DIR": "/nowhere"}, "'/nowhere/train.parquet' is not there"),
        ({"MODEL_PATH": "owner/name", "DATA_DIR": "/nowhere", "DRY_RUN": "1"}, "'/nowhere/train.parquet' is not there"),
        (
            {"MODEL_PATH": "owner/name", "TRAIN_FILE": __file__, "VAL_FILE": __file__, "VIDEO_MANIFEST": "/nowhere"},
            "VIDEO_MANIFEST '/nowhere' is no file",
        ),
    ],
)
def test_launcher_names_what_is_missing(environment, says):
    done = subprocess.run(
        ["bash", str(LAUNCHER)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "VIDEOKR_PYTHON": sys.executable} | environment,
    )
    assert done.returncode == 2 and says in done.stderr


@pytest.mark.parametrize(
    "path", ["m/a b", "m/z\\.d", "m/a${b}", 'm/q"x', "m/end\\", 'm/b\\"q', "m/,{x}[y]=1", "m/$HOME"]
)
def test_a_path_reaches_verl_as_it_is(path, tmp_path):
    from hydra import compose, initialize_config_dir

    folder = tmp_path / path
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "qwen3_vl"}')
    (folder / "model.safetensors").touch()
    given = launched(MODEL_PATH=str(folder))
    (override,) = [word for word in given if word.startswith("actor_rollout_ref.model.path=")]
    (tmp_path / "own.yaml").write_text("actor_rollout_ref: {model: {path: null}}\n")
    with initialize_config_dir(str(tmp_path), version_base=None):
        assert compose("own", [override]).actor_rollout_ref.model.path == str(folder)


CHOICE = {"problem_type": "multiple choice", "options": ["left", "right"]}
OPEN = {"problem_type": "open-ended", "options": []}


@pytest.mark.parametrize(
    ("said", "gold", "info", "score", "acc", "form"),
    [
        ("<think>a</think><answer>B</answer>", "<answer>B</answer>", CHOICE, 1.0, 1.0, 1.0),
        ("<think>a</think>\n<answer>(b)</answer>\n", "B", CHOICE, 1.0, 1.0, 1.0),
        ("<answer>B</answer>", "B", CHOICE, 0.9, 1.0, 0.0),
        ("<think>a</think><answer>A</answer>", "B", CHOICE, 0.1, 0.0, 1.0),
        ("<think><answer>B</answer></think><answer>A</answer>", "B", CHOICE, 0.0, 0.0, 0.0),
        ("B", "B", CHOICE, 0.0, 0.0, 0.0),
        ("", "B", CHOICE, 0.0, 0.0, 0.0),
        ("<think>a</think><answer>the red square</answer>", "the red square", OPEN, 1.0, 1.0, 1.0),
        ("<think>a</think><answer></answer>", "red", OPEN, 0.0, 0.0, 0.0),
    ],
)
def test_reward_as_verl_calls_it(said, gold, info, score, acc, form):
    from verl_plugin.reward import compute_score

    given = compute_score(data_source="videokr", solution_str=said, ground_truth=gold, extra_info=info)
    assert {name: given[name] for name in ("score", "acc", "format")} == pytest.approx(
        {"score": score, "acc": acc, "format": form}
    )
    assert set(given) == {"score", "acc", "format", "answered", "reason"}


def test_dataset_applies_the_run_budget(corpus, model):
    rows = dataset(corpus, model)
    (part, *_) = rows[0]["raw_prompt"][0]["content"]
    assert part["type"] == "video" and part["max_pixels"] == 96 * 96 and part["fps"] == 2.0


@pytest.mark.parametrize(("thinking", "opening"), [(False, ""), (True, "<think>\n")])
def test_a_rollout_s_format_is_that_of_its_checkpoint(thinking, opening, corpus, tmp_path, capfd):
    """By verl's own reward managers, of a row as the dataset hands it out."""
    import asyncio

    import numpy as np
    import torch
    from omegaconf import OmegaConf
    from verl import DataProto
    from verl.experimental.reward_loop.reward_manager import get_reward_manager_cls

    from data_prep.demo.tiny_model import build_model, corpus_of
    from verl_plugin.reward import compute_score
    from videokr.family import FAMILIES

    build_model(FAMILIES["qwen3vl"], corpus_of(corpus / "sft.jsonl"), tmp_path / "model", thinking=thinking)
    rows = dataset(corpus, tmp_path / "model")
    opener = "the prompt opens the thinking" if thinking else "a response opens its thinking itself"
    prompt = "<|im_start|>assistant\n" + opening
    assert f"generation prompt {prompt!r}: {opener}\n" in capfd.readouterr().out
    gold = rows[0]["reward_model"]["ground_truth"]
    whole, rest = f"<think>It moves.</think>\n{gold}", f"It moves.\n</think>\n\n{gold}"
    formats = {}
    for name in ("naive", "dapo"):
        for said in (whole, rest):
            row = {name: value for name, value in rows[0].items() if not hasattr(value, "ndim")}
            ids = torch.tensor([rows.tokenizer(said + "<|im_end|>")["input_ids"]])
            fields = {key: np.array([value, None], dtype=object)[:1] for key, value in row.items()}
            data = DataProto.from_dict({"responses": ids, "attention_mask": torch.ones_like(ids)}, fields)

            async def score(name=name, data=data):
                manager = get_reward_manager_cls(name)(OmegaConf.create({"reward": {}}), rows.tokenizer, compute_score)
                return (await manager.run_single(data))["reward_extra_info"]

            scored = asyncio.run(score())
            formats[name, said] = scored["format"]
            assert scored["acc"] == 1.0
    assert formats == {
        (name, said): float((said is rest) == thinking) for name in ("naive", "dapo") for said in (whole, rest)
    }


def test_dataset_drops_what_is_too_long_by_the_exact_count(corpus, model):
    full = dataset(corpus, model, filter_overlong_prompts=False)
    headers = full._headers(list(full.dataframe))
    lengths = [full._exact_tokens(row, headers) for row in full.dataframe]
    limit = sorted(lengths)[len(lengths) // 2]
    kept = dataset(corpus, model, max_prompt_length=limit)
    assert len(kept) == sum(length <= limit for length in lengths)


def test_dataset_names_a_missing_video_and_an_unknown_budget_field(corpus, model, tmp_path):
    import pyarrow.parquet as pq

    from videokr.errors import UserError

    with pytest.raises(UserError, match=r"data\.video_budget\.max_frame is unknown"):
        dataset(corpus, model, video_budget={"max_frame": 3})[0]
    (tmp_path / "rl").mkdir()
    table = pq.read_table(corpus / "rl" / "train.parquet").to_pylist()
    table[3]["videos"][0]["video"] = "/nowhere/x.mp4"
    import pyarrow as pa

    pq.write_table(pa.Table.from_pylist(table), tmp_path / "rl" / "train.parquet")
    with pytest.raises(UserError, match=r"'/nowhere/x\.mp4'"):
        dataset(tmp_path, model)


def test_a_video_that_cannot_be_decoded_is_named(corpus, model, tmp_path):
    from videokr.errors import UserError

    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(b"not a video" * 100)
    rows = dataset(corpus, model)
    asked = {"fps": 2.0, "sampling": "index", **TINY_BUDGET}
    messages = [{"role": "user", "content": [{"type": "video", "video": str(garbage), **asked}]}]
    with pytest.raises(UserError, match=r"garbage\.mp4.*cannot be decoded"):
        rows._process_multi_modal_info(messages, rows.image_patch_size, rows.config)


def test_canary_verl_folds_two_videos_in_a_row_into_one(model):
    """Its rollout server does so (no upstream issue found); when this fails, verl_plugin.rollout_server can go."""
    from verl.utils.tokenizer import hf_processor
    from verl.workers.rollout.utils import qwen2_5_vl_dedup_image_tokens

    from verl_plugin.videos import rollout_prompt

    processor = hf_processor(str(model))
    two = [7, processor.video_token_id, processor.video_token_id, 9]
    assert qwen2_5_vl_dedup_image_tokens(two, processor) == [7, processor.video_token_id, 9]
    assert rollout_prompt(two, 2, processor) == two
    expanded = [7, *[processor.video_token_id] * 36, 9]  # by one of verl's own agent loops
    assert rollout_prompt(expanded, 1, processor) == [7, processor.video_token_id, 9]


def test_canary_verl_issue_6145_stock_filter_decodes_and_takes_a_fault_for_a_long_prompt(
    corpus, model, tmp_path, monkeypatch
):
    """When this fails, verl's own filter no longer drops what cannot be decoded, and ours need not stand in for it."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from qwen_vl_utils import vision_process
    from verl.utils.dataset.rl_dataset import RLHFDataset

    # As on a machine without FFmpeg's libraries, and in this process: threads that decode do not live on in a fork.
    monkeypatch.setattr(vision_process, "FORCE_QWENVL_VIDEO_READER", "decord")
    vision_process.get_video_reader_backend.cache_clear()
    (tmp_path / "garbage.mp4").write_bytes(b"not a video" * 100)
    ours = dataset(corpus, model)
    rows = pq.read_table(corpus / "rl" / "train.parquet").to_pylist()
    for row in rows:
        row["videos"] = [video | TINY_BUDGET for video in row["videos"]]
    rows[0]["videos"][0]["video"] = str(tmp_path / "garbage.mp4")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    ours.config.filter_overlong_prompts_workers = None
    stock = RLHFDataset(str(tmp_path / "train.parquet"), ours.tokenizer, ours.config, ours.processor)
    assert len(stock) < len(rows)


VLLM_PROMPT = """
import json, os, sys
os.environ.update(VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_CPU_KVCACHE_SPACE="1", VLLM_CPU_OMP_THREADS_BIND="nobind",
                  VLLM_LOGGING_LEVEL="ERROR", VERL_PLATFORM="cpu", VERL_USE_EXTERNAL_MODULES="verl_plugin.cpu")
import torch, verl
from transformers import AutoModelForImageTextToText, AutoProcessor
from verl.utils.tokenizer import build_multimodal_processor_inputs
from verl.workers.rollout.utils import qwen2_5_vl_dedup_image_tokens
from safetensors.torch import load_file
from vllm import LLM, SamplingParams
from vllm.config.load import LoadConfig
from vllm.model_executor.model_loader.dummy_loader import DummyModelLoader
sys.path.insert(0, sys.argv[1])
from grpo import dataset
from verl_plugin.agent_loop import SIZED
from videokr.video.positions import patch_rope_index
from pathlib import Path

rows = dataset(Path(sys.argv[2]), Path(sys.argv[3]))
messages = rows[0]["raw_prompt"]
text = rows.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
_, videos, _ = rows._process_multi_modal_info(messages, rows.image_patch_size, rows.config)
inputs = build_multimodal_processor_inputs(rows.processor, text=[text], videos=videos)
trainer = inputs["input_ids"][0].tolist()
unexpanded = rows.tokenizer(text, add_special_tokens=False)["input_ids"]
stock = qwen2_5_vl_dedup_image_tokens(list(trainer), rows.processor)
llm = LLM(sys.argv[3], max_model_len=1024, enforce_eager=True, dtype="float32", seed=0)
one = SamplingParams(max_tokens=1, prompt_logprobs=0)
def asked(ids, arguments):
    prompt = {"prompt_token_ids": list(ids), "multi_modal_data": {"video": videos}, "mm_processor_kwargs": arguments}
    return llm.generate(prompt, one, use_tqdm=False)[0]
def updated(model):  # as verl's default load_format=dummy, and its weight update
    DummyModelLoader(LoadConfig(load_format="dummy")).load_weights(model, None)
    model.load_weights(load_file(sys.argv[3] + "/model.safetensors").items())
outputs = {"ours": asked(unexpanded, SIZED), "stock": asked(stock, {})}
llm.apply_model(updated)
llm.reset_prefix_cache(), llm.reset_mm_cache(), llm.llm_engine.engine_core.reset_encoder_cache()
outputs["dummy"] = asked(unexpanded, SIZED)
seen = {name: torch.tensor([next(iter(entry.values())).logprob for entry in output.prompt_logprobs[1:]])
        for name, output in outputs.items()}

model = AutoModelForImageTextToText.from_pretrained(sys.argv[3], dtype=torch.float32).eval()
names = ("input_ids", "attention_mask", "video_grid_thw", "mm_token_type_ids")
differences = {}
for name, function in {"ours": patch_rope_index(rows.processor.get_rope_index),
                       "stock": rows.processor.get_rope_index}.items():
    positions, _ = function(**{key: inputs[key] for key in names})
    with torch.no_grad():
        logits = model(**inputs, position_ids=positions).logits[0, :-1]
    logprobs = logits.log_softmax(-1).gather(1, inputs["input_ids"][0, 1:, None])[:, 0]
    differences[name] = (logprobs - seen["ours"]).abs().max().item()
differences["dummy"] = (seen["dummy"] - seen["ours"]).abs().max().item()
tokens = {name: list(output.prompt_token_ids) for name, output in outputs.items()}
stock_processor = AutoProcessor.from_pretrained(sys.argv[3])
text = stock_processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
marked = build_multimodal_processor_inputs(stock_processor, text=[text], videos=videos)["input_ids"][0]
decoded = {"ours": rows.tokenizer.decode(tokens["ours"]), "transformers": rows.tokenizer.decode(marked)}
print("RESULT" + json.dumps({"trainer": trainer, **tokens, "differences": differences, "decoded": decoded,
                             "question": messages[0]["content"][-1]["text"]}))
"""


@pytest.fixture(scope="module")
def prompt(corpus, model):
    done = subprocess.run(
        [sys.executable, "-c", VLLM_PROMPT, str(ROOT / "tests" / "support"), str(corpus), str(model)],
        capture_output=True,
        text=True,
    )
    found = re.search(r"RESULT(.*)", done.stdout)
    assert found, done.stderr[-3000:]
    return json.loads(found[1])


def test_vllm_runs_the_prompt_that_the_trainer_scores(prompt):
    assert prompt["ours"] == prompt["trainer"]


@pytest.fixture
def golden(prompt, model):
    shared = json.loads((GOLDEN / "video_prompts.json").read_text(encoding="utf-8"))
    return shared[model.name].format(question=prompt["question"])


def test_a_prompt_is_that_of_all_stages(prompt, golden):
    assert prompt["decoded"]["ours"] == golden


def test_canary_vllm_issue_46817_transformers_leaves_outer_marks(prompt, golden, model):
    """When this fails for Qwen3-VL, transformers renders its videos as before 5.10: drop_outer_marks can go."""
    assert (prompt["decoded"]["transformers"] == golden) == (model.name == "qwen2_5vl")


def test_vllm_and_the_trainer_agree_on_every_prompt_token_s_probability(prompt):
    """Same tokens, same frames, same positions: what is left is arithmetic."""
    assert prompt["differences"]["ours"] < 1e-4


def test_canary_verl_issue_5024_stock_prompt_is_expanded_twice(prompt, model):
    """When this fails for Qwen3-VL, verl is mended and verl_plugin.agent_loop can go."""
    assert (prompt["stock"] == prompt["trainer"]) == (model.name == "qwen2_5vl")


def test_canary_transformers_issue_45381_stock_positions_are_not_vllms(prompt, model):
    """When this fails for Qwen2.5-VL, transformers is mended and videokr.video.positions can go."""
    assert (prompt["differences"]["stock"] < 1e-4) == (model.name == "qwen3vl")


def test_canary_vllm_pull_50411_dummy_weights_overwrite_the_pixel_normalisation(prompt, model):
    """Its numbers are in no checkpoint, so that no weight update brings them back: hence load_format: auto.

    When this fails for Qwen2.5-VL, verl's default load_format=dummy can be tried again. No issue was found for it; this
    pull request brought the layer, and #19788 mended the same for Gemma.
    """
    assert (prompt["differences"]["dummy"] < 1e-4) == (model.name == "qwen3vl")


def test_the_rewards_parts_are_curves_in_training():
    from verl_plugin.sampler import reward_metrics

    met: set[str] = set()
    first = {"score": 1.0, "acc": 1.0, "format": 1.0, "answered": True, "reason": "right"}
    second = {"score": 0.1, "acc": 0.0, "format": 1.0, "answered": False, "reason": "cut_off"}
    assert reward_metrics([first, second, second, second], met) == {
        "reward/acc": 0.25,
        "reward/format": 1.0,
        "reward/answered": 0.25,
        "reward/reason/right": 0.25,
        "reward/reason/cut_off": 0.75,
    }
    assert reward_metrics([first], met)["reward/reason/cut_off"] == 0.0  # a curve does not end
    assert reward_metrics([{"score": 1.0, "acc": 0.5}], set()) == {"reward/acc": 0.5}  # another's reward
    assert reward_metrics([{"score": 1.0}], set()) == {}


def test_the_work_on_videos_is_counted_a_prompt_where_our_agent_loop_ran():
    from verl_plugin.videos import DECODES, ENGINE_PASSES, PROCESSOR_PASSES, REPLICA, video_metrics

    rollouts = [{DECODES: 1, PROCESSOR_PASSES: 1, ENGINE_PASSES: number % 2} for number in range(4)]
    per_prompt = {
        "video/decodes_per_prompt": 2,
        "video/processor_passes_per_prompt": 2,
        "video/engine_passes_per_prompt": 1,
    }
    assert video_metrics(rollouts, prompts=2) == per_prompt
    spread = [rollout | {REPLICA: number % 2, "uid": number // 2} for number, rollout in enumerate(rollouts)]
    assert video_metrics(spread, prompts=2) == per_prompt | {"video/replicas_per_prompt": 2}
    assert video_metrics([{}, {}], prompts=1) == {} and video_metrics([], prompts=0) == {}


@pytest.mark.parametrize(
    ("overrides", "normalises"),
    [
        ((), True),
        (("actor_rollout_ref.model.external_lib=null",), False),
        (("actor_rollout_ref.actor.strategy=megatron",), False),
        (("critic.enable=true",), False),
        (("algorithm.adv_estimator=gae",), False),
    ],
)
@pytest.mark.parametrize("name", ["videokr_grpo", "videokr_grpo_cpu"])
def test_bytes_are_carried_only_to_a_trainer_that_normalises(name, overrides, normalises):
    from verl_plugin.video_patches import is_normalised_by_trainer

    assert is_normalised_by_trainer(composed(name, overrides)) is normalises


def test_the_engine_normalises_what_came_as_bytes_and_nothing_else(monkeypatch, model):
    import torch
    from transformers import AutoProcessor

    from verl_plugin import engine

    processor = AutoProcessor.from_pretrained(model)
    width = len(processor.video_processor.image_mean) * 2 * processor.video_processor.patch_size**2
    given = {"pixel_values_videos": torch.full((4, width), 255, dtype=torch.uint8)}
    monkeypatch.setattr(engine.FSDPEngineWithLMHead, "prepare_model_inputs", lambda _, batch: (dict(batch), {}))
    monkeypatch.setattr(engine, "get_device_id", lambda: "cpu")
    own = object.__new__(engine.VideoKREngine)
    own.model_config = type("Config", (), {"processor": processor})()
    made, _ = own.prepare_model_inputs(given)
    assert made["pixel_values_videos"].dtype == torch.float32 and made["pixel_values_videos"].min() > 0.9
    again, _ = own.prepare_model_inputs(made)
    assert again["pixel_values_videos"] is made["pixel_values_videos"]
    assert own.prepare_model_inputs({"input_ids": 1})[0] == {"input_ids": 1}


def test_verl_prefers_the_engine_on_a_gpu(monkeypatch):
    import importlib

    from verl.utils import device
    from verl.workers.engine import EngineRegistry

    from verl_plugin import engine
    from verl_plugin.video_patches import STRATEGIES

    own = {kind: {name: dict(keys) for name, keys in made.items()} for kind, made in EngineRegistry._engines.items()}
    for strategy in STRATEGIES:
        own["language_model"][strategy].pop(("cuda", "nvidia"), None)  # by another test, where verl takes this for one
    monkeypatch.setattr(EngineRegistry, "_engines", own)
    monkeypatch.setattr(device, "get_device_name", lambda: "cuda")
    monkeypatch.setattr(device, "get_vendor", lambda: "nvidia")
    engine = importlib.reload(engine)
    monkeypatch.setenv("VERL_ENGINE_DEVICE", "cuda")
    monkeypatch.setenv("VERL_ENGINE_VENDOR", "nvidia")
    for strategy in STRATEGIES:
        assert EngineRegistry.get_engine_cls("language_model", strategy) is engine.VideoKREngine
        assert EngineRegistry.get_engine_cls("value_model", strategy) is not engine.VideoKREngine


def test_a_key_that_nothing_reads_is_refused_and_the_one_to_give_is_named():
    from verl_plugin.settings import UNREAD, UNREAD_UNDER_FSDP, check_keys
    from videokr.errors import UserError

    for name in ("videokr_grpo", "videokr_grpo_cpu"):
        check_keys(composed(name), composed(name))  # verl's defaults are no mistake
    for override, instead in {
        "actor_rollout_ref.actor.grad_clip=0.5": "optim.clip_grad",
        "data.return_multi_modal_inputs=false": "leave it out",
        "custom_reward_function.path=reward.py": "reward.custom_reward_function",
        "reward_model.reward_manager=dapo": "reward.reward_manager",
        "reward_model.rollout.dtype=float16": "reward.reward_model",
        "actor_rollout_ref.model.lora.rank=8": "actor_rollout_ref.model.lora_rank",
    }.items():
        key, _, _ = override.partition("=")
        with pytest.raises(UserError, match=rf"{re.escape(key)}.* is read by nothing in verl 0\.9\.1: .*{instead}"):
            check_keys(composed(overrides=[override]), composed())
    assert not {*UNREAD} & {*UNREAD_UNDER_FSDP}


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("+actor.freeze_vision_tower=true", "actor is read by nothing"),
        ("actor_rollout_ref.actor.freeze_vision_tower=flase", "flase: true or false is needed"),
        ("actor_rollout_ref.model.lora_rank=x", "lora_rank=x: a number is needed"),
        ("actor_rollout_ref.actor.optim.lr=true", "lr=True: a number is needed"),
        ("actor_rollout_ref.model.lora_adapter_path=saves/adapter", "lora_adapter_path 'saves/adapter': the reference"),
    ],
)
def test_a_section_of_nobody_a_value_of_another_kind_and_an_adapter_are_refused(override, says):
    from verl_plugin.settings import check_keys
    from videokr.errors import UserError

    with pytest.raises(UserError, match=says):
        check_keys(composed(overrides=[override]), composed())


def test_canary_verl_pull_7923_and_others_read_no_such_key():
    """When this fails, verl reads the key, and it is to go from verl_plugin.settings."""
    import verl

    from verl_plugin.settings import MOVED, UNREAD

    root = Path(verl.__file__).parent
    rooms = ("experimental/agent_loop", "trainer/ppo/v1", "workers/engine/fsdp", "workers/rollout/vllm_rollout")
    files = [file for room in rooms for file in (root / room).rglob("*.py")]
    files += [root / name for name in ("workers/engine_workers.py", "trainer/main_ppo.py", "trainer/ppo/core_algos.py")]
    read = "".join(file.read_text() for file in files)
    leaves = {key.rpartition(".")[2] for key in UNREAD}
    assert not [leaf for leaf in leaves if re.search(rf"\b{leaf}\b", read)]
    assert not [section for section in MOVED if re.search(rf"\bconfig\.{section}\b", read)]
    assert "migrate_legacy_reward_impl" not in read


def test_rollouts_of_a_prompt_go_to_one_replica_and_the_load_stays_even():
    """verl's own client and balancer, eight replicas, and prompts that begin in any order. None ends before all run."""
    import asyncio
    import random
    from types import SimpleNamespace

    from verl.workers.rollout.llm_server import LLMServerClient
    from verl.workers.rollout.router import GlobalRequestLoadBalancer

    from verl_plugin.agent_loop import _RolloutServer

    asked = []

    class Replica:
        def __init__(self, name):
            self.name = name
            self.generate = SimpleNamespace(remote=self.answer)

        async def answer(self, request_id, prompt_ids, **request):
            asked.append((prompt_ids[0], self.name, request_id))
            while len(asked) < 32 * 8:
                await asyncio.sleep(0)
            return SimpleNamespace(extra_fields={})

    balancer = GlobalRequestLoadBalancer({name: Replica(name) for name in range(8)})

    async def now(value):
        return value

    class Handle:  # as Ray's
        def __getattr__(self, name):
            return SimpleNamespace(remote=lambda **given: asyncio.ensure_future(now(getattr(balancer, name)(**given))))

    config = SimpleNamespace(actor_rollout_ref=SimpleNamespace(rollout=SimpleNamespace(name="vllm")))
    client = LLMServerClient(config, Handle())

    async def roll_out(own):
        requests = [
            _RolloutServer(client, [prompt], f"uid-{prompt}" if own else None).generate(
                request_id=f"{prompt}-{number}", prompt_ids=[0], sampling_params={}
            )
            for prompt in range(32)
            for number in range(8)
        ]
        random.Random(0).shuffle(requests)
        await asyncio.gather(*requests)

    for own, replicas in ((True, 1.0), (False, 4.0)):
        asked.clear()
        asyncio.run(roll_out(own))
        pairs = {(prompt, name) for prompt, name, _ in asked}
        assert len(pairs) / 32 == replicas if own else len(pairs) / 32 > replicas
        assert len({request for *_, request in asked}) == 32 * 8  # vLLM is never asked twice under one id
        assert max(Counter(name for _, name, _ in asked).values()) <= 48  # 32, were they to begin in order


def test_the_shipped_lengths_fit_into_a_batch_of_vllms_whatever_the_model_has_positions_for(tmp_path):
    from verl_plugin.settings import make_room

    for positions, context in ((262_144, 18_432), (4_096, 4_096)):
        (tmp_path / "config.json").write_text(json.dumps({"text_config": {"max_position_embeddings": positions}}))
        config = composed()
        rollout = config.actor_rollout_ref.rollout
        make_room(rollout, config.data, tmp_path)
        assert rollout.max_model_len == context <= rollout.max_num_batched_tokens and not rollout.enable_chunked_prefill
    small = composed(overrides=["data.max_prompt_length=512"]).actor_rollout_ref.rollout
    own = small.max_num_batched_tokens
    make_room(small, composed(overrides=["data.max_prompt_length=512"]).data, tmp_path)
    assert small.max_num_batched_tokens == own


def test_rays_other_nodes_are_told_how_videos_are_read(tmp_path, monkeypatch):
    from omegaconf import OmegaConf

    from verl_plugin.cluster import run_variables, tell_ray

    monkeypatch.chdir(tmp_path)
    ray_init = composed().ray_kwargs.ray_init
    given = {"VIDEOKR_FAST_VIDEO": "1", "VIDEOKR_PROXIES": "proxies", "HF_TOKEN": "secret"}
    tell_ray(ray_init, run_variables(composed(), given))
    told = {"VIDEOKR_FAST_VIDEO": "1", "VIDEOKR_PROXIES": str(tmp_path / "proxies")}
    assert OmegaConf.to_container(ray_init.runtime_env.env_vars) == told
    mine = composed(overrides=["+ray_kwargs.ray_init.runtime_env.env_vars.VIDEOKR_FAST_VIDEO='0'"])
    tell_ray(mine.ray_kwargs.ray_init, {"VIDEOKR_FAST_VIDEO": "1"})
    assert dict(mine.ray_kwargs.ray_init.runtime_env.env_vars) == {"VIDEOKR_FAST_VIDEO": "0"}


def test_without_the_fast_path_each_rollout_decodes_once(corpus, model, monkeypatch):
    import asyncio

    from videokr.video.frame_cache import frame_cache

    rows = dataset(corpus, model)
    asked = rows[0]["raw_prompt"], rows.image_patch_size, rows.config
    parts = [part for message in asked[0] if isinstance(message["content"], list) for part in message["content"]]
    number = sum(part["type"] == "video" for part in parts)

    async def roll_out():
        return await asyncio.gather(*(rows.process_multi_modal_info(*asked) for _ in range(3)))

    for switch, decodes in (("1", number), ("0", 3 * number)):
        monkeypatch.setenv("VIDEOKR_FAST_VIDEO", switch)
        frame_cache.cache_clear()
        shown = asyncio.run(roll_out())
        assert frame_cache().take_decodes() == decodes
        assert all((given[0][0] == shown[0][1][0][0]).all() for _, given, _ in shown)


def test_a_processor_makes_patches_once_for_the_same_frames_and_the_trainer_normalises_them(model):
    import torch
    from transformers import AutoProcessor

    from verl_plugin.video_patches import AS_THEY_ARE, normalised, share_videos

    processor = AutoProcessor.from_pretrained(model)
    text = processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "What is it?"}]}], tokenize=False
    )
    side = 4 * processor.video_processor.patch_size
    frames = torch.randint(0, 256, (4, 3, side, side), dtype=torch.uint8)
    asked = {"do_sample_frames": False, "do_resize": False, "return_tensors": "pt"}
    metadata = [{"fps": 2.0, "frames_indices": [0, 1, 2, 3], "total_num_frames": 4, "duration": 2.0}]
    stock = processor(text=[text], videos=[frames], video_metadata=metadata, **asked)
    shared = share_videos(processor, **AS_THEY_ARE)
    assert share_videos(processor) is shared
    for said in ("", "It is a bar."):
        made = processor(text=[text + said], videos=[frames], video_metadata=metadata, **asked)
        carried = made["pixel_values_videos"]
        assert carried.dtype == torch.uint8 and 4 * carried.nbytes == stock["pixel_values_videos"].nbytes
        assert torch.equal(normalised(carried, processor.video_processor), stock["pixel_values_videos"])
        assert (made["video_grid_thw"] == stock["video_grid_thw"]).all()
    assert shared.take_passes() == 1
    processor(text=[text], videos=[frames.clone()], video_metadata=metadata, **asked)
    assert shared.take_passes() == 1


@pytest.mark.parametrize(
    "override",
    [
        "trainer.total_epochs=[1",  # Hydra's
        "+reward.custom_reward_function.reward_kwargs.acuracy=typed",  # ours
    ],
)
def test_a_mistaken_override_ends_in_one_line(override, corpus):
    done = launch_grpo(override, MODEL_PATH="owner/name", DATA_DIR=str(corpus / "rl"), OUTPUT_DIR=str(corpus / "out"))
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr[-3000:]
    assert len(errors) == 1 and override.partition("=")[0].rpartition(".")[2] in errors[0]


def test_the_sampler_says_where_it_cannot_stand_in_for_verls():
    from omegaconf import OmegaConf

    from verl_plugin.sampler import StrictReplayBuffer
    from videokr.errors import UserError

    settings = OmegaConf.create({"poll_seconds": 1.0})
    with pytest.raises(UserError, match=r"custom_sampler\.name=null"):
        StrictReplayBuffer(trainer_mode="colocate_async", sampler_kwargs=settings, refill_fn=print)


@pytest.mark.parametrize("given", [[], ["/nowhere"], ["{tmp}"]])
def test_merge_launcher_names_what_is_missing(given, tmp_path):
    command = ["bash", str(ROOT / "local_script" / "merge_videokr_checkpoint.sh")]
    done = subprocess.run(
        [*command, *(word.format(tmp=tmp_path) for word in given)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "VIDEOKR_PYTHON": sys.executable},
    )
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
