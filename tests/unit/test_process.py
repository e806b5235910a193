"""The child process: what it inherits, how its end is told, and that nothing of it stays."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pqvalidate.adapters.process import ChildProcess, python_worker


@contextmanager
def child(code: str, **environment: str) -> Iterator[ChildProcess]:
    process = ChildProcess([sys.executable, "-I", "-c", f"import os, sys, time\n{code}", "{fd}"], environment)
    try:
        yield process
    finally:
        process.end()


def ended(process: ChildProcess) -> str:
    """Wait for the end and describe it; a child that does not end within 20 s fails the test."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if process.wait_readable(until - time.monotonic())[2]:
            return process.how_it_ended()
    raise TimeoutError


def said(code: str, **environment: str) -> str:
    with child(code, **environment) as process:
        assert ended(process) == "exited with status 0 without a reply"
        return process.log_tail().strip()


@pytest.mark.parametrize(
    ("code", "how", "outside"),
    [
        ("os._exit(0)", "exited with status 0 without a reply", False),
        ("sys.exit(3)", "exited with status 3 without a reply", False),
        ("os.abort()", "killed by SIGABRT", False),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL", True),
        ("os.kill(os.getpid(), 15)", "killed by SIGTERM", True),
        ("os.kill(os.getpid(), 40)", "killed by signal 40", False),
    ],
)
def test_the_end_of_a_child_is_told_by_status_and_signal(code: str, how: str, *, outside: bool) -> None:
    with child(code) as process:
        assert ended(process) == how
        assert process.killed_from_outside() is outside


def test_a_child_that_hangs_up_and_lives_is_told_apart() -> None:
    with child("os.close(int(sys.argv[1])); time.sleep(60)") as process:
        assert process.wait_readable(20)[0]
        assert process.how_it_ended() == "closed its end of the connection"
        assert not process.killed_from_outside()


def test_the_child_sees_no_variable_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PQV_TEST_SECRET", "x")
    names = said("print(*sorted(os.environ))", GIVEN="1").split()
    assert set(names) - {"LC_CTYPE"} == {"GIVEN", "HOME", "LANG", "PATH", "PQVALIDATE_CHILD", "TMPDIR"}


def test_given_variables_replace_path_but_not_the_scratch_folder_or_the_mark() -> None:
    seen = said(
        "print(os.environ['PATH'], os.environ['HOME'], os.environ['PQVALIDATE_CHILD'])",
        PATH="/given", HOME="/given", PQVALIDATE_CHILD="given",
    ).split()  # fmt: skip
    assert seen[0] == "/given"
    assert "/given" not in seen[1:]
    assert "given" not in seen[2]


def test_the_child_has_the_private_socket_and_no_other_descriptor() -> None:
    with tempfile.TemporaryFile() as secret:
        os.set_inheritable(secret.fileno(), True)
        seen = said("print(*[n for n in range(3, 256) if os.path.exists(f'/proc/self/fd/{n}')], sys.argv[1])").split()
    assert seen == [seen[-1], seen[-1]]


def test_the_child_leads_a_session_of_its_own_and_reads_nothing() -> None:
    assert said("print(os.getsid(0) == os.getpid(), sys.stdin.read() == '')") == "True True"


def test_the_child_works_in_a_scratch_folder_that_goes_with_it() -> None:
    with child("open('left', 'w').close(); os.mkdir('a'); open('a/b', 'w').close(); print(os.getcwd())") as process:
        ended(process)
        folder = Path(process.log_tail().strip())
        assert (folder / "a" / "b").is_file()
    assert not folder.exists()


def test_prints_without_end_block_nobody_and_the_last_of_them_are_kept() -> None:
    code = "for n in range(3000): os.write(1, b'x' * 4096)\nos.write(2, b'the last line')"
    with child(code) as process:
        assert ended(process) == "exited with status 0 without a reply"
        tail = process.log_tail()
    assert tail.endswith("xthe last line")
    assert len(tail) <= 4096


def test_a_child_that_closes_its_log_is_still_watched() -> None:
    with child("os.close(1); os.close(2); time.sleep(0.3)") as process:
        assert ended(process) == "exited with status 0 without a reply"


LEFTOVERS = {
    "a child of its own": "os.fork() or time.sleep(60)",
    "one in another process group": "os.fork() or (os.setpgid(0, 0), time.sleep(60))",
    "one in another session": "os.fork() or (os.setsid(), time.sleep(60))",
    "one whose parent is gone, too": "os.fork() or (os.setsid(), os.fork() and os._exit(0)) and time.sleep(60)",
    "a program without environment": "os.fork() or (os.setsid(), os.execve('/bin/sleep', ['sleep', '60'], {}))",
}


@pytest.mark.parametrize("code", LEFTOVERS.values(), ids=LEFTOVERS)
def test_whatever_the_child_started_ends_with_it(code: str) -> None:
    with child(f"{code}\nos.write(int(sys.argv[1]), b'x')\nos._exit(0)") as process:
        ended(process)
        until = time.monotonic() + 20
        while len(living := works_in(process.scratch.name)) != 1 and time.monotonic() < until:
            time.sleep(0.01)
    assert len(living) == 1
    assert not any(Path(f"/proc/{pid}/cwd").exists() for pid in living if not is_gone(pid))


CHAIN = """
end = time.monotonic() + 5
if os.fork():
    os._exit(0)
os.setsid()
os.chdir('/')
file = os.open(os.environ['BEAT'], os.O_WRONLY | os.O_CREAT)
while time.monotonic() < end:
    os.pwrite(file, b'%20d' % os.getpid(), 0)
    time.sleep(0.001)
    if os.fork():
        os._exit(0)
"""


@pytest.mark.parametrize("again", range(3))
def test_a_chain_of_processes_each_of_which_starts_the_next_and_ends_is_caught(again: int, tmp_path: Path) -> None:
    beat = tmp_path / f"beat {again}"
    with child(CHAIN, BEAT=str(beat)) as process:
        ended(process)
        time.sleep(0.2)
        alive = beat.read_bytes()
        time.sleep(0.1)
        assert beat.read_bytes() != alive
    still = beat.read_bytes()
    time.sleep(0.2)
    assert beat.read_bytes() == still


def works_in(folder: str) -> list[int]:
    found = []
    for pid in (int(name.name) for name in Path("/proc").iterdir() if name.name.isdigit()):
        try:
            if os.readlink(f"/proc/{pid}/cwd") == folder:  # noqa: PTH115
                found.append(pid)
        except OSError:
            continue
    return found


def is_gone(pid: int) -> bool:
    """A process that nobody has waited for yet is a zombie (Z); it runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_program_that_is_not_there_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(FileNotFoundError):
        ChildProcess([str(tmp_path / "no such program")], {})
    assert list(tmp_path.iterdir()) == []
    assert len(set(Path("/proc/self/fd").iterdir())) == len(before)


def test_starting_and_ending_leaves_no_descriptor_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with child("print('x')"):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_without_a_pidfd_the_end_is_seen_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object) -> int:
        raise OSError

    monkeypatch.setattr(os, "pidfd_open", unavailable)
    with child("os._exit(5)") as process:
        assert ended(process) == "exited with status 5 without a reply"


def test_the_worker_ends_by_itself_when_its_host_is_gone() -> None:
    process = python_worker({})
    process.channel.close()
    try:
        assert ended_alone(process) == "exited with status 0 without a reply"
        assert process.log_tail() == ""
    finally:
        process.end()


def ended_alone(process: ChildProcess) -> str:
    until = time.monotonic() + 20
    while (how := process.how_it_ended()) == "closed its end of the connection" and time.monotonic() < until:
        continue
    return how
