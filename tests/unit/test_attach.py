"""Attaching: one interface over every implementation, keys that outlive a process, and clear words when it fails."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pqvalidate as pqv
from pqvalidate import vendors
from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.planner import Selection, make_plan
from pqvalidate.runner import run
from pqvalidate.verdict import judge

HERE = [name for name in vendors.BUILT_IN if vendors.availability(name)[0]]
MANIFEST = """
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "Example"
version = "1"
[attach]
kind = "python"
target = "{target}"
{attach}
[claims]
conformance = {claims}
[limits]
start_seconds = {start}
"""
SOUND = "from pqvalidate.vendors.openssl import implementation\n"


def manifest(
    folder: Path,
    code: str | None = SOUND,
    *,
    attach: str = "",
    start: int = 60,
    claims: tuple[str, ...] = ("ML-KEM-768",),
) -> Path:
    target = "example:implementation"
    if code is not None:
        (folder / "example.py").write_text(code, encoding="utf-8")
    path = folder / "vendor.toml"
    path.write_text(MANIFEST.format(target=target, attach=attach, start=start, claims=list(claims)), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", HERE)
def test_every_built_in_implementation_does_a_round_trip_through_the_same_interface(name: str) -> None:
    with pqv.attach(name) as iut:
        for parameter_set in iut.subject.claims:
            row = PARAMETER_SETS[parameter_set]
            if row.kind == "kem":
                kem = iut.kem(parameter_set)
                ek, dk = kem.keygen()
                shared_secret, c = kem.encapsulate(ek)
                assert (len(ek), len(shared_secret), len(c)) == (row.public_key, 32, row.output)
                assert kem.decapsulate(dk, c) == shared_secret
            else:
                scheme = iut.signature(parameter_set)
                pk, sk = scheme.keygen()
                signature = scheme.sign(sk, b"message")
                assert (len(pk), len(signature)) == (row.public_key, row.output)
                assert scheme.verify(pk, b"message", signature)
                assert not scheme.verify(pk, b"another", signature)


@pytest.fixture(scope="module")
def pycryptodome() -> Iterator[pqv.Implementation]:
    with pqv.attach("pycryptodome") as iut:
        yield iut


@pytest.fixture(scope="module")
def openssl() -> Iterator[pqv.Implementation]:
    with pqv.attach("openssl") as iut:
        yield iut


def test_every_operation_of_a_kem_is_a_method(pycryptodome: pqv.Implementation) -> None:
    kem: Any = pycryptodome.kem("ML-KEM-768")
    seed, m = secrets.token_bytes(64), bytes(32)
    ek, dk = kem.keygen_from_seed(seed)
    k, c = kem.encapsulate_derand(ek, m)
    assert kem.encapsulate_derand(ek=ek, m32=m) == (k, c)
    assert kem.decapsulate(dk, c) == kem.decapsulate_from_seed(seed64=seed, c=c) == kem.decapsulate(seed, c) == k
    assert kem.check_encapsulation_key(ek) is True
    assert kem.check_encapsulation_key(b"\xff" * len(ek)) is False
    assert kem.check_decapsulation_key(bytearray(dk)) is True
    assert kem.load_decapsulation_key(dk).decapsulate(c) == k
    assert kem.load_decapsulation_key(seed).decapsulate(c) == k
    assert kem.load_decapsulation_key_from_seed(seed).decapsulate(c) == k
    k2, c2 = kem.load_encapsulation_key(ek).encapsulate()
    assert kem.decapsulate(dk, c2) == k2


def test_every_operation_of_a_signature_scheme_is_a_method(pycryptodome: pqv.Implementation) -> None:
    scheme: Any = pycryptodome.signature("ML-DSA-44")
    seed, rnd, mu = bytes(32), bytes(range(32)), bytes(64)
    pk, sk = scheme.keygen_from_seed(seed)
    for key in (sk, seed):
        assert scheme.verify(pk, b"m", scheme.sign(key, b"m", b"ctx"), b"ctx")
        assert scheme.verify(pk, b"m", scheme.sign_with_rnd(key, b"m", rnd32=rnd, context=b"c"), context=b"c")
        assert scheme.sign_deterministic(key, b"m") == scheme.sign_with_rnd(key, b"m", bytes(32))
        assert scheme.verify_mu(pk, mu, scheme.sign_mu(key, mu, None))
        assert scheme.sign_mu(key, mu, rnd) == scheme.sign_mu(key, mu64=mu, rnd32=rnd)
        assert scheme.verify_internal(pk, b"\0\0m", scheme.sign_internal(key, b"\0\0m", rnd))
        signed = scheme.sign_prehash(key, b"m", "SHA2-256", b"c", rnd)
        assert scheme.verify_prehash(pk, b"m", signed, hash_name="SHA2-256", context=b"c")
        assert not scheme.verify_prehash(pk, b"m", signed, "SHA2-512", b"c")


def test_where_keys_are_seeds_the_same_methods_take_them(openssl: pqv.Implementation) -> None:
    kem, scheme = openssl.kem("ML-KEM-768"), openssl.signature("ML-DSA-65")
    ek, seed = kem.keygen()
    assert len(seed) == 64
    k, c = kem.encapsulate(ek)
    loaded: Any = kem
    assert kem.decapsulate(seed, c) == loaded.load_decapsulation_key(seed).decapsulate(c) == k
    pk, xi = scheme.keygen()
    assert scheme.verify(pk, b"m", scheme.sign(xi, b"m", b"context"), b"context")


def test_a_refusal_is_a_value_error_with_what_the_library_said(openssl: pqv.Implementation) -> None:
    with pytest.raises(pqv.Rejected, match="1184"):
        openssl.kem("ML-KEM-768").encapsulate(b"short")
    assert issubclass(pqv.Rejected, ValueError)


def test_what_an_implementation_does_not_offer_is_said_before_it_is_asked(openssl: pqv.Implementation) -> None:
    kem: Any = openssl.kem("ML-KEM-768")
    scheme: Any = openssl.signature("ML-DSA-44")
    asked: dict[str, Callable[[], object]] = {
        "does not offer encapsulate_derand": lambda: kem.encapsulate_derand(bytes(1184), bytes(32)),
        "does not offer decapsulate; it does offer decapsulate_from_seed": lambda: kem.decapsulate(bytes(2400), b""),
        "sign_mu_from_seed takes no rnd": lambda: scheme.sign_mu(bytes(32), bytes(64), bytes(32)),
    }
    for problem, ask in asked.items():
        with pytest.raises(pqv.UsageError, match=problem):
            ask()
    assert openssl.restarts == 0


def test_wrong_calls_are_errors_of_the_caller_and_reach_no_vendor_code(openssl: pqv.Implementation) -> None:
    kem: Any = openssl.kem("ML-KEM-768")
    wrong: dict[str, list[Callable[[], object]]] = {
        r"decapsulate takes \(dk, c\)": [
            lambda: kem.decapsulate(b""),
            lambda: kem.decapsulate(b"", b"", b""),
            lambda: kem.decapsulate(b"", b"", c=b""),
            lambda: kem.decapsulate(b"", ciphertext=b""),
        ],
        "encapsulate: ek is a str, not bytes": [lambda: kem.encapsulate("ek")],
        "encapsulate: ek is a NoneType, not bytes": [lambda: kem.encapsulate(None)],
    }  # fmt: skip
    for problem, calls in wrong.items():
        for call in calls:
            with pytest.raises(TypeError, match=problem):
                call()
    with pytest.raises(AttributeError, match="no operation 'encaps'; known: keygen"):
        kem.encaps(b"")


def test_views_are_of_the_right_kind_and_of_claimed_parameter_sets(openssl: pqv.Implementation) -> None:
    wrong: dict[str, Callable[[], object]] = {
        "ML-DSA-44 is no kem": lambda: openssl.kem("ML-DSA-44"),
        "ML-KEM-768 is no signature": lambda: openssl.signature("ML-KEM-768"),
        "not ML-KEM-512": lambda: openssl.kem("ML-KEM-512"),
        "unknown parameter set 'ML-KEM-786'": lambda: openssl.kem("ML-KEM-786"),
    }
    for problem, view in wrong.items():
        with pytest.raises(pqv.UsageError, match=problem):
            view()


LOADED = """
import os
from pqvalidate.vendors import openssl

class Kem(openssl.OpensslKem):
    def check_encapsulation_key(self, ek):
        if ek == b"pid":
            raise ValueError(os.getpid())
        os.abort()

def implementation(name):
    kem = openssl.implementation(name)
    kem.__class__ = Kem
    return kem
"""


def pid_of(iut: pqv.Implementation) -> int:
    kem: Any = iut.kem("ML-KEM-768")
    with pytest.raises(pqv.Rejected) as refusal:
        kem.check_encapsulation_key(b"pid")
    return int(refusal.value.why)


def test_a_loaded_key_outlives_a_crash_and_a_kill_of_its_process(tmp_path: Path) -> None:
    with pqv.attach(manifest(tmp_path, LOADED)) as iut:
        kem: Any = iut.kem("ML-KEM-768")
        ek, dk = kem.keygen()
        other = kem.load_encapsulation_key(ek)
        key = kem.load_decapsulation_key(dk)
        restarts = iut.restarts
        with pytest.raises(pqv.Fault, match="SIGABRT"):
            kem.check_encapsulation_key(ek)
        k, c = kem.encapsulate(ek)
        assert key.decapsulate(c) == k
        os.kill(pid_of(iut), 9)
        time.sleep(0.1)
        assert key.decapsulate(c) == k
        k, c = other.encapsulate()
        assert key.decapsulate(c) == k
        assert iut.restarts == restarts + 2
        key.close()
        assert key.decapsulate(c) == k  # loaded anew
        with pytest.raises(pqv.Rejected):
            key.decapsulate(b"")
    other.close()
    key.close()  # after the process is gone: nothing to forget, and none is started for it
    with pytest.raises(pqv.UsageError, match="was closed"):
        key.decapsulate(c)


COUNTING = """
class Kem:
    calls = 0

    def keygen(self):
        Kem.calls += 1
        return bytes([Kem.calls]), b""


def implementation(name):
    return Kem()
"""


def test_renewed_the_next_call_is_the_first_of_the_process(tmp_path: Path) -> None:
    with pqv.attach(manifest(tmp_path, COUNTING)) as iut:
        kem = iut.kem("ML-KEM-768")
        assert kem.keygen()[0] == b"\x02", "attaching has called it once"
        iut.renew()
        assert [kem.keygen()[0], kem.keygen()[0]] == [b"\x01", b"\x02"]
        assert iut.restarts == 0
    with pytest.raises(pqv.UsageError, match="was closed"):
        iut.renew()


def test_a_key_that_is_refused_is_not_loaded(openssl: pqv.Implementation) -> None:
    kem: Any = openssl.kem("ML-KEM-768")
    with pytest.raises(pqv.Rejected):
        kem.load_encapsulation_key(b"short")


FAILURES = {
    "a module that is missing": (None, {}, "ModuleNotFoundError: No module named 'example'"),
    "a function that is missing": ("x = 1", {}, "module 'example' has no attribute 'implementation'"),
    "a target that is no function": ("implementation = 7", {}, "implementation is no function but a value of type int"),
    "an import that fails": ("import no_such_library", {}, "ModuleNotFoundError: No module named 'no_such_library'"),
    "code that is no Python": ("def (", {}, "SyntaxError: invalid syntax (example.py, line 1)"),
    "an import that raises": ("raise RuntimeError('no licence')", {}, "RuntimeError: no licence"),
    "an import that exits": ("raise SystemExit(3)", {}, "SystemExit: 3"),
    "an import that ends the process": ("import os; os._exit(0)", {}, "exited with status 0 without a reply"),
    "an import that crashes": ("import os; os.abort()", {}, "killed by SIGABRT"),
    "an import that hangs": ("while True: pass", {"start": 1}, "it did not say what it offers within 1 s"),
    "an import that prints and dies": (
        "import os; print('no \\x1b[31mlicence'); os._exit(1)", {}, "without a reply. It printed: no [31mlicence"
    ),
    "None for a parameter set": (
        "def implementation(name): pass", {}, "asked for ML-KEM-768, the adapter returned None"
    ),
    "an error for one parameter set of two": (
        f"{SOUND}sound = implementation\ndef implementation(name): return {{'ML-KEM-768': sound(name)}}[name]",
        {"claims": ("ML-KEM-768", "ML-KEM-1024")},
        "asked for ML-KEM-1024, the adapter raised KeyError: 'ML-KEM-1024'",
    ),
    "a property that raises": (
        "class A:\n  @property\n  def keygen(self): raise RuntimeError('locked')\ndef implementation(name): return A()",
        {},
        "RuntimeError: locked",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "options", "problem"), FAILURES.values(), ids=FAILURES)
def test_an_implementation_that_does_not_start_is_told_in_one_line(
    code: str | None, options: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    path = manifest(tmp_path, code, **options)
    if code is None:
        path.write_text(path.read_text(encoding="utf-8") + '[[artefacts]]\npath = "vendor.toml"\n', encoding="utf-8")
    with pytest.raises(pqv.AttachError) as failure:
        pqv.attach(path)
    said = str(failure.value)
    assert said.startswith("example:implementation could not be started: ")
    assert problem in said
    assert "Traceback" not in said
    assert said.isprintable()


REFUSING = f"""{SOUND}
sound = implementation

def implementation(name):
    if name == "ML-KEM-1024":
        raise ValueError("not in this build")
    return sound(name)
"""


def test_a_claim_that_the_adapter_refuses_stays_inconclusive_and_the_reason_is_kept(tmp_path: Path) -> None:
    with pqv.attach(manifest(tmp_path, REFUSING, claims=("ML-KEM-768", "ML-KEM-1024"))) as iut:
        planned = make_plan(iut.subject, Selection(depth="quick", seed="00", parameter_sets=("ML-KEM-1024",)))
        evidence, failures = run(iut, planned, iut.subject, None)
    assert iut.operations["ML-KEM-1024"] == frozenset()
    assert "ML-KEM-1024: the adapter refuses it: not in this build" in iut.subject.notes
    assert {step.reason for step in planned.plan.steps} == {"operation-missing"}
    assert failures == []
    assert {claim.claim: claim.verdict for claim in judge(evidence).claims}["conformance ML-KEM-1024"] == "inconclusive"
    with pytest.raises(pqv.UsageError, match="does not offer keygen"):
        iut.kem("ML-KEM-1024").keygen()


PARTIAL = """
absent = NotImplementedError
from pqvalidate.vendors import openssl

class Kem(openssl.OpensslKem):
    def decapsulate_from_seed(self, seed, c):
        raise absent("later")
    def encapsulate_derand(self, ek, m):
        raise absent

def implementation(name):
    kem = openssl.implementation(name)
    kem.__class__ = Kem
    return kem
"""


def test_an_operation_that_says_that_it_is_not_implemented_is_not_offered(tmp_path: Path) -> None:
    with pqv.attach(manifest(tmp_path, PARTIAL)) as iut:
        offered = iut.operations["ML-KEM-768"]
    assert {"keygen", "encapsulate", "load_decapsulation_key_from_seed"} <= offered
    assert not {"decapsulate_from_seed", "encapsulate_derand"} & offered


HASHES = """
absent = NotImplementedError
class Signature:
    hash_names = ("SHA2-384", "SHAKE-256")
    def keygen(self): return b"pk", b"sk"
    def sign_prehash(self, sk, message, hash_name, context=b""):
        if hash_name not in self.hash_names: raise absent(hash_name)
        return b"signature"
    def verify(self, pk, message, signature): return True

def implementation(name): return Signature()
"""


def test_offered_hashes_and_options_are_markers_beside_the_operations(tmp_path: Path) -> None:
    with pqv.attach(manifest(tmp_path, HASHES, claims=("ML-DSA-44",))) as iut:
        offered = {name for name in iut.operations["ML-DSA-44"] if not name.startswith("env:")}
    assert offered == {"keygen", "sign_prehash", "sign_prehash.context", "verify", "hash:SHA2-384", "hash:SHAKE-256"}


def test_without_prehash_operations_there_are_no_hash_markers(openssl: pqv.Implementation) -> None:
    assert not any(name.startswith("hash:") for name in openssl.operations["ML-DSA-44"])


def test_the_sandbox_is_named(openssl: pqv.Implementation) -> None:
    assert openssl.sandbox[:3] == ("process", "session", "scrubbed-environment")
    assert "rlimit-fsize" in openssl.sandbox


ENVIRONMENT = """
import os
from pqvalidate.vendors.openssl import implementation

def version(): return " ".join(f"{name}={os.environ.get(name)}" for name in ("GIVEN", "PASSED", "PQV_TEST_SECRET"))
"""


def test_the_environment_is_what_the_manifest_gives_and_passes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSED", "2")
    monkeypatch.setenv("PQV_TEST_SECRET", "3")
    path = manifest(
        tmp_path, ENVIRONMENT, attach='pass_environment = ["PASSED", "ABSENT"]\nenvironment = {GIVEN = "1"}'
    )
    path.write_text(path.read_text(encoding="utf-8").replace('version = "1"\n', ""), encoding="utf-8")
    with pqv.attach(path) as iut:
        assert iut.subject.version == "GIVEN=1 PASSED=2 PQV_TEST_SECRET=None"


@pytest.mark.parametrize(
    ("attach", "place"),
    [
        ('environment = {"A=B" = "1"}', "attach.environment.A=B"),
        ('environment = {"" = "1"}', "attach.environment."),
        ('environment = {A = "\\u0000"}', "attach.environment.A"),
        ('path = [".", "\\u0000"]', "attach.path[1]"),
    ],
)
def test_what_the_system_cannot_take_is_an_error_of_the_manifest(attach: str, place: str, tmp_path: Path) -> None:
    artefact = '[[artefacts]]\npath = "example.py"\n'
    path = manifest(tmp_path, attach=attach)
    path.write_text(path.read_text(encoding="utf-8") + artefact, encoding="utf-8")
    with pytest.raises(pqv.InputError) as failure:
        pqv.attach(path)
    assert failure.value.place == place


def test_a_version_must_come_from_the_manifest_or_the_adapter(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace('version = "1"\n', ""), encoding="utf-8")
    with pytest.raises(pqv.InputError) as failure:
        pqv.attach(path)
    assert failure.value.place == "product.version"


def test_an_implementation_that_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendors, "availability", lambda _name: (False, "not installed: pip install it"))
    with pytest.raises(pqv.AttachError, match="openssl is not available here: not installed: pip install it"):
        pqv.attach("openssl")
