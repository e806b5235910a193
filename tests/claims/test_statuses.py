"""A claim gets the status that its evidence shows and no other; nothing is inferred, nothing is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from pqvalidate.claims.file import CHECKS
from pqvalidate.claims.registry import OBJECTIVES, REGISTRY, STATUSES, VALUE_KINDS
from pqvalidate.errors import InputError
from pqvalidate.explanations import explanation
from pqvalidate.policy.book import BUILT_IN, load_profile
from pqvalidate.policy.linting import remarks
from pqvalidate.policy.profile import ClaimRule
from tests.claims.material import HEAD, PRODUCT_SHA256, claim, one, report, sha256, the_run

EVIDENCE = 'evidence = [{{ file = "extract.txt", sha256 = "{digest}" }}]\n'


def extract(folder: Path, content: bytes = b"extract of the trade register") -> str:
    (folder / "extract.txt").write_bytes(content)
    return EVIDENCE.format(digest=sha256(content))


def test_every_claim_of_the_registry_can_be_raised_as_it_says() -> None:
    for row in REGISTRY.values():
        assert row.highest in STATUSES
        assert row.value in VALUE_KINDS
        assert (row.highest == "validated") == (row.check in CHECKS), row.id
        assert row.nl != row.en
        assert set(row.objectives) <= set(OBJECTIVES)
    assert {row.check for row in REGISTRY.values()} - {""} == set(CHECKS)


def test_what_was_not_handed_in_is_listed_as_not_provided(tmp_path: Path) -> None:
    found = report(tmp_path, "")
    assert [row.claim for row in found.claims] == list(REGISTRY)
    assert {(row.status, row.value) for row in found.claims} == {("not-provided", None)}
    assert found.exit_code == 0


def test_a_claim_without_evidence_is_declared_by_whom_it_says(tmp_path: Path) -> None:
    row = one(tmp_path, "origin.hqCountry", '["NL"]')
    assert (row.status, row.by, row.as_of, row.reason) == (
        "declared", "Example BV", "2026-11-25", "no evidence was handed in",
    )  # fmt: skip


def test_a_document_of_the_stated_digest_makes_a_claim_evidenced(tmp_path: Path) -> None:
    row = one(tmp_path, "origin.hqCountry", '["NL"]', extract(tmp_path))
    assert (row.status, row.reason) == ("evidenced", "it can reach no higher status")
    assert [seen.name for seen in row.evidence] == ["extract.txt"]


def test_a_document_of_another_digest_is_an_error(tmp_path: Path) -> None:
    stated = extract(tmp_path)
    (tmp_path / "extract.txt").write_bytes(b"another extract")
    with pytest.raises(InputError, match=r"claims\[0\].evidence\[0\].sha256.*not the one that is stated"):
        one(tmp_path, "origin.hqCountry", '["NL"]', stated)


def test_evidence_raises_nothing_above_the_highest_status_of_a_claim(tmp_path: Path) -> None:
    row = one(tmp_path, "jurisdiction.extraterritorial", '["US CLOUD Act"]', extract(tmp_path))
    assert (row.status, len(row.evidence)) == ("declared", 1)


def test_a_claim_that_a_tool_could_validate_stays_below_without_its_check(tmp_path: Path) -> None:
    row = one(tmp_path, "supply.reproducibleBuild", "true", "", the_run())
    assert (row.status, row.check) == ("declared", None)
    assert row.reason == "no check was asked for; it would be rebuild"


def test_ownership_counts_for_six_months_at_most(tmp_path: Path) -> None:
    young = one(tmp_path, "ownership.legalEntity", '"KvK 12345678"', "as_of = 2026-09-01\nexpires = 2030-01-01\n")
    assert (young.expires, young.expired) == ("2027-03-03", False)
    old = one(tmp_path, "ownership.legalEntity", '"KvK 12345678"', "as_of = 2026-01-01\n")
    assert (old.expires, old.expired, old.status) == ("2026-07-03", True, "declared")


def test_notes_of_the_buyer_are_not_evaluated_and_stay_declared(tmp_path: Path) -> None:
    row = one(tmp_path, "procurement.art346", '"weighed on 2026-11-01"', extract(tmp_path))
    assert row.status == "declared"
    assert not REGISTRY[row.claim].evaluated


@pytest.mark.parametrize(
    ("text", "says"),
    {
        "an unknown claim": (claim("supply.sbon", '"x"'), "unknown claim 'supply.sbon'.*supply.sbom"),
        "a claim stated twice": (claim("supply.escrowAgent", '"x"') * 2, "stated twice"),
        "a country that is no code": (claim("origin.hqCountry", '["Netherlands"]'), "country codes"),
        "a yes as a text": (claim("supply.reproducibleBuild", '"true"'), "true or false"),
        "a level that does not exist": (claim("supply.provenance", "4"), "whole number from 0 to 3"),
        "true as a level": (claim("supply.provenance", "true"), "whole number from 0 to 3"),
        "a float": (claim("supply.provenance", "1.5"), "value"),
        "a day that does not exist": (claim("support.until", '"2031-02-30"'), "a day"),
        "a day that has not come": (claim("support.until", "2031-12-31", "as_of = 2027-01-01\n"), "has not come yet"),
        "a source word that is unknown": (claim("supply.sourceAvailability", '"maybe"'), "one of open"),
        "a check of another claim": (
            claim("supply.escrowAgent", '"x"', 'check = { kind = "cyclonedx", document = "x" }\n'),
            "does not validate supply.escrowAgent",
        ),
        "a check that is unknown": (claim("supply.sbom", f'"{"0" * 64}"', 'check = { kind = "magic" }\n'), "magic"),
        "a status of its own": (claim("supply.escrowAgent", '"x"', 'status = "validated"\n'), "unknown key 'status'"),
        "text that cannot be seen": (claim("supply.escrowAgent", '"a\\u202eb"'), "cannot be seen"),
        "nothing to choose": (
            claim("agility.selectableParameterSets", '["ML-KEM-768"]', 'check = { kind = "run" }\n'), "at least two",
        ),
        "a certificate bound to nothing": (
            """
[[external_certificates]]
scheme = "EUCC"
id = "1"
status = "active"
checked_at = 2026-11-01
binding = "same-digest"
""",
            "go together",
        ),
    }.values(),
)  # fmt: skip
def test_a_mistake_in_a_claims_file_is_named_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        report(tmp_path, text)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    stated = EVIDENCE.format(digest="0" * 64)
    with pytest.raises(InputError, match=r"extract.txt: claims.*cannot be read"):
        one(tmp_path, "supply.escrowAgent", '"x"', stated)


def test_a_manifest_leads_to_its_claims_file(tmp_path: Path) -> None:
    from pqvalidate.claims.assessing import assess

    (tmp_path / "claims.toml").write_text(HEAD + claim("supply.escrowAgent", '"A notary"'), encoding="utf-8")
    manifest = (
        'schema = "pqvalidate/manifest/1"\nproduct = { vendor = "E", name = "X" }\n'
        'attach = { kind = "python", target = "x:y" }\nclaims = { conformance = ["ML-KEM-768"]%s }\n'
    )
    (tmp_path / "x.toml").write_text(manifest % ', file = "claims.toml"', encoding="utf-8")
    found = assess(tmp_path / "x.toml", "2026-11-25")
    assert next(row.value for row in found.claims if row.claim == "supply.escrowAgent") == "A notary"
    (tmp_path / "x.toml").write_text(manifest % "", encoding="utf-8")
    with pytest.raises(InputError, match=r"claims.file: is missing"):
        assess(tmp_path / "x.toml", "2026-11-25")


def external(binding: str, digest: str = "") -> str:
    bound = f'artefact_sha256 = "{digest}"\n' if digest else ""
    return (
        '\n[[external_certificates]]\nscheme = "NIST-CAVP"\nid = "A1"\nstatus = "active"\nchecked_at = 2026-11-01\n'
        f'binding = "{binding}"\nby = "A ministry"\n{bound}'
    )


def test_certificates_of_other_schemes_are_carried_with_who_looked_them_up(tmp_path: Path) -> None:
    found = report(tmp_path, external("same-digest", PRODUCT_SHA256) + external("family"), the_run())
    rows = [(row.scheme, row.binding, row.by, row.artefact_sha256) for row in found.external_certificates]
    assert rows == [("NIST-CAVP", "same-digest", "A ministry", PRODUCT_SHA256), ("NIST-CAVP", "family", "A ministry",
                                                                                None)]  # fmt: skip


def test_a_certificate_of_another_scheme_for_a_file_that_was_not_tested_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"artefact_sha256: is the digest of no tested file"):
        report(tmp_path, external("same-digest", "0" * 64), the_run())


def test_a_device_is_no_evidence_and_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is neither a file nor a folder"):
        one(tmp_path, "supply.escrowAgent", '"x"', f'evidence = [{{ file = "/dev/zero", sha256 = "{"0" * 64}" }}]\n')


@pytest.mark.parametrize("name", REGISTRY)
def test_every_claim_is_explained_in_both_languages(name: str) -> None:
    page = explanation(name)
    assert REGISTRY[name].en in page
    assert REGISTRY[name].nl in page
    assert f"highest   {REGISTRY[name].highest}" in page


def test_the_linter_remarks_on_a_claim_that_the_registry_does_not_know() -> None:
    loaded = load_profile("asd-ism")
    rules = tuple(row for _, row in loaded.rules)
    known = [name for name in REGISTRY if name != "supply.cbom"]
    found = [row for row in remarks(loaded.profile, rules, ["*"], "2026-11-25", known) if "registry" in row]
    assert found == ["Rule asd.2083 asks for supply.cbom, which is no claim of the registry (nearest: supply.sbom)."]
    assert not [row for row in remarks(loaded.profile, rules, ["*"], "2026-11-25", list(REGISTRY)) if "registry" in row]


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "pqc-behaviour"])
def test_every_claim_that_a_built_in_profile_asks_for_is_in_the_registry(name: str) -> None:
    asked = [rule for _, rule in load_profile(name).rules if isinstance(rule, ClaimRule)]
    for rule in asked:
        assert rule.claim in REGISTRY
        assert list(STATUSES).index(rule.min_status) <= list(STATUSES).index(REGISTRY[rule.claim].highest)
