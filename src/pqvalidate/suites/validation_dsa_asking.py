"""How the validation checks of ML-DSA ask: every interface for verification at once, under a key with t1 = 0.

One crafted signature body serves every interface and message, since only its c~ depends on them.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pqvalidate.adapters.interface import Call, Reply, Value
from pqvalidate.algorithms import PREHASH_OID_BYTE, parameter_set
from pqvalidate.evidence import Severity
from pqvalidate.oracle import mldsa
from pqvalidate.oracle.crafting_dsa import Body, Recipe, bodies, zero_t1_public_key
from pqvalidate.oracle.dsa_steps import Parameters, hash_h
from pqvalidate.oracle.messages import message_prime, prehash_message_prime
from pqvalidate.suites import Asking, CaseResult, Check, Script
from pqvalidate.suites.expectations import PASS, expect_answer

SURFACES = ("verify", "verify_internal", "verify_mu")
"""The operations that verify; each takes the message in another form (FIPS 204 algorithms 3 and 8).

HashML-DSA has checks of its own, so that a mistake in its framing is not reported as one in verification.
"""
PREHASH = "verify_prehash"
VERIFICATION = tuple(frozenset({operation}) for operation in SURFACES)

CRITICAL = "Forged signatures may be accepted: whoever relies on them can be deceived."
REFUSED = "Good signatures are refused."


def draw(asking: Asking, label: str, length: int) -> bytes:
    """Return bytes that depend on the run's seed, the parameter set and the label alone."""
    return hashlib.shake_256(asking.seed + f"|{asking.parameter_set}|{label}".encode()).digest(length)


def numbers(asking: Asking) -> Parameters:
    """Return the numbers of the parameter set (FIPS 204 table 1, or Dilithium 3.1 table 2)."""
    return mldsa.rules_for(asking.parameter_set).parameters[asking.parameter_set]


def round_3_1(asking: Asking) -> bool:
    """Return whether this is Dilithium, which signs messages as they are: no domain byte, no context, a tr of 32."""
    return parameter_set(asking.parameter_set).algorithm == "Dilithium"


def offered_hashes(asking: Asking) -> tuple[str, ...]:
    """Return the pre-hash functions that the implementation offers."""
    return tuple(name for name in PREHASH_OID_BYTE if f"hash:{name}" in asking.operations)


def surfaces(asking: Asking) -> tuple[str, ...]:
    """Return the operations for verification, other than HashML-DSA, that the implementation offers."""
    return tuple(name for name in SURFACES[: 1 if round_3_1(asking) else None] if name in asking.operations)


def no_hashes(asking: Asking) -> str:
    """Say that HashML-DSA is offered without a known hash function, so that it cannot be asked."""
    return "" if offered_hashes(asking) else "no pre-hash function is known to be offered"


def rotated(asking: Asking, number: int) -> tuple[str, ...]:
    """Return the first interface offered and, case by case, one of the others; at depth quick one in turn."""
    first, *others = offered = surfaces(asking)
    if asking.depth == "quick":
        return (offered[number % len(offered)],)
    return (first, others[number % len(others)]) if others else (first,)


@functools.lru_cache(maxsize=16)
def key_pair(name: str, seed: bytes) -> tuple[bytes, bytes]:
    """Return the oracle's key pair for a seed."""
    return mldsa.keygen(name, [seed])[0]


@functools.lru_cache(maxsize=16)
def plain_body(name: str, rho: bytes) -> Body:
    """Return a valid signature body with ordinary z and no hints, under the key with t1 = 0 of ``rho``."""
    return bodies(name, [Recipe(rho=rho, label=b"plain" + rho)])[0]


@functools.lru_cache(maxsize=16)
def open_key(name: str, rho: bytes) -> bytes:
    """Return the public key with t1 = 0 of ``rho``."""
    return zero_t1_public_key(name, rho)


def message_mu(pk: bytes, m_prime: bytes, tr: int = 64) -> bytes:
    """Return the message representative of a formatted message (FIPS 204 algorithm 8 lines 6 and 7)."""
    return hash_h(hash_h(pk, tr) + m_prime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A message under one interface for verification: what is signed, and how it is asked.

    Attributes:
        surface: the operation.
        pk: public key.
        m_prime: the formatted message that is signed.
        inputs: what the operation takes beside key and signature.
        tr: bytes of the hash of the public key.

    """

    surface: str
    pk: bytes
    m_prime: bytes
    inputs: Mapping[str, Value] = field(default_factory=dict)
    tr: int = 64

    @property
    def mu(self) -> bytes:
        """The message representative that the verifier must arrive at."""
        return message_mu(self.pk, self.m_prime, self.tr)

    def call(self, name: str, signature: bytes, **other: Value) -> tuple[Call, Mapping[str, Value]]:
        """Return the question whether ``signature`` is valid, and its inputs."""
        inputs: dict[str, Value] = {"pk": self.pk, **self.inputs, "signature": signature, **other}
        return Call(operation=self.surface, parameter_set=name, inputs=inputs), inputs


def target(
    surface: str, pk: bytes, message: bytes, *, context: bytes = b"", hash_name: str = "", signed: bytes | None = None
) -> Target:
    """Return how ``message`` is asked of ``surface``; ``signed`` is what is signed if it is something else."""
    pure = surface != PREHASH
    m_prime = message_prime(message, context) if pure else prehash_message_prime(message, hash_name, context)
    inputs: dict[str, Value] = {"message": message}
    if surface == "verify_internal":
        inputs = {"m_prime": m_prime}
    elif surface == "verify_mu":
        inputs = {"mu": message_mu(pk, m_prime)}
    elif surface == PREHASH:
        inputs |= {"hash": hash_name}
    if context and surface in ("verify", PREHASH):
        inputs |= {"context": context}
    return Target(surface=surface, pk=pk, m_prime=m_prime if signed is None else signed, inputs=inputs)


def targets(
    asking: Asking, chosen: Sequence[str], pk: bytes, message: bytes, number: int = 0, context: bytes = b""
) -> list[Target]:
    """Return how a message is asked of each chosen interface; the pre-hash function changes with ``number``."""
    hashes = offered_hashes(asking) or ("SHA2-256",)
    if round_3_1(asking):
        tr = numbers(asking).tr
        return [Target(surface=s, pk=pk, m_prime=message, inputs={"message": message}, tr=tr) for s in chosen]
    return [target(surface, pk, message, context=context, hash_name=hashes[number % len(hashes)]) for surface in chosen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One signature that is put to an implementation, with the answer that is right."""

    target: Target
    signature: bytes
    expect: bool
    what: str = ""
    other: Mapping[str, Value] = field(default_factory=dict)


def ask(name: str, questions: Sequence[Question]) -> Generator[Sequence[Call], Sequence[Reply], CaseResult]:
    """Put the questions in order and return the first wrong answer as the failure."""
    pairs = [q.target.call(name, q.signature, **q.other) for q in questions]
    replies: Sequence[Reply] = yield [call for call, _ in pairs]
    for question, (call, inputs), reply in zip(questions, pairs, replies, strict=True):
        result = expect_answer(reply, inputs, question.expect)
        if result.outcome != "pass":
            what = f" ({question.what})" if question.what else ""
            return replace(result, why=f"{call.operation}{what}: {result.why}")
    return PASS


def check(
    name: str, clause: str, cases: Callable[[Asking], Sequence[object]], script: Callable[..., Script], explain: str,
    effect: str, *, severity: Severity = "critical", needs: Sequence[frozenset[str]] = VERIFICATION,
    gaps: Callable[[Asking], str] = lambda _asking: "", varies_length: str = "",
) -> Check:  # fmt: skip
    """Return one row of the validation suite of ML-DSA."""
    return Check(
        name=f"ml-dsa/{name}", suite="validation", algorithm="ML-DSA", clause=clause, explain=explain, effect=effect,
        needs=tuple(needs), cases=cases, script=script, severity=severity, gaps=gaps,
        varies_length=varies_length,
    )  # fmt: skip
