"""Issuing: what is refused, what is written, and that nothing is withheld."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pqvalidate.certificate import SigningKey, certify, keygen, load_signing_key, verify
from pqvalidate.errors import InputError, PqvalidateError, UsageError
from pqvalidate.evidence import CaseRecord, Evidence, facts_digest
from tests.unit.certificate_bench import LATER, MADE
from tests.unit.certificate_bench import issue as make_issued
from tests.unit.evidence_factory import STEPS, make_cases, make_evidence, step, subject, write_bundle


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return load_signing_key(keygen(tmp_path_factory.mktemp("key"), now=MADE).signing_key)


def test_the_certificate_says_what_was_issued_and_verifies(tmp_path: Path) -> None:
    issued = make_issued(tmp_path / "a", cert_id="LAB-2026-1", valid_days=10)
    verified = issued.verify(as_of=MADE + timedelta(days=9))
    assert verified.decision == "valid"
    assert verified.statement
    body = verified.statement.predicate
    assert (body.certificate.id, body.validity.not_after) == ("LAB-2026-1", "2026-12-03T09:00:00Z")
    assert verified.body_sha256 == hashlib.sha256(issued.body).hexdigest()


def test_the_files_of_the_evidence_are_named_by_digest(tmp_path: Path) -> None:
    issued = make_issued(tmp_path / "a")
    rows = {row["name"]: row["digest"]["sha256"] for row in issued.statement["predicate"]["materials"]}
    files = [path for path in (issued.folder / "bundle").iterdir() if path.is_file()]
    assert rows == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_samples_of_failures_are_named_as_a_tree(tmp_path: Path) -> None:
    cases = make_cases(STEPS, {"ml-kem/kat-keygen": "fail"})
    cases[1] = msgspec.structs.replace(cases[1], data={"observed": "ab" * 20_000})
    evidence = make_evidence(outcomes={"ml-kem/kat-keygen": "fail"})
    bundle = write_bundle(tmp_path / "bundle", evidence, cases)
    keys = keygen(tmp_path / "keys", now=MADE)
    made = certify(bundle, load_signing_key(keys.signing_key), tmp_path / "c.json", now=MADE)
    assert made.outcome == "fail"
    verified = verify(tmp_path / "c.json", keys.trust, as_of=LATER)
    assert verified.statement
    names = [row.name for row in verified.statement.predicate.materials]
    assert names == ["evidence.json", "plan.json", "cases.jsonl", "samples/"]


def test_the_same_bundle_key_and_time_give_the_same_body_and_another_time_another_identifier(
    tmp_path: Path, key: SigningKey
) -> None:
    bundle = write_bundle(tmp_path / "bundle", make_evidence())
    first = certify(bundle, key, tmp_path / "1.json", now=MADE)
    second = certify(bundle, key, tmp_path / "2.json", now=MADE)
    third = certify(bundle, key, tmp_path / "3.json", now=MADE + timedelta(seconds=1))
    assert first.body_sha256 == second.body_sha256 != third.body_sha256
    assert first.id == second.id != third.id
    assert re.fullmatch(r"PQV-2026-[0-9a-f]{16}", first.id)


OUTCOMES: dict[str, Any] = {
    "pass": {},
    "fail": {"ml-kem/kat-keygen": "fail"},
    "inconclusive": {"ml-kem/kat-keygen": "error"},
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_is_issued_and_none_withheld(outcome: str, tmp_path: Path, key: SigningKey) -> None:
    cases = make_cases(STEPS, OUTCOMES[outcome])
    bundle = write_bundle(tmp_path / "bundle", make_evidence(outcomes=OUTCOMES[outcome]), cases)
    assert certify(bundle, key, tmp_path / "c.json", now=MADE).outcome == outcome


def test_an_existing_file_is_not_overwritten(tmp_path: Path, key: SigningKey) -> None:
    out = tmp_path / "c.json"
    out.write_text("mine")
    with pytest.raises(UsageError, match="never overwritten"):
        certify(write_bundle(tmp_path / "bundle", make_evidence()), key, out, now=MADE)
    assert out.read_text() == "mine"


def test_a_dangling_link_is_not_written_through(tmp_path: Path, key: SigningKey) -> None:
    bundle = write_bundle(tmp_path / "bundle", make_evidence())
    (tmp_path / "c.json").symlink_to(tmp_path / "nowhere")  # it does not "exist", as a file that appears too late
    with pytest.raises(UsageError, match="never overwritten"):
        certify(bundle, key, tmp_path / "c.json", now=MADE)
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_missing_is_an_error_of_use(tmp_path: Path, key: SigningKey) -> None:
    bundle = write_bundle(tmp_path / "bundle", make_evidence())
    with pytest.raises(UsageError, match="cannot write"):
        certify(bundle, key, tmp_path / "missing" / "c.json", now=MADE)


def rewrite(evidence: Evidence, **changes: Any) -> Evidence:
    """Return evidence with changed facts whose digest is right again."""
    facts = msgspec.structs.replace(evidence.facts, **changes)
    return msgspec.structs.replace(evidence, facts=facts, facts_digest=facts_digest(facts))


def edit_json(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(bundle: Path) -> None:
        tree = json.loads((bundle / name).read_text())
        change(tree)
        (bundle / name).write_text(json.dumps(tree))

    return apply


def replace_cases(bundle: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = bundle / "cases.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def add_case(case: CaseRecord) -> Callable[[Path], None]:
    return lambda bundle: replace_cases(bundle, lambda lines: [*lines, msgspec.json.encode(case) + b"\n"])


BAD_BUNDLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "it is missing": (lambda b: b.rename(b.parent / "away"), "cannot be read"),
    "it was cut off": (lambda b: (b / "evidence.json").unlink(), "--resume"),
    "it was interrupted": (edit_json("evidence.json", lambda t: t.update(status="interrupted")), "--resume"),
    "a result was edited": (
        edit_json("evidence.json", lambda t: t["facts"]["results"][0].update(outcome="fail")), "facts_digest",
    ),
    "the version was edited": (
        edit_json("evidence.json", lambda t: t["facts"]["subject"].update(version="9")), "facts_digest",
    ),
    "the plan differs from the evidence": (
        edit_json("plan.json", lambda t: t["plan"].update(seed="00")), "plan: differs",
    ),
    "the plan is missing": (lambda b: (b / "plan.json").unlink(), "plan.json"),
    "the cases are missing": (lambda b: (b / "cases.jsonl").unlink(), "cases.jsonl"),
    "a case was taken away": (lambda b: replace_cases(b, lambda lines: lines[1:]), "step 0"),
    "a case was turned into a failure": (
        lambda b: replace_cases(b, lambda lines: [lines[0].replace(b'"pass"', b'"fail"'), *lines[1:]]), "step 0",
    ),
    "a case was renamed": (
        lambda b: replace_cases(b, lambda lines: [lines[0].replace(b"keygen/0", b"keygen/7"), *lines[1:]]), "step 0",
    ),
    "a fault was added to a case": (
        lambda b: replace_cases(b, lambda lines: [lines[0].replace(b'"fault":""', b'"fault":"crash"'), *lines[1:]]),
        "step 0",
    ),
    "a case was added to a step that was not run": (
        add_case(CaseRecord(step=1, case="x", outcome="pass")), "step 1",
    ),
    "a case belongs to no step": (add_case(CaseRecord(step=99, case="x", outcome="pass")), "not planned"),
    "a case belongs to a negative step": (add_case(CaseRecord(step=-1, case="x", outcome="pass")), "not planned"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_BUNDLES)
def test_a_bundle_that_does_not_hold_together_is_not_signed(case: str, tmp_path: Path, key: SigningKey) -> None:
    change, message = BAD_BUNDLES[case]
    bundle = write_bundle(tmp_path / "bundle", make_evidence())
    change(bundle)
    with pytest.raises(InputError, match=message):
        certify(bundle, key, tmp_path / "c.json", now=MADE)
    assert not (tmp_path / "c.json").exists()


UNFIT: dict[str, tuple[Evidence, str]] = {
    "no artefact is named": (make_evidence(tested=subject(artefacts=())), r"\[\[artefacts\]\]"),
    "the vendor has no name": (make_evidence(tested=subject(vendor="")), "vendor"),
    "an artefact is named twice": (make_evidence(tested=subject(artefacts=subject().artefacts * 2)), "named twice"),
    "a check is planned twice": (make_evidence(steps=(*STEPS, step("ml-kem/kat-keygen"))), "twice"),
    "the run ended in the future": (
        msgspec.structs.replace(
            make_evidence(),
            circumstances=msgspec.structs.replace(make_evidence().circumstances, finished="2027-01-01T00:00:00Z"),
        ),
        "Check the clock",
    ),
    "a digest is none": (
        make_evidence(tested=subject(artefacts=(msgspec.structs.replace(subject().artefacts[0], sha256="x"),))),
        "sha256",
    ),
    "the digest of the facts is right but the seed is no hex": (
        rewrite(make_evidence(), plan=msgspec.structs.replace(make_evidence().facts.plan, seed="seed")), "seed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFIT)
def test_evidence_that_makes_no_sound_statement_is_not_signed(case: str, tmp_path: Path, key: SigningKey) -> None:
    evidence, message = UNFIT[case]
    bundle = write_bundle(tmp_path / "bundle", evidence)
    with pytest.raises(InputError, match=message):
        certify(bundle, key, tmp_path / "c.json", now=MADE)
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize(
    ("when", "days"),
    [(MADE - timedelta(seconds=1), 365), (MADE, 731), (MADE + timedelta(days=366), 365), (MADE, 10**6), (MADE, 10**18)],
)
def test_a_certificate_may_not_outlive_its_key(when: datetime, days: int, tmp_path: Path, key: SigningKey) -> None:
    bundle = write_bundle(tmp_path / "bundle", make_evidence())
    with pytest.raises(UsageError):
        certify(bundle, key, tmp_path / "c.json", now=when, valid_days=days)


def test_a_time_of_issue_without_a_zone_is_refused(tmp_path: Path, key: SigningKey) -> None:
    bundle = write_bundle(tmp_path / "bundle", make_evidence())
    with pytest.raises(UsageError, match="zone"):
        certify(bundle, key, tmp_path / "c.json", now=datetime(2026, 11, 24))  # noqa: DTZ001


def test_a_signature_that_was_damaged_in_the_making_is_not_written(
    tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seal is made for another body, as a fault in the signing device would; the real verifier must notice."""
    module = __import__("sys").modules[certify.__module__]
    real = module.seal
    monkeypatch.setattr(module, "seal", lambda body, secret: real(body + b" ", secret))
    bundle = write_bundle(tmp_path / "bundle", make_evidence())
    with pytest.raises(PqvalidateError, match="does not verify"):
        certify(bundle, key, tmp_path / "c.json", now=MADE)
    assert not (tmp_path / "c.json").exists()
