"""Write docs/reference/speed.md: what every built-in implementation costs, all in one run (``make figures``).

``figures.py --help`` lists what can be chosen; with ``--from FILE`` the page is written anew from a result that was
saved, and nothing is measured. With ``--keep FOLDER`` the result of each parameter set is kept there as JSON when it is
there, and the same command goes on with the sets that are missing. The page is also printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

import pqvalidate.vendors as built_in
from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.bench.benchmark import Wanted, benchmark
from pqvalidate.bench.operations import OPERATIONS
from pqvalidate.bench.records import BenchReport, Figure, read_report
from pqvalidate.documents import to_json, write_atomically

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "speed.md"
USUAL = ("ML-KEM-768", "ML-DSA-65")
ALL = ("ML-KEM-512", "ML-KEM-768", "ML-KEM-1024", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")

HEAD = """# Speed of the built-in implementations

This page is written by `make figures`, in one run of `pqvalidate bench` with all implementations in turns; nothing in
it is typed by hand. The figures belong to one machine:

{machine}

A time is that of a whole call through the adapter in Python, with its 95 % interval as ± per cent; in brackets, the
time beside `{reference}`. How it is measured, and what the intervals mean: [](../howto/bench.md).

Marks: *s* the private key is a seed, which each call expands; *n* noisy, the parts of the run differ more than their
rounds explain; *w* time on the wall. A dash: not offered, or not measured. Where a ratio has an *s* on one side alone,
the two do unlike work.
"""


def page(report: BenchReport, absent: Sequence[str]) -> str:
    """Return the page."""
    machine = report.machine
    system = machine.platform.split("-")
    lines = [
        f"- processor {machine.processor}, {machine.processors} cores",
        f"- {system[0]} {system[1]}, Python {machine.python}",
        f"- load {machine.load_before / 1000:.1f} before and {machine.load_after / 1000:.1f} after",
        f"- {report.seconds_per_operation_ms / 1000:g} s for each operation; {report.finished[:10]}",
    ]
    lines += [f"- instructions by {machine.counted}"] if machine.counted else []
    parts = [HEAD.format(machine="\n".join(lines), reference=report.contestants[0].label)]
    parts.append("\n".join(["## Who was measured", "", *table(
        ["name", "implementation", "version"], [[who.label, who.name, who.version] for who in report.contestants]
    )]) + "\n")  # fmt: skip
    if absent:
        parts.append("Not available on this machine: " + "; ".join(absent) + ".\n")
    sets = dict.fromkeys(figure.parameter_set for figure in report.figures)
    parts += ["\n".join(_of_set(report, name)) + "\n" for name in sets]
    return "\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _of_set(report: BenchReport, name: str) -> Iterator[str]:
    known = [op for op in OPERATIONS[PARAMETER_SETS[name].kind]
             if any((f.operation, f.parameter_set) == (op, name) for f in report.figures)]  # fmt: skip
    labels = [who.label for who in report.contestants
              if any((f.label, f.parameter_set) == (who.label, name) for f in report.figures)]  # fmt: skip
    head = ["", *(op.replace("_", " ") for op in known)]

    def grid(title: str, cell: Callable[[str, str], str]) -> Iterator[str]:
        rows = [[label, *(cell(op, label) or "-" for op in known)] for label in labels]
        if any(entry != "-" for row in rows for entry in row[1:]):
            yield from ["", f"### {name}: {title}", "", *table(head, rows)]

    figures = {(f.operation, f.label): f for f in report.figures if f.parameter_set == name}
    ratios = {(r.operation, r.label): r for r in report.ratios if r.parameter_set == name}

    def time_of(op: str, label: str) -> str:
        figure, ratio = figures.get((op, label)), ratios.get((op, label))
        if figure is None:
            return ""
        within = max(figure.high_ns / figure.typical_ns, figure.typical_ns / figure.low_ns) - 1
        beside = f" ({digits(ratio.ratio_ppm / 1e6)} x)" if ratio else ""
        return f"{duration(figure.typical_ns)} ± {within:.1%}{beside}{_marks(figure)}"

    counts = {(c.operation, c.label): c for c in report.counts if c.parameter_set == name}
    memory = {(m.operation, m.label): m for m in report.memory if m.parameter_set == name}
    yield f"## {name}"
    yield from grid("time of a call", time_of)
    yield from grid(
        "instructions of a call", lambda op, label: f"{c.instructions:,}" if (c := counts.get((op, label))) else ""
    )
    yield from grid(
        "memory that the first call adds, and that later calls add, KiB",
        lambda op, label: f"{m.first_kib:,} + {m.later_kib:,}" if (m := memory.get((op, label))) else "",
    )
    sizes = {row.label: row.bytes for row in report.sizes if row.parameter_set == name}
    fields = list(dict.fromkeys(field for label in labels for field in sizes.get(label, {})))
    rows = [[label, *(f"{sizes[label][field]:,}" if field in sizes[label] else "-" for field in fields)]
            for label in labels if sizes.get(label)]  # fmt: skip
    yield from ["", f"### {name}: bytes of what was made", "", *table(["", *fields], rows)]


def _marks(figure: Figure) -> str:
    marks = "s" * (figure.key == "seed") + "n" * figure.noisy + "w" * (figure.clock == "wall")
    return f" *{marks}*" if marks else ""


def duration(ns: int) -> str:
    """Return a time with three digits."""
    for limit, unit in ((10**9, "s"), (10**6, "ms"), (10**3, "µs")):
        if ns >= limit:
            return f"{digits(ns / limit)} {unit}"
    return f"{ns} ns"


def digits(value: float) -> str:
    """Return a number with three digits, or more before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def tell(what: str) -> None:
    """Say on standard error what is being measured."""
    sys.stderr.write(f"{what}\n")


def measured(wanted: Wanted, folder: Path) -> BenchReport:
    """Measure one parameter set after the other, keeping each, and return all as one result.

    A set that was measured with another length, by others, or under other circumstances is refused, not mixed in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reports: list[BenchReport] = []
    for name in wanted.parameter_sets:
        file = folder / f"{name}.json"
        if not file.is_file():
            write_atomically(file, to_json(benchmark(replace(wanted, parameter_sets=(name,)), tell)))
        reports.append(read_report(file))
        if (of := _asked(reports[-1])) != _asked(reports[0]):
            sys.exit(f"{file} was measured otherwise than the first set, {of}; delete it, or name another folder")
    return together(reports)


def _asked(report: BenchReport) -> tuple[object, ...]:
    machine = report.machine
    return (
        report.tool, report.seconds_per_operation_ms, machine.platform, machine.processor, machine.python,
        tuple(dict.fromkeys((who.label, who.version) for who in report.contestants)),
    )  # fmt: skip


def together(reports: Sequence[BenchReport]) -> BenchReport:
    """Return results of single parameter sets as one, which began with the first and ended with the last."""
    first, last = reports[0], reports[-1]
    machine = msgspec.structs.replace(
        first.machine, load_after=last.machine.load_after, counted=max(r.machine.counted for r in reports)
    )
    rows = {
        name: tuple(row for report in reports for row in getattr(report, name))
        for name in ("figures", "ratios", "gaps", "sizes", "counts", "count_ratios", "memory")
    }
    return msgspec.structs.replace(first, machine=machine, finished=last.finished, **rows)


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="Write docs/reference/speed.md.")
    parser.add_argument("--all-sets", action="store_true", help="all six parameter sets of FIPS 203 and 204")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each operation, shared by all (default: 2)")
    parser.add_argument("--without-instructions", action="store_true", help="count none: that takes longest")
    parser.add_argument("--save", type=Path, help="keep the result in this file, too")
    parser.add_argument("--keep", type=Path, help="keep the result of each set in this folder, and go on with those")
    parser.add_argument("--from", dest="kept", type=Path, help="write the page from a result that was kept")
    given = parser.parse_args()
    here = {name: built_in.availability(name) for name in built_in.BUILT_IN}
    absent = [f"{name} ({why})" for name, (available, why) in here.items() if not available]
    if given.kept:
        report = read_report(given.kept)
        absent = [entry for entry in absent if entry.split()[0] not in {who.label for who in report.contestants}]
    else:
        wanted = Wanted(
            named=tuple(name for name, (available, _) in here.items() if available and name != "openssl"),
            against="openssl", parameter_sets=ALL if given.all_sets else USUAL, seconds=given.seconds,
            instructions=not given.without_instructions, memory=True,
        )  # fmt: skip
        report = measured(wanted, given.keep) if given.keep else benchmark(wanted, tell)
    if given.save:
        write_atomically(given.save, to_json(report))
    written = page(report, absent)
    write_atomically(PAGE, written.encode())
    sys.stdout.write(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
