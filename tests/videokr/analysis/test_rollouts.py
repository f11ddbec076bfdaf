"""Why rollouts earned what they did, and whether `videokr explain-rollouts` would see a reward that is hacked."""

import json
import os
import subprocess
import sys
import unicodedata

import pytest
from checkout import ROOT

from videokr.analysis.rollouts.evidence import Check, answers_given, most_repeated_run, opened_blocks
from videokr.analysis.rollouts.report import MEANINGS, WIDTH, as_json, as_text
from videokr.analysis.rollouts.rollout import NoVerdict, explain, find_dumps, read_dump
from videokr.analysis.rollouts.tally import read_tally, window_of
from videokr.dialogue import SYSTEM, CallFault, build_call_turn, build_observation
from videokr.errors import UserError
from videokr.example import Example
from videokr.prompt import INSTRUCTIONS, VIDEO_PLACEHOLDER, build_prompt
from videokr.response import Kind, build_response
from videokr.reward import Accuracy, Reason, score_response

OPTIONS = ("up", "down", "left", "right")
LONG_GOLD = "water boils at one hundred degrees under one atmosphere"


def prompt(options=OPTIONS):
    kind = Kind.MULTIPLE_CHOICE if options else Kind.OPEN_ENDED
    text = build_prompt(Example("1", "Which way does it go?", options, kind, "A", None, ("a.mp4",)))
    return f"system\nYou are a helpful assistant.\nuser\n<0.2 seconds>{text}\nassistant\n"


def row(output, gold="B", options=OPTIONS, uid="one_0_0", score=None, **more):
    """As verl dumps it, scored as the paper has it."""
    if score is None:
        kind = Kind.MULTIPLE_CHOICE if options else Kind.OPEN_ENDED
        score = score_response(output, gold, kind, options or None).score
    given = {"input": prompt(options), "output": output, "gts": f"<answer>{gold}</answer>", "score": score, "step": 1}
    return given | ({} if uid is None else {"uid": uid}) | more


def said(answer, thought="It moves."):
    return build_response(thought, answer)


def write(folder, step, rows, end="\n"):
    folder.mkdir(exist_ok=True)
    path = folder / f"{step}.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + end, encoding="utf-8")
    return path


def explained(tmp_path, row, accuracy=Accuracy.PAPER):
    (rollout,) = read_dump(write(tmp_path / "one", 1, [row]), [])
    return explain(rollout, accuracy)


WHEN = prompt(()).replace(INSTRUCTIONS[Kind.OPEN_ENDED], INSTRUCTIONS[Kind.GROUNDING])
CASES = [
    ("right", row(said("B")), 1.0),
    ("wrong", row(said("A")), 0.0),
    ("no_answer", row("It goes down, so B."), 0.0),
    ("cut_off", row("<think>It goes"), 0.0),
    ("cut_off", row("<think>It goes</think><answer>"), 0.0),
    ("right", row("It goes\n</think>\n\n<answer>B</answer>", input=prompt(OPTIONS) + "<think>\n", score=1.0), 1.0),
    ("cut_off", row("Is it <answer>B</answer>? No", input=prompt(OPTIONS) + "<think>\n", score=0.0), 0.0),
    ("empty_answer", row("<think>It goes</think><answer> </answer>"), 0.0),
    ("special_token", row(said("<|video_pad|><|video_pad|>")), 0.0),
    ("not_an_option", row(said("E")), 0.0),
    ("no_letter", row(said("A, B")), 0.0),
    ("no_letter", row(said("downwards")), 0.0),
    ("wrong", row(said("oxygen"), "hydrogen", ()), 0.0),
    ("partial", row(said("hydrogen"), "hydrogen", ()), 2 / 3),
    ("too_long", row(said("x " * 9_000), "hydrogen", ()), 0.0),
    ("empty_gold", row(said("B"), "", score=0.1), None),
    ("empty_gold", row(said("B"), score=0.1, gts=None), None),
    ("empty_gold", row(said("5"), options=(), score=0.1, gts=" "), None),
    ("bad_gold", row(said("B"), "E", score=0.1), None),
    ("bad_gold", row(said("B"), "down, or up", score=0.1), None),
    ("bad_gold", row(said("5"), options=(), score=0.1, gts="<answer>5"), None),
    ("unknown_prompt", row(said("B"), input="user\nWhich way?\nA. up\nB. down\nassistant\n"), None),
    ("judge_failed", row(said("gas"), "hydrogen", (), score=0.1, acc=0.0, reason="judge_failed"), None),
    ("judged_wrong", row(said("gas"), "hydrogen", (), score=0.1, acc=0.0, reason="judged_wrong"), 0.0),
    ("judged_right", row(said("H2"), "hydrogen", (), score=1.0, acc=1.0, reason="judged_right"), 1.0),
    ("partial", row(said("from 10 to 15"), "10-20", (), input=WHEN, score=0.1 + 0.9 * 0.5), 0.5),
    ("no_span", row(said("15"), "10-20", (), input=WHEN, score=0.1), 0.0),
    ("bad_gold", row(said("10-20"), "never", (), input=WHEN, score=0.1), None),
]


@pytest.mark.parametrize(("reason", "given", "accuracy"), CASES)
def test_every_rollout_has_its_reason(reason, given, accuracy, tmp_path):
    found = explained(tmp_path, given)
    assert found.reason == reason and not found.score_differs
    assert found.accuracy == (accuracy if accuracy is None else pytest.approx(accuracy))
    assert found.is_zero == (not accuracy)


def test_every_reason_of_a_zero_is_put_in_words():
    earning = {Reason.RIGHT, Reason.PARTIAL, Reason.JUDGED_RIGHT}
    assert MEANINGS.keys() >= (set(Reason) | set(NoVerdict)) - earning


def test_the_run_s_own_reward_is_asked(tmp_path):
    given = row(said("5.0 m/s"), "5 m/s", (), score=1.0)
    assert explained(tmp_path, given, Accuracy.TYPED).reason == "right"
    assert not explained(tmp_path, given, Accuracy.TYPED).score_differs
    assert explained(tmp_path, given).score_differs


def test_what_the_dump_says_counts(tmp_path):
    found = explained(tmp_path, row(said("B"), reason="wrong", acc=0.25, format=0.0))
    assert (found.reason, found.accuracy, found.format) == ("wrong", 0.25, 0.0)
    unsaid = explained(tmp_path, row(said("B"), reason=None, acc=None, format=None))
    assert (unsaid.reason, unsaid.accuracy, unsaid.format) == ("right", 1.0, 1.0)


def test_scores_in_float32_are_the_same(tmp_path):
    assert not explained(tmp_path, row(said("A"), score=0.10000000149011612)).score_differs


def test_other_scores_are_counted_and_shown(tmp_path):
    write(tmp_path / "d", 1, [row(said("B")), row(said("B"), score=0.4)])
    report = read_tally(tmp_path / "d", Accuracy.PAPER)
    assert as_json(report)["differing_scores"]["count"] == 1
    assert "1 of them (50.0%) have another score in the dump" in as_text(report)
    assert "--accuracy typed" in as_text(report)


def test_zeros_add_up_and_have_an_example(tmp_path):
    rows = [given | {"uid": f"p_{number}_0"} for number, (_, given, _) in enumerate(CASES)]
    write(tmp_path / "d", 1, rows)
    write(tmp_path / "d", 2, rows)
    zeros = as_json(read_tally(tmp_path / "d", Accuracy.PAPER))["zeros"]
    expected = [reason for reason, _, accuracy in CASES if not accuracy]
    assert {zero["reason"]: zero["count"] for zero in zeros} == {name: 2 * expected.count(name) for name in expected}
    assert zeros == sorted(zeros, key=lambda zero: (-zero["count"], zero["reason"]))
    (cut,) = [zero for zero in zeros if zero["reason"] == "cut_off"]
    assert cut["example"] == {
        "step": 1,
        "line": 4,
        "uid": "p_3_0",
        "gold": "B",
        "answer": None,
        "output_end": "<think>It goes",
        "note": "",
    }
    assert cut["share"] == pytest.approx(3 / len(CASES))


RIGHT, WRONG, NOTHING = said("B"), said("A"), "no"


def group(name, *outputs):
    return [row(output, uid=f"{name}_{number}_0") for number, output in enumerate(outputs)]


def test_groups_are_those_of_one_prompt(tmp_path):
    rows = [
        *group("a-b_c", RIGHT, WRONG, RIGHT),
        *group("full", RIGHT, RIGHT, RIGHT),
        *group("zero", NOTHING, NOTHING, NOTHING),
        *group("form", WRONG, said("C"), WRONG),
        *group("short", RIGHT, WRONG),
        *group("alone", RIGHT),
    ]
    write(tmp_path / "d", 1, rows)
    write(tmp_path / "d", 2, group("full", WRONG, RIGHT, RIGHT))  # another step, another group
    report = as_json(read_tally(tmp_path / "d", Accuracy.PAPER))
    assert report["over_all"]["groups"] == {
        "size": 3,
        "count": 7,
        "left_out": 2,
        "of_one": 1,
        "varied": 3,
        "all_full": 1,
        "all_zero": 1,
        "all_equal": 1,
        "without_variance_share": 0.5,
    }
    assert [step["groups"]["without_variance_share"] for step in report["by_step"]] == [3 / 5, 0.0]


def test_without_uids_the_prompt_and_its_gold_make_the_group(tmp_path):
    rows = [row(RIGHT, uid=None), row(WRONG, uid=None), row(RIGHT, "A", uid=None), row(RIGHT, "A", uid=None)]
    write(tmp_path / "d", 1, rows)
    groups = as_json(read_tally(tmp_path / "d", Accuracy.PAPER))["over_all"]["groups"]
    assert (groups["count"], groups["varied"], groups["all_equal"]) == (2, 1, 1)


def test_one_rollout_a_prompt_makes_no_groups(tmp_path):
    write(tmp_path / "d", 0, [row(RIGHT, uid="a_0_0"), row(WRONG, uid="b_0_0")])
    report = read_tally(tmp_path / "d", Accuracy.PAPER)
    assert as_json(report)["over_all"]["groups"]["without_variance_share"] is None
    assert "every prompt has one rollout" in as_text(report)


def test_steps_have_their_means(tmp_path):
    write(tmp_path / "d", 10, [row(RIGHT), row("<think>")])
    write(tmp_path / "d", 9, [row(WRONG)])
    first, second = as_json(read_tally(tmp_path / "d", Accuracy.PAPER))["by_step"]
    assert (first["step"], second["step"]) == (9, 10)
    assert first["mean_score"] == pytest.approx(0.1)
    keys = ("rollouts", "mean_score", "mean_accuracy", "mean_format", "mean_length", "max_length", "cut_off_share")
    assert [second[key] for key in keys] == [2, 0.5, 0.5, 0.5, (len(RIGHT) + 7) / 2, len(RIGHT), 0.5]


def test_the_report_fits_its_width(tmp_path):
    odd = row(said("水" * 300), "水" * 300, (), uid="水" * 90 + "_0_0", score=0.7)
    for step in range(1, 60):
        rows = [odd, row("\x1b[31m\u2028 HALF"), row(said("B"), reason="x" * 200, acc=0)]
        path = write(tmp_path / "d", step * 1_000_000, rows)
        path.write_text(path.read_text(encoding="utf-8").replace("HALF", "\\ud800"), encoding="utf-8")
    text = as_text(read_tally(tmp_path / "d", Accuracy.PAPER))
    for line in text.splitlines():
        assert sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in line) <= WIDTH, line
        assert line.isprintable()
        line.encode()
    assert "1000000-3000000" in text and "\\u001b[31m \\ud800" in text.replace("\\\\", "\\")


# Signs of hacking


@pytest.mark.parametrize(
    ("answer", "gold", "options", "number"),
    [
        ("B", "B", OPTIONS, 1),
        ("B. down", "B", OPTIONS, 1),
        ("A, B, C or D", "B", OPTIONS, 4),
        ("ABCD", "B", OPTIONS, 4),
        ("(A) (B)", "B", OPTIONS, 2),
        ("up, down", "B", OPTIONS, 2),
        ("it goes downwards", "B", OPTIONS, 0),
        ("dark red", "A", ("dark red", "red"), 1),
        ("A dog", "B", OPTIONS, 1),
        ("5", "5", (), 1),
        ("4 5 6", "5", (), 3),
        ("4 6", "5", (), 0),
        ("2 * 2 + 1 = 5", "5", (), 1),
        ("5.0 m/s, that is 5 m/s", "5 m/s", (), 1),
        ("5 \u00d7 10^3", "5 \u00d7 10^3", (), 1),
        ("1, 2, 3", LONG_GOLD, (), 0),
        ("red, blue, green", "red", (), 3),
        ("it is red or blue", "red", (), 0),
        ("red or blue", "red", (), 2),
        ("a red and blue", "red", (), 2),
        ("red", "red", (), 1),
        ("blue, green", "red", (), 0),
        ("salt and pepper", "salt and pepper", (), 0),
    ],
)
def test_answers_in_an_answer(answer, gold, options, number, tmp_path):
    assert answers_given(explained(tmp_path, row(said(answer), gold, options))) == number


def test_blocks_are_counted_by_kind():
    assert opened_blocks(RIGHT) == 1 and opened_blocks("no") == 0
    assert opened_blocks(RIGHT * 3) == 3 and opened_blocks("<think>a<THINK>b") == 2


def test_repeated_runs():
    eight = "one two three four five six seven eight "
    assert most_repeated_run("") == most_repeated_run("one two") == 0
    assert most_repeated_run(eight) == 1 and most_repeated_run(eight * 3) == 3
    assert most_repeated_run(f"{eight} so {eight} then {eight}") == 3
    assert most_repeated_run("yes " * 23) == 2 and most_repeated_run("yes, " * 24) == 3
    assert most_repeated_run(" ".join(map(str, range(500)))) == 1


def run_of(folder, steps, outputs):
    """So many steps of ten prompts with eight rollouts; `outputs(step, gold)` gives those of one prompt."""
    for step in range(1, steps + 1):
        rows = []
        for number in range(10):
            gold = "ABCD"[(step + number) % 4]
            made = enumerate(outputs(step, gold))
            rows += [row(output, gold, uid=f"{step}-{number}_{index}_0") for index, output in made]
        write(folder, step, rows)
    return as_json(read_tally(folder, Accuracy.PAPER))


def other(gold):
    return "ABCD"["ABCD".index(gold) - 1]


def firing(report):
    return {sign["name"] for sign in report["signs"] if sign["fires"]}


def healthy(step, gold):
    """Accuracy rises with the steps, and so does length."""
    right = min(7, 2 + step // 2)
    thought = "It moves " + " ".join(f"past{number}" for number in range(5 + step)) + "."
    return [said(gold, thought)] * right + [said(other(gold), thought)] * (7 - right) + ["<think>It"]


def test_a_healthy_run_fires_nothing(tmp_path):
    report = run_of(tmp_path / "d", 9, healthy)
    assert [sign["name"] for sign in report["signs"]] == list(Check)
    assert all(sign["fires"] is False for sign in report["signs"]), report["signs"]
    assert report["signs_looked_for_in_steps"] == [7, 8, 9]


def late(outputs):
    """Healthy at first, and like this in the last third of nine steps."""
    return lambda step, gold: outputs(step, gold) if step > 6 else healthy(2, gold)


HACKED = {
    Check.ANSWER_STUFFING: lambda step, gold: [*healthy(9, gold)[:6], said("A, B, C"), said("ABCD")],
    Check.REPEATED_BLOCKS: lambda step, gold: [*healthy(9, gold)[:6], *[said(gold) * 2] * 2],
    Check.REPEATED_TEXT: lambda step, gold: [
        *healthy(9, gold)[:6],
        *[said(gold, "so it goes up and down again now " * 4)] * 2,
    ],
    Check.GROWING_LENGTH: lambda step, gold: [
        said(gold if number < 3 else other(gold), " ".join(f"{word}a" for word in range(60))) for number in range(8)
    ],
    Check.EMPTY_FORM: lambda step, gold: [said(gold)] * 2 + [said(other(gold))] * 6,
    Check.ONE_LETTER: lambda step, gold: [said(gold)] * 3 + [said("C")] * 5,
}


@pytest.mark.parametrize("name", Check)
def test_each_sign_fires_alone(name, tmp_path):
    report = run_of(tmp_path / "d", 9, late(HACKED[name]))
    assert firing(report) == {name}
    (sign,) = [sign for sign in report["signs"] if sign["name"] == name]
    assert 1 <= len(sign["examples"]) <= 3 and all(example["step"] > 6 for example in sign["examples"])
    assert (sign["figure"] < sign["threshold"]) == sign["fires_below"]
    text = as_text(read_tally(tmp_path / "d", Accuracy.PAPER))
    assert "1 of 6 fire (steps 7-9)" in text and text.count("FIRES") == 1


def test_the_worst_stand_first(tmp_path):
    report = run_of(tmp_path / "d", 9, late(HACKED[Check.ANSWER_STUFFING]))
    assert [example["answer"] for example in report["signs"][0]["examples"]] == ["ABCD"] * 3


def test_long_open_answers_that_earn_a_part_are_stuffed(tmp_path):
    long = "it may be hydrogen or oxygen or helium or neon or argon or iron or zinc or lead"
    for step in range(1, 8):
        rows = [row(said(long), "hydrogen", (), uid=f"{step}-{n}_0_0") for n in range(20)]
        rows += [row(said("It is hydrogen that bubbles"), "hydrogen", (), uid=f"{step}-{n}_1_0") for n in range(20)]
        write(tmp_path / "d", step, rows)
    sign = as_json(read_tally(tmp_path / "d", Accuracy.PAPER))["signs"][0]
    assert sign["fires"] and sign["figure"] == 0.5


@pytest.mark.parametrize("steps", [1, 5])
def test_few_steps_are_no_verdict_on_growth(steps, tmp_path):
    report = run_of(tmp_path / "d", steps, lambda step, gold: healthy(9, gold))
    (sign,) = [sign for sign in report["signs"] if sign["name"] == Check.GROWING_LENGTH]
    assert sign["fires"] is None and sign["detail"].startswith("too few steps")


def test_few_rollouts_are_no_verdict(tmp_path):
    write(tmp_path / "d", 1, [row(RIGHT * 2), row("no")])
    signs = as_json(read_tally(tmp_path / "d", Accuracy.PAPER))["signs"]
    assert [sign["fires"] for sign in signs] == [None] * 6
    assert all("too few" in sign["detail"] for sign in signs)


def test_the_window_is_the_last_third():
    assert window_of([1, 2, 3, 4, 5]) == {1, 2, 3, 4, 5}
    assert window_of([0, 5, 10, 15, 20, 25, 30]) == {25, 30}


# Files


def test_other_files_are_none_of_a_dump_s(tmp_path):
    for name in ("2.jsonl", "10.jsonl", "02.jsonl", "a.jsonl", "1.json", "1.jsonl.bak"):
        (tmp_path / name).write_text("")
    (tmp_path / "3.jsonl").mkdir()
    assert list(find_dumps(tmp_path)) == [2, 10]


def test_a_cut_last_line_is_skipped_and_told(tmp_path):
    cut = json.dumps(row(RIGHT))
    cut = cut[: cut.index("assistant")].encode() + "水".encode()[:2]
    path = write(tmp_path / "d", 7, [row(RIGHT)])
    path.write_bytes(path.read_bytes() + cut)
    write(tmp_path / "d", 8, [row(WRONG)], end="")  # whole, only without its line end
    (tmp_path / "d" / "9.jsonl").touch()
    report = read_tally(tmp_path / "d", Accuracy.PAPER)
    assert report.cut_lines == [{"file": "7.jsonl", "line": 2}] and report.total.sums["rollouts"] == 2
    assert "7.jsonl, line 2: cut line, skipped\n" in as_text(report) and "1 file without a whole rollout\n" in as_text(
        report
    )
    assert as_json(report)["cut_lines"] == [{"file": "7.jsonl", "line": 2}]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"input": ', "line 2: not JSON"),
        ("[" * 100_000, "line 2: not JSON"),
        ("[1]", "line 2: not a JSON object, but list"),
        *((json.dumps({k: v for k, v in row(RIGHT).items() if k != key}), f"line 2: key '{key}' is missing")
          for key in ("input", "output", "gts", "score")),
        (json.dumps(row(RIGHT) | {"score": "1"}), "key 'score' is not a finite number"),
        (json.dumps(row(RIGHT) | {"score": float("nan")}), "key 'score' is not a finite number"),
        (json.dumps(row(RIGHT) | {"score": None}), "key 'score' is null"),
        (json.dumps(row(RIGHT) | {"output": ["B"]}), "key 'output' is not text, but list"),
        (json.dumps(row(RIGHT) | {"uid": 5}), "key 'uid' is not text, but int"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named(line, says, tmp_path):
    path = tmp_path / "4.jsonl"
    path.write_text(f"{json.dumps(row(RIGHT))}\n{line}\n{json.dumps(row(RIGHT))}\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_tally(tmp_path, Accuracy.PAPER)
    assert str(path) in str(caught.value) and says in str(caught.value)


def explain_rollouts(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "videokr", "explain-rollouts", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("VIDEOKR")},
    )


def test_the_command_writes_what_it_prints(tmp_path):
    run_of(tmp_path / "d", 2, healthy)
    done = explain_rollouts(tmp_path / "d", "--no-figure", "--output", tmp_path / "new" / "folder")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    numbers = tmp_path / "new" / "folder" / "explained.json"
    assert f"numbers  {numbers}" in done.stdout and "160 rollouts of 2 steps (1-2)" in done.stdout
    report = json.loads(numbers.read_text(encoding="utf-8"))
    assert report == json.loads(json.dumps(as_json(read_tally(tmp_path / "d", Accuracy.PAPER))))
    assert list(report) == [
        "folder",
        "scored_by",
        "files",
        "padded",
        "cut_lines",
        "differing_scores",
        "zeros",
        "over_all",
        "by_step",
        "signs",
        "signs_looked_for_in_steps",
    ]
    assert list(numbers.parent.iterdir()) == [numbers]
    again = numbers.read_bytes()
    explain_rollouts(tmp_path / "d", "--no-figure", "--output", numbers.parent)
    assert numbers.read_bytes() == again


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("/none", "--no-figure"), "'/none' is no folder"),
        (("EMPTY", "--no-figure"), "has no 1.jsonl"),
        (("BLANK", "--no-figure"), "no whole rollout in its dumps"),
        (("GOOD", "--no-figure", "--output", "FILE"), "is no folder"),
    ],
)
def test_mistakes_are_named(arguments, says, tmp_path):
    put = {"EMPTY": tmp_path / "empty", "BLANK": tmp_path / "blank", "GOOD": tmp_path / "good", "FILE": tmp_path / "x"}
    put["EMPTY"].mkdir()
    put["BLANK"].mkdir()
    (put["BLANK"] / "1.jsonl").touch()
    write(put["GOOD"], 1, [row(RIGHT)])
    put["FILE"].touch()
    done = explain_rollouts(*(put.get(word, word) for word in arguments))
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ") and says in done.stderr


def test_without_matplotlib_the_way_out_is_named(tmp_path, monkeypatch):
    from videokr.analysis.rollouts import figure

    monkeypatch.setattr(figure, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="--no-figure"):
        figure.require_matplotlib()


@pytest.mark.sft  # an environment with matplotlib
@pytest.mark.parametrize("steps", [1, 9, 50])
def test_the_figure_is_drawn(steps, tmp_path):
    run_of(tmp_path / "d", steps, lambda step, gold: healthy(step % 9, gold)[-3:])
    done = explain_rollouts(tmp_path / "d")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "d" / "explained.png").read_bytes().startswith(b"\x89PNG")
    assert "Warning" not in done.stderr


@pytest.mark.sft
def test_a_figure_needs_no_zeros_no_groups_and_no_verdicts(tmp_path):
    write(tmp_path / "right", 3, [row(RIGHT)])
    write(tmp_path / "unknown", 3, [row(RIGHT, input="?")])
    for name in ("right", "unknown"):
        done = explain_rollouts(tmp_path / name)
        assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
        assert (tmp_path / name / "explained.png").stat().st_size > 10_000


def test_what_verl_filled_up_is_no_rollout(tmp_path):
    padding = {"input": "", "output": "", "gts": "<answer>B</answer>", "score": 0.0, "uid": "pad1f_0_0"}
    write(tmp_path / "dump", 1, [row(said("B")), padding, row(said("A"), uid="one_1_0")])
    report = read_tally(tmp_path / "dump", Accuracy.PAPER)
    assert (report.total.sums["rollouts"], report.padded) == (2, 1)
    assert "1 rollout failed" in as_text(report) and as_json(report)["padded"] == 1


@pytest.mark.parametrize(
    ("score", "reason", "differs"), [(1.0, "judged_right", False), (0.1, "judged_wrong", False), (0.5, "wrong", True)]
)
def test_a_judged_runs_scores_tell_the_verdict(tmp_path, score, reason, differs):
    (rollout,) = read_dump(
        write(tmp_path, 1, [row(said("it boils at 100 degrees then"), LONG_GOLD, (), score=score)]), []
    )
    explanation = explain(rollout, Accuracy.TYPED, judged=True)
    assert (explanation.reason, explanation.score_differs) == (reason, differs)
    assert explain(rollout, Accuracy.TYPED).score_differs == (score != 0.1)


def test_dialogues_are_scored_by_all_their_turns(tmp_path):
    """As verl dumps them: the marks of the turns are special tokens, and only their names are left."""
    asked = prompt().replace("You are a helpful assistant.", SYSTEM)
    shown, told = (f"\nuser\n{build_observation([call])}\nassistant\n" for call in ((1.0, 2.0), CallFault.BROKEN))
    looked, broken = build_call_turn("There.", [(1, 2)]), "<think>x</think><tool_call>{</tool_call>"
    rows = [
        row(looked + shown + said("B"), score=2.4) | {"input": asked},  # 1 + 1 and an overlap of 0.4
        row(broken + told + said("A"), score=0.0) | {"input": asked},
        row(said("B"), score=9.0) | {"input": asked},  # more than there is to earn
    ]
    write(tmp_path / "dump", 1, rows)
    tally = read_tally(tmp_path / "dump", Accuracy.PAPER)
    told = as_json(tally)["over_all"]
    assert (told["mean_accuracy"], told["mean_format"]) == pytest.approx((2 / 3, 2 / 3))
    counts = {"dialogues": 3, "looked": 2, "rounds": 2, "calls": 2, "broken_calls": 1, "broken": {"broken": 1}}
    assert told["dialogues"] == counts | {"iou": pytest.approx(0.4)}
    assert "IoU of the last look 40.0%, of the 1 right" in as_text(tally)
    assert as_json(tally)["differing_scores"]["count"] == 1
    assert "Dialogues: 66.7% look again" in as_text(tally) and "broken calls 50.0% of 2" in as_text(tally)


def test_calls_that_show_nothing_are_counted_by_what_the_model_is_told(tmp_path):
    """The video's text stands in the observation of Qwen3-VL, too: its frames' times."""
    asked = prompt().replace("You are a helpful assistant.", SYSTEM)
    seen = build_observation([(1.0, 2.0), *CallFault]).replace(VIDEO_PLACEHOLDER, "<1.2 seconds><1.8 seconds>")
    output = f"{build_call_turn('There.', [(1, 2)] * 3)}\nuser\n{seen}\nassistant\n{said('B')}"
    write(tmp_path / "dump", 1, [row(output) | {"input": asked}])
    tally = read_tally(tmp_path / "dump", Accuracy.PAPER)
    told = as_json(tally)["over_all"]["dialogues"]
    assert told["broken"] == {fault.name.lower(): 1 for fault in CallFault} and told["broken_calls"] == len(CallFault)
    assert all(fault.value in as_text(tally) for fault in CallFault)
