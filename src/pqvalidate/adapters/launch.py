"""Bounds on a process that is to run vendor code, and the start of a vendor's own program within them.

Standard library only: the launcher of a program runs without site packages, which keeps it short.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import struct
import sys
from typing import Any, Literal, NoReturn

from pqvalidate.adapters import sandbox

_PR_SET_PDEATHSIG = 1
_INHERITED = ("SIGPIPE", "SIGXFSZ", "SIGINT", "SIGHUP", "SIGTERM")
"""Signals that a program must meet with their usual effect, whatever this interpreter or its parent ignores."""
LENGTH = struct.Struct("<I")


def limit_resources(limits: dict[str, int], memory: Literal["AS", "DATA"] = "AS") -> list[str]:
    """Bound memory and file sizes of this process, in bytes, and open descriptors; return the limits that hold.

    ``memory`` says what counts as memory: all addresses, or (``DATA``) only what is private and writable. Runtimes
    with a garbage collector reserve far more addresses than they use, so their programs are bounded by the latter.
    """
    try:
        import resource  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        return []
    held: list[str] = []
    for name, value in (
        (memory, limits["memory_bytes"]),
        ("FSIZE", limits["file_bytes"]),
        ("CORE", 0),
        ("NOFILE", limits["descriptors"]),
    ):
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS knows RLIMIT_AS and refuses to set it
            resource.setrlimit(number, (bound, bound))
            held.append(f"rlimit-{name.lower()}")
    return held


def die_with_parent(parent: int) -> None:
    """Ask the kernel (Linux) to end this process when the thread that started it ends; end now if it already has.

    ``parent`` is 0 where nobody's end shall be this one's.
    """
    if not parent:
        return
    import ctypes  # noqa: PLC0415  (costs 5 ms, and only Linux needs it)

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def fence() -> NoReturn:
    """Become the program that the command line names, within the bounds of the file that stands before it.

    That file is a JSON object: ``limits``, ``sandbox`` (the folder in which this starts may be written to as well),
    ``parent`` as for ``launch``, and ``held``, the file to which goes what holds. Input, output and environment are
    the program's.
    """
    with open(sys.argv[2], encoding="utf-8") as stream:  # noqa: PTH123  (pathlib costs time at every start)
        config: dict[str, Any] = json.load(stream)
    command, wanted = sys.argv[3:], config["sandbox"]
    found = shutil.which(command[0])
    # Opened before, since nothing outside can be opened any more once the layers hold.
    said = os.open(config["held"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    held = limit_resources(config["limits"])
    try:
        held += sandbox.apply({**wanted, "write": [*wanted["write"], os.getcwd()]} if wanted else {})  # noqa: PTH109
    except sandbox.LayerError as error:
        sys.exit(str(error))
    if found is None:
        sys.exit(f"there is no program {command[0]} that this account may execute")
    os.write(said, json.dumps(held).encode())
    die_with_parent(config["parent"])
    for name in _INHERITED:
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_DFL)
    os.execv(found, command)  # noqa: S606  (no shell is what we want)


def launch() -> NoReturn:
    """Become the program that standard input names, after one line on standard output about the limits that hold.

    Reads u32 little-endian length and a JSON object: ``command``, ``environment``, ``limits``, ``sandbox``, and
    ``parent``, the process to end with (0: none). All that follows on standard input is for the program.
    """
    (length,) = LENGTH.unpack(_read(LENGTH.size))
    config: dict[str, Any] = json.loads(_read(length))
    die_with_parent(config["parent"])
    program, environment = config["command"][0], config["environment"]
    found = shutil.which(program, path=environment["PATH"])
    if found is None:
        _say({"error": f"there is no program {program} that this account may execute"})
        os._exit(1)
    held = limit_resources(config["limits"], "DATA")
    try:
        held += sandbox.apply(config["sandbox"])
    except sandbox.LayerError as error:
        _say({"error": str(error)})
        os._exit(1)
    _say({"ok": held})
    for name in _INHERITED:
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(found, config["command"], environment)  # noqa: S606  (no shell is what we want)
    except OSError as error:
        os.write(2, f"{program} cannot be executed: {error.strerror}\n".encode())
        os._exit(126)


def _read(length: int) -> bytes:
    """Read exactly that much of standard input, without taking anything of what follows."""
    data = b""
    while len(data) < length:
        more = os.read(0, length - len(data))
        if not more:
            os._exit(1)
        data += more
    return data


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")
