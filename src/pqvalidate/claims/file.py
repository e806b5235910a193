"""The claims file: what somebody states about a product, the evidence by digest, and how a tool is to check it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from pqvalidate.algorithms import nearest
from pqvalidate.certificate.predicate import Name, Sha256, plain, texts
from pqvalidate.claims.registry import REGISTRY, VALUE_KINDS, ClaimRow, ValueKind
from pqvalidate.documents import Record, parse_toml, to_record
from pqvalidate.errors import InputError
from pqvalidate.manifest import SCHEMA as MANIFEST_SCHEMA
from pqvalidate.manifest import read_manifest

SCHEMA = "pqvalidate/claims/1"
WHAT = "a claims file (TOML, schema pqvalidate/claims/1)"
_REMEDY = "See docs/reference/claims for the claims and their fields"
Day: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Value: TypeAlias = bool | int | str | tuple[str, ...]
_COUNTRY, _HEX = re.compile(r"[A-Z]{2}"), re.compile(r"[0-9a-f]{64}")


class EvidenceFile(Record):
    """A file or folder that a claim rests on, by SHA-256; ``uri`` says where the public finds it."""

    file: Name
    sha256: Sha256
    uri: str = ""


class ArtefactDigests(Record, tag="artefact-digests", tag_field="kind"):
    """Every tested file is among the digests that are claimed; takes them from the value."""


class SourceTree(Record, tag="source-tree", tag_field="kind"):
    """A folder of source code, of the digest that is published, with its licence inside."""

    tree: Name
    sha256: Sha256
    licence: Name


class CycloneDx(Record, tag="cyclonedx", tag_field="kind"):
    """A CycloneDX document in JSON, version 1.6 or 1.7, whose SHA-256 is the value."""

    document: Name


class Rebuild(Record, tag="rebuild", tag_field="kind"):
    """The files that are shipped and those that were built again: two files, or two folders."""

    shipped: Name
    rebuilt: Name


class BuilderKey(Record):
    """The public key (PEM) of a builder, its identity in provenance, and the highest SLSA level that it is trusted."""

    file: Name
    builder: Name
    up_to_level: Annotated[int, Meta(ge=1, le=3)]


class Provenance(Record, tag="provenance", tag_field="kind"):
    """A SLSA provenance in a DSSE envelope; ``artefacts`` are files to cover beside the tested ones."""

    envelope: Name
    keys: Annotated[tuple[BuilderKey, ...], Meta(min_length=1, max_length=16)]
    artefacts: tuple[Name, ...] = ()


class UpdateSignature(Record):
    """A detached signature over the update file (raw, or DER for ECDSA), the public key (PEM) and the algorithm."""

    algorithm: Name
    signature: Name
    key: Name
    context: str = ""


class Update(Record, tag="update-signature", tag_field="kind"):
    """An update file with its signatures."""

    file: Name
    signatures: Annotated[tuple[UpdateSignature, ...], Meta(min_length=1, max_length=16)]


class OfTheRun(Record, tag="run", tag_field="kind"):
    """What the run has seen decides."""


Check: TypeAlias = ArtefactDigests | SourceTree | CycloneDx | Rebuild | Provenance | Update | OfTheRun
CHECKS: dict[str, type[Check]] = {
    "artefact-digests": ArtefactDigests, "source-tree": SourceTree, "cyclonedx": CycloneDx, "rebuild": Rebuild,
    "provenance": Provenance, "update-signature": Update, "run": OfTheRun,
}  # fmt: skip
"""Kinds of checks by the name that a claims file gives them."""


class StatedClaim(Record):
    """One claim as its file states it; what is left out of ``by`` and ``as_of`` is that of the whole file."""

    claim: Name
    value: Value
    by: str = ""
    as_of: Day | None = None
    expires: Day | None = None
    evidence: Annotated[tuple[EvidenceFile, ...], Meta(max_length=64)] = ()
    check: Check | None = None


class StatedCertificate(Record):
    """A certificate of another scheme: who looked it up and when, and what binds it to the tested files."""

    scheme: Name
    id: Name
    status: Literal["active", "historical", "suspended", "withdrawn", "expired"]
    checked_at: Day
    binding: Literal["same-digest", "same-version-declared", "family"]
    artefact_sha256: Sha256 | None = None
    assurance: Literal["", "substantial", "high"] = ""
    expires: Day | None = None
    by: str = ""


class ClaimsFile(Record):
    """Everything that one party states about one product; ``by`` is that party, an organisation."""

    schema: Literal["pqvalidate/claims/1"]
    by: Name
    as_of: Day
    claims: Annotated[tuple[StatedClaim, ...], Meta(max_length=1000)] = ()
    external_certificates: Annotated[tuple[StatedCertificate, ...], Meta(max_length=1000)] = ()


Problem: TypeAlias = tuple[str, str, str]


def claims_path(path: Path) -> Path:
    """Return the claims file itself, or the one that a manifest names under ``claims.file``.

    Raises:
        InputError: the file is malformed, or a manifest that names none.

    """
    table = parse_toml(path, WHAT)
    if table.get("schema") != MANIFEST_SCHEMA:
        return path
    named = read_manifest(path).claims.file
    if not named:
        raise InputError(path, "claims.file", "is missing, so the manifest names no claims file", f"Name {WHAT}")
    return path.parent / named


def read_claims(path: Path, today: str) -> ClaimsFile:
    """Read and check a claims file; ``today`` is YYYY-MM-DD.

    Raises:
        InputError: it is malformed, names an unknown claim, a value of another kind, a check that does not belong to
            the claim, a day that does not exist or lies ahead, or holds what cannot be seen on a screen.

    """
    found = to_record(_days_as_texts(parse_toml(path, WHAT)), ClaimsFile, path, _REMEDY)
    for place, problem, remedy in _problems(found, today):
        raise InputError(path, place, problem, remedy)
    return found


def _days_as_texts(table: dict[str, Any]) -> dict[str, Any]:
    """Return the table with days that TOML has its own type for as texts."""

    def plain_value(value: Any) -> Any:  # noqa: ANN401  (any TOML value)
        match value:
            case dict():
                return {key: plain_value(inner) for key, inner in value.items()}
            case list():
                return [plain_value(inner) for inner in value]
            case date():
                return value.isoformat()
            case _:
                return value

    return {key: plain_value(value) for key, value in table.items()}


def _problems(found: ClaimsFile, today: str) -> Iterator[Problem]:
    for text in texts(msgspec.to_builtins(found)):
        if plain(text) != text:
            problem = "holds characters that cannot be seen, or is not in Unicode normal form C"
            yield f"the text {text[:40]!r}", problem, "Write it plainly"
    yield from _past("as_of", found.as_of, today)
    seen: set[str] = set()
    for index, row in enumerate(found.claims):
        place = f"claims[{index}]"
        known = REGISTRY.get(row.claim)
        if known is None:
            near = nearest(row.claim, list(REGISTRY))
            yield f"{place}.claim", f"unknown claim {row.claim!r}{near}", "Name a claim of the registry"
            continue
        if row.claim in seen:
            yield f"{place}.claim", f"{row.claim} is stated twice", "State each claim once"
        seen.add(row.claim)
        yield from _of_claim(place, row, known, today)
    for index, external in enumerate(found.external_certificates):
        yield from _of_certificate(f"external_certificates[{index}]", external, today)


def _of_claim(place: str, row: StatedClaim, known: ClaimRow, today: str) -> Iterator[Problem]:
    if not _fits(row.value, known):
        yield f"{place}.value", f"{known.id} has another kind of value", f"Give {VALUE_KINDS[known.value]}"
    if row.as_of is not None:
        yield from _past(f"{place}.as_of", row.as_of, today)
    if row.expires is not None:
        yield from _day(f"{place}.expires", row.expires)
    kind = next((name for name, one in CHECKS.items() if isinstance(row.check, one)), "")
    if kind != known.check and kind:
        wanted = f"Its check is {known.check}" if known.check else "Leave the check out: no tool can validate it"
        yield f"{place}.check.kind", f"{kind} does not validate {known.id}", wanted


def _of_certificate(place: str, row: StatedCertificate, today: str) -> Iterator[Problem]:
    yield from _past(f"{place}.checked_at", row.checked_at, today)
    if row.expires is not None:
        yield from _day(f"{place}.expires", row.expires)
    if (row.binding == "same-digest") != (row.artefact_sha256 is not None):
        problem = "artefact_sha256 and the binding same-digest go together"
        yield f"{place}.artefact_sha256", problem, "Give the SHA-256 of a tested file, or name another binding"


def _fits(value: Value, row: ClaimRow) -> bool:
    match value:
        case bool():
            return row.value == "yes-or-no"
        case int():
            return row.value == "level" and 0 <= value <= 3
        case str():
            fits = _ONE.get(row.value)
            return fits is not None and fits(value)
        case _:
            wanted = _MANY.get(row.value)
            return wanted is not None and (bool(value) or row.value == "texts") and all(map(wanted, value))


def _written(text: str) -> bool:
    return bool(text.strip())


def is_day(text: str) -> bool:
    """Return whether a text is a day of the calendar, YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _day(place: str, day: str) -> Iterator[Problem]:
    if not is_day(day):
        yield place, f"{day} is no day of the calendar", "Write YYYY-MM-DD"


def _past(place: str, day: str, today: str) -> Iterator[Problem]:
    yield from _day(place, day)
    if day > today:
        yield place, f"{day} has not come yet", "Give the day on which it was so"


_ONE: dict[ValueKind, Callable[[str], bool]] = {
    "text": _written, "digest": lambda text: bool(_HEX.fullmatch(text)), "day": is_day,
    "source": lambda text: text in {"open", "escrow", "inspection", "none"},
}  # fmt: skip
_MANY: dict[ValueKind, Callable[[str], bool]] = {
    "texts": _written, "countries": lambda text: bool(_COUNTRY.fullmatch(text)),
    "digests": lambda text: bool(_HEX.fullmatch(text)),
}  # fmt: skip
