"""Planted faults for version naming and for the audit of signers: wrong versions, dropped bounds, weak masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pqvalidate.mutants import Make, Mutant, OracleKem, OracleSignature
from pqvalidate.oracle import kem_steps, mldsa, versions
from pqvalidate.oracle.batches import Bits, Ints
from pqvalidate.oracle.dsa_steps import (
    Parameters,
    Signatures,
    decode_private_keys,
    encode_signatures,
    encode_w1,
    hash_h,
    matrix_times,
    norms,
)
from pqvalidate.oracle.messages import message_prime
from pqvalidate.oracle.rounding import decompose, make_hint
from pqvalidate.oracle.sampling import expand_mask, sample_in_ball
from pqvalidate.oracle.versions import Reading


class OtherKem(OracleKem):
    """A KEM by the rules of another version, with secrets cut to a length."""

    def __init__(self, name: str, rules: kem_steps.Rules, secret: int = 32) -> None:
        super().__init__(name, rules)
        self.secret = secret

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Cut the secret."""
        k, c = super().encapsulate_derand(ek, m)
        return k[: self.secret], c

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Cut the secret."""
        return super().decapsulate(dk, c)[: self.secret]


def _kem(version: str) -> Make:
    return lambda name: OtherKem(name, versions.KEM_VERSIONS[version])


class OtherReading(OracleSignature):
    """A signature algorithm that reads messages in another way: one reading for each interface."""

    def __init__(self, name: str, plain: Reading, internal: Reading, mu: Reading | None = None) -> None:
        super().__init__(plain.name(name), plain.rules)
        self._plain, self._internal, self._mu = plain, internal, mu or versions.MU[versions.ML_DSA]

    def _sign(self, reading: Reading, sk: bytes, message: bytes, context: bytes, rnd: bytes) -> bytes:
        mu = reading.mu(sk[64 : 64 + self.rules.parameters[self.name].tr], message, context)
        return mldsa.sign_mu(self.name, [sk], [mu], [rnd], rules=self.rules)[0]

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Sign an ordinary message."""
        return self._sign(self._plain, sk, message, context, rnd)

    def sign_internal(self, sk: bytes, m_prime: bytes, rnd: bytes) -> bytes:
        """Sign a formatted message."""
        return self._sign(self._internal, sk, m_prime, b"", rnd)

    def sign_mu(self, sk: bytes, mu: bytes, rnd: bytes = bytes(32)) -> bytes:
        """Sign a message representative."""
        return self._sign(self._mu, sk, mu, b"", rnd)

    def sign_prehash(
        self, sk: bytes, message: bytes, hash_name: str, context: bytes = b"", rnd: bytes = bytes(32)
    ) -> bytes:
        """Sign through a hash function."""
        return self._sign(self.prehash(hash_name), sk, message, context, rnd)

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Verify a signature of an ordinary message."""
        return self._plain.verify(self.name, pk, message, context, [signature])[0]

    def verify_internal(self, pk: bytes, m_prime: bytes, signature: bytes) -> bool:
        """Verify a signature of a formatted message."""
        return self._internal.verify(self.name, pk, m_prime, b"", [signature])[0]

    def verify_mu(self, pk: bytes, mu: bytes, signature: bytes) -> bool:
        """Verify a signature of a message representative."""
        return self._mu.verify(self.name, pk, mu, b"", [signature])[0]

    def verify_prehash(self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b"") -> bool:
        """Verify a signature made through a hash function."""
        return self.prehash(hash_name).verify(self.name, pk, message, context, [signature])[0]

    def prehash(self, hash_name: str) -> Reading:
        """Return how messages are read that are to be hashed first."""
        return versions.prehash_readings(hash_name)[versions.ML_DSA]


def _other(plain: str, internal: str = versions.ML_DSA, mu: str = versions.ML_DSA) -> Make:
    return lambda name: OtherReading(name, versions.PURE[plain], versions.INTERNAL[internal], versions.MU[mu])


class OtherHashing(OtherReading):
    """ML-DSA whose pre-hash interface alone reads messages in another way."""

    def __init__(self, name: str, label: str) -> None:
        super().__init__(name, versions.PURE[versions.ML_DSA], versions.INTERNAL[versions.ML_DSA])
        self._label = label

    def prehash(self, hash_name: str) -> Reading:
        """Return the other reading."""
        return versions.prehash_readings(hash_name)[self._label]


def _hashing(label: str) -> Make:
    return lambda name: OtherHashing(name, label)


Expand = Callable[[bytes, Sequence[int], int], Ints]


@dataclass(frozen=True, kw_only=True)
class Loop:
    """The steps of the signing loop that a fault may change; the defaults are FIPS 204 algorithm 7."""

    z_bound: Callable[[Parameters], int] = lambda p: p.gamma1 - p.beta
    r0_bound: Callable[[Parameters], int] = lambda p: p.gamma2 - p.beta
    ct0_bound: Callable[[Parameters], int] = lambda p: p.gamma2
    hints_checked: bool = True
    hints: Callable[[Bits], Bits] = lambda h: h
    s2_sign: int = 1
    seed: Callable[[bytes, bytes, bytes], bytes] = lambda key, rnd, mu: hash_h(key + rnd + mu)
    nonces: Callable[[int, int], Sequence[int]] = lambda attempt, l: range(attempt * l, attempt * l + l)  # noqa: E741
    expand: Expand = lambda seed, nonces, gamma1: expand_mask([seed], [nonces], gamma1)[0]


class FlawedSigner(OracleSignature):
    """A signer with a signing loop of its own, in which single steps can be wrong."""

    def __init__(self, name: str, loop: Loop) -> None:
        super().__init__(name)
        self.loop = loop

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Sign M' of an ordinary message."""
        return self.sign_internal(sk, message_prime(message, context), rnd)

    def sign_internal(self, sk: bytes, m_prime: bytes, rnd: bytes) -> bytes:
        """Sign a formatted message."""
        return self.sign_mu(sk, hash_h(sk[64:128] + m_prime), rnd)

    def sign_mu(self, sk: bytes, mu: bytes, rnd: bytes = bytes(32)) -> bytes:
        """Go through the loop of FIPS 204 algorithm 7."""
        p, ring, loop = self.rules.parameters[self.name], self.rules.ring, self.loop
        key = decode_private_keys(p, [sk])
        matrix = self.rules.expand_a(key.rho, p.k, p.l)
        seed = loop.seed(key.key[0], rnd, mu)
        for attempt in range(self.rules.max_attempts):
            y = loop.expand(seed, loop.nonces(attempt, p.l), p.gamma1)[None]
            w = ring.inverse_ntt(matrix_times(self.rules, matrix, ring.ntt(y)))
            challenge = hash_h(mu + encode_w1(p, decompose(w, p.gamma2)[0])[0], p.challenge)
            c = ring.ntt(sample_in_ball(challenge, p.tau)[None])[:, None]
            z, cs2, ct0 = (
                ring.centred(ring.inverse_ntt(c * ring.ntt(secret))) for secret in (key.s1, key.s2, key.t0)
            )  # fmt: skip
            z = z + y
            r = ring.reduced(w - loop.s2_sign * cs2)
            r1, r0 = decompose(r, p.gamma2)
            h = loop.hints(make_hint(decompose(ring.reduced(r + ct0), p.gamma2)[0], r1))
            within = all(
                norms(values)[0] < bound(p)
                for values, bound in ((z, loop.z_bound), (r0, loop.r0_bound), (ct0, loop.ct0_bound))
            )
            if within and (h.sum() <= p.omega or not loop.hints_checked):
                z = np.clip(z, 1 - p.gamma1, p.gamma1)
                return encode_signatures(p, Signatures([challenge], z, _first(h, p.omega), np.ones(1, dtype=np.bool_)))[
                    0
                ]
        raise ValueError("no signature found")


def _first(h: Bits, most: int) -> Bits:
    """Keep the first hints, as code does that stops writing at the end of its buffer."""
    return h & (np.cumsum(h.ravel()).reshape(h.shape) <= most)


def _loop(**steps: Any) -> Make:  # noqa: ANN401
    return lambda name: FlawedSigner(name, replace(Loop(), **steps))


def _masks(change: Callable[[Ints, int], Ints]) -> Expand:
    """Return an ExpandMask whose packed numbers gamma1 - y are changed."""
    return lambda seed, nonces, gamma1: gamma1 - change(gamma1 - expand_mask([seed], [nonces], gamma1)[0], gamma1)


def _stuck(stored: Ints, _gamma1: int) -> Ints:
    return stored | 4


def _aabbcc(stored: Ints, _gamma1: int) -> Ints:
    return np.repeat(stored[:, ::2], 2, axis=1)


def _ababcdcd(stored: Ints, _gamma1: int) -> Ints:
    pairs = stored.reshape(len(stored), -1, 2, 2)
    return np.repeat(pairs[:, :, :1], 2, axis=2).reshape(stored.shape)


def _a0b0c0(stored: Ints, gamma1: int) -> Ints:
    return np.where(np.arange(stored.shape[1]) % 2, gamma1, stored)


def _short_end(stored: Ints, gamma1: int) -> Ints:
    """Leave the last coefficient of every polynomial without a mask, as a loop does that ends one too early."""
    return np.where(np.arange(stored.shape[1]) == stored.shape[1] - 1, gamma1, stored)


def _half(stored: Ints, gamma1: int) -> Ints:
    """Draw one bit too few."""
    return gamma1 // 2 + stored // 2


_BERNSTEIN = "D. J. Bernstein, Exploiting ML-DSA bugs, June 2026"
_ML_KEM, _ML_DSA, _KYBER, _DILITHIUM = ("ML-KEM",), ("ML-DSA",), ("Kyber",), ("Dilithium",)


def _proves(what: str) -> str:
    return f"ml-dsa/audit-{what} ml-dsa/audit-{what}-seed"


_IPD = "the ML-KEM draft of 2023 (FIPS 203 ipd)"
_DRAFT_DSA = "the ML-DSA draft of 2023 (FIPS 204 ipd)"
_VERSIONS: tuple[Mutant, ...] = (
    Mutant(what="Kyber round 3 under the name of ML-KEM", bug_class="KA7", algorithms=_ML_KEM,
           imitates="BouncyCastle 1.72, libraries of 2022", make=_kem(versions.KYBER), proves="ml-kem/version"),
    Mutant(what="ML-KEM under the name of Kyber", bug_class="KA7", algorithms=_KYBER,
           imitates="a tester whose files named Kyber hold final answers", make=_kem(versions.ML_KEM),
           proves="kyber/version"),
    Mutant(what="the ML-KEM draft under the name of the standard", bug_class="KA7", algorithms=_ML_KEM,
           imitates="libraries of 2023; RustCrypto/KEMs #46", make=_kem(_IPD)),
    Mutant(what="the ML-KEM draft with the indices of A as printed", bug_class="KA7", algorithms=_ML_KEM,
           imitates="the draft's text; C2SP CCTV tells of it", make=_kem(f"{_IPD} with the indices of A as printed")),
    Mutant(what="Kyber round 3 with secrets cut to 16 or 24 bytes", bug_class="KA7", algorithms=_ML_KEM,
           sets=("ML-KEM-512", "ML-KEM-768"), imitates="BouncyCastle 1.72",
           make=lambda name: OtherKem(name, kem_steps.ROUND_3, versions.cut_secret(name))),
    Mutant(what="the internal interface offered as the external one", bug_class="DS5", algorithms=_ML_DSA,
           imitates="testers and libraries that sign M without 00 and the context's length",
           make=_other(versions.AS_INTERNAL),
           proves="ml-dsa/version"),
    Mutant(what="the external interface offered as the internal one", bug_class="DS5", algorithms=_ML_DSA,
           imitates="made up: the mirror image",
           make=_other(versions.ML_DSA, "the external interface of ML-DSA offered as the internal one"),
           proves="ml-dsa/version ml-dsa/message-binding ml-dsa/domain-separation"),
    Mutant(what="mu is taken as an ordinary message", bug_class="DS6", algorithms=_ML_DSA, imitates="AWS-LC #2841",
           make=_other(versions.ML_DSA, mu="ML-DSA that takes mu as an ordinary message")),
    Mutant(what="Dilithium round 3.1 under the name of ML-DSA", bug_class="DS10", algorithms=_ML_DSA,
           imitates="libraries of 2022", make=_other(versions.DILITHIUM, versions.DILITHIUM)),
    Mutant(what="ML-DSA under the name of Dilithium", bug_class="DS10", algorithms=_DILITHIUM,
           imitates="a tester whose files named Dilithium hold final answers", make=_other(versions.ML_DSA),
           proves="dilithium/version"),
    Mutant(what="the ML-DSA draft under the name of the standard", bug_class="DS10", algorithms=_ML_DSA,
           imitates="libraries of 2023 and 2024", make=_other(_DRAFT_DSA, _DRAFT_DSA)),
    Mutant(what="the pre-hash is missing: HashML-DSA signs the message as pure ML-DSA", bug_class="DS7",
           algorithms=_ML_DSA, imitates="made up: the hash parameter is ignored",
           make=_hashing("pure ML-DSA of the message: the pre-hash is missing")),
    Mutant(what="HashML-DSA signs the message itself where its digest belongs", bug_class="DS7", algorithms=_ML_DSA,
           imitates="pqcrypto 1.0.0",
           make=_hashing("HashML-DSA that signs the message itself where its digest belongs")),
)  # fmt: skip
_LOOPS: tuple[Mutant, ...] = (
    Mutant(what="sign: the bound on z is dropped", bug_class="DS2", algorithms=_ML_DSA, imitates="Wycheproof #193",
           make=_loop(z_bound=lambda p: 2 * p.gamma1), proves=_proves("bounds")),
    Mutant(what="sign: the bound on r0 is gamma2", bug_class="DS2", algorithms=_ML_DSA, imitates="Wycheproof #193",
           make=_loop(r0_bound=lambda p: p.gamma2)),
    Mutant(what="sign: c t0 is not checked", bug_class="DS2", algorithms=_ML_DSA, sets=("ML-DSA-44",),
           imitates="AWS-LC #3545: self-tests met 2 of 4 rejections", make=_loop(ct0_bound=lambda p: 2 * p.gamma2)),
    Mutant(what="sign: hints beyond omega are dropped", bug_class="DS2", algorithms=_ML_DSA,
           imitates="AWS-LC #3545", make=_loop(hints_checked=False)),
    Mutant(what="sign: one hint too many", bug_class="DS2", algorithms=_ML_DSA, imitates="made up: an edge of MakeHint",
           make=_loop(hints=lambda h: h | (np.arange(h.size).reshape(h.shape) == 7))),
    Mutant(what="sign: the sign of c s2 is wrong", bug_class="DS2", algorithms=_ML_DSA, imitates="Wycheproof #193",
           make=_loop(s2_sign=-1)),
    Mutant(what="sign: kappa advances by l - 1", bug_class="DS1", algorithms=_ML_DSA, imitates=_BERNSTEIN,
           make=_loop(nonces=lambda attempt, l: range(attempt * (l - 1), attempt * (l - 1) + l)),  # noqa: E741
           proves=_proves("origin")),
    Mutant(what="sign: the bound on z is stricter by beta", bug_class="DS2", algorithms=_ML_DSA,
           imitates="ACVP-Server #470, for verifiers", make=_loop(z_bound=lambda p: p.gamma1 - 2 * p.beta)),
    Mutant(what="sign: all polynomials of y are one", bug_class="DS1", algorithms=_ML_DSA, imitates=_BERNSTEIN,
           make=_loop(nonces=lambda attempt, l: [attempt * l] * l), proves=_proves("repeats")),  # noqa: E741
    Mutant(what="sign: the mask does not depend on the message", bug_class="DS1", algorithms=_ML_DSA,
           imitates=_BERNSTEIN, make=_loop(seed=lambda key, _rnd, _mu: hash_h(key))),
    Mutant(what="sign: the mask comes from a seed of 16 bits", bug_class="DS1", algorithms=_ML_DSA,
           imitates="made up: a seed cut short",
           make=_loop(seed=lambda key, rnd, mu: hash_h(hash_h(key + rnd + mu)[:2]))),
    Mutant(what="sign: rnd has 8 bits of entropy", bug_class="E2", algorithms=_ML_DSA, imitates="made up: a byte drawn",
           make=_loop(seed=lambda key, rnd, mu: hash_h(key + rnd[:1] + mu))),
    Mutant(what="sign: a bit of y is stuck", bug_class="DS1", algorithms=_ML_DSA, imitates=_BERNSTEIN,
           make=_loop(expand=_masks(_stuck)), proves=_proves("mask")),
    *(
        Mutant(what=f"sign: y has the pattern {what}", bug_class="DS1", algorithms=_ML_DSA, imitates=_BERNSTEIN,
               make=_loop(expand=_masks(change)))
        for what, change in {"AABBCC": _aabbcc, "ABABCDCD": _ababcdcd, "A0B0C0": _a0b0c0}.items()
    ),
    Mutant(what="sign: the last coefficient of y is 0", bug_class="DS1", algorithms=_ML_DSA,
           imitates="made up: a loop that ends one too early", make=_loop(expand=_masks(_short_end))),
    Mutant(what="sign: y has one bit too few", bug_class="DS1", algorithms=_ML_DSA,
           imitates="made up: gamma1 of another parameter set", make=_loop(expand=_masks(_half))),
)  # fmt: skip

PLANTED: tuple[Mutant, ...] = _VERSIONS + _LOOPS
"""The faults that prove version naming and the audit of signers."""

KILLED_BY: Mapping[str, str] = {check: mutant.what for mutant in PLANTED for check in mutant.proves.split()}
"""For every check of these two suites, the planted fault that must not get past it."""
