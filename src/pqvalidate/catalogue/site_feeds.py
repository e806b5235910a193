"""The catalogue for programs: index of the search, JSON, CSV, calendar of expiry, and the events of the Atom feed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pqvalidate.catalogue.site_view import FACETS, Item
from pqvalidate.report.messages import Messages
from pqvalidate.report.words import printable

SCHEMA = "pqvalidate/catalogue-entries/1"
MOST_EVENTS = 200
"""How many events a feed carries; the complete history is in the JSON download and on the pages."""

COLUMNS = (
    "id", "vendor", "product", "version", "form", "parameter_sets", "tests", "status", "state", "issued_at",
    "not_before", "not_after", "validator", "validator_role", "policies", "subjects", "facts_digest",
    "certificate_path", "certificate_sha256",
)  # fmt: skip
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection), in full width as well.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def entry(item: Item) -> dict[str, Any]:
    """Return what the downloads say of a certificate; the certificate itself is the file that is named."""
    body = item.body
    return {
        "id": item.entry.id,
        "vendor": body.product.vendor,
        "product": body.product.name,
        "version": body.product.version,
        "form": body.product.form,
        "parameter_sets": list(item.sets),
        "tests": body.results.outcome,
        "status": item.entry.status,
        "state": item.state,
        "untrusted": item.entry.untrusted,
        "issued_at": body.validity.issued_at,
        "not_before": body.validity.not_before,
        "not_after": body.validity.not_after,
        "validator": body.validator.name,
        "validator_role": body.validator.role,
        "policies": [
            {"policy": row.policy.id, "version": row.policy.version, "status": row.policy.status,
             "sha256": row.policy.sha256, "decision": row.decision, "as_of": row.as_of,
             "service_life_until": row.service_life_until, "uses": list(row.uses)}
            for row in item.entry.verdicts
        ],
        "claims": [{"claim": row.id, "status": row.status, "by": row.by} for row in body.claims],
        "subjects": [{"name": row.name, "sha256": row.digest.sha256} for row in item.entry.statement.subject],
        "facts_digest": f"sha256:{body.results.deterministic_digest.sha256}",
        "certificate_path": item.entry.certificate_path,
        "certificate_sha256": item.entry.certificate_sha256,
        "verdict_paths": list(item.entry.verdict_paths),
        "history": [
            {"status": row.status, "since": row.since, "reason": row.reason, "superseded_by": row.superseded_by}
            for row in item.entry.history
        ],
    }  # fmt: skip


def as_json(items: Sequence[Item], title: str, as_of: str) -> str:
    """Return all entries as one JSON document."""
    rows = [entry(item) for item in items]
    return json.dumps({"schema": SCHEMA, "title": title, "as_of": as_of, "entries": rows}, indent=1) + "\n"


def as_csv(items: Sequence[Item]) -> str:
    """Return all entries as CSV (RFC 4180), one row each; no cell begins as a formula of a spreadsheet does."""
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for item in items:
        row = entry(item)
        row["parameter_sets"] = " ".join(row["parameter_sets"])
        row["policies"] = "; ".join(f"{item.profile(one)}: {one.decision}" for one in item.entry.verdicts)
        row["subjects"] = "; ".join(f"{one['sha256']} {one['name']}" for one in row["subjects"])
        writer.writerow([_cell(str(row[name])) for name in COLUMNS])
    return stream.getvalue()


def _cell(text: str) -> str:
    """Return the text on one line, with an apostrophe before what a spreadsheet would compute."""
    shown = printable(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else shown


def index_script(items: Sequence[Item]) -> str:
    """Return the index of the search as a script, for a page that was opened as a file can load nothing else."""
    rows = [{"t": item.searched, "f": [item.facets[facet] for facet in FACETS]} for item in items]
    text = json.dumps({"facets": FACETS, "rows": rows}, separators=(",", ":"))
    return f'"use strict";\nwindow.PQV_INDEX = {text};\n'


def calendar(items: Sequence[Item], say: Messages, as_of: str) -> str:
    """Return the ends of validity as an iCalendar (RFC 5545); what does not hold any more has no date to keep."""
    stamp = _compact(as_of)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//pqvalidate//catalogue//EN", "CALSCALE:GREGORIAN"]
    for item in items:
        if item.state in {"withdrawn", "superseded", "not-trusted"}:
            continue
        product = item.body.product
        summary = say("Certificate expires: {product}", product=item.title)
        lines += [
            "BEGIN:VEVENT",
            f"UID:{item.entry.certificate_sha256}@pqvalidate.invalid",
            f"DTSTAMP:{stamp}",
            f"DTSTART:{_compact(item.body.validity.not_after)}",
            f"SUMMARY:{_escaped(summary)}",
            f"DESCRIPTION:{_escaped(f'{product.vendor}, {item.entry.id}')}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    return "".join(f"{part}\r\n" for line in (*lines, "END:VCALENDAR") for part in _folded(line))


def _compact(moment: str) -> str:
    return moment.replace("-", "").replace(":", "")


def _escaped(text: str) -> str:
    """Escape a TEXT value (RFC 5545 section 3.3.11)."""
    return printable(text).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def _folded(line: str) -> list[str]:
    """Break a line after at most 75 octets, never inside a character (RFC 5545 section 3.1)."""
    parts, part, size = [], "", 0
    for character in line:
        octets = len(character.encode("utf-8", "replace"))
        if size + octets > 74:  # one octet is left for the blank that marks a continuation
            parts.append(part)
            part, size = " ", 1
        part, size = part + character, size + octets
    return [*parts, part]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a certificate at a time (UTC): it was issued, or got a status with a reason."""

    item: Item
    number: int
    since: str
    status: str
    reason: str


def events(items: Sequence[Item]) -> list[Event]:
    """Return the newest events, newest first: each issue, and each change of a status."""
    found = [
        Event(item=item, number=0, since=item.body.validity.issued_at, status="issued", reason="") for item in items
    ]
    found += [
        Event(item=item, number=number, since=row.since, status=row.status, reason=row.reason)
        for item in items
        for number, row in enumerate(item.entry.history, start=1)
    ]
    return sorted(found, key=lambda event: (event.since, event.number, event.item.entry.id), reverse=True)[:MOST_EVENTS]
