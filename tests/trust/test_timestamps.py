"""Time stamps of a real responder: what one shows, what it rescues, and every stamp that does not hold."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from pathlib import Path

import pytest

from pqvalidate.certificate import certify, verify
from pqvalidate.certificate.belief import Stamp
from pqvalidate.certificate.keys import Revocation
from pqvalidate.certificate.roots import make_next, revoke
from pqvalidate.certificate.timestamps import make_request, stamped_bytes
from pqvalidate.cli import main
from pqvalidate.errors import InputError
from tests.trust.authority import Authority, found_authority
from tests.trust.holders import LATER, MADE, Cast, edit
from tests.trust.test_roles import outcome, why

pytestmark = pytest.mark.needs("openssl")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return found_authority(tmp_path_factory.mktemp("authorities") / "one")


@pytest.fixture(scope="module")
def token(authority: Authority, certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokens") / "certificate.tsr"
    path.write_bytes(authority.answer(make_request(certificate).as_bytes()))
    return path


def test_a_stamp_of_the_signatures_is_accepted(
    cast: Cast, certificate: Path, authority: Authority, token: Path
) -> None:
    found = verify(certificate, cast.lab.public, as_of=LATER, stamp=Stamp(token=token, authority=authority.root))
    assert (found.decision, outcome(found, "timestamp")) == ("valid", "pass")
    assert why(found, "timestamp").startswith("on 20")


def test_without_one_it_says_so(cast: Cast, certificate: Path) -> None:
    assert why(verify(certificate, cast.lab.public, as_of=LATER), "timestamp") == "no --timestamp was given"


def test_a_stamp_older_than_the_revocation_rescues_a_certificate_and_a_younger_one_does_not(
    cast: Cast, certificate: Path, authority: Authority, token: Path, tmp_path: Path
) -> None:
    stamp, old = Stamp(token=token, authority=authority.root), cast.first(tmp_path / "1.json")
    for since, decision in (("2099-01-01T00:00:00Z", "valid"), ("2020-01-01T00:00:00Z", "invalid")):
        rows = revoke(old, cast.lab.entry.id, Revocation(since=since, reason="key lost"))
        path = tmp_path / f"{decision}.json"
        cast.write(path, make_next(old, now=LATER, days=365, validators=rows), (0, 1))
        assert verify(certificate, path, as_of=LATER).decision == "invalid"
        found = verify(certificate, path, as_of=LATER, stamp=stamp)
        assert found.decision == decision
        assert ("the time stamp is of" in why(found, "not-revoked")) is (decision == "invalid")


def test_a_stamp_of_another_authority_is_refused(cast: Cast, certificate: Path, token: Path, tmp_path: Path) -> None:
    other = found_authority(tmp_path / "two")
    found = verify(certificate, cast.lab.public, as_of=LATER, stamp=Stamp(token=token, authority=other.root))
    assert (found.decision, outcome(found, "timestamp")) == ("invalid", "fail")
    assert "it is not signed by the authority in" in why(found, "timestamp")


def test_a_stamp_of_another_certificate_or_of_fewer_signatures_is_refused(
    cast: Cast, bundle: Path, certificate: Path, authority: Authority, token: Path, tmp_path: Path
) -> None:
    stamp = Stamp(token=token, authority=authority.root)
    again = certify(bundle, cast.lab.key, tmp_path / "again.json", now=MADE).path  # the same body, signed anew
    more = tmp_path / "more.json"
    shutil.copy(certificate, more)
    edit(more, lambda tree: tree["signatures"].append({"sig": "AAAA", "keyid": ""}))
    for path in (again, more):
        found = verify(path, cast.lab.public, as_of=LATER, stamp=stamp)
        assert (found.decision, outcome(found, "timestamp")) == ("invalid", "fail")
        assert "about another file, or a signature was added or changed" in why(found, "timestamp")


def test_another_layout_of_the_file_is_the_same_certificate(certificate: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(json.loads(certificate.read_text()), sort_keys=True))
    assert other.read_bytes() != certificate.read_bytes()
    assert stamped_bytes(other) == stamped_bytes(certificate)


def test_no_changed_stamp_is_accepted(
    cast: Cast, certificate: Path, authority: Authority, token: Path, tmp_path: Path
) -> None:
    data, path = token.read_bytes(), tmp_path / "changed.tsr"
    start = data.index(b"\x18\x0f20")  # the GeneralizedTime of the stamp
    refused = 0
    places = [start + 5, start + 12, *range(0, len(data), 61)]
    for place in places:
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            found = verify(certificate, cast.lab.public, as_of=LATER, stamp=Stamp(token=path, authority=authority.root))
        except InputError:
            refused += 1
            continue
        if found.decision == "invalid":
            refused += 1
        elif place in places[:2]:
            pytest.fail("another time was accepted")
    assert refused >= len(places) - 2  # a byte of an attribute that nothing signs, at most


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"\x30\x03\x02\x01\x00", bytes(2_000_000)], ids=["none", "junk", "bare", "long"]
)
def test_a_file_that_is_no_stamp_is_a_typed_error(
    content: bytes, cast: Cast, certificate: Path, authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "t.tsr"
    path.write_bytes(content)
    with pytest.raises(InputError):
        verify(certificate, cast.lab.public, as_of=LATER, stamp=Stamp(token=path, authority=authority.root))


def test_the_authority_must_be_named_by_the_end_of_its_chain(
    cast: Cast, certificate: Path, authority: Authority, token: Path, tmp_path: Path
) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    for path, problem in ((authority.folder / "authority.pem", "ends a chain"), (tmp_path / "junk.pem", "no PEM")):
        with pytest.raises(InputError, match=problem):
            verify(certificate, cast.lab.public, as_of=LATER, stamp=Stamp(token=token, authority=path))


def test_the_command_asks_over_http_and_stores_what_verify_accepts(
    cast: Cast, certificate: Path, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "c.json"
    shutil.copy(certificate, mine)
    root = str(authority.root)
    with authority.serving() as url:
        assert main(["timestamp", str(mine), "--tsa", url, "--tsa-certificate", root]) == 0
        assert "its signature is good" in capsys.readouterr().out
        assert main(["timestamp", str(mine), "--tsa", url]) == 2
        assert "never overwritten" in capsys.readouterr().err
    trust = str(cast.lab.public)
    code = main(
        ["verify", str(mine), "--trust", trust, "--as-of", "2027-01-01", "--timestamp", f"{mine}.tsr",
         "--tsa-certificate", root]
    )  # fmt: skip
    assert code == 0
    assert "A time stamp authority saw these signatures" in capsys.readouterr().out
    assert main(["verify", str(mine), "--trust", trust, "--timestamp", f"{mine}.tsr"]) == 2


def test_a_request_can_be_carried_by_hand(
    certificate: Path, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request, answer, out = tmp_path / "r.tsq", tmp_path / "a.tsr", tmp_path / "c.tsr"
    assert main(["timestamp", str(certificate), "--request", str(request)]) == 0
    answer.write_bytes(authority.answer(request.read_bytes()))
    assert main(["timestamp", str(certificate), "--response", str(answer), "--out", str(out)]) == 0
    assert "its signature is not checked" in capsys.readouterr().out
    assert out.read_bytes() == answer.read_bytes()
    other = found_authority(tmp_path / "other")
    assert main(["timestamp", str(certificate), "--response", str(answer), "--out", str(tmp_path / "n"),
                 "--tsa-certificate", str(other.root)]) == 4  # fmt: skip
    assert not (tmp_path / "n").exists()


def test_an_authority_that_does_not_answer_or_answers_otherwise_is_an_error_of_use(
    certificate: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        assert main(["timestamp", str(certificate), "--tsa", dead]) == 2
    assert "gave no answer" in capsys.readouterr().err
    with authority.serving(kind="text/html") as url:
        assert main(["timestamp", str(certificate), "--tsa", url]) == 2
    assert "answered with text/html" in capsys.readouterr().err
    with authority.serving(status=503) as url:
        assert main(["timestamp", str(certificate), "--tsa", url]) == 2
    assert main(["timestamp", str(certificate), "--tsa", "file:///etc/passwd"]) == 2
    assert "is no address" in capsys.readouterr().err


def test_an_answer_about_another_file_is_not_stored(
    cast: Cast, bundle: Path, token: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = certify(bundle, cast.other_lab.key, tmp_path / "other.json", now=MADE).path
    assert main(["timestamp", str(other), "--response", str(token)]) == 4
    assert "about another file" in capsys.readouterr().err
    assert not Path(f"{other}.tsr").exists()


def test_a_missing_package_is_named_with_its_remedy(
    certificate: Path, token: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    assert main(["timestamp", str(certificate), "--response", str(token)]) == 2
    assert "pip install 'pqvalidate[timestamp]'" in capsys.readouterr().err
