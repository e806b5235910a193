"""Finding and reading profiles: the built-in ones and those of a user, with the profiles that they extend by digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pqvalidate.algorithms import nearest
from pqvalidate.documents import parse_toml, read_bytes, to_record
from pqvalidate.errors import InputError, UsageError
from pqvalidate.policy.linting import problems
from pqvalidate.policy.profile import Base, Profile, Rule

BUILT_IN = (
    "pqc-behaviour", "cnsa-2.0", "nist-base", "eccg-acm-2.0", "bsi-tr-02102-1-2026", "anssi-2026", "nl-gov-baseline",
    "uk-ncsc", "asd-ism", "eu-roadmap",
)  # fmt: skip
"""Names of the built-in profiles; ``pqc-behaviour`` is what the others share."""

_WHAT = "a policy profile (TOML, schema pqvalidate/policy-profile/1)"
_REMEDY = "See docs/reference/profiles for the rule types and their fields"
_MOST_GENERATIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedProfile:
    """A profile with the SHA-256 of its file and all its rules, those of its bases first, each with its profile."""

    profile: Profile
    sha256: str
    path: Path
    rules: tuple[tuple[str, Rule], ...]
    bases: tuple[Base, ...]


def profile_path(name: str) -> Path:
    """Return the file of a built-in profile."""
    return Path(str(resources.files("pqvalidate.policy") / "profiles" / f"{name}.toml"))


def load_profile(name: str) -> LoadedProfile:
    """Read a built-in profile by its name, or a profile file by its path.

    Raises:
        UsageError: there is no such profile; the message gives the nearest name.
        InputError: the file is malformed or contradicts itself, or a base is missing or has another digest.

    """
    if name in BUILT_IN:
        return read_profile(profile_path(name))
    path = Path(name)
    if not name.endswith(".toml") and not path.is_file():
        known = ["as-claimed", *BUILT_IN]
        raise UsageError(f"unknown policy {name!r}{nearest(name, known)}; available: {', '.join(known)}, or a file")
    return read_profile(path)


def read_profile(path: Path, generation: int = 0) -> LoadedProfile:
    """Read a profile file, and the profiles that it extends from the same folder or from the built-in ones.

    Raises:
        InputError: as for ``load_profile``.

    """
    sha256 = hashlib.sha256(read_bytes(path, _WHAT)).hexdigest()
    profile = to_record(parse_toml(path, _WHAT), Profile, path, _REMEDY)
    rules: list[tuple[str, Rule]] = []
    bases: list[Base] = []
    for index, base in enumerate(profile.extends):
        place = f"extends[{index}]"
        if generation >= _MOST_GENERATIONS:
            raise InputError(path, place, "profiles extend each other more than 8 deep", "Shorten the chain")
        loaded = read_profile(_base_path(path, base, place), generation + 1)
        if (loaded.profile.id, loaded.sha256) != (base.id, base.sha256):
            raise InputError(
                path, f"{place}.sha256", f"{loaded.path.name} is {loaded.profile.id} with SHA-256 {loaded.sha256}",
                "Read what changed in that profile, then name its present digest",
            )  # fmt: skip
        bases += [*(b for b in loaded.bases if b not in bases), base]
        rules += [row for row in loaded.rules if row not in rules]
    rules += [(profile.id, rule) for rule in profile.rules]
    loaded = LoadedProfile(profile=profile, sha256=sha256, path=path, rules=tuple(rules), bases=tuple(bases))
    for place, problem, remedy in problems(profile, tuple(rule for _, rule in rules)):
        raise InputError(path, place, problem, remedy)
    return loaded


def borrows_its_name(loaded: LoadedProfile) -> bool:
    """Return whether a profile has the identifier of a built-in one and other content."""
    own = loaded.profile.id
    return own in BUILT_IN and loaded.sha256 != hashlib.sha256(read_bytes(profile_path(own), _WHAT)).hexdigest()


def _base_path(path: Path, base: Base, place: str) -> Path:
    beside = path.with_name(f"{base.id}.toml")
    if beside.is_file():
        return beside
    if base.id in BUILT_IN:
        return profile_path(base.id)
    raise InputError(path, f"{place}.id", f"there is no profile {base.id}", f"Put {base.id}.toml beside this file")
