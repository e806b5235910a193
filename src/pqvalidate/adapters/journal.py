"""Replies on their way: written where the host can read them even if the worker dies before it sends them.

A worker that answers many quick calls sends their replies together. Until then they lie in a file that both processes
have mapped, so that a crash in the midst of a batch still belongs to exactly one call.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from pqvalidate.adapters.framing import FrameBuffer, FrameError, pack

NAME = ".pqvalidate-replies"
_SIZE = 1 << 20
_END = struct.Struct("<I")


class Journal:
    """Frames that are not sent yet, in a mapped file of 1 MiB; the first four bytes say where they end.

    Args:
        path: the file; its folder belongs to the worker alone.
        create: whether to make it, as the host does.

    Raises:
        OSError: the file cannot be made or mapped.

    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        with path.open("w+b" if create else "r+b") as file:
            if create:
                file.truncate(_SIZE)
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._end = _END.size
        if create:
            _END.pack_into(self._map, 0, self._end)

    def add(self, frame: bytes) -> bool:
        """Keep a frame until it is sent; return False if there is no room for it."""
        end = self._end + len(frame)
        if end > _SIZE:
            return False
        self._map[self._end : end] = frame
        _END.pack_into(self._map, 0, end)  # after the frame, so that half of one never counts
        self._end = end
        return True

    def unsent(self) -> bytes:
        """Return the frames that are kept."""
        return self._map[_END.size : self._end]

    def clear(self) -> None:
        """Forget the frames, which are sent."""
        self._end = _END.size
        _END.pack_into(self._map, 0, self._end)

    def rest(self, number: int) -> FrameBuffer:
        """Return the whole replies from ``number`` on that a lost worker left; what is malformed ends them."""
        (end,) = _END.unpack_from(self._map)
        left, kept = FrameBuffer(), FrameBuffer()
        left.feed(self._map[_END.size : min(max(end, _END.size), _SIZE)])
        try:
            while (message := left.next()) is not None:
                if isinstance(found := message.get("id"), int) and found >= number:
                    kept.feed(pack(message))
        except FrameError:
            return kept
        return kept
