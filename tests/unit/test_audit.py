"""The audit of hedged signers: each planted fault of the signing loop is seen, and no sound signer is accused."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import pqvalidate
from pqvalidate.adapters.interface import SIGNATURE_OPERATIONS, Call, Reply
from pqvalidate.controls import InProcess
from pqvalidate.evidence import CaseRecord, Depth
from pqvalidate.mutants import Mutant, OracleSignature
from pqvalidate.mutants_audit import KILLED_BY, PLANTED
from pqvalidate.oracle import audit, mldsa
from pqvalidate.oracle.audit import Opened
from pqvalidate.oracle.batches import Ints
from pqvalidate.oracle.dsa_steps import PARAMETERS
from pqvalidate.oracle.mask_statistics import MaskStatistics
from pqvalidate.oracle.repeats import Repeats
from pqvalidate.planner import Task
from pqvalidate.scheduler import Asked, window
from pqvalidate.suites import Asking, Check
from pqvalidate.suites import audit as suite
from pqvalidate.suites.tape import Tape

STANDARD = suite.COUNTS["standard"]
RANDOM = random.Random(204)
NAMES = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
OPTIONS = {f"{op}.{option}" for op, shape in SIGNATURE_OPERATIONS.items() for option in shape.optional}
EVERYTHING = frozenset(SIGNATURE_OPERATIONS) | OPTIONS
HEDGED = frozenset({"keygen", "sign", "verify"})
CHECKS = {check.name.removeprefix("ml-dsa/audit-"): check for check in suite.ROWS}
LOOPS = {mutant.what.removeprefix("sign: "): mutant for mutant in PLANTED if mutant.what.startswith("sign: ")}


FEW = {"COUNTS": 32, "_FEW_COUNTS": 16, "_KNOWN_COUNTS": 8}
"""Signatures enough for gross faults; the tests of rare ones say how many they need."""


@pytest.fixture(autouse=True)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let depth standard take few signatures, except in the test of its real counts."""
    if "at_depth_standard" not in request.node.name:
        for table, count in FEW.items():
            monkeypatch.setitem(getattr(suite, table), "standard", count)


def audited(
    asked: Asked, check: Check, name: str, operations: frozenset[str] = EVERYTHING, depth: Depth = "standard",
    seed: bytes = b"audit",
) -> list[CaseRecord]:  # fmt: skip
    asking = Asking(parameter_set=name, depth=depth, seed=seed, operations=operations)
    cases: Sequence[object] = check.cases(asking)
    return window(asked, Task(index=0, check=check, asking=asking, cases=cases), cases, 3)


def repeatable(mutant: Mutant) -> Callable[[str], object]:
    """Return the maker of a mutant whose randomness is the same in every run of this test."""

    def make(name: str) -> object:
        made = mutant.make(name)
        made.source = random.Random(7).randbytes
        return made

    return make


def complaints(records: Sequence[CaseRecord]) -> list[str]:
    assert any(record.outcome != "not-applicable" for record in records)
    silent = [record for record in records if record.outcome == "not-applicable"]
    assert all(record.why.startswith("no public key fits to this private key: ") for record in silent)
    return [f"{record.outcome}: {record.why}" for record in records if record.outcome in ("fail", "error")]


def opened(name: str, count: int) -> list[Opened]:
    ((_, sk),) = mldsa.keygen(name, [RANDOM.randbytes(32)])
    mus, rnds = [RANDOM.randbytes(64) for _ in range(count)], [RANDOM.randbytes(32) for _ in range(count)]
    return audit.open_signatures(name, [sk] * count, mus, mldsa.sign_mu(name, [sk] * count, mus, rnds))


@pytest.mark.parametrize("name", NAMES)
def test_signatures_of_the_standard_break_no_rule(name: str) -> None:
    assert {one.broken for one in opened(name, 100)} == {()}


@pytest.mark.parametrize("name", NAMES)
def test_the_mask_of_a_deterministic_signature_is_found_again(name: str) -> None:
    ((_, sk),) = mldsa.keygen(name, [RANDOM.randbytes(32)])
    mus, rnds = [RANDOM.randbytes(64) for _ in range(20)], [RANDOM.randbytes(32) for _ in range(20)]
    signatures = mldsa.sign_mu(name, [sk] * 20, mus, rnds)
    assert set(audit.mask_origins(name, [sk] * 20, mus, rnds, signatures)) == {""}
    other = audit.mask_origins(name, [sk] * 20, mus, [bytes(32)] * 20, signatures)
    assert set(other) == {"the first polynomial of y is ExpandMask(rho'', kappa) for no kappa"}


def test_a_changed_byte_of_a_signature_is_seen_wherever_it_stands() -> None:
    name = "ML-DSA-44"
    ((_, sk),) = mldsa.keygen(name, [RANDOM.randbytes(32)])
    mu = RANDOM.randbytes(64)
    (signature,) = mldsa.sign_mu(name, [sk], [mu], [bytes(32)])
    for place in (0, 31, 32, 1000, len(signature) - 5, len(signature) - 1):
        changed = signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
        (one,) = audit.open_signatures(name, [sk], [mu], [changed])
        assert one.broken, place
    (short,) = audit.open_signatures(name, [sk], [mu], [signature[:-1]])
    assert short.broken == ("the signature has 2419 bytes, not 2420",)


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_passes_every_check(name: str) -> None:
    for check in suite.ROWS:
        assert complaints(audited(InProcess(OracleSignature, name), check, name)) == [], check.name


@pytest.mark.parametrize(("check", "what"), KILLED_BY.items())
def test_each_check_finds_its_planted_fault_in_few_signatures(check: str, what: str) -> None:
    if "/audit-" not in check:
        return  # the rows of version naming have tests of their own
    (mutant,) = (mutant for mutant in PLANTED if mutant.what == what)
    for name in NAMES:
        found = complaints(
            audited(InProcess(repeatable(mutant), name), CHECKS[check.removeprefix("ml-dsa/audit-")], name)
        )
        assert found, name


def test_every_check_has_a_planted_fault() -> None:
    assert {check.name for check in suite.ROWS} <= set(KILLED_BY)


AT_ONCE = {
    "the bound on z is dropped": ("bounds", "a coefficient of z is"),
    "the bound on r0 is gamma2": ("bounds", "a coefficient of LowBits(w - c s2) is"),
    "one hint too many": ("bounds", "hints are not those of MakeHint"),
    "the sign of c s2 is wrong": ("bounds", "hints are not those of MakeHint"),
    "kappa advances by l - 1": ("origin", "no multiple of l = 5"),
    "all polynomials of y are one": ("repeats", "8 coefficients in a row of y in signature 0"),
    "the mask does not depend on the message": ("repeats", "are those of signature 0"),
    "a bit of y is stuck": ("mask", "bit 2 of y is set"),
    "y has the pattern AABBCC": ("mask", "of two coefficients of y at a distance of 1 is alike"),
    "y has the pattern ABABCDCD": ("mask", "of two coefficients of y at a distance of 2 is alike"),
    "y has the pattern A0B0C0": ("mask", "of y is set"),
    "the last coefficient of y is 0": ("mask", "of y at coefficient 255 of every polynomial is set 0 times"),
    "y has one bit too few": ("mask", "z is not uniform"),
}


@pytest.mark.parametrize(("what", "seen"), AT_ONCE.items())
def test_a_fault_of_the_loop_is_seen_in_few_signatures_by_the_check_meant_for_it(
    what: str, seen: tuple[str, str]
) -> None:
    name, (check, text) = "ML-DSA-65", seen
    operations = EVERYTHING if check == "origin" else HEDGED
    assert text in "\n".join(
        complaints(audited(InProcess(repeatable(LOOPS[what]), name), CHECKS[check], name, operations))
    )


RARE = {
    "c t0 is not checked": ("bounds", "a coefficient of c t0 is", 512),
    "hints beyond omega are dropped": ("bounds", "omega = 80 are allowed", 384),
    "the bound on z is stricter by beta": ("mask", "signatures are thrown away that the standard keeps", 256),
    "the mask comes from a seed of 16 bits": ("repeats", "are those of signature", 1_536),
    "rnd has 8 bits of entropy": ("repeats", "of one message: 8 coefficients in a row", 256),
}


@pytest.mark.parametrize(("what", "seen"), RARE.items())
def test_a_rare_fault_is_seen_in_fewer_signatures_than_depth_standard_has(
    monkeypatch: pytest.MonkeyPatch, what: str, seen: tuple[str, str, int]
) -> None:
    name, (check, text, count) = "ML-DSA-44", seen
    assert count <= STANDARD
    monkeypatch.setitem(suite.COUNTS, "standard", count)
    records = audited(InProcess(repeatable(LOOPS[what]), name), CHECKS[check], name, HEDGED, "standard")
    assert text in "\n".join(complaints(records))


def test_a_signer_that_gives_equal_questions_equal_answers_repeats_nothing() -> None:
    class Deterministic(OracleSignature):
        def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
            return self.sign_deterministic(sk, message, context)

    asked = InProcess(Deterministic, "ML-DSA-44")
    assert complaints(audited(asked, CHECKS["repeats"], "ML-DSA-44", HEDGED)) == []


@pytest.mark.parametrize("refusal", [ValueError, RuntimeError])
def test_a_signer_may_refuse_a_private_key_that_no_public_key_fits_and_has_not_passed_by_that(
    refusal: type[Exception],
) -> None:
    class Checks(OracleSignature):
        def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
            (honest,) = (pair for pair in mldsa.keygen(self.name, [SEED]) if pair[1][:32] == sk[:32])
            if sk != honest[1]:
                raise refusal("t0 does not fit")
            return super().sign(sk, message, context)

    SEED = Tape(asking_of("ML-DSA-44"), "audit key", 0).read(32)  # noqa: N806  (a constant of this test)
    records = audited(InProcess(Checks, "ML-DSA-44"), CHECKS["bounds"], "ML-DSA-44", HEDGED)
    assert complaints(records) == []
    assert sum(record.outcome == "not-applicable" for record in records) == len(records) // 4


def asking_of(name: str) -> Asking:
    return Asking(parameter_set=name, depth="standard", seed=b"audit", operations=HEDGED)


def test_a_heavy_key_makes_the_rare_rejections_common() -> None:
    reasons: list[str] = []
    for name in NAMES:
        ((_, sk),) = mldsa.keygen(name, [bytes(32)])
        heavy = audit.with_heavy_t0(name, sk, bytes(32))
        assert len(heavy) == len(sk)
        mus = [bytes([n]) * 64 for n in range(100)]
        signed = mldsa.sign_mu_with_history(name, [heavy] * 100, mus, [bytes(32)] * 100)
        history = [reason for one in signed for reason in one.thrown_away]
        assert history.count("hints") >= 3, name
        reasons += history if name == "ML-DSA-44" else []
    assert reasons.count("ct0") >= 2


@pytest.mark.parametrize(
    ("vendor", "names"),
    [("openssl", NAMES), ("pycryptodome", NAMES), ("pqcrypto", ("ML-DSA-44",)), ("dilithium-py", ("ML-DSA-44",))],
)
def test_no_sound_signer_is_accused(vendor: str, names: Sequence[str]) -> None:
    with pqvalidate.attach(vendor) as iut:
        for name in names:
            operations = frozenset(iut.subject.operations[name])
            asked = [check for check in suite.ROWS if check.satisfied_by(operations)]
            assert asked, "an audit that asks nothing shows nothing"
            for check in asked:
                assert complaints(audited(iut, check, name, operations)) == [], (name, check.name)


def test_a_fast_sound_signer_is_not_accused_at_depth_standard() -> None:
    with pqvalidate.attach("pycryptodome") as iut:
        operations = frozenset(iut.subject.operations["ML-DSA-44"])
        for check in ("bounds", "mask", "repeats"):
            assert complaints(audited(iut, CHECKS[check], "ML-DSA-44", operations, "standard")) == [], check


# --- the statistics themselves


def uniform(name: str, count: int) -> list[Opened]:
    """Return what signatures with ideal masks would show, without making them."""
    p, source = PARAMETERS[name], np.random.default_rng(RANDOM.getrandbits(64))
    limit = p.gamma1 - p.beta
    z: Ints = source.integers(1 - limit, limit, size=(count, p.l, 256))
    spread = np.sqrt(p.tau * p.eta * (p.eta + 1) / 3)  # of c s1: tau coefficients, uniform in -eta ... eta
    y = z - np.rint(source.normal(0, spread, size=z.shape)).astype(np.int64)
    share = 2 * p.beta / (2 * (p.gamma2 - p.beta) - 1)
    at_bound = source.binomial(p.k * 256, share, size=count)
    return [Opened((), one, other, int(number)) for one, other, number in zip(y, z, at_bound, strict=True)]


@pytest.mark.parametrize("name", NAMES)
def test_ideal_masks_are_not_accused_over_many_signatures(name: str) -> None:
    statistics, repeats = MaskStatistics(PARAMETERS[name]), Repeats(PARAMETERS[name])
    for _ in range(40):
        block = uniform(name, 128)
        statistics.add(block)
        assert repeats.add(block[:32]) == ""
    assert list(statistics.objections()) == []
    assert statistics.signatures == 40 * 128


def test_no_signature_gives_no_objection_and_a_wrong_length_is_not_counted() -> None:
    statistics = MaskStatistics(PARAMETERS["ML-DSA-44"])
    none: Ints = np.zeros((0, 256), dtype=np.int64)
    statistics.add([Opened(("too short",), none, none, 0)])
    assert statistics.signatures == 0
    assert list(statistics.objections()) == []


def test_a_stretch_of_a_mask_is_found_again_at_any_place() -> None:
    repeats = Repeats(PARAMETERS["ML-DSA-65"])
    first, second = uniform("ML-DSA-65", 2)
    shifted = second.y.copy()
    shifted[3, 100:250] = first.y[1, 20:170]
    assert repeats.add([first]) == ""
    why = repeats.add([replace(second, y=shifted)])
    assert why.startswith("8 coefficients in a row of y in signature 1 (polynomial 3, from ")
    place, before = (int(part.split("from ")[1].split(")")[0]) for part in why.split(" are those of "))
    assert place - before == 80


def test_the_first_repeat_in_order_is_told_also_long_after_what_it_repeats() -> None:
    repeats = Repeats(PARAMETERS["ML-DSA-44"])
    masks = uniform("ML-DSA-44", 400)
    assert repeats.add(masks) == ""
    fresh = uniform("ML-DSA-44", 40)
    swapped = [replace(one, y=one.y[::-1]) for one in (masks[399], masks[7])]
    why = repeats.add([*fresh[:33], swapped[1], *fresh[33:], swapped[0]])
    assert why.startswith("8 coefficients in a row of y in signature 433 (polynomial 0, from ")
    assert " are those of signature 7 (polynomial 3, from " in why


def test_fingerprints_of_many_masks_take_little_memory() -> None:
    """At depth full, ML-DSA-87 has 65 536 masks of seven polynomials: at this rate 140 MiB; they took 3 GB once."""
    name, signatures = "ML-DSA-87", 2_048
    source, zero = np.random.default_rng(5), np.zeros((0, 256), dtype=np.int64)
    repeats, gamma1 = Repeats(PARAMETERS[name]), PARAMETERS[name].gamma1
    tracemalloc.start()
    try:
        for _ in range(signatures // 64):
            ys = source.integers(-gamma1, gamma1, size=(64, PARAMETERS[name].l, 256))
            assert repeats.add([Opened((), y, zero, 0) for y in ys]) == ""
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    entries = signatures * PARAMETERS[name].l * 249 / 16
    assert 0.97 * 20 * entries < repeats.bytes < 1.03 * 20 * entries
    assert peak < repeats.bytes + (40 << 20)  # and room to work, which does not grow with the run


def test_one_message_is_signed_and_opened_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were all signatures of one message there at once, those of ML-DSA-87 at depth full would take a gigabyte."""
    monkeypatch.setattr(suite, "_BLOCK", 8)
    most = 0

    class Watched(InProcess):
        def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
            nonlocal most
            most = max(most, len(calls))
            return super().ask(calls, most_losses)

    check = CHECKS["repeats"]
    assert complaints(audited(Watched(OracleSignature, "ML-DSA-44"), check, "ML-DSA-44", HEDGED)) == []
    assert 0 < most <= 4 * 8  # the four cases are asked side by side


@pytest.mark.parametrize("after", [1, 8, 9, 15])
def test_a_signer_that_repeats_itself_for_a_while_and_then_does_not_is_found(
    monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """One message signed alike for a while, and otherwise later on, shows that rnd was not fresh."""
    monkeypatch.setattr(suite, "_BLOCK", 8)
    given: dict[bytes, int] = {}

    class Turning(OracleSignature):
        def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
            given[message] = given.get(message, 0) + 1
            number = max(0, given[message] - after)
            return self.sign_with_rnd(sk, message, number.to_bytes(32, "little"), context)

    found = complaints(audited(InProcess(Turning, "ML-DSA-44"), CHECKS["repeats"], "ML-DSA-44", HEDGED))
    assert bool(found) == (after > 1)  # given once, the first signature is no repeat
    assert all("of one message: 8 coefficients in a row of y" in why for why in found)


def test_too_few_low_parts_at_their_bound_are_seen() -> None:
    statistics = MaskStatistics(PARAMETERS["ML-DSA-65"])
    statistics.add([replace(one, r0_at_bound=0) for one in uniform("ML-DSA-65", 64)])
    assert [why for why in statistics.objections() if why.startswith("LowBits(w - c s2) is within beta")]


def test_planted_faults_have_names_of_their_own_and_say_what_they_imitate() -> None:
    names = sorted(mutant.what for mutant in PLANTED)
    assert all(one != other for one, other in pairwise(names))
    assert [mutant.what for mutant in PLANTED if not mutant.imitates] == []
