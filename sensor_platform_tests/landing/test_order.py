"""Readings are in one order, whether they came in that order or not."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder

SLOT = 600_000_000
NOW = 10_000_000_000
MESSAGES = st.lists(
    st.tuples(st.sampled_from("abé"), st.integers(0, 40), st.sampled_from(["t", "u", "T"]), st.booleans()), max_size=30
)


@settings(deadline=None, max_examples=150)
@given(MESSAGES, st.booleans(), st.integers(1, 30))
def test_rows_are_ordered_by_slot_device_metric_time_and_position(
    messages: list[tuple[str, int, str, bool]], is_in_order: bool, at_once: int
) -> None:
    if is_in_order:
        messages.sort(key=lambda message: message[1])
    decoder, readings = Decoder((DEFAULT_CONTRACT,), TimeLimits(0, NOW)), LandingTable("segment")
    payloads = [
        b'{"id":"%s","ts":%d,"%s":%d,"z":"%d"}' % (device.encode(), minutes * 60, metric.encode(), n, n)
        if has_text
        else b'{"id":"%s","ts":%d,"%s":%d}' % (device.encode(), minutes * 60, metric.encode(), n)
        for n, (device, minutes, metric, has_text) in enumerate(messages)
    ]
    for start in range(0, len(payloads), at_once):
        some = payloads[start : start + at_once]
        batch = MessageBatch(["x/y"] * len(some), some, [NOW] * len(some))
        decoded = decoder.decode(batch)
        piece = SegmentBatch(start, batch, [0] * len(some), set(), set())
        readings.add(piece, decoded, readings.device_numbers(decoded))
    table = readings.table(SLOT)
    found = table.select("slot_start", "device_id", "metric", pl.col("event_at").cast(pl.Int64), "position").rows()
    expected = [
        (minutes * 60_000_000 // SLOT * SLOT, device, name, minutes * 60_000_000, n)
        for n, (device, minutes, metric, has_text) in enumerate(messages)
        for name in ([metric, "z"] if has_text else [metric])
    ]
    assert found == sorted(expected)
    assert [row["value"] if row["metric"] != "z" else float(row["text"]) for row in table.rows(named=True)] == [
        float(row[4]) for row in sorted(expected)
    ]
