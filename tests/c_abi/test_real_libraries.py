"""Real C libraries through the examples' manifests: sound ones get no failed check, and nothing is our error.

The libraries are those of an installed pycryptodome, and liboqs as ``make -C examples/harnesses liboqs`` builds it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from pqvalidate.adapters.attach import attach
from pqvalidate.evidence import Evidence
from pqvalidate.planner import Selection, make_plan
from pqvalidate.runner import run
from pqvalidate.verdict import judge
from tests.examples.attached import HARNESSES, build

EXAMPLES = Path(__file__).parents[2] / "examples" / "c-abi"
SEED = "5a" * 16


def missing(what: str) -> None:
    """Leave the test out for want of something; under PQV_REQUIRE_TOOLCHAINS=1 it fails instead."""
    if os.environ.get("PQV_REQUIRE_TOOLCHAINS") == "1":
        pytest.fail(f"not found: {what} (PQV_REQUIRE_TOOLCHAINS=1 asks for it)", pytrace=False)
    pytest.skip(f"not found: {what}")


def beside(folder: Path, name: str) -> Path:
    """Return the example for a library of pycryptodome, with that library beside it."""
    found = importlib.util.find_spec("Crypto")
    places = list(found.submodule_search_locations or []) if found else []
    library = next((path for place in places for path in Path(place).glob(f"PublicKey/_{name}.abi3.so")), None)
    if library is None:
        missing(f"_{name}.abi3.so of pycryptodome")
        raise AssertionError
    shutil.copy(library, folder)
    return Path(shutil.copy(EXAMPLES / f"pycryptodome-{name}.toml", folder))


def ran(manifest: Path, *sets: str) -> Evidence:
    with attach(manifest) as iut:
        planned = make_plan(iut.subject, Selection(seed=SEED, depth="quick", parameter_sets=sets))
        evidence, _ = run(iut, planned, iut.subject, None)
    assert not [result for result in evidence.facts.results if result.outcome == "error"]
    return evidence


def failed(evidence: Evidence) -> set[str]:
    steps = zip(evidence.facts.plan.steps, evidence.facts.results, strict=True)
    return {step.check for step, result in steps if result.outcome == "fail" and step.severity != "advisory"}


@pytest.mark.parametrize(("name", "parameter_set"), [("mlkem", "ML-KEM-768"), ("mldsa", "ML-DSA-44")])
def test_the_c_code_of_pycryptodome_conforms(tmp_path: Path, name: str, parameter_set: str) -> None:
    evidence = ran(beside(tmp_path, name), parameter_set)
    assert failed(evidence) == set()
    verdict = judge(evidence)
    wanted = [claim for claim in verdict.claims if parameter_set in claim.claim]
    assert [claim.verdict for claim in wanted] == ["confirmed"]
    assert all(control.expected == control.seen for control in evidence.facts.controls)


@pytest.mark.needs("make", "cargo", "cc", "cmake")
def test_liboqs_by_its_direct_symbols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(HARNESSES, "liboqs")
    for folder in ("oqs/lib", "vendor"):
        (tmp_path / folder).mkdir(parents=True)
    library = Path(shutil.copy(HARNESSES / "liboqs" / "build" / "liboqs.so", tmp_path / "oqs" / "lib"))
    monkeypatch.setenv("OQS_INSTALL_PATH", str(tmp_path / "oqs"))
    manifest = Path(shutil.copy(EXAMPLES / "liboqs.toml", tmp_path / "vendor"))
    with attach(manifest) as iut:
        offered = [name for name, operations in iut.operations.items() if "keygen" in operations]
        (artefact,) = iut.subject.artefacts
        assert artefact.path == str(library.resolve())
        assert iut.subject.version == "0.13.0"
    kems = [name for name in ("ML-KEM-768", "Kyber-512", "Dilithium3") if name in offered]
    assert "ML-KEM-768" in kems
    evidence = ran(manifest, *kems)
    assert failed(evidence) == set()
    reasons = {
        (step.check, step.reason) for step in evidence.facts.plan.steps if step.parameter_set == "ML-KEM-768"
    }  # fmt: skip
    assert ("ml-kem/lengths-ek", "interface-has-no-length") in reasons
    assert ("ml-kem/ciphertext-length", "interface-has-no-length") in reasons


def test_without_liboqs_the_kind_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pqvalidate.adapters.artefacts.find_liboqs", lambda _environment: None)
    manifest = Path(shutil.copy(EXAMPLES / "liboqs.toml", tmp_path))
    from pqvalidate.errors import AttachError

    with pytest.raises(AttachError, match="OQS_INSTALL_PATH"):
        attach(manifest)
