"""What a profile is held against: the facts of a bundle or of a certificate in one shape, and what a buyer adds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.certificate.predicate import ExternalCertificate as SignedCertificate
from pqvalidate.certificate.predicate import Predicate, Results, Statement
from pqvalidate.certificate.statement import results_of
from pqvalidate.documents import Record, is_unseen, parse_toml, to_record
from pqvalidate.errors import InputError, UsageError
from pqvalidate.evidence import Evidence, check_evidence
from pqvalidate.policy.mechanisms import MECHANISMS, Primitive
from pqvalidate.policy.profile import ClaimStatus, Day, Name, RuleId, Sha256, is_day

PRODUCT_FORMS = ("service", "protocol-endpoint")
"""Forms in which mechanisms are already composed; every other form is a component that its user composes."""

FamilyName: TypeAlias = Literal["lattice", "code-based", "hash-based", "classical", "unknown"]
_BY_ITS_SHAPE = frozenset({"operation-missing", "interface-has-no-length"})
"""Reasons for not asking that lie in what the implementation takes, and not in how it was tested."""
_WHAT = "a dossier file (TOML, schema pqvalidate/dossier/1)"


class Offered(Record):
    """One mechanism that the product claims: its primitive, family, parts if it is a hybrid, and its operations."""

    name: str
    algorithm: str
    primitive: Primitive | Literal["unknown"]
    family: FamilyName
    components: tuple[str, ...]
    operations: tuple[str, ...]


class TestedFile(Record):
    """One tested file or tree by its SHA-256."""

    name: str
    sha256: str


class KnownClaim(Record):
    """A claim with its status; ``expires`` is the last day on which it counts, ``as_of`` the day on which it was so.

    ``contradicted`` tells that a check of the tool says otherwise.
    """

    claim: Name
    status: ClaimStatus
    by: Name
    expires: Day | None = None
    as_of: Day | None = None
    value: bool | int | str | tuple[str, ...] | None = None
    contradicted: bool = False


class ExternalCertificate(Record):
    """A certificate of another scheme for a tested file, as the buyer looked it up."""

    scheme: Name
    id: Name
    status: Literal["active", "historical", "suspended", "withdrawn", "expired"]
    checked_at: Day
    artefact_sha256: Sha256
    assurance: Literal["", "substantial", "high"] = ""
    expires: Day | None = None


class Waiver(Record):
    """Permission to use the product although a rule is not met: why, by whom (a role), and until which day."""

    policy: Name
    rule: RuleId
    reason: Name
    approver: Name
    expires: Day
    artefact_sha256: Sha256


class BuyersFile(Record):
    """What a buyer adds to the evidence: certificates that were looked up, claims of the vendor, waivers."""

    schema: Literal["pqvalidate/dossier/1"]
    external_certificates: tuple[ExternalCertificate, ...] = ()
    claims: Annotated[tuple[KnownClaim, ...], Meta(max_length=1000)] = ()
    waivers: tuple[Waiver, ...] = ()


NOTHING_ADDED = BuyersFile(schema="pqvalidate/dossier/1")


class Signed(Record):
    """Who signed the certificate that is judged; ``checked`` tells whether its signatures were found good."""

    validator: str
    role: str
    checked: bool


class Dossier(Record):
    """The facts about one product that the rules look at."""

    vendor: str
    name: str
    version: str
    form: str
    files: tuple[TestedFile, ...]
    offered: tuple[Offered, ...]
    results: Results
    facts_digest: str
    seed: str
    tested_on: str
    signed: Signed | None
    claims: tuple[KnownClaim, ...] = ()
    external_certificates: tuple[ExternalCertificate, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    unaskable: tuple[str, ...] = ()
    """Identifiers of the checks that no operation of the implementation can be asked."""

    @property
    def is_component(self) -> bool:
        """Whether the product is a part that its user composes, as a library is."""
        return self.form not in PRODUCT_FORMS


def from_evidence(evidence: Evidence, added: BuyersFile = NOTHING_ADDED) -> Dossier:
    """Return the dossier of a bundle, which nobody has signed.

    Raises:
        UsageError: the records contradict each other.

    """
    inconsistent = check_evidence(evidence)
    if inconsistent:
        raise UsageError(f"the records of this evidence contradict each other: {inconsistent}")
    facts = evidence.facts
    subject = facts.subject
    return Dossier(
        vendor=subject.vendor, name=subject.name, version=subject.version, form=subject.form,
        files=tuple(TestedFile(name=row.path, sha256=row.sha256) for row in subject.artefacts),
        offered=_in_order(_offered(name, subject.operations.get(name, ())) for name in subject.claims),
        results=results_of(evidence), facts_digest=evidence.facts_digest, seed=facts.plan.seed,
        tested_on=_utc_day(evidence.circumstances.finished), signed=None, claims=added.claims,
        external_certificates=added.external_certificates, waivers=added.waivers,
        unaskable=tuple(
            f"{step.parameter_set}/{step.check}"
            for step, result in zip(facts.plan.steps, facts.results, strict=True)
            if result.outcome == "not-applicable" and (result.reason or step.reason) in _BY_ITS_SHAPE
        ),
    )  # fmt: skip


def _utc_day(moment: str) -> str:
    """Return the day of a moment in UTC, in which days of judgement are counted, too; what is no time stays as it is.

    A bundle may hold a time with an offset, where the same moment is the day before or after.
    """
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return moment[:10]
    return moment[:10] if found.tzinfo is None else found.astimezone(UTC).date().isoformat()


def from_statement(statement: Statement, *, checked: bool, added: BuyersFile = NOTHING_ADDED) -> Dossier:
    """Return the dossier of a certificate; ``checked`` says whether its signatures were found good."""
    body = statement.predicate
    own = tuple(
        KnownClaim(
            claim=row.id, status=row.status, by=row.by, expires=row.expires, as_of=row.as_of, value=row.value,
            contradicted=row.check == "contradicted",
        )
        for row in body.claims
    )  # fmt: skip
    return Dossier(
        vendor=body.product.vendor, name=body.product.name, version=body.product.version, form=body.product.form,
        files=tuple(TestedFile(name=row.name, sha256=row.digest.sha256) for row in statement.subject),
        offered=_in_order(_offered(row.name, row.operations) for row in body.scope.algorithms if row.claimed),
        results=body.results, facts_digest=f"sha256:{body.results.deterministic_digest.sha256}",
        seed=body.method.seed, tested_on=body.environment.finished[:10],
        signed=Signed(validator=body.validator.name, role=body.validator.role, checked=checked),
        claims=(*own, *added.claims),
        external_certificates=(*_carried(body.external_certificates), *added.external_certificates),
        waivers=added.waivers, unaskable=_unaskable(body),
    )  # fmt: skip


def _unaskable(body: Predicate) -> tuple[str, ...]:
    """Return the checks that a certificate says no operation can be asked, as the bundle behind it has them."""
    first: dict[str, str] = {}
    for row in body.scope.not_tested:  # of a check that lacks cases for two reasons, the first is that of the whole
        first.setdefault(f"{row.parameter_set}/{row.check}", row.reason)
    return tuple(
        row.id for row in body.results.checks if row.outcome == "not-run" and first.get(row.id) in _BY_ITS_SHAPE
    )


def _carried(rows: Iterable[SignedCertificate]) -> tuple[ExternalCertificate, ...]:
    """Return the certificates of other schemes that are bound to tested files; on the others no rule may rely."""
    return tuple(
        ExternalCertificate(
            scheme=row.scheme, id=row.id, status=row.status, checked_at=row.checked_at, assurance=row.assurance,
            artefact_sha256=row.artefact_sha256, expires=row.expires,
        )
        for row in rows if row.artefact_sha256 is not None
    )  # fmt: skip


def _in_order(rows: Iterable[Offered]) -> tuple[Offered, ...]:
    """Return mechanisms in the order of the table, so that a bundle and its certificate give the same verdict."""
    known = list(MECHANISMS)
    return tuple(sorted(rows, key=lambda row: (known.index(row.name) if row.name in known else len(known), row.name)))


def _offered(name: str, operations: tuple[str, ...]) -> Offered:
    row, ours = MECHANISMS.get(name), PARAMETER_SETS.get(name)
    return Offered(
        name=name, algorithm=ours.algorithm if ours else name, primitive=row.primitive if row else "unknown",
        family=row.family if row else "unknown", components=row.components if row else (), operations=operations,
    )  # fmt: skip


def read_buyers_file(path: Path) -> BuyersFile:
    """Read what a buyer adds.

    Raises:
        InputError: it is malformed, a day does not exist, a waiver says nothing of why or by whom, or a claim is called
            validated, which only a tool can do.

    """
    added = to_record(parse_toml(path, _WHAT), BuyersFile, path, "See docs/howto/write-a-profile for its fields")
    for index, claim in enumerate(added.claims):
        if claim.status == "validated":
            problem = "a buyer's word cannot make a claim validated"
            raise InputError(path, f"claims[{index}].status", problem, "Write declared or evidenced")
    for index, waiver in enumerate(added.waivers):
        for name, text in (("reason", waiver.reason), ("approver", waiver.approver)):
            if all(is_unseen(character) or character.isspace() for character in text):
                raise InputError(path, f"waivers[{index}].{name}", "has no visible character", "Say it in words")
    days = [
        *((f"external_certificates[{i}].{n}", d) for i, r in enumerate(added.external_certificates)
          for n, d in (("checked_at", r.checked_at), ("expires", r.expires))),
        *((f"claims[{i}].{n}", d) for i, row in enumerate(added.claims)
          for n, d in (("expires", row.expires), ("as_of", row.as_of))),
        *((f"waivers[{i}].expires", row.expires) for i, row in enumerate(added.waivers)),
    ]  # fmt: skip
    for place, day in days:
        if day is not None and not is_day(day):
            raise InputError(path, place, f"{day} is no day of the calendar", "Write YYYY-MM-DD")
    return added
