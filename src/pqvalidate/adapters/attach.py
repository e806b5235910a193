"""Attach an implementation: from a name or manifest to one object that answers through the common interface."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast

import pqvalidate.vendors as built_in
from pqvalidate.adapters.artefacts import (
    artefact_folders,
    artefact_of,
    artefacts_of,
    command_files,
    library_file,
    module_file,
)
from pqvalidate.adapters.c_abi_plan import bridge_symbols
from pqvalidate.adapters.fenced import under_valgrind
from pqvalidate.adapters.harness import HarnessSession, Program
from pqvalidate.adapters.interface import (
    Call,
    Fault,
    Kem,
    NotOffered,
    Ok,
    Operation,
    Reply,
    Signature,
    table_for,
    unasked,
)
from pqvalidate.adapters.notes import other_version, speed_claims
from pqvalidate.adapters.sandbox_paths import SandboxMode, wanted
from pqvalidate.adapters.session import Hello, Limits, Session, Target, wire
from pqvalidate.adapters.view import View
from pqvalidate.adapters.watching import Watching
from pqvalidate.algorithms import PARAMETER_SETS, KindName, parameter_set
from pqvalidate.digests import file_digests
from pqvalidate.errors import AttachError, InputError, UsageError
from pqvalidate.evidence import Subject
from pqvalidate.manifest import DIALECTS, Manifest, find_manifest, read_manifest

__all__ = ["Implementation", "attach", "table_for"]

_PROBE_SEED = bytes(range(64))

_ABSENT = (NotImplementedError.__name__, NotOffered.__name__)
"""Exceptions by which an adapter says that an operation is not there after all."""

_BRIDGES = {
    "c-abi": "pqvalidate.adapters.c_abi:bridge",
    "liboqs": "pqvalidate.adapters.liboqs_direct:bridge",
    "modulewrapper": "pqvalidate.adapters.modulewrapper:bridge",
    "argv": "pqvalidate.adapters.argv:bridge",
    "harness crucible": "pqvalidate.adapters.crucible:bridge",
    "harness crucible-external": "pqvalidate.adapters.crucible:bridge",
}
"""Kinds, or a kind with a dialect, that the worker reaches through a module of this package: ``bridge(settings)``
returns a factory. A harness that speaks the protocol of pqvalidate needs none: the host talks to it."""


def attach(name: str | Path, *, sandbox: SandboxMode = "auto") -> Implementation:
    """Start the implementation that ``name`` means: a manifest path, a built-in vendor, or NAME for ./NAME.toml.

    Args:
        name: what to start.
        sandbox: ``auto`` for the layers that this host allows, ``require`` to refuse without network namespace and
            Landlock, ``off`` for none.

    Returns:
        An implementation, to be used as a context manager; it runs in a process of its own.

    Raises:
        UsageError: there is nothing of that name.
        InputError: the manifest is malformed, or names files that are not there.
        AttachError: the implementation is not available here, does not start, or a required layer is missing.

    """
    names = {vendor: built_in.manifest_path(vendor) for vendor in built_in.BUILT_IN}
    path = find_manifest(str(name), names)
    extra: Sequence[Path] = ()
    for vendor, manifest in names.items():
        if path == manifest:
            here, why = built_in.availability(vendor)
            if not here:
                raise AttachError(f"{vendor} is not available here: {why}")
            extra = built_in.extra_artefacts(vendor)
    found = read_manifest(path)
    if found.attach.kind == "acvp-files":
        raise UsageError(f"{path} is about answers in files; judge them by `pqvalidate acvp import --manifest {path}`")
    return Implementation(found, path, extra=extra, sandbox=sandbox)


class Implementation:
    """An implementation under test, running in its own process, behind the common interface.

    Attributes:
        subject: who made it and the digests of its files.
        operations: per parameter set, the operations that it really has; ``name.option`` marks an optional input,
            ``fixed:name.input`` an input whose length the interface cannot express.
        folders: whole folders that are the implementation, by their real paths; what is written there changes it.

    """

    def __init__(
        self, manifest: Manifest, file: Path, *, probe: bool = True, extra: Sequence[Path] = (),
        sandbox: SandboxMode = "auto",
    ) -> None:  # fmt: skip
        artefacts, notes = artefacts_of(manifest, file)
        artefacts += tuple(artefact_of(path, path.name) for path in extra)
        self.folders = artefact_folders(manifest, file)
        self._session = session_of(manifest, file, sandbox, extra)
        self._bridged = bool(_bridge(manifest))
        try:
            hello = self._session.hello
            sets = manifest.claims.conformance
            self.operations = {name: self._offered(hello, name, probe=probe) for name in sets}
            for name in manifest.claims.timing:
                self.operations[name] |= self._ways_to_measure(name)
            watched = any("env:taint" in offered for offered in self.operations.values())
            self._watched = under_valgrind(self._session.target.sandbox) if watched else ""
            refusals = tuple(f"{name}: the adapter refuses it: {why}" for name, why in hello["refused"].items())
            product = manifest.product
            notes += speed_claims(manifest)
            if said := other_version(product.version, hello["version"]):
                notes += (said,)
            self.subject = Subject(
                vendor=product.vendor, name=product.name, version=_version(product.version or hello["version"], file),
                form=product.form, adapter=_adapter(manifest, file), artefacts=artefacts, claims=sets,
                caller_checks=manifest.claims.caller_checks, timing=manifest.claims.timing,
                operations={name: tuple(sorted(ops)) for name, ops in self.operations.items()},
                configuration=manifest.configuration, notes=manifest.notes + notes + refusals,
            )  # fmt: skip
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process of the implementation and all that it started."""
        self._session.close()

    def renew(self) -> None:
        """Go on with a new process, so that the next call is its first one: attaching has made some, and judged none.

        Raises:
            AttachError: it does not start again.
            NoProcessError: this machine cannot start a process.
            UsageError: it was closed.

        """
        self._session.renew()

    def interrupt(self) -> None:
        """Kill the process of the implementation from another thread; whoever is asking meets a UsageError."""
        self._session.interrupt()

    @property
    def session(self) -> Session:
        """The conversation with it, from whose target and limits a process of another make can be started."""
        return self._session

    @property
    def restarts(self) -> int:
        """How often the process had to be started again after a fault."""
        return self._session.restarts

    @property
    def sandbox(self) -> tuple[str, ...]:
        """What kept the implementation apart while it ran, as the circumstances of a run name it."""
        usual = ("process", "session", "scrubbed-environment", *self._session.hello["limits"])
        return (*usual, self._watched) if self._watched else usual

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make calls in order; one reply each: Ok, Rejected or Fault. Nothing that vendor code does raises here.

        After ``most_losses`` calls that each cost the process, the rest is not made.
        """
        replies = Watching(self._session).ask(calls, most_losses)
        return [unasked(reply) if type(reply) is Fault else reply for reply in replies] if self._bridged else replies

    @contextmanager
    def waiting_filled(self, work: Callable[[], bool]) -> Iterator[None]:
        """Call ``work`` between two looks for replies, until it returns False; it does little at a time."""
        self._session.meanwhile = work
        try:
            yield
        finally:
            self._session.meanwhile = None

    @property
    def quick(self) -> bool:
        """Whether it is a C library, whose calls take little time."""
        return bool(self._session.target.settings.get("library"))

    @property
    def measures(self) -> bool:
        """Whether calls can be timed where they are made; a vendor's program need not offer that."""
        return bool(self._session.hello.get("measure", True))

    def measure(self, call: Call, rounds: int, *, cpu: bool = False) -> Reply:
        """Make one call ``rounds`` times and return what each took, timed where the call is made.

        All rounds together must fit into the time limit of one call.

        Returns:
            Ok with the list ``ns`` of wall times, and with ``cpu`` the list ``cpu_ns`` of the processor time of the
            worker; both in nanoseconds. A vendor's program knows no ``cpu_ns``. Rejected or Fault where a call ends so.

        """
        request = {"op": "measure", "call": wire(call), "rounds": rounds}
        if cpu and "measure" not in self._session.hello:
            request["cpu"] = True
        reply = self._session.request(request)
        return unasked(reply) if self._bridged else reply

    def kem(self, name: str) -> Kem:
        """Return the KEM ``name`` (e.g. ML-KEM-768) with the methods of the common interface.

        Its methods return values, raise Rejected (a ValueError) for a refused input, Fault when the code breaks and
        UsageError for an operation that the implementation does not offer. A private key may be given as its seed.

        Raises:
            UsageError: no such parameter set here, or it is no KEM.

        """
        return cast("Kem", self._view(name, "kem"))

    def signature(self, name: str) -> Signature:
        """Return the signature scheme ``name`` (e.g. ML-DSA-65); methods as for ``kem``.

        Raises:
            UsageError: no such parameter set here, or it is no signature scheme.

        """
        return cast("Signature", self._view(name, "signature"))

    def _view(self, name: str, kind: KindName) -> View:
        if parameter_set(name).kind != kind:
            raise UsageError(f"{name} is no {kind}")
        if name not in self.operations:
            raise UsageError(f"this implementation is attached with {', '.join(self.operations)}, not {name}")
        return View(self._session, name, self.operations[name])

    def _offered(self, hello: Hello, name: str, *, probe: bool) -> frozenset[str]:
        table = table_for(name)
        names = [op for op in hello["operations"].get(name, ()) if op in table]
        lacking = set(hello["without"].get(name, ()))
        if probe:
            names = self._really_there(name, names)
        options = {f"{op}.{option}" for op in names for option in table[op].optional} - lacking
        if any("prehash" in operation for operation in names):
            options |= {f"hash:{hash_name}" for hash_name in hello["hashes"].get(name, ())}
        fixed = hello.get("fixed", {}).get(name, ())
        options |= {f"fixed:{entry}" for entry in fixed if entry.partition(".")[0] in names}
        environment = {f"env:{way}" for way in (*hello["together"], "restart")} if names else set()
        return frozenset(names) | options | environment

    def _ways_to_measure(self, name: str) -> frozenset[str]:
        """Return how execution times can be looked at; a bridge to another program measures that program's start."""
        found = {"env:measure"} if "kept" in self._session.hello["together"] else set()
        found |= {"env:taint"} if found else set()
        found |= {"env:count", "env:trace"} if self._session.target.counted else set()
        return frozenset(found if self.operations[name] else ())

    def _really_there(self, name: str, names: list[str]) -> list[str]:
        """Call each operation once with honest inputs and drop those that say that they are not implemented."""
        table = table_for(name)
        values: dict[str, Any] = {
            "seed": _PROBE_SEED[: PARAMETER_SETS[name].seed], "m": bytes(32), "rnd": bytes(32), "mu": bytes(64),
            "message": b"probe", "m_prime": b"\0\0probe", "context": b"",
            "hash": next(iter(self._session.hello["hashes"].get(name, ())), "SHA2-512"),
        }  # fmt: skip
        waiting, absent = sorted(names, key=lambda op: (not op.startswith("keygen"), op)), set[str]()
        while ready := [op for op in waiting if all(field in values for field in _required(table[op]))]:
            for operation in ready:  # what one operation returns is what another needs, so it takes a few rounds
                inputs = {field: values[field] for field in _required(table[operation])}
                (reply,) = self._session.ask([Call(operation=operation, parameter_set=name, inputs=inputs)])
                if isinstance(reply, Fault) and reply.why.startswith(_ABSENT):
                    absent.add(operation)
                if isinstance(reply, Ok) and "handle" not in reply.values:
                    values |= reply.values
            waiting = [op for op in waiting if op not in ready]
        return [operation for operation in names if operation not in absent]


def _required(operation: Operation) -> list[str]:
    return [field for field in operation.inputs if field not in operation.optional]


def _version(version: str, file: Path) -> str:
    if not version:
        raise InputError(file, "product.version", "is missing, and the adapter names none", "State it")
    return version


def session_of(manifest: Manifest, file: Path, sandbox: SandboxMode = "auto", extra: Sequence[Path] = ()) -> Session:
    """Start the implementation of a manifest and return the conversation with it.

    Raises:
        InputError: the manifest names what cannot be an environment variable or a path.
        AttachError: the implementation does not start.

    """
    target = _target(manifest, file, sandbox, extra)
    if manifest.attach.kind != "harness" or manifest.attach.dialect not in ("", "pqvalidate"):
        return Session(target, _limits(manifest))
    command = tuple(str(path) if path else word for word, path in command_files(manifest, file))
    program = Program(
        target=" ".join(manifest.attach.command), command=command, framing=manifest.attach.framing, sets=target.sets,
        environment=target.environment, sandbox=target.sandbox,
    )  # fmt: skip
    return HarnessSession(program, _limits(manifest))


def _bridge(manifest: Manifest) -> str:
    """Return the module of this package that reaches the kind and dialect of a manifest, or nothing."""
    kind, dialect = manifest.attach.kind, manifest.attach.dialect
    return _BRIDGES.get(f"{kind} {dialect}", _BRIDGES.get(kind, ""))


def _target(manifest: Manifest, file: Path, sandbox: SandboxMode, extra: Sequence[Path]) -> Target:
    attach_ = manifest.attach
    for index, entry in enumerate(attach_.path):
        if "\0" in entry:
            raise InputError(file, f"attach.path[{index}]", "holds a NUL character", "Give the path of a folder")
    for name, value in attach_.environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise InputError(
                file, f"attach.environment.{name}", "is no environment variable", "Correct its name or value"
            )
    passed = {name: os.environ[name] for name in attach_.pass_environment if name in os.environ}
    settings = _settings(manifest, file)
    return Target(
        target=_bridge(manifest) or attach_.target, settings=settings, counted=bool(settings.get("library")),
        path=tuple(str((file.parent / p).resolve()) for p in attach_.path),
        sets=manifest.claims.conformance, ask_version=not manifest.product.version,
        environment={**passed, **attach_.environment}, batches=_in_batches(manifest, file),
        sandbox=wanted(sandbox, manifest, file, extra),
    )  # fmt: skip


def _in_batches(manifest: Manifest, file: Path) -> bool:
    """Return whether many calls may travel together: those to C libraries and to the built-in implementations.

    A vendor's own adapter is asked one by one, so that a fault belongs to its call whatever it does to the worker.
    """
    return manifest.attach.kind in ("c-abi", "liboqs") or file.parent == Path(built_in.__file__).parent


def _settings(manifest: Manifest, file: Path) -> dict[str, Any]:
    """Return what a bridge is told: absolute paths, the dialect, and the parameter sets."""
    attach_ = manifest.attach
    if attach_.kind == "python":
        return {}
    symbols = {}
    if attach_.kind in ("c-abi", "liboqs"):
        symbols = bridge_symbols(manifest.symbols, attach_.kind, manifest.claims.conformance, file)
    library = library_file(manifest, file)
    return {
        "kind": attach_.kind, "dialect": attach_.dialect or next(iter(DIALECTS.get(attach_.kind, ("",)))),
        "command": [str(path) if path else word for word, path in command_files(manifest, file)],
        "library": str(library) if library else "", "symbols": symbols,
        "sets": list(manifest.claims.conformance), "call_seconds": manifest.limits.call_seconds,
    }  # fmt: skip


def _limits(manifest: Manifest) -> Limits:
    given = manifest.limits
    return Limits(
        call_seconds=given.call_seconds, start_seconds=given.start_seconds,
        memory_bytes=given.memory_mib << 20, file_bytes=given.file_mib << 20,
    )  # fmt: skip


def _adapter(manifest: Manifest, file: Path) -> str:
    attach_ = manifest.attach
    if attach_.kind != "python":
        return " ".join((attach_.kind, attach_.dialect, attach_.library, *attach_.command)).replace("  ", " ").strip()
    path = module_file(manifest, file) or _own_adapter(attach_.target)
    digest = f" sha256:{file_digests(path)[0]}" if path else ""
    return f"python {attach_.target}{digest}"


def _own_adapter(target: str) -> Path | None:
    module = target.partition(":")[0]
    prefix = f"{built_in.__name__}."
    return Path(built_in.__file__).parent / f"{module.removeprefix(prefix)}.py" if module.startswith(prefix) else None
