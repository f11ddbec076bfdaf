"""A model trained on what `videokr corpus` made, beside one trained on the true rows and one on the unfiltered rows.

The demo's clips, and a server that knows what they show and plants faults (tests/support/demo_oracle.py): 10% wrong
answers, 10% broken rationales, 5% of another language, 10% questions that are answered from four frames. The true
rows are those of the same server without faults. Of each as many rows as the fewest are drawn; all three go through
the same SFT, and answer the same held-out questions: with the likeliest answer, which hides what one row in ten
teaches, and with one drawn at temperature 1, as GRPO draws its rollouts.

    python -m benchmarks.corpus_sft --folder DIR --seed 0   # in the environment of rl; sft and eval are built, too

A finished part is not made again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import yaml

from benchmarks.clips import write_lines
from data_prep.demo.clips import lettered, split_of, write_corpus
from data_prep.demo.scenes import Scene
from videokr.__main__ import main as videokr
from videokr.errors import exit_status
from videokr.example import imitated_fields, to_record
from videokr.jsonl import read_examples
from videokr.options import LETTERS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from demo_oracle import BROKEN, CHINESE, Faults, Oracle, serving  # noqa: E402

STEPS = ("generate", "verify", "dependency", "rationale")
PLANTED = Faults(wrong_questions=0.1, needs_no_video=0.1, broken_rationales=0.1, other_language=0.05)
SIDES = ("true", "corpus", "unfiltered")
HELD_OUT = 1_000
MAX_STEPS = 2_800  # twice the demo's, after which some runs have not learnt yet to compare the order of events
ANSWERS = {"likeliest": "max_new_tokens=96", "drawn": "max_new_tokens=96,temperature=1,top_p=1"}
SKILLS = ("VidR", "KnowVid", "KnowVidR")


class Author(Oracle):
    """Reasons at once as it would when it solves the question, with the same share of faults."""

    def _question(self, scene: Scene, clip: int, text: str, has_options: bool) -> dict[str, Any]:
        said = super()._question(scene, clip, text, has_options)
        rationale = scene.rationale.removesuffix(scene.answer) + said["answer"]
        if self.is_planted("other_language", clip, f"rationale {text}"):
            rationale = CHINESE
        elif self.is_planted("broken_rationales", clip, f"rationale {text}"):
            rationale = f"{rationale}\n{Random(text).choice(list(BROKEN))}"
        return said | {"reasoning": rationale, "question": scene.question}


def make_corpus(folder: Path, clips: Path, videos: int, seed: int, faults: Faults, *steps: str) -> Path:
    """Runs the steps; returns the file of the last."""
    outputs = {"generate": "generated", "verify": "verified", "dependency": "dependent", "rationale": "validated"}
    made = folder / f"{outputs[steps[-1]]}.jsonl"
    if made.is_file():
        return made
    model = {"name": "m", "usd_per_million_input": 0, "usd_per_million_output": 0, "image_tokens": 100}
    names = [f"videos/{number:04d}.mp4" for number in range(videos) if split_of(number, videos) != "eval"]
    videos_file, seeds_file = folder / "videos.jsonl", folder / "seeds.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    about = {"discipline": "shapes"}
    write_lines(videos_file, [{"video": name, "knowledge_point": "shapes"} | about for name in names])
    examples = [json.loads(line) for line in (clips / "sft.jsonl").read_text(encoding="utf-8").splitlines()[:9]]
    seeds = [one | about | {"id": f"{skill} {one['id']}", "task_type": skill} for skill in SKILLS for one in examples]
    write_lines(seeds_file, seeds)
    with serving(Author(videos, seed, faults)) as server:
        config = {
            "endpoint": f"http://127.0.0.1:{server.server_address[1]}/v1", "output": str(folder), "seed": seed,
            "videos": str(videos_file), "video_dir": str(clips), "seed_examples": str(seeds_file), "concurrency": 8,
            "budget": {"usd": 1, "tokens": 10**12}, "frames": {"min_frames": 8}, "models": {
                "generate": model, "verify": model, "rationale": model,
                "dependency": [model | {"name": f"oracle {number}"} for number in range(2)],
            },
        }  # fmt: skip
        (folder / "corpus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        for step in steps:
            command = ["corpus", step, "--config", str(folder / "corpus.yaml")]
            if exit_status(lambda: videokr(command)):  # noqa: B023
                raise SystemExit(f"videokr corpus {step} failed")
    return made


def spell_out(source: Path, output: Path, number: int, seed: int) -> None:
    """Draws so many rows, and has each rationale go through the options up to the right one, as the demo's do."""
    with output.open("w", encoding="utf-8") as out:
        for example in Random(seed).sample(list(read_examples(source)), number):
            if example.options:
                tried = lettered(example.options[: LETTERS.index(example.answer) + 1])
                example = replace(example, rationale=f"{example.rationale}. {', '.join(tried)}")
            out.write(json.dumps(to_record(example) | imitated_fields(example)) + "\n")


def run(log: Path, *command: str | Path, **variables: str) -> None:
    given = os.environ | {"VIDEOKR_CPU": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | variables
    with log.open("ab") as out:
        status = subprocess.run(list(map(str, command)), cwd=ROOT, env=given, stdout=out, stderr=out).returncode
    if status:
        raise SystemExit(f"{command[1:3]} ended with status {status}: see {log}")


def train_and_ask(side: Path, rows: Path, number: int, clips: Path, held_out: Path, model: Path, seed: int) -> None:
    if (side / "done").is_file():
        return
    shutil.rmtree(side, ignore_errors=True)
    (side / "data").mkdir(parents=True)
    log = side / "log"
    spell_out(rows, side / "rows.jsonl", number, seed)
    prepare = ("-m", "videokr", "prepare", "sft", "--input", side / "rows.jsonl", "--media-dir", clips)
    run(log, sys.executable, *prepare, "--output", side / "data" / "videokr_train.json")
    shipped = (ROOT / "data_prep" / "demo" / "sft.args").read_text(encoding="utf-8").splitlines()
    settings = [line for line in shipped if not line.startswith("#")]
    settings += [f"media_dir={clips}", f"seed={seed}", f"max_steps={MAX_STEPS}"]
    train = ("bash", "local_script/train_videokr.sh", "qwen3vl", *settings)
    given = {"MODEL_NAME_OR_PATH": str(model), "DATASET_DIR": str(side / "data"), "FORCE_TORCHRUN": "0"}
    run(log, *train, OUTPUT_DIR=str(side / "model"), **given)
    for name, sampling in ANSWERS.items():
        run(
            log, "bash", "local_script/eval_videokr.sh", VIDEOKR_MODEL=str(side / "model"), RUN_NAME=side.name,
            OUTPUT_PATH=str(side / name), VIDEOKR_EVAL_ROOT=str(held_out), VIDEOKR_EVAL_FILE="questions.jsonl",
            VIDEOKR_USE_VLM_JUDGE="0", ANSWER_FORM="tagged", MAX_MODEL_LEN="2048", MAX_PIXELS="4096", MAX_FRAME_NUM="8",
            GEN_KWARGS=sampling,
        )  # fmt: skip
    (side / "done").touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--videos", type=int, default=900, help="four of five are trained on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    folder, seed = args.folder.absolute() / f"seed{args.seed}", args.seed
    clips, held_out, model = folder / "clips", folder / "held_out", folder / "base"
    for stage in ("sft", "eval"):
        folder.mkdir(parents=True, exist_ok=True)
        run(folder / "log", "bash", "local_script/setup_env.sh", stage, "--cpu")
    if not clips.is_dir():
        write_corpus(clips, args.videos, seed)
    if not held_out.is_dir():
        write_corpus(held_out, HELD_OUT * 5 // 3, seed + 1_000)
    if not model.is_dir():
        tiny = ("-m", "data_prep.demo.tiny_model", "qwen3vl", "--data", clips / "sft.jsonl", "--output", model)
        run(folder / "log", ROOT / ".venvs" / "sft" / "bin" / "python", *tiny)
    questions = held_out / "questions.jsonl"
    with questions.open("w", encoding="utf-8") as out:  # a question a video, of any split: none was trained on
        seen = set()
        for split in ("eval", "rl", "sft"):
            for line in (held_out / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                video = (record.get("videos") or [record["video_path"]])[0]
                if video not in seen and len(seen) < HELD_OUT:
                    seen.add(video)
                    out.write(line + "\n")
    rows = {
        "true": make_corpus(folder / "rows_true", clips, args.videos, seed, Faults(), "generate", "verify"),
        "unfiltered": unchecked(folder / "rows_unfiltered", clips, args.videos, seed),
        "corpus": make_corpus(folder / "rows_corpus", clips, args.videos, seed, PLANTED, *STEPS),
    }
    counts = {side: sum(1 for _ in rows[side].open("rb")) for side in SIDES}
    number = min(counts.values())
    for side in SIDES:
        print(f"{side}: {number} of {counts[side]} rows", flush=True)
        train_and_ask(folder / side, rows[side], number, clips, held_out, model, seed)
    for answers in ANSWERS:
        for other in ("true", "unfiltered"):
            print(f"\n{answers} answers: {other}, corpus", flush=True)
            videokr(["compare", str(folder / other / answers), str(folder / "corpus" / answers)])


def unchecked(folder: Path, clips: Path, videos: int, seed: int) -> Path:
    """What the model writes at first, in whatever language."""
    from data_prep.corpus import generate

    check, generate.check_language = generate.check_language, lambda example: None
    try:
        return make_corpus(folder, clips, videos, seed, PLANTED, "generate")
    finally:
        generate.check_language = check


if __name__ == "__main__":
    main()
