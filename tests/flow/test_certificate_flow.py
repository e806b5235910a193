"""The whole line as its users walk it: keys, run, certificate, verification, with real files and every way to fail."""

from __future__ import annotations

import base64
import importlib.util
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import document, environment, pqvalidate, succeeded, with_planted
from tests.cli.conftest import Bench

BLOCKED = "".join(f"sys.modules[{name!r}] = None\n" for name in ("hypothesis", "numpy", "oqs"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("line"))


def library_that_was_run() -> Path:
    """Return the library that cryptography has installed, which the run of openssl has tested."""
    found = importlib.util.find_spec("cryptography.hazmat.bindings._rust")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin)


def body(certificate: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(base64.b64decode(json.loads(certificate.read_bytes())["payload"]))
    return content


def test_a_certificate_of_a_sound_product_is_valid(bench: Bench) -> None:
    done = succeeded("verify", bench.certificate("openssl"), "--trust", bench.trust, code=0)
    assert done.stdout.startswith("Certificate VALID")
    assert done.stderr == ""
    for words in ("OpenSSL through cryptography", "ML-KEM-768", "not tested"):
        assert words.lower() in done.stdout.lower()


def test_the_private_key_is_readable_by_its_owner_only_and_never_overwritten(bench: Bench) -> None:
    assert bench.key.stat().st_mode & 0o077 == 0
    before = bench.key.read_bytes()
    done = pqvalidate("keygen", "--out", bench.key.parent)
    assert done.returncode == 2
    assert bench.key.read_bytes() == before


def test_the_very_file_that_was_tested_is_recognised_and_another_is_not(bench: Bench, tmp_path: Path) -> None:
    words = ("verify", bench.certificate("openssl"), "--trust", bench.trust, "--artefact")
    library = library_that_was_run()
    assert succeeded(*words, library, code=0).stdout.startswith("Certificate VALID")

    other = tmp_path / library.name
    content = bytearray(library.read_bytes())
    content[len(content) // 2] ^= 1
    other.write_bytes(content)
    done = succeeded(*words, other, code=1)
    assert done.stdout.startswith("Certificate INVALID")
    assert library.name in done.stdout
    assert succeeded(*words, tmp_path / "gone", code=4).stderr.startswith(f"pqvalidate: {tmp_path / 'gone'}")


def test_in_two_years_it_has_expired_and_before_its_date_it_is_not_yet_valid(bench: Bench) -> None:
    words = ("verify", bench.certificate("openssl"), "--trust", bench.trust, "--as-of")
    today = datetime.now(UTC)
    assert succeeded(*words, f"{today + timedelta(days=730):%Y-%m-%d}", code=1).stdout.startswith("Certificate EXPIRED")
    assert succeeded(*words, f"{today + timedelta(days=300):%Y-%m-%d}", code=0).stdout.startswith("Certificate VALID")
    assert succeeded(*words, "2020-01-01", code=1).stdout.startswith("Certificate INVALID")


def test_the_days_of_validity_are_those_that_were_asked_for(bench: Bench, tmp_path: Path) -> None:
    words = ("certify", bench.bundle("mlkem"), "--key", bench.key, "--out")
    succeeded(*words, tmp_path / "short.json", "--valid-days", "30")
    verify = ("verify", tmp_path / "short.json", "--trust", bench.trust, "--as-of")
    today = datetime.now(UTC)
    assert pqvalidate(*verify, f"{today + timedelta(days=25):%Y-%m-%d}").returncode == 0
    assert pqvalidate(*verify, f"{today + timedelta(days=35):%Y-%m-%d}").returncode == 1
    assert succeeded(*words, tmp_path / "none.json", "--valid-days", "0", code=2).stderr
    assert not (tmp_path / "none.json").exists()


def test_a_tampered_certificate_is_invalid_and_a_malformed_one_is_refused(bench: Bench, tmp_path: Path) -> None:
    envelope = json.loads(bench.certificate("pqcrypto").read_bytes())
    payload = base64.b64decode(envelope["payload"])
    assert b'"fail"' in payload
    envelope["payload"] = base64.b64encode(payload.replace(b'"fail"', b'"pass"')).decode()
    tampered = tmp_path / "tampered.json"
    tampered.write_text(json.dumps(envelope, indent=1))
    done = pqvalidate("verify", tampered, "--trust", bench.trust)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("Certificate INVALID")
    assert "pqcrypto" not in done.stdout, "nothing of an unverified body is shown"

    tampered.write_bytes(bench.certificate("pqcrypto").read_bytes()[:-20])
    done = pqvalidate("verify", tampered, "--trust", bench.trust)
    assert (done.returncode, done.stdout) == (4, "")


def test_a_certificate_of_somebody_else_is_invalid(bench: Bench, tmp_path: Path) -> None:
    succeeded("keygen", "--out", tmp_path / "other")
    done = succeeded("verify", bench.certificate("openssl"), "--trust", tmp_path / "other" / "trust.json", code=1)
    assert done.stdout.startswith("Certificate INVALID")


def test_a_failed_run_gets_its_certificate_and_the_certificate_says_so(bench: Bench) -> None:
    certificate = bench.certificate("pqcrypto")
    page = document(succeeded("verify", certificate, "--trust", bench.trust, "--format", "json", code=0))
    assert page["decision"] == "valid"
    statement = body(certificate)
    assert statement["predicate"]["scope"]["notTested"]
    text = succeeded("verify", certificate, "--trust", bench.trust, code=0).stdout
    assert "fail" in text.lower()
    assert "ml-dsa/sign-context" in text


def test_a_certificate_is_never_overwritten(bench: Bench) -> None:
    certificate = bench.certificate("mlkem")
    before = certificate.read_bytes()
    assert pqvalidate("certify", bench.bundle("mlkem"), "--key", bench.key, "--out", certificate).returncode == 2
    assert certificate.read_bytes() == before


def test_a_changed_bundle_is_not_signed(bench: Bench, tmp_path: Path) -> None:
    import shutil

    bundle = shutil.copytree(bench.bundle("pqcrypto"), tmp_path / "b")
    cases = (bundle / "cases.jsonl").read_text().splitlines(keepends=True)
    (bundle / "cases.jsonl").write_text("".join(line for line in cases if '"fail"' not in line))
    done = pqvalidate("certify", bundle, "--key", bench.key, "--out", tmp_path / "c.json")
    assert done.returncode == 4
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize(("vendor", "code"), [("openssl", 0), ("pqcrypto", 1)])
def test_judging_a_bundle_gives_what_the_run_gave(bench: Bench, vendor: str, code: int) -> None:
    assert succeeded("judge", bench.bundle(vendor), code=code).stderr == ""


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit"])
def test_judging_works_where_the_packages_of_the_measuring_half_are_absent(bench: Bench, form: str) -> None:
    for vendor, code in (("openssl", 0), ("pqcrypto", 1)):
        words = ("judge", bench.bundle(vendor), "--format", form)
        done = with_planted(BLOCKED, *words)
        assert (done.returncode, done.stderr) == (code, "")
        assert done.stdout == pqvalidate(*words, env=environment()).stdout


def test_certifying_and_verifying_work_where_the_packages_of_the_measuring_half_are_absent(
    bench: Bench, tmp_path: Path
) -> None:
    keys, certificate = tmp_path / "k", tmp_path / "c.json"
    for words in (
        ("keygen", "--out", keys),
        ("certify", bench.bundle("pqcrypto"), "--key", keys / "signing-key.json", "--out", certificate),
        ("verify", certificate, "--trust", keys / "trust.json"),
        ("vendors",),
    ):
        done = with_planted(BLOCKED, *words)
        assert (done.returncode, done.stderr) == (0, ""), words


def test_the_block_does_block(tmp_path: Path) -> None:
    assert with_planted(BLOCKED, "run", "mlkem", "--depth", "quick", cwd=tmp_path).returncode == 70


def test_the_bundle_explains_its_findings_without_the_checks(bench: Bench) -> None:
    """What a failure means is in the bundle, so that an old bundle explains itself to those who judge it later."""
    done = with_planted(BLOCKED + "sys.modules['pqvalidate.suites'] = None\n", "judge", bench.bundle("pqcrypto"))
    assert done.returncode == 1, done.stderr
    assert "Signatures are refused elsewhere." in done.stdout
