"""A signed policy verdict that was verified, for people and for machines."""

from __future__ import annotations

from pqvalidate.documents import to_json
from pqvalidate.policy.svr import PREFIX, VerifiedVerdict
from pqvalidate.report.terminal import Page

_LABEL = 14
_STYLE = {"valid": "bold green", "invalid": "bold red"}


def text(found: VerifiedVerdict) -> str:
    """Return the page: whether it is authentic, who judged what under which profile, and the decision."""
    page = Page()
    page.line((f"Policy verdict {found.decision.upper()}", _STYLE[found.decision]))
    for reason in found.reasons:
        page.paragraph(f"{reason}.")
    statement = found.statement
    if statement is None:
        page.paragraph("What it says is not shown, because it must not be relied on.")
        return str(page)
    body = statement.predicate
    page.gap()
    page.labelled("validator", found.signed_by, at=_LABEL)
    page.labelled("made", body.time_created, at=_LABEL)
    page.labelled("trust", found.trust_file, at=_LABEL)
    for number, policy in enumerate(body.verifier.policies):
        page.labelled("extends" if number else "policy", f"{policy.name}", at=_LABEL)
        page.line((f"{'sha256':<{_LABEL}}", "dim"), policy.digest.sha256)
    for number, subject in enumerate(statement.subject):
        page.labelled("" if number else "files", subject.name, at=_LABEL)
        page.line((f"{'sha256':<{_LABEL}}", "dim"), subject.digest.sha256)
    page.heading("Properties", "a rule that is not listed was not met, not shown, or does not apply")
    for name in body.properties:
        page.line(name.removeprefix(f"{PREFIX}_"), indent=2)
    return str(page)


def json(found: VerifiedVerdict) -> str:
    """Return what was found as one JSON document."""
    return to_json(found).decode("utf-8")
