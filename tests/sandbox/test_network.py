"""Vendor code cannot reach a network, nor a service of this host by another way; without the sandbox it could."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

import pytest

import pqvalidate as pqv
from tests.sandbox.bench import asked, listening, needs_layer, tried, vendor

CONNECT = """
s = socket.socket({family}, socket.SOCK_STREAM)
s.settimeout(5)
s.connect({address!r})
s.sendall(b"reached")
seen = "connected"
"""
SEND = """
s = socket.socket({family}, socket.SOCK_DGRAM)
s.sendto(b"reached", {address!r})
seen = "sent"
"""


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_it_cannot_connect_to_a_server_on_the_loopback(
    family: int, host: str, manifest: Path, layers: frozenset[str]
) -> None:
    needs_layer(layers, "netns")
    with listening(family, (host, 0)) as (server, heard):
        code = CONNECT.format(family=int(family), address=server.getsockname()[:2])
        assert tried(manifest, code).startswith("refused: ")
        assert heard == []
        assert tried(manifest, code, "off") == "connected"
    assert heard == [b"reached"]


def test_it_cannot_send_a_datagram(manifest: Path, layers: frozenset[str]) -> None:
    needs_layer(layers, "netns")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)
        code = SEND.format(family=int(socket.AF_INET), address=server.getsockname())
        assert tried(manifest, code) == "refused: Network is unreachable"
        with pytest.raises(TimeoutError):
            server.recv(100)
        assert tried(manifest, code, "off") == "sent"
        assert server.recv(100) == b"reached"


def test_it_cannot_connect_to_a_service_by_the_path_of_its_socket(
    manifest: Path, tmp_path_factory: pytest.TempPathFactory, layers: frozenset[str]
) -> None:
    needs_layer(layers, "seccomp-sockets")
    path = str(tmp_path_factory.mktemp("s") / "s")
    with listening(socket.AF_UNIX, path) as (_, heard):
        code = CONNECT.format(family=int(socket.AF_UNIX), address=path)
        assert tried(manifest, code) == "refused: Operation not permitted"
        assert heard == []
        assert tried(manifest, code, "off") == "connected"
    assert heard == [b"reached"]


def test_it_cannot_connect_to_an_abstract_socket(manifest: Path, layers: frozenset[str]) -> None:
    needs_layer(layers, "seccomp-sockets")
    name = f"\0pqvalidate-{secrets.token_hex(8)}"
    with listening(socket.AF_UNIX, name) as (_, heard):
        code = CONNECT.format(family=int(socket.AF_UNIX), address=name)
        assert tried(manifest, code) == "refused: Operation not permitted"
        assert heard == []
        assert tried(manifest, code, "off") == "connected"
    assert heard == [b"reached"]


def test_what_it_starts_cannot_either(manifest: Path, layers: frozenset[str]) -> None:
    needs_layer(layers, "netns")
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as (server, heard):
        code = CONNECT.format(family=int(socket.AF_INET), address=server.getsockname())
        run = "subprocess.run([sys.executable, '-I', '-c', {!r}], capture_output=True, text=True)"
        started = f"done = {run.format(f'import socket{code}print(seen)')}\nseen = done.stdout + done.stderr"
        assert "unreachable" in tried(manifest, started) or "ermission denied" in tried(manifest, started)
        assert heard == []
        assert tried(manifest, started, "off") == "connected\n"


def test_sockets_in_pairs_are_allowed(manifest: Path) -> None:
    code = "a, b = socket.socketpair()\na.sendall(b'x')\nseen = b.recv(1)"
    assert tried(manifest, code) == "b'x'"


def test_a_manifest_can_ask_for_the_network_and_the_report_then_names_no_layer_that_closes_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    open_to_all = vendor(tmp_path / "vendor", more="[limits]\nnetwork = true")
    path = str(tmp_path_factory.mktemp("s") / "s")  # such paths have 107 bytes at most
    internet, unix = int(socket.AF_INET), int(socket.AF_UNIX)
    with (
        listening(internet, ("127.0.0.1", 0)) as (server, heard),
        listening(unix, path) as (_, local),
        pqv.attach(open_to_all) as iut,
    ):
        assert not {"netns", "seccomp-sockets"} & set(iut.sandbox)
        assert asked(iut, CONNECT.format(family=internet, address=server.getsockname())) == "connected"
        assert asked(iut, CONNECT.format(family=unix, address=path)) == "connected"
    assert heard == local == [b"reached"]
