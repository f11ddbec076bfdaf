"""A model's server that says of the demo's clips, by their titles and their frames, which of them are of no use."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import numpy as np
from judge_endpoint import Endpoint, Reply, completion
from PIL import Image

from data_prep.demo.scenes import SCENES


class ScreeningOracle(Endpoint):
    """Passes all but what is planted.

    Attributes:
        bad_titles: of videos that are about something else.
        other, unsafe: clips that show something else, and what should not be shown.
        asked: what each request was about: a title, or the number of frames and the clip.
    """

    def __init__(self, videos: int, seed: int, bad_titles: set[str], other: set[int], unsafe: set[int]):
        super().__init__()
        self.replies = [self.reply]
        self.scenes = [list(SCENES.values())[n % len(SCENES)](Random(f"{seed}/{n}")) for n in range(videos)]
        self.bad_titles, self.other, self.unsafe = bad_titles, other, unsafe
        self.asked: list[str | tuple[int, int]] = []

    def reply(self, body: dict) -> Reply:
        *pictures, text = body["messages"][0]["content"]
        urls = [part["image_url"]["url"] for part in pictures if part["type"] == "image_url"]
        if urls:
            clip = self._clip(urls)
            self.asked.append((len(urls), clip))
            passes = clip not in (self.unsafe if body["model"] == "guard" else self.other)
        else:
            prompt = text["text"]  # whatever the texts hold, they stay one JSON object
            title = json.loads(prompt[prompt.index("{") : prompt.rindex("}") + 1])["title"]
            self.asked.append(title)
            passes = title not in self.bad_titles
        usage = {"prompt_tokens": 64 * len(urls) + len(text["text"]) // 4, "completion_tokens": 20}
        return completion(json.dumps({"why": "as planted", "passes": passes})) | {"usage": usage}

    def _clip(self, urls: list[str]) -> int:
        shown = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]
        frames = np.stack([np.asarray(picture) for picture in shown]).astype(int)
        far = [np.abs(frames[:, None] - scene.frames).mean(axis=(2, 3, 4)).min(axis=1).mean() for scene in self.scenes]
        assert min(far) < 6, "no clip of the demo"
        return int(np.argmin(far))


@contextmanager
def serve_screening(*planted: object) -> Iterator[ScreeningOracle]:
    server = ScreeningOracle(*planted)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
