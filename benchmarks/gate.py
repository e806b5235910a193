"""Fail where our own work takes five per cent more instructions than the committed baseline: run by ``make gate``.

Callgrind counts, so that a busy or slow machine changes nothing. A count depends on valgrind, Python, the C library,
the features of the processor and the packages that we build on; a baseline is for one combination of them. Where there
is none for the present one, the gate says so, and what differs, and passes without counting: add one with
``python benchmarks/gate.py --record``, on a commit whose counts are known to be good.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.instructions import MarkedSession, circumstances, valgrind
from pqvalidate.adapters.interface import Call, Ok

BASELINE = Path(__file__).with_name("gate.json")
IDLE = Path(__file__).with_name("idle.toml")
STAGES = Path(__file__).with_name("gate_stages.py")
TOLERANCE = 1.05
PACKAGES = ("msgspec", "numpy")
"""Packages whose code is a part of what is counted."""

_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
_SECONDS = 300


def key() -> dict[str, str]:
    """Return what counts depend on."""
    found = {"circumstances": circumstances(), "libc": " ".join(platform.libc_ver())}
    found["compiler"] = platform.python_compiler()
    return found | {name: metadata.version(name) for name in PACKAGES}


def counted() -> dict[str, int]:
    """Return the instructions of each stage, and of the worker's own share of a call."""
    with tempfile.TemporaryDirectory(prefix="pqvalidate-gate-") as name:
        folder = Path(name)
        return _stages(folder) | _worker(folder)


def _stages(folder: Path) -> dict[str, int]:
    # Only the import path of Python's variables counts; and bytecode of our own, so that no stage compiles modules,
    # also where it cannot be written beside them.
    environment = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON" or name == "PYTHONPATH"}
    environment |= {"PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    subprocess.run([sys.executable, str(STAGES)], check=True, capture_output=True, env=environment, timeout=_SECONDS)
    command = [
        valgrind(), "--quiet", "--vgdb=no", "--tool=callgrind", "--dump-before=getppid",
        f"--callgrind-out-file={folder}/stages.%p", sys.executable, str(STAGES),
    ]  # fmt: skip
    # valgrind complains of each system call that it does not know; that is told only where something went wrong.
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as running:
        said, complained = running.communicate(timeout=_SECONDS)
    if running.returncode:
        sys.exit(f"the stages ended with exit code {running.returncode}: {complained[-2000:]}")
    names = said.splitlines()
    files = sorted(folder.glob(f"stages.{running.pid}.*"), key=lambda path: int(path.suffix[1:]))
    if len(files) < 2 * len(names):
        sys.exit(f"callgrind saw {len(files)} marks of {len(names)} stages")
    return {name: _total(path) for name, path in zip(names, files[1::2], strict=False)}


def _total(path: Path) -> int:
    found = _TOTAL.search(path.read_text("utf-8", "replace"))
    return int(found[1]) if found else 0


def _worker(folder: Path) -> dict[str, int]:
    call = Call(operation="decapsulate", parameter_set="ML-KEM-768", inputs={"dk": bytes(2400), "c": bytes(1088)})
    marks = folder / "marks"
    marks.mkdir()
    with attach(IDLE) as iut, MarkedSession(iut.session.target, iut.session.limits, marks) as session:
        reply = session.count(call, 50)
    if not isinstance(reply, Ok):
        sys.exit(f"the worker could not be counted: {reply}")
    return {"the worker's share of a call": min(reply.values["counts"])}


def judged(now: dict[str, int], before: dict[str, int]) -> tuple[list[str], bool]:
    """Return a line for each stage, and whether one takes too many instructions or is not there any more."""
    lines, bad = [], False
    for name in dict.fromkeys([*before, *now]):
        if name not in now or name not in before:
            lines.append(f"{name}: {'is not counted any more' if name in before else 'has no baseline'}")
            bad = True
            continue
        ratio = now[name] / before[name]
        word = (
            "TOO MANY"
            if ratio > TOLERANCE
            else "fewer, record a new baseline"
            if ratio < 1 / TOLERANCE
            else "as before"
        )
        bad |= ratio > TOLERANCE
        lines.append(f"{name}: {now[name]:,} instructions, {ratio:.3f} x the baseline, {word}")
    return lines, bad


def without_baseline(here: dict[str, str], known: list[dict[str, Any]]) -> list[str]:
    """Return what to say where no baseline was recorded for an interpreter like this one."""
    lines = ["gate: no baseline for this interpreter, its packages or this processor, so nothing was counted or judged"]
    near = max(known, key=lambda row: sum(row["key"].get(name) == here[name] for name in here), default=None)
    for name, value in here.items():
        other = near["key"].get(name, "nothing") if near else "nothing"
        lines += [f"  {name}: here {value}; in the nearest baseline {other}"] if value != other else []
    lines.append("  add one with: python benchmarks/gate.py --record, on a commit whose counts are known to be good")
    return lines


def main(words: list[str]) -> int:
    """Count and judge, or record; return the exit code."""
    if not valgrind():
        sys.stdout.write("gate: tool-missing: valgrind is not installed; nothing was counted\n")
        return 1 if os.environ.get("PQV_REQUIRE_TOOLCHAINS") == "1" else 0
    known: list[dict[str, Any]] = json.loads(BASELINE.read_text("utf-8")) if BASELINE.is_file() else []
    here = key()
    entry = next((row for row in known if row["key"] == here), None)
    if entry is None and "--record" not in words:
        sys.stdout.write("\n".join(without_baseline(here, known)) + "\n")
        return 0
    now = counted()
    if entry is None or "--record" in words:
        rows = [row for row in known if row["key"] != here] + [{"key": here, "instructions": now}]
        BASELINE.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
        sys.stdout.write(f"gate: recorded {len(now)} counts\n")
        return 0
    lines, bad = judged(now, entry["instructions"])
    sys.stdout.write("\n".join([*lines, f"gate: {'FAILED' if bad else 'passed'}"]) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
