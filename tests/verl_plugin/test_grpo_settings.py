"""What verl_plugin looks at before a GRPO run: attention, batches, loggers, machines, rows; verl's own code decides."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("verl")
from checkout import ROOT
from grpo import composed, dataset
from recipes_page import settings

from videokr.errors import UserError

pytestmark = pytest.mark.rl

ACTOR = "actor_rollout_ref.actor."
ATTENTION = "++actor_rollout_ref.model.override_config.attn_implementation="


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    """A folder a family with its config.json, which is all that a check reads of a model."""
    folder = tmp_path_factory.mktemp("configs")
    for model_type in ("qwen2_5_vl", "qwen3_vl", "qwen3_5_moe"):
        (folder / model_type).mkdir()
        (folder / model_type / "config.json").write_text(json.dumps({"model_type": model_type}))
        (folder / model_type / "model.safetensors").touch()
    return folder


def settled(path, *overrides):
    from verl_plugin.settings import check_settings

    config = composed(overrides=[f"actor_rollout_ref.model.path={path}", *overrides])
    check_settings(config)
    return config


def test_a_gpu_environment_as_it_is_built_starts_without_flash_attn(model, capsys):
    """verl asks for flash-attn where it is told nothing, and neither it nor `kernels` is in the lock."""
    from transformers import AutoModelForImageTextToText
    from verl.workers.config import HFModelConfig

    lock = (ROOT / "local_script" / "constraints" / "rl-gpu.txt").read_text()
    assert not re.search("^(flash-attn|kernels)=", lock, re.MULTILINE)
    config = settled(model).actor_rollout_ref
    assert config.actor.use_remove_padding == config.model.use_remove_padding == ("qwen3" in model.name)
    (told,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("attention: ")]
    assert "sdpa (flash-attn is not in this environment)" in told
    override = dict(config.model.override_config)
    hosts = HFModelConfig(path=str(model), override_config=override, load_tokenizer=False)
    AutoModelForImageTextToText.from_config(hosts.hf_config)


@pytest.mark.parametrize(
    ("has_flash", "model_type", "overrides", "chosen"),
    [
        (True, "qwen2_5_vl", [], ("flash_attention_2", True)),
        (True, "qwen3_vl", [], ("flash_attention_2", True)),
        (True, "qwen2_5_vl", [ATTENTION + "sdpa"], ("sdpa", False)),
        (False, "qwen3_vl", ["actor_rollout_ref.model.use_remove_padding=false"], ("sdpa", False)),
        (False, "qwen3_vl", [ATTENTION + "eager"], ("eager", True)),
        (True, "qwen3_5_moe", [], ("flash_attention_2", False)),
        (True, "qwen3_5_moe", ["actor_rollout_ref.model.use_remove_padding=true"], "flash-linear-attention"),
        (True, "qwen3_5_moe", ["actor_rollout_ref.rollout.enable_chunked_prefill=false"], "leave it out"),
        (False, "qwen3_vl", [ATTENTION + "flash_attention_2"], "flash-attn is not in this environment"),
        (False, "qwen2_5_vl", ["actor_rollout_ref.model.use_remove_padding=true"], "with flash-attn alone"),
        (False, "qwen3_vl", [ACTOR + "ulysses_sequence_parallel_size=2"], "with flash-attn alone"),
    ],
)
def test_attention_is_what_environment_and_family_allow(configs, monkeypatch, has_flash, model_type, overrides, chosen):
    monkeypatch.setattr("transformers.utils.is_flash_attn_2_available", lambda: has_flash)
    if isinstance(chosen, str):
        with pytest.raises(UserError, match=chosen):
            settled(configs / model_type, *overrides)
        return
    config = settled(configs / model_type, *overrides).actor_rollout_ref
    assert config.rollout.enable_chunked_prefill == (model_type == "qwen3_5_moe")  # vLLM's states want it
    given = config.model
    assert (given.override_config.attn_implementation, given.use_remove_padding) == chosen


# Rows in one pack through verl's own patches, against each alone through transformers.
PACKED = """
import sys
from inspect import signature
from pathlib import Path
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor
from verl.models.transformers.monkey_patch import apply_monkey_patch

path, side = Path(sys.argv[1]), int(sys.argv[2])
processor = AutoProcessor.from_pretrained(path)
load = AutoModelForImageTextToText.from_pretrained
alone = load(path, attn_implementation="eager", dtype=torch.float32).eval()

def row(frames, text):
    video = torch.randint(0, 255, (frames, 3, side, side), dtype=torch.uint8)
    told = {"fps": 2.0, "frames_indices": list(range(frames)), "total_num_frames": frames, "duration": frames / 2}
    told |= {"video_backend": "none", "height": side, "width": side}
    content = [{"type": "video"}, {"type": "text", "text": text}]
    chat = processor.apply_chat_template([{"role": "user", "content": content}], tokenize=False)
    return processor(text=[chat], videos=[video], video_metadata=[told], do_sample_frames=False, return_tensors="pt")

def positions(given):
    names = ("input_ids", "video_grid_thw", "attention_mask", "second_per_grid_ts", "mm_token_type_ids")
    places, _ = alone.model.get_rope_index(**{name: given[name] for name in names if name in given})
    return torch.cat([torch.arange(places.shape[-1]).view(1, 1, -1), places])

rows = [row(8, "what colour is the square"), row(4, "which way does it go"), row(12, "how")]
places = [positions(given) for given in rows]
videos = {name: torch.cat([given[name] for given in rows]) for name in ("pixel_values_videos", "video_grid_thw")}
with torch.no_grad():
    wanted = [
        alone(**{name: given[name] for name in ("input_ids", "attention_mask", *videos)}, position_ids=place[1:]).logits
        for given, place in zip(rows, places)
    ]
    packed = load(path, attn_implementation="sdpa", dtype=torch.float32).eval()
    apply_monkey_patch(model=packed, use_remove_padding=True, ulysses_sp_size=1)
    ids, pack = torch.cat([given["input_ids"] for given in rows], 1), torch.cat(places, -1)
    if "cu_seqlens" in signature(packed.forward).parameters:  # as verl's engine asks
        videos["cu_seqlens"] = torch.tensor([0, *(given["input_ids"].shape[1] for given in rows)]).cumsum(0)
    try:
        found = packed(input_ids=ids, attention_mask=None, position_ids=pack, use_cache=False, **videos).logits
    except NameError as error:
        print("FAILS", error.name)
    else:
        print("DIFFERS", (found - torch.cat(wanted, 1)).abs().max().item() / torch.cat(wanted, 1).abs().max().item())
"""


def packed_rows(model, side):
    done = subprocess.run([sys.executable, "-c", PACKED, model, str(side)], capture_output=True, text=True)
    (said,) = [line.split() for line in done.stdout.splitlines() if line.startswith(("FAILS", "DIFFERS"))]
    return said


def test_canary_verl_packs_rows_without_flash_attn_for_qwen3vl_alone(model):
    """When this fails for Qwen2.5-VL, verl packs its rows too and verl_plugin.attention may let it."""
    said = packed_rows(model, 112 if "qwen2" in model.name else 96)
    if "qwen2" in model.name:
        assert said == ["FAILS", "_flash_use_top_left_mask"]
    else:
        assert said[0] == "DIFFERS" and float(said[1]) < 1e-5


def test_canary_verl_packs_rows_of_qwen3_5_across_their_ends(tmp_path):
    """When this fails, verl and transformers agree on where rows end and verl_plugin.attention may let it pack them."""
    from data_prep.demo.tiny_model import build_model
    from videokr.family import FAMILIES

    build_model(FAMILIES["qwen3_5"], ["what colour is the square"] * 20, tmp_path / "model")
    said = packed_rows(tmp_path / "model", 96)
    assert said[0] == "DIFFERS" and float(said[1]) > 1e-2


@pytest.mark.parametrize(
    ("overrides", "fault"),
    [
        (["trainer.nnodes=4"], "2 rollouts of a mini-batch on each rank"),
        (["trainer.n_gpus_per_node=6"], "64 rollouts .* cannot be shared by 6 ranks"),
        ([ACTOR + "ppo_micro_batch_size_per_gpu=3"], "8 rollouts of a mini-batch on each rank"),
        (["actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=5"], "32 rollouts of a batch on each rank"),
        (["data.train_batch_size=6"], "fewer than PPO_MINI_BATCH_SIZE=8"),
        (["trainer.n_gpus_per_node=16", "trainer.nnodes=3"], "cannot be shared by 48 ranks"),
    ],
)
def test_batches_that_cannot_be_divided_are_named_with_numbers_that_can(configs, overrides, fault):
    from verl.utils import tensordict_utils
    from verl.workers.engine.utils import prepare_micro_batches

    path = configs / "qwen3_vl"
    with pytest.raises(UserError, match=fault) as raised:
        settled(path, *overrides)
    log_prob = "log_prob_micro_batch_size_per_gpu"
    keys = {
        "TRAIN_BATCH_SIZE": ["data.train_batch_size"],
        "PPO_MINI_BATCH_SIZE": [ACTOR + "ppo_mini_batch_size"],
        "PPO_MICRO_BATCH_SIZE_PER_GPU": [ACTOR + "ppo_micro_batch_size_per_gpu"],
        "LOGPROB_MICRO_BATCH_SIZE_PER_GPU": [f"actor_rollout_ref.{part}.{log_prob}" for part in ("ref", "rollout")],
    }
    named = re.findall(r"([A-Z_]+)=(\d+)", str(raised.value).rpartition(" fit ")[2])
    assert named
    config = settled(path, *overrides, *(f"{key}={value}" for name, value in named for key in keys[name]))
    actor, ranks = config.actor_rollout_ref.actor, config.trainer.n_gpus_per_node * config.trainer.nnodes
    for prompts, micro in (
        (actor.ppo_mini_batch_size, actor.ppo_micro_batch_size_per_gpu),
        (config.data.train_batch_size, config.actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu),
    ):
        import torch

        rows, rest = divmod(prompts * 8, ranks)
        batch = tensordict_utils.get_tensordict({"row": torch.arange(rows)})
        tensordict_utils.assign_non_tensor(batch, use_dynamic_bsz=False, micro_batch_size_per_gpu=micro)
        assert rest == 0 and len(prepare_micro_batches(batch)[0]) == rows // micro


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("algorithm.adv_estimator=gppo", "gppo"),
        (ACTOR + "policy_loss.loss_mode=gspoo", "gspoo"),
        (ACTOR + "loss_agg_mode=token", "Invalid loss_agg_mode: token"),
        (ACTOR + "kl_loss_type=klll", "kl_loss_type=klll: verl has none"),
        (ACTOR + "optim.lr_scheduler_type=cosin", "actor_rollout_ref.actor.optim"),
        (ACTOR + "strategy=megatron", "strategy=megatron: the settings here are of fsdp and fsdp2"),
    ],
)
def test_what_verl_meets_in_its_first_step_is_refused_before(configs, override, fault):
    with pytest.raises(UserError, match=re.escape(fault)):
        settled(configs / "qwen3_vl", override)


RECIPES = settings("GRPO, behind `train_videokr_grpo.sh`")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_overrides_compose_and_verl_has_what_they_name(configs, name):
    from verl.experimental.reward_loop.reward_manager import get_reward_manager_cls
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn, get_policy_loss_fn
    from verl.utils.config import omega_conf_to_dataclass

    config = settled(configs / "qwen3_vl", *RECIPES[name])
    actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    get_policy_loss_fn(actor.policy_loss.loss_mode)
    get_adv_estimator_fn(config.algorithm.adv_estimator)
    manager = get_reward_manager_cls(config.reward.reward_manager.name)
    manager = manager(config=config, tokenizer=None, compute_score=len)
    assert (actor.engine.strategy == "fsdp2") == (name == "FSDP2")
    assert bool(getattr(manager, "overlong_buffer_cfg", None)) == (name == "overlong reward")
    assert actor.engine.model_dtype == ("bf16" if name.startswith("bf16 master weights") else "fp32")
    assert actor.engine.mixed_precision is None  # verl then computes in bf16


def test_adamw_moves_weights_in_float32_and_few_in_bfloat16():
    """Which is why model_dtype is fp32; at GRPO's learning rate, with verl's own optimizer."""
    command = [sys.executable, "-m", "benchmarks.master_weights", "--steps", "20"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    found = re.findall(r"moved ([\d.]+)% of all weights and ([\d.]+)% of the", done.stdout)
    (all_right, large_right), (all_rounded, large_rounded) = [tuple(map(float, shares)) for shares in found]
    assert all_right > 99 and large_right > 99 and all_rounded < 15 and large_rounded < 1, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("trainer.logger=swanlab", "'swanlab' needs the package 'swanlab'.*pip install"),
        ("trainer.logger=[console,tensorbord]", "no 'tensorbord'; it has .*tensorboard"),
        (ACTOR + "use_dynamic_bsz=true data.max_prompt_length=40000", "holds no prompt with its response, 42048"),
        ("actor_rollout_ref.rollout.tensor_model_parallel_size=3", "ROLLOUT_TP"),
        ("actor_rollout_ref.rollout.log_prob_micro_batch_size=3", "You have set both"),
    ],
)
def test_a_setting_that_cannot_work_is_named(configs, override, fault):
    with pytest.raises(UserError, match=fault):
        settled(configs / "qwen3_vl", *override.split())


@pytest.mark.parametrize(
    ("overrides", "fault"),
    [
        (["trainer.n_gpus_per_node=99"], r"N_GPUS=99, and \d+ GPUs are to be seen here"),
        (["trainer.n_gpus_per_node=1", "trainer.nnodes=2"], "ray start --head.*MASTER_ADDR and NODE_RANK mean nothing"),
    ],
)
def test_more_machines_than_there_are_is_named(overrides, fault, monkeypatch, tmp_path):
    from verl_plugin.cluster import check_machines

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))  # where `ray start` would have left its address
    with pytest.raises(UserError, match=fault):
        check_machines(composed(overrides=overrides), {})


def test_paths_and_variables_mean_the_same_on_every_node_and_secrets_stay(configs, tmp_path, monkeypatch):
    from omegaconf import OmegaConf

    from verl_plugin.cluster import make_paths_absolute, run_variables, tell_ray

    monkeypatch.chdir(configs)
    files = "[a/train.parquet,s3://b/train.parquet]"
    paths = ["actor_rollout_ref.model.path=qwen3_vl", f"data.train_files={files}", "+data.video_manifest=m.jsonl"]
    judged = "reward.custom_reward_function.path=pkg://verl_plugin.judged_reward"
    config = composed(overrides=[*paths, "trainer.default_local_dir=out", judged, "trainer.logger=[console,wandb]"])
    make_paths_absolute(config)
    assert config.actor_rollout_ref.model.path == str(configs / "qwen3_vl")
    assert list(config.data.train_files) == [str(configs / "a/train.parquet"), "s3://b/train.parquet"]
    assert config.data.video_manifest == str(configs / "m.jsonl")
    assert config.trainer.default_local_dir == str(configs / "out")
    assert config.reward.custom_reward_function.path == judged.partition("=")[2]
    hub = composed(overrides=["actor_rollout_ref.model.path=Qwen/Qwen3-VL-8B-Instruct"])
    make_paths_absolute(hub)
    assert hub.actor_rollout_ref.model.path == "Qwen/Qwen3-VL-8B-Instruct"

    secrets = {"OPENAI_API_KEY": "sk-1", "WANDB_API_KEY": "w-1", "AZURE_ENDPOINT": "https://me:pass@judge"}
    plain = {"MODEL_VERSION": "gpt-4o", "OPENAI_BASE_URL": "http://judge:8000/v1", "WANDB_ENTITY": "us"}
    files = {"VERL_FILE_LOGGER_PATH": "out/metrics.jsonl"}
    variables = run_variables(config, {**secrets, **plain, **files, "HF_TOKEN": "h-1", "SWANLAB_MODE": "cloud"})
    tell_ray(config.ray_kwargs.ray_init, variables)
    told = OmegaConf.to_container(config.ray_kwargs.ray_init.runtime_env.env_vars)
    assert told == {**plain, "VERL_FILE_LOGGER_PATH": str(configs / "out/metrics.jsonl")}
    assert variables.keys() - told.keys() == secrets.keys()


JOIN = """
import sys
sys.path.insert(0, sys.argv[1])
from grpo import composed
from verl_plugin.cluster import check_machines
from videokr.errors import UserError

for overrides, variables in eval(sys.argv[2]):
    try:
        check_machines(composed(overrides=overrides), variables)
        print("fine")
    except UserError as error:
        print("refused", error)
"""


def test_a_cluster_is_looked_at_for_gpus_files_and_secrets_before_it_is_joined(configs, tmp_path_factory):
    """One node with two GPUs in name; RAY_TMPDIR keeps it out of other runs' sight."""
    place = tmp_path_factory.mktemp("r")
    own = os.environ | {"RAY_TMPDIR": str(place), "HOME": str(place), "OPENAI_API_KEY": "sk-there"}
    own["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"] = "0"  # at its end it waits for no work
    own = {name: value for name, value in own.items() if name not in ("RAY_ADDRESS", "RAY_AUTH_MODE")}
    start = [Path(sys.executable).parent / "ray", "start", "--head", "--block", "--port=0", "--num-gpus=2"]
    quiet = ["--num-cpus=1", "--include-dashboard=false", "--disable-usage-stats"]
    head = subprocess.Popen([*start, *quiet], env=own, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        address = place / "ray" / "ray_current_cluster"
        for _ in range(240):
            if address.is_file() or head.poll() is not None:
                break
            time.sleep(0.5)
        data = tmp_path_factory.mktemp("data") / "rows.parquet"
        data.touch()
        there = [f"actor_rollout_ref.model.path={configs / 'qwen3_vl'}", f"data.val_files={data}"]
        there += [f"data.train_files={data}", "trainer.n_gpus_per_node=2"]
        asked = [
            (there, {"OPENAI_API_KEY": "sk-here", "MODEL_VERSION": "m"}),
            ([*there, "trainer.nnodes=2"], {}),
            (there, {"WANDB_API_KEY": "w-secret"}),
            ([*there, "data.val_files=/nowhere/test.parquet"], {}),
        ]
        command = [sys.executable, "-c", JOIN, str(ROOT / "tests" / "support")]
        done = subprocess.run([*command, repr(asked)], env=own, capture_output=True, text=True)
        said = [line for line in done.stdout.splitlines() if line.startswith(("fine", "refused"))]
        assert said[0] == "fine", done.stderr[-3000:]
        assert re.fullmatch("refused NNODES=2 with N_GPUS=2 each.* have 2 GPUs", said[1])
        assert re.fullmatch("refused WANDB_API_KEY is not set.* on node .*", said[2])
        assert re.fullmatch("refused '/nowhere/test.parquet' is not there, on node .*", said[3])
        assert "w-secret" not in done.stdout + done.stderr
    finally:
        os.killpg(head.pid, signal.SIGTERM)
        head.wait()
    assert address.is_file()  # canary of ray #45771: when Ray takes it away, end_ray in local_script/slurm need not


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"train_batch_size": 1_000}, r"\d+ of \d+ rows of .*train.parquet are left, and data.train_batch_size"),
        ({"train_batch_size": 4, "max_prompt_length": 20}, r"0 of \d+ rows .*MAX_PROMPT_LENGTH, 20"),
    ],
)
def test_fewer_rows_than_a_batch_end_the_run_before_the_model_is_loaded(corpus, model, change, fault):
    with pytest.raises(UserError, match=fault):
        dataset(corpus, model, train_files=str(corpus / "rl" / "train.parquet"), **change)


def rewritten(corpus, folder, change, rows=None):
    """The corpus' rows for GRPO in another folder, each changed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "rl").mkdir(exist_ok=True)
    given = pq.read_table(corpus / "rl" / "train.parquet").to_pylist()[:rows]
    for row in given:
        change(row)
    pq.write_table(pa.Table.from_pylist(given), folder / "rl" / "train.parquet")
    return folder


def test_rows_of_text_alone_are_taken_and_a_video_that_is_not_there_is_not_taken_for_text(
    corpus,
    model,
    tmp_path,
):
    def text_alone(row):
        row["prompt"][0]["content"] = row["prompt"][0]["content"].replace("<video>", "")
        del row["videos"]

    (message,) = dataset(rewritten(corpus, tmp_path, text_alone), model)[0]["raw_prompt"]
    assert "colour" in message["content"] or "way" in message["content"]
    with pytest.raises(UserError, match=r"row 0 .*1 marks <video>, and its column 'videos' holds 0"):
        dataset(rewritten(corpus, tmp_path, lambda row: row.pop("videos")), model)
    with pytest.raises(UserError, match=r"no column 'prompt'; there are .*data_source"):
        dataset(rewritten(corpus, tmp_path, lambda row: row.pop("prompt")), model)


def test_the_length_filter_counts_images_as_the_processor_does(corpus, model, tmp_path):
    from io import BytesIO

    from PIL import Image
    from verl.utils.tokenizer import build_multimodal_processor_inputs, hf_processor

    held = BytesIO()
    Image.new("RGB", (448, 336)).save(held, "PNG")

    def with_image(row):
        row["prompt"][0]["content"] = "<image>" + row["prompt"][0]["content"].replace("<video>", "")
        row["images"] = [{"bytes": held.getvalue()}]
        del row["videos"]

    folder = rewritten(corpus, tmp_path, with_image, rows=1)
    rows = dataset(folder, model, max_prompt_length=4_096)
    processor = hf_processor(str(model))
    messages = rows[0]["raw_prompt"]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    images, _, _ = rows._process_multi_modal_info(messages, rows.image_patch_size, rows.config)
    exact = len(build_multimodal_processor_inputs(processor, text=[text], images=images)["input_ids"][0])
    assert len(dataset(folder, model, max_prompt_length=exact)) == 1
    with pytest.raises(UserError, match="0 of 1 rows"):
        dataset(folder, model, max_prompt_length=exact - 1)
