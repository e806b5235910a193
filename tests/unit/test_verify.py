"""Verification: what is accepted, and every way of tampering that must not be."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.dsse import Envelope

from pqvalidate.certificate import RULES, keygen, summary, verify
from pqvalidate.digests import directory_digests
from pqvalidate.documents import canonical
from pqvalidate.errors import InputError, UsageError
from pqvalidate.evidence import Artefact
from pqvalidate.report.certificate_text import text as certificate_text
from tests.unit.certificate_bench import INTOTO, LATER, MADE, Issued, Tree, issue, pems, sign, stock_keys
from tests.unit.evidence_factory import PRODUCT, make_evidence, subject


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(tmp_path_factory.mktemp("issued") / "a")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(tmp_path_factory.mktemp("issued") / "b", outcomes={"ml-kem/kat-keygen": "fail"})


def rules(verified: Any) -> dict[str, str]:
    return {rule.rule: rule.outcome for rule in verified.rules}


def failed(verified: Any) -> set[str]:
    return {rule for rule, outcome in rules(verified).items() if outcome == "fail"}


def test_an_issued_certificate_is_valid_and_every_rule_but_the_files_was_checked(issued: Issued) -> None:
    verified = issued.verify()
    assert verified.decision == "valid"
    assert verified.reasons == ()
    assert rules(verified) == dict.fromkeys(RULES, "pass") | dict.fromkeys(
        ("artefacts", "status", "timestamp", "trust-file"), "not-checked"
    )
    assert {signer.family: signer.spki_sha256 for signer in verified.signers} == issued.keys.spki_sha256


def test_the_stock_library_accepts_the_envelope_with_both_keys(issued: Issued) -> None:
    assert len(Envelope.from_dict(issued.envelope).verify(stock_keys(issued.keys.trust), 2)) == 2


def test_a_certificate_of_a_failed_validation_is_valid_and_says_fail(other: Issued) -> None:
    verified = other.verify()
    assert verified.decision == "valid"
    assert verified.statement
    assert verified.statement.predicate.results.outcome == "fail"


# Changes to the envelope only, by somebody who has no key. Each gives the rule that must fail.
def flip_payload_bit(_: Issued, __: Issued, envelope: Tree) -> None:
    body = bytearray(base64.b64decode(envelope["payload"]))
    body[len(body) // 2] ^= 1
    envelope["payload"] = base64.b64encode(body).decode()


def flip_signature_bit(number: int) -> Callable[[Issued, Issued, Tree], None]:
    def change(_: Issued, __: Issued, envelope: Tree) -> None:
        signature = bytearray(base64.b64decode(envelope["signatures"][number]["sig"]))
        signature[-1] ^= 1
        envelope["signatures"][number]["sig"] = base64.b64encode(signature).decode()

    return change


def strip(*numbers: int) -> Callable[[Issued, Issued, Tree], None]:
    def change(_: Issued, __: Issued, envelope: Tree) -> None:
        envelope["signatures"] = [row for n, row in enumerate(envelope["signatures"]) if n not in numbers]

    return change


def repeat(number: int) -> Callable[[Issued, Issued, Tree], None]:
    def change(_: Issued, __: Issued, envelope: Tree) -> None:
        envelope["signatures"] = [envelope["signatures"][number]] * 2

    return change


def swap_signature(number: int) -> Callable[[Issued, Issued, Tree], None]:
    def change(_: Issued, other: Issued, envelope: Tree) -> None:
        envelope["signatures"][number]["sig"] = other.envelope["signatures"][number]["sig"]

    return change


def take_signatures_of_another_validator(_: Issued, other: Issued, envelope: Tree) -> None:
    envelope["signatures"] = sign(base64.b64decode(envelope["payload"]), *other.secret.values())["signatures"]


def sign_with_foreign_keys_under_the_trusted_key_ids(issued: Issued, other: Issued, envelope: Tree) -> None:
    forged = sign(issued.body, *other.secret.values())["signatures"]
    for old, new in zip(envelope["signatures"], forged, strict=True):
        old["sig"] = new["sig"]


def set_payload_type(text: str) -> Callable[[Issued, Issued, Tree], None]:
    def change(_: Issued, __: Issued, envelope: Tree) -> None:
        envelope["payloadType"] = text

    return change


NO_KEY = {
    "one bit of the payload is flipped": (flip_payload_bit, {"classical-signature", "pq-signature"}),
    "one bit of the classical signature is flipped": (flip_signature_bit(0), {"classical-signature"}),
    "one bit of the post-quantum signature is flipped": (flip_signature_bit(1), {"pq-signature"}),
    "the classical signature is stripped": (strip(0), {"classical-signature"}),
    "the post-quantum signature is stripped": (strip(1), {"pq-signature"}),
    "both signatures are stripped": (strip(0, 1), {"classical-signature", "pq-signature"}),
    "the classical signature stands twice": (repeat(0), {"pq-signature"}),
    "the post-quantum signature stands twice": (repeat(1), {"classical-signature"}),
    "the classical signature comes from another certificate": (swap_signature(0), {"classical-signature"}),
    "the post-quantum signature comes from another certificate": (swap_signature(1), {"pq-signature"}),
    "an untrusted validator signed": (take_signatures_of_another_validator, {"classical-signature", "pq-signature"}),
    "foreign keys signed under the key ids of trusted ones": (
        sign_with_foreign_keys_under_the_trusted_key_ids, {"classical-signature", "pq-signature"},
    ),
    "the payload type is another": (set_payload_type("application/json"), {"payload-type"}),
    "the payload type differs in case": (set_payload_type(INTOTO.upper()), {"payload-type"}),
    "the payload type is empty": (set_payload_type(""), {"payload-type"}),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_KEY)
def test_without_the_keys_a_change_is_found_and_nothing_unsigned_is_shown(
    case: str, issued: Issued, other: Issued
) -> None:
    change, expected = NO_KEY[case]
    envelope = issued.envelope
    change(issued, other, envelope)
    verified = issued.verify(envelope)
    assert verified.decision == "invalid"
    assert failed(verified) == expected
    assert verified.statement is None
    assert summary(verified).contents is None
    assert verified.signers == ()


def test_bytes_whose_signatures_are_bad_are_never_parsed(issued: Issued) -> None:
    envelope = issued.envelope | {"payload": base64.b64encode(b"\x00 this is no JSON").decode()}
    assert issued.verify(envelope).decision == "invalid"


# Trap 1: a threshold of two is not hybrid.
def test_two_keys_of_one_family_are_not_enough_even_if_both_are_trusted(
    issued: Issued, other: Issued, tmp_path: Path
) -> None:
    for family in ("classical", "pq"):
        trust = json.loads(issued.keys.trust.read_text())
        foreign = json.loads(other.keys.trust.read_text())["validators"][0]["keys"]
        trust["validators"][0]["keys"] += foreign
        path = tmp_path / f"{family}.json"
        path.write_text(json.dumps(trust))
        envelope = sign(issued.body, issued.secret[family], other.secret[family])
        assert len(envelope["signatures"]) == 2
        verified = issued.verify(envelope, trust=path)
        missing = "pq-signature" if family == "classical" else "classical-signature"
        assert (verified.decision, failed(verified)) == ("invalid", {missing})


def test_the_two_families_must_be_keys_of_the_same_validator(issued: Issued, other: Issued, tmp_path: Path) -> None:
    trust = json.loads(issued.keys.trust.read_text())
    trust["validators"] += json.loads(other.keys.trust.read_text())["validators"]
    path = tmp_path / "both.json"
    path.write_text(json.dumps(trust))
    mixed = sign(issued.body, issued.secret["classical"], other.secret["pq"])
    verified = issued.verify(mixed, trust=path)
    assert (verified.decision, failed(verified)) == ("invalid", {"same-validator"})
    assert issued.verify(trust=path).decision == "valid"


def test_a_trusted_validator_cannot_sign_in_the_name_of_another(issued: Issued, other: Issued, tmp_path: Path) -> None:
    trust = json.loads(issued.keys.trust.read_text())
    trust["validators"] += json.loads(other.keys.trust.read_text())["validators"]
    path = tmp_path / "both.json"
    path.write_text(json.dumps(trust))
    verified = issued.verify(sign(issued.body, *other.secret.values()), trust=path)
    assert (verified.decision, failed(verified)) == ("invalid", {"named-validator"})
    assert verified.statement is None


# Trap 2: the identity of a key is its SPKI hash, not the key id.
@pytest.mark.parametrize("keyid", ["", "0" * 64, "the same for both"])
def test_a_key_id_decides_nothing(keyid: str, issued: Issued) -> None:
    envelope = issued.envelope
    for row in envelope["signatures"]:
        row["keyid"] = keyid
    assert issued.verify(envelope).decision == "valid"
    for row in envelope["signatures"]:
        del row["keyid"]
    assert issued.verify(envelope).decision == "valid"


def test_key_ids_that_are_exchanged_decide_nothing(issued: Issued) -> None:
    envelope = issued.envelope
    one, two = envelope["signatures"]
    one["keyid"], two["keyid"] = two["keyid"], one["keyid"]
    assert issued.verify(envelope).decision == "valid"


def test_an_additional_foreign_signature_is_ignored(issued: Issued, other: Issued) -> None:
    envelope = issued.envelope
    envelope["signatures"] = sign(issued.body, *other.secret.values())["signatures"] + envelope["signatures"]
    verified = issued.verify(envelope)
    assert verified.decision == "valid"
    assert {signer.spki_sha256 for signer in verified.signers} == set(issued.keys.spki_sha256.values())


# Malformed files: an error that names file, place and remedy, whoever signed them.
def edited(edit: Callable[[str], str]) -> Callable[[Issued], bytes]:
    return lambda issued: edit(issued.certificate.read_text()).encode()


def signed_text(edit: Callable[[str], str]) -> Callable[[Issued], bytes]:
    return lambda issued: json.dumps(issued.sign(edit(issued.body.decode()).encode())).encode()


def with_envelope(**members: Any) -> Callable[[Issued], bytes]:
    return lambda issued: json.dumps(issued.envelope | members).encode()


def loose_base64(issued: Issued) -> bytes:
    envelope = issued.envelope
    for padded in (issued.body, issued.body + b" "):  # a length that is no multiple of three has stray bits to set
        text = base64.b64encode(padded).decode()
        if text.endswith("="):
            stem = text.rstrip("=")
            last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".index(stem[-1]) + 1
            digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            envelope["payload"] = stem[:-1] + digits[last] + "=" * (len(text) - len(stem))
            break
    return json.dumps(envelope).encode()


MALFORMED: dict[str, Callable[[Issued], bytes]] = {
    "it is empty": lambda _: b"",
    "it is no JSON": lambda _: b"certificate",
    "it is not UTF-8": lambda _: b"\xff\xfe{}",
    "it is a list": lambda _: b"[]",
    "it is null": lambda _: b"null",
    "bytes follow the envelope": edited(lambda text: text + "{}"),
    "it is cut off": edited(lambda text: text[: len(text) // 2]),
    "it is nested without end": lambda _: b"[" * 200_000,
    "an object is nested without end": lambda _: b'{"payload":' * 200_000,
    "it is larger than 16 MiB": lambda _: b'{"payload":"' + b"A" * (17 * 1024 * 1024) + b'"}',
    "the envelope has a key twice": edited(lambda text: text.replace("{", '{"payload":"e30=",', 1)),
    "the envelope has an unknown field": with_envelope(note="unsigned"),
    "the envelope has no signatures": edited(lambda text: text.replace('"signatures"', '"signature"')),
    "the signatures are no list": with_envelope(signatures={}),
    "there are 1000 signatures": with_envelope(signatures=[{"sig": "AAAA"}] * 1000),
    "the payload is a number": with_envelope(payload=1),
    "the payload is no base64": with_envelope(payload="*"),
    "the payload is base64 with stray bits": loose_base64,
    "the payload is base64 with a line feed": edited(lambda text: text.replace('"payload": "', '"payload": "\\n')),
    "a signature is no base64": with_envelope(signatures=[{"sig": "*"}]),
    "the payload is URL-safe base64": with_envelope(payload="-_-_"),
    "the signed body is empty": signed_text(lambda _: ""),
    "the signed body is a list": signed_text(lambda _: "[]"),
    "the signed body is no JSON": signed_text(lambda _: "%PDF-1.7"),
    "the signed body has a key twice": signed_text(lambda text: text.replace("{", '{"_type":"x",', 1)),
    "the signed body has an inner key twice": signed_text(
        lambda text: text.replace('"outcome":"pass","', '"outcome":"fail","outcome":"pass","', 1)
    ),
    "the signed body holds a float": signed_text(lambda text: re.sub(r'"bytes":\d+', '"bytes":23.0', text)),
    "the signed body holds NaN": signed_text(lambda text: re.sub(r'"bytes":\d+', '"bytes":NaN', text)),
    "the signed body holds an exponent": signed_text(lambda text: re.sub(r'"bytes":\d+', '"bytes":2e1', text)),
    "the signed body holds 2 to the power 53": signed_text(
        lambda text: re.sub(r'"bytes":\d+', f'"bytes":{2**53}', text)
    ),
    "the signed body holds minus zero": signed_text(lambda text: re.sub(r'"faults":0', '"faults":-0', text)),
    "the signed body holds a number of 5000 digits": signed_text(
        lambda text: re.sub(r'"bytes":\d+', '"bytes":' + "1" * 5000, text)
    ),
    "the signed body holds a lone surrogate": signed_text(lambda text: text.replace("X-Crypto", "\\ud800")),
    "the signed body is not canonical: a space": signed_text(lambda text: text.replace(",", ", ", 1)),
    "the signed body is not canonical: the order of keys": signed_text(
        lambda text: json.dumps(dict(reversed(json.loads(text).items())), separators=(",", ":"), ensure_ascii=False)
    ),
    "the signed body is not canonical: an escape": signed_text(lambda text: text.replace("X-Crypto", "\\u0058-Crypto")),
    "the signed body is not canonical: a final line feed": signed_text(lambda text: text + "\n"),
    "the signed body has an unknown field": lambda i: json.dumps(i.forge(lambda t: t.update(note="x"))).encode(),
    "the predicate has an unknown field": lambda i: json.dumps(
        i.forge(lambda t: t["predicate"].update(decision="conforms"))
    ).encode(),
    "the predicate lacks a field": lambda i: json.dumps(i.forge(lambda t: t["predicate"].pop("scope"))).encode(),
    "the schema version is another": lambda i: json.dumps(
        i.forge(lambda t: t["predicate"].update(schemaVersion="2.0"))
    ).encode(),
    "a digest is in capitals": lambda i: json.dumps(
        i.forge(lambda t: t["subject"][0]["digest"].update(sha256="AB" * 32))
    ).encode(),
    "a digest is followed by a line feed": lambda i: json.dumps(
        i.forge(lambda t: t["subject"][0]["digest"].update(sha256="ab" * 32 + "\n"))
    ).encode(),
    "a subject has SHA-256 only": lambda i: json.dumps(
        i.forge(lambda t: t["subject"][0]["digest"].pop("sha512"))
    ).encode(),
    "a time has a zone": lambda i: json.dumps(
        i.forge(lambda t: t["predicate"]["validity"].update(notAfter="2030-01-01T00:00:00+00:00"))
    ).encode(),
    "a count is negative": lambda i: json.dumps(
        i.forge(lambda t: t["predicate"]["results"]["summary"].update(fail=-1))
    ).encode(),
    "an outcome is unknown": lambda i: json.dumps(
        i.forge(lambda t: t["predicate"]["results"].update(outcome="conforms"))
    ).encode(),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_certificate_is_refused_with_file_and_remedy(case: str, issued: Issued) -> None:
    data = MALFORMED[case](issued)
    with pytest.raises(InputError) as caught:
        issued.verify(data)
    assert "tampered.json" in str(caught.value)
    assert caught.value.remedy
    assert caught.value.exit_code == 4


# Statements that a trusted validator signed, but that say what a certificate must not say.
def body(*path: str | int, **values: Any) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        node: Any = tree
        for name in path:
            node = node[name]
        node.update(values)

    return change


def predicate(*path: str | int, **values: Any) -> Callable[[Tree], None]:
    return body("predicate", *path, **values)


def forget_what_was_not_run(tree: Tree) -> None:
    rows = tree["predicate"]["scope"]["notTested"]
    tree["predicate"]["scope"]["notTested"] = [row for row in rows if row["reason"] == "outside-the-method"]


def turn_a_failure_into_a_pass(tree: Tree) -> None:
    tree["predicate"]["results"]["checks"][0].update(outcome="fail", failed=1, passed=1)


CONTRADICTIONS = {
    "no subject is named": body(subject=[]),
    "a subject is named twice": lambda tree: tree["subject"].append(tree["subject"][0]),
    "nothing is listed as not tested": predicate("scope", notTested=[]),
    "a check that was not run is not listed as not tested": forget_what_was_not_run,
    "there are no limitations": predicate("scope", limitations=[]),
    "no algorithm is in scope": predicate("scope", algorithms=[]),
    "an algorithm of the results is not in scope": predicate("scope", "algorithms", 0, name="ML-KEM-512"),
    "the results are empty": predicate("results", checks=[]),
    "the summary does not count the checks": predicate("results", "summary", fail=1),
    "the outcome does not follow": predicate("results", outcome="fail"),
    "a failed check stands beside the outcome pass": turn_a_failure_into_a_pass,
    "a pass lacks cases": predicate("results", "checks", 0, passed=1),
    "a pass has no case": predicate("results", "checks", 0, passed=0, planned=0),
    "a check stands twice": lambda tree: tree["predicate"]["results"]["checks"].append(
        tree["predicate"]["results"]["checks"][0]
    ),
    "the id of a check is not its name": predicate("results", "checks", 0, id="ML-KEM-512/ml-kem/kat-keygen"),
    "a question is answered by a check that did not pass": predicate(
        "results", "questions", 1, checks=["ml-kem/kat-encapsulate"]
    ),
    "a question is answered by no check": predicate("results", "questions", 0, checks=[]),
    "a control was misjudged and the outcome is still pass": predicate("results", "controls", 0, seen="fail"),
    "the controls are gone and the outcome is still pass": predicate("results", controls=[]),
    "the validity ends before it begins": predicate("validity", notAfter="2026-11-22T00:00:00Z"),
    "the validity is longer than five years": predicate("validity", notAfter="2032-11-23T00:00:00Z"),
    "the validity begins before the issue": predicate("validity", notBefore="2026-11-22T09:00:00Z"),
    "a date does not exist": predicate("validity", notAfter="2027-13-45T00:00:00Z"),
    "the run ended after the issue": predicate("environment", finished="2026-11-24T00:00:00Z"),
    "the disclaimer is another": predicate("disclaimer", en="This product is good."),
    "a text is not in normal form C": predicate("product", name="Cafe\u0301"),
    "a text holds an escape sequence of a terminal": predicate("product", name="\u001b[32mX-Crypto"),
    "a text is written from right to left": predicate("product", name="X\u202eotpyrC"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_signed_statement_that_contradicts_itself_is_invalid(case: str, issued: Issued) -> None:
    verified = issued.verify(issued.forge(CONTRADICTIONS[case]))
    assert verified.decision == "invalid"
    # A changed validity can of itself lie in the past, too.
    assert failed(verified) - {"validity", "key-period"} == {"contents"}, verified.reasons


# Trap 4: payload type and predicate type are pinned, also where the signatures are good.
TYPES: dict[str, Callable[[Issued], tuple[Tree, str]]] = {
    "the payload type is another": lambda i: (i.sign(i.statement, "application/vnd.pqvalidate+json"), "payload-type"),
    "the statement type is another": lambda i: (
        i.forge(body(_type="https://in-toto.io/Statement/v0.1")), "statement-type",
    ),
    "the predicate type is a policy verdict": lambda i: (
        i.forge(body(predicateType="https://in-toto.io/attestation/svr/v0.2")), "statement-type",
    ),
    "the predicate type is a later version": lambda i: (
        i.forge(body(predicateType="urn:pqvalidate:attestation:validation-certificate:v2")), "statement-type",
    ),
    "the predicate type is missing": lambda i: (i.forge(lambda t: t.pop("predicateType")), "statement-type"),
    "the predicate type is a list": lambda i: (i.forge(body(predicateType=[])), "statement-type"),
    "the body is another document": lambda i: (i.sign({"targets": {}}), "statement-type"),
}  # fmt: skip


@pytest.mark.parametrize("case", TYPES)
def test_another_kind_of_document_is_no_certificate_even_if_well_signed(case: str, issued: Issued) -> None:
    envelope, rule = TYPES[case](issued)
    verified = issued.verify(envelope)
    assert (verified.decision, failed(verified)) == ("invalid", {rule})
    assert verified.statement is None


def test_the_role_must_be_the_one_of_the_trust_file(issued: Issued) -> None:
    verified = issued.verify(issued.forge(predicate("validator", role="government")))
    assert (verified.decision, failed(verified)) == ("invalid", {"named-validator"})


TIMES = {
    "a second before it is issued": (MADE - timedelta(seconds=1), "invalid"),
    "when it is issued": (MADE, "valid"),
    "in its last second": (MADE + timedelta(days=365), "valid"),
    "a second after its end": (MADE + timedelta(days=365, seconds=1), "expired"),
    "in another zone, still before its end": (
        (MADE + timedelta(days=365)).astimezone(timezone(timedelta(hours=14))), "valid",
    ),
    "long after the trust in the key ended, too": (MADE + timedelta(days=3000), "expired"),
}  # fmt: skip


@pytest.mark.parametrize("case", TIMES)
def test_the_validity_is_judged_at_the_time_asked_about(case: str, issued: Issued) -> None:
    moment, decision = TIMES[case]
    assert issued.verify(as_of=moment).decision == decision


def test_an_expired_certificate_with_another_fault_is_invalid(issued: Issued) -> None:
    forged = issued.forge(predicate("results", outcome="fail"))
    assert issued.verify(forged, as_of=MADE + timedelta(days=400)).decision == "invalid"


def test_a_certificate_from_outside_the_period_of_its_key_is_invalid(issued: Issued, tmp_path: Path) -> None:
    for change in ({"not_before": "2026-12-01T00:00:00Z"}, {"not_after": "2026-12-31T00:00:00Z"}):
        trust = json.loads(issued.keys.trust.read_text())
        trust["validators"][0] |= change
        path = tmp_path / "trust.json"
        path.write_text(json.dumps(trust))
        verified = issued.verify(trust=path)
        assert (verified.decision, failed(verified)) == ("invalid", {"key-period"})


def test_a_time_without_a_zone_is_refused(issued: Issued) -> None:
    with pytest.raises(UsageError, match="zone"):
        issued.verify(as_of=datetime(2027, 1, 1))  # noqa: DTZ001


def test_the_tested_file_is_recognised_by_its_bytes_under_any_name(issued: Issued, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed.bin"
    renamed.write_bytes(PRODUCT)
    verified = issued.verify(artefacts=[renamed])
    assert verified.decision == "valid"
    assert rules(verified)["artefacts"] == "pass"
    assert verified.artefacts[0].subject == "x_crypto.so"


def test_one_wrong_file_among_right_ones_makes_it_invalid(issued: Issued, tmp_path: Path) -> None:
    right, wrong = tmp_path / "x_crypto.so", tmp_path / "other" / "x_crypto.so"
    wrong.parent.mkdir()
    right.write_bytes(PRODUCT)
    wrong.write_bytes(PRODUCT + b"\n")
    verified = issued.verify(artefacts=[right, wrong])
    assert (verified.decision, failed(verified)) == ("invalid", {"artefacts"})
    assert str(wrong) in verified.reasons[0]
    assert [match.subject for match in verified.artefacts] == ["x_crypto.so", ""]


def test_a_file_must_match_both_digests(issued: Issued, tmp_path: Path) -> None:
    path = tmp_path / "x_crypto.so"
    path.write_bytes(PRODUCT)
    forged = issued.forge(body("subject", 0, "digest", sha512="00" * 64))
    assert failed(issued.verify(forged, artefacts=[path])) == {"artefacts"}


def test_a_file_is_no_match_for_a_tree_of_the_same_digest(issued: Issued, tmp_path: Path) -> None:
    path = tmp_path / "x_crypto.so"
    path.write_bytes(PRODUCT)
    forged = issued.forge(body("subject", 0, "annotations", digestOf="tree"))
    assert failed(issued.verify(forged, artefacts=[path])) == {"artefacts"}


def test_what_lies_in_a_folder_and_has_no_digest_is_named_or_refused(tmp_path: Path) -> None:
    product = tmp_path / "product"
    (product / "lib").mkdir(parents=True)
    (product / "lib" / "x.py").write_text("x = 1")
    short, long, size = directory_digests(product)
    tree = Artefact(path="product/", kind="tree", sha256=short, sha512=long, bytes=size)
    made = issue(tmp_path / "issued", make_evidence(tested=subject(artefacts=(tree,))))
    verified = made.verify(artefacts=[product])
    assert (verified.decision, verified.artefacts[0].not_compared) == ("valid", ())

    (product / "lib" / "__pycache__").mkdir()
    (product / "lib" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"whatever Python would run in place of x.py")
    (product / "current").symlink_to("lib")
    verified = made.verify(artefacts=[product])
    assert verified.decision == "valid"
    assert verified.artefacts[0].not_compared == ("lib/__pycache__/", "current")
    assert "Not compared: lib/__pycache__/, current." in " ".join(
        certificate_text(summary(verified), width=200, colour=False).split()
    )

    (product / "lib" / "more").symlink_to(tmp_path)
    verified = made.verify(artefacts=[product])
    assert (verified.decision, failed(verified)) == ("invalid", {"artefacts"})
    assert verified.reasons == (f"artefacts: bound by no digest, so not to be compared: {product}/lib/more",)


def test_a_missing_artefact_is_an_error_of_input(issued: Issued, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        issued.verify(artefacts=[tmp_path / "absent"])


def test_missing_certificates_and_trust_files_are_errors_of_input(issued: Issued, tmp_path: Path) -> None:
    for cert, trust in (
        (tmp_path / "no", issued.keys.trust),
        (issued.certificate, tmp_path / "no"),
        (tmp_path, tmp_path),
    ):
        with pytest.raises(InputError, match="cannot be read"):
            verify(cert, trust, as_of=LATER)


def test_the_body_is_canonical_and_holds_no_decision(issued: Issued) -> None:
    assert canonical(issued.statement) == issued.body
    for word in (b"conforms", b"confirmed", b"refuted", b"undecided"):
        assert word not in issued.body


def test_a_signature_of_another_form_of_ml_dsa_is_refused(issued: Issued) -> None:
    """TAP 21 signs a prefixed hash; a signature over the plain message is of another, unversioned scheme."""
    envelope = issued.envelope
    message = Envelope(issued.body, INTOTO, {}).pae()
    key: Any = load_pem_private_key(issued.secret["pq"], None)
    envelope["signatures"][1]["sig"] = base64.b64encode(key.sign(message)).decode()
    assert failed(issued.verify(envelope)) == {"pq-signature"}


def test_a_signature_over_the_body_without_its_type_is_refused(issued: Issued) -> None:
    envelope = issued.envelope
    key: Any = load_pem_private_key(issued.secret["classical"], None)
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA384

    envelope["signatures"][0]["sig"] = base64.b64encode(key.sign(issued.body, ECDSA(SHA384()))).decode()
    assert failed(issued.verify(envelope)) == {"classical-signature"}


def test_the_page_for_readers_names_product_gaps_results_and_signers(issued: Issued) -> None:
    page = summary(issued.verify())
    contents = page.contents
    assert contents
    assert (contents.vendor, contents.product, contents.version) == ("Example BV", "X-Crypto", "1.2.3")
    assert (contents.outcome, contents.controls_as_expected, len(contents.controls)) == ("pass", 2, 2)
    (result,) = contents.results
    assert (result.passed, result.failed, result.not_run, result.cases_run, result.cases_planned) == (3, 0, 1, 6, 6)
    assert (result.answered, result.questions, result.open_questions) == (3, 3, ())
    assert {row.check for row in contents.not_tested} == {"", "ml-kem/kat-encapsulate"}
    assert set(page.rule_texts) == {rule.rule for rule in page.rules}


def test_two_validators_in_one_trust_file_can_each_be_verified(issued: Issued, tmp_path: Path) -> None:
    second = keygen(tmp_path / "second", now=MADE, name="Second laboratory", role="lab")
    trust = json.loads(second.trust.read_text())
    trust["validators"] += json.loads(issued.keys.trust.read_text())["validators"]
    path = tmp_path / "both.json"
    path.write_text(json.dumps(trust))
    assert issued.verify(trust=path).decision == "valid"
    assert set(pems(second.signing_key)) == {"classical", "pq"}
    shutil.rmtree(tmp_path / "second")
    assert issued.verify(trust=path, as_of=datetime(2027, 2, 1, tzinfo=UTC)).decision == "valid"
