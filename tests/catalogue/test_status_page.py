"""What a catalogue says is said in Dutch, too, and every decision that it can lead to has a page in every format."""

from __future__ import annotations

from typing import get_args

import pytest

from pqvalidate.catalogue.checking import duration, status_of, with_status
from pqvalidate.catalogue.publishing import change_status
from pqvalidate.catalogue.repository import Terms
from pqvalidate.catalogue.status_page import page
from pqvalidate.certificate import summary, verify
from pqvalidate.certificate.verification import Decision
from pqvalidate.report import CERTIFICATE_FORMATS
from pqvalidate.report.certificate_sheet import MOODS, sheet
from tests.catalogue.bench import DAY, HOUR, NOW, Bench
from tests.catalogue.test_catalogue import change


def dutch(bench: Bench, name: str, **options: object) -> str:
    return page(status_of(name, bench.asking(NOW + 2 * DAY, **options)), "nl")


def test_the_status_and_its_reason_are_said_in_dutch(bench: Bench) -> None:
    change(bench, "PQV-1", "suspended", "een fout")
    change(bench, "PQV-2", "withdrawn", "een lek")
    assert dutch(bench, "PQV-1") == (
        "Status van PQV-1: OPGESCHORT (sinds 2026-12-02T12:00:00Z: een fout)\n"
        "  status op 2026-12-02T12:00:00Z, toen de catalogus het laatst is ondertekend; gevraagd naar"
        " 2026-12-03T12:00:00Z\n"
        "  hoofdsleutel het opgegeven rootbestand\n"
        "  2026-12-01T12:00:00Z geldig\n"
        "  2026-12-02T12:00:00Z opgeschort: een fout\n"
    )
    assert "Status van PQV-3: NIET VERMELD (deze catalogus vermeldt het niet)" in dutch(bench, "PQV-3")
    assert "hoofdsleutels van root" in dutch(bench, "PQV-2", trust=bench.root.trust)
    assert "NIET VERGELEKEN" in dutch(bench, "PQV-2", root=None)
    old = page(status_of("PQV-2", bench.asking(NOW + HOUR)), "nl")
    assert "GELDIG (op dat moment; ingetrokken sinds 2026-12-02T12:00:00Z)" in old


def test_what_has_been_replaced_and_what_is_too_old_is_said_in_dutch(bench: Bench) -> None:
    change(bench, "PQV-1", "superseded", "een nieuwe versie", by="PQV-2")
    assert "VERVANGEN (door PQV-2 sinds 2026-12-02T12:00:00Z: een nieuwe versie)" in dutch(bench, "PQV-1")
    assert "  vervangt     PQV-1\n" in dutch(bench, "PQV-2")
    stale = "  TE OUD       dat is langer dan 12 uur geleden; haal een nieuwere kopie van de catalogus\n"
    assert stale in dutch(bench, "PQV-2", longest=duration("12h"))
    late = page(status_of("PQV-2", bench.asking(NOW + 20 * DAY)), "nl")
    assert "TE OUD       zijn tijdstempel is verlopen op 2026-12-09T12:00:00Z" in late
    expired = page(status_of("PQV-2", bench.asking(NOW + 400 * DAY)), "nl")
    assert "VERLOPEN (het is verlopen op 2027-11-23T09:00:00Z)" in expired
    assert "TE OUD       dat is langer dan 1 dag geleden" in page(
        status_of("PQV-2", bench.asking(NOW + 4 * DAY, longest=duration("1d"))), "nl"
    )
    assert "that is longer ago than 1 hour;" in page(
        status_of("PQV-2", bench.asking(NOW + 4 * DAY, longest=duration("1h")))
    )
    assert "that is longer ago than 14 days" in page(
        status_of("PQV-2", bench.asking(NOW + 20 * DAY, longest=duration("2w")))
    )


@pytest.mark.parametrize("status", ["withdrawn", "suspended", "superseded"])
def test_a_certificate_with_a_status_has_its_page_in_every_format_and_language(bench: Bench, status: str) -> None:
    certificate = bench.certificate("PQV-5")
    bench.publish(certificate, now=NOW + HOUR)
    terms = Terms(now=NOW + DAY)
    change_status(bench.folder, bench.owner.key, "PQV-5", status, "een fout", terms=terms, with_site=False,  # type: ignore[arg-type]
                  superseded_by="PQV-2" if status == "superseded" else "")  # fmt: skip
    moment = NOW + 2 * DAY
    found, _ = with_status(verify(certificate, bench.lab.keys.trust, as_of=moment), bench.asking(moment))
    shown = summary(found)
    assert shown.decision == status
    words = {"withdrawn": "ingetrokken", "suspended": "opgeschort", "superseded": "vervangen"}
    text = " ".join(CERTIFICATE_FORMATS["text"](shown, "nl").split())
    assert f"status: {words[status]} (" in text
    assert "sinds 2026-12-02T12:00:00Z: een fout), status op 2026-12-02T12:00:00Z" in text
    assert words[status] in CERTIFICATE_FORMATS["html"](shown, "nl")
    assert sheet(shown, "nl").boxes[0].word == f"Certificaat: {words[status]}"


def test_every_decision_about_a_certificate_has_its_colour_on_paper() -> None:
    assert set(get_args(Decision)) <= set(MOODS)
