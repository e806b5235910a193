"""The versions of one product: which certificates belong together, and what differs between one and the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


def differences(old: Item, new: Item, say: Messages, said: dict[str, dict[str, str]]) -> list[Difference]:
    """Return what differs between two certificates of a product, each fact as (part, name, before, after)."""
    before, after = dict(_facts(old, say, said)), dict(_facts(new, say, said))
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
        yield ("policy", verdict.policy.id), said["decision"][verdict.decision]
    for claim in body.claims:
        yield ("claim", claim.id), said["claim"][claim.status]
    for text in body.product.conditions_of_use:
        yield ("condition", say.known(text)), say("applies")


def _settings(body: Predicate) -> Iterator[tuple[tuple[str, str], str]]:
    for setting in body.product.configuration:
        yield ("product", setting.name), setting.value
