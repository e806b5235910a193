"""The pictures of the page: what each implementation passed, how fast it is, and what each policy decides."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqvalidate.documents import write_atomically
from pqvalidate.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PAPER, GREY = "#1a1a1a", "#ffffff", "#e4e4e4"
BLUE, ORANGE, SAND, AMBER = "#9cc3e6", "#e8843c", "#f4e3b2", "#f2c14e"
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "pqvalidate", "svg.fonttype": "none", "font.size": 9.0, "font.family": "sans-serif",
}  # fmt: skip
_ROW, _COLUMN, _NAMES = 0.34, 0.92, 2.5
"""Inches for a row, a column of a matrix, and the names beside it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a matrix: what is written in it and its colour."""

    text: str
    colour: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One figure of a speed plot: who, the microseconds, the ends of their interval, and whether the way counts too."""

    who: str
    typical: float
    low: float
    high: float
    outside: bool


def ready() -> None:
    """Find out before a long measurement whether pictures can be drawn.

    Raises:
        UsageError: matplotlib is missing.

    """
    _figure(1, 1)


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("the pictures of the page need matplotlib: pip install 'pqvalidate[plots]'") from None
    return Figure(figsize=(width, height), layout="constrained")


def _written(file: Path, width: float, height: float, draw: Callable[[Any], None], also_png: Path | None) -> None:
    """Draw into an SVG file that is the same for the same figures, and into a PNG to look at."""
    import matplotlib as mpl

    with mpl.rc_context(_SETTINGS):
        figure = _figure(width, height)
        draw(figure)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
        write_atomically(file, b"".join(line.rstrip() + b"\n" for line in out.getvalue().splitlines()))
        if also_png:
            out = io.BytesIO()
            figure.savefig(out, format="png", dpi=110)
            write_atomically(also_png / f"{file.stem}.png", out.getvalue())


def matrix(
    file: Path, title: str, rows: Sequence[str], columns: Sequence[str], cells: Mapping[tuple[str, str], Cell],
    legend: Sequence[tuple[str, str]], png: Path | None = None,
) -> None:  # fmt: skip
    """Draw a matrix of words on colours; a colour never says anything that the words do not."""

    def draw(figure: Any) -> None:
        axes: Axes = figure.subplots()
        from matplotlib.patches import Rectangle

        for y, row in enumerate(rows):
            for x, column in enumerate(columns):
                cell = cells.get((row, column), Cell("", PAPER))
                axes.add_patch(Rectangle((x, y), 1, 1, facecolor=cell.colour, edgecolor=PAPER, linewidth=2))
                axes.text(x + 0.5, y + 0.5, cell.text, ha="center", va="center", color=INK, fontsize=8)
        axes.set_xlim(0, len(columns))
        axes.set_ylim(len(rows), 0)
        axes.set_yticks([y + 0.5 for y in range(len(rows))], rows)
        axes.set_xticks([x + 0.5 for x in range(len(columns))], columns, rotation=30, ha="left", rotation_mode="anchor")
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        marks = [Rectangle((0, 0), 1, 1, facecolor=colour) for _, colour in legend]
        figure.legend(marks, [name for name, _ in legend], loc="outside lower center", ncols=len(legend), frameon=False,
                      fontsize=8)  # fmt: skip
        figure.suptitle(title, fontsize=11)

    width = _NAMES + _COLUMN * len(columns)
    _written(file, width, 1.9 + _ROW * len(rows), draw, png)


def speed(
    file: Path, title: str, panels: Mapping[str, Sequence[Dot]], reference: str, png: Path | None = None
) -> None:  # fmt: skip
    """Draw times per call on one logarithmic scale, one panel for each operation, with 95 % intervals."""
    most = max(len(dots) for dots in panels.values())

    def draw(figure: Any) -> None:
        found = figure.subplots(1, len(panels), sharex=True, squeeze=False)[0]
        for axes, (operation, dots) in zip(found, panels.items(), strict=True):
            for y, dot in enumerate(sorted(dots, key=lambda dot: dot.typical)):
                colour = "#b3400b" if dot.who == reference else "#0b4f9e"
                axes.plot([dot.low, dot.high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
                axes.plot([dot.typical], [y], "o", color=colour, markersize=5,
                          markerfacecolor=PAPER if dot.outside else colour)  # fmt: skip
                axes.annotate(_microseconds(dot.typical), (dot.typical, y), textcoords="offset points", xytext=(0, 5),
                              ha="center", fontsize=7, color=INK)  # fmt: skip
            axes.set_yticks(
                range(len(dots)), [dot.who for dot in sorted(dots, key=lambda dot: dot.typical)], fontsize=8
            )
            axes.set_ylim(-0.6, most - 0.2)
            axes.invert_yaxis()
            axes.set_xscale("log")
            axes.margins(x=0.18)
            axes.grid(axis="x", which="major", color=GREY, linewidth=0.8)
            axes.set_axisbelow(True)
            axes.set_title(operation.replace("_", " "), fontsize=9)
            axes.set_xlabel("µs per call, logarithmic")
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
        figure.suptitle(title, fontsize=11)

    _written(file, 3.9 * len(panels), 1.5 + 0.34 * most, draw, png)


def _microseconds(value: float) -> str:
    return f"{value / 1000:,.1f} ms" if value >= 10_000 else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
