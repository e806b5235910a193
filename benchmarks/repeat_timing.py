"""Run the timing checks again and again on a sound build and count the reported leaks; there must be none.

``python benchmarks/repeat_timing.py MANIFEST [--runs 20] [--depth standard] [--only CHECK]``: the manifest claims
timing for the sets to ask. Every run has a seed of its own, so its keys, inputs and order are new. The sound build of
this project's own tests is made when no manifest is given (it needs gcc). One line per run goes to standard error, the
count to standard output; the exit code is 1 if any leak was reported.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pqvalidate.adapters.attach import attach
from pqvalidate.planner import Selection, make_plan
from pqvalidate.scheduler import window
from pqvalidate.suites import checks_on_claim
from tests.timing.libraries import library


def one_run(manifest: str, number: int, depth: str, only: tuple[str, ...]) -> Counter[str]:
    """Return how often each outcome was seen in one run, as ``CHECK CASE OUTCOME``."""
    seed = hashlib.sha256(f"repeat timing {number}".encode()).hexdigest()[:32]
    found = Counter[str]()
    with attach(manifest) as iut:
        planned = make_plan(iut.subject, Selection(depth=depth, seed=seed, only=only))  # type: ignore[arg-type]
        for task in planned.tasks:
            for record in window(iut, task, task.cases, 3):
                found[f"{task.check.name} {record.case} {record.outcome}"] += 1
                if record.outcome != "pass":
                    sys.stderr.write(f"  {task.check.name} {record.case} {record.outcome}: {record.why}\n")
    return found


def main() -> int:
    """Repeat, count, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("manifest", nargs="?", default="")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--depth", choices=("standard", "full"), default="standard")
    parser.add_argument("--only", action="append", default=[], help="a check; all timing checks without it")
    given = parser.parse_args()
    only = tuple(given.only) or tuple(check.name for check in checks_on_claim() if check.severity != "advisory")
    total = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="pqvalidate-repeat-") as folder:
        manifest = given.manifest or str(library(Path(folder), "SOUND"))
        for number in range(given.runs):
            before = time.monotonic()
            total += one_run(manifest, number, given.depth, only)
            sys.stderr.write(f"run {number + 1} of {given.runs}: {time.monotonic() - before:.0f} s\n")
    leaks = sum(count for what, count in total.items() if what.endswith(" fail"))
    for what, count in sorted(total.items()):
        sys.stdout.write(f"{count:>4} {what}\n")
    asked = sum(total.values())
    sys.stdout.write(f"{leaks} leaks reported in {given.runs} runs, {asked} comparisons of a sound build\n")
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main())
