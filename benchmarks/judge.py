"""Judging a thousand open answers at once against one at a time, by an endpoint on this machine that has faults.

    python -m benchmarks.judge

Every reply takes half a second; 5 of 100 are refused (429), 5 fail (500), 2 hang past the time limit of a request and 2
are garbage. One at a time is measured on the first 60 answers, and both are told as answers a second.
"""

import argparse
import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from videokr.evaluation.judge import Judge, JudgeError
from videokr.evaluation.judge_settings import Limits, require_settings

LATENCY_SECONDS, REQUEST_SECONDS = 0.5, 3.0
FAULTS = {429: 0.05, 500: 0.05, "hang": 0.02, "garbage": 0.02}
ALONE = 60


class Endpoint(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, seed: int):
        super().__init__(("127.0.0.1", 0), Handler)
        self.chance, self.lock, self.replies = random.Random(seed), threading.Lock(), Counter[str]()

    def draw(self) -> object:
        with self.lock:
            drawn = self.chance.random()
            for fault, share in FAULTS.items():
                if drawn < share:
                    self.replies[str(fault)] += 1
                    return fault
                drawn -= share
            self.replies["verdict"] += 1
            return "1"


class Handler(BaseHTTPRequestHandler):
    server: Endpoint
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.loads(asked["messages"][1]["content"])["candidate_answer"]
        reply = self.server.draw()
        time.sleep(REQUEST_SECONDS + 1 if reply == "hang" else LATENCY_SECONDS)
        content = "I would say 1" if reply == "garbage" else str(int(answer) % 2)
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        body = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        payload = json.dumps({"error": {"message": "later"}} if isinstance(reply, int) else body).encode()
        try:
            self.send_response(reply if isinstance(reply, int) else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client's time limit

    def log_message(self, format: str, *args: object) -> None:
        return


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=Limits().concurrency)
    parser.add_argument("--seed", type=int, default=0, help="of the faults (default: %(default)s)")
    args = parser.parse_args(argv)
    speeds = []
    for concurrency, answers in ((1, ALONE), (args.concurrency, args.answers)):
        endpoint = Endpoint(args.seed)
        threading.Thread(target=endpoint.serve_forever, daemon=True).start()
        started = time.monotonic()
        verdicts = asyncio.run(grade(endpoint, answers, concurrency))
        seconds = time.monotonic() - started
        endpoint.shutdown()
        right = sum(verdict is bool(number % 2) for number, verdict in enumerate(verdicts))
        speeds.append(answers / seconds)
        print(
            f"{concurrency:>3} at once: {answers} answers in {seconds:.1f} s, {speeds[-1]:.2f} a second; {right} right "
            f"verdicts, {verdicts.count(None)} without, {answers - right - verdicts.count(None)} wrong; "
            f"replies: {dict(endpoint.replies)}"
        )
    print(f"{speeds[1] / speeds[0]:.1f}x")


async def grade(endpoint: Endpoint, answers: int, concurrency: int) -> list[bool | None]:
    address = f"http://127.0.0.1:{endpoint.server_address[1]}/v1"
    settings = require_settings({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": address}, "the benchmark")
    judge = Judge(settings, None, Limits(concurrency, REQUEST_SECONDS))
    turns = asyncio.Semaphore(concurrency)

    async def one(number: int) -> bool | None:
        async with turns:
            try:
                return await judge.grade("Which?", "1", str(number))
            except JudgeError:
                return None

    return list(await asyncio.gather(*map(one, range(answers))))


if __name__ == "__main__":
    main()
