"""The shipped demo: its contracts understand what its files are replayed as, and its catalog fits its data."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson
import polars as pl
import pytest

from sensor_platform.demo.demo_home import SHIPPED_SITE
from sensor_platform.demo.recording import Recording, record
from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import to_micros
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.model import Envelope, Reading
from sensor_platform.site import load_site
from sensor_platform.warehouse.catalog import read_metrics
from sensor_platform_tests.reading.single_message import decode_message

NOW = datetime(2026, 11, 23, 20, 7, 31, tzinfo=UTC)
AIR = SHIPPED_SITE / "data" / "beijing_air.parquet"
MACHINE = SHIPPED_SITE / "data" / "machine_temperature.parquet"


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(SHIPPED_SITE / "replay.yaml", NOW)


def decoded(recording: Recording, topic: str) -> list[Reading]:
    site = load_site(SHIPPED_SITE)
    limits = TimeLimits(start=to_micros(datetime(2010, 1, 1, tzinfo=UTC)), max_future=3_600_000_000)
    payloads = [payload for _, name, payload in recording.messages if name == topic]
    found = []
    for payload in payloads[-30:]:
        for result in decode_message(site.contracts, Envelope(topic, payload, NOW, "seg", 0), limits):
            assert isinstance(result, Reading), result
            found.append(result)
    return found


def test_every_row_is_one_message_in_order_of_time_and_none_lies_ahead(recording: Recording) -> None:
    rows = (
        pl.scan_parquet(AIR).select(pl.len()).collect().item()
        + pl.scan_parquet(MACHINE).select(pl.len()).collect().item()
    )
    times = [at for at, _, _ in recording.messages if at]
    assert len(recording.messages) == len(times) == rows
    assert times == sorted(times)
    assert NOW - timedelta(hours=1) < times[-1] <= NOW
    assert {topic.split("/")[1] for _, topic, _ in recording.messages} == {"air", "machine"}


def test_both_sources_reach_the_last_hour(recording: Recording) -> None:
    for kind in ("air", "machine"):
        newest = max(at for at, topic, _ in recording.messages if at and topic.startswith(f"sensors/{kind}/"))
        assert NOW - newest < timedelta(hours=1)


def test_the_cut_is_a_full_hour_and_parts_the_messages_without_loss(recording: Recording) -> None:
    assert recording.cut == datetime(2026, 11, 22, 20, tzinfo=UTC)
    assert recording.history + recording.tail == list(recording.messages)
    assert all(at and at < recording.cut for at, _, _ in recording.history)
    hours = Counter(at.replace(minute=0) for at, topic, _ in recording.tail if at and topic.startswith("sensors/air/"))
    assert hours == dict.fromkeys((recording.cut + timedelta(hours=hour) for hour in range(25)), 12)


def test_the_first_day_is_that_of_the_first_message(recording: Recording) -> None:
    first = recording.messages[0][0]
    assert first is not None
    assert recording.start == first.date()


def test_stations_send_a_naive_clock_that_the_contract_reads_as_local_time(recording: Recording) -> None:
    at, _, payload = next(message for message in reversed(recording.messages) if message[1] == "sensors/air/Wanliu")
    body = orjson.loads(payload)
    assert at is not None
    assert body["timestamp"] == (at + timedelta(hours=8)).replace(tzinfo=None).isoformat()
    newest = max(reading.event_at for reading in decoded(recording, "sensors/air/Wanliu"))
    assert newest == at


def test_stations_become_tagged_readings_of_every_metric(recording: Recording) -> None:
    readings = decoded(recording, "sensors/air/Wanliu")
    columns = set(pl.read_parquet_schema(AIR)) - {"station", "ts"}
    assert {reading.metric for reading in readings} == columns
    assert {reading.device_id for reading in readings} == {"Wanliu"}
    assert {tuple(sorted(reading.tags.items())) for reading in readings} == {(("city", "Beijing"), ("kind", "air"))}
    assert {reading.metric for reading in readings if reading.text is not None} == {"wd"}
    assert all(reading.message_id for reading in readings)


def test_the_machine_becomes_one_metric(recording: Recording) -> None:
    readings = decoded(recording, "sensors/machine/machine-1")
    assert {(reading.device_id, reading.metric) for reading in readings} == {("machine-1", "machine_temperature")}
    assert len({reading.message_id for reading in readings}) == len(readings) == 30


def test_the_catalog_names_every_metric_with_a_range_that_holds_all_data() -> None:
    catalog = {row.metric: (row.min, row.max) for row in read_metrics(SHIPPED_SITE / "catalog" / "metrics.csv")}
    for path, keys in ((AIR, {"station", "ts"}), (MACHINE, {"timestamp"})):
        frame = pl.read_parquet(path)
        for column in set(frame.columns) - keys:
            low, high = catalog.pop(column)
            if low is not None:
                assert frame.filter((pl.col(column) < low) | (pl.col(column) > high)).is_empty(), column
    assert catalog == {}


def test_the_forecast_metrics_are_in_the_catalog() -> None:
    metrics = {row.metric for row in read_metrics(SHIPPED_SITE / "catalog" / "metrics.csv")}
    assert set(load_site(SHIPPED_SITE).forecast.metrics) <= metrics
    assert load_site(SHIPPED_SITE).forecast.metrics


def test_sources_are_attributed_beside_the_data() -> None:
    text = (SHIPPED_SITE / "data" / "ATTRIBUTION.md").read_text()
    for words in ("10.24432/C5RK5G", "CC BY 4.0", "Chen", "Numenta", "MIT"):
        assert words in text
    assert "Numenta" in (SHIPPED_SITE / "data" / "LICENSE-NAB").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {file: none.parquet}", "cannot be read"),
        ("- {file: x.csv, colour: red}", "colour"),
        ("files: []", "Expected `array`"),
        ("[]", "nothing to replay"),
        ("- {file: t.csv, timezone: Nowhere}", "unknown time zone"),
        ("- {file: t.csv, topic: 'x/{plant}'}", "not a column"),
    ],
)
def test_a_wrong_replay_file_is_said_in_one_line(text: str, words: str, tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "replay.yaml").write_text(text)
    (folder / "t.csv").write_text("ts,x\n2026-01-01T00:00:00,1\n")
    with pytest.raises(WrongUse, match=words):
        record(folder / "replay.yaml", NOW)
