"""The vendor's manifest: what the product is, how to reach the implementation, and what the vendor claims."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from pqvalidate.algorithms import PARAMETER_SETS, nearest
from pqvalidate.documents import Record, parse_toml, to_record, unseen_problem
from pqvalidate.errors import InputError, UsageError
from pqvalidate.symbols import Symbols, symbols_problem

SCHEMA = "pqvalidate/manifest/1"
KINDS = ("python", "c-abi", "liboqs", "harness", "modulewrapper", "argv", "acvp-files")
DIALECTS = {
    "harness": ("pqvalidate", "crucible", "crucible-external"),
    "modulewrapper": ("boringssl", "aws-lc"),
    "argv": ("mlkem-native",),
}
"""Per kind, the languages that a program may speak; the first is the one that a manifest means by leaving it out."""

_MOST_NAME = 200
_LIBRARIES = ("c-abi", "liboqs")
_PROGRAMS = tuple(DIALECTS)
_WHAT = "a pqvalidate manifest (TOML, schema pqvalidate/manifest/1)"


class Product(Record):
    """Who made what; ``version`` empty means: ask the adapter for the version that is installed."""

    vendor: str
    name: str
    version: str = ""
    form: Literal["software-library", "module", "hsm", "service", "protocol-endpoint"] = "software-library"


class Attach(Record):
    """How to reach the implementation.

    ``target`` is the ``module:callable`` of kind python, ``library`` the shared library of kinds c-abi and liboqs,
    ``command`` the program and arguments of the other kinds; acvp-files has none of them. Words of ``command`` that
    begin with ``./`` or ``../``, and ``library``, are relative to the manifest.
    """

    kind: str
    target: str = ""
    library: str = ""
    command: tuple[str, ...] = ()
    dialect: str = ""
    framing: Literal["jsonl", "binary"] = "jsonl"
    path: tuple[str, ...] = (".",)
    environment: dict[str, str] = {}
    pass_environment: tuple[str, ...] = ()


class SpeedOf(Record):
    """A claim on speed: an operation at least ``at_least`` times as fast as ``of``, a vendor's name or a manifest."""

    operation: Literal[
        "keygen", "load_encapsulation_key", "load_decapsulation_key", "encapsulate", "encapsulate_loaded",
        "decapsulate", "decapsulate_loaded", "sign_deterministic", "sign", "verify",
    ]  # fmt: skip
    parameter_set: str
    at_least: float
    of: str


class Claims(Record):
    """What the vendor claims: parameter sets, which input checks its documentation leaves to the caller, and speed.

    ``timing`` names those of them whose execution time is claimed not to depend on secrets; ``file`` is a claims file
    on origin, supply chain and the like, relative to the manifest.
    """

    conformance: tuple[str, ...]
    caller_checks: tuple[Literal["encapsulation-key", "decapsulation-key"], ...] = ()
    performance: tuple[SpeedOf, ...] = ()
    timing: tuple[str, ...] = ()
    file: str = ""


class ArtefactSource(Record):
    """Files whose digests identify what was tested: a path below the manifest, or an installed distribution."""

    path: str = ""
    distribution: str = ""


class ManifestLimits(Record):
    """Bounds on vendor code: whole seconds and mebibytes, and whether it may use the network."""

    call_seconds: int = 20
    start_seconds: int = 60
    memory_mib: int = 2048
    file_mib: int = 1
    network: bool = False


class Manifest(Record):
    """One product as its vendor describes it."""

    schema: Literal["pqvalidate/manifest/1"]
    product: Product
    attach: Attach
    claims: Claims
    artefacts: tuple[ArtefactSource, ...] = ()
    limits: ManifestLimits = ManifestLimits()
    configuration: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    symbols: Symbols = Symbols()


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        InputError: it is missing or malformed, names an unknown key, kind or parameter set, or claims nothing.

    """
    table = parse_toml(path, _WHAT)
    manifest = to_record(table, Manifest, path, "See docs/reference/manifest for the keys and their types")
    problem = _problem(manifest)
    if problem:
        raise InputError(path, *problem)
    return manifest


Problem: TypeAlias = tuple[str, str, str]
"""Place, problem and remedy."""


def _problem(manifest: Manifest) -> Problem | None:
    if not manifest.product.vendor.strip() or not manifest.product.name.strip():
        return "product", "vendor or name is empty", "Name both"
    for name in ("vendor", "name", "version"):  # they head every page, and are signed
        text: str = getattr(manifest.product, name)
        if len(text) > _MOST_NAME:
            return f"product.{name}", f"has {len(text)} characters", f"Write at most {_MOST_NAME}"
        unseen = unseen_problem(text)
        if unseen:
            return f"product.{name}", unseen, "Write it with visible letters, on one line"
    for name, value in msgspec.structs.asdict(manifest.limits).items():
        if name != "network" and not 0 < value <= 1 << 20:
            return f"limits.{name}", f"{value} is out of range", "Give a whole number from 1 to 1048576"
    attach, claims, artefacts = manifest.attach, manifest.claims, manifest.artefacts
    return (
        _attach_problem(attach) or _claims_problem(claims) or _artefacts_problem(artefacts)
        or symbols_problem(manifest.symbols, attach.kind)
    )  # fmt: skip


def _attach_problem(attach: Attach) -> Problem | None:
    if attach.kind not in KINDS:
        known = ", ".join(KINDS)
        return "attach.kind", f"unknown kind {attach.kind!r}{nearest(attach.kind, KINDS)}", f"Known kinds: {known}"
    fields = {"python": "target", **dict.fromkeys(_LIBRARIES, "library"), **dict.fromkeys(_PROGRAMS, "command")}
    wanted = fields.get(attach.kind, "")
    for field in dict.fromkeys(fields.values()):
        if field != wanted and getattr(attach, field):
            remedy = f"Leave it out, and give {wanted}" if wanted else "Leave it out"
            return f"attach.{field}", f"has no meaning for kind {attach.kind}", remedy
    if attach.kind == "python":
        module, _, name = attach.target.partition(":")
        if not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
            return "attach.target", f"{attach.target!r} is not module:callable", "Write it as package.module:function"
    elif wanted and not getattr(attach, wanted) and attach.kind != "liboqs":
        return f"attach.{wanted}", f"is missing; kind {attach.kind} needs it", f"State the {wanted}"
    for word in (attach.library, *attach.command):
        if "\0" in word:
            return f"attach.{wanted}", "holds a NUL character", "Give a path or word without it"
    return _dialect_problem(attach)


def _dialect_problem(attach: Attach) -> Problem | None:
    known = DIALECTS.get(attach.kind, ())
    if not attach.dialect or attach.dialect in known:
        return None
    problem = f"unknown dialect {attach.dialect!r}{nearest(attach.dialect, known)}"
    return "attach.dialect", problem, f"Kind {attach.kind} speaks: {', '.join(known) or 'none'}"


def _claims_problem(claims: Claims) -> Problem | None:
    if not claims.conformance:
        return "claims.conformance", "claims nothing", "Name at least one parameter set, e.g. ML-KEM-768"
    for index, wanted in enumerate(claims.conformance):
        if wanted not in PARAMETER_SETS:
            near = nearest(wanted, list(PARAMETER_SETS))
            problem = f"unknown parameter set {wanted!r}{near}"
            return f"claims.conformance[{index}]", problem, "Use a name that `pqvalidate explain` lists"
    if len(set(claims.conformance)) != len(claims.conformance):
        return "claims.conformance", "names a parameter set twice", "Name each once"
    for index, wanted in enumerate(claims.timing):
        if wanted not in claims.conformance:
            problem = f"{wanted!r} is not among the sets whose conformance is claimed"
            return f"claims.timing[{index}]", problem, "Claim its conformance, too, or leave it out"
    if len(set(claims.timing)) != len(claims.timing):
        return "claims.timing", "names a parameter set twice", "Name each once"
    return _speed_problem(claims)


def _speed_problem(claims: Claims) -> Problem | None:
    for index, speed in enumerate(claims.performance):
        place = f"claims.performance[{index}]"
        if speed.parameter_set not in claims.conformance:
            near = nearest(speed.parameter_set, claims.conformance)
            problem = f"{speed.parameter_set!r} is not among the sets that claims.conformance names{near}"
            return f"{place}.parameter_set", problem, "Claim the speed of something that the product implements"
        if not 0 < speed.at_least < 1_000_000:
            return f"{place}.at_least", f"{speed.at_least} is no ratio of speeds", "Give a number above 0, such as 1.0"
        if not speed.of.strip() or "\0" in speed.of:
            return f"{place}.of", "names nothing", "Give a built-in vendor, or a manifest relative to this one"
    return None


def _artefacts_problem(artefacts: tuple[ArtefactSource, ...]) -> Problem | None:
    for index, source in enumerate(artefacts):
        if bool(source.path) == bool(source.distribution):
            return f"artefacts[{index}]", "needs one of path and distribution", "Give exactly one of them"
    return None


def find_manifest(name: str, built_in: dict[str, Path]) -> Path:
    """Return the manifest for what was typed: a path, ``NAME`` for ``./NAME.toml``, or a built-in vendor.

    Raises:
        UsageError: nothing of that name; lists the nearest built-in name.

    """
    given = Path(name)
    if given.suffix == ".toml" or "/" in name:
        if given.is_file():
            return given
        raise InputError(given, "", "there is no such file", "Give the path of a manifest, or the name of a vendor")
    beside = Path(f"{name}.toml")
    if beside.is_file():
        return beside
    if name in built_in:
        return built_in[name]
    near = nearest(name, list(built_in))
    raise UsageError(f"no ./{name}.toml here and no built-in vendor {name!r}{near}; see `pqvalidate vendors`")
