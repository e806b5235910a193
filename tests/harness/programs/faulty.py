"""The honest harness over OpenSSL, but for one call, where it does what the environment variable PQV_FAULT names.

``faulty.py FRAMING [batch]``. PQV_FAULT_AT is the SHA-256 of the ciphertext whose decapsulation goes wrong.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.harness.programs.honest import Harness

FAULT = os.environ.get("PQV_FAULT", "")
AT = os.environ.get("PQV_FAULT_AT", "")
Reply = dict[str, Any]


class Faulty(Harness):
    """Sound, but for the request that holds the chosen ciphertext."""

    seen = 0

    def serve(self) -> None:
        if act := AT_START.get(FAULT):
            act(self)
        held: list[Reply] = []
        for request in self.requests():
            reply = {"id": request["id"], **self.answer(request)}
            if held:  # replies out of order: the one held back follows its successor
                self.send(reply)
                self.send(held.pop())
            elif FAULT in WITH_THE_REPLY and chosen(request):
                if FAULT == "replies out of order":
                    held.append(reply)
                else:
                    WITH_THE_REPLY[FAULT](self, reply)
            else:
                self.send(reply)
                if FAULT == "replies before being asked" and request["op"] == "hello":
                    self.send({"id": request["id"] + 1, "ok": {"k": bytes(32)}})

    def answer(self, request: Reply) -> Reply:
        if request["op"] != "batch" and FAULT in INSIDE and chosen(request):
            return INSIDE[FAULT](super().answer(request))
        return super().answer(request)

    def hello(self) -> Reply:
        said = super().hello()
        return HELLO[FAULT](said) if FAULT in HELLO else said


def chosen(request: Reply) -> bool:
    if request["op"] == "batch":
        return any(chosen(call) for call in request["calls"])
    c = request.get("in", {}).get("c", b"")
    return hashlib.sha256(bytes.fromhex(c) if isinstance(c, str) else c).hexdigest() == AT


def with_k(reply: Reply, value: object) -> Reply:
    return {**reply, "ok": {"k": value}}


def raw(text: bytes) -> Callable[[Harness, Reply], None]:
    return lambda harness, _reply: harness.write(text)


def stall_half_way(harness: Harness, reply: Reply) -> None:
    data = harness.encoded(reply)
    harness.write(data[: len(data) // 2])
    time.sleep(60)


def half_then_exit(harness: Harness, reply: Reply) -> None:
    data = harness.encoded(reply)
    harness.write(data[: len(data) // 2])
    os._exit(0)


def close_output(harness: Harness, _reply: Reply) -> None:
    harness.output.flush()
    os.close(1)
    time.sleep(60)


def flood(harness: Harness, reply: Reply) -> None:
    while True:
        harness.write(harness.encoded({**reply, "id": 0}))


def endless_line(harness: Harness, _reply: Reply) -> None:
    while True:
        harness.write(b"a" * (1 << 20))


def log_first(harness: Harness, reply: Reply) -> None:
    harness.write(b"DEBUG: decapsulating\n")
    harness.send(reply)


def wait(_reply: Reply) -> Reply:
    while True:
        time.sleep(1)


def die(number: int) -> Callable[[Reply], Reply]:
    def at_the_call(reply: Reply) -> Reply:
        sys.stderr.write("about to die\n")
        sys.stderr.flush()
        os.kill(os.getpid(), number)
        return wait(reply)

    return at_the_call


def leave(_reply: Reply) -> Reply:
    os._exit(0)


def rewritten(old: bytes, new: bytes) -> Callable[[Harness, Reply], None]:
    """Send the honest reply with some of its bytes changed; that they are there is part of the test."""

    def write(harness: Harness, reply: Reply) -> None:
        data = harness.encoded(reply)
        assert old in data
        harness.write(data.replace(old, new))

    return write


WITH_THE_REPLY: dict[str, Callable[[Harness, Reply], None]] = {
    "replies out of order": lambda _harness, _reply: None,
    "answers another id": lambda harness, reply: harness.send({**reply, "id": reply["id"] + 7}),
    "answers with an id that is text": lambda harness, reply: harness.send({**reply, "id": str(reply["id"])}),
    "answers without id": lambda harness, reply: harness.send({"ok": reply["ok"]}),
    "answers twice": lambda harness, reply: harness.write(2 * harness.encoded(reply)),
    "prints a log line to standard output": log_first,
    "prints text without a line end": raw(b"Hello from the library"),
    "prints an empty line": raw(b"\n"),
    "floods with replies": flood,
    "writes a line without end": endless_line,
    "stalls half-way through a frame": stall_half_way,
    "exits half-way through a frame": half_then_exit,
    "closes standard output": close_output,
    "announces more than it sends": raw(b"\xff\xff\xff\x00{}"),
    "announces more than is allowed": raw(b"\xff\xff\xff\xff{}"),
    "sends a list": lambda harness, _reply: harness.write(harness.encoded([1])),  # type: ignore[arg-type]
    "names an output twice": rewritten(b'"k":', b'"k": "00", "k":'),
    "answers NaN": rewritten(b'"k": "', b'"k": NaN, "l": "'),
    "nests without end": raw(b"[" * 100_000 + b"\n"),
    "sends bytes that are no UTF-8": raw(b'{"id": 1, "rejected": "\xff\xfe"}\n'),
    "sends an impossible key": raw(b"\x08\x00\x00\x00\x81\x81\xa1a\x01\xa1b\x02"),
    "nests MessagePack without end": raw(b"\xa0\x86\x01\x00" + b"\x91" * 100_000),
}
INSIDE: dict[str, Callable[[Reply], Reply]] = {
    "crashes": die(signal.SIGSEGV),
    "aborts": die(signal.SIGABRT),
    "exits 0 without a reply": leave,
    "hangs": wait,
    "kills itself": die(signal.SIGKILL),
    "answers an unknown operation": lambda _reply: {"error": "unknown operation decapsulate_from_seed"},
    "answers nothing": lambda _reply: {},
    "answers no outputs": lambda _reply: {"ok": {}},
    "answers another output": lambda reply: {"ok": {"shared": reply["ok"]["k"]}},
    "answers a number": lambda reply: with_k(reply, 5),
    "answers null": lambda reply: with_k(reply, None),
    "answers odd hex": lambda reply: with_k(reply, "abc"),
    "answers no hex": lambda reply: with_k(reply, "0x" + "00" * 31),
    "answers hex with blanks": lambda reply: with_k(reply, " ".join(["00"] * 32)),
    "answers text for bytes": lambda reply: with_k(reply, "00" * 32),
    "answers 10 MiB": lambda reply: with_k(reply, bytes(10 << 20)),
    "answers a list": lambda reply: {"ok": [reply["ok"]["k"]]},
}
HELLO: dict[str, Callable[[Reply], Reply]] = {
    "speaks protocol 2": lambda said: {**said, "protocol": 2},
    "names no operations": lambda said: {key: value for key, value in said.items() if key != "operations"},
    "lists operations without sets": lambda said: {**said, "operations": ["keygen"]},
    "says hello with text for a flag": lambda said: {**said, "batch": "yes"},
    "names what nobody knows": lambda said: {
        **said, "later": 1, "operations": {**said["operations"], "ML-KEM-1": ["keygen"], "ML-KEM-768": [
            *said["operations"]["ML-KEM-768"], "decaps", "load_decapsulation_key"]},
    },
    "claims batches and takes none": lambda said: {**said, "batch": True},
}  # fmt: skip
AT_START: dict[str, Callable[[Harness], object]] = {
    "exits at once": lambda _harness: os._exit(3),
    "prints a banner": lambda harness: harness.write(b"ACME crypto 1.0\n"),
    "says nothing": lambda _harness: time.sleep(60),
    "crashes at the start": lambda _harness: os.kill(os.getpid(), signal.SIGSEGV),
    "answers hello with another id": lambda harness: harness.send({"id": 0 * len(next(harness.requests())), "ok": {}}),
    "refuses hello": lambda harness: harness.send({"id": next(harness.requests())["id"], "error": "no licence"}),
}

if __name__ == "__main__":
    Faulty(sys.argv[1], "openssl", batch="batch" in sys.argv).serve()
