"""Every planted leak is found by the method meant for it, and the sound build, which differs in a line, by none."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from pqvalidate.oracle import mlkem
from tests.timing.libraries import NAME, asked, library, needs_tools, timed

COUNTED = ("EARLY_EXIT", "BRANCH_ON_FAILURE", "BRANCH_PER_BIT", "STRCMP")
EVERY = ("SOUND", *COUNTED, "TABLE", "DIVISION")


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("leak", EVERY)
def test_every_build_is_a_right_ml_kem_whatever_it_leaks(tmp_path: Path, leak: str) -> None:
    library(tmp_path, leak)
    kem = ctypes.CDLL(str(tmp_path / "libkem.so"))
    for _ in range(3):
        seed, m = os.urandom(64), os.urandom(32)
        ((ek, dk),) = mlkem.keygen(NAME, [seed])
        ((k, c),) = mlkem.encapsulate(NAME, [ek], [m])
        flipped = bytes([c[0] ^ 1]) + c[1:]
        made = [ctypes.create_string_buffer(len(value)) for value in (ek, dk, c, k)]
        kem.kem_keypair_derand(made[0], made[1], seed)
        kem.kem_enc_derand(made[2], made[3], ek, m)
        assert [room.raw for room in made] == [ek, dk, c, k]
        for sent, secret in ((c, k), (flipped, mlkem.decapsulate(NAME, [dk], [flipped])[0])):
            kem.kem_dec(made[3], sent, dk)
            assert made[3].raw == secret


@needs_tools
@pytest.mark.parametrize("leak", COUNTED)
def test_a_branch_on_a_secret_shows_in_the_number_of_instructions(tmp_path: Path, leak: str) -> None:
    (record,) = asked(library(tmp_path, leak), "ml-kem/timing-instructions")
    assert record.outcome == "fail", record.why
    assert "different numbers of instructions in 40 calls" in record.why


@needs_tools
@pytest.mark.parametrize("leak", ["SOUND", "TABLE", "DIVISION"])
def test_without_a_branch_every_call_has_the_same_number_of_instructions(tmp_path: Path, leak: str) -> None:
    (record,) = asked(library(tmp_path, leak), "ml-kem/timing-instructions")
    assert record.outcome == "pass", record.why
    assert record.why.startswith("no leak detected: ")


@needs_tools
@pytest.mark.parametrize(("leak", "outcome"), [("SOUND", "pass"), ("BRANCH_ON_FAILURE", "fail")])
def test_an_allocator_accuses_nobody_and_hides_nothing(tmp_path: Path, leak: str, outcome: str) -> None:
    (record,) = asked(library(tmp_path, leak, "-DALLOCATES"), "ml-kem/timing-instructions")
    assert record.outcome == outcome, record.why
    assert "outside the C library, whose share differs between equal calls" in record.why


@needs_tools
@pytest.mark.parametrize(("leak", "outcome"), [("SOUND", "pass"), ("EARLY_EXIT", "pass"), ("DIVISION", "fail")])
def test_an_executed_division_is_found_with_its_place(tmp_path: Path, leak: str, outcome: str) -> None:
    (record,) = asked(library(tmp_path, leak), "ml-kem/timing-divisions")
    assert record.outcome == outcome, record.why
    assert ("kem_dec+0x" in record.why) is (leak == "DIVISION")


@pytest.mark.needs("gcc")
@pytest.mark.parametrize(
    ("leak", "design"),
    [("EARLY_EXIT", "valid-flipped"), ("BRANCH_PER_BIT", "fixed-random")],
)
def test_a_difference_in_time_is_seen_twice(tmp_path: Path, leak: str, design: str) -> None:
    record = timed(library(tmp_path, leak), "ml-kem/timing-statistics", design)
    assert record.outcome == "fail", record.why
    assert record.data.keys() == {"seen", "again", "figures"}


@pytest.mark.needs("gcc")
def test_no_difference_in_time_is_reported_of_the_sound_build(tmp_path: Path) -> None:
    # On a machine that is too busy the outcome is an error, which accuses nobody: never a failure.
    records = asked(library(tmp_path, "SOUND"), "ml-kem/timing-statistics")
    assert [record.case for record in records] == ["fixed-random", "valid-flipped", "m00-mff"]
    assert {record.outcome for record in records} <= {"pass", "error"}
    assert all("smallest planted difference noticed" in r.why for r in records if r.outcome == "pass")
