"""The root keys of a catalogue can change: both sign, and whoever trusts the old root follows offline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pqvalidate.catalogue.checking import status_of
from pqvalidate.catalogue.client import RefusedCatalogueError
from pqvalidate.catalogue.publishing import publish
from pqvalidate.catalogue.repository import Terms
from pqvalidate.certificate import load_signing_key
from pqvalidate.errors import UsageError
from tests.catalogue.bench import DAY, NOW, Bench, Holder, holder


@pytest.fixture(scope="module")
def successor(tmp_path_factory: pytest.TempPathFactory) -> Holder:
    """Return the holder of the next root key."""
    return holder(tmp_path_factory.mktemp("next") / "root")


def rotate(bench: Bench, successor: Holder, **options: object) -> None:
    bench.publish(now=NOW + DAY, **({"root_key": bench.root.key, "next_root_key": successor.key} | options))


def test_a_reader_with_the_old_root_follows_to_the_new_one_offline(bench: Bench, successor: Holder) -> None:
    old = bench.place / "root-as-it-was-handed-out.json"
    shutil.copy(bench.folder / "metadata" / "1.root.json", old)
    rotate(bench, successor)
    copy = bench.copy("copy")
    later = NOW + 2 * DAY
    assert status_of("PQV-1", bench.asking(later, folder=copy, root=old)).exit_code == 0
    found = bench.asking(later, folder=copy, root=old).open().root.signed
    assert found.version == 2
    assert set(found.roles["root"].keyids) == {row.spki_sha256 for row in successor.key.public.keys}
    for trust in (bench.root.trust, successor.trust):
        assert status_of("PQV-1", bench.asking(later, folder=copy, trust=trust)).anchored == "root keys of root"


def test_afterwards_the_new_key_renews_the_root_and_the_old_one_does_not(bench: Bench, successor: Holder) -> None:
    rotate(bench, successor)
    with pytest.raises(UsageError, match="is not the root key of this catalogue"):
        bench.publish(now=NOW + 2 * DAY, root_key=bench.root.key)
    bench.publish(now=NOW + 2 * DAY, root_key=successor.key)
    assert status_of("PQV-1", bench.asking(NOW + 3 * DAY)).exit_code == 0


@pytest.mark.parametrize("who", ["old", "new"])
def test_a_new_root_that_only_one_of_the_two_has_signed_is_refused(bench: Bench, successor: Holder, who: str) -> None:
    rotate(bench, successor)
    keys: set[str] = {row.spki_sha256 for row in (bench.root if who == "old" else successor).key.public.keys}
    path = bench.metadata("root")
    tree = json.loads(path.read_bytes())
    tree["signatures"] = [row for row in tree["signatures"] if row["keyid"] in keys]
    assert len(tree["signatures"]) == 2
    path.write_text(json.dumps(tree))
    with pytest.raises(RefusedCatalogueError, match="root: no valid signature"):
        status_of("PQV-1", bench.asking(NOW + 2 * DAY))


def test_root_and_catalogue_key_can_change_together(bench: Bench, successor: Holder) -> None:
    rotate(bench, successor, key=bench.stranger.key)
    assert status_of("PQV-1", bench.asking(NOW + 2 * DAY)).exit_code == 0
    bench.publish(now=NOW + 2 * DAY, key=bench.stranger.key)
    with pytest.raises(UsageError, match="has no role in"):
        bench.publish(now=NOW + 3 * DAY)


def test_what_is_no_change_of_root_keys_is_refused_and_nothing_changes(
    bench: Bench, successor: Holder, tmp_path: Path
) -> None:
    before = bench.metadata("timestamp").read_bytes()
    with pytest.raises(UsageError, match="needs --root-key"):
        rotate(bench, successor, root_key=None)
    with pytest.raises(UsageError, match="is the root key of this catalogue already"):
        rotate(bench, bench.root)
    with pytest.raises(UsageError, match="is not the root key of this catalogue"):
        rotate(bench, successor, root_key=bench.stranger.key)
    with pytest.raises(UsageError, match="not catalogue roots"):
        rotate(bench, successor, next_root_key=load_signing_key(bench.lab.keys.signing_key))
    with pytest.raises(UsageError, match="there is none yet"):
        publish(
            [], tmp_path / "new", bench.owner.key, terms=Terms(now=NOW), root_key=bench.root.key,
            next_root_key=successor.key, trust=bench.lab.keys.trust,
        )  # fmt: skip
    assert bench.metadata("timestamp").read_bytes() == before
    assert bench.metadata("root").name == "1.root.json"
