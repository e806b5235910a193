"""Rules for builds and claims on speed: both are decided by the end of an interval, never by a point."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias, cast

from pqvalidate.algorithms import PARAMETER_SETS, nearest
from pqvalidate.bench.intervals import PPM
from pqvalidate.bench.operations import all_operations
from pqvalidate.bench.records import Change, CountRatio, Judged, Ratio
from pqvalidate.errors import UsageError

Row: TypeAlias = Ratio | CountRatio | Change

_RULE = re.compile(
    r"\s*(?P<operation>[\w-]+)(?:\s+(?!instructions\b)(?P<set>[A-Za-z][\w-]*))?\s+(?P<of>(?:instructions\s+)?(?:ratio|change))\s*>\s*(?P<limit>\d{1,6}(?:\.\d{1,6})?)\s*"
)
_FORM = (
    "OPERATION [PARAMETER-SET] [instructions] ratio|change > NUMBER, such as 'decapsulate ratio > 1.10' or "
    "'decapsulate instructions change > 1.01'"
)
Of: TypeAlias = Literal["ratio", "change", "instructions ratio", "instructions change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must not happen: that an operation takes more than ``limit`` times as long, or as many instructions.

    ``of`` is ``ratio`` (against the reference of this run) or ``change`` (against a saved result), of times or of
    ``instructions``; ``parameter_set`` is empty for all that were timed.
    """

    text: str
    operation: str
    parameter_set: str
    of: Of
    limit: Fraction

    @property
    def counts(self) -> bool:
        """Whether the rule is about instructions."""
        return self.of.startswith("instructions")

    @property
    def compares(self) -> bool:
        """Whether the rule needs a saved result."""
        return self.of.endswith("change")

    def rows(self, ratios: Iterable[Ratio | CountRatio], changes: Iterable[Change]) -> list[Row]:
        """Return what the rule is about."""
        found: list[Row] = [*changes] if self.compares else [*ratios]
        return [
            row for row in found
            if row.operation == self.operation and self.parameter_set in ("", row.parameter_set)
            and _of_instructions(row) == self.counts
        ]  # fmt: skip

    def breaking(self, ratios: Iterable[Ratio | CountRatio], changes: Iterable[Change]) -> list[Row]:
        """Return where the whole interval lies above the limit."""
        return [row for row in self.rows(ratios, changes) if row.low_ppm > self.limit * PPM]


def parse_rule(text: str) -> Rule:
    """Return the rule that a text means.

    Raises:
        UsageError: it is none, or names what is not timed; the message names the nearest known word.

    """
    found = _RULE.fullmatch(text)
    if not found:
        raise UsageError(f"--fail-if {text!r} is no rule; write {_FORM}")
    operation, name = found["operation"].replace("-", "_"), found["set"] or ""
    if operation not in all_operations():
        near = nearest(operation, all_operations())
        raise UsageError(f"--fail-if: {operation!r} is not timed{near}; timed are {', '.join(all_operations())}")
    if name and name not in PARAMETER_SETS:
        raise UsageError(f"--fail-if: unknown parameter set {name!r}{nearest(name, list(PARAMETER_SETS))}")
    of = cast("Of", " ".join(found["of"].split()))
    limit = Fraction(found["limit"])
    if limit <= 0:
        raise UsageError(f"--fail-if {text!r}: the limit must be above 0")
    return Rule(text=" ".join(text.split()), operation=operation, parameter_set=name, of=of, limit=limit)


def judge_rule(rule: Rule, first: Sequence[Row], again: Sequence[Row], there: Sequence[Row]) -> Judged:
    """Return what two runs say about a rule.

    Args:
        rule: the rule.
        first: what broke it in the first run.
        again: what broke it in the second run, made of what broke it in the first.
        there: everything that the rule is about in the first run.

    """
    if not there:
        what = "no change: no saved result with it" if rule.compares else "no ratio: nothing to compare with"
        done = "counted, or under other circumstances (valgrind, Python, processor)" if rule.counts else "timed"
        return Judged(text=rule.text, verdict="undecided", why=f"there is {what}, or it could not be {done}")
    twice = [row for row in again if any(_same(row, other) for other in first)]
    if twice:
        listed = "; ".join(f"{row.label} {row.parameter_set} {_words(row)}" for row in twice)
        return Judged(text=rule.text, verdict="broken", why=f"in two runs: {listed}")
    if first:
        return Judged(text=rule.text, verdict="kept", why="above the limit in one run, and not in the second")
    worst = max(there, key=lambda row: row.low_ppm)
    return Judged(text=rule.text, verdict="kept", why=f"at worst {worst.label} {worst.parameter_set} {_words(worst)}")


def _unlike(row: Ratio) -> str:
    """Return why the two times of a ratio cannot be compared, or nothing."""
    if not row.same_form:
        return "the two take the private key in different forms, so their times compare unlike work"
    if len(row.outside) > 1:
        return "both times include a way there and back, which hides the work itself"
    return ""


def _same(row: Row, other: Row) -> bool:
    def place(of: Row) -> tuple[str, ...]:
        return of.operation, of.parameter_set, of.label, of.of if isinstance(of, Change) else of.reference

    return place(row) == place(other)


def _of_instructions(row: Row) -> bool:
    return row.of == "instructions" if isinstance(row, Change) else isinstance(row, CountRatio)


def _words(row: Row) -> str:
    middle = row.change_ppm if isinstance(row, Change) else row.ratio_ppm
    return f"{middle / PPM:.3f} ({row.low_ppm / PPM:.3f} to {row.high_ppm / PPM:.3f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedClaim:
    """A vendor's claim: ``label`` does an operation at least ``at_least`` times as fast as ``reference``."""

    label: str
    operation: str
    parameter_set: str
    at_least: float
    reference: str

    @property
    def text(self) -> str:
        """The claim in words."""
        return (
            f"{self.label}: {self.parameter_set} {self.operation} at least {self.at_least:g} x as fast as "
            f"{self.reference}"
        )

    def row(self, ratios: Iterable[Ratio]) -> Ratio | None:
        """Return the ratio that the claim is about."""
        wanted = self.operation, self.parameter_set, self.label, self.reference
        return next((r for r in ratios if (r.operation, r.parameter_set, r.label, r.reference) == wanted), None)

    def refuted_by(self, ratios: Iterable[Ratio]) -> bool:
        """Return whether the whole interval of the speed lies below the claim."""
        row = self.row(ratios)
        return row is not None and not _unlike(row) and self.label not in row.outside and self._below(row)

    def _below(self, row: Ratio) -> bool:
        return PPM / row.low_ppm < self.at_least


def judge_claim(claim: SpeedClaim, first: Sequence[Ratio], again: Sequence[Ratio] | None) -> Judged:
    """Return what one run, or for a refutation two runs, say about a claim on speed.

    The speed is one over the ratio of times. Confirmed: its whole interval is at the claim or above; refuted: it is
    below in two runs; else inconclusive. A time that includes the way there and back is too long: it can confirm what
    its owner claims, and refute nothing that its owner claims.
    """
    row = claim.row(first)
    if row is None:
        return Judged(text=claim.text, verdict="inconclusive", why="it could not be timed beside the reference")
    if why := _unlike(row):
        return Judged(text=claim.text, verdict="inconclusive", why=why)
    verdict, why = _speed(claim, row, again)
    return Judged(text=claim.text, verdict=verdict, why=why)


def _speed(
    claim: SpeedClaim, row: Ratio, again: Sequence[Ratio] | None
) -> tuple[Literal["confirmed", "refuted", "inconclusive"], str]:
    speed = row.interval().inverse()
    seen = f"{speed.estimate:.3f} x ({speed.low:.3f} to {speed.high:.3f})"
    if speed.low >= claim.at_least and claim.reference not in row.outside:
        return "confirmed", seen
    if not claim.refuted_by([row]):
        within = "the claim lies within the interval"
        trip = f"the time of {row.outside[0]} includes the way there and back" if row.outside else within
        return "inconclusive", f"{seen}: {trip}"
    if again is not None and claim.refuted_by(again):
        return "refuted", f"{seen}, and below the claim in a second run, too"
    return "inconclusive", f"{seen} in one run, and not below in the second"
