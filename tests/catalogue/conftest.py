"""A catalogue with two certificates, made once and copied for each test."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.catalogue.bench import Bench, make
from tests.unit.certificate_bench import Issued, issue


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = make(tmp_path_factory.mktemp("catalogue"))
    bench.publish(bench.certificate("PQV-1"), bench.certificate("PQV-2"))
    return bench


@pytest.fixture
def bench(original: Bench, tmp_path: Path) -> Bench:
    """Return the bench with a catalogue of its own to change; keys are shared."""
    shutil.copytree(original.folder, tmp_path / "catalogue")
    return replace(original, place=tmp_path)


@pytest.fixture
def empty(original: Bench, tmp_path: Path) -> Bench:
    """Return the bench before anything was published."""
    return replace(original, place=tmp_path)


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """Return a certificate of a validation that failed."""
    from tests.unit.evidence_factory import make_evidence

    check = make_evidence().facts.plan.steps[0].check
    return issue(tmp_path_factory.mktemp("failed") / "lab", outcomes={check: "fail"})
