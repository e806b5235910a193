"""Search for rare values of Dilithium round 3.1: ``python vectors/search_round3.py [SET ...]``.

Prints the tables of ``pqvalidate.oracle.rare_dilithium``. All candidates come from SHAKE256 of a counter, so the same
search gives the same numbers. It takes some minutes for each set; a test looks at what was found.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from search_dsa import matrix_of, secret_reads

from pqvalidate.algorithms import DILITHIUM
from pqvalidate.oracle import mldsa
from pqvalidate.oracle.dsa_steps import ROUND_3_1, Rules, hash_h
from pqvalidate.oracle.rare_dilithium import candidate, representative

KEYS = 16_000
BATCH = 128
ATTEMPTS = 33  # thrown away before a signature comes out, one more than a loop of 32 allows

EDGES: dict[str, Rules] = {
    "z-at-bound": replace(ROUND_3_1, sign_z_bound=lambda p: p.gamma1 - p.beta + 1),
    "z-below-bound": replace(ROUND_3_1, sign_z_bound=lambda p: p.gamma1 - p.beta - 1),
    "r0-at-bound": replace(ROUND_3_1, sign_r0_bound=lambda p: p.gamma2 - p.beta + 1),
    "r0-below-bound": replace(ROUND_3_1, sign_r0_bound=lambda p: p.gamma2 - p.beta - 1),
}
"""Bounds of signing moved by one: where they give another signature, the value in question is met."""


def rare_keys(name: str) -> dict[str, int]:
    """Return the numbers of the keys that stand out."""
    expanded = [hash_h(candidate(name, "key", number), 96) for number in range(KEYS)]
    matrices = [matrix_of(name, data[:32]) for data in expanded]
    reads = [secret_reads(name, data[32:96]) for data in expanded]
    numbers = range(KEYS)
    return {
        "candidate-q": next(n for n in numbers if matrices[n].at_bound),
        "candidate-q-1": next(n for n in numbers if matrices[n].highest),
        "long-matrix": max(numbers, key=lambda n: matrices[n].longest),
        "long-secret": max(numbers, key=lambda n: reads[n]),
    }


def rare_messages(name: str) -> Iterator[tuple[str, int]]:
    """Yield the numbers of the messages that stand out."""
    ((_, sk),) = mldsa.keygen(name, [candidate(name, "key", 0)])
    open_edges = dict(EDGES)
    for start in count(0, BATCH):
        mus = [representative(sk, candidate(name, "message", number)) for number in range(start, start + BATCH)]
        columns = [sk] * BATCH, mus, [bytes(32)] * BATCH
        made = mldsa.sign_mu_with_history(name, *columns)
        for what, rules in list(open_edges.items()):
            others = mldsa.sign_mu(name, *columns, rules=rules)
            met = [n for n, (one, other) in enumerate(zip(made, others, strict=True)) if one.signature != other]
            if met:
                yield what, start + met[0]
                del open_edges[what]
        late = [n for n, one in enumerate(made) if len(one.thrown_away) >= ATTEMPTS]
        if late:
            yield "many-attempts", start + late[0]
            return


def main(names: list[str]) -> int:
    """Run the command line."""
    for name in names or DILITHIUM:
        print(f'"{name}": {rare_keys(name)}', flush=True)
        print(f'"{name}": {dict(rare_messages(name))}', flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
