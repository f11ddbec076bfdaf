"""A judge for the reward: asked from one event loop, limited in requests at once and in time, with a cache on disk."""

import asyncio
import math
import time
from typing import TYPE_CHECKING

from videokr.judge.cache import Case, VerdictCache
from videokr.judge.instruction import build_request
from videokr.judge.limits import Limits
from videokr.judge.settings import Settings
from videokr.judge.verdict import Judgement, reply_of, shortened, verdict_of

if TYPE_CHECKING:
    import openai

# Half a second, doubled up to 8: about 40 s in all, so that what fails at once fails with its own reason, within the
# usual time limit.
MAX_RETRIES, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 8, 0.5, 8.0
MAX_GARBAGE = 3  # replies that are no verdict; a model that says so three times does not know what it is asked for


class JudgeError(Exception):
    """A judge that gave no verdict: the answer is neither right nor wrong. Its text is short and without the key."""


class AsyncJudge:
    """Asks an OpenAI-compatible endpoint, from one event loop.

    Args:
        client: the official asynchronous client, without retries of its own.
        model: the model's (for Azure the deployment's) name.
        secret: taken out of everything that is kept or shown.
        cache: None keeps nothing on disk.
    """

    def __init__(
        self,
        client: "openai.AsyncOpenAI",
        model: str,
        secret: str,
        cache: VerdictCache | None = None,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
    ):
        self.model, self.address = model, str(client.base_url)
        self._client, self._secret, self._cache, self._limits = client, secret, cache, limits
        self._places = asyncio.Semaphore(limits.concurrency)
        self._requests = 0
        self._in_flight: dict[str, asyncio.Task[Judgement]] = {}

    async def grade(self, question: str, gold: str, answer: str) -> Judgement:
        """Grades one final answer; one that is being graded already is not asked again.

        Returns:
            A verdict, always: `correct` is not None.

        Raises:
            JudgeError: the judge cannot be asked, is out of time, or says anything but 1 or 0.
            UserError: the cache cannot be read or written.
        """
        case = Case(self.model, self.address, question, gold, answer)
        key = case.key
        task = self._in_flight.get(key)
        if task is None:
            task = self._in_flight[key] = asyncio.create_task(self._grade(case))
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)  # who gives up does not take the verdict from those who wait for the same

    def _forget(self, key: str, done: asyncio.Task[Judgement]) -> None:
        del self._in_flight[key]
        if not done.cancelled():
            done.exception()  # seen, even where nobody waits for it any more

    async def _grade(self, case: Case) -> Judgement:
        if self._cache is not None:
            known = await asyncio.to_thread(self._cache.read, case)
            if known is not None:
                return Judgement(known, str(int(known)))
        correct = await self._ask(case)
        if self._cache is not None:
            await asyncio.to_thread(self._cache.write, case, correct)
        return Judgement(correct, str(int(correct)))

    async def _ask(self, case: Case) -> bool:
        import openai

        limits = self._limits
        faults: list[str] = []
        waits = _Waits()
        try:
            async with asyncio.timeout(limits.seconds):
                return await self._ask_again(case, faults, waits)
        except TimeoutError:
            reason = f"no verdict within {limits.seconds:g} s"
            if faults:
                reason += f"; {len(faults)} tries failed, the last with {faults[-1]}"
            if waits.seconds() > limits.seconds / 2:
                reason += (
                    f", {waits.seconds():.0f} of them waiting for one of {limits.concurrency} requests at once to end"
                )
        except (openai.OpenAIError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
        # Raised here, so that the error carries no other one, whose text may hold the key.
        raise JudgeError(f"the judge '{self.model}': {shortened(reason, self._secret)}")

    async def _ask_again(self, case: Case, faults: list[str], waits: "_Waits") -> bool:
        """Asks until there is a verdict. The client's own retries would not tell what they met, if time runs out.

        Args:
            faults: gets what each failed try met.
            waits: gets how long it waited for its turn.
        """
        import openai

        request = build_request(case.model, case.question, case.gold, case.answer)
        pause, garbage = FIRST_PAUSE_SECONDS, 0
        while True:
            waits.begin()
            try:
                async with self._places:
                    waits.end()
                    self._spend_request()
                    reply = reply_of(await self._client.chat.completions.create(**request))
                correct = verdict_of(reply)
                if correct is not None:
                    return correct
                garbage += 1
                faults.append(f"{shortened(reply or '', self._secret)!r} where 1 or 0 was asked for")
                if garbage == MAX_GARBAGE:
                    raise JudgeError(f"the judge '{self.model}' answers {faults[-1]}")
            except ValueError as error:  # a body that is no JSON, as it says it is
                garbage += 1
                faults.append(f"{type(error).__name__}: {error}")
                if garbage == MAX_GARBAGE:
                    raise
            except (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError) as error:
                faults.append(f"{type(error).__name__}: {error}")
                if len(faults) > MAX_RETRIES:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _spend_request(self) -> None:
        if self._requests == self._limits.most_requests:
            raise JudgeError(f"the {self._requests} requests that the judge '{self.model}' may be asked are spent")
        self._requests += 1


class _Waits:
    """The seconds that one case waited for its turns; the one that it waits for now counts."""

    def __init__(self) -> None:
        self._past, self._since = 0.0, math.nan

    def begin(self) -> None:
        self._since = time.monotonic()

    def end(self) -> None:
        self._past, self._since = self.seconds(), math.nan

    def seconds(self) -> float:
        return self._past + (0.0 if math.isnan(self._since) else time.monotonic() - self._since)


def make_async_judge(
    settings: Settings,
    cache: VerdictCache | None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> AsyncJudge:
    """The judge of these settings, for the event loop that runs."""
    client = settings.make_async_client(timeout=min(limits.seconds, limits.request_seconds), max_retries=0)
    return AsyncJudge(client, settings.model, settings.key, cache, limits)
