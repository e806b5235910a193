"""Reading what a certificate says without asking who signed it, for a judgement that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pqvalidate.certificate.consistency import problems
from pqvalidate.certificate.envelope import read_envelope
from pqvalidate.certificate.predicate import PAYLOAD_TYPE, PREDICATE_TYPE, Statement
from pqvalidate.certificate.verification import parse_body
from pqvalidate.documents import to_record
from pqvalidate.errors import InputError

SVR_TYPE: Final = "https://in-toto.io/attestation/svr/v0.2"
"""Predicate type of a policy verdict: a Simple Verification Result of in-toto."""

_REMEDY = "Give a certificate that `pqvalidate certify` has written"


def is_verdict(path: Path) -> bool:
    """Return whether an envelope holds a policy verdict, by its own word; nothing is trusted by that.

    Raises:
        InputError: the file is no envelope.

    """
    # Only chooses the reader; the reader pins the type again, in the bytes whose signatures it has checked.
    return f'"predicateType":"{SVR_TYPE}"'.encode() in read_envelope(path).payload


def read_unchecked(path: Path) -> Statement:
    """Return what a certificate says; its signatures are not looked at, so whoever uses this must say so.

    Raises:
        InputError: the file is no certificate, is not canonical, or its parts contradict each other.

    """
    envelope = read_envelope(path)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise InputError(path, "payloadType", f"is {envelope.payload_type[:80]!r}", _REMEDY)
    tree = parse_body(envelope.payload, path)
    if tree.get("predicateType") != PREDICATE_TYPE:
        raise InputError(path, "predicateType", f"is {str(tree.get('predicateType'))[:80]!r}", _REMEDY)
    statement = to_record(tree, Statement, path, _REMEDY)
    wrong = problems(statement)
    if wrong:
        raise InputError(path, "signed body", wrong[0], "Ask the validator for a corrected certificate")
    return statement
