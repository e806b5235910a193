"""Manifests: the least that works, every key, and errors that name the place and the nearest known word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pqvalidate.errors import InputError, UsageError
from pqvalidate.manifest import KINDS, Manifest, find_manifest, read_manifest

LEAST = """
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "X-Crypto"
version = "1.2.3"
[attach]
kind = "python"
target = "x_adapter:implementation"
path = ["."]
[claims]
conformance = ["ML-KEM-768", "ML-DSA-65"]
"""
ALL = (
    LEAST.replace('version = "1.2.3"', 'version = "1.2.3"\nform = "hsm"').replace(
        "[claims]", '[attach.environment]\nA = "b"\n[claims]\ncaller_checks = ["encapsulation-key"]'
    )
    + """
[[artefacts]]
path = "x.so"
[[artefacts]]
distribution = "x-crypto"
[limits]
call_seconds = 1
start_seconds = 2
memory_mib = 3
file_mib = 4
network = true
[configuration]
build = "release"
"""
)


def read(tmp_path: Path, content: str) -> Manifest:
    path = tmp_path / "x.toml"
    path.write_text(content, encoding="utf-8")
    return read_manifest(path)


def test_the_least_manifest_works_and_the_rest_has_defaults(tmp_path: Path) -> None:
    manifest = read(tmp_path, LEAST)
    assert manifest.claims.conformance == ("ML-KEM-768", "ML-DSA-65")
    assert manifest.product.form == "software-library"
    assert (manifest.limits.call_seconds, manifest.limits.memory_mib) == (20, 2048)
    assert manifest.artefacts == ()
    assert manifest.claims.caller_checks == ()


def test_every_key_is_read(tmp_path: Path) -> None:
    manifest = read(tmp_path, ALL)
    assert manifest.product.form == "hsm"
    assert manifest.attach.environment == {"A": "b"}
    assert [(row.path, row.distribution) for row in manifest.artefacts] == [("x.so", ""), ("", "x-crypto")]
    assert msgspec.structs.astuple(manifest.limits) == (1, 2, 3, 4, True)
    assert manifest.configuration == {"build": "release"}
    assert manifest.claims.caller_checks == ("encapsulation-key",)


def test_names_of_200_visible_characters_are_taken(tmp_path: Path) -> None:
    name = "Crypto-Bibliothèque 暗号 " + "A" * 177
    manifest = read(tmp_path, LEAST.replace("X-Crypto", name).replace('version = "1.2.3"', 'version = ""'))
    assert (len(manifest.product.name), manifest.product.name, manifest.product.version) == (200, name, "")


WRONG: dict[str, tuple[str, str, str, str]] = {
    "an unknown key": ("[claims]", "[claims]\nconformence = 1", "claims", "nearest: conformance"),
    "an unknown table": ("[claims]", "[limit]\n[claims]", "", "nearest: limits"),
    "an unknown parameter set": ("ML-DSA-65", "ML-DSA-56", "claims.conformance[1]", "nearest: ML-DSA-65"),
    "a parameter set in lower case": ("ML-DSA-65", "ml-dsa-65", "claims.conformance[1]", "nearest: ML-DSA-65"),
    "a parameter set twice": ("ML-DSA-65", "ML-KEM-768", "claims.conformance", "twice"),
    "no claim": ('["ML-KEM-768", "ML-DSA-65"]', "[]", "claims.conformance", "claims nothing"),
    "claims that are no list": ('["ML-KEM-768", "ML-DSA-65"]', '"ML-KEM-768"', "claims.conformance", "array"),
    "an unknown kind": ('"python"', '"pyton"', "attach.kind", "nearest: python"),
    "a target without a callable": (":implementation", "", "attach.target", "module:callable"),
    "a target with a path": ("x_adapter:", "../x:", "attach.target", "module:callable"),
    "no vendor": ('"Example BV"', '" "', "product", "empty"),
    "a vendor that fills a page": ('"Example BV"', f'"{"A" * 201}"', "product.vendor", "has 201 characters"),
    "a name that fills a page": ('"X-Crypto"', f'"{"A" * 10_000}"', "product.name", "Write at most 200"),
    "a version that fills a page": ('"1.2.3"', f'"{"1" * 201}"', "product.version", "has 201 characters"),
    "a name of two lines": ('"X-Crypto"', r'"X\nCrypto"', "product.name", "character 2 (U+000A) cannot be seen"),
    "a name that runs backwards": ('"X-Crypto"', r'"X\u202eotpyrC"', "product.name", "(U+202E) cannot be seen"),
    "a version with a control character": ('"1.2.3"', r'"1\u001b[2J"', "product.version", "(U+001B) cannot be seen"),
    "a missing key": ('name = "X-Crypto"', "", "product", "`name`"),
    "another schema": ("manifest/1", "manifest/2", "schema", "pqvalidate/manifest/2"),
    "a number for a text": ('"1.2.3"', "1.2", "product.version", "expected `str`"),
    "a limit of nothing": ("[claims]", "[limits]\ncall_seconds = 0\n[claims]", "limits.call_seconds", "out of range"),
    "a limit beyond measure": ("[claims]", "[limits]\nfile_mib = 9999999\n[claims]", "limits.file_mib", "out of range"),
    "an artefact without a place": ("[claims]", "[[artefacts]]\n[claims]", "artefacts[0]", "needs one of"),
    "an artefact with two places": (
        "[claims]", '[[artefacts]]\npath = "x"\ndistribution = "y"\n[claims]', "artefacts[0]", "needs one of",
    ),
    "a key twice": ('vendor = "Example BV"', 'vendor = "a"\nvendor = "b"', "", "is not TOML"),
    "a file that is no TOML": ("[product]", "[product", "", "is not TOML"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_manifest_is_refused_with_place_and_remedy(case: str, tmp_path: Path) -> None:
    old, new, place, said = WRONG[case]
    assert old in LEAST
    with pytest.raises(InputError) as caught:
        read(tmp_path, LEAST.replace(old, new, 1))
    assert caught.value.file == str(tmp_path / "x.toml")
    assert caught.value.place == place
    assert said in str(caught.value)
    assert caught.value.remedy


def test_the_known_kinds_are_said_where_one_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, LEAST.replace('"python"', '"zzz"'))
    assert all(kind in caught.value.remedy for kind in KINDS)


@pytest.mark.parametrize(("typed", "found"), [("x", "x.toml"), ("x.toml", "x.toml"), ("./x.toml", "x.toml")])
def test_a_manifest_is_found_by_path_and_by_its_bare_name(
    typed: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").touch()
    assert find_manifest(typed, {}) == Path(found)


def test_a_manifest_of_the_user_comes_before_a_built_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    built_in = {"openssl": Path("/somewhere/openssl.toml")}
    assert find_manifest("openssl", built_in) == built_in["openssl"]
    (tmp_path / "openssl.toml").touch()
    assert find_manifest("openssl", built_in) == Path("openssl.toml")


@pytest.mark.parametrize(("typed", "error"), [("opensl", UsageError), ("./gone.toml", InputError), ("a/b", InputError)])
def test_what_is_not_there_is_an_error_that_helps(typed: str, error: type[Any], tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        find_manifest(typed, {"openssl": tmp_path / "openssl.toml"})
    if error is UsageError:
        assert "nearest: openssl" in str(caught.value)


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(tmp_path)


def keys(kind: type[msgspec.Struct], prefix: str = "") -> set[str]:
    """Return every key of a record as the documentation writes it, e.g. ``artefacts[].path``."""
    found: set[str] = set()
    for field in msgspec.structs.fields(kind):
        inner = field.type if isinstance(field.type, type) else next(iter(getattr(field.type, "__args__", ())), None)
        many = "" if field.type is inner else "[]"
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            found |= keys(inner, f"{prefix}{field.name}{many}.")
        else:
            found.add(f"{prefix}{field.name}")
    return found


def test_the_reference_page_describes_every_key_and_no_other() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "manifest.md"
    rows = [line.split("|")[1] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    described = {key for row in rows for key in re.findall(r"`([^`]+)`", row)}
    assert described == keys(Manifest)
