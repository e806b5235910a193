"""Differential checks: what the implementation makes with its own randomness, recomputed by our reference computation.

These answer where no byte-exact question can be asked: an implementation that draws its own randomness cannot be given
any, so the oracle decapsulates, verifies or re-derives what it made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pqvalidate.adapters.interface import Call, Ok, Value
from pqvalidate.algorithms import parameter_set
from pqvalidate.evidence import Severity
from pqvalidate.oracle import mldsa, mlkem
from pqvalidate.oracle.messages import message_prime
from pqvalidate.suites import Asking, Check, Compute, Script
from pqvalidate.suites.expectations import PASS, expect_acceptance, expect_refusal, failed

_COUNT = {"quick": 4, "standard": 64, "full": 1024}
_CONTEXTS = (0, 1, 17, 254, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A case made from the run's seed: keys by our oracle, message, context and mu; unused fields are empty."""

    id: str
    seed: bytes = b""
    public_key: bytes = b""
    private_key: bytes = b""
    message: bytes = b""
    context: bytes = b""
    flags: tuple[str, ...] = ()


def _draw(asking: Asking, label: str, length: int) -> bytes:
    """Return bytes that depend on the run's seed, the parameter set and the label alone."""
    return hashlib.shake_256(asking.seed + f"|{asking.parameter_set}|{label}".encode()).digest(length)


def _names(asking: Asking) -> list[str]:
    return [f"drawn/{number}" for number in range(_COUNT[asking.depth])]


def _bare(asking: Asking) -> Sequence[Drawn]:
    return [Drawn(id=name) for name in _names(asking)]


def _with_keys(asking: Asking) -> Sequence[Drawn]:
    """Return cases with key pairs of our own, and messages of lengths from empty to a few blocks."""
    row, names = parameter_set(asking.parameter_set), _names(asking)
    make = mlkem.keygen if row.kind == "kem" else mldsa.keygen
    seeds = [_draw(asking, f"seed {name}", row.seed) for name in names]
    pairs = make(asking.parameter_set, seeds)
    return [
        Drawn(
            id=name, seed=seed, public_key=public, private_key=private,
            message=_draw(asking, f"message {name}", (number * 37) % 600),
            context=_draw(asking, f"context {name}", _CONTEXTS[number % len(_CONTEXTS)]),
        )
        for number, (name, seed, (public, private)) in enumerate(zip(names, seeds, pairs, strict=True))
    ]  # fmt: skip


def _context_cases(asking: Asking) -> Sequence[Drawn]:
    """Return one case for each context length at and around the limits; 256 and 511 must be refused."""
    first = _with_keys(asking)[0]
    return [
        Drawn(
            id=f"context/{length}", seed=first.seed, public_key=first.public_key, private_key=first.private_key,
            message=first.message, context=_draw(asking, f"context {length}", length),
        )
        for length in (0, 1, 2, 127, 128, 254, 255, 256, 511)
    ]  # fmt: skip


def _keygen(_case: Drawn, asking: Asking) -> Script:
    """A fresh key pair must fit together: the public part is computed from the secret part, all in range."""
    name, row = asking.parameter_set, parameter_set(asking.parameter_set)
    (reply,) = yield [Call(operation="keygen", parameter_set=name, inputs={})]
    if not isinstance(reply, Ok):
        return expect_acceptance(reply, {})
    public, private = (_bytes(value) for value in reply.values.values())
    made_by = mlkem if row.kind == "kem" else mldsa
    if len(private) == row.seed:
        wanted = made_by.keygen(name, [private])[0][0]
        return PASS if wanted == public else failed("the public key is not that of the seed", {}, reply.values)
    if len(private) != row.private_key or len(public) != row.public_key:
        return failed(f"key lengths {len(public)} and {len(private)}", {}, reply.values)
    why = made_by.keypair_consistent(name, public, private)
    return failed(f"the key pair does not fit together: {why}", {}, reply.values) if why else PASS


def _encapsulate(case: Drawn, asking: Asking) -> Script:
    """Encapsulation under a key of ours: our decapsulation must give the same secret, by the accepting path."""
    name, inputs = asking.parameter_set, {"ek": case.public_key}
    (reply,) = yield [Call(operation="encapsulate", parameter_set=name, inputs=inputs)]
    if not isinstance(reply, Ok):
        return expect_acceptance(reply, inputs)
    secret, ciphertext = _bytes(reply.values["k"]), _bytes(reply.values["c"])
    if len(ciphertext) != parameter_set(name).output or len(secret) != 32:
        return failed(f"lengths {len(secret)} and {len(ciphertext)} of secret and ciphertext", inputs, reply.values)
    (wanted,) = yield [Compute(mlkem.decapsulate, name, (case.private_key, ciphertext))]
    if wanted != secret:
        return failed("the shared secret is not the one that decapsulation gives", inputs, reply.values)
    return PASS


def _sign(case: Drawn, asking: Asking, operation: str = "sign", key: str = "sk") -> Script:
    """A signature under a key of ours must verify by our own verification, with exactly its context."""
    inputs: dict[str, Value] = {key: case.private_key if key == "sk" else case.seed, "message": case.message}
    name = asking.parameter_set
    if case.context and f"{operation}.context" in asking.operations:
        inputs["context"] = case.context
    (reply,) = yield [Call(operation=operation, parameter_set=name, inputs=inputs)]
    if len(case.context) > 255 and "context" in inputs:
        return expect_refusal(reply, inputs)
    if not isinstance(reply, Ok):
        return expect_acceptance(reply, inputs)
    signature, context = _bytes(reply.values["signature"]), _bytes(inputs.get("context", b""))
    framed = case.message if parameter_set(name).algorithm == "Dilithium" else message_prime(case.message, context)
    (good,) = yield [Compute(mldsa.verify_internal, name, (case.public_key, framed, signature))]
    return PASS if good else failed("the signature does not verify", inputs, reply.values)


def _sign_seed(case: Drawn, asking: Asking) -> Script:
    """The same, with the private key given as its seed."""
    return (yield from _sign(case, asking, "sign_from_seed", "seed"))


def _sign_mu(case: Drawn, asking: Asking, operation: str = "sign_mu", key: str = "sk") -> Script:
    """A signature of a mu of ours must verify by our own verification."""
    mu = hashlib.shake_256(case.message).digest(64)
    inputs: dict[str, Value] = {key: case.private_key if key == "sk" else case.seed, "mu": mu}
    (reply,) = yield [Call(operation=operation, parameter_set=asking.parameter_set, inputs=inputs)]
    if not isinstance(reply, Ok):
        return expect_acceptance(reply, inputs)
    signature = _bytes(reply.values["signature"])
    (good,) = yield [Compute(mldsa.verify_mu, asking.parameter_set, (case.public_key, mu, signature))]
    return PASS if good else failed("the signature does not verify", inputs, reply.values)


def _sign_mu_seed(case: Drawn, asking: Asking) -> Script:
    """The same, with the private key given as its seed."""
    return (yield from _sign_mu(case, asking, "sign_mu_from_seed", "seed"))


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def _check(
    name: str, algorithm: str, clause: str, needs: str, script: Callable[[Drawn, Asking], Script], effect: str,
    cases: Callable[[Asking], Sequence[Drawn]] = _with_keys, severity: Severity = "high",
) -> Check:  # fmt: skip
    return Check(
        name=name, suite="differential", algorithm=algorithm, clause=clause, explain=(script.__doc__ or "").strip(),
        effect=effect, needs=(frozenset(needs.split()),), cases=cases, script=script, severity=severity,
    )  # fmt: skip


_KEYS = "Keys do not work with other implementations, or are weaker than they should be."
_NO_INTEROP = "The two sides do not arrive at the same secret."
_SIGNATURE = "Signatures are refused elsewhere."

CHECKS: tuple[Check, ...] = (
    _check("ml-kem/keygen-consistent", "ML-KEM", "FIPS 203 §7.1, algorithm 13", "keygen", _keygen, _KEYS, _bare),
    _check("ml-kem/encapsulate-oracle", "ML-KEM", "FIPS 203 §7.2", "encapsulate", _encapsulate, _NO_INTEROP),
    _check("kyber/keygen-consistent", "Kyber", "Kyber 3.02 algorithm 7", "keygen", _keygen, _KEYS, _bare),
    _check("kyber/encapsulate-oracle", "Kyber", "Kyber 3.02 algorithm 8", "encapsulate", _encapsulate, _NO_INTEROP),
    _check("ml-dsa/keygen-consistent", "ML-DSA", "FIPS 204 §5.1, algorithm 6", "keygen", _keygen, _KEYS, _bare),
    _check("ml-dsa/sign-oracle", "ML-DSA", "FIPS 204 §5.2, algorithm 2", "sign", _sign, _SIGNATURE),
    _check("ml-dsa/sign-oracle-seed", "ML-DSA", "FIPS 204 §5.2, algorithm 2", "sign_from_seed", _sign_seed, _SIGNATURE),
    _check("ml-dsa/sign-context", "ML-DSA", "FIPS 204 §5.2, algorithm 2 line 1", "sign sign.context", _sign, _SIGNATURE,
           _context_cases),
    _check("ml-dsa/sign-context-seed", "ML-DSA", "FIPS 204 §5.2, algorithm 2 line 1",
           "sign_from_seed sign_from_seed.context", _sign_seed, _SIGNATURE, _context_cases),
    _check("ml-dsa/sign-mu-oracle", "ML-DSA", "FIPS 204 §6.2, algorithm 7 line 6", "sign_mu", _sign_mu, _SIGNATURE),
    _check("ml-dsa/sign-mu-oracle-seed", "ML-DSA", "FIPS 204 §6.2, algorithm 7 line 6", "sign_mu_from_seed",
           _sign_mu_seed, _SIGNATURE),
    _check("dilithium/keygen-consistent", "Dilithium", "Dilithium 3.1 figure 4", "keygen", _keygen, _KEYS, _bare),
    _check("dilithium/sign-oracle", "Dilithium", "Dilithium 3.1 figure 4", "sign", _sign, _SIGNATURE),
)  # fmt: skip
