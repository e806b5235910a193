"""Checks: the smallest named rules, each with its clause, what it needs, and the cases that ask it.

A check's script is a coroutine: it yields the calls that it wants made and receives one reply each, so the runner can
interleave many cases and send their calls together, while the script reads as if it spoke to the implementation alone.
What it wants computed by the oracle it yields, too: the computations of many cases are made as one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from pqvalidate.adapters.interface import Call
from pqvalidate.algorithms import nearest
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Depth, Severity

SUITES = (
    "naming", "known_answer", "differential", "validation_kem", "validation_dsa", "validation_round3",
    "state", "randomness", "audit", "accumulated", "properties",
)  # fmt: skip
"""Modules of this package that each hold ``CHECKS``; a new family is one file and one name here."""
ON_CLAIM = ("timing", "timing_encapsulation", "timing_taint", "timing_addresses")
"""Modules whose checks bear on a claim of their own, and are asked only where the vendor makes it."""


_IN_WORDS = {
    "env:measure": "calls that can be timed where they are made (messages through a pipe take longer than a leak)",
    "env:count": "a C library whose instructions can be counted",
}
"""What a timing check needs of a way of attaching, in words; no other name says less than its words would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What one case showed; ``data`` holds inputs, expected and observed values of a failure.

    A case that the implementation need not answer, and did not, is not applicable: nothing was shown.
    """

    outcome: Literal["pass", "fail", "not-applicable"]
    why: str = ""
    fault: str = ""
    data: Mapping[str, bytes | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compute:
    """A computation by our oracle, ``function(parameter_set, *columns) -> list``, for one case.

    Those of all cases in flight are made as one batch, while the implementation answers other cases.
    """

    function: Callable[..., Sequence[Any]]
    parameter_set: str
    arguments: tuple[Any, ...]


Result = TypeVar("Result")
Asks: TypeAlias = Generator[Sequence[Call] | Sequence[Compute], Sequence[Any], Result]
"""Yields calls, and receives a reply (Ok, Rejected, Fault) each; or computations, and receives a value each."""
Script: TypeAlias = Asks[CaseResult]


class AnyCase(Protocol):
    """A case of any suite: it has an id that stays the same from run to run, and flags that explain it."""

    @property
    def id(self) -> str:
        """Unique within a check and parameter set."""

    @property
    def flags(self) -> tuple[str, ...]:
        """Names of the properties that the case is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What a check needs to know to make its cases."""

    parameter_set: str
    depth: Depth
    seed: bytes
    operations: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule of a standard that an implementation must meet.

    Attributes:
        name: e.g. ``ml-kem/ek-modulus``.
        needs: alternatives, each a set of operations; the first that the implementation offers in full is used.
        effect: what a failure means to somebody who uses the implementation, in one sentence.
        caller_check: the input check that a vendor may document as the caller's; a failure is then advisory.
        detects: says how rare a fault so many cases show.
        varies_length: the input that every case of the check gives in a wrong length.
        tools: programs that must be on this machine.
        gaps: says which of the check's cases cannot be asked of an implementation that offers a part of them.

    """

    name: str
    suite: str
    algorithm: str
    clause: str
    explain: str
    effect: str
    needs: tuple[frozenset[str], ...]
    cases: Callable[[Asking], Sequence[Any]]
    script: Callable[[Any, Asking], Script]
    severity: Severity = "high"
    bears_on: str = "conformance"
    revision: int = 1
    caller_check: str = ""
    varies_length: str = ""
    tools: tuple[str, ...] = ()
    gaps: Callable[[Asking], str] = lambda _asking: ""
    detects: Callable[[int], str] = lambda _cases: ""

    def satisfied_by(self, operations: frozenset[str]) -> bool:
        """Return whether one of the alternatives is there in full."""
        return any(need <= operations for need in self.needs)

    def missing(self, operations: frozenset[str]) -> str:
        """Return in words what the implementation would have to offer."""
        lacking = [need - operations for need in self.needs]
        least = [names for names in lacking if not any(other < names for other in lacking)]
        return " or ".join(dict.fromkeys(" and ".join(sorted(_IN_WORDS.get(n, n) for n in names)) for names in least))


def all_checks() -> tuple[Check, ...]:
    """Return every check that bears on conformance, in the order in which they run."""
    return _checks_of(SUITES)


def checks_on_claim() -> tuple[Check, ...]:
    """Return the checks that are asked only where the vendor makes the claim on which they bear."""
    return _checks_of(ON_CLAIM)


def _checks_of(modules: Sequence[str]) -> tuple[Check, ...]:
    return tuple(check for name in modules for check in import_module(f"{__name__}.{name}").CHECKS)


def find_check(name: str) -> Check:
    """Return the check called ``name``.

    Raises:
        UsageError: there is none; the message names the nearest.

    """
    known = {check.name: check for check in (*all_checks(), *checks_on_claim())}
    if name not in known:
        raise UsageError(f"unknown check {name!r}{nearest(name, list(known))}; see `pqvalidate explain`")
    return known[name]
