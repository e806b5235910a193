"""Policies at the command line: the matrix, exit codes, formats, certificates, dossiers, the linter, explanations."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.certificate.reading import read_unchecked
from pqvalidate.policy.book import BUILT_IN, load_profile, profile_path
from pqvalidate.report.policy_pages import reference
from tests.cli.command import document, pqvalidate, succeeded
from tests.house_rules.tree import ROOT
from tests.policy.conftest import Lab
from tests.policy.shelf import BUNDLES
from tests.policy.test_engine import WAIVER
from tests.policy.test_profiles import COMMON, GOOD, written


@pytest.fixture
def openssl(tmp_path: Path) -> Path:
    """A stored bundle with an empty list of cases, as `judge` reads it."""
    folder = tmp_path / "openssl"
    folder.mkdir()
    (folder / "evidence.json").write_bytes((BUNDLES / "openssl" / "evidence.json").read_bytes())
    (folder / "cases.jsonl").touch()
    return folder


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a run, whose cases `judge` counts again under a single policy."""
    folder = tmp_path_factory.mktemp("examined") / "openssl"
    succeeded("run", "openssl", "--depth", "quick", "--seed", "5eed", "--out", folder)
    return folder


def test_several_policies_come_out_as_a_matrix_and_the_worst_decides(openssl: Path) -> None:
    done = succeeded("judge", openssl, "--policy", "as-claimed", "--policy", "uk-ncsc", "--policy", "cnsa-2.0", code=3)
    lines = done.stdout.splitlines()
    assert any(line.split()[:2] == ["as-claimed", "conforms"] for line in lines)
    assert any(line.split()[:2] == ["cnsa-2.0", "undecided"] for line in lines)
    assert any(line.split() == ["cnsa-2.0", "no", "yes", "no", "no", "yes"] for line in lines)
    assert "Do not use ML-KEM-768: not allowed." in done.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--policy", "uk-ncsc"], 0),
        (["--policy", "cnsa-2.0"], 3),
        (["--policy", "uk-ncsc", "--parameter-set", "ML-DSA-44"], 0),
        (["--policy", "asd-ism", "--parameter-set", "ML-DSA-44"], 1),
        (["--policy", "asd-ism", "--as-of", "2026-11-25", "--service-life-until", "2033-01-01"], 0),
        (["--policy", "asd-ism", "--parameter-set", "ML-KEM-768", "--service-life-until", "2040-01-01"], 1),
        (["--policy", "bsi-tr-02102-1-2026", "--as-of", "2025-01-01"], 3),
    ],
)
def test_exit_codes_follow_the_decision(openssl: Path, words: list[str], code: int) -> None:
    succeeded("judge", openssl, *words, code=code)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--policy", "cnsa-2"], "nearest: cnsa-2.0"),
        (["--policy", "uk-ncsc", "--policy", "uk-ncsc"], "given twice"),
        (["--policy", "uk-ncsc", "--as-of", "2026-13-01"], "YYYY-MM-DD"),
        (["--policy", "uk-ncsc", "--service-life-until", "soon"], "YYYY-MM-DD"),
        (["--policy", "uk-ncsc", "--service-life-until", "2020-01-01"], "service life ends"),
        (["--policy", "uk-ncsc", "--parameter-set", "ML-KEM-512"], "is not claimed"),
        (["--policy", "uk-ncsc", "--policy", "as-claimed", "--format", "junit"], "one policy of a bundle"),
        (["--parameter-set", "ML-KEM-768"], "no effect"),
        (["--service-life-until", "2099-01-01", "--policy", "as-claimed"], "no effect"),
        (["--as-of", "yesterday"], "YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_asked_ends_with_2_and_says_why(openssl: Path, words: list[str], said: str) -> None:
    done = succeeded("judge", openssl, *words, code=2)
    assert said in done.stderr
    assert done.stdout == ""


def test_json_of_one_policy_is_the_run_report_with_the_verdict_beside_it(examined: Path) -> None:
    whole = document(succeeded("judge", examined, "--policy", "cnsa-2.0", "--format", "json", code=3))
    assert (whole["schema"], whole["policy"], whole["decision"]) == ("pqvalidate/run-report/1", "cnsa-2.0", "undecided")
    assert whole["policy_verdict"]["policy"]["sha256"] == load_profile("cnsa-2.0").sha256
    assert whole["policy_verdict"]["decision"] == "undecided"


def test_json_of_several_policies_has_one_row_for_each(openssl: Path) -> None:
    names = ["as-claimed", *BUILT_IN]
    words = [word for name in names for word in ("--policy", name)]
    whole = document(succeeded("judge", openssl, *words, "--format", "json", code=3))
    assert whole["schema"] == "pqvalidate/policy-report/1"
    assert [row["policy"] for row in whole["policies"]] == names
    assert whole["decision"] == "undecided"


def test_a_page_is_there_in_dutch_and_in_markdown(openssl: Path) -> None:
    dutch = succeeded("judge", openssl, "--policy", "uk-ncsc", "--lang", "nl").stdout
    assert "Gebruiksvoorwaarden" in dutch
    assert "voldaan" in dutch
    markdown = succeeded("judge", openssl, "--policy", "uk-ncsc", "--format", "markdown").stdout
    assert "| `uk-ncsc` | **conforms** |" in markdown


def test_as_claimed_alone_is_what_it_was(examined: Path) -> None:
    default = succeeded("judge", examined, "--format", "json").stdout
    assert succeeded("judge", examined, "--policy", "as-claimed", "--format", "json").stdout == default
    assert "policy_verdict" not in json.loads(default)


def test_a_run_is_judged_under_the_policy_that_it_names(tmp_path: Path) -> None:
    words = ("run", "ml-kem-rs", "--depth", "quick", "--seed", "5eed", "--only", "ml-kem/version")
    whole = document(succeeded(
        *words, "--policy", "cnsa-2.0", "--out", tmp_path / "run", "--format", "json", cwd=tmp_path, code=1
    ))  # fmt: skip
    assert (whole["policy"], whole["decision"]) == ("cnsa-2.0", "does-not-conform")
    assert "cnsa2.kem" in whole["why"]
    succeeded(*words, "--policy", "nobody", "--out", tmp_path / "more", cwd=tmp_path, code=2)
    assert not (tmp_path / "more").exists()


@pytest.mark.parametrize("lang", ["en", "nl"])
def test_the_html_report_of_a_run_shows_the_rules_of_the_policy_that_it_names(tmp_path: Path, lang: str) -> None:
    words = ("run", "ml-kem-rs", "--depth", "quick", "--seed", "5eed", "--only", "ml-kem/version", "--format", "html")
    named = ("--policy", "cnsa-2.0", "--lang", lang, "--out", tmp_path / "run")
    page = succeeded(*words, *named, cwd=tmp_path, code=1).stdout
    _, behind = page.split({"en": "<h2>Policies</h2>", "nl": "<h2>Beleid</h2>"}[lang])
    for _, rule in load_profile("cnsa-2.0").rules:
        assert rule.id in behind
    assert load_profile("cnsa-2.0").sha256[:8] in behind
    assert behind.count("</main>") == page.count("</main>") == 1
    assert page.rstrip().endswith("</html>")


def test_a_waiver_in_a_dossier_is_applied(openssl: Path, tmp_path: Path) -> None:
    artefact = json.loads((openssl / "evidence.json").read_text("utf-8"))["facts"]["subject"]["artefacts"][0]["sha256"]
    dossier = tmp_path / "dossier.toml"
    dossier.write_text(
        'schema = "pqvalidate/dossier/1"\n[[waivers]]\npolicy = "cnsa-2.0"\nrule = "cnsa2.val"\nreason = "A pilot"\n'
        f'approver = "role: risk"\nexpires = "2099-01-01"\nartefact_sha256 = "{artefact}"\n'
    )
    done = succeeded("judge", openssl, "--policy", "cnsa-2.0", "--dossier", dossier)
    assert "is waived by role: risk until 2099-01-01" in done.stdout
    dossier.write_text("schema = 1")
    succeeded("judge", openssl, "--policy", "cnsa-2.0", "--dossier", dossier, code=4)


def test_a_waiver_that_cannot_work_is_told(examined: Path, tmp_path: Path) -> None:
    dossier = tmp_path / "dossier.toml"
    text = f'schema = "pqvalidate/dossier/1"\n{WAIVER}'
    words = ("--dossier", dossier)
    dossier.write_text(text.replace("cnsa2.val", "cnsa2.vla"))
    refused = succeeded("judge", examined, "--policy", "cnsa-2.0", *words, code=4)
    assert "waivers[0].rule: cnsa-2.0 has no rule 'cnsa2.vla' (nearest: cnsa2.val)" in refused.stderr
    told = succeeded("judge", examined, "--policy", "uk-ncsc", "--format", "json", *words)
    assert "waivers[0] has no effect here: the policy 'cnsa-2.0' is not among those judged" in told.stderr
    assert json.loads(told.stdout)["decision"] == "conforms"
    for rule in ("cnsa2.val", "default-deny", "nist.227.RS1"):
        dossier.write_text(text.replace("cnsa2.val", rule))
        assert succeeded("judge", examined, "--policy", "cnsa-2.0", *words, code=3).stderr == ""


def test_a_certificate_is_judged_and_its_signatures_are_checked_only_with_a_trust_file(lab: Lab) -> None:
    words = ("judge", lab.certificate, "--policy", "nl-gov-baseline")
    unchecked = succeeded(*words, code=3)
    assert "signatures not checked" in unchecked.stdout
    assert "signatures not checked" not in succeeded(*words, "--trust", lab.trust).stdout


def test_a_certificate_that_must_not_be_relied_on_is_not_judged(lab: Lab, tmp_path: Path) -> None:
    succeeded("keygen", "--out", tmp_path / "others")
    words = ("judge", lab.certificate, "--policy", "uk-ncsc")
    assert "signature" in succeeded(*words, "--trust", tmp_path / "others" / "trust.json", code=1).stderr
    last = read_unchecked(lab.certificate).predicate.validity.not_after
    assert last in succeeded(*words, "--as-of", "2099-01-01", code=1).stderr
    succeeded(*words, "--as-of", "2099-01-01", "--trust", lab.trust, code=1)
    succeeded("judge", lab.verdict, "--policy", "uk-ncsc", code=4)


def test_verify_judges_a_valid_certificate_under_a_policy(lab: Lab) -> None:
    words = ("verify", lab.certificate, "--trust", lab.trust)
    succeeded(*words)
    succeeded(*words, "--policy", "nl-gov-baseline")
    whole = document(succeeded(*words, "--policy", "cnsa-2.0", "--format", "json", code=1))
    assert whole["decision"] == "valid"
    assert whole["policy_report"]["decision"] == "does-not-conform"


def test_verify_accepts_a_signed_verdict(lab: Lab) -> None:
    done = succeeded("verify", lab.verdict, "--trust", lab.trust, "--artefact", lab.product)
    assert "Policy verdict VALID" in done.stdout
    assert "DECISION_CONFORMS" in done.stdout
    found = document(succeeded("verify", lab.verdict, "--trust", lab.trust, "--format", "json"))
    assert found["decision"] == "valid"
    succeeded("verify", lab.verdict, "--trust", lab.trust, "--policy", "uk-ncsc", code=2)
    refused = succeeded("verify", lab.verdict, "--trust", lab.trust, "--artefact", lab.key, code=1)
    assert "DECISION" not in refused.stdout


def first_lines(lab: Lab, name: str, *flags: str | Path, code: int = 0) -> list[str]:
    words: tuple[str | Path, ...] = ("verify", lab.folder / name, "--trust", lab.trust, *flags)
    return succeeded(*words, code=code).stdout.splitlines()


def test_a_verdict_says_first_that_its_signatures_hold_and_what_it_decides(lab: Lab) -> None:
    said = {
        "cert.nl-gov-baseline.verdict.json": "Decision: conforms",
        "cert.cnsa-2.0.verdict.json": "Decision: does-not-conform",
    }
    for name, decision in said.items():
        assert first_lines(lab, name)[:2] == ["Policy verdict VALID  both signatures hold", decision]
    first, second, *_ = first_lines(lab, lab.verdict.name, "--artefact", str(lab.key), code=1)
    assert first == "Policy verdict INVALID  it must not be relied on"
    assert second.startswith("artefacts: not among the files judged")


def test_a_verdict_is_said_in_dutch(lab: Lab) -> None:
    page = first_lines(lab, "cert.cnsa-2.0.verdict.json", "--lang", "nl")
    assert page[:2] == ["Beleidsoordeel GELDIG  beide handtekeningen kloppen", "Besluit: voldoet niet"]
    shown = "\n".join(page)
    assert "bouwt voort op  " in shown
    assert "het vertrouwensbestand is niet ondertekend" in shown
    refused = "\n".join(first_lines(lab, lab.verdict.name, "--lang", "nl", "--artefact", str(lab.key), code=1))
    assert "niet een van de beoordeelde bestanden" in refused


def test_certify_says_where_the_verdicts_are_and_overwrites_nothing(lab: Lab) -> None:
    assert f"Verdict under nl-gov-baseline: conforms, signed in {lab.verdict}" in lab.printed
    other = lab.folder / "cert.x.json"
    (lab.folder / "cert.x.uk-ncsc.rules.json").touch()
    words = ("certify", lab.bundle, "--key", lab.key, "--out", other)
    succeeded(*words, "--policy", "uk-ncsc", code=2)
    succeeded(*words, "--policy", "as-claimed", code=2)
    assert not other.exists()


def test_certify_refuses_what_no_verdict_can_say_before_it_writes_anything(lab: Lab, tmp_path: Path) -> None:
    built_in = profile_path("uk-ncsc").read_text("utf-8")
    own, other = tmp_path / "own.toml", tmp_path / "other.toml"
    own.write_text(built_in.replace('"uk-ncsc"', '"ours"', 1), encoding="utf-8")
    other.write_text(own.read_text("utf-8") + "\n", encoding="utf-8")
    out = tmp_path / "out" / "cert.json"
    out.parent.mkdir()
    words = ("certify", lab.bundle, "--key", lab.key, "--out", out, "--policy", own)
    assert "the service life ends" in succeeded(*words, "--service-life-until", "2020-01-01", code=2).stderr
    assert "are both called ours" in succeeded(*words, "--policy", other, code=2).stderr
    assert list(out.parent.iterdir()) == []
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    succeeded(*words, "--policy", "uk-ncsc", "--service-life-until", tomorrow.isoformat())
    assert len(list(out.parent.iterdir())) == 5


CLAIM_RULES = f"""
[[rules]]
id = "x.status"
type = "claim"
claim = "origin.hqCountry"
min_status = "STATUS"
any_of = [VALUES]
{COMMON}"""


@pytest.mark.parametrize(
    ("status", "values", "remarks"),
    [
        ("evidenced", '"NL", "BE"', []),
        ("validated", '"NL"', ["x.status is never met: origin.hqCountry can be evidenced at most"]),
        ("declared", "1", ["x.status asks for 1: the value of origin.hqCountry is a list of country codes"]),
        ("declared", '"NL", "Belgium", true', ["x.status asks for 'Belgium', true: the value of"]),
    ],
)
def test_the_linter_remarks_on_claims_that_cannot_be(
    tmp_path: Path, status: str, values: str, remarks: list[str]
) -> None:
    path = written(tmp_path, GOOD + CLAIM_RULES.replace("STATUS", status).replace("VALUES", values))
    said = succeeded("profile-check", path).stdout
    found = [line for line in said.splitlines() if "x.status" in line]
    assert len(found) == len(remarks)
    assert all(remark in line for line, remark in zip(found, remarks, strict=True))


def test_the_linter_remarks_on_a_borrowed_name_and_writes_out_what_cannot_be_seen(tmp_path: Path) -> None:
    remark = "uk-ncsc is the name of a built-in profile with other content."
    text = profile_path("uk-ncsc").read_text("utf-8")
    same = written(tmp_path, text, "same.toml")
    assert remark not in succeeded("profile-check", "uk-ncsc").stdout
    assert remark not in succeeded("profile-check", same).stdout
    assert remark in succeeded("profile-check", written(tmp_path, text + "\n", "other.toml")).stdout
    assert remark not in succeeded("profile-check", written(tmp_path, GOOD)).stdout
    turned = succeeded("profile-check", written(tmp_path, GOOD.replace('en = "Example"', r'en = "a\u202eb\u001b[31m"')))
    assert r"(draft): a\u202eb\x1b[31m" in turned.stdout
    assert not {"\u202e", "\x1b"} & set(turned.stdout)


def test_the_linter_names_digest_and_remarks_and_refuses_mistakes(tmp_path: Path) -> None:
    said = succeeded("profile-check", "bsi-tr-02102-1-2026").stdout
    assert load_profile("bsi-tr-02102-1-2026").sha256 in said
    assert "cannot test" in said
    path = tmp_path / "mine.toml"
    path.write_text('schema = "pqvalidate/policy-profile/1"\nid = "mine"\n')
    assert "missing required field" in succeeded("profile-check", path, code=4).stderr
    succeeded("profile-check", tmp_path / "absent.toml", code=4)


@pytest.mark.parametrize("name", ["cnsa-2.0", "bsi.hedged", "nl.bio2.52003"])
def test_a_policy_and_its_rules_are_explained(name: str) -> None:
    assert pqvalidate("explain", name).stdout.startswith(f"{name} ")


def test_the_reference_page_is_the_one_that_the_profiles_make() -> None:
    assert (ROOT / "docs" / "reference" / "profiles.md").read_text("utf-8") == reference()


def test_the_profile_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "howto" / "write-a-profile.md").read_text("utf-8")
    blocks: list[Any] = [block.partition("```")[0] for block in page.split("```toml\n")[1:]]
    path = tmp_path / "example.toml"
    path.write_text(blocks[0].replace("SHA256-FROM-PROFILE-CHECK", load_profile("pqc-behaviour").sha256))
    assert "every signature is denied" in succeeded("profile-check", path).stdout
    dossier = tmp_path / "dossier.toml"
    dossier.write_text(blocks[1].replace("SHA256-OF-THE-TESTED-FILE", "ab" * 32))
    from pqvalidate.policy.dossier import read_buyers_file

    assert len(read_buyers_file(dossier).waivers) == 1
