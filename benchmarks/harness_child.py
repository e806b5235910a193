"""The harness of the benchmark, ``FRAMING sound|idle [batch] [alone]``: decapsulates by PQClean, or does no work.

With ``alone`` it reads no requests; it makes as many calls as PQV_ROUNDS says on the key and ciphertext in PQV_INPUTS,
through the same functions, and prints how many nanoseconds that took: the speed of the child by itself.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from pqvalidate.vendors import pqcrypto

LENGTH = struct.Struct("<I")
Message = dict[str, Any]


def sound() -> Callable[[bytes, bytes], bytes]:
    kem: Any = pqcrypto.implementation("ML-KEM-768")
    return lambda dk, c: bytes(kem.decapsulate(dk, c))


def idle(_dk: bytes, c: bytes) -> bytes:
    return c[:32]


def lines() -> Iterator[Message]:
    decode = msgspec.json.Decoder().decode
    for line in sys.stdin.buffer:
        yield decode(line)


def frames() -> Iterator[Message]:
    decode = msgspec.msgpack.Decoder().decode
    while len(header := sys.stdin.buffer.read(4)) == LENGTH.size:
        yield decode(sys.stdin.buffer.read(*LENGTH.unpack(header)))


def send_line(message: Message) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def send_frame(message: Message) -> None:
    body = msgspec.msgpack.encode(message)
    sys.stdout.buffer.write(LENGTH.pack(len(body)) + body)
    sys.stdout.buffer.flush()


def serve(framing: str, decapsulate: Callable[[bytes, bytes], bytes], *, batch: bool) -> None:
    text = framing == "jsonl"
    send = send_line if text else send_frame
    hello = {"protocol": 1, "operations": {"ML-KEM-768": ["decapsulate"]}, "batch": batch}

    def answer(given: Message) -> Message:
        if text:
            dk, c = bytes.fromhex(given["dk"]), bytes.fromhex(given["c"])
            return {"ok": {"k": decapsulate(dk, c).hex()}}
        return {"ok": {"k": decapsulate(given["dk"], given["c"])}}

    for request in lines() if text else frames():
        if request["op"] == "hello":
            reply: Any = {"ok": hello}
        elif request["op"] == "batch":
            reply = {"ok": [answer(call["in"]) for call in request["calls"]]}
        else:
            reply = answer(request["in"])
        send({"id": request["id"], **reply})


def alone(decapsulate: Callable[[bytes, bytes], bytes]) -> None:
    dk, c = (bytes.fromhex(text) for text in json.loads(os.environ["PQV_INPUTS"]))
    rounds = int(os.environ["PQV_ROUNDS"])
    decapsulate(dk, c)
    began = time.perf_counter_ns()
    for _ in range(rounds):
        decapsulate(dk, c)
    sys.stdout.write(f"{time.perf_counter_ns() - began}\n")


if __name__ == "__main__":
    work = sound() if sys.argv[2] == "sound" else idle
    if "alone" in sys.argv:
        alone(work)
    else:
        serve(sys.argv[1], work, batch="batch" in sys.argv)
