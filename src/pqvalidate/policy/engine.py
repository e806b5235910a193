"""Judging a dossier under a profile: one outcome for each rule, and one decision without scores or grades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, assert_never

from msgspec.structs import replace

from pqvalidate.algorithms import nearest
from pqvalidate.documents import Record
from pqvalidate.errors import UsageError
from pqvalidate.policy import listing, proving
from pqvalidate.policy.book import LoadedProfile
from pqvalidate.policy.case import Case, Found, Outcome, in_force, say
from pqvalidate.policy.dossier import Dossier, TestedFile, Waiver
from pqvalidate.policy.profile import (
    ChecksRule,
    ClaimRule,
    DateRule,
    ExternalCertificateRule,
    HybridRule,
    Level,
    ModeRule,
    ParameterSetRule,
    Rule,
    Source,
    Text,
    TrustRule,
    type_of,
)
from pqvalidate.verdict import Decision

SCHEMA = "pqvalidate/policy-verdict/1"
IMPLIED: dict[str, Text] = {
    "default-deny": say("What a profile does not list is denied.", "Wat een profiel niet noemt, is niet toegestaan."),
    "not-judged": say("The profile is silent on a primitive.", "Het profiel zwijgt over een primitief."),
}
"""What every profile implies, by the name that verdicts give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a profile: on which day, until when the product is used (YYYY-MM-DD), and with which sets."""

    as_of: str
    service_life_until: str | None = None
    uses: tuple[str, ...] = ()


class PolicyName(Record):
    """A profile by identifier, version, status and the SHA-256 of its file."""

    id: str
    version: str
    status: str
    sha256: str


class WaiverUsed(Record):
    """The waiver that set a rule aside, and what the rule had come out as."""

    instead_of: Literal["fail", "insufficient-evidence"]
    reason: str
    approver: str
    expires: str


class RuleResult(Record):
    """How one rule came out, why, on what source it rests, and the conditions of use that follow from it."""

    rule: str
    type: str
    profile: str
    level: Level
    outcome: Outcome
    why: Text
    message: Text
    source: Source | None
    conditions: tuple[Text, ...]
    waiver: WaiverUsed | None = None


class SetDecision(Record):
    """Whether the profile permits one mechanism for the period of use, and the rule that denies it."""

    parameter_set: str
    decision: Literal["permitted", "denied", "not-judged"]
    denied_by: str


class PolicyVerdict(Record):
    """The decision on one product under one profile at one date: every rule, every set, every condition of use."""

    schema: Literal["pqvalidate/policy-verdict/1"]
    policy: PolicyName
    bases: tuple[PolicyName, ...]
    files: tuple[TestedFile, ...]
    facts_digest: str
    judged_from: Literal["bundle", "certificate", "certificate, signatures not checked"]
    as_of: str
    service_life_until: str | None
    uses: tuple[str, ...]
    decision: Decision
    why: Text
    sets: tuple[SetDecision, ...]
    rules: tuple[RuleResult, ...]
    conditions: tuple[Text, ...]


def evaluate(loaded: LoadedProfile, dossier: Dossier, question: Question) -> PolicyVerdict:
    """Judge a product under a profile.

    Raises:
        UsageError: a set that the buyer will use is not claimed, or the service life ends before the day of judgement.

    """
    case = _case(loaded, dossier, question)
    results = [_result(owner, rule, case) for owner, rule in loaded.rules]
    implied = {"default-deny": listing.unlisted(case), "not-judged": listing.unjudged(case)}
    results += [_of_the_profile(loaded, name, found) for name, found in implied.items() if found]
    later = {rule.id: rule.since for _, rule in loaded.rules if rule.since and _is_later(rule.since, case)}
    waived = tuple(_ended(_waive(row, loaded.profile.id, case), later.get(row.rule)) for row in results)
    decision, why = _decide(loaded, case, waived)
    conditions = tuple(dict.fromkeys(text for row in waived for text in row.conditions))
    signed = dossier.signed
    return PolicyVerdict(
        schema="pqvalidate/policy-verdict/1",
        policy=PolicyName(
            id=loaded.profile.id, version=loaded.profile.version, status=loaded.profile.status, sha256=loaded.sha256
        ),
        bases=tuple(PolicyName(id=base.id, version="", status="", sha256=base.sha256) for base in loaded.bases),
        files=dossier.files, facts_digest=dossier.facts_digest,
        judged_from=(
            "bundle" if signed is None else "certificate" if signed.checked else "certificate, signatures not checked"
        ),
        as_of=question.as_of, service_life_until=question.service_life_until, uses=question.uses,
        decision=decision, why=why, sets=_sets(case), rules=waived, conditions=conditions,
    )  # fmt: skip


def refuse_ended(as_of: str, service_life_until: str | None) -> None:
    """Refuse a question about a service life that is over.

    Raises:
        UsageError: it ends before the day of judgement.

    """
    if service_life_until is not None and service_life_until < as_of:
        raise UsageError(f"the service life ends on {service_life_until}, before the day of judgement, {as_of}")


def _case(loaded: LoadedProfile, dossier: Dossier, question: Question) -> Case:
    claimed = [row.name for row in dossier.offered]
    for name in question.uses:
        if name not in claimed:
            raise UsageError(
                f"{name} is not claimed{nearest(name, claimed)}; the product claims {', '.join(claimed) or 'nothing'}"
            )
    end = question.service_life_until
    refuse_ended(question.as_of, end)
    return Case(
        dossier=dossier,
        rules=tuple(rule for _, rule in loaded.rules if in_force(rule, question.as_of, end or question.as_of)),
        judges=loaded.profile.judges, as_of=question.as_of, horizon=end or question.as_of, uses=question.uses,
    )  # fmt: skip


def _result(owner: str, rule: Rule, case: Case) -> RuleResult:
    found = _found(rule, case) if in_force(rule, case.as_of, case.horizon) else _not_in_force(rule)
    # A failure stays one on every day; what the tests showed was not shown before they were made.
    if isinstance(rule, ChecksRule | ModeRule) and found.outcome == "pass" and case.is_before_the_tests:
        found = proving.too_late(case)
    if rule.since is not None and _is_later(rule.since, case):
        found = _from(rule.since, found)
    return RuleResult(
        rule=rule.id, type=type_of(rule), profile=owner, level=rule.level, outcome=found.outcome, why=found.why,
        message=rule.message, source=rule.source, conditions=found.conditions,
    )  # fmt: skip


def _found(rule: Rule, case: Case) -> Found:  # noqa: PLR0911  (one line for each of the eight types)
    match rule:
        case ParameterSetRule():
            return listing.parameter_set(rule, case)
        case HybridRule():
            return listing.hybrid(rule, case)
        case DateRule():
            return listing.date(rule, case)
        case ModeRule():
            return proving.mode(rule, case)
        case ChecksRule():
            return proving.checks(rule, case)
        case ClaimRule():
            return proving.claim(rule, case)
        case ExternalCertificateRule():
            return proving.external_certificate(rule, case)
        case TrustRule():
            return proving.trust(rule, case)
        case _:
            assert_never(rule)


def _not_in_force(rule: Rule) -> Found:
    period = f"{rule.since or '...'} - {rule.until or '...'}"
    return Found(outcome="not-applicable", why=say(f"in force: {period}", f"van kracht: {period}"))


def _is_later(since: str, case: Case) -> bool:
    """Return whether a rule that is in force from a day on comes into force while the product is used."""
    return case.as_of < since <= case.horizon


def _from(since: str, found: Found) -> Found:
    """Return the result of a rule that comes into force during use, with its day before each sentence."""
    return Found(
        outcome=found.outcome, why=say(f"from {since}: {found.why.en}", f"vanaf {since}: {found.why.nl}"),
        conditions=tuple(say(f"From {since}: {row.en}", f"Vanaf {since}: {row.nl}") for row in found.conditions),
    )  # fmt: skip


def _ended(row: RuleResult, since: str | None) -> RuleResult:
    """Add until when the product may be used, where a mandatory rule comes into force later and is not met then."""
    if since is None or row.level != "mandatory" or row.outcome not in {"fail", "insufficient-evidence"}:
        return row
    last = date.fromisoformat(since) - timedelta(days=1)
    en, nl = ("met", "voldaan") if row.outcome == "fail" else ("shown to be met", "aangetoond")
    until = say(
        f"Do not use after {last}: rule {row.rule} is in force from {since} and is not {en}.",
        f"Niet gebruiken na {last}: regel {row.rule} is van kracht vanaf {since} en is niet {nl}.",
    )
    return replace(row, conditions=(*row.conditions, until))


def _of_the_profile(loaded: LoadedProfile, name: str, found: Found) -> RuleResult:
    """Return the result of what every profile implies without a rule of its own."""
    return RuleResult(
        rule=name, type="parameter-set", profile=loaded.profile.id, level="mandatory", outcome=found.outcome,
        why=found.why, message=IMPLIED[name], source=None, conditions=found.conditions,
    )  # fmt: skip


def _waive(row: RuleResult, policy: str, case: Case) -> RuleResult:
    """Set a rule aside where a waiver for these files names it and lasts to the end of use.

    What a waiver excuses stays visible, and so does why a waiver that names the rule excuses nothing.
    """
    if row.outcome not in {"fail", "insufficient-evidence"}:
        return row
    named = [waiver for waiver in case.dossier.waivers if (waiver.policy, waiver.rule) == (policy, row.rule)]
    idle = {waiver: _idle(waiver, case) for waiver in named}
    for waiver in named:
        if idle[waiver] is None:
            used = WaiverUsed(
                instead_of="fail" if row.outcome == "fail" else "insufficient-evidence",
                reason=waiver.reason, approver=waiver.approver, expires=waiver.expires,
            )  # fmt: skip
            until = say(
                f"Rule {row.rule} is waived by {waiver.approver} until {waiver.expires}.",
                f"Van regel {row.rule} is afgeweken door {waiver.approver} tot en met {waiver.expires}.",
            )
            return replace(row, outcome="waived", waiver=used, conditions=(*row.conditions, until))
    told = [row.why, *dict.fromkeys(text for text in idle.values() if text)]
    return replace(row, why=say("; ".join(text.en for text in told), "; ".join(text.nl for text in told)))


def _idle(waiver: Waiver, case: Case) -> Text | None:
    """Return why a waiver of a rule excuses nothing; None if it excuses the rule to the end of use."""
    who, last = waiver.approver, waiver.expires
    if waiver.artefact_sha256 not in {file.sha256 for file in case.dossier.files}:
        return say(f"the waiver by {who} is for another file", f"de afwijking door {who} is voor een ander bestand")
    if last < case.as_of:
        return say(f"the waiver by {who} ended on {last}", f"de afwijking door {who} eindigde op {last}")
    if last < case.horizon:
        return say(
            f"the waiver by {who} ends on {last}, before the last day of use, {case.horizon}",
            f"de afwijking door {who} eindigt op {last}, voor de laatste gebruiksdag, {case.horizon}",
        )
    return None


def _decide(loaded: LoadedProfile, case: Case, results: Sequence[RuleResult]) -> tuple[Decision, Text]:
    open_reason = _cannot_decide(loaded, case)
    if open_reason:
        return "undecided", open_reason
    must = {outcome: [row.rule for row in results if (row.level, row.outcome) == ("mandatory", outcome)]
            for outcome in ("pass", "fail", "insufficient-evidence", "waived")}  # fmt: skip
    if must["fail"]:
        names = ", ".join(must["fail"])
        return "does-not-conform", say(f"not met: {names}", f"niet voldaan: {names}")
    if case.is_before_the_tests:
        return "undecided", proving.too_late(case).why
    if must["insufficient-evidence"]:
        names = ", ".join(must["insufficient-evidence"])
        return "undecided", say(f"not shown: {names}", f"niet aangetoond: {names}")
    if not must["pass"]:
        return "undecided", say("no mandatory rule applies", "geen verplichte regel is van toepassing")
    waived = f" ({', '.join(must['waived'])})" if must["waived"] else ""
    return "conforms", say(
        f"every mandatory rule that applies is met{', or waived' + waived if waived else ''}",
        f"aan elke verplichte regel die geldt is voldaan{', of ervan is afgeweken' + waived if waived else ''}",
    )


def _cannot_decide(loaded: LoadedProfile, case: Case) -> Text | None:
    """Return why nothing can be decided at all: whoever misjudged a control judges nothing else either."""
    effective, controls = loaded.profile.effective, case.dossier.results.controls
    wrong = [row.control for row in controls if row.expected != row.seen]
    if wrong:
        return say(f"control {wrong[0]} was misjudged", f"controle {wrong[0]} is verkeerd beoordeeld")
    if not controls:
        return say(
            "there are no controls, so nothing shows that the checks can fail", "er zijn geen controles gedraaid"
        )
    if case.as_of < effective.since or (effective.until is not None and case.as_of > effective.until):
        period = f"{effective.since} - {effective.until or '...'}"
        return say(f"the profile is in force {period}", f"het profiel is van kracht {period}")
    return None


def _sets(case: Case) -> tuple[SetDecision, ...]:
    rows = []
    for row in case.judged:
        by = case.denial(row)
        denied_by = "" if by is None else "default-deny" if by == "unlisted" else by.id
        decision: Literal["permitted", "denied", "not-judged"] = "denied" if by else "permitted"
        if by is None and not case.is_judged(row):
            decision = "not-judged"
        rows.append(SetDecision(parameter_set=row.name, decision=decision, denied_by=denied_by))
    return tuple(rows)
