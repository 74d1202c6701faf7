"""Reads a site for one process, checks it, and keeps a copy of what it accepts."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from sensor_platform.collect.mqtt.filters import check_subscriptions
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.home import Home
from sensor_platform.reading.encodings import decoder_for
from sensor_platform.reload.fixed_keys import keep_fixed
from sensor_platform.reload.stored_site import StoredSites
from sensor_platform.settings import Settings, settings_with
from sensor_platform.site import Site, load_site
from sensor_platform.versions.reports import FixedKey
from sensor_platform.versions.site_files import SiteFiles, read_site_files
from sensor_platform.warehouse.catalog.catalog_files import read_catalog


@dataclass(frozen=True, slots=True)
class Taken:
    """A site that was read, checked and accepted."""

    settings: Settings
    files: SiteFiles
    folder: Path | None
    fixed: tuple[FixedKey, ...]
    """Keys in which the settings differ from the files."""
    is_copied: bool
    """Whether the settings are of a copy in the data folder."""


@dataclass(frozen=True, slots=True)
class SiteReader:
    """How one process reads its site."""

    process: str
    """Its name; empty for one that keeps no copies."""
    home: Home
    environ: Mapping[str, str] | None
    """None for that of the process."""
    grid: int | None
    """The `slot_minutes` that stay in force whatever the site says; None where the site decides."""

    def take(self, files: SiteFiles, folder: Path | None, in_force: Site | None, *, copies: bool = True) -> Taken:
        """Check the files, and make settings of a copy of them.

        Args:
            files: as they were read from the folder.
            folder: of the site; None for a home without one.
            in_force: the site whose fixed keys stay; None at the start.
            copies: whether a copy is written.

        Raises:
            WrongUse: naming file, line and key of the first mistake.
            OSError: the copy cannot be written.
        """
        if folder is None or not self.process or not copies:
            is_copied = folder is None or not self.process
            return self._taken(_checked(folder), files, folder, in_force, is_copied=is_copied)
        stored = StoredSites(self.home, folder)
        draft = stored.write(files)
        try:
            _checked(draft)
        except PlatformError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise WrongUse(error.message.replace(str(draft), str(folder)), error.hint) from error
        return self._taken(load_site(stored.accept(draft, files)), files, folder, in_force, is_copied=True)

    def newest_stored(self, folder: Path | None) -> Path | None:
        """The copy that was accepted last, by whatever process."""
        return StoredSites(self.home, folder).newest if folder else None

    def take_stored(self, stored: Path, folder: Path | None, in_force: Site | None) -> Taken:
        """Make settings of a copy, which was checked when it was accepted."""
        return self._taken(load_site(stored), read_site_files(stored), folder, in_force, is_copied=True)

    def _taken(
        self, site: Site, files: SiteFiles, folder: Path | None, in_force: Site | None, *, is_copied: bool
    ) -> Taken:
        if in_force is None:
            in_force = site if self.grid is None else replace(site, slot_minutes=self.grid)
        kept, fixed = keep_fixed(self.process, site, in_force)
        return Taken(settings_with(kept, folder, self.environ), files, folder, fixed, is_copied)


def _checked(folder: Path | None) -> Site:
    """Read a site with everything that only shows where it is used.

    Raises:
        WrongUse: naming file, line and key of the first mistake.
    """
    site = load_site(folder)
    if not site.collect.kafka.topics:
        check_subscriptions(site.collect.subscriptions)
    for contract in site.contracts:
        decoder_for(contract)
    try:
        read_catalog(site.catalog)
    except (ValueError, OSError) as error:
        raise WrongUse(f"{site.catalog}: {error}", "correct the file; it must be CSV in UTF-8") from error
    return site
