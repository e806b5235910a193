"""The linter of profiles: what contradicts itself stops a profile, what looks unintended is a remark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

from pqvalidate.algorithms import PARAMETER_SETS, nearest
from pqvalidate.policy.mechanisms import MECHANISMS
from pqvalidate.policy.profile import (
    ChecksRule,
    ClaimRule,
    DateRule,
    HybridRule,
    ModeRule,
    ParameterSetRule,
    Profile,
    Rule,
    TrustRule,
    is_day,
)
from pqvalidate.questions import QUESTIONS

Problem: TypeAlias = tuple[str, str, str]
"""Place, problem and remedy."""


def problems(profile: Profile, rules: Sequence[Rule]) -> Iterator[Problem]:
    """Yield what makes a profile unusable; ``rules`` are its own and those of its bases."""
    yield from _periods("effective", profile.effective.since, profile.effective.until)
    yield from _days("review_by", profile.review_by)
    twice = [name for name, number in Counter(rule.id for rule in rules).items() if number > 1]
    if twice:
        yield (
            f"rules ({twice[0]})",
            "the rule occurs twice",
            "Give it an identifier of its own; a base cannot be changed",
        )
    for primitive in sorted({r.primitive for r in rules if isinstance(r, ParameterSetRule)} - set(profile.judges)):
        yield "judges", f"leaves out {primitive}, whose parameter sets a rule lists", f"Add {primitive}"
    for index, rule in enumerate(profile.rules):
        place = f"rules[{index}] ({rule.id})"
        yield from _periods(place, rule.since, rule.until)
        yield from _rule(place, rule)


def _rule(place: str, rule: Rule) -> Iterator[Problem]:
    match rule:
        case ParameterSetRule():
            yield from _listed(f"{place}.allow", rule.allow, rule.primitive)
            stray = [name for name in rule.prefer if name not in rule.allow]
            if stray:
                yield f"{place}.prefer", f"{stray[0]} is preferred and not allowed", "Add it to allow"
        case HybridRule() | ModeRule():
            if rule.value in {"recommend", "discourage", "allow"} and rule.level == "mandatory":
                yield f"{place}.level", f"what is {rule.value} only cannot be mandatory", 'Write level = "advisory"'
        case ChecksRule():
            yield from _checks(place, rule)
        case DateRule():
            yield from _days(f"{place}.after", rule.after)
            yield from _listed(f"{place}.deny", rule.deny)
            yield from _listed(f"{place}.require", rule.require)
            if not rule.deny and not rule.require:
                yield place, "denies and requires nothing", "Name mechanisms in deny or in require"
        case TrustRule():
            if not rule.accept_roles and rule.max_age_days is None:
                yield place, "asks for nothing", "Give accept_roles or max_age_days"
        case _:
            pass


def _checks(place: str, rule: ChecksRule) -> Iterator[Problem]:
    known = [row.id for row in QUESTIONS[rule.algorithm]]
    for name in rule.questions:
        if name != "*" and name not in known:
            yield (
                f"{place}.questions",
                f"unknown question {name!r}{nearest(name, tuple(known))}",
                f"Name one of {', '.join(known)}",
            )
    if not rule.questions and not rule.checks:
        yield place, "asks for no test", "Name questions or checks"


def _listed(place: str, names: Sequence[str], primitive: str = "") -> Iterator[Problem]:
    for name in names:
        row = MECHANISMS.get(name)
        if row is None:
            yield place, f"unknown mechanism {name!r}{nearest(name, list(MECHANISMS))}", "Correct the name"
        elif primitive and row.primitive != primitive:
            yield place, f"{name} is no {primitive}", "List it under its own primitive"


def _days(place: str, *days: str | None) -> Iterator[Problem]:
    for day in days:
        if day is not None and not is_day(day):
            yield place, f"{day} is no day of the calendar", "Write YYYY-MM-DD"


def _periods(place: str, since: str | None, until: str | None) -> Iterator[Problem]:
    yield from _days(place, since, until)
    if since and until and since > until:
        yield place, f"ends on {until}, before it begins on {since}", "Exchange the two days"


def remarks(
    profile: Profile, rules: Sequence[Rule], known_checks: Sequence[str], today: str, known_claims: Sequence[str] = ()
) -> Iterator[str]:
    """Yield what a policy owner should look at again, as sentences; nothing here stops a profile.

    Args:
        profile: a profile without ``problems``.
        rules: its own rules and those of its bases.
        known_checks: names of the checks that exist.
        today: YYYY-MM-DD.
        known_claims: claims of the registry; without them, claims are not looked at.

    """
    if profile.review_by < today:
        yield f"The profile was to be reviewed by {profile.review_by}."
    if not any(rule.level == "mandatory" for rule in rules):
        yield "No rule is mandatory, so nothing can conform or fail: every decision will be undecided."
    if not any(isinstance(rule, ChecksRule) for rule in rules):
        yield "No rule asks for a test: a product conforms on its names alone. Extend pqc-behaviour."
    primitives = {rule.primitive for rule in rules if isinstance(rule, ParameterSetRule)}
    for primitive in sorted(set(profile.judges) - primitives):
        yield f"No parameter sets are listed for the primitive {primitive}: every {primitive} is denied."
    for rule in profile.rules:
        yield from _remarks_on(rule, profile.status, known_checks)
        if isinstance(rule, ClaimRule) and known_claims and rule.claim not in known_claims and "/" not in rule.claim:
            near = nearest(rule.claim, tuple(known_claims))
            yield f"Rule {rule.id} asks for {rule.claim}, which is no claim of the registry{near}."


def _remarks_on(rule: Rule, status: str, known_checks: Sequence[str]) -> Iterator[str]:
    if rule.source.evidence_level != "A" and status == "in-force":
        yield f"Rule {rule.id} is in force, and its source was not read in the primary text."
    match rule:
        case ChecksRule():
            for pattern in rule.checks:
                if not any(fnmatchcase(name, pattern) for name in known_checks):
                    yield f"Rule {rule.id}: no check is called {pattern}, so it stays unanswered."
        case ParameterSetRule():
            untested = [name for name in rule.allow if name not in PARAMETER_SETS]
            if untested:
                yield f"Rule {rule.id} allows what this version cannot test: {', '.join(untested)}."
        case _:
            pass
