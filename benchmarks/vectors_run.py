"""What all published vectors cost from a cold start: `PYTHONPATH=.:src python benchmarks/vectors_run.py [IUT]`.

A process of its own imports this package, attaches a native library (pycryptodome unless another built-in one is
named), reads the vectors, plans, and puts every published case to it; another one makes the same calls in a bare loop.
Both are started several times in turn and the medians compared. The last row is the whole command with its controls,
judging and report. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

MOST_SECONDS, MOST_RATIO = 5.0, 1.3
_CODE = "from benchmarks.vectors_run import {what}; {what}({iut!r})"


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


def loop(iut: str) -> None:
    """Make the same calls in this process and throw the answers away; print the wall seconds of the calls alone."""
    from benchmarks.test_run import bare_calls, bare_loop  # noqa: PLC0415

    from pqvalidate.adapters.attach import attach  # noqa: PLC0415
    from pqvalidate.planner import Selection, make_plan  # noqa: PLC0415

    with attach(iut) as implementation:
        planned = make_plan(implementation.subject, Selection(seed="00" * 16, only=checks()))
    calls = bare_calls(planned, import_module(f"pqvalidate.vendors.{iut.replace('-', '_')}"))
    began = time.perf_counter()
    bare_loop(calls)
    print(json.dumps({"seconds": time.perf_counter() - began, "cases": len(calls)}))  # noqa: T201


def timed(*words: str) -> tuple[float, str]:
    """Return the wall seconds of a whole process, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, env=os.environ)
    seconds = time.perf_counter() - began
    if done.returncode not in (0, 1, 3):
        sys.exit(done.stderr)
    return seconds, done.stdout


def measured(iut: str, rounds: int) -> dict[str, Any]:
    """Measure processes in turn and return medians."""
    ours: list[float] = []
    seen: dict[str, Any] = {}
    bare: list[float] = []
    stages: list[dict[str, float]] = []
    for _ in range(rounds):
        seconds, said = timed("-c", _CODE.format(what="harness", iut=iut))
        seen = json.loads(said)
        ours.append(seconds)
        stages.append(seen["stages"] | {"processor": seen["cpu"]})
        bare.append(json.loads(timed("-c", _CODE.format(what="loop", iut=iut))[1])["seconds"])
    with tempfile.TemporaryDirectory() as folder:
        only = [word for name in checks() for word in ("--only", name)]
        whole, _ = timed("-m", "pqvalidate", "run", iut, *only, "--out", str(Path(folder) / "b"))
    middle = statistics.median
    return {
        "iut": iut, "cases": seen["cases"], "seconds": middle(ours), "bare": middle(bare),
        "ratio": middle([a / b for a, b in zip(ours, bare, strict=True)]), "whole command": whole,
        "asking": middle([row["run"] / b for row, b in zip(stages, bare, strict=True)]),
        "stages": {name: middle([row[name] for row in stages]) for name in stages[0]},
    }  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """Return the figures as a table for people."""
    rows = [
        ("all cases from a cold start", f"{found['seconds']:.2f} s", f"<= {MOST_SECONDS:g} s"),
        *((f"  {name}", f"{seconds:.2f} s", "") for name, seconds in found["stages"].items()),
        ("the same calls in a bare loop", f"{found['bare']:.2f} s", ""),
        ("asking all of them beside the bare loop", f"{found['asking']:.2f}", f"<= {MOST_RATIO:g}"),
        ("all from a cold start beside it", f"{found['ratio']:.2f}", ""),
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
