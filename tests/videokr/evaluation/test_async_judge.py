"""The asynchronous judge and its cache, against a small HTTP server on the loopback."""

import asyncio
import json
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checkout import ROOT

pytest.importorskip("openai")

from judge_endpoint import KEY, Endpoint, completion, environment

from videokr.errors import UserError
from videokr.evaluation.judge import Judge, JudgeError, VerdictCache, judge_from_env
from videokr.evaluation.judge_settings import Limits, Settings, read_settings, require_settings
from videokr.evaluation.rubric import PUBLISHED, Rubric
from videokr.response import Kind


def settings_of(endpoint: Endpoint, **more: str) -> Settings:
    return require_settings(environment(endpoint, **more), "the test")


def judge_of(
    endpoint: Endpoint, folder: Path | None = None, concurrency: int = 4, seconds: float = 10.0, **more: str
) -> Judge:
    cache = VerdictCache(folder) if folder else None
    return Judge(settings_of(endpoint, **more), cache, Limits(concurrency, seconds=seconds))


def grade(
    judge: Judge, *cases: tuple[str, str, str] | tuple[str, str, str, Rubric], strict: bool = True
) -> list[bool | BaseException | None]:
    """The verdicts of cases that are graded at once; faults in their places where it is not strict."""

    async def run() -> list[bool | BaseException | None]:
        graded = await asyncio.gather(*(judge.grade(*case) for case in cases), return_exceptions=not strict)
        return list(graded)

    return asyncio.run(run())


def fault(judge: Judge, case: tuple[str, str, str] = ("What?", "a rod", "a bar")) -> JudgeError:
    (raised,) = grade(judge, case, strict=False)
    assert isinstance(raised, JudgeError)
    return raised


def kept(folder: Path) -> str:
    """Everything below a folder, in one text."""
    return "".join(path.read_text() for path in sorted(folder.rglob("*")) if path.is_file())


CASE = ("What?", "a rod", "the rod")


@pytest.mark.parametrize(("reply", "correct"), [("1", True), ("0", False), (" 1\n", True)])
def test_verdicts_and_what_is_asked(endpoint, reply, correct):
    endpoint.replies = [reply]
    assert grade(judge_of(endpoint, MODEL_VERSION="mine"), CASE) == [correct]
    (asked,) = endpoint.requests
    assert (asked["model"], asked["temperature"]) == ("mine", 0)
    assert json.loads(asked["messages"][1]["content"])["candidate_answer"] == "the rod"


def test_azure_asks_its_deployment(endpoint):
    address = f"http://127.0.0.1:{endpoint.server_address[1]}"
    azure = {"API_TYPE": "azure", "AZURE_API_KEY": KEY, "AZURE_ENDPOINT": address, "API_VERSION": "2025-01-01"}
    settings = read_settings(azure)
    assert settings is not None
    assert grade(Judge(settings, None), CASE) == [True]
    assert endpoint.requests[0]["path"] == "/openai/deployments/gpt-4o/chat/completions?api-version=2025-01-01"


def test_evaluation_and_reward_ask_the_same(endpoint):
    shared = judge_from_env(environment(endpoint))
    assert shared is not None and shared.grade(*CASE) is True
    grade(judge_of(endpoint), CASE)
    one, other = endpoint.requests
    assert [one[name] for name in ("model", "temperature", "messages")] == [
        other[name] for name in ("model", "temperature", "messages")
    ]


def test_no_more_requests_at_once_than_allowed(endpoint):
    endpoint.replies = [0.1]
    cases = [("What?", "a rod", f"answer {number}") for number in range(12)]
    started = time.monotonic()
    assert grade(judge_of(endpoint, concurrency=3), *cases) == [True] * 12
    assert endpoint.most_at_once == 3 and len(endpoint.requests) == 12
    assert time.monotonic() - started < 1.1  # and no fewer: one by one would take 1.2 s


def test_the_same_at_once_is_asked_once(endpoint):
    endpoint.replies = [0.2]
    assert grade(judge_of(endpoint), *[CASE] * 8, ("What?", "a rod", "another")) == [True] * 9
    assert len(endpoint.requests) == 2


def test_the_same_at_once_fails_together_and_may_be_asked_again(endpoint):
    endpoint.replies = ["hm", "hm", "hm", "1"]
    judge = judge_of(endpoint)

    async def run() -> None:
        failed = await asyncio.gather(*(judge.grade(*CASE) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in failed] == [JudgeError] * 3
        assert await judge.grade(*CASE) is True

    asyncio.run(run())
    assert len(endpoint.requests) == 4


def test_who_gives_up_does_not_take_the_verdict_from_the_others(endpoint):
    endpoint.replies = [0.3]
    judge = judge_of(endpoint)

    async def run() -> None:
        first, second = (asyncio.create_task(judge.grade(*CASE)) for _ in range(2))
        await asyncio.sleep(0.1)
        first.cancel()
        assert await second is True

    asyncio.run(run())
    assert len(endpoint.requests) == 1


IN_ANOTHER_PROCESS = """
import asyncio, os, sys
from pathlib import Path
from videokr.evaluation.judge import Judge, VerdictCache
from videokr.evaluation.judge_settings import require_settings
judge = Judge(require_settings(os.environ, "the test"), VerdictCache(Path(sys.argv[1])))
async def grade():
    for number in range(int(sys.argv[2])):
        print(await judge.grade("What?", "a rod", f"the rod {number}"), flush=True)
asyncio.run(grade())
"""


def start_another_process(endpoint: Endpoint, folder: Path, cases: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(folder), str(cases)]
    return subprocess.Popen(command, cwd=ROOT, env=environment(endpoint), stdout=subprocess.PIPE, text=True)


def test_a_verdict_costs_no_second_request_in_no_process(endpoint, tmp_path):
    endpoint.replies = ["1", "0"]
    cases = [("What?", "a rod", f"the rod {number}") for number in range(2)]
    judge = judge_of(endpoint, tmp_path / "new" / "cache", concurrency=1)
    for _ in range(2):  # one after the other: of two at once, either may be asked first
        assert [verdict for case in cases for verdict in grade(judge, case)] == [True, False]
    other = start_another_process(endpoint, tmp_path / "new" / "cache", cases=2)
    assert other.communicate()[0].split() == ["True", "False"] and other.returncode == 0
    assert len(endpoint.requests) == 2


def test_many_processes_and_a_kill_leave_the_cache_whole(endpoint, tmp_path):
    endpoint.replies = [0.01]
    running = [start_another_process(endpoint, tmp_path, cases=60) for _ in range(3)]
    assert running[0].stdout is not None
    for _ in range(5):
        running[0].stdout.readline()
    running[0].send_signal(signal.SIGKILL)
    running[0].communicate()
    for other in running[1:]:
        assert other.communicate()[0].split() == ["True"] * 60 and other.returncode == 0
    for path in tmp_path.rglob("*.json"):
        assert json.loads(path.read_text())["key"] == path.stem
    assert len(list(tmp_path.rglob("*.json"))) == 60


OTHERS = [{"MODEL_VERSION": "other"}, ("Who?", *CASE[1:]), ("What?", "b", CASE[2]), (*CASE[:2], "c"), "instruction"]


@pytest.mark.parametrize("other", OTHERS)
def test_another_case_is_asked_anew(endpoint, tmp_path, other):
    grade(judge_of(endpoint, tmp_path), CASE)
    more = other if isinstance(other, dict) else {}
    case = {"instruction": (*CASE, PUBLISHED[Kind.OPEN_ENDED])}.get(
        str(other), other if isinstance(other, tuple) else CASE
    )
    grade(judge_of(endpoint, tmp_path, **more), case)
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:40],
        lambda text: text.replace("true", "1"),
        lambda text: "[1]",
        lambda _: "\0",
    ],
)
def test_a_broken_cache_file_is_reported_and_made_again(endpoint, tmp_path, capsys, damage):
    grade(judge_of(endpoint, tmp_path), CASE)
    (path,) = tmp_path.rglob("*.json")
    whole = path.read_text()
    path.write_text(damage(whole))
    assert grade(judge_of(endpoint, tmp_path), CASE) == [True]
    assert f"'{path}' is broken" in capsys.readouterr().err
    assert path.read_text() == whole and len(endpoint.requests) == 2


def test_a_verdict_under_a_foreign_name_is_none(endpoint, tmp_path, capsys):
    grade(judge_of(endpoint, tmp_path), CASE)
    (path,) = tmp_path.rglob("*.json")
    other = "0" * len(path.stem)
    (tmp_path / "00").mkdir(exist_ok=True)
    path.rename(tmp_path / "00" / f"{other}.json")
    assert VerdictCache(tmp_path).read(other) is None and "is broken" in capsys.readouterr().err


def test_a_folder_that_cannot_be_used_is_named(endpoint, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"judge cache '.*file.*judge_cache"):
        VerdictCache(tmp_path / "file" / "cache")
    judge = judge_of(endpoint, tmp_path / "cache")
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").write_text("")
    with pytest.raises(UserError, match=r"judge cache '.*cache.*Not a directory"):
        grade(judge, CASE)


@pytest.mark.parametrize("trouble", [429, 500, 503])
def test_trouble_that_passes_is_waited_for(endpoint, trouble):
    endpoint.replies = [trouble, "0"]
    assert grade(judge_of(endpoint), CASE) == [False]
    assert len(endpoint.requests) == 2


def test_a_slow_answer_is_asked_for_again(endpoint):
    endpoint.replies = [1.0, "1"]
    judge = Judge(settings_of(endpoint), limits=Limits(request_seconds=0.3, seconds=10.0))
    assert grade(judge, CASE) == [True]
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(("trouble", "why"), [(429, "status 429"), (500, "status 500"), (5.0, "")])
def test_the_time_limit_holds_over_all_retries(endpoint, trouble, why):
    endpoint.replies = [trouble]
    started = time.monotonic()
    said = str(fault(judge_of(endpoint, seconds=0.7)))
    assert "no verdict within 0.7 s" in said or "APITimeoutError" in said
    assert why in said
    assert time.monotonic() - started < 2.0


def test_the_time_of_a_verdict_begins_when_its_turn_has_come(endpoint):
    endpoint.replies = [0.3]
    cases = [("What?", "a rod", f"answer {number}") for number in range(4)]
    assert grade(judge_of(endpoint, concurrency=1, seconds=0.8), *cases) == [True] * 4


FAILURES = [
    *("1.", "10", "yes", "", "Score: 1"),
    *(400, 401, 404, 5.0),
    *(b"", b"1", b"\xff", b'{"choices": "x"}'),
    *(completion(None), {"choices": []}, {"choices": [{}]}, {"id": "c"}),
]


@pytest.mark.parametrize("reply", FAILURES)
def test_a_failure_is_raised_and_never_kept(endpoint, tmp_path, reply):
    endpoint.replies = [reply]
    raised = fault(judge_of(endpoint, tmp_path / "cache", seconds=1.0))
    assert not kept(tmp_path)
    assert len(str(raised)) < 600 and "\n" not in str(raised)
    assert not isinstance(raised, UserError)
    copy = pickle.loads(pickle.dumps(raised))  # it leaves a worker process
    assert type(copy) is JudgeError and str(copy) == str(raised)
    endpoint.replies = ["1"]
    assert grade(judge_of(endpoint, tmp_path / "cache"), CASE) == [True]


@pytest.mark.parametrize("reply", [400, 401, f"I was given {KEY}", "1", {"choices": [{"message": {"content": KEY}}]}])
def test_the_key_is_in_no_message_and_not_in_the_cache(endpoint, tmp_path, capsys, caplog, reply):
    endpoint.replies = [reply]
    judge = judge_of(endpoint, tmp_path / "cache")
    (said,) = grade(judge, CASE, strict=False)
    if isinstance(said, JudgeError):
        assert KEY not in str(said) and said.__context__ is None and said.__cause__ is None
    assert KEY not in kept(tmp_path) + "".join(capsys.readouterr()) + caplog.text
    assert KEY not in repr(settings_of(endpoint))


def test_a_password_in_the_address_is_not_in_the_cache(endpoint, tmp_path):
    address = f"http://me:pass-word@127.0.0.1:{endpoint.server_address[1]}/v1"
    grade(judge_of(endpoint, tmp_path, OPENAI_BASE_URL=address), CASE)
    assert "the rod" in kept(tmp_path) and "pass-word" not in kept(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the reward asks a judge, and there is none: set OPENAI_API_KEY"),
        ({"API_TYPE": "azure"}, "AZURE_API_KEY and AZURE_ENDPOINT"),
        ({"OPENAI_API_KEY": KEY, "VIDEOKR_USE_VLM_JUDGE": "0"}, "leave VIDEOKR_USE_VLM_JUDGE unset"),
        ({"OPENAI_API_KEY": KEY, "VIDEOKR_USE_VLM_JUDGE": "maybe"}, "VIDEOKR_USE_VLM_JUDGE='maybe'"),
        ({"OPENAI_API_KEY": KEY, "API_TYPE": "other"}, "API_TYPE='other'"),
    ],
)
def test_where_there_is_no_going_on_without_a_judge(given, message):
    with pytest.raises(UserError, match=message) as caught:
        require_settings(given, "the reward")
    assert KEY not in str(caught.value)
