"""Waivers that cannot work: one of a rule that a judged profile lacks is a mistake, one of another policy is idle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pqvalidate.algorithms import nearest
from pqvalidate.errors import InputError
from pqvalidate.policy.book import LoadedProfile
from pqvalidate.policy.dossier import BuyersFile
from pqvalidate.policy.engine import IMPLIED


def idle_waivers(added: BuyersFile, path: Path, profiles: Sequence[LoadedProfile]) -> Iterator[str]:
    """Yield a sentence on each waiver for a policy that is not judged: one file may serve several judgements.

    Args:
        added: what a buyer's file says.
        path: that file, for messages.
        profiles: the profiles that are judged.

    Raises:
        InputError: a waiver names a rule that its profile, which is judged, does not have.

    """
    rules = {row.profile.id: [*(rule.id for _, rule in row.rules), *IMPLIED] for row in profiles}
    for index, waiver in enumerate(added.waivers):
        known = rules.get(waiver.policy)
        if known is None:
            near = nearest(waiver.policy, list(rules))
            yield (
                f"{path}: waivers[{index}] has no effect here: "
                f"the policy {waiver.policy!r} is not among those judged{near}"
            )
        elif waiver.rule not in known:
            problem = f"{waiver.policy} has no rule {waiver.rule!r}{nearest(waiver.rule, known)}"
            remedy = "Name a rule of that profile, as its verdicts show it"
            raise InputError(path, f"waivers[{index}].rule", problem, remedy)
