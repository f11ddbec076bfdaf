"""What was found, for a reader and for a program."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_prep.lint.biases import LEVEL, Bias, biases, guessers
from data_prep.lint.findings import FINDINGS, Grade, of_grade
from data_prep.lint.flagged import Shown
from data_prep.lint.lengths import UNKNOWN
from data_prep.lint.lint import Linted
from data_prep.lint.tags import BARE, TAGGED
from data_prep.lint.tally import AS_LETTER, AS_TEXT, Tally
from videokr.example import Kind
from videokr.outputs import atomic_write

LEAST_P = 1e-300  # a float holds no less
BOTH = {"think": (TAGGED, BARE), "solution": (TAGGED, BARE), "named": (AS_LETTER, AS_TEXT)}
_TWO_FILES = ("video-in-two-files", "question-in-two-files")


def summarise(linted: Linted) -> dict[str, Any]:
    """Everything but the single rows."""
    flagged, tallies = linted.flagged, linted.tallies
    made, not_made = biases(tallies)
    rows = sum(tally.records.total() for tally in tallies)
    findings = {
        name: {
            "grade": finding.grade.value,
            "title": finding.title,
            "rows": flagged.total(name),
            "share": flagged.total(name) / rows,
            "by_file": {linted.files[file]: n for (file, own), n in sorted(flagged.by_file.items()) if own == name},
            "by_reason": {reason: n for reason, n in flagged.reasons(name) if reason},
        }
        for name, finding in FINDINGS.items()
        if finding.grade is not Grade.BIAS
    }
    return {
        "records": rows,
        "rows_with_a_fault": flagged.faulty,
        "files": [_file(name, tally) for name, tally in zip(linted.files, tallies, strict=True)],
        "level_of_all_tests": LEVEL,
        "biases": [asdict(bias) | {"file": linted.files[bias.file]} for bias in made],
        "shared": asdict(linted.shared),
        "findings": findings,
        "not_made": _not_made(linted, not_made),
    }


def write_json(path: Path, summary: dict[str, Any], linted: Linted) -> None:
    """The summary, and every flagged row under `rows`, one a line."""
    head = json.dumps(summary, indent=1)
    with atomic_write(path) as aside, aside.open("wb") as out:
        out.write(head.removesuffix("\n}").encode("ascii") + b',\n "rows": [')
        separator = b"\n"
        for row in linted.flagged.listed():
            out.write(separator + row)
            separator = b",\n"
        out.write(b"\n]}\n")


def as_text(summary: dict[str, Any], linted: Linted) -> str:
    return "\n".join([*_head(summary, linted), *_shared(summary, linted), *_findings(summary, linted), *_rest(summary)])


def _file(name: str, tally: Tally) -> dict[str, Any]:
    guess = guessers(tally)
    return {
        "file": name,
        "records": tally.records.total(),
        "unreadable": tally.records["unreadable"],
        "unreadable_by_reason": dict(tally.unreadable.most_common()),
        "kinds": dict(sorted(tally.kinds.items())),
        "options": {str(count): n for count, n in sorted(tally.options.items())},
        "with_rationale": tally.rationales["given"],
        "rationales_that_end_as_a_sentence": tally.rationales["ended"],
        "think": _given(tally.think),
        "solution": _given(tally.solution),
        "answers_named": dict(sorted(tally.named.items())),
        "lengths": dict(sorted(tally.lengths.items())),
        "guessers": asdict(guess) if guess else None,
    }


def _given(forms: dict[str, int]) -> dict[str, int]:
    return {form: forms[form] for form in (TAGGED, BARE) if forms.get(form)}


def _not_made(linted: Linted, too_few: list[str]) -> dict[str, str]:
    not_made = {}
    if len(linted.files) == 1:
        not_made["videos and questions in two files"] = "one file was given: give all splits together"
    if linted.lengths is None:
        not_made[FINDINGS["too-long"].title] = "give --model DIR, and --manifest of videokr check --level probe"
    elif unknown := sum(tally.lengths[UNKNOWN] for tally in linted.tallies):
        of = f"{FINDINGS['too-long'].title}, for {unknown:,} rows"
        not_made[of] = "it hangs on the video: give --manifest of videokr check --level probe"
    if too_few:
        not_made["biases"] = "; ".join(too_few)
    return not_made


def _head(summary: dict[str, Any], linted: Linted) -> Iterator[str]:
    made, _ = biases(linted.tallies)
    yield f"{_rows(summary['records'])} in {len(linted.files)} file{'s' * (len(linted.files) > 1)}"
    for number, (own, tally) in enumerate(zip(summary["files"], linted.tallies, strict=True)):
        choice, open_ended = (tally.kinds[kind.value] for kind in Kind)
        said = [f"{own['records']:,} records", f"{choice:,} multiple choice", f"{open_ended:,} open-ended",
                f"{own['with_rationale']:,} with a rationale"]  # fmt: skip
        if own["unreadable"]:
            said.append(f"{own['unreadable']:,} cannot be read")
        yield f"{own['file']}: {', '.join(said)}"
        for name, (one, other) in BOTH.items():
            forms = getattr(tally, name)
            if forms[one] and forms[other]:
                of = "answers of multiple choice" if name == "named" else f"'{name}'"
                yield f"    two forms in one file: {of} {one} {forms[one]:,}, {other} {forms[other]:,}"
        if guess := own["guessers"]:
            few = "" if any(bias.file == number for bias in made) else " (few: chance may do as much)"
            yield (
                f"    without the video: the commonest letter gets {guess['letter']:.1%}, the longest option "
                f"{guess['longest']:.1%}, chance {guess['chance']:.1%} of {guess['rows']:,}{few}"
            )
        for bias in made:
            if bias.file == number:
                yield from _bias(bias, linted)
    if made:
        marked = sum(bias.found for bias in made)
        fair = f"a fair corpus has one in fewer than 1 run of {1 / LEVEL:,.0f}"
        yield f"{marked or 'no'} bias{'es' * (marked > 1)} beyond chance, marked !, in {len(made)} tests ({fair})"
    yield ""


def _bias(bias: Bias, linted: Linted) -> Iterator[str]:
    p = f"p {bias.p:.2g}" if bias.p > LEAST_P else "p < 1e-300"
    start = f"  {'!' if bias.found else ' '} {bias.of}, {bias.rows:,} rows: "
    if bias.name == "letter":
        shares = "  ".join(f"{letter} {n / bias.rows:.1%}" for letter, n in bias.detail.items())
        yield f"{start}{shares}; {bias.chance:.1%} by chance, w {bias.effect:.3f}, {p}"
        return
    what = f"{bias.share:.1%}, {bias.share / bias.chance:.2f} x chance ({bias.chance:.1%})"
    yield f"{start}{'gets' if bias.name == 'longest' else 'right in'} {what}, z {bias.effect:.1f}, {p}"
    if bias.found and bias.share > bias.chance:
        rows = [row for row in linted.flagged.worst(bias.name) if row.file == bias.file]
        yield from (_row(row, linted) for row in rows)


def _shared(summary: dict[str, Any], linted: Linted) -> Iterator[str]:
    shared = linted.shared
    if shared.videos or shared.questions:
        yield "Between rows"
        if shared.videos:
            yield f"    {shared.videos:,} video{'s are' if shared.videos > 1 else ' is'} named by more than one file"
        if shared.questions:
            share = _share(shared.questions, summary["records"])
            yield f"    {share} ask what is asked of another video, too; the commonest:"
            yield from (f"        {times:>7,} videos  {question!r}" for times, question in shared.commonest)
        yield ""


def _findings(summary: dict[str, Any], linted: Linted) -> Iterator[str]:
    flagged = linted.flagged
    heads = {
        Grade.FAULT: f"Faults of rows: {_share(flagged.faulty, summary['records'])}",
        Grade.DOUBT: "Doubts, which may be meant",
    }
    for grade, head in heads.items():
        kinds = [(name, reason, n) for name in of_grade(grade) for reason, n in flagged.reasons(name)]
        if kinds or grade is Grade.FAULT:
            yield head
        for name, reason, number in kinds:
            title = f"{FINDINGS[name].title}: {reason}" if reason else FINDINGS[name].title
            yield f"  {number:>7,}  {_percent(number, summary['records']):>7}  {title}  [{name}]"
            yield from (_row(row, linted) for row in flagged.worst(name, reason))
        if kinds or grade is Grade.FAULT:
            yield ""


def _rest(summary: dict[str, Any]) -> Iterator[str]:
    one_file, no_model = len(summary["files"]) == 1, not any(own["lengths"] for own in summary["files"])
    skipped = {*(_TWO_FILES if one_file else ()), *(("too-long",) if no_model else ())}
    clean = [name for name, own in summary["findings"].items() if not own["rows"] and name not in skipped]
    yield f"Nothing found: {', '.join(clean) or 'none of the checks'}"
    for name, why in summary["not_made"].items():
        yield f"Not made: {name} ({why})"


def _row(row: Shown, linted: Linted) -> str:
    name = f" {row.id}" if row.id else ""
    return f"      {linted.files[row.file]}:{row.line}{name}  {row.detail}"


def _rows(number: int) -> str:
    return f"{number:,} row{'s' * (number != 1)}"


def _share(number: int, rows: int) -> str:
    return f"{_rows(number)} of {rows:,} ({_percent(number, rows)})"


def _percent(number: int, rows: int) -> str:
    share = number / rows
    return f"{share:.2%}" if share == 0 or share >= 0.0001 else "<0.01%"
