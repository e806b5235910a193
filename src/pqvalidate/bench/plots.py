"""A benchmark as pictures: ratios with their intervals, and the distribution of single calls."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pqvalidate.bench.intervals import PPM
from pqvalidate.bench.records import BenchReport, Figure, Ratio
from pqvalidate.documents import write_atomically
from pqvalidate.errors import UsageError

_FORMATS = ("svg", "png")
_ROW, _MARGIN, _WIDTH = 0.28, 1.3, 9.0
"""Inches for a row, for title and axis, and from left to right."""

_BLUE, _GREY, _AMBER = "#1f5f99", "#555555", "#b36b00"
_SETTINGS = {
    "svg.hashsalt": "pqvalidate",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def ready_to_draw(folder: Path) -> None:
    """Find out before a long measurement whether its plots can be made.

    Raises:
        UsageError: matplotlib is missing, or the folder cannot be written to.

    """
    _matplotlib()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"--plots {folder}: {error.strerror}; name a folder in one that exists") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"--plots {folder}: cannot be written to")


def _matplotlib() -> Any:  # noqa: ANN401  (a module that need not be installed)
    try:
        import matplotlib as mpl  # noqa: PLC0415
        from matplotlib.figure import Figure as Canvas  # noqa: PLC0415
    except ImportError:
        raise UsageError("--plots needs matplotlib: pip install 'pqvalidate[plots]'") from None
    return mpl, Canvas


def draw(report: BenchReport, folder: Path) -> list[Path]:
    """Write plots as SVG and PNG and return their paths.

    That are ``ratios`` (where something was compared), and ``times-SET`` for each parameter set. Files of these names
    are replaced.

    Raises:
        UsageError: matplotlib is missing.
        InputError: a file cannot be written.

    """
    written = []
    if report.ratios:
        written += _written(folder / "ratios", len(report.ratios), partial(_ratios, rows=report.ratios))
    for name in dict.fromkeys(figure.parameter_set for figure in report.figures):
        figures = [figure for figure in report.figures if figure.parameter_set == name]
        written += _written(folder / f"times-{name}", len(figures), partial(_times, rows=figures))
    return written


def _written(stem: Path, rows: int, paint: Callable[[Any], None]) -> list[Path]:
    mpl, canvas = _matplotlib()
    paths = []
    with mpl.rc_context(_SETTINGS):
        picture = canvas(figsize=(_WIDTH, _MARGIN + _ROW * rows), layout="constrained")
        paint(picture.add_subplot())
        for kind in _FORMATS:
            stream = io.BytesIO()
            picture.savefig(stream, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
            path = stem.with_name(f"{stem.name}.{kind}")
            write_atomically(path, stream.getvalue())
            paths.append(path)
    return paths


def _ratios(axes: Any, rows: Sequence[Ratio]) -> None:  # noqa: ANN401
    """Draw one line for each ratio: its 95 % interval and its estimate, on a scale where half and twice are alike."""
    for place, row in enumerate(reversed(rows)):
        colour = _AMBER if row.noisy else _BLUE
        axes.plot([row.low_ppm / PPM, row.high_ppm / PPM], [place, place], color=colour, linewidth=3, alpha=0.5)
        axes.plot([row.ratio_ppm / PPM], [place], marker="|", markersize=9, color=colour)
    axes.axvline(1, color=_GREY, linewidth=0.8, linestyle=":")
    _finish(
        axes, [f"{row.parameter_set} {row.operation}, {row.label} / {row.reference}" for row in reversed(rows)],
        "Time beside the reference: estimate and 95 % interval", "times as long (amber: noisy)",
    )  # fmt: skip


def _times(axes: Any, rows: Sequence[Figure]) -> None:  # noqa: ANN401
    """Draw the distribution of single calls: a line from 5 % to 95 %, a box of the middle half, the median."""
    for place, row in enumerate(reversed(rows)):
        ns = row.ns
        axes.plot([ns.p05 / 1e3, ns.p95 / 1e3], [place, place], color=_BLUE, linewidth=1)
        axes.plot([ns.p25 / 1e3, ns.p75 / 1e3], [place, place], color=_BLUE, linewidth=6, alpha=0.5)
        axes.plot([ns.median / 1e3], [place], marker="|", markersize=9, color=_GREY)
    _finish(
        axes, [f"{row.operation}, {row.label}" for row in reversed(rows)],
        f"{rows[0].parameter_set}: time of single calls (5, 25, 50, 75, 95 %)", "µs",
    )  # fmt: skip


def _plain(value: float, _: int) -> str:
    return f"{value:g}"


def _finish(axes: Any, names: Sequence[str], title: str, unit: str) -> None:  # noqa: ANN401
    axes.set_xscale("log")
    for of_axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        of_axis(_plain)  # 10 and 20 rather than powers of ten
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(unit)
    axes.grid(axis="x", which="both", linewidth=0.3, color="#dddddd")
