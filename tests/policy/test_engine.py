"""The engine: what decides, what never does, waivers, claims, other certificates, dates, and whose evidence counts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pqvalidate.errors import InputError, UsageError
from pqvalidate.evidence import Outcome
from pqvalidate.policy import proving
from pqvalidate.policy.dossier import (
    BuyersFile,
    Dossier,
    ExternalCertificate,
    KnownClaim,
    Waiver,
    from_evidence,
    read_buyers_file,
)
from pqvalidate.policy.profile import ClaimStatus
from tests.policy.shelf import NAMES, TODAY, bundle, certificate, judged, rule, signed_by_a, stored
from tests.unit.evidence_factory import GOOD_CONTROLS, STEPS, make_evidence, subject

WAIVER = f"""[[waivers]]
policy = "cnsa-2.0"
rule = "cnsa2.val"
reason = "pilot"
approver = "role:risk"
expires = "2027-01-01"
artefact_sha256 = "{"ab" * 32}"
"""
ASKED = [row.check for row in STEPS if row.reason is None]


def niap(dossier: Dossier, **changes: str) -> ExternalCertificate:
    good = ExternalCertificate(
        scheme="NIST-CMVP", id="4711", status="active", checked_at=TODAY, artefact_sha256=dossier.files[0].sha256,
        expires="2030-01-01",
    )  # fmt: skip
    return replace(good, **changes)


def waiver(dossier: Dossier, **changes: str) -> Waiver:
    good = Waiver(
        policy="cnsa-2.0", rule="cnsa2.val", reason="a pilot without classified data", approver="role:chief-risk",
        expires="2027-06-30", artefact_sha256=dossier.files[0].sha256,
    )  # fmt: skip
    return replace(good, **changes)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_and_its_certificate_are_judged_alike_but_for_trust(name: str) -> None:
    for policy in ("cnsa-2.0", "bsi-tr-02102-1-2026", "asd-ism"):
        one, other = judged(bundle(name), policy), judged(signed_by_a("lab", name), policy)
        assert one.rules == other.rules
        assert (one.decision, one.facts_digest) == (other.decision, other.facts_digest)


def test_the_same_question_gives_the_same_verdict() -> None:
    assert judged(bundle("openssl"), "cnsa-2.0") == judged(bundle("openssl"), "cnsa-2.0")


def test_nothing_is_decided_by_whoever_misjudged_a_control() -> None:
    wrong = [replace(row, seen="fail" if row.expected == "pass" else "pass") for row in GOOD_CONTROLS]
    for controls in (wrong, ()):
        verdict = judged(from_evidence(make_evidence(controls=controls)), "uk-ncsc")
        assert verdict.decision == "undecided"
        assert "control" in verdict.why.en


def test_evidence_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(UsageError, match="contradict"):
        from_evidence(replace(make_evidence(), facts_digest="sha256:" + "00" * 32))


def test_a_product_that_claims_nothing_is_undecided() -> None:
    verdict = judged(from_evidence(make_evidence(tested=subject(claims=()))), "uk-ncsc")
    assert (verdict.decision, verdict.why.en) == ("undecided", "no mandatory rule applies")


def test_before_a_profile_is_in_force_it_decides_nothing() -> None:
    verdict = judged(bundle("openssl"), "bsi-tr-02102-1-2026", as_of="2026-01-22")
    assert verdict.decision == "undecided"
    assert "2026-01-23" in verdict.why.en


@given(
    outcomes=st.fixed_dictionaries({check: st.sampled_from(["pass", "fail", "error"]) for check in ASKED}),
    policy=st.sampled_from(["pqc-behaviour", "nist-base", "uk-ncsc"]),
)
def test_conforms_is_said_only_where_no_check_failed_or_broke(outcomes: dict[str, Outcome], policy: str) -> None:
    decision = judged(from_evidence(make_evidence(outcomes=outcomes)), policy).decision
    assert decision != "conforms" or set(outcomes.values()) == {"pass"}
    assert (decision == "does-not-conform") == ("fail" in outcomes.values())


def test_an_active_certificate_of_another_scheme_for_the_tested_file_meets_cnsa() -> None:
    dossier = bundle("openssl")
    assert judged(dossier, "cnsa-2.0").decision == "undecided"
    assert judged(replace(dossier, external_certificates=(niap(dossier),)), "cnsa-2.0").decision == "conforms"


@pytest.mark.parametrize(
    "changes",
    [{"status": "historical"}, {"expires": "2026-11-24"}, {"artefact_sha256": "00" * 32}, {"scheme": "EUCC"},
     {"checked_at": "2026-11-26"}],
)  # fmt: skip
def test_a_certificate_of_another_scheme_that_does_not_hold_shows_nothing(changes: dict[str, str]) -> None:
    dossier = bundle("openssl")
    dossier = replace(dossier, external_certificates=(niap(dossier, **changes),))
    assert rule(judged(dossier, "cnsa-2.0"), "cnsa2.val").outcome == "insufficient-evidence"


def test_a_waiver_sets_a_rule_aside_and_stays_visible() -> None:
    dossier = bundle("openssl")
    verdict = judged(replace(dossier, waivers=(waiver(dossier),)), "cnsa-2.0")
    row = rule(verdict, "cnsa2.val")
    assert (verdict.decision, row.outcome) == ("conforms", "waived")
    assert row.waiver is not None
    assert (row.waiver.instead_of, row.waiver.approver) == ("insufficient-evidence", "role:chief-risk")
    assert "cnsa2.val" in verdict.why.en
    assert any("waived" in condition.en for condition in verdict.conditions)


@pytest.mark.parametrize(
    "changes",
    [{"expires": "2026-11-24"}, {"artefact_sha256": "00" * 32}, {"rule": "cnsa2.kem"}, {"policy": "nist-base"}],
)
def test_a_waiver_that_is_over_or_about_something_else_sets_nothing_aside(changes: dict[str, str]) -> None:
    dossier = bundle("openssl")
    verdict = judged(replace(dossier, waivers=(waiver(dossier, **changes),)), "cnsa-2.0")
    assert verdict.decision == "undecided"
    assert not any(row.outcome == "waived" for row in verdict.rules)


def test_a_waiver_cannot_turn_waived_rules_alone_into_conformity() -> None:
    dossier = from_evidence(make_evidence(outcomes={"ml-kem/kat-keygen": "fail"}))
    names = ("nist.227.RS1", "nist.203.checks", "nist.203.implicit", "nist.203.kpke")
    waivers = tuple(waiver(dossier, policy="pqc-behaviour", rule=name) for name in names[:1])
    verdict = judged(replace(dossier, waivers=waivers), "pqc-behaviour")
    assert verdict.decision == "undecided"


@pytest.mark.parametrize(
    ("status", "expires", "outcome"),
    [("not-provided", None, "insufficient-evidence"), ("declared", None, "insufficient-evidence"),
     ("evidenced", None, "pass"), ("validated", None, "pass"), ("evidenced", TODAY, "pass"),
     ("evidenced", "2026-11-24", "insufficient-evidence")],
)  # fmt: skip
def test_a_claim_needs_its_status_and_must_not_be_over(status: ClaimStatus, expires: str | None, outcome: str) -> None:
    claim = KnownClaim(claim="supply.cbom", status=status, by="Example BV", expires=expires)
    verdict = judged(replace(bundle("openssl"), claims=(claim,)), "nl-gov-baseline")
    found = rule(verdict, "nl.bio2.82402")
    assert found.outcome == outcome
    if expires is None:
        assert f" is {status}; asked is evidenced" in found.why.en
        words = {"not-provided": "niet verstrekt", "declared": "verklaard", "evidenced": "met bewijs"}
        assert f" is {words.get(status, 'gevalideerd')}; gevraagd is met bewijs" in found.why.nl


@pytest.mark.parametrize(("role", "outcome"), [("lab", "pass"), ("government", "pass"),
                                               ("buyer", "insufficient-evidence")])  # fmt: skip
def test_only_an_independent_third_party_counts_where_the_profile_asks_for_one(role: str, outcome: str) -> None:
    assert rule(judged(signed_by_a(role, "openssl"), "nl-gov-baseline"), "nl.bio2.52003").outcome == outcome


@pytest.mark.parametrize(
    ("day", "en", "nl"),
    [("2026-11-24", "1 day before", "1 dag eerder"), ("2026-11-23", "2 days before", "2 dagen eerder")],
)
def test_one_day_is_said_in_the_singular(day: str, en: str, nl: str) -> None:
    case: Any = SimpleNamespace(dossier=SimpleNamespace(tested_on=day), as_of="2026-11-25")
    found = proving._age(0, case)
    assert found.outcome == "insufficient-evidence"
    assert en in found.why.en
    assert nl in found.why.nl


def test_evidence_grows_too_old() -> None:
    verdict = judged(signed_by_a("lab", "openssl"), "nl-gov-baseline", as_of="2028-01-01")
    assert rule(verdict, "nl.bio2.52003").outcome == "insufficient-evidence"


def test_a_set_that_will_be_used_must_be_claimed() -> None:
    with pytest.raises(UsageError, match=r"ML-KEM-512.*nearest"):
        judged(bundle("openssl"), "nist-base", None, "ML-KEM-512")


def test_the_sets_that_will_be_used_decide_alone() -> None:
    assert judged(bundle("openssl"), "nist-base", None, "ML-DSA-44").decision == "conforms"
    assert judged(bundle("openssl"), "asd-ism", None, "ML-DSA-44").decision == "does-not-conform"
    assert judged(bundle("openssl"), "asd-ism", None, "ML-KEM-1024").decision == "conforms"


def test_a_service_life_cannot_end_before_the_judgement() -> None:
    with pytest.raises(UsageError, match="service life"):
        judged(bundle("openssl"), "nist-base", "2026-01-01")


def test_every_rule_names_its_source_and_speaks_both_languages() -> None:
    verdict = judged(bundle("openssl"), "nl-gov-baseline")
    for row in verdict.rules:
        assert row.source is not None
        assert row.message.en != row.message.nl
        assert row.why.nl


def test_the_file_of_a_buyer_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dossier.toml"
    path.write_text(
        'schema = "pqvalidate/dossier/1"\n' + WAIVER.replace('"pilot"', '"""\nA pilot,\nin three cities"""')
    )
    assert isinstance(read_buyers_file(path), BuyersFile)
    assert read_buyers_file(path).waivers[0].rule == "cnsa2.val"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[claims]]\nclaim = "supply.sbom"\nstatus = "validated"\nby = "us"\n', "cannot make a claim validated"),
        ('[[claims]]\nclaim = "supply.sbom"\nstatus = "declared"\nby = "us"\nexpires = "2026-02-30"\n', "no day"),
        ('[[waiver]]\nrule = "x"\n', "unknown key 'waiver'"),
        ('waivers = [{ rule = "cnsa2.val" }]\n', "missing required field"),
        (WAIVER.replace('"pilot"', '" "'), r"waivers\[0\].reason: has no visible character"),
        (WAIVER.replace('"pilot"', r'"\u200b\t"'), r"waivers\[0\].reason: has no visible character"),
        (WAIVER.replace('"role:risk"', r'"\u00a0"'), r"waivers\[0\].approver: has no visible character"),
    ],
)
def test_a_wrong_file_of_a_buyer_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "dossier.toml"
    path.write_text('schema = "pqvalidate/dossier/1"\n' + text)
    with pytest.raises(InputError, match=problem):
        read_buyers_file(path)


def test_the_stored_bundles_are_whole() -> None:
    assert all(stored(name).status == "complete" for name in NAMES)
    assert certificate("openssl").predicate.results.outcome == "pass"
