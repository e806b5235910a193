"""What a page says of a certificate's scope: a set that was left out is never among those tested."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pqvalidate.certificate.overview import Page, SetResult
from pqvalidate.report.certificate_sheet import sheet
from pqvalidate.report.certificate_text import text
from pqvalidate.report.html import certificate
from pqvalidate.report.identity import cut, scope
from pqvalidate.report.messages import ENGLISH, Language, Messages
from tests.golden.certificates import invalid, valid

ASKED = SetResult(
    parameter_set="ML-KEM-768", standard="FIPS 203", claimed=True, passed=1, failed=0, inconclusive=0, not_run=0,
    cases_run=3, cases_planned=3, answered=1, questions=1, open_questions=(),
)  # fmt: skip


def test_a_set_that_nothing_was_asked_of_is_named_as_not_tested() -> None:
    left_out = replace(ASKED, parameter_set="ML-KEM-1024", passed=0, cases_run=0, cases_planned=0, answered=0)
    assert list(scope([ASKED, left_out], ENGLISH)) == [
        ("scope tested", "ML-KEM-768 (FIPS 203)"),
        ("not tested", "ML-KEM-1024 (FIPS 203)"),
    ]
    assert list(scope([ASKED], ENGLISH)) == [("scope tested", "ML-KEM-768 (FIPS 203)")]


def with_name(name: str) -> Page:
    page = valid()
    assert page.contents
    return replace(page, contents=replace(page.contents, product=name, version="1"))


def test_a_long_name_does_not_fill_the_first_page_and_stands_whole_in_the_details() -> None:
    name = "A" * 10_000
    page = certificate(with_name(name))
    first, _, details = page.partition('<div class="details">')
    assert f"<h1>{'A' * 120}...</h1>" in first
    assert "A" * 121 not in first
    assert name in details
    paper = sheet(with_name(name))
    assert paper.title == cut(name) == "A" * 120 + "..."
    assert "A" * 121 not in str(paper.first)
    assert name in str(paper.details)


def test_a_name_that_fits_is_shown_as_it_is_and_once() -> None:
    name = "A" * 118
    page = certificate(with_name(name))
    assert f"<h1>{name} 1</h1>" in page
    assert name not in page.partition('<div class="details">')[2]
    assert sheet(with_name(name)).title == f"{name} 1"


def test_advisory_misses_are_no_failures_in_any_count() -> None:
    page = valid()
    assert page.contents
    failed = [row for row in page.contents.failed_checks if row.severity != "advisory"]
    assert sum(row.failed for row in page.contents.results) == len(failed) == 5
    assert sum(row.advisory for row in page.contents.results) == 1
    said = "5 failed checks, 1 advisory miss, listed below"
    assert all(said in shown for shown in (text(page, width=100), certificate(page), str(sheet(page).boxes)))
    assert page.contents.failed_checks[-1].severity == "advisory"
    before, _, after = text(page, width=100).partition("advisory, no failure")
    assert ("ml-kem/dk-embedded-ek" in before, "ml-kem/dk-embedded-ek" in after) == (False, True)


def test_without_advisory_misses_nothing_is_said_of_them() -> None:
    page = valid()
    assert page.contents
    checks = tuple(row for row in page.contents.failed_checks if row.severity != "advisory")
    sets = tuple(replace(row, advisory=0) for row in page.contents.results)
    page = replace(page, contents=replace(page.contents, failed_checks=checks, results=sets))
    assert all("advisory" not in shown for shown in (text(page), certificate(page), str(sheet(page))))


@pytest.mark.parametrize(("lang", "negation"), [("en", "Does not hold: "), ("nl", "Gaat niet op: ")])
def test_a_rule_that_does_not_hold_is_never_said_as_if_it_did(lang: Language, negation: str) -> None:
    page = invalid()
    rule = Messages(lang).known(page.rule_texts[page.reasons[0].partition(": ")[0]])
    assert f"<strong>{negation}{rule}</strong>" in certificate(page, lang=lang)
    assert f"{negation}{rule}" in str(sheet(page, lang).first[0])
