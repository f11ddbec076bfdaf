"""How long `videokr corpus` takes until it asks again, with a million calls behind it, and in how much memory.

The records and the replies are made up and of the size of real ones; the command, its files and its first request are
real. The server refuses that request, which ends the run.

    python -m benchmarks.corpus_resume            # in the environment of rl, which has the openai client
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import yaml

from data_prep.corpus.ledger import NAME, Cost, Ledger
from data_prep.demo.clips import write_corpus

CALLS, ROUNDS, CLIPS = 1_000_000, 6, 20
REPLY_BYTES = 1_200
MODEL = {"name": "m", "usd_per_million_input": 0.0, "usd_per_million_output": 0.0}


class Server(HTTPServer):
    """Refuses every request, and notes when the first one came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Refusal)
        self.asked_at: float | None = None


class Refusal(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.asked_at = self.server.asked_at or time.monotonic()
        self.send_error(401)

    def log_message(self, format: str, *args: object) -> None:
        return


def write_questions(folder: Path, calls: int) -> None:
    """Questions about the demo's clips in turn, six in a row about each, with the provenance that they would have."""
    lines = (folder / "clips" / "sft.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    with (folder / "made" / "generated.jsonl").open("w", encoding="utf-8") as out:
        for number in range(calls):
            record = records[number // ROUNDS % len(records)]
            made = {"generate": {"models": ["m"], "prompt": "0" * 12, "calls": [f"{number:064x}"]}}
            out.write(json.dumps(record | {"id": f"{number}", "provenance": made}) + "\n")


def fill_ledger(path: Path, calls: int) -> None:
    with closing(Ledger(path)) as ledger:
        ledger._database.execute("BEGIN")
        for number in range(calls):
            request = ledger.open(f"{number:064x}", "verify", "m", f"{number}", 0, Cost(20_000, 0.0))
            ledger.keep(request, "r" * REPLY_BYTES)
            ledger.charge(request, 12_000, 300, 0.0)
        ledger._database.execute("COMMIT")


def fill_journal(path: Path, questions: Path, calls: int) -> None:
    """All rows but the last, behind the line that a run of a moment has left."""
    (head,) = path.read_text(encoding="utf-8").splitlines(keepends=True)
    with path.open("w", encoding="utf-8") as out, questions.open(encoding="utf-8") as source:
        out.write(head)
        for last in range(ROUNDS, calls - ROUNDS + 1, ROUNDS):
            records = [json.loads(next(source)) for _ in range(ROUNDS)]
            out.write(json.dumps({"line": last, "records": records, "left_out": []}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=CALLS)
    calls = parser.parse_args().calls // ROUNDS * ROUNDS
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_corpus(folder / "clips", CLIPS, 0, progress=False)
        server = Server()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (folder / "made").mkdir()
        config = {
            "endpoint": f"http://127.0.0.1:{server.server_address[1]}/v1",
            "output": str(folder / "made"),
            "videos": "none",
            "video_dir": str(folder / "clips"),
            "seed_examples": "none",
            "budget": {"usd": 1.0, "tokens": 10**12},
            "models": {"verify": MODEL},
        }
        (folder / "corpus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [sys.executable, "-m", "videokr", "corpus", "verify", "--config", str(folder / "corpus.yaml")]

        def run() -> float:
            server.asked_at, start = None, time.monotonic()
            environment = os.environ | {"OPENAI_API_KEY": "k"}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            assert done.returncode == 2 and server.asked_at is not None, done.stderr
            return server.asked_at - start

        write_questions(folder, calls)
        run()
        fill_ledger(folder / "made" / NAME, calls)
        fill_journal(folder / "made" / ".verified.jsonl.journal", folder / "made" / "generated.jsonl", calls)
        seconds = run()
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        size = (folder / "made" / NAME).stat().st_size / 1e9
        print(f"{calls:,} calls, a ledger of {size:.2f} GB: asks again after {seconds:.1f} s, {peak:.0f} MiB at most")


if __name__ == "__main__":
    main()
