"""A program that answers on its standard output: started inside the worker, asked one thing at a time, watched.

Every bridge to programs of others uses it. A program that ends instead of answering is started again for the next
call, and no call is made twice: what it did belongs to the call in whose midst it happened.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

T = TypeVar("T")

LONGEST_VALUE = 1 << 21
"""No value of any algorithm comes near, in bytes; a longer one is a fault and is not read."""

_HEX = set("0123456789abcdefABCDEF")  # bytes.fromhex would let blanks pass, too
_CHUNK = 1 << 16
_LOG_TAIL = 4096
_LONGEST_WHY = 200
_SECONDS_TO_END = 2

_CRASHES = (
    b"runtime error: ", b"Sanitizer: ", b"index out of bounds", b"out of range for slice", b"with overflow",
    b"IndexOutOfBoundsException", b"NullPointerException",
)  # fmt: skip
"""What runtimes write that turn memory faults into ordinary exits: Go and the sanitizers of C compilers, Rust, Java.

Only what code never writes when it refuses an input on purpose; a plain panic may be that.
"""


class ProgramFault(Exception):  # noqa: N818  (a reply, not an error of ours)
    """The program broke the protocol: it sent something that is no answer to what was asked."""


class ProgramEnded(Exception):  # noqa: N818  (idem)
    """The program ended instead of answering.

    Attributes:
        refused: it ended by itself with a status other than 0, without a signal, the trace of a crash, or a part of
            an answer; in protocols without an error message that is how an input is refused.
        last_line: what it last wrote to its log, at most 200 characters.

    """

    def __init__(self, status: int | None, log: bytes, *, answering: bool = False) -> None:
        self.last_line = last_line(log)
        self.refused = status is not None and status > 0 and not answering and not crashed(log)
        midst = " in the midst of an answer" if answering else ""
        wrote = f"; the last line that it wrote: {self.last_line}" if self.last_line else ""
        super().__init__(f"{how_it_ended(status)}{midst}{wrote}")


def how_it_ended(status: int | None) -> str:
    """Describe the end of a program in words; None: it closed its output and went on running."""
    if status is None:
        return "the program closed its output without an answer"
    if status >= 0:
        return f"the program exited with status {status} without an answer"
    with contextlib.suppress(ValueError):
        return f"the program was killed by {signal.Signals(-status).name}"
    return f"the program was killed by signal {-status}"


def crashed(log: bytes) -> bool:
    """Return whether the log holds the trace that a runtime leaves when code crashes."""
    return any(mark in log for mark in _CRASHES)


def last_line(log: bytes) -> str:
    """Return the last line of a log that is not empty, printable and short."""
    lines = [line for line in log.decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines:
        return ""
    return "".join(c if c.isprintable() else " " for c in lines[-1].strip())[:_LONGEST_WHY]


def unhex(name: str, text: str) -> bytes:
    """Return the bytes that hexadecimal digits stand for.

    Raises:
        ProgramFault: the text holds anything else.

    """
    try:
        return bytes.fromhex(text) if set(text) <= _HEX else bytes.fromhex("?")
    except ValueError:
        raise ProgramFault(f"the program gave a {name} that is not hexadecimal: {text[:40]!r}") from None


class Running:
    """A running program and its three pipes; what it writes to its log is passed on to ours.

    Raises:
        ProgramFault: it cannot be started.

    """

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603  (what the manifest names)
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
            )
        except (OSError, ValueError) as error:
            raise ProgramFault(f"{command[0]} cannot be started: {error}") from error
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._open = {pipe.fileno(): pipe for pipe in pipes if pipe}
        self._in, self._out, self._err = self._open
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
        self._outgoing = memoryview(b"")
        self._received = bytearray()
        self.log = b""

    def send(self, data: bytes) -> None:
        """Begin to send ``data``; it goes out while an answer is awaited. Empties the log of the call before."""
        self._outgoing = memoryview(data)
        self.log = b""

    def take(self, size: int) -> bytes:
        """Return exactly ``size`` bytes of its output.

        Raises:
            ProgramEnded: it ended before.

        """
        while len(self._received) < size:
            if self._out not in self._open:
                raise self.ended(answering=bool(self._received))
            self._wait()
        return self._cut(size)

    def take_line(self, longest: int) -> bytes:
        """Return its output up to the next line end, which is left out.

        Raises:
            ProgramEnded: it ended before.
            ProgramFault: the line has more than ``longest`` bytes.

        """
        while (end := self._received.find(b"\n")) < 0 and len(self._received) <= longest:
            if self._out not in self._open:
                raise self.ended(answering=bool(self._received))
            self._wait()
        if not 0 <= end <= longest:
            raise ProgramFault(f"the program wrote a line of more than {longest} bytes: {bytes(self._received[:60])!r}")
        return self._cut(end + 1)[:-1]

    def take_rest(self, most: int) -> bytes:
        """Return all its output until it closes it.

        Raises:
            ProgramFault: there are more than ``most`` bytes.

        """
        while self._out in self._open and len(self._received) <= most:
            self._wait()
        if len(self._received) > most:
            raise ProgramFault(f"the program wrote more than {most} bytes")
        return self._cut(len(self._received))

    def _cut(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def settle(self) -> None:
        """Make sure that an answer is complete.

        Raises:
            ProgramFault: more came than the answer, or the answer came before the whole question was read.

        """
        self._wait(0)
        if self._received:
            raise ProgramFault(f"the program sent {len(self._received)} bytes that belong to no answer")
        if self._outgoing:
            raise ProgramFault("the program answered before it had read the question")

    def still_there(self) -> None:
        """Make sure that the program is there to be asked.

        Raises:
            ProgramFault: it has ended since its last answer.

        """
        if self._process.poll() is not None:
            raise ProgramFault(f"after an answer and before the next question, {self.ended()}")

    def close_input(self) -> None:
        """Tell the program that nothing more will come."""
        self._shut(self._in)

    def status(self) -> int | None:
        """Return its exit status once it ends, minus the number of a signal; None if it goes on without output."""
        with contextlib.suppress(AttributeError, OSError):  # no such descriptor on this platform
            descriptor = os.pidfd_open(self._process.pid)  # Popen.wait with a limit sleeps up to 50 ms too long
            try:
                select.select([descriptor], [], [], _SECONDS_TO_END)
            finally:
                os.close(descriptor)
            return self._process.poll()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_SECONDS_TO_END)
        return None

    def ended(self, *, answering: bool = False) -> ProgramEnded:
        """Return its end as an exception."""
        status = self.status()
        self.drain()
        return ProgramEnded(status, self.log, answering=answering)

    def drain(self) -> None:
        """Take what is in the log pipe; a program that it started may hold that open, so this never waits."""
        while self._err in self._open and self._take_log():
            pass

    def end(self) -> None:
        """End the program and close its pipes."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self.drain()
        for descriptor in tuple(self._open):
            self._shut(descriptor)

    def _shut(self, descriptor: int) -> None:
        if pipe := self._open.pop(descriptor, None):
            pipe.close()

    def _wait(self, milliseconds: int | None = None) -> None:
        """Wait until a pipe moves, and move what can be moved; the host ends us when it takes too long."""
        poll = select.poll()
        for descriptor in self._open.keys() & {self._out, self._err}:
            poll.register(descriptor, select.POLLIN)
        if self._outgoing and self._in in self._open:
            poll.register(self._in, select.POLLOUT)
        for descriptor, _ in poll.poll(milliseconds):
            if descriptor == self._in:
                self._write()
            elif descriptor == self._err:
                self._take_log()
            else:
                self._read()

    def _write(self) -> None:
        try:
            self._outgoing = self._outgoing[os.write(self._in, self._outgoing[:_CHUNK]) :]
        except BlockingIOError:
            pass
        except OSError:  # it no longer reads; its end will show on its output
            self._outgoing = memoryview(b"")

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._out, _CHUNK)
            self._received += data
            if not data:
                self._shut(self._out)

    def _take_log(self) -> bool:
        try:
            data = os.read(self._err, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._shut(self._err)
            return False
        self.log = (self.log + data)[-_LOG_TAIL:]
        os.write(2, data)
        return True


class Program:
    """A program that stays and answers one question after the other; it is started when it is needed.

    Args:
        command: the program and its arguments.
        greet: reads what the program says by itself when it starts, if it does.

    """

    def __init__(self, command: Sequence[str], greet: Callable[[Running], object] | None = None) -> None:
        self._command, self._greet = list(command), greet
        self._running: Running | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the program now; raises what ``greet`` raises, and ProgramFault if it cannot be started."""
        with self._lock:
            self._ready()

    def ask(self, question: bytes, read: Callable[[Running], T]) -> T:
        """Send a question and return what ``read`` makes of the answer.

        Raises:
            ProgramEnded: the program ended instead of answering; the next question gets a new one.
            ProgramFault: it cannot be started, or what it sent is no answer; the next question gets a new one, too.

        """
        with self._lock:
            running = self._ready()
            try:
                running.send(question)
                answer = read(running)
                running.settle()
            except BaseException:
                self.end()
                raise
            return answer

    def _ready(self) -> Running:
        """Return the running program, or a new one.

        An end, or output, between two questions belongs to no answer: it is reported with the question that follows.
        """
        if self._running is None:
            self._running = Running(self._command)
            if self._greet:
                try:
                    self._greet(self._running)
                except BaseException:
                    self.end()
                    raise
            return self._running
        try:
            self._running.settle()
            self._running.still_there()
        except ProgramFault:
            self.end()
            raise
        return self._running

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End the program, if it runs; a later question starts it again."""
        running, self._running = self._running, None
        if running:
            running.end()
