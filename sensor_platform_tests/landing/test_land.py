"""A sealed segment becomes exactly the readings that its messages hold, typed, sorted, with everything named."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing.files.parquet import group_sizes
from sensor_platform.landing.ledger import landing_files, quarantine_files, read_ledger, slots_between, totals
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, ValueSource
from sensor_platform.reading.model import Envelope, EnvelopeFlag, Reading, Rejected
from sensor_platform.wal import read_envelopes
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, mixed_messages, seal_segment, tables
from sensor_platform_tests.reading.single_message import decode_message

LIMITS = TimeLimits(start=to_micros(datetime(2010, 1, 1, tzinfo=UTC)), max_future=HOUR)
SLOT = 600_000_000


def expected(envelopes: Iterable[Envelope], contracts: tuple[Contract, ...]) -> tuple[list[Reading], list[Rejected]]:
    """Message by message, by the readable view."""
    items = [
        item
        for envelope in envelopes
        if not envelope.flags & EnvelopeFlag.DUPLICATE
        for item in decode_message(contracts, envelope, LIMITS)
    ]
    return [i for i in items if isinstance(i, Reading)], [i for i in items if isinstance(i, Rejected)]


def landed(home: Home) -> list[dict[str, Any]]:
    with read_ledger(home) as ledger:
        assert ledger is not None
        return [
            row
            for file in landing_files(ledger, home, slots_between(ledger, -(2**62), 2**62))
            for row in pl.read_parquet(file.path, hive_partitioning=False).rows(named=True)
        ]


def as_row(reading: Reading) -> dict[str, Any]:
    row = asdict(reading)
    return row | {name: row[name].replace(tzinfo=None) for name in ("event_at", "received_at")}


@pytest.mark.parametrize("seed", range(5))
def test_the_landing_file_holds_exactly_what_the_messages_say(home: Home, seed: int) -> None:
    contracts = (
        Contract(name="tagged", topic="sensors/topic1", tags={"where": ValueSource(topic_level=1)}),
        DEFAULT_CONTRACT,
    )
    sealed = seal_segment(home, 1, mixed_messages(seed, 200))
    readings, refused = expected(read_envelopes(sealed), contracts)
    (manifest,) = land_all(home, contracts)
    rows = landed(home)
    assert len(rows) == manifest.readings == len(readings)
    assert sorted(map(repr, rows)) == sorted(repr(as_row(reading)) for reading in readings)
    assert manifest.rejected_readings + manifest.quarantined == len(refused) > 0


def test_rows_are_sorted_by_slot_device_metric_and_time(home: Home) -> None:
    seal_segment(home, 1, mixed_messages(1, 300))
    land_all(home)
    rows = landed(home)
    keys = [
        (
            to_micros(row["event_at"].replace(tzinfo=UTC)) // SLOT,
            row["device_id"],
            row["metric"],
            row["event_at"],
            row["position"],
        )
        for row in rows
    ]
    assert keys == sorted(keys)
    assert len({key[0] for key in keys}) > 3


def test_columns_are_typed_as_promised(home: Home) -> None:
    seal_segment(home, 1, [Message(b'{"parameter":"t","value":1,"a":"b"}')])
    (manifest,) = land_all(home)
    path = home.root / next(entry.file for entry in manifest.files if entry.kind == "landing")
    described = duckdb.execute("describe select * from read_parquet($1)", [str(path)]).fetchall()
    assert [(name, kind) for name, kind, *_ in described] == [
        ("device_id", "VARCHAR"),
        ("metric", "VARCHAR"),
        ("event_at", "TIMESTAMP"),
        ("received_at", "TIMESTAMP"),
        ("value", "DOUBLE"),
        ("text", "VARCHAR"),
        ("unit", "VARCHAR"),
        ("quality", "VARCHAR"),
        ("tags", "MAP(VARCHAR, VARCHAR)"),
        ("message_id", "VARCHAR"),
        ("topic", "VARCHAR"),
        ("segment", "VARCHAR"),
        ("position", "BIGINT"),
        ("is_device_time", "BOOLEAN"),
        ("is_suspect", "BOOLEAN"),
    ]
    assert [name for name, *_ in described] == list(Reading.__dataclass_fields__)
    assert pa.types.is_map(pq.read_schema(path).field("tags").type)
    assert duckdb.execute("select tags['a'] from read_parquet($1)", [str(path)]).fetchall() == [("b",)]


def test_another_reader_reads_the_same_rows(home: Home) -> None:
    seal_segment(home, 1, mixed_messages(3, 200))
    (manifest,) = land_all(home)
    path = str(home.root / next(entry.file for entry in manifest.files if entry.kind == "landing"))
    query = "select device_id, metric, event_at, received_at, value, text, message_id, position from read_parquet($1)"
    found = duckdb.execute(query, [path]).fetchall()
    assert (
        found
        == pl.read_parquet(path, hive_partitioning=False)
        .select("device_id", "metric", "event_at", "received_at", "value", "text", "message_id", "position")
        .rows()
    )
    assert len(found) == manifest.readings


def test_the_quarantine_keeps_message_rule_and_remedy(home: Home) -> None:
    bad = Message(b"\x00\xffnot json", "sensors/odd 'topic'/../x", qos=2, retain=True)
    seal_segment(home, 1, [Message(b'{"id":"d","t":NaN,"u":1}'), bad, Message(b'{"id":"e","t":NaN,"u":NaN}')])
    (manifest,) = land_all(home)
    with read_ledger(home) as ledger:
        assert ledger is not None
        rows = pl.read_parquet(quarantine_files(ledger, home), hive_partitioning=False).rows(named=True)
    half, message, whole = rows
    assert (half["scope"], half["rule"], half["device_id"], half["metric"]) == ("reading", "not_a_number", "d", "t")
    assert (message["scope"], message["rule"], message["payload"]) == ("message", "undecodable", bad.payload)
    assert (message["topic"], message["qos"], message["retain"], message["position"]) == (bad.topic, 2, True, 1)
    assert (message["segment"], message["received_at"]) == (manifest.segment, datetime(2026, 3, 1, 12, 0))  # noqa: DTZ001
    assert (whole["scope"], whole["rule"]) == ("message", "not_a_number")
    assert "2 refusals" in whole["reason"]
    assert all(row["reason"] and row["hint"] for row in rows)
    assert (manifest.landed, manifest.quarantined, manifest.rejected_readings) == (1, 2, 1)


def test_duplicates_are_counted_and_never_landed(home: Home) -> None:
    payload = b'{"id":"d","t":1}'
    duplicate = Message(payload, flag=EnvelopeFlag.DUPLICATE)
    bad_duplicate = Message(b"garbage", flag=EnvelopeFlag.DUPLICATE)
    seal_segment(home, 1, [Message(payload), duplicate, bad_duplicate, Message(payload, flag=EnvelopeFlag.SUSPECT)])
    (manifest,) = land_all(home)
    assert (manifest.messages, manifest.landed, manifest.duplicate, manifest.quarantined) == (4, 2, 2, 0)
    assert [(row["position"], row["is_suspect"]) for row in landed(home)] == [(0, False), (3, True)]
    assert not any(entry.kind == "quarantine" for entry in manifest.files)


def test_counts_are_by_hour_of_arrival_and_device(home: Home) -> None:
    messages = [
        Message(b'{"id":"a","t":1}'),
        Message(b'{"id":"b","t":1,"x":NaN}'),
        Message(b"?"),
        Message(b'{"id":"c","ts":0}'),
    ]
    seal_segment(home, 1, messages, received_at=T0 + HOUR - 1, step=1, batch=2)
    (manifest,) = land_all(home, now=T0 + 3 * HOUR)
    assert tables(home)["counts"] == [
        (T0, "a", 1, 1, 0, 0, 0, 0),
        (T0, "b", 1, 1, 0, 0, 1, 0),
        (T0 + HOUR, "(unknown)", 1, 0, 1, 0, 0, 0),
        (T0 + HOUR, "c", 1, 0, 1, 0, 0, 0),
    ]
    assert [row[:2] for row in tables(home)["arrivals"]] == [(T0, 2), (T0 + HOUR, 2)]
    assert manifest.arrivals == {T0: 2, T0 + HOUR: 2}


def test_sequence_ranges_of_each_device_are_in_the_manifest(home: Home) -> None:
    payloads = [b'{"id":"a","t":1,"seq":7}', b'{"id":"a","t":1,"seq":3}', b'{"id":"b","t":1,"seq":"x"}']
    seal_segment(home, 1, [Message(payload) for payload in payloads])
    (manifest,) = land_all(home)
    ranges = {row.device_id: (row.first_sequence, row.last_sequence) for row in manifest.counts}
    assert ranges == {"a": (3, 7), "b": (None, None)}


def test_slots_get_the_position_of_the_newest_segment_that_touched_them(home: Home) -> None:
    early = Message(b'{"id":"a","t":1,"ts":%d}' % (T0 // 1_000_000 - 1200))
    late = Message(b'{"id":"a","t":1,"ts":%d}' % (T0 // 1_000_000))
    seal_segment(home, 1, [early, late])
    seal_segment(home, 2, [late, late])
    land_all(home)
    assert tables(home)["slots"] == [(T0 - 1_200_000_000, 1), (T0, 2)]
    assert [row[0::2] for row in tables(home)["file_slots"]] == [(T0 - 1_200_000_000, 1), (T0, 1), (T0, 2)]


def test_segments_land_in_order_and_the_wal_is_empty_afterwards(home: Home) -> None:
    for seq in (3, 1, 2):
        seal_segment(home, seq, mixed_messages(seq, 20))
    manifests = land_all(home)
    assert [manifest.segment[-1] for manifest in manifests] == ["1", "2", "3"]
    assert list(home.wal.iterdir()) == []
    with read_ledger(home) as ledger:
        assert ledger is not None
        assert totals(ledger).messages == 60


def test_the_raw_archive_is_the_segment_byte_for_byte(home: Home) -> None:
    import zstandard

    sealed = seal_segment(home, 1, mixed_messages(1))
    content = sealed.read_bytes()
    (manifest,) = land_all(home)
    archived = home.root / next(entry.file for entry in manifest.files if entry.kind == "raw")
    with archived.open("rb") as file:
        assert zstandard.ZstdDecompressor().stream_reader(file).read() == content


def test_a_segment_of_duplicates_only_lands_without_a_landing_file(home: Home) -> None:
    seal_segment(home, 1, [Message(b'{"t":1}', flag=EnvelopeFlag.DUPLICATE)])
    (manifest,) = land_all(home)
    assert [entry.kind for entry in manifest.files] == ["raw"]
    assert (manifest.messages, manifest.duplicate, manifest.newest_event_at) == (1, 1, None)


def test_names_from_devices_never_become_part_of_a_path(home: Home, tmp_path: Path) -> None:
    names = ["../../escape", "/etc/passwd", "a/b", "..", "x" * 200, "é🚀", "a\x00b"]
    seal_segment(
        home,
        1,
        [
            Message(b'{"id":%s,"%s":1}' % (json_text(n), json_text(n)[1:-1]), "t/" + n.replace("\x00", ""))
            for n in names
        ],
    )
    (manifest,) = land_all(home)
    assert manifest.landed == len(names)
    assert {row["device_id"] for row in landed(home)} == set(names)
    made = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert all(name.startswith(("col-1772366400000-", "ledger.sqlite", ".lander", "device_rule")) for name in made)


def json_text(text: str) -> bytes:
    import orjson

    return orjson.dumps(text)


@pytest.mark.parametrize(
    ("slots", "groups"),
    [
        ([], []),
        ([10, 20], [30]),
        ([65_536, 1], [65_536, 1]),
        ([60_000, 60_000, 10], [120_000, 10]),
        ([1_200_000], [524_288, 524_288, 151_424]),
        ([524_288], [524_288]),
    ],
)
def test_row_groups_are_cut_at_slots_where_they_are_not_tiny(slots: list[int], groups: list[int]) -> None:
    assert group_sizes(slots) == groups
    assert sum(groups) == sum(slots)


def test_a_ten_thousand_topics_and_shapes_land(home: Home) -> None:
    messages = [Message(b'{"metric_%d":1}' % i, f"sensors/{i}") for i in range(10_000)]
    seal_segment(home, 1, messages, batch=1000)
    (manifest,) = land_all(home)
    assert (manifest.landed, manifest.readings, len(manifest.counts)) == (10_000, 10_000, 10_000)
