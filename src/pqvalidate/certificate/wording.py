"""The fixed texts of a certificate: what it does not promise, what no run of ours can see, what limits every result."""

from __future__ import annotations

from pqvalidate.certificate.predicate import Disclaimer

DISCLAIMER = Disclaimer(
    en=(
        "This certificate records tests of the files named by digest, in the stated configuration, at the stated time. "
        "It is no guarantee of security and no endorsement. Whoever uses the product stays responsible for that use."
    ),
    nl=(
        "Dit certificaat legt tests vast van de bestanden die met hun hashwaarde zijn genoemd, in de vermelde "
        "configuratie, op het vermelde moment. Het is geen garantie van veiligheid en geen aanbeveling. Wie het "
        "product gebruikt, blijft zelf verantwoordelijk voor dat gebruik."
    ),
)
"""Part of schema version 1.0: a certificate with another text is not valid."""

LIMITATIONS = (
    "Black-box: the product was judged by its answers; its source code was not read.",
    "Sampled: a passed check found no fault among its cases; it does not show that there is none.",
    "Exact bytes: nothing is said about files with other digests, other settings or another platform.",
)

GAPS = (
    ("power consumption and electromagnetic emanation", "needs physical access and equipment"),
    ("fault injection", "needs physical access and equipment"),
    ("caches, branch predictors and other shared hardware as side channels", "needs instruments on the same processor"),
    ("the source of randomness and its entropy", "outputs do not show how random values were made"),
    ("erasure of keys and secrets from memory", "the memory of the product was not inspected"),
    ("storage, access control and protocols around the product", "only the cryptographic operations were called"),
)
"""What no check of ours sees, with the reason; part of ``scope.notTested`` of every certificate."""

TIMING_GAP = ("execution time as a side channel", "no timing check was run")
"""Not tested unless a timing check ran."""


def on_timing(claim: str, verdict: str, why: str) -> str:
    """Return what reports and certificates say about a claim on execution time; its ``why`` is that of the verdict."""
    return f"Execution time: the claim {claim} is {verdict}, {why}."


CALLER_CHECKS = {
    "encapsulation-key": "The caller checks encapsulation keys before use; the vendor leaves that to the caller.",
    "decapsulation-key": "The caller checks decapsulation keys before use; the vendor leaves that to the caller.",
}
"""Conditions of use that follow from the input checks which a vendor's documentation leaves to the caller."""

REVALIDATE_ON = ("artefact-change", "vector-set-major", "critical-advisory")
"""Events that end the validity of a certificate before its date."""
