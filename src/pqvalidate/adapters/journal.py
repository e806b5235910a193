"""Replies on their way: written where the host can read them even if the worker dies before it sends them.

A worker that answers many quick calls sends their replies together, as one message. Until then they lie in a file that
both processes have mapped, so that a crash in the midst of a batch still belongs to exactly one call.
"""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pqvalidate.adapters.framing import FrameError, pack_many, unpack

NAME = ".pqvalidate-replies"
MOST_ENTRIES: Final = 256
"""So many replies are kept at most."""
_SIZE = 1 << 20
_NUMBER = struct.Struct("<Q")
_END = struct.Struct("<I")
_ENDS = _NUMBER.size
_DATA = _ENDS + _END.size * MOST_ENTRIES


class Journal:
    """Replies that are not sent yet, in a mapped file of 1 MiB, as the worker keeps them.

    It begins with the number of the first reply (u64) and where each reply ends (u32, 0 from the first free place on).

    Args:
        path: the file, which the host has made; its folder belongs to the worker alone.

    Raises:
        OSError: the file cannot be mapped.

    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._number, self._count, self._end = 0, 0, _DATA

    def begin(self, number: int) -> None:
        """Forget the replies, which are sent; the next one answers the call of this number."""
        self._map[_ENDS : _ENDS + _END.size * self._count] = bytes(_END.size * self._count)
        _NUMBER.pack_into(self._map, 0, number)
        self._number, self._count, self._end = number, 0, _DATA

    def add(self, entry: bytes) -> bool:
        """Keep a reply, as one MessagePack value, until it is sent; return False if there is no room for it."""
        end = self._end + len(entry)
        if end > _SIZE or self._count == MOST_ENTRIES:
            return False
        self._map[self._end : end] = entry
        _END.pack_into(self._map, _ENDS + _END.size * self._count, end)  # after it, so that half of one never counts
        self._count += 1
        self._end = end
        return True

    def unsent(self) -> bytes:
        """Return the message with the replies that are kept, empty if there are none."""
        return pack_many(self._number, self._count, self._map[_DATA : self._end]) if self._count else b""


class Left:
    """The same file as the host reads it. It does not map it: whoever cuts off a mapped file kills its reader.

    Args:
        descriptor: of the file, open for reading; it is this object's to close.

    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def rest(self, number: int) -> list[Any]:
        """Return the replies from ``number`` on that a lost worker left; what is malformed or cut off ends them."""
        data = os.pread(self._descriptor, _SIZE, 0)
        found: list[Any] = []
        if len(data) < _DATA:
            return found
        (first,) = _NUMBER.unpack_from(data)
        begin = _DATA
        for (end,) in _END.iter_unpack(data[_ENDS:_DATA]):
            if not begin < end <= len(data):
                break
            try:
                found.append(unpack(data[begin:end]))
            except FrameError:
                break
            begin = end
        return found[number - first :] if first <= number else []


def left_at(path: Path) -> Left | None:
    """Make the file; return None without room for all of it, and the worker then has to send every reply at once.

    The room has to be there before the file is mapped: where it lacks, whoever writes is killed.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return None
    with suppress(OSError):
        if os.write(descriptor, bytes(_SIZE)) == _SIZE:
            return Left(descriptor)
    os.close(descriptor)
    with suppress(OSError):
        path.unlink()
    return None
