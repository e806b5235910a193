"""What a campaign costs beside the implementation: `PYTHONPATH=.:src python benchmarks/campaign.py [--cases N]`.

Every case decapsulates a changed ciphertext with a C library (that of pycryptodome, through its functions) and compares
the secret with J(z‖c) of FIPS 203 algorithm 18. It prints one JSON object: this package's processor time per case, wall
time beside a bare ctypes loop of the same calls, two jobs beside one, and peak memory for a tenth of the cases and for
all of them. Run it on an idle machine; processor times hold roughly on a busy one, too.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from benchmarks.test_c_abi import pycryptodome

from pqvalidate import shards
from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.interface import Call
from pqvalidate.crew import Alone, Piece
from pqvalidate.oracle import mlkem
from pqvalidate.planner import Task
from pqvalidate.suites import Asking, Check, Script
from pqvalidate.suites.expectations import expect_values
from pqvalidate.suites.properties import changed
from pqvalidate.suites.tape import Drawn, Tape, campaign

NAME, SEED = "ML-KEM-768", bytes(16)


def manifest(folder: Path) -> Path:
    """Write the manifest of the C library."""
    path, symbols, _ = pycryptodome()
    file = folder / "x.toml"
    file.write_text(
        f'schema = "pqvalidate/manifest/1"\nproduct = {{vendor = "x", name = "x", version = "1"}}\n'
        f'attach = {{kind = "c-abi", library = "{path}"}}\nclaims = {{conformance = ["{NAME}"]}}\n{symbols}',
        encoding="utf-8",
    )
    return file


@cache
def key() -> tuple[bytes, bytes, bytes]:
    """Return dk, z and a good ciphertext, by our own computation."""
    seed = hashlib.shake_256(b"benchmark").digest(64)
    ((ek, dk),) = mlkem.keygen(NAME, [seed])
    ((_, c),) = mlkem.encapsulate(NAME, [ek], [bytes(32)])
    return dk, seed[32:], c


def ciphertext(asking: Asking, number: int) -> bytes:
    return changed(key()[2], Tape(asking, "rejection", number))


def script(case: Drawn, asking: Asking) -> Script:
    dk, z, _ = key()
    inputs = {"dk": dk, "c": ciphertext(asking, case.number)}
    (reply,) = yield [Call(operation="decapsulate", parameter_set=NAME, inputs=inputs)]
    return expect_values(reply, inputs, {"k": hashlib.shake_256(z + inputs["c"]).digest(32)})


def task(cases: int) -> Task:
    check = Check(
        name="benchmark/implicit-rejection", suite="property", algorithm="ML-KEM", clause="FIPS 203 algorithm 18",
        explain="", effect="", needs=(frozenset({"decapsulate"}),), cases=campaign({"full": cases}), script=script,
    )  # fmt: skip
    asking = Asking(parameter_set=NAME, depth="full", seed=SEED, operations=frozenset({"decapsulate"}))
    return Task(index=0, check=check, asking=asking, cases=check.cases(asking))


def pieces(cases: int) -> list[Piece]:
    planned = task(cases)
    return [Piece(task=planned, lo=lo, hi=hi, shard=(lo, hi)) for lo, hi in shards.cut(cases)]


def run(mine: list[Piece]) -> dict[str, float]:
    """Run shards as the runner does; processor seconds of both sides, wall seconds, and peak memory in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        with attach(manifest(Path(folder))) as iut:
            cpu, wall = time.process_time(), time.perf_counter()
            theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
            found = [news.shard for news in Alone(iut).news(iter(mine)) if news.shard]
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    passed = sum(shard.passed for shard in found)
    if passed != sum(piece.hi - piece.lo for piece in mine):
        sys.exit(f"{passed} cases passed, which is not all of them")
    return {
        "cpu": cpu, "wall": wall, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "worker": after.ru_utime + after.ru_stime - theirs.ru_utime - theirs.ru_stime,
    }  # fmt: skip


def bare(cases: int) -> dict[str, float]:
    """Make the same calls in a loop and nothing else; drawing the ciphertexts is not counted."""
    path, _, loop_body = pycryptodome()
    decapsulate, asking, dk = loop_body(ctypes.CDLL(str(path))), task(cases).asking, key()[0]
    wall = cpu = 0.0
    for lo in range(0, cases, 4096):
        drawn = [ciphertext(asking, number) for number in range(lo, min(lo + 4096, cases))]
        before, work = time.perf_counter(), time.process_time()
        for c in drawn:
            decapsulate(dk, c)
        wall, cpu = wall + time.perf_counter() - before, cpu + time.process_time() - work
    return {"wall": wall, "cpu": cpu}


def apart(function: Callable[..., dict[str, float]], *arguments: int) -> dict[str, float]:
    """Call a function in a process of its own, so that its peak of memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def share(cases: int, part: int, parts: int) -> dict[str, float]:
    return run(pieces(cases)[part::parts])


def jobs(cases: int, count: int) -> float:
    """Return the wall seconds that processes take which share the shards, without their start."""
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        pool.map(abs, range(count), chunksize=1)
        before = time.perf_counter()
        pool.starmap(share, [(cases, part, count) for part in range(count)], chunksize=1)
        return time.perf_counter() - before


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--cases", type=int, default=1_000_000)
    n = flags.parse_args().cases
    tenth, whole, loop = apart(share, n // 10, 0, 1), apart(share, n, 0, 1), apart(bare, n)
    print(json.dumps({  # noqa: T201
        "cases": n, "processors": len(os.sched_getaffinity(0)),
        "bare us per call (wall, processor)": [round(loop[what] / n * 1e6, 2) for what in ("wall", "cpu")],
        "us of this package's processor time per case": round(whole["cpu"] / n * 1e6, 2),
        "us of the worker's beside the bare loop": round((whole["worker"] - loop["cpu"]) / n * 1e6, 2),
        "wall time beside the bare loop": round(whole["wall"] / loop["wall"], 3),
        "two jobs beside one": round(jobs(n, 1) / jobs(n, 2), 3),
        "peak MiB": {str(n // 10): round(tenth["peak"], 1), str(n): round(whole["peak"], 1)},
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
