"""Plain words for every name that a report uses: checks, reasons, parameter sets."""

from __future__ import annotations

from pqvalidate.algorithms import PARAMETER_SETS, ParameterSet, nearest
from pqvalidate.casebook import BLIND, real_cases
from pqvalidate.claims.registry import REGISTRY, STATUSES, VALUE_KINDS, ClaimRow
from pqvalidate.controls import KILLED_BY
from pqvalidate.errors import UsageError
from pqvalidate.mutants_timing import TIMED_BY
from pqvalidate.policy.book import BUILT_IN, load_profile
from pqvalidate.policy.profile import Rule
from pqvalidate.questions import ON_TIMING, QUESTIONS, TIMING
from pqvalidate.report import policy_pages
from pqvalidate.suites import Check, all_checks, checks_on_claim

REASONS = {
    "not-claimed": "The vendor does not claim it, so it was not asked. The vendor can change that in the manifest.",
    "operation-missing": "The implementation, or the adapter around it, does not offer the operation that the check"
    " needs. The vendor or the author of the adapter can add it.",
    "interface-has-no-length": "The functions take arrays without a length, as is usual in C, so an input of a wrong"
    " length cannot be put to them. Whoever calls them must check lengths, and nothing here shows that it is done.",
    "tool-missing": "A tool that the check needs was not found on the laboratory's machine; see `pqvalidate doctor`.",
    "not-at-this-depth": "The chosen depth has no cases for it, or the run was stopped before it was complete. Run"
    " again with a greater --depth, without --max-time, or with --resume.",
    "excluded": "The operator left it out, and said why.",
}


def names() -> str:
    """Return every name that ``explanation`` knows, one per line, by kind."""
    groups = {
        "parameter sets": list(PARAMETER_SETS), "reasons": list(REASONS), "checks": [c.name for c in _every_check()],
        "policies": list(BUILT_IN), "policy rules": list(_rules()),
        "claims": list(REGISTRY),
    }  # fmt: skip
    return "\n\n".join(f"{kind}:\n" + "\n".join(f"  {name}" for name in found) for kind, found in groups.items()) + "\n"


def explanation(name: str) -> str:
    """Return what a check, reason, parameter set, policy, policy rule or claim means.

    Raises:
        UsageError: nothing has that name; the message gives the nearest.

    """
    checks = {check.name: check for check in _every_check()}
    if name in checks:
        return _check(checks[name])
    if name in REASONS:
        return f"{name}\n  A reason why something was not asked.\n  {REASONS[name]}\n"
    if name in PARAMETER_SETS:
        return _parameter_set(PARAMETER_SETS[name])
    if name in BUILT_IN:
        return policy_pages.profile(load_profile(name))
    rules = _rules()
    if name in rules:
        return policy_pages.rule(*rules[name])
    if name in REGISTRY:
        return _claim(REGISTRY[name])
    known = [*checks, *REASONS, *PARAMETER_SETS, *BUILT_IN, *rules, *REGISTRY]
    raise UsageError(f"nothing is called {name!r}{nearest(name, known)}; `pqvalidate explain` lists all names")


def _rules() -> dict[str, tuple[str, Rule]]:
    """Return every rule of the built-in profiles by name, with the profile that states it."""
    return {rule.id: (owner, rule) for name in BUILT_IN for owner, rule in load_profile(name).rules}


def _every_check() -> tuple[Check, ...]:
    return (*all_checks(), *checks_on_claim())


def _check(check: Check) -> str:
    needs = " or ".join(" and ".join(sorted(need)) for need in check.needs)
    rows = (*QUESTIONS[check.algorithm], *((ON_TIMING[check.algorithm],) if check.bears_on == TIMING else ()))
    answers = [row.id for row in rows if check.name in row.checks]
    lines = [
        f"{check.name} ({check.suite}, {check.algorithm}, revision {check.revision})",
        f"  {check.explain}",
        f"  clause    {check.clause}",
        f"  severity  {check.severity}",
        f"  effect    {check.effect}",
        f"  needs     {needs}",
        f"  answers   {', '.join(answers) or 'no question of its own; a failure still refutes the claim'}",
        f"  proven by planted faults: {'; '.join(KILLED_BY.get(check.name) or TIMED_BY.get(check.name, ('none',)))}",
    ]
    if blind := BLIND.get(check.suite):
        lines.append(f"  cannot see: {blind}")
    lines += [f"  seen in practice: {what} ({where})" for what, where in real_cases(check.name)]
    if check.caller_check:
        lines.append(f"  advisory where the vendor's documentation leaves the {check.caller_check} check to the caller")
    return "\n".join(lines) + "\n"


def _claim(row: ClaimRow) -> str:
    informs = (
        f"EU Cloud Sovereignty Framework {', '.join(row.objectives)}, for information" if row.objectives else "none"
    )
    return (
        f"{row.id} (claim)\n"
        f"  {row.en}\n"
        f"  {row.nl}\n"
        f"  value     {VALUE_KINDS[row.value]}\n"
        f"  highest   {row.highest}: {STATUSES[row.highest]}\n"
        f"  by        {row.how}\n"
        f"  check     {row.check or 'none'}\n"
        f"  counts    {f'{row.most_days} days from its date' if row.most_days else 'until the day that it states'}\n"
        f"  informs   {informs or 'none'}\n"
    )


def _parameter_set(row: ParameterSet) -> str:
    first, second, third = ("ek", "dk", "c") if row.kind == "kem" else ("pk", "sk", "signature")
    return (
        f"{row.name} ({row.algorithm}, {row.version}; a {row.kind})\n"
        f"  standard  {row.standard}; sizes from {row.sizes_from}\n"
        f"  OID       {row.oid or 'none'}\n"
        f"  category  {row.category} (NIST)\n"
        f"  bytes     {first} {row.public_key}, {second} {row.private_key}, {third} {row.output}, seed {row.seed}\n"
    )
