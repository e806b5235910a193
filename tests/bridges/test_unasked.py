"""Inputs that a way of attaching cannot carry: no accusation, no pass of their own, and told by our bridges alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.interface import Call, CannotAsk, Fault, Ok, Reply, Unasked, unasked
from pqvalidate.evidence import CaseRecord, Outcome, check_evidence, facts_digest, summarise
from pqvalidate.planner import Task
from pqvalidate.scheduler import carry_out
from pqvalidate.suites import Asking, find_check
from tests.unit.evidence_factory import make_evidence

WHY = "the wrapper takes no empty message"


def cases(*outcomes: Outcome) -> list[CaseRecord]:
    return [
        CaseRecord(step=0, case=f"c/{number}", outcome=outcome, why=WHY if outcome == "not-applicable" else "")
        for number, outcome in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("outcomes", "ends", "reason"),
    [
        (("pass", "not-applicable", "pass"), "pass", "operation-missing"),
        (("not-applicable", "not-applicable"), "not-applicable", "operation-missing"),
        (("pass", "not-applicable", "fail"), "fail", None),
        (("pass", "not-applicable", "error"), "error", None),
    ],
)
def test_a_step_owns_up_to_the_cases_that_could_not_be_asked(
    outcomes: Sequence[Outcome], ends: Outcome, reason: str | None
) -> None:
    result = summarise(0, len(outcomes), cases(*outcomes))
    assert (result.outcome, result.reason) == (ends, reason)
    assert result.passed + result.failed + result.errors + result.not_run == len(outcomes)
    if ends != "error":
        assert result.why.endswith(f"of {len(outcomes)} cases show nothing: {WHY}")


def test_a_run_that_stopped_early_is_not_passed_by_what_could_not_be_asked() -> None:
    result = summarise(0, 5, cases("pass", "not-applicable"), not_run_because="interrupted")
    assert (result.outcome, result.reason, result.not_run) == ("not-applicable", "not-at-this-depth", 4)
    assert summarise(0, 5, cases("pass", "not-applicable")).outcome == "error"


@pytest.mark.parametrize(
    ("fields", "sound"),
    [
        ({"passed": 1, "not_run": 1, "reason": "operation-missing", "why": WHY}, True),
        ({"passed": 1, "not_run": 1, "reason": "operation-missing", "why": ""}, False),
        ({"passed": 1, "not_run": 1, "reason": "not-at-this-depth", "why": WHY}, False),
        ({"passed": 0, "not_run": 2, "reason": "operation-missing", "why": WHY}, False),
    ],
)
def test_a_pass_of_fewer_cases_counts_only_with_its_reason(fields: dict[str, object], sound: bool) -> None:  # noqa: FBT001
    evidence = make_evidence()
    results = (replace(evidence.facts.results[0], **fields), *evidence.facts.results[1:])
    facts = replace(evidence.facts, results=results)
    problem = check_evidence(replace(evidence, facts=facts, facts_digest=facts_digest(facts)))
    assert (problem is None) is sound


class Answering:
    """Stands for an attached implementation: gives each call the reply of its turn, over and over."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = replies

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        del most_losses
        return [self.replies[number % len(self.replies)] for number in range(len(calls))]


def test_a_case_with_such_a_reply_is_recorded_as_not_applicable_and_costs_no_process() -> None:
    check = find_check("ml-kem/lengths-dk")
    asking = Asking(
        parameter_set="ML-KEM-768", depth="quick", seed=bytes(16),
        operations=frozenset({"decapsulate", "keygen_from_seed"}),
    )  # fmt: skip
    task = Task(index=0, check=check, asking=asking, cases=check.cases(asking))
    records = [
        record for batch in carry_out(Answering(Unasked("exception", WHY)), task, task.cases, 1) for record in batch
    ]
    assert len(records) == len(task.cases)
    assert {(record.outcome, record.why, record.fault) for record in records} == {("not-applicable", WHY, "")}


def test_the_words_of_a_bridge_are_told_apart_from_faults() -> None:
    told = unasked(Fault("exception", f"{CannotAsk.__name__}: {WHY}"))
    assert isinstance(told, Unasked)
    assert told.why == WHY
    for other in (Fault("exception", f"ValueError: CannotAsk: {WHY}"), Fault("crash", f"CannotAsk: {WHY}"), Ok({})):
        assert unasked(other) is other


def test_a_vendors_adapter_cannot_excuse_itself_with_the_words_of_a_bridge(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(
        "from pqvalidate.adapters.interface import CannotAsk\n"
        "class Kem:\n"
        "    def decapsulate(self, dk, c):\n"
        "        raise CannotAsk('not today')\n"
        "def implementation(name):\n"
        "    return Kem()\n",
        encoding="utf-8",
    )
    manifest = tmp_path / "vendor.toml"
    manifest.write_text(
        'schema = "pqvalidate/manifest/1"\n'
        '[product]\nvendor = "Example BV"\nname = "Example"\nversion = "1"\n'
        '[attach]\nkind = "python"\ntarget = "example:implementation"\n'
        '[claims]\nconformance = ["ML-KEM-768"]\n',
        encoding="utf-8",
    )
    with attach(manifest) as iut:
        (reply,) = iut.ask([Call(operation="decapsulate", parameter_set="ML-KEM-768", inputs={"dk": b"", "c": b""})])
    assert isinstance(reply, Fault)
    assert not isinstance(reply, Unasked)
