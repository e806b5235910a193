"""Calls as they travel to the worker, and its replies: believed only in the shape of the operation that was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pqvalidate.adapters.interface import (
    Call,
    Fault,
    Ok,
    Rejected,
    Reply,
    table_for,
)
from pqvalidate.algorithms import PARAMETER_SETS

_LONGEST_OUTPUT = 1 << 21
"""No output of any algorithm comes near; a longer one is a fault and is not kept."""
_LONGEST_TEXT = 500
_OUTPUT_TYPES: dict[str, type] = {"valid": bool, "handle": int}

_TABLES = {name: table_for(name) for name in PARAMETER_SETS}
_NAMES = {operation.outputs: frozenset(operation.outputs) for table in _TABLES.values() for operation in table.values()}


def wire(call: Call) -> dict[str, Any]:
    """Return a call as a request without its id."""
    if call.operation == "together":
        return {"op": "together", "how": call.inputs["how"], "calls": [wire(inner) for inner in call.inputs["calls"]]}
    return {"op": call.operation, "set": call.parameter_set, "in": dict(call.inputs)}


def reply_to(message: dict[str, Any], number: int, call: Call | dict[str, Any]) -> Reply:
    """Return the reply in a message to request ``number``; what is no reply to ``call`` is a protocol fault."""
    if message.get("id") != number:
        return Fault("protocol", f"a reply carries id {printable(message.get('id'))}, expected {number}")
    if "died" in message:
        return Fault("crash", f"ended by {printable(message['died'])}")
    return fitting(message, call) if isinstance(call, Call) else reply_of(message)


def replies_in(message: dict[str, Any], number: int, calls: Sequence[Call | dict[str, Any]]) -> list[Reply]:
    """Return the replies that one message holds (``many``) to the calls from ``number`` on, at least one.

    They end with the first one that costs the process. A reply is the operation's only output, a list of its outputs,
    or a map like a message of its own without a number.
    """
    entries = message["many"]
    if message.get("id") != number:
        return [Fault("protocol", f"a reply carries id {printable(message.get('id'))}, expected {number}")]
    if not isinstance(entries, list) or not 0 < len(entries) <= len(calls):
        return [Fault("protocol", f"a message does not hold replies to one call or more, and {len(calls)} at most")]
    found: list[Reply] = []
    asked = ("", "")
    names: tuple[str, ...] = ("",)
    kind: type = bytes
    for entry, call in zip(entries, calls):  # noqa: B905  (as many as there are)
        if not isinstance(call, Call):
            return [*found, Fault("protocol", "a reply among many came to a request of another kind")]
        if (call.operation, call.parameter_set) != asked:
            asked = call.operation, call.parameter_set
            names = _outputs_of(call)
            kind = _OUTPUT_TYPES.get(names[0], bytes) if names else bytes
        if type(entry) is kind and len(names) == 1 and not (isinstance(entry, bytes) and len(entry) > _LONGEST_OUTPUT):
            found.append(Ok({names[0]: entry}))
            continue
        reply = _entry(entry, call, names)
        found.append(reply)
        if isinstance(reply, Fault) and reply.kind != "exception":
            break
    return found


def _outputs_of(call: Call) -> tuple[str, ...]:
    operation = _TABLES[call.parameter_set].get(call.operation)
    return operation.outputs if operation else ()


def _entry(entry: object, call: Call, names: tuple[str, ...]) -> Reply:
    """Return one reply among many that is not just the only output."""
    if isinstance(entry, dict):
        return Fault("crash", f"ended by {printable(entry['died'])}") if "died" in entry else fitting(entry, call)
    values = entry if isinstance(entry, list) else [entry]
    if not names or len(values) != len(names):
        return Fault("protocol", f"a reply among many does not hold {', '.join(names) or 'what was asked for'}")
    return fitting({"ok": dict(zip(names, values, strict=True))}, call)


def fitting(message: dict[str, Any], call: Call) -> Reply:
    """Return the reply in a message without a number; one that does not fit ``call`` is a protocol fault.

    Its values come in the order of the operation's outputs: the members of a JSON object have none of their own.
    """
    reply = reply_of(message)
    if misfit := _misfit(call, reply):
        return Fault("protocol", misfit)
    if isinstance(reply, Ok) and len(reply.values) > 1:
        return Ok({name: reply.values[name] for name in _TABLES[call.parameter_set][call.operation].outputs})
    return reply


def reply_of(message: dict[str, Any]) -> Reply:
    """Return the reply that a message is; the replies inside that of ``together`` become replies, too."""
    if isinstance(values := message.get("ok"), dict):
        return Ok({**values, "replies": _nested(values["replies"])} if "replies" in values else values)
    if "rejected" in message:
        return Rejected(printable(message["rejected"]))
    if "error" in message:
        return Fault("exception", printable(message["error"]))
    return Fault("protocol", "a reply holds neither ok, rejected nor error")


def _nested(values: Any) -> Any:  # noqa: ANN401  (a list of replies, or of lists of them)
    if isinstance(values, list):
        return [_nested(value) for value in values]
    return reply_of(values) if isinstance(values, dict) else Fault("protocol", "a reply is no map")


def _misfit(call: Call, reply: Reply) -> str:
    """Return what keeps a reply from being one to ``call``: names, types and lengths of its outputs; or nothing."""
    if not isinstance(reply, Ok):
        return ""
    if call.operation in ("together", "measure"):
        return _misfits(call, reply.values) if call.operation == "together" else _no_times(call, reply.values)
    names = _TABLES[call.parameter_set][call.operation].outputs
    values = reply.values
    if values.keys() != _NAMES[names]:
        return f"a reply holds {printable(', '.join(map(str, values)))} where {', '.join(names)} is expected"
    for name in names:
        value = values[name]
        if not isinstance(value, _OUTPUT_TYPES.get(name, bytes)):
            return f"a reply holds a value of type {type(value).__name__} as {name}"
        if isinstance(value, bytes) and len(value) > _LONGEST_OUTPUT:
            return f"a reply holds {len(value)} bytes as {name}"
    return ""


def _no_times(call: Call, values: Mapping[str, Any]) -> str:
    """Return what keeps a reply from holding the nanoseconds of each measured call; or nothing."""
    times, count = values.get("ns"), len(call.inputs["values"])
    right = isinstance(times, list) and len(times) == count and all(type(ns) is int and ns >= 0 for ns in times)
    return "" if right else f"a reply does not hold the nanoseconds of {count} calls"


def _misfits(call: Call, values: Mapping[str, Any]) -> str:
    calls, replies = call.inputs["calls"], values.get("replies")
    for copy in replies if call.inputs["how"] == "fork" and isinstance(replies, list) else [replies]:
        if not isinstance(copy, list) or len(copy) != len(calls):
            return f"a reply to {len(calls)} calls does not hold one for each"
        for inner, reply in zip(calls, copy, strict=True):
            if misfit := "a reply is no map" if isinstance(reply, list) else _misfit(inner, reply):
                return misfit
    return ""


def printable(value: object) -> str:
    """Return at most 500 characters of a text from outside, on one line and without control characters."""
    plain = "".join(c if c.isprintable() else " " for c in str(value)[: 2 * _LONGEST_TEXT])
    return " ".join(plain.split())[:_LONGEST_TEXT]


def last_words(log: str) -> str:
    """Return a remark with the last line of what a child has printed, or nothing."""
    printed = printable(log.strip().rpartition("\n")[2])
    return f"; the last line that it printed: {printed[:160]}" if printed else ""


def until_restart(calls: Sequence[Call], begin: int) -> Sequence[Call]:
    """Return the calls from number ``begin`` on up to the next that asks for a new process."""
    end = next((n for n in range(begin, len(calls)) if calls[n].operation == "restart"), len(calls))
    return calls[begin:end]
