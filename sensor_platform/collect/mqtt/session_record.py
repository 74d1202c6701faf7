"""The broker session across restarts: id and filters from a small file, last records from the segments."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from sensor_platform.collect.mqtt.packets import scan
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.wal import (
    BatchFacts,
    DamagedSegment,
    FrameKind,
    current_path,
    decode_mqtt,
    newest_segments_first,
    read_frames,
    read_header,
)

_MAX_SEGMENTS = 512  # maximum number read at start; a redelivery from further back is flagged suspect, never dropped


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Our session at the broker. Stored in `wal/<collector>.session`."""

    session: str
    client_id: str
    filters: dict[str, int] = {}
    """QoS by topic filter, of everything that this session ever subscribed to. What is no longer wanted is unsubscribed
    on every connection: a broker that was killed may have it again."""


def load_record(path: Path, client_id: str) -> SessionRecord | None:
    """The record of this client id; None where there is no readable one."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=SessionRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return record if record.client_id == client_id else None


def save_record(path: Path, record: SessionRecord) -> None:
    """Replace the record durably."""
    write_file(path, msgspec.json.encode(record))


def rebuild_redelivery(home: Home, collector: str, limit: int) -> RedeliveryDetector:
    """A detector with the last `limit` records of the newest session, from sealed segments and the raw archive.

    Reads only the newest segments, as many as contain these records.
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
        # The lander reports a damaged segment; here it means only that fewer records are known.
        return
