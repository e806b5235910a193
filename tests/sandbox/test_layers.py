"""Which layers hold is said everywhere; a host that allows fewer is told apart, and refused where all are demanded."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import pqvalidate as pqv
from pqvalidate.diagnosis import diagnose
from pqvalidate.planner import Selection, make_plan
from pqvalidate.runner import run
from tests.cli.command import document, pqvalidate, with_planted
from tests.house_rules.tree import ROOT
from tests.sandbox.bench import needs_layer, tried, vendor

ONE = ("--depth", "quick", "--only", "ml-kem/kat-keygen", "--parameter-set", "ML-KEM-768", "--seed", "5eed")
UNSHARE = {"x86_64": 272, "aarch64": 97}.get(platform.machine(), 0)
RULESET = 444

# A filter of this process and all that it starts: the kernel answers EPERM to one system call, as on a host without it.
WITHOUT = """
import ctypes
from pqvalidate.adapters import sandbox_filter
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
assert sandbox_filter.refuse([(0x20, 0, 0, 0), (0x15, 0, 1, {call}), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000)])
"""
LOADED = """
raise RuntimeError("vendor code was loaded")
"""
TRY = """
import sys
import pqvalidate as pqv
from pathlib import Path
from tests.sandbox.bench import asked
with pqv.attach(Path(sys.argv[1])) as iut:
    print(*iut.sandbox)
    print(asked(iut, "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); seen = 'socket'"))
    print(asked(iut, f"seen = len(os.listdir({str(Path.cwd())!r})) > 0"))
"""


def on_a_host_without(call: int, manifest: Path) -> list[str]:
    """Attach and try a few things where the kernel refuses a system call; return the printed lines."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(call=call) + TRY, str(manifest)], env=environment, cwd=ROOT,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_network_namespaces_the_other_layers_hold_and_sockets_are_refused(
    manifest: Path, layers: frozenset[str]
) -> None:
    needs_layer(layers, "landlock", "seccomp-sockets")
    named, socket, listing = on_a_host_without(UNSHARE, manifest)
    assert "netns" not in named.split()
    assert "landlock" in named
    assert "seccomp-sockets" in named.split()
    assert socket == "refused: Operation not permitted"
    assert listing == "refused: Permission denied"


def test_without_landlock_the_other_layers_hold(manifest: Path, layers: frozenset[str]) -> None:
    needs_layer(layers, "netns", "seccomp-sockets")
    named, socket, listing = on_a_host_without(RULESET, manifest)
    assert "landlock" not in named
    assert {"netns", "seccomp-sockets"} <= set(named.split())
    assert (socket, listing) == ("socket", "True")


@pytest.mark.parametrize(
    ("call", "layer", "remedy"),
    [(UNSHARE, "netns", "user.max_user_namespaces"), (RULESET, "landlock", "Linux 5.13 or later")],
)
def test_a_demanded_layer_that_is_missing_ends_the_run_before_vendor_code_is_loaded(
    call: int, layer: str, remedy: str, tmp_path: Path, layers: frozenset[str]
) -> None:
    needs_layer(layers, "seccomp-sockets")
    manifest = vendor(tmp_path / "vendor")
    manifest.with_name("prying.py").write_text(LOADED, encoding="utf-8")
    for verb in ("run", "plan"):
        done = with_planted(WITHOUT.format(call=call), verb, manifest, "--sandbox", "require", cwd=tmp_path)
        assert done.returncode == 3, done.stderr
        assert f"this host does not allow {layer}, which --sandbox require demands" in done.stderr
        assert remedy in done.stderr
        assert "vendor code was loaded" not in done.stderr
    assert not (tmp_path / "pqvalidate-runs").exists()


def test_a_manifest_that_asks_for_the_network_is_not_held_to_its_absence(
    tmp_path: Path, layers: frozenset[str]
) -> None:
    needs_layer(layers, "landlock")
    manifest = vendor(tmp_path / "vendor", more="[limits]\nnetwork = true")
    with pqv.attach(manifest, sandbox="require") as iut:
        assert "netns" not in iut.sandbox


def test_the_layers_that_held_are_in_the_bundle_the_report_and_the_certificate(
    tmp_path: Path, layers: frozenset[str]
) -> None:
    needs_layer(layers, "netns", "landlock")
    bundle, certificate = tmp_path / "bundle", tmp_path / "certificate.json"
    done = pqvalidate("run", "openssl", *ONE, "--sandbox", "require", "--out", bundle)
    held = json.loads((bundle / "evidence.json").read_bytes())["circumstances"]["sandbox"]
    assert {"netns", "seccomp-sockets", "rlimit-as"} <= set(held)
    line = next(line for line in done.stdout.splitlines() if line.startswith("sandbox"))
    assert line.split()[1:3] == ["process,", "session,"]
    assert "netns, landlock" in " ".join(done.stdout.split())
    assert document(pqvalidate("judge", bundle, "--format", "json"))["circumstances"]["sandbox"] == held
    assert f"- Sandbox: {', '.join(held)}\n" in pqvalidate("judge", bundle, "--format", "markdown").stdout
    assert pqvalidate("keygen", "--out", tmp_path / "key").returncode == 0
    key, trust = tmp_path / "key" / "signing-key.json", tmp_path / "key" / "trust.json"
    assert pqvalidate("certify", bundle, "--key", key, "--out", certificate).returncode == 0
    page = pqvalidate("verify", certificate, "--trust", trust)
    assert "netns, landlock" in " ".join(page.stdout.split())
    shown = document(pqvalidate("verify", certificate, "--trust", trust, "--format", "json"))
    assert shown["contents"]["sandbox"] == held


def test_without_the_sandbox_only_limits_are_named_and_the_facts_are_the_same(tmp_path: Path) -> None:
    digests = set()
    for mode in ("off", "auto"):
        bundle = tmp_path / mode
        pqvalidate("run", "openssl", *ONE, "--sandbox", mode, "--out", bundle)
        evidence = json.loads((bundle / "evidence.json").read_bytes())
        held = evidence["circumstances"]["sandbox"]
        assert mode == "auto" or all(name.startswith("rlimit-") for name in held[3:])
        digests.add(evidence["facts_digest"])
    assert len(digests) == 1


def test_the_doctor_names_each_layer_that_holds_here_or_what_would_help(layers: frozenset[str]) -> None:
    found = diagnose()
    assert set(found.sandbox) == {"netns", "landlock", "seccomp", "seccomp-sockets"}
    for name in ("netns", "landlock", "seccomp-sockets"):
        assert found.sandbox[name].endswith(" holds") is (name in layers)
        assert f"sandbox   {name}" in found.text()


AS_ANYBODY = """
import ctypes, json, os, sys
sys.path.insert(0, sys.argv[2])
from pqvalidate.adapters import sandbox
libc = ctypes.CDLL(None)
if os.getuid() == 0:
    os.chown(sys.argv[1], 65534, 65534)
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, as a program has it that was started by this account
libc.prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG
me = os.getuid(), os.getgid()
os.chdir(sys.argv[1])
wanted = {"read": ["/usr", "/lib", "/proc"], "list": [], "write": [sys.argv[1]], "devices": ["/dev/null"],
          "network": False, "library": False, "forks": False, "required": []}
held = sandbox.apply(wanted)
signal = ctypes.c_int()
libc.prctl(2, ctypes.byref(signal), 0, 0, 0)  # PR_GET_PDEATHSIG
open("mine", "w").write("x")
print(json.dumps({"held": held, "same": me == (os.getuid(), os.getgid()), "owner": os.stat("mine").st_uid == me[0],
                  "dies": signal.value, "networks": sorted(os.listdir("/proc/self/net/dev_snmp6"))
                  if os.path.exists("/proc/self/net/dev_snmp6") else ["lo"]}))
"""


def test_an_account_without_rights_has_the_same_layers_and_stays_itself(
    tmp_path_factory: pytest.TempPathFactory, layers: frozenset[str]
) -> None:
    needs_layer(layers, "netns", "landlock")
    folder = Path("/tmp") if os.getuid() == 0 else tmp_path_factory.mktemp("anybody")
    folder = Path(subprocess.check_output(["mktemp", "-d", "-p", folder], text=True).strip())
    try:
        done = subprocess.run(
            [sys.executable, "-c", AS_ANYBODY, str(folder), str(ROOT / "src")], capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)
    assert seen["held"][0] == "netns", "this account may make no user namespaces"
    assert {name.rstrip("0123456789") for name in seen["held"]} >= {"netns", "landlock", "seccomp-sockets"}
    assert seen["same"]
    assert seen["owner"]
    assert seen["dies"] == 9, "it no longer ends with the process that started it"
    assert seen["networks"] == ["lo"]


COPIED = """
import os
import random
from pqvalidate.vendors import openssl

RANDOM = random.Random(os.urandom(32))

class Kem:
    def __init__(self, sound):
        self.encapsulate, self.decapsulate_from_seed = sound.encapsulate, sound.decapsulate_from_seed
        self._sound = sound
    def keygen(self):
        return self._sound.keygen_from_seed(RANDOM.randbytes(64))

def implementation(name): return Kem(openssl.implementation(name))
"""


@pytest.mark.parametrize(("code", "outcome"), [("", "pass"), (COPIED, "fail")])
def test_checks_that_copy_the_process_or_take_its_randomness_still_tell_good_from_bad(
    code: str, outcome: str, tmp_path: Path
) -> None:
    manifest: Path | str = "openssl"
    if code:
        manifest = vendor(tmp_path / "vendor")
        manifest.with_name("prying.py").write_text(code, encoding="utf-8")
    with pqv.attach(manifest) as iut:
        only = ("ml-kem/random-forks", "ml-kem/random-failure")
        selection = Selection(depth="standard", seed="5eed", only=only, parameter_sets=("ML-KEM-768",))
        planned = make_plan(iut.subject, selection)
        evidence, _ = run(iut, planned, iut.subject, None)
    asked = {
        step.check: result.outcome
        for step, result in zip(evidence.facts.plan.steps, evidence.facts.results, strict=True)
        if not step.reason
    }
    assert asked == {"ml-kem/random-forks": outcome, "ml-kem/random-failure": "pass"}


def test_what_is_not_asked_of_the_kernel_is_not_named(manifest: Path) -> None:
    with pqv.attach(manifest, sandbox="off") as iut:
        assert not {"netns", "capabilities", "seccomp", "seccomp-sockets"} & set(iut.sandbox)
        assert not any(name.startswith("landlock") for name in iut.sandbox)


def test_a_restarted_process_is_in_the_same_sandbox(manifest: Path, layers: frozenset[str]) -> None:
    needs_layer(layers, "landlock")
    with pqv.attach(manifest) as iut:
        first = iut.sandbox
        die = pqv.Call(operation="decapsulate", parameter_set="ML-KEM-768", inputs={"dk": b"", "c": b"os._exit(1)"})
        assert isinstance(iut.ask([die])[0], pqv.Fault)
        (reply,) = iut.ask([pqv.Call(operation="keygen", parameter_set="ML-KEM-768", inputs={})])
        assert isinstance(reply, pqv.Ok)
        assert iut.sandbox == first
        assert iut.restarts == 1
    assert tried(manifest, "seen = open('/etc/shadow').read()").startswith("refused")


OLDER_KERNEL = """
import ctypes, json, os, sys
sys.path.insert(0, sys.argv[2])
from pqvalidate.adapters import sandbox
folder, version = sys.argv[1], int(sys.argv[3])
real = ctypes.CDLL(None, use_errno=True)

class Older:
    prctl = real.prctl
    def syscall(self, number, *arguments):
        asks = number == 444 and arguments[2] == 1
        return version if asks else real.syscall(number, *arguments)

sandbox._libc = Older
given = {"read": ["/usr", "/lib"], "list": [folder], "write": [folder + "/mine"], "devices": ["/dev/null"],
         "network": False}
os.mkdir(folder + "/mine")
os.mkdir(folder + "/mine/below")
held = sandbox.restrict_files(given)

def refused(action):
    try:
        action()
    except OSError as error:
        return error.errno
    return 0

print(json.dumps({
    "held": held,
    "write": refused(lambda: open(folder + "/there", "a")),
    "read": refused(lambda: open(folder + "/there")),
    "list": refused(lambda: os.listdir(folder)),
    "own": refused(lambda: open(folder + "/mine/x", "w").write("x")),
    "null": refused(lambda: open("/dev/null", "w").write("x")),
    "system": refused(lambda: os.listdir("/usr")),
    "move": refused(lambda: os.rename(folder + "/mine/x", folder + "/mine/below/x")),
    "cut": refused(lambda: os.truncate(folder + "/there", 0)),
}))
"""


@pytest.mark.parametrize("version", range(1, 8))
def test_on_an_older_kernel_what_its_landlock_has_still_holds(
    version: int, tmp_path: Path, layers: frozenset[str]
) -> None:
    needs_layer(layers, "landlock")
    (tmp_path / "there").write_text("whole")
    done = subprocess.run(
        [sys.executable, "-c", OLDER_KERNEL, str(tmp_path), str(ROOT / "src"), str(version)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["held"] == version
    assert (seen["write"], seen["read"]) == (13, 13)
    assert (seen["list"], seen["own"], seen["null"], seen["system"]) == (0, 0, 0, 0)
    assert (seen["move"] == 0) is (version >= 2)
    assert (seen["cut"] == 13) is (version >= 3)
