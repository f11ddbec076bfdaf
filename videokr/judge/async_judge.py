"""A judge for the reward: asked from one event loop, limited in requests at once and in time, with a cache on disk."""

import asyncio
import time
from typing import TYPE_CHECKING

from videokr.judge.cache import Case, VerdictCache
from videokr.judge.instruction import build_request
from videokr.judge.settings import REQUEST_SECONDS, Settings
from videokr.judge.verdict import Judgement, reply_of, shortened, verdict_of

if TYPE_CHECKING:
    import openai

# Half a second, doubled up to 8: about 40 s in all, so that what fails at once fails with its own reason, within the
# usual time limit.
MAX_RETRIES, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 8, 0.5, 8.0
DEFAULT_CONCURRENCY = 16
DEFAULT_SECONDS = 120.0


class JudgeError(Exception):
    """A judge that gave no verdict: the answer is neither right nor wrong. Its text is short and without the key."""


class AsyncJudge:
    """Asks an OpenAI-compatible endpoint, from one event loop.

    Args:
        client: the official asynchronous client, without retries of its own.
        model: the model's (for Azure the deployment's) name.
        secret: taken out of everything that is kept or shown.
        cache: None keeps nothing on disk.
        concurrency: requests at once, at least 1.
        seconds: time limit of one `grade` in all, its wait for its turn and its retries included.
    """

    def __init__(
        self,
        client: "openai.AsyncOpenAI",
        model: str,
        secret: str,
        cache: VerdictCache | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        seconds: float = DEFAULT_SECONDS,
    ):
        self.model, self.address = model, str(client.base_url)
        self._client, self._secret, self._cache = client, secret, cache
        self._places = asyncio.Semaphore(concurrency)
        self._concurrency, self._seconds = concurrency, seconds
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
        reply = await self._ask(case)
        correct = verdict_of(reply)
        if correct is None:
            said = shortened(reply or "", self._secret)
            raise JudgeError(f"the judge '{self.model}' answers {said!r} where 1 or 0 was asked for")
        if self._cache is not None:
            await asyncio.to_thread(self._cache.write, case, correct)
        return Judgement(correct, shortened(reply or "", self._secret))

    async def _ask(self, case: Case) -> str | None:
        import openai

        started, waited = time.monotonic(), self._seconds
        faults: list[str] = []
        try:
            async with asyncio.timeout(self._seconds), self._places:
                waited = time.monotonic() - started
                return await self._ask_again(case, faults)
        except TimeoutError:
            reason = f"no verdict within {self._seconds:g} s"
            if faults:
                reason += f"; {len(faults)} tries failed, the last with {faults[-1]}"
            if waited > self._seconds / 2:
                reason += f", {waited:.0f} of them waiting for one of {self._concurrency} requests at once to end"
        except (openai.OpenAIError, ValueError) as error:  # ValueError: a body that is no JSON, as it says it is
            reason = f"{type(error).__name__}: {error}"
        # Raised here, so that the error carries no other one, whose text may hold the key.
        raise JudgeError(f"the judge '{self.model}': {shortened(reason, self._secret)}")

    async def _ask_again(self, case: Case, faults: list[str]) -> str | None:
        """Asks until there is a reply. The client's own retries would not tell what they met, if time runs out.

        Args:
            faults: gets what each failed try met.
        """
        import openai

        request = build_request(case.model, case.question, case.gold, case.answer)
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return reply_of(await self._client.chat.completions.create(**request))
            except (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError) as error:
                faults.append(f"{type(error).__name__}: {error}")
                if len(faults) > MAX_RETRIES:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def make_async_judge(
    settings: Settings,
    cache: VerdictCache | None,
    concurrency: int = DEFAULT_CONCURRENCY,
    seconds: float = DEFAULT_SECONDS,
) -> AsyncJudge:
    """The judge of these settings, for the event loop that runs."""
    client = settings.make_async_client(timeout=min(seconds, REQUEST_SECONDS), max_retries=0)
    return AsyncJudge(client, settings.model, settings.key, cache, concurrency, seconds)
