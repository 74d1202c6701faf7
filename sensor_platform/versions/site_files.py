"""The bytes of a site's files at one moment, and their versions."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

SITE_FILE, RULES_FILE = "site.yaml", "rules.yaml"
_PATTERNS = (SITE_FILE, RULES_FILE, "contracts/*.yaml", "catalog/*.csv")
_FOLDERS = (".", "contracts", "catalog")
_DIGITS = 8


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """Version of each part of a site: 8 hex digits of a hash of its files' names and bytes."""

    contracts: str
    catalog: str
    rules: str
    site: str


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """Content of the files by name relative to the site folder; empty without a site folder."""

    content: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """Hash of everything, 16 hex digits."""
        return _hash(self.content.items())[: 2 * _DIGITS]

    @property
    def versions(self) -> Versions:
        """Version of each part."""
        return Versions(
            contracts=self._part("contracts/"),
            catalog=self._part("catalog/"),
            rules=self._part(RULES_FILE),
            site=self._part(SITE_FILE),
        )

    def _part(self, prefix: str) -> str:
        return _hash(sorted(part for part in self.content.items() if part[0].startswith(prefix)))[:_DIGITS]


def read_site_files(folder: Path | None) -> SiteFiles:
    """Read the files of a site; without a folder there are none.

    Raises:
        OSError: a file cannot be read, or went away between two reads.
    """
    return SiteFiles({str(path.relative_to(folder)): path.read_bytes() for path in _paths(folder)} if folder else {})


def marks_of(folder: Path | None) -> tuple[tuple[str, int, int, int, int], ...]:
    """Name, times, size and inode of each file: another value where any file was written, added or removed.

    Raises:
        OSError: a file went away between two looks at it.
    """
    if folder is None:
        return ()
    found = ((path, path.stat()) for path in _paths(folder))
    return tuple((str(path), s.st_mtime_ns, s.st_ctime_ns, s.st_size, s.st_ino) for path, s in found)


def changed_at(folder: Path | None) -> float:
    """Time of the newest change of a file or of a list of files, seconds since the epoch; 0.0 without a folder."""
    if folder is None or not folder.is_dir():
        return 0.0
    places = [*_paths(folder), *(folder / name for name in _FOLDERS)]
    return max((place.stat().st_ctime for place in places if place.exists()), default=0.0)


def _paths(folder: Path) -> Iterator[Path]:
    return (path for pattern in _PATTERNS for path in sorted(folder.glob(pattern)))


def _hash(files: Iterable[tuple[str, bytes]]) -> str:
    total = hashlib.sha256()
    for name, body in files:
        total.update(f"{name}:{len(body)}:".encode() + body)
    return total.hexdigest()
