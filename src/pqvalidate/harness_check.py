"""Does a program keep the harness protocol? For those who write one; says what was sent, seen and is to be changed.

Nothing here judges the cryptography: ``pqvalidate run`` does that, once the conversation is sound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pqvalidate.adapters.attach import session_of
from pqvalidate.adapters.harness import HarnessSession
from pqvalidate.adapters.interface import Fault, Operation, table_for
from pqvalidate.adapters.replies import printable
from pqvalidate.algorithms import PARAMETER_SETS, nearest
from pqvalidate.errors import AttachError, UsageError
from pqvalidate.harness_trip import Finding, operations, required
from pqvalidate.manifest import find_manifest, read_manifest

SCHEMA = "pqvalidate/harness-check/1"
_PIPELINED = 64
_LARGEST_ID = 2**53 - 1
"""The largest whole number that every JSON library keeps exactly (RFC 8259 section 6)."""
_EXIT_SECONDS = 5.0
_ROUNDS = 10
_PAUSE_SECONDS = 0.1
_PREFERRED = ("decapsulate", "verify", "encapsulate", "keygen_from_seed")
_ANSWERS = ("ok", "rejected", "error")


@dataclass(frozen=True, slots=True)
class Checked:
    """All findings about one program."""

    program: str
    framing: str
    findings: tuple[Finding, ...]

    @property
    def keeps_the_protocol(self) -> bool:
        """Whether nothing failed."""
        return all(finding.outcome != "fail" for finding in self.findings)

    def document(self) -> dict[str, Any]:
        """Return the findings as a JSON document."""
        rows = [
            {"check": f.check, "outcome": f.outcome, "sent": f.sent, "seen": f.seen, "change": f.change}
            for f in self.findings
        ]
        return {
            "schema": SCHEMA, "program": self.program, "framing": self.framing,
            "keeps_the_protocol": self.keeps_the_protocol, "checks": rows,
        }  # fmt: skip

    def text(self) -> str:
        """Return the findings for a reader, one line each, with a remedy below each failed one."""
        lines = [f"{self.program}: harness protocol 1, framing {self.framing}", ""]
        width = max(len(finding.check) for finding in self.findings)
        for finding in self.findings:
            lines.append(f"  {finding.outcome:<9}  {finding.check:<{width}}  sent {finding.sent}; seen: {finding.seen}")
            if finding.change:
                lines.append(f"  {'':<9}  {'':<{width}}  change: {finding.change}")
        failed = sum(finding.outcome == "fail" for finding in self.findings)
        lines += ["", f"{failed} of {len(self.findings)} failed" if failed else "The program keeps the protocol."]
        return "\n".join(lines) + "\n"


Found: TypeAlias = tuple[str, str]
"""What was seen, and the change that it calls for; no change if all was well."""


def check_harness(name: str) -> Checked:
    """Start the program of a manifest and try the whole protocol on it.

    Raises:
        UsageError: the manifest is not of kind harness with the protocol of pqvalidate.
        InputError: the manifest is missing or malformed.

    """
    file = find_manifest(name, {})
    manifest = read_manifest(file)
    attach = manifest.attach
    if attach.kind != "harness" or attach.dialect not in ("", "pqvalidate"):
        spoken = f"{attach.kind} {attach.dialect}".strip()
        raise UsageError(f"harness-check is for kind harness and its own protocol; {file} has kind {spoken}")
    program = " ".join(attach.command)
    try:
        session = session_of(manifest, Path(file))
    except AttachError as error:
        change = "Answer the request hello with one reply, and print anything else to standard error"
        finding = Finding("hello", "fail", "hello", str(error), change)
        return Checked(program, attach.framing, (finding,))
    assert isinstance(session, HarnessSession)  # noqa: S101  (session_of starts nothing else for this kind)
    with session:
        return Checked(program, attach.framing, tuple(_findings(_Examined(session, attach.framing == "jsonl"))))


@dataclass(frozen=True, slots=True)
class _Examined:
    session: HarnessSession
    text: bool

    def say(self, message: dict[str, Any]) -> dict[str, Any] | Fault:
        """Send one message and return the reply to it."""
        replies = self.session.raw(self.session.framed(message), 1)
        return replies if isinstance(replies, Fault) else replies[0]

    def offered(self) -> Iterator[tuple[str, str, Operation]]:
        for name, offered in self.session.hello["operations"].items():
            for operation in offered:
                yield name, operation, table_for(name)[operation]

    def example(self) -> dict[str, Any]:
        """Return a request that the program should understand, with inputs that it should refuse or answer."""
        offered = [(operation, name, required(shape)) for name, operation, shape in self.offered()]
        for operation, name, fields in sorted(offered, key=lambda row: row[0] not in _PREFERRED):
            if fields and "hash" not in fields:
                return {"op": operation, "set": name, "in": dict.fromkeys(fields, bytes(32))}
        return {"op": "keygen", "set": next((row[1] for row in offered), "ML-KEM-768"), "in": {}}


def _findings(program: _Examined) -> Iterator[Finding]:
    for name, sent, act in _CHECKS:
        found = act(program)
        if found is None:
            yield Finding(name, "not-asked", sent, "nothing that this could be asked of")
        else:
            seen, change = found
            yield Finding(name, "fail" if change else "pass", sent, seen, change)
    yield from operations(program.session)
    not_there = program.session.revive()
    seen = not_there.why if not_there else program.session.end_input(_EXIT_SECONDS)
    change = "Exit with status 0 when standard input ends, and write nothing but replies to standard output"
    yield Finding("end of input", "fail" if seen else "pass", "end of input", seen or "exit 0", change if seen else "")


def _hello(program: _Examined) -> Found:
    reply = program.say({"id": 1, "op": "hello"})
    if isinstance(reply, Fault):
        return reply.why, "Answer hello whenever it is asked, not just once"
    if not isinstance(reply.get("ok"), dict):
        return _shown(reply), "Answer hello whenever it is asked, not just once"
    sets = program.session.hello["operations"]
    seen = ", ".join(f"{len(offered)} operations of {name}" for name, offered in sets.items())
    ignored = list(_ignored(reply["ok"]))
    seen += f"; left aside: {'; '.join(ignored)}" if ignored else ""
    lacking = [*program.session.hello["refused"], *(name for name, offered in sets.items() if not offered)]
    if lacking:
        return f"{seen}; nothing of {', '.join(lacking)}".removeprefix(
            "; "
        ), "Offer what the manifest claims, or claim less"
    return seen, ""


def _ignored(said: object) -> Iterator[str]:
    """Yield the names in a hello that mean nothing here, with the nearest that do."""
    operations = said.get("operations") if isinstance(said, dict) else None
    for name, offered in operations.items() if isinstance(operations, dict) else ():
        if name not in PARAMETER_SETS:
            yield printable(name) + nearest(name, list(PARAMETER_SETS))
            continue
        known = table_for(name)
        for operation in offered if isinstance(offered, list) else ():
            if operation not in known:
                yield f"{printable(operation)} of {name}{nearest(str(operation), list(known))}"


def _error_and_life(program: _Examined, message: dict[str, Any], change: str, accepted: tuple[str, ...]) -> Found:
    """Send what cannot be answered; return whether an error or refusal came, and whether the next call is answered."""
    reply = program.say({"id": 7, **message})
    if isinstance(reply, Fault):
        return reply.why, change
    seen = _shown(reply)
    if reply.get("id") != 7:
        return f"{seen}; with id {printable(reply.get('id'))}, not 7", f"{change}. Each reply has the id of its request"
    if not any(key in reply for key in accepted):
        return seen, change
    after = program.say({"id": 8, "op": "hello"})
    if isinstance(after, Fault) or after.get("id") != 8:
        return f"{seen}, and then {_shown(after)}", change
    return seen, ""


def _unknown_operation(program: _Examined) -> Found:
    change = 'Reply {"id": ..., "error": "unknown operation ..."} and go on'
    return _error_and_life(program, {"op": "no-such-operation", "set": "ML-KEM-768", "in": {}}, change, ("error",))


def _unknown_set(program: _Examined) -> Found:
    change = 'Reply {"id": ..., "error": "unknown parameter set ..."} and go on'
    message = {**program.example(), "set": "ML-KEM-0"}
    for _, operation, shape in program.offered():
        if operation.startswith("keygen"):  # what a program that does not look at the set would answer
            message = {"op": operation, "set": "ML-KEM-0", "in": {field: bytes(64) for field in shape.inputs}}
    return _error_and_life(program, message, change, ("error", "rejected"))


def _missing_input(program: _Examined) -> Found | None:
    message = program.example()
    if not message["in"]:
        return None
    change = 'Reply {"id": ..., "error": "input ... is missing"} and go on'
    return _error_and_life(program, {**message, "in": {}}, change, ("error", "rejected"))


def _wrong_input(program: _Examined, value: object) -> Found | None:
    message = program.example()
    if not message["in"]:
        return None
    change = 'Reply {"id": ..., "error": "..."} to an input that cannot be read, and go on'
    return _error_and_life(program, {**message, "in": dict.fromkeys(message["in"], value)}, change, _ANSWERS[1:])


def _odd_hex(program: _Examined) -> Found | None:
    return _wrong_input(program, "abc") if program.text else None


def _no_hex(program: _Examined) -> Found | None:
    return _wrong_input(program, "zz") if program.text else None


def _number(program: _Examined) -> Found | None:
    return _wrong_input(program, 5)


def _empty(program: _Examined) -> Found | None:
    message = program.example()
    if not message["in"]:
        return None
    change = "Answer a call with empty byte strings: with ok, rejected or error"
    return _error_and_life(program, {**message, "in": dict.fromkeys(message["in"], b"")}, change, _ANSWERS)


def _long(length: int) -> Callable[[_Examined], Found | None]:
    def send(program: _Examined) -> Found | None:
        message = program.example()
        if not message["in"]:
            return None
        change = f"Read messages of any length; the tests send up to {length} bytes in one input"
        inputs = {**message["in"], list(message["in"])[-1]: bytes(length)}
        return _error_and_life(program, {**message, "in": inputs}, change, _ANSWERS)

    return send


def _extra(program: _Examined) -> Found:
    change = "Leave fields aside that you do not know; later versions may add some"
    return _error_and_life(program, {"op": "hello", "later": {"unknown": [1, None]}}, change, ("ok",))


def _ids(program: _Examined) -> Found:
    for number in (0, 1, 127, 128, 65536, 2**31, 2**32 + 1, _LARGEST_ID):
        reply = program.say({"id": number, "op": "hello"})
        echoed = None if isinstance(reply, Fault) else reply.get("id")
        if type(echoed) is not int or echoed != number:
            return f"{_shown(reply)} for id {number}", "Return the id unchanged: a whole number of up to 53 bits"
    return "each came back", ""


def _in_two_parts(program: _Examined) -> Found:
    data = program.session.framed({"id": 5, "op": "hello"})
    change = "Go on reading until a message is whole; the parts of one may arrive apart"
    first = program.session.raw(data[:7], 0)
    time.sleep(_PAUSE_SECONDS)
    second = program.session.raw(data[7:], 1)
    if isinstance(first, Fault) or isinstance(second, Fault) or second[0].get("id") != 5:
        return _shown(second if isinstance(second, Fault) else second[0]), change
    return "one reply", ""


def _pipelined(program: _Examined) -> Found:
    example = program.example()
    numbers = range(1000, 1000 + _PIPELINED)
    data = b"".join(program.session.framed({"id": n, **(example if n % 2 else {"op": "hello"})}) for n in numbers)
    replies = program.session.raw(data, _PIPELINED)
    change = "Answer requests one after the other in their order, and flush each reply before waiting for input"
    if isinstance(replies, Fault):
        return replies.why, change
    seen = [reply.get("id") for reply in replies]
    wrong = next((index for index, n in enumerate(numbers) if seen[index] != n), None)
    if wrong is not None:
        return f"reply {wrong + 1} has id {printable(seen[wrong])}, not {numbers[wrong]}", change
    return f"{_PIPELINED} replies in order", ""


def _batch(program: _Examined) -> Found | None:
    if not program.session.hello.get("batch"):
        return None
    change = 'Reply {"id": ..., "ok": [...]} with one entry for each call: what a single call is answered, without id'
    example = program.example()
    calls = [example, {**example, "op": "no-such-operation"}, example]
    singly = [program.say({"id": 9, **call}) for call in calls]
    reply = program.say({"id": 9, "op": "batch", "calls": calls})
    if isinstance(reply, Fault) or not isinstance(entries := reply.get("ok"), list):
        return _shown(reply), change
    kinds, wanted = [_kind(entry) for entry in entries], [_kind(single) for single in singly]
    if kinds != wanted:
        return f"{', '.join(kinds)}, where single calls give {', '.join(wanted)}", change
    empty = program.say({"id": 10, "op": "batch", "calls": []})
    if isinstance(empty, Fault) or empty.get("ok") != []:
        return f"{_shown(empty)} to a batch without calls", change
    return ", ".join(kinds), ""


def _measure(program: _Examined) -> Found | None:
    if not program.session.hello.get("measure"):
        return None
    change = 'Reply {"id": ..., "ok": {"ns": [...]}}: whole nanoseconds of each of the calls, made one after the other'
    call = program.example()
    for name, operation, shape in program.offered():
        if operation.startswith("keygen"):
            call = {
                "op": operation,
                "set": name,
                "in": {field: bytes(PARAMETER_SETS[name].seed) for field in shape.inputs},
            }
    reply = program.say({"id": 11, "op": "measure", "call": call, "alternate": call, "rounds": _ROUNDS})
    values = {} if isinstance(reply, Fault) else reply.get("ok")
    times = values.get("ns") if isinstance(values, dict) else None
    if not isinstance(times, list) or len(times) != _ROUNDS or any(type(ns) is not int or ns < 0 for ns in times):
        return _shown(reply), change
    return f"{_ROUNDS} times", ""


_CHECKS: tuple[tuple[str, str, Callable[[_Examined], Found | None]], ...] = (
    ("hello", "hello once more", _hello),
    ("unknown operation", 'op "no-such-operation"', _unknown_operation),
    ("unknown set", 'set "ML-KEM-0"', _unknown_set),
    ("missing input", "a call without its inputs", _missing_input),
    ("odd hex", 'inputs "abc"', _odd_hex),
    ("no hex", 'inputs "zz"', _no_hex),
    ("wrong type", "inputs that are the number 5", _number),
    ("empty input", "empty byte strings", _empty),
    ("64 KiB", "an input of 65536 bytes", _long(1 << 16)),
    ("10 MiB", "an input of 10485760 bytes", _long(10 << 20)),
    ("unknown field", "hello with a further field", _extra),
    ("ids", f"ids from 0 to {_LARGEST_ID}", _ids),
    ("two parts", "one request in two parts", _in_two_parts),
    ("pipelined", f"{_PIPELINED} requests at once", _pipelined),
    ("batch", "three calls in a batch, and none", _batch),
    ("measure", "two calls to time", _measure),
)


def _shown(message: dict[str, Any] | Fault) -> str:
    if isinstance(message, Fault):
        return message.why
    answer = next((key for key in _ANSWERS if key in message), None)
    said = f": {printable(message[answer])[:100]}" if answer in ("rejected", "error") else ""
    return f"{answer or 'neither ok, rejected nor error'}{said}"


def _kind(entry: object) -> str:
    return next((key for key in _ANSWERS if isinstance(entry, dict) and key in entry), "no reply")
