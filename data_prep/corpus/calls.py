"""Calls to a step's model: asked once, kept, paid for within the budget, and asked again where a reply is no use."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from pydantic import ValidationError
from tqdm import tqdm

from data_prep.corpus.frames import Frames
from data_prep.corpus.ledger import Cost, Ledger
from data_prep.corpus.prompts import Reply, response_format
from data_prep.corpus.settings import NO_KEY, Budget, Corpus, Model, Step
from videokr.errors import RecordError, UserError
from videokr.evaluation.judge_client import JudgeClient, Refusal
from videokr.evaluation.judge_settings import Settings as Endpoint
from videokr.prompt import text_token_bound
from videokr.response import CLOSE_THINK

ATTEMPTS = 3  # of a sample: replies that are none of what was asked for
SENDS = 3  # of one attempt that no reply comes to, beside the client's own retries
MIN_SILENT_CALLS = 20  # in a row without a reply, or as many as are in flight: nothing answers
ROW_AT_FAULT = (400, 413, 422)  # statuses that speak of a request, which may be that of one row alone
WAYS_OUT = {
    401: "set OPENAI_API_KEY",
    402: "see to the account's credit",
    403: "set OPENAI_API_KEY",
    404: "correct `endpoint` or the name of the model",
}
NO_REPLY, NO_USE = "no reply", "no reply that is what was asked for"

Read = TypeVar("Read")
ReadReply = Callable[[Any], Read]  # of the shape that was asked for; RecordError where it will not do


@dataclass(frozen=True, slots=True)
class Call:
    """What a model is asked about a video.

    Attributes:
        row: what the call is for, for whoever looks into the ledger.
        text: instructions, which stand behind the frames, so that the calls of one video begin alike.
        shape: of the reply.
    """

    row: str
    frames: Frames
    text: str
    shape: type[Reply]

    def body(self, model: Model, seed: int, pictures: Sequence[str]) -> dict[str, Any]:
        """Arguments of `chat.completions.create`.

        Args:
            pictures: their addresses, or the names that stand for them in a key.
        """
        content: list[dict[str, Any]] = []
        for second, picture in zip(self.frames.seconds, pictures, strict=True):
            content += {"type": "text", "text": f"{second:.1f} s"}, {"type": "image_url", "image_url": {"url": picture}}
        content.append({"type": "text", "text": self.text})
        body = {
            "model": model.name,
            "messages": [{"role": "user", "content": content}],
            "max_completion_tokens": model.max_output_tokens,
            "seed": seed,
            "response_format": response_format(self.shape),
        }
        return body if model.temperature is None else body | {"temperature": model.temperature}

    def input_bound(self, model: Model) -> int:
        """As many tokens as it may take at most, if no frame takes more than `image_tokens`."""
        body = self.body(model, 0, [""] * len(self.frames.seconds))
        return text_token_bound(json.dumps(body, ensure_ascii=False)) + len(self.frames.seconds) * model.image_tokens

    def most(self, model: Model) -> Cost:
        """What one request may cost at most."""
        tokens = self.input_bound(model)
        return Cost(tokens + model.max_output_tokens, model.usd(tokens, model.max_output_tokens))


@dataclass(frozen=True, slots=True)
class Answered(Generic[Read]):
    """A reply that will do, and the key of its call."""

    value: Read
    key: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a call came to nothing: a reason that can be counted, and the last reply."""

    reason: str
    detail: str


class Asker:
    """Asks the model of one step from one event loop.

    Raises:
        UserError: a package is missing, or the endpoint cannot be one.
    """

    def __init__(self, corpus: Corpus, step: Step, endpoint: Endpoint, budget: Budget, ledger: Ledger):
        self.step, self.model, self.ledger = step, corpus.model(step), ledger
        self._corpus, self._budget = corpus, budget
        self._key = endpoint.key
        self._address = endpoint.public()["address"]
        self._client = JudgeClient(endpoint, corpus.call_seconds, corpus.retries)
        self._changed = asyncio.Condition()
        self._asked: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._in_flight = self._silent = 0
        self._has_warned = False

    async def ask(self, call: Call, read: ReadReply[Read], sample: int = 0) -> Answered[Read] | Failed:
        """The first reply that will do; what the ledger holds is not asked again.

        Args:
            sample: independent replies to the same call have different ones.

        Raises:
            UserError: the budget is spent, or nothing answers.
        """
        why = last = ""
        for attempt in range(sample * ATTEMPTS, (sample + 1) * ATTEMPTS):
            body = call.body(self.model, self._corpus.seed + attempt, call.frames.names)
            key = hashlib.sha256(json.dumps([self.step, body, attempt], sort_keys=True).encode()).hexdigest()
            async with self._asked.setdefault(key, asyncio.Lock()):  # two rows may ask the same at once
                reply = self.ledger.reply(key) or await self._send(key, call, attempt)
            if isinstance(reply, Failed):
                return reply
            try:
                return Answered(read(_parsed(reply, call.shape)), key)
            except RecordError as error:
                why, last = f"{error.reason}: {error.detail}", reply
        return Failed(NO_USE, f"{why}; the last reply: {self._client.shown(last)}")

    async def _send(self, key: str, call: Call, attempt: int) -> str | Failed:
        """Asks until there is a reply, which the ledger then holds."""
        refusal = Refusal("", "")
        for _ in range(SENDS):
            said = await self._send_once(key, call, attempt)
            if isinstance(said, str):
                self._silent = 0
                return said
            self._silent += 1
            self._end_where_nothing_answers(said)
            refusal = said
            if refusal.status in ROW_AT_FAULT:
                break
        return Failed(NO_REPLY, refusal.reason)

    async def _send_once(self, key: str, call: Call, attempt: int) -> str | Refusal:
        body, most = call.body(self.model, self._corpus.seed + attempt, await call.frames.urls()), call.most(self.model)
        async with self._changed:  # what is in flight may cost less than it might, and leave room
            await self._changed.wait_for(lambda: self._fits(most) or not self._in_flight)
            self._refuse_beyond_budget(most)
            self._in_flight += 1
            number = self.ledger.open(key, self.step, self.model.name, call.row, attempt, most)
        try:
            async with asyncio.timeout(self._corpus.call_seconds):
                said = await self._client.ask_raw(body)
        except TimeoutError:
            said = Refusal(f"no reply within {self._corpus.call_seconds:g} s", "", may_cost=True)
        finally:
            self._in_flight -= 1
        if isinstance(said, str):
            said = said if self._key == NO_KEY else said.replace(self._key, "[key]")
            self.ledger.keep(number, said)
            self._charge(number, said, most)
        else:
            self.ledger.refuse(number, said.reason, most if said.may_cost else Cost(0, 0.0))
        async with self._changed:
            self._changed.notify_all()
        return said

    def _fits(self, most: Cost) -> bool:
        spent = self.ledger.spent
        return spent.tokens + most.tokens <= self._budget.tokens and spent.usd + most.usd <= self._budget.usd

    def _refuse_beyond_budget(self, most: Cost) -> None:
        if not self._fits(most):
            spent = self.ledger.spent
            raise UserError(
                f"the budget is spent: ${spent.usd:.4f} of ${self._budget.usd:.4f} and {spent.tokens:,} of "
                f"{self._budget.tokens:,} tokens, and the next call may take ${most.usd:.4f} and {most.tokens:,} "
                "tokens; what was answered is kept: raise `budget`, and run the same command again"
            )

    def _charge(self, number: int, reply: str, most: Cost) -> None:
        """By what the server says that it used; where it says nothing, a request costs what it may cost at most."""
        try:
            usage = json.loads(reply)["usage"]
            used = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
        except (ValueError, KeyError, TypeError):
            return
        self.ledger.charge(number, *used, self.model.usd(*used))
        if sum(used) > most.tokens and not self._has_warned:
            self._has_warned = True
            tqdm.write(
                f"warning: a call took {sum(used):,} tokens, and {most.tokens:,} were set aside for it: raise "
                f"image_tokens of models.{self.step}, or the budget may be passed",
                file=sys.stderr,
            )

    def _end_where_nothing_answers(self, said: Refusal) -> None:
        """Raises UserError where asking on would not help."""
        again = "then run the same command again: what was answered is kept"
        place = f"'{self.model.name}' at {self._address}"
        if said.way_out and said.status is not None and said.status not in ROW_AT_FAULT:
            mend = WAYS_OUT.get(said.status, said.way_out)
            raise UserError(f"{place} refuses: {said.reason}; {mend}, {again}")
        if self._silent >= max(MIN_SILENT_CALLS, self._corpus.concurrency):
            raise UserError(
                f"{place} does not answer: {self._silent} calls in a row had no reply, the last: {said.reason}; "
                f"mend that, {again}"
            )


def _parsed(reply: str, shape: type[Reply]) -> Reply:
    """What a raw reply says; RecordError where it is not of the shape."""
    try:
        choice = json.loads(reply)["choices"][0]
        content = str(choice["message"]["content"])
        if choice.get("finish_reason") == "length":
            raise RecordError("reply", "cut off", "longer than max_output_tokens")
        return shape.model_validate_json(content.rpartition(CLOSE_THINK)[2])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RecordError("reply", "not of the schema", f"{'.'.join(map(str, first['loc']))} {first['msg']}") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise RecordError("reply", "no chat completion", f"{type(error).__name__}: {error}") from None
