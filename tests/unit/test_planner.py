"""Planning: every check that could bear on a claim becomes one step, asked or with its reason; nothing is left out."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

import pytest

from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS
from pqvalidate.algorithms import PARAMETER_SETS, PREHASH_OID_BYTE
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Depth, Subject
from pqvalidate.planner import Planned, Selection, make_plan
from pqvalidate.suites import all_checks
from tests.unit.evidence_factory import subject

SEED = "5eed"
EVERY = tuple(PARAMETER_SETS)


def offering_everything(*sets: str) -> Subject:
    """Return an implementation that offers every operation with every option and every pre-hash function."""
    shapes = {"kem": KEM_OPERATIONS, "signature": SIGNATURE_OPERATIONS}
    operations = {}
    for name in sets:
        table = shapes[PARAMETER_SETS[name].kind]
        options = [f"{operation}.{option}" for operation, shape in table.items() for option in shape.optional]
        operations[name] = (*table, *options, *(f"hash:{hash_name}" for hash_name in PREHASH_OID_BYTE))
    return subject(claims=sets, operations=operations)


def planned(tested: Subject, depth: Depth = "quick", **selection: Any) -> Planned:
    return make_plan(tested, Selection(depth=depth, seed=SEED, **selection))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("operations", [(), ("keygen",)])
def test_every_check_of_the_algorithm_is_one_step_whatever_is_offered(name: str, operations: tuple[str, ...]) -> None:
    plan = planned(subject(claims=(name,), operations={name: operations})).plan
    known = [check.name for check in all_checks() if check.algorithm == PARAMETER_SETS[name].algorithm]
    assert [step.check for step in plan.steps] == known
    assert all(step.reason or step.cases for step in plan.steps)
    assert all(step.why for step in plan.steps if step.reason)


def test_who_offers_nothing_is_asked_nothing_and_every_question_that_always_arises_stays() -> None:
    made = planned(subject(operations={"ML-KEM-768": ()}))
    assert made.tasks == ()
    assert {step.reason for step in made.plan.steps} == {"operation-missing"}
    assert {question.id for question in made.plan.questions} >= {"key-generation", "encapsulation", "decapsulation"}


def test_a_missing_operation_is_named() -> None:
    plan = planned(subject(operations={"ML-KEM-768": ("keygen", "encapsulate", "decapsulate")})).plan
    why = {step.check: (step.reason, step.why) for step in plan.steps}
    assert why["ml-kem/kat-encapsulate"] == (
        "operation-missing", "the implementation does not offer encapsulate_derand",
    )  # fmt: skip
    assert why["ml-kem/encapsulate-oracle"][0] is None


@pytest.mark.parametrize("depth", ["quick", "standard"])
@pytest.mark.parametrize("name", ["ML-KEM-512", "ML-DSA-44", "Kyber-512", "Dilithium2"])
def test_the_name_of_a_case_means_one_case(name: str, depth: Depth) -> None:
    for task in planned(offering_everything(name), depth).tasks:
        names = Counter(case.id for case in islice(iter(task.cases), 5000))
        assert [case for case, count in names.items() if count > 1] == [], task.check.name


@pytest.mark.parametrize("name", ["ML-KEM-512", "ML-DSA-44"])
def test_case_counts_and_names_are_fixed_by_depth_and_seed(name: str) -> None:
    first, again = planned(offering_everything(name)), planned(offering_everything(name))
    assert first.plan == again.plan
    for one, other in zip(first.tasks, again.tasks, strict=True):
        assert list(one.cases) == list(other.cases)


@pytest.mark.parametrize("name", ["ML-KEM-512", "ML-DSA-44", "Kyber-512"])
def test_a_greater_depth_asks_no_check_less(name: str) -> None:
    quick, standard = (planned(offering_everything(name), depth) for depth in ("quick", "standard"))
    for less, more in zip(quick.plan.steps, standard.plan.steps, strict=True):
        assert less.check == more.check
        assert less.cases <= more.cases
    assert sum(step.cases for step in quick.plan.steps) < sum(step.cases for step in standard.plan.steps)


@pytest.mark.parametrize("name", ["ML-KEM-512", "ML-DSA-44", "Kyber-512", "Dilithium2"])
def test_every_question_can_be_answered_at_every_depth_by_who_offers_everything(name: str) -> None:
    for depth in ("quick", "standard"):
        plan = planned(offering_everything(name), depth).plan
        asked = {step.check for step in plan.steps if step.reason is None}
        assert [question.id for question in plan.questions if not asked & set(question.checks)] == []


def test_only_excluded_and_case_each_leave_their_reason() -> None:
    tested = offering_everything("ML-KEM-512")
    case = next(iter(planned(tested).tasks[0].cases)).id
    check = planned(tested).tasks[0].check.name
    steps = {step.check: step for step in planned(tested, only=(check,), case=case).plan.steps}
    assert (steps[check].cases, steps[check].reason) == (1, None)
    assert {step.reason for name, step in steps.items() if name != check} == {"excluded"}

    steps = {step.check: step for step in planned(tested, excluded={check: "in dispute"}).plan.steps}
    assert (steps[check].reason, steps[check].why, steps[check].cases) == ("excluded", "in dispute", 0)
    assert [name for name, step in steps.items() if step.reason == "excluded"] == [check]


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"parameter_sets": ("ML-DSA-65",)}, "is not claimed"),
        ({"only": ("ml-kem/kat-keygn",)}, "nearest: ml-kem/kat-keygen"),
        ({"excluded": {"ml-kem/kat-keygn": "x"}}, "nearest: ml-kem/kat-keygen"),
        ({"case": "acvp/nothing/1"}, "no case 'acvp/nothing/1'"),
    ],
)
def test_a_selection_of_what_does_not_exist_is_an_error(selection: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        planned(offering_everything("ML-KEM-768"), **selection)


def test_a_check_that_the_vendor_leaves_to_the_caller_is_advisory() -> None:
    plain = {step.check: step.severity for step in planned(offering_everything("ML-KEM-768")).plan.steps}
    left = offering_everything("ML-KEM-768")
    left = subject(claims=left.claims, operations=left.operations, caller_checks=("encapsulation-key",))
    told = {step.check: step.severity for step in planned(left).plan.steps}
    changed = {check for check, severity in told.items() if severity != plain[check]}
    assert "ml-kem/ek-modulus" in changed
    assert {told[check] for check in changed} == {"advisory"}
    assert not any("dk-" in check for check in changed)


def test_the_plan_names_the_vector_files_by_digest() -> None:
    sources = planned(offering_everything("ML-KEM-512")).plan.vectors
    assert {source.parameter_set for source in sources} == {"ML-KEM-512"}
    assert {source.set.partition("/")[0] for source in sources} >= {"acvp", "wycheproof", "cctv"}
    assert all(len(source.sha256) == 64 for source in sources)


def test_every_step_says_what_a_failure_would_mean() -> None:
    for name in ("ML-KEM-512", "ML-DSA-44", "Kyber-512", "Dilithium2"):
        assert all(step.effect.endswith(".") for step in planned(offering_everything(name)).plan.steps)
