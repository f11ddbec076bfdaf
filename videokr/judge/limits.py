"""How much a judge is asked at once, for how long, and in all."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from videokr.errors import UserError

DEFAULT_CONCURRENCY = 32
DEFAULT_REQUEST_SECONDS = 60.0
DEFAULT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Attributes:
        concurrency: requests at once.
        request_seconds: time limit of one request.
        seconds: time limit of one verdict in all, its wait for its turn and its retries included.
        most_requests: in all, retries included, not counting what the cache knows; None is as many as it takes.
    """

    concurrency: int = DEFAULT_CONCURRENCY
    request_seconds: float = DEFAULT_REQUEST_SECONDS
    seconds: float = DEFAULT_SECONDS
    most_requests: int | None = None

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "Limits":
        """
        Args:
            environment: JUDGE_CONCURRENCY, JUDGE_REQUEST_SECONDS, JUDGE_SECONDS, JUDGE_MAX_REQUESTS.

        Raises:
            UserError: one of them is no positive number, or no whole one.
        """
        most = _number(environment, "JUDGE_MAX_REQUESTS", math.inf)
        return cls(
            concurrency=int(_number(environment, "JUDGE_CONCURRENCY", DEFAULT_CONCURRENCY)),
            request_seconds=_number(environment, "JUDGE_REQUEST_SECONDS", DEFAULT_REQUEST_SECONDS),
            seconds=_number(environment, "JUDGE_SECONDS", DEFAULT_SECONDS),
            most_requests=None if most == math.inf else int(most),
        )


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf or (not name.endswith("SECONDS") and number != int(number)):
        kind = "a positive number" if name.endswith("SECONDS") else "a whole number of at least 1"
        raise UserError(f"{name}='{text}': give {kind}")
    return number
