"""The part of the page about failed checks: findings, points that standards leave open, and what was not confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from examples.first_catalogue.contestants import near
from examples.first_catalogue.second_method import DIRECT, Second, part, shortened
from examples.first_catalogue.stages import Finding
from pqvalidate.documents import Record
from pqvalidate.evidence import CaseRecord

_SECOND = """
A failed check is shown as a finding if a second method has confirmed it: the library was called directly, in a fresh
process without pqvalidate (`examples/first_catalogue/direct.py`), and did the same again; and libraries by others,
called in the same way with the same input, did what is expected. A library that cannot be called directly, other than
by pqvalidate, is judged by the others alone, and that is said. One in another language is reached both times through
its program in `examples/harnesses`, the second time without pqvalidate; where that breaks, nobody is accused. Several
checks can show one and the same cause; what a check finds in several parameter sets is shown once, with one case.

Inputs and values are shortened here; {file} has them whole, but for messages of megabytes. The file is one of published
test vectors: private keys in it are those of published tests, or were derived from the seed of this run; they protect
nothing and must not be used.
"""
_LONGEST = 1 << 18
"""Digits of a value in the file; a message of 10 MiB is made again by its reproducer, and is no use to a reader."""
_OPEN = """
Not failures: the standard leaves these points open, or the documentation of the implementation leaves the check to its
caller. A direct call did the same again where a name stands; in brackets are those of which no direct call showed it.
"""
_UNSURE = """
The second method did not show these, or there was none, so they are not findings. They may be faults of the
implementation, of its adapter, or of pqvalidate.
"""


KEYS_ARE_PUBLIC = (
    "Published test vectors. The private keys here are those of published tests, or were derived from the seed of this"
    " run, which the page names; they are public, protect nothing, and must not be used."
)
"""What the file of findings says before anything else."""


class Whole(Record):
    """What the file beside the page holds of each group: one case in full, and all sets and cases that failed."""

    finding: Finding
    status: str
    failed_by_parameter_set: dict[str, int]


def sections(found: Sequence[Finding], beside: Path) -> Iterator[str]:
    """Return the three sections; ``beside`` is the folder of the file of findings."""
    sure = [row for row in found if row.confirmed and not row.advisory]
    yield "## Findings\n"
    yield _SECOND.lstrip().format(file=f"{{download}}`findings.json <{beside.name}/findings.json>`")
    for rows in grouped(sure):
        yield f"### {rows[0].label}: {rows[0].check}\n"
        yield _shown(rows, near(beside / "findings.json"))
    if not sure:
        yield "In this run there were none.\n"
    yield "## Points that the standards leave open\n"
    yield _OPEN.lstrip()
    yield _advisory([row for row in found if row.advisory])
    yield "## Failed checks that were not confirmed\n"
    yield _UNSURE.lstrip()
    unsure = [row for row in found if not row.confirmed and not row.advisory]
    yield table(
        ["name", "check", "parameter sets", "recorded", "second method"],
        [[rows[0].label, f"`{rows[0].check}`", _sets(rows), rows[0].why or rows[0].fault, _why_not(rows)]
         for rows in grouped(unsure)],
    ) if unsure else "In this run there were none.\n"  # fmt: skip


def grouped(found: Sequence[Finding]) -> list[list[Finding]]:
    """Return findings of one implementation and check, of the same standing, together."""
    groups: dict[tuple[str, str, bool], list[Finding]] = {}
    for row in found:
        groups.setdefault((row.label, row.check, row.confirmed), []).append(row)
    return list(groups.values())


def whole(rows: Sequence[Finding]) -> Whole:
    """Return what the file holds of a group; the inputs of the second look are those of the case, said once."""
    given = part(_case(rows[0]), "input")
    first = rows[0].seconds[0] if rows[0].seconds else Second(standing="not-confirmed", why="no case is at hand")
    again = "those of values" if first.request.get("in") == given else first.request.get("in", {})
    second = msgspec.structs.replace(first, request={**first.request, "in": again} if first.request else {})
    standing = "confirmed" if rows[0].confirmed else "not confirmed"
    values = {name: value if len(value) <= _LONGEST else shortened(value) for name, value in rows[0].values.items()}
    if values != rows[0].values and second.request:  # the second look's copy is as long
        second = msgspec.structs.replace(second, request={**second.request, "in": "those of values"})
    return Whole(
        finding=msgspec.structs.replace(rows[0], seconds=(second,), values=values),
        status=f"{standing}, advisory" if rows[0].advisory else standing,
        failed_by_parameter_set={row.parameter_set: row.failed for row in rows},
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = (head, ["---"] * len(head), *rows)
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in lines)


def _case(row: Finding) -> CaseRecord:
    return CaseRecord(step=0, case=row.case, outcome="fail", why=row.why, data=row.values)


def _sets(rows: Sequence[Finding]) -> str:
    return ", ".join(row.parameter_set for row in rows)


def _why_not(rows: Sequence[Finding]) -> str:
    return next((s.why for row in rows for s in row.seconds if s.standing != "confirmed"), "it was not asked")


def _advisory(found: Sequence[Finding]) -> str:
    checks: dict[str, list[Finding]] = {}
    for row in found:
        checks.setdefault(row.check, []).append(row)

    def names(rows: Sequence[Finding], *, confirmed: bool) -> str:
        return ", ".join(dict.fromkeys(row.label for row in rows if row.confirmed is confirmed))

    lines = []
    for check, rows in checks.items():
        others = names(rows, confirmed=False)
        who = "; ".join([*([names(rows, confirmed=True)] if names(rows, confirmed=True) else []),
                         *([f"({others})"] if others else [])])  # fmt: skip
        lines.append([f"`{check}`", rows[0].clause, _mildly(rows[0]), who])
    return table(["check", "clause", "observed", "of whom"], lines) if lines else "In this run there were none.\n"


def _mildly(row: Finding) -> str:
    """Return what was recorded in words that accuse nobody: what is advisory need not be refused."""
    text = (row.why or row.fault).replace("that must be refused", "that may be refused")
    return text.replace("accepted what is invalid", "accepted what may be refused")


def _shown(rows: Sequence[Finding], file: str) -> str:
    first, second = rows[0], rows[0].seconds[0]
    observed = "; ".join(text for text in (first.why or first.fault, _values(first, "observed")) if text)
    looked = sum(len(row.seconds) for row in rows)
    lines = [
        ("package", f"{first.product}, version {first.version}"),
        ("SHA-256", f"`{first.sha256}` of {first.artefact}"),
        ("rule", f"{first.clause}; severity {first.severity}"),
        ("parameter sets", ", ".join(f"{r.parameter_set} ({r.failed:,} of {r.cases:,} cases)" for r in rows)),
        ("case shown", f"`{first.case}` of {first.parameter_set}"),
        ("input", _values(first, "input")),
        ("observed", observed),
        ("expected", _values(first, "expected") or _wanted(first)),
        ("again with pqvalidate", f"`{first.reproduce}`"),
        ("second method", f"{second.why}; so in all {looked} cases that were looked at again"),
        ("once more", f"`python -I {near(DIRECT)} {file} {first.label} {first.check}`"),
        *((f"{answer.who}{', called directly' if answer.accused else ''}", answer.said) for answer in second.answers),
    ]
    return table(["", ""], [[name, text] for name, text in lines if text])


def _values(row: Finding, group: str) -> str:
    found = part(_case(row), group)
    return ", ".join(f"{name} `{shortened(value)}`" if value else f"{name} empty" for name, value in found.items())


def _wanted(row: Finding) -> str:
    for words, wanted in (
        ("must be refused", "a refusal"), ("did not refuse", "a refusal"), ("what is invalid", "a refusal"),
        ("must be accepted", "acceptance"), ("what is valid", "acceptance"),
    ):  # fmt: skip
        if words in row.why:
            return f"{wanted} ({row.clause})"
    return f"what {row.clause} says" if row.clause else ""
