"""One child process that runs vendor code: started with a private socket, watched, and ended with all it started."""

from __future__ import annotations

import contextlib
import fcntl
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
from collections import deque
from collections.abc import Sequence
from pathlib import Path

MARK = "PQVALIDATE_CHILD"
_LOG_TAIL = 4096
_QUIET_SCANS = 200
"""A process can start another and end between the listing of processes and the look at it; rarely in a row."""
_MOST_SCANS = 10_000
_LOG_CHUNK = 1 << 16
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}

# Isolated mode drops the user's own site-packages and PYTHONPATH, where this package and its needs may be. A source
# tree goes first, so that the worker is of the same version as the host; folders of installed packages go last, so
# that none of them stands in for a module of the standard library.
_BOOT = (
    "import sys; sys.path[:0] = filter(None, sys.argv[2:3]); sys.path += sys.argv[3:]; "
    "from pqvalidate.adapters.worker import serve; serve()"
)
_LAUNCH = "import sys; sys.path.insert(0, sys.argv[1]); from pqvalidate.adapters.launch import launch; launch()"
_PLACES = {"site-packages", "dist-packages"}
_PIPE_BYTES = 1 << 20


class Pipes:
    """Standard input and output of a program as one channel, of which sending and receiving never waits.

    Pipes and no socket: that is what programs are used to, down to opening /dev/stdin.
    """

    def __init__(self) -> None:
        self.their_input, self._writing = os.pipe()
        self._reading, self.their_output = os.pipe()
        for descriptor in (self._writing, self._reading):
            os.set_blocking(descriptor, False)
            with contextlib.suppress(OSError, AttributeError):  # Linux only, and within what the account may have
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def send(self, data: memoryview) -> int:
        """Write what the program's input takes and return how many bytes that was."""
        return os.write(self._writing, data)

    def recv(self, most: int) -> bytes:
        """Return at most so many bytes of the program's output, empty at its end."""
        return os.read(self._reading, most)

    def fileno(self) -> int:
        """Return the descriptor to read from."""
        return self._reading

    def outgoing(self) -> int:
        """Return the descriptor to write to, or -1 when it was closed."""
        return self._writing

    def end_input(self) -> None:
        """Close the program's input: a program of this protocol then exits."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def close(self) -> None:
        """Close our ends; closing twice is harmless."""
        self.end_input()
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1


class ChildProcess:
    """A child in its own session, with a scrubbed environment, a scratch folder and a pipe for all that it prints.

    Args:
        command: program and arguments; ``{fd}`` becomes the number of the child's end of the private socket.
        environment: variables beside the few fixed ones (PATH and LANG unless given, HOME and TMPDIR in the scratch
            folder).
        pipes: talk over the child's standard input and output and no socket; then only standard error is the log.

    Raises:
        OSError: the process cannot be started.

    """

    def __init__(self, command: list[str], environment: dict[str, str], *, pipes: bool = False) -> None:
        self.mark = secrets.token_hex(16)
        self.scratch = tempfile.TemporaryDirectory(prefix="pqvalidate-", ignore_cleanup_errors=True)
        self._printed = b""
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as theirs:
            undo.callback(self.scratch.cleanup)
            # A pipe and no file: it has no size at which a talkative vendor's prints would begin to fail.
            self._log, writing = os.pipe()
            undo.callback(os.close, self._log)
            theirs.callback(os.close, writing)
            os.set_blocking(self._log, False)
            self.channel: socket.socket | Pipes
            passed: tuple[int, ...] = ()
            if pipes:
                self.channel = made = Pipes()
                reading, printing = made.their_input, made.their_output
                theirs.callback(os.close, reading)
                theirs.callback(os.close, printing)
            else:
                self.channel, other = socket.socketpair()
                self.channel.setblocking(False)
                theirs.callback(other.close)
                reading, printing, passed = subprocess.DEVNULL, writing, (other.fileno(),)
                command = [part.replace("{fd}", str(other.fileno())) for part in command]
            undo.callback(self.channel.close)
            usual = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
            self.fixed = {"HOME": self.scratch.name, "TMPDIR": self.scratch.name, MARK: self.mark}
            self.environment = {**usual, **environment, **self.fixed}
            self._child = subprocess.Popen(  # noqa: S603  (our own interpreter)
                command, stdin=reading, stdout=printing, stderr=writing, cwd=self.scratch.name,
                env=self.environment, pass_fds=passed, start_new_session=True,
            )  # fmt: skip
            undo.pop_all()
        self._pidfd = _pidfd(self._child.pid)

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._child.pid

    def wait_readable(self, seconds: float, *, writing: bool = False) -> tuple[bool, bool, bool]:
        """Wait for the socket, for print-outs or for the end of the child; return (readable, writable, ended)."""
        poll = select.poll()
        incoming = outgoing = self.channel.fileno()
        poll.register(incoming, select.POLLIN | (select.POLLOUT if writing else 0))
        if isinstance(self.channel, Pipes):
            outgoing = self.channel.outgoing()
            poll.register(incoming, select.POLLIN)
            if writing and outgoing >= 0:
                poll.register(outgoing, select.POLLOUT)
        for descriptor in (self._pidfd, self._log):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        events = dict(poll.poll(max(0, round(seconds * 1000))))
        if self._log in events:
            self._take_log()
        mine, taken = events.get(incoming, 0), events.get(outgoing, 0)
        ended = self._pidfd in events if self._pidfd >= 0 else self._child.poll() is not None
        readable = bool(mine & (select.POLLIN | select.POLLHUP | select.POLLERR))
        # A pipe that nobody reads any more counts as writable: the attempt to write says so.
        writable = bool(taken & (select.POLLOUT | (0 if incoming == outgoing else select.POLLERR)))
        return readable, writable, ended

    def _take_log(self) -> bool:
        """Take what is in the pipe, keeping the end of it; return whether there may be more."""
        try:
            data = os.read(self._log, _LOG_CHUNK)
        except BlockingIOError:
            return False
        if not data:
            os.close(self._log)
            self._log = -1
        self._printed = (self._printed + data)[-_LOG_TAIL:]
        return bool(data)

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

    def end_input(self, seconds: float) -> str:
        """Close the input of a program, wait for its end, and return what was wrong with it: "" if nothing was."""
        assert isinstance(self.channel, Pipes)  # noqa: S101  (a socket has no such end)
        self.channel.end_input()
        deadline = time.monotonic() + seconds
        ended = False
        while not ended and (left := deadline - time.monotonic()) > 0:
            readable, _, ended = self.wait_readable(left)
            if readable:
                with contextlib.suppress(BlockingIOError):
                    if more := self.channel.recv(_LOG_CHUNK):
                        return f"it wrote more than its replies to standard output: {more[:80]!r}"
                time.sleep(0.01)  # its output is closed, and it lives on
        if not ended:
            return f"it was still there {seconds:g} s after the end of its input"
        how = self.how_it_ended()
        return "" if how.startswith("exited with status 0") else how

    def killed_from_outside(self) -> bool:
        """Return whether the child died by a signal that code does not raise by mistake, such as SIGKILL."""
        status = self._child.poll()
        return status is not None and -status in _FROM_OUTSIDE

    def log_tail(self) -> str:
        """Return the last printed lines of the child, for the lab engineer."""
        for _ in range(16):  # a pipe holds 64 KiB; descendants may go on filling it
            if self._log < 0 or not self._take_log():
                break
        return self._printed.decode("utf-8", "replace")

    def kill(self) -> None:
        """Kill the child and those that stayed in its session; whoever owns it still has to end it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def end(self) -> None:
        """End the child and every process that it started, also those that left its session; then clean up."""
        self.kill()
        self._child.wait()
        self._end_descendants()
        for descriptor in (self._pidfd, self._log):
            if descriptor >= 0:
                os.close(descriptor)
        self.channel.close()
        try:
            self.scratch.cleanup()
        except RecursionError:  # folders nested more deeply than the library function can follow
            subprocess.run(["rm", "-rf", "--", self.scratch.name], check=False)  # noqa: S603, S607  (our own folder)

    def _end_descendants(self) -> None:
        """Kill the processes of this child that are left (Linux), until there are none.

        A process counts that carries this child's mark in its initial environment, or works in its scratch folder. One
        that drops both, by starting another program with another environment elsewhere, is not found.
        """
        mark = f"{MARK}={self.mark}".encode()
        quiet, seen = 0, set[int]()
        for _ in range(_MOST_SCANS):
            newest, found = _newest(), False
            pids = _pids()
            for pid in (pid for pid in pids if pid not in seen):  # whoever was looked at before is not of this child
                if mark in _initial_environment(pid) or self._works_in_scratch(pid):
                    found = True
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            quiet, seen = (0, set()) if found else (quiet + 1, set(pids))
            if quiet == _QUIET_SCANS or (quiet and newest == _newest()):
                return

    def _works_in_scratch(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(self.scratch.name)  # noqa: PTH115  (no check)
        return False


def _pidfd(pid: int) -> int:
    """Return a descriptor that tells when a process ends, or -1 where the kernel has none."""
    with contextlib.suppress(AttributeError, OSError):
        return os.pidfd_open(pid)
    return -1


def _pids() -> list[int]:
    """Return all processes, the newest first: those are the ones that may be gone in a moment, leaving another."""
    with contextlib.suppress(OSError):
        names = os.listdir("/proc")  # noqa: PTH208  (a plain name suffices)
        return sorted((int(name) for name in names if name.isdigit()), reverse=True)
    return []


def _newest() -> str:
    """Return the number given out last to a process or thread; while it stays the same, nothing was started."""
    with contextlib.suppress(OSError):
        return Path("/proc/loadavg").read_text(encoding="ascii").split()[-1]
    return ""


def _initial_environment(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def python_worker(
    environment: dict[str, str], prefix: Sequence[str] = (), *, obeys_environment: bool = False
) -> ChildProcess:  # fmt: skip
    """Start the Python worker of this package in isolated mode, its prints unbuffered so that a crash keeps them.

    ``prefix`` holds the words of a program that runs it and watches it. With ``obeys_environment`` the interpreter
    obeys the variables of ``environment`` that are meant for it, and is isolated otherwise.

    Raises:
        OSError: the process cannot be started.

    """
    installed = [entry for entry in sys.path if Path(entry).name in _PLACES]
    root = Path(__file__).resolve().parents[2]
    source = "" if root.name in _PLACES else str(root)
    isolation = ("-s", "-P") if obeys_environment else ("-I",)
    command = [*prefix, sys.executable, *isolation, "-B", "-u", "-c", _BOOT, "{fd}", source, *installed]
    return ChildProcess(command, environment)


def program(environment: dict[str, str]) -> ChildProcess:
    """Start the launcher of ``adapters.launch``, which becomes the program that its standard input then names.

    The launcher itself runs without the program's ``environment``, which may hold what breaks another interpreter.

    Raises:
        OSError: the process cannot be started.

    """
    root = str(Path(__file__).resolve().parents[2])
    child = ChildProcess([sys.executable, "-I", "-S", "-B", "-c", _LAUNCH, root], {}, pipes=True)
    child.environment = {**child.environment, **environment, **child.fixed}
    return child


def on_main_thread() -> bool:
    """Return whether this is the main thread; only then may a child be told to end with the thread that started it."""
    return threading.current_thread() is threading.main_thread()


def send(child: ChildProcess, outgoing: deque[memoryview]) -> bool:
    """Write what the socket takes; return False when the child no longer reads."""
    try:
        while outgoing:
            count = child.channel.send(outgoing[0])
            outgoing[0] = outgoing[0][count:]
            if not outgoing[0]:
                outgoing.popleft()
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def receive(child: ChildProcess) -> bytes | None:
    """Return received bytes, empty at the end of the stream, None when there is nothing yet."""
    try:
        return child.channel.recv(1 << 18)
    except BlockingIOError:
        return None
    except OSError:
        return b""
