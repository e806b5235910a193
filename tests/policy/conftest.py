"""A key, its trust file, and a certificate with verdicts, made once by the command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.cli.command import succeeded
from tests.unit.evidence_factory import GOOD_CONTROLS, PRODUCT, make_evidence, step, write_bundle
from tests.unit.evidence_factory import QUESTIONS as BASE_QUESTIONS
from tests.unit.evidence_factory import STEPS as BASE_STEPS

STEPS = (*BASE_STEPS, step("ml-kem/version", suite="naming"), step("ml-kem/ek-modulus"), step("ml-kem/dk-length"))


class Lab:
    """A folder with a bundle, a lab's key, its certificate and its signed verdicts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        evidence = make_evidence(steps=STEPS, questions=BASE_QUESTIONS, controls=GOOD_CONTROLS)
        # Tested just now, for evidence that grows too old is not trusted.
        now = datetime.now(UTC).isoformat(timespec="seconds")
        where = replace(evidence.circumstances, started=now, finished=now)
        self.bundle = write_bundle(folder / "bundle", replace(evidence, circumstances=where))
        self.product = folder / "x_crypto.so"
        self.product.write_bytes(PRODUCT)
        succeeded("keygen", "--out", folder / "keys", "--name", "A lab", "--role", "lab")
        self.key, self.trust = folder / "keys" / "signing-key.json", folder / "keys" / "trust.json"
        self.certificate = folder / "cert.json"
        self.printed = succeeded(
            "certify", self.bundle, "--key", self.key, "--policy", "nl-gov-baseline", "--policy", "cnsa-2.0",
            "--service-life-until", "2099-01-01", "--out", self.certificate,
        ).stdout  # fmt: skip
        self.verdict = folder / "cert.nl-gov-baseline.verdict.json"
        self.rules = folder / "cert.nl-gov-baseline.rules.json"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("lab"))
