"""The crafted checks of ML-KEM: sound code passes, each planted fault is noticed by the check that is meant for it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from Crypto.PublicKey import MLKEM
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024

from pqvalidate import mutants_kem, vectors
from pqvalidate.adapters.interface import KEM_OPERATIONS, Ok, Rejected
from pqvalidate.algorithms import ML_KEM as SETS
from pqvalidate.controls import InProcess, first_not_passed
from pqvalidate.evidence import Depth
from pqvalidate.mutants import Mutant, OracleKem
from pqvalidate.oracle import crafting_kem as crafting
from pqvalidate.oracle.crafting_kem import Exchange
from pqvalidate.oracle.kem_steps import PARAMETERS
from pqvalidate.planner import Task
from pqvalidate.scheduler import window
from pqvalidate.suites import Asking, validation_kem_changes
from pqvalidate.suites.validation_kem import CHECKS
from pqvalidate.suites.validation_kem_cases import value_or_refused_key
from tests.mutants.kem_validation_faults import FAULTS, Planted

BY_NAME = {check.name: check for check in CHECKS}
STRICT = [check.name for check in CHECKS if check.name != "ml-kem/dk-encoding"]
KYBER_PY: dict[str, Any] = {"ML-KEM-512": ML_KEM_512, "ML-KEM-768": ML_KEM_768, "ML-KEM-1024": ML_KEM_1024}
RARE = "own/mlkem-rare-values"


@cache
def task_of(check: str, name: str, depth: Depth) -> Task:
    asking = Asking(parameter_set=name, depth=depth, seed=b"\x07", operations=frozenset(KEM_OPERATIONS))
    return Task(index=0, check=BY_NAME[check], asking=asking, cases=BY_NAME[check].cases(asking))


def noticed(mutant: Mutant, check: str, name: str, depth: Depth) -> bool:
    record = first_not_passed(InProcess(mutant.make, name), task_of(check, name, depth), (1, 3, 12, 48, 10_000))
    assert record is None or record.outcome == "fail", record.why
    return record is not None


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("check", STRICT)
def test_the_reference_passes_every_case_at_depth_quick(check: str, name: str) -> None:
    task = task_of(check, name, "quick")
    records = window(InProcess(OracleKem, name), task, task.cases, 1)
    assert [(record.case, record.why) for record in records if record.outcome != "pass"] == []
    assert len(records) == len(task.cases) > 0


@pytest.mark.parametrize("mutant", mutants_kem.PLANTED, ids=lambda mutant: mutant.what)
def test_every_control_is_noticed_by_each_of_its_checks_on_every_set(mutant: Mutant) -> None:
    meant = [check for check in mutant.proves.split() if check in BY_NAME]
    missed = [(c, n) for n in SETS for c in meant if not noticed(mutant, c, n, "quick")]
    assert missed == []


@pytest.mark.parametrize("planted", FAULTS, ids=lambda planted: planted.mutant.what)
def test_every_planted_fault_is_noticed_at_depth_standard(planted: Planted) -> None:
    assert noticed(planted.mutant, planted.check, "ML-KEM-512", "standard")


def test_every_check_has_one_control() -> None:
    proved = " ".join(mutant.proves for mutant in mutants_kem.PLANTED).split()
    assert sorted(check for check in proved if check.startswith("ml-kem/")) == sorted(BY_NAME)


@pytest.mark.parametrize("depth", ["quick", "standard", "full"])
@pytest.mark.parametrize("name", SETS)
def test_names_of_cases_are_unique_and_no_depth_asks_less_than_the_one_before(name: str, depth: Depth) -> None:
    for check in BY_NAME:
        ids = [case.id for case in task_of(check, name, depth).cases]
        assert len(set(ids)) == len(ids) > 0
        assert {case.id for case in task_of(check, name, "quick").cases} <= set(ids)


KEY_CHECKS = ("ek-coefficient", "ek-coefficient-check", "dk-hash-bits", "dk-hash-bits-check")


class FlipsSecrets(OracleKem):
    """Every secret is wrong in its first bit; what keys are let in is right."""

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        k, c = super().encapsulate_derand(ek, m)
        return bytes([k[0] ^ 1]) + k[1:], c

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        k = super().decapsulate(dk, c)
        return bytes([k[0] ^ 1]) + k[1:]


class RefusesGoodKeys(OracleKem):
    """No key is let in."""

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:  # noqa: ARG002  (it refuses all)
        raise ValueError("refused")

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:  # noqa: ARG002
        raise ValueError("refused")

    def check_encapsulation_key(self, ek: bytes) -> bool:  # noqa: ARG002
        return False

    def check_decapsulation_key(self, dk: bytes) -> bool:  # noqa: ARG002
        return False


def failures(kem: type[OracleKem], check: str) -> list[tuple[str, str]]:
    task = task_of(f"ml-kem/{check}", "ML-KEM-512", "quick")
    records = window(InProcess(kem, "ML-KEM-512"), task, task.cases, 1)
    return [(record.case, record.why) for record in records if record.outcome != "pass"]


@pytest.mark.parametrize("check", KEY_CHECKS)
def test_wrong_secrets_are_no_sign_that_damaged_keys_are_taken(check: str) -> None:
    assert failures(FlipsSecrets, check) == []


@pytest.mark.parametrize("check", KEY_CHECKS)
def test_good_keys_that_are_refused_are_noticed(check: str) -> None:
    found = failures(RefusesGoodKeys, check)
    good = [case.id for case in task_of(f"ml-kem/{check}", "ML-KEM-512", "quick").cases if case.expect]
    assert [case for case, _ in found] == good != []
    assert all(why.startswith("refused") for _, why in found)


def test_wrong_secrets_of_given_randomness_are_no_sign_that_damaged_keys_are_taken() -> None:
    check = BY_NAME["ml-kem/ek-coefficient"]
    task = task_of(check.name, "ML-KEM-512", "quick")
    task = replace(task, asking=replace(task.asking, operations=frozenset({"encapsulate_derand"})))
    records = window(InProcess(FlipsSecrets, "ML-KEM-512"), task, task.cases, 1)
    assert {record.outcome for record in records} == {"pass"}


def test_a_refused_crafted_key_passes_and_says_that_nothing_was_shown() -> None:
    result = value_or_refused_key(Rejected("pair-wise check"), {}, {"k": bytes(32)})
    assert (result.outcome, "nothing was shown" in result.why) == ("pass", True)
    assert value_or_refused_key(Ok({"k": bytes(32)}), {}, {"k": bytes(32)}).why == ""
    assert value_or_refused_key(Ok({"k": b"\1" * 32}), {}, {"k": bytes(32)}).outcome == "fail"


def exchange_of(name: str, number: int) -> Exchange:
    return crafting.exchanges(name, [bytes([number]) * crafting.DRAWN])[0]


@pytest.mark.parametrize("name", SETS)
def test_gentle_changes_keep_the_message_so_that_only_the_comparison_can_notice(name: str) -> None:
    changes = {**validation_kem_changes.telling(name), **validation_kem_changes.each_block(name),
               **validation_kem_changes.each_byte(name, 37)}  # fmt: skip
    for number in range(3):
        exchange = exchange_of(name, number)
        for what, change in changes.items():
            bad = change(exchange)
            assert bad != exchange.c, what
            assert crafting.keeps_message(name, exchange, bad), what


def differences(name: str, what: str, number: int = 1) -> Any:
    exchange = exchange_of(name, number)
    bad = validation_kem_changes.telling(name)[what](exchange)
    return np.frombuffer(bad, dtype=np.uint8).astype(int) - np.frombuffer(exchange.c, dtype=np.uint8).astype(int)


@pytest.mark.parametrize("name", SETS)
def test_changes_cancel_and_count_as_their_names_say(name: str) -> None:
    exchange = exchange_of(name, 1)
    for what, change in validation_kem_changes.telling(name).items():
        xor = np.frombuffer(change(exchange), dtype=np.uint8) ^ np.frombuffer(exchange.c, dtype=np.uint8)
        changed = np.flatnonzero(xor)
        if what.startswith("two-alike"):
            assert len(changed) == 2
            assert np.bitwise_xor.reduce(xor) == 0
        elif what.startswith("256-bytes"):
            assert len(changed) == 256
    assert differences(name, "opposite").sum() == 0
    end = 32 * PARAMETERS[name].du * PARAMETERS[name].k
    assert np.flatnonzero(differences(name, "last-of-c1")).tolist() == [end - 1]
    assert np.flatnonzero(differences(name, "first-of-c2")).tolist() == [end]
    assert np.flatnonzero(differences(name, "after-zero-byte")).min() > exchange.c.find(0)
    apart = validation_kem_changes.silent(name, blocks=False)["c1/differences-add-up-to-65536"](exchange)
    assert sum(a ^ b for a, b in zip(apart, exchange.c, strict=True)) == 65536


@pytest.mark.parametrize("name", SETS)
def test_the_rare_values_are_those_of_independent_implementations(name: str) -> None:
    param_set = next(member for member in MLKEM.ParamSet if member.value == name)
    cases = vectors.load(name, sets={RARE})
    for case in cases:
        assert isinstance(case.expect, dict)
        i: dict[str, Any] = dict(case.inputs)
        if case.operation == "keygen_from_seed":
            key = MLKEM.construct(param_set=param_set, seed=i["seed"])
            assert (key.ek, key.expanded_dk) == (case.expect["ek"], case.expect["dk"])
            assert KYBER_PY[name]._keygen_internal(i["seed"][:32], i["seed"][32:]) == (key.ek, key.expanded_dk)
        elif case.operation == "encapsulate_derand":
            k, c = MLKEM.construct(param_set=param_set, ek=i["ek"])._encaps(i["m"])
            assert (k, c) == (case.expect["k"], case.expect["c"]) == KYBER_PY[name]._encaps_internal(i["ek"], i["m"])
        elif case.operation == "decapsulate":
            assert MLKEM.construct(param_set=param_set, expanded_dk=i["dk"])._decaps(i["c"]) == case.expect["k"]
            assert KYBER_PY[name]._decaps_internal(i["dk"], i["c"]) == case.expect["k"]
    assert {flag for case in cases for flag in case.flags} == {
        "LongSample", "LargestProduct", "ZeroBytes", "modified-ciphertext",
    }  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_the_rare_values_are_rare_as_they_say(name: str) -> None:
    k = PARAMETERS[name].k
    beyond = np.zeros((k, k), dtype=bool)
    for case in vectors.load(name, sets={RARE}):
        if case.operation == "keygen_from_seed" and "LongSample" in case.flags:
            beyond |= _reads_more_than_three_blocks(name, bytes(case.inputs["seed"]))  # type: ignore[arg-type]
        if case.operation == "decapsulate" and isinstance(case.expect, dict) and "secret begins" in case.note:
            assert case.expect["k"][0] == 0
    assert beyond.all()


def _reads_more_than_three_blocks(name: str, seed: bytes) -> Any:
    """Sample candidate by candidate, as FIPS 203 algorithm 7 writes it down."""

    k = PARAMETERS[name].k
    rho = hashlib.sha3_512(seed[:32] + bytes([k])).digest()[:32]
    beyond = np.zeros((k, k), dtype=bool)
    for i in range(k):
        for j in range(k):
            data = hashlib.shake_128(rho + bytes([j, i])).digest(504)
            found = 0
            for at in range(0, 504, 3):
                found += (data[at] + 256 * (data[at + 1] % 16) < 3329) + (data[at + 1] // 16 + 16 * data[at + 2] < 3329)
            beyond[i, j] = found < 256
    return beyond
