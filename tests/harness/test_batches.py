"""Batches: when they are sent, and who is to blame when one does not come back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pqvalidate.adapters.harness import HarnessSession, Program
from pqvalidate.adapters.interface import Call, Ok, Reply
from pqvalidate.adapters.session import Limits

KEM = "ML-KEM-768"
# Answers decapsulate with k = c and the number of batches so far; c says what else to do. It keeps a file of what came.
PROGRAM = """
import json, os, signal, sys, time
batches, calls = 0, 0
def one(call, inside):
    global calls
    calls += 1
    c = bytes.fromhex(call["in"]["c"])
    with open(sys.argv[1], "a") as journal:
        journal.write(f"{'batch' if inside else 'single'} {c.decode()}\\n")
    if call["op"] == "keygen": return {"ok": {"ek": "", "dk": ""}}
    if c == b"die": os._exit(9)
    if c == b"die in a batch" and inside: os._exit(9)
    if c == b"wait in a batch" and inside: time.sleep(30)
    if c == b"garbage in a batch" and inside: return {"nothing": 1}
    if c == b"error in a batch" and inside: return {"error": "broken"}
    if c == b"killed" and not os.path.exists(sys.argv[1] + ".once"):
        open(sys.argv[1] + ".once", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if c == b"refuse": return {"rejected": "no"}
    if c == b"sleep": time.sleep(0.2)
    return {"ok": {"k": c.hex()}}
for line in sys.stdin:
    request = json.loads(line)
    if request["op"] == "hello":
        reply = {"ok": {"protocol": 1, "operations": {"ML-KEM-768": ["decapsulate", "keygen"]}, "batch": True}}
    elif request["op"] == "batch":
        batches += 1
        replies = [one(call, True) for call in request["calls"]]
        if any(bytes.fromhex(call["in"]["c"]) == b"too few" for call in request["calls"]): replies.pop()
        reply = {"ok": replies}
        if any(bytes.fromhex(call["in"]["c"]) == b"refuse batches" for call in request["calls"]):
            reply = {"error": "no batches today"}
    else:
        reply = one(request, False)
    print(json.dumps({"id": request["id"], **reply}), flush=True)
"""


class Bench:
    """A session with the program, and its journal."""

    def __init__(self, folder: Path, seconds: int) -> None:
        (folder / "program.py").write_text(PROGRAM)
        self.file = folder / "journal"
        command = (sys.executable, "-I", str(folder / "program.py"), str(self.file))
        target = Program(target="program", command=command, sets=(KEM,))
        self.session = HarnessSession(target, Limits(call_seconds=seconds))
        self.ask(b"first")  # now the pace is known

    def ask(self, *cs: bytes, most_losses: int | None = None) -> list[str]:
        self.file.write_text("")
        calls = [Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": c}) for c in cs]
        return [shown(reply) for reply in self.session.ask(calls, most_losses)]

    def journal(self) -> list[str]:
        return self.file.read_text().splitlines()


def shown(reply: Reply) -> str:
    return bytes(reply.values["k"]).decode() if isinstance(reply, Ok) else str(reply)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, 20)
    with made.session:
        yield made


def test_cheap_calls_go_in_batches_and_replies_keep_their_order(bench: Bench) -> None:
    cs = [f"c{number}".encode() for number in range(100)]
    assert bench.ask(*cs) == [c.decode() for c in cs]
    assert bench.journal() == [f"batch {c.decode()}" for c in cs]


def test_one_call_and_one_of_unknown_pace_go_alone(bench: Bench) -> None:
    bench.ask(b"a")
    assert bench.journal() == ["single a"]
    keygen = Call(operation="keygen", parameter_set=KEM, inputs={"c": b"b"})
    bench.file.write_text("")
    bench.session.ask([keygen, keygen])
    assert bench.journal() == ["single b", "single b"]


def test_slow_calls_go_alone_again(bench: Bench) -> None:
    bench.ask(b"sleep", b"sleep", b"sleep")
    bench.ask(b"a", b"b")
    assert bench.journal() == ["single a", "single b"]


def test_refusals_and_errors_inside_a_batch_stay_with_their_calls(bench: Bench) -> None:
    assert bench.ask(b"a", b"refuse", b"error in a batch", b"b") == ["a", "no", "exception: broken", "b"]
    assert bench.session.restarts == 0


def test_a_crash_inside_a_batch_is_blamed_on_its_call_which_is_asked_alone(bench: Bench) -> None:
    died = "crash: exited with status 9 without a reply"
    assert bench.ask(b"a", b"die", b"b", b"c") == ["a", died, "b", "c"]
    # In the batch up to the crash; then one by one, in a fresh process, and after the crash in another.
    assert bench.journal()[:4] == ["batch a", "batch die", "single a", "single die"]
    assert bench.session.restarts == 2


def test_losses_are_counted_once_and_end_the_asking(bench: Bench) -> None:
    replies = bench.ask(b"die", b"a", b"die", b"b", b"die", b"c", most_losses=2)
    assert [reply.startswith("crash") for reply in replies] == [True, False, True]


@pytest.mark.parametrize(
    ("c", "said"),
    [
        (b"die in a batch", "crash: in a batch of 3 calls: exited with status 9 without a reply; none of them"),
        (b"garbage in a batch", "protocol: in a batch of 3 calls: a reply holds neither ok, rejected nor error"),
        (b"too few", "protocol: in a batch of 3 calls: a reply to a batch of 3 calls holds 2 replies"),
    ],
)
def test_a_fault_that_no_single_call_shows_stands_at_the_last_call_of_the_batch(
    c: bytes, said: str, bench: Bench
) -> None:
    replies = bench.ask(c, b"a", b"b")
    assert replies[:2] == [c.decode(), "a"]
    assert replies[2].startswith(said)


def test_calls_that_are_too_slow_for_a_batch_are_not_blamed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 1)
    with bench.session:
        assert bench.ask(b"a", b"wait in a batch", b"b") == ["a", "wait in a batch", "b"]
        bench.ask(b"c", b"d")
        assert bench.journal() == ["single c", "single d"]


def test_a_batch_that_is_refused_as_a_whole_is_asked_one_by_one_from_then_on(bench: Bench) -> None:
    assert bench.ask(b"refuse batches", b"a") == ["refuse batches", "a"]
    bench.ask(b"c", b"d")
    assert bench.journal() == ["single c", "single d"]


def test_a_kill_from_outside_in_the_midst_of_a_batch_is_no_fault(bench: Bench) -> None:
    assert bench.ask(b"a", b"killed", b"b") == ["a", "killed", "b"]
    assert bench.session.restarts == 1


def test_a_restart_between_calls_ends_a_batch(bench: Bench) -> None:
    call = Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": b"a"})
    restart = Call(operation="restart", parameter_set=KEM, inputs={})
    before = bench.session.restarts
    for _ in range(2):  # also once the pace of restarts could have been taken for that of a call
        replies = bench.session.ask([call, call, restart, restart, call, call])
        assert [isinstance(reply, Ok) for reply in replies] == [True] * 6
    assert bench.session.restarts == before + 2


def test_a_large_input_does_not_travel_with_many_others(bench: Bench) -> None:
    cs = [str(number).encode() * (1 << 17) for number in range(4)]
    assert bench.ask(*cs) == [c.decode() for c in cs]
    assert bench.journal()[0].startswith("batch 0")
