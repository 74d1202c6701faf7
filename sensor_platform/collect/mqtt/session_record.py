"""The broker session across restarts: its id and filters in a small file, its last records from the segments."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from sensor_platform.collect.mqtt.packets import scan
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.wal import FrameKind, current_path, newest_segments_first, read_frames, read_header
from sensor_platform.wal.frames import BatchFacts, DamagedSegment, decode_mqtt

_MAX_SEGMENTS = 512  # looked back at most at start; what lies further back is flagged suspect, never dropped


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker's session for us holds, as far as the broker has confirmed it. `wal/<collector>.session`."""

    session: str
    client_id: str
    filters: dict[str, int] = {}
    """Topic filter -> QoS asked for."""


def load_record(path: Path, client_id: str) -> SessionRecord | None:
    """The record of this client id's session; None where there is none that can be read."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=SessionRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return record if record.client_id == client_id else None


def save_record(path: Path, record: SessionRecord) -> None:
    """Replace the record durably."""
    write_file(path, msgspec.json.encode(record))


def rebuild_redelivery(home: Home, collector: str, limit: int) -> RedeliveryDetector:
    """The last `limit` records of the newest session, from sealed segments and the raw archive.

    Reads the newest segments only, as many as hold these records.
    """
    redelivery = RedeliveryDetector(limit)
    chosen: list[Path] = []
    messages = 0
    session: str | None = None
    for path in newest_segments_first(home, collector):
        if messages >= limit or len(chosen) >= _MAX_SEGMENTS:
            break
        batches = list(_facts(path))
        if not batches:
            continue
        if session is not None and batches[-1].session != session:
            break
        session = batches[-1].session
        messages += sum(facts.messages for facts in batches)
        chosen.append(path)
    for path in sorted(chosen, key=lambda path: path.stem):
        _replay(path, redelivery)
    return redelivery


def _replay(path: Path, redelivery: RedeliveryDetector) -> None:
    path = current_path(path)
    header = read_header(path)
    if not redelivery.session:
        redelivery.forget(header.session, frozenset(header.unreleased))
    for frame in read_frames(path, damage=[]):
        if frame.kind != FrameKind.MQTT:
            continue
        facts, start = decode_mqtt(frame.body)
        if facts.session != redelivery.session:
            redelivery.forget(facts.session)
        packets = frame.body[start:]
        redelivery.remember(packets, scan(packets, 0, facts.level), facts.level)


def _facts(path: Path) -> Iterator[BatchFacts]:
    try:
        for frame in read_frames(current_path(path), damage=[]):
            if frame.kind == FrameKind.MQTT:
                yield decode_mqtt(frame.body)[0]
    except (DamagedSegment, FileNotFoundError):
        # The lander reports a damaged segment; here it only means that less is remembered.
        return
