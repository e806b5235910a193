"""One page about a certificate: whether it holds, for which bytes, what was seen, and what was not tested."""

from __future__ import annotations

from collections.abc import Sequence

from pqvalidate.certificate.overview import Contents
from pqvalidate.certificate.overview import Page as CertificatePage
from pqvalidate.certificate.predicate import CheckResult
from pqvalidate.documents import to_json
from pqvalidate.report import claim_lines
from pqvalidate.report.gaps import gap_lines
from pqvalidate.report.identity import adapter, failures, named, scope
from pqvalidate.report.messages import Language, Messages
from pqvalidate.report.terminal import Cell, Page
from pqvalidate.report.words import GAP_REASONS, sentence

_LABEL = 14
_DECISION_STYLE = {
    "valid": "bold green", "invalid": "bold red", "expired": "bold yellow", "suspended": "bold red",
    "withdrawn": "bold red", "superseded": "bold yellow", "undecided": "bold yellow",
}  # fmt: skip
_RULE_MARK: dict[str, tuple[str, str]] = {
    "pass": ("yes", "green"),
    "fail": ("NO", "bold red"),
    "not-checked": ("-", "dim"),
}
_OUTCOME_STYLE = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_OUTSIDE = "outside-the-method"


def text(
    certificate: CertificatePage, *, width: int | None = None, colour: bool | None = None, lang: Language = "en"
) -> str:
    """Return the page for people; ``width`` and ``colour`` None follow standard output (see ``terminal.Page``)."""
    page, say = Page(width=width, colour=colour), Messages(lang)
    style = _DECISION_STYLE[certificate.decision]
    page.line(
        (f"{say('Certificate')} {say(certificate.decision).upper()}", style),
        f"  {say('as of {moment}', moment=certificate.as_of)}",
    )
    for reason in certificate.reasons:
        rule, _, why = reason.partition(": ")
        page.paragraph(f"{rule}: {say.known(why)}.")
    contents = certificate.contents
    if contents:
        page.paragraph(say("The tests that it records: "), *_outcome(contents, say), ".")
        _identity(page, contents, say)
        _results(page, contents, say)
        claim_lines.section(page, contents.claims, contents.external_certificates, say, certificate.as_of[:10])
        _not_tested(page, contents, say)
        _limits(page, contents, say)
    else:
        page.paragraph(say("What it says is not shown, because its signatures are not good."))
    _rules(page, certificate, say)
    _record(page, certificate, say)
    return str(page)


def _outcome(says: Contents, say: Messages) -> tuple[Cell, str]:
    """Say beside the validity what was seen: a valid certificate may well record failed tests."""
    counts = {
        "pass": say("every question of {sets} answered, no check failed",
                    sets=say.counted(len(says.results), "parameter set")),
        "fail": f"{failures(says, say)}, {say('listed below')}",
        "inconclusive": say("not every question was answered, or a control was misjudged"),
    }  # fmt: skip
    return (say(says.outcome), _OUTCOME_STYLE[says.outcome]), f"; {counts[says.outcome]}"


def json(certificate: CertificatePage) -> str:
    """Return the page as one JSON document."""
    return to_json(certificate).decode("utf-8")


def _identity(page: Page, says: Contents, say: Messages) -> None:
    page.gap()
    named(page, says.product, says.version, at=_LABEL, say=say)
    page.labelled(say("vendor"), f"{says.vendor} ({say(says.form)})", at=_LABEL)
    adapter(page, says.interface, at=_LABEL, say=say)
    for number, subject in enumerate(says.subjects):
        tree = f" ({say('tree')})" if subject.annotations.digest_of == "tree" else ""
        seen = "" if subject.annotations.binding == "observed" else f", {say('bytes not seen by the validator')}"
        size = f"{say.number(subject.annotations.bytes)} bytes"
        page.labelled("" if number else say("files"), f"{subject.name}{tree}, {size}{seen}", at=_LABEL)
        page.line((f"{'sha256':<{_LABEL}}", "dim"), subject.digest.sha256)
    valid = say("{begin} to {end}", begin=says.not_before, end=says.not_after)
    page.labelled(say("valid"), valid, at=_LABEL)
    page.labelled(say("issued"), f"{says.issued_at}, {say('certificate')} {says.id}", at=_LABEL)
    if says.supersedes:
        page.labelled(say("replaces"), says.supersedes, at=_LABEL)
    relation = say("vendor relation {relation}", relation=say(says.vendor_relation))
    relation = f"{say(says.validator_role)}; {relation}"
    page.labelled(say("validator"), f"{says.validator} ({relation})", at=_LABEL)
    text = "with {tool}, {depth} depth, on {platform}"
    tested = say(text, tool=says.tool, depth=says.depth, platform=says.platform)
    page.labelled(say("tested"), tested, at=_LABEL)
    page.labelled(say("sandbox"), ", ".join(says.sandbox) or say("none"), at=_LABEL)
    for label, sets in scope(says.results, say):
        page.labelled(label, sets, at=_LABEL)
    for condition in says.conditions_of_use:
        page.labelled(say("condition"), sentence(say.known(condition)), at=_LABEL)


def _results(page: Page, says: Contents, say: Messages) -> None:
    page.heading(say("Results"))
    advisory = any(row.advisory for row in says.results)
    rows: list[list[Cell]] = [
        [row.parameter_set if row.claimed else f"{row.parameter_set} ({say('not claimed')})",
         f"{row.answered}/{row.questions}", str(row.passed), (str(row.failed), "red") if row.failed else "0",
         *([str(row.advisory)] if advisory else []), str(row.inconclusive), str(row.not_run),
         f"{say.number(row.cases_run)}/{say.number(row.cases_planned)}"]
        for row in says.results
    ]  # fmt: skip
    words = ("questions\nanswered", "checks\npassed", "failed", *(["advisory\nmisses"] if advisory else []), "open",
             "not\nrun", "cases\nrun")  # fmt: skip
    head = ["", *map(say, words)]
    page.table(head, rows, numbers=range(1, len(head)), indent=2)
    for row in says.results:
        if row.open_questions:
            open_questions = ", ".join(row.open_questions)
            page.paragraph(f"{row.parameter_set}, {say('not answered')}: {open_questions}.", indent=2)
    _failed(page, [row for row in says.failed_checks if row.severity != "advisory"], say("failed check"), say)
    _failed(page, [row for row in says.failed_checks if row.severity == "advisory"], say("advisory, no failure"), say)
    wrong = [row.control for row in says.controls if row.expected != row.seen]
    controls = say.counted(len(says.controls), "control")
    text = say("{right} of {controls} judged rightly", right=says.controls_as_expected, controls=controls)
    page.paragraph(f"{text}{': ' + say('misjudged') + ' ' + ', '.join(wrong) if wrong else ''}.", indent=2)


def _failed(page: Page, rows: Sequence[CheckResult], head: str, say: Messages) -> None:
    """List checks that failed, or that missed where the standard leaves the point open, each kind under its head."""
    table = [
        [check.check, check.parameter_set, say(check.severity),
         f"{say.number(check.failed)}/{say.number(check.planned)}", check.clause]
        for check in rows
    ]  # fmt: skip
    if table:
        page.gap()
        page.table([head, "", say("severity"), say("cases"), say("clause")], table, numbers=(3,), wrap=(4,), indent=2)


def _not_tested(page: Page, says: Contents, say: Messages) -> None:
    page.heading(say("NOT TESTED"), say("nothing is concluded about any of this"))
    for row in says.not_tested:
        if row.reason == _OUTSIDE:
            what = sentence(say.known(row.what)).removesuffix(".")
            page.paragraph(f"{what}: {say.known(row.why)}.", indent=2)
    for reason, meaning in GAP_REASONS.items():
        rows = [(row.check, row.parameter_set, row.why) for row in says.not_tested if row.reason == reason]
        if rows:
            gap_lines(page, reason, say(meaning), rows, say)


def _limits(page: Page, says: Contents, say: Messages) -> None:
    page.heading(say("Limits"))
    for limitation in says.limitations:
        page.paragraph(sentence(say.known(limitation)), indent=2)
    page.paragraph(says.disclaimer_nl if say.language == "nl" else says.disclaimer_en, indent=2)


def _rules(page: Page, certificate: CertificatePage, say: Messages) -> None:
    passed = sum(rule.outcome == "pass" for rule in certificate.rules)
    note = say("{number} of {rules} hold", number=passed, rules=len(certificate.rules))
    page.heading(say("Rules of verification"), note)
    rows: list[list[Cell]] = []
    for rule in certificate.rules:
        text = say.known(certificate.rule_texts[rule.rule])
        why = f" ({say.known(rule.why)})." if rule.why and rule.outcome != "pass" else "."
        mark, style = _RULE_MARK[rule.outcome]
        rows.append([(say(mark), style), text.removesuffix(".") + why])
    page.table(["", ""], rows, wrap=(1,), indent=2)
    for match in certificate.artefacts:
        found = say("is the tested {subject}", subject=match.subject)
        found = found if match.subject else say("is none of the tested files")
        page.paragraph(f"{match.path} {found}.", indent=2)
        if match.not_compared:
            page.paragraph(f"{say('Not compared')}: {', '.join(match.not_compared)}.", indent=2)


def _record(page: Page, certificate: CertificatePage, say: Messages) -> None:
    page.heading(say("Record"))
    for signer in certificate.signers:
        page.line((f"{say(signer.family):<{_LABEL}}", "dim"), signer.scheme, indent=2)
        page.line((f"{'SPKI sha256':<{_LABEL}}", "dim"), signer.spki_sha256, indent=2)
    if not certificate.signers:
        page.paragraph(say("Signed by nobody who is trusted."), indent=2)
    page.line((f"{say('body sha256'):<{_LABEL}}", "dim"), certificate.body_sha256, indent=2)
    if certificate.contents:
        facts = certificate.contents.facts_digest.removeprefix("sha256:")
        page.line((f"{say('facts sha256'):<{_LABEL}}", "dim"), facts, indent=2)
        page.line((f"{say('seed'):<{_LABEL}}", "dim"), certificate.contents.seed, indent=2)
