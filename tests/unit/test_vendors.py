"""The built-in implementations: their manifests, whether they are available here, and where liboqs is looked for."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from pqvalidate import vendors
from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.errors import UsageError
from pqvalidate.vendors.library_search import find_liboqs
from pqvalidate.vendors.randomness import Tape

CLAIMS = {
    "openssl": {"ML-KEM-768", "ML-KEM-1024", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"},
    "mlkem": {"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"},
    "ml-kem-rs": {"ML-KEM-768"},
}
FAMILIES = {
    "pycryptodome": {"ML-KEM", "ML-DSA"},
    "pqcrypto": {"ML-KEM", "ML-DSA"},
    "kyber-py": {"ML-KEM", "Kyber"},
    "dilithium-py": {"ML-DSA", "Dilithium"},
    "liboqs": {"ML-KEM", "ML-DSA", "Kyber"},
}


def manifest(name: str) -> dict[str, Any]:
    return tomllib.loads(vendors.manifest_path(name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", vendors.BUILT_IN)
def test_every_built_in_implementation_has_a_manifest_that_names_its_adapter_and_its_files(name: str) -> None:
    table = manifest(name)
    module = table["attach"]["target"].partition(":")[0]
    assert table["schema"] == "pqvalidate/manifest/1"
    assert (vendors.manifest_path(name).parent / f"{module.rpartition('.')[2]}.py").is_file()
    assert table["attach"]["path"] == [], "the folder of the adapters must not hide the packages of the same name"
    assert [source["distribution"] for source in table["artefacts"]]


@pytest.mark.parametrize("name", vendors.BUILT_IN)
def test_the_claims_are_what_the_package_documents(name: str) -> None:
    of_families = {row.name for row in PARAMETER_SETS.values() if row.algorithm in FAMILIES.get(name, set())}
    assert set(manifest(name)["claims"]["conformance"]) == CLAIMS.get(name, of_families)


def test_every_manifest_in_the_folder_is_a_built_in_implementation() -> None:
    folder = Path(str(vendors.__file__)).parent
    assert sorted(path.stem for path in folder.glob("*.toml")) == sorted(vendors.BUILT_IN)


def test_the_use_of_private_functions_is_said_in_the_manifest() -> None:
    assert any("MLKEMKey._encaps" in note for note in manifest("pycryptodome")["notes"])
    assert any("_sign_internal" in note for note in manifest("dilithium-py")["notes"])


@pytest.mark.parametrize("function", [vendors.manifest_path, vendors.availability, vendors.extra_artefacts])
def test_an_unknown_name_is_a_usage_error_with_the_nearest_name(function: Any) -> None:
    with pytest.raises(UsageError, match="no built-in vendor 'opensl' \\(nearest: openssl\\)"):
        function("opensl")


@pytest.mark.parametrize("name", [name for name in vendors.BUILT_IN if name != "liboqs"])
def test_an_installed_package_is_available_with_its_version(name: str) -> None:
    distribution = manifest(name)["artefacts"][0]["distribution"]
    assert vendors.availability(name) == (True, f"{distribution} {metadata.version(distribution)}")
    assert vendors.extra_artefacts(name) == ()


def test_a_package_that_is_not_installed_is_reported_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert vendors.availability("mlkem") == (
        False,
        "distribution 'mlkem' is not installed: pip install 'pqvalidate[vendors]'",
    )


@pytest.mark.parametrize("recorded", ["", "mlkem/__init__.py,sha256=AAAA,1\n"])
def test_a_package_whose_files_another_distribution_replaced_is_not_available(
    recorded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = tmp_path / "mlkem-9.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mlkem\nVersion: 9\n")
    (information / "RECORD").write_text(f"{recorded}mlkem-9.dist-info/METADATA,,\n")
    (tmp_path / "mlkem").mkdir()
    (tmp_path / "mlkem/__init__.py").write_text("# another package\n")
    monkeypatch.syspath_prepend(tmp_path)
    here, why = vendors.availability("mlkem")
    assert not here
    assert "mlkem/__init__.py is not the file that mlkem 9 installed" in why


def test_liboqs_is_available_exactly_where_its_c_library_is_found() -> None:
    library = find_liboqs(os.environ)
    here, why = vendors.availability("liboqs")
    assert here == (library is not None)
    assert (str(library) if here else "the C library liboqs was not found") in why
    assert vendors.extra_artefacts("liboqs") == ((library.resolve(),) if library else ())


def test_asking_what_is_available_imports_no_vendor_code() -> None:
    packages = ["cryptography", "Crypto", "pqcrypto", "kyber_py", "dilithium_py", "mlkem", "ml_kem_rs", "oqs"]
    program = (
        "import sys, pqvalidate.vendors as vendors\n"
        "for name in vendors.BUILT_IN: vendors.availability(name)\n"
        f"print([package for package in {packages} if package in sys.modules])"
    )
    source = str(Path(str(vendors.__file__)).parents[2])
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": source}
    )
    assert ran.stdout == "[]\n"


def empty_library(folder: Path) -> Path:
    folder.mkdir(parents=True)
    name = {"darwin": "liboqs.dylib", "win32": "oqs.dll"}.get(sys.platform, "liboqs.so")
    (folder / name).write_bytes(b"")
    return folder / name


def test_the_library_is_looked_for_where_the_user_said_before_anywhere_else(tmp_path: Path) -> None:
    said = empty_library(tmp_path / "said/lib64")
    empty_library(tmp_path / "loader")
    environment = {"OQS_INSTALL_PATH": str(tmp_path / "said"), "LD_LIBRARY_PATH": str(tmp_path / "loader")}
    assert find_liboqs(environment, tmp_path / "no cache") == said


def test_the_library_is_found_on_the_loader_path(tmp_path: Path) -> None:
    library = empty_library(tmp_path / "loader")
    environment = {"OQS_INSTALL_PATH": str(tmp_path), "LD_LIBRARY_PATH": f":{tmp_path / 'loader'}"}
    assert find_liboqs(environment, tmp_path / "no cache") == library


def test_the_library_is_found_in_the_loader_cache_unless_the_file_is_gone(tmp_path: Path) -> None:
    library = tmp_path / "liboqs.so.9"
    library.write_bytes(b"")
    cache = tmp_path / "cache"
    cache.write_bytes(b"head\0libc.so.6\0/gone/liboqs.so.8\0liboqs.so.9\0" + os.fsencode(library) + b"\0tail\0")
    assert find_liboqs({"OQS_INSTALL_PATH": str(tmp_path)}, cache) == library


def test_a_tape_gives_what_was_recorded_in_order() -> None:
    tape = Tape(b"abcdef")
    assert (tape.read(2), tape.read(4)) == (b"ab", b"cdef")
    tape.finish()


def test_a_tape_refuses_to_give_more_than_was_recorded() -> None:
    tape = Tape(b"abc")
    with pytest.raises(ValueError, match="asks for 4 random bytes, 3 were given"):
        tape.read(4)
    with pytest.raises(ValueError, match="asked for 4 random bytes"):
        tape.finish()


def test_a_tape_says_when_not_all_of_it_was_read() -> None:
    tape = Tape(b"abc")
    tape.read(2)
    with pytest.raises(ValueError, match="asked for 2 random bytes, 3 were given"):
        tape.finish()


def test_a_tape_reads_bytes_whatever_kind_of_buffer_it_was_given() -> None:
    recorded = bytearray(b"0123")
    tape = Tape(recorded)  # type: ignore[arg-type]  # vendor adapters are given what a check passes on
    recorded[:] = b"xxxx"
    read = tape.read(4)
    assert (read, type(read)) == (b"0123", bytes)
