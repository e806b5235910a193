"""Planning: claims x checks x operations give the complete list of what is asked, and of what is not, with reasons."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pqvalidate import vectors
from pqvalidate.algorithms import PARAMETER_SETS, lengths
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Depth, Plan, Severity, Step, Subject, VectorSource
from pqvalidate.questions import questions_for, timing_questions
from pqvalidate.suites import Asking, Check, all_checks, checks_on_claim, find_check
from pqvalidate.suites.tape import Numbered

_FIXED = "fixed:"
"""Marks an input whose length the interface cannot express, as ``fixed:operation.input`` among the operations."""
_MOST_CONTEXT = 255
_FEWEST, _MOST = 8, 10**12
"""Cases of a campaign; fewer show next to nothing, and more take an age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the operator chose: depth, seed (hex), parameter sets (empty: all claimed), checks, one case, exclusions.

    ``cases`` is the number of cases of each campaign, where it is not that of the depth.
    """

    depth: Depth = "standard"
    seed: str
    parameter_sets: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    case: str = ""
    excluded: dict[str, str] | None = None
    cases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A planned step together with the check and the cases that carry it out.

    ``others`` are the cases of the check from which the operator has picked one: a planted fault need not show in
    the one that a vendor's fault showed in, so the controls of a replay may use them.
    """

    index: int
    check: Check
    asking: Asking
    cases: Sequence[Any]
    others: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan as a record, and the tasks that have cases."""

    plan: Plan
    tasks: tuple[Task, ...]


def make_plan(subject: Subject, selection: Selection) -> Planned:
    """Plan every check that could bear on the examined claims; each becomes one step, asked or with its reason.

    Raises:
        UsageError: a selected parameter set is not claimed, or a named check does not exist.

    """
    sets = _examined(subject, selection)
    if selection.cases is not None and not _FEWEST <= selection.cases <= _MOST:
        raise UsageError(f"--cases {selection.cases} is not a number from {_FEWEST} to {_MOST}")
    for name in (*selection.only, *(selection.excluded or {})):
        find_check(name)
    steps: list[Step] = []
    tasks: list[Task] = []
    for parameter_set in sets:
        operations = frozenset(subject.operations.get(parameter_set, ()))
        asking = Asking(
            parameter_set=parameter_set, depth=selection.depth, seed=bytes.fromhex(selection.seed),
            operations=operations,
        )  # fmt: skip
        for check in (*all_checks(), *_on_claim(parameter_set, subject, selection)):
            if check.algorithm != PARAMETER_SETS[parameter_set].algorithm:
                continue
            step, cases = _step(check, asking, subject, selection)
            if step.reason is None and cases:
                others = _expressible(check, asking)[0] if selection.case else ()
                tasks.append(Task(index=len(steps), check=check, asking=asking, cases=cases, others=others))
            steps.append(step)
    if selection.case and not tasks:
        raise UsageError(f"no case {selection.case!r} in the selected checks; see the finding for its exact name")
    return Planned(plan=_plan(subject, selection, sets, steps), tasks=tuple(tasks))


def _examined(subject: Subject, selection: Selection) -> tuple[str, ...]:
    for name in selection.parameter_sets:
        if name not in subject.claims:
            raise UsageError(f"{name} is not claimed by {subject.name}; it claims {', '.join(subject.claims)}")
    return tuple(name for name in subject.claims if not selection.parameter_sets or name in selection.parameter_sets)


def _on_claim(parameter_set: str, subject: Subject, selection: Selection) -> list[Check]:
    """Return the checks of claims beside conformance: those that are claimed, and those that the operator names."""
    return [c for c in checks_on_claim() if parameter_set in subject.timing or c.name in selection.only]


def _step(  # noqa: C901, PLR0911  (one return per reason)
    check: Check, asking: Asking, subject: Subject, selection: Selection
) -> tuple[Step, Sequence[Any]]:
    excluded = selection.excluded or {}
    if check.bears_on == "timing" and asking.parameter_set not in subject.timing:
        why = f"the manifest claims nothing about the execution time of {asking.parameter_set}"
        return _not_asked(check, asking, subject, "not-claimed", why), ()
    if check.name in excluded:
        return _not_asked(check, asking, subject, "excluded", excluded[check.name]), ()
    if selection.only and check.name not in selection.only:
        return _not_asked(check, asking, subject, "excluded", "not among the checks named by --only"), ()
    if not check.satisfied_by(asking.operations):
        why = f"the implementation does not offer {check.missing(asking.operations)}"
        return _not_asked(check, asking, subject, "operation-missing", why), ()
    if absent := [tool for tool in check.tools if shutil.which(tool) is None]:
        return _not_asked(check, asking, subject, "tool-missing", f"not found here: {', '.join(absent)}"), ()
    cases, unasked = _expressible(check, asking)
    if selection.cases and isinstance(cases, Numbered):
        cases = cases.resized(selection.cases)
    if unasked and not cases:
        return _not_asked(check, asking, subject, "interface-has-no-length", unasked), ()
    if selection.case:
        cases = _named(cases, selection.case)
        if not cases:
            return _not_asked(check, asking, subject, "excluded", "not among the cases named by --case"), ()
    if not cases and check.gaps(asking):
        return _not_asked(check, asking, subject, "operation-missing", check.gaps(asking)), ()
    if not cases and asking.depth != "full":
        return _not_asked(check, asking, subject, "not-at-this-depth", f"has no cases at depth {asking.depth}"), ()
    return _asked(check, asking, subject, len(cases), unasked), cases


def _named(cases: Sequence[Any], name: str) -> Sequence[Any]:
    """Return the one case of that name; a campaign makes it from its number, others are looked through."""
    if isinstance(cases, Numbered):
        found = cases.named(name)
        return [found] if found is not None else []
    return [case for case in cases if case.id == name]


def _expressible(check: Check, asking: Asking) -> tuple[Sequence[Any], str]:
    """Return the cases whose lengths can be put to the interface, and words on those that cannot."""
    cases = check.cases(asking)
    fixed = {entry.removeprefix(_FIXED) for entry in asking.operations if entry.startswith(_FIXED)}
    if not fixed or isinstance(cases, Numbered):
        return cases, ""
    usual = next((op for need in check.needs if need <= asking.operations for op in need if op.isidentifier()), "")
    kept, lost = [], set[str]()
    for case in cases:
        operation = getattr(case, "operation", usual)
        untold = {name for name in _wrong_lengths(case, check, asking) if f"{operation}.{name}" in fixed}
        lost |= untold
        if not untold:
            kept.append(case)
    why = f"{len(cases) - len(kept)} cases cannot be asked: the interface takes no length of {', '.join(sorted(lost))}"
    return kept, why if lost else ""


def _wrong_lengths(case: Any, check: Check, asking: Asking) -> list[str]:  # noqa: ANN401  (a case of any suite)
    """Return the inputs that a case gives in a wrong length, as far as that is known before it is asked."""
    if check.varies_length:
        return [check.varies_length]
    if hasattr(case, "name") and hasattr(case, "value"):  # a case of a check of lengths, among them hollow values
        return [case.name] if case.name != "context" or len(case.value) > _MOST_CONTEXT else []
    inputs: dict[str, Any] = {"context": getattr(case, "context", b""), **getattr(case, "inputs", {})}
    right = lengths(asking.parameter_set)
    given = {name: len(value) for name, value in inputs.items() if isinstance(value, bytes)}
    return [
        name for name, size in given.items()
        if size != right.get(name, size) or (name == "context" and size > _MOST_CONTEXT)
    ]  # fmt: skip


def _asked(check: Check, asking: Asking, subject: Subject, cases: int, unasked: str = "") -> Step:
    """Return a step that has cases; ``why`` then says which further cases the implementation cannot be asked."""
    return Step(
        check=check.name, suite=check.suite, parameter_set=asking.parameter_set, clause=check.clause,
        revision=check.revision, severity=_severity(check, subject), bears_on=check.bears_on, cases=cases,
        why="; ".join(filter(None, (check.gaps(asking), unasked))), effect=check.effect, detects=check.detects(cases),
    )  # fmt: skip


def _not_asked(check: Check, asking: Asking, subject: Subject, reason: Any, why: str) -> Step:  # noqa: ANN401
    return Step(
        check=check.name, suite=check.suite, parameter_set=asking.parameter_set, clause=check.clause,
        revision=check.revision, severity=_severity(check, subject), bears_on=check.bears_on, cases=0,
        reason=reason, why=why, effect=check.effect,
    )  # fmt: skip


def _severity(check: Check, subject: Subject) -> Severity:
    """A check that the vendor's documentation leaves to the caller is advisory (FIPS 203 §7.2, §7.3 allow it)."""
    return "advisory" if check.caller_check and check.caller_check in subject.caller_checks else check.severity


def _plan(subject: Subject, selection: Selection, sets: tuple[str, ...], steps: list[Step]) -> Plan:
    questions = [
        question for name in sets for question in questions_for(name, frozenset(subject.operations.get(name, ())))
    ]
    questions += [question for name in sets if name in subject.timing for question in timing_questions(name)]
    return Plan(
        depth=selection.depth, seed=selection.seed, parameter_sets=sets, questions=tuple(questions), steps=tuple(steps),
        vectors=tuple(
            VectorSource(set=group.id, revision=group.revision, parameter_set=file.parameter_set, sha256=file.sha256)
            for group in vectors.manifest().sets
            for file in group.files
            if file.parameter_set in sets
        ),
    )  # fmt: skip
