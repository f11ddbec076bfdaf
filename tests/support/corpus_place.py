"""A corpus of the demo's clips, and what a run of one of its steps says."""

import json
import sqlite3
from pathlib import Path
from typing import NamedTuple

import yaml
from demo_oracle import Oracle

VIDEOS, SEED, ROUNDS = 20, 3, 6
CONCURRENCY = 8
PRICES = {"usd_per_million_input": 1.0, "usd_per_million_output": 4.0}


class Run(NamedTuple):
    status: int
    out: str
    err: str


class Place:
    """A corpus of its own."""

    def __init__(self, demo: Path, folder: Path):
        self.folder, self.output = folder, folder / "made"
        model = {"name": "oracle", **PRICES, "max_output_tokens": 200, "image_tokens": 100}
        self.settings = {
            "endpoint": "http://127.0.0.1:9/v1", "output": str(self.output), "videos": str(demo / "list.jsonl"),
            "video_dir": str(demo), "seed_examples": str(demo / "seeds.jsonl"), "seed": 7, "concurrency": CONCURRENCY,
            "call_seconds": 60, "budget": {"usd": 10, "tokens": 10_000_000}, "frames": {"min_frames": 8},
            "models": {
                "bank": model, "relevance": model, "moderation": {**model, "name": "guard"},
                "generate": model, "verify": dict(model), "rationale": {**model, "name": "judge"},
                "dependency": [{**model, "name": f"oracle {n}"} for n in range(2)],
                "probe": [{**model, "name": f"oracle {n}"} for n in range(3)],
            },
        }  # fmt: skip

    def config(self, server: Oracle | None, **changes: object) -> Path:
        if server:
            self.settings["endpoint"] = f"http://127.0.0.1:{server.server_address[1]}/v1"
        self.settings |= changes
        path = self.folder / "corpus.yaml"
        path.write_text(yaml.safe_dump(self.settings), encoding="utf-8")
        return path

    def records(self, name: str) -> list[dict]:
        return [json.loads(line) for line in (self.output / name).read_text(encoding="utf-8").splitlines()]

    def rows(self, asked: str) -> list[tuple]:
        ledger = sqlite3.connect(self.output / "ledger.sqlite")
        rows = ledger.execute(asked).fetchall()
        ledger.close()
        return rows
