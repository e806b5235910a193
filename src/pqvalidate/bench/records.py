"""The result of a benchmark as records: whole nanoseconds and parts per million, to be kept and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pqvalidate.bench.intervals import PPM, Interval
from pqvalidate.documents import Record, parse_json, read_bytes, to_record
from pqvalidate.errors import InputError

SCHEMA: Final = "pqvalidate/bench/1"
_WHAT = "what `pqvalidate bench --save` has written"


class Artefact(Record):
    """A file or tree that was timed, by its SHA-256 digest in hex."""

    path: str
    sha256: str


class Contestant(Record):
    """An implementation that was timed; ``label`` is its name in this document."""

    label: str
    vendor: str
    name: str
    version: str
    adapter: str
    artefacts: tuple[Artefact, ...]


class Machine(Record):
    """Where it was timed; the load is the average of the minute before and after, in thousandths of a processor.

    ``counted`` names what counts of instructions depend on beside the implementation; empty where none were counted.
    """

    platform: str
    processor: str
    processors: int
    python: str
    load_before: int
    load_after: int
    counted: str = ""


class Nanoseconds(Record):
    """The distribution of single calls in ns."""

    p05: int
    p25: int
    median: int
    p75: int
    p95: int
    p99: int
    mean: int


class Figure(Record):
    """What one operation of one implementation costs.

    ``typical_ns`` is the median of calls, or the mean where signing is a matter of luck, with its 95 % interval.
    ``clock`` says whether the processor's time or the time on the wall was taken; ``where`` whether inside the worker
    that makes the call, by a vendor's program with its own clock, or from outside, way there and back included.
    ``attempts`` is how often each signature was tried, 0 where it does not apply or is not known.
    """

    operation: str
    parameter_set: str
    label: str
    call: str
    key: Literal["none", "expanded", "seed", "loaded"]
    clock: Literal["processor", "wall"]
    where: Literal["inside", "program", "outside"]
    attempts: int
    calls: int
    rounds: int
    typical_ns: int
    low_ns: int
    high_ns: int
    noisy: bool
    ops_per_second: int
    ns: Nanoseconds


class Ratio(Record):
    """The time of one implementation over that of the reference, in parts per million, with its 95 % interval.

    ``same_form``: both got the private key in the same form; otherwise the ratio compares unlike work. ``outside``: the
    labels of those whose times include the way there and back.
    """

    operation: str
    parameter_set: str
    label: str
    reference: str
    clock: Literal["processor", "wall"]
    same_form: bool
    outside: tuple[str, ...]
    ratio_ppm: int
    low_ppm: int
    high_ppm: int
    noisy: bool

    def interval(self) -> Interval:
        """Return the ratio as an interval."""
        return Interval(
            estimate=self.ratio_ppm / PPM, low=self.low_ppm / PPM, high=self.high_ppm / PPM, noisy=self.noisy
        )


class Count(Record):
    """Instructions of one operation of one implementation, by valgrind: the mean of ``calls`` calls, adapter included.

    ``low`` and ``high`` are the ends of its 95 % interval; without any luck in the operation, all three are equal or
    nearly so. ``attempts`` as in ``Figure``.
    """

    operation: str
    parameter_set: str
    label: str
    call: str
    key: Literal["none", "expanded", "seed", "loaded"]
    attempts: int
    calls: int
    instructions: int
    low: int
    high: int


class CountRatio(Record):
    """The instructions of one implementation over those of the reference, in parts per million; as ``Ratio``."""

    operation: str
    parameter_set: str
    label: str
    reference: str
    same_form: bool
    ratio_ppm: int
    low_ppm: int
    high_ppm: int


class Memory(Record):
    """Memory of its own, in KiB, that a worker holds before an operation, and how much more after it.

    ``process_kib`` is what it holds with the implementation loaded, ``first_kib`` what the first call adds and
    ``later_kib`` what ``calls`` more calls add. What fits into pages that were used before is not seen.
    """

    operation: str
    parameter_set: str
    label: str
    process_kib: int
    first_kib: int
    later_kib: int
    calls: int


class Change(Record):
    """A ratio, time or number of instructions of now over that of a saved result; ``of`` tells which is compared."""

    operation: str
    parameter_set: str
    label: str
    of: Literal["ratio", "time", "instructions"]
    change_ppm: int
    low_ppm: int
    high_ppm: int


class Gap(Record):
    """What has no figure, and why."""

    operation: str
    parameter_set: str
    label: str
    why: str


class Sizes(Record):
    """Lengths in bytes of what an implementation sends and stores for a parameter set."""

    parameter_set: str
    label: str
    bytes: dict[str, int]


class Judged(Record):
    """A claim on speed or a rule of the operator, and what the intervals say about it."""

    text: str
    verdict: Literal["confirmed", "refuted", "inconclusive", "kept", "broken", "undecided"]
    why: str


class BenchReport(Record):
    """A whole benchmark (docs/howto/bench)."""

    schema: Literal["pqvalidate/bench/1"]
    tool: str
    started: str
    finished: str
    seconds_per_operation_ms: int
    machine: Machine
    contestants: tuple[Contestant, ...]
    figures: tuple[Figure, ...]
    ratios: tuple[Ratio, ...]
    changes: tuple[Change, ...]
    gaps: tuple[Gap, ...]
    sizes: tuple[Sizes, ...]
    claims: tuple[Judged, ...]
    rules: tuple[Judged, ...]
    counts: tuple[Count, ...] = ()
    count_ratios: tuple[CountRatio, ...] = ()
    memory: tuple[Memory, ...] = ()


def read_report(path: Path) -> BenchReport:
    """Read a saved benchmark.

    Raises:
        InputError: it is missing or malformed.

    """
    value = parse_json(read_bytes(path, _WHAT), path, _WHAT)
    report = to_record(value, BenchReport, path, f"Give {_WHAT}")
    for index, row in enumerate(report.ratios):
        if not 0 < row.low_ppm <= row.ratio_ppm <= row.high_ppm:
            raise InputError(path, f"ratios[{index}]", "is no interval above 0", f"Give {_WHAT}")
    for index, figure in enumerate(report.figures):
        if not 0 < figure.low_ns <= figure.typical_ns <= figure.high_ns:
            raise InputError(path, f"figures[{index}]", "is no interval above 0", f"Give {_WHAT}")
    for index, count in enumerate(report.counts):
        if not 0 < count.low <= count.instructions <= count.high:
            raise InputError(path, f"counts[{index}]", "is no interval above 0", f"Give {_WHAT}")
    return report
