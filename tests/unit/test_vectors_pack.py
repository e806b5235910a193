"""The recipe that packs the vectors: the same originals give the same bytes, and malformed originals are named."""

from __future__ import annotations

import importlib.util
import json
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kyber_py.drbg.aes256_ctr_drbg import AES256_CTR_DRBG

from pqvalidate import vectors
from pqvalidate.algorithms import ML_KEM
from pqvalidate.vectors.reader import default_folder

FOLDER = default_folder()


def recipe() -> Any:
    """Return vectors/pack.py as a module: it is run as a script, and no package holds it."""
    spec = importlib.util.spec_from_file_location("pack_vectors", FOLDER / "pack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclass looks up annotations
    spec.loader.exec_module(module)
    return module


pack = recipe()
ORIGINALS = os.environ.get("PQV_VECTOR_ORIGINALS", "")
Edit = Callable[[dict[str, Any]], object]


def write_strcmp(folder: Path, *, compressed: bool) -> None:
    """Write the CCTV strcmp originals again from what we ship."""
    (folder / "cctv/ML-KEM/strcmp").mkdir(parents=True)
    for name in ML_KEM:
        (case,) = vectors.load(name, sets={"cctv/strcmp"})
        assert isinstance(case.expect, dict)
        values = {"dk": case.inputs["dk"], "c": case.inputs["c"], "K": case.expect["k"]}
        text = "".join(f"{n} = {v.hex()}\n" for n, v in values.items() if isinstance(v, bytes)).encode()
        path = folder / f"cctv/ML-KEM/strcmp/{name}.txt{'.xz' if compressed else ''}"
        path.write_bytes(lzma.compress(text) if compressed else text)


@pytest.mark.parametrize("compressed", [False, True])
def test_the_same_originals_give_the_bytes_that_ship(compressed: bool, tmp_path: Path) -> None:  # noqa: FBT001
    originals, out = tmp_path / "originals", tmp_path / "out"
    write_strcmp(originals, compressed=compressed)
    out.mkdir()
    assert pack.main([str(originals), "--out", str(out), "--only", "cctv/strcmp"]) == 0
    shipped = next(entry for entry in vectors.manifest().sets if entry.id == "cctv/strcmp")
    (made,) = vectors.manifest(out).sets
    assert made == shipped  # digests of the originals and of the packed files included
    assert all((out / file.path).read_bytes() == (FOLDER / file.path).read_bytes() for file in made.files)


def test_packing_one_set_keeps_the_others_and_removes_what_it_wrote_before(tmp_path: Path) -> None:
    originals, out = tmp_path / "originals", tmp_path / "out"
    write_strcmp(originals, compressed=True)
    (out / "cctv/strcmp").mkdir(parents=True)
    (out / "cctv/strcmp/ML-KEM-512.mp.gz").write_bytes(b"from an earlier recipe")
    (out / "manifest.json").write_bytes((FOLDER / "manifest.json").read_bytes())
    assert pack.main([str(originals), "--out", str(out), "--only", "cctv/strcmp"]) == 0
    assert (out / "manifest.json").read_bytes() == (FOLDER / "manifest.json").read_bytes()
    assert sorted(path.name for path in (out / "cctv/strcmp").iterdir()) == [
        "ML-KEM-1024.mp", "ML-KEM-512.mp", "ML-KEM-768.mp",
    ]  # fmt: skip


ACVP = "acvp/v1.1.0.43/ML-DSA-sigGen-FIPS204"


def write_json(folder: Path, path: str, document: object) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(json.dumps(document), encoding="utf-8")


def acvp() -> tuple[dict[str, Any], dict[str, Any]]:
    group = {"tgId": 7, "testType": "AFT", "parameterSet": "ML-DSA-44", "deterministic": False,
             "signatureInterface": "external", "preHash": "preHash"}  # fmt: skip
    test = {"tcId": 3, "message": "AB", "sk": "0102", "context": "", "rnd": "00" * 32, "hashAlg": "SHA2-256"}
    prompt = {"testGroups": [{**group, "tests": [test]}]}
    expected = {"testGroups": [{"tgId": 7, "tests": [{"tcId": 3, "signature": "616263"}]}]}
    return prompt, expected


def pack_acvp(folder: Path, edit: Edit = lambda _prompt: None) -> int:
    prompt, expected = acvp()
    edit(prompt)
    write_json(folder, f"{ACVP}/prompt.json", prompt)
    write_json(folder, f"{ACVP}/expectedResults.json", expected)
    return int(pack.main([str(folder), "--out", str(folder), "--only", "acvp/ML-DSA-sigGen-FIPS204"]))


def test_prompt_and_answer_are_merged_and_the_signature_is_kept_as_its_digest(tmp_path: Path) -> None:
    assert pack_acvp(tmp_path) == 0
    (case,) = vectors.load("ML-DSA-44", folder=tmp_path)
    assert (case.id, case.operation) == ("acvp/ML-DSA-sigGen-FIPS204/7/3", "sign_prehash")
    assert case.inputs == {"sk": b"\1\2", "message": b"\xab", "context": b"", "hash": "SHA2-256", "rnd": bytes(32)}
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4: SHA-256 of "abc"
    assert case.expect == {"signature_sha256": bytes.fromhex(abc)}


MALFORMED: dict[str, tuple[Edit, str]] = {
    "a test without an answer": (lambda p: p["testGroups"][0]["tests"][0].update(tcId=4), "test 4 has no expected"),
    "an answer without a test": (lambda p: p["testGroups"][0]["tests"].clear(), "without a prompt: [3]"),
    "a value that is no hexadecimal": (lambda p: p["testGroups"][0]["tests"][0].update(sk="xy"), "hexadecimal"),
    "no groups": (lambda p: p.clear(), "testGroups"),
}


@pytest.mark.parametrize("sentence", MALFORMED)
def test_a_malformed_original_ends_the_packing(
    sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit, message = MALFORMED[sentence]
    assert pack_acvp(tmp_path, edit) == pack.EXIT_MALFORMED
    assert message in capsys.readouterr().err
    assert not (tmp_path / "manifest.json").exists()


def test_a_missing_original_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pack.main([str(tmp_path), "--out", str(tmp_path), "--only", "cctv/modulus"]) == pack.EXIT_MALFORMED
    assert "cctv/ML-KEM/modulus/ML-KEM-512.txt: cannot be read" in capsys.readouterr().err


NOT_AS_STATED: dict[str, tuple[dict[str, Any], str]] = {
    "another number of tests": ({"numberOfTests": 2}, "1 tests where numberOfTests says 2"),
    "a result that asks nothing": ({"result": "acceptable"}, "result 'acceptable'"),
}


@pytest.mark.parametrize("sentence", NOT_AS_STATED)
def test_a_wycheproof_file_must_hold_what_it_states(
    sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, message = NOT_AS_STATED[sentence]
    test = {"tcId": 1, "comment": "", "flags": [], "seed": "00", "ek": "", "dk": "", "result": "valid"}
    group = {"source": {"name": "x", "version": "1"}, "tests": [test | {k: v for k, v in change.items() if k in test}]}
    document = {"numberOfTests": change.get("numberOfTests", 1), "testGroups": [group]}
    write_json(tmp_path, "wycheproof/testvectors_v1/mlkem_512_keygen_seed_test.json", document)
    only = "wycheproof/mlkem_512_keygen_seed_test"
    assert pack.main([str(tmp_path), "--out", str(tmp_path), "--only", only]) == pack.EXIT_MALFORMED
    assert message in capsys.readouterr().err


def test_an_unknown_set_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        pack.main([str(tmp_path), "--only", "cctv/nothing"])
    assert caught.value.code == 2


@pytest.mark.parametrize("draws", [(32, 32, 32), (64, 32), (1, 15, 17, 48, 100)])
def test_the_drbg_of_the_kat_files_is_that_of_sp_800_90a(draws: tuple[int, ...]) -> None:
    for seed in (bytes(48), bytes(range(48)), b"\xff" * 48):
        reference = AES256_CTR_DRBG(seed)
        assert list(pack.ctr_drbg(seed, draws)) == [reference.random_bytes(n) for n in draws]


def test_the_gzip_header_never_varies() -> None:
    assert pack.frame(b"")[:10] == pack.frame(b"x" * 5000)[:10] == bytes.fromhex("1f8b08000000000002ff")


def test_every_set_of_the_sources_is_packed() -> None:
    assert sorted(pack.sources()) == [entry.id for entry in vectors.manifest().sets]
    for entry in vectors.manifest().sets:
        assert (FOLDER / entry.licence_file).is_file()


@pytest.mark.skipif(not Path(ORIGINALS or "/nowhere").is_dir(), reason="PQV_VECTOR_ORIGINALS names no folder")
def test_all_the_originals_give_all_the_packed_files_again(tmp_path: Path) -> None:
    assert pack.main([ORIGINALS, "--out", str(tmp_path)]) == 0
    # Compressed bytes may differ with the version of zlib; what they hold may not.
    made, shipped = (
        [
            (s.id, s.originals, [(f.path, f.unpacked_sha256, f.cases) for f in s.files])
            for s in vectors.manifest(d).sets
            if s.originals  # others are searched for, not packed
        ]
        for d in (tmp_path, None)
    )
    assert made == shipped
    for entry in vectors.manifest(tmp_path).sets:
        for file in entry.files:
            content = (tmp_path / file.path).read_bytes()
            assert file.path.endswith(".gz") or msgspec.msgpack.decode(content)["set"] == entry.id
