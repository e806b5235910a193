"""Running a plan: many cases in flight, every planned step ends in exactly one record, nothing is lost on the way."""

from __future__ import annotations

import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, Self

from pqvalidate import __version__
from pqvalidate.bundle import BundleWriter, Opening
from pqvalidate.campaigns import Campaigns, in_shards
from pqvalidate.controls import run_controls
from pqvalidate.crew import Alone, Crew
from pqvalidate.evidence import (
    SCHEMA,
    STOPPED,
    CaseRecord,
    Circumstances,
    Control,
    Evidence,
    Facts,
    StepResult,
    Subject,
    facts_digest,
    summarise,
    was_stopped,
)  # fmt: skip
from pqvalidate.planner import Planned, Task
from pqvalidate.scheduler import Asked, carry_out, losses
from pqvalidate.shard_work import with_simplest
from pqvalidate.shards import LOSS_LIMIT

TOOL = f"pqvalidate {__version__}"


class Attached(Asked, Protocol):
    """An attached implementation, which knows how often its process was started again."""

    @property
    def restarts(self) -> int:
        """How often its process was started again."""

    def renew(self) -> None:
        """Go on with a new process, which has not been asked anything."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """When to stop early: after ``seconds`` of wall time, or after the first failed check."""

    seconds: float | None = None
    fail_fast: bool = False
    _began: float = field(default_factory=time.monotonic)

    def spent(self) -> str:
        """Return why to stop now, or the empty string."""
        over = self.seconds is not None and time.monotonic() - self._began >= self.seconds
        return f"{STOPPED}--max-time after {self.seconds:g} s" if over else ""


class Progress(Protocol):
    """Is told how far the run has come."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """So many cases of the total are done; ``what`` is being asked."""


_INTERRUPTED = "interrupted by the operator"


class _Interrupts:
    """Holds Ctrl-C back until it can be heeded without losing a record; a second one ends the program at once."""

    def __init__(self) -> None:
        self.cut_off = self._seen = self._heeding = self._installed = False

    def __enter__(self) -> Self:
        # Another handler means: ignored, or a matter of the caller.
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._note)
            self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, *_: object) -> None:
        again, self._seen = self._seen, True
        if again or self._heeding:
            raise KeyboardInterrupt

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Mark a stretch that Ctrl-C may cut off anywhere; one that was held back cuts it off at its beginning."""
        try:
            self._heeding = True
            if self._seen:
                self._note()
            yield
        except KeyboardInterrupt:
            self.cut_off = self._seen = True
            raise
        finally:
            self._heeding = False


def opening(planned: Planned, subject: Subject) -> Opening:
    """Return what a bundle begins with."""
    return Opening(tool=TOOL, subject=subject, plan=planned.plan, started=_now())


def run(
    iut: Attached, planned: Planned, subject: Subject, writer: BundleWriter | None, *, budget: Budget | None = None,
    progress: Progress | None = None, command: Sequence[str] = (), sandbox: Sequence[str] = (),
    crew: Crew | None = None,
) -> tuple[Evidence, list[CaseRecord]]:  # fmt: skip
    """Carry out a plan and return the evidence and the failed cases; with a writer the bundle is on disk as well.

    It begins with a new process, because an implementation may do something else in its very first call.

    Large campaigns are run in shards, by ``crew`` if one is given, after everything else: what measures times then
    never runs beside them.

    An interrupt (Ctrl-C), a spent budget or the first failure under fail-fast ends the run in order: what was not run
    is recorded as not-at-this-depth, so the bundle is readable and can be resumed.
    """
    with _Interrupts() as interrupts:
        started, began = _now(), time.monotonic_ns()
        crew = crew or Alone(iut)
        iut.renew()
        results, failures = _run_tasks(iut, planned, writer, budget or Budget(), interrupts, progress, crew)
        crew.stop()  # controls measure times, which nothing may run beside
        facts = Facts(
            tool=TOOL, subject=subject, plan=planned.plan, results=_every_step(planned, results),
            controls=_controls(planned, interrupts, progress),
        )  # fmt: skip
        evidence = Evidence(
            schema=SCHEMA, facts_digest=facts_digest(facts), facts=facts,
            status="interrupted" if interrupts.cut_off or was_stopped(facts.results) else "complete",
            circumstances=Circumstances(
                platform=platform.platform(), python=sys.version.split()[0], started=started, finished=_now(),
                duration_ns=time.monotonic_ns() - began, worker_restarts=iut.restarts + crew.restarts,
                sandbox=tuple(sandbox), command=tuple(command),
            ),
        )  # fmt: skip
        if writer:
            writer.finish(evidence)
    return evidence, failures


def _run_tasks(
    iut: Attached, planned: Planned, writer: BundleWriter | None, budget: Budget, interrupts: _Interrupts,
    progress: Progress | None, crew: Crew,
) -> tuple[dict[int, StepResult], list[CaseRecord]]:  # fmt: skip
    results: dict[int, StepResult] = {}
    failures: list[CaseRecord] = []
    stop = ""
    total = sum(len(task.cases) for task in planned.tasks)
    before = 0
    large = [task for task in planned.tasks if in_shards(task)]
    for task in planned.tasks:
        if task in large:
            continue
        done = writer.done.get(task.index, []) if writer else []
        if not stop:
            what = f"{task.asking.parameter_set} {task.check.name}"
            tell = partial(progress, total=total, what=what) if progress else None
            stop, seen = _run_task(iut, task, done, writer, budget, interrupts, tell, before)
        else:
            seen = list(done)
        before += len(task.cases)
        results[task.index] = _result(task, seen, stop)
        failures += [case for case in seen if case.outcome not in ("pass", "not-applicable")]
        if not stop:
            stop = _missed(budget, results[task.index], planned)
    watch = _Watch(budget, interrupts, progress, before, total)
    campaigns = Campaigns(crew, writer, watch)
    for tasks in [[task] for task in large] if budget.fail_fast else [large]:
        campaigns.run(tasks, stop, _INTERRUPTED)
        stop = campaigns.stopped or next(
            filter(None, (_missed(budget, r, planned) for r in campaigns.results.values())), ""
        )
    return results | campaigns.results, failures + campaigns.failures


def _missed(budget: Budget, result: StepResult, planned: Planned) -> str:
    """Return why to stop after a failed step under fail-fast, or the empty string."""
    step = planned.plan.steps[result.step]
    missed = result.outcome == "fail" and step.severity != "advisory"
    return f"{STOPPED}--fail-fast after {step.check}" if budget.fail_fast and missed else ""


@dataclass(slots=True)
class _Watch:
    """What campaigns look at: the budget, Ctrl-C, and the progress of the whole run."""

    budget: Budget
    interrupts: _Interrupts
    progress: Progress | None
    done: int
    total: int

    def spent(self) -> str:
        return self.budget.spent()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        with self.interrupts.heeded():
            yield

    def tell(self, cases: int, what: str) -> None:
        self.done += cases
        if self.progress and cases:
            self.progress(self.done, self.total, what)


def _controls(planned: Planned, interrupts: _Interrupts, progress: Progress | None) -> tuple[Control, ...]:
    """Return the controls, or none at all where they were interrupted: half of them would prove nothing."""
    if progress:
        total = sum(len(task.cases) for task in planned.tasks)
        progress(total, total, "controls: a sound implementation and planted faults")
    try:
        with interrupts.heeded():
            return run_controls(planned)
    except KeyboardInterrupt:
        return ()


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
    if len(seen) < len(task.cases) and not stop:
        why = f"given up after {LOSS_LIMIT} lost processes"
    return summarise(task.index, len(task.cases), seen, not_run_because=why if len(seen) < len(task.cases) else "")


def _run_task(
    iut: Attached, task: Task, done: list[CaseRecord], writer: BundleWriter | None, budget: Budget,
    interrupts: _Interrupts, tell: Callable[[int], None] | None, before: int,
) -> tuple[str, list[CaseRecord]]:  # fmt: skip
    """Run the cases that have no record yet; return why the run must stop (or nothing) and all cases of the step."""
    seen = list(done)
    names = {case.case for case in done}
    waiting = (case for case in task.cases if case.id not in names)
    left = LOSS_LIMIT - losses(seen)
    batches = carry_out(iut, task, waiting, left) if left > 0 else iter(())
    stop = ""
    while not stop:
        try:
            with interrupts.heeded():
                records = next(batches, None)
        except KeyboardInterrupt:
            stop = _INTERRUPTED
            break
        if records is None:
            break
        if not any(case.outcome == "fail" for case in seen):
            records = with_simplest(iut, task, records)
        seen += records
        if writer:
            for record in records:
                writer.add(record)
        if tell:
            tell(before + len(seen))
        stop = budget.spent()
    if writer:
        writer.flush()
    return stop, seen


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["LOSS_LIMIT", "Budget", "Control", "opening", "run"]
