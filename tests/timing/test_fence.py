"""Vendor code that valgrind watches is fenced in as without valgrind: no network, no files but its own."""

from __future__ import annotations

import dataclasses
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pqvalidate.adapters.addresses import traced
from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.counting import CountingSession
from pqvalidate.adapters.fenced import Fence, under_valgrind
from pqvalidate.adapters.instructions import MarkedSession
from pqvalidate.adapters.interface import Call, Ok
from pqvalidate.adapters.sandbox_paths import SandboxMode
from pqvalidate.adapters.session import Session
from pqvalidate.adapters.watched import Watch, WatchedSession
from pqvalidate.errors import AttachError
from pqvalidate.mutants_native import Planted
from tests.sandbox.bench import KEM, listening, needs_layer, vendor

needs_valgrind = pytest.mark.needs("valgrind")
TIMING = 'timing = ["ML-KEM-768"]'
CONNECT = """
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.connect({address!r})
s.sendall(b"reached")
seen = "connected"
"""
WRITE = "seen = Path({path!r}).write_text('written')"
OWN = "seen = Path('mine').write_text('written')"
READ = "seen = len(os.listdir({path!r}))"


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    with attach(vendor(tmp_path_factory.mktemp("layers"))) as iut:
        return frozenset(name.rstrip("0123456789") for name in iut.sandbox)


@contextmanager
def watched(manifest: Path, sandbox: SandboxMode = "auto") -> Iterator[WatchedSession]:
    tool = ("valgrind", "--quiet", "--vgdb=no", "--tool=none")
    with (
        attach(manifest, sandbox=sandbox) as iut,
        WatchedSession(iut.session.target, iut.session.limits, Watch(tool=tool)) as session,
    ):
        yield session


def said(session: Session, code: str) -> str:
    call = Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": code.encode()})
    (reply,) = session.ask([call])
    assert isinstance(reply, Ok), reply
    return bytes(reply.values["k"]).decode()


@needs_valgrind
def test_what_valgrind_watches_reaches_no_network_and_no_file_but_its_own(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, layers: frozenset[str]
) -> None:
    needs_layer(layers, "netns", "landlock", "seccomp-sockets")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as (server, heard):
        connect = CONNECT.format(address=server.getsockname()[:2])
        with watched(vendor(tmp_path)) as session:
            assert {"rlimit-as", "netns", "seccomp-sockets"} <= {*session.hello["limits"]}
            assert any(name.startswith("landlock") for name in session.hello["limits"])
            assert said(session, connect).startswith("refused: ")
            assert said(session, WRITE.format(path=str(elsewhere / "evil"))) == "refused: Permission denied"
            assert said(session, WRITE.format(path=str(tmp_path / "evil"))) == "refused: Permission denied"
            assert said(session, READ.format(path=str(elsewhere))) == "refused: Permission denied"
            assert said(session, OWN) == "7"
        assert heard == []
        with watched(vendor(tmp_path), "off") as session:
            assert "netns" not in session.hello["limits"]
            assert said(session, connect) == "connected"
            assert said(session, WRITE.format(path=str(elsewhere / "evil"))) == "7"
    assert heard == [b"reached"]


@needs_valgrind
def test_callgrind_writes_its_files_in_there_and_vendor_code_none_elsewhere(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, layers: frozenset[str]
) -> None:
    needs_layer(layers, "landlock")
    evil, counts = tmp_path_factory.mktemp("elsewhere") / "evil", tmp_path_factory.mktemp("counts")
    code = f"try: seen = Path({str(evil)!r}).write_text('x')\nexcept OSError as error: seen = error.strerror"
    with (
        attach(vendor(tmp_path)) as iut,
        MarkedSession(iut.session.target, iut.session.limits, counts) as session,
    ):
        call = Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": code.encode()})
        counted = session.count(call, 2)
        assert said(session, code) == "Permission denied"
    assert isinstance(counted, Ok), counted
    assert min(counted.values["counts"]) > 0
    assert not evil.exists()


PRYING = """
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
int control_dec(unsigned char *k) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    k[0] = 1;
    k[1] = s >= 0 && connect(s, (struct sockaddr *)&to, sizeof to) == 0;
    k[2] = open(ELSEWHERE, O_WRONLY | O_CREAT, 0600) >= 0;
    if (s >= 0)
        close(s);
    return 0;
}
"""


@pytest.mark.needs("gcc", "cc", "valgrind", "objdump")
@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_a_c_library_that_is_traced_is_fenced_in_as_well(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, layers: frozenset[str], sandbox: SandboxMode
) -> None:
    needs_layer(layers, "netns", "landlock")
    evil, source, made = tmp_path_factory.mktemp("e") / "evil", tmp_path / "prying.c", tmp_path / "libpry.so"
    source.write_text(PRYING, encoding="utf-8")
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as (server, _):
        words = [f"-DPORT={server.getsockname()[1]}", f'-DELSEWHERE="{evil}"', "-o", str(made), str(source)]
        subprocess.run([shutil.which("cc") or "cc", "-shared", "-fPIC", *words], check=True)
        with attach(vendor(tmp_path), sandbox=sandbox) as iut:
            fence = iut.session.target.sandbox
        with Session(Planted(what="").target(KEM)) as session:
            session.target.settings["library"] = str(made)
            session.target = dataclasses.replace(session.target, sandbox=fence)
            inputs = {"op": "decapsulate", "calls": [{"dk": bytes(2400), "c": bytes(1088)}]}
            reply = traced(session, Call(operation="trace", parameter_set=KEM, inputs=inputs))
    assert isinstance(reply, Ok), reply
    (output,) = reply.values["outputs"]
    assert output.startswith("010000" if sandbox == "auto" else "010101")
    assert evil.exists() == (sandbox == "off")


@needs_valgrind
def test_the_record_of_a_run_names_the_layers_that_hold_under_valgrind(tmp_path: Path) -> None:
    with attach(vendor(tmp_path, more=TIMING)) as iut:
        usual, told = iut.sandbox[:-1], iut.sandbox[-1]
    head, _, rest = told.partition(": ")
    assert head == "under valgrind"
    assert set(rest.split()) == {name for name in usual if name.startswith(("rlimit", "netns", "landlock", "c", "sec"))}
    with attach(vendor(tmp_path)) as iut:  # without a claim on timing nothing runs under valgrind
        assert not any(name.startswith("under valgrind") for name in iut.sandbox)


@needs_valgrind
def test_a_layer_that_is_demanded_and_not_there_lets_nothing_start(tmp_path: Path) -> None:
    with attach(vendor(tmp_path)) as iut:
        target = dataclasses.replace(
            iut.session.target, sandbox={**iut.session.target.sandbox, "network": True, "required": ["netns"]}
        )
        with pytest.raises(AttachError, match="does not allow netns, which --sandbox require demands"):
            CountingSession(target, iut.session.limits, tmp_path)
    assert "it does not start: this host does not allow netns" in under_valgrind(target.sandbox)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with Fence({}) as fence:
        words = fence.words(["no-such-program"])
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "there is no program no-such-program that this account may execute"
    assert fence.held() == []
