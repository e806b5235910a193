"""A conversation with one implementation: calls in order, one reply each; after a fault a new process goes on."""

from __future__ import annotations

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NotRequired, Self, TypedDict

import msgspec

from pqvalidate.adapters.framing import FrameBuffer, FrameError, LineBuffer, pack
from pqvalidate.adapters.interface import Call, Fault, Ok, Reply
from pqvalidate.adapters.journal import NAME as JOURNAL
from pqvalidate.adapters.journal import Left, left_at
from pqvalidate.adapters.pace import Pace
from pqvalidate.adapters.process import ChildProcess, on_main_thread, python_worker, receive, send
from pqvalidate.adapters.replies import last_words, printable, replies_in, reply_of, reply_to, until_restart, wire
from pqvalidate.adapters.target import Limits, Target
from pqvalidate.adapters.worker_batches import batch_frame, together_in_one
from pqvalidate.errors import AttachError, NoProcessError, UsageError

__all__ = ["Hello", "Limits", "Session", "Target", "reply_of", "wire"]

_IN_FLIGHT = 65
"""Calls sent ahead of their replies; enough to hide the round trip, few enough to bound the memory of a window."""

_QUEUED_BYTES = 1 << 18
_START_TRIES = 2
_BREATH = 1.0
"""Seconds until a second try, when this machine could not start a process: a shortage passes, or it does not."""

_MOST_LOG = 500


class Hello(TypedDict):
    """What a worker says once it has imported the implementation; names by parameter set, lists of operations."""

    operations: dict[str, list[str]]
    without: dict[str, list[str]]
    hashes: dict[str, list[str]]
    fixed: NotRequired[dict[str, list[str]]]
    refused: dict[str, str]
    together: list[str]
    limits: list[str]
    version: str
    batch: NotRequired[bool]
    measure: NotRequired[bool]


class Session:
    """Owns the child process of one implementation; use as a context manager, from one thread at a time.

    Raises:
        AttachError: the child cannot be started, or does not say what it offers.

    """

    def __init__(self, target: Target, limits: Limits | None = None) -> None:
        self.target = target
        self.limits = limits or Limits()
        self.restarts = 0
        self.killed_from_outside = False
        self.pace = Pace()
        self.meanwhile: Callable[[], bool] | None = None  # see Implementation.waiting_filled
        self._closed = False
        self._forks = False
        self._beyond_revival: Fault | None = None
        self._child: ChildProcess | None = None
        self._journal: Left | None = None
        self._buffer: FrameBuffer | LineBuffer = FrameBuffer()
        self.hello = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child and all that it started, for good; closing twice is harmless."""
        self._closed = True
        self._lose()

    def renew(self) -> None:
        """Go on with a new child, which counts as no restart; raises as a first start, and UsageError if closed."""
        if self._closed:
            raise UsageError("this implementation was closed; attach it again")
        self._lose()
        self.hello = self._start()

    def interrupt(self) -> None:
        """Kill the child for good, from any thread; the one that asks meets a UsageError, and closes."""
        self._closed = True
        if child := self._child:
            child.kill()

    def _lose(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._child is not None:
            child, self._child = self._child, None
            child.end()

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make ``calls`` in order and return one reply each; a fault ends the child and the next call gets a new one.

        After ``most_losses`` calls that each cost a child, the rest is not made and the list of replies is shorter.
        A child that was killed from outside (by SIGKILL, SIGTERM, SIGINT or SIGHUP) gets its call asked once more:
        only a death that repeats itself belongs to the implementation.

        Raises:
            UsageError: the session is closed.

        """
        replies: list[Reply] = []
        losses, retried = 0, -1
        while len(replies) < len(calls) and (most_losses is None or losses < most_losses):
            if calls[len(replies)].operation == "restart":
                self._lose()
                self._forks = bool(calls[len(replies)].inputs.get("forks"))
                replies.append(Ok({}))
                continue
            if not_there := self.revive():
                replies.append(not_there)
            else:
                self._exchange(until_restart(calls, len(replies)), replies)
            if self._child is None:
                if self.killed_from_outside and retried != len(replies):
                    replies.pop()
                    retried = len(replies) + 1
                else:
                    losses += 1
        return replies

    @property
    def alive(self) -> bool:
        """Whether a child is there to answer; after a fault there is none until the next call."""
        return self._child is not None

    @property
    def child_pid(self) -> int:
        """The process id of the child, or 0 when there is none."""
        return self._child.pid if self._child else 0

    def revive(self) -> Fault | None:
        """Start a new child if the last one was lost; return a fault if the implementation does not start again.

        That is its own doing, so it is a reply and no error; a start is tried twice, and after that never again.

        Raises:
            NoProcessError: this machine cannot start a process, which says nothing about the implementation.
            UsageError: the session is closed.

        """
        if self._closed:
            raise UsageError("this implementation was closed; attach it again")
        if self._child is not None or self._beyond_revival:
            return self._beyond_revival
        self.killed_from_outside = False
        self.restarts += 1
        for tries in range(_START_TRIES):
            try:
                self.hello = self._start()
            except NoProcessError:
                if tries == _START_TRIES - 1:
                    raise
                time.sleep(_BREATH)
            except AttachError as error:
                self._beyond_revival = Fault("crash", f"after a lost process, {error}")
            else:
                self._beyond_revival = None
                break
        return self._beyond_revival

    def request(self, message: dict[str, Any]) -> Reply:
        """Send one raw request (``measure``, handles) and return its reply.

        Raises:
            UsageError: the session is closed.

        """
        if not_there := self.revive():
            return not_there
        replies: list[Reply] = []
        self._exchange([message], replies)
        return replies[0]

    def _start(self) -> Hello:
        self._buffer = FrameBuffer()
        self._ending: Fault | None = None
        self._next_id = secrets.randbits(31)  # unpredictable, so that a stale or invented reply does not match
        try:
            self._child = self._new_child()
        except OSError as error:
            raise NoProcessError(
                f"no process could be started for {self.target.target}: {error.strerror or error}. That says nothing"
                " about the implementation; mend it and try again (a run goes on with --resume)."
            ) from None
        except ValueError as error:
            raise AttachError(f"{self.target.target} could not be started: {error}.") from None
        try:
            if self.target.batches:
                self._journal = left_at(Path(self._child.scratch.name) / JOURNAL)
            return self._greet(self._child)
        except BaseException:
            self._lose()
            raise

    def _new_child(self) -> ChildProcess:
        return python_worker(self.target.environment)

    def _bounds(self, child: ChildProcess) -> dict[str, Any]:
        """Return what a child bounds itself by, and the process to end with."""
        return {
            "parent": os.getpid() if on_main_thread() else 0, "sandbox": self._sandbox(child),
            "limits": {"memory_bytes": self.limits.memory_bytes, "file_bytes": self.limits.file_bytes,
                       "descriptors": self.limits.descriptors},
        }  # fmt: skip

    def _greet(self, child: ChildProcess) -> Hello:
        config = {
            "target": self.target.target, "settings": self.target.settings,
            "journal": str(Path(child.scratch.name) / JOURNAL) if self._journal else "",
            "path": list(self.target.path), "sets": list(self.target.sets),
            "ask_version": self.target.ask_version, **self._bounds(child),
        }  # fmt: skip
        message = self._first(child, deque([memoryview(pack(config))]), time.monotonic() + self.limits.start_seconds)
        try:
            return msgspec.convert(message["ok"], Hello)
        except msgspec.ValidationError as error:
            raise self._no_start(child, f"what it says about itself is malformed: {error}") from None

    def _first(self, child: ChildProcess, outgoing: deque[memoryview], deadline: float) -> dict[str, Any]:
        """Send and return the next message, which holds ``ok``; anything else means that there was no start."""
        message = self._next_message(
            child, outgoing, deadline, f"it did not say what it offers within {self.limits.start_seconds} s"
        )
        if isinstance(message, Fault):
            raise self._no_start(child, message.why)
        if "ok" not in message:
            raise self._no_start(child, printable(message.get("error", "it did not say what it offers")))
        return message

    def _sandbox(self, child: ChildProcess) -> dict[str, Any]:
        """Return what the child is told about its sandbox: it may write below its scratch folder."""
        if not self.target.sandbox:
            return {}
        return {**self.target.sandbox, "write": [child.scratch.name], "forks": self._forks}

    def _no_start(self, child: ChildProcess, why: str) -> AttachError:
        printed = printable(child.log_tail()[-_MOST_LOG:])
        return AttachError(
            f"{self.target.target} could not be started: {why}.{f' It printed: {printed}' if printed else ''}"
        )

    def _exchange(self, calls: Sequence[Call | dict[str, Any]], replies: list[Reply]) -> None:
        """Send what fits in flight and collect replies until all are answered or the child is lost."""
        child = self._child
        assert child is not None  # noqa: S101  (callers start it)
        try:
            self._converse(child, calls, replies)
        except BaseException:  # an interrupt: replies that are still to come must not meet later calls
            self._lose()
            raise

    def _converse(self, child: ChildProcess, calls: Sequence[Call | dict[str, Any]], replies: list[Reply]) -> None:
        outgoing: deque[memoryview] = deque()
        sent = answered = before = 0
        deadline = time.monotonic() + self._seconds(calls[0])
        while answered < len(calls):
            queued = sum(map(len, outgoing))
            while sent < len(calls) and sent - answered < _IN_FLIGHT and queued < _QUEUED_BYTES:
                batch = together_in_one(calls, sent) if self._journal else []
                number = self._next_id + sent
                frame = batch_frame(batch, number) if len(batch) > 1 else self._frame(calls[sent], number)
                outgoing.append(memoryview(frame))
                queued += len(frame)
                sent += max(len(batch), 1)
            late = f"no reply within {self._seconds(calls[answered])} s"
            message = self._next_reply(child, outgoing, deadline, late, self._next_id + answered)
            if isinstance(message, Fault) and message.kind == "crash":
                message = Fault("crash", f"{message.why}{last_words(child.log_tail())}")
            number = self._next_id + answered
            if answered and not isinstance(message, Fault) and message.get("id") == before:
                # The call before was answered twice. Taking that back leaves this one unanswered, to be asked again.
                replies[-1] = Fault("protocol", "a second reply came to the same call")
                self._lose()
                return
            if isinstance(message, Fault):
                found: list[Reply] = [message]
            elif self._journal and "many" in message:
                found = replies_in(message, number, calls[answered:sent])
            else:
                found = [self._reply(message, number, calls[answered])]
            replies += found
            outcome, before = found[-1], number
            if isinstance(outcome, Fault) and outcome.kind != "exception":
                self.killed_from_outside = outcome.kind == "crash" and child.killed_from_outside()
                self._lose()
                return
            answered += len(found)
            deadline = time.monotonic() + self._seconds(calls[min(answered, len(calls) - 1)])
        self._next_id += answered
        if self._ending is not None:  # it had made all replies, but could not send them any more
            replies[-1] = Fault(self._ending.kind, f"after replies to all calls in flight: {self._ending.why}")
            self.killed_from_outside = self._ending.kind == "crash" and child.killed_from_outside()
            self._lose()

    def _next_reply(
        self, child: ChildProcess, outgoing: deque[memoryview], deadline: float, late: str, number: int
    ) -> dict[str, Any] | Fault:
        """Return the next message; of a lost child, the replies that it made and did not send come before its fault."""
        if self._ending is None:
            message = self._next_message(child, outgoing, deadline, late)
            if self._journal is None or not isinstance(message, Fault):
                return message
            self._ending = message
            if rest := self._journal.rest(number):
                return {"id": number, "many": rest}
        return self._ending

    def _seconds(self, call: Call | dict[str, Any]) -> int:
        """Return the time limit of a request: that of one call; for several calls, what ``pace`` says."""
        if isinstance(call, Call) and call.operation == "together":
            return self.limits.call_seconds * len(call.inputs["calls"])
        if isinstance(call, Call) and call.operation == "measure":
            return self.pace.seconds(call, self.limits.call_seconds)
        return self.limits.call_seconds

    def _frame(self, call: Call | dict[str, Any], number: int) -> bytes:
        if isinstance(call, Call):
            return pack({"id": number, **wire(call)})
        return pack({**call, "id": number})

    def _reply(self, message: dict[str, Any], number: int, call: Call | dict[str, Any]) -> Reply:
        return reply_to(message, number, call)

    def _next_message(
        self, child: ChildProcess, outgoing: deque[memoryview], deadline: float, late: str
    ) -> dict[str, Any] | Fault:
        """Return the next whole message, sending ``outgoing`` meanwhile; a part of a message moves no deadline."""
        working, late_already = self.meanwhile is not None, False
        while True:
            try:
                message = self._buffer.next()
            except FrameError as error:
                return Fault("protocol", printable(error))
            if message is not None:
                return message
            left = deadline - time.monotonic()
            if late_already:
                return Fault("timeout", late)
            late_already = left <= 0  # but a reply may have come while this process was kept from looking
            readable, writable, ended = child.wait_readable(0 if working else left, writing=bool(outgoing))
            if writable and not send(child, outgoing):
                outgoing.clear()
            if readable or ended:
                data = receive(child)
                if data:
                    self._buffer.feed(data)
                elif data is not None or ended:
                    return Fault("crash", child.how_it_ended())
            elif working and not writable:
                now = time.monotonic()
                working = self.meanwhile is not None and self.meanwhile()
                deadline += time.monotonic() - now  # the limit is on the child's time, not on ours
