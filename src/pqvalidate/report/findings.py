"""Findings: the failed cases of one check, explained by their smallest witness and a command that replays it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from pqvalidate.documents import Record
from pqvalidate.evidence import CaseRecord, Depth, Step, StepResult
from pqvalidate.report.words import counted, shell_line

_MOST_GROUPS = 4
_MOST_CASES = 8
_MOST_FLAGS = 5
_WHOLE_BYTES = 64
_HEAD_BYTES, _TAIL_BYTES = 12, 6  # so that a shortened value and its name fit on a line of 80 characters
FIGURES = "figures"
"""What a comparison of execution times keeps beside its witness; shown apart, by ``report.timings``."""
_SAMPLE_HEX = 1 << 15  # a value that the bundle keeps in samples/ is longer than one in the record
_BROKEN = "The implementation does not do what {} asks for."
_OPEN = "Not a failure: {} leaves the point open, and a careful implementation would do otherwise."
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_NUMBER = re.compile(r"(\d+)")


class Witness(Record, omit_defaults=True):
    """The smallest failed case; ``values`` holds its inputs, expected and observed values, long ones shortened."""

    case: str = ""
    flags: tuple[str, ...] = ()
    why: str = ""
    fault: str = ""
    values: dict[str, str] = {}


class Finding(Record):
    """What failed, what that means, the smallest witness, and the one-line command that replays it."""

    summary: str
    effect: str
    witness: Witness
    reproduce: str


def finding(
    step: Step, result: StepResult, cases: Iterable[CaseRecord], *, iut: str, seed: str, depth: Depth,
    command: Sequence[str] = (),
) -> Finding | None:  # fmt: skip
    """Return the finding of a failed step, or None where no case failed.

    Args:
        step: the planned check; its ``effect`` says what a failure means, or a general sentence does.
        result: its counts.
        cases: its failed cases as far as they are at hand; without them the finding has counts only.
        iut: the implementation as the user named it, for the replay command.
        seed: seed of the run in hex.
        depth: depth of the run; its cases at ``full`` go beyond those of the others.
        command: what was typed; an import of ACVP files is replayed by itself.

    """
    if result.outcome != "fail":
        return None
    failed = sorted((case for case in cases if case.outcome == "fail"), key=lambda case: _natural(case.case))
    smallest = min(failed, key=_size, default=None)
    words = ["pqvalidate", "run", iut, "--parameter-set", step.parameter_set, "--only", step.check]
    # The cases of standard depth are those of quick depth and more; what a case of a state check asks grows with depth.
    at_depth = depth == "full" or (depth == "quick" and step.suite == "state")
    fixed = ["--seed", seed, *(["--depth", depth] if at_depth else [])]
    if tuple(command[:2]) == ("acvp", "import"):
        words, fixed = ["pqvalidate", *_without_value(_without_value(command, "--out"), "--case")], []
    words += ["--case", smallest.case] if smallest else []
    return Finding(
        summary=_summary(result, step.cases, failed),
        effect=step.effect or (_OPEN if step.severity == "advisory" else _BROKEN).format(step.clause),
        witness=_witness(smallest) if smallest else Witness(),
        reproduce=shell_line([*words, *fixed]),
    )


def _without_value(words: Sequence[str], flag: str) -> list[str]:
    """Return the words of a command without a flag and its value."""
    kept = [word for word in words if not word.startswith(f"{flag}=")]
    if flag in kept:
        place = kept.index(flag)
        del kept[place : place + 2]
    return kept


def _summary(result: StepResult, planned: int, failed: Sequence[CaseRecord]) -> str:
    text = f"{result.failed:,} of {counted(planned, 'case')}"
    if failed:
        text += f": {named([case.case for case in failed], result.failed)}"
    flags = Counter(flag for case in failed for flag in case.flags)
    if flags:
        text += f"; flags: {_tally(flags)}"
    faults = Counter(case.fault.partition(":")[0] for case in failed if case.fault)
    if faults:
        text += f"; faults: {_tally(faults)}"
    elif result.faults:
        text += f"; faults: {result.faults:,}"
    if result.not_run:
        text += f"; {result.not_run:,} not run"
    return text


def _tally(counts: Counter[str]) -> str:
    shown = [f"{name} {count:,}" for name, count in counts.most_common(_MOST_FLAGS)]
    return ", ".join(shown) + (f" and {len(counts) - len(shown)} more" if len(counts) > len(shown) else "")


def named(cases: Sequence[str], total: int = 0) -> str:
    """Return case ids by their group, e.g. ``acvp/ML-DSA-sigVer-FIPS204/9 tc 61-63, 67``, cut when there are many.

    ``total`` is how many there are where not all are at hand: of a campaign in shards the first of each are named.
    """
    groups: dict[str, list[str]] = {}
    for case in cases:
        group, _, number = case.rpartition("/")
        groups.setdefault(group if number.isdecimal() else "", []).append(number if number.isdecimal() else case)
    parts, shown = [], 0
    for group, members in list(groups.items())[:_MOST_GROUPS]:
        runs = _runs([int(m) for m in members]) if group else [(member, 1) for member in members]
        kept = runs[:_MOST_CASES]
        shown += sum(count for _, count in kept)
        # "tc" as in ACVP; drawn/3, which has no set, stays as it is.
        joint = f"{group} tc " if "/" in group else f"{group}/" if group else ""
        parts.append(joint + ", ".join(text for text, _ in kept))
    more = max(total, len(cases)) - shown
    return "; ".join(parts) + (f" and {more:,} more" if more > 0 else "")


def _runs(numbers: Sequence[int]) -> list[tuple[str, int]]:
    """Return (text, how many) of each stretch of successive numbers: [61, 62, 63, 67] gives 61-63 and 67."""
    stretches: list[list[int]] = []
    for number in sorted(set(numbers)):
        if stretches and number == stretches[-1][-1] + 1:
            stretches[-1].append(number)
        else:
            stretches.append([number])
    return [(str(s[0]) if len(s) == 1 else f"{s[0]}-{s[-1]}", len(s)) for s in stretches]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Order ``9/67`` before ``10/2``."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _NUMBER.split(name)]


def _size(case: CaseRecord) -> int:
    return sum(_SAMPLE_HEX if value.startswith("samples/") else len(value) for value in case.data.values())


def _witness(case: CaseRecord) -> Witness:
    return Witness(
        case=case.case, flags=case.flags, why=case.why, fault=case.fault,
        values={name: shortened(value) for name, value in case.data.items() if name != FIGURES},
    )  # fmt: skip


def shortened(value: str) -> str:
    """Return hex of more than 64 bytes as its first 12 and last 6 bytes and its length; anything else as it is."""
    if len(value) <= 2 * _WHOLE_BYTES or not _HEX.fullmatch(value):
        return value
    return f"{value[: 2 * _HEAD_BYTES]}...{value[-2 * _TAIL_BYTES :]} ({len(value) // 2:,} bytes)"
