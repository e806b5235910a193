"""Instructions of whole calls, as the worker makes them, counted by valgrind's callgrind.

Unlike ``adapters.counting``, which counts C functions alone, this counts everything between two marks that the worker
sets around a call: the adapter in Python, the package that it uses, and the library behind it. A count does not depend
on the load of the machine. It depends on the interpreter, on the libraries and on the processor that valgrind shows
them: it knows no AVX-512, for instance, so that a library may take another way than it takes without valgrind.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pqvalidate.adapters.interface import Call, Fault, Ok, Reply
from pqvalidate.adapters.session import Limits, Target, wire
from pqvalidate.adapters.watched import Watch, WatchedSession

_MARK = "getppid"
_SLOWER = 100
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
_FEATURES = ("adx", "aes", "avx", "avx2", "bmi2", "pclmulqdq", "sha_ni", "asimd", "sha3", "sve")
"""Features of processors by which libraries choose their code."""


def valgrind() -> str:
    """Return where valgrind is, or the empty string where it is not installed."""
    return shutil.which("valgrind") or ""


def circumstances() -> str:
    """Return what counts depend on beside the implementation; counts under unlike circumstances cannot be compared.

    That is the version of valgrind, the architecture, the features of the processor, and the version of Python.
    """
    said = subprocess.run([valgrind(), "--version"], check=False, capture_output=True, text=True, timeout=60)  # noqa: S603
    cpuinfo = Path("/proc/cpuinfo")
    words = set(cpuinfo.read_text("utf-8", "replace").split()) if cpuinfo.is_file() else set[str]()
    python = ".".join(map(str, sys.version_info[:3]))
    return " ".join([
        said.stdout.strip(), platform.machine(), f"python-{python}", *(name for name in _FEATURES if name in words),
    ])  # fmt: skip


class MarkedSession(WatchedSession):
    """A worker under callgrind, which writes a file at each mark: at the first one what went before, and so on.

    Args:
        target: what the worker imports, and its sandbox.
        limits: of the usual worker; time limits become longer.
        folder: an empty folder for callgrind's files.

    Raises:
        AttachError: the worker does not start under valgrind.

    """

    def __init__(self, target: Target, limits: Limits, folder: Path) -> None:
        self._folder = folder
        tool = (
            valgrind(), "--quiet", "--vgdb=no", "--tool=callgrind", f"--dump-before={_MARK}",
            f"--callgrind-out-file={folder}/out.%p",
        )  # fmt: skip
        environment = {"PYTHONHASHSEED": "0"}
        watch = Watch(tool=tool, environment=environment, obeys=False, slower=_SLOWER, writes=[folder])
        super().__init__(target, limits, watch)

    def count(self, call: Call, rounds: int) -> Reply:
        """Make one call ``rounds`` times and return Ok with the list ``counts``, the instructions of each.

        Each count holds the same few thousand instructions of the worker itself: from the mark to the call and back.
        A call that is refused or breaks returns that.
        """
        self._forget()
        reply = self.request({"op": "measure", "call": wire(call), "rounds": rounds, "marks": True})
        files = sorted(self._folder.glob("out.*.*"), key=_number)
        if not isinstance(reply, Ok):
            return reply
        if len(files) != 2 * rounds:
            return Fault("exception", f"valgrind saw {len(files)} marks around {rounds} calls, not {2 * rounds}")
        return Ok({"counts": [_total(file) for file in files[1::2]]})

    def _forget(self) -> None:
        for file in self._folder.glob("out.*"):
            file.unlink()


def _number(file: Path) -> int:
    return int(file.suffix[1:])


def _total(file: Path) -> int:
    found = _TOTAL.search(file.read_text("utf-8", "replace"))
    return int(found[1]) if found else 0
