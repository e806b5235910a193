"""What the timing tests share: the compact ML-KEM with one planted leak, compiled and attached."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pqvalidate.adapters.attach import attach
from pqvalidate.evidence import CaseRecord
from pqvalidate.planner import Selection, make_plan
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
