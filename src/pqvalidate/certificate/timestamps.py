"""Time stamps (RFC 3161): an authority's signed word that a certificate, with its signatures, existed at some time.

What is stamped is the RFC 8785 form of the envelope: payload, type and signatures. A stamp on the payload alone would
not show that anybody had signed it yet. Needs the extra ``timestamp``; verifying without a stamp does not.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from pqvalidate.certificate.envelope import parse_envelope
from pqvalidate.certificate.predicate import format_time
from pqvalidate.documents import canonical, parse_json, read_bytes
from pqvalidate.errors import InputError, UsageError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampRequest, TimeStampResponse

_MOST_BYTES = 1024 * 1024
_SECONDS = 30
_WHAT = "the answer of a time stamp authority (RFC 3161, DER)"
_SHA512 = "2.16.840.1.101.3.4.2.3"  # RFC 8017, appendix B.1


class RefusedStampError(Exception):
    """A time stamp is well-formed and does not hold; the text says why."""


def stamped_bytes(certificate: Path) -> bytes:
    """Return what a time stamp of a certificate or verdict is about.

    Raises:
        InputError: the file is no envelope.

    """
    data = read_bytes(certificate, "a certificate or verdict")
    parse_envelope(data, certificate)
    return canonical(parse_json(data, certificate, "a certificate or verdict"))


def make_request(certificate: Path) -> TimeStampRequest:
    """Return a request for a time stamp, with SHA-512, a nonce, and the wish for the authority's certificate.

    Raises:
        InputError: the file is no envelope.
        UsageError: the package for time stamps is missing.

    """
    _need_package()
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # noqa: PLC0415

    return TimestampRequestBuilder(
        data=stamped_bytes(certificate), hash_algorithm=HashAlgorithm.SHA512, nonce=True, cert_req=True
    ).build()


def ask(url: str, request: TimeStampRequest) -> bytes:
    """Send a request to an authority over HTTP (RFC 3161 section 3.4) and return its answer, unchecked.

    Raises:
        UsageError: the address is not HTTP, or there was no answer of the right kind in 30 seconds.

    """
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise UsageError(f"--tsa {url!r} is no address; write it as https://HOST/PATH")
    message = urllib.request.Request(  # noqa: S310  (the scheme is checked above)
        url, data=request.as_bytes(), headers={"Content-Type": "application/timestamp-query"}
    )
    try:
        with urllib.request.urlopen(message, timeout=_SECONDS) as answer:  # noqa: S310
            kind, data = answer.headers.get_content_type(), answer.read(_MOST_BYTES + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise UsageError(f"the time stamp authority at {url} gave no answer: {reason}") from None
    if kind != "application/timestamp-reply" or len(data) > _MOST_BYTES:
        raise UsageError(f"the time stamp authority at {url} answered with {kind}, which is no time stamp")
    return bytes(data)


def check_answer(data: bytes, file: object, certificate: Path, request: TimeStampRequest | None) -> str:
    """Return the time (UTC) in an answer that is about a certificate, and about a request if there is one.

    Whether the authority signed it is not looked at: that needs its certificate, and ``stamped_at``.

    Raises:
        InputError: it is malformed or refused, is about something else, or answers another request.

    """
    answer = _parse(data, file)
    problem = _mismatch(answer, certificate)
    if not problem and request is not None and answer.tst_info.nonce != request.nonce:
        problem = "it answers another request: the nonce differs"
    if problem:
        raise InputError(file, "", problem, "Ask the authority for a time stamp of this certificate")
    return format_time(answer.tst_info.gen_time)


def stamped_at(token: Path, certificate: Path, authority: Path) -> str:
    """Return the time (UTC) at which an authority saw a certificate with its signatures.

    ``authority`` is a PEM file: the certificate that ends the authority's chain, with others of the chain if the answer
    does not hold them.

    Raises:
        InputError: a file is malformed.
        RefusedStampError: the stamp is about something else, or is not the authority's.
        UsageError: the package for time stamps is missing.

    """
    return signed_time(read_bytes(token, _WHAT), token, certificate, authority)


def signed_time(data: bytes, file: object, certificate: Path, authority: Path) -> str:
    """Return the time in an answer ``data``, whose name in errors is ``file``; otherwise as ``stamped_at``."""
    _need_package()
    from rfc3161_client import VerificationError, VerifierBuilder  # noqa: PLC0415

    answer = _parse(data, file)
    problem = _mismatch(answer, certificate)
    if problem:
        raise RefusedStampError(problem)
    builder = VerifierBuilder()
    for row in _certificates(authority):
        own = row.issuer == row.subject
        builder = builder.add_root_certificate(row) if own else builder.add_intermediate_certificate(row)
    try:
        builder.build().verify(answer, hashlib.sha512(stamped_bytes(certificate)).digest())
    except (VerificationError, ValueError) as error:
        raise RefusedStampError(f"it is not signed by the authority in {authority}: {error}") from None
    return format_time(answer.tst_info.gen_time)


def _mismatch(answer: TimeStampResponse, certificate: Path) -> str:
    imprint = answer.tst_info.message_imprint
    if imprint.hash_algorithm.dotted_string != _SHA512:
        return "it is made with another hash than SHA-512"
    same = imprint.message == hashlib.sha512(stamped_bytes(certificate)).digest()
    return "" if same else "it is about another file, or a signature was added or changed since"


def _parse(data: bytes, file: object) -> TimeStampResponse:
    _need_package()
    from rfc3161_client import PKIStatus, decode_timestamp_response  # noqa: PLC0415

    if len(data) > _MOST_BYTES:
        raise InputError(file, "", f"is larger than {_MOST_BYTES} bytes", f"Give {_WHAT}")
    try:
        answer = decode_timestamp_response(data)
        status = PKIStatus(answer.status)
    except ValueError:
        raise InputError(file, "", f"is not {_WHAT}, or not in strict DER", f"Give {_WHAT}") from None
    if status not in {PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS}:
        told = " ".join(answer.status_string or ()).rstrip(".")
        raise InputError(
            file, "status", f"the authority refused: {status.name.lower()} {told}".rstrip(), "Ask it again"
        )
    try:
        _ = answer.tst_info.gen_time
    except ValueError:
        raise InputError(file, "", "holds no time", f"Give {_WHAT}") from None
    return answer


def _certificates(path: Path) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415

    what = "a PEM file with the certificate of the time stamp authority"
    try:
        rows = load_pem_x509_certificates(read_bytes(path, what))
    except ValueError:
        raise InputError(path, "", "is no PEM certificate", f"Give {what}") from None
    if not any(row.issuer == row.subject for row in rows):
        problem = "holds no certificate that ends a chain (issuer and subject the same)"
        raise InputError(path, "", problem, "Add the certificate of the authority that issued it")
    return list(dict.fromkeys(rows))


def _need_package() -> None:
    try:
        import rfc3161_client  # noqa: F401, PLC0415
    except ImportError:
        raise UsageError("time stamps need another package; run: pip install 'pqvalidate[timestamp]'") from None
