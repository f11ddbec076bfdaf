"""What the three hosts are asked to show: written by the one who asks, read by each host's capture."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from videokr.budget import VideoBudget
from videokr.dialogue import build_call_turn, write_calls
from videokr.errors import UserError
from videokr.example import Example
from videokr.jsonl import read_examples
from videokr.response import build_response
from videokr.video.look import shown_rounds
from videokr.video.paths import resolve_video

GPU_SHARE = 0.3  # of its memory, for each of the engines that run at once


@dataclass(frozen=True, slots=True)
class Request:
    """What every host is asked to show for `videokr parity`.

    Attributes:
        model: checkpoint folder without weights: see videokr/analysis/parity/hosts.py.
        records: raw VideoKR file with rationales.
        media_dir: folder that the records' video paths start from.
        output: folder that the reports go to.
        count: records to look at, from the first.
        budget: the same for all hosts.
        max_tokens: prompt and response, at most.
        cpu: there is no GPU.
        agentic: every record is a dialogue, in which the model may look again (`videokr.dialogue`).
    """

    model: Path
    records: Path
    media_dir: Path
    output: Path
    count: int
    budget: VideoBudget
    max_tokens: int
    cpu: bool
    agentic: bool = False

    def examples(self) -> list[Example]:
        """Those that are looked at, with whole paths of their videos."""
        found = []
        for example in islice(read_examples(self.records), self.count):
            videos = [resolve_video(video, self.media_dir) for video in example.videos]
            found.append(shown_rounds(replace(example, videos=tuple(map(str, videos))), videos[0]))
        return found

    def write(self) -> Path:
        path = self.output / "request.json"
        path.write_text(json.dumps(asdict(self), default=str, indent=2) + "\n", encoding="utf-8")
        return path


def gold_turns(example: Example, chat_template: object) -> list[str]:
    """What the model is to say, the answer last; of an example with its rationale.

    Args:
        chat_template: see `write_calls`.
    """
    calls = [write_calls(build_call_turn(thoughts, spans), chat_template) for thoughts, spans in example.rounds]
    return [*calls, build_response(example.rationale, example.answer)]


def read_request(arguments: Sequence[str]) -> Request:
    """The request whose file is the one argument of a capture's command line."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        raise UserError("one argument is needed: the request.json that `videokr parity` writes")
    given = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    paths = {name: Path(given[name]) for name in ("model", "records", "media_dir", "output")}
    return Request(**{**given, **paths, "budget": VideoBudget(**given["budget"])})
