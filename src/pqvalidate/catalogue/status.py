"""The status list: append-only, each line bound to all lines before it by the SHA-256 of its predecessor.

The list is a signed target of the catalogue, so nobody else can write it. The chain binds its owner, too: who has seen
the list once and kept the hash of its last line notices when a line has gone or was changed since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pqvalidate.catalogue.entries import Status, StatusChange
from pqvalidate.certificate.predicate import Sha256, parse_time
from pqvalidate.documents import Record, parse_json, to_json, to_record
from pqvalidate.errors import InputError, UsageError

EMPTY_HEAD = "0" * 64
"""What the first line names as its predecessor."""

_WHAT = "a status list as `pqvalidate publish` writes it (schema pqvalidate/status-list/1)"
_REMEDY = "Ask the owner of the catalogue for a whole copy"
# A withdrawal is for good: a product that holds after all gets a new certificate.
_MAY_FOLLOW: dict[Status | None, tuple[Status, ...]] = {
    None: ("valid",),
    "valid": ("suspended", "withdrawn", "superseded"),
    "suspended": ("valid", "withdrawn", "superseded"),
    "superseded": ("withdrawn",),
    "withdrawn": (),
}


class StatusLine(Record):
    """One change, its number from 0, and the SHA-256 of the line before it in canonical form (RFC 8785)."""

    number: Annotated[int, Meta(ge=0)]
    previous: Sha256
    change: StatusChange


class StatusList(Record):
    """All changes of status that a catalogue has ever made, oldest first."""

    schema: Literal["pqvalidate/status-list/1"]
    lines: tuple[StatusLine, ...]

    @property
    def head(self) -> str:
        """Return the SHA-256 of the last line, in hex, which stands for the whole list."""
        return digest(self.lines[-1]) if self.lines else EMPTY_HEAD


NO_LINES = StatusList(schema="pqvalidate/status-list/1", lines=())


def digest(line: StatusLine) -> str:
    """Return the SHA-256 of a line's RFC 8785 bytes, in hex."""
    # A line holds texts and small whole numbers under ASCII names: sorted JSON of msgspec is its RFC 8785 form.
    return hashlib.sha256(msgspec.json.encode(line, order="sorted")).hexdigest()


def parse(data: bytes, file: object) -> StatusList:
    """Read a status list and check its chain and that each change may follow the one before it.

    Raises:
        InputError: it is malformed, a line was removed, changed or put in, or a change is impossible.

    """
    found = to_record(parse_json(data, file, _WHAT), StatusList, file, _REMEDY)
    previous, last, at = EMPTY_HEAD, dict[str, Status](), ""
    for number, line in enumerate(found.lines):
        place = f"lines[{number}]"
        if line.number != number or line.previous != previous:
            raise InputError(file, place, "the chain is broken: a line was removed, changed or put in", _REMEDY)
        problem = _impossible(line.change, last, at)
        if problem:
            raise InputError(file, place, problem, _REMEDY)
        previous, at = digest(line), line.change.since
        last[line.change.certificate] = line.change.status
    return found


def _impossible(change: StatusChange, last: dict[str, Status], at: str) -> str:
    """Return why a change cannot stand here, or an empty text."""
    try:
        parse_time(change.since)
    except ValueError:
        return f"{change.since} is no time"
    if change.since < at:
        return f"{change.since} is before the time of the line above it"
    before = last.get(change.certificate)
    if change.status not in _MAY_FOLLOW[before]:
        return f"{change.certificate} is {before or 'not listed'} and cannot become {change.status}"
    successor = change.superseded_by
    if (change.status == "superseded") != bool(successor):
        return "a successor goes with the status superseded, and with no other"
    if successor and (successor == change.certificate or last.get(successor) != "valid"):
        return f"the successor {successor} is not a valid other certificate"
    return ""


def append(old: StatusList, changes: Iterable[StatusChange]) -> StatusList:
    """Return the list with changes behind it.

    Raises:
        UsageError: a change cannot follow what is listed, e.g. a withdrawn certificate is to be valid again.

    """
    lines, previous = list(old.lines), old.head
    last = {line.change.certificate: line.change.status for line in lines}
    at = lines[-1].change.since if lines else ""
    for change in changes:
        problem = _impossible(change, last, at)
        if problem:
            raise UsageError(f"the status cannot be changed: {problem}")
        lines.append(StatusLine(number=len(lines), previous=previous, change=change))
        previous, at = digest(lines[-1]), change.since
        last[change.certificate] = change.status
    return StatusList(schema=old.schema, lines=tuple(lines))


def histories(listed: StatusList) -> dict[str, tuple[StatusChange, ...]]:
    """Return the changes of each certificate, oldest first."""
    found: dict[str, list[StatusChange]] = {}
    for line in listed.lines:
        found.setdefault(line.change.certificate, []).append(line.change)
    return {name: tuple(changes) for name, changes in found.items()}


def encode(listed: StatusList) -> bytes:
    """Return the file, a line of text for each field, so that two versions compare well."""
    return to_json(listed)
