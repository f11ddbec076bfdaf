"""LLaMA-Factory's chat templates of the families, with videos sampled by the frame plan: `videokr_qwen3vl`.

The stock templates sample by rules of their own (an odd number of frames is padded, time is counted from the sampled
frames), take the first frames alone of MKV and WebM files, which hold no frame count, and of several videos in a row
read the first one's number of frames and times for all with Qwen3-VL. They also train a line break after the end of a
response, which no rollout says.

And they ask with `<|im_start|>assistant` whatever the checkpoint's own chat template ends with. That of a Thinking
checkpoint opens the thinking, in rollouts and in evaluation; here it does so, too, and what is trained goes on from it.
Calls of the crop tool are trained as that chat template writes calls.
"""

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from llamafactory.data.data_utils import Role
from llamafactory.data.formatter import StringFormatter
from llamafactory.data.mm_plugin import Qwen2VLPlugin, Qwen3VLPlugin, get_mm_plugin, register_mm_plugin
from llamafactory.data.template import TEMPLATES, Template
from llamafactory.extras.constants import VIDEO_PLACEHOLDER
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

from llamafactory_plugin.settings import VIDEO_SAMPLING, run_budget
from videokr.budget import BY_INDEX, VideoBudget
from videokr.dialogue import OPEN_OBSERVATION, SYSTEM, write_calls
from videokr.errors import UserError
from videokr.family import FAMILIES, USER_TURN
from videokr.generation_prompt import as_line, continuation, generation_prompt, opening_of
from videokr.video.frame_plan import FramePlan
from videokr.video.part import split_part
from videokr.video.positions import patch_rope_index
from videokr.video.reader import plan_video, read_frames
from videokr.video.timeline import VideoError, read_header
from videokr.video.vision_tokens import put_videos

LINE_BREAK = "\n"
QUESTION = USER_TURN.format("{{content}}")


@dataclass
class RolloutTemplate(Template):
    """A host's template that asks as rollouts are asked, and of which a response ends as theirs do.

    The line break after a response opens the next turn.
    """

    def fix_jinja_template(self, tokenizer: Any) -> None:
        """Called by the host as soon as it has the tokenizer."""
        super().fix_jinja_template(tokenizer)
        prompt = generation_prompt(tokenizer)
        self.format_user = StringFormatter(slots=[QUESTION + prompt])
        self.mm_plugin.opening = opening_of(prompt)
        if os.environ.get("RANK", "0") == "0":
            print(as_line(prompt), flush=True)

    def encode_multiturn(
        self,
        tokenizer: Any,
        messages: list[dict[str, str]],
        system: str | None = None,
        *given: Any,
        **named: Any,
    ) -> list[tuple[list[int], list[int]]]:
        """Token ids of each question and its response, the end of the turn among them.

        Raises:
            UserError: a row of several questions for a checkpoint whose prompt opens the thinking: its chat template
                leaves the reasoning before a question out, which would train every turn on another history. What the
                crop tool shows is no question.
        """
        asked_more = [one for one in messages[2::2] if not one["content"].startswith(OPEN_OBSERVATION)]
        if self.mm_plugin.opening and asked_more:
            raise UserError(
                f"a row has {1 + len(asked_more)} questions, and the model's prompt opens the thinking: give such a "
                "model rows of one question"
            )
        if system == SYSTEM:
            template = tokenizer.chat_template
            system = write_calls(system, template)
            messages = [
                one | {"content": write_calls(one["content"], template)} if one["role"] == Role.ASSISTANT else one
                for one in messages
            ]
        line_break = tokenizer.encode(LINE_BREAK, add_special_tokens=False)
        turns: list[tuple[list[int], list[int]]] = []
        before: list[int] = []
        for asked, said in super().encode_multiturn(tokenizer, messages, system, *given, **named):
            broken = said[-len(line_break) :] == line_break
            turns.append((before + asked, said[: -len(line_break)] if broken else said))
            before = line_break if broken else []
        return turns


class _PlannedVideos:
    """What all families' plugins share; stands before the host's class, which goes on to see to the images."""

    skip_bad_videos = False
    sampling = BY_INDEX
    opening = ""  # what the prompt holds of the response: see videokr.response.opening_of

    def process_messages(
        self, messages: list[dict[str, str]], images: list[Any], videos: list[Any], audios: list[Any], processor: Any
    ) -> list[dict[str, str]]:
        """Writes every video's tokens into the messages, one for each that its plan counts.

        A response goes on from what the prompt holds of it.

        Raises:
            UserError: a video is not there, or cannot be read.
            ValueError: more or fewer places for a video than videos.
        """
        contents = [message["content"] for message in messages]
        places = [content.count(VIDEO_PLACEHOLDER) for content in contents]
        if sum(places) != len(videos):
            raise ValueError(f"{len(videos)} videos for {sum(places)} places ({VIDEO_PLACEHOLDER}) in {messages}")
        try:
            plans = iter([plan_of(video, processor, self.sampling) for video in videos])
            contents = [
                put_videos(content, VIDEO_PLACEHOLDER, islice(plans, count))
                for content, count in zip(contents, places, strict=True)
            ]
        except VideoError:
            if not self.skip_bad_videos:
                raise
            # The row keeps its place and its video; the collator meets the fault again and takes another row.
            contents = [content.replace(VIDEO_PLACEHOLDER, "") for content in contents]
        shown = [
            message | {"content": continuation(content, self.opening) if message["role"] == Role.ASSISTANT else content}
            for message, content in zip(messages, contents, strict=True)
        ]
        made: list[dict[str, str]] = super().process_messages(shown, images, [], audios, processor)  # type: ignore[misc]
        return made

    def get_mm_inputs(
        self, images: list[Any], videos: list[str], audios: list[Any], imglens: list[int], vidlens: list[int],
        audlens: list[int], batch_ids: list[list[int]], processor: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Decodes the videos of a batch.

        Returns:
            `pixel_values_videos` and `video_grid_thw` of the processor, and for Qwen2.5-VL `second_per_grid_ts`.

        Raises:
            UserError: a video is not there, or cannot be decoded.
        """
        inputs: dict[str, Any] = super().get_mm_inputs(  # type: ignore[misc]
            images, [], audios, imglens, [0] * len(vidlens), audlens, batch_ids, processor
        )
        if not videos:
            return inputs
        budget, patch_size = budget_of(processor, self.sampling), processor.video_processor.patch_size
        shown = [read_frames(Path(video), budget, patch_size) for video in videos]
        inputs |= processor.video_processor(
            videos=[frames for frames, _ in shown],
            video_metadata=[plan.metadata for _, plan in shown],
            do_sample_frames=False,
            do_resize=False,
            return_tensors="pt",
        )
        if "second_per_grid_ts" in processor.model_input_names:
            inputs["second_per_grid_ts"] = [plan.seconds_per_patch for _, plan in shown]
        return inputs


class PlannedQwen2VL(_PlannedVideos, Qwen2VLPlugin):
    pass


class PlannedQwen3VL(_PlannedVideos, Qwen3VLPlugin):
    pass


PLUGINS = {Qwen2VLPlugin: PlannedQwen2VL, Qwen3VLPlugin: PlannedQwen3VL}


def budget_of(processor: Any, sampling: str = BY_INDEX) -> VideoBudget:
    """The run's budget: the host hangs `video_fps`, `video_maxlen` and `video_*_pixels` on the processor."""
    return run_budget({VIDEO_SAMPLING: sampling}, processor)


def plan_of(video: str, processor: Any, sampling: str = BY_INDEX) -> FramePlan:
    header = read_header(split_part(video)[0])
    return plan_video(Path(video), header, budget_of(processor, sampling), processor.video_processor.patch_size)


def register(skip_bad_videos: bool = False, sampling: str = BY_INDEX) -> None:
    """Makes the templates known to the host, and the positions of their videos right; once a process.

    Args:
        skip_bad_videos: a row whose video has no readable header is tokenised without it, for the collator to skip.
        sampling: of the run's budget.
    """
    # The host's collator asks the model's class for positions.
    Qwen2_5_VLModel.get_rope_index = patch_rope_index(Qwen2_5_VLModel.get_rope_index)
    _PlannedVideos.skip_bad_videos = skip_bad_videos
    for family in FAMILIES.values():
        template, host = family.template, TEMPLATES[family.host_template]
        register_mm_plugin(template, PLUGINS[type(host.mm_plugin)])
        tokens = {name: getattr(host.mm_plugin, name) for name in ("image_token", "video_token", "audio_token")}
        mm_plugin = get_mm_plugin(template, **tokens)
        mm_plugin.sampling = sampling  # of the object and not the class, so that the host's cache of rows tells it
        TEMPLATES[template] = RolloutTemplate(**vars(host) | {"mm_plugin": mm_plugin})
