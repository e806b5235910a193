"""The packed vectors are complete, mapped to the common interface, read lazily, and never used when altered."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqvalidate import vectors
from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS, Operation
from pqvalidate.algorithms import ML_DSA, ML_KEM, PARAMETER_SETS, PREHASH_OID_BYTE
from pqvalidate.errors import InputError, UsageError
from pqvalidate.vectors.reader import OTHER_FORMS, default_folder

FOLDER = default_folder()

# Number of published tests per parameter set, as the publishers state them.
TESTS: dict[str, tuple[int, int, int]] = {
    "acvp/ML-KEM-keyGen-FIPS203": (25, 25, 25), "acvp/ML-KEM-encapDecap-FIPS203": (55, 55, 55),
    "acvp/ML-KEM-encapDecap-FIPS203-tr1": (65, 65, 65), "acvp/ML-DSA-keyGen-FIPS204": (25, 25, 25),
    "acvp/ML-DSA-sigGen-FIPS204": (120, 120, 120), "acvp/ML-DSA-sigGen-FIPS204-tr1": (240, 240, 240),
    "acvp/ML-DSA-sigVer-FIPS204": (60, 60, 60), "wycheproof/mlkem_*_test": (193, 193, 193),
    "wycheproof/mlkem_*_encaps_test": (261, 265, 269), "wycheproof/mlkem_*_keygen_seed_test": (100, 100, 100),
    "wycheproof/mlkem_*_semi_expanded_decaps_test": (9, 9, 9), "wycheproof/mldsa_*_verify_test": (180, 210, 241),
    "wycheproof/mldsa_*_sign_seed_test": (86, 105, 96), "wycheproof/mldsa_*_sign_noseed_test": (73, 78, 69),
    "cctv/modulus": (775, 780, 1040), "cctv/strcmp": (1, 1, 1), "cctv/unluckysample": (1, 1, 1),
    "prestandard/kyber-r3": (100, 100, 100), "prestandard/dilithium-r3.1": (100, 100, 100),
    "prestandard/version-fingerprints": (15, 15, 15), "own/mlkem-rare-values": (20, 22, 24),
    "own/mldsa-rare-values": (21, 20, 21),
}  # fmt: skip

# Cases per parameter set that the seven ACVP sets must give together, by operation.
ACVP_OPERATIONS = {
    "keygen_from_seed": 25, "encapsulate_derand": 50, "decapsulate": 30, "decapsulate_from_seed": 20,
    "check_encapsulation_key": 20, "check_decapsulation_key": 20,
}  # fmt: skip
ACVP_SIGNING = {
    f"sign_{kind}{key}": (30 if key == "" else 15) * (1 if kind in {"deterministic", "with_rnd"} else 2)
    for kind in ("deterministic", "with_rnd", "prehash", "internal", "mu")
    for key in ("", "_from_seed")
}
ACVP_SIGNATURE_OPERATIONS = {
    "keygen_from_seed": 25, **ACVP_SIGNING, "verify": 15, "verify_prehash": 15, "verify_mu": 15, "verify_internal": 15,
}  # fmt: skip


def test_each_set_holds_as_many_tests_as_its_publisher_states() -> None:
    packed: dict[str, tuple[int, ...]] = {}
    for entry in vectors.manifest().sets:
        if entry.form != "accumulated" and entry.id != "own/mldsa44-hint-cuts":
            number = entry.files[0].parameter_set.rsplit("-", 1)[-1]
            name = entry.id.replace(f"_{number}_", "_*_")
            packed[name] = packed.get(name, ()) + tuple(file.cases for file in entry.files)
    expected = {name: (*counts, *counts) if name == "prestandard/version-fingerprints" else counts
                for name, counts in TESTS.items()}  # fmt: skip
    # Wycheproof files are listed by name, so 1024 comes before 512.
    assert {name: sorted(counts) for name, counts in packed.items()} == {n: sorted(c) for n, c in expected.items()}


def test_all_21_wycheproof_files_and_all_7_acvp_sets_are_there() -> None:
    ids = [entry.id.split("/")[0] for entry in vectors.manifest().sets]
    assert Counter(ids) == {"acvp": 7, "wycheproof": 21, "cctv": 4, "prestandard": 3, "own": 3}


@pytest.mark.parametrize("parameter_set", PARAMETER_SETS)
def test_no_published_test_is_dropped(parameter_set: str) -> None:
    for entry in vectors.manifest().sets:
        for file in entry.files:
            if file.parameter_set == parameter_set and entry.form not in OTHER_FORMS:
                cases = vectors.load(parameter_set, sets={entry.id})
                assert len({case.id for case in cases}) == file.cases, file.path
                assert len({case.id.rsplit("/", 1)[0] for case in cases}) == file.groups, file.path
                assert all(case.id.startswith(f"{entry.id}/") for case in cases)


@pytest.mark.parametrize("parameter_set", ML_KEM)
def test_the_acvp_kem_tests_ask_every_operation_that_they_bear_on(parameter_set: str) -> None:
    cases = [case for case in vectors.load(parameter_set) if case.id.startswith("acvp/")]
    assert Counter(case.operation for case in cases) == ACVP_OPERATIONS
    for operation in ("check_encapsulation_key", "check_decapsulation_key"):
        answers = Counter(case.expect for case in cases if case.operation == operation and case.expect in {True, False})
        assert answers == {True: 10, False: 10}
    reasons = Counter(case.flags[0] for case in cases if case.operation == "decapsulate" and "203/" in case.id)
    assert reasons == {"modified-ciphertext": 5, "valid-decapsulation": 5}


@pytest.mark.parametrize("parameter_set", ML_DSA)
def test_the_acvp_signature_tests_ask_every_interface_with_both_key_forms(parameter_set: str) -> None:
    cases = [case for case in vectors.load(parameter_set) if case.id.startswith("acvp/")]
    assert Counter(case.operation for case in cases) == ACVP_SIGNATURE_OPERATIONS
    verified = Counter((case.expect, case.flags[0]) for case in cases if case.operation.startswith("verify"))
    valid = "valid-signature-and-message-signature-should-verify-successfully"
    parts = ("message", "signature-commitment", "signature-z", "signature-hint")
    assert verified == {(True, valid): 12} | {(False, f"modified-{part}"): 12 for part in parts}


def test_every_prehash_of_fips_204_is_asked_for_signing_and_verifying() -> None:
    for operation in ("sign_prehash", "sign_prehash_from_seed", "verify_prehash"):
        asked = {case.inputs["hash"] for name in ML_DSA for case in vectors.load(name, operations={operation})}
        assert asked == set(PREHASH_OID_BYTE)


def misfit(case: vectors.Case, operations: dict[str, Operation]) -> str | None:
    """Say how a case does not fit the common interface, or return None."""
    operation = operations.get(case.operation)
    if operation is None:
        return "unknown operation"
    needed = set(operation.inputs) - set(operation.optional)
    if not needed <= set(case.inputs) <= set(operation.inputs):
        return f"inputs {sorted(case.inputs)}"
    if any(isinstance(value, str) != (name == "hash") for name, value in case.inputs.items()):
        return "an input of the wrong type"
    if isinstance(case.expect, bool):
        return None
    outputs = {*operation.outputs, *(f"{name}_sha256" for name in operation.outputs)} - {"valid"}
    return None if case.expect and set(case.expect) <= outputs else f"outputs {sorted(case.expect)}"


@pytest.mark.parametrize("parameter_set", PARAMETER_SETS)
def test_every_case_fits_the_common_interface_and_is_named_once(parameter_set: str) -> None:
    operations = KEM_OPERATIONS if PARAMETER_SETS[parameter_set].kind == "kem" else SIGNATURE_OPERATIONS
    cases = vectors.load(parameter_set)
    assert {(case.id, case.operation): why for case in cases if (why := misfit(case, operations))} == {}
    assert len({(case.id, case.operation) for case in cases}) == len(cases)


def test_a_case_that_does_not_fit_is_noticed() -> None:
    case = vectors.Case(id="x", parameter_set="ML-KEM-512", operation="decapsulate", inputs={"c": b""}, expect=False)
    assert misfit(case, KEM_OPERATIONS) == "inputs ['c']"


def test_ids_are_unique_over_all_parameter_sets() -> None:
    owners: dict[str, set[str]] = {}
    for name in PARAMETER_SETS:
        for case in vectors.load(name):
            owners.setdefault(case.id, set()).add(name)
    assert {case_id: names for case_id, names in owners.items() if len(names) > 1} == {}


def test_only_malformed_private_keys_are_advisory() -> None:
    advisory = [case for name in PARAMETER_SETS for case in vectors.load(name) if case.advisory]
    assert len(advisory) == 12
    assert all("out of range" in case.note and "sign_noseed" in case.id for case in advisory)


def test_operations_and_sets_narrow_what_is_loaded() -> None:
    cases = vectors.load("ML-KEM-768", operations={"decapsulate"}, sets={"cctv/strcmp", "cctv/modulus"})
    assert [(case.id, case.operation) for case in cases] == [("cctv/strcmp/ML-KEM-768/1", "decapsulate")]


def test_an_unknown_parameter_set_is_a_usage_error_that_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="ML-KEM-768"):
        vectors.load("ML-KEM-769")


def test_accumulated_digests_are_those_of_the_final_standards() -> None:
    assert vectors.accumulated("ML-KEM-512")[10_000].hex().startswith("705dcffc87f4e67e")
    assert {name: sorted(vectors.accumulated(name)) for name in ("ML-KEM-768", "ML-DSA-65", "Kyber-768")} == {
        "ML-KEM-768": [10_000, 1_000_000], "ML-DSA-65": [100, 10_000], "Kyber-768": [],
    }  # fmt: skip


def test_fingerprints_tell_three_versions_apart_by_what_a_seed_generates() -> None:
    rows = [row for row in vectors.fingerprints("ML-KEM-768") if row.count == 0]
    assert [row.version for row in rows] == ["kyber-r3", "ml-kem-ipd", "ml-kem-final"]
    assert len({row.expect["dk_sha256"] for row in rows}) == 3
    assert vectors.fingerprints("Kyber-768") == vectors.fingerprints("ML-KEM-768")
    assert {row.version for row in vectors.fingerprints("Dilithium3")} >= {"dilithium-r3.1", "ml-dsa-final"}


def test_flags_are_explained_in_the_manifest() -> None:
    for entry in vectors.manifest().sets:
        if entry.id.startswith("wycheproof/"):
            cases = vectors.load(entry.files[0].parameter_set, sets={entry.id})
            used = {flag for case in cases for flag in case.flags}
            assert used - set(entry.flags) <= {"InvalidSignature"}, entry.id  # published without a note


def test_every_packed_file_matches_its_digest_and_they_stay_under_18_megabytes() -> None:
    digests = vectors.digest_all()
    assert [path for path, matches in digests if not matches] == []
    assert len(digests) == len({path for path, _ in digests}) == 76
    assert sum(file.bytes for entry in vectors.manifest().sets for file in entry.files) < 18_000_000


def test_loading_one_parameter_set_opens_only_its_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[Path] = []
    read = Path.read_bytes

    def noted(path: Path) -> bytes:
        opened.append(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    link = tmp_path / "vectors"  # another name, so that nothing is known of it yet
    link.symlink_to(FOLDER)
    vectors.load("ML-KEM-512", folder=link)
    assert {path.name.split(".")[0] for path in opened} == {"ML-KEM-512", "manifest"}
    opened.clear()
    vectors.load("ML-KEM-512", folder=link)
    assert opened == []


def some_sets(folder: Path, *names: str) -> Path:
    """Copy a few sets with a manifest that names only those."""
    kept = [entry for entry in json.loads((FOLDER / "manifest.json").read_bytes())["sets"] if entry["id"] in names]
    for entry in kept:
        shutil.copytree(FOLDER / entry["id"], folder / entry["id"])
    document = {"schema": "pqvalidate/vector-manifest/1", "sets": kept}
    (folder / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["cctv/strcmp/ML-KEM-512.mp", "cctv/modulus/ML-KEM-512.mp.gz"])
def test_one_altered_byte_stops_the_loading_and_names_file_and_remedy(name: str, tmp_path: Path) -> None:
    folder = some_sets(tmp_path, "cctv/strcmp", "cctv/modulus")
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(InputError, match="SHA-256") as caught:
        vectors.load("ML-KEM-512", folder=folder)
    assert (caught.value.file, caught.value.exit_code) == (str(folder / name), 4)
    assert "make vectors" in caught.value.remedy
    assert [path for path, matches in vectors.digest_all(folder) if not matches] == [name]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = some_sets(tmp_path, "cctv/strcmp")
    (folder / "cctv/strcmp/ML-KEM-512.mp").unlink()
    with pytest.raises(InputError, match=r"ML-KEM-512\.mp.*cannot be read"):
        vectors.load("ML-KEM-512", folder=folder)
    assert vectors.load("ML-KEM-768", folder=folder)


Edit = Callable[[dict[str, Any]], object]
MALFORMED_MANIFESTS: dict[str, Edit] = {
    "a schema of another version": lambda m: m.update(schema="pqvalidate/vector-manifest/9"),
    "a set without a licence": lambda m: m["sets"][0].pop("licence"),
    "an unknown key": lambda m: m["sets"][0].update(licens="x"),
    "a form that nobody maps": lambda m: m["sets"][0].update(form="riddle"),
    "a path that leaves the folder": lambda m: m["sets"][0]["files"][0].update(path="../../secret"),
    "an absolute path": lambda m: m["sets"][0]["files"][0].update(path="/etc/passwd"),
    "an unknown parameter set": lambda m: m["sets"][0]["files"][0].update(parameter_set="ML-KEM-1"),
    "text where a number must be": lambda m: m["sets"][0]["files"][0].update(cases="one"),
}


@pytest.mark.parametrize("sentence", MALFORMED_MANIFESTS)
def test_a_malformed_manifest_is_refused(sentence: str, tmp_path: Path) -> None:
    path = some_sets(tmp_path, "cctv/strcmp") / "manifest.json"
    document = json.loads(path.read_bytes())
    MALFORMED_MANIFESTS[sentence](document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        vectors.load("ML-KEM-512", folder=tmp_path)
    assert caught.value.file == str(path)


def test_a_manifest_with_a_duplicate_key_is_refused(tmp_path: Path) -> None:
    path = some_sets(tmp_path, "cctv/strcmp") / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"commit"', '"commit": "", "commit"', 1), encoding="utf-8")
    with pytest.raises(InputError, match="duplicate key 'commit'"):
        vectors.manifest(tmp_path)


@given(st.data())
def test_a_mutated_file_with_a_matching_digest_gives_cases_or_a_typed_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["cctv/strcmp", "acvp/ML-DSA-sigVer-FIPS204", "cctv/accumulated"]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = some_sets(Path(temporary), name)
        manifest = json.loads((folder / "manifest.json").read_bytes())
        file = manifest["sets"][0]["files"][0]
        content = (folder / file["path"]).read_bytes()
        at = data.draw(st.integers(0, min(len(content) - 1, 400)))
        changed = content[:at] + data.draw(st.binary(max_size=6)) + content[at + data.draw(st.integers(0, 6)) :]
        (folder / file["path"]).write_bytes(changed)
        file["sha256"] = hashlib.sha256(changed).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        try:
            cases = vectors.load(file["parameter_set"], folder=folder)
            digests = vectors.accumulated(file["parameter_set"], folder=folder)
        except InputError as exc:
            blamed = exc.file
        else:
            blamed = str(folder / file["path"]) if cases or digests else "nothing was read and nothing refused"
        assert blamed == str(folder / file["path"])


@given(st.binary(max_size=200))
def test_bytes_that_are_no_manifest_give_a_typed_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / "manifest.json").write_bytes(content)
        with pytest.raises(InputError):
            vectors.manifest(Path(temporary))


def test_the_compressed_files_are_plain_gzip() -> None:
    packed = (FOLDER / "cctv/modulus/ML-KEM-512.mp.gz").read_bytes()
    file = next(e for e in vectors.manifest().sets if e.id == "cctv/modulus").files[0]
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == file.unpacked_sha256
