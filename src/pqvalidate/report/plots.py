"""Plots of execution times as SVG for a page that loads nothing: the same figures give the same bytes.

matplotlib draws them, without a window (extra ``plots``); where it is missing the page says so and has the numbers.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from io import StringIO
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from pqvalidate.report.messages import Messages
from pqvalidate.report.timings import Timing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REMEDY = "pip install 'pqvalidate[plots]'"
_FIRST, _SECOND, _DARK = "#0b4f9e", "#b3400b", "#1a1a1a"
_CALM = 60
"""Up to this quantile, in percent, all is to be seen; above it, other work of the machine may leave the frame."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "pqvalidate", "font.family": "sans-serif", "font.size": 9.0,
    "axes.spines.top": False, "axes.spines.right": False, "path.simplify": False,
}  # fmt: skip
_NAME = re.compile(r'(\bid="|url\(#|href="#)')
_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)


def available() -> bool:
    """Tell whether plots can be drawn here."""
    return find_spec("matplotlib") is not None


def drawn(timing: Timing, number: int, say: Messages) -> Markup:
    """Return one comparison as SVG: the distribution of both classes, and their difference at every quantile.

    Args:
        timing: the figures.
        number: another one for each plot of a page, so that names inside them differ.
        say: the language of the page.

    """
    import matplotlib as mpl  # noqa: PLC0415  (heavy; loaded when a plot is drawn)
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.2, 3.2), layout="constrained")
        FigureCanvasSVG(figure)
        left, right = figure.subplots(1, 2)
        _distribution(left, timing, say)
        _differences(right, timing, say)
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = _METADATA.sub("", _HEAD.sub("", out.getvalue()))
    text = _NAME.sub(rf"\g<1>plot{number}-", text)
    label = escape(f"{timing.check}, {timing.parameter_set}, {timing.design}")
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))  # noqa: S704  (drawn here)


def _distribution(axes: Axes, timing: Timing, say: Messages) -> None:
    shown = timing.figures
    edges = [(shown.bins_from_ns + place * shown.bin_ns) / 1000 for place in range(len(shown.first_bins) + 1)]
    one, other = _classes(timing, say)
    axes.stairs(shown.first_bins, edges, color=_FIRST, linewidth=1.4, label=one)
    axes.stairs(shown.second_bins, edges, color=_SECOND, linewidth=1.4, linestyle="--", label=other)
    axes.set_xlabel(say("time of a call in µs"))
    axes.set_ylabel(say("calls"))
    axes.set_title(say("Distribution of both classes"), fontsize=9)
    axes.legend(frameon=False, fontsize=8)


def _differences(axes: Axes, timing: Timing, say: Messages) -> None:
    shown = timing.figures
    kept = [place for place, percent in enumerate(shown.percents) if 5 <= percent <= 95]
    percents = [shown.percents[place] for place in kept]
    lows, middles, highs = ([shown.differences[place][n] for place in kept] for n in range(3))
    axes.fill_between(percents, lows, highs, color=_FIRST, alpha=0.2, linewidth=0)
    axes.plot(percents, middles, color=_FIRST, linewidth=1.4, marker="o", markersize=3)
    axes.axhline(0, color=_DARK, linewidth=0.8)
    if shown.planted_ns is not None:
        axes.axhline(
            shown.planted_ns,
            color=_SECOND,
            linewidth=1,
            linestyle=":",
            label=say("smallest planted difference noticed"),
        )
        axes.legend(frameon=False, fontsize=8)
    calm = [place for place, percent in enumerate(percents) if percent <= _CALM]
    reach = 1.2 * max(abs(bound) for place in calm for bound in (lows[place], highs[place], shown.planted_ns or 1))
    axes.set_ylim(-reach, reach)
    axes.set_xlabel(say("quantile in percent"))
    axes.set_ylabel(say("second minus first class in ns"))
    axes.set_title(say("Difference of the classes at each quantile"), fontsize=9)


def _classes(timing: Timing, say: Messages) -> tuple[str, str]:
    """Return the names of both classes, which the name of their design holds."""
    one, dash, other = timing.design.partition("-")
    return (one, other) if dash else (say("first class"), say("second class"))
