"""Batches of byte strings: how the oracle takes its inputs apart, refuses the bad ones and works in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pqvalidate.errors import UsageError

Ints: TypeAlias = npt.NDArray[np.int64]
Octets: TypeAlias = npt.NDArray[np.uint8]
Bits: TypeAlias = npt.NDArray[np.bool_]

# 64 instances keep every array of the largest parameter set under 8 MB: it stays near the processor's cache.
BATCH = 64


class RefusedError(ValueError):
    """An input that the standard tells an implementation to refuse.

    Args:
        index: position of the input in its batch.
        why: what is wrong with it, with the clause of the standard.

    """

    def __init__(self, index: int, why: str) -> None:
        self.index, self.why = index, why
        super().__init__(f"input {index}: {why}")


def check_columns(*columns: Sized) -> None:
    """Refuse a batch whose columns do not hold equally many values.

    Raises:
        UsageError: with the numbers of values.

    """
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise UsageError(f"a batch needs equally many values in every column, not {lengths}")


def slices(column: Sized, size: int = BATCH) -> Iterator[slice]:
    """Yield slices of at most ``size`` instances that cover a column."""
    return (slice(start, start + size) for start in range(0, len(column), size))


def check_lengths(what: str, values: Sequence[bytes], length: int, clause: str) -> None:
    """Refuse the first value that is not ``length`` bytes long.

    Raises:
        RefusedError: with the index, the two lengths and the clause.

    """
    for index, value in enumerate(values):
        if len(value) != length:
            raise RefusedError(index, f"{what} of {len(value)} bytes instead of {length} ({clause})")


def stack(values: Sequence[bytes]) -> Octets:
    """Return byte strings of one length as the rows of an array."""
    return np.frombuffer(b"".join(values), dtype=np.uint8).reshape(len(values), -1)


def rows(array: Octets) -> list[bytes]:
    """Return each leading-axis entry of an array as a byte string."""
    return [row.tobytes() for row in array]


def join(*columns: Sequence[bytes]) -> list[bytes]:
    """Return the row-wise concatenation of columns of byte strings."""
    return [b"".join(parts) for parts in zip(*columns, strict=True)]


def distinct(values: Sequence[bytes]) -> tuple[list[bytes], npt.NDArray[np.intp]]:
    """Return the distinct values and, for every value, its place among them: many calls share one key."""
    places: dict[bytes, int] = {}
    index = [places.setdefault(value, len(places)) for value in values]
    return list(places), np.array(index, dtype=np.intp)
