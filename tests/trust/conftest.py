"""Fixtures of the tests of trust."""

from __future__ import annotations

from pathlib import Path

import pytest

from pqvalidate.certificate import certify
from tests.trust.holders import MADE, Cast
from tests.unit.evidence_factory import make_cases, make_evidence, write_bundle


@pytest.fixture(scope="session")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return Cast(tmp_path_factory.mktemp("cast"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    evidence = make_evidence()
    return write_bundle(tmp_path_factory.mktemp("bundle") / "bundle", evidence, make_cases(evidence.facts.plan.steps))


@pytest.fixture(scope="session")
def certificate(cast: Cast, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate by the lab."""
    out = tmp_path_factory.mktemp("certificate") / "certificate.json"
    certify(bundle, cast.lab.key, out, now=MADE)
    return out
