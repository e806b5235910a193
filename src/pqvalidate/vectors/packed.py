"""The records of the vector files: what is stored, and the test case that is made of it."""

from __future__ import annotations

import msgspec

MANIFEST_SCHEMA = "pqvalidate/vector-manifest/1"
PACKED_SCHEMA = "pqvalidate/packed-vectors/1"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One question with its known answer, taken from a published test.

    Attributes:
        id: set, group and test, e.g. ``acvp/ML-KEM-keyGen-FIPS203/1/12``; a test that bears on several operations
            gives one case per operation, so ``id`` with ``operation`` is unique.
        parameter_set: e.g. ``ML-KEM-768``.
        operation: a name of the common interface, e.g. ``decapsulate_from_seed``.
        inputs: input names of the operation and their bytes; ``hash`` is text. A KEM seed is d followed by z.
        expect: a mapping gives exact outputs by name, or by ``<name>_sha256``; outputs it does not list are free.
            True or False is the exact answer of a checking operation; for any other operation False means that the
            input must be refused and True that it must be accepted with any result.
        flags: what the test aims at: Wycheproof flags, or the ACVP reason with hyphens.
        note: the comment or reason of the published test, unchanged.

    """

    id: str
    parameter_set: str
    operation: str
    inputs: dict[str, bytes | str]
    expect: dict[str, bytes] | bool
    flags: tuple[str, ...] = ()
    note: str = ""

    @property
    def advisory(self) -> bool:
        """Whether the standard leaves the point open, so that another answer is worth a remark but is no failure.

        FIPS 204 algorithm 25 decodes a private key without checking that s1 and s2 are in range.
        """
        return self.expect is False and "InvalidPrivateKey" in self.flags and self.operation.startswith("sign")


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """What one version of an algorithm gives for a known seed, so that a wrong version can be named.

    Attributes:
        version: ``kyber-r3``, ``ml-kem-ipd``, ``ml-kem-final``, ``dilithium-r3.1``, ``ml-dsa-ipd-era`` or
            ``ml-dsa-final``.
        count: number of the test in the KAT file.
        inputs: ``seed`` with ``m`` (KEM), or with ``message`` and, where signing is hedged, ``rnd`` (signature).
        expect: outputs by ``<name>_sha256``, and ``k``. A draft ML-KEM shows only in what the seed generates:
            its decapsulation is that of the final standard.

    """

    version: str
    count: int
    inputs: dict[str, bytes]
    expect: dict[str, bytes]


class FlagNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a Wycheproof flag means: kind of bug, effect, and where it is known from."""

    bug_type: str
    description: str = ""
    effect: str = ""
    links: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()


class VectorFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One packed file: its digest as stored, its length in bytes, and the number of groups and of tests.

    ``unpacked_sha256`` is the digest of the MessagePack document, which does not depend on the compressor.
    """

    path: str
    parameter_set: str
    sha256: str
    unpacked_sha256: str
    bytes: int
    groups: int
    cases: int


class Original(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file as published: its path in the folder of the originals, and the digest of its unpacked bytes."""

    path: str
    sha256: str


class VectorSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published set: what it shows, where it comes from, and under which licence.

    ``form`` says how its tests are mapped to operations; ``upstream`` names the first publisher where ``repository`` is
    not that.
    """

    id: str
    form: str
    question: str
    repository: str
    commit: str
    revision: str
    upstream: str
    licence: str
    licence_file: str
    flags: dict[str, FlagNote]
    files: tuple[VectorFile, ...]
    originals: tuple[Original, ...]


class VectorManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All sets that ship."""

    schema: str
    sets: tuple[VectorSet, ...]


class Test(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One published test as packed; ``passed`` is None where exact outputs are given instead of a verdict."""

    id: str
    values: dict[str, bytes]
    passed: bool | None
    flags: tuple[str, ...]
    note: str
    hash: str


class Group(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Tests that share attributes (interface, key format, source) and sometimes a key."""

    id: str
    attributes: dict[str, str]
    shared: dict[str, bytes]
    tests: tuple[Test, ...]


class PackedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document in one packed file."""

    schema: str
    set: str
    parameter_set: str
    groups: tuple[Group, ...]
