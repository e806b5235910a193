"""Damaged claims files, provenance and bills of materials give an error that names the place, and never a traceback."""

from __future__ import annotations

import base64
import contextlib
import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqvalidate.claims.assessing import ClaimsReport, assess
from pqvalidate.errors import InputError
from tests.claims.material import HEAD, PRODUCT_SHA256, TODAY, algorithm, bill, claim, sha256, slsa, the_run, write_key
from tests.claims.test_checks import BILL, BUILDER, SIGNERS, signed_update

WORDS = st.sampled_from(
    ['"', "=", "[", "]", "{", "}", "\n", "claim", "value", "check", "kind", "0", "-1", "1e9", "nan", "true", "'''",
     "\\u0000", "2026-02-30", "9999-12-31", "..", "/", "é", "[[claims]]", "sha256", "[claims.check]"]
)  # fmt: skip


def whole(folder: Path) -> str:
    """Return a claims file that uses every kind of check, all of them sound."""
    digest = bill(folder / "bom.json", algorithm("ML-KEM-768"))
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    for name in ("a", "b"):
        (folder / name / "x_crypto.so").write_bytes(b"x")
    update = signed_update(folder, "ML-DSA-65")
    key, sign = SIGNERS["ML-DSA-65"]
    write_key(folder / "builder.pem", key)
    (folder / "provenance.json").write_text(signed_text(json.dumps(slsa(BUILDER, PRODUCT_SHA256)).encode(), sign))
    return (
        HEAD
        + claim("supply.cbom", f'"{digest}"', BILL)
        + claim("supply.reproducibleBuild", "true", 'check = { kind = "rebuild", shipped = "a", rebuilt = "b" }\n')
        + claim("update.quantumSafeDefault", "true", update)
        + claim("supply.artefactDigests", f'["{PRODUCT_SHA256}"]', 'check = { kind = "artefact-digests" }\n')
        + claim("supply.provenance", "1", PROVENANCE)
        + claim("ownership.ubo", '["A", "B"]', "expires = 2027-01-01\n")
    )


PROVENANCE = (
    'check = { kind = "provenance", envelope = "provenance.json", '
    f'keys = [{{ file = "builder.pem", builder = "{BUILDER}", up_to_level = 1 }}] }}\n'
)


def signed_text(body: bytes, sign: Any) -> str:
    kind = "application/vnd.in-toto+json"
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)
    lines = [{"sig": base64.b64encode(sign(message)).decode()}]
    return json.dumps({"payload": base64.b64encode(body).decode(), "payloadType": kind, "signatures": lines})


@pytest.fixture(scope="module")
def folder() -> Any:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def sound(folder: Path) -> str:
    text = whole(folder)
    (folder / "claims.toml").write_text(text, encoding="utf-8")
    outcomes = {row.claim: row.check for row in assess(folder / "claims.toml", TODAY, the_run()).claims if row.check}
    assert outcomes == {
        "supply.cbom": "shown", "supply.reproducibleBuild": "not-shown", "update.quantumSafeDefault": "shown",
        "supply.artefactDigests": "shown", "supply.provenance": "shown",
    }  # fmt: skip
    return text


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_a_damaged_claims_file_is_an_input_error_or_says_the_same_kind_of_thing(
    data: st.DataObject, sound: str, folder: Path
) -> None:
    place = data.draw(st.integers(0, len(sound)))
    cut = data.draw(st.integers(0, 12))
    text = sound[:place] + "".join(data.draw(st.lists(WORDS, max_size=3))) + sound[place + cut :]
    (folder / "damaged.toml").write_text(text, encoding="utf-8")
    with contextlib.suppress(InputError):
        found = assess(folder / "damaged.toml", TODAY, the_run())
        tomllib.loads(text)
        for row in found.claims:
            assert (row.status == "validated") == (row.check == "shown")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(PRODUCT_SHA256),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["sha256", "digest", "builder", "id"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(field=st.sampled_from(["_type", "predicateType", "subject", "predicate"]), value=VALUES)
def test_a_signed_statement_of_any_shape_is_read_without_a_traceback(folder: Path, field: str, value: Any) -> None:
    key, sign = SIGNERS["Ed25519"]
    write_key(folder / "builder.pem", key)
    statement = slsa(BUILDER, PRODUCT_SHA256) | {field: value}
    (folder / "provenance.json").write_text(signed_text(json.dumps(statement).encode(), sign), encoding="utf-8")
    row = only(folder, claim("supply.provenance", "1", PROVENANCE))
    assert row == "contradicted" or statement == slsa(BUILDER, PRODUCT_SHA256) or field == "subject"


def only(folder: Path, text: str) -> str | None:
    (folder / "one.toml").write_text(HEAD + text, encoding="utf-8")
    report: ClaimsReport = assess(folder / "one.toml", TODAY, the_run())
    return next(row.check for row in report.claims if row.value is not None)


@settings(max_examples=40, deadline=None)
@given(field=st.sampled_from(["components", "metadata", "specVersion", "dependencies"]), value=VALUES)
def test_a_bill_of_materials_of_any_shape_is_read_without_a_traceback(folder: Path, field: str, value: Any) -> None:
    bill(folder / "bom.json", algorithm("ML-KEM-768"))
    document = json.loads((folder / "bom.json").read_text("utf-8")) | {field: value}
    (folder / "bom.json").write_text(json.dumps(document), encoding="utf-8")
    digest = sha256((folder / "bom.json").read_bytes())
    with contextlib.suppress(InputError):
        assert only(folder, claim("supply.cbom", f'"{digest}"', BILL)) in {"shown", "not-shown", "contradicted"}
