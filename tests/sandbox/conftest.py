"""Which layers this host allows, found out once through the path by which vendor code is started."""

from __future__ import annotations

from pathlib import Path

import pytest

import pqvalidate as pqv
from tests.sandbox.bench import vendor


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    with pqv.attach(vendor(tmp_path_factory.mktemp("layers"))) as iut:
        return frozenset(name.rstrip("0123456789") for name in iut.sandbox)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return vendor(tmp_path / "vendor")
