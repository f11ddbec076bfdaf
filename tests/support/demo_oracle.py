"""A model's server that knows the demo's clips by their frames, writes questions about them and solves them."""

import base64
import hashlib
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import numpy as np
from judge_endpoint import KEY, Endpoint, Reply, completion
from PIL import Image

from data_prep.demo.scenes import SCENES, Scene

HANGING = 3_600.0


@dataclass(frozen=True)
class Faults:
    """Shares of the requests, or of the questions where it says so; drawn by what is asked, not by time."""

    busy: float = 0.0  # 429 and Retry-After
    broken: float = 0.0  # 500
    hanging: float = 0.0
    garbage: float = 0.0
    wrong_questions: float = 0.0  # whose answer is another one


class Oracle(Endpoint):
    """Answers as the demo's clips have it.

    Attributes:
        sent: requests by what they ask, answered or not.
        answered: the same, of those that had a reply, garbage too.
        tokens_in, tokens_out: that were paid for, of hanging requests too.
        busy_at: when each request was refused as busy, and asked again.
    """

    def __init__(self, videos: int, seed: int, faults: Faults, delay_seconds: float = 0.0):
        super().__init__()
        self.replies = [self.reply]
        self.scenes = [list(SCENES.values())[n % len(SCENES)](Random(f"{seed}/{n}")) for n in range(videos)]
        self.faults, self.delay_seconds = faults, delay_seconds
        self.sent: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.drawn: Counter[str] = Counter()
        self.tokens_a_frame, self.tokens_in, self.tokens_out = 64, 0, 0
        self.waits: list[float] = []
        self._busy_since: dict[str, float] = {}
        self._known: dict[str, int] = {}

    def reply(self, body: dict) -> Reply:
        time.sleep(self.delay_seconds)
        *pictures, text = body["messages"][0]["content"]
        urls = [part["image_url"]["url"] for part in pictures if part["type"] == "image_url"]
        clip = self._clip(urls)
        asked = hashlib.sha256(f"{clip} {text['text']} {body['seed']}".encode()).hexdigest()
        with self.lock:
            self.sent[asked] += 1
            self.requests.clear()  # of Endpoint, which keeps all bodies
            if asked in self._busy_since:
                self.waits.append(time.monotonic() - self._busy_since.pop(asked))
            fault = self._fault(asked)
            self.drawn[fault] += 1
            if fault == "busy":
                self._busy_since[asked] = time.monotonic()
                return 429, {"message": f"slow down, {KEY}"}, {"Retry-After": "1"}
            if fault == "broken":
                return 500
            tokens = len(urls) * self.tokens_a_frame + len(text["text"]) // 4, 40
            self.tokens_in += tokens[0]
            self.tokens_out += tokens[1]
            if fault == "hanging":
                return HANGING
            self.answered[asked] += 1
        name = body["response_format"]["json_schema"]["name"]
        said = _solved(self.scenes[clip], text["text"])
        if name != "Reply":
            said = self._question(self.scenes[clip], clip, text["text"], name == "ChoiceQuestion")
        if fault == "garbage":
            draw = Random(asked).randrange(3)
            if draw == 0:
                return f"<html>{KEY}</html>".encode()
            said = [{"nothing": KEY}, {**said, "answer": None}][draw - 1]
        usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
        return completion(json.dumps(said)) | {"usage": usage}

    def _fault(self, asked: str) -> str:
        """Garbage stays garbage, so that whoever is killed meets what he met before; the others come and go."""
        if Random(f"garbage {asked}").random() < self.faults.garbage:
            return "garbage"
        draw = Random(f"{asked} {self.sent[asked]}").random()
        for name in ("busy", "broken", "hanging"):
            draw -= getattr(self.faults, name)
            if draw < 0:
                return name
        return "none"

    def _clip(self, urls: list[str]) -> int:
        key = hashlib.sha256("".join(urls).encode()).hexdigest()
        if key not in self._known:
            shown = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]
            frames = np.stack([np.asarray(picture) for picture in shown]).astype(int)
            far = [np.abs(frames - scene.frames).mean() for scene in self.scenes]
            self._known[key] = int(np.argmin(far))
            assert min(far) < 6, "no clip of the demo"
        return self._known[key]

    def _question(self, scene: Scene, clip: int, text: str, has_options: bool) -> dict:
        draw = Random(f"wrong {clip} {text}")
        answer = scene.answer
        if draw.random() < self.faults.wrong_questions:
            answer = draw.choice([choice for choice in scene.choices if choice != scene.answer])
        said = {"reasoning": f"As asked: {answer}.", "question": scene.question, "answer": answer}
        return said | ({"wrong_options": [c for c in scene.choices if c != answer]} if has_options else {})


def _solved(scene: Scene, text: str) -> dict:
    letters = {option: letter for letter, option in re.findall(r"^([A-D])\. (.*)$", text, re.M)}
    return {"reasoning": scene.rationale, "answer": letters.get(scene.answer, scene.answer)}


@contextmanager
def serve_oracle(videos: int, seed: int, faults: Faults = Faults(), delay_seconds: float = 0.0) -> Iterator[Oracle]:  # noqa: B008
    server = Oracle(videos, seed, faults, delay_seconds)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
