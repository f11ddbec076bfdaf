"""A judge for evaluation: asked one answer at a time, from as many threads as there are."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from videokr.errors import UserError
from videokr.judge.instruction import build_request
from videokr.judge.settings import REQUEST_SECONDS, read_settings
from videokr.judge.verdict import Judgement, reply_of, shortened, verdict_of

if TYPE_CHECKING:
    import openai

CHECK_SECONDS = 20.0  # before a run, once
MAX_RETRIES = 4


class Judge:
    """Asks an OpenAI-compatible endpoint. Threads may share one.

    Args:
        client: the official client, with its own retries and time limit.
        model: the model's (for Azure the deployment's) name.
        secret: taken out of everything that is kept or shown.
    """

    def __init__(self, client: "openai.OpenAI", model: str, secret: str):
        self.model = model
        self._client, self._secret = client, secret

    def grade(self, question: str, gold: str, answer: str) -> Judgement:
        """Grades one final answer. A judge that cannot be asked, or says anything but 1 or 0, gives no verdict."""
        import openai

        try:
            reply = self._ask(question, gold, answer)
        except openai.OpenAIError as error:
            return Judgement(None, self._kept(f"{type(error).__name__}: {error}"))
        return Judgement(verdict_of(reply), self._kept(reply or "(empty reply)"))

    def check(self, way_out: str = "set VIDEOKR_USE_VLM_JUDGE=0") -> None:
        """Asks one trivial question, so that a wrong address, key or model is found before anything is generated.

        A fault that may pass, such as an overloaded server, is printed.

        Args:
            way_out: what to do without the judge, as the error names it.

        Raises:
            UserError: the endpoint cannot be reached, refuses the key, does not know the model, or gives no verdict.
        """
        import openai

        patient = self._client
        self._client = patient.with_options(timeout=CHECK_SECONDS, max_retries=1)
        try:
            reply = self._ask("1 + 1?", "2", "2")
        except (
            openai.APIConnectionError,
            openai.AuthenticationError,
            openai.PermissionDeniedError,
            openai.NotFoundError,
        ) as error:
            reason = self._kept(f"{type(error).__name__}: {error}")
            raise UserError(
                f"the judge '{self.model}' at {self._client.base_url} cannot be used: {reason}; "
                f"correct its address, key or MODEL_VERSION, or {way_out}"
            ) from None
        except openai.OpenAIError as error:
            reason = self._kept(f"{type(error).__name__}: {error}")
            print(f"warning: the judge '{self.model}' did not answer a trial question: {reason}", file=sys.stderr)
            return  # it is there; what does not pass is counted
        finally:
            self._client = patient
        if verdict_of(reply) is None:
            said = self._kept(reply or "(nothing)")
            raise UserError(
                f"the judge '{self.model}' at {self._client.base_url} answers {said!r} where 1 or 0 was asked for: "
                f"correct MODEL_VERSION, or {way_out}"
            )

    def _ask(self, question: str, gold: str, answer: str) -> str | None:
        return reply_of(self._client.chat.completions.create(**build_request(self.model, question, gold, answer)))

    def _kept(self, text: str) -> str:
        return shortened(text, self._secret)


def from_env(
    environment: Mapping[str, str], request_seconds: float = REQUEST_SECONDS, max_retries: int = MAX_RETRIES
) -> Judge | None:
    """The judge that the environment configures; None where it is off or there are no credentials.

    Args:
        environment: see `read_settings`.
        request_seconds: time limit of one request.
        max_retries: of rate limits, server errors and timeouts, with the client's own backoff.

    Raises:
        UserError: a setting is unknown, or the judge is required and not configured.
    """
    settings = read_settings(environment)
    if settings is None:
        return None
    return Judge(settings.make_client(timeout=request_seconds, max_retries=max_retries), settings.model, settings.key)
