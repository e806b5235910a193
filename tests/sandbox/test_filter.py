"""The filters decide as intended on every machine that has one: read here by an interpreter of their own language."""

from __future__ import annotations

import errno
import platform
import re
import struct
import subprocess

import pytest

from pqvalidate.adapters import sandbox_filter

ALLOWED = 0
CLONE_THREAD = 0x00010000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003, "arm": 0x40000028}
OLDER = {"x86_64": "i386", "aarch64": "arm"}

# Numbers of system calls by machine, for the table of cases; the headers of the kernel confirm them below.
NUMBERS = {
    "x86_64": {"socket": 41, "connect": 42, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "ptrace": 101,
               "unshare": 272, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "seccomp": 317,
               "execveat": 322, "io_uring_setup": 425, "clone3": 435, "read": 0, "socketpair": 53, "mmap": 9},
    "aarch64": {"socket": 198, "connect": 203, "clone": 220, "execve": 221, "ptrace": 117, "unshare": 97, "setns": 268,
                "process_vm_readv": 270, "process_vm_writev": 271, "seccomp": 277, "execveat": 281,
                "io_uring_setup": 425, "clone3": 435, "read": 63, "socketpair": 199, "mmap": 222},
    "i386": {"socketcall": 102, "socket": 359, "io_uring_setup": 425, "read": 3, "execve": 11},
    "arm": {"socket": 281, "io_uring_setup": 425, "read": 3, "execve": 11},
}  # fmt: skip


def decided(lines: list[tuple[int, int, int, int]], machine: str, call: str | int, argument: int = 0) -> int:
    """Return what the filter answers to a call: 0 if it is allowed, else the number of the error."""
    number = NUMBERS[machine][call] if isinstance(call, str) else call
    data = struct.pack("<IIQQ", number, ARCHITECTURES[machine], 0xFFFF0000FFFF, argument)
    held, at = 0, 0
    while True:
        code, if_true, if_false, value = lines[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("<I", data, value)
        elif code == 0x06:
            return ALLOWED if value == 0x7FFF0000 else value - 0x00050000
        else:
            true = {0x15: held == value, 0x45: bool(held & value), 0x35: held >= value}[code]
            at += if_true if true else if_false


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(platform, "machine", lambda: request.param)
    monkeypatch.setattr("sys.platform", "linux")
    return str(request.param)


def test_a_program_makes_all_sockets_but_those_that_get_round_its_network(machine: str) -> None:
    lines = sandbox_filter.sockets_refused([sandbox_filter.UNIX, sandbox_filter.VSOCK])
    assert lines
    for family, answer in ((1, errno.EPERM), (2, ALLOWED), (10, ALLOWED), (16, ALLOWED), (38, ALLOWED), (40, 1)):
        assert decided(lines, machine, "socket", family) == answer
        assert decided(lines, machine, "socket", family | 1 << 32) == answer, "the kernel takes the lower half only"
    assert decided(lines, machine, "io_uring_setup") == errno.EPERM
    for call in ("read", "socketpair", "connect", "execve", "clone", "clone3", "ptrace", "mmap"):
        assert decided(lines, machine, call, 1) == ALLOWED


def test_without_a_network_of_its_own_it_gets_no_socket_of_the_internet(machine: str) -> None:
    lines = sandbox_filter.sockets_refused([1, 40, sandbox_filter.INTERNET, sandbox_filter.INTERNET_6])
    assert lines
    assert [decided(lines, machine, "socket", family) for family in (1, 2, 10, 40, 16)] == [1, 1, 1, 1, ALLOWED]


def test_a_program_of_the_older_machine_runs_and_gets_no_socket_at_all(machine: str) -> None:
    lines, older = sandbox_filter.sockets_refused([1]), OLDER[machine]
    assert lines
    for call, answer in (("socket", 1), ("io_uring_setup", 1), ("read", ALLOWED), ("execve", ALLOWED)):
        assert decided(lines, older, call, 2) == answer
    if older == "i386":
        assert decided(lines, older, "socketcall", 1) == errno.EPERM


@pytest.mark.parametrize("forks", [False, True])
@pytest.mark.parametrize("network", [False, True])
def test_a_library_computes_and_starts_threads(machine: str, *, forks: bool, network: bool) -> None:
    lines = sandbox_filter.library_calls_refused(forks=forks, network=network)
    assert lines
    never = {"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "unshare", "setns",
             "io_uring_setup"}  # fmt: skip
    assert {decided(lines, machine, call) for call in never} == {errno.EPERM}
    assert {decided(lines, machine, call, 2) for call in ("socket", "connect")} == {ALLOWED if network else 1}
    assert decided(lines, machine, "clone", CLONE_THREAD | 0x100) == ALLOWED
    assert decided(lines, machine, "clone", 17) == (ALLOWED if forks else errno.EPERM)
    assert decided(lines, machine, "clone3") == (ALLOWED if forks else errno.ENOSYS)
    if machine == "x86_64":
        assert {decided(lines, machine, call) for call in ("fork", "vfork")} == {ALLOWED if forks else 1}
    assert {decided(lines, machine, call) for call in ("read", "mmap", "socketpair", "seccomp")} == {ALLOWED}
    assert decided(lines, OLDER[machine], "read") == errno.EPERM


def test_the_second_table_of_numbers_on_the_same_machine_is_closed(machine: str) -> None:
    programs = sandbox_filter.sockets_refused([1]), sandbox_filter.library_calls_refused(forks=True, network=True)
    for lines in programs:
        assert lines
        assert decided(lines, machine, 0x40000000 | 41) == errno.EPERM


def test_a_machine_whose_numbers_are_not_known_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert sandbox_filter.sockets_refused([1]) is None
    assert sandbox_filter.library_calls_refused(forks=False, network=False) is None
    assert sandbox_filter.refuse(None) is False


@pytest.mark.needs("gcc")
@pytest.mark.parametrize(
    ("machine", "header"),
    [("aarch64", "asm-generic/unistd.h"), ("x86_64", "asm/unistd_64.h"), ("i386", "asm/unistd_32.h")],
)
def test_the_numbers_are_those_of_the_headers_of_the_kernel(machine: str, header: str) -> None:
    if header.startswith("asm/") and platform.machine() != "x86_64":
        pytest.skip("this machine has no headers of x86")
    source = f"#define __ARCH_WANT_SYS_CLONE3\n#include <{header}>\n"
    done = subprocess.run(["gcc", "-E", "-dM", "-"], input=source, capture_output=True, text=True, check=True)
    found = {m[1]: int(m[2]) for m in re.finditer(r"#define __NR3?(?:264)?_(\w+) (\d+)$", done.stdout, re.MULTILINE)}
    assert {call: found.get(call) for call in NUMBERS[machine] if call != "mmap"} == {
        call: number for call, number in NUMBERS[machine].items() if call != "mmap"
    }
