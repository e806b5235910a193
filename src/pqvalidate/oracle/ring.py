"""Polynomials with 256 coefficients modulo X^256 + 1 and a prime q, and their number-theoretic transform.

The transform works through the layers of the standard, each over all blocks and all polynomials of the batch at once.
Residues are taken late: for the larger modulus every value stays below 2^8 q^2 < 2^54.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pqvalidate.oracle.batches import Ints

N = 256


@dataclass(frozen=True)
class Ring:
    """A modulus with the constants of its transform.

    Attributes:
        q: the modulus.
        zetas: powers of the root of unity in bit-reversed order, as the standard tabulates them.
        smallest: distance of the last butterfly: 2 in FIPS 203 (pairs remain), 1 in FIPS 204.

    """

    q: int
    zetas: tuple[int, ...]
    smallest: int

    @cached_property
    def _column(self) -> Ints:
        return np.array(self.zetas, dtype=np.int64)[:, None, None]

    def reduced(self, x: Ints) -> Ints:
        """Return the residues in 0 ... q-1."""
        quotient = x // self.q  # worked on in place: memory for large arrays costs more than the arithmetic
        quotient *= self.q
        return np.subtract(x, quotient, out=quotient)

    def centred(self, x: Ints) -> Ints:
        """Return the residues in -(q-1)/2 ... (q-1)/2 (``mod±`` of FIPS 204 section 2.3)."""
        half = self.q // 2
        return self.reduced(x + half) - half

    def ntt(self, f: Ints) -> Ints:
        """Return the transform of every polynomial on the last axis (FIPS 203 algorithm 9, FIPS 204 algorithm 41)."""
        work, length = self._batch_last(f), N // 2
        while length >= self.smallest:
            blocks = N // (2 * length)
            low, high = _halves(work, blocks, length)
            t = self.reduced(self._column[blocks : 2 * blocks] * high)
            np.subtract(low, t, out=high)
            low += t
            length //= 2
        return self.reduced(_batch_first(work)).reshape(f.shape)

    def inverse_ntt(self, f: Ints) -> Ints:
        """Undo ``ntt`` (FIPS 203 algorithm 10, FIPS 204 algorithm 42); the residues are in 0 ... q-1."""
        work, length = self._batch_last(f), self.smallest
        while length < N:
            blocks = N // (2 * length)
            low, high = _halves(work, blocks, length)
            difference = high - low
            low += high
            # The standard counts the index of zeta downwards here.
            high[...] = self.reduced(self._column[blocks : 2 * blocks][::-1] * difference)
            length *= 2
        return self.reduced(_batch_first(work) * pow(N // self.smallest, -1, self.q)).reshape(f.shape)

    def _batch_last(self, f: Ints) -> Ints:
        """Return the coefficients, reduced, as rows and the polynomials as columns: long runs for the processor."""
        return self.reduced(f.reshape(-1, N).T.copy())


def _batch_first(work: Ints) -> Ints:
    return np.ascontiguousarray(work.T)


def _halves(work: Ints, blocks: int, length: int) -> tuple[Ints, Ints]:
    """Return views of the two halves of every block, each of shape (blocks, length, batch)."""
    pairs = work.reshape(blocks, 2, length, -1)
    return pairs[:, 0], pairs[:, 1]


def bit_reversed(i: int, bits: int) -> int:
    """Return the number whose ``bits`` binary digits are those of ``i`` in reverse order."""
    return int(f"{i:0{bits}b}"[::-1], 2)


def ring(q: int, root: int, smallest: int) -> Ring:
    """Return the ring for a modulus and a root of unity, with the table of zetas worked out."""
    bits = (N // smallest).bit_length() - 1
    return Ring(q, tuple(pow(root, bit_reversed(i, bits), q) for i in range(1 << bits)), smallest)
