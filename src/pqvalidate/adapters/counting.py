"""Instructions that each call of a C function executes, counted by valgrind's callgrind in a worker of its own.

Counts do not depend on the load of the machine: one call with the same inputs counts the same every time. The worker
is the usual one; its sandbox is put up around valgrind (``fenced``), and time limits are longer. Divisions that were
executed are told as well, by their place in the library (``objdump``): their duration depends on the operands on many
processors, which no count shows.

What is counted is one call through libffi, by which ctypes calls C: libffi moves the stack, so callgrind does not see
the C function itself begin. Its own share is the same in every call of one function.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pqvalidate.adapters.interface import Call, Fault, Ok, Reply
from pqvalidate.adapters.session import Limits, Session, Target
from pqvalidate.adapters.watched import Watch, WatchedSession
from pqvalidate.errors import AttachError

_CALLER = "ffi_call"
_SYSTEM = ("libc.so", "libc-", "ld-linux", "ld-musl", "ld.so", "ld64.so")
_DIVISION = re.compile(r"^\s*([0-9a-f]+):\s+(v?i?div[a-z0-9]*|[su]div)\s", re.MULTILINE)
_TOTAL = re.compile(r"(?:summary|totals): (\d+)")
_FUNCTION = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")


class CountingSession(WatchedSession):
    """A worker under callgrind, which writes one file for each call of the function that is counted."""

    def __init__(self, target: Target, limits: Limits, folder: Path) -> None:
        tool = (
            "valgrind", "--quiet", "--vgdb=no", "--tool=callgrind", f"--toggle-collect={_CALLER}",
            f"--dump-after={_CALLER}", "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no",
            f"--callgrind-out-file={folder}/out.%p",
        )  # fmt: skip
        super().__init__(target, limits, Watch(tool=tool, environment={"PYTHONHASHSEED": "0"}, writes=[folder]))


class WithCounts:
    """A session that also answers ``count``: inputs ``calls``, outputs ``counts``, ``own`` and ``divisions``.

    ``counts`` has the instructions of each call, ``own`` those of them outside the C library and the loader: an
    allocator takes its way from the history of the process, not from the inputs of a call. ``divisions`` has a line
    for each division instruction in the library that any of the calls executed: function, offset and instruction.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make calls in order, as ``Session.ask`` does; those of operation ``count`` in a process of their own."""
        if not any(call.operation == "count" for call in calls):
            return self._session.ask(calls, most_losses)
        replies: list[Reply] = []
        for call in calls:
            if call.operation == "count":
                replies.append(self._counted(call))
            else:
                replies += self._session.ask([call], most_losses)
        return replies

    def _counted(self, call: Call) -> Reply:
        target, inner = self._session.target, call.inputs["calls"]
        library = Path(target.settings["library"]).resolve()
        with tempfile.TemporaryDirectory(prefix="pqvalidate-counts-") as name:
            folder = Path(name)
            try:
                with CountingSession(target, self._session.limits, folder) as session:
                    replies = session.ask(inner, 1)
            except AttachError as error:
                return Fault("exception", f"under valgrind, {error}")
            if fault := next((reply for reply in replies if not isinstance(reply, Ok)), None):
                return Fault("exception", f"under valgrind: {fault.why}")
            return _summary(sorted(folder.glob("out.*.*"), key=_number), library, len(inner))


def _number(path: Path) -> int:
    return int(path.suffix[1:])


def _summary(files: Sequence[Path], library: Path, calls: int) -> Reply:
    """Return counts and divisions from callgrind's files, of which the last ones belong to the calls."""
    profiles = [_Profile(path, library) for path in files]
    last = profiles[-calls:]
    reached = sum(profile.reached for profile in last)
    if len(last) < calls or reached not in (0, calls):
        return Fault("exception", f"valgrind saw {len(last)} calls, {reached} of them in {library.name}, not {calls}")
    # The function itself counts as a part of libffi, whose own addresses are those of all calls to other code.
    ours = set[int]().union(*(profile.others for profile in profiles[:-calls] if not profile.reached))
    executed = set[int]().union(*(profile.inside | (profile.others - ours) for profile in last))
    return Ok({
        "counts": [profile.total for profile in last], "own": [profile.total - profile.system for profile in last],
        "divisions": divisions(library, executed),
    })  # fmt: skip


class _Profile:
    """What callgrind says about one call: instructions, and addresses executed in the library and in other objects.

    ``system`` counts the instructions of the C library and the loader, unless the C library is what is looked at.
    """

    def __init__(self, path: Path, library: Path) -> None:
        self.total = self.system = 0
        self.inside, self.others = set[int](), set[int]()
        self.reached, here, names = False, self.others, {str(library), str(library.resolve())}
        of_system = called = False
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("0x"):
                address, _, cost = line.split()
                here.add(int(address, 16))
                if of_system and not called:  # the line behind a call has the cost of what was called
                    self.system += int(cost)
                called = False
            elif line.startswith(("ob=", "cob=")):
                name = line.partition("=")[2]
                self.reached |= name in names
                if line.startswith("ob="):
                    here = self.inside if name in names else self.others
                    of_system = name not in names and Path(name).name.startswith(_SYSTEM)
            elif line.startswith("calls="):
                called = True
            elif found := _TOTAL.match(line):
                self.total = int(found[1])


def divisions(library: Path, executed: set[int]) -> list[str]:
    """Return the division instructions of ``library`` among the addresses ``executed``, one line each."""
    objdump = shutil.which("objdump")
    if objdump is None:
        return []
    command = [objdump, "--disassemble", "--no-show-raw-insn", "--section=.text", str(library)]
    made = subprocess.run(command, check=False, capture_output=True, timeout=300)  # noqa: S603  (our own words)
    return list(_divisions(made.stdout.decode("utf-8", "replace"), executed))


def _divisions(listing: str, executed: set[int]) -> Iterator[str]:
    name, begin = "?", 0
    for line in listing.splitlines():
        if found := _FUNCTION.match(line):
            name, begin = found[2], int(found[1], 16)
        elif (found := _DIVISION.match(line)) and int(found[1], 16) in executed:
            yield f"{name}+0x{int(found[1], 16) - begin:x} {found[2]}"
