"""The fence around a worker that valgrind watches: the layers of the sandbox, put up before valgrind begins.

Under valgrind a process cannot restrict itself: valgrind makes its system calls for it and knows few of the newer
ones. So a launcher restricts itself and becomes valgrind (``launch.fence``); all that valgrind runs inherits the
layers. One of them cannot be had so: the filter on system calls of C libraries (``seccomp``) refuses to start programs,
and valgrind is one. The filter on sockets (``seccomp-sockets``), meant for programs of any kind, stands in for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pqvalidate.adapters.process import on_main_thread
from pqvalidate.adapters.session import Limits

MEMORY = 16 << 30
"""Addresses, most of them valgrind's own reservations."""
_FILES, _DESCRIPTORS = 1 << 28, 1024
_PROBE_SECONDS = 60
_START = "import sys; sys.path.insert(0, sys.argv[1]); from pqvalidate.adapters.launch import fence; fence()"


def watched_limits(limits: Limits, slower: int, start_seconds: int) -> Limits:
    """Return the bounds on a worker under valgrind: so many times slower, and with room for what valgrind needs."""
    return Limits(
        call_seconds=limits.call_seconds * slower, start_seconds=start_seconds, memory_bytes=MEMORY,
        file_bytes=_FILES, descriptors=_DESCRIPTORS,
    )  # fmt: skip


class Fence:
    """Words that start a program within the layers of a sandbox; use as a context manager.

    Args:
        sandbox: as for ``sandbox.apply``, without ``write``; nothing for no layers, which leaves the limits.
        reads: further files and folders that may be read.
        writes: folders that may be written to beside the scratch folder in which the program is started.

    """

    def __init__(self, sandbox: Mapping[str, Any], *, reads: Sequence[Path] = (), writes: Sequence[Path] = ()) -> None:
        self._own = tempfile.TemporaryDirectory(prefix="pqvalidate-fence-", ignore_cleanup_errors=True)
        self._held = Path(self._own.name) / "held.json"
        wanted: dict[str, Any] = {}
        if sandbox:
            more = [str(path.resolve()) for path in (*reads, *_valgrind())]
            wanted = {
                **sandbox, "read": [*sandbox["read"], *more], "write": [str(path.resolve()) for path in writes],
                "library": False, "forks": True,
            }  # fmt: skip
        limits = {"memory_bytes": MEMORY, "file_bytes": _FILES, "descriptors": _DESCRIPTORS}
        parent = os.getpid() if on_main_thread() else 0
        config = {"limits": limits, "sandbox": wanted, "parent": parent, "held": str(self._held)}
        (Path(self._own.name) / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take away what the launcher was told; closing twice is harmless."""
        self._own.cleanup()

    def words(self, command: Sequence[str]) -> list[str]:
        """Return the words that start the program of a command within the fence."""
        root = str(Path(__file__).resolve().parents[2])
        return [sys.executable, "-I", "-S", "-B", "-c", _START, root, f"{self._own.name}/config.json", *command]

    def held(self) -> list[str]:
        """Return the limits and layers that hold for what was started last; nothing where none was."""
        with contextlib.suppress(OSError, ValueError):
            found: list[str] = json.loads(self._held.read_text(encoding="utf-8"))
            return found
        return []


def _valgrind() -> list[Path]:
    """Return the folder of an installation of valgrind that is not the system's."""
    found = shutil.which("valgrind")
    places = [Path(found).parent.parent, Path(found).resolve().parent.parent] if found else []
    return [place for place in dict.fromkeys(places) if place != Path(place.root)]


def under_valgrind(sandbox: Mapping[str, Any]) -> str:
    """Start valgrind on a program of the system within the fence and say which layers hold there, or why it does not.

    Nothing is said where there is no valgrind.
    """
    if not shutil.which("valgrind"):
        return ""
    with tempfile.TemporaryDirectory(prefix="pqvalidate-fence-") as scratch, Fence(sandbox) as fence:
        command = fence.words(["valgrind", "--quiet", "--tool=none", "--vgdb=no", "true"])
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": scratch, "TMPDIR": scratch}
        try:
            done = subprocess.run(  # noqa: S603  (our own words)
                command, check=False, capture_output=True, cwd=scratch, env=environment, timeout=_PROBE_SECONDS,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"under valgrind: it does not start: {error}"
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
            return f"under valgrind: it does not start: {said[-300:]}"
        return f"under valgrind: {' '.join(fence.held())}"
