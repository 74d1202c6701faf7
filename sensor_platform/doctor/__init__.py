"""The checks of `doctor`: one finding per check, each with a remedy, and the exit code that follows from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sensor_platform.errors import ExitCode, PlatformError

Status = Literal["ok", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. It never contains a secret: `detail` is printed and logged."""

    check: str
    status: Status
    detail: str
    hint: str = ""
    """What to do; empty only if nothing has to be done."""
    exit_code: ExitCode = ExitCode.OK
    """Exit code of `doctor` if this were the only finding."""


def ok(check: str, detail: str) -> Finding:
    """A check that passed."""
    return Finding(check, "ok", detail)


def warn(check: str, detail: str, hint: str) -> Finding:
    """A check that passed with a limitation; the platform works."""
    return Finding(check, "warn", detail, hint)


def fail(check: str, detail: str, hint: str) -> Finding:
    """A check that failed: a guarantee of the platform does not hold."""
    return Finding(check, "fail", detail, hint, ExitCode.CHECK_FAILED)


def skipped(check: str, why: str) -> Finding:
    """A check that was not made, because an earlier one failed."""
    return Finding(check, "skipped", why, "correct what failed above, and run doctor again")


def failure(check: str, error: PlatformError) -> Finding:
    """A finding from an expected error, with its exit code."""
    return Finding(check, "fail", error.message, error.hint, error.exit_code)


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    """Exit code of all findings. What has to be corrected first decides: wrong use, then unreachable, then failed."""
    codes = {finding.exit_code for finding in findings}
    for code in (ExitCode.WRONG_USE, ExitCode.UNREACHABLE, ExitCode.CHECK_FAILED):
        if code in codes:
            return code
    return ExitCode.OK
