"""One child process that runs vendor code: started with a private socket, watched, and ended with all it started."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MARK = "PQVALIDATE_CHILD"
_LOG_TAIL = 4096
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class ChildProcess:
    """A child in its own session, with a scrubbed environment, a scratch folder and a log for all that it prints.

    Args:
        command: program and arguments; ``{fd}`` becomes the number of the child's end of the private socket.
        environment: variables beside the few fixed ones (PATH, LANG, HOME and TMPDIR in the scratch folder).

    """

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.mark = secrets.token_hex(16)
        self.scratch = tempfile.TemporaryDirectory(prefix="pqvalidate-", ignore_cleanup_errors=True)
        self.channel, theirs = socket.socketpair()
        self.channel.setblocking(False)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the child)
        number = theirs.fileno()
        try:
            self._child = subprocess.Popen(
                [part.format(fd=number) for part in command],
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, cwd=self.scratch.name,
                env=self._environment(environment), pass_fds=(number,), start_new_session=True,
            )  # fmt: skip
        except BaseException:
            self.channel.close()
            self._log.close()
            self.scratch.cleanup()
            raise
        finally:
            theirs.close()
        self._pidfd = os.pidfd_open(self._child.pid) if hasattr(os, "pidfd_open") else -1

    def _environment(self, extra: dict[str, str]) -> dict[str, str]:
        fixed = {
            "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": self.scratch.name,
            "TMPDIR": self.scratch.name, MARK: self.mark,
        }  # fmt: skip
        return {**extra, **fixed}

    def wait_readable(self, seconds: float, *, writing: bool = False) -> tuple[bool, bool, bool]:
        """Wait for the socket or the end of the child; return (readable, writable, ended)."""
        poll = select.poll()
        poll.register(self.channel, select.POLLIN | (select.POLLOUT if writing else 0))
        if self._pidfd >= 0:
            poll.register(self._pidfd, select.POLLIN)
        events = dict(poll.poll(max(0, round(seconds * 1000))))
        mine = events.get(self.channel.fileno(), 0)
        ended = self._pidfd in events if self._pidfd >= 0 else self._child.poll() is not None
        return bool(mine & (select.POLLIN | select.POLLHUP | select.POLLERR)), bool(mine & select.POLLOUT), ended

    def how_it_ended(self) -> str:
        """Describe the exit of a child that has ended or is about to."""
        try:
            status = self._child.wait(1)
        except subprocess.TimeoutExpired:
            return "closed its end of the connection"
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"killed by {signal.Signals(-status).name}"
            return f"killed by signal {-status}"
        return f"exited with status {status} without a reply"

    def killed_from_outside(self) -> bool:
        """Return whether the child died by a signal that code does not raise by mistake, such as SIGKILL."""
        status = self._child.poll()
        return status is not None and -status in _FROM_OUTSIDE

    def log_tail(self) -> str:
        """Return the last printed lines of the child, for the lab engineer."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _LOG_TAIL))
        return self._log.read().decode("utf-8", "replace")

    def end(self) -> None:
        """End the child and every process that it started, also those that left its session; then clean up."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._end_descendants()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self.channel.close()
        self._log.close()
        self.scratch.cleanup()

    def _end_descendants(self) -> None:
        """Kill processes that carry this child's mark in their initial environment (Linux), until none is left."""
        mark = f"{MARK}={self.mark}".encode()
        for _ in range(200):
            found = [pid for pid in _pids() if mark in _initial_environment(pid)]
            if not found:
                return
            for pid in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)


def _pids() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  (a plain name suffices)
    return []


def _initial_environment(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def python_worker(environment: dict[str, str]) -> ChildProcess:
    """Start the Python worker of this package in isolated mode."""
    return ChildProcess([sys.executable, "-I", "-B", "-m", "pqvalidate.adapters.worker", "{fd}"], environment)


def on_main_thread() -> bool:
    """Return whether this is the main thread; only then may a child be told to end with the thread that started it."""
    return threading.current_thread() is threading.main_thread()
