"""Histograms as pictures, by matplotlib."""

import base64
import io
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from data_prep.stats.distribution import Distribution

SIZE_INCHES, DOTS_PER_INCH = (5.6, 2.4), 110
INK = "#808080"  # to be read on a light page and on a dark one


def draw(title: str, numbers: Mapping[str, Distribution], unit: str) -> str:
    """A PNG as an address for `img`: of each file the share of its numbers in each bin, in the same axes."""
    figure = Figure(SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    drawn = [axes.stairs(np.divide(own.counts, own.count), own.edges) for own in numbers.values()]
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title(title, color=INK, fontsize=9)
    axes.set_xlabel(unit, color=INK)
    axes.tick_params(colors=INK)
    axes.spines[:].set_color(INK)
    if len(numbers) > 1:
        for text in axes.legend(drawn, numbers, labelcolor=INK, framealpha=0, fontsize=8).get_texts():
            text.set_parse_math(False)  # a file may have a dollar in its name
    picture = io.BytesIO()
    figure.savefig(picture, dpi=DOTS_PER_INCH, transparent=True, metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
