"""Remarks on rules of claims that ask for a status or a value that the registry says a claim cannot have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from pqvalidate.policy.profile import ClaimRule, ClaimStatus, Rule, is_day

_ORDER: tuple[ClaimStatus, ...] = ("not-provided", "declared", "evidenced", "validated")
_COUNTRY, _SHA256 = re.compile(r"[A-Z]{2}"), re.compile(r"[0-9a-f]{64}")
_TEXTS: dict[str, Callable[[str], object]] = {
    "text": bool, "texts": bool, "countries": _COUNTRY.fullmatch, "day": is_day,
    "digest": _SHA256.fullmatch, "digests": _SHA256.fullmatch,
    "source": {"open", "escrow", "inspection", "none"}.__contains__,
}  # fmt: skip


class ClaimKind(Protocol):
    """What a registry says of a claim: the kind of its value, and the highest status that it can reach."""

    @property
    def value(self) -> str:
        """Kind of its value, or of what a list of values holds."""

    @property
    def highest(self) -> ClaimStatus:
        """The highest status that it can reach."""


def never_met(rules: Sequence[Rule], registry: Mapping[str, ClaimKind], kinds: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence on each rule of a claim that asks for a status or a value that the claim cannot have.

    Args:
        rules: the rules of a profile; those of other types are passed over.
        registry: the known claims by their identifiers; what is not among them has no remark here.
        kinds: what each kind of value is, in words.

    """
    for rule in rules:
        row = registry.get(rule.claim) if isinstance(rule, ClaimRule) else None
        if row is None or not isinstance(rule, ClaimRule):
            continue
        if _ORDER.index(rule.min_status) > _ORDER.index(row.highest):
            most = f"{rule.claim} can be {row.highest} at most, and it asks for {rule.min_status}"
            yield f"Rule {rule.id} is never met: {most}."
        strange = [value for value in rule.any_of if not _possible(value, row.value)]
        if strange:
            told = ", ".join(repr(value) if isinstance(value, str) else str(value).lower() for value in strange)
            yield f"Rule {rule.id} asks for {told}: the value of {rule.claim} is {kinds[row.value]}, and never that."


def _possible(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "yes-or-no"
    if isinstance(value, int):
        return kind == "level" and 0 <= value <= 3
    return isinstance(value, str) and kind in _TEXTS and bool(_TEXTS[kind](value))
