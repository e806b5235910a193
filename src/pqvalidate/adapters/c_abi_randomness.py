"""Known random bytes for a C library: through a function that takes a source, or in place of one that it calls.

The source is put in for one call and taken out again, so that every other call has the library's own randomness.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_Source = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
_DT_STRTAB, _DT_SYMTAB, _DT_RELA, _DT_RELASZ, _DT_PLTRELSZ, _DT_JMPREL = 5, 6, 7, 8, 2, 23
_NOT_OFFERED = NotImplementedError
"""What the contract of an adapter says of an operation that is not there."""
_SLOT_TYPES = {"x86_64": {6, 7}, "aarch64": {1025, 1026}}
"""Per machine: relocations GLOB_DAT and JUMP_SLOT, which hold the address of a function and nothing else (ELF ABI)."""


class Tape:
    """Recorded bytes, and how many of them were asked for."""

    def __init__(self, recorded: bytes) -> None:
        self.recorded = recorded
        self.asked = 0

    def read(self, length: int) -> bytes:
        """Return the next bytes; zeros beyond the end, which ``asked`` then tells."""
        found = self.recorded[self.asked : self.asked + length]
        self.asked += length
        return found.ljust(length, b"\0")


class Randomness:
    """Where a library's random bytes come from.

    Args:
        put: makes the library use a source; called with None, it restores the library's own.

    """

    def __init__(self, put: Callable[[Any], None]) -> None:
        self._put = put
        self._tape: Tape | None = None
        self._source = _Source(self._read)  # kept: the library has nothing but its address
        self._changed = threading.Condition()
        self._running = 0

    def _read(self, address: int, length: int) -> int:
        tape = self._tape
        ctypes.memmove(address, tape.read(length) if tape else os.urandom(length), length)
        return 0

    @contextmanager
    def own(self) -> Iterator[None]:
        """Make a call with the library's own randomness; such calls may run at once, but none beside a known one."""
        with self._changed:
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @contextmanager
    def known(self, recorded: bytes) -> Iterator[None]:
        """Make a call with recorded bytes.

        Raises:
            NotImplementedError: the library did not ask for exactly these, so its result does not follow from them.

        """
        with self._changed:
            while self._running:
                self._changed.wait()
            tape = self._tape = Tape(recorded)
            self._put(self._source)
            try:
                yield
            finally:
                self._put(None)
                self._tape = None
            if tape.asked != len(recorded):
                raise _NOT_OFFERED(f"it asks for {tape.asked} random bytes, not {len(recorded)}")


def randomness_of(library: ctypes.CDLL, how: str) -> Randomness | None:
    """Return the way to feed a library with known bytes: ``symbol:NAME``, ``setter:NAME`` or ``none``; None without."""
    way, _, name = how.partition(":")
    if way == "setter" and hasattr(library, name):
        return Randomness(_setter(library, name))
    if way == "symbol":
        slots = slots_of(library, name)
        return Randomness(_replacement(library, name, slots)) if slots else None
    return None


def supply_missing(library: ctypes.CDLL, how: str) -> bool:
    """Give a library a random source that it calls and does not have; return whether there was one to give.

    NIST's and PQClean's code calls a function ``randombytes`` that the program around it must bring along.
    """
    way, _, name = how.partition(":")
    if way != "symbol" or hasattr(library, name):
        return False
    slots = slots_of(library, name)
    for slot in slots:
        _write(slot, ctypes.cast(_SYSTEM, ctypes.c_void_p).value or 0)
    return bool(slots)


def _system(address: int, length: int) -> int:
    ctypes.memmove(address, os.urandom(length), length)
    return 0


_SYSTEM = _Source(_system)


def _setter(library: ctypes.CDLL, name: str) -> Callable[[Any], None]:
    function = library[name]
    function.argtypes, function.restype = (ctypes.c_void_p,), None
    if name != "OQS_randombytes_custom_algorithm":
        return lambda source: function(source and ctypes.cast(source, ctypes.c_void_p))
    switch = library["OQS_randombytes_switch_algorithm"]
    switch.argtypes = (ctypes.c_char_p,)

    def put(source: Any) -> None:  # noqa: ANN401  (a ctypes function or None)
        if source:
            function(ctypes.cast(source, ctypes.c_void_p))
        else:
            switch(b"system")

    return put


def _replacement(library: ctypes.CDLL, name: str, slots: list[int]) -> Callable[[Any], None]:
    own = ctypes.cast(library[name] if hasattr(library, name) else _SYSTEM, ctypes.c_void_p).value or 0

    def put(source: Any) -> None:  # noqa: ANN401
        for slot in slots:
            _write(slot, (ctypes.cast(source, ctypes.c_void_p).value or 0) if source else own)

    return put


def _write(slot: int, function: int) -> None:
    """Write a function's address into a slot, which the loader may have made read-only."""
    libc = ctypes.CDLL(None)
    page = slot & -mmap.PAGESIZE
    if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ | mmap.PROT_WRITE):
        raise OSError(0, "mprotect refused to open the library's table of functions")
    ctypes.c_uint64.from_address(slot).value = function


def slots_of(library: ctypes.CDLL, name: str) -> list[int]:
    """Return the addresses of the slots through which a library calls the function ``name`` (Linux, 64 bits).

    Empty where it calls no such function through a slot: then the function cannot be replaced.
    """
    wanted = _SLOT_TYPES.get(os.uname().machine) if sys.platform == "linux" else None
    if wanted is None or ctypes.sizeof(ctypes.c_void_p) != 8:
        return []
    # With glibc and musl a handle is the loader's link_map: the base address, a name, and the dynamic section.
    base, _, dynamic = (ctypes.c_uint64 * 3).from_address(library._handle)  # noqa: SLF001
    tags = dict(_dynamic(dynamic))
    found = []
    with contextlib.suppress(KeyError):
        strings, symbols = tags[_DT_STRTAB], tags[_DT_SYMTAB]
        for table, size in ((_DT_JMPREL, _DT_PLTRELSZ), (_DT_RELA, _DT_RELASZ)):
            for at in range(tags.get(table, 0), tags.get(table, 0) + tags.get(size, 0), 24):
                info = ctypes.c_uint64.from_address(at + 8).value
                label = ctypes.c_uint32.from_address(symbols + 24 * (info >> 32)).value
                if info & 0xFFFFFFFF in wanted and ctypes.string_at(strings + label) == name.encode():
                    found.append(base + ctypes.c_uint64.from_address(at).value)
    return found


def _dynamic(address: int) -> Iterator[tuple[int, int]]:
    while tag := ctypes.c_int64.from_address(address).value:
        yield tag, ctypes.c_uint64.from_address(address + 8).value
        address += 16
