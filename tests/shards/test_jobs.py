"""Campaigns give the same facts with one process and with several, whatever becomes of the processes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

import pqvalidate as pqv
from pqvalidate.bundle import read_shards
from tests.cli.command import pqvalidate, succeeded
from tests.shards.campaign import CASES, SHARD, children, done, lines, seeds, started

FAULTS = {"PQV_WRONG": seeds([3, 130, 131, 639]), "PQV_CRASH": seeds([64, 500])}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "b"
    ran = done("--out", out, **FAULTS)
    assert ran.returncode == 1, ran.stderr
    return out


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("sound") / "b"
    ran = done("--out", out)
    assert ran.returncode == 3, ran.stderr  # undecided: one check alone answers no question
    return pqv.read_evidence(out).facts_digest


def campaign(out: Path) -> tuple[str, int, int, int]:
    (row,) = [result for result in pqv.read_evidence(out).facts.results if result.cases_digest]
    return row.outcome, row.passed, row.failed, row.errors


def test_every_case_is_counted_and_failures_are_kept_whole(alone: Path) -> None:
    assert campaign(alone) == ("fail", CASES - 6, 6, 0)
    kept = {case.case: case for case in pqv.read_cases(alone)}
    assert set(kept) == {f"drawn/{number}" for number in (3, 64, 130, 131, 500, 639)}
    assert kept["drawn/64"].fault == "crash"
    assert {"input.c", "expected.k", "observed.k"} <= set(kept["drawn/3"].data)
    assert [shard.lo for shard in read_shards(alone)] == list(range(0, CASES, SHARD))


def test_facts_do_not_depend_on_the_number_of_jobs(alone: Path, tmp_path: Path) -> None:
    ran = done("--out", tmp_path / "b", "--jobs", "3", **FAULTS)
    assert ran.returncode == 1, ran.stderr
    assert pqv.read_evidence(tmp_path / "b").facts_digest == pqv.read_evidence(alone).facts_digest
    assert list(pqv.read_cases(tmp_path / "b")) == list(pqv.read_cases(alone))


def test_shards_of_killed_processes_are_run_again(sound: str, tmp_path: Path) -> None:
    out = tmp_path / "b"
    process = started("--out", out, "--jobs", "2", scratch=tmp_path)
    killed: set[int] = set()
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        own = [pid for pid in children(process.pid) if pid not in killed and children(pid)]  # at work: has a vendor
        if own and len(killed) <= lines(out) and len(killed) < 3:
            os.kill(own[0], signal.SIGKILL)
            killed.add(own[0])
        time.sleep(0.02)
    assert process.wait(30) == 3
    assert len(killed) >= 2
    assert pqv.read_evidence(out).facts_digest == sound


def test_a_case_that_kills_two_processes_is_found_and_accuses_nobody(tmp_path: Path) -> None:
    deadly = {"PQV_DEADLY": seeds([200])}
    ran = done("--out", tmp_path / "b", "--jobs", "2", "--sandbox", "off", **deadly)
    assert ran.returncode == 3, ran.stderr
    assert campaign(tmp_path / "b") == ("error", CASES - 1, 0, 1)
    (case,) = pqv.read_cases(tmp_path / "b")
    assert (case.case, case.outcome) == ("drawn/200", "error")
    assert "ended twice" in case.why
    assert "signal 9" in case.why


def test_a_step_is_given_up_after_the_same_loss_whatever_the_jobs(tmp_path: Path) -> None:
    crashes = {"PQV_CRASH": seeds(range(1, CASES, 16))}
    facts = set()
    for jobs in ("1", "2"):
        ran = done("--out", tmp_path / jobs, "--jobs", jobs, **crashes)
        assert ran.returncode == 1, ran.stderr
        facts.add(pqv.read_evidence(tmp_path / jobs).facts_digest)
        outcome, passed, failed, errors = campaign(tmp_path / jobs)
        assert (outcome, failed, errors) == ("fail", 12, 0)  # the third shard of four each reaches the limit of ten
        assert passed == 3 * SHARD - 12
    assert len(facts) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--jobs", "0"), "--jobs needs a number of 1 or more"),
        (("--executor", "slurm://here"), "is neither local nor dask://HOST:PORT"),
        (("--executor", "dask://127.0.0.1:1", "--jobs", "2"), "--jobs is about this machine"),
        (("--cases", "3"), "is not a number from 8"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    ran = done("--out", tmp_path / "b", *words)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert not (tmp_path / "b").exists()


def test_a_certificate_counts_the_shards_again_and_names_their_file(alone: Path, tmp_path: Path) -> None:
    succeeded("keygen", "--out", tmp_path / "k")
    words = ("--key", tmp_path / "k" / "signing-key.json", "--out")
    succeeded("certify", alone, *words, tmp_path / "c.json")
    envelope = json.loads((tmp_path / "c.json").read_text())
    body = base64.b64decode(envelope["payload"]).decode()
    assert hashlib.sha256((alone / "shards.jsonl").read_bytes()).hexdigest() in body

    other = shutil.copytree(alone, tmp_path / "b")
    rows = (other / "shards.jsonl").read_text().splitlines(keepends=True)
    for number, changed in enumerate((rows[1:], [rows[0].replace('"failed":1', '"failed":0'), *rows[1:]])):
        (other / "shards.jsonl").write_text("".join(changed))
        refused = pqvalidate("certify", other, *words, tmp_path / f"{number}.json")
        assert refused.returncode == 4
        assert "are not those of its result" in refused.stderr
