"""Search for rare ML-DSA values: ``python vectors/search_dsa.py [--out DIR]``.

Writes ``own/mldsa-rare-values``: keys whose samples read far into their stream or meet a bound, and deterministic
signatures that take many attempts, stand on the edge of a bound or begin with zero bytes. Drawn tests meet each of
them once in 250 to 100,000 cases. All candidates come from SHAKE256 of a counter, so the same search gives the same
bytes. It takes a few minutes; what it finds is computed by the project's own oracle, and a test has independent
implementations agree.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import shake_128, shake_256
from pathlib import Path

import numpy as np
from pack import HERE, ML_DSA, Group, Json, Test, sources, write_file

from pqvalidate.oracle import mldsa
from pqvalidate.oracle.batches import Bits, Ints, stack
from pqvalidate.oracle.bits import unpack
from pqvalidate.oracle.dsa_steps import (
    FINAL,
    Rules,
    decode_private_keys,
    decode_public_keys,
    decode_signatures,
    hash_h,
)
from pqvalidate.oracle.mldsa import Signed
from pqvalidate.oracle.rounding import D, Q, decompose

SET = "own/mldsa-rare-values"
KEYS, SIGNATURES, EDGES = 16_000, 16_000, 2_500
FIVE_BLOCKS = 840  # bytes of SHAKE128 output: no polynomial of the matrix is seen to need more
Values = dict[str, bytes]


def candidate(name: str, what: str, number: int) -> bytes:
    """Return the 32 bytes of candidate number ``number`` of a search."""
    return shake_256(f"pqvalidate {what} {name} {number}".encode()).digest(32)


def test(flag: str, note: str, values: Values) -> Test:
    """Return one test of the packed file."""
    return ["", values, None, [flag], note, ""]


def signed(name: str, seed: bytes, message: bytes) -> Values:
    """Return everything that follows from a seed and a message, deterministically and with an empty context."""
    ((pk, sk),) = mldsa.keygen(name, [seed])
    (signature,) = mldsa.sign(name, [sk], [message])
    return {"seed": seed, "pk": pk, "sk": sk, "message": message, "signature": signature}


@dataclass(frozen=True, slots=True)
class Matrix:
    """What the samples of one matrix meet: bytes read per polynomial, and which candidates are among those read."""

    longest: int
    at_bound: bool
    highest: bool


def matrix_of(name: str, rho: bytes) -> Matrix:
    """Read the streams of a matrix candidate by candidate (FIPS 204 algorithms 14, 30 and 32)."""
    p = FINAL.parameters[name]
    data = [shake_128(rho + bytes([s, r])).digest(FIVE_BLOCKS) for r in range(p.k) for s in range(p.l)]
    numbers = unpack(stack(data), 24) & 0x7FFFFF
    accepted: Bits = numbers < Q
    read: Bits = np.less(np.cumsum(accepted, axis=1) - accepted, 256)  # candidates up to the last one that is taken
    longest = 3 * int(read.sum(axis=1).max())
    return Matrix(longest, *(bool((read & (numbers == value)).any()) for value in (Q, Q - 1)))


def secret_reads(name: str, rho_prime: bytes) -> int:
    """Return the largest number of half bytes that a secret polynomial reads (FIPS 204 algorithms 15, 31 and 33)."""
    p = FINAL.parameters[name]
    streams = [shake_256(rho_prime + bytes([r, 0])).digest(408) for r in range(p.k + p.l)]
    nibbles = unpack(stack(streams), 4)
    rank = np.cumsum(nibbles < (15 if p.eta == 2 else 9), axis=1)
    return int((rank < 256).sum(axis=1).max()) + 1


def rare_keys(name: str) -> Iterator[Test]:
    """Yield keys whose samples read far, or meet the bound q or its neighbours; each signs one message."""
    p = FINAL.parameters[name]
    seeds = [candidate(name, "key", number) for number in range(KEYS)]
    expanded = [hash_h(seed + bytes([p.k, p.l]), 128) for seed in seeds]
    matrices = [matrix_of(name, data[:32]) for data in expanded]
    longest, reads = [m.longest for m in matrices], [secret_reads(name, data[32:96]) for data in expanded]
    rows: list[tuple[str, str, int | None]] = [
        ("LongSample", f"the matrix reads {max(longest)} bytes of a stream", _most(longest)),
        ("LongSample", f"a secret polynomial reads {max(reads)} half bytes", _most(reads)),
        ("EdgeSample", "the matrix meets the candidate q, which is refused", _first(m.at_bound for m in matrices)),
        ("EdgeSample", "the matrix holds q - 1", _first(m.highest for m in matrices)),
        *(("EdgeKey", note, number) for note, number in edge_keys(name, seeds)),
    ]
    for flag, note, number in rows:
        if number is not None:
            yield test(flag, note, signed(name, seeds[number], b"rare key"))


def edge_keys(name: str, seeds: Sequence[bytes]) -> Iterator[tuple[str, int | None]]:
    """Yield keys with a coefficient of t at the edge of Power2Round (FIPS 204 algorithm 35)."""
    p, t = FINAL.parameters[name], []
    for start in range(0, len(seeds), 512):
        pairs = mldsa.keygen(name, seeds[start : start + 512])
        t1 = decode_public_keys([pk for pk, _ in pairs]).t1
        t += list((t1 << D) + decode_private_keys(p, [sk for _, sk in pairs]).t0)
    yield "a coefficient of t is q - 1", _first(bool((row == Q - 1).any()) for row in t)


def _most(values: Sequence[int]) -> int:
    return max(range(len(values)), key=lambda i: values[i])


def _first(wanted: Iterator[bool]) -> int | None:
    return next((number for number, found in enumerate(wanted) if found), None)


def folded_late(r: Ints, gamma2: int) -> tuple[Ints, Ints]:
    """Decompose without the fold at q - 1 (line 3 of FIPS 204 algorithm 36), so that the difference shows."""
    high, low = decompose(r, gamma2)
    return np.where(r == Q - 1, (Q - 1) // (2 * gamma2), high), np.where(r == Q - 1, 0, low)


EDGE_RULES: dict[str, Rules] = {
    "an attempt reaches the bound on z": replace(FINAL, sign_z_bound=lambda p: p.gamma1 - p.beta + 1),
    "an attempt is one below the bound on z": replace(FINAL, sign_z_bound=lambda p: p.gamma1 - p.beta - 1),
    "an attempt reaches the bound on r0": replace(FINAL, sign_r0_bound=lambda p: p.gamma2 - p.beta + 1),
    "an attempt is one below the bound on r0": replace(FINAL, sign_r0_bound=lambda p: p.gamma2 - p.beta - 1),
}
"""Steps changed at one value: where they give another signature than the standard, that value is met."""
FOLD = "a coefficient of w - c s2 is q - 1"


def ball_reads(name: str, challenge: bytes) -> int:
    """Return how many bytes SampleInBall reads for a challenge (FIPS 204 algorithm 29)."""
    p, read = FINAL.parameters[name], 8
    data = shake_256(challenge).digest(512)
    for i in range(256 - p.tau, 256):
        while data[read] > i:
            read += 1
        read += 1
    return read


def rare_signatures(name: str) -> Iterator[Test]:
    """Yield signatures under one key with rare histories or rare bytes."""
    seed = candidate(name, "signing key", 0)
    ((_, sk),) = mldsa.keygen(name, [seed])
    messages = [candidate(name, "message", number) for number in range(SIGNATURES)]
    mus = [hash_h(sk[64:128] + b"\0\0" + message) for message in messages]
    made = mldsa.sign_mu_with_history(name, [sk] * SIGNATURES, mus, [bytes(32)] * SIGNATURES)
    for flag, note, number in chosen(name, made):
        yield test(flag, note, signed(name, seed, messages[number]))
    edges = [(note, _differs(name, sk, mus[:EDGES], made, rules)) for note, rules in EDGE_RULES.items()]
    edges.append((FOLD, _differs(name, sk, mus, made, replace(FINAL, decompose=folded_late))))
    for note, found in edges:
        if found is not None:
            yield test("BoundaryCondition", note, signed(name, seed, messages[found]))


def chosen(name: str, made: Sequence[Signed]) -> Iterator[tuple[str, str, int]]:
    """Yield (flag, note, number) of the signatures that stand out."""
    p, order = FINAL.parameters[name], sorted(range(len(made)), key=lambda i: -len(made[i].thrown_away))
    for number in order[:2]:
        yield "ManyAttempts", f"{len(made[number].thrown_away)} attempts are thrown away", number
    for reason in ("z", "r0", "ct0", "hints"):
        only = (number for number, s in enumerate(made) if s.thrown_away and set(s.thrown_away) == {reason})
        some = (number for number, s in enumerate(made) if reason in s.thrown_away)
        number = next(only, next(some, -1))
        if number >= 0:
            yield "Rejection", f"an attempt is thrown away for {reason}", number
    reads = [ball_reads(name, s.signature[: p.challenge]) for s in made]
    yield "LongSample", f"SampleInBall reads {max(reads)} bytes", _most(reads)
    weights = decode_signatures(p, [s.signature for s in made]).h.sum(axis=(1, 2)).tolist()
    yield "Hints", f"{max(weights)} hints of {p.omega} at most", _most(weights)
    yield from _bytes_of(p.challenge, [s.signature for s in made])


def _bytes_of(size: int, signatures: Sequence[bytes]) -> Iterator[tuple[str, str, int]]:
    kinds: dict[str, Callable[[bytes], bool]] = {
        "c~ begins with a zero byte": lambda s: s[0] == 0, "c~ ends with a zero byte": lambda s: s[size - 1] == 0,
        "c~ begins with two zero bytes": lambda s: s[:2] == b"\0\0",
        "z begins with a zero byte": lambda s: s[size] == 0,
    }  # fmt: skip
    for note, wanted in kinds.items():
        number = _first(wanted(s) for s in signatures)
        if number is not None:
            yield "ZeroBytes", note, number


def _differs(name: str, sk: bytes, mus: Sequence[bytes], made: Sequence[Signed], rules: Rules) -> int | None:
    """Return the first message whose signature under other rules is another one."""
    for start in range(0, len(mus), 64):
        part = mus[start : start + 64]
        others = mldsa.sign_mu(name, [sk] * len(part), part, [bytes(32)] * len(part), rules=rules)
        for offset, other in enumerate(others):
            if other != made[start + offset].signature:
                return start + offset
    return None


def groups_of(name: str) -> list[Group]:
    """Return the one group of tests of a parameter set, numbered."""
    tests = [*rare_keys(name), *rare_signatures(name)]
    return [[name, {}, {}, [[str(number), *found[1:]] for number, found in enumerate(tests, 1)]]]


def write(out: Path) -> None:
    """Search, write the packed files, and replace the set in the manifest."""
    row = sources()[SET]
    files = [write_file(SET, name, groups_of(name), out) for name in ML_DSA]
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
    write(parser.parse_args().out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
