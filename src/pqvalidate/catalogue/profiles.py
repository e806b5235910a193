"""The profiles of published verdicts: which file goes into the catalogue, and whose name it may bear.

A private profile can call itself what it likes, and a reader knows a profile by its name. So one that bears the name of
a built-in profile and is another file is published only if the catalogue's owner names that file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from pqvalidate.catalogue.client import sha256
from pqvalidate.catalogue.repository import Draft
from pqvalidate.documents import read_bytes
from pqvalidate.errors import PqvalidateError, UsageError
from pqvalidate.policy.book import BUILT_IN, profile_path
from pqvalidate.policy.engine import PolicyName, PolicyVerdict

_WHAT = "a policy profile"
_SHOWN = 8
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{1,63}")  # as of a profile's own file; a signed verdict can say anything
ProfileKey = tuple[str, str]
"""A profile by its identifier and the SHA-256 of its file: what decides whether two verdicts are under one profile."""


class RefusedError(PqvalidateError):
    """Something that was to be published does not hold."""

    exit_code = 1


def refuse_borrowed(policies: Iterable[PolicyName], verdict: Path, given: Sequence[Path]) -> None:
    """Refuse a verdict under a profile that has the name of a built-in one and is another file.

    Args:
        policies: the profile of the verdict, and those that it extends.
        verdict: the file of the verdict, for the message.
        given: profile files that the owner of the catalogue has named.

    Raises:
        RefusedError: such a profile is none of the files given, or the name of a profile is none.
        InputError: a file given cannot be read.

    """
    for policy in policies:
        if not _ID.fullmatch(policy.id):
            raise RefusedError(f"{verdict} is not published, for {policy.id[:60]!r} is no identifier of a profile")
        if not is_borrowed((policy.id, policy.sha256)):
            continue
        if policy.sha256 not in {sha256(read_bytes(path, _WHAT)) for path in given}:
            raise RefusedError(
                f"{verdict} is not published, for it was made under a profile that calls itself {policy.id}, as a"
                f" built-in profile does, and is another file (SHA-256 {policy.sha256}). If it is yours, give it an id"
                " of its own and judge again; if you know it as another version of the built-in one, name its file"
                " with --profile: the pages then show it apart"
            )


def add_profile(made: Draft, policy: PolicyName, certificate: Path, profiles: Sequence[Path]) -> None:
    """Add the file of a profile: the built-in one, one that was given, or one beside the certificate, by its digest.

    Raises:
        UsageError: none of them has the digest.
        InputError: a file cannot be read.

    """
    path = f"profiles/{policy.id}.{policy.sha256[:16]}.toml"
    if made.holds(path) is not None:
        return
    places = [*profiles, certificate.with_name(f"{policy.id}.toml")]
    places += [profile_path(policy.id)] if policy.id in BUILT_IN else []
    for place in places:
        if place.is_file():
            data = read_bytes(place, _WHAT)
            if sha256(data) == policy.sha256:
                made.add(path, data)
                return
    raise UsageError(
        f"the profile {policy.id} with SHA-256 {policy.sha256} is not at hand, and a catalogue holds the profiles"
        " of its verdicts; name its file with --profile"
    )


def key_of(verdict: PolicyVerdict) -> ProfileKey:
    """Return by what the profile of a verdict is known."""
    return verdict.policy.id, verdict.policy.sha256


def is_borrowed(key: ProfileKey) -> bool:
    """Return whether a profile has the name of a built-in one and is another file."""
    return key[0] in BUILT_IN and key[1] != _built_in(key[0])


def names(verdicts: Iterable[PolicyVerdict]) -> dict[ProfileKey, str]:
    """Return what each profile is called: by its identifier where that is enough, else with the start of its digest.

    It is not enough where two files have one identifier, or where it is that of a built-in profile of another digest.
    """
    keys = {key_of(verdict) for verdict in verdicts}
    several = {name for name, digest in keys if any(one == name and other != digest for one, other in keys)}
    shown = _SHOWN
    while len({(name, digest[:shown]) for name, digest in keys}) < len(keys):  # eight digits can be made alike
        shown += _SHOWN
    return {
        (name, digest): f"{name} ({digest[:shown]})" if name in several or is_borrowed((name, digest)) else name
        for name, digest in sorted(keys)
    }


@cache
def _built_in(name: str) -> str:
    return sha256(profile_path(name).read_bytes())
