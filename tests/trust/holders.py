"""What the tests of trust share: holders of every role, made once, trust files that they sign, and certificates."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pqvalidate.certificate import SigningKey, keygen, load_signing_key, load_trust
from pqvalidate.certificate.keys import Purpose, TrustedValidator
from pqvalidate.certificate.roots import SignedTrust, TrustBody, make_first, make_next, read_draft, sign_body

MADE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
PASSPHRASE = b"correct horse battery staple"


@dataclass(frozen=True)
class Holder:
    """The files of one holder of a role."""

    secret: Path
    public: Path

    @cached_property
    def key(self) -> SigningKey:
        """The signing key."""
        return load_signing_key(self.secret)

    @cached_property
    def entry(self) -> TrustedValidator:
        """The public entry."""
        return load_trust(self.public).validators[0]


def holder(folder: Path, name: str, purpose: Purpose = "validator", *, now: datetime = MADE) -> Holder:
    """Make the keys of a holder."""
    made = keygen(folder / name, now=now, name=name, purpose=purpose)
    return Holder(made.signing_key, made.trust)


class Cast:
    """Three root keys, a validator, a policy owner, a catalogue, and whoever else is asked for."""

    def __init__(self, folder: Path, now: datetime = MADE) -> None:
        self.folder = folder
        self.roots = [holder(folder, f"root-{number}", "root", now=now) for number in (1, 2, 3)]
        self.lab, self.other_lab = holder(folder, "A lab", now=now), holder(folder, "Another lab", now=now)
        self.owner = holder(folder, "A ministry", "policy-owner", now=now)
        self.catalogue = holder(folder, "A catalogue", "catalogue", now=now)

    def first(self, path: Path, *, threshold: int = 2, signers: Sequence[int] = (0, 1), days: int = 365) -> SignedTrust:
        """Write version 1: the first two roots, everybody else named."""
        body = make_first(
            [root.entry for root in self.roots[:2]], threshold=threshold, now=MADE, days=days, path=path
        )  # fmt: skip
        path.write_bytes(sign_body(body, ()))
        rows = [row.entry for row in (self.lab, self.owner, self.catalogue)]
        return self.write(path, make_next(read_draft(path), now=MADE, days=days, validators=rows), signers)

    def write(self, path: Path, body: TrustBody, signers: Sequence[int]) -> SignedTrust:
        """Write a trust file, signed by the roots of these numbers."""
        path.write_bytes(sign_body(body, [self.roots[number].key for number in signers]))
        return read_draft(path)


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file in place, as a forger would."""
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))
