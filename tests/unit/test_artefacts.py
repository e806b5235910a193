"""Which bytes were tested: digests that anybody can compute again, and clear words where nothing identifies them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from pqvalidate import vendors
from pqvalidate.adapters.artefacts import artefacts_of
from pqvalidate.adapters.attach import Implementation
from pqvalidate.errors import InputError
from pqvalidate.evidence import Artefact
from pqvalidate.manifest import ArtefactSource, Attach, Claims, Manifest, Product, read_manifest

RECIPE = "find . -type f -not -path '*/__pycache__/*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum"


def manifest(*sources: ArtefactSource, target: str = "adapter:implementation") -> Manifest:
    return Manifest(
        schema="pqvalidate/manifest/1", product=Product(vendor="Example BV", name="Example", version="1"),
        attach=Attach(kind="python", target=target), claims=Claims(conformance=("ML-KEM-768",)), artefacts=sources,
    )  # fmt: skip


def found(folder: Path, *sources: ArtefactSource, target: str = "adapter:implementation") -> tuple[Artefact, ...]:
    return artefacts_of(manifest(*sources, target=target), folder / "vendor.toml")[0]


def problem(folder: Path, *sources: ArtefactSource) -> InputError:
    with pytest.raises(InputError) as failure:
        found(folder, *sources)
    assert failure.value.file == str(folder / "vendor.toml")
    assert failure.value.remedy
    return failure.value


def test_a_file_is_named_by_its_own_digest(tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_bytes(b"library")
    (artefact,) = found(tmp_path, ArtefactSource(path="lib.so"))
    assert artefact == Artefact(
        path="lib.so", kind="file", sha256=hashlib.sha256(b"library").hexdigest(),
        sha512=hashlib.sha512(b"library").hexdigest(), bytes=7,
    )  # fmt: skip


@pytest.mark.needs("sha256sum", "find", "xargs")
def test_a_folder_is_named_by_the_digest_of_what_sha256sum_prints(tmp_path: Path) -> None:
    for name in (
        "b.py",
        "a/z.py",
        "a.py",
        "a/__pycache__/z.pyc",
        "ä.py",
        "A.py",
        "a b.py",
        "a-b/c.py",
        ".hidden",
        os.fsdecode(b"\xff"),
    ):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))
    (artefact,) = found(tmp_path, ArtefactSource(path="tree"))
    printed = subprocess.run(["sh", "-c", RECIPE], cwd=tmp_path / "tree", capture_output=True, check=True).stdout
    assert len(printed.splitlines()) == 9
    assert artefact.sha256 == hashlib.sha256(printed).hexdigest()
    assert (artefact.path, artefact.kind) == ("tree/", "tree")


@pytest.mark.needs("sha256sum")
def test_a_distribution_is_named_by_the_digest_of_what_sha256sum_prints_for_its_files() -> None:
    (tree, *_) = found(Path(), ArtefactSource(distribution="hypothesis"))
    distribution = metadata.distribution("hypothesis")
    root = Path(str(distribution.locate_file("")))
    names = [
        entry.as_posix()
        for entry in distribution.files or ()
        if not entry.parts[0].endswith(".dist-info") and entry.suffix != ".pyc" and ".." not in entry.parts
    ]
    names.sort(key=str.encode)
    printed = subprocess.run(["sha256sum", *names], cwd=root, capture_output=True, check=True).stdout
    assert tree.sha256 == hashlib.sha256(printed).hexdigest()
    assert tree.path == f"hypothesis-{distribution.version}/"


def test_a_distribution_with_few_native_libraries_names_each() -> None:
    tree, *native = found(Path(), ArtefactSource(distribution="msgspec"))
    assert tree.kind == "tree"
    assert native
    assert all(artefact.kind == "file" and Path(artefact.path).suffix in {".so", ".pyd"} for artefact in native)


def test_a_changed_byte_changes_the_digest(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(b"1")
    (before,) = found(tmp_path, ArtefactSource(path="tree"))
    (tmp_path / "tree" / "a").write_bytes(b"2")
    (after,) = found(tmp_path, ArtefactSource(path="tree"))
    assert before.sha256 != after.sha256
    assert before.sha512 != after.sha512


def test_the_record_says_what_the_digest_of_a_folder_leaves_out_whether_it_is_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "a.py").write_bytes(b"1")
    whole = manifest(ArtefactSource(path="tree"), ArtefactSource(path="tree/deep/a.py"))
    before = artefacts_of(whole, tmp_path / "vendor.toml")
    assert before[1] == ("the digest of the folder tree/ leaves out folders called __pycache__",)
    (tmp_path / "tree" / "deep" / "__pycache__").mkdir()
    (tmp_path / "tree" / "deep" / "__pycache__" / "a.pyc").write_bytes(b"made by a run")
    assert artefacts_of(whole, tmp_path / "vendor.toml") == before  # a run must not change what was tested
    (tmp_path / "tree" / "current").symlink_to("deep")
    assert artefacts_of(whole, tmp_path / "vendor.toml") == (
        before[0], (f"{before[1][0]}, and the links to folders current",),
    )  # fmt: skip


def test_what_no_digest_of_a_folder_can_bind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(b"1")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tree" / "more").symlink_to("../elsewhere")
    error = problem(tmp_path, ArtefactSource(path="tree"))
    assert error.place == "artefacts[0]"
    assert error.problem.endswith("holds what no digest of it can bind: more")


def test_without_artefacts_the_adapter_file_stands_in_and_a_note_says_so(tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_bytes(b"x = 1")
    artefacts, notes = artefacts_of(manifest(), tmp_path / "vendor.toml")
    assert [artefact.path for artefact in artefacts] == ["adapter.py"]
    assert "only the adapter file is identified" in notes[0]


def test_a_package_as_target_is_found_by_its_init_file(tmp_path: Path) -> None:
    (tmp_path / "deep" / "adapter").mkdir(parents=True)
    (tmp_path / "deep" / "adapter" / "__init__.py").write_bytes(b"x = 1")
    assert [artefact.path for artefact in found(tmp_path, target="deep.adapter:x")] == ["__init__.py"]


def test_a_file_that_is_named_like_a_module_of_this_package_does_not_stand_in_for_it(tmp_path: Path) -> None:
    """The worker has imported this package before, so that file would be signed for and never run."""
    file = tmp_path / "pqvalidate" / "vendors" / "openssl.py"
    file.parent.mkdir(parents=True)
    file.write_text("implementation = None\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"pqvalidate\.vendors\.openssl is not in a folder"):
        found(tmp_path, target="pqvalidate.vendors.openssl:implementation")


def test_nothing_that_identifies_the_implementation_is_an_error(tmp_path: Path) -> None:
    error = problem(tmp_path)
    assert error.place == "attach.target"
    assert "is not in a folder of attach.path" in error.problem


def test_a_missing_file_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"")
    error = problem(tmp_path, ArtefactSource(path="there"), ArtefactSource(path="lib.so"))
    assert error.place == "artefacts[1]"
    assert f"there is no file {tmp_path / 'lib.so'}" in error.problem


@pytest.mark.parametrize("path", ["\0", "x" * 300, "a/" * 3000])
def test_a_path_that_cannot_be_one_is_an_error_of_the_manifest(path: str, tmp_path: Path) -> None:
    assert problem(tmp_path, ArtefactSource(path=path)).place == "artefacts[0]"


def test_an_empty_folder_identifies_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty" / "__pycache__").mkdir(parents=True)
    (tmp_path / "empty" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert "holds nothing" in problem(tmp_path, ArtefactSource(path="empty")).problem


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib.so").write_bytes(b"library")

    def refuse(path: Path) -> tuple[str, str, int]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pqvalidate.adapters.artefacts.file_digests", refuse)
    error = problem(tmp_path, ArtefactSource(path="lib.so"))
    assert error.problem == f"{tmp_path / 'lib.so'} cannot be read: Permission denied"


@pytest.mark.parametrize("name", ["no-such-distribution", " ", "../x", "\0"])
def test_a_distribution_that_is_not_installed_says_how_to_install_it(name: str, tmp_path: Path) -> None:
    error = problem(tmp_path, ArtefactSource(distribution=name))
    assert (error.problem, error.remedy) == (f"the distribution {name!r} is not installed here", f"pip install {name}")


def install(folder: Path, *, files: str, origin: object = None) -> None:
    """Lay down a distribution as an installer would."""
    info = folder / "made_up-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1\n", encoding="utf-8")
    (info / "RECORD").write_text(files, encoding="utf-8")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin), encoding="utf-8")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_an_editable_distribution_is_refused_since_its_files_are_elsewhere(packages: Path, tmp_path: Path) -> None:
    install(packages, files="made_up.pth,,\n", origin={"url": "file:///src", "dir_info": {"editable": True}})
    (packages / "made_up.pth").write_text("/src\n", encoding="utf-8")
    error = problem(tmp_path, ArtefactSource(distribution="made-up"))
    assert "editable mode" in error.problem


@pytest.mark.parametrize("origin", [None, {}, [], {"dir_info": None}, {"dir_info": {}}])
def test_other_origins_are_no_matter(origin: object, packages: Path, tmp_path: Path) -> None:
    install(packages, files="made_up.py,,\nmade_up-1.dist-info/RECORD,,\n../bin/made-up,,\ngone.py,,\n", origin=origin)
    (packages / "made_up.py").write_text("x = 1", encoding="utf-8")
    (packages / "made_up.pyc").write_text("x = 1", encoding="utf-8")
    (tree,) = found(tmp_path, ArtefactSource(distribution="made-up"))
    assert tree.bytes == 5


def test_files_that_an_installer_linked_into_place_are_covered(packages: Path, tmp_path: Path) -> None:
    install(packages, files="made_up.py,,\n")
    (tmp_path / "cache").write_text("x = 1", encoding="utf-8")
    (packages / "made_up.py").symlink_to(tmp_path / "cache")
    assert found(tmp_path, ArtefactSource(distribution="made-up"))[0].bytes == 5


def test_a_distribution_without_files_is_an_error(packages: Path, tmp_path: Path) -> None:
    install(packages, files="made_up-1.dist-info/RECORD,,\n")
    assert "lists no files" in problem(tmp_path, ArtefactSource(distribution="made-up")).problem


def test_files_beside_the_distribution_are_artefacts_too(tmp_path: Path) -> None:
    library = tmp_path / "liboqs.so.9"
    library.write_bytes(b"library")
    path = vendors.manifest_path("openssl")
    with Implementation(read_manifest(path), path, probe=False, extra=(library,)) as iut:
        artefact = iut.subject.artefacts[-1]
    assert (artefact.path, artefact.sha256) == ("liboqs.so.9", hashlib.sha256(b"library").hexdigest())
