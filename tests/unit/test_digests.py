"""Digests agree with the tools that everybody has: sha256sum of a file, sha256sum of what sha256sum prints."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from pqvalidate.digests import Uncovered, directory_digests, file_digests, tree_digests, uncovered


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 17)  # longer than one chunk
    (tmp_path / "f").write_bytes(content)
    found = file_digests(tmp_path / "f")
    assert found == (hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest(), len(content))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name in ("b.so", "a/z.py", "a-b.txt", "Ä.txt", "a/__pycache__/z.pyc"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.mark.needs("sha256sum", "sort", "find")
def test_the_digest_of_a_tree_is_that_of_what_sha256sum_prints(tree: Path) -> None:
    listed = "find . -type f -not -path '*/__pycache__/*' | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    done = subprocess.run(["sh", "-c", listed], cwd=tree, capture_output=True, text=True, check=True)
    assert directory_digests(tree)[0] == done.stdout.split()[0]


def test_the_digest_of_a_tree_depends_on_names_and_bytes(tree: Path) -> None:
    first = directory_digests(tree)
    (tree / "b.so").rename(tree / "c.so")
    renamed = directory_digests(tree)
    (tree / "c.so").write_text("B.so")
    assert len({first, renamed, directory_digests(tree)}) == 3


def test_files_may_come_in_any_order(tree: Path) -> None:
    files = [path for path in tree.rglob("*") if path.is_file()]
    assert tree_digests(tree, files) == tree_digests(tree, files[::-1])


def test_a_name_that_is_no_utf_8_has_a_digest_as_well(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.so"))).write_bytes(b"x")
    listed = hashlib.sha256(b"x").hexdigest().encode() + b"  \xff.so\n"
    assert directory_digests(tmp_path)[0] == hashlib.sha256(listed).hexdigest()


def test_what_a_digest_of_a_folder_leaves_out_is_named(tree: Path) -> None:
    before = directory_digests(tree)
    assert uncovered(tree) == Uncovered(("a/__pycache__/",), (), ())
    (tree / "empty/__pycache__").mkdir(parents=True)
    (tree / "current").symlink_to("a")
    (tree / "out").symlink_to(tree.parent)
    (tree / "gone").symlink_to("nowhere")
    (tree / "absolute").symlink_to("/usr")
    os.mkfifo(tree / "pipe")
    assert uncovered(tree) == Uncovered(
        ("a/__pycache__/",), ("current",), ("absolute", "gone", "out", "pipe"),
    )  # fmt: skip
    assert directory_digests(tree) == before  # so none of it may go unnoticed


def test_a_link_to_a_file_counts_with_the_content_of_that_file(tree: Path) -> None:
    (tree / "a/z.py").unlink()
    (tree / "kept").write_text("a/z.py")
    with_copy = directory_digests(tree)
    (tree / "a/z.py").symlink_to("../kept")
    assert directory_digests(tree) != with_copy
    assert uncovered(tree).strange == ()


def test_a_folder_below_a_bytecode_folder_is_digested_like_any_other(tmp_path: Path) -> None:
    inner = tmp_path / "__pycache__" / "tree"
    inner.mkdir(parents=True)
    (inner / "x").write_text("x")
    assert directory_digests(inner)[2] == 1
