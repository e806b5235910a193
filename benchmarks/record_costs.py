"""Record what each check costs (``src/pqvalidate/costs.json``): run by ``make costs`` after checks have changed."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.interface import Call, Reply
from pqvalidate.controls import run_controls
from pqvalidate.durations import TABLE, unit
from pqvalidate.planner import Planned, Selection, Task, make_plan
from pqvalidate.scheduler import Asked, window

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
            inner = call.inputs["calls"] if call.operation == "together" else [call]
            self.calls.update(one.operation for one in inner)
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


def main() -> int:
    """Write the table; one line per check to standard error."""
    here = unit()
    table: dict[str, dict[str, object]] = {}
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
    rows = ",\n".join(f" {json.dumps(check)}: {json.dumps(row)}" for check, row in sorted(table.items()))
    OUT.write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
