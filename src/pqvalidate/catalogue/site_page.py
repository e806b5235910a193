"""What the page of one certificate shows besides the fields of it: evidence, gaps and verdicts, put in order."""

from __future__ import annotations

from dataclasses import dataclass

from pqvalidate.catalogue.site_view import Item
from pqvalidate.certificate.overview import SetResult, set_result
from pqvalidate.certificate.predicate import CheckResult, ControlResult, NotTested
from pqvalidate.policy.engine import PolicyVerdict, RuleResult
from pqvalidate.report.gaps import grouped, missing
from pqvalidate.report.messages import Messages
from pqvalidate.report.words import GAP_REASONS

Gap = tuple[str, tuple[str, ...], str]
_TELLING = {"fail", "insufficient-evidence", "waived"}


@dataclass(frozen=True, slots=True)
class Content:
    """Tables of a certificate's page."""

    results: tuple[SetResult, ...]
    failed: tuple[CheckResult, ...]
    advisory: tuple[CheckResult, ...]
    misjudged: tuple[ControlResult, ...]
    outside: tuple[NotTested, ...]
    not_asked: dict[str, tuple[str, list[Gap]]]
    verdicts: tuple[tuple[PolicyVerdict, str, tuple[RuleResult, ...]], ...]
    disclaimer: str


def content(item: Item, say: Messages) -> Content:
    """Return the tables of a certificate's page in a language."""
    statement, body = item.entry.statement, item.body
    failed = [check for check in body.results.checks if check.outcome == "fail"]
    paths = item.entry.verdict_paths
    paths = paths if len(paths) == len(item.entry.verdicts) else ("",) * len(item.entry.verdicts)
    return Content(
        results=tuple(set_result(statement, row) for row in body.scope.algorithms),
        failed=tuple(check for check in failed if check.severity != "advisory"),
        advisory=tuple(check for check in failed if check.severity == "advisory"),
        misjudged=tuple(row for row in body.results.controls if row.expected != row.seen),
        outside=tuple(row for row in body.scope.not_tested if row.reason == "outside-the-method"),
        not_asked=_not_asked(item),
        verdicts=tuple(
            (verdict, path, tuple(row for row in verdict.rules if row.outcome in _TELLING))
            for verdict, path in sorted(
                zip(item.entry.verdicts, paths, strict=True), key=lambda row: (item.profile(row[0]), row[0].as_of)
            )
        ),
        disclaimer=body.disclaimer.nl if say.language == "nl" else body.disclaimer.en,
    )


def _not_asked(item: Item) -> dict[str, tuple[str, list[Gap]]]:
    """Return what was not asked by reason, each with its meaning and rows of (check, parameter sets, why)."""
    found: dict[str, tuple[str, list[Gap]]] = {}
    for reason, meaning in GAP_REASONS.items():
        rows = [(row.check, row.parameter_set, row.why) for row in item.body.scope.not_tested if row.reason == reason]
        if rows:
            found[reason] = meaning, [(check, sets, missing(why)) for check, sets, why in grouped(rows)]
    return found
