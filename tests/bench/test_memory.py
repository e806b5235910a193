"""Memory: what a call takes, and what each call keeps, on implementations whose appetite was planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.vendors import manifest
from tests.cli.command import document, succeeded

MIB = 1 << 20


def measured(file: Path) -> dict[str, int]:
    """Return first_kib, later_kib and calls of decapsulation."""
    words = ("--only", "decapsulate", "--seconds", "0.1", "--memory", "--format", "json")
    (row,) = document(succeeded("bench", file, *words))["memory"]
    assert row["process_kib"] > 1000
    return {field: row[field] for field in ("first_kib", "later_kib", "calls")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    return measured(manifest(tmp_path_factory.mktemp("plain"), "plain", 1))


def test_a_buffer_that_a_call_fills_and_frees_is_seen_once(plain: dict[str, int], tmp_path: Path) -> None:
    seen = measured(manifest(tmp_path, "hungry", 1, more=f"bytearray(b'1' * {4 * MIB})"))
    # The bytes and their copy, 4 MiB each; the allocator may serve some of it from what it had.
    assert seen["first_kib"] > plain["first_kib"] + 7000
    assert seen["later_kib"] < plain["later_kib"] + 7000


def test_memory_that_each_call_keeps_grows_with_the_calls(plain: dict[str, int], tmp_path: Path) -> None:
    more = "self.kept = [*getattr(self, 'kept', []), bytearray(b'1' * 100_000)]"
    seen = measured(manifest(tmp_path, "leaking", 1, more=more))
    assert seen["calls"] >= 10
    assert seen["later_kib"] > plain["later_kib"] + seen["calls"] * 90
