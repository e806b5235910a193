"""What a tool can validate, with real material: sound evidence validates, unsound evidence is shown as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cyclonedx.model.component import Component, ComponentType

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.claims import cyclonedx
from pqvalidate.claims.assessing import AssessedClaim
from pqvalidate.digests import directory_digests
from pqvalidate.errors import InputError, UsageError
from pqvalidate.report.cbom import render
from pqvalidate.verdict import judge
from tests.claims.material import (
    PRODUCT_SHA256,
    algorithm,
    bill,
    envelope,
    one,
    sha256,
    slsa,
    the_run,
    write_key,
)
from tests.golden.samples import SAMPLES
from tests.unit.evidence_factory import PRODUCT, make_evidence

BILL = 'check = { kind = "cyclonedx", document = "bom.json" }\n'
OPENSSL = Component(name="openssl", version="4.0.3", type=ComponentType.LIBRARY, bom_ref="openssl")
OID = PARAMETER_SETS["ML-KEM-768"].oid


def cbom(folder: Path, *components: Component, version: str = "1.6") -> AssessedClaim:
    digest = bill(folder / "bom.json", *components, version=version)
    return one(folder, "supply.cbom", f'"{digest}"', BILL, the_run())


@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_a_bill_of_materials_that_keeps_its_schema_is_validated(tmp_path: Path, version: str) -> None:
    digest = bill(tmp_path / "bom.json", OPENSSL, version=version)
    row = one(tmp_path, "supply.sbom", f'"{digest}"', BILL, the_run())
    assert (row.status, row.check) == ("validated", "shown")
    named = "names the tested product X-Crypto 1.2.3"
    assert row.method == f"keeps the schema of CycloneDX {version}; {named}; lists 1 component"
    assert [seen.sha256 for seen in row.evidence] == [digest]


def test_a_bill_of_materials_that_breaks_its_schema_is_shown_as_failed(tmp_path: Path) -> None:
    bill(tmp_path / "bom.json", OPENSSL)
    document = json.loads((tmp_path / "bom.json").read_text("utf-8"))
    document["components"][0]["type"] = "wonder"
    (tmp_path / "bom.json").write_text(json.dumps(document), encoding="utf-8")
    row = one(tmp_path, "supply.sbom", f'"{sha256((tmp_path / "bom.json").read_bytes())}"', BILL)
    assert (row.status, row.check) == ("declared", "contradicted")
    assert "breaks the schema of CycloneDX 1.6: $.components[0].type" in row.reason


def test_a_bill_of_materials_without_components_shows_nothing(tmp_path: Path) -> None:
    digest = bill(tmp_path / "bom.json")
    assert "lists no component" in one(tmp_path, "supply.sbom", f'"{digest}"', BILL).reason


@pytest.mark.parametrize(
    ("content", "says"),
    {
        "another document": (b"{}", "not the one that is claimed"),
        "no JSON": (b"<bom/>", "is not JSON"),
        "another version": (b'{"bomFormat": "CycloneDX", "specVersion": "1.4"}', "not 1.6 or 1.7"),
        "a key twice": (b'{"bomFormat": "CycloneDX", "bomFormat": "CycloneDX"}', "occurs twice"),
    }.values(),
)  # fmt: skip
def test_a_document_that_is_no_bill_of_materials_is_an_error(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "bom.json").write_bytes(content)
    digest = sha256(b"meant" if "claimed" in says else content)
    with pytest.raises(InputError, match=says):
        one(tmp_path, "supply.sbom", f'"{digest}"', BILL)


@pytest.mark.parametrize(
    "component",
    [algorithm("ML-KEM-768"), algorithm("kem", OID), algorithm("ML-KEM", identifier="768"), algorithm("mlkem768")],
    ids=["by name", "by OID", "by identifier", "in another spelling"],
)
def test_a_cbom_agrees_with_a_run_however_it_names_the_set(tmp_path: Path, component: Component) -> None:
    row = cbom(tmp_path, component)
    assert row.status == "validated"
    assert row.method.endswith("lists all that the run has seen: ML-KEM-768")


def test_a_cbom_that_leaves_out_what_the_run_has_seen_is_contradicted(tmp_path: Path) -> None:
    row = cbom(tmp_path, algorithm("ML-KEM-1024"))
    assert (row.status, row.check) == ("declared", "contradicted")
    assert "seen in the run and not listed: ML-KEM-768; listed and not seen in the run: ML-KEM-1024" in row.reason


def test_a_cbom_that_lists_more_agrees_and_the_rest_is_named(tmp_path: Path) -> None:
    row = cbom(tmp_path, algorithm("ML-KEM-768"), algorithm("ML-DSA-65"), algorithm("AES-256-GCM"))
    assert row.status == "validated"
    assert row.method.endswith("listed and not seen in the run: ML-DSA-65")


def test_a_cbom_that_does_not_name_the_set_accuses_nobody(tmp_path: Path) -> None:
    row = cbom(tmp_path, algorithm("ML-KEM"))
    assert (row.status, row.check) == ("declared", "not-shown")
    assert "listed without parameter set, or under another name: ML-KEM-768" in row.reason


def test_a_cbom_without_a_run_is_not_validated(tmp_path: Path) -> None:
    digest = bill(tmp_path / "bom.json", algorithm("ML-KEM-768"))
    assert one(tmp_path, "supply.cbom", f'"{digest}"', BILL).check == "not-shown"


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_cbom_of_ours_keeps_the_published_schema(sample: str) -> None:
    evidence = SAMPLES[sample]().evidence
    assert cyclonedx.schema_fault(render(evidence, judge(evidence)), "1.6") == ""


def test_the_cbom_of_ours_agrees_with_its_run(tmp_path: Path) -> None:
    evidence = make_evidence()
    (tmp_path / "bom.json").write_text(render(evidence, judge(evidence)), encoding="utf-8")
    digest = sha256((tmp_path / "bom.json").read_bytes())
    assert one(tmp_path, "supply.cbom", f'"{digest}"', BILL, the_run()).status == "validated"


def test_a_missing_extra_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cyclonedx.validation.json", None)
    with pytest.raises(UsageError, match=r"pip install 'pqvalidate\[cbom\]'"):
        cyclonedx.schema_fault("{}", "1.6")


REBUILD = 'check = { kind = "rebuild", shipped = "shipped", rebuilt = "rebuilt" }\n'


def trees(folder: Path, **rebuilt: bytes) -> None:
    for name, more in (("shipped", {}), ("rebuilt", rebuilt)):
        (folder / name / "lib").mkdir(parents=True)
        for file, content in {"lib/x_crypto.so": PRODUCT, "NOTICE": b"notice", **more}.items():
            if content:
                (folder / name / file).write_bytes(content)


def test_a_rebuild_that_gives_the_same_bytes_is_validated(tmp_path: Path) -> None:
    trees(tmp_path)
    row = one(tmp_path, "supply.reproducibleBuild", "true", REBUILD, the_run())
    assert (row.status, row.method) == ("validated", "2 files equal byte for byte, the tested files among them")


def test_a_rebuild_with_other_bytes_names_the_first_differences(tmp_path: Path) -> None:
    trees(tmp_path, NOTICE=b"another", new=b"x")
    row = one(tmp_path, "supply.reproducibleBuild", "true", REBUILD, the_run())
    assert (row.status, row.check) == ("declared", "contradicted")
    assert row.reason.endswith("NOTICE has other bytes; new was rebuilt and is not shipped")


def test_a_rebuild_of_files_that_were_not_tested_shows_nothing_about_the_product(tmp_path: Path) -> None:
    trees(tmp_path)
    other = replace(the_run(), artefacts=make_evidence().facts.subject.artefacts)
    other = replace(other, artefacts=tuple(_with_digest(row, "0" * 64) for row in other.artefacts))
    row = one(tmp_path, "supply.reproducibleBuild", "true", REBUILD, other)
    assert (row.status, row.check) == ("declared", "not-shown")
    assert "not among the shipped files: the tested x_crypto.so" in row.reason


def _with_digest(row: Any, digest: str) -> Any:
    from msgspec.structs import replace as changed

    return changed(row, sha256=digest)


def test_a_link_is_not_the_file_that_it_points_to(tmp_path: Path) -> None:
    trees(tmp_path)
    (tmp_path / "rebuilt" / "NOTICE").unlink()
    (tmp_path / "rebuilt" / "NOTICE").symlink_to(tmp_path / "shipped" / "NOTICE")
    assert one(tmp_path, "supply.reproducibleBuild", "true", REBUILD).check == "contradicted"


def test_the_shipped_tree_is_no_rebuild_of_itself(tmp_path: Path) -> None:
    trees(tmp_path)
    same = REBUILD.replace('"rebuilt" }', '"./shipped" }')
    with pytest.raises(InputError, match="is what is shipped itself"):
        one(tmp_path, "supply.reproducibleBuild", "true", same)


def test_a_vendor_who_says_that_a_build_is_not_reproducible_is_believed_when_it_is_so(tmp_path: Path) -> None:
    trees(tmp_path, NOTICE=b"another")
    assert one(tmp_path, "supply.reproducibleBuild", "false", REBUILD, the_run()).status == "validated"


def test_published_digests_hold_for_every_tested_file(tmp_path: Path) -> None:
    check = 'check = { kind = "artefact-digests" }\n'
    good = one(tmp_path, "supply.artefactDigests", f'["{PRODUCT_SHA256}"]', check, the_run())
    assert good.status == "validated"
    bad = one(tmp_path, "supply.artefactDigests", f'["{"0" * 64}"]', check, the_run())
    assert "tested, and not among the published digests: x_crypto.so" in bad.reason
    assert one(tmp_path, "supply.artefactDigests", f'["{PRODUCT_SHA256}"]', check).check == "not-shown"


def test_open_source_is_a_tree_of_the_published_digest_with_its_licence(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "x.c").write_text("int x;", encoding="utf-8")
    (tmp_path / "source" / "LICENSE").write_text("EUPL", encoding="utf-8")
    digest = directory_digests(tmp_path / "source")[0]
    check = f'check = {{ kind = "source-tree", tree = "source", sha256 = "{digest}", licence = "LICENSE" }}\n'
    assert one(tmp_path, "supply.sourceAvailability", '"open"', check).status == "validated"
    assert one(tmp_path, "supply.sourceAvailability", '"escrow"', check).check == "not-shown"
    none = check.replace('"LICENSE"', '"../claims.toml"')
    assert one(tmp_path, "supply.sourceAvailability", '"open"', none).check == "contradicted"
    (tmp_path / "source" / "x.c").write_text("int y;", encoding="utf-8")
    with pytest.raises(InputError, match="not the one that is stated"):
        one(tmp_path, "supply.sourceAvailability", '"open"', check)


def ecdsa_signer(key: ec.EllipticCurvePrivateKey, digest: Any) -> Any:
    return lambda message: key.sign(message, ec.ECDSA(digest))


EC256, EC384, ED = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1()), (
    ed25519.Ed25519PrivateKey.generate()
)  # fmt: skip
ML65, ML87, RSA = mldsa.MLDSA65PrivateKey.generate(), mldsa.MLDSA87PrivateKey.generate(), (
    rsa.generate_private_key(65537, 2048)
)  # fmt: skip
SIGNERS: dict[str, tuple[Any, Any]] = {
    "ML-DSA-65": (ML65, ML65.sign),
    "ML-DSA-87": (ML87, ML87.sign),
    "Ed25519": (ED, ED.sign),
    "ECDSA-P256-SHA256": (EC256, ecdsa_signer(EC256, hashes.SHA256())),
    "ECDSA-P384-SHA384": (EC384, ecdsa_signer(EC384, hashes.SHA384())),
    "RSA-PKCS1-SHA256": (RSA, lambda message: RSA.sign(message, padding.PKCS1v15(), hashes.SHA256())),
    "RSA-PSS-SHA256": (
        RSA, lambda message: RSA.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
    ),
}  # fmt: skip
UPDATE = b"the bytes of an update"


def signed_update(folder: Path, *algorithms: str, message: bytes = UPDATE) -> str:
    (folder / "update.bin").write_bytes(UPDATE)
    rows = []
    for name in algorithms:
        key, sign = SIGNERS[name]
        write_key(folder / f"{name}.pem", key)
        (folder / f"{name}.sig").write_bytes(sign(message))
        rows.append(f'{{ algorithm = "{name}", signature = "{name}.sig", key = "{name}.pem" }}')
    return f'check = {{ kind = "update-signature", file = "update.bin", signatures = [{", ".join(rows)}] }}\n'


@pytest.mark.parametrize("name", SIGNERS)
def test_an_update_is_validated_by_a_good_signature_of_each_algorithm(tmp_path: Path, name: str) -> None:
    row = one(tmp_path, "update.signingAlgorithms", f'["{name}"]', signed_update(tmp_path, name))
    nature = "quantum-safe" if name.startswith("ML-DSA") else "not quantum-safe"
    assert (row.status, row.method) == ("validated", f"update.bin is signed by {name}, which is {nature}")
    assert [seen.name for seen in row.evidence] == ["update.bin", f"{name}.sig", f"{name}.pem (SPKI)"]


@pytest.mark.parametrize("name", SIGNERS)
def test_a_signature_over_other_bytes_is_shown_as_not_good(tmp_path: Path, name: str) -> None:
    check = signed_update(tmp_path, name, message=UPDATE + b".")
    row = one(tmp_path, "update.signingAlgorithms", f'["{name}"]', check)
    assert (row.status, row.check) == ("declared", "contradicted")
    assert f"{name}.sig by {name} over update.bin is not good" in row.reason


@pytest.mark.parametrize(
    ("algorithms", "claimed", "status"),
    [
        (("ML-DSA-65",), "true", "validated"),
        (("ECDSA-P384-SHA384", "ML-DSA-87"), "true", "validated"),
        (("ECDSA-P384-SHA384",), "true", "declared"),
        (("ECDSA-P384-SHA384",), "false", "validated"),
        (("ML-DSA-65",), "false", "declared"),
    ],
)
def test_whether_updates_are_quantum_safe_follows_from_the_good_signatures(
    tmp_path: Path, algorithms: tuple[str, ...], claimed: str, status: str
) -> None:
    row = one(tmp_path, "update.quantumSafeDefault", claimed, signed_update(tmp_path, *algorithms))
    assert (row.status, row.check == "contradicted") == (status, status == "declared")


def test_an_algorithm_without_a_signature_is_not_shown_and_one_more_is_contradicted(tmp_path: Path) -> None:
    check = signed_update(tmp_path, "Ed25519")
    more = one(tmp_path, "update.signingAlgorithms", '["Ed25519", "ML-DSA-87"]', check)
    assert (more.check, "no signature was given by ML-DSA-87" in more.reason) == ("not-shown", True)
    other = one(tmp_path, "update.signingAlgorithms", "[]", check)
    assert (other.check, "Ed25519 is not among what is claimed" in other.reason) == ("contradicted", True)


def test_a_name_does_not_make_a_signature_quantum_safe(tmp_path: Path) -> None:
    check = signed_update(tmp_path, "Ed25519").replace('algorithm = "Ed25519"', 'algorithm = "ML-DSA-65"')
    assert one(tmp_path, "update.quantumSafeDefault", "true", check).check == "contradicted"
    unknown = check.replace('"ML-DSA-65"', '"ML-DSA-66"')
    with pytest.raises(InputError, match=r"unknown algorithm 'ML-DSA-66'.*ML-DSA-65"):
        one(tmp_path, "update.quantumSafeDefault", "true", unknown)
    (tmp_path / "Ed25519.pem").write_text("no key", encoding="utf-8")
    with pytest.raises(InputError, match="is no public key in PEM"):
        one(tmp_path, "update.quantumSafeDefault", "true", signed_key_kept(check))


def signed_key_kept(check: str) -> str:
    return check.replace('algorithm = "ML-DSA-65"', 'algorithm = "Ed25519"')


BUILDER = "https://builder.example/v1"


def provenance(folder: Path, statement: Any, value: str = "2", name: str = "ML-DSA-65", **named: Any) -> AssessedClaim:
    key, sign = SIGNERS[name]
    write_key(folder / "builder.pem", key)
    envelope(folder / "provenance.json", statement, named.pop("signers", [sign]), **named)
    check = (
        'check = { kind = "provenance", envelope = "provenance.json", '
        f'keys = [{{ file = "builder.pem", builder = "{BUILDER}", up_to_level = 2 }}] }}\n'
    )
    return one(folder, "supply.provenance", value, check, the_run())


@pytest.mark.parametrize("kind", ["https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"])
@pytest.mark.parametrize("name", ["ML-DSA-65", "ECDSA-P256-SHA256", "Ed25519", "RSA-PKCS1-SHA256"])
def test_provenance_of_a_trusted_builder_over_the_tested_files_is_validated(
    tmp_path: Path, name: str, kind: str
) -> None:
    row = provenance(tmp_path, slsa(BUILDER, "0" * 64, PRODUCT_SHA256, kind=kind), name=name)
    assert row.status == "validated"
    assert row.method == f"a good signature of {BUILDER}, trusted here up to level 2, covers 1 files"


@pytest.mark.parametrize(
    ("changes", "outcome", "says"),
    {
        "another file": ({"statement": slsa(BUILDER, "0" * 64)}, "contradicted", "do not cover x_crypto.so"),
        "another builder": (
            {"statement": slsa("https://evil.example", PRODUCT_SHA256)}, "contradicted", "names https://evil.example",
        ),
        "another key": ({"signers": [SIGNERS["ML-DSA-87"][1]]}, "contradicted", "no good signature"),
        "no signature": ({"signers": []}, "contradicted", "no good signature"),
        "another predicate": (
            {"statement": slsa(BUILDER, PRODUCT_SHA256) | {"predicateType": "urn:x"}}, "contradicted", "no SLSA",
        ),
        "a level above what the builder is trusted for": ({"value": "3"}, "not-shown", "3 is claimed"),
    }.values(),
)  # fmt: skip
def test_provenance_that_does_not_fit_is_shown_as_it_is(
    tmp_path: Path, changes: dict[str, Any], outcome: str, says: str
) -> None:
    row = provenance(tmp_path, **{"statement": slsa(BUILDER, PRODUCT_SHA256), **changes})
    assert (row.status, row.check) == ("declared", outcome)
    assert says in row.reason


def test_an_envelope_of_another_type_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="payloadType"):
        provenance(tmp_path, slsa(BUILDER, PRODUCT_SHA256), payload_type="text/plain")


def test_parameter_sets_to_choose_among_are_those_that_passed_in_the_run(tmp_path: Path) -> None:
    sets, check = '["ML-KEM-768", "ML-KEM-1024"]', 'check = { kind = "run" }\n'
    assert one(tmp_path, "agility.selectableParameterSets", sets, check, the_run()).check == "not-shown"
    both = replace(the_run(), passed=("ML-KEM-768", "ML-KEM-1024"))
    assert one(tmp_path, "agility.selectableParameterSets", sets, check, both).status == "validated"
