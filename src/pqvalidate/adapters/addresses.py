"""Which instructions a C function executes and which memory it touches, call by call: valgrind's lackey.

Each call is made in a process of its own that has done exactly the same before, so that addresses compare from process
to process. Traces of calls that differ in secrets alone must be the same. Only functions whose arguments are known can
be called so: those of C libraries, kinds ``c-abi`` and ``liboqs``.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pqvalidate.adapters.compiling import compiled
from pqvalidate.adapters.fenced import Fence
from pqvalidate.adapters.interface import Call, Fault, Ok, Reply
from pqvalidate.adapters.process import ChildProcess
from pqvalidate.adapters.session import Session, Target
from pqvalidate.adapters.sites import place
from pqvalidate.algorithms import lengths
from pqvalidate.errors import AttachError

_MOST_ARGUMENTS = 8
_MOST_TRACE = 512 << 20
"""Bytes of a trace: some forty million accesses."""
_SECONDS = 600
_CHUNK = 1 << 20
_BEGIN, _END = b"pqvalidate begin\n", b"pqvalidate end\n"
_OUTPUT = re.compile(rb"pqvalidate output (-?\d+) ([0-9a-f]*)\n")
_SUCCEEDED: dict[str, Callable[[int], bool]] = {
    "zero": lambda status: status == 0, "one": lambda status: status == 1, "length": lambda status: status > 0,
    "none": lambda _status: True,
}  # fmt: skip
"""By what a function returns (``symbols.Function``), whether it says that it did its work."""
_OBJECT = re.compile(rb"pqvalidate object ([0-9a-f]+) ([0-9a-f]+) (\S*)")
_NO_SYMBOL = "exited with status 68"


class TraceError(Exception):
    """A call could not be traced; nothing is known about it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What one call did: a line for each instruction and access, its output, and where files lie in memory."""

    lines: bytes
    status: int
    output: str
    places: tuple[tuple[int, int, str], ...]


def traced(session: Session, call: Call) -> Reply:
    """Trace calls of one operation and compare each with the first.

    Args:
        session: a conversation with the implementation; only what it is told to start is used.
        call: its inputs hold ``op`` and ``calls``, the inputs of each call.

    Returns:
        ``accesses`` in the first call, ``outputs`` of all calls that were made, in hex, and ``differs``: the first
        place at which one of them left the trace of the first, or nothing. A call that differs is the last one made.

    """
    settings = session.target.settings
    rows = settings["symbols"]["functions"].get(call.parameter_set, {}).get(call.inputs["op"], [])
    why = "the library has no such function"
    for row in rows:
        try:
            return Ok(_compared(session.target, row, call))
        except (TraceError, AttachError, OSError) as error:
            why = str(error)
            if _NO_SYMBOL not in why:
                break
    return Fault("exception", f"under lackey: {why}")


def _compared(target: Target, row: Mapping[str, Any], call: Call) -> dict[str, Any]:
    first, *others = call.inputs["calls"]
    library, program = target.settings["library"], compiled("tracing.c")
    with (
        tempfile.TemporaryDirectory(prefix="pqvalidate-trace-") as name,
        Fence(target.sandbox, reads=[program.parent, Path(name)]) as fence,
    ):
        arguments = Path(name) / "arguments"

        def trace(inputs: Mapping[str, bytes]) -> Trace:
            arguments.write_bytes(arguments_file(row["arguments"], inputs, lengths(call.parameter_set)))
            made = _trace(fence, [str(program), library, row["symbol"], str(arguments)])
            if not _SUCCEEDED[row["returns"]](made.status) or not made.output.strip("0"):
                raise TraceError(f"{row['symbol']} returned {made.status} or made no output, so it refused a key")
            return made

        begun = trace(first)
        outputs, differs = [begun.output], ""
        for inputs in others:
            other = trace(inputs)
            outputs.append(other.output)
            if other.lines != begun.lines:
                if trace(first).lines != begun.lines:
                    raise TraceError("two traces of equal calls differ, so the traces tell nothing")
                differs = _where(begun, other, library)
                break
    return {"accesses": begun.lines.count(b"\n"), "outputs": outputs, "differs": differs}


def arguments_file(words: Sequence[str], inputs: Mapping[str, bytes], sizes: Mapping[str, int]) -> bytes:
    """Return the file that tells our program what to pass (see ``native/tracing.c``)."""
    lines, content = [], []
    for word in words:
        name = word.removesuffix("!")
        if word == "null" or word.removeprefix("size:").lstrip("-").isdigit():
            lines.append(f"n {0 if word == 'null' else int(word.removeprefix('size:'))}")
        elif word.startswith("zeros:"):
            content.append(bytes(int(word.removeprefix("zeros:"))))
            lines.append(f"i {len(content[-1])}")
        elif word.endswith("_length"):
            field = word.removesuffix("_length")
            lines.append(f"n {len(inputs[field]) if field in inputs else sizes[field]}")
        elif word.endswith("!") and name in sizes:
            lines.append(f"o {sizes[name]}")
        elif word in inputs:
            content.append(inputs[word])
            lines.append(f"i {len(content[-1])}")
        else:
            raise TraceError(f"no way is known to pass {word}")
    if len(lines) > _MOST_ARGUMENTS:
        raise TraceError(f"a function with {len(lines)} arguments cannot be traced")
    return "\n".join([*lines, ".", ""]).encode() + b"".join(content)


def _trace(fence: Fence, program: Sequence[str]) -> Trace:
    tool = ("valgrind", "--quiet", "--vgdb=no", "--tool=lackey", "--trace-mem=yes", "--log-fd=1")
    # Variables lie on the stack, and valgrind names our own mark at random; it has the same length every time.
    child = ChildProcess(fence.words([*_same_addresses(), *tool, *program]), {}, pipes=True)
    try:
        return _read(child)
    finally:
        child.end()


def _read(child: ChildProcess) -> Trace:
    """Read what lackey prints; what was before the call is thrown away as it comes."""
    read, begun, head = bytearray(), False, b""
    deadline = time.monotonic() + _SECONDS
    while True:
        if time.monotonic() > deadline or len(read) > _MOST_TRACE:
            raise TraceError(f"the trace of one call takes more than {_SECONDS} s or {_MOST_TRACE >> 20} MiB")
        readable, _, _ = child.wait_readable(1)
        if not readable:
            continue
        try:
            data = child.channel.recv(_CHUNK)
        except BlockingIOError:
            continue
        if not data:
            break
        read += data
        if not begun and (at := read.find(_BEGIN)) >= 0:
            head, begun = bytes(read[:at]), True
            del read[: at + len(_BEGIN)]
        elif not begun:
            del read[: _last_object(read)]
    return _made(child, head, bytes(read), begun=begun)


def _last_object(read: bytearray) -> int:
    """Return how much can be thrown away of what came before the call: all but what tells where files lie."""
    at = read.find(b"pqvalidate object")
    return max(0, (at if at >= 0 else len(read)) - 256)


def _made(child: ChildProcess, head: bytes, read: bytes, *, begun: bool) -> Trace:
    if not begun or (end := read.rfind(_END)) < 0:
        raise TraceError(f"the call did not come to its end: {child.how_it_ended()} {child.log_tail()[-200:]}".strip())
    # The mark itself is a line that begins with the process's number, in the midst of the trace.
    lines = read[: read.rfind(b"\n", 0, end) + 1]
    output = _OUTPUT.search(read, end)
    found = (_OBJECT.search(line) for line in head.splitlines())
    places = tuple((int(m[1], 16), int(m[2], 16), m[3].decode("utf-8", "replace")) for m in found if m)
    if output is None:
        raise TraceError("the call came to its end, and what it returned is not known")
    return Trace(lines, int(output[1]), output[2].decode(), places)


def _where(one: Trace, other: Trace, library: str) -> str:
    """Return in words where two traces part: the instruction, and what each does."""
    mine, theirs = one.lines.split(b"\n"), other.lines.split(b"\n")
    at = next((n for n, pair in enumerate(zip(mine, theirs, strict=False)) if pair[0] != pair[1]), 0)
    branched = mine[at].startswith(b"I") or theirs[at].startswith(b"I")
    before = (line for line in reversed(mine[: at + (not branched)]) if line.startswith(b"I"))
    address = inner = None
    bounds = next(((b, e) for b, e, name in one.places if name and Path(name).samefile(library)), (0, 0))
    for line in before:
        found = int(line[1:].split(b",")[0], 16)
        if bounds[0] <= found < bounds[1]:
            address = found
            break
        inner = inner or found
    what = "branch" if branched else "address"
    through = f" in {_object_of(one, inner)}, called" if inner is not None else ""
    where = place(library, address - bounds[0]) if address is not None else "code outside the library"
    seen = " and ".join(line.decode("ascii", "replace").strip() for line in (mine[at], theirs[at]))
    return f"{what} on a secret{through} at {where} (access {at + 1}: {seen})"


def _object_of(trace: Trace, address: int) -> str:
    return next((Path(name).name for begin, end, name in trace.places if name and begin <= address < end), "other code")


@cache
def _same_addresses() -> tuple[str, ...]:
    """Return the words that start a program at the same addresses every time, where the host allows that."""
    words = ("setarch", platform.machine(), "-R")
    if shutil.which("setarch") is None:
        return ()
    tried = subprocess.run([*words, "true"], check=False, capture_output=True, timeout=60)  # noqa: S603  (fixed words)
    return words if tried.returncode == 0 else ()
