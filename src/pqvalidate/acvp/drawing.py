"""Fresh tests: what is drawn from the seed, in which groups, and what our computation of the standard answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from pqvalidate.errors import PqvalidateError
from pqvalidate.suites import Asking
from pqvalidate.suites.tape import Tape

Fields: TypeAlias = dict[str, Any]
Item = TypeVar("Item")

COUNTS: Final = {"keyGen": 25, "encapsulation": 25, "check": 10, "sigGen": 15, "sigVer": 15}
"""Tests per group, as in the sets that NIST publishes (v1.1.0.43)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One fresh test: the fields that are sent, the fields that must come back, and why the test is there."""

    sent: Fields
    expected: Fields
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnGroup:
    """One fresh group: its attributes as ACVP writes them, and a function that draws its tests."""

    attributes: Fields
    draw: Callable[[Draw], list[Drawn]]


class Draw:
    """The random values of one group: test number i is a function of (seed, set, group, i) and nothing else."""

    def __init__(self, seed: bytes, parameter_set: str, group: str) -> None:
        self.name = parameter_set
        self._asking = Asking(parameter_set=parameter_set, depth="full", seed=seed, operations=frozenset())
        self._group = f"acvp|{group}"

    def tape(self, number: int) -> Tape:
        """Return the stream of test ``number``."""
        return Tape(self._asking, self._group, number)

    def column(self, count: int, length: int, what: str) -> list[bytes]:
        """Return ``count`` values of ``length`` bytes, called ``what`` so that other columns differ."""
        return [Tape(self._asking, f"{self._group}|{what}", number).read(length) for number in range(count)]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """Return the items in an order that tells nothing about them."""
        keys = self.column(len(items), 16, "order")
        return [items[index] for index in sorted(range(len(items)), key=keys.__getitem__)]


def changed(value: bytes, position: int, tape: Tape) -> bytes:
    """Return the value with another byte at a position; a negative position counts from the end."""
    position %= len(value)
    return (
        value[:position]
        + bytes([value[position] ^ (1 + tape.below(255))])
        + value[position + 1 :]
    )  # fmt: skip


def insist(what: str, *, holds: bool) -> None:
    """Stop where a drawn test is not what it was drawn to be.

    Raises:
        PqvalidateError: it is not; a fault of ours.

    """
    if not holds:
        raise PqvalidateError(f"a drawn test is not what it should be: {what}; please report it")
