"""`pqvalidate init`: each starter builds and conforms as it is, so a vendor begins with something that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from pqvalidate.manifest import read_manifest
from pqvalidate.starter import LANGUAGES, make_starter
from tests.cli.command import pqvalidate, succeeded
from tests.examples.attached import HARNESSES, build, keeps_to_the_protocol, outcomes, quick_report, takes_long_inputs
from tests.examples.test_harnesses import KNOWN

TEMPLATES = Path(__file__).parents[2] / "src" / "pqvalidate" / "templates"
PROGRAMS = {
    "c": ("cc", "cargo"), "go": ("go",), "java": ("java", "javac", "mvn"), "node": ("node", "npm"), "python": (),
    "rust": ("cargo",),
}  # fmt: skip
PQCLEAN = "PQCLEAN_MLKEM768_CLEAN_crypto_kem_"


@pytest.mark.parametrize(
    "language", [pytest.param(name, marks=pytest.mark.needs("make", *PROGRAMS[name])) for name in LANGUAGES]
)
def test_a_starter_builds_and_conforms_as_it_is(language: str, tmp_path: Path) -> None:
    succeeded("init", "--language", language, "my-product", cwd=tmp_path)
    folder = tmp_path / "my-product"
    if language == "c":
        build(HARNESSES, "pqclean")
        names = " ".join(f"-Dcrypto_kem_{name}={PQCLEAN}{name}" for name in ("keypair", "enc", "dec"))
        build(folder, f"LIBRARY={HARNESSES / 'pqclean' / 'build' / 'libpqclean.a'}", f"CFLAGS=-O2 -Werror {names}")
    elif language != "python":
        build(folder)
    if language != "python":
        keeps_to_the_protocol(folder / "my-product.toml")
        takes_long_inputs(folder / "my-product.toml")
    report = quick_report(folder / "my-product.toml", tmp_path / "evidence")
    assert outcomes(report, "fail") == (KNOWN["pqclean"] if language == "c" else set())
    assert len(outcomes(report, "pass")) >= 15


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_starter_is_named_throughout_and_its_manifest_is_in_order(language: str, tmp_path: Path) -> None:
    folder = make_starter(language, "my-product", tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["my-product"]
    for path in folder.rglob("*"):
        assert path.is_dir() or "{{" not in path.name + path.read_text(encoding="utf-8")
    assert read_manifest(folder / "my-product.toml").product.name == "my-product"
    assert "my-product" in (folder / "README.md").read_text(encoding="utf-8")


def test_there_is_a_template_for_each_language_and_no_other() -> None:
    assert sorted(path.name for path in TEMPLATES.iterdir()) == list(LANGUAGES)
    assert set(PROGRAMS) == set(LANGUAGES)


def test_what_speaks_the_protocol_is_the_same_in_starters_and_examples() -> None:
    same = {
        "go/protocol.go.in": "circl/protocol.go", "rust/src/protocol.rs.in": "protocol.rs",
        "java/Protocol.java.in": "bouncycastle/Protocol.java",
    }  # fmt: skip
    for template, example in same.items():
        assert (TEMPLATES / template).read_bytes() == (HARNESSES / example).read_bytes()


@pytest.mark.parametrize("name", ["", "Mine", "9lives", "a b", "../mine", "a/b", "-x", "a--b", "mine\n", "x" * 65])
def test_a_name_that_no_package_can_have_is_refused(name: str, tmp_path: Path) -> None:
    done = pqvalidate("init", "--language", "go", "--", name, cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be the name of a package" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_nothing_is_overwritten(kind: str, tmp_path: Path) -> None:
    there = tmp_path / "mine"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("precious", encoding="utf-8")
    else:
        there.symlink_to(tmp_path / "nowhere")
    done = pqvalidate("init", "--language", "go", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "exists and is never overwritten" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]
    assert kind != "file" or there.read_text(encoding="utf-8") == "precious"
    assert kind != "folder" or list(there.iterdir()) == []


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="cannot write") as raised:
        make_starter("go", "mine", tmp_path / "missing")
    assert type(raised.value).__name__ == "UsageError"
    assert list(tmp_path.iterdir()) == []


def test_the_command_offers_the_languages_that_there_are(tmp_path: Path) -> None:
    done = pqvalidate("init", "--language", "cobol", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert all(f"'{language}'" in done.stderr or f" {language}" in done.stderr for language in LANGUAGES)
