"""Does decapsulation touch the same memory, by the same instructions, whatever the secret is? Traced by lackey."""

from __future__ import annotations

from collections.abc import Sequence

from pqvalidate.suites import Asking, CaseResult, Check, Script
from pqvalidate.suites.timing_secrets import Watched, differing_addresses, secrets, timing_check

_OTHERS = 2


def _traced(_case: Watched, asking: Asking) -> Script:
    """Decapsulation of one ciphertext must execute the same instructions and touch the same addresses with every key.

    The keys share all that is public and differ in dk_pke and z; with one of them the ciphertext is valid, with the
    others it is rejected. The first instruction at which two traces part is named. Two traces of equal calls must be
    the same, else nothing is said.
    """
    keys = yield from secrets(asking, "addresses", _OTHERS)
    differs, accesses = yield from differing_addresses(asking, keys)
    if differs:
        return CaseResult(outcome="fail", why=f"traces with two keys part: {differs}", data={"site": differs})
    return CaseResult(
        outcome="pass",
        why=f"no leak detected: {accesses} instructions and accesses are the same with {len(keys.dks)} keys",
    )


def _cases(asking: Asking) -> Sequence[Watched]:
    """Return the one case, at depth full alone: it writes some hundred megabytes of trace."""
    return [Watched("decapsulation")] if asking.depth == "full" else []


CHECKS: tuple[Check, ...] = (
    timing_check(
        "ml-kem/timing-addresses", _traced, (frozenset({"decapsulate", "env:trace"}),),
        ("valgrind", "objdump", "cc"), f"{_OTHERS + 1} secret halves of one key", _cases,
    ),
)  # fmt: skip
