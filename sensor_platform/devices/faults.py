"""Injects faults between devices and broker: messages sent twice, late, out of order, and garbage."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from sensor_platform.devices.pacing import ScheduledMessage

_GARBAGE = (b"", b"{", b"\x00\xff\xfe", b'{"device_id": ', b"null", b"[[[]]]")


@dataclass(frozen=True, slots=True)
class Faults:
    """Fractions of the messages, 0 to 1, by fault. The same seed gives the same faults."""

    twice: float = 0.0
    """Messages that are published twice, with the same sequence."""
    late: float = 0.0
    """Messages that are delayed, so that others overtake them."""
    garbage: float = 0.0
    """Messages that are followed by an undecodable payload."""
    late_seconds: float = 30.0
    """Maximum delay of a late message."""
    seed: int = 1


def with_faults(
    messages: Iterable[ScheduledMessage], faults: Faults, counts: Counter[str]
) -> Iterator[ScheduledMessage]:
    """The messages with faults; offsets still do not decrease. `counts` counts the faults by name.

    A delayed message keeps its payload, including the time and sequence of the device.
    """
    chance = random.Random(faults.seed)  # noqa: S311 - faults, not secrets
    held: list[tuple[float, int, ScheduledMessage]] = []
    offset = 0.0
    for ordinal, message in enumerate(messages):
        offset = message.offset
        while held and held[0][0] <= offset:
            yield _at(offset, heappop(held)[2])
        if chance.random() < faults.late:
            counts["late"] += 1
            heappush(held, (offset + chance.uniform(0.0, faults.late_seconds), ordinal, message))
        else:
            yield message
        if chance.random() < faults.twice:
            counts["twice"] += 1
            yield message
        if chance.random() < faults.garbage:
            counts["garbage"] += 1
            yield ScheduledMessage(offset, message.topic, chance.choice(_GARBAGE))
    while held:  # messages still delayed at the end are sent at once
        yield _at(offset, heappop(held)[2])


def _at(offset: float, message: ScheduledMessage) -> ScheduledMessage:
    return ScheduledMessage(offset, message.topic, message.payload)
