"""What the tests of certificates share: a key made at test time, a certificate, and the means to forge others."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, Key, SSlibKey  # type: ignore[attr-defined]

from pqvalidate.certificate import KeyFiles, Verified, certify, keygen, load_signing_key, verify
from pqvalidate.documents import canonical
from pqvalidate.evidence import Evidence, Outcome
from tests.unit.evidence_factory import make_cases, make_evidence, write_bundle

MADE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
INTOTO = "application/vnd.in-toto+json"
Tree = dict[str, Any]


def pems(key_file: Path) -> dict[str, bytes]:
    """Return the private keys of a key file by family."""
    return {key["family"]: key["pkcs8"].encode() for key in json.loads(key_file.read_text())["keys"]}


def sign(body: bytes, *keys: bytes, payload_type: str = INTOTO) -> Tree:
    """Return an envelope over any bytes at all, signed by securesystemslib alone."""
    envelope = Envelope(body, payload_type, {})
    for pem in keys:
        envelope.sign(CryptoSigner(load_pem_private_key(pem, None)))
    return envelope.to_dict()


@dataclass(frozen=True)
class Issued:
    """A validator's files and one certificate of its, in a folder."""

    folder: Path
    keys: KeyFiles
    certificate: Path

    @property
    def envelope(self) -> Tree:
        """Return a fresh copy of the envelope."""
        tree: Tree = json.loads(self.certificate.read_text())
        return tree

    @property
    def body(self) -> bytes:
        """Return the signed bytes."""
        return base64.b64decode(self.envelope["payload"])

    @property
    def statement(self) -> Tree:
        """Return a fresh copy of the statement."""
        tree: Tree = json.loads(self.body)
        return tree

    @property
    def secret(self) -> dict[str, bytes]:
        """Return the private keys as PEM by family."""
        return pems(self.keys.signing_key)

    def sign(self, body: bytes | Tree, payload_type: str = INTOTO) -> Tree:
        """Return an envelope over ``body`` that is properly signed by both keys."""
        data = body if isinstance(body, bytes) else canonical(body)
        return sign(data, self.secret["classical"], self.secret["pq"], payload_type=payload_type)

    def forge(self, change: Callable[[Tree], object]) -> Tree:
        """Return a properly signed envelope over a statement that was changed first."""
        tree = self.statement
        change(tree)
        return self.sign(tree)

    def verify(self, envelope: Tree | bytes | None = None, **options: Any) -> Verified:
        """Verify an envelope (the issued one unless given) with this validator's trust file."""
        path = self.certificate
        if envelope is not None:
            path = self.folder / "tampered.json"
            path.write_bytes(envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode())
        return verify(path, options.pop("trust", self.keys.trust), **{"as_of": LATER, **options})


def issue(
    folder: Path, evidence: Evidence | None = None, outcomes: Mapping[str, Outcome] | None = None, **options: Any
) -> Issued:
    """Make keys, a bundle and its certificate in a new folder."""
    folder.mkdir(exist_ok=True)
    evidence = evidence or make_evidence(outcomes=outcomes)
    bundle = write_bundle(folder / "bundle", evidence, make_cases(evidence.facts.plan.steps, outcomes))
    keys = keygen(folder / "keys", now=MADE)
    out = folder / "certificate.json"
    certify(bundle, load_signing_key(keys.signing_key), out, **{"now": MADE, **options})
    return Issued(folder, keys, out)


def stock_keys(trust: Path) -> list[Key]:
    """Return the public keys of a trust file as securesystemslib knows them."""
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    rows = json.loads(trust.read_text())["validators"][0]["keys"]
    keys: list[Key] = []
    for row in rows:
        public = load_der_public_key(base64.b64decode(row["spki"]))
        assert isinstance(public, ec.EllipticCurvePublicKey | mldsa.MLDSA87PublicKey)
        keys.append(SSlibKey.from_crypto(public, row["spki_sha256"], row["scheme"]))
    return keys
