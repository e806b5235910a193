"""Profiles and their rules in plain words: for ``explain``, and as the reference page that is generated from them."""

from __future__ import annotations

from collections.abc import Sequence

from pqvalidate.policy.book import BUILT_IN, LoadedProfile, load_profile
from pqvalidate.policy.profile import (
    EVIDENCE_LEVELS,
    RULE_TYPES,
    ChecksRule,
    ClaimRule,
    DateRule,
    ExternalCertificateRule,
    HybridRule,
    ModeRule,
    ParameterSetRule,
    Rule,
    Source,
    TrustRule,
    type_of,
)

_HEAD = """# Policy profiles

Every built-in profile is *illustrative*: it shows how the named document can be written as rules, and the authority has
not issued it. A profile holds rules of eight closed types. What a profile does not list is denied; a rule comes out as
`pass`, `fail`, `insufficient-evidence`, `not-applicable` or `waived`, and no score is made of them.

A product *conforms* when no mandatory rule fails, none lacks evidence, and at least one is met. Advisory rules are
shown and decide nothing. This page is generated from the profiles.

## Evidence levels

How well the source of a rule is known. Everything but A is to be read again before a profile is put in force.

"""


def demand(rule: Rule) -> str:  # noqa: PLR0911  (one line for each of the eight types)
    """Return what a rule asks for, in one phrase."""
    match rule:
        case ParameterSetRule():
            preferred = f"; preferred: {', '.join(rule.prefer)}" if rule.prefer else ""
            return f"{rule.primitive}: {', '.join(rule.allow)}{preferred}"
        case HybridRule():
            return f"{rule.value} hybrid use of {', '.join(rule.families)} ({', '.join(rule.primitives)})"
        case ModeRule():
            return f"{rule.value} {rule.mode}"
        case ChecksRule():
            asked = [*(f"question {name}" for name in rule.questions), *(f"check {name}" for name in rule.checks)]
            return f"{rule.algorithm}: {', '.join(asked)}{' (each that can be asked)' if rule.every else ''}"
        case ClaimRule():
            values = f" of value {', '.join(str(value).lower() for value in rule.any_of)}" if rule.any_of else ""
            young = f", at most {rule.max_age_days} days old" if rule.max_age_days else ""
            return f"{rule.claim}{values} at least {rule.min_status}{young}"
        case ExternalCertificateRule():
            return f"a certificate of one of: {', '.join(row.scheme for row in rule.any_of)}"
        case DateRule():
            parts = [f"deny alone {', '.join(rule.deny)}"] if rule.deny else []
            parts += [f"require {', '.join(rule.require)}"] if rule.require else []
            return f"after {rule.after}: {'; '.join(parts)}"
        case TrustRule():
            roles = [f"evidence by: {', '.join(rule.accept_roles)}"] if rule.accept_roles else []
            age = [f"at most {rule.max_age_days} days old"] if rule.max_age_days else []
            return "; ".join([*roles, *age])


def rule(owner: str, of: Rule) -> str:
    """Return one rule for a terminal: what it says in both languages, what it asks for, and its sources."""
    period = f"  in force  {of.since or '...'} to {of.until or '...'}\n" if of.since or of.until else ""
    sources = "".join(f"  source    {_source(row)}\n" for row in (of.source, *of.further_sources))
    return (
        f"{of.id} (rule of policy {owner}, type {type_of(of)}, {of.level})\n  {of.message.en}\n  {of.message.nl}\n"
        f"  asks for  {demand(of)}\n{period}{sources}"
    )


def _source(row: Source) -> str:
    return f"{row.document}, {row.section}, {row.date} ({row.evidence_level}: {EVIDENCE_LEVELS[row.evidence_level]})"


def profile(loaded: LoadedProfile) -> str:
    """Return one profile for a terminal: what it is, its rules, what it leaves out."""
    own = loaded.profile
    lines = [
        f"{own.id} {own.version} (policy profile, {own.status})",
        f"  {own.title.en}",
        f"  {own.title.nl}",
        f"  sha256    {loaded.sha256}",
        *(f"  extends   {base.id}" for base in own.extends),
        *(f"  {row.id:<20} {row.level:<10} {row.message.en}" for row in own.rules),
        *(f"  left out: {words.en}" for words in own.silent),
    ]
    return "\n".join(lines) + "\n"


def reference() -> str:
    """Return the reference page of all built-in profiles, in Markdown."""
    levels = _table(("level", "meaning"), list(EVIDENCE_LEVELS.items()))
    types = _table(
        ("type", "meaning"), [(f"`{name}`", (kind.__doc__ or "").strip()) for name, kind in RULE_TYPES.items()]
    )
    parts = [f"{_HEAD}{levels}\n## Rule types\n\n{types}"]
    parts += [_section(load_profile(name)) for name in BUILT_IN]
    return "\n".join(parts)


def _section(loaded: LoadedProfile) -> str:
    own = loaded.profile
    rows = [
        (f"`{row.id}`", row.level, demand(row), f"{row.message.en}<br>{row.message.nl}",
         "<br>".join(f"{s.document}, {s.section}, {s.date} ({s.evidence_level})"
                     for s in (row.source, *row.further_sources)))
        for row in own.rules
    ]  # fmt: skip
    judges = ", ".join(own.judges) or "none: it names no mechanisms"
    facts = [
        f"- Version {own.version}, {own.status}; jurisdiction: {own.jurisdiction}; in force from {own.effective.since}",
        f"- SHA-256 of its file: `{loaded.sha256}`",
        f"- Extends: {', '.join(f'`{base.id}`' for base in own.extends) or 'nothing'}",
        f"- Primitives whose parameter sets it judges: {judges}",
    ]
    left_out = ["", "Left out:", "", *(f"- {words.en}" for words in own.silent)] if own.silent else []
    titles = ("rule", "level", "asks for", "in words", "source")
    head = f"## {own.id}\n\n{own.title.en} / {own.title.nl}\n\n"
    return head + "\n".join(facts) + "\n\n" + _table(titles, rows) + "\n".join(left_out) + "\n"


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
