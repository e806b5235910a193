"""ML-KEM-768 of OpenSSL, sound but for one call: there it does what the environment variable PQV_FAULT names.

PQV_FAULT_AT is the SHA-256 of the ciphertext whose decapsulation goes wrong, or ``every`` for all of them.
PQV_FAULT_TOKEN is a number that marks the processes which a fault leaves behind, PQV_FAULT_FILE a file that it may use.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pqvalidate.adapters.framing import HEADER, pack
from pqvalidate.vendors import openssl

FAULT = os.environ.get("PQV_FAULT", "")
AT = os.environ.get("PQV_FAULT_AT", "")
TOKEN = os.environ.get("PQV_FAULT_TOKEN", "0")
FILE = Path(os.environ.get("PQV_FAULT_FILE", "/nowhere"))
MEBIBYTE = 1 << 20
HOARD: list[object] = []


class FaultyKem:
    """Decapsulation goes wrong at the chosen ciphertext; all else is passed on."""

    def __init__(self, sound: openssl.OpensslKem) -> None:
        self._sound = sound
        self.keygen = sound.keygen
        self.keygen_from_seed = sound.keygen_from_seed
        self.encapsulate = sound.encapsulate
        self.check_encapsulation_key = sound.check_encapsulation_key
        self.load_decapsulation_key_from_seed = sound.load_decapsulation_key_from_seed

    def decapsulate_from_seed(self, seed: bytes, c: bytes) -> object:
        right = self._sound.decapsulate_from_seed(seed, c)
        if FAULT and AT in ("every", hashlib.sha256(c).hexdigest()):
            return FAULTS[FAULT](right)
        return right


def implementation(parameter_set: str) -> object:
    sound = openssl.implementation(parameter_set)
    assert isinstance(sound, openssl.OpensslKem)
    return FaultyKem(sound)


def segfault(_right: bytes) -> object:
    return ctypes.string_at(0)


def stack_overflow(_right: bytes) -> object:
    """Call back from C into Python and from there into C again, without end."""
    sys.setrecursionlimit(1 << 30)
    HOARD.append(ctypes.CFUNCTYPE(None)(again))
    return again()


def again() -> object:
    callback: Any = HOARD[0]
    return callback()


def endless_recursion(right: bytes) -> object:
    return endless_recursion(right)


def loop(_right: bytes) -> object:
    while True:
        pass


def loop_ignoring_signals(right: bytes) -> object:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    return loop(right)


def kill_itself(number: int) -> Callable[[bytes], object]:
    def fault(_right: bytes) -> object:
        os.kill(os.getpid(), number)
        time.sleep(60)
        return None

    return fault


def memory(_right: bytes) -> object:
    """Keep all that was got, so that nothing that comes after finds any."""
    while True:
        HOARD.append(bytearray(MEBIBYTE))


def memory_in_c(_right: bytes) -> object:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while place := libc.malloc(ctypes.c_size_t(MEBIBYTE)):
        HOARD.append(place)
    return libc.memset(ctypes.c_void_p(place), 0, 1)


def close_descriptors(right: bytes) -> object:
    os.closerange(0, 256)
    return right


def close_descriptors_and_wait(_right: bytes) -> object:
    os.closerange(0, 256)
    time.sleep(60)
    return None


def fork_bomb(right: bytes) -> object:
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    return loop(right)


def daemon(right: bytes) -> object:
    """Leave a grandchild in a session of its own, away from the scratch folder."""
    if os.fork() == 0:
        os.setsid()
        os.chdir("/")
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        os._exit(0)
    return right


def program_without_environment(right: bytes) -> object:
    HOARD.append(subprocess.Popen(["sleep", f"60.{TOKEN}"], env={}, start_new_session=True))
    return right


def fork_and_return_twice(right: bytes) -> object:
    os.fork()
    return right


def huge_file(right: bytes) -> object:
    with Path("huge").open("wb") as stream:
        stream.writelines(bytes(MEBIBYTE) for _ in range(256))
    return right


def deep_folders(right: bytes) -> object:
    place = Path.cwd()
    for _ in range(1100):
        Path("d").mkdir()
        os.chdir("d")
    os.chdir(place)
    return right


def protocol_descriptor() -> int:
    """Find the private socket as hostile code would: by looking at every descriptor."""
    for number in range(3, 1024):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return number
        except OSError:
            continue
    raise LookupError


def request_id() -> int:
    """Find the id of the request by looking through the calling frames."""
    frame = sys._getframe()
    while frame.f_back and "request" not in frame.f_locals:
        frame = frame.f_back
    return int(frame.f_locals["request"]["id"])


def put(data: bytes) -> None:
    os.write(protocol_descriptor(), data)


def writes(data: Callable[[bytes], bytes]) -> Callable[[bytes], object]:
    """Return a fault that writes to the private socket and then answers as if nothing had happened."""

    def fault(right: bytes) -> object:
        put(data(right))
        return right

    return fault


def truncated_frame_then(after: Callable[[bytes], object]) -> Callable[[bytes], object]:
    def fault(right: bytes) -> object:
        put(HEADER.pack(100) + b"\x81")
        return after(right)

    return fault


def slow_drip(_right: bytes) -> object:
    put(HEADER.pack(1 << 16))
    while True:
        put(b"\x81")
        time.sleep(0.02)


def flood(_right: bytes) -> object:
    while True:
        put(pack({"id": 0, "ok": {}}) * 1000)


def reply(**message: Any) -> Callable[[bytes], bytes]:
    return lambda _right: pack({"id": request_id(), **message})


def exit_without_reply(_right: bytes) -> object:
    os._exit(0)


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError(HOARD)


def raises(make: Callable[[], BaseException]) -> Callable[[bytes], object]:
    def fault(_right: bytes) -> object:
        raise make()

    return fault


def released_view(right: bytes) -> object:
    view = memoryview(right)
    view.release()
    return view


def wrong_answer_with_forged_reply(right: bytes) -> object:
    """Print what would be the right reply, perfectly formed, to everything that is called standard output."""
    forged = pack({"id": request_id(), "ok": {"k": right}})
    sys.stdout.buffer.write(forged)
    sys.stdout.flush()
    os.write(1, forged)
    os.write(2, forged)
    return bytes(32)


def talkative(right: bytes) -> object:
    for stream in (sys.stdout, sys.stderr):
        stream.write("all is well\n" * (10 * MEBIBYTE // 12))
    os.write(1, b"\0" * MEBIBYTE)
    return right


def replaces_stdout(right: bytes) -> object:
    def never(*_: object) -> None:
        time.sleep(60)

    stream = type("Stream", (), {"write": never, "flush": never, "fileno": lambda _: 1})()
    sys.stdout = sys.stderr = stream
    return right


def exit_hook_that_hangs(right: bytes) -> object:
    atexit.register(time.sleep, 60)
    return right


def threads_that_never_end(right: bytes) -> object:
    for _ in range(4):
        threading.Thread(target=time.sleep, args=(60,)).start()
    return right


def changes_its_surroundings(right: bytes) -> object:
    os.chdir("/")
    os.umask(0o777)
    os.environ.clear()
    sys.path.clear()
    return right


def looks_for_secrets(right: bytes) -> object:
    found = [name for name in os.environ if "SECRET" in name]
    if found:
        raise RuntimeError(found)
    return right


def wait_once(right: bytes) -> object:
    """The first time, say where this process can be killed, and wait for that."""
    if not FILE.exists():
        FILE.with_suffix(".new").write_text(str(os.getpid()))
        FILE.with_suffix(".new").rename(FILE)
        time.sleep(1.5)
    return right


def never_starts_again(_right: bytes) -> object:
    FILE.touch()
    os.abort()


FAULTS: dict[str, Callable[[bytes], object]] = {
    "segmentation fault": segfault,
    "abort": lambda _: os.abort(),
    "stack overflow": stack_overflow,
    "endless recursion": endless_recursion,
    "sys.exit(0)": lambda _: sys.exit(0),
    "os._exit(0)": exit_without_reply,
    "endless loop": loop,
    "endless loop that ignores all signals": loop_ignoring_signals,
    "stops itself": kill_itself(signal.SIGSTOP),
    "kills itself by SIGKILL": kill_itself(signal.SIGKILL),
    "kills itself by SIGTERM": kill_itself(signal.SIGTERM),
    "interrupts itself": kill_itself(signal.SIGINT),
    "takes all memory and keeps it": memory,
    "takes all memory in C": memory_in_c,
    "closes all descriptors": close_descriptors,
    "closes all descriptors and waits": close_descriptors_and_wait,
    "fork bomb": fork_bomb,
    "leaves a daemon": daemon,
    "leaves a program without environment": program_without_environment,
    "forks and returns twice": fork_and_return_twice,
    "file of 256 MiB": huge_file,
    "folders nested 1100 deep": deep_folders,
    "frame of garbage": writes(lambda _: HEADER.pack(64) + b"\xc1" * 64),
    "text instead of a frame": writes(lambda _: b"HTTP/1.1 200 OK\r\n\r\n"),
    "oversized frame": writes(lambda _: HEADER.pack(1 << 31)),
    "frame that holds a list": writes(lambda _: HEADER.pack(1) + b"\x90"),
    "frame with an impossible key": writes(lambda _: HEADER.pack(4) + b"\x81\x81\x01\x01"),
    "truncated frame, then exit": truncated_frame_then(exit_without_reply),
    "truncated frame, then waiting": truncated_frame_then(loop),
    "slow drip": slow_drip,
    "flood of frames": flood,
    "reply with a wrong id": writes(lambda right: pack({"id": request_id() + 1000, "ok": {"k": right}})),
    "reply with an id that is a list": writes(lambda right: pack({"id": [1], "ok": {"k": right}})),
    "two replies": writes(lambda right: pack({"id": request_id(), "ok": {"k": right}})),
    "reply that says nothing": writes(reply()),
    "reply without outputs": writes(reply(ok={})),
    "reply with a number for bytes": writes(reply(ok={"k": 7})),
    "reply with nested replies": writes(reply(ok={"replies": 7})),
    "BaseException": raises(lambda: type("Panic", (BaseException,), {})("panicked")),
    "GeneratorExit": raises(GeneratorExit),
    "SystemExit of its own": raises(lambda: type("Quit", (SystemExit,), {})(0)),
    "KeyboardInterrupt": raises(KeyboardInterrupt),
    "exception that cannot be printed": raises(UnspeakableError),
    "exception with control characters": raises(lambda: RuntimeError("\x1b[2J\x07gone\n" * 400)),
    "waits for input": lambda _: input().encode(),
    "returns None": lambda _: None,
    "returns text": lambda right: right.hex(),
    "returns a number": lambda _: 32,
    "returns a pair": lambda right: (right, right),
    "returns a view that cannot be read": released_view,
    "returns 10 MiB": lambda _: bytes(10 * MEBIBYTE),
    "wrong answer with a forged reply on standard output": wrong_answer_with_forged_reply,
    "prints 20 MiB": talkative,
    "replaces standard output": replaces_stdout,
    "exit hook that hangs": exit_hook_that_hangs,
    "threads that never end": threads_that_never_end,
    "changes its surroundings": changes_its_surroundings,
    "looks for secrets": looks_for_secrets,
    "waits once": wait_once,
    "never starts again": never_starts_again,
}

if FAULT == "never starts again" and FILE.exists():
    os._exit(7)
