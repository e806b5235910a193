"""Certificates that say which earlier one they take the place of, and when a catalogue acts on that.

A certificate may end the validity of another only where both are by one validator and about one product: nobody gets a
rival's certificate out of the way by naming it. The catalogue's owner can do more, with ``supersede``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pqvalidate.catalogue.entries import StatusChange
from pqvalidate.catalogue.status import StatusList, append
from pqvalidate.certificate.predicate import Statement


def replaced(
    listed: StatusList, published: Mapping[str, Statement], read: Callable[[str], Statement], now: str
) -> tuple[StatusList, tuple[str, ...], tuple[str, ...]]:
    """Mark the certificates whose place those that are published take, oldest issue first.

    Args:
        listed: the status list, with what is published in it.
        published: what is published, by identifier.
        read: returns the statement of a certificate that is listed.
        now: since when the others are superseded, UTC to the second.

    Returns:
        The status list, a sentence for each certificate that was marked, and one for each that could not be.

    """
    marked, unmarked = list[str](), list[str]()
    last = {line.change.certificate: line.change for line in listed.lines}
    for name, statement in sorted(published.items(), key=lambda row: row[1].predicate.validity.issued_at):
        old = statement.predicate.certificate.supersedes
        if old is None or (old in last and last[old].superseded_by == name):
            continue
        why = _objection(name, statement, old, last, read)
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


def _objection(
    name: str, statement: Statement, old: str, last: Mapping[str, StatusChange], read: Callable[[str], Statement]
) -> str:
    """Return why a certificate does not take the place of another; empty if it does."""
    if old == name:
        return "is the same certificate"
    if old not in last:
        return "this catalogue does not list"
    if last[old].status in {"withdrawn", "superseded"}:
        return f"is {last[old].status} already"
    if last[name].status != "valid":
        return f"stays, for {name} itself is {last[name].status}"
    mine, other = statement.predicate, read(old).predicate
    if (mine.product.vendor, mine.product.name) != (other.product.vendor, other.product.name):
        return "is about another product"
    return "" if mine.validator.id == other.validator.id else "is by another validator"
