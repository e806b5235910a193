"""Inside a worker under memcheck: make calls with secret bytes, and see whether these reach what is returned."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


class Callee(Protocol):
    """What makes one call of a request, as the worker's subject does."""

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make the call and return its outputs by name."""


def tainted_calls(subject: Callee, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make the calls of a request, each with its secret bytes declared undefined; reports are on while they run.

    Returns:
        ``reached``: for each call, how many bytes of its output ``k`` depend on a secret (-1 without memcheck);
        ``sizes``: how many there are; ``events``: what memcheck noticed in all calls; ``places``: a line for each file
        in memory, with the address at which it begins in hex.

    """
    wanted = request["in"]
    shim = _shim(wanted["shim"])
    shim.pqvalidate_quiet()
    reached, sizes = [], []
    before = shim.pqvalidate_errors()
    for call in wanted["calls"]:
        k = _one(shim, subject.call, request["set"], call)
        reached.append(shim.pqvalidate_tainted(k, len(k)))
        sizes.append(len(k))
        shim.pqvalidate_clean(k, len(k))
    events = shim.pqvalidate_errors() - before
    return {"reached": reached, "sizes": sizes, "events": events, "places": _places()}


def _one(
    shim: ctypes.CDLL, make: Callable[[dict[str, Any]], dict[str, Any]], name: str, call: Mapping[str, Any]
) -> bytes:  # fmt: skip
    """Make one call on copies of its inputs, which are clean again afterwards whatever happens."""
    inputs = {field: bytes(bytearray(value)) for field, value in call["inputs"].items()}
    for field, offset, size in call["secrets"]:
        shim.pqvalidate_taint(inputs[field], offset, size)
    shim.pqvalidate_begin()
    try:
        outputs = make({"op": call["op"], "set": name, "in": inputs})
    finally:
        shim.pqvalidate_end()
        for value in inputs.values():
            shim.pqvalidate_clean(value, len(value))
    k: bytes = outputs["k"]
    return k


def _shim(path: str) -> ctypes.CDLL:
    """Load what speaks to memcheck; bytes objects are passed by the address of their content."""
    shim = ctypes.CDLL(path)
    for name, types in {
        "taint": (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t),
        "clean": (ctypes.c_char_p, ctypes.c_size_t), "tainted": (ctypes.c_char_p, ctypes.c_size_t),
        "errors": (), "begin": (), "end": (), "quiet": (),
    }.items():  # fmt: skip
        getattr(shim, f"pqvalidate_{name}").argtypes = types
    for name in ("tainted", "errors"):
        getattr(shim, f"pqvalidate_{name}").restype = ctypes.c_long
    return shim


def _places() -> Sequence[str]:
    """Return ``address path`` for each file in memory: the address that would hold its first byte."""
    found: dict[str, int] = {}
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split(maxsplit=5)
        if len(words) > 5 and words[5].startswith("/"):
            begin = int(words[0].partition("-")[0], 16) - int(words[2], 16)
            found[words[5]] = min(begin, found.get(words[5], begin))
    return [f"{begin:x} {path}" for path, begin in found.items()]
