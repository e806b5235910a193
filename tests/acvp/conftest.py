"""Two exchanges that the tests of ACVP files share; each is emitted once, and each device answers once."""

from __future__ import annotations

import pytest

from tests.acvp.exchange import Exchange


@pytest.fixture(scope="session")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    folder = tmp_path_factory.mktemp("exchange")
    return Exchange(folder, "--parameter-set", "ML-KEM-512", "--parameter-set", "ML-DSA-44")


@pytest.fixture(scope="session")
def sent_tr1(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    words = ("--parameter-set", "ML-KEM-768", "--revision", "FIPS203-tr1", "--envelope", "session")
    return Exchange(tmp_path_factory.mktemp("tr1"), *words)
