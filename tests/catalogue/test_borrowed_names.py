"""A profile that bears the name of a built-in one is published only if it is named, and then shown apart."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from pqvalidate.catalogue import site
from pqvalidate.catalogue.profiles import names
from pqvalidate.catalogue.publishing import RefusedError
from pqvalidate.catalogue.reading import load
from pqvalidate.catalogue.site_view import items
from pqvalidate.certificate import load_signing_key
from pqvalidate.certificate.reading import read_unchecked
from pqvalidate.documents import to_json
from pqvalidate.judging import load as load_policies
from pqvalidate.judging import sign_verdicts
from pqvalidate.policy.book import load_profile, profile_path
from pqvalidate.policy.engine import PolicyVerdict, Question
from pqvalidate.policy.svr import sign_verdict
from tests.catalogue.bench import HOUR, NOW, Bench
from tests.catalogue.site_entries import AS_OF, entry
from tests.catalogue.test_site import text
from tests.report.pages import Reader

FORGED = "f0" * 32


def borrowed(folder: Path, name: str = "cnsa-2.0") -> Path:
    """Write another profile under the name of a built-in one."""
    folder.mkdir()
    path = folder / f"{name}.toml"
    path.write_text(profile_path(name).read_text(encoding="utf-8") + "\n# permissive\n", encoding="utf-8")
    return path


def judged(bench: Bench, *profiles: str, name: str = "PQV-1") -> Path:
    certificate = bench.certificate(name)
    key, question = load_signing_key(bench.lab.keys.signing_key), Question(as_of="2026-12-01")
    sign_verdicts(certificate, key, load_policies(list(profiles)), question, NOW)
    return certificate


def test_a_private_profile_under_the_name_of_a_built_in_one_is_refused_until_it_is_named(empty: Bench) -> None:
    profile = borrowed(empty.place / "own")
    certificate = judged(empty, str(profile))
    certificate.with_name(profile.name).write_bytes(profile.read_bytes())
    with pytest.raises(RefusedError, match=r"calls itself cnsa-2\.0, as a built-in profile does.* --profile"):
        empty.publish(certificate)
    assert empty.publish(certificate, profiles=[profile]).verdicts == 1
    (found,) = load(empty.folder, moment=NOW)
    (item,) = items([found], AS_OF)
    (verdict,) = item.verdicts
    assert item.profile(verdict) == f"cnsa-2.0 ({verdict.policy.sha256[:8]})"
    assert empty.publish(certificate, now=NOW + HOUR).present == ("PQV-1",), "what is listed may be named again"


def test_a_profile_that_extends_another_under_a_built_in_name_is_refused_and_a_built_in_one_is_not(
    empty: Bench,
) -> None:
    base = borrowed(empty.place / "own", "pqc-behaviour")
    profile = base.with_name("own-base.toml")
    changed = profile_path("nist-base").read_text(encoding="utf-8").replace('id = "nist-base"', 'id = "own-base"', 1)
    digest = load_profile(str(base)).sha256
    genuine = load_profile("pqc-behaviour").sha256
    assert genuine in changed
    profile.write_text(changed.replace(genuine, digest), encoding="utf-8")
    with pytest.raises(RefusedError, match="calls itself pqc-behaviour"):
        empty.publish(judged(empty, str(profile)), profiles=[profile])
    profile.write_text(changed, encoding="utf-8")
    base.unlink()
    assert empty.publish(judged(empty, str(profile), "cnsa-2.0", name="PQV-2"), profiles=[profile]).verdicts == 2


def test_a_signed_verdict_under_a_name_that_no_profile_can_have_is_refused(empty: Bench) -> None:
    certificate = judged(empty, "nist-base")
    whole = certificate.with_name("PQV-1.nist-base.rules.json")
    verdict = msgspec.json.decode(whole.read_bytes(), type=PolicyVerdict)
    wrong = replace(verdict, policy=replace(verdict.policy, id="../nist-base"))
    key = load_signing_key(empty.lab.keys.signing_key)
    whole.write_bytes(to_json(wrong))
    signed = sign_verdict(wrong, read_unchecked(certificate), key, NOW)
    certificate.with_name("PQV-1.nist-base.verdict.json").write_bytes(signed)
    with pytest.raises(RefusedError, match="is no identifier of a profile"):
        empty.publish(certificate)


def twice() -> tuple[PolicyVerdict, PolicyVerdict]:
    """Return a verdict of a built-in profile, and a later and better one of another under its name."""
    genuine = next(row for row in entry("pqcrypto").verdicts if row.policy.id == "cnsa-2.0")
    assert genuine.decision == "does-not-conform"
    policy = replace(genuine.policy, sha256=FORGED, status="in-force")
    return genuine, replace(genuine, policy=policy, decision="conforms", as_of="2026-12-31")


def test_two_profiles_of_one_name_have_columns_and_filters_of_their_own(tmp_path: Path) -> None:
    genuine, forged = twice()
    other = entry("openssl", "PQV-2")
    found = [replace(entry("pqcrypto", "PQV-1"), verdicts=(genuine, forged), verdict_paths=()),
             replace(other, verdict_paths=())]  # fmt: skip
    site.build(found, tmp_path / "site", title="t", as_of=AS_OF)
    one, two = f"cnsa-2.0 ({genuine.policy.sha256[:8]})", f"cnsa-2.0 ({FORGED[:8]})"
    page = Reader((tmp_path / "site/en/matrix.html").read_text(encoding="utf-8"))
    heads = [cell.text for cell in page.named("th") if "thead" in cell.inside]
    assert {one, two} < set(heads)
    assert "cnsa-2.0" not in heads
    (row,) = [row for row in page.named("tr") if "PQV-1" in row.text]
    said = {head: " ".join(cell.text.split()) for head, cell in zip(heads, row.children, strict=True)}
    assert said[one].startswith("✗ does not conform")
    assert said[two].startswith("✓ conforms")
    for lang, told in (
        ("en", f"Not this tool's profile of that name, but another file: {two}."),
        ("nl", f"Niet het profiel met die naam van dit programma, maar een ander bestand: {two}."),
    ):
        for shown in ("index", "matrix"):
            assert told in text(tmp_path / "site", f"{lang}/{shown}.html")
    index = Reader((tmp_path / "site/en/index.html").read_text(encoding="utf-8"))
    values = {box.attributes["value"] for box in index.named("input") if box.attributes.get("name") == "policy"}
    assert {f"{one}: does-not-conform", f"{two}: conforms"} < values
    shown = text(tmp_path / "site", "en/certificate/pqv-1.html")
    assert f"Profile cnsa-2.0, SHA-256 {FORGED}" in shown
    assert f"Profile cnsa-2.0, SHA-256 {genuine.policy.sha256}" in shown
    told = json.loads((tmp_path / "site/entries.json").read_text(encoding="utf-8"))["entries"]
    policies = next(row["policies"] for row in told if row["id"] == "PQV-1")
    assert [row["sha256"] for row in policies] == [genuine.policy.sha256, FORGED]
    assert f"{two}: conforms" in (tmp_path / "site/entries.csv").read_text(encoding="utf-8")


def test_digests_that_begin_alike_are_told_apart() -> None:
    genuine, forged = twice()
    alike = f"{genuine.policy.sha256[:8]}{FORGED[8:]}"
    found = names([genuine, replace(forged, policy=replace(forged.policy, sha256=alike))])
    assert set(found.values()) == {f"cnsa-2.0 ({genuine.policy.sha256[:16]})", f"cnsa-2.0 ({alike[:16]})"}
    assert set(names([genuine]).values()) == {"cnsa-2.0"}


@pytest.mark.parametrize("page", ["index", "matrix"])
def test_pages_with_decisions_say_which_profiles_are_illustrative(tmp_path: Path, page: str) -> None:
    genuine, forged = twice()
    own = replace(forged, policy=replace(forged.policy, id="own"))
    site.build([replace(entry("pqcrypto", "PQV-1"), verdicts=(genuine, own), verdict_paths=())], tmp_path / "site",
               title="t", as_of=AS_OF)  # fmt: skip
    for lang, told in (
        ("en", "Illustrative, not issued by the authority that is named: cnsa-2.0."),
        ("nl", "Illustratief, niet uitgegeven door de instantie die is genoemd: cnsa-2.0."),
    ):
        assert told in text(tmp_path / "site", f"{lang}/{page}.html")
    site.build([replace(entry("pqcrypto", "PQV-1"), verdicts=(own,), verdict_paths=())], tmp_path / "site", title="t",
               as_of=AS_OF)  # fmt: skip
    shown = text(tmp_path / "site", f"en/{page}.html")
    assert "llustrati" not in shown
    assert "of that name" not in shown
