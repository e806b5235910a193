"""What the oracle computes by the standard is computed once for all mutants: each differs from it in one step only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from pqvalidate.oracle import kem_steps, mldsa, mlkem

Rules: TypeAlias = kem_steps.Rules | mldsa.Rules
Function: TypeAlias = Callable[..., Sequence[Any]]

_KEM = "parameters ring expand_matrix multiply hash_h"
_DSA = "parameters ring expand_a"
STEPS: dict[str, str] = {
    "mlkem.keygen": f"{_KEM} seed_domain",
    "mlkem.encapsulate": f"{_KEM} noise_nonces compress hash_message accepted_key ek_modulus_bound",
    "mlkem.decapsulate": f"{_KEM} noise_nonces compress accepted_key rejection_key ciphertext_equal dk_hash_checked",
    "mldsa.keygen": f"{_DSA} seed_domain",
    "mldsa.sign_mu_with_history": f"{_DSA} mask_seed mask_nonces max_attempts sample_in_ball decompose sign_z_bound "
    "sign_r0_bound sign_ct0_bound",
    "mldsa.verify_mu": f"{_DSA} sample_in_ball decompose use_hint verify_z_bound hint_order_checked "
    "hint_padding_checked hint_cuts_checked commitment_equal",
}
"""The steps that each function of the oracle depends on; where they are those of the standard, so is its result."""
_MODULES: dict[str, Any] = {"mlkem": mlkem, "mldsa": mldsa}


def remembering(function: Function, steps: Sequence[str], standard: Callable[[str], Rules]) -> Function:
    """Return the function with a memory for single inputs under the steps of the standard."""
    known: dict[tuple[str, ...], Any] = {}

    def remembered(name: str, *columns: Sequence[Any], rules: Rules | None = None, **named: Any) -> Sequence[Any]:
        single = all(len(column) == 1 and isinstance(column[0], bytes) for column in columns)
        usual = rules is None or all(getattr(rules, step) == getattr(standard(name), step) for step in steps)
        if named or not single or not usual:
            return function(name, *columns, rules=rules, **named)
        key = name, *(column[0] for column in columns)
        if key not in known:
            (known[key],) = function(name, *columns)
        return [known[key]]

    return remembered


def remember_the_standard() -> None:
    """Give the oracle of this process a memory; it still computes everything for itself once."""
    for place, steps in STEPS.items():
        module, _, function = place.partition(".")
        of = _MODULES[module]
        setattr(of, function, remembering(getattr(of, function), steps.split(), of.rules_for))
