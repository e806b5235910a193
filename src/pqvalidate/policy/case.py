"""One judgement: a dossier, a profile's rules, the dates that count, and which parameter sets the profile permits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pqvalidate.policy.dossier import Dossier, Offered
from pqvalidate.policy.mechanisms import MECHANISMS
from pqvalidate.policy.profile import DateRule, ParameterSetRule, Rule, Text, is_day

Outcome: TypeAlias = Literal["pass", "fail", "insufficient-evidence", "not-applicable", "waived"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How one rule came out, why, and under which conditions the product may be used."""

    outcome: Outcome
    why: Text
    conditions: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What every rule may look at.

    ``as_of`` is the day of the judgement and ``horizon`` the last day of use (both YYYY-MM-DD); ``uses`` names the sets
    that the buyer will use, or is empty: then a component passes with what is permitted, and the rest is a condition.
    """

    dossier: Dossier
    rules: tuple[Rule, ...]
    judges: tuple[Literal["kem", "signature"], ...]
    as_of: str
    horizon: str
    uses: tuple[str, ...] = ()
    permitted: tuple[Offered, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "permitted", tuple(row for row in self.judged if self.denial(row) is None))

    @property
    def judged(self) -> tuple[Offered, ...]:
        """The mechanisms that are judged: those that the buyer will use, or all that the vendor claims."""
        return tuple(row for row in self.dossier.offered if not self.uses or row.name in self.uses)

    @property
    def is_before_the_tests(self) -> bool:
        """Whether the day of judgement lies before that of the tests, which then are no evidence yet."""
        return is_day(self.dossier.tested_on) and self.dossier.tested_on > self.as_of

    @property
    def choice_is_open(self) -> bool:
        """Whether the buyer can still choose among the sets, so that one that is not allowed need not be used."""
        return self.dossier.is_component and not self.uses

    def is_judged(self, row: Offered) -> bool:
        """Return whether the profile says at all which mechanisms of this primitive may be used."""
        return row.primitive in self.judges or (row.primitive == "unknown" and bool(self.judges))

    def denial(self, row: Offered) -> Rule | Literal["unlisted"] | None:
        """Return the rule that denies a mechanism, ``unlisted`` where no rule lists its primitive, or None."""
        lists = [rule for rule in self.rules if isinstance(rule, ParameterSetRule) and rule.primitive == row.primitive]
        if not lists and self.is_judged(row):
            return "unlisted"
        for rule in lists:
            if not is_among(row, rule.allow):
                return rule
        dated = [rule for rule in self.rules if isinstance(rule, DateRule) and self.horizon > rule.after]
        return next((rule for rule in dated if is_among(row, rule.deny)), None)

    def of_algorithm(self, algorithm: str) -> tuple[Offered, ...]:
        """Return the permitted sets of an algorithm; where the profile permits none at all, the judged ones."""
        rows = self.permitted or self.judged
        return tuple(row for row in rows if row.algorithm == algorithm)


def is_among(row: Offered, names: Sequence[str]) -> bool:
    """Return whether a list of names means a mechanism; a hybrid is listed by its post-quantum part."""
    parts = [name for name in row.components if name in MECHANISMS and MECHANISMS[name].family != "classical"]
    return row.name in names or (bool(parts) and all(part in names for part in parts))


def in_force(rule: Rule, first: str, last: str) -> bool:
    """Return whether a rule is in force on any day of a period (both ends YYYY-MM-DD and included)."""
    return (rule.since is None or rule.since <= last) and (rule.until is None or first <= rule.until)


def listed(names: Iterable[str]) -> str:
    """Return names with commas between them, each once."""
    return ", ".join(dict.fromkeys(names))


def worst(found: Sequence[Found]) -> Outcome:
    """Return the outcome that counts where one rule asks several things: a failure before an open question."""
    order: tuple[Outcome, ...] = ("fail", "insufficient-evidence", "pass")
    return next((outcome for outcome in order if any(row.outcome == outcome for row in found)), "not-applicable")


def say(en: str, nl: str) -> Text:
    """Return a sentence in both languages."""
    return Text(en=en, nl=nl)
