"""Measurements and tags of Telegraf that tell equal field names apart: memory is not averaged with swap."""

import re
from pathlib import Path

from sensor_platform_tests.field.ingest.landed import Landed, case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import imported_site, land_under, land_where_accepted

MESSAGES = case_messages("ingest-05")
AS_TODAY = case_contracts("ingest-05")
BY_MEASUREMENT = (f"{AS_TODAY[0]}series: [measurement]\n",)
BY_MEASUREMENT_AND_CORE = (f"{AS_TODAY[0]}series: [measurement, cpu]\n",)
TELEGRAF = """
[[inputs.mqtt_consumer]]
servers = ["tcp://127.0.0.1:1883"]
topics = ["tg/#"]
qos = 1
data_format = "influx"
"""


def are_apart(landed: Landed, *values: float) -> bool:
    """Whether each of these values is landed, and no two of them in one series."""
    series = [(row.device, row.metric) for row in landed.rows if row.value in values]
    return len(set(series)) == len(series) == len(values)


def test_ingest_05_memory_and_swap_of_a_host_are_two_series(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, MESSAGES, AS_TODAY, BY_MEASUREMENT)
    assert any(are_apart(landed, 8000.0, 100.0) for landed in found), found[0].rows


def test_ingest_05_two_cores_of_a_host_are_two_series(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, MESSAGES, AS_TODAY, BY_MEASUREMENT_AND_CORE)
    assert any(are_apart(landed, 90.0, 10.0) for landed in found), found[0].rows


def test_ingest_05_an_imported_configuration_keeps_measurements_apart_or_warns(tmp_path: Path) -> None:
    site, printed = imported_site(tmp_path, TELEGRAF)
    landed = land_under(site, MESSAGES)
    assert are_apart(landed, 8000.0, 100.0) or re.search("measurement", printed), printed


def test_ingest_05_every_field_of_the_lines_is_landed(tmp_path: Path) -> None:
    (landed,) = land_where_accepted(tmp_path, MESSAGES, AS_TODAY)
    found = sorted(row.value or 0.0 for row in landed.rows)
    assert (found, landed.refused) == ([2.0, 10.0, 50.0, 90.0, 100.0, 8000.0], [])
