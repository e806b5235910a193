"""ML-KEM (FIPS 203) and Kyber round 3 in batches: what a right implementation answers.

NEVER USE THIS AS CRYPTOGRAPHY; see ``pqvalidate.oracle``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from pqvalidate.algorithms import ParameterSet, parameter_set
from pqvalidate.errors import UsageError
from pqvalidate.oracle.batches import Bits, Ints, RefusedError, check_columns, check_lengths, join, slices
from pqvalidate.oracle.kem_steps import (
    FINAL,
    IPD,
    ROUND_3,
    DecapsulationKeys,
    EncapsulationKeys,
    Parameters,
    Q,
    Rules,
    decode_decapsulation_keys,
    decode_encapsulation_keys,
    encode_decapsulation_keys,
    encode_encapsulation_keys,
    hash_g,
    inner,
    pke_decrypt,
    pke_encrypt,
    pke_keygen,
)

Version: TypeAlias = Literal["final", "ipd", "round 3"]
RULES: dict[Version, Rules] = {"final": FINAL, "ipd": IPD, "round 3": ROUND_3}
DEFAULT = FINAL


def rules_for(name: str, version: Version | None = None) -> Rules:
    """Return the rules of a version; without one, the version that the name of the parameter set stands for.

    Raises:
        UsageError: ``name`` is not a KEM.

    """
    row = _kem(name)
    return RULES[version or ("round 3" if row.algorithm == "Kyber" else "final")]


def _kem(name: str) -> ParameterSet:
    row = parameter_set(name)
    if row.algorithm not in {"ML-KEM", "Kyber"}:
        raise UsageError(f"{name} is not a parameter set of ML-KEM or Kyber")
    return row


def _setting(name: str, version: Version | None, rules: Rules | None) -> tuple[ParameterSet, Parameters, Rules]:
    chosen = rules or rules_for(name, version)
    return _kem(name), chosen.parameters[name], chosen


def keygen(
    name: str, seeds: Sequence[bytes], *, version: Version | None = None, rules: Rules | None = None
) -> list[tuple[bytes, bytes]]:
    """Return the key pair that follows from each seed.

    Args:
        name: parameter set, e.g. ``ML-KEM-768``.
        seeds: 64 bytes each, d‖z.
        version: overrides the version that the name stands for.
        rules: overrides the steps of the algorithm.

    Returns:
        Per seed, the encapsulation key and the expanded decapsulation key (FIPS 203 algorithm 16).

    Raises:
        RefusedError: a seed is not 64 bytes long.

    """
    row, p, rules = _setting(name, version, rules)
    check_lengths("seed", seeds, row.seed, "FIPS 203 section 7.1")
    pairs: list[tuple[bytes, bytes]] = []
    for part in slices(seeds):
        keys, s_hat = pke_keygen(p, rules, [seed[:32] for seed in seeds[part]])
        eks = encode_encapsulation_keys(keys)
        hashes, zs = [rules.hash_h(ek) for ek in eks], [seed[32:] for seed in seeds[part]]
        pairs += zip(eks, encode_decapsulation_keys(DecapsulationKeys(s_hat, eks, hashes, zs)), strict=True)
    return pairs


def encapsulate(
    name: str,
    eks: Sequence[bytes],
    ms: Sequence[bytes],
    *,
    version: Version | None = None,
    rules: Rules | None = None,
) -> list[tuple[bytes, bytes]]:
    """Return the shared secret and the ciphertext for each encapsulation key and 32-byte random value m.

    Args:
        name: parameter set.
        eks: encapsulation keys.
        ms: 32 bytes each.
        version: overrides the version that the name stands for.
        rules: overrides the steps of the algorithm.

    Returns:
        Per pair, (K, c) (FIPS 203 algorithm 17).

    Raises:
        RefusedError: a wrong length, or a coefficient of q or more in a key (FIPS 203 section 7.2).
        UsageError: the columns differ in length.

    """
    row, p, rules = _setting(name, version, rules)
    check_columns(eks, ms)
    check_lengths("encapsulation key", eks, row.public_key, "FIPS 203 section 7.2")
    check_lengths("m", ms, 32, "FIPS 203 section 6.2")
    replies: list[tuple[bytes, bytes]] = []
    for part in slices(eks):
        refused = np.flatnonzero(~_canonical(rules, eks[part]))
        if refused.size:
            raise RefusedError(part.start + int(refused[0]), "encapsulation key with a coefficient >= q (FIPS 203 7.2)")
        messages = [rules.hash_message(m) for m in ms[part]]
        halves = [hash_g(m + rules.hash_h(ek)) for m, ek in zip(messages, eks[part], strict=True)]
        cs = pke_encrypt(p, rules, eks[part], messages, [r for _, r in halves])
        replies += [(rules.accepted_key(key, c), c) for (key, _), c in zip(halves, cs, strict=True)]
    return replies


def _canonical(rules: Rules, eks: Sequence[bytes]) -> Bits:
    t_hat = decode_encapsulation_keys(eks).t_hat
    largest: Ints = t_hat.reshape(len(eks), -1).max(axis=1)
    return np.less(largest, rules.ek_modulus_bound)


def decapsulate(
    name: str,
    dks: Sequence[bytes],
    cs: Sequence[bytes],
    *,
    version: Version | None = None,
    rules: Rules | None = None,
) -> list[bytes]:
    """Return the shared secret for each expanded decapsulation key and ciphertext, with implicit rejection.

    Args:
        name: parameter set.
        dks: expanded decapsulation keys.
        cs: ciphertexts.
        version: overrides the version that the name stands for.
        rules: overrides the steps of the algorithm.

    Returns:
        32 bytes per pair (FIPS 203 algorithm 18).

    Raises:
        RefusedError: a wrong length, or H(ek) inside a key is wrong (FIPS 203 section 7.3).
        UsageError: the columns differ in length.

    """
    row, p, rules = _setting(name, version, rules)
    check_columns(dks, cs)
    check_lengths("decapsulation key", dks, row.private_key, "FIPS 203 section 7.3")
    check_lengths("ciphertext", cs, row.output, "FIPS 203 section 7.3")
    secrets: list[bytes] = []
    for part in slices(dks):
        key = decode_decapsulation_keys(dks[part])
        for i, (ek, h) in enumerate(zip(key.ek, key.h, strict=True)):
            if rules.dk_hash_checked and rules.hash_h(ek) != h:
                raise RefusedError(part.start + i, "H(ek) inside the decapsulation key is wrong (FIPS 203 7.3)")
        messages = pke_decrypt(p, rules, key.s_hat, cs[part])
        halves = [hash_g(data) for data in join(messages, key.h)]
        again = pke_encrypt(p, rules, key.ek, messages, [r for _, r in halves])
        secrets += [
            rules.accepted_key(k_bar, c) if rules.ciphertext_equal(c, c_again) else rules.rejection_key(z, c, c_again)
            for (k_bar, _), z, c, c_again in zip(halves, key.z, cs[part], again, strict=True)
        ]
    return secrets


def recover_messages(name: str, dks: Sequence[bytes], cs: Sequence[bytes]) -> list[bytes]:
    """Return the 32-byte m that each ciphertext holds (FIPS 203 algorithm 15); what was drawn becomes visible.

    Args:
        name: parameter set.
        dks: expanded decapsulation keys.
        cs: ciphertexts made under them.

    """
    _, p, rules = _setting(name, None, None)
    keys = (decode_decapsulation_keys(dks[part]).s_hat for part in slices(dks))
    return [m for part, s_hat in zip(slices(dks), keys, strict=True) for m in pke_decrypt(p, rules, s_hat, cs[part])]


def check_encapsulation_key(name: str, ek: bytes, *, rules: Rules = DEFAULT) -> bool:
    """Return whether an encapsulation key has the right length and only coefficients below q (FIPS 203 section 7.2)."""
    return len(ek) == _kem(name).public_key and bool(_canonical(rules, [ek])[0])


def check_decapsulation_key(name: str, dk: bytes, *, rules: Rules = DEFAULT) -> bool:
    """Return whether a decapsulation key has the right length and holds the hash of its ek (FIPS 203 section 7.3)."""
    if len(dk) != _kem(name).private_key:
        return False
    key = decode_decapsulation_keys([dk])
    return not rules.dk_hash_checked or rules.hash_h(key.ek[0]) == key.h[0]


def keypair_consistent(name: str, ek: bytes, dk: bytes) -> str | None:
    """Return why the two keys cannot come from one key generation, or None if they can.

    Beyond the checks of FIPS 203 sections 7.2 and 7.3 this opens the key: dk must hold ek, and the secret s and the
    error e = t - A s must be as small as algorithm 13 draws them.
    """
    row, rules = _kem(name), rules_for(name)
    p = rules.parameters[name]
    if (len(ek), len(dk)) != (row.public_key, row.private_key):
        return f"lengths {len(ek)} and {len(dk)} instead of {row.public_key} and {row.private_key}"
    private, public = decode_decapsulation_keys([dk]), decode_encapsulation_keys([ek])
    if private.ek[0] != ek:
        return "dk holds another encapsulation key"
    if private.h[0] != rules.hash_h(ek):
        return "H(ek) inside dk is wrong"
    return next(_objections(rules, p, public, private), None)


def _objections(rules: Rules, p: Parameters, public: EncapsulationKeys, private: DecapsulationKeys) -> Iterator[str]:
    if (public.t_hat >= Q).any():
        yield "ek has a coefficient >= q"
    if (private.s_hat >= Q).any():
        yield "s in dk has a coefficient >= q"
    product = inner(rules, rules.expand_matrix(public.rho, p.k), private.s_hat[:, None])
    small = {"the secret s": private.s_hat, "the error e = t - A s": public.t_hat - product}
    for what, transformed in small.items():
        if (abs(rules.ring.centred(rules.ring.inverse_ntt(transformed))) > p.eta1).any():
            yield f"{what} has a coefficient beyond {p.eta1} (eta1)"


def without_key_checks(rules: Rules = DEFAULT) -> Rules:
    """Return the rules with the input checks of FIPS 203 sections 7.2 and 7.3 left out, for crafted keys."""
    return replace(rules, ek_modulus_bound=4096, dk_hash_checked=False)
