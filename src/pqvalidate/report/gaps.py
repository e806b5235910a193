"""What was not asked and why, in few lines: by parameter sets, and many with one cause as one row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pqvalidate.report.messages import ENGLISH, Messages
from pqvalidate.report.words import short_names

if TYPE_CHECKING:  # rich is for the terminal; Markdown does without
    from pqvalidate.report.terminal import Page

_MANY = 8
_NOT_OFFERED = "the implementation does not offer "


def grouped(gaps: Iterable[tuple[str, str, str]]) -> list[tuple[str, tuple[str, ...], str]]:
    """Return (check, its parameter sets, why) from (check, parameter set, why).

    Many checks with one cause, as a selection by the operator leaves behind, are counted in one row.
    """
    causes: dict[str, dict[str, list[str]]] = {}
    for check, parameter_set, why in gaps:
        causes.setdefault(why, {}).setdefault(check or "everything", []).append(parameter_set)
    rows: list[tuple[str, tuple[str, ...], str]] = []
    for why, checks in causes.items():
        sets = tuple(dict.fromkeys(name for names in checks.values() for name in names))
        if len(checks) > _MANY and not why.startswith(_NOT_OFFERED):
            rows.append((f"{len(checks)} checks", sets, why))
        else:
            rows += [(check, tuple(names), why) for check, names in checks.items()]
    return rows


def gap_lines(
    page: Page, reason: str, meaning: str, gaps: Iterable[tuple[str, str, str]], say: Messages = ENGLISH
) -> None:
    """Add what was not asked for one reason, given as (check, parameter set, why)."""
    page.paragraph((reason, "bold"), f": {meaning}", indent=2)
    by_sets: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for check, sets, why in grouped(gaps):
        by_sets.setdefault(sets, []).append((say.known(check), say.known(missing(why))))
    for sets, rows in by_sets.items():
        page.paragraph((short_names(sets), "dim"), indent=4)
        page.table(["", ""], rows, wrap=(1,), indent=6)


def missing(why: str) -> str:
    """Return the planner's reason shortly: ``sign and sign.context`` are not offered becomes ``sign with context``."""
    if not why.startswith(_NOT_OFFERED):
        return why
    needs = why.removeprefix(_NOT_OFFERED).split(" or ")
    return " or ".join(dict.fromkeys(_with_inputs(need) for need in needs))


def _with_inputs(need: str) -> str:
    operations: dict[str, list[str]] = {}
    for part in need.split(" and "):
        operation, _, given = part.partition(".")
        operations.setdefault(operation, []).extend([given] if given else [])
    return " and ".join(f"{name} with {', '.join(given)}" if given else name for name, given in operations.items())
