"""Finds the PUBLISH and PUBREL packets in received bytes, and the reply to each.

Pure. A hot loop, about a third of a microsecond per QoS 1 message; everything but a plain first delivery at QoS 1 takes
a slower path.
"""

import sys
from array import array
from dataclasses import dataclass, field

from sensor_platform.wal.mqtt_packet import PUBREL, read_varint

# Replies as the four bytes of the packet, read as one big-endian number: type, length 2, packet id
_PUBACK = 0x40020000
_PUBREC = 0x50020000
_PUBCOMP = 0x70020000
_MAX_LENGTH_BYTES = 4
_TOO_LONG = "a topic or properties longer than the packet"


class _Malformed(Exception):
    """A packet contradicts itself: lengths, QoS 3, or a length of more than four bytes."""


@dataclass(frozen=True, slots=True)
class SpecialPacket:
    """A packet that is not a plain first delivery at QoS 1: QoS 0, QoS 2, a redelivery, a PUBREL."""

    index: int
    """Ordinal among the PUBLISH packets of the run; a PUBREL has that of the next PUBLISH."""
    head: int
    packet_id: int
    """0 for QoS 0."""

    @property
    def is_pubrel(self) -> bool:
        """True for PUBREL, False for PUBLISH."""
        return self.head >> 4 == PUBREL

    @property
    def qos(self) -> int:
        """QoS of a PUBLISH."""
        return self.head >> 1 & 3

    @property
    def is_dup(self) -> bool:
        """True where the broker marks this PUBLISH (QoS 1 or 2) as sent before."""
        return not self.is_pubrel and bool(self.head & 8) and bool(self.head & 6)


@dataclass(slots=True)
class PacketRun:
    """PUBLISH and PUBREL packets that follow one another without a gap."""

    end: int
    """First byte that is not part of the run."""
    replies: list[int] = field(default_factory=list)
    """One word per packet that needs a reply, in order; see `encode_replies`."""
    specials: list[SpecialPacket] = field(default_factory=list)
    messages: int = 0
    best_effort: int = 0
    """Messages at QoS 0 among `messages`."""
    need: int = 0
    """Bytes of the packet at `end`, if its length is known; 0 if not."""
    is_other: bool = False
    """True where the packet at `end` is whole and neither PUBLISH nor PUBREL."""
    malformed: str | None = None
    """Why the packet at `end` is not MQTT; the run before it is good."""


def scan(data: bytes, at: int, level: int) -> PacketRun:  # noqa: C901 - a hot loop, inlined
    """The run that starts at `at`.

    Args:
        data: bytes from the socket, starting at a packet's first byte.
        at: where to start.
        level: protocol level, 4 or 5.
    """
    run = PacketRun(at)
    reply = run.replies.append
    end = len(data)
    tail = 3 if level == 5 else 2  # packet id, and at least the length of the properties
    plain = 0
    try:
        while at + 1 < end:
            head = data[at]
            length = data[at + 1]
            body = at + 2
            if length > 127:
                if body < end and data[body] < 128:
                    length = length & 127 | data[body] << 7
                    body += 1
                elif not _has_length(data, at + 1):
                    break
                else:
                    length, body = read_varint(data, at + 1)
            after = body + length
            if after > end:
                run.need = after - at
                break
            if head & 0xFE == 0x32:  # a PUBLISH at QoS 1 that is not a redelivery
                stop = body + 2 + (data[body] << 8 | data[body + 1])
                if stop + tail > after or (tail == 3 and data[stop + 2] and not _fits(data, stop + 2, after)):
                    run.malformed = _TOO_LONG
                    break
                reply(_PUBACK | data[stop] << 8 | data[stop + 1])
                plain += 1
            elif head >> 4 in (3, 6):
                _special(data, head, body, after, level, run, plain)
            else:
                run.need, run.is_other = after - at, True
                break
            at = after
    except _Malformed as error:
        run.malformed = str(error)
    except IndexError:
        run.malformed = "a packet shorter than its own fields"
    run.end = at
    run.messages += plain
    return run


def _special(data: bytes, head: int, body: int, after: int, level: int, run: PacketRun, plain: int) -> None:
    index = plain + run.messages
    if head >> 4 == PUBREL:
        if after - body < 2:
            raise _Malformed("a PUBREL without packet id")
        packet_id = data[body] << 8 | data[body + 1]
        run.replies.append(_PUBCOMP | packet_id)
        run.specials.append(SpecialPacket(index, head, packet_id))
        return
    qos = head >> 1 & 3
    stop = body + 2 + (data[body] << 8 | data[body + 1])
    if qos == 3:
        raise _Malformed("QoS 3")
    properties = stop + (2 if qos else 0)
    if properties + (level == 5) > after or (level == 5 and data[properties] and not _fits(data, properties, after)):
        raise _Malformed(_TOO_LONG)
    packet_id = data[stop] << 8 | data[stop + 1] if qos else 0
    if qos:
        run.replies.append((_PUBACK if qos == 1 else _PUBREC) | packet_id)
    else:
        run.best_effort += 1
    run.specials.append(SpecialPacket(index, head, packet_id))
    run.messages += 1


def _has_length(data: bytes, at: int) -> bool:
    """True where the whole remaining length is there; False where more bytes are needed."""
    for count in range(_MAX_LENGTH_BYTES):
        if at + count >= len(data):
            return False
        if data[at + count] < 128:
            return True
    raise _Malformed("a length of more than four bytes")


def _fits(data: bytes, at: int, after: int) -> bool:
    """True where the properties at `at` end before the packet does."""
    length, start = read_varint(data, at)
    return start + length <= after


def encode_replies(words: list[int]) -> bytes:
    """PUBACK, PUBREC and PUBCOMP packets, four bytes each, in order."""
    packets = array("I", words)
    assert packets.itemsize == 4
    if sys.byteorder == "little":
        packets.byteswap()
    return packets.tobytes()
