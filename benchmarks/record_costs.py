"""Record what each check costs (``src/pqvalidate/costs.json``): run by ``make costs`` after checks have changed.

With ``--timing`` only the checks of execution times are recorded anew; they ask the C library of the timing tests.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.interface import Call, Reply
from pqvalidate.controls import run_controls
from pqvalidate.durations import TABLE, unit
from pqvalidate.planner import Planned, Selection, Task, make_plan
from pqvalidate.scheduler import Asked, window
from pqvalidate.suites import checks_on_claim
from tests.timing.libraries import library

OUT = Path(__file__).parents[1] / "src" / "pqvalidate" / TABLE
SEED = "00" * 16
VENDORS = (
    ("pycryptodome", "ML-KEM-768"), ("pycryptodome", "ML-DSA-65"), ("openssl", "ML-KEM-768"), ("openssl", "ML-DSA-65"),
    ("ml-kem-rs", "ML-KEM-768"), ("pqcrypto", "ML-DSA-65"), ("dilithium-py", "ML-DSA-65"), ("kyber-py", "ML-KEM-768"),
    ("kyber-py", "Kyber-768"), ("dilithium-py", "Dilithium3"),
)  # fmt: skip
"""Who is asked, in order: a check is recorded with the first that offers what it needs; pure Python comes last."""
MOST = {"property": 512, "audit": 96}
FEW = 48


class Counting:
    """An implementation whose calls are counted."""

    def __init__(self, iut: Asked) -> None:
        self.iut, self.calls = iut, Counter[str]()

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Pass calls on and count them, those that are made together one by one."""
        for call in calls:
            if call.operation == "measure":
                self.calls[call.inputs["name"]] += len(call.inputs["values"])
                continue
            inner = call.inputs["calls"] if call.operation == "together" else [call]
            self.calls.update(one.operation for one in inner if one.operation != "count")
        return self.iut.ask(calls, most_losses)


def record(iut: Asked, task: Task, most: int) -> tuple[dict[str, float], float]:
    """Carry out up to ``most`` cases spread over a task; return calls per case, and seconds of our own per case."""
    step = max(1, len(task.cases) // most)
    cases = [task.cases[index] for index in range(0, len(task.cases), step)][:most]
    counting, before = Counting(iut), time.process_time()
    window(counting, task, cases, 3)
    ours = (time.process_time() - before) / len(cases)
    return {operation: count / len(cases) for operation, count in sorted(counting.calls.items())}, ours


def seconds_of_controls(planned: Planned) -> float:
    """Return the seconds that the controls of a plan take."""
    before = time.process_time()
    run_controls(planned)
    return time.process_time() - before


def with_children() -> float:
    """Return the processor seconds of this process and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def timing(here: float) -> dict[str, dict[str, object]]:
    """Return the rows of the checks of execution times, whose work and controls are mostly in other processes."""
    table: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory(prefix="pqvalidate-costs-") as folder:
        manifest = library(Path(folder), "SOUND")
        for check in checks_on_claim():
            with attach(manifest) as iut:
                planned = make_plan(iut.subject, Selection(seed=SEED, only=(check.name,)))
                depth = "standard"
                if not planned.tasks:  # an option of depth full
                    depth = "full"
                    planned = make_plan(iut.subject, Selection(depth="full", seed=SEED, only=(check.name,)))
                if not planned.tasks:
                    sys.stderr.write(f"{check.name}: a tool that it needs is missing\n")
                    continue
                before = with_children()
                calls, ours = record(iut, planned.tasks[0], len(planned.tasks[0].cases))
                if not calls:  # counted under valgrind, in a process that has ended
                    ours = (with_children() - before) / len(planned.tasks[0].cases)
            before = with_children()
            run_controls(planned)
            control = {depth: round((with_children() - before) / here, 2)}
            table[check.name] = {
                "calls": {operation: round(count, 3) for operation, count in calls.items()},
                "host": round(ours / here, 4), "control": control,
            }  # fmt: skip
            sys.stderr.write(f"{check.name} {table[check.name]}\n")
    return table


def written(table: dict[str, dict[str, object]]) -> None:
    """Write the table."""
    rows = ",\n".join(f" {json.dumps(check)}: {json.dumps(row)}" for check, row in sorted(table.items()))
    OUT.write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")


def main() -> int:
    """Write the table; one line per check to standard error."""
    here = unit()
    if sys.argv[1:] == ["--timing"]:
        written({**json.loads(OUT.read_text(encoding="utf-8")), **timing(here)})
        return 0
    table: dict[str, dict[str, object]] = timing(here)
    for vendor, name in VENDORS:
        with attach(vendor) as iut:
            plans = {depth: make_plan(iut.subject, Selection(depth=depth, seed=SEED, parameter_sets=(name,)))
                     for depth in ("quick", "standard")}  # fmt: skip
            for task in plans["standard"].tasks:
                check = task.check.name
                if check in table or check.endswith("/accumulated"):
                    continue
                slow = vendor in ("dilithium-py", "kyber-py")
                calls, ours = record(iut, task, 12 if slow else MOST.get(task.check.suite, FEW))
                control = {}
                for depth, planned in plans.items():
                    mine = tuple(t for t in planned.tasks if t.check.name == check)
                    control[depth] = round(seconds_of_controls(Planned(plan=planned.plan, tasks=mine)) / here, 2)
                table[check] = {
                    "calls": {operation: round(count, 3) for operation, count in calls.items()},
                    "host": round(ours / here, 4), "control": control,
                }  # fmt: skip
                sys.stderr.write(f"{vendor} {check} {table[check]}\n")
    written(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
