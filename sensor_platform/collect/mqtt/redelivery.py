"""Detection of redelivered messages: the last records of a broker session, and whether a redelivery is one of them.

Pure: no files, no sockets. At start `session_record` fills it from the segments.
"""

from collections import deque
from dataclasses import dataclass
from hashlib import blake2b

from sensor_platform.collect.mqtt.packets import PacketRun, SpecialPacket
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal.mqtt_packet import PUBLISH, read_varint

_MAX_RAW_BYTES = 16 << 20  # chunks beyond this are remembered as digests, so that big messages cannot fill the memory


def redelivery_flag(
    *,
    is_dup: bool,
    qos: int,
    is_session_present: bool,
    is_unreleased: bool = False,
    is_same: bool = False,
    is_recycling: bool = False,
) -> EnvelopeFlag:
    """The flag of one message at QoS 1 or 2. Only a message that is provably stored is flagged as a duplicate.

    Args:
        is_dup: the broker's dup bit.
        qos: 1 or 2.
        is_session_present: the broker continued an earlier session on this connection.
        is_unreleased: QoS 2, and a message of this packet id is stored and was not released by a PUBREL.
        is_same: the newest remembered record of this packet id has the same topic and payload.
        is_recycling: packet ids were used again within the remembered records: equal bytes prove nothing.
    """
    if not is_dup:
        return EnvelopeFlag.SUSPECT if qos == 2 and is_unreleased else EnvelopeFlag.NONE
    if qos == 2 and is_unreleased and is_same:  # a broker that lost its last seconds uses the id for another message
        return EnvelopeFlag.DUPLICATE
    if is_session_present and is_same and not is_recycling:
        return EnvelopeFlag.DUPLICATE
    return EnvelopeFlag.SUSPECT


@dataclass(slots=True)
class _Chunk:
    first: int
    """Ordinal of its first record in the session."""
    records: int
    raw: bytes | None
    level: int
    digests: list[tuple[int, bool, bytes]] | None = None
    """(packet id, dup, digest of topic and payload), once `raw` is dropped."""


class RedeliveryDetector:
    """The last `limit` records (messages at QoS 1 and 2) of one broker session, and its unreleased QoS 2 ids.

    Remembering costs nothing per message: raw runs are kept, and parsed only when a redelivery arrives.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.forget("")

    def forget(self, session: str, unreleased: frozenset[int] = frozenset()) -> None:
        """Start with another session, and no records."""
        self.session = session
        self.unreleased = set(unreleased)
        self._chunks: deque[_Chunk] = deque()
        self._total = 0
        self._raw_bytes = 0
        self._index: dict[int, tuple[int, bytes]] = {}
        self._indexed = 0
        self._reused = -1  # newest record whose packet id was used again for another message

    def flags(self, raw: bytes, run: PacketRun, level: int, *, is_session_present: bool) -> list[tuple[int, int]]:
        """Remember a run of packets; returns the messages that get a flag: (index in the run, flag)."""
        found: list[tuple[int, int]] = []
        chunk = self._append(raw, run, level)
        if any(special.is_dup for special in run.specials):
            self._catch_up(chunk.first)
            found = self._run_flags(chunk, run.specials, is_session_present=is_session_present)
        else:
            for special in run.specials:
                flag = self._first_flag(special, is_session_present=is_session_present)
                if flag:
                    found.append((special.index, flag))
        self._trim()
        return found

    def remember(self, raw: bytes, run: PacketRun, level: int) -> None:
        """Remember a run whose flags were decided by an earlier process."""
        self._append(raw, run, level)
        for special in run.specials:
            self._note(special)
        self._trim()

    def _append(self, raw: bytes, run: PacketRun, level: int) -> _Chunk:
        chunk = _Chunk(self._total, run.messages - run.best_effort, raw, level)
        if chunk.records:
            self._chunks.append(chunk)
            self._total += chunk.records
            self._raw_bytes += len(raw)
        return chunk

    def _first_flag(self, special: SpecialPacket, *, is_session_present: bool) -> EnvelopeFlag:
        flag = EnvelopeFlag.NONE
        if special.qos == 2 and not special.is_pubrel:
            is_unreleased = special.packet_id in self.unreleased
            flag = redelivery_flag(
                is_dup=False, qos=2, is_session_present=is_session_present, is_unreleased=is_unreleased
            )
        self._note(special)
        return flag

    def _note(self, special: SpecialPacket) -> None:
        if special.is_pubrel:
            self.unreleased.discard(special.packet_id)
        elif special.qos == 2:
            self.unreleased.add(special.packet_id)

    def _run_flags(
        self, chunk: _Chunk, specials: list[SpecialPacket], *, is_session_present: bool
    ) -> list[tuple[int, int]]:
        """Flags of a run with redeliveries; each message is compared with all records before it."""
        found: list[tuple[int, int]] = []
        assert chunk.raw is not None
        packets = _records(chunk.raw, chunk.level)
        waiting = deque(specials)
        for ordinal, (index, packet_id, is_dup, digest) in enumerate(packets, chunk.first):
            while waiting and (waiting[0].index < index or (waiting[0].is_pubrel and waiting[0].index == index)):
                self._note(waiting.popleft())
            special = waiting[0] if waiting and waiting[0].index == index else None
            if special:
                flag = redelivery_flag(
                    is_dup=is_dup,
                    qos=special.qos,
                    is_session_present=is_session_present,
                    is_unreleased=special.qos == 2 and packet_id in self.unreleased,
                    is_same=self._newest(packet_id, ordinal) == digest,
                    is_recycling=self._reused >= max(0, ordinal - self._limit),
                )
                if flag:
                    found.append((index, flag))
                self._note(waiting.popleft())
            self._index_record(ordinal, packet_id, digest, is_dup=is_dup)
        for special in waiting:
            self._note(special)
        self._indexed = chunk.first + chunk.records
        return found

    def _newest(self, packet_id: int, before: int) -> bytes | None:
        ordinal, digest = self._index.get(packet_id, (-1, b""))
        return digest if ordinal >= max(0, before - self._limit) else None

    def _index_record(self, ordinal: int, packet_id: int, digest: bytes, *, is_dup: bool) -> None:
        earlier, _ = self._index.get(packet_id, (-1, b""))
        if not is_dup:
            self._reused = max(self._reused, earlier)
        self._index[packet_id] = (ordinal, digest)

    def _catch_up(self, before: int) -> None:
        """Index the records that were added since the last redelivery."""
        for chunk in self._chunks:
            if chunk.first >= before or chunk.first + chunk.records <= self._indexed:
                continue
            for ordinal, (packet_id, is_dup, digest) in enumerate(_digests(chunk), chunk.first):
                self._index_record(ordinal, packet_id, digest, is_dup=is_dup)
        self._indexed = max(self._indexed, before)

    def _trim(self) -> None:
        chunks = self._chunks
        while chunks and self._total - chunks[0].first - chunks[0].records >= self._limit:
            gone = chunks.popleft()
            self._raw_bytes -= len(gone.raw or b"")
        if self._raw_bytes > _MAX_RAW_BYTES:
            for chunk in chunks:
                if self._raw_bytes <= _MAX_RAW_BYTES // 2:
                    break
                self._raw_bytes -= len(chunk.raw or b"")
                chunk.digests, chunk.raw = _digests(chunk), None


def _digests(chunk: _Chunk) -> list[tuple[int, bool, bytes]]:
    if chunk.digests is not None:
        return chunk.digests
    assert chunk.raw is not None
    return [(packet_id, is_dup, digest) for _, packet_id, is_dup, digest in _records(chunk.raw, chunk.level)]


def _records(raw: bytes, level: int) -> list[tuple[int, int, bool, bytes]]:
    """(index of the message, packet id, dup, digest of topic and payload) of every PUBLISH at QoS 1 or 2."""
    found = []
    at = index = 0
    while at < len(raw):
        head = raw[at]
        length, body = read_varint(raw, at + 1)
        at = body + length
        if head >> 4 != PUBLISH:
            continue
        if head & 6:
            stop = body + 2 + (raw[body] << 8 | raw[body + 1])
            payload = stop + 2
            if level == 5:
                size, payload = read_varint(raw, payload)
                payload += size
            digest = blake2b(raw[body:stop], digest_size=16)
            digest.update(raw[payload:at])
            found.append((index, raw[stop] << 8 | raw[stop + 1], bool(head & 8), digest.digest()))
        index += 1
    return found
