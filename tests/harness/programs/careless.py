"""The honest harness with one bad habit, which the environment variable PQV_HABIT names: ``careless.py FRAMING``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.harness.programs.honest import Harness

HABIT = os.environ.get("PQV_HABIT", "")
Reply = dict[str, Any]


class Careless(Harness):
    """Sound where its habit does not matter."""

    greeted = 0

    def serve(self) -> None:
        if HABIT == "answers in the opposite order":
            return self.serve_backwards()
        super().serve()
        if HABIT == "stays when its input ends":
            time.sleep(60)
        if HABIT == "says goodbye":
            sys.stdout.write("bye\n")
        if HABIT == "leaves with status 1":
            sys.exit(1)
        return None

    def serve_backwards(self) -> None:
        """Hold a reply back until the next request has come, if it has a number over 1000."""
        held: list[Reply] = []
        for request in self.requests():
            reply = {"id": request["id"], **self.answer(request)}
            if 1000 <= request["id"] < 2000 and len(held) < 1:
                held.append(reply)
                continue
            self.send(reply)
            while held:
                self.send(held.pop())

    def requests(self) -> Iterator[dict[str, Any]]:
        if HABIT != "reads what is there and no more":
            yield from super().requests()
            return
        while data := os.read(0, 1 << 25):
            if not data.endswith(b"\n"):
                sys.exit(1)
            self.input = iter(data.splitlines())  # type: ignore[assignment]
            yield from super().requests()

    def send(self, reply: Reply) -> None:
        if HABIT == "keeps ids as 32-bit numbers":
            reply["id"] %= 1 << 32
        if HABIT == "keeps ids as text":
            reply["id"] = str(reply["id"])
        super().send(reply)

    def answer(self, request: Reply) -> Reply:
        reply = super().answer(request)
        if HABIT == "answers hello once" and request["op"] == "hello":
            self.greeted += 1
            return reply if self.greeted == 1 else {"error": "again?"}
        if HABIT == "refuses unknown fields" and "later" in request:
            return {"error": "unknown field later"}
        if HABIT == "ends at an error" and "error" in reply:
            sys.exit("error")
        if HABIT == "answers errors with ok" and "error" in reply:
            return {"ok": {}}
        if HABIT == "takes any parameter set" and request.get("set") == "ML-KEM-0":
            return super().answer({**request, "set": "ML-KEM-768"})
        act = HABITS.get((HABIT, request["op"]))
        return act(reply) if act else reply


def all_errors(reply: Reply) -> Reply:
    return {"ok": [{"error": ""} for _ in reply["ok"]]}


def ends(_reply: Reply) -> Reply:
    sys.exit("overwhelmed")


HABITS: dict[tuple[str, str], Callable[[Reply], Reply]] = {
    ("forgets an entry of a batch", "batch"): lambda reply: {"ok": reply["ok"][1:]},
    ("answers every call of a batch with an error", "batch"): all_errors,
    ("refuses an empty batch", "batch"): lambda reply: reply if reply["ok"] else {"error": "nothing to do"},
    ("times in seconds", "measure"): lambda reply: {"ok": {"ns": [0.001 for _ in reply["ok"]["ns"]]}},
    ("times once", "measure"): lambda reply: {"ok": {"ns": reply["ok"]["ns"][:1]}},
    ("cannot do what it offers", "encapsulate"): lambda _reply: {"error": "not in this version"},
    ("finds its own signature bad", "verify"): lambda _reply: {"ok": {"valid": False}},
    ("swaps the outputs", "encapsulate"): lambda reply: {"ok": {"k": reply["ok"]["c"], "c": reply["ok"]["k"]}},
    ("invents a shared secret", "decapsulate"): lambda reply: {"ok": {"k": bytes(32)}} if "ok" in reply else reply,
    ("forgets a claim", "hello"): lambda reply: {"ok": {**reply["ok"], "operations": {
        name: value for name, value in reply["ok"]["operations"].items() if name != "ML-DSA-44"}}},
    ("misspells", "hello"): lambda reply: {"ok": {**reply["ok"], "operations": {
        **reply["ok"]["operations"], "ML-KEM-786": [], "ML-KEM-768": ["decapsulat"]}}},
}  # fmt: skip

if __name__ == "__main__":
    harness = Careless(sys.argv[1], "pycryptodome", batch=True)
    if HABIT == "ends at a long line":
        harness.input = iter(lambda: sys.stdin.buffer.readline(1 << 20), b"")  # type: ignore[assignment]
    if HABIT == "ends at bad hex":
        harness.inputs = lambda shape, given: Harness.inputs(harness, shape, given if all(  # type: ignore[method-assign]
            len(v) % 2 == 0 and v != "zz" for v in given.values() if isinstance(v, str)) else ends(given))  # fmt: skip
    harness.serve()
