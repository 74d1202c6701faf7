"""The newest hour of an aged home, really landed: segments as the collector writes them, and the platform's lander."""

from datetime import date

from sensor_platform.home import Home
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.lander import Lander
from sensor_platform.landing.open_lander import open_lander
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.wal import BatchFacts, Header, encode_mqtt
from sensor_platform.wal.segment_writer import SegmentWriter
from sensor_platform_tests.age.frames import payloads
from sensor_platform_tests.age.plan import SEGMENT, SLOT_MINUTES, AgePlan, committed_at, segment_of
from sensor_platform_tests.landing.homes import Message, publish_packet

Segment = list[tuple[int, str, bytes]]
"""Receive time, topic and payload of each message."""


def land_hour(home: Home, plan: AgePlan, hour: int) -> None:
    """Seal and land all segments of an hour, each at its end."""
    clock = [hour]
    with open_lander(
        home, (DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), SLOT_MINUTES, lambda: clock[0]
    ) as it:
        for number, messages in enumerate(payloads(plan, hour)):
            at = hour + number * SEGMENT
            clock[0] = committed_at(at)
            land_segment(it, home, segment_of(plan, at), messages)


def land_segment(lander: Lander, home: Home, name: str, messages: Segment) -> None:
    """Seal one segment and land it."""
    writer = SegmentWriter(home.wal, Header(segment=name, created_at=messages[0][0]))
    for number, (at, topic, payload) in enumerate(messages):
        facts = BatchFacts(at, "session", True, 4, 1, ())
        writer.append([encode_mqtt(facts, [publish_packet(Message(payload, topic), number + 1)])])
    writer.commit()
    lander.land(writer.seal())
