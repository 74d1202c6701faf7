"""Manifests: one JSON file per ledger commit, written before it, from which the ledger can be rebuilt."""

import contextlib
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file

_T = TypeVar("_T", bound=msgspec.Struct)
FORMAT = 2
"""Version of manifests; 1 is read too. A newer one is refused."""

FileKind = Literal["landing", "quarantine", "dropped", "raw"]
"""`dropped`: rows that a person has dropped from the quarantine; kept on disk, but not shown."""


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file that a commit makes visible. Times and slots are microseconds since the epoch, UTC."""

    file: str
    """Path relative to home."""
    kind: FileKind
    rows: int
    bytes: int
    sha256: str
    first_event_at: int | None = None
    last_event_at: int | None = None
    slots: dict[int, int] = {}
    """Start of slot to rows in it; landing files only."""
    messages: int | None = None
    """Whole messages among the rows of a quarantine file; None in files of earlier versions."""


OUTCOMES = ("landed", "quarantined", "duplicate", "forgotten", "rejected_readings")
"""Counts of messages by outcome, and of readings rejected out of landed messages."""
COUNTS = ("received", *OUTCOMES)
"""Names of the numbers of `DeviceCounts`."""
SUMS = ("messages", "landed", "quarantined", "duplicate", "forgotten", "readings", "rejected_readings")
"""Names of the sums of a commit, which its row in the ledger has too."""


class DeviceCounts(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Messages of one device in one hour of arrival, by outcome."""

    hour: int
    device_id: str
    received: int
    landed: int
    quarantined: int
    duplicate: int
    rejected_readings: int
    first_sequence: int | None = None
    """Smallest of the device's own message numbers, where they are whole numbers; `last_sequence` is the greatest."""
    last_sequence: int | None = None
    sequences: tuple[tuple[int, int], ...] = ()
    """The device's message numbers as ranges (first, last), where they are a sequence."""
    forgotten: int = 0
    """Messages whose readings a person had deleted (`forget`)."""


class HeardDevice(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """When a device was heard of in a segment. Microseconds since the epoch, UTC."""

    device_id: str
    heard_at: int
    """Newest receive time."""
    event_at: int
    """Newest event time, but none that is later than its own arrival."""
    ahead: int
    """How far an event time was ahead of its arrival, at most."""


class DamagedRange(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a segment that could not be read; they are kept in `aside/`."""

    start: int
    bytes: int


class DriftEntry(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A change in what a device sends. Nothing is dropped because of it."""

    position: int
    received_at: int
    device_id: str
    metric: str | None
    what: str
    """`type` or `sequence_gap`."""
    was: str
    now: str


class ImportedFile(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One imported file. It is identified by its checksum and never imported twice."""

    sha256: str
    name: str
    rows: int
    first_position: int
    """Position of its first row among all rows of the import."""
    mapping: str = ""
    """Version of the mapping under which it was imported."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The result of landing one segment, or of one import."""

    format: int = FORMAT
    segment: str
    written_at: int
    contract_version: str
    messages: int
    landed: int
    quarantined: int
    duplicate: int
    readings: int
    rejected_readings: int
    newest_event_at: int | None
    files: tuple[FileEntry, ...]
    counts: tuple[DeviceCounts, ...]
    arrivals: dict[int, int]
    """Hour to number of messages by the collector's count."""
    damage: tuple[DamagedRange, ...] = ()
    drift: tuple[DriftEntry, ...] = ()
    kinds: tuple[tuple[str, str, int], ...] = ()
    """Device, metric and all its kinds of value known after this segment, for metrics that had a new kind."""
    replaces: tuple[str, ...] = ()
    """Quarantine files whose rows are in the files of this commit now. Counts may then be negative."""
    heard: tuple[HeardDevice, ...] = ()
    """Devices with readings, for the commit only: not written to the file."""
    sources: tuple[ImportedFile, ...] = ()
    """Files of an import; empty for a segment."""
    forgotten: int = 0
    """Messages whose readings a person had deleted (`forget`)."""


def no_manifest(segment: str, written_at: int) -> Manifest:
    """A manifest of nothing, for a commit of which only the name is known any more."""
    return Manifest(
        segment=segment,
        written_at=written_at,
        contract_version="",
        messages=0,
        landed=0,
        quarantined=0,
        duplicate=0,
        readings=0,
        rejected_readings=0,
        newest_event_at=None,
        files=(),
        counts=(),
        arrivals={},
    )


class CompactionManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The file that one compaction made, and the files that it replaces."""

    format: int = FORMAT
    name: str
    written_at: int
    file: FileEntry
    replaces: tuple[str, ...]


def manifest_path(home: Home, segment: str) -> Path:
    """Path of the manifest of a segment."""
    return home.ledger / "segments" / f"{segment}.json"


def compaction_path(home: Home, name: str) -> Path:
    """Path of the manifest of a compaction."""
    return home.ledger / "compactions" / f"{name}.json"


def write_manifest(home: Home, manifest: Manifest) -> None:
    """Durably write, or replace, the manifest of a segment."""
    kept = msgspec.structs.replace(manifest, heard=())
    write_file(manifest_path(home, manifest.segment), msgspec.json.encode(kept))


def encode_compaction(manifest: CompactionManifest) -> bytes:
    """The bytes that are written to `compaction_path`."""
    return msgspec.json.encode(manifest)


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        CheckFailed: it is damaged.
    """
    return _read(path, Manifest)


def read_compaction(path: Path) -> CompactionManifest:
    """The compaction manifest in a file.

    Raises:
        CheckFailed: it is damaged.
    """
    return _read(path, CompactionManifest)


def check_format(path: Path, found: int) -> None:
    """Refuse a format of a newer version.

    Raises:
        WrongUse: it is newer than `FORMAT`.
    """
    if found > FORMAT:
        raise WrongUse(
            f"{path} has format {found}; this version knows formats up to {FORMAT}",
            "install the version of sensor-platform that wrote it, or a later one",
        )


class _Version(msgspec.Struct):
    format: int = 1


def _read(path: Path, kind: type[_T]) -> _T:
    data = path.read_bytes()
    try:
        found: _T = msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        with contextlib.suppress(msgspec.DecodeError):
            check_format(path, msgspec.json.decode(data, type=_Version).format)
        raise CheckFailed(f"{path} is not a manifest: {error}", "restore it from a backup of the home") from error
    check_format(path, getattr(found, "format"))  # noqa: B009 - every kind of manifest has it
    return found
