"""How much of a score needs the video: runs whose videos were changed on purpose, against the run without."""

from videokr.analysis.compare import Compared, compare_runs
from videokr.analysis.report.figures import NOTHING, count, percent, points, signed, signed_span
from videokr.analysis.report.lineup import Entry, Lineup
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.probe import Probe
from videokr.page.table import Cell, Row, Section, Table, Tone

_NONE = Cell(NOTHING, Tone.QUIET)


def probe_table(lineup: Lineup) -> Table | None:
    """None where no probe stands beside a whole run of its model on the same questions."""
    sections, columns = [], probe_names(lineup)
    lonely = {probe.label for probe in lineup.probes}
    for entry in lineup.whole:
        compared: dict[str, dict[str, Compared]] = {}
        for probe in lineup.probes:
            if not probe.is_same_model(entry) or not set(probe.answers) & set(entry.answers):
                continue
            lonely.discard(probe.label)
            for one in compare_runs(probe.run, entry.run):
                compared.setdefault(one.benchmark, {}).setdefault(_name(probe), one)
        sections += [
            Section(f"{title_of(benchmark)}, {entry.label}", _rows([compared[benchmark].get(name) for name in columns]))
            for benchmark in entry.answers
            if benchmark in compared
        ]
    if not sections:
        return None
    return Table(
        caption="Accuracy in per cent with the video changed on purpose",
        corner="Probe",
        columns=columns,
        sections=sections,
        notes=[
            "blind: no video; single: one frame, drawn at random; four: four, evenly spread; shuffled: all, in an "
            "order drawn at random; swapped: the video of another question.",
            "Needs the video: whole minus probe, in points, over the questions that have a verdict in both runs; those "
            "without, or asked in one run alone, are left out. 95% interval by a bootstrap over videos.",
            *(f"{label} has no run of the same model with whole videos beside it." for label in sorted(lonely)),
        ],
    )


def probe_names(lineup: Lineup) -> list[str]:
    names = {_name(entry) for entry in lineup.probes}
    return [name for name in Probe if name in names] + sorted(names - set(Probe))


def _name(entry: Entry) -> str:
    return entry.run.card.probe or ""


def _rows(compared: list[Compared | None]) -> list[Row]:
    return [
        Row("whole video", [_whole(one) for one in compared]),
        Row("probe", [_probe(one) for one in compared]),
        Row("needs the video", [_needs(one) for one in compared]),
        Row("95% interval", [_interval(one) for one in compared], is_detail=True),
        Row("share of the score", [_share(one) for one in compared], is_detail=True),
        Row("questions", [_questions(one) for one in compared], is_detail=True),
    ]


def _whole(one: Compared | None) -> Cell:
    return _NONE if one is None or one.second is None else Cell(points(one.second))


def _probe(one: Compared | None) -> Cell:
    return _NONE if one is None or one.first is None else Cell(points(one.first))


def _needs(one: Compared | None) -> Cell:
    return _NONE if one is None or one.difference is None else Cell(signed(100 * one.difference.value), Tone.STRONG)


def _interval(one: Compared | None) -> Cell:
    if one is None or one.difference is None:
        return _NONE
    return Cell(signed_span(100 * one.difference.low, 100 * one.difference.high))


def _share(one: Compared | None) -> Cell:
    if one is None or one.difference is None or not one.second:
        return _NONE
    return Cell(percent(one.difference.value / one.second))


def _questions(one: Compared | None) -> Cell:
    if one is None or one.difference is None:
        return _NONE
    left_out = one.unpaired + one.unscored
    more = f" ({count(left_out)} left out)" if left_out else ""
    return Cell(count(one.difference.examples) + more, Tone.WARNING if left_out else Tone.PLAIN)
