"""Signers behind one protocol: a key file and a program sign alike, and nothing that a program says is believed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pqvalidate.certificate import certify, verify
from pqvalidate.certificate.roots import load_signed, sign_body
from pqvalidate.certificate.signing import CommandSigner, Signer, command_signer
from pqvalidate.errors import InputError, UsageError
from tests.trust.holders import LATER, MADE, Cast, Holder
from tests.trust.test_roles import trusting

PROGRAM = Path(__file__).with_name("signing_program.py")


def outside(by: Holder, how: str = "well") -> CommandSigner:
    return command_signer([sys.executable, str(PROGRAM), how, str(by.secret)], by.public)


def test_a_certificate_signed_by_a_program_is_as_good_as_one_by_a_key_file(
    cast: Cast, bundle: Path, tmp_path: Path
) -> None:
    signers: dict[str, Signer] = {"file": cast.lab.key, "program": outside(cast.lab)}
    for name, signer in signers.items():
        made = certify(bundle, signer, tmp_path / f"{name}.json", now=MADE)
        found = verify(made.path, cast.lab.public, as_of=LATER)
        assert (found.decision, found.statement and found.statement.predicate.validator.name) == ("valid", "A lab")
    # The facts are the same and ML-DSA and ECDSA signatures are not: what was signed is one body.
    bodies = {verify(tmp_path / f"{name}.json", cast.lab.public, as_of=LATER).body_sha256 for name in signers}
    assert len(bodies) == 1


def test_a_root_key_in_a_program_signs_a_trust_file(cast: Cast, tmp_path: Path) -> None:
    body = cast.first(tmp_path / "draft.json", signers=()).body
    path = tmp_path / "trust.json"
    path.write_bytes(sign_body(body, [outside(root) for root in cast.roots[:2]]))
    assert load_signed(path).complete


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("fail", "ended with exit code 3: the token is locked"),
        ("silent", "gave 0 bytes"),
        ("endless", "gave 100000 bytes"),
        ("other message", "classical signature that does not verify"),
        ("swapped", "classical signature that does not verify"),
    ],
)
def test_a_program_that_does_not_sign_is_caught_before_anything_is_written(
    how: str, problem: str, cast: Cast, bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=problem):
        certify(bundle, outside(cast.lab, how), tmp_path / "c.json", now=MADE)
    assert list(tmp_path.iterdir()) == []


def test_a_program_with_another_holders_keys_is_caught(cast: Cast, bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), "well", str(cast.other_lab.secret)]
    with pytest.raises(UsageError, match="does not verify"):
        certify(bundle, command_signer(command, cast.lab.public), tmp_path / "c.json", now=MADE)


def test_a_program_that_hangs_is_ended(cast: Cast) -> None:
    slow = outside(cast.lab, "slow")
    impatient = CommandSigner(command=slow.command, public=slow.public, validator=slow.validator, seconds=0.5)
    with pytest.raises(UsageError, match=r"gave no pq signature within 0\.5 s"):
        impatient.sign("pq", b"message")


def test_a_program_that_is_missing_is_named(cast: Cast) -> None:
    with pytest.raises(UsageError, match="no-such-program cannot be started: No such file"):
        command_signer(["no-such-program"], cast.lab.public).sign("pq", b"message")
    with pytest.raises(UsageError, match="is empty"):
        command_signer([], cast.lab.public)


def test_the_public_file_must_be_about_one_holder(cast: Cast, tmp_path: Path) -> None:
    two = trusting(tmp_path / "two.json", cast.lab, cast.owner)
    with pytest.raises(InputError, match="must name one holder"):
        command_signer(["program"], two)
