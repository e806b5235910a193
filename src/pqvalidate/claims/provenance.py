"""Signed provenance: a SLSA statement in a DSSE envelope, by a builder that is trusted, about the tested files.

Sources: SLSA 1.0, "Verifying artifacts" (a builder is trusted up to a level that the reader of provenance sets);
in-toto Statement v1 and v0.1; DSSE 1.0.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqvalidate.claims.file import BuilderKey, Provenance
from pqvalidate.claims.found import Found, Seen, Tested, look_at
from pqvalidate.claims.loose import loose_json
from pqvalidate.claims.signatures import algorithm_of, read_key, verifies
from pqvalidate.documents import read_bytes
from pqvalidate.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

STATEMENT_TYPES = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
PREDICATE_TYPES = ("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2")
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_WHAT = "a provenance in a DSSE envelope"
_REMEDY = "Give the envelope as the builder made it"


def provenance(check: Provenance, folder: Path, value: object, tested: Tested | None, place: str) -> Found:
    """Verify a provenance: a good signature by a trusted builder, whose name it carries, over every tested file.

    Raises:
        InputError: a file is missing or malformed.

    """
    path = folder / check.envelope
    seen = [look_at(path, f"{place}.envelope")]
    keys: list[tuple[BuilderKey, PublicKeyTypes]] = []
    for index, row in enumerate(check.keys):
        key, shown = read_key(folder / row.file, f"{place}.keys[{index}].file")
        keys.append((row, key))
        seen.append(shown)
    files = [look_at(folder / name, f"{place}.artefacts[{index}]") for index, name in enumerate(check.artefacts)]
    payload, message, signatures = _opened(path)
    signers = [row for row, key in keys if _signed(key, signatures, message)]
    everything = (*seen, *files)
    if not signers:
        return Found(outcome="contradicted", says="no good signature by a key that was given", seen=everything)
    statement = loose_json(payload, path, _WHAT)  # only bytes whose signature is good are read
    wanted = [*files, *(Seen(name=row.path, sha256=row.sha256) for row in (tested.files if tested else ()))]
    problem = _wrong(statement) or _uncovered(statement, wanted)
    if problem:
        return Found(outcome="contradicted", says=problem, seen=everything)
    return _at_level(statement, signers, value, wanted, tested, everything)


def _at_level(
    statement: dict[str, Any], signers: list[BuilderKey], value: object, wanted: list[Seen], tested: Tested | None,
    seen: tuple[Seen, ...],
) -> Found:  # fmt: skip
    builder = _builder(statement)
    own = [row for row in signers if row.builder == builder]
    if not own:
        says = f"it is signed by {signers[0].builder}, and names {builder or 'no builder'} as the builder"
        return Found(outcome="contradicted", says=says, seen=seen)
    if tested and tested.folders:
        says = f"a folder was tested ({', '.join(tested.folders)}), and provenance names single files"
        return Found(outcome="not-shown", says=says, seen=seen)
    if not wanted:
        return Found(outcome="not-shown", says="no file was given that it should cover", seen=seen)
    level = max(row.up_to_level for row in own)
    claimed = value if isinstance(value, int) else 0
    if claimed > level:
        says = f"its builder {builder} is trusted up to level {level}, and {claimed} is claimed"
        return Found(outcome="not-shown", says=says, seen=seen)
    says = f"a good signature of {builder}, trusted here up to level {level}, covers {len(wanted)} files"
    return Found(outcome="shown", says=says, seen=seen)


def _opened(path: Path) -> tuple[bytes, bytes, list[bytes]]:
    """Return the payload, what was signed, and the signatures."""
    envelope = loose_json(read_bytes(path, _WHAT), path, _WHAT)
    kind, payload, lines = (envelope.get(name) for name in ("payloadType", "payload", "signatures"))
    if kind != _PAYLOAD_TYPE:
        raise InputError(path, "payloadType", f"is {str(kind)[:80]!r}, not {_PAYLOAD_TYPE}", _REMEDY)
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise InputError(path, "signatures", "is no list of signatures", _REMEDY)
    body = _decoded(payload, path, "payload")
    signatures = [_decoded(line.get("sig"), path, f"signatures[{n}].sig") for n, line in enumerate(lines)]
    # DSSE 1.0, pre-authentication encoding.
    message = b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD_TYPE), _PAYLOAD_TYPE.encode(), len(body), body)
    return body, message, signatures


def _decoded(text: object, path: Path, place: str) -> bytes:
    try:
        return base64.b64decode(str(text).replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(path, place, "is not base64", _REMEDY) from None


def _signed(key: PublicKeyTypes, signatures: list[bytes], message: bytes) -> bool:
    algorithm = algorithm_of(key)
    return algorithm is not None and any(verifies(algorithm, key, signature, message) for signature in signatures)


def _wrong(statement: dict[str, Any]) -> str:
    if statement.get("_type") not in STATEMENT_TYPES:
        return f"it is no in-toto statement but {str(statement.get('_type'))[:80]!r}"
    if statement.get("predicateType") not in PREDICATE_TYPES:
        return f"it is no SLSA provenance but {str(statement.get('predicateType'))[:80]!r}"
    return ""


def _uncovered(statement: dict[str, Any], wanted: list[Seen]) -> str:
    subjects = statement.get("subject")
    rows = [row for row in subjects if isinstance(row, dict)] if isinstance(subjects, list) else []
    digests = {str(row["digest"].get("sha256")).lower() for row in rows if isinstance(row.get("digest"), dict)}
    missing = [row.name for row in wanted if row.sha256 not in digests]
    return f"its subjects do not cover {', '.join(missing[:5])}" if missing else ""


def _builder(statement: dict[str, Any]) -> str:
    body = statement.get("predicate")
    for step in ("runDetails", "builder", "id") if statement.get("predicateType") == PREDICATE_TYPES[0] else (
        "builder", "id",
    ):  # fmt: skip
        body = body.get(step) if isinstance(body, dict) else None
    return body if isinstance(body, str) else ""
