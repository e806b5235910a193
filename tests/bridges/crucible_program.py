"""A harness for Crucible over kyber-py and dilithium-py: crucible_program.py MODE.

MODE: ``internal`` takes messages as M', ``external`` as M; ``seeds`` gives and takes private keys as seeds; the others
break.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tests.bridges import sound

MODE = sys.argv[1]
FUNCTIONS = ["NTT", "ML_KEM_KeyGen", "ML_KEM_Encaps", "ML_KEM_Decaps", "ML_DSA_KeyGen", "ML_DSA_Sign", "ML_DSA_Verify"]


def framed(message: bytes) -> bytes:
    return message if MODE == "internal" else b"\0\0" + message


def answer(function: str, given: dict[str, bytes], level: int) -> dict[str, bytes]:
    kem, dsa = f"ML-KEM-{level}", f"ML-DSA-{level}"
    if function in ("ML_KEM_KeyGen", "ML_KEM_Decaps") and kem not in sound.KEM:
        msg = f"no {kem}"
        raise ValueError(msg)
    match function:
        case "ML_KEM_KeyGen":
            ek, dk = sound.kem_keygen(kem, given["randomness"])
            return {"ek": ek, "dk": given["randomness"] if MODE == "seeds" else dk}
        case "ML_KEM_Encaps":
            secret, c = sound.encapsulate(kem, given["ek"], given["randomness"])
            return {"c": c, "K": secret}
        case "ML_KEM_Decaps":
            dk = sound.kem_keygen(kem, given["dk"])[1] if MODE == "seeds" else given["dk"]
            return {"K": sound.decapsulate(kem, dk, given["c"])}
        case "ML_DSA_KeyGen":
            pk, sk = sound.dsa_keygen(dsa, given["seed"])
            return {"pk": pk, "sk": given["seed"] if MODE == "seeds" else sk}
        case "ML_DSA_Sign":
            sk = sound.dsa_keygen(dsa, given["sk"])[1] if MODE == "seeds" else given["sk"]
            name = "sigma" if MODE == "external" else "signature"
            return {name: sound.sign(dsa, sk, framed(given["message"]), given["rnd"])}
        case "ML_DSA_Verify":
            valid = sound.verify(dsa, given["pk"], framed(given["message"]), given["sigma"])
            return {"valid": b"\1" if valid else b"\0"}
        case _:
            raise ValueError(function)


def reply(line: str) -> str:
    request: dict[str, Any] = json.loads(line)
    function = request["function"]
    if MODE == "unsupported" and function == "ML_KEM_Encaps":
        return json.dumps({"unsupported": True})
    if function == "ML_KEM_Decaps":
        broken = {
            "log": "decapsulating", "list": "[]", "empty": "{}", "odd": '{"outputs":{"K":"abc"}}',
            "number": '{"outputs":{"K":5}}', "other": '{"outputs":{"k":"00"}}',
            "deep": "[" * 100_000, "long": "x" * (1 << 23),
        }  # fmt: skip
        if MODE in broken:
            return broken[MODE]
        if MODE == "exit":
            os._exit(1)
    try:
        inputs = {name: bytes.fromhex(value) for name, value in request["inputs"].items()}
        outputs = answer(function, inputs, request["params"]["param_set"])
    except ValueError as error:
        return json.dumps({"error": str(error)})
    return json.dumps({"outputs": {name: value.hex() for name, value in outputs.items()}})


def main() -> None:
    if MODE == "silent":
        return
    sys.stdout.write("Ready\n" if MODE == "chatty" else json.dumps({"implementation": "v1", "functions": FUNCTIONS}))
    sys.stdout.write("\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(f"{reply(line)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
