"""Reference pages about checks and documents, made from the code: tables in Markdown, and JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from pqvalidate.bench.records import BenchReport
from pqvalidate.casebook import BLIND
from pqvalidate.catalogue.checking import StatusAnswer
from pqvalidate.catalogue.state import State
from pqvalidate.catalogue.status import StatusList
from pqvalidate.certificate.envelope import Envelope
from pqvalidate.certificate.keys import Trust
from pqvalidate.certificate.predicate import Statement
from pqvalidate.certificate.roots import TrustBody
from pqvalidate.claims.assessing import ClaimsReport
from pqvalidate.claims.file import ClaimsFile
from pqvalidate.controls import KILLED_BY
from pqvalidate.diagnosis import Diagnosis
from pqvalidate.evidence import CaseRecord, Evidence
from pqvalidate.manifest import Manifest
from pqvalidate.mutants_timing import TIMED_BY
from pqvalidate.policy.dossier import BuyersFile
from pqvalidate.policy.engine import PolicyVerdict
from pqvalidate.policy.profile import Profile
from pqvalidate.policy.svr import SvrStatement
from pqvalidate.report.model import RunReport
from pqvalidate.report.plan_text import PlanReport
from pqvalidate.report.policy_text import PolicyReport
from pqvalidate.suites import Check, all_checks, checks_on_claim


class Document(NamedTuple):
    """A document with a record of its own: what it is called, and what to say about it."""

    schema: str
    record: type
    form: str
    written_by: str
    holds: str

    @property
    def file(self) -> str:
        """Return the name of its JSON Schema."""
        return f"{self.schema.removeprefix('pqvalidate/').replace('/', '-')}.schema.json"


DOCUMENTS = (
    Document("pqvalidate/manifest/1", Manifest, "TOML", "the vendor",
             "what the product is, how it is reached, what is claimed; [](manifest.md)"),
    Document("pqvalidate/evidence/1", Evidence, "JSON", "`run`, `acvp import`: `evidence.json`",
             "the facts, their digest, and the circumstances; [](bundle.md)"),
    Document("case", CaseRecord, "a line of JSON", "`run`: `cases.jsonl`", "what one case showed; [](bundle.md)"),
    Document("pqvalidate/run-report/1", RunReport, "JSON", "`run`, `judge`", "the report; [](report.md)"),
    Document("pqvalidate/plan-report/1", PlanReport, "JSON", "`plan`", "what would be asked, and what cannot be"),
    Document("pqvalidate/bench/1", BenchReport, "JSON", "`bench`", "times, ratios and counts; [](../howto/bench.md)"),
    Document("pqvalidate/diagnosis/1", Diagnosis, "JSON", "`doctor`", "what holds of this installation"),
    Document("validation-certificate", Statement, "JSON, signed", "`certify`",
             "the in-toto statement that an envelope (DSSE) carries; [](../howto/verify-a-certificate.md)"),
    Document("signed-envelope", Envelope, "JSON", "`certify`, `trust`",
             "what is signed, in base64, and the signatures (DSSE)"),
    Document("policy-verdict-statement", SvrStatement, "JSON, signed", "`certify --policy`: `.verdict.json`",
             "the in-toto Simple Verification Result that an envelope carries"),
    Document("pqvalidate/policy-profile/1", Profile, "TOML", "whoever sets a policy",
             "rules of eight types; [](../howto/write-a-profile.md)"),
    Document("pqvalidate/dossier/1", BuyersFile, "TOML", "the buyer",
             "waivers, other certificates and claims; [](../howto/write-a-profile.md)"),
    Document("pqvalidate/policy-verdict/1", PolicyVerdict, "JSON", "`certify --policy`: `.rules.json`",
             "every rule of one profile with its outcome"),
    Document("pqvalidate/policy-report/1", PolicyReport, "JSON", "`judge`, `verify`", "the matrix of several profiles"),
    Document("pqvalidate/claims/1", ClaimsFile, "TOML", "the vendor", "claims with evidence; [](../howto/claims.md)"),
    Document("pqvalidate/claims-report/1", ClaimsReport, "JSON", "`claims check`", "each claim with its status"),
    Document("pqvalidate/trust/1", Trust, "JSON", "`keygen`",
             "the keys that one believes; [](../howto/keys-and-roles.md)"),
    Document("pqvalidate/trust/2", TrustBody, "JSON, signed", "`trust`",
             "the same, in an envelope that root keys have signed"),
    Document("pqvalidate/status-list/1", StatusList, "JSON", "`publish`, `withdraw`, `supersede`, `suspend`",
             "every change of a status, in a chain"),
    Document("pqvalidate/status-answer/1", StatusAnswer, "JSON", "`status`", "what a catalogue says of a certificate"),
    Document("pqvalidate/catalogue-state/1", State, "JSON", "`status --state`, `verify --state`",
             "the versions that a reader has seen"),
)  # fmt: skip
"""Every document that is read into, or written from, one record of ours."""

SMALL = {
    "pqvalidate/signing-key/1": ("`keygen`", "both halves of a private signing key; nobody but `certify` reads it"),
    "pqvalidate/vendors/1": ("`vendors`", "`vendors`: for each `name`, `kind`, `available`, `detail` and `claims`"),
    "pqvalidate/harness-check/1": ("`harness-check`", "see [](cli.md)"),
    "pqvalidate/trust-page/1": ("`trust show`, `trust check`", "see [](cli.md)"),
    "pqvalidate/catalogue-entries/1": ("`publish`: `site/entries.json`", "see [](../howto/catalogue-site.md)"),
    "pqvalidate/vector-manifest/1": ("the project", "`vectors/manifest.json`: the vector files by digest"),
    "pqvalidate/packed-vectors/1": ("the project", "a vector file; [](../adr/0006-vectors-packed-as-messagepack.md)"),
}  # fmt: skip
"""Documents without a record: who writes each, and what is in it."""


def table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table; bars and line ends in cells do no harm."""
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def documents() -> str:
    """Return the table of all documents."""
    rows = [
        (f"`{one.schema}`", one.form, one.written_by, one.holds, f"[schema](_generated/schemas/{one.file})")
        for one in DOCUMENTS
    ]
    rows += [(f"`{name}`", "JSON", by, holds, "none") for name, (by, holds) in SMALL.items()]
    return table(("schema", "form", "written by", "holds", "JSON Schema"), rows)


def json_schema(one: Document) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a document; what cannot be said in it, reading the document still checks."""
    made: dict[str, Any] = _anchored(msgspec.json.schema(one.record))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": one.schema, **made}


def _anchored(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    """Return a schema whose patterns begin and end as in ECMA-262, which has no other anchors."""
    if isinstance(value, list):
        return [_anchored(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: item.replace(r"\A", "^").replace(r"\Z", "$") if key == "pattern" else _anchored(item)
        for key, item in value.items()
    }


def checks() -> str:
    """Return every check by algorithm and suite, as `pqvalidate explain` tells it."""
    found = (*all_checks(), *checks_on_claim())
    parts = []
    for algorithm in dict.fromkeys(check.algorithm for check in found):
        parts.append(f"## {algorithm}\n")
        of_it = [check for check in found if check.algorithm == algorithm]
        for suite in dict.fromkeys(check.suite for check in of_it):
            blind = f"\n\nIt cannot see {BLIND[suite]}." if suite in BLIND else ""
            rows = [_check(check) for check in of_it if check.suite == suite]
            titles = ("check", "clause", "severity", "what it asks", "a failure means", "proven by planted faults")
            parts.append(f"### {algorithm}, {suite}{blind}\n\n{table(titles, rows)}")
    return "\n".join(parts)


def _check(check: Check) -> tuple[str, ...]:
    faults = KILLED_BY.get(check.name) or TIMED_BY.get(check.name, ("none",))
    asks = check.explain.replace("\n", " ")
    if check.caller_check:
        asks += f" Advisory where the vendor leaves the check of the {check.caller_check} to the caller."
    return f"`{check.name}`", check.clause, check.severity, asks, check.effect, "; ".join(faults)


def schema_files() -> Iterator[tuple[str, bytes]]:
    """Return (file name, content) of every JSON Schema."""
    for one in DOCUMENTS:
        yield one.file, msgspec.json.format(msgspec.json.encode(json_schema(one)), indent=1) + b"\n"
