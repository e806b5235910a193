"""Claims in certificates: stated with their status, bound to the run, shown on every page, judged by profiles."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pqvalidate.certificate.consistency import problems
from pqvalidate.certificate.predicate import Claim, Digest, ExternalCertificate, Statement
from pqvalidate.certificate.predicate import ClaimEvidence as Evidence
from pqvalidate.certificate.statement import build_statement
from pqvalidate.documents import canonical, to_record
from pqvalidate.policy.book import read_profile
from pqvalidate.policy.dossier import BuyersFile, KnownClaim, from_statement
from pqvalidate.policy.dossier import ExternalCertificate as LookedUp
from pqvalidate.policy.engine import Question, RuleResult, evaluate
from tests.claims.material import HEAD, PRODUCT_SHA256, algorithm, bill, claim
from tests.cli.command import document, pqvalidate, succeeded
from tests.policy.shelf import certificate
from tests.policy.shelf import validator as lab
from tests.unit.evidence_factory import make_evidence, write_bundle

DAY = "2026-11-20"
SOUND = Claim(
    id="supply.sbom", status="validated", by="Example BV", value="0" * 64, check="shown", method="keeps the schema",
    evidence=(Evidence(name="bom.json", digest=Digest(sha256="0" * 64)),), as_of=DAY,
)  # fmt: skip
CAVP = ExternalCertificate(
    scheme="NIST-CAVP", id="A1", status="active", checked_at=DAY, binding="same-digest", by="A ministry",
    artefact_sha256=PRODUCT_SHA256,
)  # fmt: skip


def tree(*claims: Claim, external: tuple[ExternalCertificate, ...] = ()) -> dict[str, Any]:
    return build_statement(
        make_evidence(), lab(), issued_at="2026-11-25T08:00:00Z", valid_days=365, cert_id="PQV-TEST", claims=claims,
        external_certificates=external,
    )  # fmt: skip


def stated(*claims: Claim, external: tuple[ExternalCertificate, ...] = ()) -> Statement:
    return to_record(tree(*claims, external=external), Statement, "test", "none")


def test_a_certificate_with_claims_is_sound_and_reads_back_to_the_same_bytes() -> None:
    statement = stated(SOUND, external=(CAVP,))
    assert problems(statement) == []
    assert canonical(statement) == canonical(tree(SOUND, external=(CAVP,)))


def test_a_certificate_without_claims_has_the_bytes_that_it_always_had() -> None:
    body = tree()["predicate"]
    assert "externalCertificates" not in body
    assert [set(row) for row in body["claims"]] == [{"id", "status", "by"}]


@pytest.mark.parametrize(
    ("claims", "external", "says"),
    {
        "twice": ((SOUND, SOUND), (), "is stated twice"),
        "validated without a check": ((replace(SOUND, check=None),), (), "check and method do not go with that"),
        "validated without a method": ((replace(SOUND, method=""),), (), "check and method do not go with that"),
        "evidenced and contradicted": (
            (replace(SOUND, status="evidenced", check="contradicted", method=""),), (), "its check contradicts it",
        ),
        "evidenced by nothing": (
            (replace(SOUND, status="evidenced", check=None, method="", evidence=()),), (), "without evidence",
        ),
        "not provided with a value": (
            (replace(SOUND, status="not-provided", check=None, method=""),), (), "has a value or evidence",
        ),
        "a day that does not exist": ((replace(SOUND, expires="2026-02-30"),), (), "2026-02-30 is no day"),
        "dated ahead": ((replace(SOUND, as_of="2027-01-01"),), (), "dated after the certificate"),
        "another file": ((), (replace(CAVP, artefact_sha256="0" * 64),), "a file that was not tested"),
        "no binding": ((), (replace(CAVP, binding="family"),), "by which digest it is bound"),
        "looked up ahead": ((), (replace(CAVP, checked_at="2027-01-01"),), "looked up after"),
    }.values(),
)  # fmt: skip
def test_claims_that_contradict_themselves_make_no_certificate(
    claims: tuple[Claim, ...], external: tuple[ExternalCertificate, ...], says: str
) -> None:
    found = problems(stated(*claims, external=external))
    assert len(found) == 1 or says == "is stated twice"
    assert says in found[0]


PROFILE = """schema = "pqvalidate/policy-profile/1"
id = "example-ministry"
version = "1.0"
status = "draft"
issuer = "Example ministry"
jurisdiction = "NL"
review_by = "2027-06-01"
judges = []
title = { en = "Example", nl = "Voorbeeld" }
effective = { from = "2026-01-01" }

[[rules]]
id = "x.rule"
level = "mandatory"
source = { document = "D", section = "1", date = "2026", evidence_level = "A" }
message = { en = "Do.", nl = "Doe." }
"""
REPRODUCIBLE = 'type = "claim"\nclaim = "supply.reproducibleBuild"\nmin_status = "%s"\n'
BUILD = Claim(id="supply.reproducibleBuild", status="declared", by="Example BV", value=True, as_of=DAY)


def judged(folder: Path, rule: str, statement: Statement, added: BuyersFile | None = None) -> RuleResult:
    path = folder / "profile.toml"
    path.write_text(PROFILE + rule, encoding="utf-8")
    dossier = from_statement(statement, checked=True, added=added or BuyersFile(schema="pqvalidate/dossier/1"))
    verdict = evaluate(read_profile(path), dossier, Question(as_of="2026-11-25"))
    return next(row for row in verdict.rules if row.rule == "x.rule")


@pytest.mark.parametrize(
    ("rule", "row", "outcome"),
    {
        "declared is enough": (REPRODUCIBLE % "declared", BUILD, "pass"),
        "declared is not validated": (REPRODUCIBLE % "validated", BUILD, "insufficient-evidence"),
        "validated": (
            REPRODUCIBLE % "validated", replace(BUILD, status="validated", check="shown", method="m"), "pass",
        ),
        "contradicted": (REPRODUCIBLE % "declared", replace(BUILD, check="contradicted", reason="r"), "fail"),
        "the vendor says no": (REPRODUCIBLE % "declared", replace(BUILD, value=False), "fail"),
        "expired": (REPRODUCIBLE % "declared", replace(BUILD, expires="2026-11-24"), "insufficient-evidence"),
        "young enough": (REPRODUCIBLE % "declared" + "max_age_days = 5\n", BUILD, "pass"),
        "too old": (REPRODUCIBLE % "declared" + "max_age_days = 4\n", BUILD, "insufficient-evidence"),
        "of no known age": (
            REPRODUCIBLE % "declared" + "max_age_days = 4\n", replace(BUILD, as_of=None), "insufficient-evidence",
        ),
        "not provided": (
            REPRODUCIBLE % "declared", replace(BUILD, status="not-provided", value=None), "insufficient-evidence",
        ),
        "a value that is asked for": (
            'type = "claim"\nclaim = "origin.hqCountry"\nmin_status = "declared"\nany_of = ["NL", "DE"]\n',
            replace(BUILD, id="origin.hqCountry", value=("NL",)), "pass",
        ),
        "a value that is not": (
            'type = "claim"\nclaim = "origin.hqCountry"\nmin_status = "declared"\nany_of = ["NL", "DE"]\n',
            replace(BUILD, id="origin.hqCountry", value=("NL", "US")), "fail",
        ),
        "a level that is 1 and not true": (
            'type = "claim"\nclaim = "supply.provenance"\nmin_status = "declared"\nany_of = [true]\n',
            replace(BUILD, id="supply.provenance", value=1), "fail",
        ),
    }.values(),
)  # fmt: skip
def test_a_profile_asks_for_status_value_and_age(tmp_path: Path, rule: str, row: Claim, outcome: str) -> None:
    assert judged(tmp_path, rule, stated(row)).outcome == outcome


def test_a_buyer_cannot_lift_what_a_check_contradicts(tmp_path: Path) -> None:
    bad = stated(replace(BUILD, check="contradicted", reason="r"))
    more = KnownClaim(claim=BUILD.id, status="evidenced", by="A buyer", value=True)
    added = BuyersFile(schema="pqvalidate/dossier/1", claims=(more,))
    assert judged(tmp_path, REPRODUCIBLE % "declared", bad, added).outcome == "fail"


EXTERNAL = 'type = "external-certificate"\nany_of = [{ scheme = "NIST-CAVP" }]\n'


def test_a_profile_reads_certificates_of_other_schemes_from_the_certificate(tmp_path: Path) -> None:
    assert judged(tmp_path, EXTERNAL, stated(external=(CAVP,))).outcome == "pass"
    for other in (replace(CAVP, status="historical"), replace(CAVP, binding="family", artefact_sha256=None)):
        assert judged(tmp_path, EXTERNAL, stated(external=(other,))).outcome == "insufficient-evidence"


def test_a_later_look_at_a_certificate_replaces_an_earlier_one(tmp_path: Path) -> None:
    later = LookedUp(
        scheme="NIST-CAVP", id="A1", status="withdrawn", checked_at="2026-11-24", artefact_sha256=PRODUCT_SHA256
    )
    added = BuyersFile(schema="pqvalidate/dossier/1", external_certificates=(later,))
    found = judged(tmp_path, EXTERNAL, stated(external=(CAVP,)), added)
    assert found.outcome == "insufficient-evidence"


def test_certificates_of_stored_bundles_are_judged_as_before() -> None:
    names = {row.claim for row in from_statement(certificate("openssl"), checked=True).claims}
    assert names
    assert all(name.startswith(("conformance/", "timing/")) for name in names)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a bundle, a key, a CBOM, a claims file and a certificate with its claims."""
    folder = tmp_path_factory.mktemp("desk")
    write_bundle(folder / "bundle", make_evidence())
    succeeded("keygen", "--out", folder / "keys", "--name", "A lab", "--role", "lab")
    digest = bill(folder / "bom.json", algorithm("ML-KEM-768"))
    text = HEAD.replace("2026-11-25", "2026-01-05")
    text += claim("supply.cbom", f'"{digest}"', 'check = { kind = "cyclonedx", document = "bom.json" }\n')
    text += claim("supply.reproducibleBuild", "true")
    text += claim("ownership.legalEntity", '"KvK 12345678 | <b>x</b>"')
    text += (
        '\n[[external_certificates]]\nscheme = "NIST-CAVP"\nid = "A1"\nstatus = "active"\nchecked_at = 2026-01-05\n'
        f'binding = "same-digest"\nartefact_sha256 = "{PRODUCT_SHA256}"\n'
    )
    (folder / "claims.toml").write_text(text, encoding="utf-8")
    succeeded("certify", folder / "bundle", "--key", folder / "keys" / "signing-key.json", "--claims",
              folder / "claims.toml", "--out", folder / "cert.json")  # fmt: skip
    return folder


def verified(desk: Path, *words: str) -> str:
    return succeeded("verify", desk / "cert.json", "--trust", desk / "keys" / "trust.json", *words).stdout


def test_a_certificate_shows_its_claims_with_status_in_both_languages(desk: Path) -> None:
    english, dutch = verified(desk), verified(desk, "--lang", "nl")
    for words in ("Claims", "validated", "not-provided", "NIST-CAVP A1: active", "expired on 2026-07-07"):
        assert words in english
    for words in ("Cryptografiestuklijst (CBOM)", "gevalideerd", "niet verstrekt", "NIST-CAVP A1: actief", "ja"):
        assert words in dutch


def test_the_page_for_browsers_shows_claims_and_escapes_them(desk: Path) -> None:
    page = verified(desk, "--format", "html")
    assert "KvK 12345678 | &lt;b&gt;x&lt;/b&gt;" in page
    assert "<h2>Claims</h2>" in page
    assert "Certificaten van andere stelsels" in verified(desk, "--format", "html", "--lang", "nl")


def test_the_certificate_for_machines_carries_every_claim_of_the_registry(desk: Path) -> None:
    rows = {row["id"]: row for row in json.loads(verified(desk, "--format", "json"))["contents"]["claims"]}
    assert len(rows) == 28
    assert (rows["supply.cbom"]["status"], rows["supply.reproducibleBuild"]["status"]) == ("validated", "declared")
    assert rows["supply.escrowAgent"] == {"id": "supply.escrowAgent", "status": "not-provided", "by": "Example BV"}


def test_the_command_checks_a_claims_file_against_a_bundle(desk: Path) -> None:
    out = desk / "claims.json"
    done = succeeded("claims", "check", desk / "claims.toml", "--bundle", desk / "bundle", "--out", out)
    assert "Claims of Example BV" in done.stdout
    assert "SOV-1, strategic sovereignty (ownership)" in done.stdout
    shown = document(
        succeeded("claims", "check", desk / "claims.toml", "--bundle", desk / "bundle", "--format", "json")
    )
    assert shown == json.loads(out.read_text("utf-8"))
    again = pqvalidate("claims", "check", desk / "claims.toml", "--out", out)
    assert (again.returncode, "never overwritten" in again.stderr) == (2, True)
    assert "SEAL" not in done.stdout


def test_the_exit_code_tells_what_is_contradicted_and_what_is_open(desk: Path) -> None:
    assert pqvalidate("claims", "check", desk / "claims.toml").returncode == 3  # a CBOM needs a run
    digest = bill(desk / "other.json", algorithm("ML-KEM-1024"))
    text = HEAD.replace("2026-11-25", "2026-01-05")
    text += claim("supply.cbom", f'"{digest}"', 'check = { kind = "cyclonedx", document = "other.json" }\n')
    (desk / "bad.toml").write_text(text, encoding="utf-8")
    assert pqvalidate("claims", "check", desk / "bad.toml", "--bundle", desk / "bundle").returncode == 1
    (desk / "other.json").write_text("{}", encoding="utf-8")
    assert pqvalidate("claims", "check", desk / "bad.toml", "--bundle", desk / "bundle").returncode == 4
    made = pqvalidate("certify", desk / "bundle", "--key", desk / "keys" / "signing-key.json", "--claims",
                      desk / "bad.toml", "--out", desk / "bad.json")  # fmt: skip
    assert (made.returncode, (desk / "bad.json").exists()) == (4, False)


def test_markdown_keeps_its_table_whatever_a_claim_says(desk: Path) -> None:
    page = succeeded("claims", "check", desk / "claims.toml", "--bundle", desk / "bundle", "--format", "markdown",
                     "--lang", "nl").stdout  # fmt: skip
    row = next(line for line in page.splitlines() if "KvK" in line)
    assert r"KvK 12345678 \| \<b\>x\</b\>" in row
    assert "| verklaard |" in row


def test_every_page_shows_the_digest_of_what_was_looked_at(desk: Path) -> None:
    digest = hashlib.sha256((desk / "bom.json").read_bytes()).hexdigest()
    page = verified(desk, "--format", "html").replace("<wbr>", "")
    assert f"looked at: bom.json, SHA-256 <code>{digest}</code>" in page
    assert f"<td>{digest}</td>" in page
    assert digest in verified(desk)
    words = ("claims", "check", desk / "claims.toml", "--bundle", desk / "bundle", "--format", "markdown")
    assert f"looked at: bom.json, SHA-256 {digest}" in succeeded(*words).stdout


def test_a_claim_is_signed_with_the_digest_of_what_was_looked_at(desk: Path) -> None:
    rows = {row["id"]: row for row in json.loads(verified(desk, "--format", "json"))["contents"]["claims"]}
    (seen,) = rows["supply.cbom"]["evidence"]
    assert seen["digest"]["sha256"] == hashlib.sha256((desk / "bom.json").read_bytes()).hexdigest()
