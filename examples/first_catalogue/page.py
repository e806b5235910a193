"""The page about the catalogue: generated whole, with its pictures and a file of all findings beside it."""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from examples.first_catalogue import pictures
from examples.first_catalogue.contestants import Absent
from examples.first_catalogue.findings_page import KEYS_ARE_PUBLIC, grouped, sections, table, whole
from examples.first_catalogue.pictures import AMBER, BLUE, GREY, ORANGE, SAND, Cell, Dot
from examples.first_catalogue.stages import OPERATIONS, Campaign, Finding, product
from pqvalidate.bench.records import BenchReport, Figure, read_report
from pqvalidate.bundle import read_evidence
from pqvalidate.documents import canonical, parse_json, read_bytes, to_record, write_atomically
from pqvalidate.evidence import Evidence
from pqvalidate.policy.book import BUILT_IN as PROFILES
from pqvalidate.policy.engine import PolicyVerdict

_WHAT = "a file that the making of the catalogue has written"
_HEAD = """# The first catalogue

This page is written by `make catalogue`; nothing in it is typed by hand. The command attaches every implementation that
this project can attach on the machine, asks each everything at one depth, looks at every failed check a second time by
other means, judges the results under all built-in profiles, times the implementations in turns, signs everything with
keys made for the purpose, and publishes it as a catalogue with a site. The keys are those of a demonstration: nobody
vouches for these certificates.

{facts}

What is said here is about these versions and files on this machine. A check that passed has shown no failure in the
cases that it asked; what could not be asked is listed in each certificate.
"""
_WORDS = {
    "conforms": ("conforms", BLUE), "does-not-conform": ("does not", ORANGE), "undecided": ("undecided", SAND),
    "held back": ("held back", GREY),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made: the folder, the settings, who took part and who did not, the findings, figures and catalogue."""

    out: Path
    campaign: Campaign
    labels: tuple[str, ...]
    absent: tuple[Absent, ...]
    held: frozenset[str]
    findings: Mapping[str, tuple[Finding, ...]]
    timed: Path | None
    catalogue: Path | None


def write(made: Made, page: Path) -> None:
    """Write the page, its pictures and its findings.

    Raises:
        UsageError: matplotlib is missing, or a file cannot be written.

    """
    beside = page.with_suffix("")
    beside.mkdir(parents=True, exist_ok=True)
    png = made.out / "pictures"
    png.mkdir(exist_ok=True)
    evidence = {label: read_evidence(made.out / "bundles" / label) for label in made.labels}
    found = [row for label in made.labels for row in made.findings[label]]
    shown = {"note": KEYS_ARE_PUBLIC, "findings": [whole(rows) for rows in grouped(found)]}
    write_atomically(beside / "findings.json", msgspec.json.format(msgspec.json.encode(shown), indent=1) + b"\n")
    parts = [
        _HEAD.format(facts="\n".join(_facts(made, evidence))),
        *_who(made, evidence), *_detection(made, evidence, beside, png), *sections(found, beside),
        *_speed(made, beside, png), *_policies(made, beside, png), *_how(made),
    ]  # fmt: skip
    write_atomically(page, ("\n".join(part.rstrip("\n") + "\n" for part in parts)).encode())


def _facts(made: Made, evidence: Mapping[str, Evidence]) -> Iterator[str]:
    campaign, one = made.campaign, next(iter(evidence.values()))
    times = [row.circumstances for row in evidence.values()]
    system = one.circumstances.platform.split("-")
    cases = f"{campaign.cases:,}" if campaign.cases else "the usual number of"
    minutes = sum(row.duration_ns for row in times) / 60e9
    other = "".join(f"; {name}: {number:,}" for name, number in campaign.cases_of.items())
    yield f"- depth **{campaign.depth}**, {cases} cases of each campaign{other}"
    left_out = "; what else is claimed was not asked, which leaves most profiles undecided"
    sets = f"{', '.join(campaign.parameter_sets)}{left_out}" if campaign.parameter_sets else "all that each one claims"
    yield f"- parameter sets: {sets}"
    yield f"- seed `{campaign.seed}`; {one.facts.tool}"
    first, last = min(row.started for row in times)[:10], max(row.finished for row in times)[:10]
    yield f"- measured {first if first == last else f'{first} to {last}'}, {minutes:,.0f} minutes in all"
    yield f"- {system[0]} {system[1]} on {_processor(made)}, Python {one.circumstances.python.split()[0]}"
    if campaign.depth == "quick":
        yield (
            "- **a shortened run**: at depth quick each check asks a few cases, so rare faults stay unseen;"
            " `make catalogue` asks at depth standard"
        )


def _processor(made: Made) -> str:
    if made.timed is None:
        return "a machine that was not described"
    machine = read_report(made.timed).machine
    return f"{machine.processor}, {machine.processors} cores"


def _who(made: Made, evidence: Mapping[str, Evidence]) -> Iterator[str]:
    yield "## Who was examined\n"
    rows = []
    for label, row in evidence.items():
        subject = row.facts.subject
        cases = sum(r.passed + r.failed for r in row.facts.results)
        rows.append([
            label, product(subject.vendor, subject.name), subject.version, f"`{subject.artefacts[0].sha256[:16]}`",
            subject.adapter.split()[0], f"{len(row.facts.plan.parameter_sets)}", f"{cases:,}",
            f"{row.circumstances.duration_ns / 1e9:,.0f} s",
        ])  # fmt: skip
    head = ["name here", "implementation", "version", "SHA-256 begins", "attached as", "sets", "cases", "took"]
    yield table(head, rows)
    yield "The last column is time on the wall, beside whatever else the machine did.\n"
    if made.absent:
        yield "\nNot examined:\n"
        yield table(["name", "why"], [[row.label, row.why] for row in made.absent])
    if made.held:
        yield (
            f"\nMeasured and signed, but **held back** from the catalogue, since a failed check was not confirmed:"
            f" {', '.join(sorted(made.held))}.\n"
        )


def _counts(made: Made, label: str, evidence: Evidence) -> dict[str, Counter[str]]:
    """Return per suite how many checks passed, failed (confirmed or not), are advisory, or could not be asked."""
    confirmed = {(row.check, row.parameter_set) for row in made.findings[label] if row.confirmed}
    found: dict[str, Counter[str]] = {}
    for step, result in zip(evidence.facts.plan.steps, evidence.facts.results, strict=True):
        kind = {"pass": "passed", "not-applicable": "not asked", "error": "error"}.get(result.outcome, "")
        if not kind:
            sure = (step.check, step.parameter_set) in confirmed
            kind = "advisory" if step.severity == "advisory" else "confirmed" if sure else "not confirmed"
        found.setdefault(step.suite, Counter())[kind] += 1
    return found


def _detection(made: Made, evidence: Mapping[str, Evidence], beside: Path, png: Path) -> Iterator[str]:
    counts = {label: _counts(made, label, row) for label, row in evidence.items()}
    suites = list(dict.fromkeys(suite for row in counts.values() for suite in row))
    cells = {(label, suite): _cell(counts[label].get(suite, Counter())) for label in counts for suite in suites}
    named = [suite.replace("_", " ").replace("-", " ") for suite in suites]
    pictures.matrix(
        beside / "detection.svg", "Checks by implementation and suite", list(counts), named,
        {(label, name): cells[label, suite] for label in counts for suite, name in zip(suites, named, strict=True)},
        [("all that were asked passed", BLUE), ("confirmed findings", ORANGE), ("failed, not confirmed", AMBER),
         ("points left open (advisory)", SAND), ("not asked", GREY)], png,
    )  # fmt: skip
    yield "## What was found, by suite\n"
    yield f"![Checks by implementation and suite]({beside.name}/detection.svg)\n"
    yield (
        "Each number counts checks, one for each parameter set: *p* passed, *f* failed and confirmed, *u* failed and"
        " not confirmed, *a* failed where the standard leaves the point open, *n* not asked, *e* ended by an error of"
        " ours.\n"
    )
    yield table(["", *named], [[label, *(cells[label, suite].text or "-" for suite in suites)] for label in counts])


def _cell(count: Counter[str]) -> Cell:
    marks = {"passed": "p", "confirmed": "f", "not confirmed": "u", "advisory": "a", "error": "e", "not asked": "n"}
    text = " ".join(f"{count[kind]}{mark}" for kind, mark in marks.items() if count[kind])
    colour = next((colour for kind, colour in (
        ("confirmed", ORANGE), ("not confirmed", AMBER), ("error", AMBER), ("advisory", SAND), ("passed", BLUE)
    ) if count[kind]), GREY)  # fmt: skip
    return Cell(text, colour)


def _speed(made: Made, beside: Path, png: Path) -> Iterator[str]:
    yield "## Speed\n"
    if made.timed is None:
        yield "Nothing was timed in this run.\n"
        return
    report = read_report(made.timed)
    machine = report.machine
    yield (
        f"Each operation was timed for {report.seconds_per_operation_ms / 1000:g} s in all, all implementations in"
        f" turns, at a load of {machine.load_before / 1000:.1f} before and {machine.load_after / 1000:.1f} after, on"
        f" {machine.processors} cores; a load above that widens the intervals. Times are those of whole calls: in the"
        " process that holds a library (*i*), by a program's own clock (*p*), or from outside, way there and back"
        " included (*o*, hollow dots), so they compare what a caller waits for"
        " and not only the code. *s*: the private key is a seed that each call expands. How it is measured:"
        " [](../howto/bench.md).\n"
    )
    reference = report.contestants[0].label
    for name in dict.fromkeys(figure.parameter_set for figure in report.figures):
        rows = [figure for figure in report.figures if figure.parameter_set == name]
        operations = [op for op in OPERATIONS if any(row.operation == op for row in rows)]
        panels = {op: [_dot(row) for row in rows if row.operation == op] for op in operations}
        file = f"speed-{name.lower()}.svg"
        pictures.speed(beside / file, f"{name}: time per call, 95 % intervals", panels, reference, png)
        yield f"### {name}\n"
        yield f"![{name}: time of each operation]({beside.name}/{file})\n"
        yield _times(report, rows, operations, reference)


def _dot(row: Figure) -> Dot:
    return Dot(row.label, row.typical_ns / 1e3, row.low_ns / 1e3, row.high_ns / 1e3, row.where == "outside")


def _times(report: BenchReport, rows: Sequence[Figure], operations: Sequence[str], reference: str) -> str:
    by = {(row.label, row.operation): row for row in rows}
    base = {op: by.get((reference, op)) for op in operations}
    labels = list(dict.fromkeys(who.label for who in report.contestants if any(row.label == who.label for row in rows)))

    def cell(label: str, op: str) -> str:
        row, beside = by.get((label, op)), base[op]
        if row is None:
            return "-"
        times = f" ({_ratio(row.typical_ns / beside.typical_ns)} x)" if beside and label != reference else ""
        within = max(row.high_ns / row.typical_ns, row.typical_ns / row.low_ns) - 1
        marks = f"{row.where[0]}{'s' if row.key == 'seed' else ''}"
        return f"{row.typical_ns / 1e3:,.1f} µs ± {within:.0%}{times} *{marks}*"

    return table(["", *operations], [[label, *(cell(label, op) for op in operations)] for label in labels]) + "\n"


def _ratio(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _policies(made: Made, beside: Path, png: Path) -> Iterator[str]:
    verdicts: dict[tuple[str, str], PolicyVerdict] = {}
    for label in made.labels:
        for policy in PROFILES:
            file = made.out / "certificates" / f"{label}.{policy}.rules.json"
            verdicts[label, policy] = to_record(
                parse_json(read_bytes(file, _WHAT), file, _WHAT), PolicyVerdict, file, "Make it anew"
            )  # fmt: skip
    words = {at: "held back" if at[0] in made.held else verdict.decision for at, verdict in verdicts.items()}
    cells = {at: Cell(*_WORDS[word]) for at, word in words.items()}
    pictures.matrix(
        beside / "policies.svg", "Decisions by implementation and profile", made.labels, PROFILES, cells,
        [("conforms", BLUE), ("does not conform", ORANGE), ("undecided", SAND), ("held back", GREY)], png,
    )  # fmt: skip
    yield "## What the profiles decide\n"
    yield f"![Decisions by implementation and profile]({beside.name}/policies.svg)\n"
    day = next(iter(verdicts.values())).as_of
    yield (
        f"As of {day}, for any of the parameter sets that a profile permits. Most profiles ask for more than tests of"
        " behaviour, such as certificates of other schemes: *undecided* then means that the evidence for it was not"
        " handed in. The signed verdicts, published with the certificates, name each rule. What each profile asks for:"
        " [](profiles.md).\n"
    )
    rows = [[label, *(words[label, policy].replace("-", " ") for policy in PROFILES)] for label in made.labels]
    yield table(["", *PROFILES], rows)


def _how(made: Made) -> Iterator[str]:
    campaign = made.campaign
    words = [f"DEPTH={campaign.depth}", *([f"CASES={campaign.cases}"] if campaign.cases else [])]
    words += [f"SETS={shlex.quote(' '.join(campaign.parameter_sets))}"] if campaign.parameter_sets else []
    others = " ".join(f"{name}={cases}" for name, cases in campaign.cases_of.items())
    words += [f"CASES_OF={shlex.quote(others)}"] if others else []
    out = " ".join(row.label for row in made.absent if "--leave-out" in row.why)
    words += [f"LEAVE_OUT={shlex.quote(out)}"] if out else []
    digest = hashlib.sha256(canonical(campaign)).hexdigest()[:16]
    yield "## How to make it again\n"
    yield (
        f"```sh\nmake catalogue {' '.join(words)}\n```\n\nThat draws a seed of its own; the seed above repeats this run"
        f" (campaign `{digest}`). Interrupted, it goes on where it was. The bundles, certificates, catalogue and site"
        f" are in `pqvalidate-runs/{made.out.name}`; open `catalogue/site/index.html` there.\n"
    )
