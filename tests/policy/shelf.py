"""The stored bundles, and dossiers made from them: as a bundle, or as a certificate of somebody."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from msgspec.structs import replace

from pqvalidate.bundle import read_evidence
from pqvalidate.certificate.predicate import Independence, Statement, Validator
from pqvalidate.certificate.statement import build_statement
from pqvalidate.documents import to_record
from pqvalidate.evidence import Evidence
from pqvalidate.policy.book import load_profile
from pqvalidate.policy.dossier import Dossier, Offered, from_evidence, from_statement
from pqvalidate.policy.engine import PolicyVerdict, Question, RuleResult, evaluate
from pqvalidate.policy.mechanisms import MECHANISMS

BUNDLES = Path(__file__).parent / "bundles"
NAMES = tuple(sorted(path.name for path in BUNDLES.iterdir()))
TODAY = "2026-11-25"
AFTER_2031 = "2032-06-30"


@cache
def stored(name: str) -> Evidence:
    """Return the evidence of a stored bundle."""
    return read_evidence(BUNDLES / name)


def bundle(name: str) -> Dossier:
    """Return the dossier of a stored bundle."""
    return from_evidence(stored(name))


def validator(role: str = "lab") -> Validator:
    """Return a validator in a role."""
    independence = Independence(vendor_relation="none", statement="declared")
    found = {"id": "urn:example:lab", "name": "A lab", "role": role, "accreditation": None}
    return to_record({**found, "independence": {"vendorRelation": "none", "statement": independence.statement}},
                     Validator, "test", "none")  # fmt: skip


def certificate(name: str, role: str = "lab") -> Statement:
    """Return the certificate that a validator would sign for a stored bundle."""
    tree = build_statement(
        stored(name), validator(role), issued_at=f"{TODAY}T08:00:00Z", valid_days=365, cert_id="PQV-TEST"
    )
    return to_record(tree, Statement, "test", "none")


def signed_by_a(role: str, name: str) -> Dossier:
    """Return the dossier of such a certificate, its signatures taken as checked."""
    return from_statement(certificate(name, role), checked=True)


def judged(dossier: Dossier, policy: str, until: str | None = None, *uses: str, as_of: str = TODAY) -> PolicyVerdict:
    """Judge a dossier under a profile."""
    return evaluate(load_profile(policy), dossier, Question(as_of=as_of, service_life_until=until, uses=uses))


def rule(verdict: PolicyVerdict, name: str) -> RuleResult:
    """Return the result of one rule."""
    return next(row for row in verdict.rules if row.rule == name)


def offering(dossier: Dossier, *names: str, form: str = "software-library") -> Dossier:
    """Return a dossier of a product in another form that claims other mechanisms, tested or not."""
    rows = {row.name: row for row in dossier.offered}
    offered = tuple(
        rows[name] if name in rows else Offered(
            name=name, algorithm=name, primitive=MECHANISMS[name].primitive if name in MECHANISMS else "unknown",
            family=MECHANISMS[name].family if name in MECHANISMS else "unknown",
            components=MECHANISMS[name].components if name in MECHANISMS else (), operations=(),
        )
        for name in names
    )  # fmt: skip
    return replace(dossier, offered=offered, form=form)
