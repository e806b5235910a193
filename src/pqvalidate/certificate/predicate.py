"""What a certificate says: the in-toto statement and its predicate, field by field, facts only.

Every record is closed (an unknown field is refused), holds no floating-point number, and keeps whole numbers below
2^53, so that its RFC 8785 bytes are the same everywhere. Decisions under a policy are no part of it: they are a second
statement on the same subject, which can be made anew when the policy or the date changes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, field

from pqvalidate.documents import Record, is_unseen

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
# in-toto v1, field_types: a TypeURI may be unresolvable and is not registered; it only has to be collision-resistant
# and in lower case. A urn names no network host, so nobody has to keep a domain alive for old certificates to be read.
PREDICATE_TYPE: Final = "urn:pqvalidate:attestation:validation-certificate:v1"
SCHEMA_VERSION: Final = "1.0"

_SAFE_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3: numbers are IEEE 754 doubles
UtcTime: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z\Z")]
Day: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]{4}(-[0-9]{2}){2}\Z")]
Sha256: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Sha512: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9a-f]{128}\Z")]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=_SAFE_INTEGER)]
Name: TypeAlias = Annotated[str, Meta(min_length=1)]
Role: TypeAlias = Literal["vendor-self", "buyer", "lab", "government"]
Outcome: TypeAlias = Literal["pass", "fail", "inconclusive", "not-run"]


class _Part(Record, rename="camel"):
    """Base of the parts of a statement, whose JSON names are in camel case as in-toto's own."""


class Digest(_Part):
    """SHA-256 of some bytes, in hex."""

    sha256: Sha256


class Digests(_Part):
    """SHA-256 and SHA-512 of some bytes, in hex."""

    sha256: Sha256
    sha512: Sha512


class Annotations(_Part):
    """How a subject was digested (see ``pqvalidate.digests``), its length in bytes, and whether its bytes were seen."""

    digest_of: Literal["file", "tree"]
    bytes: Count
    binding: Literal["observed", "declared"]


class SubjectFile(_Part):
    """One shipped artefact that the certificate is about (in-toto ResourceDescriptor)."""

    name: Name
    digest: Digests
    annotations: Annotations


class CertificateId(_Part):
    """Which certificate this is; ``supersedes`` an earlier one whose place it takes; ``status_uri`` is null."""

    id: Name
    kind: Literal["validation"]
    supersedes: str | None
    status_uri: str | None
    assurance_statement: Literal["test-evidence-only"]


class Validity(_Part):
    """From when until when the certificate may be relied on (UTC), and what ends that earlier."""

    issued_at: UtcTime
    not_before: UtcTime
    not_after: UtcTime
    revalidate_on: tuple[Name, ...]


class Independence(_Part):
    """How the validator relates to the vendor, as the validator declares it."""

    vendor_relation: Literal["none", "same-organisation", "commissioned-by-vendor", "not-stated"]
    statement: Literal["declared"]


class Validator(_Part):
    """Who tested and signed: an organisation, never a person."""

    id: Name
    name: Name
    role: Role
    accreditation: str | None
    independence: Independence


class Setting(_Part):
    """One setting of the tested configuration."""

    name: Name
    value: str


class Product(_Part):
    """What was tested; the certificate holds for the exact version and bytes only."""

    vendor: Name
    name: Name
    version: str
    form: Name
    interface: Name
    configuration: tuple[Setting, ...]
    conditions_of_use: tuple[str, ...]


class Environment(_Part):
    """Where and when the product was tested; not part of the deterministic digest."""

    platform: str
    python: str
    sandbox: tuple[str, ...]
    started: UtcTime
    finished: UtcTime
    worker_restarts: Count


class VectorFile(_Part):
    """A file of test vectors that was used, by digest."""

    name: Name
    revision: str
    parameter_set: Name
    digest: Digest


class Method(_Part):
    """With what and how it was tested: enough to do it again."""

    tool: Name
    adapter: Name
    depth: Name
    seed: Annotated[str, Meta(pattern=r"\A([0-9a-f]{2})*\Z")]
    vectors: tuple[VectorFile, ...]
    command: tuple[str, ...]


class Algorithm(_Part):
    """A parameter set in scope with the operations that the product offers; ``claimed`` by the vendor or not."""

    name: Name
    standard: Name
    version: Name
    oid: str | None
    operations: tuple[str, ...]
    claimed: bool


class NotTested(_Part):
    """Something that was not tested, or not to an end, and why; ``check`` is empty where no check of ours exists."""

    what: Name
    parameter_set: str
    check: str
    reason: Literal[
        "not-claimed",
        "operation-missing",
        "interface-has-no-length",
        "tool-missing",
        "not-at-this-depth",
        "excluded",
        "error",
        "outside-the-method",
    ]
    why: str


class Scope(_Part):
    """What was in scope, and what was not."""

    algorithms: tuple[Algorithm, ...]
    not_tested: tuple[NotTested, ...]
    limitations: tuple[Name, ...]


class Summary(_Part):
    """How many checks ended how."""

    passed: Count = field(name="pass")
    fail: Count
    inconclusive: Count
    not_run: Count


class CheckResult(_Part):
    """What one check of one parameter set showed: counts of cases, and the digest of all their outcomes."""

    id: Name
    parameter_set: Name
    check: Name
    suite: Name
    clause: str
    revision: Count
    severity: Literal["critical", "high", "medium", "low", "advisory"]
    determinism: Literal["seeded", "measured"]
    planned: Count
    passed: Count
    failed: Count
    errors: Count
    faults: Count
    not_run: Count
    outcome: Outcome
    cases_digest: Digest | None


class Answer(_Part):
    """Whether a question that a claim raises was answered, and by which checks."""

    parameter_set: Name
    question: Name
    clause: str
    outcome: Literal["answered", "failed", "unanswered"]
    checks: tuple[str, ...]


class ControlResult(_Part):
    """An implementation of known behaviour that ran beside the product, and whether it was judged rightly."""

    control: Name
    check: str
    expected: Literal["pass", "fail"]
    seen: Literal["pass", "fail"]


class Results(_Part):
    """What was seen; ``outcome`` follows from the rest by ``consistency.overall``, and no policy comes into it."""

    outcome: Literal["pass", "fail", "inconclusive"]
    summary: Summary
    deterministic_digest: Digest
    checks: tuple[CheckResult, ...]
    questions: tuple[Answer, ...]
    controls: tuple[ControlResult, ...]


class ClaimEvidence(_Part, omit_defaults=True):
    """A file or folder that was looked at for a claim, by name and digest; ``uri`` says where the public finds it."""

    name: Name
    digest: Digest
    uri: str = ""


class Claim(_Part, omit_defaults=True):
    """What ``by`` claims, and how far it is known; the results stand beside what is claimed of conformance and timing.

    ``check`` tells how a check of the tool came out, ``method`` how it was made, ``reason`` why the status is no
    higher; ``expires`` is the last day on which the claim counts.
    """

    id: Name
    status: Literal["not-provided", "declared", "evidenced", "validated"]
    by: Name
    value: bool | Count | str | tuple[str, ...] | None = None
    check: Literal["shown", "not-shown", "contradicted"] | None = None
    method: str = ""
    reason: str = ""
    evidence: tuple[ClaimEvidence, ...] = ()
    as_of: Day | None = None
    expires: Day | None = None


class ExternalCertificate(_Part, omit_defaults=True):
    """A certificate of another scheme as ``by`` looked it up, and what ties it to the tested files."""

    scheme: Name
    id: Name
    status: Literal["active", "historical", "suspended", "withdrawn", "expired"]
    checked_at: Day
    binding: Literal["same-digest", "same-version-declared", "family"]
    by: Name
    artefact_sha256: Sha256 | None = None
    assurance: Literal["", "substantial", "high"] = ""
    expires: Day | None = None


class Material(_Part):
    """A file of the evidence, by digest."""

    name: Name
    media_type: Name
    digest: Digests


class Disclaimer(_Part):
    """What a certificate does not promise, in English and Dutch."""

    en: Name
    nl: Name


class Predicate(_Part, omit_defaults=True):
    """The body of a validation certificate; a certificate without certificates of other schemes does not name them."""

    schema_version: Literal["1.0"]
    certificate: CertificateId
    validity: Validity
    validator: Validator
    product: Product
    environment: Environment
    method: Method
    scope: Scope
    results: Results
    claims: tuple[Claim, ...]
    materials: tuple[Material, ...]
    disclaimer: Disclaimer
    external_certificates: tuple[ExternalCertificate, ...] = ()


class Statement(_Part):
    """An in-toto Statement, version 1: subjects by digest, and what is said about them."""

    type: Literal["https://in-toto.io/Statement/v1"] = field(name="_type")
    subject: tuple[SubjectFile, ...]
    predicate_type: Literal["urn:pqvalidate:attestation:validation-certificate:v1"]
    predicate: Predicate


def parse_time(text: str) -> datetime:
    """Return the moment that a ``UtcTime`` names.

    Raises:
        ValueError: there is no such moment, e.g. a thirteenth month.

    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """Return a moment as UTC to the second, e.g. ``2026-11-23T09:00:00Z``.

    Raises:
        ValueError: the moment names no time zone.

    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def plain(text: str) -> str:
    """Return a text in Unicode normal form C, with what cannot be seen replaced by U+FFFD."""
    if not text.isprintable():  # as all texts are that hold what cannot be seen, and some others
        text = "".join("\ufffd" if is_unseen(c) else c for c in text)
    return unicodedata.normalize("NFC", text)


def plain_tree(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    """Return a JSON value with every text in it made plain."""
    match value:
        case str():
            return plain(value)
        case dict():
            return {plain(key): plain_tree(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain_tree(inner) for inner in value]
        case _:
            return value


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401  (any JSON value)
    """Yield every text in a JSON value, names of fields left out."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from texts(inner)
        case list() | tuple():
            for inner in value:
                yield from texts(inner)
        case _:
            pass
