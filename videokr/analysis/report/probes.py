"""How much of a score needs the video: runs whose videos were changed on purpose, against the run without."""

from videokr.analysis.compare import Compared, compare_runs
from videokr.analysis.report.figures import NOTHING, percent, points, signed
from videokr.analysis.report.run_set import RunSet
from videokr.evaluation.benchmarks import title_of
from videokr.evaluation.probe import Probe
from videokr.page.table import Cell, Row, Section, Table, Tone

ROWS = ("whole video", "probe", "needs the video", "95% interval", "share of the score", "questions")
DETAILS = ROWS[3:]
_NONE = Cell(NOTHING, Tone.QUIET)


def probe_table(run_set: RunSet) -> Table | None:
    """None where no probe stands beside a whole run of its model on the same questions."""
    names = {view.card.probe or "" for view in run_set.probes}
    columns = [name for name in Probe if name in names] + sorted(names - set(Probe))
    sections = []
    lonely = {probe.label for probe in run_set.probes}
    for view in run_set.whole:
        compared: dict[str, dict[str, Compared]] = {}
        for probe in run_set.probes:
            if not probe.is_same_model(view) or not set(probe.answers) & set(view.answers):
                continue
            lonely.discard(probe.label)
            for one in compare_runs(probe.run, view.run):
                compared.setdefault(one.benchmark, {}).setdefault(probe.card.probe or "", one)
        for benchmark in view.answers:
            if benchmark in compared:
                cells = [_cells(compared[benchmark].get(name)) for name in columns]
                rows = [Row(name, [column[name] for column in cells], name in DETAILS) for name in ROWS]
                sections.append(Section(f"{title_of(benchmark)}, {view.label}", rows))
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


def _cells(compared: Compared | None) -> dict[str, Cell]:
    """By row; the probe is the first run of the comparison, the whole videos are the second."""
    cells = dict.fromkeys(ROWS, _NONE)
    if compared is None:
        return cells
    if compared.second is not None:
        cells["whole video"] = Cell(points(compared.second))
    if compared.first is not None:
        cells["probe"] = Cell(points(compared.first))
    if difference := compared.difference:
        cells["needs the video"] = Cell(signed(100 * difference.value), Tone.STRONG)
        cells["95% interval"] = Cell(f"{signed(100 * difference.low)} to {signed(100 * difference.high)}")
        if compared.second:
            cells["share of the score"] = Cell(percent(difference.value / compared.second))
        left_out = compared.unpaired + compared.unscored
        questions = f"{difference.examples:,}" + (f" ({left_out:,} left out)" if left_out else "")
        cells["questions"] = Cell(questions, Tone.WARNING if left_out else Tone.PLAIN)
    return cells
