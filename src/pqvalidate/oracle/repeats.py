"""Are masks of ML-DSA signatures fresh? Fingerprints of stretches of them, none of which may occur twice.

A run at depth full has seven million fingerprints for ML-DSA-87. They are kept in sorted arrays, 20 bytes each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from pqvalidate.oracle.audit import Opened
from pqvalidate.oracle.batches import Ints
from pqvalidate.oracle.dsa_steps import Parameters
from pqvalidate.oracle.ring import N

_LENGTH = 8
"""So many coefficients in a row, 144 bits and more, never occur twice by chance."""
_THINNED = 16
_AT_ONCE = 32
"""Signatures whose stretches are mixed together: some ten MiB."""
_LONGEST = 1 << 19
"""Entries of an array that is not merged with others any more: merging takes room for both."""


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Fingerprints in order, two numbers of 64 bits each, and the place of each stretch.

    A place is signature, polynomial and first coefficient as one number; 32 bits do for two million signatures.
    """

    first: npt.NDArray[np.uint64]
    second: npt.NDArray[np.uint64]
    place: npt.NDArray[np.uint32]

    @classmethod
    def of(
        cls, first: npt.NDArray[np.uint64], second: npt.NDArray[np.uint64], place: npt.NDArray[np.uint32]
    ) -> Self:  # fmt: skip
        order = np.lexsort((place, second, first))
        return cls(first[order], second[order], place[order])

    def merged(self, other: _Sorted) -> _Sorted:
        """Return the entries of both in one array."""
        mine, theirs = (self.first, self.second, self.place), (other.first, other.second, other.place)
        return _Sorted.of(*(np.concatenate(pair) for pair in zip(mine, theirs, strict=True)))  # type: ignore[arg-type]

    def twice(self) -> list[tuple[int, int]]:
        """Return (place, earlier place) of entries with one fingerprint, the first of them in order of place."""
        same = (self.first[1:] == self.first[:-1]) & (self.second[1:] == self.second[:-1])
        return _first_pair(self.place[1:][same], self.place[:-1][same])

    def before(self, earlier: _Sorted) -> list[tuple[int, int]]:
        """Return (place, earlier place) of an entry that another array has as well."""
        # That 64 bits agree by chance and hide a repeat behind them happens once in some million runs.
        where = np.searchsorted(earlier.first, self.first)
        where[where == earlier.first.size] = 0
        same = (earlier.first[where] == self.first) & (earlier.second[where] == self.second)
        return _first_pair(self.place[same], earlier.place[where[same]])


def _first_pair(later: npt.NDArray[np.uint32], earlier: npt.NDArray[np.uint32]) -> list[tuple[int, int]]:
    if not later.size:
        return []
    at = int(later.argmin())
    return [(int(later[at]), int(earlier[at]))]


class Repeats:
    """Which stretches of masks were seen before: a fingerprint of every 16th stretch, chosen by its content.

    The choice depends on the stretch alone, so a repeat is found wherever it stands; that of a whole polynomial is
    missed with probability (15/16)^249 = 10^-7.
    """

    def __init__(self, p: Parameters) -> None:
        self.p, self.count = p, 0
        self._seen: list[_Sorted] = []
        draw = np.random.default_rng(204)  # any odd numbers will do
        self._factors = draw.integers(1 << 63, size=(2, _LENGTH), dtype=np.uint64) * np.uint64(2) + np.uint64(1)

    @property
    def bytes(self) -> int:
        """How many bytes the fingerprints take that are kept."""
        return sum(part.first.nbytes + part.second.nbytes + part.place.nbytes for part in self._seen)

    def add(self, opened: Sequence[Opened]) -> str:
        """Note masks; return the first repeat among all that were noted, or the empty string."""
        for begin in range(0, len(opened), _AT_ONCE):
            part = opened[begin : begin + _AT_ONCE]
            usable = [(self.count + n, one.y) for n, one in enumerate(part) if one.y.size]
            self.count += len(part)
            if usable and (found := self._add(self._fingerprints(usable))):
                return found
        return ""

    def _fingerprints(self, usable: Sequence[tuple[int, Ints]]) -> _Sorted:
        v = (np.array([y for _, y in usable]) + self.p.gamma1).astype(np.uint64)
        windows = np.lib.stride_tricks.sliding_window_view(v, _LENGTH, axis=2)
        first, second = (_mixed((windows * factors).sum(axis=3, dtype=np.uint64)) for factors in self._factors)
        signature, polynomial, start = np.nonzero(first % np.uint64(_THINNED) == 0)
        numbers = np.array([number for number, _ in usable])[signature]
        place = ((numbers * self.p.l + polynomial) * N + start).astype(np.uint32)
        chosen = signature, polynomial, start
        return _Sorted.of(first[chosen], second[chosen], place)

    def _add(self, new: _Sorted) -> str:
        found = [*new.twice(), *(pair for part in self._seen for pair in new.before(part))]
        if found:
            return self._told(*min(found))
        self._seen.append(new)
        # Each array is at least twice as long as the next, or as long as any: so they are few, and merged seldom.
        while len(self._seen) > 1 and self._seen[-1].first.size * 2 > self._seen[-2].first.size < _LONGEST:
            last = self._seen.pop()
            self._seen[-1] = self._seen[-1].merged(last)
        return ""

    def _told(self, place: int, before: int) -> str:
        row = []
        for number in (place, before):
            polynomial, start = divmod(number, N)
            row.append((*divmod(polynomial, self.p.l), start))
        (signature, polynomial, start), (old, old_polynomial, old_start) = row
        return (
            f"{_LENGTH} coefficients in a row of y in signature {signature} (polynomial {polynomial}, from"
            f" {start}) are those of signature {old} (polynomial {old_polynomial}, from {old_start})"
        )


def _mixed(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return a permutation of 64-bit numbers that spreads every bit over all (the finaliser of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
