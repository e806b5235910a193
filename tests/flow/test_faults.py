"""Vendor code that breaks at one case: the run completes, the fault belongs to that case, and nothing stays behind."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pqvalidate as pqv
from pqvalidate.adapters.sandbox_paths import SandboxMode
from pqvalidate.evidence import CaseRecord, Evidence, check_evidence
from pqvalidate.planner import Planned, Selection, make_plan
from pqvalidate.runner import LOSS_LIMIT, run
from pqvalidate.verdict import judge

MANIFEST = Path(__file__).parent / "faulty_vendor" / "vendor.toml"
CHECK = "ml-kem/kat-decapsulate-seed"
CHECKS = ("ml-kem/kat-keygen", CHECK, "ml-kem/ek-modulus")
SEED = "5eed"

# What the vendor does at one case: the kind of fault, and what the record says about it.
FAULTS = {
    "segmentation fault": ("crash", "SIGSEGV"),
    "abort": ("crash", "SIGABRT"),
    "stack overflow": ("crash", "SIGSEGV"),
    "endless recursion": ("exception", "RecursionError"),
    "sys.exit(0)": ("crash", "SystemExit: 0"),
    "os._exit(0)": ("crash", "exited with status 0 without a reply"),
    "endless loop": ("timeout", "no reply within 2 s"),
    "endless loop that ignores all signals": ("timeout", "no reply within 2 s"),
    "stops itself": ("timeout", "no reply within 2 s"),
    "kills itself by SIGKILL": ("crash", "SIGKILL"),
    "kills itself by SIGTERM": ("crash", "SIGTERM"),
    "interrupts itself": ("crash", "SIGINT"),
    "takes all memory and keeps it": ("crash", "MemoryError"),
    "takes all memory in C": ("crash", "SIGSEGV"),
    "closes all descriptors": ("crash", "exited with status 1"),
    "closes all descriptors and waits": ("crash", "closed its end of the connection"),
    "fork bomb": ("timeout", "no reply within 2 s"),
    "file of 256 MiB": ("exception", "File too large"),
    "frame of garbage": ("protocol", "not MessagePack"),
    "text instead of a frame": ("protocol", "announces 1347703880 bytes"),
    "oversized frame": ("protocol", "announces 2147483648 bytes"),
    "frame that holds a list": ("protocol", "holds no map"),
    "frame with an impossible key": ("protocol", "not MessagePack"),
    "truncated frame, then exit": ("crash", "exited with status 0 without a reply"),
    "truncated frame, then waiting": ("timeout", "no reply within 2 s"),
    "slow drip": ("timeout", "no reply within 2 s"),
    "flood of frames": ("protocol", "carries id 0"),
    "reply with a wrong id": ("protocol", "carries id"),
    "reply with an id that is a list": ("protocol", "carries id [1]"),
    "two replies": ("protocol", "a second reply"),
    "reply that says nothing": ("protocol", "neither ok, rejected nor error"),
    "reply without outputs": ("protocol", "where k is expected"),
    "reply with a number for bytes": ("protocol", "type int as k"),
    "reply with nested replies": ("protocol", "where k is expected"),
    "BaseException": ("exception", "Panic: panicked"),
    "GeneratorExit": ("exception", "GeneratorExit"),
    "SystemExit of its own": ("crash", "Quit: 0"),
    "KeyboardInterrupt": ("crash", "KeyboardInterrupt"),
    "exception that cannot be printed": ("exception", "UnspeakableError"),
    "exception with control characters": ("exception", "RuntimeError: [2J gone"),
    "waits for input": ("exception", "EOFError"),
    "returns None": ("exception", "type NoneType"),
    "returns text": ("exception", "type str"),
    "returns a number": ("exception", "type int"),
    "returns a pair": ("exception", "a tuple of 2"),
    "returns a view that cannot be read": ("exception", "cannot be read"),
    "returns 10 MiB": ("protocol", "10485760 bytes as k"),
}

# Unusual but no fault: the answer is right, so the case passes, and nothing else may suffer.
ODDITIES = (
    "leaves a daemon",
    "leaves a program without environment",
    "forks and returns twice",
    "folders nested 1100 deep",
    "prints 20 MiB",
    "replaces standard output",
    "exit hook that hangs",
    "threads that never end",
    "changes its surroundings",
    "looks for secrets",
)


@dataclass(frozen=True)
class Chosen:
    """A plan and the case of it at which the vendor breaks."""

    planned: Planned
    case: str
    at: str


@pytest.fixture(scope="module")
def chosen() -> Chosen:
    with pqv.attach(MANIFEST) as iut:
        planned = make_plan(iut.subject, Selection(depth="quick", seed=SEED, only=CHECKS))
    cases: list[Any] = next(list(task.cases) for task in planned.tasks if task.check.name == CHECK)
    case = cases[len(cases) // 2]
    return Chosen(planned, case.id, hashlib.sha256(case.inputs["c"]).hexdigest())


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the vendor's processes a mark, and a temporary folder to be found empty; see afterwards that all is gone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    number = "".join(secrets.choice("123456789") for _ in range(15))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("PQV_FAULT_TOKEN", number)
    monkeypatch.setenv("PQV_FAULT_FILE", str(tmp_path / "file"))
    monkeypatch.setenv("PQV_TEST_SECRET", "not for the vendor")
    yield number
    files = list(folder.iterdir())
    subprocess.run(["rm", "-rf", *files], check=True)  # what nests too deeply for pytest must not stay for it
    assert left_behind(number) == []
    assert files == []


def left_behind(number: str) -> list[str]:
    """Return the processes that carry the mark in their environment or command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes()
                if number.encode() in (folder / "environ").read_bytes() + command:
                    found.append(f"{folder.name}: {command!r}")
    return found


def carried_out(chosen: Chosen, sandbox: SandboxMode = "auto") -> tuple[Evidence, list[CaseRecord]]:
    with pqv.attach(MANIFEST, sandbox=sandbox) as iut:
        return run(iut, chosen.planned, iut.subject, None)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_belongs_to_its_case_and_the_rest_of_the_plan_is_done(
    fault: str, chosen: Chosen, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQV_FAULT", fault)
    monkeypatch.setenv("PQV_FAULT_AT", chosen.at)
    evidence, failures = carried_out(chosen)
    kind, said = FAULTS[fault]
    assert [(record.case, record.fault) for record in failures] == [(chosen.case, kind)], (token, failures)
    assert said in failures[0].why
    assert failures[0].why.isprintable()
    asked = [
        (step, result)
        for step, result in zip(evidence.facts.plan.steps, evidence.facts.results, strict=True)
        if not step.reason
    ]
    assert [step.check for step, _ in asked] == list(CHECKS)
    assert [result.outcome for _, result in asked] == ["pass", "fail", "pass"]
    assert all(result.passed + result.failed == step.cases for step, result in asked)
    assert check_evidence(evidence) is None
    assert judge(evidence).decision == "does-not-conform"


@pytest.mark.parametrize("oddity", ODDITIES)
def test_what_is_odd_but_right_passes_and_leaves_nothing_behind(
    oddity: str, chosen: Chosen, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQV_FAULT", oddity)
    monkeypatch.setenv("PQV_FAULT_AT", chosen.at)
    evidence, failures = carried_out(chosen)
    assert failures == [], token
    assert evidence.circumstances.worker_restarts == 0


def test_a_forged_reply_on_standard_output_does_not_stand_in_for_the_wrong_one(
    chosen: Chosen, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQV_FAULT", "wrong answer with a forged reply on standard output")
    monkeypatch.setenv("PQV_FAULT_AT", chosen.at)
    _, failures = carried_out(chosen)
    assert [(record.case, record.fault) for record in failures] == [(chosen.case, "")], token
    assert "differs" in failures[0].why


def test_the_marks_by_which_leftovers_are_found_do_find_them(
    chosen: Chosen, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQV_FAULT", "leaves a daemon")
    monkeypatch.setenv("PQV_FAULT_AT", chosen.at)
    with pqv.attach(MANIFEST) as iut:
        case = next(
            case
            for task in chosen.planned.tasks
            for case in task.cases
            if task.check.name == CHECK and case.id == chosen.case
        )
        iut.ask([pqv.Call(operation=case.operation, parameter_set="ML-KEM-768", inputs=case.inputs)])
        time.sleep(1)  # until the daemon has found its place
        assert len(left_behind(token)) == 2  # the worker and the daemon
    assert left_behind(token) == []


def test_a_process_killed_from_outside_changes_no_fact(
    chosen: Chosen, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQV_FAULT", "waits once")
    monkeypatch.setenv("PQV_FAULT_AT", chosen.at)
    place = tmp_path / "file"

    def kill() -> None:
        while not place.exists():
            time.sleep(0.01)
        os.kill(int(place.read_text()), 9)

    place.write_text("0")
    undisturbed, _ = carried_out(chosen, "off")  # it says where it is in a file that its next process still finds
    place.unlink()
    killer = threading.Thread(target=kill)
    killer.start()
    disturbed, failures = carried_out(chosen, "off")
    killer.join()
    assert failures == [], token
    assert (undisturbed.circumstances.worker_restarts, disturbed.circumstances.worker_restarts) == (0, 1)
    assert disturbed.facts_digest == undisturbed.facts_digest


@pytest.mark.parametrize(
    ("fault", "kind"), [("abort", "crash"), ("oversized frame", "protocol"), ("sys.exit(0)", "crash")]
)
def test_a_step_is_given_up_after_so_many_lost_processes_and_has_failed(
    fault: str, kind: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQV_FAULT", fault)
    monkeypatch.setenv("PQV_FAULT_AT", "every")
    with pqv.attach(MANIFEST) as iut:
        planned = make_plan(iut.subject, Selection(depth="standard", seed=SEED, only=CHECKS))
        evidence, failures = run(iut, planned, iut.subject, None)
    number = next(number for number, step in enumerate(planned.plan.steps) if step.check == CHECK)
    step, result = planned.plan.steps[number], evidence.facts.results[number]
    assert step.cases > LOSS_LIMIT
    assert (result.outcome, result.failed, result.faults) == ("fail", LOSS_LIMIT, LOSS_LIMIT), token
    assert (result.passed, result.not_run) == (0, step.cases - LOSS_LIMIT)
    assert "given up" in result.why
    assert {record.fault for record in failures} == {kind}
    assert [r.outcome for s, r in zip(planned.plan.steps, evidence.facts.results, strict=True) if not s.reason] == [
        "pass", "fail", "pass",
    ]  # fmt: skip
    assert judge(evidence).decision == "does-not-conform"


def test_an_implementation_that_does_not_start_again_has_failed_what_is_left(
    chosen: Chosen, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQV_FAULT", "never starts again")
    monkeypatch.setenv("PQV_FAULT_AT", chosen.at)
    evidence, failures = carried_out(chosen, "off")  # it leaves a file that its next process finds
    assert {record.fault for record in failures} == {"crash"}, token
    assert failures[0].case == chosen.case
    assert all("exited with status 7" in record.why for record in failures[1:])
    outcomes = [result.outcome for result in evidence.facts.results if result.passed + result.failed + result.errors]
    assert outcomes == ["pass", "fail", "fail"]
    assert check_evidence(evidence) is None


def test_a_check_of_one_case_and_many_calls_has_failed_and_is_no_error_of_ours(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQV_FAULT", "abort")
    monkeypatch.setenv("PQV_FAULT_AT", "every")
    with pqv.attach(MANIFEST) as iut:
        planned = make_plan(iut.subject, Selection(depth="quick", seed=SEED))
        evidence, _ = run(iut, planned, iut.subject, None)
    steps = zip(planned.plan.steps, evidence.facts.results, strict=True)
    outcomes = {step.check: (result.outcome, result.why) for step, result in steps if not step.reason}
    assert outcomes["ml-kem/order"][0] == "fail", token
    assert not [check for check, (outcome, _) in outcomes.items() if outcome == "error"]
    assert judge(evidence).decision == "does-not-conform"
