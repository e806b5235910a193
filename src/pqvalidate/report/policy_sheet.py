"""Policy verdicts as sheets: the matrix of policies on one product, and one signed verdict that was verified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from msgspec.structs import replace

from pqvalidate.policy.engine import PolicyVerdict, RuleResult
from pqvalidate.policy.profile import Text
from pqvalidate.policy.svr import PREFIX, SvrStatement, VerifiedVerdict
from pqvalidate.report import identity
from pqvalidate.report.certificate_sheet import MOODS
from pqvalidate.report.messages import Language, Messages
from pqvalidate.report.policy_text import PolicyReport, PolicyRow, named
from pqvalidate.report.sheet import (
    Block,
    Box,
    Line,
    Mood,
    Sheet,
    facts,
    heading,
    items,
    line,
    note,
    subheading,
    table,
    text,
)
from pqvalidate.report.words import sentence
from pqvalidate.verdict import Decision

_FILES_FIRST = 4
_DECISION = f"{PREFIX}_DECISION_"
_AS_OF = f"{PREFIX}_AS_OF_"
_MET = f"{PREFIX}_RULE_MET_"
_OUTCOMES: dict[str, Mood] = {"pass": "good", "fail": "bad", "insufficient-evidence": "open", "waived": "open"}
_SETS: dict[str, Mood] = {"permitted": "good", "denied": "bad", "not-judged": ""}


def matrix(report: PolicyReport, lang: Language = "en") -> Sheet:
    """Return one product under its policies: the decisions first, then every rule with its reason and source."""
    say = Messages(lang)
    iut, until = report.iut, report.service_life_until
    rows: list[tuple[str, object]] = [
        (say("product"), identity.cut(iut.name)), (say("version"), identity.cut(iut.version)),
        (say("vendor"), identity.cut(iut.vendor)),
        *((_label(file.path, say), [line(f"{file.path}; SHA-256"), line(file.sha256, code=True)])
          for file in iut.artefacts[:_FILES_FIRST]),
        *([("", say("and {number} more, listed below", number=len(iut.artefacts) - _FILES_FIRST))]
          if len(iut.artefacts) > _FILES_FIRST else []),
        (say("judged on"), report.as_of), *([(say("in use until"), until)] if until else []),
        (say("judged from"), _origin(report.judged_from, say)),
        (say("facts"), [line("SHA-256"), line(report.facts_digest.removeprefix("sha256:"), code=True)]),
    ]  # fmt: skip
    more = [heading(say("tested file")), facts(
        (file.path, line(file.sha256, code=True)) for file in iut.artefacts
    )] if len(iut.artefacts) > _FILES_FIRST else []  # fmt: skip
    names = list(identity.whole(iut.vendor, iut.name, iut.version, say))
    more += [facts(names)] if names else []
    return Sheet(
        lang=lang, kind=say("Judgement under policy profiles"), title=identity.heading(iut.name, iut.version),
        boxes=(overall(report, say),), first=(facts(rows), *policies(report, say)),
        details=(*more, *rules(report, say)),
        footer=say("A judgement is about the exact files, profiles and day that are named. It is not signed; whoever "
                   "doubts it judges again."),
        status=f"urn:pqvalidate:facts:{report.facts_digest}", status_label=say("facts"), made=report.as_of,
    )  # fmt: skip


def overall(report: PolicyReport, say: Messages) -> Box:
    """Return the worst decision of all policies in a box."""
    number = say.counted(len(report.policies), "policy", "policies")
    note_ = say("The strictest decision of {policies}.", policies=number) if len(report.policies) > 1 else sentence(
        _in(report.policies[0].why, say)
    )  # fmt: skip
    return Box(mood=MOODS[report.decision], word=say("Decision: {decision}", decision=say(report.decision)), note=note_)


def policies(report: PolicyReport, say: Messages) -> Iterator[Block]:
    """Yield the table of policies, and which parameter sets each permits."""
    yield heading(say("Policies"))
    yield table(say("Policies"), [say("policy"), say("decision"), say("why")], [
        (row.policy, line(say(row.decision), MOODS[row.decision]), sentence(_in(row.why, say)))
        for row in report.policies
    ])  # fmt: skip
    verdicts = [row.verdict for row in report.policies if row.verdict]
    if any(verdict.policy.status == "illustrative" for verdict in verdicts):
        yield note(say("Profiles marked illustrative are not issued by the authority that they name."))
    names = list(dict.fromkeys(row.parameter_set for verdict in verdicts for row in verdict.sets))
    if names:
        yield heading(say("Allowed by the profile"))
        yield table(say("Allowed by the profile"), [say("parameter set"), *(v.policy.id for v in verdicts)], [
            (name, *(_set(verdict, name, say) for verdict in verdicts)) for name in names
        ])  # fmt: skip


def _label(path: str, say: Messages) -> str:
    """Return whether a tested thing is a file or a folder, the name of which ends with a slash."""
    return say("tested folder") if path.endswith("/") else say("tested file")


def _set(verdict: PolicyVerdict, name: str, say: Messages) -> Line:
    decision = next((row.decision for row in verdict.sets if row.parameter_set == name), "not-judged")
    word = {"permitted": say("yes"), "denied": say("no"), "not-judged": say("not judged")}[decision]
    return line(word, _SETS[decision])


def rules(report: PolicyReport, say: Messages) -> Iterator[Block]:
    """Yield per profile its rules with outcome, reason and source, then conditions of use and what it leaves out."""
    for row in report.policies:
        if row.verdict:
            yield from _profile(row, row.verdict, say)


def _profile(row: PolicyRow, verdict: PolicyVerdict, say: Messages) -> Iterator[Block]:
    policy = verdict.policy
    yield heading(f"{policy.id} {policy.version}: {say(row.decision)}")
    yield facts([
        (say("profile"), [
            line(f"{policy.id}, {named(policy.status, say.language)}; SHA-256"), line(policy.sha256, code=True),
        ]),
        *((say("extends"), [line(f"{base.id}; SHA-256"), line(base.sha256, code=True)]) for base in verdict.bases),
    ])  # fmt: skip
    yield table(policy.id, [say("rule"), say("level"), say("outcome"), say("why, and on what source")], [
        (rule.rule, named(rule.level, say.language),
         line(named(rule.outcome, say.language), _OUTCOMES.get(rule.outcome, "")), _why(rule, say))
        for rule in verdict.rules
    ])  # fmt: skip
    yield subheading(say("Conditions of use"))
    conditions = [_in(words, say) for words in verdict.conditions]
    yield items(conditions) if conditions else text(say("No conditions of use follow."))
    if row.silent:
        yield subheading(say("Not covered by this profile"))
        yield items(_in(words, say) for words in row.silent)


def _why(rule: RuleResult, say: Messages) -> str:
    why = sentence(_in(rule.why, say))
    if rule.waiver:
        used = rule.waiver
        why += " " + say("Waived by {approver} until {day}, instead of {outcome}: {reason}", approver=used.approver,
                         day=used.expires, outcome=named(used.instead_of, say.language),
                         reason=sentence(used.reason))  # fmt: skip
    return f"{why} [{rule.source.document}, {rule.source.section}]" if rule.source else why


def with_policies(sheet: Sheet, report: PolicyReport) -> Sheet:
    """Return the sheet of a certificate with the judgement of it: decisions on the first page, rules behind."""
    say = Messages(sheet.lang)
    about, *rest = sheet.first
    return replace(
        sheet, boxes=(*sheet.boxes, overall(report, say)), first=(about, *_decisions(report, say), *rest),
        details=(*sheet.details, *list(policies(report, say))[1:], *rules(report, say)),
    )  # fmt: skip


def _decisions(report: PolicyReport, say: Messages) -> Iterator[Block]:
    yield next(iter(policies(report, say)))
    yield table(say("Policies"), [say("policy"), say("decision")], [
        (row.policy, line(say(row.decision), MOODS[row.decision])) for row in report.policies
    ])  # fmt: skip


def signed(found: VerifiedVerdict, as_of: str, lang: Language = "en") -> Sheet:
    """Return a signed verdict that was verified; what it says is left out unless it may be relied on."""
    say, statement = Messages(lang), found.statement
    kind = say("Signed policy verdict")
    decided = Box(
        mood=MOODS[found.decision], word=say("Signed verdict: {decision}", decision=say(found.decision)),
        note=say("As of {moment}.", moment=as_of),
    )  # fmt: skip
    reasons = (reason.partition(": ") for reason in found.reasons)
    first: list[Block] = [text(line(f"{rule}: {say.known(why)}.", "bad")) for rule, _, why in reasons]
    boxes = [decided]
    if statement is None:
        first.append(note(say("What it says is not shown, because it must not be relied on.")))
    else:
        boxes.append(_decision(statement, say))
        first.append(facts(_about(found, statement, say)))
        first += _properties(statement, say)
    names = statement.predicate.verifier.policies if statement else ()
    return Sheet(
        lang=lang, kind=kind, title=names[0].name if names else say("A verdict that cannot be relied on"),
        boxes=tuple(boxes), first=tuple(first), details=(),
        footer=say("This page shows what the verification has found; the verdict itself is the signed file. Whoever "
                   "doubts this page verifies that file."),
        status=f"urn:pqvalidate:body:sha256:{found.body_sha256}", status_label=say("signed body"),
        made=statement.predicate.time_created if statement else as_of,
    )  # fmt: skip


def _decision(statement: SvrStatement, say: Messages) -> Box:
    for decision in stated(statement):
        word = say("Decision: {decision}", decision=say(decision))
        return Box(mood=MOODS[decision], word=word, note=say("The rules that were met are listed below."))
    return Box(mood="open", word=say("It states no single decision"), note=say("Read its properties."))


def stated(statement: SvrStatement) -> list[str]:
    """Return the one decision that the properties state; another tool may sign properties of its own."""
    stated = [name.removeprefix(_DECISION) for name in statement.predicate.properties if name.startswith(_DECISION)]
    known = [word for word in get_args(Decision) if word.replace("-", "_").upper() in stated]
    return known if len(stated) == len(known) == 1 else []


def _about(found: VerifiedVerdict, statement: SvrStatement, say: Messages) -> Iterator[tuple[str, object]]:
    body = statement.predicate
    yield say("validator"), found.signed_by
    yield say("made"), body.time_created
    days = [name.removeprefix(_AS_OF) for name in body.properties if name.startswith(_AS_OF)]
    yield from ((say("judged on"), day) for day in days)
    for number, policy in enumerate(body.verifier.policies):
        lines = [line(f"{policy.name}; SHA-256"), line(policy.digest.sha256, code=True)]
        yield say("extends") if number else say("profile"), lines
    for subject in statement.subject:
        label = say("tested file") if subject.annotations.digest_of == "file" else say("tested folder")
        yield label, [line(f"{subject.name}; SHA-256"), line(subject.digest.sha256, code=True)]


def _properties(statement: SvrStatement, say: Messages) -> Iterator[Block]:
    names = statement.predicate.properties
    met = [name.removeprefix(_MET) for name in names if name.startswith(_MET)]
    yield heading(say("Rules that were met"))
    yield items(met) if met else text(say("None."))
    yield text(say("A rule that is not listed was not met, not shown, or does not apply."))
    yield heading(say("Other properties"))
    yield items(name.removeprefix(f"{PREFIX}_") for name in names if not name.startswith(_MET))


def _origin(judged_from: str, say: Messages) -> str:
    return {
        "bundle": say("a bundle of evidence, not signed"), "certificate": say("a certificate with good signatures"),
    }.get(judged_from, say("a certificate whose signatures were not checked"))  # fmt: skip


def _in(words: Text, say: Messages) -> str:
    return words.nl if say.language == "nl" else words.en
