"""`videokr lint`: each damage is found where it is and nowhere else, and what is clean or fair is left alone."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.lint.biases import Tally, biases, guessers
from data_prep.lint.corpus import Corpus
from data_prep.lint.language import other_language
from data_prep.lint.length import Lengths
from data_prep.lint.lint import lint
from data_prep.lint.question import find_leak
from data_prep.lint.report import Report
from data_prep.lint.response import find_rationale
from videokr.family import FAMILIES
from videokr.jsonl import parse_record
from videokr.options import LETTERS
from videokr.video.manifest import VideoEntry, write_manifest

FAULT = 3
THINGS = "valve piston lever beaker magnet coil prism lens rotor turbine pump filter nozzle gear spring".split()
DOES = {
    "turns": "It rotates around its own axis",
    "opens": "It lets the fluid pass through",
    "bends": "It gives way under the load",
    "glows": "It gets hot and emits light",
    "sinks": "It drops through the liquid",
}
Records = list[dict[str, Any]]


def clean_rows(count: int, seed: int = 0, first: int = 0) -> Records:
    """Records as they should be: nothing twice, answers that depend on no text, letters and lengths fair."""
    rng = random.Random(seed)
    rows = []
    for number in range(first, first + count):
        thing, place = rng.choice(THINGS), f"stage {number}"
        does, options = rng.choice(list(DOES)), list(DOES.values())
        rng.shuffle(options)
        letter = "ABCDE"[options.index(DOES[does])]
        common = {"id": f"row-{number}", "video_path": f"videos_{number // 20}/{number // 2}.mp4"}
        start = f"In the clip the presenter points at the {thing}, and at {place} it {does} while the hand is still."
        if number % 2:
            common |= {
                "question": f"What can be seen of the {thing} at {place}?",
                "problem_type": "open-ended",
                "think": f"<think>{start} So it {does}.</think>",
                "solution": f"<answer>It {does}.</answer>",
            }
        else:
            common |= {
                "question": f"How does the {thing} behave at {place}?",
                "problem_type": "multiple choice",
                "options": [f"{own}. {text}" for own, text in zip("ABCDE", options, strict=True)],
                "think": f"<think>{start} The answer is {letter}.</think>",
                "solution": f"<answer>{letter}</answer>",
            }
        rows.append(common)
    return rows


def write(path: Path, rows: Records) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def found(*files: Path) -> list[tuple[int, str]]:
    """Line and name of every finding in a row."""
    corpus = lint(files)
    rows = [json.loads(row) for row in corpus.listed()]
    return [(row["line"], row["finding"]) for row in rows]


def as_text(corpus: Corpus, has_lengths: bool = False) -> str:
    return Report(corpus, 3, has_lengths, has_manifest=False).as_text()


def run(*flags: object, **settings: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "videokr", "lint", *map(str, flags)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **settings)  # type: ignore


FOREIGN = {
    "Spanish": "La presión de la válvula sube porque el agua no puede salir por la abertura del lado.",
    "French": "La pression dans la valve monte parce que le gaz ne peut pas sortir par les trous qui sont sur le côté.",
    "German": "Der Druck in dem Ventil steigt, weil das Gas nicht durch die Öffnung auf der Seite entweichen kann.",
    "Italian": "La pressione nel cilindro sale perché il gas non può uscire per la valvola che è nel lato.",
    "Portuguese": "A pressão na válvula sobe porque a água não sai da abertura que está no lado do cilindro.",
    "Dutch": "De druk in het vat stijgt omdat het gas niet door de opening aan de zijkant van het vat kan.",
    "Chinese script": "阀门关闭时压力上升,因为气体无法从侧面的孔中逸出。",
    "Cyrillic script": "Давление в клапане растёт, потому что газ не может выйти через отверстие.",
    "Arabic script": "يرتفع الضغط في الصمام لأن الغاز لا يمكن أن يخرج من الفتحة.",
    "Hangul script": "밸브가 닫히면 기체가 빠져나갈 수 없어 압력이 올라간다.",
    "Devanagari script": "वाल्व बंद होने पर दाब बढ़ता है क्योंकि गैस बाहर नहीं निकल सकती।",
    "Greek script": "Η πίεση στη βαλβίδα αυξάνεται επειδή το αέριο δεν μπορεί να βγει από το άνοιγμα.",  # noqa: RUF001
}

CHOICE, OPEN = 10, 11  # places of one row of each kind


def changed(place: int, **fields: Any) -> Callable[[Records], None]:
    """Puts other values into a row; a function gets the old one."""

    def damage(rows: Records) -> None:
        for name, value in fields.items():
            rows[place][name] = value(rows[place]) if callable(value) else value

    return damage


def moved(place: int, *names: str, to: int) -> Callable[[Records], None]:
    return lambda rows: rows[to].update({name: rows[place][name] for name in names})


def without(place: int, name: str) -> Callable[[Records], None]:
    return lambda rows: rows[place].pop(name)


def think(text: str) -> Callable[[dict[str, Any]], str]:
    """The row's own reasoning in another form: TEXT with `@` for it."""
    return lambda row: text.replace("@", row["think"][len("<think>") : -len("</think>")])


def other_letter(row: dict[str, Any]) -> str:
    return "A" if "B" in row["solution"] else "B"


def right_option(row: dict[str, Any]) -> str:
    letter = row["solution"][len("<answer>")]
    return next(option[3:] for option in row["options"] if option.startswith(letter))


def repeated(row: dict[str, Any]) -> list[str]:
    options: list[str] = list(row["options"])
    options[1] = f"B. {options[0][3:].lower()}."
    return options


WIRE, HOT = "Why does the copper wire glow at the end?", "The copper wire is hot."
LOOP = " then it turns around its own axis and comes back again"
LONG = " ".join(f"word{number}" for number in range(60))
# name: the damage, and the findings that it makes: line and name, no others.
Damage = tuple[Callable[[Records], Any], list[tuple[int, str]]]
DAMAGES: dict[str, Damage] = {
    "think is not closed": (changed(CHOICE, think=think("<think>@")), [(11, "tag-unclosed")]),
    "think is not opened": (changed(OPEN, think=think("@</think>")), [(12, "tag-unclosed")]),
    "think is doubled": (changed(CHOICE, think=think("<think><think>@</think></think>")), [(11, "tag-doubled")]),
    "two blocks": (changed(CHOICE, think=think("<think>@</think><think>@</think>")), [(11, "tag-doubled")]),
    "answer is doubled": (
        changed(CHOICE, solution="<answer>A</answer><answer>B</answer>"),
        [(11, "tag-doubled")],
    ),
    "answer is not closed": (changed(OPEN, solution="<answer>It turns."), [(12, "tag-unclosed")]),
    "answer is misspelt": (changed(OPEN, solution="<anwser>It turns.</anwser>"), [(12, "tag-broken")]),
    "answer lacks a bracket": (changed(OPEN, solution="<answer>It turns.</answer"), [(12, "tag-broken")]),
    "escaped tags": (changed(CHOICE, think=think("&lt;think&gt;@&lt;/think&gt;")), [(11, "tag-broken")]),
    "spaces in a tag": (changed(CHOICE, think=think("< think >@</think>")), [(11, "tag-broken")]),
    "answer in think": (changed(CHOICE, think=think("<think>@</think><answer>A</answer>")), [(11, "tag-misplaced")]),
    "think in solution": (
        changed(OPEN, solution="<think>x</think><answer>It turns.</answer>"),
        [(12, "tag-misplaced")],
    ),
    "text before think": (changed(CHOICE, think=think("Well: <think>@</think>")), [(11, "tag-misplaced")]),
    "tag in question": (changed(CHOICE, question="What does <think> say?"), [(11, "tag-misplaced")]),
    "tag in options": (
        changed(CHOICE, options=["A. <answer>x", *"BCDE"], solution="A", think="It turns at the stage."),
        [(11, "tag-misplaced")],
    ),
    "empty answer": (changed(CHOICE, solution="<answer></answer>"), [(11, "unreadable")]),
    "answer beyond the options": (changed(CHOICE, solution="<answer>F</answer>"), [(11, "unreadable")]),
    "answer names two": (changed(CHOICE, solution="<answer>A, B</answer>"), [(11, "unreadable")]),
    "no answer": (without(OPEN, "solution"), [(12, "unreadable")]),
    "no options": (changed(CHOICE, options=[]), [(11, "unreadable")]),
    "one option": (changed(CHOICE, options=["A. x"], solution="A"), [(11, "unreadable")]),
    "an empty option": (changed(CHOICE, options=["A. x", "B. "], solution="A"), [(11, "unreadable")]),
    "a gap in the letters": (changed(CHOICE, options={"A": "x", "C": "y"}, solution="A"), [(11, "unreadable")]),
    "options of an open question": (changed(OPEN, options=["x", "y"]), [(12, "unreadable")]),
    "the letter of no option": (changed(OPEN, problem_type="essay", solution="B"), [(12, "unreadable")]),
    "host mark": (changed(OPEN, question="What does <|im_start|> do?"), [(12, "unreadable")]),
    "video mark in the middle": (changed(OPEN, question="What does <video> do?"), [(12, "unreadable")]),
    "no video": (without(OPEN, "video_path"), [(12, "unreadable")]),
    "options are a number": (changed(CHOICE, options=5), [(11, "unreadable")]),
    "half a surrogate pair": (changed(OPEN, question="What \ud83d?"), [(12, "unreadable")]),
    "options repeated": (changed(CHOICE, options=repeated), [(11, "repeated-option")]),
    "answer in the question, open": (
        changed(OPEN, question=WIRE, solution="The copper wire", think=HOT),
        [(12, "answer-in-question")],
    ),
    "answer in the question, choice": (
        changed(CHOICE, question=lambda row: f"{row['id']}, {right_option(row).lower()}, so what is seen?"),
        [(11, "answer-in-question")],
    ),
    "no reasoning": (without(CHOICE, "think"), [(11, "no-rationale")]),
    "empty reasoning": (changed(CHOICE, think="<think> </think>"), [(11, "no-rationale")]),
    "few words": (changed(CHOICE, think="<think>It turns.</think>"), [(11, "short-rationale")]),
    "cut in a word": (changed(CHOICE, think="<think>The presenter points at the val</think>"), [(11, "cut-rationale")]),
    "cut after an article": (
        changed(CHOICE, think="<think>The presenter points at the</think>"),
        [(11, "cut-rationale")],
    ),
    "cut in brackets": (
        changed(CHOICE, think="<think>The presenter points at it (on the left</think>"),
        [(11, "cut-rationale")],
    ),
    "cut in code": (
        changed(CHOICE, think="<think>The presenter types this.\n```\nx = 1.</think>"),
        [(11, "cut-rationale")],
    ),
    "cut in a formula": (
        changed(CHOICE, think="<think>The presenter writes this: \\[ x = 1.</think>"),
        [(11, "cut-rationale")],
    ),
    "said twice": (changed(CHOICE, think=think("<think>@ @</think>")), [(11, "repeated-rationale")]),
    "in a loop": (changed(OPEN, think=f"<think>It turns.{LOOP * 20}.</think>"), [(12, "repeated-rationale")]),
    "Chinese question": (changed(OPEN, question="视频中的阀门在第十一阶段做什么?"), [(12, "not-english")]),
    "German reasoning": (changed(CHOICE, think=FOREIGN["German"]), [(11, "not-english")]),
    "Russian options": (
        changed(
            CHOICE,
            options=["Вода", "Воздух", "Земля", "Огонь", "Камень"],
            solution="A",
            think="The presenter points at it.",
        ),
        [(11, "not-english")],
    ),
    "id twice": (moved(CHOICE, "id", to=14), [(15, "id-twice")]),
    "row twice": (lambda rows: rows[14].update(rows[10] | {"id": "again"}), [(15, "row-twice")]),
    "question twice": (moved(CHOICE, "question", "video_path", to=11), [(12, "question-twice")]),
    "a span that ends before it starts": (
        changed(OPEN, problem_type="grounding", solution="8 to 3", think=HOT),
        [(12, "span-reversed")],
    ),
    "a clue that has no length": (changed(CHOICE, timestamp=[[3, 5], [8, 8]]), [(11, "span-reversed")]),
    "spans that are none": (changed(CHOICE, clue=[{"timestamp": [3]}]), [(11, "unreadable")]),
    "long answer": (changed(OPEN, solution=f"It turns: {LONG}."), [(12, "long-answer")]),
}


def two_answers(rows: Records) -> None:
    rows[12] = rows[10] | {"id": "other", "think": "The presenter points at it.", "solution": other_letter(rows[10])}


DAMAGES["two answers"] = (two_answers, [(11, "two-answers"), (13, "two-answers")])


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_is_found_where_it_is_and_nothing_else(tmp_path, name):
    damage, expected = DAMAGES[name]
    rows = clean_rows(60)
    damage(rows)
    assert sorted(found(write(tmp_path / "data.jsonl", rows))) == sorted(expected)


def test_what_is_clean_has_no_finding_and_ends_with_0(tmp_path):
    files = [write(tmp_path / f"{name}.jsonl", clean_rows(400, seed, 1_000 * seed)) for seed, name in enumerate("abc")]
    done = run("--data", *files)
    assert done.returncode == 0 and not done.stderr.count("error"), done.stdout
    assert "Faults of rows: 0 rows of 1,200 (0.00%)" in done.stdout and "Doubts" not in done.stdout
    assert "!" not in done.stdout.replace("marked !", "")


def test_many_damages_in_one_file_are_counted_exactly(tmp_path):
    """Each damage in a block of rows of its own: the counts are those of all of them together."""
    rows: Records = []
    expected: Counter[str] = Counter()
    for number, (damage, findings) in enumerate(DAMAGES.values()):
        block = clean_rows(100, first=100 * number)
        damage(block)
        rows += block
        expected.update(finding for _, finding in findings)
    path, report = write(tmp_path / "data.jsonl", rows), tmp_path / "lint.json"
    done = run("--data", path, "--json", report, "--show", 1)
    assert done.returncode == FAULT and "Traceback" not in done.stderr, done.stderr
    told = json.loads(report.read_text())
    counts = {name: own["rows"] for name, own in told["findings"].items() if own["rows"]}
    assert counts == expected == Counter(row["finding"] for row in told["rows"])
    faulty = {row["line"] for row in told["rows"] if row["grade"] == "fault"}
    assert told["rows_with_a_fault"] == len(faulty)
    for name in expected:
        assert f"[{name}]" in done.stdout
    assert f"{told['files'][0]['unreadable']} cannot be read" in done.stdout
    by_reason = told["findings"]["unreadable"]["by_reason"]
    assert sum(by_reason.values()) == expected["unreadable"] and "options: an option is empty" in by_reason


def test_spans_are_held_against_the_length_of_their_video(tmp_path):
    """A video of 10 seconds; of each row the span, and what is found."""
    spans = {(2, 5): None, (9.5, 10.8): None, (9, 12): "span-outside", (10, 10.5): "span-outside",
             (0, 10): "span-whole-video", (0.2, 9.6): None}  # fmt: skip
    rows = clean_rows(60)
    for row, span in zip(rows, spans, strict=False):
        row |= {"clues": [span]}
    known = [VideoEntry(row["video_path"], "probe", frame_count=250, average_fps=25.0) for row in rows]
    write_manifest(tmp_path / "manifest.parquet", {entry.path: entry for entry in known}.values())
    path, report = write(tmp_path / "data.jsonl", rows), tmp_path / "report.json"
    done = run("--data", path, "--manifest", tmp_path / "manifest.parquet", "--json", report)
    assert done.returncode == FAULT, done.stderr
    expected = [(line, finding) for line, finding in enumerate(spans.values(), start=1) if finding]
    assert [(row["line"], row["finding"]) for row in json.loads(report.read_text())["rows"]] == expected
    without = run("--data", path)
    assert without.returncode == 0 and "spans against their video (give --manifest" in without.stdout


def test_a_finding_names_file_line_and_id(tmp_path):
    rows = clean_rows(30)
    DAMAGES["options repeated"][0](rows)
    path = write(tmp_path / "data.jsonl", rows)
    done = run("--data", path)
    (line,) = (line for line in done.stdout.splitlines() if f"{path}:11 row-10 " in line)
    assert "A and B" in line


ENGLISH = [
    "The pressure rises while the valve is closed, so the gauge shows more.",
    "E = mc^2, F = ma, p V = n R T, and α + β = 180°.",  # noqa: RUF001
    "Which of the shapes is it?",
    "Photosynthesis.",
    "def f(x): return [y for y in x if y not in z] import os sys json re math print len range",
    "CH3COOH + NaOH -> CH3COONa + H2O",
    "12 34 56 78 90 11 22 33 44 55",
    "Marie Curie, Pierre Curie, Irène Joliot-Curie, Gabriel García Márquez, Björk Guðmundsdóttir, Søren Kierkegaard",
    "The word 水 means water, and the slide shows it next to the English one.",
    "In vitro, in vivo, de novo and per se are Latin terms that the lecturer uses in the talk.",
    "Chiaroscuro, sfumato and grisaille are what the painter uses in la Gioconda of the Louvre.",
    "small pressure drop across narrow orifice plate causes increased flow velocity downstream",
    "∫_0^π sin(θ) dθ = 2, where θ is the angle and π ≈ 3.14159",
]


@pytest.mark.parametrize("text", ENGLISH)
def test_english_formulas_names_and_code_are_not_foreign(text):
    assert other_language(text) is None


@pytest.mark.parametrize("language", FOREIGN)
def test_other_languages_are_named(language):
    assert other_language(FOREIGN[language]) == language


@pytest.mark.parametrize(
    ("question", "answer", "options"),
    [
        ("Does the arrow point left or right?", "right", []),
        ("Does the copper wire or the iron wire glow?", "the copper wire", []),
        ("Is it true that the valve opens?", "true", []),
        ("How many of the 12 valves open?", "12", []),
        ("Which of copper, iron and zinc melts first?", "copper", []),
        ("What is on the table?", "the", []),
        ("What separates the copper wire from the iron wire?", "iron wires", []),
        ("Is the copper wire hotter than the iron wire?", "copper wire", []),
        ("Which wire glows, copper or iron?", "A", ["copper", "iron"]),
        ("What do copper and iron do?", "A", ["copper", "iron"]),
        ("The gas is oxygen at first. What is it later?", "B", ["oxygen", "gas"]),
    ],
)
def test_a_question_that_offers_its_answers_gives_none_away(question, answer, options):
    record = {"question": question, "answer": answer, "options": options, "video": "a.mp4"}
    assert not list(find_leak(parse_record(record)))


@pytest.mark.parametrize(
    "text",
    [
        "Therefore x = 5 (see the table).",
        "The interval is [0, 1).",
        "So it is $x^2$",
        "The end :(.",
        "```\nx = 1\n```",
        'He said "stop."',
        "Step a) then b) and so on.",
        "In French notation it is ]0, 1[.",
    ],
)
def test_what_ends_well_is_not_cut(text):
    record = {"question": "What?", "answer": "x", "video": "a.mp4", "think": f"It goes on like this. {text}"}
    assert not list(find_rationale(parse_record(record)))


def drawn(rng: np.random.Generator, rows: int, count: int, weights: Sequence[float] = (), longest: float = 0) -> Tally:
    """A tally of questions whose answers are drawn; with `longest` so often the longest option, beyond chance."""
    tally = Tally()
    tally.options[count] = tally.records["readable"] = rows
    shares = np.array(weights or [1] * count) / sum(weights or [1] * count)
    tally.letters.update(
        {(count, letter): n for letter, n in zip(LETTERS, rng.multinomial(rows, shares).tolist(), strict=False)}
    )
    for ties, number in ((1, rows * 7 // 10), (2, rows // 5), (count, rows // 10)):
        right = int(rng.binomial(number, max(ties / count, longest)))
        tally.longest[count, ties, 1] += right
        tally.longest[count, ties, 0] += number - right
    return tally


def test_a_fair_file_is_never_called_biased():
    rng = np.random.default_rng(1)
    for number in range(4_000):
        found = list(biases(drawn(rng, 60 + 10 * (number % 90), 2 + number % 9)))
        assert len(found) == 2 and not any(bias.is_found for bias in found)


@pytest.mark.parametrize("weights", [[3, 3, 3, 4], [30, 30, 20, 30]])
def test_a_letter_that_is_right_too_often_is_found(weights):
    letters, longest = biases(drawn(np.random.default_rng(2), 20_000, 4, weights))
    assert letters.name == "letter" and letters.is_found and not longest.is_found
    assert letters.share == max(letters.by_letter.values()) / 20_000


def test_the_longest_option_is_found_and_so_is_what_it_earns():
    letters, longest = biases(drawn(np.random.default_rng(3), 3_000, 5, longest=0.35))
    assert (letters.is_found, longest.is_found) == (False, True)
    assert longest.share / longest.chance > 1.3 and longest.chance == pytest.approx(0.2)


def test_biases_that_only_count_beyond_doubt_are_not_called():
    rng = np.random.default_rng(4)
    letters, _ = biases(drawn(rng, 100_000, 4, [25, 25, 25, 26.5]))  # certain, and a guesser gains one point
    assert letters.share > 0.255 and not letters.is_found
    assert not next(biases(drawn(rng, 12, 4, [3, 1, 1, 1]))).is_found  # much, of few


def test_lengths_of_options_are_counted_with_their_ties(tmp_path):
    options = ["A. same", "B. same", "C. x"]
    rows = [
        {"question": f"What {n}?", "options": options, "answer": "ABC"[n % 3], "video": f"{n}.mp4"} for n in range(9)
    ]
    corpus = lint([write(tmp_path / "data.jsonl", rows)])
    assert corpus.tallies[0].longest == Counter({(3, 2, 1): 6, (3, 2, 0): 3})
    guess = guessers(corpus.tallies[0])
    assert guess and guess.longest == pytest.approx(1 / 3)


def test_between_files(tmp_path):
    train, rl, held_out = clean_rows(40), clean_rows(40, 1, 100), clean_rows(40, 2, 200)
    held_out[3]["video_path"] = "./Videos/" + train[8]["video_path"]
    held_out[20]["question"] = train[20]["question"].upper()
    held_out[20]["options"] = [
        f"{own}. {option[3:]}"
        for own, option in zip("ABCDE", sorted(train[20]["options"], key=lambda o: o[3:]), strict=True)
    ]
    held_out[5]["id"] = train[5]["id"]  # ids are of their file
    rl[7] |= {"video_path": None, "videos": [{"video": "mine.mp4"}, {"path": train[0]["video_path"]}]}
    files = [
        write(tmp_path / name, rows)
        for name, rows in (("train.jsonl", train), ("rl.jsonl", rl), ("eval.jsonl", held_out))
    ]
    corpus = lint(files)
    rows = [json.loads(row) for row in corpus.listed()]
    places = sorted((Path(row["file"]).name, row["line"], row["finding"]) for row in rows)
    shared = "video-in-two-files"
    assert places == sorted(
        [
            ("eval.jsonl", 4, shared),
            ("train.jsonl", 9, shared),
            ("train.jsonl", 10, shared),
            ("rl.jsonl", 8, shared),
            ("train.jsonl", 1, shared),
            ("train.jsonl", 2, shared),
            ("eval.jsonl", 21, "question-in-two-files"),
        ]
    )
    assert f"as {files[0]}:9 row-8" in next(
        row["detail"] for row in rows if row["file"] == str(files[2]) and row["finding"] == shared
    )


def test_a_group_and_a_count_unlike_the_others(tmp_path):
    rows = clean_rows(400)
    for row in rows:
        row["subject"] = "Physics"
    rows[4]["subject"], rows[6]["subject"] = "", None
    rows[8]["options"], rows[8]["solution"], rows[8]["think"] = ["A. up", "B. down"], "A", "The presenter points at it."
    expected = [(5, "group-missing"), (7, "group-missing"), (9, "unusual-option-count")]
    assert sorted(found(write(tmp_path / "data.jsonl", rows))) == expected


def test_a_file_that_ends_its_reasoning_otherwise_is_left_alone(tmp_path):
    rows = clean_rows(200)
    for row in rows[::4]:
        row["think"] = "The presenter points at it, option by option: A, B"
    assert not found(write(tmp_path / "data.jsonl", rows))


def test_a_file_without_reasoning_is_left_alone(tmp_path):
    rows = clean_rows(60)
    for row in rows:
        del row["think"]
    assert not found(write(tmp_path / "rl.jsonl", rows))


NUMBERED = b" ".join(b"the word%d" % number for number in range(600_000)) + b"."
TEN_MB = b'{"question": "What?", "answer": "x", "video": "z.mp4", "note": "@"}'
LINES = {
    "BOM and CRLF": (b"\xef\xbb\xbf%s\r\n\r\n%s\r\n", [], 2),
    "broken": (b"%s\n{oops\n%s\n", [(2, "unreadable")], 3),
    "no object": (b"%s\n[1]\n%s", [(2, "unreadable")], 3),
    "not UTF-8": (b'%s\n{"id": "\xff"}\n%s', [(2, "unreadable")], 3),
    "nothing in it": (b"%s\n{}\n%s", [(2, "unreadable")], 3),
    "10 MB": (b"%s\n" + TEN_MB.replace(b"@", b"x" * 10_000_000) + b"\n%s", [], 3),
    "10 MB of reasoning": (
        b"%s\n" + TEN_MB.replace(b"note", b"think").replace(b"@", b"It is x. " + NUMBERED) + b"\n%s",
        [],
        3,
    ),
    "deep": (b"%s\n" + b"[" * 100_000 + b"\n%s", [(2, "unreadable")], 3),
    "numbers": (b'%s\n{"id": 7, "question": 12, "answer": 3.5, "video": "z.mp4"}\n%s', [], 3),
    "list": (b"[%s,\n%s]", [], 2),
    "odd types": (
        b'%s\n{"id": [], "question": {}, "options": {"A": {}}, "think": 5, "answer": null}\n%s',
        [(2, "unreadable")],
        3,
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_lines_of_every_kind(tmp_path, name):
    text, expected, records = LINES[name]
    rows = [json.dumps(row).encode() for row in clean_rows(4)[::2]]
    path = tmp_path / "data.jsonl"
    path.write_bytes(text.replace(b"%s", rows[0], 1).replace(b"%s", rows[1], 1))
    corpus = lint([path])
    got = [json.loads(row) for row in corpus.listed()]
    assert [(row["line"], row["finding"]) for row in got if row["finding"] != "no-rationale"] == expected
    assert corpus.tallies[0].records.total() == records


def test_killed_it_leaves_nothing_and_runs_again(tmp_path):
    path, report = write(tmp_path / "data.jsonl", clean_rows(20_000)), tmp_path / "out" / "lint.json"
    command = [sys.executable, "-m", "videokr", "lint", "--data", str(path), "--json", str(report)]
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.7)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL and not report.exists()
    small = write(path, clean_rows(50))
    assert run("--data", small, "--json", report).returncode == 0 and json.loads(report.read_text())["records"] == 50


@pytest.mark.parametrize(("count", "lost"), [(200, "video_path"), (20_000, None)], ids=["report", "temporary file"])
def test_a_full_disk_is_one_line(tmp_path, count, lost):
    rows = [{name: value for name, value in row.items() if name != lost} for row in clean_rows(count)]
    path = write(tmp_path / "data.jsonl", rows)

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = run("--data", path, "--json", tmp_path / "lint.json", preexec_fn=little_room)
    assert done.returncode == 2 and "make room" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "lint.json").exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--data", "nowhere.jsonl"], "not there"),
        (["--data", "empty.jsonl"], "holds no records"),
        (["--data", "list.json"], "holds no records"),
        (["--data", "broken.json"], "not JSON"),
        (["--data", "a.jsonl", "./a.jsonl"], "given twice"),
        (["--data", "a.jsonl", "--max-tokens", "0"], "positive"),
        (["--data", "a.jsonl", "--show", "-1"], "--show"),
        (["--data", "a.jsonl", "--model", "nowhere"], "give --manifest"),
        (["--data", "a.jsonl", "--model", "nowhere", "--manifest", "m.parquet"], "config.json"),
        (["--data", "a.jsonl", "--manifest", "m.parquet"], "is not there"),
        (["--data", "a.jsonl", "--max-tokens", "9"], "give --model"),
        (["--data", "a.jsonl", "--json", "."], "no file"),
    ],
)
def test_mistakes_end_in_one_line(tmp_path, flags, says):
    write(tmp_path / "a.jsonl", clean_rows(3))
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "broken.json").write_text("[{]")
    done = run(*flags, cwd=tmp_path)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("error:") == 1


def test_nothing_but_unreadable_rows(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text("{}\n{}\n")
    done = run("--data", path)
    assert done.returncode == FAULT and "2 rows of 2 (100.00%)" in done.stdout


TEXTS = st.text(alphabet=st.sampled_from("aB \n.,()[]<>/thinkanswer水é&;`$\\123")) | st.sampled_from(
    ["<think>", "</think>", "<answer>B</answer>", "The answer is B.", "option A", "A", "B", "```", "yes"]
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "id": TEXTS | st.integers(),
        "question": TEXTS,
        "options": st.lists(TEXTS, max_size=5) | st.dictionaries(st.sampled_from("ABCab"), TEXTS),
        "problem_type": st.sampled_from(["mcq", "open-ended", ""]),
        "think": st.lists(TEXTS, max_size=9).map(" ".join) | st.none(),
        "solution": TEXTS,
        "videos": st.lists(TEXTS, max_size=3),
        "subject": TEXTS,
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=8))
def test_no_record_breaks_it_and_every_row_given_twice_is_found(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("any")
    corpus = lint([write(folder / "once.jsonl", records)])
    as_text(corpus)
    rows = Counter(finding for _, finding in found(write(folder / "once.jsonl", records)))
    twice = Counter(finding for _, finding in found(write(folder / "twice.jsonl", records + records)))
    readable = corpus.tallies[0].records["readable"]
    assert corpus.tallies[0].records.total() == len(records)
    assert twice["row-twice"] == rows["row-twice"] + readable
    for finding in ("unreadable", "tag-unclosed", "tag-doubled", "repeated-option", "not-english"):
        assert twice[finding] == 2 * rows[finding]


@pytest.mark.sft
@pytest.mark.parametrize("family", ["qwen2_5vl", "qwen3vl"])
def test_too_long_is_what_prepare_leaves_out(tmp_path, family):
    from data_prep.demo.tiny_model import chat_template, corpus_of, train_tokenizer
    from data_prep.prepare.sft import main as prepare

    rows = clean_rows(24)
    for number, row in enumerate(rows):
        row["video_path"] = f"{number}.mp4"
        row["think"] = row["think"].replace("In the clip", "In the clip and the clip " * (number % 6) * 300)
    path = write(tmp_path / "data.jsonl", rows)
    tokenizer = train_tokenizer(corpus_of(path), chat_template(FAMILIES[family]))
    tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text(json.dumps({"model_type": FAMILIES[family].model_types[0]}))
    seen = VideoEntry("", "probe", None, "", 9, 9, 0, 25.0, 240, 320, "h264", False)
    videos = [seen._replace(path=f"{number}.mp4", frame_count=100 * number + 100) for number in range(24)]
    write_manifest(tmp_path / "manifest.parquet", videos)
    model = ["--model", tmp_path / "model", "--max-tokens", 4_000]
    known = ["--manifest", tmp_path / "manifest.parquet"]

    prepare([*map(str, ["--input", path, "--output", tmp_path / "rows.json", *model, *known])])
    left_out = {json.loads(line)["line"] for line in (tmp_path / "rows.left_out.jsonl").read_text().splitlines()}
    assert 3 < len(left_out) < 23

    write_manifest(tmp_path / "part.parquet", videos[:20])
    lengths = Lengths(tmp_path / "model", 4_000)
    told = [lint([path], tmp_path / name, lengths) for name in ("manifest.parquet", "part.parquet")]
    lines = [{row["line"] for row in map(json.loads, one.listed()) if row["finding"] == "too-long"} for one in told]
    assert lines == [left_out, left_out - set(range(21, 25))]
    assert [one.tallies[0].unknown_lengths for one in told] == [0, 4]
    assert "for 4 rows (the manifest does not know" in as_text(told[1], has_lengths=True)
