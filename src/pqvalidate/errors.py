"""Errors that name the place and the remedy; each knows the exit code that the command line ends with."""

from __future__ import annotations


class PqvalidateError(Exception):
    """Anything that stops pqvalidate itself; a failing implementation is data and never one of these.

    Attributes:
        exit_code: what the command line returns (see docs/reference/cli).

    """

    exit_code = 70


class InputError(PqvalidateError):
    """A file that was handed in is malformed, or its bytes do not match their digest.

    Args:
        file: path of the file as the user gave it.
        place: where in the file, e.g. ``claims.conformance[1]`` or ``line 3``; empty for the file as a whole.
        problem: what is wrong, without a full stop.
        remedy: what to do about it, an imperative sentence without a full stop.

    """

    exit_code = 4

    def __init__(self, file: object, place: str, problem: str, remedy: str) -> None:
        self.file, self.place, self.problem, self.remedy = str(file), place, problem, remedy
        where = f"{self.file}: {place}" if place else self.file
        super().__init__(f"{where}: {problem}. {remedy}.")


class UsageError(PqvalidateError):
    """The command or call cannot be carried out as asked: a wrong name, flag or combination."""

    exit_code = 2


class AttachError(PqvalidateError):
    """The implementation under test could not be started here; nothing is said about its quality."""

    exit_code = 3


class NoProcessError(AttachError):
    """This machine could not start a process (too many of them, no memory, no descriptors): nobody's fault but ours."""
