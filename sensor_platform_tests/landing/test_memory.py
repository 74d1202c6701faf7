"""What landing remembers: births over a restart, kinds of values, what is asked of devices, numbers with their text."""

import sqlite3

import polars as pl
import pytest

from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.wal.device_messages import take_device_messages
from sensor_platform_tests.landing.homes import T0, Message, land_all, lander_of, seal_segment, tables
from sensor_platform_tests.reading.sparkplug_messages import CONTRACT, birth, payload

EACH = Contract(name="each", topic="#", device=ValueSource(topic_level=-1))


def sparkplug(kind: str, content: bytes) -> Message:
    return Message(content, f"spBv1.0/g/{kind}/n")


def values(home: Home) -> list[tuple[str, float]]:
    frame = pl.read_parquet(sorted(home.landing.glob("*/*.parquet")), hive_partitioning=False)
    return sorted(frame.filter(pl.col("metric") == "t").select("device_id", "value").iter_rows())


def drift(home: Home) -> list[tuple[object, ...]]:
    return [row[3:] for row in tables(home)["drift"]]


def test_data_is_understood_by_births_of_before_a_restart(home: Home) -> None:
    seal_segment(home, 1, [sparkplug("NBIRTH", birth())])
    land_all(home, [CONTRACT])
    seal_segment(home, 2, [sparkplug("NDATA", payload(1, {"alias": 1, "double_value": 33.0}))])
    land_all(home, [CONTRACT])
    assert values(home) == [("g/n", 20.5), ("g/n", 33.0)]
    assert not list(take_device_messages(home.wal, "col"))


def test_a_node_without_a_birth_is_asked_once_a_minute(home: Home) -> None:
    for seq in (1, 2):
        seal_segment(home, seq, [sparkplug("NDATA", payload(seq, {"alias": 1, "double_value": 33.0}))])
    with lander_of(home, [CONTRACT]) as lander:
        list(lander.land_sealed())
        (asked,) = take_device_messages(home.wal, "col")
        assert asked.topic == "spBv1.0/g/NCMD/n"
        assert not list(take_device_messages(home.wal, "col"))
        lander.outbox.clock = lambda: T0 * 2
        seal_segment(home, 3, [sparkplug("NDATA", payload(3, {"alias": 1, "double_value": 33.0}))])
        list(lander.land_sealed())
        assert len(list(take_device_messages(home.wal, "col"))) == 1


def test_a_try_that_failed_teaches_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    births = [sparkplug("NBIRTH", birth()), sparkplug("NDATA", payload(1, {"alias": 1, "double_value": 1.0}))]
    seal_segment(home, 1, [*births, Message(b'{"t": 1}'), Message(b'{"t": "off"}')])
    with lander_of(home, [CONTRACT, EACH]) as lander:
        with monkeypatch.context() as patch:
            patch.setattr("sensor_platform.landing.lander.write_manifest", _no_space)
            with pytest.raises(OSError, match="space"):
                list(lander.land_sealed())
        assert not lander.decoder.memory.nodes
        list(lander.land_sealed())
        assert lander.decoder.memory.nodes["g/n"].seq == 1
        assert not lander.decoder.memory.new_kinds
    assert drift(home) == [("dev1", "t", "type", "integer", "text")]


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_new_kind_of_value_is_drift_once_and_drops_nothing(home: Home) -> None:
    turns = [
        b'{"t": 1}',
        b'{"t": 2, "u": 1.5}',
        b'{"t": 2.5}',
        b'{"t": 3}',
        b'{"t": "off"}',
        b'{"t": "on"}',
        b'{"t": true}',
    ]
    seal_segment(home, 1, [Message(turn) for turn in turns[:3]])
    seal_segment(home, 2, [Message(turn) for turn in turns[3:]])
    land_all(home, [EACH])
    assert drift(home) == [
        ("dev1", "t", "type", "integer", "float"),
        ("dev1", "t", "type", "integer, float", "text"),
        ("dev1", "t", "type", "integer, float, text", "boolean"),
    ]
    frame = pl.read_parquet(sorted(home.landing.glob("*/*.parquet")), hive_partitioning=False)
    assert len(frame) == 8
    before = tables(home)
    rebuild_ledger(home)
    assert tables(home) == before
    seal_segment(home, 3, [Message(turn) for turn in turns])
    land_all(home, [EACH])
    assert len(drift(home)) == 3


def test_a_ledger_of_before_drift_and_imports_is_brought_up_to_date(home: Home) -> None:
    land_all(home)
    connection = sqlite3.connect(home.ledger_file)
    for table in ("kinds", "births", "drift", "imports"):
        connection.execute(f"drop table {table}")
    connection.close()
    seal_segment(home, 1, [Message(b'{"t": 1}')])
    try:
        assert len(land_all(home)) == 1
    except PlatformError as error:
        pytest.fail(str(error))
    assert len(tables(home)["kinds"]) == 1


def test_a_text_that_means_a_number_lands_with_both(home: Home) -> None:
    contract = Contract(
        name="door", topic="#", device=ValueSource(topic_level=-1), values={"door": {"open": 1, "shut": 0}}
    )
    seal_segment(home, 1, [Message(b'{"door": "open"}'), Message(b'{"door": "ajar"}'), Message(b'{"door": 0}')])
    land_all(home, [contract])
    frame = pl.read_parquet(sorted(home.landing.glob("*/*.parquet")), hive_partitioning=False)
    assert frame.sort("position").select("value", "text").rows() == [(1.0, "open"), (None, "ajar"), (0.0, None)]


def test_a_converted_value_lands_in_the_unit_of_the_contract_beside_others(home: Home) -> None:
    contract = Contract(name="u", topic="#", device=ValueSource(topic_level=-1), units={"t": "degC"})
    turns = [
        b'{"t": 212, "unit": "degF"}',
        b'{"t": 20, "unit": "degC", "h": 1}',
        b'{"t": 5, "unit": "wishes"}',
        b'{"t": 6}',
    ]
    seal_segment(home, 1, [Message(turn) for turn in turns])
    land_all(home, [contract])
    frame = pl.read_parquet(sorted(home.landing.glob("*/*.parquet")), hive_partitioning=False)
    found = frame.sort("position", "metric").select("metric", "value", "unit", "quality", "tags").rows()
    assert [(*row[:1], round(row[1], 6), *row[2:]) for row in found] == [
        ("t", 100.0, "degC", None, {"original_unit": "degF"}),
        ("h", 1.0, "degC", None, {}),
        ("t", 20.0, "degC", None, {}),
        ("t", 5.0, "wishes", "uncertain", {"original_unit": "wishes"}),
        ("t", 6.0, None, None, {}),
    ]
