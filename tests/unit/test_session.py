"""The conversation with a worker: order, restarts, interrupts, and replies that are none."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pqvalidate
from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply
from pqvalidate.adapters.replies import printable, reply_of, reply_to
from pqvalidate.adapters.session import Limits, Session, Target
from pqvalidate.errors import AttachError, NoProcessError, UsageError

KEM = "ML-KEM-768"
ADAPTER = """
import atexit, os, sys, time, pqvalidate
from pathlib import Path

class Kem:
    calls = 0
    def decapsulate(self, dk, c):
        Kem.calls += 1
        if c == b"die": os._exit(9)
        if c == b"wait": time.sleep(30)
        if c == b"nap": time.sleep(0.8)
        if c == b"abort": os.write(2, b"first line\\nheap is \\x1b[31mcorrupt\\n"); os.abort()
        if c == b"pid": return str(os.getpid()).encode()
        if c == b"hook": atexit.register(time.sleep, 60)
        if c == b"count": return str(Kem.calls).encode()
        if c == b"where": return pqvalidate.__file__.encode()
        if c == b"refuse": raise ValueError("refused")
        if c == b"raise": raise RuntimeError("raised")
        if c == b"cut":
            maps = Path("/proc/self/maps").read_text().split()
            for path in {path for path in maps if path.startswith("/") and "replies" in path}: os.truncate(path, 0)
            os._exit(9)
        if c == b"unplug":
            for name in os.listdir("/proc/self/fd"):
                if Path(f"/proc/self/fd/{name}").is_socket(): os.close(int(name))
            return c
        if c == b"arguments": return repr(sys.argv).encode()
        return c
    def load_decapsulation_key(self, dk): return Kem()

def implementation(name): return Kem()
"""


def decapsulate(c: bytes) -> Call:
    return Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": c})


def shown(reply: Reply) -> bytes | str:
    return bytes(reply.values["k"]) if isinstance(reply, Ok) else str(reply)


@pytest.fixture(params=[False, True], ids=["one by one", "many in one message"])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    (tmp_path / "echo.py").write_text(ADAPTER)
    target = Target(target="echo:implementation", path=(str(tmp_path),), sets=(KEM,), batches=request.param)
    with Session(target, Limits(call_seconds=20)) as started:
        yield started


def test_replies_come_in_the_order_of_the_calls_also_of_many_and_long_ones(session: Session) -> None:
    calls = [bytes([number % 256]) * (number * 97 % 20_000 + 6) for number in range(600)]
    assert [shown(reply) for reply in session.ask([decapsulate(c) for c in calls])] == calls


def test_the_three_ways_of_answering_are_told_apart(session: Session) -> None:
    refused, raised = session.ask([decapsulate(b"refuse"), decapsulate(b"raise")])
    assert isinstance(refused, Rejected)
    assert refused.why == "refused"
    assert isinstance(raised, Fault)
    assert (raised.kind, raised.why) == ("exception", "RuntimeError: raised")
    assert session.restarts == 0


def test_after_a_lost_process_the_next_call_gets_a_new_one(session: Session) -> None:
    replies = session.ask([decapsulate(c) for c in (b"a", b"die", b"count", b"die", b"die", b"b")])
    died = "crash: exited with status 9 without a reply"
    assert [shown(reply) for reply in replies] == [b"a", died, b"1", died, died, b"b"]
    assert session.restarts == 3


def test_no_more_calls_are_made_after_so_many_lost_processes(session: Session) -> None:
    replies = session.ask([decapsulate(c) for c in (b"die", b"raise", b"die", b"a")], most_losses=2)
    assert len(replies) == 3


def test_vendor_code_that_cuts_off_the_file_of_replies_costs_its_own_process_alone(session: Session) -> None:
    replies = session.ask([decapsulate(c) for c in (b"cut", b"b")])
    assert [shown(reply) for reply in replies] == ["crash: exited with status 9 without a reply", b"b"]
    first, *_, last = session.ask([decapsulate(c) for c in (b"a", b"cut", b"c")])
    assert shown(first) in (b"a", "crash: exited with status 9 without a reply")  # kept, or cut off with the rest
    assert shown(last) == b"c"


def test_a_process_that_lost_its_connection_is_missed_also_where_all_replies_were_kept(session: Session) -> None:
    restart = Call(operation="restart", parameter_set=KEM, inputs={})
    calls = [decapsulate(b"a"), decapsulate(b"unplug"), decapsulate(b"b"), restart, decapsulate(b"c")]
    replies = session.ask(calls)
    assert [isinstance(reply, Fault) for reply in replies].count(True) == 1, (
        "in silence, it would be as if it were sound"
    )
    assert isinstance(replies[1], Fault) or "after replies to all calls in flight" in str(replies[2])
    assert shown(replies[4]) == b"c"
    assert [shown(reply) for reply in session.ask([decapsulate(b"d")])] == [b"d"]


def test_a_reply_that_came_in_time_counts_although_this_process_was_kept_from_looking(session: Session) -> None:
    """Something else holds the interpreter while the reply comes and the limit passes."""
    session.limits = Limits(call_seconds=1)
    session.ask([decapsulate(b"a")])
    interval = sys.getswitchinterval()

    def hold() -> None:
        time.sleep(0.1)
        sys.setswitchinterval(2)
        end = time.monotonic() + 1.4
        while time.monotonic() < end:
            pass

    def work() -> bool:
        return True

    holder = threading.Thread(target=hold)
    session.meanwhile = work
    try:
        holder.start()
        assert [shown(reply) for reply in session.ask([decapsulate(b"nap")])] == [b"nap"]
    finally:
        session.meanwhile = None
        sys.setswitchinterval(interval)
        holder.join()


def test_the_last_printed_line_goes_with_a_crash(session: Session) -> None:
    (reply,) = session.ask([decapsulate(b"abort")])
    assert shown(reply) == "crash: killed by SIGABRT; the last line that it printed: heap is [31mcorrupt"


def test_the_worker_runs_the_code_of_the_host_and_hides_its_own_arguments(session: Session) -> None:
    where, arguments = session.ask([decapsulate(b"where"), decapsulate(b"arguments")])
    assert shown(where) == (pqvalidate.__file__ or "").encode()
    assert shown(arguments) == b"['-c']"


def test_a_restart_that_was_asked_for_gives_a_new_process(session: Session) -> None:
    restart = Call(operation="restart", parameter_set=KEM, inputs={})
    replies = session.ask([decapsulate(b"a"), decapsulate(b"count"), restart, decapsulate(b"count")])
    assert [shown(reply) for reply in (replies[1], replies[3])] == [b"2", b"1"]


def test_an_interrupt_loses_the_process_and_no_late_reply_meets_a_later_call(session: Session) -> None:
    """With a worker kept, the reply to the interrupted call would be taken for that to the next."""
    (pid,) = session.ask([decapsulate(b"pid")])
    timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        session.ask([decapsulate(b"wait"), decapsulate(b"stale")])
    assert not session.alive
    assert not Path(f"/proc/{shown(pid).decode()}").exists()  # type: ignore[union-attr]
    assert [shown(reply) for reply in session.ask([decapsulate(b"fresh")])] == [b"fresh"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_process_that_is_killed_between_calls_is_replaced_unnoticed(session: Session, number: int) -> None:
    (pid,) = session.ask([decapsulate(b"pid")])
    os.kill(int(shown(pid)), number)
    time.sleep(0.1)
    assert [shown(reply) for reply in session.ask([decapsulate(b"a"), decapsulate(b"b")])] == [b"a", b"b"]
    assert session.restarts == 1


def gone(pid: int) -> bool:
    """Wait at most 10 s for a process to end; a zombie has ended."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


HOST = """
import sys
from pqvalidate.adapters.interface import Call
from pqvalidate.adapters.session import Session, Target
with Session(Target(target="echo:implementation", path=(sys.argv[1],), sets=("ML-KEM-768",))) as session:
    for c in sys.argv[2:]:
        inputs = {"dk": b"", "c": c.encode()}
        (reply,) = session.ask([Call(operation="decapsulate", parameter_set="ML-KEM-768", inputs=inputs)])
        print(reply.values["k"].decode(), flush=True)
"""


def test_a_worker_that_hangs_ends_when_its_host_is_killed(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ADAPTER)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", HOST, str(tmp_path), "pid", "wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as host:
        assert host.stdout
        pid = int(host.stdout.readline())
        time.sleep(0.3)  # so that the worker is in the call that hangs
        host.kill()
    assert gone(pid)


def test_a_worker_that_is_hung_up_on_runs_no_exit_hook(session: Session) -> None:
    _, pid = session.ask([decapsulate(b"hook"), decapsulate(b"pid")])
    assert session._child
    session._child.channel.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    assert gone(int(shown(pid)))


def test_a_session_that_was_closed_starts_nothing_any_more(session: Session) -> None:
    session.close()
    session.close()
    for act in (lambda: session.ask([decapsulate(b"a")]), lambda: session.request({"op": "release", "in": {}})):
        with pytest.raises(UsageError, match="was closed"):
            act()
    assert not session.alive


def test_an_implementation_that_does_not_start_again_is_a_fault_of_every_call(session: Session, tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text("raise RuntimeError('used up')")
    replies = session.ask([decapsulate(b"die"), decapsulate(b"a"), decapsulate(b"b")])
    assert [reply.kind for reply in replies if isinstance(reply, Fault)] == ["crash"] * 3
    assert shown(replies[2]) == (
        "crash: after a lost process, echo:implementation could not be started: RuntimeError: used up."
    )
    reply = session.request({"op": "release", "in": {"handle": 1}})
    assert isinstance(reply, Fault)


def test_a_machine_that_starts_no_process_accuses_nobody_and_is_asked_again(session: Session) -> None:
    assert isinstance(session.ask([decapsulate(b"die")])[0], Fault)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as free:  # one descriptor more is free, and no pair of them
        resource.setrlimit(resource.RLIMIT_NOFILE, (free.fileno() + 1, limits[1]))
    try:
        with pytest.raises(NoProcessError, match=r"That says nothing about the implementation; mend it"):
            session.ask([decapsulate(b"a")])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert shown(session.ask([decapsulate(b"a")])[0]) == b"a"


def test_a_start_that_failed_once_is_tried_again(session: Session, tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(
        f"import os, pathlib\nplace = pathlib.Path({str(tmp_path / 'tried')!r})\n"
        f"if not place.exists(): place.touch(); os._exit(1)\n{ADAPTER}"
    )
    replies = session.ask([decapsulate(b"die"), decapsulate(b"a")])
    assert shown(replies[1]) == b"a"


BAD_HELLOS = {
    "lacks a field": "{}",
    "has a list for a table": "{**good, 'operations': []}",
    "has numbers for names": "{**good, 'refused': {1: 2}}",
    "is a list": "[]",
}


@pytest.mark.parametrize("hello", BAD_HELLOS.values(), ids=BAD_HELLOS)
def test_a_worker_that_was_tampered_with_and_says_nonsense_is_not_attached(hello: str, tmp_path: Path) -> None:
    empty = {"operations": {}, "without": {}, "hashes": {}, "refused": {}, "together": [], "limits": [], "version": ""}
    (tmp_path / "forger.py").write_text(
        "import os, stat, time\nfrom pqvalidate.adapters.framing import pack\n"
        f"good = {empty}\n"
        "for number in range(3, 256):\n"
        "    try:\n"
        "        if stat.S_ISSOCK(os.fstat(number).st_mode):\n"
        f"            os.write(number, pack({{'ok': {hello}}}))\n"
        "    except OSError:\n"
        "        pass\n"
        "time.sleep(30)\n"
    )
    with pytest.raises(AttachError, match="what it says about itself is malformed"):
        Session(Target(target="forger:x", path=(str(tmp_path),), sets=(KEM,)))


OUTPUTS: dict[str, tuple[dict[str, object], str]] = {
    "another id": ({"id": 8, "ok": {"k": b""}}, "carries id 8, expected 7"),
    "no id": ({"ok": {"k": b""}}, "carries id None"),
    "no output": ({"id": 7, "ok": {}}, "where k is expected"),
    "one output too many": ({"id": 7, "ok": {"k": b"", "c": b""}}, "a reply holds k, c where k is expected"),
    "text": ({"id": 7, "ok": {"k": "secret"}}, "a value of type str as k"),
    "a number for ok": ({"id": 7, "ok": 1}, "neither ok, rejected nor error"),
    "an output of 2 MiB and more": ({"id": 7, "ok": {"k": bytes((1 << 21) + 1)}}, "2097153 bytes as k"),
}


@pytest.mark.parametrize(("message", "why"), OUTPUTS.values(), ids=OUTPUTS)
def test_a_reply_in_another_shape_is_a_protocol_fault(message: dict[str, object], why: str) -> None:
    reply = reply_to(message, 7, decapsulate(b""))
    assert isinstance(reply, Fault)
    assert reply.kind == "protocol"
    assert why in reply.why


def test_a_reply_in_the_right_shape_is_one() -> None:
    reply = reply_to({"id": 7, "ok": {"k": b"k"}}, 7, decapsulate(b""))
    assert isinstance(reply, Ok)
    assert reply.values == {"k": b"k"}


GOOD = {"id": 1, "ok": {"k": b"k"}}
TOGETHER: dict[str, tuple[str, object]] = {
    "no list": ("kept", 7),
    "one reply for two calls": ("kept", [GOOD]),
    "a reply that is no map": ("kept", [GOOD, 7]),
    "a list among them": ("kept", [GOOD, [GOOD]]),
    "one of a wrong shape": ("threads", [GOOD, {"id": 1, "ok": {"c": b""}}]),
    "a copy without replies": ("fork", [[GOOD, GOOD], []]),
    "replies that belong to no copy": ("fork", [GOOD, GOOD]),
}


@pytest.mark.parametrize(("how", "replies"), TOGETHER.values(), ids=TOGETHER)
def test_calls_made_together_need_one_reply_each(how: str, replies: object) -> None:
    inputs = {"how": how, "calls": (decapsulate(b""), decapsulate(b""))}
    call = Call(operation="together", parameter_set=KEM, inputs=inputs)
    reply = reply_to({"id": 7, "ok": {"replies": replies}}, 7, call)
    if how == "kept" and replies == [GOOD, 7]:
        assert isinstance(reply, Ok)
        assert [type(inner) for inner in reply.values["replies"]] == [Ok, Fault]
    else:
        assert isinstance(reply, Fault)
        assert reply.kind == "protocol"


@pytest.mark.parametrize("make", [Rejected, lambda text: Fault("exception", text)])
def test_text_from_a_vendor_is_short_and_printable(make: Callable[[str], Reply]) -> None:
    name = "rejected" if make is Rejected else "error"
    reply = reply_of({"id": 1, name: "\x1b[2J\x07two\nlines\u202e " + "x" * 1000})
    assert not isinstance(reply, Ok)
    assert reply.why.startswith("[2J two lines x")
    assert reply.why.isprintable()
    assert len(reply.why) <= 500


def test_what_is_printable_stays_as_it_is() -> None:
    assert printable("FIPS 203 §7.2: ≥ q") == "FIPS 203 §7.2: ≥ q"
