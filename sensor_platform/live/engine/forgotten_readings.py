"""Takes out of decoded messages what rules say is forgotten, so that its names never reach the engine."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import compress, repeat

from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.reading.batch import Decoded, MessageBatch, ReadingBlock, Records


def without_forgotten(decoded: Decoded, messages: MessageBatch, rules: Sequence[ForgetRule]) -> Decoded:
    """The decoded batch without the readings that rules take, and without records of which nothing is left."""
    some = [rule for rule in rules if _may_take(rule, decoded)]
    if not some:
        return decoded
    kept = [_kept(block, decoded.records, messages, some) for block in decoded.blocks]
    if all(map(all, kept)):
        return decoded
    had = {record for block in decoded.blocks for record in block.record}
    left = {record for block, mask in zip(decoded.blocks, kept, strict=True) for record in compress(block.record, mask)}
    stays = [record in left or record not in had for record in range(len(decoded.records.message))]
    new = {record: number for number, record in enumerate(compress(range(len(stays)), stays))}
    blocks = [_part(block, mask, new) for block, mask in zip(decoded.blocks, kept, strict=True) if any(mask)]
    records = Records(
        **{field.name: list(compress(getattr(decoded.records, field.name), stays)) for field in fields(Records)}
    )
    return Decoded(
        records=records,
        tag_sets=decoded.tag_sets,
        blocks=blocks,
        rejected=decoded.rejected,
        drift=[],
        has_reading=decoded.has_reading,
    )


def _may_take(rule: ForgetRule, decoded: Decoded) -> bool:
    if rule.device is not None and rule.device not in decoded.records.device_id:
        return False
    return rule.metric is None or any(rule.metric in _names(block) for block in decoded.blocks)


def _names(block: ReadingBlock) -> Sequence[str]:
    return [block.metric] if isinstance(block.metric, str) else block.metric


def _kept(block: ReadingBlock, records: Records, messages: MessageBatch, rules: Sequence[ForgetRule]) -> list[bool]:
    metrics: Iterator[str] | Sequence[str] = (
        repeat(block.metric, len(block.record)) if isinstance(block.metric, str) else block.metric
    )
    return [
        not any(
            rule.takes(
                records.device_id[record],
                metric,
                messages.topics[records.message[record]],
                records.event_at[record],
                messages.received_at[records.message[record]],
            )
            for rule in rules
        )
        for record, metric in zip(block.record, metrics, strict=True)
    ]


def _part(block: ReadingBlock, mask: Sequence[bool], new: dict[int, int]) -> ReadingBlock:
    return ReadingBlock(
        record=[new[record] for record in compress(block.record, mask)],
        metric=block.metric if isinstance(block.metric, str) else list(compress(block.metric, mask)),
        value=None if block.value is None else array("d", compress(block.value, mask)),
        text=None if block.text is None else list(compress(block.text, mask)),
        kinds=block.kinds if isinstance(block.kinds, int) else list(compress(block.kinds, mask)),
        unit=block.unit,
        quality=block.quality,
        is_described=block.is_described,
    )
