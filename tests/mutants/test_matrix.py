"""The matrix of mutants and checks, compared with the stored one; PQV_UPDATE_GOLDEN=1 writes the files anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pqvalidate.diagnosis import TRIED_ON
from tests.mutants import catalogue_text
from tests.mutants.catalogue import ALL_MUTANTS, SETS, sets_of
from tests.mutants.classes import BUG_CLASSES, NO_MUTANT
from tests.mutants.matrix import REFERENCE, cell_of, matrix, plan_for, survivors, text
from tests.mutants.survivors import NOTICED_AT_STANDARD_BY, ON_OLD_SETS

pytestmark = pytest.mark.whole_matrix  # minutes of computation: `make mutants`
FOLDER = Path(__file__).parent
STANDARD = ("ML-KEM-512", "ML-KEM-768", "ML-KEM-1024", "ML-DSA-44")


def compare(name: str, seen: str) -> None:
    """Compare with the stored file, or write it when asked to."""
    path = FOLDER / name
    if os.environ.get("PQV_UPDATE_GOLDEN") == "1":
        path.write_text(seen, encoding="utf-8")
    assert path.is_file(), f"{name} is missing; write it with PQV_UPDATE_GOLDEN=1 and review it"
    assert seen == path.read_text(encoding="utf-8")


def test_the_matrix_of_mutants_and_checks_is_the_stored_one() -> None:
    compare("matrix.txt", text(matrix()))


def test_the_catalogue_in_the_documentation_is_up_to_date() -> None:
    compare("catalogue.md", catalogue_text.text(matrix()))


@pytest.mark.parametrize("name", SETS)
def test_no_check_accuses_the_reference(name: str) -> None:
    assert set(matrix()[name][REFERENCE].values()) <= {"survived", "not asked"}


def test_the_survivors_on_the_standard_sets_are_the_known_ones() -> None:
    found = survivors(matrix())
    assert set().union(*(found[name] for name in STANDARD)) == set(NOTICED_AT_STANDARD_BY)


@pytest.mark.parametrize("what", NOTICED_AT_STANDARD_BY)
def test_a_survivor_of_depth_quick_is_noticed_at_depth_standard(what: str) -> None:
    (mutant,) = [mutant for mutant in ALL_MUTANTS if mutant.what == what]
    name = sets_of(mutant)[0]
    (task,) = [task for task in plan_for(name).tasks if task.check.name == NOTICED_AT_STANDARD_BY[what]]
    assert cell_of(mutant.make, mutant.target, task) == "killed"


def test_the_survivors_on_the_pre_standard_sets_are_as_many_as_known() -> None:
    found = survivors(matrix())
    assert {name: len(found[name]) for name in ON_OLD_SETS} == ON_OLD_SETS


def test_every_set_is_either_standard_or_pre_standard() -> None:
    assert {*STANDARD, *ON_OLD_SETS} == set(SETS)


def test_no_two_mutants_have_the_same_name() -> None:
    names = [mutant.what for mutant in ALL_MUTANTS]
    assert sorted(names) == sorted(set(names))


def test_every_mutant_names_its_source_and_a_class_of_bugs() -> None:
    assert [mutant.what for mutant in ALL_MUTANTS if not mutant.imitates or mutant.bug_class not in BUG_CLASSES] == []


def test_every_mutant_is_tried_on_a_parameter_set() -> None:
    assert [mutant.what for mutant in ALL_MUTANTS if not sets_of(mutant)] == []
    assert set(TRIED_ON.values()) <= set(SETS)


def test_every_class_of_bugs_has_a_mutant_or_a_reason_why_not() -> None:
    planted = {mutant.bug_class for mutant in ALL_MUTANTS}
    assert planted & set(NO_MUTANT) == set()
    assert planted | set(NO_MUTANT) == set(BUG_CLASSES)
