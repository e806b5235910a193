"""Length-prefixed MessagePack frames: u32 little-endian length, then one map. Shared by host, worker and harnesses."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

HEADER = struct.Struct("<I")
MAX_FRAME = 64 * 1024 * 1024
"""A longer frame is a protocol fault; the longest honest message (10 MiB plus a key) is well below."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class FrameError(ValueError):
    """Bytes that are no frame of this protocol: oversized, truncated, or not one MessagePack map."""


def pack(message: dict[str, Any]) -> bytes:
    """Return ``message`` as one frame."""
    body = _encode(message)
    return HEADER.pack(len(body)) + body


class FrameBuffer:
    """Collects received bytes and hands out whole messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Add bytes in the order of their arrival."""
        self._bytes += data

    def next(self) -> dict[str, Any] | None:
        """Return the next whole message, or None when more bytes are needed.

        Raises:
            FrameError: the length is over ``MAX_FRAME`` or the body is not one MessagePack map.

        """
        if len(self._bytes) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(self._bytes)
        if length > MAX_FRAME:
            msg = f"a frame announces {length} bytes; the limit is {MAX_FRAME}"
            raise FrameError(msg)
        end = HEADER.size + length
        if len(self._bytes) < end:
            return None
        body = bytes(self._bytes[HEADER.size : end])
        del self._bytes[:end]
        try:
            message = _decode(body)
        except (msgspec.DecodeError, RecursionError, TypeError, ValueError, OverflowError) as error:
            # Beside DecodeError: a map or list as key of a map, a time stamp out of range, nesting.
            msg = f"a frame is not MessagePack: {error}"
            raise FrameError(msg) from error
        if not isinstance(message, dict):
            msg = "a frame holds no map"
            raise FrameError(msg)
        return message
