"""Decodes one message to readings and rejects: a readable view of what the decoder makes of batches."""

from collections.abc import Sequence

from sensor_platform.kernel.clock import to_micros, utc_from_micros
from sensor_platform.reading.batch import Decoded, MessageBatch, TimeLimits
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.model import Envelope, EnvelopeFlag, Reading, Rejected


def decode_message(contracts: Sequence[Contract], envelope: Envelope, limits: TimeLimits) -> list[Reading | Rejected]:
    """Decode one message: its readings in order of device, metric and time, then its rejects."""
    batch = MessageBatch(
        [envelope.topic],
        [envelope.payload],
        [to_micros(envelope.received_at)],
        {0: envelope.user_properties} if envelope.user_properties else {},
        {} if envelope.key is None else {0: envelope.key},
        {0} if envelope.retain else set(),
    )
    decoded = Decoder(contracts, limits).decode(batch)
    readings = [
        _reading(decoded, envelope, block_number, row)
        for block_number, block in enumerate(decoded.blocks)
        for row in range(len(block.record))
    ]
    readings.sort(key=lambda reading: (reading.device_id, reading.metric, reading.event_at))
    return [*readings, *(why for _, why in decoded.rejected)]


def _reading(decoded: Decoded, envelope: Envelope, block_number: int, row: int) -> Reading:
    block, records = decoded.blocks[block_number], decoded.records
    record = block.record[row]
    event_at = utc_from_micros(records.event_at[record])
    is_kept = envelope.retain and records.is_device_time[record]
    return Reading(
        device_id=records.device_id[record],
        metric=block.metric if isinstance(block.metric, str) else block.metric[row],
        event_at=event_at,
        received_at=min(envelope.received_at, event_at) if is_kept else envelope.received_at,
        value=None if block.value is None else block.value[row],
        text=None if block.text is None else block.text[row],
        unit=(block.unit or records.unit[record]) if block.is_described else None,
        quality=block.quality or (records.quality[record] if block.is_described else None),
        tags=dict(decoded.tag_sets[records.tags[record]]),
        message_id=records.message_id[record],
        topic=envelope.topic,
        segment=envelope.segment,
        position=envelope.position,
        is_device_time=records.is_device_time[record],
        is_suspect=bool(envelope.flags & EnvelopeFlag.SUSPECT),
    )
