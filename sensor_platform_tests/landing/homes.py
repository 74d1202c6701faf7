"""Homes with sealed segments, a lander with a clock that stands still, and all that a home says afterwards."""

import hashlib
import os
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.lander import Lander
from sensor_platform.landing.open_lander import open_lander
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import BatchFacts, Header, encode_mqtt
from sensor_platform.wal.segment_writer import SegmentWriter

T0 = to_micros(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
"""When the first message of these tests arrives, microseconds."""
HOUR = 3_600_000_000


@dataclass(frozen=True)
class Message:
    """One message for a made-up segment."""

    payload: bytes
    topic: str = "sensors/dev1"
    flag: EnvelopeFlag = EnvelopeFlag.NONE
    qos: int = 1
    retain: bool = False


def publish_packet(message: Message, packet_id: int) -> bytes:
    """A PUBLISH of MQTT 3.1.1, made here so that the tests do not depend on the collector's code."""
    topic = message.topic.encode()
    body = len(topic).to_bytes(2, "big") + topic
    body += (packet_id.to_bytes(2, "big") if message.qos else b"") + message.payload
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (128 if length else 0))
        if not length:
            break
    return bytes([0x30 | message.qos << 1 | message.retain]) + bytes(digits) + body


def segment_name(seq: int) -> str:
    """Name of the segment that `seal_segment` makes with this number."""
    return f"col-1772366400000-{seq:08d}"


def seal_segment(
    home: Home, seq: int, messages: Sequence[Message], received_at: int = T0, step: int = 1000, batch: int = 7
) -> Path:
    """Write and seal one segment; each batch arrives `step` microseconds after the one before."""
    home.wal.mkdir(parents=True, exist_ok=True)
    name = segment_name(seq)
    writer = SegmentWriter(home.wal, Header(segment=name, created_at=received_at))
    for number, start in enumerate(range(0, len(messages), batch)):
        some = messages[start : start + batch]
        flags = tuple((index, int(message.flag)) for index, message in enumerate(some) if message.flag)
        facts = BatchFacts(received_at + number * step, "session", True, 4, len(some), flags)
        writer.append([encode_mqtt(facts, [publish_packet(message, start + 1) for start, message in enumerate(some)])])
    writer.commit()
    return writer.seal()


def mixed_messages(seed: int, count: int = 60, start: int = T0) -> list[Message]:
    """Wide, long, nested, late, refused, half refused and duplicate messages, reproducibly."""
    rng = random.Random(seed)
    makers: list[Callable[[int], object]] = [
        lambda i: {"device_id": f"d{i % 5}", "ts": (start - i * 1_000_000) / 1e6, "seq": i, "t": i * 0.5, "h": i},
        lambda i: {
            "sensorId": f"s{i % 3}",
            "time": start // 1000 - i * 60_000,
            "metric": "p",
            "value": i,
            "unit": "bar",
        },
        lambda i: {"id": "nest", "a": {"b": i, "c": {"d": True}}, "state": "RUN", "plant": None},
        lambda i: {"id": "late", "ts": start // 1_000_000 - 86_400 * (i % 3), "t": i},
        lambda i: {"id": "list", "samples": [{"x": i, "ts": start // 1_000_000 - 1}, {"x": -i}]},
        lambda i: b'{"id":"half","t":%d,"bad":NaN}' % i,
        lambda i: b"\x00garbage %d" % i,
        lambda i: {"id": "future", "ts": "2100-01-01", "t": i},
    ]
    messages = []
    for i in range(count):
        made = makers[rng.randrange(len(makers))](i)
        payload = made if isinstance(made, bytes) else orjson.dumps(made)
        flag = rng.choice([EnvelopeFlag.NONE] * 8 + [EnvelopeFlag.DUPLICATE, EnvelopeFlag.SUSPECT])
        messages.append(Message(payload, f"sensors/topic{i % 4}", flag, rng.randrange(3), rng.random() < 0.1))
    return messages


def lander_of(
    home: Home, contracts: Sequence[Contract] = (DEFAULT_CONTRACT,), now: int = T0 + HOUR
) -> AbstractContextManager[Lander]:
    """A lander whose clock stands still."""
    return open_lander(home, contracts, LandingConfig(), date(2010, 1, 1), 10, lambda: now)


def land_all(home: Home, contracts: Sequence[Contract] = (DEFAULT_CONTRACT,), now: int = T0 + HOUR) -> list[Any]:
    """Land everything that is sealed; returns the manifests."""
    with lander_of(home, contracts, now) as lander:
        return list(lander.land_sealed())


def tables(home: Home, *, but: Sequence[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All that the ledger says, by table, without its generation, grid and marks, and what is not in manifests."""
    connection = sqlite3.connect(home.ledger_file)
    try:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        found = {
            name: connection.execute(f"select * from {name}").fetchall()
            for name in names
            if name not in {*but, "heard"}
        }
    finally:
        connection.close()
    found["meta"] = [row for row in found.get("meta", []) if row[0] not in {"generation", "slot_minutes"}]
    if "day_marks" in found:
        found["day_marks"] = [(name, day, rows) for name, day, _, rows in found["day_marks"] if rows]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def files(home: Home) -> dict[str, str]:
    """Every file that landing made, with its checksum, but for the ledger database and what only a process needs."""
    skip = {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", ".lander", ".changes", ".swept", "lander.json"}
    found = {}
    for folder, _, names in os.walk(home.root):
        for name in set(names) - skip:
            path = Path(folder, name)
            found[str(path.relative_to(home.root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
