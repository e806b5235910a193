"""All mutants: those of the controls and those planted for the tests, and on which parameter sets each is tried."""

from __future__ import annotations

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.controls import PLANTED
from pqvalidate.diagnosis import TRIED_ON
from pqvalidate.mutants import Mutant
from tests.mutants.dsa import DSA_MUTANTS
from tests.mutants.kem import KEM_MUTANTS
from tests.mutants.kem_validation_faults import KEM_VALIDATION_MUTANTS

ALL_MUTANTS: tuple[Mutant, ...] = (*PLANTED, *KEM_MUTANTS, *KEM_VALIDATION_MUTANTS, *DSA_MUTANTS)


def sets_of(mutant: Mutant) -> tuple[str, ...]:
    """Return the parameter sets on which a mutant is tried."""
    return mutant.sets or tuple(TRIED_ON[algorithm] for algorithm in mutant.algorithms)


def mutants_on(parameter_set: str) -> dict[str, Mutant]:
    """Return the mutants that are tried on a parameter set, by what is wrong with them."""
    return {mutant.what: mutant for mutant in ALL_MUTANTS if parameter_set in sets_of(mutant)}


SETS = tuple(name for name in PARAMETER_SETS if mutants_on(name))
