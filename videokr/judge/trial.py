"""One trivial question, so that a wrong address, key or model is found before anything is generated."""

import sys

from videokr.errors import UserError
from videokr.judge.instruction import build_request
from videokr.judge.settings import Settings
from videokr.judge.verdict import reply_of, shortened, verdict_of

TRIAL_SECONDS = 20.0
TRIAL_RETRIES = 1


def check_judge(settings: Settings, way_out: str = "set VIDEOKR_USE_VLM_JUDGE=0") -> None:
    """Asks the judge whether 1 + 1 is 2. A fault that may pass, such as an overloaded server, is printed.

    Args:
        way_out: what to do without the judge, as the error names it.

    Raises:
        UserError: the endpoint cannot be reached, refuses the key, does not know the model, or gives no verdict.
    """
    import openai

    client = settings.make_client(timeout=TRIAL_SECONDS, max_retries=TRIAL_RETRIES)
    place = f"the judge '{settings.model}' at {client.base_url}"
    try:
        reply = reply_of(client.chat.completions.create(**build_request(settings.model, "1 + 1?", "2", "2")))
    except (
        openai.APIConnectionError,
        openai.AuthenticationError,
        openai.PermissionDeniedError,
        openai.NotFoundError,
    ) as error:
        reason = shortened(f"{type(error).__name__}: {error}", settings.key)
        raise UserError(
            f"{place} cannot be used: {reason}; correct its address, key or MODEL_VERSION, or {way_out}"
        ) from None
    except openai.OpenAIError as error:
        reason = shortened(f"{type(error).__name__}: {error}", settings.key)
        print(f"warning: the judge '{settings.model}' did not answer a trial question: {reason}", file=sys.stderr)
        return  # it is there; what does not pass is counted
    if verdict_of(reply) is None:
        said = shortened(reply or "(nothing)", settings.key)
        raise UserError(f"{place} answers {said!r} where 1 or 0 was asked for: correct MODEL_VERSION, or {way_out}")
