"""House rules on the project files: pins, changelog, decisions, the wheel, the targets that the prose names."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house_rules.tree import FILES, PROSE, ROOT, name

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))

MOST_MEGABYTES = 25
KINDS_OF_CHANGE = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
PARTS_OF_A_DECISION = ["Context", "Options", "Choice", "Consequences"]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split("==") for line in lines if not line.startswith("#")]
    assert all(len(row) == 2 for row in rows), "constraints.txt holds name==version lines and comments only"
    return {canonicalize_name(package): version for package, version in rows}


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    wanted = [Requirement(line) for line in [*PROJECT["dependencies"], *extras, *PYPROJECT["build-system"]["requires"]]]
    pinned = pins()
    wrong = [str(w) for w in wanted if not w.specifier.contains(pinned.get(canonicalize_name(w.name), "0"))]
    assert wrong == []


def test_the_newest_version_in_the_changelog_is_that_of_the_package() -> None:
    versions = re.findall(r"^## \[(.+?)\]", CHANGELOG, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert versions[1] == PROJECT["version"]


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    assert CHANGELOG.startswith("# Changelog\n")
    titles = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert all(re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", title) for title in titles)
    assert set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)) <= KINDS_OF_CHANGE


def test_decisions_are_numbered_without_gaps_and_all_in_the_index() -> None:
    index = (ROOT / "docs" / "adr" / "index.md").read_text(encoding="utf-8")
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert re.findall(r"^(\d{4}-[\w-]+)$", index, re.MULTILINE) == [path.stem for path in DECISIONS]


@pytest.mark.parametrize("path", DECISIONS, ids=name)
def test_a_decision_is_one_page_and_owns_up_to_its_negative_consequences(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", content, re.MULTILINE) == PARTS_OF_A_DECISION
    assert "\nNegative:" in content.partition("## Consequences")[2]
    assert len(content.splitlines()) <= 60


def make_targets(file: Path) -> set[str]:
    """Return the targets of the Makefile that is nearest to a file of prose."""
    makefile = next(folder / "Makefile" for folder in file.parents if (folder / "Makefile").is_file())
    content = makefile.read_text(encoding="utf-8")
    rules = re.findall(r"^([a-z][\w -]*):", content, re.MULTILINE)
    return {target for rule in rules for target in rule.split()}


def test_every_make_target_that_the_prose_names_exists() -> None:
    named = [(path, t) for path in PROSE for t in re.findall(r"`make ([a-z][\w-]*)", path.read_text(encoding="utf-8"))]
    assert named, "the README names at least one target"
    assert [(name(path), target) for path, target in named if target not in make_targets(path)] == []


def test_every_module_of_the_judging_half_is_under_its_import_contract() -> None:
    contracts = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
    judging = {"verdict", "certificate", "catalogue", "bundle", "evidence", "questions", "manifest", "algorithms"}
    judging |= {"policy", "claims"}
    present = {f"pqvalidate.{module}" for module in judging if list((ROOT / "src" / "pqvalidate").glob(f"{module}*"))}
    assert present <= set(contracts["two-halves"]["source_modules"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_stays_small(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_MEGABYTES * 1_000_000


def test_the_wheel_holds_the_source_and_the_vectors_and_the_licences(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    source = {name(p).removeprefix("src/") for p in FILES if p.is_relative_to(ROOT / "src")}
    vectors = {f"pqvalidate/_{name(p)}" for p in FILES if p.is_relative_to(ROOT / "vectors") and p.suffix != ".py"}
    notices = {f"pqvalidate-{PROJECT['version']}.dist-info/licenses/{notice}" for notice in ("LICENSE", "NOTICE")}
    assert source | vectors | notices <= inside
