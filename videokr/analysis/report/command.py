"""`videokr report`: runs beside the published table, as one self-contained page and as Markdown for a model card.

The page holds scores and differences, probes, verdicts, breakdowns, run cards, and a browser of examples with contact
sheets of the frames. It asks the network for nothing and needs no script but to filter the examples.
"""

import argparse
from pathlib import Path

from videokr.analysis.report.breakdown import breakdowns, probe_table
from videokr.analysis.report.markdown import as_markdown
from videokr.analysis.report.page import Report, gather, page, spread_over
from videokr.analysis.report.run_set import card_table, read_run_set
from videokr.analysis.report.scores import other_table, published_table, verdict_table
from videokr.errors import UserError
from videokr.outputs import atomic_write
from videokr.page.sheet import NoSheet, Sheets, make_sheets

PAGE = "report.html"
EXAMPLES = 2_000
# What a page of that many examples may weigh; one of more may weigh more in proportion.
PAGE_BYTES = 14_500_000
TEXT_SHARE, PICTURE_SHARE = 0.4, 0.35  # of it, for responses, and for contact sheets where there are some
MAX_PICTURE_BYTES = 16_000
NAMED = 3  # videos without a sheet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="DIR", help="folder of a run of local_script/eval_videokr.sh"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"the page (default: {PAGE} in the first DIR)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="(default: beside the page, .md)")
    parser.add_argument("--mixed", action="store_true", help="also where prompt or frame budget differ")
    parser.add_argument("--no-sheets", action="store_true", help="no frames of the videos")
    parser.add_argument(
        "--examples", type=int, default=EXAMPLES, metavar="N", help="on the page at most (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Status 0, also where videos are missing: the page and the last line say so."""
    if args.examples < 0:
        raise UserError(f"--examples is {args.examples}: a number of examples, at least 0")
    output: Path = args.output or args.runs[0] / PAGE
    markdown: Path = args.markdown or output.with_suffix(".md")
    if output.absolute() == markdown.absolute():
        raise UserError(f"'{output}' cannot be both the page and the Markdown: give two names")
    run_set = read_run_set(args.runs, args.mixed)
    all_cases = gather(run_set)
    cases = spread_over(all_cases, args.examples)
    max_bytes = int(PAGE_BYTES * max(1.0, len(cases) / EXAMPLES))
    tables = {
        "scores": published_table(run_set),
        "others": other_table(run_set),
        "probes": probe_table(run_set),
        "verdicts": verdict_table(run_set),
        "cards": card_table(run_set),
    }
    report = Report(
        run_set=run_set,
        tables={name: table for name, table in tables.items() if table},
        breakdowns=breakdowns(run_set),
        cases=cases,
        question_count=len(all_cases),
        text_bytes=int(max_bytes * (TEXT_SHARE + PICTURE_SHARE if args.no_sheets else TEXT_SHARE)),
    )
    sheets: Sheets = {}
    if not args.no_sheets:
        videos = {path: (Path(path), case.answers[0][0].card.budget) for case in cases for path in case.example.videos}
        each = int(max_bytes * PICTURE_SHARE) * 3 // 4 // max(1, len(videos))  # base64 takes four bytes for three
        sheets = make_sheets(videos, min(MAX_PICTURE_BYTES, each))
    with atomic_write(output) as aside, aside.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(page(report, sheets))
    with atomic_write(markdown) as aside:
        aside.write_text(as_markdown(report), encoding="utf-8", newline="\n")
    megabytes = output.stat().st_size / 1_000_000
    print(f"page      {output}  ({megabytes:.1f} MB, {len(cases):,} of {len(all_cases):,} questions)")
    print(f"markdown  {markdown}")
    reasons = {path: sheet.reason for path, sheet in sheets.items() if isinstance(sheet, NoSheet)}
    if reasons:
        named = "; ".join(f"'{path}' {reason}" for path, reason in list(reasons.items())[:NAMED])
        more = f" and {len(reasons) - NAMED:,} more" if len(reasons) > NAMED else ""
        print(f"{len(reasons):,} of {len(sheets):,} videos without a contact sheet: {named}{more}")
    return 0
