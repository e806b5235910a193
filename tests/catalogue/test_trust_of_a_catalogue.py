"""A catalogue's trust file never goes back, and who asks for a status reads a signed one in full."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from pqvalidate.catalogue.checking import status_of
from pqvalidate.catalogue.client import RefusedCatalogueError
from pqvalidate.catalogue.publishing import RefusedError, change_status
from pqvalidate.catalogue.repository import Terms
from pqvalidate.certificate.belief import Pin
from pqvalidate.certificate.keys import load_trust
from pqvalidate.certificate.roots import SignedTrust, make_first, make_next, read_draft, sign_body
from pqvalidate.errors import InputError, UsageError
from tests.catalogue.bench import DAY, HOUR, NOW, Bench
from tests.unit.certificate_bench import MADE


def signed(bench: Bench, number: int, old: SignedTrust | None = None, *, days: int = 365) -> SignedTrust:
    """Write a version of a trust file that the root of the bench has signed and that names its lab."""
    path = bench.place / f"trust-{number}.json"
    (root,) = load_trust(bench.root.trust).validators
    rows = load_trust(bench.lab.keys.trust).validators
    if old is None:
        body = make_first([root], threshold=1, now=MADE, days=days, path=path)
        body = msgspec.structs.replace(body, validators=rows)
    else:
        body = make_next(old, now=MADE + number * HOUR, days=days)
    path.write_bytes(sign_body(body, [bench.root.key]))
    return read_draft(path)


def test_publishing_with_an_older_trust_file_is_a_rollback(empty: Bench) -> None:
    first = signed(empty, 1)
    second = signed(empty, 2, first)
    empty.publish(empty.certificate("PQV-1"), trust=first.path)
    empty.publish(trust=second.path, now=NOW + HOUR)
    held = empty.asking(NOW + HOUR).open().read("trust.json")
    with pytest.raises(InputError, match=r"is version 1, older than version 2 .*\(rollback\)"):
        empty.publish(trust=first.path, now=NOW + 2 * HOUR)
    with pytest.raises(InputError, match="is unsigned, and the catalogue's present trust file"):
        empty.publish(trust=empty.lab.keys.trust, now=NOW + 2 * HOUR)
    assert empty.asking(NOW + HOUR).open().read("trust.json") == held == second.path.read_bytes()
    assert empty.publish(trust=second.path, now=NOW + 2 * HOUR).added == ()


def test_a_trust_file_by_other_root_keys_does_not_take_the_place(empty: Bench) -> None:
    empty.publish(trust=signed(empty, 1).path)
    other = replace(empty, place=empty.place / "other", root=replace(empty.root, folder=empty.place / "else" / "root"))
    other.place.mkdir()
    from tests.catalogue.bench import holder

    holder(other.root.folder)
    theirs = signed(other, 2, signed(other, 1))
    with pytest.raises(InputError, match="0 root keys of version 1 have signed it"):
        empty.publish(trust=theirs.path, now=NOW + HOUR)


def test_a_trust_file_that_is_published_must_hold_now(empty: Bench) -> None:
    with pytest.raises(InputError, match="expired on 2026-11-24"):
        empty.publish(trust=signed(empty, 1, days=1).path)
    with pytest.raises(InputError, match="Check the clock"):
        empty.publish(trust=signed(empty, 2, signed(empty, 1)).path, now=MADE + HOUR)


def test_a_signed_trust_file_may_take_the_place_of_an_unsigned_one(bench: Bench) -> None:
    bench.publish(trust=signed(bench, 3).path, now=NOW + HOUR)
    assert bench.asking(NOW + HOUR).open().read("trust.json") == (bench.place / "trust-3.json").read_bytes()


def test_a_catalogue_is_signed_afresh_when_its_trust_file_has_expired(empty: Bench) -> None:
    """Its status list must go on, withdrawals above all; only new certificates are refused."""
    empty.publish(empty.certificate("PQV-1"), trust=signed(empty, 1, days=30).path)
    late = NOW + 60 * DAY
    assert empty.publish(trust=None, now=late).added == ()
    with pytest.raises(InputError, match="expired on"):
        empty.publish(empty.certificate("PQV-2"), trust=None, now=late)


def test_the_root_keys_of_a_signed_trust_file_anchor_a_catalogue(bench: Bench) -> None:
    answer = status_of("PQV-1", bench.asking(trust=signed(bench, 1).path))
    assert (answer.status, answer.anchored) == ("valid", "root keys of root")


def test_an_expired_trust_file_and_another_than_the_pinned_one_anchor_nothing(bench: Bench) -> None:
    trust = signed(bench, 1, days=1)
    with pytest.raises(InputError, match="expired on 2026-11-24T09:00:00Z"):
        status_of("PQV-1", bench.asking(trust=trust.path))
    trust = signed(bench, 2)
    pinned = Pin(sha256=trust.sha256, version=1)
    assert status_of("PQV-1", bench.asking(trust=trust.path, pin=pinned)).exit_code == 0
    for pin, told in ((Pin(sha256="0" * 64), "is pinned"), (Pin(version=2), "rollback")):
        with pytest.raises(InputError, match=told):
            status_of("PQV-1", bench.asking(trust=trust.path, pin=pin))
    root = bench.folder / "metadata" / "1.root.json"
    with pytest.raises(InputError, match="is pinned"):
        status_of("PQV-1", bench.asking(trust=trust.path, root=root, pin=Pin(sha256="0" * 64)))


@pytest.mark.parametrize("reason", ["", "caf\udce9", "a\x1b[2J", "x" * 501])
def test_a_reason_that_would_not_look_as_it_reads_changes_nothing(bench: Bench, reason: str) -> None:
    before = bench.metadata("timestamp").read_bytes()
    with pytest.raises(UsageError, match="--reason"):
        change_status(bench.folder, bench.owner.key, "PQV-1", "withdrawn", reason, terms=Terms(now=NOW + HOUR))
    assert bench.metadata("timestamp").read_bytes() == before


def test_nobody_whom_the_trust_file_names_as_validator_only_anchors_a_catalogue(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    path.write_bytes(bench.lab.keys.trust.read_bytes())
    with pytest.raises(RefusedCatalogueError, match="nobody in the trust file may sign"):
        status_of("PQV-1", bench.asking(trust=path))
    with pytest.raises(RefusedError):
        bench.publish(bench.certificate("PQV-9"), trust=bench.root.trust, now=NOW + HOUR)
