"""Which implementations are built in, and which of them are here."""

from __future__ import annotations

from typing import Literal

from pqvalidate import vendors as built_in
from pqvalidate.documents import to_json
from pqvalidate.manifest import read_manifest


def vendors(form: Literal["text", "json"]) -> str:
    """Return the built-in implementations with their kind, whether each is available or why not, and its claims."""
    rows = []
    for name in built_in.BUILT_IN:
        manifest = read_manifest(built_in.manifest_path(name))
        here, why = built_in.availability(name)
        rows.append((name, manifest.attach.kind, here, why, list(manifest.claims.conformance)))
    if form == "json":
        keys = ("name", "kind", "available", "detail", "claims")
        listed = [dict(zip(keys, row, strict=True)) for row in rows]
        return to_json({"schema": "pqvalidate/vendors/1", "vendors": listed}).decode()
    return "".join(
        f"{name:<14} {'available' if here else 'not here':<10} {why}\n{'':<14} {kind:<10} {', '.join(claims)}\n"
        for name, kind, here, why, claims in rows
    )
