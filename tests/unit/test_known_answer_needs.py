"""A published case is asked only of an implementation that can take its inputs."""

from __future__ import annotations

import pytest

from pqvalidate.suites import known_answer


@pytest.mark.parametrize("name", ["ml-dsa/context-length", "ml-dsa/context-length-seed"])
def test_a_context_is_not_given_to_an_operation_that_takes_none(name: str) -> None:
    (check,) = (check for check in known_answer.CHECKS if check.name == name)
    for needed in check.needs:
        (operation,) = (need for need in needed if "." not in need)
        assert f"{operation}.context" in needed
