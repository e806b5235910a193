"""Rules and claims: only a whole interval decides, and only two runs accuse."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pqvalidate.bench.records import Ratio
from pqvalidate.bench.rules import SpeedClaim, judge_claim, judge_rule, parse_rule
from pqvalidate.errors import UsageError


def ratio(
    low: float, high: float, *, operation: str = "decapsulate", same_form: bool = True, outside: tuple[str, ...] = ()
) -> Ratio:  # fmt: skip
    middle = (low * high) ** 0.5
    return Ratio(
        operation=operation, parameter_set="ML-KEM-768", label="mine", reference="theirs", clock="processor",
        same_form=same_form, outside=outside,
        ratio_ppm=round(middle * 1e6), low_ppm=round(low * 1e6), high_ppm=round(high * 1e6),
        noisy=False,
    )  # fmt: skip


def verdict(text: str, first: Ratio | None, second: Ratio | None = None) -> str:
    rule = parse_rule(text)
    rows, again = [first] if first else [], [second] if second else []
    return judge_rule(rule, rule.breaking(rows, []), rule.breaking(again, []), rule.rows(rows, [])).verdict


def test_a_rule_names_operation_set_and_limit() -> None:
    rule = parse_rule(" decapsulate-loaded   ML-KEM-768 ratio>1.10 ")
    assert (rule.operation, rule.parameter_set, rule.of) == ("decapsulate_loaded", "ML-KEM-768", "ratio")
    assert rule.limit == Fraction(11, 10)
    assert parse_rule("verify change > 2").parameter_set == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("decapsulate", "is no rule"),
        ("decapsulate ratio < 1", "is no rule"),
        ("decapsulate ratio > -1", "is no rule"),
        ("decapsulate ratio > nan", "is no rule"),
        ("decapsulate ratio > 0", "above 0"),
        ("decapsulat ratio > 1", "nearest: decapsulate"),
        ("verify ML-DSA-66 ratio > 1", "nearest: ML-DSA-"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_nearest_word(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_rule(text)


def test_a_rule_is_broken_where_the_whole_interval_is_above_the_limit_in_two_runs() -> None:
    rule = "decapsulate ratio > 1.10"
    assert verdict(rule, ratio(1.11, 1.2), ratio(1.101, 1.3)) == "broken"
    assert verdict(rule, ratio(1.11, 1.2), ratio(1.09, 1.3)) == "kept"
    assert verdict(rule, ratio(1.09, 1.5)) == "kept"
    assert verdict(rule, ratio(1.10, 1.2)) == "kept"


def test_a_rule_about_nothing_that_was_timed_is_undecided() -> None:
    assert verdict("decapsulate ratio > 1.10", None) == "undecided"
    assert verdict("encapsulate ratio > 1.10", ratio(2, 3)) == "undecided"
    assert verdict("decapsulate ML-KEM-512 ratio > 1.10", ratio(2, 3)) == "undecided"
    assert verdict("decapsulate change > 1.10", ratio(2, 3)) == "undecided"


CLAIM = SpeedClaim(
    label="mine", operation="decapsulate", parameter_set="ML-KEM-768", at_least=1.0, reference="theirs"
)  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (ratio(0.9, 0.95), None, "confirmed"),
        (ratio(0.9, 1.0), None, "confirmed"),
        (ratio(0.9, 1.01), None, "inconclusive"),
        (ratio(1.01, 1.1), ratio(1.01, 1.1), "refuted"),
        (ratio(1.01, 1.1), ratio(0.99, 1.1), "inconclusive"),
        (ratio(1.01, 1.1), None, "inconclusive"),
        (ratio(0.5, 0.6, same_form=False), None, "inconclusive"),
        (ratio(2, 3, same_form=False), ratio(2, 3, same_form=False), "inconclusive"),
        (ratio(0.5, 0.6, operation="encapsulate"), None, "inconclusive"),
        (ratio(0.5, 0.6, outside=("mine",)), None, "confirmed"),
        (ratio(2, 3, outside=("mine",)), ratio(2, 3, outside=("mine",)), "inconclusive"),
        (ratio(0.5, 0.6, outside=("theirs",)), None, "inconclusive"),
        (ratio(2, 3, outside=("theirs",)), ratio(2, 3, outside=("theirs",)), "refuted"),
        (ratio(0.5, 0.6, outside=("mine", "theirs")), None, "inconclusive"),
        (ratio(2, 3, outside=("mine", "theirs")), ratio(2, 3, outside=("mine", "theirs")), "inconclusive"),
    ],
)
def test_a_claim_on_speed_is_decided_by_the_interval(first: Ratio, second: Ratio | None, expected: str) -> None:
    judged = judge_claim(CLAIM, [first], [second] if second else None)
    assert judged.verdict == expected
    assert judged.text == "mine: ML-KEM-768 decapsulate at least 1 x as fast as theirs"
    assert judged.why
