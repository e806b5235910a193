"""Controls: implementations of known behaviour that the same checks judge in every run, so that silence is no pass.

The reference is our own computation of the standard and must pass; each mutant has one planted fault, imitating a real
bug, and must fail. They are our code, so they run in this process, on the cases of the plan; a control that is judged
wrongly makes the whole decision undecided.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply
from pqvalidate.adapters.worker import Subject, answer
from pqvalidate.algorithms import PARAMETER_SETS, ParameterSet
from pqvalidate.evidence import Control
from pqvalidate.oracle import mldsa, mlkem
from pqvalidate.oracle.dsa_steps import hash_h
from pqvalidate.oracle.messages import prehash_message_prime
from pqvalidate.oracle.sampling import sample_in_ball
from pqvalidate.planner import Planned, Task
from pqvalidate.scheduler import window

_REFERENCE_CASES = 3
_MUTANT_CASES = 48


class OracleKem:
    """The oracle behind the common interface; ``rules`` replaces single steps of the standard."""

    def __init__(self, name: str, rules: Any = None) -> None:  # noqa: ANN401  (kem_steps.Rules or None)
        self.name, self.rules = name, rules or mlkem.rules_for(name)

    def keygen(self) -> tuple[bytes, bytes]:
        """FIPS 203 algorithm 19."""
        return self.keygen_from_seed(secrets.token_bytes(64))

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """FIPS 203 algorithm 16."""
        return mlkem.keygen(self.name, [seed], rules=self.rules)[0]

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """FIPS 203 algorithm 20."""
        return self.encapsulate_derand(ek, secrets.token_bytes(32))

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """FIPS 203 algorithm 17."""
        return mlkem.encapsulate(self.name, [ek], [m], rules=self.rules)[0]

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """FIPS 203 algorithm 21."""
        return mlkem.decapsulate(self.name, [dk], [c], rules=self.rules)[0]

    def decapsulate_from_seed(self, seed: bytes, c: bytes) -> bytes:
        """FIPS 203 algorithms 16 and 21."""
        return self.decapsulate(self.keygen_from_seed(seed)[1], c)

    def check_encapsulation_key(self, ek: bytes) -> bool:
        """FIPS 203 section 7.2."""
        return mlkem.check_encapsulation_key(self.name, ek, rules=self.rules)

    def check_decapsulation_key(self, dk: bytes) -> bool:
        """FIPS 203 section 7.3."""
        return mlkem.check_decapsulation_key(self.name, dk, rules=self.rules)


class OracleSignature:
    """The oracle behind the common interface; ``rules`` replaces single steps of the standard."""

    def __init__(self, name: str, rules: Any = None) -> None:  # noqa: ANN401  (dsa_steps.Rules or None)
        self.name, self.rules = name, rules or mldsa.rules_for(name)

    def keygen(self) -> tuple[bytes, bytes]:
        """FIPS 204 algorithm 1."""
        return self.keygen_from_seed(secrets.token_bytes(32))

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """FIPS 204 algorithm 6."""
        return mldsa.keygen(self.name, [seed], rules=self.rules)[0]

    def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """FIPS 204 algorithm 2, hedged."""
        return self.sign_with_rnd(sk, message, secrets.token_bytes(32), context)

    def sign_deterministic(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """FIPS 204 algorithm 2, deterministic."""
        return self.sign_with_rnd(sk, message, bytes(32), context)

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """FIPS 204 algorithm 2."""
        return mldsa.sign(self.name, [sk], [message], [context], [rnd], rules=self.rules)[0]

    def sign_mu(self, sk: bytes, mu: bytes, rnd: bytes = bytes(32)) -> bytes:
        """FIPS 204 algorithm 7 with mu given."""
        return mldsa.sign_mu(self.name, [sk], [mu], [rnd], rules=self.rules)[0]

    def sign_internal(self, sk: bytes, m_prime: bytes, rnd: bytes) -> bytes:
        """FIPS 204 algorithm 7."""
        return mldsa.sign_internal(self.name, [sk], [m_prime], [rnd], rules=self.rules)[0]

    def sign_prehash(
        self, sk: bytes, message: bytes, hash_name: str, context: bytes = b"", rnd: bytes = bytes(32)
    ) -> bytes:
        """FIPS 204 algorithm 4."""
        return mldsa.sign_prehash(self.name, [sk], [message], hash_name, [context], [rnd], rules=self.rules)[0]

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """FIPS 204 algorithm 3."""
        return mldsa.verify(self.name, [pk], [message], [signature], [context], rules=self.rules)[0]

    def verify_mu(self, pk: bytes, mu: bytes, signature: bytes) -> bool:
        """FIPS 204 algorithm 8 with mu given."""
        return mldsa.verify_mu(self.name, [pk], [mu], [signature], rules=self.rules)[0]

    def verify_internal(self, pk: bytes, m_prime: bytes, signature: bytes) -> bool:
        """FIPS 204 algorithm 8."""
        return mldsa.verify_internal(self.name, [pk], [m_prime], [signature], rules=self.rules)[0]

    def verify_prehash(
        self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b""
    ) -> bool:
        """FIPS 204 algorithm 5."""
        return mldsa.verify_prehash(self.name, [pk], [message], [signature], hash_name, [context], rules=self.rules)[0]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The ``_from_seed`` operations: expand the seed, then sign with the expanded key."""
        if not name.endswith("_from_seed"):
            raise AttributeError(name)
        signer = getattr(self, name.removesuffix("_from_seed"))
        return lambda seed, *rest, **named: signer(self.keygen_from_seed(seed)[1], *rest, **named)


class LenientKem(OracleKem):
    """Cuts or pads every input to the length it should have (seen: liboqs-python pads short inputs with zeros)."""

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Fit the key first."""
        return mlkem.encapsulate(self.name, [_fit(ek, self._row.public_key)], [m], rules=_taking_all(self.rules))[0]

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Fit key and ciphertext first."""
        dk, c = _fit(dk, self._row.private_key), _fit(c, self._row.output)
        return mlkem.decapsulate(self.name, [dk], [c], rules=_taking_all(self.rules))[0]

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Fit the seed first."""
        return super().keygen_from_seed(_fit(seed, 64))

    @property
    def _row(self) -> ParameterSet:
        return PARAMETER_SETS[self.name]


class LenientSignature(OracleSignature):
    """Cuts or pads private keys and seeds, and cuts a context to 255 bytes."""

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Fit key and context first."""
        return super().sign_with_rnd(_fit(sk, PARAMETER_SETS[self.name].private_key), message, rnd, context[:255])

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Fit the seed first."""
        return super().keygen_from_seed(_fit(seed, 32))


class MismatchedKeys(OracleSignature):
    """Key generation puts a tr into the private key that is not that of the public key."""

    def keygen(self) -> tuple[bytes, bytes]:
        """Change the first byte of tr (FIPS 204 algorithm 24: behind rho and K)."""
        pk, sk = super().keygen()
        return pk, sk[:64] + bytes([sk[64] ^ 1]) + sk[65:]


class AcceptsAll(OracleSignature):
    """Verification says yes to everything."""

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Say yes."""
        return True

    def verify_mu(self, pk: bytes, mu: bytes, signature: bytes) -> bool:
        """Say yes."""
        return True

    def verify_internal(self, pk: bytes, m_prime: bytes, signature: bytes) -> bool:
        """Say yes."""
        return True

    def verify_prehash(
        self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b""
    ) -> bool:
        """Say yes."""
        return True


def _fit(value: bytes, length: int) -> bytes:
    return value[:length].ljust(length, b"\0")


def _taking_all(rules: Any) -> Any:  # noqa: ANN401
    return mlkem.without_key_checks(rules)


def _kem(**steps: Any) -> Callable[[str], object]:  # noqa: ANN401
    return lambda name: OracleKem(name, replace(mlkem.rules_for(name), **steps))


def _dsa(**steps: Any) -> Callable[[str], object]:  # noqa: ANN401
    return lambda name: OracleSignature(name, replace(mldsa.rules_for(name), **steps))


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _truncating(x: Any, d: int) -> Any:  # noqa: ANN401
    return (x << d) // mlkem.Q % (1 << d)


MUTANTS: dict[str, Callable[[str], object]] = {
    "key generation of the draft, without the byte k in G(d‖k)": _kem(seed_domain=lambda _k: b""),
    "compression truncates where it should round": _kem(compress=_truncating),
    "no re-encryption check": _kem(ciphertext_equal=lambda _c, _again: True),
    "no modulus check of encapsulation keys": _kem(ek_modulus_bound=4096),
    "no hash check of decapsulation keys": _kem(dk_hash_checked=False),
    "H is SHA-256": _kem(hash_h=_sha256),
    "inputs of a wrong length are padded or cut": LenientKem,
    "key generation without the bytes k and l": _dsa(seed_domain=lambda _k, _l: b"\7"),
    "the mask seed leaves out rnd": _dsa(mask_seed=lambda key, _rnd, mu: hash_h(key[:31] + mu)),
    "the challenge uses 32 of its sign bits": _dsa(sample_in_ball=partial(sample_in_ball, sign_bits=32)),
    "verification accepts everything": AcceptsAll,
    "the context is ignored": _dsa(message_prime=lambda message, _context: b"\0\0" + message),
    "HashML-DSA with the domain byte of pure ML-DSA": _dsa(
        prehash_message_prime=partial(prehash_message_prime, domain=0)
    ),
    "private keys, seeds and contexts of a wrong length are padded or cut": LenientSignature,
    "tr in the private key is not that of the public key": MismatchedKeys,
}
"""Faulty implementations by what is wrong with them; each imitates a bug class of docs/explanation/mutants."""

_IPD, _ROUNDING, _NO_FO, _MODULUS, _HASH, _SHA256, _PADS, _KL, _RND, _BALL, _ALL, _CONTEXT, _DOMAIN, _CUTS, _TR = MUTANTS
KILLED_BY: dict[str, str] = {
    "ml-kem/kat-keygen": _IPD, "ml-kem/kat-encapsulate": _ROUNDING, "ml-kem/kat-decapsulate": _SHA256,
    "ml-kem/kat-decapsulate-seed": _IPD, "ml-kem/implicit-rejection": _NO_FO, "ml-kem/implicit-rejection-seed": _NO_FO,
    "ml-kem/ek-modulus": _MODULUS, "ml-kem/ek-check": _MODULUS, "ml-kem/dk-hash": _HASH, "ml-kem/dk-check": _HASH,
    "ml-kem/ek-length": _PADS, "ml-kem/ciphertext-length": _PADS, "ml-kem/ciphertext-length-seed": _PADS,
    "ml-kem/dk-length": _PADS, "ml-kem/seed-length": _PADS, "ml-kem/keygen-consistent": _SHA256,
    "ml-kem/encapsulate-oracle": _ROUNDING, "ml-kem/accumulated": _IPD,
    "kyber/kat-keygen": _SHA256, "kyber/kat-encapsulate": _ROUNDING, "kyber/kat-decapsulate": _ROUNDING,
    "kyber/keygen-consistent": _SHA256, "kyber/encapsulate-oracle": _ROUNDING,
    "ml-dsa/kat-keygen": _KL, "ml-dsa/keygen-consistent": _TR, "ml-dsa/accumulated": _KL,
    **{f"ml-dsa/kat-sign-{what}{end}": _RND for what in ("deterministic", "rnd", "internal", "mu") for end in ("", "-seed")},
    "ml-dsa/kat-sign-prehash": _DOMAIN, "ml-dsa/kat-sign-prehash-seed": _DOMAIN,
    "ml-dsa/context-length": _CUTS, "ml-dsa/context-length-seed": _CUTS, "ml-dsa/sk-length": _CUTS,
    "ml-dsa/seed-length": _CUTS, "ml-dsa/sk-range": _CUTS,
    "ml-dsa/kat-verify": _ALL, "ml-dsa/kat-verify-context": _CONTEXT, "ml-dsa/kat-verify-internal": _ALL,
    "ml-dsa/kat-verify-mu": _ALL, "ml-dsa/kat-verify-prehash": _DOMAIN,
    "ml-dsa/sign-oracle": _BALL, "ml-dsa/sign-oracle-seed": _BALL, "ml-dsa/sign-context": _CONTEXT,
    "ml-dsa/sign-context-seed": _CONTEXT, "ml-dsa/sign-mu-oracle": _BALL, "ml-dsa/sign-mu-oracle-seed": _BALL,
    "dilithium/kat-keygen": _KL, "dilithium/kat-sign": _RND, "dilithium/kat-verify": _BALL,
    "dilithium/keygen-consistent": _TR, "dilithium/sign-oracle": _BALL,
}  # fmt: skip
"""For every check, the planted fault that must not get past it."""


class InProcess:
    """A control as something that answers calls, through the worker's own code for making them."""

    def __init__(self, factory: Callable[[str], object], parameter_set: str) -> None:
        self._subject = Subject(factory, [parameter_set])

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:  # noqa: ARG002
        """Make calls in order; one reply each."""
        return [self._ask(call) for call in calls]

    def _ask(self, call: Call) -> Reply:
        message = answer(self._subject, {"op": call.operation, "set": call.parameter_set, "in": dict(call.inputs)})
        if "ok" in message:
            return Ok(message["ok"])
        if "rejected" in message:
            return Rejected(message["rejected"])
        return Fault("exception", message["error"])


def reference(name: str) -> object:
    """Return the oracle as an implementation of ``name``."""
    return OracleKem(name) if PARAMETER_SETS[name].kind == "kem" else OracleSignature(name)


def run_controls(planned: Planned) -> tuple[Control, ...]:
    """Judge the reference and one mutant by every check of the plan, for the first parameter set of each algorithm.

    Advisory checks have none, since a sound implementation may fail them; long accumulated checks have theirs in the
    test suite.
    """
    seen: set[str] = set()
    found: list[Control] = []
    for task in planned.tasks:
        severity = planned.plan.steps[task.index].severity
        if task.check.name in seen or severity == "advisory" or task.check.name.endswith("/accumulated"):
            continue
        seen.add(task.check.name)
        found += [_reference_control(task), _mutant_control(task)]
    return tuple(found)


def _reference_control(task: Task) -> Control:
    outcomes = _outcomes(reference, task, task.cases[:_REFERENCE_CASES])
    verdict: Literal["pass", "fail"] = "pass" if outcomes and set(outcomes) == {"pass"} else "fail"
    return Control(control="reference: our computation of the standard", check=task.check.name, expected="pass", seen=verdict)


def _mutant_control(task: Task) -> Control:
    """Ask until the mutant fails; a few cases suffice for most, so the sample grows."""
    fault = KILLED_BY[task.check.name]
    verdict: Literal["pass", "fail"] = "pass"
    begin = 0
    for size in (1, 3, 12, _MUTANT_CASES):
        if "fail" in _outcomes(MUTANTS[fault], task, _spread(task.cases)[begin : begin + size]):
            verdict = "fail"
            break
        begin += size
    return Control(control=f"mutant: {fault}", check=task.check.name, expected="fail", seen=verdict)


def _spread(cases: Sequence[Any]) -> Sequence[Any]:
    """Order cases so that the kinds alternate: refusals first, then every kind of flag."""
    return sorted(cases, key=lambda case: getattr(case, "expect", None) is not False)


def _outcomes(factory: Callable[[str], object], task: Task, cases: Sequence[Any]) -> list[str]:
    return [record.outcome for record in window(InProcess(factory, task.asking.parameter_set), task, cases, 1)]
