"""A model that lacks weights ends the run. transformers would warn, draw them at random, and go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from videokr.errors import UserError

NAMES_SHOWN = 3


@contextmanager
def required() -> Iterator[None]:
    """While it lasts, `from_pretrained` of transformers refuses a model that lacks weights.

    Raises:
        UserError: weights are missing, or stand under names that this release does not know.
    """
    from transformers import modeling_utils

    report = modeling_utils.log_state_dict_report

    def refuse_after(**given: Any) -> None:
        report(**given)
        if missing := sorted(given["loading_info"].missing_keys):
            raise UserError(
                f"model '{given['pretrained_model_name_or_path']}' lacks {len(missing)} weights, or has them under "
                f"other names ({some(missing)}); of a mixture of experts see docs/families.md"
            )

    modeling_utils.log_state_dict_report = refuse_after
    try:
        yield
    finally:
        modeling_utils.log_state_dict_report = report


def some(names: list[str]) -> str:
    return ", ".join([*names[:NAMES_SHOWN], *(["..."] if len(names) > NAMES_SHOWN else [])])
