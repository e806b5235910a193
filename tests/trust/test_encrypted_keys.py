"""Encrypted signing keys: opened by the passphrase, the whole file bound to it, and no secret outside of it."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey

from pqvalidate.certificate import certify, keygen, load_signing_key, load_trust, verify
from pqvalidate.certificate.keys import KeyFiles
from pqvalidate.certificate.sealing import open_secret, seal_secret
from pqvalidate.errors import InputError
from tests.trust.holders import LATER, MADE, PASSPHRASE, Cast, edit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> KeyFiles:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pqvalidate.certificate.sealing._LOG_COST", 14)  # an eighth of the cost for each test below
        return keygen(tmp_path_factory.mktemp("sealed") / "keys", now=MADE, passphrase=PASSPHRASE)


@pytest.fixture
def copy(made: KeyFiles, tmp_path: Path) -> Path:
    path = tmp_path / "signing-key.json"
    path.touch(mode=0o600)
    path.write_bytes(made.signing_key.read_bytes())
    return path


def test_an_encrypted_key_signs_a_certificate_that_verifies(made: KeyFiles, bundle: Path, tmp_path: Path) -> None:
    key = load_signing_key(made.signing_key, passphrase=PASSPHRASE)
    certify(bundle, key, tmp_path / "c.json", now=MADE)
    assert verify(tmp_path / "c.json", made.trust, as_of=LATER).decision == "valid"
    assert load_trust(made.trust).validators == (key.public,)


def test_the_file_is_its_owners_and_holds_nothing_in_the_clear(made: KeyFiles) -> None:
    assert stat.S_IMODE(made.signing_key.stat().st_mode) == 0o600
    text = made.signing_key.read_text()
    assert "PRIVATE" not in text
    assert json.loads(text)["keys"] == []
    key = load_signing_key(made.signing_key, passphrase=PASSPHRASE)
    for secret in key.secret.values():
        if isinstance(secret, MLDSA87PrivateKey):
            raw = secret.private_bytes_raw()
        else:
            raw = secret.private_numbers().private_value.to_bytes(48, "big")
        assert raw not in made.signing_key.read_bytes()
        assert base64.b64encode(raw)[:40] not in made.signing_key.read_bytes()
    assert repr(PASSPHRASE) not in repr(key)


@pytest.mark.parametrize("wrong", [b"", b"correct horse battery stapl", PASSPHRASE + b" ", PASSPHRASE.upper()])
def test_a_wrong_passphrase_is_refused_in_plain_words(wrong: bytes, made: KeyFiles) -> None:
    with pytest.raises(InputError, match="the passphrase is wrong, or the file was changed"):
        load_signing_key(made.signing_key, passphrase=wrong)


def test_without_a_passphrase_the_error_names_the_flag(made: KeyFiles) -> None:
    with pytest.raises(InputError, match=r"is encrypted\. Give its passphrase with --passphrase-file"):
        load_signing_key(made.signing_key)


def test_a_passphrase_for_a_plain_key_is_no_protection_and_says_so(cast: Cast) -> None:
    with pytest.raises(InputError, match="is not encrypted, although a passphrase was given"):
        load_signing_key(cast.lab.secret, passphrase=PASSPHRASE)


CHANGES: dict[str, Callable[[Any], object]] = {
    "role": lambda tree: tree.update(role="government"),
    "purpose": lambda tree: tree.update(purpose="root"),
    "not_after": lambda tree: tree.update(not_after="2099-01-01T00:00:00Z"),
    "name": lambda tree: tree.update(name="Somebody else"),
    "id": lambda tree: tree.update(id="urn:pqvalidate:validator:0"),
    "salt": lambda tree: tree["sealed"].update(salt=base64.b64encode(bytes(16)).decode()),
    "nonce": lambda tree: tree["sealed"].update(nonce=base64.b64encode(bytes(12)).decode()),
    "short nonce": lambda tree: tree["sealed"].update(nonce=""),
    "no base64": lambda tree: tree["sealed"].update(ciphertext="?"),
    "cost": lambda tree: tree["sealed"].update(log_cost=15),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_was_changed_in_the_file_it_does_not_open(change: str, copy: Path) -> None:
    edit(copy, CHANGES[change])
    with pytest.raises(InputError, match="the file was changed"):
        load_signing_key(copy, passphrase=PASSPHRASE)


def test_keys_in_the_clear_beside_encrypted_ones_are_refused(copy: Path, cast: Cast) -> None:
    plain = json.loads(cast.lab.secret.read_text())["keys"]
    edit(copy, lambda tree: tree.update(keys=plain))
    with pytest.raises(InputError, match="stands beside the encrypted keys"):
        load_signing_key(copy, passphrase=PASSPHRASE)


@pytest.mark.parametrize("cost", [13, 21, 64])
def test_a_file_cannot_ask_for_a_weak_key_or_all_memory(cost: int, copy: Path) -> None:
    edit(copy, lambda tree: tree["sealed"].update(log_cost=cost))
    with pytest.raises(InputError, match="log_cost"):
        load_signing_key(copy, passphrase=PASSPHRASE)


def test_two_files_under_one_passphrase_share_nothing() -> None:
    first, second = (seal_secret(b"secret", PASSPHRASE, bound_to=b"a") for _ in range(2))
    assert not {first.salt, first.nonce, first.ciphertext} & {second.salt, second.nonce, second.ciphertext}
    assert open_secret(first, PASSPHRASE, bound_to=b"a") == b"secret"
    assert open_secret(first, PASSPHRASE, bound_to=b"b") is None
    assert (first.log_cost, first.block, first.lanes) == (17, 8, 1)  # 128 MiB for each guess
