"""Publishing and changing what is published: certificates that hold with their verdicts and profiles, and their status.

What cannot be believed is refused with its reason, and then nothing changes: a catalogue never lists what its owner has
not verified. Failed validations are published like others; what is withdrawn stays, with the reason.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pqvalidate.catalogue.client import TRUST, Anchor, open_catalogue, sha256
from pqvalidate.catalogue.entries import Entry, Status, StatusChange
from pqvalidate.catalogue.profiles import RefusedError as RefusedError  # noqa: PLC0414  (a name of this module, too)
from pqvalidate.catalogue.profiles import add_profile, refuse_borrowed
from pqvalidate.catalogue.reading import certificate_path, entries_of, read_certificate, verdict_paths
from pqvalidate.catalogue.replacing import Place, place_of, replaced
from pqvalidate.catalogue.repository import Draft, Terms, draft
from pqvalidate.catalogue.status import append, histories
from pqvalidate.catalogue.support import lost, validators_in, validators_of
from pqvalidate.certificate.belief import believe
from pqvalidate.certificate.issue import ID
from pqvalidate.certificate.predicate import Statement, format_time
from pqvalidate.certificate.roots import complete, is_signed, load_signed, parse_draft, refuse_unrelated
from pqvalidate.certificate.signing import Signer
from pqvalidate.certificate.verification import verify
from pqvalidate.documents import free_text, parse_json, read_bytes, to_record
from pqvalidate.errors import InputError, UsageError
from pqvalidate.policy.engine import PolicyVerdict
from pqvalidate.policy.svr import properties, verify_verdict

_WHAT = "a policy verdict that `pqvalidate certify --policy` has written"
_PARTS = (".verdict.json", ".rules.json")
TITLE = "Validation catalogue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publication did: identifiers that are new, those that were there, new verdicts, and when it was signed.

    ``marked`` says which earlier certificates are superseded by those that were published, ``unmarked`` which are not
    and why; ``unsupported`` what another trust file than the one before does not support any more.
    """

    added: tuple[str, ...]
    present: tuple[str, ...]
    verdicts: int
    signed_at: str
    site: str
    marked: tuple[str, ...] = ()
    unmarked: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()


def publish(
    certificates: Sequence[Path],
    folder: Path,
    key: Signer,
    *,
    terms: Terms,
    root_key: Signer | None = None,
    next_root_key: Signer | None = None,
    trust: Path | None = None,
    profiles: Sequence[Path] = (),
    with_site: bool = True,
) -> Published:
    """Verify certificates and the verdicts beside them, and list them; without any, sign the catalogue afresh.

    Args:
        certificates: certificate files; beside each, ``NAME.POLICY.verdict.json`` and ``.rules.json`` of its verdicts.
        folder: the catalogue; it is made if it is not there.
        key: signs everything but the root.
        terms: the time of signing and how long it is good.
        root_key: signs the root of a new catalogue (else ``key`` does), or renews the root of one that is there.
        next_root_key: takes the place of ``root_key``; both sign the new root.
        trust: whose certificates are believed; the first time compulsory, later the one that was published last. One
            that root keys have signed can be followed only by a version that they agreed to.
        profiles: profile files that are not built in and that verdicts were made under.
        with_site: make the pages for people, too.

    Raises:
        RefusedError: a certificate or verdict does not hold, or its identifier is taken by another.
        RefusedCatalogueError, InputError, UsageError: as ``repository.draft``, or a file is malformed.

    """
    with draft(folder, key, root_key, terms, next_root=next_root_key) as made:
        file = _trust(made, trust)
        try:
            return _publish(made, certificates, file, profiles, with_site=with_site)
        finally:
            if trust is None:
                file.unlink()


def _publish(
    made: Draft, certificates: Sequence[Path], trust: Path, profiles: Sequence[Path], *, with_site: bool
) -> Published:
    known = histories(made.statuses)
    now = format_time(made.terms.now)
    added: dict[str, StatusChange] = {}
    present: list[str] = []
    places: dict[str, Place] = {}
    verdicts = 0
    for path in certificates:
        statement = _verified(path, trust, made)
        name = statement.predicate.certificate.id
        places[name] = place_of(statement)
        if name in known or name in added:
            present.append(name)
        else:
            added[name] = StatusChange(certificate=name, status="valid", since=now, reason="", superseded_by="")
        _add_once(made, certificate_path(name), read_bytes(path, "a certificate"), path)
        verdicts += sum(_verdict(made, row, path, statement, trust, profiles) for row in _verdict_files(path))
    believed = read_bytes(trust, "a trust file")
    unsupported = _lost(made, believed, trust)
    made.add(TRUST, believed)

    def read(name: str) -> Place:
        return places[name] if name in places else _published(made, name)

    listed, marked, unmarked = replaced(append(made.statuses, added.values()), places, read, now)
    made.commit(listed)
    site = _make_site(made.folder, made) if with_site else ""
    return Published(
        added=tuple(added), present=tuple(present), verdicts=verdicts, signed_at=now, site=site, marked=marked,
        unmarked=unmarked, unsupported=unsupported,
    )  # fmt: skip


def _published(made: Draft, name: str) -> Place:
    """Return what a certificate says of its place that was published before."""
    return place_of(read_certificate(open_catalogue(made.folder, moment=made.terms.now, anchor=Anchor()), name)[1])


def _lost(made: Draft, trust: bytes, place: Path) -> tuple[str, ...]:
    """Return what another trust file takes the support from, of what is listed; nothing where it is the one held."""
    held = made.holds(TRUST)
    if held is None or held.hashes["sha256"] == sha256(trust):
        return ()
    found = open_catalogue(made.folder, moment=made.terms.now, anchor=Anchor())
    last = {name: changes[-1].status for name, changes in histories(made.statuses).items()}
    listed = (
        (name, *read_certificate(found, name)) for name, status in last.items()
        if status not in {"withdrawn", "superseded"}
    )  # fmt: skip
    new = validators_in(trust, str(place))
    return tuple(lost(validators_of(found), new, listed, format_time(made.terms.now)))


def _trust(made: Draft, given: Path | None) -> Path:
    """Return the trust file to verify with: the one given, else a copy of the one that the catalogue holds."""
    if given is not None:
        believe(given, format_time(made.terms.now))
    if made.holds(TRUST) is None:
        if given is None:
            raise UsageError(
                "a new catalogue needs --trust: the trust file of the validators whose certificates it lists"
            )
        return given
    data = open_catalogue(made.folder, moment=made.terms.now, anchor=Anchor()).read(TRUST)
    if given is not None:
        _refuse_going_back(data, f"{made.folder} ({TRUST})", given)
        return given
    with tempfile.NamedTemporaryFile(prefix="trust-", suffix=".json", delete=False) as stream:
        stream.write(data)
    return Path(stream.name)


def _refuse_going_back(old: bytes, place: str, given: Path) -> None:
    """Refuse a trust file that does not follow the one that root keys have signed and the catalogue holds.

    Raises:
        InputError: it is unsigned, older, or not signed by enough root keys of the one before.

    """
    if not is_signed(old, place):
        return
    if not is_signed(read_bytes(given, "a trust file"), given):
        problem = f"is unsigned, and the catalogue's present trust file, {place}, is signed by root keys"
        raise InputError(given, "", problem, "Give a version that the same root key holders have signed")
    refuse_unrelated(complete(parse_draft(old, Path(place))), load_signed(given))


def _verified(path: Path, trust: Path, made: Draft) -> Statement:
    found = verify(path, trust, as_of=made.terms.now)
    if found.decision != "valid" or found.statement is None:
        raise RefusedError(f"{path} is not published, for it is {found.decision}: {'; '.join(found.reasons)}")
    name = found.statement.predicate.certificate.id
    if not ID.fullmatch(name):
        raise RefusedError(f"{path} is not published, for its identifier {name[:60]!r} cannot be part of a file name")
    return found.statement


def _add_once(made: Draft, path: str, data: bytes, file: Path) -> bool:
    """Add a file under a path that must not hold another; return whether it is new."""
    before = made.holds(path)
    made_new = before is None
    if before is not None and before.hashes["sha256"] != sha256(data):
        raise RefusedError(f"{file} is not published, for the catalogue holds another file as {path}")
    made.add(path, data)
    return made_new


def _verdict_files(certificate: Path) -> list[Path]:
    """Return the signed verdicts beside a certificate; those of a neighbour with a longer name are not its own."""
    files = [path.name for path in certificate.parent.iterdir() if path.name.startswith(f"{certificate.stem}.")]
    others = [
        f"{name.removesuffix('.json')}."
        for name in files
        if name.endswith(".json") and not name.endswith(_PARTS) and name != certificate.name
    ]
    return [
        certificate.with_name(name) for name in sorted(files)
        if name.endswith(_PARTS[0]) and not any(name.startswith(other) for other in others)
    ]  # fmt: skip


def _verdict(
    made: Draft, signed: Path, certificate: Path, statement: Statement, trust: Path, profiles: Sequence[Path]
) -> bool:
    """Check one verdict beside a certificate and add it with its profiles; return whether it is new."""
    whole = signed.with_name(f"{signed.name.removesuffix('.verdict.json')}.rules.json")
    found = verify_verdict(signed, trust, as_of=made.terms.now)
    if found.decision != "valid" or found.statement is None:
        raise RefusedError(f"{signed} is not published, for it is {found.decision}: {'; '.join(found.reasons)}")
    data = read_bytes(whole, _WHAT)
    verdict = to_record(parse_json(data, whole, _WHAT), PolicyVerdict, whole, "Use the verdict as it was issued")
    if found.statement.subject != statement.subject:
        raise RefusedError(f"{signed} is not published, for it is about other files than {certificate}")
    if verdict.facts_digest != f"sha256:{statement.predicate.results.deterministic_digest.sha256}":
        raise RefusedError(f"{whole} is not published, for it is about other facts than {certificate}")
    if found.statement.predicate.properties != properties(verdict):
        raise RefusedError(f"{whole} is not published, for it is not the verdict that {signed.name} signs")
    signature = read_bytes(signed, _WHAT)
    paths = verdict_paths(statement.predicate.certificate.id, verdict.policy.id, sha256(signature))
    policies = (verdict.policy, *verdict.bases)
    if made.holds(paths[0]) is None:  # one that is listed was let in before, and publishing it again adds nothing
        refuse_borrowed(policies, signed, profiles)
    for policy in policies:
        add_profile(made, policy, certificate, profiles)
    new = _add_once(made, paths[0], signature, signed)
    _add_once(made, paths[1], data, whole)
    return new


def change_status(
    folder: Path,
    key: Signer,
    name: str,
    status: Status,
    reason: str,
    *,
    terms: Terms,
    superseded_by: str = "",
    with_site: bool = True,
) -> StatusChange:
    """Give a published certificate another status from now on; what it was before stays listed.

    Raises:
        UsageError: it is not published, the change cannot be (a withdrawal is for good), or as ``repository.draft``.
        RefusedCatalogueError, InputError: as ``repository.draft``.

    """
    if not (folder / "metadata" / "timestamp.json").is_file():
        raise UsageError(f"{folder} is no catalogue; make one with `pqvalidate publish`")
    reason = free_text(reason, "--reason")
    with draft(folder, key, None, terms) as made:
        for wanted in (name, *([superseded_by] if superseded_by else [])):
            if wanted not in histories(made.statuses):
                raise UsageError(f"{wanted} is not in this catalogue")
        change = StatusChange(
            certificate=name, status=status, since=format_time(terms.now), reason=reason,
            superseded_by=superseded_by,
        )  # fmt: skip
        made.commit(append(made.statuses, [change]))
        if with_site:
            _make_site(folder, made)
    return change


def _make_site(folder: Path, made: Draft) -> str:
    """Make the pages for people beside the repository and put them in the place of the old ones; return where."""
    if importlib.util.find_spec("pqvalidate.catalogue.site") is None:
        return ""
    build: Callable[..., None] = import_module("pqvalidate.catalogue.site").build
    found = open_catalogue(folder, moment=made.terms.now, anchor=Anchor())
    entries: tuple[Entry, ...] = entries_of(found)
    fresh = Path(tempfile.mkdtemp(prefix=".site-", dir=folder))
    try:
        build(entries, fresh / "site", title=TITLE, as_of=format_time(made.terms.now))
        old, place = fresh / "old", folder / "site"
        if place.exists():
            place.rename(old)
        (fresh / "site").rename(place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return str(place)
