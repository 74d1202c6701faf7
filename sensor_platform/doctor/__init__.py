"""What `doctor` finds: one finding per check, each with a remedy, and the exit code that follows from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sensor_platform.errors import ExitCode, PlatformError

Status = Literal["ok", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and how it ended. Never holds a secret: `detail` is printed and logged."""

    check: str
    status: Status
    detail: str
    hint: str = ""
    """What to do; empty only when nothing needs doing."""
    exit_code: ExitCode = ExitCode.OK
    """What this finding alone would end `doctor` with."""


def ok(check: str, detail: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", detail)


def warn(check: str, detail: str, hint: str) -> Finding:
    """Worth knowing; the platform works."""
    return Finding(check, "warn", detail, hint)


def fail(check: str, detail: str, hint: str) -> Finding:
    """A promise of the platform cannot be kept."""
    return Finding(check, "fail", detail, hint, ExitCode.CHECK_FAILED)


def skipped(check: str, why: str) -> Finding:
    """Not looked at, because something before it failed."""
    return Finding(check, "skipped", why, "correct what failed above, and run doctor again")


def failure(check: str, error: PlatformError) -> Finding:
    """An expected error as a finding; keeps its exit code."""
    return Finding(check, "fail", error.message, error.hint, error.exit_code)


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    """Wrong configuration before unreachable before failed: what has to be corrected first decides."""
    codes = {finding.exit_code for finding in findings}
    for code in (ExitCode.WRONG_USE, ExitCode.UNREACHABLE, ExitCode.CHECK_FAILED):
        if code in codes:
            return code
    return ExitCode.OK
