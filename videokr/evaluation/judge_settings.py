"""Which judge is asked, and how much; see videokr/evaluation/judge.py."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from videokr.errors import UserError
from videokr.evaluation.rubric import OURS, Rubric, digest

DEFAULT_MODEL = "gpt-4o"  # the paper's
DEFAULT_ADDRESS = "https://api.openai.com/v1"
DEFAULT_AZURE_API_VERSION = "2024-10-21"
OPENAI, AZURE = "openai", "azure"  # API_TYPE
KEY_AND_ADDRESS = {OPENAI: ("OPENAI_API_KEY", "OPENAI_BASE_URL"), AZURE: ("AZURE_API_KEY", "AZURE_ENDPOINT")}
_KEY = re.compile("[!-~]+")  # what a header may hold
JUDGE_VARIABLES = (*(name for names in KEY_AND_ADDRESS.values() for name in names), "API_TYPE", "MODEL_VERSION")
OFF, REQUIRED, AUTO = "0", "1", ""  # VIDEOKR_USE_VLM_JUDGE; the last: where there are credentials


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a judge is asked at once, for how long, and in all."""

    concurrency: int = 32  # verdicts at once
    request_seconds: float = 60.0  # time limit of one request
    seconds: float = 120.0  # time limit of one verdict, its retries included, from when its turn has come
    max_requests: int | None = None  # that the judge may answer in all, beside the trial; None: as many as it takes

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "Limits":
        """Reads JUDGE_CONCURRENCY, JUDGE_REQUEST_SECONDS, JUDGE_SECONDS and JUDGE_MAX_REQUESTS.

        Raises:
            UserError: one of them is no positive number, or no whole one.
        """
        ours = cls()
        most = _number(environment, "JUDGE_MAX_REQUESTS", math.inf)
        return cls(
            concurrency=int(_number(environment, "JUDGE_CONCURRENCY", ours.concurrency)),
            request_seconds=_number(environment, "JUDGE_REQUEST_SECONDS", ours.request_seconds),
            seconds=_number(environment, "JUDGE_SECONDS", ours.seconds),
            max_requests=None if most == math.inf else int(most),
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """One judge."""

    api_type: str  # OPENAI or AZURE
    address: str  # OPENAI_BASE_URL, or AZURE_ENDPOINT
    model: str  # the model's (for Azure the deployment's) name
    key: str = field(repr=False)  # a secret
    api_version: str = DEFAULT_AZURE_API_VERSION  # of Azure
    takes_temperature: bool = True  # whether the model lets one set it; see `videokr.evaluation.judge.check_judge`

    def public(self, *rubrics: Rubric) -> dict[str, str]:
        """What a result may say about its judge: no key, and no credentials that stand in an address.

        Args:
            rubrics: that it grades by; OURS where none is given.
        """
        parts = urlsplit(self.address)
        place = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
        shown = {"model": self.model, "address": place, "instruction_sha256": digest(*rubrics or (OURS,))}
        return shown if self.takes_temperature else shown | {"temperature": "left out"}


def read_settings(environment: Mapping[str, str]) -> Settings | None:
    """The judge that the environment configures; None where it is off or there are no credentials.

    Args:
        environment: API_TYPE (openai or azure), OPENAI_API_KEY, OPENAI_BASE_URL, AZURE_API_KEY, AZURE_ENDPOINT,
            API_VERSION, MODEL_VERSION, VIDEOKR_USE_VLM_JUDGE.

    Raises:
        UserError: a setting is unknown, the judge is required and not configured, or its key or address cannot be one.
    """
    given = {name: text.strip() for name, text in environment.items()}
    mode = given.get("VIDEOKR_USE_VLM_JUDGE", AUTO)
    if mode not in (OFF, REQUIRED, AUTO):
        raise UserError(f"VIDEOKR_USE_VLM_JUDGE='{mode}': give 0 (off), 1 (required) or leave it unset")
    if mode == OFF:
        return None
    api_type = given.get("API_TYPE", "").lower() or OPENAI
    if api_type not in KEY_AND_ADDRESS:
        raise UserError(f"API_TYPE='{api_type}' is not known: give openai or azure")
    key, address = KEY_AND_ADDRESS[api_type]
    missing = [name for name in ((key, address) if api_type == AZURE else (key,)) if not given.get(name)]
    if missing and mode == REQUIRED:
        raise UserError(
            f"VIDEOKR_USE_VLM_JUDGE=1 asks for a judge and {', '.join(missing)} is not set: set it, or "
            "VIDEOKR_USE_VLM_JUDGE=0 to leave open answers unscored"
        )
    if missing:
        return None
    if not _KEY.fullmatch(given[key]):
        raise UserError(f"{key} holds a line break, a space or a character outside of ASCII: copy the key again")
    url = given.get(address) or DEFAULT_ADDRESS
    check_url(address, url)
    return Settings(
        api_type=api_type,
        address=url,
        model=given.get("MODEL_VERSION") or DEFAULT_MODEL,
        key=given[key],
        api_version=given.get("API_VERSION") or DEFAULT_AZURE_API_VERSION,
    )


def require_settings(environment: Mapping[str, str], purpose: str) -> Settings:
    """The same where there is no going on without a judge: else UserError, which names the purpose."""
    settings = read_settings(environment)
    if settings is None:
        raise UserError(
            f"{purpose} asks a judge, and there is none: set OPENAI_API_KEY (with API_TYPE=azure: AZURE_API_KEY and "
            "AZURE_ENDPOINT) in the environment of the run, and leave VIDEOKR_USE_VLM_JUDGE unset; OPENAI_BASE_URL is "
            "for a server of your own, MODEL_VERSION for another model"
        )
    return settings


def check_url(name: str, url: str, schemes: Collection[str] = ("http", "https")) -> None:
    """Raises UserError where a setting is no whole address with one of these schemes."""
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise UserError(f"{name}='{without_secrets(url)}': give a whole address, such as http://host:8000/v1")


def without_secrets(url: str) -> str:
    """An address, which may be none, without what may be a password."""
    return url.rpartition("@")[2].partition("?")[0]


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
