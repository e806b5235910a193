"""A certificate whose validator the trust file does not support any more is told apart: publishing, site, status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.catalogue import publishing, site
from pqvalidate.catalogue.checking import StatusAnswer, status_of, with_status
from pqvalidate.catalogue.reading import load
from pqvalidate.catalogue.status_page import page
from pqvalidate.certificate import keygen, verify
from pqvalidate.documents import to_json
from tests.catalogue.bench import DAY, HOUR, NOW, Bench
from tests.catalogue.test_catalogue import change
from tests.catalogue.test_site import text
from tests.unit.certificate_bench import MADE

REASON = "its keys were stolen"
SINCE = "2026-11-30T00:00:00Z"


def trust(bench: Bench, name: str, **changes: Any) -> Path:
    """Write the trust file of the lab with another entry of it."""
    tree = json.loads(bench.lab.keys.trust.read_bytes())
    path = bench.place / f"{name}.json"
    path.write_bytes(to_json({**tree, "validators": [{**tree["validators"][0], **changes}]}))
    return path


def revoking(bench: Bench) -> Path:
    return trust(bench, "revoking", revoked={"since": SINCE, "reason": REASON})


def other_lab(bench: Bench) -> Path:
    keygen(bench.place / "other-lab", now=MADE, name="other lab", role="lab")
    return bench.place / "other-lab" / "trust.json"


def told(answer: StatusAnswer) -> tuple[str, str, int]:
    return answer.status, answer.why, answer.exit_code


def lab_name(bench: Bench) -> str:
    return str(json.loads(bench.lab.keys.trust.read_bytes())["validators"][0]["name"])


def revoked(bench: Bench) -> str:
    return f"the keys of {lab_name(bench)} are revoked since {SINCE}: {REASON}; no time stamp shows that it is older"


def test_publishing_says_what_a_new_trust_file_does_not_support_and_nothing_where_it_does(bench: Bench) -> None:
    why = revoked(bench)
    change(bench, "PQV-2", "withdrawn")
    assert bench.publish(now=NOW + 2 * DAY).unsupported == ()
    longer = trust(bench, "longer", not_after="2028-11-30T00:00:00Z")
    assert bench.publish(trust=longer, now=NOW + 2 * DAY).unsupported == ()
    done = bench.publish(trust=revoking(bench), now=NOW + 3 * DAY)
    assert done.unsupported == (f"PQV-1 is not supported by the new trust file, and shown so: {why}",)


def test_publishing_an_unsigned_trust_file_of_another_lab_says_who_is_left_out(bench: Bench) -> None:
    done = bench.publish(trust=other_lab(bench), now=NOW + HOUR)
    name = lab_name(bench)
    assert done.unsupported == (
        f"the new trust file does not name {name}: its certificates and verdicts are refused from now on",
        f"PQV-1 is not supported by the new trust file, and shown so: the trust file does not name {name}",
        f"PQV-2 is not supported by the new trust file, and shown so: the trust file does not name {name}",
    )


def test_an_unchanged_trust_file_costs_no_verification(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(publishing, "lost", never)
    assert bench.publish(trust=bench.lab.keys.trust, now=NOW + HOUR).unsupported == ()


@pytest.mark.parametrize("made", [revoking, other_lab])
def test_a_status_is_not_valid_when_the_given_or_the_own_trust_file_does_not_support_it(
    bench: Bench, made: Any
) -> None:
    path = made(bench)
    name = lab_name(bench)
    why = revoked(bench) if made is revoking else f"the trust file does not name {name}"
    root = bench.folder / "metadata" / "1.root.json"
    assert told(status_of("PQV-1", bench.asking(trust=bench.lab.keys.trust, root=root))) == ("valid", "", 0)
    given = status_of("PQV-1", bench.asking(trust=path, root=root))
    assert (told(given), given.untrusted_by) == (("not-trusted", why, 1), "the trust file given")
    bench.publish(trust=path, now=NOW + HOUR)
    own = status_of("PQV-1", bench.asking())
    assert (told(own), own.untrusted_by) == (("not-trusted", why, 1), "the catalogue's own")
    assert page(own, "nl").startswith("Status van PQV-1: VALIDATOR NIET MEER VERTROUWD (")
    assert "  vertrouwensbestand dat van de catalogus zelf\n" in page(own, "nl")
    assert page(own).startswith(f"Status of PQV-1: VALIDATOR NOT TRUSTED ANY MORE ({why})\n")


def test_other_keys_another_role_and_another_period_of_a_validator_support_nothing(bench: Bench) -> None:
    root = bench.folder / "metadata" / "1.root.json"
    theirs = json.loads(other_lab(bench).read_bytes())["validators"][0]["keys"]
    for changes, why in (
        ({"keys": theirs}, f"the trust file has other keys of {lab_name(bench)}"),
        ({"role": "government"}, "the trust file says government"),
        ({"not_before": "2026-11-30T00:00:00Z"}, "the keys are trusted from 2026-11-30T00:00:00Z"),
    ):
        answer = status_of("PQV-1", bench.asking(trust=trust(bench, "changed", **changes), root=root))
        assert answer.status == "not-trusted"
        assert why in answer.why


def test_what_was_withdrawn_stays_so_and_a_verification_goes_by_its_own_trust_file(bench: Bench) -> None:
    change(bench, "PQV-2", "withdrawn")
    bench.publish(trust=revoking(bench), now=NOW + 2 * DAY)
    moment = NOW + 3 * DAY
    assert status_of("PQV-2", bench.asking(moment)).status == "withdrawn"
    mine = bench.certificate("PQV-1")
    data = bench.asking(moment).open().read("certificates/PQV-1.json")
    mine.write_bytes(data)
    found, _ = with_status(verify(mine, bench.lab.keys.trust, as_of=moment), bench.asking(moment))
    assert found.decision == "valid"
    found, _ = with_status(verify(mine, revoking(bench), as_of=moment), bench.asking(moment))
    assert found.decision == "invalid"


def test_the_site_shows_it_with_a_bad_state_of_its_own_and_why(bench: Bench, tmp_path: Path) -> None:
    change(bench, "PQV-2", "withdrawn")
    before = load(bench.folder, moment=NOW + DAY)
    assert [entry.untrusted for entry in before] == ["", ""]
    bench.publish(trust=revoking(bench), now=NOW + 2 * DAY)
    found = load(bench.folder, moment=NOW + 2 * DAY)
    site.build(found, tmp_path / "site", title="t", as_of="2026-12-04")
    index = (tmp_path / "site/en/index.html").read_text(encoding="utf-8")
    assert (
        '<span class="word bad"><span class="sign" aria-hidden="true">✗</span> validator not trusted any more' in index
    )
    shown = text(tmp_path / "site", "nl/certificate/pqv-1.html")
    assert "Certificaat: ✗ validator niet meer vertrouwd" in shown
    assert f"zijn ingetrokken sinds {SINCE}: {REASON}" in shown
    assert "Certificate: ✗ withdrawn" in text(tmp_path / "site", "en/certificate/pqv-2.html")
    states = {
        row["id"]: row["state"]
        for row in json.loads((tmp_path / "site/entries.json").read_text(encoding="utf-8"))["entries"]
    }
    assert states == {"PQV-1": "not-trusted", "PQV-2": "withdrawn"}
    assert "VEVENT" not in (tmp_path / "site/en/expiry.ics").read_text(encoding="utf-8")
