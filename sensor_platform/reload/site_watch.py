"""Follows the site's files for one running process.

A change is taken when two looks, a second apart, see the same content: an editor that writes in pieces does not make a
process flap. Content that is wrong is refused: what was in force stays, and the mistake is said.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sensor_platform.errors import PlatformError
from sensor_platform.landing.ledger import check_grid, recorded_grid, refuse_newer_home
from sensor_platform.reload.site_reader import SiteReader, Taken
from sensor_platform.settings import Settings, home_of, site_folder
from sensor_platform.versions.reports import FixedKey, ProcessReport, Reloading, remove_report, write_report
from sensor_platform.versions.site_files import SiteFiles, Versions, marks_of, read_site_files

log = logging.getLogger(__name__)
_T = TypeVar("_T")
LOOK_SECONDS = 1.0
_REPORT_SECONDS = 3.0
_MOST_LOOKS = 3


@dataclass(frozen=True, slots=True)
class _Mistake:
    message: str
    hint: str


class SiteWatch:
    """The settings of one process. Belongs to one thread."""

    def __init__(
        self,
        process: str,
        environ: Mapping[str, str] | None = None,
        *,
        keeps_grid: bool = False,
        copies_at_start: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the site. Where its files are wrong, the copy that was accepted last is in force.

        Args:
            process: name under which it reports; empty for one that neither reports nor keeps copies.
            environ: of the process; None for its own.
            keeps_grid: whether another `slot_minutes` than that of the home is passed over, and named, instead of
                refused. For processes that others start.
            copies_at_start: whether the files are copied now, and not at the first look. Loading must write nothing
                where it is only tried.
            clock: seconds, of any origin.

        Raises:
            WrongUse: a variable is wrong, the files are wrong and none were accepted before, or the data folder was
                made with another `slot_minutes`, or a newer version has worked on it.
        """
        self.process = process
        self._environ = environ
        self._clock = clock
        self._home = home_of(environ)
        self._next_look = self._next_report = 0.0
        self._candidate = ""
        self._rejected = ""
        self._mistake: _Mistake | None = None
        self._marks: object = None
        self.first_day: str | None = None
        self.more_fixed: tuple[FixedKey, ...] = ()
        """Further keys that the process does not change, for its report."""
        self.reports = bool(process)
        """Whether it writes its report; a child of the process does not."""
        refuse_newer_home(self._home)
        grid = recorded_grid(self._home) if keeps_grid else None
        self._reader = SiteReader(process, self._home, environ, grid)
        self._taken = self._first(site_folder(environ), copies=copies_at_start)
        check_grid(self._home, self._taken.settings.site.slot_minutes)
        self._applied = self._taken.files.versions

    @property
    def settings(self) -> Settings:
        """The newest settings that were accepted."""
        return self._taken.settings

    @property
    def versions(self) -> Versions:
        """Versions of the files that are in force."""
        return self._applied

    @property
    def problem(self) -> str:
        """What is wrong with the files on the disk; empty where nothing is."""
        return self._mistake.message if self._mistake else ""

    @property
    def hint(self) -> str:
        """Remedy of the problem."""
        return self._mistake.hint if self._mistake else ""

    @property
    def fixed(self) -> tuple[FixedKey, ...]:
        """Keys in which the settings differ from the files on the disk."""
        return self._taken.fixed

    @property
    def is_settled(self) -> bool:
        """Whether the newest look saw nothing that waits for a second one."""
        return not self._candidate

    def look(self) -> bool:
        """Look at the files, at most once a second; True if other settings were accepted. Writes the report."""
        now = self._clock()
        if now < self._next_look:
            return False
        self._next_look = now + LOOK_SECONDS
        before = self._taken
        try:
            self._look()
        except OSError as error:
            self._marks = None  # so that the next look reads again
            log.debug("the site cannot be read now, it is read again: %s", error)
        if now >= self._next_report:
            self.report()
        return self._taken is not before

    def settle(self) -> None:
        """Look until nothing waits for a second look; takes at most two seconds. For a process that looks once."""
        for _ in range(_MOST_LOOKS):
            self._next_look = 0.0
            self.look()
            if self.is_settled:
                return
            time.sleep(LOOK_SECONDS)

    def following(self, part: Callable[[Settings], _T]) -> Reloading[_T]:
        """How a process follows the part of the settings that it uses."""
        return Reloading(lambda: part(self.settings) if self.look() else None, self.applied, self.refuse)

    def applied(self) -> None:
        """Note that the process works by `settings` now."""
        self._applied = self._taken.files.versions
        self.report()

    def refuse(self, error: Exception) -> None:
        """Note that the process cannot work by `settings`, and stays with what it has."""
        mistake = _as_mistake(error)
        self._say(mistake)
        self._mistake, self._rejected = mistake, self._taken.files.digest
        self.report()

    def report(self) -> None:
        """Write the report."""
        if not self.reports or not self._home.root.is_dir():
            return
        self._next_report = self._clock() + _REPORT_SECONDS
        write_report(
            self._home,
            ProcessReport(
                process=self.process,
                pid=os.getpid(),
                updated_at=time.time(),
                versions=self._applied,
                problem=self._mistake.message if self._mistake else "",
                hint=self._mistake.hint if self._mistake else "",
                fixed=(*self._taken.fixed, *self.more_fixed),
                first_day=self.first_day,
            ),
        )

    def end(self) -> None:
        """Remove the report: the process ends."""
        if self.reports:
            remove_report(self._home, self.process)

    def _first(self, folder: Path | None, *, copies: bool) -> Taken:
        try:
            files = read_site_files(folder)
            self._marks = marks_of(folder)
            return self._reader.take(files, folder, None, copies=copies)
        except (PlatformError, OSError) as error:
            stored = self._reader.newest_stored(folder)
            if stored is None:
                raise
            self._say(_as_mistake(error))
            self._mistake, self._rejected = _as_mistake(error), read_site_files(folder).digest
            return self._reader.take_stored(stored, folder, None)

    def _look(self) -> None:
        folder = site_folder(self._environ) or self._taken.folder  # a site that went away stays in force
        marks = marks_of(folder)
        if marks == self._marks and not self._candidate and self._taken.is_copied:
            return
        files = read_site_files(folder)
        self._marks = marks
        if files.digest == self._taken.files.digest and folder == self._taken.folder:
            self._candidate = ""
            if not self._taken.is_copied:
                self._taken = self._reader.take(files, folder, self._taken.settings.site)
            if self._rejected != files.digest:
                self._mistake, self._rejected = None, ""
        elif files.digest == self._rejected:
            self._candidate = ""
        elif files.digest != self._candidate:
            self._candidate = files.digest
        else:
            self._candidate = ""
            self._take_if_right(files, folder)

    def _take_if_right(self, files: SiteFiles, folder: Path | None) -> None:
        try:
            self._taken = self._reader.take(files, folder, self._taken.settings.site)
        except PlatformError as error:
            self._say(_as_mistake(error))
            self._mistake, self._rejected = _as_mistake(error), files.digest
            self._next_report = 0.0
            self._catch_up(folder)
            return
        self._mistake, self._rejected, self._next_report = None, "", 0.0
        for each in self._taken.fixed:
            log.warning("%s; %s", each, each.hint)
        log.info("other site files are in force: %s", self._taken.files.versions)

    def _catch_up(self, folder: Path | None) -> None:
        """While the files are wrong, take what another process accepted last: it may be newer than what we have."""
        stored = self._reader.newest_stored(folder)
        if stored is not None and stored.name != self._taken.files.digest:
            self._taken = self._reader.take_stored(stored, folder, self._taken.settings.site)

    def _say(self, mistake: _Mistake) -> None:
        if self.process:
            log.warning("%s; the older version stays in force; hint: %s", mistake.message, mistake.hint)


def _as_mistake(error: Exception) -> _Mistake:
    if isinstance(error, PlatformError):
        return _Mistake(error.message, error.hint)
    return _Mistake(f"{type(error).__name__}: {error}", "see the log")
