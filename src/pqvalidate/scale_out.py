"""Where shards run: here, in processes of this machine (``--jobs``), or on a cluster (``--executor dask://HOST:PORT``)."""

from __future__ import annotations

import argparse
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from pqvalidate import shard_work
from pqvalidate.crew import Alone, Crew, Mission, Workers
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Subject
from pqvalidate.lanes import Lanes, ProcessDied
from pqvalidate.scheduler import Asked
from pqvalidate.vendors import BUILT_IN

_DASK = re.compile(r"dask://(?P<place>[^/\s]+:\d+)/?")
_CONNECT_SECONDS = 10
_ONE_JOB = "If it owns a device of which there is one, try --jobs 1."
_ONE_THREAD = "If it owns a device of which there is one, run it on this machine, without --executor."
_EACH = 2
"""Orders for each thread of a cluster: the next one is there when a shard ends."""


class Attached(Asked, Protocol):
    """An implementation that a run has attached."""

    subject: Subject
    folders: tuple[Path, ...]


def check_flags(jobs: int | None, executor: str) -> None:
    """Refuse a number of jobs or an executor that cannot be.

    Raises:
        UsageError: the message names what can be.

    """
    if jobs is not None and jobs < 1:
        raise UsageError("--jobs needs a number of 1 or more")
    if executor != "local" and not _DASK.fullmatch(executor):
        raise UsageError(f"--executor {executor!r} is neither local nor dask://HOST:PORT")
    if executor != "local" and jobs not in (None, 1):
        raise UsageError("--jobs is about this machine; a cluster's workers are started with their own numbers")


@contextmanager
def crew_of(iut: Attached, flags: argparse.Namespace, folder: Path) -> Iterator[Crew]:
    """Open the crew that carries out the shards of a run, and end its work whatever happens.

    Args:
        iut: the implementation that the run has attached; one job alone goes on with it, and every worker makes sure
            that it has the same.
        flags: ``iut``, by which workers attach it, a manifest by its absolute path; ``sandbox`` as for ``attach``;
            ``jobs``, processes on this machine, or None for the usual number; ``executor``, ``local`` or
            ``dask://HOST:PORT``.
        folder: where the run writes.

    Raises:
        UsageError: a flag is wrong, the package ``distributed`` is missing, there is no scheduler, or the run would
            write among the files of the implementation.

    """
    executor = flags.executor
    check_flags(flags.jobs, executor)
    mission = Mission(iut=_absolute(flags.iut), sandbox=flags.sandbox, subject=iut.subject)
    jobs = flags.jobs or _usual_jobs(mission.iut)
    if executor != "local" or jobs > 1:
        _refuse_inside(folder, iut.folders)
    if executor != "local":
        with _cluster(executor, mission) as crew:
            yield crew
    elif jobs == 1:
        yield Alone(iut)
    else:
        lanes = Lanes(jobs)
        try:
            yield Workers(lanes, lambda: jobs, (ProcessDied,), mission, halt=lanes.close, hint=_ONE_JOB)
        finally:
            lanes.close()


def _usual_jobs(iut: str) -> int:
    """Return one job for a manifest, since it may own a device of which there is one; a library gets all processors."""
    return len(os.sched_getaffinity(0)) if iut in BUILT_IN and hasattr(os, "sched_getaffinity") else 1


def _refuse_inside(folder: Path, artefacts: Sequence[Path]) -> None:
    """Refuse to write among the files of the implementation: every process would find another implementation there."""
    for artefact in artefacts:
        if folder.resolve().is_relative_to(artefact):
            raise UsageError(
                f"{folder} lies in {artefact}, which is a part of the implementation: what is written there changes it"
                " for the other processes; choose an --out elsewhere, or --jobs 1"
            )


def _absolute(name: str) -> str:
    """Return a manifest by its absolute path, ``NAME`` for ./NAME.toml as well; a built-in name as it is."""
    for path in (Path(name), Path(f"{name}.toml")):
        if path.is_file():
            return os.path.abspath(path)  # noqa: PTH100  (a link stays the path that the manifest's own are relative to)
    return name


@contextmanager
def _cluster(executor: str, mission: Mission) -> Iterator[Crew]:
    try:
        distributed: Any = import_module("distributed")  # heavy, and an extra
    except ImportError:
        raise UsageError(
            "--executor dask:// needs the package distributed; install it with: pip install 'pqvalidate[dask]'"
        ) from None
    for name in ("distributed", "distributed.client", "tornado.application"):  # we say what matters
        logging.getLogger(name).setLevel(logging.CRITICAL)
    found = _DASK.fullmatch(executor)
    place = found["place"] if found else ""
    try:
        client = distributed.Client(f"tcp://{place}", timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise UsageError(f"no scheduler of dask answers at {place}: {error}; start it with: dask scheduler") from None
    try:
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
    except TimeoutError:
        client.close()
        raise UsageError(f"the scheduler of dask at {place} has no worker; start one with: dask worker") from None
    gone = (distributed.comm.CommClosedError, distributed.CancelledError, CancelledError)
    try:
        engine = client.get_executor(pure=False)

        def halt() -> None:
            with suppress(OSError, TimeoutError):  # of a worker that cannot be reached
                client.run(shard_work.stop, mission.run, on_error="ignore", callback_timeout=_CONNECT_SECONDS)
            engine.shutdown(wait=False)

        def width() -> int:
            threads: dict[str, int] = client.nthreads()
            return _EACH * sum(threads.values())

        with _halted(halt, gone):
            yield Workers(engine, width, (distributed.KilledWorker,), mission, halt=halt, hint=_ONE_THREAD)
    except gone:
        raise UsageError(
            f"the scheduler of dask at {place} is gone; what was finished is kept, go on with --resume"
        ) from None
    finally:
        with suppress(*gone, OSError, TimeoutError):
            client.close(timeout=_CONNECT_SECONDS)


@contextmanager
def _halted(halt: Callable[[], None], gone: tuple[type[BaseException], ...]) -> Iterator[None]:
    """Halt the workers in the end, also after Ctrl-C; not where the scheduler is gone, which nobody could tell them."""
    try:
        yield
    except gone:
        raise
    except BaseException:
        with suppress(*gone):
            halt()
        raise
    halt()
