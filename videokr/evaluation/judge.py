"""A language model that says whether an open answer matches the gold one; for evaluation and for the GRPO reward.

Any OpenAI-compatible endpoint is asked: see videokr/evaluation/judge_client.py.
"""

import asyncio
import hashlib
import json
import os
import sys
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from videokr.errors import UserError
from videokr.evaluation.judge_client import JudgeClient, Refusal, Reply
from videokr.evaluation.judge_settings import Limits, Settings, read_settings
from videokr.evaluation.rubric import OURS, Rubric, digest

MAX_RETRIES = 8  # of the client: pauses of half a second, doubled up to 8, or what the server asks for
MAX_GARBAGE = 3  # replies that are no verdict; a model that says so three times does not know what it is asked for
TRIAL_SECONDS, TRIAL_RETRIES = 20.0, 1


class JudgeError(Exception):
    """A judge that gave no verdict: the answer is neither right nor wrong. Its text is short and without the key."""


def check_judge(settings: Settings, way_out: str = "set VIDEOKR_USE_VLM_JUDGE=0", rubric: Rubric = OURS) -> Settings:
    """Asks whether 1 + 1 is 2, so that a wrong address, key or model is found before anything is generated.

    A fault that may pass, such as an overloaded server, is printed.

    Args:
        way_out: what to do without the judge, as the error names it.
        rubric: that the run grades by, whose way to read a reply counts.

    Returns:
        The settings, without a temperature where the model refuses one.

    Raises:
        UserError: the endpoint cannot be reached, refuses for good, or gives no verdict.
    """
    client = JudgeClient(settings, TRIAL_SECONDS, TRIAL_RETRIES)

    async def ask() -> Reply | Refusal:
        async with client.openai:
            return await client.ask(rubric.request(settings.model, "1 + 1?", "2", "2"))

    said = asyncio.run(ask())
    fault = mend = ""
    if isinstance(said, Reply):
        if rubric.verdict(said.text) is None:
            shown = said.fault or repr(client.shown(said.text or "(nothing)"))
            fault, mend = f"answers {shown} where 1 or 0 was asked for", "correct its address or MODEL_VERSION"
    elif said.way_out:
        fault, mend = f"cannot be used: {said.reason}", said.way_out
    else:
        print(f"warning: the judge '{settings.model}' did not answer a trial question: {said.reason}", file=sys.stderr)
    if fault:
        raise UserError(f"the judge '{settings.model}' at {settings.public()['address']} {fault}; {mend}, or {way_out}")
    return replace(settings, takes_temperature=client.takes_temperature)


class VerdictCache:
    """Verdicts below one folder, so that no case is paid for twice; as many processes as there are may share it.

    A small file a verdict, renamed into its place: that is whole or has not happened, whoever is killed, on a network
    folder, too, which the nodes of one run share.

    Raises:
        UserError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(f"judge cache '{folder}' cannot be written: give another folder (judge_cache)")

    def read(self, key: str) -> bool | None:
        """The verdict; None where there is none yet. A file that is broken counts as none, and is reported.

        Raises:
            UserError: a file is there and cannot be read.
        """
        path = self._path(key)
        try:
            kept = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        except ValueError:
            kept = None
        correct = kept.get("correct") if isinstance(kept, dict) and kept.get("key") == key else None
        if isinstance(correct, bool):
            return correct
        print(f"judge cache: '{path}' is broken; its case is asked again", file=sys.stderr, flush=True)
        return None

    def write(self, key: str, correct: bool, **case: str) -> None:
        """Keeps a verdict, in place of what is there.

        Args:
            case: what was asked, for whoever looks into the folder; without the address, which may hold a password.
        """
        path = self._path(key)
        aside = path.with_name(f".{uuid.uuid4().hex}.partial")
        try:
            path.parent.mkdir(exist_ok=True)
            aside.write_text(json.dumps({"key": key, "correct": correct, **case}), encoding="ascii")
            aside.replace(path)
        except OSError as error:
            raise self._unusable(error) from None

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def _unusable(self, error: OSError) -> UserError:
        place = error.filename or self.folder
        return UserError(f"judge cache '{place}': {error.strerror}: mend that, or give another folder (judge_cache)")


class Judge:
    """Asks from one event loop.

    Args:
        cache: None keeps nothing on disk.
    """

    def __init__(self, settings: Settings, cache: VerdictCache | None = None, limits: Limits | None = None):
        self.model, self._cache, self._limits = settings.model, cache, limits or Limits()
        self._client = JudgeClient(settings, min(self._limits.seconds, self._limits.request_seconds), MAX_RETRIES)
        self._places = asyncio.Semaphore(self._limits.concurrency)
        self._answered = 0
        self._in_flight: dict[str, asyncio.Task[bool]] = {}

    async def grade(self, question: str, gold: str, answer: str, rubric: Rubric = OURS) -> bool:
        """Whether one final answer is right; one that is being graded already is not asked again.

        Raises:
            JudgeError: the judge cannot be asked, is out of time, or gives no verdict.
            UserError: the cache cannot be read or written.
        """
        parts = [self.model, str(self._client.openai.base_url), digest(rubric), question, gold, answer]
        # Escaped, so that a text that is no whole Unicode (half a surrogate pair) has a key, too.
        key = hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()
        task = self._in_flight.get(key)
        if task is None:
            task = self._in_flight[key] = asyncio.create_task(self._grade(key, question, gold, answer, rubric))
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)  # who gives up does not take the verdict from those who wait for the same

    def _forget(self, key: str, done: asyncio.Task[bool]) -> None:
        del self._in_flight[key]
        if not done.cancelled():
            done.exception()  # seen, even where nobody waits for it any more

    async def _grade(self, key: str, question: str, gold: str, answer: str, rubric: Rubric) -> bool:
        correct = await asyncio.to_thread(self._cache.read, key) if self._cache else None
        if correct is None:
            async with self._places:
                correct = await self._ask(question, gold, answer, rubric)
            if self._cache:
                case = {"model": self.model, "question": question, "gold": gold, "answer": answer}
                await asyncio.to_thread(lambda cache: cache.write(key, correct, **case), self._cache)
        return correct

    async def _ask(self, question: str, gold: str, answer: str, rubric: Rubric) -> bool:
        reason = ""
        try:
            async with asyncio.timeout(self._limits.seconds):
                for _ in range(MAX_GARBAGE):
                    if self._answered == self._limits.max_requests:
                        reason = f"the {self._answered} requests that it may be asked are spent"
                        break
                    self._answered += 1
                    said = await self._client.ask(rubric.request(self.model, question, gold, answer))
                    if isinstance(said, Refusal):
                        reason = said.reason
                        break
                    correct = rubric.verdict(said.text)
                    if correct is not None:
                        return correct
                    shown = said.fault or repr(self._client.shown(said.text or ""))
                    reason = f"it answers {shown} where 1 or 0 was asked for"
        except TimeoutError:
            met = self._client.trouble
            reason = f"no verdict within {self._limits.seconds:g} s{f'; the last refusal had {met}' if met else ''}"
        # Raised here, so that the error carries no other one, whose text may hold the key.
        raise JudgeError(f"the judge '{self.model}': {reason}")


class ThreadJudge:
    """Hands what threads ask to one event loop, in a thread of its own that ends with the process; see `Judge`."""

    def __init__(self, settings: Settings, cache: VerdictCache | None, limits: Limits):
        self._given = settings, cache, limits

    def grade(self, question: str, gold: str, answer: str) -> bool:
        loop, judge = self._started
        return asyncio.run_coroutine_threadsafe(judge.grade(question, gold, answer), loop).result()

    @cached_property
    def _started(self) -> tuple[asyncio.AbstractEventLoop, Judge]:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="judge", daemon=True).start()
        return loop, Judge(*self._given)


def judge_from_env(environment: Mapping[str, str]) -> ThreadJudge | None:
    """The judge that the environment configures; None where it is off or there are no credentials.

    Args:
        environment: see `read_settings` and `Limits.from_env`, which raise UserError; JUDGE_CACHE is the folder of its
            verdicts.
    """
    settings = read_settings(environment)
    if settings is None:
        return None
    folder = environment.get("JUDGE_CACHE", "").strip()
    return ThreadJudge(settings, VerdictCache(Path(folder)) if folder else None, Limits.from_env(environment))
