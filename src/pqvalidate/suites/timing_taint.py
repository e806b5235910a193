"""Do secrets steer decapsulation? Followed bit by bit through the machine code, by valgrind's memcheck."""

from __future__ import annotations

from collections.abc import Sequence

from pqvalidate.adapters.interface import Call, Ok
from pqvalidate.suites import Asking, Asks, CaseResult, Check, Script
from pqvalidate.suites.timing_secrets import (
    Secrets,
    TracingError,
    Watched,
    differing_addresses,
    places,
    secrets,
    timing_check,
    watched_case,
)

_OTHERS = 3
_UNCOUNTED = 2
_MOST_TOLD = 3
_SEEDED = "decapsulate_from_seed"


def _tainted(_case: Watched, asking: Asking) -> Script:
    """Nothing that decapsulation branches on, and no address, may depend on dk_pke or z (FIPS 203 algorithm 18).

    Both are declared undefined before the call, and memcheck follows them to every branch and address. What it reports
    fails the check only if it shows: if instruction counts, or the trace of addresses, differ between keys that share
    all that is public. Else somebody must look at the place that is named: code may branch on a secret and still take
    the same way always, as guards against overflow do. The output must come out as depending on secrets, else nothing
    was followed. Where keys are given as seeds, only z is followed, through a rejection.
    """
    keys = yield from secrets(asking, "taint", _OTHERS)
    inputs = {"calls": _calls(asking, keys)}
    (reply,) = yield [Call(operation="taint", parameter_set=asking.parameter_set, inputs=inputs)]
    if not isinstance(reply, Ok):
        raise TracingError(f"secrets could not be followed: {getattr(reply, 'why', '')}")
    reached, sizes = reply.values["reached"], reply.values["sizes"]
    if reached != sizes or not all(sizes):
        raise TracingError(f"taint did not reach the output: {reached} of {sizes} bytes of it depend on a secret")
    sites, inner = reply.values["sites"], reply.values["interpreter"]
    if not sites and not inner:
        return CaseResult(
            outcome="pass",
            why=f"no leak detected: no branch and no address depends on {_followed(asking)} in {len(sizes)} calls;"
            " all bytes of the output do",
        )
    confirmed, looked = yield from _confirmed(asking, keys)
    if sites and confirmed:
        return CaseResult(
            outcome="fail", why=f"{_told(sites)}; it shows: {confirmed}",
            data={"sites": "\n".join(sites), "confirmed": confirmed},
        )  # fmt: skip
    where = _told(sites) if sites else f"inside the interpreter that runs the implementation: {_told(inner)}"
    raise TracingError(f"review: {where}; {confirmed or looked}")


def _calls(asking: Asking, keys: Secrets) -> list[dict[str, object]]:
    if "decapsulate" in asking.operations:
        marked = [("dk", offset, size) for offset, size in places(asking.parameter_set)]
        return [
            {"op": "decapsulate", "inputs": {"dk": keys.dks[0], "c": c}, "secrets": marked}
            for c in (keys.c, keys.flipped)
        ]
    return [{"op": _SEEDED, "inputs": {"seed": keys.seed, "c": keys.flipped}, "secrets": [("seed", 32, 32)]}]


def _followed(asking: Asking) -> str:
    return "dk_pke or z" if "decapsulate" in asking.operations else "z, the second half of the seed,"


def _told(sites: Sequence[str]) -> str:
    more = len(sites) - _MOST_TOLD
    return "; ".join(sites[:_MOST_TOLD]) + (f"; and {more} more lines" if more > 0 else "")


def _confirmed(asking: Asking, keys: Secrets) -> Asks[tuple[str, str]]:
    """Return how else it shows that secrets steer the code, or nothing; and what was looked at."""
    looked = []
    if {"decapsulate", "env:count"} <= asking.operations:
        found, said = yield from _by_counts(asking, keys)
        if found:
            return found, ""
        looked.append(said)
    if {"decapsulate", "env:trace"} <= asking.operations:
        try:
            two = Secrets(keys.seed, keys.dks[:2], keys.c, keys.flipped)
            differs, _ = yield from differing_addresses(asking, two)
            if differs:
                return f"traces of two keys part, {differs}", ""
            looked.append("traces of addresses are the same with two keys")
        except TracingError as error:
            looked.append(str(error))
    return "", "; ".join(
        looked
    ) or "neither instructions nor addresses can be looked at in implementations of this kind"


def _by_counts(asking: Asking, keys: Secrets) -> Asks[tuple[str, str]]:
    """Count instructions for one ciphertext and all keys; return in words where they differ, and else what was seen."""
    dks = (keys.dks[0],) * _UNCOUNTED + keys.dks
    calls = [
        Call(operation="decapsulate", parameter_set=asking.parameter_set, inputs={"dk": dk, "c": keys.c})
        for other in dks
        for dk in (other, keys.dks[0])
    ]
    (reply,) = yield [Call(operation="count", parameter_set=asking.parameter_set, inputs={"calls": calls})]
    if not isinstance(reply, Ok):
        return "", f"instructions could not be counted: {getattr(reply, 'why', '')}"
    for which in ("counts", "own"):
        counts = reply.values[which][2 * _UNCOUNTED :]
        seen, equal = set(counts[::2]), set(counts[1::2])
        if len(equal) > 1 or not min(equal):
            continue  # equal calls differ, or nothing was counted: this tells nothing
        if len(seen | equal) > 1:
            return f"{min(seen)} to {max(seen)} instructions for one ciphertext, by the secret half of the key", ""
        return "", f"instruction counts are the same with {len(keys.dks)} keys"
    return "", "instruction counts differ between equal calls and tell nothing"


CHECKS: tuple[Check, ...] = (
    timing_check(
        "ml-kem/timing-taint", _tainted,
        (frozenset({"decapsulate", "env:taint"}), frozenset({_SEEDED, "env:taint"})),
        ("valgrind", "objdump", "cc"), "one valid and one rejected ciphertext", watched_case,
    ),
)  # fmt: skip
