"""Decoded messages as columns of readings."""

import json
from collections.abc import Mapping
from typing import Any

from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.columns import BAD, GOOD, NO_UNITS, UNCERTAIN, Readings, readings_of
from sensor_platform.stream.series import SeriesIndex
from sensor_platform_tests.stream.given import SECOND, noon


def columns(
    *bodies: dict[str, Any],
    duplicates: frozenset[int] = frozenset(),
    suspects: frozenset[int] = frozenset(),
    index: SeriesIndex | None = None,
    units: Mapping[str, str] = NO_UNITS,
    base: int = 0,
) -> tuple[Readings, SeriesIndex]:
    """Readings of JSON messages that arrive a second apart."""
    index = SeriesIndex() if index is None else index
    received_at = [noon(at) for at in range(len(bodies))]
    payloads = [json.dumps(body).encode() for body in bodies]
    batch = MessageBatch([f"sensors/{body.get('device_id', 'a')}" for body in bodies], payloads, received_at)
    decoded = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3600 * SECOND)).decode(batch)
    return readings_of(decoded, received_at, set(duplicates), set(suspects), index, base, units), index


def values(readings: Readings, index: SeriesIndex) -> list[tuple[str, str, float]]:
    rows = zip(readings.series.tolist(), readings.value.tolist(), strict=True)
    return sorted((index.device(series), index.metric(series), value) for series, value in rows)


def test_every_number_of_a_message_is_a_reading() -> None:
    readings, index = columns({"device_id": "a", "temp": 20.5, "load": 3}, {"device_id": "b", "temp": 21})
    assert values(readings, index) == [("a", "load", 3.0), ("a", "temp", 20.5), ("b", "temp", 21.0)]
    assert len(readings) == 3


def test_text_is_no_reading_here() -> None:
    readings, _ = columns({"device_id": "a", "mode": "heating"})
    assert len(readings) == 0


def test_readings_are_in_order_of_series_and_then_of_arrival() -> None:
    readings, _ = columns(*({"device_id": device, "temp": at} for at, device in enumerate("abab")), base=100)
    assert sorted(readings.series.tolist()) == readings.series.tolist()
    assert readings.message.tolist() in ([100, 102, 101, 103], [101, 103, 100, 102])


def test_a_message_that_is_in_the_wal_already_is_left_out_and_one_that_may_be_is_uncertain() -> None:
    bodies = [{"device_id": "a", "temp": at} for at in range(3)]
    readings, _ = columns(*bodies, duplicates=frozenset({0}), suspects=frozenset({2}))
    assert readings.value.tolist() == [1.0, 2.0]
    assert readings.verdict.tolist() == [GOOD, UNCERTAIN]


def test_what_a_device_says_of_its_reading_is_its_verdict() -> None:
    qualities = ["good", "Bad", "uncertain"]
    readings, _ = columns(*({"device_id": "a", "temp": 1, "quality": quality} for quality in qualities))
    assert readings.verdict.tolist() == [GOOD, BAD, UNCERTAIN]


def test_values_are_converted_to_the_units_of_the_catalog() -> None:
    bodies = [{"device_id": "a", "temp": 212, "unit": unit} for unit in ("degF", "degC", "bar")]
    readings, _ = columns(*bodies, units={"temp": "degC"})
    assert readings.value.round(6).tolist() == [100.0, 212.0, 212.0]
    assert readings.verdict.tolist() == [GOOD, GOOD, UNCERTAIN], "bar is no unit of temperature"


def test_the_same_message_id_has_the_same_key_and_no_id_has_none() -> None:
    bodies = [{"device_id": "a", "temp": 1, "message_id": name} for name in ("x", "y", "x")]
    readings, _ = columns(*bodies, {"device_id": "a", "temp": 1})
    first, second, again, without = readings.message_key.tolist()
    assert first == again != second
    assert without == 0 not in (first, second)


def test_series_beyond_the_limit_are_left_out() -> None:
    readings, index = columns({"device_id": "a", "temp": 1, "load": 2, "mode": 3}, index=SeriesIndex(limit=1))
    assert len(readings) == 1
    assert index.refused == 2


def test_some_rows_can_be_picked() -> None:
    readings, _ = columns(*({"device_id": "a", "temp": at} for at in range(4)))
    assert readings.pick(readings.value > 1).value.tolist() == [2.0, 3.0]
