"""The sandbox: layers that the Linux kernel puts around this process before vendor code is loaded into it.

An empty network (network namespace), no files but the named ones (Landlock), no system calls that its kind never
needs (seccomp). ``apply`` is called by the worker, and by the launcher of a vendor's own program; what these start
inherits all of it. A layer that the host does not allow is left out, and is not among the names that are returned.
Standard library only, and no layer needs a package or a program.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pqvalidate.adapters import sandbox_filter as filters

REMEDIES = {
    "netns": "run as root, or let this account make user namespaces (sysctl user.max_user_namespaces above 0; on"
    " Ubuntu also kernel.apparmor_restrict_unprivileged_userns=0), or in a container allow it the call unshare",
    "landlock": "run on Linux 5.13 or later with landlock in the kernel's boot parameter lsm=",
    "seccomp": "run on Linux, on x86-64 or 64-bit Arm",
}
"""How a host can be made to allow each layer."""

_NEW_USERS, _NEW_NETWORK = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_CHANGES = sum(1 << bit for bit in range(4, 13))
_MOVE, _TRUNCATE = 1 << 13, 1 << 14
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_TCP_BOTH_WAYS = 3
_DROP_FROM_BOUND = 24
_CAPABILITIES_VERSION = 0x20080522
_LAST_CAPABILITY = 63
_KEPT = (0, 1, 2, 3, 4, 5, 6, 7, 14)
"""Capabilities over files, accounts and locked memory, as root may need them to run the same code as everybody else.

Without the others, root can read no memory of other processes, lift none of the limits on resources, and mount nothing.
"""
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2
_SINCE_MOVE, _SINCE_TRUNCATE, _SINCE_TCP, _SINCE_SCOPES = 2, 3, 4, 6


class LayerError(Exception):
    """The host does not allow a layer of the sandbox that was demanded; says which, and what would help."""


def apply(wanted: Mapping[str, Any]) -> list[str]:
    """Put the layers around this process, which has one thread only, and return the names of those that hold.

    Args:
        wanted: nothing for no sandbox; else ``read`` (files, and folders with all below), ``list`` (folders whose
            names may be read), ``write`` (folders), ``devices``, ``network`` and ``forks`` (whether it may),
            ``library`` (whether a C library is loaded here) and ``required`` (names that must hold).

    Returns:
        Of ``netns``, ``landlockN`` (N: version of the kernel's interface), ``capabilities`` (root has few left), and
        ``seccomp`` (C libraries) or ``seccomp-sockets``.

    Raises:
        LayerError: a required layer is not to be had here.

    """
    if not wanted:
        return []
    held: list[str] = []
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            if not wanted["network"] and leave_network():
                held.append("netns")
        with contextlib.suppress(OSError, AttributeError):
            if version := restrict_files(wanted):
                held.append(f"landlock{version}")
        with contextlib.suppress(OSError, AttributeError):
            if drop_capabilities():
                held.append("capabilities")
        with contextlib.suppress(OSError, AttributeError):
            held += _filter(wanted, netns="netns" in held)
    missing = [name for name in wanted["required"] if not any(layer.startswith(name) for layer in held)]
    if missing:
        remedies = "; ".join(f"{name}: {REMEDIES[name]}" for name in missing)
        msg = f"this host does not allow {' and '.join(missing)}, which --sandbox require demands. Remedy: {remedies}"
        raise LayerError(msg)
    return held


def leave_network() -> bool:
    """Move this process to a network of its own that holds nothing, not even a loopback device that is up.

    Without the right to do so it also becomes the only user of a user namespace, under its usual number.
    """
    libc, user, group = _libc(), os.geteuid(), os.getegid()
    if user == 0 and libc.unshare(_NEW_NETWORK) == 0:
        return True
    if libc.unshare(_NEW_USERS | _NEW_NETWORK) != 0:
        return False
    for name, text in (
        ("uid_map", f"{user} {user} 1"), ("setgroups", "deny"), ("gid_map", f"{group} {group} 1"),
    ):  # fmt: skip
        with contextlib.suppress(OSError):  # the network is gone all the same; only names of accounts are then unknown
            descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
            try:
                os.write(descriptor, text.encode())
            finally:
                os.close(descriptor)
    return True


def restrict_files(wanted: Mapping[str, Any]) -> int:
    """Bind this process to the files that are ``wanted`` (see ``apply``); return Landlock's version, 0 without it.

    Where its version has it, also: no TCP, no signals to processes outside, no abstract sockets of others.
    """
    libc = _libc()
    version = int(libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION))
    if version < 1:
        return 0
    files = _READ | _WRITE_FILE | _CHANGES
    files |= _MOVE * (version >= _SINCE_MOVE) | _TRUNCATE * (version >= _SINCE_TRUNCATE)
    closed = not wanted["network"]
    tcp = _TCP_BOTH_WAYS * (closed and version >= _SINCE_TCP)
    scopes = (_SIGNALS | _ABSTRACT_SOCKETS * closed) * (version >= _SINCE_SCOPES)
    attributes = struct.pack("QQQ", files, tcp, scopes)
    size = 24 if version >= _SINCE_SCOPES else 16 if version >= _SINCE_TCP else 8
    rules = int(libc.syscall(_CREATE_RULESET, attributes, size, 0))
    if rules < 0:
        return 0
    try:
        _allow(libc, rules, wanted["read"], files & _READ)
        _allow(libc, rules, wanted["list"], _READ_FOLDER)
        _allow(libc, rules, wanted["devices"], files & (_READ_FILE | _WRITE_FILE | _TRUNCATE))
        _allow(libc, rules, wanted["write"], files)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return version if libc.syscall(_RESTRICT_SELF, rules, 0) == 0 else 0
    finally:
        os.close(rules)


def _allow(libc: Any, rules: int, paths: Iterable[str], access: int) -> None:  # noqa: ANN401  (ctypes has no type)
    for path in paths:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not there, so nobody can read it either
            continue
        try:
            folder = stat.S_ISDIR(os.fstat(place).st_mode)
            rule = struct.pack("=Qi", access if folder else access & _OF_A_FILE, place)
            libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
        finally:
            os.close(place)


def drop_capabilities() -> bool:
    """Give up what the kernel lets root do beyond files and accounts; return whether there was any of it."""
    libc, kept = _libc(), sum(1 << number for number in _KEPT)
    header = struct.pack("Ii", _CAPABILITIES_VERSION, 0)
    found = ctypes.create_string_buffer(24)
    if libc.capget(header, found) != 0:
        return False
    words = struct.unpack("6I", found.raw)  # effective, permitted, inheritable: of the lower 32, then of the upper
    permitted = words[1] | words[4] << 32
    if not permitted & ~kept:
        return False
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    for number in range(_LAST_CAPABILITY + 1):
        if not kept >> number & 1:
            libc.prctl(_DROP_FROM_BOUND, number, 0, 0, 0)  # refused beyond the last that the kernel knows
    low, high = permitted & kept & 0xFFFFFFFF, permitted & kept >> 32
    return int(libc.capset(header, struct.pack("6I", low, low, 0, high, high, 0))) == 0


def _filter(wanted: Mapping[str, Any], *, netns: bool) -> list[str]:
    _libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if wanted["library"]:
        lines = filters.library_calls_refused(forks=wanted["forks"], network=wanted["network"])
        return ["seccomp"] if filters.refuse(lines) else []
    if wanted["network"]:
        return []
    families = (filters.UNIX, filters.VSOCK) if netns else (
        filters.UNIX, filters.VSOCK, filters.INTERNET, filters.INTERNET_6,
    )  # fmt: skip
    return ["seccomp-sockets"] if filters.refuse(filters.sockets_refused(families)) else []


def _libc() -> Any:  # noqa: ANN401  (ctypes has no type)
    return ctypes.CDLL(None, use_errno=True)


def nothing(_parameter_set: str) -> None:
    """Stand in for vendor code where only the layers of this host are asked for (``pqvalidate doctor``)."""
