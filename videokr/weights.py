"""What training changed of the model that it began with."""

from collections import Counter
from collections.abc import Mapping

from videokr.errors import UserError


def report_changes(differs: Mapping[str, bool], base: str) -> str:
    """How many tensors of a merged model are not those of its base, over all and in each part of the model.

    Args:
        differs: by the tensors' names.
        base: for the reader.

    Raises:
        UserError: none differs, so that the merged model is the one before training.
    """
    if not any(differs.values()):
        raise UserError(
            f"not one of {len(differs)} tensors differs from '{base}': this is the model before training, and is not "
            "written; merge a checkpoint of a run that has learnt"
        )
    parts, changed = Counter(map(_part, differs)), Counter(_part(name) for name, other in differs.items() if other)
    each = ", ".join(f"{part} {changed[part]} of {parts[part]}" for part in sorted(parts))
    return f"{changed.total()} of {len(differs)} tensors differ from '{base}': {each}"


def _part(name: str) -> str:
    return name.removeprefix("model.").split(".")[0]
