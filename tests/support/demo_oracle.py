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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import numpy as np
from judge_endpoint import KEY, Endpoint, Reply, completion
from PIL import Image

from data_prep.demo.scenes import FRAMES, SCENES, Scene

Served = TypeVar("Served", bound=Endpoint)
HANGING = 3_600.0
FRENCH = "Quelle est la forme que l'on voit dans la vidéo et dans quel ordre est-ce qu'elle se montre ?"
CHINESE = "首先看到一个形状 然后它移动到另一边 最后停下来"
BROKEN = {
    "It is made of copper, as all of them are.": "neither",
    "Nothing is to be seen at any time.": "contradicted",
}


@dataclass(frozen=True)
class Faults:
    """Shares of the requests, or of the questions where it says so; drawn by what is asked, not by time."""

    busy: float = 0.0  # 429 and Retry-After
    broken: float = 0.0  # 500
    hanging: float = 0.0
    garbage: float = 0.0
    wrong_questions: float = 0.0  # whose answer is another one
    needs_no_video: float = 0.0  # questions that every model answers from four frames
    single_frame: float = 0.0  # questions that one model of several answers from a single frame
    lucky: float = 0.0  # right guesses at all others, each on its own
    broken_rationales: float = 0.0  # of solutions
    other_language: float = 0.0  # of the questions that are asked for, and of the solutions


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
        clip = self._clip(urls, text["text"])
        asked = hashlib.sha256(f"{clip} {body['model']} {text['text']} {body['seed']}".encode()).hexdigest()
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
        if name == "Judgement":
            said = _judged(self.scenes[clip], text["text"])
        elif name == "Reply":
            said = self._solved(clip, text["text"], len(urls), body["model"], asked)
        else:
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

    def is_planted(self, fault: str, clip: int, question: str) -> bool:
        """Whether a question, with its options, is one of a share."""
        return Random(f"{fault} {clip} {question}").random() < getattr(self.faults, fault)

    def _clip(self, urls: list[str], text: str) -> int:
        """The clip that the frames are from: all of them, or some, of one that is asked about."""
        key = hashlib.sha256("".join(urls).encode()).hexdigest()
        if key not in self._known:
            shown = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]
            frames = np.stack([np.asarray(picture) for picture in shown]).astype(int)
            if len(urls) == FRAMES:
                far = [np.abs(frames - scene.frames).mean() for scene in self.scenes]
            else:
                far = [
                    np.abs(frames[:, None] - scene.frames).mean(axis=(2, 3, 4)).min(axis=1).mean()
                    if scene.question in text
                    else np.inf
                    for scene in self.scenes
                ]
            self._known[key] = int(np.argmin(far))
            assert min(far) < 6, "no clip of the demo"
        return self._known[key]

    def _solved(self, clip: int, text: str, frames: int, model: str, asked: str) -> dict:
        scene, question = self.scenes[clip], text.split("\n\n")[1]
        letters = {option: letter for letter, option in re.findall(r"^([A-D])\. (.*)$", text, re.M)}
        answer, rationale = scene.answer, scene.rationale
        if frames == FRAMES and self.is_planted("other_language", clip, question):
            rationale = CHINESE
        if frames == FRAMES:
            if self.is_planted("broken_rationales", clip, question):
                rationale = f"{rationale}\n{Random(question).choice(list(BROKEN))}"
        else:
            knows = (
                self.is_planted("needs_no_video", clip, question)
                if frames > 1
                else self.is_planted("single_frame", clip, question) and model == f"oracle {len(question) % 3}"
            )
            if not knows and Random(f"lucky {asked}").random() >= self.faults.lucky:
                answer = next(choice for choice in scene.choices if choice != scene.answer)
        return {"reasoning": rationale, "answer": letters.get(answer, answer)}

    def _question(self, scene: Scene, clip: int, text: str, has_options: bool) -> dict:
        draw = Random(f"wrong {clip} {text}")
        answer = scene.answer
        if draw.random() < self.faults.wrong_questions:
            answer = draw.choice([choice for choice in scene.choices if choice != scene.answer])
        question = FRENCH if self.is_planted("other_language", clip, text) else scene.question
        said = {"reasoning": f"As asked: {answer}.", "question": question, "answer": answer}
        return said | ({"wrong_options": [c for c in scene.choices if c != answer]} if has_options else {})


def _judged(scene: Scene, text: str) -> dict:
    steps = re.findall(r"^(\d+)\. (.*)$", text, re.M)
    kinds = [BROKEN.get(step, "seen") for _, step in steps]
    assert [step for _, step in steps if step not in BROKEN] == [scene.rationale]
    said = [
        {"step": int(number), "why": f"as is {kind}", "rests_on": kind}
        for (number, _), kind in zip(steps, kinds, strict=True)
    ]
    return {"steps": said}


def serve_oracle(
    videos: int, seed: int, faults: Faults | None = None, delay_seconds: float = 0.0
) -> AbstractContextManager[Oracle]:
    return serving(Oracle(videos, seed, faults or Faults(), delay_seconds))


@contextmanager
def serving(server: Served) -> Iterator[Served]:
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
