"""A campaign of 640 cases in shards of 64, run by the command in processes of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from pqvalidate.suites import Asking
from pqvalidate.suites.tape import Tape
from tests.cli.command import SEED, environment

VENDOR = Path(__file__).parent / "vendor" / "vendor.toml"
NAME, CHECK, CASES, SHARD = "ML-KEM-768", "ml-kem/campaign", 640, 64
RUN = ("run", str(VENDOR), "--only", CHECK, "--depth", "quick", "--cases", str(CASES), "--seed", SEED)
SMALL = f"""
import pqvalidate.runner, pqvalidate.shards
pqvalidate.shards.SMALLEST = {SHARD}
pqvalidate.runner.run_controls = lambda planned: ()
"""
"""Shards small enough for a test: only the run itself decides where the cuts are. Controls have their own tests."""


def seeds(numbers: Iterable[int]) -> str:
    """Return the seeds of these cases, as the environment names them to the adapter."""
    asking = Asking(parameter_set=NAME, depth="quick", seed=bytes.fromhex(SEED), operations=frozenset())
    return ",".join(Tape(asking, "kem campaign", number).read(64).hex() for number in numbers)


def command(*words: str | Path, planted: str = "") -> list[str]:
    """Return the command for a run; ``planted`` is run in its process before it begins."""
    code = f"import sys\n{SMALL}{planted}\nfrom pqvalidate.cli import main\nsys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", code, *map(str, words)]


def done(
    *words: str | Path, planted: str = "", iut: str | Path = VENDOR, **more: str
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run a campaign to its end."""
    return subprocess.run(
        command(RUN[0], iut, *RUN[2:], *words, planted=planted), env=environment(**more), capture_output=True,
        text=True, check=False, timeout=100, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def started(*words: str | Path, scratch: Path, planted: str = "", **more: str) -> subprocess.Popen[bytes]:
    """Start a campaign in a session of its own."""
    return subprocess.Popen(
        command(*RUN, *words, planted=planted), env=environment(TMPDIR=str(scratch), **more),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def lines(folder: Path) -> int:
    """Return how many shards the journal of a bundle has."""
    path = folder / "shards.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def children(parent: int) -> list[int]:
    """Return the processes that a process has started and that are still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found
