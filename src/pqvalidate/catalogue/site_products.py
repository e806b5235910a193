"""The versions of one product: which certificates belong together, and what differs between one and the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pqvalidate.catalogue.site_view import Item
from pqvalidate.certificate.predicate import Predicate
from pqvalidate.report.messages import Messages

NOT_THERE = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that two certificates state differently; an empty text is a fact that is not stated."""

    part: str
    what: str
    before: str
    after: str


def versions(items: Sequence[Item]) -> dict[tuple[str, str], list[Item]]:
    """Return the items by vendor and product, newest issue first."""
    found: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        found.setdefault(item.key, []).append(item)
    return found


def steps(
    rows: Sequence[Item], say: Messages, said: dict[str, dict[str, str]]
) -> Iterator[tuple[Item, Item, list[Difference]]]:
    """Yield (new, old, what differs): the newest beside every earlier one, then each earlier one beside the one before.

    ``rows`` are the certificates of one product, newest first. Whoever holds any of them sees what the newest changes.
    """
    facts = [dict(_facts(row, say, said)) for row in rows]
    first, *others = range(len(rows))
    for new, old in (*((first, other) for other in others), *pairwise(others)):
        yield rows[new], rows[old], _differences(facts[old], facts[new])


def _differences(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> list[Difference]:
    names = dict.fromkeys((*before, *after))
    return [
        Difference(part=part, what=what, before=before.get((part, what), ""), after=after.get((part, what), ""))
        for part, what in names
        if before.get((part, what)) != after.get((part, what))
    ]


def _facts(item: Item, say: Messages, said: dict[str, dict[str, str]]) -> Iterator[tuple[tuple[str, str], str]]:
    body = item.body
    yield ("product", say("version")), body.product.version
    yield ("product", say("form of the product")), said["form"].get(body.product.form, body.product.form)
    yield ("product", say("reached through")), body.product.interface
    yield ("product", say("result of the tests")), said["tests"][body.results.outcome]
    yield ("product", say("validator")), body.validator.name
    yield ("product", say("depth")), body.method.depth
    yield ("product", say("tool")), body.method.tool
    yield from _settings(body)
    for algorithm in body.scope.algorithms:
        yield ("scope", algorithm.name), ", ".join(sorted(algorithm.operations)) or say("none")
    for file in item.entry.statement.subject:
        yield ("file", file.name), f"SHA-256 {file.digest.sha256}"
    for check in body.results.checks:
        advisory = check.outcome == "fail" and check.severity == "advisory"
        yield (
            ("check", f"{check.parameter_set}: {check.check}"),
            said["outcome"]["advisory" if advisory else check.outcome],
        )
    for verdict in item.verdicts:
        yield ("policy", item.profile(verdict)), said["decision"][verdict.decision]
    for claim in body.claims:
        yield ("claim", claim.id), said["claim"][claim.status]
    for text in body.product.conditions_of_use:
        yield ("condition", say.known(text)), say("applies")


def _settings(body: Predicate) -> Iterator[tuple[tuple[str, str], str]]:
    for setting in body.product.configuration:
        yield ("product", setting.name), setting.value
