"""Processes of this package that carry out orders, one at a time each, behind ``concurrent.futures.Executor``.

Each lane is a thread with a child. A child that ends takes its one order with it, and the next order gets a new child;
the pool of the standard library would give up the orders of all its children.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, BinaryIO, Final, cast

from pqvalidate import shard_work
from pqvalidate.errors import UsageError

_LENGTH: Final = struct.Struct("<Q")
_START: Final = "import sys; sys.path[:] = {path!r}; from pqvalidate.lanes import serve; serve()"
_GRACE: Final = 3.0
"""Seconds that a child has to end its implementation and itself before it is killed."""

_MOST_STILLBORN: Final = 3


class ProcessDied(Exception):  # noqa: N818  (an event, and none of our errors)
    """A child ended before it had answered."""


class _Stillborn(ProcessDied):
    """A child ended before it could take an order."""


class Lanes(Executor):
    """As many children as ``width`` says, each started when it is first needed.

    Its ``submit`` takes ``shard_work.work`` and an order, and nothing else.
    """

    def __init__(self, width: int) -> None:
        self._threads = ThreadPoolExecutor(width, thread_name_prefix="lane")
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._children: set[_Child] = set()
        self._closed, self._stillborn = False, 0
        self._scratch = tempfile.TemporaryDirectory(prefix="pqvalidate-lanes-", ignore_cleanup_errors=True)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:  # noqa: ANN401  (as in the base)
        """Hand an order to the first lane that is free."""
        if fn is not shard_work.work:
            msg = "lanes carry out orders of shards only"
            raise TypeError(msg)
        return self._threads.submit(self._carry_out, args[0])

    def _carry_out(self, order: bytes) -> bytes:
        child = getattr(self._mine, "child", None)
        if child is None:
            with self._lock:
                if self._closed:
                    raise ProcessDied("the run is over")
                child = self._mine.child = _Child(self._scratch.name)
                self._children.add(child)
        try:
            return cast("_Child", child).ask(order)
        except ProcessDied as died:
            self._mine.child = None
            with self._lock:
                self._children.discard(child)
                self._stillborn += isinstance(died, _Stillborn) and not self._closed
            if self._stillborn >= _MOST_STILLBORN:
                raise UsageError(f"further processes end before their first order ({died}); use --jobs 1") from None
            raise

    def processes(self) -> list[int]:
        """Return the process identifiers of the children that are there."""
        with self._lock:
            return [child.pid for child in self._children]

    def close(self) -> None:
        """End all children: those that wait for an order in good order, the others after a moment by force."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in children:
            child.end_input()
        for child in children:
            child.end()
        self._threads.shutdown(wait=True)
        self._scratch.cleanup()


class _Child:
    """One process that answers orders over its standard input and output."""

    def __init__(self, scratch: str) -> None:
        debug = bool(os.environ.get("PQVALIDATE_DEBUG"))
        try:
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and code)
                [sys.executable, "-c", _START.format(path=sys.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=None if debug else subprocess.DEVNULL, start_new_session=True,
                env=os.environ | {"TMPDIR": scratch},
            )  # fmt: skip
        except OSError as error:
            raise UsageError(f"a further process cannot be started: {error.strerror}; use fewer --jobs") from None
        self.pid = self._process.pid
        self._ready = False

    def ask(self, order: bytes) -> bytes:
        """Have one order carried out."""
        try:
            if not self._ready:
                read_frame(cast("BinaryIO", self._process.stdout))
                self._ready = True
            write_frame(cast("BinaryIO", self._process.stdin), order)
            return read_frame(cast("BinaryIO", self._process.stdout))
        except (OSError, EOFError, ValueError):
            code = self.end()
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise (ProcessDied(how) if self._ready else _Stillborn(how)) from None

    def end_input(self) -> None:
        """Say that there are no more orders; a child then ends, also one that is at work."""
        with contextlib.suppress(OSError, ValueError):
            cast("BinaryIO", self._process.stdin).close()

    def end(self) -> int:
        """Wait for the end of the child, bring it about if it is late, and return its exit code."""
        self.end_input()
        try:
            code = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return code


def write_frame(stream: BinaryIO, data: bytes) -> None:
    """Write a u64 little-endian length and the data."""
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes:
    """Read what ``write_frame`` wrote.

    Raises:
        EOFError: the stream has ended.

    """
    data = stream.read(_LENGTH.size)
    if len(data) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(data)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def serve() -> None:
    """Answer orders until standard input ends: the life of a lane's child. Its parent's end is its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this process
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    orders: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    done = threading.Event()

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                orders.put(read_frame(sys.stdin.buffer))
        orders.put(None)
        if not done.wait(_GRACE / 2):
            os._exit(1)  # at work for a parent that is gone or has broken off; nobody waits for the answer

    write_frame(answers, b"")  # ready: what ends this process from here on has to do with an order
    threading.Thread(target=listen, daemon=True).start()
    while (order := orders.get()) is not None:
        try:
            write_frame(answers, shard_work.work(order))
        except OSError:
            break
    shard_work.close()
    done.set()
