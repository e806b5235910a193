"""Batches and the journal: which calls travel together, and that no reply is lost or counted twice."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.framing import FrameBuffer, encode
from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected
from pqvalidate.adapters.journal import MOST_ENTRIES, Journal, Left, left_at
from pqvalidate.adapters.replies import replies_in
from pqvalidate.adapters.worker_batches import MOST_CALLS, answer_batch, batch_frame, single_requests, together_in_one
from pqvalidate.vendors import manifest_path


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


def numbers(messages: list[dict[str, Any]]) -> list[int]:
    return [number for message in messages for number in range(message["id"], message["id"] + len(message["many"]))]


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Left]:
    made = left_at(tmp_path / "j")
    assert made
    yield made
    made.close()


@pytest.fixture
def theirs(ours: Left, tmp_path: Path) -> Journal:
    assert ours.rest(0) == []
    return Journal(tmp_path / "j")


def test_replies_are_safe_before_they_are_sent_and_sent_once(ours: Left, theirs: Journal) -> None:
    channel = Channel()
    seen: list[list[bytes]] = []

    def answers() -> Iterator[bytes]:
        for number in range(3):
            seen.append(ours.rest(4))
            yield bytes([number])

    assert answer_batch({"id": 4}, answers(), theirs, channel)
    assert seen == [[], [b"\0"], [b"\0", b"\1"]]
    assert numbers(decoded(b"".join(channel.sent))) == [4, 5, 6]
    assert ours.rest(0) == []


def test_replies_that_have_arrived_are_not_counted_again(ours: Left, theirs: Journal) -> None:
    theirs.begin(3)
    for number in range(3, 8):
        theirs.add(encode(number))
    assert ours.rest(5) == [5, 6, 7]
    assert ours.rest(2) == []
    assert ours.rest(8) == []


def test_a_journal_that_vendor_code_has_scribbled_on_gives_what_is_whole(
    ours: Left, theirs: Journal, tmp_path: Path
) -> None:
    theirs.begin(1)
    theirs.add(encode(b"whole"))
    theirs.add(b"\xc4\xff no value")
    assert ours.rest(1) == [b"whole"]
    for place, words, left in (
        (12, b"\xff\xff\xff\xff", [b"whole"]), (8, b"\0\0\0\0", []), (0, b"\xff" * 8, []),
    ):  # fmt: skip
        with (tmp_path / "j").open("r+b") as file:
            file.seek(place)
            file.write(words)
        assert ours.rest(1) == left


def test_a_reply_without_room_is_sent_at_once_and_in_order(theirs: Journal) -> None:
    channel = Channel()
    sizes = [10, 1 << 20, 20]
    assert answer_batch({"id": 0}, map(bytes, sizes), theirs, channel)
    sent = decoded(b"".join(channel.sent))
    assert numbers(sent) == [0, 1, 2]
    assert [len(reply) for message in sent for reply in message["many"]] == sizes


def test_more_replies_than_there_are_places_are_sent_in_between(theirs: Journal) -> None:
    channel = Channel()
    assert answer_batch({"id": 9}, iter([b""] * (2 * MOST_ENTRIES + 5)), theirs, channel)
    assert numbers(decoded(b"".join(channel.sent))) == [9 + number for number in range(2 * MOST_ENTRIES + 5)]


@pytest.mark.parametrize(
    ("entries", "kinds"),
    [
        ([b"k" * 32, b"j" * 32], [Ok, Ok]), ([{"rejected": "no"}, {"error": "E"}], [Rejected, Fault]),
        ([{"died": "SystemExit"}, b""], [Fault]), ([True, b""], [Fault]), ([[b"", b""]], [Fault]),
        ([b""] * 4, [Fault]), ([], [Fault]), ("no list", [Fault]), ([b"", {"ok": {"x": b""}}], [Ok, Fault]),
    ],
)  # fmt: skip
def test_replies_among_many_are_believed_in_the_shape_of_their_operation(entries: Any, kinds: list[type]) -> None:
    calls = [call(dk=b"", c=b"")] * 3
    assert [type(reply) for reply in replies_in({"id": 5, "many": entries}, 5, calls)] == kinds
    (stale,) = replies_in({"id": 4, "many": entries}, 5, calls)
    assert isinstance(stale, Fault)
    assert stale.kind == "protocol"


def test_nothing_is_answered_after_the_process_says_that_it_dies(theirs: Journal) -> None:
    channel = Channel()
    answers: Iterator[dict[str, Any]] = iter([{"ok": {}}, {"died": "SystemExit"}, {"ok": {}}])
    assert not answer_batch({"id": 0}, answers, theirs, channel)
    assert numbers(decoded(b"".join(channel.sent))) == [0, 1]


def keygen(number: int) -> Call:
    return Call(operation="keygen_from_seed", parameter_set="ML-KEM-768", inputs={"seed": bytes([number] * 64)})


def test_without_room_for_the_file_of_replies_every_reply_is_sent_at_once(tmp_path: Path) -> None:
    assert left_at(tmp_path / "no folder" / "j") is None
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, hard))
    try:
        assert left_at(tmp_path / "j") is None
        assert not (tmp_path / "j").exists(), "half a file would take the room of others"
        with attach("openssl") as iut:
            assert {type(reply) for reply in iut.ask([keygen(number) for number in range(100)])} == {Ok}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, usual)


def test_the_room_for_replies_is_taken_before_they_come(ours: Left, tmp_path: Path) -> None:
    assert ours.rest(0) == []
    assert (tmp_path / "j").stat().st_blocks * 512 >= (tmp_path / "j").stat().st_size


def test_calls_of_built_in_adapters_and_c_libraries_travel_together_and_those_of_vendors_alone(tmp_path: Path) -> None:
    source = manifest_path("openssl")
    (tmp_path / "copy.toml").write_bytes(source.read_bytes())
    for named, together in (("openssl", True), (tmp_path / "copy.toml", False)):
        with attach(named) as iut:
            assert iut.session.target.batches is together
            made = iut.ask([keygen(number) for number in range(9)])
            assert [reply.values["dk"] for reply in made if isinstance(reply, Ok)] == [
                bytes([n] * 64) for n in range(9)
            ]


def test_a_new_process_costs_no_descriptor_for_good() -> None:
    with attach("openssl") as iut:
        iut.ask([keygen(0)])
        before = len(list(Path("/proc/self/fd").iterdir()))
        for number in range(5):
            iut.ask([Call(operation="restart", parameter_set="ML-KEM-768", inputs={}), keygen(number)])
        assert len(list(Path("/proc/self/fd").iterdir())) == before
