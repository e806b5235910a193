"""The plan of an import: the ordinary checks with the cases of the files, and everything that files cannot ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pqvalidate.acvp.answers import recorded
from pqvalidate.acvp.prompts import Prompt, operations_of
from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Plan, Question, Reason, Step, VectorSource
from pqvalidate.planner import Planned, Task
from pqvalidate.questions import questions_for
from pqvalidate.suites import Asking, Check, all_checks
from pqvalidate.suites.known_answer import belonging
from pqvalidate.vectors import Case

ASKED_BY_FILES: Final[dict[str, frozenset[str]]] = {
    "ml-kem/kat-keygen": frozenset(),
    "ml-kem/kat-encapsulate": frozenset({"encapsulation"}),
    "ml-kem/kat-decapsulate": frozenset({"decapsulation", "expanded"}),
    "ml-kem/kat-decapsulate-seed": frozenset({"decapsulation", "seed"}),
    "ml-kem/implicit-rejection": frozenset({"decapsulation", "expanded"}),
    "ml-kem/implicit-rejection-seed": frozenset({"decapsulation", "seed"}),
    "ml-kem/ek-check": frozenset({"encapsulationKeyCheck"}),
    "ml-kem/dk-check": frozenset({"decapsulationKeyCheck"}),
    "ml-dsa/kat-keygen": frozenset(),
    "ml-dsa/kat-sign-deterministic": frozenset({"pure", "deterministic", "expanded"}),
    "ml-dsa/kat-sign-rnd": frozenset({"pure", "hedged", "expanded"}),
    "ml-dsa/kat-sign-internal": frozenset({"internal", "expanded"}),
    "ml-dsa/kat-sign-mu": frozenset({"externalMu", "expanded"}),
    "ml-dsa/kat-sign-prehash": frozenset({"preHash", "expanded"}),
    "ml-dsa/kat-sign-deterministic-seed": frozenset({"pure", "deterministic", "seed"}),
    "ml-dsa/kat-sign-rnd-seed": frozenset({"pure", "hedged", "seed"}),
    "ml-dsa/kat-sign-internal-seed": frozenset({"internal", "seed"}),
    "ml-dsa/kat-sign-mu-seed": frozenset({"externalMu", "seed"}),
    "ml-dsa/kat-sign-prehash-seed": frozenset({"preHash", "seed"}),
    "ml-dsa/kat-verify": frozenset({"pure"}),
    "ml-dsa/kat-verify-context": frozenset({"pure"}),
    "ml-dsa/kat-verify-internal": frozenset({"internal"}),
    "ml-dsa/kat-verify-mu": frozenset({"externalMu"}),
    "ml-dsa/kat-verify-prehash": frozenset({"preHash"}),
}
"""Checks that ACVP has tests for, each with the kinds of the groups that hold them."""

_NEVER = "an ACVP file cannot ask it: it needs calls of its own to the implementation"
_NOT_GIVEN = "none of the given prompts asks it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What the operator chose: the examined claims, the kinds that the device lacks, and one case or all."""

    parameter_sets: tuple[str, ...]
    without: tuple[str, ...] = ()
    case: str = ""


@dataclass(slots=True, kw_only=True)
class _Steps:
    planned: list[Step] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)


def cases_by_set(prompts: Sequence[Prompt]) -> dict[str, list[Case]]:
    """Return the cases of all prompts by their parameter set, in the order of the files."""
    found: dict[str, list[Case]] = {}
    for prompt in prompts:
        for row in prompt.asked:
            found.setdefault(row.case.parameter_set, []).append(row.case)
    return found


def operations(cases: Mapping[str, Sequence[Case]], sets: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what each parameter set was asked, which is what the device is taken to offer."""
    return {name: tuple(sorted(operations_of(cases.get(name, ())))) for name in sets}


def make_plan(prompts: Sequence[Prompt], chosen: Chosen, vectors: Sequence[VectorSource], seed: str) -> Planned:
    """Plan every check that bears on the examined claims: with the cases of the files, or with the reason for none.

    Raises:
        UsageError: no case has the chosen name.

    """
    cases, steps = cases_by_set(prompts), _Steps()
    offered = operations(cases, chosen.parameter_sets)
    for name in chosen.parameter_sets:
        asking = Asking(
            parameter_set=name, depth="standard", seed=bytes.fromhex(seed), operations=frozenset(offered[name])
        )
        for check in all_checks():
            if check.algorithm == PARAMETER_SETS[name].algorithm:
                _add(
                    steps, check, asking, belonging(check, cases.get(name, ())), chosen, _keyless(prompts, check, name)
                )
    if chosen.case and not steps.tasks:
        raise UsageError(f"no case {chosen.case!r} in these prompts; see the finding for its exact name")
    plan = Plan(
        depth="standard", seed=seed, parameter_sets=chosen.parameter_sets, questions=_questions(chosen, offered),
        steps=tuple(steps.planned), vectors=tuple(row for row in vectors if row.parameter_set in chosen.parameter_sets),
    )  # fmt: skip
    return Planned(plan=plan, tasks=tuple(steps.tasks))


def _questions(chosen: Chosen, offered: Mapping[str, tuple[str, ...]]) -> tuple[Question, ...]:
    return tuple(row for name in chosen.parameter_sets for row in questions_for(name, frozenset(offered[name])))


def _add(steps: _Steps, check: Check, asking: Asking, cases: list[Case], chosen: Chosen, keyless: str) -> None:
    reason: Reason | None = None
    why = keyless
    if chosen.case and cases:
        cases = [case for case in cases if case.id == chosen.case]
        reason, why = (None, why) if cases else ("excluded", "not among the cases named by --case")
    elif not cases:
        reason, why = _gap(check, chosen.without, keyless)
    steps.planned.append(Step(
        check=check.name, suite=check.suite, parameter_set=asking.parameter_set, clause=check.clause,
        revision=check.revision, severity=check.severity, bears_on=check.bears_on, cases=len(cases), reason=reason,
        why=why, effect=check.effect, detects=check.detects(len(cases)) if cases else "",
    ))  # fmt: skip
    if cases:
        task = Task(index=len(steps.planned) - 1, check=recorded(check, cases), asking=asking, cases=cases)
        steps.tasks.append(task)


def _gap(check: Check, without: Sequence[str], keyless: str) -> tuple[Reason, str]:
    if check.name not in ASKED_BY_FILES:
        return "operation-missing", _NEVER
    lacking = [word for word in without if word in ASKED_BY_FILES[check.name]]
    if lacking:
        return "operation-missing", f"the laboratory says that the device does not offer it: --without {lacking[0]}"
    return ("operation-missing", keyless) if keyless else ("excluded", _NOT_GIVEN)


def _keyless(prompts: Sequence[Prompt], check: Check, name: str) -> str:
    """Say which tests of a decapsulation key ask nothing, because the prompt leaves their key out."""
    if check.name not in ("ml-kem/dk-check", "ml-kem/kat-decapsulate"):
        return ""
    function = "decapsulationKeyCheck" if check.name == "ml-kem/dk-check" else "decapsulation"
    lost = [
        f"tgId {tg_id}, tcId {tc_id}"
        for prompt in prompts
        for set_name, (tg_id, tc_id) in prompt.keyless
        if set_name == name and function in prompt.known[tg_id, tc_id]
    ]
    return f"{len(lost)} cases without key in the prompt: {'; '.join(lost[:10])}" if lost else ""
