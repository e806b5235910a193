"""What the tests of the catalogue share: holders with keys of their own, certificates, and a catalogue to attack."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pqvalidate.catalogue.checking import Asking
from pqvalidate.catalogue.publishing import Published, publish
from pqvalidate.catalogue.repository import Terms
from pqvalidate.certificate import keygen, load_signing_key
from pqvalidate.certificate.envelope import seal
from pqvalidate.certificate.keys import SigningKey
from pqvalidate.documents import canonical
from tests.unit.certificate_bench import MADE, Issued, issue

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Holder:
    """Somebody with a signing key and the trust file of it."""

    folder: Path

    @property
    def key(self) -> SigningKey:
        return load_signing_key(self.folder / "signing-key.json")

    @property
    def trust(self) -> Path:
        return self.folder / "trust.json"


def holder(folder: Path) -> Holder:
    keygen(folder, now=MADE, name=folder.name, purpose="root" if folder.name == "root" else "catalogue")
    return Holder(folder)


@dataclass(frozen=True)
class Bench:
    """A lab with a certificate, a root, a catalogue's owner, a stranger, and a catalogue in ``folder``."""

    place: Path
    lab: Issued
    root: Holder
    owner: Holder
    stranger: Holder

    @property
    def folder(self) -> Path:
        return self.place / "catalogue"

    def publish(self, *paths: Path, now: datetime = NOW, **options: Any) -> Published:
        """Publish with the owner's key; a new catalogue gets its root from the root's holder."""
        new = not (self.folder / "metadata").exists()
        options = {"trust": self.lab.keys.trust, "root_key": self.root.key if new else None} | options
        hours = options.pop("hours", 168)
        terms = Terms(now=now, timestamp_hours=hours, valid_days=options.pop("days", 365))
        return publish(paths, options.pop("folder", self.folder), options.pop("key", self.owner.key), terms=terms,
                       with_site=False, **options)  # fmt: skip

    def asking(self, moment: datetime = NOW + HOUR, **options: Any) -> Asking:
        """Ask as a reader does who got the first root by another way."""
        pinned = {} if "trust" in options else {"root": self.folder / "metadata" / "1.root.json"}
        return Asking(**{"folder": self.folder, "moment": moment, **pinned, **options})

    def certificate(self, name: str, **changes: str) -> Path:
        """Return another certificate of the lab: the same facts under another identifier."""
        tree = self.lab.statement
        tree["predicate"]["certificate"]["id"] = name
        tree["predicate"]["product"] |= changes
        path = self.place / f"{name}.json"
        path.write_bytes(seal(canonical(tree), load_signing_key(self.lab.keys.signing_key)))
        return path

    def copy(self, name: str) -> Path:
        """Return a copy of the catalogue as it stands."""
        return Path(shutil.copytree(self.folder, self.place / name))

    def metadata(self, role: str) -> Path:
        """Return the newest metadata file of a role."""
        files = (self.folder / "metadata").glob(f"*{role}.json")
        return max(files, key=lambda path: int(path.name.split(".")[0]) if path.name[0].isdigit() else 0)

    def change(self, file: Path, change: Any) -> None:
        """Change a JSON file in place, with no key to sign it."""
        tree = json.loads(file.read_bytes())
        change(tree)
        file.write_text(json.dumps(tree, separators=(",", ":"), sort_keys=True) + "\n")


def make(place: Path) -> Bench:
    lab = issue(place / "lab", valid_days=365)
    names = ("root", "owner", "stranger")
    return Bench(place, lab, *(holder(place / name) for name in names))
