"""Which judge the environment configures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from videokr.errors import UserError
from videokr.judge.instruction import instruction_digest

if TYPE_CHECKING:
    import openai

DEFAULT_MODEL = "gpt-4o"  # the paper's
DEFAULT_AZURE_API_VERSION = "2024-10-21"


class JudgeMode(StrEnum):
    """VIDEOKR_USE_VLM_JUDGE: off, required, or used when credentials are there."""

    OFF = "0"
    REQUIRED = "1"
    AUTO = ""


class ApiType(StrEnum):
    """API_TYPE."""

    OPENAI = "openai"
    AZURE = "azure"


# The key comes first.
_NEEDED = {ApiType.OPENAI: ("OPENAI_API_KEY",), ApiType.AZURE: ("AZURE_API_KEY", "AZURE_ENDPOINT")}


@dataclass(frozen=True, slots=True)
class Settings:
    """One judge.

    Attributes:
        address: OPENAI_BASE_URL, or AZURE_ENDPOINT; None is OpenAI's own.
        model: the model's (for Azure the deployment's) name.
        key: a secret.
        api_version: of Azure.
    """

    api_type: ApiType
    address: str | None
    model: str
    key: str = field(repr=False)
    api_version: str

    def public(self) -> dict[str, str]:
        """What a result may say about its judge: no key, and no credentials that stand in an address."""
        parts = urlsplit(self.address or "")
        host = parts.hostname or "api.openai.com"
        place = f"{parts.scheme or 'https'}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"
        return {"model": self.model, "address": place, "instruction_sha256": instruction_digest()}

    def make_client(self, **limits: Any) -> "openai.OpenAI":
        """The official client.

        Args:
            limits: its `timeout` of one request in seconds, and `max_retries`.
        """
        import openai

        made: openai.OpenAI = (
            openai.AzureOpenAI(**self._azure(), **limits)
            if self.api_type is ApiType.AZURE
            else openai.OpenAI(**self._openai(), **limits)
        )
        return made

    def make_async_client(self, **limits: Any) -> "openai.AsyncOpenAI":
        """The same for a running event loop."""
        import openai

        made: openai.AsyncOpenAI = (
            openai.AsyncAzureOpenAI(**self._azure(), **limits)
            if self.api_type is ApiType.AZURE
            else openai.AsyncOpenAI(**self._openai(), **limits)
        )
        return made

    def _azure(self) -> dict[str, Any]:
        return {"api_key": self.key, "azure_endpoint": self.address, "api_version": self.api_version}

    def _openai(self) -> dict[str, Any]:
        return {"api_key": self.key, "base_url": self.address}


def judge_mode(environment: Mapping[str, str]) -> JudgeMode:
    """
    Raises:
        UserError: VIDEOKR_USE_VLM_JUDGE is none of 0, 1 and unset.
    """
    value = environment.get("VIDEOKR_USE_VLM_JUDGE", "").strip()
    try:
        return JudgeMode(value)
    except ValueError:
        raise UserError(f"VIDEOKR_USE_VLM_JUDGE='{value}': give 0 (off), 1 (required) or leave it unset") from None


def read_settings(environment: Mapping[str, str]) -> Settings | None:
    """The judge that the environment configures; None where it is off or there are no credentials.

    Args:
        environment: API_TYPE (openai or azure), OPENAI_API_KEY, OPENAI_BASE_URL, AZURE_API_KEY, AZURE_ENDPOINT,
            API_VERSION, MODEL_VERSION, VIDEOKR_USE_VLM_JUDGE.

    Raises:
        UserError: a setting is unknown, or the judge is required and not configured.
    """
    mode = judge_mode(environment)
    if mode is JudgeMode.OFF:
        return None
    api_type = _api_type(environment)
    missing = _missing(environment, api_type)
    if missing and mode is JudgeMode.REQUIRED:
        raise UserError(
            f"VIDEOKR_USE_VLM_JUDGE=1 asks for a judge and {', '.join(missing)} is not set: set it, or "
            "VIDEOKR_USE_VLM_JUDGE=0 to leave open answers unscored"
        )
    return None if missing else _settings(environment, api_type)


def require_settings(environment: Mapping[str, str], purpose: str) -> Settings:
    """The same where there is no going on without a judge.

    Args:
        purpose: what asks for it, as the error names it.

    Raises:
        UserError: a setting is unknown, or the judge is off or not configured.
    """
    if judge_mode(environment) is JudgeMode.OFF:
        raise UserError(f"{purpose} asks a judge, and VIDEOKR_USE_VLM_JUDGE=0 switches it off: unset it")
    api_type = _api_type(environment)
    missing = _missing(environment, api_type)
    if missing:
        raise UserError(
            f"{purpose} asks a judge, and {', '.join(missing)} is not set: set it (and OPENAI_BASE_URL for a server of "
            "your own, MODEL_VERSION for another model) in the environment of the run"
        )
    return _settings(environment, api_type)


def _settings(environment: Mapping[str, str], api_type: ApiType) -> Settings:
    address = "AZURE_ENDPOINT" if api_type is ApiType.AZURE else "OPENAI_BASE_URL"
    return Settings(
        api_type=api_type,
        address=_value(environment, address) or None,
        model=_value(environment, "MODEL_VERSION") or DEFAULT_MODEL,
        key=_value(environment, _NEEDED[api_type][0]),
        api_version=_value(environment, "API_VERSION") or DEFAULT_AZURE_API_VERSION,
    )


def _api_type(environment: Mapping[str, str]) -> ApiType:
    value = _value(environment, "API_TYPE").lower() or ApiType.OPENAI
    try:
        return ApiType(value)
    except ValueError:
        raise UserError(f"API_TYPE='{value}' is not known: give openai or azure") from None


def _missing(environment: Mapping[str, str], api_type: ApiType) -> list[str]:
    return [name for name in _NEEDED[api_type] if not _value(environment, name)]


def _value(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, "").strip()
