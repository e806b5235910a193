"""A device that sees only the prompt answers it; what it got wrong is named test by test, and nothing else is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.acvp.emit import PROMPTS, SECRET
from tests.acvp.exchange import NAMED, Exchange, answer, vector_set
from tests.cli.command import document, pqvalidate, succeeded

KEM = ("ML-KEM-keyGen-FIPS203", "ML-KEM-encapDecap-FIPS203")
DSA = ("ML-DSA-keyGen-FIPS204", "ML-DSA-sigGen-FIPS204", "ML-DSA-sigVer-FIPS204")


def failed(report: dict[str, Any]) -> dict[str, int]:
    return {row["check"]: row["cases"]["failed"] for row in report["results"] if row["outcome"] == "fail"}


def test_a_sound_signer_conforms_and_everything_that_was_not_asked_is_a_gap(sent: Exchange, tmp_path: Path) -> None:
    done = sent.judged([sent.response(name) for name in DSA], DSA, tmp_path / "out", "--format", "json")
    assert done.returncode == 0, done.stderr
    report = document(done)
    assert report["decision"] == "conforms"
    assert report["seed"] == bytes(range(32)).hex()
    passed = [row for row in report["results"] if row["outcome"] == "pass"]
    assert sum(row["cases"]["passed"] for row in passed) == 25 + 8 * 15 + 4 * 15
    assert {row["outcome"] for row in report["results"]} == {"pass", "not-applicable"}
    assert all(row["reason"] and row["why"] for row in report["results"] if row["outcome"] != "pass")
    assert all(control["expected"] == control["seen"] for control in report["controls"])


def test_a_sound_kem_stays_undecided_because_no_file_asks_about_lengths(sent: Exchange, tmp_path: Path) -> None:
    done = sent.judged([sent.response(name) for name in KEM], KEM, tmp_path / "out", "--format", "json")
    assert done.returncode == 3, done.stderr
    report = document(done)
    assert failed(report) == {}
    assert [row["id"] for row in report["questions"] if row["answer"] != "yes"] == ["input-lengths"]
    lengths = next(row for row in report["results"] if row["check"] == "ml-kem/ciphertext-length")
    assert (lengths["outcome"], lengths["reason"]) == ("not-applicable", "operation-missing")
    assert "an ACVP file cannot ask it" in lengths["why"]


FAULTS = {
    "no-implicit-rejection": ("ML-KEM-encapDecap-FIPS203", {"ml-kem/implicit-rejection": 5}),
    "no-modulus-check": ("ML-KEM-encapDecap-FIPS203", {"ml-kem/ek-check": 5}),
    "no-hash-check": ("ML-KEM-encapDecap-FIPS203", {"ml-kem/dk-check": 5}),
    "accepts-every-signature": (
        "ML-DSA-sigVer-FIPS204",
        {
            "ml-dsa/kat-verify": 4, "ml-dsa/kat-verify-context": 8, "ml-dsa/kat-verify-internal": 12,
            "ml-dsa/kat-verify-prehash": 12,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_fails_exactly_the_tests_that_it_bears_on(sent: Exchange, fault: str, tmp_path: Path) -> None:
    name, wanted = FAULTS[fault]
    done = sent.judged([sent.response(name, "--fault", fault)], [name], tmp_path / "out", "--format", "json")
    assert done.returncode == 1, done.stderr
    assert failed(document(done)) == wanted


def test_a_signer_that_forgets_the_context_is_found_wherever_there_is_one(sent: Exchange, tmp_path: Path) -> None:
    name = "ML-DSA-sigGen-FIPS204"
    done = sent.judged(
        [sent.response(name, "--fault", "forgets-context")], [name], tmp_path / "out", "--format", "json"
    )
    assert done.returncode == 1
    tests = [
        test
        for group in vector_set(json.loads(sent.prompt(name).read_text()))["testGroups"]
        for test in group["tests"]
        if test.get("context")
    ]
    assert sum(failed(document(done)).values()) == len(tests) > 0


@pytest.mark.parametrize("shape", ["nist", "bare", "session"])
def test_an_answer_is_read_in_every_shape_of_file(sent: Exchange, shape: str, tmp_path: Path) -> None:
    name = "ML-KEM-encapDecap-FIPS203"
    done = sent.judged([sent.response(name, "--shape", shape)], [name], tmp_path / "out", "--format", "json")
    assert (done.returncode, failed(document(done))) == (3, {}), done.stderr


@pytest.mark.parametrize("shape", ["nist", "bare", "session"])
def test_a_prompt_is_written_in_every_shape_of_file(shape: str, tmp_path: Path) -> None:
    words = ("--parameter-set", "ML-KEM-512", "--mode", "keyGen", "--envelope", shape)
    exchange = Exchange(tmp_path, *words)
    (path,) = (exchange.files / PROMPTS).iterdir()
    content = json.loads(path.read_text())
    assert isinstance(content, dict) == (shape == "bare")
    if shape == "session":
        assert {"url", "jwt", "isSample", "vectorSetUrls"} <= set(content[0])
    elif shape == "nist":
        assert content[0] == {"acvVersion": "1.0"}
    answer(path, tmp_path / "response.json", "--shape", shape)
    expected = exchange.expected("ML-KEM-keyGen-FIPS203")
    files = (tmp_path / "response.json", "--prompt", path, "--expected", expected)
    succeeded("acvp", "import", *files, *NAMED, "--out", tmp_path / "out", code=3)


def test_one_session_file_holds_all_sets_and_one_response_answers_them(sent_tr1: Exchange, tmp_path: Path) -> None:
    response = sent_tr1.response("session")
    expected = [word for path in (sent_tr1.files / SECRET).iterdir() for word in ("--expected", path)]
    files = (response, "--prompt", sent_tr1.prompt("session"), *expected)
    done = pqvalidate("acvp", "import", *files, *NAMED, "--out", tmp_path / "out", "--format", "json")
    assert done.returncode == 3, done.stderr
    report = document(done)
    assert failed(report) == {}
    passed = {row["check"]: row["cases"]["passed"] for row in report["results"] if row["outcome"] == "pass"}
    assert passed == {
        "ml-kem/kat-encapsulate": 25, "ml-kem/kat-decapsulate": 5, "ml-kem/kat-decapsulate-seed": 5,
        "ml-kem/implicit-rejection": 5, "ml-kem/implicit-rejection-seed": 5, "ml-kem/ek-check": 10,
        "ml-kem/dk-check": 10,
    }  # fmt: skip


def test_the_line_of_a_finding_replays_its_case(sent: Exchange, tmp_path: Path) -> None:
    name = "ML-KEM-encapDecap-FIPS203"
    response = sent.response(name, "--fault", "no-modulus-check")
    first = document(sent.judged([response], [name], tmp_path / "out", "--format", "json"))
    found = next(row["finding"] for row in first["results"] if row["finding"])
    words = shlex.split(found["reproduce"])
    assert words[:3] == ["pqvalidate", "acvp", "import"]
    assert str(tmp_path / "out") not in words
    again = pqvalidate(*words[1:], cwd=tmp_path)
    assert again.returncode == 1, again.stderr
    (row,) = [row for row in document(again)["results"] if row["outcome"] == "fail"]
    assert (row["check"], row["cases"]["planned"]) == ("ml-kem/ek-check", 1)
    assert row["finding"]["witness"] == found["witness"]
    assert pqvalidate(*words[1:], cwd=tmp_path).returncode == 1, "a second replay takes a folder of its own"


def test_an_imported_bundle_is_judged_again_and_its_certificate_verifies(sent: Exchange, tmp_path: Path) -> None:
    responses = [sent.response(name) for name in DSA]
    bundle = tmp_path / "bundle"
    assert sent.judged(responses, DSA, bundle).returncode == 0
    succeeded("judge", bundle, code=0)
    succeeded("keygen", "--out", tmp_path / "key")
    certificate, trust = tmp_path / "cert.json", tmp_path / "key" / "trust.json"
    succeeded("certify", bundle, "--key", tmp_path / "key" / "signing-key.json", "--out", certificate)
    valid = succeeded("verify", certificate, "--trust", trust, "--artefact", responses[0], code=0)
    assert valid.stdout.startswith("Certificate VALID")
    other = sent.response("ML-KEM-keyGen-FIPS203")
    succeeded("verify", certificate, "--trust", trust, "--artefact", other, code=1)


def test_the_same_files_give_the_same_facts(sent: Exchange, tmp_path: Path) -> None:
    names = ("ML-KEM-keyGen-FIPS203",)
    reports = [
        document(sent.judged([sent.response(names[0])], names, tmp_path / out, "--format", "json")) for out in "ab"
    ]
    assert reports[0]["facts_digest"] == reports[1]["facts_digest"]
