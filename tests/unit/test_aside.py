"""The oracle in a process of its own gives what it gives here, and leaves the rest to the caller."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

import pytest

from pqvalidate.controls import InProcess, reference
from pqvalidate.oracle import mldsa, mlkem
from pqvalidate.oracle.aside import Aside
from pqvalidate.scheduler import oracle_aside, window
from tests.mutants.matrix import plan_for

SEEDS = [bytes([number]) * 64 for number in range(3)]


def pid(aside: Aside) -> int:
    assert aside._process is not None
    return aside._process.pid


def test_values_are_those_of_this_process() -> None:
    with Aside() as aside:
        keys = aside.compute(mlkem.keygen, "ML-KEM-512", [SEEDS])
        assert keys == mlkem.keygen("ML-KEM-512", SEEDS)
        signers = mldsa.keygen("ML-DSA-44", [seed[:32] for seed in SEEDS])
        columns: list[Sequence[Any]] = [[sk for _, sk in signers], [b"m"] * 3, [bytes(32)] * 3]
        made = aside.compute(mldsa.sign_internal, "ML-DSA-44", columns)
        assert made == mldsa.sign_internal("ML-DSA-44", *columns)
        known = pid(aside)
    with pytest.raises(ProcessLookupError):
        os.kill(known, 0)


def test_a_closure_and_a_refused_input_are_left_to_the_caller() -> None:
    with Aside() as aside:
        assert aside.compute(lambda _name, values: values, "ML-KEM-512", [[1]]) is None
        assert aside.compute(mlkem.encapsulate, "ML-KEM-512", [[b"short"], [bytes(32)]]) is None
        assert aside.compute(mlkem.keygen, "ML-KEM-512", [SEEDS[:1]]) == mlkem.keygen("ML-KEM-512", SEEDS[:1])


def test_a_process_that_is_lost_is_not_asked_again() -> None:
    with Aside() as aside:
        assert aside.compute(mlkem.keygen, "ML-KEM-512", [SEEDS[:1]])
        os.kill(pid(aside), signal.SIGKILL)
        assert aside.compute(mlkem.keygen, "ML-KEM-512", [SEEDS]) is None
        assert aside.compute(mlkem.keygen, "ML-KEM-512", [SEEDS]) is None


def test_interrupts_are_not_for_it() -> None:
    with Aside() as aside:
        assert aside.compute(mlkem.keygen, "ML-KEM-512", [SEEDS[:1]])
        os.kill(pid(aside), signal.SIGINT)
        assert aside.compute(mlkem.keygen, "ML-KEM-512", [SEEDS]) == mlkem.keygen("ML-KEM-512", SEEDS)


def test_a_campaign_with_many_cases_has_the_same_records(monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = [task for task in plan_for("ML-KEM-512", "standard").tasks if task.check.name == "ml-kem/campaign"]
    here = window(InProcess(reference, "ML-KEM-512"), task, task.cases[:130], 1)
    sent: list[object] = []

    def noting(self: Aside, *request: Any) -> Sequence[Any] | None:
        sent.append(request)
        return compute(self, *request)

    compute = Aside.compute
    monkeypatch.setattr(Aside, "compute", noting)
    with oracle_aside():
        assert window(InProcess(reference, "ML-KEM-512"), task, task.cases[:130], 1) == here
    assert sent
    assert len(here) == 130
