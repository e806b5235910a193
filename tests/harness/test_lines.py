"""The framing ``jsonl``: whole lines, each one object, each name once, and nothing taken for a fault that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqvalidate.adapters import framing
from pqvalidate.adapters.framing import FrameBuffer, FrameError, LineBuffer, pack_line
from pqvalidate.adapters.harness import hexed, unhexed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), min_size=1, max_size=5)


@given(messages=MESSAGES, size=st.integers(1, 40), spaced=st.booleans())
def test_messages_come_out_as_they_went_in_however_they_are_cut(
    messages: list[dict[str, Any]], size: int, *, spaced: bool
) -> None:
    """Also from a writer that puts blanks in, and with colons and braces inside of texts."""
    written = json.dumps if spaced else (lambda message: pack_line(message).decode().strip())
    data = b"".join(written(message).encode() + (b"\r\n" if spaced else b"\n") for message in messages)
    buffer, seen = LineBuffer(), []
    for start in range(0, len(data), size):
        buffer.feed(data[start : start + size])
        while (message := buffer.next()) is not None:
            seen.append(message)
    assert seen == messages
    assert buffer.rest() == b""


@pytest.mark.parametrize(
    "line",
    [
        b"", b"null", b"[]", b"5", b"{", b"{} {}", b"DEBUG", b'{"id":1,"id":1}', b'{"ok":{"k":"","k":""}}',
        b'{"a":[{"b":1,"b":2}]}', b'{"a":NaN}', b'{"a":Infinity}', b"{'a':1}", b'{"a":1,}', b'{"a":"\xff"}',
        b"[" * 100_000, b'{"a":' * 100_000, b'\xef\xbb\xbf{"a":1}', b'{"a":01}',
    ],
)  # fmt: skip
def test_a_line_that_is_not_one_object_with_each_name_once_is_refused_and_quoted(line: bytes) -> None:
    buffer = LineBuffer()
    buffer.feed(line + b"\n")
    with pytest.raises(FrameError, match="a line on standard output is no reply") as error:
        buffer.next()
    assert repr(line[:80].decode("utf-8", "replace")) in str(error.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"Hello from the library", "as text: 'Hello from the library'; was"),
        (b"DEBUG\n\x05\0\0\0", "as text: 'DEBUG'; was"),
        (b"\xff\xff\xff\xff", "the limit is 67108864"),
    ],
)
def test_text_in_place_of_a_frame_is_quoted_whatever_follows(data: bytes, said: str) -> None:
    buffer = FrameBuffer()
    buffer.feed(data)
    with pytest.raises(FrameError) as error:
        buffer.next()
    assert said in str(error.value)
    assert ("as text" in str(error.value)) is (b"\xff" not in data)


def test_the_longest_line_is_taken_and_one_byte_more_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_FRAME", 20)
    buffer = LineBuffer()
    buffer.feed(b'{"a":"0123456789012"')
    assert buffer.next() is None
    buffer.feed(b"}\n")
    assert buffer.next() == {"a": "0123456789012"}
    buffer.feed(b"x" * 20)
    assert buffer.next() is None
    buffer.feed(b"x")
    with pytest.raises(FrameError, match="a line of over 20 bytes"):
        buffer.next()


@given(st.dictionaries(st.sampled_from(["ek", "dk", "k", "c"]), st.binary(max_size=40)))
def test_bytes_cross_as_hex_in_either_case(values: dict[str, bytes]) -> None:
    written = hexed({"ok": values})
    assert json.loads(json.dumps(written)) == {"ok": {name: value.hex() for name, value in values.items()}}
    for message in (written, {"ok": {name: text.upper() for name, text in hexed(values).items()}}):
        unhexed(message)
        assert message == {"ok": values}


def test_what_is_no_byte_string_is_left_as_it_is() -> None:
    message = {"ok": {"valid": True, "ns": [1], "k": 5}}
    unhexed(message)
    assert message == {"ok": {"valid": True, "ns": [1], "k": 5}}
    for other in ({"rejected": "zz"}, {"ok": ["zz"]}, ["zz"], None):
        unhexed(other)
