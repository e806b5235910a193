"""Errors say what is wrong, where, and what to do, and each knows its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from pqvalidate.errors import AttachError, InputError, PqvalidateError, UsageError


def test_an_input_error_names_file_place_problem_and_remedy() -> None:
    error = InputError(Path("x.toml"), "claims.conformance[1]", "is unknown", "Name a known one")
    assert str(error) == "x.toml: claims.conformance[1]: is unknown. Name a known one."
    assert (error.file, error.place, error.problem, error.remedy) == (
        "x.toml", "claims.conformance[1]", "is unknown", "Name a known one",
    )  # fmt: skip


def test_the_file_as_a_whole_needs_no_place() -> None:
    assert str(InputError("x.toml", "", "is empty", "Fill it")) == "x.toml: is empty. Fill it."


@pytest.mark.parametrize(("error", "code"), [(UsageError, 2), (AttachError, 3), (InputError, 4), (PqvalidateError, 70)])
def test_every_error_has_its_exit_code(error: type[PqvalidateError], code: int) -> None:
    assert error.exit_code == code
    assert issubclass(error, PqvalidateError)
