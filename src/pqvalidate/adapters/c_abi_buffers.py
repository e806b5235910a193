"""Memory for C code at the edge of what it may touch: guard pages around it, canaries beside it, odd addresses.

An input ends where a guard page begins, so that reading beyond it ends the process on exactly that call. An output
lies between canaries, which tell how far code wrote, with a guard page behind them. Every other call gets odd
addresses: C promises no alignment for bytes. Mappings are private, so that a forked copy has its own.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any, TypeAlias

_PAGE = mmap.PAGESIZE
_PROT_NONE = 0
_ANONYMOUS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

CANARY = bytes(range(0x91, 0xB1))
"""32 bytes, all different, so that a block that is moved by a few bytes shows."""
SLACK = b"\x5c"
"""The byte behind an input at an odd address."""
_FILL = b"\xa5"


class MemoryMisuse(Exception):  # noqa: N818  (its name is what the report shows)
    """The library wrote where it must not; a fault, and never a refusal."""


Place: TypeAlias = tuple[mmap.mmap, int, int]
"""A mapping, and offsets of the first byte and of the byte behind the last."""


class _Guarded:
    """A private mapping between two guard pages.

    Attributes:
        view: the mapping; its first and last page may not be touched.
        address: of the mapping's first byte.
        top: offset of the guard page behind.
        room: bytes between the guard pages.

    """

    def __init__(self, least: int) -> None:
        self.room = -(-max(least, 1) // _PAGE) * _PAGE
        self.view = mmap.mmap(-1, self.room + 2 * _PAGE, flags=_ANONYMOUS)
        self._held = ctypes.c_char.from_buffer(self.view)
        self.address = ctypes.addressof(self._held)
        self.top = _PAGE + self.room
        for guard in (self.address, self.address + self.top):
            if _libc.mprotect(guard, _PAGE, _PROT_NONE):
                raise OSError(ctypes.get_errno(), "mprotect refused a guard page")

    def __del__(self) -> None:
        """Return the memory; a mapping whose address was taken cannot be closed before that is given up."""
        held = self.__dict__.pop("_held", None)
        del held
        self.view.close()


class Input:
    """Room for one input that C code may read and must not write; it grows with what is put into it."""

    def __init__(self, name: str, usual: int) -> None:
        self.name = name
        self._guarded = _Guarded(usual + 1)

    def put(self, value: Any, shift: int) -> int:  # noqa: ANN401  (bytes, bytearray or memoryview)
        """Copy ``value`` to the very end, or one byte before it with ``shift``; return its address."""
        size = len(value)
        if size >= self._guarded.room:
            self._guarded = _Guarded(size + 1)
        guarded = self._guarded
        self._value, self._shift = value, shift
        self._begin = begin = guarded.top - shift - size
        guarded.view[begin : begin + size] = value
        if shift:
            guarded.view[begin + size : guarded.top] = SLACK
        return guarded.address + begin

    def place(self) -> Place:
        """Return where the input that was put there last lies, for a loop that puts others of its size there."""
        return self._guarded.view, self._begin, self._begin + len(self._value)

    def content(self) -> bytes:
        """Return what must still lie from the input's place on, after a call."""
        return bytes(self._value)

    def expect(self, value: bytes) -> None:
        """Take note that another value of the same size was put into the input's place."""
        self._value = value

    def restore(self) -> None:
        """Put the input back where it was, after code has changed it."""
        self.put(self._value, self._shift)

    def check(self, symbol: str) -> None:
        """Raise MemoryMisuse if the input is no longer what was put there."""
        guarded = self._guarded
        found = guarded.view[self._begin : guarded.top - self._shift]
        if found != self._value:
            raise MemoryMisuse(f"{symbol} changed its input {self.name} ({len(found)} bytes)")
        if self._shift and guarded.view[guarded.top - 1 : guarded.top] != SLACK:
            raise MemoryMisuse(f"{symbol} wrote past the end of its input {self.name} ({len(found)} bytes)")


class Output:
    """Room for one output, between canaries."""

    def __init__(self, name: str, usual: int) -> None:
        self.name = name
        self._size = -1
        self._guarded = _Guarded(usual + 2 * len(CANARY) + 1)

    def put(self, size: int, shift: int, content: bytes = b"") -> int:
        """Prepare ``size`` bytes, filled with ``content`` or a pattern; return their address."""
        if size != self._size:
            self._resize(size)
        guarded, canary = self._guarded, len(CANARY)
        self._shift = shift
        self._begin = begin = guarded.top - shift - canary - size
        if content:
            guarded.view[begin - canary : guarded.top] = b"".join((CANARY, content, self._tails[shift]))
        else:
            guarded.view[begin - canary : guarded.top] = self._fresh[shift]
        return guarded.address + begin

    def place(self) -> Place:
        """Return where the output and its canaries lie, for a loop that looks at them itself."""
        return self._guarded.view, self._begin - len(CANARY), self._guarded.top

    def fresh(self) -> bytes:
        """Return what lies there before a call: canaries around a pattern."""
        return self._fresh[self._shift]

    def _resize(self, size: int) -> None:
        if size + 2 * len(CANARY) + 1 > self._guarded.room:
            self._guarded = _Guarded(size + 2 * len(CANARY) + 1)
        self._size = size
        self._tails = (CANARY, CANARY + SLACK)
        self._fresh = tuple(CANARY + _FILL * size + tail for tail in self._tails)

    def take(self, symbol: str) -> bytes:
        """Return what was written there; raise MemoryMisuse if a canary changed."""
        guarded, canary, size = self._guarded, len(CANARY), self._size
        found = guarded.view[self._begin - canary : guarded.top]
        if not found.startswith(CANARY):
            before = next(n for n in range(canary) if found[n] != CANARY[n])
            raise MemoryMisuse(f"{symbol} wrote {canary - before} bytes before {self.name} ({size} bytes)")
        tail = self._tails[self._shift]
        if not found.endswith(tail):
            behind = found[canary + size :]
            past = 1 + max(n for n in range(len(tail)) if behind[n] != tail[n])
            plural = "s" if past > 1 else ""
            raise MemoryMisuse(f"{symbol} wrote {past} byte{plural} past the end of {self.name} ({size} bytes)")
        return found[canary : canary + size]
