"""What was found in a product as a CycloneDX 1.6 CBOM: its algorithms, what it offers of each, and what the tests said.

Only what the run has seen is listed: the parameter sets that it asked for operations, with the operations that answered
to the roll-call. Nothing is taken from what the vendor says. An entry is no praise: a set that failed is listed, too,
with its verdict. Source: CycloneDX 1.6, ECMA-424, ``cryptoProperties``.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.bundle import read_evidence
from pqvalidate.documents import to_json, write_atomically
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Artefact, Evidence
from pqvalidate.report.words import printable, short_name
from pqvalidate.verdict import Verdict, judge

_FORMS = {
    "software-library": "library", "module": "library", "hsm": "device", "service": "application",
    "protocol-endpoint": "application",
}  # fmt: skip
# The words of cryptoFunctions, by how the names of our operations begin.
_FUNCTIONS = {
    "keygen": "keygen", "encapsulate": "encapsulate", "decapsulate": "decapsulate", "sign": "sign", "verify": "verify",
}  # fmt: skip
_PLATFORMS = {"x86_64": "x86_64", "amd64": "x86_64", "s390x": "s390x", "ppc64le": "ppc64le"}
_PRODUCT = "product"


def export(folder: Path, policy: str, out: Path | None) -> str:
    """Write the CBOM of a bundle to a new file and return a line that says so; without a file, return the CBOM.

    Raises:
        InputError: the folder is no bundle.
        UsageError: the file exists or cannot be written, or there is no such policy.

    """
    evidence = read_evidence(folder)
    made = render(evidence, judge(evidence, policy))
    if out is None:
        return made
    if out.exists():
        raise UsageError(f"{out} exists and is never overwritten; choose another --out")
    write_atomically(out, made.encode())
    return f"CBOM written to {out}\n"


def render(evidence: Evidence, verdict: Verdict) -> str:
    """Return the CBOM as JSON; the same bundle gives the same bytes."""
    subject = evidence.facts.subject
    found = [name for name in subject.operations if subject.operations[name] and name in PARAMETER_SETS]
    files = [_file(number, row) for number, row in enumerate(subject.artefacts, 1)]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": _serial(evidence.facts_digest),
        "version": 1,
        "metadata": _metadata(evidence, verdict),
        "components": [*(_algorithm(evidence, verdict, name) for name in found), *files],
        "dependencies": [
            {"ref": _PRODUCT, "dependsOn": [row["bom-ref"] for row in files], "provides": [_ref(n) for n in found]}
        ],
    }
    return to_json(document).decode("utf-8")


def _serial(facts_digest: str) -> str:
    """Return a version 4 UUID made of the digest of the facts, so that a bundle has one number for ever (RFC 9562)."""
    return uuid.UUID(bytes=hashlib.sha256(facts_digest.encode()).digest()[:16], version=4).urn


def _metadata(evidence: Evidence, verdict: Verdict) -> dict[str, Any]:
    subject = evidence.facts.subject
    name, _, version = evidence.facts.tool.partition(" ")
    return {
        "timestamp": evidence.circumstances.finished,
        "lifecycles": [{"phase": "discovery"}],
        "tools": {"components": [{"type": "application", "name": name, "version": version}]},
        "component": {
            "type": _FORMS.get(subject.form, "library"), "bom-ref": _PRODUCT, "name": _shown(subject.name),
            "version": _shown(subject.version), "supplier": {"name": _shown(subject.vendor)},
        },
        "properties": _properties(
            ("decision", verdict.decision), ("policy", verdict.policy), ("facts-digest", evidence.facts_digest),
            ("status", evidence.status), ("depth", evidence.facts.plan.depth),
        ),
    }  # fmt: skip


def _algorithm(evidence: Evidence, verdict: Verdict, name: str) -> dict[str, Any]:
    row, subject = PARAMETER_SETS[name], evidence.facts.subject
    operations = subject.operations[name]
    properties: dict[str, Any] = {
        "assetType": "algorithm",
        "algorithmProperties": {
            "primitive": row.kind,
            "parameterSetIdentifier": short_name(name),
            "executionEnvironment": "unknown",
            "implementationPlatform": _platform(evidence.circumstances.platform),
            "cryptoFunctions": _functions(operations),
            "nistQuantumSecurityLevel": row.category,
        },
    }
    if row.oid:
        properties["oid"] = row.oid
    verdicts = {claim.claim.removeprefix("conformance "): claim for claim in verdict.claims}
    claim = verdicts.get(name)
    return {
        "type": "cryptographic-asset", "bom-ref": _ref(name), "name": name,
        "description": f"{row.standard}, {row.version}",
        "cryptoProperties": properties,
        "properties": _properties(
            ("claimed", "true" if name in subject.claims else "false"),
            ("verdict", claim.verdict if claim else "not-claimed"), ("why", claim.why if claim else ""),
            *(("operation", operation) for operation in operations if operation.replace("_", "").isalpha()),
        ),
    }  # fmt: skip


def _functions(operations: Iterable[str]) -> list[str]:
    """Return the words of CycloneDX for the operations offered; checks of keys and loading have none."""
    found = (_FUNCTIONS.get(operation.partition(".")[0].partition("_")[0]) for operation in operations)
    return list(dict.fromkeys(function for function in found if function))


def _platform(recorded: str) -> str:
    return _PLATFORMS.get(recorded.lower().rpartition(" ")[2], "unknown")


def _ref(name: str) -> str:
    return f"crypto/algorithm/{name.lower()}"


def _file(number: int, row: Artefact) -> dict[str, Any]:
    """Return a tested file with its digests; a folder has ours as properties, for no file has that digest."""
    component: dict[str, Any] = {"type": "file", "bom-ref": f"file/{number}", "name": _shown(row.path)}
    if row.kind == "file":
        component["hashes"] = [{"alg": "SHA-256", "content": row.sha256}, {"alg": "SHA-512", "content": row.sha512}]
        return component
    digests = ("tree-sha256", row.sha256), ("tree-sha512", row.sha512)
    return {**component, "properties": _properties(("digest-of", "tree"), *digests)}


def _properties(*rows: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": f"pqvalidate:{name}", "value": _shown(value)} for name, value in rows if value]


def _shown(text: str) -> str:
    return printable(text)
