"""What a campaign costs beside the implementation: `PYTHONPATH=.:src python benchmarks/campaign.py [--cases N]`.

Every case decapsulates a changed ciphertext with a C library (that of pycryptodome, through its functions) and compares
the secret with J(z‖c) of FIPS 203 algorithm 18. It prints a table: this package's processor time per case, wall time
beside a bare loop of the same calls (which each shard takes turns with), two jobs beside one, and peak memory for a
tenth of the cases and for all of them. `--parameter-set ML-KEM-1024` and `--implementation NAME`, a built-in one with
expanded keys, are for machines where a call of ML-KEM-768 takes less than 60 us; the bare loop is then one of Python
that calls what the worker calls. `--json` prints the same as JSON. Run it on an idle machine; processor times hold
roughly on a busy one, too.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import importlib
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
from typing import Any

from benchmarks.test_c_abi import pycryptodome

from pqvalidate import shards
from pqvalidate.adapters.attach import Implementation, attach
from pqvalidate.adapters.interface import Call
from pqvalidate.algorithms import parameter_set
from pqvalidate.crew import Alone, Piece
from pqvalidate.oracle import mlkem
from pqvalidate.planner import Task
from pqvalidate.suites import Asking, Check, Script
from pqvalidate.suites.expectations import expect_values
from pqvalidate.suites.properties import changed
from pqvalidate.suites.tape import Drawn, Tape, campaign

LIBRARY = "the C library"
EXPANDED = ("mlkem", "pycryptodome", "pqcrypto")
NAMES, SEED = ("ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"), bytes(16)
NO_MORE = {"cpu": 15.0, "ratio": 1.2, "MiB": 200.0}
AT_LEAST = 1.7
_ROUNDS = 4


def library() -> Path:
    """Return the file of the C library."""
    path, _, _ = pycryptodome()
    return path or sys.exit("pycryptodome is not installed")


def attached(folder: Path, iut: str, name: str) -> Implementation:
    """Attach a built-in implementation, or the C library by a manifest that is written into a folder."""
    if iut != LIBRARY:
        return attach(iut)
    level = name.rpartition("-")[2]
    file = folder / "x.toml"
    symbols = pycryptodome()[1].replace('"768"', f'"{level}"')
    file.write_text(
        f'schema = "pqvalidate/manifest/1"\nproduct = {{vendor = "x", name = "x", version = "1"}}\n'
        f'attach = {{kind = "c-abi", library = "{library()}"}}\nclaims = {{conformance = ["{name}"]}}\n{symbols}',
        encoding="utf-8",
    )
    return attach(file)


@cache
def key(name: str) -> tuple[bytes, bytes, bytes]:
    """Return dk, z and a good ciphertext, by our own computation."""
    seed = hashlib.shake_256(b"benchmark").digest(64)
    ((ek, dk),) = mlkem.keygen(name, [seed])
    ((_, c),) = mlkem.encapsulate(name, [ek], [bytes(32)])
    return dk, seed[32:], c


def ciphertext(asking: Asking, number: int) -> bytes:
    return changed(key(asking.parameter_set)[2], Tape(asking, "rejection", number))


def script(case: Drawn, asking: Asking) -> Script:
    dk, z, _ = key(asking.parameter_set)
    inputs = {"dk": dk, "c": ciphertext(asking, case.number)}
    (reply,) = yield [Call(operation="decapsulate", parameter_set=asking.parameter_set, inputs=inputs)]
    return expect_values(reply, inputs, {"k": hashlib.shake_256(z + inputs["c"]).digest(32)})


def task(cases: int, name: str) -> Task:
    check = Check(
        name="benchmark/implicit-rejection", suite="property", algorithm="ML-KEM", clause="FIPS 203 algorithm 18",
        explain="", effect="", needs=(frozenset({"decapsulate"}),), cases=campaign({"full": cases}), script=script,
    )  # fmt: skip
    asking = Asking(parameter_set=name, depth="full", seed=SEED, operations=frozenset({"decapsulate"}))
    return Task(index=0, check=check, asking=asking, cases=check.cases(asking))


def pieces(cases: int, name: str) -> list[Piece]:
    planned = task(cases, name)
    return [Piece(task=planned, lo=lo, hi=hi, shard=(lo, hi)) for lo, hi in shards.cut(cases)]


def run(iut: Implementation, mine: list[Piece]) -> tuple[float, float]:
    """Run shards as the runner does; processor seconds of this process and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = [news.shard for news in Alone(iut).news(iter(mine)) if news.shard]
    took = time.process_time() - cpu, time.perf_counter() - wall
    passed = sum(shard.passed for shard in found)
    if passed != sum(piece.hi - piece.lo for piece in mine):
        sys.exit(f"{passed} cases passed, which is not all of them")
    return took


def loop_body(iut: str, name: str) -> Callable[[bytes, bytes], bytes]:
    """Return a function that decapsulates as the worker has it done, and does nothing else."""
    if iut != LIBRARY:
        made: Any = importlib.import_module(f"pqvalidate.vendors.{iut}").implementation(name)
        method: Callable[[bytes, bytes], bytes] = made.decapsulate
        return method
    level, row = int(name.rpartition("-")[2]), parameter_set(name)
    function = ctypes.CDLL(str(library())).mlkem_decaps
    pair = (ctypes.c_char_p, ctypes.c_size_t)
    function.argtypes = (ctypes.c_uint, *pair, *pair, *pair)

    def decapsulate(dk: bytes, c: bytes) -> bytes:
        k = ctypes.create_string_buffer(32)
        assert function(level, k, 32, c, row.output, dk, row.private_key) == 0
        return k.raw

    return decapsulate


def bare(lo: int, hi: int, iut: str, name: str) -> float:
    """Make the same calls in a loop and nothing else; wall seconds, without those of drawing the ciphertexts."""
    decapsulate, asking, dk = loop_body(iut, name), task(hi, name).asking, key(name)[0]
    wall = 0.0
    for begin in range(lo, hi, 4096):
        drawn = [ciphertext(asking, number) for number in range(begin, min(begin + 4096, hi))]
        before = time.perf_counter()
        for c in drawn:
            decapsulate(dk, c)
        wall += time.perf_counter() - before
    return wall


def in_turns(cases: int, vendor: str, name: str) -> dict[str, Any]:
    """Run each shard and then a bare loop of its calls, so that both meet the machine in the same mood."""
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        with attached(Path(folder), vendor, name) as iut:
            for piece in pieces(cases, name):
                cpu, wall = run(iut, [piece])
                rows.append((piece.hi - piece.lo, cpu, wall, bare(piece.lo, piece.hi, vendor, name)))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, wall, loop = (sum(row[n] for row in rows) for n in (1, 2, 3))
    worker = after.ru_utime + after.ru_stime - theirs.ru_utime - theirs.ru_stime
    each = sorted(row[1] / row[0] for row in rows), sorted(row[2] / row[3] for row in rows)
    return {
        "cpu": cpu / cases * 1e6, "worker": (worker - loop) / cases * 1e6, "bare": loop / cases * 1e6,
        "ratio": wall / loop, "least cpu": each[0][0] * 1e6, "most cpu": each[0][-1] * 1e6,
        "least ratio": each[1][0], "most ratio": each[1][-1],
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def apart(function: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    """Call a function in a process of its own, so that its peak of memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def share(cases: int, vendor: str, name: str, part: int, parts: int) -> float:
    """Run every so many-th shard; return the wall seconds from the start of the first to the end of the last."""
    with tempfile.TemporaryDirectory() as folder, attached(Path(folder), vendor, name) as iut:
        return run(iut, pieces(cases, name)[part::parts])[1]


def jobs(cases: int, vendor: str, name: str) -> float:
    """Return by how much two processes that share the shards are quicker than one that runs them all."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(abs, range(2), chunksize=1)
        one = two = 0.0
        for _ in range(_ROUNDS):
            one += pool.apply(share, (cases // _ROUNDS, vendor, name, 0, 1))
            before = time.perf_counter()
            pool.starmap(share, [(cases // _ROUNDS, vendor, name, part, 2) for part in range(2)], chunksize=1)
            two += time.perf_counter() - before
        return one / two


def measured(n: int, vendor: str, name: str) -> dict[str, Any]:
    """Measure all of it, one thing after the other."""
    tenth, whole = apart(in_turns, n // 10, vendor, name), apart(in_turns, n, vendor, name)
    return {
        "cases": n, "implementation": vendor, "parameter set": name, "processors": len(os.sched_getaffinity(0)),
        **whole, "jobs": jobs(n, vendor, name), "peak of a tenth": tenth["peak"],
    }  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """Return the figures as a table for people."""
    n = found["cases"]
    rows = [
        ("a call in a bare loop", f"{found['bare']:.1f} us", ""),
        ("processor time of this package per case", f"{found['cpu']:.1f} us", f"<= {NO_MORE['cpu']:g} us"),
        ("... in single shards", f"{found['least cpu']:.1f} to {found['most cpu']:.1f} us", ""),
        ("... of the worker beyond the bare loop, starts included", f"{found['worker']:.1f} us", ""),
        ("wall time beside the bare loop", f"{found['ratio']:.2f}", f"<= {NO_MORE['ratio']:g} at 60 us a call"),
        ("... in single shards", f"{found['least ratio']:.2f} to {found['most ratio']:.2f}", ""),
        ("one job beside two", f"{found['jobs']:.2f}", f">= {AT_LEAST:g} on two processors"),
        (f"peak memory, {n // 10} cases", f"{found['peak of a tenth']:.0f} MiB", f"<= {NO_MORE['MiB']:g} MiB"),
        (f"peak memory, {n} cases", f"{found['peak']:.0f} MiB", "the same"),
    ]  # fmt: skip
    what = f"{found['implementation']}, {found['parameter set']}"
    head = f"{what}, {n} changed ciphertexts, {found['processors']} processors"
    return "\n".join([head, *(f"  {what:58}{figure:>16}   {aim}".rstrip() for what, figure, aim in rows)])


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--cases", type=int, default=1_000_000)
    flags.add_argument("--parameter-set", choices=NAMES, default="ML-KEM-768")
    flags.add_argument("--implementation", choices=(LIBRARY, *EXPANDED), default=LIBRARY)
    flags.add_argument("--json", action="store_true")
    given = flags.parse_args()
    found = measured(given.cases, given.implementation, given.parameter_set)
    print(json.dumps(found, indent=1) if given.json else table(found))  # noqa: T201


if __name__ == "__main__":
    main()
