"""Call a library directly: one call, in this process, with nothing of pqvalidate in it.

``python -I direct.py FINDINGS NAME CHECK`` asks everybody once more what a file of findings says that was asked, and
``python -I direct.py < request.json`` reads one request and prints one reply, in the form that harnesses use::

    {"who": "kyber-py", "op": "decapsulate", "set": "ML-KEM-768", "in": {"dk": "...", "c": "..."}}
    {"ok": {"k": "..."}}    or {"rejected": "why"} where the library refuses, or {"error": "why"} where it breaks

``who`` is the name of a Python package below; or a list of words, the command of a harness program; or the path of a
Python file with ``implementation(parameter_set)``. Three operations are not those of harnesses: ``fork`` draws a key,
forks twice and tells the public keys that the copies and the parent draw next; ``threads`` makes keys from seeds in
four threads at once and tells how many differ from those of one thread; ``public_key`` tells that of a private key.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

Outputs = dict[str, Any]
Calls = dict[str, Callable[..., Outputs]]
_THREADS, _KEYS = 4, 24
TAKE_RND = ("sign_internal", "sign_with_rnd")
"""Operations that take the randomness of signing; with others, a case names it to say how the signature was made."""


def kem(**calls: Callable[..., Any]) -> Calls:
    """Name what the functions of a KEM return; encapsulation gives (k, c), in this order."""
    shapes = {"keygen": ("ek", "dk"), "keygen_from_seed": ("ek", "dk"), "encapsulate": ("k", "c"),
              "encapsulate_derand": ("k", "c"), "decapsulate": ("k",), "decapsulate_from_seed": ("k",)}  # fmt: skip
    return {name: _named(call, shapes[name]) for name, call in calls.items()}


def signature(**calls: Callable[..., Any]) -> Calls:
    """Name what the functions of a signature algorithm return."""
    shapes = {"keygen": ("pk", "sk"), "keygen_from_seed": ("pk", "sk"), "public_key": ("pk",)}
    usual = {True: ("valid",), False: ("signature",)}
    return {
        name: _named(call, shapes.get(name, usual[name.startswith("verify")]))
        for name, call in calls.items()
    }  # fmt: skip


def _named(call: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Outputs]:
    def made(**inputs: Any) -> Outputs:
        found = call(**inputs)
        return dict(zip(names, found if len(names) > 1 else (found,), strict=True))

    return made


def _verified(check: Callable[[], object], *refusals: type[Exception]) -> bool:
    """Return whether a check that raises if the signature is not valid has not raised."""
    try:
        check()
    except refusals:
        return False
    return True


def cryptography(name: str) -> Calls:
    """OpenSSL through the package cryptography: private keys are seeds."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem

    plain = name.replace("-", "")
    home: Any = mlkem if name.startswith("ML-KEM") else mldsa
    private, public = getattr(home, f"{plain}PrivateKey"), getattr(home, f"{plain}PublicKey")

    def keys(key: Any) -> tuple[bytes, bytes]:
        return key.public_key().public_bytes_raw(), key.private_bytes_raw()

    if home is mlkem:
        return kem(
            keygen=lambda: keys(private.generate()),
            keygen_from_seed=lambda seed: keys(private.from_seed_bytes(seed)),
            encapsulate=lambda ek: public.from_public_bytes(ek).encapsulate(),
            decapsulate_from_seed=lambda seed, c: private.from_seed_bytes(seed).decapsulate(c),
        )
    return signature(
        keygen=lambda: keys(private.generate()),
        keygen_from_seed=lambda seed: keys(private.from_seed_bytes(seed)),
        sign_from_seed=lambda seed, message, context=b"": private.from_seed_bytes(seed).sign(message, context),
        verify=lambda pk, message, signature, context=b"": _verified(
            lambda: public.from_public_bytes(pk).verify(signature, message, context), InvalidSignature
        ),
        verify_mu=lambda pk, mu, signature: _verified(
            lambda: public.from_public_bytes(pk).verify_mu(signature, mu), InvalidSignature
        ),
    )


def pycryptodome(name: str) -> Calls:
    """Pycryptodome; its ML-KEM has no public interface for encapsulation by itself."""
    from Crypto.PublicKey import MLDSA, MLKEM
    from Crypto.Signature import mldsa

    if name.startswith("ML-KEM"):
        which: Any = {member.value: member for member in MLKEM.ParamSet}[name]

        def load(**key: bytes) -> Any:
            return MLKEM.construct(param_set=which, **key)

        def pair(key: Any) -> tuple[bytes, bytes]:
            return key.ek, key.expanded_dk

        return kem(
            keygen=lambda: pair(MLKEM.generate(param_set=which)),
            keygen_from_seed=lambda seed: pair(load(seed=seed)),
            encapsulate=lambda ek: load(ek=ek)._encaps(),
            encapsulate_derand=lambda ek, m: load(ek=ek)._encaps(m),
            decapsulate=lambda dk, c: load(expanded_dk=dk)._decaps(c),
            decapsulate_from_seed=lambda seed, c: load(seed=seed)._decaps(c),
        )
    chosen: Any = {member.value: member for member in MLDSA.ParamSet}[name]

    def key(**given: bytes) -> Any:
        return MLDSA.construct(param_set=chosen, **given)

    def keys(found: Any) -> tuple[bytes, bytes]:
        return found.pk, found.sk

    def hashed(named: str, message: bytes) -> Any:
        family, _, rest = named.partition("-")
        short = {"SHA2": f"SHA{rest[:3]}", "SHA3": f"SHA3_{rest}", "SHAKE": f"SHAKE{rest}"}[family]
        made: Any = import_module(f"Crypto.Hash.{short}")
        return made.new(message, truncate=rest[4:]) if "/" in rest else made.new(message)

    def verified(scheme: Any, message: Any, signature: bytes) -> bool:
        return _verified(lambda: scheme.verify(message, signature), ValueError)

    return signature(
        keygen=lambda: keys(MLDSA.generate(param_set=chosen)),
        keygen_from_seed=lambda seed: keys(key(seed=seed)),
        public_key=lambda sk: key(sk=sk).pk,
        sign=lambda sk, message, context=b"": mldsa.new(key(sk=sk), context).sign(message),
        sign_deterministic=lambda sk, message, context=b"": mldsa.new(
            key(sk=sk), context, deterministic=True
        ).sign(message),
        verify=lambda pk, message, signature, context=b"": verified(
            mldsa.new(key(pk=pk), context), message, signature
        ),
        verify_prehash=lambda pk, message, signature, hash, context=b"": verified(  # noqa: A006  (name of the field)
            mldsa.new(key(pk=pk), context), hashed(hash, message), signature
        ),
        sign_internal=lambda sk, m_prime, rnd: key(sk=sk)._sign(m_prime, rnd),
        verify_internal=lambda pk, m_prime, signature: key(pk=pk)._verify(m_prime, signature),
    )  # fmt: skip


def pqcrypto(name: str) -> Calls:
    """Pqcrypto, its pre-hash functions as its README shows: the message goes in, with ``hash_algorithm``."""
    from pqcrypto import HashAlgorithm, InvalidSignatureError

    plain = name.lower().replace("-", "_")
    if name.startswith("ML-KEM"):
        home: Any = import_module(f"pqcrypto.kem.{plain}")
        return kem(
            keygen=home.keygen,
            encapsulate=lambda ek: tuple(reversed(home.encaps(ek))),
            decapsulate=lambda dk, c: home.decaps(dk, c),
        )
    sign: Any = import_module(f"pqcrypto.sign.{plain}")

    def algorithm(named: str) -> Any:
        family, _, rest = named.replace("/", "_").partition("-")
        return getattr(HashAlgorithm, {"SHA2": "Sha", "SHA3": "Sha3_", "SHAKE": "Shake"}[family] + rest)

    return signature(
        keygen=sign.keygen,
        sign=lambda sk, message, context=b"": sign.sign(sk, message, context),
        sign_prehash=lambda sk, message, hash, context=b"": sign.sign(  # noqa: A006  (name of the field)
            sk, message, context, algorithm(hash)
        ),
        verify=lambda pk, message, signature, context=b"": _verified(
            lambda: sign.verify(pk, message, signature, context), InvalidSignatureError
        ),
        verify_prehash=lambda pk, message, signature, hash, context=b"": _verified(  # noqa: A006
            lambda: sign.verify(pk, message, signature, context, algorithm(hash)), InvalidSignatureError
        ),
    )


def kyber_py(name: str) -> Calls:
    """kyber-py: ML-KEM and Kyber round 3."""
    from kyber_py import kyber, ml_kem

    scheme: Any = getattr(ml_kem, name.replace("-", "_")) if name.startswith("ML") else getattr(
        kyber, name.replace("-", "")
    )  # fmt: skip
    return kem(
        keygen=scheme.keygen,
        keygen_from_seed=lambda seed: _reading(scheme, seed).keygen(),
        encapsulate=lambda ek: scheme.encaps(ek),
        encapsulate_derand=lambda ek, m: _reading(scheme, m).encaps(ek),
        decapsulate=lambda dk, c: scheme.decaps(dk, c),
    )


def _reading(scheme: Any, tape: bytes) -> Any:
    """Give a scheme whose source of randomness reads from a tape."""
    from copy import copy

    rest = bytearray(tape)

    def read(length: int) -> bytes:
        taken = bytes(rest[:length])
        del rest[:length]
        return taken

    twin = copy(scheme)
    twin.random_bytes = read
    return twin


def dilithium_py(name: str) -> Calls:
    """dilithium-py: ML-DSA and Dilithium round 3.1."""
    from dilithium_py import dilithium, ml_dsa

    if name.startswith("Dilithium"):
        old: Any = getattr(dilithium, name)
        return signature(
            keygen=old.keygen,
            keygen_from_seed=lambda seed: _reading(old, seed).keygen(),
            sign=lambda sk, message: old.sign(sk, message),
            sign_deterministic=lambda sk, message: old.sign(sk, message),
            verify=lambda pk, message, signature: old.verify(pk, message, signature),
        )
    scheme: Any = getattr(ml_dsa, name.replace("-", "_"))
    hashing: Any = getattr(ml_dsa, f"HASH_{name.replace('-', '_')}_WITH_SHA512")

    def short(named: str) -> str:
        return {"SHA2-256": "SHA256", "SHA2-512": "SHA512", "SHAKE-128": "SHAKE128"}[named]

    return signature(
        keygen=scheme.keygen,
        keygen_from_seed=lambda seed: scheme.key_derive(seed),
        sign=lambda sk, message, context=b"": scheme.sign(sk, message, context),
        sign_deterministic=lambda sk, message, context=b"": scheme.sign(sk, message, context, deterministic=True),
        sign_internal=lambda sk, m_prime, rnd: scheme._sign_internal(sk, m_prime, rnd),
        verify=lambda pk, message, signature, context=b"": scheme.verify(pk, message, signature, context),
        verify_prehash=lambda pk, message, signature, hash, context=b"": (  # noqa: A006  (name of the field)
            hashing._verify_with_pre_hash(pk, message, signature, short(hash), context)
        ),
        verify_internal=lambda pk, m_prime, signature: scheme._verify_internal(pk, m_prime, signature),
    )


def mlkem(name: str) -> Calls:
    """The Rust package mlkem."""
    from mlkem.rust import ML_KEM, DecapsKey, EncapsKey, ParameterSet

    scheme = ML_KEM(getattr(ParameterSet, name.replace("-", "_")))

    def keygen() -> tuple[bytes, bytes]:
        ek, dk = scheme.key_gen()
        return ek.to_bytes(), dk.to_bytes()

    return kem(
        keygen=keygen,
        encapsulate=lambda ek: scheme.encaps(EncapsKey.from_bytes(ek)),
        decapsulate=lambda dk, c: scheme.decaps(DecapsKey.from_bytes(dk), c),
    )


def ml_kem_rs(name: str) -> Calls:
    """ml-kem-rs, which has ML-KEM-768 only, with seeds as decapsulation keys."""
    home: Any = import_module("ml_kem_rs")

    if name != "ML-KEM-768":
        raise KeyError(name)
    return kem(
        keygen=lambda: tuple(reversed(home.mlkem768_generate())),
        encapsulate=lambda ek: tuple(reversed(home.mlkem768_encapsulate(ek))),
        decapsulate_from_seed=lambda seed, c: home.mlkem768_decapsulate(seed, c),
    )


PACKAGES: dict[str, Callable[[str], Calls]] = {
    "openssl": cryptography, "pycryptodome": pycryptodome, "pqcrypto": pqcrypto, "kyber-py": kyber_py,
    "dilithium-py": dilithium_py, "mlkem": mlkem, "ml-kem-rs": ml_kem_rs,
}  # fmt: skip


def of_file(path: str, name: str) -> Calls:
    """Take the methods of ``implementation(parameter_set)`` of a Python file as they are."""
    spec = importlib.util.spec_from_file_location("under_test", path)
    if spec is None or spec.loader is None:
        raise KeyError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.implementation(name)
    shape = kem if name.startswith(("ML-KEM", "Kyber")) else signature
    names = [n for n in dir(made) if n.startswith(("keygen", "encapsulate", "decapsulate", "sign", "verify"))]
    return shape(**{n: getattr(made, n) for n in names})


def of_program(words: list[str], request: dict[str, Any]) -> dict[str, Any]:
    """Write the request as one line to a harness program, and return its reply."""
    line = json.dumps({"id": 1, "op": request["op"], "set": request["set"], "in": request["in"]}) + "\n"
    done = subprocess.run(words, input=line, capture_output=True, text=True, check=False, timeout=60)
    lines = done.stdout.splitlines()
    if not lines:
        return {"error": f"no reply, exit code {done.returncode}: {done.stderr[-200:]}"}
    reply = json.loads(lines[0])
    if "unknown operation" in str(reply.get("error", "")):
        return {"unable": reply["error"]}
    return {name: value for name, value in reply.items() if name != "id"}


def forked(calls: Calls) -> Outputs:
    """Draw a key, fork twice, and tell the SHA-256 of the public key that each copy and the parent draw next."""
    calls["keygen"]()
    drawn = []
    for _ in range(2):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, _next_key(calls).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as stream:
            drawn.append(stream.read())
        os.waitpid(child, 0)
    drawn.append(_next_key(calls))
    return {"sha256_of_next_public_keys": drawn, "different": len(set(drawn))}


def _next_key(calls: Calls) -> str:
    return hashlib.sha256(next(iter(calls["keygen"]().values()))).hexdigest()


def threads(calls: Calls) -> Outputs:
    """Make keys from seeds in four threads at once, and count those that differ from what one thread makes."""
    length = 64 if "encapsulate" in calls else 32
    seeds = [hashlib.shake_256(bytes([number])).digest(length) for number in range(_KEYS)]
    alone = [calls["keygen_from_seed"](seed=seed) for seed in seeds]
    found: list[list[Any]] = [[] for _ in range(_THREADS)]

    def work(mine: list[Any]) -> None:
        for seed in seeds:
            try:
                mine.append(calls["keygen_from_seed"](seed=seed))
            except Exception as error:  # noqa: BLE001  (whatever goes wrong only beside other threads is what is sought)
                mine.append(repr(error))

    sys.setswitchinterval(1e-5)
    working = [threading.Thread(target=work, args=(mine,)) for mine in found]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()
    wrong = sum(key != alone[place] for mine in found for place, key in enumerate(mine))
    return {"keys": _THREADS * _KEYS, "wrong": wrong}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Make the call of a request and return the reply."""
    who, name = request["who"], request["set"]
    if isinstance(who, list):
        return of_program(who, request)
    try:
        calls = PACKAGES[who](name) if who in PACKAGES else of_file(who, name)
        together: Calls = {"fork": lambda: forked(calls), "threads": lambda: threads(calls)}
        call = together.get(request["op"]) or calls[request["op"]]
    except (ImportError, KeyError, AttributeError) as error:
        return {"unable": f"{who} has no {request['op']} of {name} here ({type(error).__name__}: {error})"}
    given = {key: value for key, value in request["in"].items() if key != "rnd" or request["op"] in TAKE_RND}
    inputs = {key: value if key == "hash" else bytes.fromhex(value) for key, value in given.items()}
    try:
        found = call(**inputs)
    except ValueError as error:
        return {"rejected": f"{type(error).__name__}: {error}"}
    except (KeyError, TypeError) as error:
        return {"unable": f"{type(error).__name__}: {error}"}
    except Exception as error:  # noqa: BLE001  (whatever a library raises beside a refusal is what it answers)
        return {"error": f"{type(error).__name__}: {error}"}
    return {"ok": {key: value.hex() if isinstance(value, bytes) else value for key, value in found.items()}}


def repeat(file: str, name: str, check: str) -> None:
    """Print what everybody answers now who was asked about a finding, each from a fresh process."""
    with open(file, encoding="utf-8") as stream:  # noqa: PTH123  (whoever reads this file need not know pathlib)
        found = [row["finding"] for row in json.load(stream)["findings"]]
    row = next(row for row in found if (row["label"], row["check"]) == (name, check))
    for second in row["seconds"]:
        request = dict(second["request"])
        if not isinstance(request["in"], dict):
            inputs = {key: value for key, value in row["values"].items() if key.startswith("input.")}
            request["in"] = {key.removeprefix("input."): value for key, value in inputs.items()}
        for one in second["answers"]:
            words = json.dumps(request | {"who": row["direct"] if one["accused"] else one["who"]})
            run = [sys.executable, "-I", __file__]
            done = subprocess.run(run, input=words, capture_output=True, text=True, check=False)
            sys.stdout.write(f"{one['who']}: {done.stdout or done.stderr}")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        repeat(*sys.argv[1:])
    else:
        sys.stdout.write(json.dumps(answer(json.load(sys.stdin))) + "\n")
