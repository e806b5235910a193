"""Real vendors in other languages, at depth quick: sound ones get no failed check, and known findings come back."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.examples.attached import HARNESSES, build, keeps_to_the_protocol, outcomes, quick_report, takes_long_inputs

KEM = ("ML-KEM-512", "ML-KEM-768", "ML-KEM-1024")
KYBER = ("Kyber-512", "Kyber-768", "Kyber-1024")

# Each was seen again without pqvalidate: docs/explanation/findings.md says how.
KNOWN = {
    "libcrux": {(f"kyber/{check}", name) for name in KYBER for check in (
        "version", "order", "campaign", "rejection-foreign", "rejection-regions", "rejection-silent",
        "rejection-stable", "secret-zeros")},  # what a rejected ciphertext gives is not what Kyber 3.02 says
    "pqclean": {(f"ml-kem/{check}", "ML-KEM-768")
                for check in ("ek-modulus", "ek-coefficient", "dk-hash", "dk-hash-bits")},
}  # fmt: skip


def vendor(name: str, *programs: str) -> object:
    return pytest.param(name, marks=pytest.mark.needs("make", *programs), id=name)


VENDORS = [
    vendor("go-mlkem", "go"),
    vendor("circl", "go"),
    vendor("noble", "node", "npm"),
    vendor("rustcrypto", "cargo"),
    vendor("libcrux", "cargo"),
    vendor("aws-lc-rs", "cargo", "cc", "cmake"),
    vendor("bouncycastle", "java", "javac", "mvn"),
    vendor("pqclean", "cargo", "cc"),
    vendor("liboqs", "cargo", "cc", "cmake"),
]


def test_every_harness_is_run_here() -> None:
    folders = {path.parent.name for path in HARNESSES.glob("*/*.toml") if path.name != "Cargo.toml"}
    assert {name for entry in VENDORS for name in entry.values} == folders  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendor_fails_exactly_the_checks_that_were_verified_by_hand(name: str, tmp_path: Path) -> None:
    build(HARNESSES, name)
    manifest = HARNESSES / name / f"{name}.toml"
    if name != "liboqs":  # a C library; all others are programs
        keeps_to_the_protocol(manifest)
        takes_long_inputs(manifest)
    report = quick_report(manifest, tmp_path / "evidence")
    assert outcomes(report, "fail") == KNOWN.get(name, set())
    assert outcomes(report, "error") == set()
    passed = outcomes(report, "pass")
    for examined in {row["parameter_set"] for row in report["results"]}:
        assert len([check for check, name in passed if name == examined]) >= 5, examined


@pytest.mark.parametrize(
    ("name", "says", "crates"),
    [
        ("rustcrypto", "main.rs", ["ml-kem", "ml-dsa"]),
        ("libcrux", "main.rs", ["libcrux-ml-kem", "libcrux-ml-dsa"]),
        ("aws-lc-rs", "main.rs", ["aws-lc-rs"]),
        ("pqclean", "pqclean.toml", ["pqcrypto-mlkem"]),
    ],
)
def test_a_version_that_a_crate_does_not_say_itself_is_the_one_that_is_built(
    name: str, says: str, crates: list[str]
) -> None:
    dependencies = tomllib.loads((HARNESSES / name / "Cargo.toml").read_text(encoding="utf-8"))["dependencies"]
    said = (HARNESSES / name / says).read_text(encoding="utf-8")
    for crate in crates:
        pinned = dependencies[crate]
        version = pinned if isinstance(pinned, str) else pinned["version"]
        assert version.startswith("="), "an exact version, so that findings are about it"
        assert version.removeprefix("=") in said
