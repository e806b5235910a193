"""What ``keygen``, ``trust`` and ``timestamp`` do; each returns what is to be printed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from pqvalidate.certificate import keygen as make_keys
from pqvalidate.certificate import load_signing_key, load_trust
from pqvalidate.certificate.keys import Revocation, TrustedValidator, write_new
from pqvalidate.certificate.predicate import format_time
from pqvalidate.certificate.roots import (
    SignedTrust,
    TrustBody,
    describe,
    load_signed,
    make_first,
    make_next,
    parse_draft,
    read_draft,
    refuse_unrelated,
    refuse_untimely,
    revoke,
    sign_body,
)
from pqvalidate.documents import free_text, read_bytes, to_json, write_atomically
from pqvalidate.errors import InputError, UsageError
from pqvalidate.roles.flags import ORGANISATIONS
from pqvalidate.roles.naming import passphrase, signer


def keygen(given: argparse.Namespace, now: datetime) -> str:
    """Make a signing key of a role and its public file."""
    validator = given.role in ORGANISATIONS
    if validator and given.organisation not in {None, given.role}:
        raise UsageError(f"--role {given.role} and --organisation {given.organisation} contradict each other")
    secret = passphrase(given, new=True)
    made = make_keys(
        Path(given.out), now=now, name=given.name, passphrase=secret,
        purpose="validator" if validator else given.role,
        role=given.role if validator else given.organisation or "vendor-self",
    )  # fmt: skip
    kept = "encrypted" if secret is not None else "not encrypted"
    return (
        f"Private signing key: {made.signing_key} (readable by you only, {kept}; keep it offline)\n"
        f"Public trust file:   {made.trust} (give it to those who verify)\n"
    )


def trust(given: argparse.Namespace, now: datetime) -> str:
    """Make, sign, check or show a trust file."""
    return _ACTIONS[given.action](given, now)


def _init(given: argparse.Namespace, now: datetime) -> str:
    roots = _entries(given.entry)
    threshold = min(2, len(roots)) if given.threshold is None else given.threshold
    _refuse_threshold(threshold)
    body = make_first(roots, threshold=threshold, now=now, days=given.days, path=Path(given.entry[0]))
    return _written(given, body)


def _add(given: argparse.Namespace, now: datetime) -> str:
    old = read_draft(Path(given.trust))
    rows = (*old.body.validators, *_entries(given.entry))
    return _written(given, make_next(old, now=now, days=given.days, validators=rows))


def _revoke(given: argparse.Namespace, now: datetime) -> str:
    old = read_draft(Path(given.trust))
    reason = free_text(given.reason, "--reason")
    since = _day(given.since) if given.since else now
    rows = revoke(old, given.id, Revocation(since=format_time(since), reason=reason))
    return _written(given, make_next(old, now=now, days=given.days, validators=rows))


def _rotate(given: argparse.Namespace, now: datetime) -> str:
    old = read_draft(Path(given.trust))
    known = {row.id for row in old.body.roots}
    for name in given.remove:
        if name not in known:
            raise UsageError(f"{name} is no root key of {old.path}; those are {', '.join(sorted(known))}")
    rows = (*(row for row in old.body.roots if row.id not in given.remove), *_entries(given.add))
    if given.threshold is not None:
        _refuse_threshold(given.threshold)
    body = make_next(old, now=now, days=given.days, roots=rows, threshold=given.threshold)
    return _written(given, body)


def _renew(given: argparse.Namespace, now: datetime) -> str:
    return _written(given, make_next(read_draft(Path(given.trust)), now=now, days=given.days))


def _sign(given: argparse.Namespace, now: datetime) -> str:
    del now
    path = Path(given.trust)
    draft, who = read_draft(path), signer(given)
    data = sign_body(draft.body, [who], draft.envelope)
    signed = parse_draft(data, path)  # as a reader will, before the old file is gone
    write_atomically(path, data)
    note = ""
    if who.public.id not in {row.id for row in draft.body.roots}:
        note = "This key is none of its root keys; it counts only if it is one of the version before.\n"
    return f"{_told(signed)}{note}"


def _check(given: argparse.Namespace, now: datetime) -> str:
    found = [load_signed(Path(path)) for path in given.trust]
    for old, new in pairwise(found):
        refuse_unrelated(old, new)
    newest = found[-1]
    refuse_untimely(newest, format_time(now))
    if given.format == "json":
        return to_json(describe(newest)).decode()
    steps = len(found) - 1
    follows = f"It follows {found[0].path} in {steps} step{'s' * (steps > 1)}.\n" if steps else (
        "Nothing shows whose root keys these are: compare its SHA-256, or give a version that you believe first.\n"
    )  # fmt: skip
    return f"{_told(newest)}{follows}Pin it with: --trust-sha256 {newest.sha256}\n"


def _show(given: argparse.Namespace, now: datetime) -> str:
    del now
    found = read_draft(Path(given.trust))
    if given.format == "json":
        return to_json(describe(found)).decode()
    lines = [_told(found)]
    for row in (*found.body.roots, *found.body.validators):
        state = f"REVOKED since {row.revoked.since}: {row.revoked.reason}" if row.revoked else f"until {row.not_after}"
        signed = ", has signed" if row.id in found.signers else ""
        lines.append(f"  {row.purpose:<13} {row.name} ({row.role}), {state}{signed}\n{'':<16}{row.id}\n")
    return "".join(lines)


_ACTIONS: dict[str, Callable[[argparse.Namespace, datetime], str]] = {
    "init": _init, "add": _add, "revoke": _revoke, "rotate-root": _rotate, "renew": _renew, "sign": _sign,
    "check": _check, "show": _show,
}  # fmt: skip


def timestamp(given: argparse.Namespace, now: datetime) -> str:
    """Ask for a time stamp, write a request for one, or store the answer to it."""
    del now  # the authority tells the time
    from pqvalidate.certificate import timestamps as stamps  # noqa: PLC0415  (needs an extra)

    certificate = Path(given.certificate)
    if given.request:
        write_new(Path(given.request), stamps.make_request(certificate).as_bytes(), mode=0o644)
        return f"Request written to {given.request}; store the authority's answer with --response FILE\n"
    if given.tsa:
        request = stamps.make_request(certificate)
        file, data = f"answer of {given.tsa}", stamps.ask(given.tsa, request)
        moment = stamps.check_answer(data, file, certificate, request)
    else:
        file, data = given.response, read_bytes(Path(given.response), "the answer of a time stamp authority")
        moment = stamps.check_answer(data, file, certificate, None)
    checked = "its signature is not checked: that needs --tsa-certificate FILE"
    if given.tsa_certificate:
        try:
            stamps.signed_time(data, file, certificate, Path(given.tsa_certificate))
        except stamps.RefusedStampError as error:
            raise InputError(file, "", str(error), "Ask the authority again, or give its right certificate") from None
        checked = "its signature is good"
    out = Path(given.out or f"{certificate}.tsr")
    write_new(out, data, mode=0o644)
    return f"Time stamp of {moment} written to {out}; {checked}\n"


VERBS: dict[str, Callable[[argparse.Namespace, datetime], str]] = {
    "keygen": keygen, "trust": trust, "timestamp": timestamp,
}  # fmt: skip


def _entries(paths: Sequence[str]) -> tuple[TrustedValidator, ...]:
    return tuple(row for path in paths for row in load_trust(Path(path)).validators)


def _written(given: argparse.Namespace, body: TrustBody) -> str:
    secret: Any = passphrase(given) if given.key else None
    keys = [load_signing_key(Path(path), passphrase=secret) for path in given.key]
    out = Path(given.out)
    data = sign_body(body, keys)
    signed = parse_draft(data, out)
    write_new(out, data, mode=0o644)
    return _told(signed)


def _told(found: SignedTrust) -> str:
    body, count = found.body, len(found.signers)
    missing = body.threshold - count
    gone = sum(row.revoked is not None for row in body.validators)
    state = "complete" if missing <= 0 else f"{missing} more must sign it before anybody believes it"
    return (
        f"Trust file {found.path}: version {body.version}, expires {body.expires}\n"
        f"  signed by {count} of {len(body.roots)} root keys, {body.threshold} must: {state}\n"
        f"  names {len(body.validators)} other holders, {gone} revoked\n"
    )


def _refuse_threshold(threshold: int) -> None:
    if threshold < 1:
        raise UsageError("--threshold needs a number of at least 1")


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"--since {text!r} is not a date; write it as YYYY-MM-DD") from None
