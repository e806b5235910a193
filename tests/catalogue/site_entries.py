"""Entries of a catalogue for tests of its site: from stored evidence of real runs, varied, and with hostile names."""

from __future__ import annotations

import hashlib
from functools import cache

from msgspec.structs import replace

from pqvalidate.catalogue.benchmarks import Artefact, Benchmark, Contestant, Figure, Machine
from pqvalidate.catalogue.entries import Entry, Status, StatusChange
from pqvalidate.certificate.predicate import Statement
from pqvalidate.policy.engine import PolicyVerdict
from tests.policy import shelf

AS_OF = "2026-11-26"
POLICIES = ("nl-gov-baseline", "cnsa-2.0", "bsi-tr-02102-1-2026")
HOSTILE = "<script>alert(1)</script>\"'&\u202egnp.exe\u0007"
FORMULA = '=HYPERLINK("x","y")'


@cache
def verdicts(name: str) -> tuple[PolicyVerdict, ...]:
    """Return the verdicts on a stored bundle."""
    dossier = shelf.signed_by_a("lab", name)
    return tuple(shelf.judged(dossier, policy, "2030-01-01") for policy in POLICIES)


def entry(
    name: str, number: str = "PQV-TEST", *, status: Status = "valid", history: tuple[StatusChange, ...] = ()
) -> Entry:
    """Return the entry of a stored bundle's certificate."""
    return named(shelf.certificate(name), verdicts(name), number, status, history)


def named(
    statement: Statement, found: tuple[PolicyVerdict, ...], number: str, status: Status = "valid",
    history: tuple[StatusChange, ...] = (),
) -> Entry:  # fmt: skip
    """Return an entry of a certificate under another id."""
    body = statement.predicate
    statement = replace(statement, predicate=replace(body, certificate=replace(body.certificate, id=number)))
    return Entry(
        id=number, certificate_path=f"certificates/{number}.json",
        certificate_sha256=hashlib.sha256(number.encode()).hexdigest(), statement=statement, verdicts=found,
        verdict_paths=tuple(f"verdicts/{number}.{row.policy.id}.json" for row in found), status=status, history=history,
    )  # fmt: skip


def of_product(found: Entry, **changes: str) -> Entry:
    """Return an entry whose product has other names."""
    body = found.statement.predicate
    product = replace(body.product, **changes)
    return replace(found, statement=replace(found.statement, predicate=replace(body, product=product)))


def until(found: Entry, not_after: str) -> Entry:
    """Return an entry that is valid until another time."""
    body = found.statement.predicate
    validity = replace(body.validity, not_after=not_after)
    return replace(found, statement=replace(found.statement, predicate=replace(body, validity=validity)))


def issued(found: Entry, moment: str) -> Entry:
    """Return an entry that was issued at another time."""
    body = found.statement.predicate
    validity = replace(body.validity, issued_at=moment, not_before=moment)
    return replace(found, statement=replace(found.statement, predicate=replace(body, validity=validity)))


def change(number: str, status: Status, since: str, reason: str, superseded_by: str = "") -> StatusChange:
    """Return a line of the status list."""
    return StatusChange(certificate=number, status=status, since=since, reason=reason, superseded_by=superseded_by)


def varied() -> list[Entry]:
    """Return a small catalogue with a certificate in every state, failed tests, and two versions of a product."""
    withdrawn = change("PQV-2026-WITHDRAWN", "withdrawn", "2026-11-25T12:00:00Z", "the vendor published a fault")
    superseded = change("PQV-2026-OLD", "superseded", "2026-11-25T10:00:00Z", "a newer version", "PQV-2026-OPENSSL")
    old = entry("openssl-standard", "PQV-2026-OLD", status="superseded", history=(superseded,))
    return [
        entry("openssl", "PQV-2026-OPENSSL"),
        issued(of_product(old, name="OpenSSL through cryptography", version="0.9"), "2026-11-20T08:00:00Z"),
        entry("pqcrypto", "PQV-2026-PQCRYPTO"),
        entry("mlkem", "PQV-2026-WITHDRAWN", status="withdrawn", history=(withdrawn,)),
        until(entry("kyber-py", "PQV-2026-EXPIRED"), "2026-11-25T09:00:00Z"),
        entry("dilithium-py", "PQV-2026-SUSPENDED", status="suspended",
              history=(change("PQV-2026-SUSPENDED", "suspended", "2026-11-25T11:00:00Z", "under investigation"),)),
        until(entry("ml-kem-rs", "PQV-2026-SOON"), "2027-01-15T09:00:00Z"),
    ]  # fmt: skip


def hostile() -> Entry:
    """Return an entry that tries to break out of every place where a text of others is shown."""
    names = {"vendor": FORMULA, "name": HOSTILE, "version": "</a><img src=x onerror=alert(2)>"}
    reason = "]]></summary><script>alert(3)</script>"
    history = (change("../../etc/passwd", "withdrawn", "2026-11-25T12:00:00Z", reason, "<b>"),)
    found = entry("openssl", "../../etc/passwd", status="withdrawn", history=history)
    found = replace(found, certificate_path="certificates/javascript:alert(1)?#.json", verdict_paths=())
    return of_product(found, **names)


def without_tables(found: Entry) -> Entry:
    """Return an entry without its single checks and gaps, which only fill its own page, so that it is made quickly."""
    body = found.statement.predicate
    results = replace(body.results, checks=(), questions=())
    body = replace(body, results=results, scope=replace(body.scope, not_tested=()))
    verdicts_only = tuple(replace(row, rules=(), conditions=()) for row in found.verdicts)
    return replace(found, statement=replace(found.statement, predicate=body), verdicts=verdicts_only)


def many(number: int) -> list[Entry]:
    """Return a large catalogue: products of many vendors in several versions, in every state."""
    names, found = shelf.NAMES, []
    states: tuple[Status, ...] = ("valid", "valid", "valid", "withdrawn", "superseded")
    for index in range(number):
        status = states[index % len(states)]
        one = entry(names[index % len(names)], f"PQV-2026-{index:04}", status=status)
        found.append(of_product(one, vendor=f"Vendor {index % 97}", name=f"Product-{index // 3}", version=f"{index}.0"))
    return found


def benchmark(found: Entry) -> Benchmark:
    """Return a benchmark of an entry's product beside a reference, as `pqvalidate bench --save` would write it."""
    subject = found.statement.subject[0]
    rows = [("product", 21_000, 20_500, 21_900), ("reference", 16_000, 15_800, 16_100)]
    contestants = tuple(
        Contestant(
            label=label, name=name, version=version, artefacts=(Artefact(path="x", sha256=digest),),
        )
        for label, name, version, digest in (
            ("product", "P", "1", subject.digest.sha256), ("reference", "<b>R</b>", "2", "0" * 64),
        )
    )  # fmt: skip
    figures = tuple(
        Figure(
            operation=operation, parameter_set="ML-KEM-768", label=label, clock="processor", where="inside",
            typical_ns=typical, low_ns=low, high_ns=high, noisy=label == "product",
        )
        for operation in ("keygen", "decapsulate")
        for label, typical, low, high in rows
    )  # fmt: skip
    machine = Machine(platform="Linux", processor="A processor")
    return Benchmark(
        schema="pqvalidate/bench/1", started="2026-11-25T08:00:00+00:00", machine=machine, contestants=contestants,
        figures=figures,
    )  # fmt: skip


def timed() -> dict[str, Benchmark]:
    """Return a benchmark of one product of the small catalogue."""
    return {found.id: benchmark(found) for found in varied() if found.id == "PQV-2026-SOON"}
