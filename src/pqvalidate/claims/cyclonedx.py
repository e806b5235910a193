"""Bills of materials: do they keep the schema of CycloneDX, name the tested product, and agree with the run?

Source: CycloneDX 1.6 (ECMA-424) and 1.7; the schemas are those that cyclonedx-python-lib carries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.claims.file import CycloneDx
from pqvalidate.claims.found import Found, Outcome, Tested, look_at
from pqvalidate.claims.loose import loose_json
from pqvalidate.documents import read_bytes
from pqvalidate.errors import InputError, UsageError

VERSIONS = ("1.6", "1.7")
_WHAT = "a CycloneDX document in JSON, version 1.6 or 1.7"
_MISSING = "checking a bill of materials needs cyclonedx-python-lib: pip install 'pqvalidate[cbom]'"


def cyclonedx(check: CycloneDx, folder: Path, claim: str, value: object, tested: Tested | None, place: str) -> Found:
    """Check a bill of materials, and whether it names the tested product; a CBOM is compared with the run, too.

    Raises:
        InputError: the document is missing, no CycloneDX, or has another digest than the claim.
        UsageError: the library with the schemas is not installed.

    """
    path = folder / check.document
    seen = look_at(path, f"{place}.document")
    if seen.sha256 != value:
        problem = f"has SHA-256 {seen.sha256}, not the one that is claimed"
        raise InputError(path, f"{place}.document", problem, "Give the document that the claim is about")
    document = loose_json(read_bytes(path, _WHAT), path, _WHAT)
    version = document.get("specVersion")
    if document.get("bomFormat") != "CycloneDX" or version not in VERSIONS:
        raise InputError(path, "specVersion", f"is {str(version)[:20]!r}, not 1.6 or 1.7", f"Give {_WHAT}")
    try:
        fault = schema_fault(json.dumps(document), str(version))
    except RecursionError:
        raise InputError(path, "", "is nested too deeply", f"Give {_WHAT}") from None
    if fault:
        return Found(outcome="contradicted", says=f"breaks the schema of CycloneDX {version}: {fault}", seen=(seen,))
    schema = f"keeps the schema of CycloneDX {version}"
    components = list(_components(document))
    if not components:
        return Found(outcome="contradicted", says=f"{schema}, and lists no component", seen=(seen,))
    outcome: Outcome
    outcome, says = "shown", f"lists {len(components)} component{'s' if len(components) > 1 else ''}"
    if claim == "supply.cbom":
        outcome, says = _agreement(components, tested)
    if outcome == "shown":
        named, product = _product(document, components, tested)
        outcome, says = "shown" if named else "not-shown", f"{product}; {says}"
    return Found(outcome=outcome, says=f"{schema}; {says}", seen=(seen,))


def schema_fault(text: str, version: str) -> str:
    """Return where a document breaks the schema of its version, or nothing.

    Raises:
        UsageError: the library with the schemas is not installed.

    """
    try:
        from cyclonedx.exception import MissingOptionalDependencyException  # noqa: PLC0415  (an extra)
        from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
        from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415
    except ImportError:
        raise UsageError(_MISSING) from None
    try:
        found = JsonStrictValidator(SchemaVersion.from_version(version)).validate_str(text)
    except MissingOptionalDependencyException:
        raise UsageError(_MISSING) from None
    if found is None:
        return ""
    where = getattr(found.data, "json_path", "$")
    return f"{where}: {getattr(found.data, 'message', str(found))[:200]}"


def _components(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every component, those inside others too."""
    waiting = list(document.get("components", ()))
    while waiting:
        row = waiting.pop(0)
        if isinstance(row, dict):
            yield row
            waiting += row.get("components", ())


def _product(document: dict[str, Any], components: list[dict[str, Any]], tested: Tested | None) -> tuple[bool, str]:
    """Tell whether a document names the tested product, and in words by what.

    A document that keeps its schema may be about anything. It is about this product if a component has the SHA-256 of
    a tested file, or the name and version of the product. An empty file is in many products, so that it tells none.
    """
    if tested is None:
        return False, "no run was given to compare its product with"
    about = document.get("metadata", {}).get("component")
    rows = [*_components({"components": [about]}), *components]
    files = {row.sha256: row.path for row in tested.files if row.bytes}
    for row in rows:
        for line in row.get("hashes", ()):
            path = files.get(str(line.get("content")).lower()) if line.get("alg") == "SHA-256" else None
            if path is not None:
                return True, f"a component has the SHA-256 of the tested file {path}"
    if any(_is_product(row, tested) for row in rows):
        return True, f"names the tested product {tested.name} {tested.version}"
    says = "no component has the SHA-256 of a tested file"
    if not tested.version:
        return False, f"{says}, and the product has no version to name it by"
    return False, f"{says}, or is named {tested.name} {tested.version}"


def _is_product(row: dict[str, Any], tested: Tested) -> bool:
    """Return whether a component has the product's name, in any case, and its version to the letter.

    A run may record several parts as its version, each with its name: ``cryptography 50.0.2, OpenSSL 4.0.3``. The part
    of the product's own name then is its version, too.
    """
    name, version = str(row.get("name", "")), str(row.get("version", ""))
    if not version or name.casefold() != tested.name.casefold():
        return False
    parts = {part.casefold() for part in tested.version.split(", ")}
    return version == tested.version or f"{name} {version}".casefold() in parts


def _agreement(components: list[dict[str, Any]], tested: Tested | None) -> tuple[Outcome, str]:
    if tested is None:
        return "not-shown", "no run was given to compare its algorithms with"
    if not tested.offered:
        return "not-shown", "the run has seen no parameter set"
    listed, doubtful = _algorithms(components)
    missing = [name for name in tested.offered if name not in listed]
    unnamed = [name for name in missing if name in doubtful]
    extra = [name for name in PARAMETER_SETS if name in listed and name not in tested.offered]
    beside = f"; listed and not seen in the run: {', '.join(extra)}" if extra else ""
    if missing and missing != unnamed:
        gone = [name for name in missing if name not in unnamed]
        return "contradicted", f"seen in the run and not listed: {', '.join(gone)}{beside}"
    if unnamed:
        return "not-shown", f"listed without parameter set, or under another name: {', '.join(unnamed)}{beside}"
    return "shown", f"lists all that the run has seen: {', '.join(tested.offered)}{beside}"


def _algorithms(components: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Return the parameter sets that are listed, and those that may be meant by what is listed.

    An identifier of a parameter set counts beside the name of its algorithm only: ``RSA-2048-ML-KEM`` with ML-KEM-768
    is something else, and so is ML-KEM-512 with 768.
    """
    by_name = {_bare(name): name for name in PARAMETER_SETS}
    by_oid = {row.oid: row.name for row in PARAMETER_SETS.values() if row.oid}
    listed, doubtful = set(), set()
    for row in components:
        crypto = row.get("cryptoProperties") or {}
        if row.get("type") != "cryptographic-asset" or crypto.get("assetType") != "algorithm":
            continue
        name = _bare(str(row.get("name", "")))
        identifier = _bare(str((crypto.get("algorithmProperties") or {}).get("parameterSetIdentifier", "")))
        meant = {set_name for bare, set_name in by_name.items() if _fits(name, identifier, bare, set_name)}
        found = by_oid.get(str(crypto.get("oid"))) or (meant.pop() if len(meant) == 1 else None)
        if found:
            listed.add(found)
        else:
            doubtful |= {row.name for row in PARAMETER_SETS.values() if _bare(row.algorithm) == name}
            doubtful |= {by_name[text] for text in (name, identifier) if text in by_name}
    return listed, doubtful


def _fits(name: str, identifier: str, bare: str, parameter_set: str) -> bool:
    """Return whether a bare name and identifier, together, name this parameter set and say nothing against it."""
    algorithm = _bare(PARAMETER_SETS[parameter_set].algorithm)
    if name == bare:
        return identifier in {"", bare, bare.removeprefix(algorithm)}
    return name == algorithm and identifier in {bare, bare.removeprefix(algorithm)}


def _bare(name: str) -> str:
    """Return a name without what spellings differ in: case, hyphens, and the word CRYSTALS."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("crystals")
