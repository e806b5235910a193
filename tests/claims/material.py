"""Real material for claims: bills of materials, trees, signed updates and provenance, made anew for each test."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.crypto import (
    AlgorithmProperties,
    CryptoAssetType,
    CryptoPrimitive,
    CryptoProperties,
)
from cyclonedx.output.json import JsonV1Dot6, JsonV1Dot7

from pqvalidate.claims.assessing import AssessedClaim, ClaimsReport, assess
from pqvalidate.claims.found import Tested, of_evidence
from tests.unit.evidence_factory import PRODUCT, make_evidence

IN_TOTO = "application/vnd.in-toto+json"
TODAY = "2026-11-25"
HEAD = f'schema = "pqvalidate/claims/1"\nby = "Example BV"\nas_of = {TODAY}\n'


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def the_run() -> Tested:
    """Return what the run of the test product has seen: ML-KEM-768, in one file."""
    return of_evidence(make_evidence())


def claim(name: str, value: str, more: str = "") -> str:
    return f'\n[[claims]]\nclaim = "{name}"\nvalue = {value}\n{more}'


def report(folder: Path, text: str, seen: Tested | None = None) -> ClaimsReport:
    path = folder / "claims.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return assess(path, TODAY, seen)


def one(folder: Path, name: str, value: str, more: str = "", seen: Tested | None = None) -> AssessedClaim:
    """Return how one claim came out."""
    found = report(folder, claim(name, value, more), seen)
    return next(row for row in found.claims if row.claim == name)


def algorithm(name: str, oid: str | None = None, identifier: str | None = None) -> Component:
    properties = AlgorithmProperties(primitive=CryptoPrimitive.KEM, parameter_set_identifier=identifier)
    return Component(
        name=name, type=ComponentType.CRYPTOGRAPHIC_ASSET, bom_ref=f"crypto/{name}/{identifier}",
        crypto_properties=CryptoProperties(
            asset_type=CryptoAssetType.ALGORITHM, algorithm_properties=properties, oid=oid
        ),
    )  # fmt: skip


def bill(path: Path, *components: Component, version: str = "1.6") -> str:
    """Write a bill of materials by cyclonedx-python-lib; return its SHA-256."""
    product = Component(name="X-Crypto", version="1.2.3", type=ComponentType.LIBRARY, bom_ref="product")
    bom = Bom(components=components)
    bom.metadata.component = product
    bom.register_dependency(product, components)
    made = {"1.6": JsonV1Dot6, "1.7": JsonV1Dot7}[version](bom).output_as_string(indent=1)
    path.write_text(made, encoding="utf-8")
    return sha256(path.read_bytes())


def write_key(path: Path, key: Any) -> None:
    path.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def slsa(builder: str, *digests: str, kind: str = "https://slsa.dev/provenance/v1") -> dict[str, Any]:
    """Return a SLSA provenance about files."""
    if kind.endswith("v1"):
        predicate: dict[str, Any] = {"buildDefinition": {"buildType": "urn:x"},
                                     "runDetails": {"builder": {"id": builder}}}  # fmt: skip
    else:
        predicate = {"builder": {"id": builder}, "buildType": "urn:x"}
    return {
        "_type": "https://in-toto.io/Statement/v1", "predicateType": kind, "predicate": predicate,
        "subject": [{"name": f"file-{number}", "digest": {"sha256": row}} for number, row in enumerate(digests)],
    }  # fmt: skip


def envelope(path: Path, statement: Any, signers: Sequence[Any], payload_type: str = IN_TOTO) -> None:
    """Sign a statement in a DSSE envelope; each signer maps the encoded message to a signature."""
    body = json.dumps(statement).encode()
    message = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(body), body)
    lines = [{"sig": base64.b64encode(sign(message)).decode()} for sign in signers]
    document = {"payload": base64.b64encode(body).decode(), "payloadType": payload_type, "signatures": lines}
    path.write_text(json.dumps(document), encoding="utf-8")


PRODUCT_SHA256 = sha256(PRODUCT)
