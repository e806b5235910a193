"""Show what ``pqvalidate bench`` can tell on a busy machine: ``prove_bench.py [--times 10] [--seconds 3] [--load 1]``.

Three proofs, each repeated ``--times`` times while ``--load`` other processes keep the machine busy:

1. the ratio of two implementations, timed anew each time, stays within 3 % of the median of all, and a run takes 60 s
   at most;
2. an implementation that does 21 decapsulations where the other does 20, which is 5 % more work, breaks a rule of 1 %,
   by time and by instructions;
3. one that does the same 20 breaks none.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    """Keep so many processors busy meanwhile."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
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


def repeats(times: int, seconds: float) -> bool:
    """Time two implementations beside each other again and again; return whether all ratios are near their median."""
    ratios, took = [], []
    for number in range(times):
        began = time.monotonic()
        report = benchmark(Wanted(
            named=("pycryptodome",), against="openssl", parameter_sets=(SET,), operations=("encapsulate",),
            seconds=seconds,
        ))  # fmt: skip
        took.append(time.monotonic() - began)
        (row,) = report.ratios
        ratios.append(row.ratio_ppm / 1e6)
        interval = f"{row.low_ppm / 1e6:.4f} to {row.high_ppm / 1e6:.4f}"
        say(f"  run {number + 1}: {ratios[-1]:.4f} ({interval}), {took[-1]:.0f} s")
    middle = statistics.median(ratios)
    worst = max(abs(ratio / middle - 1) for ratio in ratios)
    good = worst <= WITHIN and max(took) <= LONGEST_SECONDS
    say(f"1. repeats: worst {worst:.2%} from the median {middle:.4f}, longest run {max(took):.0f} s: {passed(good)}")
    return good


def planted(times: int, seconds: float, work: int, expected: str) -> bool:
    """Compare ``work`` decapsulations with 20 again and again; return whether the rules say what they should."""
    texts = [TIME_RULE, *([COUNT_RULE] if valgrind() else [])]
    right = dict.fromkeys(texts, 0)
    with tempfile.TemporaryDirectory(prefix="pqvalidate-prove-") as name:
        folder = Path(name)
        base, mutant = manifest(folder, "base", 20), manifest(folder, "mutant", work)
        for number in range(times):
            report = benchmark(Wanted(
                named=(mutant,), against=base, operations=("decapsulate",), seconds=seconds,
                rules=tuple(map(parse_rule, texts)), instructions=bool(valgrind()),
            ))  # fmt: skip
            for rule in report.rules:
                right[rule.text] += rule.verdict == expected
            say(f"  run {number + 1}: {'; '.join(f'{rule.verdict}, {rule.why}' for rule in report.rules)}")
    good = all(count == times for count in right.values())
    listed = ", ".join(f"'{text}' {expected} {count} of {times}" for text, count in right.items())
    say(f"{work / 20 - 1:.0%} planted: {listed}: {passed(good)}")
    return good


def passed(good: bool) -> str:  # noqa: FBT001
    """Return a word."""
    return "shown" if good else "NOT SHOWN"


def say(what: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> int:
    """Return 0 where everything was shown."""
    parser = argparse.ArgumentParser(description="Show what `pqvalidate bench` can tell on a busy machine.")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--load", type=int, default=1)
    given = parser.parse_args()
    if not valgrind():
        say("tool-missing: valgrind; the rule about instructions is not tried")
    with busy(given.load):
        shown = [
            repeats(given.times, given.seconds),
            planted(given.times, given.seconds, 21, "broken"),
            planted(given.times, given.seconds, 20, "kept"),
        ]
    return 0 if all(shown) else 1


if __name__ == "__main__":
    sys.exit(main())
