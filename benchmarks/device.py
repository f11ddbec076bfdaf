"""What benchmarks/device.sh runs on, and the figures that it leaves: python -m benchmarks.device make|show FOLDER.

A model of 2 billion random weights (the shapes of Qwen3-VL-2B, the demo's tokenizer) and clips of 60 s of 360p with a
question each; with --tiny the demo's model and clips of 4 s.
"""

import argparse
import json
from pathlib import Path

from benchmarks.clips import clips, tiny_model, write_lines

FAMILY, SHAPES, ROWS = "qwen3vl", "qwen3vl/2b", 16
THINK = "The box moves along the upper edge while the board behind it sways. "


def make_data(folder: Path, seconds: int) -> list[str]:
    """Rows of SFT, GRPO and evaluation about the same clips, of questions of different lengths; their texts."""
    videos = clips(folder / "videos", "360p", seconds, ROWS // 2)
    records = [
        {
            "id": str(number),
            "question": f"Which way does box {number} go{', as far as one sees' * (number % 4)}?",
            "options": ["A. to the left", "B. to the right"],
            "answer": "B",
            "think": THINK * (1 + number % 3),
            "video_path": f"videos/{videos[number % len(videos)].name}",
        }
        for number in range(ROWS)
    ]
    for name in ("sft.jsonl", "VideoKR_eval.jsonl"):
        write_lines(folder / name, records)
    return [" ".join(str(value) for value in record.values()) for record in records]


def make_model(folder: Path, texts: list[str], tiny: bool) -> None:
    """The demo's model; unless tiny with the published shapes, and weights drawn on the GPU."""
    tiny_model(folder, FAMILY, 32_768, texts)
    if tiny:
        return
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    from data_prep.plan.model_size import FIGURES

    config = AutoConfig.from_pretrained(folder)
    for part in (config.text_config, config.vision_config):
        for name, value in FIGURES["sizes"][SHAPES][part.base_config_key].items():
            setattr(part, name, value)
    config.text_config.rope_parameters["mrope_section"] = [24, 20, 20]
    config.vision_config.num_position_embeddings = 2_304
    with torch.device("cuda"):
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    print(f"{sum(weights.numel() for weights in model.parameters()) / 1e9:.2f} billion random weights")
    model.cpu().save_pretrained(folder)


def show(folder: Path) -> None:
    """Prints what the stages left: of SFT and GRPO the last step's figures."""
    waited = json.loads((folder / "sft" / "input_wait.json").read_text())
    print(f"SFT: {waited['seconds'] / waited['steps']:.2f} s a step, {waited['share']:.0%} of it waiting for input")
    step = json.loads((folder / "grpo" / "metrics.jsonl").read_text().splitlines()[-1])["data"]
    for name in ("timing_s/step", "timing_s/gen", "timing_s/update_actor", "training/rollout_probs_diff_mean"):
        print(f"GRPO: {name} {step[name]:.4g}")
    memory = [value for name, value in step.items() if "max_memory_allocated" in name]
    print(f"GRPO: at most {max(memory):.1f} GB allocated by the trainer" if memory else "GRPO: no memory of a GPU")
    answered = json.loads((folder / "eval" / "summary.json").read_text())["benchmarks"]["videokr_eval"]["overall"]
    print(f"evaluation: {answered['questions']} questions answered")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("make", "show"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    if args.what == "show":
        show(args.folder)
        return
    texts = make_data(args.folder / "data", seconds=4 if args.tiny else 60)
    make_model(args.folder / "model", texts, args.tiny)


if __name__ == "__main__":
    main()
