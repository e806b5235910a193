"""The plugin as a vendor uses it: a pytest of its own, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pqvalidate.report.junit import NOT_RUN
from tests.cli.command import document, environment, succeeded
from tests.house_rules.tree import ROOT

SEED = "5eed"
HEAVY = ("numpy", "hypothesis", "rich", "jinja2", "cryptography", "msgspec")


def run_pytest(folder: Path, *words: str, code: int = 0) -> str:
    """Run pytest with the plugin in a folder; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pqvalidate.pytest_plugin", "-p", "no:cacheprovider", *words],
        cwd=folder, env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", COLUMNS="200"), capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def checked(folder: Path, iut: str, *words: str, code: int = 0) -> str:
    given = ("--pqvalidate", iut, "--pqvalidate-depth", "quick", "--pqvalidate-seed", SEED)
    return run_pytest(folder, *given, *words, code=code)


def test_each_check_is_a_test_and_the_run_is_that_of_the_command(tmp_path: Path) -> None:
    printed = checked(tmp_path, "ml-kem-rs", "--pqvalidate-out", "bundles", "--junitxml", "junit.xml", "-v")
    assert "ml-kem-rs::ML-KEM-768::ml-kem/implicit-rejection-seed PASSED" in printed
    assert "ml-kem-rs::decision PASSED" in printed
    words = ("run", "ml-kem-rs", "--depth", "quick", "--seed", SEED, "--out", tmp_path / "other", "--format", "json")
    report = document(succeeded(*words))
    tests = ET.parse(tmp_path / "junit.xml").getroot().findall(".//testcase")  # we wrote it ourselves
    assert len(tests) == len(report["results"]) + 1
    left_out = [test for test in tests if test.find(NOT_RUN) is not None]
    assert len(left_out) == report["counts"]["not_applicable"]
    properties = {p.get("name"): p.get("value") for p in tests[0].findall("./properties/property")}
    first = report["results"][0]
    assert properties["facts_digest"] == report["facts_digest"]
    assert (properties["seed"], properties["clause"], properties["severity"]) == (
        SEED, first["clause"], first["severity"],
    )  # fmt: skip
    judged = document(succeeded("judge", tmp_path / "bundles" / "ml-kem-rs", "--format", "json"))
    assert judged["facts_digest"] == report["facts_digest"]


def test_a_failed_check_shows_its_finding_and_the_line_that_replays_it(tmp_path: Path) -> None:
    printed = checked(tmp_path, "pqcrypto", "-k", "ML-DSA-44 and prehash-context", code=1)
    assert "pqcrypto::ML-DSA-44::ml-dsa/prehash-context" in printed
    assert "FIPS 204 §5.4.1" in printed
    assert "witness: context/0" in printed
    replay = "replay: pqvalidate run pqcrypto --parameter-set ML-DSA-44 --only ml-dsa/prehash-context --case context/0"
    assert replay in printed
    assert "Traceback" not in printed
    assert "pytest_plugin.py" not in printed


def test_the_decision_fails_where_the_command_would_not_end_with_0(tmp_path: Path) -> None:
    printed = checked(tmp_path, "ml-kem-rs", "-k", "decision or sizes", "--maxfail", "9", code=0)
    assert "passed" in printed
    printed = checked(tmp_path, "pqcrypto", "-k", "ML-DSA-44 and prehash-context or decision", code=1)
    assert "does-not-conform under policy as-claimed" in printed


def test_it_runs_beside_ordinary_tests_and_only_what_was_chosen(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine():\n    pass\n")
    printed = checked(tmp_path, "ml-kem-rs", "-v", "-k", "mine or implicit-rejection")
    assert "test_mine.py::test_mine PASSED" in printed
    assert "ml-kem/implicit-rejection-seed PASSED" in printed
    assert "ml-kem/decaps" not in printed


def test_without_its_option_it_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine():\n    pass\n")
    assert "1 passed" in run_pytest(tmp_path)


def test_a_manifest_of_ones_own_is_found_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "x_adapter.py").write_text("from pqvalidate.vendors.ml_kem_rs import implementation\n")
    (tmp_path / "vendor.toml").write_text(
        'schema = "pqvalidate/manifest/1"\n[product]\nvendor = "Example BV"\nname = "X"\nversion = "1"\n'
        '[attach]\nkind = "python"\ntarget = "x_adapter:implementation"\n[claims]\nconformance = ["ML-KEM-768"]\n'
    )
    printed = checked(tmp_path, "vendor.toml", "-v", "-k", "implicit-rejection")
    assert "vendor.toml::ML-KEM-768::ml-kem/implicit-rejection-seed PASSED" in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pqvalidate", "opensssl"], "nearest: openssl"),
        (["--pqvalidate", "no/such.toml"], "there is no such file"),
        (["--pqvalidate", "openssl", "--pqvalidate-seed", "xyz"], "is not hex"),
    ],
)
def test_what_cannot_be_run_is_an_error_of_use(words: list[str], said: str, tmp_path: Path) -> None:
    printed = run_pytest(tmp_path, *words, code=4)
    assert said in printed
    assert "Traceback" not in printed


def test_a_folder_that_holds_a_bundle_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bundles" / "ml-kem-rs").mkdir(parents=True)
    words = ("--pqvalidate-out", "bundles", "-k", "implicit-rejection")
    assert "exists" in checked(tmp_path, "ml-kem-rs", *words, code=1)


def test_every_pytest_that_it_is_installed_for_stays_light() -> None:
    code = "import sys, pqvalidate.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & set(HEAVY) == set()


def test_an_installation_tells_pytest_about_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module = project["entry-points"]["pytest11"]["pqvalidate"]
    assert callable(import_module(module).pytest_addoption)
    assert str(import_module(module).__file__).startswith(str(ROOT))
