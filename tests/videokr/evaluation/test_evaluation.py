"""A run's answers, its card and its summary; two runs compared; a run rescored."""

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from checkout import ROOT
from dialogues import TOLD_IN_XML
from judge_endpoint import environment

from lmms_eval_tasks.results import keep_answers
from videokr.__main__ import main
from videokr.analysis.compare import compare_runs
from videokr.analysis.rescore import EXTRACTORS
from videokr.budget import EVAL_BUDGET
from videokr.dialogue import SYSTEM
from videokr.errors import UserError, exit_status
from videokr.evaluation.answered import Answered, read_answers, write_answers
from videokr.evaluation.benchmarks import COLUMNS, MEANS, PUBLISHED, benchmark_of
from videokr.evaluation.card import (
    CARD_FILE,
    WORTH_SAYING,
    RunCard,
    differences,
    questions_digest,
    read_card,
)
from videokr.evaluation.responses import Generation, ResponseLog, request_key
from videokr.evaluation.run import answers_path, format_run, read_run
from videokr.evaluation.summary import score_of, summarize
from videokr.evaluation.unparsed import unparsed_lines
from videokr.evaluation.verdict import Verdict, score
from videokr.example import parse_example
from videokr.prompt import prompt_digest

CARD = RunCard(
    model="m",
    model_fingerprint="f",
    model_revision=None,
    backend="vllm",
    prompt_sha256=prompt_digest(),
    budget=EVAL_BUDGET,
    max_model_len=2048,
    generation="",
    probe=None,
    extractor="any-form",
    judge=None,
    seed=0,
    data={"videokr_eval": {"questions": 4, "sha256": "d"}},
)


def answered(number: int, verdict: str, kind: str = "choice", task: str = "videokr_eval", **groups: str) -> Answered:
    of_kind = {"options": ["x", "y"], "answer": "B"} if kind == "choice" else {"answer": "a rod"}
    example = parse_example(
        {"id": str(number), "question": "Q?", "video_path": f"{number // 2}.mp4"} | of_kind | groups
    )
    said = {"right": example.answer, "wrong": "A", "unparsed": None, "too_long": None, "missing_video": None}.get(
        verdict, "it"
    )
    response = "no tag" if said is None else f"<think>t</think>\n<answer>{said}</answer>"
    return Answered(task, example, response, Verdict(verdict), said, None, 10, 5)


FIVE = [answered(0, "right", subject="art"), answered(1, "wrong"), answered(2, "unparsed")]
FIVE += [answered(3, "unscored", "open"), answered(4, "judge_failed", "open")]
SEVEN = [*FIVE, answered(5, "too_long"), answered(6, "missing_video", "open")]


def write_run(folder: Path, answers: list[Answered], card: RunCard = CARD) -> Path:
    for task in {one.task for one in answers}:
        write_answers([one for one in answers if one.task == task], answers_path(folder, task))
    card.write(folder)
    return folder


def test_verdicts_are_counted_apart_and_the_bounds_hold_the_unknown():
    summary = summarize(SEVEN)
    overall = summary.overall.to_dict()
    assert {name: overall[name] for name in ("questions", *Verdict)} == {"questions": 7} | dict.fromkeys(Verdict, 1)
    assert overall["accuracy"] is None and overall["standard_error"] is None
    assert (overall["accuracy_lower"], overall["accuracy_upper"]) == (1 / 7, 3 / 7)
    low, high = overall["interval_95"]
    assert low < 1 / 7 and high > 3 / 7
    assert set(summary.by) == {"kind", "subject"}
    assert all(sum(score.questions for score in scores.values()) == 7 for scores in summary.by.values())
    assert score_of(FIVE[:3]).accuracy == 1 / 3


def test_what_was_not_asked_is_not_right_in_its_own_column_and_read_by_no_reader(tmp_path, capsys):
    """Six questions: two right, one wrong, one unparsed, and two that were not asked."""
    not_asked = [answered(5, "too_long"), answered(6, "missing_video")]
    folder = write_run(tmp_path / "a", [*FIVE[:3], answered(7, "right"), *not_asked])
    shown = format_run(read_run(folder)).splitlines()
    assert shown[1].split()[:9] == [
        "questions",
        "right",
        "wrong",
        "unparsed",
        "unscored",
        "judge",
        "failed",
        "too",
        "long",
    ]
    assert shown[2].split()[:10] == ["all", "6", "2", "1", "1", "0", "0", "1", "1", "33.3%"]
    assert "1 questions are too long for the context (MAX_MODEL_LEN): not asked, and not right." in shown
    assert "1 questions have no video (--skip-missing): not asked, and not right." in shown
    assert "too long" not in format_run(read_run(write_run(tmp_path / "b", FIVE)))
    assert main(["rescore", str(folder), "--extractor", "any-letter", "--output", str(tmp_path / "c")]) == 0
    again = read_run(tmp_path / "c").answers["videokr_eval"]
    assert [one.verdict for one in again[-2:]] == ["too_long", "missing_video"]
    assert main(["report", str(folder), "--no-sheets"]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("was not asked") == 2 and "Too long for the context, missing video" in page
    assert "missing video" in (folder / "report.md").read_text(encoding="utf-8")


def test_answers_read_back(tmp_path):
    write_answers(SEVEN, tmp_path / "a.jsonl")
    assert list(read_answers(tmp_path / "a.jsonl")) == SEVEN


# Of 10-20: what is read, the verdict, and the IoU by hand.
SAID_OF_SPANS = [
    ("<think>t</think><answer>from 0:10 to 0:15</answer>", "10-15", "right", 0.5),
    ("<think>t</think><answer>[[16, 30], [10, 14]]</answer>", "10-14, 16-30", "wrong", 8 / 20),
    ("The answer is 10.0 - 20.0 seconds.", "10-20", "right", 1.0),
    ("<think>10-20</think><answer>in the middle</answer>", None, "unparsed", 0.0),
    ("", None, "unparsed", 0.0),
]


def test_spans_are_right_from_half_an_overlap_on_and_the_overlap_stands_beside(tmp_path):
    example = parse_example(
        {"id": "g", "question": "When?", "problem_type": "tvg", "answer": [10, 20], "path": "a.mp4"}
    )
    answers = []
    for response, read, verdict, iou in SAID_OF_SPANS:
        scored = score(example, response, None)
        assert (scored.answer, scored.verdict) == (read, verdict)
        answers.append(Answered("t", example, response, scored.verdict, scored.answer, None, 10, 5))
        assert answers[-1].iou == iou
    write_answers([*answers, FIVE[0]], tmp_path / "a.jsonl")
    assert list(read_answers(tmp_path / "a.jsonl")) == [*answers, FIVE[0]]
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row.get("iou") for row in rows] == [*(iou for *_, iou in SAID_OF_SPANS), None]
    assert [one.is_tagged for one in answers] == [True, True, False, False, False]
    assert any("name no span of time within their tags" in line for line in unparsed_lines(answers))


@pytest.mark.parametrize("damage", [{"verdict": "maybe"}, {"extracted": 3}, {"question": None}])
def test_another_file_is_named_by_its_line(tmp_path, damage):
    write_answers(FIVE, tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | damage)
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    with pytest.raises(UserError, match="line 2: not an answered question"):
        list(read_answers(tmp_path / "a.jsonl"))


def test_a_run_reads_back_and_shows_means_of_whole_sets_only(tmp_path):
    tasks = ["videokr_videommmu_perception", "videokr_videommmu_adaptation", "videokr_mmvu", "videokr_scivideobench"]
    answers = [answered(number, "right", task=task) for task in tasks for number in range(3)]
    run = read_run(write_run(tmp_path / "a", answers))
    assert {name: len(given) for name, given in run.by_benchmark().items()} == {
        "videokr_videommmu": 6, "videokr_mmvu": 3, "videokr_scivideobench": 3,
    }  # fmt: skip
    assert run.means() == {}
    whole = read_run(write_run(tmp_path / "b", [*answers, answered(0, "wrong"), answered(2, "right")]))
    assert whole.means()["Knowledge"][0] == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert "Knowledge: 87.5%" in format_run(whole)
    unknown = read_run(write_run(tmp_path / "c", [*answers, *FIVE]))
    assert unknown.means()["Knowledge"][0] is None and "Knowledge: unknown" in format_run(unknown)


def test_published_means_are_the_means_of_the_published_scores():
    for model, scores in PUBLISHED.items():
        assert list(scores) == list(COLUMNS)
        for mean, names in MEANS.items():
            assert scores[mean] == pytest.approx(sum(scores[name] for name in names) / len(names), abs=0.1), model
    assert benchmark_of("videokr_eval") == "videokr_eval" and benchmark_of("mvbench") is None
    assert benchmark_of("videokr_mvbench_action_count") == "videokr_mvbench"


def test_the_readme_has_the_published_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for model, scores in PUBLISHED.items():
        assert f"| {model} | {' | '.join(map(str, scores.values()))} |" in readme


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(UserError, match="is no folder"):
        read_run(tmp_path / "absent")
    with pytest.raises(UserError, match=CARD_FILE):
        read_run(tmp_path)
    CARD.write(tmp_path)
    with pytest.raises(UserError, match="its run has not ended"):
        read_run(tmp_path)
    (tmp_path / CARD_FILE).write_text('{"model": 1}')
    with pytest.raises(UserError, match="no run card"):
        read_run(tmp_path)


def test_a_card_reads_back_and_says_what_differs(tmp_path):
    CARD.write(tmp_path)
    assert read_card(tmp_path) == CARD
    other = replace(CARD, budget=EVAL_BUDGET.bounded(max_frames=64), probe="blind", model="n")
    assert differences(CARD, other) == ["max_frames: 128 and 64", 'probe: null and "blind"']
    json_calls, xml_calls = (replace(CARD, system_prompt=told) for told in (SYSTEM, TOLD_IN_XML))
    assert differences(json_calls, xml_calls) == [] and len(differences(CARD, xml_calls)) == 1
    asked = replace(CARD, data={"videokr_eval": {"questions": 3, "sha256": "e"}, "videokr_mmvu": {"sha256": "x"}})
    assert differences(CARD, asked, ("data",)) == ["questions of videokr_eval"]
    read = [replace(CARD, videos={"fast": True, "proxies": proxies}) for proxies in (False, True)]
    said = ['videos: {"fast": true, "proxies": false} and {"fast": true, "proxies": true}']
    assert differences(*read) == [] and differences(*read, WORTH_SAYING) == said


def test_a_card_from_before_it_said_how_videos_were_read_is_one(tmp_path):
    CARD.write(tmp_path)
    told = json.loads((tmp_path / CARD_FILE).read_text())
    del told["videos"]
    (tmp_path / CARD_FILE).write_text(json.dumps(told))
    assert read_card(tmp_path) == CARD and CARD.videos is None


@pytest.mark.parametrize("proxies", [True, False])
def test_answers_from_originals_and_from_proxies_are_not_of_one_run(proxies, tmp_path):
    folder = write_run(tmp_path, FIVE, replace(CARD, videos={"fast": True, "proxies": False}))
    keep_answers(folder, tmp_path / "results.json", replace(CARD, data={}, videos={"fast": True, "proxies": proxies}))
    assert answers_path(folder, "videokr_eval").exists() != proxies


def test_questions_are_told_by_what_is_asked_not_by_where_their_videos_lie():
    moved = [replace(one.example, videos=(f"/elsewhere/{one.video}",)) for one in FIVE]
    assert questions_digest(moved) == questions_digest(one.example for one in FIVE)
    assert questions_digest(moved[1:]) != questions_digest(moved)


def test_a_response_is_found_again_and_one_that_was_cut_off_is_not(tmp_path):
    said = Generation("<answer>\u03b1\ud800</answer>\n", 7, 3)
    log = ResponseLog(tmp_path / "r", 0)
    log.add("k", said)
    log.add("l", said)
    path = tmp_path / "r" / "0.jsonl"
    path.write_bytes(path.read_bytes()[:-9])  # killed while it wrote
    again = ResponseLog(tmp_path / "r", 0)
    assert (again.find("k"), again.find("l"), len(again)) == (said, None, 1)
    again.add("m", said)
    assert ResponseLog(tmp_path / "r", 1).find("m") == said  # of all processes


FULL_DISK = """
import resource, sys
from pathlib import Path
from videokr.errors import exit_status
from videokr.evaluation.responses import Generation, ResponseLog
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
log = ResponseLog(Path(sys.argv[1]), 0)
def fill():
    while True:
        log.add(str(len(log)), Generation("x" * 100, 1, 1))
sys.exit(exit_status(fill))
"""


def test_a_full_disk_ends_in_one_line_and_keeps_what_there_is(tmp_path):
    assert resource.RLIMIT_FSIZE is not None
    ran = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True)
    assert ran.returncode == 2 and len(ran.stderr.splitlines()) == 1 and "make room and start again" in ran.stderr
    assert len(ResponseLog(tmp_path, 1)) > 10


def test_a_key_follows_everything(tmp_path):
    video = tmp_path / "v.mp4"
    video.write_bytes(b"1")
    keys = {request_key(asked, [str(video)], kwargs) for asked in ("p", "q") for kwargs in ({"t": 0}, {"t": 1})}
    assert len(keys) == 4 and request_key("p", [str(video)], {"t": 0}) in keys
    video.write_bytes(b"22")
    assert request_key("p", [str(video)], {"t": 0}) not in keys
    with pytest.raises(UserError, match=r"absent\.mp4"):
        request_key("p", [str(tmp_path / "absent.mp4")], {})


def test_two_runs_are_compared_question_by_question(tmp_path, capsys):
    first = [answered(number, "right" if number % 2 else "wrong") for number in range(40)]
    second = [answered(number, "right") for number in range(39)] + [answered(99, "right")]
    second[0] = answered(0, "unscored", "open")
    a, b = write_run(tmp_path / "a", first), write_run(tmp_path / "b", second)
    assert main(["compare", str(a), str(b)]) == 0
    out = capsys.readouterr().out
    # 38 shared: question 0 was another one, 39 and 99 stand alone.
    assert "VideoKR-Eval         38" in out and "+50.0" in out and "4 questions that only one run was asked" in out
    assert main(["compare", str(a), str(b), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["benchmarks"][0]["difference"]
    assert (told["gained"], told["lost"], told["value"]) == (19, 0, 0.5) and told["p_value"] < 0.001
    made = compare_runs(read_run(a), read_run(a))[0]
    assert made.difference is not None and made.difference.value == 0 and made.unpaired == made.unscored == 0


def test_a_question_that_one_run_could_not_ask_is_not_compared(tmp_path):
    first = [answered(0, "right"), answered(1, "wrong"), answered(2, "right")]
    second = [answered(0, "right"), answered(1, "right"), answered(2, "too_long")]
    a, b = (read_run(write_run(tmp_path / name, given)) for name, given in (("a", first), ("b", second)))
    made = compare_runs(a, b)[0]
    assert (made.first, made.second, made.unpaired, made.answered) == (0.5, 1.0, 1, 0.5)


def test_open_questions_are_not_chosen_by_their_outcome(tmp_path):
    """Without a judge an unparsed open answer has a score, and an answered one has none."""
    first = [answered(0, "right"), answered(1, "unparsed", "open"), answered(2, "unscored", "open")]
    second = [answered(0, "right"), answered(1, "unparsed", "open"), answered(2, "unparsed", "open")]
    a, b = (read_run(write_run(tmp_path / name, given)) for name, given in (("a", first), ("b", second)))
    made = compare_runs(a, b)[0]
    assert made.difference is not None and (made.difference.examples, made.unscored) == (1, 2)


def test_runs_asked_in_another_way_are_not_compared_by_accident(tmp_path, capsys):
    a = write_run(tmp_path / "a", FIVE)
    b = write_run(tmp_path / "b", FIVE, replace(CARD, budget=EVAL_BUDGET.bounded(max_frames=16), generation="top_k=1"))
    assert exit_status(lambda: main(["compare", str(a), str(b)])) == 2
    assert "max_frames: 128 and 16" in capsys.readouterr().err
    assert main(["compare", str(a), str(b), "--mixed"]) == 0
    assert 'they also differ in generation: "" and "top_k=1"' in capsys.readouterr().out
    other = write_run(tmp_path / "c", [answered(0, "right", task="videokr_mmvu")])
    assert exit_status(lambda: main(["compare", str(a), str(other)])) == 2
    assert "no benchmark in common" in capsys.readouterr().err


READERS = {  # response: what each reads of a question with four options
    "<think>A or C</think>\n<answer>B</answer>": dict.fromkeys(EXTRACTORS, "B"),
    "<think>A or C</think>\n<answer>(b)</answer>": {
        "any-form": "B", "tagged": "B", "published": "B", "any-letter": "B",
    },
    "<answer>The choice is D</answer>": {
        "any-form": "D", "tagged": "D", "published": "D", "ranked": "D", "any-letter": "D", "first-capital": "D",
    },
    "The answer is B. But a cat": {
        "published": "B", "ranked": "B", "any-letter": "B", "first-capital": "B",
    },
    "A dog jumps": {"published": "A", "ranked": "A", "any-letter": "A", "first-capital": "A"},
    "Because it jumps": {"first-capital": "B"},
    "<think>no end. <answer>C</answer>": {
        "any-form": "C", "tagged": "C", "exact": "C", "published": "C", "ranked": "C", "any-letter": "C",
        "first-capital": "C",
    },
    "<answer>A</answer><answer>C</answer>": {
        "any-form": "C", "tagged": "C", "exact": "A", "published": "A", "ranked": "A", "any-letter": "A",
        "first-capital": "A",
    },
    "<answer>B. red and (C) blue</answer>": {
        "published": "B", "ranked": "B", "any-letter": "B", "first-capital": "B",
    },
    "": {},
    "it is J": {"published": "J"},
    "it is Z": {},
}  # fmt: skip


@pytest.mark.parametrize("name", EXTRACTORS)
@pytest.mark.parametrize("text", ["<answer>", "<think>", "</answer><answer", "(", "A ", "the answer is ", "<think>("])
def test_readers_are_linear(name, text):
    def once(times: int) -> float:
        started = time.process_time()
        EXTRACTORS[name](text * times, ["w", "x"])
        return time.process_time() - started

    def seconds(times: int) -> float:
        return min(once(times) for _ in range(3))  # other work on the machine makes one of them longer

    seconds(10_000)
    assert seconds(40_000) < 8 * max(seconds(10_000), 0.02)  # 16 times, were it quadratic


@pytest.mark.parametrize("response", READERS)
def test_readers(response):
    read = {name: extractor(response, ["w", "x", "y", "z"]) for name, extractor in EXTRACTORS.items()}
    assert {name: letter for name, letter in read.items() if letter} == READERS[response]


def test_open_answers_are_read_in_the_form_that_is_asked_for(tmp_path):
    """As a run with this ANSWER_FORM reads them; a judge's verdict stays where the answer is the same."""
    plain = replace(answered(0, "right", "open"), response="The answer is a rod.")
    judged = replace(answered(1, "right", "open"), answer="it", response="<answer>it</answer>", judge_reply="1")
    other = replace(judged, response="The answer is it.", example=replace(judged.example, id="2"))
    card = replace(CARD, judge={"model": "m"})
    folder = write_run(tmp_path / "a", [plain, judged, other], card)
    assert main(["rescore", str(folder), "--extractor", "tagged", "--output", str(tmp_path / "b")]) == 0
    assert [one.verdict for one in read_run(tmp_path / "b").answers["videokr_eval"]] == [
        "unparsed",
        "right",
        "unparsed",
    ]
    assert main(["rescore", str(tmp_path / "b"), "--extractor", "any-form", "--output", str(tmp_path / "c")]) == 0
    assert [one.verdict for one in read_run(tmp_path / "c").answers["videokr_eval"]] == ["right", "right", "unscored"]
    published = write_run(tmp_path / "d", [judged], replace(card, extractor="published"))
    assert main(["rescore", str(published), "--extractor", "any-form", "--output", str(tmp_path / "e")]) == 0
    made = read_run(tmp_path / "e")
    assert made.card.judge is None and [one.verdict for one in made.answers["videokr_eval"]] == ["unscored"]


def test_a_run_is_read_by_another_reader(tmp_path, capsys):
    sloppy = replace(answered(0, "unparsed"), response="It must be B, I think")
    folder = write_run(tmp_path / "a", [sloppy, answered(1, "right"), answered(2, "unscored", "open")])
    assert main(["rescore", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "VideoKR-Eval (2)" in shown and "50.0%, 1 unparsed" in shown and "50.0 points" in shown
    assert exit_status(lambda: main(["rescore", str(folder), "--extractor", "any-letter"])) == 2
    assert main(["rescore", str(folder), "--extractor", "any-letter", "--output", str(tmp_path / "b")]) == 0
    made = read_run(tmp_path / "b")
    assert made.card.extractor == "any-letter"
    assert [one.verdict for one in made.answers["videokr_eval"]] == ["right", "right", "unscored"]
    assert read_run(folder).card.extractor == "any-form"
    again = ["rescore", str(folder), "--extractor", "exact", "--output", str(tmp_path / "b")]
    assert exit_status(lambda: main(again)) == 2 and "is there already" in capsys.readouterr().err


def test_what_has_no_verdict_is_judged_alone(tmp_path, endpoint, monkeypatch, capsys):
    for name, value in environment(endpoint, JUDGE_SECONDS="2").items():
        monkeypatch.setenv(name, value)
    answers = [answered(0, "wrong"), answered(1, "unscored", "open"), answered(2, "judge_failed", "open")]
    answers[2] = replace(answers[2], answer="something else")
    folder = write_run(tmp_path / "a", [*answers, answered(3, "unparsed", "open")])
    endpoint.replies = ["1", 400]
    assert main(["rescore", str(folder), "--judge", "--output", str(tmp_path / "none")]) == 1
    told = capsys.readouterr()
    assert "Most of them: the judge 'gpt-4o': BadRequestError" in told.out and "no verdict at all" in told.err
    endpoint.replies, endpoint.requests = ["1", "1", 400], []
    assert main(["rescore", str(folder), "--judge"]) == 0
    assert [one.verdict for one in read_run(folder).answers["videokr_eval"]].count("judge_failed") == 1
    assert len(endpoint.requests) == 3  # the trial, and two answers
    endpoint.replies = ["1", "0"]
    assert main(["rescore", str(folder), "--judge"]) == 0
    run = read_run(folder)
    assert sorted(one.verdict for one in run.answers["videokr_eval"]) == ["right", "unparsed", "wrong", "wrong"]
    assert len(endpoint.requests) == 5 and run.card.judge is not None and run.card.judge["model"] == "gpt-4o"
    assert (
        json.loads((folder / "summary.json").read_text())["benchmarks"]["videokr_eval"]["overall"]["accuracy"] == 0.25
    )
    monkeypatch.setenv("MODEL_VERSION", "another")
    assert exit_status(lambda: main(["rescore", str(folder), "--judge"])) == 2
    assert "judged by another judge" in capsys.readouterr().err
    assert main(["rescore", str(folder), "--judge", "--output", str(tmp_path / "b")]) == 0
    assert len(endpoint.requests) == 9  # the trial of each, and all open answers


PUBLISHED_CASES = [  # kind, response, what the published evaluation shows its judge, the judge's reply, right there
    ("choice", "<think>A</think><answer>y</answer><answer>A</answer>", "y", "1", True),
    ("choice", "It is B, <answer> </answer>", "It is B, <answer> </answer>", "Score: 1", True),
    ("choice", "<answer>B</answer>", "B", "0", False),  # not even a clear letter is decided without the judge
    ("open", "<think>t</think>a bar", "<think>t</think>a bar", "no, 10 of 10 would say", True),
    ("open", "<answer>a rod</answer>", "a rod", "wrong", False),  # nor an answer that is the gold one
    ("open", "", "", "<think>1 or 0?</think>0", False),
    ("choice", "<answer>A</answer>", "A", 400, None),
]


def test_the_published_judging_asks_about_everything(tmp_path, endpoint, monkeypatch, capsys):
    for name, value in environment(endpoint).items():
        monkeypatch.setenv(name, value)
    answers = [
        replace(answered(number, "unparsed", kind), response=response)
        for number, (kind, response, *_) in enumerate(PUBLISHED_CASES)
    ]
    asked = {"id": "g", "question": "When?", "problem_type": "tvg", "answer": [10, 20], "path": "a.mp4"}
    spans = Answered("spans", parse_example(asked), "<answer>10-20</answer>", Verdict.RIGHT, "10-20", None, 10, 5)
    answers.append(spans)  # which the publication does not know: they keep their verdict
    folder = write_run(tmp_path / "a", answers)
    replies = {(kind, shown): reply for kind, _, shown, reply, _ in PUBLISHED_CASES}

    def reply(body: dict) -> str | int:
        case = json.loads(body["messages"][1]["content"])
        if case["question"] == "1 + 1?":
            return "1"
        assert body["temperature"] == 1
        kind = {("Q?\nA. x\nB. y", "B"): "choice", ("Q?", "a rod"): "open"}[case["question"], case["gold_answer"]]
        return replies[kind, case["candidate_answer"]]

    endpoint.replies = [reply]
    command = ["rescore", str(folder), "--extractor", "published", "--judge", "--output"]
    assert main([*command, str(tmp_path / "b")]) == 0
    run = read_run(tmp_path / "b")
    expected = {True: "right", False: "wrong", None: "judge_failed"}
    assert run.answers["spans"] == (spans,)
    assert [one.verdict for one in run.answers["videokr_eval"]] == [expected[right] for *_, right in PUBLISHED_CASES]
    assert run.card.extractor == "published" and run.card.judge is not None
    capsys.readouterr()
    asked = len(endpoint.requests)
    assert main([*command, str(tmp_path / "c")]) == 0  # pays for the trial and the failure alone
    assert len(endpoint.requests) == asked + 2
    assert exit_status(lambda: main(["rescore", str(tmp_path / "b"), "--judge"])) == 2  # no mix of the two
    assert "judged by another judge" in capsys.readouterr().err


def test_a_sweep_is_a_table_of_runs_that_differ_in_frames_alone(tmp_path, capsys):
    folders = [
        write_run(
            tmp_path / str(frames),
            [answered(number, "right" if number < right else "too_long") for number in range(8)],
            replace(CARD, budget=EVAL_BUDGET.bounded(max_frames=frames)),
        )
        for frames, right in ((64, 6), (16, 2))
    ]
    assert main(["sweep", *map(str, folders)]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[-2:] == ["16", "64"] and line.index("25.0%") < line.index("75.0%")
    assert line.index("6 not asked") < line.index("2 not asked")
    other = write_run(tmp_path / "o", FIVE, replace(CARD, model_fingerprint="g"))
    assert exit_status(lambda: main(["sweep", str(folders[0]), str(other)])) == 2
    assert "differ in more than frames: model_fingerprint" in capsys.readouterr().err
    assert exit_status(lambda: main(["sweep", str(folders[0]), str(folders[0])])) == 2


@pytest.mark.eval  # an environment with matplotlib
def test_a_sweep_is_drawn(tmp_path):
    folders = [
        write_run(tmp_path / str(frames), FIVE, replace(CARD, budget=EVAL_BUDGET.bounded(max_frames=frames)))
        for frames in (16, 64)
    ]
    assert main(["sweep", *map(str, folders), "--figure", str(tmp_path / "sweep.png")]) == 0
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_runs_of_several_seeds_have_a_mean_and_a_spread(tmp_path, capsys):
    """6, 4 and 5 of 8 right: 62.5%, and (1/8 + 1/8) squared over n - 1 = 2 makes 12.5 points."""
    folders = [
        write_run(
            tmp_path / f"run_{seed}",
            [answered(number, "right" if number < right else "wrong") for number in range(8)],
            replace(CARD, sampling_seed=seed),
        )
        for seed, right in enumerate((6, 4, 5))
    ]
    assert main(["runs", *map(str, folders), "--output", str(tmp_path / "runs.json")]) == 0
    seeds, _, line, _ = capsys.readouterr().out.splitlines()
    assert seeds == "3 runs, seeds 0, 1, 2"
    assert line.split() == ["VideoKR-Eval", "8", "62.5%", "12.50", "points", "50.0%", "75.0%", "6"]
    written = json.loads((tmp_path / "runs.json").read_text(encoding="utf-8"))
    assert written["seeds"] == [0, 1, 2] and written["benchmarks"]["videokr_eval"]["accuracies"] == [
        6 / 8,
        4 / 8,
        5 / 8,
    ]
    one, unknown = (write_run(tmp_path / str(seed), FIVE, replace(CARD, sampling_seed=seed)) for seed in (0, 1))
    assert main(["runs", str(one), str(unknown)]) == 0
    assert "lower bounds, up to 2 questions of a run have no verdict" in capsys.readouterr().out
    other = write_run(tmp_path / "o", FIVE, replace(CARD, sampling_seed=3, generation="temperature=1"))
    for given, says in (
        ([one, other], "more than seed: generation"),
        ([one, one], "same seed: 0, 0"),
        ([one], "two or"),
    ):
        assert exit_status(lambda given=given: main(["runs", *map(str, given)])) == 2
        assert says in capsys.readouterr().err


# The same answers in three forms: as Instruct models give them (two of five without tags), as a Thinking model's prompt
# opens the thinking, and as VideoAuto-R1 boxes them.
FORMS = {
    "instruct": lambda letter, n: (
        f"It shows that.\n\nThe answer is {letter}." if n % 5 < 2 else f"<answer>{letter}</answer>"
    ),
    "thinking": lambda letter, n: f"So A or B? I say C.\n</think>\n\n<answer>{letter}</answer>",
    "boxed": lambda letter, n: f"\\boxed{{A}}<think>Or not A.</think>\\boxed{{{letter}}}",
}


@pytest.mark.parametrize(("form", "tagged"), [("instruct", 0.441), ("thinking", 0.735), ("boxed", 0.0)])
def test_the_same_answers_score_the_same_in_every_form_and_the_tags_are_told_apart(form, tagged):
    """200 questions, 147 of them right."""
    answers = []
    for number in range(200):
        example = parse_example(
            {"id": str(number), "question": "Q?", "options": ["w", "x", "y", "z"], "answer": "D", "video_path": "v.mp4"}
        )
        said = FORMS[form]("D" if number * 147 % 200 < 147 else "B", number)
        scored = score(example, said, None)
        answers.append(Answered("videokr_eval", example, said, scored.verdict, scored.answer, None, 1, 1))
    came_to = score_of(answers)
    assert came_to.accuracy == 0.735 and came_to.tagged == pytest.approx(tagged, abs=0.02)


def test_unparsed_responses_are_told_by_form():
    def one(response: str) -> Answered:
        return replace(answered(2, "unparsed"), response=response)

    said = [one("I cannot tell."), one("Nothing to see."), one("<think>Maybe"), one("<answer>A, B</answer>"), one("")]
    told = "\n".join(unparsed_lines([*said, *[answered(0, "right")] * 20]))
    assert told.startswith("5 of 25 responses have no answer that can be read:\n  2 have no tags, and end without")
    assert "such as 'I cannot tell.'" in told and "1 of other forms" in told
    assert unparsed_lines([one(""), *[answered(0, "right")] * 50]) == []


def test_compare_tells_tags_from_knowledge_and_questions_of_one_text_apart(tmp_path, capsys):
    """Of four questions of one text about four videos, A answers one, and right; B all, and two of them right."""
    example = parse_example({"id": "1", "question": "Q?", "options": ["x", "y"], "answer": "B", "video_path": "0.mp4"})
    examples = [replace(example, videos=(f"{number}.mp4",)) for number in range(4)]
    runs = {"a": ["B", None, None, None], "b": ["B", "B", "A", "A"]}
    for name, said in runs.items():
        verdicts = [Verdict.UNPARSED if s is None else Verdict.RIGHT if s == "B" else Verdict.WRONG for s in said]
        write_run(
            tmp_path / name,
            [
                Answered("videokr_eval", example, f"<answer>{letter or ''}</answer>", verdict, letter, None, 1, 1)
                for example, letter, verdict in zip(examples, said, verdicts, strict=True)
            ],
        )
    (compared,) = compare_runs(read_run(tmp_path / "a"), read_run(tmp_path / "b"))
    assert (compared.first, compared.second, compared.unparsed, compared.answered) == (0.25, 0.5, (3, 0), 0.0)
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert "unparsed A  unparsed B  B - A, answered" in capsys.readouterr().out
