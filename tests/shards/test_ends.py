"""What a run leaves behind and what it refuses: nothing works on after its end, and nothing changes what is tested."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pqvalidate import crew, shard_work
from pqvalidate.adapters.attach import attach
from pqvalidate.crew import Mission, Piece, Workers
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Subject
from pqvalidate.planner import Selection, Task, make_plan
from pqvalidate.shard_work import Answer
from tests.cli.command import SEED
from tests.shards.campaign import CHECK, SHARD, VENDOR, done, seeds

DEVICE = """
import fcntl
from pqvalidate.vendors import openssl

_device = open(__file__)
try:
    fcntl.flock(_device, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    raise RuntimeError("the device is in use") from None
implementation = openssl.implementation
"""
LOOKING = """
import os, pathlib
def looking(planned):
    found = [p for p in pathlib.Path("/proc").glob("[0-9]*/stat") if p.exists()]
    texts = [p.read_text().rpartition(")")[2].split() for p in found if p.exists()]
    mine = [t for t in texts if t[1] == str(os.getpid()) and t[0] != "Z"]
    pathlib.Path(os.environ["PQV_SEEN"]).write_text(str(len(mine)))
    return ()
pqvalidate.runner.run_controls = looking
"""


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    """Copy the implementation into a folder that is its artefact as a whole; return the manifest."""
    folder = shutil.copytree(VENDOR.parent, tmp_path / "vendor", ignore=shutil.ignore_patterns("__pycache__"))
    manifest = folder / "vendor.toml"
    manifest.write_text(manifest.read_text().replace('path = "adapter.py"', 'path = "."'))
    return manifest


def campaign(subject: Subject) -> Task:
    return make_plan(subject, Selection(depth="quick", seed=SEED, only=(CHECK,), cases=640)).tasks[0]


def order(vendor: Path, subject: Subject, cases: int = 4) -> bytes:
    mission = Mission(iut=str(vendor), sandbox="off", subject=subject)
    return mission.order(Piece(task=campaign(subject), lo=0, hi=cases, shard=(0, cases)))


def answer(order: bytes) -> Answer:
    return msgspec.json.decode(shard_work.work(order), type=Answer)


def subject_of(vendor: Path) -> Subject:
    with attach(vendor, sandbox="off") as iut:
        return iut.subject


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    yield
    shard_work.close()


@pytest.mark.parametrize("words", [("--jobs", "2"), ("--executor", "dask://127.0.0.1:1")])
def test_a_bundle_among_the_files_of_the_implementation_is_refused_early(vendor: Path, words: tuple[str, ...]) -> None:
    out = vendor.parent / "runs" / "b"
    ran = done("--out", out, *words, iut=vendor)
    assert ran.returncode == 2, ran.stderr
    assert f"{out} lies in {vendor.parent}, which is a part of the implementation" in ran.stderr
    assert not out.parent.exists()


def test_files_that_have_changed_are_attached_anew_and_others_than_planned_are_refused(vendor: Path) -> None:
    before = subject_of(vendor)
    assert answer(order(vendor, before)).letters == "pppp"
    (vendor.parent / "more.txt").write_text("another file of the implementation")
    after = subject_of(vendor)
    assert answer(order(vendor, after)).letters == "pppp"
    stale = answer(order(vendor, before))
    assert stale.exit_code == 4
    assert "is not the implementation that was planned for" in stale.trouble
    assert answer(order(vendor, after)).letters == "pppp"


def test_stopping_ends_what_another_thread_is_asking_and_refuses_what_comes_later(
    vendor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQV_SLOW", seeds(range(SHARD)))  # each costs its time limit of 5 s, until ten of them
    subject = subject_of(vendor)
    asked = order(vendor, subject, SHARD)
    run = msgspec.json.decode(asked, type=shard_work.Order).run
    found: list[Answer] = []
    thread = threading.Thread(target=lambda: found.append(answer(asked)))
    thread.start()
    thread.join(2)
    assert thread.is_alive()
    shard_work.stop(run)
    thread.join(25)
    assert not thread.is_alive()
    assert found[0].exit_code == 2
    assert answer(asked).trouble == "the run is over"


class Silent(Executor):
    """Takes orders and never answers, like a cluster whose workers have all ended."""

    def submit(self, _: Callable[..., Any], /, *_args: Any, **__: Any) -> Future[Any]:
        return Future()


def test_a_cluster_without_workers_is_not_waited_for_without_end(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_PATIENCE", 0.5)
    subject = subject_of(vendor)
    mission = Mission(iut=str(vendor), sandbox="off", subject=subject)
    width = iter([2, 2])
    workers = Workers(Silent(), lambda: next(width, 0), (), mission)
    pieces = iter([Piece(task=campaign(subject), lo=0, hi=4, shard=(0, 4))])
    with pytest.raises(UsageError, match=r"there has been no worker for 0\.5 s; .* --resume"):
        list(workers.news(pieces))


def test_no_shard_is_in_flight_while_controls_run(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    ran = done("--out", tmp_path / "b", "--jobs", "2", "--max-time", "0.01", planted=LOOKING, PQV_SEEN=str(seen))
    assert ran.returncode == 3, ran.stderr
    assert seen.read_text() == "1"  # the implementation of the run itself


def test_a_device_of_which_there_is_one_gets_a_hint(tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text(DEVICE)
    (tmp_path / "vendor.toml").write_text(VENDOR.read_text())
    ran = done("--out", tmp_path / "b", "--jobs", "2", "--sandbox", "off", iut=tmp_path / "vendor.toml")
    assert ran.returncode == 3, ran.stderr
    assert "the device is in use" in ran.stderr
    assert "try --jobs 1" in ran.stderr
