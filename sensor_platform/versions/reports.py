"""What each running process has in force: a small file of its own in the data folder, which the process writes.

`status`, the live page and a check of Dagster compare it with the files on the disk.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from sensor_platform.home import Home
from sensor_platform.versions.site_files import Versions, changed_at, read_site_files

ALIVE_SECONDS = 20.0
"""A process whose report is older does not run any more; reports are written every few seconds."""
PATIENCE_SECONDS = 10.0
"""Seconds within which every running process has a change in force."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Reloading(Generic[_T]):
    """How a long-running process follows its settings. All three are called by one thread."""

    changed: Callable[[], _T | None]
    """What is to be in force, if it has changed since it was last applied; else None. Cheap, to be asked often."""
    applied: Callable[[], None]
    """To be called when it is in force."""
    failed: Callable[[Exception], None]
    """To be called instead when it cannot be in force: the older one stays, and this is not offered again."""


class FixedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that a running process does not change."""

    key: str
    in_force: str
    on_disk: str
    reason: str
    hint: str

    def __str__(self) -> str:
        return f"{self.key}: {self.in_force} stays in force, not {self.on_disk}: {self.reason}"


class ProcessReport(msgspec.Struct, frozen=True, kw_only=True):
    """`in_force/processes/<process>.json`."""

    process: str
    """`collector`, `lander`, `live` or `dagster`."""
    pid: int
    updated_at: float
    """Seconds since the epoch."""
    versions: Versions
    """In force."""
    problem: str = ""
    """What is wrong with the files on the disk: file, line and key; empty where nothing is."""
    hint: str = ""
    fixed: tuple[FixedKey, ...] = ()
    """Keys that have another value on the disk and are not changed in a running process."""
    first_day: str | None = None
    """Dagster: first partition of the code location, ISO date."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a process does not have the files of the disk in force."""

    process: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class SiteState:
    """The files on the disk, and the processes that run, at one moment."""

    on_disk: Versions
    processes: tuple[ProcessReport, ...]
    faults: tuple[Fault, ...]

    @property
    def versions(self) -> dict[str, dict[str, str]]:
        """Version of each part: of the disk (`disk`), and of each running process by its name."""
        rows = {"disk": self.on_disk, **{each.process: each.versions for each in self.processes}}
        return {name: msgspec.to_builtins(versions) for name, versions in rows.items()}


def report_path(home: Home, process: str) -> Path:
    """The report of a process."""
    return home.in_force / "processes" / f"{process}.json"


def write_report(home: Home, report: ProcessReport) -> None:
    """Replace the report of a process. It is not fsynced; a disk that is full must not stop the process."""
    path = report_path(home, report.process)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(msgspec.json.encode(report))
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def remove_report(home: Home, process: str) -> None:
    """Remove the report of a process that ends in order."""
    with contextlib.suppress(OSError):
        report_path(home, process).unlink()


def read_reports(home: Home, now: float) -> tuple[ProcessReport, ...]:
    """Reports of the processes that run at `now`, seconds since the epoch, by name."""
    found = []
    for path in sorted((home.in_force / "processes").glob("*.json")):
        try:
            report = msgspec.json.decode(path.read_bytes(), type=ProcessReport)
        except (OSError, msgspec.DecodeError):
            continue  # replaced or removed just now
        if abs(now - report.updated_at) < ALIVE_SECONDS:
            found.append(report)
    return tuple(found)


def site_state(home: Home, folder: Path | None, now: float | None = None) -> SiteState:
    """Compare the files on the disk with what the processes of a home have in force.

    Args:
        home: the data folder.
        folder: of the site; None for the default site.
        now: seconds since the epoch.
    """
    at = time.time() if now is None else now
    versions, since = read_site_files(folder).versions, changed_at(folder)
    reports = read_reports(home, at)
    is_due = not 0 <= at - since <= PATIENCE_SECONDS  # a change in the future is of a clock that was ahead
    return SiteState(versions, reports, tuple(fault for each in reports for fault in faults(each, versions, is_due)))


def faults(report: ProcessReport, on_disk: Versions, is_due: bool) -> Iterable[Fault]:  # noqa: FBT001 - one caller
    """Why a process does not have the files of the disk in force; nothing while it may still take them."""
    older = [name for name in on_disk.__struct_fields__ if getattr(report.versions, name) != getattr(on_disk, name)]
    if older and is_due:
        what = ", ".join(f"{name} {getattr(report.versions, name)}" for name in older)
        why = report.problem or "the files on the disk are newer, and it has not taken them"
        yield Fault(
            process=report.process,
            message=f"{report.process} has an older version in force ({what}): {why}",
            hint=report.hint or f"see the log of {report.process}, and start it again",
        )
    for fixed in report.fixed:
        yield Fault(process=report.process, message=f"{report.process}: {fixed}", hint=fixed.hint)
