"""Verification stays light: it runs without the measuring half, and without any package that only measuring needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.certificate_bench import Issued, issue

BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in {"hypothesis", "numpy", "oqs"} or name in %(own)r:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Blocked())
"""
MEASURING = {
    f"pqvalidate.{name}"
    for name in ("adapters", "vendors", "vectors", "oracle", "suites", "planner", "runner", "controls", "report", "cli")
}
VERIFY = """
from datetime import UTC, datetime
from pathlib import Path
import pqvalidate.certificate, pqvalidate.verdict, pqvalidate.bundle
evidence = pqvalidate.bundle.read_evidence(Path(sys.argv[1]))
print(pqvalidate.verdict.judge(evidence).decision)
found = pqvalidate.certificate.verify(Path(sys.argv[2]), Path(sys.argv[3]), as_of=datetime(2027, 1, 1, tzinfo=UTC))
print(pqvalidate.certificate.summary(found).decision)
"""


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(tmp_path_factory.mktemp("light") / "a")


def python(code: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    source = Path(__file__).resolve().parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip


def test_judging_and_verifying_work_without_the_measuring_half(issued: Issued) -> None:
    code = BLOCKED % {"own": MEASURING} + VERIFY
    done = python(code, issued.folder / "bundle", issued.certificate, issued.keys.trust)
    assert done.stderr == ""
    assert done.stdout.split() == ["conforms", "valid"]


@pytest.mark.parametrize("name", ["numpy", "hypothesis", "oqs", "pqvalidate.suites"])
def test_the_block_of_the_test_above_does_block(name: str) -> None:
    done = python(BLOCKED % {"own": MEASURING} + f"import {name}")
    assert done.returncode != 0
    assert "blocked" in done.stderr


def test_importing_the_package_loads_no_cryptography() -> None:
    loaded = "[name for name in ('cryptography', 'securesystemslib', 'rfc8785', 'rich') if name in sys.modules]"
    done = python(f"import sys, pqvalidate.certificate; print({loaded})")
    assert done.stdout.strip() == "[]", done.stderr
