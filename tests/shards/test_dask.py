"""A cluster of dask gives the facts of one process, also when one of its workers is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import pqvalidate as pqv
from tests.cli.command import environment
from tests.shards.campaign import RUN, children, command, done, lines, seeds, started

pytest.importorskip("distributed", reason="the extra dask is not installed")
FAULTS = {"PQV_WRONG": seeds([3, 200, 639]), "PQV_CRASH": seeds([64])}
WORKERS = 4
QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}


def program(stack: ExitStack, *words: str | Path) -> subprocess.Popen[bytes]:
    """Start a program of dask on loopback, and see to its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, words)], env=environment(**FAULTS, **QUIET), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def end() -> None:
        process.kill()
        process.wait()

    stack.callback(end)
    return process


@dataclass(frozen=True)
class Cluster:
    """A scheduler with workers, each a process of its own on this machine."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("here") / "b"
    assert done("--out", out, **FAULTS).returncode == 1
    return pqv.read_evidence(out).facts_digest


@contextmanager
def running(folder: Path, count: int) -> Iterator[Cluster]:
    """Run a scheduler with so many workers."""
    file = folder / "scheduler.json"
    with ExitStack() as stack:
        words = ("--host", "127.0.0.1", "--no-dashboard")
        scheduler = program(stack, "scheduler", *words, "--port", "0", "--scheduler-file", file)
        end = time.monotonic() + 60
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.05)
        own = ("worker", "--scheduler-file", file, *words, "--nthreads", "1", "--no-nanny", "--local-directory")
        workers = [program(stack, *own, folder / str(number)) for number in range(count)]
        address = json.loads(file.read_text())["address"].replace("tcp://", "dask://")
        yield Cluster(address, scheduler, workers)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster"), WORKERS) as found:
        yield found


def until(ready: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.02)
    assert ready()


def test_a_cluster_gives_the_same_facts_also_with_a_worker_killed(cluster: Cluster, here: str, tmp_path: Path) -> None:
    out = tmp_path / "b"
    process = started("--out", out, "--executor", cluster.address, scratch=tmp_path, **FAULTS)
    end, killed = time.monotonic() + 90, None
    while process.poll() is None and time.monotonic() < end:
        at_work = [worker for worker in cluster.workers if children(worker.pid)]
        if killed is None and at_work and lines(out) >= 1:
            killed = at_work[0]
            os.kill(killed.pid, signal.SIGKILL)
        time.sleep(0.01)
    assert process.wait(10) == 1
    assert killed is not None
    assert killed.wait(5) == -signal.SIGKILL
    assert pqv.read_evidence(out).facts_digest == here


def test_ctrl_c_leaves_no_implementation_behind_on_any_worker(cluster: Cluster, tmp_path: Path) -> None:
    process = started("--out", tmp_path / "b", "--executor", cluster.address, scratch=tmp_path, **FAULTS)
    until(lambda: lines(tmp_path / "b") >= 1)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) in {1, 3}
    alive = [worker for worker in cluster.workers if worker.poll() is None]
    assert alive
    until(lambda: not any(children(worker.pid) for worker in alive), seconds=15)


def test_a_run_does_not_wait_for_ever_when_all_workers_are_gone(tmp_path: Path) -> None:
    with running(tmp_path, 1) as cluster:
        words = command(*RUN, "--out", tmp_path / "b", "--executor", cluster.address,
                        planted="import pqvalidate.crew\npqvalidate.crew._PATIENCE = 1.0")  # fmt: skip
        process = subprocess.Popen(words, env=environment(**FAULTS), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until(lambda: lines(tmp_path / "b") >= 1)
        cluster.workers[0].kill()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert re.fullmatch(rb"pqvalidate: there has been no worker for 1 s; .*--resume", said.strip())


def test_a_scheduler_that_goes_ends_the_run_with_a_sentence_and_resume_goes_on(
    cluster: Cluster, here: str, tmp_path: Path
) -> None:
    out = tmp_path / "b"
    words = command(*RUN, "--out", out, "--executor", cluster.address)
    process = subprocess.Popen(words, env=environment(**FAULTS), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while lines(out) < 1 and process.poll() is None:
        time.sleep(0.01)
    cluster.scheduler.kill()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert re.fullmatch(rb"pqvalidate: the scheduler of dask at 127.0.0.1:\d+ is gone; .*--resume", said.strip())
    again = done("--out", out, "--resume", **FAULTS)
    assert again.returncode == 1, again.stderr
    assert pqv.read_evidence(out).facts_digest == here


def test_without_a_scheduler_the_run_ends_with_a_sentence(tmp_path: Path) -> None:
    planted = (
        "import pqvalidate.scale_out, atexit, logging\npqvalidate.scale_out._CONNECT_SECONDS = 1\n"
        "atexit.register(lambda: logging.getLogger('tornado.application').error('Traceback of a lost connection'))"
    )
    ran = done("--out", tmp_path / "b", "--executor", "dask://127.0.0.1:1", planted=planted)
    assert ran.returncode == 2, ran.stderr
    assert "no scheduler of dask answers at 127.0.0.1:1" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "b").exists()


def test_without_the_package_the_remedy_is_named(tmp_path: Path) -> None:
    planted = "sys.modules['distributed'] = None"
    ran = done("--out", tmp_path / "b", "--executor", "dask://127.0.0.1:1", planted=planted)
    assert ran.returncode == 2
    assert "pip install 'pqvalidate[dask]'" in ran.stderr
