"""A signed policy verdict that was verified, for people and for machines."""

from __future__ import annotations

from pqvalidate.documents import to_json
from pqvalidate.policy.svr import PREFIX, SvrStatement, VerifiedVerdict
from pqvalidate.report.messages import Language, Messages
from pqvalidate.report.policy_sheet import stated
from pqvalidate.report.terminal import Page

_LABEL = 16
_STYLE = {"valid": "bold green", "invalid": "bold red"}
_DECISION_STYLE = {"conforms": "bold green", "does-not-conform": "bold red", "undecided": "bold yellow"}


def text(found: VerifiedVerdict, lang: Language = "en", *, width: int | None = None, colour: bool | None = None) -> str:
    """Return the page: whether it is authentic and what it decides first, then who judged what under which profile."""
    page, say = Page(width=width, colour=colour), Messages(lang)
    statement = found.statement
    holds = say("both signatures hold") if statement else say("it must not be relied on")
    page.line((f"{say('Policy verdict')} {say(found.decision).upper()}", _STYLE[found.decision]), f"  {holds}")
    for reason in found.reasons:
        rule, _, why = reason.partition(": ")
        page.paragraph(f"{rule}: {say.known(why)}.")
    if statement is None:
        page.paragraph(say("What it says is not shown, because it must not be relied on."))
        return str(page)
    _decision(page, statement, say)
    body = statement.predicate
    page.gap()
    page.labelled(say("validator"), found.signed_by, at=_LABEL)
    page.labelled(say("made"), body.time_created, at=_LABEL)
    page.labelled(say("trust"), say.known(found.trust_file), at=_LABEL)
    for number, policy in enumerate(body.verifier.policies):
        page.labelled(say("extends") if number else say("policy"), policy.name, at=_LABEL)
        page.line((f"{'sha256':<{_LABEL}}", "dim"), policy.digest.sha256)
    for number, subject in enumerate(statement.subject):
        page.labelled("" if number else say("files"), subject.name, at=_LABEL)
        page.line((f"{'sha256':<{_LABEL}}", "dim"), subject.digest.sha256)
    page.heading(say("Properties"), say("a rule that is not listed was not met, not shown, or does not apply"))
    for name in body.properties:
        page.line(name.removeprefix(f"{PREFIX}_"), indent=2)
    return str(page)


def _decision(page: Page, statement: SvrStatement, say: Messages) -> None:
    """Say what was decided: a verdict whose signatures hold may well say that the product does not conform."""
    for decision in stated(statement):
        page.line((say("Decision: {decision}", decision=say(decision)), _DECISION_STYLE[decision]))
        return
    page.line((say("It states no single decision"), "bold yellow"))


def json(found: VerifiedVerdict) -> str:
    """Return what was found as one JSON document."""
    return to_json(found).decode("utf-8")
