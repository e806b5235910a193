"""Planted faults of ML-KEM and Kyber, beside those that the controls use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, reduce

import numpy as np

from pqvalidate.algorithms import ML_KEM, PARAMETER_SETS
from pqvalidate.mutants import Make, Mutant, OracleKem, OracleSignature, kem_with
from pqvalidate.oracle import mlkem
from pqvalidate.oracle.batches import Ints
from pqvalidate.oracle.kem_steps import PARAMETERS, RING, Q, compress, hash_j
from pqvalidate.oracle.ring import N
from pqvalidate.oracle.sampling import Stream, sample_matrix, sample_ntt

_FINAL, _BOTH = ("ML-KEM",), ("ML-KEM", "Kyber")


def _message_boundary_off_by_one(x: Ints, d: int) -> Ints:
    return np.where((x == 833) & (d == 1), 0, compress(x, d))


def _short_reciprocal(x: Ints, d: int) -> Ints:
    rounded: Ints = (((x << d) + Q // 2) * 80635 >> 28) & ((1 << d) - 1)
    return rounded


_GAMMAS = np.array([sign * zeta % Q for zeta in RING.zetas[64:] for sign in (1, -1)], dtype=np.int64)


def _overflowing(f: Ints, g: Ints) -> Ints:
    """Multiply as the standard does, but lose 2^16 of the largest possible product."""

    def product(a: Ints, b: Ints) -> Ints:
        return RING.reduced(a * b - ((a == Q - 1) & (b == Q - 1)) * 65536)

    f0, f1, g0, g1 = f[..., 0::2], f[..., 1::2], g[..., 0::2], g[..., 1::2]
    result = np.empty(np.broadcast_shapes(f.shape, g.shape), dtype=np.int64)
    result[..., 0::2] = product(f0, g0) + product(f1, g1) * _GAMMAS
    result[..., 1::2] = product(f0, g1) + product(f1, g0)
    return RING.reduced(result)


class Restarting:
    """A stream whose reader refills its buffer from the beginning."""

    def __init__(self, stream: Stream, length: int) -> None:
        self._block = stream.digest(length)

    def digest(self, length: int, /) -> bytes:
        return (self._block * (length // len(self._block) + 1))[:length]


def _matrix_from_short_buffer(rhos: Sequence[bytes], k: int) -> Ints:
    seeds = [rho + bytes([j, i]) for rho in rhos for i in range(k) for j in range(k)]
    return sample_ntt([Restarting(hashlib.shake_128(seed), 504) for seed in seeds]).reshape(-1, k, k, N)


def _caching_matrices(name: str) -> OracleKem:
    cache: dict[int, Ints] = {}

    def expand(rhos: Sequence[bytes], k: int) -> Ints:
        return np.array([cache.setdefault(rho[0], sample_matrix([rho], k)[0]) for rho in rhos])

    return OracleKem(name, replace(mlkem.rules_for(name), expand_matrix=expand))


def _differences_folded(c: bytes, again: bytes) -> bool:
    return reduce(lambda folded, pair: folded ^ pair[0] ^ pair[1], zip(c, again, strict=True), 0) == 0


def _up_to_zero_byte(c: bytes, again: bytes) -> bool:
    return c.partition(b"\0")[0] == again.partition(b"\0")[0]


def _without_last_of_c1(name: str) -> OracleKem | OracleSignature:
    p = PARAMETERS[name]
    last = 32 * p.du * p.k - 1
    return _comparing(lambda c: c[:last] + c[last + 1 :])(name)


def _comparing(part: Callable[[bytes], bytes]) -> Make:
    return kem_with(ciphertext_equal=lambda c, again: part(c) == part(again))


def _refuse(_z: bytes, _c: bytes, _again: bytes) -> bytes:
    raise ValueError("decapsulation failed")


class _CutsKeys(OracleKem):
    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        return super().encapsulate_derand(ek[: PARAMETER_SETS[self.name].public_key], m)


class _CutsDecapsulationKeys(OracleKem):
    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        return super().decapsulate(dk[: PARAMETER_SETS[self.name].private_key], c)


class _PadsCiphertexts(OracleKem):
    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        return super().decapsulate(dk, c.ljust(PARAMETER_SETS[self.name].output, b"\0"))


class _CutsCiphertexts(OracleKem):
    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        return super().decapsulate(dk, c[: PARAMETER_SETS[self.name].output])


class _BreaksOnShortCiphertexts(OracleKem):
    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        if len(c) != PARAMETER_SETS[self.name].output:
            raise IndexError("index out of range")
        return super().decapsulate(dk, c)


class _BreaksOnSeeds(OracleKem):
    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        if len(seed) != PARAMETER_SETS[self.name].seed:
            raise AssertionError("seed length")
        return super().keygen_from_seed(seed)


class _TakesKeysOfOtherSets(OracleKem):
    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        name = next((name for name in ML_KEM if PARAMETER_SETS[name].public_key == len(ek)), self.name)
        return mlkem.encapsulate(name, [ek], [m])[0]


class _ChecksFirstPolynomial(OracleKem):
    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        if len(ek) == PARAMETER_SETS[self.name].public_key and not self.check_encapsulation_key(ek):
            raise ValueError("coefficient out of range")
        return mlkem.encapsulate(self.name, [ek], [m], rules=mlkem.without_key_checks(self.rules))[0]

    def check_encapsulation_key(self, ek: bytes) -> bool:
        return super().check_encapsulation_key(ek[:384] + bytes(max(0, len(ek) - 384)))


class _StripsZeros(OracleKem):
    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        secret, c = super().encapsulate_derand(ek, m)
        return secret.lstrip(b"\0"), c

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        return super().decapsulate(dk, c).lstrip(b"\0")


class _ConstantMessage(OracleKem):
    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        return self.encapsulate_derand(ek, bytes(32))


def _row(
    what: str, bug_class: str, imitates: str, make: Make, algorithms: tuple[str, ...] = _FINAL,
    sets: tuple[str, ...] = (),
) -> Mutant:  # fmt: skip
    return Mutant(what=what, bug_class=bug_class, imitates=imitates, make=make, algorithms=algorithms, sets=sets)


_ARITHMETIC = (
    _row("message decoding boundary off by one: 833 decodes to 0", "KA3",
         "Wycheproof #235: a RustCrypto mutant of this kind escapes all published vectors",
         kem_with(compress=_message_boundary_off_by_one), _BOTH),
    _row("compression by a reciprocal that is too short", "KA3",
         "divisions replaced by multiplications after KyberSlash", kem_with(compress=_short_reciprocal), _BOTH),
    _row("16-bit overflow in the product of 3328 and 3328", "KA8",
         "wolfSSL #8467, where the inverse transform lacked a reduction", kem_with(multiply=_overflowing), _BOTH),
    _row("one constant of the transform is wrong in both directions", "KA4", "provenance notes of Crucible's tests",
         kem_with(ring=replace(RING, zetas=(*RING.zetas[:77], RING.zetas[77] + 1, *RING.zetas[78:]))), _BOTH),
    _row("matrix sampling accepts q", "KA2", "CCTV's reason for its accumulated digests",
         kem_with(expand_matrix=partial(sample_matrix, bound=Q + 1)), _BOTH),
    _row("matrix sampling reads 504 bytes, then starts the buffer again", "KA1",
         "CCTV's unlucky samples: buffers of a fixed size", kem_with(expand_matrix=_matrix_from_short_buffer), _BOTH),
    _row("secrets are sampled with eta1 = 2", "KA7", "round 2 of Kyber, and code that takes one eta for all sets",
         kem_with(parameters={"ML-KEM-512": replace(PARAMETERS["ML-KEM-512"], eta1=2)}), sets=("ML-KEM-512",)),
    _row("e2 repeats the noise of the last polynomial of e1", "KA2", "made up: a nonce that is not advanced",
         kem_with(noise_nonces=lambda k: [*range(2 * k), 2 * k - 1]), _BOTH),
)  # fmt: skip
_INPUTS = (
    _row("modulus check off by one: 3329 is accepted", "KV1", "CCTV's modulus files: every value at every position",
         kem_with(ek_modulus_bound=Q + 1)),
    _row("modulus check looks at the first polynomial only", "KV1", "AWS-LC #2891 and other notes on partial checks",
         _ChecksFirstPolynomial),
    _row("encapsulation key: trailing bytes are accepted", "KV4", "ACVP-Server #472: no published case shows it",
         _CutsKeys),
    _row("encapsulation key of another parameter set is accepted", "KV6",
         "made up: code chosen by the length of the key", _TakesKeysOfOtherSets),
    _row("decapsulation key: trailing bytes are accepted", "KV4", "ACVP-Server #468: all published lengths are right",
         _CutsDecapsulationKeys),
    _row("ciphertext: a short one is padded with zeros", "KR6", "liboqs-python", _PadsCiphertexts),
    _row("ciphertext: trailing bytes are accepted", "KR6", "made up: lengths compared with < instead of !=",
         _CutsCiphertexts),
    _row("a ciphertext of the wrong length breaks the code", "E6", "testers seen to die or hang on such an answer",
         _BreaksOnShortCiphertexts),
    _row("a seed of the wrong length breaks the code", "KV7", "CIRCL #704: DeriveKeyPair panics", _BreaksOnSeeds),
)  # fmt: skip
_REJECTION = (
    _row("explicit rejection: a bad ciphertext is an error", "KR5", "SymCrypt #57",
         kem_with(rejection_key=_refuse), _BOTH),
    _row("rejection key over the re-encrypted ciphertext", "KR4", "Caliptra #3775",
         kem_with(rejection_key=lambda z, _c, again: hash_j(z + again)), _BOTH),
    _row("rejection key is all zeros", "KR4", "made up: an output buffer that nobody fills",
         kem_with(rejection_key=lambda _z, _c, _again: bytes(32)), _BOTH),
    _row("rejection key is J(c‖z)", "KR4", "made up: two inputs in the wrong order",
         kem_with(rejection_key=lambda z, c, _again: hash_j(c + z)), _BOTH),
    _row("last 32 bytes of the ciphertext are not compared", "KR2",
         "CVE-2026-10097: wolfSSL with AVX2 compares 1536 of 1568 bytes", _comparing(lambda c: c[:-32]),
         sets=("ML-KEM-1024",)),
    _row("second half of the ciphertext is not compared", "KR2", "CVE-2026-6330: wolfSSL with NEON",
         _comparing(lambda c: c[: len(c) // 2])),
    _row("last byte of c1 is not compared", "KR2", "Wycheproof PR 254: one region at a time", _without_last_of_c1),
    _row("comparison stops at a zero byte", "KR3", "CCTV strcmp", kem_with(ciphertext_equal=_up_to_zero_byte), _BOTH),
    _row("differences folded with XOR: two equal ones cancel", "KR2", "made up: an accumulator with ^= instead of |=",
         kem_with(ciphertext_equal=_differences_folded), _BOTH),
)  # fmt: skip
_STATE_AND_RANDOMNESS = (
    _row("leading zero bytes of the shared secret are stripped", "KA8", "big-integer conversions, as in old DH code",
         _StripsZeros, _BOTH),
    _row("m is always zero", "E2", "a planted bug that passes 100 of 100 round trips of an existing tester",
         _ConstantMessage),
    _row("matrix cache keyed by the first byte of rho", "E7", "made up: a cache with too short a key",
         _caching_matrices),
)  # fmt: skip

KEM_MUTANTS: tuple[Mutant, ...] = (*_ARITHMETIC, *_INPUTS, *_REJECTION, *_STATE_AND_RANDOMNESS)
