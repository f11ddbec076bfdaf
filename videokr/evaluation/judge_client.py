"""A judge's endpoint, asked through the official client, which asks again where a server is busy or fails.

`openai` is imported when a client is made, not before.
"""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from videokr.errors import UserError
from videokr.evaluation.judge_settings import AZURE, Settings, check_url, without_secrets

if TYPE_CHECKING:
    import openai

MAX_KEPT_CHARACTERS = 500  # of a reply or a fault
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_PASSING = (408, 409, 429)  # of 4xx, those that the client asks again after
_WAYS_OUT = {
    401: "correct its key",
    402: "see to the account's credit",
    403: "correct its key",
    404: "correct its address or MODEL_VERSION",
}
_BEFORE_SENT = ("ConnectError", "ConnectTimeout", "ProxyError")  # of httpx or httpx2, whichever the client is made with
# Of the call that a task makes: the refusal after which the client waits, or "" while a request is under way.
_waits_after: ContextVar[list[str]] = ContextVar("_waits_after")
_NO_CREDIT = ("insufficient_quota", "billing_not_active")  # codes of OpenAI, which have the status of a busy server


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge says."""

    text: str | None  # None where the body holds none
    fault: str = ""  # of a body that cannot be read


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a judge could not be asked, after the client's own retries."""

    reason: str  # short, without the key
    way_out: str  # empty where the same may be answered later
    status: int | None = None  # of the last response; None where there was none
    may_cost: bool = False  # whether a server may be at work on it all the same


class JudgeClient:
    """Asks from one event loop.

    Attributes:
        takes_temperature: becomes false with the first refusal of a temperature, which is left out from then on.
        trouble: the last refusal, which the client may have asked again after.

    Raises:
        UserError: `openai` is not installed, or a proxy cannot be used.
    """

    def __init__(self, settings: Settings, request_seconds: float, max_retries: int):
        try:
            import openai
        except ImportError as error:
            raise UserError(
                f"a judge is asked with the package openai, which is not there ({error}): pip install openai, or go "
                "on where it is: source .venvs/eval/bin/activate"
            ) from None
        self._key = settings.key
        self.takes_temperature, self.trouble = settings.takes_temperature, ""
        proxies = _proxies()
        for name, url in proxies.items():
            check_url(name, url if "://" in url else f"http://{url}", PROXY_SCHEMES)
        try:
            hooks: Any = {"request": [_note_sent], "response": [self._note]}
            http_client = openai.DefaultAsyncHttpxClient(event_hooks=hooks)
        except ImportError:  # as the client calls what a SOCKS proxy needs
            raise UserError(
                f"the judge cannot be asked through the proxy of {', '.join(proxies)}: SOCKS needs the package "
                "socksio: pip install socksio, or unset the variable"
            ) from None
        limits: Any = {"timeout": request_seconds, "max_retries": max_retries, "http_client": http_client}
        self.openai: openai.AsyncOpenAI = (
            openai.AsyncAzureOpenAI(
                api_key=settings.key, azure_endpoint=settings.address, api_version=settings.api_version, **limits
            )
            if settings.api_type == AZURE
            else openai.AsyncOpenAI(api_key=settings.key, base_url=settings.address, **limits)
        )

    async def ask(self, request: dict[str, Any]) -> Reply | Refusal:
        """The reply to one request.

        Args:
            request: arguments of `chat.completions.create`; loses its temperature where the model takes none.
        """
        try:
            said = await self._answered(self.openai.chat.completions.create, request)
        except ValueError as error:  # a body that is no JSON, as it says it is
            return Reply(None, self.shown(f"a body that cannot be read ({type(error).__name__}: {error})"))
        return said if isinstance(said, Refusal) else Reply(_text_of(said))

    async def ask_raw(self, request: dict[str, Any], seconds: float) -> str | Refusal:
        """The whole body of the reply, as it came; otherwise as `ask`.

        Args:
            seconds: in which there has to be one, with the client's retries and waits in them.
        """
        waits_after = [""]
        _waits_after.set(waits_after)
        try:
            async with asyncio.timeout(seconds):
                said = await self._answered(self.openai.chat.completions.with_raw_response.create, request)
        except TimeoutError:
            after = f", and a wait after {waits_after[0]}" if waits_after[0] else ""
            return Refusal(self.shown(f"no reply within {seconds:g} s{after}"), "", may_cost=not after)
        return said if isinstance(said, Refusal) else str(said.text)

    async def _answered(self, create: Any, request: dict[str, Any]) -> Any:
        """What one of the client's methods gives, or a Refusal."""
        import openai

        if not self.takes_temperature:
            request.pop("temperature", None)
        try:
            return await create(**request)
        except UnicodeEncodeError as error:  # half a surrogate pair in a text, which no server gets to see
            return Refusal(self.shown(f"{type(error).__name__}: {error}"), "correct the data")
        except openai.OpenAIError as error:
            if isinstance(error, openai.BadRequestError) and "temperature" in request and _names_temperature(error):
                self.takes_temperature = False
                return await self._answered(create, request)
            reason = f"{type(error).__name__}: {error}"
            if isinstance(error, openai.APIConnectionError) and not isinstance(error, openai.APITimeoutError):
                cause = _root_cause(error)
                reason = f"no connection: {type(cause).__name__}: {cause}"
            status = error.status_code if isinstance(error, openai.APIStatusError) else None
            if isinstance(error, openai.APIStatusError):
                reason += _retry_after(error.response)
            may_cost = status is None and type(error.__cause__).__name__ not in _BEFORE_SENT
            return Refusal(self.shown(reason), _way_out(error), status, may_cost)

    def shown(self, text: str) -> str:
        """A text as it may be kept or shown: in one line, without the key, whole Unicode, not long."""
        whole = text.encode("utf-8", "replace").decode("utf-8")
        return " ".join(whole.replace(self._key, "[key]").split())[:MAX_KEPT_CHARACTERS]

    async def _note(self, response: Any) -> None:
        """Sees every response before the client does, which would not tell what it asked again after."""
        if not response.is_error:
            return
        self.trouble = f"status {response.status_code}"
        if waits_after := _waits_after.get(None):
            waits_after[0] = self.trouble + _retry_after(response)
        await response.aread()  # of an error, which has a code in it
        if _is_out_of_credit(response):
            response.headers["x-should-retry"] = "false"  # which the client obeys


async def _note_sent(_: Any) -> None:
    if waits_after := _waits_after.get(None):
        waits_after[0] = ""


def _retry_after(response: Any) -> str:
    asked = response.headers.get("Retry-After", "")
    return f", Retry-After: {asked}" if asked else ""


def _proxies() -> dict[str, str]:
    """The proxies that the client takes out of the environment, by variable."""
    known = getproxies()
    return {f"{scheme.upper()}_PROXY": known[scheme] for scheme in ("http", "https", "all") if scheme in known}


def _text_of(completion: Any) -> str | None:
    """The text of a completion; a server that is not quite compatible may leave choices, message or content out."""
    choices = getattr(completion, "choices", None)
    first = choices[0] if isinstance(choices, list) and choices else None
    content = getattr(getattr(first, "message", None), "content", None)
    return content if isinstance(content, str) else None


def _names_temperature(error: "openai.BadRequestError") -> bool:
    return error.param == "temperature" if error.param else "temperature" in error.message


def _is_out_of_credit(response: Any) -> bool:
    return response.status_code == 429 and any(code in response.text for code in _NO_CREDIT)


def _way_out(error: "openai.OpenAIError") -> str:
    """What ends a refusal; empty where time may."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        proxies = " or ".join(f"{name}={without_secrets(url)}" for name, url in _proxies().items())
        return f"correct its address{f' or the proxy {proxies}' if proxies else ''}"
    if not isinstance(error, openai.APIStatusError):
        return ""
    if _is_out_of_credit(error.response):
        return _WAYS_OUT[402]
    is_final = 400 <= error.status_code < 500 and error.status_code not in _PASSING
    return _WAYS_OUT.get(error.status_code, "correct its address or MODEL_VERSION") if is_final else ""


def _root_cause(error: BaseException) -> BaseException:
    """The operating system's error behind a client's; else the last that says something."""
    found = error
    while cause := error.__cause__ or error.__context__:
        error = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause
        if isinstance(error, OSError) or (str(error) and not isinstance(found, OSError)):
            found = error
    return found
