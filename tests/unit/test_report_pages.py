"""The pages about a plan and about a certificate."""

from __future__ import annotations

import json

import pytest

from pqvalidate.report import certificate_text, plan_text
from tests.golden.certificates import CERTIFICATES, expired, invalid, valid
from tests.golden.samples import SAMPLES, Sample, conforming, interrupted, refuted


def plan_of(sample: Sample) -> plan_text.PlanReport:
    facts = sample.evidence.facts
    return plan_text.build_plan_report(facts.plan, facts.subject)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_plan_lists_every_step_once(sample: str) -> None:
    made = SAMPLES[sample]()
    report = json.loads(plan_text.json(plan_of(made)))
    assert report["schema"] == "pqvalidate/plan-report/1"
    assert len(report["checks"]) == len(made.evidence.facts.plan.steps)
    assert len(report["not_tested"]) == sum(check["reason"] is not None for check in report["checks"])


def test_a_plan_names_the_questions_that_would_stay_open() -> None:
    text = plan_text.text(plan_of(interrupted()), width=120, colour=False)
    assert "Questions that would stay open" in text
    assert "Are inputs of the wrong length refused?" in text


def test_a_plan_without_open_questions_says_nothing_of_them() -> None:
    assert "stay open" not in plan_text.text(plan_of(conforming()), width=120, colour=False)


def test_a_plan_says_what_would_be_asked_in_part() -> None:
    text = plan_text.text(plan_of(refuted()), width=120, colour=False)
    assert "asked in part" in text
    assert "3 published cases cannot be asked: no SHA3-224" in text


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_page_keeps_to_its_width_and_cuts_nothing(name: str, width: int) -> None:
    text = certificate_text.text(CERTIFICATES[name](), width=width, colour=False)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_a_certificate_page_says_first_whether_it_is_valid_and_then_what_was_seen() -> None:
    first, second = certificate_text.text(valid(), width=80, colour=False).splitlines()[:2]
    assert first == "Certificate VALID  as of 2026-12-01T00:00:00Z"
    assert second == "The tests that it records: fail; 5 failed checks, 1 advisory miss, listed below."


@pytest.mark.parametrize("make", [valid, expired])
def test_a_certificate_page_shows_what_was_not_tested(make: object) -> None:
    assert callable(make)
    text = certificate_text.text(make(), width=120, colour=False)
    assert "NOT TESTED" in text
    assert "Fault injection: needs physical access and equipment." in text
    assert "ml-kem/kat-encapsulate  encapsulate_derand" in text


def test_a_certificate_page_shows_digests_signers_and_every_rule() -> None:
    page = valid()
    text = certificate_text.text(page, width=80, colour=False)
    assert page.contents is not None
    wanted = [subject.digest.sha256 for subject in page.contents.subjects]
    wanted += [signer.spki_sha256 for signer in page.signers]
    assert all(digest in text for digest in wanted)
    assert f"{len(page.rules)} of {len(page.rules)} hold" in text


def test_contents_without_good_signatures_are_not_shown() -> None:
    text = certificate_text.text(invalid(), width=80, colour=False)
    assert text.startswith("Certificate INVALID")
    assert "pq-signature: no valid signature by a trusted key." in text
    assert "NOT TESTED" not in text
    assert "Signed by nobody who is trusted." in text


def test_an_expired_certificate_says_since_when() -> None:
    assert "validity: it expired on 2027-11-23T10:00:00Z." in certificate_text.text(expired(), width=80, colour=False)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_page_is_one_json_document(name: str) -> None:
    page = json.loads(certificate_text.json(CERTIFICATES[name]()))
    assert page["decision"] == name
    assert (page["contents"] is None) == (name == "invalid")
