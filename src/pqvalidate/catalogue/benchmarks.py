"""Benchmarks beside a certificate: what was timed of the very files that it is about, with intervals, and plots of it.

A certificate carries no figures of speed. A result of ``pqvalidate bench --save`` can be shown on the page of a
certificate if one of the timed artefacts is a subject of the certificate, by digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pqvalidate.certificate.predicate import SubjectFile
from pqvalidate.documents import Record, parse_json, read_bytes, to_record
from pqvalidate.errors import InputError

_WHAT = "what `pqvalidate bench --save` has written"
WIDTH = 560
"""Width of a plot in its own units; the left part has the names, the right part the figures."""
_LEFT, _RIGHT = 200, 110


class _Part(Record, forbid_unknown_fields=False):
    """Base of the parts of a benchmark that a page shows; its other fields are left out."""


class Artefact(_Part):
    """A file or tree that was timed, by its SHA-256 digest in hex."""

    path: str
    sha256: str


class Contestant(_Part):
    """An implementation that was timed."""

    label: str
    name: str
    version: str
    artefacts: tuple[Artefact, ...]


class Machine(_Part):
    """Where it was timed."""

    platform: str
    processor: str


class Figure(_Part):
    """What one operation of one implementation costs in ns, with its 95 % interval."""

    operation: str
    parameter_set: str
    label: str
    clock: Literal["processor", "wall"]
    where: Literal["inside", "program", "outside"]
    typical_ns: int
    low_ns: int
    high_ns: int
    noisy: bool


class Benchmark(_Part):
    """A saved benchmark, as far as a page shows it."""

    schema: Literal["pqvalidate/bench/1"]
    started: str
    machine: Machine
    contestants: tuple[Contestant, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of a plot: a name, whether it is the product, its figure, and where it is drawn."""

    name: str
    own: bool
    figure: Figure
    y: int
    low: int
    middle: int
    high: int


@dataclass(frozen=True, slots=True)
class Plot:
    """The figures of one operation of one parameter set, the product first."""

    operation: str
    parameter_set: str
    marks: tuple[Mark, ...]

    @property
    def height(self) -> int:
        """Return the height of the plot in its own units."""
        return 28 * len(self.marks) + 8


def read(path: Path) -> Benchmark:
    """Read a saved benchmark.

    Raises:
        InputError: it is missing or malformed.

    """
    found = to_record(parse_json(read_bytes(path, _WHAT), path, _WHAT), Benchmark, path, f"Give {_WHAT}")
    for index, row in enumerate(found.figures):
        if not 0 < row.low_ns <= row.typical_ns <= row.high_ns:
            raise InputError(path, f"figures[{index}]", "is no interval above 0", f"Give {_WHAT}")
    return found


def own_labels(benchmark: Benchmark, subjects: Sequence[SubjectFile]) -> frozenset[str]:
    """Return the labels of the contestants of which a timed file is one of the subjects."""
    digests = {subject.digest.sha256 for subject in subjects}
    return frozenset(
        row.label for row in benchmark.contestants if any(file.sha256 in digests for file in row.artefacts)
    )


def plots(benchmark: Benchmark, own: frozenset[str]) -> list[Plot]:
    """Return a plot for each operation and parameter set that was timed of the product."""
    names = {row.label: f"{row.name} {row.version}".strip() for row in benchmark.contestants}
    groups: dict[tuple[str, str], list[Figure]] = {}
    for figure in benchmark.figures:
        groups.setdefault((figure.parameter_set, figure.operation), []).append(figure)
    return [_plot(figures, own, names) for figures in groups.values() if any(figure.label in own for figure in figures)]


def _plot(figures: Sequence[Figure], own: frozenset[str], names: dict[str, str]) -> Plot:
    ordered = sorted(figures, key=lambda figure: (figure.label not in own, figure.label))
    most = max(figure.high_ns for figure in figures)

    def place(nanoseconds: int) -> int:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * nanoseconds // most

    marks = tuple(
        Mark(
            name=names.get(figure.label, figure.label), own=figure.label in own, figure=figure, y=28 * number + 18,
            low=place(figure.low_ns), middle=place(figure.typical_ns), high=place(figure.high_ns),
        )
        for number, figure in enumerate(ordered)
    )  # fmt: skip
    return Plot(operation=figures[0].operation, parameter_set=figures[0].parameter_set, marks=marks)
