"""Are masks of ML-DSA signatures uniform? Counts over a whole run, with limits that no sound signer reaches.

Every limit is a proven bound (Hoeffding, Chernoff, Laurent and Massart) on the tail of the honest distribution, and so
low that all tests of a run together accuse a sound signer with probability below 10^-9.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt

from pqvalidate.oracle.audit import Opened
from pqvalidate.oracle.batches import Ints
from pqvalidate.oracle.dsa_steps import Parameters
from pqvalidate.oracle.ring import N

_DEVIATIONS = 8.5  # standard deviations of a fair bit: beyond with probability below 2 exp(-8.5^2 / 2) = 5 * 10^-16
_TAIL = 1e-13
_LAGS = (1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 128)
_BINS = 64


class MaskStatistics:
    """Counts over the masks y and the responses z of many signatures by one parameter set."""

    def __init__(self, p: Parameters) -> None:
        self.p, self.width, self.signatures = p, p.gamma1.bit_length(), 0
        self._ones = np.zeros((p.l, N, self.width), dtype=np.int64)
        self._unlike = {lag: np.zeros(self.width, dtype=np.int64) for lag in (*_LAGS, N)}
        self._bins = np.zeros(_BINS, dtype=np.int64)
        self._z_at_bound = self._r0_at_bound = 0

    def add(self, opened: Sequence[Opened]) -> None:
        """Count signatures of the right length."""
        usable = [one for one in opened if one.y.size]
        if not usable:
            return
        p, y, z = self.p, np.array([one.y for one in usable]), np.array([one.z for one in usable])
        stored = ((p.gamma1 - y) & ((1 << self.width) - 1)).astype(np.uint32)  # the packed bits of algorithm 34
        self.signatures += len(usable)
        for bit in range(self.width):
            self._ones[:, :, bit] += (stored >> bit & 1).sum(axis=0, dtype=np.int64)
        for lag in _LAGS:
            self._unlike[lag] += _ones_per_bit(stored[:, :, lag:] ^ stored[:, :, :-lag], self.width)
        self._unlike[N] += _ones_per_bit(stored[:, 1:] ^ stored[:, :-1], self.width)
        limit = p.gamma1 - p.beta
        inside = z[np.abs(z) < limit]
        self._bins += np.bincount((inside + limit - 1) * _BINS // (2 * limit - 1), minlength=_BINS)
        self._z_at_bound += int((np.abs(z) >= limit - p.beta).sum())
        self._r0_at_bound += sum(one.r0_at_bound for one in usable)

    def objections(self) -> Iterator[str]:
        """Yield what no sound signer shows."""
        if self.signatures:
            yield from self._bits()
            yield from self._likeness()
            yield from self._shape()
            yield from self._too_strict()

    def _bits(self) -> Iterator[str]:
        n, l = self.signatures, self.p.l  # noqa: E741  (the standard's name)
        views: tuple[tuple[str, npt.NDArray[np.int64], int], ...] = (
            ("bit {0} of y", self._ones.sum(axis=(0, 1)), n * l * N),
            ("bit {1} of y at coefficient {0} of every polynomial", self._ones.sum(axis=0), n * l),
            ("bit {1} of y in polynomial {0}", self._ones.sum(axis=1), n * N),
            ("bit {2} of coefficient {1} of polynomial {0} of y", self._ones, n),
        )
        for text, ones, trials in views:
            excess = np.abs(2 * ones - trials)
            if excess.max() > _DEVIATIONS * sqrt(trials):
                place = np.unravel_index(int(excess.argmax()), excess.shape)
                yield f"{text.format(*map(int, place))} is set {int(ones[place])} times in {trials}"
                return

    def _likeness(self) -> Iterator[str]:
        for lag, unlike in self._unlike.items():
            pairs = self.signatures * (self.p.l - 1) * N if lag == N else self.signatures * self.p.l * (N - lag)
            excess = np.abs(2 * unlike - pairs)
            if excess.max() > _DEVIATIONS * sqrt(pairs):
                bit = int(excess.argmax())
                where = "at one place of neighbouring polynomials" if lag == N else f"at a distance of {lag}"
                alike = pairs - int(unlike[bit])
                yield f"bit {bit} of two coefficients of y {where} is alike {alike} times in {pairs}"
                return

    def _shape(self) -> Iterator[str]:
        """Chi-square of z, which is uniform on what the bound leaves, whatever the key."""
        values, total = 2 * (self.p.gamma1 - self.p.beta) - 1, int(self._bins.sum())
        edges = -(-np.arange(_BINS + 1) * values // _BINS)  # first value of each bin
        expected = total * np.diff(edges) / values
        statistic = float(((self._bins - expected) ** 2 / np.maximum(expected, 1e-9)).sum())
        t, freedom = -log(_TAIL), _BINS - 1
        limit = freedom + 2 * sqrt(freedom * t) + 2 * t
        if total >= 64 * _BINS and statistic > limit:
            yield f"z is not uniform: chi-square {statistic:.0f} over {_BINS} bins, {limit:.0f} at most if it were"

    def _too_strict(self) -> Iterator[str]:
        p, n = self.p, self.signatures
        for what, seen, share, count in (
            ("z", self._z_at_bound, 2 * p.beta / (2 * (p.gamma1 - p.beta) - 1), p.l * N),
            ("LowBits(w - c s2)", self._r0_at_bound, 2 * p.beta / (2 * (p.gamma2 - p.beta) - 1), p.k * N),
        ):
            expected = n * count * share
            if seen < expected / 2 and _lower_tail(seen, expected) < _TAIL:
                yield (
                    f"{what} is within beta of its bound {seen} times where {expected:.0f} are expected:"
                    " signatures are thrown away that the standard keeps"
                )


def _ones_per_bit(numbers: npt.NDArray[np.uint32], width: int) -> Ints:
    """Return how often each bit is set, by way of a histogram of each byte."""
    octets = np.arange(256)
    found = np.zeros(24, dtype=np.int64)
    for n in range(3):
        histogram = np.bincount((numbers >> (8 * n) & 255).ravel(), minlength=256)
        found[8 * n : 8 * n + 8] = [int(histogram[octets >> bit & 1 == 1].sum()) for bit in range(8)]
    return found[:width]


def _lower_tail(seen: int, expected: float) -> float:
    """Return Chernoff's bound on the probability of ``seen`` or fewer, for a Poisson number with a larger mean."""
    return exp(seen - expected + (seen * log(expected / seen) if seen else 0.0))
