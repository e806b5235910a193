"""Certificates that say which earlier one they take the place of, and when a catalogue acts on that.

A certificate may end the validity of another only where both are by one validator and about one product: nobody gets a
rival's certificate out of the way by naming it. The catalogue's owner can do more, with ``supersede``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pqvalidate.catalogue.entries import StatusChange
from pqvalidate.catalogue.status import StatusList, append
from pqvalidate.certificate.predicate import Statement
from pqvalidate.documents import Record


class Place(Record):
    """Of a certificate, what decides whose place it takes: so little is kept of each while thousands are published."""

    issued_at: str
    supersedes: str | None
    vendor: str
    product: str
    validator: str


def place_of(statement: Statement) -> Place:
    """Return what a certificate says about its place among others."""
    body = statement.predicate
    return Place(
        issued_at=body.validity.issued_at, supersedes=body.certificate.supersedes, vendor=body.product.vendor,
        product=body.product.name, validator=body.validator.id,
    )  # fmt: skip


def replaced(
    listed: StatusList, published: Mapping[str, Place], read: Callable[[str], Place], now: str
) -> tuple[StatusList, tuple[str, ...], tuple[str, ...]]:
    """Mark the certificates whose place those that are published take, oldest issue first.

    Args:
        listed: the status list, with what is published in it.
        published: what is published, by identifier.
        read: returns what a certificate says that is listed.
        now: since when the others are superseded, UTC to the second.

    Returns:
        The status list, a sentence for each certificate that was marked, and one for each that could not be.

    """
    marked, unmarked = list[str](), list[str]()
    last = {line.change.certificate: line.change for line in listed.lines}
    for name, place in sorted(published.items(), key=lambda row: row[1].issued_at):
        old = place.supersedes
        if old is None or (old in last and last[old].superseded_by == name):
            continue
        why = _objection(name, place, old, last, read)
        if why:
            unmarked.append(f"{name} says that it takes the place of {old}, which {why}; nothing was marked")
            continue
        last[old] = StatusChange(
            certificate=old, status="superseded", since=now, reason=f"{name} was issued to take its place",
            superseded_by=name,
        )  # fmt: skip
        listed = append(listed, [last[old]])
        marked.append(f"{old} is superseded by {name}")
    return listed, tuple(marked), tuple(unmarked)


def _objection(name: str, mine: Place, old: str, last: Mapping[str, StatusChange], read: Callable[[str], Place]) -> str:
    """Return why a certificate does not take the place of another; empty if it does."""
    if old == name:
        return "is the same certificate"
    if old not in last:
        return "this catalogue does not list"
    if last[old].status in {"withdrawn", "superseded"}:
        return f"is {last[old].status} already"
    if last[name].status != "valid":
        return f"stays, for {name} itself is {last[name].status}"
    other = read(old)
    if (mine.vendor, mine.product) != (other.vendor, other.product):
        return "is about another product"
    return "" if mine.validator == other.validator else "is by another validator"
