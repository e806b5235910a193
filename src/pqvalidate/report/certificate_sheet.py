"""The page about a verified certificate as a sheet, for PDF; ``pages/certificate.html.j2`` says the same in HTML."""

from __future__ import annotations

from collections.abc import Iterator

from pqvalidate.certificate.overview import Contents
from pqvalidate.certificate.overview import Page as CertificatePage
from pqvalidate.certificate.verification import ArtefactMatch
from pqvalidate.report import gaps, identity, words
from pqvalidate.report.messages import Language, Messages
from pqvalidate.report.sheet import (
    Block,
    Box,
    Line,
    Mood,
    Sheet,
    facts,
    heading,
    items,
    line,
    note,
    recorded,
    subheading,
    table,
    text,
)

MOODS: dict[str, Mood] = {
    "valid": "good", "invalid": "bad", "expired": "open", "suspended": "bad", "withdrawn": "bad",
    "superseded": "open", "pass": "good", "fail": "bad", "inconclusive": "open",
    "not-checked": "open", "conforms": "good", "does-not-conform": "bad", "undecided": "open",
}  # fmt: skip
SIGNATURE_RULES = ("payload-type", "classical-signature", "pq-signature", "same-validator", "named-validator")
_OUTSIDE = "outside-the-method"
_FILES_FIRST = 4


def signatures_good(page: CertificatePage) -> bool:
    """Tell whether both signatures hold and are by the validator that the certificate names."""
    outcomes = {rule.rule: rule.outcome for rule in page.rules}
    return all(outcomes.get(rule) == "pass" for rule in SIGNATURE_RULES)


def status_of(page: CertificatePage) -> str:
    """Return what the QR code of a certificate says: its status URI, or else a urn with the SHA-256 of its body."""
    return (page.contents.status_uri if page.contents else None) or f"urn:pqvalidate:body:sha256:{page.body_sha256}"


def sheet(page: CertificatePage, lang: Language = "en") -> Sheet:
    """Return the page about a certificate; what it says is left out unless its signatures are good."""
    say, says = Messages(lang), page.contents
    kind = say("Certificate of a validation")
    decided = Box(
        mood=MOODS[page.decision], word=say("Certificate: {decision}", decision=say(page.decision)),
        note=say("As of {moment}.", moment=page.as_of),
    )  # fmt: skip
    closing = say("This page shows what the verification has found; the certificate itself is the signed file. "
                  "Whoever doubts this page verifies that file.")  # fmt: skip
    return Sheet(
        lang=lang, kind=f"{kind}, {says.id}" if says else kind,
        title=identity.heading(says.product, says.version) if says else say("A certificate that cannot be relied on"),
        boxes=(decided, _outcome(says, say)) if says else (decided,),
        first=tuple(_first(page, say)), details=tuple(_details(page, say)), footer=closing,
        status=status_of(page), status_label=say("status"), made=says.issued_at if says else page.as_of,
    )  # fmt: skip


def _outcome(says: Contents, say: Messages) -> Box:
    why = {
        "pass": say("every question answered, no check failed"),
        "fail": f"{identity.failures(says, say)}, {say('listed below')}",
        "inconclusive": say("not every question was answered, or a control was misjudged"),
    }[says.outcome]
    word = say("The tests that it records: {outcome}", outcome=say(says.outcome))
    return Box(mood=MOODS[says.outcome], word=word, note=words.sentence(why))


def _first(page: CertificatePage, say: Messages) -> Iterator[Block]:
    for reason in page.reasons:
        rule, _, why = reason.partition(": ")
        yield text(line(f"{say('Does not hold')}: {say.known(page.rule_texts[rule])}", "bad"), recorded(say, why))
    says = page.contents
    if says is None:
        yield note(say("What it says is not shown, because its signatures are not good."))
        return
    yield facts(_identity(page, says, say))
    yield heading(say("Not tested"))
    outside = [row for row in says.not_tested if row.reason == _OUTSIDE]
    rows = [f"{say.known(row.what)} ({say.known(row.why)})" for row in outside]
    if len(outside) < len(says.not_tested):
        rows.append(say("Checks that were not asked, or not to an end, are listed below with the reason."))
    yield items(rows)
    yield note(says.disclaimer_nl if say.language == "nl" else says.disclaimer_en)


def _identity(page: CertificatePage, says: Contents, say: Messages) -> Iterator[tuple[str, object]]:
    yield say("product"), identity.cut(says.product)
    yield say("version"), identity.cut(says.version)
    yield say("vendor"), f"{identity.cut(says.vendor)} ({say(says.form)})"
    yield from _files(says, say, says.subjects[:_FILES_FIRST])
    if len(says.subjects) > _FILES_FIRST:
        yield "", say("and {number} more, listed below", number=len(says.subjects) - _FILES_FIRST)
    good = signatures_good(page)
    signed = say("good: ECDSA P-384 and ML-DSA-87, both by the validator") if good else say("not good")
    yield say("signatures"), line(f"{'✓' if good else '✗'} {signed}", "good" if good else "bad")
    relation = say("relation to the vendor: {relation}", relation=say(says.vendor_relation))
    yield say("validator"), f"{says.validator} ({say(says.validator_role)}; {relation})"
    yield say("valid until"), says.not_after
    yield say("issued"), says.issued_at
    if says.supersedes:
        yield say("replaces"), says.supersedes
    yield from identity.scope(says.results, say)
    yield from ((say("condition of use"), recorded(say, condition)) for condition in says.conditions_of_use)
    yield say("your files"), _matches(page, say)


def _files(says: Contents, say: Messages, shown: object) -> Iterator[tuple[str, object]]:
    for file in shown if isinstance(shown, tuple) else says.subjects:
        label = say("tested file") if file.annotations.digest_of == "file" else say("tested folder")
        seen = "" if file.annotations.binding == "observed" else f", {say('bytes not seen by the validator')}"
        size = f"{say.number(file.annotations.bytes)} {say('bytes')}"
        yield label, [line(f"{file.name}, {size}{seen}; SHA-256"), line(file.digest.sha256, code=True)]


def _matches(page: CertificatePage, say: Messages) -> list[Line] | str:
    if not page.artefacts:
        return say("not compared: no file was given with --artefact")
    return [
        line(f"✓ {match.path}: {say('is the tested {subject}', subject=match.subject)}{_rest(match, say)}", "good")
        if match.subject else line(f"✗ {match.path}: {say('is none of the tested files')}{_rest(match, say)}", "bad")
        for match in page.artefacts
    ]  # fmt: skip


def _rest(match: ArtefactMatch, say: Messages) -> str:
    """Return what of a folder was not compared, because no digest binds it."""
    return f". {say('Not compared')}: {', '.join(match.not_compared)}" if match.not_compared else ""


def _details(page: CertificatePage, say: Messages) -> Iterator[Block]:
    says = page.contents
    if says:
        if len(says.subjects) > _FILES_FIRST:
            yield heading(say("tested file"))
            yield facts(_files(says, say, says.subjects))
        yield from _results(says, say)
        yield from _not_asked(says, say)
        yield heading(say("Limits"))
        yield items(recorded(say, limitation) for limitation in says.limitations)
    yield heading(say("Rules of verification"))
    yield items(_rule(page, rule.rule, rule.outcome, rule.why, say) for rule in page.rules)
    yield heading(say("Record"))
    yield facts(_record(page, say))


def _results(says: Contents, say: Messages) -> Iterator[Block]:
    yield heading(say("Results"))
    advisory = any(row.advisory for row in says.results)
    head = ("parameter set", "standard", "questions answered", "checks passed", "failed",
            *(["advisory misses"] if advisory else []), "open", "not run", "cases run")  # fmt: skip
    rows = [
        (row.parameter_set if row.claimed else f"{row.parameter_set} ({say('not claimed')})", row.standard,
         f"{row.answered}/{row.questions}", row.passed, row.failed, *([row.advisory] if advisory else []),
         row.inconclusive, row.not_run,
         f"{say.number(row.cases_run)}/{say.number(row.cases_planned)}")
        for row in says.results
    ]  # fmt: skip
    yield table(say("Results"), [say(name) for name in head], rows, range(2, len(head)))
    for row in says.results:
        if row.open_questions:
            yield text(f"{row.parameter_set}, {say('not answered')}: {', '.join(row.open_questions)}.")
    if says.failed_checks:
        yield subheading(say("Failed checks"))
        columns = ("check", "parameter set", "severity", "cases failed", "clause")
        yield table(say("Failed checks"), [say(name) for name in columns], [
            (check.check, check.parameter_set,
             say("advisory, no failure") if check.severity == "advisory" else say(check.severity),
             f"{say.number(check.failed)}/{say.number(check.planned)}", check.clause)
            for check in says.failed_checks
        ], (3,))  # fmt: skip
    controls = say.counted(len(says.controls), "control")
    yield text(
        say("Implementations of known behaviour ran beside the product: sound ones must pass, planted faults must be "
            "found."),
        say("{right} of {controls} judged rightly.", right=says.controls_as_expected, controls=controls),
    )  # fmt: skip
    wrong = [row for row in says.controls if row.expected != row.seen]
    if wrong:
        yield items(
            line(f"{row.control}, {row.check}: {say('must ' + row.expected)}, {say('seen to ' + row.seen)}", "bad")
            for row in wrong
        )


def _not_asked(says: Contents, say: Messages) -> Iterator[Block]:
    yield heading(say("Not asked"))
    found = False
    for reason, meaning in words.GAP_REASONS.items():
        rows = [(row.check, row.parameter_set, row.why) for row in says.not_tested if row.reason == reason]
        if rows:
            found = True
            yield subheading(f"{reason}: {say(meaning)}")
            head = [say("check"), say("parameter sets"), say("missing, or why")]
            yield table(reason, head, [
                (say.known(check), words.short_names([name for name in sets if name]),
                 recorded(say, gaps.missing(why), whole=False))
                for check, sets, why in gaps.grouped(rows)
            ])  # fmt: skip
    if not found:
        yield text(say("Nothing: every check of these parameter sets was asked."))


def _rule(page: CertificatePage, name: str, outcome: str, why: str, say: Messages) -> Line:
    mark = {"pass": say("yes"), "fail": say("NO"), "not-checked": say("not checked")}[outcome]
    because = f" {say.known(why)}." if why and outcome != "pass" else ""
    mood: Mood = "bad" if outcome == "fail" else ""
    return line(f"{mark}. {words.sentence(say.known(page.rule_texts[name]))}{because}", mood)


def _record(page: CertificatePage, say: Messages) -> Iterator[tuple[str, object]]:
    for signer in page.signers:
        lines = [line(f"{signer.scheme}; SPKI SHA-256"), line(signer.spki_sha256, code=True)]
        yield say("signature, {family}", family=say(signer.family)), lines
    if not page.signers:
        yield say("signatures"), say("by nobody who is trusted")
    yield say("signed body"), [line("SHA-256"), line(page.body_sha256, code=True)]
    says = page.contents
    if says:
        yield from identity.whole(says.vendor, says.product, says.version, say)
        yield say("facts"), [line("SHA-256"), line(says.facts_digest.removeprefix("sha256:"), code=True)]
        yield say("seed"), line(says.seed, code=True)
        way, _, digest = says.interface.partition(" sha256:")
        yield say("reached through"), [line(way), *([line(digest, code=True)] if digest else [])]
        yield say("tool"), f"{says.tool}, {say('{depth} depth', depth=says.depth)}"
        yield say("platform"), says.platform
        yield say("sandbox"), ", ".join(says.sandbox) or say("none")
