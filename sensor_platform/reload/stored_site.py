"""Copies of a site's files as they were accepted, in the data folder.

A process reads the copy, never the folder that somebody is editing. The newest one is what a process starts with while
the files of the site are broken.
"""

import contextlib
import hashlib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.versions.site_files import SiteFiles

_CURRENT = "current"
_KEEP_SECONDS = 30 * 86_400.0
"""A run that began under an older copy still reads it."""


@dataclass(frozen=True, slots=True)
class StoredSites:
    """The copies of one site folder in one home."""

    home: Home
    folder: Path
    """The site folder."""

    @property
    def root(self) -> Path:
        """Where they are: a home may be used with several site folders one after the other."""
        return self.home.in_force / hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]

    @property
    def newest(self) -> Path | None:
        """The copy that was accepted last, or None."""
        with contextlib.suppress(OSError):
            path = self.root / (self.root / _CURRENT).read_text().strip()
            return path if path.is_dir() else None
        return None

    def write(self, files: SiteFiles) -> Path:
        """Write a copy that is not accepted yet; returns its folder.

        Raises:
            OSError: the disk does not allow it.
        """
        draft = self.root / f".{files.digest}.{os.getpid()}.tmp"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        for name, body in files.content.items():
            path = draft / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(body)
        return draft

    def accept(self, draft: Path, files: SiteFiles) -> Path:
        """Make a draft the newest copy; returns its folder.

        Raises:
            OSError: the disk does not allow it.
        """
        path = self.root / files.digest
        try:
            draft.rename(path)
        except OSError:  # another process has accepted the same
            shutil.rmtree(draft, ignore_errors=True)
            if not path.is_dir():
                raise
        os.utime(path)
        if self.newest != path:
            write_file(self.root / _CURRENT, files.digest.encode())
        self._remove_old(path)
        return path

    def _remove_old(self, newest: Path) -> None:
        before = time.time() - _KEEP_SECONDS
        for path in self.root.iterdir():
            with contextlib.suppress(OSError):
                if path.is_dir() and path != newest and path.stat().st_mtime < before:
                    shutil.rmtree(path, ignore_errors=True)
