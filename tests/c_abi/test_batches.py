"""Batches and the journal: which calls travel together, and that no reply is lost or counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.adapters.framing import FrameBuffer, pack
from pqvalidate.adapters.interface import Call
from pqvalidate.adapters.journal import Journal
from pqvalidate.adapters.worker_batches import MOST_CALLS, answer_batch, batch_frame, single_requests, together_in_one


def call(operation: str = "decapsulate", name: str = "ML-KEM-768", **inputs: Any) -> Call:
    return Call(operation=operation, parameter_set=name, inputs=inputs)


def decoded(data: bytes) -> list[dict[str, Any]]:
    buffer = FrameBuffer()
    buffer.feed(data)
    return list(iter(buffer.next, None))


class Channel:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendall(self, data: bytes, /) -> None:
        self.sent.append(data)


def test_calls_of_one_operation_travel_together_and_what_they_share_once() -> None:
    calls = [call(dk=b"key", c=bytes([n])) for n in range(5)]
    assert together_in_one(calls, 1) == calls[1:]
    (frame,) = decoded(batch_frame(calls, 7))
    assert (frame["id"], frame["common"], frame["names"]) == (7, {"dk": b"key"}, ["c"])
    assert [single["in"] for single in single_requests(frame)] == [dict(one.inputs) for one in calls]


@pytest.mark.parametrize(
    "other",
    [
        call("encapsulate", ek=b""), call(name="ML-KEM-512", dk=b"", c=b""), call(dk=b""),
        call("together", how="kept", calls=[]), {"op": "release"}, call(dk=b"", c=bytes(1 << 19)),
    ],
)  # fmt: skip
def test_another_call_ends_a_batch(other: Any) -> None:
    calls = [call(dk=b"", c=b"1"), call(dk=b"", c=b"2"), other, call(dk=b"", c=b"3")]
    assert together_in_one(calls, 0) == calls[:2]
    assert together_in_one(calls, 2) in ([], [other])


def test_a_batch_has_a_limit_and_handles_travel_alone() -> None:
    assert len(together_in_one([call(dk=b"", c=b"")] * 1000, 0)) == MOST_CALLS
    assert together_in_one([call(handle=1, c=b"")] * 3, 0) == []
    assert together_in_one([call("load_decapsulation_key", dk=b"")] * 3, 0) == []


def test_replies_are_safe_before_they_are_sent_and_sent_once(tmp_path: Path) -> None:
    ours, theirs = Journal(tmp_path / "j", create=True), Journal(tmp_path / "j")
    channel = Channel()
    seen: list[list[int]] = []

    def answers() -> Iterator[dict[str, Any]]:
        for _ in range(3):
            seen.append([reply["id"] for reply in iter(ours.rest(0).next, None)])
            yield {"ok": {}}

    assert answer_batch({"id": 4}, answers(), theirs, channel)
    assert seen == [[], [4], [4, 5]]
    assert [reply["id"] for reply in decoded(b"".join(channel.sent))] == [4, 5, 6]
    assert ours.rest(0).next() is None


def test_replies_that_have_arrived_are_not_counted_again(tmp_path: Path) -> None:
    ours, theirs = Journal(tmp_path / "j", create=True), Journal(tmp_path / "j")
    for number in range(3, 8):
        theirs.add(pack({"id": number, "ok": {}}))
    assert [reply["id"] for reply in iter(ours.rest(5).next, None)] == [5, 6, 7]


def test_a_journal_that_vendor_code_has_scribbled_on_gives_what_is_whole(tmp_path: Path) -> None:
    ours, theirs = Journal(tmp_path / "j", create=True), Journal(tmp_path / "j")
    theirs.add(pack({"id": 1, "ok": {}}))
    theirs.add(b"\xff\xff\xff\xff no frame")
    assert [reply["id"] for reply in iter(ours.rest(0).next, None)] == [1]
    with (tmp_path / "j").open("r+b") as file:
        file.write(b"\xff\xff\xff\xff")
    assert [reply["id"] for reply in iter(ours.rest(0).next, None)] == [1]
    with (tmp_path / "j").open("r+b") as file:
        file.write(b"\0\0\0\0")
    assert ours.rest(0).next() is None


def test_a_reply_without_room_is_sent_at_once_and_in_order(tmp_path: Path) -> None:
    Journal(tmp_path / "j", create=True)
    channel = Channel()
    sizes = [10, 1 << 20, 20]
    replies = ({"ok": {"signature": bytes(size)}} for size in sizes)
    assert answer_batch({"id": 0}, replies, Journal(tmp_path / "j"), channel)
    assert [len(reply["ok"]["signature"]) for reply in decoded(b"".join(channel.sent))] == sizes


def test_nothing_is_answered_after_the_process_says_that_it_dies(tmp_path: Path) -> None:
    Journal(tmp_path / "j", create=True)
    channel = Channel()
    answers: Iterator[dict[str, Any]] = iter([{"ok": {}}, {"died": "SystemExit"}, {"ok": {}}])
    assert not answer_batch({"id": 0}, answers, Journal(tmp_path / "j"), channel)
    assert len(decoded(b"".join(channel.sent))) == 2
