"""VideoKR rows for verl: `data.custom_cls.path=pkg://verl_plugin.dataset`, `name=VideoKRDataset`."""

import sys
from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import datasets
from omegaconf import DictConfig
from verl.utils.dataset.rl_dataset import RLHFDataset

from videokr.budget import RL_BUDGET, VideoBudget
from videokr.errors import UserError
from videokr.frame_plan import plan_frames, video_token_bound
from videokr.marks import MARKED_VIDEO, VIDEO, drop_outer_marks, put_videos
from videokr.video_file import read_frames, read_header

PLUGIN = "verl_plugin.registration"  # which verl imports, unless it is told not to


class VideoKRDataset(RLHFDataset):
    """The stock dataset, with the frame budget applied when the run starts and missing videos named before it.

    The budget is RL_BUDGET; `+data.video_budget.max_frames=64` (and any other field) changes it for a run, and a row
    that fixes a field itself keeps it.
    """

    def __init__(self, data_files: Any, tokenizer: Any, config: DictConfig, processor: Any = None, **settings: Any):
        processor = copy(processor)  # the trainer saves its own with every checkpoint, template and all
        drop_outer_marks(processor)
        super().__init__(data_files, tokenizer, config, processor, **settings)

    def maybe_filter_out_long_prompts(self, dataframe: datasets.Dataset = None) -> datasets.Dataset:
        """Drops rows longer than `max_prompt_length`, by the frame plan: no video is decoded.

        The stock filter decodes every video before the first step, and takes any fault for a long prompt. Headers are
        read of those rows alone that the budget does not clear.

        Raises:
            UserError: a row's video is not there, or its header cannot be read; or a row has several and verl was told
                not to load the rollout server that does not fold them.
        """
        shown = dataframe.select_columns([self.video_key])
        missing = [path for row in shown for path in self._missing(row)]
        if missing:
            raise UserError(
                f"{len(missing)} videos of {', '.join(map(str, self.data_files))} are not there, the first is "
                f"'{missing[0]}': extract the videos, or prepare the data again with --skip-missing-video"
            )
        several = next((number for number, row in enumerate(shown) if len(row[self.video_key] or ()) > 1), None)
        if several is not None and PLUGIN not in sys.modules:
            raise UserError(
                f"row {several} of {', '.join(map(str, self.data_files))} has several videos, which verl's own rollout "
                "server folds into one: let verl load the plugin 'videokr' (VERL_USE_EXTERNAL_PLUGINS)"
            )
        if not self.filter_overlong_prompts:
            return dataframe
        bounds = [self._token_bound(row) for row in dataframe]
        doubtful = [index for index, bound in enumerate(bounds) if bound > self.max_prompt_length]
        if not doubtful:
            print(f"all {len(bounds)} prompts fit into {self.max_prompt_length} tokens by their budget")
            return dataframe
        too_long = {index for index in doubtful if self._exact_tokens(dataframe[index]) > self.max_prompt_length}
        print(f"dropped {len(too_long)} of {len(bounds)} prompts longer than {self.max_prompt_length} tokens")
        return dataframe.select([index for index in range(len(bounds)) if index not in too_long])

    def _build_messages(self, example: dict[str, Any], key: str) -> list[dict[str, Any]]:
        fixed = [{"video": video} if isinstance(video, str) else video for video in example.get(self.video_key) or []]
        budget = asdict(run_budget(self.config))
        videos = [budget | {name: value for name, value in video.items() if value is not None} for video in fixed]
        messages: list[dict[str, Any]] = super()._build_messages({**example, self.video_key: videos}, key)
        return messages

    def _missing(self, row: dict[str, Any]) -> list[Path]:
        return [path for path in map(_local_path, row[self.video_key] or []) if not path.is_file()]

    def _token_bound(self, row: dict[str, Any]) -> int:
        """At most so many tokens: the text's own, and a full budget for each video."""
        budget = run_budget(self.config)
        bound = 0
        for video in row[self.video_key] or []:
            fixed = {} if isinstance(video, str) else {k: v for k, v in video.items() if k != "video" and v is not None}
            bound += video_token_bound(replace(budget, **fixed), self.image_patch_size)
        text = "".join(message["content"] for message in row[self.prompt_key])
        chat = self.processor.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
        )
        return bound + len(self.tokenizer(chat, add_special_tokens=False)["input_ids"])

    def _exact_tokens(self, row: dict[str, Any]) -> int:
        messages = self._build_messages(row, key=self.prompt_key)
        text = self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        plans = [
            plan_frames(read_header(_local_path(part)), _budget(part), self.image_patch_size)
            for part in _videos(messages)
        ]
        place = VIDEO if plans and plans[0].timestamped else MARKED_VIDEO
        text = put_videos(text, place, plans)
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    @classmethod
    def _process_multi_modal_info(
        cls, messages: list[dict[str, Any]], image_patch_size: int, config: DictConfig
    ) -> Any:
        """
        Returns:
            Images and audio by the host's means, and for every video its frames, uint8 (frames, 3, height, width), with
            what the processors are to know of them.

        Raises:
            UserError: a video is not there, or cannot be decoded.
        """
        others = [
            message | {"content": [part for part in message["content"] if part.get("type") != "video"]}
            if isinstance(message["content"], list)
            else message
            for message in messages
        ]
        images, _, audios = super()._process_multi_modal_info(others, image_patch_size, config)
        shown = [read_frames(_local_path(part), _budget(part), image_patch_size) for part in _videos(messages)]
        return images, [(frames, plan.metadata) for frames, plan in shown] or None, audios


def run_budget(config: DictConfig) -> VideoBudget:
    """RL_BUDGET with what the run changes of it (`data.video_budget`).

    Raises:
        UserError: a field that a budget does not have.
    """
    changed = dict(config.get("video_budget") or {})
    unknown = set(changed) - set(asdict(RL_BUDGET))
    if unknown:
        raise UserError(f"data.video_budget.{min(unknown)} is unknown; known: {', '.join(asdict(RL_BUDGET))}")
    return replace(RL_BUDGET, **changed)


def _videos(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    contents = [message["content"] for message in messages if isinstance(message["content"], list)]
    return [part for content in contents for part in content if part.get("type") == "video"]


def _budget(part: Mapping[str, Any]) -> VideoBudget:
    return VideoBudget(**{field.name: part[field.name] for field in fields(VideoBudget)})


def _local_path(video: str | dict[str, Any]) -> Path:
    path = video if isinstance(video, str) else video["video"]
    return Path(unquote(urlparse(path).path)) if path.startswith("file://") else Path(path)
