"""Planted faults of ML-KEM that crafted inputs show: partial comparisons, edges of decoding, checks that look away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.mutants import Make, Mutant, OracleKem, kem_with
from pqvalidate.oracle import kem_steps, mlkem
from pqvalidate.oracle.batches import Ints
from pqvalidate.oracle.kem_steps import PARAMETERS, Q, compress, decode_decapsulation_keys, hash_j


@dataclass(frozen=True, slots=True)
class Planted:
    """A mutant, and the check that is meant to notice it."""

    mutant: Mutant
    check: str


def _equal(compare: Callable[[bytes, bytes], bool]) -> Make:
    return kem_with(ciphertext_equal=compare)


def _seen(part: Callable[[bytes], object]) -> Make:
    return _equal(lambda c, again: part(c) == part(again))


def _folded_words(width: int) -> Callable[[bytes, bytes], bool]:
    def equal(c: bytes, again: bytes) -> bool:
        difference = np.frombuffer(c, dtype=np.uint8) ^ np.frombuffer(again, dtype=np.uint8)
        return not np.bitwise_xor.reduce(difference.reshape(-1, width), axis=0).any()

    return equal


def _without_block(number: int) -> Callable[[bytes], bytes]:
    return lambda c: c[: 32 * number] + c[32 * (number + 1) :]


def _decoding(value: int) -> Make:
    def wrong(x: Ints, d: int) -> Ints:
        bits = compress(x, d)
        return np.where((x == value) & (d == 1), 1 - bits, bits)

    return kem_with(compress=wrong)


class _ChecksSome(OracleKem):
    """Looks for bad coefficients at the places of a mask only."""

    @staticmethod
    def places(size: int) -> slice:
        return slice(0, size, 2)

    def check_encapsulation_key(self, ek: bytes) -> bool:
        if len(ek) != PARAMETER_SETS[self.name].public_key:
            return False
        t_hat = kem_steps.decode_encapsulation_keys([ek]).t_hat.reshape(-1)
        return bool((t_hat[self.places(t_hat.size)] < Q).all())

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        if not self.check_encapsulation_key(ek):
            raise ValueError("encapsulation key out of range")
        return mlkem.encapsulate(self.name, [ek], [m], rules=mlkem.without_key_checks(self.rules))[0]


class _ChecksAllButLast(_ChecksSome):
    @staticmethod
    def places(size: int) -> slice:
        return slice(0, size - 1)


class _HalfOfHash(OracleKem):
    def check_decapsulation_key(self, dk: bytes) -> bool:
        if len(dk) != PARAMETER_SETS[self.name].private_key:
            return False
        key = decode_decapsulation_keys([dk])
        return self.rules.hash_h(key.ek[0])[:31] == key.h[0][:31]

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        if not self.check_decapsulation_key(dk):
            raise ValueError("decapsulation key with a wrong hash")
        return mlkem.decapsulate(self.name, [dk], [c], rules=mlkem.without_key_checks(self.rules))[0]


class _StaysOffended(OracleKem):
    """After a rejected ciphertext the next good one is rejected, too."""

    offended = False

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        secret, rejected = super().decapsulate(dk, c), hash_j(dk[-32:] + c)
        if self.offended and secret != rejected:
            self.offended = False
            return rejected
        self.offended = secret == rejected
        return secret


class _LengthsOfOneByte(OracleKem):
    """Keeps lengths in one byte: what is 256 bytes too long is cut."""

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        return super().decapsulate(dk, self._cut(c, PARAMETER_SETS[self.name].output))

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        return super().keygen_from_seed(self._cut(seed, 64))

    @staticmethod
    def _cut(value: bytes, right: int) -> bytes:
        return value[:right] if len(value) > right and (len(value) - right) % 256 == 0 else value


class _StripsZ(OracleKem):
    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        rules = replace(self.rules, rejection_key=lambda z, sent, _again: hash_j(z.lstrip(b"\0") + sent))
        return mlkem.decapsulate(self.name, [dk], [c], rules=rules)[0]


def _refuses_without_c1_alike(z: bytes, c: bytes, again: bytes) -> bytes:
    if c[:32] != again[:32] and c[-32:] != again[-32:]:
        raise ValueError("decapsulation failed")
    return hash_j(z + c)


def _part_of(name: str, part: Callable[[bytes, int], bytes]) -> OracleKem:
    p = PARAMETERS[name]
    end = 32 * p.du * p.k

    def equal(c: bytes, again: bytes) -> bool:
        return part(c, end) == part(again, end)

    return OracleKem(name, replace(mlkem.rules_for(name), ciphertext_equal=equal))


def _row(what: str, bug_class: str, imitates: str, make: Make, check: str) -> Planted:
    mutant = Mutant(what=what, bug_class=bug_class, imitates=imitates, make=make, algorithms=("ML-KEM",))
    return Planted(mutant, f"ml-kem/{check}")


def _blocks() -> Iterator[Planted]:
    for number in (0, 7, 15, 23):
        yield _row(f"block {number} of 32 bytes of the ciphertext is not compared", "KR2",
                   "CVE-2026-10097 and CVE-2026-6330: vector code that leaves registers out",
                   _seen(_without_block(number)), "rejection-regions")  # fmt: skip


_REGIONS, _SILENT = "rejection-regions", "rejection-silent"
FAULTS: tuple[Planted, ...] = (
    *_blocks(),
    *(
        _row(f"differences of the ciphertext are folded into {8 * width} bits", "KR2",
             "made up: an accumulator with ^= instead of |=", _equal(_folded_words(width)), _REGIONS)
        for width in (1, 4, 8, 32)
    ),
    _row("the sums of both ciphertexts are compared", "KR2", "made up: a checksum in place of a comparison",
         _seen(sum), _REGIONS),
    _row("differences of the ciphertext are added up in one byte", "KR2", "made up: a sum that is too short",
         _equal(lambda c, again: sum(a ^ b for a, b in zip(c, again, strict=True)) % 256 == 0), _REGIONS),
    _row("c2 is not compared", "KR2", "made up: c1 alone re-encrypted",
         lambda name: _part_of(name, lambda c, end: c[:end]), _REGIONS),
    _row("c1 is not compared", "KR2", "made up: c2 alone re-encrypted",
         lambda name: _part_of(name, lambda c, end: c[end:]), _REGIONS),
    _row("the first byte of c2 is not compared", "KR2", "Wycheproof PR 254: one region at a time",
         lambda name: _part_of(name, lambda c, end: c[:end] + c[end + 1 :]), _REGIONS),
    _row("every other byte of the ciphertext is compared", "KR2", "made up: a stride of 2",
         _seen(lambda c: c[::2]), _REGIONS),
    _row("comparison looks at the lower seven bits", "KR2", "made up: bytes taken for ASCII",
         _seen(lambda c: bytes(byte & 0x7F for byte in c)), _SILENT),
    _row("comparison ignores the case of letters", "KR2", "made up: strcasecmp in place of memcmp",
         _seen(lambda c: c.lower()), _SILENT),
    _row("comparison looks at the bytes in order of size", "KR2", "made up: bytes compared as a set of counts",
         _seen(sorted), _SILENT),
    _row("comparison up to the first zero byte of the re-encrypted ciphertext", "KR3", "CCTV strcmp",
         _equal(lambda c, again: c.startswith(again.partition(b"\0")[0] + b"\0") or c == again), _REGIONS),
    _row("leading zero bytes of z are stripped", "KA8", "big-integer conversions, as in old DH code", _StripsZ,
         "rejection-stable"),
    _row("a good ciphertext after a bad one is rejected", "E7", "made up: a flag that is not reset", _StaysOffended,
         "rejection-stable"),
    _row("an error where both ends of the ciphertext differ", "KR5", "SymCrypt #57",
         kem_with(rejection_key=_refuses_without_c1_alike), "rejection-foreign"),
    _row("modulus check looks at every other coefficient", "KV1", "made up: a stride of 2", _ChecksSome,
         "ek-coefficient"),
    _row("modulus check leaves out the last coefficient", "KV1", "CCTV modulus: every place", _ChecksAllButLast,
         "ek-coefficient"),
    _row("encapsulation keys with a coefficient of 3328 are refused", "KV1", "made up: < q - 1 in place of < q",
         kem_with(ek_modulus_bound=Q - 1), "ek-coefficient"),
    _row("the last byte of H(ek) is not compared", "KV3", "made up: 31 of 32 bytes", _HalfOfHash, "dk-hash-bits"),
    _row("lengths are kept in one byte", "KV4", "made up: a length in a byte that is too short", _LengthsOfOneByte,
         "lengths-ciphertext"),
    *(
        _row(f"message decoding boundary off by one: {value} decodes to {bit}", "KA3", "Wycheproof #235",
             _decoding(value), "decrypt-boundaries")
        for value, bit in ((832, 1), (2497, 1))
    ),
    *(
        _row(f"message decoding wrong for {value}", "KA3", "made up: a reciprocal that is too short for one value",
             _decoding(value), "decrypt-sweep")
        for value in (700, 2100, 2700)
    ),
)  # fmt: skip
"""Faults beside those of the controls, each with the check that must notice it at depth standard."""

KEM_VALIDATION_MUTANTS: tuple[Mutant, ...] = tuple(planted.mutant for planted in FAULTS)
