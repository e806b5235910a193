"""The catalogue of mutants as Markdown tables, for the documentation."""

from __future__ import annotations

from collections.abc import Iterable

from tests.mutants.catalogue import ALL_MUTANTS, sets_of
from tests.mutants.classes import BUG_CLASSES, NO_MUTANT
from tests.mutants.matrix import Matrix, kill_ratio
from tests.mutants.survivors import NOTICED_AT_STANDARD_BY


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def text(found: Matrix) -> str:
    """Return three tables: how many are noticed, each mutant with what it imitates, and the classes of bugs."""
    ratio = _table(
        ("parameter set", "mutants", "noticed", "not noticed"),
        ((name, str(of), str(killed), str(of - killed)) for name, (killed, of) in kill_ratio(found).items()),
    )
    mutants = _table(
        ("planted fault", "class", "imitates", "tried on", "noticed by"),
        (
            (m.what, m.bug_class, m.imitates, ", ".join(sets_of(m)), "; ".join(_noticed(found, m.what, sets_of(m))))
            for m in ALL_MUTANTS
        ),
    )
    missing = _table(
        ("planted fault", "would be noticed by"),
        ((what, needed) for what, needed in NOTICED_AT_STANDARD_BY.items()),
    )
    planted = {mutant.bug_class for mutant in ALL_MUTANTS}
    classes = _table(
        ("class", "what goes wrong", "mutant"),
        ((c, what, "yes" if c in planted else f"none: {NO_MUTANT[c]}") for c, what in BUG_CLASSES.items()),
    )
    return (
        f"## How many are noticed\n\n{ratio}\n## Not noticed yet\n\nOn ML-KEM and ML-DSA:\n\n{missing}\n"
        f"## Every mutant\n\n{mutants}\n## Classes of bugs\n\n{classes}"
    )


def _noticed(found: Matrix, what: str, names: tuple[str, ...]) -> Iterable[str]:
    for name in names:
        kills = sum(cell == "killed" for cell in found[name][what].values())
        yield f"{kills} checks" if kills > 1 else "1 check" if kills else "**none**"
