"""Property campaigns: what they ask of an algorithm is what that algorithm knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pqvalidate.adapters.interface import Call, Fault, Reply, Unasked
from pqvalidate.controls import InProcess, reference
from pqvalidate.diagnosis import every_operation
from pqvalidate.scheduler import window
from tests.mutants.matrix import plan_for


@pytest.mark.parametrize("name", ["Dilithium2", "ML-DSA-44"])
def test_a_context_is_given_only_where_the_algorithm_knows_one(name: str) -> None:
    knows = name.startswith("ML-DSA")  # FIPS 204 section 5.2 brought it
    assert knows == ("verify.context" in every_operation(name))
    (task,) = [task for task in plan_for(name, "quick").tasks if task.check.name.endswith("/campaign")]
    operations = task.asking.operations | {"verify.context"}  # as an adapter would say whose method takes one
    asked: list[Call] = []

    class Noting(InProcess):
        def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
            asked.extend(calls)
            return super().ask(calls, most_losses)

    renewed = replace(task, asking=replace(task.asking, operations=operations))
    records = window(Noting(reference, name), renewed, task.cases, 1)
    assert {record.outcome for record in records} == {"pass"}
    assert any("context" in call.inputs for call in asked) == knows


def test_a_crash_beside_a_call_that_cannot_be_made_is_not_lost() -> None:
    (task,) = [task for task in plan_for("ML-KEM-512", "quick").tasks if task.check.name == "ml-kem/campaign"]

    class Crashing(InProcess):
        def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
            replies = super().ask(calls, most_losses)
            replies[:2] = [Unasked("exception", "it has no length"), Fault("crash", "SIGSEGV")]
            return replies

    first = window(Crashing(reference, "ML-KEM-512"), task, task.cases[:1], 5)[0]
    assert (first.outcome, first.fault, first.why) == ("fail", "crash", "SIGSEGV")
