"""What a page says of a certificate's scope: a set that was left out is never among those tested."""

from __future__ import annotations

from msgspec.structs import replace

from pqvalidate.certificate.overview import SetResult
from pqvalidate.report.identity import scope
from pqvalidate.report.messages import ENGLISH

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
