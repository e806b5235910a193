"""Signatures under keys with t1 = 0, each on the edge of one rule of verification or just beyond it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from pqvalidate.oracle.crafting_dsa import Fill, Recipe, bodies, hint_section
from pqvalidate.oracle.dsa_steps import Parameters
from pqvalidate.oracle.ring import N
from pqvalidate.oracle.rounding import Q
from pqvalidate.suites import Asking, Check, Compute, Script
from pqvalidate.suites.validation_dsa_asking import (
    CRITICAL,
    PREHASH,
    REFUSED,
    Question,
    ask,
    check,
    draw,
    no_hashes,
    numbers,
    offered_hashes,
    open_key,
    rotated,
    targets,
)

_RHO = "key with t1 = 0"
_BLANK = Recipe(rho=b"", label=b"")
Parts: TypeAlias = tuple[str, Recipe]
"""The name of a case and what is particular in its recipe; rho and the label are filled in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crafted:
    """A signature body to make, and whether signatures with it are valid."""

    id: str
    number: int
    recipe: Recipe
    expect: bool
    surface: str = ""
    flags: tuple[str, ...] = ()


def _script(case: Crafted, asking: Asking) -> Script:
    """Ask about the crafted signature by two of the interfaces for verification, or by that of the case."""
    name, pk = asking.parameter_set, open_key(asking.parameter_set, case.recipe.rho)
    (body,) = yield [Compute(bodies, name, (case.recipe,))]
    message = draw(asking, f"message {case.id}", case.number % 97)
    chosen = (case.surface,) if case.surface else rotated(asking, case.number)
    asked = targets(asking, chosen, pk, message, case.number)
    return (yield from ask(name, [Question(target=t, signature=body.signed(t.mu), expect=case.expect) for t in asked]))


def _cases(asking: Asking, what: str, recipes: Iterator[Parts], *, expect: bool) -> list[Crafted]:
    rho, found = draw(asking, _RHO, 32), list[Crafted]()
    for number, (name, parts) in enumerate(recipes):
        recipe = replace(parts, rho=parts.rho or rho, label=draw(asking, f"{what} {name}", 32))
        found.append(Crafted(id=f"{what}/{name}", number=number, recipe=recipe, expect=expect, flags=(what,)))
    return found


def _number(asking: Asking, label: str, below: int) -> int:
    return int.from_bytes(draw(asking, label, 8), "little") % below


def _positions(asking: Asking, p: Parameters) -> Iterator[tuple[int, int]]:
    """Yield (polynomial, position): the ends of every polynomial, then every position once, or all at depth full."""
    yield from ((polynomial, position) for polynomial in range(p.l) for position in (0, N - 1))
    if asking.depth == "quick":
        yield from ((i, _number(asking, f"position {i}", N - 2) + 1) for i in range(p.l))
        return
    turn = _number(asking, "turn", p.l)
    for position in range(1, N - 1):
        some = range(p.l) if asking.depth == "full" else [(position + turn) % p.l]
        yield from ((polynomial, position) for polynomial in some)


def _z_bound(asking: Asking) -> Sequence[Crafted]:
    return _cases(asking, "z-over", _over(asking, numbers(asking)), expect=False)


def _over(asking: Asking, p: Parameters) -> Iterator[Parts]:
    bound = p.gamma1 - p.beta  # FIPS 204 algorithm 8 line 13
    for polynomial, position in _positions(asking, p):
        for value in (bound, -bound):
            yield f"{polynomial}/{position}/{value:+d}", replace(_BLANK, places=((polynomial, position, value),))
    for i in range(p.l):
        place = _number(asking, f"far over {i}", N)
        for value in (bound + 1, -bound - 1, bound + p.beta // 2, 1 - p.gamma1, p.gamma1 - 1, p.gamma1):
            yield f"far/{i}/{place}/{value:+d}", replace(_BLANK, places=((i, place, value),), fill="zero")


def _z_limit(asking: Asking) -> Sequence[Crafted]:
    return _cases(asking, "z-limit", _under(asking, numbers(asking)), expect=True)


def _under(asking: Asking, p: Parameters) -> Iterator[Parts]:
    most = p.gamma1 - p.beta - 1
    for i in range(p.l):
        for place in (0, _number(asking, f"limit {i}", N - 2) + 1, N - 1):
            for value in (most, -most):
                yield f"{i}/{place}/{value:+d}", replace(_BLANK, places=((i, place, value),), fill="zero")
    kinds: tuple[Fill, ...] = ("zero", "highest", "lowest", "alternating")
    yield from ((kind, replace(_BLANK, fill=kind)) for kind in kinds)
    many = {"quick": 2, "standard": 32, "full": 1024}[asking.depth]
    yield from ((f"extremes/{n}", replace(_BLANK, fill="extremes")) for n in range(many))


def _key_shapes(asking: Asking) -> Sequence[Crafted]:
    """Return valid signatures under keys with t1 = 0 and various rho."""
    rhos = {"zeros": bytes(32), "ones": b"\xff" * 32, "counting": bytes(range(32)), "drawn": draw(asking, "rho", 32)}
    return _cases(asking, "rho", ((name, replace(_BLANK, rho=rho)) for name, rho in rhos.items()), expect=True)


def _spread(asking: Asking, label: str, counts: Sequence[int]) -> list[list[int]]:
    """Return so many drawn positions per polynomial, in ascending order."""
    found = []
    for polynomial, count in enumerate(counts):
        order = draw(asking, f"{label} {polynomial}", 2 * N)
        ranked = sorted((order[2 * place : 2 * place + 2], place) for place in range(N))
        found.append(sorted(place for _, place in ranked[:count]))
    return found


def _hint_shapes(asking: Asking) -> Sequence[Crafted]:
    p = numbers(asking)
    return _cases(
        asking, "hints", ((n, replace(_BLANK, hint=hint_section(p, h))) for n, h in _shapes(asking, p)), expect=True
    )


def _shapes(asking: Asking, p: Parameters) -> Iterator[tuple[str, list[list[int]]]]:
    """Yield every legal shape of a hint that a verifier might take for a malformed one."""
    none: list[list[int]] = [[] for _ in range(p.k)]
    yield "none", none
    for i in range(p.k):
        one = [0 if j == i else p.omega for j in range(p.k)]  # all hints in one polynomial
        yield f"omega-in/{i}", _spread(asking, f"omega {i}", [p.omega - count for count in one])
        for place in (0, 1, N - 1):
            yield f"one/{i}/{place}", [[place] if j == i else [] for j in range(p.k)]
        yield f"empty/{i}", _spread(asking, f"empty {i}", [0 if j == i else 3 for j in range(p.k)])
    even = [p.omega // p.k + (i < p.omega % p.k) for i in range(p.k)]
    yield "omega", _spread(asking, "omega", even)
    yield "omega-less-one", _spread(asking, "omega", [even[0] - 1, *even[1:]])
    yield "first", [list(range(p.omega)), *none[1:]]
    yield "last", [*none[1:], list(range(N - p.omega, N))]
    yield "same-place", [[7] for _ in range(p.k)]
    yield "falling-across", [[N - 1 - 20 * i] for i in range(p.k)]
    yield "rising-across", [[20 * i] for i in range(p.k)]
    yield "end-to-start", [[0, N - 1] for _ in range(p.k)]


def _hint_encoding(asking: Asking) -> Sequence[Crafted]:
    p = numbers(asking)
    return _cases(asking, "bad-hints", ((n, replace(_BLANK, hint=h)) for n, h in _malformed(asking, p)), expect=False)


def _malformed(asking: Asking, p: Parameters) -> Iterator[tuple[str, bytes]]:
    """Yield every way to break one rule of FIPS 204 algorithm 21."""
    few = _spread(asking, "few", [p.omega // p.k // 2] * p.k)
    for i in range(p.k):
        for what, at in (("first", 0), ("last", len(few[i]) - 2)):
            swapped = [*few[i][:at], few[i][at + 1], few[i][at], *few[i][at + 2 :]]
            yield f"order/{what}/{i}", hint_section(p, [*few[:i], swapped, *few[i + 1 :]])
            repeated = [*few[i][: at + 1], few[i][at], *few[i][at + 2 :]]
            yield f"repeat/{what}/{i}", hint_section(p, [*few[:i], repeated, *few[i + 1 :]])
    yield "order/zero-last", hint_section(p, [[5, 0], *[[] for _ in range(p.k - 1)]])
    yield "repeat/zero", hint_section(p, [[0, 0], *[[] for _ in range(p.k - 1)]])
    yield from _padded(p, few)
    yield from _cuts(asking, p)


def _padded(p: Parameters, few: list[list[int]]) -> Iterator[tuple[str, bytes]]:
    """Yield non-zero bytes behind the last position (line 17): every byte, with hints and without."""
    used = sum(len(polynomial) for polynomial in few)
    for what, start, section in (
        ("padding", used, hint_section(p, few)), ("padding-alone", 0, bytes(p.omega + p.k)),
    ):  # fmt: skip
        for at in reversed(range(start, p.omega)):
            value = (1, 255, 128)[at % 3]
            yield f"{what}/{at}", section[:at] + bytes([value]) + section[at + 1 :]
        yield f"{what}/all", section[:start] + bytes(range(1, p.omega - start + 1)) + section[p.omega :]


def _cuts(asking: Asking, p: Parameters) -> Iterator[tuple[str, bytes]]:
    """Yield counts that fall or exceed omega (line 4); the positions would do for a verifier without that rule."""
    for i in range(1, p.k):
        # A count that falls makes common code read from the smaller count on again, here the same ascending positions.
        cuts = [2 if j < i else 1 if j == i else 2 for j in range(p.k)]
        yield f"cuts/fall/{i}", bytes([3, 9]).ljust(p.omega, b"\0") + bytes(cuts)
        cuts = [1 if j < i else 0 for j in range(p.k)]
        yield f"cuts/to-zero/{i}", bytes(p.omega) + bytes(cuts)
    cuts = [j % 2 for j in range(1, p.k)] + [1]
    yield "cuts/zigzag", bytes([5]).ljust(p.omega, b"\0") + bytes(cuts)
    # One count too many reads the first count as a position; it is larger than the positions before it.
    for i in range(p.k):
        yield f"cuts/one-over/{i}", bytes(range(p.omega)) + bytes([p.omega] * i + [p.omega + 1] * (p.k - i))
    yield "cuts/staircase", bytes(range(p.omega)) + bytes(range(p.omega + 1, p.omega + p.k + 1))
    positions = bytes(_spread(asking, "full", [p.omega])[0])
    for value in (p.omega + 1, p.omega + p.k, p.omega + p.k + 1, 128, 255):
        for i in range(p.k):
            yield f"cuts/over/{value}/{i}", positions + bytes([0] * i + [value] * (p.k - i))
        yield f"cuts/over-and-back/{value}", positions + bytes([value] + [p.omega] * (p.k - 1))


def _use_hint(asking: Asking) -> Sequence[Crafted]:
    return _cases(asking, "edge", _edges(asking, numbers(asking)), expect=True)


def _edges(asking: Asking, p: Parameters) -> Iterator[Parts]:
    """Yield targets for one coefficient of w' at the edges of Decompose, with and without a hint there."""
    width, m = 2 * p.gamma2, (Q - 1) // (2 * p.gamma2)
    offsets = (0, 1, -1, p.gamma2 - 1, p.gamma2, 1 - p.gamma2, -p.gamma2)
    values = {(high * width + offset) % Q for high in (0, 1, 2, m // 2, m - 2, m - 1, m) for offset in offsets}
    values |= {0, 1, Q - 1, Q - 2, Q - p.gamma2 - 1, Q - p.gamma2, Q - p.gamma2 + 1}
    rounds = {"quick": 1, "standard": 2, "full": 8}[asking.depth]
    for n in range(rounds):
        for number, value in enumerate(sorted(values)):
            place = _number(asking, f"edge {n} {value}", N)
            row = (number + n) % p.k
            for hinted in (True, False):
                hints = [[place] if hinted and i == row else [] for i in range(p.k)]
                parts = replace(_BLANK, target=(row, place, value), hint=hint_section(p, hints))
                yield f"{value}/{row}/{place}/{'hint' if hinted else 'no-hint'}", parts


def _prehash(asking: Asking) -> Sequence[Crafted]:
    """Return some of every kind of crafted signature, for HashML-DSA."""
    if not offered_hashes(asking):
        return []
    few = replace(asking, depth="quick")
    kinds = [make(few) for make in (_z_bound, _hint_encoding)]
    steps = {"quick": 9, "standard": 4, "full": 1}[asking.depth]
    return [replace(case, surface=PREHASH, number=n) for kind in kinds for n, case in enumerate(kind[::steps])]


_VERIFY = "FIPS 204 §6.3, algorithm 8"
CHECKS: tuple[Check, ...] = (
    check("z-bound", f"{_VERIFY} line 13", _z_bound, _script,
          "A signature whose z has one coefficient of gamma1 - beta or more must be refused, wherever it stands and "
          "whatever its sign. The bound is what makes forging hard: libcrux compared with 2 gamma1 - beta, which "
          "every signature meets (symbolic.software, February 2026, libcrux PR 1347). The keys have t1 = 0, so that "
          "c~ is right and only the bound can tell. It cannot see a bound that is missing for one interface in "
          "combination with one position alone.", CRITICAL),
    check("z-limit", f"{_VERIFY} line 13", _z_limit, _script,
          "A signature whose largest coefficient is gamma1 - beta - 1 is valid and must be accepted; so must z = 0 "
          "and z of extreme coefficients throughout, for which a transform without enough reductions overflows (old "
          "wolfSSL, C2SP Wycheproof #255). It cannot see overflows that need a particular matrix.", REFUSED,
          severity="high"),
    check("zero-t1-key", f"{_VERIFY} line 9", _key_shapes, _script,
          "A public key with t1 = 0 is well formed, and what verifies under it must be accepted: the standard has no "
          "rule against it (RustCrypto signatures #1183). The other crafted checks rely on such keys.", REFUSED,
          severity="medium"),
    check("hint-shapes", "FIPS 204 §7.1, algorithm 21", _hint_shapes, _script,
          "Every legal shape of a hint must be accepted: none at all, none for one polynomial, omega in one, the "
          "first and the last position, positions that fall from one polynomial to the next. Libraries refused empty "
          "ones (RustCrypto signatures #894, OpenTitan #30947).", REFUSED, severity="high"),
    check("hint-encoding", "FIPS 204 §7.1, algorithm 21 lines 4, 9 and 17", _hint_encoding, _script,
          "A hint has one encoding: positions out of order or repeated, padding that is not zero, counts that fall or "
          "exceed omega must be refused, or signatures can be altered (CVE-2026-24850), or memory read behind the "
          "signature (libcrux PR 1348, noble-post-quantum #42). c~ fits what code without the rule would read. It "
          "cannot see reads beyond the signature that have no effect.", CRITICAL),
    check("use-hint", "FIPS 204 §7.4, algorithms 36 and 40", _use_hint, _script,
          "A coefficient of w' at every edge of Decompose, with and without a hint: r0 = 0, r0 at plus and minus "
          "gamma2, the fold at q - 1, and the step from the highest to the lowest value. Honest signatures meet the "
          "rarest of them once in thousands (GHSA-h37v-hp6w-2pp8, tink-go #48).", REFUSED, severity="high"),
    check("prehash-rules", "FIPS 204 §5.4.1, algorithm 5", _prehash, _script,
          "HashML-DSA verification keeps the same bounds on z and the same encoding of hints as the pure one: a "
          "sample of those crafted signatures, asked there.", CRITICAL, needs=(frozenset({PREHASH}),), gaps=no_hashes),
)  # fmt: skip
