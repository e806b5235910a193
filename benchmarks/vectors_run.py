"""What all published vectors cost from a cold start: `PYTHONPATH=.:src python benchmarks/vectors_run.py [IUT]`.

A process of its own imports this package, attaches a native library (pycryptodome unless another built-in one is
named), reads the vectors, plans, and puts every published case to it; another one reads the inputs of the same calls
from a file, makes them in a bare loop, and does nothing else. Both are started several times in turn and the medians
compared, of whole processes and of asking beside calling. The last row is the whole command with its controls, judging
and report. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

MOST_SECONDS, MOST_RATIO = 5.0, 1.3
_CODE = "from benchmarks.vectors_run import {what}; {what}(*{arguments!r})"


def checks() -> tuple[str, ...]:
    """Return the names of the checks that ask published cases."""
    from pqvalidate.suites import all_checks  # noqa: PLC0415

    return tuple(c.name for c in all_checks() if c.suite == "known-answer" and "accumulated" not in c.name)


def harness(iut: str) -> None:
    """Attach, plan and run without controls; print wall seconds by stage, counted from here."""
    began = time.perf_counter()
    from pqvalidate import runner  # noqa: PLC0415
    from pqvalidate.adapters.attach import attach  # noqa: PLC0415
    from pqvalidate.planner import Selection, make_plan  # noqa: PLC0415

    stages = {"import": time.perf_counter() - began}
    setattr(runner, "run_controls", lambda _: ())  # noqa: B010  (they are another matter)
    with attach(iut) as implementation:
        stages["attach"] = time.perf_counter() - began
        planned = make_plan(implementation.subject, Selection(seed="00" * 16, only=checks()))
        stages["vectors and plan"] = time.perf_counter() - began
        evidence, failures = runner.run(implementation, planned, implementation.subject, None)
        stages["run"] = time.perf_counter() - began
    wrong = [case.case for case in failures if case.outcome == "error"]
    if wrong or evidence.status != "complete":
        sys.exit(f"errors of ours: {wrong[:3]}")
    apart = dict(
        zip(stages, [b - a for a, b in zip([0, *stages.values()], stages.values(), strict=False)], strict=True)
    )
    cases = sum(len(task.cases) for task in planned.tasks)
    print(json.dumps({"stages": apart, "cases": cases, "cpu": time.process_time()}))  # noqa: T201


def write_inputs(iut: str, file: Path) -> None:
    """Write parameter set, operation and arguments of every call into a file."""
    from benchmarks.test_run import bare_calls  # noqa: PLC0415

    from pqvalidate.adapters.attach import attach  # noqa: PLC0415
    from pqvalidate.planner import Selection, make_plan  # noqa: PLC0415

    with attach(iut) as implementation:
        planned = make_plan(implementation.subject, Selection(seed="00" * 16, only=checks()))
    file.write_bytes(msgspec.msgpack.encode(bare_calls(planned)))


def bare_loop(calls: Sequence[tuple[str, str, Sequence[Any]]], vendor: ModuleType) -> float:
    """Make the calls in this process and throw the answers away; return the seconds that the calls took."""
    objects = {name: vendor.implementation(name) for name, _, _ in calls}
    methods = [(getattr(objects[name], operation), arguments) for name, operation, arguments in calls]
    began = time.perf_counter()
    for method, arguments in methods:
        with contextlib.suppress(ValueError):
            method(*arguments)
    return time.perf_counter() - began


def loop(iut: str, file: str) -> None:
    """Make the calls in a file in this process; print the wall seconds of the calls alone."""
    rows = msgspec.msgpack.decode(Path(file).read_bytes())
    vendor = import_module(f"pqvalidate.vendors.{iut.replace('-', '_')}")
    print(json.dumps({"seconds": bare_loop(rows, vendor), "cases": len(rows)}))  # noqa: T201


def timed(*words: str) -> tuple[float, str]:
    """Return the wall seconds of a whole process, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, env=os.environ)
    seconds = time.perf_counter() - began
    if done.returncode not in (0, 1, 3) or not done.stdout:
        sys.exit(done.stderr)
    return seconds, done.stdout


def measured(iut: str, rounds: int) -> dict[str, Any]:
    """Measure processes in turn and return medians."""
    ours: list[float] = []
    theirs: list[float] = []
    seen: dict[str, Any] = {}
    bare: list[float] = []
    stages: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "inputs"
        write_inputs(iut, file)
        for _ in range(rounds):
            seconds, said = timed("-c", _CODE.format(what="harness", arguments=[iut]))
            seen = json.loads(said)
            ours.append(seconds)
            stages.append(seen["stages"] | {"processor": seen["cpu"]})
            seconds, said = timed("-c", _CODE.format(what="loop", arguments=[iut, str(file)]))
            theirs.append(seconds)
            bare.append(json.loads(said)["seconds"])
        only = [word for name in checks() for word in ("--only", name)]
        whole, _ = timed("-m", "pqvalidate", "run", iut, *only, "--out", str(Path(folder) / "b"))
    middle = statistics.median
    return {
        "iut": iut, "cases": seen["cases"], "seconds": middle(ours),
        "bare": middle(bare), "bare process": middle(theirs),
        "ratio": middle([a / b for a, b in zip(ours, theirs, strict=True)]), "whole command": whole,
        "asking": middle([row["run"] / b for row, b in zip(stages, bare, strict=True)]),
        "stages": {name: middle([row[name] for row in stages]) for name in stages[0]},
    }  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """Return the figures as a table for people."""
    rows = [
        ("all cases from a cold start", f"{found['seconds']:.2f} s", f"<= {MOST_SECONDS:g} s"),
        *((f"  {name}", f"{seconds:.2f} s", "") for name, seconds in found["stages"].items()),
        ("a process that makes the same calls", f"{found['bare process']:.2f} s", ""),
        ("  in its bare loop", f"{found['bare']:.2f} s", ""),
        ("the one process beside the other", f"{found['ratio']:.2f}", f"<= {MOST_RATIO:g}"),
        ("run beside the bare loop", f"{found['asking']:.2f}", f"<= {MOST_RATIO:g}"),
        ("the whole command, with controls", f"{found['whole command']:.2f} s", ""),
    ]
    head = f"{found['iut']}, {found['cases']} published cases"
    return "\n".join([head, *(f"  {what:40}{figure:>10}   {aim}".rstrip() for what, figure, aim in rows)])


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("iut", nargs="?", default="pycryptodome")
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--json", action="store_true")
    given = flags.parse_args()
    found = measured(given.iut, given.rounds)
    print(json.dumps(found, indent=1) if given.json else table(found))  # noqa: T201


if __name__ == "__main__":
    main()
