"""The CBOM, field by field as CycloneDX 1.6 (ECMA-424) defines them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.evidence import Artefact, Evidence, facts_digest
from pqvalidate.report.cbom import render
from pqvalidate.verdict import judge
from tests.cli.command import pqvalidate, succeeded
from tests.golden.samples import SAMPLES, refuted
from tests.unit.evidence_factory import make_evidence, write_bundle

TYPES = {"application", "framework", "library", "container", "platform", "operating-system", "device", "firmware",
         "file", "cryptographic-asset"}  # fmt: skip
FUNCTIONS = {"generate", "keygen", "encrypt", "decrypt", "digest", "tag", "keyderive", "sign", "verify", "encapsulate",
             "decapsulate", "other", "unknown"}  # fmt: skip
PLATFORMS = {"generic", "x86_32", "x86_64", "armv7-a", "armv7-m", "armv8-a", "armv8-m", "armv9-a", "armv9-m", "s390x",
             "ppc64", "ppc64le", "other", "unknown"}  # fmt: skip


def document(evidence: Evidence) -> dict[str, Any]:
    found = json.loads(render(evidence, judge(evidence)))
    assert isinstance(found, dict)
    return found


def algorithms(bom: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in bom["components"] if row["type"] == "cryptographic-asset"}


def values(row: dict[str, Any], name: str) -> list[str]:
    return [p["value"] for p in row["properties"] if p["name"] == f"pqvalidate:{name}"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_document_is_one_of_the_standard(sample: str) -> None:
    bom = document(SAMPLES[sample]().evidence)
    fields = "$schema bomFormat specVersion serialNumber version metadata components dependencies"
    assert list(bom) == fields.split()
    assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.6", 1)
    serial = bom["serialNumber"].removeprefix("urn:uuid:")
    assert UUID(serial).version == 4
    metadata = bom["metadata"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["timestamp"])
    assert metadata["component"]["type"] in TYPES
    assert metadata["tools"]["components"][0]["name"] == "pqvalidate"


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_reference_leads_to_one_component(sample: str) -> None:
    bom = document(SAMPLES[sample]().evidence)
    names = [row["bom-ref"] for row in (*bom["components"], bom["metadata"]["component"])]
    assert len(set(names)) == len(names)
    (row,) = bom["dependencies"]
    assert {row["ref"], *row["dependsOn"], *row["provides"]} == set(names)


def test_an_algorithm_has_its_parameters_oid_category_and_functions() -> None:
    evidence = refuted().evidence
    found = algorithms(document(evidence))
    assert set(found) == set(evidence.facts.subject.operations)
    for name, row in found.items():
        known = PARAMETER_SETS[name]
        crypto = row["cryptoProperties"]
        described = crypto["algorithmProperties"]
        assert row["type"] in TYPES
        assert (crypto["assetType"], crypto["oid"]) == ("algorithm", known.oid)
        assert described["primitive"] == known.kind
        assert described["nistQuantumSecurityLevel"] == known.category
        assert described["implementationPlatform"] in PLATFORMS
        assert described["executionEnvironment"] == "unknown"
        assert set(described["cryptoFunctions"]) <= FUNCTIONS
    properties = found["ML-KEM-768"]["cryptoProperties"]["algorithmProperties"]
    assert properties["parameterSetIdentifier"] == "768"
    assert properties["cryptoFunctions"] == ["keygen", "encapsulate", "decapsulate"]
    signing = found["ML-DSA-65"]["cryptoProperties"]["algorithmProperties"]
    assert signing["cryptoFunctions"] == ["keygen", "sign", "verify"]


def test_a_refuted_set_is_listed_as_refuted() -> None:
    row = algorithms(document(refuted().evidence))["ML-DSA-87"]
    assert values(row, "verdict") == ["refuted"]
    assert values(row, "why") == ["failed: ml-dsa/kat-verify, ml-dsa/kat-verify-prehash"]


def test_only_what_was_found_is_listed_whatever_is_claimed() -> None:
    evidence = refuted().evidence
    subject = evidence.facts.subject
    fewer = {name: () if name == "ML-DSA-44" else offered for name, offered in subject.operations.items()}
    facts = replace(evidence.facts, subject=replace(subject, operations=fewer))
    assert "ML-DSA-44" not in algorithms(document(replace(evidence, facts=facts, facts_digest=facts_digest(facts))))


def test_an_offered_set_that_nobody_claims_is_listed_as_not_claimed() -> None:
    evidence = refuted().evidence
    more = {**evidence.facts.subject.operations, "ML-KEM-512": ("keygen", "check_encapsulation_key")}
    facts = replace(evidence.facts, subject=replace(evidence.facts.subject, operations=more))
    row = algorithms(document(replace(evidence, facts=facts, facts_digest=facts_digest(facts))))["ML-KEM-512"]
    assert (values(row, "claimed"), values(row, "verdict")) == (["false"], ["not-claimed"])
    assert row["cryptoProperties"]["algorithmProperties"]["cryptoFunctions"] == ["keygen"]


def test_a_file_has_its_hashes_and_a_folder_has_none_that_a_file_could_have() -> None:
    evidence = refuted().evidence
    file = Artefact(path="x.so", kind="file", sha256="a" * 64, sha512="b" * 128, bytes=7)
    subject = replace(evidence.facts.subject, artefacts=(*evidence.facts.subject.artefacts, file))
    bom = document(replace(evidence, facts=replace(evidence.facts, subject=subject)))
    tree, single = [row for row in bom["components"] if row["type"] == "file"]
    assert "hashes" not in tree
    assert values(tree, "tree-sha256") == [evidence.facts.subject.artefacts[0].sha256]
    assert single["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}, {"alg": "SHA-512", "content": "b" * 128}]


def test_a_bundle_has_one_cbom() -> None:
    evidence = refuted().evidence
    assert render(evidence, judge(evidence)) == render(evidence, judge(evidence))
    serials = {document(SAMPLES[sample]().evidence)["serialNumber"] for sample in SAMPLES}
    assert len(serials) == len(SAMPLES)


def test_the_command_writes_a_file_once_or_standard_output(tmp_path: Path) -> None:
    bundle, out = tmp_path / "bundle", tmp_path / "cbom.json"
    write_bundle(bundle, make_evidence())
    done = succeeded("cbom", bundle, "--out", out)
    assert done.stdout == f"CBOM written to {out}\n"
    assert succeeded("cbom", bundle).stdout == out.read_text(encoding="utf-8")
    again = pqvalidate("cbom", bundle, "--out", out)
    assert (again.returncode, "never overwritten" in again.stderr) == (2, True)
    missing = pqvalidate("cbom", tmp_path / "nothing")
    assert (missing.returncode, "Traceback" in missing.stderr) == (4, False)
