"""Attach an implementation: from a name or manifest to one object that answers through the common interface."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pqvalidate.vendors as built_in
from pqvalidate.adapters.artefacts import artefacts_of, module_file
from pqvalidate.adapters.interface import (
    KEM_OPERATIONS, SIGNATURE_OPERATIONS, Call, Fault, Kem, Ok, Operation, Reply, Signature,
)  # fmt: skip
from pqvalidate.adapters.session import Limits, Session, Target
from pqvalidate.algorithms import PARAMETER_SETS, KindName, parameter_set
from pqvalidate.digests import file_digests
from pqvalidate.errors import AttachError, InputError, UsageError
from pqvalidate.evidence import Subject
from pqvalidate.manifest import Manifest, find_manifest, read_manifest

_PROBE_SEED = bytes(range(64))


def attach(name: str | Path) -> Implementation:
    """Start the implementation that ``name`` means: a manifest path, a built-in vendor, or NAME for ./NAME.toml.

    Returns:
        An implementation, to be used as a context manager; it runs in a process of its own.

    Raises:
        UsageError: there is nothing of that name.
        InputError: the manifest is malformed, or names files that are not there.
        AttachError: the implementation is not available here, or does not start.

    """
    names = {vendor: built_in.manifest_path(vendor) for vendor in built_in.BUILT_IN}
    path = find_manifest(str(name), names)
    for vendor, manifest in names.items():
        if path == manifest:
            here, why = built_in.availability(vendor)
            if not here:
                raise AttachError(f"{vendor} is not available here: {why}")
    return Implementation(read_manifest(path), path)


class Implementation:
    """An implementation under test, running in its own process, behind the common interface.

    Attributes:
        subject: who made it and the digests of its files.
        operations: per parameter set, the operations that it really has; ``name.option`` marks an optional input.

    """

    def __init__(self, manifest: Manifest, file: Path, *, probe: bool = True) -> None:
        artefacts, notes = artefacts_of(manifest, file)
        self._session = Session(_target(manifest, file), _limits(manifest))
        try:
            hello = self._session.hello
            sets = manifest.claims.conformance
            self.operations = {name: self._offered(hello, name, probe=probe) for name in sets}
            product = manifest.product
            version = product.version or str(hello.get("version", ""))
            if not version:
                raise InputError(file, "product.version", "is missing, and the adapter has no version()", "State it")
            self.subject = Subject(
                vendor=product.vendor, name=product.name, version=version, form=product.form,
                adapter=_adapter(manifest, file), artefacts=artefacts, claims=sets,
                caller_checks=manifest.claims.caller_checks,
                operations={name: tuple(sorted(ops)) for name, ops in self.operations.items()},
                configuration=manifest.configuration, notes=manifest.notes + notes,
            )  # fmt: skip
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Implementation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process of the implementation and all that it started."""
        self._session.close()

    @property
    def restarts(self) -> int:
        """How often the process had to be started again after a fault."""
        return self._session.restarts

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make calls in order; one reply each: Ok, Rejected or Fault. Nothing that vendor code does raises here.

        After ``most_losses`` calls that each cost the process, the rest is not made.
        """
        return self._session.ask(calls, most_losses)

    def kem(self, name: str) -> Kem:
        """Return the KEM ``name`` (e.g. ML-KEM-768) with the methods of the common interface.

        Its methods return values, raise Rejected (a ValueError) for a refused input and Fault when the code breaks.

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
        return View(self._session, name)

    def _offered(self, hello: dict[str, Any], name: str, *, probe: bool) -> frozenset[str]:
        table = table_for(name)
        names = [op for op in hello["operations"].get(name, ()) if op in table]
        lacking = set(hello.get("without", {}).get(name, ()))
        if probe:
            names = self._really_there(name, names)
        options = {f"{op}.{option}" for op in names for option in table[op].optional} - lacking
        environment = {f"env:{way}" for way in (*hello.get("together", ()), "restart")} if names else set()
        return frozenset(names) | options | environment

    def _really_there(self, name: str, names: list[str]) -> list[str]:
        """Call each operation once with honest inputs and drop those that say that they are not implemented."""
        values: dict[str, bytes | str | bool] = {
            "seed": _PROBE_SEED[: PARAMETER_SETS[name].seed], "m": bytes(32), "rnd": bytes(32), "mu": bytes(64),
            "message": b"probe", "m_prime": b"\0\0probe", "context": b"", "hash": "SHA2-512",
        }  # fmt: skip
        present: list[str] = []
        for operation in [*sorted(names, key=lambda n: (not n.startswith("keygen"), n == "verify", n))]:
            shape = table_for(name)[operation]
            wanted = [field for field in shape.inputs if field not in shape.optional]
            if not all(field in values for field in wanted):
                present.append(operation)
                continue
            reply = self._session.ask([Call(operation=operation, parameter_set=name, inputs={f: values[f] for f in wanted})])[0]
            if isinstance(reply, Fault) and reply.why.startswith("NotImplementedError"):
                continue
            present.append(operation)
            if isinstance(reply, Ok) and operation.startswith("keygen"):
                values.update(reply.values)
        return [operation for operation in names if operation in present]


def table_for(name: str) -> dict[str, Operation]:
    """Return the operations table for a parameter set's kind."""
    return KEM_OPERATIONS if PARAMETER_SETS[name].kind == "kem" else SIGNATURE_OPERATIONS


class View:
    """One parameter set of an attached implementation; every operation of its table is a method."""

    def __init__(self, session: Session, name: str) -> None:
        self._session, self._name, self._table = session, name, table_for(name)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Return the operation as a function with the positional inputs of the Python object contract."""
        shape = self._table.get(operation)
        if shape is None:
            msg = f"{self._name} has no operation {operation!r}; known: {', '.join(self._table)}"
            raise AttributeError(msg)
        if shape.outputs == ("handle",):
            return lambda key: LoadedKey(self._session, Call(operation=operation, parameter_set=self._name,
                                                             inputs={shape.inputs[0]: key}))  # fmt: skip

        def call(*arguments: bytes | str, **named: bytes | str) -> Any:  # noqa: ANN401  (the operation's outputs)
            inputs = dict(zip(shape.inputs, arguments, strict=False)) | named
            reply = self._session.ask([Call(operation=operation, parameter_set=self._name, inputs=inputs)])[0]
            return _values(reply, shape.outputs)

        return call


class LoadedKey:
    """A key that was loaded once in the worker; it is loaded again by itself when the worker had to restart."""

    def __init__(self, session: Session, loader: Call) -> None:
        self._session, self._loader = session, loader
        self._load()

    def _load(self) -> None:
        reply = self._session.ask([self._loader])[0]
        self._handle = cast("int", _values(reply, ("handle",)))
        self._at = self._session.restarts

    def decapsulate(self, c: bytes) -> bytes:
        """Return the 32-byte shared secret for ciphertext ``c``."""
        return cast("bytes", self._use("decapsulate", {"c": c}, ("k",)))

    def encapsulate(self) -> tuple[bytes, bytes]:
        """Return (32-byte shared secret, ciphertext)."""
        return cast("tuple[bytes, bytes]", self._use("encapsulate", {}, ("k", "c")))

    def close(self) -> None:
        """Let the worker forget the key."""
        if self._at == self._session.restarts:
            self._session.request({"op": "release", "in": {"handle": self._handle}})

    def _use(self, operation: str, inputs: dict[str, bytes], outputs: tuple[str, ...]) -> Any:  # noqa: ANN401
        if not self._session.alive or self._at != self._session.restarts:
            self._session.revive()
            self._load()
        return _values(self._session.request({"op": operation, "in": {"handle": self._handle, **inputs}}), outputs)


def _values(reply: Reply, names: tuple[str, ...]) -> Any:  # noqa: ANN401  (one value or a tuple of them)
    if not isinstance(reply, Ok):
        raise reply
    return reply.values[names[0]] if len(names) == 1 else tuple(reply.values[name] for name in names)


def _target(manifest: Manifest, file: Path) -> Target:
    attach_ = manifest.attach
    passed = {name: os.environ[name] for name in attach_.pass_environment if name in os.environ}
    return Target(
        target=attach_.target, path=tuple(str((file.parent / p).resolve()) for p in attach_.path),
        sets=manifest.claims.conformance, ask_version=not manifest.product.version,
        environment={**passed, **attach_.environment},
    )  # fmt: skip


def _limits(manifest: Manifest) -> Limits:
    given = manifest.limits
    return Limits(
        call_seconds=given.call_seconds, start_seconds=given.start_seconds,
        memory_bytes=given.memory_mib << 20, file_bytes=given.file_mib << 20,
    )  # fmt: skip


def _adapter(manifest: Manifest, file: Path) -> str:
    path = module_file(manifest, file) or _own_adapter(manifest.attach.target)
    digest = f" sha256:{file_digests(path)[0]}" if path else ""
    return f"{manifest.attach.kind} {manifest.attach.target}{digest}"


def _own_adapter(target: str) -> Path | None:
    module = target.partition(":")[0]
    prefix = f"{built_in.__name__}."
    return Path(built_in.__file__).parent / f"{module.removeprefix(prefix)}.py" if module.startswith(prefix) else None
