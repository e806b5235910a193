"""Rules on what must have been shown: tests, modes of use, claims, certificates of other schemes, whose evidence."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import date as calendar
from fnmatch import fnmatchcase

from pqvalidate.certificate.predicate import CheckResult
from pqvalidate.policy.case import Case, Found, listed, say, worst
from pqvalidate.policy.dossier import ExternalCertificate, KnownClaim, Offered
from pqvalidate.policy.profile import (
    ChecksRule,
    ClaimRule,
    ClaimStatus,
    ExternalCertificateRule,
    ModeRule,
    Scheme,
    TrustRule,
)

_STATUSES: tuple[ClaimStatus, ...] = ("not-provided", "declared", "evidenced", "validated")
_STATUSES_NL: dict[ClaimStatus, str] = {
    "not-provided": "niet verstrekt", "declared": "verklaard", "evidenced": "met bewijs", "validated": "gevalideerd",
}  # fmt: skip
_ASSURANCES = ("", "substantial", "high")
_HEDGING = ("ml-dsa/hedging", "ml-dsa/hedging-seed")
_OF_A_KEM = ("approved-combiner", "ephemeral-keys")
_MOST_NAMES = 6


def checks(rule: ChecksRule, case: Case) -> Found:
    """Judge the tests of every permitted set of an algorithm: none may have failed, those asked for must have run."""
    rows = case.of_algorithm(rule.algorithm)
    if not rows:
        return Found(
            outcome="not-applicable",
            why=say(f"no permitted set of {rule.algorithm} is claimed",
                    f"er is geen toegestane parameterset van {rule.algorithm} geclaimd"),
        )  # fmt: skip
    parts = [_tested(rule, case, row.name) for row in rows]
    outcome = worst(parts)
    found = next(part for part in parts if part.outcome == outcome)
    left = listed(row.name for row, part in zip(rows, parts, strict=True) if part.outcome == "not-applicable")
    if outcome != "pass" or not left:
        return found
    en, nl = f"{found.why.en}; nothing of {left} can be asked", f"{found.why.nl}; van {left} is niets te vragen"
    return Found(outcome=outcome, why=say(en, nl))


def _tested(rule: ChecksRule, case: Case, name: str) -> Found:
    results = case.dossier.results
    answers = {a.question: a.outcome for a in results.questions if a.parameter_set == name}
    asked = [q for q in answers if q in rule.questions or "*" in rule.questions]
    unasked = [q for q in rule.questions if q != "*" and q not in answers]
    looked = [c for c in results.checks if c.parameter_set == name and _matches(rule, c)]
    failed = [c.check for c in looked if c.outcome == "fail" and c.severity != "advisory"]
    failed += [q for q in asked if answers[q] == "failed"]
    if failed:
        return Found(outcome="fail", why=say(f"{name} failed: {_few(failed)}", f"{name} faalde: {_few(failed)}"))
    never = {c.check for c in looked if rule.every and f"{name}/{c.check}" in case.dossier.unaskable}
    if rule.every and looked and not asked and not unasked and len(never) == len(looked):
        return Found(
            outcome="not-applicable",
            why=say(f"no operation of {name} can be asked: {listed(rule.checks)}",
                    f"aan geen bewerking van {name} is te vragen: {listed(rule.checks)}"),
        )  # fmt: skip
    open_ = [q for q in asked if answers[q] != "answered"] + unasked
    open_ += [c.check for c in looked if c.outcome == "inconclusive"]
    open_ += [c.check for c in looked if rule.every and c.outcome == "not-run" and c.check not in never]
    open_ += [pattern for pattern in rule.checks if not _shown(pattern, looked, never)]
    executed = sum(check.passed for check in looked if check.outcome == "pass")
    if open_ or (rule.checks and executed < rule.min_executed) or not (asked or looked):
        missing = _few(open_) if open_ else f"{executed}/{rule.min_executed} {listed(rule.checks)}"
        return Found(
            outcome="insufficient-evidence",
            why=say(f"{name} not answered: {missing}", f"{name} niet beantwoord: {missing}"),
        )
    number = len(asked) + len([c for c in looked if c.outcome == "pass"])
    over = listed(pattern for pattern in rule.checks if not _shown(pattern, looked, ()))
    en, nl = (
        ("question or check", "vraag of controle") if number == 1 else ("questions and checks", "vragen en controles")
    )
    more_en, more_nl = (f"; no operation takes: {over}", f"; geen bewerking neemt: {over}") if over else ("", "")
    return Found(
        outcome="pass",
        why=say(f"passed for each permitted set: {number} {en}; none failed{more_en}",
                f"geslaagd voor elke toegestane parameterset: {number} {nl}; geen gefaald{more_nl}"),
    )  # fmt: skip


def _shown(pattern: str, looked: Sequence[CheckResult], never: Container[str]) -> bool:
    """Return whether a check of a pattern has passed, or all of them are such as can never be asked."""
    mine = [check for check in looked if fnmatchcase(check.check, pattern)]
    return any(check.outcome == "pass" for check in mine) or (bool(mine) and all(c.check in never for c in mine))


def _matches(rule: ChecksRule, check: CheckResult) -> bool:
    return any(fnmatchcase(check.check, pattern) for pattern in rule.checks)


def _few(names: list[str]) -> str:
    return listed(names[:_MOST_NAMES]) + (" ..." if len(names) > _MOST_NAMES else "")


def mode(rule: ModeRule, case: Case) -> Found:
    """Judge a mode of use: hedged signing and pre-hash are seen in tests, the others only in a product."""
    match rule.mode:
        case "hedged-signing":
            return _hedged(case)
        case "pre-hash":
            return _pre_hash(rule, case)
        case _:
            return _use(rule, case)


def _hedged(case: Case) -> Found:
    rows = case.of_algorithm("ML-DSA")
    signing = [row for row in rows if any(name.startswith("sign") for name in row.operations)]
    if not signing:
        return Found(
            outcome="not-applicable",
            why=say("the product claims no ML-DSA set that it signs with",
                    "het product claimt geen ML-DSA-parameterset waarmee het tekent"),
        )  # fmt: skip
    parts = [_hedged_set(case, row) for row in signing]
    outcome = worst(parts)
    return next(part for part in parts if part.outcome == outcome)


def _hedged_set(case: Case, row: Offered) -> Found:
    seen = {c.outcome for c in case.dossier.results.checks if c.parameter_set == row.name and c.check in _HEDGING}
    if "fail" in seen:
        return Found(
            outcome="fail",
            why=say(f"{row.name}: two signatures of one message are equal, so signing is deterministic",
                    f"{row.name}: twee handtekeningen onder een bericht zijn gelijk, dus deterministisch"),
        )  # fmt: skip
    if "pass" in seen:
        deterministic = [name for name in row.operations if name.startswith("sign_deterministic")]
        note = say(
            f"Sign hedged; do not use {listed(deterministic)}.", f"Teken hedged; gebruik {listed(deterministic)} niet."
        )
        return Found(
            outcome="pass",
            why=say("two signatures of one message differ", "twee handtekeningen onder een bericht verschillen"),
            conditions=(note,) if deterministic else (),
        )
    return Found(
        outcome="insufficient-evidence",
        why=say(f"{row.name}: no hedged signing was shown", f"{row.name}: hedged tekenen is niet getoond"),
    )


def _pre_hash(rule: ModeRule, case: Case) -> Found:
    rows = case.of_algorithm("ML-DSA")
    offering = [row.name for row in rows if any("prehash" in name for name in row.operations)]
    if not rows:
        return Found(outcome="not-applicable", why=say("no ML-DSA is claimed", "er is geen ML-DSA geclaimd"))
    if rule.value == "require" and not offering:
        return Found(
            outcome="insufficient-evidence", why=say("no pre-hash operation was seen", "er is geen pre-hash gezien")
        )
    return Found(
        outcome="pass",
        why=say(f"pre-hash is offered by {listed(offering)}" if offering else "pre-hash is not offered",
                f"pre-hash wordt geboden door {listed(offering)}" if offering else "pre-hash wordt niet geboden"),
        conditions=(rule.message,) if offering and rule.value == "discourage" else (),
    )  # fmt: skip


def _use(rule: ModeRule, case: Case) -> Found:
    """Judge what only shows where a product is put together; its message is the condition of use of a component."""
    if rule.mode in _OF_A_KEM and not any(row.primitive == "kem" for row in case.permitted or case.judged):
        return Found(outcome="not-applicable", why=say("the product claims no kem", "het product claimt geen KEM"))
    if case.dossier.is_component:
        return Found(
            outcome="not-applicable",
            why=say("shows in a product or protocol only", "blijkt alleen uit een product of protocol"),
            conditions=(rule.message,),
        )
    return Found(outcome="insufficient-evidence", why=say("was not looked at by any test", "is door geen test bekeken"))


def claim(rule: ClaimRule, case: Case) -> Found:
    """Judge a claim by its status, value and age; it is never inferred from anything else.

    A claim that a check contradicts fails, and so does one whose value says no.
    """
    rows = [row for row in case.dossier.claims if row.claim == rule.claim and _counts(row, rule, case.as_of)]
    if any(row.contradicted for row in rows):
        return Found(
            outcome="fail",
            why=say(f"a check contradicts the claim {rule.claim}", f"een toets spreekt de claim {rule.claim} tegen"),
        )
    provided = [row for row in rows if row.status != "not-provided"]
    if any(_says_no(row, rule) for row in provided):
        return Found(
            outcome="fail",
            why=say(f"the claim {rule.claim} has a value that is not asked",
                    f"de claim {rule.claim} heeft een waarde die niet is gevraagd"),
        )  # fmt: skip
    known = [row for row in provided if row.value is not None or not rule.any_of]
    best: ClaimStatus = max((row.status for row in known), key=_STATUSES.index, default="not-provided")
    enough = _STATUSES.index(best) >= _STATUSES.index(rule.min_status)
    late = [row.as_of for row in case.dossier.claims
            if row.claim == rule.claim and row.as_of is not None and row.as_of > case.as_of]  # fmt: skip
    en = f"; one is dated {late[0]}, after the day of judgement" if late and not enough else ""
    nl = f"; een ervan is van {late[0]}, na de dag van het oordeel" if late and not enough else ""
    return Found(
        outcome="pass" if enough else "insufficient-evidence",
        why=say(f"the claim {rule.claim} is {best}; asked is {rule.min_status}{en}",
                f"de claim {rule.claim} is {_STATUSES_NL[best]}; gevraagd is {_STATUSES_NL[rule.min_status]}{nl}"),
    )  # fmt: skip


def _counts(row: KnownClaim, rule: ClaimRule, day: str) -> bool:
    """Return whether a claim was made by a day, has not expired and is young enough; undated, it has no known age."""
    if row.expires is not None and row.expires < day:
        return False
    if row.as_of is not None and row.as_of > day and not row.contradicted:
        return False
    if rule.max_age_days is None or row.contradicted:
        return True
    try:
        return row.as_of is not None and _days_between(row.as_of, day) <= rule.max_age_days
    except ValueError:
        return False


def _days_between(first: str, last: str) -> int:
    return (calendar.fromisoformat(last) - calendar.fromisoformat(first)).days


def _says_no(row: KnownClaim, rule: ClaimRule) -> bool:
    """Return whether the value is none that is asked for; without a list, only false says no."""
    if row.value is None:
        return False
    values = row.value if isinstance(row.value, tuple) else (row.value,)
    if not rule.any_of:
        return row.value is False
    asked = {(type(wanted), wanted) for wanted in rule.any_of}
    return not values or any((type(value), value) not in asked for value in values)


def external_certificate(rule: ExternalCertificateRule, case: Case) -> Found:
    """Judge certificates of other schemes: one that is active, not expired and about a tested file is enough."""
    mine = {row.sha256 for row in case.dossier.files}
    about = [row for row in case.dossier.external_certificates if row.artefact_sha256 in mine]
    rows = _latest(about, case.as_of)
    good = [row.id for row in rows if any(_good(row, scheme, case.as_of) for scheme in rule.any_of)]
    names = listed(scheme.scheme for scheme in rule.any_of)
    if good:
        return Found(outcome="pass", why=say(f"active: {listed(good)}", f"actief: {listed(good)}"))
    late = listed(row.id for row in about if row.checked_at > case.as_of)
    return Found(
        outcome="insufficient-evidence",
        why=say(f"no active certificate of {names} for the tested files was handed in"
                + (f"; looked up after the day of judgement: {late}" if late else ""),
                f"er is geen actief certificaat van {names} voor de geteste bestanden aangeleverd"
                + (f"; opgezocht na de dag van het oordeel: {late}" if late else "")),
    )  # fmt: skip


def _latest(rows: Sequence[ExternalCertificate], day: str) -> list[ExternalCertificate]:
    """Return what was known last, on a day, of each certificate: a later look at it replaces an earlier one."""
    known = sorted((row for row in rows if row.checked_at <= day), key=lambda row: row.checked_at)
    last = {(row.scheme, row.id): row.checked_at for row in known}
    return [row for row in known if row.checked_at == last[row.scheme, row.id]]


def _good(row: ExternalCertificate, scheme: Scheme, day: str) -> bool:
    return (
        row.scheme == scheme.scheme
        and row.status == "active"
        and (row.expires is None or row.expires >= day)
        and _ASSURANCES.index(row.assurance) >= _ASSURANCES.index(scheme.min_assurance)
    )


def trust(rule: TrustRule, case: Case) -> Found:
    """Judge whose evidence it is and how old; a signature counts only where it was checked."""
    parts = []
    if rule.accept_roles:
        parts.append(_role(rule, case))
    if rule.max_age_days is not None:
        parts.append(_age(rule.max_age_days, case))
    outcome = worst(parts)
    return next(part for part in parts if part.outcome == outcome)


def _role(rule: TrustRule, case: Case) -> Found:
    signed, roles = case.dossier.signed, listed(rule.accept_roles)
    if signed is None or not signed.checked:
        en, nl = ("a bundle is signed by nobody", "een bundel is door niemand ondertekend")
        if signed is not None:
            en, nl = ("the signatures were not checked", "de handtekeningen zijn niet gecontroleerd")
        return Found(
            outcome="insufficient-evidence",
            why=say(f"{en}; asked is a certificate by: {roles}", f"{nl}; gevraagd is een certificaat door: {roles}"),
        )
    good = signed.role in rule.accept_roles
    return Found(
        outcome="pass" if good else "insufficient-evidence",
        why=say(f"signed by {signed.validator} ({signed.role}); asked is: {roles}",
                f"ondertekend door {signed.validator} ({signed.role}); gevraagd is: {roles}"),
    )  # fmt: skip


def _age(most: int, case: Case) -> Found:
    day = case.dossier.tested_on
    try:
        age = (calendar.fromisoformat(case.as_of) - calendar.fromisoformat(day)).days
    except ValueError:
        return Found(outcome="insufficient-evidence", why=say("the day of the test is unknown", "testdatum onbekend"))
    if age < 0:
        return too_late(case)
    return Found(
        outcome="pass" if age <= most else "insufficient-evidence",
        why=say(f"tested on {day}, {age} {'day' if age == 1 else 'days'} before; at most {most} are asked",
                f"getest op {day}, {age} {'dag' if age == 1 else 'dagen'} eerder; gevraagd is hoogstens {most}"),
    )  # fmt: skip


def too_late(case: Case) -> Found:
    """Return what follows where the tests were made after the day of judgement: on that day they showed nothing."""
    day = case.dossier.tested_on
    return Found(
        outcome="insufficient-evidence",
        why=say(f"tested on {day}, after the day of judgement, {case.as_of}",
                f"getest op {day}, na de dag van het oordeel, {case.as_of}"),
    )  # fmt: skip
