"""Who is in the catalogue: every built-in implementation, and those of examples/ that can be built on this machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pqvalidate.vendors as built_in
from examples.first_catalogue.second_method import Who
from pqvalidate.documents import write_atomically
from pqvalidate.manifest import read_manifest

EXAMPLES = Path(__file__).parents[1]
_BUILD_SECONDS = 3600
_PROGRAMS = {
    "go-mlkem": ("go",), "circl": ("go",), "noble": ("node", "npm"), "rustcrypto": ("cargo",), "libcrux": ("cargo",),
    "aws-lc-rs": ("cargo", "cc", "cmake"), "bouncycastle": ("java", "javac", "mvn"), "pqclean": ("cargo", "cc"),
    "liboqs": ("cargo", "cc", "cmake"),
}  # fmt: skip
"""The harnesses of examples/harnesses and the programs that each needs to be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """An implementation: its short name, what `pqvalidate run` is given, and how it is called directly, if at all."""

    label: str
    argument: str
    manifest: Path
    direct: Who | None

    def sets(self, wanted: Sequence[str]) -> list[str]:
        """Return those of the wanted parameter sets that it claims, or all that it claims if none is wanted."""
        claimed = read_manifest(self.manifest).claims.conformance
        return [name for name in claimed if not wanted or name in wanted]


@dataclass(frozen=True, slots=True)
class Absent:
    """An implementation that is not in the catalogue, and why."""

    label: str
    why: str


def of_manifest(manifest: Path, argument: str = "") -> Contestant:
    """Return the contestant that a manifest describes."""
    attach, label = read_manifest(manifest).attach, manifest.stem
    direct: Who | None = None
    if label in built_in.BUILT_IN and manifest == built_in.manifest_path(label):
        direct = label if label != "liboqs" else None
    elif attach.kind == "harness" and attach.dialect in ("", "pqvalidate") and attach.framing == "jsonl":
        direct = tuple(near(manifest.parent / word) if _relative(word) else word for word in attach.command)
    elif attach.kind == "python" and (file := manifest.parent / f"{attach.target.partition(':')[0]}.py").is_file():
        direct = near(file)
    return Contestant(label=label, argument=argument or near(manifest), manifest=manifest, direct=direct)


def _relative(word: str) -> bool:
    return word.startswith(("./", "../"))


def near(path: Path) -> str:
    """Return a path as it is typed in the present folder, so that a reproducer can be pasted elsewhere."""
    whole, here = Path(os.path.normpath(path.absolute())), Path.cwd()
    return f"./{whole.relative_to(here)}" if whole.is_relative_to(here) else str(whole)


def line_up(named: Sequence[str], out: Path, tell: Callable[[str], None]) -> tuple[list[Contestant], list[Absent]]:
    """Return who takes part, building what has to be built, and who does not, with the reason.

    Args:
        named: short names or manifests; none: everybody.
        out: folder of the catalogue, where it is remembered what was built.
        tell: is told what is being built.

    """
    found: list[Contestant] = []
    absent: list[Absent] = []
    known = dict(_known(out, tell))
    for label in named or known:
        got = known[label]() if label in known else of_manifest(Path(label).absolute())
        if isinstance(got, Contestant):
            found.append(got)
        else:
            absent.append(got)
    if not named:
        absent += [row for row in (_node(), _java()) if row]
    return found, absent


def _known(out: Path, tell: Callable[[str], None]) -> Iterator[tuple[str, Callable[[], Contestant | Absent]]]:
    for name in built_in.BUILT_IN:
        if name != "liboqs":
            yield name, lambda name=name: _built_in(name)  # type: ignore[misc]
    yield "liboqs-python", lambda: _built_in("liboqs", "liboqs-python")
    for name, programs in _PROGRAMS.items():
        manifest = EXAMPLES / "harnesses" / name / f"{name}.toml"
        yield name, lambda m=manifest, p=programs: _made(m, p, out, tell, m.parent.parent, m.stem)  # type: ignore[misc]
    wrapper = EXAMPLES / "modulewrapper-go" / "go-wrapper.toml"
    yield wrapper.stem, lambda: _made(wrapper, ("go",), out, tell, wrapper.parent, "wrapper")
    for name in ("pycryptodome-mlkem", "pycryptodome-mldsa"):
        yield name, lambda name=name: _beside_its_library(name, out)  # type: ignore[misc]


def _built_in(name: str, label: str = "") -> Contestant | Absent:
    there, why = built_in.availability(name)
    return of_manifest(built_in.manifest_path(name), name) if there else Absent(label or name, why)


def _made(
    manifest: Path, programs: Sequence[str], out: Path, tell: Callable[[str], None], folder: Path, target: str
) -> Contestant | Absent:
    """Build an example once for this catalogue; what was built stays as it is, for its digest is in the results."""
    name, mark = manifest.stem, out / "built" / manifest.stem
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        return Absent(name, f"needs {', '.join(missing)}, which this machine has not")
    there = all((manifest.parent / row.path).exists() for row in read_manifest(manifest).artefacts if row.path)
    if not (mark.is_file() and there):
        tell(f"building {name}")
        try:
            done = subprocess.run(
                ["make", "-C", str(folder), target], capture_output=True, text=True, check=False,
                timeout=_BUILD_SECONDS, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Absent(name, f"make {target} took more than {_BUILD_SECONDS} s")
        if done.returncode:
            return Absent(name, f"make {target} failed: {_first_error(done.stderr)}")
        mark.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(mark, b"")
    return of_manifest(manifest)


def _first_error(text: str) -> str:
    """Return the line of a failed build that tells most, without the folders of this machine."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("make")]
    told = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it said nothing")
    return told.replace(f"{EXAMPLES}/", "")[:200]


def _beside_its_library(name: str, out: Path) -> Contestant | Absent:
    """Put the manifest of a C library that comes in a Python package beside a copy of that library."""
    source, folder = EXAMPLES / "c-abi" / f"{name}.toml", out / "attached" / name
    library = read_manifest(source).attach.library
    package = importlib.util.find_spec("Crypto")
    places = (
        [Path(place) / "PublicKey" / library for place in (package.submodule_search_locations or [])] if package else []
    )
    there = next((place for place in places if place.is_file()), None)
    if there is None:
        return Absent(name, f"{library} of pycryptodome was not found: pip install 'pqvalidate[vendors]'")
    folder.mkdir(parents=True, exist_ok=True)
    for file in (source, there):
        if not (folder / file.name).is_file():
            write_atomically(folder / file.name, file.read_bytes())
    return of_manifest(folder / source.name)


def _said(*words: str) -> str:
    """Return what a program prints, or nothing if it does not run."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""


def _node() -> Absent | None:
    """Say what of Node.js itself is missing: the example in JavaScript is about a package of its own."""
    found = _said("node", "-p", "process.version + ' with OpenSSL ' + process.versions.openssl")
    offers = _said("node", "-e", "require('crypto').generateKeyPairSync('ml-kem-768'); console.log('yes')") == "yes"
    if not found:
        return Absent("Node.js crypto", "node does not run here")
    return Absent("Node.js crypto", f"Node.js {found} {'has ML-KEM, and no harness' if offers else 'has no ML-KEM'}")


def _java() -> Absent | None:
    """Say what of the JDK itself is missing: the example in Java is about BouncyCastle."""
    version = re.search(r'version "(\d+)[^"]*"', _said("java", "-version"))
    if version is None:
        return Absent("JDK", "java does not run here")
    later = int(version[1]) >= 24  # JEP 496 brought ML-KEM
    return Absent("JDK", f"Java {version[1]} has {'ML-KEM, and no harness for it' if later else 'no ML-KEM'}")
