"""The stages of the catalogue: run, look again, certify, time, publish. Each leaves files, and is not done twice."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from examples.first_catalogue import second_method
from examples.first_catalogue.contestants import Contestant
from examples.first_catalogue.second_method import Second
from pqvalidate.bundle import read_cases, read_evidence
from pqvalidate.documents import Record, canonical, parse_json, read_bytes, to_json, to_record, write_atomically
from pqvalidate.errors import PqvalidateError, UsageError
from pqvalidate.evidence import CaseRecord, Depth, Evidence, Step, StepResult
from pqvalidate.policy.book import BUILT_IN as PROFILES
from pqvalidate.report.findings import finding

EXIT_OF_A_RUN = (0, 1, 3)
"""Conforms, does not conform, undecided: all three are results."""
WITNESSES = 2
"""So many failed cases of a check are looked at a second time, the smallest first."""
OPERATIONS = ("keygen", "encapsulate", "decapsulate", "sign", "verify")
TIMED_SETS = ("ML-KEM-768", "ML-DSA-65")
Tell = Callable[[str], None]
_WHAT = "a file that the making of the catalogue has written"


class Campaign(Record):
    """What a catalogue was made with; it is fixed when its folder is made, and a later start goes on with the same.

    ``cases`` are those of each campaign, 0 for as many as the depth gives; ``cases_of`` are those of
    single implementations, by name.
    """

    depth: Depth
    cases: int
    cases_of: dict[str, int]
    seed: str
    parameter_sets: tuple[str, ...]
    jobs: int
    started: str


class Finding(Record):
    """A failed check of one parameter set: where it is from, what was seen, and what the second method says of it.

    It has facts only: what a failure of the check can mean in general need not be so for this one.

    ``values`` holds inputs, expected and observed values in hex, whole. ``failed`` of ``cases`` cases failed, and the
    first of ``seconds`` is about the case that is shown. ``direct`` is how ``direct.py`` reaches the library.
    """

    label: str
    product: str
    version: str
    artefact: str
    sha256: str
    parameter_set: str
    check: str
    clause: str
    severity: str
    failed: int
    cases: int
    case: str
    why: str
    fault: str
    values: dict[str, str]
    reproduce: str
    direct: str | tuple[str, ...] | None
    seconds: tuple[Second, ...]

    @property
    def confirmed(self) -> bool:
        """Return whether every case that was looked at again was confirmed."""
        return bool(self.seconds) and all(row.standing == "confirmed" for row in self.seconds)

    @property
    def advisory(self) -> bool:
        """Return whether the standard leaves the point open, so that it is no failure."""
        return self.severity == "advisory"


class Again(Record):
    """The findings of one bundle, and what they were made from."""

    of: str
    findings: tuple[Finding, ...]


class Failed(Record):
    """An implementation of which no bundle could be made, and why."""

    label: str
    why: str


def now() -> datetime:
    """Return the present second."""
    return datetime.now(UTC).replace(microsecond=0)


def opened(out: Path, wanted: Campaign) -> Campaign:
    """Make the folder of a catalogue, or go on with the one that is there.

    Raises:
        UsageError: it was begun with other settings.

    """
    file = out / "campaign.json"
    if file.is_file():
        found = to_record(parse_json(read_bytes(file, _WHAT), file, _WHAT), Campaign, file, "Choose another OUT")
        same = msgspec.structs.replace(wanted, seed=found.seed, started=found.started, jobs=found.jobs)
        if found != same:
            raise UsageError(
                f"{out} was begun with depth {found.depth}, {found.cases or 'all'} cases"
                f"{''.join(f', {name}={cases}' for name, cases in found.cases_of.items())} and "
                f"{', '.join(found.parameter_sets) or 'all sets'}; go on with the same, or choose another OUT"
            )
        return msgspec.structs.replace(found, jobs=wanted.jobs)
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(file, to_json(wanted))
    return wanted


def begin(
    depth: Depth, cases: int, parameter_sets: Sequence[str], jobs: int, seed: str = "",
    cases_of: Mapping[str, int] | None = None,
) -> Campaign:  # fmt: skip
    """Return the settings of a new catalogue; without a seed, one is drawn."""
    return Campaign(
        depth=depth, cases=cases, cases_of=dict(cases_of or {}), seed=seed or secrets.token_hex(16),
        parameter_sets=tuple(parameter_sets), jobs=jobs, started=now().isoformat(),
    )  # fmt: skip


def run(one: Contestant, out: Path, campaign: Campaign) -> Path | Failed:
    """Measure one implementation into its bundle, or finish that.

    An interrupted run goes on where it was; a run that could not be made at all is told with the last words of it.
    """
    folder = out / "bundles" / one.label
    if complete(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    sets = [word for name in one.sets(campaign.parameter_sets) for word in ("--parameter-set", name)]
    number = campaign.cases_of.get(one.label, campaign.cases)
    cases = ["--cases", str(number)] if number else []
    resume = ["--resume"] if folder.exists() else []
    done = command(
        "run", one.argument, "--depth", campaign.depth, "--seed", campaign.seed, "--jobs", str(campaign.jobs),
        *sets, *cases, *resume, "--out", str(folder),
    )  # fmt: skip
    if done.returncode not in EXIT_OF_A_RUN or not complete(folder):
        return Failed(label=one.label, why=_last_line(done.stderr) or f"the run ended with {done.returncode}")
    return folder


def run_all(
    some: Sequence[Contestant], out: Path, campaign: Campaign, together: int, tell: Tell
) -> list[Path | Failed]:  # fmt: skip
    """Measure implementations, so many side by side, each in processes of its own; return what ``run`` does, in order.

    Raises:
        UsageError: ``together`` is below 1.

    """
    if together < 1:
        raise UsageError("--together needs a number of at least 1")

    def one_run(one: Contestant) -> Path | Failed:
        tell(f"running {one.label}")
        return run(one, out, campaign)

    with ThreadPoolExecutor(together) as pool:
        try:
            return [future.result() for future in [pool.submit(one_run, one) for one in some]]
        except BaseException:
            # An interrupt reaches those that run, too; they end in order, and the others do not begin.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def complete(folder: Path) -> bool:
    """Return whether a bundle is there and was not interrupted."""
    try:
        return read_evidence(folder).status == "complete"
    except PqvalidateError:
        return False


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "pqvalidate", *words], capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def must(*words: str) -> str:
    """Run the command line, insist that it succeeds and return what it prints.

    Raises:
        UsageError: it did not.

    """
    done = command(*words)
    if done.returncode:
        raise UsageError(
            f"`pqvalidate {' '.join(words[:2])} ...` ended with {done.returncode}: {_last_line(done.stderr)}"
        )
    return done.stdout


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def look_again(one: Contestant, out: Path, folder: Path, tell: Tell) -> tuple[Finding, ...]:
    """Return the failed checks of a bundle, each looked at by the second method; kept until bundle or method change."""
    evidence, file = read_evidence(folder), out / "findings" / f"{one.label}.json"
    method = hashlib.sha256()
    for name in (second_method.DIRECT, Path(str(second_method.__file__))):
        method.update(name.read_bytes())
    of = f"{evidence.facts_digest} {method.hexdigest()}"
    with suppress(PqvalidateError):  # what is missing, or was written by another version, is made anew
        kept = to_record(parse_json(read_bytes(file, _WHAT), file, _WHAT), Again, file, "Delete it")
        if kept.of == of:
            return kept.findings
    found = tuple(_looked_at(one, evidence, folder, tell))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, to_json(Again(of=of, findings=found)))
    return found


def _looked_at(one: Contestant, evidence: Evidence, folder: Path, tell: Tell) -> Iterable[Finding]:
    failed: dict[int, list[CaseRecord]] = {}
    for case in read_cases(folder):
        if case.outcome == "fail":
            failed.setdefault(case.step, []).append(case)
    for step, result in zip(evidence.facts.plan.steps, evidence.facts.results, strict=True):
        if result.outcome == "fail":
            tell(f"{one.label}: looking again at {step.check} of {step.parameter_set}")
            yield _finding(one, evidence, step, result, [whole(case, folder) for case in failed.get(result.step, [])])


def whole(case: CaseRecord, folder: Path) -> CaseRecord:
    """Return a case with the long values that the bundle keeps in files of their own."""
    data = {
        name: (folder / value).read_bytes().hex() if value.startswith("samples/") else value
        for name, value in case.data.items()
    }
    return msgspec.structs.replace(case, data=data)


def _finding(
    one: Contestant, evidence: Evidence, step: Step, result: StepResult, cases: Sequence[CaseRecord]
) -> Finding:
    subject, plan = evidence.facts.subject, evidence.facts.plan
    smallest = sorted(cases, key=lambda case: sum(map(len, case.data.values())))
    asked = [
        case for case in smallest if second_method.operation(second_method.part(case, "input"), step.parameter_set)
    ]
    chosen = (asked or smallest)[:WITNESSES]
    open_point = step.severity == "advisory"
    seconds = tuple(
        second_method.again(case, step.check, step.parameter_set, one.direct, one.label, advisory=open_point)
        for case in chosen
    )
    shown = chosen[0] if chosen else CaseRecord(step=result.step, case="", outcome="fail", why=result.why)
    told = finding(step, result, [shown], iut=one.argument, seed=plan.seed, depth=plan.depth)
    artefact = subject.artefacts[0]
    return Finding(
        label=one.label, product=product(subject.vendor, subject.name), version=subject.version,
        artefact=artefact.path, sha256=artefact.sha256, parameter_set=step.parameter_set, check=step.check,
        clause=step.clause, severity=step.severity, failed=result.failed, cases=step.cases, case=shown.case,
        why=shown.why, fault=shown.fault, values=dict(shown.data), reproduce=told.reproduce if told else "",
        direct=one.direct, seconds=seconds,
    )  # fmt: skip


def product(vendor: str, name: str) -> str:
    """Return vendor and name in one, where they differ."""
    return name if name.startswith(vendor) else f"{vendor}, {name}"


def held_back(findings: Mapping[str, Sequence[Finding]]) -> frozenset[str]:
    """Return who is not published: of whom a check has failed that no second method confirms.

    A published certificate states each failed check as a fact, and a false one would harm a sound vendor.
    """
    return frozenset(
        label for label, rows in findings.items() if any(not row.confirmed and not row.advisory for row in rows)
    )


def keys(out: Path) -> tuple[Path, Path]:
    """Return the folders of the keys of the lab and of the catalogue, made for this demonstration on first use."""
    places = out / "keys" / "lab", out / "keys" / "catalogue"
    for place, role in zip(places, ("lab", "catalogue"), strict=True):
        if not (place / "signing-key.json").is_file():
            place.parent.mkdir(exist_ok=True)
            must("keygen", "--out", str(place), "--name", f"Demonstration {role}, no authority", "--role", role)
    return places


def certify(label: str, out: Path, lab: Path) -> Path:
    """Sign a certificate of a bundle and a verdict under every built-in profile; what was half done is made anew."""
    folder = out / "certificates"
    folder.mkdir(exist_ok=True)
    file, parts = folder / f"{label}.json", ("verdict", "rules")
    beside = [folder / f"{label}.{policy}.{part}.json" for policy in PROFILES for part in parts]
    if not all(path.is_file() for path in (file, *beside)):
        for path in (file, *beside):
            path.unlink(missing_ok=True)
        policies = [word for policy in PROFILES for word in ("--policy", policy)]
        must(
            "certify",
            str(out / "bundles" / label),
            "--key",
            str(lab / "signing-key.json"),
            *policies,
            "--out",
            str(file),
        )
    return file


def time(some: Sequence[Contestant], out: Path, seconds: float, tell: Tell) -> Path | None:
    """Time everybody in turns, and keep the result; without ``seconds`` nothing is timed."""
    from pqvalidate.bench.benchmark import Wanted, benchmark

    file = out / "bench.json"
    arguments = [one.argument for one in some]
    mark = hashlib.sha256(canonical([arguments, str(seconds)])).hexdigest()
    if not seconds or not some:
        return None
    if not (file.is_file() and (out / "bench.of").is_file() and (out / "bench.of").read_text() == mark):
        against = next((name for name in arguments if name == "openssl"), arguments[0])
        wanted = Wanted(
            named=tuple(name for name in arguments if name != against) or (against,), against=against,
            parameter_sets=tuple(s for s in TIMED_SETS if any(s in one.sets(()) for one in some)),
            operations=OPERATIONS, seconds=seconds,
        )  # fmt: skip
        write_atomically(file, to_json(benchmark(wanted, tell)))
        write_atomically(out / "bench.of", mark.encode())
    return file


def publish(certificates: Sequence[Path], out: Path, lab: Path, owner: Path, timed: Path | None) -> Path:
    """Publish certificates in a new catalogue, make its site with the benchmarks, and verify each as a reader does.

    Raises:
        UsageError: a published certificate does not verify.

    """
    from pqvalidate.catalogue import benchmarks, reading, site
    from pqvalidate.catalogue.publishing import TITLE

    folder = out / "catalogue"
    shutil.rmtree(folder, ignore_errors=True)
    moment = now()
    trust = str(lab / "trust.json")
    must(
        "publish", *map(str, certificates), "--catalogue", str(folder), "--trust", trust,
        "--key", str(owner / "signing-key.json"),
    )  # fmt: skip
    entries = reading.load(folder, moment=moment)
    of: dict[str, benchmarks.Benchmark] = {}
    if timed:
        measured = benchmarks.read(timed)
        of = {entry.id: measured for entry in entries if benchmarks.own_labels(measured, entry.statement.subject)}
    site.build(
        entries, folder / "site", title=f"{TITLE}: a demonstration",
        as_of=moment.isoformat().replace("+00:00", "Z"), benchmarks_of=of,
    )  # fmt: skip
    root = str(folder / "metadata" / "1.root.json")
    for certificate in certificates:
        must("verify", str(certificate), "--trust", trust, "--catalogue", str(folder), "--root", root)
    return folder
