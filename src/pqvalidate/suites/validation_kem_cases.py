"""What the crafted checks of ML-KEM share: their cases, what they are drawn from, and the row that makes a check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pqvalidate.adapters.interface import Call, Rejected, Reply, Value
from pqvalidate.evidence import Severity
from pqvalidate.oracle import crafting_kem as crafting
from pqvalidate.oracle.crafting_kem import Exchange
from pqvalidate.suites import Asking, Asks, CaseResult, Check, Compute, Script
from pqvalidate.suites.expectations import expect_values
from pqvalidate.suites.tape import Tape


@dataclass(frozen=True, slots=True, kw_only=True)
class Crafted:
    """One crafted input: ``make`` builds it from an exchange, when it is asked and no sooner.

    ``number`` chooses the exchange, ``expect`` says for inputs of both kinds whether this one is a good one.
    """

    id: str
    make: Callable[[Exchange], Any] = field(default=lambda exchange: exchange, compare=False)
    number: int = 0
    expect: bool = False
    flags: tuple[str, ...] = ()


def drawn(asking: Asking, label: str, number: int = 0) -> bytes:
    """Return what an exchange is made from; it depends on the run's seed, the parameter set and the label alone."""
    return Tape(asking, f"crafted {label}", number).read(crafting.DRAWN)


def honest(asking: Asking, number: int = 0) -> Asks[Exchange]:
    """Return, through the script, an honest exchange; few are made, and many cases share each."""
    made = yield [Compute(crafting.exchanges, asking.parameter_set, (drawn(asking, "honest", number),))]
    exchange: Exchange = made[0]
    return exchange


def call(asking: Asking, operation: str, **inputs: Value) -> Call:
    """Return a call of the parameter set that is asked about."""
    return Call(operation=operation, parameter_set=asking.parameter_set, inputs=inputs)


def offered(asking: Asking, *operations: str) -> str:
    """Return the first of the operations that the implementation offers."""
    return next(operation for operation in operations if operation in asking.operations)


def value_or_refused_key(reply: Reply, inputs: dict[str, Value], expected: dict[str, bytes]) -> CaseResult:
    """Pass if the value is right, or if the crafted key was refused.

    No honest key generation makes such a key. FIPS 203 section 7.1 allows an import to try a key pair out, so that a
    refusal is no fault; a wrong secret is one.
    """
    if isinstance(reply, Rejected):
        return CaseResult(outcome="pass", why=f"the crafted key was refused, so nothing was shown: {reply.why}")
    return expect_values(reply, inputs, expected)


def check(
    name: str, clause: str, needs: str, cases: Callable[[Asking], Sequence[Crafted]],
    script: Callable[[Crafted, Asking], Script], explain: str, effect: str, *, severity: Severity = "high",
    caller_check: str = "",
) -> Check:  # fmt: skip
    """Return one row; ``needs`` names alternative operations with spaces between."""
    return Check(
        name=f"ml-kem/{name}", suite="validation", algorithm="ML-KEM", clause=clause, explain=explain, effect=effect,
        needs=tuple(frozenset({operation}) for operation in needs.split()), cases=cases, script=script,
        severity=severity, caller_check=caller_check,
    )  # fmt: skip


BAD_INPUT = "Malformed input is processed as if it were good, which can leak keys or confuse the two sides."
ORACLE = "Answers to modified ciphertexts can betray the decapsulation key to an attacker."
RARE = "In rare cases, which an attacker may look for, the two sides do not arrive at the same secret."
