"""What LLaMA-Factory makes of records: its own loader and collator, with the VideoKR templates.

python -m llamafactory_plugin.capture REQUEST.json
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llamafactory_plugin import converter, row_faults, templates
from llamafactory_plugin.rows import DATASET_INFO_FILE, build_dataset_entry, build_dialogue_row
from llamafactory_plugin.settings import checked, read_config
from videokr.capture.request import Request, read_request
from videokr.capture.trace import SeenVideo, Trace, collapsed, recorded_videos, write_report
from videokr.errors import exit_status
from videokr.example import Example
from videokr.family import family_of

CONFIGS = Path(__file__).parent / "configs"
HOST = "sft"
DIALOGUES = "dialogues"
IGNORED = -100  # label of a token that carries no loss


def settings(request: Request, family: str) -> list[str]:
    """The shipped configuration, changed only where a machine without a GPU needs it and for the number of rows."""
    budget = request.budget
    return [
        str(CONFIGS / f"{family}_sft.yaml"),
        f"model_name_or_path={request.model}",
        f"output_dir={request.output / 'llamafactory'}",
        *(
            (f"dataset={DIALOGUES}", f"dataset_dir={request.output}")
            if request.agentic
            else (f"dataset={request.records}", f"media_dir={request.media_dir}")
        ),
        f"max_samples={request.count}",
        f"video_fps={budget.fps}",
        f"video_maxlen={budget.max_frames}",
        f"video_min_pixels={budget.min_pixels}",
        f"video_max_pixels={budget.max_pixels}",
        *("deepspeed=null", "bf16=false", "use_cpu=true", "flash_attn=sdpa", "preprocessing_num_workers=null"),
        *(f"cutoff_len={request.max_tokens}", "report_to=none", "dataloader_num_workers=0"),
    ]


def write_dialogues(request: Request, examples: Sequence[Example]) -> None:
    """Writes the rows of `videokr prepare sft --agentic`, and their entry."""
    rows = [build_dialogue_row(example, list(example.videos)) for example in examples]
    file = request.output / f"{DIALOGUES}.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    entry = {DIALOGUES: build_dataset_entry(file.name)}
    (request.output / DATASET_INFO_FILE).write_text(json.dumps(entry), encoding="utf-8")


def capture(request: Request) -> list[Trace]:
    import torch
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.data.collator import SFTDataCollatorWith4DAttentionMask
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer
    from transformers import AutoConfig, AutoModelForImageTextToText

    converter.register()
    templates.register(sampling=request.budget.sampling)
    row_faults.install(request.output)
    examples = request.examples()
    if request.agentic:
        write_dialogues(request, examples)
    config = checked(read_config(settings(request, family_of(request.model).name)))
    model_args, data_args, training_args, _, _ = get_train_args(config)
    tokens: dict[str, Any] = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(tokens["tokenizer"], data_args)
    rows = get_dataset(template, model_args, data_args, training_args, stage="sft", **tokens)["train_dataset"]
    with torch.device("meta"):  # the collator asks the model's class for positions, not its weights
        model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(request.model))
    collate = SFTDataCollatorWith4DAttentionMask(template=template, model=model, label_pad_token_id=IGNORED, **tokens)
    traces = []
    with recorded_videos(request.output, HOST) as calls:
        for row, example in zip(rows, examples, strict=True):
            batch = collate([row])
            traces.append(_trace(example.id, batch, calls.pop(), tokens["tokenizer"]))
    return traces


def _trace(example: str, batch: Any, videos: tuple[SeenVideo, ...], tokenizer: Any) -> Trace:
    """What the host trains of one example.

    Args:
        batch: of one row.
    """
    length = int(batch["attention_mask"][0].ne(0).sum())
    ids, labels = batch["input_ids"][0, :length].tolist(), batch["labels"][0, :length].tolist()
    start = next(place for place, label in enumerate(labels) if label != IGNORED)
    return Trace(
        example=example,
        prompt=collapsed(tokenizer.decode(ids[:start])),
        prompt_ids=tuple(ids[:start]),
        response_ids=tuple(ids[start:]),
        loss=tuple(label != IGNORED for label in labels[start:]),
        position_ids=tuple(map(tuple, batch["position_ids"][-3:, 0, :length].tolist())),
        videos=videos,
    )


def main() -> int:
    request = read_request(sys.argv[1:])
    write_report(request.output, HOST, capture(request))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
