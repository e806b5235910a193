"""Reading a catalogue that one does not trust yet: the client workflow of the Update Framework over a local copy.

Order and rules are those of section 5 of its specification (1.0): root, timestamp, snapshot, targets, each checked by
those before it. Added are the rule of two families (``roles``) and a moment to check for; nothing is fetched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp  # type: ignore[attr-defined]

from pqvalidate.catalogue import roles
from pqvalidate.catalogue.roles import REMEDY, WHAT
from pqvalidate.catalogue.state import State
from pqvalidate.catalogue.status import EMPTY_HEAD, StatusList, digest, parse
from pqvalidate.certificate.keys import TrustedValidator
from pqvalidate.certificate.predicate import format_time, parse_time
from pqvalidate.documents import bounded
from pqvalidate.errors import InputError, PqvalidateError

SIGNED_AT = "x-pqvalidate-signed-at"
"""Member of the timestamp that says when the catalogue was last signed; the framework itself knows expiry only."""

STATUS, TRUST = "status.json", "trust.json"
TARGET = re.compile(r"(?:(?:certificates|verdicts|profiles)/)?[A-Za-z0-9_][A-Za-z0-9._~-]{0,249}")
"""Paths of targets: what a catalogue holds, and nothing that leads out of its folder."""

_MOST_ROOT, _MOST_TIMESTAMP, _MOST_METADATA = 512 * 1024, 64 * 1024, 32 * 1024 * 1024
_MOST_ROOTS = 1024
_MOST_TARGET = 64 * 1024 * 1024


class RefusedCatalogueError(PqvalidateError):
    """A catalogue whose signatures, versions or digests do not hold: nothing that it says may be relied on."""

    exit_code = 1

    def __init__(self, folder: Path, rule: str, why: str) -> None:
        self.folder, self.rule, self.why = folder, rule, why
        super().__init__(f"{folder}: the catalogue must not be relied on: {rule}: {why}. {REMEDY}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What a reader trusts beforehand: the bytes of a root file, or the holders one of whom must have signed a root."""

    root: bytes | None = None
    holders: tuple[TrustedValidator, ...] = ()


@dataclass(slots=True, kw_only=True)
class Catalogue:
    """A catalogue whose metadata hold; ``aged`` says what of it had expired at the moment asked about."""

    folder: Path
    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: Metadata[Targets]
    anchored: str
    moment: datetime
    aged: list[str]
    bins: dict[str, Metadata[Targets]] = field(default_factory=dict)

    @property
    def signed_at(self) -> str:
        """Return when its owner last signed the whole, UTC to the second."""
        return str(self.timestamp.signed.unrecognized_fields[SIGNED_AT])

    @property
    def spread(self) -> SuccinctRoles:
        """Return how targets are spread over the bins."""
        delegations = self.targets.signed.delegations
        if delegations is None or delegations.succinct_roles is None:
            raise InputError(self.folder, "targets", "does not spread its files over bins", REMEDY)
        return delegations.succinct_roles

    def bin(self, name: str) -> Metadata[Targets]:
        """Return the metadata of one bin.

        Raises:
            RefusedCatalogueError, InputError: as ``open_catalogue``.

        """
        if name not in self.bins:
            found = _listed(self.folder, name, self.snapshot.signed.meta.get(f"{name}.json"), Targets)
            _check_signatures(self.folder, self.targets.signed, name, found)
            self._note_age(name, found)
            self.bins[name] = found
        return self.bins[name]

    def _note_age(self, name: str, found: Metadata[Any]) -> None:
        if found.signed.is_expired(self.moment):
            self.aged.append(f"{name} expired on {format_time(found.signed.expires)}")

    def info(self, path: str) -> TargetFile | None:
        """Return what the metadata say about a target, or None if it is not in the catalogue."""
        if path in {STATUS, TRUST}:
            return self.targets.signed.targets.get(path)
        return self.bin(self.spread.get_role_for_target(path)).signed.targets.get(path)

    def listed(self) -> Iterator[tuple[str, TargetFile]]:
        """Yield every target outside the top level, by path."""
        for name in self.spread.get_roles():
            yield from self.bin(name).signed.targets.items()

    def read(self, path: str) -> bytes:
        """Return the bytes of a target, which are those that its owner signed for.

        Raises:
            InputError: it is missing, or is not of the length and digest that the metadata say.

        """
        info = self.info(path)
        if info is None:
            raise InputError(self.folder, path[:200], "is not in this catalogue", REMEDY)
        if not TARGET.fullmatch(path) or "sha256" not in info.hashes:
            raise InputError(self.folder, path[:200], "is no file that a catalogue holds", REMEDY)
        file = self.folder / "targets" / stored_at(path, info)
        if info.length > _MOST_TARGET:
            raise InputError(file, "", f"is announced with {info.length} bytes, more than {_MOST_TARGET}", REMEDY)
        data = bounded(file, info.length, f"the file {path} of a catalogue", REMEDY)
        try:
            info.verify_length_and_hashes(data)
        except LengthOrHashMismatchError:
            raise InputError(file, "", "is not the file that the catalogue's owner signed for", REMEDY) from None
        return data

    def statuses(self) -> StatusList:
        """Return the status list, whose chain holds.

        Raises:
            InputError: as ``status.parse``.

        """
        return parse(self.read(STATUS), f"{self.folder} ({STATUS})")


def stored_at(path: str, info: TargetFile) -> str:
    """Return the place of a target under ``targets``: its file name begins with its SHA-256 (consistent snapshots)."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{info.hashes['sha256']}.{name}"


def open_catalogue(folder: Path, *, moment: datetime, anchor: Anchor, known: State | None = None) -> Catalogue:
    """Check the metadata of a catalogue for a moment, and against what was seen of it before.

    What has expired is no reason to refuse: it is listed in ``aged``, and the caller decides what that means.

    Raises:
        RefusedCatalogueError: signatures of one family lack, a version is older than one that was seen, files of
            different versions were mixed, or no root is signed by a holder whom the reader trusts.
        InputError: a file is missing, malformed or over its limit.

    """
    if not (folder / "metadata").is_dir():
        raise InputError(folder, "metadata", "is missing", "Give the folder that `pqvalidate publish` has written")
    root, anchored = _root(folder, anchor)
    timestamp = roles.parse(_metadata(folder, "timestamp.json", _MOST_TIMESTAMP), Timestamp, _at(folder, "timestamp"))
    _check_signatures(folder, root.signed, "timestamp", timestamp)
    _check_signed_at(folder, timestamp)
    snapshot = _listed(folder, "snapshot", timestamp.signed.snapshot_meta, Snapshot)
    _check_signatures(folder, root.signed, "snapshot", snapshot)
    targets = _listed(folder, "targets", snapshot.signed.meta.get("targets.json"), Targets)
    _check_signatures(folder, root.signed, "targets", targets)
    found = Catalogue(
        folder=folder, root=root, timestamp=timestamp, snapshot=snapshot, targets=targets, anchored=anchored,
        moment=moment, aged=[],
    )  # fmt: skip
    for name, metadata in (("root", root), ("snapshot", snapshot), ("targets", targets)):
        found._note_age(name, metadata)  # noqa: SLF001  (its own module)
    if known:
        _check_known(found, known)
    return found


def stale(found: Catalogue, longest: timedelta | None) -> str:
    """Return why the status that a catalogue gives is too old to rely on; empty if it is fresh.

    Without ``longest``, its timestamp must not have expired; with it, its last signature must not be older than that,
    which is for copies that are taken along to a place without a network.
    """
    if found.aged:
        return found.aged[0]
    expires = found.timestamp.signed.expires
    if longest is None:
        return f"its timestamp expired on {format_time(expires)}" if found.moment > expires else ""
    limit = parse_time(found.signed_at) + longest
    hours = int(longest.total_seconds()) // 3600
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    told = f"{number} {unit}{'' if number == 1 else 's'}"
    return f"that is longer ago than {told}" if found.moment > limit else ""


def state_of(found: Catalogue) -> State:
    """Return what is to be remembered of a catalogue."""
    listed = found.statuses()
    return State(
        schema="pqvalidate/catalogue-state/1", root=found.root.signed.version,
        timestamp=found.timestamp.signed.version, snapshot=found.snapshot.signed.version,
        targets=found.targets.signed.version, status_lines=len(listed.lines), status_head=listed.head,
    )  # fmt: skip


def _check_known(found: Catalogue, known: State) -> None:
    for name in ("root", "timestamp", "snapshot", "targets"):
        version, seen = getattr(found, name).signed.version, getattr(known, name)
        if version < seen:
            why = f"{name} has version {version}, and version {seen} was seen before"
            raise RefusedCatalogueError(found.folder, "rollback", why)
    lines = found.statuses().lines
    before = lines[: known.status_lines]
    head = digest(before[-1]) if before else EMPTY_HEAD
    if len(before) < known.status_lines or head != known.status_head:
        why = "lines of the status list that were seen before have gone or were changed"
        raise RefusedCatalogueError(found.folder, "append-only", why)


def _root(folder: Path, anchor: Anchor) -> tuple[Metadata[Root], str]:
    """Return the newest root that follows from one that the reader trusts, and on what that rests."""
    place = _at(folder, "root")
    if anchor.root is not None:
        current = roles.parse(anchor.root, Root, "the root file given")
        _check_signatures(folder, current.signed, "root", current)
        return _newest(folder, current), "the root file given"
    for version in range(1, _MOST_ROOTS):
        if not (folder / "metadata" / f"{version}.root.json").exists():
            break
        candidate = roles.parse(_metadata(folder, f"{version}.root.json", _MOST_ROOT), Root, place)
        _check_version(folder, "root", candidate, version)
        _check_signatures(folder, candidate.signed, "root", candidate)
        holder = _signer(candidate, anchor.holders)
        if not anchor.holders or holder:
            return _newest(folder, candidate), f"root keys of {holder}" if holder else ""
    why = (
        "nobody in the trust file has signed its root with a key of each family; if you have its root file, give --root"
    )
    raise RefusedCatalogueError(folder, "root", why)


def _signer(root: Metadata[Root], holders: tuple[TrustedValidator, ...]) -> str:
    return next((row.name for row in holders if not roles.lacking(roles.public_keys(row), root)), "")


def _newest(folder: Path, current: Metadata[Root]) -> Metadata[Root]:
    """Follow the chain of roots: each is signed as the one before it asks, and as it asks itself."""
    for version in range(current.signed.version + 1, current.signed.version + _MOST_ROOTS):
        if not (folder / "metadata" / f"{version}.root.json").exists():
            return current
        following = roles.parse(_metadata(folder, f"{version}.root.json", _MOST_ROOT), Root, _at(folder, "root"))
        _check_version(folder, "root", following, version)
        _check_signatures(folder, current.signed, "root", following)
        _check_signatures(folder, following.signed, "root", following)
        current = following
    raise RefusedCatalogueError(folder, "root", f"more than {_MOST_ROOTS} versions")


def _listed(folder: Path, role: str, meta: MetaFile | None, kind: type[Any]) -> Metadata[Any]:
    """Return metadata that other metadata list, after comparing version, length and digest with the listing."""
    if meta is None:
        raise RefusedCatalogueError(folder, role, "the metadata above it do not list it")
    if meta.length is None or not meta.hashes or meta.length > _MOST_METADATA:
        raise RefusedCatalogueError(folder, role, "it is listed without digest and length, or with one over the limit")
    name = f"{meta.version}.{role}.json"
    if not (folder / "metadata" / name).exists():  # as where somebody has put an older timestamp back
        why = f"{name} is listed and is not there, so files of different versions were mixed, or the copy is not whole"
        raise RefusedCatalogueError(folder, "mix-and-match", why)
    data = _metadata(folder, name, _MOST_METADATA)
    try:
        meta.verify_length_and_hashes(data)
    except LengthOrHashMismatchError:
        why = f"{name} is not the file that the metadata above it list, so files of different versions were mixed"
        raise RefusedCatalogueError(folder, "mix-and-match", why) from None
    found = roles.parse(data, kind, folder / "metadata" / name)
    _check_version(folder, role, found, meta.version)
    return found


def _check_version(folder: Path, role: str, found: Metadata[Any], version: int) -> None:
    if found.signed.version != version:
        why = f"{role} says version {found.signed.version}, its place is that of version {version}"
        raise RefusedCatalogueError(folder, "mix-and-match", why)


def _check_signatures(folder: Path, delegator: Root | Targets, role: str, found: Metadata[Any]) -> None:
    why = roles.refusal(delegator, role, found)
    if why:
        raise RefusedCatalogueError(folder, "signatures", f"{role}: {why}")


def _check_signed_at(folder: Path, timestamp: Metadata[Timestamp]) -> None:
    text = timestamp.signed.unrecognized_fields.get(SIGNED_AT)
    try:
        parse_time(str(text))
    except ValueError:
        raise InputError(_at(folder, "timestamp"), SIGNED_AT, "is missing or no time", REMEDY) from None


def _metadata(folder: Path, name: str, most: int) -> bytes:
    return bounded(folder / "metadata" / name, most, WHAT, REMEDY)


def _at(folder: Path, role: str) -> str:
    return f"{folder} ({role})"


def sha256(data: bytes) -> str:
    """Return the SHA-256 of some bytes in hex."""
    return hashlib.sha256(data).hexdigest()
