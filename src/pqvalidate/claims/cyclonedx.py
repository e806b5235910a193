"""Bills of materials: does a document keep the schema of CycloneDX, and does a CBOM agree with what the run has seen?

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
from pqvalidate.claims.found import Found, Tested, look_at
from pqvalidate.claims.loose import loose_json
from pqvalidate.documents import read_bytes
from pqvalidate.errors import InputError, UsageError

VERSIONS = ("1.6", "1.7")
_WHAT = "a CycloneDX document in JSON, version 1.6 or 1.7"
_MISSING = "checking a bill of materials needs cyclonedx-python-lib: pip install 'pqvalidate[cbom]'"


def cyclonedx(check: CycloneDx, folder: Path, claim: str, value: object, tested: Tested | None, place: str) -> Found:
    """Check a bill of materials; a CBOM is compared with the parameter sets that the run has seen.

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
    if claim == "supply.cbom":
        outcome, says = _agreement(components, tested)
        return Found(outcome=outcome, says=f"{schema}; {says}", seen=(seen,))
    return Found(outcome="shown", says=f"{schema} and lists {len(components)} components", seen=(seen,))


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


def _agreement(components: list[dict[str, Any]], tested: Tested | None) -> tuple[Any, str]:
    if tested is None:
        return "not-shown", "no run was given to compare its algorithms with"
    if not tested.offered:
        return "not-shown", "the run has seen no parameter set"
    listed, vague = _algorithms(components)
    missing = [name for name in tested.offered if name not in listed]
    unnamed = [name for name in missing if PARAMETER_SETS[name].algorithm in vague]
    extra = [name for name in PARAMETER_SETS if name in listed and name not in tested.offered]
    beside = f"; listed and not seen in the run: {', '.join(extra)}" if extra else ""
    if missing and missing != unnamed:
        gone = [name for name in missing if name not in unnamed]
        return "contradicted", f"seen in the run and not listed: {', '.join(gone)}{beside}"
    if unnamed:
        return "not-shown", f"listed without parameter set: {', '.join(unnamed)}{beside}"
    return "shown", f"lists all that the run has seen: {', '.join(tested.offered)}{beside}"


def _algorithms(components: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Return the parameter sets that are listed, and the algorithms that are listed without one."""
    by_name = {_bare(name): name for name in PARAMETER_SETS}
    by_oid = {row.oid: row.name for row in PARAMETER_SETS.values() if row.oid}
    algorithms = {_bare(row.algorithm): row.algorithm for row in PARAMETER_SETS.values()}
    listed, vague = set(), set()
    for row in components:
        crypto = row.get("cryptoProperties") or {}
        if row.get("type") != "cryptographic-asset" or crypto.get("assetType") != "algorithm":
            continue
        name = _bare(str(row.get("name", "")))
        identifier = _bare(str((crypto.get("algorithmProperties") or {}).get("parameterSetIdentifier", "")))
        found = by_oid.get(str(crypto.get("oid"))) or by_name.get(name) or by_name.get(name + identifier)
        found = found or by_name.get(identifier)
        if found:
            listed.add(found)
        elif name in algorithms:
            vague.add(algorithms[name])
    return listed, vague


def _bare(name: str) -> str:
    """Return a name without what spellings differ in: case, hyphens, and the word CRYSTALS."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("crystals")
