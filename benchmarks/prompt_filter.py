"""GRPO's filter of long prompts before the first step: verl's, which decodes every video, and ours.

    python -m benchmarks.prompt_filter --folder DIR [--rows 200] [--rounds 1] [--plot PNG]

In the environment of rl; rows of ten clips of 60 s of 360p. Seconds of the filter alone, in a process of its own for
each side. verl's takes one and a half seconds a row.
"""

import os
import sys
import time
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.clips import clips, tiny_model
from benchmarks.decode import FAMILY, PATCH_SIZE, stock_reader
from benchmarks.sides import Comparison, column, parser_of, run_side, take_turns, timed

SIDES = ("verl", "ours")
CLIPS, SECONDS = 10, 60
PROMPT_TOKENS = 16_384


def make(folder: Path, number_of_rows: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from verl_plugin.rows import build_row
    from videokr.budget import RL_BUDGET
    from videokr.example import parse_example

    videos = clips(folder / "clips", "360p", SECONDS, CLIPS)
    tiny_model(folder / "model", FAMILY, PROMPT_TOKENS)
    rows = []
    for number in range(number_of_rows):
        video = videos[number % CLIPS]
        record = {"question": f"Which way does box {number} go?", "answer": "to the right", "video": video.name}
        rows.append(build_row(parse_example(record), [str(video)], "train", number, asdict(RL_BUDGET)))
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")


def filter_rows(side: str, path: str) -> dict[str, Any]:
    """Loads the rows with the filter of one side on: seconds of the filter, and rows that stay."""
    from omegaconf import OmegaConf
    from verl.utils.dataset.rl_dataset import RLHFDataset
    from verl.utils.tokenizer import hf_processor, hf_tokenizer

    from verl_plugin.dataset import VideoKRDataset

    folder = Path(path)
    os.environ.setdefault("FORCE_QWENVL_VIDEO_READER", stock_reader(folder / "clips" / "360p-60s-0.mp4"))
    model = str(folder / "model")
    settings = {"max_prompt_length": PROMPT_TOKENS, "filter_overlong_prompts": True, "video_key": "videos",
                "image_patch_size": PATCH_SIZE, "filter_overlong_prompts_workers": 1,
                "cache_dir": str(folder / "cache")}  # fmt: skip
    config = OmegaConf.create(settings)
    dataset_class = RLHFDataset if side == SIDES[0] else VideoKRDataset
    with (
        timed(dataset_class, "maybe_filter_out_long_prompts", time.process_time) as calls,
        redirect_stdout(sys.stderr),
    ):
        rows = dataset_class(str(folder / "rows.parquet"), hf_tokenizer(model), config, hf_processor(model))
    return {"seconds": calls[0][0], "rows": len(rows)}


def main() -> None:
    parser = parser_of(__doc__, "clips and rows")
    parser.add_argument("--rows", type=int, default=200, help="(default: %(default)s)")
    args = parser.parse_args()
    folder = args.folder.resolve()
    make(folder, args.rows)
    runs = take_turns(SIDES, args.rounds, lambda side: run_side("benchmarks.prompt_filter.filter_rows", side, folder))
    told = Comparison(f"The filter of long prompts over {args.rows} rows")
    told.add("filter", "s", column(runs, "seconds"))
    told.draw(args.plot)


if __name__ == "__main__":
    main()
