"""Errors for users: one line that describes the problem, a hint with the remedy, and a meaningful exit code."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    CHECK_FAILED = 1
    WRONG_USE = 2
    UNREACHABLE = 3


class PlatformError(Exception):
    """An expected failure. `message` states the problem in one line, `hint` the remedy."""

    exit_code = ExitCode.WRONG_USE

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}"


class WrongUse(PlatformError):
    """The command, the settings or the site files are wrong; the same command fails again until they are changed."""


class Missing(WrongUse):
    """The named object does not exist."""


class CheckFailed(PlatformError):
    """The command did its work, and the condition that it checked does not hold."""

    exit_code = ExitCode.CHECK_FAILED


class Unreachable(PlatformError):
    """A resource that the command needs (broker, lock, disk) is not available now; a later attempt may succeed."""

    exit_code = ExitCode.UNREACHABLE
