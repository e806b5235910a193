"""Nothing is lost when a run is cut off: by Ctrl-C, by a kill at any moment, by a full disk, by a second run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import pqvalidate as pqv
from tests.cli.command import COMMAND, SEED, OnTerminal, document, environment, pqvalidate, succeeded, with_planted

CHECKS = (
    "kat-keygen",
    "kat-decapsulate",
    "implicit-rejection",
    "dk-hash",
    "ek-length",
    "ek-modulus",
    "encapsulate-oracle",
)
SAME = ("--parameter-set", "ML-KEM-512", *(word for check in CHECKS for word in ("--only", f"ml-kem/{check}")))
SLOW = ("kyber-py", "--depth", "quick", "--seed", SEED, *SAME)
"""Pure Python, so that there is time to interfere; a few checks, so that there is not too much of it."""
FULL_CASES = """
import resource, pqvalidate.runner as runner
real = runner.carry_out
def shrinking(*arguments):
    for number, records in enumerate(real(*arguments)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        yield records
runner.carry_out = shrinking
"""
"""From the first records on, no file may grow beyond 3000 bytes."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pqv.Evidence:
    out = tmp_path_factory.mktemp("undisturbed") / "b"
    succeeded("run", *SLOW, "--out", out, code=3)  # undecided: only one of the claimed sets is examined
    return pqv.read_evidence(out)


def resume(out: Path) -> pqv.Evidence:
    done = pqvalidate("run", *SLOW, "--out", out, "--resume")
    assert done.returncode == 3, done.stderr
    return pqv.read_evidence(out)


def when(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)


def lines(out: Path) -> int:
    path = out / "cases.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else -1


def start(out: Path) -> subprocess.Popen[bytes]:
    command = [*COMMAND, "run", *SLOW, "--out", str(out)]
    return subprocess.Popen(
        command, env=environment(TMPDIR=str(out.parent)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def test_ctrl_c_leaves_a_readable_bundle_and_resume_gives_the_same_facts(
    undisturbed: pqv.Evidence, tmp_path: Path
) -> None:
    out = tmp_path / "b"
    terminal = OnTerminal("run", *SLOW, "--out", out)
    while lines(out) < 20 and terminal.read(0.01):
        pass
    terminal.interrupt()
    assert terminal.end() == 3
    assert "Traceback" not in terminal.shown
    assert "The run was interrupted" in terminal.shown
    assert "--resume" in terminal.shown

    evidence = pqv.read_evidence(out)
    assert evidence.status == "interrupted"
    assert "interrupted by the operator" in {row.why for row in evidence.facts.results}
    judged = succeeded("judge", out, "--format", "json", code=3)
    assert document(judged)["decision"] == "undecided"

    again = resume(out)
    assert again.status == "complete"
    assert again.facts_digest == undisturbed.facts_digest
    assert not [path.name for path in out.rglob(".*")]


def test_ctrl_c_while_the_controls_run_is_an_interruption_as_well(undisturbed: pqv.Evidence, tmp_path: Path) -> None:
    out = tmp_path / "b"
    code = (
        "import os, signal, pqvalidate.runner as runner\n"
        "real = runner.run_controls\n"
        "def pressed(planned):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    return real(planned)\n"
        "runner.run_controls = pressed\n"
    )
    done = with_planted(code, "run", *SLOW, "--out", out)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    evidence = pqv.read_evidence(out)
    assert (evidence.status, evidence.facts.controls) == ("interrupted", ())
    assert pqv.judge(evidence).decision == "undecided"
    assert resume(out).facts_digest == undisturbed.facts_digest


def test_an_interrupted_run_is_not_signed(tmp_path: Path) -> None:
    out = tmp_path / "b"
    terminal = OnTerminal("run", *SLOW, "--out", out)
    while lines(out) < 5 and terminal.read(0.01):
        pass
    terminal.interrupt()
    terminal.end()
    succeeded("keygen", "--out", tmp_path / "k")
    done = pqvalidate("certify", out, "--key", tmp_path / "k" / "signing-key.json", "--out", tmp_path / "c.json")
    assert done.returncode in {2, 4}
    assert "--resume" in done.stderr
    assert not (tmp_path / "c.json").exists()


def test_a_kill_at_any_moment_loses_nothing_that_was_finished(undisturbed: pqv.Evidence, tmp_path: Path) -> None:
    moments: list[tuple[str, Callable[[Path], bool]]] = [
        ("the folder is there", lambda out: out.exists()),
        ("the plan is there", lambda out: (out / "plan.json").exists()),
        ("a case is there", lambda out: lines(out) >= 1),
        ("thirty cases are there", lambda out: lines(out) >= 30),
        ("all cases are there", lambda out: lines(out) >= sum(step.cases for step in undisturbed.facts.plan.steps)),
        ("the evidence is being written", lambda out: any(out.glob(".evidence*"))),
    ]
    for number, (moment, reached) in enumerate(moments):
        out = tmp_path / str(number)
        process = start(out)
        when(lambda r=reached, o=out: r(o), process)  # type: ignore[misc]
        process.kill()
        process.wait()
        kept = lines(out)
        if (out / "evidence.json").exists():  # it was quicker than we were
            assert pqv.read_evidence(out).facts_digest == undisturbed.facts_digest
            continue
        assert resume(out).facts_digest == undisturbed.facts_digest, moment
        assert lines(out) >= kept
        assert not [path.name for path in out.rglob(".*")], moment


def test_a_killed_run_leaves_no_process_behind(tmp_path: Path) -> None:
    process = start(tmp_path / "b")
    when(lambda: lines(tmp_path / "b") >= 1, process)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    process.kill()
    process.wait()
    assert children, "the implementation runs in a process of its own"
    end = time.monotonic() + 10
    while (alive := [pid for pid in children if _runs(int(pid))]) and time.monotonic() < end:
        time.sleep(0.05)
    assert alive == []


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def half_done(tmp_path: Path) -> Path:
    """Return a run that was killed after some cases."""
    out = tmp_path / "half"
    process = start(out)
    when(lambda: lines(out) >= 10, process)
    process.kill()
    process.wait()
    return out


def test_a_torn_last_line_is_left_out_and_asked_again(undisturbed: pqv.Evidence, half_done: Path) -> None:
    with (half_done / "cases.jsonl").open("ab") as stream:
        stream.write(b'{"step":3,"case":"acvp/ML-KEM-encapDecap-FIPS203/1/1","outc')
    before = lines(half_done)
    assert resume(half_done).facts_digest == undisturbed.facts_digest
    rows = [json.loads(line) for line in (half_done / "cases.jsonl").read_text().splitlines()]
    assert len(rows) > before
    assert len(rows) == len({(row["step"], row["case"]) for row in rows}), "no case has two records"


def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(half_done: Path) -> None:
    path = half_done / "cases.jsonl"
    path.write_bytes(b"garbage\n" + path.read_bytes())
    done = pqvalidate("run", *SLOW, "--out", half_done, "--resume")
    assert done.returncode == 4
    assert "cases.jsonl: line 1" in done.stderr


@pytest.mark.parametrize(
    "other",
    [
        ("kyber-py", "--seed", "00", "--depth", "quick", *SAME),
        ("kyber-py", "--depth", "quick", "--parameter-set", "ML-KEM-512"),
        ("mlkem", "--depth", "quick", *SAME),
    ],
)
def test_a_run_is_resumed_only_as_it_was_begun(half_done: Path, other: tuple[str, ...]) -> None:
    before = (half_done / "cases.jsonl").read_bytes()
    done = pqvalidate("run", *other, "--out", half_done, "--resume")
    assert done.returncode == 2
    assert "was begun with another" in done.stderr
    assert (half_done / "cases.jsonl").read_bytes() == before


def test_seed_and_depth_are_taken_over_when_a_run_is_resumed(undisturbed: pqv.Evidence, half_done: Path) -> None:
    done = pqvalidate("run", "kyber-py", *SAME, "--out", half_done, "--resume")
    assert done.returncode == 3, done.stderr
    assert pqv.read_evidence(half_done).facts_digest == undisturbed.facts_digest


def test_resuming_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    done = pqvalidate("run", *SLOW, "--out", tmp_path / "none", "--resume")
    assert done.returncode == 2
    assert "leave out --resume to begin" in done.stderr
    assert not (tmp_path / "none").exists()


def test_two_runs_cannot_write_to_one_folder(undisturbed: pqv.Evidence, tmp_path: Path) -> None:
    out = tmp_path / "b"
    process = start(out)
    when(lambda: lines(out) >= 1, process)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        assert "never overwritten" in succeeded("run", *SLOW, "--out", out, code=2).stderr
        assert "another run is writing" in succeeded("run", *SLOW, "--out", out, "--resume", code=2).stderr
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert process.wait(timeout=60) == 3
    assert pqv.read_evidence(out).facts_digest == undisturbed.facts_digest


@pytest.mark.parametrize("file", ["plan.json", "cases.jsonl", "evidence.json"])
def test_a_disk_that_fills_up_is_said_plainly_and_nothing_is_lost(
    undisturbed: pqv.Evidence, file: str, tmp_path: Path
) -> None:
    """A limit on the size of a file stands for the full disk: writing fails in the same way."""
    out = tmp_path / "b"
    whole = Path(undisturbed.circumstances.command[-1]) / file
    most = whole.stat().st_size - 1
    code = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n"
    done = with_planted(FULL_CASES if file == "cases.jsonl" else code, "run", *SLOW, "--out", out)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"pqvalidate: cannot write {out}"), done.stderr
    assert done.stderr.count("\n") == 1
    assert resume(out).facts_digest == undisturbed.facts_digest


def test_a_file_where_a_folder_is_wanted_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = pqvalidate("run", *SLOW, "--out", tmp_path / "file" / "b")
    assert done.returncode == 2
    assert "Not a directory" in done.stderr
