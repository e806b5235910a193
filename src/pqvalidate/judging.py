"""Judging under named profiles, as the verbs judge, run, certify, verify and profile-check ask for it."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from pqvalidate.bundle import read_evidence
from pqvalidate.certificate import Statement
from pqvalidate.certificate import verify as verify_certificate
from pqvalidate.certificate.belief import pin_of, stamp_of
from pqvalidate.certificate.keys import write_new
from pqvalidate.certificate.overview import Page
from pqvalidate.certificate.predicate import format_time, parse_time
from pqvalidate.certificate.reading import read_unchecked
from pqvalidate.certificate.signing import Signer
from pqvalidate.claims.registry import REGISTRY, VALUE_KINDS
from pqvalidate.documents import to_json
from pqvalidate.errors import PqvalidateError, UsageError
from pqvalidate.evidence import Evidence
from pqvalidate.policy.book import LoadedProfile, borrows_its_name, load_profile
from pqvalidate.policy.case import say
from pqvalidate.policy.claim_linting import never_met
from pqvalidate.policy.dossier import (
    NOTHING_ADDED,
    BuyersFile,
    Dossier,
    from_evidence,
    from_statement,
    read_buyers_file,
)
from pqvalidate.policy.engine import PolicyVerdict, Question, evaluate, refuse_ended
from pqvalidate.policy.linting import remarks
from pqvalidate.policy.profile import is_day, type_of
from pqvalidate.policy.svr import sign_verdict, verify_verdict
from pqvalidate.policy.waivers import idle_waivers
from pqvalidate.report import CERTIFICATE_FORMATS, papers, policy_text, verdict_text
from pqvalidate.report.policy_text import PolicyReport, PolicyRow, ReportedFile, ReportedProduct
from pqvalidate.report.words import printable
from pqvalidate.verdict import EXIT_CODES, ClaimVerdict, Decision, Verdict
from pqvalidate.verdict import judge as judge_claims

AS_CLAIMED = "as-claimed"
_OUTCOMES: dict[str, Decision] = {"pass": "conforms", "fail": "does-not-conform", "inconclusive": "undecided"}
_FOR_PROFILES = {
    "--parameter-set": "parameter_set", "--service-life-until": "service_life_until", "--dossier": "dossier",
}  # fmt: skip
_WORST: tuple[Decision, ...] = ("does-not-conform", "undecided", "conforms")


class NotValidError(PqvalidateError):
    """A certificate that was to be judged must not be relied on."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is judged: the dossier, the verdict as claimed, and the bundle's folder if it is one."""

    dossier: Dossier
    claims: tuple[ClaimVerdict, ...]
    as_claimed: PolicyRow
    bundle: str | None
    evidence: Evidence | None = None


def question(given: argparse.Namespace, today: datetime) -> Question:
    """Return what is asked, from the flags of a verb; without --as-of, as of today.

    Raises:
        UsageError: a date does not exist, or the service life ends before the day of judgement.

    """
    as_of = getattr(given, "as_of", None) or today.date().isoformat()
    life = getattr(given, "service_life_until", None)
    for flag, day in (("--as-of", as_of), ("--service-life-until", life)):
        if day is not None and (len(day) != len("2026-01-31") or not is_day(day)):
            raise UsageError(f"{flag} {day!r} is not a date; write it as YYYY-MM-DD")
    refuse_ended(as_of, life)
    return Question(as_of=as_of, service_life_until=life, uses=tuple(getattr(given, "parameter_set", ())))


def load(names: Sequence[str]) -> dict[str, LoadedProfile | None]:
    """Return the profiles by name, in the order given; as-claimed is no profile and maps to None.

    Raises:
        UsageError, InputError: as ``policy.book.load_profile``; or a policy is named twice.

    """
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise UsageError(f"--policy {twice[0]} is given twice")
    return {name: None if name == AS_CLAIMED else load_profile(name) for name in names}


def added(given: argparse.Namespace) -> BuyersFile:
    """Return what --dossier adds, or nothing."""
    path = getattr(given, "dossier", None)
    return read_buyers_file(Path(path)) if path else NOTHING_ADDED


def of_evidence(evidence: Evidence, more: BuyersFile, bundle: str | None) -> Judged:
    """Return a run or a bundle as something to judge."""
    verdict = judge_claims(evidence)
    row = PolicyRow(policy=AS_CLAIMED, decision=verdict.decision, why=say(verdict.why, verdict.why))
    return Judged(
        dossier=from_evidence(evidence, more), claims=verdict.claims, as_claimed=row, bundle=bundle, evidence=evidence
    )


def of_statement(statement: Statement, more: BuyersFile, *, checked: bool) -> Judged:
    """Return a certificate as something to judge; its outcome is what as-claimed decides."""
    decision = _OUTCOMES[statement.predicate.results.outcome]
    why = say("as the certificate states it", "zoals het certificaat het vermeldt")
    return Judged(
        dossier=from_statement(statement, checked=checked, added=more), claims=(),
        as_claimed=PolicyRow(policy=AS_CLAIMED, decision=decision, why=why), bundle=None,
    )  # fmt: skip


def read(given: argparse.Namespace, asked: Question, now: datetime) -> Judged:
    """Read the bundle or certificate that a verb was given.

    Raises:
        InputError: it is malformed.
        NotValidError: a certificate has expired, or is not valid yet or not under --trust; it then decides nothing.

    """
    path, more = Path(given.bundle), added(given)
    if path.is_dir() or not path.exists():
        return of_evidence(read_evidence(path), more, str(path))
    if not given.trust:
        statement = read_unchecked(path)
        first, last = statement.predicate.validity.not_before, statement.predicate.validity.not_after
        if asked.as_of > last[: len(asked.as_of)]:
            raise NotValidError(f"{path} is not judged, for it expired on {last}")
        if asked.as_of < first[: len(asked.as_of)]:
            raise NotValidError(f"{path} is not judged, for on {asked.as_of} it was not valid yet, but from {first} on")
        return of_statement(statement, more, checked=False)
    # Valid at some moment of the day: from now on today, at its end on another day.
    today = now.date().isoformat() == asked.as_of
    moment = now if today else parse_time(f"{asked.as_of}T23:59:59Z")
    found = verify_certificate(path, Path(given.trust), as_of=moment, pin=pin_of(given))
    if found.decision != "valid" or found.statement is None:
        raise NotValidError(f"{path} is not judged, for it is {found.decision}: {'; '.join(found.reasons)}")
    return of_statement(found.statement, more, checked=True)


def judge_all(judged: Judged, profiles: dict[str, LoadedProfile | None], asked: Question) -> PolicyReport:
    """Judge one product under every policy; the worst decision is that of the whole.

    Raises:
        UsageError: as ``policy.engine.evaluate``.

    """
    rows = [judged.as_claimed if profile is None else _row(profile, judged, asked) for profile in profiles.values()]
    dossier = judged.dossier
    signed = dossier.signed
    kind = "bundle" if signed is None else "certificate" if signed.checked else "certificate, signatures not checked"
    return PolicyReport(
        schema="pqvalidate/policy-report/1",
        iut=ReportedProduct(
            vendor=dossier.vendor, name=dossier.name, version=dossier.version,
            artefacts=tuple(ReportedFile(path=row.name, sha256=row.sha256) for row in dossier.files),
        ),
        policy=", ".join(row.policy for row in rows), decision=worst([row.decision for row in rows]),
        as_of=asked.as_of, service_life_until=asked.service_life_until, judged_from=kind, seed=dossier.seed,
        facts_digest=dossier.facts_digest, bundle=judged.bundle, claims=judged.claims, policies=tuple(rows),
    )  # fmt: skip


def _row(profile: LoadedProfile, judged: Judged, asked: Question) -> PolicyRow:
    verdict = evaluate(profile, judged.dossier, asked)
    return PolicyRow(
        policy=verdict.policy.id, decision=verdict.decision, why=verdict.why, verdict=verdict,
        silent=profile.profile.silent,
    )  # fmt: skip


def worst(decisions: Sequence[Decision]) -> Decision:
    """Return the decision of several together: one that does not conform, else one that is undecided."""
    return next(decision for decision in _WORST if decision in decisions)


def refuse_early(names: Sequence[str], given: argparse.Namespace, now: datetime) -> None:
    """Refuse a policy, a date or a dossier that cannot be used, before anything is measured or read.

    A waiver that has no effect here is told on standard error, whatever the format of the report.

    Raises:
        UsageError, InputError: as ``load``, ``question``, ``added``, ``idle_waivers``; or a flag would have no effect.

    """
    profiles = load(names)
    question(given, now)
    more = added(given)
    for note in idle_waivers(
        more, Path(getattr(given, "dossier", None) or ""), [row for row in profiles.values() if row]
    ):
        sys.stderr.write(f"pqvalidate: {printable(note)}\n")
    for flag, word in _FOR_PROFILES.items():
        # Of a run and an import, --parameter-set says what is examined.
        own = given.verb in {"run", "acvp"} and word == "parameter_set"
        if getattr(given, word, None) and not own and not any(profiles.values()):
            raise UsageError(f"{flag} has no effect without a --policy other than {AS_CLAIMED}")


def wants_a_matrix(names: Sequence[str], given: argparse.Namespace) -> bool:
    """Return whether a judgement is printed as a matrix of policies and not as the report of a run."""
    named = list(names) != [AS_CLAIMED] and given.format in {"text", "markdown", "html"}
    return named or given.format == "pdf" or len(names) > 1 or Path(given.bundle).is_file()


def matrix(names: Sequence[str], given: argparse.Namespace, now: datetime) -> tuple[str | bytes, int]:
    """Judge a bundle or a certificate under the policies; return the page and the exit code.

    Raises:
        UsageError, InputError: an input is malformed, or the format shows one policy only.

    """
    if given.format not in {"text", "json", "markdown", *papers.FORMATS}:
        raise UsageError(f"--format {given.format} shows one policy of a bundle; use text, json, markdown, html or pdf")
    profiles, asked = load(names), question(given, now)
    report = judge_all(read(given, asked, now), profiles, asked)
    code = EXIT_CODES[report.decision]
    if given.format in papers.FORMATS:
        return papers.of_report(report, given.format, given.lang, to_json(report)), code
    return _document(report) if given.format == "json" else page(report, given), code


def page(report: PolicyReport, given: argparse.Namespace) -> str:
    """Return the report as text or Markdown, in the language that was asked for."""
    show = policy_text.markdown if given.format == "markdown" else policy_text.text
    return show(report, getattr(given, "lang", "en"))


def of_run(evidence: Evidence, given: argparse.Namespace, folder: Path, now: datetime) -> PolicyReport:
    """Judge a run, or a bundle, under the one policy that was named.

    Raises:
        UsageError, InputError: as ``matrix``.

    """
    asked = question(given, now)
    # Of a run, --parameter-set says what is examined; only of a judgement it says what will be used.
    asked = asked if given.verb == "judge" else replace(asked, uses=())
    return judge_all(of_evidence(evidence, added(given), str(folder)), load([given.policy]), asked)


def beside(printed: str, report: PolicyReport, given: argparse.Namespace) -> str:
    """Return the report of a run with the verdict under its policy: one document, or one page behind the other."""
    if given.format == "json":
        return _document(msgspec.json.decode(printed) | {"policy_verdict": report.policies[0].verdict})
    if given.format == "html":
        return papers.run_html(printed, report, given.lang)
    return f"{printed}\n{page(report, given)}" if given.format in {"text", "markdown"} else printed


def verified_under(
    given: argparse.Namespace, statement: Statement, page_of: Page, now: datetime
) -> tuple[str | bytes, int]:
    """Judge a certificate whose signatures are good; return its page with the matrix behind it, and the exit code."""
    report = judge_all(of_statement(statement, added(given), checked=True), load(given.policy), question(given, now))
    code = EXIT_CODES[report.decision]
    match given.format:
        case "json":
            return _document(msgspec.to_builtins(page_of) | {"policy_report": report}), code
        case "html":
            return papers.certificate_html(page_of, given.lang, report), code
        case "pdf":
            return papers.of_certificate(page_of, Path(given.certificate), given.lang, report), code
        case _:
            return f"{CERTIFICATE_FORMATS['text'](page_of, given.lang)}\n{page(report, given)}", code


def verified_verdict(given: argparse.Namespace, as_of: datetime) -> tuple[str | bytes, int]:
    """Verify a signed policy verdict; return its page, and 0 if it is authentic, whatever it says.

    Raises:
        UsageError: --policy was given, which judges certificates.

    """
    if given.policy:
        raise UsageError("--policy judges a certificate; this file is a verdict under a policy already")
    if given.catalogue or given.root or given.max_staleness or given.state:
        raise UsageError(
            "a catalogue has the status of certificates; ask for that of the certificate, not of a verdict"
        )
    path = Path(given.certificate)
    found = verify_verdict(
        path, Path(given.trust), artefacts=[Path(p) for p in given.artefact], as_of=as_of, pin=pin_of(given),
        stamp=stamp_of(given),
    )  # fmt: skip
    code = 0 if found.decision == "valid" else 1
    if given.format in papers.FORMATS:
        return papers.of_verdict(found, format_time(as_of), path, given.format, given.lang), code
    return verdict_text.json(found) if given.format == "json" else verdict_text.text(found, given.lang), code


def _document(value: Any) -> str:  # noqa: ANN401  (any record or JSON value)
    return to_json(value).decode("utf-8")


def run_verdict(report: PolicyReport) -> Verdict:
    """Return the verdict of one policy in the form that run reports print, with the claims as evidence shows them."""
    (row,) = report.policies
    return Verdict(policy=row.policy, decision=row.decision, why=row.why.en, claims=report.claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictFiles:
    """A signed verdict and the whole verdict beside it."""

    policy: str
    decision: Decision
    signed: Path
    whole: Path


def planned_files(certificate: Path, profiles: dict[str, LoadedProfile | None]) -> dict[str, tuple[Path, Path]]:
    """Return where the verdicts of a certificate go, by policy: the signed statement and the whole verdict.

    Raises:
        UsageError: one of the files exists or would belong to two policies, or the policy is as-claimed, whose outcome
            the certificate states itself.

    """
    found: dict[str, tuple[Path, Path]] = {}
    for name, profile in profiles.items():
        if profile is None:
            raise UsageError(f"the outcome under {name} is in the certificate itself; name another --policy")
        stem = f"{certificate.name.removesuffix(certificate.suffix)}.{profile.profile.id}"
        paths = certificate.with_name(f"{stem}.verdict.json"), certificate.with_name(f"{stem}.rules.json")
        same = next((other for other, taken in found.items() if taken == paths), None)
        if same:
            raise UsageError(f"{same} and {name} are both called {profile.profile.id}; sign one of them at a time")
        for path in paths:
            if path.exists():
                raise UsageError(f"{path} exists and is never overwritten; choose another --out")
        found[name] = paths
    return found


def sign_verdicts(
    certificate: Path, key: Signer, profiles: dict[str, LoadedProfile | None], asked: Question, now: datetime
) -> list[VerdictFiles]:
    """Judge a certificate that was just issued and write one signed verdict for each policy beside it.

    Raises:
        UsageError: as ``planned_files`` and ``policy.svr.sign_verdict``.

    """
    places = planned_files(certificate, profiles)
    statement = read_unchecked(certificate)
    judged = of_statement(statement, NOTHING_ADDED, checked=True)  # our own key signed it a moment ago
    made = []
    for name, profile in profiles.items():
        if profile is not None:
            verdict: PolicyVerdict = evaluate(profile, judged.dossier, asked)
            signed, whole = places[name]
            write_new(whole, to_json(verdict), mode=0o644)
            write_new(signed, sign_verdict(verdict, statement, key, now), mode=0o644)
            made.append(VerdictFiles(policy=verdict.policy.id, decision=verdict.decision, signed=signed, whole=whole))
    return made


def check_profile(path: str, today: str) -> str:
    """Return what the linter says about a profile that has no errors.

    Raises:
        UsageError, InputError: there is no such profile, or it is malformed or contradicts itself.

    """
    from pqvalidate.suites import all_checks  # noqa: PLC0415  (only a linter asks which checks exist)

    loaded = load_profile(path)
    profile, rules = loaded.profile, tuple(rule for _, rule in loaded.rules)
    kinds = Counter(type_of(rule) for rule in rules)
    lines = [
        f"{profile.id} {profile.version} ({profile.status}): {profile.title.en}",
        f"  sha256    {loaded.sha256}",
        f"  extends   {', '.join(base.id for base in profile.extends) or 'nothing'}",
        f"  rules     {', '.join(f'{number} {kind}' for kind, number in sorted(kinds.items()))}",
    ]
    found = [
        *remarks(profile, rules, [check.name for check in all_checks()], today, list(REGISTRY)),
        *never_met(profile.rules, REGISTRY, {str(kind): words for kind, words in VALUE_KINDS.items()}),
        *([f"{profile.id} is the name of a built-in profile with other content."] if borrows_its_name(loaded) else []),
    ]
    lines += [f"  remark    {remark}" for remark in found] or ["  no remarks"]
    return "".join(f"{printable(line)}\n" for line in lines)
