"""What the timing tests share: the compact ML-KEM with one planted leak, compiled and attached."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pqvalidate.adapters.attach import attach
from pqvalidate.controls import run_controls
from pqvalidate.evidence import CaseRecord, Control
from pqvalidate.planner import Planned, Selection, make_plan
from pqvalidate.scheduler import window

HERE = Path(__file__).parent
NAME = "ML-KEM-768"
MANIFEST = f"""
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "kem"
version = "1"
[attach]
kind = "c-abi"
library = "libkem.so"
[claims]
conformance = ["{NAME}"]
timing = ["{NAME}"]
[symbols]
family = "mlkem-native"
[symbols.sets.{NAME}]
prefix = "kem_"
"""
_TRIES = 4
needs_tools = pytest.mark.needs("gcc", "valgrind", "objdump")


def library(folder: Path, leak: str, *flags: str) -> Path:
    """Compile the KEM with one leak, or ``SOUND``, into ``folder``; return the manifest beside it."""
    made = folder / "libkem.so"
    command = [shutil.which("gcc") or "gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-shared"]
    command += ["-Wl,-z,lazy", f"-DLEAK={leak}", *flags, "-o", str(made), str(HERE / "kem.c")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    path = folder / "kem.toml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


def asked(manifest: Path, check: str, cases: Sequence[str] = ()) -> list[CaseRecord]:
    """Ask one check at depth standard; all its cases or the named ones."""
    with attach(manifest) as iut:
        planned = make_plan(iut.subject, Selection(seed="5a" * 16, only=(check,)))
        (task,) = planned.tasks
        return window(iut, task, [case for case in task.cases if not cases or case.id in cases], 1)


def timed(manifest: Path, check: str, design: str) -> CaseRecord:
    """Ask one design until there is a verdict, four times at most.

    A machine that is busy at the wrong moment gives an error of ours, which neither accuses nor acquits.
    """
    records = (asked(manifest, check, [design])[0] for _ in range(_TRIES - 1))
    return (
        next((record for record in records if record.outcome != "error"), None) or asked(manifest, check, [design])[0]
    )


def controls_of(planned: Planned) -> tuple[Control, ...]:
    """Run the controls until all are judged rightly, four times at most: a busy moment makes one misjudged."""
    for _ in range(_TRIES - 1):
        controls = run_controls(planned)
        if all(control.expected == control.seen for control in controls):
            return controls
    return run_controls(planned)
