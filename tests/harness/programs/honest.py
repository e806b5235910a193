"""A program that speaks the harness protocol, version 1: ``honest.py FRAMING VENDOR [batch]``.

Behind it is one of the Python vendors of this package. FRAMING is jsonl or binary.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO, cast

import msgspec

from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS, Operation, table_for
from pqvalidate.adapters.worker import Subject

SETS = ["ML-KEM-768", "ML-DSA-44"]
LENGTH = struct.Struct("<I")


class Harness:
    """Reads requests, answers each in turn, and leaves when its input ends."""

    def __init__(self, framing: str, vendor: str, *, batch: bool) -> None:
        self.framing, self.batch = framing, batch
        self.subject = Subject(import_module(f"pqvalidate.vendors.{vendor}").implementation, SETS)
        self.input, self.output = cast("BinaryIO", sys.stdin.buffer), cast("BinaryIO", sys.stdout.buffer)

    def serve(self) -> None:
        for request in self.requests():
            self.send({"id": request["id"], **self.answer(request)})

    def requests(self) -> Iterator[dict[str, Any]]:
        if self.framing == "jsonl":
            yield from map(json.loads, self.input)
            return
        while len(header := self.input.read(LENGTH.size)) == LENGTH.size:
            yield msgspec.msgpack.decode(self.input.read(*LENGTH.unpack(header)))

    def send(self, reply: dict[str, Any]) -> None:
        self.write(self.encoded(reply))

    def write(self, data: bytes) -> None:
        self.output.write(data)
        self.output.flush()

    def encoded(self, reply: dict[str, Any]) -> bytes:
        if self.framing == "jsonl":
            return json.dumps(reply, default=bytes.hex).encode() + b"\n"
        body = msgspec.msgpack.encode(reply)
        return LENGTH.pack(len(body)) + body

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return ``ok``, ``rejected`` or ``error``; whatever is wrong with a request, the next one is answered."""
        if request["op"] == "hello":
            return {"ok": self.hello()}
        if request["op"] == "measure":
            return {"ok": {"ns": self.measured(request)}}
        if request["op"] == "batch" and self.batch:
            return {"ok": [self.answer(call) for call in request["calls"]]}
        try:
            shape = table_for(request["set"])[request["op"]]
            return {"ok": self.call(request["op"], request["set"], self.inputs(shape, request["in"]))}
        except ValueError as error:
            return {"rejected": str(error)}
        except Exception as error:  # noqa: BLE001  (an error is a reply, too)
            return {"error": f"{type(error).__name__}: {error}"}

    def measured(self, request: dict[str, Any]) -> list[int]:
        times = []
        for index in range(request["rounds"]):
            call = request.get("alternate", request["call"]) if index % 2 else request["call"]
            shape = table_for(call["set"])[call["op"]]
            inputs = self.inputs(shape, call["in"])
            before = time.perf_counter_ns()
            self.call(call["op"], call["set"], inputs)
            times.append(time.perf_counter_ns() - before)
        return times

    def inputs(self, shape: Operation, given: dict[str, Any]) -> dict[str, Any]:
        if missing := [name for name in shape.inputs if name not in given and name not in shape.optional]:
            raise KeyError(*missing)
        known = {name: given[name] for name in shape.inputs if name in given}
        if self.framing == "binary":
            if not all(isinstance(value, str if name == "hash" else bytes) for name, value in known.items()):
                raise TypeError("an input that is no byte string")
            return known
        return {name: value if name == "hash" else bytes.fromhex(value) for name, value in known.items()}

    def call(self, operation: str, parameter_set: str, inputs: dict[str, Any]) -> dict[str, Any]:
        return self.subject.call({"op": operation, "set": parameter_set, "in": inputs})

    def hello(self) -> dict[str, Any]:
        offered = self.subject.hello()
        operations = {
            name: [op for op in ops if not op.startswith("load_") and op in (KEM_OPERATIONS | SIGNATURE_OPERATIONS)]
            for name, ops in offered["operations"].items()
        }
        return {
            "protocol": 1, "name": "honest", "version": "1", "operations": operations,
            "without": offered["without"], "hashes": offered["hashes"], "batch": self.batch, "measure": True,
        }  # fmt: skip


if __name__ == "__main__":
    Harness(sys.argv[1], sys.argv[2], batch="batch" in sys.argv).serve()
