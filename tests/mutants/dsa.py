"""Planted faults of ML-DSA and Dilithium, beside those that the controls use."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.mutants import Make, Mutant, OracleSignature, dsa_with
from pqvalidate.oracle import mldsa
from pqvalidate.oracle.batches import Bits, Ints, Octets
from pqvalidate.oracle.bits import unpack
from pqvalidate.oracle.dsa_steps import PARAMETERS, Parameters, hash_h
from pqvalidate.oracle.messages import message_prime, prehash_message_prime
from pqvalidate.oracle.ring import N
from pqvalidate.oracle.rounding import Decompose, Q, decompose
from pqvalidate.oracle.sampling import expand_a, first_accepted
from tests.mutants.kem import Restarting

_FINAL, _OLD, _BOTH = ("ML-DSA",), ("Dilithium",), ("ML-DSA", "Dilithium")


Honest = Callable[[bytes, bytes], bool]


def _counts_begin(name: str) -> int:
    return PARAMETER_SETS[name].output - PARAMETERS[name].k


class _CutsPublicKeys(OracleSignature):
    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        return honest(pk[: PARAMETER_SETS[self.name].public_key], signature)


class _CutsSignatures(OracleSignature):
    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        return honest(pk, signature[: PARAMETER_SETS[self.name].output])


class _AcceptsNothing(OracleSignature):
    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        return not signature or honest(pk, signature)


class _SloppyHintOrder(OracleSignature):
    """Compares neighbouring hint positions of a polynomial by another rule than that the first is smaller."""

    def __init__(self, name: str, refused: Callable[[int, int], bool]) -> None:
        super().__init__(name, replace(mldsa.rules_for(name), hint_order_checked=False))
        self._refused = refused

    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        begin = _counts_begin(self.name)
        positions, counts = signature[begin - PARAMETERS[self.name].omega : begin], [0, *signature[begin:]]
        neighbours = [pair for a, b in pairwise(counts) for pair in pairwise(positions[a:b])]
        return not any(self._refused(x, y) for x, y in neighbours) and honest(pk, signature)


class _RefusesZeroT1(OracleSignature):
    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        return any(pk[32:]) and honest(pk, signature)


class _RefusesPolynomialsWithoutHint(OracleSignature):
    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        counts = [0, *signature[_counts_begin(self.name) :]]
        return all(a != b for a, b in pairwise(counts)) and honest(pk, signature)


class _ReadsPastTheHint(OracleSignature):
    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        if max(signature[_counts_begin(self.name) :], default=0) > PARAMETERS[self.name].omega:
            raise IndexError("hint position out of range")
        return honest(pk, signature)


class _TakesAnyMu(OracleSignature):
    def sign_mu(self, sk: bytes, mu: bytes, rnd: bytes = bytes(32)) -> bytes:
        return super().sign_mu(sk, mu.ljust(64, b"\0")[:64], rnd)

    def verify_mu(self, pk: bytes, mu: bytes, signature: bytes) -> bool:
        return super().verify_mu(pk, mu.ljust(64, b"\0")[:64], signature)


class _CutsPrivateKeys(OracleSignature):
    def signing_key(self, sk: bytes) -> bytes:
        return super().signing_key(sk[: PARAMETER_SETS[self.name].private_key])


class _LongContexts(OracleSignature):
    """Writes the length of the context into one byte without looking at it."""

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        if len(context) > 255:
            return self.sign_internal(sk, bytes([0, len(context) % 256]) + context + message, rnd)
        return super().sign_with_rnd(sk, message, rnd, context)


class _BreaksOnKeyLengths(OracleSignature):
    def signing_key(self, sk: bytes) -> bytes:
        if len(sk) != PARAMETER_SETS[self.name].private_key:
            raise AssertionError("private key length")
        return super().signing_key(sk)


class _StripsZeros(OracleSignature):
    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        return super().sign_with_rnd(sk, message, rnd, context).lstrip(b"\0")


class _NeverHedges(OracleSignature):
    def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        return self.sign_deterministic(sk, message, context)


class _SmallSeeds(OracleSignature):
    def keygen(self) -> tuple[bytes, bytes]:
        return self.keygen_from_seed(hashlib.sha256(self.draw(2)).digest())


class _IgnoresRnd(OracleSignature):
    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        return super().sign_with_rnd(sk, message, bytes(len(rnd)), context)


def _hint_up_at_zero(h: Bits, r: Ints, gamma2: int, split: Decompose) -> Ints:
    r1, r0 = split(r, gamma2)
    return np.where(h, (r1 + np.where(r0 >= 0, 1, -1)) % ((Q - 1) // (2 * gamma2)), r1)


def _hint_without_wrap(h: Bits, r: Ints, gamma2: int, split: Decompose) -> Ints:
    r1, r0 = split(r, gamma2)
    moved = r1 + np.where(r0 > 0, 1, -1)
    return np.where(h, np.where(moved < 0, moved + (Q - 1) // (2 * gamma2), moved), r1)


def _decompose_without_edge(r: Ints, gamma2: int) -> tuple[Ints, Ints]:
    high, low = decompose(r, gamma2)
    return np.where(r == Q - 1, (Q - 1) // (2 * gamma2), high), np.where(r == Q - 1, 0, low)


def _matrix_from_short_buffer(rhos: Sequence[bytes], k: int, l: int) -> Ints:  # noqa: E741  (FIPS 204 name)
    seeds = [rho + bytes([s, r]) for rho in rhos for r in range(k) for s in range(l)]

    def candidates(data: Octets) -> tuple[Ints, Bits]:
        numbers = unpack(data, 24) & 0x7FFFFF
        return numbers, numbers < Q

    streams = [Restarting(hashlib.shake_128(seed), 780) for seed in seeds]
    return first_accepted(streams, 840, candidates).reshape(-1, k, l, N)


def _one_oid(message: bytes, hash_name: str, context: bytes) -> bytes:
    framed = bytearray(prehash_message_prime(message, hash_name, context))
    framed[2 + len(context) + 10] = 1  # the last byte of the OID of SHA2-256
    return bytes(framed)


def _half_shake128(message: bytes, hash_name: str, context: bytes) -> bytes:
    framed = prehash_message_prime(message, hash_name, context)
    return framed[:-16] if hash_name == "SHAKE-128" else framed


def _up_to_zero_byte(c: bytes, again: bytes) -> bool:
    return c.partition(b"\0")[0] == again.partition(b"\0")[0]


def _raw_without_context(message: bytes, context: bytes) -> bytes:
    return message_prime(message, context) if context else message


def _unbounded(p: Parameters) -> int:
    return 4 * p.gamma1


def _row(
    what: str, bug_class: str, imitates: str, make: Make, algorithms: tuple[str, ...] = _FINAL,
    sets: tuple[str, ...] = (),
) -> Mutant:  # fmt: skip
    return Mutant(what=what, bug_class=bug_class, imitates=imitates, make=make, algorithms=algorithms, sets=sets)


_VERSIONS = (
    _row("tr taken as 32 bytes when hashing the message", "DS10", "Dilithium round 3, where tr had 32 bytes",
         dsa_with(message_digest=lambda tr, m_prime: hash_h(tr[:32] + m_prime))),
    _row("mask seed H(K‖mu) without rnd: hedging has no effect", "DS4", "Dilithium round 3.1",
         dsa_with(mask_seed=lambda key, _rnd, mu: hash_h(key + mu))),
)  # fmt: skip
_VERIFICATION = (
    _row("verification: no bound on z", "DV1", "libcrux PR #1347: a bound that could not be reached",
         dsa_with(verify_z_bound=_unbounded), _BOTH),
    _row("verification: bound on z too tight by one", "DV14", "ACVP-Server #470, last item",
         dsa_with(verify_z_bound=lambda p: p.gamma1 - p.beta - 1), _BOTH),
    _row("verification: order of hint positions not checked", "DV3", "ACVP-Server #470: five such verifiers survived",
         dsa_with(hint_order_checked=False), _BOTH),
    _row("verification: a repeated hint position accepted", "DV2", "CVE-2026-24850: RustCrypto compared with <=",
         lambda name: _SloppyHintOrder(name, lambda x, y: x > y), _BOTH),
    _row("verification: a decreasing hint position accepted", "DV3", "made up: neighbours compared with == alone",
         lambda name: _SloppyHintOrder(name, lambda x, y: x == y), _BOTH),
    _row("verification: non-zero hint padding accepted", "DV4", "Crucible's test of it, which could not fail",
         dsa_with(hint_padding_checked=False), _BOTH),
    _row("verification: decreasing counts of hint positions accepted", "DV5",
         "made up: no published case isolates it (FIPS 204 algorithm 21 line 4)",
         dsa_with(hint_cuts_checked=False), _BOTH),
    _row("verification: a count above omega reads past the hint", "DV6", "libcrux PR #1348; noble #42",
         _ReadsPastTheHint, _BOTH),
    _row("verification: a polynomial without a hint is refused", "DV7",
         "ACVP-Server #436, RustCrypto #894, OpenTitan #30947", _RefusesPolynomialsWithoutHint, _BOTH),
    _row("verification: a public key with t1 = 0 is refused", "DV13", "RustCrypto #1183", _RefusesZeroT1, _BOTH),
    _row("verification: only the first 8 bytes of c~ compared", "DV9", "Wycheproof #244: one byte at a time",
         dsa_with(commitment_equal=lambda c, again: c[:8] == again[:8]), _BOTH),
    _row("verification: comparison of c~ stops at a zero byte", "DV9", "Wycheproof #246",
         dsa_with(commitment_equal=_up_to_zero_byte), _BOTH),
    _row("verification: trailing bytes after the public key accepted", "DV11", "made up: lengths compared with <",
         _CutsPublicKeys, _BOTH),
    _row("verification: trailing bytes after the signature accepted", "DV11",
         "ACVP-Server #477: no published case has them", _CutsSignatures, _BOTH),
    _row("verification: the empty signature is valid", "DV11", "made up: an early return on no input", _AcceptsNothing,
         _BOTH),
    _row("verification: UseHint adds 1 when r0 = 0", "DV8", "GHSA-h37v-hp6w-2pp8 in RustCrypto; tink-go #48",
         dsa_with(use_hint=_hint_up_at_zero), _BOTH),
    _row("verification: UseHint does not wrap at the top: 43 + 1 gives 44", "DV8", "made up: a missing reduction by m",
         dsa_with(use_hint=_hint_without_wrap), sets=("ML-DSA-44",)),
)  # fmt: skip
_MESSAGES = (
    _row("without a context the message is signed raw", "DS5",
         "Wycheproof PR 255: a library's interface without context", dsa_with(message_prime=_raw_without_context)),
    _row("a context of more than 255 bytes is accepted", "DS5", "Wycheproof's flag InvalidContext", _LongContexts),
    _row("message length kept in 16 bits", "DS5", "made up: only len mod 65536 bytes are signed",
         dsa_with(message_prime=lambda message, context: message_prime(message[: len(message) % 65536], context))),
    _row("mu is computed without tr", "DS6", "made up: the message bound to no key",
         dsa_with(message_digest=lambda _tr, m_prime: hash_h(m_prime))),
    _row("an external mu of another length is accepted", "DS6", "AWS-LC #2841", _TakesAnyMu),
    _row("HashML-DSA names SHA2-256 whatever the hash is", "DS7", "made up: one object identifier for all",
         dsa_with(prehash_message_prime=_one_oid)),
    _row("HashML-DSA with half the digest of SHAKE-128", "DS7", "made up: 16 bytes for 128 bits of strength",
         dsa_with(prehash_message_prime=_half_shake128)),
)  # fmt: skip
_SIGNING = (
    _row("signing: no check of z", "DS2", "FIPS 140-3 IG 10.3.A note 23: self-tests must reach every rejection",
         dsa_with(sign_z_bound=_unbounded), _OLD),
    _row("signing: bound on z too loose by one", "DS2", "ACVP table 1: boundary cases",
         dsa_with(sign_z_bound=lambda p: p.gamma1 - p.beta + 1), _BOTH),
    _row("signing: r0 bound is gamma2 instead of gamma2 - beta", "DS2", "Wycheproof #193",
         dsa_with(sign_r0_bound=lambda p: p.gamma2), _OLD),
    _row("signing: the same mask polynomial in every place", "DS1", "Bernstein (2026), pattern AAAA",
         dsa_with(mask_nonces=lambda attempt, l: [attempt * l] * l), _OLD),  # noqa: E741
    _row("signing: gives up after 32 attempts", "DS3", "ACVP table 2: cases with 64 to 100 rejections",
         dsa_with(max_attempts=32), _BOTH),
    _row("leading zero bytes of c~ are stripped, the signature is shorter", "DS9", "made up: a big-integer conversion",
         _StripsZeros, _BOTH),
    _row("private key: trailing bytes are accepted", "DS8", "made up: lengths compared with <", _CutsPrivateKeys,
         _BOTH),
    _row("a private key of the wrong length breaks the code", "E6", "testers seen to die or hang on such an answer",
         _BreaksOnKeyLengths, _BOTH),
    _row("rnd is taken as zero", "DS4", "mldsa-native #1219", _IgnoresRnd),
    _row("hedged signing is deterministic", "DS4", "mldsa-native #1219", _NeverHedges),
)  # fmt: skip
_ARITHMETIC = (
    _row("Decompose: top edge not folded to 0 when r = q - 1", "DV8", "made up: line 3 of algorithm 36 left out",
         dsa_with(decompose=_decompose_without_edge), sets=("ML-DSA-44",)),
    _row("matrix sampling accepts the value q", "DS9", "Wycheproof 5a074a8: edge samples",
         dsa_with(expand_a=functools.partial(expand_a, bound=Q + 1)), _BOTH),
    _row("matrix sampling reads 780 bytes, then starts the buffer again", "DS9", "Wycheproof's flag ManySteps",
         dsa_with(expand_a=_matrix_from_short_buffer), _BOTH),
    _row("key seed xi comes from 16 bits of entropy", "E2", "made up: a generator seeded with a process number",
         _SmallSeeds, _BOTH),
)  # fmt: skip

DSA_MUTANTS: tuple[Mutant, ...] = (*_VERSIONS, *_VERIFICATION, *_MESSAGES, *_SIGNING, *_ARITHMETIC)
