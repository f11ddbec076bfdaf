"""`videokr rescore`: what a run's stored responses come to under other readers of option letters, or with a judge.

The readers are ours and the published ones, from their description, to show how much of a published difference is the
reader's. None of them guesses: where a published reader picks an option at random, or takes one by default, these say
that they found none.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from videokr.analysis.judging import judge_run, judge_run_as_published
from videokr.dialogue import split_turns
from videokr.errors import UserError
from videokr.evaluation.answer import ANY_FORM, FORMS, TAGGED, read_choice
from videokr.evaluation.answered import Answered, write_answers
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.run import Run, answers_path, format_run, judge_gave_nothing, read_run, write_summary
from videokr.evaluation.summary import percent, score_of, table_lines
from videokr.evaluation.verdict import NOT_ASKED, Verdict, right_or_wrong, score
from videokr.options import LETTERS
from videokr.response import Kind

_LEAD_INS = re.compile(
    r"(?:the )?(?:best |correct |final )?(?:answer|option)(?: is|:)|therefore, the final answer is:?", re.I
)
# Where a letter stands, the surest place first; LETTERS is put in as a character class.
_RANKED_FORMS = (
    r"^(LETTERS)(?=[\s.,:)]|$)",
    r"(?:^|\s)\(?(LETTERS)\)?$",
    r"(?i:(?:answer|option|choice) is:? ?|i (?:choose|select|pick) |answer: ?)\(?(LETTERS)(?!\w)",
    r"\((LETTERS)\)",
    r"(LETTERS)\.",
    r"(LETTERS):",
    r"(LETTERS)\)",
    r"(LETTERS)\s",
)
# Those of lmms_eval/tasks/_task_utils/judge_utils.py of github.com/Fu-Fu-Fu-Fu/VideoKR at 39812881, which take J for a
# letter whatever the options are.
_PUBLISHED_FORMS = [
    re.compile(form, re.I)
    for form in (
        r"^[(\[]?([A-J])[)\].:\s]",
        r"\b(?:answer|option|choice)\s*(?:is|:)?\s*[(\[]?([A-J])\b",
        r"\b([A-J])\b",
    )
]
PUBLISHED = "published"
FAILED_STATUS = 1


# The letter out of a response to a question with these options; None where it finds none.
Extractor = Callable[[str, Sequence[str]], str | None]


def _any_form(response: str, options: Sequence[str]) -> str | None:
    """ours: the last answer block outside the thinking; where there is none, what is boxed or announced by 'the answer
    is', the later of the two; else the last line or the first, if it is nothing but an option
    """
    return read_choice(response, options)


def _tagged(response: str, options: Sequence[str]) -> str | None:
    """ours, as the reward reads: one option letter in the last answer block outside the thinking"""
    return read_choice(response, options, TAGGED)


def _exact(response: str, options: Sequence[str]) -> str | None:
    """the published reward: the first answer block is the letter and nothing else"""
    blocks = _blocks(response, "answer")
    content = response[slice(*blocks[0])].strip() if blocks else ""
    return content if content in LETTERS[: len(options)] and content else None


def _published(response: str, options: Sequence[str]) -> str | None:
    """the published VideoKR-Eval: a letter at the start, else after 'answer', 'option' or 'choice', else the first that
    stands alone; in the first answer block, or anywhere where there is none; with --judge, the judge decides instead
    """
    text = _published_answer(response)
    found = next(filter(None, (form.search(text) for form in _PUBLISHED_FORMS)), None)
    return found[1].upper() if found else None


def _published_answer(response: str) -> str:
    """What the published VideoKR-Eval reads, and shows to its judge: the first answer block, else everything."""
    blocks = [response[start:end].strip() for start, end in _blocks(response, "answer")]
    return blocks[0] if blocks and blocks[0] else response.strip()


def _ranked(response: str, options: Sequence[str]) -> str | None:
    """lmms-eval's Video-MME, VideoMMMU, MLVU, LVBench: a letter at the start, at the end, after 'the answer is', in
    brackets, before a point and so on; the last in the first of these forms
    """
    text = _without_thinking(response).strip(" \t\r\n,.!?;:'\"")
    letters = f"[{LETTERS[: len(options)]}]"
    by_form = (re.findall(form.replace("LETTERS", letters), text) for form in _RANKED_FORMS)
    return next((str(found[-1]) for found in by_form if found), None)


def _any_letter(response: str, options: Sequence[str]) -> str | None:
    """lmms-eval's MVBench: the first of A to E that stands alone, in any case"""
    text = _without_thinking(response)
    found = re.match(r"([A-E])\.\s", text, re.I) or re.search(r"\b([A-E])\b", text, re.I)
    return found[1].upper() if found else None


def _first_capital(response: str, options: Sequence[str]) -> str | None:
    """lmms-eval's LongVideoBench and SciVideoBench: the first capital among the letters, even inside a word; where
    there is none, theirs picks at random
    """
    found = re.search(f"[{LETTERS[: len(options)]}]", _LEAD_INS.sub("", _without_thinking(response)))
    return found[0] if found else None


EXTRACTORS: dict[str, Extractor] = {
    ANY_FORM: _any_form,
    TAGGED: _tagged,
    "exact": _exact,
    PUBLISHED: _published,
    "ranked": _ranked,
    "any-letter": _any_letter,
    "first-capital": _first_capital,
}


def _without_thinking(response: str) -> str:
    """A response without its closed thinking blocks and answer tags, as lmms-eval hands it to a task."""
    kept, place = [], 0
    for start, end in _blocks(response, "think"):
        kept.append(response[place : start - len("<think>")])
        place = end + len("</think>")
    return re.sub(r"</?answer>", " ", "".join([*kept, response[place:]]), flags=re.I).strip()


def _blocks(text: str, name: str) -> list[tuple[int, int]]:
    """Start and end of the contents of every `<name>` block, in time linear in the text."""
    lower = text.lower()
    found = []
    place = 0
    while (opening := lower.find(f"<{name}>", place)) >= 0:
        start = opening + len(f"<{name}>")
        place = lower.find(f"</{name}>", start)
        if place < 0:
            break
        found.append((start, place))
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="DIR", help="folder of a run of local_script/eval_videokr.sh")
    parser.add_argument(
        "--extractor",
        choices=EXTRACTORS,
        help="read answers by this one; all but any-form and tagged read multiple choice alone (default: show all)",
    )
    parser.add_argument(
        "--judge",
        action="store_true",
        help="ask the judge about open answers that have no verdict; with --extractor published, about every answer",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the rescored run (default: with --judge, DIR)"
    )


def run(args: argparse.Namespace) -> int:
    """Shows every extractor's accuracies, or writes a run that is read and judged as asked."""
    given = read_run(args.run)
    if args.extractor is None and not args.judge:
        if args.output is not None:
            raise UserError("--output is for a run that is written: add --extractor or --judge")
        print(compare_extractors(given))
        return 0
    if args.extractor is not None and args.output is None:
        raise UserError("--extractor makes another run: give its folder with --output")
    if args.output is not None and args.output.exists():
        raise UserError(f"'{args.output}' is there already: give another folder")
    rescored = given if args.extractor is None else read_again(given, args.extractor)
    if args.judge and args.extractor == PUBLISHED:
        rescored = judge_run_as_published(rescored, _published_answer)
    elif args.judge:
        rescored = judge_run(rescored, in_place=args.output is None)
    rescored = replace(rescored, folder=args.output or given.folder)
    for task, asked in rescored.answers.items():
        write_answers(asked, answers_path(rescored.folder, task))
    rescored.card.write(rescored.folder)
    write_summary(rescored)
    print(format_run(rescored))
    print(f"rescored: {rescored.folder}")
    if args.judge and judge_gave_nothing(rescored):
        print("error: the judge gave no verdict at all; what it met is above", file=sys.stderr)
        return FAILED_STATUS
    return 0


def compare_extractors(given: Run) -> str:
    """A table of the accuracies over multiple choice: a row an extractor, a column a benchmark, and their spread."""
    questions = {
        name: choices
        for name, answers in given.by_benchmark().items()
        if (choices := [one for one in answers if one.example.kind is Kind.MULTIPLE_CHOICE])
    }
    if not questions:
        raise UserError(f"'{given.folder}' has no multiple choice: readers differ in nothing else; --judge judges")
    columns = [["multiple choice", *EXTRACTORS, "spread"]]
    for benchmark, choices in questions.items():
        scores = [score_of([_read_again(one, name, False) for one in choices]) for name in EXTRACTORS]
        accuracies = [score.lowest.value for score in scores]
        columns.append(
            [
                f"{title_of(benchmark)} ({len(choices)})",
                *(f"{percent(s.lowest.value)}, {s.counts[Verdict.UNPARSED]} unparsed" for s in scores),
                f"{100 * (max(accuracies) - min(accuracies)):.1f} points",
            ]
        )
    legend = [f"{name}: {' '.join((extractor.__doc__ or '').split())}" for name, extractor in EXTRACTORS.items()]
    return "\n".join([*table_lines(list(zip(*columns, strict=True))), "", *legend])


def read_again(given: Run, extractor: str) -> Run:
    """The run with its answers read by another extractor; of the same open answer a judge's verdict stays."""
    card = replace(given.card, extractor=extractor)
    if extractor in FORMS and given.card.extractor == PUBLISHED:
        card = replace(card, judge=None)  # whose verdicts are about other texts
    answers = {
        task: tuple(_read_again(one, extractor, card.judge is not None) for one in asked)
        for task, asked in given.answers.items()
    }
    return replace(given, answers=answers, card=card)


def _read_again(one: Answered, extractor: str, keeps_judge: bool) -> Answered:
    is_choice = one.example.kind is Kind.MULTIPLE_CHOICE
    if one.verdict in NOT_ASKED or not (is_choice or extractor in FORMS):
        return one
    if is_choice:
        letter = EXTRACTORS[extractor](split_turns(one.response)[-1], one.example.options)
        verdict = Verdict.UNPARSED if letter is None else right_or_wrong(letter == one.example.answer)
        return replace(one, verdict=verdict, answer=letter, judge_reply=None)
    scored = score(one.example, one.response, None, extractor)
    if keeps_judge and scored.verdict is Verdict.UNSCORED and scored.answer == one.answer:
        return one
    return replace(one, verdict=scored.verdict, answer=scored.answer, judge_reply=None)
