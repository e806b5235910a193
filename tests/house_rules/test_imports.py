"""House rules on imports, seen at run time in a fresh process; import-linter sees the same from the text."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house_rules.tree import ROOT

JUDGING = (
    "errors", "algorithms", "documents", "digests", "manifest", "questions", "evidence", "bundle", "verdict",
    "certificate", "policy", "claims.assessing",
)  # fmt: skip
MEASURING_ONLY = ("hypothesis", "numpy", "oqs")
HEAVY = ("cryptography", "hypothesis", "jinja2", "numpy", "oqs", "rich", "securesystemslib")
OUR_KNOWLEDGE = (
    "bundle", "certificate", "cli", "controls", "documents", "evidence", "manifest", "oracle", "planner", "questions",
    "report", "runner", "suites", "vectors", "verdict",
)  # fmt: skip

BLOCK = """
import importlib, sys
for blocked in {blocked!r}:
    sys.modules[blocked] = None
importlib.import_module({module!r})
"""
LIST = """
import importlib, sys
importlib.import_module({module!r})
print(*sys.modules)
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})\n"
    return subprocess.run([sys.executable, "-I", "-c", start + code], capture_output=True, text=True, check=False)


def loaded_by(module: str) -> set[str]:
    done = python(LIST.format(module=module))
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", JUDGING)
def test_judging_imports_where_the_measuring_packages_are_absent(module: str) -> None:
    done = python(BLOCK.format(blocked=MEASURING_ONLY, module=f"pqvalidate.{module}"))
    assert done.returncode == 0, done.stderr


def test_a_blocked_package_does_stop_an_import() -> None:
    assert python(BLOCK.format(blocked=("msgspec",), module="msgspec")).returncode != 0


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("pqvalidate") & set(HEAVY) == set()


def test_the_worker_loads_no_expectations_no_evidence_and_no_policy() -> None:
    forbidden = {*HEAVY, *(f"pqvalidate.{module}" for module in OUR_KNOWLEDGE)}
    assert loaded_by("pqvalidate.adapters.worker") & forbidden == set()
