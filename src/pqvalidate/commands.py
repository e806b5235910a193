"""What each verb does: read inputs, call the layer that does the work, print its report; returns the exit code."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pqvalidate.errors import UsageError
from pqvalidate.report import delivery

if TYPE_CHECKING:
    from pqvalidate.bundle import Opening
    from pqvalidate.evidence import CaseRecord, Evidence
    from pqvalidate.planner import Selection
    from pqvalidate.runner import Progress

# The two halves are loaded by the verbs that need them, so that verifying never waits for measuring code.

_HEX = re.compile(r"(?:[0-9a-f]{2}){1,64}")


def run(given: argparse.Namespace) -> int:
    """Measure an implementation, judge it, print the report."""
    from pqvalidate import judging, runner  # noqa: PLC0415
    from pqvalidate.adapters.attach import attach  # noqa: PLC0415
    from pqvalidate.bundle import BundleWriter  # noqa: PLC0415
    from pqvalidate.planner import make_plan  # noqa: PLC0415
    from pqvalidate.scale_out import crew_of  # noqa: PLC0415

    if given.policy != "as-claimed" or given.as_of:
        judging.refuse_early([given.policy], given, _now())
    if given.max_time is not None and not given.max_time > 0:
        raise UsageError("--max-time needs a number of seconds above 0")
    earlier = _earlier(given)
    selection = _selection(given, earlier)
    folder = Path(given.out) if given.out else _default_folder(given, selection.seed)
    if folder.exists() and not given.resume:
        raise UsageError(f"{folder} exists and is never overwritten; choose another --out, or go on with --resume")
    with attach(given.iut, sandbox=given.sandbox) as iut:
        planned = make_plan(iut.subject, selection)
        with (
            crew_of(iut, given, folder) as crew,
            BundleWriter(folder, runner.opening(planned, iut.subject), resume=given.resume) as writer,
            _progress() as progress,
        ):
            evidence, failures = runner.run(
                iut, planned, iut.subject, writer, progress=progress,
                budget=runner.Budget(seconds=given.max_time, fail_fast=given.fail_fast),
                command=_command(), sandbox=iut.sandbox, crew=crew,
            )  # fmt: skip
    return _judged(evidence, failures, given, folder, given.iut)


def plan(given: argparse.Namespace) -> int:
    """Print what would be asked."""
    from pqvalidate.adapters.attach import attach  # noqa: PLC0415
    from pqvalidate.durations import estimate  # noqa: PLC0415
    from pqvalidate.planner import make_plan  # noqa: PLC0415
    from pqvalidate.report import plan_text  # noqa: PLC0415

    with attach(given.iut, sandbox=given.sandbox) as iut:
        planned = make_plan(iut.subject, _selection(given, None))
        report = plan_text.build_plan_report(planned.plan, iut.subject, estimate(planned, iut))
    _print((plan_text.json if given.format == "json" else plan_text.text)(report))
    return 0


def judge(given: argparse.Namespace) -> int:
    """Judge a bundle again, or a certificate, under one policy or several."""
    from pqvalidate import judging  # noqa: PLC0415
    from pqvalidate.bundle import read_cases, read_recounted  # noqa: PLC0415

    policies, folder = given.policy or ["as-claimed"], Path(given.bundle)
    delivery.refuse_early(given)
    judging.refuse_early(policies, given, _now())
    if judging.wants_a_matrix(policies, given):
        page, code = judging.matrix(policies, given, _now())
        _print(delivery.printed(page, given))
        return code
    given.policy = policies[0]
    evidence = read_recounted(folder)
    failures = [case for case in read_cases(folder) if case.outcome != "pass"]
    return _judged(evidence, failures, given, folder, evidence.facts.subject.name)


def _judged(
    evidence: Evidence, failures: list[CaseRecord], given: argparse.Namespace, folder: Path, argument: str
) -> int:
    from pqvalidate import judging  # noqa: PLC0415
    from pqvalidate.report import FORMATS  # noqa: PLC0415
    from pqvalidate.report.model import build_report  # noqa: PLC0415
    from pqvalidate.report.timings import with_comparisons  # noqa: PLC0415
    from pqvalidate.verdict import EXIT_CODES  # noqa: PLC0415
    from pqvalidate.verdict import judge as judge_evidence  # noqa: PLC0415

    policies = judging.of_run(evidence, given, folder, _now()) if given.policy != "as-claimed" else None
    verdict = judging.run_verdict(policies) if policies else judge_evidence(evidence, given.policy)
    failures = with_comparisons(evidence.facts, failures, folder)
    report = build_report(evidence, verdict, failures, bundle=str(folder), iut_argument=_argument(evidence, argument))
    printed = FORMATS[given.format](report, given.lang)
    _print(delivery.printed(judging.beside(printed, policies, given) if policies else printed, given))
    return EXIT_CODES[verdict.decision]


def _argument(evidence: Evidence, otherwise: str) -> str:
    """Return what the run was given as IUT, so that a reproducer can be pasted."""
    command = evidence.circumstances.command
    return command[1] if len(command) > 1 and command[0] == "run" and not command[1].startswith("-") else otherwise


def cbom(given: argparse.Namespace) -> int:
    """Write what a bundle has found as a CBOM; 0 whatever was found, because a CBOM decides nothing."""
    from pqvalidate.report.cbom import export  # noqa: PLC0415

    _print(export(Path(given.bundle), given.policy, Path(given.out) if given.out else None))
    return 0


def certify(given: argparse.Namespace) -> int:
    """Sign a certificate of a bundle, and a verdict for each policy that is named."""
    from pqvalidate import claiming, judging  # noqa: PLC0415
    from pqvalidate.certificate import certify as issue  # noqa: PLC0415
    from pqvalidate.roles.naming import signer  # noqa: PLC0415

    key = signer(given)
    judging.refuse_early(given.policy, given, _now())
    profiles, asked = judging.load(given.policy), judging.question(given, _now())
    judging.planned_files(Path(given.out), profiles)
    stated = claiming.of_file(given.claims, Path(given.bundle), _now(), given.supersedes)
    made = issue(Path(given.bundle), key, Path(given.out), now=_now(), valid_days=given.valid_days, stated=stated)
    _print(
        f"Certificate {made.id} written to {made.path}\n"
        f"  outcome of the checks: {made.outcome}; valid until {made.not_after}\n"
        f"  SHA-256 of the signed body: {made.body_sha256}\n"
        f"Verify it with: pqvalidate verify {made.path} --trust TRUSTFILE\n"
    )
    for verdict in judging.sign_verdicts(made.path, key, profiles, asked, _now()):
        _print(f"Verdict under {verdict.policy}: {verdict.decision}, signed in {verdict.signed}\n")
    return 0


def verify(given: argparse.Namespace) -> int:
    """Verify a certificate or a policy verdict offline and print its one page."""
    from pqvalidate.catalogue.entrance import asked  # noqa: PLC0415
    from pqvalidate.certificate import EXIT_CODES, summary  # noqa: PLC0415
    from pqvalidate.certificate import verify as verify_file  # noqa: PLC0415
    from pqvalidate.certificate.belief import pin_of, stamp_of  # noqa: PLC0415
    from pqvalidate.certificate.reading import is_verdict  # noqa: PLC0415

    moment = _as_of(given.as_of)
    delivery.refuse_early(given)
    if given.policy or given.dossier or given.service_life_until:  # judging is loaded for those who ask for it
        from pqvalidate import judging  # noqa: PLC0415

        judging.refuse_early(given.policy, given, _now())
    if is_verdict(Path(given.certificate)):
        from pqvalidate import judging  # noqa: PLC0415

        shown, code = judging.verified_verdict(given, moment)
        _print(delivery.printed(shown, given))
        return code
    found = verify_file(
        Path(given.certificate), Path(given.trust), artefacts=[Path(p) for p in given.artefact],
        as_of=moment, pin=pin_of(given), stamp=stamp_of(given),
    )  # fmt: skip
    found, add_status = asked(given, found, moment)
    page, code = summary(found), EXIT_CODES[found.decision]
    if given.policy and found.decision == "valid" and found.statement is not None:
        from pqvalidate import judging  # noqa: PLC0415

        shown, code = judging.verified_under(given, found.statement, page, _now())
    else:
        shown = delivery.certificate(page, given)
    _print(delivery.printed(add_status(shown), given))
    return code


def catalogue(given: argparse.Namespace) -> int:
    """Publish, withdraw, supersede or suspend certificates, or ask for the status of one."""
    from pqvalidate.catalogue.entrance import act  # noqa: PLC0415

    return _shown(*act(given, _as_of(getattr(given, "as_of", None))))


def roles(given: argparse.Namespace) -> int:
    """Make keys, trust files and time stamps."""
    from pqvalidate.roles import verbs  # noqa: PLC0415

    _print(verbs.VERBS[given.verb](given, _now()))
    return 0


def acvp(given: argparse.Namespace) -> int:
    """Make ACVP prompt files, or judge the answers to them."""
    from pqvalidate import judging  # noqa: PLC0415
    from pqvalidate.acvp import verbs  # noqa: PLC0415

    if given.action == "emit":
        _print(verbs.make_files(given))
        return 0
    judging.refuse_early([given.policy], given, _now())
    evidence, failures, folder = verbs.judge_answers(given, _command())
    return _judged(evidence, failures, given, folder, evidence.facts.subject.name)


def claims(given: argparse.Namespace) -> int:
    """Check a claims file."""
    from pqvalidate.claiming import check  # noqa: PLC0415

    return _shown(*check(given, _now()))


def bench(given: argparse.Namespace) -> int:
    """Time implementations beside each other."""
    from pqvalidate.bench.verb import bench as measure  # noqa: PLC0415

    return _shown(*measure(given))


def init(given: argparse.Namespace) -> int:
    """Write a starter folder and say what to do next."""
    from pqvalidate.starter import make_starter  # noqa: PLC0415

    folder = make_starter(given.language, given.name, Path())
    _print(
        f"{folder}/README.md says how to build it; then:\n  cd {folder}\n  pqvalidate run {given.name} --depth quick\n"
    )
    return 0


def vendors(given: argparse.Namespace) -> int:
    """List the built-in implementations."""
    from pqvalidate.inventory import vendors as listing  # noqa: PLC0415

    _print(listing(given.format))
    return 0


def harness_check(given: argparse.Namespace) -> int:
    """Check that a program keeps the harness protocol; 0 if it does, 1 if not."""
    from pqvalidate.harness_check import check_harness  # noqa: PLC0415

    checked = check_harness(given.manifest)
    if given.format == "json":
        _print_json(checked.document())
    else:
        _print(checked.text())
    return 0 if checked.keeps_the_protocol else 1


def explain(given: argparse.Namespace) -> int:
    """Explain a name, or list what can be explained."""
    from pqvalidate.explanations import explanation, names  # noqa: PLC0415

    _print(explanation(given.name) if given.name else names())
    return 0


def profile_check(given: argparse.Namespace) -> int:
    """Check a policy profile for its author."""
    from pqvalidate import judging  # noqa: PLC0415

    _print(judging.check_profile(given.profile, _now().date().isoformat()))
    return 0


def doctor(given: argparse.Namespace) -> int:
    """Check this installation; 0 if all is well, 3 if a control is misjudged, 4 if a vector file is damaged."""
    from pqvalidate.diagnosis import diagnose  # noqa: PLC0415

    found = diagnose(mutants=given.mutants)
    if given.format == "json":
        _print_json(msgspec.to_builtins(found))
    else:
        _print(found.text())
    return found.exit_code()


def _selection(given: argparse.Namespace, earlier: Opening | None) -> Selection:
    import secrets  # noqa: PLC0415  (only what draws a seed)

    from pqvalidate.planner import Selection  # noqa: PLC0415

    if bool(given.exclude) != bool(given.because.strip()):
        raise UsageError("--exclude CHECK and --because TEXT go together: say why a check is left out")
    seed = given.seed or (earlier.plan.seed if earlier else secrets.token_hex(16))
    if not _HEX.fullmatch(seed):
        raise UsageError(f"--seed {seed!r} is not hex: 2 to 128 lower-case digits, an even number of them")
    return Selection(
        depth=given.depth or (earlier.plan.depth if earlier else "standard"), seed=seed,
        parameter_sets=tuple(given.parameter_set), only=tuple(given.only), case=given.case, cases=given.cases,
        excluded=dict.fromkeys(given.exclude, given.because.strip()),
    )  # fmt: skip


def _earlier(given: argparse.Namespace) -> Opening | None:
    """Return the opening of the run to go on with, whose seed and depth are then taken over."""
    from pqvalidate.bundle import opening_to_resume  # noqa: PLC0415

    if not given.resume:
        return None
    if not given.out:
        raise UsageError("--resume needs --out with the folder of the interrupted run")
    return opening_to_resume(Path(given.out))


def _default_folder(given: argparse.Namespace, seed: str) -> Path:
    """Return ./pqvalidate-runs/NAME-SEED; a replay of one case takes the next free folder beside it."""
    folder = Path("pqvalidate-runs", f"{_slug(given.iut)}-{seed}")
    number = 1
    while given.case and folder.exists():
        number += 1
        folder = folder.with_name(f"{_slug(given.iut)}-{seed}-replay-{number}")
    return folder


def _command() -> tuple[str, ...]:
    return tuple(word.encode("utf-8", "backslashreplace").decode() for word in sys.argv[1:])


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).stem) or "run"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _as_of(text: str | None) -> datetime:
    """Return the end of the day that was named, in UTC, or now."""
    if text is None:
        return _now()
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"--as-of {text!r} is not a date; write it as YYYY-MM-DD") from None
    return day + timedelta(hours=23, minutes=59, seconds=59)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Show a bar with the time left on standard error if that is a terminal; say nothing otherwise."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    columns = (
        progress.BarColumn(28),
        progress.MofNCompleteColumn(),
        progress.TextColumn("cases, left"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.description}"),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def tell(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield tell


def _shown(page: str, code: int) -> int:
    _print(page)
    return code


def _print(text: str) -> None:
    """Write to standard output; that its reader has left does not change what the command has found out."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has nowhere to go
        if not isinstance(error, BrokenPipeError):
            raise UsageError(f"cannot write to standard output: {error.strerror}") from None


def _print_json(value: Any) -> None:  # noqa: ANN401  (any JSON value)
    _print(msgspec.json.format(msgspec.json.encode(value), indent=1).decode())


VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": run, "plan": plan, "judge": judge, "cbom": cbom, "certify": certify, "verify": verify, "keygen": roles,
    "trust": roles, "timestamp": roles, "acvp": acvp, "bench": bench, "init": init, "harness-check": harness_check,
    "vendors": vendors, "explain": explain, "doctor": doctor, "profile-check": profile_check,
    "publish": catalogue, "withdraw": catalogue, "supersede": catalogue, "suspend": catalogue, "status": catalogue,
    "claims": claims,
}  # fmt: skip
