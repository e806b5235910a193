"""What a report says about an implementation beside what was measured."""

from __future__ import annotations

from pqvalidate.manifest import Manifest


def speed_claims(manifest: Manifest) -> tuple[str, ...]:
    """Return a note for each claim on speed: a run does not judge it, and must not pass over it in silence."""
    return tuple(
        f"the vendor claims that {claim.operation} of {claim.parameter_set} is at least {claim.at_least:g} times as"
        f" fast as that of {claim.of}; this run did not judge that, `pqvalidate bench` does"
        for claim in manifest.claims.performance
    )


def other_version(stated: str, said: str) -> str:
    """Return a note where an implementation names another version of itself than the manifest; or nothing."""
    if not stated or not said or stated == said:
        return ""
    return f"the manifest states version {stated}; the implementation says {said}"
