"""Policy profiles: rules of eight closed types that an auditor can read aloud, each with its source, in TOML."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from pqvalidate.documents import Record

SCHEMA = "pqvalidate/policy-profile/1"
Day: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Name: TypeAlias = Annotated[str, Meta(min_length=1)]
Names: TypeAlias = Annotated[tuple[Name, ...], Meta(min_length=1)]
ProfileId: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9.-]{1,63}\Z")]
RuleId: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z0-9][A-Za-z0-9.-]{1,63}\Z")]
Sha256: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
EvidenceLevel: TypeAlias = Literal["A", "B", "C", "M-h", "M-m", "M-l"]
Level: TypeAlias = Literal["mandatory", "advisory"]
Value: TypeAlias = Literal["require", "recommend", "allow", "discourage"]
ClaimStatus: TypeAlias = Literal["not-provided", "declared", "evidenced", "validated"]
Mode: TypeAlias = Literal["hedged-signing", "pre-hash", "approved-combiner", "ephemeral-keys", "symmetric-strength"]

EVIDENCE_LEVELS: dict[EvidenceLevel, str] = {
    "A": "the primary text was read",
    "B": "a public note that quotes the primary text with pages",
    "C": "a secondary page or news",
    "M-h": "from memory, high confidence",
    "M-m": "from memory, medium confidence",
    "M-l": "from memory, low confidence",
}
"""How well the source of a rule is known; everything but A must be read again before a profile is put in force."""


class Text(Record):
    """A sentence in English and in Dutch."""

    en: Name
    nl: Name


class Source(Record):
    """Where a rule comes from: document, section, its date, and how well we know it."""

    document: Name
    section: Name
    date: Annotated[str, Meta(pattern=r"\A[0-9]{4}(-[0-9]{2}){0,2}\Z")]
    evidence_level: EvidenceLevel


class _Rule(Record, tag_field="type", kw_only=True):
    """What all rules share; a rule is in force at dates from ``from`` to ``until``, both included."""

    id: RuleId
    level: Level
    source: Source
    message: Text
    further_sources: tuple[Source, ...] = ()
    since: Day | None = field(name="from", default=None)
    until: Day | None = None


class ParameterSetRule(_Rule, tag="parameter-set", kw_only=True):
    """Only the listed parameter sets of a primitive may be used; whatever is not listed is denied."""

    primitive: Literal["kem", "signature"]
    allow: Names
    prefer: tuple[Name, ...] = ()


class HybridRule(_Rule, tag="hybrid", kw_only=True):
    """Whether mechanisms of these families must, should or need not be combined with a classical one."""

    families: Annotated[tuple[Literal["lattice", "code-based", "hash-based"], ...], Meta(min_length=1)]
    value: Value
    primitives: tuple[Literal["kem", "signature"], ...] = ("kem", "signature")


class ModeRule(_Rule, tag="mode", kw_only=True):
    """How a mechanism must be used: hedged signing, pre-hash, the combiner of a hybrid, ephemeral keys."""

    mode: Mode
    value: Value


class ChecksRule(_Rule, tag="checks", kw_only=True):
    """Tests that must have been run on every permitted set of an algorithm, and must not have failed."""

    # Of each pattern in ``checks`` one check must have passed. With ``every``, each check that the implementation can
    # be asked must have run, and where its operations take none of what a pattern asks, the pattern is passed over.
    algorithm: Literal["ML-KEM", "ML-DSA", "Kyber", "Dilithium"]
    questions: tuple[Name, ...] = ()
    checks: tuple[Name, ...] = ()
    every: bool = False
    min_executed: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class ClaimRule(_Rule, tag="claim", kw_only=True):
    """A claim that must have at least a status, one of these values (each of them, of a list), and no greater age."""

    claim: Name
    min_status: Literal["declared", "evidenced", "validated"]
    any_of: tuple[bool | int | str, ...] = ()
    max_age_days: Annotated[int, Meta(ge=1, le=3660)] | None = None


class Scheme(Record):
    """A certificate of another scheme that would do, with the lowest assurance level that it may have."""

    scheme: Name
    min_assurance: Literal["", "substantial", "high"] = ""


class ExternalCertificateRule(_Rule, tag="external-certificate", kw_only=True):
    """A certificate of another scheme must exist for the same files; one of several schemes is enough."""

    any_of: Annotated[tuple[Scheme, ...], Meta(min_length=1)]


class DateRule(_Rule, tag="date", kw_only=True):
    """Use after a day: these mechanisms are denied alone, or those must be offered, for each primitive offered."""

    after: Day
    deny: tuple[Name, ...] = ()
    require: tuple[Name, ...] = ()


class TrustRule(_Rule, tag="trust", kw_only=True):
    """Whose evidence counts, and how old it may be in days."""

    accept_roles: tuple[Literal["vendor-self", "buyer", "lab", "government"], ...] = ()
    max_age_days: Annotated[int, Meta(ge=1, le=3660)] | None = None


Rule: TypeAlias = (
    ParameterSetRule | HybridRule | ModeRule | ChecksRule | ClaimRule | ExternalCertificateRule | DateRule | TrustRule
)
RULE_TYPES: dict[str, type[Rule]] = {
    "parameter-set": ParameterSetRule, "hybrid": HybridRule, "mode": ModeRule, "checks": ChecksRule,
    "claim": ClaimRule, "external-certificate": ExternalCertificateRule, "date": DateRule, "trust": TrustRule,
}  # fmt: skip
"""The closed list of rule types; a profile has no other language."""


def type_of(rule: Rule) -> str:
    """Return the name of a rule's type, as profiles write it."""
    return next(name for name, kind in RULE_TYPES.items() if isinstance(rule, kind))


class Base(Record):
    """A profile that another one builds on: its identifier, and the SHA-256 of its file."""

    id: ProfileId
    sha256: Sha256


class Effective(Record):
    """From when until when a profile is in force, both days included."""

    since: Day = field(name="from")
    until: Day | None = None


class Profile(Record):
    """One policy profile as its file says it.

    Mechanisms of the primitives in ``judges`` are denied unless they are listed; about those of other primitives the
    profile says nothing, because its source does not. ``silent`` says what else is left out, and why.
    """

    schema: Literal["pqvalidate/policy-profile/1"]
    id: ProfileId
    version: Annotated[str, Meta(pattern=r"\A[0-9]+(\.[0-9]+){1,2}\Z")]
    status: Literal["illustrative", "draft", "in-force"]
    issuer: Name
    jurisdiction: Name
    title: Text
    effective: Effective
    review_by: Day
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)]
    extends: tuple[Base, ...] = ()
    judges: tuple[Literal["kem", "signature"], ...] = ("kem", "signature")
    silent: tuple[Text, ...] = ()


def is_day(text: str) -> bool:
    """Return whether a text of the form YYYY-MM-DD is a day of the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
