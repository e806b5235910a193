"""Vendor code writes to its own folder only, and reads what is its own, the system's and Python's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pqvalidate as pqv
from tests.sandbox.bench import asked, needs_layer, tried, vendor

REFUSED = "refused: Permission denied"

WAYS_TO_WRITE = {
    "a new file": "Path({place!r}, 'new').write_text('x'); seen = 'done'",
    "a file that is there": "open({place!r} + '/there', 'r+').write('x'); seen = 'done'",
    "the length of a file": "os.truncate({place!r} + '/there', 0); seen = 'done'",
    "a folder": "os.mkdir({place!r} + '/new'); seen = 'done'",
    "the removal of a file": "os.unlink({place!r} + '/there'); seen = 'done'",
    "another name": "os.rename({place!r} + '/there', {place!r} + '/new'); seen = 'done'",
    "a file of its own": "Path('mine').write_text('x'); os.rename('mine', {place!r} + '/new'); seen = 'done'",
    "a file taken from there": "os.rename({place!r} + '/there', 'mine'); seen = 'done'",
    "a second name": "os.link({place!r} + '/there', 'mine'); seen = 'done'",
    "a way round by a link": "os.symlink({place!r}, 'way'); Path('way/new').write_text('x'); seen = 'done'",
    "a way round by its own entry in /proc": "Path('/proc/self/root' + {place!r} + '/new').write_text('x'); seen = 1",
    "a socket": "os.mknod({place!r} + '/new', 0o140600); seen = 'done'",
    "a program that it starts": "seen = 'refused: Permission denied' if subprocess.run(['touch', {place!r} + '/new'])"
    ".returncode else 'done'",
}


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the file system of the scratch folders, so that files could be moved and linked."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "there").write_text("whole")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return place


@pytest.mark.parametrize("way", WAYS_TO_WRITE)
def test_it_cannot_write_outside_of_its_folder(way: str, manifest: Path, outside: Path, layers: frozenset[str]) -> None:
    needs_layer(layers, "landlock")
    code = WAYS_TO_WRITE[way].format(place=str(outside))
    said = tried(manifest, code)
    assert said in (REFUSED, "refused: Invalid cross-device link"), said
    assert [path.name for path in outside.iterdir()] == ["there"]
    assert (outside / "there").read_text() == "whole"
    assert not tried(manifest, code, "off").startswith("refused")
    assert (
        [path.name for path in outside.iterdir()] != ["there"]
        or (outside / "there").read_text() != "whole"
        or (way == "a second name")
    )


def test_it_cannot_write_beside_its_manifest(manifest: Path, layers: frozenset[str]) -> None:
    needs_layer(layers, "landlock")
    assert tried(manifest, f"Path({str(manifest)!r}).write_text(''); seen = 'done'") == REFUSED
    assert manifest.read_text(encoding="utf-8")


OWN = """
Path('a/b').mkdir(parents=True)
Path('a/file').write_text('mine')
os.rename('a/file', 'a/b/file')
os.link('a/b/file', 'second')
os.symlink('second', 'link')
os.mkfifo('pipe')
Path(os.environ['TMPDIR'], 'x').touch()
Path(os.environ['HOME'], 'y').touch()
import tempfile
tempfile.TemporaryFile().write(b'x')
Path('/dev/null').write_text('x')
os.truncate('second', 2)
seen = Path('link').read_text()
"""


def test_in_its_own_folder_it_does_what_it_likes(manifest: Path) -> None:
    assert tried(manifest, OWN) == "mi"


USUAL = {
    "random bytes": "seen = len(open('/dev/urandom', 'rb').read(8)); assert seen == 8",
    "the system's libraries": "import ctypes.util; seen = ctypes.CDLL(ctypes.util.find_library('c')).getpid() > 0",
    "its entry in /proc": "seen = 'prying' not in Path('/proc/self/status').read_text()",
    "that of a child": "seen = subprocess.run(['cat', '/proc/self/maps'], capture_output=True).returncode == 0",
    "the processors": "seen = len(Path('/proc/cpuinfo').read_text()) > 0 and os.cpu_count() > 0",
    "accounts": "import pwd; seen = pwd.getpwuid(os.getuid()).pw_uid == os.getuid()",
    "time zones and locales": "import locale, time; locale.setlocale(locale.LC_ALL, ''); time.tzset(); seen = True",
    "certificates of the system": "import ssl; seen = ssl.create_default_context() is not None",
    "programs": "seen = subprocess.run(['sh', '-c', 'echo x > /dev/null && cat < /dev/null']).returncode == 0",
    "this Python": "seen = subprocess.run([sys.executable, '-c', 'import json, asyncio']).returncode == 0",
    "packages": "import msgspec, numpy, cryptography; seen = numpy.ones(3).sum() == 3",
    "processes of Python": "import multiprocessing as m; p = m.get_context('fork').Process(target=int);"
    "p.start(); p.join(); seen = p.exitcode == 0",
    "threads": "t = threading.Thread(target=int); t.start(); t.join(); seen = not t.is_alive()",
    "an event loop": "import asyncio; seen = asyncio.run(asyncio.sleep(0, True))",
    "its module": "seen = 'Run the code' in Path(sys.modules[Kem.__module__].__file__).read_text()",
}


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pqv.Implementation]:
    with pqv.attach(vendor(tmp_path_factory.mktemp("usual"))) as iut:
        yield iut


@pytest.mark.parametrize("what", USUAL)
def test_it_has_what_code_usually_needs(what: str, sandboxed: pqv.Implementation) -> None:
    assert asked(sandboxed, USUAL[what]) in ("True", "8")


@pytest.mark.parametrize("what", ["environ", "cwd", "root", "maps", "mem"])
def test_it_cannot_look_into_the_process_that_asks_it(
    what: str, sandboxed: pqv.Implementation, layers: frozenset[str]
) -> None:
    needs_layer(layers, "landlock")
    path = f"/proc/{os.getpid()}/{what}"
    look = f"os.listdir({path!r})" if what in {"cwd", "root"} else f"open({path!r}, 'rb').read(1)"
    assert asked(sandboxed, f"seen = {look}") == REFUSED


def test_it_cannot_send_a_signal_to_a_process_that_is_not_its_own(
    sandboxed: pqv.Implementation, layers: frozenset[str]
) -> None:
    needs_layer(layers, "landlock")
    if not any(name in sandboxed.sandbox for name in ("landlock6", "landlock7", "landlock8")):
        pytest.skip("signals are held back from version 6 of Landlock only")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert asked(sandboxed, f"os.kill({other.pid}, 9); seen = 'killed'") == "refused: Operation not permitted"
        assert other.poll() is None
        other.communicate(b"\n")
        assert other.returncode == 0


def test_other_files_of_the_user_stay_unread(
    sandboxed: pqv.Implementation, tmp_path: Path, layers: frozenset[str]
) -> None:
    needs_layer(layers, "landlock")
    (tmp_path / "private").write_text("private")
    assert asked(sandboxed, f"seen = Path({str(tmp_path / 'private')!r}).read_text()") == REFUSED
    assert asked(sandboxed, f"seen = os.listdir({str(tmp_path)!r})") == REFUSED
    assert asked(sandboxed, "seen = Path('/etc/shadow').read_text()").startswith("refused")


def test_what_the_manifest_names_is_read_and_links_open_nothing_more(tmp_path: Path, layers: frozenset[str]) -> None:
    for name in ("data", "named", "linked"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "table").write_text(name)
    attach = f"path = ['.', '../data']\n[attach.environment]\nTABLES = '/nowhere:{tmp_path / 'named'}'"
    path = vendor(tmp_path / "vendor", attach=attach)
    (tmp_path / "vendor" / "within").symlink_to("prying.py")
    (tmp_path / "vendor" / "without").symlink_to(tmp_path / "linked" / "table")
    with pqv.attach(path) as iut:
        for place in ("data/table", "named/table"):
            assert asked(iut, f"seen = Path({str(tmp_path / place)!r}).read_text()") == place.partition("/")[0]
        assert "Run the code" in asked(iut, f"seen = Path({str(tmp_path / 'vendor' / 'within')!r}).read_text()")
        if "landlock" in layers:
            assert asked(iut, f"seen = Path({str(tmp_path / 'vendor' / 'without')!r}).read_text()") == REFUSED


def test_the_import_path_may_not_be_everything(tmp_path: Path) -> None:
    path = vendor(tmp_path / "vendor", attach="path = ['.', '/']")
    with pytest.raises(pqv.InputError, match=r"attach\.path\[1\].* is the folder of all files"):
        pqv.attach(path)
