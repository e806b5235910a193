"""The questions that a conformance claim must answer: one per clause, with the checks that can answer it.

A question is answered when at least one of its checks ran and none failed. The strongest check stands first:
encapsulation, say, by byte-exact derandomised vectors, or, where the implementation draws its own randomness, by the
oracle decapsulating what it made. ``asked_if`` names operations: without any of them the standard's option is not
offered and the question does not arise (HashML-DSA, expanded decapsulation keys); the plan then says so as a gap.
``cannot_be_asked`` names markers of an interface that has no words for the question: C functions whose arrays have no
length. Their caller must check lengths; the plan lists what was not asked, with that reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.evidence import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One row: a question of an algorithm."""

    id: str
    clause: str
    text: str
    checks: tuple[str, ...]
    asked_if: tuple[str, ...] = ()
    cannot_be_asked: str = ""


_ML_KEM = (
    Asked(id="key-generation", clause="FIPS 203 §7.1", text="Are key pairs generated as the standard says?",
          checks=("ml-kem/kat-keygen", "ml-kem/keygen-consistent")),
    Asked(id="encapsulation", clause="FIPS 203 §7.2", text="Are shared secrets and ciphertexts the right ones?",
          checks=("ml-kem/kat-encapsulate", "ml-kem/encapsulate-oracle")),
    Asked(id="decapsulation", clause="FIPS 203 §7.3", text="Does decapsulation return the right shared secret?",
          checks=("ml-kem/kat-decapsulate", "ml-kem/kat-decapsulate-seed")),
    Asked(id="implicit-rejection", clause="FIPS 203 §6.3, algorithm 18",
          text="Does a modified ciphertext give exactly the secret J(z‖c), and no error?",
          checks=("ml-kem/implicit-rejection", "ml-kem/implicit-rejection-seed", "ml-kem/rejection-regions",
                  "ml-kem/rejection-regions-seed")),
    Asked(id="encapsulation-key-check", clause="FIPS 203 §7.2", text="Are malformed encapsulation keys refused?",
          checks=("ml-kem/ek-modulus", "ml-kem/ek-check", "ml-kem/ek-coefficient", "ml-kem/ek-coefficient-check")),
    Asked(id="decapsulation-key-check", clause="FIPS 203 §7.3", text="Are damaged decapsulation keys refused?",
          checks=("ml-kem/dk-hash", "ml-kem/dk-check", "ml-kem/dk-hash-bits", "ml-kem/dk-hash-bits-check"),
          asked_if=("decapsulate", "check_decapsulation_key")),
    Asked(id="input-lengths", clause="FIPS 203 §7.2, §7.3", text="Are inputs of the wrong length refused?",
          checks=("ml-kem/ciphertext-length", "ml-kem/ciphertext-length-seed", "ml-kem/ek-length", "ml-kem/dk-length",
                  "ml-kem/lengths-ciphertext", "ml-kem/lengths-ciphertext-seed", "ml-kem/lengths-ek",
                  "ml-kem/lengths-dk"),
          cannot_be_asked="fixed:decapsulate.c fixed:decapsulate.dk fixed:encapsulate.ek"),
)  # fmt: skip
_ML_DSA = (
    Asked(id="key-generation", clause="FIPS 204 §5.1", text="Are key pairs generated as the standard says?",
          checks=("ml-dsa/kat-keygen", "ml-dsa/keygen-consistent")),
    Asked(id="signing", clause="FIPS 204 §5.2", text="Are signatures the right ones?",
          checks=("ml-dsa/kat-sign-deterministic", "ml-dsa/kat-sign-deterministic-seed", "ml-dsa/kat-sign-rnd",
                  "ml-dsa/kat-sign-rnd-seed", "ml-dsa/kat-sign-internal", "ml-dsa/kat-sign-internal-seed",
                  "ml-dsa/sign-oracle", "ml-dsa/sign-oracle-seed")),
    Asked(id="verification", clause="FIPS 204 §5.3", text="Are good signatures accepted and bad ones refused?",
          checks=("ml-dsa/kat-verify", "ml-dsa/kat-verify-internal", "ml-dsa/signature-tampered", "ml-dsa/z-bound")),
    Asked(id="context", clause="FIPS 204 §5.2, §5.3", text="Is the context string bound, at every length to 255?",
          checks=("ml-dsa/kat-verify-context", "ml-dsa/sign-context", "ml-dsa/sign-context-seed",
                  "ml-dsa/context-binding"),
          asked_if=("sign", "sign_from_seed", "sign_deterministic", "sign_deterministic_from_seed", "verify")),
    Asked(id="external-mu", clause="FIPS 204 §6.2, algorithm 7 line 6", text="Is an external mu used as given?",
          checks=("ml-dsa/kat-sign-mu", "ml-dsa/kat-sign-mu-seed", "ml-dsa/kat-verify-mu", "ml-dsa/sign-mu-oracle",
                  "ml-dsa/sign-mu-oracle-seed"),
          asked_if=("sign_mu", "sign_mu_from_seed", "verify_mu")),
    Asked(id="pre-hash", clause="FIPS 204 §5.4", text="Does HashML-DSA sign the hash, with its own domain?",
          checks=("ml-dsa/kat-verify-prehash", "ml-dsa/kat-sign-prehash", "ml-dsa/kat-sign-prehash-seed"),
          asked_if=("sign_prehash", "sign_prehash_from_seed", "verify_prehash")),
)  # fmt: skip
_KYBER = (
    Asked(id="key-generation", clause="Kyber 3.02 algorithm 7", text="Are key pairs those of round 3?",
          checks=("kyber/kat-keygen", "kyber/keygen-consistent")),
    Asked(id="encapsulation", clause="Kyber 3.02 algorithm 8", text="Are secrets and ciphertexts those of round 3?",
          checks=("kyber/kat-encapsulate", "kyber/encapsulate-oracle")),
    Asked(id="decapsulation", clause="Kyber 3.02 algorithm 9", text="Does decapsulation return the round 3 secret?",
          checks=("kyber/kat-decapsulate",)),
)  # fmt: skip
_DILITHIUM = (
    Asked(id="key-generation", clause="Dilithium 3.1 figure 4", text="Are key pairs those of round 3.1?",
          checks=("dilithium/kat-keygen", "dilithium/keygen-consistent")),
    Asked(id="signing", clause="Dilithium 3.1 figure 4", text="Are signatures those of round 3.1?",
          checks=("dilithium/kat-sign", "dilithium/sign-oracle")),
    Asked(id="verification", clause="Dilithium 3.1 figure 4", text="Are round 3.1 signatures accepted?",
          checks=("dilithium/kat-verify", "dilithium/signature-tampered", "dilithium/z-bound")),
)  # fmt: skip

QUESTIONS: dict[str, tuple[Asked, ...]] = {
    "ML-KEM": _ML_KEM, "ML-DSA": _ML_DSA, "Kyber": _KYBER, "Dilithium": _DILITHIUM,
}  # fmt: skip

TIMING = "timing"
"""Name of the question that a claim on execution time raises; it is no question of conformance."""
ON_TIMING: dict[str, Asked] = {
    "ML-KEM": Asked(
        id=TIMING, clause="FIPS 203 §3.3 (no statement on timing; the vendor's own claim)",
        text="Does the time of decapsulation show no dependence on secrets to the methods named?",
        checks=(
            "ml-kem/timing-instructions", "ml-kem/timing-statistics", "ml-kem/timing-taint", "ml-kem/timing-addresses",
        ),
    ),
}  # fmt: skip
"""By algorithm, the question that a claim on execution time raises."""
NO_METHOD = "no method was used to look at execution times"
NOT_TIMED = {
    "ML-DSA": "no method looks at the time of signing: how often an attempt is thrown away, and what is public in the"
    " challenge and the hint, changes the time of sound code, and no design here keeps all of that equal",
}
"""By algorithm, why its execution time is not looked at."""


def not_timed(parameter_set: str) -> str:
    """Return why no question about execution time was answered, in words for a verdict."""
    algorithm = PARAMETER_SETS[parameter_set].algorithm if parameter_set in PARAMETER_SETS else ""
    return NOT_TIMED.get(algorithm, NO_METHOD) if algorithm not in ON_TIMING else NO_METHOD


def timing_questions(parameter_set: str) -> tuple[Question, ...]:
    """Return the question that a claim on execution time raises; none for algorithms without such checks."""
    row = ON_TIMING.get(PARAMETER_SETS[parameter_set].algorithm)
    if row is None:
        return ()
    return (Question(id=row.id, parameter_set=parameter_set, clause=row.clause, text=row.text, checks=row.checks),)


def no_leak_detected(methods: Sequence[tuple[str, str]]) -> str:
    """Return the one wording in which a claim on execution time is confirmed: by (method, at how many calls)."""
    found = "; ".join(f"by {method}" + (f" at {count}" if count else "") for method, count in methods)
    return f"no leak detected {found}. This does not show that there is none"


def questions_for(parameter_set: str, operations: frozenset[str]) -> tuple[Question, ...]:
    """Return the questions that a conformance claim for ``parameter_set`` raises, given the operations offered."""
    return tuple(
        Question(id=row.id, parameter_set=parameter_set, clause=row.clause, text=row.text, checks=row.checks)
        for row in QUESTIONS[PARAMETER_SETS[parameter_set].algorithm]
        if not row.asked_if or operations.intersection(row.asked_if)
        if not row.cannot_be_asked or not operations.issuperset(row.cannot_be_asked.split())
    )
