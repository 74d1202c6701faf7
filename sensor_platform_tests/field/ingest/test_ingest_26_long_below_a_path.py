"""`layout: long` with value and time below a path: read as with `auto`, or the contract is refused."""

from datetime import UTC, datetime
from pathlib import Path

from sensor_platform_tests.field.ingest.landed import Row, case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import land, land_unless_refused

AT = datetime(2024, 12, 31, 11, 0, 0, 123456, tzinfo=UTC)
(CONTRACT,) = case_contracts("ingest-26")


def rows_where_accepted(folder: Path) -> list[Row] | None:
    """What is landed; None where the contract is refused and the refusal names the key."""
    landed = land_unless_refused(folder, case_messages("ingest-26"), [CONTRACT], "value|time|layout")
    return None if landed is None else landed.rows


def test_ingest_26_a_value_below_a_path_is_found(tmp_path: Path) -> None:
    rows = rows_where_accepted(tmp_path)
    assert rows is None or [(row.metric, row.value) for row in rows] == [("ns=2;s=T1", 1.2)]


def test_ingest_26_a_time_below_a_path_is_found(tmp_path: Path) -> None:
    rows = rows_where_accepted(tmp_path)
    assert rows is None or [(row.at, row.is_device_time) for row in rows] == [(AT, True)]


def test_ingest_26_layout_auto_finds_both(tmp_path: Path) -> None:
    landed = land(tmp_path, case_messages("ingest-26"), [CONTRACT.replace("layout: long\n", "")])
    found = [(row.metric, row.value, row.at) for row in landed.rows]
    assert (found, landed.refused) == ([("ns=2;s=T1", 1.2, AT)], [])
