"""Where bugs of each kind were really found, and what each suite cannot see: what `explain` tells beside the clause."""

from __future__ import annotations

from fnmatch import fnmatchcase

_GITHUB = "https://github.com"

# Pattern of check names -> what was found, where. The first pattern that fits a name wins; sources: public trackers.
CASES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("*/version", (
        ("Kyber round 3 or a draft shipped as ML-KEM", f"{_GITHUB}/RustCrypto/KEMs/issues/46"),
        ("known-answer files named after one version and holding another", f"{_GITHUB}/C2SP/CCTV"),
    )),
    ("ml-kem/ek-*", (
        ("liboqs accepted keys with coefficients of q and more", f"{_GITHUB}/open-quantum-safe/liboqs/issues/1951"),
        ("OpenSSL and malformed TLS key shares", f"{_GITHUB}/openssl/openssl/issues/25781"),
        ("negative keys in a published vector set that were malformed by length, so the check stayed untested",
         f"{_GITHUB}/usnistgov/ACVP-Server/issues/460"),
    )),
    ("ml-kem/dk-*", (
        ("AWS-LC on which key checks it makes", f"{_GITHUB}/aws/aws-lc/issues/2891"),
        ("published vectors without the key they are about", f"{_GITHUB}/usnistgov/ACVP-Server/issues/459"),
        ("liboqs and keys with coefficients of q and more", f"{_GITHUB}/open-quantum-safe/liboqs/issues/2517"),
    )),
    ("ml-kem/implicit-rejection*", (
        ("CVE-2026-10097: wolfSSL compared 1536 of 1568 ciphertext bytes", f"{_GITHUB}/wolfSSL/wolfssl"),
        ("CVE-2026-6330: wolfSSL on ARM64 compared half of the ciphertext", f"{_GITHUB}/wolfSSL/wolfssl"),
        ("known-answer sets without a rejection case", f"{_GITHUB}/chipsalliance/caliptra-sw/issues/3713"),
        ("an error in place of implicit rejection", f"{_GITHUB}/microsoft/SymCrypt/issues/57"),
    )),
    ("ml-kem/reject*", (
        ("CVE-2026-10097: wolfSSL compared 1536 of 1568 ciphertext bytes", f"{_GITHUB}/wolfSSL/wolfssl"),
        ("strcmp in place of memcmp", f"{_GITHUB}/C2SP/CCTV"),
    )),
    ("*/ciphertext-length*", (
        ("liboqs-python fills short inputs with zeros", f"{_GITHUB}/open-quantum-safe/liboqs-python"),
        ("lengths are not covered by any published ACVP case", f"{_GITHUB}/usnistgov/ACVP-Server/issues/468"),
    )),
    ("*/seed-length*", (("CIRCL: a seed of the wrong length ended the process",
                         f"{_GITHUB}/cloudflare/circl/issues/704"),)),
    ("*length*", (("lengths are not covered by any published ACVP case",
                   f"{_GITHUB}/usnistgov/ACVP-Server/issues/468"),)),
    ("ml-dsa/*context*", (
        ("the path without a context signed the raw message", f"{_GITHUB}/C2SP/wycheproof/issues/235"),
        ("pqcrypto 1.0.0 (PyPI) refuses contexts of 254 and 255 bytes", "docs/explanation/findings"),
    )),
    ("ml-dsa/*prehash*", (
        ("pqcrypto 1.0.0 (PyPI) signs the message where HashML-DSA signs its hash", "docs/explanation/findings"),
        ("why the pre-hash variant has a domain of its own", "FIPS 204 §5.4"),
    )),
    ("ml-dsa/*hint*", (
        ("CVE-2026-24850: a repeated hint index was accepted", f"{_GITHUB}/RustCrypto/signatures"),
        ("five verifier mutants that published vectors do not notice", f"{_GITHUB}/usnistgov/ACVP-Server/issues/470"),
    )),
    ("ml-dsa/*norm*", (("a bound on z that could never be exceeded", f"{_GITHUB}/cryspen/libcrux/pull/1347"),)),
    ("ml-dsa/*verify*", (
        ("a bound on z that could never be exceeded", f"{_GITHUB}/cryspen/libcrux/pull/1347"),
        ("five verifier mutants that published vectors do not notice", f"{_GITHUB}/usnistgov/ACVP-Server/issues/470"),
        ("UseHint off by two at r0 = 0", f"{_GITHUB}/C2SP/wycheproof/issues/234"),
    )),
    ("ml-dsa/sk-range", (("private keys with s1 or s2 out of range are accepted",
                          f"{_GITHUB}/open-quantum-safe/liboqs/issues/2517"),)),
    ("ml-dsa/*mu*", (("an external mu of another length than 64 bytes", f"{_GITHUB}/aws/aws-lc/issues/2841"),)),
    ("ml-dsa/audit*", (
        ("masks that repeat or follow a pattern give the private key away in less than a second",
         "https://blog.cr.yp.to"),
        ("a flipped sign in a rejection test that no vector notices", f"{_GITHUB}/C2SP/wycheproof/issues/193"),
    )),
    ("*sign*", (
        ("a flipped sign in a rejection test that no vector notices", f"{_GITHUB}/C2SP/wycheproof/issues/193"),
        ("a test client that passed rnd = 0, so hedging stayed untested",
         f"{_GITHUB}/pq-code-package/mldsa-native/issues/1219"),
    )),
    ("*/random-failure", (("each failing call of the generator must be heeded",
                           f"{_GITHUB}/pq-code-package/mlkem-native"),)),
    ("*/random*", (
        ("m = 0 in encapsulation passes 100 of 100 cases of an existing tester", f"{_GITHUB}/quarkslab/crypto-condor"),
        ("ml-kem-rs 0.2.1 (PyPI): forked copies of a process draw the same keys", "docs/explanation/findings"),
    )),
    ("*/hedging*", (("deterministic signing eases fault attacks; FIPS 204 §3.4 advises against it there",
                     "https://doi.org/10.6028/NIST.FIPS.204"),)),
    ("*/threads", (("dilithium-py 1.5.1 (PyPI): module-level hash state is shared between threads",
                    "docs/explanation/findings"),)),
    ("*/accumulated", (("rare carries in an inverse transform", f"{_GITHUB}/wolfSSL/wolfssl/pull/8467"),)),
    ("*/campaign", (
        ("rare carries in an inverse transform", f"{_GITHUB}/wolfSSL/wolfssl/pull/8467"),
        ("wrong keys on one processor only", f"{_GITHUB}/cryspen/libcrux/issues/1275"),
    )),
    ("*keygen*", (("the draft's key generation, without the parameter byte", f"{_GITHUB}/RustCrypto/KEMs/issues/46"),)),
)  # fmt: skip

BLIND: dict[str, str] = {
    "known-answer": "faults that need other inputs than the published ones",
    "validation": "rules whose breach cannot be brought about through this interface",
    "differential": "faults that are rarer than its few cases, and an error shared with our own computation",
    "property": "faults rarer than the number of its cases can show, and paths that drawn inputs do not reach",
    "randomness": "whether the generator is good: only repeats, patterns and low entropy show",
    "state": "faults that need more calls, more keys or more threads than it uses",
    "naming": "versions that it does not know",
    "audit": "how rnd was made, if the masks look random",
}


def real_cases(check: str) -> tuple[tuple[str, str], ...]:
    """Return (what was found, where to read about it) for a check; empty where no public case is known."""
    return next((found for pattern, found in CASES if fnmatchcase(check, pattern)), ())
