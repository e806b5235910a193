"""Look at a failed case a second time, by other means: the library called directly, and libraries by others.

A finding is confirmed if the accused library, called in a fresh process without pqvalidate, does again what was seen,
and libraries by others, called the same way with the same input, agree with each other and do otherwise. All that
cannot be shown so is "not confirmed", with the reason, and is never called a finding.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from pqvalidate.documents import Record
from pqvalidate.evidence import CaseRecord

DIRECT = Path(__file__).with_name("direct.py")
SECONDS = 120
Who = str | tuple[str, ...]
Standing = Literal["confirmed", "not-confirmed"]

INDEPENDENT = {
    "ML-KEM": ("openssl", "pycryptodome", "kyber-py"),
    "ML-DSA": ("openssl", "pycryptodome", "dilithium-py"),
    "Kyber": ("kyber-py",),
    "Dilithium": ("dilithium-py",),
}
"""Libraries that are asked for their opinion, by family of the parameter set; the accused one never is."""

_KEM = (
    (("dk", "c"), "decapsulate"), (("seed", "c"), "decapsulate_from_seed"), (("ek", "m"), "encapsulate_derand"),
    (("ek",), "encapsulate"), (("seed",), "keygen_from_seed"),
)  # fmt: skip
_SIGNATURE = (
    (("pk", "message", "signature", "hash"), "verify_prehash"), (("pk", "message", "signature"), "verify"),
    (("pk", "mu", "signature"), "verify_mu"), (("pk", "m_prime", "signature"), "verify_internal"),
    (("sk", "message", "hash"), "sign_prehash"), (("sk", "m_prime", "rnd"), "sign_internal"),
    (("sk", "message"), "sign"), (("seed", "message"), "sign_from_seed"), (("seed",), "keygen_from_seed"),
)  # fmt: skip
_TOGETHER = {"random-forks": "fork", "threads": "threads"}
"""Checks that are about more than one call, and the experiment of ``direct.py`` that shows the same."""
_DRAWN = ("encapsulate", "sign", "sign_from_seed", "sign_prehash")
"""Operations that draw randomness, of which two right answers differ."""
_PUBLISHED = ("acvp/", "wycheproof/", "cctv/")
_ABOUT_ACCEPTANCE = "an input that must be"
_INSTEAD = {"sign": ("sign_deterministic", "sign_with_rnd")}
"""What a library is asked that has not the operation itself: whether it accepts the input shows as well."""


class Answer(Record):
    """What one library said: who, whether it is the accused one, and the reply in words, hex shortened."""

    who: str
    accused: bool
    said: str


class Second(Record):
    """What came of the second look at one case, why, what was asked of whom, and the request in full."""

    standing: Standing
    why: str
    answers: tuple[Answer, ...] = ()
    request: dict[str, Any] = {}


_IN_BETWEEN = "it broke in a harness program, which may itself be to blame; somebody has to look"


def again(
    case: CaseRecord, check: str, parameter_set: str, accused: Who | None, label: str, *, advisory: bool = False
) -> Second:  # fmt: skip
    """Look at a failed case a second time.

    Args:
        case: the record of the case; its values are whole, none is the name of a sample file.
        check: name of the check that failed.
        parameter_set: name of the parameter set.
        accused: how ``direct.py`` reaches the library that failed, or None where it cannot.
        label: short name of that library; one by whose name it begins gives no second opinion, being the same code.
        advisory: the standard leaves the point open, so nobody is accused: a direct call that does so again is enough.

    """
    experiment = next((e for end, e in _TOGETHER.items() if check.endswith(end)), "")
    if experiment:
        return _of_many_calls(experiment, parameter_set, accused, label)
    inputs = part(case, "input")
    op = operation(inputs, parameter_set)
    if not op:
        return Second(standing="not-confirmed", why="no single call shows it, and no experiment is written for it")
    request = {"op": op, "set": parameter_set, "in": inputs}
    others = [who for who in INDEPENDENT[family(parameter_set)] if not label.startswith(who)]
    if op in _DRAWN and "observed.signature" in case.data and _ABOUT_ACCEPTANCE not in case.why:
        return _made_signature(case, request, others)
    own = ask_somehow(accused, request) if accused else {"unable": "it cannot be called directly"}
    replies = {who: ask_somehow(who, request) for who in others}
    found = weighed(case, op, own, replies, label, request, advisory=advisory)
    if isinstance(accused, tuple) and found.standing == "confirmed" and "error" in own:
        # A program of ours stands before the library both times, and what broke may be that.
        return replace(found, standing="not-confirmed", why=_IN_BETWEEN)
    return found


def family(parameter_set: str) -> str:
    """Return the key of ``INDEPENDENT`` for a parameter set."""
    return next(name for name in INDEPENDENT if parameter_set.startswith(name))


def part(case: CaseRecord, group: str) -> dict[str, str]:
    """Return the inputs, expected or observed values of a case by name."""
    return {name.removeprefix(f"{group}."): value for name, value in case.data.items() if name.startswith(f"{group}.")}


def operation(inputs: Mapping[str, str], parameter_set: str) -> str:
    """Return the operation that takes these inputs, or nothing if no single one does."""
    shapes = _SIGNATURE if parameter_set.startswith(("ML-DSA", "Dilithium")) else _KEM
    found = next((op for needed, op in shapes if set(needed) <= set(inputs)), "")
    needed = next((names for names, op in shapes if op == found), ())
    extra = set(inputs) - set(needed)
    if found == "sign" and extra == {"rnd"} | (extra & {"context"}):
        found = "sign_deterministic" if set(inputs["rnd"]) <= {"0"} else ""
    return found if extra <= {"context", "rnd"} else ""


def ask(who: Who, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a call in a fresh process that never loads pqvalidate, and return the reply."""
    asked = {**request, "who": who if isinstance(who, str) else list(who)}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(DIRECT)], input=json.dumps(asked), capture_output=True, text=True, check=False,
            timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"no reply within {SECONDS} s"}
    try:
        reply: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": f"the process ended with {done.returncode} and no reply: {done.stderr.strip()[-200:]}"}
    return reply


def ask_somehow(who: Who, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a call, or one that shows the same of a library that lacks it."""
    reply = ask(who, request)
    for op in _INSTEAD.get(request["op"], ()):
        if "unable" in reply:
            more = {"rnd": "00" * 32} if op == "sign_with_rnd" else {}
            reply = ask(who, {**request, "op": op, "in": {**request["in"], **more}})
    return reply


def weighed(
    case: CaseRecord, op: str, own: Mapping[str, Any], replies: Mapping[str, Mapping[str, Any]], label: str,
    request: dict[str, Any], *, advisory: bool = False,
) -> Second:  # fmt: skip
    """Weigh what the accused library and others answered; the only place where a finding becomes a confirmed one."""
    answers = tuple(
        Answer(who=who, accused=accused, said=in_words(reply))
        for who, accused, reply in [(label, True, own), *((who, False, reply) for who, reply in replies.items())]
        if "unable" not in reply
    )
    opinions = {who: found for who, reply in replies.items() if (found := form(reply, op))}
    recorded, shown = recorded_form(case, op), form(own, op)
    if advisory:
        so = bool(shown) and shown == recorded
        standing: Standing = "confirmed" if so else "not-confirmed"
        unasked = "it cannot be called directly here"
        why = "called directly, it does so again" if so else "a direct call did not show it" if shown else unasked
    else:
        standing, why = _standing(case, recorded, shown, opinions, replies)
    return Second(standing=standing, why=why, answers=answers, request=request)


def _standing(
    case: CaseRecord, recorded: str, shown: str, opinions: Mapping[str, str], replies: Mapping[str, Mapping[str, Any]]
) -> tuple[Standing, str]:
    """Return whether a case is confirmed, and why: what was recorded, shown by a direct call, and done by others."""
    doubt = _doubt(case, recorded, shown, opinions, replies)
    if doubt:
        return "not-confirmed", doubt
    if not opinions:
        return "confirmed", "called directly, it does the same; what is expected is a published test case"
    directly = "called directly, it does so again" if shown else "it was not called a second time"
    return "confirmed", f"{directly}; {listed(opinions)} {does(opinions)} what is expected"


def _doubt(
    case: CaseRecord, recorded: str, shown: str, opinions: Mapping[str, str], replies: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return the first reason why a case is not confirmed, or nothing."""
    seen, forms = shown or recorded, set(opinions.values())
    opinion, others = next(iter(opinions.values()), ""), f"{listed(opinions)} {does(opinions)}"
    published = bool(shown and recorded) and case.case.startswith(_PUBLISHED)
    expected = all(_expected(name, value, list(replies.values())) for name, value in part(case, "expected").items())
    doubts = {
        "called directly, the library does not do what the case records": shown and recorded and shown != recorded,
        "it could be asked of nobody a second time": not seen,
        "no other library here can be asked this": not opinions and not published,
        "other libraries do not agree with each other": len(forms) > 1,
        f"{others} the same": opinion == seen,
        f"{others} otherwise, but not what is expected": opinions and not (expected and _as_wanted(case, opinion)),
    }
    return next((why for why, holds in doubts.items() if holds), "")


def listed(names: Sequence[str] | Mapping[str, str]) -> str:
    """Return names in one phrase."""
    return " and ".join(names)


def does(names: Sequence[str] | Mapping[str, str]) -> str:
    """Return the verb for so many."""
    return "does" if len(names) == 1 else "do"


def _expected(name: str, value: str, replies: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether every library that gave values gave this one, where its name is one of theirs."""
    given = [reply["ok"] for reply in replies if "ok" in reply]
    return all(values.get(name, value) == value for values in given) or name in {"dk", "sk"}


def _as_wanted(case: CaseRecord, opinion: str) -> bool:
    """Return whether an opinion is what the case wanted, as far as its words say so."""
    refused = {"refused", "broke"}
    for words, fits in (
        ("must be refused", opinion == "refused"), ("did not refuse cleanly", opinion in {"refused", "invalid"}),
        ("must be accepted", opinion not in refused), ("where a value is expected", opinion not in refused),
        ("what is invalid", opinion == "invalid"), ("what is valid", opinion == "valid"),
    ):  # fmt: skip
        if words in case.why:
            return fits
    return opinion not in refused


def form(reply: Mapping[str, Any], op: str) -> str:
    """Return a reply in a form that can be compared, or nothing where a library could not be asked."""
    if "unable" in reply:
        return ""
    if op.startswith("verify"):
        if "error" in reply:
            return "broke"
        return "valid" if reply.get("ok", {}).get("valid") else "invalid"
    if "ok" in reply:
        return _values(reply["ok"], op)
    return "refused" if "rejected" in reply else "broke"


def recorded_form(case: CaseRecord, op: str) -> str:
    """Return what the case records of the accused library, in the form of ``form``, or nothing if it cannot be told."""
    observed = part(case, "observed")
    if case.fault:
        return "broke"
    for words, found in (
        ("accepted what is invalid", "valid"), ("refused what is valid", "invalid"),
        ("refused an input that must be accepted", "refused"),
    ):  # fmt: skip
        if words in case.why:
            return found
    return _values(observed, op) if observed else ""


def _values(found: Mapping[str, Any], op: str) -> str:
    if op in _DRAWN:
        return "accepted"
    # A private key may be its seed in one library and expanded in another: the public one tells them apart as well.
    return " ".join(f"{name}={found[name]}" for name in sorted(found) if name not in {"dk", "sk"})


def in_words(reply: Mapping[str, Any]) -> str:
    """Return a reply for people, long hex shortened."""
    if "ok" not in reply:
        kind = next(iter(reply))
        words = {"rejected": "refused", "error": "broke", "unable": "cannot be asked"}.get(kind, kind)
        return f"{words}: {str(reply[kind])[:160]}"
    return ", ".join(f"{name} {shortened(str(value))}" for name, value in reply["ok"].items())


def shortened(value: str) -> str:
    """Return hex of more than 32 bytes as its first 8 and last 4 bytes and its length."""
    return value if len(value) <= 64 else f"{value[:16]}…{value[-8:]} ({len(value) // 2:,} bytes)"


def _of_many_calls(experiment: str, parameter_set: str, accused: Who | None, label: str) -> Second:
    request = {"op": experiment, "set": parameter_set, "in": {}}
    if accused is None:
        return Second(standing="not-confirmed", why="it cannot be called directly", request=request)
    reply = ask(accused, request)
    answers = (Answer(who=label, accused=True, said=in_words(reply)),)
    found = reply.get("ok", {})
    shown = bool(found.get("wrong")) or found.get("different", 3) < 3
    why = "called directly, it does so again" if shown else "called directly, it did not do so"
    return Second(standing="confirmed" if shown else "not-confirmed", why=why, answers=answers, request=request)


def _made_signature(case: CaseRecord, request: dict[str, Any], others: Sequence[str]) -> Second:
    """Let others verify the very signature that was made, with the public key that belongs to the private one."""
    inputs, made = dict(request["in"]), part(case, "observed").get("signature", "")
    key = ask("pycryptodome", {"op": "public_key", "set": request["set"], "in": {"sk": inputs.pop("sk", "")}})
    op = "verify_prehash" if request["op"] == "sign_prehash" else "verify"
    if "ok" not in key or not made:
        return Second(standing="not-confirmed", why="the public key of the private one is not known", request=request)
    checking = {**request, "op": op, "in": {**inputs, "pk": key["ok"]["pk"], "signature": made}}
    replies = {who: ask(who, checking) for who in others}
    opinions = {who: found for who, reply in replies.items() if (found := form(reply, op))}
    answers = tuple(Answer(who=who, accused=False, said=in_words(replies[who])) for who in opinions)
    confirmed = bool(opinions) and set(opinions.values()) == {"invalid"}
    why = f"{listed(opinions)} {does(opinions)} not accept the signature" if confirmed else (
        "the signature is accepted by others, or nobody could be asked"
    )  # fmt: skip
    return Second(
        standing="confirmed" if confirmed else "not-confirmed", why=why, answers=answers, request=checking
    )  # fmt: skip
