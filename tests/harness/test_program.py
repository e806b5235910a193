"""The process of a vendor's program: what it inherits, what bounds it, and how it ends with us."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import pqvalidate as pqv
from pqvalidate.adapters.harness import HarnessSession, Program
from pqvalidate.adapters.interface import Call, Fault, Ok
from pqvalidate.adapters.session import Limits
from tests.harness.harnesses import ROOT, manifest, written

KEM = "ML-KEM-768"
# Evaluates c and answers with what comes out, as text.
EVALUATES = """
import json, os, signal, sys, time
for line in sys.stdin:
    request = json.loads(line)
    if request["op"] == "hello":
        reply = {"ok": {"protocol": 1, "version": "7\\n8", "operations": {"ML-KEM-768": ["decapsulate"]}}}
    else:
        reply = {"ok": {"k": str(eval(bytes.fromhex(request["in"]["c"]))).encode().hex()}}
    print(json.dumps({"id": request["id"], **reply}), flush=True)
"""
# A harness in the language of the shell, which says as its version which signals it ignores.
SHELL = r"""
read l; i=${l#*'"id":'}; i=${i%%,*}; ignored=$(grep SigIgn /proc/self/status | tr -d '[:space:]')
echo '{"id":'$i',"ok":{"protocol":1,"version":"'$ignored'","operations":{}}}'
read l
"""


def session(code: str = EVALUATES, limits: Limits | None = None, **environment: str) -> HarnessSession:
    command = (sys.executable, "-I", "-c", code, "{fd}", "a b")
    return HarnessSession(Program(target="it", command=command, sets=(KEM,), environment=environment), limits)


def said(of: HarnessSession, expression: str) -> str:
    (reply,) = of.ask([Call(operation="decapsulate", parameter_set=KEM, inputs={"c": expression.encode()})])
    assert isinstance(reply, Ok), reply
    return bytes(reply.values["k"]).decode()


def test_a_program_gets_its_words_its_environment_and_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PQV_TEST_SECRET", "not for the vendor")
    with session(MINE="yes") as program:
        assert said(program, "sys.argv[1:]") == "['{fd}', 'a b']"
        names = said(program, "sorted(n for n in os.environ if n != 'LC_CTYPE')")
        assert names == "['HOME', 'LANG', 'MINE', 'PATH', 'PQVALIDATE_CHILD', 'TMPDIR']"
        assert said(program, "os.getcwd() == os.environ['HOME'] == os.environ['TMPDIR']") == "True"
        assert said(program, "sorted(int(n) for n in os.listdir('/proc/self/fd'))") == "[0, 1, 2, 3]"  # 3 lists
        assert said(program, "os.getsid(0) == os.getpid() != os.getppid()") == "True"
        assert program.hello["version"] == "7 8"


def test_a_program_meets_signals_with_their_usual_effect() -> None:
    ignored = "open('/proc/self/status').read().split('SigIgn:')[1].split()[0]"
    code = EVALUATES.replace("import json", "import sys; sys.argv.append(" + ignored + ")\nimport json")
    with session(code) as program:
        # Python itself ignores SIGPIPE and SIGXFSZ from its start on, before the first line of any code.
        # Signals from 32 on belong to the C library, which may have one ignored.
        usual = int(said(program, "sys.argv[-1]"), 16) & (1 << 31) - 1
        assert usual == 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    with HarnessSession(Program(target="sh", command=("/bin/sh", "-c", SHELL), sets=(KEM,))) as other:
        assert int(other.hello["version"].partition(":")[2], 16) & (1 << 31) - 1 == 0


def test_memory_files_and_descriptors_are_bounded_and_the_bounds_are_named() -> None:
    limits = Limits(memory_bytes=512 << 20, file_bytes=1 << 20, descriptors=64)
    with session(limits=limits) as program:
        assert program.hello["limits"] == ["rlimit-data", "rlimit-fsize", "rlimit-core", "rlimit-nofile"]
        assert said(program, "__import__('resource').getrlimit(7)") == "(64, 64)"
        wanted = Call(operation="decapsulate", parameter_set=KEM, inputs={"c": b"len(bytearray(600 << 20))"})
        (reply,) = program.ask([wanted])
        assert isinstance(reply, Fault)
        assert "MemoryError" in reply.why
        assert said(program, "len(__import__('mmap').mmap(-1, 600 << 20, prot=1))") == str(600 << 20)  # reserved only


def test_the_end_of_its_input_ends_a_program() -> None:
    with session() as program:
        assert program.end_input(10) == ""
        assert not program.alive
    with session(EVALUATES + "time.sleep(60)") as program:
        assert "still there 0.5 s after" in program.end_input(0.5)
    with session(EVALUATES + "print('bye', flush=True)") as program:
        assert "wrote more than its replies to standard output: b'bye" in program.end_input(10)
    with session(EVALUATES + "sys.exit(3)") as program:
        assert program.end_input(10).startswith("exited with status 3")


def test_what_a_program_started_ends_with_it() -> None:
    start = "__import__('subprocess').Popen(['sleep', '61'], start_new_session=True).pid"
    with session() as program:
        pid = int(said(program, start))
        assert Path(f"/proc/{pid}").exists()
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists() or "\tZ" in Path(f"/proc/{pid}/status").read_text()


HOST = """
import sys, time
from pathlib import Path
from tests.harness.test_program import EVALUATES, session, said
program = session(EVALUATES + "time.sleep(60)")  # the end of its input does not end it
Path(sys.argv[1]).write_text(said(program, "os.getpid()"))
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_program_ends_when_its_host_is_killed(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    host = subprocess.Popen([sys.executable, "-c", HOST, place], env=environment)
    until = time.monotonic() + 30
    while not (place.exists() and place.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    pid = int(place.read_text())
    host.kill()
    host.wait()
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()


def test_numbers_of_calls_cannot_be_foretold() -> None:
    """Neither from one process to the next, nor from the number of hello."""
    code = EVALUATES.replace('if request["op"]', 'sys.argv.append(request["id"])\n    if request["op"]')
    seen = []
    for _ in range(2):
        with session(code) as program:
            seen.append([int(n) for n in said(program, "sys.argv[-2:]")[1:-1].split(", ")])
    (hello, call), (hello2, call2) = seen
    assert len({hello, call, hello2, call2}) == 4
    assert abs(call - hello) > 64
    assert abs(call2 - call) > 64


def test_requests_and_replies_of_many_mebibytes_cross_without_a_deadlock() -> None:
    """More than the pipes hold goes both ways at once."""
    with session(EVALUATES.replace("str(eval(", "bytes((").replace(").encode().hex()", ").hex()")) as program:
        inputs = [{"c": bytes([number]) * (1 << 20)} for number in range(20)]
        calls = [Call(operation="decapsulate", parameter_set=KEM, inputs=given) for given in inputs]
        replies = program.ask(calls)
    assert [reply.values["k"] for reply in replies if isinstance(reply, Ok)] == [given["c"] for given in inputs]


def test_a_program_that_no_longer_reads_is_waited_for_without_effort() -> None:
    with session(limits=Limits(call_seconds=2)) as program:
        said(program, "1")
        asked = (
            b"[time.sleep(0.5), os.close(0), time.sleep(60)]",
            bytes(3 << 20),
        )  # the latter is more than the pipe holds
        calls = [Call(operation="decapsulate", parameter_set=KEM, inputs={"c": c}) for c in asked]
        before = time.process_time()
        (reply,) = program.ask(calls, 1)
        assert isinstance(reply, Fault)
        assert reply.kind == "timeout"
        assert time.process_time() - before < 0.3


def test_a_program_that_is_killed_between_calls_is_replaced_unnoticed() -> None:
    with session() as program:
        os.kill(int(said(program, "os.getpid()")), signal.SIGTERM)
        time.sleep(0.1)
        assert said(program, "1") == "1"
        assert program.restarts == 1


def test_a_program_that_talks_without_end_to_its_log_is_not_held_up() -> None:
    with session() as program:
        assert said(program, "sys.stderr.write('x' * (20 << 20))") == str(20 << 20)


def test_an_interrupt_loses_the_process_and_no_late_reply_meets_a_later_call() -> None:
    with session() as program:
        said(program, "1")
        timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            said(program, "time.sleep(20)")
        assert not program.alive
        assert said(program, "2") == "2"


@pytest.mark.parametrize("framing", ["jsonl", "binary"])
@pytest.mark.parametrize("words", [(), ("batch",)])
def test_through_a_harness_the_same_operations_give_the_same_as_the_vendor_itself(
    framing: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    file = manifest(tmp_path, "pycryptodome", *words, framing=framing, sets=("ML-KEM-768", "ML-DSA-44"))
    with pqv.attach(file) as iut, pqv.attach("pycryptodome") as direct:
        for name in iut.operations:
            ours = {op for op in direct.operations[name] if not op.startswith(("load_", "env:"))}
            assert {op for op in iut.operations[name] if not op.startswith("env:")} == ours
        for use in (iut, direct):
            kem, scheme = use.kem("ML-KEM-768"), use.signature("ML-DSA-44")
            ek, dk = kem.keygen()
            k, c = kem.encapsulate(ek)
            assert kem.decapsulate(dk, c) == k
            pk, sk = scheme.keygen()
            assert scheme.verify(pk, b"", scheme.sign(sk, b"", b"context"), b"context")
            assert not scheme.verify(pk, b"", bytes(2420))
            with pytest.raises(pqv.Rejected):
                kem.encapsulate(b"short")
        seed = bytes(range(64))
        assert _keygen(iut, seed) == _keygen(direct, seed)


def _keygen(iut: pqv.Implementation, seed: bytes) -> object:
    (reply,) = iut.ask([Call(operation="keygen_from_seed", parameter_set=KEM, inputs={"seed": seed})])
    return reply.values if isinstance(reply, Ok) else reply


def test_a_program_runs_in_the_sandbox(tmp_path: Path) -> None:
    """It reaches no network and writes nothing outside of its folder; which layers hold is on record."""
    (tmp_path / "evaluates.py").write_text(EVALUATES)
    file = written(tmp_path, [sys.executable, "-I", "./evaluates.py"], (KEM,), "jsonl")
    outside = tmp_path / "outside"
    with socket.create_server(("127.0.0.1", 0)) as server, pqv.attach(file) as iut:
        port = server.getsockname()[1]
        reached, written_there, own = (
            f"__import__('socket').create_connection(('127.0.0.1', {port}), 2)",
            f"open({str(outside)!r}, 'w').write('x')",
            "open('own', 'w').write('xyz')",
        )
        layers = iut.sandbox
        calls = [Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": expression.encode()})
                 for expression in (own, reached, written_there)]  # fmt: skip
        replies = iut.ask(calls)
    assert {"process", "session", "rlimit-data"} <= set(layers)
    assert isinstance(replies[0], Ok)
    missing = [layer for layer in ("netns", "landlock") if not any(held.startswith(layer) for held in layers)]
    if missing:
        pytest.skip(f"this host allows no {' and no '.join(missing)}")
    assert all(isinstance(reply, Fault) for reply in replies[1:]), replies
    assert not outside.exists()


def test_what_the_sandbox_demands_and_the_host_refuses_is_said_and_nothing_runs(tmp_path: Path) -> None:
    touch = tmp_path / "touched"
    target = Program(
        target="it", command=("/usr/bin/touch", str(touch)), sets=(KEM,),
        sandbox={"read": ["/"], "list": [], "write": [str(tmp_path)], "devices": [], "network": True, "library": False,
                 "forks": False, "required": ["netns"]},
    )  # fmt: skip
    with pytest.raises(pqv.AttachError, match="this host does not allow netns"):
        HarnessSession(target)
    assert not touch.exists()
