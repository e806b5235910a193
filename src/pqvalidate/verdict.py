"""Judging: from evidence to verdicts on claims and a decision under a policy. Pure: no input, no output, no clock."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pqvalidate.documents import Record
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Evidence, Facts, Question, StepResult, check_evidence, was_cut_off
from pqvalidate.questions import TIMING, no_leak_detected, not_timed

Decision: TypeAlias = Literal["conforms", "does-not-conform", "undecided"]
EXIT_CODES: dict[Decision, int] = {"conforms": 0, "does-not-conform": 1, "undecided": 3}
POLICIES = ("as-claimed",)


class ClaimVerdict(Record):
    """What the evidence says about one claim, and why in one sentence."""

    claim: str
    verdict: Literal["confirmed", "refuted", "inconclusive"]
    why: str


class Verdict(Record):
    """The decision under a policy, with the verdict on every claim."""

    policy: str
    decision: Decision
    why: str
    claims: tuple[ClaimVerdict, ...]


def judge(evidence: Evidence, policy: str = "as-claimed") -> Verdict:
    """Decide whether every claim of the vendor is confirmed by the evidence.

    Raises:
        UsageError: there is no such policy.

    """
    if policy not in POLICIES:
        raise UsageError(f"unknown policy {policy!r}; available: {', '.join(POLICIES)}")
    facts = evidence.facts
    inconsistent = check_evidence(evidence)
    claims = tuple(_conformance(facts, name) for name in facts.subject.claims)
    claims += timing_claims(facts)
    timed = {step.check for step in facts.plan.steps if step.bears_on == TIMING}
    wrong = [c.control for c in facts.controls if c.expected != c.seen and c.check not in timed]
    refuted = [claim.claim for claim in claims if claim.verdict == "refuted"]
    open_claims = [claim.claim for claim in claims if claim.verdict == "inconclusive"]
    decision: Decision
    if inconsistent:
        decision, why = "undecided", f"the records contradict each other: {inconsistent}"
    elif wrong:
        decision, why = "undecided", f"the validator did not prove itself: control {wrong[0]} was misjudged"
    elif refuted:
        decision, why = "does-not-conform", f"refuted: {', '.join(refuted)}"
    elif not facts.controls:
        decision, why = "undecided", "the bundle carries no controls, so nothing shows that the checks can fail"
    elif open_claims or not claims:
        decision, why = "undecided", f"not answered: {', '.join(open_claims) or 'there is no claim'}"
    else:
        decision, why = "conforms", "every claim is confirmed; what was not asked is listed"
    return Verdict(policy=policy, decision=decision, why=why, claims=claims)


def _conformance(facts: Facts, parameter_set: str) -> ClaimVerdict:
    claim = f"conformance {parameter_set}"
    results = _results(facts, parameter_set, on_timing=False)
    failed = [name for name, (severity, found) in results.items() if found.outcome == "fail" and severity != "advisory"]
    if failed:
        return ClaimVerdict(claim=claim, verdict="refuted", why=f"failed: {', '.join(failed)}")
    broken = [name for name, (_, result) in results.items() if result.outcome == "error"]
    if broken:
        return ClaimVerdict(claim=claim, verdict="inconclusive", why=f"our own error in {', '.join(broken)}")
    cut_off = [name for name, (_, result) in results.items() if was_cut_off(result)]
    if cut_off:
        return ClaimVerdict(claim=claim, verdict="inconclusive", why=f"planned and not finished: {', '.join(cut_off)}")
    questions = [q for q in facts.plan.questions if q.parameter_set == parameter_set and q.id != TIMING]
    if not questions:
        return ClaimVerdict(claim=claim, verdict="inconclusive", why="no question was asked about it")
    unanswered = [q.id for q in questions if not _answered(q, results)]
    if unanswered:
        return ClaimVerdict(claim=claim, verdict="inconclusive", why=f"unanswered: {', '.join(unanswered)}")
    answered = f"all {len(questions)} questions" if len(questions) != 1 else "1 question"
    return ClaimVerdict(claim=claim, verdict="confirmed", why=f"{answered} answered, none failed")


def timing_claims(facts: Facts) -> tuple[ClaimVerdict, ...]:
    """Return the verdicts on the claims about execution time, in the order in which they are made."""
    return tuple(_timing(facts, name) for name in facts.subject.timing)


def _timing(facts: Facts, parameter_set: str) -> ClaimVerdict:
    """Judge a claim on execution time: every method that was used must have proven itself, and none found anything."""
    claim = f"timing {parameter_set}"
    results = _results(facts, parameter_set, on_timing=True)
    for name, (_, result) in results.items():
        if result.outcome in ("pass", "fail") and not _proven(facts, name):
            why = f"the control of {name} failed or is missing, so its answer counts for nothing"
            return ClaimVerdict(claim=claim, verdict="inconclusive", why=why)
    failed = {name: severity for name, (severity, found) in results.items() if found.outcome == "fail"}
    if grave := [name for name, severity in failed.items() if severity != "advisory"]:
        return ClaimVerdict(claim=claim, verdict="refuted", why=f"a leak was detected: {', '.join(grave)}")
    broken = [name for name, (_, result) in results.items() if result.outcome == "error" or was_cut_off(result)]
    if broken or failed:
        why = f"no answer from {', '.join(broken)}" if broken else f"somebody must look at: {', '.join(failed)}"
        return ClaimVerdict(claim=claim, verdict="inconclusive", why=why)
    counts = {step.check: step.detects for step in facts.plan.steps if step.parameter_set == parameter_set}
    asked = [(name, counts[name]) for name, (_, result) in results.items() if result.outcome == "pass"]
    if not any(_answered(q, results) for q in facts.plan.questions if q.parameter_set == parameter_set):
        return ClaimVerdict(claim=claim, verdict="inconclusive", why=not_timed(parameter_set))
    return ClaimVerdict(claim=claim, verdict="confirmed", why=no_leak_detected(asked))


def _proven(facts: Facts, check: str) -> bool:
    """Return whether the controls of a check ran on both sides and were judged rightly."""
    own = [control for control in facts.controls if control.check == check]
    return {control.expected for control in own} == {"pass", "fail"} and all(c.expected == c.seen for c in own)


def _results(facts: Facts, parameter_set: str, *, on_timing: bool) -> dict[str, tuple[str, StepResult]]:
    steps = zip(facts.plan.steps, facts.results, strict=False)
    return {
        step.check: (step.severity, result)
        for step, result in steps
        if step.parameter_set == parameter_set and (step.bears_on == TIMING) is on_timing
    }


def _answered(question: Question, results: dict[str, tuple[str, StepResult]]) -> bool:
    return any(name in results and results[name][1].outcome == "pass" for name in question.checks)
