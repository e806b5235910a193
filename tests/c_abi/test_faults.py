"""C code with planted faults: each is found on the call that it belongs to, and none where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pqvalidate.adapters.interface import Fault, Ok, Rejected, Reply
from tests.c_abi.libraries import CT, DK, EK, TOY, ask_one, ciphertexts, decapsulation, needs_gcc, secret, toy

pytestmark = needs_gcc
COUNT = 150
MARKED = 70


def blamed(replies: list[Reply], cs: list[bytes]) -> Fault:
    """Return the one fault; every other call has its right answer."""
    assert len(replies) == len(cs)
    for number, (reply, c) in enumerate(zip(replies, cs, strict=True)):
        if number != MARKED:
            assert isinstance(reply, Ok), (number, reply)
            assert reply.values == {"k": secret(c)}
    found = replies[MARKED]
    assert isinstance(found, Fault)
    return found


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("WRITE_PAST_K", "exception", "MemoryMisuse: toy_dec wrote 3 bytes past the end of k (32 bytes)"),
        ("CHANGE_DK", "exception", "MemoryMisuse: toy_dec changed its input dk (2400 bytes)"),
        ("CHANGE_C", "exception", "MemoryMisuse: toy_dec changed its input c (1088 bytes)"),
        ("CRASH", "crash", "killed by SIGABRT"),
        ("HANG", "timeout", "no reply within 3 s"),
    ],
)
def test_a_fault_inside_a_batch_belongs_to_its_call(tmp_path: Path, fault: str, kind: str, words: str) -> None:
    cs = ciphertexts(COUNT, marked=MARKED)
    with toy(tmp_path, f"-DFAULT={fault}") as iut:
        found = blamed(iut.ask([decapsulation(c) for c in cs]), cs)
    assert found.kind == kind
    assert found.why.startswith(words)


def test_a_refusal_inside_a_batch_is_a_refusal(tmp_path: Path) -> None:
    cs = ciphertexts(COUNT, marked=MARKED)
    with toy(tmp_path, "-DFAULT=REFUSE") as iut:
        replies = iut.ask([decapsulation(c) for c in cs])
    assert [n for n, reply in enumerate(replies) if not isinstance(reply, Ok)] == [MARKED]
    refusal = replies[MARKED]
    assert isinstance(refusal, Rejected)
    assert refusal.why == "toy_dec returned 1"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("WRITE_PAST_K", "wrote 3 bytes past the end of k"),
        ("CHANGE_DK", "changed its input dk"),
        ("CHANGE_C", "input c"),
    ],
)
@pytest.mark.parametrize("last", [0, 1])
def test_a_single_call_is_watched_as_well(tmp_path: Path, fault: str, words: str, last: int) -> None:
    """At even and at odd addresses: the byte in the middle decides."""
    c = bytearray(ciphertexts(1, marked=0)[0])
    c[CT // 2] = last
    with toy(tmp_path, f"-DFAULT={fault}") as iut:
        reply = ask_one(iut, "decapsulate", dk=DK, c=bytes(c))
        again = ask_one(iut, "decapsulate", dk=DK, c=bytes(CT))
    assert isinstance(reply, Fault)
    assert words in reply.why
    assert isinstance(again, Ok)


def test_reading_two_bytes_past_an_input_ends_the_process_on_that_call(tmp_path: Path) -> None:
    with toy(tmp_path, "-DFAULT=READ_PAST_EK") as iut:
        reply = ask_one(iut, "encapsulate_derand", ek=EK, m=bytes(32))
        sound = ask_one(iut, "decapsulate", dk=DK, c=bytes(CT))
    assert isinstance(reply, Fault)
    assert (reply.kind, reply.why) == ("crash", "killed by SIGSEGV")
    assert sound == Ok({"k": DK[:32]})


def test_writing_before_an_output_is_named(tmp_path: Path) -> None:
    with toy(tmp_path, "-DFAULT=WRITE_BEFORE_C") as iut:
        reply = ask_one(iut, "encapsulate_derand", ek=EK, m=bytes(32))
    assert isinstance(reply, Fault)
    assert reply.why == "MemoryMisuse: toy_enc_derand wrote 5 bytes before c (1088 bytes)"


def test_code_that_relies_on_even_addresses_breaks_and_breaks_again(tmp_path: Path) -> None:
    """The same inputs lie at the same addresses, so that a finding can be reproduced."""
    cs = [bytes([0]) * CT, bytes([1]) * CT]
    with toy(tmp_path, "-DFAULT=ALIGNED") as iut:
        outcomes = [
            [isinstance(ask_one(iut, "decapsulate", dk=DK, c=c), Fault) for c in cs], [
                isinstance(reply, Fault) for reply in iut.ask([decapsulation(c) for c in cs])
            ]
        ]  # fmt: skip
    assert sorted(outcomes[0]) == [False, True]
    assert outcomes[0] == outcomes[1]


def test_one_means_success_where_the_manifest_says_so(tmp_path: Path) -> None:
    symbols = TOY + (
        '[symbols.functions.decapsulate]\nsymbol = "toy_dec"\narguments = ["k!", "c", "dk"]\nreturns = "one"\n'
    )
    with toy(tmp_path, "-DFAULT=ONE_IS_OK", symbols=symbols) as iut:
        assert isinstance(ask_one(iut, "decapsulate", dk=DK, c=bytes(CT)), Ok)
    with toy(tmp_path, symbols=symbols) as iut:
        assert isinstance(ask_one(iut, "decapsulate", dk=DK, c=bytes(CT)), Rejected)


def test_an_output_that_is_not_written_is_no_secret_of_an_earlier_call(tmp_path: Path) -> None:
    symbols = (
        'family = "none"\n[symbols.functions.decapsulate]\nsymbol = "toy_check_pk"\narguments = ["c", "dk", "k!"]\n'
    )
    with toy(tmp_path, symbols=symbols) as iut:
        replies = iut.ask([decapsulation(c) for c in ciphertexts(3)])
    assert replies == [Ok({"k": b"\xa5" * 32})] * 3
