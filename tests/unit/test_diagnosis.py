"""The doctor: is this installation fit to judge others? A damaged vector file and a blind check are found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from pqvalidate.diagnosis import TOOLS, Diagnosis, diagnose
from pqvalidate.evidence import Control
from pqvalidate.suites import all_checks
from pqvalidate.vectors import reader
from pqvalidate.vendors import BUILT_IN


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    return diagnose()


def test_all_is_well_here(found: Diagnosis) -> None:
    assert found.exit_code() == 0
    assert found.damaged == ()
    assert found.misjudged() == []
    assert set(found.tools) == set(TOOLS)
    assert set(found.vendors) == set(BUILT_IN)
    assert f"{found.vector_files} of {found.vector_files} files match" in found.text()


def test_every_check_that_has_controls_was_controlled_both_ways(found: Diagnosis) -> None:
    seen = {control.check for control in found.controls if control.expected == "fail"}
    assert seen == {control.check for control in found.controls if control.expected == "pass"}
    compared = {check.name for check in all_checks() if check.suite in {"known-answer", "differential"}}
    quiet = {check.name for check in all_checks() if check.severity == "advisory" or check.name.endswith("accumulated")}
    assert compared - seen <= quiet


def test_a_misjudged_control_is_shown_and_gives_exit_3(found: Diagnosis) -> None:
    blind = Control(control="mutant: x", check="ml-kem/kat-keygen", expected="fail", seen="pass")
    worse = replace(found, controls=(*found.controls, blind))
    assert worse.exit_code() == 3
    assert "misjudged: mutant: x by ml-kem/kat-keygen" in worse.text()


def test_a_damaged_vector_file_is_named_and_gives_exit_4(found: Diagnosis, tmp_path: Path) -> None:
    copy = shutil.copytree(reader.default_folder(), tmp_path / "vectors")
    victim = next(copy.rglob("*.mp"))
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    from pqvalidate import vectors

    damaged = tuple(str(path) for path, good in vectors.digest_all(copy) if not good)
    assert [Path(name).name for name in damaged] == [victim.name]
    worse = replace(found, damaged=damaged)
    assert worse.exit_code() == 4
    assert f"damaged: {damaged[0]}; reinstall pqvalidate" in worse.text()
