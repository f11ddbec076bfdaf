"""VideoKR rows for verl: `data.custom_cls.path=pkg://verl_plugin.dataset`, `name=VideoKRDataset`."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import datasets
from omegaconf import DictConfig
from tqdm import tqdm
from verl.utils.dataset.rl_dataset import RLHFDataset

from verl_plugin.reward import OPENING
from verl_plugin.videos import BUDGET_FIELDS, as_given, budget_of, frames_of, local_path, videos_of, without_videos
from videokr.budget import RL_BUDGET, VideoBudget
from videokr.dialogue import SYSTEM, write_calls
from videokr.errors import UserError
from videokr.family import VIDEO
from videokr.generation_prompt import as_line, generation_prompt, opening_of
from videokr.prompt import text_token_bound
from videokr.video.frame_plan import VideoHeader, plan_frames, video_token_bound
from videokr.video.manifest import read_manifest
from videokr.video.paths import plain_path
from videokr.video.timeline import read_header
from videokr.video.vision_tokens import MARKED_VIDEO, drop_outer_marks, put_videos

HEADER_THREADS = 8


class VideoKRDataset(RLHFDataset):
    """The stock dataset, with the frame budget applied when the run starts and missing videos named before it.

    The budget is RL_BUDGET; `+data.video_budget.max_frames=64` (and any other field) changes it for a run, and a row
    that fixes a field itself keeps it.

    `+data.video_manifest=FILE` (of `videokr check --level probe`) spares reading headers where the budget alone leaves
    a prompt's length in doubt, which it does of every prompt at the published pixels of Qwen2.5-VL;
    `+data.video_root=DIR` is the folder it was made of, if not its own.
    """

    def __init__(self, data_files: Any, tokenizer: Any, config: DictConfig, processor: Any = None, **settings: Any):
        processor = copy(processor)  # the trainer saves its own with every checkpoint, template and all
        drop_outer_marks(processor)
        self._system = write_calls(SYSTEM, processor.chat_template)
        manifest = config.get("video_manifest")
        self._manifest = read_manifest(Path(manifest)) if manifest else {}
        self._manifest_root = Path(config.get("video_root") or Path(manifest or ".").parent).absolute()
        self._run_budget: dict[str, Any] = asdict(run_budget(config))
        given = (data_files, settings.get("max_samples", -1))
        self._is_trained = given == (config.get("train_files"), config.get("train_max_samples", -1))
        super().__init__(data_files, tokenizer, config, processor, **settings)
        prompt = generation_prompt(self.processor, **self.apply_chat_template_kwargs)
        print(as_line(prompt))
        self._opening = opening_of(prompt)

    def maybe_filter_out_long_prompts(self, dataframe: datasets.Dataset = None) -> datasets.Dataset:
        """Drops rows longer than `max_prompt_length`, by the frame plan: no video is decoded.

        The stock filter decodes every video before the first step, and takes any fault for a long prompt. Headers are
        read of those rows alone that the budget does not clear.

        Raises:
            UserError: a row's prompt does not mark the images and videos that it has; a video is not there, or its
                header cannot be read; or fewer rows are left than make a batch, of which verl would train none.
        """
        kept = self._short_prompts(dataframe)
        needed = self.config.train_batch_size if self._is_trained else 1
        if len(kept) < needed:
            raise UserError(
                f"{len(kept)} of {len(dataframe)} rows of {self._names} are left, and "
                f"{f'data.train_batch_size (TRAIN_BATCH_SIZE) is {needed}' if self._is_trained else 'one is needed'}: "
                f"give more rows, or raise data.max_prompt_length (MAX_PROMPT_LENGTH, {self.max_prompt_length})"
            )
        return kept

    @property
    def _names(self) -> str:
        return ", ".join(map(str, self.data_files))

    def _short_prompts(self, dataframe: datasets.Dataset) -> datasets.Dataset:
        missing: list[Path] = []
        doubtful: list[int] = []
        files = self._names
        if self.prompt_key not in dataframe.column_names:
            raise UserError(f"{files}: no column '{self.prompt_key}'; there are {', '.join(dataframe.column_names)}")
        media = [key for key in (self.image_key, self.video_key) if key in dataframe.column_names]
        columns = dataframe.select_columns([self.prompt_key, *media])
        for index, row in enumerate(_rows(columns)):
            self._check_marks(index, row)
            videos = row.get(self.video_key) or []
            missing += [path for path in map(local_path, videos) if not os.path.isfile(path)]  # noqa: PTH113  (faster)
            if self.filter_overlong_prompts and not missing and not self._fits_for_sure(row):
                doubtful.append(index)
        if missing:
            raise UserError(
                f"{len(missing)} videos of {files} are not there, the first is '{missing[0]}': extract the videos, or "
                "prepare the data again with --skip-missing-video"
            )
        if not self.filter_overlong_prompts:
            return dataframe
        if not doubtful:
            print(f"all {len(dataframe)} prompts fit into {self.max_prompt_length} tokens by their budget")
            return dataframe
        columns = columns.select(doubtful)
        headers = self._headers(_rows(columns))
        too_long = {
            index
            for index, row in zip(doubtful, _rows(columns), strict=True)
            if not self._fits_for_sure(row, headers)
            and self._exact_tokens(dataframe[index], headers) > self.max_prompt_length
        }
        print(f"dropped {len(too_long)} of {len(dataframe)} prompts longer than {self.max_prompt_length} tokens")
        return dataframe.select([index for index in range(len(dataframe)) if index not in too_long])

    def __getitem__(self, item: int) -> dict[str, Any]:
        """The host's row, which tells the reward what of a response the prompt holds already."""
        row: dict[str, Any] = super().__getitem__(item)
        row["extra_info"][OPENING] = self._opening
        return row

    def _check_marks(self, index: int, row: Mapping[str, Any]) -> None:
        """Looks whether a row's prompt marks each of its images and videos.

        Raises:
            UserError: an image or a video is not marked in the prompt, or a mark has none; verl would meet the one in
                the middle of the run, and hand the model the other as text.
        """
        text = self._text(row)
        for key, mark in ((self.image_key, "<image>"), (self.video_key, "<video>")):
            marks, held = text.count(mark), len(row.get(key) or [])
            if marks != held:
                raise UserError(
                    f"row {index} of {self._names}: its prompt has {marks} marks {mark}, and its column '{key}' holds "
                    f"{held}; prepare the data with local_script/prepare_videokr_rl_data.py"
                )

    def _build_messages(self, example: dict[str, Any], key: str) -> list[dict[str, Any]]:
        asked = {**example, key: self._told(example), self.video_key: self._asked(example)}
        messages: list[dict[str, Any]] = super()._build_messages(asked, key)
        return messages

    def _told(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A row's messages, of dialogues with the call of the tool as the checkpoint writes it."""
        return [one | {"content": self._system} if one["content"] == SYSTEM else one for one in row[self.prompt_key]]

    def _asked(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A row's videos, each with the whole of its budget."""
        fixed = [{"video": video} if isinstance(video, str) else video for video in row.get(self.video_key) or []]
        return [
            self._run_budget | {name: value for name, value in video.items() if value is not None} for video in fixed
        ]

    def _fits_for_sure(self, row: Mapping[str, Any], headers: Mapping[Path, VideoHeader] | None = None) -> bool:
        """Whether a row is no longer than the limit, as can be told without building its prompt.

        Args:
            headers: of its videos; None: by their budget alone.
        """
        if self.apply_chat_template_kwargs or self.tool_schemas is not None or row.get(self.image_key):
            return False  # of which a bound knows nothing
        patch_size = self.image_patch_size
        if headers is None:
            most = [_bound(patch_size, *map(video.get, BUDGET_FIELDS)) for video in self._asked(row)]
        else:
            most = [
                video_token_bound(budget_of(video), patch_size, headers[local_path(video)])
                for video in self._asked(row)
            ]
        left = self.max_prompt_length - sum(most)
        text = self._text(row)
        return bool(text_token_bound(text) <= left or (left > 0 and self._text_tokens(text) <= left))

    def _text(self, row: Mapping[str, Any]) -> str:
        return "".join(message["content"] for message in self._told(row))

    def _text_tokens(self, text: str) -> int:
        chat = self.processor.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
        )
        return len(self.tokenizer(chat, add_special_tokens=False)["input_ids"])

    def _exact_tokens(self, row: dict[str, Any], headers: Mapping[Path, VideoHeader]) -> int:
        messages = self._build_messages(row, key=self.prompt_key)
        settings = dict(self.apply_chat_template_kwargs)
        if self.tool_schemas is not None:
            settings["tools"] = self.tool_schemas
        text = self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **settings)
        parts = videos_of(messages)
        plans = [plan_frames(headers[local_path(part)], budget_of(part), self.image_patch_size) for part in parts]
        place = VIDEO if plans and plans[0].timestamped else MARKED_VIDEO
        text = put_videos(text, place, plans)
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) + self._image_tokens(messages)

    def _image_tokens(self, messages: list[dict[str, Any]]) -> int:
        """What a prompt's images take beyond the one mark that each has in the text; images are decoded."""
        images, _, _ = super()._process_multi_modal_info(without_videos(messages), self.image_patch_size, self.config)
        if not images:
            return 0
        processor = self.processor.image_processor
        grids = processor(images=images, return_tensors="pt")["image_grid_thw"]
        return int((grids.prod(dim=-1) // processor.merge_size**2 - 1).sum())

    def _known_header(self, path: Path) -> VideoHeader | None:
        """As the manifest has it of this very file."""
        entry = self._manifest.get(plain_path(os.path.relpath(path, self._manifest_root)))
        return entry.header if entry and entry.is_of(path.stat()) else None

    def _headers(self, rows: Iterable[dict[str, Any]]) -> dict[Path, VideoHeader]:
        """Of the rows' videos; those that no manifest tells are read, several at once.

        Raises:
            VideoError: one cannot be read.
        """
        paths = dict.fromkeys(local_path(video) for row in rows for video in row.get(self.video_key) or [])
        found = {path: self._known_header(path) for path in paths} if self._manifest else dict.fromkeys(paths)
        unknown = [path for path, header in found.items() if header is None]
        if unknown and self._manifest:
            print(f"{len(unknown):,} videos are not in the manifest as they are now: their headers are read")
        with ThreadPoolExecutor(HEADER_THREADS) as pool:
            read = tqdm(pool.map(read_header, unknown), "headers of videos", len(unknown), disable=not unknown)
            found.update(zip(unknown, read, strict=True))
        return {path: header for path, header in found.items() if header}

    @classmethod
    def _process_multi_modal_info(
        cls, messages: list[dict[str, Any]], image_patch_size: int, config: DictConfig
    ) -> Any:
        """Reads the images and videos of a row's messages.

        Returns:
            Images and audio by the host's means, and for every video its frames, uint8 (frames, 3, height, width), with
            what the processors are to know of them.

        Raises:
            UserError: a video is not there, or cannot be decoded.
        """
        images, _, audios = super()._process_multi_modal_info(without_videos(messages), image_patch_size, config)
        return images, as_given([future.result() for future in frames_of(messages, image_patch_size)]), audios

    @classmethod
    async def process_multi_modal_info(
        cls, messages: list[dict[str, Any]], image_patch_size: int, config: DictConfig
    ) -> Any:
        """As `_process_multi_modal_info`; the rollouts of one prompt share its frames, and wait without a thread."""
        shown = await asyncio.gather(*map(asyncio.wrap_future, frames_of(messages, image_patch_size)))
        others = without_videos(messages)
        images, _, audios = await super().process_multi_modal_info(others, image_patch_size, config)
        return images, as_given(shown), audios


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


@lru_cache(maxsize=256)  # rows of one budget, most of them
def _bound(patch_size: int, *budget: Any) -> int:
    """As many tokens as any video takes at most, whatever its header says."""
    return video_token_bound(VideoBudget(**dict(zip(BUDGET_FIELDS, budget, strict=True))), patch_size)


def _rows(columns: datasets.Dataset) -> Iterator[dict[str, Any]]:
    for piece in columns.iter(batch_size=1_000):
        names = list(piece)
        yield from (dict(zip(names, row, strict=True)) for row in zip(*piece.values(), strict=True))
