"""Prints the kill ratio at the end of a run in which the matrix was computed."""

from __future__ import annotations

import pytest

from tests.mutants.matrix import kill_ratio, matrix


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many mutants were noticed on each parameter set."""
    if not matrix.cache_info().currsize:
        return
    ratios = kill_ratio(matrix())
    killed, of = (sum(column) for column in zip(*ratios.values(), strict=True))
    terminalreporter.section("mutants")
    for name, (here, all_here) in ratios.items():
        terminalreporter.write_line(f"{name:<12} {here:>3} of {all_here:>3} killed")
    terminalreporter.write_line(f"{'together':<12} {killed:>3} of {of:>3} killed ({100 * killed // of} %)")
