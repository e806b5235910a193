"""The catalogue on the command line: the documented script, exit codes, and what verifying without one leaves out."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pqvalidate.certificate.reading import read_unchecked
from tests.catalogue import bench as module
from tests.catalogue.bench import Bench, make
from tests.cli.command import document, environment, pqvalidate, succeeded, with_planted
from tests.house_rules.tree import ROOT
from tests.unit import certificate_bench

SCRIPT = ROOT / "examples" / "catalogue" / "walk-through.sh"


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return holders whose keys are good today, and a catalogue that was published now."""
    now = datetime.now(UTC).replace(microsecond=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MADE", now)
        patch.setattr(certificate_bench, "MADE", now)
        made = make(tmp_path_factory.mktemp("today"))
    made.publish(made.lab.certificate, now=now)
    return made


def test_the_documented_script_goes_from_keys_to_a_withdrawal_that_is_seen(tmp_path: Path) -> None:
    shims, place = tmp_path / "bin", tmp_path / "place"
    shims.mkdir()
    place.mkdir()
    shim = shims / "pqvalidate"
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pqvalidate "$@"\n')
    shim.chmod(0o755)
    done = subprocess.run(
        ["sh", str(SCRIPT)], cwd=place, env=environment(PATH=f"{shims}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True, text=True, check=False, timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Certificate VALID" in done.stdout
    assert "Certificate WITHDRAWN" in done.stdout
    assert "1 new policy verdict\n" in done.stdout
    assert "rollback: timestamp has version 1, and version 2 was seen before" in done.stderr


def test_verifying_says_the_status_in_text_and_json_and_ends_with_its_exit_code(today: Bench) -> None:
    words = ("verify", today.lab.certificate, "--trust", today.lab.keys.trust, "--catalogue", today.folder,
             "--root", today.folder / "metadata" / "1.root.json")  # fmt: skip
    assert "status as of" in succeeded(*words).stdout
    found = document(succeeded(*words, "--format", "json"))
    assert found["catalogue"]["status"] == "valid"
    in_a_month = datetime.now(UTC) + timedelta(days=30)
    late = succeeded(*words, "--as-of", f"{in_a_month:%Y-%m-%d}", code=3)
    assert late.stdout.startswith("Certificate UNDECIDED")


def test_a_root_by_nobody_in_the_trust_file_ends_with_1_and_says_what_to_give(today: Bench) -> None:
    words = ("verify", today.lab.certificate, "--trust", today.lab.keys.trust, "--catalogue", today.folder)
    assert "give --root" in succeeded(*words, code=1).stderr


def test_without_a_catalogue_the_status_is_said_to_be_unknown_and_its_flags_are_refused(today: Bench) -> None:
    words = ("verify", today.lab.certificate, "--trust", today.lab.keys.trust)
    assert "no --catalogue was given" in succeeded(*words).stdout
    for flag in ("--root", "--state", "--max-staleness"):
        assert "without --catalogue" in pqvalidate(*words, flag, "1d").stderr


def test_verifying_without_a_catalogue_loads_no_framework_for_one(today: Bench) -> None:
    words = ("verify", today.lab.certificate, "--trust", today.lab.keys.trust)
    assert with_planted("sys.modules['tuf'] = None", *words).returncode == 0
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in ("hypothesis", "numpy", "oqs"))
    asked = (*words, "--catalogue", today.folder, "--root", today.folder / "metadata" / "1.root.json")
    assert with_planted(blocked, *asked).returncode == 0


def test_folders_and_identifiers_that_are_none_are_refused(today: Bench, tmp_path: Path) -> None:
    key = today.owner.folder / "signing-key.json"
    assert "is missing" in succeeded("status", "PQV-1", "--catalogue", tmp_path, code=4).stderr
    change = ("--catalogue", tmp_path, "--key", key, "--reason", "x")
    assert "is no catalogue" in succeeded("withdraw", "PQV-1", *change, code=2).stderr
    assert "NOT CHECKED" in succeeded("status", "PQV-1", "--catalogue", today.folder, code=3).stdout


def test_what_a_certificate_replaces_is_marked_and_told_in_dutch_on_the_command_line(today: Bench) -> None:
    old = read_unchecked(today.lab.certificate).predicate.certificate.id
    key, out = today.lab.keys.signing_key, today.place / "next.json"
    made = succeeded("certify", today.lab.folder / "bundle", "--key", key, "--out", out, "--supersedes", old).stdout
    new = made.split()[1]
    folder = today.place / "superseding"
    sign = ("--catalogue", folder, "--key", today.owner.folder / "signing-key.json")
    done = succeeded("publish", today.lab.certificate, out, "--trust", today.lab.keys.trust, *sign).stdout
    assert f"{old} is superseded by {new}\n" in done
    root = ("--root", folder / "metadata" / "1.root.json", "--lang", "nl")
    told = succeeded("status", old, "--catalogue", folder, *root, code=1).stdout
    assert told.startswith(f"Status van {old}: VERVANGEN (door {new} sinds ")
    assert f"{new} is uitgegeven om de plaats ervan in te nemen" in told
    assert f"  vervangt     {old}\n" in succeeded("status", out, "--catalogue", folder, *root).stdout
    verify = ("verify", today.lab.certificate, "--trust", today.lab.keys.trust, "--catalogue", folder)
    page = succeeded(*verify, *root, code=1).stdout
    assert page.startswith("Certificaat VERVANGEN")
    assert f"Status van {old}: VERVANGEN" in page


def test_root_keys_with_passphrases_of_their_own_change_on_the_command_line(today: Bench) -> None:
    place, folder = today.place, today.place / "rotating"
    for name in ("old", "new"):
        secret = place / f"{name}.pass"
        secret.touch(mode=0o600)
        secret.write_text(f"{name} and long enough\n")
        succeeded("keygen", "--out", place / f"{name}-root", "--role", "root", "--name", f"the {name} root",
                  "--passphrase-file", secret)  # fmt: skip
    old = ("--root-key", place / "old-root" / "signing-key.json", "--root-passphrase-file", place / "old.pass")
    sign = ("publish", "--catalogue", folder, "--key", today.owner.folder / "signing-key.json", *old)
    succeeded(*sign, today.lab.certificate, "--trust", today.lab.keys.trust)
    rotate = (*sign, "--next-root-key", place / "new-root" / "signing-key.json")
    assert "the passphrase is wrong" in succeeded(*rotate, code=4).stderr
    succeeded(*rotate, "--root-passphrase-file", place / "new.pass")
    asked = ("status", today.lab.certificate, "--catalogue", folder)
    for reader in (("--root", folder / "metadata" / "1.root.json"), ("--trust", place / "new-root" / "trust.json")):
        assert ": VALID" in succeeded(*asked, *reader).stdout
    assert "root keys of the new root" in succeeded(*asked, "--trust", place / "new-root" / "trust.json").stdout
    wrong = ("--trust", place / "new-root" / "trust.json", "--trust-sha256", "0" * 64)
    assert "is pinned" in succeeded(*asked, *wrong, code=4).stderr
