"""The process in which vendor code runs: reads calls, makes them, writes one reply each. It knows no expectation.

Started by ``adapters.process`` as ``python -I ... serve()`` with the number of a private socket. Descriptor 1 leads to
the log, so nothing that vendor code prints can look like a reply. Each reply is sent before the next call is made,
or lies in the journal that the host reads, so a crash belongs to exactly one call.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import itertools
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from pqvalidate.adapters import sandbox
from pqvalidate.adapters.framing import FrameBuffer, pack
from pqvalidate.adapters.interface import Operation, table_for
from pqvalidate.adapters.journal import Journal
from pqvalidate.adapters.launch import die_with_parent, limit_resources
from pqvalidate.adapters.measuring import preparing, timed
from pqvalidate.adapters.tainted_calls import tainted_calls
from pqvalidate.adapters.together import together, ways
from pqvalidate.adapters.worker_batches import answer_batch, answers
from pqvalidate.algorithms import PREHASH_OID_BYTE

LOADERS = {
    "load_decapsulation_key": "decapsulate",
    "load_decapsulation_key_from_seed": "decapsulate",
    "load_encapsulation_key": "encapsulate",
}
_ENDING = (SystemExit, KeyboardInterrupt, MemoryError)
"""After these the process is not fit for another call: it says so and ends."""


class AdapterError(Exception):
    """The adapter does not keep the contract of the Python object, so nothing can be asked of it."""


class Subject:
    """The implementation under test inside this process: one object per parameter set, and loaded keys."""

    def __init__(self, factory: Callable[[str], object], sets: list[str]) -> None:
        self.objects: dict[str, object] = {}
        self.refused: dict[str, str] = {}
        self.handles: dict[int, Any] = {}
        # A bridge to another process names those ways of making calls together that reach the implementation.
        self.together = [way for way in ways() if way in getattr(factory, "together", ways())]
        self._numbers = itertools.count(1)
        for name in sets:
            try:
                made = factory(name)
            except (ValueError, NotImplementedError) as error:
                self.refused[name] = _describe(error)
                continue
            except Exception as error:
                msg = f"asked for {name}, the adapter raised {_named(error)}"
                raise AdapterError(msg) from error
            if made is None:
                msg = f"asked for {name}, the adapter returned None; it refuses a parameter set by a ValueError"
                raise AdapterError(msg)
            self.objects[name] = made

    def hello(self) -> dict[str, Any]:
        """Return which operations exist, and which optional inputs they cannot take."""
        offered: dict[str, list[str]] = {}
        without: dict[str, list[str]] = {}
        for name, implementation in self.objects.items():
            table = table_for(name)
            offered[name] = [op for op in table if callable(getattr(implementation, op, None))]
            without[name] = [f"{op}.{opt}" for op in offered[name] for opt in _missing(implementation, op, table[op])]
        hashes = {name: _hashes(implementation) for name, implementation in self.objects.items()}
        fixed = {name: sorted(getattr(found, "fixed_lengths", ())) for name, found in self.objects.items()}
        return {
            "protocol": 1,
            "operations": offered,
            "without": without,
            "hashes": hashes,
            "fixed": fixed,
            "refused": self.refused,
            "together": self.together,
        }

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make one call and return its outputs by name."""
        return self.begin(request)()

    def begin(self, request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Make one call; the function that is returned reads its outputs, now or after further calls."""
        name, inputs = request["op"], request.get("in", {})
        if name == "release":
            self.handles.pop(inputs["handle"], None)
            return dict
        if "handle" in inputs:
            return self._begin_loaded(name, inputs)
        operation = table_for(request["set"])[name]
        arguments = [inputs[field] for field in operation.inputs if field in inputs]
        method = getattr(self.objects[request["set"]], name)
        if len(arguments) == len(operation.inputs) or not operation.optional:
            result = method(*arguments)
        else:
            positional = [inputs[field] for field in operation.inputs if field not in operation.optional]
            given = [f for f in operation.optional if f in inputs]
            named = {_parameter(method, f): inputs[f] for f in given}
            result = method(*positional, **named)
        if name in LOADERS:
            number = next(self._numbers)
            self.handles[number] = result
            return lambda: {"handle": number}
        return partial(_outputs, operation.outputs, result)

    def _begin_loaded(self, name: str, inputs: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        key = self.handles[inputs["handle"]]
        if name == "decapsulate":
            return partial(_outputs, ("k",), key.decapsulate(inputs["c"]))
        return partial(_outputs, ("k", "c"), key.encapsulate())


def _hashes(implementation: object) -> list[str]:
    """Return the pre-hash functions that an object lists in ``hash_names``; all of FIPS 204 where it lists none."""
    listed = getattr(implementation, "hash_names", None)
    return [name for name in PREHASH_OID_BYTE if listed is None or name in listed]


_ALIASES = {"rnd": ("rnd", "rnd32"), "context": ("context", "ctx"), "hash": ("hash_name", "hash")}


def _parameter(method: Callable[..., object], field: str) -> str:
    names = _parameters(method)
    if names is None:
        return _ALIASES[field][0]
    return next((alias for alias in _ALIASES[field] if alias in names), field)


def _parameters(method: Callable[..., object]) -> list[str] | None:
    try:
        return list(inspect.signature(method).parameters)
    except (TypeError, ValueError):  # a method written in C without a signature: assume that it takes everything
        return None


def _missing(implementation: object, name: str, operation: Operation) -> list[str]:
    names = _parameters(getattr(implementation, name))
    if names is None:
        return []
    return [f for f in operation.optional if not any(alias in names for alias in _ALIASES[f])]


def _outputs(names: tuple[str, ...], result: object) -> dict[str, Any]:
    values = (result,) if len(names) == 1 else result
    if not isinstance(values, tuple) or len(values) != len(names):
        msg = f"returned {_shape(result)} where ({', '.join(names)}) is expected"
        raise TypeError(msg)
    return {name: _output(name, value) for name, value in zip(names, values, strict=True)}


def _output(name: str, value: object) -> object:
    wanted: type = bool if name == "valid" else bytes
    if type(value) is wanted:
        return value
    if wanted is bytes and isinstance(value, (bytes, bytearray, memoryview)):
        try:
            return bytes(memoryview(value))
        except (ValueError, BufferError) as error:  # a released memoryview, say; a ValueError would look like a refusal
            msg = f"returned {_shape(value)} for {name} that cannot be read: {error}"
            raise TypeError(msg) from error
    msg = f"returned {_shape(value)} for {name}; the interface asks for {wanted.__name__}"
    raise TypeError(msg)


def _shape(value: object) -> str:
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else f"a value of type {type(value).__name__}"


def answer(subject: Subject, request: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to one request: ``ok``, ``rejected`` or ``error``, with the request's id."""
    return {"id": request.get("id"), **_guarded(lambda: _perform(subject, request))}


def _batch(subject: Subject, request: dict[str, Any], journal: Journal, channel: socket.socket) -> bool:
    """Answer the calls of a batch; return whether the process is fit for more."""
    outputs = table_for(request["set"])[request["name"]].outputs
    method = getattr(subject.objects[request["set"]], request["name"])
    found = answers(request, method, outputs, lambda single: _one(subject, single), _guarded)
    return answer_batch(request, found, journal, channel)


def _one(subject: Subject, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return answer(subject, request)
    except _ENDING as error:
        return {"id": request.get("id"), "died": _named(error)}


def _perform(subject: Subject, request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "measure":
        return _measure(subject, request)
    if request["op"] == "taint":
        return tainted_calls(subject, request)
    if request["op"] == "together":
        return together(
            request["how"], request["calls"], lambda call: answer(subject, call), lambda call: _begin(subject, call)
        )
    return subject.call(request)


def _begin(subject: Subject, request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Make one call now; the function that is returned turns it into a reply later."""
    unread: list[Callable[[], dict[str, Any]]] = []

    def make() -> dict[str, Any]:
        unread.append(subject.begin(request))
        return {}

    made = _guarded(make)
    return (lambda: _guarded(unread[0])) if unread else (lambda: made)


def _guarded(action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"ok": action()}
    except ValueError as error:
        return {"rejected": _describe(error)}
    except BaseException as error:  # vendor code may raise anything; panics of Rust are BaseException
        if isinstance(error, _ENDING):
            raise
        return {"error": _named(error)}


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {_describe(error)}".removesuffix(": ")


def _describe(error: object) -> str:
    with contextlib.suppress(Exception):
        return str(error)[:500].encode("utf-8", "backslashreplace").decode()
    return type(error).__name__


def _measure(subject: Subject, request: dict[str, Any]) -> dict[str, Any]:
    """Time calls in here, so that isolation never blurs a figure: nanoseconds of each call.

    Asked for ``cpu``, it also returns the processor time of this whole process, which a neighbour does not lengthen.
    Asked for ``marks``, it calls getppid before and after each call, by which a tool that looks on tells calls apart.
    """
    if "in" in request:
        wanted = request["in"]
        method = getattr(subject.objects[request["set"]], wanted["name"])
        names = table_for(request["set"])[wanted["name"]].inputs
        prepare = preparing(method, names, wanted["common"], wanted["field"])
        return {"ns": timed(prepare, wanted["values"], wanted["planted"])}
    first, second = request["call"], request.get("alternate")
    times: list[int] = []
    busy: list[int] = []
    clock = time.process_time_ns if request.get("cpu") else os.getppid if request.get("marks") else int
    for index in range(int(request["rounds"])):
        chosen = second if second is not None and index % 2 else first
        start = clock()
        before = time.perf_counter_ns()
        outputs = subject.call(chosen)
        times.append(time.perf_counter_ns() - before)
        busy.append(clock() - start)
        subject.handles.pop(outputs.get("handle", 0), None)  # a loaded key that nobody will ask for
    return {"ns": times, "cpu_ns": busy} if request.get("cpu") else {"ns": times}


def load(target: str, path: list[str]) -> Callable[[str], object]:
    """Import ``module:callable`` with ``path`` in front of the import path."""
    sys.path[:0] = path
    module, _, attribute = target.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    if not callable(found):
        msg = f"{attribute} is no function but {_shape(found)}"
        raise AdapterError(msg)
    return found  # type: ignore[no-any-return]


def version_of(target: str, factory: Callable[[str], object]) -> str:
    """Return what ``version()`` of the factory, or else of its module, says; the empty string without one."""
    found = getattr(factory, "version", None) or getattr(sys.modules[target.partition(":")[0]], "version", None)
    return _describe(found()) if callable(found) else ""


def serve() -> None:
    """Serve one host until the socket closes, then end without running exit hooks, which may hang."""
    status = 1
    try:
        # Ctrl-C and the like from outside must look like that: the process dies of the signal, in the midst of a call.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        channel = socket.socket(fileno=int(sys.argv[1]))
        del sys.argv[1:]  # vendor code may look for arguments of its own
        _serve(channel)
        status = 0
    except BaseException as error:  # noqa: BLE001  (nothing may lead to the usual end of the interpreter)
        os.write(2, f"{_named(error)}\n".encode())
    finally:
        os._exit(status)


def _serve(channel: socket.socket) -> None:
    channel.set_inheritable(False)
    channel.setblocking(True)
    buffer, me = FrameBuffer(), os.getpid()

    def receive() -> dict[str, Any] | None:
        while (message := buffer.next()) is None:
            data = channel.recv(1 << 18)
            if not data:
                return None
            buffer.feed(data)
        return message

    config = receive()
    if config is None:
        return
    die_with_parent(config["parent"])
    greeting = _greet(config)
    subject = greeting.pop("subject", None)
    channel.sendall(pack(greeting))
    journal = Journal(Path(config["journal"])) if config["journal"] else None
    while subject and (request := receive()) is not None:
        if request["op"] == "batch" and journal:
            fit = _batch(subject, request, journal, channel)
        else:
            reply = _one(subject, request)
            if os.getpid() != me:  # a copy that vendor code forked off and let return must not answer, too
                return
            channel.sendall(pack(reply))
            fit = "died" not in reply
        if not fit:
            return


def _greet(config: dict[str, Any]) -> dict[str, Any]:
    """Import the implementation; return what to tell the host about it, and the ``subject`` if there is one."""
    held = limit_resources(config["limits"])
    try:
        held += sandbox.apply(config.get("sandbox") or {})
        factory = load(config["target"], config["path"])
        if config["settings"]:
            factory = cast("Callable[[str], object]", factory(config["settings"]))
        subject = Subject(factory, config["sets"])
        version = version_of(config["target"], factory) if config["ask_version"] else ""
        return {"ok": {**subject.hello(), "version": version, "limits": held}, "subject": subject}
    except (AdapterError, sandbox.LayerError) as error:
        return {"error": _describe(error)}
    except BaseException as error:  # noqa: BLE001  (vendor code at import time may raise anything)
        return {"error": _named(error)}
