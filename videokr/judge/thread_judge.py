"""A judge for evaluation: asked one answer at a time, from as many threads as there are."""

import asyncio
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from videokr.judge.async_judge import AsyncJudge, JudgeError, make_async_judge
from videokr.judge.cache import VerdictCache
from videokr.judge.limits import Limits
from videokr.judge.settings import Settings, read_settings
from videokr.judge.verdict import Judgement


class ThreadJudge:
    """Hands what threads ask to one event loop, in a thread of its own that ends with the process.

    Args:
        cache: None keeps nothing on disk.
    """

    def __init__(self, settings: Settings, cache: VerdictCache | None, limits: Limits):
        self.model = settings.model
        self._settings, self._cache, self._limits = settings, cache, limits

    def grade(self, question: str, gold: str, answer: str) -> Judgement:
        """Grades one final answer. A judge that cannot be asked, or says anything but 1 or 0, gives no verdict.

        Raises:
            UserError: the cache cannot be read or written.
        """
        loop, judge = self._started
        try:
            return asyncio.run_coroutine_threadsafe(judge.grade(question, gold, answer), loop).result()
        except JudgeError as error:
            return Judgement(None, str(error))

    @cached_property
    def _started(self) -> tuple[asyncio.AbstractEventLoop, AsyncJudge]:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="judge", daemon=True).start()
        return loop, make_async_judge(self._settings, self._cache, self._limits)


def from_env(environment: Mapping[str, str]) -> ThreadJudge | None:
    """The judge that the environment configures; None where it is off or there are no credentials.

    Args:
        environment: see `read_settings` and `Limits.from_env`; JUDGE_CACHE is the folder of its verdicts.

    Raises:
        UserError: a setting is unknown or out of its range, the judge is required and not configured, or its cache
            cannot be used.
    """
    settings = read_settings(environment)
    if settings is None:
        return None
    folder = environment.get("JUDGE_CACHE", "").strip()
    return ThreadJudge(settings, VerdictCache(Path(folder)) if folder else None, Limits.from_env(environment))
