"""What it costs to start: importing the package, printing the help, verifying a certificate; each as a whole process.

The least of several runs counts, for other work on a machine only adds. Wall-clock time on an idle machine is what the
budgets are for; processor time is shown beside it, because a busy machine disturbs it less:

    python benchmarks/start_up.py --runs 20
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUDGETS_MS = {"import pqvalidate": 60, "pqvalidate --help": 80, "pqvalidate verify": 250}
"""Issue 6: verifying one certificate at most 250 ms as a whole process; the others are ours."""


def cost(words: list[str], runs: int) -> tuple[float, float]:
    """Return the least wall-clock time and the least processor time of a command, in milliseconds."""
    walls, processors = [], []
    for _ in range(runs):
        before, began = os.times(), time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=_environment())
        walls.append(time.perf_counter() - began)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        processors.append(used)
    return 1000 * min(walls), 1000 * min(processors)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}


def certificate(folder: Path) -> list[str]:
    """Make keys and a certificate, and return the arguments of `verify` for it."""
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    from benchmarks.mutated_documents import sample_bundle  # noqa: PLC0415  (the path is set above)

    from pqvalidate.certificate import certify, keygen, load_signing_key  # noqa: PLC0415

    keys = keygen(folder / "keys", now=datetime.now(UTC))
    certify(sample_bundle(folder / "bundle"), load_signing_key(keys.signing_key), folder / "c.json",
            now=datetime.now(UTC))  # fmt: skip
    return ["-m", "pqvalidate", "verify", str(folder / "c.json"), "--trust", str(keys.trust)]


def main() -> int:
    """Print the three figures beside their budgets; 1 if one is exceeded in wall-clock time."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=20, metavar="N", help="runs of each (default: 20)")
    runs = asked.parse_args().runs
    over = False
    with tempfile.TemporaryDirectory(prefix="start-up") as place:
        commands = {"import pqvalidate": ["-c", "import pqvalidate"],
                    "pqvalidate --help": ["-m", "pqvalidate", "--help"],
                    "pqvalidate verify": certificate(Path(place))}  # fmt: skip
        bare, bare_processor = cost(["-c", ""], runs)
        sys.stdout.write(f"{'python alone':<20} {bare:>6.0f} ms wall {bare_processor:>6.0f} ms processor\n")
        for name, words in commands.items():
            wall, processor = cost(words, runs)
            budget = BUDGETS_MS[name]
            over = over or wall > budget
            sys.stdout.write(f"{name:<20} {wall:>6.0f} ms wall {processor:>6.0f} ms processor, budget {budget} ms\n")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
