"""The manifest's ``[symbols]``: which functions of a C library do what, and in which order they take their arguments.

A family is a preset: a table of functions, with a prefix for each parameter set. Whatever a vendor writes beside it
counts more. Arguments are words: ``ek`` passes a pointer to that input, ``k!`` one to room for that output,
``message_length`` a length, ``signature_length!`` a pointer to a length that the function sets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec.structs import replace

from pqvalidate.algorithms import PARAMETER_SETS, ParameterSet, nearest
from pqvalidate.documents import Record

Returns: TypeAlias = Literal["zero", "one", "length", "none"]
LengthType: TypeAlias = Literal["size_t", "unsigned long long"]
FAMILIES = ("nist", "pqclean", "mlkem-native", "mldsa-native", "mldsa-native-2", "liboqs", "crypto-condor", "none")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SYMBOL = re.compile(r"(?:[A-Za-z0-9_]|\{[a-z_]+\})+")
_ARGUMENT = re.compile(r"null|-?[0-9]+|\{[a-z_]+\}|(?:size|zeros):[0-9]+|[a-z_]+!?")


class Function(Record):
    """One C function: its symbol, its arguments in order, what it returns, and which pre-hash functions it knows.

    ``returns``: ``zero`` where 0 means success, ``one`` where 1 does, ``length`` where a positive length does, and
    ``none`` for a function of type void, which cannot refuse anything. ``{word}`` in ``symbol`` and ``arguments`` is
    replaced by that word of the parameter set.
    """

    symbol: str
    arguments: tuple[str, ...]
    returns: Returns = "zero"
    hashes: tuple[str, ...] = ()


class Symbols(Record):
    """What a C library calls its functions.

    ``sets`` gives words for each parameter set, such as its ``prefix``; ``functions`` are functions by the operation
    that they carry out. ``randomness`` says how known random bytes reach the library: ``symbol:NAME`` for a function
    that it calls and that can be replaced, ``setter:NAME`` for a function that takes one, or ``none``. ``version``
    names a function that returns the version as a C string.
    """

    family: str = ""
    length_type: LengthType | None = None
    randomness: str = ""
    version: str = ""
    sets: dict[str, dict[str, str]] = {}
    functions: dict[str, Function] = {}


Problem: TypeAlias = tuple[str, str, str]
"""Place, problem and remedy."""
_GIVEN = Symbols()


def symbols_problem(symbols: Symbols, kind: str) -> Problem | None:
    """Return what is wrong with the table as it is written, for an implementation that is attached as ``kind``."""
    if kind not in ("c-abi", "liboqs"):
        remedy = "Leave [symbols] out, or attach the library by kind c-abi"
        return ("symbols", f"has no meaning for kind {kind}", remedy) if symbols != _GIVEN else None
    return _family_problem(symbols, kind) or _names_problem(symbols) or _functions_problem(symbols.functions)


def _family_problem(symbols: Symbols, kind: str) -> Problem | None:
    if symbols.family and symbols.family not in FAMILIES:
        near = nearest(symbols.family, FAMILIES)
        return "symbols.family", f"unknown family {symbols.family!r}{near}", f"Known families: {', '.join(FAMILIES)}"
    if kind == "liboqs" and symbols.family not in ("", "liboqs"):
        return "symbols.family", f"is {symbols.family!r} for kind liboqs", "Leave it out, or use kind c-abi"
    return None


def _names_problem(symbols: Symbols) -> Problem | None:
    source = rf"|none|(?:symbol|setter):{_NAME.pattern}"
    if not re.fullmatch(source, symbols.randomness):
        remedy = "Write symbol:NAME, setter:NAME or none"
        return "symbols.randomness", f"{symbols.randomness!r} names no function", remedy
    if symbols.version and not _NAME.fullmatch(symbols.version):
        return "symbols.version", f"{symbols.version!r} is no C name", "Name a function without arguments"
    for name in symbols.sets:
        if name not in PARAMETER_SETS:
            problem = f"unknown parameter set {name!r}{nearest(name, list(PARAMETER_SETS))}"
            return f"symbols.sets.{name}", problem, "Use a name that `pqvalidate explain` lists"
    return None


def _functions_problem(functions: Mapping[str, Function]) -> Problem | None:
    for name, function in functions.items():
        place = f"symbols.functions.{name}"
        if not _SYMBOL.fullmatch(function.symbol):
            return f"{place}.symbol", f"{function.symbol!r} is no C name", "Write it as {prefix}name"
        for index, word in enumerate(function.arguments):
            if not _ARGUMENT.fullmatch(word):
                problem = f"{word!r} is no argument"
                remedy = "Write the name of an input, an output with !, NAME_length, null, a number, size:N or zeros:N"
                return f"{place}.arguments[{index}]", problem, remedy
    return None


def _row(symbol: str, arguments: str, returns: Returns = "zero", hashes: str = "") -> Function:
    return Function(symbol="{prefix}" + symbol, arguments=tuple(arguments.split()), returns=returns,
                    hashes=tuple(hashes.split()))  # fmt: skip


def _without(function: Function, *words: str) -> Function:
    return replace(function, arguments=tuple(word for word in function.arguments if word not in words))


Table: TypeAlias = Mapping[str, tuple[Function, ...]]
"""Per operation the functions that may carry it out, the best first; ``.rnd`` marks one that takes that option."""

_KEM_NIST: Table = {
    "keygen": (_row("crypto_kem_keypair", "ek! dk!"),),
    "keygen_from_seed": (_row("crypto_kem_keypair_derand", "ek! dk! seed"),),
    "encapsulate": (_row("crypto_kem_enc", "c! k! ek"),),
    "encapsulate_derand": (_row("crypto_kem_enc_derand", "c! k! ek m"),),
    "decapsulate": (_row("crypto_kem_dec", "k! c dk"),),
}
_SIGN = "signature! signature_length! message message_length"
_CHECK = "signature signature_length message message_length"
_CONTEXT = "context context_length"
_OPEN = "opened! opened_length! signed signed_length"
_SIGNATURE_NIST: Table = {
    "keygen": (_row("crypto_sign_keypair", "pk! sk!"),),
    "sign": (
        _row("crypto_sign_signature_ctx", f"{_SIGN} {_CONTEXT} sk"),
        _row("crypto_sign_signature", f"{_SIGN} sk"),
        _row("crypto_sign", "signed! signed_length! message message_length sk"),
    ),
    "verify": (
        _row("crypto_sign_verify_ctx", f"{_CHECK} {_CONTEXT} pk"),
        _row("crypto_sign_verify", f"{_CHECK} pk"),
        _row("crypto_sign_open", f"{_OPEN} pk"),
    ),
}
_KEM_NATIVE: Table = {
    "keygen": (_row("keypair", "ek! dk!"),),
    "keygen_from_seed": (_row("keypair_derand", "ek! dk! seed"),),
    "encapsulate": (_row("enc", "c! k! ek"),),
    "encapsulate_derand": (_row("enc_derand", "c! k! ek m"),),
    "decapsulate": (_row("dec", "k! c dk"),),
    "check_encapsulation_key": (_row("check_pk", "ek"),),
    "check_decapsulation_key": (_row("check_sk", "dk"),),
}
_PREFIXED = f"{_SIGN} prefix prefix_length"
_MU = "signature! signature_length! mu size:64 null size:0"  # a caller must not give another length
_SIGNATURE_NATIVE: Table = {
    "keygen": (_row("keypair", "pk! sk!"),),
    "keygen_from_seed": (_row("keypair_internal", "pk! sk! seed"),),
    "sign": (_row("signature", f"{_SIGN} {_CONTEXT} sk"),),
    "sign_deterministic": (_row("signature_internal", f"{_PREFIXED} zeros:32 sk 0"),),
    "sign_with_rnd": (_row("signature_internal", f"{_PREFIXED} rnd sk 0"),),
    "sign_internal": (
        _row("signature_internal", "signature! signature_length! m_prime m_prime_length null size:0 rnd sk 0"),
    ),
    "sign_mu": (_row("signature_extmu", "signature! signature_length! mu sk"),),
    "sign_mu.rnd": (_row("signature_internal", f"{_MU} rnd sk 1"),),
    "sign_prehash.rnd": (
        _row("signature_pre_hash_shake256", f"{_SIGN} {_CONTEXT} rnd sk", hashes="SHAKE-256"),
    ),
    "verify": (_row("verify", f"{_CHECK} {_CONTEXT} pk"),),
    "verify_mu": (_row("verify_extmu", "signature signature_length mu pk"),),
    "verify_prehash": (_row("verify_pre_hash_shake256", f"{_CHECK} {_CONTEXT} pk", hashes="SHAKE-256"),),
    "verify_internal": (
        _row("verify_internal", "signature signature_length m_prime m_prime_length null size:0 pk 0"),
    ),
}  # fmt: skip
_SIGNATURE_NATIVE_2: Table = {  # from version 2 on, no function takes or sets the length of a signature
    operation: tuple(_without(function, "signature_length", "signature_length!") for function in found)
    for operation, found in _SIGNATURE_NATIVE.items()
}
_KEM_LIBOQS: Table = {
    "keygen": (_row("keypair", "ek! dk!"),),
    "keygen_from_seed": (_row("keypair_derand", "ek! dk! seed"),),
    "encapsulate": (_row("encaps", "c! k! ek"),),
    "encapsulate_derand": (_row("encaps_derand", "c! k! ek m"),),
    "decapsulate": (_row("decaps", "k! c dk"),),
}
_OQS_CHECK = "message message_length signature signature_length"
_SIGNATURE_LIBOQS: Table = {
    "keygen": (_row("keypair", "pk! sk!"),),
    "sign": (_row("sign_with_ctx_str", f"{_SIGN} {_CONTEXT} sk"), _row("sign", f"{_SIGN} sk")),
    "sign_mu": (_row("extmu_sign", "signature! signature_length! mu mu_length sk"),),
    "verify": (_row("verify_with_ctx_str", f"{_OQS_CHECK} {_CONTEXT} pk"), _row("verify", f"{_OQS_CHECK} pk")),
    "verify_mu": (_row("extmu_verify", "mu mu_length signature signature_length pk"),),
}
_KEM_CONDOR: Table = {
    "encapsulate": (_row("encaps", "c! c_length k! k_length ek ek_length", "none"),),
    "decapsulate": (_row("decaps", "k! k_length c c_length dk dk_length", "none"),),
}
_SIGNATURE_CONDOR: Table = {
    "keygen_from_seed": (_row("keygen", "pk! pk_length sk! sk_length seed seed_length", "none"),),
    "sign": (_row("sign", f"signature! signature_length message message_length {_CONTEXT} sk sk_length", "none"),),
    "verify": (_row("verify", f"{_CHECK} {_CONTEXT} pk pk_length"),),
}
_TABLES: dict[str, tuple[Table, Table]] = {
    "nist": (_KEM_NIST, _SIGNATURE_NIST), "pqclean": (_KEM_NIST, _SIGNATURE_NIST),
    "mlkem-native": (_KEM_NATIVE, _SIGNATURE_NATIVE), "mldsa-native": (_KEM_NATIVE, _SIGNATURE_NATIVE),
    "mldsa-native-2": (_KEM_NATIVE, _SIGNATURE_NATIVE_2),
    "liboqs": (_KEM_LIBOQS, _SIGNATURE_LIBOQS), "crypto-condor": (_KEM_CONDOR, _SIGNATURE_CONDOR), "none": ({}, {}),
}  # fmt: skip
_PREFIXES = {
    "nist": "", "none": "", "pqclean": "PQCLEAN_{NAME}{number}_CLEAN_",
    "mlkem-native": "PQCP_MLKEM_NATIVE_{NAME}{number}_", "mldsa-native": "PQCP_MLDSA_NATIVE_{NAME}{number}_",
    "mldsa-native-2": "PQCP_MLDSA_NATIVE_{NAME}{number}_",
    "liboqs": "OQS_{KIND}_{snake}_{number}_", "crypto-condor": "CC_{NAME}_{number}_",
}  # fmt: skip
_RANDOMNESS = {
    "nist": "symbol:randombytes", "pqclean": "symbol:PQCLEAN_randombytes", "mlkem-native": "symbol:randombytes",
    "mldsa-native": "symbol:randombytes", "mldsa-native-2": "symbol:randombytes",
    "liboqs": "setter:OQS_randombytes_custom_algorithm",
}  # fmt: skip

_ROUND_3 = ("keygen", "keygen_from_seed", "sign", "verify")


def candidates(symbols: Symbols, family: str, name: str) -> dict[str, tuple[Function, ...]]:
    """Return, per operation of a parameter set, the functions that may carry it out, words still in place."""
    row = PARAMETER_SETS[name]
    table = dict(_TABLES[family][row.kind == "signature"])
    if row.algorithm == "Dilithium":  # round 3.1 has neither a context nor a pre-hash
        table = {op: tuple(f for f in table[op] if "context" not in f.arguments) for op in _ROUND_3 if op in table}
    if row.algorithm == "Kyber" and family == "liboqs":  # there keypair_derand is a stub that always fails
        table.pop("keygen_from_seed")
    return {**table, **{op: (function,) for op, function in symbols.functions.items()}}


def words(symbols: Symbols, family: str, name: str) -> dict[str, str]:
    """Return the words of a parameter set: its prefix in the family, and what the manifest says."""
    row = PARAMETER_SETS[name]
    stem, number = _stem(row)
    usual = _PREFIXES[family].format(
        NAME=stem.replace("-", ""), number=number, KIND="KEM" if row.kind == "kem" else "SIG",
        snake=stem.replace("-", "_").lower(),
    )  # fmt: skip
    return {"prefix": usual, **symbols.sets.get(name, {})}


def _stem(row: ParameterSet) -> tuple[str, str]:
    found = re.fullmatch(r"(.*?)-?([0-9]+)", row.name)
    assert found  # noqa: S101  (every name ends in a number)
    return found[1].upper(), found[2]


def randomness(symbols: Symbols, family: str) -> str:
    """Return how known random bytes reach the library; ``none`` where nothing is known."""
    return symbols.randomness or _RANDOMNESS.get(family, "none")


def length_type(symbols: Symbols, family: str) -> LengthType:
    """Return the C type of lengths: that of the family, unless the manifest says another."""
    return symbols.length_type or ("unsigned long long" if family == "nist" else "size_t")


def fill(text: str, known: Mapping[str, str]) -> str:
    """Replace every ``{word}``.

    Raises:
        KeyError: the parameter set has no such word.

    """
    return re.sub(r"\{([a-z_]+)\}", lambda found: known[found[1]], text)


def family_of(symbols: Symbols, kind: str) -> str:
    """Return the family that is meant where the manifest leaves it out."""
    return symbols.family or ("liboqs" if kind == "liboqs" else "nist")


__all__: Sequence[str] = (
    "FAMILIES", "Function", "Symbols", "candidates", "family_of", "fill", "length_type", "randomness",
    "symbols_problem", "words",
)  # fmt: skip
