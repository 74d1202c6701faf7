"""The broker session across restarts: its id and filters in a small file, its last records from the segments."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from sensor_platform.collect.mqtt.packets import scan
from sensor_platform.collect.mqtt.redelivery import Recent
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.wal import Kind, newest_first, read_frames, read_header, where_it_is
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


def rebuild_recent(home: Home, collector: str, limit: int) -> Recent:
    """The last `limit` records of the newest session, from sealed segments and the raw archive.

    Reads the newest segments only, as many as hold these records.
    """
    recent = Recent(limit)
    chosen: list[Path] = []
    messages = 0
    session: str | None = None
    for path in newest_first(home, collector):
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
        _replay(path, recent)
    return recent


def _replay(path: Path, recent: Recent) -> None:
    path = where_it_is(path)
    header = read_header(path)
    if not recent.session:
        recent.forget(header.session, frozenset(header.unreleased))
    for frame in read_frames(path, damage=[]):
        if frame.kind != Kind.MQTT:
            continue
        facts, start = decode_mqtt(frame.body)
        if facts.session != recent.session:
            recent.forget(facts.session)
        packets = frame.body[start:]
        recent.remember(packets, scan(packets, 0, facts.level), facts.level)


def _facts(path: Path) -> Iterator[BatchFacts]:
    try:
        for frame in read_frames(where_it_is(path), damage=[]):
            if frame.kind == Kind.MQTT:
                yield decode_mqtt(frame.body)[0]
    except (DamagedSegment, FileNotFoundError):
        # The lander reports a damaged segment; here it only means that less is remembered.
        return
