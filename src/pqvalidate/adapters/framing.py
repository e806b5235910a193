"""How messages travel: as MessagePack maps after a u32 little-endian length, or as JSON objects, one a line."""

from __future__ import annotations

import json
import struct
from itertools import takewhile
from typing import Any

import msgspec

HEADER = struct.Struct("<I")
MAX_FRAME = 64 * 1024 * 1024
"""A longer frame is a protocol fault; the longest honest message (10 MiB plus a key) is well below."""

_MOST_SHOWN = 80

_MANY = struct.Struct(">5sQ6sH")
encode = msgspec.msgpack.Encoder().encode
"""Makes MessagePack of a value."""

_decode = msgspec.msgpack.Decoder().decode
_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder().decode


class FrameError(ValueError):
    """Bytes that are no frame of this protocol: oversized, truncated, or not one MessagePack map."""


def pack(message: dict[str, Any]) -> bytes:
    """Return ``message`` as one frame."""
    body = encode(message)
    return HEADER.pack(len(body)) + body


def pack_many(number: int, count: int, entries: bytes) -> bytes:
    """Return one frame ``{"id": number, "many": [...]}`` around so many MessagePack values, which stand in a row."""
    body = _MANY.pack(b"\x82\xa2id\xcf", number, b"\xa4many\xdc", count) + entries
    return HEADER.pack(len(body)) + body


def pack_line(message: dict[str, Any]) -> bytes:
    """Return ``message``, whose byte strings are in hex by now, as one line of JSON."""
    return _to_json(message) + b"\n"


def unpack(body: bytes) -> Any:  # noqa: ANN401  (any value of MessagePack)
    """Return the value in the body of a frame.

    Raises:
        FrameError: it is not MessagePack.

    """
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, TypeError, ValueError, OverflowError) as error:
        # Beside DecodeError: a map or list as key of a map, a time stamp out of range, nesting.
        msg = f"a frame is not MessagePack: {error}"
        raise FrameError(msg) from error


class FrameBuffer:
    """Collects received bytes and hands out whole messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Add bytes in the order of their arrival."""
        self._bytes += data

    def rest(self) -> bytes:
        """Return what has arrived beyond the messages handed out."""
        return bytes(self._bytes)

    def next(self) -> dict[str, Any] | None:
        """Return the next whole message, or None when more bytes are needed.

        Raises:
            FrameError: the length is over ``MAX_FRAME`` or the body is not one MessagePack map.

        """
        if len(self._bytes) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(self._bytes)
        if length > MAX_FRAME:
            msg = f"a frame announces {length} bytes; the limit is {MAX_FRAME}{_as_text(self._bytes)}"
            raise FrameError(msg)
        end = HEADER.size + length
        if len(self._bytes) < end:
            return None
        body = bytes(self._bytes[HEADER.size : end])
        del self._bytes[:end]
        message = unpack(body)
        if not isinstance(message, dict):
            msg = "a frame holds no map"
            raise FrameError(msg)
        return message


def _as_text(data: bytearray) -> str:
    """Return a remark for bytes that look like text: the likeliest cause is a print to the wrong place."""
    text = "".join(takewhile(lambda c: c.isascii() and c.isprintable(), data[:_MOST_SHOWN].decode("latin-1")))
    return f" (as text: {text!r}; was that printed to standard output?)" if len(text) >= HEADER.size else ""


class LineBuffer:
    """Collects received bytes and hands out one JSON object per line; the framing ``jsonl`` of harnesses."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Add bytes in the order of their arrival."""
        self._bytes += data

    def rest(self) -> bytes:
        """Return what has arrived beyond the lines handed out."""
        return bytes(self._bytes)

    def next(self) -> dict[str, Any] | None:
        """Return the object on the next line, or None when the line is not yet whole.

        Raises:
            FrameError: the line is over ``MAX_FRAME``, or holds anything but one JSON object with each name once.

        """
        end = self._bytes.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._bytes)
            if self._searched > MAX_FRAME:
                msg = f"a line of over {MAX_FRAME} bytes"
                raise FrameError(msg)
            return None
        line = bytes(self._bytes[:end])
        del self._bytes[: end + 1]
        self._searched = 0
        try:
            message = _from_json(line)
            if not isinstance(message, dict):
                msg = "a line holds no JSON object"
                raise FrameError(msg)
            if line.count(b":") != _names(message):  # every name has one; strings may hold more
                json.loads(line, object_pairs_hook=_each_once)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            shown = line[:_MOST_SHOWN].decode("utf-8", "replace")
            msg = f"a line on standard output is no reply: {error}; printed to stdout: {shown!r}"
            raise FrameError(msg) from error
        return message


def _names(value: object) -> int:
    """Return how many names the objects in a decoded JSON value have."""
    if isinstance(value, dict):
        return len(value) + sum(map(_names, value.values()))
    return sum(map(_names, value)) if isinstance(value, list) else 0


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "an object holds a name twice"
        raise ValueError(msg)
    return found
