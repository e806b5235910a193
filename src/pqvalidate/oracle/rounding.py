"""High and low parts of coefficients, and hints, of ML-DSA (FIPS 204 section 7.4), for arrays of any shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from pqvalidate.oracle.batches import Bits, Ints
from pqvalidate.oracle.sampling import DSA_Q

Q = DSA_Q
D = 13  # dropped bits of t, FIPS 204 table 1
Decompose: TypeAlias = Callable[[Ints, int], tuple[Ints, Ints]]


def power2round(r: Ints) -> tuple[Ints, Ints]:
    """Return (r1, r0) with r = r1 * 2^13 + r0 and r0 in -4095 ... 4096, for r in 0 ... q-1 (algorithm 35)."""
    r1 = (r + (1 << (D - 1)) - 1) >> D
    return r1, r - (r1 << D)


def decompose(r: Ints, gamma2: int) -> tuple[Ints, Ints]:
    """Return (r1, r0) with r = r1 * 2 gamma2 + r0 modulo q, for r in 0 ... q-1 (algorithm 36)."""
    r1 = (r + gamma2 - 1) // (2 * gamma2)
    r0 = r - r1 * (2 * gamma2)
    top = r1 == (Q - 1) // (2 * gamma2)  # line 3: r - r0 = q - 1
    return np.where(top, 0, r1), r0 - top


def make_hint(high: Ints, other_high: Ints) -> Bits:
    """Return where the high bits of r and of r + z differ (algorithm 39)."""
    return np.not_equal(high, other_high)


def use_hint(h: Bits, r: Ints, gamma2: int, decompose: Decompose = decompose) -> Ints:
    """Return the high bits of r, moved by one where the hint says so (algorithm 40)."""
    m = (Q - 1) // (2 * gamma2)
    r1, r0 = decompose(r, gamma2)
    return np.where(h, (r1 + np.where(r0 > 0, 1, -1)) % m, r1)
