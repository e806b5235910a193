"""The matrix of mutants and checks: who is noticed by which check, computed in this process and written as text."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS
from pqvalidate.algorithms import PARAMETER_SETS, PREHASH_OID_BYTE
from pqvalidate.controls import InProcess, first_failure, reference
from pqvalidate.evidence import Depth, Subject
from pqvalidate.mutants import Make, OracleKem, OracleSignature
from pqvalidate.planner import Planned, Selection, make_plan
from tests.mutants.catalogue import SETS, mutants_on

Cell: TypeAlias = Literal["killed", "survived", "not asked"]
Row: TypeAlias = dict[str, Cell]
MARKS: dict[Cell, str] = {"killed": "K", "survived": ".", "not asked": " "}
_TABLES = {"kem": KEM_OPERATIONS, "signature": SIGNATURE_OPERATIONS}
# The first samples are small, since most mutants are noticed at once; the last takes all the rest.
_SAMPLES = (1, 3, 12, 48, 1_000_000)


def operations_of(name: str) -> tuple[str, ...]:
    """Return everything that an implementation of a parameter set can offer, with all options."""
    table = _TABLES[PARAMETER_SETS[name].kind]
    options = [f"{operation}.{option}" for operation, shape in table.items() for option in shape.optional]
    return (*table, *options, *(f"hash:{hash_name}" for hash_name in PREHASH_OID_BYTE))


@functools.cache
def plan_for(name: str, depth: Depth = "standard") -> Planned:
    """Plan for an imagined implementation of one parameter set that offers everything."""
    subject = Subject(
        vendor="pqvalidate", name="mutant", version="", form="software-library", adapter="none", artefacts=(),
        claims=(name,), caller_checks=(), operations={name: operations_of(name)}, configuration={}, notes=(),
    )  # fmt: skip
    return make_plan(subject, Selection(depth=depth, seed="00"))


def repeatable(make: Make) -> Callable[[str], OracleKem | OracleSignature]:
    """Return a maker of the same implementation with a fixed source of randomness, so that a matrix is repeatable."""

    def made(name: str) -> OracleKem | OracleSignature:
        implementation, drawn = make(name), 0

        def source(length: int) -> bytes:
            nonlocal drawn
            drawn += 1
            return hashlib.shake_256(f"draw {drawn}".encode()).digest(length)

        implementation.source = source
        return implementation

    return made


def row_of(make: Make, name: str, depth: Depth = "standard") -> Row:
    """Return which checks notice an implementation."""
    planned = plan_for(name, depth)
    row: Row = {step.check: "not asked" for step in planned.plan.steps}
    for task in planned.tasks:
        found = first_failure(InProcess(repeatable(make), name), task, _SAMPLES)
        row[task.check.name] = "killed" if found else "survived"
    return row


@functools.cache
def matrix() -> Mapping[str, Mapping[str, Row]]:
    """Return the rows of all mutants by parameter set and by what is wrong; the reference is the first row."""
    return {
        name: {"(reference)": row_of(reference, name)}
        | {mutant.what: row_of(mutant.make, name) for mutant in mutants_on(name)}
        for name in SETS
    }


def text(found: Mapping[str, Mapping[str, Row]]) -> str:
    """Return the matrix as text: one column for each check, one line for each mutant."""
    parts = ["K: killed, that is noticed by the check. Point: survived. Blank: not asked at depth standard.\n"]
    for name, rows in found.items():
        checks = list(next(iter(rows.values())))
        parts.append(f"\n{name}\n{'=' * len(name)}\n")
        parts += [f"{'|' * number}+{'-' * (len(checks) - number)} {check}\n" for number, check in enumerate(checks)]
        for what, row in rows.items():
            kills = sum(cell == "killed" for cell in row.values())
            marks = "".join(MARKS[row[check]] for check in checks)
            parts.append(f"{marks}  {what if kills or what == '(reference)' else 'SURVIVES: ' + what}\n")
    return "".join(parts)


def survivors(found: Mapping[str, Mapping[str, Row]]) -> dict[str, set[str]]:
    """Return, by parameter set, the mutants that no check notices."""
    return {
        name: {what for what, row in rows.items() if what != "(reference)" and "killed" not in row.values()}
        for name, rows in found.items()
    }
