"""What C cannot express: planned as not applicable with its own reason, and never passed, refused or failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pqvalidate.adapters.interface import KEM_OPERATIONS, Call, Fault, Reply, Unasked
from pqvalidate.algorithms import lengths
from pqvalidate.evidence import Subject
from pqvalidate.planner import Planned, Selection, make_plan
from pqvalidate.runner import run
from pqvalidate.scheduler import window
from pqvalidate.suites import all_checks

SEED = "00" * 16
KEM, DSA = "ML-KEM-512", "ML-DSA-44"
NO_LENGTHS = {
    KEM: {"fixed:encapsulate.ek", "fixed:encapsulate_derand.ek", "fixed:encapsulate_derand.m", "fixed:decapsulate.dk",
          "fixed:decapsulate.c", "fixed:keygen_from_seed.seed"},
    DSA: {"fixed:sign.sk", "fixed:sign_deterministic.sk", "fixed:sign_deterministic.context", "fixed:verify.pk",
          "fixed:keygen_from_seed.seed"},
}  # fmt: skip
OFFERED = {
    KEM: {"keygen", "keygen_from_seed", "encapsulate", "encapsulate_derand", "decapsulate"},
    DSA: {"keygen", "keygen_from_seed", "sign", "sign.context", "sign_deterministic", "sign_deterministic.context",
          "verify", "verify.context"},
}  # fmt: skip


def planned(name: str, markers: set[str]) -> Planned:
    subject = Subject(
        vendor="v", name="n", version="1", form="software-library", adapter="c-abi", artefacts=(), claims=(name,),
        caller_checks=(), operations={name: tuple(sorted(OFFERED[name] | markers))}, configuration={}, notes=(),
    )  # fmt: skip
    return make_plan(subject, Selection(seed=SEED, depth="standard"))


def unasked(made: Planned) -> dict[str, str]:
    return {step.check: step.why for step in made.plan.steps if step.reason == "interface-has-no-length"}


def test_checks_of_lengths_alone_are_not_applicable() -> None:
    found = unasked(planned(KEM, NO_LENGTHS[KEM]))
    assert set(found) == {
        "ml-kem/ek-length", "ml-kem/dk-length", "ml-kem/ciphertext-length", "ml-kem/lengths-ek", "ml-kem/lengths-dk",
        "ml-kem/lengths-ciphertext", "ml-kem/lengths-seed", "ml-kem/lengths-m",
    }  # fmt: skip
    assert found["ml-kem/lengths-ek"].endswith("cases cannot be asked: the interface takes no length of ek")
    assert not unasked(planned(KEM, set()))


def test_checks_of_other_things_lose_the_cases_that_cannot_be_asked() -> None:
    all_of_it = {step.check: step for step in planned(DSA, set()).plan.steps}
    some_of_it = {step.check: step for step in planned(DSA, NO_LENGTHS[DSA]).plan.steps}
    verify = some_of_it["ml-dsa/verify-input-lengths"]
    assert 0 < verify.cases < all_of_it["ml-dsa/verify-input-lengths"].cases
    assert verify.why.endswith("the interface takes no length of pk")
    limit = some_of_it["ml-dsa/sign-context-limit"]
    assert (limit.cases, limit.why) == (6, "6 cases cannot be asked: the interface takes no length of context")
    assert some_of_it["ml-dsa/sign-input-lengths"].reason == "interface-has-no-length"
    assert some_of_it["ml-dsa/z-bound"] == all_of_it["ml-dsa/z-bound"]


def test_the_question_of_lengths_does_not_arise_where_it_cannot_be_put() -> None:
    with_lengths = {question.id for question in planned(KEM, set()).plan.questions}
    without = {question.id for question in planned(KEM, NO_LENGTHS[KEM]).plan.questions}
    one_left = {question.id for question in planned(KEM, NO_LENGTHS[KEM] - {"fixed:decapsulate.c"}).plan.questions}
    assert with_lengths - without == {"input-lengths"}
    assert one_left == with_lengths


@pytest.mark.parametrize("name", [KEM, DSA])
def test_no_case_that_is_left_gives_a_length_that_cannot_be_told(name: str) -> None:
    """An implementation that answers nothing but that: no case may meet it."""

    class NothingButLengths:
        def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:  # noqa: ARG002
            return [self._answer(call) for call in calls]

        def _answer(self, call: Call) -> Reply:
            right = lengths(name)
            for field, value in call.inputs.items():
                size = len(value)
                wrong = size != right.get(field, size) or (field == "context" and size > 255)
                if wrong and f"fixed:{call.operation}.{field}" in NO_LENGTHS[name]:
                    return Unasked("exception", f"no length of {field} in {call.operation}")
            return Fault("exception", "broken")

    errors = [
        (task.check.name, record.case)
        for task in planned(name, NO_LENGTHS[name]).tasks
        if not task.check.name.endswith("/version")  # of what has no version's answers it asks in lengths of them all
        for record in window(NothingButLengths(), task, task.cases[:150], 10_000)
        if record.outcome == "not-applicable" and "no length of" in record.why  # and not: the key may be refused
    ]
    assert errors == []


def _subject(made: Planned) -> Subject:
    (name,) = made.plan.parameter_sets
    return Subject(
        vendor="v", name="n", version="1", form="software-library", adapter="c-abi", artefacts=(), claims=(name,),
        caller_checks=(), operations={}, configuration={}, notes=(),
    )  # fmt: skip


def test_a_case_that_is_asked_all_the_same_neither_passes_nor_fails() -> None:
    class Never:
        restarts = 0

        def renew(self) -> None:
            pass

        def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:  # noqa: ARG002
            return [Unasked("exception", "f cannot be told a wrong length of c")] * len(calls)

    made = planned(KEM, set())
    only = [task for task in made.tasks if task.check.name == "ml-kem/ciphertext-length"]
    evidence, failures = run(Never(), replace(made, tasks=tuple(only)), _subject(made), None)
    outcome = evidence.facts.results[only[0].index]
    assert (outcome.outcome, outcome.failed, outcome.passed) == ("not-applicable", 0, 0)
    assert outcome.why.endswith(": f cannot be told a wrong length of c")
    assert failures == []


def test_every_check_of_kem_lengths_says_which_input_it_varies() -> None:
    named = {check.name: check.varies_length for check in all_checks() if "/lengths-" in check.name}
    assert named
    for name, varied in named.items():
        assert any(varied in operation.inputs for operation in KEM_OPERATIONS.values()), name
