"""What comparisons of execution times showed, as figures: read from the cases of a bundle for the report of its run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from pqvalidate.bundle import read_cases
from pqvalidate.documents import Record
from pqvalidate.errors import InputError
from pqvalidate.evidence import CaseRecord, Facts, Outcome
from pqvalidate.report.findings import FIGURES

_MOST = 512
_FARTHEST = 1 << 53
Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=-_FARTHEST, le=_FARTHEST)]
Row: TypeAlias = Annotated[tuple[Whole, ...], msgspec.Meta(min_length=2, max_length=_MOST)]
Percent: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=100)]
_Word: TypeAlias = Annotated[str, msgspec.Meta(max_length=64)]


class Figures(Record):
    """One comparison of two classes of inputs; all times are whole nanoseconds, and second minus first class.

    Attributes:
        median_ns: the median of the paired differences, between its 95 % bounds ``low_ns`` and ``high_ns``.
        p_sign: the p-value of the sign test as a decimal; ``p_trimmed`` that of the trimmed paired t test.
        planted_ns: the smallest planted difference that was noticed in the same run, if any was.
        typical_ns: the median time of a call of the first class.
        first_ns: quantiles of the first class at ``percents``; ``second_ns`` those of the second.
        differences: per quantile the difference of the classes between its bounds.
        first_bins: calls of the first class per bin of ``bin_ns`` from ``bins_from_ns`` on.

    """

    operation: _Word
    pairs: Whole
    median_ns: Whole
    low_ns: Whole
    high_ns: Whole
    p_sign: _Word
    p_trimmed: _Word
    planted_ns: Whole | None
    typical_ns: Whole
    percents: Annotated[tuple[Percent, ...], msgspec.Meta(min_length=2, max_length=_MOST)]
    first_ns: Row
    second_ns: Row
    differences: Annotated[tuple[tuple[Whole, Whole, Whole], ...], msgspec.Meta(min_length=2, max_length=_MOST)]
    bins_from_ns: Whole
    bin_ns: Annotated[int, msgspec.Meta(ge=1, le=_FARTHEST)]
    first_bins: Row
    second_bins: Row


class Timing(Record):
    """Figures of one design of a check on execution time, with how it ended."""

    check: str
    parameter_set: str
    design: str
    outcome: Outcome
    figures: Figures


def compared(facts: Facts, cases: Iterable[CaseRecord]) -> tuple[Timing, ...]:
    """Return the comparisons among the cases of a run.

    Raises:
        InputError: the figures of a case are not what this program writes.

    """
    steps = facts.plan.steps
    return tuple(
        Timing(check=steps[case.step].check, parameter_set=steps[case.step].parameter_set, design=case.case,
               outcome=case.outcome, figures=_read(case))
        for case in cases
        if FIGURES in case.data and case.step < len(steps) and steps[case.step].suite == "timing"
    )  # fmt: skip


def with_comparisons(facts: Facts, failures: Sequence[CaseRecord], bundle: Path) -> list[CaseRecord]:
    """Return the failures of a run and, where execution times were looked at, the cases of its bundle with figures."""
    if not facts.subject.timing:
        return list(failures)
    return [*failures, *(case for case in read_cases(bundle) if case.outcome == "pass" and FIGURES in case.data)]


def _read(case: CaseRecord) -> Figures:
    try:
        found = msgspec.json.decode(case.data[FIGURES].encode(), type=Figures)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise _broken(case, str(error)) from None
    rows = (found.first_ns, found.second_ns, found.differences)
    if {len(row) for row in rows} != {len(found.percents)} or len(found.first_bins) != len(found.second_bins):
        raise _broken(case, "the rows differ in length")
    return found


def _broken(case: CaseRecord, why: str) -> InputError:
    place = f"step {case.step}, case {case.case}, {FIGURES}"
    return InputError("cases.jsonl", place, f"is not as it was written: {why}", "Use the bundle as it was written")
