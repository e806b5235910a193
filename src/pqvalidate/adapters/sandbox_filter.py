"""Filters on system calls (Linux seccomp): which calls vendor code may not make, as programs for the kernel.

``refuse`` installs one in this process; what it starts inherits it, and nobody can take it off again. A refused call
returns EPERM, so code that can do without goes on. Standard library only: launchers run without site packages.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass

_SET_MODE_FILTER, _SPEC_ALLOW = 1, 4
"""SPEC_ALLOW: kernels before 5.16 slow a filtered process down otherwise, which would show in every measured time."""

_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_X32_BIT = 0x40000000

UNIX, INTERNET, INTERNET_6, VSOCK = 1, 2, 10, 40
"""Families of sockets. A network namespace does not hold back the first, by path, nor the last."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """Audit architecture and system call numbers of a machine, and those of the older one whose programs it runs."""

    architecture: int
    seccomp: int
    socket: int
    clone: int
    forks: tuple[int, ...]
    refused: tuple[int, ...]
    older: int
    older_sockets: tuple[int, ...]


_CLONE3, _IO_URING_SETUP = 435, 425
_MACHINES = {
    # refused: connect, execve, execveat, ptrace, process_vm_readv, process_vm_writev, unshare, setns
    "x86_64": _Machine(
        architecture=0xC000003E, seccomp=317, socket=41, clone=56, forks=(57, 58),
        refused=(42, 59, 322, 101, 310, 311, 272, 308), older=0x40000003, older_sockets=(102, 359),
    ),
    "aarch64": _Machine(
        architecture=0xC00000B7, seccomp=277, socket=198, clone=220, forks=(),
        refused=(203, 221, 281, 117, 270, 271, 97, 268), older=0x40000028, older_sockets=(281,),
    ),
}  # fmt: skip


def sockets_refused(families: Iterable[int]) -> list[tuple[int, int, int, int]] | None:
    """Return the filter for programs of any kind: no socket of these families and no io_uring, which gets round it.

    A pair of connected sockets (socketpair) stays allowed: runtimes use it between their own processes. A program of
    the older machine (32 bits) gets no socket at all. None where this machine's numbers are not known.
    """
    machine = _machine()
    if machine is None:
        return None
    unwanted = [line for family in families for line in _refuse_equal(family)]
    return [
        *_on_older(machine),
        *_number_is(_IO_URING_SETUP, [_refuse()]),
        *_number_is(machine.socket, [(_LOAD, 0, 0, _FIRST_ARGUMENT), *unwanted, _allow()]),
        _allow(),
    ]


def library_calls_refused(*, forks: bool, network: bool) -> list[tuple[int, int, int, int]] | None:
    """Return the filter for a C library: no sockets, no programs, no other processes, but threads.

    Args:
        forks: let it make copies of its process, because a check is about them.
        network: let it make sockets.

    """
    machine = _machine()
    if machine is None:
        return None
    numbers = [_IO_URING_SETUP, *machine.refused, *(() if network else (machine.socket,))]
    if network:
        numbers.remove(machine.refused[0])
    lines = [line for number in numbers for line in _number_is(number, [_refuse()])]
    if not forks:
        lines += [line for number in machine.forks for line in _number_is(number, [_refuse()])]
        # The flags of clone3 are in memory, where no filter looks; told that it is absent, C libraries use clone.
        lines += _number_is(_CLONE3, [_refuse(errno.ENOSYS)])
        is_thread = [(_LOAD, 0, 0, _FIRST_ARGUMENT), (_JUMP_SET, 1, 0, _CLONE_THREAD), _refuse(), _allow()]
        lines += _number_is(machine.clone, is_thread)
    return [*_only_native(machine), *lines, _allow()]


def refuse(lines: list[tuple[int, int, int, int]] | None) -> bool:
    """Install a filter in this process for good; return whether the kernel took it. Needs no-new-privileges."""
    machine = _machine()
    if lines is None or machine is None:
        return False
    code = b"".join(struct.pack("HBBI", *line) for line in lines)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(machine.seccomp, _SET_MODE_FILTER, _SPEC_ALLOW, program)) == 0


def _machine() -> _Machine | None:
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        return None
    return _MACHINES.get(platform.machine())


def _only_native(machine: _Machine) -> list[tuple[int, int, int, int]]:
    """Begin a filter that refuses every call by the numbers of another machine."""
    return [
        (_LOAD, 0, 0, _ARCHITECTURE), (_JUMP_EQUAL, 1, 0, machine.architecture), _refuse(),
        (_LOAD, 0, 0, _NUMBER), (_JUMP_AT_LEAST, 0, 1, _X32_BIT), _refuse(),
    ]  # fmt: skip


def _on_older(machine: _Machine) -> list[tuple[int, int, int, int]]:
    """Begin a filter in which programs of the older machine are allowed all but sockets."""
    sockets = [line for number in machine.older_sockets for line in _number_is(number, [_refuse()])]
    older = [(_LOAD, 0, 0, _NUMBER), *sockets, *_number_is(_IO_URING_SETUP, [_refuse()]), _allow()]
    return [
        (_LOAD, 0, 0, _ARCHITECTURE), (_JUMP_EQUAL, 0, len(older), machine.older), *older,
        (_JUMP_EQUAL, 1, 0, machine.architecture), _refuse(),
        (_LOAD, 0, 0, _NUMBER), (_JUMP_AT_LEAST, 0, 1, _X32_BIT), _refuse(),
    ]  # fmt: skip


def _number_is(number: int, then: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Do ``then``, which must end in a decision, if the number that was loaded is this one."""
    return [(_JUMP_EQUAL, 0, len(then), number), *then]


def _refuse_equal(value: int) -> list[tuple[int, int, int, int]]:
    return [(_JUMP_EQUAL, 0, 1, value), _refuse()]


def _refuse(error: int = errno.EPERM) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERROR | error)


def _allow() -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ALLOW)
