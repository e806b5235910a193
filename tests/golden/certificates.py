"""Pages about certificates to print: valid for a run that failed, expired, and one whose signatures are not good."""

from __future__ import annotations

from msgspec.structs import replace

from pqvalidate.certificate.overview import Page, summary
from pqvalidate.certificate.predicate import Independence, Statement, Validator
from pqvalidate.certificate.statement import build_statement
from pqvalidate.certificate.verification import RULES, ArtefactMatch, RuleOutcome, Signer, Verified
from pqvalidate.documents import to_record
from tests.golden.samples import SAMPLES, octets

_SIGNERS = (
    Signer(family="classical", scheme="ecdsa-sha2-nistp384", spki_sha256=octets("classical", 32)),
    Signer(family="pq", scheme="ml-dsa-87/1", spki_sha256=octets("pq", 32)),
)
_VALIDATOR = Validator(
    id="urn:example:lab", name="Example Laboratory", role="lab", accreditation=None,
    independence=Independence(vendor_relation="none", statement="declared"),
)  # fmt: skip


def _statement(sample: str) -> Statement:
    tree = build_statement(
        SAMPLES[sample]().evidence, _VALIDATOR, issued_at="2026-11-23T10:00:00Z", valid_days=365, cert_id="EX-2026-0001"
    )
    return to_record(tree, Statement, "sample", "Correct the sample")


def valid() -> Page:
    """Return the page about a valid certificate of a run that does not conform, one file of which was given."""
    statement = _statement("does-not-conform")
    subject = statement.subject[0]
    return summary(
        Verified(
            decision="valid", reasons=(), rules=tuple(RuleOutcome(rule=rule, outcome="pass") for rule in RULES),
            as_of="2026-12-01T00:00:00Z", body_sha256=octets("body", 32), signers=_SIGNERS, statement=statement,
            artefacts=(ArtefactMatch(path="delivered/y-crypto", sha256=subject.digest.sha256, subject=subject.name),),
        )
    )  # fmt: skip


def expired() -> Page:
    """Return the page about an expired certificate of a run that conforms."""
    why = "it expired on 2027-11-23T10:00:00Z"
    outcomes = {rule: RuleOutcome(rule=rule, outcome="pass") for rule in RULES}
    outcomes["validity"] = RuleOutcome(rule="validity", outcome="fail", why=why)
    outcomes["artefacts"] = RuleOutcome(rule="artefacts", outcome="not-checked", why="no --artefact was given")
    return summary(
        Verified(
            decision="expired", reasons=(f"validity: {why}",), rules=tuple(outcomes.values()),
            as_of="2028-01-01T00:00:00Z", body_sha256=octets("body", 32), signers=_SIGNERS, artefacts=(),
            statement=_statement("conforms"),
        )
    )  # fmt: skip


def invalid() -> Page:
    """Return the page about a certificate that lacks its post-quantum signature."""
    why = "no valid signature by a trusted key"
    rules = [RuleOutcome(rule=rule, outcome="not-checked", why="not reached") for rule in RULES]
    rules[0:2] = [replace(rule, outcome="pass", why="") for rule in rules[0:2]]
    rules[2] = replace(rules[2], outcome="fail", why=why)
    return summary(
        Verified(
            decision="invalid", reasons=(f"pq-signature: {why}",), rules=tuple(rules), as_of="2026-12-01T00:00:00Z",
            body_sha256=octets("body", 32), signers=(), artefacts=(), statement=None,
        )
    )  # fmt: skip


CERTIFICATES = {"valid": valid, "expired": expired, "invalid": invalid}
