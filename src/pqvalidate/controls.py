"""Controls: implementations of known behaviour that the same checks judge in every run, so that silence is no pass.

The reference is our own computation of the standard and must pass; each mutant has one planted fault, imitating a real
bug, and must fail. They are our code, so they run in this process, on the cases of the plan; a control that is judged
wrongly makes the whole decision undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply
from pqvalidate.adapters.worker import Subject, answer
from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.evidence import CaseRecord, Control
from pqvalidate.mutants import MUTANTS, PLANTED, OracleKem, OracleSignature
from pqvalidate.planner import Planned, Task
from pqvalidate.scheduler import window

_REFERENCE = "reference: our computation of the standard"
_REFERENCE_CASES = 3
_MUTANT_SAMPLES = (1, 3, 12, 48)

KILLED_BY: dict[str, str] = {check: mutant.what for mutant in PLANTED for check in mutant.proves.split()}
"""For every check, the planted fault that must not get past it."""


class InProcess:
    """A control as something that answers calls, through the worker's own code for making them."""

    def __init__(self, make: Callable[[str], object], parameter_set: str) -> None:
        self._subject = Subject(make, [parameter_set])

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:  # noqa: ARG002
        """Make calls in order; one reply each."""
        return [self._ask(call) for call in calls]

    def _ask(self, call: Call) -> Reply:
        message = answer(self._subject, {"op": call.operation, "set": call.parameter_set, "in": dict(call.inputs)})
        if "ok" in message:
            return Ok(message["ok"])
        if "rejected" in message:
            return Rejected(message["rejected"])
        return Fault("exception", message["error"])


def reference(name: str) -> OracleKem | OracleSignature:
    """Return the oracle as an implementation of ``name``."""
    return OracleKem(name) if PARAMETER_SETS[name].kind == "kem" else OracleSignature(name)


def first_failure(subject: InProcess, task: Task, samples: Sequence[int] = _MUTANT_SAMPLES) -> CaseRecord | None:
    """Ask growing samples of a task's cases until one fails; a mutant that is noticed is mostly noticed soon.

    Args:
        subject: the control; it answers all samples, so that what it remembers stays with it.
        task: the check and its cases.
        samples: sizes; cases beyond their sum are not asked.

    """
    for cases in _samples(_spread(task.cases), samples):
        for record in window(subject, task, cases, 1):
            if record.outcome == "fail":
                return record
    return None


def run_controls(planned: Planned) -> tuple[Control, ...]:
    """Judge the reference and one mutant by every check of the plan, for the first parameter set of each algorithm.

    Advisory checks have none, since a sound implementation may fail them; long accumulated checks have theirs in the
    test suite.
    """
    seen: set[str] = set()
    found: list[Control] = []
    for task in planned.tasks:
        severity = planned.plan.steps[task.index].severity
        if task.check.name in seen or severity == "advisory" or task.check.name.endswith("/accumulated"):
            continue
        seen.add(task.check.name)
        found += [_reference_control(task), _mutant_control(task)]
    return tuple(found)


def _reference_control(task: Task) -> Control:
    subject = InProcess(reference, task.asking.parameter_set)
    outcomes = {record.outcome for record in window(subject, task, task.cases[:_REFERENCE_CASES], 1)}
    verdict: Literal["pass", "fail"] = "pass" if outcomes == {"pass"} else "fail"
    return Control(control=_REFERENCE, check=task.check.name, expected="pass", seen=verdict)


def _mutant_control(task: Task) -> Control:
    mutant = MUTANTS[KILLED_BY[task.check.name]]
    found = first_failure(InProcess(mutant.make, task.asking.parameter_set), task)
    verdict: Literal["pass", "fail"] = "fail" if found else "pass"
    return Control(control=f"mutant: {mutant.what}", check=task.check.name, expected="fail", seen=verdict)


def _spread(cases: Sequence[Any]) -> Sequence[Any]:
    """Order cases so that refusals come first: they are what a missing check gets wrong."""
    return sorted(cases, key=lambda case: getattr(case, "expect", None) is not False)


def _samples(cases: Sequence[Any], sizes: Sequence[int]) -> Iterator[Sequence[Any]]:
    begin = 0
    for size in sizes:
        if begin < len(cases):
            yield cases[begin : begin + size]
        begin += size
