"""Attach an implementation: from a name or manifest to one object that answers through the common interface."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

import pqvalidate.vendors as built_in
from pqvalidate.adapters.artefacts import artefact_of, artefacts_of, module_file
from pqvalidate.adapters.interface import (
    Call,
    Fault,
    Kem,
    Ok,
    Operation,
    Reply,
    Signature,
)
from pqvalidate.adapters.session import Hello, Limits, Session, Target
from pqvalidate.adapters.view import View, table_for
from pqvalidate.algorithms import PARAMETER_SETS, KindName, parameter_set
from pqvalidate.digests import file_digests
from pqvalidate.errors import AttachError, InputError, UsageError
from pqvalidate.evidence import Subject
from pqvalidate.manifest import Manifest, find_manifest, read_manifest

__all__ = ["Implementation", "attach", "table_for"]

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
    extra: Sequence[Path] = ()
    for vendor, manifest in names.items():
        if path == manifest:
            here, why = built_in.availability(vendor)
            if not here:
                raise AttachError(f"{vendor} is not available here: {why}")
            extra = built_in.extra_artefacts(vendor)
    return Implementation(read_manifest(path), path, extra=extra)


class Implementation:
    """An implementation under test, running in its own process, behind the common interface.

    Attributes:
        subject: who made it and the digests of its files.
        operations: per parameter set, the operations that it really has; ``name.option`` marks an optional input.

    """

    def __init__(self, manifest: Manifest, file: Path, *, probe: bool = True, extra: Sequence[Path] = ()) -> None:
        artefacts, notes = artefacts_of(manifest, file)
        artefacts += tuple(artefact_of(path, path.name) for path in extra)
        self._session = Session(_target(manifest, file), _limits(manifest))
        try:
            hello = self._session.hello
            sets = manifest.claims.conformance
            self.operations = {name: self._offered(hello, name, probe=probe) for name in sets}
            refusals = tuple(f"{name}: the adapter refuses it: {why}" for name, why in hello["refused"].items())
            product = manifest.product
            self.subject = Subject(
                vendor=product.vendor, name=product.name, version=_version(product.version or hello["version"], file),
                form=product.form, adapter=_adapter(manifest, file), artefacts=artefacts, claims=sets,
                caller_checks=manifest.claims.caller_checks,
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

    @property
    def restarts(self) -> int:
        """How often the process had to be started again after a fault."""
        return self._session.restarts

    @property
    def sandbox(self) -> tuple[str, ...]:
        """What kept the implementation apart while it ran, as the circumstances of a run name it."""
        return ("process", "session", "scrubbed-environment", *self._session.hello["limits"])

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make calls in order; one reply each: Ok, Rejected or Fault. Nothing that vendor code does raises here.

        After ``most_losses`` calls that each cost the process, the rest is not made.
        """
        return self._session.ask(calls, most_losses)

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
        environment = {f"env:{way}" for way in (*hello["together"], "restart")} if names else set()
        return frozenset(names) | options | environment

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
                if isinstance(reply, Fault) and reply.why.startswith("NotImplementedError"):
                    absent.add(operation)
                if isinstance(reply, Ok) and "handle" not in reply.values:
                    values |= reply.values
            waiting = [op for op in waiting if op not in ready]
        return [operation for operation in names if operation not in absent]


def _required(operation: Operation) -> list[str]:
    return [field for field in operation.inputs if field not in operation.optional]


def _version(version: str, file: Path) -> str:
    if not version:
        raise InputError(file, "product.version", "is missing, and the adapter has no version()", "State it")
    return version


def _target(manifest: Manifest, file: Path) -> Target:
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
