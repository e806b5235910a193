"""The command as a user runs it: a process of its own, its exit code, its two streams, or a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.house_rules.tree import ROOT

COMMAND = [sys.executable, "-m", "pqvalidate"]
SEED = "5eed"
Done = subprocess.CompletedProcess[str]


def environment(**more: str) -> dict[str, str]:
    """Return this environment with the source on the path, a plain terminal and nothing about colours."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "FORCE_COLOR"}}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm", **more}


def pqvalidate(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> Done:  # fmt: skip
    """Run the command with both streams into pipes; whatever happens, it shows no traceback."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)], cwd=cwd, env=env or environment(), capture_output=True, text=True, check=False,
        timeout=120, stdin=subprocess.DEVNULL, preexec_fn=before,
    )  # fmt: skip
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def succeeded(*words: str | Path, cwd: Path | None = None, code: int = 0) -> Done:
    """Run the command and insist on its exit code."""
    done = pqvalidate(*words, cwd=cwd)
    assert done.returncode == code, done.stderr + done.stdout
    return done


def document(done: Done) -> dict[str, Any]:
    """Return standard output as the one JSON document that it must be."""
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def with_planted(code: str, *words: str | Path, cwd: Path | None = None) -> Done:
    """Run the command in a process in which ``code`` has run before; words as for ``pqvalidate``."""
    start = f"import sys\n{code}\nfrom pqvalidate.cli import main\nsys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", start, *map(str, words)], cwd=cwd, env=environment(), capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


class OnTerminal:
    """The command on a terminal of its own, whose output goes elsewhere if ``stdout`` says so."""

    def __init__(
        self, *words: str | Path, cwd: Path | None = None, columns: int = 100, stdout: Path | None = None
    ) -> None:
        self._host, terminal = pty.openpty()
        self.shown = ""
        output = stdout.open("wb") if stdout else None
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, words)], cwd=cwd, env=environment(COLUMNS=str(columns)), stdin=terminal,
            stdout=output or terminal, stderr=terminal, start_new_session=True,
        )  # fmt: skip
        os.close(terminal)
        if output:
            output.close()

    def read(self, seconds: float = 0.05) -> bool:
        """Take what was printed; return False when nothing more can come."""
        if not select.select([self._host], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._host, 65536)
        except OSError:  # Linux reports the end of a terminal as an input error
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)

    def read_until(self, text: str, seconds: float = 60) -> None:
        """Wait until ``text`` was shown."""
        end = time.monotonic() + seconds
        while text not in self.shown:
            assert self.read(), f"ended without showing {text!r}: {self.shown}"
            assert time.monotonic() < end, f"{text!r} was not shown: {self.shown}"

    def interrupt(self) -> None:
        """Do what Ctrl-C does: signal the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self.read(0.2) and (self.process.poll() is None or select.select([self._host], [], [], 0)[0]):
            pass
        os.close(self._host)
        return self.process.wait(timeout=60)
