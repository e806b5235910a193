"""The registry of claims: each identifier, what its value is, and the highest status that it can reach, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ClaimStatus: TypeAlias = Literal["not-provided", "declared", "evidenced", "validated"]
ValueKind: TypeAlias = Literal["text", "texts", "countries", "yes-or-no", "day", "digest", "digests", "level", "source"]

STATUSES: dict[ClaimStatus, str] = {
    "not-provided": "nothing was handed in about it",
    "declared": "somebody states it, and nothing else is known",
    "evidenced": "a document that is named by its digest says so; a person has to read it",
    "validated": "the tool has checked it, by the method that the claim names",
}
"""The four statuses, from the lowest to the highest, with what each means."""

VALUE_KINDS: dict[ValueKind, str] = {
    "text": "a text",
    "texts": "a list of texts",
    "countries": "a list of country codes of two capital letters (ISO 3166-1)",
    "yes-or-no": "true or false",
    "day": "a day, YYYY-MM-DD",
    "digest": "the SHA-256 of a file, in 64 hex digits",
    "digests": "a list of SHA-256 digests, in 64 hex digits each",
    "level": "a whole number from 0 to 3",
    "source": "one of open, escrow, inspection, none",
}
"""What the value of a claim can be, with how a claims file writes it."""

OBJECTIVES: dict[str, str] = {
    "SOV-1": "strategic sovereignty (ownership)",
    "SOV-2": "legal and jurisdictional sovereignty",
    "SOV-4": "operational sovereignty (source, escrow, exit)",
    "SOV-5": "supply chain sovereignty",
    "SOV-6": "technology sovereignty (open standards)",
    "SOV-7": "security and audits",
}
"""Objectives of the EU Cloud Sovereignty Framework 1.2.1 that claims inform. For information: no SEAL is computed."""

SIX_MONTHS = 183
"""Days for which a statement on ownership counts: longer than that, an owner can have changed unseen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """One claim of the registry.

    Attributes:
        id: e.g. ``supply.sbom``.
        en, nl: what is claimed, in English and Dutch.
        value: kind of its value.
        highest: the highest status that it can reach.
        how: what raises it there.
        check: the one kind of check that can validate it, or empty.
        most_days: days from its date after which it no longer counts, or None.
        objectives: objectives of the EU Cloud Sovereignty Framework that it informs.
        evaluated: False for what a buyer notes and no policy judges.

    """

    id: str
    en: str
    nl: str
    value: ValueKind
    highest: ClaimStatus
    how: str
    check: str = ""
    most_days: int | None = None
    objectives: tuple[str, ...] = ()
    evaluated: bool = True


_REGISTER = "an extract of a register, or an audit report"
_ROWS = (
    ClaimRow(id="origin.hqCountry", en="Country of the head office", nl="Land van het hoofdkantoor",
             value="countries", highest="evidenced", how=_REGISTER, objectives=("SOV-5",)),
    ClaimRow(id="origin.developmentCountries", en="Countries where it is developed",
             nl="Landen waar het wordt ontwikkeld", value="countries", highest="evidenced", how=_REGISTER,
             objectives=("SOV-5",)),
    ClaimRow(id="origin.manufacturingCountries", en="Countries where it is made", nl="Landen waar het wordt gemaakt",
             value="countries", highest="evidenced", how=_REGISTER, objectives=("SOV-5",)),
    ClaimRow(id="ownership.legalEntity", en="Legal entity of the vendor (LEI or number of a trade register)",
             nl="Rechtspersoon van de leverancier (LEI of nummer in een handelsregister)", value="text",
             highest="evidenced", how=_REGISTER, most_days=SIX_MONTHS, objectives=("SOV-1",)),
    ClaimRow(id="ownership.ubo", en="Ultimate beneficial owners", nl="Uiteindelijk belanghebbenden", value="texts",
             highest="evidenced", how=_REGISTER, most_days=SIX_MONTHS, objectives=("SOV-1",)),
    ClaimRow(id="ownership.changeOfControlClause", en="Contracts provide for a change of control",
             nl="Contracten voorzien in een wijziging van zeggenschap", value="yes-or-no", highest="evidenced",
             how="the clause", most_days=SIX_MONTHS, objectives=("SOV-1",)),
    ClaimRow(id="ownership.pendingMA", en="A merger or take-over that is pending", nl="Lopende fusie of overname",
             value="text", highest="evidenced", how="the decision of the authority that reviews investments",
             most_days=SIX_MONTHS, objectives=("SOV-1",)),
    ClaimRow(id="jurisdiction.extraterritorial", en="Foreign laws that reach the vendor, as the vendor names them",
             nl="Buitenlandse wetten die de leverancier raken, zoals hij ze noemt", value="texts",
             highest="declared", how="a statement; the lawyer of the buyer decides", objectives=("SOV-2",)),
    ClaimRow(id="supply.artefactDigests", en="Digests that the vendor publishes of the files it ships",
             nl="Hashwaarden die de leverancier van zijn bestanden publiceert", value="digests",
             highest="validated", how="every tested file is among them", check="artefact-digests",
             objectives=("SOV-5",)),
    ClaimRow(id="supply.sourceAvailability", en="Source code: open, in escrow, for inspection, or none",
             nl="Broncode: open, in escrow, ter inzage, of geen", value="source", highest="validated",
             how="open: a source tree with the digest that is published; escrow and inspection: the contract",
             check="source-tree", objectives=("SOV-4",)),
    ClaimRow(id="supply.escrowAgent", en="Escrow agent of the source code", nl="Bewaarder van de broncode (escrow)",
             value="text", highest="evidenced", how="the contract", objectives=("SOV-4",)),
    ClaimRow(id="supply.reproducibleBuild", en="Building it again gives the same bytes",
             nl="Opnieuw bouwen geeft dezelfde bytes", value="yes-or-no", highest="validated",
             how="a rebuilt tree that equals the shipped one, byte for byte", check="rebuild", objectives=("SOV-5",)),
    ClaimRow(id="supply.sbom", en="Software bill of materials (SBOM)", nl="Softwarestuklijst (SBOM)", value="digest",
             highest="validated", how="it keeps the schema of CycloneDX, lists components and names the tested product",
             check="cyclonedx", objectives=("SOV-5",)),
    ClaimRow(id="supply.cbom", en="Cryptography bill of materials (CBOM)", nl="Cryptografiestuklijst (CBOM)",
             value="digest", highest="validated",
             how="it keeps the schema of CycloneDX, names the tested product and lists every parameter set of the run",
             check="cyclonedx", objectives=("SOV-5",)),
    ClaimRow(id="supply.provenance", en="SLSA build level of the provenance", nl="SLSA-bouwniveau van de herkomst",
             value="level", highest="validated",
             how="a signed provenance that covers every tested file, by a builder whom the reader trusts up to that"
             " level", check="provenance", objectives=("SOV-5",)),
    ClaimRow(id="supply.thirdPartyCrypto", en="Cryptography of third parties inside, as package URLs",
             nl="Cryptografie van derden erin, als package-URL's", value="texts", highest="evidenced", how="an SBOM",
             objectives=("SOV-5",)),
    ClaimRow(id="update.signingAlgorithms", en="Algorithms that sign updates",
             nl="Algoritmen die updates ondertekenen", value="texts", highest="validated",
             how="an update file with a good signature of each of them", check="update-signature",
             objectives=("SOV-5",)),
    ClaimRow(id="update.quantumSafeDefault", en="Updates are signed quantum-safely by default",
             nl="Updates worden standaard kwantumveilig ondertekend", value="yes-or-no", highest="validated",
             how="an update file with a good signature of a quantum-safe algorithm", check="update-signature",
             objectives=("SOV-5",)),
    ClaimRow(id="standards.participation", en="Standards bodies in which the vendor takes part",
             nl="Normcommissies waaraan de leverancier deelneemt", value="texts", highest="declared",
             how="a statement", objectives=("SOV-6",)),
    ClaimRow(id="standards.conformance", en="Standards that the product follows", nl="Normen die het product volgt",
             value="texts", highest="declared", how="a statement; the results of the checks stand beside it",
             objectives=("SOV-6",)),
    ClaimRow(id="support.until", en="Last day of support", nl="Laatste dag van ondersteuning", value="day",
             highest="evidenced", how="the support policy", objectives=("SOV-4",)),
    ClaimRow(id="agility.selectableParameterSets", en="Parameter sets that a user can choose among",
             nl="Parametersets waaruit een gebruiker kan kiezen", value="texts", highest="validated",
             how="each of them has answered in the run and passed a check", check="run", objectives=("SOV-4",)),
    ClaimRow(id="agility.rollback", en="A change of algorithm can be undone",
             nl="Een wijziging van algoritme is terug te draaien", value="yes-or-no", highest="evidenced",
             how="the manual; no check of ours asks for it", objectives=("SOV-4",)),
    ClaimRow(id="randomness.sp800-90", en="Random bits come from a generator of NIST SP 800-90A, B and C",
             nl="Toevalsbits komen uit een generator volgens NIST SP 800-90A, B en C", value="yes-or-no",
             highest="evidenced", how="the certificate or report of the generator"),
    ClaimRow(id="implementation.destroysIntermediates", en="Intermediate values are destroyed",
             nl="Tussenwaarden worden vernietigd", value="yes-or-no", highest="evidenced", how="a review report"),
    ClaimRow(id="procurement.launchingCustomer", en="Note of the buyer: launching customer",
             nl="Aantekening van de koper: launching customer", value="text", highest="declared",
             how="a note of the buyer, which nobody evaluates", evaluated=False),
    ClaimRow(id="procurement.art346", en="Note of the buyer: article 346 TFEU",
             nl="Aantekening van de koper: artikel 346 VWEU", value="text", highest="declared",
             how="a note of the buyer, which nobody evaluates", evaluated=False),
    ClaimRow(id="vuln.disclosurePolicy", en="Address of the policy on disclosing vulnerabilities",
             nl="Adres van het beleid voor het melden van kwetsbaarheden", value="text", highest="evidenced",
             how="a copy of the policy; the tool opens no address", objectives=("SOV-7",)),
)  # fmt: skip
REGISTRY: dict[str, ClaimRow] = {row.id: row for row in _ROWS}
"""Every claim by its identifier, in the order of pages."""
