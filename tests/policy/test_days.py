"""The days that count: what lies after the day of judgement shows nothing on it, and a service life has a last day."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pqvalidate.certificate.reading import read_unchecked
from pqvalidate.policy.book import read_profile
from pqvalidate.policy.dossier import Dossier, ExternalCertificate, KnownClaim, Waiver, from_evidence
from pqvalidate.policy.engine import PolicyVerdict, Question, evaluate
from pqvalidate.policy.svr import properties
from tests.cli.command import succeeded
from tests.policy.conftest import Lab
from tests.policy.shelf import TODAY, bundle, judged, rule, stored
from tests.policy.test_profiles import COMMON, HEAD, KEM, SIGNATURE, written
from tests.unit.evidence_factory import make_evidence

TESTED = "2026-11-24"
"""The day on which the stored bundles were made."""
DAY_BEFORE = "2026-11-23"
AGES = f"""{HEAD}{KEM.replace("1024", "768")}{SIGNATURE}
[[rules]]
id = "x.trust"
type = "trust"
max_age_days = 5
{COMMON}
[[rules]]
id = "x.claim"
type = "claim"
claim = "supply.cbom"
min_status = "declared"
max_age_days = 100
{COMMON}"""


def under(folder: Path, text: str, dossier: Dossier, as_of: str = TODAY, until: str | None = None) -> PolicyVerdict:
    loaded = read_profile(written(folder, text))
    return evaluate(loaded, dossier, Question(as_of=as_of, service_life_until=until))


def with_claim(as_of: str | None) -> Dossier:
    claim = KnownClaim(claim="supply.cbom", status="declared", by="Example BV", as_of=as_of)
    return replace(bundle("openssl"), claims=(claim,))


@pytest.mark.parametrize(("as_of", "decision"), [(DAY_BEFORE, "undecided"), (TESTED, "conforms"), (TODAY, "conforms")])
def test_tests_that_were_made_after_the_day_of_judgement_show_nothing(
    tmp_path: Path, as_of: str, decision: str
) -> None:
    verdict = under(tmp_path, AGES, with_claim(DAY_BEFORE), as_of)
    assert verdict.decision == decision
    early = as_of == DAY_BEFORE
    for name in ("x.trust", "nist.227.RS1", "nist.204.behaviour"):
        row = rule(verdict, name)
        assert row.outcome == ("insufficient-evidence" if early else "pass")
        assert (f"tested on {TESTED}, after the day of judgement, {DAY_BEFORE}" == row.why.en) == early
        assert (f"PQVALIDATE_RULE_MET_{name}" in properties(verdict)) == (not early)
    assert ("after the day of judgement" in verdict.why.en) == early


def test_a_failure_stays_one_on_an_earlier_day() -> None:
    dossier = from_evidence(make_evidence(outcomes={"ml-kem/kat-keygen": "fail"}))
    assert judged(dossier, "uk-ncsc", as_of="2026-11-23").decision == "does-not-conform"
    early = judged(dossier, "uk-ncsc", as_of="2026-11-22")
    assert (early.decision, rule(early, "nist.227.RS1").outcome) == ("does-not-conform", "fail")


@pytest.mark.parametrize(
    ("finished", "as_of", "decision"),
    [
        ("2026-11-24T23:59:59Z", "2026-11-24", "conforms"),
        ("2026-11-25T00:30:00+01:00", "2026-11-24", "conforms"),
        ("2026-11-24T23:30:00-01:00", "2026-11-24", "undecided"),
        ("2026-11-24T23:30:00-01:00", "2026-11-25", "conforms"),
    ],
)
def test_days_are_those_of_utc(finished: str, as_of: str, decision: str) -> None:
    evidence = stored("openssl")
    where = replace(evidence.circumstances, finished=finished)
    dossier = from_evidence(replace(evidence, circumstances=where))
    assert judged(dossier, "uk-ncsc", as_of=as_of).decision == decision


@pytest.mark.parametrize(
    ("as_of", "outcome"),
    [("2026-11-26", "insufficient-evidence"), ("2027-10-20", "insufficient-evidence"), (TODAY, "pass"),
     (None, "insufficient-evidence"), ("2026-08-17", "pass"), ("2026-08-16", "insufficient-evidence")],
)  # fmt: skip
def test_a_claim_counts_from_its_day_on_until_it_is_too_old(tmp_path: Path, as_of: str | None, outcome: str) -> None:
    row = rule(under(tmp_path, AGES, with_claim(as_of)), "x.claim")
    assert row.outcome == outcome
    assert (f"dated {as_of}, after the day of judgement" in row.why.en) == (as_of is not None and as_of > TODAY)


def test_a_claim_of_a_later_day_does_not_count_where_its_age_is_not_asked_for() -> None:
    found = [judged(with_claim(day), "nl-gov-baseline") for day in (TODAY, None, "2026-11-26")]
    assert [row.rule for row in found[0].rules].count("nl.bio2.82402") == 1
    text = {"declared": "supply.cbom is declared", "absent": "supply.cbom is not-provided"}
    assert text["declared"] in rule(found[0], "nl.bio2.82402").why.en
    assert text["declared"] in rule(found[1], "nl.bio2.82402").why.en
    assert text["absent"] in rule(found[2], "nl.bio2.82402").why.en


def test_a_contradicted_claim_fails_whatever_its_day(tmp_path: Path) -> None:
    dossier = with_claim("2026-11-26")
    wrong = replace(dossier, claims=(replace(dossier.claims[0], contradicted=True),))
    assert rule(under(tmp_path, AGES, wrong), "x.claim").outcome == "fail"


def test_a_certificate_of_another_scheme_that_was_looked_up_later_is_named() -> None:
    dossier = bundle("openssl")
    later = ExternalCertificate(
        scheme="NIST-CMVP", id="4711", status="active", checked_at="2026-11-26",
        artefact_sha256=dossier.files[0].sha256,
    )  # fmt: skip
    row = rule(judged(replace(dossier, external_certificates=(later,)), "cnsa-2.0"), "cnsa2.val")
    assert row.outcome == "insufficient-evidence"
    assert "looked up after the day of judgement: 4711" in row.why.en


def test_a_certificate_is_not_judged_on_a_day_before_it_is_valid(lab: Lab) -> None:
    first = read_unchecked(lab.certificate).predicate.validity.not_before
    words = ("judge", lab.certificate, "--policy", "uk-ncsc")
    assert first in succeeded(*words, "--as-of", "2026-11-01", code=1).stderr
    succeeded(*words, "--as-of", first[:10])
    succeeded(*words, "--as-of", "2026-11-01", "--trust", lab.trust, code=1)


FROM_2030 = 'from = "2030-01-01"\n'


def allowing(*names: str, period: str, level: str = "mandatory") -> str:
    """Return the text of a profile that allows both sets of the stored bundle, and from or until a day only these."""
    listed = ", ".join(f'"{name}"' for name in names)
    both = KEM.replace('"ML-KEM-1024"', '"ML-KEM-768", "ML-KEM-1024"')
    dated = KEM.replace('"x.kem"', '"x.dated"').replace('"ML-KEM-1024"', listed).replace('"mandatory"', f'"{level}"')
    return f"{HEAD}{both}{SIGNATURE}{dated}{period}"


@pytest.mark.parametrize(
    ("until", "outcome", "decision"),
    [
        (None, "not-applicable", "conforms"),
        ("2029-12-31", "not-applicable", "conforms"),
        ("2030-01-01", "fail", "does-not-conform"),
        ("2035-01-01", "fail", "does-not-conform"),
    ],
)
def test_a_rule_that_comes_into_force_during_use_is_judged_and_ends_the_use(
    tmp_path: Path, until: str | None, outcome: str, decision: str
) -> None:
    verdict = under(tmp_path, allowing("FrodoKEM-976", period=FROM_2030), bundle("openssl"), until=until)
    row = rule(verdict, "x.dated")
    assert (row.outcome, rule(verdict, "x.kem").outcome) == (outcome, "pass")
    told = "Do not use after 2029-12-31: rule x.dated is in force from 2030-01-01 and is not met."
    assert (told in [text.en for text in verdict.conditions]) == (outcome == "fail")
    assert ("from 2030-01-01: not allowed" in row.why.en) == (outcome == "fail")
    denied = {row.parameter_set: row.denied_by for row in verdict.sets if row.decision == "denied"}
    assert (denied.get("ML-KEM-768") == "x.dated") == (outcome == "fail")
    assert verdict.decision == decision


def test_a_rule_that_is_met_when_it_comes_into_force_ends_nothing(tmp_path: Path) -> None:
    text = allowing("ML-KEM-1024", period=FROM_2030)
    verdict = under(tmp_path, text, bundle("openssl"), until="2035-01-01")
    assert (verdict.decision, rule(verdict, "x.dated").outcome) == ("conforms", "pass")
    conditions = [condition.en for condition in verdict.conditions]
    assert "From 2030-01-01: Do not use ML-KEM-768: not allowed." in conditions
    assert not any("Do not use after" in condition for condition in conditions)


def test_an_advisory_rule_that_comes_into_force_during_use_ends_nothing_either(tmp_path: Path) -> None:
    text = allowing("FrodoKEM-976", period=FROM_2030, level="advisory")
    verdict = under(tmp_path, text, bundle("openssl"), until="2035-01-01")
    assert rule(verdict, "x.dated").outcome == "fail"
    assert not any("Do not use after" in condition.en for condition in verdict.conditions)


@pytest.mark.parametrize(("last", "outcome"), [("2026-11-24", "not-applicable"), ("2026-11-25", "fail")])
def test_a_rule_that_is_over_on_the_day_of_judgement_is_not_judged(tmp_path: Path, last: str, outcome: str) -> None:
    text = allowing("FrodoKEM-976", period=f'until = "{last}"\n')
    assert rule(under(tmp_path, text, bundle("openssl"), until="2035-01-01"), "x.dated").outcome == outcome


def waived_until(day: str, rule_name: str = "cnsa2.val", policy: str = "cnsa-2.0") -> Dossier:
    dossier = bundle("openssl")
    waiver = Waiver(
        policy=policy, rule=rule_name, reason="a pilot", approver="role:risk", expires=day,
        artefact_sha256=dossier.files[0].sha256,
    )  # fmt: skip
    return replace(dossier, waivers=(waiver,))


@pytest.mark.parametrize(
    ("expires", "until", "outcome"),
    [
        ("2026-12-01", None, "waived"),
        ("2026-12-01", "2026-12-01", "waived"),
        ("2026-12-01", "2034-01-01", "insufficient-evidence"),
        ("2033-12-31", "2034-01-01", "insufficient-evidence"),
        ("2034-01-01", "2034-01-01", "waived"),
    ],
)
def test_a_waiver_must_last_to_the_end_of_use(expires: str, until: str | None, outcome: str) -> None:
    dossier = waived_until(expires, "nl.bio2.52003", "nl-gov-baseline")
    verdict = judged(dossier, "nl-gov-baseline", until)
    row = rule(verdict, "nl.bio2.52003")
    assert row.outcome == outcome
    assert verdict.decision == ("conforms" if outcome == "waived" else "undecided")
    told = f"the waiver by role:risk ends on {expires}, before the last day of use, {until}"
    assert row.why.en.endswith(told) == (outcome != "waived")


def test_a_waiver_to_the_end_of_use_lifts_the_end_that_a_later_rule_sets(tmp_path: Path) -> None:
    text = allowing("FrodoKEM-976", period=FROM_2030)
    dossiers = [waived_until(day, "x.dated", "example-ministry") for day in ("2034-12-31", "2035-01-01")]
    short, whole = [under(tmp_path, text, dossier, until="2035-01-01") for dossier in dossiers]
    assert (rule(short, "x.dated").outcome, rule(whole, "x.dated").outcome) == ("fail", "waived")
    assert any("Do not use after 2029-12-31" in condition.en for condition in short.conditions)
    assert not any("Do not use after" in condition.en for condition in whole.conditions)
    assert any("is waived by role:risk until 2035-01-01" in condition.en for condition in whole.conditions)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"artefact_sha256": "00" * 32}, "is for another file"),
        ({"expires": "2026-11-24"}, "ended on 2026-11-24"),
    ],
)
def test_a_waiver_that_excuses_nothing_is_named_with_the_reason(changes: dict[str, str], told: str) -> None:
    dossier = waived_until("2030-01-01")
    idle = replace(dossier, waivers=(replace(dossier.waivers[0], **changes),))
    assert told in rule(judged(idle, "cnsa-2.0"), "cnsa2.val").why.en
    both = replace(idle, waivers=(*idle.waivers, *dossier.waivers))
    row = rule(judged(both, "cnsa-2.0"), "cnsa2.val")
    assert row.outcome == "waived"
    assert told not in row.why.en
