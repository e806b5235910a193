"""Claims as a certificate carries them, in words: what each is about, its value and status, and why it is no higher.

How a check was made, and why a claim stands no higher, is recorded in English and translated where the words are fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pqvalidate.certificate.predicate import Claim, ExternalCertificate
from pqvalidate.claims.registry import REGISTRY
from pqvalidate.report.messages import Messages
from pqvalidate.report.words import printable

if TYPE_CHECKING:  # rich is for the terminal; HTML does without
    from pqvalidate.report.terminal import Cell, Page

STYLES = {"not-provided": "dim", "declared": "", "evidenced": "cyan", "validated": "green"}
"""The statuses, from the lowest to the highest, with the style of each on a terminal."""


def value_text(value: object, say: Messages) -> str:
    """Return the value of a claim in words; empty where none was given."""
    match value:
        case None:
            return ""
        case bool():
            return say("yes") if value else say("no")
        case tuple():
            return ", ".join(map(str, value)) or say("none")
        case _:
            return str(value)


def title(name: str, say: Messages) -> str:
    """Return what a claim is about, in the language of the page; a claim that is not known keeps its identifier."""
    row = REGISTRY.get(name)
    if row is None:
        return name
    return row.nl if say.language == "nl" else row.en


def remarks(claim: Claim, say: Messages, day: str) -> list[str]:
    """Return what stands below a claim: its method, why it is no higher, and its dates."""
    found = [text for text in (claim.method, claim.reason) if text]
    if claim.as_of:
        found.append(say("as of {moment}", moment=claim.as_of))
    if claim.expires:
        text = "expired on {moment}" if claim.expires < day else "counts until {moment}"
        found.append(say(text, moment=claim.expires))
    return [printable(text) for text in found]


def evidence_lines(claim: Claim, say: Messages) -> list[str]:
    """Return one line for each file, folder and key that was looked at, with its whole digest."""
    return [f"{say('looked at')}: {printable(row.name)}, SHA-256 {row.digest.sha256}" for row in claim.evidence]


def split(claims: Sequence[Claim]) -> tuple[list[Claim], list[Claim]]:
    """Return the claims about which something was handed in, and the others."""
    given = [claim for claim in claims if claim.status != "not-provided"]
    return given, [claim for claim in claims if claim.status == "not-provided"]


def section(
    page: Page, claims: Sequence[Claim], external: Sequence[ExternalCertificate], say: Messages, day: str
) -> None:
    """Write the claims and the certificates of other schemes to a page; nothing where there are none."""
    given, silent = split(claims)
    if claims:
        page.heading(say("Claims"), say("on the word of those who state them, unless validated"))
        rows: list[list[Cell]] = []
        for claim in given:
            said = value_text(claim.value, say)
            text = f"{title(claim.id, say)}: {printable(said)} ({printable(claim.by)})"
            style = "bold red" if claim.check == "contradicted" else STYLES[claim.status]
            rows.append([(say(claim.status), style), text])
            rows += [["", f"- {say.known(remark)}"] for remark in remarks(claim, say, day)]
            rows += [["", f"- {line}"] for line in evidence_lines(claim, say)]
        page.table(["", ""], rows, wrap=(1,), indent=2)
        if silent:
            names = "; ".join(title(claim.id, say) for claim in silent)
            page.paragraph(f"{say('not-provided')}: {names}.", indent=2)
    if external:
        page.heading(say("Certificates of other schemes"), say("as they were looked up; not checked here"))
        for row in external:
            page.paragraph(printable(external_line(row, say)), indent=2)


def external_line(row: ExternalCertificate, say: Messages) -> str:
    """Return one line about a certificate of another scheme."""
    looked_up = say("looked up by {who} on {moment}", who=row.by, moment=row.checked_at)
    return f"{row.scheme} {row.id}: {say(row.status)}; {say(row.binding)}; {looked_up}"
