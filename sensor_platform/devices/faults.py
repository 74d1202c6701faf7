"""What goes wrong between devices and broker, on purpose: messages sent twice, late and out of order, and garbage."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from sensor_platform.devices.pacing import ScheduledMessage

_GARBAGE = (b"", b"{", b"\x00\xff\xfe", b'{"device_id": ', b"null", b"[[[]]]")


@dataclass(frozen=True, slots=True)
class Faults:
    """Share of the messages, 0 to 1, that each befalls. The same seed gives the same faults."""

    twice: float = 0.0
    """Published again by the device, under the same sequence."""
    late: float = 0.0
    """Held back, and overtaken by others."""
    garbage: float = 0.0
    """Followed by bytes that no contract understands."""
    late_seconds: float = 30.0
    """Longest time that a late message is held back."""
    seed: int = 1


def with_faults(
    messages: Iterable[ScheduledMessage], faults: Faults, happened: Counter[str]
) -> Iterator[ScheduledMessage]:
    """The messages with the faults; offsets still do not decrease. `happened` counts them by name.

    A message that is held back keeps its payload, and so the time and sequence that the device gave it.
    """
    chance = random.Random(faults.seed)  # noqa: S311 - mishaps, not secrets
    held: list[tuple[float, int, ScheduledMessage]] = []
    offset = 0.0
    for ordinal, message in enumerate(messages):
        offset = message.offset
        while held and held[0][0] <= offset:
            yield _at(offset, heappop(held)[2])
        if chance.random() < faults.late:
            happened["late"] += 1
            heappush(held, (offset + chance.uniform(0.0, faults.late_seconds), ordinal, message))
        else:
            yield message
        if chance.random() < faults.twice:
            happened["twice"] += 1
            yield message
        if chance.random() < faults.garbage:
            happened["garbage"] += 1
            yield ScheduledMessage(offset, message.topic, chance.choice(_GARBAGE))
    while held:  # what is still held back at the end comes at once
        yield _at(offset, heappop(held)[2])


def _at(offset: float, message: ScheduledMessage) -> ScheduledMessage:
    return ScheduledMessage(offset, message.topic, message.payload)
