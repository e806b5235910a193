"""A campaign in shards loses nothing that was finished: to kill -9 at any moment, to a full disk, to a second run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

import pqvalidate as pqv
from pqvalidate.bundle import read_shards
from tests.shards.campaign import CASES, SHARD, children, done, lines, seeds, started

FAULTS = {"PQV_WRONG": seeds([200, 639])}
FULL = """
import resource
from pqvalidate.campaigns import Campaigns
real = Campaigns.run
def shrinking(*arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    real(*arguments)
Campaigns.run = shrinking
"""
"""From the first shard on, no file may grow beyond 2000 bytes, which the first failure kept whole overfills."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("undisturbed") / "b"
    assert done("--out", out, **FAULTS).returncode == 1
    return pqv.read_evidence(out).facts_digest


def killed_at(out: Path, shards: int, *words: str) -> list[int]:
    """Start or go on with a run, kill it once so many shards are in the journal, and return its processes."""
    process = started("--out", out, *words, scratch=out.parent, **FAULTS)
    end = time.monotonic() + 60
    below: set[int] = set()
    while lines(out) < shards and process.poll() is None and time.monotonic() < end:
        own = children(process.pid)
        below |= {*own, *(pid for child in own for pid in children(child))}
        time.sleep(0.005)
    process.kill()
    process.wait()
    return sorted(below)


def gone(pids: list[int]) -> bool:
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_kill_at_many_points_loses_only_what_is_in_flight(undisturbed: str, tmp_path: Path) -> None:
    out = tmp_path / "b"
    seen = 0
    for shards, jobs in ((1, "2"), (4, "1"), (7, "2")):
        words = ("--resume",) if out.exists() else ()
        pids = killed_at(out, shards, "--jobs", jobs, *words)
        assert gone(pids), "a process outlived the run"
        assert lines(out) >= max(shards, seen)
        seen = lines(out)
    with (out / "shards.jsonl").open("ab") as journal:
        journal.write(b'{"step":50,"lo":5')  # what a loss of power may leave
    before = (out / "shards.jsonl").read_bytes().splitlines()[:seen]
    again = done("--out", out, "--resume", "--jobs", "2", **FAULTS)
    assert again.returncode == 1, again.stderr
    assert pqv.read_evidence(out).facts_digest == undisturbed
    assert (out / "shards.jsonl").read_bytes().splitlines()[:seen] == before, "a finished shard was run again"
    assert [shard.lo for shard in read_shards(out)] == list(range(0, CASES, SHARD))


def test_a_full_disk_ends_the_run_with_a_sentence_and_resume_goes_on(undisturbed: str, tmp_path: Path) -> None:
    out = tmp_path / "b"
    ran = done("--out", out, planted=FULL, **FAULTS)
    assert ran.returncode == 2
    assert ran.stderr.strip() == f"pqvalidate: cannot write {out}/shards.jsonl: File too large"
    assert lines(out) == 200 // SHARD
    again = done("--out", out, "--resume", **FAULTS)
    assert again.returncode == 1, again.stderr
    assert lines(out) == CASES // SHARD
    assert pqv.read_evidence(out).facts_digest == undisturbed


def test_max_time_ends_several_jobs_in_order_and_nothing_passes(tmp_path: Path) -> None:
    out = tmp_path / "b"
    ran = done("--out", out, "--jobs", "2", "--max-time", "0.01", **FAULTS)
    assert ran.returncode == 3, ran.stderr
    (row,) = [result for result in pqv.read_evidence(out).facts.results if result.cases_digest]
    assert (row.outcome, row.reason) == ("not-applicable", "not-at-this-depth")
    assert "stopped by --max-time" in row.why
    assert row.not_run > 0


def test_ctrl_c_ends_several_jobs_in_order_and_resume_gives_the_same_facts(undisturbed: str, tmp_path: Path) -> None:
    out = tmp_path / "b"
    process = started("--out", out, "--jobs", "2", scratch=tmp_path, **FAULTS)
    while lines(out) < 1 and process.poll() is None:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGSTOP)  # so that it is not done before the second one asks
    second = done("--out", out, "--resume", **FAULTS)
    os.killpg(process.pid, signal.SIGCONT)
    assert second.returncode == 2
    assert "another run is writing to it" in second.stderr
    below = [pid for child in children(process.pid) for pid in (child, *children(child))]
    os.killpg(process.pid, signal.SIGINT)
    try:
        code = process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert gone(below)
    assert code in {1, 3}
    if pqv.read_evidence(out).status == "interrupted":
        assert done("--out", out, "--resume", **FAULTS).returncode == 1
    assert pqv.read_evidence(out).facts_digest == undisturbed
