"""A signed trust file: thresholds of holders, expiry, pins, rotation, rollback, revocation; forged ones are refused."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from pqvalidate.certificate import load_trust, summary, verify
from pqvalidate.certificate.belief import Pin
from pqvalidate.certificate.envelope import seal
from pqvalidate.certificate.keys import Revocation
from pqvalidate.certificate.roots import (
    TrustBody,
    load_signed,
    make_first,
    make_next,
    read_draft,
    refuse_unrelated,
    revoke,
    sign_body,
)
from pqvalidate.documents import canonical
from pqvalidate.errors import InputError, UsageError
from pqvalidate.report import CERTIFICATE_FORMATS
from tests.cli.command import environment
from tests.trust.holders import LATER, MADE, Cast, edit
from tests.trust.test_roles import outcome, why


def test_a_certificate_is_verified_with_a_trust_file_that_two_roots_have_signed(
    cast: Cast, certificate: Path, tmp_path: Path
) -> None:
    trust = cast.first(tmp_path / "trust.json")
    found = verify(certificate, trust.path, as_of=LATER, pin=Pin(sha256=trust.sha256, version=1))
    assert (found.decision, outcome(found, "trust-file")) == ("valid", "pass")
    assert "signed by 2 of its 2 root keys, pinned" in why(found, "trust-file")


def test_unpinned_it_says_so_and_passes_no_rule_for_being_signed(cast: Cast, certificate: Path, tmp_path: Path) -> None:
    found = verify(certificate, cast.first(tmp_path / "trust.json").path, as_of=LATER)
    assert (found.decision, outcome(found, "trust-file")) == ("valid", "not-checked")
    assert "whoever gave it to you" in why(found, "trust-file")


def test_an_unsigned_trust_file_says_so_and_can_be_pinned(cast: Cast, certificate: Path) -> None:
    found = verify(certificate, cast.lab.public, as_of=LATER)
    assert (outcome(found, "trust-file"), "unsigned" in why(found, "trust-file")) == ("not-checked", True)
    digest = hashlib.sha256(cast.lab.public.read_bytes()).hexdigest()
    assert outcome(verify(certificate, cast.lab.public, as_of=LATER, pin=Pin(sha256=digest)), "trust-file") == "pass"
    with pytest.raises(InputError, match="is unsigned and has no version"):
        verify(certificate, cast.lab.public, as_of=LATER, pin=Pin(version=1))


def test_any_other_file_than_the_pinned_one_is_refused(cast: Cast, certificate: Path, tmp_path: Path) -> None:
    pinned = cast.first(tmp_path / "pinned.json")
    other = cast.first(tmp_path / "other.json", days=364)
    with pytest.raises(InputError, match=f"{pinned.sha256} is pinned"):
        verify(certificate, other.path, as_of=LATER, pin=Pin(sha256=pinned.sha256))


def test_a_version_below_the_pinned_one_is_a_rollback(cast: Cast, certificate: Path, tmp_path: Path) -> None:
    first = cast.first(tmp_path / "1.json")
    second = cast.write(tmp_path / "2.json", make_next(first, now=LATER, days=90), (0, 1))
    assert verify(certificate, second.path, as_of=LATER, pin=Pin(version=2)).decision == "valid"
    with pytest.raises(InputError, match="rollback"):
        verify(certificate, first.path, as_of=LATER, pin=Pin(version=2))


def test_an_expired_trust_file_is_refused(cast: Cast, certificate: Path, tmp_path: Path) -> None:
    trust = cast.first(tmp_path / "trust.json", days=10)
    assert verify(certificate, trust.path, as_of=MADE + timedelta(days=10)).decision == "valid"
    with pytest.raises(InputError, match="expired on 2026-12-03"):
        verify(certificate, trust.path, as_of=MADE + timedelta(days=10, seconds=1))


@pytest.mark.parametrize("signers", [(), (0,), (0, 0), (2,), (0, 2)], ids=str)
def test_too_few_holders_are_refused_however_many_signatures_there_are(
    signers: tuple[int, ...], cast: Cast, certificate: Path, tmp_path: Path
) -> None:
    trust = cast.first(tmp_path / "trust.json", signers=signers)
    assert not trust.complete
    for use in (load_signed, load_trust, lambda path: verify(certificate, path, as_of=LATER)):
        with pytest.raises(InputError, match="root keys have signed it, and 2 must"):
            use(trust.path)


@pytest.mark.parametrize("kept", [(0, 2), (1, 3), (0, 1, 2), (0, 3)], ids=str)
def test_each_holder_must_sign_with_both_families(kept: tuple[int, ...], cast: Cast, tmp_path: Path) -> None:
    trust = cast.first(tmp_path / "trust.json")
    assert len(trust.envelope.signatures) == 4
    edit(trust.path, lambda tree: tree.update(signatures=[tree["signatures"][number] for number in kept]))
    with pytest.raises(InputError, match="and 2 must"):
        load_signed(trust.path)


def changed(path: Path, **fields: object) -> None:
    """Change the signed body of a trust file and leave its signatures as they are."""

    def change(tree: dict[str, object]) -> None:
        body = json.loads(base64.b64decode(str(tree["payload"])))
        tree["payload"] = base64.b64encode(canonical({**body, **fields})).decode()

    edit(path, change)


@pytest.mark.parametrize(
    "fields", [{"version": 9}, {"threshold": 1}, {"expires": "2036-01-01T00:00:00Z"}, {"validators": []}], ids=str
)
def test_a_changed_body_has_lost_its_signatures(fields: dict[str, object], cast: Cast, tmp_path: Path) -> None:
    trust = cast.first(tmp_path / "trust.json")
    changed(trust.path, **fields)
    with pytest.raises(InputError, match="0 of its root keys have signed it"):
        load_signed(trust.path)


def test_a_signature_for_another_kind_of_document_does_not_count(cast: Cast, tmp_path: Path) -> None:
    trust = cast.first(tmp_path / "trust.json", threshold=1, signers=(0,))
    path = tmp_path / "other.json"
    path.write_bytes(seal(trust.envelope.payload, cast.roots[0].key))  # as an in-toto statement
    with pytest.raises(InputError, match="payloadType"):
        load_signed(path)
    edit(path, lambda tree: tree.update(payloadType="application/vnd.pqvalidate.trust+json"))
    with pytest.raises(InputError, match="0 of its root keys"):
        load_signed(path)


def bad_bodies(cast: Cast, body: TrustBody) -> dict[str, TrustBody]:
    lab, root = cast.lab.entry, cast.roots[0].entry
    return {
        "occurs twice": replace(body, validators=(lab, lab)),
        "not trust files": replace(body, roots=(lab,), validators=(), threshold=1),
        "belongs under roots": replace(body, validators=(cast.roots[2].entry,)),
        "but there are 2 root keys": replace(body, threshold=3),
        "one key of each family": replace(body, roots=(replace(root, keys=root.keys[:1]),), threshold=1),
        "lies before issued_at": replace(body, expires="2026-01-01T00:00:00Z"),
        "a time does not exist": replace(body, issued_at="2026-02-30T00:00:00Z"),
    }


@pytest.mark.parametrize(
    "problem",
    [
        "occurs twice", "not trust files", "belongs under roots", "but there are 2 root keys",
        "one key of each family", "lies before issued_at", "a time does not exist",
    ],
)  # fmt: skip
def test_a_trust_file_that_contradicts_itself_is_refused_even_signed(problem: str, cast: Cast, tmp_path: Path) -> None:
    body = bad_bodies(cast, cast.first(tmp_path / "trust.json").body)[problem]
    path = tmp_path / "bad.json"
    path.write_bytes(sign_body(body, [root.key for root in cast.roots]))
    with pytest.raises(InputError, match=problem):
        read_draft(path)


def test_only_root_keys_sign_trust_files(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not trust files"):
        sign_body(cast.first(tmp_path / "trust.json").body, [cast.lab.key])


def test_days_of_validity_have_bounds(cast: Cast, tmp_path: Path) -> None:
    for days in (0, 3661):
        with pytest.raises(UsageError, match="1 to 3660 days"):
            make_first([cast.roots[0].entry], threshold=1, now=MADE, days=days, path=tmp_path)


@pytest.mark.parametrize(
    ("signers", "follows"),
    [((0, 1, 2), True), ((0, 2), False), ((1, 2), False), ((2, 0, 1), True), ((0, 1), False)],
    ids=str,
)
def test_new_root_keys_need_the_old_ones_and_themselves(
    signers: tuple[int, ...], *, follows: bool, cast: Cast, tmp_path: Path
) -> None:
    old = cast.first(tmp_path / "1.json")
    roots = [cast.roots[1].entry, cast.roots[2].entry]  # the first one goes, the third one comes
    new = cast.write(tmp_path / "2.json", make_next(old, now=LATER, days=365, roots=roots), signers)
    if follows:
        refuse_unrelated(old, load_signed(new.path))
        return
    with pytest.raises(InputError, match=r"have signed it, and 2 must"):
        refuse_unrelated(old, load_signed(new.path))


def test_a_lowered_threshold_must_be_agreed_by_as_many_as_before(cast: Cast, tmp_path: Path) -> None:
    old = cast.first(tmp_path / "1.json")
    new = cast.write(tmp_path / "2.json", make_next(old, now=LATER, days=365, threshold=1), (0,))
    assert load_signed(new.path).complete  # by its own word
    with pytest.raises(InputError, match="1 root keys of version 1 have signed it, and 2 must"):
        refuse_unrelated(old, new)


def test_a_version_never_goes_back_and_is_one_file(cast: Cast, tmp_path: Path) -> None:
    first = cast.first(tmp_path / "1.json")
    second = cast.write(tmp_path / "2.json", make_next(first, now=LATER, days=90), (0, 1))
    twin = cast.write(tmp_path / "2b.json", make_next(first, now=LATER, days=91), (0, 1))
    refuse_unrelated(first, second)
    refuse_unrelated(second, second)
    with pytest.raises(InputError, match="rollback"):
        refuse_unrelated(second, first)
    with pytest.raises(InputError, match="another file of the same version"):
        refuse_unrelated(second, twin)


def test_somebody_elses_trust_file_does_not_follow(cast: Cast, tmp_path: Path) -> None:
    mine = cast.first(tmp_path / "mine.json")
    body = replace(mine.body, version=7, roots=(cast.roots[2].entry,), threshold=1)
    theirs = cast.write(tmp_path / "theirs.json", body, (2,))
    assert theirs.complete
    with pytest.raises(InputError, match="0 root keys of version 1 have signed it"):
        refuse_unrelated(mine, theirs)


def test_a_root_key_signs_within_its_own_period_only(cast: Cast, tmp_path: Path) -> None:
    trust = cast.first(tmp_path / "1.json")
    late = make_next(trust, now=datetime(2029, 1, 1, tzinfo=UTC), days=10)
    assert cast.write(tmp_path / "2.json", late, (0, 1)).signers == ()


def test_a_revoked_key_is_refused_with_the_reason(cast: Cast, certificate: Path, tmp_path: Path) -> None:
    old = cast.first(tmp_path / "1.json")
    gone = Revocation(since="2026-12-24T00:00:00Z", reason="laptop stolen")
    rows = revoke(old, cast.lab.entry.keys[0].spki_sha256, gone)
    new = cast.write(tmp_path / "2.json", make_next(old, now=LATER, days=365, validators=rows), (0, 1))
    found = verify(certificate, new.path, as_of=LATER)
    assert (found.decision, outcome(found, "not-revoked")) == ("invalid", "fail")
    # The certificate says that it is older than the revocation; so could one made by the thief.
    assert "laptop stolen; no time stamp shows that it is older" in why(found, "not-revoked")
    assert cast.lab.entry.id not in {row.id for row in load_trust(new.path).validators}
    with pytest.raises(UsageError, match="already: laptop stolen"):
        revoke(new, cast.lab.entry.id, gone)
    with pytest.raises(UsageError, match="does not name"):
        revoke(new, cast.other_lab.entry.id, gone)


def test_signing_twice_adds_nothing_and_another_body_drops_old_signatures(cast: Cast, tmp_path: Path) -> None:
    trust = cast.first(tmp_path / "1.json", signers=(0,))
    both = tmp_path / "both.json"
    both.write_bytes(sign_body(trust.body, [cast.roots[1].key], trust.envelope))
    assert read_draft(both).complete
    other = tmp_path / "other.json"
    other.write_bytes(sign_body(replace(trust.body, version=2), [cast.roots[1].key], trust.envelope))
    assert len(read_draft(other).envelope.signatures) == 2


def test_every_byte_of_a_trust_file_matters_or_the_file_is_refused(cast: Cast, tmp_path: Path) -> None:
    trust = cast.first(tmp_path / "trust.json", threshold=1, signers=(0,))
    data, path = trust.path.read_bytes(), tmp_path / "changed.json"
    body = msgspec.json.encode(trust.body)
    refused = 0
    for place in range(0, len(data), 97):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            assert msgspec.json.encode(load_signed(path).body) == body  # a key identifier, which decides nothing
        except InputError:
            refused += 1
    assert refused > len(range(0, len(data), 97)) * 3 // 4


def test_the_reasons_are_said_in_dutch_too(cast: Cast, certificate: Path, tmp_path: Path) -> None:
    old = cast.first(tmp_path / "1.json")
    rows = revoke(old, cast.lab.entry.id, Revocation(since="2026-12-01T00:00:00Z", reason="laptop gestolen"))
    new = cast.write(tmp_path / "2.json", make_next(old, now=LATER, days=365, validators=rows), (0, 1))
    page = " ".join(CERTIFICATE_FORMATS["text"](summary(verify(certificate, new.path, as_of=LATER)), "nl").split())
    for told in (
        "de sleutels van A lab zijn ingetrokken sinds 2026-12-01T00:00:00Z: laptop gestolen; geen tijdstempel toont",
        "versie 2 van het vertrouwensbestand is ondertekend met 2 van zijn 2 hoofdsleutels: wie het u gaf, bepaalt",
        "Een tijdstempeldienst heeft deze handtekeningen gezien (RFC 3161) (er is geen --timestamp opgegeven)",
    ):
        assert told in page
    page = CERTIFICATE_FORMATS["text"](summary(verify(certificate, cast.catalogue.public, as_of=LATER)), "nl")
    assert "het vertrouwensbestand is niet ondertekend: wie het u gaf" in " ".join(page.split())
    assert "<html" in CERTIFICATE_FORMATS["html"](summary(verify(certificate, new.path, as_of=LATER)), "nl")


def test_verifying_loads_nothing_of_signed_files_and_stamps_unless_there_are_some(
    cast: Cast, certificate: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from pqvalidate.cli import main;"
        "code = main(sys.argv[1:]); print(code, sorted(sys.modules), file=sys.stderr)"
    )
    seen: dict[str, str] = {}
    for name, trust in {"plain": cast.lab.public, "signed": cast.first(tmp_path / "1.json").path}.items():
        words = ["verify", str(certificate), "--trust", str(trust), "--as-of", "2027-01-01"]
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stderr.startswith("0 ")
        seen[name] = done.stderr
    heavy = ("pqvalidate.certificate.timestamps", "rfc3161_client", "'getpass'", "urllib.request")
    assert [word for word in heavy if word in seen["plain"] + seen["signed"]] == []
    assert "pqvalidate.certificate.roots" not in seen["plain"]
    assert "pqvalidate.certificate.roots" in seen["signed"]
