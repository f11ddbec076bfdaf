"""Calls to a step's model: asked once, kept, paid for within the budget, and asked again where a reply is no use."""

import asyncio
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from pydantic import BaseModel, ValidationError
from tqdm import tqdm

from data_prep.corpus.frames import Frames
from data_prep.corpus.ledger import Cost, Ledger
from data_prep.corpus.prompts import response_format
from data_prep.corpus.settings import NO_KEY, Budget, Corpus, Model, Step, first_fault
from videokr.errors import RecordError, UserError
from videokr.evaluation.judge_client import JudgeClient, Refusal
from videokr.prompt import text_token_bound
from videokr.response import CLOSE_THINK

ATTEMPTS = 3  # of a sample: replies that are none of what was asked for
MOST_TOKENS = 1_000_000_000  # of one request; what says more says nothing
SENDS = 3  # of one attempt that no reply comes to, beside the client's own retries
MIN_SILENT_CALLS = 20  # in a row without a reply, or as many as are in flight: nothing answers; or without one of use
ROW_AT_FAULT = (400, 413, 422)  # statuses that speak of a request, which may be that of one row alone
WAYS_OUT = {
    401: "set OPENAI_API_KEY",
    402: "see to the account's credit",
    403: "set OPENAI_API_KEY",
    404: "correct `endpoint` or the name of the model",
}
AGAIN = "then run the same command again: what was answered is kept"
NO_REPLY, NO_USE = "no reply", "no reply that is what was asked for"

Read = TypeVar("Read")
ReadReply = Callable[[Any], Read]  # of the shape that was asked for; RecordError where it will not do


@dataclass(frozen=True, slots=True)
class Call:
    """What a model is asked about a video.

    Attributes:
        model: that is asked.
        row: what the call is for, for whoever looks into the ledger.
        text: instructions, which stand behind the frames, so that the calls of one video begin alike.
        shape: of the reply.
    """

    model: Model
    row: str
    frames: Frames
    text: str
    shape: type[BaseModel]

    def body(self, seed: int, pictures: Sequence[str]) -> dict[str, Any]:
        """Arguments of `chat.completions.create`.

        Args:
            pictures: their addresses, or the names that stand for them in a key.
        """
        content: list[dict[str, Any]] = []
        for second, picture in zip(self.frames.seconds, pictures, strict=True):
            content += {"type": "text", "text": f"{second:.1f} s"}, {"type": "image_url", "image_url": {"url": picture}}
        content.append({"type": "text", "text": self.text})
        body = {
            "model": self.model.name,
            "messages": [{"role": "user", "content": content}],
            "max_completion_tokens": self.model.max_output_tokens,
            "seed": seed,
            "response_format": response_format(self.shape),
        }
        temperature = self.model.temperature
        return body if temperature is None else body | {"temperature": temperature}

    def input_bound(self) -> int:
        """As many tokens as it may take at most, if no frame takes more than `image_tokens`."""
        body = self.body(0, [""] * len(self.frames.seconds))
        pictures = len(self.frames.seconds) * self.model.image_tokens
        return text_token_bound(json.dumps(body, ensure_ascii=False)) + pictures

    def most(self) -> Cost:
        """What one request may cost at most."""
        tokens, output_tokens = self.input_bound(), self.model.max_output_tokens
        return Cost(tokens + output_tokens, self.model.usd(tokens, output_tokens))


@dataclass(frozen=True, slots=True)
class Answered(Generic[Read]):
    """A reply that will do, and the keys of its call: of those of no use before it, too."""

    value: Read
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a call came to nothing: a reason that can be counted, and the last reply."""

    reason: str
    detail: str


class Asker:
    """Asks the models of one step from one event loop.

    Raises:
        UserError: a package is missing, or an endpoint cannot be one.
    """

    def __init__(
        self, corpus: Corpus, step: Step, environment: Mapping[str, str], budget: Budget, ledger: Ledger
    ) -> None:
        self.step, self.ledger = step, ledger
        self._corpus, self._budget = corpus, budget
        self._endpoints = {model: corpus.endpoint_of(model, environment) for model in corpus.models_of(step)}
        self._clients = {
            model: JudgeClient(endpoint, corpus.call_seconds, corpus.retries)
            for model, endpoint in self._endpoints.items()
        }
        self._changed = asyncio.Condition()
        self._asked: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._in_flight = 0
        self._silent: Counter[Model] = Counter()  # calls in a row
        self._of_use: set[Model] = set()  # models, one reply of which would do
        self._useless: Counter[Model] = Counter()  # calls, all replies to which were none of what was asked for
        self._has_warned = False

    async def ask(self, call: Call, read: ReadReply[Read], sample: int = 0) -> Answered[Read] | Failed:
        """The first reply that will do; what the ledger holds is not asked again.

        Args:
            sample: independent replies to the same call have different ones.

        Raises:
            UserError: the budget is spent, or nothing answers.
        """
        why, last, keys = "", "", list[str]()
        for attempt in range(sample * ATTEMPTS, (sample + 1) * ATTEMPTS):
            body = call.body(self._corpus.seed + attempt, call.frames.names)
            key = hashlib.sha256(json.dumps([self.step, body, attempt], sort_keys=True).encode()).hexdigest()
            keys.append(key)
            async with self._asked.setdefault(key, asyncio.Lock()):  # two rows may ask the same at once
                known = self.ledger.reply(key)
                reply = known or await self._send(key, call, attempt)
            if isinstance(reply, Failed):
                return reply
            try:
                value = read(_parsed(reply, call.shape))
            except RecordError as error:
                why, last = f"{error.reason}: {error.detail}", reply
            else:
                self._of_use.add(call.model)
                return Answered(value, tuple(keys))
        detail = f"{why}; the last reply: {self._clients[call.model].shown(last)}"
        if not known:
            self._end_where_nothing_is_of_use(call.model, detail)
        return Failed(NO_USE, detail)

    async def _send(self, key: str, call: Call, attempt: int) -> str | Failed:
        """Asks until there is a reply, which the ledger then holds."""
        refusal = Refusal("", "")
        for _ in range(SENDS):
            said = await self._send_once(key, call, attempt)
            if isinstance(said, str):
                self._silent[call.model] = 0
                return said
            self._silent[call.model] += 1
            self._end_where_nothing_answers(call.model, said)
            refusal = said
            if refusal.status in ROW_AT_FAULT:
                break
        return Failed(NO_REPLY, refusal.reason)

    async def _send_once(self, key: str, call: Call, attempt: int) -> str | Refusal:
        body, most = call.body(self._corpus.seed + attempt, await call.frames.urls()), call.most()
        async with self._changed:  # what is in flight may cost less than it might, and leave room
            await self._changed.wait_for(lambda: self._fits(most) or not self._in_flight)
            self._refuse_beyond_budget(most)
            self._in_flight += 1
            number = self.ledger.open(key, self.step, call.model.name, call.row, attempt, most)
        try:
            said = await self._clients[call.model].ask_raw(body, self._corpus.call_seconds)
        finally:
            self._in_flight -= 1
        if isinstance(said, str):
            key_sent = self._endpoints[call.model].key
            said = said if key_sent == NO_KEY else said.replace(key_sent, "[key]")
            self.ledger.keep(number, said)
            self._charge(call.model, number, said, most)
        else:
            self.ledger.refuse(number, said.reason, most if said.may_cost else Cost())
        async with self._changed:
            self._changed.notify_all()
        return said

    def _fits(self, most: Cost) -> bool:
        due = self.ledger.spent + most
        return due.tokens <= self._budget.tokens and due.usd <= self._budget.usd

    def _refuse_beyond_budget(self, most: Cost) -> None:
        if not self._fits(most):
            spent = self.ledger.spent
            raise UserError(
                f"the budget is spent: ${spent.usd:.4f} of ${self._budget.usd:.4f} and {spent.tokens:,} of "
                f"{self._budget.tokens:,} tokens, and the next call may take ${most.usd:.4f} and {most.tokens:,} "
                "tokens; what was answered is kept: raise `budget`, and run the same command again"
            )

    def _charge(self, model: Model, number: int, reply: str, most: Cost) -> None:
        """By what the server says that it used; where it says nothing that can be, by what it may cost at most."""
        try:
            usage = json.loads(reply)["usage"]
            used = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
        except (ValueError, KeyError, TypeError, OverflowError):
            return
        if not all(0 <= tokens <= MOST_TOKENS for tokens in used):
            return
        self.ledger.charge(number, *used, model.usd(*used))
        if sum(used) > most.tokens and not self._has_warned:
            self._has_warned = True
            tqdm.write(
                f"warning: a call took {sum(used):,} tokens, and {most.tokens:,} were set aside for it: raise "
                f"image_tokens of models.{self.step}, or the budget may be passed",
                file=sys.stderr,
            )

    def _end_where_nothing_answers(self, model: Model, said: Refusal) -> None:
        """Raises UserError where asking on would not help."""
        place = self._place(model)
        if said.way_out and said.status is not None and said.status not in ROW_AT_FAULT:
            mend = WAYS_OUT.get(said.status, said.way_out)
            raise UserError(f"{place} refuses: {said.reason}; {mend}, {AGAIN}")
        if self._silent[model] >= max(MIN_SILENT_CALLS, self._corpus.concurrency):
            raise UserError(
                f"{place} does not answer: {self._silent[model]} calls in a row had no reply, the last: {said.reason}; "
                f"mend that, {AGAIN}"
            )

    def _end_where_nothing_is_of_use(self, model: Model, detail: str) -> None:
        """Raises UserError where a model, asked anew, has said nothing of use so often that it hardly will."""
        self._useless[model] += 1
        if model not in self._of_use and self._useless[model] >= MIN_SILENT_CALLS:
            raise UserError(
                f"{self._place(model)} says nothing of use: {self._useless[model]} calls in a row had {ATTEMPTS} "
                f"replies each that are none of what was asked for, the last: {detail}; mend that, or take another "
                f"model, {AGAIN}"
            )

    def _place(self, model: Model) -> str:
        return f"'{model.name}' at {self._endpoints[model].public()['address']}"


def _parsed(reply: str, shape: type[BaseModel]) -> BaseModel:
    """What a raw reply says; RecordError where it is not of the shape."""
    try:
        choice = json.loads(reply)["choices"][0]
        content = str(choice["message"]["content"])
        if choice.get("finish_reason") == "length":
            raise RecordError("reply", "cut off", "longer than max_output_tokens")
        return shape.model_validate_json(content.rpartition(CLOSE_THINK)[2])
    except ValidationError as error:
        raise RecordError("reply", "not of the schema", " ".join(first_fault(error))) from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise RecordError("reply", "no chat completion", f"{type(error).__name__}: {error}") from None
