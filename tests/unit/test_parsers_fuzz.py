"""Every parser meets mutated documents and answers with typed errors only, never with a traceback."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pqvalidate.bundle import read_cases, read_evidence, read_opening
from pqvalidate.certificate import certify, load_signing_key, load_trust
from pqvalidate.documents import canonical
from pqvalidate.errors import InputError, UsageError
from pqvalidate.manifest import read_manifest
from pqvalidate.vectors import load, manifest
from pqvalidate.vectors.reader import default_folder
from tests.unit.certificate_bench import MADE, Issued, issue

FUZZ = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
TYPED = (InputError, UsageError)

MANIFEST = b"""schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "X-Crypto"
version = "1.2.3"
[attach]
kind = "python"
target = "x_adapter:implementation"
path = ["."]
[attach.environment]
A = "b"
[claims]
conformance = ["ML-KEM-768", "ML-DSA-65"]
caller_checks = ["encapsulation-key"]
[[artefacts]]
path = "x.so"
[limits]
call_seconds = 5
"""

# What breaks parsers: types, sizes, signs, deep nests, characters that no text should hold.
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.sampled_from([2**53, -(2**53), 10**400, -1, 0]), st.floats(), st.text(),
    st.sampled_from(["", "\ud800", "\x00", "e\u0301", "\u202e", "A" * 10_000, "../x", "2027-13-01T00:00:00Z", "{0}"]),
    st.just([]), st.just({}), st.lists(st.integers(), max_size=3), st.just([[[[]]]]),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)  # fmt: skip
RAW = st.sampled_from(
    [
        b"",
        b"\x00",
        b"\xff",
        b"{",
        b"}",
        b"]",
        b'"',
        b"\\",
        b"\n",
        b",",
        b"1e9999",
        b"NaN",
        b"-0",
        b"[" * 3000,
        b'{"a":' * 3000,
    ]
)


@st.composite
def bytes_near(draw: st.DrawFn, original: bytes) -> bytes:
    """Draw the original with a few stretches cut out, doubled or replaced."""
    data = original
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        middle = draw(st.one_of(RAW, st.binary(max_size=8), st.just(data[start : start + length] * 2)))
        data = data[:start] + middle + data[start + length :]
    return data


@st.composite
def tree_near(draw: st.DrawFn, original: Any) -> Any:
    """Draw the JSON value with one to three members replaced, removed, added or renamed."""
    tree = json.loads(json.dumps(original))
    for _ in range(draw(st.integers(1, 3))):
        nodes = list(_containers(tree))
        if not nodes:
            break
        _mutate(draw, draw(st.sampled_from(nodes)))
    return tree


def _containers(node: Any) -> Iterator[Any]:
    if isinstance(node, dict | list):
        if node:
            yield node
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _containers(inner)


def odd(draw: st.DrawFn) -> Any:
    """Draw an odd value that no other example shares, since the next mutation may be of its inside."""
    return copy.deepcopy(draw(ODD))


def _mutate(draw: st.DrawFn, node: Any) -> None:
    key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
    match draw(st.sampled_from(["replace", "remove", "add", "rename"])):
        case "replace":
            node[key] = odd(draw)
        case "remove":
            del node[key]
        case "add" if isinstance(node, list):
            node.append(draw(st.sampled_from([odd(draw), node[key]])))
        case "add":
            node[draw(st.text(max_size=6))] = odd(draw)
        case _ if isinstance(node, dict):
            node[draw(st.text(max_size=6))] = node.pop(key)
        case _:
            node.reverse()


def near(original: bytes) -> st.SearchStrategy[bytes]:
    """Draw documents near a JSON document: damaged bytes, or a well-formed tree with odd members."""
    trees = tree_near(json.loads(original)).map(lambda tree: json.dumps(tree).encode())
    return st.one_of(bytes_near(original), trees)


@contextmanager
def folder() -> Iterator[Path]:
    """Give a new folder for each example, because readers remember what they read."""
    path = Path(tempfile.mkdtemp(prefix="fuzz"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def only_typed_errors(act: Callable[[], object]) -> None:
    try:
        act()
    except (InputError, UsageError) as error:
        caught = error
    else:
        return
    assert str(caught)
    assert isinstance(caught, UsageError) or (caught.problem and caught.remedy)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(tmp_path_factory.mktemp("fuzz") / "a", outcomes={"ml-kem/kat-keygen": "fail"})


@FUZZ
@given(bytes_near(MANIFEST))
def test_manifests(data: bytes) -> None:
    with folder() as place:
        (place / "x.toml").write_bytes(data)
        only_typed_errors(lambda: read_manifest(place / "x.toml"))


def test_the_manifest_that_is_mutated_is_a_good_one(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(MANIFEST)
    assert read_manifest(tmp_path / "x.toml").product.name == "X-Crypto"


@FUZZ
@given(st.data())
@pytest.mark.parametrize("name", ["plan.json", "evidence.json", "cases.jsonl"])
def test_bundles(name: str, issued: Issued, data: st.DataObject) -> None:
    key = load_signing_key(issued.keys.signing_key)
    with folder() as place:
        bundle = place / "bundle"
        shutil.copytree(issued.folder / "bundle", bundle)
        original = (bundle / name).read_bytes()
        (bundle / name).write_bytes(data.draw(bytes_near(original) if name == "cases.jsonl" else near(original)))
        only_typed_errors(lambda: read_opening(bundle))
        only_typed_errors(lambda: read_evidence(bundle))
        only_typed_errors(lambda: list(read_cases(bundle)))
        only_typed_errors(lambda: certify(bundle, key, place / "c.json", now=MADE))


def members(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each member of a JSON value."""
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from members(inner, (*path, key))


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> bytes:
    changed = json.loads(json.dumps(tree))
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return json.dumps(changed).encode()


@pytest.mark.parametrize(
    "value", ["\ud800", 2**53, 10**30, [], None], ids=["surrogate", "2^53", "10^30", "list", "null"]
)
def test_each_member_of_each_document_with_a_value_that_breaks_encoders(
    value: Any, issued: Issued, tmp_path: Path
) -> None:
    """Hypothesis finds these by luck; here every place meets every value."""
    readers: dict[Path, Callable[[], object]] = {
        issued.keys.trust: lambda: load_trust(tmp_path / "trust.json"),
        issued.keys.signing_key: lambda: load_signing_key(tmp_path / "signing-key.json"),
        issued.folder / "bundle" / "evidence.json": lambda: read_evidence(tmp_path),
        issued.folder / "bundle" / "plan.json": lambda: read_opening(tmp_path),
        issued.certificate: lambda: issued.verify((tmp_path / "certificate.json").read_bytes()),
    }
    for original, read in readers.items():
        tree = json.loads(original.read_text())
        for path in members(tree):
            target = tmp_path / original.name
            target.write_bytes(replaced(tree, path, value))
            target.chmod(0o600)
            only_typed_errors(read)


@FUZZ
@given(st.data())
def test_signing_keys(issued: Issued, data: st.DataObject) -> None:
    original = issued.keys.signing_key.read_bytes()
    with folder() as place:
        path = place / "key.json"
        path.write_bytes(data.draw(near(original)))
        path.chmod(0o600)
        only_typed_errors(lambda: load_signing_key(path))


@FUZZ
@given(st.data())
def test_trust_files(issued: Issued, data: st.DataObject) -> None:
    with folder() as place:
        path = place / "trust.json"
        path.write_bytes(data.draw(near(issued.keys.trust.read_bytes())))
        only_typed_errors(lambda: load_trust(path))
        only_typed_errors(lambda: issued.verify(trust=path))


@FUZZ
@given(st.data())
def test_certificates_that_were_changed_after_signing_are_never_valid(issued: Issued, data: st.DataObject) -> None:
    original = issued.certificate.read_bytes()
    changed = data.draw(near(original))
    try:
        verified = issued.verify(changed)
    except TYPED:
        return
    # What is left valid differs in blanks or key identifiers only: payload and good signatures are the same.
    now = json.loads(changed)
    if verified.decision == "valid":
        assert now["payload"] == issued.envelope["payload"]
        assert {row["sig"] for row in issued.envelope["signatures"]} <= {row["sig"] for row in now["signatures"]}


@FUZZ
@given(st.data())
def test_bodies_that_a_trusted_validator_signed(issued: Issued, data: st.DataObject) -> None:
    """The worst case: the signatures are good, so every odd byte reaches the parser."""
    tree = data.draw(tree_near(issued.statement))
    try:
        body = canonical(tree)
    except ValueError:  # a float, a number of 2^53, a lone surrogate: as plain JSON instead
        body = json.dumps(tree, separators=(",", ":"), sort_keys=True).encode()
    only_typed_errors(lambda: issued.verify(issued.sign(body)))


@FUZZ
@given(st.data())
def test_bodies_of_damaged_bytes_that_a_trusted_validator_signed(issued: Issued, data: st.DataObject) -> None:
    body = data.draw(bytes_near(issued.body))
    only_typed_errors(lambda: issued.verify(issued.sign(body)))


def small_vectors() -> tuple[bytes, str, bytes]:
    """Return a vector manifest of one set with one file, that file's path, and its bytes."""
    whole = json.loads((default_folder() / "manifest.json").read_bytes())
    entry = next(row for row in whole["sets"] if row["id"] == "acvp/ML-KEM-keyGen-FIPS203")
    entry["files"] = [row for row in entry["files"] if row["parameter_set"] == "ML-KEM-512"]
    path = entry["files"][0]["path"]
    return json.dumps(whole | {"sets": [entry]}).encode(), path, (default_folder() / path).read_bytes()


SMALL, FILE, PACKED = small_vectors()


def read_vectors(place: Path, listing: bytes, packed: bytes) -> int:
    (place / FILE).parent.mkdir(parents=True)
    (place / FILE).write_bytes(packed)
    (place / "manifest.json").write_bytes(listing)
    manifest(place)
    return len(load("ML-KEM-512", folder=place))


@FUZZ
@given(near(SMALL))
def test_vector_manifests(listing: bytes) -> None:
    with folder() as place:
        only_typed_errors(lambda: read_vectors(place, listing, PACKED))


@FUZZ
@given(bytes_near(PACKED))
def test_vector_files_whose_digest_is_right(packed: bytes) -> None:
    import hashlib

    listing = json.loads(SMALL)
    digest = hashlib.sha256(packed).hexdigest()
    listing["sets"][0]["files"][0].update(sha256=digest, unpacked_sha256=digest)
    with folder() as place:
        only_typed_errors(lambda: read_vectors(place, json.dumps(listing).encode(), packed))


def test_the_vectors_that_are_mutated_are_good_ones() -> None:
    with folder() as place:
        assert read_vectors(place, SMALL, PACKED) > 0
