"""A conversation with one implementation: calls in order, one reply each, faults attributed, restart at the next call."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pqvalidate.adapters.framing import FrameBuffer, FrameError, pack
from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply
from pqvalidate.adapters.process import ChildProcess, on_main_thread, python_worker
from pqvalidate.errors import AttachError

_IN_FLIGHT = 64
"""Calls sent ahead of their replies; enough to hide the round trip, few enough to bound the memory of a window."""

_QUEUED_BYTES = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on a child: seconds per call and for the start, bytes of memory and of any file it writes."""

    call_seconds: int = 20
    start_seconds: int = 60
    memory_bytes: int = 2 << 30
    file_bytes: int = 1 << 20
    descriptors: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the Python worker imports: ``module:callable``, import path, parameter sets to make; whether to ask a version."""

    target: str
    path: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    ask_version: bool = False
    environment: dict[str, str] = field(default_factory=dict)


class Session:
    """Owns the child process of one implementation; use as a context manager, from one thread at a time.

    Raises:
        AttachError: the child cannot be started, or does not say what it offers.

    """

    def __init__(self, target: Target, limits: Limits | None = None) -> None:
        self.target = target
        self.limits = limits or Limits()
        self.restarts = 0
        self._killed_from_outside = False
        self._child: ChildProcess | None = None
        self._buffer = FrameBuffer()
        self.hello = self._start()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child and all that it started; closing twice is harmless."""
        if self._child is not None:
            child, self._child = self._child, None
            child.end()

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make ``calls`` in order and return one reply each; a fault ends the child and the next call gets a new one.

        After ``most_losses`` calls that each cost a child, the rest is not made and the list of replies is shorter.
        A child that was killed from outside (by SIGKILL, SIGTERM, SIGINT or SIGHUP) gets its call asked once more:
        only a death that repeats itself belongs to the implementation.
        """
        replies: list[Reply] = []
        losses, retried = 0, -1
        while len(replies) < len(calls) and (most_losses is None or losses < most_losses):
            if calls[len(replies)].operation == "restart":
                self.close()
                replies.append(Ok({}))
                continue
            self.revive()
            self._exchange(_until_restart(calls, len(replies)), replies)
            if self._child is None:
                if self._killed_from_outside and retried != len(replies):
                    replies.pop()
                    retried = len(replies) + 1
                else:
                    losses += 1
        return replies

    @property
    def alive(self) -> bool:
        """Whether a child is there to answer; after a fault there is none until the next call."""
        return self._child is not None

    def revive(self) -> None:
        """Start a new child if the last one was lost."""
        if self._child is None:
            self.restarts += 1
            self.hello = self._start()

    def request(self, message: dict[str, Any]) -> Reply:
        """Send one raw request (``measure``, handles) and return its reply."""
        self.revive()
        replies: list[Reply] = []
        self._exchange([message], replies)
        return replies[0]

    def _start(self) -> dict[str, Any]:
        self._buffer = FrameBuffer()
        self._next_id = secrets.randbits(31)  # unpredictable, so that a stale or invented reply does not match
        self._child = child = python_worker(self.target.environment)
        config = {
            "target": self.target.target, "path": list(self.target.path), "sets": list(self.target.sets),
            "ask_version": self.target.ask_version, "die_with_parent": on_main_thread(),
            "limits": {"memory_bytes": self.limits.memory_bytes, "file_bytes": self.limits.file_bytes,
                       "descriptors": self.limits.descriptors},
        }  # fmt: skip
        child.channel.setblocking(True)
        child.channel.settimeout(self.limits.start_seconds)
        try:
            child.channel.sendall(pack(config))
        except OSError:
            raise self._no_start(child.how_it_ended()) from None
        child.channel.setblocking(False)
        message = self._receive(time.monotonic() + self.limits.start_seconds)
        if isinstance(message, Fault):
            raise self._no_start(message.why)
        if "ok" not in message or not isinstance(message["ok"], dict):
            raise self._no_start(str(message.get("error", "it did not say what it offers")))
        return message["ok"]

    def _no_start(self, why: str) -> AttachError:
        tail = self._child.log_tail().strip() if self._child else ""
        self.close()
        printed = f" It printed: {tail[-500:]}" if tail else ""
        return AttachError(f"{self.target.target} could not be started: {why}.{printed}")

    def _exchange(self, calls: Sequence[Call | dict[str, Any]], replies: list[Reply]) -> None:
        """Send what fits in flight and collect replies until all are answered or the child is lost."""
        child = self._child
        assert child is not None  # noqa: S101  (callers start it)
        outgoing: deque[memoryview] = deque()
        sent = answered = 0
        deadline = time.monotonic() + self._seconds(calls[0])
        while answered < len(calls):
            while sent < len(calls) and sent - answered < _IN_FLIGHT and sum(map(len, outgoing)) < _QUEUED_BYTES:
                outgoing.append(memoryview(self._frame(calls[sent], self._next_id + sent)))
                sent += 1
            message = self._next_message(child, outgoing, deadline)
            outcome: Reply = message if isinstance(message, Fault) else _reply(message, self._next_id + answered)
            if not isinstance(message, Fault):
                deadline = time.monotonic() + self._seconds(calls[min(answered + 1, len(calls) - 1)])
            replies.append(outcome)
            if isinstance(outcome, Fault) and outcome.kind != "exception":
                self._killed_from_outside = outcome.kind == "crash" and child.killed_from_outside()
                self.close()
                return
            answered += 1
        self._next_id += answered

    def _seconds(self, call: Call | dict[str, Any]) -> int:
        """Return the time limit of a request: that of one call, for each call that it holds."""
        if isinstance(call, Call) and call.operation == "together":
            return self.limits.call_seconds * len(call.inputs["calls"])
        return self.limits.call_seconds

    def _frame(self, call: Call | dict[str, Any], number: int) -> bytes:
        if isinstance(call, Call):
            return pack({"id": number, **wire(call)})
        return pack({**call, "id": number})

    def _receive(self, deadline: float) -> dict[str, Any] | Fault:
        assert self._child is not None  # noqa: S101
        return self._next_message(self._child, deque(), deadline)

    def _next_message(
        self, child: ChildProcess, outgoing: deque[memoryview], deadline: float
    ) -> dict[str, Any] | Fault:
        """Return the next whole message, sending ``outgoing`` meanwhile; a partial message does not move the deadline."""
        while True:
            try:
                message = self._buffer.next()
            except FrameError as error:
                return Fault("protocol", str(error))
            if message is not None:
                return message
            left = deadline - time.monotonic()
            if left <= 0:
                return Fault("timeout", f"no reply within {self.limits.call_seconds} s")
            readable, writable, ended = child.wait_readable(left, writing=bool(outgoing))
            if writable and not _send(child, outgoing):
                outgoing.clear()
            if readable or ended:
                data = _read(child)
                if data:
                    self._buffer.feed(data)
                elif data is not None or ended:
                    return Fault("crash", child.how_it_ended())


def wire(call: Call) -> dict[str, Any]:
    """Return a call as a request without its id."""
    if call.operation == "together":
        return {"op": "together", "how": call.inputs["how"], "calls": [wire(inner) for inner in call.inputs["calls"]]}
    return {"op": call.operation, "set": call.parameter_set, "in": dict(call.inputs)}


def _until_restart(calls: Sequence[Call], begin: int) -> Sequence[Call]:
    end = next((n for n in range(begin, len(calls)) if calls[n].operation == "restart"), len(calls))
    return calls[begin:end]


def _send(child: ChildProcess, outgoing: deque[memoryview]) -> bool:
    """Write what the socket takes; return False when the child no longer reads."""
    try:
        while outgoing:
            count = child.channel.send(outgoing[0])
            outgoing[0] = outgoing[0][count:]
            if not outgoing[0]:
                outgoing.popleft()
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def _read(child: ChildProcess) -> bytes | None:
    """Return received bytes, empty at the end of the stream, None when there is nothing yet."""
    try:
        return child.channel.recv(1 << 18)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _reply(message: dict[str, Any], number: int) -> Reply:
    if message.get("id") != number:
        return Fault("protocol", f"a reply carries id {message.get('id')!r}, expected {number}")
    return reply_of(message)


def reply_of(message: dict[str, Any]) -> Reply:
    """Return the reply that a message is; the replies inside that of ``together`` become replies, too."""
    if isinstance(values := message.get("ok"), dict):
        return Ok({**values, "replies": _nested(values["replies"])} if "replies" in values else values)
    if "rejected" in message:
        return Rejected(str(message["rejected"]))
    if "error" in message:
        return Fault("exception", str(message["error"]))
    return Fault("protocol", "a reply holds neither ok, rejected nor error")


def _nested(values: Any) -> Any:  # noqa: ANN401  (a list of replies, or of lists of them)
    return reply_of(values) if isinstance(values, dict) else [_nested(value) for value in values]
