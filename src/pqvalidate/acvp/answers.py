"""What a device answered, as an implementation that answers from the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pqvalidate.acvp.envelope import Json, VectorSet, read_vector_sets
from pqvalidate.acvp.prompts import Asked, Number, Prompt, from_hex, same_set
from pqvalidate.adapters.interface import Call, Fault, Ok, Reply
from pqvalidate.controls import InProcess, reference
from pqvalidate.errors import UsageError
from pqvalidate.suites import Asking, CaseResult, Check, Script
from pqvalidate.suites.expectations import failed
from pqvalidate.vectors import Case

_MOST_NAMED = 5


class RecordedCall(Call, frozen=True, kw_only=True):
    """A call that names its case, because two tests may have the same inputs and different answers."""

    case: str


class UnansweredError(Fault):
    """The file holds no usable answer to a test, or none at all (``absent``); no lost process is behind it."""

    def __init__(self, why: str, *, absent: bool = False) -> None:
        super().__init__("exception", why)
        self.absent = absent


class Recorded:
    """An implementation that answers from response files; it costs no process, so ``restarts`` stays 0.

    Attributes:
        answered: names of the cases that the files have an answer to, usable or not.

    """

    restarts = 0

    def __init__(self, replies: Mapping[str, Reply]) -> None:
        self._replies = replies
        self.answered = frozenset(
            case for case, reply in replies.items() if not (isinstance(reply, UnansweredError) and reply.absent)
        )

    def renew(self) -> None:
        """Do nothing: the answers were given elsewhere."""

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:  # noqa: ARG002
        """Return the recorded reply to each call, which must be a ``RecordedCall``."""
        return [self._replies[call.case] for call in calls if isinstance(call, RecordedCall)]


def read_answers(files: Sequence[Path], prompts: Sequence[Prompt]) -> Recorded:
    """Read response files; what is wrong with one answer is the reply to its test, whatever the order in the file.

    Raises:
        InputError: a file is malformed, answers a vector set or a test that was not sent, or one that was answered.
        UsageError: a prompt has no response.

    """
    found: dict[str, dict[Number, list[Json]]] = {}
    for source in (row for path in files for row in read_vector_sets(path)):
        prompt = _prompt_of(source, prompts)
        if prompt.name in found:
            raise source.refuse("", f"answers {prompt.name} once more", "Give one response to each vector set")
        found[prompt.name] = _by_number(source, prompt)
    for prompt in prompts:
        if prompt.name not in found:
            title = prompt.source.title
            raise UsageError(f"no response to {prompt.source.file} ({title}); give its response, or leave it out")
    return Recorded({
        asked.case.id: _reply(asked, found[prompt.name].get(asked.number, [])) for prompt in prompts
        for asked in prompt.asked
    })  # fmt: skip


def _prompt_of(source: VectorSet, prompts: Sequence[Prompt]) -> Prompt:
    source.vs_id()
    fitting = [prompt for prompt in prompts if same_set(source.content, prompt.source.content)]
    if len(fitting) == 1:
        return fitting[0]
    problem = "fits several of the prompts" if fitting else "answers a vector set that is in none of the prompts"
    raise source.refuse("", f"{problem} ({source.title})", "Give it with its own prompt")


def _by_number(source: VectorSet, prompt: Prompt) -> dict[Number, list[Json]]:
    found: dict[Number, list[Json]] = {}
    strange: list[str] = []
    for place, tg_id, group in source.groups():
        for _, tc_id, test in source.tests(place, group):
            if (tg_id, tc_id) not in prompt.known:
                strange.append(f"tgId {tg_id}, tcId {tc_id}")
            found.setdefault((tg_id, tc_id), []).append(test)
    if strange:
        named = "; ".join(strange[:_MOST_NAMED]) + ("; ..." if len(strange) > _MOST_NAMED else "")
        problem = f"answers {len(strange)} tests that {prompt.source.file} does not ask: {named}"
        raise source.refuse("testGroups", problem, "Give the response to this prompt")
    return found


def _reply(asked: Asked, answers: Sequence[Json]) -> Reply:
    test = f"tgId {asked.number[0]}, tcId {asked.number[1]}"
    if not answers:
        return UnansweredError(f"no answer: {test} is not in the response", absent=True)
    if len(answers) > 1:
        return UnansweredError(f"{test} is answered {len(answers)} times")
    values: dict[str, bytes | bool] = {}
    for name in asked.fields:
        value = _value(name, answers[0].get(name))
        if value is None:
            what = "neither true nor false" if name == "testPassed" else "not hex"
            seen = f"{name} is {what}" if name in answers[0] else f"the answer has no {name}"
            return UnansweredError(f"{test}: {seen}")
        values["valid" if name == "testPassed" else name] = value
    return Ok(values)


def _value(name: str, given: Any) -> bytes | bool | None:  # noqa: ANN401  (any JSON value)
    if name == "testPassed":
        return given if isinstance(given, bool) else None
    return from_hex(given)


def _result(check: Check, judging: Script, replies: Sequence[Reply]) -> CaseResult:
    try:
        judging.send(replies)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise TypeError(f"{check.name} asks more than once")


def _insist_on_expected(check: Check, case: Case, asking: Asking) -> None:
    """Stop before a wrong expected result accuses a sound device: our own computation must give it, too.

    Raises:
        ValueError: it does not; the case then ends as an error of ours, not as a failure of the device.

    """
    judging = check.script(case, asking)
    calls = [call for call in next(judging) if isinstance(call, Call)]
    ours = _result(check, judging, InProcess(reference, case.parameter_set).ask(calls))
    if ours.outcome != "pass":
        raise ValueError(f"the expected result is in doubt, our own computation does not give it: {ours.why}")


def recorded(check: Check, cases: Sequence[Case]) -> Check:
    """Return a check that asks these cases, each by its name; otherwise it judges as it always does."""

    def script(case: Case, asking: Asking) -> Script:
        judging = check.script(case, asking)
        (call,) = next(judging)
        if not isinstance(call, Call):
            raise TypeError(f"{check.name} computes before it asks")
        named = RecordedCall(
            operation=call.operation, parameter_set=call.parameter_set, inputs=call.inputs, case=case.id
        )
        replies = yield [named]
        if isinstance(replies[0], UnansweredError):
            return replace(failed(replies[0].why, call.inputs, {}), fault="protocol")
        result = _result(check, judging, replies)
        if result.outcome == "fail":
            _insist_on_expected(check, case, asking)
        return result

    return replace(check, script=script, cases=lambda _asking: cases)
