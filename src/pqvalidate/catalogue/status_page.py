"""What a catalogue says about a certificate, in lines for people, in English or Dutch."""

from __future__ import annotations

from pqvalidate.catalogue.checking import Shown, StatusAnswer
from pqvalidate.report.messages import Language, Messages
from pqvalidate.report.words import printable

_LABEL = 12


def page(answer: StatusAnswer, lang: Language = "en") -> str:
    """Return the answer in lines: the status, as of when, on what root it rests, and every change with its reason."""
    say = Messages(lang)
    why = f" ({say.known(answer.why)})" if answer.why else ""
    signed = say(
        "status as of {signed}, when the catalogue was last signed; asked for {moment}",
        signed=answer.catalogue_signed_at, moment=answer.as_of,
    )  # fmt: skip
    anchored = say.known(answer.anchored) or say("NOT CHECKED against anything that you trust; give --trust or --root")
    status = f"{_word(answer.status, say).upper()}{why}"
    if answer.stale and answer.exit_code != 1:  # what forbids relying on it does so however old it is
        status = say(
            "TOO OLD TO RELY ON; on {signed} it was {status}", signed=answer.catalogue_signed_at, status=status
        )
    lines = [
        f"{say('Status of {certificate}', certificate=answer.certificate)}: {status}",
        f"  {signed}",
        _labelled(say("root"), anchored),
    ]
    if answer.untrusted_by:
        lines.append(_labelled(say("trust file"), say.known(answer.untrusted_by)))
    if answer.stale:
        lines.append(
            _labelled(say("TOO OLD"), f"{say.known(answer.stale)}; {say('get a newer copy of the catalogue')}")
        )
    if answer.supersedes:
        lines.append(_labelled(say("replaces"), ", ".join(answer.supersedes)))
    for row in answer.history:
        by = f" {say('by {successor}', successor=row.superseded_by)}" if row.superseded_by else ""
        reason = f": {say.known(row.reason)}" if row.reason else ""
        lines.append(f"  {row.since} {_word(row.status, say)}{by}{reason}")
    # A reason is the owner's text: whatever is in it may not steer the terminal.
    return "\n".join(map(printable, lines)) + "\n"


def _labelled(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}} {text}"


def _word(status: Shown, say: Messages) -> str:
    words = {"not-listed": say("not listed"), "not-yet-valid": say("not valid yet"),
             "not-trusted": say("validator not trusted any more")}  # fmt: skip
    return words.get(status) or say(status)
