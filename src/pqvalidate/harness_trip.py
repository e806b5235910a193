"""Every operation that a program offers, once and with honest inputs: does each output come back in its place?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pqvalidate.adapters.harness import HarnessSession
from pqvalidate.adapters.interface import (
    Call,
    Fault,
    Ok,
    Operation,
    Reply,
    table_for,
)
from pqvalidate.algorithms import PARAMETER_SETS


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was asked of the program: what was sent, what was seen, and what to change where it failed."""

    check: str
    outcome: Literal["pass", "fail", "not-asked"]
    sent: str
    seen: str
    change: str = ""


def required(shape: Operation) -> list[str]:
    """Return the inputs of an operation that cannot be left out."""
    return [field for field in shape.inputs if field not in shape.optional]


def operations(session: HarnessSession) -> Iterator[Finding]:
    """Call every offered operation with honest inputs, and look at the shape of what comes back."""
    for name, offered in session.hello["operations"].items():
        yield from _round_trip(session, name, {operation: table_for(name)[operation] for operation in offered})


def _round_trip(session: HarnessSession, name: str, rows: dict[str, Operation]) -> Iterator[Finding]:
    values: dict[str, Any] = {
        "seed": bytes(range(PARAMETER_SETS[name].seed)), "m": bytes(32), "rnd": bytes(32), "mu": bytes(64),
        "message": b"message", "m_prime": b"\0\0message", "context": b"",
        "hash": next(iter(session.hello["hashes"].get(name, ())), "SHA2-512"),
    }  # fmt: skip
    waiting = sorted(rows, key=lambda op: (not op.startswith("keygen"), op))
    while ready := [op for op in waiting if all(_source(field, op) in values for field in required(rows[op]))]:
        for operation in ready:
            lacking = session.hello["without"][name]
            fields = [field for field in rows[operation].inputs if f"{operation}.{field}" not in lacking]
            inputs = {field: values[_source(field, operation)] for field in fields}
            (reply,) = session.ask([Call(operation=operation, parameter_set=name, inputs=inputs)])
            # A key pair that is not from the seed goes with no signature or secret of an operation that takes the seed.
            related = "keygen_from_seed" in rows or not operation.endswith("_from_seed")
            yield _judged(name, operation, fields, reply, values if related else {})
            if isinstance(reply, Ok) and related and not operation.startswith("decapsulate"):
                values |= {_source(field, operation): value for field, value in reply.values.items()}
        waiting = [op for op in waiting if op not in ready]
    for operation in waiting:
        missing = ", ".join(field for field in required(rows[operation]) if _source(field, operation) not in values)
        yield Finding(f"{name} {operation}", "not-asked", "nothing", f"no operation gave {missing}")


def _source(field: str, operation: str) -> str:
    """Return under which name a value is kept: a signature under what it signs, so that it is verified as that."""
    if field != "signature":
        return field
    signed = next((kind for kind in ("mu", "prehash", "internal") if kind in operation), "message")
    return f"signature of {signed}"


def _judged(name: str, operation: str, fields: list[str], reply: Reply, known: Mapping[str, Any]) -> Finding:
    sent = f"honest inputs ({', '.join(fields)})" if fields else "the call"
    change = ""
    if isinstance(reply, Ok):
        seen = ", ".join(f"{k} {v if isinstance(v, bool) else f'of {len(v)} bytes'}" for k, v in reply.values.items())
        if reply.values.get("valid") is False:
            change = "Answer valid true for what the same program has just made"
        misplaced = [f for f, v in reply.values.items() if isinstance(v, bytes) and len(v) not in _lengths(name, f)]
        if misplaced:
            change = f"Look at {', '.join(misplaced)}: the standard has another length. Which field holds which bytes?"
        elif operation.startswith("decapsulate") and "k" in known and reply.values["k"] != known["k"]:
            seen, change = "another shared secret than encapsulation gave", "Check which field holds which bytes"
    else:
        seen = str(reply) if isinstance(reply, Fault) else f"rejected: {reply.why}"
        change = "Answer honest inputs with ok and the outputs of docs/reference/operations, or do not offer it"
    return Finding(f"{name} {operation}", "fail" if change else "pass", sent, seen, change)


def _lengths(name: str, field: str) -> tuple[int, ...]:
    """Return the lengths in bytes that an output may have; a private key may be its seed."""
    row = PARAMETER_SETS[name]
    private = (row.private_key, row.seed)
    lengths = {"k": (32,), "ek": (row.public_key,), "pk": (row.public_key,), "dk": private, "sk": private}
    return lengths.get(field, (row.output,))
