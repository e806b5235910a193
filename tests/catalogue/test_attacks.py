"""Every known attack on a copy of a catalogue is refused with its reason, whoever carries the copy."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Root  # type: ignore[attr-defined]

from pqvalidate.catalogue import roles
from pqvalidate.catalogue.checking import status_of
from pqvalidate.catalogue.client import RefusedCatalogueError
from pqvalidate.catalogue.publishing import change_status
from pqvalidate.catalogue.repository import Terms, draft
from pqvalidate.catalogue.status import StatusList
from pqvalidate.errors import InputError
from tests.catalogue.bench import DAY, HOUR, NOW, Bench

Tree = dict[str, Any]


def withdraw(bench: Bench) -> None:
    terms = Terms(now=NOW + HOUR)
    change_status(bench.folder, bench.owner.key, "PQV-1", "withdrawn", "a flaw", terms=terms, with_site=False)


def refused(bench: Bench, rule: str, **options: Any) -> str:
    """Return why the catalogue is refused, which is by this rule."""
    with pytest.raises(RefusedCatalogueError) as caught:
        status_of("PQV-1", bench.asking(NOW + 2 * HOUR, **options))
    assert caught.value.rule == rule
    assert caught.value.exit_code == 1
    return caught.value.why


def drop(bench: Bench, role: str, family: str) -> None:
    """Take the signature of one family away from the metadata of a role."""
    keys: dict[str, str] = {
        row.family: row.spki_sha256 for row in (bench.root if role == "root" else bench.owner).key.public.keys
    }

    def change(tree: Tree) -> None:
        tree["signatures"] = [row for row in tree["signatures"] if row["keyid"] != keys[family]]

    bench.change(bench.metadata(role), change)


def test_the_withdrawal_is_seen_where_nobody_attacks(bench: Bench) -> None:
    withdraw(bench)
    assert status_of("PQV-1", bench.asking(NOW + 2 * HOUR)).status == "withdrawn"


def test_rollback_to_the_time_before_a_withdrawal_is_noticed_by_who_remembers(bench: Bench, tmp_path: Path) -> None:
    old = bench.copy("old")
    withdraw(bench)
    memory = tmp_path / "state.json"
    assert status_of("PQV-1", bench.asking(NOW + 2 * HOUR, memory=memory)).status == "withdrawn"
    remembered = memory.read_bytes()
    why = refused(bench, "rollback", folder=old, memory=memory)
    assert why == "timestamp has version 1, and version 2 was seen before"
    assert memory.read_bytes() == remembered


def test_freezing_a_copy_is_noticed_when_its_timestamp_expires(bench: Bench) -> None:
    old = bench.copy("old")
    withdraw(bench)
    frozen = status_of("PQV-1", bench.asking(NOW + 8 * DAY, folder=old))
    assert frozen.exit_code == 3
    assert frozen.stale == "its timestamp expired on 2026-12-08T12:00:00Z"


@pytest.mark.parametrize("role", ["root", "snapshot", "targets", "bin-00"])
def test_expired_metadata_leave_the_status_undecided_even_for_a_patient_reader(bench: Bench, role: str) -> None:
    answer = status_of("PQV-1", bench.asking(NOW + 366 * DAY, longest=1000 * DAY))
    assert answer.exit_code in {1, 3}  # the certificate itself expires, too, in a year
    assert answer.stale
    if role == "root":
        late = NOW + 731 * DAY
        with pytest.raises(Exception, match="is trusted from"):
            bench.publish(now=late)
        assert "root expired" in status_of("PQV-1", bench.asking(late, longest=1000 * DAY)).stale


def test_an_old_snapshot_under_a_new_timestamp_is_a_mixture(bench: Bench) -> None:
    first = bench.metadata("snapshot").read_bytes()
    withdraw(bench)
    newest = bench.metadata("snapshot")
    assert newest.name == "2.snapshot.json"
    newest.write_bytes(first)
    assert "files of different versions were mixed" in refused(bench, "mix-and-match")


@pytest.mark.parametrize("role", ["targets", "bin"])
def test_old_listings_under_a_new_snapshot_are_a_mixture(bench: Bench, role: str) -> None:
    name = "targets"
    if role == "bin":
        name = f"bin-{hashlib.sha256(b'certificates/PQV-1.json').digest()[0] >> 3:02x}"
    first = bench.metadata(name).read_bytes()
    with draft(bench.folder, bench.owner.key, None, Terms(now=NOW + HOUR)) as made:
        made.changed.add(name)
        made.commit(made.statuses)
    newest = bench.metadata(name)
    assert newest.read_bytes() != first
    newest.write_bytes(first)
    assert "files of different versions were mixed" in refused(bench, "mix-and-match")


@pytest.mark.parametrize("family", ["classical", "pq"])
@pytest.mark.parametrize("role", ["root", "timestamp"])
def test_a_stripped_signature_is_refused_and_named(bench: Bench, role: str, family: str) -> None:
    drop(bench, role, family)
    scheme = {"classical": "ecdsa-sha2-nistp384", "pq": "ml-dsa-87/1"}[family]
    assert refused(bench, "signatures") == f"{role}: no valid signature by its {scheme} key"


def resign(bench: Bench, role: str, change: Callable[[Tree], object], *, families: str = "both") -> None:
    """Change metadata and sign them with the owner's keys, as a thief of keys would, listing them upwards."""
    chain = {"targets": ("targets", "snapshot", "timestamp"), "snapshot": ("snapshot", "timestamp"),
             "timestamp": ("timestamp",)}[role]  # fmt: skip
    meta: Tree = {}
    for name in chain:
        path = bench.metadata(name)
        tree = json.loads(path.read_bytes())
        if name == role:
            change(tree)
        else:
            tree["signed"]["meta"] |= meta
        found: Metadata[Any] = Metadata.from_dict(tree)
        roles.sign(found, bench.owner.key)
        if name == role and families != "both":
            keys: dict[str, str] = {row.family: row.spki_sha256 for row in bench.owner.key.public.keys}
            found.signatures = {keyid: row for keyid, row in found.signatures.items() if keyid == keys[families]}
        data = json.dumps(found.to_dict(), separators=(",", ":"), sort_keys=True).encode() + b"\n"
        path.write_bytes(data)
        meta = {f"{name}.json": {"version": found.signed.version, "length": len(data),
                                 "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}}  # fmt: skip


@pytest.mark.parametrize("family", ["classical", "pq"])
@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_one_family_does_not_suffice_below_the_timestamp_either(bench: Bench, role: str, family: str) -> None:
    resign(bench, role, lambda _: None, families=family)
    assert "no valid signature by its" in refused(bench, "signatures")


def test_two_signatures_by_keys_of_one_family_are_not_two(bench: Bench) -> None:
    """A root may not ask for less: two keys of one family meet the threshold of the framework, and not ours."""
    stranger = {row.family: row for row in bench.stranger.key.public.keys}
    path = bench.metadata("root")
    found: Metadata[Any] = Metadata.from_dict(json.loads(path.read_bytes()))
    own = {row.family: row.spki_sha256 for row in bench.owner.key.public.keys}
    found.signed.revoke_key(own["pq"], "timestamp")
    keys = {row.keyid: row for row in roles.public_keys(bench.stranger.key.public)}
    public = keys[stranger["classical"].spki_sha256]
    found.signed.add_key(public, "timestamp")
    roles.sign(found, bench.root.key)
    path.write_text(json.dumps(found.to_dict()))
    assert refused(bench, "signatures") == "timestamp: the role timestamp can do without a key of each family"


def test_a_key_under_another_name_does_not_count(bench: Bench) -> None:
    """The same key under a second identifier would count twice."""

    def change(tree: Tree) -> None:
        signed = tree["signed"]
        keyid = signed["roles"]["timestamp"]["keyids"][0]
        signed["keys"]["f" * 64] = copy.deepcopy(signed["keys"][keyid])
        signed["roles"]["timestamp"]["keyids"] = [keyid, "f" * 64]

    path = bench.metadata("root")
    tree = json.loads(path.read_bytes())
    change(tree)
    found: Metadata[Any] = Metadata.from_dict(tree)
    roles.sign(found, bench.root.key)
    path.write_text(json.dumps(found.to_dict()))
    assert "without a key of each family" in refused(bench, "signatures")


def test_metadata_by_foreign_keys_are_refused(bench: Bench) -> None:
    foreign = bench.place / "foreign"
    bench.publish(bench.certificate("PQV-1"), folder=foreign, key=bench.stranger.key, root_key=bench.stranger.key)
    assert "nobody in the trust file" in refused(bench, "root", folder=foreign, trust=bench.root.trust)
    shutil.copy(foreign / "metadata/timestamp.json", bench.folder / "metadata/timestamp.json")
    assert "no valid signature" in refused(bench, "signatures")


def test_a_root_that_the_one_before_did_not_sign_is_refused(bench: Bench) -> None:
    foreign = bench.place / "foreign"
    bench.publish(folder=foreign, key=bench.stranger.key, root_key=bench.stranger.key)
    bench.publish(folder=foreign, key=bench.stranger.key, root_key=bench.stranger.key, now=NOW + HOUR)
    shutil.copy(foreign / "metadata/2.root.json", bench.folder / "metadata/2.root.json")
    assert "root: no valid signature" in refused(bench, "signatures")


@pytest.mark.parametrize("name", ["certificates", "status.json", "trust.json"])
def test_a_tampered_file_is_refused_when_it_is_read(bench: Bench, name: str) -> None:
    for path in (bench.folder / "targets").rglob(f"*{'PQV-1.json' if name == 'certificates' else name}"):
        path.write_bytes(path.read_bytes().replace(b"e", b"E", 1))
    asking = bench.asking(NOW + HOUR)
    actions: dict[str, Callable[[], object]] = {"trust.json": lambda: asking.open().read(name)}
    read = actions.get(name, lambda: status_of("PQV-1", asking))
    with pytest.raises(InputError, match="is not the file that the catalogue's owner signed for"):
        read()


def unreadable(bench: Bench, why: str) -> None:
    with pytest.raises(InputError, match=why):
        status_of("PQV-1", bench.asking())


def test_endless_oversized_and_missing_files_are_refused(bench: Bench) -> None:
    timestamp = bench.metadata("timestamp")
    content = timestamp.read_bytes()
    with timestamp.open("ab") as stream:
        stream.write(b" " * 10_000_000)
    unreadable(bench, "is larger than 65536 bytes")
    timestamp.unlink()
    unreadable(bench, "cannot be read")
    os.mkfifo(timestamp)
    unreadable(bench, "is no ordinary file")
    timestamp.unlink()
    timestamp.write_bytes(content)
    snapshot = bench.metadata("snapshot")
    snapshot.write_bytes(snapshot.read_bytes() + b" ")
    assert "is not the file" in refused(bench, "mix-and-match")


def test_an_older_timestamp_whose_snapshot_is_gone_is_refused_as_mixed(bench: Bench) -> None:
    old = bench.metadata("timestamp").read_bytes()
    for hours in range(1, 4):
        bench.publish(now=NOW + hours * HOUR)
    assert status_of("PQV-1", bench.asking(NOW + 4 * HOUR)).exit_code == 0
    bench.metadata("timestamp").write_bytes(old)
    assert "1.snapshot.json is listed and is not there" in refused(bench, "mix-and-match")


@pytest.mark.parametrize("document", [{"schema": "pqvalidate/trust/1", "validators": []}, {"signed": {}}, [], 1])
def test_a_file_of_another_kind_in_the_place_of_a_root_is_refused_with_what_to_give(document: object) -> None:
    with pytest.raises(InputError, match=r"signed and signatures are missing\. Give metadata of a catalogue"):
        roles.parse(json.dumps(document).encode(), Root, "root.json")


def test_metadata_that_are_no_metadata_are_refused_with_their_place(bench: Bench) -> None:
    timestamp = bench.metadata("timestamp")
    content = timestamp.read_bytes()
    wrong = (b"", b"[]", b"{}", b'{"signed": 1}', b"\xff", content[:-20], b"[" * 50_000,
             content.replace(b'"version":1,', b'"version":1,"version":1,', 1),
             content.replace(b'"version":1,', b'"version":1.5,', 1),
             content.replace(b'"_type":"timestamp"', b'"_type":"snapshot"', 1),
             bench.metadata("root").read_bytes())  # fmt: skip
    for data in wrong:
        timestamp.write_bytes(data)
        with pytest.raises(InputError):
            status_of("PQV-1", bench.asking())


def rewrite_statuses(bench: Bench, change: Callable[[StatusList], StatusList]) -> None:
    """Publish another status list with the owner's own keys."""
    with draft(bench.folder, bench.owner.key, None, Terms(now=NOW + 2 * HOUR)) as made:
        made.commit(change(made.statuses))


def test_a_line_that_was_removed_by_the_owner_breaks_the_chain(bench: Bench) -> None:
    withdraw(bench)
    rewrite_statuses(bench, lambda old: type(old)(schema=old.schema, lines=(old.lines[0], old.lines[2])))
    with pytest.raises(InputError, match="the chain is broken: a line was removed"):
        status_of("PQV-1", bench.asking(NOW + 3 * HOUR))


def test_a_last_line_that_was_removed_by_the_owner_is_noticed_by_who_remembers(bench: Bench, tmp_path: Path) -> None:
    withdraw(bench)
    memory = tmp_path / "state.json"
    status_of("PQV-1", bench.asking(NOW + 2 * HOUR, memory=memory))
    rewrite_statuses(bench, lambda old: type(old)(schema=old.schema, lines=old.lines[:2]))
    assert "have gone or were changed" in refused(bench, "append-only", memory=memory)


def test_a_path_that_leads_out_of_the_folder_is_not_followed(bench: Bench) -> None:
    asking = bench.asking()
    found = asking.open()
    info = found.info("status.json")
    assert info is not None
    for path in ("../../etc/passwd", "certificates/../x", "/etc/passwd", "certificates/.x"):
        found.bin(found.spread.get_role_for_target(path)).signed.targets[path] = info
        with pytest.raises(InputError, match="is no file that a catalogue holds"):
            found.read(path)


def test_a_state_file_that_is_none_is_refused(bench: Bench, tmp_path: Path) -> None:
    memory = tmp_path / "state.json"
    memory.write_text("{}")
    with pytest.raises(InputError):
        status_of("PQV-1", bench.asking(memory=memory))
