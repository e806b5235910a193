"""Frames: what is packed comes out again in any chunks, and other bytes are refused by a FrameError only."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqvalidate.adapters.framing import HEADER, MAX_FRAME, FrameBuffer, FrameError, pack

VALUES = st.recursive(
    st.binary() | st.text() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.dictionaries(st.text(max_size=5), VALUES, max_size=3)
FEW = settings(max_examples=50)


def frame(body: bytes) -> bytes:
    return HEADER.pack(len(body)) + body


@FEW
@given(st.lists(MESSAGES, max_size=4), st.integers(1, 50))
def test_messages_come_out_in_order_however_their_bytes_arrive(messages: list[dict[str, object]], size: int) -> None:
    data = b"".join(pack(message) for message in messages)
    buffer, seen = FrameBuffer(), []
    for begin in range(0, len(data), size):
        buffer.feed(data[begin : begin + size])
        while (message := buffer.next()) is not None:
            seen.append(message)
    assert seen == messages


def test_half_a_frame_is_no_message_yet() -> None:
    data = pack({"id": 1})
    buffer = FrameBuffer()
    for end in range(len(data)):
        buffer.feed(data[end : end + 1])
        assert (buffer.next() is not None) == (end == len(data) - 1)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (HEADER.pack(MAX_FRAME + 1), "announces 67108865 bytes; the limit is 67108864"),
        (frame(b""), "not MessagePack"),
        (frame(b"\xc1"), "not MessagePack"),
        (frame(b"\x80\x80"), "not MessagePack"),
        (frame(b"\x81\xa1"), "not MessagePack"),
        (frame(b"\x81\xa1\xff\x01"), "not MessagePack"),
        (frame(b"\x81\x81\x01\x01\x01"), "not MessagePack"),
        (frame(b"\x81\xa1a\xd7\xff" + b"\xff" * 8), "not MessagePack"),
        (frame(b"\x91" * 100_000), "not MessagePack"),
        (frame(b"\x93\x01\x02\x03"), "holds no map"),
        (frame(b"\x01"), "holds no map"),
    ],
)
def test_bytes_that_are_no_frame_are_refused_with_the_reason(data: bytes, problem: str) -> None:
    buffer = FrameBuffer()
    buffer.feed(data)
    with pytest.raises(FrameError, match=problem):
        buffer.next()


def test_the_longest_frame_is_accepted_before_its_body_is_there() -> None:
    buffer = FrameBuffer()
    buffer.feed(HEADER.pack(MAX_FRAME))
    assert buffer.next() is None


@given(st.binary(max_size=200))
def test_any_body_is_a_map_or_a_frame_error(body: bytes) -> None:
    buffer = FrameBuffer()
    buffer.feed(frame(body))
    try:
        message = buffer.next()
    except FrameError:
        return
    assert isinstance(message, dict)


@FEW
@given(MESSAGES, st.data())
def test_a_mutated_frame_is_a_map_or_a_frame_error_or_not_whole(
    message: dict[str, object], data: st.DataObject
) -> None:
    packed = bytearray(pack(message))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    buffer = FrameBuffer()
    buffer.feed(bytes(packed))
    try:
        seen = buffer.next()
    except FrameError:
        return
    assert seen is None or isinstance(seen, dict)
