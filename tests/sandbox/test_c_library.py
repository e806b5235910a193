"""A C library may compute and start threads; it makes no sockets, programs or processes unless a check asks for it."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

import pqvalidate as pqv
from pqvalidate.adapters.sandbox_paths import SandboxMode, wanted
from pqvalidate.adapters.session import Session, Target
from pqvalidate.manifest import read_manifest
from tests.sandbox.bench import KEM, VENDOR, needs_layer

pytestmark = pytest.mark.needs("gcc")

SOURCE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int error_of(long result) { return result < 0 ? errno : 0; }
static void *work(void *given) { return given; }
static int child(void *given) { (void)given; return 0; }
static char stack[65536];
static char *const words[] = {"true", NULL};

int try_fork(void) { pid_t p = fork(); if (p == 0) _exit(0); if (p > 0) waitpid(p, NULL, 0); return error_of(p); }
int try_clone(void) {
    int p = clone(child, stack + sizeof stack, SIGCHLD | CLONE_VM, NULL);
    if (p > 0) waitpid(p, NULL, 0);
    return error_of(p);
}
int try_spawn(void) {
    pid_t p;
    int error = posix_spawn(&p, "/bin/true", NULL, NULL, words, NULL);
    if (!error) waitpid(p, NULL, 0);
    return error;
}
int try_system(void) { return system("true") == 0 ? 0 : EPERM; }
int try_execute(void) { return error_of(execv("/bin/false", words)); }
int try_internet(void) { return error_of(socket(AF_INET, SOCK_STREAM, 0)); }
int try_datagram(void) { return error_of(socket(AF_INET6, SOCK_DGRAM, 0)); }
int try_local(void) { return error_of(socket(AF_UNIX, SOCK_STREAM, 0)); }
int try_trace(void) { return error_of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)); }
int try_peek(void) {
    char byte;
    struct iovec here = {&byte, 1}, there = {stack, 1};
    return error_of(process_vm_readv(getpid(), &here, 1, &there, 1, 0));
}
int try_namespace(void) { return error_of(unshare(CLONE_NEWUTS)); }
int try_ring(void) { return error_of(syscall(425, 8, NULL)); }
int try_thread(void) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, work, NULL);
    return error ? error : pthread_join(thread, NULL);
}
int try_older(void) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
    return result < 0 ? (int)-result : 0;
#else
    return EPERM;
#endif
}
"""
EPERM = "1"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    (folder / "try.c").write_text(SOURCE)
    command = ["gcc", "-shared", "-fPIC", "-pthread", "-Wall", "-Werror", "-o", "libtry.so", "try.c"]
    subprocess.run(command, cwd=folder, check=True)
    (folder / "prying.py").write_text(VENDOR)
    (folder / "try.toml").write_text(
        'schema = "pqvalidate/manifest/1"\n[product]\nvendor = "Example BV"\nname = "Try"\nversion = "1"\n'
        '[attach]\nkind = "c-abi"\nlibrary = "libtry.so"\n[claims]\nconformance = ["ML-KEM-768"]\n'
    )
    return folder / "libtry.so"


@pytest.fixture(scope="module")
def session(library: Path) -> Iterator[Session]:
    with started(library) as found:
        yield found


def started(library: Path, mode: SandboxMode = "auto", *, network: bool = False) -> Session:
    """Start a worker in the sandbox that a manifest of kind c-abi gets."""
    file = library.with_name("try.toml")
    manifest = read_manifest(file)
    sandbox = wanted(mode, replace(manifest, limits=replace(manifest.limits, network=network)), file)
    return Session(Target(target="prying:implementation", path=(str(library.parent),), sets=(KEM,), sandbox=sandbox))


def call(library: Path, function: str) -> pqv.Call:
    code = f"seen = ctypes.CDLL({str(library)!r}).try_{function}()"
    return pqv.Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": code.encode()})


def said(replies: Sequence[object]) -> list[str]:
    texts = []
    for reply in replies:
        assert isinstance(reply, pqv.Ok), reply
        texts.append(bytes(reply.values["k"]).decode())
    return texts


REFUSED = ["fork", "clone", "spawn", "system", "execute", "internet", "datagram", "local", "trace", "peek",
           "namespace", "ring", "older"]  # fmt: skip


@pytest.mark.parametrize("function", REFUSED)
def test_what_a_c_library_may_not_do(function: str, session: Session, library: Path, layers: frozenset[str]) -> None:
    needs_layer(layers, "seccomp-sockets")
    assert "seccomp" in session.hello["limits"]
    assert said(session.ask([call(library, function)])) == [EPERM]


def test_threads_are_allowed(session: Session, library: Path) -> None:
    assert said(session.ask([call(library, "thread")])) == ["0"]


def test_without_the_sandbox_it_could(library: Path) -> None:
    with started(library, "off") as free:
        could = ["fork", "clone", "spawn", "system", "local", "peek", "thread"]
        assert said(free.ask([call(library, name) for name in could])) == ["0"] * len(could)


def test_a_device_that_needs_the_network_gets_it_and_nothing_more(library: Path, layers: frozenset[str]) -> None:
    needs_layer(layers, "seccomp-sockets")
    with started(library, network=True) as open_to_all:
        names = ["internet", "datagram", "local", "fork", "execute"]
        seen = said(open_to_all.ask([call(library, name) for name in names]))
    assert seen == ["0", "0", "0", EPERM, EPERM]


def test_copies_of_the_process_are_made_where_a_check_is_about_them_and_nowhere_else(
    library: Path, layers: frozenset[str]
) -> None:
    needs_layer(layers, "seccomp-sockets")
    pid = pqv.Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": b"seen = os.getpid()"})
    allow = pqv.Call(operation="restart", parameter_set=KEM, inputs={"forks": True})
    copies = pqv.Call(operation="together", parameter_set=KEM, inputs={"how": "fork", "calls": (pid,)})
    restart = pqv.Call(operation="restart", parameter_set=KEM, inputs={})
    with started(library) as session:
        replies = session.ask([call(library, "fork"), allow, pid, copies, call(library, "execute"), restart,
                               call(library, "fork")])  # fmt: skip
        assert isinstance(replies[3], pqv.Ok), replies
        (one,), (other,) = replies[3].values["replies"]
        numbers = said([replies[2], one, other])
        assert len(set(numbers)) == 3
        assert said([replies[0], replies[4], replies[6]]) == [EPERM] * 3
        assert session.restarts == 2


def test_randomness_can_still_be_made_to_fail(library: Path) -> None:
    draw = pqv.Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": b"seen = os.urandom(8)"})
    failing = pqv.Call(operation="together", parameter_set=KEM, inputs={"how": "no-randomness", "calls": (draw,)})
    with started(library) as session:
        before, (reply,) = session.ask([draw]), session.ask([failing])
    assert isinstance(before[0], pqv.Ok)
    assert isinstance(reply, pqv.Ok)
    (drawn,) = reply.values["replies"]
    assert said([drawn])[0].startswith("refused: ")


def test_the_machine_is_one_whose_system_calls_are_known() -> None:
    """A filter by wrong numbers would refuse at random, so others have none, and the report then names none."""
    from pqvalidate.adapters import sandbox_filter

    known = platform.machine() in {"x86_64", "aarch64"} and os.uname().sysname == "Linux"
    assert (sandbox_filter.sockets_refused([1]) is not None) is known
    assert (sandbox_filter.library_calls_refused(forks=False, network=False) is not None) is known
