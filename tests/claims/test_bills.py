"""Bills of materials must be about the tested product, and name parameter sets as the standards do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.claims import found
from pqvalidate.claims.assessing import AssessedClaim
from pqvalidate.evidence import Artefact
from tests.claims.material import PRODUCT_SHA256, algorithm, bill, one, sha256, the_run

BILL = 'check = { kind = "cyclonedx", document = "bom.json" }\n'
EMPTY = sha256(b"")


@pytest.mark.parametrize(
    ("name", "identifier"), [("RSA-2048-ML-KEM", "ML-KEM-768"), ("ML-KEM-768", "512"), ("Kyber", "ML-KEM-768")]
)
def test_an_identifier_counts_beside_the_name_of_its_algorithm_only(tmp_path: Path, name: str, identifier: str) -> None:
    digest = bill(tmp_path / "bom.json", algorithm(name, identifier=identifier))
    row = one(tmp_path, "supply.cbom", f'"{digest}"', BILL, the_run())
    assert (row.status, row.check) == ("declared", "not-shown")
    assert "or under another name: ML-KEM-768" in row.reason


def sbom(
    folder: Path, about: dict[str, Any], *components: dict[str, Any], seen: found.Tested | None = None
) -> AssessedClaim:
    """Return how an SBOM came out that is about a product and lists components; its file is handed in as evidence."""
    document: dict[str, Any] = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [*components]}
    if about:
        document["metadata"] = {"component": {"type": "library", **about}}
    (folder / "bom.json").write_text(json.dumps(document), encoding="utf-8")
    digest = sha256((folder / "bom.json").read_bytes())
    evidence = f'evidence = [{{ file = "bom.json", sha256 = "{digest}" }}]\n'
    return one(folder, "supply.sbom", f'"{digest}"', evidence + BILL, seen)


ELSE = {"type": "library", "name": "totally-unrelated", "version": "9"}


def hashed(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


@pytest.mark.parametrize(
    ("about", "component"),
    {
        "what it is about": ({"name": "x-crypto", "version": "1.2.3"}, ELSE),
        "a component": ({}, {"type": "library", "name": "X-Crypto", "version": "1.2.3"}),
        "one within another": ({}, {**ELSE, "components": [{"type": "file", "name": "X-Crypto", "version": "1.2.3"}]}),
        "a tested file": ({}, {"type": "file", "name": "lib.so", "hashes": hashed(PRODUCT_SHA256)}),
        "the file it is about": ({"name": "lib.so", "hashes": hashed(PRODUCT_SHA256)}, ELSE),
    }.values(),
)
def test_an_sbom_that_names_the_tested_product_is_validated(
    tmp_path: Path, about: dict[str, Any], component: dict[str, Any]
) -> None:
    assert sbom(tmp_path, about, component, seen=the_run()).status == "validated"


@pytest.mark.parametrize(
    ("about", "component"),
    {
        "another product": ({}, ELSE),
        "another version": ({"name": "X-Crypto", "version": "1.2.30"}, ELSE),
        "no version": ({"name": "X-Crypto"}, ELSE),
        "the version of another": ({"name": "totally-unrelated", "version": "1.2.3"}, ELSE),
        "the digest of another file": ({}, {**ELSE, "hashes": hashed("0" * 64)}),
        "the digest under another name": ({}, {**ELSE, "hashes": [{"alg": "SHA3-256", "content": PRODUCT_SHA256}]}),
    }.values(),
)
def test_an_sbom_of_something_else_stays_evidenced(
    tmp_path: Path, about: dict[str, Any], component: dict[str, Any]
) -> None:
    row = sbom(tmp_path, about, component, seen=the_run())
    assert (row.status, row.check) == ("evidenced", "not-shown")
    assert "no component has the SHA-256 of a tested file, or is named X-Crypto 1.2.3" in row.reason


def test_an_sbom_without_a_run_stays_evidenced(tmp_path: Path) -> None:
    row = sbom(tmp_path, {"name": "X-Crypto", "version": "1.2.3"}, ELSE)
    assert (row.status, "no run was given to compare its product with" in row.reason) == ("evidenced", True)


def test_an_empty_tested_file_names_no_product(tmp_path: Path) -> None:
    empty = replace(the_run(), artefacts=(Artefact(path="empty", kind="file", sha256=EMPTY, sha512="", bytes=0),))
    assert sbom(tmp_path, {}, {**ELSE, "hashes": hashed(EMPTY)}, seen=empty).status == "evidenced"


def test_a_version_of_several_parts_is_that_of_the_part_with_the_products_name(tmp_path: Path) -> None:
    several = replace(the_run(), name="cryptography", version="cryptography 50.0.2, OpenSSL 4.0.3")
    for name, version, status in (
        ("cryptography", "50.0.2", "validated"), ("cryptography", several.version, "validated"),
        ("cryptography", "4.0.3", "evidenced"), ("OpenSSL", "4.0.3", "evidenced"), ("cryptography", "50", "evidenced"),
    ):  # fmt: skip
        assert sbom(tmp_path, {"name": name, "version": version}, ELSE, seen=several).status == status


def test_a_cbom_of_another_product_is_not_validated(tmp_path: Path) -> None:
    bill(tmp_path / "bom.json", algorithm("ML-KEM-768"))
    document = (tmp_path / "bom.json").read_text("utf-8").replace("X-Crypto", "Y-Crypto")
    (tmp_path / "bom.json").write_text(document, encoding="utf-8")
    row = one(tmp_path, "supply.cbom", f'"{sha256(document.encode())}"', BILL, the_run())
    assert (row.status, row.check) == ("declared", "not-shown")
