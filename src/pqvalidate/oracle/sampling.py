"""Pseudo-random polynomials: rejection sampling, small noise and the challenge (FIPS 203 4.2.2, FIPS 204 7.3).

Every output stream is squeezed to a generous fixed length at first and to twice that for the few that need more, so
a sample that reads unusually far is right as well.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from pqvalidate.oracle.batches import Bits, Ints, Octets, distinct, stack
from pqvalidate.oracle.bits import unpack
from pqvalidate.oracle.ring import N

KEM_Q, DSA_Q = 3329, 8380417


class Stream(Protocol):
    """An extendable-output function that has absorbed its seed."""

    def digest(self, length: int, /) -> bytes:
        """Return the first ``length`` bytes of the output."""


Candidates: TypeAlias = Callable[[Octets], tuple[Ints, Bits]]
"""From output bytes to candidate coefficients and which of them are accepted."""


def first_accepted(streams: Sequence[Stream], length: int, candidates: Candidates) -> Ints:
    """Return for every stream its first 256 accepted candidates, reading ``length`` bytes and more where needed."""
    values, accepted = candidates(stack([stream.digest(length) for stream in streams]))
    rank = np.cumsum(accepted, axis=1, dtype=np.int32)
    taken = accepted & (rank <= N)
    enough = rank[:, -1] >= N
    if enough.all():
        return values[taken].reshape(-1, N)
    found = np.empty((len(streams), N), dtype=np.int64)
    found[enough] = values[enough][taken[enough]].reshape(-1, N)
    found[~enough] = first_accepted([streams[i] for i in np.flatnonzero(~enough).tolist()], 2 * length, candidates)
    return found


def sample_ntt(streams: Sequence[Stream], *, bound: int = KEM_Q, first_squeeze: int = 672) -> Ints:
    """Return one uniform ML-KEM polynomial per SHAKE128 stream (FIPS 203 algorithm 7).

    Args:
        streams: SHAKE128 after absorbing rho and the two indices.
        bound: candidates below it are accepted; the standard says q = 3329.
        first_squeeze: bytes to read at first, a multiple of 3; 672 bytes hold 364 accepted candidates on average.

    """

    def candidates(data: Octets) -> tuple[Ints, Bits]:
        numbers = unpack(data, 12)  # d1 and d2 of lines 6 and 7 are the 12-bit numbers of the stream
        return numbers, numbers < bound

    return first_accepted(streams, first_squeeze, candidates)


def sample_matrix(rhos: Sequence[bytes], k: int, *, bound: int = KEM_Q, transposed: bool = False) -> Ints:
    """Return the matrix A-hat of every rho, shape (batch, k, k, 256) (FIPS 203 algorithm 13 lines 3-7).

    Args:
        rhos: 32-byte seeds.
        k: rows and columns.
        bound: see ``sample_ntt``.
        transposed: swap the two index bytes, which the standard appends as j, i.

    """
    seeds, places = distinct(rhos)
    order = [(i, j) if transposed else (j, i) for i in range(k) for j in range(k)]
    streams = [hashlib.shake_128(rho + bytes(pair)) for rho in seeds for pair in order]
    return sample_ntt(streams, bound=bound).reshape(-1, k, k, N)[places]


def _difference_of_weights(eta: int) -> Ints:
    low = (1 << eta) - 1
    return np.array([(v & low).bit_count() - (v >> eta).bit_count() for v in range(1 << 2 * eta)], dtype=np.int64)


_CENTRED_BINOMIAL = {eta: _difference_of_weights(eta) for eta in (2, 3)}


def sample_noise(seeds: Sequence[bytes], nonces: Sequence[int], eta: int) -> Ints:
    """Return small ML-KEM polynomials, shape (batch, nonces, 256) (FIPS 203 algorithm 8 and PRF of 4.1)."""
    data = stack([hashlib.shake_256(seed + bytes([nonce])).digest(64 * eta) for seed in seeds for nonce in nonces])
    return _CENTRED_BINOMIAL[eta][unpack(data, 2 * eta)].reshape(len(seeds), len(nonces), N)


_MATRICES: OrderedDict[tuple[bytes, int, int, int], Ints] = OrderedDict()
_MOST_MATRICES = 512
"""One key is mostly used several times in a row: made, signed with, verified with. At most 59 MB, for ML-DSA-87."""


def expand_a(rhos: Sequence[bytes], k: int, l: int, *, bound: int = DSA_Q) -> Ints:  # noqa: E741  (FIPS 204 name)
    """Return the matrix A-hat of every rho, shape (batch, k, l, 256) (FIPS 204 algorithms 30 and 32)."""
    seeds, places = distinct(rhos)
    known = {rho: _MATRICES.get((rho, k, l, bound)) for rho in seeds}
    unknown = [rho for rho in seeds if known[rho] is None]
    if unknown:
        for rho, matrix in zip(unknown, _expanded(unknown, k, l, bound), strict=True):
            known[rho] = _MATRICES[rho, k, l, bound] = matrix.copy()  # a view would keep the whole batch alive
        while len(_MATRICES) > _MOST_MATRICES:
            _MATRICES.popitem(last=False)
    return np.stack([matrix for matrix in known.values() if matrix is not None])[places]


def _expanded(seeds: Sequence[bytes], k: int, l: int, bound: int) -> Ints:  # noqa: E741
    # Algorithm 32 line 3 appends the column before the row.
    streams = [hashlib.shake_128(rho + bytes([s, r])) for rho in seeds for r in range(k) for s in range(l)]

    def candidates(data: Octets) -> tuple[Ints, Bits]:
        numbers = unpack(data, 24) & 0x7FFFFF  # CoeffFromThreeBytes, algorithm 14: the top bit is dropped
        return numbers, numbers < bound

    return first_accepted(streams, 840, candidates).reshape(-1, k, l, N)


def expand_s(seeds: Sequence[bytes], count: int, eta: int) -> Ints:
    """Return ``count`` secret ML-DSA polynomials in -eta ... eta per 64-byte seed (FIPS 204 algorithms 31 and 33)."""
    streams = [hashlib.shake_256(seed + r.to_bytes(2, "little")) for seed in seeds for r in range(count)]

    def candidates(data: Octets) -> tuple[Ints, Bits]:
        nibbles = unpack(data, 4)
        if eta == 2:  # CoeffFromHalfByte, algorithm 15
            return eta - nibbles % 5, nibbles < 15
        return eta - nibbles, nibbles < 9

    return first_accepted(streams, 272, candidates).reshape(len(seeds), count, N)


def expand_mask(seeds: Sequence[bytes], nonces: Sequence[Sequence[int]], gamma1: int) -> Ints:
    """Return one masking vector y per 64-byte seed, shape (batch, l, 256) (FIPS 204 algorithm 34).

    Args:
        seeds: rho'' of each instance.
        nonces: for each instance those of its l polynomials.
        gamma1: bound of the coefficients.

    """
    width = gamma1.bit_length()
    streams = [
        hashlib.shake_256(seed + nonce.to_bytes(2, "little"))
        for seed, numbers in zip(seeds, nonces, strict=True)
        for nonce in numbers
    ]
    data = stack([stream.digest(32 * width) for stream in streams])
    return (gamma1 - unpack(data, width)).reshape(len(seeds), -1, N)


def sample_in_ball(seed: bytes, tau: int, *, sign_bits: int = 64, first: int = 272) -> Ints:
    """Return the challenge polynomial: ``tau`` coefficients of 1 or -1, the rest 0 (FIPS 204 algorithm 29).

    Args:
        seed: the commitment hash c~.
        tau: number of coefficients that are not 0.
        sign_bits: how many of the 64 sign bits are used before they repeat; the standard uses all.
        first: bytes to squeeze before it is known how many are needed; at least 9.

    """
    stream = hashlib.shake_256(seed)
    while (c := _placed(stream.digest(first), tau, sign_bits)) is None:
        first *= 2
    return np.frombuffer(c, dtype=np.int8).astype(np.int64)


def _placed(output: bytes, tau: int, sign_bits: int) -> bytearray | None:
    """Return the challenge that an output of SHAKE256 gives, -1 as 255, or None where the output is too short."""
    signs, c, n = int.from_bytes(output[:8], "little"), bytearray(N), 0
    for j in output[8:]:
        i = N - tau + n
        if j <= i:
            c[i], c[j] = c[j], 255 if signs >> (n % sign_bits) & 1 else 1
            n += 1
            if n == tau:
                return c
    return None
