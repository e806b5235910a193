"""The validation suite of ML-DSA: the reference passes, planted faults are noticed, rare values are as they say."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from Crypto.PublicKey import MLDSA
from dilithium_py.ml_dsa import ML_DSA_44, ML_DSA_65, ML_DSA_87

from pqvalidate import mutants_dsa, vectors
from pqvalidate.adapters.interface import SIGNATURE_OPERATIONS
from pqvalidate.algorithms import PREHASH_OID_BYTE
from pqvalidate.controls import InProcess, first_not_passed
from pqvalidate.evidence import Depth
from pqvalidate.mutants import Mutant, OracleSignature
from pqvalidate.oracle import mldsa
from pqvalidate.oracle.dsa_steps import FINAL, hash_h
from pqvalidate.planner import Task
from pqvalidate.scheduler import window
from pqvalidate.suites import Asking
from pqvalidate.suites.validation_dsa import CHECKS
from pqvalidate.suites.validation_dsa_asking import surfaces

SETS = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
BY_NAME = {check.name: check for check in CHECKS}
DILITHIUM_PY: dict[str, Any] = {"ML-DSA-44": ML_DSA_44, "ML-DSA-65": ML_DSA_65, "ML-DSA-87": ML_DSA_87}
RARE = "own/mldsa-rare-values"
EVERY = frozenset(SIGNATURE_OPERATIONS) | {
    *(f"{name}.{option}" for name, shape in SIGNATURE_OPERATIONS.items() for option in shape.optional),
    *(f"hash:{name}" for name in PREHASH_OID_BYTE),
}


def asking_of(name: str, depth: Depth, operations: frozenset[str] = EVERY) -> Asking:
    return Asking(parameter_set=name, depth=depth, seed=b"\x07", operations=operations)


@cache
def task_of(check: str, name: str, depth: Depth, operations: frozenset[str] = EVERY) -> Task:
    asking = asking_of(name, depth, operations)
    return Task(index=0, check=BY_NAME[check], asking=asking, cases=BY_NAME[check].cases(asking))


def depth_of(check: str) -> Depth:
    """Return the first depth at which a check has cases."""
    return "quick" if task_of(check, "ML-DSA-44", "quick").cases else "standard"


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("check", BY_NAME)
def test_the_reference_passes_every_case_at_depth_quick(check: str, name: str) -> None:
    task = task_of(check, name, depth_of(check))
    records = window(InProcess(OracleSignature, name), task, task.cases, 1)
    assert [(record.case, record.why) for record in records if record.outcome != "pass"] == []
    assert len(records) == len(task.cases) > 0


@pytest.mark.parametrize("mutant", mutants_dsa.PLANTED, ids=lambda mutant: mutant.what)
def test_every_control_is_noticed_by_each_of_its_checks(mutant: Mutant) -> None:
    for check in mutant.proves.split():
        for name in mutant.sets or ("ML-DSA-44", "ML-DSA-87"):
            depth: Depth = "standard" if check == "ml-dsa/sign-rejections" else depth_of(check)
            record = first_not_passed(InProcess(mutant.make, name), task_of(check, name, depth))
            assert record is not None, (check, name)
            assert record.outcome == "fail", record.why


def test_every_check_has_a_control_of_its_own() -> None:
    assert {check for mutant in mutants_dsa.PLANTED for check in mutant.proves.split()} == set(BY_NAME)


@pytest.mark.parametrize("check", BY_NAME)
def test_case_names_are_unique_and_their_number_does_not_depend_on_the_seed(check: str) -> None:
    for depth in ("quick", "standard"):
        asking = asking_of("ML-DSA-65", depth)
        one, other = (
            BY_NAME[check].cases(
                Asking(parameter_set="ML-DSA-65", depth=depth, seed=seed, operations=asking.operations)
            )
            for seed in (b"one", b"other")
        )
        assert len({case.id for case in one}) == len(one) == len(other)


def test_an_implementation_that_refuses_keys_of_nobody_is_not_accused() -> None:
    class RefusesStrangers(OracleSignature):
        def signing_key(self, sk: bytes) -> bytes:
            raise ValueError(f"the private key of {len(sk)} bytes does not fit together")

    task = task_of("ml-dsa/sign-rejections", "ML-DSA-44", "standard")
    records = window(InProcess(RefusesStrangers, "ML-DSA-44"), task, task.cases[:2], 1)
    assert {(record.outcome, record.why) for record in records} == {
        ("pass", "refuses private keys that fit no public key, so this was not asked")
    }


def test_without_a_known_hash_function_the_gap_is_named() -> None:
    operations = EVERY - {name for name in EVERY if name.startswith("hash:")}
    for check in CHECKS:
        if check.name.startswith("ml-dsa/prehash-") or check.name == "ml-dsa/sign-prehash-oracle":
            asking = asking_of("ML-DSA-44", "quick", operations)
            assert (list(check.cases(asking)), check.gaps(asking)) == (
                [],
                "no pre-hash function is known to be offered",
            )


def test_each_interface_for_verification_can_be_the_only_one() -> None:
    for only in ("verify", "verify_internal", "verify_mu"):
        assert surfaces(asking_of("ML-DSA-44", "quick", frozenset({only}))) == (only,)
        for check in ("ml-dsa/z-bound", "ml-dsa/hint-encoding", "ml-dsa/message-binding", "ml-dsa/challenge-bytes"):
            task = task_of(check, "ML-DSA-44", "quick", frozenset({only}))
            records = window(InProcess(OracleSignature, "ML-DSA-44"), task, task.cases[:20], 1)
            assert {record.outcome for record in records} == {"pass"}


@pytest.mark.parametrize("name", SETS)
def test_the_rare_values_are_those_of_independent_implementations(name: str) -> None:
    param_set = next(member for member in MLDSA.ParamSet if member.value == name)
    cases = vectors.load(name, sets={RARE})
    for case in cases:
        i: dict[str, Any] = dict(case.inputs)
        if case.operation == "keygen_from_seed":
            assert isinstance(case.expect, dict)
            key = MLDSA.construct(param_set=param_set, seed=i["seed"])
            assert (key.pk, key.sk) == (case.expect["pk"], case.expect["sk"])
            assert DILITHIUM_PY[name]._keygen_internal(i["seed"]) == (key.pk, key.sk)
        elif case.operation == "sign_deterministic":
            assert isinstance(case.expect, dict)
            theirs = MLDSA.construct(param_set=param_set, sk=i["sk"])._sign(b"\0\0" + i["message"], bytes(32))
            assert theirs == case.expect["signature"]
            assert DILITHIUM_PY[name].sign(i["sk"], i["message"], deterministic=True) == theirs
    assert {flag for case in cases for flag in case.flags} == {
        "LongSample", "EdgeSample", "EdgeKey", "ManyAttempts", "Rejection", "Hints", "ZeroBytes", "BoundaryCondition",
    }  # fmt: skip


LEAST_ATTEMPTS = {"ML-DSA-44": 54, "ML-DSA-65": 63, "ML-DSA-87": 29}


@pytest.mark.parametrize("name", SETS)
def test_the_rare_values_are_rare_as_they_say(name: str) -> None:
    signing = [case for case in vectors.load(name, sets={RARE}) if case.operation == "sign_deterministic"]
    p, found = FINAL.parameters[name], dict[str, list[int]]()
    for case in signing:
        sk, message = case.inputs["sk"], case.inputs["message"]
        assert isinstance(sk, bytes)
        assert isinstance(message, bytes)
        mu = hash_h(sk[64 : 64 + p.tr] + b"\0\0" + message)
        (signed,) = mldsa.sign_mu_with_history(name, [sk], [mu], [bytes(32)])
        found.setdefault(case.flags[0], []).append(len(signed.thrown_away))
        if case.note.startswith("an attempt is thrown away for "):
            assert case.note.rpartition(" ")[2] in signed.thrown_away
        if case.note == "c~ begins with a zero byte":
            assert signed.signature[0] == 0
    assert max(found["ManyAttempts"]) == LEAST_ATTEMPTS[name]
