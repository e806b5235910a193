"""The lab's signing key is not for vendor code to read, wherever it lies; all that lies beside it still is."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

import pqvalidate as pqv
from pqvalidate.adapters.sandbox_paths import Readable, is_signing_key
from pqvalidate.certificate import keygen
from tests.sandbox.bench import asked, needs_layer, vendor

REFUSED = "refused: Permission denied"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keygen(tmp_path_factory.mktemp("lab") / "key", now=datetime(2026, 1, 1, tzinfo=UTC)).signing_key


def key_at(made: Path, place: Path) -> Path:
    """Copy the key, as private as it was made."""
    place.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(made, place))


# Below the folder of the manifest, or, with a leading slash, below the home folder.
PLACES = {
    "beside the manifest": "signing-key.json",
    "under another name": "notes.txt",
    "in a folder beside the manifest": "keys/signing-key.json",
    "deep below the manifest, under another name": "a/b/c/key",
    "in a hidden folder": ".keys/signing-key.json",
    "in the home folder": "/signing-key.json",
    "in a hidden folder of the home folder": "/.pqvalidate/signing-key.json",
}


@pytest.mark.parametrize("where", PLACES)
def test_vendor_code_cannot_read_it(
    where: str, made: Path, tmp_path: Path, layers: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_layer(layers, "landlock")
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    manifest = vendor(tmp_path / "vendor")
    base = home if PLACES[where].startswith("/") else manifest.parent
    key = key_at(made, base / PLACES[where].lstrip("/"))
    (key.parent / "other").write_text("other")
    read = f"seen = Path({str(key)!r}).read_text()"
    with pqv.attach(manifest) as iut:
        assert asked(iut, read) == REFUSED
        assert asked(iut, f"seen = subprocess.run(['cat', {str(key)!r}], capture_output=True).stdout") == "b''"
        assert asked(iut, f"os.link({str(key)!r}, 'mine'); seen = Path('mine').read_text()").startswith("refused")
        assert asked(iut, f"os.rename({str(key)!r}, 'mine'); seen = Path('mine').read_text()").startswith("refused")
        if base == manifest.parent:
            assert asked(iut, f"seen = Path({str(key.parent / 'other')!r}).read_text()") == "other"
            assert "prying.py" in asked(iut, f"seen = os.listdir({str(manifest.parent)!r})")
    with pqv.attach(manifest, sandbox="off") as iut:
        assert "pkcs8" in asked(iut, read)


@pytest.mark.parametrize("how", ["symlink", "link", "a linked folder"])
def test_a_link_beside_the_manifest_does_not_lead_to_it(
    how: str, made: Path, tmp_path: Path, layers: frozenset[str]
) -> None:
    needs_layer(layers, "landlock")
    manifest = vendor(tmp_path / "vendor")
    key = key_at(made, tmp_path / "lab" / "signing-key.json")
    link = manifest.parent / "way"
    if how == "link":
        os.link(key, link)
    else:
        link.symlink_to(key if how == "symlink" else key.parent)
    with pqv.attach(manifest) as iut:
        way = link / key.name if how == "a linked folder" else link
        assert asked(iut, f"seen = Path({str(way)!r}).read_text()") == REFUSED
        assert asked(iut, f"seen = Path({str(key)!r}).read_text()") == REFUSED


def test_a_manifest_in_the_home_folder_opens_no_hidden_entries(
    made: Path, tmp_path: Path, layers: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_layer(layers, "landlock")
    monkeypatch.setenv("HOME", str(tmp_path))
    manifest = vendor(tmp_path)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id").write_text("private")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table").write_text("table")
    key_at(made, tmp_path / "key" / "signing-key.json")
    with pqv.attach(manifest) as iut:
        assert asked(iut, f"seen = Path({str(tmp_path / '.ssh' / 'id')!r}).read_text()") == REFUSED
        assert asked(iut, f"seen = Path({str(tmp_path / 'data' / 'table')!r}).read_text()") == "table"
        assert asked(iut, f"seen = Path({str(tmp_path / 'key' / 'signing-key.json')!r}).read_text()") == REFUSED


def test_it_is_known_by_its_name_or_its_content(made: Path, tmp_path: Path) -> None:
    assert is_signing_key(str(key_at(made, tmp_path / "a")))
    (tmp_path / "signing-key.json").write_text("{}")
    assert is_signing_key(str(tmp_path / "signing-key.json"))
    assert not is_signing_key(str(made.with_name("trust.json")))
    (tmp_path / "private").write_text("private")
    (tmp_path / "private").chmod(0o600)
    assert not is_signing_key(str(tmp_path / "private"))
    assert not is_signing_key(str(tmp_path / "absent"))


def test_only_a_folder_that_holds_it_is_taken_apart(made: Path, tmp_path: Path) -> None:
    for name in ("x/one", "x/y/two", "x/z/three", "w/four"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    key_at(made, tmp_path / "x" / "y" / "signing-key.json")
    found = Readable()
    found.add(tmp_path)
    assert sorted(found.whole) == [str(tmp_path / name) for name in ("w", "x/one", "x/y/two", "x/z")]
    assert sorted(found.listed) == [str(tmp_path), str(tmp_path / "x"), str(tmp_path / "x" / "y")]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "self").symlink_to("self")
    (tmp_path / "a" / "nowhere").symlink_to("/nowhere")
    (tmp_path / "a" / "everything").symlink_to("/")
    found = Readable()
    found.add(tmp_path / "a")
    assert found.whole == [str(tmp_path / "a")]
    assert found.listed == []


def test_what_is_nested_too_deeply_to_be_searched_stays_closed(tmp_path: Path) -> None:
    deep = tmp_path / "x" / "/".join("d" * 300)
    deep.mkdir(parents=True)
    found = Readable()
    found.add(tmp_path / "x")
    assert not any(deep.is_relative_to(place) for place in found.whole)
