"""`videokr corpus audit`, `reannotate` and `choose`: what people say of records, and what follows from it."""

import argparse
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from data_prep.corpus.audit.choice import cheapest, read_candidate, told
from data_prep.corpus.audit.figures import figures, shown
from data_prep.corpus.audit.page import write_page
from data_prep.corpus.audit.reannotation import NAME as REANNOTATED
from data_prep.corpus.audit.reannotation import STEP as REANNOTATE
from data_prep.corpus.audit.reannotation import solved, write_reannotated
from data_prep.corpus.audit.sample import draw
from data_prep.corpus.audit.verdicts import OPEN, VERDICTS, keep, opinions
from data_prep.corpus.ledger import NAME as LEDGER
from data_prep.corpus.ledger import Ledger
from data_prep.corpus.probe import Probe
from data_prep.corpus.settings import Corpus, read_corpus
from data_prep.corpus.shards import output_of, source_of
from videokr.errors import FAULTY_DATA_STATUS, UserError
from videokr.jsonl import refuse_unreadable


def run(args: argparse.Namespace, corpus: Corpus, files: Mapping[str, str]) -> int:
    """Runs one of the three; returns the exit status.

    Args:
        files: names of the steps' outputs.
    """
    if args.step == REANNOTATE:
        _reannotate(args, corpus)
        return 0
    if not args.of:
        raise UserError(f"videokr corpus {args.step} needs --step: whose records?")
    if args.step == "audit":
        _audit(args, corpus, source_of(corpus, args.of, files[args.of], args.shard, args.input))
        return 0
    if not args.candidates:
        raise UserError("videokr corpus choose needs --candidates: a corpus.yaml of each model that was tried")
    candidates = [read_candidate(path, read_corpus(path), args.of, files[args.of]) for path in args.candidates]
    print(shown(told(candidates, corpus.audit)))
    return 0 if cheapest(candidates, corpus.audit) else FAULTY_DATA_STATUS


def _audit(args: argparse.Namespace, corpus: Corpus, source: Path) -> None:
    refuse_unreadable(source)
    page = source.with_suffix(".audit.html")
    if args.sample is not None and (args.sample < 1 or args.verdicts):
        raise UserError("--sample makes a page of 1 record or more, and --verdicts takes what pages have saved")
    if args.sample:
        made = draw(source, args.sample, corpus.seed)
        if len(made) < args.sample:
            print(f"'{source}' has {len(made)} records, and {args.sample} were asked for: all of them are on the page")
        write_page(corpus, source, args.of, made, VERDICTS, page)
        return
    with closing(Ledger(output_of(corpus, LEDGER, args.shard))) as ledger:
        if args.verdicts and (replaced := keep(args.verdicts, args.of, source, ledger)):
            print(f"{replaced} verdicts replaced by others of the same annotator")
        said, gone = opinions(args.of, source, ledger)
    if gone:
        print(f"{gone} records that were judged are no longer in '{source}', and are not counted")
    if not said:
        raise UserError(
            f"no record of '{source}' is judged: make a page by --sample N, and give its files by --verdicts"
        )
    print(shown(figures(said)))
    if undecided := [one.made for one in said if one.verdict == OPEN]:
        write_page(corpus, source, args.of, undecided, VERDICTS, source.with_suffix(".undecided.html"))


def _reannotate(args: argparse.Namespace, corpus: Corpus) -> None:
    source = source_of(corpus, Probe.before.step, Probe.before.name, args.shard, args.input)
    output = output_of(corpus, REANNOTATED, args.shard)
    if args.verdicts:
        write_reannotated(args.verdicts, source, output)
        return
    made = solved(source, output_of(corpus, Probe.name, args.shard))
    write_page(corpus, source, REANNOTATE, made, {}, output.with_suffix(".html"))
