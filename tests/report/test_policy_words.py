"""Judgements name folders as folders, and say the standing of a profile in the language of the page."""

from __future__ import annotations

import pytest

from pqvalidate.policy.profile import Text
from pqvalidate.report.messages import Language
from pqvalidate.report.policy_sheet import matrix
from pqvalidate.report.policy_text import PolicyReport, PolicyRow, ReportedFile, ReportedProduct


@pytest.mark.parametrize(
    ("lang", "folder", "file"),
    [("en", "tested folder", "tested file"), ("nl", "geteste map", "getest bestand")],
)
def test_a_tested_folder_is_not_called_a_file(lang: Language, folder: str, file: str) -> None:
    files = (ReportedFile(path="x-crypto-1.2.3/", sha256="0" * 64), ReportedFile(path="x.so", sha256="1" * 64))
    report = PolicyReport(
        schema="pqvalidate/policy-report/1",
        iut=ReportedProduct(vendor="Example BV", name="X-Crypto", version="1.2.3", artefacts=files),
        policy="as-claimed", decision="conforms", as_of="2026-12-01", service_life_until=None, judged_from="bundle",
        seed="5eed", facts_digest=f"sha256:{'2' * 64}", bundle=None, claims=(),
        policies=(PolicyRow(policy="as-claimed", decision="conforms", why=Text(en="because", nl="daarom")),),
    )  # fmt: skip
    shown = str(matrix(report, lang))
    before, _, after = shown.partition("x-crypto-1.2.3/")
    assert (folder in before, file in before) == (True, False)
    assert file in after.partition("x.so")[0]
