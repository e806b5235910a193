"""A signed verdict: an in-toto SVR on the subjects of the certificate, refused when anything about it is touched."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.certificate import keygen, load_signing_key
from pqvalidate.certificate.envelope import read_envelope, seal
from pqvalidate.certificate.reading import is_verdict, read_unchecked
from pqvalidate.documents import canonical
from pqvalidate.errors import InputError, UsageError
from pqvalidate.policy.book import load_profile
from pqvalidate.policy.engine import Question, evaluate
from pqvalidate.policy.svr import sign_verdict, verify_verdict
from tests.policy.conftest import Lab
from tests.policy.shelf import bundle

# After everything that the tests make, however long the tests before them take.
NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=12)


def body(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_envelope(path).payload)
    return found


def test_it_is_a_simple_verification_result_on_the_subjects_of_the_certificate(lab: Lab) -> None:
    statement = body(lab.verdict)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/svr/v0.2"
    assert statement["subject"] == body(lab.certificate)["subject"]
    assert set(statement["predicate"]) == {"verifier", "timeCreated", "properties"}
    assert set(statement["predicate"]["verifier"]) == {"id", "policies"}  # both compulsory in v0.2
    assert re.match(r"[a-z][a-z0-9+.-]*:", statement["predicate"]["verifier"]["id"])  # a TypeURI
    policies = statement["predicate"]["verifier"]["policies"]
    expected = [load_profile(name).sha256 for name in ("nl-gov-baseline", "pqc-behaviour")]
    assert [row["digest"]["sha256"] for row in policies] == expected


def test_its_properties_say_the_decision_the_dates_the_facts_and_the_whole_verdict(lab: Lab) -> None:
    properties = body(lab.verdict)["predicate"]["properties"]
    whole = json.loads(lab.rules.read_text("utf-8"))
    assert properties[0] == "PQVALIDATE_DECISION_CONFORMS"
    assert "PQVALIDATE_SERVICE_LIFE_UNTIL_2099-01-01" in properties
    assert f"PQVALIDATE_FACTS_SHA256_{whole['facts_digest'].removeprefix('sha256:')}" in properties
    assert f"PQVALIDATE_VERDICT_SHA256_{hashlib.sha256(canonical(whole)).hexdigest()}" in properties
    met = {row["rule"] for row in whole["rules"] if row["outcome"] == "pass"}
    assert {p.removeprefix("PQVALIDATE_RULE_MET_") for p in properties if "_RULE_MET_" in p} == met


def test_a_verdict_that_does_not_conform_is_signed_as_well(lab: Lab) -> None:
    path = lab.folder / "cert.cnsa-2.0.verdict.json"
    found = verify_verdict(path, lab.trust, as_of=NOW)
    assert found.statement is not None
    assert found.statement.predicate.properties[0] == "PQVALIDATE_DECISION_DOES_NOT_CONFORM"


def test_it_is_valid_for_the_files_that_were_judged_and_no_others(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    other.write_bytes(b"other bytes")
    assert verify_verdict(lab.verdict, lab.trust, as_of=NOW, artefacts=[lab.product]).decision == "valid"
    found = verify_verdict(lab.verdict, lab.trust, as_of=NOW, artefacts=[other])
    assert (found.decision, found.statement) == ("invalid", None)


def test_it_can_be_told_from_a_certificate(lab: Lab) -> None:
    assert is_verdict(lab.verdict)
    assert not is_verdict(lab.certificate)


def changed(lab: Lab, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    envelope = json.loads(lab.verdict.read_text("utf-8"))
    change(envelope)
    path = folder / "changed.json"
    path.write_text(json.dumps(envelope), encoding="utf-8")
    return path


def _other_decision(envelope: dict[str, Any]) -> None:
    text = base64.b64decode(envelope["payload"]).replace(b"_CONFORMS", b"_CONFORMZ")
    envelope["payload"] = base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_other_decision, "signatures"),
        (lambda e: e["signatures"].pop(0), "signatures"),
        (lambda e: e["signatures"].pop(1), "signatures"),
        (lambda e: e["signatures"].clear(), "signatures"),
        (lambda e: e.update(payloadType="application/json"), "payload-type"),
    ],
)
def test_a_touched_verdict_is_refused(
    lab: Lab, tmp_path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    found = verify_verdict(changed(lab, tmp_path, change), lab.trust, as_of=NOW)
    assert (found.decision, found.statement) == ("invalid", None)
    assert found.reasons[0].startswith(reason)


def test_a_verdict_by_nobody_who_is_trusted_is_refused(lab: Lab, tmp_path: Path) -> None:
    others = keygen(tmp_path / "others", now=NOW)
    assert verify_verdict(lab.verdict, others.trust, as_of=NOW).decision == "invalid"


def test_a_verdict_by_a_key_whose_time_has_ended_is_refused_as_a_certificate_is(lab: Lab) -> None:
    assert verify_verdict(lab.verdict, lab.trust, as_of=NOW + timedelta(days=700)).decision == "valid"
    found = verify_verdict(lab.verdict, lab.trust, as_of=NOW + timedelta(days=731))
    assert found.decision == "invalid"
    assert found.reasons[0].startswith("key-period: the keys are trusted from")


def test_a_verdict_from_the_future_is_refused(lab: Lab) -> None:
    found = verify_verdict(lab.verdict, lab.trust, as_of=NOW - timedelta(days=2))
    assert found.reasons[0].startswith("validity")


def test_a_certificate_is_no_verdict_even_with_good_signatures(lab: Lab) -> None:
    with pytest.raises(InputError):
        verify_verdict(lab.certificate, lab.trust, as_of=NOW)


def test_a_verdict_that_names_another_verifier_is_refused(lab: Lab, tmp_path: Path) -> None:
    statement = body(lab.verdict)
    statement["predicate"]["verifier"]["id"] = "urn:example:somebody"
    path = tmp_path / "other.json"
    path.write_bytes(seal(canonical(statement), load_signing_key(lab.key)))
    assert verify_verdict(path, lab.trust, as_of=NOW).reasons[0].startswith("named-validator")


@pytest.mark.parametrize("spoil", [lambda data: data + b" ", lambda data: data.replace(b'"policies":', b'"policie":')])
def test_a_signed_body_of_another_form_is_an_input_error(
    lab: Lab, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "spoilt.json"
    path.write_bytes(seal(spoil(canonical(body(lab.verdict))), load_signing_key(lab.key)))
    with pytest.raises(InputError):
        verify_verdict(path, lab.trust, as_of=NOW)


def test_a_verdict_about_other_facts_is_not_signed(lab: Lab) -> None:
    other = evaluate(load_profile("uk-ncsc"), bundle("openssl"), Question(as_of="2026-11-25"))
    with pytest.raises(UsageError, match="other facts"):
        sign_verdict(other, read_unchecked(lab.certificate), load_signing_key(lab.key), NOW)


def test_the_certificate_stays_untouched_when_a_verdict_is_made_anew(lab: Lab) -> None:
    before = lab.certificate.read_bytes()
    statement = read_unchecked(lab.certificate)
    from pqvalidate.policy.dossier import from_statement

    verdict = evaluate(load_profile("uk-ncsc"), from_statement(statement, checked=True), Question(as_of="2027-03-01"))
    signed = lab.folder / "later.verdict.json"
    signed.write_bytes(sign_verdict(verdict, statement, load_signing_key(lab.key), NOW))
    assert verify_verdict(signed, lab.trust, as_of=NOW + timedelta(days=1)).decision == "valid"
    assert lab.certificate.read_bytes() == before
