"""Reading and writing the project's documents: strict parsing whose errors name place and remedy, atomic writing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import tempfile
import tomllib
import unicodedata
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

import msgspec

from pqvalidate.algorithms import nearest
from pqvalidate.errors import InputError, UsageError

T = TypeVar("T")
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<field>[^`]*)`(?: - at `(?P<place>[^`]*)`)?")
_AT = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<place>[^`]*)`)?$", re.DOTALL)
_MAX_BYTES = 256 * 1024 * 1024
_CHUNK = 1024 * 1024
_MAX_DEPTH = 64
_SAFE_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
MOST_TEXT = 500
_BEYOND_16_BITS = re.compile(rb"[\xf0-\xff]")  # the first byte of UTF-8 for such a character
_USES = {
    "pqvalidate/trust/1": ("a trust file", "Give it to --trust"),
    "pqvalidate/signing-key/1": (
        "a private signing key",
        "Give it to --key of `pqvalidate certify`, and to nobody else",
    ),
    "pqvalidate/policy-verdict/1": (
        "the rules of a policy verdict",
        "Verify the .verdict.json beside it, which is signed",
    ),
    "pqvalidate/evidence/1": ("the evidence of a run", "Give its folder to `pqvalidate judge` or `pqvalidate certify`"),
    "pqvalidate/run-report/1": ("the report of a run", "Give the folder of the run, its bundle"),
    "pqvalidate/policy-report/1": ("a judgement, which is not signed", "Judge again with `pqvalidate judge`"),
    "pqvalidate/claims-report/1": ("the result of `pqvalidate claims check`", "Give the claims file to --claims"),
    "pqvalidate/bench/1": ("a benchmark", "Give it to --compare of `pqvalidate bench`"),
    "pqvalidate/status-list/1": ("the status list of a catalogue", "Give the folder of the catalogue to --catalogue"),
    "pqvalidate/catalogue-state/1": ("what was seen of a catalogue", "Give it to --state"),
    "pqvalidate/manifest/1": ("a manifest", "Give it to `pqvalidate run`"),
    "pqvalidate/policy-profile/1": ("a policy profile", "Give it to --policy"),
    "pqvalidate/dossier/1": ("a buyer's file", "Give it to --dossier"),
    "pqvalidate/claims/1": ("a claims file", "Give it to `pqvalidate claims check`, or to --claims"),
}
"""What the documents of ours are, and what takes each, for whoever gives one in the place of another."""
# Control, format (bidirectional overrides among them), surrogate, line and paragraph separator: a signed text must
# look on a screen as it reads in its bytes.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every record that is stored or signed: immutable, named fields, unknown fields refused."""


def read_bytes(path: Path, what: str) -> bytes:
    """Return the bytes of an ordinary file.

    Raises:
        InputError: it is missing, unreadable, a folder, device or pipe, or larger than 256 MiB.

    """
    return bounded(path, _MAX_BYTES, what, f"Give the path of {what}")


def bounded(path: Path, most: int, what: str, remedy: str) -> bytes:
    """Return the bytes of an ordinary file of at most ``most`` bytes; never reads more, never waits for a pipe.

    What the file says its length is, is not relied on: a device says that it is empty and never ends.

    Raises:
        InputError: it is missing, unreadable, no ordinary file, or larger.

    """
    chunks, left = [], most + 1
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # of a folder, reading says what it is
                raise InputError(path, "", "is no ordinary file", remedy)
            while chunk := os.read(descriptor, min(left, _CHUNK)):
                chunks.append(chunk)
                left -= len(chunk)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(path, "", f"cannot be read: {reason}", f"Give the path of {what}") from None
    if left <= 0:
        raise InputError(path, "", f"is larger than {most} bytes", remedy)
    return b"".join(chunks)


def parse_json(data: bytes, file: object, what: str) -> Any:  # noqa: ANN401  (any JSON value)
    """Return the JSON value in ``data``; what an RFC 8785 body cannot hold is refused.

    That is: duplicate keys, NaN, floats, whole numbers of 2^53 and more, lone surrogates.

    Raises:
        InputError: the bytes are no such JSON.

    """
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_no_duplicates, parse_constant=_refuse, parse_float=_refuse, parse_int=_whole
        )
        if _SURROGATE.search(text):  # only an escape can bring one in; paired ones have become a character
            json.dumps(value, ensure_ascii=False).encode()
        return value  # noqa: TRY300  (encoding it, above, is part of reading it)
    except UnicodeEncodeError:
        raise InputError(file, "", "holds a lone surrogate", f"Give {what} as it was written") from None
    except UnicodeDecodeError as error:
        raise InputError(file, f"byte {error.start}", "is not UTF-8", f"Give {what}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(file, place, f"is not JSON: {error.msg}", f"Give {what}") from None
    except RecursionError:
        raise InputError(file, "", "is nested too deeply", f"Give {what}") from None
    except ValueError as error:
        raise InputError(file, "", str(error), f"Give {what} as it was written") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                msg = f"the key {key!r} occurs twice"
                raise ValueError(msg)
            seen.add(key)
    return found


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) > _SAFE_INTEGER:
        msg = f"holds a whole number of {len(text)} digits, which is 2^53 or more"
        raise ValueError(msg)
    return number


def _refuse(text: str) -> Any:  # noqa: ANN401
    msg = f"holds the number {text}, which is no integer"
    raise ValueError(msg)


def parse_toml(path: Path, what: str) -> dict[str, Any]:
    """Return the table in a TOML file.

    Raises:
        InputError: it cannot be read, or is no TOML.

    """
    data = read_bytes(path, what)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(path, f"byte {error.start}", "is not UTF-8", "Save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, "", f"is not TOML: {error}", "Correct the line that is named") from None
    except (RecursionError, ValueError) as error:
        raise InputError(path, "", f"is not TOML: {type(error).__name__}", "Correct the file") from None


def to_record(value: Any, kind: type[T], file: object, remedy: str) -> T:  # noqa: ANN401  (parsed document)
    """Turn a parsed document into a record.

    Raises:
        InputError: a field is missing, unknown or of the wrong type; names the field, and the nearest known one.

    """
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        _refuse_other(value, kind, file, remedy)
        raise _located(error, kind, file, remedy) from None
    except RecursionError:
        raise InputError(file, "", "is nested too deeply", remedy) from None


def _refuse_other(value: Any, kind: Any, file: object, remedy: str) -> None:  # noqa: ANN401  (as above)
    """Say of another document of ours what it is and which verb takes it, for its fields would be called unknown."""
    schema = value.get("schema") if isinstance(value, dict) else None
    wanted = getattr(kind, "__annotations__", {}).get("schema", "")
    if isinstance(schema, str) and schema in _USES and schema not in str(wanted):
        what, use = _USES[schema]
        raise InputError(file, "schema", f"this is {what} ({schema})", f"{use}. {remedy}")


def _located(error: msgspec.ValidationError, kind: type, file: object, remedy: str) -> InputError:
    unknown = _UNKNOWN_FIELD.search(str(error))
    if unknown:
        names = sorted(_field_names(kind))
        place = _place(unknown["place"])
        field = unknown["field"]
        return InputError(file, place, f"unknown key {field!r}{nearest(field, names)}", "Remove it or correct its name")
    found = _AT.match(str(error))
    problem, where = (found["problem"], found["place"]) if found else (str(error), "")
    return InputError(file, _place(where), problem[0].lower() + problem[1:], remedy)


def _place(path: str | None) -> str:
    return (path or "").removeprefix("$").removeprefix(".")


def _field_names(kind: Any, seen: set[Any] | None = None) -> set[str]:  # noqa: ANN401  (walks type expressions)
    seen = set() if seen is None else seen
    if kind in seen:
        return set()
    seen.add(kind)
    names: set[str] = set()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            names.add(field.encode_name)
            names |= _field_names(field.type, seen)
    for inner in getattr(kind, "__args__", ()):
        with contextlib.suppress(TypeError):
            names |= _field_names(inner, seen)
    return names


def is_unseen(character: str) -> bool:
    """Return whether a character shows nothing by itself and may change how its neighbours look."""
    return unicodedata.category(character) in _UNSEEN


def free_text(text: str, what: str) -> str:
    """Return a text that somebody typed and that will be signed, trimmed and in Unicode normal form C.

    Args:
        text: as it was typed.
        what: its name in errors, such as ``--reason``.

    Raises:
        UsageError: it is empty, longer than 500 characters, no UTF-8, or holds characters that cannot be seen.

    """
    trimmed = unicodedata.normalize("NFC", text.strip())
    if not 0 < len(trimmed) <= MOST_TEXT:
        raise UsageError(f"{what} needs a text of 1 to {MOST_TEXT} characters, for those who read what is signed")
    problem = unseen_problem(trimmed)
    if problem:
        raise UsageError(f"{what}: {problem}; write it with visible letters")
    return trimmed


def unseen_problem(text: str) -> str:
    """Return which character of a text cannot be seen, or is no UTF-8; empty if all can."""
    for place, character in enumerate(text, 1):
        if is_unseen(character):
            kind = "is no UTF-8" if "\ud800" <= character <= "\udfff" else "cannot be seen"
            return f"character {place} (U+{ord(character):04X}) {kind}"
    return ""


def to_json(record: Any) -> bytes:  # noqa: ANN401  (any record)
    """Return indented JSON with a final line feed, fields in their declared order."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def canonical(value: Any) -> bytes:  # noqa: ANN401  (any record or JSON value)
    """Return the RFC 8785 (JCS) bytes of a record."""
    import rfc8785  # noqa: PLC0415  (only runs and certificates need it)

    return rfc8785.dumps(msgspec.to_builtins(value))


def is_canonical(value: Any, data: bytes) -> bool:  # noqa: ANN401  (any JSON value)
    """Return whether ``data`` is the RFC 8785 form of ``value``, which ``parse_json`` has read from it.

    RFC 8785 section 3.2.3 sorts names by their UTF-16 units. Where no character lies beyond U+FFFF that is the order of
    characters, and the encoder of the standard library writes the same bytes in a tenth of the time.
    """
    try:
        if _BEYOND_16_BITS.search(data):
            return canonical(value) == data
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() == data
    except RecursionError:  # nested more deeply than any document of ours
        return False


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file or nothing: to a temporary neighbour, flushed, then renamed.

    Raises:
        UsageError: the folder is missing, read-only or full; the message says which.

    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
