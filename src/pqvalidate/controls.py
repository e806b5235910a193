"""Controls: implementations of known behaviour that the same checks judge in every run, so that silence is no pass.

The reference is our own computation of the standard and must pass; each mutant has one planted fault, imitating a real
bug, and must fail. They are our code, so they run in this process, on the cases of the plan (in a worker where a check
changes the process itself); a control that is judged wrongly makes the whole decision undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Literal

from pqvalidate import mutants, mutants_audit, mutants_dsa, mutants_kem, mutants_round3, mutants_state
from pqvalidate.adapters.interface import Call, Ok, Reply
from pqvalidate.adapters.session import Session, Target, reply_of, wire
from pqvalidate.adapters.watching import Watching
from pqvalidate.adapters.worker import Subject, answer
from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.errors import AttachError
from pqvalidate.evidence import CaseRecord, Control
from pqvalidate.mutants import Mutant, OracleKem, OracleSignature
from pqvalidate.mutants_native import Planted
from pqvalidate.mutants_timing import LEAKY, SOUND, Timed
from pqvalidate.oracle import mldsa
from pqvalidate.planner import Planned, Task
from pqvalidate.scheduler import Asked, window
from pqvalidate.suites import Check
from pqvalidate.suites.randomness import Draws
from pqvalidate.suites.tape import Numbered

_REFERENCE = "reference: our computation of the standard"
_REFERENCE_CASES = {"known-answer": 3, "differential": 3, "validation": 3}
"""How many cases the reference is asked by suite, beyond depth quick; cases of the other suites are long: one."""
_GROWING = {"naming", "state"}
_DRAWS = 257
_MUTANT_SAMPLES = (1, 3, 12, 48)
_MANY = 64
"""So many signatures at a time are made as one batch."""

PLANTED: tuple[Mutant, ...] = (
    *mutants.PLANTED, *mutants_state.PLANTED, *mutants_audit.PLANTED, *mutants_kem.PLANTED,
    *mutants_dsa.PLANTED, *mutants_round3.PLANTED,
)  # fmt: skip
"""Every planted fault that serves as a control."""
MUTANTS: dict[str, Mutant] = {mutant.what: mutant for mutant in PLANTED}
KILLED_BY: dict[str, tuple[str, ...]] = {
    check: tuple(mutant.what for mutant in PLANTED if check in mutant.proves.split())
    for planted in PLANTED
    for check in planted.proves.split()
}
"""For every check, the planted faults that must not get past it."""
_NEEDS_PROCESS = {"env:fork", "env:no-randomness"}


class InProcess:
    """A control as something that answers calls, through the worker's own code for making them."""

    def __init__(self, make: Callable[[str], object], parameter_set: str) -> None:
        self._make, self._name = make, parameter_set
        self._subject = Subject(make, [parameter_set])

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:  # noqa: ARG002
        """Make calls in order; one reply each."""
        subject = self._subject.objects[self._name]
        if len(calls) >= _MANY and isinstance(subject, OracleSignature) and _signs_as_usual(type(subject)):
            operations = {call.operation for call in calls}
            if operations <= {"sign"} or operations <= {"sign_from_seed"}:
                return _signed_together(subject, calls)
        return [self._ask(call) for call in calls]

    def _ask(self, call: Call) -> Reply:
        if call.operation == "restart":
            self._subject = Subject(self._make, [self._name])
            return Ok({})
        return reply_of(answer(self._subject, wire(call)))


def _signs_as_usual(made: type[OracleSignature]) -> bool:
    """Return whether hedged signing is that of the oracle, so that many signatures may be made as one batch."""
    usual = OracleSignature
    return made.sign is usual.sign and made.sign_with_rnd is usual.sign_with_rnd


def _signed_together(subject: OracleSignature, calls: Sequence[Call]) -> list[Reply]:
    """Make many hedged signatures as one batch of the oracle; one by one they would take minutes."""
    seeds = {call.inputs["seed"] for call in calls if "seed" in call.inputs}
    keys = {seed: subject.keygen_from_seed(seed)[1] for seed in seeds}
    sks = [subject.signing_key(keys.get(call.inputs.get("seed")) or call.inputs["sk"]) for call in calls]
    messages = [call.inputs["message"] for call in calls]
    contexts = [call.inputs.get("context", b"") for call in calls]
    rnds = [subject.draw(32) for _ in calls]
    made = mldsa.sign(subject.name, sks, messages, contexts, rnds, rules=subject.rules)
    return [Ok({"signature": signature}) for signature in made]


def reference(name: str) -> OracleKem | OracleSignature:
    """Return the oracle as an implementation of ``name``."""
    return OracleKem(name) if PARAMETER_SETS[name].kind == "kem" else OracleSignature(name)


def first_not_passed(subject: Asked, task: Task, samples: Sequence[int] = _MUTANT_SAMPLES) -> CaseRecord | None:
    """Ask growing samples of a task's cases until one does not pass; a mutant that is noticed is mostly noticed soon.

    Args:
        subject: the control; it answers all samples, so that what it remembers stays with it.
        task: the check and its cases.
        samples: sizes; cases beyond their sum are not asked.

    """
    for cases in _samples(_spread(task.cases), samples):
        for record in window(subject, task, cases, 1):
            if record.outcome != "pass":
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
        if task.check.name in LEAKY and task.check.name not in seen:
            seen.add(task.check.name)
            found += [_timed_control(task, SOUND, "pass"), _timed_control(task, LEAKY, "fail")]
            continue
        if task.check.name in seen or severity == "advisory" or task.check.name.endswith("/accumulated"):
            continue
        seen.add(task.check.name)
        shorter = _shorter(task)
        found += [_reference_control(shorter), _mutant_control(shorter)]
    return tuple(found)


def _shorter(task: Task) -> Task:
    """Return a task with fewer draws, or as depth quick has it, where its cases grow with the depth.

    The planted faults show in that many: a repeat after 32 draws, a wrong answer to a known call.
    """
    if all(isinstance(case, Draws) for case in task.cases):
        return replace(task, cases=[replace(case, count=min(case.count, _DRAWS)) for case in task.cases])
    asking = replace(task.asking, depth="quick")
    cases = task.check.cases(asking) if task.check.suite in _GROWING else ()
    return replace(task, asking=asking, cases=cases) if cases else task


def _reference_control(task: Task) -> Control:
    with started(reference, "pqvalidate.controls:reference", task) as subject:
        many = 1 if task.asking.depth == "quick" else _REFERENCE_CASES.get(task.check.suite, 1)
        cases = task.cases[:many]
        outcomes = {record.outcome for record in window(subject, task, cases, 1)}
    verdict: Literal["pass", "fail"] = "pass" if outcomes == {"pass"} else "fail"
    return Control(control=_REFERENCE, check=task.check.name, expected="pass", seen=verdict)


def _mutant_control(task: Task) -> Control:
    """Try the planted faults of a check until one is noticed; which of them can be depends on the cases asked.

    Where none is planted or noticed, nothing shows that the check can fail: the control is lost, and the decision
    with it. Where the operator has picked one case, it is asked first, and then the others of the check.
    """
    what = "none is planted"
    for cases in (task.cases, task.others):
        for what in KILLED_BY.get(task.check.name, ()) if cases else ():
            mutant = MUTANTS[what]
            with started(mutant.make, mutant.target, task) as subject:
                found = first_not_passed(subject, replace(task, cases=cases))
            if found and found.outcome == "fail":
                return Control(control=f"mutant: {what}", check=task.check.name, expected="fail", seen="fail")
    return Control(control=f"mutant: {what}", check=task.check.name, expected="fail", seen="pass")


def _timed_control(task: Task, programs: Mapping[str, Timed | Planted], expected: Literal["pass", "fail"]) -> Control:
    """Time or count a program of ours like the implementation; what cannot be measured counts as misjudged."""
    made = programs[task.check.name]
    operations = task.asking.operations | made.operations
    asking = replace(task.asking, depth="standard", operations=operations)
    outcomes = set[str]()
    with suppress(AttachError), Session(made.target(asking.parameter_set)) as session:
        outcomes = {r.outcome for r in window(Watching(session), replace(task, asking=asking), task.cases[:1], 1)}
    misjudged: Literal["pass", "fail"] = "fail" if expected == "pass" else "pass"
    seen = expected if outcomes == {expected} else misjudged
    return Control(control=made.what, check=task.check.name, expected=expected, seen=seen)


def needs_process(check: Check) -> bool:
    """Return whether a check changes the process that it asks, so that a control needs one of its own."""
    return any(_NEEDS_PROCESS & need for need in check.needs)


@contextmanager
def started(make: Callable[[str], object], target: str, task: Task) -> Iterator[Asked]:
    """Start a control: in this process, or in a worker where the check needs one (``target``: ``module:callable``)."""
    if not needs_process(task.check):
        yield InProcess(make, task.asking.parameter_set)
        return
    with Session(Target(target=target, sets=(task.asking.parameter_set,))) as session:
        yield session


def _spread(cases: Sequence[Any]) -> Sequence[Any]:
    """Order cases so that refusals come first: they are what a missing check gets wrong."""
    if isinstance(cases, Numbered):
        return cases[: sum(_MUTANT_SAMPLES)]
    return sorted(cases, key=lambda case: getattr(case, "expect", None) is not False)


def _samples(cases: Sequence[Any], sizes: Sequence[int]) -> Iterator[Sequence[Any]]:
    begin = 0
    for size in sizes:
        if begin < len(cases):
            yield cases[begin : begin + size]
        begin += size
