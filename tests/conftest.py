"""What all tests share: programs that a test needs, and how Hypothesis runs."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

# No deadline per example: on a busy machine it measures the neighbours. print_blob: a failure can be replayed.
settings.register_profile("pqvalidate", deadline=None, print_blob=True)
settings.load_profile("pqvalidate")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave a test out where a program that it needs is missing; under PQV_REQUIRE_TOOLCHAINS=1 it fails instead."""
    wanted = [program for mark in item.iter_markers("needs") for program in mark.args]
    missing = [program for program in wanted if shutil.which(program) is None]
    if not missing:
        return
    reason = f"not found on PATH: {', '.join(missing)}"
    if os.environ.get("PQV_REQUIRE_TOOLCHAINS") == "1":
        pytest.fail(f"{reason} (PQV_REQUIRE_TOOLCHAINS=1 asks for it)", pytrace=False)
    pytest.skip(reason)
