"""Planted faults of state and randomness: what an implementation remembers, shares or draws badly."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from pqvalidate.mutants import Make, Mutant, OracleKem, OracleSignature, dsa_with, kem_with
from pqvalidate.oracle.kem_steps import hash_j


def _counting(base: type[Any], period: int) -> Make:
    """Return an implementation whose generator repeats after ``period`` draws of each length."""

    class Repeating(base):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self._key, self._count = secrets.token_bytes(16), 0

        def draw(self, length: int) -> bytes:
            self._count += 1
            return hashlib.shake_256(self._key + bytes([self._count % period])).digest(length)

    return Repeating


class CountedSecrets(OracleKem):
    """m is a counter."""

    def __init__(self, name: str) -> None:
        """Start at a random place."""
        super().__init__(name)
        self._next = secrets.randbits(200)

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """Encapsulate the next number."""
        self._next += 1
        return self.encapsulate_derand(ek, self._next.to_bytes(32, "little"))


class OneDraw(OracleKem):
    """Key generation draws 32 bytes once: z equals d."""

    def keygen(self) -> tuple[bytes, bytes]:
        """Use the same 32 bytes twice."""
        return self.keygen_from_seed(self.draw(32) * 2)


def _same_start(base: type[Any]) -> Make:
    """Return an implementation whose generator has the same seed in every process."""

    class SameStart(base):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self._count = 0

        def draw(self, length: int) -> bytes:
            self._count += 1
            return hashlib.shake_256(b"seed of the build" + self._count.to_bytes(8, "little")).digest(length)

    return SameStart


def _zeros_on_failure(base: type[Any]) -> Make:
    """Return an implementation that goes on with zeros when the kernel gives no randomness."""

    class ZerosOnFailure(base):  # type: ignore[misc]
        def draw(self, length: int) -> bytes:
            try:
                return bytes(super().draw(length))
            except OSError:
                return bytes(length)

    return ZerosOnFailure


class RemembersSecret(OracleKem):
    """Decapsulation remembers the last secret of each key and ignores the ciphertext."""

    def __init__(self, name: str) -> None:
        """Remember nothing yet."""
        super().__init__(name)
        self._secrets: dict[bytes, bytes] = {}

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Answer from memory."""
        if dk not in self._secrets:
            self._secrets[dk] = super().decapsulate(dk, c)
        return self._secrets[dk]


class RemembersAccepted(OracleSignature):
    """Verification remembers the pairs of key and signature that it has accepted, and no message."""

    def __init__(self, name: str) -> None:
        """Remember nothing yet."""
        super().__init__(name)
        self._accepted: set[tuple[bytes, bytes]] = set()

    def judged(self, pk: bytes, signature: bytes, honest: Callable[[bytes, bytes], bool]) -> bool:
        """Accept what was accepted before."""
        if (pk, signature) in self._accepted or honest(pk, signature):
            self._accepted.add((pk, signature))
            return True
        return False


class OneSecretBuffer(OracleKem):
    """Shared secrets are returned in a buffer that the next call overwrites."""

    def __init__(self, name: str) -> None:
        """Make the buffer."""
        super().__init__(name)
        self._buffer = bytearray(32)

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Write into the buffer."""
        self._buffer[:] = super().decapsulate(dk, c)
        return self._buffer  # type: ignore[return-value]

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Write into the buffer."""
        self._buffer[:], c = super().encapsulate_derand(ek, m)
        return self._buffer, c  # type: ignore[return-value]


class OneSignatureBuffer(OracleSignature):
    """Signatures are returned in a buffer that the next call overwrites."""

    def __init__(self, name: str) -> None:
        """Make the buffer."""
        super().__init__(name)
        self._buffer = bytearray()

    def sign_deterministic(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Write into the buffer."""
        self._buffer[:] = super().sign_deterministic(sk, message, context)
        return self._buffer  # type: ignore[return-value]

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Write into the buffer."""
        pk, sk = super().keygen_from_seed(seed)
        self._buffer[:] = pk
        return self._buffer, sk  # type: ignore[return-value]


class BytesOnlySecret(OracleKem):
    """A ciphertext that is not of type bytes is taken for zeros."""

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Look at the type first."""
        return super().decapsulate(bytes(dk), c if type(c) is bytes else bytes(len(c)))


class BytesOnlyMessage(OracleSignature):
    """A message that is not of type bytes is taken for the empty one."""

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Look at the type first."""
        message = message if type(message) is bytes else b""
        return super().sign_with_rnd(bytes(sk), message, rnd, bytes(context))

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Look at the type first."""
        message = message if type(message) is bytes else b""
        return super().verify(bytes(pk), message, bytes(signature), bytes(context))


def _racing(base: type[Any]) -> Make:
    """Return an implementation that keeps the seed of a key generation where another thread can change it."""

    class Racing(base):  # type: ignore[misc]
        def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
            self._seed = seed
            time.sleep(0.005)
            return super().keygen_from_seed(self._seed)  # type: ignore[no-any-return]

    return Racing


def _own_generator(base: type[Any]) -> Make:
    """Return an implementation with a generator in its own memory, which a fork copies."""

    class OwnGenerator(base):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self._state = secrets.token_bytes(32)

        def draw(self, length: int) -> bytes:
            self._state = hashlib.sha256(self._state).digest()
            return hashlib.shake_256(self._state).digest(length)

    return OwnGenerator


class Deterministic(OracleSignature):
    """Signing that is called hedged uses rnd = 0."""

    def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Sign without randomness."""
        return self.sign_deterministic(sk, message, context)


kem_copied = _own_generator(OracleKem)
signature_copied = _own_generator(OracleSignature)
kem_zeros = _zeros_on_failure(OracleKem)
signature_zeros = _zeros_on_failure(OracleSignature)
_KEMS, _SIGNATURES = ("ML-KEM", "Kyber"), ("ML-DSA", "Dilithium")


def _proves(*names: str, families: tuple[str, ...]) -> str:
    return " ".join(f"{family.lower()}/{name}" for family in families for name in names)


PLANTED: tuple[Mutant, ...] = (
    Mutant(
        what="a KEM keeps a seed where another thread can change it", bug_class="E7", algorithms=_KEMS,
        make=_racing(OracleKem), imitates="dilithium-py 1.5.1, whose hash state is shared by all threads",
        proves=_proves("threads", families=_KEMS),
    ),
    Mutant(
        what="a signer keeps a seed where another thread can change it", bug_class="E7", algorithms=_SIGNATURES,
        make=_racing(OracleSignature), imitates="dilithium-py 1.5.1, whose hash state is shared by all threads",
        proves=_proves("threads", families=_SIGNATURES),
    ),
    Mutant(
        what="a KEM has a generator in its own memory, which a fork copies", bug_class="E2", algorithms=_KEMS,
        make=kem_copied, target=f"{__name__}:kem_copied", imitates="ml-kem-rs 0.2.1",
        proves=_proves("random-forks", families=_KEMS),
    ),
    Mutant(
        what="a signer has a generator in its own memory, which a fork copies", bug_class="E2", algorithms=_SIGNATURES,
        make=signature_copied, target=f"{__name__}:signature_copied", imitates="ml-kem-rs 0.2.1",
        proves=_proves("random-forks", families=_SIGNATURES),
    ),
    Mutant(
        what="signing that is called hedged uses rnd = 0", bug_class="DS4", algorithms=("ML-DSA",), make=Deterministic,
        imitates="mldsa-native #1219, where a client passed zeros unnoticed",
        proves="ml-dsa/hedging ml-dsa/hedging-seed",
    ),
    Mutant(
        what="m is a counter", bug_class="E2", algorithms=("ML-KEM",), make=CountedSecrets,
        imitates="a test generator left in; m = 0 passes 100 of 100 cases of an existing tester",
        proves="ml-kem/random-secrets",  # Kyber hashes m before its use, so there nothing shows
    ),
    Mutant(
        what="key generation draws once: z equals d", bug_class="E2", algorithms=_KEMS, make=OneDraw,
        imitates="made up: one 32-byte draw used for both halves of the seed",
        proves=_proves("random-keys", families=_KEMS),
    ),
    Mutant(
        what="the generator of a KEM starts from the same seed in every process", bug_class="E2", algorithms=_KEMS,
        make=_same_start(OracleKem), imitates="embedded generators without an entropy source",
        proves=_proves("random-processes", families=_KEMS),
    ),
    Mutant(
        what="a KEM goes on with zeros when the kernel gives no randomness", bug_class="E1", algorithms=_KEMS,
        make=kem_zeros, target=f"{__name__}:kem_zeros",
        imitates="ignored return values; mlkem-native tests that each is heeded",
        proves=_proves("random-failure", families=_KEMS),
    ),
    Mutant(
        what="the rejection key is J(z), the same for all ciphertexts", bug_class="KR4", algorithms=_KEMS,
        make=kem_with(rejection_key=lambda z, _c, _again: hash_j(z)),
        imitates="KATs without a rejection case (Caliptra #3713)", proves=_proves("campaign", families=_KEMS),
    ),
    Mutant(
        what="decapsulation remembers the last secret of each key", bug_class="E7", algorithms=_KEMS,
        make=RemembersSecret, imitates="made up: a cache whose key lacks the ciphertext",
        proves=_proves("order", "sequences", families=_KEMS),
    ),
    Mutant(
        what="shared secrets are returned in a buffer that the next call overwrites", bug_class="E7", algorithms=_KEMS,
        make=OneSecretBuffer, imitates="made up: a static buffer", proves=_proves("kept-results", families=_KEMS),
    ),
    Mutant(
        what="a ciphertext that is no bytes object is taken for zeros", bug_class="E5", algorithms=_KEMS,
        make=BytesOnlySecret, imitates="liboqs-python, whose create_string_buffer turns an int into zeros",
        proves=_proves("buffers", families=_KEMS),
    ),
    Mutant(
        what="the generator of a signer repeats after 32 draws", bug_class="E2", algorithms=_SIGNATURES,
        make=_counting(OracleSignature, 32), imitates="made up: a counter of five bits",
        proves=_proves("random-keys", families=_SIGNATURES) + " ml-dsa/random-signatures ml-dsa/random-signatures-seed",
    ),
    Mutant(
        what="the generator of a signer starts from the same seed in every process", bug_class="E2",
        algorithms=_SIGNATURES, make=_same_start(OracleSignature),
        imitates="embedded generators without an entropy source",
        proves=_proves("random-processes", families=_SIGNATURES),
    ),
    Mutant(
        what="a signer goes on with zeros when the kernel gives no randomness", bug_class="E1", algorithms=_SIGNATURES,
        make=signature_zeros, target=f"{__name__}:signature_zeros", imitates="ignored return values",
        proves=_proves("random-failure", families=_SIGNATURES),
    ),
    Mutant(
        what="kappa advances by 1, so masks are used again between attempts", bug_class="DS1", algorithms=_SIGNATURES,
        make=dsa_with(mask_nonces=lambda attempt, l: range(attempt, attempt + l)),  # noqa: E741
        imitates="Bernstein 2026-06: masks that repeat give the private key away",
        proves=_proves("campaign", families=_SIGNATURES),
    ),
    Mutant(
        what="verification remembers what it has accepted, without the message", bug_class="E7",
        algorithms=_SIGNATURES, make=RemembersAccepted, imitates="made up: a cache whose key lacks the message",
        proves=_proves("order", "sequences", families=_SIGNATURES),
    ),
    Mutant(
        what="keys and signatures are returned in a buffer that the next call overwrites", bug_class="E7",
        algorithms=_SIGNATURES, make=OneSignatureBuffer, imitates="made up: a static buffer",
        proves=_proves("kept-results", families=_SIGNATURES),
    ),
    Mutant(
        what="a message that is no bytes object is taken for the empty one", bug_class="E5", algorithms=_SIGNATURES,
        make=BytesOnlyMessage, imitates="made up: a type test with a silent default",
        proves=_proves("buffers", families=_SIGNATURES),
    ),
)  # fmt: skip
"""The faults that the controls use for the suites property, state and randomness."""
