"""Show what ``pqvalidate bench`` can tell on a busy machine: ``prove_bench.py [--times 10] [--seconds 1] [--load 1]``.

Three proofs, each repeated ``--times`` times while ``--load`` other processes keep the machine busy:

1. the ratio of two implementations, timed anew each time, stays within 3 % of the median of all, and a run takes 60 s
   at most;
2. an implementation that does 21 decapsulations where the other does 20, which is 5 % more work, breaks a rule of 1 %,
   by time and by instructions;
3. one that does the same 20 breaks none.

It takes some ten minutes and begins no run after ``--minutes`` (10). With ``--keep FILE`` each run is kept when it is
made, and the same command goes on where it was stopped. The verdict is a table, or JSON with ``--format json``; the
exit code is 0 where all was shown, 1 where something was not, and 3 where runs are still to be made.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.kept import UNDECIDED, Kept, told

from pqvalidate.adapters.instructions import valgrind
from pqvalidate.bench.benchmark import Wanted, benchmark
from pqvalidate.bench.rules import parse_rule

SET = "ML-KEM-768"
WITHIN = 0.03
LONGEST_SECONDS = 60.0
TIME_RULE, COUNT_RULE = "decapsulate ratio > 1.01", "decapsulate instructions ratio > 1.01"

ADAPTER = """
import pqvalidate.vendors.openssl as sound


def implementation(parameter_set):
    inner = sound.implementation(parameter_set)

    class Kem:
        def keygen(self):
            return inner.keygen()

        def encapsulate(self, ek):
            return inner.encapsulate(ek)

        def decapsulate_from_seed(self, seed, c):
            for _ in range({times}):
                k = inner.decapsulate_from_seed(seed, c)
            return k

    return Kem()
"""


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processors busy meanwhile; the processes end by themselves if this one is killed."""
    work = f"import os\nwhile os.getppid() == {os.getpid()}:\n    sum(range(10_000))"
    started = [subprocess.Popen([sys.executable, "-c", work]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def manifest(folder: Path, name: str, times: int) -> str:
    """Write an implementation that decapsulates so many times a call; return its manifest."""
    (folder / f"{name}.py").write_text(ADAPTER.replace("{times}", str(times)))
    file = folder / f"{name}.toml"
    file.write_text(
        f'schema = "pqvalidate/manifest/1"\n[product]\nvendor = "Nobody"\nname = "{name}"\nversion = "1"\n'
        f'[attach]\nkind = "python"\ntarget = "{name}:implementation"\n[claims]\nconformance = ["{SET}"]\n'
    )
    return str(file)


def repeats(kept: Kept, times: int, seconds: float) -> dict[str, Any]:
    """Time two implementations beside each other again and again; return whether all ratios are near their median."""
    while kept.wants("repeats", times):
        began = time.monotonic()
        report = benchmark(Wanted(
            named=("pycryptodome",), against="openssl", parameter_sets=(SET,), operations=("encapsulate",),
            seconds=seconds,
        ))  # fmt: skip
        took, (row,) = time.monotonic() - began, report.ratios
        kept.add("repeats", ratio_ppm=row.ratio_ppm, low_ppm=row.low_ppm, high_ppm=row.high_ppm, ms=round(took * 1e3))
        interval = f"{row.low_ppm / 1e6:.4f} to {row.high_ppm / 1e6:.4f}"
        say(f"  repeats: {row.ratio_ppm / 1e6:.4f} ({interval}), {took:.0f} s")
    runs = kept.of("repeats")
    ratios = [run["ratio_ppm"] / 1e6 for run in runs]
    worst = max((abs(ratio / statistics.median(ratios) - 1) for ratio in ratios), default=0.0)
    longest = max((run["ms"] / 1e3 for run in runs), default=0.0)
    good = worst <= WITHIN and longest <= LONGEST_SECONDS
    seen = f"worst {worst:.2%} from the median, longest run {longest:.0f} s"
    return verdict("1. a ratio repeats within 3 %", len(runs), times, seen, good=good)


def planted(kept: Kept, times: int, seconds: float, work: int, expected: str) -> list[dict[str, Any]]:
    """Compare ``work`` decapsulations with 20 again and again; return whether the rules say what they should."""
    texts, what = [TIME_RULE, *([COUNT_RULE] if valgrind() else [])], f"{work} beside 20"
    with tempfile.TemporaryDirectory(prefix="pqvalidate-prove-") as name:
        folder = Path(name)
        base, mutant = manifest(folder, "base", 20), manifest(folder, "mutant", work)
        while kept.wants(what, times):
            began = time.monotonic()
            report = benchmark(Wanted(
                named=(mutant,), against=base, operations=("decapsulate",), seconds=seconds,
                rules=tuple(map(parse_rule, texts)), instructions=bool(valgrind()),
            ))  # fmt: skip
            seen = {rule.text: rule.verdict for rule in report.rules}
            kept.add(what, rules=seen, ms=round(1e3 * (time.monotonic() - began)))
            say(f"  {what}: {'; '.join(f'{rule.verdict}, {rule.why}' for rule in report.rules)}")
    runs, rows = kept.of(what), []
    for text in texts:
        right = sum(run["rules"].get(text) == expected for run in runs)
        part = f"{2 if work > 20 else 3}. {work / 20 - 1:.0%} planted, '{text}'"
        rows.append(verdict(part, len(runs), times, f"{expected} {right} times", good=right == len(runs)))
    return rows


def verdict(part: str, runs: int, times: int, seen: str, *, good: bool) -> dict[str, Any]:
    """Return a row of the verdict; what is not complete is not shown yet, and what failed once is not shown at all."""
    shown = "not shown" if not good else "shown" if runs >= times else "to be gone on with"
    return {"part": part, "runs": f"{runs} of {times}", "seen": seen, "verdict": shown}


def say(what: str) -> None:
    """Tell on standard error what was seen, at once."""
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


def main() -> int:
    """Return 0 where everything was shown."""
    parser = argparse.ArgumentParser(description="Show what `pqvalidate bench` can tell on a busy machine.")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--load", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10.0, help="begin no further run after so many (0: no limit)")
    parser.add_argument("--keep", type=Path, help="keep runs in this file, and go on with those that it holds")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    given = parser.parse_args()
    asked = {"proof": "bench", "seconds": given.seconds, "load": given.load, "instructions": bool(valgrind())}
    kept = Kept(given.keep, asked, given.minutes)
    with busy(given.load):
        rows = [
            repeats(kept, given.times, given.seconds),
            *planted(kept, given.times, given.seconds, 21, "broken"),
            *planted(kept, given.times, given.seconds, 20, "kept"),
        ]
    if not valgrind():
        say("tool-missing: valgrind; the rule about instructions was not tried")
    told(rows, form=given.format, more={**asked, "machine": platform.platform(), "processors": os.cpu_count()})
    verdicts = {row["verdict"] for row in rows}
    return 1 if "not shown" in verdicts else 0 if verdicts == {"shown"} else UNDECIDED


if __name__ == "__main__":
    sys.exit(main())
