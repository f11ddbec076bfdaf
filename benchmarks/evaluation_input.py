"""What evaluation does with videos before the model sees them, on a CPU: lmms-eval as released, and our model class.

    python -m benchmarks.evaluation_input --folder DIR [--size 720p] [--seconds 60] [--clips 4] [--plot PNG]

In the environment of eval. Each side's process starts vLLM with the demo's tiny Qwen3-VL, answers a question about two
seconds of video, and then is measured in lmms-eval's evaluator: one question about each clip, and one token an answer.
The released classes answer in two batches; ours reads a clip while another is answered. No clip is shown twice, and
vLLM keeps nothing of one (mm_processor_cache_gb=0).

All sides read the same clips at the frames a second and the pixels a frame of evaluation's budget, as far as the
released classes can be told. `vllm` sends every frame as a picture, in PNG: pictures share no tokens as two frames of a
video do, so that its prompt is twice as long. Rows without the model's passes leave that out, but not what the
processor does to twice as many patches. Both released classes size frames to multiples of 28 pixels, as Qwen2.5-VL has
them, and vLLM's processor sizes them again to multiples of 32; ours are sized once, and the model gets as many pixels
of each. The family is Qwen3-VL since `vllm_generate` gives no metadata with a video of Qwen2.5-VL, without which vLLM
0.32 refuses it.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.clips import SIZES, build_proxies, clips, tiny_model
from benchmarks.sides import Comparison, column, cpu_seconds, parser_of, peak_mib, run_side, take_turns, timed

PNG, ORIGINALS, PROXIES, VIDEO = SIDES = ("lmms-eval vllm", "originals", "proxies", "lmms-eval vllm_generate")
FAMILY, CONTEXT_TOKENS, BATCHES, WARM_UP_SECONDS = "qwen3vl", 32_768, 2, 2
ROWS = (
    ("wall", "a question", "s"),
    ("wall_beside", "a question without the model's passes", "s"),
    ("cpu", "CPU of a question", "s"),
    ("cpu_beside", "CPU of a question without the model's passes", "s"),
    ("peak", "memory of the process at most", "GiB"),
)


def record(clip: Path) -> dict[str, Any]:
    question = f"Which way does the box of {clip.stem} go?"
    return {"question": question, "options": ["to the left", "to the right"], "answer": "B", "video": clip.name}


def load(side: str, model: Path, batch_size: int) -> Any:
    """A side's model class, its engine started."""
    from videokr.budget import EVAL_BUDGET

    settings: dict[str, Any] = {
        "batch_size": batch_size, "max_model_len": CONTEXT_TOKENS, "max_num_batched_tokens": CONTEXT_TOKENS,
        "dtype": "float32", "enforce_eager": True, "mm_processor_cache_gb": 0, "trust_remote_code": False,
    }  # fmt: skip
    if side in (ORIGINALS, PROXIES):
        from lmms_eval_tasks.models.videokr_vllm import VideoKRVLLM

        return VideoKRVLLM(str(model), **settings)
    settings |= {"fps": EVAL_BUDGET.fps, "max_frame_num": EVAL_BUDGET.max_frames, "max_pixels": EVAL_BUDGET.max_pixels}
    settings["max_new_tokens"] = 1
    if side == VIDEO:
        from lmms_eval.models.chat.vllm_generate import VLLMGenerate

        return VLLMGenerate(str(model), **settings)
    from lmms_eval.models.chat.vllm import VLLM

    return VLLM(str(model), is_qwen3_vl=True, **settings)


def measure(side: str, path: str, warm_up: str, *shown: str) -> dict[str, float]:
    folder = Path(path)
    model = load(side, folder / "model", -(-len(shown) // BATCHES))
    ask(model, folder / "warm-up", [Path(warm_up)])
    return ask(model, folder / "questions", list(map(Path, shown))) | {"peak": peak_mib() / 1024}


def ask(model: Any, folder: Path, shown: Sequence[Path]) -> dict[str, float]:
    """Asks one question about each clip in lmms-eval's evaluator; seconds a question of its call of the model class."""
    from vllm.v1.worker.gpu_worker import Worker

    from lmms_eval_tasks import capture
    from lmms_eval_tasks.catalogue import write_task
    from videokr.budget import EVAL_BUDGET
    from videokr.capture.request import Request
    from videokr.example import parse_example

    folder.mkdir(exist_ok=True)
    write_task([replace(parse_example(record(clip)), videos=(str(clip),)) for clip in shown], folder / "tasks")
    request = Request(folder, folder, folder, folder, len(shown), EVAL_BUDGET, CONTEXT_TOKENS, cpu=True)
    with (
        timed(type(model), "generate_until", cpu_seconds) as whole,
        timed(Worker, "execute_model", time.thread_time) as passes,  # of the CPU's worker too, in this very thread
    ):
        capture.evaluate(request, model)
    wall, cpu = (sum(each) / len(shown) for each in zip(*whole, strict=True))
    model_wall, model_cpu = (sum(each) / len(shown) for each in zip(*passes, strict=True))
    return {"wall": wall, "wall_beside": wall - model_wall, "cpu": cpu, "cpu_beside": cpu - model_cpu}


def main() -> None:
    from videokr.analysis.parity.hosts import ALWAYS, ON_CPU

    parser = parser_of(__doc__, "model, clips and proxies")
    parser.add_argument("--size", choices=SIZES, default="720p", help="(default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="of a clip (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=4, help="(default: %(default)s)")
    args = parser.parse_args()
    folder = args.folder.resolve()
    (warm_up,) = clips(folder / "clips", args.size, WARM_UP_SECONDS)
    shown = clips(folder / "clips", args.size, args.seconds, args.clips)
    tiny_model(folder / "model", FAMILY, CONTEXT_TOKENS)
    build_proxies(folder / "proxies", folder / "clips", [record(clip) for clip in (warm_up, *shown)], "eval", FAMILY)
    environment = {**ALWAYS, **ON_CPU, "FORCE_QWENVL_VIDEO_READER": "decord", "VIDEOKR_USE_VLM_JUDGE": "0"}

    def run(side: str) -> dict[str, float]:
        proxies = {"VIDEOKR_PROXIES": str(folder / "proxies") if side == PROXIES else ""}
        return run_side("benchmarks.evaluation_input.measure", side, folder, warm_up, *shown, **environment, **proxies)

    runs = take_turns(SIDES, args.rounds, run)
    told = Comparison(f"Evaluation's input: {args.clips} questions about {args.seconds} s of {args.size} each")
    for name, row, unit in ROWS:
        told.add(row, unit, column(runs, name))
    told.draw(args.plot)


if __name__ == "__main__":
    main()
