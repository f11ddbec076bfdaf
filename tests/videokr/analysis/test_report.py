"""`videokr report`: what the page and the Markdown say, that nothing in them runs, and how a browser shows it."""

import html
import io
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import pytest

pytest.importorskip("av")

import av
import numpy as np
from chromium import NAMES, find_chromium, started
from hypothesis import given
from hypothesis import strategies as st
from odd_clips import shape, write_clips

from videokr.__main__ import main as videokr
from videokr.analysis.report import command
from videokr.analysis.report.breakdown import breakdowns, probe_table
from videokr.analysis.report.figures import NOTHING
from videokr.analysis.report.page import spread_over
from videokr.analysis.report.run_set import card_table, read_run_set
from videokr.analysis.report.scores import published_table, verdict_table
from videokr.budget import EVAL_BUDGET
from videokr.dialogue import SYSTEM, build_call_turn, build_observation
from videokr.errors import UserError
from videokr.evaluation.answered import Answered, write_answers
from videokr.evaluation.benchmarks import COLUMNS, MEANS, PUBLISHED
from videokr.evaluation.card import RunCard
from videokr.evaluation.run import answers_path
from videokr.evaluation.verdict import Verdict
from videokr.example import Example
from videokr.page.document import ENVIRONMENT, excerpt, fair_length, page_bytes, raw, readable
from videokr.page.markdown import escaped
from videokr.page.sheet import FRAMES, NoSheet, Sheet, make_sheet, planned_seconds
from videokr.page.table import Tone
from videokr.prompt import prompt_digest
from videokr.response import Kind, build_response
from videokr.video.frame_plan import VideoHeader
from videokr.video.timeline import read_header

R, W, U, N, F = Verdict.RIGHT, Verdict.WRONG, Verdict.UNPARSED, Verdict.UNSCORED, Verdict.JUDGE_FAILED
MEGABYTE = 1_000_000
MINUS = "\u2212"
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'|<!--&amp;]]>"
FPS = 10


def draw(path, seconds=4.0, side=64, noise=False):
    """Frames that get lighter evenly, from black to white; or noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = round(seconds * FPS)
    generator = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "20"})
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for index in range(frames):
            grey = np.full((side, side, 3), 255 * index // max(1, frames - 1), np.uint8)
            pixels = generator.integers(0, 256, grey.shape, np.uint8) if noise else grey
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("clips") / "grey.mp4")


def answered(verdict, number=0, task="videokr_eval", video="missing.mp4", **more):
    """Open-ended where only a judge could tell, else multiple choice with gold answer B."""
    is_open = verdict in (N, F) or more.get("judge_reply") is not None
    answer = {U: None, R: "B", W: "C"}.get(verdict, "four")
    example = Example(
        id=f"{task}-{number}",
        question=f"Question {number}?",
        options=() if is_open else ("up", "down", "left", "right"),
        kind=Kind.OPEN_ENDED if is_open else Kind.MULTIPLE_CHOICE,
        answer="4" if is_open else "B",
        rationale=None,
        videos=(str(video),),
        groups=more.pop("groups", {}),
    )
    example = replace(example, **{name: more.pop(name) for name in ("id", "question", "options") if name in more})
    response = more.pop("response", build_response("It moves.", answer) if answer else "I think it")
    return Answered(task, example, response, verdict, answer, more.pop("judge_reply", None), 100, 10)


def card(**more):
    plain = RunCard(
        model="/models/deep/inside/My-Model",
        model_fingerprint="f" * 64,
        model_revision=None,
        backend="vllm",
        prompt_sha256=prompt_digest(),
        budget=EVAL_BUDGET,
        max_model_len=32_768,
        generation="",
        probe=None,
        extractor="videokr",
        judge=None,
        seed=0,
        data={},
        versions={"python": "3.11.4"},
    )
    return replace(plain, **more)


def write_run(folder, answers, available=None, **more):
    """A run's folder.

    Args:
        answers: of every task in any order.
        available: how many questions each task has, where not all were asked.
    """
    tasks = {one.task: [other for other in answers if other.task == one.task] for one in answers}
    data = {}
    for task, asked in tasks.items():
        write_answers(asked, answers_path(folder, task))
        data[task] = {"questions": len(asked), "sha256": "a" * 64} | ({"available": available} if available else {})
    card(**({"data": data} | more)).write(folder)
    return folder


def many(verdicts, task="videokr_eval", start=0, **more):
    """One question a verdict, each about a video of its own."""
    return [
        answered(verdict, number, task, f"{number}.mp4", **more) for number, verdict in enumerate(verdicts, start=start)
    ]


def report(*arguments):
    assert videokr(["report", *map(str, arguments)]) == 0


def rows(table):
    return {
        (section.title, row.label): [cell.text for cell in row.cells]
        for section in table.sections
        for row in section.rows
    }


# Scores


def test_our_row_stands_beside_the_published_ones(tmp_path):
    answers = many([R] * 30 + [W] * 70, "videokr_eval") + many([R] * 60 + [U] * 40, "videokr_mmvu")
    run_set = read_run_set([write_run(tmp_path / "ours", answers)], mixed=False)
    table = published_table(run_set)
    found = rows(table)
    for model, scores in PUBLISHED.items():
        assert found["Published, 128 frames", model] == [f"{scores[name]:.1f}" for name in COLUMNS]
    ours = dict(zip(COLUMNS, found[None, "ours"], strict=True))
    assert (ours["videokr_eval"], ours["videokr_mmvu"], ours["videokr_mvbench"]) == ("30.0", "60.0", NOTHING)
    against = dict(zip(COLUMNS, found[None, "against VideoKR-Qwen3-VL-8B"], strict=True))
    assert (against["videokr_eval"], against["videokr_mmvu"]) == (f"{MINUS}15.3", f"{MINUS}4.8")
    (row,) = [row for row in table.sections[1].rows if row.label.startswith("against")]
    tones = dict(zip(COLUMNS, [cell.tone for cell in row.cells], strict=True))
    assert tones["videokr_eval"] is Tone.WORSE and tones["videokr_mmvu"] is Tone.PLAIN
    low, high = dict(zip(COLUMNS, found[None, "95% interval"], strict=True))["videokr_eval"].split(" to ")
    assert float(low) < 30 < float(high) < 45.3


def test_what_is_unscored_gives_bounds_everywhere(tmp_path):
    run = write_run(tmp_path / "ours", many([R] * 4 + [W] * 3 + [N] * 2 + [F]))
    run_set = read_run_set([run], mixed=False)
    scores = dict(zip(COLUMNS, rows(published_table(run_set))[None, "ours"], strict=True))
    assert scores["videokr_eval"] == "40.0 to 70.0"
    against = dict(zip(COLUMNS, rows(published_table(run_set))[None, "against VideoKR-Qwen3-VL-8B"], strict=True))
    assert against["videokr_eval"] == f"{MINUS}5.3 to +24.7"
    assert rows(verdict_table(run_set))[None, "VideoKR-Eval"][:7] == ["10", "4", "3", "0", "2", "1", "40.0 to 70.0"]
    report(run)
    page, markdown = (run / "report.html").read_text("utf-8"), (run / "report.md").read_text("utf-8")
    assert "40.0 to 70.0" in page and "40.0 to 70.0" in markdown
    assert "Two numbers" in page and 'class="open"' in page


def test_looks_with_the_crop_tool_stand_under_the_table(tmp_path):
    looked = build_call_turn("There.", [(1.0, 2.0)]) + f"\nuser\n{build_observation([(1.0, 2.0)])}\nassistant\n"
    said = looked + build_response("It moves.", "B")
    answers = [answered(R, 0, response=said), answered(R, 1)]
    run_set = read_run_set([write_run(tmp_path / "tool", answers, system_prompt=SYSTEM)], mixed=False)
    assert "tool, VideoKR-Eval: Looked again: 50.0%; calls 1, read 100.0%." in verdict_table(run_set).notes
    assert rows(card_table(run_set))[None, "system prompt"] == ["tells of the crop tool"]


def test_a_mean_needs_all_of_its_benchmarks(tmp_path):
    answers = [one for task in MEANS["Knowledge"] for one in many([R, W, W, W], task)]
    run_set = read_run_set([write_run(tmp_path / "ours", answers + many([R], "videokr_mvbench"))], mixed=False)
    table = published_table(run_set)
    ours = dict(zip(COLUMNS, rows(table)[None, "ours"], strict=True))
    assert (ours["Knowledge"], ours["General"]) == ("25.0", NOTHING)
    assert "ours: no mean of General without Video-MME, LongVideoBench." in table.notes


def test_a_part_of_a_benchmark_is_marked(tmp_path):
    run_set = read_run_set([write_run(tmp_path / "ours", many([R, W]), available=2_000)], mixed=False)
    found = rows(published_table(run_set))
    assert dict(zip(COLUMNS, found[None, "ours"], strict=True))["videokr_eval"] == "† 50.0"
    assert dict(zip(COLUMNS, found[None, "questions"], strict=True))["videokr_eval"] == "2 of 2,000"


def test_a_run_that_was_asked_more_tells_that_the_other_is_a_part(tmp_path):
    runs = [write_run(tmp_path / name, many([R] * number)) for name, number in (("a", 5), ("b", 9))]
    found = published_table(read_run_set(runs, mixed=False)).sections
    assert [section.rows[-1].cells[COLUMNS.index("videokr_eval")].text for section in found[1:]] == ["5 of 9", "9"]


def test_tracks_are_one_benchmark_and_others_have_a_table_of_their_own(tmp_path, capsys):
    answers = many([R, W], "videokr_videommmu_perception") + many([R, R], "videokr_videommmu_adaptation")
    answers += many([R, W, R, R], "videokr_videommmu_comprehension")
    run = write_run(tmp_path / "ours", answers + many([R], "videokr_mlvu") + many([W], "theirs"))
    run_set = read_run_set([run], mixed=False)
    assert dict(zip(COLUMNS, rows(published_table(run_set))[None, "ours"], strict=True))["videokr_videommmu"] == (
        "75.0"
    )
    (track,) = breakdowns(run_set)["videokr_videommmu"]
    assert [track.rpartition("_")[2] for track in track.values] == ["adaptation", "comprehension", "perception"]
    report(run)
    assert "Other benchmarks" in (run / "report.md").read_text("utf-8")
    assert "| Run | MLVU | theirs |" in (run / "report.md").read_text("utf-8")


def test_a_benchmark_without_one_of_its_tracks_is_marked(tmp_path):
    answers = many([R, W], "videokr_videommmu_perception") + many([R, R], "videokr_videommmu_adaptation")
    found = rows(published_table(read_run_set([write_run(tmp_path / "ours", answers)], mixed=False)))
    place = COLUMNS.index("videokr_videommmu")
    assert found[None, "ours"][place] == "\u2020 75.0" and found[None, "questions"][place] == "4, no comprehension"


# Several runs


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"prompt_sha256": "0" * 64}, "prompt_sha256"),
        ({"system_prompt": "Be brief."}, 'system_prompt: null and "Be brief."'),
        ({"budget": EVAL_BUDGET.bounded(max_frames=64)}, "max_frames: 128 and 64"),
    ],
)
def test_runs_that_were_asked_differently_are_refused(change, named, tmp_path):
    first, second = write_run(tmp_path / "a", many([R])), write_run(tmp_path / "b", many([W]), **change)
    with pytest.raises(UserError, match=f"(?s){re.escape(named)}.*--mixed") as refused:
        report(first, second)
    assert "\n" not in str(refused.value) and not (first / "report.html").exists()
    report(first, second, "--mixed")
    assert "Not comparable: run 2" in (first / "report.html").read_text("utf-8")
    assert "Not comparable: b" in (first / "report.md").read_text("utf-8")


def test_what_else_differs_is_said(tmp_path):
    first = write_run(tmp_path / "a", many([R]))
    second = write_run(tmp_path / "b", many([W]), generation="temperature=1", versions={"python": "3.12.1"})
    report(first, second)
    page = (first / "report.html").read_text("utf-8")
    assert "Run 2: other than run 1 in generation; see the run cards." in page
    assert "generation ≠" in page and "python ≠" in page and "seed ≠" not in page


def test_runs_that_read_proxies_and_originals_say_so(tmp_path):
    first = write_run(tmp_path / "a", many([R]), videos={"fast": True, "proxies": False})
    second = write_run(tmp_path / "b", many([W]), videos={"fast": True, "proxies": True})
    third = write_run(tmp_path / "c", many([W]), videos={"fast": False, "proxies": False})
    fourth = write_run(tmp_path / "d", many([W]))
    report(first, second)
    page = (first / "report.html").read_text("utf-8")
    assert "Run 2: other than run 1 in videos; see the run cards." in page and "videos ≠" in page
    (row,) = [row for row in card_table(read_run_set([first, second, third, fourth], mixed=False)).sections[0].rows
              if row.label == "videos ≠"]  # fmt: skip
    shown = ["originals", "proxies where there are any", "originals, fast path off", NOTHING]
    assert [cell.text for cell in row.cells] == shown


def test_probes_say_how_much_of_the_score_needs_the_video(tmp_path):
    whole = write_run(tmp_path / "whole", many([R] * 8 + [W] * 2))
    blind = write_run(tmp_path / "blind", many([R] * 3 + [W] * 6 + [N]), probe="blind")
    other = write_run(tmp_path / "other", many([R]), probe="single", model_fingerprint="e" * 64)
    run_set = read_run_set([whole, blind, other], mixed=False)
    table = probe_table(run_set)
    assert table.columns == ["blind", "single"]
    found = rows(table)
    title = "VideoKR-Eval, whole"
    # The question without a verdict is multiple choice in the one and open in the other: it is left out.
    assert [found[title, row][0] for row in ("whole video", "probe", "needs the video", "questions")] == [
        "88.9",
        "33.3",
        "+55.6",
        "9 (2 left out)",
    ]
    assert found[title, "share of the score"] == ["62.5%", NOTHING]
    assert any("other has no run of the same model" in note for note in table.notes)
    assert [row for _, row in rows(published_table(run_set)) if row in ("blind", "other")] == []


def test_a_swapped_video_is_named_and_is_no_other_question(tmp_path):
    whole = write_run(tmp_path / "whole", many([R, W]))
    swapped = [replace(one, example=replace(one.example, videos=("0.mp4",))) for one in many([R, W])]
    data = {"videokr_eval": {"questions": 2, "sha256": "b" * 64}}
    report(whole, write_run(tmp_path / "swapped", swapped, probe="swapped", data=data))
    page = (whole / "report.html").read_text("utf-8")
    assert page.count("<article") == 2 and page.count("Was shown </b><bdi>0.mp4") == 1
    assert "other than run 1" not in page and "+0.0" not in page


def test_a_probe_alone_is_still_a_page(tmp_path):
    run = write_run(tmp_path / "blind", many([R, W]), probe="blind")
    report(run)
    assert "probe: blind" in (run / "report.html").read_text("utf-8")


def test_runs_of_one_name_are_told_apart_without_their_folders(tmp_path):
    runs = [write_run(tmp_path / name / "run", many([R])) for name in "ab"]
    assert [view.label for view in read_run_set(runs, mixed=False).views] == ["run", "run (2)"]


def test_breakdowns_are_sorted_and_leave_nothing_out(tmp_path):
    lengths = [("900-3600", R), ("8-15", W), ("60-600", W)]
    by_length = [answered(v, i, groups={"duration_bucket": b}) for i, (b, v) in enumerate(lengths)]
    subjects = [("Art", W), ("Physics", R), ("", R)]
    by_subject = [
        answered(v, i, "videokr_mmvu", groups={"subject": s} if s else {}) for i, (s, v) in enumerate(subjects)
    ]
    found = breakdowns(read_run_set([write_run(tmp_path / "ours", by_length + by_subject)], mixed=False))
    assert list(found["videokr_eval"][0].values) == ["8-15", "60-600", "900-3600"]
    (by,) = found["videokr_mmvu"]
    assert list(by.values) == ["Physics", "Art", "(not given)"]


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere"], "is no folder"),
        (["empty"], "holds no run_card.json"),
        (["ours", "ours/../ours"], "given twice"),
        (["ours", "--examples", "-1"], "at least 0"),
        (["ours", "--output", "x.md"], "two names"),
        (["ours", "--output", "empty"], "is there, and no file"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(arguments, named, tmp_path):
    write_run(tmp_path / "ours", many([R]))
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-m", "videokr", "report", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ") and named in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".html", ".partial")]


# What stands in the page is text


class Structure(HTMLParser):
    """The elements of a page, its attributes, and its text outside style and script."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.text, self._raw = [], [], "", False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        self._raw = tag in ("style", "script")

    def handle_endtag(self, tag):
        self._raw = False

    def handle_data(self, data):
        self.text += "" if self._raw else data


@given(st.text())
def test_a_text_is_read_back_as_it_is(text):
    shown = Structure(ENVIRONMENT.from_string('<p title="{{ text }}">{{ text }}</p>').render(text=text))
    assert shown.text == readable(text)
    ((_, title),) = shown.attributes
    assert title == readable(text)


def test_what_no_page_can_hold_is_replaced():
    assert readable("a\x00b\x1bc\ud800d\r\ne") == "a\ufffdb\ufffdc\ufffdd\ne"
    assert readable("a\n\tb ü 漢") == "a\n\tb ü 漢"


def test_a_script_cannot_be_ended_from_within():
    with pytest.raises(ValueError, match="cannot stand"):
        raw("'</script>'")


@pytest.fixture
def hostile(tmp_path, clip):
    """Two runs in which everything that a model, a judge or a dataset says is an attack."""
    video = tmp_path / "videos" / "<img src=x onerror=window.hacked=1>.mp4"
    video.parent.mkdir()
    shutil.copy(clip, video)
    groups = {"subject": HOSTILE, "source": "a|b"}
    options = (HOSTILE, "down", "left", "right")
    answers = [
        answered(W, 1, video=video, groups=groups, question=HOSTILE, options=options, response=HOSTILE, id=HOSTILE),
        replace(answered(R, 2, video=video, judge_reply=HOSTILE), answer=HOSTILE, response=f"{HOSTILE}\x00"),
        answered(R, 3, video=tmp_path / "none" / f"{HOSTILE.replace('/', '')}.mp4", groups={"subject": "x"}),
    ]
    judge = {"model": HOSTILE, "address": HOSTILE, "instruction_sha256": HOSTILE}
    texts = {
        "model": HOSTILE,
        "generation": HOSTILE,
        "backend": HOSTILE,
        "judge": judge,
        "versions": {HOSTILE: HOSTILE},
    }
    first = write_run(tmp_path / "<b>a", answers, **texts)
    second = write_run(tmp_path / "<b>b", answers[:1], **(texts | {"generation": "", "probe": HOSTILE}))
    return [first, second]


def test_nothing_that_is_said_becomes_part_of_the_page(hostile, tmp_path):
    report(*hostile, "--output", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    structure = Structure(page)
    assert structure.elements.count("script") == 1 and "img" not in structure.elements and "b" in structure.elements
    names = {name for name, _ in structure.attributes}
    assert not [name for name in names if name.startswith("on")] and "style" not in names and "src" not in names
    assert {value[0] for name, value in structure.attributes if name == "href"} == {"#"}
    assert "window.hacked=1</script><img" not in page
    assert structure.text.count(HOSTILE) > 10  # it is shown, as text


def test_the_markdown_is_text_too(hostile, tmp_path):
    report(*hostile, "--output", tmp_path / "report.html")
    markdown = (tmp_path / "report.md").read_text("utf-8")
    assert "<" not in markdown
    tables = [block.splitlines() for block in markdown.split("\n\n") if block.startswith("|")]
    assert len(tables) >= 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1, table[0]
    assert escaped("a|b *c* _d_ [e](f) `g` <h> &amp;\n- i") == (
        r"a\|b \*c\* \_d\_ \[e\](f) \`g\` &lt;h&gt; &amp;amp; - i"
    )
    assert escaped("- a") == r"\- a" and escaped("https://b.c") == r"https:\//b.c"


def test_no_folder_of_this_machine_is_in_the_page(tmp_path, clip):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    answers = [answered(R, 1, video=clip), answered(W, 2, video=tmp_path / "gone.mp4"), answered(W, 3, video=broken)]
    run = write_run(tmp_path / "ours", answers)
    report(run)
    for name in ("report.html", "report.md"):
        text = (run / name).read_text("utf-8")
        assert not [folder for folder in (str(tmp_path), str(clip.parent), "deep/inside") if folder in text]
    assert "My-Model" in (run / "report.html").read_text("utf-8")


def test_the_same_runs_make_the_same_bytes(tmp_path, clip):
    run = write_run(tmp_path / "ours", [answered(R, number, video=clip) for number in range(3)])
    report(run, "--output", tmp_path / "1.html")
    report(run, "--output", tmp_path / "2.html")
    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()


# Examples


def test_an_example_shows_everything_that_was_said(tmp_path, clip):
    first = write_run(
        tmp_path / "a",
        [
            answered(R, 1, video=clip, groups={"subject": "Physics"}),
            answered(W, 2, video=clip, judge_reply="INCORRECT 3"),
        ],
    )
    second = write_run(tmp_path / "b", [answered(U, 1, video=clip, response="<think>cut off")])
    report(first, second)
    page = (first / "report.html").read_text("utf-8")
    cards = re.findall(r"<article.*?</article>", page, re.DOTALL)
    assert len(cards) == 2
    text = [Structure(found).text for found in cards]
    assert all(
        said in text[0] for said in ("Question 1?", "It moves.", "Physics", "<think>cut off", "none could be read")
    )
    assert "Reasoning" in text[0] and "Response" in text[0] and "100 prompt tokens, 10 response tokens" in text[0]
    assert re.findall(r'data-verdict="(\w+)"', cards[0]) == ["right", "unparsed"]
    assert "INCORRECT 3" in text[1] and "Gold answer" in text[1]
    assert re.search(r'<li class="gold"><bdi>down</bdi><span class="correct">correct</span><span class="key', cards[0])
    assert page.count("background-image") == 1  # one video, one sheet


def test_the_examples_may_be_bounded_and_the_page_says_so(tmp_path, capsys):
    run = write_run(tmp_path / "ours", many([R] * 20))
    report(run, "--examples", 5, "--no-sheets")
    page = (run / "report.html").read_text("utf-8")
    assert page.count("<article") == 5 and "5 of 20 questions, evenly over all; 15 are left out" in page
    assert "5 of 20 questions" in capsys.readouterr().out
    report(run, "--examples", 0, "--no-sheets")
    assert "<article" not in (run / "report.html").read_text("utf-8")


def test_a_bound_takes_evenly_from_all():
    assert spread_over(range(10), 3) == [0, 3, 6]
    assert spread_over(range(3), 10) == [0, 1, 2]


@given(st.lists(st.integers(0, 1_000), min_size=1), st.integers(0, 20_000))
def test_short_texts_stay_whole_and_all_fit(lengths, total):
    cut = fair_length(lengths, total)
    if cut is None:
        assert sum(lengths) <= total
    else:
        assert sum(min(length, cut) for length in lengths) <= total < sum(lengths)


@given(st.text(), st.integers(0, 100))
def test_an_excerpt_is_as_short_as_asked(text, most):
    found = excerpt(text, most)
    assert found == text or page_bytes(text) > most


# Contact sheets


def test_a_sheet_shows_planned_frames_at_their_times(clip):
    from PIL import Image

    sheet = make_sheet(clip, EVAL_BUDGET, 10_000)
    assert isinstance(sheet, Sheet) and len(sheet.seconds) == FRAMES
    assert sheet.seconds[0] == 0 and sheet.seconds[-1] == pytest.approx(3.9)
    assert list(sheet.seconds) == pytest.approx(planned_seconds(read_header(clip), EVAL_BUDGET), abs=0.5 / FPS)
    picture = np.asarray(Image.open(io.BytesIO(sheet.picture)).convert("L"))
    assert picture.shape == (sheet.height, sheet.width)
    width = (sheet.width + 2) // FRAMES
    greys = [picture[:, place * width + 10 : place * width + width - 12].mean() for place in range(FRAMES)]
    assert greys == pytest.approx([255 * seconds / 3.9 for seconds in sheet.seconds], abs=8)


def test_a_sheet_shows_the_frames_that_a_budget_even_in_time_asks_for():
    """At 0, 1, 2 and 3 seconds the first, third, third and fourth frame are on the screen."""
    header = VideoHeader(4, 1.0, 64, 64, times_ms=(0, 100, 200, 3_000))
    assert planned_seconds(header, EVAL_BUDGET) == [0.0, 0.1, 0.2, 3.0]
    assert planned_seconds(header, replace(EVAL_BUDGET, sampling="time")) == [0.0, 0.2, 3.0]


def test_every_shape_of_file_has_a_sheet(tmp_path):
    write_clips(tmp_path / "odd", 24, progress=False)
    for path in (tmp_path / "odd" / "videos").iterdir():
        sheet = make_sheet(path, EVAL_BUDGET, 10_000)
        assert isinstance(sheet, Sheet), (path, sheet)
        made = shape(int(path.stem))
        is_wide = (made.width > made.height) != made.turned
        each = sheet.width / len(sheet.seconds)
        assert (each > sheet.height) == is_wide or made.width == made.height, made
        assert sorted(set(sheet.seconds)) == list(sheet.seconds)


def test_a_sheet_is_as_small_as_asked(tmp_path):
    noise = draw(tmp_path / "noise.mp4", noise=True)
    sizes = [len(make_sheet(noise, EVAL_BUDGET, most).picture) for most in (12_000, 5_000, 2_500)]
    assert sizes[0] <= 12_000 and sizes[1] <= 5_000 and sizes[2] <= 2_500


def test_a_video_of_one_frame_has_a_sheet(tmp_path):
    sheet = make_sheet(draw(tmp_path / "one.mp4", seconds=0.1), EVAL_BUDGET, 10_000)
    assert isinstance(sheet, Sheet) and sheet.seconds == (0.0,)


def test_missing_and_broken_videos_are_said_and_counted(tmp_path, clip, capsys):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes()[:300])
    found = make_sheet(broken, EVAL_BUDGET, 10_000)
    assert isinstance(found, NoSheet) and str(tmp_path) not in found.reason
    answers = [answered(R, 1, video=clip), answered(W, 2, video=tmp_path / "gone.mp4"), answered(W, 3, video=broken)]
    run = write_run(tmp_path / "ours", answers)
    report(run)
    assert "2 of 3 videos without a contact sheet" in capsys.readouterr().out
    text = Structure((run / "report.html").read_text("utf-8")).text
    assert "gone.mp4: no frames, the video is not there" in text
    assert "broken.mp4: no frames, the video cannot be decoded" in text


def test_a_page_without_sheets_decodes_nothing(tmp_path, clip, monkeypatch):
    monkeypatch.setattr("videokr.analysis.report.command.make_sheets", None)
    run = write_run(tmp_path / "ours", [answered(R, 1, video=clip)])
    report(run, "--no-sheets")
    page = (run / "report.html").read_text("utf-8")
    assert "background-image" not in page and "grey.mp4" in page


def test_a_page_of_2000_examples_is_below_15_megabytes(tmp_path, monkeypatch):
    """Long responses, and as many different videos of noise as examples; a tenth of all, as each has its part."""
    assert (command.EXAMPLES, command.PAGE_BYTES) == (2_000, 14.5 * MEGABYTE)
    monkeypatch.setattr(command, "EXAMPLES", 200)
    monkeypatch.setattr(command, "PAGE_BYTES", 1.45 * MEGABYTE)
    first = draw(tmp_path / "videos" / "noise.mp4", seconds=0.6, side=64, noise=True)
    videos = [tmp_path / "videos" / f"{number}.mp4" for number in range(200)]
    for video in videos:
        video.hardlink_to(first)
    long = build_response('It <moves> & "turns". ' * 1_000, "B")
    answers = [answered(R, number, video=video, response=long) for number, video in enumerate(videos)]
    run = write_run(tmp_path / "ours", answers)
    report(run)
    page = run / "report.html"
    assert 1.0 * MEGABYTE < page.stat().st_size < 1.5 * MEGABYTE
    text = page.read_text("utf-8")
    assert text.count("<article") == text.count("background-image") == 200
    assert "characters left out" in text


# In a browser

in_chromium = pytest.mark.skipif(
    find_chromium() is None,
    reason=f"no Chromium: none of {', '.join(NAMES)} is installed; the page was seen by no browser",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with started(tmp_path_factory.mktemp("chromium")) as tab:
        yield tab


@pytest.fixture(scope="module")
def shown(tmp_path_factory, clip):
    """A page of two runs and a probe: 12 questions, of which the second run was asked six."""
    folder = tmp_path_factory.mktemp("shown")
    verdicts = [R, W, U, N, F, R, W, W, R, R, W, U]
    first = [
        answered(verdict, number, video=clip, groups={"subject": "Physics" if number % 2 else "Art & Law: a=b"})
        for number, verdict in enumerate(verdicts)
    ]
    second = [replace(one, verdict=W, answer="A") if one.example.options else one for one in first[:6]]
    runs = [
        write_run(folder / "a", first),
        write_run(folder / "b", second, model_fingerprint="e" * 64),
        write_run(folder / "blind", [replace(one, verdict=W) for one in first if one.example.options], probe="blind"),
    ]
    report(*runs, "--output", folder / "report.html")
    return (folder / "report.html").as_uri()


VISIBLE = "[...document.querySelectorAll('.case')].filter(one => one.checkVisibility()).map(one => +one.id.slice(1))"


def colours(browser, path):
    """How many different colours are on the screen, and its commonest."""
    from PIL import Image

    browser.picture(path)
    pixels = Image.open(path).convert("RGB").getcolors(1 << 24)
    return len(pixels), max(pixels)[1]


@in_chromium
@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", range(1, 13)),
        ("#verdict=unparsed&run=1", [3, 12]),
        ("#verdict=unscored", [4]),
        ("#verdict=judge_failed", [5]),
        ("#verdict=wrong&run=2", [1, 2, 3, 6]),
        ("#verdict=disagree&run=2", [1, 3, 6]),
        ("#run=2", [1, 2, 3, 4, 5, 6]),
        ("#group=subject:Physics", [2, 4, 6, 8, 10, 12]),
        ("#group=subject:Art+%26+Law:+a%3Db&verdict=right", [1, 9]),
        ("#group=kind:open-ended", [4, 5]),
        ("#text=question+11%3F", [12]),
        ("#text=QUESTION+nowhere", []),
        ("#benchmark=videokr_eval", range(1, 13)),
        ("#benchmark=another", []),
        ("#cards", range(1, 13)),
    ],
)
def test_filters_hide_what_they_should(browser, shown, fragment, expected):
    browser.open(shown + fragment)
    assert browser.value(VISIBLE) == list(expected)
    assert browser.value("document.querySelector('output').textContent") == f"{len(list(expected))} of 12 examples"
    assert not browser.complaints


@in_chromium
def test_the_page_asks_for_nothing_but_itself(browser, shown):
    browser.open(shown)
    browser.value("document.querySelector('#examples').scrollIntoView()")
    assert {address.partition(":")[0] for address in browser.requests} <= {"file", "data"}
    assert len([address for address in browser.requests if address.startswith("file:")]) == 1


@in_chromium
def test_fields_and_counts_lead_to_examples(browser, shown):
    browser.open(shown)
    browser.value(
        "(() => { const field = document.forms[0].elements.verdict; field.value = 'unparsed';"
        " field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    browser.value("new Promise(resolve => setTimeout(resolve, 100))")
    assert browser.value(VISIBLE) == [3, 12]
    assert browser.value("location.hash") == "#verdict=unparsed"
    browser.value("document.querySelector('[data-shows*=\"judge_failed\"] a').click()")
    browser.value("new Promise(resolve => setTimeout(resolve, 100))")
    assert browser.value(VISIBLE) == [5]
    assert browser.value("document.forms[0].elements.verdict.value") == "judge_failed"
    browser.value("document.querySelector('button[type=reset]').click()")
    browser.value("new Promise(resolve => setTimeout(resolve, 100))")
    assert browser.value(VISIBLE) == list(range(1, 13)) and not browser.complaints


@in_chromium
def test_a_chosen_run_stands_alone(browser, shown):
    browser.open(f"{shown}#run=2")
    runs = "[...document.querySelectorAll('.said')].filter(one => one.checkVisibility()).map(one => one.dataset.run)"
    assert set(browser.value(runs)) == {"2"}


@in_chromium
def test_without_scripts_everything_is_there_but_the_filters(browser, shown, tmp_path):
    browser.open(shown, scripts=False)
    assert colours(browser, tmp_path / "top.png")[0] > 50
    assert not browser.value("document.querySelector('#filters').checkVisibility()")
    assert browser.value(VISIBLE) == list(range(1, 13))
    assert browser.value("document.querySelectorAll('main table').length") > 4
    assert not browser.complaints


@in_chromium
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_can_be_read_at_any_width_by_day_and_night(browser, shown, width, dark, tmp_path):
    browser.open(shown, width=width, dark=dark)
    number, paper = colours(browser, tmp_path / "screen.png")
    assert number > 50 and (max(paper) < 60 if dark else min(paper) > 240)
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")  # no scrolling sideways
    browser.open(f"{shown}#verdict=right", width=width, dark=dark)
    assert browser.value("Math.abs(document.querySelector('#examples').getBoundingClientRect().top) < 100")
    assert colours(browser, tmp_path / "examples.png")[0] > 50 and not browser.complaints


@in_chromium
def test_a_sheet_is_seen(browser, shown, tmp_path):
    from PIL import Image

    browser.open(f"{shown}#verdict=right")
    browser.value("document.querySelector('.case:not([hidden]) .strip').scrollIntoView({block: 'center'})")
    browser.value("new Promise(resolve => setTimeout(resolve, 200))")
    place = browser.value(
        "(box => [box.x, box.y, box.right, box.bottom])"
        "(document.querySelector('.case:not([hidden]) .strip').getBoundingClientRect().toJSON())"
    )
    browser.picture(tmp_path / "sheet.png")
    greys = np.asarray(Image.open(tmp_path / "sheet.png").convert("L").crop([round(side) for side in place]))
    assert place[2] - place[0] > 300 and greys[:, :20].mean() < 40 and greys[:, -20:].mean() > 215


@in_chromium
def test_nothing_that_is_said_runs(browser, hostile, tmp_path):
    report(*hostile, "--output", tmp_path / "report.html")
    for fragment in ("", "#text=" + html.escape("<img src=x onerror=window.hacked=1>"), "#group=subject:" + HOSTILE):
        browser.open((tmp_path / "report.html").as_uri() + fragment)
        assert browser.value("window.hacked") is None
        assert browser.value("document.querySelectorAll('.case').length") == 3
        assert not browser.complaints and all(address.startswith(("file:", "data:")) for address in browser.requests)


@in_chromium
def test_a_plain_command_line_gets_a_picture(shown, tmp_path):
    """As anybody would take a screenshot, without the protocol of the other tests."""
    from PIL import Image

    subprocess.run(
        [
            find_chromium(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=5000",
            "--window-size=1280,900",
            f"--screenshot={tmp_path / 'screen.png'}",
            shown,
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert len(Image.open(tmp_path / "screen.png").convert("RGB").getcolors(1 << 24)) > 50
