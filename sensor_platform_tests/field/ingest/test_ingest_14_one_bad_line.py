"""One malformed line or row among good ones: it is refused alone."""

from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.landed import case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import land

CONTRACTS = case_contracts("ingest-14")


def test_ingest_14_the_good_lines_of_influx_land_and_the_bad_one_is_refused(tmp_path: Path) -> None:
    landed = land(tmp_path, case_messages("ingest-14", "input-1.lp"), CONTRACTS)
    assert landed.values("v") == [1.0, 3.0]
    assert [refusal.scope for refusal in landed.refused] == ["reading"]


def test_ingest_14_the_good_rows_of_csv_land_and_the_bad_one_is_refused(tmp_path: Path) -> None:
    landed = land(tmp_path, case_messages("ingest-14", "input-2.csv"), CONTRACTS)
    assert (landed.values("temp"), landed.values("hum")) == ([21.5, 21.7], [40.0, 42.0])
    assert [refusal.scope for refusal in landed.refused] == ["reading"]


@pytest.mark.parametrize(
    ("topic", "payload"), [("tg/h", b"m,host=h v=\n"), ("csv/a", b"ts,temp\n2024-12-31T10:00:00,1,2\n")]
)
def test_ingest_14_a_message_without_a_good_line_is_refused_whole(tmp_path: Path, topic: str, payload: bytes) -> None:
    landed = land(tmp_path, [(topic, payload)], CONTRACTS)
    assert landed.rows == []
    assert {refusal.scope for refusal in landed.refused} == {"message"}
