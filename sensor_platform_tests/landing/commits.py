"""Small manifests."""

from typing import Any

from sensor_platform.landing.ledger import DeviceCounts, FileEntry, Manifest

COUNTS = DeviceCounts(
    hour=0, device_id="a", received=3, landed=2, quarantined=1, duplicate=0, rejected_readings=0, sequences=((1, 3),)
)


def file(name: str, *slots: int) -> FileEntry:
    return FileEntry(
        file=name, kind="landing", rows=len(slots), bytes=9, sha256="x", first_event_at=0, last_event_at=9,
        slots=dict.fromkeys(slots, 1),
    )  # fmt: skip


def manifest(segment: str, *files: FileEntry, **more: Any) -> Manifest:
    numbers: dict[str, Any] = {
        "messages": 3,
        "landed": 2,
        "quarantined": 1,
        "duplicate": 0,
        "readings": 2,
        "rejected_readings": 0,
    }
    return Manifest(
        segment=segment, written_at=5, contract_version="v1", newest_event_at=9, files=files, counts=(COUNTS,),
        arrivals={0: 3}, **numbers, **more,
    )  # fmt: skip
