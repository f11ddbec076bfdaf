"""The VideoKR dataset template: raw records, in any of the published spellings, as LLaMA-Factory trains them.

A dataset_info.json names it as a file's format: `{"file_name": "VideoKR-COT-201K.jsonl", "formatting": "videokr"}`.
"""

from pathlib import Path
from typing import Any

from llamafactory.data.converter import DatasetConverter, register_dataset_converter
from llamafactory.data.data_utils import Role

from llamafactory_plugin.data_sets import FORMAT
from llamafactory_plugin.rows import build_turns
from videokr.errors import RecordError
from videokr.example import ID_FIELDS, parse_example
from videokr.video.paths import resolve_video


class VideoKRConverter(DatasetConverter):
    """Maps one raw record to the host's aligned row.

    Videos are found below the entry's `folder`, where dataset_info.json states one, else below the host's `media_dir`.

    Attributes:
        without_rationale: see `build_turns`. Each converter holds it itself: the host's cache of converted rows goes by
            what the converter is made of.
    """

    setting: str | None = None

    def __init__(self, *about: Any):
        super().__init__(*about)
        self.without_rationale = self.setting

    def __call__(self, example: dict[str, Any]) -> dict[str, Any]:
        """Makes the host's row of one record.

        Raises:
            RecordError: the record cannot be read, or has no rationale; names the record's id and the field.
            UserError: a video is not there.
        """
        try:
            parsed = parse_example(example)
        except RecordError as error:
            # The host hands over the row without its file and line.
            given = next((example[name] for name in ID_FIELDS if example.get(name)), None)
            source = "record without an id" if given is None else f"record '{given}'"
            raise RecordError(error.field, error.reason, error.detail, source) from None
        prompt, response = build_turns(parsed, self.without_rationale)
        folder = self.dataset_attr.folder or self.data_args.media_dir
        root = Path(folder) if folder else None
        return {
            "_prompt": [{"role": Role.USER.value, "content": prompt}],
            "_response": [{"role": Role.ASSISTANT.value, "content": response}],
            "_system": "",
            "_tools": "",
            "_images": None,
            "_videos": [str(resolve_video(video, root)) for video in parsed.videos],
            "_audios": None,
        }


def register(without_rationale: str | None = None) -> None:
    """Makes `formatting: videokr` known to the host; once a process."""
    VideoKRConverter.setting = without_rationale
    register_dataset_converter(FORMAT, VideoKRConverter)
