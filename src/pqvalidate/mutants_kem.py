"""Planted faults of ML-KEM that only crafted inputs show: folded comparisons, edges of rounding, lengths of 16 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.mutants import Make, Mutant, OracleKem, kem_with
from pqvalidate.oracle import mlkem
from pqvalidate.oracle.batches import Ints
from pqvalidate.oracle.kem_steps import Q, compress, decode_decapsulation_keys, decode_encapsulation_keys, multiply
from pqvalidate.suites.validation_round3 import KYBER_ROUND_3

_WORD = 1 << 16


class CountsBadCoefficients(OracleKem):
    """The modulus check counts bad coefficients in one byte, so that 256 of them are none."""

    def check_encapsulation_key(self, ek: bytes) -> bool:
        """Count modulo 256."""
        if len(ek) != PARAMETER_SETS[self.name].public_key:
            return False
        return int((decode_encapsulation_keys([ek]).t_hat >= Q).sum()) % 256 == 0

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Check, then compute without a check."""
        if not self.check_encapsulation_key(ek):
            raise ValueError("encapsulation key out of range")
        return mlkem.encapsulate(self.name, [ek], [m], rules=mlkem.without_key_checks(self.rules))[0]


class FoldsHash(OracleKem):
    """The hash inside a decapsulation key is compared by folding the differences, so that two alike cancel."""

    def check_decapsulation_key(self, dk: bytes) -> bool:
        """Fold with XOR."""
        if len(dk) != PARAMETER_SETS[self.name].private_key:
            return False
        key = decode_decapsulation_keys([dk])
        return folded(self.rules.hash_h(key.ek[0]), key.h[0]) == 0

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Check, then compute without a check."""
        if not self.check_decapsulation_key(dk):
            raise ValueError("decapsulation key with a wrong hash")
        return mlkem.decapsulate(self.name, [dk], [c], rules=mlkem.without_key_checks(self.rules))[0]


def folded(one: bytes, other: bytes) -> int:
    """Return all differences of two byte strings, folded into one byte with XOR."""
    result = 0
    for a, b in zip(one, other, strict=True):
        result ^= a ^ b
    return result


class TakesAnyEncoding(OracleKem):
    """Decapsulation takes keys with coefficients of q or more."""

    def decapsulation_key(self, dk: bytes) -> bytes:
        """Look at nothing."""
        return dk


class LengthsOfOneWord(OracleKem):
    """Lengths are kept in 16 bits, so that 65,536 bytes too many are none."""

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Forget what is beyond a word."""
        return super().encapsulate_derand(self._cut(ek), self._cut(m))

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Forget what is beyond a word."""
        return super().decapsulate(self._cut(dk), self._cut(c))

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Forget what is beyond a word."""
        return super().keygen_from_seed(self._cut(seed))

    def _cut(self, value: bytes) -> bytes:
        return value[: len(value) % _WORD]


def _differ_in(c: bytes, again: bytes) -> int:
    return sum(a != b for a, b in zip(c, again, strict=True))


def _count_is_zero(c: bytes, again: bytes) -> bool:
    return _differ_in(c, again) % 256 == 0


def _sum_is_zero(c: bytes, again: bytes) -> bool:
    return sum(a ^ b for a, b in zip(c, again, strict=True)) % _WORD == 0


def error_where_much_differs(name: str) -> OracleKem:
    """Return an implementation that takes a ciphertext that differs in most of its bytes for an error."""
    rules = mlkem.rules_for(name)

    def rejection_key(z: bytes, c: bytes, again: bytes) -> bytes:
        if _differ_in(c, again) > len(c) // 2:
            raise ValueError("decapsulation failed")
        return rules.rejection_key(z, c, again)

    return OracleKem(name, replace(rules, rejection_key=rejection_key))


def remembers_by_beginning(name: str) -> OracleKem:
    """Return an implementation that remembers rejection keys by the first 32 bytes of the ciphertext."""
    known: dict[bytes, bytes] = {}
    rules = mlkem.rules_for(name)

    def rejection_key(z: bytes, c: bytes, again: bytes) -> bytes:
        return known.setdefault(z + c[:32], rules.rejection_key(z, c, again))

    return OracleKem(name, replace(rules, rejection_key=rejection_key))


def _decodes_wrongly(value: int) -> Make:
    """Return a maker of an implementation that decodes one value of w to the other bit."""

    def wrong(x: Ints, d: int) -> Ints:
        bits = compress(x, d)
        return np.where((x == value) & (d == 1), 1 - bits, bits)

    return kem_with(compress=wrong)


def _largest_product_wrong(f: Ints, g: Ints) -> Ints:
    """Multiply rightly, but lose 2^16 of 3328 times 3328 in the coefficients of odd number."""
    product = multiply(f, g)
    top = Q - 1
    lost = ((f[..., 0::2] == top) & (g[..., 1::2] == top)) | ((f[..., 1::2] == top) & (g[..., 0::2] == top))
    product[..., 1::2] = (product[..., 1::2] - lost * (_WORD % Q)) % Q
    return product


def _row(what: str, bug_class: str, imitates: str, make: Make, *proves: str) -> Mutant:
    old = [f"kyber/{name}" for name in proves if name in KYBER_ROUND_3]
    return Mutant(
        what=what, bug_class=bug_class, imitates=imitates, make=make,
        algorithms=("ML-KEM", "Kyber") if old else ("ML-KEM",),
        proves=" ".join([*(f"ml-kem/{name}" for name in proves), *old]),
    )  # fmt: skip


PLANTED: tuple[Mutant, ...] = (
    _row("bad coefficients are counted in one byte, so that 256 are none", "KV1",
         "noble-post-quantum (2026), whose modulus check could not fail; CCTV changes one coefficient at a time",
         CountsBadCoefficients, "ek-coefficient", "ek-coefficient-check"),
    _row("H(ek) is compared by folding differences, so that two alike cancel", "KV3",
         "BoringSSL's missing check (2026), mended badly", FoldsHash, "dk-hash-bits", "dk-hash-bits-check"),
    _row("decapsulation keys with coefficients of q or more are taken", "KV5",
         "liboqs #2517 and CIRCL (2026); the standard leaves the point open", TakesAnyEncoding, "dk-encoding"),
    _row("lengths are kept in 16 bits, so that 65,536 bytes too many are none", "KV4",
         "made up: a length in a word that is too short; ACVP-Server #468 has no wrong length at all", LengthsOfOneWord,
         "lengths-ek", "lengths-dk", "lengths-ciphertext", "lengths-ciphertext-seed", "lengths-seed", "lengths-m"),
    _row("differing bytes of the ciphertext are counted in one byte, so that 256 are none", "KR2",
         "made up: a counter of differences that is too short", kem_with(ciphertext_equal=_count_is_zero),
         "rejection-regions", "rejection-regions-seed"),
    _row("differences of the ciphertext are added up in 16 bits", "KR2",
         "made up: a sum of differences that is too short", kem_with(ciphertext_equal=_sum_is_zero),
         "rejection-silent"),
    _row("a ciphertext of another key is an error, a slightly changed one is not", "KR5", "SymCrypt #57",
         error_where_much_differs, "rejection-foreign"),
    _row("rejection keys are remembered by the first 32 bytes of the ciphertext", "E7",
         "made up: a cache with too short a key", remembers_by_beginning, "rejection-stable", "rejection-stable-seed"),
    _row("message decoding boundary off by one: 2496 decodes to 0", "KA3",
         "Wycheproof #235, at the other edge", _decodes_wrongly(2496), "decrypt-boundaries"),
    _row("message decoding wrong for one value, 1109, far from the edges", "KA3",
         "made up: a reciprocal that is too short for one value", _decodes_wrongly(1109), "decrypt-sweep"),
    _row("the largest product, 3328 times 3328, loses 2^16 in odd places", "KA8",
         "wolfSSL #8467, where a reduction was missing", kem_with(multiply=_largest_product_wrong),
         "encapsulate-extremes", "decapsulate-extremes"),
)  # fmt: skip
"""The faults that the controls use for the crafted checks of ML-KEM and Kyber."""
