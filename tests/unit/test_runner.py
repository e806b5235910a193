"""Running: every planned step ends in one result; budgets, losses and mistakes of ours are recorded, never passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace as with_fields
from pathlib import Path

import pytest

from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply
from pqvalidate.bundle import BundleWriter, read_cases, read_evidence
from pqvalidate.controls import InProcess, reference
from pqvalidate.evidence import Evidence, Subject, check_evidence
from pqvalidate.planner import Planned, Selection, make_plan
from pqvalidate.runner import LOSS_LIMIT, Budget, opening, run
from pqvalidate.suites import CaseResult, Script
from pqvalidate.verdict import judge
from tests.unit.test_planner import offering_everything

SET = "ML-KEM-512"


class Oracle:
    """Our own computation of the standard as the implementation; ``spoil`` may replace the reply to a call."""

    restarts = 0

    def __init__(self, spoil: Callable[[Call, Reply], Reply] | None = None) -> None:
        self._inner, self._spoil, self.calls = InProcess(reference, SET), spoil, 0

    def renew(self) -> None:
        self._inner = InProcess(reference, SET)

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        replies: list[Reply] = []
        losses = 0
        for call in calls:
            if most_losses is not None and losses >= most_losses:
                break
            (reply,) = self._inner.ask([call])
            reply = self._spoil(call, reply) if self._spoil else reply
            losses += isinstance(reply, Fault) and reply.kind in {"crash", "timeout", "protocol"}
            replies.append(reply)
            self.calls += 1
        return replies


@pytest.fixture(scope="module")
def subject() -> Subject:
    return offering_everything(SET)


@pytest.fixture(scope="module")
def planned(subject: Subject) -> Planned:
    return make_plan(subject, Selection(depth="quick", seed="5eed"))


def outcomes(evidence: Evidence) -> dict[str, str]:
    steps = evidence.facts.plan.steps
    return {steps[result.step].check: result.outcome for result in evidence.facts.results}


def test_a_sound_implementation_passes_every_step_that_was_asked(planned: Planned, subject: Subject) -> None:
    evidence, failures = run(Oracle(), planned, subject, None)
    assert check_evidence(evidence) is None
    assert failures == []
    assert set(outcomes(evidence).values()) <= {"pass", "not-applicable"}
    assert judge(evidence).decision == "conforms"


class WrongAtFirst(Oracle):
    """Its first decapsulation in each process gives something else, and attaching has used that up."""

    def __init__(self) -> None:
        super().__init__(self._first)
        self._fresh = False

    def renew(self) -> None:
        super().renew()
        self._fresh = True

    def _first(self, call: Call, reply: Reply) -> Reply:
        if call.operation != "decapsulate" or not self._fresh:
            return reply
        self._fresh = False
        return wrong_secret(call, reply)


def test_a_run_begins_with_a_new_process_whose_first_call_is_judged(planned: Planned, subject: Subject) -> None:
    evidence, failures = run(WrongAtFirst(), planned, subject, None)
    assert len(failures) == 1
    assert judge(evidence).decision == "does-not-conform"


def test_the_bundle_holds_every_case_once(planned: Planned, subject: Subject, tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "b", opening(planned, subject)) as writer:
        evidence, _ = run(Oracle(), planned, subject, writer)
    assert read_evidence(tmp_path / "b") == evidence
    cases = [(case.step, case.case) for case in read_cases(tmp_path / "b")]
    assert len(cases) == len(set(cases)) == sum(step.cases for step in planned.plan.steps)


def test_progress_grows_to_the_total(planned: Planned, subject: Subject) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int, what: str) -> None:
        assert what
        told.append((done, total))

    run(Oracle(), planned, subject, None, progress=tell)
    total = sum(step.cases for step in planned.plan.steps)
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def wrong_secret(call: Call, reply: Reply) -> Reply:
    if call.operation == "decapsulate" and isinstance(reply, Ok):
        return Ok({"k": bytes(32)})
    return reply


def test_a_faulty_implementation_is_refuted_and_its_cases_are_kept(planned: Planned, subject: Subject) -> None:
    evidence, failures = run(Oracle(wrong_secret), planned, subject, None)
    assert outcomes(evidence)["ml-kem/kat-decapsulate"] == "fail"
    assert judge(evidence).decision == "does-not-conform"
    checks = {number: step.check for number, step in enumerate(planned.plan.steps)}
    (first, *_) = [case for case in failures if checks[case.step] == "ml-kem/kat-decapsulate"]
    assert {"input.dk", "input.c", "expected.k", "observed.k"} <= set(first.data)


def test_fail_fast_stops_behind_the_first_failed_check(planned: Planned, subject: Subject) -> None:
    iut = Oracle(wrong_secret)
    evidence, _ = run(iut, planned, subject, None, budget=Budget(fail_fast=True))
    seen = list(outcomes(evidence).values())
    assert seen.count("fail") == 1
    assert set(seen[seen.index("fail") + 1 :]) == {"not-applicable"}
    whole = Oracle(wrong_secret)
    run(whole, planned, subject, None)
    assert iut.calls < whole.calls


def test_fail_fast_does_not_stop_at_an_advisory_miss(subject: Subject) -> None:
    from msgspec.structs import replace

    def takes_any_key(call: Call, reply: Reply) -> Reply:
        accepted = call.operation == "encapsulate" and isinstance(reply, Rejected)
        return Ok({"k": bytes(32), "c": bytes(768)}) if accepted else reply

    lenient = replace(subject, caller_checks=("encapsulation-key",))
    planned = make_plan(lenient, Selection(depth="quick", seed="5eed", only=("ml-kem/ek-modulus", "ml-kem/dk-hash")))
    evidence, _ = run(Oracle(takes_any_key), planned, lenient, None, budget=Budget(fail_fast=True))
    assert outcomes(evidence)["ml-kem/ek-modulus"] == "fail"
    assert outcomes(evidence)["ml-kem/dk-hash"] == "pass"


def test_a_spent_budget_ends_in_order(planned: Planned, subject: Subject) -> None:
    evidence, _ = run(Oracle(), planned, subject, None, budget=Budget(seconds=1e-9))
    assert check_evidence(evidence) is None
    assert evidence.status == "interrupted"
    assert "not-at-this-depth" in {result.reason for result in evidence.facts.results}
    assert judge(evidence).decision == "undecided"


def test_ctrl_c_in_the_middle_ends_in_order(planned: Planned, subject: Subject) -> None:
    calls = 0

    def pressed(_: Call, reply: Reply) -> Reply:
        nonlocal calls
        calls += 1
        if calls == 40:
            raise KeyboardInterrupt
        return reply

    evidence, _ = run(Oracle(pressed), planned, subject, None)
    assert evidence.status == "interrupted"
    assert check_evidence(evidence) is None
    assert "interrupted by the operator" in {result.why for result in evidence.facts.results}
    assert judge(evidence).decision == "undecided"


def test_after_so_many_lost_processes_a_step_is_given_up_and_the_run_goes_on(
    planned: Planned, subject: Subject
) -> None:
    def dies(call: Call, reply: Reply) -> Reply:
        return Fault("crash", "signal 11") if call.operation == "encapsulate_derand" else reply

    evidence, _ = run(Oracle(dies), planned, subject, None)
    steps = evidence.facts.plan.steps
    given_up = next(r for r in evidence.facts.results if steps[r.step].check == "ml-kem/kat-encapsulate")
    assert given_up.outcome == "fail"
    assert given_up.faults == min(LOSS_LIMIT, steps[given_up.step].cases)
    assert outcomes(evidence)["ml-kem/kat-decapsulate"] == "pass"
    assert check_evidence(evidence) is None


def test_a_mistake_in_a_check_is_our_error_and_ends_nothing(planned: Planned, subject: Subject) -> None:
    broken = planned.tasks[1]

    def script(*_: object) -> Script:
        (reply,) = yield []
        return CaseResult(outcome="pass", why=str(reply))

    check = with_fields(broken.check, script=script)
    tasks = [with_fields(task, check=check) if task is broken else task for task in planned.tasks]
    evidence, _ = run(Oracle(), with_fields(planned, tasks=tuple(tasks)), subject, None)
    result = evidence.facts.results[broken.index]
    assert (result.outcome, result.errors) == ("error", planned.plan.steps[broken.index].cases)
    assert "ValueError: not enough values" in result.why
    assert judge(evidence).decision == "undecided"


def test_a_planned_step_without_a_task_is_an_error(planned: Planned, subject: Subject) -> None:
    lost = planned.tasks[0]
    evidence, _ = run(Oracle(), with_fields(planned, tasks=planned.tasks[1:]), subject, None)
    assert evidence.facts.results[lost.index].outcome == "error"
    assert judge(evidence).decision == "undecided"


def test_the_facts_do_not_depend_on_where_a_run_was_cut_off(planned: Planned, subject: Subject, tmp_path: Path) -> None:
    whole, _ = run(Oracle(), planned, subject, None)
    for number, at in enumerate((1, 30, 90)):
        folder = tmp_path / str(number)
        calls = 0

        def pressed(_: Call, reply: Reply, at: int = at) -> Reply:
            nonlocal calls
            calls += 1
            if calls == at:
                raise KeyboardInterrupt
            return reply

        with BundleWriter(folder, opening(planned, subject)) as writer:
            cut, _ = run(Oracle(pressed), planned, subject, writer)
        assert cut.status == "interrupted"
        with BundleWriter(folder, opening(planned, subject), resume=True) as writer:
            again, _ = run(Oracle(), planned, subject, writer)
        assert again.facts_digest == whole.facts_digest
