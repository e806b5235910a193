"""Running a plan: many cases in flight, every planned step ends in exactly one record, nothing is lost on the way."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol

from pqvalidate import __version__
from pqvalidate.bundle import BundleWriter, Opening
from pqvalidate.controls import run_controls
from pqvalidate.evidence import (
    SCHEMA, CaseRecord, Circumstances, Control, Evidence, Facts, StepResult, Subject, facts_digest, summarise,
)  # fmt: skip
from pqvalidate.planner import Planned, Task
from pqvalidate.scheduler import Asked, losses, window

TOOL = f"pqvalidate {__version__}"
_WINDOW = 128
"""Cases in flight at once; their calls travel together."""
LOSS_LIMIT = 10
"""After so many lost processes a step is given up: it has failed, and each further loss may cost a whole time limit."""


class Attached(Asked, Protocol):
    """An attached implementation, which knows how often its process was started again."""

    @property
    def restarts(self) -> int:
        """How often its process was started again."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """When to stop early: after ``seconds`` of wall time, or after the first failed check."""

    seconds: float | None = None
    fail_fast: bool = False
    _began: float = field(default_factory=time.monotonic)

    def spent(self) -> str:
        """Return why to stop now, or the empty string."""
        over = self.seconds is not None and time.monotonic() - self._began >= self.seconds
        return f"stopped by --max-time after {self.seconds:g} s" if over else ""


Progress = Callable[[int, int, str], None]


def opening(planned: Planned, subject: Subject) -> Opening:
    """Return what a bundle begins with."""
    return Opening(tool=TOOL, subject=subject, plan=planned.plan, started=_now())


def run(
    iut: Attached, planned: Planned, subject: Subject, writer: BundleWriter | None, *, budget: Budget | None = None,
    progress: Progress | None = None, command: Sequence[str] = (), sandbox: Sequence[str] = (),
) -> tuple[Evidence, list[CaseRecord]]:  # fmt: skip
    """Carry out a plan and return the evidence and the failed cases; with a writer the bundle is on disk as well.

    An interrupt (Ctrl-C), a spent budget or the first failure under fail-fast ends the run in order: what was not run
    is recorded as not-at-this-depth, so the bundle is readable and can be resumed.
    """
    started, began = _now(), time.monotonic_ns()
    budget = budget or Budget()
    results: dict[int, StepResult] = {}
    failures: list[CaseRecord] = []
    stop = ""
    total = sum(len(task.cases) for task in planned.tasks)
    before = 0
    for task in planned.tasks:
        done = writer.done.get(task.index, []) if writer else []
        if not stop:
            stop, seen = _run_task(iut, task, done, writer, budget, lambda n, at=before, t=task: _tell(progress, at + n, total, t))
        else:
            seen = list(done)
        before += len(task.cases)
        results[task.index] = _result(task, seen, stop)
        failures += [case for case in seen if case.outcome != "pass"]
        if budget.fail_fast and results[task.index].outcome == "fail" and not stop:
            stop = f"stopped by --fail-fast after {task.check.name}"
    interrupted = stop.startswith("interrupted")
    controls = () if interrupted else run_controls(planned)
    facts = Facts(tool=TOOL, subject=subject, plan=planned.plan, results=_every_step(planned, results), controls=controls)
    evidence = Evidence(
        schema=SCHEMA, status="interrupted" if interrupted else "complete", facts_digest=facts_digest(facts), facts=facts,
        circumstances=Circumstances(
            platform=platform.platform(), python=sys.version.split()[0], started=started, finished=_now(),
            duration_ns=time.monotonic_ns() - began, worker_restarts=iut.restarts, sandbox=tuple(sandbox),
            command=tuple(command),
        ),
    )  # fmt: skip
    if writer:
        writer.finish(evidence)
    return evidence, failures


def _tell(progress: Progress | None, done: int, total: int, task: Task) -> None:
    if progress:
        progress(done, total, f"{task.asking.parameter_set} {task.check.name}")


def _every_step(planned: Planned, results: Mapping[int, StepResult]) -> tuple[StepResult, ...]:
    """One record for each planned step: what ran, what has a reason, and an error for a step without either."""
    return tuple(
        results.get(number)
        or StepResult(
            step=number, outcome="not-applicable" if step.reason else "error", reason=step.reason,
            why=step.why if step.reason else "planned with no case at all",
        )
        for number, step in enumerate(planned.plan.steps)
    )  # fmt: skip


def _result(task: Task, seen: list[CaseRecord], stop: str) -> StepResult:
    why = stop
    if len(seen) < len(task.cases) and losses(seen) >= LOSS_LIMIT:
        why = f"given up after {LOSS_LIMIT} lost processes"
    return summarise(task.index, len(task.cases), seen, not_run_because=why if len(seen) < len(task.cases) else "")


def _run_task(
    iut: Attached, task: Task, done: list[CaseRecord], writer: BundleWriter | None, budget: Budget,
    tell: Callable[[int], None],
) -> tuple[str, list[CaseRecord]]:  # fmt: skip
    """Run the cases that have no record yet; return why the run must stop (or nothing) and all cases of the step."""
    seen = list(done)
    names = {case.case for case in done}
    waiting = iter([case for case in task.cases if case.id not in names])
    stop = ""
    try:
        while not stop and (left := LOSS_LIMIT - losses(seen)) > 0:
            cases = list(islice(waiting, _WINDOW))
            if not cases:
                break
            for record in window(iut, task, cases, left):
                seen.append(record)
                if writer:
                    writer.add(record)
            tell(len(seen))
            stop = budget.spent()
    except KeyboardInterrupt:
        stop = "interrupted by the operator"
    if writer:
        writer.flush()
    return stop, seen


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["Budget", "Control", "opening", "run"]
