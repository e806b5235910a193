"""The matrix of mutants and checks: who is noticed by which check, computed in this process and written as text."""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from typing import Literal, TypeAlias

from pqvalidate import controls
from pqvalidate.controls import KILLED_BY, first_not_passed, reference
from pqvalidate.diagnosis import TRIED_ON, every_operation
from pqvalidate.evidence import Depth, Subject
from pqvalidate.mutants import Make, OracleKem, OracleSignature
from pqvalidate.planner import Planned, Selection, Task, make_plan
from pqvalidate.suites import Check
from tests.mutants.catalogue import SETS, mutants_on
from tests.mutants.remembering import remember_the_standard

Cell: TypeAlias = Literal["killed", "survived", "not asked"]
Row: TypeAlias = dict[str, Cell]
Matrix: TypeAlias = Mapping[str, Mapping[str, Row]]
REFERENCE = "(reference)"
MARKS: dict[Cell, str] = {"killed": "K", "survived": ".", "not asked": " "}
FIRST_ROUND = ("known-answer", "differential")
SHORT_AT_STANDARD = (
    "accumulated", "random-keys", "random-secrets", "random-processes", "random-forks", "random-failure", "hedging",
    "hedging-seed", "sign-rejections",
)  # fmt: skip
# The first samples are small, since most mutants are noticed at once; the last takes the rest.
_SAMPLES = (1, 3, 12, 48, 10_000)
_DRAWN_SAMPLES = (1, 3, 12)  # of cases that are drawn one as good as the other
_HEAD = f"""\
K: killed, that is noticed by the check. Point: survived. Blank: not asked.
{" and ".join(FIRST_ROUND)} checks are asked of all, at depth standard. The later suites are asked of the
reference, of mutants that the others leave, and of their own controls, at depth quick; so are, at depth standard,
{", ".join(SHORT_AT_STANDARD)}.
Of differential checks {sum(_DRAWN_SAMPLES)} cases are asked.
"""


def subject_for(name: str) -> Subject:
    """Return an imagined implementation of one parameter set that offers everything."""
    return Subject(
        vendor="pqvalidate", name="mutant", version="", form="software-library", adapter="none", artefacts=(),
        claims=(name,), caller_checks=(), operations={name: every_operation(name)}, configuration={}, notes=(),
    )  # fmt: skip


@functools.cache
def plan_for(name: str, depth: Depth = "standard") -> Planned:
    """Plan for an imagined implementation of one parameter set that offers everything."""
    return make_plan(subject_for(name), Selection(depth=depth, seed="00"))


def repeatable(make: Make) -> Callable[[str], OracleKem | OracleSignature]:
    """Return a maker of the same implementation with a fixed source of randomness, so that a matrix is repeatable.

    What is made again, as after a restart, goes on drawing where the one before it ended.
    """
    numbers = count()

    def made(name: str) -> OracleKem | OracleSignature:
        implementation = make(name)
        implementation.source = lambda length: hashlib.shake_256(f"draw {next(numbers)}".encode()).digest(length)
        return implementation

    return made


def row_of(name: str, what: str) -> Row:
    """Return which checks notice a mutant, or the reference.

    The later suites take long on our own computation, so they are asked at depth quick, and only of the reference, of
    mutants that the first suites leave, and of those that are their controls.
    """
    make: Make = reference
    target = "pqvalidate.controls:reference"
    if what != REFERENCE:
        make, target = mutants_on(name)[what].make, mutants_on(name)[what].target
    row: Row = {step.check: "not asked" for step in plan_for(name).plan.steps}
    for task in plan_for(name).tasks:
        if asked_first(task.check):
            row[task.check.name] = cell_of(make, target, task)
    left = "killed" not in row.values()
    for task in _later(name):
        if left or what in KILLED_BY.get(task.check.name, ()):
            row[task.check.name] = cell_of(make, target, task)
    return row


def _later(name: str) -> list[Task]:
    """Return the tasks of the later suites at depth quick, and a few short ones that have no cases there."""
    quick = [task for task in plan_for(name, "quick").tasks if not asked_first(task.check)]
    return [t for t in quick if t.check.suite not in FIRST_ROUND] + [
        task for task in plan_for(name).tasks if task.check.name.partition("/")[2] in SHORT_AT_STANDARD
    ]


def asked_first(check: Check) -> bool:
    """Return whether a check is asked of every mutant; the accumulated ones take long and show little more."""
    return check.suite in FIRST_ROUND and not check.name.endswith("/accumulated")


def cell_of(make: Make, target: str, task: Task) -> Cell:
    """Return whether a check notices an implementation."""
    if controls.needs_process(task.check) and not target:
        return "not asked"
    with controls.started(repeatable(make), target, task) as subject:
        found = first_not_passed(subject, task, _DRAWN_SAMPLES if task.check.suite == "differential" else _SAMPLES)
    if found and found.outcome != "fail":
        raise AssertionError(f"{task.check.name} broke on its own: {found.why}")
    return "killed" if found else "survived"


@functools.cache
def matrix() -> Matrix:
    """Return the rows of all mutants by parameter set and by what is wrong; the reference is the first row."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context, initializer=remember_the_standard) as pool:
        waiting = {
            name: {what: pool.submit(row_of, name, what) for what in (REFERENCE, *mutants_on(name))}
            for name in sorted(SETS, key=lambda name: name not in TRIED_ON.values())
        }
        return {name: {what: row.result() for what, row in waiting[name].items()} for name in SETS}


def text(found: Matrix) -> str:
    """Return the matrix as text: one column for each check, one line for each mutant."""
    parts = [_HEAD]
    for name, rows in found.items():
        checks = list(next(iter(rows.values())))
        parts.append(f"\n{name}\n{'=' * len(name)}\n")
        parts += [f"{'|' * number}+{'-' * (len(checks) - number)} {check}\n" for number, check in enumerate(checks)]
        for what, row in rows.items():
            kills = sum(cell == "killed" for cell in row.values())
            marks = "".join(MARKS[row[check]] for check in checks)
            parts.append(f"{marks}  {what if kills or what == '(reference)' else 'SURVIVES: ' + what}\n")
    return "".join(parts)


def survivors(found: Matrix) -> dict[str, set[str]]:
    """Return, by parameter set, the mutants that no check notices."""
    return {
        name: {what for what, row in rows.items() if what != REFERENCE and "killed" not in row.values()}
        for name, rows in found.items()
    }


def kill_ratio(found: Matrix) -> dict[str, tuple[int, int]]:
    """Return, by parameter set, how many mutants are noticed and how many there are."""
    return {name: (len(rows) - 1 - len(survivors(found)[name]), len(rows) - 1) for name, rows in found.items()}
