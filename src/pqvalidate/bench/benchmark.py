"""A benchmark from the implementations to the report: time, compare, repeat what would accuse, judge."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from pqvalidate import __version__
from pqvalidate.adapters.attach import Implementation
from pqvalidate.adapters.instructions import circumstances
from pqvalidate.adapters.sandbox_paths import SandboxMode
from pqvalidate.algorithms import nearest, parameter_set
from pqvalidate.bench.contestants import Field, described, line_up, started
from pqvalidate.bench.counts import count_all, count_changes, count_ratios
from pqvalidate.bench.inputs import Inputs, inputs_for
from pqvalidate.bench.intervals import PPM, Floats, Interval, ratio, typical
from pqvalidate.bench.memory import memory_of_all
from pqvalidate.bench.operations import HEDGED, OPERATIONS, Form, all_operations, choose, sizes
from pqvalidate.bench.records import (
    SCHEMA,
    BenchReport,
    Change,
    Count,
    CountRatio,
    Figure,
    Gap,
    Judged,
    Machine,
    Memory,
    Nanoseconds,
    Ratio,
    Sizes,
)
from pqvalidate.bench.rules import Rule, judge_claim, judge_rule
from pqvalidate.bench.timing import Clock, Timing, Where, time_all
from pqvalidate.errors import UsageError

EVERYTHING = "all"
"""Stands for every operation in a gap."""

_PRECISE = 1.02
"""Upper over lower end of an interval that is short enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the operator asked for; empty selections mean everything."""

    named: tuple[str, ...]
    against: str | None = None
    parameter_sets: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    seconds: float = 3.0
    rules: tuple[Rule, ...] = ()
    saved: BenchReport | None = None
    sandbox: SandboxMode = "auto"
    instructions: bool = False
    memory: bool = False


@dataclass(slots=True)
class _Seen:
    """What one run saw."""

    figures: list[Figure] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    sizes: list[Sizes] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    count_ratios: list[CountRatio] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)

    @property
    def all_ratios(self) -> list[Ratio | CountRatio]:
        """What rules may be about: ratios of times and of instructions."""
        return [*self.ratios, *self.count_ratios]


def benchmark(wanted: Wanted, tell: Callable[[str], None] = lambda _: None) -> BenchReport:
    """Time implementations beside each other and judge rules and claims.

    Raises:
        UsageError: a name means nothing here, or nobody has a wanted parameter set.
        InputError: a manifest is malformed.
        AttachError: an implementation cannot be started.

    """
    _check(wanted)
    began, load = _now(), _load()
    lined = line_up(wanted.named, wanted.against)
    with started(lined, wanted.sandbox) as iuts:
        who = tuple(described(label, iut) for label, iut in iuts.items())
        places = _places(wanted, lined, iuts)
        seen = _once(iuts, lined, places, wanted, tell)
        machine = _machine(load, seen)
        changes = _changes(seen, wanted.saved, machine)
        again = _again(iuts, lined, wanted, seen, changes, machine, tell)
    tell("")
    rules, claims = _judged(wanted, lined, seen, changes, again)
    return BenchReport(
        schema=SCHEMA, tool=f"pqvalidate {__version__}", started=began, finished=_now(),
        seconds_per_operation_ms=int(wanted.seconds * 1000), machine=machine, contestants=who,
        figures=tuple(seen.figures), ratios=tuple(seen.ratios), changes=tuple(changes), gaps=tuple(seen.gaps),
        sizes=tuple(seen.sizes), claims=claims, rules=rules, counts=tuple(seen.counts),
        count_ratios=tuple(seen.count_ratios), memory=tuple(seen.memory),
    )  # fmt: skip


def exit_code(report: BenchReport) -> int:
    """Return 1 where a rule is broken or a claim refuted, 3 where one stays open or nothing was timed, else 0."""
    verdicts = {judged.verdict for judged in (*report.rules, *report.claims)}
    if verdicts & {"broken", "refuted"}:
        return 1
    return 3 if verdicts & {"undecided", "inconclusive"} or not report.figures else 0


def _check(wanted: Wanted) -> None:
    if not 0 < wanted.seconds <= 3600:
        raise UsageError("--seconds needs a number above 0 and up to 3600")
    for name in wanted.operations:
        if name not in all_operations():
            known = ", ".join(all_operations())
            raise UsageError(f"--only: {name!r} is not timed{nearest(name, all_operations())}; timed are {known}")
    for name in wanted.parameter_sets:
        parameter_set(name)


_Places = list[tuple[str, tuple[str, ...]]]
"""Parameter sets, each with the operations to time."""


def _places(wanted: Wanted, lined: Field, iuts: Mapping[str, Implementation]) -> _Places:
    claimed = dict.fromkeys(name for label in lined.named for name in iuts[label].subject.claims)
    for name in wanted.parameter_sets:
        if name not in claimed:
            raise UsageError(f"{name} is not claimed by any of them{nearest(name, list(claimed))}")
    found = []
    for name in wanted.parameter_sets or claimed:
        table = OPERATIONS[parameter_set(name).kind]
        found.append((name, tuple(op for op in table if op in (wanted.operations or table))))
    return [(name, operations) for name, operations in found if operations]


def _once(
    iuts: Mapping[str, Implementation], lined: Field, places: _Places, wanted: Wanted, tell: Callable[[str], None]
) -> _Seen:
    seen = _Seen()
    for name, operations in places:
        there = {label: iut for label, iut in iuts.items() if iut.operations.get(name)}
        offered = {label: iut.operations[name] for label, iut in there.items()}
        seen.gaps += [
            Gap(operation=EVERYTHING, parameter_set=name, label=label, why="does not offer this parameter set")
            for label in iuts if label not in there
        ]  # fmt: skip
        table = OPERATIONS[parameter_set(name).kind]
        chosen = {operation: choose(table[operation], offered) for operation in operations}
        seen.gaps += [
            Gap(operation=operation, parameter_set=name, label=label, why="does not offer it")
            for operation, forms in chosen.items() for label in there if label not in forms
        ]  # fmt: skip
        if not there:
            continue
        inputs = inputs_for(name)
        where = {entry.label: entry.where(iuts[entry.label]) for entry in lined.entries}
        timed = time_all(there, name, chosen, inputs, wanted.seconds, where, partial(_enough, lined), tell)
        for operation, timings in timed.items():
            _add(seen, operation, name, timings, lined, inputs.attempts)
        seen.sizes += [
            Sizes(parameter_set=name, label=label, bytes=sizes(
                reply for timings in timed.values() if label in timings for reply in timings[label].replies
            )) for label in there
        ]  # fmt: skip
        _more(seen, there, name, chosen, inputs, where, lined, wanted, tell)
    return seen


def _more(
    seen: _Seen, there: Mapping[str, Implementation], name: str, chosen: Mapping[str, Mapping[str, Form]],
    inputs: Inputs, where: Mapping[str, Where], lined: Field, wanted: Wanted, tell: Callable[[str], None],
) -> None:  # fmt: skip
    """Count instructions and measure memory of what was timed, where that is wanted."""
    timed = {(figure.operation, figure.label) for figure in seen.figures if figure.parameter_set == name}
    forms = {
        operation: {label: form for label, form in by_label.items() if (operation, label) in timed}
        for operation, by_label in chosen.items()
    }
    if wanted.instructions:
        counted = count_all(there, name, forms, inputs, where, tell)
        seen.counts += counted.counts
        seen.gaps += counted.gaps
        seen.count_ratios += count_ratios(counted.counts, lined.pairs)
    if wanted.memory:
        measured = memory_of_all(there, name, forms, inputs, where, tell)
        seen.memory += measured.memory
        seen.gaps += measured.gaps


def _enough(lined: Field, operation: str, timings: Mapping[str, Timing]) -> bool:
    """Return whether the ratios of an operation, or its times where there is no ratio, are known to 1 %."""
    good = {label: timing for label, timing in timings.items() if not timing.why}
    pairs = [(good[a], good[b]) for a, b in lined.pairs if a in good and b in good]
    mean = operation == HEDGED
    found = [_compared(mine, theirs, mean=mean)[0] for mine, theirs in pairs]
    if not pairs:
        found = [typical(timing.blocks(timing.clock()), mean=mean) for timing in good.values()]
    return all(interval.high / interval.low <= _PRECISE for interval in found)


def _compared(mine: Timing, theirs: Timing, *, mean: bool) -> tuple[Interval, Clock]:
    clock: Clock = "processor" if {mine.clock(), theirs.clock()} == {"processor"} else "wall"
    pairs = zip(mine.blocks(clock), theirs.blocks(clock), strict=False)  # one of them may have been lost on the way
    whole = [(a, b) for a, b in pairs if len(a) == len(b)]
    return ratio([a for a, _ in whole], [b for _, b in whole], mean=mean), clock


def _add(
    seen: _Seen, operation: str, name: str, timings: Mapping[str, Timing], lined: Field, attempts: int
) -> None:  # fmt: skip
    for label, timing in timings.items():
        if timing.why:
            seen.gaps.append(Gap(operation=operation, parameter_set=name, label=label, why=timing.why))
        else:
            tried = attempts if operation == "sign_deterministic" else 0
            seen.figures.append(_figure(operation, name, label, timing, tried))
    for label, reference in lined.pairs:
        mine, theirs = timings.get(label), timings.get(reference)
        if mine and theirs and not mine.why and not theirs.why:
            seen.ratios.append(_ratio(operation, name, (label, reference), mine, theirs))


def _figure(operation: str, name: str, label: str, timing: Timing, attempts: int) -> Figure:
    clock = timing.clock()
    times = timing.times(clock)
    usual = typical(timing.blocks(clock), mean=operation == HEDGED)
    return Figure(
        operation=operation, parameter_set=name, label=label, call=timing.form.call, key=timing.form.key, clock=clock,
        where=timing.where, attempts=attempts, calls=len(times),
        rounds=sum(map(len, timing.generations)), typical_ns=_whole(usual.estimate),
        low_ns=_whole(usual.low), high_ns=_whole(usual.high), noisy=usual.noisy,
        ops_per_second=round(1e9 / usual.estimate), ns=_distribution(times),
    )  # fmt: skip


def _whole(value: float) -> int:
    return max(1, round(value))


def _distribution(times: Floats) -> Nanoseconds:
    p05, p25, median, p75, p95, p99 = (round(value) for value in np.percentile(times, (5, 25, 50, 75, 95, 99)))
    return Nanoseconds(p05=p05, p25=p25, median=median, p75=p75, p95=p95, p99=p99, mean=round(float(times.mean())))


def _ratio(operation: str, name: str, pair: tuple[str, str], mine: Timing, theirs: Timing) -> Ratio:
    label, reference = pair
    found, clock = _compared(mine, theirs, mean=operation == HEDGED)
    low, middle, high = _ppm(found)
    return Ratio(
        operation=operation, parameter_set=name, label=label, reference=reference,
        clock=clock, same_form=mine.form.key == theirs.form.key,
        outside=tuple(name for name, one in zip(pair, (mine, theirs), strict=True) if one.where == "outside"),
        ratio_ppm=middle, low_ppm=low, high_ppm=high, noisy=found.noisy,
    )  # fmt: skip


def _ppm(of: Interval) -> tuple[int, int, int]:
    low, middle, high = (max(1, round(value * PPM)) for value in (of.low, of.estimate, of.high))
    return low, middle, high


def _changes(seen: _Seen, saved: BenchReport | None, machine: Machine) -> list[Change]:
    """Return how far ratios, or times on the same machine where there is no ratio, differ from a saved result."""
    if saved is None:
        return []
    changes = count_changes(seen.counts, saved.counts) if saved.machine.counted == machine.counted else []
    ratios = {(r.operation, r.parameter_set, r.label, r.reference): r for r in saved.ratios}
    for now in seen.ratios:
        before = ratios.get((now.operation, now.parameter_set, now.label, now.reference))
        if before and (before.clock, before.same_form) == (now.clock, now.same_form):
            low, middle, high = _ppm(now.interval().over(before.interval()))
            changes.append(Change(
                operation=now.operation, parameter_set=now.parameter_set, label=now.label, of="ratio",
                change_ppm=middle, low_ppm=low, high_ppm=high,
            ))  # fmt: skip
    if (saved.machine.platform, saved.machine.processor) != (machine.platform, machine.processor):
        return changes
    known = {(c.operation, c.parameter_set, c.label) for c in changes if c.of == "ratio"}
    known |= {(r.operation, r.parameter_set, r.reference) for r in seen.ratios}
    figures = {(f.operation, f.parameter_set, f.label): f for f in saved.figures}
    for figure in seen.figures:
        place = figure.operation, figure.parameter_set, figure.label
        earlier = figures.get(place)
        if place in known or earlier is None or (earlier.clock, earlier.call) != (figure.clock, figure.call):
            continue
        low, middle, high = _ppm(_time(figure).over(_time(earlier)))
        changes.append(Change(
            operation=place[0], parameter_set=place[1], label=place[2], of="time", change_ppm=middle, low_ppm=low,
            high_ppm=high,
        ))  # fmt: skip
    return changes


def _time(figure: Figure) -> Interval:
    return Interval(estimate=figure.typical_ns, low=figure.low_ns, high=figure.high_ns, noisy=figure.noisy)


def _again(
    iuts: Mapping[str, Implementation], lined: Field, wanted: Wanted, seen: _Seen, changes: Sequence[Change],
    machine: Machine, tell: Callable[[str], None],
) -> tuple[_Seen, list[Change]] | None:  # fmt: skip
    """Time once more what would break a rule or refute a claim; one run alone accuses nobody."""
    suspects: dict[str, set[str]] = {}
    for rule in wanted.rules:
        for row in rule.breaking(seen.all_ratios, changes):
            suspects.setdefault(row.parameter_set, set()).add(row.operation)
    for claim in lined.claims:
        if claim.refuted_by(seen.ratios):
            suspects.setdefault(claim.parameter_set, set()).add(claim.operation)
    if not suspects:
        return None
    places = [(name, tuple(sorted(operations))) for name, operations in suspects.items()]
    second = _once(iuts, lined, places, wanted, lambda what: tell(f"once more: {what}"))
    return second, _changes(second, wanted.saved, machine)


def _judged(
    wanted: Wanted, lined: Field, seen: _Seen, changes: Sequence[Change],
    again: tuple[_Seen, list[Change]] | None,
) -> tuple[tuple[Judged, ...], tuple[Judged, ...]]:  # fmt: skip
    second, since = again or (_Seen(), [])
    rules = tuple(
        judge_rule(
            rule, rule.breaking(seen.all_ratios, changes), rule.breaking(second.all_ratios, since),
            rule.rows(seen.all_ratios, changes),
        ) for rule in wanted.rules
    )  # fmt: skip
    return rules, tuple(judge_claim(claim, seen.ratios, second.ratios if again else None) for claim in lined.claims)


def _machine(load_before: int, seen: _Seen) -> Machine:
    return Machine(
        platform=platform.platform(), processor=_processor(), processors=os.cpu_count() or 0,
        python=sys.version.split()[0], load_before=load_before, load_after=_load(),
        counted=circumstances() if seen.counts else "",
    )  # fmt: skip


def _load() -> int:
    return round(os.getloadavg()[0] * 1000) if hasattr(os, "getloadavg") else 0


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8", "replace").splitlines() if cpuinfo.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(named, "") or platform.processor() or platform.machine()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
