"""How many processes run campaigns where nobody says it."""

from __future__ import annotations

import os

import pytest

from pqvalidate.scale_out import usual_jobs
from tests.unit.evidence_factory import subject


@pytest.mark.parametrize(("adapter", "most"), [("python a:b", 4), ("c-abi x.so", 4), ("harness ./x", 1), ("argv x", 1)])
def test_a_library_has_the_processors_and_a_program_one(
    adapter: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    iut = subject(adapter=adapter)
    for processors in (1, 2, 16):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid, n=processors: set(range(n)))
        assert usual_jobs(iut) == min(most, processors)
