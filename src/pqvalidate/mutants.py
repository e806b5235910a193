"""Implementations of known behaviour: our oracle as it is, and our oracle with one planted fault.

The faults here are those that the controls of every run need; the test suite plants many more in the same way. Each
imitates a bug that was found somewhere and names it, or says that it was made up.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from pqvalidate.algorithms import PARAMETER_SETS, ParameterSet
from pqvalidate.oracle import kem_steps, mldsa, mlkem
from pqvalidate.oracle.dsa_steps import decode_private_keys, hash_h, norms
from pqvalidate.oracle.messages import prehash_message_prime
from pqvalidate.oracle.sampling import sample_in_ball

Make: TypeAlias = Callable[[str], "OracleKem | OracleSignature"]
"""From the name of a parameter set to an implementation of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """An implementation with one planted fault.

    Attributes:
        what: the fault in a few words; unique.
        bug_class: its place in the catalogue of bug classes (docs/explanation/mutants).
        imitates: where such a bug was found.
        algorithms: families on whose parameter sets the fault exists.
        make: builds it.
        sets: the only parameter sets on which the fault exists; empty for all of ``algorithms``.
        proves: the checks whose control it is, with spaces between.
        target: ``module:callable`` for a worker, of a fault that needs a process of its own.

    """

    what: str
    bug_class: str
    imitates: str
    algorithms: tuple[str, ...]
    make: Make
    sets: tuple[str, ...] = ()
    proves: str = ""
    target: str = ""


class OracleKem:
    """The oracle behind the common interface; ``rules`` replaces single steps of the standard."""

    source: Callable[[int], bytes] = staticmethod(secrets.token_bytes)

    def __init__(self, name: str, rules: kem_steps.Rules | None = None) -> None:
        self.name, self.rules = name, rules or mlkem.rules_for(name)

    def draw(self, length: int) -> bytes:
        """Return ``length`` random bytes; tests give another ``source`` to make a run repeatable."""
        return self.source(length)

    def keygen(self) -> tuple[bytes, bytes]:
        """FIPS 203 algorithm 19."""
        return self.keygen_from_seed(self.draw(64))

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """FIPS 203 algorithm 16."""
        return mlkem.keygen(self.name, [seed], rules=self.rules)[0]

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """FIPS 203 algorithm 20."""
        return self.encapsulate_derand(ek, self.draw(32))

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """FIPS 203 algorithm 17."""
        return mlkem.encapsulate(self.name, [ek], [m], rules=self.rules)[0]

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """FIPS 203 algorithm 21."""
        return mlkem.decapsulate(self.name, [self.decapsulation_key(dk)], [c], rules=self.rules)[0]

    def decapsulation_key(self, dk: bytes) -> bytes:
        """Take an expanded decapsulation key in.

        The reference refuses coefficients of q or more. FIPS 203 section 7.3 does not demand it.
        """
        row = PARAMETER_SETS[self.name]
        if self.rules.dk_hash_checked and len(dk) == row.private_key:
            key = kem_steps.decode_decapsulation_keys([dk])
            t_hat = kem_steps.decode_encapsulation_keys(key.ek).t_hat
            if max(int(key.s_hat.max()), int(t_hat.max())) >= kem_steps.Q:
                raise ValueError("decapsulation key with a coefficient of q or more")
        return dk

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

    source: Callable[[int], bytes] = staticmethod(secrets.token_bytes)

    def __init__(self, name: str, rules: mldsa.Rules | None = None) -> None:
        self.name, self.rules = name, rules or mldsa.rules_for(name)

    def draw(self, length: int) -> bytes:
        """Return ``length`` random bytes; tests give another ``source`` to make a run repeatable."""
        return self.source(length)

    def keygen(self) -> tuple[bytes, bytes]:
        """FIPS 204 algorithm 1."""
        return self.keygen_from_seed(self.draw(32))

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """FIPS 204 algorithm 6."""
        return mldsa.keygen(self.name, [seed], rules=self.rules)[0]

    def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """FIPS 204 algorithm 2, hedged."""
        return self.sign_with_rnd(sk, message, self.draw(32), context)

    def sign_deterministic(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """FIPS 204 algorithm 2, deterministic."""
        return self.sign_with_rnd(sk, message, bytes(32), context)

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """FIPS 204 algorithm 2."""
        return mldsa.sign(self.name, [self.signing_key(sk)], [message], [context], [rnd], rules=self.rules)[0]

    def sign_mu(self, sk: bytes, mu: bytes, rnd: bytes = bytes(32)) -> bytes:
        """FIPS 204 algorithm 7 with mu given."""
        return mldsa.sign_mu(self.name, [self.signing_key(sk)], [mu], [rnd], rules=self.rules)[0]

    def sign_internal(self, sk: bytes, m_prime: bytes, rnd: bytes) -> bytes:
        """FIPS 204 algorithm 7."""
        return mldsa.sign_internal(self.name, [self.signing_key(sk)], [m_prime], [rnd], rules=self.rules)[0]

    def sign_prehash(
        self, sk: bytes, message: bytes, hash_name: str, context: bytes = b"", rnd: bytes = bytes(32)
    ) -> bytes:
        """FIPS 204 algorithm 4."""
        keys = [self.signing_key(sk)]
        return mldsa.sign_prehash(self.name, keys, [message], hash_name, [context], [rnd], rules=self.rules)[0]

    def signing_key(self, sk: bytes) -> bytes:
        """Take a private key in; every signing operation comes here.

        The reference refuses s1 and s2 beyond eta. The standard does not demand it (FIPS 204 algorithm 25).
        """
        p = self.rules.parameters[self.name]
        if len(sk) == PARAMETER_SETS[self.name].private_key:
            keys = decode_private_keys(p, [sk])
            if max(norms(keys.s1)[0], norms(keys.s2)[0]) > p.eta:
                raise ValueError(f"private key with a coefficient beyond {p.eta} (eta)")
        return sk

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """FIPS 204 algorithm 3."""
        return self.judged(
            pk, signature, lambda p, s: mldsa.verify(self.name, [p], [message], [s], [context], rules=self.rules)[0]
        )

    def verify_mu(self, pk: bytes, mu: bytes, signature: bytes) -> bool:
        """FIPS 204 algorithm 8 with mu given."""
        return self.judged(pk, signature, lambda p, s: mldsa.verify_mu(self.name, [p], [mu], [s], rules=self.rules)[0])

    def verify_internal(self, pk: bytes, m_prime: bytes, signature: bytes) -> bool:
        """FIPS 204 algorithm 8."""
        return self.judged(
            pk, signature, lambda p, s: mldsa.verify_internal(self.name, [p], [m_prime], [s], rules=self.rules)[0]
        )

    def verify_prehash(self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b"") -> bool:
        """FIPS 204 algorithm 5."""
        r = self.rules
        return self.judged(
            pk, signature,
            lambda p, s: mldsa.verify_prehash(self.name, [p], [message], [s], hash_name, [context], rules=r)[0],
        )  # fmt: skip

    def judged(self, pk: bytes, signature: bytes, honest: Callable[[bytes, bytes], bool]) -> bool:
        """Answer for a key and a signature; every verification comes here, so that a fault can be planted in all."""
        return honest(pk, signature)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The ``_from_seed`` operations: expand the seed, then sign with the expanded key."""
        if not name.endswith("_from_seed"):
            raise AttributeError(name)
        signer = getattr(self, name.removesuffix("_from_seed"))
        return lambda seed, *rest, **named: signer(self.keygen_from_seed(seed)[1], *rest, **named)


def kem_with(**steps: Any) -> Make:  # noqa: ANN401
    """Return a maker of the KEM with single steps of the standard replaced (``kem_steps.Rules`` names them)."""
    return lambda name: OracleKem(name, replace(mlkem.rules_for(name), **steps))


def dsa_with(**steps: Any) -> Make:  # noqa: ANN401
    """Return a maker of the signature scheme with single steps replaced (``dsa_steps.Rules`` names them)."""
    return lambda name: OracleSignature(name, replace(mldsa.rules_for(name), **steps))


def fit(value: bytes, length: int) -> bytes:
    """Cut or pad a value with zeros to ``length`` bytes, as code does that never looks at a length."""
    return value[:length].ljust(length, b"\0")


class LenientKem(OracleKem):
    """Cuts or pads every input to the length it should have."""

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Fit the key first; then check nothing."""
        rules = mlkem.without_key_checks(self.rules)
        return mlkem.encapsulate(self.name, [fit(ek, self._row.public_key)], [m], rules=rules)[0]

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Fit key and ciphertext first; then check nothing."""
        dk, c, rules = fit(dk, self._row.private_key), fit(c, self._row.output), mlkem.without_key_checks(self.rules)
        return mlkem.decapsulate(self.name, [dk], [c], rules=rules)[0]

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Fit the seed first."""
        return super().keygen_from_seed(fit(seed, self._row.seed))

    @property
    def _row(self) -> ParameterSet:
        return PARAMETER_SETS[self.name]


class RepeatingKem(OracleKem):
    """Has a generator that starts again after 256 draws."""

    drawn = 0

    def draw(self, length: int) -> bytes:
        """Count in one byte."""
        self.drawn += 1
        return hashlib.shake_256(bytes([self.drawn % 256])).digest(length)


class LenientSignature(OracleSignature):
    """Cuts or pads private keys and seeds, and cuts a context to 255 bytes."""

    def signing_key(self, sk: bytes) -> bytes:
        """Fit the key; then check nothing."""
        return fit(sk, PARAMETER_SETS[self.name].private_key)

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Fit the context first."""
        return super().sign_with_rnd(sk, message, rnd, context[:255])

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Fit the seed first."""
        return super().keygen_from_seed(fit(seed, PARAMETER_SETS[self.name].seed))


class TakesAnyPrivateKey(OracleSignature):
    """Signs with whatever coefficients a private key holds."""

    def signing_key(self, sk: bytes) -> bytes:
        """Check nothing."""
        return sk


class MismatchedKeys(OracleSignature):
    """Key generation puts a tr into the private key that is not that of the public key."""

    def keygen(self) -> tuple[bytes, bytes]:
        """Change the first byte of tr (FIPS 204 algorithm 24: behind rho and K)."""
        pk, sk = super().keygen()
        return pk, sk[:64] + bytes([sk[64] ^ 1]) + sk[65:]


class AcceptsAll(OracleSignature):
    """Verification says yes to everything."""

    def judged(self, pk: bytes, signature: bytes, honest: Callable[[bytes, bytes], bool]) -> bool:
        """Compute, and leave the result aside."""
        honest(pk, signature)
        return True


_ML_KEM, _ML_DSA, _KEMS, _SIGNATURES = ("ML-KEM",), ("ML-DSA",), ("ML-KEM", "Kyber"), ("ML-DSA", "Dilithium")
PLANTED: tuple[Mutant, ...] = (
    Mutant(
        what="key generation of the draft, without the byte k in G(d‖k)", bug_class="KA7", algorithms=_ML_KEM,
        imitates="libraries that shipped the 2023 draft as ML-KEM; RustCrypto/KEMs #46 added the byte",
        make=kem_with(seed_domain=lambda _k: b""),
        proves="ml-kem/kat-keygen ml-kem/kat-decapsulate-seed ml-kem/accumulated",
    ),
    Mutant(
        what="compression truncates where it should round", bug_class="KA3", algorithms=_KEMS,
        imitates="the rounding mistake of a formal specification in libcrux (2026), and wolfSSL PR 10430",
        make=kem_with(compress=lambda x, d: (x << d) // kem_steps.Q % (1 << d)),
        proves="ml-kem/kat-encapsulate ml-kem/encapsulate-oracle kyber/kat-encapsulate kyber/kat-decapsulate "
               "kyber/encapsulate-oracle",
    ),
    Mutant(
        what="no re-encryption check", bug_class="KR1", algorithms=_KEMS,
        imitates="the oldest of all: a decapsulation that leaves out the Fujisaki-Okamoto comparison",
        make=kem_with(ciphertext_equal=lambda _c, _again: True),
        proves="ml-kem/implicit-rejection ml-kem/implicit-rejection-seed",
    ),
    Mutant(
        what="no modulus check of encapsulation keys", bug_class="KV1", algorithms=_ML_KEM,
        imitates="liboqs #1951, OpenSSL #25781 and noble-post-quantum (2026, a check that could not fail)",
        make=kem_with(ek_modulus_bound=4096), proves="ml-kem/ek-modulus ml-kem/ek-check",
    ),
    Mutant(
        what="no hash check of decapsulation keys", bug_class="KV3", algorithms=_ML_KEM,
        imitates="BoringSSL before a report by differential fuzzing (2026)", make=kem_with(dk_hash_checked=False),
        proves="ml-kem/dk-hash ml-kem/dk-check",
    ),
    Mutant(
        what="H is SHA-256", bug_class="KA7", algorithms=_KEMS,
        imitates="Kyber's 90s variant", make=kem_with(hash_h=lambda data: hashlib.sha256(data).digest()),
        proves="ml-kem/kat-decapsulate ml-kem/keygen-consistent kyber/kat-keygen kyber/keygen-consistent",
    ),
    Mutant(
        what="inputs of a wrong length are padded or cut", bug_class="KV4", algorithms=_ML_KEM,
        imitates="liboqs-python, which pads short keys and ciphertexts with zeros; ACVP-Server #468 has no such case",
        make=LenientKem,
        proves="ml-kem/ek-length ml-kem/ciphertext-length ml-kem/ciphertext-length-seed ml-kem/dk-length "
               "ml-kem/seed-length",
    ),
    Mutant(
        what="the generator of a KEM repeats after 256 draws", bug_class="E2", algorithms=_KEMS,
        imitates="made up: a one-byte counter", make=RepeatingKem, proves="ml-kem/random-secrets kyber/random-secrets",
    ),
    Mutant(
        what="key generation without the bytes k and l", bug_class="DS10", algorithms=_SIGNATURES,
        imitates="Dilithium round 3.1 shipped as ML-DSA", make=dsa_with(seed_domain=lambda _k, _l: b"\7"),
        proves="ml-dsa/kat-keygen ml-dsa/campaign ml-dsa/accumulated dilithium/kat-keygen",
    ),
    Mutant(
        what="the mask seed takes 31 bytes of K and no rnd", bug_class="DS4", algorithms=_SIGNATURES,
        imitates="Dilithium round 3.1, and mldsa-native #1219, where a client passed zeros unnoticed",
        make=dsa_with(mask_seed=lambda key, _rnd, mu: hash_h(key[:31] + mu)),
        proves="ml-dsa/kat-sign-deterministic ml-dsa/kat-sign-deterministic-seed ml-dsa/kat-sign-rnd "
               "ml-dsa/kat-sign-rnd-seed ml-dsa/kat-sign-internal ml-dsa/kat-sign-internal-seed "
               "ml-dsa/kat-sign-mu ml-dsa/kat-sign-mu-seed dilithium/kat-sign",
    ),
    Mutant(
        what="the challenge uses 32 of its sign bits", bug_class="DS1", algorithms=_SIGNATURES,
        imitates="made up: 64 sign bits kept in a 32-bit word",
        make=dsa_with(sample_in_ball=partial(sample_in_ball, sign_bits=32)),
        proves="ml-dsa/sign-oracle ml-dsa/sign-oracle-seed ml-dsa/sign-mu-oracle ml-dsa/sign-mu-oracle-seed "
               "dilithium/kat-verify dilithium/sign-oracle ml-dsa/campaign dilithium/campaign",
    ),
    Mutant(
        what="verification accepts everything", bug_class="DV12", algorithms=_SIGNATURES,
        imitates="a verifier that looks at lengths only: 100 of 100 valid-only cases of an existing tester pass it",
        make=AcceptsAll,
        proves="ml-dsa/kat-verify ml-dsa/kat-verify-internal ml-dsa/kat-verify-mu ml-dsa/kat-verify-prehash",
    ),
    Mutant(
        what="the context is ignored", bug_class="DS5", algorithms=_ML_DSA,
        imitates="interfaces that take a context and drop it; Wycheproof #235 is about their contexts",
        make=dsa_with(message_prime=lambda message, _context: b"\0\0" + message),
        proves="ml-dsa/kat-verify-context ml-dsa/sign-context ml-dsa/sign-context-seed",
    ),
    Mutant(
        what="HashML-DSA with the domain byte of pure ML-DSA", bug_class="DS7", algorithms=_ML_DSA,
        imitates="implementations from before the final standard, which knew no domain byte (IETF lamps #65)",
        make=dsa_with(prehash_message_prime=partial(prehash_message_prime, domain=0)),
        proves="ml-dsa/kat-sign-prehash ml-dsa/kat-sign-prehash-seed ml-dsa/kat-verify-prehash",
    ),
    Mutant(
        what="private keys, seeds and contexts of a wrong length are padded or cut", bug_class="DS5",
        algorithms=_ML_DSA, imitates="Wycheproof's flag InvalidContext; CIRCL #704 for seeds", make=LenientSignature,
        proves="ml-dsa/context-length ml-dsa/context-length-seed ml-dsa/sk-length ml-dsa/seed-length",
    ),
    Mutant(
        what="a private key with s1 or s2 out of range is used", bug_class="DS8", algorithms=_ML_DSA,
        imitates="liboqs #2517, bc-rust #10 and dilithium-py; the standard leaves the point open",
        make=TakesAnyPrivateKey, proves="ml-dsa/sk-range",
    ),
    Mutant(
        what="tr in the private key is not that of the public key", bug_class="DS12", algorithms=_SIGNATURES,
        imitates="made up: a private key written with the hash of another public key", make=MismatchedKeys,
        proves="ml-dsa/keygen-consistent dilithium/keygen-consistent",
    ),
)  # fmt: skip
"""The faults that the controls use."""
