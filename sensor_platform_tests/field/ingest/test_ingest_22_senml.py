"""SenML packs (RFC 8428): base name, base time and base unit hold for the records below, times are relative."""

from datetime import UTC, datetime
from pathlib import Path

from sensor_platform_tests.field.ingest.landed import Landed, Row, case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import land_where_accepted

MESSAGES = case_messages("ingest-22")
AS_TODAY = case_contracts("ingest-22")
SENML = ("name: senml\ntopic: senml/#\nencoding: senml\n",)  # the name is completed by the change that adds it


def base_second(second: int) -> datetime:
    return datetime(2024, 12, 31, 10, 13, second, tzinfo=UTC)


def of_the_base_device(landed: Landed, metric: str) -> list[Row]:
    """Readings of the device that the base name names, with or without the colon at its end."""
    return [row for row in landed.of(metric) if row.device in {"urn:dev:mac:0a", "urn:dev:mac:0a:"}]


def test_ingest_22_a_record_with_everything_in_it_is_read(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, MESSAGES, AS_TODAY, SENML)
    read = [[(row.at, row.value, row.unit) for row in of_the_base_device(landed, "voltage")] for landed in found]
    assert [(base_second(20), 120.1, "V")] in read


def test_ingest_22_relative_times_count_from_the_base_time(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, MESSAGES, AS_TODAY, SENML)
    read = [[(row.at, row.value) for row in of_the_base_device(landed, "current")] for landed in found]
    assert [(base_second(15), 1.2), (base_second(16), 1.3)] in read, found[0].refused


def test_ingest_22_the_base_unit_holds_for_records_without_one(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, MESSAGES, AS_TODAY, SENML)
    assert ["A", "A"] in [[row.unit for row in landed.of("current")] for landed in found]


def test_ingest_22_base_name_and_base_time_hold_for_a_record_without_either(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, MESSAGES, AS_TODAY, SENML)
    read = [[(row.at, row.value) for row in of_the_base_device(landed, "on")] for landed in found]
    assert [(base_second(20), 1.0)] in read, [landed.of("on") for landed in found]
