"""The worker's bridge to liboqs by its direct symbols (kind ``liboqs``), such as ``OQS_KEM_ml_kem_768_keypair``.

The functions need no struct of liboqs, whose layout changes between versions, and no Python package. The host finds
the library file; see ``vendors.library_search``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pqvalidate.adapters import c_abi

_WEB_ASSEMBLY = b"\0asm"


def bridge(settings: Mapping[str, Any]) -> c_abi.Library:
    """Return the factory for liboqs.

    Raises:
        OSError: the file does not load, or is WebAssembly, as one Python package ships under the library's name.

    """
    with Path(settings["library"]).open("rb") as file:
        if file.read(4) == _WEB_ASSEMBLY:
            raise OSError(f"{settings['library']} is WebAssembly and no library of this machine")
    return c_abi.bridge(settings)
