"""ACVP module wrappers: what they offer, what they refuse, and how a wrapper that breaks is told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pqvalidate.adapters.attach import Implementation, attach
from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply, Unasked, Value
from pqvalidate.errors import AttachError
from pqvalidate.planner import Selection, make_plan
from pqvalidate.runner import run
from pqvalidate.verdict import judge
from tests.bridges.conftest import Attach

PROGRAM = "wrapper_program.py"
KEM, DSA = "ML-KEM-768", "ML-DSA-44"
SEED = bytes(range(64))
EVERY_KEM = {
    "keygen_from_seed", "encapsulate_derand", "decapsulate", "check_encapsulation_key", "check_decapsulation_key",
    "env:restart",
}  # fmt: skip


def ask(iut: Implementation, operation: str, name: str = KEM, /, **inputs: Value) -> Reply:
    (reply,) = iut.ask([Call(operation=operation, parameter_set=name, inputs=inputs)])
    return reply


def outputs(reply: Reply) -> dict[str, bytes]:
    assert isinstance(reply, Ok)
    return {name: value for name, value in reply.values.items() if isinstance(value, bytes)}


@pytest.mark.parametrize(
    ("dialect", "more"), [("boringssl", {"decapsulate_from_seed"}), ("aws-lc", set[str]())], ids=["boringssl", "aws-lc"]
)
def test_a_kem_makes_a_round_trip_in_each_dialect(attached: Attach, dialect: str, more: set[str]) -> None:
    with attached("modulewrapper", dialect, PROGRAM, dialect) as iut:
        assert iut.operations[KEM] == EVERY_KEM | more
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        made = outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)))
        assert outputs(ask(iut, "decapsulate", dk=keys["dk"], c=made["c"]))["k"] == made["k"]
        assert ask(iut, "check_encapsulation_key", ek=keys["ek"]) == Ok({"valid": True})
        assert ask(iut, "check_decapsulation_key", dk=keys["dk"][:-1] + b"\0") == Ok({"valid": True})
        assert ask(iut, "check_decapsulation_key", dk=keys["dk"][:-40] + bytes(40)) == Ok({"valid": False})
        if more:
            assert outputs(ask(iut, "decapsulate_from_seed", seed=SEED, c=made["c"]))["k"] == made["k"]
        assert iut.restarts == 0


@pytest.mark.parametrize("dialect", ["boringssl", "aws-lc"])
def test_an_internal_wrapper_offers_the_internal_interface_and_mu_but_no_external_one(
    attached: Attach, dialect: str
) -> None:
    with attached("modulewrapper", dialect, PROGRAM, dialect, sets=(DSA,)) as iut:
        assert iut.operations[DSA] == {
            "keygen_from_seed", "sign_internal", "sign_mu", "sign_mu.rnd", "verify_internal", "env:restart",
        }  # fmt: skip
        keys = outputs(ask(iut, "keygen_from_seed", DSA, seed=SEED[:32]))
        inputs: dict[str, Value] = {"sk": keys["sk"], "m_prime": b"\0\0message", "rnd": bytes(32)}
        signature = outputs(ask(iut, "sign_internal", DSA, **inputs))["signature"]
        for message, valid in ((b"\0\0message", True), (b"\0\0another", False)):
            said = ask(iut, "verify_internal", DSA, pk=keys["pk"], m_prime=message, signature=signature)
            assert said == Ok({"valid": valid})
        hedged = outputs(ask(iut, "sign_mu", DSA, sk=keys["sk"], mu=SEED, rnd=b"\1" * 32))["signature"]
        assert hedged != outputs(ask(iut, "sign_mu", DSA, sk=keys["sk"], mu=SEED))["signature"]
        assert iut.restarts == 0


def test_a_parameter_set_that_the_configuration_does_not_list_is_not_offered(attached: Attach) -> None:
    with attached("modulewrapper", "boringssl", PROGRAM, "boringssl", sets=(KEM, "Kyber-768", "ML-DSA-87")) as iut:
        assert iut.operations["Kyber-768"] == frozenset()
        assert iut.operations["ML-DSA-87"] == {"keygen_from_seed", "verify_internal", "env:restart"}
        assert any("Kyber-768" in note for note in iut.subject.notes)


def test_a_clean_exit_is_a_refusal_and_the_next_call_gets_a_new_wrapper(attached: Attach) -> None:
    with attached("modulewrapper", "boringssl", PROGRAM, "boringssl") as iut:
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        refused = ask(iut, "encapsulate_derand", ek=keys["ek"] + b"\0", m=bytes(32))
        assert isinstance(refused, Rejected)
        assert refused.why.startswith("the wrapper ended: processing error: ")
        assert isinstance(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)), Ok)
        assert iut.restarts == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("signal", "ProgramEnded: the program was killed by SIGSEGV"),
        ("half", "exited with status 1 without an answer in the midst of an answer"),
        ("exit-0", "exited with status 0 without an answer"),
        ("closes", "closed its output without an answer"),
        ("bounds", "exited with status 2 without an answer; the last line that it wrote: panic: runtime error"),
        ("count", "a reply holds 2 byte strings where 1 are expected"),
        ("none", "a reply holds 0 byte strings where 1 are expected"),
        ("long", "a reply announces a byte string of 1073741824 bytes"),
        ("many", "a reply announces 1073741824 byte strings"),
        ("twice", "bytes that belong to no answer"),
        ("text", "a reply announces"),
    ],
)
def test_a_wrapper_that_breaks_is_blamed_for_that_call_alone(attached: Attach, fault: str, said: str) -> None:
    with attached("modulewrapper", "boringssl", PROGRAM, "boringssl", fault) as iut:
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        made = outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)))
        around = Call(operation="encapsulate_derand", parameter_set=KEM, inputs={"ek": keys["ek"], "m": bytes(32)})
        broken = Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": keys["dk"], "c": made["c"]})
        before, fault_seen, after = iut.ask([around, broken, around])
        assert (outputs(before), outputs(after)) == (made, made)
        assert isinstance(fault_seen, Fault)
        assert not isinstance(fault_seen, Unasked)
        assert fault_seen.kind == "exception"
        assert said in fault_seen.why


def test_an_end_after_the_answer_is_reported_and_nothing_wrong_is_taken_for_an_answer(attached: Attach) -> None:
    with attached("modulewrapper", "boringssl", PROGRAM, "boringssl", "late-exit") as iut:
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        made = outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)))
        assert outputs(ask(iut, "decapsulate", dk=keys["dk"], c=made["c"])) == {"k": made["k"]}
        replies = [ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)) for _ in range(2)]
        assert not isinstance(replies[0], Ok)
        assert outputs(replies[1]) == made


def test_a_wrapper_that_stalls_in_the_midst_of_a_reply_is_cut_off(attached: Attach) -> None:
    with attached("modulewrapper", "boringssl", PROGRAM, "boringssl", "stall", seconds=2) as iut:
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        made = outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)))
        late = ask(iut, "decapsulate", dk=keys["dk"], c=made["c"])
        assert isinstance(late, Fault)
        assert late.kind == "timeout"
        assert isinstance(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)), Ok)


def test_a_wrapper_that_holds_its_replies_until_flush_gets_one(attached: Attach) -> None:
    with attached("modulewrapper", "boringssl", PROGRAM, "boringssl", "batch", seconds=10) as iut:
        assert isinstance(ask(iut, "keygen_from_seed", seed=SEED), Ok)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("boringssl", "hello"), "a reply announces"), (("nonsense",), "ended instead|exited with status")],
)
def test_a_program_that_does_not_tell_its_configuration_cannot_be_attached(
    attached: Attach, arguments: Sequence[str], said: str
) -> None:
    dialect = "boringssl"
    program = PROGRAM if arguments[0] == dialect else "sound.py"
    with pytest.raises(AttachError, match=said), attached("modulewrapper", dialect, program, *arguments):
        pass


class TestWhatTheProtocolCannotSay:
    """Nothing of this may become an accusation, and none of it is asked."""

    def test_an_empty_message_mu_or_rnd_is_an_absent_one_in_the_dialect_of_boringssl(self, attached: Attach) -> None:
        with attached("modulewrapper", "boringssl", PROGRAM, "boringssl", sets=(DSA,)) as iut:
            keys = outputs(ask(iut, "keygen_from_seed", DSA, seed=SEED[:32]))
            for inputs in ({"m_prime": b"", "rnd": bytes(32)}, {"m_prime": b"\0\0", "rnd": b""}):
                assert isinstance(ask(iut, "sign_internal", DSA, sk=keys["sk"], **inputs), Unasked)
            assert isinstance(ask(iut, "sign_mu", DSA, sk=keys["sk"], mu=b"", rnd=bytes(32)), Unasked)

    def test_wrong_lengths_that_wrappers_of_aws_lc_never_look_at(self, attached: Attach) -> None:
        with attached("modulewrapper", "aws-lc", PROGRAM, "aws-lc", sets=(DSA, KEM)) as iut:
            assert isinstance(ask(iut, "keygen_from_seed", DSA, seed=SEED), Unasked)
            assert isinstance(ask(iut, "keygen_from_seed", KEM, seed=SEED[:-1]), Rejected)

    def test_a_refusal_of_a_message_beyond_the_declared_lengths(self, attached: Attach) -> None:
        with attached("modulewrapper", "boringssl", PROGRAM, "boringssl", sets=(DSA,)) as iut:
            keys = outputs(ask(iut, "keygen_from_seed", DSA, seed=SEED[:32]))
            inputs: dict[str, Value] = {"sk": keys["sk"], "rnd": bytes(32)}
            assert isinstance(ask(iut, "sign_internal", DSA, **inputs, m_prime=bytes(8193)), Ok)
            unasked = ask(iut, "sign_internal", DSA, **inputs, m_prime=bytes(9001))  # the program takes 9000 bytes
            assert isinstance(unasked, Unasked)
            assert unasked.why == "the wrapper declares 1 to 8192 bytes of m_prime and refused 9001"


def judged(manifest: Path, *sets: str, only: tuple[str, ...] = ()) -> tuple[set[str], set[str], set[str]]:
    """Run a manifest at depth quick; return the failed checks, the confirmed claims and what was asked in part."""
    with attach(manifest) as iut:
        selection = Selection(depth="quick", seed="00" * 16, parameter_sets=sets, only=only)
        planned = make_plan(iut.subject, selection)
        evidence, _ = run(iut, planned, iut.subject, None)
    steps = zip(evidence.facts.plan.steps, evidence.facts.results, strict=True)
    rows = [(step.check, result) for step, result in steps]
    partly = {check for check, result in rows if result.outcome == "pass" and result.reason == "operation-missing"}
    failed = {check for check, result in rows if result.outcome in ("fail", "error")}
    return failed, {row.claim for row in judge(evidence).claims if row.verdict == "confirmed"}, partly


def test_a_planted_fault_behind_a_wrapper_is_found(attached: Attach, tmp_path: Path) -> None:
    for fault, found in (("", set[str]()), ("no-ek-check", {"ml-kem/ek-coefficient"})):
        with attached("modulewrapper", "boringssl", PROGRAM, "boringssl", fault):
            pass
        assert judged(tmp_path / "vendor.toml", KEM, only=("ml-kem/ek-coefficient",))[0] == found


@pytest.mark.needs("go", "make")
class TestTheWrapperOfGo:
    """The ACVP wrapper in the tests of Go's standard library, compiled here."""

    def test_it_offers_what_its_configuration_lists(self, go_manifest: Path) -> None:
        with attach(go_manifest) as iut:
            assert iut.operations[KEM] == {"keygen_from_seed", "encapsulate_derand", "decapsulate", "env:restart"}
            signing = {f"{op}.context" for op in ("sign_with_rnd", "sign_deterministic", "verify")}
            assert iut.operations[DSA] >= signing | {"sign_mu.rnd", "verify_mu"}
            assert not {"sign_internal", "verify_internal", "sign_prehash"} & iut.operations[DSA]

    def test_it_refuses_a_context_that_is_too_long_and_takes_the_longest(self, go_manifest: Path) -> None:
        with attach(go_manifest) as iut:
            keys = outputs(ask(iut, "keygen_from_seed", DSA, seed=SEED[:32]))
            inputs: dict[str, Value] = {"sk": keys["sk"], "message": b"message"}
            assert isinstance(ask(iut, "sign_deterministic", DSA, **inputs, context=bytes(255)), Ok)
            assert isinstance(ask(iut, "sign_deterministic", DSA, **inputs, context=bytes(256)), Rejected)

    def test_it_conforms_with_its_gaps_in_plain_sight(self, go_manifest: Path) -> None:
        failed, confirmed, partly = judged(go_manifest, KEM, DSA)
        assert failed == set()
        assert confirmed == {f"conformance {KEM}", f"conformance {DSA}"}
        assert {"ml-dsa/kat-verify", "ml-dsa/message-binding", "ml-dsa/sign-messages"} <= partly
