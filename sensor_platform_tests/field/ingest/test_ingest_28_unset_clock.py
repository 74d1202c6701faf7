"""A clock that is not set yet (1970): the reading can be kept at its receive time, and no hint makes it worse."""

import re
from pathlib import Path

from sensor_platform_tests.field.ingest.landed import NOW, case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import land, land_where_accepted

MESSAGES = case_messages("ingest-28")
AS_TODAY = case_contracts("ingest-28")
RECEIVE_TIME_INSTEAD = (AS_TODAY[0].replace("time: {", "time: {fallback: receive_time, "),)


def test_ingest_28_a_contract_can_take_the_receive_time_where_the_clock_is_not_set(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, MESSAGES, AS_TODAY, RECEIVE_TIME_INSTEAD)
    read = [sorted((row.value, row.at, row.is_device_time) for row in landed.rows) for landed in found]
    assert [(7.0, NOW, False), (246.0, NOW, False)] in read, found[0].refused


def test_ingest_28_a_refusal_does_not_ask_for_a_start_that_puts_today_into_1970(tmp_path: Path) -> None:
    """Landed by itself, or refused with a hint that names a key of the contract's `time`."""
    landed = land(tmp_path, MESSAGES, AS_TODAY)
    assert all(re.search(r"`time\.\w+", refusal.hint) for refusal in landed.refused), landed.refused
    assert landed.refused or [row.is_device_time for row in landed.rows] == [False, False]


def test_ingest_28_a_set_clock_is_believed(tmp_path: Path) -> None:
    payload = b'{"Time":"2024-12-31T12:30:00","ENERGY":{"Power":7}}'
    (row,) = land(tmp_path, [("tele/boiler/SENSOR", payload)], AS_TODAY).rows
    assert (row.at.hour, row.at.minute, row.is_device_time) == (11, 30, True)
