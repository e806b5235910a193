"""The checks of the pre-standard sets: sound code passes, planted faults are noticed, searched values are rare."""

from __future__ import annotations

import hashlib
from copy import copy
from functools import cache
from typing import Any

import numpy as np
import pytest
from dilithium_py.dilithium import Dilithium2, Dilithium3, Dilithium5
from kyber_py.kyber import Kyber512, Kyber768, Kyber1024

from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS
from pqvalidate.algorithms import DILITHIUM, KYBER, PARAMETER_SETS
from pqvalidate.controls import KILLED_BY, MUTANTS, InProcess, first_not_passed, reference
from pqvalidate.evidence import Depth
from pqvalidate.mutants import Make, dsa_with, kem_with
from pqvalidate.oracle import crafting_kem as crafting
from pqvalidate.oracle import mldsa
from pqvalidate.oracle.bits import unpack
from pqvalidate.oracle.crafting_kem import EDGES, NOISY_MESSAGES, Exchange
from pqvalidate.oracle.dsa_steps import PARAMETERS, hash_h
from pqvalidate.oracle.rare_dilithium import RARE_KEYS, RARE_MESSAGES, candidate, representative
from pqvalidate.oracle.sampling import DSA_Q
from pqvalidate.planner import Task
from pqvalidate.scheduler import window
from pqvalidate.suites import Asking, audit
from pqvalidate.suites.validation_round3 import CHECKS
from pqvalidate.vendors.randomness import Tape
from tests.mutants.catalogue import mutants_on

BY_NAME = {check.name: check for check in CHECKS}
KYBER_PY: dict[str, Any] = {"Kyber-512": Kyber512, "Kyber-768": Kyber768, "Kyber-1024": Kyber1024}
DILITHIUM_PY: dict[str, Any] = {"Dilithium2": Dilithium2, "Dilithium3": Dilithium3, "Dilithium5": Dilithium5}
ON_SETS = [
    (check.name, name)
    for check in CHECKS
    for name in PARAMETER_SETS
    if PARAMETER_SETS[name].algorithm == check.algorithm
]


@cache
def task_of(check: str, name: str, depth: Depth = "quick", operations: frozenset[str] = frozenset()) -> Task:
    every = operations or frozenset(KEM_OPERATIONS if name in KYBER else SIGNATURE_OPERATIONS)
    asking = Asking(parameter_set=name, depth=depth, seed=b"\x07", operations=every)
    return Task(index=0, check=BY_NAME[check], asking=asking, cases=BY_NAME[check].cases(asking))


def noticed(make: Make, task: Task) -> bool:
    record = first_not_passed(InProcess(make, task.asking.parameter_set), task, (1, 3, 12, 48, 10_000))
    assert record is None or record.outcome == "fail", record.why
    return record is not None


@pytest.mark.parametrize(("check", "name"), ON_SETS)
def test_the_reference_passes_every_case_and_every_control_is_noticed(check: str, name: str) -> None:
    task = task_of(check, name)
    records = window(InProcess(reference, name), task, task.cases, 1)
    assert [(record.case, record.why) for record in records if record.outcome != "pass"] == []
    assert len(records) == len(task.cases) > 0
    assert [what for what in KILLED_BY[check] if not noticed(MUTANTS[what].make, task)] == []


@pytest.mark.parametrize(("check", "name"), ON_SETS)
def test_names_of_cases_are_unique_and_no_depth_asks_less_than_the_one_before(check: str, name: str) -> None:
    ids = [[case.id for case in task_of(check, name, depth).cases] for depth in ("quick", "standard", "full")]
    assert all(len(set(one)) == len(one) for one in ids)
    assert set(ids[0]) <= set(ids[1]) <= set(ids[2])


ALTERNATIVES = [(check, name, need) for check, name in ON_SETS[::3] for need in BY_NAME[check].needs]


@pytest.mark.parametrize(("check", "name", "need"), ALTERNATIVES, ids=str)
def test_each_alternative_of_what_a_check_needs_passes_the_reference_and_shows_a_control(
    check: str, name: str, need: frozenset[str]
) -> None:
    task = task_of(check, name, operations=need)
    records = window(InProcess(reference, name), task, task.cases, 1)
    assert {record.outcome for record in records} == {"pass"}
    assert any(noticed(MUTANTS[what].make, task) for what in KILLED_BY[check])


SURVIVED = {
    "message decoding boundary off by one: 833 decodes to 0": "kyber/decrypt-boundaries",
    "16-bit overflow in the product of 3328 and 3328": "kyber/encapsulate-extremes",
    "differences folded with XOR: two equal ones cancel": "kyber/rejection-regions",
    "leading zero bytes of the shared secret are stripped": "kyber/secret-zeros",
    "signing: bound on z too loose by one": "dilithium/rare-signatures",
    "signing: gives up after 32 attempts": "dilithium/rare-signatures",
    "matrix sampling accepts the value q": "dilithium/rare-keys",
    "matrix sampling reads 780 bytes, then starts the buffer again": "dilithium/rare-keys",
}


@pytest.mark.parametrize(("what", "check"), SURVIVED.items())
def test_a_fault_that_the_published_cases_miss_is_noticed_on_every_set(what: str, check: str) -> None:
    sets, tried = (KYBER, "Kyber-768") if check.startswith("kyber") else (DILITHIUM, "Dilithium2")
    make = mutants_on(tried)[what].make
    assert [name for name in sets if not noticed(make, task_of(check, name))] == []


OTHERS: dict[str, tuple[str, Make]] = {
    "the last byte of the ciphertext is not compared": (
        "kyber/rejection-regions", kem_with(ciphertext_equal=lambda c, again: c[:-1] == again[:-1]),
    ),
    "c1 is compared up to its case of letters": (
        "kyber/rejection-silent", kem_with(ciphertext_equal=lambda c, again: c.lower() == again.lower()),
    ),
    "the bound on r0 is tighter by one": (
        "dilithium/rare-signatures", dsa_with(sign_r0_bound=lambda p: p.gamma2 - p.beta - 1),
    ),
    "the bound on r0 is looser by one": (
        "dilithium/rare-signatures", dsa_with(sign_r0_bound=lambda p: p.gamma2 - p.beta + 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("check", "make"), OTHERS.values(), ids=OTHERS)
def test_faults_of_the_same_classes_are_noticed_on_every_set(check: str, make: Make) -> None:
    sets = KYBER if check.startswith("kyber") else DILITHIUM
    assert [name for name in sets if not noticed(make, task_of(check, name))] == []


AUDIT = {check.name: check for check in audit.CHECKS}["dilithium/audit-bounds"]


def audited(make: Make, name: str, operation: str) -> set[str]:
    asking = Asking(parameter_set=name, depth="standard", seed=b"\x07", operations=frozenset({operation}))
    task = Task(index=0, check=AUDIT, asking=asking, cases=AUDIT.cases(asking))
    records = window(InProcess(make, name), task, [task.cases[number] for number in range(48)], 3)
    return {record.why for record in records if record.outcome != "pass"}


@pytest.mark.parametrize("operation", ["sign", "sign_deterministic"])
@pytest.mark.parametrize("name", DILITHIUM)
def test_the_audit_of_dilithium_accuses_no_sound_signer_and_sees_a_lenient_bound(name: str, operation: str) -> None:
    assert audited(reference, name, operation) == set()
    (what,) = KILLED_BY[AUDIT.name]
    assert any("coefficient of z" in why for why in audited(MUTANTS[what].make, name, operation))


def drawn(label: str) -> bytes:
    return hashlib.shake_256(label.encode()).digest(crafting.DRAWN)


def exchanges(name: str) -> dict[str, Exchange]:
    """Return one exchange of every kind."""
    noisy = NOISY_MESSAGES[crafting.searched_set(name)]
    return {
        "honest": crafting.exchanges(name, [drawn("honest")])[0],
        "silent": crafting.silent_exchanges(name, [drawn("silent")])[0],
        "extreme": crafting.extreme_exchanges(name, [drawn("extreme")], [bytes(32)])[0],
        "tuned": crafting.tuned_exchanges(name, [drawn("tuned")], [("edges", 0, 0)])[0],
        "begins with a zero byte": crafting.zero_secret_exchanges(name, [drawn("zero")], [False])[0],
        "ends with a zero byte": crafting.zero_secret_exchanges(name, [drawn("zero")], [True])[0],
        **{f"noisy {edge}": crafting.noisy_exchanges(name, noisy[edge][:1])[0] for edge in EDGES},
    }


@pytest.mark.parametrize("name", KYBER)
def test_kyber_py_takes_every_crafted_exchange_as_meant(name: str) -> None:
    for what, exchange in exchanges(name).items():
        assert KYBER_PY[name].decaps(exchange.dk, exchange.c) == exchange.k, what
        assert crafting.keeps_message(name, exchange, exchange.c), what
        bad = bytes([exchange.c[0] ^ 1]) + exchange.c[1:]
        assert KYBER_PY[name].decaps(exchange.dk, bad) == exchange.secret_for(bad) != exchange.k, what


@pytest.mark.parametrize("name", KYBER)
def test_crafted_exchanges_of_kyber_have_what_their_names_say(name: str) -> None:
    made = exchanges(name)
    assert (made["begins with a zero byte"].k[0], made["ends with a zero byte"].k[-1]) == (0, 0)
    for edge in EDGES:
        exchange = made[f"noisy {edge}"]
        assert edge in crafting.seen_before_rounding(name, exchange, exchange.c).tolist()
    assert set(crafting.seen_before_rounding(name, made["tuned"], made["tuned"].c).tolist()) == set(EDGES)
    bad = bytes([made["honest"].c[0] ^ 1]) + made["honest"].c[1:]
    for last in (False, True):
        other = crafting.with_zero_rejection(made["honest"], bad, last=last)
        assert KYBER_PY[name].decaps(other.dk, bad)[-1 if last else 0] == 0


@pytest.mark.parametrize("name", KYBER)
def test_kyber_py_encapsulates_the_extreme_keys_alike(name: str) -> None:
    exchange = exchanges(name)["extreme"]
    scheme = copy(KYBER_PY[name])
    scheme.random_bytes = Tape(exchange.m).read
    assert scheme.encaps(exchange.ek) == (exchange.k, exchange.c)


def candidates_read(name: str, rho: bytes) -> tuple[int, set[int]]:
    """Return the bytes that the longest sample of a matrix reads, and the candidates at q and q - 1 among them."""
    p, most, met = PARAMETERS[name], 0, set[int]()
    for r in range(p.k):
        for s in range(p.l):
            data = np.frombuffer(hashlib.shake_128(rho + bytes([s, r])).digest(1008), dtype=np.uint8)
            numbers = unpack(data[None], 24)[0] & 0x7FFFFF
            read = int(np.flatnonzero(np.cumsum(numbers < DSA_Q) == 256)[0]) + 1
            most = max(most, 3 * read)
            met |= {DSA_Q - int(n) for n in numbers[:read] if n in (DSA_Q, DSA_Q - 1)}
    return most, met


@pytest.mark.parametrize("name", DILITHIUM)
def test_the_searched_keys_of_dilithium_are_as_rare_as_they_say(name: str) -> None:
    rhos = {event: hash_h(candidate(name, "key", number), 32) for event, number in RARE_KEYS[name].items()}
    assert 0 in candidates_read(name, rhos["candidate-q"])[1]
    assert 1 in candidates_read(name, rhos["candidate-q-1"])[1]
    assert candidates_read(name, rhos["long-matrix"])[0] > 780


@pytest.mark.parametrize("name", DILITHIUM)
def test_the_searched_message_takes_more_than_32_attempts(name: str) -> None:
    ((_, sk),) = mldsa.keygen(name, [candidate(name, "key", 0)])
    mu = representative(sk, candidate(name, "message", RARE_MESSAGES[name]["many-attempts"]))
    (signed,) = mldsa.sign_mu_with_history(name, [sk], [mu], [bytes(32)])
    assert len(signed.thrown_away) >= 33


@pytest.mark.parametrize("name", DILITHIUM)
def test_dilithium_py_signs_rare_messages_and_makes_rare_keys_alike(name: str) -> None:
    scheme = DILITHIUM_PY[name]
    ((pk, sk),) = mldsa.keygen(name, [candidate(name, "key", 0)])
    messages = [candidate(name, "message", number) for number in RARE_MESSAGES[name].values()]
    ours = [mldsa.sign_internal(name, [sk], [message], [bytes(32)])[0] for message in messages]
    assert [scheme.sign(sk, message) for message in messages] == ours
    assert all(scheme.verify(pk, message, signature) for message, signature in zip(messages, ours, strict=True))
    for number in RARE_KEYS[name].values():
        seed = candidate(name, "key", number)
        assert _keygen(scheme, seed) == mldsa.keygen(name, [seed])[0]


def _keygen(scheme: Any, seed: bytes) -> tuple[bytes, bytes]:
    copied = copy(scheme)
    copied.random_bytes = Tape(seed).read
    made: tuple[bytes, bytes] = copied.keygen()
    return made
