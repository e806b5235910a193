"""The seeded tape: case number i of a property is a function of (seed, parameter set, property, i) and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, TypeVar, overload

import msgspec

from pqvalidate.suites import Asking

_BLOCK: Final = 136
"""SHAKE256 gives so many bytes per permutation (FIPS 202 table 3); many a case needs no more."""


def _ahead(end: int) -> int:
    """Return how much of a tape to have at hand where ``end`` bytes are needed: whole blocks, some beyond it."""
    return -(-(end + end // 8) // _BLOCK) * _BLOCK


class Tape:
    """A stream of bytes for one case: SHAKE256(seed ‖ parameter set ‖ property ‖ i), read from front to back."""

    __slots__ = ("_at", "_bytes", "_state")

    def __init__(self, asking: Asking, name: str, number: int) -> None:
        self._state = hashlib.shake_256(asking.seed + f"|{asking.parameter_set}|{name}|{number}".encode())
        self._bytes, self._at = self._state.digest(_BLOCK), 0

    def read(self, length: int) -> bytes:
        """Return the next bytes."""
        end = self._at + length
        if end > len(self._bytes):
            self._bytes = self._state.digest(_ahead(end))
        self._at = end
        return self._bytes[end - length : end]

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound`` - 1; the bias is below 2^-32 for the small bounds used here."""
        begin = self._at
        self._at = end = begin + 6
        if end > len(self._bytes):
            self._bytes = self._state.digest(_ahead(end))
        return int.from_bytes(self._bytes[begin:end], "little") % bound


class Drawn(msgspec.Struct, frozen=True):
    """One case of a campaign: its number on the tape, and how far it was made simpler after a failure."""

    id: str
    number: int
    simpler: int = 0
    flags: tuple[str, ...] = ()


Case = TypeVar("Case")


class Numbered(Sequence[Case], Generic[Case]):
    """Cases that are made when they are needed, so that a campaign of a million costs no memory while it is planned."""

    def __init__(self, count: int, make: Callable[[int], Case], named: Callable[[str], Case | None]) -> None:
        self._count, self._make, self.named = count, make, named

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Case: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Case]: ...

    def __getitem__(self, index: int | slice) -> Case | Sequence[Case]:
        if isinstance(index, slice):
            return [self._make(number) for number in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._make(index % self._count)

    def __iter__(self) -> Iterator[Case]:
        return map(self._make, range(self._count))

    def between(self, lo: int, hi: int) -> Iterator[Case]:
        """Make the cases from number ``lo`` up to but without ``hi``; the tape has no end, so any numbers will do."""
        return map(self._make, range(lo, hi))

    def resized(self, count: int) -> Numbered[Case]:
        """Return the same campaign with another number of cases."""
        return Numbered(count, self._make, self.named)


def number_of(name: str) -> int:
    """Return the number of a drawn case from its name (``drawn/17``)."""
    return int(name.rpartition("/")[2])


def campaign(counts: dict[str, int]) -> Callable[[Asking], Sequence[Drawn]]:
    """Return a function that gives the cases of a campaign with so many cases by depth."""

    def make(number: int) -> Drawn:
        return Drawn(f"drawn/{number}", number)

    def named(name: str) -> Drawn | None:
        """Return the case of that name, also a simpler one (``drawn/17/simpler/3``)."""
        parts = name.split("/")
        if len(parts) not in (2, 4) or parts[0] != "drawn" or not all(p.isdecimal() for p in parts[1::2]):
            return None
        if len(parts) == 4:
            return Drawn(name, int(parts[1]), int(parts[3])) if parts[2] == "simpler" else None
        return make(int(parts[1]))

    return lambda asking: Numbered(counts[asking.depth], make, named)
