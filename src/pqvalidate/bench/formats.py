"""A benchmark as text, JSON, CSV, or the JSON of pytest-benchmark, which build actions read, too."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

from pqvalidate.bench.intervals import PPM
from pqvalidate.bench.records import BenchReport, Change, Count, CountRatio, Figure, Judged, Ratio
from pqvalidate.documents import to_json


def text(report: BenchReport) -> str:
    """Return tables for people, one per parameter set."""
    machine = report.machine
    lines = [
        f"{machine.processor}, {machine.processors} processors, {machine.platform}",
        f"load {machine.load_before / 1000:.1f} before, {machine.load_after / 1000:.1f} after",
        f"{report.seconds_per_operation_ms / 1000:g} s for each operation, taken in turns",
    ]
    lines += [f"{who.label}: {who.name} {who.version}" for who in report.contestants]
    for name in dict.fromkeys(figure.parameter_set for figure in report.figures):
        lines += ["", *_table(report, name)]
    lines += _notes(report)
    for title, rows in (("Claims", report.claims), ("Rules", report.rules)):
        lines += ["", title, *(_judgement(row) for row in rows)] if rows else []
    return "\n".join(lines) + "\n"


def _table(report: BenchReport, name: str) -> list[str]:
    width = max(len(who.label) for who in report.contestants)
    lines = [f"{name:<26}{'':<{width}}  {'per call':>12} {'95 % within':>12} {'per second':>12}  time beside"]
    operation = ""
    for figure in report.figures:
        if figure.parameter_set != name:
            continue
        shown = figure.operation if figure.operation != operation else ""
        operation = figure.operation
        within = max(figure.high_ns / figure.typical_ns, figure.typical_ns / max(figure.low_ns, 1)) - 1
        beside = ", ".join(
            [_beside(row) for row in report.ratios if _place(row) == _place(figure)]
            + [_since(row) for row in report.changes if _place(row) == _place(figure) and row.of != "instructions"]
        )
        lines.append(
            f"  {shown:<24}{figure.label:<{width}}  {_duration(figure.typical_ns):>12} {f'± {within:.1%}':>12}"
            f" {figure.ops_per_second:>12,}  {beside}{_marks(figure)}".rstrip()
        )
    lines += [
        f"  {'bytes':<24}{row.label:<{width}}  {', '.join(f'{field} {size:,}' for field, size in row.bytes.items())}"
        for row in report.sizes if row.parameter_set == name and row.bytes
    ]  # fmt: skip
    lines += _instructions(report, name, width)
    lines += _memory(report, name, width)
    return lines


def _instructions(report: BenchReport, name: str, width: int) -> list[str]:
    rows = [row for row in report.counts if row.parameter_set == name]
    lines = ["", f"{name:<26}{'':<{width}}  {'instructions':>14} {'95 % within':>12}  beside"] if rows else []
    for row in rows:
        within = max(row.high / row.instructions, row.instructions / row.low) - 1
        beside = ", ".join(
            [f"{r.ratio_ppm / PPM:.3f} x {r.reference}{'' if r.same_form else ' (unlike key forms)'}"
             for r in report.count_ratios if _place(r) == _place(row)]
            + [f"{c.change_ppm / PPM:.4f} x the saved instructions"
               for c in report.changes if _place(c) == _place(row) and c.of == "instructions"]
        )  # fmt: skip
        spread = f"± {within:.2%}"
        lines.append(
            f"  {row.operation:<24}{row.label:<{width}}  {row.instructions:>14,} {spread:>12}  {beside}".rstrip()
        )
    return lines


def _memory(report: BenchReport, name: str, width: int) -> list[str]:
    rows = [row for row in report.memory if row.parameter_set == name]
    title = f"{name:<26}{'':<{width}}  {'first call':>14} {'later calls':>12}  held before"
    return ["", title] * bool(rows) + [
        f"  {row.operation:<24}{row.label:<{width}}  {f'{row.first_kib:,} KiB':>14} "
        f"{f'{row.later_kib:,} KiB':>12}  {row.process_kib:,} KiB"
        for row in rows
    ]  # fmt: skip


def _place(row: Figure | Ratio | Change | Count | CountRatio) -> tuple[str, str, str]:
    return row.operation, row.parameter_set, row.label


def _beside(row: Ratio) -> str:
    unlike = "" if row.same_form else ", unlike key forms"
    noisy = ", noisy" if row.noisy else ""
    within = f"{row.low_ppm / PPM:.3f} to {row.high_ppm / PPM:.3f}"
    return f"{row.ratio_ppm / PPM:.3f} x {row.reference} ({within}{noisy}{unlike})"


def _since(row: Change) -> str:
    return f"{row.change_ppm / PPM:.3f} x the saved {row.of} ({row.low_ppm / PPM:.3f} to {row.high_ppm / PPM:.3f})"


def _duration(ns: int) -> str:
    for limit, unit in ((10**9, "s"), (10**6, "ms"), (10**3, "µs")):
        if ns >= limit:
            return f"{ns / limit:.2f} {unit}"
    return f"{ns} ns"


def _marks(figure: Figure) -> str:
    marks = []
    if figure.key == "seed":
        marks.append("key as a seed")
    if figure.attempts:
        marks.append(f"{figure.attempts} attempts each")
    if figure.operation == "sign":
        marks.append("hedged, mean")
    if figure.where == "outside":
        marks.append("with the way there and back")
    elif figure.where == "program":
        marks.append("by its own clock")
    elif figure.clock == "wall":
        marks.append("time on the wall")
    if figure.noisy:
        marks.append("noisy")
    return f"  [{'; '.join(marks)}]" if marks else ""


def _notes(report: BenchReport) -> list[str]:
    if not report.gaps:
        return []
    lines = ["", "Not measured"]
    return lines + [f"  {gap.parameter_set} {gap.operation}, {gap.label}: {gap.why}" for gap in report.gaps]


def _judgement(row: Judged) -> str:
    return f"  {row.verdict.upper():<13} {row.text}: {row.why}"


def json_document(report: BenchReport) -> str:
    """Return the report as one JSON document."""
    return to_json(report).decode()


def csv_table(report: BenchReport) -> str:
    """Return one line per figure, with its ratio to the first reference in parts per million."""
    ratios = {_place(row): row for row in reversed(report.ratios)}
    counts = {_place(row): row.instructions for row in report.counts}
    memory = {(row.operation, row.parameter_set, row.label): row.first_kib for row in report.memory}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    numbers = ("p05", "p25", "median", "p75", "p95", "p99", "mean")
    writer.writerow([
        "parameter_set", "operation", "implementation", "call", "clock", "where", "calls", "typical_ns", "low_ns",
        "high_ns", "ops_per_second", *(f"{n}_ns" for n in numbers), "reference", "ratio_ppm", "low_ppm", "high_ppm",
        "instructions", "first_call_kib",
    ])  # fmt: skip
    for figure in report.figures:
        row = ratios.get(_place(figure))
        writer.writerow([
            figure.parameter_set, figure.operation, figure.label, figure.call, figure.clock, figure.where,
            figure.calls, figure.typical_ns, figure.low_ns, figure.high_ns, figure.ops_per_second,
            *(getattr(figure.ns, n) for n in numbers),
            *((row.reference, row.ratio_ppm, row.low_ppm, row.high_ppm) if row else ("", "", "", "")),
            counts.get(_place(figure), ""), memory.get(_place(figure), ""),
        ])  # fmt: skip
    return stream.getvalue()


def pytest_benchmark(report: BenchReport) -> str:
    """Return the report as pytest-benchmark stores one, in seconds.

    The spread that such a file has room for is that of single calls between the 5th and the 95th percentile; the
    extremes of a busy machine would say nothing.
    """
    machine = report.machine
    return json.dumps({
        "machine_info": {
            "node": "", "processor": machine.processor, "machine": machine.platform, "python_version": machine.python,
            "python_implementation": "CPython", "system": machine.platform, "release": "",
            "cpu": {"brand_raw": machine.processor, "count": machine.processors},
        },
        "commit_info": {"id": "unknown", "time": None, "author_time": None, "dirty": False, "project": "pqvalidate",
                        "branch": "(unknown)"},
        "benchmarks": [_entry(figure) for figure in report.figures],
        "datetime": report.finished,
        "version": "5.0.0",
    }, indent=1) + "\n"  # fmt: skip


def _entry(figure: Figure) -> dict[str, object]:
    name = f"{figure.parameter_set} {figure.operation} [{figure.label}]"
    ns, second = figure.ns, 1e9
    middle = figure.typical_ns / second
    return {
        "group": f"{figure.parameter_set} {figure.operation}", "name": name, "fullname": f"pqvalidate bench::{name}",
        "params": None, "param": None,
        "extra_info": {"call": figure.call, "clock": figure.clock, "where": figure.where, "low_ns": figure.low_ns,
                       "high_ns": figure.high_ns, "noisy": figure.noisy},
        "options": {"disable_gc": False, "timer": "perf_counter", "min_rounds": figure.rounds, "max_time": 0.0,
                    "min_time": 0.0, "warmup": True},
        "stats": {
            "min": ns.p05 / second, "max": ns.p95 / second, "mean": middle,
            "stddev": (figure.high_ns - figure.low_ns) / 4 / second, "rounds": figure.rounds,
            "median": ns.median / second, "iqr": (ns.p75 - ns.p25) / second, "q1": ns.p25 / second,
            "q3": ns.p75 / second, "iqr_outliers": 0, "stddev_outliers": 0, "outliers": "0;0",
            "ld15iqr": ns.p05 / second, "hd15iqr": ns.p95 / second, "ops": 1 / middle,
            "total": ns.mean * figure.calls / second, "iterations": max(1, figure.calls // max(figure.rounds, 1)),
        },
    }  # fmt: skip


FORMATS: dict[str, Callable[[BenchReport], str]] = {
    "text": text, "json": json_document, "pytest-benchmark": pytest_benchmark, "csv": csv_table,
}  # fmt: skip
