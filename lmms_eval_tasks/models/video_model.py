"""What the model classes share: conversations with planned videos, decoded while others are answered."""

import math
import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from lmms_eval.protocol import ChatMessages
from tqdm import tqdm

from lmms_eval_tasks.models.conversation import Conversation, Rounds
from lmms_eval_tasks.models.read_ahead import ReadAhead
from lmms_eval_tasks.models.replicas import MAX_TOGETHER, HandOut, gather, in_flight, together
from videokr.budget import EVAL_BUDGET, VideoBudget
from videokr.dialogue import SYSTEM, read_tool, write_calls
from videokr.errors import USER_ERROR_STATUS, UserError
from videokr.evaluation.probe import Probe, probe_frames, read_probe
from videokr.evaluation.responses import Generation, ResponseLog, request_key
from videokr.fingerprint import model_fingerprint
from videokr.generation_prompt import as_line, generation_prompt, load_processor, opening_of
from videokr.training_card import read_training_card
from videokr.video.frame_plan import FramePlan
from videokr.video.proxy import proxy_folder
from videokr.video.reader import read_frames
from videokr.video.vision_tokens import drop_outer_marks

# Settings of the engine that no answer depends on.
_OF_SPEED = ("tensor_parallel_size", "gpu_memory_utilization", "enforce_eager", "max_num_batched_tokens")
# The frames arrive sampled and sized: no processor may do it a second time.
PROCESSOR_ARGS = {"do_sample_frames": False, "do_resize": False}

MAX_IN_FLIGHT = 256  # questions
MAX_DECODE_WORKERS = 16
# Of one question, for each of a frame's bytes: the frame itself, and its patches in 32 bits.
_COPIES = 5

NOTHING_SAID = Generation("", 0, 0)

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the host's.

    Attributes:
        rank, place: whose it is, and where among its requests.
        key: of its response in the log.
        settings: of the generation.
    """

    rank: int
    place: int
    key: str
    messages: Messages
    settings: Mapping[str, Any]


class VideoModel(lmms):
    """A model that answers one turn about videos; a subclass says how it is loaded and how it answers.

    Under torchrun every process is one replica; they share the questions as they become free.

    Args:
        model: checkpoint folder or hub id.
        batch_size: conversations that transformers answers at once; vLLM has its own window of questions in flight.
        fps, min_frame_num, max_frame_num, min_pixels, max_pixels, sampling: the video budget; pixels are a
            frame's.
        max_model_len: context in tokens; a generation is cut where it ends.
        decode_workers: threads that decode videos.
        in_flight_gib: memory for the videos of questions in flight; bounds how many there are. What is decoded ahead
            takes a fifth of it at most besides.
        responses: folder in which every response is kept as it comes, and found again by the next run with the same
            settings; None keeps none.
        probe: see `videokr.evaluation.probe`; of `swapped`, the rows say which video is shown.
        probe_seed: of what the probe draws for each question.
        tool: `crop`: the model may look at parts of its video again (`videokr.dialogue`); empty: it answers at once.
        engine_args: what the subclass's `load` takes.
    """

    is_simple = False

    def __init__(
        self,
        model: str,
        batch_size: int | str = 1,
        fps: float = EVAL_BUDGET.fps,
        min_frame_num: int = EVAL_BUDGET.min_frames,
        max_frame_num: int = EVAL_BUDGET.max_frames,
        min_pixels: int = EVAL_BUDGET.min_pixels,
        max_pixels: int = EVAL_BUDGET.max_pixels,
        sampling: str = EVAL_BUDGET.sampling,
        max_model_len: int = 32_768,
        trust_remote_code: bool = False,
        decode_workers: int | None = None,
        in_flight_gib: float = 16,
        responses: str | None = None,
        probe: str = "",
        probe_seed: int = 0,
        tool: str = "",
        device: str | None = None,
        **engine_args: Any,
    ) -> None:
        super().__init__()
        self.device = torch.device("cpu")  # of the host's collectives, which carry counts and texts
        self.batch_size = int(batch_size)
        frames, pixels = min(min_frame_num, max_frame_num), min(min_pixels, max_pixels)
        self.budget = VideoBudget(float(fps), frames, max_frame_num, pixels, max_pixels, sampling)
        self.max_model_len = int(max_model_len)
        cpus = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        self.decode_workers = decode_workers or max(1, min(cpus, MAX_DECODE_WORKERS))
        self.max_pixels_in_flight = float(in_flight_gib) * 2**30 / (3 * _COPIES)
        largest = self.budget.max_frames * self.budget.max_pixels
        self.max_ahead = max(2, min(2 * self.decode_workers, int(self.max_pixels_in_flight / largest)))
        self.max_in_flight = MAX_IN_FLIGHT
        self.processor = load_processor(model, trust_remote_code)
        drop_outer_marks(self.processor)
        self.opening = opening_of(self._generation_prompt(model))
        self.probe, self.probe_seed = read_probe(probe), probe_seed
        self.tool = read_tool(tool)
        self.rounds = Rounds(self.processor, self.budget, self.max_model_len, self.opening)
        self.log: ResponseLog | None = None
        if responses is not None:
            folder = Path(model).expanduser()
            of_model = model_fingerprint(folder) if folder.is_dir() else model
            of_engine = {name: value for name, value in engine_args.items() if name not in _OF_SPEED}
            asked = [asdict(self.budget), self.max_model_len, self.probe, self.probe_seed if self.probe else 0]
            of_proxies = ["proxies"] if proxy_folder() else []
            of_tool = [self.tool] if self.tool else []
            self.settings = [type(self).__name__, of_model, *asked, of_engine, *of_proxies, *of_tool]
            self.log = ResponseLog(Path(responses), int(os.environ.get("RANK", "0")))
        self.load(model, trust_remote_code=trust_remote_code, **engine_args)

    def _generation_prompt(self, model: str) -> str:
        """Says what it is, and where the checkpoint was trained with another."""
        prompt, folder = generation_prompt(self.processor), Path(model).expanduser()
        training = read_training_card(folder) if folder.is_dir() else None
        trained = training.generation_prompt if training else None
        if os.environ.get("RANK", "0") == "0":
            print(as_line(prompt), flush=True)
            if trained not in (None, prompt):
                print(f"warning: '{model}' was trained with generation prompt {trained!r}", file=sys.stderr, flush=True)
        return prompt

    def load(self, *args: Any, **engine_args: Any) -> None:
        raise NotImplementedError

    def answers(self, ahead: "Questions", settings: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Generation]]:
        """Answers everything, as it comes: the place among `settings` of each, and what the model said.

        Args:
            settings: the generation settings of each conversation's task: `max_new_tokens`, `do_sample` and, where it
                samples, `temperature`, `top_p` and the like. `until` is not used: the end of the turn ends a response.
        """
        raise NotImplementedError

    def generate_until(self, requests: list[Instance]) -> list[GenerationResult]:
        """Answers every request, in order; those whose response is kept are not asked again.

        A response begins with the opening of its thinking, also where that stands in the prompt. Of a question without
        messages, which is not asked, it is empty.
        """
        try:
            return self._generate(requests)
        except UserError as error:
            # lmms-eval would print a traceback, go on without results and exit 0.
            print(f"error: {error}", file=sys.stderr, flush=True)
            raise SystemExit(USER_ERROR_STATUS) from error

    def _generate(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        own = [self._asked(place, request) for place, request in enumerate(requests)]
        given = [self._known(one) for one in own]
        shares = gather(
            (
                sum(bool(one.messages) for one in own),
                [one for one, found in zip(own, given, strict=True) if found is None],
            ),
            self.world_size,
        )
        total = sum(size for size, _ in shares)
        left = sorted(chain.from_iterable(share for _, share in shares), key=lambda one: (one.place, one.rank))
        if len(left) < total and self.rank == 0:
            print(f"{total - len(left)} of {total} responses are there from before", flush=True)
        # No replica takes more than its share before all have begun.
        share = max(1, math.ceil(len(left) / self.world_size))
        self.max_in_flight = min(MAX_IN_FLIGHT, share)
        # Questions about one video one after the other: the engine still knows the video.
        parts = together([_videos(one.messages) for one in left], min(MAX_TOGETHER, share))
        handed_out = HandOut([[left[place] for place in part] for part in parts], self.world_size)
        taken: list[Asked] = []
        settings: list[Mapping[str, Any]] = []

        def take() -> Iterator[Messages]:
            for one in handed_out:
                taken.append(one)
                settings.append(one.settings)
                yield one.messages

        said: dict[tuple[int, int], Generation] = {}
        spans: list[tuple[float, float]] = []
        ahead = ReadAhead(self.read, take(), self.decode_workers, min(self.max_ahead, share))
        before = total - len(left)
        with tqdm(total=total, initial=before, desc="Answering", unit="question", disable=self.rank != 0) as progress:
            for number, generation in self.answers(ahead, settings):
                one = taken[number]
                said[one.rank, one.place] = generation
                spans.append((ahead.taken_at[number], ahead.seconds()))
                if self.log is not None:
                    self.log.add(one.key, generation)
                progress.update(before + handed_out.answered() - progress.n)
            every = gather((said, spans, ahead.waited_seconds), self.world_size)
            progress.update(total - progress.n)
        if left and self.rank == 0:
            spans = [span for _, spans, _ in every for span in spans]
            waited = sum(seconds for *_, seconds in every) / self.world_size / max(end for _, end in spans)
            print(f"the model waited for videos in {waited:.1%} of the time", flush=True)
            numbers = " ".join(f"{number:.0f}" for number in in_flight(spans))
            print(f"questions in flight, in each tenth of the time: {numbers}", flush=True)
        answered = {
            place: text for answers, *_ in every for (rank, place), text in answers.items() if rank == self.rank
        }
        generations = [found or answered[place] for place, found in enumerate(given)]
        return [
            GenerationResult(
                self.opening + said.text if one.messages else "", TokenCounts(said.prompt_tokens, said.response_tokens)
            )
            for one, said in zip(own, generations, strict=True)
        ]

    def _known(self, one: Asked) -> Generation | None:
        """The response that is there already: of what is not asked, too."""
        if not one.messages:
            return NOTHING_SAID
        return None if self.log is None else self.log.find(one.key)

    def _asked(self, place: int, request: Instance) -> Asked:
        _, doc_to_messages, settings, doc_id, task, split = request.arguments
        messages = self.told(doc_to_messages(self.task_dict[task][split][doc_id]))  # the host gives the raw row
        key = ""
        if self.log is not None:  # of everything that the response follows from
            key = request_key(messages, list(_videos(messages)), [*self.settings, settings])
        return Asked(self.rank, place, key, messages, settings)

    def told(self, messages: Messages) -> Messages:
        """A task's messages, with the call of the tool as the checkpoint writes it; none, of a question not asked."""
        if not messages or messages[0]["content"] != [{"type": "text", "text": SYSTEM}]:
            return messages
        asked = write_calls(SYSTEM, self.processor.chat_template)
        return [{**messages[0], "content": [{"type": "text", "text": asked}]}, *messages[1:]]

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        raise NotImplementedError("VideoKR's model classes answer in one round")

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError("VideoKR's model classes generate; choose a task that does")

    def read(self, messages: Messages) -> Conversation:
        """The conversation, its videos decoded.

        Raises:
            UserError: a video cannot be decoded.
            ValueError: the messages hold images or audio.
        """
        chat = ChatMessages(messages=list(messages))
        images, videos, audios = chat.extract_media()
        if images or audios:
            raise ValueError("VideoKR's model classes take text and videos; use lmms-eval's own for images and audio")
        if self.probe is Probe.BLIND:
            messages = [
                {**one, "content": [part for part in one["content"] if part["type"] != "video"]} for one in messages
            ]
            videos = []
        asked = ChatMessages(messages=list(messages)).to_hf_messages()
        text = self.processor.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        shown = [self.frames(Path(video)) for video in videos]
        if self.probe is not None:
            rng = random.Random(f"{self.probe_seed}\0{text}")
            shown = [probe_frames(self.probe, frames, plan, rng) for frames, plan in shown]
        return Conversation(text, tuple(shown), Path(videos[0]) if videos else None)

    def frames(self, video: Path) -> tuple[torch.Tensor, FramePlan]:
        return read_frames(video, self.budget, self.processor.video_processor.patch_size)


Questions = ReadAhead[Messages, Conversation]


def _videos(messages: Messages) -> tuple[str, ...]:
    return tuple(part["url"] for message in messages for part in message["content"] if part["type"] == "video")
