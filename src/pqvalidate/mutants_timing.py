"""Controls of the timing checks: small programs of ours, of which some take their time from what they are given.

They are no KEM; what they return is a hash. Each runs in a worker of its own, where it is timed or counted like the
implementation. The statistical check has, beside these, differences that it plants into the implementation's own
calls, which show how small a difference the run could notice.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pqvalidate import mutants_native
from pqvalidate.adapters.session import Target
from pqvalidate.mutants_native import Planted

_ROUNDS = 24
_REMEMBERED = 4
_SMALL = 32


class _Kem(ABC):
    """The operations of a control, all of which do the same work on what they are given."""

    @abstractmethod
    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return 32 bytes that depend on both inputs."""

    def decapsulate_from_seed(self, seed: bytes, c: bytes) -> bytes:
        """Return 32 bytes that depend on both inputs."""
        return self.decapsulate(seed, c)

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Return 32 bytes that depend on both inputs, twice."""
        made = self.decapsulate(ek, m)
        return made, made


class Steady(_Kem):
    """Decapsulates nothing: hashes what it is given, so many times whatever it is."""

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return 32 bytes that depend on both inputs."""
        found = dk + c
        for _ in range(_ROUNDS):
            found = hashlib.sha3_256(found[:64]).digest()
        return found


class Remembering(Steady):
    """Answers a ciphertext that it has just seen from memory, which is faster: a cache whose hits can be timed."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, bytes] = OrderedDict()

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return 32 bytes that depend on both inputs."""
        if c not in self._seen:
            self._seen[c] = super().decapsulate(dk, c)
        self._seen.move_to_end(c)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return self._seen[c]


class Counted(_Kem):
    """Calls a function of the C library whose instructions follow from a length alone: GNU's memfrob."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        ctypes.pythonapi.Py_IsInitialized()  # a call that never reaches the C library: it shows what a call adds

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return 32 bytes that depend on the ciphertext."""
        room = ctypes.create_string_buffer(c, len(c))
        self._library.memfrob(room, ctypes.c_size_t(len(c)))
        return bytes(room.raw[:_SMALL]) if dk else b""


class EarlyExit(Counted):
    """Calls a comparison of the C library that ends at the first difference: GNU's strverscmp."""

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return 32 bytes that depend on the ciphertext."""
        one = b"a" * _SMALL
        self._library.strverscmp(one, b"a" * (c[0] % _SMALL) + b"b")
        return one if dk else b""


class Dividing(Counted):
    """Calls a function of the C library that divides: lldiv."""

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return 32 bytes that depend on the ciphertext."""
        self._library.lldiv(ctypes.c_longlong(c[0]), ctypes.c_longlong(len(c)))
        return c[:_SMALL] if dk else b""


_PROGRAMS = {made.__name__: made for made in (Steady, Remembering, Counted, EarlyExit, Dividing)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A control of timing checks: what it is, and the name of its program."""

    what: str
    program: str
    operations: frozenset[str] = frozenset()
    """What it offers beside the operations of the implementation for which it stands."""

    def target(self, parameter_set: str) -> Target:
        """Return what a worker is told to start it."""
        return Target(
            target=f"{__name__}:started", sets=(parameter_set,),
            settings={"program": self.program, "library": c_library()},
            counted=True,
        )  # fmt: skip


def started(settings: Mapping[str, str]) -> Callable[[str], Steady | Counted]:
    """Return the factory of the program that the settings name."""
    return lambda _parameter_set: _PROGRAMS[settings["program"]]()


def c_library() -> str:
    """Return the path of the C library that is loaded here, or the empty string where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            if Path(line.split(maxsplit=5)[-1]).name.startswith(("libc.so", "libc-", "ld-musl")):
                return line.split(maxsplit=5)[-1]
    return ""


_STATISTICS, _INSTRUCTIONS, _DIVISIONS = (f"ml-kem/timing-{way}" for way in ("statistics", "instructions", "divisions"))
_ENCAPSULATION, _ENCAPSULATION_INSTRUCTIONS = "ml-kem/timing-encapsulation", "ml-kem/timing-encapsulation-instructions"
_FIXED = "reference: a loop of fixed length"
SOUND: dict[str, Timed | Planted] = {
    **mutants_native.SOUND,
    _STATISTICS: Timed(what="reference: the same work whatever the input", program="Steady"),
    _INSTRUCTIONS: Timed(what=_FIXED, program="Counted"),
    _DIVISIONS: Timed(what=_FIXED, program="Counted"),
    _ENCAPSULATION: Timed(what="reference: the same work whatever the input", program="Steady"),
    _ENCAPSULATION_INSTRUCTIONS: Timed(what=_FIXED, program="Counted"),
}
"""For every timing check, a program that it must pass."""
LEAKY: dict[str, Timed | Planted] = {
    **mutants_native.LEAKY,
    _STATISTICS: Timed(what="mutant: known ciphertexts are answered from memory", program="Remembering"),
    _INSTRUCTIONS: Timed(what="mutant: a comparison that ends at the first difference", program="EarlyExit"),
    _DIVISIONS: Timed(what="mutant: a division", program="Dividing"),
    _ENCAPSULATION: Timed(what="mutant: known messages are answered from memory", program="Remembering"),
    _ENCAPSULATION_INSTRUCTIONS: Timed(
        what="mutant: a comparison that ends at the first difference", program="EarlyExit"
    ),
}
"""For every timing check, a program that it must not pass."""
TIMED_BY: dict[str, tuple[str, ...]] = {check: (made.what.removeprefix("mutant: "),) for check, made in LEAKY.items()}
"""For every timing check, what must not get past it."""
