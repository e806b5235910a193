"""A catalogue says what its owner published, with every change of status, to whoever trusts its root."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pqvalidate.catalogue.checking import duration, status_of, with_status
from pqvalidate.catalogue.client import RefusedCatalogueError
from pqvalidate.catalogue.entries import StatusChange
from pqvalidate.catalogue.publishing import RefusedError, change_status
from pqvalidate.catalogue.reading import load
from pqvalidate.catalogue.repository import Draft, Terms, draft
from pqvalidate.catalogue.status import NO_LINES, append, encode, parse
from pqvalidate.certificate import load_signing_key, verify
from pqvalidate.documents import canonical, to_json, write_atomically
from pqvalidate.errors import InputError, UsageError
from pqvalidate.judging import load as load_policies
from pqvalidate.judging import sign_verdicts
from pqvalidate.policy.engine import Question
from tests.catalogue.bench import DAY, HOUR, NOW, Bench
from tests.unit.certificate_bench import Issued


def change(bench: Bench, name: str, status: str, reason: str = "a flaw", *, at: timedelta = DAY, by: str = "") -> None:
    terms = Terms(now=NOW + at)
    change_status(bench.folder, bench.owner.key, name, status, reason, terms=terms, superseded_by=by, with_site=False)  # type: ignore[arg-type]


def test_a_published_certificate_is_valid_for_those_who_trust_the_root(bench: Bench) -> None:
    for asking in (bench.asking(), bench.asking(trust=bench.root.trust)):
        found = status_of("PQV-1", asking)
        assert (found.status, found.stale, found.exit_code) == ("valid", "", 0)
    answer = status_of("PQV-1", bench.asking(trust=bench.root.trust))
    assert answer.anchored == "root keys of root"
    assert answer.catalogue_signed_at == "2026-12-01T12:00:00Z"


def test_a_root_by_nobody_who_is_trusted_is_refused_and_none_at_all_is_said(bench: Bench) -> None:
    with pytest.raises(RefusedCatalogueError, match="nobody in the trust file has signed its root"):
        status_of("PQV-1", bench.asking(trust=bench.stranger.trust))
    assert status_of("PQV-1", bench.asking(root=None)).anchored == ""


def test_what_is_not_listed_stays_undecided(bench: Bench) -> None:
    answer = status_of("PQV-3", bench.asking())
    assert (answer.status, answer.exit_code) == ("not-listed", 3)


@pytest.mark.parametrize("status", ["withdrawn", "suspended"])
def test_a_change_of_status_is_told_with_its_reason_and_what_was_before(bench: Bench, status: str) -> None:
    change(bench, "PQV-1", status)
    later = bench.asking(NOW + 2 * DAY)
    answer = status_of("PQV-1", later)
    assert (answer.status, answer.exit_code) == (status, 1)
    assert answer.why == "since 2026-12-02T12:00:00Z: a flaw"
    assert [row.status for row in answer.history] == ["valid", status]
    assert status_of("PQV-2", later).status == "valid"
    before = status_of("PQV-1", bench.asking(NOW + HOUR))
    assert (before.status, before.why) == ("valid", f"at that time; {status} since 2026-12-02T12:00:00Z")


def test_a_superseded_certificate_names_its_successor(bench: Bench) -> None:
    change(bench, "PQV-1", "superseded", by="PQV-2")
    answer = status_of("PQV-1", bench.asking(NOW + 2 * DAY))
    assert (answer.status, answer.superseded_by, answer.exit_code) == ("superseded", "PQV-2", 1)


def test_a_suspension_can_be_lifted_and_a_withdrawal_cannot(bench: Bench) -> None:
    change(bench, "PQV-1", "suspended")
    change(bench, "PQV-1", "valid", "the finding was ours", at=2 * DAY)
    assert status_of("PQV-1", bench.asking(NOW + 3 * DAY)).status == "valid"
    change(bench, "PQV-1", "withdrawn", at=3 * DAY)
    for status in ("valid", "suspended", "withdrawn"):
        with pytest.raises(UsageError, match=f"is withdrawn and cannot become {status}"):
            change(bench, "PQV-1", status, at=4 * DAY)


def test_a_change_without_reason_or_for_another_certificate_or_by_another_key_is_refused(bench: Bench) -> None:
    with pytest.raises(UsageError, match="--reason"):
        change(bench, "PQV-1", "withdrawn", " ")
    with pytest.raises(UsageError, match="PQV-9 is not in this catalogue"):
        change(bench, "PQV-9", "withdrawn")
    with pytest.raises(UsageError, match="PQV-8 is not in this catalogue"):
        change(bench, "PQV-1", "superseded", by="PQV-8")
    with pytest.raises(UsageError, match="has no role in"):
        bench.publish(key=bench.stranger.key)
    with pytest.raises(UsageError, match="is not the root key of this catalogue"):
        bench.publish(root_key=bench.stranger.key)


def test_after_its_dates_a_certificate_is_expired_whatever_the_list_says(bench: Bench) -> None:
    bench.publish(now=NOW + 370 * DAY)
    answer = status_of("PQV-1", bench.asking(NOW + 371 * DAY))
    assert (answer.status, answer.exit_code) == ("expired", 1)


def test_an_old_copy_is_good_for_as_long_as_its_reader_says(bench: Bench) -> None:
    late = NOW + 8 * DAY
    answer = status_of("PQV-1", bench.asking(late))
    assert answer.exit_code == 3
    assert answer.stale == "its timestamp expired on 2026-12-08T12:00:00Z"
    assert "status as of 2026-12-01T12:00:00Z, too old" in answer.sentence
    assert status_of("PQV-1", bench.asking(late, longest=duration("2w"))).exit_code == 0
    assert status_of("PQV-1", bench.asking(late, longest=duration("7d"))).exit_code == 3
    bench.publish(now=late)
    assert status_of("PQV-1", bench.asking(late, longest=duration("1h"))).exit_code == 0
    with pytest.raises(UsageError, match="12h, 7d or 2w"):
        duration("7 days")


def test_verifying_adds_the_status_to_the_rules(bench: Bench) -> None:
    certificate = bench.certificate("PQV-1")
    bench.publish(certificate, folder=bench.place / "own", root_key=bench.root.key)
    asking = bench.asking(NOW + 2 * DAY, folder=bench.place / "own", root=bench.place / "own/metadata/1.root.json")
    found = verify(certificate, bench.lab.keys.trust, as_of=asking.moment)
    assert next(rule for rule in found.rules if rule.rule == "status").outcome == "not-checked"
    checked, answer = with_status(found, asking)
    assert checked.decision == "valid"
    assert next(rule for rule in checked.rules if rule.rule == "status").outcome == "pass"
    assert answer is not None
    other, _ = with_status(verify(bench.lab.certificate, bench.lab.keys.trust, as_of=asking.moment), asking)
    assert other.decision == "undecided"


def test_another_certificate_under_a_listed_identifier_is_undecided(bench: Bench) -> None:
    twin = bench.certificate("PQV-1", version="9.9.9")
    checked, answer = with_status(verify(twin, bench.lab.keys.trust, as_of=NOW + HOUR), bench.asking())
    assert checked.decision == "undecided"
    assert answer is not None
    assert "another certificate" in answer.why
    with pytest.raises(RefusedError, match="the catalogue holds another file as certificates/PQV-1"):
        bench.publish(twin, now=NOW + HOUR)


def test_certificates_that_do_not_hold_are_refused_and_nothing_changes(bench: Bench) -> None:
    before = {path: path.read_bytes() for path in bench.folder.rglob("*") if path.is_file()}
    good = bench.certificate("PQV-3")
    tampered = bench.place / "tampered.json"
    tampered.write_bytes(bench.lab.certificate.read_bytes().replace(b'"sig": "M', b'"sig": "N'))
    assert tampered.read_bytes() != bench.lab.certificate.read_bytes()
    path_name = bench.certificate("PQV-4")
    tree = bench.lab.statement
    tree["predicate"]["certificate"]["id"] = "../../out"
    path_name.write_text(json.dumps(bench.lab.sign(tree)))
    refusals: dict[str, tuple[Path, dict[str, Any]]] = {
        "it is invalid": (tampered, {}),
        "cannot be part of a file name": (path_name, {}),
        "it is expired": (good, {"now": NOW + 366 * DAY}),
        "no valid signature by a trusted key": (good, {"trust": bench.stranger.trust}),
    }
    for why, (path, options) in refusals.items():
        with pytest.raises(RefusedError, match=why):
            bench.publish(good, path, **options)
    with pytest.raises(InputError):
        bench.publish(good, bench.lab.keys.trust)
    assert {path: path.read_bytes() for path in bench.folder.rglob("*") if path.is_file()} == before


def test_a_new_catalogue_needs_to_know_whom_to_believe_and_later_remembers(empty: Bench) -> None:
    with pytest.raises(UsageError, match="needs --trust"):
        empty.publish(empty.certificate("PQV-1"), trust=None)
    assert [path.name for path in empty.folder.iterdir()] == [".lock"], "nothing that looks like a catalogue is left"
    twin = empty.certificate("PQV-1", version="9.9.9").rename(empty.place / "twin.json")
    with pytest.raises(RefusedError, match="the catalogue holds another file"):
        empty.publish(empty.certificate("PQV-1"), twin)
    assert [path.name for path in empty.folder.iterdir()] == [".lock"]
    empty.publish(empty.certificate("PQV-1"))
    done = empty.publish(empty.certificate("PQV-2"), trust=None, now=NOW + HOUR)
    assert done.added == ("PQV-2",)


def test_publishing_twice_changes_nothing_but_the_date(bench: Bench, original: Bench) -> None:
    done = bench.publish(original.place / "PQV-1.json", now=NOW + DAY)
    assert (done.added, done.present) == ((), ("PQV-1",))
    assert len(load(bench.folder, moment=NOW + DAY)) == 2


def test_verdicts_go_along_with_their_profiles_and_come_back_with_the_entries(empty: Bench) -> None:
    certificate = empty.certificate("PQV-1")
    neighbour = empty.certificate("PQV-1.b")
    key, question = load_signing_key(empty.lab.keys.signing_key), Question(as_of="2026-12-01")
    sign_verdicts(certificate, key, load_policies(["nist-base", "cnsa-2.0"]), question, NOW)
    sign_verdicts(neighbour, key, load_policies(["nist-base"]), question, NOW)
    assert empty.publish(certificate, neighbour).verdicts == 3
    first, second = load(empty.folder, moment=NOW)
    assert [verdict.policy.id for verdict in first.verdicts] == ["cnsa-2.0", "nist-base"]
    assert [verdict.policy.id for verdict in second.verdicts] == ["nist-base"]
    assert first.statement.predicate.certificate.id == first.id == "PQV-1"
    for path in (first.certificate_path, *first.verdict_paths):
        assert (empty.folder / "targets" / path).is_file()
    profiles = sorted(path.name.split(".", 1)[1] for path in (empty.folder / "targets/profiles").iterdir())
    assert {name.rsplit(".", 2)[0] for name in profiles} >= {"cnsa-2.0", "nist-base", "pqc-behaviour"}

    whole = certificate.with_name("PQV-1.nist-base.rules.json")
    tree = json.loads(whole.read_bytes())
    tree["decision"] = "conforms" if tree["decision"] != "conforms" else "undecided"
    whole.write_text(json.dumps(tree))
    with pytest.raises(RefusedError, match="is not the verdict that"):
        empty.publish(certificate, now=NOW + HOUR)


def test_a_verdict_under_a_profile_that_is_not_at_hand_is_refused_until_it_is_given(empty: Bench) -> None:
    certificate = empty.certificate("PQV-1")
    profile = empty.place / "elsewhere.toml"
    from pqvalidate.policy.book import profile_path

    text = profile_path("nist-base").read_text(encoding="utf-8").replace('id = "nist-base"', 'id = "own-base"', 1)
    profile.write_text(text, encoding="utf-8")
    key = load_signing_key(empty.lab.keys.signing_key)
    sign_verdicts(certificate, key, load_policies([str(profile)]), Question(as_of="2026-12-01"), NOW)
    with pytest.raises(UsageError, match=r"the profile own-base .* --profile"):
        empty.publish(certificate)
    assert empty.publish(certificate, profiles=[profile]).verdicts == 1


class StoppedError(Exception):
    """Stands for a loss of power."""


@pytest.mark.parametrize("writes", [0, 1, 2, 5])
def test_an_interrupted_publication_leaves_the_old_catalogue_whole(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    left, real = [writes], write_atomically

    def write(path: Path, data: bytes) -> None:
        if not left[0]:
            raise StoppedError
        left[0] -= 1
        real(path, data)

    before = bench.metadata("timestamp").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("pqvalidate.catalogue.repository.write_atomically", write)
        patch.setattr(Draft, "undo", lambda _: None)
        with pytest.raises(StoppedError):
            bench.publish(bench.certificate("PQV-3"), now=NOW + HOUR)
    assert bench.metadata("timestamp").read_bytes() == before
    assert len(load(bench.folder, moment=NOW + HOUR)) == 2
    bench.publish(bench.certificate("PQV-3"), now=NOW + 2 * HOUR)
    assert len(load(bench.folder, moment=NOW + 2 * HOUR)) == 3


def test_what_goes_wrong_after_the_publication_does_not_touch_it(bench: Bench) -> None:
    terms = Terms(now=NOW + HOUR)

    def fail_late() -> None:
        with draft(bench.folder, bench.owner.key, None, terms) as made:
            made.add("profiles/own.toml", b"text")
            made.commit(made.statuses)
            raise StoppedError

    with pytest.raises(StoppedError):
        fail_late()
    assert bench.asking(NOW + HOUR).open().read("profiles/own.toml") == b"text"


def test_files_of_others_are_refused_and_stay(bench: Bench) -> None:
    for place in ("notes.txt", "metadata/notes.txt", "targets/certificates/notes.txt", "targets/own/x"):
        file = bench.folder / place
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
        with pytest.raises((UsageError, InputError), match="is no part of a catalogue"):
            bench.publish(now=NOW + HOUR)
        assert file.read_text() == "mine"
        file.unlink()
    (bench.folder / "targets/own").rmdir()
    bench.publish(now=NOW + HOUR)


def test_old_versions_are_tidied_away_and_certificates_stay(bench: Bench) -> None:
    for hours in range(1, 5):
        bench.publish(now=NOW + hours * HOUR)
    assert len(list((bench.folder / "metadata").glob("*.snapshot.json"))) == 2
    change(bench, "PQV-1", "withdrawn")
    assert [entry.status for entry in load(bench.folder, moment=NOW + DAY)] == ["withdrawn", "valid"]


def test_the_root_can_be_renewed_and_hand_the_catalogue_to_another_key(bench: Bench) -> None:
    bench.publish(now=NOW + DAY, root_key=bench.root.key)
    bench.publish(now=NOW + 2 * DAY, root_key=bench.root.key, key=bench.stranger.key)
    assert status_of("PQV-1", bench.asking(NOW + 3 * DAY)).exit_code == 0
    bench.publish(now=NOW + 3 * DAY, key=bench.stranger.key)
    with pytest.raises(UsageError, match="has no role in"):
        bench.publish(now=NOW + 4 * DAY)


def test_an_interrupted_hand_over_is_mended_by_the_same_command(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, data: bytes) -> None:
        if path.name == "timestamp.json":
            raise StoppedError
        write_atomically(path, data)

    hand_over: dict[str, Any] = {"root_key": bench.root.key, "key": bench.stranger.key}
    with monkeypatch.context() as patch:
        patch.setattr("pqvalidate.catalogue.repository.write_atomically", write)
        with pytest.raises(StoppedError):
            bench.publish(now=NOW + DAY, **hand_over)
    with pytest.raises(RefusedCatalogueError, match="timestamp: no valid signature"):
        bench.publish(now=NOW + DAY, key=bench.stranger.key)
    bench.publish(now=NOW + DAY, **hand_over)
    assert status_of("PQV-1", bench.asking(NOW + 2 * DAY)).exit_code == 0


def test_one_key_can_hold_all_roles(empty: Bench) -> None:
    empty.publish(empty.certificate("PQV-1"), root_key=None)
    assert status_of("PQV-1", empty.asking(trust=empty.owner.trust)).exit_code == 0


def test_a_line_is_hashed_in_its_canonical_form() -> None:
    change = StatusChange(certificate='é\u0001"\\/\n', status="valid", since="2026-01-01T00:00:00Z",
                          reason="\u007f\u2028 ü \b\t", superseded_by="")  # fmt: skip
    (line,) = append(NO_LINES, [change]).lines
    assert msgspec.json.encode(line, order="sorted") == canonical(line)


def test_a_list_reads_back_and_a_line_that_cannot_follow_is_refused(bench: Bench) -> None:
    change(bench, "PQV-1", "withdrawn")
    from pqvalidate.catalogue.client import Anchor, open_catalogue

    listed = open_catalogue(bench.folder, moment=NOW + DAY, anchor=Anchor()).statuses()
    assert parse(encode(listed), "list") == listed
    lines = listed.lines
    for wrong in (lines[1:], (lines[0], lines[2]), (lines[1], lines[0], lines[2]), (*lines, lines[2])):
        with pytest.raises(InputError, match="the chain is broken"):
            parse(to_json(msgspec.structs.replace(listed, lines=wrong)), "list")


def test_a_failed_validation_is_published_like_another(empty: Bench, failed: Issued) -> None:
    empty.publish(failed.certificate, trust=failed.keys.trust)
    (entry,) = load(empty.folder, moment=NOW)
    assert entry.statement.predicate.results.outcome == "fail"


def test_keys_of_another_role_sign_no_catalogue_and_anchor_none(empty: Bench) -> None:
    validator = load_signing_key(empty.lab.keys.signing_key)
    with pytest.raises(UsageError, match="may sign certificates and verdicts, not catalogue metadata"):
        empty.publish(empty.certificate("PQV-1"), key=validator)
    with pytest.raises(UsageError, match="not catalogue roots"):
        empty.publish(empty.certificate("PQV-2"), root_key=validator)
    assert not (empty.folder / "metadata").exists()
    empty.publish(empty.certificate("PQV-3"))
    with pytest.raises(RefusedCatalogueError):
        status_of("PQV-3", empty.asking(trust=empty.lab.keys.trust))


def test_a_root_of_a_revoked_or_expired_key_anchors_nothing(bench: Bench) -> None:
    tree = json.loads(bench.root.trust.read_bytes())
    changes: dict[str, Any] = {
        "revoked": {"since": "2026-11-30T00:00:00Z", "reason": "lost"},
        "not_after": "2026-11-30T00:00:00Z",
    }
    for field, value in changes.items():
        changed = bench.place / f"{field}.json"
        changed.write_bytes(to_json({**tree, "validators": [{**tree["validators"][0], field: value}]}))
        with pytest.raises(RefusedCatalogueError, match="nobody in the trust file may sign"):
            status_of("PQV-1", bench.asking(trust=changed))
