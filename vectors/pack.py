"""Pack the published test vectors: ``python vectors/pack.py ORIGINALS_DIR [--out DIR] [--only SET]``.

Reads a folder of the originals (``.json``, ``.rsp``, ``.txt``, each as it is or with ``.xz``) and writes one
MessagePack file per set and parameter set, with ``manifest.json``. Hexadecimal becomes raw bytes, prompt and answer
are merged, large outputs that are only compared are kept as SHA-256. The same originals give the same bytes.
This script stands alone: standard library, msgspec and cryptography. README.md in this folder describes the format.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import shutil
import struct
import sys
import tomllib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HERE = Path(__file__).parent
ML_KEM, ML_DSA = ("ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"), ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
EXIT_MALFORMED = 4
GZIP_WORTHWHILE = 0.85  # decompression costs more than reading, and random bytes do not shrink

# Names of the originals -> names of the common interface, so that one reader maps every set.
NAMES = {
    "K": "k", "msg": "message", "ctx": "context", "sig": "signature", "publicKey": "pk", "privateKey": "sk",
    "privateSeed": "seed",
}  # fmt: skip

Json = dict[str, Any]
Set = dict[str, Any]  # one [[set]] of licences/sources.toml
Test = list[Any]  # [id, {name: bytes}, passed or None, [flag], note, hash]
Group = list[Any]  # [id, {attribute: text}, {name: bytes}, [Test]]
Groups = dict[str, list[Group]]


class MalformedOriginalError(Exception):
    """An original is missing or is not what the recipe expects; the text names the file and the place."""


@dataclass
class Originals:
    """The folder of the originals, and the SHA-256 of each file that was read (of its unpacked bytes)."""

    folder: Path
    seen: dict[str, str] = field(default_factory=dict)

    def has(self, path: str) -> bool:
        """Return whether the original is there, packed or not."""
        return (self.folder / path).exists() or (self.folder / f"{path}.xz").exists()

    def read(self, path: str) -> bytes:
        """Return the unpacked bytes of one original."""
        plain, packed = self.folder / path, self.folder / f"{path}.xz"
        try:
            data = plain.read_bytes() if plain.exists() else lzma.decompress(packed.read_bytes())
        except (OSError, lzma.LZMAError) as exc:
            raise MalformedOriginalError(f"{plain}: cannot be read: {exc}") from exc
        self.seen[path] = hashlib.sha256(data).hexdigest()
        return data

    def json(self, path: str) -> Any:  # noqa: ANN401  (whatever the file holds)
        """Return the parsed JSON of one original."""
        return json.loads(self.read(path))


def _hex(values: Json) -> dict[str, bytes]:
    renamed = {NAMES.get(name, name): bytes.fromhex(text) for name, text in values.items()}
    if "d" in renamed and "z" in renamed:  # FIPS 203 algorithm 19: the seed is d followed by z
        renamed["seed"] = renamed.pop("d") + renamed.pop("z")
    return {name: renamed[name] for name in sorted(renamed)}


def _digest(values: dict[str, bytes], outputs: list[str]) -> dict[str, bytes]:
    """Replace large outputs that nothing takes as input by their SHA-256."""
    return {
        (f"{name}_sha256" if name in outputs else name): (hashlib.sha256(value).digest() if name in outputs else value)
        for name, value in values.items()
    }


def _test(
    number: object, values: Json, *, passed: bool | None = None, flags: list[str] | None = None, note: str = "",
    hash_name: str = "", digest: list[str] | None = None,
) -> Test:  # fmt: skip
    return [str(number), _digest(_hex(values), digest or []), passed, flags or [], note, hash_name]


def pack_acvp(originals: Originals, entry: Set) -> Groups:
    """Merge prompt, expected results and the published reasons of one ACVP set."""
    base = f"acvp/v1.1.0.43/{entry['id'].removeprefix('acvp/')}"
    expected = originals.json(f"{base}/expectedResults.json")["testGroups"]
    answers = {test["tcId"]: test for group in expected for test in group["tests"]}
    extra = _acvp_extra(originals, base)
    packed: Groups = {}
    for group in originals.json(f"{base}/prompt.json")["testGroups"]:
        tests = []
        for test in group["tests"]:
            number = test["tcId"]
            if number not in answers:
                raise MalformedOriginalError(f"{base}: test {number} has no expected result")
            values = {**extra.get(number, {}), **test, **answers.pop(number)}
            del values["tcId"]
            passed, note, hash_name = (
                values.pop("testPassed", None),
                values.pop("reason", ""),
                values.pop("hashAlg", ""),
            )
            tests.append(_test(number, values, passed=passed, note=note, hash_name=hash_name, digest=entry["digest"]))
        kind = {k: str(v) for k, v in group.items() if k not in {"tgId", "testType", "parameterSet", "tests"}}
        packed.setdefault(group["parameterSet"], []).append([str(group["tgId"]), kind, {}, tests])
    if answers:
        raise MalformedOriginalError(f"{base}: expected results without a prompt: {sorted(answers)[:5]}")
    return packed


def _acvp_extra(originals: Originals, base: str) -> dict[int, Json]:
    """Reasons; for decapsulation also the other form of the same key, so that both key interfaces are asked."""
    if originals.has(f"{base}/reasons.json"):
        return {int(number): {"reason": text} for number, text in originals.json(f"{base}/reasons.json").items()}
    if not originals.has(f"{base}/internalProjection.json"):
        return {}
    extra: dict[int, Json] = {}
    for group in originals.json(f"{base}/internalProjection.json")["testGroups"]:
        wanted = ("reason", "d", "z", "dk") if group.get("function") == "decapsulation" else ("reason",)
        for test in group["tests"]:
            extra[test["tcId"]] = {name: test[name] for name in wanted if name in test}
    return extra


def _wycheproof_path(entry: Set) -> str:
    return f"wycheproof/testvectors_v1/{entry['id'].removeprefix('wycheproof/')}.json"


def pack_wycheproof(originals: Originals, entry: Set) -> Groups:
    """Pack one Wycheproof file; DER forms of the keys and the repeated ek of a dk are left out."""
    path = _wycheproof_path(entry)
    document, groups = originals.json(path), []
    for index, group in enumerate(document["testGroups"], 1):
        keys = {k: group[k] for k in ("publicKey", "privateKey", "privateSeed") if group.get(k) is not None}
        tests = []
        for test in group["tests"]:
            if test["result"] not in {"valid", "invalid"}:
                raise MalformedOriginalError(f"{path}: test {test['tcId']}: result {test['result']!r}")
            left_out = {"tcId", "comment", "flags", "result"} | ({"ek"} if "dk" in test and "c" in test else set())
            values = {k: v for k, v in test.items() if k not in left_out and not (k in {"c", "K", "sig"} and v == "")}
            facts: Json = {"passed": test["result"] == "valid", "flags": test.get("flags"), "digest": entry["digest"]}
            tests.append(_test(test["tcId"], values, note=test.get("comment", ""), **facts))
        source = f"{group['source']['name']} {group['source']['version']}"
        groups.append([str(index), {"source": source}, _hex(keys), tests])
    count = sum(len(group[3]) for group in groups)
    if count != document["numberOfTests"]:
        raise MalformedOriginalError(f"{path}: {count} tests where numberOfTests says {document['numberOfTests']}")
    return {entry["parameter_set"]: groups}


def wycheproof_flags(originals: Originals, entry: Set) -> Json:
    """Return the notes of a Wycheproof file: what each flag means, its effect, links and CVEs."""
    notes = originals.json(_wycheproof_path(entry)).get("notes", {})
    keys = {"bugType": "bug_type", "description": "description", "effect": "effect", "links": "links", "cves": "cves"}
    return {flag: {keys[k]: v for k, v in note.items()} for flag, note in sorted(notes.items())}


def pack_modulus(originals: Originals, _entry: Set) -> Groups:
    """Pack the encapsulation keys, one a line, that each hold one coefficient of q or more."""
    packed = {}
    for name in ML_KEM:
        lines = originals.read(f"cctv/ML-KEM/modulus/{name}.txt").decode("ascii").split()
        packed[name] = [[name, {}, {}, [_test(n, {"ek": line}, passed=False) for n, line in enumerate(lines, 1)]]]
    return packed


def pack_lines(originals: Originals, entry: Set) -> Groups:
    """Pack CCTV files of ``name = hex`` lines that make one test; the unlucky samples are the final standard's."""
    branch = "final-fips203-pr13" if entry["id"] == "cctv/unluckysample" else "ML-KEM"
    packed = {}
    for name in ML_KEM:
        text = originals.read(entry["id"].replace("/", f"/{branch}/") + f"/{name}.txt").decode("ascii")
        values = dict(line.split(" = ") for line in text.splitlines() if line)
        packed[name] = [[name, {}, {}, [_test(1, values)]]]
    return packed


def pack_accumulated(originals: Originals, _entry: Set) -> Groups:
    """Pack the digests over many iterations: final ML-KEM (not the draft's), and ML-DSA up to 10,000."""
    document = originals.json("cctv/accumulated.json")
    # 60,000,000 iterations of ML-DSA take days: left out.
    rows = {name: {n: document["final_fips203"][n][name] for n in ("10000", "1000000")} for name in ML_KEM}
    rows |= {name: {n: document["mldsa"]["values"][name][n] for n in ("100", "10000")} for name in ML_DSA}
    return {
        name: [[name, {}, {}, [_test(n, {"digest": digest}) for n, digest in row.items()]]]
        for name, row in rows.items()
    }


def ctr_drbg(seed: bytes, draws: tuple[int, ...]) -> Iterator[bytes]:
    """Yield successive outputs of the AES-256 CTR_DRBG without derivation function that the KAT files were made with.

    SP 800-90A section 10.2.1: instantiate with ``seed`` (48 bytes), then one generate call per length in ``draws``.
    """

    def stream(key: bytes, counter: int, length: int) -> bytes:
        start = ((counter + 1) % (1 << 128)).to_bytes(16, "big")
        return Cipher(algorithms.AES(key), modes.CTR(start)).encryptor().update(bytes(length))

    def update(key: bytes, counter: int, provided: bytes) -> tuple[bytes, int]:
        mixed = bytes(a ^ b for a, b in zip(stream(key, counter, 48), provided, strict=True))
        return mixed[:32], int.from_bytes(mixed[32:], "big")

    key, counter = update(bytes(32), 0, seed)
    for length in draws:
        yield stream(key, counter, length)
        key, counter = update(key, (counter + -(-length // 16)) % (1 << 128), bytes(48))


def _rsp(originals: Originals, path: str) -> Iterator[dict[str, str]]:
    for block in originals.read(path).decode("ascii").split("\n\n"):
        lines = [line.split(" = ", 1) for line in block.splitlines() if " = " in line]
        if lines:
            yield {line[0]: line[1] for line in lines}


def pack_kyber(originals: Originals, _entry: Set) -> Groups:
    """Pack the round 3 KATs; key generation drew d, then z, and encapsulation drew m: 32 bytes each."""
    packed: Groups = {}
    for name, dk_bytes in (("Kyber-512", 1632), ("Kyber-768", 2400), ("Kyber-1024", 3168)):
        tests = []
        for row in _rsp(originals, f"prestandard/kyber-r3/PQCkemKAT_{dk_bytes}.rsp"):
            d, z, m = (draw.hex() for draw in ctr_drbg(bytes.fromhex(row["seed"]), (32, 32, 32)))
            values = {"d": d, "z": z, "m": m, "ek": row["pk"], "dk": row["sk"], "c": row["ct"], "k": row["ss"]}
            tests.append(_test(row["count"], values))
        packed[name] = [[name, {}, {}, tests]]
    return packed


def pack_dilithium(originals: Originals, _entry: Set) -> Groups:
    """Pack the round 3.1 KATs; the signed message is the signature followed by the message."""
    packed: Groups = {}
    for name in ("Dilithium2", "Dilithium3", "Dilithium5"):
        path, tests = f"prestandard/dilithium-r3.1/PQCsignKAT_{name}.rsp", []
        for row in _rsp(originals, path):
            (seed,) = ctr_drbg(bytes.fromhex(row["seed"]), (32,))
            signature = row["sm"].removesuffix(row["msg"])
            if len(signature) + len(row["msg"]) != 2 * int(row["smlen"]):
                raise MalformedOriginalError(f"{path}: count {row['count']}: sm does not end with msg")
            values = {"seed": seed.hex(), "message": row["msg"], "pk": row["pk"], "sk": row["sk"], "sig": signature}
            tests.append(_test(row["count"], values))
        packed[name] = [[name, {}, {}, tests]]
    return packed


VERSIONS = {
    True: ("kyber-r3", "ml-kem-ipd", "ml-kem-final"),
    False: ("dilithium-r3.1", "ml-dsa-ipd-era", "ml-dsa-final"),
}


def _kem_fingerprint(row: Json, version: str) -> Json:
    # The round 3 KAT drew 32 + 32 + 32 bytes, its successors 64 + 32, so one DRBG seed gives two triples.
    draws = row if version == "kyber-r3" else row["draw_64_then_32"]
    seen = row[version]
    return {
        "d": draws["d"], "z": draws["z"], "m": row["m_raw"] if version == "kyber-r3" else draws["m"], "k": seen["ss"],
        "ek_sha256": seen["pk_sha256"], "dk_sha256": seen["sk_sha256"], "c_sha256": seen["ct_sha256"],
    }  # fmt: skip


def _signature_fingerprint(row: Json, version: str) -> Json:
    seen = row[version]
    values = {
        "seed": row["xi"], "message": row["msg"], "pk_sha256": seen["pk_sha256"], "sk_sha256": seen["sk_sha256"],
        "signature_sha256": seen["sig_sha256"],
    }  # fmt: skip
    if version == "ml-dsa-final":  # signed hedged, with the next draw; round 3.1 is deterministic
        values["rnd"] = list(ctr_drbg(bytes.fromhex(row["seed48"]), (32, 32)))[1].hex()
    return values


def pack_fingerprints(originals: Originals, _entry: Set) -> Groups:
    """Pack, per version of an algorithm, what known seeds give: tells round 3, draft and final apart."""
    packed: Groups = {}
    for row in originals.json("prestandard/version-fingerprints.json"):
        number = row["parameterSet"]
        kem = f"ML-KEM-{number}" in ML_KEM
        name, values = (f"ML-KEM-{number}", _kem_fingerprint) if kem else (f"ML-DSA-{number}", _signature_fingerprint)
        for group in packed.setdefault(name, [[version, {}, {}, []] for version in VERSIONS[kem]]):
            group[3].append(_test(row["count"], values(row, group[0])))
    return packed


def pack_hint_cuts(originals: Originals, _entry: Set) -> Groups:
    """Pack our own pair of signatures that differ only in the order of the hint's offsets (FIPS 204 algorithm 21)."""
    folder = "own/mldsa44-hint-cuts"
    message, pk = b"hello".hex(), originals.read(f"{folder}/pk").hex()
    tests = [
        _test(
            n,
            {"pk": pk, "message": message, "sig": originals.read(f"{folder}/{file}").hex()},
            passed=passed,
            flags=flags,
            note=note,
        )
        for n, file, passed, flags, note in (
            (1, "canon.sig", True, [], "hint offsets in ascending order"),
            (2, "alt.sig", False, ["InvalidHintsEncoding"], "hint offsets 1, 0, 1, 1: an offset goes backwards"),
        )
    ]
    return {"ML-DSA-44": [["ML-DSA-44", {}, {}, tests]]}


BUILDERS: dict[str, Callable[[Originals, Set], Groups]] = {
    "acvp": pack_acvp, "wycheproof": pack_wycheproof, "cctv/modulus": pack_modulus, "cctv/strcmp": pack_lines,
    "cctv/unluckysample": pack_lines, "cctv/accumulated": pack_accumulated, "prestandard/kyber-r3": pack_kyber,
    "prestandard/dilithium-r3.1": pack_dilithium, "prestandard/version-fingerprints": pack_fingerprints,
    "own/mldsa44-hint-cuts": pack_hint_cuts,
}  # fmt: skip


def sources() -> dict[str, Set]:
    """Return every set of licences/sources.toml by its id, with the facts of its source."""
    document = tomllib.loads((HERE / "licences" / "sources.toml").read_text(encoding="utf-8"))
    found = {}
    for row in document["set"]:
        for name in ML_KEM if "mlkem" in row["id"] else ML_DSA:
            entry = {"digest": [], **row, "id": row["id"].replace("*", name.rsplit("-", 1)[1])}
            found[entry["id"]] = {**entry, "parameter_set": name, "facts": document["source"][row["source"]]}
    return found


def frame(data: bytes) -> bytes:
    """Return ``data`` as a gzip member (RFC 1952) without time, name or platform, so that the header never varies."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + body + struct.pack("<II", zlib.crc32(data), len(data))


def write_file(name: str, parameter_set: str, groups: list[Group], out: Path) -> Json:
    """Write the packed file of one set and parameter set, and return its entry for the manifest."""
    head = {"schema": "pqvalidate/packed-vectors/1", "set": name, "parameter_set": parameter_set}
    data = msgspec.msgpack.encode({**head, "groups": groups})
    squeezed = frame(data)
    small = len(squeezed) < GZIP_WORTHWHILE * len(data)
    stored, path = (squeezed if small else data), f"{name}/{parameter_set}.mp{'.gz' if small else ''}"
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_bytes(stored)
    return {
        "path": path, "parameter_set": parameter_set, "sha256": hashlib.sha256(stored).hexdigest(),
        "unpacked_sha256": hashlib.sha256(data).hexdigest(), "bytes": len(stored), "groups": len(groups),
        "cases": sum(len(group[3]) for group in groups),
    }  # fmt: skip


def write_set(entry: Set, folder: Path, out: Path) -> Json:
    """Write the packed files of one set and return its entry for the manifest."""
    originals, name = Originals(folder), entry["id"]
    packed = (BUILDERS.get(name) or BUILDERS[name.split("/")[0]])(originals, entry)
    shutil.rmtree(out / name, ignore_errors=True)
    files = [write_file(name, parameter_set, groups, out) for parameter_set, groups in packed.items()]
    flags = wycheproof_flags(originals, entry) if name.startswith("wycheproof/") else {}
    read = [{"path": path, "sha256": digest} for path, digest in sorted(originals.seen.items())]
    facts = {"id": name, "form": entry["form"], "question": entry["question"], **entry["facts"]}
    return {**facts, "flags": flags, "files": files, "originals": read}


def pack(originals: Path, out: Path, entries: list[Set]) -> None:
    """Pack the sets of ``entries`` into ``out``; other sets in the manifest that is there are kept."""
    manifest = out / "manifest.json"
    kept = json.loads(manifest.read_bytes())["sets"] if manifest.exists() else []
    sets = {row["id"]: row for row in kept} | {entry["id"]: write_set(entry, originals, out) for entry in entries}
    document = {"schema": "pqvalidate/vector-manifest/1", "sets": [sets[name] for name in sorted(sets)]}
    manifest.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 4 when an original is missing or malformed."""
    known = {name: row for name, row in sources().items() if "searched_by" not in row}
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("originals", type=Path, help="folder of the originals")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (default: this folder)")
    parser.add_argument("--only", choices=sorted(known), metavar="SET", help="pack one set, e.g. cctv/modulus")
    options = parser.parse_args(arguments)
    try:
        pack(options.originals, options.out, [known[options.only]] if options.only else list(known.values()))
    except (MalformedOriginalError, ValueError, KeyError, TypeError) as exc:
        sys.stderr.write(f"pack: {type(exc).__name__}: {exc}\n")
        return EXIT_MALFORMED
    return 0


if __name__ == "__main__":
    sys.exit(main())
