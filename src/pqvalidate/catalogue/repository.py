"""Writing a catalogue: new files first, the metadata that list them after, the timestamp last.

A reader follows the timestamp, so whatever interrupts the writing leaves the old catalogue whole; what was written for
nothing is taken away by the next change. Nothing that is listed is ever written over (consistent snapshots).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from tuf.api.metadata import (  # type: ignore[attr-defined]  # public, but not listed in __all__
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)

from pqvalidate.catalogue import roles
from pqvalidate.catalogue.client import (
    SIGNED_AT,
    STATUS,
    TRUST,
    Anchor,
    Catalogue,
    RefusedCatalogueError,
    open_catalogue,
    stored_at,
)
from pqvalidate.catalogue.status import NO_LINES, StatusList, encode
from pqvalidate.certificate.keys import refuse_wrong_role
from pqvalidate.certificate.predicate import format_time, parse_time
from pqvalidate.certificate.signing import Signer
from pqvalidate.documents import write_atomically
from pqvalidate.errors import InputError, UsageError

T = TypeVar("T", Root, Snapshot, Targets, Timestamp)
BIN_BITS = 5
"""Files are spread over 2^5 bins, so that a reader of one certificate checks 1/32 of a large catalogue."""

_PREFIX = "bin"
_OWN = re.compile(r"metadata|targets|site|\.lock|\.site-.*")
_METADATA = re.compile(rf"[0-9]+\.(?:root|targets|snapshot|{_PREFIX}-[0-9a-f]+)\.json|timestamp\.json|\..*\.json\..*")
_TARGET = re.compile(r"\.?[0-9a-f]{64}\.[A-Za-z0-9._~-]+")
_GROUPS = ("certificates", "verdicts", "profiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """For how long what is signed now is good: metadata in days, the timestamp in hours."""

    now: datetime
    valid_days: int = 365
    timestamp_hours: int = 168


@dataclass(slots=True, kw_only=True)
class Draft:
    """The next version of a catalogue: files may be added until ``commit`` makes it the present one."""

    folder: Path
    key: Signer
    terms: Terms
    root: Metadata[Root]
    new_root: bool
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: Metadata[Targets]
    bins: dict[str, Metadata[Targets]]
    changed: set[str]
    before: set[Path]
    statuses: StatusList
    written: list[Path] = field(default_factory=list)

    def holds(self, path: str) -> TargetFile | None:
        """Return what is listed under a path, or None."""
        return self._place(path)[1].signed.targets.get(path)

    def add(self, path: str, data: bytes) -> None:
        """Write a file under its digest and list it; nobody sees it before ``commit``.

        Raises:
            UsageError: it cannot be written.

        """
        info = TargetFile.from_data(path, data, ["sha256"])
        old = self.holds(path)
        if old is not None and old.hashes == info.hashes:
            return
        file = self.folder / "targets" / stored_at(path, info)
        if not file.exists():
            _make(file.parent)
            write_atomically(file, data)
            self.written.append(file)
        role, place = self._place(path)
        place.signed.targets[path] = info
        self.changed.add(role)

    def _place(self, path: str) -> tuple[str, Metadata[Targets]]:
        if path in {STATUS, TRUST}:
            return "targets", self.targets
        role = _spread(self.targets).get_role_for_target(path)
        return role, self.bins[role]

    def commit(self, statuses: StatusList) -> None:
        """Sign everything that changed, write it, and last of all the timestamp that makes it the present version.

        Raises:
            UsageError: a file cannot be written; the old version then stays whole.

        """
        self.add(STATUS, encode(statuses))
        expires = self.terms.now + timedelta(days=self.terms.valid_days)
        files: dict[str, bytes] = {}
        for role in sorted(self.changed - {"targets"}):
            files |= self._next(role, self.bins[role], expires)
        # Signed anew each time, so that what expires in a year never does so in a catalogue that is looked after.
        files |= self._next("targets", self.targets, expires)
        files |= self._next("snapshot", self.snapshot, expires)
        _make(self.folder / "metadata")
        for name, data in files.items():
            write_atomically(self.folder / "metadata" / name, data)
        if self.new_root:
            name = f"{self.root.signed.version}.root.json"
            write_atomically(self.folder / "metadata" / name, _bytes(self.root))
        signed = self.timestamp.signed
        signed.version += 1
        signed.expires = self.terms.now + timedelta(hours=self.terms.timestamp_hours)
        signed.unrecognized_fields[SIGNED_AT] = format_time(self.terms.now)
        roles.sign(self.timestamp, self.key)
        write_atomically(self.folder / "metadata" / "timestamp.json", _bytes(self.timestamp))
        self.written.clear()  # they are published now, whatever goes wrong after this
        self._tidy()

    def _next(self, role: str, metadata: Metadata[Any], expires: datetime) -> dict[str, bytes]:
        """Sign the next version of some metadata and list it where a reader looks for it."""
        metadata.signed.version += 1
        metadata.signed.expires = expires
        roles.sign(metadata, self.key)
        data = _bytes(metadata)
        meta = MetaFile.from_data(metadata.signed.version, data, ["sha256"])
        if role == "snapshot":
            self.timestamp.signed.snapshot_meta = meta
        else:
            self.snapshot.signed.meta[f"{role}.json"] = meta
        return {f"{metadata.signed.version}.{role}.json": data}

    def undo(self) -> None:
        """Take away the files that were added, after a mistake, and folders that were made for nothing else."""
        for file in self.written:
            with contextlib.suppress(OSError):
                file.unlink()
        for place in reversed(_places(self.folder)):
            with contextlib.suppress(OSError):  # what holds anything stays
                place.rmdir()

    def _tidy(self) -> None:
        """Take away what neither this version nor the one before it lists; a reader may be at that one just now."""
        keep = self.before | _files(
            self.folder, self.timestamp, self.snapshot, {**self.bins, "targets": self.targets}
        )  # fmt: skip
        for file in _all_files(self.folder):
            if file not in keep and not file.name.endswith(".root.json"):
                with contextlib.suppress(OSError):
                    file.unlink()


@contextmanager
def draft(
    folder: Path, key: Signer, root_key: Signer | None, terms: Terms, *, next_root: Signer | None = None
) -> Iterator[Draft]:
    """Open a catalogue for one change, or begin one; two changes at the same time wait for each other.

    ``next_root`` takes the place of ``root_key``: both sign the next version of the root, so that whoever trusts the
    old one follows (TUF specification 1.0, section 6.1).

    Raises:
        UsageError: the folder holds something else, the key has no role in this catalogue, or a period is senseless.
        RefusedCatalogueError, InputError: the catalogue as it stands does not hold.

    """
    _check_terms(key, root_key, terms, next_root)
    _make(folder)
    _refuse_strangers(folder)
    with _locked(folder):
        begun = (folder / "metadata" / "timestamp.json").exists()
        if next_root and not begun:
            raise UsageError("--next-root-key replaces the root key of a catalogue that is there; there is none yet")
        made = (
            _continued(folder, key, root_key, terms, next_root)
            if begun
            else _begun(folder, key, root_key or key, terms)
        )
        try:
            yield made
        except BaseException:
            made.undo()
            raise


def _begun(folder: Path, key: Signer, root_key: Signer, terms: Terms) -> Draft:
    root = _blank(Root(expires=terms.now, consistent_snapshot=True))
    _give_root(root, key, root_key, terms)
    roles.sign(root, root_key)
    keys = roles.public_keys(key.public)
    spread = SuccinctRoles([row.keyid for row in keys], roles.THRESHOLD, BIN_BITS, _PREFIX)
    targets = Targets(expires=terms.now)
    targets.delegations = Delegations({row.keyid: row for row in keys}, succinct_roles=spread)
    bins = {name: _blank(Targets(expires=terms.now)) for name in spread.get_roles()}
    return Draft(
        folder=folder, key=key, terms=terms, root=root, new_root=True, timestamp=_blank(Timestamp(expires=terms.now)),
        snapshot=_blank(Snapshot(expires=terms.now)), targets=_blank(targets), bins=bins, changed=set(bins),
        before=set(), statuses=NO_LINES,
    )  # fmt: skip


def _blank(signed: T) -> Metadata[T]:
    """Return metadata before their first version."""
    signed.version = 0
    return Metadata(signed)


def _continued(folder: Path, key: Signer, root_key: Signer | None, terms: Terms, next_root: Signer | None) -> Draft:
    found = _opened(folder, root_key, terms)
    bins = {name: found.bin(name) for name in found.spread.get_roles()}
    changed: set[str] = set()
    given = set(found.root.signed.get_delegated_role("timestamp").keyids)
    same = given == {row.spki_sha256 for row in key.public.keys}
    if root_key is None and not same:
        raise UsageError(
            f"the key of {key.public.name} has no role in {folder}; sign with the catalogue's own key, or give the role"
            " to this one with --root-key"
        )
    root = found.root
    if root_key is not None:
        _renew_root(root, key, root_key, terms, next_root)
    if not same:
        _hand_over(found, key)
        changed = set(bins)
    soon = terms.now + timedelta(days=max(1, terms.valid_days // 2))
    changed |= {name for name, row in bins.items() if row.signed.expires < soon}
    if parse_time(found.signed_at) > terms.now:
        raise UsageError(f"the clock says {format_time(terms.now)}, and the catalogue was signed on {found.signed_at}")
    files = _files(folder, found.timestamp, found.snapshot, {**bins, "targets": found.targets})
    return Draft(
        folder=folder, key=key, terms=terms, root=root, new_root=root_key is not None, timestamp=found.timestamp,
        snapshot=found.snapshot, targets=found.targets, bins=bins, changed=changed, before=files,
        statuses=found.statuses(),
    )  # fmt: skip


def _opened(folder: Path, root_key: Signer | None, terms: Terms) -> Catalogue:
    """Open the catalogue; with the root key at hand, also one whose hand-over was interrupted.

    A hand-over writes the root and then the timestamp. Between them the new root stands there with a timestamp by the
    old key; that root is then put aside, and the hand-over made again.
    """
    try:
        return open_catalogue(folder, moment=terms.now, anchor=Anchor())
    except RefusedCatalogueError:
        roots = sorted((folder / "metadata").glob("*.root.json"), key=lambda file: int(file.name.partition(".")[0]))
        if root_key is None or len(roots) < 2:
            raise
        aside = roots[-1].with_name(f".{roots[-1].name}.interrupted")
        roots[-1].rename(aside)
        try:
            return open_catalogue(folder, moment=terms.now, anchor=Anchor())
        except BaseException:
            aside.rename(roots[-1])
            raise


def _renew_root(root: Metadata[Root], key: Signer, root_key: Signer, terms: Terms, next_root: Signer | None) -> None:
    """Make the next version of the root: a new term, the roles to the keys that are given."""
    own = set(root.signed.get_delegated_role("root").keyids)
    if own != {row.spki_sha256 for row in root_key.public.keys}:
        raise UsageError(f"the key of {root_key.public.name} is not the root key of this catalogue")
    if next_root and own == {row.spki_sha256 for row in next_root.public.keys}:
        raise UsageError(f"the key of {next_root.public.name} is the root key of this catalogue already")
    _give_root(root, key, next_root or root_key, terms)
    roles.sign(root, root_key, *([next_root] if next_root else []))


def _give_root(root: Metadata[Root], key: Signer, root_key: Signer, terms: Terms) -> None:
    signed = root.signed
    for name in roles.TOP_ROLES:
        holder = root_key if name == "root" else key
        for keyid in list(signed.roles[name].keyids):
            signed.revoke_key(keyid, name)
        for public in roles.public_keys(holder.public):
            signed.add_key(public, name)
        signed.roles[name].threshold = roles.THRESHOLD
    signed.version += 1
    signed.expires = parse_time(root_key.public.not_after)
    if signed.expires <= terms.now:
        raise UsageError(f"the root key is trusted only until {root_key.public.not_after}; make a new one")


def _hand_over(found: Catalogue, key: Signer) -> None:
    """Give the bins to another key."""
    keys = roles.public_keys(key.public)
    spread = found.spread
    spread.keyids = [row.keyid for row in keys]
    found.targets.signed.delegations = Delegations({row.keyid: row for row in keys}, succinct_roles=spread)


def _check_terms(key: Signer, root_key: Signer | None, terms: Terms, next_root: Signer | None) -> None:
    if next_root and not root_key:
        raise UsageError("--next-root-key needs --root-key, the present one: both sign the new root")
    if not 1 <= terms.valid_days <= 1826 or not 1 <= terms.timestamp_hours <= 24 * 366:
        raise UsageError("--valid-days goes from 1 to 1826, --timestamp-hours from 1 to 8784")
    refuse_wrong_role(key, "catalogue metadata")
    for holder in (root_key or key, next_root or root_key or key):
        refuse_wrong_role(holder, "catalogue roots")
    moment = format_time(terms.now)
    for holder in (row for row in (key, root_key, next_root) if row):
        if not holder.public.not_before <= moment <= holder.public.not_after:
            raise UsageError(
                f"the key of {holder.public.name} is trusted from {holder.public.not_before} to"
                f" {holder.public.not_after}; make a new one"
            )


def _spread(targets: Metadata[Targets]) -> SuccinctRoles:
    delegations = targets.signed.delegations
    if delegations is None or delegations.succinct_roles is None:
        raise UsageError("the catalogue does not spread its files over bins")
    return delegations.succinct_roles


def _bytes(metadata: Metadata[Any]) -> bytes:
    return json.dumps(metadata.to_dict(), separators=(",", ":"), sort_keys=True).encode() + b"\n"


def _files(
    folder: Path, timestamp: Metadata[Timestamp], snapshot: Metadata[Snapshot], listed: dict[str, Metadata[Targets]]
) -> set[Path]:
    """Return the files that one version of a catalogue consists of."""
    metadata, targets = folder / "metadata", folder / "targets"
    names = [f"{meta.version}.{name}" for name, meta in snapshot.signed.meta.items()]
    found = {metadata / name for name in names}
    found |= {metadata / "timestamp.json", metadata / f"{timestamp.signed.snapshot_meta.version}.snapshot.json"}
    for holder in listed.values():
        found |= {targets / stored_at(path, info) for path, info in holder.signed.targets.items()}
    return found


def _all_files(folder: Path) -> list[Path]:
    return [file for place in _places(folder) if place.is_dir() for file in place.iterdir() if file.is_file()]


def _places(folder: Path) -> list[Path]:
    return [folder / "metadata", folder / "targets", *(folder / "targets" / group for group in _GROUPS)]


def _refuse_strangers(folder: Path) -> None:
    """Refuse a folder with anything that no catalogue holds: it may be somebody's, and would be published with ours."""
    strangers = [file for file in folder.iterdir() if not _OWN.fullmatch(file.name)]
    if (folder / "targets").is_dir():
        strangers += [file for file in (folder / "targets").iterdir() if file.is_dir() and file.name not in _GROUPS]
    for file in strangers:
        raise UsageError(f"{file} is no part of a catalogue; move it away, or choose another --catalogue")
    for file in _all_files(folder):
        inside = file.parent.name == "metadata"
        if not (_METADATA if inside else _TARGET).fullmatch(file.name):
            raise InputError(file, "", "is no part of a catalogue", "Move it away")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}") from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
