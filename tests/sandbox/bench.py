"""An implementation under test that runs, in its process, the code that it is given, and what it could do there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import pqvalidate as pqv
from pqvalidate.adapters.sandbox_paths import SandboxMode

KEM = "ML-KEM-768"
VENDOR = '''
import ctypes, os, signal, socket, subprocess, sys, threading
from pathlib import Path

class Kem:
    def keygen(self): return b"ek", b"dk"

    def decapsulate(self, dk, c):
        """Run the code in c and return what it assigns to ``seen``, or the error that it meets."""
        names = dict(globals())
        try:
            exec(c.decode(), names)
        except OSError as error:
            return f"refused: {error.strerror}".encode()
        return str(names["seen"]).encode()

def implementation(name): return Kem()
'''
MANIFEST = """
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "Prying"
version = "1"
[attach]
kind = "python"
target = "prying:implementation"
{attach}
[claims]
conformance = ["ML-KEM-768"]
{more}
"""


def vendor(folder: Path, attach: str = "", more: str = "") -> Path:
    """Write the implementation and its manifest to a folder; return the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prying.py").write_text(VENDOR, encoding="utf-8")
    path = folder / "prying.toml"
    path.write_text(MANIFEST.format(attach=attach, more=more), encoding="utf-8")
    return path


def asked(iut: pqv.Implementation, code: str) -> str:
    """Let the implementation run code; return what it says."""
    (reply,) = iut.ask([pqv.Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": code.encode()})])
    assert isinstance(reply, pqv.Ok), reply
    return bytes(reply.values["k"]).decode()


def tried(manifest: Path, code: str, sandbox: SandboxMode = "auto") -> str:
    """Attach, let the implementation run code, and return what it says."""
    with pqv.attach(manifest, sandbox=sandbox) as iut:
        return asked(iut, code)


def needs_layer(layers: frozenset[str], *wanted: str) -> None:
    """Leave a test out, by the names of the layers that this host does not allow."""
    missing = [name for name in wanted if name not in layers]
    if not missing:
        return
    reason = f"this host does not allow the layers {', '.join(missing)}"
    if os.environ.get("PQV_REQUIRE_SANDBOX") == "1":
        pytest.fail(f"{reason} (PQV_REQUIRE_SANDBOX=1 asks for them)", pytrace=False)
    pytest.skip(reason)


@contextmanager
def listening(family: int, address: object) -> Iterator[tuple[socket.socket, list[bytes]]]:
    """Serve on a socket of this process; the list holds what arrived."""
    heard: list[bytes] = []
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind(address)  # type: ignore[arg-type]
        server.listen()
        server.settimeout(0.05)
        closing = threading.Event()

        def serve() -> None:
            while not closing.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    heard.append(connection.recv(100))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server, heard
        finally:
            closing.set()
            thread.join()
