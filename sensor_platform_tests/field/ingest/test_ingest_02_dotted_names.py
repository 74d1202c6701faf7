"""A field with a dot in its name beside a nested field of the same path: no value silently takes another's place."""

from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.landed import case_messages
from sensor_platform_tests.field.ingest.rig import land

_BOTH_ORDERS = [
    case_messages("ingest-02")[0][1],
    b'{"ts":1735640000,"pump":{"speed":1460},"pump.speed":1450}',
    b'{"ts":1735640000,"line":{"pump.speed":1450,"pump":{"speed":1460}}}',
]


@pytest.mark.parametrize("payload", _BOTH_ORDERS, ids=["dotted first", "nested first", "one level down"])
def test_ingest_02_both_values_are_landed_or_refused(tmp_path: Path, payload: bytes) -> None:
    landed = land(tmp_path, [("sensors/p1", payload)])
    values = {row.value for row in landed.rows}
    assert values == {1450.0, 1460.0} or landed.refused, f"one of 1450 and 1460 is gone: {landed.rows}"


def test_ingest_02_a_dotted_name_alone_is_a_metric(tmp_path: Path) -> None:
    landed = land(tmp_path, [("sensors/p1", b'{"ts":1735640000,"pump.speed":1450,"pump":{"load":3}}')])
    assert sorted((row.metric, row.value) for row in landed.rows) == [("pump.load", 3.0), ("pump.speed", 1450.0)]
