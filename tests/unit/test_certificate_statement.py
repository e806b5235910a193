"""The statement: facts only, complete in its gaps, the same bytes for the same input."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqvalidate.certificate import build_statement, wording
from pqvalidate.certificate.consistency import problems
from pqvalidate.certificate.predicate import Independence, Statement, Validator, plain
from pqvalidate.documents import canonical
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Control, Evidence, Outcome, facts_digest
from pqvalidate.verdict import judge
from tests.unit.evidence_factory import GOOD_CONTROLS, PRODUCT, QUESTIONS, STEPS, make_evidence, question, step, subject

VALIDATOR = Validator(
    id="urn:pqvalidate:validator:00", name="Lab", role="lab", accreditation=None,
    independence=Independence(vendor_relation="none", statement="declared"),
)  # fmt: skip


def state(evidence: Evidence, **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"issued_at": "2026-11-23T09:00:00Z", "valid_days": 365, "cert_id": "PQV-1"} | changes
    return build_statement(evidence, VALIDATOR, **options)


def parsed(evidence: Evidence) -> Statement:
    return msgspec.convert(state(evidence), Statement, strict=True)


def test_the_same_input_gives_the_same_bytes() -> None:
    assert canonical(state(make_evidence())) == canonical(state(make_evidence()))


def test_the_subject_is_each_tested_artefact_by_both_digests() -> None:
    (row,) = state(make_evidence())["subject"]
    assert row["name"] == "x_crypto.so"
    assert row["digest"] == {
        "sha256": hashlib.sha256(PRODUCT).hexdigest(), "sha512": hashlib.sha512(PRODUCT).hexdigest(),
    }  # fmt: skip
    assert row["annotations"] == {"digestOf": "file", "bytes": len(PRODUCT), "binding": "observed"}


def test_the_types_are_pinned_and_the_type_names_no_host() -> None:
    tree = state(make_evidence())
    assert tree["_type"] == "https://in-toto.io/Statement/v1"
    assert tree["predicateType"] == "urn:pqvalidate:attestation:validation-certificate:v1"


def test_seed_vectors_controls_tool_and_digest_are_carried() -> None:
    evidence = make_evidence()
    body = state(evidence)["predicate"]
    assert body["method"]["seed"] == evidence.facts.plan.seed
    assert body["method"]["tool"] == "pqvalidate 0.1.0"
    assert body["method"]["vectors"] == [
        {"name": "acvp/ML-KEM-keyGen-FIPS203", "revision": "v1.1.0.43", "parameterSet": "ML-KEM-768",
         "digest": {"sha256": "ab" * 32}},
    ]  # fmt: skip
    assert len(body["results"]["controls"]) == len(GOOD_CONTROLS)
    assert "sha256:" + body["results"]["deterministicDigest"]["sha256"] == facts_digest(evidence.facts)


def test_a_folder_that_could_name_a_person_is_left_out_of_the_command() -> None:
    assert state(make_evidence())["predicate"]["method"]["command"] == [
        "pqvalidate", "run", "x.toml", "--depth", "standard",
    ]  # fmt: skip


def test_what_was_not_tested_is_every_step_that_did_not_end_and_what_no_check_sees() -> None:
    steps = (
        *STEPS,
        step("ml-kem/ek-length", reason="excluded", why="asked by the operator"),
        step("ml-kem/dk-hash", cases=3),
    )  # fmt: skip
    evidence = make_evidence(steps=steps, outcomes={"ml-kem/dk-hash": "error"})
    rows = state(evidence)["predicate"]["scope"]["notTested"]
    assert [(row["check"], row["reason"]) for row in rows if row["check"]] == [
        ("ml-kem/kat-encapsulate", "operation-missing"), ("ml-kem/ek-length", "excluded"), ("ml-kem/dk-hash", "error"),
    ]  # fmt: skip
    assert [row["what"] for row in rows if not row["check"]] == [
        what for what, _ in (wording.TIMING_GAP, *wording.GAPS)
    ]


def test_further_cases_that_a_step_could_not_ask_are_listed_though_it_passed() -> None:
    steps = (msgspec.structs.replace(STEPS[0], why="26 cases need sign_with_rnd"), *STEPS[1:])
    rows = state(make_evidence(steps=steps))["predicate"]["scope"]["notTested"]
    assert [(row["reason"], row["why"]) for row in rows if row["check"] == "ml-kem/kat-keygen"] == [
        ("operation-missing", "26 cases need sign_with_rnd")
    ]


def test_a_failed_check_that_was_cut_short_is_listed_too() -> None:
    evidence = make_evidence(outcomes={"ml-kem/kat-keygen": "fail"})
    cut = msgspec.structs.replace(evidence.facts.results[0], passed=0, not_run=1)
    facts = msgspec.structs.replace(evidence.facts, results=(cut, *evidence.facts.results[1:]))
    statement = parsed(msgspec.structs.replace(evidence, facts=facts))
    assert problems(statement) == []
    row = next(row for row in statement.predicate.scope.not_tested if row.check == "ml-kem/kat-keygen")
    assert (row.reason, row.why) == ("not-at-this-depth", "1 of 2 cases were not run")


def test_timing_is_no_gap_where_a_timing_check_ran() -> None:
    timed = step("ml-kem/timing", suite="timing", severity="advisory")
    body = state(make_evidence(steps=(*STEPS, timed)))["predicate"]
    assert wording.TIMING_GAP[0] not in [row["what"] for row in body["scope"]["notTested"]]
    assert [c["determinism"] for c in body["results"]["checks"] if c["suite"] == "timing"] == ["measured"]


def test_what_is_not_tested_is_never_empty_even_if_everything_passed() -> None:
    evidence = make_evidence(steps=STEPS[:1], questions=QUESTIONS[:1])
    body = state(evidence)["predicate"]
    assert body["results"]["outcome"] == "pass"
    assert len(body["scope"]["notTested"]) == 1 + len(wording.GAPS)


def test_an_empty_list_of_what_was_not_tested_is_a_contradiction_even_if_everything_passed() -> None:
    tree = state(make_evidence(steps=STEPS[:1], questions=QUESTIONS[:1]))
    tree["predicate"]["scope"]["notTested"] = []
    (problem,) = problems(msgspec.convert(tree, Statement, strict=True))
    assert problem.startswith("scope.notTested is empty")


def test_a_claimed_parameter_set_that_was_left_out_is_listed_and_the_outcome_is_inconclusive() -> None:
    evidence = make_evidence(tested=subject(claims=("ML-KEM-768", "ML-DSA-65")))
    body = state(evidence)["predicate"]
    assert [row["what"] for row in body["scope"]["notTested"] if row["parameterSet"] == "ML-DSA-65"] == [
        "ML-DSA-65: all of it"
    ]
    assert [(row["name"], row["claimed"]) for row in body["scope"]["algorithms"]] == [
        ("ML-KEM-768", True), ("ML-DSA-65", True),
    ]  # fmt: skip
    assert body["results"]["outcome"] == "inconclusive"


def test_oid_and_standard_come_from_the_table_and_a_draft_has_no_oid() -> None:
    steps = (step("kyber/kat-keygen", parameter_set="Kyber-768"),)
    tested = subject(claims=("Kyber-768",))
    evidence = make_evidence(steps=(*STEPS, *steps), tested=tested)
    rows = {row["name"]: row for row in state(evidence)["predicate"]["scope"]["algorithms"]}
    assert rows["ML-KEM-768"]["oid"] == "2.16.840.1.101.3.4.4.2"
    assert rows["Kyber-768"]["oid"] is None
    assert rows["Kyber-768"]["version"] == "round 3"
    assert not rows["ML-KEM-768"]["claimed"]


def test_conditions_of_use_and_notes_of_the_adapter_are_carried() -> None:
    tested = subject(caller_checks=("encapsulation-key",), notes=("uses a private function",))
    body = state(make_evidence(tested=tested))["predicate"]
    assert body["product"]["conditionsOfUse"] == [wording.CALLER_CHECKS["encapsulation-key"]]
    assert body["scope"]["limitations"][-1] == "Note on the adapter: uses a private function"


MISJUDGED = (Control(control="mutant", check="ml-kem/kat-keygen", expected="fail", seen="pass"),)
OUTCOMES: dict[str, tuple[Mapping[str, Any], str]] = {
    "every question is answered": ({}, "pass"),
    "a check failed": ({"outcomes": {"ml-kem/implicit-rejection": "fail"}}, "fail"),
    "a check ended in an error of ours": ({"outcomes": {"ml-kem/kat-keygen": "error"}}, "inconclusive"),
    "a question is open": ({"questions": (*QUESTIONS, question("lengths", "ml-kem/ek-length"))}, "inconclusive"),
    "nothing was asked": ({"questions": ()}, "inconclusive"),
    "nothing is claimed": ({"tested": subject(claims=())}, "inconclusive"),
    "there are no controls": ({"controls": ()}, "inconclusive"),
    "a control was misjudged": ({"controls": MISJUDGED}, "inconclusive"),
    "a control was misjudged and a check failed": (
        {"controls": MISJUDGED, "outcomes": {"ml-kem/kat-keygen": "fail"}}, "inconclusive",
    ),
    "an advisory check failed": (
        {"steps": (*STEPS, step("ml-kem/advice", severity="advisory")), "outcomes": {"ml-kem/advice": "fail"}}, "pass",
    ),
    "an advisory check failed that could have answered a question": (
        {
            "steps": (*STEPS, step("ml-kem/advice", severity="advisory")),
            "questions": (*QUESTIONS, question("advice", "ml-kem/advice", "ml-kem/kat-keygen")),
            "outcomes": {"ml-kem/advice": "fail"},
        },
        "pass",
    ),
    "a failure and an open question": (
        {"questions": (*QUESTIONS, question("x", "none")), "outcomes": {"ml-kem/kat-keygen": "fail"}}, "fail",
    ),
}  # fmt: skip
SAME = {"conforms": "pass", "does-not-conform": "fail", "undecided": "inconclusive"}


@pytest.mark.parametrize("case", OUTCOMES)
def test_the_outcome_follows_from_the_results_and_agrees_with_the_default_policy(case: str) -> None:
    options, expected = OUTCOMES[case]
    evidence = make_evidence(**options)
    statement = parsed(evidence)
    assert statement.predicate.results.outcome == expected == SAME[judge(evidence).decision]
    assert problems(statement) == []


@given(
    st.lists(st.sampled_from(["pass", "fail", "error"]), min_size=3, max_size=3),
    st.sampled_from([GOOD_CONTROLS, MISJUDGED, ()]),
    st.booleans(),
)
def test_any_evidence_gives_a_statement_without_contradictions_that_agrees_with_the_policy(
    seen: list[Outcome],
    controls: tuple[Control, ...],
    advisory: bool,  # noqa: FBT001
) -> None:
    steps = [msgspec.structs.replace(row, severity="advisory") if advisory and row.cases else row for row in STEPS]
    outcomes = dict(zip([row.check for row in steps if row.cases], seen, strict=True))
    evidence = make_evidence(steps=steps, outcomes=outcomes, controls=controls)
    statement = parsed(evidence)
    assert problems(statement) == []
    # Judging counts an error of ours before nothing else; both call the whole undecided then.
    assert statement.predicate.results.outcome == SAME[judge(evidence).decision]


@pytest.mark.parametrize("days", [0, -1, 1827, 10**12])
def test_a_validity_out_of_range_is_refused(days: int) -> None:
    with pytest.raises(UsageError, match="1 to 1826 days"):
        state(make_evidence(), valid_days=days)


@pytest.mark.parametrize("time", ["2026-11-23", "2026-11-23T09:00:00", "9999-12-31T00:00:00Z", "today", ""])
def test_a_time_of_issue_out_of_form_or_range_is_refused(time: str) -> None:
    with pytest.raises(UsageError, match="no time of issue"):
        state(make_evidence(), issued_at=time)


def test_an_unknown_parameter_set_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="ML-KEM-769"):
        state(make_evidence(steps=(step("ml-kem/kat-keygen", parameter_set="ML-KEM-769"),)))


def test_times_of_the_run_become_utc_to_the_second() -> None:
    evidence = make_evidence()
    where = msgspec.structs.replace(evidence.circumstances, started="2026-11-23T10:00:00.25+02:00")
    evidence = msgspec.structs.replace(evidence, circumstances=where)
    assert state(evidence)["predicate"]["environment"]["started"] == "2026-11-23T08:00:00Z"
    broken = msgspec.structs.replace(evidence, circumstances=msgspec.structs.replace(where, started="yesterday"))
    with pytest.raises(UsageError, match=r"circumstances\.started"):
        state(broken)


def test_texts_of_a_vendor_lose_what_cannot_be_seen() -> None:
    tested = subject(vendor="Cafe\u0301 BV", name="X\x1b[31m\u202e")
    body = state(make_evidence(tested=tested))["predicate"]
    assert body["product"]["vendor"] == "Caf\u00e9 BV"
    assert body["product"]["name"] == "X\ufffd[31m\ufffd"


@pytest.mark.parametrize("name", ["Cafe\u0301", "X\x1b[31m", "X\u202e", "two\nlines", "X\u2028", "tab\tbed", "\x7f"])
def test_a_signed_text_that_is_not_plain_is_a_contradiction(name: str) -> None:
    tree = state(make_evidence())
    tree["predicate"]["product"]["name"] = name
    (problem,) = problems(msgspec.convert(tree, Statement, strict=True))
    assert "is not in Unicode normal form C or holds characters that cannot be seen" in problem


@pytest.mark.parametrize("name", ["Caf\u00e9", 'the "X" \\new\\', "\u65e5\u672c\u8a9e", "\U0001f512", "\u00a0\u3000"])
def test_other_texts_are_none(name: str) -> None:
    tree = state(make_evidence())
    tree["predicate"]["product"]["name"] = name
    assert problems(msgspec.convert(tree, Statement, strict=True)) == []


@given(st.text())
def test_a_plain_text_stays_as_it_is_and_is_in_normal_form_c(text: str) -> None:
    shown = plain(text)
    assert plain(shown) == shown == unicodedata.normalize("NFC", shown)
    shown.encode()  # no lone surrogate is left
