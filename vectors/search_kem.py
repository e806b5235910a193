"""Search for rare ML-KEM values: ``python vectors/search_kem.py [--out DIR]``, or ``--noisy`` for the noisy keys.

Writes ``own/mlkem-rare-values``: key pairs and ciphertexts in which a sample reads far into its stream, two factors of
3328 meet, or a secret begins or ends with zero bytes. Drawn tests meet each of them once in 250 to 100,000 cases. All
candidates come from SHAKE256 of a counter, so the same search gives the same bytes. It takes about two minutes; what
it finds is computed by the project's own oracle, and a test has independent implementations agree.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import shake_128, shake_256
from pathlib import Path
from typing import TypeAlias

import numpy as np
from pack import HERE, ML_KEM, Group, Json, Test, sources, write_file

from pqvalidate.oracle import crafting_kem, mlkem
from pqvalidate.oracle.batches import Bits, Ints, rows
from pqvalidate.oracle.bits import pack, unpack
from pqvalidate.oracle.kem_steps import (
    FINAL,
    RING,
    Q,
    compress,
    decode_ciphertexts,
    decode_decapsulation_keys,
    decode_encapsulation_keys,
    decompress,
    hash_g,
    hash_h,
    hash_j,
    noisy_messages,
)
from pqvalidate.oracle.sampling import sample_matrix, sample_noise

SET = "own/mlkem-rare-values"
BATCH = 64
THREE_BLOCKS = 504  # bytes of SHAKE128 output, after which an optimised SampleNTT has to squeeze again
SEARCHED_FOR_LONG_SAMPLES = 30_000
EDGE_MESSAGES = 3
NOISY_LIMIT = 40_000
Values = dict[str, bytes]


def candidate(name: str, what: str, number: int, length: int) -> bytes:
    """Return candidate number ``number`` of a search."""
    return shake_256(f"pqvalidate {what} {name} {number}".encode()).digest(length)


def batches(name: str, what: str, length: int) -> Iterator[list[bytes]]:
    """Yield candidates, a batch at a time, without end."""
    start = 0
    while True:
        yield [candidate(name, what, number, length) for number in range(start, start + BATCH)]
        start += BATCH


def made(name: str, seed: bytes, m: bytes) -> Values:
    """Return everything that follows from a seed and a message."""
    ((ek, dk),) = mlkem.keygen(name, [seed])
    ((k, c),) = mlkem.encapsulate(name, [ek], [m])
    return {"seed": seed, "ek": ek, "dk": dk, "m": m, "k": k, "c": c}


def bytes_read(name: str, seed: bytes) -> Ints:
    """Return how many bytes of its stream each sample of the matrix reads, shape (k, k) (FIPS 203 algorithm 7)."""
    k, rho = FINAL.parameters[name].k, hash_g(seed[:32] + bytes([FINAL.parameters[name].k]))[0]
    data = b"".join(shake_128(rho + bytes([j, i])).digest(672) for i in range(k) for j in range(k))
    accepted = unpack(np.frombuffer(data, dtype=np.uint8).reshape(k * k, -1), 12) < Q
    last: Ints = (np.cumsum(accepted, axis=1) >= 256).argmax(axis=1).astype(np.int64)
    return (last // 2 * 3 + 3).reshape(k, k)  # three bytes hold two candidates


def long_samples(name: str) -> list[Test]:
    """Return seeds so that every entry of the matrix reads more than three blocks once, and the longest sample."""
    seeds = [candidate(name, "long sample", n, 64) for n in range(SEARCHED_FOR_LONG_SAMPLES)]
    lengths = np.array([bytes_read(name, seed) for seed in seeds])
    long = lengths > THREE_BLOCKS
    chosen = [int(lengths.reshape(len(seeds), -1).max(axis=1).argmax())]
    missing = ~long[chosen[0]]
    while missing.any():
        best = int((long & missing).sum(axis=(1, 2)).argmax())
        if not (long[best] & missing).any():
            break  # no candidate is left that reads further at the entries that are missing
        chosen.append(best)
        missing &= ~long[best]
    return [
        test(made(name, seeds[n], candidate(name, "message", n, 32)), "LongSample",
             f"a sample of the matrix reads {lengths[n].max()} bytes, {int(long[n].sum())} read more than 504")
        for n in chosen
    ]  # fmt: skip


def test(values: Values, flag: str, note: str) -> Test:
    """Return one test in the packed form."""
    return [note, {name: values[name] for name in sorted(values)}, True, [flag], note, ""]


def meets(f: Ints, g: Ints, *, crossed: bool) -> Bits:
    """Return, per entry of the batch, whether two factors of 3328 meet, in an even or in an odd coefficient."""
    other = g.reshape(*g.shape[:-1], -1, 2)[..., ::-1].reshape(g.shape) if crossed else g
    both = (f == Q - 1) & (other == Q - 1)
    result: Bits = both.reshape(len(both), -1).any(axis=1)
    return result


def first_key(name: str, *, crossed: bool) -> Test:
    """Return the first key pair whose generation multiplies 3328 by 3328 in A s."""
    k = FINAL.parameters[name].k
    for seeds in batches(name, "product in A s", 64):
        halves = [hash_g(seed[:32] + bytes([k])) for seed in seeds]
        s_hat = RING.ntt(sample_noise([sigma for _, sigma in halves], range(k), FINAL.parameters[name].eta1))
        matrix = sample_matrix([rho for rho, _ in halves], k)
        found = np.flatnonzero(meets(matrix, np.broadcast_to(s_hat[:, None], matrix.shape), crossed=crossed))
        if found.size:
            values = made(name, seeds[int(found[0])], bytes(32))
            return test(values, "LargestProduct", f"3328 meets 3328 in A s{_CROSSED[crossed]}")
    raise AssertionError("the batches do not end")


_CROSSED = {False: ", of one parity", True: ", of different parity"}


def common_key(name: str) -> Values:
    """Return the first key pair that holds a coefficient of 3328 in each of A, t and s, with a ciphertext."""
    k = FINAL.parameters[name].k
    for seeds in batches(name, "common key", 64):
        pairs = mlkem.keygen(name, seeds)
        keys = decode_encapsulation_keys([ek for ek, _ in pairs])
        parts = (
            keys.t_hat,
            decode_decapsulation_keys([dk for _, dk in pairs]).s_hat,
            sample_matrix(keys.rho, k),
        )
        hits = np.flatnonzero(np.logical_and.reduce([(f == Q - 1).reshape(BATCH, -1).any(axis=1) for f in parts]))
        if hits.size:
            return made(name, seeds[int(hits[0])], bytes(32))
    raise AssertionError("the batches do not end")


Messages: TypeAlias = list[bytes]
Sent: TypeAlias = list[tuple[bytes, bytes]]
Found: TypeAlias = Callable[[Messages, Sent], Bits]


def first_message(base: Values, name: str, found: Found, flag: str, note: str) -> Test:
    """Return the first message under the common key whose secret and ciphertext are what is looked for."""
    for ms in batches(name, "message", 32):
        sent = mlkem.encapsulate(name, [base["ek"]] * len(ms), ms)
        hits = np.flatnonzero(found(ms, sent))
        if hits.size:
            n = int(hits[0])
            return test({**base, "m": ms[n], "k": sent[n][0], "c": sent[n][1]}, flag, note)
    raise AssertionError("the batches do not end")


def products(name: str, base: Values) -> Iterator[Test]:
    """Yield tests in which 3328 meets 3328 in A s, A y, t y and s u."""
    p = FINAL.parameters[name]
    key, h = decode_encapsulation_keys([base["ek"]]), hash_h(base["ek"])
    columns = sample_matrix(key.rho, p.k).swapaxes(1, 2)
    s_hat = decode_decapsulation_keys([base["dk"]]).s_hat

    def y_hat(ms: list[bytes]) -> Ints:
        return RING.ntt(sample_noise([hash_g(m + h)[1] for m in ms], range(p.k), p.eta1))

    def u_hat(sent: list[tuple[bytes, bytes]]) -> Ints:
        return RING.ntt(decompress(decode_ciphertexts(p, [c for _, c in sent])[0], p.du))

    factors: dict[str, tuple[Ints, Callable[[Messages, Sent], Ints]]] = {
        "A y": (columns, lambda ms, _sent: y_hat(ms)[:, None]),
        "t y": (key.t_hat, lambda ms, _sent: y_hat(ms)),
        "s u": (s_hat, lambda _ms, sent: u_hat(sent)),
    }
    for crossed, what in _CROSSED.items():
        yield first_key(name, crossed=crossed)
        for where, (fixed, varying) in factors.items():
            found = partial(meeting, fixed, varying, crossed)
            yield first_message(base, name, found, "LargestProduct", f"3328 meets 3328 in {where}{what}")


def meeting(
    fixed: Ints, varying: Callable[[Messages, Sent], Ints], crossed: bool, ms: Messages, sent: Sent  # noqa: FBT001
) -> Bits:  # fmt: skip
    """Return for which messages a factor of the key meets one of the message, both 3328."""
    f, g = np.broadcast_arrays(fixed, varying(ms, sent))
    return meets(f, g, crossed=crossed)


def zero_bytes(name: str, base: Values) -> Iterator[Test]:
    """Yield tests whose secret or ciphertext begins or ends with zero bytes, accepted and rejected."""
    searches: dict[str, Callable[[bytes, bytes], bool]] = {
        "the secret begins with a zero byte": lambda k, _c: k[0] == 0,
        "the secret begins with two zero bytes": lambda k, _c: not any(k[:2]),
        "the secret ends with a zero byte": lambda k, _c: k[31] == 0,
        "the ciphertext begins with a zero byte": lambda _k, c: c[0] == 0,
        "the ciphertext ends with a zero byte": lambda _k, c: c[-1] == 0,
    }
    for note, wanted in searches.items():
        yield first_message(base, name, partial(each, wanted), "ZeroBytes", note)
    for note, place in (
        ("the rejection secret begins with a zero byte", 0),
        ("the rejection secret ends with a zero byte", 31),
    ):
        number = 0
        c = base["c"]
        while hash_j(base["seed"][32:] + c)[place]:
            number += 1
            c = base["c"][:-4] + number.to_bytes(4, "little")
        rejected = {key: base[key] for key in ("seed", "ek", "dk")}
        yield test({**rejected, "c": c, "k": hash_j(base["seed"][32:] + c)}, "modified-ciphertext", note)
    for note, seed, m in (
        ("seed and m are all zeros", bytes(64), bytes(32)), ("seed and m are all ones", b"\xff" * 64, b"\xff" * 32),
    ):  # fmt: skip
        yield test(made(name, seed, m), "ZeroBytes", note)


def each(wanted: Callable[[bytes, bytes], bool], _ms: Messages, sent: Sent) -> Bits:
    """Return which secrets and ciphertexts are as wanted."""
    return np.array([wanted(k, c) for k, c in sent], dtype=np.bool_)


def groups_of(name: str) -> list[Group]:
    """Return the one group of a parameter set."""
    base = common_key(name)
    tests = [*long_samples(name), *products(name, base), *zero_bytes(name, base)]
    return [[name, {}, {}, [[str(number), *row[1:]] for number, row in enumerate(tests, 1)]]]


def noisy_messages_of(name: str) -> dict[int, list[int]]:
    """Return the first messages whose noise under the noisy key ends on each edge, and that decrypt."""
    ek, dk = crafting_kem.noisy_key(name)
    s_hat = decode_decapsulation_keys([dk]).s_hat
    found: dict[int, list[int]] = {edge: [] for edge in crafting_kem.EDGES}
    for start in range(0, NOISY_LIMIT, BATCH):
        ms = [crafting_kem.noisy_message(name, number) for number in range(start, start + BATCH)]
        sent = mlkem.encapsulate(name, [ek] * BATCH, ms)
        w = noisy_messages(FINAL.parameters[name], FINAL, np.repeat(s_hat, BATCH, axis=0), [c for _, c in sent])
        decrypted = np.array([a == b for a, b in zip(rows(pack(compress(w, 1), 1)), ms, strict=True)])
        for edge in found:
            found[edge] += (start + np.flatnonzero((w == edge).any(axis=1) & decrypted)).tolist()
        if min(len(numbers) for numbers in found.values()) >= EDGE_MESSAGES:
            break
    return {edge: numbers[:EDGE_MESSAGES] for edge, numbers in found.items()}


def write(out: Path) -> None:
    """Search, write the packed files, and replace the set in the manifest."""
    row = sources()[SET]
    files = [write_file(SET, name, groups_of(name), out) for name in ML_KEM]
    entry: Json = {"id": SET, "form": row["form"], "question": row["question"], **row["facts"], "flags": {}}
    manifest = out / "manifest.json"
    document = json.loads(manifest.read_bytes())
    sets = {row["id"]: row for row in document["sets"]} | {SET: {**entry, "files": files, "originals": []}}
    document["sets"] = [sets[name] for name in sorted(sets)]
    manifest.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (default: this folder)")
    parser.add_argument("--noisy", action="store_true", help="print the messages of the noisy keys instead")
    options = parser.parse_args()
    if options.noisy:
        sys.stdout.write(json.dumps({name: noisy_messages_of(name) for name in ML_KEM}, indent=1) + "\n")
    else:
        write(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
