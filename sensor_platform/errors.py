"""What a person sees when something is wrong: one line, a hint with the remedy, an exit code that means something."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    CHECK_FAILED = 1
    WRONG_USE = 2
    UNREACHABLE = 3


class PlatformError(Exception):
    """An expected failure. `message` says what is wrong in one line, `hint` what to do about it."""

    exit_code = ExitCode.WRONG_USE

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}"


class WrongUse(PlatformError):
    """The command, the settings or the site files are wrong; running it again unchanged fails again."""


class Missing(WrongUse):
    """What was named does not exist."""


class CheckFailed(PlatformError):
    """The command did its work, and what it checked does not hold."""

    exit_code = ExitCode.CHECK_FAILED


class Unreachable(PlatformError):
    """Something that the command needs (broker, lock, disk) cannot be had now; it may be later."""

    exit_code = ExitCode.UNREACHABLE
