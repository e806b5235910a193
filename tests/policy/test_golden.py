"""Every built-in profile on every stored bundle: the decision and what it rests on are kept in golden.txt."""

from __future__ import annotations

import os
from pathlib import Path

from pqvalidate.policy.book import BUILT_IN
from pqvalidate.policy.dossier import Dossier
from pqvalidate.policy.engine import PolicyVerdict
from tests.policy.shelf import AFTER_2031, NAMES, bundle, judged, signed_by_a

GOLDEN = Path(__file__).with_name("golden.txt")


def line(title: str, policy: str, verdict: PolicyVerdict) -> str:
    sets = ",".join(row.parameter_set for row in verdict.sets if row.decision == "permitted") or "none"
    return f"{title:<40} {policy:<20} {verdict.decision:<17} {verdict.why.en}; allowed: {sets}"


def scenarios(name: str) -> list[tuple[str, Dossier, str | None]]:
    return [
        (name, bundle(name), None),
        (f"{name}, used until {AFTER_2031}", bundle(name), AFTER_2031),
        (f"{name}, certificate of a lab", signed_by_a("lab", name), None),
    ]


def table() -> str:
    rows = [
        line(title, policy, judged(dossier, policy, until))
        for name in NAMES
        for title, dossier, until in scenarios(name)
        for policy in BUILT_IN
    ]
    return "\n".join(rows) + "\n"


def test_the_verdicts_of_all_profiles_on_all_stored_bundles_are_the_golden_ones() -> None:
    if os.environ.get("PQV_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(table(), encoding="utf-8")
    assert len(NAMES) >= 6
    assert table() == GOLDEN.read_text(encoding="utf-8")


def test_the_golden_verdicts_show_every_decision() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    assert all(decision in text for decision in (" conforms ", " does-not-conform ", " undecided "))
