"""JSON of others: floats are allowed, for theirs is not signed as ours is; a key that occurs twice is not."""

from __future__ import annotations

import json
from typing import Any

from pqvalidate.errors import InputError


def loose_json(data: bytes, file: object, what: str) -> dict[str, Any]:
    """Return the JSON object in ``data``.

    Raises:
        InputError: the bytes are no JSON object, or a key occurs twice in it.

    """
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise InputError(file, f"byte {error.start}", "is not UTF-8", f"Give {what}") from None
    except RecursionError:
        raise InputError(file, "", "is nested too deeply", f"Give {what}") from None
    except ValueError as error:
        raise InputError(file, "", f"is not JSON: {error}", f"Give {what}") from None
    if not isinstance(value, dict):
        raise InputError(file, "", "is no JSON object", f"Give {what}")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a key occurs twice"
        raise ValueError(msg)
    return found
