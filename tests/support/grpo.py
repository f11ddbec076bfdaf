"""GRPO on small data: the configuration composed, the launcher run, the data set that verl would read."""

import os
import shutil
import subprocess
import sys

from checkout import ROOT

CONFIG = ROOT / "verl_plugin" / "config"
LAUNCHER = ROOT / "local_script" / "train_videokr_grpo.sh"
SHIPPED = [line for line in (ROOT / "data_prep" / "demo" / "grpo.args").read_text().splitlines() if line]
# Lines of a cluster's file: what the launcher sets for a CPU, which Ray's processes have from `ray start`.
ON_A_CPU = (
    "VERL_PLATFORM=cpu VERL_USE_EXTERNAL_MODULES=verl_plugin.cpu VLLM_CPU_KVCACHE_SPACE=1 OMP_NUM_THREADS=1",
    "VLLM_CPU_OMP_THREADS_BIND=nobind VLLM_ENABLE_V1_MULTIPROCESSING=0",
)
TINY_BUDGET = {"min_frames": 4, "max_frames": 8, "min_pixels": 1024, "max_pixels": 96 * 96}


def composed(name="videokr_grpo", overrides=()):
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(CONFIG), version_base=None):
        return compose(name, ["hydra.searchpath=[pkg://verl.trainer.config]", *overrides])


def launch_grpo(*settings, **variables):
    return subprocess.run(
        ["bash", str(LAUNCHER), *SHIPPED, *settings], capture_output=True, text=True, env=on_a_cpu(variables)
    )


def on_a_cpu(variables):
    return os.environ | {"VIDEOKR_CPU": "1", "VIDEOKR_PYTHON": sys.executable} | variables


def submit_grpo(command, model, folder, *settings, **variables):
    """The command of docs/cluster.md, of this model: two nodes of a Ray cluster, one worker of each kind on each."""
    named, _, sbatch = command.partition(" ")
    assert named.startswith("MODEL_PATH=")
    joined = [f"ray_kwargs.ray_init.{name}=null" for name in ("address", "num_cpus", "num_gpus")]
    with (folder / "job.log").open("w") as log:
        return subprocess.Popen(
            ["bash", "-c", f'{sbatch} "$@"', "sbatch", *SHIPPED, *joined, *settings],
            cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=on_a_cpu(variables) | {"MODEL_PATH": str(model)},
        )  # fmt: skip


def dataset(corpus, model, **changes):
    from omegaconf import OmegaConf
    from verl.utils.tokenizer import hf_processor, hf_tokenizer

    from verl_plugin.dataset import VideoKRDataset

    config = {"image_patch_size": None, "max_prompt_length": 1024, "filter_overlong_prompts": True}
    config |= {"filter_overlong_prompts_workers": 1, "cache_dir": str(corpus / "cache"), "video_budget": TINY_BUDGET}
    processor, tokenizer = hf_processor(str(model)), hf_tokenizer(str(model))
    config = OmegaConf.create(config | changes)
    return VideoKRDataset(str(corpus / "rl" / "train.parquet"), tokenizer, config, processor)


def double_the_videos(corpus, folder, rows, without=()):
    """Rows for GRPO, of which some show their video twice, and some none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    shutil.copytree(corpus / "rl", folder)
    given = pq.read_table(folder / "train.parquet").to_pylist()
    for number in rows:
        given[number]["videos"] *= 2
        given[number]["prompt"][0]["content"] = given[number]["prompt"][0]["content"].replace("<video>", "<video>" * 2)
    for number in without:
        given[number]["videos"] = []
        given[number]["prompt"][0]["content"] = given[number]["prompt"][0]["content"].replace("<video>", "")
    pq.write_table(pa.Table.from_pylist(given), folder / "train.parquet")
