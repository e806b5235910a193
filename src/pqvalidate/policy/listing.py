"""Rules on which mechanisms may be used: parameter sets, hybrids, and dates after which a mechanism is denied."""

from __future__ import annotations

from pqvalidate.policy.case import Case, Found, is_among, listed, say
from pqvalidate.policy.dossier import Offered
from pqvalidate.policy.mechanisms import MECHANISMS
from pqvalidate.policy.profile import DateRule, HybridRule, ParameterSetRule, Text

_PRIMITIVE_NL = {"kem": "KEM", "signature": "handtekening"}


def parameter_set(rule: ParameterSetRule, case: Case) -> Found:
    """Judge a list of allowed sets: a component may offer more than is allowed, a product or a chosen use may not."""
    rows = [row for row in case.judged if row.primitive == rule.primitive]
    if not rows:
        return _none_offered(rule.primitive)
    allowed = [row.name for row in rows if is_among(row, rule.allow)]
    denied = [row.name for row in rows if not is_among(row, rule.allow)]
    if not allowed or (denied and not case.choice_is_open):
        return Found(
            outcome="fail",
            why=say(f"not allowed: {listed(denied)}; allowed: {listed(rule.allow)}",
                    f"niet toegestaan: {listed(denied)}; toegestaan: {listed(rule.allow)}"),
        )  # fmt: skip
    preferred = [row.name for row in rows if is_among(row, rule.prefer)]
    conditions = [
        *([say(f"Do not use {listed(denied)}: not allowed.", f"Gebruik {listed(denied)} niet: niet toegestaan.")]
          if denied else []),
        *([say(f"Prefer {listed(preferred)}.", f"Geef de voorkeur aan {listed(preferred)}.")]
          if preferred and len(preferred) < len(allowed) else []),
    ]  # fmt: skip
    return Found(
        outcome="pass",
        why=say(f"allowed: {listed(allowed)}", f"toegestaan: {listed(allowed)}"),
        conditions=tuple(conditions),
    )


def _none_offered(primitive: str) -> Found:
    nl = _PRIMITIVE_NL[primitive]
    return Found(
        outcome="not-applicable", why=say(f"the product claims no {primitive}", f"het product claimt geen {nl}")
    )


def unlisted(case: Case) -> Found | None:
    """Return what follows for mechanisms for whose primitive the profile lists nothing; None if there are none."""
    rows = [row for row in case.judged if case.denial(row) == "unlisted"]
    if not rows:
        return None
    names = listed(row.name for row in rows)
    others = len(rows) < len(case.judged)
    if case.choice_is_open and others:
        return Found(
            outcome="pass",
            why=say(f"the profile does not list {names}", f"het profiel noemt {names} niet"),
            conditions=(say(f"Do not use {names}: what is not listed is denied.",
                            f"Gebruik {names} niet: wat niet genoemd is, is niet toegestaan."),),
        )  # fmt: skip
    return Found(
        outcome="fail",
        why=say(f"the profile does not list {names}, and what is not listed is denied",
                f"het profiel noemt {names} niet, en wat niet genoemd is, is niet toegestaan"),
    )  # fmt: skip


def unjudged(case: Case) -> Found | None:
    """Return what follows where the profile is silent on a primitive: a condition, and no decision on it alone."""
    rows = [row for row in case.judged if not case.is_judged(row)]
    if not rows or not case.judges:
        return None
    names = listed(row.name for row in rows)
    return Found(
        outcome="not-applicable" if len(rows) < len(case.judged) else "insufficient-evidence",
        why=say(f"the profile does not say whether {names} may be used",
                f"het profiel zegt niet of {names} gebruikt mag worden"),
        conditions=(say(f"Nothing is said about {names}.", f"Over {names} is niets gezegd."),),
    )  # fmt: skip


def hybrid(rule: HybridRule, case: Case) -> Found:
    """Judge how a mechanism is composed, which a product or protocol shows and a bare component cannot."""
    rows = [row for row in case.permitted or case.judged if row.family in rule.families]
    rows = [row for row in rows if row.primitive in rule.primitives]
    bare = [row.name for row in rows if not row.components]
    composed = [row.name for row in rows if row.components]
    if not rows:
        return Found(
            outcome="not-applicable",
            why=say(f"the product claims nothing of the family {listed(rule.families)}",
                    f"het product claimt niets uit de familie {listed(rule.families)}"),
        )  # fmt: skip
    if case.dossier.is_component and bare:
        return Found(
            outcome="not-applicable",
            why=say("a component is neither hybrid nor not: its user composes it",
                    "een component is hybride noch niet-hybride: de gebruiker stelt samen"),
            conditions=(_composition(rule, listed(bare)),),
        )  # fmt: skip
    return _product(rule, bare, composed)


def _composition(rule: HybridRule, names: str) -> Text:
    match rule.value:
        case "require":
            return say(f"May only be used composed with a classical mechanism: {names}.",
                       f"Alleen te gebruiken in combinatie met een klassiek mechanisme: {names}.")  # fmt: skip
        case "recommend":
            return say(f"Use composed with a classical mechanism is recommended: {names}.",
                       f"Gebruik in combinatie met een klassiek mechanisme wordt aanbevolen: {names}.")  # fmt: skip
        case "discourage":
            return say(f"Use composed with a classical mechanism is discouraged: {names}.",
                       f"Gebruik in combinatie met een klassiek mechanisme wordt afgeraden: {names}.")  # fmt: skip
        case _:
            return say(f"May be used alone or composed with a classical mechanism: {names}.",
                       f"Alleen of in combinatie met een klassiek mechanisme te gebruiken: {names}.")  # fmt: skip


def _product(rule: HybridRule, bare: list[str], composed: list[str]) -> Found:
    if rule.value == "allow":
        return Found(outcome="pass", why=say("both ways are allowed", "beide wijzen zijn toegestaan"))
    wanted, unwanted = (bare, composed) if rule.value == "discourage" else (composed, bare)
    if not unwanted:
        return Found(outcome="pass", why=say(f"offered so: {listed(wanted)}", f"zo aangeboden: {listed(wanted)}"))
    if rule.value != "discourage" and not wanted:
        # What was tested is the primitive inside; how the product composes it was not seen.
        return Found(
            outcome="insufficient-evidence",
            why=say(f"{listed(bare)} was tested alone; whether the product composes it was not seen",
                    f"{listed(bare)} is los getest; of het product combineert is niet gezien"),
        )  # fmt: skip
    return Found(
        outcome="fail",
        why=say(f"offered otherwise: {listed(unwanted)}", f"anders aangeboden: {listed(unwanted)}"),
    )


def date(rule: DateRule, case: Case) -> Found:
    """Judge use after a day: what is denied alone from then on, and what must be offered."""
    named = [row for row in case.judged if is_among(row, rule.deny)]
    if case.horizon <= rule.after:
        conditions = [
            *([say(f"Do not use {listed(r.name for r in named)} after {rule.after}.",
                   f"Gebruik {listed(r.name for r in named)} niet na {rule.after}.")] if named else []),
            *([say(f"After {rule.after}, {listed(m)} must be offered.",
                   f"Na {rule.after} moet {listed(m)} worden aangeboden.")] if (m := _missing(rule, case)) else []),
        ]  # fmt: skip
        return Found(
            outcome="not-applicable",
            why=say(f"counts for use after {rule.after}; the last day of use asked about is {case.horizon}",
                    f"geldt voor gebruik na {rule.after}; de laatste gevraagde gebruiksdag is {case.horizon}"),
            conditions=tuple(conditions),
        )  # fmt: skip
    parts = [*([_denied(rule, case, named)] if rule.deny else []), *([_required(rule, case)] if rule.require else [])]
    order = ("fail", "insufficient-evidence", "pass", "not-applicable")
    first = min(parts, key=lambda part: order.index(part.outcome))
    return Found(outcome=first.outcome, why=first.why, conditions=tuple(c for part in parts for c in part.conditions))


def _denied(rule: DateRule, case: Case, named: list[Offered]) -> Found:
    if named:
        names = listed(row.name for row in named)
        # A primitive of which nothing else remains has no use after that day.
        left = {row.primitive for row in case.judged if not is_among(row, rule.deny) and case.denial(row) is None}
        if case.choice_is_open and all(row.primitive in left for row in named):
            return Found(
                outcome="pass",
                why=say(f"something else remains after {rule.after}", f"er blijft iets anders over na {rule.after}"),
                conditions=(say(f"Do not use {names} after {rule.after}.", f"Gebruik {names} niet na {rule.after}."),),
            )
        return Found(
            outcome="fail",
            why=say(f"not to be used after {rule.after}: {names}", f"niet te gebruiken na {rule.after}: {names}"),
        )
    tested = listed(row.name for row in case.judged)
    if any(MECHANISMS[name].family != "classical" for name in rule.deny):
        return Found(outcome="pass", why=say(f"none of these: {tested}", f"geen van deze: {tested}"))
    if case.dossier.is_component:
        return Found(
            outcome="not-applicable",
            why=say("classical mechanisms beside the tested ones were not looked at; their use is the user's choice",
                    "klassieke mechanismen naast de geteste zijn niet bekeken; het gebruik is aan de gebruiker"),
            conditions=(say(f"After {rule.after}, no stand-alone use of {listed(rule.deny)}.",
                            f"Na {rule.after} geen zelfstandig gebruik van {listed(rule.deny)}."),),
        )  # fmt: skip
    return Found(
        outcome="insufficient-evidence",
        why=say("whether the product uses classical mechanisms alone was not tested",
                "of het product klassieke mechanismen zelfstandig gebruikt is niet getest"),
    )  # fmt: skip


def _missing(rule: DateRule, case: Case) -> list[str]:
    primitives = {row.primitive for row in case.judged}
    offered = {row.name for row in case.judged}
    return [name for name in rule.require if MECHANISMS[name].primitive in primitives and name not in offered]


def _required(rule: DateRule, case: Case) -> Found:
    missing = _missing(rule, case)
    if missing:
        return Found(
            outcome="fail",
            why=say(f"must be offered after {rule.after}: {listed(missing)}",
                    f"moet worden aangeboden na {rule.after}: {listed(missing)}"),
        )  # fmt: skip
    return Found(outcome="pass", why=say("what must be offered is offered", "wat moet worden aangeboden is er"))
