"""What the tests of the command share: three bundles, a key, certificates; each is made once by the command itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import SEED, succeeded

MADE_ONCE = {"openssl": 0, "mlkem": 0, "pqcrypto": 1}


class Bench:
    """A folder with what the command has made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "key" / "signing-key.json"
        self.trust = folder / "key" / "trust.json"
        succeeded("keygen", "--out", folder / "key")

    def bundle(self, vendor: str) -> Path:
        """Return the bundle of a quick run."""
        path = self.folder / vendor
        if not path.exists():
            succeeded("run", vendor, "--depth", "quick", "--seed", SEED, "--out", path, code=MADE_ONCE[vendor])
        return path

    def certificate(self, vendor: str) -> Path:
        """Return a certificate of that bundle."""
        path = self.folder / f"{vendor}.cert.json"
        if not path.exists():
            succeeded("certify", self.bundle(vendor), "--key", self.key, "--out", path)
        return path


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))
