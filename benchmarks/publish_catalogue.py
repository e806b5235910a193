"""Time a catalogue of many certificates: ``python benchmarks/publish_catalogue.py [NUMBER]`` (1,000 unless given).

The certificates are one stored validation under other identifiers and product names, signed by a key made for it. Each
step is a process of its own, as a user starts it; what is printed is its time and the most memory that it took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pqvalidate.bundle import read_evidence
from pqvalidate.certificate import build_statement, keygen, load_signing_key
from pqvalidate.certificate.envelope import seal
from pqvalidate.certificate.predicate import format_time
from pqvalidate.documents import canonical

BUNDLE = Path(__file__).parents[1] / "tests" / "policy" / "bundles" / "openssl"


def make(place: Path, number: int) -> list[Path]:
    """Write certificates that differ in identifier and product."""
    now = datetime.now(UTC).replace(microsecond=0)
    keys = keygen(place / "lab", now=now - timedelta(hours=1), name="a lab")
    key = load_signing_key(keys.signing_key)
    tree = build_statement(
        read_evidence(BUNDLE), key.validator, issued_at=format_time(now), valid_days=365, cert_id="X", materials=[]
    )
    made = []
    for index in range(number):
        tree["predicate"]["certificate"]["id"] = f"PQV-{now.year}-{index:06d}"
        tree["predicate"]["product"]["name"] = f"Product {index}"
        path = place / f"{index:06d}.json"
        path.write_bytes(seal(canonical(tree), key))
        made.append(path)
    return made


def tell(row: dict[str, object]) -> None:
    """Print a line of JSON."""
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def timed(what: str, *words: str | Path) -> None:
    """Run the command line once and print its time and its most memory."""
    begin = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "pqvalidate", *map(str, words)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - begin
    cpu = round(usage.ru_utime + usage.ru_stime, 3)
    row: dict[str, object] = {"step": what, "seconds": round(took, 3), "cpu_seconds": cpu,
           "peak_mb": usage.ru_maxrss // 1024, "exit": os.waitstatus_to_exitcode(status)}  # fmt: skip
    tell(row)


def main() -> None:
    """Publish, publish one more, and verify one, each as a user does."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        paths = make(place, number + 1)
        tell({"certificates": number, "bytes_each": paths[0].stat().st_size})
        trust = place / "lab" / "trust.json"
        key = keygen(place / "owner", now=datetime.now(UTC), name="a catalogue", purpose="catalogue").signing_key
        ours = ("--catalogue", place / "catalogue", "--key", key, "--trust", trust)
        catalogue = ("--catalogue", place / "catalogue", "--root", place / "catalogue" / "metadata" / "1.root.json")
        timed("publish all", "publish", *paths[:-1], *ours)
        timed("publish one more", "publish", paths[-1], *ours)
        for _ in range(5):
            timed("verify without catalogue", "verify", paths[0], "--trust", trust)
            timed("verify with catalogue", "verify", paths[0], "--trust", trust, *catalogue)


if __name__ == "__main__":
    main()
