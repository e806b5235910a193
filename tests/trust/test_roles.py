"""A key counts in its own role only: validators sign certificates, policy owners verdicts, nobody else either."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pqvalidate.certificate import Verified, certify, load_trust, verify
from pqvalidate.certificate.belief import Pin
from pqvalidate.certificate.envelope import seal
from pqvalidate.certificate.keys import MAY_SIGN, Revocation, Trust
from pqvalidate.certificate.predicate import plain_tree
from pqvalidate.certificate.reading import read_unchecked
from pqvalidate.certificate.roots import make_next, revoke
from pqvalidate.documents import canonical, to_json
from pqvalidate.errors import UsageError
from pqvalidate.policy.book import load_profile
from pqvalidate.policy.dossier import from_statement
from pqvalidate.policy.engine import Question, evaluate
from pqvalidate.policy.svr import build_svr, sign_verdict, verify_verdict
from tests.trust.holders import LATER, Cast, Holder, edit


def outcome(found: Verified, rule: str) -> str:
    return next(row.outcome for row in found.rules if row.rule == rule)


def why(found: Verified, rule: str) -> str:
    return next(row.why for row in found.rules if row.rule == rule)


def trusting(path: Path, *holders: Holder) -> Path:
    """Write an unsigned trust file that names these holders in their own roles."""
    path.write_bytes(to_json(Trust(schema="pqvalidate/trust/1", validators=tuple(row.entry for row in holders))))
    return path


def resigned(certificate: Path, by: Holder, path: Path) -> Path:
    """Return the certificate as if another holder had issued it, signed without asking for its role."""
    stated = plain_tree(msgspec.to_builtins(read_unchecked(certificate)))
    stated["predicate"]["validator"] = plain_tree(msgspec.to_builtins(by.key.validator))
    path.write_bytes(seal(canonical(stated), by.key))
    return path


def holder_of(cast: Cast, role: str) -> Holder:
    return {"policy-owner": cast.owner, "catalogue": cast.catalogue, "root": cast.roots[0]}[role]


def test_a_certificate_by_a_validator_counts_beside_holders_of_other_roles(
    cast: Cast, certificate: Path, tmp_path: Path
) -> None:
    trust = trusting(tmp_path / "trust.json", cast.owner, cast.lab, cast.catalogue, cast.roots[0])
    found = verify(certificate, trust, as_of=LATER)
    assert (found.decision, outcome(found, "key-role")) == ("valid", "pass")


@pytest.mark.parametrize("role", ["policy-owner", "catalogue", "root"])
def test_a_certificate_by_a_key_of_another_role_is_refused_with_that_reason(
    role: str, cast: Cast, certificate: Path, tmp_path: Path
) -> None:
    by = holder_of(cast, role)
    forged = resigned(certificate, by, tmp_path / "forged.json")
    found = verify(forged, trusting(tmp_path / "trust.json", by, cast.lab), as_of=LATER)
    assert found.decision == "invalid"
    assert outcome(found, "key-role") == "fail"
    assert f"({role}) may sign" in why(found, "key-role")
    assert why(found, "key-role").endswith("not certificates")
    assert found.statement is None


def test_the_same_certificate_by_a_second_validator_is_accepted(cast: Cast, certificate: Path, tmp_path: Path) -> None:
    own = resigned(certificate, cast.other_lab, tmp_path / "own.json")
    found = verify(own, trusting(tmp_path / "trust.json", cast.other_lab), as_of=LATER)
    assert found.decision == "valid", found.reasons


def test_a_role_cannot_be_changed_in_the_file_of_the_key_alone(cast: Cast, certificate: Path, tmp_path: Path) -> None:
    # The trust file decides: what the signer claims to be has no effect.
    forged = resigned(certificate, cast.catalogue, tmp_path / "forged.json")
    trust = trusting(tmp_path / "trust.json", cast.catalogue)
    assert verify(forged, trust, as_of=LATER).decision == "invalid"
    edit(trust, lambda tree: tree["validators"][0].update(purpose="validator"))
    assert verify(forged, trust, as_of=LATER).decision == "valid"


def test_a_trust_file_from_before_there_were_roles_names_validators(
    cast: Cast, certificate: Path, tmp_path: Path
) -> None:
    trust = trusting(tmp_path / "trust.json", cast.lab)
    edit(trust, lambda tree: [tree["validators"][0].pop(name) for name in ("purpose", "revoked")])
    assert load_trust(trust).validators[0].purpose == "validator"
    assert verify(certificate, trust, as_of=LATER).decision == "valid"


@pytest.mark.parametrize("role", ["policy-owner", "catalogue", "root"])
def test_no_certificate_is_issued_with_a_key_of_another_role(
    role: str, cast: Cast, bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="not certificates"):
        certify(bundle, holder_of(cast, role).key, tmp_path / "out.json", now=LATER)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["owner", "lab", "catalogue"])
def test_a_verdict_counts_from_a_validator_or_a_policy_owner(
    name: str, cast: Cast, certificate: Path, tmp_path: Path
) -> None:
    by: Holder = getattr(cast, name)
    statement = read_unchecked(certificate)
    facts = from_statement(statement, checked=True)
    verdict = evaluate(load_profile("uk-ncsc"), facts, Question(as_of="2027-01-01"))
    allowed = "verdicts" in MAY_SIGN[by.entry.purpose]
    path = tmp_path / "verdict.json"
    if allowed:
        path.write_bytes(sign_verdict(verdict, statement, by.key, LATER))
    else:
        with pytest.raises(UsageError, match="not verdicts"):
            sign_verdict(verdict, statement, by.key, LATER)
        body = build_svr(verdict, statement.subject, by.key.validator.id, "2027-01-01T00:00:00Z")
        path.write_bytes(seal(canonical(body), by.key))
    found = verify_verdict(path, trusting(tmp_path / "trust.json", by), as_of=LATER)
    assert (found.decision == "valid") is allowed
    assert allowed or found.reasons[0].startswith("key-role: A catalogue (catalogue) may sign")


def test_a_verdict_by_a_revoked_key_is_refused(cast: Cast, certificate: Path, tmp_path: Path) -> None:
    statement = read_unchecked(certificate)
    verdict = evaluate(
        load_profile("uk-ncsc"), from_statement(statement, checked=True), Question(as_of="2027-01-01")
    )  # fmt: skip
    path = tmp_path / "verdict.json"
    path.write_bytes(sign_verdict(verdict, statement, cast.owner.key, LATER))
    old = cast.first(tmp_path / "1.json")
    found = verify_verdict(path, old.path, as_of=LATER, pin=Pin(sha256=old.sha256))
    assert (found.decision, found.signed_by) == ("valid", "A ministry (policy-owner)")
    assert found.trust_file.endswith("pinned by its digest")
    rows = revoke(old, cast.owner.entry.id, Revocation(since="2026-12-01T00:00:00Z", reason="left office"))
    new = cast.write(tmp_path / "2.json", make_next(old, now=LATER, days=365, validators=rows), (0, 1))
    found = verify_verdict(path, new.path, as_of=LATER)
    assert found.reasons[0].startswith("not-revoked: the keys of A ministry are revoked since")


def test_the_roles_overlap_in_verdicts_and_in_roots_of_catalogues_only() -> None:
    told = [what for allowed in MAY_SIGN.values() for what in allowed]
    twice = ["catalogue roots", "verdicts"]
    assert sorted(told) == sorted(["catalogue metadata", "certificates", "trust files", *twice, *twice])
