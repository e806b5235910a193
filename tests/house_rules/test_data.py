"""House rules on data files: every vector file has digest, source and licence; every built-in manifest loads."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from pqvalidate.manifest import read_manifest
from pqvalidate.vendors import BUILT_IN, manifest_path
from tests.house_rules.tree import FILES, ROOT

VECTORS = ROOT / "vectors"
NOT_VECTORS = {"README.md", "manifest.json"}


def manifest() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / "manifest.json").read_text(encoding="utf-8"))
    return content


def packed() -> set[str]:
    inside = {path.relative_to(VECTORS) for path in FILES if path.is_relative_to(VECTORS)}
    data = {path for path in inside if path.suffix != ".py" and path.parts[0] != "licences"}
    return {path.as_posix() for path in data if path.name not in NOT_VECTORS}


def test_every_vector_file_is_in_the_manifest_once_and_nothing_else_is() -> None:
    listed = [file["path"] for row in manifest()["sets"] for file in row["files"]]
    assert sorted(listed) == sorted(packed())


def test_every_vector_file_has_the_digest_and_the_size_that_the_manifest_states() -> None:
    for row in manifest()["sets"]:
        for file in row["files"]:
            content = (VECTORS / file["path"]).read_bytes()
            assert (file["sha256"], file["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content)), file["path"]


@pytest.mark.parametrize("fact", ["id", "repository", "revision", "licence", "question"])
def test_every_vector_set_states_where_it_comes_from_and_what_it_shows(fact: str) -> None:
    assert [row for row in manifest()["sets"] if not row.get(fact)] == []


def test_every_vector_set_comes_with_its_licence() -> None:
    missing = [row["id"] for row in manifest()["sets"] if not (VECTORS / row["licence_file"]).is_file()]
    assert missing == []


@pytest.mark.parametrize("vendor", BUILT_IN)
def test_every_built_in_manifest_loads_and_names_what_it_is_tested_by(vendor: str) -> None:
    manifest = read_manifest(manifest_path(vendor))
    assert manifest.attach.target == f"pqvalidate.vendors.{vendor.replace('-', '_')}:implementation"
    assert manifest.artefacts, "a certificate needs the digest of something"
