"""The steps of ML-DSA and of Dilithium round 3.1: parameters, encodings, and the rules that bind the steps.

``Rules`` names each step that a caller may replace: the versions of the algorithm are sets of rules, and so is every
implementation with a planted fault.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pqvalidate.oracle.batches import Bits, Ints, join, rows, stack
from pqvalidate.oracle.bits import pack, unpack
from pqvalidate.oracle.messages import message_prime, prehash_message_prime
from pqvalidate.oracle.ring import N, Ring, ring
from pqvalidate.oracle.rounding import D, Decompose, Q, decompose, use_hint
from pqvalidate.oracle.sampling import expand_a, sample_in_ball

RING = ring(Q, root=1753, smallest=1)  # FIPS 204 table 1 and section 7.5


@dataclass(frozen=True, slots=True)
class Parameters:
    """Numbers of one parameter set: FIPS 204 table 1; ``challenge`` and ``tr`` are the bytes of c~ and of tr."""

    k: int
    l: int  # noqa: E741  (the standard's name)
    eta: int
    tau: int
    gamma1: int
    gamma2: int
    omega: int
    challenge: int
    tr: int = 64

    @property
    def beta(self) -> int:
        """Largest coefficient of a product of the challenge and a secret polynomial: tau * eta."""
        return self.tau * self.eta


PARAMETERS = {
    "ML-DSA-44": Parameters(4, 4, 2, 39, 1 << 17, (Q - 1) // 88, 80, 32),
    "ML-DSA-65": Parameters(6, 5, 4, 49, 1 << 19, (Q - 1) // 32, 55, 48),
    "ML-DSA-87": Parameters(8, 7, 2, 60, 1 << 19, (Q - 1) // 32, 75, 64),
}
# CRYSTALS-Dilithium specification 3.1, table 2: the same numbers with 32-byte c~ and tr.
_OLD_NAMES = {"Dilithium2": "ML-DSA-44", "Dilithium3": "ML-DSA-65", "Dilithium5": "ML-DSA-87"}
PARAMETERS |= {old: replace(PARAMETERS[new], challenge=32, tr=32) for old, new in _OLD_NAMES.items()}


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """Decoded public keys: seeds rho and the high part t1 of t, (batch, k, 256), each in 0 ... 1023."""

    rho: list[bytes]
    t1: Ints


@dataclass(frozen=True, slots=True)
class PrivateKeys:
    """Decoded private keys: rho, the signing seed K, tr = H(pk), and s1 (batch, l, 256), s2 and t0 (batch, k, 256)."""

    rho: list[bytes]
    key: list[bytes]
    tr: list[bytes]
    s1: Ints
    s2: Ints
    t0: Ints


@dataclass(frozen=True, slots=True)
class Signatures:
    """Decoded signatures: c~, z (batch, l, 256), hints h (batch, k, 256), and whether each hint was well encoded."""

    challenge: list[bytes]
    z: Ints
    h: Bits
    well_encoded: Bits


def hash_h(data: bytes, length: int = 64) -> bytes:
    """Return ``length`` bytes of SHAKE256 (H of FIPS 204 section 3.7)."""
    return hashlib.shake_256(data).digest(length)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The replaceable steps of the algorithm; the defaults are FIPS 204.

    Attributes:
        parameters: numbers by parameter-set name.
        ring: modulus and constants of the transform.
        seed_domain: from k and l to the bytes that follow xi in H(xi‖k‖l) (algorithm 6 line 1).
        expand_a: from seeds rho, k and l to A-hat (algorithm 32).
        message_prime: from message and context to M' (algorithm 2 line 10).
        prehash_message_prime: from message, hash name and context to M' (algorithm 4 line 23).
        message_digest: from tr and M' to mu (algorithm 7 line 6).
        mask_seed: from K, rnd and mu to rho'' (algorithm 7 line 7).
        mask_nonces: from the number of the attempt and l to the nonces of y (algorithm 7 lines 11 and 31).
        max_attempts: signing gives up after so many attempts; 814 is the least that FIPS 204 appendix C allows.
        sample_in_ball: from c~ and tau to the challenge (algorithm 29).
        decompose: high and low parts (algorithm 36).
        use_hint: from hints, w', gamma2 and decompose to w1' (algorithm 40).
        sign_z_bound, sign_r0_bound, sign_ct0_bound: a signer starts again at such a coefficient or a larger one
            (algorithm 7 lines 23 and 28).
        verify_z_bound: a verifier refuses such a coefficient or a larger one (algorithm 8 line 13).
        hint_order_checked: positions must increase within a polynomial (algorithm 21 line 9).
        hint_padding_checked: unused positions must be 0 (algorithm 21 line 17).
        hint_cuts_checked: the counts of positions must not decrease (algorithm 21 line 4).
        commitment_equal: compares c~ with the one computed anew (algorithm 8 line 13).

    """

    parameters: Mapping[str, Parameters]
    ring: Ring = RING
    seed_domain: Callable[[int, int], bytes] = lambda k, l: bytes([k, l])  # noqa: E741
    expand_a: Callable[[Sequence[bytes], int, int], Ints] = expand_a
    message_prime: Callable[[bytes, bytes], bytes] = message_prime
    prehash_message_prime: Callable[[bytes, str, bytes], bytes] = prehash_message_prime
    message_digest: Callable[[bytes, bytes], bytes] = lambda tr, m_prime: hash_h(tr + m_prime)
    mask_seed: Callable[[bytes, bytes, bytes], bytes] = lambda key, rnd, mu: hash_h(key + rnd + mu)
    mask_nonces: Callable[[int, int], Sequence[int]] = lambda attempt, l: range(attempt * l, attempt * l + l)  # noqa: E741
    max_attempts: int = 814
    sample_in_ball: Callable[[bytes, int], Ints] = sample_in_ball
    decompose: Decompose = decompose
    use_hint: Callable[[Bits, Ints, int, Decompose], Ints] = use_hint
    sign_z_bound: Callable[[Parameters], int] = lambda p: p.gamma1 - p.beta
    sign_r0_bound: Callable[[Parameters], int] = lambda p: p.gamma2 - p.beta
    sign_ct0_bound: Callable[[Parameters], int] = lambda p: p.gamma2
    verify_z_bound: Callable[[Parameters], int] = lambda p: p.gamma1 - p.beta
    hint_order_checked: bool = True
    hint_padding_checked: bool = True
    hint_cuts_checked: bool = True
    commitment_equal: Callable[[bytes, bytes], bool] = lambda c, c_again: c == c_again


FINAL = Rules(parameters=PARAMETERS)


def _no_context(message: bytes, _context: bytes) -> bytes:
    return message


# CRYSTALS-Dilithium specification 3.1, figure 4, without randomised signing; it knows no context.
ROUND_3_1 = replace(
    FINAL, seed_domain=lambda _k, _l: b"", message_prime=_no_context, mask_seed=lambda key, _rnd, mu: hash_h(key + mu)
)


def decode_public_keys(pks: Sequence[bytes]) -> PublicKeys:
    """Take public keys of the right length apart (FIPS 204 algorithm 23)."""
    return PublicKeys([pk[:32] for pk in pks], unpack(stack(pks)[:, 32:], 10).reshape(len(pks), -1, N))


def encode_public_keys(keys: PublicKeys) -> list[bytes]:
    """Undo ``decode_public_keys`` (FIPS 204 algorithm 22)."""
    return join(keys.rho, _packed(keys.t1, 10))


def decode_private_keys(p: Parameters, sks: Sequence[bytes]) -> PrivateKeys:
    """Take private keys of the right length apart; s1 and s2 may come out beyond eta (FIPS 204 algorithm 25)."""
    data, width, small = stack(sks)[:, 64 + p.tr :], (2 * p.eta).bit_length(), 32 * (2 * p.eta).bit_length()
    ends = small * p.l, small * (p.l + p.k)
    secret = p.eta - unpack(data[:, : ends[1]], width).reshape(len(sks), -1, N)
    t0 = (1 << (D - 1)) - unpack(data[:, ends[1] :], D).reshape(len(sks), -1, N)
    return PrivateKeys(
        [sk[:32] for sk in sks], [sk[32:64] for sk in sks], [sk[64 : 64 + p.tr] for sk in sks],
        secret[:, : p.l], secret[:, p.l :], t0,
    )  # fmt: skip


def encode_private_keys(p: Parameters, keys: PrivateKeys) -> list[bytes]:
    """Undo ``decode_private_keys`` (FIPS 204 algorithm 24)."""
    width = (2 * p.eta).bit_length()
    packed = _packed(p.eta - keys.s1, width), _packed(p.eta - keys.s2, width), _packed((1 << (D - 1)) - keys.t0, D)
    return join(keys.rho, keys.key, keys.tr, *packed)


def decode_signatures(p: Parameters, signatures: Sequence[bytes], rules: Rules = FINAL) -> Signatures:
    """Take signatures of the right length apart; a malformed hint is read as no hint (FIPS 204 algorithm 27)."""
    width, start = p.gamma1.bit_length(), p.challenge + 32 * p.l * p.gamma1.bit_length()
    z = p.gamma1 - unpack(stack(signatures)[:, p.challenge : start], width).reshape(len(signatures), p.l, N)
    hints = [decode_hint(p, signature[start:], rules) for signature in signatures]
    none = np.zeros((p.k, N), dtype=np.bool_)
    return Signatures(
        [signature[: p.challenge] for signature in signatures],
        z,
        np.array([none if hint is None else hint for hint in hints]),
        np.array([hint is not None for hint in hints]),
    )


def encode_signatures(p: Parameters, signatures: Signatures) -> list[bytes]:
    """Undo ``decode_signatures`` (FIPS 204 algorithm 26)."""
    packed = _packed(p.gamma1 - signatures.z, p.gamma1.bit_length())
    return join(signatures.challenge, packed, [encode_hint(p, h) for h in signatures.h])


def encode_hint(p: Parameters, h: Bits) -> bytes:
    """Return the positions of the hints and their count after each polynomial (HintBitPack, FIPS 204 algorithm 20)."""
    positions = [int(n) for polynomial in h for n in np.flatnonzero(polynomial)]
    counts = np.cumsum(h.sum(axis=1)).tolist()
    return bytes(positions).ljust(p.omega, b"\0") + bytes(counts)


def decode_hint(p: Parameters, y: bytes, rules: Rules = FINAL) -> Bits | None:
    """Return the hints (k, 256), or None where the encoding is malformed (HintBitUnpack, FIPS 204 algorithm 21).

    Without the check of the counts, a count that falls moves the reading place back, as in common C code.
    """
    h = np.zeros((p.k, N), dtype=np.bool_)
    index = 0
    for i, cut in enumerate(y[p.omega :]):
        if cut > p.omega or (rules.hint_cuts_checked and cut < index):
            return None
        positions = list(y[index:cut])
        if rules.hint_order_checked and any(a >= b for a, b in pairwise(positions)):
            return None
        h[i, positions] = True
        index = cut
    if rules.hint_padding_checked and any(y[index : p.omega]):
        return None
    return h


def encode_w1(p: Parameters, w1: Ints) -> list[bytes]:
    """Return w1 as bytes, for the commitment hash (FIPS 204 algorithm 28)."""
    return _packed(w1, ((Q - 1) // (2 * p.gamma2) - 1).bit_length())


def _packed(polynomials: Ints, width: int) -> list[bytes]:
    return rows(pack(polynomials.reshape(len(polynomials), -1), width))


def matrix_times(rules: Rules, matrix: Ints, vector: Ints) -> Ints:
    """Return A-hat times a transformed vector, still transformed, not reduced: at most 7 q^2 < 2^49."""
    product: Ints = np.einsum("bijn,bjn->bin", matrix, rules.ring.reduced(vector))
    return product


def norms(x: Ints) -> Ints:
    """Return the largest absolute value of each instance (the infinity norm of FIPS 204 section 2.3)."""
    largest: Ints = np.abs(x).max(axis=tuple(range(1, x.ndim)))
    return largest
