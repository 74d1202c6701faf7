"""Decoded messages as NumPy columns, which the engine works on."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from sensor_platform.reading.batch import RETAINED_TAG, Decoded, ReadingBlock, Records
from sensor_platform.reading.units import conversion
from sensor_platform.stream.series import Ints, SeriesIndex

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

GOOD, UNCERTAIN, BAD = 0, 1, 2
NO_UNITS: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Readings:
    """Numeric readings, one element each, in order of series and, within a series, of arrival."""

    series: Ints
    message: Ints
    """Message number: increases with arrival; readings of one message share it."""
    event_at: Ints
    """Microseconds since the epoch, UTC."""
    received_at: Ints
    """Microseconds since the epoch, UTC."""
    value: Floats
    verdict: npt.NDArray[np.uint8]
    """GOOD, UNCERTAIN or BAD."""
    message_key: npt.NDArray[np.uint64]
    """Hash of the message id that the device gave; 0 for none."""
    is_device_time: Bools
    is_retained: Bools | None = None
    """Whether it does not show that its device is alive, because the broker had kept it. None where none is; a message
    that the contract takes like every other one is none."""

    def __len__(self) -> int:
        return len(self.series)

    def pick(self, rows: "Bools | Ints") -> "Readings":
        """Return some of the readings, by mask or by row numbers."""
        return Readings(
            self.series[rows],
            self.message[rows],
            self.event_at[rows],
            self.received_at[rows],
            self.value[rows],
            self.verdict[rows],
            self.message_key[rows],
            self.is_device_time[rows],
            None if self.is_retained is None else self.is_retained[rows],
        )


def readings_of(
    decoded: Decoded,
    received_at: Sequence[int],
    duplicates: set[int],
    suspects: set[int],
    index: SeriesIndex,
    base: int = 0,
    units: Mapping[str, str] = NO_UNITS,
    retained: AbstractSet[int] = frozenset(),
) -> Readings:
    """Return the numeric readings of a decoded batch without wire duplicates.

    Args:
        decoded: the decoded messages.
        received_at: arrival time of each message, microseconds.
        duplicates: indexes of messages that the WAL has already.
        suspects: indexes of messages that may be duplicates; their readings are uncertain.
        index: numbers devices and series; takes over new tags.
        base: added to the message numbers.
        units: unit of each metric in the catalog; values with another unit are converted, as in the tables.
        retained: indexes of messages that the broker had kept; where they have a time, they arrived by then.
    """
    blocks = [block for block in decoded.blocks if block.value is not None]
    if not blocks:
        return EMPTY
    records = decoded.records
    message = np.array(records.message, np.int64)
    device = index.device_numbers(records.device_id)
    _take_tags(decoded, device, index)
    record = np.concatenate([np.asarray(block.record, np.int64) for block in blocks])
    series = index.numbers(device[record], np.concatenate([_metric(block, index) for block in blocks]))
    verdict = _device_quality(records.quality)[record]
    if not all(block.is_described for block in blocks):
        described = np.concatenate([np.full(len(block.record), block.is_described) for block in blocks])
        verdict = np.where(described, verdict, np.uint8(GOOD))
    if any(block.quality for block in blocks):
        own = np.concatenate([np.full(len(block.record), block.quality is not None) for block in blocks])
        own_verdict = np.concatenate([_device_quality([block.quality] * len(block.record)) for block in blocks])
        verdict = np.where(own, own_verdict, verdict)
    if suspects:
        is_suspect = np.isin(message, list(suspects))[record]
        verdict = np.where(is_suspect, np.maximum(verdict, np.uint8(UNCERTAIN)), verdict)
    values = [np.frombuffer(block.value or b"", np.float64) for block in blocks]
    if units and (any(records.unit) or any(block.unit for block in blocks)):
        converted = [in_units(block, records, value, units) for block, value in zip(blocks, values, strict=True)]
        values = [value for value, _ in converted]
        is_unknown = np.concatenate([unknown for _, unknown in converted])
        verdict = np.where(is_unknown, np.maximum(verdict, np.uint8(UNCERTAIN)), verdict)
    event_at, arrived_at = np.array(records.event_at, np.int64), np.array(received_at, np.int64)[message]
    is_device_time = np.array(records.is_device_time, np.bool_)
    is_retained = None
    if retained:
        is_uncertain = _device_quality(records.quality) == UNCERTAIN
        is_retained = np.isin(message, list(retained)) & (is_device_time | is_uncertain)
        arrived_at = np.where(is_retained & is_device_time, np.minimum(arrived_at, event_at), arrived_at)
    readings = Readings(
        series,
        message[record],
        event_at[record],
        arrived_at[record],
        np.concatenate(values),
        verdict,
        message_keys(records.message_id)[record],
        is_device_time[record],
        None if is_retained is None else is_retained[record],
    )
    keep = series >= 0
    if duplicates:
        keep &= ~np.isin(readings.message, list(duplicates))
    if not keep.all():
        readings = readings.pick(keep)
    readings = readings.pick(np.lexsort((readings.message, readings.series)))
    readings.message = readings.message + base
    return readings


def in_units(block: ReadingBlock, records: Records, value: Floats, units: Mapping[str, str]) -> tuple[Floats, Bools]:
    """Convert the values of a block to the units of the catalog; also returns which values have an unknown unit."""
    is_unknown = np.zeros(len(value), np.bool_)
    if not block.is_described:
        return value, is_unknown
    names = [block.metric] * len(value) if isinstance(block.metric, str) else block.metric
    pairs: dict[tuple[str, str], list[int]] = {}
    for row, (record, name) in enumerate(zip(block.record, names, strict=True)):
        unit, to = block.unit or records.unit[record], units.get(name)
        if unit is not None and to is not None and unit != to:
            pairs.setdefault((unit, to), []).append(row)
    converted = value.copy() if pairs else value
    for (unit, to), rows in pairs.items():
        found = conversion(unit, to)
        if found is None:
            is_unknown[rows] = True
        else:
            with np.errstate(over="ignore"):
                converted[rows] = value[rows] * found.gain + found.offset
    return converted, is_unknown


def _metric(block: ReadingBlock, index: SeriesIndex) -> Ints:
    if isinstance(block.metric, str):
        return np.full(len(block.record), index.metric_number(block.metric), np.int64)
    numbers = {name: index.metric_number(name) for name in set(block.metric)}
    return np.array([numbers[name] for name in block.metric], np.int64)


def _device_quality(quality: Sequence[str | None]) -> "npt.NDArray[np.uint8]":
    """Verdicts that devices give to their own readings."""
    if not any(quality):
        return np.zeros(len(quality), np.uint8)
    verdicts = {"bad": BAD, "uncertain": UNCERTAIN}
    return np.array([verdicts.get(text.lower(), GOOD) if text else GOOD for text in quality], np.uint8)


def message_keys(ids: Sequence[str | None]) -> "npt.NDArray[np.uint64]":
    """The bytes of each id as a number modulo a prime: unlike the hash of a text, the same in every process."""
    if not any(ids):
        return np.zeros(len(ids), np.uint64)
    numbers = [0 if text is None else hash(int.from_bytes(b"\1" + text.encode())) or 1 for text in ids]
    return np.array(numbers, np.uint64)


def _take_tags(decoded: Decoded, device: Ints, index: SeriesIndex) -> None:
    """Store the newest tags of each device in the index."""
    if len(decoded.tag_sets) < 2:
        return
    pairs = np.unique(np.stack((device, np.array(decoded.records.tags, np.int64))), axis=1)
    for number, tag_set in pairs.T.tolist():
        tags = {name: text for name, text in decoded.tag_sets[tag_set] if name != RETAINED_TAG}
        if number >= 0 and tags:
            index.tags[number] = tags


_none = np.empty(0, np.int64)
EMPTY = Readings(
    _none,
    _none,
    _none,
    _none,
    np.empty(0, np.float64),
    np.empty(0, np.uint8),
    np.empty(0, np.uint64),
    np.empty(0, np.bool_),
)
