"""Designs beside those of decapsulation with its key: from the seed, with extreme messages, and of encapsulation."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.session import Session
from pqvalidate.evidence import Subject
from pqvalidate.mutants_timing import LEAKY, SOUND
from pqvalidate.planner import Selection, make_plan
from pqvalidate.scheduler import window
from pqvalidate.suites.timing_designs import messages
from tests.timing.libraries import NAME, asked, controls_of, library, needs_tools, timed
from tests.unit.evidence_factory import subject

ENCAPSULATION = "ml-kem/timing-encapsulation"


def claiming(*operations: str) -> Subject:
    return replace(subject(), operations={NAME: operations}, timing=(NAME,))


def reasons(*operations: str) -> dict[str, tuple[str | None, str]]:
    planned = make_plan(claiming(*operations), Selection(depth="standard", seed="00"))
    return {step.check: (step.reason, step.why) for step in planned.plan.steps if step.suite == "timing"}


def test_what_is_reached_through_a_pipe_is_not_measured_and_the_plan_says_why() -> None:
    found = reasons("decapsulate", "encapsulate_derand")
    assert {reason for reason, _ in found.values()} == {"operation-missing"}
    for check in ("ml-kem/timing-statistics", ENCAPSULATION):
        assert found[check][1].startswith("the implementation does not offer calls that can be timed")
        assert found[check][1].endswith("(messages through a pipe take longer than a leak)")


def test_encapsulation_is_not_measured_where_the_implementation_draws_the_message() -> None:
    found = reasons("decapsulate", "encapsulate", "env:measure")
    assert found[ENCAPSULATION] == ("operation-missing", "the implementation does not offer encapsulate_derand")
    assert found["ml-kem/timing-statistics"][0] is None


def test_decapsulation_from_the_seed_is_measured_where_no_other_is_offered() -> None:
    assert reasons("decapsulate_from_seed", "env:measure")["ml-kem/timing-statistics"][0] is None


@pytest.mark.parametrize(("programs", "outcome"), [(SOUND, {"pass"}), (LEAKY, {"fail"})])
def test_from_the_seed_a_program_is_judged_as_with_the_key(programs: dict, outcome: set[str]) -> None:  # type: ignore[type-arg]
    planned = make_plan(
        claiming("decapsulate_from_seed", "env:measure"),
        Selection(depth="standard", seed="11", only=("ml-kem/timing-statistics",)),
    )
    (task,) = planned.tasks
    with Session(programs[task.check.name].target(NAME)) as session:
        (record,) = window(session, task, task.cases[:1], 1)
    # A busy machine can hide a difference or end in an error, but it never makes a sound program fail.
    assert record.outcome in outcome | {"error"}, record.why


def test_the_controls_of_encapsulation_are_judged_rightly() -> None:
    planned = make_plan(
        claiming("encapsulate_derand", "env:measure"), Selection(depth="standard", seed="22", only=(ENCAPSULATION,))
    )
    assert [(c.expected, c.seen) for c in controls_of(planned)] == [("pass", "pass"), ("fail", "fail")]


def test_messages_are_extreme_as_their_design_says_and_agree_in_what_chooses_an_address() -> None:
    pool, zeros, ones = messages(random.Random(1).randbytes, 100)
    assert len(set(pool)) == 100
    assert len(set(zeros)) == len(set(ones)) == 255
    assert {m[16] & 1 for kind in (pool, zeros, ones) for m in kind} == {1}
    assert max(int.from_bytes(m).bit_count() for m in zeros) == 2
    assert min(int.from_bytes(m).bit_count() for m in ones) == 255


@needs_tools
@pytest.mark.parametrize(("leak", "outcome"), [("SOUND", "pass"), ("BRANCH_PER_BIT", "fail")])
def test_a_branch_on_the_message_shows_in_the_instructions_of_encapsulation(
    tmp_path: Path, leak: str, outcome: str
) -> None:
    (record,) = asked(library(tmp_path, leak), f"{ENCAPSULATION}-instructions")
    assert record.outcome == outcome, record.why


@pytest.mark.needs("gcc")
def test_a_branch_on_the_message_shows_in_the_time_of_encapsulation(tmp_path: Path) -> None:
    record = timed(library(tmp_path, "BRANCH_PER_BIT"), ENCAPSULATION, "fixed-random")
    assert record.outcome == "fail", record.why


@pytest.mark.needs("gcc")
def test_a_c_library_offers_what_the_designs_need(tmp_path: Path) -> None:
    with attach(library(tmp_path, "SOUND")) as iut:
        assert {"encapsulate_derand", "decapsulate", "env:measure", "env:count"} <= set(iut.subject.operations[NAME])
