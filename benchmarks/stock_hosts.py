"""How the released hosts, without VideoKR's plugins, read the records that `videokr parity` sends through all of them.

    .venvs/rl/bin/python -m benchmarks.stock_hosts --model MODEL --records DIR/records.jsonl --n 60 --max-pixels 8192

On a CPU. Each host gets every record by itself, so that one it cannot read costs no other. What it made of a record is
held against SFT with the plugins, from which RL and evaluation with them do not differ.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from videokr.analysis.parity.comparison import ASPECTS, compare
from videokr.analysis.parity.hosts import ALWAYS, CONTEXT_TOKENS, ON_CPU, python_of, write_skeleton
from videokr.budget import SFT_BUDGET
from videokr.capture.request import Request, read_request
from videokr.capture.trace import Trace, collapsed, first_videos, read_report, recorded, recorded_videos
from videokr.capture.trace import write_report as write
from videokr.errors import exit_status
from videokr.example import Example
from videokr.family import family_of
from videokr.jsonl import read_examples
from videokr.video.paths import resolve_video

ROOT = Path(__file__).parents[1]
STAGES = {"sft": ("sft",), "rl": ("rl_rollout", "rl_trainer"), "eval": ("eval",)}
ENGINE: dict[str, Any] = {"load_format": "dummy", "enforce_eager": True, "mm_processor_cache_gb": 0}  # of vLLM
LENGTHS = ("max_model_len", "max_num_batched_tokens")
Reader = Callable[[Request, Example, int], Mapping[str, Trace]]


def read_each(request: Request, stage: str, read: Reader) -> None:
    """Reads every record alone; what could not be read is printed, and is in no report."""
    reports: dict[str, list[Trace]] = {name: [] for name in STAGES[stage]}
    lines = request.records.read_text(encoding="utf-8").splitlines()
    examples = list(islice(read_examples(request.records), request.count))
    for number, example in enumerate(tqdm(examples, desc=f"stock {stage}")):
        alone = request.output / f"stock-{stage}-{number}.jsonl"
        alone.write_text(lines[number] + "\n", encoding="utf-8")
        videos = tuple(str(resolve_video(video, request.media_dir)) for video in example.videos)
        try:
            seen = read(replace(request, records=alone, count=1), replace(example, videos=videos), number)
        except (Exception, SystemExit) as failure:  # noqa: BLE001  a host's, whatever it is: that is counted here
            print(f"{stage}, {example.id}: {type(failure).__name__}: {' '.join(str(failure).split())[:200]}")
            continue
        for name, trace in seen.items():
            reports[name].append(trace)
    for name, traces in reports.items():
        write(request.output, f"stock_{name}", traces)


def sft(request: Request) -> None:
    from llamafactory_plugin import capture, converter, templates

    settings, stock = capture.settings, f"template={templates.HOST_TEMPLATES[family_of(request.model).name]}"
    capture.settings = lambda request, family: [*settings(request, family), stock]
    converter.register()  # rows are ours; template, frames and positions are the host's
    converter.register = templates.register = lambda **_: None

    def read(alone: Request, _: Example, number: int) -> dict[str, Trace]:
        capture.HOST = f"stock-sft-{number}"
        return {"sft": capture.capture(alone)[0]}

    read_each(request, "sft", read)


def rl(request: Request) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from omegaconf import open_dict
    from verl import DataProto
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker
    from verl.utils.dataset.rl_dataset import RLHFDataset
    from verl.utils.tokenizer import hf_processor, hf_tokenizer
    from verl.workers.rollout.utils import qwen2_5_vl_dedup_image_tokens
    from vllm import LLM

    from verl_plugin import capture, videos

    videos.rollout_prompt = lambda ids, _, processor: qwen2_5_vl_dedup_image_tokens(list(ids), processor)
    tokenizer, processor = hf_tokenizer(str(request.model)), hf_processor(str(request.model))
    config = capture.run_config(request, request.output / "row.parquet", 64)
    with open_dict(config):
        config.data.custom_cls.path = config.data.custom_cls.name = None
        config.data.filter_overlong_prompts = False
        config.actor_rollout_ref.rollout.agent.default_agent_loop = "single_turn_agent"
    engine = LLM(str(request.model), **ENGINE, **dict.fromkeys(LENGTHS, request.max_tokens))
    client = capture._Engine(engine, processor)
    worker = AgentLoopWorker(config, client)
    model_class = engine.apply_model(type)[0]

    def read(_: Request, example: Example, number: int) -> dict[str, Trace]:
        row = capture.build_row(example, list(example.videos), "train", number, asdict(request.budget))
        path = request.output / f"row-{number}.parquet"
        pq.write_table(pa.Table.from_pylist([row]), path)
        given = RLHFDataset(str(path), tokenizer, config.data, processor)[0]
        given = {name: value for name, value in given.items() if not hasattr(value, "ndim")}
        given |= {"agent_name": "single_turn_agent", "uid": example.id}
        fields = {name: np.array([value, None], dtype=object)[:1] for name, value in given.items()}
        batch = DataProto.from_dict(non_tensors=fields, meta_info={"global_steps": 0, "validate": False})
        client.response = gold = tokenizer(capture._gold(example), add_special_tokens=False)["input_ids"]
        with (
            recorded(model_class, "get_mrope_input_positions", lambda _, __, made: made[0].tolist()) as positions,
            recorded_videos(request.output, f"stock-rl-{number}") as calls,
        ):
            made = asyncio.run(worker.generate_sequences(batch)).batch
        kept = made["attention_mask"][0].bool()
        ids = made["input_ids"][0, kept].tolist()
        asked, placed = len(ids) - len(gold), made["position_ids"][0, -3:][:, kept].tolist()
        carries = made["response_mask"][0, : len(gold)].bool().tolist()
        *before, last = calls
        shown = list(chain.from_iterable(before))[-len(example.videos) :]
        trainer = capture._trace(example.id, tokenizer, ids[:asked], ids[asked:], carries, placed, last)
        rollout = capture._trace(example.id, tokenizer, client.prompts[-1], None, None, positions[-1], shown)
        return {"rl_rollout": rollout, "rl_trainer": trainer}

    read_each(request, "rl", read)


def evaluation(request: Request) -> None:
    from lmms_eval.models.chat.vllm_generate import VLLMGenerate

    from lmms_eval_tasks import capture
    from lmms_eval_tasks.catalogue import write_task

    budget = request.budget
    model = VLLMGenerate(
        str(request.model),
        fps=budget.fps,
        max_frame_num=budget.max_frames,
        max_new_tokens=1,
        max_pixels=budget.max_pixels,
        trust_remote_code=False,
        **ENGINE,
        **dict.fromkeys(LENGTHS, request.max_tokens),
    )
    model_class = model.client.apply_model(type)[0]

    def read(_: Request, example: Example, number: int) -> dict[str, Trace]:
        folder = request.output / f"eval-{number}"
        folder.mkdir()
        write_task([example], folder / "tasks")
        with (
            recorded(model_class, "get_mrope_input_positions", lambda _, __, made: made[0].tolist()) as positions,
            recorded(type(model.client), "generate", lambda _, __, made: made[0].prompt_token_ids) as ids,
            recorded_videos(request.output, f"stock-eval-{number}") as calls,
        ):
            capture.evaluate(replace(request, output=folder), model)
        videos = first_videos(calls[-len(example.videos) :], len(example.videos))
        text = collapsed(model.processor.tokenizer.decode(ids[0]))
        placed = tuple(map(tuple, positions[0]))
        return {"eval": Trace(example.id, text, tuple(ids[0]), None, None, placed, videos)}

    read_each(request, "eval", read)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--n", type=int, default=10)
    parser.add_argument("--max-pixels", type=int, default=SFT_BUDGET.max_pixels, help="of a frame")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venvs")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="videokr-stock-") as name:
        folder = Path(name)
        write_skeleton(args.model, folder / "model")
        request = Request(
            folder / "model",
            args.records.absolute(),
            args.records.parent.absolute(),
            folder,
            args.n,
            replace(SFT_BUDGET, max_pixels=args.max_pixels),
            CONTEXT_TOKENS,
            cpu=True,
        )
        asked = request.write()
        reader = {"FORCE_QWENVL_VIDEO_READER": "decord"}  # torchcodec, its first choice, asks for FFmpeg's libraries
        environment = {**os.environ, **ALWAYS, **ON_CPU, **reader}
        ours = [python_of("sft", args.environments), "-m", "llamafactory_plugin.capture", asked]
        subprocess.run(ours, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        for stage in STAGES:
            command = [python_of(stage, args.environments), "-m", "benchmarks.stock_hosts", stage, asked]
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
        print(table(folder, args.n))
    return 0


def table(folder: Path, asked: int) -> str:
    """How many records each stock host read in another way than SFT with the plugins."""
    ours = {trace.example: trace for trace in read_report(folder, "sft")}
    names = [name for stage in STAGES.values() for name in stage]
    columns: dict[str, Counter[str]] = {}
    for name in names:
        theirs = read_report(folder, f"stock_{name}")
        found = {(d.example, d.aspect) for one in theirs for d in compare(ours[one.example], one, name, folder)}
        columns[name] = Counter(aspect for _, aspect in found) + Counter({"not read": asked - len(theirs)})
    lines = [f"{'of ' + str(asked):<18}" + "".join(f"{name:>12}" for name in names)]
    lines += [f"{row:<18}" + "".join(f"{columns[name][row]:>12}" for name in names) for row in ("not read", *ASPECTS)]
    return "\n".join(lines)


def in_environment() -> int:
    stage, *rest = sys.argv[1:]
    read: dict[str, Callable[[Request], Any]] = {"sft": sft, "rl": rl, "eval": evaluation}
    read[stage](read_request(rest))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(in_environment if sys.argv[1:2] and sys.argv[1] in STAGES else main))
