"""Run the timing checks again and again on a sound build and count the reported leaks; there must be none.

``python benchmarks/repeat_timing.py MANIFEST [--runs 20] [--depth standard] [--only CHECK]``: the manifest claims
timing for the sets to ask. Every run has a seed of its own, so its keys, inputs and order are new. The sound build of
this project's own tests is made when no manifest is given (it needs gcc). One line per run goes to standard error, the
count to standard output as a table, or as JSON with ``--format json``.

No run begins after ``--minutes`` (20). With ``--keep FILE`` each run is kept when it is made, and the same command goes
on where it was stopped. The exit code is 0 where no leak was reported in all runs, 1 if any was, and 3 where runs are
still to be made.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.kept import UNDECIDED, Kept, told

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
    parser.add_argument("--minutes", type=float, default=20.0, help="begin no further run after so many (0: no limit)")
    parser.add_argument("--keep", type=Path, help="keep runs in this file, and go on with those that it holds")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    given = parser.parse_args()
    only = tuple(given.only) or tuple(check.name for check in checks_on_claim() if check.severity != "advisory")
    asked = {"proof": "timing", "manifest": given.manifest or "the sound build", "depth": given.depth,
             "only": list(only)}  # fmt: skip
    kept = Kept(given.keep, asked, given.minutes)
    with tempfile.TemporaryDirectory(prefix="pqvalidate-repeat-") as folder:
        manifest = given.manifest or str(library(Path(folder), "SOUND"))
        while kept.wants("run", given.runs):
            number, before = len(kept.of("run")), time.monotonic()
            found = one_run(manifest, number, given.depth, only)
            took = time.monotonic() - before
            kept.add("run", outcomes=found, ms=round(took * 1e3))
            sys.stderr.write(f"run {number + 1} of {given.runs}: {took:.0f} s\n")
    return judged(kept, given.runs, given.format)


def judged(kept: Kept, runs: int, form: str) -> int:
    """Print how often each outcome was seen in all runs; return the exit code."""
    made, total = kept.of("run"), Counter[str]()
    for run in made:
        total.update(run["outcomes"])
    rows: list[dict[str, Any]] = []
    for what, count in sorted(total.items()):
        check, case, outcome = what.split()
        rows.append({"check": check, "case": case, "outcome": outcome, "times": count})
    leaks = sum(count for what, count in total.items() if what.endswith(" fail"))
    rows = rows or [{"check": "none", "case": "", "outcome": "", "times": 0}]
    told(rows, form=form, more={**kept.asked, "runs": len(made), "of": runs, "leaks": leaks})
    said = f"{leaks} leaks reported in {len(made)} of {runs} runs, {sum(total.values())} comparisons"
    (sys.stderr if form == "json" else sys.stdout).write(f"{said}\n")
    return 1 if leaks else 0 if len(made) >= runs else UNDECIDED


if __name__ == "__main__":
    sys.exit(main())
