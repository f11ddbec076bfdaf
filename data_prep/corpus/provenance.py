"""What a record says of how it was made: by step, its models, the version of their prompts and its calls."""

from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from data_prep.corpus.settings import first_fault
from videokr.errors import RecordError

PROVENANCE = "provenance"


class Origin(BaseModel):
    """Of one step; see `Work.made_by`."""

    models: tuple[str, ...]
    prompt: str
    calls: tuple[str, ...]


_ORIGINS = TypeAdapter(dict[str, Origin])


def origins_of(record: dict[str, Any]) -> dict[str, Origin]:
    """By step; RecordError where it is not as a step writes it."""
    try:
        return _ORIGINS.validate_python(record.get(PROVENANCE, {}))
    except ValidationError as error:
        raise RecordError(PROVENANCE, "not as a step writes it", " ".join(first_fault(error)).strip()) from None
