"""Version naming: which version of the algorithm answers, and through which interface, said by name with the evidence.

A name is given on exact matches only: a whole key, a 32-byte secret, a signature that verifies, or a verifier that
tells a set of signatures apart exactly as that version does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pqvalidate.suites import Asking, Check, Script
from pqvalidate.suites.naming_kem import kem
from pqvalidate.suites.naming_ledger import Interface
from pqvalidate.suites.naming_signature import hash_name, signature

_PURE_OPERATIONS = (
    "keygen_from_seed", "sign", "sign_from_seed", "sign_deterministic", "sign_deterministic_from_seed",
    "sign_with_rnd", "sign_with_rnd_from_seed", "verify",
)  # fmt: skip
_INTERFACES = {
    "ordinary": _PURE_OPERATIONS,
    "external-mu": ("sign_mu", "sign_mu_from_seed", "verify_mu"),
    "internal": ("sign_internal", "sign_internal_from_seed", "verify_internal"),
    "pre-hash": ("sign_prehash", "sign_prehash_from_seed", "verify_prehash"),
}


def _cases(interfaces: Mapping[str, tuple[str, ...]]) -> Callable[[Asking], Sequence[Interface]]:
    def cases(asking: Asking) -> Sequence[Interface]:
        found = [
            Interface(name, tuple(operation for operation in operations if operation in asking.operations))
            for name, operations in interfaces.items()
        ]
        return [case for case in found if case.operations and (case.id != "pre-hash" or hash_name(asking))]

    return cases


def _no_seed(asking: Asking) -> str:
    """Say what cannot be told apart without key generation from a seed."""
    if asking.operations & {"keygen_from_seed", "decapsulate_from_seed", "sign_from_seed"}:
        return ""
    return "the draft of 2023 generates keys from a seed in another way, which only a key from a known seed shows"


def _check(
    name: str, clause: str, interfaces: Mapping[str, tuple[str, ...]], script: Callable[[Interface, Asking], Script]
) -> Check:
    family = {"ml-kem": "ML-KEM", "kyber": "Kyber", "ml-dsa": "ML-DSA", "dilithium": "Dilithium"}
    operations = [operation for names in interfaces.values() for operation in names]
    return Check(
        name=name, suite="naming", algorithm=family[name.partition("/")[0]], clause=clause,
        explain=f"Which version answers, and through which interface? {(script.__doc__ or '').strip()}",
        effect="Its answers are not those of what its name says, so it may not work together with implementations that"
        " are.",
        needs=tuple(frozenset({operation}) for operation in operations),
        cases=_cases(interfaces), script=script, severity="critical", gaps=_no_seed,
    )  # fmt: skip


_KEM_INTERFACE = {
    "whole": ("keygen_from_seed", "encapsulate_derand", "encapsulate", "decapsulate", "decapsulate_from_seed")
}
CHECKS: tuple[Check, ...] = (
    _check("ml-kem/version", "FIPS 203 §6, appendix C", _KEM_INTERFACE, kem),
    _check("kyber/version", "Kyber 3.02 algorithms 7-9", _KEM_INTERFACE, kem),
    _check("ml-dsa/version", "FIPS 204 §5, §6, appendix D", _INTERFACES, signature),
    _check("dilithium/version", "Dilithium 3.1 figure 4", {"ordinary": _PURE_OPERATIONS}, signature),
)
