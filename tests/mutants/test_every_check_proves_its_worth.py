"""House rules: each check has a mutant that it kills, at every depth, and passes the reference on every set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_struct

from pqvalidate import vectors
from pqvalidate.adapters.interface import Call, Ok, Reply
from pqvalidate.algorithms import ML_KEM, PARAMETER_SETS
from pqvalidate.controls import KILLED_BY, MUTANTS, InProcess, reference, run_controls
from pqvalidate.evidence import Control
from pqvalidate.mutants import Make, Mutant
from pqvalidate.oracle import kem_steps, mlkem
from pqvalidate.planner import Planned, Selection, make_plan
from pqvalidate.scheduler import window
from pqvalidate.suites import all_checks
from tests.mutants.matrix import FIRST_ROUND, matrix, plan_for, repeatable, subject_for

CHECKS = {check.name: check for check in all_checks()}


def test_every_check_has_a_mutant_of_its_own_algorithm() -> None:
    assert set(KILLED_BY) == set(CHECKS)
    assert [c for c, faults in KILLED_BY.items() if not any(_exists(c, MUTANTS[what]) for what in faults)] == []


def _exists(check: str, mutant: Mutant) -> bool:
    return CHECKS[check].algorithm in mutant.algorithms


def misjudged(planned: Planned) -> list[Control]:
    controls = run_controls(planned)
    asked = {task.check.name for task in planned.tasks if task.check.severity != "advisory"}
    assert {control.check for control in controls} == {check for check in asked if not check.endswith("/accumulated")}
    return [control for control in controls if control.seen != control.expected]


@pytest.mark.parametrize("name", PARAMETER_SETS)
def test_every_control_is_judged_rightly_at_depth_quick(name: str) -> None:
    assert misjudged(plan_for(name, "quick")) == []


NARROW = {
    "the internal interface alone": ("ML-DSA-44", "keygen_from_seed sign_internal verify_internal"),
    "the internal interface and mu": ("ML-DSA-44", "keygen_from_seed sign_internal verify_internal sign_mu verify_mu"),
    "private keys as seeds": ("ML-DSA-44", "keygen_from_seed sign_internal_from_seed verify_internal"),
    "own randomness alone": ("ML-DSA-44", "keygen sign verify"),
    "a verifier": ("ML-DSA-44", "verify"),
    "a KEM with its own randomness alone": ("ML-KEM-512", "keygen encapsulate decapsulate"),
    "a KEM with keys as seeds": ("ML-KEM-512", "keygen encapsulate decapsulate_from_seed"),
    "decapsulation alone": ("ML-KEM-512", "decapsulate_from_seed"),
}


@pytest.mark.parametrize(("name", "operations"), NARROW.values(), ids=NARROW)
def test_every_control_is_judged_rightly_where_little_is_offered(name: str, operations: str) -> None:
    narrow = replace_struct(subject_for(name), operations={name: tuple(operations.split())})
    controls = run_controls(make_plan(narrow, Selection(depth="quick", seed="00")))
    assert controls
    assert [control for control in controls if control.seen != control.expected] == []


@pytest.mark.parametrize("name", PARAMETER_SETS)
def test_every_control_of_the_published_cases_is_judged_rightly_at_depth_standard(name: str) -> None:
    planned = plan_for(name)
    assert misjudged(replace(planned, tasks=tuple(t for t in planned.tasks if t.check.suite in FIRST_ROUND))) == []


@pytest.mark.parametrize("name", PARAMETER_SETS)
def test_the_reference_passes_every_case_of_every_check_at_depth_quick(name: str) -> None:
    for task in plan_for(name, "quick").tasks:
        records = window(InProcess(repeatable(reference), name), task, task.cases, 1)
        assert [record for record in records if record.outcome != "pass"] == []
        assert len(records) == len(task.cases)


@pytest.mark.whole_matrix
def test_every_check_kills_one_of_its_mutants_in_the_matrix_if_it_is_asked_there() -> None:
    for check, faults in KILLED_BY.items():
        rows = [rows[what] for rows in matrix().values() for what in faults if what in rows and check in rows[what]]
        cells = {row[check] for row in rows}
        assert "killed" in cells or cells == {"not asked"}, check


class _Precomputed:
    """Answers the calls of the accumulated check from three batches, since ten thousand single ones take long."""

    def __init__(self, make: Make, name: str, count: int) -> None:
        rules = make(name).rules
        assert isinstance(rules, kem_steps.Rules)
        stream = hashlib.shake_128().digest(count * (96 + PARAMETER_SETS[name].output))
        size = len(stream) // count
        rows = [stream[n * size : (n + 1) * size] for n in range(count)]
        self.keys = mlkem.keygen(name, [row[:64] for row in rows], rules=rules)
        sent = mlkem.encapsulate(name, [ek for ek, _ in self.keys], [row[64:96] for row in rows], rules=rules)
        rejected = mlkem.decapsulate(name, [dk for _, dk in self.keys], [row[96:] for row in rows], rules=rules)
        self.answers: list[Reply] = []
        for (ek, dk), (k, c), r in zip(self.keys, sent, rejected, strict=True):
            self.answers += [Ok({"ek": ek, "dk": dk}), Ok({"k": k, "c": c}), Ok({"k": r})]

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        del most_losses
        taken, self.answers = self.answers[: len(calls)], self.answers[len(calls) :]
        return taken


@pytest.mark.parametrize("name", [name for name in ML_KEM if vectors.accumulated(name)][:1])
def test_the_accumulated_kem_check_passes_the_reference_and_kills_its_mutant(name: str) -> None:
    (task,) = [task for task in plan_for(name, "full").tasks if task.check.name == "ml-kem/accumulated"]
    (case,) = task.cases
    mutant = MUTANTS[KILLED_BY["ml-kem/accumulated"][0]]
    outcomes = {
        what: [record.outcome for record in window(_Precomputed(make, name, case.count), task, [case], 1)]
        for what, make in {"reference": reference, "mutant": mutant.make}.items()
    }
    assert outcomes == {"reference": ["pass"], "mutant": ["fail"]}
