"""A trust file stays readable however often it is signed, and its versions go forward in time, too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import fields, replace

from pqvalidate.certificate import verify
from pqvalidate.certificate.belief import Pin, believe
from pqvalidate.certificate.envelope import MOST_SIGNATURES, envelope_json, parse_envelope, sign_lines
from pqvalidate.certificate.keys import SCHEMES
from pqvalidate.certificate.predicate import format_time
from pqvalidate.certificate.roots import (
    PAYLOAD_TYPE,
    TrustBody,
    load_signed,
    make_first,
    make_next,
    parse_draft,
    read_draft,
    refuse_unrelated,
    sign_body,
)
from pqvalidate.cli import main
from pqvalidate.documents import canonical
from pqvalidate.errors import InputError, UsageError
from tests.trust.holders import LATER, MADE, Cast, Holder, holder


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[Holder]:
    """Five root keys that stand in a trust file, and five that are to take their places."""
    folder = tmp_path_factory.mktemp("many")
    return [holder(folder, f"root {number}", "root") for number in range(10)]


def test_all_root_keys_of_a_trust_file_can_change_at_once(many: list[Holder], tmp_path: Path) -> None:
    old, new = many[:5], many[5:]
    first = tmp_path / "1.json"
    body = make_first([row.entry for row in old], threshold=5, now=MADE, days=365, path=first)
    first.write_bytes(sign_body(body, [row.key for row in old]))
    second = tmp_path / "2.json"
    changed = make_next(load_signed(first), now=LATER, days=365, roots=[row.entry for row in new])
    second.write_bytes(sign_body(changed, [row.key for row in many]))
    refuse_unrelated(load_signed(first), load_signed(second))
    assert len(read_draft(second).envelope.signatures) == 20
    most = next(row.type for row in fields(TrustBody) if row.name == "roots").__metadata__[0].max_length
    assert most * 2 * len(SCHEMES) <= MOST_SIGNATURES


def test_signing_again_takes_the_place_of_the_own_signatures(cast: Cast, tmp_path: Path) -> None:
    trust = cast.first(tmp_path / "1.json")
    data = trust.path.read_bytes()
    for _ in range(12):
        data = sign_body(trust.body, [cast.roots[0].key], parse_envelope(data, "again"))
    found = parse_draft(data, trust.path)
    assert (len(found.envelope.signatures), found.complete) == (4, True)
    assert set(trust.envelope.signatures[2:]) < set(found.envelope.signatures)


def test_a_file_that_would_be_unreadable_is_not_written(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust = cast.first(tmp_path / "1.json", signers=())
    payload = canonical(trust.body)
    strangers = [line for _ in range(32) for line in sign_lines(payload, PAYLOAD_TYPE, cast.lab.key)]
    trust.path.write_bytes(envelope_json(payload, PAYLOAD_TYPE, strangers))
    before = trust.path.read_bytes()
    with pytest.raises(UsageError, match="it would carry 66 signatures, and 64 are read at most"):
        sign_body(trust.body, [cast.roots[0].key], parse_envelope(before, trust.path))
    assert main(["trust", "sign", str(trust.path), "--key", str(cast.roots[0].secret)]) == 2
    assert "make the next version" in capsys.readouterr().err
    assert trust.path.read_bytes() == before


def test_a_version_that_was_made_before_the_one_that_it_follows_is_refused(cast: Cast, tmp_path: Path) -> None:
    first = cast.first(tmp_path / "1.json")
    second = cast.write(tmp_path / "2.json", make_next(first, now=MADE + timedelta(days=1), days=365), (0, 1))
    backdated = replace(second.body, version=3, issued_at=first.body.issued_at)
    third = cast.write(tmp_path / "3.json", backdated, (0, 1))
    refuse_unrelated(first, third)
    with pytest.raises(InputError, match="issued_at: is 2026-11-23T09:00:00Z, before that of version 2") as caught:
        refuse_unrelated(second, third)
    assert "check their clock" in caught.value.remedy


def test_a_trust_file_from_the_future_is_refused_with_a_word_about_the_clock(
    cast: Cast, certificate: Path, tmp_path: Path
) -> None:
    trust = cast.write(tmp_path / "1.json", replace(cast.first(tmp_path / "0.json").body, version=2), (0, 1))
    assert believe(trust.path, format_time(MADE)).validators
    with pytest.raises(InputError, match="was made on 2026-11-23T09:00:00Z, after 2026-11-23T08:59:59Z") as caught:
        verify(certificate, trust.path, as_of=MADE - timedelta(seconds=1))
    assert "Check the clock" in caught.value.remedy


def test_a_trust_file_of_today_may_be_used_to_ask_about_an_earlier_day(
    cast: Cast, certificate: Path, tmp_path: Path
) -> None:
    renewed = make_next(cast.first(tmp_path / "1.json"), now=LATER, days=365)
    trust = cast.write(tmp_path / "2.json", renewed, (0, 1))
    earlier = MADE + timedelta(days=1)
    assert verify(certificate, trust.path, as_of=earlier, pin=Pin(clock=format_time(LATER))).decision == "valid"
    for clock in ("", format_time(earlier), format_time(LATER - timedelta(seconds=1))):
        with pytest.raises(InputError, match="Check the clock"):
            verify(certificate, trust.path, as_of=earlier, pin=Pin(clock=clock))


def test_the_command_line_knows_the_time(
    cast: Cast, certificate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust = cast.first(tmp_path / "1.json")
    assert main(["verify", str(certificate), "--trust", str(trust.path), "--as-of", "2026-11-22"]) == 1
    assert "it is valid only from 2026-11-23T09:00:00Z" in capsys.readouterr().out


def test_no_version_is_made_by_a_clock_that_was_set_back(cast: Cast, tmp_path: Path) -> None:
    first = cast.first(tmp_path / "1.json")
    with pytest.raises(UsageError, match="set the clock"):
        make_next(first, now=MADE - timedelta(seconds=1), days=30)


def test_checking_trust_files_notices_one_from_the_future(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = cast.first(tmp_path / "1.json")
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    second = cast.write(tmp_path / "2.json", make_next(first, now=soon, days=30), (0, 1))
    assert main(["trust", "check", str(first.path), str(second.path)]) == 4
    assert "Check the clock" in capsys.readouterr().err
