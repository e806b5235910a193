"""Every row of the table of exit codes, and what the message says: what is wrong, where, and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.command import SEED, document, pqvalidate, succeeded, with_planted
from tests.cli.conftest import Bench

MANIFEST = """schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "X-Crypto"
version = "1"
[attach]
kind = "python"
target = "x_adapter:implementation"
[claims]
conformance = ["ML-KEM-768"]
"""
QUICK = ("--depth", "quick", "--seed", SEED)


def test_0_where_every_claim_is_confirmed(bench: Bench) -> None:
    assert "CONFORMS" in succeeded("judge", bench.bundle("openssl"), code=0).stdout


def test_1_where_a_claim_is_refuted(bench: Bench) -> None:
    assert "DOES NOT CONFORM" in succeeded("judge", bench.bundle("pqcrypto"), code=1).stdout


def test_3_where_a_question_stayed_open(tmp_path: Path) -> None:
    done = pqvalidate("run", "mlkem", "--only", "ml-kem/kat-keygen", *QUICK, "--out", tmp_path / "b")
    assert done.returncode == 3
    assert "UNDECIDED" in done.stdout


def test_3_where_the_implementation_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(MANIFEST)
    (tmp_path / "x_adapter.py").write_text("import a_library_that_is_not_there\n")
    done = pqvalidate("run", "x", cwd=tmp_path)
    assert done.returncode == 3
    assert "a_library_that_is_not_there" in done.stderr
    assert not (tmp_path / "pqvalidate-runs").exists()


def test_3_where_our_checks_find_nothing_wrong_because_they_are_blind(tmp_path: Path) -> None:
    code = "import pqvalidate.suites.expectations as e, pqvalidate.suites.known_answer as k\n"
    code += "k.expect_values = lambda *_: e.PASS\n"
    done = with_planted(code, "run", "mlkem", "--parameter-set", "ML-KEM-512", *QUICK, "--out", tmp_path / "b")
    assert done.returncode == 3, done.stderr
    assert "The validator did not prove itself" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "opensl"], "(nearest: openssl)"),
        (["run", "mlkem", "--only", "ml-kem/kat-keygn"], "(nearest: ml-kem/kat-keygen)"),
        (["run", "mlkem", "--exclude", "ml-kem/kat-keygn", "--because", "x"], "(nearest: ml-kem/kat-keygen)"),
        (["run", "mlkem", "--parameter-set", "ML-DSA-44"], "it claims ML-KEM-512"),
        (["run", "mlkem", "--exclude", "ml-kem/kat-keygen"], "--because"),
        (["run", "mlkem", "--because", "no reason"], "--exclude"),
        (["run", "mlkem", "--seed", "xyz"], "is not hex"),
        (["run", "mlkem", "--max-time", "0"], "above 0"),
        (["run", "mlkem", "--max-time", "nan"], "above 0"),
        (["run", "mlkem", "--policy", "strict"], "as-claimed"),
        (["run", "mlkem", "--resume"], "--out"),
        (["run", "mlkem", "--case", "acvp/none/1/1", "--depth", "quick"], "no case 'acvp/none/1/1'"),
        (["run", "mlkem", "--depth", "quik"], "(nearest: quick)"),
        (["run", "mlkem", "--fail-fats"], "(nearest: --fail-fast)"),
        (["run", "mlkem", "--dept", "quick"], "(nearest: --depth)"),
        (["rum", "mlkem"], "(nearest: run)"),
        (["explain", "ml-kem/implicit-rejecton"], "(nearest: ml-kem/implicit-rejection)"),
        (["verify", "c.json", "--trust", "t.json", "--as-of", "tomorrow"], "YYYY-MM-DD"),
        (["judge", "b", "--format", "jsn"], "(nearest: json)"),
        ([], "VERB"),
    ],
)
def test_2_where_the_command_is_wrong_and_the_message_helps(words: list[str], said: str, tmp_path: Path) -> None:
    done = pqvalidate(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "place", "said"),
    [
        (MANIFEST.replace("[claims]", "[claims]\nconformanse = []"), "claims", "(nearest: conformance)"),
        (MANIFEST.replace("ML-KEM-768", "ML-KEM-786"), "claims.conformance[0]", "(nearest: ML-KEM-768)"),
        (MANIFEST.replace('"python"', '"pyhton"'), "attach.kind", "(nearest: python)"),
        (MANIFEST.replace("x_adapter:", "x adapter:"), "attach.target", "module:callable"),
        (MANIFEST.replace('["ML-KEM-768"]', "[]"), "claims.conformance", "claims nothing"),
        (MANIFEST.replace('"X-Crypto"', "7"), "product.name", "expected `str`"),
        (MANIFEST.replace('name = "X-Crypto"\n', ""), "product", "`name`"),
        (MANIFEST + "[limits]\ncall_seconds = 0\n", "limits.call_seconds", "out of range"),
        (MANIFEST + '[[artefacts]]\npath = "gone.so"\n', "artefacts", "gone.so"),
        ("schema = ", "", "is not TOML"),
        ("\xff", "", "UTF-8"),
    ],
)
def test_4_where_a_manifest_is_malformed(content: str, place: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(content.encode("latin-1"))
    done = pqvalidate("run", "x", cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr.startswith("pqvalidate: x.toml: " + place)
    assert said in done.stderr


def test_4_where_a_manifest_is_missing(tmp_path: Path) -> None:
    done = pqvalidate("run", "./gone.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "gone.toml: there is no such file. Give the path" in done.stderr


def _edit(path: Path, old: str, new: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("evidence.json", '"outcome": "pass"', '"outcome": "fail"', "evidence.json: facts_digest does not match"),
        ("evidence.json", '"outcome": "pass"', '"outcome": "good"', "evidence.json: facts.results["),
        ("evidence.json", '"facts_digest"', '"facts_digset"', "(nearest: facts_digest)"),
        ("evidence.json", '"seed"', '"depth": "full", "seed"', "occurs twice"),
        ("evidence.json", "{", "[", "is not JSON"),
        ("cases.jsonl", '{"step":', '{"stop":', "cases.jsonl: line 1"),
    ],
)
def test_4_where_a_bundle_was_changed(bench: Bench, file: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    bundle = shutil.copytree(bench.bundle("mlkem"), tmp_path / "b")
    _edit(bundle / file, old, new)
    done = pqvalidate("judge", bundle)
    assert (done.returncode, done.stdout) == (4, "")
    assert said in done.stderr


def test_4_where_there_is_no_bundle_and_where_a_run_was_cut_off(bench: Bench, tmp_path: Path) -> None:
    assert "no such file" in succeeded("judge", tmp_path / "none", code=4).stderr.lower()
    bundle = shutil.copytree(bench.bundle("mlkem"), tmp_path / "b")
    (bundle / "evidence.json").unlink()
    assert "Finish it with --resume" in succeeded("judge", bundle, code=4).stderr


@pytest.mark.parametrize(("verb", "which"), [("certify", "key"), ("verify", "trust"), ("verify", "certificate")])
def test_4_where_a_key_a_trust_file_or_a_certificate_is_malformed(
    bench: Bench, verb: str, which: str, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    given = {"key": bench.key, "trust": bench.trust, "certificate": bench.certificate("mlkem"), which: bad}
    words: tuple[str | Path, ...] = ("verify", given["certificate"], "--trust", given["trust"])
    if verb == "certify":
        words = ("certify", bench.bundle("mlkem"), "--key", given["key"], "--out", tmp_path / "new.json")
    for content in (b"{", b"{}", b"[]", b"\xff", b'{"a": 1, "a": 2}', b'{"a": 1.5}'):
        bad.write_bytes(content)
        done = pqvalidate(*words)
        assert (done.returncode, done.stdout) == (4, ""), content
        assert done.stderr.startswith(f"pqvalidate: {bad}")
    assert not (tmp_path / "new.json").exists()


def test_70_where_the_fault_is_ours(tmp_path: Path) -> None:
    code = "import pqvalidate.planner as p\ndel p.questions_for\n"
    done = with_planted(code, "plan", "mlkem", cwd=tmp_path)
    assert done.returncode == 70
    assert done.stderr.startswith("pqvalidate: our own fault: NameError")
    assert "planner.py:" in done.stderr
    assert "Please report it" in done.stderr
    assert done.stdout == ""


def test_a_fault_of_ours_in_one_check_is_an_error_of_that_check_and_ends_nothing(tmp_path: Path) -> None:
    code = (
        "import pqvalidate.suites.differential as d\n"
        "def broken(*_):\n raise RuntimeError('planted')\n"
        "d.Compute = broken\n"
    )
    out = tmp_path / "b"
    checks = ("ml-kem/kat-decapsulate", "ml-kem/encapsulate-oracle", "ml-kem/ek-length", "ml-kem/dk-hash")
    only = [word for check in checks for word in ("--only", check)]
    done = with_planted(code, "run", "mlkem", *only, *QUICK, "--out", out, "--format", "json")
    assert done.returncode == 3, done.stderr
    report = document(done)
    ended = {row["check"]: row["outcome"] for row in report["results"] if row["cases"]["planned"]}
    assert ended == {check: "error" if check == "ml-kem/encapsulate-oracle" else "pass" for check in checks}
    assert "planted" in next(row["why"] for row in report["results"] if row["outcome"] == "error")


def test_the_table_in_the_help_and_in_the_documentation_has_the_same_codes() -> None:
    shown = succeeded("--help").stdout.partition("exit codes:")[2]
    table = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    codes = [line.split()[0] for line in shown.splitlines() if line.strip()]
    assert codes == ["0", "1", "2", "3", "4", "70"]
    assert all(f"| {code} |" in table for code in codes)


def test_verdicts_of_the_command_are_those_of_the_library(bench: Bench) -> None:
    import pqvalidate as pqv

    for vendor in ("openssl", "pqcrypto"):
        bundle = bench.bundle(vendor)
        said = json.loads(pqvalidate("judge", bundle, "--format", "json").stdout)["decision"]
        assert said == pqv.judge(pqv.read_evidence(bundle)).decision
