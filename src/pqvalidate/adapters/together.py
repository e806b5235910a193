"""Several calls made together inside the worker, in a way that single calls cannot show.

``kept``: every result is held until all calls are made, and only then read (a buffer that the next call overwrites
shows). ``threads``: the calls run in threads at once. ``fork``: two forked copies of this process make the calls (a
random generator that is copied shows). ``bytearray`` and ``memoryview``: inputs come in that type. ``no-randomness``:
the calls are made after the kernel was told to refuse getrandom and the random devices; this cannot be undone, so the
host starts a new process afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Callable
from typing import Any

from pqvalidate.adapters.framing import FrameBuffer, pack

Perform = Callable[[dict[str, Any]], dict[str, Any]]
Begin = Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]

_THREADS = 4
_SYSCALLS = {"x86_64": (0xC000003E, 318, 2, 257), "aarch64": (0xC00000B7, 278, -1, 56)}
"""Per machine: audit architecture, and the numbers of getrandom, open and openat."""


def ways() -> list[str]:
    """Return the ways of making calls together that this platform offers."""
    found = ["kept", "threads", "bytearray", "memoryview"]
    if hasattr(os, "fork"):
        found.append("fork")
    if sys.platform == "linux" and platform.machine() in _SYSCALLS:
        found.append("no-randomness")
    return found


def together(how: str, calls: list[dict[str, Any]], perform: Perform, begin: Begin) -> dict[str, Any]:
    """Make the calls in the way asked for and return their replies in order (a list per copy for ``fork``).

    Raises:
        KeyError: the way is unknown here.

    """
    if how == "kept":
        unread = [begin(call) for call in calls]
        return {"replies": [read() for read in unread]}
    if how == "threads":
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  (no other worker needs it to start)

        with ThreadPoolExecutor(_THREADS) as executor:
            return {"replies": list(executor.map(perform, calls))}
    if how in ("bytearray", "memoryview"):
        kind = bytearray if how == "bytearray" else memoryview
        return {"replies": [perform({**call, "in": _as(kind, call["in"])}) for call in calls]}
    if how == "fork":
        return {"replies": [_in_a_copy(calls, perform) for _ in range(2)]}
    if how == "no-randomness":
        refuse_randomness()
        return {"replies": [perform(call) for call in calls]}
    raise KeyError(how)


def _as(kind: type, inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: kind(value) if isinstance(value, bytes) else value for name, value in inputs.items()}


def _in_a_copy(calls: list[dict[str, Any]], perform: Perform) -> list[dict[str, Any]]:
    """Fork, make the calls in the copy, and return its replies."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.close(reading)
            with os.fdopen(writing, "wb") as stream:
                stream.write(pack({"replies": [perform(call) for call in calls]}))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        data = stream.read()
    os.waitpid(child, 0)
    buffer = FrameBuffer()
    buffer.feed(data)
    message = buffer.next()
    return message["replies"] if message else [{"error": "the forked copy ended without a reply"} for _ in calls]


def refuse_randomness() -> None:
    """Make the kernel answer EIO to getrandom, and EACCES to opening /dev/random and /dev/urandom, in this process.

    getrandom is refused by seccomp. The devices are hidden by opening nothing at all any more: what is loaded stays
    usable, and vendor code that falls back to a device finds none.
    """
    architecture, getrandom, open_, openat = _SYSCALLS[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    refused = [(getrandom, 5), (open_, 13), (openat, 13)]
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, architecture), (0x06, 0, 0, 0x7FFF0000), (0x20, 0, 0, 0)]
    for number, error in refused:
        if number >= 0:
            program += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error)]
    program.append((0x06, 0, 0, 0x7FFF0000))
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    filter_ = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer)))
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, which an unprivileged filter needs
    if libc.prctl(22, 2, filter_, 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError(ctypes.get_errno(), "seccomp refused the filter")
