"""A conversation with a vendor's own program: harness protocol, version 1, in both framings (docs/reference)."""

from __future__ import annotations

import binascii
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from pqvalidate.adapters.batches import Batches, batch_reply
from pqvalidate.adapters.framing import FrameBuffer, LineBuffer, pack, pack_line
from pqvalidate.adapters.interface import Call, Fault, Reply, table_for
from pqvalidate.adapters.launch import LENGTH
from pqvalidate.adapters.process import ChildProcess, program, send
from pqvalidate.adapters.replies import printable, reply_to, wire
from pqvalidate.adapters.session import Hello, Limits, Session, Target
from pqvalidate.algorithms import PREHASH_OID_BYTE

PROTOCOL = 1
_NOT_HEX = {"valid", "handle", "replies", "ns"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(Target):
    """A vendor's program: the words of its command, and how its messages travel."""

    command: tuple[str, ...]
    framing: Literal["jsonl", "binary"] = "jsonl"


class Greeting(msgspec.Struct):
    """What a program says of itself in its reply to ``hello``; names that are unknown here are left aside."""

    protocol: int
    operations: dict[str, list[str]]
    name: str = ""
    version: str = ""
    without: dict[str, list[str]] = {}
    hashes: dict[str, list[str]] = {}
    batch: bool = False
    measure: bool = False


class HarnessSession(Session):
    """Owns the process of a vendor's program; asks like ``Session``, in batches where the program takes them.

    Raises:
        AttachError: the program cannot be started, or does not say what it offers.

    """

    def __init__(self, target: Program, limits: Limits | None = None) -> None:
        self._program = target
        self._text = target.framing == "jsonl"
        self._pack: Callable[[dict[str, Any]], bytes] = pack_line if self._text else pack
        self._batches = Batches(super().ask, lambda: self.hello.get("batch", False), self._lost)
        super().__init__(target, limits)

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make ``calls`` in order, as ``Session.ask`` does; a fault inside a batch belongs to one call, too."""
        return self._batches.ask(calls, most_losses)

    def raw(self, data: bytes, count: int) -> list[dict[str, Any]] | Fault:
        """Send bytes as they are and return the next ``count`` messages as they come; a fault ends the process.

        For the conformance test of programs; what is asked of an implementation goes through ``ask``.
        """
        if not_there := self.revive():
            return not_there
        child = self._child
        assert child is not None  # noqa: S101  (it was just started)
        outgoing, messages = deque([memoryview(data)]), list[dict[str, Any]]()
        deadline = time.monotonic() + self.limits.call_seconds
        send(child, outgoing)
        while len(messages) < count:
            late = f"no reply within {self.limits.call_seconds} s"
            message = self._next_message(child, outgoing, deadline, late)
            if isinstance(message, Fault):
                self._lose()
                return message
            messages.append(message)
        return messages

    def framed(self, message: dict[str, Any]) -> bytes:
        """Return a message as it travels to this program."""
        return self._pack(hexed(message) if self._text else message)

    def end_input(self, seconds: float) -> str:
        """Close the program's input, end its process, and return how it ended or what it still said; "" if well."""
        child = self._child
        if child is None:
            return "there is no process"
        try:
            return child.end_input(seconds) or ("it wrote more than its replies" if self._buffer.rest() else "")
        finally:
            self._lose()

    def _lost(self) -> Literal["", "vendor", "outside"]:
        if self.alive:
            return ""
        return "outside" if self.killed_from_outside else "vendor"

    def _new_child(self) -> ChildProcess:
        return program(self.target.environment)

    def _greet(self, child: ChildProcess) -> Hello:
        deadline = time.monotonic() + self.limits.start_seconds
        config = {"command": self._program.command, "environment": child.environment, **self._bounds(child)}
        body = msgspec.json.encode(config)
        launcher = self._buffer = LineBuffer()
        started = self._first(child, deque([memoryview(LENGTH.pack(len(body)) + body)]), deadline)
        self._buffer = LineBuffer() if self._text else FrameBuffer()
        self._buffer.feed(launcher.rest())
        number = secrets.randbits(31)  # of its own: the calls' numbers must not follow from it
        asked = memoryview(self._pack({"id": number, "op": "hello"}))
        message = self._first(child, deque([asked]), deadline)
        if message.get("id") != number:
            raise self._no_start(child, f"its hello carries id {printable(message.get('id'))}, expected {number}")
        try:
            greeting = msgspec.convert(message["ok"], Greeting)
        except msgspec.ValidationError as error:
            raise self._no_start(child, f"what it says about itself is malformed: {error}") from None
        if greeting.protocol != PROTOCOL:
            problem = f"it speaks protocol {greeting.protocol}, and this is protocol {PROTOCOL}"
            raise self._no_start(child, problem)
        return _hello(greeting, self.target.sets, started["ok"])

    def _frame(self, call: Call | dict[str, Any], number: int) -> bytes:
        return self.framed({"id": number, **_wire(call)} if isinstance(call, Call) else {**call, "id": number})

    def _reply(self, message: dict[str, Any], number: int, call: Call | dict[str, Any]) -> Reply:
        try:
            if isinstance(call, Call) and call.operation == "batch":
                inner = call.inputs["calls"]
                replies = message.get("ok")
                if self._text and isinstance(replies, list):
                    for reply in replies:
                        unhexed(reply)
                return batch_reply(message, number, inner)
            if self._text:
                unhexed(message)
        except ValueError as error:
            return Fault("protocol", printable(error))
        return reply_to(message, number, call)


def _wire(call: Call) -> dict[str, Any]:
    if call.operation == "batch":
        return {"op": "batch", "calls": [wire(inner) for inner in call.inputs["calls"]]}
    return wire(call)


def hexed(value: Any) -> Any:  # noqa: ANN401  (any message or part of one)
    """Return a message with every byte string in hex, as the framing ``jsonl`` has it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: hexed(part) for name, part in value.items()}
    return [hexed(part) for part in value] if isinstance(value, list) else value


def unhexed(message: object) -> None:
    """Turn the hex of the outputs in one reply into bytes, in place; what is no text stays, to be found wrong later.

    Raises:
        ValueError: an output is no hex: an odd number of digits, or other characters.

    """
    values = message.get("ok") if isinstance(message, dict) else None
    if not isinstance(values, dict):
        return
    for name, value in values.items():
        if isinstance(value, str) and name not in _NOT_HEX:
            try:
                values[name] = binascii.unhexlify(value)
            except ValueError as error:
                problem = f"a reply holds no hex as {printable(name)}: {error}; it begins {value[:32]!r}"
                raise ValueError(problem) from None


def _hello(greeting: Greeting, sets: tuple[str, ...], limits: list[str]) -> Hello:
    """Return the greeting as the Python worker would say it, without what nobody claims or nobody knows."""
    claimed = [name for name in sets if name in greeting.operations]
    return {
        "operations": {name: _known(name, greeting.operations[name]) for name in claimed},
        "without": {name: greeting.without.get(name, []) for name in claimed},
        "hashes": {name: greeting.hashes.get(name, list(PREHASH_OID_BYTE)) for name in claimed},
        "refused": {name: "its hello does not name it" for name in sets if name not in claimed},
        "together": [],
        "limits": limits,
        "version": printable(greeting.version),
        "batch": greeting.batch,
        "measure": greeting.measure,
    }


def _known(name: str, offered: list[str]) -> list[str]:
    """Return the operations of this protocol among those offered; keys that stay loaded are none of them."""
    table = table_for(name)
    return [operation for operation in table if operation in offered and not operation.startswith("load_")]
